/* check.c - everything about a study that would stop or weaken a ranking */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/known.h"
#include "eyechart/study.h"
#include "law/stats.h"
#include "sheet/names.h"
#include "study/commands.h"
#include "study/findings.h"
#include "study/study_internal.h"

/* Lists the candidates whose entry in `values` is missing. */
static ec_name_list missing(const ec_study *study, const double *values) {
    ec_name_list list = {0};
    for (size_t i = 0; i < ec_study_n_candidates(study); i++)
        if (isnan(values[i])) ec_name_list_add(&list, study->candidates[i].name);
    return list;
}

/* ---- what is checked ---------------------------------------------------------------------- */

/* The numbers looked at, and the benchmarks that count. */
typedef struct {
    const ec_table *table;
    const ec_rank_column *scores; /* [2 + table->n_more] what they are */
    const size_t *over;           /* [n_over] */
    size_t n_over;
    bool ranking; /* only what does not show in a ranking itself, as a missing score does */
} view;

/* Score s of the table (0 A, 1 C, then the others) and z for the k-th benchmark that counts. */
static const double *score_of(const view *v, size_t s, size_t k) {
    const ec_table *t = v->table;
    const size_t b = v->over[k];
    if (s == 0) return t->a + b * t->n_candidates;
    if (s == 1) return t->c;
    return t->more + ((s - 2) * t->n_benchmarks + b) * t->n_candidates;
}

static const double *z_of(const view *v, size_t k) {
    return v->table->z + v->over[k] * v->table->n_candidates;
}

