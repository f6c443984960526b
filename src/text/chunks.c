/* chunks.c - see chunks.h */
#include "text/chunks.h"

#include <stdlib.h>

#include "base/memory.h"

void ec_chunks_release(ec_chunks *c) {
    ec_text_release(&c->bytes);
    free(c->chunk);
    *c = (ec_chunks){0};
}

static void add(ec_chunks *c, ec_chunk chunk) {
    ec_chunk *grown = ec_grown(c->chunk, c->n, &c->capacity, sizeof *grown);
    if (grown == NULL) {
        c->failed = true;
        return;
    }
    c->chunk = grown;
    c->chunk[c->n++] = chunk;
}

void ec_chunks_add(ec_chunks *c, const char *text, size_t size, bool at_origin) {
    if (size == 0) return;
    const size_t start = c->bytes.size_bytes;
    ec_text_add_bytes(&c->bytes, text, size);
    c->failed = c->failed || c->bytes.failed;
    add(c, (ec_chunk){.start = start, .size = size, .id = -1, .at_origin = at_origin});
}

void ec_chunks_add_token(ec_chunks *c, int32_t id) {
    add(c, (ec_chunk){.id = id});
}
