/* cmd_study_show.c - eyechart study show: what a study compares, and what is known */
#include <math.h>
#include <stdlib.h>

#include "cli/leases.h"
#include "cli/output.h"
#include "cli/study.h"
#include "eyechart/asking.h"

enum { O_STUDY, O_PENDING, O_RESULTS, O_COLUMNS, O_HISTORY, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_PENDING] = {.name = "pending",
                   .help =
                       "for whom candidates are kept, since when and how long; and what failed"},
    [O_RESULTS] = {.name = "results",
                   .help = "the results, candidate by candidate: the mean where there are repeats, "
                           "with its standard error and how many"},
    [O_COLUMNS] = {.name = "columns", .help = "the numbers beside A and C, candidate by candidate"},
    [O_HISTORY] = {.name = "history",
                   .help = "every result ever told, oldest first, those replaced later included"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {OPERAND_STUDY_BUILT_IN, {0}};

static const example EXAMPLES[] = {
    {"eyechart study show mystudy/",
     "candidates, benchmarks, what is measured and what is pending"},
    {"eyechart study show mystudy/ --pending", "who is training what"},
    {"eyechart study show mystudy/ --results", "what each candidate reached on each benchmark"},
    {"eyechart study show mystudy/ --columns",
     "what else is known of each candidate, for the --a-column and --c-column of rank"},
    {"eyechart study show mystudy/ --history", "who told what, when, and from where"},
    {"eyechart study show paper-2024 --json | jq '.candidates[0]'", "all numbers of one candidate"},
    {0},
};

typedef struct view {
    const ec_study *study;
    const ec_study_snapshot *snapshot;
    bool wants_pending, wants_results, wants_columns, wants_history;
    const ec_observation *history; /* [n_history] */
    size_t n_history;
    const ec_lease *leases; /* [n_leases] */
    size_t n_leases;
    const ec_failure *failures; /* [n_failures] */
    size_t n_failures;
} view;

static const char *text_name(const view *v, size_t candidate) {
    return ec_study_candidate(v->study, candidate)->name;
}

/* ---- for people ----------------------------------------------------------------------------- */

static size_t results_of_benchmark(const ec_table *table, size_t b) {
    size_t n = 0;
    for (size_t i = 0; i < table->n_candidates; i++)
        n += isfinite(table->z[b * table->n_candidates + i]);
    return n;
}

static size_t results_of_candidate(const ec_table *table, size_t i) {
    size_t n = 0;
    for (size_t b = 0; b < table->n_benchmarks; b++)
        n += isfinite(table->z[b * table->n_candidates + i]);
    return n;
}

/* Over the benchmarks that have it; NaN where none has. */
static double mean_a(const ec_table *table, size_t i) {
    double sum = 0.0;
    size_t n = 0;
    for (size_t b = 0; b < table->n_benchmarks; b++) {
        const double a = table->a[b * table->n_candidates + i];
        if (!isfinite(a)) continue;
        sum += a;
        n++;
    }
    return n == 0 ? NAN : sum / (double)n;
}

static void print_title(const view *v) {
    const ec_study_snapshot *s = v->snapshot;
    size_t n_pending = 0;
    for (size_t i = 0; i < s->table.n_candidates; i++) n_pending += s->pending[i];
    printf("%s: %zu candidate%s, %zu benchmark%s; %zu finetuned, %zu pending",
           ec_study_name(v->study), s->table.n_candidates, s->table.n_candidates == 1 ? "" : "s",
           s->table.n_benchmarks, s->table.n_benchmarks == 1 ? "" : "s", s->n_observed, n_pending);
    if (s->n_failed > 0) printf(", %zu failed", s->n_failed);
    putchar('\n');
    printf("policy %s, seed %llu; %s\n\n", ec_policy_name(ec_study_policy(v->study)),
           (unsigned long long)ec_study_seed(v->study),
           ec_study_writable(v->study) ? "can be changed" : "read-only");
}

static void print_benchmarks(const view *v) {
    static const char *const HEADERS[] = {"<benchmark", "<group", "<better",
                                          "range",      "weight", "results"};
    text_table *table = table_new(6, HEADERS);
    for (size_t b = 0; b < v->snapshot->table.n_benchmarks; b++) {
        const ec_benchmark *benchmark = ec_study_benchmark(v->study, b);
        table_cell(table, "%s", benchmark->name);
        table_cell(table, "%s", benchmark->group);
        table_cell(table, "%s", benchmark->direction < 0 ? "lower" : "higher");
        if (isinf(benchmark->low) && isinf(benchmark->high)) {
            table_cell(table, "any");
        } else {
            table_cell(table, "%g to %g", benchmark->low, benchmark->high);
        }
        table_cell(table, "%g", benchmark->weight);
        table_cell(table, "%zu", results_of_benchmark(&v->snapshot->table, b));
    }
    table_print(table);
}

/* What the sum counts: hours as told, else the declared cost of what is finetuned. */
static double spent_on(const view *v, size_t i) {
    const double told = v->snapshot->hours[i];
    const bool finetuned = results_of_candidate(&v->snapshot->table, i) > 0;
    return isnan(told) && finetuned ? ec_study_candidate(v->study, i)->cost : told;
}

static void print_candidates(const view *v) {
    static const char *const HEADERS[] = {"<candidate", "mean A",    "C",     "results",
                                          "cost (h)",   "spent (h)", "<state"};
    const ec_study_snapshot *s = v->snapshot;
    text_table *table = table_new(7, HEADERS);
    for (size_t i = 0; i < s->table.n_candidates; i++) {
        const size_t n_results = results_of_candidate(&s->table, i);
        table_cell(table, "%s", text_name(v, i));
        table_number(table, 4, mean_a(&s->table, i));
        table_number(table, 2, s->table.c[i]);
        table_cell(table, "%zu/%zu", n_results, s->table.n_benchmarks);
        table_number(table, 1, ec_study_candidate(v->study, i)->cost);
        table_number(table, 1, spent_on(v, i));
        table_cell(table, "%s",
                   s->pending[i]   ? "pending"
                   : n_results > 0 ? "finetuned"
                   : s->failed[i]  ? "failed"
                                   : "");
    }
    putchar('\n');
    table_print(table);
}

/* "A_224", or "A_224 MME" of a column about one benchmark. */
static void column_title(char *text, size_t size, const view *v, const ec_study_column *column) {
    const bool all = column->benchmark == EC_ALL_BENCHMARKS;
    snprintf(text, size, "%s%s%s", column->name, all ? "" : " ",
             all ? "" : ec_study_benchmark(v->study, column->benchmark)->name);
}

/* What there is beside A and C. */
static void print_column_list(const view *v) {
    static const char *const HEADERS[] = {"<column", "candidates", "lowest", "highest"};
    const ec_study_snapshot *s = v->snapshot;
    if (s->n_columns == 0) return;
    text_table *table = table_new(4, HEADERS);
    for (size_t k = 0; k < s->n_columns; k++) {
        const ec_study_column *c = &s->columns[k];
        double range[2] = {INFINITY, -INFINITY};
        size_t n = 0;
        for (size_t i = 0; i < s->table.n_candidates; i++) {
            if (!isfinite(c->value[i])) continue;
            range[0] = fmin(range[0], c->value[i]);
            range[1] = fmax(range[1], c->value[i]);
            n++;
        }
        char title[300];
        column_title(title, sizeof title, v, c);
        table_cell(table, "%s", title);
        table_cell(table, "%zu", n);
        for (int end = 0; end < 2; end++)
            table_number(table, decimals_for(range, 2), isfinite(range[end]) ? range[end] : NAN);
    }
    putchar('\n');
    table_print(table);
}

static void print_columns_of_all(const view *v) {
    const ec_study_snapshot *s = v->snapshot;
    if (s->n_columns == 0) {
        note("%s has no numbers beside A and C; 'eyechart study import' takes them from columns "
             "of a CSV that are called 'column NAME'",
             ec_study_name(v->study));
        return;
    }
    char(*titles)[300] = allocate(s->n_columns, sizeof *titles);
    const char **headers = allocate(s->n_columns + 1, sizeof *headers);
    headers[0] = "<candidate";
    for (size_t k = 0; k < s->n_columns; k++) {
        column_title(titles[k], sizeof titles[k], v, &s->columns[k]);
        headers[k + 1] = titles[k];
    }
    text_table *table = table_new(s->n_columns + 1, headers);
    for (size_t i = 0; i < s->table.n_candidates; i++) {
        table_cell(table, "%s", text_name(v, i));
        for (size_t k = 0; k < s->n_columns; k++)
            table_number(table, decimals_for(s->columns[k].value, s->table.n_candidates),
                         s->columns[k].value[i]);
    }
    table_print(table);
    free(headers);
    free(titles);
}

static double count_of(const ec_table *t, size_t cell) {
    return t->z_n != NULL ? t->z_n[cell] : isfinite(t->z[cell]) ? 1.0 : 0.0;
}

/* "65.7", "65.7 +- 1.2", "65.7 +- .8 (3)" */
static void result_cell(text_table *table, const ec_table *t, size_t b, size_t i) {
    const size_t cell = b * t->n_candidates + i;
    const int decimals = decimals_for(t->z + b * t->n_candidates, t->n_candidates);
    char se[40] = "", n[40] = "";
    if (!isfinite(t->z[cell])) {
        table_cell(table, "-");
        return;
    }
    if (t->z_se != NULL && t->z_se[cell] > 0.0)
        snprintf(se, sizeof se, " +- %.*f", decimals, t->z_se[cell]);
    if (count_of(t, cell) > 1.0) snprintf(n, sizeof n, " (%.0f)", count_of(t, cell));
    table_cell(table, "%.*f%s%s", decimals, t->z[cell], se, n);
}

static void print_results(const view *v) {
    const ec_table *t = &v->snapshot->table;
    const char **headers = allocate(t->n_benchmarks + 1, sizeof *headers);
    headers[0] = "<candidate";
    for (size_t b = 0; b < t->n_benchmarks; b++)
        headers[b + 1] = ec_study_benchmark(v->study, b)->name;
    text_table *table = table_new(t->n_benchmarks + 1, headers);
    for (size_t i = 0; i < t->n_candidates; i++) {
        if (results_of_candidate(t, i) == 0) continue;
        table_cell(table, "%s", text_name(v, i));
        for (size_t b = 0; b < t->n_benchmarks; b++) result_cell(table, t, b, i);
    }
    table_print(table);
    free(headers);
    bool any_errors = false, any_repeats = false;
    for (size_t cell = 0; cell < t->n_candidates * t->n_benchmarks; cell++) {
        any_errors = any_errors || (t->z_se != NULL && t->z_se[cell] > 0.0);
        any_repeats = any_repeats || count_of(t, cell) > 1.0;
    }
    if (any_errors) puts("+-: standard error, as told or by the scatter of repeats.");
    if (any_repeats) puts("(n): the mean of so many results.");
}

static const char *state_of(const ec_observation *o) {
    return o->withdrawn ? "withdrawn" : !o->current ? "replaced" : o->repeat ? "repeat" : "current";
}

static void print_history(const view *v) {
    static const char *const HEADERS[] = {"<time",  "<candidate", "<benchmark", "value",
                                          "<state", "<worker",    "<source"};
    text_table *table = table_new(7, HEADERS);
    for (size_t i = 0; i < v->n_history; i++) {
        const ec_observation *o = &v->history[i];
        table_cell(table, "%s", o->time);
        table_cell(table, "%s", text_name(v, o->candidate));
        table_cell(table, "%s", ec_study_benchmark(v->study, o->benchmark)->name);
        if (o->se > 0.0)
            table_cell(table, "%.10g +- %.4g", o->value, o->se);
        else
            table_cell(table, "%.10g", o->value);
        table_cell(table, "%s", state_of(o));
        table_cell(table, "%s", o->worker);
        table_cell(table, "%s", o->source);
    }
    table_print(table);
}

static void print_text(const view *v) {
    if (v->wants_history) {
        print_history(v);
        return;
    }
    if (v->wants_pending) {
        leases_print(v->study, v->leases, v->n_leases);
        failures_print(v->study, v->failures, v->n_failures);
        return;
    }
    if (v->wants_results) {
        print_results(v);
        return;
    }
    if (v->wants_columns) {
        print_columns_of_all(v);
        return;
    }
    print_title(v);
    print_benchmarks(v);
    print_candidates(v);
    print_column_list(v);
    fflush(stdout); /* before what goes to stderr */
    study_suggest_score(v->study, &v->snapshot->table);
}

/* ---- for programs --------------------------------------------------------------------------- */

/* Column i of a [n_benchmarks][n_candidates] array by benchmark; NULL: all null. */
static json_t *by_benchmark(const view *v, const double *values, size_t i) {
    json_t *object = json_object();
    for (size_t b = 0; b < v->snapshot->table.n_benchmarks; b++) {
        const double value = values == NULL ? NAN : values[b * v->snapshot->table.n_candidates + i];
        json_object_set_new(object, ec_study_benchmark(v->study, b)->name, json_number(value));
    }
    return object;
}

/* How many results stand behind each of candidate i. */
static json_t *counts_json(const view *v, size_t i) {
    const ec_table *t = &v->snapshot->table;
    json_t *object = json_object();
    for (size_t b = 0; b < t->n_benchmarks; b++) {
        const double n = count_of(t, b * t->n_candidates + i);
        json_object_set_new(object, ec_study_benchmark(v->study, b)->name,
                            json_integer((json_int_t)n));
    }
    return object;
}

static json_t *benchmarks_json(const view *v) {
    json_t *array = json_array();
    for (size_t b = 0; b < v->snapshot->table.n_benchmarks; b++) {
        const ec_benchmark *benchmark = ec_study_benchmark(v->study, b);
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:I}", "name",
                             json_text(benchmark->name), "group", json_text(benchmark->group),
                             "better", benchmark->direction < 0 ? "lower" : "higher", "low",
                             json_number(benchmark->low), "high", json_number(benchmark->high),
                             "weight", json_number(benchmark->weight), "n_results",
                             (json_int_t)results_of_benchmark(&v->snapshot->table, b)));
    }
    return array;
}

