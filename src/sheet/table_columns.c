/* table_columns.c - see table_columns.h */
#include "sheet/table_columns.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "eyechart/spelling.h"
#include "sheet/import_report.h"
#include "sheet/names.h"

static ec_status fail_header(const ec_table_file *file, ec_error *err, const char *format, ...)
    EC_PRINTF(3, 4);
static ec_status fail_header(const ec_table_file *file, ec_error *err, const char *format, ...) {
    char message[600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: %s", file->path, file->header_line, message);
}

static const char *heading_at(const void *columns, size_t f) {
    return ((const ec_table_column *)columns)[f].text;
}

/* ---- rows --------------------------------------------------------------------------------- */

ec_status ec_table_rows_begin(ec_csv *csv, const ec_table_file *file, ec_error *err) {
    bool more;
    ec_csv_init(csv, file->path, file->text.at, file->text.size_bytes);
    csv->separator = file->text.separator;
    csv->next_line = file->text.first_line;
    return ec_csv_next(csv, &more, err);
}

ec_status ec_table_rows_next(ec_csv *csv, bool *more, const ec_table_file *file, ec_error *err) {
    bool empty = true;
    ec_status status;
    do {
        status = ec_csv_next(csv, more, err);
        if (status != EC_OK || !*more) return status;
        empty = true;
        for (size_t f = 0; f < csv->n_fields; f++) {
            /* The fields are our own copy, in csv->record. */
            csv->fields[f] = ec_cell_trim((char *)csv->fields[f]);
            empty = empty && *csv->fields[f] == '\0';
        }
    } while (empty);
    bool wrong = csv->n_fields < file->n;
    for (size_t f = file->n; f < csv->n_fields; f++) wrong = wrong || *csv->fields[f] != '\0';
    if (!wrong) return EC_OK;
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s:%zu: %zu field%s, expected %zu as in the first line; is the file cut short?",
                   file->path, csv->line, csv->n_fields, csv->n_fields == 1 ? "" : "s", file->n);
}

/* ---- header ------------------------------------------------------------------------------- */

static ec_status check_twice(const ec_table_file *file, ec_error *err) {
    for (size_t f = 0; f < file->n; f++) {
        const char *text = file->columns[f].text;
        if (*text == '\0' || file->columns[f].ignored) continue;
        for (size_t g = 0; g < f; g++)
            if (strcmp(text, file->columns[g].text) == 0)
                return fail_header(file, err, "column '%.80s' is there twice", text);
    }
    return EC_OK;
}

static ec_status mark_ignored(ec_table_file *file, ec_error *err) {
    const ec_import_options *options = file->how->options;
    for (size_t k = 0; k < options->n_ignore; k++) {
        const char *name = options->ignore[k];
        bool exact = false, any = false;
        for (size_t f = 0; f < file->n; f++)
            exact = exact || strcmp(file->columns[f].text, name) == 0;
        for (size_t f = 0; f < file->n; f++) {
            ec_table_column *c = &file->columns[f];
            if (exact ? strcmp(c->text, name) != 0 : !ec_spelling_same(c->text, name)) continue;
            c->ignored = any = true;
        }
        if (any) continue;
        const size_t near = ec_spelling_nearest(name, heading_at, file->columns, file->n);
        return ec_fail(err, EC_ERR_NOT_FOUND, "%s: no column '%.80s' to ignore%s%.80s%s",
                       file->path, name, near != EC_SPELLING_NONE ? "; did you mean '" : "",
                       near != EC_SPELLING_NONE ? file->columns[near].text : "",
                       near != EC_SPELLING_NONE ? "'?" : "");
    }
    return EC_OK;
}

static ec_status read_headings(ec_table_file *file, ec_error *err) {
    const char **texts = calloc(file->n, sizeof *texts);
    ec_heading *heads = calloc(file->n, sizeof *heads);
    bool done = texts != NULL && heads != NULL;
    for (size_t f = 0; done && f < file->n; f++)
        texts[f] = file->columns[f].ignored ? "" : file->columns[f].text;
    done = done && ec_headings_read(heads, texts, file->n);
    for (size_t f = 0; heads != NULL && f < file->n; f++) file->columns[f].heading = heads[f];
    free(texts);
    free(heads);
    return done ? EC_OK : ec_no_memory(file->path, err);
}

