/* exchange.c - import and export of CSV and JSON */
#include "study/exchange.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "sheet/import_report.h"
#include "study/column_store.h"
#include "study/failure.h"

/* ---- files -------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static ec_table_format format_by_name(const char *file) {
    return ends_with(file, ".json")  ? EC_FORMAT_JSON
           : ends_with(file, ".csv") ? EC_FORMAT_CSV
                                     : EC_FORMAT_BY_NAME;
}

/* Endings of files that are neither: a CSV under such a name would be opened by nothing. */
static bool is_other_format(const char *file) {
    static const char *const ends[] = {".xlsx", ".xls", ".xlsm",    ".ods",  ".numbers", ".parquet",
                                       ".tsv",  ".tab", ".feather", ".yaml", ".yml",     ".html",
                                       ".md",   ".tex", ".pdf",     ".db",   ".sqlite",  ".xml",
                                       ".pkl",  ".npz", ".npy",     ".zip",  ".gz",      ".png"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(file, ends[i])) return true;
    return false;
}

static bool begins_like_json(const ec_text *text) {
    const size_t blanks = text->data != NULL ? strspn(text->data, " \t\r\n") : 0;
    return text->data != NULL && (text->data[blanks] == '{' || text->data[blanks] == '[');
}

ec_status ec_exchange_read(ec_sheet *sheet, const char *file, ec_table_format format,
                           const ec_sheet_reading *how, ec_error *err) {
    *sheet = (ec_sheet){0};
    const char *path = strcmp(file, "-") == 0 ? "standard input" : file;
    ec_text text = {0};
    ec_status status = ec_file_read(&text, file, EC_SHEET_MAX_BYTES, err);
    if (status != EC_OK) return status;
    if (format == EC_FORMAT_BY_NAME) format = format_by_name(file);
    if (format == EC_FORMAT_BY_NAME)
        format = begins_like_json(&text) ? EC_FORMAT_JSON : EC_FORMAT_CSV;
    const ec_import_options *o = how->options;
    if (format == EC_FORMAT_JSON && (o->n_ignore > 0 || o->n_missing > 0 || o->decimal != 0)) {
        ec_text_release(&text);
        return ec_fail(err, EC_ERR_ARG,
                       "%s: JSON has no columns, words for missing numbers or decimal commas: "
                       "--ignore, --missing and --decimal are for CSV",
                       path);
    }
    status = format == EC_FORMAT_JSON
                 ? ec_sheet_read_json(sheet, path, text.data, text.size_bytes, err)
                 : ec_sheet_read_table(sheet, how, path, text.data, text.size_bytes, err);
    ec_text_release(&text);
    if (status == EC_OK && how->report != NULL && format == EC_FORMAT_JSON)
        status = ec_import_report_sheet(how->report, sheet, err);
    if (status == EC_OK && how->report != NULL)
        status = ec_import_report_alike(how->report, sheet, err);
    if (status != EC_OK) ec_sheet_release(sheet);
    return status;
}

/* ---- merging a sheet ---------------------------------------------------------------------- */

static bool same(double x, double y) {
    return x == y || (isnan(x) && isnan(y));
}

typedef struct {
    ec_import_summary *summary;
    ec_study *study;
    const ec_sheet *sheet;
    ec_numbers known;   /* of the study, results as they were told */
    ec_repeats repeats; /* likewise, sorted; those of the sheet are too */
    ec_failures failures;
    size_t *to_benchmark; /* [benchmarks of the sheet] index in the study */
    size_t *from_benchmark; /* [benchmarks of the study] index in the sheet; its number of them:
                               none */
    const char *file;
    int64_t event;
    ec_error *err;
} merging;

static ec_status fail_declared(const merging *g, size_t row, const char *what, double declared) {
    char number[EC_NUMBER_SIZE];
    ec_number_write(number, declared);
    return ec_sheet_fail(
        g->err, g->file, g->sheet->candidate_line[row],
        "candidate '%.80s': %s is %s in study.yaml, which wins; change it there, or leave it out "
        "here",
        g->sheet->candidates[row], what, number);
}

static ec_status add_score(merging *g, const char *candidate, const char *kind,
                           const char *benchmark, double value, double se) {
    g->summary->n_scores++;
    return ec_database_put_score(&g->study->db, g->event, candidate, kind, benchmark, value, se,
                                 g->err);
}

