/* cmd_fit.c - eyechart fit: the law per benchmark, and how far to trust it */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/ranking.h"
#include "cli/study.h"
#include "eyechart/law.h"

enum { O_STUDY, SELECTION_PLACES, COLUMNS_PLACES, O_MODEL, O_RIDGE, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    SELECTION_OPTIONS,
    COLUMNS_OPTIONS,
    [O_MODEL] = {.name = "model",
                 .argument = "MODEL",
                 .type = VALUE_CHOICE,
                 .choice = law_model_at,
                 .fallback = "quadratic",
                 .help = "terms of the law: quadratic is the paper's (1 A C A2 AC C2), additive is "
                         "1 A C A2"},
    [O_RIDGE] = OPTION_RIDGE,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {OPERAND_STUDY_BUILT_IN, {0}};

static const example EXAMPLES[] = {
    {"eyechart fit", "the law of the paper, on its 13 settings and 8 benchmarks"},
    {"eyechart fit paper-2025 --group ocr", "the text-reading benchmarks of the 2025 version"},
    {"eyechart fit mystudy/ --model additive --ridge 0.01",
     "a smaller, steadier law for few results"},
    {"eyechart fit mystudy/ --columns A,C,mutual_knn",
     "what the results say of the weights of three scores"},
    {"eyechart fit mystudy/ --json | jq '.benchmarks[] | [.name, .loo_q2]'",
     "the left-out quality of each benchmark, for a script"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DONE, "fitted for at least one benchmark; those left out are named on stderr"},
    {EXIT_DATA, "no benchmark has the results that a fit needs"},
    {0},
};

/* One benchmark and its fit. */
typedef struct fit {
    const ec_benchmark *benchmark;
    bool fitted;
    ec_law law;
    ec_law_quality quality;
    char reason[EC_ERROR_MESSAGE_SIZE]; /* why it could not be fitted */
} fit;

/* ---- fitting -------------------------------------------------------------------------------- */

static const char *column_at(const ec_study_snapshot *s, size_t j) {
    return s->scores[ec_table_used_index(&s->table, j)].name;
}

/* How many of those with a result on b lack the j-th column that counts. */
static size_t count_lacking(const ec_table *table, size_t b, size_t j) {
    size_t n = 0;
    for (size_t i = 0; i < table->n_candidates; i++)
        n +=
            isfinite(table->z[b * table->n_candidates + i]) && isnan(ec_table_used(table, b, j, i));
    return n;
}

/* Why so few as `n_placed` candidates count: which column they lack. */
static void say_too_few(char *reason, size_t size, const ec_study *study,
                        const ec_study_snapshot *snapshot, size_t b, size_t n_placed) {
    const ec_table *table = &snapshot->table;
    const size_t n = table->n_candidates, n_columns = ec_table_n_used(table);
    char names[300];
    size_t n_results = 0;
    bool is_checked = true; /* what `study check` looks at: results, A and C */
    for (size_t i = 0; i < n; i++) n_results += isfinite(table->z[b * n + i]);
    ec_rank_columns_text(names, sizeof names, snapshot->scores, 2 + table->n_more);
    size_t at = (size_t)snprintf(
        reason, size, "%zu of %zu candidates %s a result and %s%.200s; a fit needs 2 or more.",
        n_placed, n, n_placed == 1 ? "has" : "have",
        n_columns == 2  ? "both "
        : n_columns > 2 ? "all of "
                        : "",
        names);
    for (size_t j = 0; j < n_columns && at < size; j++) {
        const size_t n_lacking = count_lacking(table, b, j);
        const char *name = column_at(snapshot, j);
        if (n_lacking > 0) is_checked &= strcmp(name, "A") == 0 || strcmp(name, "C") == 0;
        if (n_lacking > 0)
            at += (size_t)snprintf(reason + at, size - at, " Of %zu with a result %zu %s no %s.",
                                   n_results, n_lacking, n_lacking == 1 ? "has" : "have", name);
    }
    if (at < size && is_checked)
        snprintf(reason + at, size - at, " 'eyechart study check %s' says what is missing",
                 ec_study_path(study));
}

/* Fits benchmark b to the candidates that have both scores and a result. */
static void fit_benchmark(fit *out, const ec_study *study, const ec_study_snapshot *snapshot,
                          size_t b, const ec_law_options *options) {
    const ec_table *table = &snapshot->table;
    const size_t n_all = table->n_candidates;
    double *points = allocate(3 * n_all, sizeof *points);
    double *a = points, *c = a + n_all, *z = c + n_all;
    const size_t n = ec_law_points_of(a, c, z, NULL, table, b);
    *out = (fit){.benchmark = ec_study_benchmark(study, b)};
    if (n < 2) {
        say_too_few(out->reason, sizeof out->reason, study, snapshot, b, n);
    } else {
        const ec_law_range range = ec_law_range_of(table, b);
        ec_error err;
        out->fitted =
            ec_law_fit(&out->law, options, &range, a, c, z, n, &err) == EC_OK &&
            ec_law_validate(&out->quality, NULL, NULL, options, &range, a, c, z, n, &err) == EC_OK;
        if (!out->fitted) snprintf(out->reason, sizeof out->reason, "%s", err.message);
    }
    free(points);
}

/* Mean quality over the fitted benchmarks of a group. */
typedef struct group_mean {
    const char *name;
    size_t n;
    double r2, loo_q2;
} group_mean;

/* Fills means[] in the order in which the groups appear; returns how many. NaN where a member is.
 */
static size_t mean_by_group(group_mean *means, const fit *fits, size_t n) {
    size_t n_groups = 0;
    for (size_t i = 0; i < n; i++) {
        if (!fits[i].fitted) continue;
        size_t g = 0;
        while (g < n_groups && strcmp(means[g].name, fits[i].benchmark->group) != 0) g++;
        if (g == n_groups) means[n_groups++] = (group_mean){.name = fits[i].benchmark->group};
        means[g].n++;
        means[g].r2 += fits[i].quality.r2;
        means[g].loo_q2 += fits[i].quality.loo_q2;
    }
    for (size_t g = 0; g < n_groups; g++) {
        means[g].r2 /= (double)means[g].n;
        means[g].loo_q2 /= (double)means[g].n;
    }
    return n_groups;
}

/* ---- for people ----------------------------------------------------------------------------- */

static void print_quality(const fit *fits, size_t n) {
    static const char *const HEADERS[] = {"<benchmark", "<group",  "n",        "R²",
                                          "LOO Q²",     "adj. R²", "LOO RMSE", "rho",
                                          "LOO rho",    "p (F)",   "random R²"};
    text_table *table = table_new(11, HEADERS);
    for (size_t i = 0; i < n; i++) {
        const ec_law_quality *q = &fits[i].quality;
        if (!fits[i].fitted) continue;
        table_cell(table, "%s", fits[i].benchmark->name);
        table_cell(table, "%s", fits[i].benchmark->group);
        table_cell(table, "%zu", q->n);
        table_number(table, 4, q->r2);
        table_number(table, 4, q->loo_q2);
        table_number(table, 4, q->adjusted_r2);
        table_number(table, decimals_for(&fits[i].law.z_max, 1), q->loo_rmse);
        table_number(table, 2, q->spearman);
        table_number(table, 2, q->loo_spearman);
        if (q->p_value < 0.0001) {
            table_cell(table, "<.0001");
        } else {
            table_number(table, 4, q->p_value);
        }
        table_number(table, 4, q->random_r2);
    }
    table_print(table);
    print_wrapped(
        stdout, 0,
        "R² and rho (Spearman) describe the candidates fitted. LOO: each candidate left out in "
        "turn and predicted from the others, RMSE in the benchmark's own units; trust these. "
        "random R²: what as many random scores would reach.");
}

static void print_groups(const fit *fits, size_t n) {
    static const char *const HEADERS[] = {"<group mean", "benchmarks", "R²", "LOO Q²"};
    group_mean *means = allocate(n, sizeof *means);
    const size_t n_groups = mean_by_group(means, fits, n);
    text_table *table = table_new(4, HEADERS);
    for (size_t g = 0; g < n_groups; g++) {
        table_cell(table, "%s", means[g].name);
        table_cell(table, "%zu", means[g].n);
        table_number(table, 4, means[g].r2);
        table_number(table, 4, means[g].loo_q2);
    }
    putchar('\n');
    table_print(table);
    free(means);
}

static void coefficient_cell(text_table *table, const ec_law *law, ec_law_term term) {
    if (!law->in_model[term]) {
        table_cell(table, "-");
    } else if (law->undetermined[term]) {
        table_cell(table, "%.3f ?", law->w[term]);
    } else if (isnan(law->se[term])) {
        table_cell(table, "%.3f", law->w[term]);
    } else {
        table_cell(table, "%.3f ±%.2f", law->w[term], law->se[term]);
    }
}

static void print_coefficients(const fit *fits, size_t n) {
    static const char *const HEADERS[] = {"<coefficients", "1", "A", "C", "A²", "AC", "C²"};
    text_table *table = table_new(1 + EC_LAW_TERMS, HEADERS);
    for (size_t i = 0; i < n; i++) {
        if (!fits[i].fitted) continue;
        table_cell(table, "%s", fits[i].benchmark->name);
        for (int term = 0; term < EC_LAW_TERMS; term++)
            coefficient_cell(table, &fits[i].law, (ec_law_term)term);
    }
    putchar('\n');
    table_print(table);
    print_wrapped(
        stdout, 0,
        "± standard error. A and C run from 0 to 1 over all candidates, the benchmark from 0 to "
        "1 over those fitted.");
}

/* "A2, AC, C2" */
static bool undetermined_names(const ec_law *law, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int term = 0; term < EC_LAW_TERMS; term++) {
        if (!law->undetermined[term] || used >= size) continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                 ec_law_term_name((ec_law_term)term));
    }
    return used > 0;
}

