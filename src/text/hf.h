/* hf.h - tokenizer.json: the pipeline of Hugging Face's tokenizers
 *
 *     text -> added tokens -> normalizer -> added tokens -> pre_tokenizer -> model
 *          -> post_processor
 *
 * hf_read.c reads it, hf_steps.c its lists of steps; hf.c runs it. What is not known here and
 * would change ids is an error, by name.
 */
#ifndef EC_TEXT_HF_H
#define EC_TEXT_HF_H

#include <jansson.h>

#include "eyechart/tokenizer.h"
#include "text/added.h"
#include "text/steps.h"
#include "text/vocabulary.h"

/* A pair of neighbours that may become one token. */
typedef struct hf_merge {
    int32_t left, right, id;
    uint32_t rank;
} hf_merge;

typedef struct hf_tokenizer {
    ec_vocabulary vocabulary; /* of the model and of added tokens */
    bool is_unigram;          /* else BPE */
    hf_merge *merge;          /* [n_slots], by the hash of left and right; left -1: free */
    size_t n_slots;
    int32_t unk;
    bool fuse_unk, byte_fallback, ignore_merges;
    int32_t byte[256];
    char *word_end; /* end_of_word_suffix; "" */
    double lowest;  /* score of a piece (Unigram) */

    ec_added_list raw, normalised; /* added tokens, by which text they are looked for in */
    bool *is_special;              /* [vocabulary.n] */
    ec_steps normalizer, pre_tokenizer, decoder;
    bool has_decoder;
    ec_ids before, behind; /* of a text */
} hf_tokenizer;

/* Reads tokenizer.json. Errors name `path` and the key. */
ec_status hf_read(hf_tokenizer *out, const json_t *root, const char *path, ec_error *err);
/* CLIP's BPE of vocab.json and merges.txt, as CLIPTokenizerFast makes it. */
ec_status hf_read_clip(hf_tokenizer *out, const json_t *vocab, const char *merges, size_t size,
                       const char *path, ec_error *err);
void hf_release(hf_tokenizer *t);

/* -1: there is no such token. */
int32_t hf_find(const hf_tokenizer *t, const char *token);
/* False: no memory. */
bool hf_encode(ec_ids *ids, const hf_tokenizer *t, const char *text, size_t size);
/* Appends the text of the ids. */
bool hf_decode(ec_text *out, const hf_tokenizer *t, const int32_t *ids, size_t n,
               bool skip_special);

/* ---- reading: hf_steps.c, hf_read.c ---- */

typedef struct hf_reader {
    const char *path;
    ec_error *err;
} hf_reader;

/* "path: 'key': …" */
ec_status hf_refuse(const hf_reader *r, const char *key, const char *what);
ec_status hf_read_normalizer(ec_steps *out, const json_t *json, const hf_reader *r);
ec_status hf_read_pre_tokenizer(ec_steps *out, const json_t *json, const hf_reader *r);
ec_status hf_read_decoder(ec_steps *out, const json_t *json, const hf_reader *r);
/* Step with a copy of `text` as content, or with a pattern of it. */
bool hf_set_content(ec_step *step, const char *text, size_t size);
ec_status hf_set_pattern(ec_step *step, const char *text, bool is_regex, const hf_reader *r);
/* One more; false: no memory. */
ec_status hf_add_merge(hf_tokenizer *t, int32_t left, int32_t right, int32_t id, uint32_t rank,
                       const hf_reader *r);
const hf_merge *hf_find_merge(const hf_tokenizer *t, int32_t left, int32_t right);

#endif