static ec_status merge_c(merging *g, size_t row, size_t i) {
    const ec_numbers *from = &g->sheet->numbers;
    const double declared = g->study->declared.sheet.numbers.c[i];
    if (isnan(from->c[row])) return EC_OK;
    if (same(from->c[row], g->known.c[i]) && same(from->c_se[row], g->known.c_se[i])) {
        g->summary->n_unchanged++;
        return EC_OK;
    }
    if (!isnan(declared)) return fail_declared(g, row, "C", declared);
    return add_score(g, g->sheet->candidates[row], "C", "", from->c[row], from->c_se[row]);
}

/* Is (value, se) what is known of A of candidate i for benchmark b of the study? Refused where it
 * is not and study.yaml says otherwise. */
static ec_status compare_a(bool *known, merging *g, size_t row, size_t i, size_t b, double value,
                           double se) {
    const size_t n = g->study->declared.sheet.n_candidates;
    *known = same(value, g->known.a[b * n + i]) && same(se, g->known.a_se[b * n + i]);
    double unused;
    const double declared = ec_numbers_a(&g->study->declared.sheet.numbers, n, b, i, &unused);
    return *known || isnan(declared) ? EC_OK : fail_declared(g, row, "A", declared);
}

/* A shared score is one row about all benchmarks. It replaces what was known about each of them, so
 * those with a score of their own in this file are written after it in any case. */
static ec_status merge_shared_a(bool *written, merging *g, size_t row, size_t i) {
    const ec_numbers *from = &g->sheet->numbers;
    const size_t m = g->study->declared.sheet.n_benchmarks;
    const double value = from->a_shared[row], se = from->a_shared_se[row];
    *written = false;
    if (isnan(value)) return EC_OK;
    bool all_known =
        m > 0 || (same(value, g->known.a_shared[i]) && same(se, g->known.a_shared_se[i]));
    for (size_t b = 0; b < m; b++) {
        const size_t k = g->from_benchmark[b];
        if (k < g->sheet->n_benchmarks && !isnan(from->a[k * g->sheet->n_candidates + row]))
            continue;
        bool known;
        const ec_status status = compare_a(&known, g, row, i, b, value, se);
        if (status != EC_OK) return status;
        all_known = all_known && known;
    }
    g->summary->n_unchanged += all_known;
    *written = !all_known;
    return all_known ? EC_OK : add_score(g, g->sheet->candidates[row], "A", "", value, se);
}

static ec_status merge_own_a(merging *g, size_t row, size_t i, size_t k, bool always) {
    const size_t cell = k * g->sheet->n_candidates + row;
    const double value = g->sheet->numbers.a[cell], se = g->sheet->numbers.a_se[cell];
    if (isnan(value)) return EC_OK;
    bool known;
    const ec_status status = compare_a(&known, g, row, i, g->to_benchmark[k], value, se);
    if (status != EC_OK) return status;
    if (known && !always) {
        g->summary->n_unchanged++;
        return EC_OK;
    }
    return add_score(g, g->sheet->candidates[row], "A", g->sheet->benchmarks[k].name, value, se);
}

static ec_status merge_cost(merging *g, size_t row, size_t i) {
    const ec_numbers *from = &g->sheet->numbers;
    const char *name = g->sheet->candidates[row];
    const double declared = g->study->declared.sheet.numbers.cost[i];
    ec_status status = EC_OK;
    if (!isnan(from->cost[row]) && !same(from->cost[row], g->known.cost[i])) {
        if (!isnan(declared)) return fail_declared(g, row, "cost", declared);
        status = ec_database_put_cost(&g->study->db, g->event, name, EC_COST_EXPECTED,
                                      from->cost[row], g->err);
    }
    /* Hours of failures that were told are part of the whole, and recorded with those. */
    const double hours = ec_failures_all_hours(&g->failures, &g->known, i),
                 failed = isnan(g->failures.hours[i]) ? 0.0 : g->failures.hours[i];
    if (status == EC_OK && !isnan(from->hours[row]) && !same(from->hours[row], hours))
        status = ec_database_put_cost(&g->study->db, g->event, name, EC_COST_RECORDED,
                                      fmax(0.0, from->hours[row] - failed), g->err);
    return status;
}

