/* results_json.c - tasks with metrics, and results out of them
 *
 * A results file of lmms-eval is
 *
 *     {"results": {"mme": {"alias": "mme", "mme_perception_score,none": 1502.7,
 *                          "mme_perception_score_stderr,none": "N/A"}},
 *      "group_subtasks": {"mme": []}, "config": {"limit": null, "model_args": "pretrained=…"},
 *      "n-samples": {"mme": {"original": 2374, "effective": 2374}}, "model_name": "…", …}
 *
 * with keys "metric,filter", in older versions "metric" alone, and without "n-samples" or
 * "model_name".
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "eyechart/spelling.h"
#include "results/results.h"

/* A name in study.yaml or in the command is wrong, whatever the candidate. */
static ec_status name_is_unknown(const ec_results_reader *r) {
    if (r->err != NULL) r->err->status = EC_ERR_NOT_FOUND;
    return EC_ERR_NOT_FOUND;
}

void ec_task_file_release(ec_task_file *file) {
    json_decref(file->tasks);
    json_decref(file->subtasks);
    json_decref(file->n_samples);
    free(file->model);
    *file = (ec_task_file){0};
}

/* ---- metrics ------------------------------------------------------------------------------ */

/* The value of "metric,none", of "metric", or of the only "metric,filter". NULL: not there;
 * *several: under more than one filter. *found receives its whole key. */
static const json_t *find_metric(const json_t *task, const char *metric, bool *several,
                                 const char **found) {
    const size_t n = strlen(metric);
    const json_t *plain = json_object_get(task, metric), *filtered = NULL;
    json_t *value;
    const char *key;
    *several = false;
    *found = metric;
    if (plain != NULL) return plain;
    json_object_foreach((json_t *)task, key, value) {
        if (strncmp(key, metric, n) != 0 || key[n] != ',') continue;
        *several = filtered != NULL;
        *found = key;
        filtered = value;
        if (strcmp(key + n, ",none") == 0) {
            *several = false;
            return value;
        }
    }
    return filtered;
}

/* The standard error that goes with the metric called `key`: "metric_stderr,filter". NaN: none. */
static double error_of(const json_t *task, const char *key) {
    char name[300];
    const size_t n = strcspn(key, ",");
    snprintf(name, sizeof name, "%.*s_stderr%s", (int)n, key, key + n);
    const json_t *value = json_object_get(task, name);
    const double se = json_is_number(value) ? json_number_value(value) : NAN;
    return isfinite(se) && se >= 0.0 ? se : NAN;
}

/* What lmms-eval derives from a metric, and says about the task. */
static bool is_beside(const char *key) {
    static const char *const ends[] = {"_stderr",
                                       "_stderr_clt",
                                       "_stderr_clustered",
                                       "_expected_accuracy",
                                       "_consensus_accuracy",
                                       "_internal_variance",
                                       "_consistency_rate"};
    const size_t n = strcspn(key, ",");
    /* of the tables that VLMEvalKit writes where a judge extracts the answers */
    static const char *const counts[] = {"tot", "hit", "prefetch", "prefetch_rate"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (strlen(counts[i]) == n && strncmp(key, counts[i], n) == 0) return true;
    if (strncmp(key, "submission", 10) == 0 || strcmp(key, "samples") == 0) return true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t m = strlen(ends[i]);
        if (n > m && strncmp(key + n - m, ends[i], m) == 0) return true;
    }
    return false;
}

/* Keys of an object, for a message. */
static void list_keys(ec_text *to, const json_t *object) {
    enum { SHOWN = 12 };
    size_t n = 0;
    const char *key;
    json_t *unused;
    json_object_foreach((json_t *)object, key, unused) {
        if (n < SHOWN) ec_text_format(to, "%s%.60s", n > 0 ? ", " : "", key);
        n++;
    }
    if (n > SHOWN) ec_text_format(to, " and %zu more", n - SHOWN);
}

/* ---- limited runs ------------------------------------------------------------------------- */

static double number_in(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    double number = NAN;
    if (json_is_number(value))
        number = json_number_value(value);
    else if (json_is_string(value))
        ec_number_read(&number, json_string_value(value));
    return number;
}

static bool is_part(char text[100], const ec_task_file *file, const char *task, bool *known) {
    const json_t *n = json_object_get(file->n_samples, task);
    const double original = number_in(n, "original"), effective = number_in(n, "effective");
    *known = effective > 0.0 && original > 0.0;
    if (*known) snprintf(text, 100, "%.0f of %.0f samples", effective, original);
    return *known && effective < original;
}

