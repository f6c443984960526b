/* results.c - see results.h; docs/formats.md has the table of tasks and metrics
 *
 * A results file of lmms-eval is
 *
 *     {"results": {"mme": {"alias": "mme", "mme_perception_score,none": 1502.7,
 *                          "mme_perception_score_stderr,none": "N/A"}}, …}
 *
 * with keys "metric,filter", in older versions "metric" alone. Accuracies are fractions there and
 * percentages in the paper and here, but MMBench, which is in percent, and MME, a sum. Looked up in
 * lmms_eval/tasks of EvolvingLMMs-Lab/lmms-eval, where MME's metric was spelt "percetion" for long.
 */
#include "study/results.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/number.h"
#include "eyechart/loop.h"
#include "eyechart/spelling.h"

typedef struct {
    const char *name; /* of a benchmark: its letters and digits, in lower case */
    const char *task, *metric;
    double scale;
} known_metric;

/* Where a benchmark has two rows the first is the one to ask lmms-eval for, and each is read. */
static const known_metric known_metrics[] = {
    {"mmbench", "mmbench_en_dev", "gpt_eval_score", 1.0},
    {"mmbenchen", "mmbench_en_dev", "gpt_eval_score", 1.0},
    {"mmbenchendev", "mmbench_en_dev", "gpt_eval_score", 1.0},
    {"mme", "mme", "mme_perception_score", 1.0},
    {"mme", "mme", "mme_percetion_score", 1.0},
    {"mmmu", "mmmu_val", "mmmu_acc", 100.0},
    {"mmmuval", "mmmu_val", "mmmu_acc", 100.0},
    {"okvqa", "ok_vqa", "exact_match", 100.0},
    {"okvqa", "ok_vqa_val2014", "exact_match", 100.0},
    {"textvqa", "textvqa_val", "exact_match", 100.0},
    {"textvqaval", "textvqa_val", "exact_match", 100.0},
    {"vizwiz", "vizwiz_vqa_val", "exact_match", 100.0},
    {"vizwizvqa", "vizwiz_vqa_val", "exact_match", 100.0},
    {"vizwizvqaval", "vizwiz_vqa_val", "exact_match", 100.0},
    {"scienceqa", "scienceqa_img", "exact_match", 100.0},
    {"scienceqaimg", "scienceqa_img", "exact_match", 100.0},
    {"seedbench", "seedbench", "seed_image", 100.0},
    {"seedbenchimg", "seedbench", "seed_image", 100.0},
    {"seedbenchimage", "seedbench", "seed_image", 100.0},
    {"seedimg", "seedbench", "seed_image", 100.0},
    {"seedimage", "seedbench", "seed_image", 100.0},
};
enum { N_KNOWN = sizeof known_metrics / sizeof *known_metrics };

/* Letters and digits of a name, in lower case; cut to the room there is. */
static void plain_name(char *to, size_t size, const char *name) {
    size_t n = 0;
    for (; *name != '\0' && n + 1 < size; name++)
        if (isalnum((unsigned char)*name)) to[n++] = (char)tolower((unsigned char)*name);
    to[n] = '\0';
}

static bool is_known_for(const known_metric *known, const char *benchmark) {
    char plain[64];
    plain_name(plain, sizeof plain, benchmark);
    return strcmp(plain, known->name) == 0;
}

/* ---- benchmarks --------------------------------------------------------------------------- */

size_t ec_results_find(const ec_sheet *sheet, const char *name) {
    const size_t exact = ec_sheet_find_benchmark(sheet, name), m = sheet->n_benchmarks;
    if (exact < m) return exact;
    size_t found = m;
    for (size_t b = 0; b < m; b++) {
        if (strcasecmp(sheet->benchmark_names[b], name) != 0) continue;
        if (found < m) return m; /* several */
        found = b;
    }
    return found;
}

static void set_result(ec_results *results, size_t benchmark, double value) {
    size_t k = 0;
    while (k < results->n && results->items[k].benchmark != benchmark) k++;
    results->items[k] = (ec_result){benchmark, value};
    if (k == results->n) results->n++;
}

static const char *name_at(const void *names, size_t i) {
    return ((const char *const *)names)[i];
}

/* ---- lines -------------------------------------------------------------------------------- */

