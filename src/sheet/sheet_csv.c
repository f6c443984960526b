/* sheet_csv.c - a sheet as CSV: one row a candidate, and one more for each repeat of its results
 *
 * headings.h says what the columns are by their names, table_columns.h how they are read. A missing
 * number is an empty cell. What is written here is plain: commas, points, the headings of
 * docs/formats.md.
 */
#include "base/memory.h"
#include "sheet/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/number.h"
#include "sheet/names.h"
#include "sheet/table_columns.h"

typedef enum { A_SCORE, A_RESULT, AN_ERROR, SPENT_HOURS, NO_COLUMN } column_kind;

/* Where the cells of a column go: array[benchmark][candidate]. */
typedef struct {
    double *array;
    size_t benchmark; /* 0 for a column about the candidate alone */
    bool non_negative;
    column_kind kind;
    size_t error; /* of a column of results: the one of their standard errors; `none`: none */
} column;

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct {
    ec_table_file file;
    const char **names; /* [n_benchmarks] borrowed from the columns of the file */
    size_t n_benchmarks;
    column *columns;       /* [file.n] */
    size_t *row_candidate; /* [file.n_rows] */
    size_t n_candidates;
} reader;

static bool is_among(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* The name of the benchmark that a column has a score for; NULL: for none. */
static const char *benchmark_of(const ec_table_column *c) {
    if (c->role == EC_ROLE_OWN_A) return c->name;
    return c->role == EC_ROLE_BESIDE ? c->benchmark : NULL;
}

/* Benchmarks are the columns of results in their order, then those that only have columns of
 * scores. */
static ec_status collect_benchmarks(reader *r, ec_error *err) {
    const ec_table_file *file = &r->file;
    for (size_t f = 0; f < file->n; f++) {
        const ec_table_column *c = &file->columns[f];
        if (c->role != EC_ROLE_RESULT) continue;
        if (is_among(r->names, r->n_benchmarks, c->name))
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s:%zu: column '%.80s' is a second one for the benchmark '%.80s'",
                           file->path, file->header_line, c->text, c->name);
        r->names[r->n_benchmarks++] = c->name;
        if (r->n_benchmarks > EC_STUDY_MAX_BENCHMARKS) return EC_OK; /* which is refused later */
    }
    for (size_t f = 0; f < file->n; f++) {
        const char *name = benchmark_of(&file->columns[f]);
        if (r->n_benchmarks > EC_STUDY_MAX_BENCHMARKS) return EC_OK;
        if (name != NULL && !is_among(r->names, r->n_benchmarks, name))
            r->names[r->n_benchmarks++] = name;
    }
    return EC_OK;
}

/* Rows of one name are about one candidate. Candidates are numbered in the order of their first
 * rows. */