static json_t *columns_json(const view *v, size_t i) {
    json_t *array = json_array();
    for (size_t k = 0; k < v->snapshot->n_columns; k++) {
        const ec_study_column *c = &v->snapshot->columns[k];
        if (!isfinite(c->value[i])) continue;
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:o, s:o}", "name", json_text(c->name), "benchmark",
                             c->benchmark == EC_ALL_BENCHMARKS
                                 ? json_null()
                                 : json_text(ec_study_benchmark(v->study, c->benchmark)->name),
                             "value", json_number(c->value[i]), "se", json_number(c->se[i])));
    }
    return array;
}

static json_t *candidates_json(const view *v) {
    const ec_study_snapshot *s = v->snapshot;
    const ec_table *t = &s->table;
    json_t *array = json_array();
    for (size_t i = 0; i < t->n_candidates; i++)
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}",
                             "name", json_text(text_name(v, i)), "c", json_number(t->c[i]), "c_se",
                             json_number(t->c_se == NULL ? NAN : t->c_se[i]), "a",
                             by_benchmark(v, t->a, i), "a_se", by_benchmark(v, t->a_se, i),
                             "results", by_benchmark(v, t->z, i), "results_se",
                             by_benchmark(v, t->z_se, i), "n_results", counts_json(v, i),
                             "cost_hours", json_number(ec_study_candidate(v->study, i)->cost),
                             "hours", json_number(s->hours[i]), "pending", s->pending[i], "failed",
                             s->failed[i], "columns", columns_json(v, i)));
    return array;
}