static const ec_benchmark *benchmark_of(const ec_study *study, const view *v, size_t k) {
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
static units check_units(ec_findings *f, const ec_study *study, const double *values,
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
 * that check_units has named. */
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
static void check_values(ec_findings *f, const ec_study *study, const ec_benchmark *benchmark,
                         const double *z) {
    usual u;
    const bool known = find_usual(&u, benchmark);
    const units named = check_units(f, study, z, benchmark->name, known ? &u : NULL);
    if (known) check_usual(f, study, benchmark, z, &u, named);
    char fault[EC_RANGE_TEXT_SIZE];
    for (size_t i = 0; i < ec_study_n_candidates(study); i++)
        if (ec_benchmark_excludes(fault, benchmark, z[i]))
            ec_findings_add(f, EC_FINDING_WARNING, "%.80s of '%.80s': %s; correct one of them",
                            benchmark->name, study->candidates[i].name, fault);
}

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
    const ec_run_declaration *run = &study->declared.run;
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

/* ---- scores and results --------------------------------------------------------------------- */

/* Do the k-th and the l-th benchmark lack a score for the same candidates? */
static bool same_missing(const view *v, size_t s, size_t k, size_t l) {
    const double *x = score_of(v, s, k), *y = score_of(v, s, l);
    for (size_t i = 0; i < v->table->n_candidates; i++)
        if (isnan(x[i]) != isnan(y[i])) return false;
    return true;
}

static bool same_values(const view *v, size_t s, size_t k, size_t l) {
    const double *x = score_of(v, s, k), *y = score_of(v, s, l);
    for (size_t i = 0; i < v->table->n_candidates; i++)
        if (x[i] != y[i] && !(isnan(x[i]) && isnan(y[i]))) return false;
    return true;
}

/* Has it one value for all benchmarks? A is told by benchmark all the same. */
static bool is_shared(const view *v, size_t s) {
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

static void check_by_benchmark(ec_findings *f, const ec_study *study, const view *v, size_t s) {
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
        told = check_units(f, study, score_of(v, s, k), what, NULL) != ONE_UNIT;
    }
}

static void check_shared(ec_findings *f, const ec_study *study, const view *v, size_t s) {
    const size_t n = v->table->n_candidates;
    const char *name = v->scores[s].name;
    const double *values = score_of(v, s, 0);
    ec_name_list without = missing(study, values);
    if (without.n > 0 && !v->ranking)
        ec_findings_add(f, EC_FINDING_WARNING,
                        "%.80s is missing for %zu of %zu candidates, which cannot be predicted: %s",
                        name, without.n, n, ec_name_list_end(&without));
    if (is_constant(values, n)) say_constant(f, name, "");
    if (strcmp(name, "C") == 0) check_units(f, study, values, name, NULL);
}

static void check_scores(ec_findings *f, const ec_study *study, const view *v) {
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

/* A benchmark that others leave behind has no predictions, and a mean over all has none either. */
static void check_few(ec_findings *f, const ec_study *study, const view *v) {
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

static void check_results(ec_findings *f, const ec_study *study, const view *v) {
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
        check_values(f, study, benchmark, z);
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
static bool places_of(double *place, const view *v, size_t k) {
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

static bool places_init(places *p, const view *v) {
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

static void say_opposed(ec_findings *f, const ec_study *study, const view *v, size_t k, double rho,
                        size_t n_both) {
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
static void check_directions(ec_findings *f, const ec_study *study, const view *v) {
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

/* ---- the database ------------------------------------------------------------------------- */

/* Calls `see` with the first column of every row. */
static ec_status for_each_row(ec_study *study, const char *sql,
                              void (*see)(void *to, const char *text), void *to, ec_error *err) {
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(&row, &study->db, err, sql, "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more)
        see(to, ec_column_text(row, 0));
    sqlite3_finalize(row);
    return status;
}

typedef struct {
    const ec_sheet *sheet;
    ec_name_list list;
    ec_findings *f;
} seeing;

static void see_integrity(void *to, const char *text) {
    seeing *s = to;
    if (strcmp(text, "ok") != 0)
        ec_findings_add(
            s->f, EC_FINDING_ERROR,
            "study.db is damaged: %.200s; export what can be read, and restore the file from a "
            "copy",
            text);
}

/* Each change writes one row that the others of it refer to, so that a copy which was made in the
 * middle of a change can lack it. */
static void see_incoherent(void *to, const char *table) {
    seeing *s = to;
    ec_findings_add(s->f, EC_FINDING_ERROR,
                    "study.db is not whole: rows in '%.60s' belong to a change that it does not "
                    "have; was it copied while a change was written? Copy it once more, or restore "
                    "it from another copy",
                    table);
}

static void see_candidate(void *to, const char *text) {
    seeing *s = to;
    if (ec_sheet_find_candidate(s->sheet, text) == s->sheet->n_candidates)
        ec_name_list_add(&s->list, text);
}

static void see_name(void *to, const char *text) {
    seeing *s = to;
    if (ec_sheet_find_candidate(s->sheet, text) < s->sheet->n_candidates)
        ec_name_list_add(&s->list, text);
}

static void see_benchmark(void *to, const char *text) {
    seeing *s = to;
    if (*text != '\0' && ec_sheet_find_benchmark(s->sheet, text) == s->sheet->n_benchmarks)
        ec_name_list_add(&s->list, text);
}

static void add_undeclared(ec_findings *f, const char *what, ec_name_list *list) {
    if (list->n > 0)
        ec_findings_add(
            f, EC_FINDING_WARNING,
            "study.db knows %s that study.yaml does not declare: %s; what is known about them is "
            "kept and not used; was one renamed?",
            what, ec_name_list_end(list));
}

static ec_status check_integrity(ec_findings *f, ec_study *study, ec_error *err) {
    seeing all = {.f = f};
    ec_status status = for_each_row(study, "PRAGMA integrity_check(10)", see_integrity, &all, err);
    if (status == EC_OK)
        status = for_each_row(study, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check",
                              see_incoherent, &all, err);
    return status;
}

static ec_status check_names(ec_findings *f, ec_study *study, ec_error *err) {
    seeing candidates = {.sheet = &study->declared.sheet, .f = f}, benchmarks = candidates;
    ec_status status = for_each_row(study,
                                    "SELECT candidate FROM score UNION SELECT candidate FROM "
                                    "observation UNION SELECT candidate FROM cost UNION SELECT "
                                    "candidate FROM failure ORDER BY 1",
                                    see_candidate, &candidates, err);
    if (status == EC_OK)
        status = for_each_row(
            study, "SELECT benchmark FROM score UNION SELECT benchmark FROM observation ORDER BY 1",
            see_benchmark, &benchmarks, err);
    add_undeclared(f, "candidates", &candidates.list);
    add_undeclared(f, "benchmarks", &benchmarks.list);
    return status;
}

/* What was told and does not count, which nobody should wonder about. */
static ec_status check_taken_back(ec_findings *f, ec_study *study, ec_error *err) {
    seeing failed = {.sheet = &study->declared.sheet, .f = f}, withdrawn = failed;
    ec_status status =
        for_each_row(study,
                     "SELECT candidate FROM failure WHERE id IN (SELECT max(id) FROM "
                     "failure GROUP BY candidate) AND state = 'failed' ORDER BY id",
                     see_name, &failed, err);
    if (status == EC_OK)
        status = for_each_row(
            study,
            "SELECT candidate FROM observation WHERE id IN (SELECT max(id) FROM observation GROUP "
            "BY candidate, benchmark) AND kind = 'withdrawn' GROUP BY candidate ORDER BY min(id)",
            see_name, &withdrawn, err);
    if (failed.list.n > 0)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "failed, and not asked for: %s; 'eyechart study show --pending' says why, "
                        "'eyechart withdraw --failed' takes it back",
                        ec_name_list_end(&failed.list));
    if (withdrawn.list.n > 0)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "results were withdrawn, and none told since, of %s; 'eyechart study show "
                        "--history' has them",
                        ec_name_list_end(&withdrawn.list));
    return status;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void check_table(ec_findings *f, const ec_study *study, const view *v) {
    check_scores(f, study, v);
    check_results(f, study, v);
    check_directions(f, study, v);
}

static ec_status check_all(ec_findings *f, ec_study *study, ec_error *err) {
    const size_t m = ec_study_n_benchmarks(study);
    size_t *over = malloc((m + 1) * sizeof *over);
    ec_study_snapshot *s = NULL;
    const ec_status status = over == NULL
                                 ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path)
                                 : ec_study_snapshot_get(&s, study, err);
    if (status == EC_OK) {
        for (size_t b = 0; b < m; b++) over[b] = b;
        check_partial(f, study, &s->table);
        ec_error fault;
        if (ec_study_snapshot_choose(s, study, NULL, 0, &fault) != EC_OK)
            ec_findings_add(f, EC_FINDING_ERROR, "%s", fault.message);
        check_table(f, study,
                    &(view){.table = &s->table, .scores = s->scores, .over = over, .n_over = m});
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
    ec_status status = study->built_in ? EC_OK : check_integrity(&f, study, err);
    if (status == EC_OK && !study->built_in) status = check_names(&f, study, err);
    if (status == EC_OK && !study->built_in) status = check_taken_back(&f, study, err);
    if (status == EC_OK) status = check_all(&f, study, err);
    return ec_findings_take(out, n_out, &f, status, study->path, err);
}

/* Keeps what weakens or stops a ranking. */
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
    const ec_status status = study->built_in ? EC_OK : check_names(&f, study, err);
    check_table(
        &f, study,
        &(view){.table = table, .scores = scores, .over = over, .n_over = n_over, .ranking = true});
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
        check_values(&f, study, ec_study_benchmark(study, b),
                     s->table.z + b * s->table.n_candidates);
    ec_study_snapshot_free(s);
    return ec_findings_take(out, n_out, &f, EC_OK, study->path, err);
}
