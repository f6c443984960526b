/* cmd_rank.c - eyechart rank: which candidate is the best, and how sure that is */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/findings.h"
#include "cli/output.h"
#include "cli/ranking.h"
#include "cli/study.h"
#include "eyechart/asking.h"

enum {
    O_STUDY,
    SELECTION_PLACES,
    O_WEIGHTS,
    O_KNOWN,
    O_BASELINES,
    COLUMNS_PLACES,
    RANKING_PLACES,
    O_ENOUGH,
    O_JSON
};

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    SELECTION_OPTIONS,
    [O_WEIGHTS] = OPTION_WEIGHTS,
    [O_KNOWN] = {.name = "known",
                 .argument = "NAME",
                 .type = VALUE_TEXT,
                 .repeatable = true,
                 .help =
                     "rank as if only this candidate had been finetuned; 'none': as if none had"},
    [O_BASELINES] = {.name = "baselines",
                     .help =
                         "add the places by A alone, by A + C and at random, which use no result"},
    COLUMNS_OPTIONS,
    RANKING_OPTIONS,
    [O_ENOUGH] = OPTION_ENOUGH,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {OPERAND_STUDY_BUILT_IN, {0}};

static const example EXAMPLES[] = {
    {"eyechart rank mystudy/", "over all benchmarks of the study"},
    {"eyechart rank mystudy/ --benchmark mme", "over one benchmark, in its own units"},
    {"eyechart rank mystudy/ --group ocr --weights textvqa=2,vizwiz=1",
     "what matters for reading text"},
    {"eyechart rank paper-2024 --known CLIP@224 --known C+D@336 --baselines",
     "what two finetunings would have told of the 13 settings of the paper"},
    {"eyechart rank mystudy/ --columns A,C,mutual_knn=0.5",
     "by a third score as well, which counts half as much until results say more"},
    {0},
};

/* All that the output needs. */
typedef struct ranking {
    ec_study *study;
    const ec_study_snapshot *snapshot;
    const selection *over;
    ec_table table;    /* the snapshot's, with only the known results */
    double *z;         /* [3][n_benchmarks][n_candidates] z, z_se and z_n, owned */
    double *weights;   /* [over->n], owned */
    ec_ranked *rows;   /* [n_candidates], owned */
    double *baselines; /* [EC_BASELINES][n_candidates], owned; NULL: not asked for */
    size_t n_used;     /* candidates with both scores and a result, on a benchmark ranked over */
    size_t n_measured; /* candidates with a result */
    bool hidden;       /* --known was given */
    ec_rank_options options;
    ranking_warnings warnings;
    ec_rank_about about; /* left_out [over->n] is owned */
    ec_decision decision;
} ranking;

/* ---- options -------------------------------------------------------------------------------- */

/* Copies the results, of the --known candidates alone where there are such. */
static int set_results(ranking *r, const option_value *known) {
    const ec_table *all = &r->snapshot->table;
    const size_t n = all->n_candidates, size = all->n_benchmarks * n;
    bool *shown = allocate(n, sizeof *shown);
    int status = EXIT_DONE;
    r->hidden = known->given;
    for (size_t i = 0; i < n; i++) shown[i] = !known->given;
    for (size_t k = 0; k < known->n_all && status == EXIT_DONE; k++) {
        size_t i;
        if (strcmp(known->all[k], "none") == 0) continue;
        status = study_find_candidate(&i, r->study, known->all[k]);
        if (status == EXIT_DONE) shown[i] = true;
    }
    r->z = allocate(3 * size, sizeof *r->z);
    double *se = r->z + size, *times = se + size;
    for (size_t k = 0; k < size; k++) {
        const bool is_shown = shown[k % n];
        r->z[k] = is_shown ? all->z[k] : NAN;
        se[k] = is_shown && all->z_se != NULL ? all->z_se[k] : NAN;
        times[k] = !is_shown ? 0.0 : all->z_n != NULL ? all->z_n[k] : (double)isfinite(all->z[k]);
    }
    r->table = *all;
    r->table.z = r->z;
    r->table.z_se = se;
    r->table.z_n = times;
    free(shown);
    return status;
}

