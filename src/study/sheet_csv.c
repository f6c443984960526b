/* sheet_csv.c - a sheet as CSV: one row a candidate, and one more for each repeat of its results
 *
 *     candidate                    its name; required, and first
 *     C, C_se, A, A_se             its scores and their standard errors
 *     cost, hours                  GPU-hours of a finetuning, expected and spent
 *     A <benchmark>, A_se ...      an alignment score for one benchmark
 *     column <name>, column_se ... a column beside A and C
 *     column <name> <benchmark>    the same for one benchmark
 *     anything else                a benchmark; its cells are results
 *     <benchmark>_se, ..._stderr   where <benchmark> is a column too: the standard error of those
 *
 * An empty cell is a missing number.
 */
#include "study/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/number.h"
#include "study/names.h"

typedef enum { A_SCORE, A_RESULT, AN_ERROR, SPENT_HOURS } column_kind;

/* Where the cells of a column go: array[benchmark][candidate]. */
typedef struct {
    double *array;
    size_t benchmark; /* 0 for a column about the candidate alone */
    bool non_negative;
    column_kind kind;
    size_t error; /* of a column of results: the one of their standard errors; 0: none */
} column;

static bool candidate_column(column *out, const ec_numbers *numbers, const char *header) {
    const struct {
        const char *header;
        column column;
    } known[] = {
        {"C", {.array = numbers->c}},
        {"C_se", {.array = numbers->c_se, .non_negative = true}},
        {"A", {.array = numbers->a_shared}},
        {"A_se", {.array = numbers->a_shared_se, .non_negative = true}},
        {"cost", {.array = numbers->cost, .non_negative = true}},
        {"hours", {.array = numbers->hours, .non_negative = true, .kind = SPENT_HOURS}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(header, known[i].header) != 0) continue;
        *out = known[i].column;
        return true;
    }
    return false;
}

static const char *after(const char *prefix, const char *header) {
    const size_t length = strlen(prefix);
    return strncmp(header, prefix, length) == 0 ? header + length : NULL;
}

/* Neither a score nor a cost. */
static bool is_own_column(const char *header) {
    column unused;
    return !candidate_column(&unused, &(ec_numbers){0}, header) && after("A ", header) == NULL &&
           after("A_se ", header) == NULL && after("column ", header) == NULL &&
           after("column_se ", header) == NULL;
}

/* The benchmark that a header of scores is about, behind its prefix; NULL: none. */
static const char *benchmark_of(const char *header) {
    const char *a = after("A ", header), *own = after("column ", header);
    if (own == NULL) return a;
    const char *blank = strchr(own, ' ');
    return blank != NULL ? blank + 1 : NULL;
}

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct {
    const char *path, *bytes;
    size_t size_bytes;
    ec_csv header;      /* stays at the first record, so that its fields stay valid */
    size_t *order;      /* [n_fields] of the header, from ec_names_sort */
    const char **names; /* [n_benchmarks] borrowed from the header */
    size_t n_benchmarks;
    column *columns;       /* [n_fields]; the first is unused */
    char **row_names;      /* [n_rows] */
    size_t *row_candidate; /* [n_rows] */
    size_t n_rows, n_candidates;
} reader;

/* The column of results whose standard errors column f has, by its name; 0: f has none. */
static size_t results_of(const reader *r, size_t f) {
    static const char *const ends[] = {"_se", "_stderr"};
    const char *header = r->header.fields[f];
    const size_t length = strlen(header);
    if (!is_own_column(header)) return 0;
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        const size_t end = strlen(ends[k]);
        if (length <= end || strcmp(header + length - end, ends[k]) != 0) continue;
        char *name = strndup(header, length - end);
        const size_t n = r->header.n_fields,
                     of = name != NULL ? ec_names_find(name, r->order, r->header.fields, n) : n;
        const bool found = of > 0 && of < n && is_own_column(r->header.fields[of]);
        free(name);
        if (found) return of;
    }
    return 0;
}

static bool is_result(const reader *r, size_t f) {
    return is_own_column(r->header.fields[f]) && results_of(r, f) == 0;
}

