/* sheet_csv.c - a sheet as CSV: one row a candidate
 *
 *     candidate                    its name; required, and first
 *     C, C_se, A, A_se             its scores and their standard errors
 *     cost, hours                  GPU-hours of a finetuning, expected and spent
 *     A <benchmark>, A_se ...      an alignment score for one benchmark
 *     column <name>, column_se ... a column beside A and C
 *     column <name> <benchmark>    the same for one benchmark
 *     anything else                a benchmark; its cells are results
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

/* Where the cells of a column go: array[benchmark][row of the candidate]. */
typedef struct {
    double *array;
    size_t benchmark; /* 0 for a column about the candidate alone */
    bool non_negative;
} column;

static bool candidate_column(column *out, const ec_numbers *numbers, const char *header) {
    const struct {
        const char *header;
        column column;
    } known[] = {
        {"C", {numbers->c, 0, false}},        {"C_se", {numbers->c_se, 0, true}},
        {"A", {numbers->a_shared, 0, false}}, {"A_se", {numbers->a_shared_se, 0, true}},
        {"cost", {numbers->cost, 0, true}},   {"hours", {numbers->hours, 0, true}},
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

static bool is_result(const char *header) {
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
    column *columns; /* [n_fields]; the first is unused */
} reader;

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
        if (is_result(fields[f])) r->names[r->n_benchmarks++] = fields[f];
    for (size_t f = 1; f < n; f++) {
        const char *name = benchmark_of(fields[f]);
        if (r->n_benchmarks > EC_STUDY_MAX_BENCHMARKS) return; /* which is refused later */
        bool known = name == NULL || ec_names_find(name, r->order, fields, n) < n;
        for (size_t b = 0; !known && b < r->n_benchmarks; b++)
            known = strcmp(r->names[b], name) == 0;
        if (!known) r->names[r->n_benchmarks++] = name;
    }
}

static ec_status count_rows(size_t *n_rows, const reader *r, ec_error *err) {
    ec_csv csv;
    ec_csv_init(&csv, r->path, r->bytes, r->size_bytes);
    bool more = true;
    ec_status status = EC_OK;
    size_t n_records = 0;
    for (; status == EC_OK && more; n_records += more) {
        status = ec_csv_next(&csv, &more, err);
        if (status == EC_OK && more && csv.n_fields != r->header.n_fields)
            status = ec_fail(
                err, EC_ERR_FORMAT,
                "%s:%zu: %zu field%s, expected %zu as in the first line; is the file cut short?",
                r->path, csv.line, csv.n_fields, csv.n_fields == 1 ? "" : "s", r->header.n_fields);
    }
    ec_csv_release(&csv);
    *n_rows = n_records - 1;
    if (status == EC_OK && *n_rows == 0)
        status =
            ec_fail(err, EC_ERR_FORMAT, "%s: no candidates, only a line of column names", r->path);
    return status;
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
    if (status == EC_OK) r->columns[f] = (column){is_se ? to->se : to->value, 0, is_se};
    return status;
}

static ec_status place_columns(reader *r, ec_sheet *sheet, ec_error *err) {
    for (size_t f = 1; f < r->header.n_fields; f++) {
        const char *header = r->header.fields[f];
        if (candidate_column(&r->columns[f], &sheet->numbers, header)) continue;
        bool beside;
        const ec_status status = place_beside(&beside, r, f, sheet, err);
        if (status != EC_OK) return status;
        if (beside) continue;
        const char *a = after("A ", header), *a_se = after("A_se ", header);
        const char *name = a != NULL ? a : a_se != NULL ? a_se : header;
        const size_t b = ec_sheet_find_benchmark(sheet, name);
        if (b == sheet->n_benchmarks)
            return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: column '%.80s' without a column 'A %.80s'",
                           r->path, r->header.line, header, name);
        double *array = a != NULL      ? sheet->numbers.a
                        : a_se != NULL ? sheet->numbers.a_se
                                       : sheet->numbers.z;
        r->columns[f] = (column){array, b, a_se != NULL};
    }
    return EC_OK;
}