/* The results of a cell, as told. */
typedef struct {
    double value, se;
    const ec_repeat *more;
    size_t n; /* of all */
} told;

static told told_of(const ec_numbers *numbers, const ec_repeats *repeats, size_t cell) {
    told t = {.value = numbers->z[cell], .se = numbers->z_se[cell]};
    if (isnan(t.value)) return t;
    t.more = ec_repeats_of(&t.n, repeats, cell);
    t.n++;
    return t;
}

/* A standard error of 0, which no result has, is one that is not known. */
static ec_repeat at(const told *t, size_t k) {
    ec_repeat x = k == 0 ? (ec_repeat){.value = t->value, .se = t->se} : t->more[k - 1];
    if (x.se == 0.0) x.se = NAN;
    return x;
}

/* How many results of `known` begin those of the file. A value without an error says nothing
 * against the error that is known. */
static bool is_known(const told *from, size_t k, const told *known, size_t l) {
    const ec_repeat x = at(from, k), y = at(known, l);
    return same(x.value, y.value) && (isnan(x.se) || same(x.se, y.se));
}

static size_t count_common(const told *from, const told *known) {
    size_t k = 0;
    while (k < from->n && k < known->n && is_known(from, k, known, k)) k++;
    return k;
}

/* Does the file say nothing new? Its only result may be any of those known. */
static bool all_known(const told *from, const told *known) {
    if (from->n != 1) return count_common(from, known) == from->n;
    for (size_t l = 0; l < known->n; l++)
        if (is_known(from, 0, known, l)) return true;
    return false;
}

static ec_status add_result(merging *g, size_t row, const ec_benchmark *benchmark,
                            const ec_repeat *x, bool repeat) {
    const char *name = g->sheet->candidates[row];
    char fault[EC_RANGE_TEXT_SIZE];
    if (ec_benchmark_excludes(fault, benchmark, x->value))
        return ec_sheet_fail(g->err, g->file, g->sheet->candidate_line[row],
                             "candidate '%.80s', %.80s: %s that study.yaml declares", name,
                             benchmark->name, fault);
    g->summary->n_observations++;
    g->summary->n_repeats += repeat;
    return ec_database_put_observation(&g->study->db, g->event, name, benchmark->name, x->value,
                                       x->se, repeat ? EC_OBSERVED_REPEAT : EC_OBSERVED_VALUE,
                                       g->err);
}

/* Where the results known are the first of those in the file the others are added; else the file's
 * take their place. */
static ec_status merge_cell(bool *any, merging *g, size_t row, size_t i, size_t k) {
    const size_t n = g->study->declared.sheet.n_candidates, b = g->to_benchmark[k];
    const told from = told_of(&g->sheet->numbers, &g->sheet->repeats,
                              k * g->sheet->n_candidates + row),
               known = told_of(&g->known, &g->repeats, b * n + i);
    *any = *any || from.n > 0;
    g->summary->n_kept += from.n == 0 && known.n > 0;
    if (all_known(&from, &known)) {
        g->summary->n_unchanged += from.n;
        return EC_OK;
    }
    const size_t n_common = count_common(&from, &known), first = n_common == known.n ? n_common : 0;
    ec_status status = EC_OK;
    for (size_t r = first; status == EC_OK && r < from.n; r++) {
        const ec_repeat x = at(&from, r);
        status = add_result(g, row, ec_study_benchmark(g->study, b), &x, r > 0);
    }
    return status;
}

static ec_status merge_results(merging *g, size_t row, size_t i) {
    const char *name = g->sheet->candidates[row];
    ec_status status = EC_OK;
    bool any = false;
    for (size_t k = 0; status == EC_OK && k < g->sheet->n_benchmarks; k++)
        status = merge_cell(&any, g, row, i, k);
    if (status == EC_OK && any)
        status = ec_database_answer_question(NULL, &g->study->db, g->event, name, g->err);
    if (status == EC_OK && any && g->failures.failed[i])
        status = ec_failure_take_back(NULL, g->study, g->event, name, "results were imported", true,
                                      g->err);
    return status;
}