/* The text being read, and where. */
typedef struct {
    ec_results *results;
    const ec_declaration *declared;
    const char *path, *folder;
    size_t line;
    ec_error *err;
} reader;

/* A name in study.yaml or in the command is wrong, whatever the candidate. */
static ec_status name_is_unknown(const reader *r) {
    if (r->err != NULL) r->err->status = EC_ERR_NOT_FOUND;
    return EC_ERR_NOT_FOUND;
}

static ec_status fail_unknown(const reader *r, const char *name) {
    const ec_sheet *sheet = &r->declared->sheet;
    const size_t nearest =
        ec_spelling_nearest(name, name_at, sheet->benchmark_names, sheet->n_benchmarks);
    if (nearest != EC_SPELLING_NONE)
        ec_sheet_fail(r->err, r->path, r->line, "no benchmark '%.80s'; did you mean '%.80s'?", name,
                      sheet->benchmark_names[nearest]);
    else
        ec_sheet_fail(r->err, r->path, r->line,
                      "no benchmark '%.80s' in the study; print what is no result differently "
                      "or to standard error",
                      name);
    return name_is_unknown(r);
}

/* Cuts blanks off both ends. */
static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1])) text[--n] = '\0';
    return text;
}

static ec_status read_assignment(const reader *r, char *name, char *number) {
    const ec_sheet *sheet = &r->declared->sheet;
    name = trim(name);
    const size_t b = ec_results_find(sheet, name);
    const bool known = b < sheet->n_benchmarks;
    double value;
    const ec_number_fault fault = ec_number_read(&value, number);
    if (known && fault != EC_NUMBER_OK)
        return ec_sheet_fail(r->err, r->path, r->line, "%.80s: '%.80s' %s", name, trim(number),
                             ec_number_fault_words(fault));
    if (known) set_result(r->results, b, value);
    const bool is_word = *name != '\0' && strpbrk(name, " \t=:;,\"'(){}[]") == NULL;
    const bool is_value = fault == EC_NUMBER_OK || fault == EC_NUMBER_NOT_FINITE;
    return known || !is_word || !is_value ? EC_OK : fail_unknown(r, name);
}

/* A line that is the path of a file that is there. */
static bool is_results_file(ec_text *path, const reader *r, const char *line) {
    const size_t n = strlen(line);
    struct stat info;
    if (n < 6 || strcasecmp(line + n - 5, ".json") != 0) return false;
    if (line[0] == '/' || r->folder == NULL)
        ec_text_add(path, line);
    else
        ec_text_format(path, "%s/%s", r->folder, line);
    return path->failed || (stat(path->data, &info) == 0 && S_ISREG(info.st_mode));
}

static ec_status read_line(const reader *r, char *line) {
    line = trim(line);
    ec_text file = {0};
    ec_status status = EC_OK;
    if (is_results_file(&file, r, line)) {
        status = file.failed
                     ? ec_fail(r->err, EC_ERR_NOMEM, "%s: out of memory", r->path)
                     : ec_results_read_json_file(r->results, r->declared, file.data, r->err);
    } else {
        char *equals = strrchr(line, '=');
        if (equals != NULL) {
            *equals = '\0';
            status = read_assignment(r, line, equals + 1);
        }
    }
    ec_text_release(&file);
    return status;
}

ec_status ec_results_read_lines(ec_results *results, const ec_declaration *declared,
                                const char *path, const char *bytes, size_t size_bytes,
                                const char *folder, ec_error *err) {
    reader r = {results, declared, path, folder, 0, err};
    char line[EC_RESULTS_MAX_LINE_BYTES];
    ec_status status = EC_OK;
    for (size_t at = 0; status == EC_OK && at < size_bytes;) {
        size_t n = 0; /* a bar that rewrites itself ends its lines with '\r' */
        while (at + n < size_bytes && bytes[at + n] != '\n' && bytes[at + n] != '\r') n++;
        if (at == 0 || bytes[at - 1] == '\n') r.line++;
        if (n < sizeof line && memchr(bytes + at, '\0', n) == NULL) {
            memcpy(line, bytes + at, n);
            line[n] = '\0';
            status = read_line(&r, line);
        }
        at += n + 1;
    }
    return status;
}

/* ---- results files ------------------------------------------------------------------------ */

typedef struct {
    char task[200], metric[200];
    double scale; /* NaN: not given */
} metric_key;

