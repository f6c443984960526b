/* sheet.h - tables of candidates and benchmarks: what they hold, and how those of people are read
 *
 * CSV as spreadsheets write it, and JSON; docs/formats.md. What reads and writes them into a study:
 * study.h.
 */
#ifndef EYECHART_SHEET_H
#define EYECHART_SHEET_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EC_STUDY_MAX_CANDIDATES 100000
#define EC_STUDY_MAX_BENCHMARKS 1000
#define EC_STUDY_MAX_CELLS 10000000 /* candidates x benchmarks, candidates x columns */
#define EC_STUDY_MAX_COLUMNS 1000

/* Borrowed from the study until ec_study_close. */
typedef struct ec_benchmark {
    const char *name;
    const char *group; /* "vision", "ocr", or any other word; never NULL */
    int direction;     /* +1 higher is better, -1 lower is better */
    double low, high;  /* values that can occur; -INFINITY, INFINITY when not declared */
    double weight;     /* in a ranking over several benchmarks; 1 by default */
} ec_benchmark;

/* Numbers beside A and C, by candidate: parts of the scores, label-free measures
 * (representation.h), whatever was imported. Several columns of one name differ in the benchmark
 * that they are about. */
#define EC_ALL_BENCHMARKS ((size_t)-1)
typedef struct ec_study_column {
    const char *name;
    size_t benchmark;   /* EC_ALL_BENCHMARKS: one value for all */
    double *value, *se; /* [n_candidates]; NaN: unknown */
} ec_study_column;

/* ---- import ------------------------------------------------------------------------------ */

/* What a table of people needs to be said about it; zero is nothing. */
typedef enum ec_decimal { EC_DECIMAL_AUTO = 0, EC_DECIMAL_POINT, EC_DECIMAL_COMMA } ec_decimal;
typedef struct ec_import_options {
    const char *const *ignore; /* [n_ignore] columns to leave out, as their headings say */
    size_t n_ignore;
    const char *const *missing; /* [n_missing] what stands in a cell for a number that is not
                                   known, beside the usual words (docs/formats.md) */
    size_t n_missing;
    ec_decimal decimal; /* sign of a CSV; EC_DECIMAL_AUTO: as its numbers tell */
    const char *as_column; /* of an import: the results, such as those with another language
                              model, become the column of this name for each benchmark, and
                              nothing else of the file counts; where less is better the column
                              has the negative, so that more of it is better. NULL: results are
                              results */
} ec_import_options;

/* What became of a column of a file. */
typedef enum ec_column_use {
    EC_USE_CANDIDATE, /* names */
    EC_USE_SCORE,     /* A or C, a standard error of one */
    EC_USE_COST,      /* cost or hours */
    EC_USE_BENCHMARK, /* results */
    EC_USE_COLUMN,    /* a number beside A and C */
    EC_USE_LEFT_OUT   /* nothing: asked for, or `why` */
} ec_column_use;
typedef struct ec_import_column {
    char *heading; /* as the file has it */
    char *name;    /* in the study: "A", "MMBench", "params_M"; NULL: left out */
    ec_column_use use;
    size_t n_values; /* cells that are known */
    char *why;       /* left out, or taken for something: why; NULL: as the heading says */
} ec_import_column;

/* Owned; ec_import_report_release(). */
typedef struct ec_import_report {
    ec_import_column *columns; /* [n_columns] in the order of the file; of JSON in that of the
                                  study */
    size_t n_columns;
    char **notes; /* [n_notes] how the file was read where that is not plain: encoding, decimal
                     commas, words for missing numbers, names that look the same */
    size_t n_notes;
} ec_import_report;
void ec_import_report_release(ec_import_report *report);

#ifdef __cplusplus
}
#endif

#endif
