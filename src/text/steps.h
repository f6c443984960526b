/* steps.h - what tokenizer.json makes of a text before the model, and of tokens after it
 *
 *     normalizer       text -> text
 *     pre_tokenizer    text -> chunks, which the model does not merge across
 *     decoder          tokens -> text
 *
 * Each is a list of steps with the names and rules of Hugging Face's tokenizers 0.23.
 */
#ifndef EC_TEXT_STEPS_H
#define EC_TEXT_STEPS_H

#include "text/charsmap.h"
#include "text/chunks.h"
#include "text/pattern.h"

typedef enum ec_step_kind {
    /* of text */
    EC_STEP_NFC,
    EC_STEP_NFD,
    EC_STEP_NFKC,
    EC_STEP_NFKD,
    EC_STEP_LOWERCASE,
    EC_STEP_STRIP,   /* white space at the ends, `left`, `right` */
    EC_STEP_PREPEND, /* content before what is not empty */
    EC_STEP_REPLACE, /* every match of the pattern by content; a decoder's too, in every token */
    EC_STEP_CHARSMAP,
    /* of chunks */
    EC_STEP_SPLIT,      /* at the matches of the pattern */
    EC_STEP_DIGITS,     /* at numbers: each digit by itself, or `whole` runs of them */
    EC_STEP_WHITESPACE, /* white space goes, what is between stays */
    EC_STEP_METASPACE,  /* content (U+2581) for spaces, and where it says so before the text; then
                           split before each of them, unless `whole` */
    EC_STEP_BYTE_LEVEL, /* every byte a printable character; a decoder's too, backwards */
    /* of tokens */
    EC_STEP_BYTES,        /* "<0x0A>": its byte */
    EC_STEP_FUSE,         /* all tokens become one */
    EC_STEP_STRIP_TOKEN,  /* up to n_left and n_right times content at the ends of every token */
    EC_STEP_SPACE_TOKENS, /* METASPACE backwards: without the one before the text */
    EC_STEP_WORD_ENDS,    /* content at the end of a word: a space, but for the last token's */
} ec_step_kind;

typedef enum ec_split { /* what becomes of matches */
                        EC_SPLIT_ISOLATED,
                        EC_SPLIT_REMOVED,
                        EC_SPLIT_WITH_PREVIOUS,
                        EC_SPLIT_WITH_NEXT,
                        EC_SPLIT_CONTIGUOUS /* as isolated, but neighbouring ones stay together */
} ec_split;

typedef enum ec_prepend { EC_PREPEND_NEVER, EC_PREPEND_FIRST, EC_PREPEND_ALWAYS } ec_prepend;

typedef struct ec_step {
    ec_step_kind kind;
    ec_pattern *pattern;
    char *content;
    size_t content_size;
    bool left, right, whole, inverted;
    bool prefix_space; /* BYTE_LEVEL: a space before text that has none */
    size_t n_left, n_right;
    ec_split split;
    ec_prepend prepend;
    char *charsmap_bytes;
    ec_charsmap charsmap;
} ec_step;

/* Zero-initialise; ec_steps_release() frees. */
typedef struct ec_steps {
    ec_step *step;
    size_t n;
} ec_steps;
void ec_steps_release(ec_steps *steps);
/* One more, zero but for its kind; NULL: no memory. Valid until the next. */
ec_step *ec_steps_add(ec_steps *steps, ec_step_kind kind);

/* Runs a normalizer on valid UTF-8; appends to *out. Failure is in out->failed. *stripped: whether
 * something at the beginning is gone. */
void ec_steps_normalise(ec_text *out, bool *stripped, const ec_steps *steps, const char *text,
                        size_t size);
/* Runs a pre_tokenizer on every chunk that is text; *chunks is replaced. */
void ec_steps_pretokenise(ec_chunks *chunks, const ec_steps *steps);

/* Tokens as strings: chunks, of which an empty one has a size of 0. */
void ec_steps_decode(ec_text *out, const ec_steps *steps, ec_chunks *tokens);

/* The byte that a character of the byte-level alphabet stands for; -1: none. */
int ec_byte_of(uint32_t character);

#endif