/* The column of names: one that is called so, else a first one without a heading. */
static ec_status find_names(ec_table_file *file, ec_error *err) {
    for (size_t f = 0; f < file->n; f++)
        if (file->columns[f].heading.kind == EC_HEADING_CANDIDATE) {
            file->name_column = f;
            return EC_OK;
        }
    file->name_column = 0;
    if (*file->columns[0].text == '\0' && !file->columns[0].ignored) return EC_OK;
    return fail_header(
        file, err,
        "the first column is '%.80s', expected 'candidate' (or name, model, encoder) "
        "as the heading of the names",
        file->columns[0].text);
}

static ec_status read_header(ec_table_file *file, ec_error *err) {
    ec_csv csv;
    bool more;
    ec_csv_init(&csv, file->path, file->text.at, file->text.size_bytes);
    csv.separator = file->text.separator;
    csv.next_line = file->text.first_line;
    ec_status status = ec_csv_next(&csv, &more, err);
    if (status == EC_OK && !more)
        status =
            ec_fail(err, EC_ERR_FORMAT,
                    "%s: empty; expected a first line that names the columns: candidate, C, A, "
                    "benchmarks",
                    file->path);
    if (status == EC_OK) {
        file->header_line = csv.line;
        file->columns = calloc(csv.n_fields, sizeof *file->columns);
        if (file->columns == NULL) status = ec_no_memory(file->path, err);
    }
    for (size_t f = 0; status == EC_OK && f < csv.n_fields; f++) {
        file->columns[f].text = strdup(ec_cell_trim((char *)csv.fields[f]));
        file->columns[f].counts_rows = true;
        if (file->columns[f].text == NULL) status = ec_no_memory(file->path, err);
        file->n = f + 1;
    }
    ec_csv_release(&csv);
    if (status == EC_OK) status = mark_ignored(file, err);
    if (status == EC_OK) status = check_twice(file, err);
    if (status == EC_OK) status = read_headings(file, err);
    if (status == EC_OK) status = find_names(file, err);
    return status;
}

/* ---- counting ----------------------------------------------------------------------------- */

static void take_sample(ec_table_sample *to, const char *cell, const char *heading, size_t line) {
    if (to->line > 0) return;
    ec_name_cut(to->text, sizeof to->text, cell);
    ec_name_cut(to->heading, sizeof to->heading, heading);
    to->line = line;
}

static void count_missing(ec_table_file *file, const char *word) {
    enum { ROOM = sizeof file->missing / sizeof *file->missing };
    if (*word == '\0') return;
    for (size_t k = 0; k < ROOM; k++) {
        if (file->missing[k].n == 0)
            ec_name_cut(file->missing[k].word, sizeof file->missing[k].word, word);
        if (file->missing[k].n > 0 && strcmp(file->missing[k].word, word) != 0) continue;
        file->missing[k].n++;
        return;
    }
}

char *ec_cell_split_error(char *cell) {
    static const char *const signs[] = {"\xc2\xb1", "+/-", "+-", "\\pm"};
    if (strpbrk(cell, "+\\\xc2") == NULL) return NULL;
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) {
        char *at = strstr(cell, signs[k]);
        if (at == NULL || at == cell) continue;
        *at = '\0';
        ec_cell_trim(cell);
        return ec_cell_trim(at + strlen(signs[k]));
    }
    return NULL;
}

static void count_number(ec_table_file *file, ec_table_column *c, const char *cell, size_t line) {
    take_sample(&file->evidence[ec_cell_evidence(cell)], cell, c->text, line);
    if (strpbrk(cell, "%") == NULL && strstr(cell, "\xef\xbc\x85") == NULL) return;
    c->n_percent++;
    take_sample(&file->percent, cell, c->text, line);
}

