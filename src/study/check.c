/* check.c - everything about a study that would stop or weaken a ranking */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/score.h"
#include "study/findings.h"
#include "study/names.h"
#include "study/study_internal.h"

/* Lists the candidates whose entry in `values` is missing. */
static ec_name_list missing(const ec_study *study, const double *values) {
    ec_name_list list = {0};
    for (size_t i = 0; i < ec_study_n_candidates(study); i++)
        if (isnan(values[i])) ec_name_list_add(&list, study->candidates[i].name);
    return list;
}

/* ---- what is checked ---------------------------------------------------------------------- */

static size_t count_known(const double *values, size_t n) {
    size_t known = 0;
    for (size_t i = 0; i < n; i++) known += !isnan(values[i]);
    return known;
}

/* Two or more values, and all the same. */
static bool is_constant(const double *values, size_t n) {
    double first = NAN;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) continue;
        if (isnan(first)) first = values[i];
        if (values[i] != first) return false;
    }
    return count_known(values, n) >= 2;
}

typedef struct {
    double value;
    size_t candidate;
} entry;

static int by_value(const void *left, const void *right) {
    const entry *x = left, *y = right;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

/* Says whether values look like numbers in two units, such as a fraction among percentages: those
 * above 0 fall apart into two groups. The smaller one is named. */
static bool check_units(ec_findings *f, const ec_study *study, const double *values,
                        const char *what) {
    static const double apart = 20.0; /* the paper's scores and results: up to 2.6 */
    const size_t n = ec_study_n_candidates(study);
    size_t m = 0, cut = 0;
    entry *e = malloc((n + 1) * sizeof *e);
    f->failed = f->failed || e == NULL;
    if (e == NULL) return false;
    for (size_t i = 0; i < n; i++)
        if (values[i] > 0.0) e[m++] = (entry){values[i], i};
    qsort(e, m, sizeof *e, by_value);
    for (size_t k = 1; k < m; k++)
        if (e[k].value > apart * e[k - 1].value) cut = k;
    if (cut > 0) {
        const bool low = 2 * cut < m;
        ec_name_list odd = {0};
        for (size_t k = low ? 0 : cut; k < (low ? cut : m); k++)
            ec_name_list_add(&odd, study->candidates[e[k].candidate].name);
        ec_findings_add(
            f, EC_FINDING_WARNING,
            "%.80s: %g or %s for %s, %g or %s for the others; are all in the same unit?", what,
            e[low ? cut - 1 : cut].value, low ? "less" : "more", ec_name_list_end(&odd),
            e[low ? cut : cut - 1].value, low ? "more" : "less");
    }
    free(e);
    return cut > 0;
}

static void check_declared(ec_findings *f, const ec_study *study) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    double weights = 0.0;
    for (size_t b = 0; b < m; b++) weights += ec_study_benchmark(study, b)->weight;
    if (n == 0)
        ec_findings_add(
            f, EC_FINDING_ERROR,
            "no candidates: there is nothing to rank; add some under 'candidates:' in study.yaml");
    else if (n < 3)
        ec_findings_add(f, EC_FINDING_WARNING,
                        "only %zu candidate%s: there is little to choose from", n,
                        n == 1 ? "" : "s");
    if (m == 0)
        ec_findings_add(
            f, EC_FINDING_ERROR,
            "no benchmarks: there is nothing to judge by; add some under 'benchmarks:' in "
            "study.yaml");
    else if (weights == 0.0)
        ec_findings_add(
            f, EC_FINDING_WARNING,
            "every benchmark has the weight 0: several together are ranked as if all had the "
            "same; set 'weight:'");
    if (!study->built_in && !study->db.writable)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "%s cannot be written to: the study can be looked at, not added to",
                        study->db.path);
}

/* Do benchmarks b and d lack A for the same candidates? */
static bool same_missing(const double *a, size_t n, size_t b, size_t d) {
    for (size_t i = 0; i < n; i++)
        if (isnan(a[b * n + i]) != isnan(a[d * n + i])) return false;
    return true;
}

