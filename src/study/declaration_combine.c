/* declaration_combine.c - 'combine:' of study.yaml: combinations of encoders as candidates, without
 * declaring each
 *
 *     combine: all                       every combination of the candidates with one encoder
 *     combine: CLIP@336+DINOv2,A+B+C     these
 *
 * A combination is called by the names of its members, joined by +, in the order of study.yaml. One
 * that a candidate already is, by its 'encoder:', is left to that candidate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eyechart/features.h"
#include "eyechart/spelling.h"
#include "sheet/names.h"
#include "study/declaration.h"

enum {
    MOST_FOR_ALL = 12 /* as 'eyechart correspond' has it: 4,095 candidates */
};

typedef struct {
    ec_declaration *declared;
    const char *path;
    ec_error *err;
    bool *single; /* [n_declared] has one encoder */
    size_t n_declared;
    size_t members[EC_MAX_COMBINED]; /* candidates, ascending */
    size_t n_members;
    uint32_t *subsets; /* [n] bit k: members[k]; two or more */
    size_t n;
} combining;

/* ---- members ------------------------------------------------------------------------------ */

static ec_status find_singles(combining *c) {
    const ec_declaration *d = c->declared;
    const char *slash = strrchr(c->path, '/');
    char *folder = slash != NULL ? strndup(c->path, (size_t)(slash + 1 - c->path)) : strdup(".");
    c->n_declared = d->n_origins;
    c->single = calloc(c->n_declared + 1, sizeof *c->single);
    const bool complete = folder != NULL && c->single != NULL;
    for (size_t i = 0; complete && i < c->n_declared; i++) {
        const char *encoder = d->origins[i].encoder;
        c->single[i] =
            encoder != NULL && encoder[ec_feature_source_length(encoder, folder)] == '\0';
    }
    free(folder);
    return complete ? EC_OK : ec_no_memory(c->path, c->err);
}

static bool is_single(const combining *c, size_t candidate) {
    return candidate < c->n_declared && c->single[candidate];
}

/* Is the layer of two candidates the same, as far as study.yaml says? */
static bool same_layer(const combining *c, size_t x, size_t y) {
    const ec_origin *a = &c->declared->origins[x], *b = &c->declared->origins[y];
    return a->has_layer == b->has_layer && (!a->has_layer || a->layer == b->layer);
}

static bool has_encoder(const combining *c, size_t candidate) {
    const char *encoder = c->declared->origins[candidate].encoder;
    for (size_t k = 0; k < c->n_members; k++)
        if (strcmp(c->declared->origins[c->members[k]].encoder, encoder) == 0 &&
            same_layer(c, c->members[k], candidate))
            return true;
    return false;
}

static ec_status find_all_members(combining *c) {
    for (size_t i = 0; i < c->declared->sheet.n_candidates; i++) {
        if (!is_single(c, i) || has_encoder(c, i)) continue;
        if (c->n_members == MOST_FOR_ALL)
            return ec_sheet_fail(c->err, c->path, 0,
                                 "'combine: all' with more than %d encoders makes too many "
                                 "candidates; list the combinations: 'combine: A+B,A+C'",
                                 MOST_FOR_ALL);
        c->members[c->n_members++] = i;
    }
    return EC_OK;
}

/* ---- lists -------------------------------------------------------------------------------- */

/* The candidate of one encoder whose name the text begins with, as far as + or , or the end; the
 * longest one, as a name may have a + itself. n_candidates: none. */
static size_t find_name(size_t *length, const combining *c, const char *text) {
    const ec_sheet *sheet = &c->declared->sheet;
    size_t found = sheet->n_candidates;
    *length = 0;
    for (size_t i = 0; i < sheet->n_candidates; i++) {
        const size_t n = strlen(sheet->candidates[i]);
        const bool ends = strncmp(text, sheet->candidates[i], n) == 0 &&
                          (text[n] == '\0' || text[n] == '+' || text[n] == ',');
        if (!ends || n <= *length || !is_single(c, i)) continue;
        found = i;
        *length = n;
    }
    return found;
}

typedef struct {
    const combining *c;
    const size_t *candidates;
} singles;

static const char *single_at(const void *names, size_t k) {
    const singles *s = names;
    return k > 0 ? s->c->declared->sheet.candidates[s->candidates[k - 1]] : "all";
}