static ec_status read_header(reader *r, ec_error *err) {
    ec_csv_init(&r->header, r->path, r->bytes, r->size_bytes);
    bool more;
    const ec_status status = ec_csv_next(&r->header, &more, err);
    if (status != EC_OK) return status;
    if (!more)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: empty; expected a first line that names the columns: candidate, C, A, "
                       "benchmarks",
                       r->path);
    const size_t n = r->header.n_fields;
    if (strcmp(r->header.fields[0], "candidate") != 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s:%zu: the first column is '%.80s', expected 'candidate'", r->path,
                       r->header.line, r->header.fields[0]);
    r->order = malloc(n * sizeof *r->order);
    r->names = malloc(n * sizeof *r->names);
    r->columns = calloc(n, sizeof *r->columns);
    if (!r->order || !r->names || !r->columns)
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", r->path);

    ec_names_sort(r->order, r->header.fields, n);
    const size_t twice = ec_names_find_duplicate(r->order, r->header.fields, n);
    if (twice < n)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: column '%.80s' is there twice", r->path,
                       r->header.line, r->header.fields[twice]);
    return EC_OK;
}

/* Benchmarks are the columns of results in their order, then those that only have columns of
 * scores. */
static void collect_benchmarks(reader *r) {
    const char *const *fields = r->header.fields;
    const size_t n = r->header.n_fields;
    for (size_t f = 1; f < n; f++)
        if (is_result(r, f)) r->names[r->n_benchmarks++] = fields[f];
    for (size_t f = 1; f < n; f++) {
        const char *name = benchmark_of(fields[f]);
        if (r->n_benchmarks > EC_STUDY_MAX_BENCHMARKS) return; /* which is refused later */
        bool known = name == NULL || ec_names_find(name, r->order, fields, n) < n;
        for (size_t b = 0; !known && b < r->n_benchmarks; b++)
            known = strcmp(r->names[b], name) == 0;
        if (!known) r->names[r->n_benchmarks++] = name;
    }
}

static ec_status add_row(reader *r, const char *name, size_t *capacity, ec_error *err) {
    if (r->n_rows == *capacity) {
        *capacity = *capacity > 0 ? 2 * *capacity : 64;
        char **names = realloc(r->row_names, *capacity * sizeof *names);
        if (names != NULL) r->row_names = names;
        if (names == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", r->path);
    }
    r->row_names[r->n_rows] = strdup(name);
    if (r->row_names[r->n_rows] == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", r->path);
    r->n_rows++;
    return EC_OK;
}

static ec_status list_rows(reader *r, ec_error *err) {
    ec_csv csv;
    ec_csv_init(&csv, r->path, r->bytes, r->size_bytes);
    bool more;
    size_t capacity = 0;
    ec_status status = ec_csv_next(&csv, &more, err); /* the header again */
    while (status == EC_OK && (status = ec_csv_next(&csv, &more, err)) == EC_OK && more) {
        if (csv.n_fields != r->header.n_fields)
            status = ec_fail(
                err, EC_ERR_FORMAT,
                "%s:%zu: %zu field%s, expected %zu as in the first line; is the file cut short?",
                r->path, csv.line, csv.n_fields, csv.n_fields == 1 ? "" : "s", r->header.n_fields);
        else
            status = add_row(r, csv.fields[0], &capacity, err);
    }
    ec_csv_release(&csv);
    if (status == EC_OK && r->n_rows == 0)
        status =
            ec_fail(err, EC_ERR_FORMAT, "%s: no candidates, only a line of column names", r->path);
    return status;
}

/* Rows of one name are about one candidate. Candidates are numbered in the order of their first
 * rows. */
static ec_status number_candidates(reader *r, ec_error *err) {
    const size_t n = r->n_rows;
    const char *const *names = (const char *const *)r->row_names;
    size_t *order = malloc(n * sizeof *order);
    r->row_candidate = malloc(n * sizeof *r->row_candidate);
    if (order == NULL || r->row_candidate == NULL) {
        free(order);
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", r->path);
    }
    ec_names_sort(order, names, n); /* equal ones in the order of their rows */
    for (size_t k = 0; k < n; k++) {
        const bool again = k > 0 && strcmp(names[order[k]], names[order[k - 1]]) == 0;
        r->row_candidate[order[k]] = again ? r->row_candidate[order[k - 1]] : order[k];
    }
    /* Until here the first row of each. */
    for (size_t row = 0; row < n; row++)
        r->row_candidate[row] = r->row_candidate[row] == row
                                    ? r->n_candidates++
                                    : r->row_candidate[r->row_candidate[row]];
    free(order);
    return EC_OK;
}

/* Header number f, "column NAME", "column_se NAME BENCHMARK" and so on; *found: it is one. */
static ec_status place_beside(bool *found, reader *r, size_t f, ec_sheet *sheet, ec_error *err) {
    const char *header = r->header.fields[f], *name = after("column ", header);
    const bool is_se = name == NULL;
    if (is_se) name = after("column_se ", header);
    *found = name != NULL;
    if (name == NULL) return EC_OK;
    char own[EC_COLUMN_NAME_MAX_BYTES + 2];
    const size_t length = strcspn(name, " ");
    snprintf(own, sizeof own, "%.*s", (int)length, name);
    const char *fault = ec_column_name_fault(own);
    if (fault != NULL)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: the name in '%.80s' %s", r->path,
                       r->header.line, header, fault);
    const char *benchmark = name[length] == '\0' ? NULL : name + length + 1;
    const size_t b =
        benchmark == NULL ? EC_ALL_BENCHMARKS : ec_sheet_find_benchmark(sheet, benchmark);
    if (b == sheet->n_benchmarks)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: '%.80s' without a column 'column %.160s'",
                       r->path, r->header.line, header, name);
    ec_study_column *to;
    const ec_status status =
        ec_columns_at(&to, &sheet->columns, own, b, sheet->n_candidates, r->path, err);
    if (status == EC_OK)
        r->columns[f] = (column){.array = is_se ? to->se : to->value, .non_negative = is_se};
    return status;
}

