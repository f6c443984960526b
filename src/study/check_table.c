/* check_table.c - scores and results that stop or weaken a ranking */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "law/stats.h"
#include "sheet/names.h"
#include "study/check.h"

/* Lists the candidates whose entry in `values` is missing. */
static ec_name_list missing(const ec_study *study, const double *values) {
    ec_name_list list = {0};
    for (size_t i = 0; i < ec_study_n_candidates(study); i++)
        if (isnan(values[i])) ec_name_list_add(&list, study->candidates[i].name);
    return list;
}

/* Score s of the table (0 A, 1 C, then the others) and z for the k-th benchmark that counts. */
static const double *score_of(const ec_check_view *v, size_t s, size_t k) {
    const ec_table *t = v->table;
    const size_t b = v->over[k];
    if (s == 0) return t->a + b * t->n_candidates;
    if (s == 1) return t->c;
    return t->more + ((s - 2) * t->n_benchmarks + b) * t->n_candidates;
}

static const double *z_of(const ec_check_view *v, size_t k) {
    return v->table->z + v->over[k] * v->table->n_candidates;
}

static const ec_benchmark *benchmark_of(const ec_study *study, const ec_check_view *v, size_t k) {
    return ec_study_benchmark(study, v->over[k]);
}

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

/* ---- scores and results --------------------------------------------------------------------- */

/* Do the k-th and the l-th benchmark lack a score for the same candidates? */
static bool same_missing(const ec_check_view *v, size_t s, size_t k, size_t l) {
    const double *x = score_of(v, s, k), *y = score_of(v, s, l);
    for (size_t i = 0; i < v->table->n_candidates; i++)
        if (isnan(x[i]) != isnan(y[i])) return false;
    return true;
}

static bool same_values(const ec_check_view *v, size_t s, size_t k, size_t l) {
    const double *x = score_of(v, s, k), *y = score_of(v, s, l);
    for (size_t i = 0; i < v->table->n_candidates; i++)
        if (x[i] != y[i] && !(isnan(x[i]) && isnan(y[i]))) return false;
    return true;
}

/* Has it one value for all benchmarks? A is told by benchmark all the same. */
static bool is_shared(const ec_check_view *v, size_t s) {
    if (strcmp(v->scores[s].name, "A") == 0) return false;
    for (size_t k = 1; k < v->n_over; k++)
        if (!same_values(v, s, 0, k)) return false;
    return true;
}

/* A and C that say nothing are a mistake. */
static void say_constant(ec_findings *f, const char *name, const char *where) {
    if (strcmp(name, "A") == 0 || strcmp(name, "C") == 0)
        ec_findings_add(f, EC_FINDING_ERROR,
                        "%.80s%s is the same for every candidate: it cannot be normalised and the "
                        "law has no use for it; check the scores",
                        name, where);
    else
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s%s is the same for every candidate: it says nothing", name, where);
}

static void check_by_benchmark(ec_findings *f, const ec_study *study, const ec_check_view *v,
                               size_t s) {
    const size_t n = v->table->n_candidates, m = v->n_over;
    const char *name = v->scores[s].name;
    ec_name_list constant = {0};
    for (size_t k = 0; k < m; k++) {
        if (is_constant(score_of(v, s, k), n))
            ec_name_list_add(&constant, benchmark_of(study, v, k)->name);
        size_t first = 0;
        while (!same_missing(v, s, first, k)) first++;
        if (first < k) continue; /* said with that one */
        ec_name_list without = missing(study, score_of(v, s, k)), of = {0};
        for (size_t l = k; l < m; l++)
            if (same_missing(v, s, k, l)) ec_name_list_add(&of, benchmark_of(study, v, l)->name);
        if (without.n > 0 && !v->ranking)
            ec_findings_add(
                f, EC_FINDING_WARNING,
                "%.80s for %s is missing for %zu of %zu candidates, which cannot be predicted "
                "there: %s",
                name, of.n == m && m > 1 ? "every benchmark" : ec_name_list_end(&of), without.n, n,
                ec_name_list_end(&without));
    }
    if (constant.n > 0) {
        char where[300];
        snprintf(where, sizeof where, " for %s",
                 constant.n == m && m > 1 ? "every benchmark" : ec_name_list_end(&constant));
        say_constant(f, name, where);
    }
    bool told = false; /* once: one A may stand for every benchmark */
    for (size_t k = 0; k < m && !told; k++) {
        char what[EC_NAME_MAX_BYTES + 80];
        snprintf(what, sizeof what, "%.63s for %s", name, benchmark_of(study, v, k)->name);
        told = ec_check_units(f, study, score_of(v, s, k), what);
    }
}