/* What could not be fitted, and what the points do not say, on stderr. */
static void print_warnings(const fit *fits, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char names[64];
        if (!fits[i].fitted) {
            note("%s: not fitted: %s", fits[i].benchmark->name, fits[i].reason);
        } else if (undetermined_names(&fits[i].law, names, sizeof names)) {
            note("%s: %zu candidates do not determine %s (marked ?); the smallest coefficients "
                 "that fit "
                 "are shown. Finetune more candidates with other A and C, or choose a smaller "
                 "--model",
                 fits[i].benchmark->name, fits[i].quality.n, names);
        }
    }
}

/* ---- for programs --------------------------------------------------------------------------- */

static json_t *coefficients_json(const ec_law *law, const double *values) {
    json_t *object = json_object();
    for (int term = 0; term < EC_LAW_TERMS; term++)
        json_object_set_new(object, ec_law_term_name((ec_law_term)term),
                            law->in_model[term] ? json_number(values[term]) : json_null());
    return object;
}

static json_t *undetermined_json(const ec_law *law) {
    json_t *array = json_array();
    for (int term = 0; term < EC_LAW_TERMS; term++) {
        if (law->undetermined[term])
            json_array_append_new(array, json_string(ec_law_term_name((ec_law_term)term)));
    }
    return array;
}