/* Standard errors of results, beside which they stand. */
static bool place_error(reader *r, size_t f) {
    const size_t of = results_of(r, f);
    if (of == 0) return false;
    r->columns[of].error = f;
    r->columns[f] = (column){.non_negative = true, .kind = AN_ERROR};
    return true;
}

static ec_status place_columns(reader *r, ec_sheet *sheet, ec_error *err) {
    for (size_t f = 1; f < r->header.n_fields; f++) {
        const char *header = r->header.fields[f];
        if (candidate_column(&r->columns[f], &sheet->numbers, header)) continue;
        bool beside;
        const ec_status status = place_beside(&beside, r, f, sheet, err);
        if (status != EC_OK) return status;
        if (beside || place_error(r, f)) continue;
        const char *a = after("A ", header), *a_se = after("A_se ", header);
        const char *name = a != NULL ? a : a_se != NULL ? a_se : header;
        const size_t b = ec_sheet_find_benchmark(sheet, name);
        if (b == sheet->n_benchmarks)
            return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: column '%.80s' without a column 'A %.80s'",
                           r->path, r->header.line, header, name);
        double *array = a != NULL      ? sheet->numbers.a
                        : a_se != NULL ? sheet->numbers.a_se
                                       : sheet->numbers.z;
        r->columns[f] = (column){.array = array,
                                 .benchmark = b,
                                 .non_negative = a_se != NULL,
                                 .kind = a != NULL || a_se != NULL ? A_SCORE : A_RESULT};
    }
    return EC_OK;
}

/* *cell is NaN where it is empty. */
static ec_status read_cell(const reader *r, const ec_csv *csv, size_t f, double *cell,
                           ec_error *err) {
    const char *fault = NULL;
    *cell = NAN;
    const ec_number_fault found = ec_number_read(cell, csv->fields[f]);
    if (found == EC_NUMBER_EMPTY) return EC_OK;
    if (found != EC_NUMBER_OK)
        fault = ec_number_fault_words(found);
    else if (r->columns[f].non_negative && *cell < 0.0)
        fault = "is negative";
    if (fault == NULL) return EC_OK;
    return ec_fail(
        err, EC_ERR_FORMAT,
        "%s:%zu: candidate '%.80s', column '%.80s': '%.40s' %s; leave the cell empty if it is not "
        "known",
        r->path, csv->line, csv->fields[0], r->header.fields[f], csv->fields[f], fault);
}

