/* rank.c - see eyechart/rank.h
 *
 * Each benchmark becomes a `view`: normalised scores, results with the sign that makes more better,
 * the model's predictions and its posterior. Candidates are then taken one after the other: the
 * samples of one candidate over all benchmarks make its interval and are compared with the best
 * three so far of every sample, so that memory grows with the candidates or the samples, never with
 * their product.
 */
#include "eyechart/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/rng.h"
#include "law/posterior.h"
#include "law/stats.h"

/* Correlation between benchmarks of what the scores do not explain: see docs/adr/0002. */
static const double shared_part = 0.5;

/* Observations above which the point prediction goes through the knots too: the exact one needs a
 * matrix over them. */
enum { EXACT_OBSERVATIONS = 1024, TOP = 3 };

/* One benchmark, as the ranking sees it. Arrays over the n candidates of the table. */
typedef struct {
    double *a, *c;     /* normalised over the candidates with both scores; NaN without */
    double *measured;  /* result, larger is better; NaN: not finetuned, or has no place among the
                          predictions (no scores while the scale is unknown) */
    double *predicted; /* point prediction, likewise; NaN without scores or model */
    double *slope_a, *slope_c; /* change of the prediction by one standard error of A, of C */
    ec_law_range range;        /* of the raw scores */
    double direction;
    bool scale_known; /* predictions are in units of the benchmark */
    bool has_posterior;
    ec_posterior posterior;
    ec_draws draws;
    double shift, factor; /* value in the ranking = factor (value - shift) */
    double *memory;
} view;

static void view_release(view *v) {
    ec_posterior_release(&v->posterior);
    free(v->memory);
}

static double orient(const view *v, double z) {
    return v->direction * z;
}

/* Scores and results of benchmark b, without a model. */
static ec_status view_init(view *v, const ec_table *table, size_t b, ec_error *err) {
    const size_t n = table->n_candidates;
    *v = (view){.factor = 1.0, .direction = 1.0};
    if ((v->memory = malloc((6 * n + 1) * sizeof *v->memory)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", n);
    v->a = v->memory;
    v->c = v->a + n;
    v->measured = v->c + n;
    v->predicted = v->measured + n;
    v->slope_a = v->predicted + n;
    v->slope_c = v->slope_a + n;
    if (table->direction != NULL && table->direction[b] < 0) v->direction = -1.0;

    const double *a = table->a + b * n, *z = table->z + b * n;
    ec_law_range range = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i]) || !isfinite(table->c[i])) continue;
        range.a_min = fmin(range.a_min, a[i]);
        range.a_max = fmax(range.a_max, a[i]);
        range.c_min = fmin(range.c_min, table->c[i]);
        range.c_max = fmax(range.c_max, table->c[i]);
    }
    v->range = range;
    for (size_t i = 0; i < n; i++) {
        const bool scored = isfinite(a[i]) && isfinite(table->c[i]);
        v->a[i] = scored ? ec_normalise(a[i], range.a_min, range.a_max) : NAN;
        v->c[i] = scored ? ec_normalise(table->c[i], range.c_min, range.c_max) : NAN;
        v->measured[i] = isfinite(z[i]) ? orient(v, z[i]) : NAN;
        v->predicted[i] = NAN;
        /* For now the standard errors, normalised; NaN counts as 0. */
        const double a_se = table->a_se != NULL ? table->a_se[b * n + i] : 0.0;
        const double c_se = table->c_se != NULL ? table->c_se[i] : 0.0;
        v->slope_a[i] = scored && a_se > 0.0 && isfinite(a_se) && range.a_max > range.a_min
                            ? a_se / (range.a_max - range.a_min)
                            : 0.0;
        v->slope_c[i] = scored && c_se > 0.0 && isfinite(c_se) && range.c_max > range.c_min
                            ? c_se / (range.c_max - range.c_min)
                            : 0.0;
    }
    return EC_OK;
}

/* The candidates with both scores as points; `index` says which. For the slopes, the same points
 * follow twice, moved a little in a and in c. One allocation, at a. */
typedef struct {
    size_t n, n_all, m;      /* points; 3 n when slopes are wanted, else n; trained ones */
    double *a, *c, *value;   /* [n_all] */
    double *y;               /* [m] */
    size_t *index, *trained; /* [n], [m] */
} points;

static const double slope_step = 1e-5;

