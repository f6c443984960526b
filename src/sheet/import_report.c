/* import_report.c - see import_report.h */
#include "sheet/import_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eyechart/spelling.h"
#include "sheet/names.h"
#include "sheet/notes.h"

void ec_import_report_release(ec_import_report *report) {
    for (size_t k = 0; k < report->n_columns; k++) {
        free(report->columns[k].heading);
        free(report->columns[k].name);
        free(report->columns[k].why);
    }
    free(report->columns);
    ec_notes_release(&report->notes, &report->n_notes);
    *report = (ec_import_report){0};
}

ec_status ec_import_report_add(ec_import_report *report, ec_column_use use, const char *heading,
                               const char *name, size_t n_values, const char *why, ec_error *err) {
    ec_import_column *grown =
        ec_array_grow(report->columns, report->n_columns, sizeof *report->columns);
    if (grown == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for a report");
    report->columns = grown;
    ec_import_column *to = &grown[report->n_columns++];
    *to = (ec_import_column){.heading = strdup(heading),
                             .name = name != NULL ? strdup(name) : NULL,
                             .use = use,
                             .n_values = n_values,
                             .why = why != NULL ? strdup(why) : NULL};
    if (to->heading == NULL || (name != NULL && to->name == NULL) ||
        (why != NULL && to->why == NULL))
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for a report");
    return EC_OK;
}

ec_status ec_import_report_note(ec_import_report *report, ec_error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const ec_status status = ec_notes_add(&report->notes, &report->n_notes, err, format, args);
    va_end(args);
    return status;
}

/* ---- a sheet ------------------------------------------------------------------------------ */

static size_t count(const double *values, size_t n) {
    size_t known = 0;
    for (size_t i = 0; i < n; i++) known += !isnan(values[i]);
    return known;
}

static ec_status add_known(ec_import_report *report, ec_column_use use, const char *prefix,
                           const char *name, const double *values, size_t n, bool always,
                           ec_error *err) {
    char text[EC_NAME_MAX_BYTES + 16];
    const size_t known = count(values, n);
    if (known == 0 && !always) return EC_OK;
    snprintf(text, sizeof text, "%s%s", prefix, name);
    return ec_import_report_add(report, use, text, text, known, NULL, err);
}

ec_status ec_import_report_sheet(ec_import_report *report, const ec_sheet *sheet, ec_error *err) {
    const ec_numbers *x = &sheet->numbers;
    const size_t n = sheet->n_candidates;
    const struct {
        const char *name;
        const double *values;
        ec_column_use use;
    } own[] = {{"C", x->c, EC_USE_SCORE},
               {"A", x->a_shared, EC_USE_SCORE},
               {"cost", x->cost, EC_USE_COST},
               {"hours", x->hours, EC_USE_COST}};
    ec_status status =
        ec_import_report_add(report, EC_USE_CANDIDATE, "candidates", "candidate", n, NULL, err);
    for (size_t k = 0; status == EC_OK && k < sizeof own / sizeof *own; k++)
        status = add_known(report, own[k].use, "", own[k].name, own[k].values, n, false, err);
    for (size_t b = 0; status == EC_OK && b < sheet->n_benchmarks; b++)
        status = add_known(report, EC_USE_SCORE, "A ", sheet->benchmark_names[b], x->a + b * n, n,
                           false, err);
    for (size_t b = 0; status == EC_OK && b < sheet->n_benchmarks; b++)
        status = add_known(report, EC_USE_BENCHMARK, "", sheet->benchmark_names[b], x->z + b * n, n,
                           true, err);
    for (size_t k = 0; status == EC_OK && k < sheet->columns.n; k++)
        status = add_known(report, EC_USE_COLUMN, "", sheet->columns.items[k].name,
                           sheet->columns.items[k].value, n, true, err);
    return status;
}

/* ---- names that look the same ------------------------------------------------------------- */

typedef struct {
    ec_import_report *report;
    const char *what;
    const char *const *names;
    size_t n;
    ec_status status;
    ec_error *err;
} alike;

static void see_alike(void *to, size_t i, size_t j) {
    enum { SHOWN = 8 };
    alike *a = to;
    if (a->status != EC_OK || a->n++ >= SHOWN) return;
    a->status = ec_import_report_note(
        a->report, a->err,
        "%s '%.80s' and '%.80s' differ in letter case, blanks or Unicode normalisation alone; are "
        "they one?",
        a->what, a->names[i], a->names[j]);
}

ec_status ec_import_report_alike(ec_import_report *report, const ec_sheet *sheet, ec_error *err) {
    alike candidates = {.report = report,
                        .what = "candidates",
                        .names = (const char *const *)sheet->candidates,
                        .err = err},
          benchmarks = candidates;
    benchmarks.what = "benchmarks";
    benchmarks.names = (const char *const *)sheet->benchmark_names;
    ec_status status =
        ec_names_see_alike(candidates.names, sheet->n_candidates, see_alike, &candidates, err);
    if (status == EC_OK) status = candidates.status;
    if (status == EC_OK)
        status =
            ec_names_see_alike(benchmarks.names, sheet->n_benchmarks, see_alike, &benchmarks, err);
    return status == EC_OK ? benchmarks.status : status;
}

/* ---- names of the study ------------------------------------------------------------------- */

static bool any_unknown(const ec_sheet *sheet, const ec_sheet *declared) {
    for (size_t row = 0; row < sheet->n_candidates; row++)
        if (ec_sheet_find_candidate(declared, sheet->candidates[row]) == declared->n_candidates)
            return true;
    return false;
}

/* The only place in `order` where a folded name stands; n: there is none or there are several. */
static size_t find_only(const char *folded, const size_t *order, char *const *names, size_t n) {
    const size_t i = ec_names_find(folded, order, (const char *const *)names, n);
    size_t k = 0;
    while (i < n && order[k] != i) k++;
    if (i == n) return n;
    const bool before = k > 0 && strcmp(names[order[k - 1]], folded) == 0,
               behind = k + 1 < n && strcmp(names[order[k + 1]], folded) == 0;
    return before || behind ? n : i;
}

static ec_status adopt(ec_sheet *sheet, size_t row, const char *name, ec_import_report *report,
                       ec_error *err) {
    char *copy = strdup(name);
    if (copy == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for a name");
    ec_status status = EC_OK;
    if (report != NULL)
        status = ec_import_report_note(report, err,
                                       "candidate '%.80s' is taken for '%.80s' of the study, from "
                                       "which it differs in letter case, blanks or Unicode "
                                       "normalisation alone",
                                       sheet->candidates[row], name);
    free(sheet->candidates[row]);
    sheet->candidates[row] = copy;
    return status;
}

static ec_status adopt_all(ec_sheet *sheet, const ec_sheet *declared, char **folded, size_t *order,
                           ec_import_report *report, ec_error *err) {
    const size_t n = declared->n_candidates;
    ec_status status = EC_OK;
    for (size_t i = 0; i < n; i++) {
        folded[i] = ec_spelling_fold(declared->candidates[i]);
        if (folded[i] == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for names");
    }
    ec_names_sort(order, (const char *const *)folded, n);
    for (size_t row = 0; status == EC_OK && row < sheet->n_candidates; row++) {
        if (ec_sheet_find_candidate(declared, sheet->candidates[row]) < n) continue;
        char *own = ec_spelling_fold(sheet->candidates[row]);
        if (own == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for names");
        const size_t i = find_only(own, order, folded, n);
        free(own);
        /* The index of the sheet has the names of the file. */
        if (i < n && ec_sheet_find_candidate(sheet, declared->candidates[i]) == sheet->n_candidates)
            status = adopt(sheet, row, declared->candidates[i], report, err);
    }
    return status;
}

ec_status ec_import_adopt_names(ec_sheet *sheet, const ec_sheet *declared, const char *path,
                                ec_import_report *report, ec_error *err) {
    if (!any_unknown(sheet, declared)) return EC_OK;
    char **folded = calloc(declared->n_candidates + 1, sizeof *folded);
    size_t *order = calloc(declared->n_candidates + 1, sizeof *order);
    ec_status status = folded != NULL && order != NULL ? EC_OK : ec_no_memory(path, err);
    if (status == EC_OK) status = adopt_all(sheet, declared, folded, order, report, err);
    for (size_t i = 0; folded != NULL && i < declared->n_candidates; i++) free(folded[i]);
    free(folded);
    free(order);
    /* Two of the file may have become one. */
    return status == EC_OK ? ec_sheet_index_candidates(sheet, path, err) : status;
}
