/* sentencepiece.c - text to pieces and back: see sentencepiece.h */
#include "text/sentencepiece.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/merge.h"
#include "text/unigram.h"
#include "text/utf8.h"

static const char SPACE[] = "\xE2\x96\x81"; /* U+2581 */
enum { SPACE_SIZE = 3 };

bool ec_ids_add(ec_ids *ids, int32_t id) {
    int32_t *grown = ec_grown(ids->id, ids->n, &ids->capacity, sizeof *grown);
    if (grown == NULL) return false;
    ids->id = grown;
    ids->id[ids->n++] = id;
    return true;
}

/* ---- normalisation ---- */

/* The longest user-defined piece that the text begins with; 0: none. */
static size_t user_defined(const ec_sentencepiece *sp, const char *text, size_t size) {
    if (!sp->has_user_defined) return 0;
    for (size_t n = size < sp->pieces.longest ? size : sp->pieces.longest; n > 0; n--) {
        const ec_piece *p = ec_vocabulary_at(&sp->pieces, ec_vocabulary_find(&sp->pieces, text, n));
        if (p != NULL && p->kind == EC_PIECE_USER_DEFINED) return n;
    }
    return 0;
}

/* What the text's beginning becomes: how much of it, and the new text [*to, *to + *n). */
static size_t normal_prefix(const char **to, size_t *n, const ec_sentencepiece *sp,
                            const char *text, size_t size) {
    size_t used = user_defined(sp, text, size);
    if (used == 0 && (used = ec_charsmap_match(to, &sp->charsmap, text, size, true)) > 0) {
        *n = strlen(*to);
        return used;
    }
    if (used == 0) used = ec_utf8_length(text, size);
    *to = text;
    *n = used;
    return used;
}

static bool ends_with(const ec_text *text, const char *end, size_t n) {
    return text->size_bytes >= n && memcmp(text->data + text->size_bytes - n, end, n) == 0;
}

static void add_space(ec_text *out, const ec_sentencepiece *sp) {
    ec_text_add(out, sp->escape_whitespaces ? SPACE : " ");
}

/* SentencePiece's Normalizer::Normalize. */
static void normalise(ec_text *out, const ec_sentencepiece *sp, const char *text, size_t size) {
    const char *to;
    size_t at = 0, n;
    while (sp->remove_extra_whitespaces && at < size) {
        const size_t used = normal_prefix(&to, &n, sp, text + at, size - at);
        if (n != 1 || to[0] != ' ') break;
        at += used;
    }
    if (at == size) return;
    if (sp->add_dummy_prefix && !sp->whitespace_as_suffix) add_space(out, sp);
    bool behind_space = sp->remove_extra_whitespaces;
    while (at < size) {
        at += normal_prefix(&to, &n, sp, text + at, size - at);
        while (behind_space && n > 0 && to[0] == ' ') to++, n--;
        for (size_t i = 0; i < n; i++)
            if (to[i] == ' ')
                add_space(out, sp);
            else
                ec_text_add_bytes(out, to + i, 1);
        if (n > 0) behind_space = to[n - 1] == ' ';
        if (!sp->remove_extra_whitespaces) behind_space = false;
    }
    const char *const space = sp->escape_whitespaces ? SPACE : " ";
    while (sp->remove_extra_whitespaces && ends_with(out, space, strlen(space)))
        out->size_bytes -= strlen(space);
    if (sp->add_dummy_prefix && sp->whitespace_as_suffix) add_space(out, sp);
}

/* ---- from pieces to ids ---- */

typedef struct {
    ec_ids *ids;
    const ec_sentencepiece *sp;
    bool was_unknown; /* neighbours that are unknown are one */
    bool failed;
} output;

static void put(output *o, int32_t id, const char *bytes, size_t size) {
    const ec_sentencepiece *sp = o->sp;
    const bool is_unknown = id < 0 || id == sp->unk;
    if (is_unknown && sp->byte_fallback) {
        for (size_t i = 0; i < size; i++)
            o->failed = o->failed || !ec_ids_add(o->ids, sp->byte[(unsigned char)bytes[i]]);
    } else if (!is_unknown || !o->was_unknown) {
        o->failed = o->failed || !ec_ids_add(o->ids, is_unknown ? sp->unk : id);
    }
    o->was_unknown = is_unknown;
}

/* ---- BPE ---- */

/* How a piece of kind UNUSED came about: it is taken apart again in the end. */
typedef struct {
    const char *bytes;
    size_t size, left;
} seam;

typedef struct {
    const ec_sentencepiece *sp;
    const char *text;
    seam *seams;
    size_t n_seams, capacity;
    bool failed;
} bpe;

static void keep_seam(bpe *b, const char *bytes, size_t size, size_t left) {
    for (size_t i = 0; i < b->n_seams; i++)
        if (b->seams[i].size == size && memcmp(b->seams[i].bytes, bytes, size) == 0) {
            b->seams[i].left = left;
            return;
        }
    seam *seams = ec_grown(b->seams, b->n_seams, &b->capacity, sizeof *seams);
    if (seams == NULL) {
        b->failed = true;
        return;
    }
    b->seams = seams;
    b->seams[b->n_seams++] = (seam){bytes, size, left};
}