static json_t *history_json(const view *v) {
    json_t *array = json_array();
    for (size_t i = 0; i < v->n_history; i++) {
        const ec_observation *o = &v->history[i];
        json_array_append_new(
            array,
            json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:o, s:o}", "time", json_text(o->time),
                      "candidate", json_text(text_name(v, o->candidate)), "benchmark",
                      json_text(ec_study_benchmark(v->study, o->benchmark)->name), "kind",
                      o->withdrawn ? "withdrawn"
                      : o->repeat  ? "repeat"
                                   : "value",
                      "value", json_number(o->value), "se", json_number(o->se), "current",
                      o->current, "worker", json_text(o->worker), "source", json_text(o->source)));
    }
    return array;
}

static void print_json(const view *v) {
    const ec_study_snapshot *s = v->snapshot;
    if (v->wants_history) {
        json_print(json_pack("{s:o, s:o}", "study", json_text(ec_study_name(v->study)), "history",
                             history_json(v)));
        return;
    }
    if (v->wants_pending) {
        json_print(json_pack("{s:o, s:o, s:o}", "study", json_text(ec_study_name(v->study)),
                             "pending", leases_json(v->study, v->leases, v->n_leases, NULL),
                             "failed", failures_json(v->study, v->failures, v->n_failures)));
        return;
    }
    json_print(json_pack(
        "{s:o, s:o, s:b, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "study",
        json_text(ec_study_name(v->study)), "path", json_text(ec_study_path(v->study)), "writable",
        ec_study_writable(v->study), "policy", ec_policy_name(ec_study_policy(v->study)), "seed",
        (json_int_t)ec_study_seed(v->study), "n_finetuned", (json_int_t)s->n_observed, "n_failed",
        (json_int_t)s->n_failed, "hours_spent", json_number(s->hours_spent), "hours_failed",
        json_number(s->hours_failed), "hours_left", json_number(s->hours_left), "n_cost_unknown",
        (json_int_t)s->n_cost_unknown, "benchmarks", benchmarks_json(v), "candidates",
        candidates_json(v), "pending", leases_json(v->study, v->leases, v->n_leases, NULL),
        "failed", failures_json(v->study, v->failures, v->n_failures)));
}

