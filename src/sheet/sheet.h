/* sheet.h - candidates by benchmarks: the content of one file of scores and results
 *
 * CSV, JSON and study.yaml are all read into a sheet and written from one. Missing numbers are NaN.
 */
#ifndef EC_SHEET_SHEET_H
#define EC_SHEET_SHEET_H

#include "base/text.h"
#include "eyechart/sheet.h"
#include "sheet/columns.h"
#include "sheet/repeats.h"

#define EC_SHEET_MAX_BYTES (256u << 20)

/* n = number of candidates, m = number of benchmarks. One block, in this order, but z_n. */
typedef struct ec_numbers {
    double *c, *c_se;               /* [n] */
    double *a_shared, *a_shared_se; /* [n], for the benchmarks without an A of their own */
    double *cost, *hours;           /* [n] GPU-hours of one finetuning: expected, recorded */
    double *a, *a_se, *z, *z_se;    /* [m][n] */
    double *z_n;                    /* [m][n] as in ec_table, for the statistics; NULL: all 1 */
} ec_numbers;

typedef struct ec_sheet {
    char *name; /* of the study, if the file tells; else NULL */
    size_t n_candidates, n_benchmarks;
    char **candidates;        /* [n] */
    ec_benchmark *benchmarks; /* [m], strings owned */
    char **benchmark_names;   /* [m], the pointers in `benchmarks`, for ec_names_find */
    size_t *candidate_order, *benchmark_order; /* from ec_names_sort */
    size_t *candidate_line;                    /* [n] where the file tells about it; 0 unknown */
    ec_numbers numbers; /* z and z_se: the first result of a candidate for a benchmark */
    ec_repeats repeats; /* the others */
    ec_columns columns; /* beside A and C; none in study.yaml */
} ec_sheet;

/* All numbers NaN; one allocation. */
ec_status ec_numbers_init(ec_numbers *numbers, size_t n, size_t m, ec_error *err);
void ec_numbers_release(ec_numbers *numbers);
/* A of candidate i for benchmark b: its own, else the shared one; *se likewise. */
double ec_numbers_a(const ec_numbers *numbers, size_t n, size_t b, size_t i, double *se);

/* An empty sheet of that size: names NULL, all numbers NaN.
 * `path` is for the message when the size is beyond the limits. */
ec_status ec_sheet_init(ec_sheet *sheet, const char *path, size_t n_candidates, size_t n_benchmarks,
                        ec_error *err);
void ec_sheet_release(ec_sheet *sheet);
/* A copy of `from` with n_more candidates at its end, without names yet. */
ec_status ec_sheet_grow(ec_sheet *sheet, const ec_sheet *from, size_t n_more, const char *path,
                        ec_error *err);

/* EC_ERR_FORMAT with "path:line: …", or "path: …" where line is 0. */
ec_status ec_sheet_fail(ec_error *err, const char *path, size_t line, const char *format, ...)
    EC_PRINTF(4, 5);

/* Sets the name of the study, checked; NULL leaves it unnamed. */
ec_status ec_sheet_name(ec_sheet *sheet, const char *name, const char *path, size_t line,
                        ec_error *err);
/* Set a name, checked; `line` 0 when unknown. Names are copied. A benchmark starts as higher is
 * better, any value, weight 1. */
ec_status ec_sheet_name_candidate(ec_sheet *sheet, size_t i, const char *name, const char *path,
                                  size_t line, ec_error *err);
ec_status ec_sheet_name_benchmark(ec_sheet *sheet, size_t b, const char *name, const char *group,
                                  const char *path, size_t line, ec_error *err);

/* Make the names findable; refuse duplicates. Call once all of them are set. */
ec_status ec_sheet_index_candidates(ec_sheet *sheet, const char *path, ec_error *err);
ec_status ec_sheet_index_benchmarks(ec_sheet *sheet, const char *path, ec_error *err);
/* By exact name; n_candidates, n_benchmarks: it is not there. */
size_t ec_sheet_find_candidate(const ec_sheet *sheet, const char *name);
size_t ec_sheet_find_benchmark(const ec_sheet *sheet, const char *name);

/* Refuses numbers that make no sense together: a standard error without its score, a result outside
 * the range of its benchmark. */
ec_status ec_sheet_check_numbers(const ec_sheet *sheet, const char *path, ec_error *err);

/* Whether `value` lies outside the range of the benchmark (NaN does not); then `text` says
 * "3 is outside the range [0, 1]". */
#define EC_RANGE_TEXT_SIZE 128
bool ec_benchmark_excludes(char text[EC_RANGE_TEXT_SIZE], const ec_benchmark *benchmark,
                           double value);

/* How a table is read, and what is to be said about it. */
typedef struct ec_sheet_reading {
    const ec_import_options *options; /* never NULL */
    const ec_sheet *declared; /* of the study that exists already; NULL: a new one */
    ec_import_report *report; /* added to; NULL: not wanted */
} ec_sheet_reading;

/* CSV and JSON: docs/formats.md. `path` is for messages. */
ec_status ec_sheet_read_table(ec_sheet *sheet, const ec_sheet_reading *how, const char *path,
                              const char *bytes, size_t size_bytes, ec_error *err);
/* The same without options, for a new study. */
ec_status ec_sheet_read_csv(ec_sheet *sheet, const char *path, const char *bytes, size_t size_bytes,
                            ec_error *err);
ec_status ec_sheet_read_json(ec_sheet *sheet, const char *path, const char *bytes,
                             size_t size_bytes, ec_error *err);
void ec_sheet_write_csv(ec_text *out, const ec_sheet *sheet);
void ec_sheet_write_json(ec_text *out, const ec_sheet *sheet);

#endif