static bool matches_text(ec_piece_kind kind) {
    return kind == EC_PIECE_NORMAL || kind == EC_PIECE_USER_DEFINED || kind == EC_PIECE_UNUSED;
}

static bool pair_of(void *context, const ec_symbol *left, const ec_symbol *right, double *cost,
                    int32_t *id) {
    bpe *b = context;
    const char *bytes = b->text + left->start;
    const size_t size = left->size + right->size;
    *id = ec_vocabulary_find(&b->sp->pieces, bytes, size);
    if (*id < 0) return false;
    const ec_piece *p = &b->sp->pieces.piece[*id];
    if (!matches_text(p->kind)) return false;
    if (p->kind == EC_PIECE_UNUSED) keep_seam(b, bytes, size, left->size);
    *cost = -p->score;
    return true;
}

static void put_symbol(output *o, const bpe *b, const char *bytes, size_t size) {
    const int32_t id = ec_vocabulary_find(&b->sp->pieces, bytes, size);
    if (id >= 0 && b->sp->pieces.piece[id].kind == EC_PIECE_UNUSED)
        for (size_t i = 0; i < b->n_seams; i++)
            if (b->seams[i].size == size && memcmp(b->seams[i].bytes, bytes, size) == 0) {
                put_symbol(o, b, bytes, b->seams[i].left);
                put_symbol(o, b, bytes + b->seams[i].left, size - b->seams[i].left);
                return;
            }
    put(o, id, bytes, size);
}

static bool encode_bpe(output *o, const char *text, size_t size) {
    bpe b = {.sp = o->sp, .text = text};
    ec_symbol *symbols = malloc((size + 1) * sizeof *symbols);
    size_t n = 0;
    if (symbols == NULL) return false;
    for (size_t at = 0; at < size; at += symbols[n++].size) {
        const size_t whole = user_defined(o->sp, text + at, size - at);
        symbols[n] = (ec_symbol){.start = at,
                                 .size = whole > 0 ? whole : ec_utf8_length(text + at, size - at),
                                 .is_frozen = whole > 0};
    }
    const bool merged = ec_merge(symbols, n, pair_of, &b) && !b.failed;
    for (size_t i = 0; i < n && merged; i++)
        if (symbols[i].size > 0) put_symbol(o, &b, text + symbols[i].start, symbols[i].size);
    free(symbols);
    free(b.seams);
    return merged && !o->failed;
}

/* ---- Unigram ---- */

static const float UNKNOWN_PENALTY = 10.0f;

static bool encode_unigram(output *o, const char *text, size_t size) {
    const ec_sentencepiece *sp = o->sp;
    const ec_unigram u = {.pieces = &sp->pieces,
                          .unk = sp->unk,
                          .unk_score = sp->lowest - UNKNOWN_PENALTY,
                          .in_f32 = true};
    size_t n;
    ec_cut *const cut = ec_unigram_cut(&n, &u, text, size);
    for (size_t i = 0, from = 0; i < n; from = cut[i++].end)
        put(o, cut[i].id, text + from, cut[i].end - from);
    free(cut);
    return cut != NULL && !o->failed;
}

bool ec_sentencepiece_encode(ec_ids *ids, const ec_sentencepiece *sp, const char *text,
                             size_t size) {
    const size_t before = ids->n;
    output o = {.ids = ids, .sp = sp};
    ec_text normal = {0};
    normalise(&normal, sp, text, size);
    bool good = !normal.failed;
    if (good && normal.size_bytes > 0)
        good = sp->is_unigram ? encode_unigram(&o, normal.data, normal.size_bytes)
                              : encode_bpe(&o, normal.data, normal.size_bytes);
    if (!good) ids->n = before;
    ec_text_release(&normal);
    return good;
}

void ec_sentencepiece_add_piece(ec_text *to, const ec_sentencepiece *sp, const char *piece,
                                size_t size, int32_t id, bool *expects_space) {
    const ec_piece *p = ec_vocabulary_at(&sp->pieces, id);
    if (p != NULL && p->kind == EC_PIECE_CONTROL) return;
    if (id == sp->unk) {
        ec_text_add(to, " \xE2\x81\x87 ");
        *expects_space = false;
        return;
    }
    if (*expects_space && (sp->add_dummy_prefix || sp->remove_extra_whitespaces) &&
        size >= SPACE_SIZE && memcmp(piece, SPACE, SPACE_SIZE) == 0) {
        piece += SPACE_SIZE;
        size -= SPACE_SIZE;
        if (!sp->remove_extra_whitespaces) *expects_space = false;
    }
    if (size > 0) *expects_space = false;
    for (size_t i = 0; i < size;)
        if (size - i >= SPACE_SIZE && memcmp(piece + i, SPACE, SPACE_SIZE) == 0) {
            ec_text_add(to, " ");
            i += SPACE_SIZE;
        } else {
            ec_text_add_bytes(to, piece + i++, 1);
        }
}
