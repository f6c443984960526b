#include "report/data.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/build.h"

/* ---- the study and where the page comes from --------------------------------------------------
 */

static bool is_builtin(const ec_study *study) {
    const char *name;
    for (size_t i = 0; (name = ec_study_builtin(i)) != NULL; i++) {
        if (strcmp(name, ec_study_path(study)) == 0) return true;
    }
    return false;
}

static json_t *program(void) {
    char text[64];
    snprintf(text, sizeof text, "eyechart %s", ec_version());
    return words(text);
}

static json_t *study(build *b) {
    json_t *object = json_object();
    const ec_policy policy = ec_study_policy(b->study);
    put(b, object, "name", words(ec_study_name(b->study)));
    put(b, object, "path", words(ec_study_path(b->study)));
    put(b, object, "builtin", json_boolean(is_builtin(b->study)));
    put(b, object, "policy", words(ec_policy_name(policy)));
    put(b, object, "policy_summary", words(ec_policy_summary(policy)));
    put(b, object, "seed", json_integer((json_int_t)ec_study_seed(b->study)));
    return object;
}

/* FNV-1a, 64 bits: tells two states of a study apart, no more. */
static uint64_t digest_bytes(uint64_t hash, const void *bytes, size_t size_bytes) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size_bytes; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t digest_numbers(uint64_t hash, const double *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        /* There are many NaNs and two zeros. */
        const double value = isnan(values[i]) ? HUGE_VAL : values[i] + 0.0;
        hash = digest_bytes(hash, &value, sizeof value);
    }
    return hash;
}

static uint64_t digest(const build *b) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < b->n; i++) {
        const char *name = ec_study_candidate(b->study, i)->name;
        hash = digest_bytes(hash, name, strlen(name) + 1);
    }
    for (size_t k = 0; k < b->m; k++) {
        const char *name = ec_study_benchmark(b->study, k)->name;
        hash = digest_bytes(hash, name, strlen(name) + 1);
    }
    hash = digest_numbers(hash, b->table->c, b->n);
    hash = digest_numbers(hash, b->table->a, b->m * b->n);
    return digest_numbers(hash, b->table->z, b->m * b->n);
}

static json_t *made(build *b) {
    json_t *object = json_object();
    const time_t now = time(NULL);
    struct tm utc;
    char text[64] = "";
    if (gmtime_r(&now, &utc) != NULL) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    put(b, object, "time", words(text));
    put(b, object, "command", words(b->options->command));
    snprintf(text, sizeof text, "%016" PRIx64, digest(b));
    put(b, object, "digest", words(text));
    return object;
}

/* What the rankings go by. */
static json_t *rank_columns(build *b) {
    json_t *array = json_array();
    for (size_t k = 0; k < 2 + b->ranked->table.n_more; k++) {
        const ec_rank_column *of = &b->ranked->scores[k];
        if (!(of->weight > 0.0)) continue;
        json_t *column = json_object();
        put(b, column, "name", words(of->name));
        put(b, column, "weight", number(of->weight));
        append(b, array, column);
    }
    return array;
}

static json_t *options(build *b) {
    json_t *object = json_object();
    const ec_rank_options *rank = &b->options->rank;
    put(b, object, "model", words(rank->model == EC_RANK_LAW ? "law" : "gp"));
    put(b, object, "law_model", words(ec_law_model_name(rank->law.model)));
    put(b, object, "ridge", number(rank->law.ridge));
    put(b, object, "level", number(rank->level > 0.0 ? rank->level : 0.9));
    put(b, object, "n_samples", count(rank->n_samples > 0 ? rank->n_samples : 4000));
    put(b, object, "seed", json_integer((json_int_t)rank->seed));
    put(b, object, "columns", rank_columns(b));
    return object;
}

static json_t *hours(build *b) {
    json_t *object = json_object();
    put(b, object, "spent", number(b->snapshot->hours_spent));
    put(b, object, "left", number(b->snapshot->hours_left));
    put(b, object, "n_unknown", count(b->snapshot->n_cost_unknown));
    return object;
}

/* ---- candidates and benchmarks -----------------------------------------------------------------
 */

/* An optional array of standard errors, NULL where the table has none. */
static double error_at(const double *errors, size_t i) {
    return errors != NULL ? errors[i] : NAN;
}

static json_t *candidate(build *b, size_t i) {
    json_t *object = json_object();
    size_t n_measured = 0;
    for (size_t k = 0; k < b->m; k++) n_measured += (bool)isfinite(b->table->z[k * b->n + i]);
    put(b, object, "name", words(ec_study_candidate(b->study, i)->name));
    put(b, object, "c", number(b->table->c[i]));
    put(b, object, "c_se", number(error_at(b->table->c_se, i)));
    put(b, object, "mean_a", number(mean_known(b->table->a + i, b->m, b->n)));
    put(b, object, "cost", number(ec_study_candidate(b->study, i)->cost));
    put(b, object, "hours", number(b->snapshot->hours[i]));
    put(b, object, "pending", json_boolean(b->snapshot->pending[i]));
    put(b, object, "failed", json_boolean(b->snapshot->failed[i]));
    put(b, object, "n_measured", count(n_measured));
    return object;
}

