/* sheet_json.c - a sheet as JSON
 *
 *     {"name": …, "benchmarks": [{"name", "group", "direction", "range", "weight"}],
 *      "candidates": [{"name", "A", "A_se", "C", "C_se", "cost", "hours", "results": {benchmark:
 * value}, "results_se", "columns": {name: value}, "columns_se"}]}
 *
 * A and A_se are numbers, one for all benchmarks, or objects by benchmark. A result is a number, or
 * an array of them where it was repeated, and its standard error likewise. A number that is absent
 * or null is missing. Every field: docs/formats.md.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "eyechart/spelling.h"
#include "sheet/sheet.h"

/* ---- reading: places and errors ----------------------------------------------------------- */

/* The object being read: "benchmark 'MME'", or its number until the name is known. */
typedef struct {
    const char *path;
    const char *what, *name;
    size_t index;
    ec_error *err;
} place;

static ec_status fail_in(const place *p, const char *key, const char *fault) {
    if (p->name != NULL)
        return ec_sheet_fail(p->err, p->path, 0, "%s '%.80s': '%.80s' %s", p->what, p->name, key,
                             fault);
    if (p->what != NULL)
        return ec_sheet_fail(p->err, p->path, 0, "%s number %zu: '%.80s' %s", p->what, p->index + 1,
                             key, fault);
    return ec_sheet_fail(p->err, p->path, 0, "'%.80s' %s", key, fault);
}

static const char *kind_of(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "true or false";
    }
}

static ec_status fail_kind(const place *p, const char *key, const json_t *value,
                           const char *expected) {
    char fault[80];
    snprintf(fault, sizeof fault, "is %s, expected %s", kind_of(value), expected);
    return fail_in(p, key, fault);
}

static const char *key_at(const void *keys, size_t i) {
    return ((const char *const *)keys)[i];
}

/* `keys` ends with NULL. */
static ec_status check_keys(const json_t *object, const char *const *keys, const place *p) {
    size_t n = 0;
    while (keys[n] != NULL) n++;
    const char *key;
    json_t *unused;
    json_object_foreach((json_t *)object, key, unused) {
        size_t i = 0;
        while (i < n && strcmp(keys[i], key) != 0) i++;
        if (i < n) continue;
        const size_t nearest = ec_spelling_nearest(key, key_at, keys, n);
        char fault[80] = "is an unknown key";
        if (nearest != EC_SPELLING_NONE)
            snprintf(fault, sizeof fault, "is an unknown key; did you mean '%s'?", keys[nearest]);
        return fail_in(p, key, fault);
    }
    return EC_OK;
}

/* ---- reading: values ---------------------------------------------------------------------- */

/* Leaves *out as it is when the value is absent or null. */
static ec_status read_number(double *out, const json_t *value, const place *p, const char *key,
                             bool non_negative) {
    if (value == NULL || json_is_null(value)) return EC_OK;
    if (!json_is_number(value)) return fail_kind(p, key, value, "a number or null");
    const double number = json_number_value(value);
    if (!isfinite(number)) return fail_in(p, key, "is not a finite number");
    if (non_negative && number < 0.0) return fail_in(p, key, "is negative");
    *out = number;
    return EC_OK;
}

/* *out is NULL when the value is absent or null; borrowed from it otherwise. */
static ec_status read_string(const char **out, const json_t *value, const place *p,
                             const char *key) {
    *out = NULL;
    if (value == NULL || json_is_null(value)) return EC_OK;
    if (!json_is_string(value)) return fail_kind(p, key, value, "a string");
    *out = json_string_value(value);
    if (strlen(*out) != json_string_length(value)) return fail_in(p, key, "contains a zero byte");
    return EC_OK;
}

static ec_status read_name(const char **out, const json_t *object, place *p) {
    if (!json_is_object(object)) return fail_kind(p, "entry", object, "an object");
    const ec_status status = read_string(out, json_object_get(object, "name"), p, "name");
    if (status == EC_OK && *out == NULL) return fail_in(p, "name", "is missing");
    p->name = *out;
    return status;
}

