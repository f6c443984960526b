/* sentencepiece_read.c - the protobuf of a tokenizer.model
 *
 * sentencepiece_model.proto: ModelProto {1 pieces, 2 trainer_spec, 3 normalizer_spec}; a piece is
 * {1 text, 2 score, 3 kind}. Fields that are not named here change nothing for the ids of a text
 * and are stepped over.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/sentencepiece.h"
#include "text/utf8.h"

/* ---- protobuf ---- */

typedef struct {
    const unsigned char *at, *end;
    bool broken;
} wire;

typedef struct {
    unsigned number, type;
    uint64_t value;   /* types 0, 1, 5 */
    const char *data; /* type 2 */
    size_t size;
} field;

static uint64_t varint(wire *w) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (w->at == w->end) break;
        const unsigned char byte = *w->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return value;
    }
    w->broken = true;
    return 0;
}

static uint64_t fixed(wire *w, size_t n) {
    uint64_t value = 0;
    if ((size_t)(w->end - w->at) < n) {
        w->broken = true;
        return 0;
    }
    for (size_t i = 0; i < n; i++) value |= (uint64_t)w->at[i] << 8 * i;
    w->at += n;
    return value;
}

/* The next field; false at the end, or when there is none that makes sense. */
static bool next(field *out, wire *w) {
    if (w->at == w->end || w->broken) return false;
    const uint64_t key = varint(w);
    *out = (field){.number = (unsigned)(key >> 3), .type = (unsigned)(key & 7)};
    if (key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3) w->broken = true;
    switch (out->type) {
    case 0:
        out->value = varint(w);
        break;
    case 1:
        out->value = fixed(w, 8);
        break;
    case 5:
        out->value = fixed(w, 4);
        break;
    case 2: {
        const uint64_t size = varint(w);
        if (w->broken || size > (uint64_t)(w->end - w->at)) {
            w->broken = true;
            break;
        }
        out->data = (const char *)w->at;
        out->size = (size_t)size;
        w->at += size;
        break;
    }
    default:
        w->broken = true;
    }
    return !w->broken;
}

static wire message(const char *data, size_t size) {
    const unsigned char *at = (const unsigned char *)data;
    return (wire){.at = at, .end = at + size};
}

static float as_float(const field *f) {
    const uint32_t bits = (uint32_t)f->value;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- the messages ---- */

static ec_status add_piece(ec_sentencepiece *sp, const field *from, const char *path,
                           ec_error *err) {
    wire w = message(from->data, from->size);
    const size_t id = sp->pieces.n;
    field f, text = {0};
    float score = 0;
    uint64_t kind = EC_PIECE_NORMAL;
    while (next(&f, &w)) {
        if (f.number == 1 && f.type == 2) text = f;
        if (f.number == 2 && f.type == 5) score = as_float(&f);
        if (f.number == 3 && f.type == 0) kind = f.value;
    }
    if (w.broken || text.size == 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: piece %zu is broken or empty", path, id);
    if (!isfinite(score) || kind < EC_PIECE_NORMAL || kind > EC_PIECE_BYTE)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: piece %zu has a score that is not finite, or is of no known kind", path,
                       id);
    if (ec_utf8_check(text.data, text.size) != text.size)
        return ec_fail(err, EC_ERR_FORMAT, "%s: piece %zu is not UTF-8", path, id);
    if (ec_vocabulary_find(&sp->pieces, text.data, text.size) >= 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: piece %zu, '%.*s', is there twice", path, id,
                       (int)(text.size < 40 ? text.size : 40), text.data);
    if (!ec_vocabulary_add(&sp->pieces, (int32_t)id, text.data, text.size, score,
                           (ec_piece_kind)kind, false))
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory, or more than %d pieces", path,
                       EC_MAX_TOKENS);
    if (kind == EC_PIECE_NORMAL) {
        sp->lowest = score < sp->lowest ? score : sp->lowest;
    }
    sp->has_user_defined = sp->has_user_defined || kind == EC_PIECE_USER_DEFINED;
    return EC_OK;
}

typedef struct {
    int32_t unk, bos, eos, pad;
    uint64_t model_type;
    bool is_there;
} trainer;

static bool read_trainer(ec_sentencepiece *sp, trainer *t, const field *from) {
    wire w = message(from->data, from->size);
    field f;
    t->is_there = true;
    while (next(&f, &w)) {
        if (f.type != 0) continue;
        if (f.number == 3) t->model_type = f.value;
        if (f.number == 24) sp->whitespace_as_suffix = f.value != 0;
        if (f.number == 35) sp->byte_fallback = f.value != 0;
        if (f.number == 40) t->unk = (int32_t)f.value;
        if (f.number == 41) t->bos = (int32_t)f.value;
        if (f.number == 42) t->eos = (int32_t)f.value;
        if (f.number == 43) t->pad = (int32_t)f.value;
    }
    return !w.broken;
}