static ec_status points_init(points *p, const view *v, size_t n_candidates, ec_error *err) {
    *p = (points){0};
    bool has_errors = false;
    for (size_t i = 0; i < n_candidates; i++) {
        if (isnan(v->a[i])) continue;
        p->n++;
        has_errors |= v->slope_a[i] > 0.0 || v->slope_c[i] > 0.0;
    }
    p->n_all = has_errors ? 3 * p->n : p->n;
    p->a = malloc((3 * p->n_all + p->n + 1) * sizeof *p->a);
    p->index = malloc((2 * p->n + 1) * sizeof *p->index);
    if (p->a == NULL || p->index == NULL) {
        free(p->a);
        free(p->index);
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", n_candidates);
    }
    p->c = p->a + p->n_all;
    p->value = p->c + p->n_all;
    p->y = p->value + p->n_all;
    p->trained = p->index + p->n;
    size_t k = 0;
    for (size_t i = 0; i < n_candidates; i++) {
        if (isnan(v->a[i])) continue;
        if (!isnan(v->measured[i])) {
            p->trained[p->m] = k;
            p->y[p->m++] = v->measured[i];
        }
        p->index[k] = i;
        for (size_t copy = 0; copy * p->n < p->n_all; copy++) {
            p->a[copy * p->n + k] = v->a[i] + (copy == 1 ? slope_step : 0.0);
            p->c[copy * p->n + k] = v->c[i] + (copy == 2 ? slope_step : 0.0);
        }
        k++;
    }
    return EC_OK;
}

static void points_release(points *p) {
    free(p->a);
    free(p->index);
}

/* From the points' values to the view's predictions and slopes, `unit` to 1. */
static void keep_predictions(view *v, const points *p, double unit) {
    for (size_t k = 0; k < p->n; k++) {
        const size_t i = p->index[k];
        v->predicted[i] = p->value[k] / unit;
        if (p->n_all == p->n) continue;
        v->slope_a[i] *= (p->value[p->n + k] - p->value[k]) / slope_step / unit;
        v->slope_c[i] *= (p->value[2 * p->n + k] - p->value[k]) / slope_step / unit;
    }
}

/* Scores and results of the trained points, for the models' posteriors: a, c [m] into `out` [2 m].
 */
static void trained_scores(double *out, const points *p) {
    for (size_t j = 0; j < p->m; j++) {
        out[j] = p->a[p->trained[j]];
        out[p->m + j] = p->c[p->trained[j]];
    }
}