/* Whether the task was run over a part of its samples; `text` then says how many. Of a group the
 * file has the samples of its members. */
static bool is_limited(char text[100], const ec_task_file *file, const char *task) {
    bool known, any_known = false;
    if (is_part(text, file, task, &known)) return true;
    any_known = known;
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(file->subtasks, task), i, member) {
        const char *name = json_string_value(member);
        if (name != NULL && is_part(text, file, name, &known)) return true;
        any_known = any_known || (name != NULL && known);
    }
    if (any_known) return false;
    snprintf(text, 100, "--limit %g", file->limit);
    return file->limit > 0.0;
}

/* *left_out: the folder has it, but nobody asked for it. */
static ec_status check_limit(bool *left_out, const ec_results_reader *r, const ec_task_file *file,
                             const char *task) {
    char text[100];
    *left_out = false;
    if (!is_limited(text, file, task)) return EC_OK;
    *left_out = r->listed && !r->limited;
    if (r->limited || r->listed)
        return ec_results_note(r->results, r->err, "%s: '%.80s' is of a limited run, %s%s", r->path,
                               task, text,
                               *left_out ? ", and left out; --limited takes it all the same" : "");
    ec_fail(r->err, EC_ERR_ARG,
            "%s: '%.80s' is of a limited run, %s: a trial, not a result of the benchmark; to take "
            "it all the same: 'eyechart tell --limited', or 'limited: true' under 'run:' in "
            "study.yaml",
            r->path, task, text);
    return EC_ERR_ARG;
}

/* ---- results ------------------------------------------------------------------------------ */

/* `usual` is a factor that is known, not declared: it does not hold for what is in percent already,
 * or where the study declares a range of fractions. */
static double fitting_scale(const ec_results_reader *r, size_t b, double value, double usual) {
    const ec_benchmark *benchmark = &r->declared->sheet.benchmarks[b];
    return usual == 100.0 && (value > 1.0 || benchmark->high <= 1.0) ? 1.0 : usual;
}

static ec_status take_value(const ec_results_reader *r, const ec_task_file *file, size_t b,
                            const char *task, const char *key, double scale, bool declared) {
    const json_t *metrics = json_object_get(file->tasks, task),
                 *number = json_object_get(metrics, key);
    double value = json_is_number(number) ? json_number_value(number) : NAN;
    if (!declared) scale = fitting_scale(r, b, value, scale);
    if (!isfinite(scale * value))
        return ec_sheet_fail(r->err, r->path, 0,
                             "results of '%.80s': '%.*s' is not a finite number; did the "
                             "evaluation fail?",
                             task, (int)strcspn(key, ","), key);
    bool left_out;
    const ec_status status = check_limit(&left_out, r, file, task);
    if (status != EC_OK || left_out) return status;
    const double se = fabs(scale) * error_of(metrics, key);
    char from[512], factor[EC_NUMBER_SIZE];
    ec_number_write(factor, scale);
    const size_t n = strcspn(key, ",");
    const bool plain = strcmp(key + n, ",none") == 0;
    snprintf(from, sizeof from, "%s.%.*s%s%s", task, (int)(plain ? n : strlen(key)), key,
             scale == 1.0 ? "" : " x ", scale == 1.0 ? "" : factor);
    return ec_results_set(r->results, b, scale * value, se, r->path, from, r->err);
}

static const char *key_at(const void *keys, size_t i) {
    return ((const char *const *)keys)[i];
}

/* "; did you mean '…'?" for a metric that is not there. */
static void add_nearest(ec_text *to, const json_t *task, const char *metric) {
    enum { MOST = 200 };
    const char *keys[MOST], *key;
    size_t n = 0;
    json_t *unused;
    json_object_foreach((json_t *)task, key, unused) if (n < MOST) keys[n++] = key;
    const size_t nearest = ec_spelling_nearest(metric, key_at, keys, n);
    if (nearest != EC_SPELLING_NONE)
        ec_text_format(to, "; did you mean '%.*s'?", (int)strcspn(keys[nearest], ","),
                       keys[nearest]);
}