/* "TASK.METRIC * FACTOR"; task names may hold dots. Returns what is wrong, NULL when nothing is. */
static const char *split_key(metric_key *out, const char *text) {
    static const char *const shape = "is not TASK.METRIC, such as mme.mme_perception_score, with "
                                     "'* 100' behind it where a fraction is to be a percentage";
    const char *star = strchr(text, '*'), *end = star != NULL ? star : text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) end--;
    const char *dot = end;
    while (dot > text && *dot != '.') dot--;
    const size_t n_task = (size_t)(dot - text), n_metric = (size_t)(end - dot);
    if (n_task == 0 || n_metric < 2 || n_task >= sizeof out->task ||
        n_metric > sizeof out->metric || memchr(text, ' ', (size_t)(end - text)) != NULL)
        return shape;
    memcpy(out->task, text, n_task);
    out->task[n_task] = '\0';
    memcpy(out->metric, dot + 1, n_metric - 1);
    out->metric[n_metric - 1] = '\0';
    out->scale = NAN;
    if (star != NULL &&
        (ec_number_read(&out->scale, star + 1) != EC_NUMBER_OK || out->scale == 0.0))
        return "has no number to multiply with behind its '*'";
    return NULL;
}

const char *ec_result_key_fault(const char *key) {
    metric_key unused;
    return split_key(&unused, key);
}

/* What the paper's benchmarks multiply that metric with; 1 for others. */
static double usual_scale(const metric_key *key) {
    const size_t n = strcspn(key->metric, ","); /* without the filter */
    for (size_t k = 0; k < N_KNOWN; k++)
        if (strcmp(known_metrics[k].task, key->task) == 0 &&
            strncmp(known_metrics[k].metric, key->metric, n) == 0 &&
            known_metrics[k].metric[n] == '\0')
            return known_metrics[k].scale;
    return 1.0;
}

/* The value of "metric,none", of "metric", or of the only "metric,filter". NULL: not there;
 * *several: under more than one filter. */
static const json_t *find_metric(const json_t *task, const char *metric, bool *several) {
    const size_t n = strlen(metric);
    const json_t *plain = json_object_get(task, metric), *filtered = NULL, *value;
    const char *key;
    *several = false;
    if (plain != NULL) return plain;
    json_object_foreach((json_t *)task, key, value) {
        if (strncmp(key, metric, n) != 0 || key[n] != ',') continue;
        if (strcmp(key + n, ",none") == 0) {
            *several = false;
            return value;
        }
        *several = *several || filtered != NULL;
        filtered = value;
    }
    return filtered;
}