static void check_shared(ec_findings *f, const ec_study *study, const ec_check_view *v, size_t s) {
    const size_t n = v->table->n_candidates;
    const char *name = v->scores[s].name;
    const double *values = score_of(v, s, 0);
    ec_name_list without = missing(study, values);
    if (without.n > 0 && !v->ranking)
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s is missing for %zu of %zu candidates, which cannot be predicted: %s",
                        name, without.n, n, ec_name_list_end(&without));
    if (is_constant(values, n)) say_constant(f, name, "");
    if (strcmp(name, "C") == 0) ec_check_units(f, study, values, name);
}

static void check_scores(ec_findings *f, const ec_study *study, const ec_check_view *v) {
    for (size_t s = 0; s < 2 + v->table->n_more && v->n_over > 0; s++) {
        const char *name = v->scores[s].name;
        if (name == NULL || v->scores[s].weight == 0.0) continue;
        if (is_shared(v, s))
            check_shared(f, study, v, s);
        else
            check_by_benchmark(f, study, v, s);
    }
    const char *c = v->scores[1].name;
    const bool goes_by_scores =
        strcmp(v->scores[0].name, "A") == 0 && c != NULL && strcmp(c, "C") == 0;
    const size_t n_unscored = goes_by_scores ? ec_study_n_unscored(study, v->table) : 0;
    if (n_unscored > 0)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "'eyechart score %.200s' computes A or C that is missing, for %zu "
                        "candidate%s",
                        study->path, n_unscored, n_unscored == 1 ? "" : "s");
}

/* A benchmark that others leave behind has no predictions, and a mean over all has none either. */
static void check_few(ec_findings *f, const ec_study *study, const ec_check_view *v) {
    enum { SCALE = 2 }; /* results that give a benchmark its scale */
    ec_name_list few = {0};
    size_t n_enough = 0;
    for (size_t k = 0; k < v->n_over; k++) {
        const size_t known = count_known(z_of(v, k), v->table->n_candidates);
        if (known < SCALE)
            ec_name_list_add(&few, benchmark_of(study, v, k)->name);
        else
            n_enough++;
    }
    if (few.n > 0 && n_enough > 0)
        ec_findings_add(
            f, EC_FINDING_WARNING,
            "fewer than %d results for %s: there is no scale for predictions there yet; "
            "evaluate what is trained on it too, or rank without (--benchmark)",
            SCALE, ec_name_list_end(&few));
}

static void check_results(ec_findings *f, const ec_study *study, const ec_check_view *v) {
    enum { ENOUGH = 7 }; /* one more than the law has coefficients */
    const size_t n = v->table->n_candidates, m = v->n_over;
    size_t n_few = 0;
    ec_name_list none = {0};
    for (size_t k = 0; k < m; k++) {
        const ec_benchmark *benchmark = benchmark_of(study, v, k);
        const double *z = z_of(v, k);
        const size_t known = count_known(z, n);
        if (known == 0) ec_name_list_add(&none, benchmark->name);
        n_few += known > 0 && known < ENOUGH;
        if (is_constant(z, n))
            ec_findings_add(
                f, EC_FINDING_WARNING,
                "%.80s: all %zu results are the same: nothing can be learnt from them; check them",
                benchmark->name, known);
        ec_check_values(f, study, benchmark, z);
    }
    check_few(f, study, v);
    if (none.n == m && m > 0)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "no results yet: a ranking follows the scores alone; 'eyechart ask' says "
                        "what to train");
    else if (none.n > 0)
        ec_findings_add(f, EC_FINDING_NOTE, "no results yet for %s: ranked by the scores alone",
                        ec_name_list_end(&none));
    if (n_few > 0)
        ec_findings_add(
            f, EC_FINDING_NOTE,
            "fewer than %d results for %zu of %zu benchmarks: 'fit' cannot validate the quadratic "
            "law there; 'rank' does not need that many",
            ENOUGH, n_few, m);
}

/* ---- directions --------------------------------------------------------------------------- */

/* Place of every candidate with a result on the k-th benchmark, from 0 for the worst to 1 for the
 * best as declared; NaN for the others. False without memory. */