static ec_status read_direction(int *out, const json_t *value, const place *p) {
    const char *word;
    const ec_status status = read_string(&word, value, p, "direction");
    if (status != EC_OK || word == NULL) return status;
    if (strcmp(word, "higher") != 0 && strcmp(word, "lower") != 0)
        return fail_in(p, "direction", "is neither \"higher\" (is better) nor \"lower\"");
    *out = word[0] == 'h' ? 1 : -1;
    return EC_OK;
}

static ec_status read_range(ec_benchmark *benchmark, const json_t *value, const place *p) {
    if (value == NULL || json_is_null(value)) return EC_OK;
    if (!json_is_array(value) || json_array_size(value) != 2)
        return fail_in(p, "range", "is not an array of two numbers, [lowest, highest]");
    ec_status status = read_number(&benchmark->low, json_array_get(value, 0), p, "range", false);
    if (status == EC_OK)
        status = read_number(&benchmark->high, json_array_get(value, 1), p, "range", false);
    if (status == EC_OK && benchmark->low >= benchmark->high)
        return fail_in(p, "range", "has its ends in the wrong order");
    return status;
}

static ec_status read_benchmark(ec_sheet *sheet, size_t b, const json_t *from, const char *path,
                                ec_error *err) {
    static const char *const keys[] = {"name", "group", "direction", "range", "weight", NULL};
    place p = {path, "benchmark", NULL, b, err};
    const char *name, *group;
    ec_status status = read_name(&name, from, &p);
    if (status == EC_OK) status = check_keys(from, keys, &p);
    if (status == EC_OK) status = read_string(&group, json_object_get(from, "group"), &p, "group");
    if (status == EC_OK)
        status =
            ec_sheet_name_benchmark(sheet, b, name, group != NULL ? group : "all", path, 0, err);
    ec_benchmark *to = &sheet->benchmarks[b];
    if (status == EC_OK)
        status = read_direction(&to->direction, json_object_get(from, "direction"), &p);
    if (status == EC_OK) status = read_range(to, json_object_get(from, "range"), &p);
    if (status == EC_OK)
        status = read_number(&to->weight, json_object_get(from, "weight"), &p, "weight", true);
    return status;
}

static ec_status fail_undeclared(const place *p, const char *name, const char *what) {
    char fault[120];
    snprintf(fault, sizeof fault, "in '%s' is not one of the names in \"benchmarks\"", what);
    return fail_in(p, name, fault);
}

/* An object of numbers by benchmark, into array[benchmark][candidate]. */
static ec_status read_by_benchmark(double *array, const ec_sheet *sheet, size_t i,
                                   const json_t *object, const place *p, const char *what,
                                   bool non_negative) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const size_t b = ec_sheet_find_benchmark(sheet, key);
        if (b == sheet->n_benchmarks) return fail_undeclared(p, key, what);
        const ec_status status =
            read_number(&array[b * sheet->n_candidates + i], value, p, key, non_negative);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

/* A or A_se: a number for all benchmarks, or an object. */
static ec_status read_alignment(double *shared, double *own, const ec_sheet *sheet, size_t i,
                                const json_t *value, const place *p, const char *key,
                                bool non_negative) {
    if (value != NULL && json_is_object(value))
        return read_by_benchmark(own, sheet, i, value, p, key, non_negative);
    if (value != NULL && !json_is_null(value) && !json_is_number(value))
        return fail_kind(p, key, value, "a number or an object of numbers by benchmark");
    return read_number(shared, value, p, key, non_negative);
}

/* One number of column `name`, for a benchmark or for all. */
static ec_status read_column_value(ec_sheet *sheet, size_t i, const char *name, size_t benchmark,
                                   const json_t *value, const place *p, bool is_se) {
    ec_study_column *column;
    const ec_status status = ec_columns_at(&column, &sheet->columns, name, benchmark,
                                           sheet->n_candidates, p->path, p->err);
    if (status != EC_OK) return status;
    return read_number(is_se ? &column->se[i] : &column->value[i], value, p, name, is_se);
}