static ec_status merge_columns(merging *g, size_t row) {
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < g->sheet->columns.n; k++) {
        const ec_study_column *from = &g->sheet->columns.items[k];
        if (isnan(from->value[row])) continue;
        bool written;
        status = ec_column_put(
            &written, g->study, g->event, g->sheet->candidates[row], from->name,
            from->benchmark == EC_ALL_BENCHMARKS ? "" : g->sheet->benchmarks[from->benchmark].name,
            from->value[row], from->se[row], g->err);
        *(written ? &g->summary->n_scores : &g->summary->n_unchanged) += status == EC_OK;
    }
    return status;
}

static ec_status merge_row(merging *g, size_t row) {
    const size_t i = ec_sheet_find_candidate(&g->study->declared.sheet, g->sheet->candidates[row]);
    bool shared = false;
    ec_status status = merge_c(g, row, i);
    if (status == EC_OK) status = merge_shared_a(&shared, g, row, i);
    for (size_t k = 0; status == EC_OK && k < g->sheet->n_benchmarks; k++)
        status = merge_own_a(g, row, i, k, shared);
    if (status == EC_OK) status = merge_columns(g, row);
    if (status == EC_OK) status = merge_cost(g, row, i);
    if (status == EC_OK) status = merge_results(g, row, i);
    return status;
}

static ec_status map_benchmarks(merging *g) {
    const ec_sheet *to = &g->study->declared.sheet, *from = g->sheet;
    g->to_benchmark = malloc((from->n_benchmarks + 1) * sizeof *g->to_benchmark);
    g->from_benchmark = malloc((to->n_benchmarks + 1) * sizeof *g->from_benchmark);
    if (g->to_benchmark == NULL || g->from_benchmark == NULL) return ec_no_memory(g->file, g->err);
    for (size_t k = 0; k < from->n_benchmarks; k++)
        g->to_benchmark[k] = ec_sheet_find_benchmark(to, from->benchmarks[k].name);
    for (size_t b = 0; b < to->n_benchmarks; b++)
        g->from_benchmark[b] = ec_sheet_find_benchmark(from, to->benchmarks[b].name);
    return EC_OK;
}

ec_status ec_exchange_merge(ec_import_summary *summary, ec_study *study, const ec_sheet *sheet,
                            const char *file, int64_t event, ec_error *err) {
    merging g = {.summary = summary,
                 .study = study,
                 .sheet = sheet,
                 .file = file,
                 .event = event,
                 .err = err};
    ec_status status = map_benchmarks(&g);
    if (status == EC_OK) status = ec_study_read_told(&g.known, &g.repeats, study, err);
    ec_repeats_sort(&g.repeats);
    if (status == EC_OK) status = ec_failures_read(&g.failures, study, err);
    for (size_t row = 0; status == EC_OK && row < sheet->n_candidates; row++)
        status = merge_row(&g, row);
    summary->n_candidates += sheet->n_candidates;

    ec_numbers_release(&g.known);
    ec_failures_release(&g.failures);
    ec_repeats_release(&g.repeats);
    free(g.to_benchmark);
    free(g.from_benchmark);
    return status;
}

/* ---- results as a column ------------------------------------------------------------------ */

/* What became of the columns of the file, now that only its results count. */
static ec_status report_as_column(ec_import_report *report, const char *name, ec_error *err) {
    for (size_t k = 0; report != NULL && k < report->n_columns; k++) {
        ec_import_column *c = &report->columns[k];
        char text[400];
        const bool result = c->use == EC_USE_BENCHMARK;
        if (c->use == EC_USE_CANDIDATE || c->use == EC_USE_LEFT_OUT) continue;
        snprintf(text, sizeof text, "%s %s", name, c->name);
        free(c->name);
        free(c->why);
        c->use = result ? EC_USE_COLUMN : EC_USE_LEFT_OUT;
        c->name = result ? strdup(text) : NULL;
        c->why = strdup(result ? "results as a column" : "only results become a column");
        if ((result && c->name == NULL) || c->why == NULL)
            return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    }
    return EC_OK;
}

