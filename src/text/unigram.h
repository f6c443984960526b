/* unigram.h - the most probable way to cut a text into pieces (Viterbi)
 *
 * Kudo, "Subword Regularization" (arXiv:1804.10959): the sum of the pieces' scores is largest. A
 * character that is no piece is unknown, for a score below that of every piece.
 */
#ifndef EC_TEXT_UNIGRAM_H
#define EC_TEXT_UNIGRAM_H

#include "text/vocabulary.h"

typedef struct ec_unigram {
    const ec_vocabulary *pieces;
    int32_t unk;
    double unk_score;
    bool in_f32;    /* sums as SentencePiece makes them; else in double, as tokenizers does */
} ec_unigram;

typedef struct ec_cut {
    int32_t id;
    size_t end;   /* bytes of the text up to and with this piece */
    double score; /* of all up to here */
} ec_cut;

/* Cuts [*n], in order, owned: free(); NULL: no memory. `text` is valid UTF-8. */
ec_cut *ec_unigram_cut(size_t *n, const ec_unigram *u, const char *text, size_t size);

#endif