static ec_status number_candidates(reader *r, ec_error *err) {
    const size_t n = r->file.n_rows;
    const char *const *names = (const char *const *)r->file.row_names;
    size_t *order = malloc(n * sizeof *order);
    r->row_candidate = malloc(n * sizeof *r->row_candidate);
    if (order == NULL || r->row_candidate == NULL) {
        free(order);
        return ec_no_memory(r->file.path, err);
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

static column candidate_column(const ec_numbers *numbers, ec_heading_kind kind) {
    switch (kind) {
    case EC_HEADING_C:
        return (column){.array = numbers->c};
    case EC_HEADING_C_SE:
        return (column){.array = numbers->c_se, .non_negative = true};
    case EC_HEADING_A:
        return (column){.array = numbers->a_shared};
    case EC_HEADING_A_SE:
        return (column){.array = numbers->a_shared_se, .non_negative = true};
    case EC_HEADING_COST:
        return (column){.array = numbers->cost, .non_negative = true};
    default:
        return (column){.array = numbers->hours, .non_negative = true, .kind = SPENT_HOURS};
    }
}

static ec_status place_beside(reader *r, size_t f, ec_sheet *sheet, ec_error *err) {
    const ec_table_column *c = &r->file.columns[f];
    const bool is_se = c->role == EC_ROLE_BESIDE_SE;
    const size_t b =
        c->benchmark == NULL ? EC_ALL_BENCHMARKS : ec_sheet_find_benchmark(sheet, c->benchmark);
    if (b == sheet->n_benchmarks)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: '%.80s' without a column 'column %.80s %.80s'",
                       r->file.path, r->file.header_line, c->text, c->name, c->benchmark);
    ec_study_column *to;
    const ec_status status =
        ec_columns_at(&to, &sheet->columns, c->name, b, sheet->n_candidates, r->file.path, err);
    if (status == EC_OK)
        r->columns[f] = (column){.array = is_se ? to->se : to->value, .non_negative = is_se};
    return status;
}

static ec_status place_by_benchmark(reader *r, size_t f, ec_sheet *sheet, ec_error *err) {
    const ec_table_column *c = &r->file.columns[f];
    const size_t b = ec_sheet_find_benchmark(sheet, c->name), error = r->columns[f].error;
    if (b == sheet->n_benchmarks)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: column '%.80s' without a column 'A %.80s'",
                       r->file.path, r->file.header_line, c->text, c->name);
    if (c->role == EC_ROLE_RESULT)
        r->columns[f] =
            (column){.array = sheet->numbers.z, .benchmark = b, .kind = A_RESULT, .error = error};
    else if (c->role == EC_ROLE_OWN_A)
        r->columns[f] = (column){.array = sheet->numbers.a, .benchmark = b};
    else
        r->columns[f] =
            (column){.array = sheet->numbers.a_se, .benchmark = b, .non_negative = true};
    return EC_OK;
}

static ec_status place_columns(reader *r, ec_sheet *sheet, ec_error *err) {
    const ec_table_file *file = &r->file;
    ec_status status = EC_OK;
    for (size_t f = 0; f < file->n; f++) r->columns[f].error = file->n;
    for (size_t f = 0; f < file->n; f++)
        if (file->columns[f].role == EC_ROLE_ERROR) r->columns[file->columns[f].of].error = f;
    for (size_t f = 0; status == EC_OK && f < file->n; f++) {
        const ec_table_column *c = &file->columns[f];
        switch (c->role) {
        case EC_ROLE_NOTHING:
        case EC_ROLE_NAME:
            r->columns[f].kind = NO_COLUMN;
            break;
        case EC_ROLE_ERROR:
            r->columns[f] = (column){.non_negative = true, .kind = AN_ERROR};
            break;
        case EC_ROLE_CANDIDATE:
            r->columns[f] = candidate_column(&sheet->numbers, c->heading.kind);
            break;
        case EC_ROLE_BESIDE:
        case EC_ROLE_BESIDE_SE:
            status = place_beside(r, f, sheet, err);
            break;
        default:
            status = place_by_benchmark(r, f, sheet, err);
        }
    }
    return status;
}

static const char *name_in(const reader *r, const ec_csv *csv) {
    return csv->fields[r->file.name_column];
}

static ec_status fail_cell(const reader *r, const ec_csv *csv, size_t f, const char *cell,
                           const char *fault, ec_error *err) {
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s:%zu: candidate '%.80s', column '%.80s': '%.40s' %s; leave the cell empty if "
                   "it is not known, or leave the column out (--ignore)%s%.40s%s",
                   r->file.path, csv->line, name_in(r, csv), r->file.columns[f].text, cell, fault,
                   strcmp(fault, "is not a number") == 0 ? ", or say --missing '" : "",
                   strcmp(fault, "is not a number") == 0 ? cell : "",
                   strcmp(fault, "is not a number") == 0 ? "'" : "");
}

/* *cell is NaN where it is empty. */
static ec_status read_text(const reader *r, const ec_csv *csv, size_t f, const char *text,
                           double *cell, ec_error *err) {
    const ec_import_options *o = r->file.how->options;
    const char *fault = NULL;
    bool percent;
    *cell = NAN;
    if (ec_cell_is_missing(text, o->missing, o->n_missing)) return EC_OK;
    const ec_number_fault found = ec_cell_read(cell, &percent, text, r->file.decimal);
    if (found == EC_NUMBER_EMPTY) return EC_OK;
    if (found != EC_NUMBER_OK)
        fault = ec_number_fault_words(found);
    else if (r->columns[f].non_negative && *cell < 0.0)
        fault = "is negative";
    return fault == NULL ? EC_OK : fail_cell(r, csv, f, text, fault, err);
}