static ec_status note_negative(const ec_study *study, const ec_sheet *sheet, const char *name,
                               ec_import_report *report, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t k = 0; k < sheet->n_benchmarks && status == EC_OK; k++) {
        const size_t b = ec_sheet_find_benchmark(&study->declared.sheet, sheet->benchmarks[k].name);
        if (report != NULL && b < ec_study_n_benchmarks(study) &&
            ec_study_benchmark(study, b)->direction < 0)
            status = ec_import_report_note(
                report, err, "less is better on %.80s, so its column %.63s has the negative",
                sheet->benchmarks[k].name, name);
    }
    return status;
}

/* Several results of one candidate and benchmark count with their mean (table.h). */
static ec_status results_to_columns(ec_sheet *sheet, const ec_study *study, const char *name,
                                    const char *file, ec_import_report *report, ec_error *err) {
    const size_t n = sheet->n_candidates, m = sheet->n_benchmarks;
    const char *fault = ec_column_name_fault(name);
    if (fault != NULL)
        return ec_fail(err, EC_ERR_ARG, "the name '%.80s' of a column %s", name, fault);
    ec_repeats_sort(&sheet->repeats);
    ec_numbers taken, *x = &sheet->numbers;
    ec_status status = ec_repeats_summarise(x, &sheet->repeats, n, m, err);
    if (status == EC_OK) status = ec_numbers_init(&taken, n, m, err);
    if (status != EC_OK) return status;
    ec_columns_release(&sheet->columns);
    for (size_t k = 0; k < m && status == EC_OK; k++) {
        const size_t b = ec_sheet_find_benchmark(&study->declared.sheet, sheet->benchmarks[k].name);
        const bool turn =
            b < ec_study_n_benchmarks(study) && ec_study_benchmark(study, b)->direction < 0;
        ec_study_column *column;
        status = ec_columns_at(&column, &sheet->columns, name, k, n, file, err);
        for (size_t i = 0; i < n && status == EC_OK; i++) {
            const double z = x->z[k * n + i];
            column->value[i] = turn ? 0.0 - z : z;
            column->se[i] = x->z_se[k * n + i];
        }
    }
    if (status == EC_OK) {
        ec_numbers_release(x);
        ec_repeats_release(&sheet->repeats);
        *x = taken;
        status = report_as_column(report, name, err);
        if (status == EC_OK) status = note_negative(study, sheet, name, report, err);
    } else {
        ec_numbers_release(&taken);
    }
    return status;
}

/* ---- import ------------------------------------------------------------------------------- */

/* Adds to an error about a benchmark that the column may be no benchmark at all. */
static ec_status refuse_benchmark(const char *file, ec_status status, ec_error *err) {
    char message[600];
    if (err == NULL) return status;
    snprintf(message, sizeof message, "%s", err->message);
    return ec_fail(err, status, "%s: %s; a column that is none is left out with --ignore", file,
                   message);
}

/* All names must be declared; candidates that are not are counted instead where they may be added.
 */
static ec_status check_names(size_t *n_new, const ec_study *study, const ec_sheet *sheet,
                             const char *file, bool may_add, ec_error *err) {
    *n_new = 0;
    size_t unused;
    for (size_t k = 0; k < sheet->n_benchmarks; k++) {
        const ec_status status =
            ec_study_find_benchmark(&unused, study, sheet->benchmarks[k].name, err);
        if (status != EC_OK) return refuse_benchmark(file, status, err);
    }
    size_t first = sheet->n_candidates;
    for (size_t row = sheet->n_candidates; row-- > 0;)
        if (ec_sheet_find_candidate(&study->declared.sheet, sheet->candidates[row]) ==
            study->declared.sheet.n_candidates) {
            first = row;
            ++*n_new;
        }
    if (*n_new == 0 || may_add) return EC_OK;
    const ec_status status = ec_study_find_candidate(&unused, study, sheet->candidates[first], err);
    const size_t line = sheet->candidate_line[first];
    return line > 0 ? ec_error_prefix(err, status, "%s:%zu", file, line)
                    : ec_error_prefix(err, status, "%s", file);
}

