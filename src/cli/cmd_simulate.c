/* cmd_simulate.c - eyechart simulate: what a policy would have achieved on known results */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/ranking.h"
#include "cli/study.h"
#include "eyechart/simulate.h"

enum {
    O_STUDY,
    SELECTION_PLACES,
    O_COLUMNS,
    O_POLICY,
    O_METRIC,
    O_TOP,
    O_RANKER,
    O_RUNS,
    O_DROP,
    O_TRIALS,
    O_SEED,
    O_THREADS,
    O_JSON
};

static const char *policy_at(size_t i) {
    return ec_policy_name((ec_policy)i);
}

static const char *metric_at(size_t i) {
    return ec_metric_name((ec_metric)i);
}

static const char *ranker_at(size_t i) {
    return ec_ranker_name((ec_ranker)i);
}

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    SELECTION_OPTIONS,
    [O_COLUMNS] = OPTION_COLUMNS,
    [O_POLICY] = {.name = "policy",
                  .argument = "POLICY",
                  .type = VALUE_CHOICE,
                  .choice = policy_at,
                  .fallback = "ei",
                  .help =
                      "which candidate is finetuned next: prior, the order of the scores' sum; ac, "
                      "the paper's "
                      "region sampling; ei, expected improvement; exploit, the best prediction; "
                      "d-optimal, the most informative; random"},
    [O_METRIC] =
        {.name = "metric",
         .argument = "METRIC",
         .type = VALUE_CHOICE,
         .choice = metric_at,
         .fallback = "recall",
         .help = "recall: the best is among the --top after k finetunes; trained: the best has "
                 "been finetuned; verified: the same, the last --top of the k being the best "
                 "predictions; regret: how far the best finetuned stays behind; first-hit: the "
                 "paper's, which assumes an oracle that says when to stop"},
    [O_TOP] = {.name = "top",
               .argument = "K",
               .type = VALUE_COUNT,
               .low = 1,
               .high = 1e6,
               .fallback = "3",
               .help = "length of the list that should hold the best"},
    [O_RANKER] =
        {.name = "ranker",
         .argument = "MODEL",
         .type = VALUE_CHOICE,
         .choice = ranker_at,
         .fallback = "default",
         .help = "model that ranks all candidates after k finetunes; default: the policy's own, "
                 "which is average, that of 'eyechart rank', for prior, ei and exploit"},
    [O_RUNS] = {.name = "runs",
                .argument = "K",
                .type = VALUE_COUNT,
                .high = 1e6,
                .fallback = "0",
                .help =
                    "stop after so many finetunes, which saves time; 0: go through all candidates"},
    [O_DROP] = {.name = "drop",
                .argument = "D",
                .type = VALUE_COUNT,
                .high = 1e6,
                .fallback = "0",
                .help = "average over all sub-spaces with this many candidates left out"},
    [O_TRIALS] = {.name = "trials",
                  .argument = "N",
                  .type = VALUE_COUNT,
                  .high = 1e9,
                  .fallback = "0",
                  .help = "estimate from so many random trials; 0: exact expectation, of 20 "
                          "candidates at most with ac and random, of any number with the others"},
    [O_SEED] = OPTION_SEED,
    [O_THREADS] = {.name = "threads",
                   .argument = "N",
                   .type = VALUE_COUNT,
                   .high = 4096,
                   .fallback = "0",
                   .help =
                       "threads to use, 0: one per processor; the result does not depend on it"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {OPERAND_STUDY_BUILT_IN, {0}};

static const example EXAMPLES[] = {
    {"eyechart simulate",
     "how soon the default policy has the best of the paper's 13 in its top 3"},
    {"eyechart simulate --policy ac --metric first-hit", "table 1 of the paper, exactly"},
    {"eyechart simulate --policy ac --metric trained --drop 2",
     "chance that the best has been finetuned, over all spaces with 2 candidates removed"},
    {"eyechart simulate mystudy/ --columns A,C,mutual_knn --policy ei --metric regret",
     "what a third score would have brought"},
    {"eyechart simulate mystudy/ --policy ac --trials 10000 --seed 1",
     "an estimate with its standard error, for many candidates"},
    {0},
};

typedef struct simulation {
    const ec_study *study;
    const ec_study_snapshot *snapshot;
    const selection *over;
    ec_table table; /* the benchmarks selected */
    double *a, *z;  /* [over->n][n_candidates], owned */
    double *more;   /* [n_more][over->n][n_candidates], owned */
    int *direction; /* [over->n], owned */
    ec_simulate_options options;
    double *values;           /* [over->n][n_candidates], owned */
    double *mean, *std_error; /* [n_candidates], owned */
    size_t n_steps;           /* numbers of finetunes for which there is a mean */
} simulation;

/* ---- the table ------------------------------------------------------------------------------ */

static void select_rows(simulation *s, const ec_table *all) {
    const size_t n = all->n_candidates, m = s->over->n;
    s->more = allocate(all->n_more * m * n, sizeof *s->more);
    s->a = allocate(m * n, sizeof *s->a);
    s->z = allocate(m * n, sizeof *s->z);
    s->direction = allocate(m, sizeof *s->direction);
    for (size_t k = 0; k < m; k++) {
        const size_t b = s->over->index[k];
        s->direction[k] = all->direction == NULL ? 1 : all->direction[b];
        for (size_t i = 0; i < n; i++) {
            s->a[k * n + i] = all->a[b * n + i];
            s->z[k * n + i] = all->z[b * n + i];
        }
        for (size_t j = 0; j < all->n_more; j++)
            memcpy(s->more + (j * m + k) * n, all->more + (j * all->n_benchmarks + b) * n,
                   n * sizeof *s->more);
    }
    s->table = (ec_table){.n_candidates = n,
                          .n_benchmarks = m,
                          .a = s->a,
                          .c = all->c,
                          .z = s->z,
                          .direction = s->direction,
                          .n_more = all->n_more,
                          .more = s->more,
                          .weights = all->weights};
}

/* ---- for people ----------------------------------------------------------------------------- */

static const char *meaning_of(ec_metric metric) {
    switch (metric) {
    case EC_METRIC_FIRST_HIT:
        return "first-hit, the paper's recall: chance, in %, that the best candidate has been "
               "among the "
               "top predictions at some time up to k finetunes. It assumes an oracle that stops "
               "the "
               "search at that time, which no user has; recall, trained and verified do without.";
    case EC_METRIC_RECALL:
        return "recall: chance, in %, that the best candidate is among the top after exactly k "
               "finetunes, finetuned ones counting as measured.";
    case EC_METRIC_TRAINED:
        return "trained: chance, in %, that the best candidate has been finetuned within k "
               "finetunes.";
    case EC_METRIC_VERIFIED:
        return "verified: chance, in %, that the best candidate has been finetuned within k "
               "finetunes, "
               "the last of which are the top predictions.";
    default:
        return "regret: how far the best finetuned candidate stays behind the best, in % of the "
               "distance from the worst to the best; less is better.";
    }
}

static void print_title(const simulation *s) {
    const ec_simulate_options *o = &s->options;
    printf("%s: policy %s, ranked by %s, metric %s", ec_study_name(s->study),
           ec_policy_name(o->policy),
           o->ranker == EC_RANKER_DEFAULT ? "its own model" : ec_ranker_name(o->ranker),
           ec_metric_name(o->metric));
    if (o->metric != EC_METRIC_TRAINED && o->metric != EC_METRIC_REGRET)
        printf(", top %zu", o->top);
    if (o->drop > 0) printf(", %zu of %zu left out", o->drop, s->table.n_candidates);
    if (o->trials > 0) {
        printf("; %zu trials, seed %llu\n", o->trials, (unsigned long long)o->seed);
    } else if (s->table.n_candidates - o->drop > EC_SIMULATE_EXACT_MAX) {
        printf("; one game, which leaves nothing to chance\n");
    } else {
        printf("; exact expectation\n");
    }
    print_columns(s->snapshot);
}

/* One row a number of finetunes: the mean, then each benchmark. */
static void print_steps(const simulation *s) {
    const size_t n = s->table.n_candidates, m = s->over->n;
    const char **headers = allocate(m + 3, sizeof *headers);
    size_t n_columns = 0;
    headers[n_columns++] = "k";
    headers[n_columns++] = "mean";
    if (s->options.trials > 0) headers[n_columns++] = "±";
    for (size_t k = 0; k < m; k++)
        headers[n_columns++] = ec_study_benchmark(s->study, s->over->index[k])->name;
    text_table *table = table_new(n_columns, headers);
    for (size_t step = 0; step < s->n_steps; step++) {
        table_cell(table, "%zu", step + 1);
        table_number(table, 1, 100.0 * s->mean[step]);
        if (s->options.trials > 0) table_number(table, 2, 100.0 * s->std_error[step]);
        for (size_t k = 0; k < m; k++) table_number(table, 1, 100.0 * s->values[k * n + step]);
    }
    table_print(table);
    free(headers);
}

static void print_text(const simulation *s) {
    print_title(s);
    print_wrapped(stdout, 0, meaning_of(s->options.metric));
    putchar('\n');
    print_steps(s);
    if (s->options.trials > 0) puts("± standard error of the mean.");
}

/* ---- for programs --------------------------------------------------------------------------- */

static json_t *numbers_json(const double *values, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(array, json_number(values[i]));
    return array;
}

static void print_json(const simulation *s) {
    const ec_simulate_options *o = &s->options;
    json_t *benchmarks = json_array();
    for (size_t k = 0; k < s->over->n; k++)
        json_array_append_new(
            benchmarks,
            json_pack("{s:o, s:o}", "name",
                      json_text(ec_study_benchmark(s->study, s->over->index[k])->name), "values",
                      numbers_json(s->values + k * s->table.n_candidates, s->n_steps)));
    json_t *all = json_pack(
        "{s:o, s:s, s:s, s:s, s:I, s:I, s:b, s:b}", "study", json_text(ec_study_name(s->study)),
        "policy", ec_policy_name(o->policy), "ranker", ec_ranker_name(o->ranker), "metric",
        ec_metric_name(o->metric), "top", (json_int_t)o->top, "drop", (json_int_t)o->drop,
        "oracle_stop", o->metric == EC_METRIC_FIRST_HIT, "exact", o->trials == 0);
    columns_add_json(all, s->snapshot);
    json_object_set_new(all, "trials", json_integer((json_int_t)o->trials));
    json_object_set_new(all, "seed", json_integer((json_int_t)o->seed));
    json_object_set_new(all, "benchmarks", benchmarks);
    json_object_set_new(all, "mean", numbers_json(s->mean, s->n_steps));
    json_object_set_new(all, "std_error", numbers_json(s->std_error, s->n_steps));
    json_print(all);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int simulate(simulation *s, const arguments *args) {
    const option_value *v = args->values;
    const size_t n = s->table.n_candidates;
    s->options = (ec_simulate_options){.policy = (ec_policy)v[O_POLICY].choice,
                                       .ranker = (ec_ranker)v[O_RANKER].choice,
                                       .metric = (ec_metric)v[O_METRIC].choice,
                                       .top = v[O_TOP].count,
                                       .trials = v[O_TRIALS].count,
                                       .seed = v[O_SEED].count,
                                       .drop = v[O_DROP].count,
                                       .max_runs = v[O_RUNS].count,
                                       .n_threads = v[O_THREADS].count};
    s->values = allocate(s->over->n * n, sizeof *s->values);
    s->mean = allocate(n, sizeof *s->mean);
    s->std_error = allocate(n, sizeof *s->std_error);
    ec_error err;
    if (ec_simulate(s->values, s->mean, s->std_error, &s->table, &s->options, &err) != EC_OK)
        return report_error(&err);
    while (s->n_steps < n && !isnan(s->mean[s->n_steps])) s->n_steps++;
    if (v[O_JSON].given) {
        print_json(s);
    } else {
        print_text(s);
    }
    return EXIT_DONE;
}

static int run(const arguments *args) {
    study_view view;
    int status = study_view_open(&view, args);
    if (status == EXIT_DONE) {
        simulation s = {.study = view.study, .snapshot = view.snapshot, .over = &view.over};
        select_rows(&s, &view.snapshot->table);
        status = simulate(&s, args);
        free(s.a);
        free(s.z);
        free(s.more);
        free(s.direction);
        free(s.values);
        free(s.mean);
        free(s.std_error);
    }
    study_view_close(&view);
    return status;
}

const command CMD_SIMULATE = {
    .name = "simulate",
    .purpose = "what a policy would have achieved on results already known",
    .about =
        "Plays the study as if nothing were known: the policy chooses a candidate, its result is "
        "uncovered, the model ranks all candidates, and so on. The figures are expectations over "
        "the "
        "random choices of the policy, by number of finetunes.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
