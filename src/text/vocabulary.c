/* vocabulary.c - see vocabulary.h: an array by id, and a table of open addresses by bytes */
#include "text/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

void ec_vocabulary_release(ec_vocabulary *v) {
    for (size_t i = 0; i < v->n; i++) free(v->piece[i].bytes);
    free(v->piece);
    free(v->slot);
    *v = (ec_vocabulary){0};
}

/* The slot that has these bytes, or the free one where they belong. */
static size_t slot_of(const ec_vocabulary *v, const char *bytes, size_t size) {
    size_t at = (size_t)XXH3_64bits(bytes, size) & (v->n_slots - 1);
    for (; v->slot[at] >= 0; at = (at + 1) & (v->n_slots - 1)) {
        const ec_piece *p = &v->piece[v->slot[at]];
        if (p->size == size && memcmp(p->bytes, bytes, size) == 0) break;
    }
    return at;
}

static bool grow_slots(ec_vocabulary *v) {
    if (2 * (v->n_used + 1) <= v->n_slots) return true;
    ec_vocabulary grown = *v;
    grown.n_slots = v->n_slots > 0 ? 2 * v->n_slots : 1024;
    grown.slot = malloc(grown.n_slots * sizeof *grown.slot);
    if (grown.slot == NULL) return false;
    for (size_t i = 0; i < grown.n_slots; i++) grown.slot[i] = -1;
    for (size_t i = 0; i < v->n_slots; i++)
        if (v->slot[i] >= 0) {
            const ec_piece *p = &v->piece[v->slot[i]];
            grown.slot[slot_of(&grown, p->bytes, p->size)] = v->slot[i];
        }
    free(v->slot);
    *v = grown;
    return true;
}

static bool grow_pieces(ec_vocabulary *v, size_t n) {
    if (n > v->capacity) {
        size_t capacity = v->capacity > 0 ? v->capacity : 1024;
        while (capacity < n) capacity *= 2;
        ec_piece *piece = realloc(v->piece, capacity * sizeof *piece);
        if (piece == NULL) return false;
        v->piece = piece;
        v->capacity = capacity;
    }
    for (; v->n < n; v->n++) v->piece[v->n] = (ec_piece){0};
    return true;
}

bool ec_vocabulary_add(ec_vocabulary *v, int32_t id, const char *bytes, size_t size, double score,
                       ec_piece_kind kind, bool takes_over) {
    if (id < 0 || id >= EC_MAX_TOKENS || !grow_pieces(v, (size_t)id + 1) || !grow_slots(v))
        return false;
    ec_piece *p = &v->piece[id];
    if (p->bytes != NULL && (p->size != size || memcmp(p->bytes, bytes, size) != 0))
        return false; /* two pieces of one id: readers refuse it before */
    if (p->bytes == NULL) {
        p->bytes = malloc(size + 1);
        if (p->bytes == NULL) return false;
        memcpy(p->bytes, bytes, size);
        p->bytes[size] = '\0';
        p->size = size;
    }
    p->score = score;
    p->kind = kind;
    if (size > v->longest) v->longest = size;
    const size_t at = slot_of(v, bytes, size);
    if (v->slot[at] < 0) v->n_used++;
    if (v->slot[at] < 0 || takes_over) v->slot[at] = id;
    return true;
}

int32_t ec_vocabulary_find(const ec_vocabulary *v, const char *bytes, size_t size) {
    return v->n_slots > 0 && size <= v->longest ? v->slot[slot_of(v, bytes, size)] : -1;
}

void ec_vocabulary_bytes(int32_t out[256], const ec_vocabulary *v) {
    for (int i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        out[i] = ec_vocabulary_find(v, name, 6);
    }
}

const ec_piece *ec_vocabulary_at(const ec_vocabulary *v, int32_t id) {
    return id >= 0 && (size_t)id < v->n && v->piece[id].kind != EC_PIECE_ABSENT ? &v->piece[id]
                                                                                : NULL;
}