static void count_cell(ec_table_file *file, ec_table_column *c, char *cell, size_t line) {
    const ec_import_options *o = file->how->options;
    char text[64];
    snprintf(text, sizeof text, "%s", cell);
    if (ec_cell_is_missing(cell, o->missing, o->n_missing)) {
        count_missing(file, cell);
        return;
    }
    char *error = strlen(cell) < sizeof text ? ec_cell_split_error(text) : NULL;
    if (ec_cell_is_number(text) && (error == NULL || ec_cell_is_number(error))) {
        double value, row = (double)(file->n_rows - 1);
        bool percent;
        if (c->counts_rows &&
            (ec_cell_read(&value, &percent, cell, EC_DECIMAL_POINT) != EC_NUMBER_OK ||
             (value != row && value != row + 1.0)))
            c->counts_rows = false;
        c->n_values++;
        count_number(file, c, text, line);
        if (error != NULL) count_number(file, c, error, line);
        return;
    }
    c->counts_rows = false;
    if (c->n_texts++ == 0) ec_name_cut(c->sample, sizeof c->sample, cell);
}

static ec_status add_row(ec_table_file *file, const char *name, ec_error *err) {
    char **names = ec_grown(file->row_names, file->n_rows, &file->rows_capacity, sizeof *names);
    if (names == NULL) return ec_no_memory(file->path, err);
    file->row_names = names;
    file->row_names[file->n_rows] = strdup(name);
    if (file->row_names[file->n_rows] == NULL) return ec_no_memory(file->path, err);
    file->n_rows++;
    return EC_OK;
}

static ec_status count_rows(ec_table_file *file, ec_error *err) {
    ec_csv csv;
    bool more;
    ec_status status = ec_table_rows_begin(&csv, file, err);
    while (status == EC_OK && (status = ec_table_rows_next(&csv, &more, file, err)) == EC_OK &&
           more) {
        status = add_row(file, csv.fields[file->name_column], err);
        for (size_t f = 0; status == EC_OK && f < file->n; f++)
            if (f != file->name_column && !file->columns[f].ignored)
                count_cell(file, &file->columns[f], (char *)csv.fields[f], csv.line);
    }
    ec_csv_release(&csv);
    if (status == EC_OK && file->n_rows == 0)
        status = ec_fail(err, EC_ERR_FORMAT, "%s: no candidates, only a line of column names",
                         file->path);
    return status;
}

/* ---- what the columns are ----------------------------------------------------------------- */

static ec_status set_text(char **to, const char *text, const ec_table_file *file, ec_error *err) {
    free(*to);
    *to = strdup(text);
    return *to != NULL ? EC_OK : ec_no_memory(file->path, err);
}

static ec_status be(ec_table_column *c, ec_column_role role, const char *name,
                    const ec_table_file *file, ec_error *err) {
    c->role = role;
    return set_text(&c->name, name, file, err);
}

static ec_status leave_out(ec_table_column *c, const ec_table_file *file, ec_error *err,
                           const char *format, ...) EC_PRINTF(4, 5);
static ec_status leave_out(ec_table_column *c, const ec_table_file *file, ec_error *err,
                           const char *format, ...) {
    char why[200];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    c->role = EC_ROLE_NOTHING;
    return set_text(&c->why, why, file, err);
}

/* The benchmark of the study that a heading names, exactly or as the only one that looks the same;
 * NULL: none, or the study is a new one. */
static const char *declared_benchmark(const ec_table_file *file, const char *name) {
    const ec_sheet *declared = file->how->declared;
    if (declared == NULL) return NULL;
    const size_t exact = ec_sheet_find_benchmark(declared, name);
    if (exact < declared->n_benchmarks) return declared->benchmark_names[exact];
    const char *found = NULL;
    for (size_t b = 0; b < declared->n_benchmarks; b++) {
        if (!ec_spelling_same(declared->benchmark_names[b], name)) continue;
        if (found != NULL) return NULL;
        found = declared->benchmark_names[b];
    }
    return found;
}