/* ---- the command ---------------------------------------------------------------------------- */

static int show(ec_study *study, const ec_study_snapshot *snapshot, const arguments *args) {
    const option_value *o = args->values;
    ec_observation *history = NULL;
    ec_lease *leases = NULL;
    ec_failure *failures = NULL;
    view v = {.study = study,
              .snapshot = snapshot,
              .wants_pending = o[O_PENDING].given,
              .wants_results = o[O_RESULTS].given,
              .wants_columns = o[O_COLUMNS].given,
              .wants_history = o[O_HISTORY].given};
    ec_error err;
    ec_status status = EC_OK;
    if (v.wants_history) status = ec_study_history(&history, &v.n_history, study, &err);
    if (status == EC_OK) status = ec_study_leases(&leases, &v.n_leases, study, &err);
    if (status == EC_OK) status = ec_study_failures(&failures, &v.n_failures, study, &err);
    v.history = history;
    v.leases = leases;
    v.failures = failures;
    if (status == EC_OK) (o[O_JSON].given ? print_json : print_text)(&v);
    free(history);
    free(leases);
    free(failures);
    return status == EC_OK ? EXIT_DONE : report_error(&err);
}

static int run(const arguments *args) {
    ec_study *study;
    ec_study_snapshot *snapshot;
    int status = study_open_snapshot(&study, &snapshot, args);
    if (status != EXIT_DONE) return status;
    status = show(study, snapshot, args);
    ec_study_snapshot_free(snapshot);
    ec_study_close(study);
    return status;
}

const command CMD_STUDY_SHOW = {
    .name = "study show",
    .purpose = "what a study compares, and what is known",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