static ec_status take_value(const reader *r, size_t b, const json_t *value, const char *task,
                            const char *metric, double scale) {
    if (!json_is_number(value) || !isfinite(scale * json_number_value(value)))
        return ec_sheet_fail(r->err, r->path, 0,
                             "results of '%.80s': '%.80s' is not a finite number; did the "
                             "evaluation fail?",
                             task, metric);
    set_result(r->results, b, scale * json_number_value(value));
    return EC_OK;
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

/* `result:` of benchmark b; NULL: not declared. */
static const char *declared_key(const ec_declaration *declared, size_t b) {
    return b < declared->n_words ? declared->words[b].result : NULL;
}

/* What study.yaml says about benchmark b, against a file that has that task. */
static ec_status take_declared(const reader *r, const json_t *tasks, size_t b) {
    metric_key key;
    split_key(&key, declared_key(r->declared, b));
    const json_t *task = json_object_get(tasks, key.task);
    if (task == NULL) return EC_OK; /* of another evaluation */
    bool several;
    const json_t *value = find_metric(task, key.metric, &several);
    if (several)
        return ec_sheet_fail(r->err, r->path, 0,
                             "'%.80s' has '%.80s' under several filters; say which in study.yaml, "
                             "as 'result: %.80s.%.80s,FILTER'",
                             key.task, key.metric, key.task, key.metric);
    if (value != NULL)
        return take_value(r, b, value, key.task, key.metric,
                          isnan(key.scale) ? usual_scale(&key) : key.scale);
    ec_text keys = {0};
    list_keys(&keys, task);
    ec_sheet_fail(r->err, r->path, 0,
                  "'%.80s' has no '%.80s', which 'result:' in study.yaml names; it has %s",
                  key.task, key.metric, keys.data == NULL ? "nothing" : keys.data);
    ec_text_release(&keys);
    return name_is_unknown(r);
}

static ec_status take_known(const reader *r, const json_t *tasks, size_t b) {
    for (size_t k = 0; k < N_KNOWN; k++) {
        const known_metric *known = &known_metrics[k];
        if (!is_known_for(known, r->declared->sheet.benchmark_names[b])) continue;
        bool several;
        const json_t *value =
            find_metric(json_object_get(tasks, known->task), known->metric, &several);
        if (value != NULL && !several)
            return take_value(r, b, value, known->task, known->metric, known->scale);
    }
    return EC_OK;
}

static ec_status fail_nothing(const reader *r, const json_t *tasks) {
    ec_text keys = {0};
    list_keys(&keys, tasks);
    ec_sheet_fail(
        r->err, r->path, 0,
        "has a result for none of the study's benchmarks; it has the tasks %s; say which belongs "
        "to a benchmark with 'result: TASK.METRIC' in study.yaml",
        keys.data == NULL ? "(none)" : keys.data);
    ec_text_release(&keys);
    return name_is_unknown(r);
}

static ec_status read_root(const reader *r, const json_t *root) {
    const json_t *tasks = json_object_get(root, "results");
    if (!json_is_object(tasks))
        return ec_sheet_fail(r->err, r->path, 0,
                             "not a results file of lmms-eval: no object \"results\" in it");
    const char *name;
    json_t *task;
    json_object_foreach((json_t *)tasks, name, task) if (
        !json_is_object(
            task)) return ec_sheet_fail(r->err, r->path, 0,
                                        "results of '%.80s' are not an object of metrics", name);
    ec_results found = {calloc(r->declared->sheet.n_benchmarks + 1, sizeof *found.items), 0};
    if (found.items == NULL) return ec_fail(r->err, EC_ERR_NOMEM, "%s: out of memory", r->path);
    reader into = *r;
    into.results = &found;
    ec_status status = EC_OK;
    for (size_t b = 0; status == EC_OK && b < r->declared->sheet.n_benchmarks; b++)
        status = declared_key(r->declared, b) != NULL ? take_declared(&into, tasks, b)
                                                      : take_known(&into, tasks, b);
    if (status == EC_OK && found.n == 0) status = fail_nothing(r, tasks);
    for (size_t k = 0; status == EC_OK && k < found.n; k++)
        set_result(r->results, found.items[k].benchmark, found.items[k].value);
    free(found.items);
    return status;
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

ec_status ec_results_read_json(ec_results *results, const ec_declaration *declared,
                               const char *path, const char *bytes, size_t size_bytes,
                               ec_error *err) {
    const reader r = {results, declared, path, NULL, 0, err};
    char *copy = malloc(size_bytes + 1);
    if (copy == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    if (size_bytes > 0) memcpy(copy, bytes, size_bytes);
    replace_non_finite(copy, size_bytes);
    json_error_t error;
    json_t *root = json_loadb(copy, size_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    free(copy);
    if (root == NULL)
        return ec_sheet_fail(err, path, error.line > 0 ? (size_t)error.line : 0, "not JSON: %s",
                             error.text);
    const ec_status status = read_root(&r, root);
    json_decref(root);
    return status;
}

ec_status ec_results_read_json_file(ec_results *results, const ec_declaration *declared,
                                    const char *path, ec_error *err) {
    ec_text text;
    ec_status status = ec_file_read(&text, path, EC_RESULTS_MAX_BYTES, err);
    if (status != EC_OK) return status;
    status = ec_results_read_json(results, declared, path, text.data, text.size_bytes, err);
    ec_text_release(&text);
    return status;
}

void ec_results_add_task(ec_text *to, const ec_declaration *declared, size_t b) {
    const char *name = declared->sheet.benchmark_names[b];
    metric_key key;
    if (declared_key(declared, b) != NULL && split_key(&key, declared_key(declared, b)) == NULL) {
        ec_text_add(to, key.task);
        return;
    }
    size_t k = 0;
    while (k < N_KNOWN && !is_known_for(&known_metrics[k], name)) k++;
    ec_text_add(to, k < N_KNOWN ? known_metrics[k].task : name);
}