static void check_alignment(ec_findings *f, const ec_study *study, const ec_numbers *x) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    ec_name_list constant = {0};
    for (size_t b = 0; b < m; b++) {
        if (is_constant(x->a + b * n, n))
            ec_name_list_add(&constant, ec_study_benchmark(study, b)->name);
        size_t first = 0;
        while (!same_missing(x->a, n, first, b)) first++;
        if (first < b) continue; /* said with that one */
        ec_name_list without = missing(study, x->a + b * n), of = {0};
        for (size_t d = b; d < m; d++)
            if (same_missing(x->a, n, b, d))
                ec_name_list_add(&of, ec_study_benchmark(study, d)->name);
        if (without.n > 0)
            ec_findings_add(
                f, EC_FINDING_WARNING,
                "A for %s is missing for %zu of %zu candidates, which cannot be predicted there: "
                "%s",
                of.n == m ? "every benchmark" : ec_name_list_end(&of), without.n, n,
                ec_name_list_end(&without));
    }
    if (constant.n > 0)
        ec_findings_add(
            f, EC_FINDING_ERROR,
            "A for %s is the same for every candidate: it cannot be normalised; check the scores",
            constant.n == m ? "every benchmark" : ec_name_list_end(&constant));
}

static void check_scores(ec_findings *f, const ec_study *study, const ec_numbers *x) {
    const size_t n = ec_study_n_candidates(study);
    ec_name_list without = missing(study, x->c);
    if (without.n > 0)
        ec_findings_add(f, EC_FINDING_WARNING,
                        "C is missing for %zu of %zu candidates, which cannot be predicted: %s",
                        without.n, n, ec_name_list_end(&without));
    if (is_constant(x->c, n))
        ec_findings_add(
            f, EC_FINDING_ERROR,
            "C is the same for every candidate: it cannot be normalised and the law has no use "
            "for it; check the scores");

    const ec_table known = {
        .n_candidates = n, .n_benchmarks = ec_study_n_benchmarks(study), .a = x->a, .c = x->c};
    const size_t n_unscored = ec_study_n_unscored(study, &known);
    if (n_unscored > 0)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "'eyechart score %.200s' computes A or C that is missing, for %zu "
                        "candidate%s",
                        study->path, n_unscored, n_unscored == 1 ? "" : "s");
    check_units(f, study, x->c, "C");
    check_alignment(f, study, x);
    bool told = false; /* once: one A may stand for every benchmark */
    for (size_t b = 0; b < ec_study_n_benchmarks(study) && !told; b++) {
        char what[EC_NAME_MAX_BYTES + sizeof "A for "];
        snprintf(what, sizeof what, "A for %s", ec_study_benchmark(study, b)->name);
        told = check_units(f, study, x->a + b * n, what);
    }
}

static void check_costs(ec_findings *f, const ec_study *study, const ec_numbers *x) {
    ec_name_list without = missing(study, x->cost);
    if (without.n > 0)
        ec_findings_add(
            f, EC_FINDING_NOTE,
            "cost is not declared for %zu of %zu candidates: GPU-hours still to spend are not "
            "known, and a budget leaves them out: %s",
            without.n, ec_study_n_candidates(study), ec_name_list_end(&without));
}

static void check_results(ec_findings *f, const ec_study *study, const ec_numbers *x) {
    enum { ENOUGH = 7 }; /* one more than the law has coefficients */
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    size_t n_few = 0;
    ec_name_list none = {0};
    for (size_t b = 0; b < m; b++) {
        const ec_benchmark *benchmark = ec_study_benchmark(study, b);
        const double *z = x->z + b * n;
        const size_t known = count_known(z, n);
        if (known == 0) ec_name_list_add(&none, benchmark->name);
        n_few += known > 0 && known < ENOUGH;
        if (is_constant(z, n))
            ec_findings_add(
                f, EC_FINDING_WARNING,
                "%.80s: all %zu results are the same: nothing can be learnt from them; check them",
                benchmark->name, known);
        check_units(f, study, z, benchmark->name);
        char fault[EC_RANGE_TEXT_SIZE];
        for (size_t i = 0; i < n; i++)
            if (ec_benchmark_excludes(fault, benchmark, z[i]))
                ec_findings_add(f, EC_FINDING_WARNING, "%.80s of '%.80s': %s; correct one of them",
                                benchmark->name, study->candidates[i].name, fault);
    }
    if (none.n == m && m > 0)
        ec_findings_add(
            f, EC_FINDING_NOTE,
            "no results yet: a ranking follows A and C alone; 'eyechart ask' says what to train");
    else if (none.n > 0)
        ec_findings_add(f, EC_FINDING_NOTE, "no results yet for %s: ranked by A and C alone",
                        ec_name_list_end(&none));
    if (n_few > 0)
        ec_findings_add(
            f, EC_FINDING_NOTE,
            "fewer than %d results for %zu of %zu benchmarks: 'fit' cannot validate the quadratic "
            "law there; 'rank' does not need that many",
            ENOUGH, n_few, m);
}

