/* golden_csv.h - reads the small tables of tests/golden line by line */
#ifndef EC_TESTS_GOLDEN_CSV_H
#define EC_TESTS_GOLDEN_CSV_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct golden_csv {
    FILE *file;
    char line[8192];
    char *field[80];
    size_t n_fields;
} golden_csv;

/* Opens EC_SOURCE_DIR/tests/golden/<name> and skips its header; aborts the test when it is missing.
 */
static inline void golden_open(golden_csv *g, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/%s", EC_SOURCE_DIR, name);
    g->file = fopen(path, "r");
    if (g->file == NULL || fgets(g->line, sizeof g->line, g->file) == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        abort();
    }
}

/* The next row into g->field; 0 at the end, which also closes the file. */
static inline int golden_next(golden_csv *g) {
    if (fgets(g->line, sizeof g->line, g->file) == NULL) {
        fclose(g->file);
        return 0;
    }
    g->line[strcspn(g->line, "\n")] = '\0';
    g->n_fields = 0;
    for (char *s = g->line; s != NULL && g->n_fields < 80;) {
        g->field[g->n_fields++] = s;
        if ((s = strchr(s, ',')) != NULL) *s++ = '\0';
    }
    return 1;
}

static inline double golden_number(const golden_csv *g, size_t field) {
    return strtod(g->field[field], NULL);
}

/* "3 7 12" as indices; returns how many. */
static inline size_t golden_indices(size_t *out, const char *text) {
    size_t n = 0;
    char *end;
    for (unsigned long i = strtoul(text, &end, 10); end != text; i = strtoul(text, &end, 10)) {
        out[n++] = i;
        text = end;
    }
    return n;
}

/* |x - expected| over the larger of 1 and |expected|; infinite unless both or neither are NaN. */
static inline double golden_difference(double x, double expected) {
    if (isnan(x) || isnan(expected)) return isnan(x) && isnan(expected) ? 0.0 : INFINITY;
    return fabs(x - expected) / fmax(1.0, fabs(expected));
}

#endif