static bool places_of(double *place, const ec_check_view *v, size_t k) {
    const size_t n = v->table->n_candidates;
    const int direction = v->table->direction != NULL ? v->table->direction[v->over[k]] : 1;
    double *known = malloc((2 * n + 1) * sizeof *known);
    if (known == NULL) return false;
    double *rank = known + n;
    size_t n_known = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(z_of(v, k)[i])) known[n_known++] = direction * z_of(v, k)[i];
    const bool done = ec_mean_ranks(rank, known, n_known, NULL) == EC_OK;
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        place[i] = isnan(z_of(v, k)[i]) ? NAN : (rank[at++] - 0.5) / (double)n_known;
    free(known);
    return done;
}

/* Rank correlation of x and y [n] where both are known; *n_both of them. */
static double correlation(size_t *n_both, const double *x, const double *y, size_t n) {
    double *u = malloc((2 * n + 1) * sizeof *u), rho = NAN;
    *n_both = 0;
    if (u == NULL) return NAN;
    double *w = u + n;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]) || isnan(y[i])) continue;
        u[*n_both] = x[i];
        w[(*n_both)++] = y[i];
    }
    if (*n_both >= 2 && ec_spearman(&rho, u, w, *n_both, NULL) != EC_OK) rho = NAN;
    free(u);
    return rho;
}

/* Is a rank correlation over n candidates below what chance (about 1 in 40) and a benchmark that
 * merely asks for something else give? */
static bool is_opposed(double rho, size_t n) {
    return n >= 5 && rho <= -0.5 && rho <= -2.0 / sqrt((double)n - 1.0);
}

typedef struct {
    double *place; /* [n_over][n] as places_of has them; owns the allocation */
    double *sum;   /* [n] over the benchmarks with a result of the candidate */
    double *count; /* [n] of these */
    double *mean;  /* [n] of mean_of_others */
} places;

static bool places_init(places *p, const ec_check_view *v) {
    const size_t n = v->table->n_candidates, m = v->n_over;
    *p = (places){.place = calloc((m + 3) * n + 1, sizeof *p->place)};
    if (p->place == NULL) return false;
    p->sum = p->place + m * n;
    p->count = p->sum + n;
    p->mean = p->count + n;
    for (size_t k = 0; k < m; k++) {
        if (!places_of(p->place + k * n, v, k)) return false;
        for (size_t i = 0; i < n; i++) {
            if (isnan(p->place[k * n + i])) continue;
            p->sum[i] += p->place[k * n + i];
            p->count[i] += 1.0;
        }
    }
    return true;
}

/* Mean place on all benchmarks but the k-th, of candidates that have one there too; else NaN. */
static void mean_of_others(const places *p, size_t k, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double own = p->place[k * n + i];
        p->mean[i] = p->count[i] > 1.0 ? (p->sum[i] - own) / (p->count[i] - 1.0) : NAN;
    }
}

static void say_opposed(ec_findings *f, const ec_study *study, const ec_check_view *v, size_t k,
                        double rho, size_t n_both) {
    const ec_benchmark *benchmark = benchmark_of(study, v, k);
    if (v->n_over == 2 && k == 0)
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s and %.80s order %zu candidates against each other (rank correlation "
                        "%.2f): if lower is better on one of them alone, set 'direction: lower' "
                        "there in study.yaml",
                        benchmark->name, benchmark_of(study, v, 1)->name, n_both, rho);
    else if (v->n_over > 2)
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s orders %zu candidates against the other benchmarks (rank "
                        "correlation %.2f); it counts %s as better: if that is wrong, set "
                        "'direction: %s' in study.yaml",
                        benchmark->name, n_both, rho, benchmark->direction > 0 ? "higher" : "lower",
                        benchmark->direction > 0 ? "lower" : "higher");
}

/* A benchmark that orders the candidates against all others may be one where lower is better. */
static void check_directions(ec_findings *f, const ec_study *study, const ec_check_view *v) {
    const size_t n = v->table->n_candidates;
    places p;
    const bool ready = places_init(&p, v);
    f->failed = f->failed || !ready;
    for (size_t k = 0; ready && k < v->n_over; k++) {
        size_t n_both;
        mean_of_others(&p, k, n);
        const double rho = correlation(&n_both, p.place + k * n, p.mean, n);
        if (is_opposed(rho, n_both)) say_opposed(f, study, v, k, rho, n_both);
    }
    free(p.place);
}

/* ---- the whole ------------------------------------------------------------------------------ */

void ec_check_table(ec_findings *f, const ec_study *study, const ec_check_view *v) {
    check_scores(f, study, v);
    check_results(f, study, v);
    check_directions(f, study, v);
}