static ec_status read_normalizer(ec_sentencepiece *sp, const field *from, const char *path,
                                 ec_error *err) {
    wire w = message(from->data, from->size);
    field f, map = {0};
    while (next(&f, &w)) {
        if (f.number == 2 && f.type == 2) map = f;
        if (f.number == 3 && f.type == 0) sp->add_dummy_prefix = f.value != 0;
        if (f.number == 4 && f.type == 0) sp->remove_extra_whitespaces = f.value != 0;
        if (f.number == 5 && f.type == 0) sp->escape_whitespaces = f.value != 0;
    }
    if (w.broken) return ec_fail(err, EC_ERR_FORMAT, "%s: broken normalizer_spec", path);
    free(sp->charsmap_bytes);
    sp->charsmap_bytes = malloc(map.size + 1);
    if (sp->charsmap_bytes == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    if (map.size > 0) memcpy(sp->charsmap_bytes, map.data, map.size);
    if (!ec_charsmap_read(&sp->charsmap, sp->charsmap_bytes, map.size))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: the map of characters (precompiled_charsmap) is broken", path);
    return EC_OK;
}

/* The first piece of a kind, where the trainer's id is none. */
static int32_t settle_id(const ec_sentencepiece *sp, int32_t id, const char *name,
                         ec_piece_kind kind) {
    const ec_piece *p = ec_vocabulary_at(&sp->pieces, id);
    if (p != NULL && p->kind == kind) return id;
    const int32_t named = ec_vocabulary_find(&sp->pieces, name, strlen(name));
    p = ec_vocabulary_at(&sp->pieces, named);
    return p != NULL && p->kind == kind ? named : -1;
}

static ec_status settle(ec_sentencepiece *sp, const trainer *t, const char *path, ec_error *err) {
    if (t->model_type != 1 && t->model_type != 2)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: a model of type %s; expected BPE or Unigram (no words, no characters)",
                       path,
                       t->model_type == 3   ? "WORD"
                       : t->model_type == 4 ? "CHAR"
                                            : "unknown");
    sp->is_unigram = t->model_type == 1;
    sp->unk = -1;
    for (size_t i = 0; i < sp->pieces.n; i++)
        if (sp->pieces.piece[i].kind == EC_PIECE_UNKNOWN) {
            if (sp->unk >= 0)
                return ec_fail(err, EC_ERR_FORMAT, "%s: two pieces stand for what is unknown",
                               path);
            sp->unk = (int32_t)i;
        }
    if (sp->unk < 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: no piece stands for what is unknown", path);
    sp->bos = settle_id(sp, t->bos, "<s>", EC_PIECE_CONTROL);
    sp->eos = settle_id(sp, t->eos, "</s>", EC_PIECE_CONTROL);
    sp->pad = settle_id(sp, t->pad, "<pad>", EC_PIECE_CONTROL);
    for (size_t i = 0; i < 256; i++) sp->byte[i] = -1;
    if (!sp->byte_fallback) return EC_OK;
    ec_vocabulary_bytes(sp->byte, &sp->pieces);
    for (size_t i = 0; i < 256; i++) {
        const ec_piece *p = ec_vocabulary_at(&sp->pieces, sp->byte[i]);
        if (p == NULL || p->kind != EC_PIECE_BYTE)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: byte_fallback without a piece of kind BYTE for <0x%02zX>", path, i);
    }
    return EC_OK;
}

ec_status ec_sentencepiece_read(ec_sentencepiece *out, const char *bytes, size_t size,
                                const char *path, ec_error *err) {
    *out = (ec_sentencepiece){.add_dummy_prefix = true,
                              .remove_extra_whitespaces = true,
                              .escape_whitespaces = true,
                              .lowest = FLT_MAX};
    trainer t = {.unk = 0, .bos = 1, .eos = 2, .pad = -1, .model_type = 1};
    wire w = message(bytes, size);
    ec_status status = EC_OK;
    field f;
    while (status == EC_OK && next(&f, &w)) {
        if (f.type != 2) continue;
        if (f.number == 1) status = add_piece(out, &f, path, err);
        if (f.number == 2 && !read_trainer(out, &t, &f))
            status = ec_fail(err, EC_ERR_FORMAT, "%s: broken trainer_spec", path);
        if (f.number == 3) status = read_normalizer(out, &f, path, err);
    }
    if (status == EC_OK && (w.broken || out->pieces.n == 0 || !t.is_there))
        status =
            ec_fail(err, EC_ERR_FORMAT,
                    "%s: no SentencePiece model, or one that is cut off (%zu bytes, %zu pieces "
                    "read)",
                    path, size, out->pieces.n);
    if (status == EC_OK) status = settle(out, &t, path, err);
    if (status != EC_OK) ec_sentencepiece_release(out);
    return status;
}

void ec_sentencepiece_release(ec_sentencepiece *sp) {
    ec_vocabulary_release(&sp->pieces);
    free(sp->charsmap_bytes);
    *sp = (ec_sentencepiece){0};
}