static ec_status read_cell(const reader *r, const ec_csv *csv, size_t f, double *cell,
                           ec_error *err) {
    return read_text(r, csv, f, csv->fields[f], cell, err);
}

/* "64.2" or "64.2±0.5". */
static ec_status read_value_and_error(const reader *r, const ec_csv *csv, size_t f, double *value,
                                      double *se, ec_error *err) {
    char text[64];
    snprintf(text, sizeof text, "%s", csv->fields[f]);
    char *error = strlen(csv->fields[f]) < sizeof text ? ec_cell_split_error(text) : NULL;
    if (error == NULL) return read_cell(r, csv, f, value, err);
    ec_status status = read_text(r, csv, f, text, value, err);
    if (status == EC_OK) status = read_text(r, csv, f, error, se, err);
    return status == EC_OK && *se < 0.0 ? fail_cell(r, csv, f, error, "is negative", err) : status;
}

/* A result, with its standard error; one more of the cell is a repeat. */
static ec_status read_result(reader *r, const ec_csv *csv, size_t f, ec_sheet *sheet, size_t cell,
                             ec_error *err) {
    const size_t error = r->columns[f].error;
    double value, se = NAN;
    ec_status status = read_value_and_error(r, csv, f, &value, &se, err);
    if (status == EC_OK && error < r->file.n && isnan(se))
        status = read_cell(r, csv, error, &se, err);
    if (status != EC_OK) return status;
    if (isnan(value) && !isnan(se))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s:%zu: candidate '%.80s' has a standard error in '%.80s' without a result",
                       r->file.path, csv->line, name_in(r, csv),
                       r->file.columns[error < r->file.n ? error : f].text);
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
            r->file.path, csv->line, name_in(r, csv), r->file.columns[f].text,
            sheet->candidate_line[i]);
    else
        *known = value;
    return EC_OK;
}

static bool has_result(const reader *r, const ec_csv *csv) {
    const ec_import_options *o = r->file.how->options;
    for (size_t f = 0; f < r->file.n; f++)
        if (r->columns[f].kind == A_RESULT &&
            !ec_cell_is_missing(csv->fields[f], o->missing, o->n_missing))
            return true;
    return false;
}

static ec_status read_row(reader *r, const ec_csv *csv, ec_sheet *sheet, size_t i, ec_error *err) {
    ec_status status = EC_OK;
    if (sheet->candidates[i] == NULL)
        status = ec_sheet_name_candidate(sheet, i, name_in(r, csv), r->file.path, csv->line, err);
    else if (!has_result(r, csv))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s:%zu: candidate '%.220s' is there twice, in line %zu too, and this row "
                       "has no repeat of a result; every candidate needs a name of its own",
                       r->file.path, csv->line, name_in(r, csv), sheet->candidate_line[i]);
    for (size_t f = 0; status == EC_OK && f < r->file.n; f++) {
        const column *to = &r->columns[f];
        if (to->kind == A_RESULT)
            status = read_result(r, csv, f, sheet, to->benchmark * sheet->n_candidates + i, err);
        else if (to->kind != AN_ERROR && to->kind != NO_COLUMN)
            status = read_about(r, csv, f, sheet, i, err);
    }
    return status;
}

static ec_status read_rows(reader *r, ec_sheet *sheet, ec_error *err) {
    ec_csv csv;
    bool more;
    ec_status status = ec_table_rows_begin(&csv, &r->file, err);
    for (size_t row = 0; status == EC_OK && row < r->file.n_rows; row++) {
        status = ec_table_rows_next(&csv, &more, &r->file, err);
        if (status == EC_OK) status = read_row(r, &csv, sheet, r->row_candidate[row], err);
    }
    ec_csv_release(&csv);
    return status;
}

/* Whether most standard errors are as large as results of their own would be. */
static bool are_large(const double *z, const double *se, size_t n_candidates) {
    size_t n = 0, n_large = 0;
    for (size_t i = 0; i < n_candidates; i++) {
        if (isnan(z[i]) || isnan(se[i])) continue;
        n++;
        n_large += se[i] > fabs(z[i]) / 2.0 && se[i] > 0.0;
    }
    return 2 * n_large > n;
}