/* "columns": {"cka": 0.5, "A_224": {"MME": 0.3}}, and likewise "columns_se". */
static ec_status read_columns(ec_sheet *sheet, size_t i, const json_t *object, const place *p,
                              const char *key) {
    if (object == NULL || json_is_null(object)) return EC_OK;
    if (!json_is_object(object)) return fail_kind(p, key, object, "an object of numbers by column");
    const bool is_se = strcmp(key, "columns_se") == 0;
    const char *name, *benchmark;
    json_t *value, *own;
    ec_status status = EC_OK;
    json_object_foreach((json_t *)object, name, value) {
        const char *fault = ec_column_name_fault(name);
        if (fault != NULL) return fail_in(p, name, fault);
        if (json_is_object(value)) {
            json_object_foreach(value, benchmark, own) {
                const size_t b = *benchmark == '\0' ? EC_ALL_BENCHMARKS
                                                    : ec_sheet_find_benchmark(sheet, benchmark);
                if (b == sheet->n_benchmarks)
                    return fail_in(p, benchmark, "is not one of the names in \"benchmarks\"");
                status = read_column_value(sheet, i, name, b, own, p, is_se);
                if (status != EC_OK) return status;
            }
        } else if (json_is_number(value) || json_is_null(value)) {
            status = read_column_value(sheet, i, name, EC_ALL_BENCHMARKS, value, p, is_se);
            if (status != EC_OK) return status;
        } else {
            return fail_kind(p, name, value, "a number or an object of numbers by benchmark");
        }
    }
    return EC_OK;
}

/* One result, or several: a number or null, or an array of these. */
static const json_t *result_at(const json_t *value, size_t k) {
    return json_is_array(value) ? json_array_get(value, k) : k == 0 ? value : NULL;
}

static size_t count_results(const json_t *value) {
    return json_is_array(value) ? json_array_size(value) : 1;
}

