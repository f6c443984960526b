/* vocabulary.h - pieces of text and their ids, both ways */
#ifndef EC_TEXT_VOCABULARY_H
#define EC_TEXT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a piece is; SentencePiece's numbers. */
typedef enum ec_piece_kind {
    EC_PIECE_ABSENT = 0, /* no piece has this id */
    EC_PIECE_NORMAL = 1,
    EC_PIECE_UNKNOWN = 2,
    EC_PIECE_CONTROL = 3,
    EC_PIECE_USER_DEFINED = 4, /* kept whole, found before anything else */
    EC_PIECE_UNUSED = 5,
    EC_PIECE_BYTE = 6,
} ec_piece_kind;

typedef struct ec_piece {
    char *bytes; /* terminated; may have zeros in it */
    size_t size;
    double score; /* of SentencePiece's and Unigram's */
    ec_piece_kind kind;
} ec_piece;

enum { EC_MAX_TOKENS = 1 << 24 };

/* Zero-initialise; ec_vocabulary_release() frees. */
typedef struct ec_vocabulary {
    ec_piece *piece; /* [n], by id */
    size_t n, capacity;
    int32_t *slot; /* [n_slots], ids by the hash of their bytes; -1: free */
    size_t n_slots, n_used;
    size_t longest; /* bytes of the longest piece */
} ec_vocabulary;

void ec_vocabulary_release(ec_vocabulary *v);
/* False: no memory, or an id of EC_MAX_TOKENS or more. Where the bytes are there already, the
 * earlier id is the one that is found, or this one where `takes_over`. */
bool ec_vocabulary_add(ec_vocabulary *v, int32_t id, const char *bytes, size_t size, double score,
                       ec_piece_kind kind, bool takes_over);
/* -1: there is none. */
int32_t ec_vocabulary_find(const ec_vocabulary *v, const char *bytes, size_t size);
/* The ids of the pieces "<0x00>" to "<0xFF>"; -1 where there is none. */
void ec_vocabulary_bytes(int32_t out[256], const ec_vocabulary *v);
/* NULL: there is none. */
const ec_piece *ec_vocabulary_at(const ec_vocabulary *v, int32_t id);

#endif
