/* rank.c - see eyechart/rank.h
 *
 * Each benchmark is a view (view.h) with a posterior. The value of candidate i in sample s, summed
 * over the benchmarks, is
 *
 *     q_i(s) = centre_i(s) + normal_i(s) sd_i(s)
 *
 * where a benchmark with a result z of noise e adds f + g (z - f), g = u^2 / (u^2 + e^2), to the
 * centre and g e^2 to the variance, and one without adds f and u^2 (f = w_s.f(i), u its own part,
 * both of the posterior). Any two benchmarks have the same correlation of u, so that one normal
 * number stands for the sum.
 *
 * All candidates get an interval from their first n_few samples; the contenders, all of them unless
 * there are very many, get all samples, from which chances and gains are counted.
 */
#include "eyechart/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "eyechart/rng.h"
#include "law/stats.h"
#include "law/view.h"

/* Correlation between benchmarks of what the scores do not explain: see docs/adr/0002. */
static const double shared_part = 0.5;

enum {
    TOP = 3,
    FEW_SAMPLES = 500, /* of those that are no contenders */
    FEWEST_CONTENDERS = 32,
    MOST_CONTENDERS = 512,
    MOST_VALUES = 1 << 23 /* contenders times samples kept at once */
};

typedef struct {
    const ec_table *table;
    const ec_rank_options *options;
    ec_view *views; /* [n_views] those that count */
    size_t n_views;
    size_t n_samples, n_few;
    double level;
    bool raw; /* over one benchmark, in its units */
    bool scale_known, chances_known;
} ranking;

/* ---- samples of one candidate ---------------------------------------------------------------- */

/* All arrays [n]. */
typedef struct {
    double *centre, *sd, *normal;
    double *next_sd; /* of a result instead of the value */
    double *expected, *own, *sum, *scratch;
    double *memory;
    size_t n;
} samples;

static bool samples_init(samples *s, size_t n) {
    *s = (samples){.memory = malloc(8 * n * sizeof *s->memory), .n = n};
    if (s->memory == NULL) return false;
    s->centre = s->memory;
    s->sd = s->centre + n;
    s->normal = s->sd + n;
    s->next_sd = s->normal + n;
    s->expected = s->next_sd + n;
    s->own = s->expected + n;
    s->sum = s->own + n;
    s->scratch = s->sum + n;
    return true;
}

/* The part of one benchmark, whose result counts unless `as_model`. sd and next_sd hold variances
 * here: of what is independent between benchmarks; sum the standard deviations of what is shared in
 * part. */
static void add_view(samples *s, const ec_view *v, size_t i, bool as_model) {
    const bool uses_result = !as_model && !isnan(v->measured[i]);
    const double factor = v->factor, e = v->noise[i];
    if (uses_result && (e == 0.0 || !v->has_posterior || v->point[i] == SIZE_MAX)) {
        for (size_t k = 0; k < s->n; k++) {
            s->centre[k] += factor * (v->measured[i] - v->shift);
            /* no scores: the result with its noise */
            if (v->scale_known) s->sd[k] += factor * e * factor * e;
        }
        return;
    }
    ec_posterior_values(s->expected, s->own, &v->posterior, v->point[i], s->n, s->scratch);
    for (size_t k = 0; k < s->n; k++) {
        const double own = s->own[k], f = s->expected[k] - v->shift;
        if (uses_result) {
            const double g = own * own / (own * own + e * e);
            s->centre[k] += factor * (f + g * (v->measured[i] - v->shift - f));
            s->sd[k] += factor * factor * g * e * e;
        } else {
            s->centre[k] += factor * f;
            s->sd[k] += (1.0 - v->draws.shared) * factor * own * factor * own;
            s->sum[k] += factor * own;
        }
        s->next_sd[k] += factor * v->next_noise * factor * v->next_noise;
    }
}

/* Errors of the scores count to first order and as the same for all benchmarks: right for C,
 * cautious for A. */