static json_t *fit_json(const fit *f) {
    const ec_law_quality *q = &f->quality;
    const ec_law *law = &f->law;
    return json_pack(
        "{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:{s:o, s:o}, s:{s:o, s:o}, s:{s:o, s:o}}",
        "name", json_text(f->benchmark->name), "group", json_text(f->benchmark->group), "n",
        (json_int_t)q->n, "r2", json_number(q->r2), "adjusted_r2", json_number(q->adjusted_r2),
        "loo_q2", json_number(q->loo_q2), "loo_rmse", json_number(q->loo_rmse), "spearman",
        json_number(q->spearman), "loo_spearman", json_number(q->loo_spearman), "f",
        json_number(q->f), "f_df1", json_number(q->f_df1), "f_df2", json_number(q->f_df2),
        "p_value", json_number(q->p_value), "random_r2", json_number(q->random_r2), "coefficients",
        coefficients_json(law, law->w), "standard_errors", coefficients_json(law, law->se),
        "undetermined", undetermined_json(law), "a_range", "min", json_number(law->range.a_min),
        "max", json_number(law->range.a_max), "c_range", "min", json_number(law->range.c_min),
        "max", json_number(law->range.c_max), "z_range", "min", json_number(law->z_min), "max",
        json_number(law->z_max));
}

static json_t *groups_json(const fit *fits, size_t n) {
    json_t *array = json_array();
    group_mean *means = allocate(n, sizeof *means);
    const size_t n_groups = mean_by_group(means, fits, n);
    for (size_t g = 0; g < n_groups; g++)
        json_array_append_new(
            array, json_pack("{s:o, s:I, s:o, s:o}", "name", json_text(means[g].name),
                             "n_benchmarks", (json_int_t)means[g].n, "r2", json_number(means[g].r2),
                             "loo_q2", json_number(means[g].loo_q2)));
    free(means);
    return array;
}

static void print_json(const ec_study *study, const ec_study_snapshot *snapshot,
                       const arguments *args, const fit *fits, size_t n) {
    const option_value *v = args->values;
    json_t *benchmarks = json_array(), *skipped = json_array();
    for (size_t i = 0; i < n; i++) {
        if (fits[i].fitted) {
            json_array_append_new(benchmarks, fit_json(&fits[i]));
        } else {
            json_array_append_new(skipped, json_pack("{s:o, s:o}", "name",
                                                     json_text(fits[i].benchmark->name), "reason",
                                                     json_text(fits[i].reason)));
        }
    }
    json_t *all =
        json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "study", json_text(ec_study_name(study)),
                  "model", law_model_at(v[O_MODEL].choice), "ridge", json_number(v[O_RIDGE].number),
                  "benchmarks", benchmarks, "groups", groups_json(fits, n), "skipped", skipped);
    columns_add_json(all, snapshot);
    json_print(all);
}