/* A number beside A and C, under a name that none has yet. */
static ec_status keep_beside(ec_table_column *c, const ec_table_file *file, ec_error *err) {
    char name[EC_COLUMN_NAME_MAX_BYTES + 1];
    ec_heading_column_name(name, sizeof name, c->text);
    bool taken = *name == '\0';
    for (size_t f = 0; f < file->n; f++) {
        const ec_table_column *other = &file->columns[f];
        const bool beside =
            other->role == EC_ROLE_BESIDE || other->heading.kind == EC_HEADING_COLUMN;
        const char *its = other->role == EC_ROLE_BESIDE ? other->name : other->heading.rest;
        taken = taken || (other != c && beside && its != NULL && strcmp(its, name) == 0);
    }
    if (taken) return leave_out(c, file, err, "no result by its name");
    const ec_status status = be(c, EC_ROLE_BESIDE, name, file, err);
    return status == EC_OK ? set_text(&c->why, "no result by its name", file, err) : status;
}

static ec_status decide_unnamed(ec_table_file *file, size_t f, ec_error *err) {
    ec_table_column *c = &file->columns[f];
    if (c->n_values + c->n_texts == 0) return EC_OK; /* a separator at the end of each line */
    if (f == 0 && c->n_texts == 0 && c->counts_rows)
        return leave_out(c, file, err, "no name, counts the rows");
    return fail_header(
        file, err, "column %zu has values, such as '%.40s', but no name; name it, or take it out",
        f + 1, c->n_texts > 0 ? c->sample : "a number");
}

static ec_status decide_beside(ec_table_column *c, const ec_table_file *file, ec_error *err) {
    const char *rest = c->heading.rest;
    const size_t length = strcspn(rest, " ");
    char name[EC_COLUMN_NAME_MAX_BYTES + 2];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1),
             rest);
    const char *fault = ec_column_name_fault(name);
    if (fault != NULL) return fail_header(file, err, "the name in '%.80s' %s", c->text, fault);
    c->role = c->heading.kind == EC_HEADING_COLUMN ? EC_ROLE_BESIDE : EC_ROLE_BESIDE_SE;
    ec_status status = set_text(&c->name, name, file, err);
    if (status == EC_OK && rest[length] != '\0') {
        const char *declared = declared_benchmark(file, rest + length + 1);
        status =
            set_text(&c->benchmark, declared != NULL ? declared : rest + length + 1, file, err);
    }
    return status;
}

static ec_status decide(ec_table_file *file, size_t f, ec_error *err) {
    ec_table_column *c = &file->columns[f];
    const char *rest = c->heading.rest, *declared;
    if (c->ignored) return leave_out(c, file, err, "to be ignored");
    switch (c->heading.kind) {
    case EC_HEADING_EMPTY:
        return decide_unnamed(file, f, err);
    case EC_HEADING_OWN_A:
    case EC_HEADING_OWN_A_SE:
        declared = declared_benchmark(file, rest);
        return be(c, c->heading.kind == EC_HEADING_OWN_A ? EC_ROLE_OWN_A : EC_ROLE_OWN_A_SE,
                  declared != NULL ? declared : rest, file, err);
    case EC_HEADING_COLUMN:
    case EC_HEADING_COLUMN_SE:
        return decide_beside(c, file, err);
    case EC_HEADING_RESULT:
        declared = declared_benchmark(file, rest);
        return be(c, EC_ROLE_RESULT, declared != NULL ? declared : rest, file, err);
    case EC_HEADING_RESULT_SE: /* find_errors finds the results */
        return be(c, EC_ROLE_ERROR, rest, file, err);
    case EC_HEADING_CANDIDATE:
    case EC_HEADING_NO_RESULT:
    case EC_HEADING_OTHER:
        break;
    default:
        c->role = EC_ROLE_CANDIDATE;
        return EC_OK;
    }
    declared = declared_benchmark(file, c->text);
    if (declared != NULL) return be(c, EC_ROLE_RESULT, declared, file, err);
    /* More rows may follow than are counted: a mean. */
    if (f == 0 && c->counts_rows && c->n_texts == 0 && c->n_values > 1)
        return leave_out(c, file, err, "counts the rows");
    if (c->n_values == 0 && c->n_texts > 0)
        return leave_out(c, file, err, "no numbers in it, but '%.40s'", c->sample);
    if (c->heading.kind != EC_HEADING_NO_RESULT) return be(c, EC_ROLE_RESULT, c->text, file, err);
    return c->n_texts > 0 ? leave_out(c, file, err, "no result by its name")
                          : keep_beside(c, file, err);
}