static double score_variance(const ranking *r, size_t i, bool as_model) {
    double variance = 0.0;
    for (size_t j = 0;; j++) {
        double slope = 0.0;
        bool any = false;
        for (size_t b = 0; b < r->n_views; b++) {
            const ec_view *v = &r->views[b];
            if (v->slope == NULL || j >= v->points.d) continue;
            any = true;
            if (v->point[i] != SIZE_MAX && (as_model || isnan(v->measured[i])))
                slope += v->factor * v->slope[v->point[i] * v->points.d + j];
        }
        if (!any) return variance;
        variance += slope * slope;
    }
}

/* The first s->n samples of candidate i. False where a model is missing. */
static bool sample_candidate(samples *s, const ranking *r, size_t i, bool as_model) {
    const size_t n = s->n;
    for (size_t b = 0; b < r->n_views; b++) {
        const ec_view *v = &r->views[b];
        if (!as_model && !isnan(v->measured[i])) continue;
        if (!v->has_posterior || v->point[i] == SIZE_MAX) return false;
    }
    memset(s->memory, 0, 8 * n * sizeof *s->memory);
    for (size_t b = 0; b < r->n_views; b++) add_view(s, &r->views[b], i, as_model);
    const ec_draws *draws = &r->views[0].draws;
    const ec_draws one = {.seed = draws->seed, .shared = 1.0};
    ec_draw_normals(s->normal, n, &one, EC_DRAW_VALUES, i);
    const double of_scores = score_variance(r, i, as_model);
    for (size_t k = 0; k < n; k++) {
        const double variance = s->sd[k] + draws->shared * s->sum[k] * s->sum[k] + of_scores;
        s->sd[k] = sqrt(variance);
        s->next_sd[k] = sqrt(variance + s->next_sd[k]);
    }
    return true;
}

/* ---- intervals, candidate by candidate --------------------------------------------------------
 */

typedef struct {
    const ranking *ranking;
    ec_ranked *rows;
    double *hope; /* [n rows] a value that the candidate passes with little chance; orders the
                     contenders */
    bool *failed; /* [n rows] no memory */
} interval_work;

/* The interval of one row, and its hope. */
static void find_interval(void *context, size_t k) {
    const interval_work *w = context;
    const ranking *r = w->ranking;
    ec_ranked *row = &w->rows[k];
    samples s;
    if (!samples_init(&s, r->n_few)) {
        w->failed[k] = true;
        return;
    }
    w->hope[k] = row->order;
    bool sampled = sample_candidate(&s, r, row->candidate, false);
    if (sampled) {
        double sum = 0.0, squares = 0.0;
        for (size_t j = 0; j < s.n; j++) {
            const double deviation = s.centre[j] + s.normal[j] * s.sd[j] - row->order;
            sum += deviation;
            squares += deviation * deviation;
        }
        const double mean = sum / (double)s.n;
        w->hope[k] = row->order + mean + 3.0 * sqrt(fmax(squares / (double)s.n - mean * mean, 0.0));
    }
    /* Beside a result stands what the model would have expected. */
    if (!isnan(row->measured)) sampled = sample_candidate(&s, r, row->candidate, true);
    if (sampled && !isnan(row->predicted)) {
        for (size_t j = 0; j < s.n; j++) s.scratch[j] = s.centre[j] + s.normal[j] * s.next_sd[j];
        const double low = ec_quantile(s.scratch, s.n, 0.5 * (1.0 - r->level));
        const double high = ec_quantile(s.scratch, s.n, 0.5 * (1.0 + r->level));
        /* An interval that leaves out its own prediction would confuse more than it tells. */
        row->low = fmin(low, row->predicted);
        row->high = fmax(high, row->predicted);
    }
    free(s.memory);
}

/* ---- chances and gains ------------------------------------------------------------------------
 */

