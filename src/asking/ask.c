/* ask.c - which candidate to finetune next, agreed between any number of workers
 *
 * All of it is one write transaction: expire old questions, give this worker its pending ones, then
 * draw from the policy what is missing and write it down. So no two workers get the same candidate,
 * and what a worker was told is in the database before it is told.
 *
 * The draw depends on the seed and on how many questions were ever asked: the same history gives
 * the same question.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asking/planning.h"
#include "base/memory.h"
#include "eyechart/asking.h"
#include "eyechart/rng.h"
#include "study/column_store.h"
#include "study/failure.h"
#include "study/rank_columns.h"
#include "study/scale.h"
#include "study/study_internal.h"

typedef struct {
    ec_study *study;
    const char *worker;
    size_t n;         /* questions wanted */
    double budget;    /* INFINITY: none */
    double committed; /* cost of this worker's pending questions */
    double lease_s, now;
    ec_policy policy;
    uint64_t seed;
    const ec_ask_options *options;
    size_t *over;    /* [n_over] benchmarks that the policy ei ranks over */
    double *weights; /* [n_over] */
    size_t n_over;
    int64_t event;
    ec_numbers numbers;
    ec_scores scores;
    ec_scales scales;
    ec_table table;      /* of the numbers, with the scores to go by */
    const bool *exclude; /* [n_candidates], may be NULL */
    bool *pending;       /* [n_candidates]; those excluded and those that failed count as well */
    bool *asked;         /* [n_candidates] being finetuned now, by somebody */
    bool failed_too;
    size_t n_failed;
    ec_question *out;
    size_t n_out;
    ec_error *err;
} asking;

/* ---- what is pending ---------------------------------------------------------------------- */

static void repeat_question(asking *q, size_t candidate, const ec_question_record *row) {
    const double cost = q->numbers.cost[candidate];
    q->committed += cost; /* unknown makes it unknown: then nothing more fits a budget */
    if (q->n_out == q->n) return;
    ec_question *question = &q->out[q->n_out++];
    *question = (ec_question){.id = row->id,
                              .candidate = candidate,
                              .repeated = true,
                              .expires_in_s = row->expires - q->now,
                              .cost = cost};
    snprintf(question->reason, sizeof question->reason, "%s", row->reason);
}

/* Reads which candidates failed: they are not asked for. */
static ec_status read_failed(asking *q) {
    ec_failures failures;
    const ec_status status = ec_failures_read(&failures, q->study, q->err);
    if (status != EC_OK) return status;
    const size_t n = ec_study_n_candidates(q->study), m = ec_study_n_benchmarks(q->study);
    for (size_t i = 0; i < n; i++) {
        if (!failures.failed[i]) continue;
        q->pending[i] = true;
        q->n_failed += !ec_numbers_observed(&q->numbers, n, m, i);
    }
    ec_failures_release(&failures);
    return EC_OK;
}

static ec_status see_pending(void *context, const ec_question_record *row) {
    asking *q = context;
    const size_t i = ec_sheet_find_candidate(&q->study->declared.sheet, row->candidate);
    if (i == ec_study_n_candidates(q->study)) return EC_OK; /* no longer declared */
    q->pending[i] = q->asked[i] = true;
    const bool excluded = q->exclude != NULL && q->exclude[i];
    if (!excluded && strcmp(row->worker, q->worker) == 0) repeat_question(q, i, row);
    return EC_OK;
}

static ec_status read_pending(asking *q) {
    ec_database *db = &q->study->db;
    ec_status status = ec_database_expire_questions(db, q->now, q->err);
    if (status == EC_OK) status = ec_database_read_questions(db, q->now, see_pending, q, q->err);
    if (status != EC_OK) return status;
    for (size_t i = 0; q->exclude != NULL && i < ec_study_n_candidates(q->study); i++)
        q->pending[i] = q->pending[i] || q->exclude[i];
    return EC_OK;
}

/* ---- choosing ----------------------------------------------------------------------------- */

static bool fits_budget(const asking *q, size_t candidate) {
    return isinf(q->budget) || q->committed + q->numbers.cost[candidate] <= q->budget;
}

/* Keeps the chances of what the budget allows; false when none are left. */
static bool keep_affordable(double *p, const asking *q, const ec_planning *plan) {
    double sum = 0.0;
    for (size_t k = 0; k < plan->n; k++) {
        if (!fits_budget(q, plan->candidate[k])) p[k] = 0.0;
        sum += p[k];
    }
    for (size_t k = 0; sum > 0.0 && k < plan->n; k++) p[k] /= sum;
    return sum > 0.0;
}

/* What does not fit counts as taken, so that the policy names its best among the rest. */
static void take_unaffordable(ec_planning *plan, const asking *q) {
    for (size_t k = 0; k < plan->n; k++)
        if (!plan->is_taken[k] && !fits_budget(q, plan->candidate[k])) ec_planning_take(plan, k);
}