static ec_status read_result(ec_sheet *sheet, size_t cell, const char *benchmark,
                             const json_t *value, const json_t *error, const place *p) {
    const size_t n = count_results(value);
    if (error != NULL && count_results(error) > n)
        return fail_in(p, benchmark, "has more standard errors than results");
    for (size_t k = 0; k < n; k++) {
        double x = NAN, se = NAN;
        ec_status status = read_number(&x, result_at(value, k), p, benchmark, false);
        if (status == EC_OK) status = read_number(&se, result_at(error, k), p, benchmark, true);
        if (status != EC_OK) return status;
        if (n > 1 && isnan(x)) return fail_in(p, benchmark, "has null among several results");
        if (k == 0) {
            sheet->numbers.z[cell] = x;
            sheet->numbers.z_se[cell] = se;
        } else {
            status = ec_repeats_add(&sheet->repeats, cell, x, se, p->err);
        }
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

static ec_status get_object(const json_t **out, const json_t *candidate, const place *p,
                            const char *key) {
    *out = json_object_get(candidate, key);
    if (json_is_null(*out)) *out = NULL;
    return *out == NULL || json_is_object(*out)
               ? EC_OK
               : fail_kind(p, key, *out, "an object of numbers by benchmark");
}

/* "results" with "results_se". */
static ec_status read_results(ec_sheet *sheet, size_t i, const json_t *candidate, const place *p) {
    const json_t *results, *errors;
    const char *name;
    json_t *value;
    ec_status status = get_object(&results, candidate, p, "results");
    if (status == EC_OK) status = get_object(&errors, candidate, p, "results_se");
    if (status != EC_OK) return status;
    json_object_foreach((json_t *)errors, name, value) {
        if (ec_sheet_find_benchmark(sheet, name) == sheet->n_benchmarks)
            return fail_undeclared(p, name, "results_se");
        if (results == NULL || json_object_get(results, name) == NULL)
            return fail_in(p, name, "has a standard error without a result");
    }
    json_object_foreach((json_t *)results, name, value) {
        const size_t b = ec_sheet_find_benchmark(sheet, name);
        if (b == sheet->n_benchmarks) return fail_undeclared(p, name, "results");
        const json_t *error = errors != NULL ? json_object_get(errors, name) : NULL;
        status = read_result(sheet, b * sheet->n_candidates + i, name, value, error, p);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

static ec_status read_candidate(ec_sheet *sheet, size_t i, const json_t *from, const char *path,
                                ec_error *err) {
    static const char *const keys[] = {"name",       "A",       "A_se",       "C",
                                       "C_se",       "cost",    "hours",      "results",
                                       "results_se", "columns", "columns_se", NULL};
    const ec_numbers *x = &sheet->numbers;
    place p = {path, "candidate", NULL, i, err};
    const char *name;
    ec_status status = read_name(&name, from, &p);
    if (status == EC_OK) status = check_keys(from, keys, &p);
    if (status == EC_OK) status = ec_sheet_name_candidate(sheet, i, name, path, 0, err);
    if (status == EC_OK)
        status = read_alignment(&x->a_shared[i], x->a, sheet, i, json_object_get(from, "A"), &p,
                                "A", false);
    if (status == EC_OK)
        status = read_alignment(&x->a_shared_se[i], x->a_se, sheet, i,
                                json_object_get(from, "A_se"), &p, "A_se", true);
    if (status == EC_OK) status = read_number(&x->c[i], json_object_get(from, "C"), &p, "C", false);
    if (status == EC_OK)
        status = read_number(&x->c_se[i], json_object_get(from, "C_se"), &p, "C_se", true);
    if (status == EC_OK)
        status = read_number(&x->cost[i], json_object_get(from, "cost"), &p, "cost", true);
    if (status == EC_OK)
        status = read_number(&x->hours[i], json_object_get(from, "hours"), &p, "hours", true);
    if (status == EC_OK)
        status = read_columns(sheet, i, json_object_get(from, "columns"), &p, "columns");
    if (status == EC_OK)
        status = read_columns(sheet, i, json_object_get(from, "columns_se"), &p, "columns_se");
    return status == EC_OK ? read_results(sheet, i, from, &p) : status;
}

/* ---- reading: the whole ------------------------------------------------------------------- */

static ec_status read_array(const json_t **out, const json_t *root, const char *key,
                            const place *p) {
    *out = json_object_get(root, key);
    if (*out == NULL) return fail_in(p, key, "is missing; expected an array of objects");
    return json_is_array(*out) ? EC_OK : fail_kind(p, key, *out, "an array of objects");
}

static ec_status read_root(ec_sheet *sheet, const json_t *root, const char *path, ec_error *err) {
    static const char *const keys[] = {"name", "benchmarks", "candidates", NULL};
    const place p = {.path = path, .err = err};
    if (!json_is_object(root))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: %s, expected an object with \"benchmarks\" and \"candidates\"", path,
                       kind_of(root));
    const json_t *benchmarks, *candidates;
    const char *name;
    if (json_is_object(json_object_get(root, "results")) &&
        json_object_get(root, "candidates") == NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: results of one model, as lmms-eval writes them, not a table of "
                       "candidates; 'eyechart tell STUDY CANDIDATE --results' reads it",
                       path);
    ec_status status = check_keys(root, keys, &p);
    if (status == EC_OK) status = read_string(&name, json_object_get(root, "name"), &p, "name");
    if (status == EC_OK) status = read_array(&benchmarks, root, "benchmarks", &p);
    if (status == EC_OK) status = read_array(&candidates, root, "candidates", &p);
    if (status == EC_OK)
        status = ec_sheet_init(sheet, path, json_array_size(candidates),
                               json_array_size(benchmarks), err);
    if (status == EC_OK) status = ec_sheet_name(sheet, name, path, 0, err);
    for (size_t b = 0; status == EC_OK && b < sheet->n_benchmarks; b++)
        status = read_benchmark(sheet, b, json_array_get(benchmarks, b), path, err);
    if (status == EC_OK) status = ec_sheet_index_benchmarks(sheet, path, err);
    for (size_t i = 0; status == EC_OK && i < sheet->n_candidates; i++)
        status = read_candidate(sheet, i, json_array_get(candidates, i), path, err);
    if (status == EC_OK) status = ec_sheet_index_candidates(sheet, path, err);
    if (status == EC_OK) status = ec_sheet_check_numbers(sheet, path, err);
    ec_repeats_sort(&sheet->repeats);
    return status;
}

ec_status ec_sheet_read_json(ec_sheet *sheet, const char *path, const char *bytes,
                             size_t size_bytes, ec_error *err) {
    *sheet = (ec_sheet){0};
    json_error_t error;
    json_t *root = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL)
        return ec_sheet_fail(err, path, error.line > 0 ? (size_t)error.line : 0, "not JSON: %s",
                             error.text);
    const ec_status status = read_root(sheet, root, path, err);
    if (status != EC_OK) ec_sheet_release(sheet);
    json_decref(root);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Names have no control characters, so only these two need a backslash. */
static void write_string(ec_text *out, const char *string) {
    ec_text_add(out, "\"");
    for (const char *c = string; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') ec_text_add(out, "\\");
        ec_text_add_bytes(out, c, 1);
    }
    ec_text_add(out, "\"");
}

static void write_number(ec_text *out, double value) {
    char number[EC_NUMBER_SIZE] = "null";
    if (isfinite(value)) ec_number_write(number, value);
    /* jansson would read -0 as an integer, which has no sign of zero. */
    ec_text_add(out, strcmp(number, "-0") == 0 ? "-0.0" : number);
}

static void write_field(ec_text *out, const char *key, double value) {
    if (isnan(value)) return;
    ec_text_format(out, ", \"%s\": ", key);
    write_number(out, value);
}

static void write_by_benchmark(ec_text *out, const char *key, const double *array,
                               const ec_sheet *sheet, size_t i) {
    bool first = true;
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        const double value = array[b * sheet->n_candidates + i];
        if (isnan(value)) continue;
        if (first)
            ec_text_format(out, ",\n     \"%s\": {", key);
        else
            ec_text_add(out, ", ");
        first = false;
        write_string(out, sheet->benchmarks[b].name);
        ec_text_add(out, ": ");
        write_number(out, value);
    }
    if (!first) ec_text_add(out, "}");
}

static void write_benchmark(ec_text *out, const ec_benchmark *benchmark) {
    ec_text_add(out, "    {\"name\": ");
    write_string(out, benchmark->name);
    ec_text_add(out, ", \"group\": ");
    write_string(out, benchmark->group);
    ec_text_format(out, ", \"direction\": \"%s\"", benchmark->direction > 0 ? "higher" : "lower");
    if (isfinite(benchmark->low) || isfinite(benchmark->high)) {
        ec_text_add(out, ", \"range\": [");
        write_number(out, benchmark->low);
        ec_text_add(out, ", ");
        write_number(out, benchmark->high);
        ec_text_add(out, "]");
    }
    write_field(out, "weight", benchmark->weight);
    ec_text_add(out, "}");
}

/* A number for all benchmarks or an object: a candidate that has both kinds gets the object in
 * full. */
static void write_alignment(ec_text *out, const ec_sheet *sheet, size_t i) {
    const ec_numbers *x = &sheet->numbers;
    bool own = false;
    for (size_t b = 0; b < sheet->n_benchmarks; b++)
        own = own || !isnan(x->a[b * sheet->n_candidates + i]);
    if (own) {
        write_by_benchmark(out, "A", x->a, sheet, i);
        write_by_benchmark(out, "A_se", x->a_se, sheet, i);
    } else {
        write_field(out, "A", x->a_shared[i]);
        write_field(out, "A_se", x->a_shared_se[i]);
    }
}

static bool is_first_of_name(const ec_columns *columns, size_t k) {
    for (size_t j = 0; j < k; j++)
        if (strcmp(columns->items[j].name, columns->items[k].name) == 0) return false;
    return true;
}

/* Of the columns called as column k is: a number for every benchmark, or an object. */
static void write_column(ec_text *out, const ec_sheet *sheet, size_t k, size_t i, bool is_se,
                         bool *first) {
    const ec_columns *columns = &sheet->columns;
    size_t n_known = 0;
    for (size_t j = k; j < columns->n; j++) {
        const ec_study_column *c = &columns->items[j];
        const double value = is_se ? c->se[i] : c->value[i];
        if (isnan(value) || strcmp(c->name, columns->items[k].name) != 0) continue;
        if (n_known++ == 0) {
            ec_text_add(out, !*first ? ", "
                             : is_se ? ",\n     \"columns_se\": {"
                                     : ",\n     \"columns\": {");
            *first = false;
            write_string(out, c->name);
            ec_text_add(out, ": {");
        } else {
            ec_text_add(out, ", ");
        }
        write_string(out,
                     c->benchmark == EC_ALL_BENCHMARKS ? "" : sheet->benchmarks[c->benchmark].name);
        ec_text_add(out, ": ");
        write_number(out, value);
    }
    if (n_known > 0) ec_text_add(out, "}");
}

static void write_columns(ec_text *out, const ec_sheet *sheet, size_t i, bool is_se) {
    bool first = true;
    for (size_t k = 0; k < sheet->columns.n; k++)
        if (is_first_of_name(&sheet->columns, k)) write_column(out, sheet, k, i, is_se, &first);
    if (!first) ec_text_add(out, "}");
}

/* A number, or an array where the result was repeated. */
static void write_result(ec_text *out, const ec_sheet *sheet, size_t cell, bool is_se) {
    const double first = (is_se ? sheet->numbers.z_se : sheet->numbers.z)[cell];
    size_t n_more;
    const ec_repeat *more = ec_repeats_of(&n_more, &sheet->repeats, cell);
    if (n_more > 0) ec_text_add(out, "[");
    write_number(out, first);
    for (size_t k = 0; k < n_more; k++) {
        ec_text_add(out, ", ");
        write_number(out, is_se ? more[k].se : more[k].value);
    }
    if (n_more > 0) ec_text_add(out, "]");
}

static bool any_error(const ec_sheet *sheet, size_t cell) {
    size_t n_more;
    const ec_repeat *more = ec_repeats_of(&n_more, &sheet->repeats, cell);
    bool any = !isnan(sheet->numbers.z_se[cell]);
    for (size_t k = 0; k < n_more; k++) any = any || !isnan(more[k].se);
    return any;
}

/* "results", or "results_se" of those that have an error. */
static void write_results(ec_text *out, const ec_sheet *sheet, size_t i, bool is_se) {
    bool first = true;
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        const size_t cell = b * sheet->n_candidates + i;
        if (is_se ? !any_error(sheet, cell) : isnan(sheet->numbers.z[cell])) continue;
        ec_text_format(out, "%s",
                       first ? (is_se ? ",\n     \"results_se\": {" : ",\n     \"results\": {")
                             : ", ");
        first = false;
        write_string(out, sheet->benchmarks[b].name);
        ec_text_add(out, ": ");
        write_result(out, sheet, cell, is_se);
    }
    if (!first) ec_text_add(out, "}");
}

static void write_candidate(ec_text *out, const ec_sheet *sheet, size_t i) {
    const ec_numbers *x = &sheet->numbers;
    ec_text_add(out, "    {\"name\": ");
    write_string(out, sheet->candidates[i]);
    write_alignment(out, sheet, i);
    write_field(out, "C", x->c[i]);
    write_field(out, "C_se", x->c_se[i]);
    write_field(out, "cost", x->cost[i]);
    write_field(out, "hours", x->hours[i]);
    write_columns(out, sheet, i, false);
    write_columns(out, sheet, i, true);
    write_results(out, sheet, i, false);
    write_results(out, sheet, i, true);
    ec_text_add(out, "}");
}

void ec_sheet_write_json(ec_text *out, const ec_sheet *sheet) {
    ec_text_add(out, "{\n");
    if (sheet->name != NULL) {
        ec_text_add(out, "  \"name\": ");
        write_string(out, sheet->name);
        ec_text_add(out, ",\n");
    }
    ec_text_add(out, "  \"benchmarks\": [\n");
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        write_benchmark(out, &sheet->benchmarks[b]);
        ec_text_add(out, b + 1 < sheet->n_benchmarks ? ",\n" : "\n");
    }
    ec_text_add(out, "  ],\n  \"candidates\": [\n");
    for (size_t i = 0; i < sheet->n_candidates; i++) {
        write_candidate(out, sheet, i);
        ec_text_add(out, i + 1 < sheet->n_candidates ? ",\n" : "\n");
    }
    ec_text_add(out, "  ]\n}\n");
}