typedef struct {
    const ranking *ranking;
    ec_ranked *rows;
    const size_t *contender; /* [n] rows */
    size_t n;
    double *value; /* [n][n_samples] */
    bool *failed;  /* [n] */
} contest;

static void sample_contender(void *context, size_t k) {
    const contest *c = context;
    samples s;
    if (!samples_init(&s, c->ranking->n_samples)) {
        c->failed[k] = true;
        return;
    }
    double *value = c->value + k * s.n;
    const bool sampled =
        sample_candidate(&s, c->ranking, c->rows[c->contender[k]].candidate, false);
    for (size_t j = 0; j < s.n; j++)
        value[j] = sampled ? s.centre[j] + s.normal[j] * s.sd[j] : -INFINITY;
    free(s.memory);
}

/* A lot drawn by a candidate in a sample: equal values share their chances evenly. */
static uint64_t lot(size_t candidate, size_t sample) {
    ec_rng rng;
    ec_rng_init(&rng, sample, candidate);
    return ec_rng_u64(&rng);
}

static bool passes(double value, size_t candidate, double other_value, size_t other,
                   size_t sample) {
    if (value != other_value) return value > other_value;
    return other == SIZE_MAX || lot(candidate, sample) > lot(other, sample);
}

/* The best three of sample s; counts them in the rows. */
static void count_podium(const contest *c, size_t s) {
    double value[TOP] = {-INFINITY, -INFINITY, -INFINITY};
    size_t row[TOP] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    for (size_t k = 0; k < c->n; k++) {
        const double here = c->value[k * c->ranking->n_samples + s];
        size_t place = TOP;
        while (place > 0 && passes(here, c->contender[k], value[place - 1], row[place - 1], s))
            place--;
        if (place == TOP) continue;
        for (size_t h = TOP - 1; h > place; h--) {
            value[h] = value[h - 1];
            row[h] = row[h - 1];
        }
        value[place] = here;
        row[place] = c->contender[k];
    }
    for (size_t place = 0; place < TOP && row[place] != SIZE_MAX; place++) {
        c->rows[row[place]].p_top3 += 1.0;
        if (place == 0) c->rows[row[0]].p_best += 1.0;
    }
}

/* Counts until the end, so that a certainty is exactly 1. */
static void find_chances(const contest *c) {
    const size_t n = c->ranking->n_samples;
    const double *first = NULL;
    for (size_t k = 0; k < c->n; k++)
        if (c->contender[k] == 0) first = c->value + k * n;
    for (size_t s = 0; s < n; s++) count_podium(c, s);
    for (size_t k = 0; k < c->n; k++) {
        ec_ranked *row = &c->rows[c->contender[k]];
        size_t beats = 0;
        for (size_t s = 0; s < n && first != NULL; s++) beats += c->value[k * n + s] >= first[s];
        row->p_best /= (double)n;
        row->p_top3 /= (double)n;
        row->p_beats_best = (double)beats / (double)n;
        row->separable = row->p_beats_best < 0.5 * (1.0 - c->ranking->level);
    }
}

static bool has_result(const ranking *r, size_t i) {
    for (size_t b = 0; b < r->n_views; b++)
        if (!isnan(r->views[b].measured[i])) return true;
    return false;
}

static bool has_all_results(const ranking *r, size_t i) {
    for (size_t b = 0; b < r->n_views; b++)
        if (isnan(r->views[b].measured[i])) return false;
    return true;
}

static bool is_pending(const ranking *r, size_t i) {
    return r->options->pending != NULL && r->options->pending[i];
}

/* What the model of sample s's settings expects of candidate i, which has all results. */
static double setting_mean(const ranking *r, size_t i, size_t s) {
    double sum = 0.0;
    for (size_t b = 0; b < r->n_views; b++) {
        const ec_view *v = &r->views[b];
        double mean = v->measured[i];
        if (v->known[i] != SIZE_MAX && v->posterior.setting != NULL)
            mean = v->posterior.setting_mean[v->posterior.setting[s] * v->n_results + v->known[i]];
        sum += v->factor * (mean - v->shift);
    }
    return sum;
}