static size_t draw(const double *p, size_t n, ec_rng *rng) {
    const double u = ec_rng_uniform(rng);
    double sum = 0.0;
    size_t last = n;
    for (size_t k = 0; k < n; k++) {
        if (p[k] <= 0.0) continue;
        last = k; /* where rounding leaves the sum below u */
        sum += p[k];
        if (u < sum) break;
    }
    return last;
}

static ec_status choose(size_t *choice, const asking *q, ec_planning *plan) {
    const ec_space space = ec_planning_space(plan);
    double *p = malloc((plan->n + 1) * sizeof *p);
    if (p == NULL) return ec_no_memory(q->study->path, q->err);

    ec_trained trained = {plan->n_taken, plan->taken, plan->y};
    ec_status status = ec_policy_next(p, q->policy, &space, &trained, q->err);
    if (status == EC_OK && !keep_affordable(p, q, plan)) {
        take_unaffordable(plan, q);
        trained.n = plan->n_taken;
        status = ec_policy_next(p, q->policy, &space, &trained, q->err);
    }
    int64_t n_asked;
    if (status == EC_OK) status = ec_database_count_questions(&n_asked, &q->study->db, q->err);
    if (status == EC_OK) {
        ec_rng rng;
        ec_rng_init(&rng, q->seed, (uint64_t)n_asked);
        *choice = draw(p, plan->n, &rng);
    }
    free(p);
    return status;
}

/* ---- by the ranking ------------------------------------------------------------------------ */

/* The benchmarks that count, and their weights: as asked, else those of the study. */
static ec_status choose_benchmarks(asking *q) {
    const ec_ask_options *o = q->options;
    const size_t m = ec_study_n_benchmarks(q->study);
    q->n_over = o->over != NULL ? o->n_over : m;
    q->over = malloc((q->n_over + 1) * sizeof *q->over);
    q->weights = malloc((q->n_over + 1) * sizeof *q->weights);
    if (q->over == NULL || q->weights == NULL) return ec_no_memory(q->study->path, q->err);
    double sum = 0.0;
    for (size_t k = 0; k < q->n_over; k++) {
        q->over[k] = o->over != NULL ? o->over[k] : k;
        q->weights[k] =
            o->weights != NULL ? o->weights[k] : ec_study_benchmark(q->study, q->over[k])->weight;
        sum += q->weights[k];
    }
    for (size_t k = 0; k < q->n_over && sum == 0.0; k++) q->weights[k] = 1.0;
    return EC_OK;
}

/* Ranks as `rank` does, with its seed, and decides; what does not fit the budget is not chosen. */
static ec_status decide(ec_decision *out, const asking *q) {
    const size_t n = ec_study_n_candidates(q->study), m = ec_study_n_benchmarks(q->study);
    ec_ranked *rows = malloc((n + 1) * sizeof *rows);
    bool *taken = calloc(n + 1, sizeof *taken);
    ec_status status = EC_OK;
    if (rows == NULL || taken == NULL) status = ec_no_memory(q->study->path, q->err);
    if (status == EC_OK) {
        for (size_t i = 0; i < n; i++)
            taken[i] =
                q->pending[i] || ec_numbers_observed(&q->numbers, n, m, i) || !fits_budget(q, i);
        const ec_rank_options options = {.weights = q->weights,
                                         .pending = q->asked,
                                         .seed = q->options->seed != NULL ? *q->options->seed : 0};
        const ec_decision_options how = {.cost = q->numbers.cost,
                                         .taken = taken,
                                         .enough = ec_study_enough(q->study, q->options->enough)};
        ec_rank_about about = {0};
        status = ec_rank(rows, &about, &q->table, q->over, q->n_over, &options, q->err);
        if (status == EC_OK) status = ec_decide(out, rows, n, &about, &how, q->err);
    }
    free(rows);
    free(taken);
    return status;
}

/* ---- when nobody can be asked for --------------------------------------------------------- */

static bool any_affordable(const asking *q, const ec_planning *plan) {
    for (size_t k = 0; k < plan->n; k++)
        if (!plan->is_taken[k] && fits_budget(q, plan->candidate[k])) return true;
    return false;
}