/* What study.yaml says about benchmark b, against a file that has that task. */
static ec_status take_declared(const ec_results_reader *r, const ec_task_file *file, size_t b) {
    ec_metric_key key;
    ec_metric_key_split(&key, ec_results_declared_key(r->declared, b));
    const json_t *task = json_object_get(file->tasks, key.task);
    if (task == NULL) return EC_OK; /* of another evaluation */
    bool several;
    const char *found;
    const json_t *value = find_metric(task, key.metric, &several, &found);
    if (several)
        return ec_sheet_fail(r->err, r->path, 0,
                             "'%.80s' has '%.80s' under several filters; say which in study.yaml, "
                             "as 'result: %.80s.%.80s,FILTER'",
                             key.task, key.metric, key.task, key.metric);
    if (value != NULL)
        return take_value(r, file, b, key.task, found,
                          isnan(key.scale) ? ec_known_scale(&key) : key.scale, !isnan(key.scale));
    ec_text keys = {0};
    list_keys(&keys, task);
    add_nearest(&keys, task, key.metric);
    ec_sheet_fail(r->err, r->path, 0,
                  "'%.80s' has no '%.80s', which 'result:' in study.yaml names; it has %s",
                  key.task, key.metric, keys.data == NULL ? "nothing" : keys.data);
    ec_text_release(&keys);
    return name_is_unknown(r);
}

static ec_status take_known(const ec_results_reader *r, const ec_task_file *file, size_t b) {
    const ec_known_metric *known;
    for (size_t k = 0;
         (known = ec_known_metric_of(r->declared->sheet.benchmark_names[b], k)) != NULL; k++) {
        bool several;
        const char *found;
        const json_t *value =
            find_metric(json_object_get(file->tasks, known->task), known->metric, &several, &found);
        if (value != NULL && !several)
            return take_value(r, file, b, known->task, found, known->scale, false);
    }
    return EC_OK;
}

/* ---- tasks that are left out -------------------------------------------------------------- */

/* Whether some benchmark has its result of that task. */
static bool is_used(const ec_results_reader *r, const char *task) {
    const ec_results *results = r->results;
    const size_t n = strlen(task);
    for (size_t k = 0; k < results->n; k++) {
        const ec_found_result *item = &results->items[k];
        if (item->from != NULL && strncmp(item->from, task, n) == 0 && item->from[n] == '.')
            return true;
    }
    return false;
}

/* Whether a metric is over the whole of a task, by its name. */
static bool is_whole(const char *key) {
    return strstr(key, "verall") != NULL || strstr(key, "verage") != NULL ||
           strncmp(key, "Final", 5) == 0;
}

/* The first metrics of a task that are numbers, those over the whole of it before the others, at
 * most n; how many there are. */
static size_t list_metrics(const char **metrics, size_t n, const json_t *task) {
    size_t count = 0;
    const char *key;
    json_t *value;
    for (int whole = 1; whole >= 0; whole--) json_object_foreach((json_t *)task, key, value) {
            if (!json_is_number(value) || is_beside(key) || is_whole(key) != (whole == 1)) continue;
            if (count < n) metrics[count] = key;
            count++;
        }
    return count;
}

static bool is_subtask(const ec_task_file *file, const char *name) {
    const char *group;
    json_t *members;
    json_object_foreach(file->subtasks, group, members) {
        const char *unused[1];
        if (strcmp(group, name) == 0 ||
            list_metrics(unused, 1, json_object_get(file->tasks, group)) == 0)
            continue;
        size_t i;
        json_t *member;
        json_array_foreach(members, i, member) {
            const char *text = json_string_value(member);
            if (text != NULL && strcmp(text, name) == 0) return true;
        }
    }
    return false;
}

/* A slip in the name of a benchmark: its first letter is rarely one, and many end with "Bench". */
static size_t nearest_without_result(const ec_results_reader *r, const char *name) {
    const ec_sheet *sheet = &r->declared->sheet;
    const size_t near =
        ec_spelling_nearest(name, key_at, sheet->benchmark_names, sheet->n_benchmarks);
    if (near == EC_SPELLING_NONE || ec_results_of(r->results, near) != NULL ||
        ec_known_metric_of(sheet->benchmark_names[near], 0) != NULL || /* no slip, then */
        tolower((unsigned char)*name) != tolower((unsigned char)*sheet->benchmark_names[near]))
        return sheet->n_benchmarks;
    return near;
}

/* The benchmark without a result that a task may be meant for; n_benchmarks: none. */
static size_t meant_benchmark(const ec_results_reader *r, const char *task) {
    const ec_sheet *sheet = &r->declared->sheet;
    const size_t none = sheet->n_benchmarks;
    char plain[64], name[64];
    ec_plain_name(plain, sizeof plain, task);
    size_t begun = none;
    for (size_t b = 0; b < none; b++) {
        if (ec_results_of(r->results, b) != NULL) continue;
        ec_plain_name(name, sizeof name, sheet->benchmark_names[b]);
        if (strcmp(plain, name) == 0) return b;
        if (strlen(name) >= 3 && strncmp(plain, name, strlen(name)) == 0) begun = b;
    }
    if (begun < none) return begun;
    const char *measured = ec_known_name_of(task);
    return nearest_without_result(r, measured != NULL ? measured : plain);
}