/* The declaration with the sheet's new candidates at its end, as text. */
static ec_status write_declaration(ec_text *out, const ec_study *study, const ec_sheet *sheet,
                                   size_t n_new, ec_error *err) {
    const ec_sheet *old = &study->declared.sheet;
    ec_declaration grown = study->declared; /* shares all but the sheet */
    ec_status status = ec_sheet_grow(&grown.sheet, old, n_new, study->path, err);
    size_t i = old->n_candidates;
    for (size_t row = 0; status == EC_OK && row < sheet->n_candidates; row++)
        if (ec_sheet_find_candidate(old, sheet->candidates[row]) == old->n_candidates)
            status = ec_sheet_name_candidate(&grown.sheet, i++, sheet->candidates[row], study->path,
                                             0, err);
    if (status == EC_OK) ec_declaration_write(out, &grown);
    if (status == EC_OK && out->failed) status = ec_no_memory(study->path, err);
    ec_sheet_release(&grown.sheet);
    return status;
}

static ec_status check_unchanged(const ec_study *study, const char *yaml_path, ec_error *err) {
    ec_text now = {0};
    ec_status status = ec_file_read(&now, yaml_path, EC_DECLARATION_MAX_BYTES, err);
    if (status == EC_OK && (now.size_bytes != study->yaml.size_bytes ||
                            memcmp(now.data, study->yaml.data, now.size_bytes) != 0))
        status = ec_fail(err, EC_ERR_BUSY,
                         "%s: changed while this import was at work; nothing was imported, repeat",
                         yaml_path);
    ec_text_release(&now);
    return status;
}

/* Rewrites study.yaml and reads it again. *old receives the text before; the file is as it was on
 * failure. */
static ec_status add_candidates(ec_text *old, ec_study *study, const ec_sheet *sheet, size_t n_new,
                                const char *yaml_path, ec_error *err) {
    ec_text grown = {0}, kept_path = {0};
    ec_text_format(&kept_path, "%s.old", yaml_path);
    ec_text_add_bytes(old, study->yaml.data, study->yaml.size_bytes);
    ec_status status = check_unchanged(study, yaml_path, err);
    if (status == EC_OK) status = write_declaration(&grown, study, sheet, n_new, err);
    if (status == EC_OK && (old->failed || kept_path.failed)) status = ec_no_memory(yaml_path, err);
    if (status == EC_OK) status = ec_file_write(kept_path.data, old->data, old->size_bytes, err);
    if (status == EC_OK) status = ec_file_write(yaml_path, grown.data, grown.size_bytes, err);
    if (status == EC_OK) status = ec_study_load_declaration(study, err);
    ec_text_release(&grown);
    ec_text_release(&kept_path);
    return status;
}

static ec_status import_sheet(ec_import_summary *summary, ec_study *study, const ec_sheet *sheet,
                              const char *file, size_t n_new, ec_error *err) {
    ec_text yaml_path = {0}, old = {0};
    int64_t event;
    ec_text_format(&yaml_path, "%s/study.yaml", study->path);
    ec_status status = yaml_path.failed
                           ? ec_no_memory(study->path, err)
                           : ec_study_begin_change(&event, study, "import", NULL, file, err);
    if (status != EC_OK) goto done;
    if (n_new > 0) status = add_candidates(&old, study, sheet, n_new, yaml_path.data, err);
    const bool rewritten = n_new > 0 && status == EC_OK;
    if (status == EC_OK) status = ec_exchange_merge(summary, study, sheet, file, event, err);
    status = ec_database_end(&study->db, status, err);
    summary->n_added = n_new;
    /* The other half of all or nothing. Should this fail too, study.yaml.old has the text. */
    if (status != EC_OK && rewritten &&
        ec_file_write(yaml_path.data, old.data, old.size_bytes, NULL) == EC_OK)
        ec_study_load_declaration(study, NULL);

done:
    ec_text_release(&yaml_path);
    ec_text_release(&old);
    return status;
}

