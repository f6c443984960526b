/* check_units.c - whether scores and results are all in one unit, and in the usual one */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "benchmarks/known.h"
#include "study/check.h"

/* ---- two units among the values ------------------------------------------------------------- */

typedef struct {
    double value;
    size_t candidate;
} entry;

static int by_value(const void *left, const void *right) {
    const entry *x = left, *y = right;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

/* Do the sizes below `cut` look like fractions among percentages? Each one times 100 lies among the
 * others, which a mere spread of small percentages does not do. */
static bool are_fractions(const entry *e, size_t cut, size_t m) {
    static const double slack = 1.5, apart = 20.0;
    if (e[cut - 1].value > 1.0 || e[cut].value <= 1.0 || e[m - 1].value > 100.0) return false;
    if (e[cut + (m - cut) / 2].value < apart * e[cut / 2].value) return false;
    return 100.0 * e[0].value >= e[cut].value / slack &&
           100.0 * e[cut - 1].value <= e[m - 1].value * slack;
}

/* Where sizes in ascending order fall apart into two units: the first of the upper ones, 0 for
 * nowhere. */
static size_t find_unit_cut(const entry *e, size_t m) {
    static const double apart = 20.0; /* the paper's scores and results: up to 2.6 */
    size_t cut = 0;
    for (size_t k = 1; k < m; k++)
        if (e[k].value > apart * e[k - 1].value || are_fractions(e, k, m)) cut = k;
    return cut;
}

/* Where results of a benchmark of a known name lie: above `low`, up to `high`. */
typedef struct {
    double low, high;
    bool fractions_possible;  /* percent is usual */
    bool low_open, high_open; /* not declared, so that any result can be told */
} usual;

/* False: nothing is known, or another range is declared. */
static bool find_usual(usual *out, const ec_benchmark *b) {
    *out = (usual){.low_open = isinf(b->low), .high_open = isinf(b->high)};
    if (!ec_known_range(&out->low, &out->high, b->name)) return false;
    out->fractions_possible = out->high == 100.0;
    if (!out->high_open) out->high = b->high;
    return out->high > out->low && (out->low_open || b->low >= 0.0);
}

/* A fraction, where percent is usual. */
static bool is_below(const usual *u, double value) {
    return value > 0.0 && value <= u->low;
}

static bool is_outside(const usual *u, double value) {
    return (u->low_open && value < 0.0) || (u->high_open && value > u->high);
}

typedef enum { ONE_UNIT, ODD_LOW, ODD_HIGH } units; /* which of two groups is named */

/* Says whether values look like numbers in two units, such as a fraction among percentages: their
 * sizes, 0 aside, fall apart into two groups. The one that is not usual is named, else the smaller
 * one. `u` may be NULL. */
static units name_units(ec_findings *f, const ec_study *study, const double *values,
                        const char *what, const usual *u) {
    const size_t n = ec_study_n_candidates(study);
    size_t m = 0;
    entry *e = malloc((n + 1) * sizeof *e);
    f->failed = f->failed || e == NULL;
    if (e == NULL) return ONE_UNIT;
    for (size_t i = 0; i < n; i++)
        if (fabs(values[i]) > 0.0) e[m++] = (entry){fabs(values[i]), i};
    qsort(e, m, sizeof *e, by_value);
    const size_t cut = find_unit_cut(e, m);
    bool low = 2 * cut < m;
    if (cut > 0) {
        if (u != NULL && (e[cut - 1].value <= u->low) != (e[cut].value > u->high))
            low = e[cut - 1].value <= u->low;
        const entry *end = &e[low ? cut - 1 : cut], *next = &e[low ? cut : cut - 1];
        ec_name_list odd = {0};
        for (size_t k = low ? 0 : cut; k < (low ? cut : m); k++)
            ec_name_list_add(&odd, study->candidates[e[k].candidate].name);
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s: %g%s for %s, %g%s for %s; are all in the same unit?", what,
                        values[end->candidate],
                        odd.n == 1 ? ""
                        : low      ? " or less"
                                   : " or more",
                        ec_name_list_end(&odd), values[next->candidate],
                        m - odd.n == 1 ? ""
                        : low          ? " or more"
                                       : " or less",
                        m - odd.n == 1 ? study->candidates[next->candidate].name : "the others");
    }
    free(e);
    return cut == 0 ? ONE_UNIT : low ? ODD_LOW : ODD_HIGH;
}