static ec_status model_gp(view *v, points *p, size_t n_candidates, size_t n_samples,
                          ec_error *err) {
    if (p->n == 0) return EC_OK;
    double *scores = malloc((2 * p->m + 1) * sizeof *scores);
    if (scores == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", n_candidates);
    trained_scores(scores, p);
    ec_status status = ec_posterior_gp(&v->posterior, &v->scale_known, scores, scores + p->m, p->y,
                                       p->m, n_samples, &v->draws, err);
    free(scores);
    if (status != EC_OK) return status;
    v->has_posterior = true;
    if (!v->scale_known) {
        /* Without a scale only the order among the points with scores has a meaning: results count
         * as 0, predictions are in units of the prior. */
        for (size_t i = 0; i < n_candidates; i++)
            if (!isnan(v->measured[i])) v->measured[i] = isnan(v->a[i]) ? NAN : 0.0;
        for (size_t j = 0; j < p->m; j++) p->y[j] = 0.0;
    }
    double scale = 1.0;
    if (v->scale_known && p->m > EXACT_OBSERVATIONS)
        status = ec_posterior_gp_mean(p->value, p->a, p->c, p->n_all, p->trained, p->y, p->m, err);
    else
        status = ec_gp_predict(p->value, NULL, &scale, NULL, p->a, p->c, p->n_all, p->trained, p->y,
                               p->m, err);
    if (status == EC_OK) keep_predictions(v, p, v->scale_known ? 1.0 : scale);
    return status;
}

static ec_status model_law(view *v, points *p, const ec_law_options *options, size_t n_samples,
                           ec_error *err) {
    if (p->m < 2) return EC_OK;
    double *scores = malloc(2 * p->m * sizeof *scores);
    if (scores == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to fit the law to %zu points", p->m);
    trained_scores(scores, p);
    /* Raw again, so that a refusal names the values that the user knows. */
    const ec_law_range *r = &v->range;
    for (size_t j = 0; j < p->m; j++) {
        scores[j] = r->a_min + (r->a_max - r->a_min) * scores[j];
        scores[p->m + j] = r->c_min + (r->c_max - r->c_min) * scores[p->m + j];
    }
    ec_law law;
    ec_design_fit fit;
    ec_law_points normalised;
    ec_status status = ec_law_fit_points(&law, &fit, &normalised, options, r, scores, scores + p->m,
                                         p->y, p->m, err);
    free(scores);
    if (status != EC_OK) return status;
    v->scale_known = true;
    for (size_t k = 0; k < p->n_all; k++)
        p->value[k] = law.z_min +
                      (law.z_max - law.z_min) * ec_law_predict_normalised(law.w, p->a[k], p->c[k]);
    keep_predictions(v, p, 1.0);
    if (fit.rank == fit.design.n_columns && p->m > fit.rank + 1) {
        status =
            ec_posterior_law(&v->posterior, &law, &fit, &normalised, n_samples, &v->draws, err);
        v->has_posterior = status == EC_OK;
    }
    ec_law_points_release(&normalised);
    return status;
}

/* ---- several benchmarks --------------------------------------------------------------------- */

/* The value that candidate i has in the ranking as far as benchmark v goes: its result, else its
 * prediction. */
static double best_guess(const view *v, size_t i) {
    return isnan(v->measured[i]) ? v->predicted[i] : v->measured[i];
}

/* Min-max over the candidates' best guesses, times the weight. */
static void normalise_view(view *v, size_t n_candidates, double weight) {
    double min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < n_candidates; i++) {
        const double x = best_guess(v, i);
        if (x < min) min = x;
        if (x > max) max = x;
    }
    v->shift = max > min ? min : 0.0;
    v->factor = max > min ? weight / (max - min) : 0.0;
}

typedef struct {
    const ec_table *table;
    view *views;
    size_t n_views;
    size_t n_samples;
    double level;
    bool raw; /* over one benchmark, in its units */
    bool scale_known, chances_known;
} ranking;

/* The weighted sum over the benchmarks of one of the above. */
static double total(const ranking *r, size_t i, double (*of)(const view *v, size_t i)) {
    double sum = 0.0;
    for (size_t b = 0; b < r->n_views; b++)
        sum += r->views[b].factor * (of(&r->views[b], i) - r->views[b].shift);
    return sum;
}

static double measured_of(const view *v, size_t i) {
    return v->measured[i];
}
static double predicted_of(const view *v, size_t i) {
    return v->predicted[i];
}

/* values [n_samples] of candidate i: results stand fixed unless `as_model`, the rest is drawn.
 * scratch [5 n_samples]. False where a model is missing.
 *
 * What a benchmark adds is normal with a sd known for each sample, and any two benchmarks have the
 * same correlation, so that one normal number stands for the sum over the benchmarks. Errors of A
 * and C count to first order and as the same for all benchmarks: right for C, cautious for A. */
static bool sample_candidate(double *values, const ranking *r, size_t i, bool as_model,
                             double *scratch) {
    const size_t n = r->n_samples;
    double *expected = scratch, *sd = scratch + n;
    double *sum = scratch + 2 * n, *squares = scratch + 3 * n, *normal = scratch + 4 * n;
    double fixed = 0.0, slope_a = 0.0, slope_c = 0.0;
    memset(values, 0, n * sizeof *values);
    memset(sum, 0, 2 * n * sizeof *sum); /* and squares */
    const ec_draws *draws = NULL;
    for (size_t b = 0; b < r->n_views; b++) {
        const view *v = &r->views[b];
        fixed -= v->factor * v->shift;
        if (!as_model && !isnan(v->measured[i])) {
            fixed += v->factor * v->measured[i];
            continue;
        }
        if (!v->has_posterior || isnan(v->a[i])) return false;
        draws = &v->draws;
        ec_posterior_values(expected, sd, &v->posterior, v->a[i], v->c[i]);
        for (size_t s = 0; s < n; s++) {
            values[s] += v->factor * expected[s];
            sum[s] += v->factor * sd[s];
            squares[s] += v->factor * sd[s] * v->factor * sd[s];
        }
        slope_a += v->factor * v->slope_a[i];
        slope_c += v->factor * v->slope_c[i];
    }
    for (size_t s = 0; s < n; s++) values[s] += fixed;
    if (draws == NULL) return true;
    const ec_draws one = {.seed = draws->seed, .shared = 1.0};
    ec_draw_normals(normal, n, &one, EC_DRAW_VALUES, i);
    const double shared = draws->shared, scores = slope_a * slope_a + slope_c * slope_c;
    for (size_t s = 0; s < n; s++)
        values[s] +=
            normal[s] * sqrt(shared * sum[s] * sum[s] + (1.0 - shared) * squares[s] + scores);
    return true;
}

/* ---- chances -------------------------------------------------------------------------------- */

/* The best TOP candidates of one sample so far. */
typedef struct {
    double value[TOP];
    size_t row[TOP];
} podium;

/* A lot drawn by a row in a sample: equal results share their chances evenly. */
static uint64_t lot(size_t row, size_t sample) {
    ec_rng rng;
    ec_rng_init(&rng, sample, row);
    return ec_rng_u64(&rng);
}

static bool passes(double value, size_t row, double other_value, size_t other_row, size_t sample) {
    if (value != other_value) return value > other_value;
    return other_row == SIZE_MAX || lot(row, sample) > lot(other_row, sample);
}

static void climb(podium *p, double value, size_t row, size_t sample) {
    size_t place = TOP;
    while (place > 0 && passes(value, row, p->value[place - 1], p->row[place - 1], sample)) place--;
    for (size_t k = TOP; k-- > place + 1;) {
        p->value[k] = p->value[k - 1];
        p->row[k] = p->row[k - 1];
    }
    if (place == TOP) return;
    p->value[place] = value;
    p->row[place] = row;
}

/* The interval of one candidate, and its raw units again where one benchmark is ranked. */
static void interval(ec_ranked *out, const ranking *r, double *values) {
    const double low = ec_quantile(values, r->n_samples, 0.5 * (1.0 - r->level));
    const double high = ec_quantile(values, r->n_samples, 0.5 * (1.0 + r->level));
    /* The samples allow for other lengths and noises than the point prediction; an interval that
     * leaves out its own prediction would confuse more than it tells. */
    out->low = fmin(low, out->predicted);
    out->high = fmax(high, out->predicted);
}

/* Fills intervals and chances of the rows, which are sorted; those without a value are last. */
static ec_status simulate(ec_ranked *out, const ranking *r, size_t n_valued, ec_error *err) {
    const size_t n = r->n_samples;
    double *memory = malloc(7 * n * sizeof *memory);
    podium *podiums = malloc(n * sizeof *podiums);
    if (memory == NULL || podiums == NULL) {
        free(memory);
        free(podiums);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples", n);
    }
    double *first = memory, *values = memory + n, *scratch = memory + 2 * n;
    for (size_t s = 0; s < n; s++)
        podiums[s] = (podium){{-INFINITY, -INFINITY, -INFINITY}, {SIZE_MAX, SIZE_MAX, SIZE_MAX}};

    for (size_t k = 0; k < n_valued; k++) {
        ec_ranked *row = &out[k];
        bool sampled = sample_candidate(values, r, row->candidate, false, scratch);
        if (r->chances_known) {
            if (k == 0) memcpy(first, values, n * sizeof *first);
            size_t beats = 0;
            for (size_t s = 0; s < n; s++) {
                beats += values[s] >= first[s];
                climb(&podiums[s], values[s], k, s);
            }
            row->p_beats_best = (double)beats / (double)n;
            row->separable = row->p_beats_best < 0.5 * (1.0 - r->level);
            row->p_best = row->p_top3 = 0.0;
        }
        if (!isnan(row->measured)) /* then the samples above are its result */
            sampled = sample_candidate(values, r, row->candidate, true, scratch);
        if (sampled && !isnan(row->predicted)) interval(row, r, values);
    }
    for (size_t s = 0; s < n && r->chances_known; s++) {
        for (size_t place = 0; place < TOP && podiums[s].row[place] != SIZE_MAX; place++) {
            out[podiums[s].row[place]].p_top3 += 1.0;
            if (place == 0) out[podiums[s].row[0]].p_best += 1.0;
        }
    }
    /* Counts until here, so that a certainty is exactly 1. */
    for (size_t k = 0; k < n_valued && r->chances_known; k++) {
        out[k].p_best /= (double)n;
        out[k].p_top3 /= (double)n;
    }
    free(memory);
    free(podiums);
    return EC_OK;
}

/* ---- the ranking ---------------------------------------------------------------------------- */

static int by_order(const void *left, const void *right) {
    const ec_ranked *x = left, *y = right;
    if (isnan(x->order) != isnan(y->order)) return isnan(x->order) ? 1 : -1;
    if (x->order > y->order) return -1;
    if (x->order < y->order) return 1;
    return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

/* Points and order of every candidate, sorted; returns how many have a value. */
static size_t fill_rows(ec_ranked *out, ranking *r, const size_t *benchmarks) {
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
                           .p_beats_best = NAN};
        row->order = total(r, i, best_guess);
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

static ec_status model_view(view *v, const ranking *r, const ec_rank_options *o, ec_error *err) {
    points p;
    ec_status status = points_init(&p, v, r->table->n_candidates, err);
    if (status != EC_OK) return status;
    status = o->model == EC_RANK_LAW ? model_law(v, &p, &o->law, r->n_samples, err)
                                     : model_gp(v, &p, r->table->n_candidates, r->n_samples, err);
    points_release(&p);
    return status;
}

/* Chances compare all candidates that have scores: each needs samples wherever it is not
 * measured. */
static bool know_chances(const ranking *r) {
    for (size_t b = 0; b < r->n_views; b++) {
        const view *v = &r->views[b];
        for (size_t i = 0; i < r->table->n_candidates && !v->has_posterior; i++)
            if (isnan(v->measured[i]) && !isnan(v->a[i])) return false;
    }
    return true;
}

ec_status ec_rank(ec_ranked *out, const ec_table *table, const size_t *benchmarks, size_t n_over,
                  const ec_rank_options *options, ec_error *err) {
    const ec_rank_options o = options != NULL ? *options : (ec_rank_options){0};
    ranking r = {.table = table,
                 .n_samples = o.n_samples != 0 ? o.n_samples : 4000,
                 .level = o.level != 0.0 ? o.level : 0.9,
                 .raw = n_over == 1};
    ec_status status = check_benchmarks(table, benchmarks, n_over, err);
    if (status != EC_OK) return status;
    if (!(r.level > 0.0) || !(r.level < 1.0))
        return ec_fail(err, EC_ERR_ARG,
                       "the level of the intervals is %g: expected between 0 and 1", r.level);
    if (r.n_samples > EC_RANK_SAMPLES_MAX)
        return ec_fail(err, EC_ERR_ARG, "%zu samples are too many: the limit is %d", r.n_samples,
                       EC_RANK_SAMPLES_MAX);
    const double weight_sum = check_weights(o.weights, n_over, err);
    if (weight_sum == 0.0) return EC_ERR_ARG;
    if (table->n_candidates == 0) return EC_OK; /* its arrays may be NULL */

    if ((r.views = calloc(n_over, sizeof *r.views)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank over %zu benchmarks", n_over);
    r.scale_known = true;
    for (size_t b = 0; b < n_over && status == EC_OK; b++) {
        const double weight = o.weights != NULL ? o.weights[b] : 1.0;
        if (weight == 0.0) continue;
        view *v = &r.views[r.n_views++];
        if ((status = view_init(v, table, benchmarks[b], err)) != EC_OK) break;
        v->draws = (ec_draws){o.seed, b, n_over == 1 ? 1.0 : shared_part};
        if ((status = model_view(v, &r, &o, err)) != EC_OK && n_over > 1)
            ec_error_prefix(err, status, "benchmark %zu of those ranked over", b + 1);
        r.scale_known &= v->scale_known;
        if (n_over > 1) normalise_view(v, table->n_candidates, weight / weight_sum);
    }
    if (status == EC_OK) {
        const size_t n_valued = fill_rows(out, &r, benchmarks);
        r.chances_known = know_chances(&r);
        status = simulate(out, &r, n_valued, err);
        if (n_over == 1 && r.views[0].direction < 0.0)
            for (size_t i = 0; i < table->n_candidates; i++) undo_direction(&out[i]);
    }
    for (size_t b = 0; b < r.n_views; b++) view_release(&r.views[b]);
    free(r.views);
    return status;
}

/* ---- baselines ------------------------------------------------------------------------------ */

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
        if (weight == 0.0) continue;
        view v;
        status = view_init(&v, table, benchmarks[b], err);
        for (size_t i = 0; i < n && status == EC_OK; i++) {
            const double value = baseline == EC_BASELINE_SUM ? v.a[i] + v.c[i] : v.a[i];
            score[i] += weight * (baseline == EC_BASELINE_RANDOM && !isnan(value) ? 0.0 : value);
        }
        if (status == EC_OK) view_release(&v);
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
