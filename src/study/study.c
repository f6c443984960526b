/* study.c - opening a study and looking at it */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/spelling.h"
#include "study/builtin.h"
#include "study/study_internal.h"

/* ---- open, close -------------------------------------------------------------------------- */

static ec_status list_candidates(ec_study *study, ec_error *err) {
    const size_t n = study->declared.n_candidates;
    study->candidates = malloc((n + 1) * sizeof *study->candidates);
    if (study->candidates == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
    for (size_t i = 0; i < n; i++)
        study->candidates[i] =
            (ec_candidate){study->declared.candidates[i], study->declared.numbers.cost[i]};
    return EC_OK;
}

static ec_status open_study(ec_study *study, const char *path, ec_error *err) {
    study->path = strdup(path);
    if (study->path == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    ec_status status = ec_builtin_read(&study->declared, path, err);
    if (status == EC_ERR_NOT_FOUND)
        status = ec_fail(err, EC_ERR_NOT_FOUND, "%s: no such study", path);
    if (status == EC_OK) status = list_candidates(study, err);
    return status;
}

ec_status ec_study_open(ec_study **out, const char *path, ec_error *err) {
    *out = NULL;
    ec_study *study = calloc(1, sizeof *study);
    if (study == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    const ec_status status = open_study(study, path, err);
    if (status == EC_OK)
        *out = study;
    else
        ec_study_close(study);
    return status;
}

void ec_study_close(ec_study *study) {
    if (study == NULL) return;
    ec_sheet_release(&study->declared);
    free(study->candidates);
    free(study->path);
    free(study);
}

/* ---- what it declares --------------------------------------------------------------------- */

const char *ec_study_name(const ec_study *study) {
    return study->declared.name != NULL ? study->declared.name : study->path;
}
const char *ec_study_path(const ec_study *study) {
    return study->path;
}
bool ec_study_writable(const ec_study *study) {
    return study->writable;
}
size_t ec_study_n_candidates(const ec_study *study) {
    return study->declared.n_candidates;
}
size_t ec_study_n_benchmarks(const ec_study *study) {
    return study->declared.n_benchmarks;
}
const ec_candidate *ec_study_candidate(const ec_study *study, size_t i) {
    return &study->candidates[i];
}
const ec_benchmark *ec_study_benchmark(const ec_study *study, size_t b) {
    return &study->declared.benchmarks[b];
}
ec_policy ec_study_policy(const ec_study *study) {
    return study->policy;
}
uint64_t ec_study_seed(const ec_study *study) {
    return study->seed;
}

static const char *name_at(const void *names, size_t i) {
    return ((const char *const *)names)[i];
}

static ec_status unknown(const ec_study *study, const char *what, const char *name,
                         char *const *names, size_t n, ec_error *err) {
    const size_t nearest = ec_spelling_nearest(name, name_at, names, n);
    if (nearest != EC_SPELLING_NONE)
        return ec_fail(err, EC_ERR_NOT_FOUND, "%s: no %s '%.80s'; did you mean '%.80s'?",
                       study->path, what, name, names[nearest]);
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: no %s '%.80s'; `eyechart study show %s` lists all %zu", study->path, what,
                   name, study->path, n);
}

ec_status ec_study_find_candidate(size_t *out, const ec_study *study, const char *name,
                                  ec_error *err) {
    const ec_sheet *sheet = &study->declared;
    *out = ec_sheet_find_candidate(sheet, name);
    if (*out < sheet->n_candidates) return EC_OK;
    return unknown(study, "candidate", name, sheet->candidates, sheet->n_candidates, err);
}

ec_status ec_study_find_benchmark(size_t *out, const ec_study *study, const char *name,
                                  ec_error *err) {
    const ec_sheet *sheet = &study->declared;
    *out = ec_sheet_find_benchmark(sheet, name);
    if (*out < sheet->n_benchmarks) return EC_OK;
    return unknown(study, "benchmark", name, sheet->benchmark_names, sheet->n_benchmarks, err);
}

/* ---- what is known ------------------------------------------------------------------------ */

static void repeat_shared_scores(ec_numbers *numbers, size_t n, size_t m) {
    for (size_t b = 0; b < m; b++)
        for (size_t i = 0; i < n; i++) {
            double se;
            numbers->a[b * n + i] = ec_numbers_a(numbers, n, b, i, &se);
            numbers->a_se[b * n + i] = se;
        }
}

ec_status ec_study_read_numbers(ec_numbers *numbers, ec_study *study, ec_error *err) {
    const size_t n = study->declared.n_candidates, m = study->declared.n_benchmarks;
    const ec_status status = ec_numbers_init(numbers, n, m, err);
    if (status != EC_OK) return status;
    ec_numbers_copy(numbers, &study->declared.numbers, n, m);
    repeat_shared_scores(numbers, n, m);
    return EC_OK;
}

/* The public snapshot, and what its table borrows. */
typedef struct {
    ec_study_snapshot public;
    ec_numbers numbers;
    int *direction;
    bool *pending;
} snapshot;

static bool has_result(const ec_table *table, size_t i) {
    for (size_t b = 0; b < table->n_benchmarks; b++)
        if (!isnan(table->z[b * table->n_candidates + i])) return true;
    return false;
}

static void sum_hours(ec_study_snapshot *s, const double *cost) {
    for (size_t i = 0; i < s->table.n_candidates; i++) {
        const bool observed = has_result(&s->table, i);
        const double hours = observed && !isnan(s->hours[i]) ? s->hours[i] : cost[i];
        s->n_observed += observed;
        if (isnan(hours))
            s->n_cost_unknown++;
        else if (observed)
            s->hours_spent += hours;
        else
            s->hours_left += hours;
    }
}

ec_status ec_study_snapshot_get(ec_study_snapshot **out, ec_study *study, ec_error *err) {
    *out = NULL;
    const size_t n = study->declared.n_candidates, m = study->declared.n_benchmarks;
    snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
    s->direction = malloc((m + 1) * sizeof *s->direction);
    s->pending = calloc(n + 1, sizeof *s->pending);
    ec_status status = EC_OK;
    if (s->direction == NULL || s->pending == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
    if (status == EC_OK) status = ec_study_read_numbers(&s->numbers, study, err);
    if (status != EC_OK) {
        ec_study_snapshot_free(&s->public);
        return status;
    }
    for (size_t b = 0; b < m; b++) s->direction[b] = study->declared.benchmarks[b].direction;
    s->public.table = (ec_table){.n_candidates = n,
                                 .n_benchmarks = m,
                                 .a = s->numbers.a,
                                 .a_se = s->numbers.a_se,
                                 .c = s->numbers.c,
                                 .c_se = s->numbers.c_se,
                                 .z = s->numbers.z,
                                 .direction = s->direction};
    s->public.hours = s->numbers.hours;
    s->public.pending = s->pending;
    sum_hours(&s->public, s->numbers.cost);
    *out = &s->public;
    return EC_OK;
}

void ec_study_snapshot_free(ec_study_snapshot *public) {
    if (public == NULL) return;
    snapshot *s = (snapshot *)public; /* its first member */
    ec_numbers_release(&s->numbers);
    free(s->direction);
    free(s->pending);
    free(s);
}