static void count_results(ranking *r) {
    const size_t n = r->table.n_candidates;
    for (size_t i = 0; i < n; i++) {
        bool measured = false, used = false;
        for (size_t k = 0; k < r->over->n; k++) {
            const size_t at = r->over->index[k] * n + i;
            if (!isfinite(r->z[at])) continue;
            measured = true;
            used = used || ec_table_places(&r->table, r->over->index[k], i);
        }
        r->n_measured += measured;
        r->n_used += used;
    }
}

/* ---- for people ----------------------------------------------------------------------------- */

/* What is ranked and over what; a study may have many benchmarks. */
static void print_subject(const ranking *r) {
    char *text = NULL;
    size_t size = 0;
    FILE *line = open_memstream(&text, &size);
    if (line == NULL) return;
    fprintf(line, "%s: %zu candidates, %zu finetuned, ranked over ", ec_study_name(r->study),
            r->table.n_candidates, r->n_measured);
    for (size_t i = 0; i < r->over->n; i++) {
        fprintf(line, "%s%s", i == 0 ? "" : ", ",
                ec_study_benchmark(r->study, r->over->index[i])->name);
        if (r->over->n > 1 && r->weights[i] != 1.0) fprintf(line, " (weight %g)", r->weights[i]);
    }
    if (fclose(line) == 0) print_wrapped(stdout, 0, text);
    free(text);
}

static void print_title(const ranking *r) {
    const ec_law_options *law = &r->options.law;
    print_subject(r);
    if (r->options.model == EC_RANK_GP) {
        printf("model: Gaussian process around the scores' sum");
    } else {
        printf("model: %s law", ec_law_model_name(law->model));
        if (law->ridge > 0.0) printf(", ridge %g", law->ridge);
    }
    printf("; %zu samples, seed %llu\n", r->options.n_samples, (unsigned long long)r->options.seed);
    print_columns(r->snapshot);
    ranking_warnings_print(&r->warnings);
}

static bool has_chances(const ranking *r) {
    for (size_t i = 0; i < r->table.n_candidates; i++)
        if (!isnan(r->rows[i].p_best)) return true;
    return false;
}

/* Nothing is known of the others, so that they stand behind in any order. */
static bool has_place(const ec_ranked *row) {
    return !isnan(row->measured) || !isnan(row->predicted) || !isnan(row->p_best);
}

/* What a ranking on next to nothing rests on. */
static void print_basis(const ranking *r) {
    const bool is_law = r->options.model == EC_RANK_LAW;
    if (!is_law && r->table.n_candidates > 0 && !has_place(&r->rows[0])) {
        char line[400], names[300];
        const size_t n_used = ec_table_n_used(&r->table);
        ec_rank_columns_text(names, sizeof names, r->snapshot->scores, 2 + r->table.n_more);
        snprintf(line, sizeof line,
                 "No candidate has a result, nor %s%s: there is nothing to rank by.",
                 n_used == 2  ? "both "
                 : n_used > 2 ? "all of "
                              : "",
                 names);
        putchar('\n');
        print_wrapped(stdout, 0, line);
        return;
    }
    if (r->n_used >= 2 && (!is_law || has_chances(r))) return;
    const char *text =
        r->n_used >= 2
            ? "Too few results for intervals and chances: they take two candidates more than the "
              "law has coefficients, on every benchmark. --model gp has them from two results on, "
              "a smaller --law-model sooner than a larger one."
        : is_law ? "The law cannot be fitted to fewer than 2 results, so "
                   "only what was measured is ranked."
        : !columns_are_usual(r->snapshot) && r->n_used == 0
            ? "No result is known, so the order is that of the scores' weighted sum: more of each "
              "counts as better. There is no scale for predictions yet."
        : !columns_are_usual(r->snapshot)
            ? "One result is known. It does not give a scale, so there are no predictions yet; the "
              "order rests on the scores' weighted sum, bent by that result. From the second "
              "result on there are intervals."
        : r->n_used == 0
            ? "No result is known, so the order is that of A + C: the law says that more of both "
              "is "
              "better. There is no scale for predictions yet. The chances hold as far as that "
              "holds: "
              "over the 8 benchmarks of the paper, the best of 13 was among the first 3 in 6."
            : "One result is known. It does not give a scale, so there are no predictions yet; the "
              "order "
              "rests on A + C, bent by that result. From the second result on there are intervals.";
    putchar('\n');
    print_wrapped(stdout, 0, text);
    if (!is_law && r->n_measured > r->n_used)
        print_wrapped(stdout, 0,
                      ec_table_n_used(&r->table) == 2
                          ? "Only candidates with both scores count here; results of others are "
                            "shown, not ranked."
                          : "Only candidates with all scores count here; results of others are "
                            "shown, not ranked.");
}