ec_status ec_study_import_from(ec_import_summary *out, ec_study *study, const char *file,
                               ec_table_format format, bool add_candidates_too,
                               const ec_import_options *options, ec_import_report *report,
                               ec_error *err) {
    static const ec_import_options none = {0};
    const ec_sheet *declared = &study->declared.sheet;
    const ec_sheet_reading how = {options != NULL ? options : &none, declared, report};
    ec_import_summary summary = {0};
    ec_sheet sheet;
    size_t n_new;
    if (report != NULL) *report = (ec_import_report){0};
    ec_status status = ec_exchange_read(&sheet, file, format, &how, err);
    const char *name = strcmp(file, "-") == 0 ? "standard input" : file;
    if (status == EC_OK) {
        status = ec_import_adopt_names(&sheet, declared, name, report, err);
        if (status == EC_OK)
            status = check_names(&n_new, study, &sheet, name, add_candidates_too, err);
        if (status == EC_OK && how.options->as_column != NULL)
            status = results_to_columns(&sheet, study, how.options->as_column, name, report, err);
        if (status == EC_OK) status = import_sheet(&summary, study, &sheet, name, n_new, err);
        ec_sheet_release(&sheet);
    }
    if (how.options->as_column != NULL) summary.n_kept = 0; /* the file has no results to keep */
    if (status == EC_OK && out != NULL) *out = summary;
    if (status != EC_OK && report != NULL) ec_import_report_release(report);
    return status;
}

/* ---- export ------------------------------------------------------------------------------- */

/* Where every candidate has one A for all benchmarks, one column says it. */
static void share_equal_scores(ec_numbers *x, size_t n, size_t m) {
    for (size_t b = 1; b < m; b++)
        for (size_t i = 0; i < n; i++)
            if (!same(x->a[b * n + i], x->a[i]) || !same(x->a_se[b * n + i], x->a_se[i])) {
                for (size_t k = 0; k < n; k++) x->a_shared[k] = x->a_shared_se[k] = NAN;
                return;
            }
    for (size_t i = 0; m > 0 && i < n; i++) {
        x->a_shared[i] = x->a[i];
        x->a_shared_se[i] = x->a_se[i];
    }
    for (size_t cell = 0; cell < n * m; cell++) x->a[cell] = x->a_se[cell] = NAN;
}

/* Numbers and columns in one transaction. */
static ec_status read_for_export(ec_sheet *sheet, ec_study *study, ec_error *err) {
    ec_failures failures = {0};
    sheet->columns = (ec_columns){0};
    if (study->built_in) return ec_study_read_told(&sheet->numbers, &sheet->repeats, study, err);
    ec_status status = ec_database_begin_read(&study->db, err);
    if (status != EC_OK) return status;
    status = ec_study_read_told(&sheet->numbers, &sheet->repeats, study, err);
    if (status == EC_OK) status = ec_failures_read(&failures, study, err);
    for (size_t i = 0; status == EC_OK && i < sheet->n_candidates; i++)
        sheet->numbers.hours[i] = ec_failures_all_hours(&failures, &sheet->numbers, i);
    ec_failures_release(&failures);
    if (status == EC_OK) status = ec_columns_read(&sheet->columns, study, err);
    status = ec_database_end(&study->db, status, err);
    if (status == EC_OK) return EC_OK;
    ec_numbers_release(&sheet->numbers);
    ec_repeats_release(&sheet->repeats);
    ec_columns_release(&sheet->columns);
    return status;
}

ec_status ec_study_export(ec_study *study, const char *file, ec_table_format format,
                          ec_error *err) {
    ec_sheet sheet = study->declared.sheet; /* names and benchmarks are borrowed */
    sheet.name = study->name;
    ec_text text = {0};
    if (format == EC_FORMAT_BY_NAME && is_other_format(file))
        return ec_fail(err, EC_ERR_ARG,
                       "%s: CSV and JSON can be written; name the file .csv, which spreadsheets "
                       "open, or .json, or say --format",
                       file);
    ec_status status = read_for_export(&sheet, study, err);
    if (status != EC_OK) return status;
    share_equal_scores(&sheet.numbers, sheet.n_candidates, sheet.n_benchmarks);
    ec_repeats_sort(&sheet.repeats);
    if (format == EC_FORMAT_BY_NAME) format = format_by_name(file);
    if (format == EC_FORMAT_JSON)
        ec_sheet_write_json(&text, &sheet);
    else
        ec_sheet_write_csv(&text, &sheet);
    ec_numbers_release(&sheet.numbers);
    ec_repeats_release(&sheet.repeats);
    ec_columns_release(&sheet.columns);
    status = text.failed ? ec_no_memory(file, err)
                         : ec_file_write(file, text.data, text.size_bytes, err);
    ec_text_release(&text);
    return status;
}