/* The column of results whose standard errors column f has, by its name; file->n: f has none. */
static size_t results_of(const ec_table_file *file, size_t f) {
    static const char *const ends[] = {"_se", "_stderr", " se", " stderr", "_std_err", " SE"};
    const char *text = file->columns[f].text;
    const size_t length = strlen(text);
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        const size_t end = strlen(ends[k]);
        if (length <= end || strcmp(text + length - end, ends[k]) != 0) continue;
        for (size_t g = 0; g < file->n; g++) {
            const ec_table_column *of = &file->columns[g];
            if (g == f || of->role != EC_ROLE_RESULT) continue;
            const char *name = of->heading.kind == EC_HEADING_RESULT ? of->heading.rest : of->text;
            if (strlen(name) == length - end && strncmp(text, name, length - end) == 0) return g;
        }
    }
    return file->n;
}

/* The column of results for the benchmark that column f says to have the standard errors of. */
static size_t results_for(const ec_table_file *file, size_t f) {
    const ec_table_column *c = &file->columns[f];
    for (size_t g = 0; g < file->n; g++) {
        const ec_table_column *of = &file->columns[g];
        if (of->role != EC_ROLE_RESULT) continue;
        if (strcmp(of->name, c->name) == 0 || strcmp(of->text, c->name) == 0) return g;
    }
    return file->n;
}

/* Standard errors are told by the results that they stand beside, so after those. */
static ec_status find_errors(ec_table_file *file, ec_error *err) {
    for (size_t f = 0; f < file->n; f++) {
        ec_table_column *c = &file->columns[f];
        const bool may_be = (c->role == EC_ROLE_RESULT && c->heading.kind != EC_HEADING_RESULT) ||
                            c->role == EC_ROLE_OWN_A || c->role == EC_ROLE_OWN_A_SE;
        size_t of = file->n;
        if (c->heading.kind == EC_HEADING_RESULT_SE && c->role == EC_ROLE_ERROR) {
            of = results_for(file, f);
            if (of == file->n)
                return fail_header(file, err, "column '%.80s' without a column '%.80s'", c->text,
                                   c->name);
        } else if (may_be) {
            of = results_of(file, f);
        }
        if (of == file->n) continue;
        c->role = EC_ROLE_ERROR;
        c->of = of;
    }
    return EC_OK;
}

/* ---- the decimal sign --------------------------------------------------------------------- */

static ec_status decide_decimal(ec_table_file *file, ec_error *err) {
    const ec_table_sample *point = &file->evidence[EC_DECIMAL_POINT_SURE],
                          *comma = &file->evidence[EC_DECIMAL_COMMA_SURE],
                          *either = &file->evidence[EC_DECIMAL_EITHER_COMMA];
    file->decimal = file->how->options->decimal;
    if (file->decimal != EC_DECIMAL_AUTO) return EC_OK;
    file->decimal = comma->line > 0 ? EC_DECIMAL_COMMA : EC_DECIMAL_POINT;
    if (point->line > 0 && comma->line > 0)
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: line %zu has the decimal point of '%.40s' and line %zu the decimal comma "
            "of '%.40s'; write all numbers in one way, or say which with --decimal",
            file->path, point->line, point->text, comma->line, comma->text);
    if (either->line > 0 && point->line == 0 && comma->line == 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s:%zu: column '%.60s': '%.40s' is one number with a decimal comma and "
                       "another with a comma between thousands, and nothing in the file tells "
                       "which; say --decimal comma or --decimal point",
                       file->path, either->line, either->heading, either->text);
    return EC_OK;
}

/* ---- the whole ---------------------------------------------------------------------------- */

ec_status ec_table_file_open(ec_table_file *out, const char *path, const ec_sheet_reading *how,
                             const char *bytes, size_t size_bytes, ec_error *err) {
    *out = (ec_table_file){.path = path, .how = how};
    ec_status status = ec_table_text_init(&out->text, path, bytes, size_bytes, err);
    if (status == EC_OK) status = read_header(out, err);
    if (status == EC_OK) status = count_rows(out, err);
    for (size_t f = 0; status == EC_OK && f < out->n; f++) {
        if (f == out->name_column)
            out->columns[f].role = EC_ROLE_NAME;
        else
            status = decide(out, f, err);
    }
    if (status == EC_OK) status = find_errors(out, err);
    if (status == EC_OK) status = decide_decimal(out, err);
    return status;
}