/* ---- the weights of other than two scores --------------------------------------------------- */

/* One benchmark and what its results say of the scores. */
typedef struct weighing {
    const ec_benchmark *benchmark;
    bool done;
    ec_score_weight *weights; /* [columns], owned */
    ec_weights_quality quality;
    char reason[EC_ERROR_MESSAGE_SIZE];
} weighing;

static void weigh_benchmark(weighing *out, const ec_study *study, const ec_study_snapshot *snapshot,
                            size_t b) {
    const ec_table *table = &snapshot->table;
    const size_t n_placed = ec_law_points_of(NULL, NULL, NULL, NULL, table, b);
    ec_error err;
    *out = (weighing){.benchmark = ec_study_benchmark(study, b),
                      .weights = allocate(ec_table_n_used(table), sizeof *out->weights)};
    out->done = ec_rank_weights(out->weights, &out->quality, table, b, &err) == EC_OK;
    if (!out->done && n_placed < 2)
        say_too_few(out->reason, sizeof out->reason, study, snapshot, b, n_placed);
    else if (!out->done)
        snprintf(out->reason, sizeof out->reason, "%s", err.message);
}

static void print_weights(const ec_study_snapshot *snapshot, const weighing *all, size_t n) {
    const size_t d = ec_table_n_used(&snapshot->table);
    const char **headers = allocate(d + 5, sizeof *headers);
    headers[0] = "<benchmark";
    headers[1] = "<group";
    headers[2] = "n";
    headers[3] = "LOO RMSE";
    headers[4] = "LOO rho";
    for (size_t j = 0; j < d; j++) headers[5 + j] = column_at(snapshot, j);
    text_table *table = table_new(d + 5, headers);
    for (size_t i = 0; i < n; i++) {
        if (!all[i].done) continue;
        const ec_weights_quality *q = &all[i].quality;
        table_cell(table, "%s", all[i].benchmark->name);
        table_cell(table, "%s", all[i].benchmark->group);
        table_cell(table, "%zu", q->n);
        table_number(table, decimals_for(&q->loo_rmse, 1), q->loo_rmse);
        table_number(table, 2, q->loo_spearman);
        for (size_t j = 0; j < d; j++)
            table_cell(table, "%.2f ±%.2f", all[i].weights[j].mean, all[i].weights[j].sd);
    }
    putchar('\n');
    table_print(table);
    free(headers);
}

static void print_weights_text(const ec_study *study, const ec_study_snapshot *snapshot,
                               const weighing *all, size_t n) {
    const size_t d = ec_table_n_used(&snapshot->table);
    printf("The weights of the scores of %s: the model of 'eyechart rank'\n", ec_study_name(study));
    print_columns(snapshot);
    print_weights(snapshot, all, n);
    char *line = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&line, &size);
    if (stream == NULL) return;
    fputs("Posterior mean ± standard deviation of the weight of each score, before any "
          "result",
          stream);
    for (size_t i = 0, shown = 0; i < n && shown == 0; i++)
        for (size_t j = 0; j < d && all[i].done; j++)
            fprintf(stream, "%s %.2f", shown++ > 0 ? "," : "", all[i].weights[j].given);
    fputs(", each ±33 %. More results move them further. LOO: each candidate left out in turn and "
          "predicted from the "
          "others, RMSE in the benchmark's own units.",
          stream);
    if (fclose(stream) == 0) print_wrapped(stdout, 0, line);
    free(line);
}

static json_t *weighing_json(const ec_study_snapshot *snapshot, const weighing *w) {
    json_t *weights = json_array();
    for (size_t j = 0; j < ec_table_n_used(&snapshot->table); j++)
        json_array_append_new(weights, json_pack("{s:o, s:o, s:o, s:o, s:o}", "name",
                                                 json_text(column_at(snapshot, j)), "given",
                                                 json_number(w->weights[j].given), "mean",
                                                 json_number(w->weights[j].mean), "sd",
                                                 json_number(w->weights[j].sd), "slope",
                                                 json_number(w->weights[j].slope)));
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o}", "name", json_text(w->benchmark->name),
                     "group", json_text(w->benchmark->group), "n", (json_int_t)w->quality.n,
                     "loo_rmse", json_number(w->quality.loo_rmse), "loo_spearman",
                     json_number(w->quality.loo_spearman), "weights", weights);
}