static ec_status read_cell(const reader *r, const ec_csv *csv, size_t f, double *cell,
                           ec_error *err) {
    const char *fault = NULL;
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

static ec_status read_rows(reader *r, ec_sheet *sheet, ec_error *err) {
    ec_csv csv;
    ec_csv_init(&csv, r->path, r->bytes, r->size_bytes);
    bool more;
    ec_status status = ec_csv_next(&csv, &more, err); /* the header again */
    for (size_t i = 0; status == EC_OK && i < sheet->n_candidates; i++) {
        status = ec_csv_next(&csv, &more, err);
        if (status == EC_OK)
            status = ec_sheet_name_candidate(sheet, i, csv.fields[0], r->path, csv.line, err);
        for (size_t f = 1; status == EC_OK && f < csv.n_fields; f++) {
            const column *to = &r->columns[f];
            status =
                read_cell(r, &csv, f, &to->array[to->benchmark * sheet->n_candidates + i], err);
        }
    }
    ec_csv_release(&csv);
    return status;
}

static ec_status read_sheet(reader *r, ec_sheet *sheet, ec_error *err) {
    ec_status status = read_header(r, err);
    if (status != EC_OK) return status;
    collect_benchmarks(r);
    size_t n_rows;
    status = count_rows(&n_rows, r, err);
    if (status == EC_OK) status = ec_sheet_init(sheet, r->path, n_rows, r->n_benchmarks, err);
    for (size_t b = 0; status == EC_OK && b < r->n_benchmarks; b++)
        status =
            ec_sheet_name_benchmark(sheet, b, r->names[b], "all", r->path, r->header.line, err);
    if (status == EC_OK) status = ec_sheet_index_benchmarks(sheet, r->path, err);
    if (status == EC_OK) status = place_columns(r, sheet, err);
    if (status == EC_OK) status = read_rows(r, sheet, err);
    if (status == EC_OK) status = ec_sheet_index_candidates(sheet, r->path, err);
    if (status == EC_OK) status = ec_sheet_check_numbers(sheet, r->path, err);
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
    return status;
}

/* ---- writing ------------------------------------------------------------------------------ */

static bool any_known(const double *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) return true;
    return false;
}

/* A column to write: its header is prefix and name, and the name of a benchmark or none. */
typedef struct {
    const char *prefix, *name;
    const double *values;
    const char *benchmark;
} output;

static void add_output(output *outputs, size_t *n_outputs, output o, size_t n, bool always) {
    if (always || any_known(o.values, n)) outputs[(*n_outputs)++] = o;
}

static size_t list_outputs(output *outputs, const ec_sheet *sheet) {
    const ec_numbers *x = &sheet->numbers;
    const size_t n = sheet->n_candidates;
    size_t count = 0;
    add_output(outputs, &count, (output){"C", "", x->c, NULL}, n, true);
    add_output(outputs, &count, (output){"C_se", "", x->c_se, NULL}, n, false);
    add_output(outputs, &count, (output){"A", "", x->a_shared, NULL}, n, false);
    add_output(outputs, &count, (output){"A_se", "", x->a_shared_se, NULL}, n, false);
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        const char *name = sheet->benchmarks[b].name;
        add_output(outputs, &count, (output){"A ", name, x->a + b * n, NULL}, n,
                   any_known(x->a_se + b * n, n));
        add_output(outputs, &count, (output){"A_se ", name, x->a_se + b * n, NULL}, n, false);
    }
    for (size_t k = 0; k < sheet->columns.n; k++) {
        const ec_study_column *c = &sheet->columns.items[k];
        const char *of =
            c->benchmark == EC_ALL_BENCHMARKS ? NULL : sheet->benchmarks[c->benchmark].name;
        add_output(outputs, &count, (output){"column ", c->name, c->value, of}, n, false);
        add_output(outputs, &count, (output){"column_se ", c->name, c->se, of}, n, false);
    }
    add_output(outputs, &count, (output){"cost", "", x->cost, NULL}, n, false);
    add_output(outputs, &count, (output){"hours", "", x->hours, NULL}, n, false);
    for (size_t b = 0; b < sheet->n_benchmarks; b++)
        add_output(outputs, &count, (output){"", sheet->benchmarks[b].name, x->z + b * n, NULL}, n,
                   true);
    return count;
}

void ec_sheet_write_csv(ec_text *out, const ec_sheet *sheet) {
    output *outputs =
        malloc((6 + 3 * sheet->n_benchmarks + 2 * sheet->columns.n) * sizeof *outputs);
    ec_text header = {0};
    out->failed = out->failed || outputs == NULL;
    const size_t n_outputs = outputs != NULL ? list_outputs(outputs, sheet) : 0;

    ec_text_add(out, "candidate");
    for (size_t k = 0; k < n_outputs; k++) {
        header.size_bytes = 0;
        ec_text_format(&header, "%s%s", outputs[k].prefix, outputs[k].name);
        if (outputs[k].benchmark != NULL) ec_text_format(&header, " %s", outputs[k].benchmark);
        ec_text_add(out, ",");
        ec_csv_write_field(out, header.failed ? "" : header.data);
        out->failed = out->failed || header.failed;
    }
    ec_text_add(out, "\n");
    for (size_t i = 0; i < sheet->n_candidates; i++) {
        ec_csv_write_field(out, sheet->candidates[i]);
        for (size_t k = 0; k < n_outputs; k++) {
            char number[EC_NUMBER_SIZE] = "";
            if (!isnan(outputs[k].values[i])) ec_number_write(number, outputs[k].values[i]);
            ec_text_add(out, ",");
            ec_text_add(out, number);
        }
        ec_text_add(out, "\n");
    }
    ec_text_release(&header);
    free(outputs);
}
