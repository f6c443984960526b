/* paper_table.h - the paper's published numbers (data/paper-*.csv) as an ec_table, for tests */
#ifndef EC_TESTS_PAPER_TABLE_H
#define EC_TESTS_PAPER_TABLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/table.h"

enum { PAPER_CANDIDATES_MAX = 16, PAPER_BENCHMARKS = 8 };

/* 4 vision benchmarks, then 4 of OCR: the order of the files and of the paper. */
static const char *const paper_benchmark[PAPER_BENCHMARKS] = {
    "MMBench", "MME", "OKVQA", "SEED-Bench", "MMMU", "TextVQA", "VizWiz", "ScienceQA"};

typedef struct paper_data {
    size_t n;
    char name[PAPER_CANDIDATES_MAX][32];
    double a[PAPER_BENCHMARKS * PAPER_CANDIDATES_MAX]; /* [8][n] */
    double c[PAPER_CANDIDATES_MAX];
    double z[PAPER_BENCHMARKS * PAPER_CANDIDATES_MAX]; /* [8][n] */
    ec_table table;                                    /* borrows the above */
} paper_data;

/* Reads EC_SOURCE_DIR/data/<file>: "paper-2024.csv" has A per benchmark, "paper-2025.csv" one A for
 * all. Aborts the test program when the file is not as expected. */
static inline void paper_load(paper_data *p, const char *file) {
    char path[1024], line[4096];
    double row[PAPER_CANDIDATES_MAX][1 + 2 * PAPER_BENCHMARKS];
    snprintf(path, sizeof path, "%s/data/%s", EC_SOURCE_DIR, file);
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(line, sizeof line, f) == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        abort();
    }
    size_t n_columns = 0;
    for (const char *s = line; (s = strchr(s, ',')) != NULL; s++) n_columns++;
    const size_t n_a = n_columns - 1 - PAPER_BENCHMARKS; /* 1 or 8 columns of A */
    memset(p, 0, sizeof *p);
    while (fgets(line, sizeof line, f) != NULL && p->n < PAPER_CANDIDATES_MAX) {
        char *s = strchr(line, ',');
        if (s == NULL || (n_a != 1 && n_a != PAPER_BENCHMARKS)) abort();
        *s = '\0';
        snprintf(p->name[p->n], sizeof p->name[0], "%.31s", line);
        for (size_t k = 0; k < n_columns; k++) row[p->n][k] = strtod(s + 1, &s);
        p->n++;
    }
    fclose(f);
    for (size_t i = 0; i < p->n; i++) {
        p->c[i] = row[i][0];
        for (size_t b = 0; b < PAPER_BENCHMARKS; b++) {
            p->a[b * p->n + i] = row[i][1 + (n_a == 1 ? 0 : b)];
            p->z[b * p->n + i] = row[i][1 + n_a + b];
        }
    }
    p->table = (ec_table){
        .n_candidates = p->n, .n_benchmarks = PAPER_BENCHMARKS, .a = p->a, .c = p->c, .z = p->z};
}

#endif
