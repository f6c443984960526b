/* tokenizer.h - text to the ids of a language model and back
 *
 *     tokenizer.model   SentencePiece: BPE with byte fallback (Llama 1 and 2, Vicuna, Mistral),
 *                       Unigram (T5)
 *     tokenizer.json    Hugging Face's tokenizers: BPE (Llama 3, Qwen 2, SmolLM 2, CLIP), Unigram
 *     vocab.json and merges.txt   CLIP's BPE, as the text encoders of diffusion models have it
 *
 * The same text has other ids in the same model, depending on who reads it; which of these a
 * tokenizer does is said by ec_tokenizer_info.behaviour:
 *
 *     slow           transformers' LlamaTokenizer, "legacy": false: one space before the text,
 *                    none after special tokens
 *     slow, legacy   the same with "legacy": true or absent: a space before every piece of text
 *                    between special tokens
 *     fast           what tokenizer.json says
 *
 * Held against sentencepiece and tokenizers (tools/make_tokenizer_golden.py).
 */
#ifndef EYECHART_TOKENIZER_H
#define EYECHART_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Immutable once opened: any number of threads may encode and decode with one. */
typedef struct ec_tokenizer ec_tokenizer;

typedef enum ec_tokenizer_reading {
    EC_TOKENIZER_BY_FOLDER = 0, /* tokenizer.model where there is one, "legacy" as
                                   tokenizer_config.json says; else tokenizer.json; else vocab.json
                                   and merges.txt */
    EC_TOKENIZER_SLOW,          /* tokenizer.model, "legacy": false */
    EC_TOKENIZER_SLOW_LEGACY,   /* tokenizer.model, "legacy": true */
    EC_TOKENIZER_FAST,          /* tokenizer.json */
} ec_tokenizer_reading;

/* Opens the tokenizer of a model's folder, or a file: tokenizer.json, *.model. *out is owned by the
 * caller: ec_tokenizer_close(); NULL on failure.
 *
 * Errors name file and key: EC_ERR_NOT_FOUND; EC_ERR_FORMAT: broken, or with a part that is not
 * known here and would change ids; EC_ERR_IO; EC_ERR_NOMEM. */
ec_status ec_tokenizer_open(ec_tokenizer **out, const char *path, ec_tokenizer_reading reading,
                            ec_error *err);
void ec_tokenizer_close(ec_tokenizer *tokenizer);

/* Ids of special tokens are -1 where there is none. Strings are borrowed from the tokenizer. */
typedef struct ec_tokenizer_info {
    const char *file;      /* what was read */
    const char *model;     /* "BPE", "Unigram" */
    const char *behaviour; /* as above */
    size_t n_tokens;       /* the largest id and one */
    int32_t bos, eos, pad, unk;
} ec_tokenizer_info;
ec_tokenizer_info ec_tokenizer_describe(const ec_tokenizer *tokenizer);

/* Ids, owned: ec_ids_release(). Zero-initialise. */
typedef struct ec_ids {
    int32_t *id;
    size_t n, capacity;
} ec_ids;
void ec_ids_release(ec_ids *ids);

/* Appends the ids of a text.
 *
 *   text     UTF-8, size_bytes of it; may have zeros in it
 *   special  with the tokens that the model wants around a text (Llama's <s> before it)
 *
 * Names of special tokens in the text become these tokens. EC_ERR_FORMAT: not UTF-8, and where;
 * EC_ERR_NOMEM; *ids is as before then. */
ec_status ec_tokenizer_encode(ec_ids *ids, const ec_tokenizer *tokenizer, const char *text,
                              size_t size_bytes, bool special, ec_error *err);

/* The id of a token by its name, such as "<image>" or "<|im_end|>"; -1: there is none. */
int32_t ec_tokenizer_find(const ec_tokenizer *tokenizer, const char *token);
/* How the tokenizer's file spells a token: "▁Hello", "<0x0A>", "Ġworld". Borrowed; NULL: no such
 * id. */
const char *ec_tokenizer_token(const ec_tokenizer *tokenizer, int32_t id);
bool ec_tokenizer_is_special(const ec_tokenizer *tokenizer, int32_t id);

/* The text of ids, terminated, owned: free(). Bytes that are no UTF-8 become U+FFFD. Ids that are
 * no token's are left out.
 *
 *   skip_special   leaves special tokens out */
ec_status ec_tokenizer_decode(char **out, size_t *size_bytes, const ec_tokenizer *tokenizer,
                              const int32_t *ids, size_t n, bool skip_special, ec_error *err);

/* Decodes as ids come: what is added never changes what was given before. Special tokens are left
 * out. */
typedef struct ec_text_stream ec_text_stream;
ec_status ec_text_stream_new(ec_text_stream **out, const ec_tokenizer *tokenizer, ec_error *err);
void ec_text_stream_free(ec_text_stream *stream);
/* The text that is certain now, terminated, possibly "": characters whose bytes are not all there
 * yet wait. Borrowed until the next call; NULL: no memory. size_bytes may be NULL. */
const char *ec_text_stream_add(ec_text_stream *stream, int32_t id, size_t *size_bytes);
/* What still waited, as U+FFFD. */
const char *ec_text_stream_end(ec_text_stream *stream, size_t *size_bytes);

#ifdef __cplusplus
}
#endif
#endif
