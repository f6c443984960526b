/* hf.c - running a tokenizer.json: see hf.h */
#include "text/hf.h"

#include <stdlib.h>
#include <string.h>

#include "text/merge.h"
#include "text/sentencepiece.h"
#include "text/unigram.h"
#include "text/utf8.h"

void hf_release(hf_tokenizer *t) {
    ec_vocabulary_release(&t->vocabulary);
    free(t->merge);
    free(t->word_end);
    free(t->is_special);
    ec_added_list_release(&t->raw);
    ec_added_list_release(&t->normalised);
    ec_steps_release(&t->normalizer);
    ec_steps_release(&t->pre_tokenizer);
    ec_steps_release(&t->decoder);
    ec_ids_release(&t->before);
    ec_ids_release(&t->behind);
    *t = (hf_tokenizer){0};
}

/* ---- BPE ---- */

static size_t slot_of(const hf_tokenizer *t, int32_t left, int32_t right) {
    uint64_t hash = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    hash = (hash ^ hash >> 29) * 0x9E3779B97F4A7C15u;
    size_t at = (size_t)(hash >> 20) & (t->n_slots - 1);
    while (t->merge[at].left >= 0 && (t->merge[at].left != left || t->merge[at].right != right))
        at = (at + 1) & (t->n_slots - 1);
    return at;
}

const hf_merge *hf_find_merge(const hf_tokenizer *t, int32_t left, int32_t right) {
    if (t->n_slots == 0 || left < 0 || right < 0) return NULL;
    const hf_merge *m = &t->merge[slot_of(t, left, right)];
    return m->left >= 0 ? m : NULL;
}

ec_status hf_add_merge(hf_tokenizer *t, int32_t left, int32_t right, int32_t id, uint32_t rank,
                       const hf_reader *r) {
    if (2 * ((size_t)rank + 1) > t->n_slots) { /* ranks are given in order */
        hf_tokenizer grown = {.n_slots = t->n_slots > 0 ? 2 * t->n_slots : 1024};
        grown.merge = malloc(grown.n_slots * sizeof *grown.merge);
        if (grown.merge == NULL) return ec_fail(r->err, EC_ERR_NOMEM, "%s: out of memory", r->path);
        for (size_t i = 0; i < grown.n_slots; i++) grown.merge[i].left = -1;
        for (size_t i = 0; i < t->n_slots; i++)
            if (t->merge[i].left >= 0)
                grown.merge[slot_of(&grown, t->merge[i].left, t->merge[i].right)] = t->merge[i];
        free(t->merge);
        t->merge = grown.merge;
        t->n_slots = grown.n_slots;
    }
    t->merge[slot_of(t, left, right)] = (hf_merge){left, right, id, rank}; /* the last one counts */
    return EC_OK;
}

static bool pair_of(void *context, const ec_symbol *left, const ec_symbol *right, double *cost,
                    int32_t *id) {
    const hf_merge *m = hf_find_merge(context, left->id, right->id);
    if (m == NULL) return false;
    *cost = m->rank;
    *id = m->id;
    return true;
}

static bool bytes_of(int32_t out[4], const hf_tokenizer *t, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if ((out[i] = t->byte[(unsigned char)text[i]]) < 0) return false;
    return t->byte_fallback;
}

/* The id of one character, the last of a word with what ends one. -1: there is none. */
static int32_t character_id(const hf_tokenizer *t, const char *text, size_t size, bool is_last) {
    const size_t end = is_last ? strlen(t->word_end) : 0;
    if (end == 0) return ec_vocabulary_find(&t->vocabulary, text, size);
    ec_text with = {0};
    ec_text_add_bytes(&with, text, size);
    ec_text_add_bytes(&with, t->word_end, end);
    const int32_t id =
        with.failed ? -1 : ec_vocabulary_find(&t->vocabulary, with.data, with.size_bytes);
    ec_text_release(&with);
    return id;
}

/* The symbols that a word begins with: characters, bytes of those that are none, or unknown. As
 * BPE::merge_word of tokenizers, whose unknown tokens wait for the next character that is known. */
static size_t first_symbols(ec_symbol *s, const hf_tokenizer *t, const char *text, size_t size) {
    size_t n = 0, unknown_size = 0, unknown_start = 0;
    for (size_t at = 0, length; at < size; at += length) {
        int32_t byte[4];
        length = ec_utf8_length(text + at, size - at);
        const int32_t id = character_id(t, text + at, length, at + length == size);
        if (id < 0 && bytes_of(byte, t, text + at, length)) {
            for (size_t i = 0; i < length; i++)
                s[n++] = (ec_symbol){.start = at + i, .size = 1, .id = byte[i]};
            continue;
        }
        if (id < 0 && t->unk < 0) continue; /* is dropped */
        if (unknown_size > 0 && (id >= 0 || !t->fuse_unk)) {
            s[n++] = (ec_symbol){.start = unknown_start, .size = unknown_size, .id = t->unk};
            unknown_size = 0;
        }
        if (id >= 0) {
            s[n++] = (ec_symbol){.start = at, .size = length, .id = id};
        } else {
            if (unknown_size == 0) unknown_start = at;
            unknown_size += length;
        }
    }
    if (unknown_size > 0)
        s[n++] = (ec_symbol){.start = unknown_start, .size = unknown_size, .id = t->unk};
    return n;
}