static void print_weights_json(const ec_study *study, const ec_study_snapshot *snapshot,
                               const weighing *all, size_t n) {
    json_t *benchmarks = json_array(), *skipped = json_array();
    for (size_t i = 0; i < n; i++) {
        if (all[i].done)
            json_array_append_new(benchmarks, weighing_json(snapshot, &all[i]));
        else
            json_array_append_new(skipped,
                                  json_pack("{s:o, s:o}", "name", json_text(all[i].benchmark->name),
                                            "reason", json_text(all[i].reason)));
    }
    json_t *object =
        json_pack("{s:o, s:n, s:n, s:o, s:[], s:o}", "study", json_text(ec_study_name(study)),
                  "model", "ridge", "benchmarks", benchmarks, "groups", "skipped", skipped);
    columns_add_json(object, snapshot);
    json_print(object);
}

static int weigh_all(const ec_study *study, const ec_study_snapshot *snapshot,
                     const selection *chosen, const arguments *args) {
    const option_value *v = args->values;
    if (v[O_MODEL].given || v[O_RIDGE].given)
        return usage_error(args->command,
                           "--model and --ridge are of the law, which is a function of two "
                           "columns; there are %zu here",
                           ec_table_n_used(&snapshot->table));
    weighing *all = allocate(chosen->n, sizeof *all);
    size_t n_done = 0;
    for (size_t i = 0; i < chosen->n; i++) {
        weigh_benchmark(&all[i], study, snapshot, chosen->index[i]);
        n_done += all[i].done;
        if (!all[i].done) note("%s: not fitted: %s", all[i].benchmark->name, all[i].reason);
    }
    if (v[O_JSON].given)
        print_weights_json(study, snapshot, all, chosen->n);
    else if (n_done > 0)
        print_weights_text(study, snapshot, all, chosen->n);
    for (size_t i = 0; i < chosen->n; i++) free(all[i].weights);
    free(all);
    return n_done > 0 ? EXIT_DONE : EXIT_DATA;
}

/* ---- the command ---------------------------------------------------------------------------- */

static void print_text(const ec_study *study, const ec_study_snapshot *snapshot,
                       const arguments *args, const fit *fits, size_t n) {
    const option_value *v = args->values;
    printf("The law of %s: %s model", ec_study_name(study), law_model_at(v[O_MODEL].choice));
    if (v[O_RIDGE].number > 0.0) printf(", ridge %g", v[O_RIDGE].number);
    putchar('\n');
    print_columns(snapshot);
    putchar('\n');
    print_quality(fits, n);
    print_groups(fits, n);
    print_coefficients(fits, n);
}

static int fit_all(const ec_study *study, const ec_study_snapshot *snapshot,
                   const selection *chosen, const arguments *args) {
    const ec_law_options options = {.model = (ec_law_model)args->values[O_MODEL].choice,
                                    .ridge = args->values[O_RIDGE].number};
    fit *fits = allocate(chosen->n, sizeof *fits);
    size_t n_fitted = 0;
    for (size_t i = 0; i < chosen->n; i++) {
        fit_benchmark(&fits[i], study, snapshot, chosen->index[i], &options);
        n_fitted += fits[i].fitted;
    }
    print_warnings(fits, chosen->n);
    if (args->values[O_JSON].given) {
        print_json(study, snapshot, args, fits, chosen->n);
    } else if (n_fitted > 0) {
        print_text(study, snapshot, args, fits, chosen->n);
    }
    free(fits);
    return n_fitted > 0 ? EXIT_DONE : EXIT_DATA;
}

static int run(const arguments *args) {
    study_view view;
    int status = study_view_open(&view, args);
    if (status == EXIT_DONE) {
        const bool is_law = ec_table_n_used(&view.snapshot->table) == 2;
        status = (is_law ? fit_all : weigh_all)(view.study, view.snapshot, &view.over, args);
    }
    study_view_close(&view);
    return status;
}

const command CMD_FIT = {
    .name = "fit",
    .purpose = "fit the law per benchmark, with its left-out quality",
    .about =
        "Fits z = w0 + w1 A + w2 C + w3 A2 + w4 AC + w5 C2 for each benchmark to the candidates "
        "that "
        "have a result and both scores, by least squares on min-max normalised scores, as the "
        "paper "
        "does. R2 in-sample stands beside what counts: Q2 and RMSE with each candidate left out in "
        "turn. The law knows two scores. With --columns of other than two it says what the results "
        "make of the weights of the scores, in the model of 'eyechart rank'.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
};