/* A result, with its standard error; one more of the cell is a repeat. */
static ec_status read_result(reader *r, const ec_csv *csv, size_t f, ec_sheet *sheet, size_t cell,
                             ec_error *err) {
    const size_t error = r->columns[f].error;
    double value, se = NAN;
    ec_status status = read_cell(r, csv, f, &value, err);
    if (status == EC_OK && error > 0) status = read_cell(r, csv, error, &se, err);
    if (status != EC_OK) return status;
    if (isnan(value) && !isnan(se))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s:%zu: candidate '%.80s' has a standard error in '%.80s' without a result",
                       r->path, csv->line, csv->fields[0], r->header.fields[error]);
    if (isnan(value)) return EC_OK;
    if (!isnan(sheet->numbers.z[cell]))
        return ec_repeats_add(&sheet->repeats, cell, value, se, err);
    sheet->numbers.z[cell] = value;
    sheet->numbers.z_se[cell] = se;
    return EC_OK;
}

/* What is not a result may be said again, but not otherwise; hours of repeats add up. */
static ec_status read_about(reader *r, const ec_csv *csv, size_t f, ec_sheet *sheet, size_t i,
                            ec_error *err) {
    const column *to = &r->columns[f];
    double *known = &to->array[to->benchmark * sheet->n_candidates + i], value;
    const ec_status status = read_cell(r, csv, f, &value, err);
    if (status != EC_OK || isnan(value)) return status;
    if (!isnan(*known) && to->kind == SPENT_HOURS)
        *known += value;
    else if (!isnan(*known) && *known != value)
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s:%zu: candidate '%.80s' is there twice, with another '%.80s' than in line "
            "%zu; a further row of a candidate is for a repeat of its results",
            r->path, csv->line, csv->fields[0], r->header.fields[f], sheet->candidate_line[i]);
    else
        *known = value;
    return EC_OK;
}

static bool has_result(const reader *r, const ec_csv *csv) {
    for (size_t f = 1; f < csv->n_fields; f++)
        if (r->columns[f].kind == A_RESULT && csv->fields[f][strspn(csv->fields[f], " \t")] != '\0')
            return true;
    return false;
}

static ec_status read_row(reader *r, const ec_csv *csv, ec_sheet *sheet, size_t i, ec_error *err) {
    ec_status status = EC_OK;
    if (sheet->candidates[i] == NULL)
        status = ec_sheet_name_candidate(sheet, i, csv->fields[0], r->path, csv->line, err);
    else if (!has_result(r, csv))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s:%zu: candidate '%.220s' is there twice, in line %zu too, and this row "
                       "has no repeat of a result; every candidate needs a name of its own",
                       r->path, csv->line, csv->fields[0], sheet->candidate_line[i]);
    for (size_t f = 1; status == EC_OK && f < csv->n_fields; f++) {
        const column *to = &r->columns[f];
        if (to->kind == A_RESULT)
            status = read_result(r, csv, f, sheet, to->benchmark * sheet->n_candidates + i, err);
        else if (to->kind != AN_ERROR)
            status = read_about(r, csv, f, sheet, i, err);
    }
    return status;
}

static ec_status read_rows(reader *r, ec_sheet *sheet, ec_error *err) {
    ec_csv csv;
    ec_csv_init(&csv, r->path, r->bytes, r->size_bytes);
    bool more;
    ec_status status = ec_csv_next(&csv, &more, err); /* the header again */
    for (size_t row = 0; status == EC_OK && row < r->n_rows; row++) {
        status = ec_csv_next(&csv, &more, err);
        if (status == EC_OK) status = read_row(r, &csv, sheet, r->row_candidate[row], err);
    }
    ec_csv_release(&csv);
    return status;
}

/* A column called as the standard error of another may be a benchmark of its own ("mmlu_se"). */
static ec_status check_errors(const reader *r, const ec_sheet *sheet, ec_error *err) {
    for (size_t f = 1; f < r->header.n_fields; f++) {
        const column *c = &r->columns[f];
        if (c->kind != A_RESULT || c->error == 0) continue;
        const double *z = sheet->numbers.z + c->benchmark * sheet->n_candidates,
                     *se = sheet->numbers.z_se + c->benchmark * sheet->n_candidates;
        size_t n = 0, n_large = 0;
        for (size_t i = 0; i < sheet->n_candidates; i++) {
            if (isnan(z[i]) || isnan(se[i])) continue;
            n++;
            n_large += se[i] > fabs(z[i]) / 2.0 && se[i] > 0.0;
        }
        if (n > 0 && 2 * n_large > n)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s:%zu: column '%.80s' would be the standard errors of '%.80s' by its "
                           "name, but is as large as these; call it otherwise if it is a benchmark",
                           r->path, r->header.line, r->header.fields[c->error],
                           r->header.fields[f]);
    }
    return EC_OK;
}