/* "result: TASK.METRIC * 100" as it has to stand in study.yaml. */
static void add_line(ec_text *to, const char *task, const char *key, double value) {
    const size_t n = strcspn(key, ",");
    const bool plain = key[n] == '\0' || strcmp(key + n, ",none") == 0;
    const char *quote = plain ? "" : "'";
    ec_text_format(to, "result: %s%s.%.*s%s%s", quote, task, (int)(plain ? n : strlen(key)), key,
                   value > 0.0 && value <= 1.0 ? " * 100" : "", quote);
}

static ec_status note_left_out(const ec_results_reader *r, const ec_task_file *file,
                               const char *task) {
    enum { SHOWN = 4 };
    const char *metrics[SHOWN];
    const json_t *values = json_object_get(file->tasks, task);
    const size_t n = list_metrics(metrics, SHOWN, values), b = meant_benchmark(r, task);
    ec_text line = {0}, others = {0};
    add_line(&line, task, metrics[0], json_number_value(json_object_get(values, metrics[0])));
    for (size_t k = 1; k < n && k < SHOWN; k++)
        ec_text_format(&others, "%s%.*s", k == 1 ? " (or " : ", ", (int)strcspn(metrics[k], ","),
                       metrics[k]);
    if (n > 1) ec_text_add(&others, n > SHOWN ? ", ...)" : ")");
    ec_status status;
    if (line.failed || others.failed)
        status = ec_no_memory(r->path, r->err);
    else if (b < r->declared->sheet.n_benchmarks)
        status = ec_results_note(
            r->results, r->err,
            "%s: '%s' is left out; if it is %s, write under '- name: %s' in study.yaml: %s%s",
            r->path, task, r->declared->sheet.benchmark_names[b],
            r->declared->sheet.benchmark_names[b], line.data, n > 1 ? others.data : "");
    else
        status = ec_results_note(
            r->results, r->err,
            "%s: '%s' is left out: it is no benchmark of the study; to take it, add under "
            "'benchmarks:' in study.yaml: - {name: %s, %s}%s",
            r->path, task, task, line.data, n > 1 ? others.data : "");
    ec_text_release(&line);
    ec_text_release(&others);
    return status;
}

static ec_status note_all_left_out(const ec_results_reader *r, const ec_task_file *file) {
    enum { SHOWN = 8 };
    size_t n = 0;
    const char *task, *unused[1];
    json_t *metrics;
    ec_status status = EC_OK;
    json_object_foreach(file->tasks, task, metrics) {
        char text[100];
        if (is_used(r, task) || is_subtask(file, task) || list_metrics(unused, 1, metrics) == 0 ||
            (r->listed && is_limited(text, file, task)))
            continue;
        if (status == EC_OK && n++ < SHOWN) status = note_left_out(r, file, task);
    }
    if (status == EC_OK && n > SHOWN)
        status = ec_results_note(r->results, r->err, "%s: %zu more tasks are left out", r->path,
                                 n - SHOWN);
    return status;
}

/* ---- a file ------------------------------------------------------------------------------- */

ec_status ec_results_take(const ec_results_reader *r, const ec_task_file *file) {
    const char *name;
    json_t *task;
    ec_status status = EC_OK;
    json_object_foreach(file->tasks, name, task) {
        if (!json_is_object(task))
            return ec_sheet_fail(r->err, r->path, 0,
                                 "results of '%.80s' are not an object of metrics", name);
    }
    for (size_t b = 0; status == EC_OK && b < r->declared->sheet.n_benchmarks; b++)
        status = ec_results_declared_key(r->declared, b) != NULL ? take_declared(r, file, b)
                                                                 : take_known(r, file, b);
    return status == EC_OK ? note_all_left_out(r, file) : status;
}

/* Python writes NaN and Infinity, which JSON does not know, for example as the standard error of
 * one sample. Each becomes an empty string, which no result can be, and blanks. */
static void replace_non_finite(char *bytes, size_t size_bytes) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    bool in_string = false;
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] == '"') in_string = !in_string;
        if (in_string && bytes[i] == '\\') i++;
        if (in_string || (bytes[i] != 'N' && bytes[i] != 'I' && bytes[i] != '-')) continue;
        for (size_t w = 0; w < 3; w++) {
            const size_t n = strlen(words[w]);
            if (n > size_bytes - i || memcmp(bytes + i, words[w], n) != 0) continue;
            memset(bytes + i, ' ', n);
            memcpy(bytes + i, "\"\"", 2);
            i += n - 1;
            break;
        }
    }
}

