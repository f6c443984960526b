/* results.h - what an evaluation found: benchmark=value lines and results files, of one model
 *
 *     results.c        lines, and the collection
 *     results_tasks.c  the task of a benchmark, as study.yaml declares it or as it is known
 *     results_json.c   a file of lmms-eval; tasks with metrics into results
 *     results_kit.c    a file of VLMEvalKit as tasks with metrics
 *     results_files.c  several files and folders
 */
#ifndef EC_RESULTS_RESULTS_H
#define EC_RESULTS_RESULTS_H

#include <jansson.h>

#include "benchmarks/known.h"
#include "eyechart/results.h"
#include "study/declaration.h"

#define EC_RESULTS_MAX_LINE_BYTES 4096 /* what is longer is no result */
#define EC_RESULTS_CLOCK_SLACK 2.0     /* seconds that the clocks of file systems may be behind */

/* What is being read, and into what. */
typedef struct ec_results_reader {
    ec_results *results; /* added to */
    const ec_declaration *declared;
    const char *path; /* for messages, and the file that results are said to be from */
    ec_error *err;
    bool limited; /* takes limited runs */
    double since; /* files of folders that are older are passed over; seconds since 1970, 0: none
                     are */
    bool listed;  /* the file was found in a folder: what a limited run in it has is left out rather
                     than an error */
} ec_results_reader;

/* ---- collection --------------------------------------------------------------------------- */

/* The entry of a benchmark; NULL: none. */
ec_found_result *ec_results_of(const ec_results *results, size_t benchmark);
/* Sets it, in the place of one that is there. `file` and `from` are copied; NULL: a line. */
ec_status ec_results_set(ec_results *results, size_t benchmark, double value, double se,
                         const char *file, const char *from, ec_error *err);
ec_status ec_results_note(ec_results *results, ec_error *err, const char *format, ...)
    EC_PRINTF(3, 4);

/* ---- sources ------------------------------------------------------------------------------ */

/* Standard output of an evaluation, line by line: `benchmark=value` is a result, a line that is the
 * path of a results file names one (a relative one begins at `folder`), anything else is passed
 * over. One word, '=' and a number, where the word is no benchmark, is an error: a result would be
 * lost. Of the path of a file that is not there a note remains.
 *
 * Errors: EC_ERR_FORMAT, and those of ec_results_read. */
ec_status ec_results_read_lines(const ec_results_reader *r, const char *bytes, size_t size_bytes,
                                const char *folder);

/* Files and folders of one model, oldest first; see ec_results_read. r->path is not used. */
ec_status ec_results_read_paths(const ec_results_reader *r, const char *const *paths,
                                size_t n_paths);

/* What one file has, as metrics of tasks. Zero-initialise; ec_task_file_release(). */
typedef struct ec_task_file {
    json_t *tasks;     /* {TASK: {"METRIC,FILTER": number or null, …}} */
    json_t *subtasks;  /* {GROUP: [TASK, …]}; NULL: none known */
    json_t *n_samples; /* {TASK: {"original": N, "effective": N}}; NULL: unknown */
    double limit;      /* of the samples of each task; 0: none */
    char *model;       /* whose results they are; NULL: unknown */
} ec_task_file;

void ec_task_file_release(ec_task_file *file);

/* Reads the text of a results file of any tool: r->path decides which where the text does not. */
ec_status ec_task_file_read(ec_task_file *out, const ec_results_reader *r, const char *bytes,
                            size_t size_bytes);

/* The same of a file of VLMEvalKit alone: a table with a row a split, or an object of numbers.
 * r->path tells model and dataset. */
bool ec_results_is_kit_name(const char *path);
ec_status ec_kit_table_read(ec_task_file *out, const ec_results_reader *r, const char *bytes,
                            size_t size_bytes);
ec_status ec_kit_object_read(ec_task_file *out, const ec_results_reader *r, const json_t *root);

/* Adds the results that the tasks have for benchmarks, and notes on the tasks without one. */
ec_status ec_results_take(const ec_results_reader *r, const ec_task_file *file);

/* ---- what is declared --------------------------------------------------------------------- */

/* `result:` of benchmark b; NULL: not declared. */
const char *ec_results_declared_key(const ec_declaration *declared, size_t b);

/* How many bytes at the end of `stem` are the name of a data set that is known or declared; 0:
 * none. */
size_t ec_results_data_set(const char *stem, const ec_declaration *declared);

/* The task of lmms-eval that measures benchmark b: declared, else known by name, else the name. */
void ec_results_add_task(ec_text *to, const ec_declaration *declared, size_t b);

#endif
