/* loop_score.c - the loop begins by scoring: what has encoders and no A or C yet, or other weights
 * than it was scored with */
#include <math.h>
#include <stdio.h>

#include "loop/loop_internal.h"
#include "scoring/score_job.h"

static bool see(void *context, const ec_score_progress *p) {
    ec_loop *l = context;
    if (isnan(p->seconds_left))
        ec_loop_report(l, EC_LOOP_SCORING, EC_NO_CANDIDATE, 0, "%zu of %zu results: %s", p->n_done,
                       p->n_results, p->doing);
    else
        ec_loop_report(l, EC_LOOP_SCORING, EC_NO_CANDIDATE, 0,
                       "%zu of %zu results, %.0f s left: %s", p->n_done, p->n_results,
                       p->seconds_left, p->doing);
    return !l->stopped;
}

ec_status ec_loop_score(ec_loop *l, ec_ctx *ctx) {
    const ec_score_options options = {.ctx = ctx};
    ec_score_summary *summary;
    if (!ec_job_has_wants(l->study)) return EC_OK;
    const ec_status status = ec_study_score(&summary, l->study, &options, see, l, l->err);
    if (status != EC_OK) return status;
    ec_loop_report(l, EC_LOOP_SCORED, EC_NO_CANDIDATE, 0,
                   "%zu results, %zu known before; %zu scores changed%s%s", summary->n_results,
                   summary->n_cached, summary->n_changed,
                   summary->n_lost > 0 ? "; no longer told: " : "", summary->lost);
    ec_score_summary_free(summary);
    return EC_OK;
}

ec_status ec_loop_score_plan(char text[200], ec_loop *l) {
    ec_score_plan *plan;
    text[0] = '\0';
    if (!ec_job_has_wants(l->study)) return EC_OK;
    const ec_status status = ec_study_plan(&plan, l->study, NULL, l->err);
    if (status != EC_OK) return status;
    if (plan->n_results > plan->n_results_cached)
        snprintf(text, 200,
                 "A and C come first: to compute are %zu results, %zu are known; images through "
                 "encoders: %.0f",
                 plan->n_results - plan->n_results_cached, plan->n_results_cached, plan->passes);
    ec_score_plan_free(plan);
    return EC_OK;
}
