/* deciding.c - what a ranking of a study comes to: costs, who is taken, and the decision in words
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "asking/planning.h"
#include "base/memory.h"
#include "base/text.h"
#include "eyechart/asking.h"
#include "study/study_internal.h"

double ec_study_enough(const ec_study *study, double given) {
    return given > 0.0 ? given : study->declared.enough;
}

const char *ec_study_gain_unit(size_t n_over) {
    return n_over > 1 ? " % of full scale" : "";
}

ec_status ec_study_decide(ec_decision *out, const ec_study *study,
                          const ec_study_snapshot *snapshot, const ec_table *table,
                          const ec_ranked *rows, const ec_rank_about *about, double enough,
                          ec_error *err) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    double *cost = malloc((n + 1) * sizeof *cost);
    bool *taken = calloc(n + 1, sizeof *taken);
    ec_status status = EC_OK;
    if (cost == NULL || taken == NULL) status = ec_no_memory(study->path, err);
    if (status == EC_OK) {
        for (size_t i = 0; i < n; i++) {
            cost[i] = ec_study_candidate(study, i)->cost;
            taken[i] = snapshot->pending[i] || snapshot->failed[i];
            for (size_t b = 0; b < m; b++) taken[i] |= isfinite(table->z[b * n + i]);
        }
        const ec_decision_options options = {
            .cost = cost, .taken = taken, .enough = ec_study_enough(study, enough)};
        status = ec_decide(out, rows, n, about, &options, err);
    }
    free(cost);
    free(taken);
    return status;
}

static const char *name_of(const ec_study *study, size_t i) {
    return ec_study_candidate(study, i)->name;
}

static void add_cost(ec_text *text, double cost) {
    if (!isnan(cost)) ec_text_format(text, " for %.6g GPU-hours", cost);
}

static void add_chances(ec_text *text, const ec_decision *d) {
    if (isnan(d->p_best)) return;
    ec_text_format(text, "Its chance of being the best of all is %.2g", d->p_best);
    if (!isnan(d->found))
        ec_text_format(
            text,
            "; the chance that the best is among those finetuned is %.2g now, %.2g once it is "
            "one of them",
            d->found, d->found_after);
    ec_text_add(text, ".");
}

/* Without its gain: a candidate with a larger one may come second, by what it costs and by how sure
 * it is. */
static void add_next(ec_text *text, const ec_study *study, const ec_decision *d) {
    if (d->next == SIZE_MAX) return;
    ec_text_format(text, " Next best: %s", name_of(study, d->next));
    add_cost(text, d->next_cost);
    ec_text_add(text, ".");
}

void ec_study_decision_text(char *buffer, size_t size, const ec_study *study, const ec_decision *d,
                            const char *unit) {
    if (size == 0) return;
    ec_text text = {0};
    switch (d->kind) {
    case EC_DECIDE_BEGIN:
        ec_text_format(
            &text,
            "finetune %s next: it has the largest scores, and results of two candidates are what "
            "gives predictions a unit. ",
            name_of(study, d->candidate));
        add_chances(&text, d);
        add_next(&text, study, d);
        break;
    case EC_DECIDE_FINETUNE:
        ec_text_format(&text, "finetune %s next: expected gain %.2g%s over the best so far",
                       name_of(study, d->candidate), d->gain, unit);
        add_cost(&text, d->cost);
        if (d->needed > 0.0) ec_text_format(&text, ", worth it from %.2g%s on", d->needed, unit);
        ec_text_add(&text, ". ");
        add_chances(&text, d);
        add_next(&text, study, d);
        break;
    case EC_DECIDE_STOP:
    case EC_DECIDE_ANYWAY:
        if (d->kind == EC_DECIDE_STOP)
            ec_text_format(&text, "stop: no candidate left is worth its cost. %s comes nearest: ",
                           name_of(study, d->candidate));
        else
            ec_text_format(
                &text,
                "finetune %s all the same: no candidate left is worth its cost; it comes nearest, ",
                name_of(study, d->candidate));
        ec_text_format(&text, "expected gain %.2g%s", d->gain, unit);
        add_cost(&text, d->cost);
        ec_text_format(&text, ", worth it from %.2g%s on. ", d->needed, unit);
        add_chances(&text, d);
        break;
    default:
        break;
    }
    snprintf(buffer, size, "%s", text.data != NULL && !text.failed ? text.data : "");
    ec_text_release(&text);
}