static ec_status fail_nobody(const asking *q, const ec_planning *plan) {
    const char *path = q->study->path;
    if (ec_study_n_candidates(q->study) == 0)
        return ec_fail(q->err, EC_ERR_ARG,
                       "%s: study.yaml declares no candidates; add some under 'candidates:'", path);
    if (ec_study_n_benchmarks(q->study) == 0)
        return ec_fail(q->err, EC_ERR_ARG,
                       "%s: study.yaml declares no benchmarks; add some under 'benchmarks:'", path);
    const size_t n = ec_study_n_candidates(q->study), m = ec_study_n_benchmarks(q->study);
    const ec_table known = {
        .n_candidates = n, .n_benchmarks = m, .a = q->numbers.a, .c = q->numbers.c};
    char names[300], needed[320];
    ec_rank_columns_text(names, sizeof names, q->scores.of, q->scores.n);
    snprintf(needed, sizeof needed, "%s%s",
             ec_table_n_used(&q->table) == 2  ? "both "
             : ec_table_n_used(&q->table) > 2 ? "all of "
                                              : "",
             names);
    if (plan->n == 0 && ec_study_n_unscored(q->study, &known) > 0)
        return ec_fail(q->err, EC_ERR_ARG,
                       "%s: no candidate has %s, which the policy '%s' needs; 'eyechart "
                       "score %s' computes them",
                       path, needed, ec_policy_name(q->policy), path);
    if (plan->n == 0)
        return ec_fail(q->err, EC_ERR_ARG,
                       "%s: no candidate has %s, which the policy '%s' needs; import "
                       "scores, or ask with the policy 'random'",
                       path, needed, ec_policy_name(q->policy));
    if (any_affordable(q, plan))
        return ec_fail(
            q->err, EC_ERR_ARG,
            "%s: no candidate left has %s for every benchmark that counts, which the "
            "policy '%s' needs; 'eyechart study check %s' names what is missing. Score or "
            "import it, or ask over other benchmarks (--benchmark)",
            path, needed, ec_policy_name(q->policy), path);
    if (plan->n_taken < plan->n)
        return ec_fail(
            q->err, EC_ERR_ARG,
            "%s: none of the %zu candidates not yet taken fits the budget of %g GPU-hours (%g are "
            "in this worker's pending questions); raise it, or declare the costs that are missing",
            path, plan->n - plan->n_taken, q->budget, q->committed);
    char failed[80] = "";
    if (q->n_failed > 0)
        snprintf(failed, sizeof failed, ", %zu failed ('study show --pending' says why)",
                 q->n_failed);
    return ec_fail(q->err, EC_ERR_NOT_FOUND,
                   "%s: nothing is left to ask: %zu candidates are trained, %zu are being "
                   "trained%s, %zu have no scores",
                   path, plan->n_trained, plan->n_pending - q->n_failed, failed, plan->n_unplaced);
}

/* ---- asking ------------------------------------------------------------------------------- */

/* `decision`: what it rests on; NULL: the policy says why. */
static ec_status write_question(asking *q, const ec_planning *plan, size_t choice,
                                const ec_decision *decision) {
    const size_t candidate = plan->candidate[choice];
    ec_question question = {
        .candidate = candidate, .expires_in_s = q->lease_s, .cost = q->numbers.cost[candidate]};
    if (decision != NULL) {
        question.decision = *decision;
        ec_study_decision_text(question.reason, sizeof question.reason, q->study, decision,
                               ec_study_gain_unit(q->n_over));
    } else {
        const ec_space space = ec_planning_space(plan);
        const ec_trained trained = {plan->n_taken, plan->taken, plan->y};
        ec_policy_reason(question.reason, sizeof question.reason, q->policy, &space, &trained,
                         choice, plan->names);
    }
    const ec_status status =
        ec_database_put_question(&question.id, &q->study->db, q->event, plan->names[choice],
                                 q->worker, q->now + q->lease_s, question.reason, q->err);
    if (status != EC_OK) return status;
    q->pending[candidate] = q->asked[candidate] = true;
    q->committed += question.cost;
    q->out[q->n_out++] = question;
    return EC_OK;
}

/* Asks for what the ranking says; *found is false when it says to stop. */
static ec_status ask_by_ranking(bool *found, asking *q, const ec_planning *plan) {
    ec_decision decision;
    const ec_status status = decide(&decision, q);
    if (status != EC_OK) return status;
    size_t choice = 0;
    while (choice < plan->n && plan->candidate[choice] != decision.candidate) choice++;
    const bool stop = decision.kind == EC_DECIDE_STOP && !q->options->anyway;
    *found = choice < plan->n && !stop;
    if (*found && decision.kind == EC_DECIDE_STOP) decision.kind = EC_DECIDE_ANYWAY;
    if (*found) return write_question(q, plan, choice, &decision);
    if (q->options->stopped != NULL && stop) *q->options->stopped = decision;
    if (q->n_out > 0) return EC_OK;
    if (!stop) return fail_nobody(q, plan);
    char text[512];
    ec_study_decision_text(text, sizeof text, q->study, &decision, ec_study_gain_unit(q->n_over));
    return ec_fail(q->err, EC_ERR_NOT_FOUND, "%s: %s", q->study->path, text);
}