void ec_table_file_release(ec_table_file *file) {
    for (size_t f = 0; f < file->n; f++) {
        ec_table_column *c = &file->columns[f];
        ec_heading_release(&c->heading);
        free(c->text);
        free(c->name);
        free(c->benchmark);
        free(c->why);
    }
    free(file->columns);
    for (size_t row = 0; row < file->n_rows; row++) free(file->row_names[row]);
    free(file->row_names);
    ec_table_text_release(&file->text);
    *file = (ec_table_file){0};
}

/* ---- reporting ---------------------------------------------------------------------------- */

static ec_status note_numbers(const ec_table_file *file, ec_error *err) {
    const bool comma = file->decimal == EC_DECIMAL_COMMA;
    const ec_table_sample
        *sure = &file->evidence[EC_DECIMAL_COMMA_SURE],
        *either = &file->evidence[comma ? EC_DECIMAL_EITHER_POINT : EC_DECIMAL_EITHER_COMMA];
    double value;
    bool percent;
    ec_status status = EC_OK;
    if (comma && sure->line > 0 &&
        ec_cell_read(&value, &percent, sure->text, EC_DECIMAL_COMMA) == EC_NUMBER_OK)
        status = ec_import_report_note(file->how->report, err, "decimal commas: '%s' is %.10g",
                                       sure->text, value);
    if (status == EC_OK && either->line > 0 &&
        ec_cell_read(&value, &percent, either->text, file->decimal) == EC_NUMBER_OK)
        status = ec_import_report_note(file->how->report, err, "line %zu: '%s' is %.10g",
                                       either->line, either->text, value);
    if (status == EC_OK && file->percent.line > 0 &&
        ec_cell_read(&value, &percent, file->percent.text, file->decimal) == EC_NUMBER_OK)
        status = ec_import_report_note(file->how->report, err,
                                       "percent signs are left away: '%s' is %.10g",
                                       file->percent.text, value);
    for (size_t f = 0; status == EC_OK && f < file->n; f++) {
        const ec_table_column *c = &file->columns[f];
        if (c->n_percent > 0 && c->n_percent < c->n_values && c->role != EC_ROLE_NOTHING)
            status = ec_import_report_note(
                file->how->report, err,
                "column '%.80s': %zu of %zu numbers have a percent sign; are all in "
                "percent?",
                c->text, c->n_percent, c->n_values);
    }
    return status;
}

static ec_status note_missing(const ec_table_file *file, ec_error *err) {
    char words[300] = "";
    size_t n = 0;
    for (size_t k = 0; k < sizeof file->missing / sizeof *file->missing; k++) {
        if (file->missing[k].n == 0) continue;
        const size_t at = strlen(words);
        snprintf(words + at, sizeof words - at, "%s'%s'", n > 0 ? ", " : "", file->missing[k].word);
        n += file->missing[k].n;
    }
    if (n == 0) return EC_OK;
    return ec_import_report_note(file->how->report, err, "%zu cell%s read as missing: %s", n,
                                 n == 1 ? " is" : "s are", words);
}

/* What the hours of a finetuning are called here. */
static ec_status note_hours(const ec_table_file *file, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t f = 0; status == EC_OK && f < file->n; f++) {
        const ec_table_column *c = &file->columns[f];
        if (c->role == EC_ROLE_BESIDE && c->heading.kind == EC_HEADING_NO_RESULT &&
            strcasestr(c->text, "gpu") != NULL && strcasestr(c->text, "hour") != NULL)
            status = ec_import_report_note(
                file->how->report, err,
                "column '%.80s': call it 'cost' where it is what a finetuning is expected to take, "
                "'hours' where it is what one took",
                c->text);
    }
    return status;
}