bool ec_check_units(ec_findings *f, const ec_study *study, const double *values, const char *what) {
    return name_units(f, study, values, what, NULL) != ONE_UNIT;
}

/* ---- results of benchmarks that are known --------------------------------------------------- */

typedef struct {
    ec_name_list names;
    double least, most;
} odd_ones;

static void add_odd(odd_ones *odd, const char *name, double value) {
    odd->least = odd->names.n == 0 ? value : fmin(odd->least, value);
    odd->most = odd->names.n == 0 ? value : fmax(odd->most, value);
    ec_name_list_add(&odd->names, name);
}

static void say_all_below(ec_findings *f, const char *name, const usual *u) {
    if (u->fractions_possible)
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s: all results are 1 or less: fractions? percent (0 to 100) is what "
                        "is usual; tell them in percent, or declare 'range: [0, 1]' in study.yaml",
                        name);
    else
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s: all results are %g or less, while %g to %g is what is usual; is "
                        "the unit right? If so, declare its 'range:' in study.yaml",
                        name, u->low, u->low, u->high);
}

static void say_odd(ec_findings *f, const char *name, odd_ones *odd, double low, double high) {
    char values[64];
    if (odd->least == odd->most)
        snprintf(values, sizeof values, "%g", odd->least);
    else
        snprintf(values, sizeof values, "%g to %g", odd->least, odd->most);
    ec_findings_add(f, EC_FINDING_WARNING,
                    "%.80s: %s for %s, while results of that benchmark are %g to %g; correct %s, "
                    "or declare its 'range:' in study.yaml",
                    name, values, ec_name_list_end(&odd->names), low, high,
                    odd->names.n == 1 ? "it" : "them");
}

/* Says which results z [n_candidates] are not what results of that benchmark are, but for the ones
 * that name_units has named. */
static void check_usual(ec_findings *f, const ec_study *study, const ec_benchmark *benchmark,
                        const double *z, const usual *u, units named) {
    odd_ones below = {0}, outside = {0};
    size_t n_others = 0;
    for (size_t i = 0; i < ec_study_n_candidates(study); i++) {
        const char *name = study->candidates[i].name;
        if (is_below(u, z[i]))
            add_odd(&below, name, z[i]);
        else if (is_outside(u, z[i]) && (z[i] < 0.0 || named != ODD_HIGH))
            add_odd(&outside, name, z[i]);
        n_others += fabs(z[i]) > 0.0 && !is_below(u, z[i]);
    }
    if (below.names.n > 0 && n_others == 0)
        say_all_below(f, benchmark->name, u);
    else if (below.names.n > 0 && named != ODD_LOW)
        say_odd(f, benchmark->name, &below, u->low, u->high);
    if (outside.names.n > 0) say_odd(f, benchmark->name, &outside, 0.0, u->high);
}

/* The units of the results of one benchmark, and which are outside its range. */
void ec_check_values(ec_findings *f, const ec_study *study, const ec_benchmark *benchmark,
                     const double *z) {
    usual u;
    const bool known = find_usual(&u, benchmark);
    const units named = name_units(f, study, z, benchmark->name, known ? &u : NULL);
    if (known) check_usual(f, study, benchmark, z, &u, named);
    char fault[EC_RANGE_TEXT_SIZE];
    for (size_t i = 0; i < ec_study_n_candidates(study); i++)
        if (ec_benchmark_excludes(fault, benchmark, z[i]))
            ec_findings_add(f, EC_FINDING_WARNING, "%.80s of '%.80s': %s; correct one of them",
                            benchmark->name, study->candidates[i].name, fault);
}

/* ---- the unit of one result ----------------------------------------------------------------- */

/* What a result would be in the unit of the others, where it is a fraction among percentages or the
 * other way round; NaN: neither. */
static double in_other_unit(double value, double low, double high) {
    static const double slack = 1.5;
    const double factors[] = {100.0, 0.01};
    for (size_t k = 0; k < 2; k++) {
        const double other = value * factors[k];
        if (other >= low / slack && other <= high * slack) return other;
    }
    return NAN;
}