/* Says what the user can do about a name that cannot be part of a combination. */
static ec_status advise(char *advice, size_t size, const combining *c, const char *name) {
    const ec_sheet *sheet = &c->declared->sheet;
    size_t found = 0;
    while (found < sheet->n_candidates && strcmp(sheet->candidates[found], name) != 0) found++;
    if (found < sheet->n_candidates) {
        snprintf(advice, size, "that one has %s",
                 c->declared->origins[found].encoder != NULL ? "several" : "no 'encoder:'");
        return EC_OK;
    }
    size_t *candidates = calloc(sheet->n_candidates + 1, sizeof *candidates), n = 0;
    if (candidates == NULL) return ec_no_memory(c->path, c->err);
    for (size_t i = 0; i < sheet->n_candidates; i++)
        if (is_single(c, i)) candidates[n++] = i;
    const singles names = {c, candidates};
    const size_t nearest = ec_spelling_nearest(name, single_at, &names, n + 1);
    if (nearest == EC_SPELLING_NONE)
        snprintf(advice, size, "expected 'all', or names as in A+B,A+C");
    else
        snprintf(advice, size, "did you mean '%.80s'?", single_at(&names, nearest));
    free(candidates);
    return EC_OK;
}

/* The error that the name at the beginning of `text` is no candidate of one encoder. */
static ec_status fail_name(const combining *c, const char *text) {
    char name[EC_NAME_MAX_BYTES + 1], advice[160];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "+,"), text);
    const ec_status status = advise(advice, sizeof advice, c, name);
    if (status != EC_OK) return status;
    return ec_sheet_fail(c->err, c->path, 0,
                         "combine: '%.80s' does not begin with the name of a candidate that has "
                         "one encoder; %s",
                         text, advice);
}

/* One combination of a list, in c->members; *text moves behind it. */
static ec_status read_combination(combining *c, const char **text) {
    c->n_members = 0;
    for (const char *at = *text;; at++) {
        size_t length;
        const size_t candidate = find_name(&length, c, at);
        if (candidate == c->declared->sheet.n_candidates) return fail_name(c, at);
        if (has_encoder(c, candidate))
            return ec_sheet_fail(c->err, c->path, 0,
                                 "combine: the encoder of candidate '%.80s' is there twice",
                                 c->declared->sheet.candidates[candidate]);
        if (c->n_members == EC_MAX_COMBINED)
            return ec_sheet_fail(c->err, c->path, 0, "combine: more than %d encoders joined",
                                 EC_MAX_COMBINED);
        size_t k = c->n_members++;
        for (; k > 0 && c->members[k - 1] > candidate; k--) c->members[k] = c->members[k - 1];
        c->members[k] = candidate;
        at += length;
        *text = at;
        if (*at != '+') return EC_OK;
    }
}

/* ---- candidates --------------------------------------------------------------------------- */

/* The member whose encoder a text of a candidate begins with, the longest as a folder may have a +;
 * n_members: none. */
static size_t find_member(const combining *c, size_t candidate, const char *text) {
    size_t found = c->n_members, longest = 0;
    for (size_t k = 0; k < c->n_members; k++) {
        const char *own = c->declared->origins[c->members[k]].encoder;
        const size_t n = strlen(own);
        if (n <= longest || strncmp(text, own, n) != 0 || (text[n] != '\0' && text[n] != '+') ||
            !same_layer(c, candidate, c->members[k]))
            continue;
        found = k;
        longest = n;
    }
    return found;
}

/* Are the encoders of this candidate those of the subset, in any order? */
static bool is_subset(const combining *c, size_t candidate, uint32_t subset) {
    const char *encoder = c->declared->origins[candidate].encoder;
    uint32_t found = 0;
    if (encoder == NULL) return false;
    while (true) {
        const size_t k = find_member(c, candidate, encoder);
        if (k == c->n_members) return false;
        found |= (uint32_t)1 << k;
        encoder += strlen(c->declared->origins[c->members[k]].encoder);
        if (*encoder == '\0') return found == subset;
        encoder++;
    }
}

static bool is_declared(const combining *c, uint32_t subset) {
    for (size_t i = 0; i < c->declared->n_origins; i++) {
        if (is_subset(c, i, subset)) return true;
    }
    return false;
}

