/* unigram.c - see unigram.h */
#include "text/unigram.h"

#include <stdlib.h>

#include "text/utf8.h"

/* The best way to an end: cut[end].end is where its last piece begins while ways are looked for. */
static void offer(const ec_unigram *u, ec_cut *to, int32_t id, double score, double so_far,
                  size_t from) {
    const double sum = u->in_f32 ? (double)((float)score + (float)so_far) : score + so_far;
    if (to->end == SIZE_MAX || sum > to->score) *to = (ec_cut){id, from, sum};
}

/* User-defined pieces win against all that normal ones, whose scores are logarithms, can be put
 * together from: as sentencepiece 0.2.3 has it, measured. */
static double score_of(const ec_piece *p, size_t size) {
    return p->kind == EC_PIECE_USER_DEFINED ? 0.1 * (double)(size - 1) : p->score;
}

static void look_from(const ec_unigram *u, ec_cut *best, const char *text, size_t size, size_t at) {
    const size_t character = ec_utf8_length(text + at, size - at);
    const double so_far = best[at].score;
    bool has_single = false;
    for (size_t n = 1; n <= u->pieces->longest && at + n <= size; n++) {
        const int32_t id = ec_vocabulary_find(u->pieces, text + at, n);
        const ec_piece *p = ec_vocabulary_at(u->pieces, id);
        if (p == NULL || (p->kind != EC_PIECE_NORMAL && p->kind != EC_PIECE_USER_DEFINED)) continue;
        offer(u, &best[at + n], id, score_of(p, n), so_far, at);
        has_single = has_single || n == character;
    }
    if (!has_single) offer(u, &best[at + character], u->unk, u->unk_score, so_far, at);
}

ec_cut *ec_unigram_cut(size_t *n, const ec_unigram *u, const char *text, size_t size) {
    ec_cut *best = malloc((size + 1) * sizeof *best);
    *n = 0;
    if (best == NULL) return NULL;
    for (size_t i = 0; i <= size; i++) best[i] = (ec_cut){-1, SIZE_MAX, 0};
    for (size_t at = 0; at < size; at += ec_utf8_length(text + at, size - at))
        look_from(u, best, text, size, at);
    /* Back along the best way, which is then turned round at the beginning of the array. */
    size_t write = size;
    for (size_t end = size; end > 0;) {
        const ec_cut last = best[end];
        best[write--] = (ec_cut){last.id, end, last.score};
        end = last.end;
    }
    *n = size - write;
    for (size_t i = 0; i < *n; i++) best[i] = best[write + 1 + i];
    return best;
}