static void chance_cell(text_table *table, double chance) {
    if (isnan(chance)) {
        table_cell(table, "-");
    } else if (chance > 0.0 && chance < 0.0005) {
        table_cell(table, "<.001");
    } else {
        table_cell(table, "%.3f", chance);
    }
}

static int value_decimals(const ranking *r) {
    if (r->over->n > 1) return 2; /* percent */
    double largest = 0.0;
    for (size_t i = 0; i < r->table.n_candidates; i++) {
        const double value =
            isnan(r->rows[i].predicted) ? r->rows[i].measured : r->rows[i].predicted;
        largest = fmax(largest, fabs(value));
    }
    return decimals_for(&largest, 1);
}

/* As `study show` has it; of the results that are not hidden. */
static const char *state_of(const ranking *r, size_t i) {
    const ec_table *t = &r->table;
    if (!r->hidden && r->snapshot->pending[i]) return "pending";
    for (size_t b = 0; b < t->n_benchmarks; b++)
        if (isfinite(r->z[b * t->n_candidates + i])) return "finetuned";
    return !r->hidden && r->snapshot->failed[i] ? "failed" : "none";
}

static bool is_in_state(const ranking *r, size_t i, const char *state) {
    return strcmp(state_of(r, i), state) == 0;
}

static size_t count_state(const ranking *r, const char *state) {
    size_t n = 0;
    for (size_t i = 0; i < r->table.n_candidates; i++) n += is_in_state(r, i, state);
    return n;
}

/* "*", "* failed": what the table cannot show by numbers. */
static void mark_cell(text_table *table, const ranking *r, const ec_ranked *row) {
    const char *star = isnan(row->p_beats_best) || row->separable ? "" : "*";
    const bool said =
        is_in_state(r, row->candidate, "pending") || is_in_state(r, row->candidate, "failed");
    table_cell(table, "%s%s%s", star, *star != '\0' && said ? " " : "",
               said ? state_of(r, row->candidate) : "");
}

static void print_row(text_table *table, const ranking *r, size_t place, int decimals) {
    const ec_ranked *row = &r->rows[place];
    if (has_place(row))
        table_cell(table, "%zu", place + 1);
    else
        table_cell(table, "-");
    table_cell(table, "%s", ec_study_candidate(r->study, row->candidate)->name);
    table_number(table, decimals, row->measured);
    table_number(table, decimals, row->predicted);
    if (isnan(row->low) || isnan(row->high)) {
        table_cell(table, "-");
    } else {
        table_cell(table, "%.*f to %.*f", decimals, row->low, decimals, row->high);
    }
    chance_cell(table, row->p_best);
    chance_cell(table, row->p_top3);
    for (int k = 0; k < EC_BASELINES && r->baselines != NULL; k++) {
        const double baseline = r->baselines[(size_t)k * r->table.n_candidates + row->candidate];
        table_number(table, baseline == floor(baseline) ? 0 : 1, baseline);
    }
    mark_cell(table, r, row);
}