static ec_status read_sheet(reader *r, ec_sheet *sheet, ec_error *err) {
    ec_status status = read_header(r, err);
    if (status != EC_OK) return status;
    collect_benchmarks(r);
    status = list_rows(r, err);
    if (status == EC_OK) status = number_candidates(r, err);
    if (status == EC_OK)
        status = ec_sheet_init(sheet, r->path, r->n_candidates, r->n_benchmarks, err);
    for (size_t b = 0; status == EC_OK && b < r->n_benchmarks; b++)
        status =
            ec_sheet_name_benchmark(sheet, b, r->names[b], "all", r->path, r->header.line, err);
    if (status == EC_OK) status = ec_sheet_index_benchmarks(sheet, r->path, err);
    if (status == EC_OK) status = place_columns(r, sheet, err);
    if (status == EC_OK) status = read_rows(r, sheet, err);
    if (status == EC_OK) status = ec_sheet_index_candidates(sheet, r->path, err);
    if (status == EC_OK) status = check_errors(r, sheet, err);
    if (status == EC_OK) status = ec_sheet_check_numbers(sheet, r->path, err);
    ec_repeats_sort(&sheet->repeats);
    return status;
}

ec_status ec_sheet_read_csv(ec_sheet *sheet, const char *path, const char *bytes, size_t size_bytes,
                            ec_error *err) {
    *sheet = (ec_sheet){0};
    reader r = {.path = path, .bytes = bytes, .size_bytes = size_bytes};
    const ec_status status = read_sheet(&r, sheet, err);
    if (status != EC_OK) ec_sheet_release(sheet);
    ec_csv_release(&r.header);
    free(r.order);
    free(r.names);
    free(r.columns);
    for (size_t row = 0; row < r.n_rows; row++) free(r.row_names[row]);
    free(r.row_names);
    free(r.row_candidate);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------ */

static bool any_known(const double *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) return true;
    return false;
}

/* A column to write: its header is prefix and name, and the name of a benchmark or none, or what
 * ends it. */
typedef struct {
    const char *prefix, *name;
    const double *values; /* [n_candidates], in the first row of each */
    const char *benchmark, *end;
    column_kind kind; /* results and their errors have repeats too: of this benchmark */
    size_t b;
} output;

static output about(const char *prefix, const char *name, const double *values) {
    return (output){.prefix = prefix, .name = name, .values = values};
}

static void add_output(output *outputs, size_t *n_outputs, output o, size_t n, bool always) {
    if (always || any_known(o.values, n)) outputs[(*n_outputs)++] = o;
}

static bool any_error(const ec_sheet *sheet, size_t b) {
    const size_t n = sheet->n_candidates;
    bool any = any_known(sheet->numbers.z_se + b * n, n);
    for (size_t k = 0; k < sheet->repeats.n; k++) {
        const ec_repeat *x = &sheet->repeats.items[k];
        any = any || (x->cell / n == b && !isnan(x->se));
    }
    return any;
}

/* How the column of standard errors ends: not as a benchmark does. */
static const char *error_end(const ec_sheet *sheet, size_t b) {
    char name[EC_NAME_MAX_BYTES + sizeof "_se"];
    snprintf(name, sizeof name, "%s_se", sheet->benchmarks[b].name);
    return ec_sheet_find_benchmark(sheet, name) < sheet->n_benchmarks ? "_stderr" : "_se";
}

static void list_results(output *outputs, size_t *count, const ec_sheet *sheet) {
    const size_t n = sheet->n_candidates;
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        output o = {.prefix = "",
                    .name = sheet->benchmarks[b].name,
                    .values = sheet->numbers.z + b * n,
                    .kind = A_RESULT,
                    .b = b};
        add_output(outputs, count, o, n, true);
        o.values = sheet->numbers.z_se + b * n;
        o.kind = AN_ERROR;
        o.end = error_end(sheet, b);
        if (any_error(sheet, b)) add_output(outputs, count, o, n, true);
    }
}

