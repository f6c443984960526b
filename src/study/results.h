/* results.h - what an evaluation found: benchmark=value lines, and results files of lmms-eval */
#ifndef EC_STUDY_RESULTS_H
#define EC_STUDY_RESULTS_H

#include "study/declaration.h"

#define EC_RESULTS_MAX_LINE_BYTES 4096 /* what is longer is no result */

/* A benchmark has one entry at most, the last that was read. */
typedef struct ec_results {
    ec_result *items; /* [n], room for every benchmark; the caller's */
    size_t n;
} ec_results;

/* Index by exact name, else by the only name that differs in letter case alone; n_benchmarks: not
 * there. */
size_t ec_results_find(const ec_sheet *sheet, const char *name);

/* Standard output of an evaluation, line by line: `benchmark=value` is a result, a line that is the
 * path of a .json file names a results file (a relative one begins at `folder`), anything else is
 * passed over. One word, '=' and a number, where the word is no benchmark, is an error: a result
 * would be lost. Adds to *results.
 *
 *   path   for messages
 *
 * Errors: EC_ERR_FORMAT, and those of ec_results_read_json. */
ec_status ec_results_read_lines(ec_results *results, const ec_declaration *declared,
                                const char *path, const char *bytes, size_t size_bytes,
                                const char *folder, ec_error *err);

/* The text of a results file of lmms-eval. Adds to *results; a file with a result for none of the
 * benchmarks is an error. */
ec_status ec_results_read_json(ec_results *results, const ec_declaration *declared,
                               const char *path, const char *bytes, size_t size_bytes,
                               ec_error *err);

/* The same from a file. */
ec_status ec_results_read_json_file(ec_results *results, const ec_declaration *declared,
                                    const char *path, ec_error *err);

/* The task of lmms-eval that measures benchmark b: declared, else known by name, else the name. */
void ec_results_add_task(ec_text *to, const ec_declaration *declared, size_t b);

/* What is wrong with `result: TASK.METRIC` or `TASK.METRIC * FACTOR`, to follow the quoted text;
 * NULL when nothing is. */
const char *ec_result_key_fault(const char *key);

#endif