static void print_rows(const ranking *r) {
    char interval[32];
    snprintf(interval, sizeof interval, "%g %% interval", 100.0 * r->options.level);
    const char *const headers[] = {"",       "<candidate", "measured", "predicted",
                                   interval, "p(best)",    "p(top 3)", "A",
                                   "A+C",    "random",     "<"};
    const char *plain[8];
    memcpy(plain, headers, 7 * sizeof *plain);
    plain[7] = "<";
    text_table *table = r->baselines != NULL ? table_new(11, headers) : table_new(8, plain);
    const int decimals = value_decimals(r);
    for (size_t place = 0; place < r->table.n_candidates; place++)
        print_row(table, r, place, decimals);
    putchar('\n');
    table_print(table);
}

/* What the words in the last column mean. */
static void print_states(const ranking *r) {
    const bool pending = count_state(r, "pending") > 0, failed = count_state(r, "failed") > 0;
    char line[300];
    snprintf(line, sizeof line, "%s%s%s",
             pending ? "pending: kept for a worker, its results are awaited." : "",
             pending && failed ? " " : "",
             failed ? "failed: told as failed or given up by a run, and not asked for; 'eyechart "
                      "withdraw --failed' takes that back."
                    : "");
    if (*line != '\0') print_wrapped(stdout, 0, line);
}

static void add_hours(FILE *to, const char *before, double hours) {
    /* As many digits as matter: .0012, .37, 4.25, 37.5, 540. */
    const int digits = hours < 1.0 ? 0 : hours < 10.0 ? 2 : hours < 100.0 ? 1 : 0;
    const double unit = pow(10.0, digits);
    if (hours < 1.0)
        fprintf(to, "%s%.2g", before, hours);
    else
        fprintf(to, "%s%.15g", before, round(hours * unit) / unit);
}

/* Of those that are neither finetuned nor failed. */
static void add_hours_left(FILE *to, const ranking *r) {
    const ec_study_snapshot *s = r->snapshot;
    size_t n_left = 0;
    for (size_t i = 0; i < r->table.n_candidates; i++) {
        bool observed = false;
        for (size_t b = 0; b < r->table.n_benchmarks; b++)
            observed |= isfinite(r->z[b * r->table.n_candidates + i]);
        n_left += !observed && !s->failed[i];
    }
    if (n_left == 0) return;
    add_hours(to, ", ", s->hours_left);
    fprintf(to, " to spend on the other %zu", n_left);
}

static void print_hours(const ranking *r) {
    const ec_study_snapshot *s = r->snapshot;
    const size_t n = r->table.n_candidates;
    char *text = NULL;
    size_t size = 0;
    if (r->hidden) return;
    FILE *line = open_memstream(&text, &size);
    if (line == NULL) return;
    if (s->n_cost_unknown + s->n_failed >= n && !(s->hours_failed > 0.0)) {
        fputs("GPU-hours: not known; declare 'cost' in study.yaml or give --hours to tell.", line);
    } else {
        add_hours(line, "GPU-hours: ", s->hours_spent);
        fputs(" spent", line);
        if (s->hours_failed > 0.0) add_hours(line, ", ", s->hours_spent - s->hours_failed);
        fprintf(line, " on %zu finetuned", s->n_observed);
        if (s->hours_failed > 0.0) {
            add_hours(line, " and ", s->hours_failed);
            fputs(" that led to no result", line);
        }
        add_hours_left(line, r);
        if (s->n_cost_unknown > 0)
            fprintf(line, "; %zu of unknown cost not counted", s->n_cost_unknown);
        fputc('.', line);
    }
    if (fclose(line) == 0) print_wrapped(stdout, 0, text);
    free(text);
}

static bool is_left_out(const ranking *r, size_t k) {
    return r->about.left_out[k] && r->weights[k] != 0.0;
}

/* The first column that counts and that nobody has for the k-th benchmark ranked over; the number
 * of columns where there is none. */
