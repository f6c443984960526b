/* pretokenise.c - the pre_tokenizer of a tokenizer.json: see steps.h */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/characters.h"
#include "text/steps.h"
#include "text/utf8.h"

/* ---- ranges: matches and what is between them ---- */

typedef struct {
    size_t start, end;
    bool is_match;
} range;

typedef struct {
    range *item;
    size_t n, capacity;
    bool failed;
} ranges;

static void add_range(ranges *r, size_t start, size_t end, bool is_match) {
    range *grown = ec_grown(r->item, r->n, &r->capacity, sizeof *grown);
    if (grown == NULL) {
        r->failed = true;
        return;
    }
    r->item = grown;
    r->item[r->n++] = (range){start, end, is_match};
}

static void ranges_of_pattern(ranges *out, const ec_pattern *pattern, const char *text,
                              size_t size) {
    ec_matches m = ec_pattern_matches(pattern, text, size);
    size_t at = 0, start, end;
    while (ec_matches_next(&start, &end, &m)) {
        if (start > at) add_range(out, at, start, false);
        add_range(out, start, end, true);
        at = end;
    }
    if (at < size) add_range(out, at, size, false);
}

/* Each character that `is` a range by itself, what is between them ranges that are no match. */
static void ranges_of_characters(ranges *out, bool (*is)(uint32_t), const char *text, size_t size) {
    size_t at = 0, from = 0;
    while (at < size) {
        uint32_t c;
        const size_t n = ec_utf8_get(&c, text + at, size - at);
        if (is(c)) {
            if (at > from) add_range(out, from, at, false);
            add_range(out, at, at + n, true);
            from = at + n;
        }
        at += n;
    }
    if (size > from) add_range(out, from, size, false);
}

/* ---- splitting ---- */

static void add_part(ec_chunks *out, const char *text, bool at_origin, size_t start, size_t end) {
    ec_chunks_add(out, text + start, end - start, at_origin && start == 0);
}

/* NormalizedString::split of tokenizers. */
static void split(ec_chunks *out, ranges *r, ec_split how, const char *text, bool at_origin) {
    size_t n = 0; /* ranges that are left, at the beginning */
    if (how == EC_SPLIT_WITH_NEXT) {
        bool before = false;
        for (size_t i = r->n, to = r->n; i-- > 0;) {
            const range x = r->item[i];
            if (x.is_match && !before && to < r->n)
                r->item[to].start = x.start;
            else
                r->item[--to] = x;
            before = x.is_match;
            if (i == 0) n = to;
        }
        for (size_t i = n; i < r->n; i++)
            add_part(out, text, at_origin, r->item[i].start, r->item[i].end);
        return;
    }
    bool before = false;
    for (size_t i = 0; i < r->n; i++) {
        const range x = r->item[i];
        const bool joins = n > 0 && (how == EC_SPLIT_WITH_PREVIOUS ? x.is_match && !before
                                     : how == EC_SPLIT_CONTIGUOUS  ? x.is_match == before
                                                                   : false);
        if (joins)
            r->item[n - 1].end = x.end;
        else if (how != EC_SPLIT_REMOVED || !x.is_match)
            r->item[n++] = x;
        before = x.is_match;
    }
    for (size_t i = 0; i < n; i++) add_part(out, text, at_origin, r->item[i].start, r->item[i].end);
}

/* ---- the steps ---- */

static void metaspace(ec_chunks *out, const ec_step *step, const char *text, size_t size,
                      bool at_origin) {
    ec_text t = {0};
    const size_t n = step->content_size;
    for (size_t i = 0; i < size; i++)
        if (text[i] == ' ')
            ec_text_add_bytes(&t, step->content, n);
        else
            ec_text_add_bytes(&t, text + i, 1);
    const bool has_it = t.size_bytes >= n && memcmp(t.data, step->content, n) == 0;
    if (!has_it &&
        (step->prepend == EC_PREPEND_ALWAYS || (step->prepend == EC_PREPEND_FIRST && at_origin))) {
        ec_text with = {0};
        ec_text_add_bytes(&with, step->content, n);
        ec_text_add_bytes(&with, t.data, t.size_bytes);
        ec_text_release(&t);
        t = with;
    }
    out->failed = out->failed || t.failed;
    if (step->whole) {
        ec_chunks_add(out, t.data, t.size_bytes, at_origin);
    } else if (!t.failed) {
        ranges r = {0};
        ranges_of_pattern(&r, step->pattern, t.data, t.size_bytes);
        if (!r.failed) split(out, &r, EC_SPLIT_WITH_NEXT, t.data, at_origin);
        out->failed = out->failed || r.failed;
        free(r.item);
    }
    ec_text_release(&t);
}

