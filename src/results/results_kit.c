/* results_kit.c - a file of VLMEvalKit as tasks with metrics
 *
 *     MODEL_MMBench_DEV_EN_acc.csv      "split","Overall","AR","CP",…     fractions, a row a split
 *     MODEL_TextVQA_VAL_acc.csv         "Overall"                         percent
 *     MODEL_MME_score.csv               "perception","reasoning","OCR",…  sums
 *     MODEL_POPE_score.csv              "split","Overall","acc",…         percent, a row a split
 *     MODEL_MMVet_gpt-4-turbo_score.csv "Category","tot","acc"            a row a category
 *     MODEL_OCRBench_score.json         {"Final Score": 611, …}
 *
 * The task is the data set and the metric is "COLUMN,ROW", with '_' for blanks: the first column
 * names the rows where it is not numbers. The files lie in a folder called like the model, or in a
 * folder T20…_G… of one evaluation in it, whose name therefore tells model and data set apart.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "base/number.h"
#include "results/results.h"

/* ---- names -------------------------------------------------------------------------------- */

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Length of the name before "_acc.csv", "_score.csv" and the like; 0: no such name. */
static size_t stem_length(const char *name) {
    static const char *const ends[] = {"_acc.csv",  "_score.csv", "_score.json",
                                       "_acc.json", "_acc.tsv",   "_score.tsv"};
    const size_t n = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t m = strlen(ends[i]);
        if (n > m && strcmp(name + n - m, ends[i]) == 0) return n - m;
    }
    return 0;
}

bool ec_results_is_kit_name(const char *path) {
    return stem_length(file_name(path)) > 0;
}

/* Cuts the name of the judge off: MODEL_MMVet_gpt-4-turbo. Judges are told by how they begin. */
static void cut_judge(char *stem) {
    static const char *const judges[] = {"exact_matching", "gpt",    "chatgpt", "openai", "qwen-",
                                         "deepseek",       "gemini", "claude",  "o1-",    "o3-"};
    for (char *at = stem + strlen(stem); --at > stem;)
        for (size_t i = 0; *at == '_' && i < sizeof judges / sizeof *judges; i++)
            if (strncmp(at + 1, judges[i], strlen(judges[i])) == 0) {
                *at = '\0';
                return;
            }
}

/* The folder of an evaluation: T20240101_Gabcdef. */
static bool is_evaluation(const char *folder, size_t n) {
    return n > 11 && folder[0] == 'T' && isdigit((unsigned char)folder[1]) && folder[9] == '_' &&
           folder[10] == 'G';
}

/* The name of the folder that ends at `end` of the path, and where it ends; its length. */
static size_t folder_before(const char *path, const char **begin, const char *end) {
    while (end > path && end[-1] == '/') end--;
    *begin = end;
    while (*begin > path && (*begin)[-1] != '/') --*begin;
    return (size_t)(end - *begin);
}

/* How many bytes of the stem are the model and '_', by the names of the folders; 0: unknown. */
static size_t model_by_folder(const char *path, const char *stem) {
    const char *folder, *name = file_name(path);
    size_t n = folder_before(path, &folder, name);
    if (is_evaluation(folder, n)) n = folder_before(path, &folder, folder);
    return n > 0 && strncmp(stem, folder, n) == 0 && stem[n] == '_' && stem[n + 1] != '\0' ? n + 1
                                                                                           : 0;
}

/* How many bytes of the stem are the model and '_': by the folders, else by the data set that the
 * name ends with, behind which a judge may stand. Cuts the judge off where there is one. */
static size_t split_stem(char *stem, const ec_results_reader *r) {
    char *real = realpath(r->path, NULL); /* VLMEvalKit links its files */
    size_t n = model_by_folder(r->path, stem);
    if (n == 0 && real != NULL) n = model_by_folder(real, stem);
    free(real);
    if (n > 0) {
        cut_judge(stem + n);
        return n;
    }
    size_t known = ec_results_data_set(stem, r->declared);
    if (known == 0) {
        cut_judge(stem);
        known = ec_results_data_set(stem, r->declared);
    }
    return known > 0 ? strlen(stem) - known : 0;
}

/* Splits the name of a file into model and data set, both owned. Where nothing tells them apart the
 * data set is all of it. */
static ec_status split_name(char **model, char **data_set, const ec_results_reader *r) {
    *model = *data_set = NULL;
    const char *name = file_name(r->path);
    char *stem = strndup(name, stem_length(name));
    if (stem != NULL) {
        const size_t n = split_stem(stem, r);
        *data_set = strdup(stem + n);
        *model = n > 1 ? strndup(stem, n - 1) : NULL;
    }
    free(stem);
    return *data_set != NULL ? EC_OK : ec_no_memory(r->path, r->err);
}

/* ---- content ------------------------------------------------------------------------------ */