static size_t absent_column(const ranking *r, size_t k) {
    const size_t n_columns = ec_table_n_used(&r->table);
    for (size_t j = 0; j < n_columns; j++) {
        size_t i = 0;
        while (i < r->table.n_candidates &&
               isnan(ec_table_used(&r->table, r->over->index[k], j, i)))
            i++;
        if (i == r->table.n_candidates) return j;
    }
    return n_columns;
}

/* Adds a name to a list of them that may have no room for it. */
static void add_name(char *text, size_t size, const char *name) {
    const size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%.60s", length > 0 ? ", " : "", name);
}

/* Benchmarks that do not count, by name, and for want of what. */
static void print_left_out(const ranking *r) {
    const size_t n_columns = ec_table_n_used(&r->table);
    for (size_t j = 0; j <= n_columns; j++) {
        char names[600] = "", line[900];
        for (size_t k = 0; k < r->over->n; k++)
            if (is_left_out(r, k) && absent_column(r, k) == j)
                add_name(names, sizeof names,
                         ec_study_benchmark(r->study, r->over->index[k])->name);
        if (*names == '\0') continue;
        if (j < n_columns)
            snprintf(line, sizeof line, "Left out: %s, for which no candidate has %s.", names,
                     r->snapshot->scores[ec_table_used_index(&r->table, j)].name);
        else
            snprintf(line, sizeof line,
                     "Left out: %s, with fewer than 2 different results of candidates that have "
                     "their scores; it counts from the second on.",
                     names);
        print_wrapped(stdout, 0, line);
    }
}

static void print_decision(const ranking *r) {
    char text[600];
    ec_study_decision_text(text, sizeof text, r->study, &r->decision,
                           ec_study_gain_unit(r->over->n));
    if (*text == '\0') return;
    char line[640];
    snprintf(line, sizeof line, "=> %s", text);
    print_wrapped(stdout, 0, line);
}

/* A and C are in their places. */
static bool goes_by_scores(const ranking *r) {
    const ec_rank_column *of = r->snapshot->scores;
    return strcmp(of[0].name, "A") == 0 && of[1].name != NULL && strcmp(of[1].name, "C") == 0;
}

/* Whether the k-th benchmark ranked over counts and candidate i lacks the j-th column for it. */
static bool lacks(const ranking *r, size_t k, size_t j, size_t i) {
    return !r->about.left_out[k] && isnan(ec_table_used(&r->table, r->over->index[k], j, i));
}

/* Who has no prediction for want of the j-th column that counts, by name, and for which benchmarks
 * that count; `where` stays empty where they have it for none at all. */
static size_t count_lacking(const ranking *r, size_t j, char *names, size_t size, char *where,
                            size_t where_size) {
    size_t n = 0;
    bool everywhere = true, *on = allocate(r->over->n, sizeof *on);
    for (size_t place = 0; place < r->table.n_candidates; place++) {
        const size_t i = r->rows[place].candidate;
        bool any = false, all = true;
        if (!isnan(r->rows[place].predicted)) continue;
        for (size_t k = 0; k < r->over->n; k++) {
            any |= lacks(r, k, j, i);
            on[k] |= lacks(r, k, j, i);
            all &= isnan(ec_table_used(&r->table, r->over->index[k], j, i));
        }
        if (!any) continue;
        everywhere &= all;
        if (n++ < 4) add_name(names, size, ec_study_candidate(r->study, i)->name);
    }
    const size_t length = strlen(names);
    if (n > 4) snprintf(names + length, size - length, " and %zu more", n - 4);
    for (size_t k = 0; k < r->over->n && !everywhere; k++)
        if (on[k])
            add_name(where, where_size, ec_study_benchmark(r->study, r->over->index[k])->name);
    free(on);
    return n;
}

/* Who cannot be placed, and for want of what. */
static void print_lacking(const ranking *r) {
    for (size_t j = 0; j < ec_table_n_used(&r->table); j++) {
        char names[400] = "", where[400] = "", line[1000];
        const size_t n = count_lacking(r, j, names, sizeof names, where, sizeof where);
        if (n == 0) continue;
        snprintf(line, sizeof line, "Without %s%s%s, and so without prediction: %zu of %zu (%s).",
                 r->snapshot->scores[ec_table_used_index(&r->table, j)].name,
                 *where != '\0' ? " for " : "", where, n, r->table.n_candidates, names);
        print_wrapped(stdout, 0, line);
    }
}

