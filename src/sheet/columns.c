/* columns.c - see columns.h */
#include "sheet/columns.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/memory.h"

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789_-.:@+";

const char *ec_column_name_fault(const char *name) {
    if (*name == '\0') return "is empty";
    if (strlen(name) > EC_COLUMN_NAME_MAX_BYTES) return "is longer than 63 bytes";
    if (name[strspn(name, allowed)] != '\0')
        return "has more than letters, digits and the signs _ - . : @ +";
    if (strcasecmp(name, "A") == 0 || strcasecmp(name, "C") == 0) return "is A or C itself";
    return NULL;
}

void ec_column_name_about(char name[EC_COLUMN_NAME_MAX_BYTES + 1], const char *what,
                          const char *candidate) {
    enum { MARK_BYTES = 8 }; /* of the hash, behind a dot */
    const size_t n = strlen(candidate), before = strlen(what) + 1;
    const bool whole =
        strspn(candidate, allowed) == n && before + n <= (size_t)EC_COLUMN_NAME_MAX_BYTES;
    const size_t most = (size_t)EC_COLUMN_NAME_MAX_BYTES - before - (whole ? 0 : 1 + MARK_BYTES);
    char hash[EC_HASH_SIZE];
    snprintf(name, EC_COLUMN_NAME_MAX_BYTES + 1, "%s_%.*s", what, (int)most, candidate);
    if (whole) return;
    for (char *c = name; *c != '\0'; c++)
        if (strchr(allowed, *c) == NULL) *c = '_';
    ec_hash_bytes(hash, candidate, n);
    const size_t at = strlen(name);
    snprintf(name + at, EC_COLUMN_NAME_MAX_BYTES + 1 - at, ".%.*s", MARK_BYTES, hash);
}

/* ---- a list --------------------------------------------------------------------------------- */

static ec_status add(ec_study_column **out, ec_columns *columns, const char *name, size_t benchmark,
                     size_t n_candidates, const char *path, ec_error *err) {
    if (columns->n == EC_STUDY_MAX_COLUMNS || (columns->n + 1) * n_candidates > EC_STUDY_MAX_CELLS)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: more columns beside A and C than %d (or %d numbers)", path,
                       EC_STUDY_MAX_COLUMNS, EC_STUDY_MAX_CELLS);
    ec_study_column *items = realloc(columns->items, (columns->n + 1) * sizeof *items);
    if (items != NULL) columns->items = items;
    char *copy = strdup(name);
    double *values = malloc((2 * n_candidates + 1) * sizeof *values);
    if (items == NULL || copy == NULL || values == NULL) {
        free(copy);
        free(values);
        return ec_no_memory(path, err);
    }
    for (size_t i = 0; i < 2 * n_candidates; i++) values[i] = NAN;
    *out = &items[columns->n++];
    **out = (ec_study_column){copy, benchmark, values, values + n_candidates};
    return EC_OK;
}

ec_study_column *ec_columns_find(const ec_columns *columns, const char *name, size_t benchmark) {
    for (size_t k = 0; k < columns->n; k++)
        if (columns->items[k].benchmark == benchmark && strcmp(columns->items[k].name, name) == 0)
            return &columns->items[k];
    return NULL;
}

ec_status ec_columns_at(ec_study_column **out, ec_columns *columns, const char *name,
                        size_t benchmark, size_t n_candidates, const char *path, ec_error *err) {
    *out = ec_columns_find(columns, name, benchmark);
    return *out != NULL ? EC_OK : add(out, columns, name, benchmark, n_candidates, path, err);
}

void ec_columns_release(ec_columns *columns) {
    for (size_t k = 0; k < columns->n; k++) {
        free((char *)columns->items[k].name);
        free(columns->items[k].value);
    }
    free(columns->items);
    *columns = (ec_columns){0};
}
