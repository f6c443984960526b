/* correspondence_pck.c - PCK over pairs, and its standard error by drawing images
 *
 * Formulas and source: eyechart/correspondence.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "eyechart/rng.h"
#include "scores/correspondence.h"

enum { N_RATES = EC_C_READOUTS * EC_C_ALPHAS, N_VALUES = 2 * N_RATES, REPLICATES_AT_ONCE = 16 };

/* Weighted sums over pairs. */
typedef struct {
    double pairs, points;
    double rate[N_RATES];    /* of each pair's part that is correct */
    double correct[N_RATES]; /* of correct points */
} totals;

/* A pair that counts. */
typedef struct {
    size_t source, target;
    double points, rate[N_RATES], correct[N_RATES];
} entry;

typedef struct {
    const ec_keypoint_set *set;
    entry *entries;        /* category by category */
    size_t *first;         /* [n_categories + 1] of entries */
    size_t *stratum_image; /* images that count, stratum by stratum; a stratum is a category */
    size_t *stratum;       /* [n_categories + 1] of stratum_image */
    totals *whole;         /* [n_categories], every weight 1 */
    double *replicates;    /* [n_replicates][n_categories + 1][N_VALUES], the last: overall */
    size_t n_replicates;
    uint64_t seed;
    double *weights; /* [chunks][n_images] */
} sample;

static void add_pair(totals *t, const entry *e, double weight) {
    t->pairs += weight;
    t->points += weight * e->points;
    for (int i = 0; i < N_RATES; i++) {
        t->rate[i] += weight * e->rate[i];
        t->correct[i] += weight * e->correct[i];
    }
}

/* In percent; NaN without pairs. */
static void take_values(double values[N_VALUES], const totals *t) {
    for (int i = 0; i < N_RATES; i++) {
        values[i] = 100.0 * t->rate[i] / t->pairs;
        values[N_RATES + i] = 100.0 * t->correct[i] / t->points;
    }
}

/* The mean of the categories that have a value, each with its share in the whole. */
static void take_overall(double values[N_VALUES], const sample *s,
                         const double (*of_category)[N_VALUES]) {
    double pairs = 0.0, points = 0.0;
    memset(values, 0, N_VALUES * sizeof *values);
    for (size_t k = 0; k < s->set->n_categories; k++) {
        if (isnan(of_category[k][0])) continue;
        pairs += s->whole[k].pairs;
        points += s->whole[k].points;
        for (int i = 0; i < N_RATES; i++) {
            values[i] += s->whole[k].pairs * of_category[k][i];
            values[N_RATES + i] += s->whole[k].points * of_category[k][N_RATES + i];
        }
    }
    for (int i = 0; i < N_RATES; i++) {
        values[i] /= pairs;
        values[N_RATES + i] /= points;
    }
}

/* ---- replicates --------------------------------------------------------------------------- */

static void draw(double *weights, const sample *s, uint64_t stream) {
    ec_rng rng;
    ec_rng_init(&rng, s->seed, stream);
    memset(weights, 0, s->set->n_images * sizeof *weights);
    for (size_t k = 0; k < s->set->n_categories; k++) {
        const size_t first = s->stratum[k], n = s->stratum[k + 1] - first;
        for (size_t i = 0; i < n; i++)
            weights[s->stratum_image[first + ec_rng_below(&rng, n)]] += 1.0;
    }
}

static void replicate(const sample *s, size_t r, double *weights) {
    const size_t n = s->set->n_categories;
    double(*values)[N_VALUES] = (double(*)[N_VALUES])(s->replicates + r * (n + 1) * N_VALUES);
    draw(weights, s, r);
    for (size_t k = 0; k < n; k++) {
        totals t = {0};
        for (size_t i = s->first[k]; i < s->first[k + 1]; i++) {
            const entry *e = &s->entries[i];
            const double w = weights[e->source];
            const double weight = e->source == e->target ? w : w * weights[e->target];
            if (weight > 0.0) add_pair(&t, e, weight);
        }
        take_values(values[k], &t);
    }
    take_overall(values[n], s, (const double(*)[N_VALUES])values);
}

static void replicate_some(void *context, size_t chunk) {
    const sample *s = context;
    double *weights = s->weights + chunk * s->set->n_images;
    const size_t from = chunk * REPLICATES_AT_ONCE, to = from + REPLICATES_AT_ONCE;
    for (size_t r = from; r < to && r < s->n_replicates; r++) replicate(s, r, weights);
}

/* Standard deviation of value i of category k over the replicates that have one. */
static double deviation(const sample *s, size_t k, size_t i) {
    const size_t step = (s->set->n_categories + 1) * N_VALUES;
    const double *value = s->replicates + k * N_VALUES + i;
    double sum = 0.0, squares = 0.0, n = 0.0;
    for (size_t r = 0; r < s->n_replicates; r++)
        if (!isnan(value[r * step])) {
            sum += value[r * step];
            n += 1.0;
        }
    for (size_t r = 0; r < s->n_replicates; r++)
        if (!isnan(value[r * step])) squares += pow(value[r * step] - sum / n, 2.0);
    return n > 1.0 ? sqrt(squares / (n - 1.0)) : NAN;
}

/* ---- the sample --------------------------------------------------------------------------- */

static entry entry_of(const ec_keypoint_pair *pair, const ec_pair_result *result) {
    entry e = {.source = pair->source, .target = pair->target, .points = result->n_points};
    for (int i = 0; i < N_RATES; i++) {
        e.correct[i] = result->correct[i / EC_C_ALPHAS][i % EC_C_ALPHAS];
        e.rate[i] = e.correct[i] / e.points;
    }
    return e;
}

