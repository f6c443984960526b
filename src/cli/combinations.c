/* combinations.c - see combinations.h */
#include "cli/combinations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/sources.h"

static char *copy_text(const char *text) {
    const size_t size = strlen(text) + 1;
    return memcpy(allocate(size, 1), text, size);
}

/* ---- members ---- */

static bool same_source(const ec_feature_source *a, const ec_feature_source *b) {
    return strcmp(a->folder, b->folder) == 0 && a->size == b->size;
}

/* Index of the member of this source, added where there is none; EC_C_MAX_MEMBERS: no room. */
static size_t member_of(combinations *all, const ec_feature_source *source) {
    size_t i = 0;
    while (i < all->n_members && !same_source(&all->members[i].source, source)) i++;
    if (i == all->n_members && i < EC_C_MAX_MEMBERS)
        all->members[all->n_members++] = (member){.source = *source};
    return i;
}

/* The last part of a folder's name. */
static const char *last_part(const char *folder, size_t *length) {
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/') begin--;
    if (begin == end) begin = 0;
    *length = end - begin;
    return folder + begin;
}

static char *member_name(const member *m, bool whole) {
    size_t length = strlen(m->source.folder);
    const char *part = whole ? m->source.folder : last_part(m->source.folder, &length);
    char *folder = allocate(length + 1, 1);
    memcpy(folder, part, length);
    const ec_feature_source named = {.folder = folder, .size = m->source.size};
    char *name = ec_feature_sources_write(&named, 1);
    free(folder);
    if (name != NULL) return name;
    note("out of memory");
    exit(EXIT_DATA);
}

static void name_members(combinations *all) {
    bool unique = true;
    for (int whole = 0; whole < 2; whole++) {
        for (size_t i = 0; i < all->n_members; i++)
            all->members[i].name = member_name(&all->members[i], whole != 0);
        for (size_t i = 0; i < all->n_members; i++) {
            for (size_t j = 0; j < i; j++)
                unique = unique && strcmp(all->members[i].name, all->members[j].name) != 0;
        }
        if (unique || whole != 0) return;
        for (size_t i = 0; i < all->n_members; i++) free(all->members[i].name);
    }
}

/* ---- combinations ---- */

static void add_row(combinations *all, uint32_t subset, bool asked_for) {
    for (size_t i = 0; i < all->n_rows; i++) {
        if (all->rows[i].subset == subset) return;
    }
    if (all->n_rows == all->capacity) {
        all->capacity = all->capacity > 0 ? 2 * all->capacity : 64;
        combination *grown = allocate(all->capacity, sizeof *grown);
        if (all->n_rows > 0) memcpy(grown, all->rows, all->n_rows * sizeof *grown);
        free(all->rows);
        all->rows = grown;
    }
    all->rows[all->n_rows++] = (combination){.subset = subset, .asked_for = asked_for};
}

static void name_row(combination *row, const combinations *all) {
    size_t length = 1;
    for (size_t i = 0; i < all->n_members; i++) {
        if (row->subset >> i & 1) length += strlen(all->members[i].name) + 1;
    }
    row->name = allocate(length, 1);
    for (size_t i = 0; i < all->n_members; i++) {
        if ((row->subset >> i & 1) == 0) continue;
        if (row->name[0] != '\0') strcat(row->name, "+");
        strcat(row->name, all->members[i].name);
    }
}

static int add_all(combinations *all, const arguments *args) {
    if (all->n_members > MAX_COMBINED)
        return usage_error(args->command,
                           "--combine all: %zu encoders make %u combinations; at most %d encoders, "
                           "or list the combinations",
                           all->n_members, (1U << all->n_members) - 1, MAX_COMBINED);
    for (int size = 1; size <= (int)all->n_members; size++) {
        for (uint32_t subset = 1; subset < (uint32_t)1 << all->n_members; subset++) {
            if (__builtin_popcount(subset) == size) add_row(all, subset, false);
        }
    }
    return EXIT_DONE;
}

static const char *name_at(const void *members, size_t i) {
    return ((const member *)members)[i].name;
}

/* Bit of the member called `name`; 0 after saying that there is none. */
static uint32_t member_bit(const combinations *all, const char *name, const arguments *args) {
    for (size_t i = 0; i < all->n_members; i++) {
        if (strcmp(all->members[i].name, name) == 0) return (uint32_t)1 << i;
    }
    usage_error(args->command, "--combine: '%s' is none of the encoders%s", name,
                did_you_mean("", name, name_at, all->members, all->n_members));
    return 0;
}