/* [n_samples] each: the best value and the largest prediction that count as had, and what the
 * sample counts by. */
typedef struct {
    double *best, *best_mean, *count;
} had;

static void find_had(had *h, const contest *c) {
    const ranking *r = c->ranking;
    const size_t n = r->n_samples;
    for (size_t s = 0; s < n; s++) {
        double scale = 0.0;
        h->best[s] = h->best_mean[s] = -INFINITY;
        for (size_t b = 0; b < r->n_views; b++)
            scale += r->views[b].factor * r->views[b].posterior.scale[s];
        h->count[s] = scale > 0.0 ? 1.0 / scale : 1.0; /* 0: a law without any scatter */
    }
    for (size_t k = 0; k < c->n; k++) {
        const size_t i = c->rows[c->contender[k]].candidate;
        const bool all = has_all_results(r, i), pending = is_pending(r, i);
        if (!all && !pending && !has_result(r, i)) continue;
        for (size_t s = 0; s < n; s++) {
            const double value = c->value[k * n + s];
            h->best[s] = fmax(h->best[s], value);
            if (all) h->best_mean[s] = fmax(h->best_mean[s], setting_mean(r, i, s));
            if (!all && pending) h->best_mean[s] = fmax(h->best_mean[s], value);
        }
    }
}