static json_t *benchmark(build *b, size_t k) {
    json_t *object = json_object(), *a_se = json_array();
    const ec_benchmark *declared = ec_study_benchmark(b->study, k);
    for (size_t i = 0; i < b->n; i++)
        append(b, a_se, number(error_at(b->table->a_se, k * b->n + i)));
    put(b, object, "name", words(declared->name));
    put(b, object, "group", words(declared->group));
    put(b, object, "direction", json_integer(declared->direction));
    put(b, object, "low", number(declared->low));
    put(b, object, "high", number(declared->high));
    put(b, object, "weight", number(declared->weight));
    put(b, object, "a", numbers(b, b->table->a + k * b->n, b->n));
    put(b, object, "a_se", a_se);
    put(b, object, "z", numbers(b, b->table->z + k * b->n, b->n));
    put(b, object, "law", data_law(b, k));
    return object;
}

/* ---- profiles and sums -------------------------------------------------------------------------
 */

/* Measured, else predicted. */
static double value_of(const build *b, size_t k, size_t i) {
    const double z = b->table->z[k * b->n + i];
    return isfinite(z) ? z : b->predicted[k * b->n + i];
}

/* Min-max over the values of the candidates, 1 for the best. */
typedef struct scale {
    double worst, best;
} scale;

static scale scale_of(const build *b, size_t k) {
    const bool higher = ec_study_benchmark(b->study, k)->direction >= 0;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < b->n; i++) {
        const double value = value_of(b, k, i);
        if (!isfinite(value)) continue;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    if (!(high > low)) return (scale){NAN, NAN};
    return higher ? (scale){low, high} : (scale){high, low};
}

static double share(scale s, double value) {
    return (value - s.worst) / (s.best - s.worst);
}

/* Fills `profile` and `sums` of root. A measured candidate's prediction is the left-out one: the
 * ranking's has seen the result. */
static void profile(build *b, json_t *root) {
    double *rows = calloc(3 * b->n + 1, sizeof *rows);
    if (rows == NULL) {
        b->failed = true;
        return;
    }
    json_t *object = json_object(), *measured = json_array(), *predicted = json_array();
    double *sum = rows, *with = rows + b->n, *without = rows + 2 * b->n;
    for (size_t i = 0; b->m == 0 && i < b->n; i++) sum[i] = NAN;
    for (size_t k = 0; k < b->m; k++) {
        const scale s = scale_of(b, k);
        for (size_t i = 0; i < b->n; i++) {
            const size_t at = k * b->n + i;
            const double z = b->table->z[at];
            with[i] = share(s, z);
            without[i] = share(s, isfinite(z) ? b->left_out[at] : b->predicted[at]);
            sum[i] += share(s, value_of(b, k, i));
        }
        append(b, measured, numbers(b, with, b->n));
        append(b, predicted, numbers(b, without, b->n));
    }
    put(b, object, "measured", measured);
    put(b, object, "predicted", predicted);
    put(b, root, "profile", object);
    put(b, root, "sums", numbers(b, sum, b->n));
    free(rows);
}

/* ---- the pairs of figure 5 ---------------------------------------------------------------------
 */

static bool find(const build *b, const char *name, size_t *at) {
    for (*at = 0; *at < b->n; (*at)++) {
        if (strcmp(ec_study_candidate(b->study, *at)->name, name) == 0) return true;
    }
    return false;
}

static json_t *joined(build *b) {
    static const struct {
        const char *what, *from, *to;
    } PAIRS[] = {{"resolution", "CLIP@224", "CLIP@336"}, {"combination", "DINOv2", "C+D@224"}};
    json_t *array = json_array();
    for (size_t p = 0; p < sizeof PAIRS / sizeof *PAIRS; p++) {
        size_t from, to;
        if (!find(b, PAIRS[p].from, &from) || !find(b, PAIRS[p].to, &to)) continue;
        json_t *pair = json_object();
        put(b, pair, "what", words(PAIRS[p].what));
        put(b, pair, "from", count(from));
        put(b, pair, "to", count(to));
        append(b, array, pair);
    }
    return array;
}

/* ---- numbers beside A and C --------------------------------------------------------------------
 */

enum { MAX_COLUMNS = 200, MAX_CELLS = 1000000 }; /* of a page that a browser opens */

static json_t *column(build *b, const ec_study_column *from) {
    json_t *object = json_object();
    put(b, object, "name", words(from->name));
    put(b, object, "benchmark",
        from->benchmark == EC_ALL_BENCHMARKS ? json_null() : count(from->benchmark));
    put(b, object, "values", numbers(b, from->value, b->n));
    put(b, object, "se", numbers(b, from->se, b->n));
    return object;
}