/* Asks one more; *found is false when nobody is left. */
static ec_status ask_one(bool *found, asking *q) {
    ec_planning plan;
    ec_status status =
        ec_planning_init(&plan, q->study, &q->numbers, &q->table, q->pending, q->policy, q->err);
    *found = status == EC_OK && any_affordable(q, &plan);
    if (*found && q->policy == EC_POLICY_EI) {
        status = ask_by_ranking(found, q, &plan);
    } else if (*found) {
        size_t choice = 0;
        status = choose(&choice, q, &plan);
        if (status == EC_OK) status = write_question(q, &plan, choice, NULL);
    } else if (status == EC_OK && q->n_out == 0) {
        status = fail_nobody(q, &plan);
    }
    ec_planning_release(&plan);
    return status;
}

static ec_status set_table(asking *q, const ec_columns *columns) {
    q->table = (ec_table){.n_candidates = ec_study_n_candidates(q->study),
                          .n_benchmarks = ec_study_n_benchmarks(q->study),
                          .z = q->numbers.z,
                          .z_se = q->numbers.z_se,
                          .z_n = q->numbers.z_n};
    const ec_status status = ec_scales_set(&q->scales, &q->table, q->study, q->err);
    if (status != EC_OK) return status;
    return ec_scores_choose(&q->scores, &q->table, &q->numbers, columns, q->study,
                            q->options->columns, q->options->n_columns, q->err);
}

static ec_status ask_all(asking *q) {
    ec_columns columns = {0};
    ec_status status = ec_study_read_numbers(&q->numbers, q->study, q->err);
    if (status == EC_OK) status = ec_columns_read(&columns, q->study, q->err);
    if (status == EC_OK) status = set_table(q, &columns);
    if (status == EC_OK) status = read_pending(q);
    if (status == EC_OK && !q->failed_too) status = read_failed(q);
    if (status == EC_OK) status = choose_benchmarks(q);
    bool found = true;
    while (status == EC_OK && found && q->n_out < q->n) status = ask_one(&found, q);
    free(q->over);
    free(q->weights);
    ec_scores_release(&q->scores);
    ec_scales_release(&q->scales);
    ec_numbers_release(&q->numbers);
    ec_columns_release(&columns);
    return status;
}

static ec_status check_options(const ec_ask_options *o, ec_error *err) {
    if (!(o->budget_hours >= 0.0))
        return ec_fail(err, EC_ERR_ARG, "the budget must be a number of GPU-hours, not negative");
    if (!(o->lease_hours >= 0.0) || isinf(o->lease_hours))
        return ec_fail(err, EC_ERR_ARG, "the lease must be a finite number of hours, not negative");
    if (o->policy != NULL && ec_policy_name(*o->policy) == NULL)
        return ec_fail(err, EC_ERR_ARG, "there is no policy number %d", (int)*o->policy);
    return EC_OK;
}

ec_status ec_study_ask(ec_question *out, size_t *n_out, ec_study *study,
                       const ec_ask_options *options, ec_error *err) {
    const ec_ask_options o = options != NULL ? *options : (ec_ask_options){0};
    *n_out = 0;
    if (o.stopped != NULL) *o.stopped = (ec_decision){0};
    ec_status status = check_options(&o, err);
    if (status != EC_OK) return status;
    asking q = {.study = study,
                .worker = o.worker != NULL ? o.worker : "default",
                .n = o.n > 0 ? o.n : 1,
                .budget = o.budget_hours > 0.0 ? o.budget_hours : INFINITY,
                .lease_s =
                    3600.0 * (o.lease_hours > 0.0 ? o.lease_hours : study->declared.lease_hours),
                .policy = o.policy != NULL ? *o.policy : study->declared.policy,
                .seed = o.seed != NULL ? *o.seed : study->declared.seed,
                .exclude = o.exclude,
                .failed_too = o.failed_too,
                .options = &o,
                .pending = calloc(ec_study_n_candidates(study) + 1, sizeof *q.pending),
                .asked = calloc(ec_study_n_candidates(study) + 1, sizeof *q.asked),
                .out = out,
                .err = err};
    if (q.pending == NULL || q.asked == NULL) {
        free(q.pending);
        free(q.asked);
        return ec_no_memory(study->path, err);
    }
    status = ec_study_begin_change(&q.event, study, "ask", q.worker, NULL, err);
    if (status == EC_OK) {
        q.now = ec_study_now(); /* after the wait for the lock */
        status = ask_all(&q);
        if (status == EC_OK && o.peek)
            ec_database_end(&study->db, EC_ERR_INTERRUPTED, NULL); /* takes it all back */
        else
            status = ec_database_end(&study->db, status, err);
    }
    free(q.pending);
    free(q.asked);
    if (status == EC_OK) *n_out = q.n_out;
    return status;
}
