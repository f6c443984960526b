/* check.c - everything about a study that would stop or weaken a ranking */
#include "study/check.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sheet/names.h"
#include "study/commands.h"

/* ---- what is declared ----------------------------------------------------------------------- */

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

/* The commands of `run` are what doctor looks at; but what 'eyechart run' refuses at once is said.
 */
static void check_run(ec_findings *f, const ec_study *study) {
    static const char *const keys[] = {"train", "evaluate", "trained", "results"};
    const ec_loop_declaration *run = &study->declared.run;
    const char *const texts[] = {run->train, run->evaluate, run->trained, run->results};
    bool any = false;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        ec_error fault;
        any = any || texts[k] != NULL;
        if (texts[k] != NULL && ec_command_check_placeholders(texts[k], keys[k], &fault) != EC_OK)
            ec_findings_add(f, EC_FINDING_WARNING, "%s ('eyechart run' refuses it)", fault.message);
    }
    if (!any) return;
    for (size_t k = 0; k < 2; k++)
        if (!ec_command_is_given(texts[k]))
            ec_findings_add(f, EC_FINDING_WARNING,
                            "'run:' has no '%s:', which 'eyechart run' needs", keys[k]);
    ec_findings_add(f, EC_FINDING_NOTE,
                    "whether the commands of 'run:' can be run is not looked at here: 'eyechart "
                    "doctor %.200s' does",
                    study->path);
}

/* ---- names that look the same --------------------------------------------------------------- */

typedef struct {
    ec_findings *f;
    const char *what;
    const char *const *names;
} alike;

static void see_alike(void *to, size_t i, size_t j) {
    const alike *a = to;
    ec_findings_add(a->f, EC_FINDING_WARNING,
                    "%s '%.80s' and '%.80s' differ in letter case, blanks or Unicode normalisation "
                    "alone; are they one?",
                    a->what, a->names[i], a->names[j]);
}

static void check_alike(ec_findings *f, const ec_study *study) {
    const ec_sheet *sheet = &study->declared.sheet;
    alike candidates = {f, "candidates", (const char *const *)sheet->candidates},
          benchmarks = {f, "benchmarks", (const char *const *)sheet->benchmark_names};
    const bool failed = ec_names_see_alike(candidates.names, sheet->n_candidates, see_alike,
                                           &candidates, NULL) != EC_OK ||
                        ec_names_see_alike(benchmarks.names, sheet->n_benchmarks, see_alike,
                                           &benchmarks, NULL) != EC_OK;
    f->failed = f->failed || failed;
}

static void check_costs(ec_findings *f, const ec_study *study) {
    ec_name_list without = {0};
    for (size_t i = 0; i < ec_study_n_candidates(study); i++)
        if (isnan(study->candidates[i].cost)) ec_name_list_add(&without, study->candidates[i].name);
    if (without.n > 0)
        ec_findings_add(
            f, EC_FINDING_NOTE,
            "cost is not declared for %zu of %zu candidates: GPU-hours still to spend are not "
            "known, and a budget leaves them out: %s",
            without.n, ec_study_n_candidates(study), ec_name_list_end(&without));
}

static void check_partial(ec_findings *f, const ec_study *study, const ec_table *x) {
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

/* ---- the whole ---------------------------------------------------------------------------- */

static ec_status check_all(ec_findings *f, ec_study *study, ec_error *err) {
    const size_t m = ec_study_n_benchmarks(study);
    size_t *over = malloc((m + 1) * sizeof *over);
    ec_study_snapshot *s = NULL;
    const ec_status status =
        over == NULL ? ec_no_memory(study->path, err) : ec_study_snapshot_get(&s, study, err);
    if (status == EC_OK) {
        for (size_t b = 0; b < m; b++) over[b] = b;
        check_partial(f, study, &s->table);
        ec_error fault;
        if (ec_study_snapshot_choose(s, study, NULL, 0, &fault) != EC_OK)
            ec_findings_add(f, EC_FINDING_ERROR, "%s", fault.message);
        ec_check_table(
            f, study,
            &(ec_check_view){.table = &s->table, .scores = s->scores, .over = over, .n_over = m});
        check_costs(f, study);
    }
    ec_study_snapshot_free(s);
    free(over);
    return status;
}

ec_status ec_study_check(ec_finding **out, size_t *n_out, ec_study *study, ec_error *err) {
    ec_findings f = {0};
    *out = NULL;
    *n_out = 0;
    check_declared(&f, study);
    check_alike(&f, study);
    check_run(&f, study);
    ec_status status = study->built_in ? EC_OK : ec_check_integrity(&f, study, err);
    if (status == EC_OK && !study->built_in) status = ec_check_names(&f, study, err);
    if (status == EC_OK && !study->built_in) status = ec_check_taken_back(&f, study, err);
    if (status == EC_OK) status = check_all(&f, study, err);
    return ec_findings_take(out, n_out, &f, status, study->path, err);
}

/* Removes notes: findings that neither weaken nor stop a ranking. */
static void drop_notes(ec_findings *f) {
    size_t kept = 0;
    for (size_t k = 0; k < f->n; k++)
        if (f->list[k].level != EC_FINDING_NOTE) f->list[kept++] = f->list[k];
    f->n = kept;
}

ec_status ec_study_check_ranking(ec_finding **out, size_t *n_out, ec_study *study,
                                 const ec_table *table, const ec_rank_column *scores,
                                 const size_t *over, size_t n_over, ec_error *err) {
    ec_findings f = {0};
    *out = NULL;
    *n_out = 0;
    const ec_status status = study->built_in ? EC_OK : ec_check_names(&f, study, err);
    ec_check_table(
        &f, study,
        &(ec_check_view){
            .table = table, .scores = scores, .over = over, .n_over = n_over, .ranking = true});
    drop_notes(&f);
    return ec_findings_take(out, n_out, &f, status, study->path, err);
}

ec_status ec_study_check_units(ec_finding **out, size_t *n_out, ec_study *study, ec_error *err) {
    ec_findings f = {0};
    ec_study_snapshot *s;
    *out = NULL;
    *n_out = 0;
    const ec_status status = ec_study_snapshot_get(&s, study, err);
    if (status != EC_OK) return status;
    for (size_t b = 0; b < s->table.n_benchmarks; b++)
        ec_check_values(&f, study, ec_study_benchmark(study, b),
                        s->table.z + b * s->table.n_candidates);
    ec_study_snapshot_free(s);
    return ec_findings_take(out, n_out, &f, EC_OK, study->path, err);
}