/* A column called as the standard error of another may be a benchmark of its own ("mmlu_se"). */
static ec_status check_errors(const reader *r, const ec_sheet *sheet, ec_error *err) {
    const size_t n = sheet->n_candidates;
    for (size_t f = 0; f < r->file.n; f++) {
        const column *c = &r->columns[f];
        if (c->kind != A_RESULT || c->error == r->file.n) continue;
        const ec_table_column *error = &r->file.columns[c->error], *results = &r->file.columns[f];
        if (error->heading.kind == EC_HEADING_RESULT_SE ||
            !are_large(sheet->numbers.z + c->benchmark * n, sheet->numbers.z_se + c->benchmark * n,
                       n))
            continue;
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s:%zu: column '%.80s' would be the standard errors of '%.80s' by its "
                       "name, but is as large as these; call it 'result %.80s' if it is a "
                       "benchmark, 'result_se %.80s' if not",
                       r->file.path, r->file.header_line, error->text, results->text, error->text,
                       results->name);
    }
    return EC_OK;
}

static ec_status read_sheet(reader *r, ec_sheet *sheet, ec_error *err) {
    const char *path = r->file.path;
    r->names = calloc(2 * r->file.n + 1, sizeof *r->names);
    r->columns = calloc(r->file.n, sizeof *r->columns);
    if (r->names == NULL || r->columns == NULL) return ec_no_memory(path, err);
    ec_status status = collect_benchmarks(r, err);
    if (status == EC_OK) status = number_candidates(r, err);
    if (status == EC_OK) status = ec_sheet_init(sheet, path, r->n_candidates, r->n_benchmarks, err);
    for (size_t b = 0; status == EC_OK && b < r->n_benchmarks; b++)
        status =
            ec_sheet_name_benchmark(sheet, b, r->names[b], "all", path, r->file.header_line, err);
    if (status == EC_OK) status = ec_sheet_index_benchmarks(sheet, path, err);
    if (status == EC_OK) status = place_columns(r, sheet, err);
    if (status == EC_OK) status = read_rows(r, sheet, err);
    if (status == EC_OK) status = ec_sheet_index_candidates(sheet, path, err);
    if (status == EC_OK) status = check_errors(r, sheet, err);
    if (status == EC_OK) status = ec_sheet_check_numbers(sheet, path, err);
    if (status == EC_OK) status = ec_table_file_report(&r->file, err);
    ec_repeats_sort(&sheet->repeats);
    return status;
}

ec_status ec_sheet_read_table(ec_sheet *sheet, const ec_sheet_reading *how, const char *path,
                              const char *bytes, size_t size_bytes, ec_error *err) {
    *sheet = (ec_sheet){0};
    reader r = {.n_benchmarks = 0};
    ec_status status = ec_table_file_open(&r.file, path, how, bytes, size_bytes, err);
    if (status == EC_OK) status = read_sheet(&r, sheet, err);
    if (status != EC_OK) ec_sheet_release(sheet);
    ec_table_file_release(&r.file);
    free(r.names);
    free(r.columns);
    free(r.row_candidate);
    return status;
}

ec_status ec_sheet_read_csv(ec_sheet *sheet, const char *path, const char *bytes, size_t size_bytes,
                            ec_error *err) {
    static const ec_import_options none = {0};
    const ec_sheet_reading how = {.options = &none};
    return ec_sheet_read_table(sheet, &how, path, bytes, size_bytes, err);
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
        const char *name = sheet->benchmarks[b].name;
        output o = {.prefix = ec_heading_needs_word(name) ? "result " : "",
                    .name = name,
                    .values = sheet->numbers.z + b * n,
                    .kind = A_RESULT,
                    .b = b};
        add_output(outputs, count, o, n, true);
        o.prefix = "";
        o.values = sheet->numbers.z_se + b * n;
        o.kind = AN_ERROR;
        o.end = error_end(sheet, b);
        if (are_large(sheet->numbers.z + b * n, o.values, n)) {
            o.prefix = "result_se ";
            o.end = NULL;
        }
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