/* A mean of other benchmarks would count them twice, and one of candidates is none. */
static ec_status note_means(const ec_table_file *file, ec_error *err) {
    static const char *const words[] = {"average", "avg",   "avg.", "mean",
                                        "overall", "total", "sum"};
    ec_status status = EC_OK;
    for (size_t f = 0; status == EC_OK && f < file->n; f++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (file->columns[f].role == EC_ROLE_RESULT && file->how->declared == NULL &&
                strcasecmp(file->columns[f].text, words[k]) == 0)
                status = ec_import_report_note(
                    file->how->report, err,
                    "column '%s' is taken for a benchmark; if it sums up the others, leave "
                    "it out: --ignore %s",
                    file->columns[f].text, file->columns[f].text);
    for (size_t row = 0; status == EC_OK && row < file->n_rows; row++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (strcasecmp(file->row_names[row], words[k]) == 0)
                status = ec_import_report_note(
                    file->how->report, err,
                    "the row '%s' is taken for a candidate; if it sums up the others, take it out",
                    file->row_names[row]);
    return status;
}

static ec_column_use use_of(const ec_table_column *c) {
    switch (c->role) {
    case EC_ROLE_NAME:
        return EC_USE_CANDIDATE;
    case EC_ROLE_CANDIDATE:
        return c->heading.kind == EC_HEADING_COST || c->heading.kind == EC_HEADING_HOURS
                   ? EC_USE_COST
                   : EC_USE_SCORE;
    case EC_ROLE_OWN_A:
    case EC_ROLE_OWN_A_SE:
        return EC_USE_SCORE;
    case EC_ROLE_BESIDE:
    case EC_ROLE_BESIDE_SE:
        return EC_USE_COLUMN;
    case EC_ROLE_RESULT:
    case EC_ROLE_ERROR:
        return EC_USE_BENCHMARK;
    case EC_ROLE_NOTHING:
        break;
    }
    return EC_USE_LEFT_OUT;
}

/* What a column is called in the plainest table. */
static void plain_heading(char *to, size_t size, const ec_table_file *file,
                          const ec_table_column *c) {
    static const char *const kinds[] = {
        [EC_HEADING_C] = "C",       [EC_HEADING_C_SE] = "C_se", [EC_HEADING_A] = "A",
        [EC_HEADING_A_SE] = "A_se", [EC_HEADING_COST] = "cost", [EC_HEADING_HOURS] = "hours"};
    const char *name = c->name != NULL ? c->name : "";
    switch (c->role) {
    case EC_ROLE_NAME:
        snprintf(to, size, "candidate");
        break;
    case EC_ROLE_CANDIDATE:
        snprintf(to, size, "%s", kinds[c->heading.kind]);
        break;
    case EC_ROLE_OWN_A:
        snprintf(to, size, "A %s", name);
        break;
    case EC_ROLE_OWN_A_SE:
        snprintf(to, size, "A_se %s", name);
        break;
    case EC_ROLE_ERROR:
        snprintf(to, size, "%s_se", file->columns[c->of].name);
        break;
    case EC_ROLE_BESIDE_SE:
        snprintf(to, size, "%s_se", name);
        break;
    default:
        snprintf(to, size, "%s", name);
    }
}

static ec_status report_column(const ec_table_file *file, const ec_table_column *c, ec_error *err) {
    char name[3 * EC_NAME_MAX_BYTES];
    plain_heading(name, sizeof name, file, c);
    return ec_import_report_add(file->how->report, use_of(c), c->text,
                                c->role != EC_ROLE_NOTHING ? name : NULL,
                                c->role == EC_ROLE_NAME ? file->n_rows : c->n_values, c->why, err);
}

ec_status ec_table_file_report(const ec_table_file *file, ec_error *err) {
    ec_status status = EC_OK;
    if (file->how->report == NULL) return EC_OK;
    for (size_t f = 0; status == EC_OK && f < file->n; f++) {
        const ec_table_column *c = &file->columns[f];
        if (c->role != EC_ROLE_NOTHING || c->why != NULL) status = report_column(file, c, err);
    }
    if (status == EC_OK && file->text.converted != NULL)
        status = ec_import_report_note(file->how->report, err, "read as %s", file->text.converted);
    if (status == EC_OK) status = note_numbers(file, err);
    if (status == EC_OK) status = note_missing(file, err);
    if (status == EC_OK) status = note_hours(file, err);
    if (status == EC_OK) status = note_means(file, err);
    return status;
}