/* "a+b,a+c": names as they stand in the result. Cuts `list`. */
static int add_list(combinations *all, char *list, const arguments *args) {
    for (char *rest = list, *item; (item = strsep(&rest, ",")) != NULL;) {
        uint32_t subset = 0;
        for (char *name; (name = strsep(&item, "+")) != NULL;) {
            const uint32_t bit = member_bit(all, name, args);
            if (bit == 0) return EXIT_USAGE;
            subset |= bit;
        }
        add_row(all, subset, true);
    }
    return EXIT_DONE;
}

static int add_operand(combinations *all, const char *text, ec_feature_source otherwise,
                       const arguments *args) {
    ec_feature_source *sources;
    size_t n;
    uint32_t subset = 0;
    const int status = parse_sources(&sources, &n, text, otherwise, args->command);
    all->owned[all->n_owned++] = sources;
    if (status != EXIT_DONE) return status;
    for (size_t i = 0; i < n; i++) {
        if (sources[i].prepare != otherwise.prepare)
            return usage_error(args->command,
                               "'%s': ':%s' cannot be chosen here, each protocol has its "
                               "preparation",
                               text, prepare_at(sources[i].prepare));
        const size_t at = member_of(all, &sources[i]);
        if (at == EC_C_MAX_MEMBERS)
            return usage_error(args->command, "more than %d encoders", EC_C_MAX_MEMBERS);
        subset |= (uint32_t)1 << at;
    }
    add_row(all, subset, true);
    return EXIT_DONE;
}

int combinations_parse(combinations *out, const arguments *args, ec_feature_source otherwise,
                       const char *combine) {
    *out = (combinations){.owned = allocate(args->n_operands + 1, sizeof *out->owned)};
    int status = EXIT_DONE;
    for (size_t i = 0; i < args->n_operands && status == EXIT_DONE; i++)
        status = add_operand(out, args->operands[i], otherwise, args);
    if (status != EXIT_DONE) return status;
    name_members(out);
    if (combine != NULL && strcmp(combine, "all") == 0) {
        status = add_all(out, args);
    } else if (combine != NULL) {
        char *list = out->owned[out->n_owned++] = copy_text(combine);
        status = add_list(out, list, args);
    }
    for (size_t i = 0; i < out->n_rows; i++) name_row(&out->rows[i], out);
    return status;
}

void combinations_release(combinations *all) {
    for (size_t i = 0; i < all->n_members; i++) free(all->members[i].name);
    for (size_t i = 0; i < all->n_rows; i++) free(all->rows[i].name);
    for (size_t i = 0; i < all->n_owned; i++) free(all->owned[i]);
    free(all->rows);
    free(all->owned);
}

/* ---- grids ---- */

static int refuse_mixed(const combinations *all, const combination *row) {
    char grids[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < all->n_members && n < sizeof grids - 1; i++) {
        const member *m = &all->members[i];
        if (row->subset >> i & 1)
            n += (size_t)snprintf(grids + n, sizeof grids - n, "%s%s %zu x %zu", n > 0 ? ", " : "",
                                  m->name, m->grid, m->grid);
    }
    note("%s: the grids of patches differ (%s); give sizes (@PIXELS) that make them equal, or "
         "--resample-grids",
         row->name, grids);
    return EXIT_DATA;
}

int combinations_place(combinations *all, bool resample) {
    size_t n_kept = 0, n_dropped = 0;
    for (size_t r = 0; r < all->n_rows; r++) {
        combination row = all->rows[r];
        for (size_t i = 0; i < all->n_members; i++) {
            const size_t grid = all->members[i].grid;
            if ((row.subset >> i & 1) == 0) continue;
            row.resampled = row.resampled || (row.grid > 0 && grid != row.grid);
            if (grid > row.grid) row.grid = grid;
        }
        if (row.resampled && !resample && row.asked_for) return refuse_mixed(all, &row);
        if (row.resampled && !resample) {
            free(row.name);
            all->rows[r].name = NULL;
            n_dropped++;
            continue;
        }
        all->rows[r].name = NULL; /* it moves */
        all->rows[n_kept++] = row;
    }
    all->n_rows = n_kept;
    if (n_dropped > 0)
        note("combinations of different grids are left out: %zu; --resample-grids takes them in",
             n_dropped);
    return EXIT_DONE;
}