static void gather(sample *s, const ec_pair_result *results, bool *is_taken) {
    const ec_keypoint_set *set = s->set;
    size_t n_entries = 0, n_images = 0;
    memset(is_taken, 0, set->n_images * sizeof *is_taken);
    for (size_t k = 0; k < set->n_categories; k++) {
        const ec_keypoint_category *category = &set->categories[k];
        s->first[k] = n_entries;
        s->stratum[k] = n_images;
        s->whole[k] = (totals){0};
        for (size_t i = 0; i < category->n_pairs; i++) {
            const size_t p = category->pairs[i];
            if (results[p].n_points == 0) continue;
            const entry *e = &s->entries[n_entries];
            s->entries[n_entries++] = entry_of(&set->pairs[p], &results[p]);
            add_pair(&s->whole[k], e, 1.0);
            const size_t ends[2] = {e->source, e->target};
            for (int end = 0; end < 2; end++) {
                if (is_taken[ends[end]]) continue;
                is_taken[ends[end]] = true;
                s->stratum_image[n_images++] = ends[end];
            }
        }
    }
    s->first[set->n_categories] = n_entries;
    s->stratum[set->n_categories] = n_images;
}

/* Images that the entries of category k use; seen [n_images] is scratch. */
static size_t count_images(const sample *s, size_t k, bool *seen) {
    size_t n = 0;
    memset(seen, 0, s->set->n_images * sizeof *seen);
    for (size_t i = s->first[k]; i < s->first[k + 1]; i++) {
        n += !seen[s->entries[i].source];
        seen[s->entries[i].source] = true;
        n += !seen[s->entries[i].target];
        seen[s->entries[i].target] = true;
    }
    return n;
}

static void fill(ec_pck *out, const double values[N_VALUES], const sample *s, size_t k) {
    for (size_t i = 0; i < N_RATES; i++) {
        const size_t r = i / EC_C_ALPHAS, a = i % EC_C_ALPHAS;
        const bool is_known = out->n_images >= 3;
        out->per_image[r][a] = values[i];
        out->per_point[r][a] = values[N_RATES + i];
        out->per_image_error[r][a] = is_known ? deviation(s, k, i) : NAN;
        out->per_point_error[r][a] = is_known ? deviation(s, k, N_RATES + i) : NAN;
    }
}

static void summarise(ec_pck *overall, ec_pck *categories, const sample *s, size_t n_threads,
                      double (*values)[N_VALUES], bool *seen) {
    const size_t n = s->set->n_categories;
    ec_parallel_for((s->n_replicates + REPLICATES_AT_ONCE - 1) / REPLICATES_AT_ONCE, n_threads,
                    replicate_some, (void *)s);
    *overall = (ec_pck){.n_images = s->stratum[n], .n_pairs = s->first[n]};
    for (size_t k = 0; k < n; k++) {
        take_values(values[k], &s->whole[k]);
        overall->n_points += (size_t)s->whole[k].points;
        if (categories == NULL) continue;
        categories[k] = (ec_pck){.n_images = count_images(s, k, seen),
                                 .n_pairs = s->first[k + 1] - s->first[k],
                                 .n_points = (size_t)s->whole[k].points};
        fill(&categories[k], values[k], s, k);
    }
    take_overall(values[n], s, (const double(*)[N_VALUES])values);
    fill(overall, values[n], s, n);
}

static ec_status check(const ec_keypoint_set *set, const ec_pair_result *results, ec_error *err) {
    for (size_t p = 0; p < set->n_pairs; p++)
        for (int i = 0; i < N_RATES; i++)
            if (results[p].correct[i / EC_C_ALPHAS][i % EC_C_ALPHAS] > results[p].n_points)
                return ec_fail(err, EC_ERR_ARG,
                               "pair '%.120s': the result has more correct points than points",
                               set->pairs[p].id);
    return EC_OK;
}

ec_status ec_pck_summarise(ec_pck *overall, ec_pck *categories, ec_correspondence *c,
                           const ec_keypoint_set *set, const ec_pair_result *results,
                           size_t n_replicates, uint64_t seed, ec_error *err) {
    ec_status status = check(set, results, err);
    if (status != EC_OK) return status;
    if (n_replicates == 0) n_replicates = 1000;
    const size_t n = set->n_categories;
    const size_t chunks = (n_replicates + REPLICATES_AT_ONCE - 1) / REPLICATES_AT_ONCE;
    sample s = {.set = set, .n_replicates = n_replicates, .seed = seed};
    s.entries = calloc(set->n_pairs + 1, sizeof *s.entries);
    s.first = calloc(n + 1, sizeof *s.first);
    s.stratum_image = calloc(set->n_images + 1, sizeof *s.stratum_image);
    s.stratum = calloc(n + 1, sizeof *s.stratum);
    s.whole = calloc(n + 1, sizeof *s.whole);
    s.replicates = calloc(n_replicates, (n + 1) * N_VALUES * sizeof *s.replicates);
    s.weights = calloc(chunks, (set->n_images + 1) * sizeof *s.weights);
    double(*values)[N_VALUES] = calloc(n + 1, sizeof *values);
    bool *seen = calloc(set->n_images + 1, sizeof *seen);
    if (s.entries == NULL || s.first == NULL || s.stratum_image == NULL || s.stratum == NULL ||
        s.whole == NULL || s.replicates == NULL || s.weights == NULL || values == NULL ||
        seen == NULL) {
        status = ec_fail(err, EC_ERR_NOMEM, "no memory for the standard errors of %zu pairs",
                         set->n_pairs);
    } else {
        gather(&s, results, seen);
        summarise(overall, categories, &s, c->n_threads, values, seen);
    }
    free(s.entries);
    free(s.first);
    free(s.stratum_image);
    free(s.stratum);
    free(s.whole);
    free(s.replicates);
    free(s.weights);
    free(values);
    free(seen);
    return status;
}