static void print_text(const ranking *r) {
    print_title(r);
    print_basis(r);
    print_rows(r);
    char text[900], mark[300] = "";
    if (has_chances(r))
        snprintf(mark, sizeof mark,
                 " p(best): the chance that no other is better, results counting as far as they "
                 "are not noise. * "
                 "cannot be told from the first at %g %%.",
                 100.0 * r->options.level);
    snprintf(
        text, sizeof text, "%s Predictions and intervals are what a finetuning would measure.%s%s",
        r->over->n > 1 ? "Percent of the full scale of each benchmark, and their weighted mean."
                       : "In the benchmark's own units.",
        mark, r->baselines != NULL ? " A, A+C, random: place by that alone." : "");
    print_wrapped(stdout, 0, text);
    print_states(r);
    print_left_out(r);
    print_lacking(r);
    print_hours(r);
    print_decision(r);
    fflush(stdout); /* before what goes to stderr */
    if (goes_by_scores(r)) study_suggest_score(r->study, &r->snapshot->table);
}

/* ---- for programs --------------------------------------------------------------------------- */

static json_t *row_json(const ranking *r, size_t place) {
    const ec_ranked *row = &r->rows[place];
    const double *baselines = r->baselines;
    const size_t n = r->table.n_candidates;
    json_t *object = json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
        json_text(ec_study_candidate(r->study, row->candidate)->name), "state",
        state_of(r, row->candidate), "measured", json_number(row->measured), "predicted",
        json_number(row->predicted), "low", json_number(row->low), "high", json_number(row->high),
        "p_best", json_number(row->p_best), "p_top3", json_number(row->p_top3), "p_beats_first",
        json_number(row->p_beats_best), "separable",
        isnan(row->p_beats_best) ? json_null() : json_boolean(row->separable), "value",
        json_number(r->about.scale_known ? row->order : NAN), "gain", json_number(row->gain));
    if (baselines != NULL)
        json_object_set_new(object, "baselines",
                            json_pack("{s:o, s:o, s:o}", "a",
                                      json_number(baselines[row->candidate]), "a_plus_c",
                                      json_number(baselines[n + row->candidate]), "random",
                                      json_number(baselines[2 * n + row->candidate])));
    return object;
}

