/* chunks.h - a text on its way through a tokenizer: pieces of it in order, some of them tokens
 * already */
#ifndef EC_TEXT_CHUNKS_H
#define EC_TEXT_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

typedef struct ec_chunk {
    size_t start, size; /* in ec_chunks.bytes */
    int32_t id;         /* of an added token; -1: text */
    bool at_origin;     /* begins where the whole text does */
} ec_chunk;

/* Zero-initialise; ec_chunks_release() frees. Failures are remembered: asked for once, at the
 * end. */
typedef struct ec_chunks {
    ec_text bytes;
    ec_chunk *chunk;
    size_t n, capacity;
    bool failed;
} ec_chunks;

void ec_chunks_release(ec_chunks *c);
/* Appends text, which is copied; nothing where it is empty. */
void ec_chunks_add(ec_chunks *c, const char *text, size_t size, bool at_origin);
void ec_chunks_add_token(ec_chunks *c, int32_t id);

#endif