static ec_status find_gains(const contest *c, ec_error *err) {
    const ranking *r = c->ranking;
    const size_t n = r->n_samples;
    bool any = false;
    for (size_t b = 0; b < r->n_views; b++)
        if (!r->views[b].has_posterior) return EC_OK;
    double *memory = malloc(3 * n * sizeof *memory);
    if (memory == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples", n);
    had h = {memory, memory + n, memory + 2 * n};
    find_had(&h, c);
    for (size_t s = 0; s < n; s++) {
        /* Nobody has all results: what those with some of them are worth. */
        if (!isfinite(h.best_mean[s])) h.best_mean[s] = h.best[s];
        any |= isfinite(h.best_mean[s]);
    }
    for (size_t k = 0; k < c->n && any; k++) {
        ec_ranked *row = &c->rows[c->contender[k]];
        if (has_result(r, row->candidate) || is_pending(r, row->candidate)) continue;
        double gain = 0.0, merit = 0.0, count = 0.0;
        for (size_t s = 0; s < n; s++) {
            const double value = c->value[k * n + s];
            gain += h.count[s] * fmax(0.0, value - h.best[s]);
            merit += h.count[s] * fmax(0.0, value - h.best_mean[s]);
            count += h.count[s];
        }
        row->gain = gain / count;
        row->merit = merit / count;
    }
    free(memory);
    return EC_OK;
}

/* ---- who contends -----------------------------------------------------------------------------
 */

typedef struct {
    double hope;
    size_t row;
    bool must; /* finetuned or pending: gains are over these */
} hopeful;

static int by_hope(const void *left, const void *right) {
    const hopeful *x = left, *y = right;
    if (x->must != y->must) return x->must ? -1 : 1;
    if (x->hope != y->hope) return x->hope > y->hope ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_row(const void *left, const void *right) {
    const size_t x = *(const size_t *)left, y = *(const size_t *)right;
    return x < y ? -1 : x > y;
}

static size_t most_contenders(const ranking *r) {
    const size_t most = MOST_VALUES / r->n_samples;
    return most < FEWEST_CONTENDERS ? FEWEST_CONTENDERS
           : most > MOST_CONTENDERS ? MOST_CONTENDERS
                                    : most;
}

/* The rows of the contenders, ascending; returns how many. Row 0 is one of them. */
static size_t choose_contenders(size_t *contender, const ranking *r, const ec_ranked *rows,
                                const double *hope, size_t n_valued, hopeful *scratch) {
    size_t n = most_contenders(r), n_must = 0;
    for (size_t k = 0; k < n_valued; k++) {
        const size_t i = rows[k].candidate;
        const bool must = n_must < n / 2 && (has_result(r, i) || is_pending(r, i));
        scratch[k] = (hopeful){.hope = k == 0 ? INFINITY : hope[k], .row = k, .must = must};
        n_must += must;
    }
    qsort(scratch, n_valued, sizeof *scratch, by_hope);
    if (n > n_valued) n = n_valued;
    for (size_t k = 0; k < n; k++) contender[k] = scratch[k].row;
    qsort(contender, n, sizeof *contender, by_row);
    return n;
}

static bool any_failed(const bool *failed, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (failed[k]) return true;
    return false;
}

/* Fills intervals, chances and gains of the rows, which are sorted; those without a value are last.
 */
static ec_status simulate(ec_ranked *rows, ranking *r, size_t n_valued, ec_error *err) {
    const size_t most = most_contenders(r);
    r->n_few = n_valued > most && r->n_samples > FEW_SAMPLES ? FEW_SAMPLES : r->n_samples;
    double *hope = malloc((n_valued + 1) * sizeof *hope);
    bool *failed = calloc(n_valued + 1, sizeof *failed);
    hopeful *hopefuls = malloc((n_valued + 1) * sizeof *hopefuls);
    contest c = {.ranking = r, .rows = rows, .failed = failed};
    size_t *contender = malloc((n_valued + 1) * sizeof *contender);
    ec_status status = EC_OK;
    if (hope != NULL && failed != NULL && hopefuls != NULL && contender != NULL) {
        interval_work w = {r, rows, hope, failed};
        ec_parallel_for(n_valued, r->options->n_threads, find_interval, &w);
    }
    if (!hope || !failed || !hopefuls || !contender || any_failed(failed, n_valued))
        status = ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples", r->n_samples);
    if (status == EC_OK && r->chances_known && n_valued > 0) {
        c.n = choose_contenders(contender, r, rows, hope, n_valued, hopefuls);
        c.contender = contender;
        c.value = malloc(c.n * r->n_samples * sizeof *c.value);
        if (c.value != NULL) ec_parallel_for(c.n, r->options->n_threads, sample_contender, &c);
        if (c.value == NULL || any_failed(failed, c.n))
            status = ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples of %zu candidates",
                             r->n_samples, c.n);
        for (size_t k = 0; k < n_valued && status == EC_OK; k++) {
            rows[k].p_best = rows[k].p_top3 = rows[k].p_beats_best = 0.0;
            rows[k].separable = true;
        }
        if (status == EC_OK) find_chances(&c);
        if (status == EC_OK && r->scale_known) status = find_gains(&c, err);
    }
    free(c.value);
    free(hope);
    free(failed);
    free(hopefuls);
    free(contender);
    return status;
}

/* ---- the ranking ---------------------------------------------------------------------------- */

/* The weighted sum over the benchmarks of a value by candidate. */
static double total(const ranking *r, size_t i, double (*of)(const ec_view *v, size_t i)) {
    double sum = 0.0;
    for (size_t b = 0; b < r->n_views; b++)
        sum += r->views[b].factor * (of(&r->views[b], i) - r->views[b].shift);
    return sum;
}

static double measured_of(const ec_view *v, size_t i) {
    return v->measured[i];
}
static double predicted_of(const ec_view *v, size_t i) {
    return v->predicted[i];
}

static int by_order(const void *left, const void *right) {
    const ec_ranked *x = left, *y = right;
    if (isnan(x->order) != isnan(y->order)) return isnan(x->order) ? 1 : -1;
    if (x->order > y->order) return -1;
    if (x->order < y->order) return 1;
    return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

/* Points and order of every candidate, sorted; returns how many have a value. */
static size_t fill_rows(ec_ranked *out, const ranking *r, const size_t *benchmarks) {
    const size_t n = r->table->n_candidates;
    size_t n_valued = 0;
    for (size_t i = 0; i < n; i++) {
        ec_ranked *row = &out[i];
        *row = (ec_ranked){.candidate = i,
                           .measured = NAN,
                           .predicted = NAN,
                           .low = NAN,
                           .high = NAN,
                           .p_best = NAN,
                           .p_top3 = NAN,
                           .p_beats_best = NAN,
                           .gain = NAN,
                           .merit = NAN};
        row->order = total(r, i, ec_view_value);
        const double measured = total(r, i, measured_of);
        if (r->raw) {
            /* The result itself, also where it found no place among the predictions. */
            const double z = r->table->z[benchmarks[0] * n + i];
            if (isfinite(z)) row->measured = z * r->views[0].direction;
        } else if (r->scale_known) {
            row->measured = measured;
        }
        /* Fully measured: what the model says. Partly: results count as far as they go. */
        if (r->scale_known)
            row->predicted = isnan(measured) ? row->order : total(r, i, predicted_of);
        n_valued += !isnan(row->order);
    }
    qsort(out, n, sizeof *out, by_order);
    return n_valued;
}

/* Back to the benchmark's own direction. */
static void undo_direction(ec_ranked *row) {
    row->measured = -(row->measured);
    row->predicted = -(row->predicted);
    const double low = row->low;
    row->low = -(row->high);
    row->high = -(low);
}

/* Sum of the weights; 0 on error. */
static double check_weights(const double *weights, size_t n, ec_error *err) {
    double sum = 0.0;
    for (size_t b = 0; b < n; b++) {
        const double w = weights != NULL ? weights[b] : 1.0;
        if (!(w >= 0.0) || !isfinite(w)) {
            ec_fail(err, EC_ERR_ARG, "weight %zu is %g: expected a finite number, 0 or more", b + 1,
                    w);
            return 0.0;
        }
        sum += w;
    }
    if (!(sum > 0.0) || !isfinite(sum)) {
        ec_fail(err, EC_ERR_ARG, "the weights of the benchmarks add up to %g: expected more than 0",
                sum);
        return 0.0;
    }
    return sum;
}

static ec_status check_benchmarks(const ec_table *table, const size_t *benchmarks, size_t n_over,
                                  ec_error *err) {
    if (n_over == 0) return ec_fail(err, EC_ERR_ARG, "no benchmark to rank over");
    for (size_t b = 0; b < n_over; b++)
        if (benchmarks[b] >= table->n_benchmarks)
            return ec_fail(err, EC_ERR_ARG, "benchmark %zu of %zu does not exist",
                           benchmarks[b] + 1, table->n_benchmarks);
    return EC_OK;
}

static ec_status check_options(const ranking *r, ec_error *err) {
    if (!(r->level > 0.0) || !(r->level < 1.0))
        return ec_fail(err, EC_ERR_ARG,
                       "the level of the intervals is %g: expected between 0 and 1", r->level);
    if (r->n_samples > EC_RANK_SAMPLES_MAX)
        return ec_fail(err, EC_ERR_ARG, "%zu samples are too many: the limit is %d", r->n_samples,
                       EC_RANK_SAMPLES_MAX);
    return EC_OK;
}

/* Chances compare all candidates that have scores: each needs samples wherever it is not
 * measured. */
static bool know_chances(const ranking *r) {
    for (size_t b = 0; b < r->n_views; b++) {
        const ec_view *v = &r->views[b];
        for (size_t i = 0; i < r->table->n_candidates && !v->has_posterior; i++)
            if (isnan(v->measured[i]) && v->point[i] != SIZE_MAX) return false;
    }
    return true;
}

/* Percent of the benchmark's full scale, times its share of the weights. */
static void set_scale(ec_view *v, const ec_table *table, size_t b, double share) {
    double low = table->low != NULL ? table->low[b] : NAN,
           high = table->high != NULL ? table->high[b] : NAN;
    if (!isfinite(low) || !isfinite(high) || !(high > low)) {
        low = 0.0;
        high = 100.0;
    }
    v->factor = share;
    if (!v->scale_known) return; /* in units of the prior */
    v->factor = 100.0 * share / (high - low);
    v->shift = v->direction > 0.0 ? low : -high;
}

/* Has it what the others count with: a scale, or, while none has one, candidates with scores? */
static bool keeps_up(const ranking *r, const ec_view *v, bool any_points) {
    return r->scale_known ? v->scale_known : v->points.n > 0 || !any_points;
}

/* Leaves out benchmarks that cannot be ranked while others can, and scales the rest. */
static void choose_views(ranking *r, size_t *index, const size_t *benchmarks,
                         ec_rank_about *about) {
    const double *weights = r->options->weights;
    double sum = 0.0;
    size_t kept = 0;
    bool any_points = false;
    for (size_t k = 0; k < r->n_views; k++) {
        r->scale_known |= r->views[k].scale_known;
        any_points |= r->views[k].points.n > 0;
    }
    for (size_t k = 0; k < r->n_views; k++) {
        if (!keeps_up(r, &r->views[k], any_points)) {
            ec_view_release(&r->views[k]);
            continue;
        }
        sum += weights != NULL ? weights[index[k]] : 1.0;
        index[kept] = index[k];
        r->views[kept++] = r->views[k];
        if (about->left_out != NULL) about->left_out[index[k]] = false;
        about->n_left_out--;
    }
    r->n_views = kept;
    for (size_t k = 0; k < kept && !r->raw; k++)
        set_scale(&r->views[k], r->table, benchmarks[index[k]],
                  (weights != NULL ? weights[index[k]] : 1.0) / sum);
}

static void tell_about(ec_rank_about *about, const ranking *r, const ec_ranked *rows) {
    double noise = 0.0;
    for (size_t b = 0; b < r->n_views; b++) {
        const double e = r->views[b].factor * r->views[b].next_noise;
        noise += e * e;
    }
    about->scale_known = r->scale_known;
    about->noise = r->scale_known ? sqrt(noise) : 0.0;
    about->found = r->chances_known ? 0.0 : NAN;
    for (size_t k = 0; k < r->table->n_candidates && r->chances_known; k++)
        if (has_result(r, rows[k].candidate) && !isnan(rows[k].p_best))
            about->found += rows[k].p_best;
}

ec_status ec_rank(ec_ranked *out, ec_rank_about *about, const ec_table *table,
                  const size_t *benchmarks, size_t n_over, const ec_rank_options *options,
                  ec_error *err) {
    const ec_rank_options o = options != NULL ? *options : (ec_rank_options){0};
    ec_rank_about nobody_asks = {0};
    if (about == NULL) about = &nobody_asks;
    ranking r = {.table = table,
                 .options = &o,
                 .n_samples = o.n_samples != 0 ? o.n_samples : 4000,
                 .level = o.level != 0.0 ? o.level : 0.9,
                 .raw = n_over == 1};
    ec_status status = check_benchmarks(table, benchmarks, n_over, err);
    if (status == EC_OK) status = check_options(&r, err);
    if (status != EC_OK) return status;
    if (check_weights(o.weights, n_over, err) == 0.0) return EC_ERR_ARG;
    *about = (ec_rank_about){.left_out = about->left_out, .n_left_out = n_over, .found = NAN};
    for (size_t b = 0; b < n_over && about->left_out != NULL; b++) about->left_out[b] = true;
    if (table->n_candidates == 0) return EC_OK; /* its arrays may be NULL */

    size_t *index = malloc(n_over * sizeof *index); /* of the views among the benchmarks ranked
                                                       over */
    r.views = calloc(n_over, sizeof *r.views);
    if (r.views == NULL || index == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "no memory to rank over %zu benchmarks", n_over);
    for (size_t b = 0; b < n_over && status == EC_OK; b++) {
        if (o.weights != NULL && o.weights[b] == 0.0) continue;
        const ec_draws draws = {o.seed, b, n_over == 1 ? 1.0 : shared_part};
        index[r.n_views] = b;
        status =
            ec_view_init(&r.views[r.n_views++], table, benchmarks[b], &o, r.n_samples, &draws, err);
        if (status != EC_OK && n_over > 1)
            ec_error_prefix(err, status, "benchmark %zu of those ranked over", b + 1);
    }
    if (status == EC_OK) {
        choose_views(&r, index, benchmarks, about);
        const size_t n_valued = fill_rows(out, &r, benchmarks);
        r.chances_known = know_chances(&r);
        status = simulate(out, &r, n_valued, err);
        if (status == EC_OK) tell_about(about, &r, out);
        if (n_over == 1 && r.views[0].direction < 0.0)
            for (size_t i = 0; i < table->n_candidates; i++) undo_direction(&out[i]);
    }
    for (size_t b = 0; b < r.n_views; b++) ec_view_release(&r.views[b]);
    free(r.views);
    free(index);
    return status;
}

/* ---- baselines ------------------------------------------------------------------------------ */

/* score[i] += weight times the baseline's own score for one benchmark; NaN where a score is
 * missing. */
static ec_status add_baseline(double *score, const ec_table *table, size_t b, double weight,
                              ec_baseline baseline, ec_error *err) {
    ec_points p;
    const ec_status status = ec_points_init(&p, table, b, err);
    for (size_t i = 0, k = 0; i < table->n_candidates && status == EC_OK; i++) {
        double value = NAN;
        if (k < p.n && p.candidate[k] == i) {
            const double *x = p.x + k++ * p.d;
            value = baseline == EC_BASELINE_A     ? x[0]
                    : baseline == EC_BASELINE_SUM ? ec_trend(x, p.weight, p.d)
                                                  : 0.0;
        }
        score[i] += weight * value;
    }
    ec_points_release(&p);
    return status;
}

ec_status ec_rank_baseline(double *out, const ec_table *table, const size_t *benchmarks,
                           size_t n_over, const double *weights, ec_baseline baseline,
                           ec_error *err) {
    ec_status status = check_benchmarks(table, benchmarks, n_over, err);
    if (status != EC_OK) return status;
    if (check_weights(weights, n_over, err) == 0.0) return EC_ERR_ARG;
    if ((size_t)baseline >= EC_BASELINES)
        return ec_fail(err, EC_ERR_ARG, "no such baseline: %d", (int)baseline);
    if (table->n_candidates == 0) return EC_OK;

    const size_t n = table->n_candidates;
    double *score = calloc(2 * n + 1, sizeof *score);
    size_t *index = calloc(n + 1, sizeof *index);
    if (score == NULL || index == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", n);
    for (size_t b = 0; b < n_over && status == EC_OK; b++) {
        const double weight = weights != NULL ? weights[b] : 1.0;
        if (weight != 0.0)
            status = add_baseline(score, table, benchmarks[b], weight, baseline, err);
    }
    /* Negative, so that rank 1 is the largest; those without scores take no part. */
    size_t n_scored = 0;
    for (size_t i = 0; i < n && status == EC_OK; i++) {
        out[i] = NAN;
        if (isnan(score[i])) continue;
        index[n_scored] = i;
        score[n_scored++] = -score[i];
    }
    if (status == EC_OK) status = ec_mean_ranks(score + n, score, n_scored, err);
    for (size_t k = 0; k < n_scored && status == EC_OK; k++) out[index[k]] = score[n + k];
    free(score);
    free(index);
    return status;
}
