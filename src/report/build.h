/* build.h - what the parts of the report's data share: the study at hand, and JSON that remembers
 * a failed allocation, so that the caller asks once, at the end */
#ifndef EC_REPORT_BUILD_H
#define EC_REPORT_BUILD_H

#include <jansson.h>
#include <stdbool.h>

#include "eyechart/report.h"

typedef struct build {
    ec_study *study;
    const ec_study_snapshot *snapshot;
    const ec_table *table; /* the snapshot's: A and C */
    const ec_study_snapshot *ranked; /* the same by the columns to rank by */
    const ec_report_options *options;
    size_t n, m;       /* candidates, benchmarks */
    double *left_out;  /* [m][n] by the law fitted without the candidate; NaN unknown */
    double *predicted; /* [m][n] by the ranking over the one benchmark; NaN unknown */
    bool failed;       /* out of memory */
} build;

/* Takes `value`; NULL, which is what jansson returns without memory, is remembered as a failure. */
void put(build *b, json_t *object, const char *key, json_t *value);
void append(build *b, json_t *array, json_t *value);

/* null unless finite. */
json_t *number(double value);
json_t *count(size_t value);
/* null for NULL. */
json_t *words(const char *text);
json_t *numbers(build *b, const double *values, size_t n);
/* {"why": text} */
json_t *why(build *b, const char *text);

/* A mean that skips what is not known; NaN of nothing. `stride` is the distance of two values. */
double mean_known(const double *values, size_t n, size_t stride);

/* The parts. */
json_t *data_law(build *b, size_t benchmark);
json_t *data_groups(build *b);
json_t *data_rankings(build *b);
json_t *data_recall(build *b);
/* Puts pictures and pictures_left_out; study_folder NULL: there are none. */
void data_pictures(build *b, json_t *root, const char *study_folder);

/* Groups of benchmarks, in the order of their first member: index of the first benchmark with the
 * same group word. */
size_t group_of(const build *b, size_t benchmark);
/* Members of the group that starts with benchmark `first`, into index [m]; returns how many. */
size_t group_members(const build *b, size_t first, size_t *index);

#endif