/* GPT-2's alphabet: printable bytes stand for themselves; the others, 0 to 32, 127 to 160 and
 * 173, in this order for U+0100 and on. */
enum { FIRST_OTHER = 0x100, LAST_OTHER = 0x143 };

static uint32_t character_of(unsigned char byte) {
    if (byte <= 32) return FIRST_OTHER + byte;
    if (byte >= 127 && byte <= 160) return FIRST_OTHER + 33 + (byte - 127u);
    return byte == 173 ? LAST_OTHER : byte;
}

int ec_byte_of(uint32_t c) {
    if (c < FIRST_OTHER) return character_of((unsigned char)c) == c ? (int)c : -1;
    if (c < FIRST_OTHER + 33) return (int)(c - FIRST_OTHER);
    if (c < LAST_OTHER) return (int)(c - FIRST_OTHER - 33 + 127);
    return c == LAST_OTHER ? 173 : -1;
}

static void byte_level(ec_chunks *out, const char *text, size_t size, bool at_origin) {
    ec_text t = {0};
    for (size_t i = 0; i < size; i++) ec_utf8_add(&t, character_of((unsigned char)text[i]));
    out->failed = out->failed || t.failed;
    if (!t.failed) ec_chunks_add(out, t.data, t.size_bytes, at_origin);
    ec_text_release(&t);
}

/* ByteLevel with its own expression: a space is put before, then it is split, then mapped. */
static void byte_level_words(ec_chunks *out, const ec_step *step, const char *text, size_t size,
                             bool at_origin) {
    ec_text with = {0};
    ec_chunks words = {0};
    ranges r = {0};
    if (step->prefix_space && text[0] != ' ') ec_text_add(&with, " ");
    ec_text_add_bytes(&with, text, size);
    if (step->pattern != NULL && !with.failed) {
        ranges_of_pattern(&r, step->pattern, with.data, with.size_bytes);
        if (!r.failed) split(&words, &r, EC_SPLIT_ISOLATED, with.data, at_origin);
    } else if (!with.failed) {
        ec_chunks_add(&words, with.data, with.size_bytes, at_origin);
    }
    out->failed = out->failed || with.failed || words.failed || r.failed;
    for (size_t i = 0; i < words.n && !out->failed; i++)
        byte_level(out, words.bytes.data + words.chunk[i].start, words.chunk[i].size,
                   words.chunk[i].at_origin);
    free(r.item);
    ec_chunks_release(&words);
    ec_text_release(&with);
}

static void run(ec_chunks *out, const ec_step *step, const char *text, size_t size,
                bool at_origin) {
    ranges r = {0};
    ec_split how = step->split;
    switch (step->kind) {
    case EC_STEP_METASPACE:
        metaspace(out, step, text, size, at_origin);
        return;
    case EC_STEP_BYTE_LEVEL:
        byte_level_words(out, step, text, size, at_origin);
        return;
    case EC_STEP_DIGITS:
        ranges_of_characters(&r, ec_is_numeric, text, size);
        how = step->whole ? EC_SPLIT_CONTIGUOUS : EC_SPLIT_ISOLATED;
        break;
    case EC_STEP_WHITESPACE:
        ranges_of_characters(&r, ec_is_space, text, size);
        how = EC_SPLIT_REMOVED;
        break;
    default: /* EC_STEP_SPLIT: the reader lets no other in */
        ranges_of_pattern(&r, step->pattern, text, size);
        for (size_t i = 0; i < r.n; i++) r.item[i].is_match = r.item[i].is_match != step->inverted;
    }
    if (!r.failed) split(out, &r, how, text, at_origin);
    out->failed = out->failed || r.failed;
    free(r.item);
}

void ec_steps_pretokenise(ec_chunks *chunks, const ec_steps *steps) {
    for (size_t s = 0; s < steps->n && !chunks->failed; s++) {
        ec_chunks out = {0};
        for (size_t i = 0; i < chunks->n; i++) {
            const ec_chunk *c = &chunks->chunk[i];
            if (c->id >= 0)
                ec_chunks_add_token(&out, c->id);
            else
                run(&out, &steps->step[s], chunks->bytes.data + c->start, c->size, c->at_origin);
        }
        ec_chunks_release(chunks);
        *chunks = out;
    }
}