static void columns(build *b, json_t *root) {
    const size_t n = b->snapshot->n_columns;
    json_t *array = json_array();
    size_t shown = 0;
    for (; shown < n && shown < MAX_COLUMNS && (shown + 1) * b->n <= MAX_CELLS; shown++)
        append(b, array, column(b, &b->snapshot->columns[shown]));
    put(b, root, "columns", array);
    put(b, root, "columns_left_out", count(n - shown));
}

/* Did `score` measure the C of candidate i? Then a column of one of the protocols has it too. */
static bool is_measured(const build *b, size_t i) {
    for (size_t k = 0; k < b->snapshot->n_columns; k++) {
        const ec_study_column *from = &b->snapshot->columns[k];
        if ((strcmp(from->name, "C_authors") == 0 || strcmp(from->name, "C_consistent") == 0) &&
            from->value[i] == b->table->c[i])
            return true;
    }
    return false;
}

/* What C counts in: percent of the points, where it is the paper's or was measured here; what it is
 * in elsewhere only the user knows. */
static const char *unit_of_c(const build *b) {
    bool measured = true, any = false;
    for (size_t i = 0; i < b->n; i++) {
        if (!isfinite(b->table->c[i])) continue;
        any = true;
        measured = measured && is_measured(b, i);
    }
    return is_builtin(b->study) || (any && measured) ? "% PCK@0.10" : NULL;
}

/* ---- what the ranking has to be read with ------------------------------------------------------
 */

static json_t *warnings(build *b) {
    json_t *array = json_array();
    size_t *over = malloc((b->m + 1) * sizeof *over), n = 0;
    ec_finding *list = NULL;
    if (over != NULL) {
        for (size_t k = 0; k < b->m; k++) over[k] = k;
        if (ec_study_check_ranking(&list, &n, b->study, &b->ranked->table, b->ranked->scores, over,
                                   b->m, NULL) != EC_OK)
            b->failed = true;
    }
    for (size_t k = 0; k < n; k++) append(b, array, words(list[k].message));
    b->failed = b->failed || over == NULL;
    free(list);
    free(over);
    return array;
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static json_t *assemble(build *b) {
    json_t *root = json_object(), *candidates = json_array(), *benchmarks = json_array();
    for (size_t i = 0; i < b->n; i++) append(b, candidates, candidate(b, i));
    for (size_t k = 0; k < b->m; k++) append(b, benchmarks, benchmark(b, k));
    put(b, root, "program", program());
    put(b, root, "study", study(b));
    put(b, root, "made", made(b));
    put(b, root, "options", options(b));
    put(b, root, "hours", hours(b));
    put(b, root, "warnings", warnings(b));
    put(b, root, "n_observed", count(b->snapshot->n_observed));
    put(b, root, "c_unit", words(unit_of_c(b)));
    columns(b, root);
    put(b, root, "candidates", candidates);
    put(b, root, "benchmarks", benchmarks);
    put(b, root, "groups", data_groups(b));
    put(b, root, "rankings", data_rankings(b));
    put(b, root, "recall", data_recall(b));
    profile(b, root);
    put(b, root, "joined", joined(b));
    data_pictures(b, root, is_builtin(b->study) ? NULL : ec_study_path(b->study));
    return root;
}

ec_status ec_report_data(json_t **out, ec_study *from, const ec_report_options *given,
                         ec_error *err) {
    *out = NULL;
    ec_study_snapshot *snapshot = NULL, *ranked = NULL;
    const ec_report_options defaults = {.command = NULL};
    if (given == NULL) given = &defaults;
    ec_status status = ec_study_snapshot_get(&snapshot, from, err);
    if (status == EC_OK) status = ec_study_snapshot_get(&ranked, from, err);
    if (status == EC_OK)
        status = ec_study_snapshot_choose(ranked, from, given->columns, given->n_columns, err);
    if (status != EC_OK) {
        ec_study_snapshot_free(snapshot);
        ec_study_snapshot_free(ranked);
        return status;
    }
    build b = {
        .study = from,
        .snapshot = snapshot,
        .table = &snapshot->table,
        .ranked = ranked,
        .options = given,
        .n = snapshot->table.n_candidates,
        .m = snapshot->table.n_benchmarks,
    };
    /* The study has checked that candidates x benchmarks fits. */
    const size_t cells = b.m * b.n;
    b.left_out = malloc((2 * cells + 1) * sizeof *b.left_out);
    json_t *root = NULL;
    if (b.left_out != NULL) {
        b.predicted = b.left_out + cells;
        for (size_t i = 0; i < 2 * cells; i++) b.left_out[i] = NAN;
        root = assemble(&b);
    }
    free(b.left_out);
    ec_study_snapshot_free(snapshot);
    ec_study_snapshot_free(ranked);
    if (root == NULL || b.failed) {
        json_decref(root);
        return ec_fail(err, EC_ERR_NOMEM, "not enough memory for the report of %zu candidates",
                       b.n);
    }
    *out = root;
    return EC_OK;
}