static void print_json(const ranking *r) {
    const ec_study_snapshot *s = r->snapshot;
    json_t *benchmarks = json_array(), *candidates = json_array();
    for (size_t i = 0; i < r->over->n; i++)
        json_array_append_new(
            benchmarks, json_pack("{s:o, s:o, s:o, s:o, s:b}", "name",
                                  json_text(ec_study_benchmark(r->study, r->over->index[i])->name),
                                  "weight", json_number(r->weights[i]), "low",
                                  json_number(r->table.low[r->over->index[i]]), "high",
                                  json_number(r->table.high[r->over->index[i]]), "left_out",
                                  r->about.left_out[i]));
    for (size_t place = 0; place < r->table.n_candidates; place++)
        json_array_append_new(candidates, row_json(r, place));
    json_t *all =
        json_pack("{s:o, s:o, s:s, s:s, s:o, s:I, s:I, s:I, s:I}", "study",
                  json_text(ec_study_name(r->study)), "benchmarks", benchmarks, "units",
                  r->over->n > 1 ? "percent" : "raw", "model", rank_model_at(r->options.model),
                  "level", json_number(r->options.level), "samples",
                  (json_int_t)r->options.n_samples, "seed", (json_int_t)r->options.seed,
                  "n_finetuned", (json_int_t)r->n_measured, "n_used", (json_int_t)r->n_used);
    columns_add_json(all, r->snapshot);
    if (all != NULL && r->options.model == EC_RANK_LAW) {
        json_object_set_new(all, "law_model", json_string(ec_law_model_name(r->options.law.model)));
        json_object_set_new(all, "ridge", json_number(r->options.law.ridge));
    }
    if (all != NULL && !r->hidden) {
        json_object_set_new(all, "hours_spent", json_number(s->hours_spent));
        json_object_set_new(all, "hours_failed", json_number(s->hours_failed));
        json_object_set_new(all, "hours_left", json_number(s->hours_left));
        json_object_set_new(all, "n_cost_unknown", json_integer((json_int_t)s->n_cost_unknown));
    }
    json_object_set_new(all, "p_found", json_number(r->about.found));
    json_object_set_new(all, "decision",
                        decision_json(r->study, &r->decision, ec_study_gain_unit(r->over->n)));
    json_object_set_new(all, "warnings", ranking_warnings_json(&r->warnings));
    json_object_set_new(all, "candidates", candidates);
    json_print(all);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int compute(ranking *r, const arguments *args) {
    const option_value *v = args->values;
    const size_t n = r->table.n_candidates;
    r->options = ranking_options(args);
    r->options.weights = r->weights;
    r->options.pending = r->hidden ? NULL : r->snapshot->pending;
    r->rows = allocate(n, sizeof *r->rows);
    ec_error err;
    r->about.left_out = allocate(r->over->n, sizeof *r->about.left_out);
    if (ec_rank(r->rows, &r->about, &r->table, r->over->index, r->over->n, &r->options, &err) !=
            EC_OK ||
        ec_study_decide(&r->decision, r->study, r->snapshot, &r->table, r->rows, &r->about,
                        v[O_ENOUGH].number, &err) != EC_OK)
        return report_error(&err);
    if (!v[O_BASELINES].given) return EXIT_DONE;
    r->baselines = allocate(EC_BASELINES * n, sizeof *r->baselines);
    for (int k = 0; k < EC_BASELINES; k++) {
        if (ec_rank_baseline(r->baselines + (size_t)k * n, &r->table, r->over->index, r->over->n,
                             r->weights, (ec_baseline)k, &err) != EC_OK)
            return report_error(&err);
    }
    return EXIT_DONE;
}

static int rank(ranking *r, const arguments *args) {
    int status = weights_make(&r->weights, r->study, r->over, args);
    if (status == EXIT_DONE) status = set_results(r, &args->values[O_KNOWN]);
    if (status != EXIT_DONE) return status;
    count_results(r);
    status = ranking_warnings_find(&r->warnings, r->study, &r->table, r->snapshot->scores,
                                   r->over->index, r->over->n);
    if (status == EXIT_DONE) status = compute(r, args);
    if (status != EXIT_DONE) return status;
    if (args->values[O_JSON].given) {
        print_json(r);
    } else {
        print_text(r);
    }
    return EXIT_DONE;
}

static int run(const arguments *args) {
    study_view view;
    int status = study_view_open(&view, args);
    if (status == EXIT_DONE) {
        ranking r = {.study = view.study, .snapshot = view.snapshot, .over = &view.over};
        status = rank(&r, args);
        free(r.z);
        free(r.weights);
        free(r.rows);
        free(r.baselines);
        free(r.warnings.list);
        free(r.about.left_out);
    }
    study_view_close(&view);
    return status;
}

const command CMD_RANK = {
    .name = "rank",
    .purpose = "rank all candidates, with intervals and the chance of being best",
    .about = "A finetuned candidate counts with what was measured, as far as that is not noise, "
             "any other with "
             "the prediction of the model. The noise of a result is its standard error (tell "
             "NAME=VALUE+-ERROR), "
             "else 0.5 % of the benchmark's full scale. The chance of being best, or among the "
             "best three, comes "
             "from joint samples of what all candidates are worth. The interval beside a result "
             "says what the model "
             "would have expected. * marks those that cannot be told from the first. The last "
             "lines say what to do "
             "next: which candidate is worth its GPU-hours, or to stop. It works from no result "
             "on, and says then what it rests on. A candidate with "
             "neither a result nor both scores has no place.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