static void check_partial(ec_findings *f, const ec_study *study, const ec_numbers *x) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    ec_name_list partial = {0};
    for (size_t i = 0; i < n; i++) {
        size_t known = 0;
        for (size_t b = 0; b < m; b++) known += !isnan(x->z[b * n + i]);
        if (known > 0 && known < m) ec_name_list_add(&partial, study->candidates[i].name);
    }
    if (partial.n > 0)
        ec_findings_add(f, EC_FINDING_NOTE, "trained, but without results for every benchmark: %s",
                        ec_name_list_end(&partial));
}

/* ---- the database ------------------------------------------------------------------------- */

/* Calls `see` with the first column of every row. */
static ec_status for_each_row(ec_study *study, const char *sql,
                              void (*see)(void *to, const char *text), void *to, ec_error *err) {
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(&row, &study->db, err, sql, "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more)
        see(to, ec_column_text(row, 0));
    sqlite3_finalize(row);
    return status;
}

typedef struct {
    const ec_sheet *sheet;
    ec_name_list list;
    ec_findings *f;
} seeing;

static void see_integrity(void *to, const char *text) {
    seeing *s = to;
    if (strcmp(text, "ok") != 0)
        ec_findings_add(
            s->f, EC_FINDING_ERROR,
            "study.db is damaged: %.200s; export what can be read, and restore the file from a "
            "copy",
            text);
}

static void see_candidate(void *to, const char *text) {
    seeing *s = to;
    if (ec_sheet_find_candidate(s->sheet, text) == s->sheet->n_candidates)
        ec_name_list_add(&s->list, text);
}

static void see_benchmark(void *to, const char *text) {
    seeing *s = to;
    if (*text != '\0' && ec_sheet_find_benchmark(s->sheet, text) == s->sheet->n_benchmarks)
        ec_name_list_add(&s->list, text);
}

static void add_undeclared(ec_findings *f, const char *what, ec_name_list *list) {
    if (list->n > 0)
        ec_findings_add(
            f, EC_FINDING_WARNING,
            "study.db knows %s that study.yaml does not declare: %s; what is known about them is "
            "kept and not used; was one renamed?",
            what, ec_name_list_end(list));
}

static ec_status check_database(ec_findings *f, ec_study *study, ec_error *err) {
    seeing candidates = {.sheet = &study->declared.sheet, .f = f}, benchmarks = candidates;
    ec_status status =
        for_each_row(study, "PRAGMA integrity_check(10)", see_integrity, &candidates, err);
    if (status == EC_OK)
        status = for_each_row(study,
                              "SELECT candidate FROM score UNION SELECT candidate FROM "
                              "observation UNION SELECT candidate FROM cost ORDER BY 1",
                              see_candidate, &candidates, err);
    if (status == EC_OK)
        status = for_each_row(
            study, "SELECT benchmark FROM score UNION SELECT benchmark FROM observation ORDER BY 1",
            see_benchmark, &benchmarks, err);
    add_undeclared(f, "candidates", &candidates.list);
    add_undeclared(f, "benchmarks", &benchmarks.list);
    return status;
}

ec_status ec_study_check(ec_finding **out, size_t *n_out, ec_study *study, ec_error *err) {
    ec_findings f = {0};
    ec_numbers numbers;
    *out = NULL;
    *n_out = 0;
    check_declared(&f, study);
    ec_status status = study->built_in ? EC_OK : check_database(&f, study, err);
    if (status == EC_OK) status = ec_study_read_all(&numbers, study, err);
    if (status == EC_OK) {
        check_scores(&f, study, &numbers);
        check_costs(&f, study, &numbers);
        check_results(&f, study, &numbers);
        check_partial(&f, study, &numbers);
        ec_numbers_release(&numbers);
    }
    return ec_findings_take(out, n_out, &f, status, study->path, err);
}