static ec_status parse(json_t **root, const ec_results_reader *r, const char *bytes,
                       size_t size_bytes) {
    char *copy = malloc(size_bytes + 1);
    if (copy == NULL) return ec_no_memory(r->path, r->err);
    const size_t skip = size_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (size_bytes > 0) memcpy(copy, bytes, size_bytes);
    replace_non_finite(copy, size_bytes);
    json_error_t error;
    *root = json_loadb(copy + skip, size_bytes - skip, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                       &error);
    free(copy);
    if (*root != NULL) return EC_OK;
    return ec_sheet_fail(r->err, r->path, error.line > 0 ? (size_t)error.line : 0, "not JSON: %s",
                         error.text);
}

/* Whose results they are: "model_name", in older files behind "pretrained=" of the arguments. */
static char *model_of(const json_t *root) {
    const char *name = json_string_value(json_object_get(root, "model_name"));
    if (name != NULL && *name != '\0') return strdup(name);
    const json_t *given = json_object_get(json_object_get(root, "config"), "model_args");
    const char *args = json_string_value(given);
    if (json_is_string(json_object_get(given, "pretrained")))
        return strdup(json_string_value(json_object_get(given, "pretrained")));
    const char *model = args != NULL ? strstr(args, "pretrained=") : NULL;
    if (model == NULL) return NULL;
    model += strlen("pretrained=");
    return strndup(model, strcspn(model, ","));
}

static json_t *object_in(const json_t *root, const char *key) {
    json_t *value = json_object_get(root, key);
    return json_is_object(value) ? json_incref(value) : NULL;
}

/* Groups whose metrics stand apart from those of their members. */
static void add_groups(json_t *tasks, const json_t *groups) {
    const char *name, *unused[1];
    json_t *metrics;
    json_object_foreach((json_t *)groups, name, metrics) {
        if (json_is_object(metrics) && list_metrics(unused, 1, json_object_get(tasks, name)) == 0)
            json_object_set(tasks, name, metrics);
    }
}

static ec_status read_lmms_eval(ec_task_file *out, const ec_results_reader *r, const json_t *root) {
    out->tasks = object_in(root, "results");
    if (out->tasks == NULL)
        return ec_sheet_fail(r->err, r->path, 0,
                             "not a results file of lmms-eval: no object \"results\" in it; those "
                             "of VLMEvalKit are called MODEL_DATASET_score.json");
    add_groups(out->tasks, json_object_get(root, "groups"));
    out->subtasks = object_in(root, "group_subtasks");
    out->n_samples = object_in(root, "n-samples");
    const double limit = number_in(json_object_get(root, "config"), "limit");
    out->limit = limit > 0.0 ? limit : 0.0; /* newer versions write -1 for none */
    out->model = model_of(root);
    return EC_OK;
}

/* Files that people give instead, by their first bytes or by their name. */
static const char *other_kind(const char *path, const char *bytes, size_t size_bytes) {
    const size_t n = strlen(path);
    if (size_bytes >= 4 && memcmp(bytes, "PK\3\4", 4) == 0)
        return "a workbook or another archive, not a results file; save the sheet as CSV";
    if (n >= 6 && strcmp(path + n - 6, ".jsonl") == 0)
        return "holds samples, one a line, not results; the results are in the file "
               "*_results.json beside it";
    return NULL;
}

ec_status ec_task_file_read(ec_task_file *out, const ec_results_reader *r, const char *bytes,
                            size_t size_bytes) {
    const char *other = other_kind(r->path, bytes, size_bytes);
    if (other != NULL) return ec_sheet_fail(r->err, r->path, 0, "%s", other);
    const size_t n = strlen(r->path);
    const bool is_table =
        n >= 4 && (strcmp(r->path + n - 4, ".csv") == 0 || strcmp(r->path + n - 4, ".tsv") == 0);
    if (is_table) return ec_kit_table_read(out, r, bytes, size_bytes);
    json_t *root;
    ec_status status = parse(&root, r, bytes, size_bytes);
    if (status != EC_OK) return status;
    const bool of_kit = ec_results_is_kit_name(r->path) && json_is_object(root) &&
                        !json_is_object(json_object_get(root, "results"));
    status = of_kit ? ec_kit_object_read(out, r, root) : read_lmms_eval(out, r, root);
    json_decref(root);
    return status;
}