static size_t list_outputs(output *outputs, const ec_sheet *sheet) {
    const ec_numbers *x = &sheet->numbers;
    const size_t n = sheet->n_candidates;
    size_t count = 0;
    add_output(outputs, &count, about("C", "", x->c), n, true);
    add_output(outputs, &count, about("C_se", "", x->c_se), n, false);
    add_output(outputs, &count, about("A", "", x->a_shared), n, false);
    add_output(outputs, &count, about("A_se", "", x->a_shared_se), n, false);
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        const char *name = sheet->benchmarks[b].name;
        add_output(outputs, &count, about("A ", name, x->a + b * n), n,
                   any_known(x->a_se + b * n, n));
        add_output(outputs, &count, about("A_se ", name, x->a_se + b * n), n, false);
    }
    for (size_t k = 0; k < sheet->columns.n; k++) {
        const ec_study_column *c = &sheet->columns.items[k];
        const char *of =
            c->benchmark == EC_ALL_BENCHMARKS ? NULL : sheet->benchmarks[c->benchmark].name;
        output value = about("column ", c->name, c->value),
               se = about("column_se ", c->name, c->se);
        value.benchmark = se.benchmark = of;
        add_output(outputs, &count, value, n, false);
        add_output(outputs, &count, se, n, false);
    }
    add_output(outputs, &count, about("cost", "", x->cost), n, false);
    add_output(outputs, &count, about("hours", "", x->hours), n, false);
    list_results(outputs, &count, sheet);
    return count;
}

/* One, and one more for each repeat of the benchmark that has most. */
static size_t count_rows(const ec_sheet *sheet, size_t i) {
    size_t most = 0;
    for (size_t b = 0; sheet->repeats.n > 0 && b < sheet->n_benchmarks; b++) {
        size_t n;
        ec_repeats_of(&n, &sheet->repeats, b * sheet->n_candidates + i);
        if (n > most) most = n;
    }
    return most + 1;
}

static double value_in_row(const ec_sheet *sheet, const output *o, size_t i, size_t row) {
    if (row == 0) return o->values[i];
    if (o->kind != A_RESULT && o->kind != AN_ERROR) return NAN;
    size_t n;
    const ec_repeat *more = ec_repeats_of(&n, &sheet->repeats, o->b * sheet->n_candidates + i);
    return row > n ? NAN : o->kind == A_RESULT ? more[row - 1].value : more[row - 1].se;
}

void ec_sheet_write_csv(ec_text *out, const ec_sheet *sheet) {
    output *outputs =
        malloc((6 + 4 * sheet->n_benchmarks + 2 * sheet->columns.n) * sizeof *outputs);
    ec_text header = {0};
    out->failed = out->failed || outputs == NULL;
    const size_t n_outputs = outputs != NULL ? list_outputs(outputs, sheet) : 0;

    ec_text_add(out, "candidate");
    for (size_t k = 0; k < n_outputs; k++) {
        header.size_bytes = 0;
        ec_text_format(&header, "%s%s", outputs[k].prefix, outputs[k].name);
        if (outputs[k].benchmark != NULL) ec_text_format(&header, " %s", outputs[k].benchmark);
        if (outputs[k].end != NULL) ec_text_add(&header, outputs[k].end);
        ec_text_add(out, ",");
        ec_csv_write_field(out, header.failed ? "" : header.data);
        out->failed = out->failed || header.failed;
    }
    ec_text_add(out, "\n");
    for (size_t i = 0; i < sheet->n_candidates; i++) {
        const size_t n_rows = count_rows(sheet, i);
        for (size_t row = 0; row < n_rows; row++) {
            ec_csv_write_field(out, sheet->candidates[i]);
            for (size_t k = 0; k < n_outputs; k++) {
                char number[EC_NUMBER_SIZE] = "";
                const double value = value_in_row(sheet, &outputs[k], i, row);
                if (!isnan(value)) ec_number_write(number, value);
                ec_text_add(out, ",");
                ec_text_add(out, number);
            }
            ec_text_add(out, "\n");
        }
    }
    ec_text_release(&header);
    free(outputs);
}