/* The sizes of the results of one benchmark but for one candidate, 0 aside. */
typedef struct {
    double low, high;
    size_t n;
    bool odd; /* one of them is not what results of that benchmark are */
} others;

static others find_others(const double *z, size_t n, size_t candidate, const usual *u) {
    others o = {.low = INFINITY};
    for (size_t i = 0; i < n; i++) {
        if (i == candidate || !(fabs(z[i]) > 0.0)) continue;
        o.low = fmin(o.low, fabs(z[i]));
        o.high = fmax(o.high, fabs(z[i]));
        o.odd = o.odd || (u != NULL && (is_below(u, z[i]) || is_outside(u, z[i])));
        o.n++;
    }
    return o;
}

/* What a result that is not usual may be; NaN: cannot say. */
static double in_usual_unit(double value, const usual *u) {
    const double other = is_below(u, value) && u->fractions_possible ? 100.0 * value
                         : value > u->high                           ? 0.01 * value
                                                                     : NAN;
    return other > u->low && other <= u->high ? other : NAN;
}

/* `than`: what the value is compared with. */
static void say_unit(char *text, size_t size_bytes, const char *benchmark, const char *candidate,
                     double value, const char *than, double other) {
    char correct[64] = "";
    if (!isnan(other)) snprintf(correct, sizeof correct, " In the same unit it may be %g", other);
    snprintf(text, size_bytes, "%.80s of '%.80s' is %g, while %s; is the %s right?%s", benchmark,
             candidate, value, than, value < 0.0 ? "sign" : "unit", correct);
}

static void others_text(char text[80], const others *o) {
    if (o->n == 1)
        snprintf(text, 80, "the other result is %g", o->low);
    else
        snprintf(text, 80, "the other results are %g to %g", o->low, o->high);
}

/* By what results of that benchmark are: the candidate's own, else the first of the others. */
static bool check_unit_known(char *text, size_t size_bytes, const ec_study *study, const double *z,
                             size_t candidate, const ec_benchmark *b, const usual *u) {
    const size_t n = ec_study_n_candidates(study);
    size_t at = n;
    if (is_below(u, z[candidate]) || is_outside(u, z[candidate])) at = candidate;
    for (size_t i = 0; i < n && at == n; i++)
        if (is_below(u, z[i]) || is_outside(u, z[i])) at = i;
    if (at == n) return false;
    const others o = find_others(z, n, at, u);
    char than[80];
    if (o.n > 0 && !o.odd && z[at] > 0.0)
        others_text(than, &o);
    else
        snprintf(than, sizeof than, "results of that benchmark are %g to %g",
                 is_below(u, z[at]) ? u->low : 0.0, u->high);
    say_unit(text, size_bytes, b->name, study->candidates[at].name, z[at], than,
             in_usual_unit(z[at], u));
    return true;
}

bool ec_study_check_unit(char *text, size_t size_bytes, const ec_study *study,
                         const ec_table *table, size_t candidate, size_t benchmark) {
    static const double apart = 20.0;
    const ec_benchmark *b = ec_study_benchmark(study, benchmark);
    const double *z = table->z + benchmark * table->n_candidates, value = fabs(z[candidate]);
    usual u;
    if (isnan(value)) return false;
    const bool known = find_usual(&u, b);
    if (known && check_unit_known(text, size_bytes, study, z, candidate, b, &u)) return true;
    const others o = find_others(z, table->n_candidates, candidate, NULL);
    if (!(value > 0.0) || o.n == 0) return false;
    const bool crosses = (value <= 1.0) != (o.low <= 1.0) && (value <= 1.0) != (o.high <= 1.0);
    double other = in_other_unit(value, o.low, o.high);
    if (value * apart >= o.low && value <= apart * o.high && !(crosses && !isnan(other)))
        return false;
    if (known) other = NAN; /* it is what results of that benchmark are */
    char than[80];
    others_text(than, &o);
    say_unit(text, size_bytes, b->name, study->candidates[candidate].name, z[candidate], than,
             copysign(other, z[candidate]));
    return true;
}