/* Names or encoders of a subset, joined; owned. NULL: out of memory. */
static char *join(const combining *c, uint32_t subset, bool names) {
    ec_text text = {0};
    for (size_t k = 0; k < c->n_members; k++) {
        const size_t i = c->members[k];
        if ((subset >> k & 1) == 0) continue;
        ec_text_format(&text, "%s%s", text.size_bytes > 0 ? "+" : "",
                       names ? c->declared->sheet.candidates[i] : c->declared->origins[i].encoder);
    }
    char *joined = text.failed ? NULL : strdup(text.data);
    ec_text_release(&text);
    return joined;
}

/* The candidates of a subset, owned. NULL: out of memory. */
static size_t *list_members(size_t *n, const combining *c, uint32_t subset) {
    size_t *members = calloc(c->n_members + 1, sizeof *members);
    *n = 0;
    for (size_t k = 0; members != NULL && k < c->n_members; k++)
        if (subset >> k & 1) members[(*n)++] = c->members[k];
    return members;
}

static ec_status grow(combining *c, size_t n_more) {
    ec_declaration *d = c->declared;
    ec_sheet grown = {0};
    const size_t n = d->sheet.n_candidates;
    ec_origin *origins = realloc(d->origins, (n + n_more + 1) * sizeof *origins);
    if (origins == NULL) return ec_no_memory(c->path, c->err);
    d->origins = origins;
    memset(origins + n, 0, (n_more + 1) * sizeof *origins);
    ec_status status = ec_sheet_grow(&grown, &d->sheet, n_more, c->path, c->err);
    if (status == EC_OK) status = ec_sheet_index_benchmarks(&grown, c->path, c->err);
    if (status != EC_OK) {
        ec_sheet_release(&grown);
        return status;
    }
    memcpy(grown.candidate_line, d->sheet.candidate_line, n * sizeof *grown.candidate_line);
    ec_sheet_release(&d->sheet);
    d->sheet = grown;
    return EC_OK;
}

/* Adds a candidate for each subset of encoders that no declared candidate has. */
static ec_status add_candidates(combining *c) {
    size_t n_more = 0;
    for (size_t s = 0; s < c->n; s++)
        if (!is_declared(c, c->subsets[s])) c->subsets[n_more++] = c->subsets[s];
    if (n_more == 0) return EC_OK;
    size_t at = c->declared->sheet.n_candidates;
    ec_status status = grow(c, n_more);
    for (size_t s = 0; status == EC_OK && s < n_more; s++, at++) {
        ec_origin *origin = &c->declared->origins[at];
        char *name = join(c, c->subsets[s], true);
        *origin = (ec_origin){.encoder = join(c, c->subsets[s], false), .is_combined = true};
        origin->members = list_members(&origin->n_members, c, c->subsets[s]);
        c->declared->n_origins = at + 1;
        status = name != NULL && origin->encoder != NULL && origin->members != NULL
                     ? ec_sheet_name_candidate(&c->declared->sheet, at, name, c->path, 0, c->err)
                     : ec_no_memory(c->path, c->err);
        free(name);
    }
    return status;
}

static ec_status combine_all(combining *c) {
    const ec_status status = find_all_members(c);
    if (status != EC_OK || c->n_members < 2) return status;
    const uint32_t n_subsets = (uint32_t)1 << c->n_members;
    c->subsets = calloc(n_subsets, sizeof *c->subsets);
    if (c->subsets == NULL) return ec_no_memory(c->path, c->err);
    for (int size = 2; size <= (int)c->n_members; size++) /* pairs first */
        for (uint32_t subset = 1; subset < n_subsets; subset++)
            if (__builtin_popcount(subset) == size) c->subsets[c->n++] = subset;
    return add_candidates(c);
}

static ec_status combine_list(combining *c, const char *list) {
    uint32_t one;
    c->subsets = &one;
    ec_status status = EC_OK;
    for (const char *at = list; status == EC_OK; at++) {
        status = read_combination(c, &at);
        one = ((uint32_t)1 << c->n_members) - 1;
        c->n = c->n_members > 1;
        if (status == EC_OK) status = add_candidates(c);
        if (*at == '\0') break;
    }
    c->subsets = NULL;
    return status;
}

ec_status ec_declaration_combine(ec_declaration *declared, const char *path, ec_error *err) {
    const char *what = declared->scores.combine;
    combining c = {.declared = declared, .path = path, .err = err};
    if (what == NULL) return EC_OK;
    ec_status status = find_singles(&c);
    if (status == EC_OK)
        status = strcmp(what, "all") == 0 ? combine_all(&c) : combine_list(&c, what);
    free(c.subsets);
    free(c.single);
    return status;
}
