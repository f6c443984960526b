/* slow.h - a SentencePiece model as transformers' slow tokenizers use it (LlamaTokenizer,
 * T5Tokenizer)
 *
 *     legacy       added tokens are cut out of the text; each piece between gets a dummy prefix
 *     not legacy   the text gets one U+2581, and the pieces none
 *
 * After tokenization_llama.py and tokenization_utils.py of transformers 4.38.
 */
#ifndef EC_TEXT_SLOW_H
#define EC_TEXT_SLOW_H

#include <jansson.h>

#include "text/added.h"
#include "text/sentencepiece.h"

typedef struct slow_tokenizer {
    ec_sentencepiece sp;
    bool legacy;
    ec_added_list added;
    ec_vocabulary tokens; /* added ones that are no pieces, or other than the piece of their id */
    bool *is_special;     /* [n_tokens] */
    size_t n_tokens;
    size_t n_unk; /* pieces of the name of the unknown token, as text */
    const char *unk_name;
    int32_t bos, eos, pad;
    bool adds_bos, adds_eos;
} slow_tokenizer;

/* Takes the model. config: tokenizer_config.json, NULL: there is none; added: added_tokens.json,
 * likewise. Errors name `path`, the configuration's. */
ec_status slow_open(slow_tokenizer *out, ec_sentencepiece *sp, bool legacy, const json_t *config,
                    const json_t *added, const char *path, ec_error *err);
void slow_release(slow_tokenizer *t);

/* False: no memory. */
bool slow_encode(ec_ids *ids, const slow_tokenizer *t, const char *text, size_t size, bool special);
/* continues: other tokens stand before these, so that no prefix is looked for. */
bool slow_decode(ec_text *out, const slow_tokenizer *t, const int32_t *ids, size_t n,
                 bool skip_special, bool continues);
/* The name of a token in tokenizer_config.json: "<s>", or {"content": "<s>", …}. Borrowed; NULL: it
 * is neither. */
const char *slow_token_name(const json_t *value);
/* NULL: no such id. */
const ec_piece *slow_token(const slow_tokenizer *t, int32_t id);
int32_t slow_find(const slow_tokenizer *t, const char *token);

#endif