static bool encode_bpe(ec_ids *ids, const hf_tokenizer *t, const char *text, size_t size) {
    if (t->ignore_merges) {
        const int32_t whole = ec_vocabulary_find(&t->vocabulary, text, size);
        if (whole >= 0) return ec_ids_add(ids, whole);
    }
    ec_symbol *symbols = malloc((size + 1) * sizeof *symbols);
    if (symbols == NULL) return false;
    const size_t n = first_symbols(symbols, t, text, size);
    bool good = ec_merge(symbols, n, pair_of, (void *)t);
    for (size_t i = 0; i < n && good; i++)
        if (symbols[i].size > 0) good = ec_ids_add(ids, symbols[i].id);
    free(symbols);
    return good;
}

/* ---- Unigram ---- */

static const double UNKNOWN_PENALTY = 10.0;

static bool add_unknown(ec_ids *ids, const hf_tokenizer *t, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!t->byte_fallback || t->byte[(unsigned char)text[i]] < 0)
            return ec_ids_add(ids, t->unk);
    for (size_t i = 0; i < size; i++)
        if (!ec_ids_add(ids, t->byte[(unsigned char)text[i]])) return false;
    return true;
}

static bool encode_unigram(ec_ids *ids, const hf_tokenizer *t, const char *text, size_t size) {
    const ec_unigram u = {
        .pieces = &t->vocabulary, .unk = t->unk, .unk_score = t->lowest - UNKNOWN_PENALTY};
    size_t n, from = 0;
    ec_cut *const cut = ec_unigram_cut(&n, &u, text, size);
    bool good = cut != NULL;
    for (size_t i = 0; i < n && good; i++) {
        if (cut[i].id != t->unk)
            good = ec_ids_add(ids, cut[i].id);
        else if (i + 1 < n && cut[i + 1].id == t->unk)
            continue; /* neighbours that are unknown are one */
        else
            good = add_unknown(ids, t, text + from, cut[i].end - from);
        from = cut[i].end;
    }
    free(cut);
    return good;
}

/* ---- the pipeline ---- */

int32_t hf_find(const hf_tokenizer *t, const char *token) {
    const int32_t id = ec_vocabulary_find(&t->vocabulary, token, strlen(token));
    ec_text normal = {0};
    bool stripped;
    if (id >= 0 || t->normalised.n == 0) return id;
    ec_steps_normalise(&normal, &stripped, &t->normalizer, token, strlen(token));
    int32_t found = -1;
    for (size_t i = 0; i < t->normalised.n && normal.size_bytes > 0; i++) {
        const ec_added *a = &t->normalised.item[i];
        if (a->size == normal.size_bytes && memcmp(a->content, normal.data, a->size) == 0)
            found = a->id;
    }
    ec_text_release(&normal);
    return found;
}

static void split_raw(ec_chunks *out, const hf_tokenizer *t, const char *text, size_t size) {
    ec_chunks raw = {0};
    ec_added_split(&raw, &t->raw, text, size, true);
    out->failed = raw.failed;
    for (size_t i = 0; i < raw.n && !out->failed; i++) {
        const ec_chunk *c = &raw.chunk[i];
        if (c->id >= 0) {
            ec_chunks_add_token(out, c->id);
            continue;
        }
        ec_text normal = {0};
        bool stripped;
        ec_steps_normalise(&normal, &stripped, &t->normalizer, raw.bytes.data + c->start, c->size);
        if (normal.failed)
            out->failed = true;
        else if (normal.size_bytes > 0)
            ec_added_split(out, &t->normalised, normal.data, normal.size_bytes,
                           c->at_origin && !stripped);
        ec_text_release(&normal);
    }
    ec_chunks_release(&raw);
}

bool hf_encode(ec_ids *ids, const hf_tokenizer *t, const char *text, size_t size) {
    ec_chunks chunks = {0};
    split_raw(&chunks, t, text, size);
    ec_steps_pretokenise(&chunks, &t->pre_tokenizer);
    bool good = !chunks.failed;
    for (size_t i = 0; i < chunks.n && good; i++) {
        const ec_chunk *c = &chunks.chunk[i];
        const char *at = chunks.bytes.data + c->start;
        good = c->id >= 0      ? ec_ids_add(ids, c->id)
               : t->is_unigram ? encode_unigram(ids, t, at, c->size)
                               : encode_bpe(ids, t, at, c->size);
    }
    ec_chunks_release(&chunks);
    return good;
}

bool hf_decode(ec_text *out, const hf_tokenizer *t, const int32_t *ids, size_t n,
               bool skip_special) {
    ec_chunks tokens = {0};
    bool is_first = true;
    for (size_t i = 0; i < n; i++) {
        const ec_piece *p = ec_vocabulary_at(&t->vocabulary, ids[i]);
        if (p == NULL || (skip_special && t->is_special[ids[i]])) continue;
        if (!is_first && !t->has_decoder) ec_chunks_add(&tokens, " ", 1, false);
        ec_chunks_add(&tokens, p->bytes, p->size, false);
        is_first = false;
    }
    ec_steps_decode(out, &t->decoder, &tokens);
    ec_chunks_release(&tokens);
    return !out->failed;
}
