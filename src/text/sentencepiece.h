/* sentencepiece.h - tokenizer.model: pieces with scores, and the way to them
 *
 *     text -> normalised (charsmap, spaces as U+2581) -> BPE or Unigram -> pieces -> ids
 *
 * Kudo and Richardson, "SentencePiece" (arXiv:1808.06226); Kudo, "Subword Regularization"
 * (arXiv:1804.10959) for Unigram. Rules as in sentencepiece 0.2: src/normalizer.cc, bpe_model.cc,
 * unigram_model.cc, sentencepiece_processor.cc.
 */
#ifndef EC_TEXT_SENTENCEPIECE_H
#define EC_TEXT_SENTENCEPIECE_H

#include "base/text.h"
#include "eyechart/tokenizer.h"
#include "text/charsmap.h"
#include "text/vocabulary.h"

typedef struct ec_sentencepiece {
    ec_vocabulary pieces;
    bool is_unigram; /* else BPE */
    bool byte_fallback;
    int32_t byte[256]; /* ids of BYTE pieces; -1: none */
    int32_t unk, bos, eos, pad;
    float lowest; /* score of a NORMAL piece */
    bool has_user_defined;

    char *charsmap_bytes; /* owned; what charsmap views */
    ec_charsmap charsmap;
    bool add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces, whitespace_as_suffix;
} ec_sentencepiece;

/* Reads the ModelProto of a file. Errors name `path` and the piece: EC_ERR_FORMAT, EC_ERR_NOMEM. */
ec_status ec_sentencepiece_read(ec_sentencepiece *out, const char *bytes, size_t size,
                                const char *path, ec_error *err);
void ec_sentencepiece_release(ec_sentencepiece *sp);

/* Appends ids of valid UTF-8. False: no memory, and *ids is as before. */
bool ec_sentencepiece_encode(ec_ids *ids, const ec_sentencepiece *sp, const char *text,
                             size_t size);

/* Text of one piece: spaces for U+2581, nothing for control pieces. *expects_space: whether a space
 * at the beginning would be the dummy prefix, which is left out; updated. */
void ec_sentencepiece_add_piece(ec_text *to, const ec_sentencepiece *sp, const char *piece,
                                size_t size, int32_t id, bool *expects_space);

/* Appends one id. False: no memory. */
bool ec_ids_add(ec_ids *ids, int32_t id);

#endif
