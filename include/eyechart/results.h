/* results.h - the results of an evaluation, out of the files that evaluation tools write
 *
 *     lmms-eval     MODEL/TIMESTAMP_results.json, {"results": {TASK: {"METRIC,FILTER": VALUE}}}
 *     VLMEvalKit    MODEL/MODEL_DATASET_acc.csv, MODEL_DATASET_score.csv, MODEL_DATASET_score.json
 *
 * Which metric of which task is the result of a benchmark is declared (`result:` in study.yaml), or
 * known by the name of the benchmark, and so is its unit: docs/formats.md has the table.
 */
#ifndef EYECHART_RESULTS_H
#define EYECHART_RESULTS_H

#include "eyechart/study.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EC_RESULTS_MAX_BYTES (64u << 20) /* of one file */
#define EC_RESULTS_MAX_FILES 10000       /* of one call */

/* One result and where it is from. */
typedef struct ec_found_result {
    size_t benchmark;
    double value;
    double se;  /* its standard error, in the same unit; NaN: the file has none */
    char *file; /* NULL: a line of an evaluation's output */
    char *from; /* "textvqa_val.exact_match x 100"; NULL likewise */
} ec_found_result;

/* A benchmark has one entry at most. Owned; ec_results_release(). */
typedef struct ec_results {
    ec_found_result *items; /* [n] */
    size_t n;
    char **notes; /* [n_notes] what a person should know: tasks left out and the line of study.yaml
                     that would take them, values that newer files replaced */
    size_t n_notes;
} ec_results;

void ec_results_release(ec_results *results);

/* Reads results files, and those of folders, as far as they go down.
 *
 *   out      empty on failure, else with one result at least
 *   paths    [n_paths]; the results are those of one model
 *   limited  takes results of runs over a part of the samples (lmms-eval's --limit), too
 *
 * Where several files have a result for one benchmark the newest counts, by the time in its name,
 * else by when it was written, and a note says so.
 * Errors: EC_ERR_NOT_FOUND no such file, none in a folder, no result for any benchmark, or not the
 * metric that study.yaml names; EC_ERR_ARG a limited run; EC_ERR_FORMAT not such a file, a value is
 * no finite number, files of a folder are of several models; EC_ERR_IO; EC_ERR_NOMEM. */
ec_status ec_results_read(ec_results *out, const ec_study *study, const char *const *paths,
                          size_t n_paths, bool limited, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