/* "COLUMN,ROW" with '_' for blanks; `row` "": the column alone. */
static void metric_name(char *to, size_t size, const char *column, const char *row) {
    snprintf(to, size, "%s%s%s", column, *row != '\0' ? "," : "", row);
    for (; *to != '\0'; to++)
        if (isspace((unsigned char)*to)) *to = '_';
}

/* A number, or null for one that is missing; other words are no metrics. */
static json_t *cell_value(const char *text) {
    double value;
    switch (ec_number_read(&value, text)) {
    case EC_NUMBER_OK:
        return json_real(value);
    case EC_NUMBER_EMPTY:
    case EC_NUMBER_NOT_FINITE:
        return json_null();
    default:
        return NULL;
    }
}

static bool is_word(const char *text) {
    double unused;
    return ec_number_read(&unused, text) == EC_NUMBER_GARBAGE;
}

/* Fields of the first line, owned, since those of a record last until the next. */
static ec_status copy_header(char ***out, const ec_csv *csv, ec_error *err) {
    *out = calloc(csv->n_fields, sizeof **out);
    bool failed = *out == NULL;
    for (size_t f = 0; !failed && f < csv->n_fields; f++)
        failed = ((*out)[f] = strdup(csv->fields[f])) == NULL;
    return failed ? ec_no_memory(csv->path, err) : EC_OK;
}

static void add_row(json_t *task, char *const *header, const ec_csv *csv) {
    const bool named = is_word(csv->fields[0]);
    for (size_t f = named ? 1 : 0; f < csv->n_fields; f++) {
        char key[400];
        json_t *value = cell_value(csv->fields[f]);
        metric_name(key, sizeof key, header[f], named ? csv->fields[0] : "");
        /* The first row without a name counts; a key that is not UTF-8 is no metric. */
        if (value != NULL && (named || json_object_get(task, key) == NULL))
            json_object_set(task, key, value);
        json_decref(value);
    }
}

static ec_status read_table(json_t *task, ec_csv *csv, ec_error *err) {
    bool more;
    char **header = NULL;
    size_t n_rows = 0, n = 0;
    ec_status status = ec_csv_next(csv, &more, err);
    if (status == EC_OK && !more) return ec_sheet_fail(err, csv->path, 0, "empty");
    if (status == EC_OK) {
        n = csv->n_fields;
        status = copy_header(&header, csv, err);
    }
    while (status == EC_OK && (status = ec_csv_next(csv, &more, err)) == EC_OK && more) {
        if (csv->n_fields != n)
            status = ec_sheet_fail(err, csv->path, csv->line,
                                   "%zu fields, expected %zu as in the first line; is the file cut "
                                   "short?",
                                   csv->n_fields, n);
        else
            add_row(task, header, csv);
        n_rows++;
    }
    if (status == EC_OK && n_rows == 0)
        status = ec_sheet_fail(err, csv->path, 0, "no results, only a line of column names");
    for (size_t f = 0; header != NULL && f < n; f++) free(header[f]);
    free(header);
    return status;
}

static ec_status begin(ec_task_file *out, json_t **task, const ec_results_reader *r) {
    char *data_set;
    ec_status status = split_name(&out->model, &data_set, r);
    if (status != EC_OK) return status;
    *task = json_object();
    out->tasks = json_object();
    if (json_object_set_new(out->tasks, data_set, *task) != 0)
        status = ec_sheet_fail(r->err, r->path, 0, "the name of the file is not UTF-8");
    free(data_set);
    return status;
}

ec_status ec_kit_table_read(ec_task_file *out, const ec_results_reader *r, const char *bytes,
                            size_t size_bytes) {
    if (!ec_results_is_kit_name(r->path))
        return ec_sheet_fail(r->err, r->path, 0,
                             "not a results file: those of VLMEvalKit are called "
                             "MODEL_DATASET_acc.csv or MODEL_DATASET_score.csv; 'eyechart study "
                             "import' reads a table of candidates");
    json_t *task;
    ec_status status = begin(out, &task, r);
    if (status != EC_OK) return status;
    ec_csv csv;
    ec_csv_init(&csv, r->path, bytes, size_bytes);
    const size_t n = strlen(r->path);
    if (strcmp(r->path + n - 4, ".tsv") == 0) csv.separator = '\t';
    status = read_table(task, &csv, r->err);
    ec_csv_release(&csv);
    return status;
}

ec_status ec_kit_object_read(ec_task_file *out, const ec_results_reader *r, const json_t *root) {
    json_t *task;
    const ec_status status = begin(out, &task, r);
    if (status != EC_OK) return status;
    const char *name, *inner;
    json_t *value, *number;
    char key[400];
    json_object_foreach((json_t *)root, name, value) {
        metric_name(key, sizeof key, name, "");
        if (json_is_number(value) || json_is_null(value)) json_object_set(task, key, value);
        if (!json_is_object(value)) continue;
        json_object_foreach(value, inner, number) {
            metric_name(key, sizeof key, inner, name);
            if (json_is_number(number)) json_object_set(task, key, number);
        }
    }
    return EC_OK;
}
