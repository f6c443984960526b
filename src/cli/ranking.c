/* ranking.c - options of rankings, and the decision that a ranking comes to */
#include "cli/ranking.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "eyechart/asking.h"

const char *rank_model_at(size_t i) {
    static const char *const NAMES[] = {"gp", "law", NULL}; /* in the order of ec_rank_model */
    return NAMES[i];
}

const char *law_model_at(size_t i) {
    return ec_law_model_name((ec_law_model)i);
}

/* ---- columns -------------------------------------------------------------------------------- */

static int read_columns(columns_choice *out, const char *given) {
    size_t n = 1;
    for (const char *c = given; *c != '\0'; c++) n += *c == ',';
    out->list = allocate(n, sizeof *out->list);
    out->text = strdup(given);
    char *rest = out->text;
    ec_error err;
    for (char *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        if (ec_rank_column_read(&out->list[out->n], one, &err) != EC_OK)
            return usage_error(NULL, "--columns: %s", err.message);
        for (size_t k = 0; k < out->n; k++)
            if (strcmp(out->list[k].name, one) == 0)
                return usage_error(NULL, "--columns names '%s' twice", one);
        out->n++;
    }
    return EXIT_DONE;
}

int columns_make(columns_choice *out, const arguments *args) {
    const option_value *columns = option_named(args, "columns"),
                       *a = option_named(args, "a-column"), *c = option_named(args, "c-column");
    *out = (columns_choice){0};
    const bool older = a->given || c->given;
    if (columns->given && older)
        return usage_error(NULL,
                           "--columns says it all; leave --a-column and --c-column away beside it");
    if (columns->given) return read_columns(out, columns->text);
    if (!older) return EXIT_DONE;
    out->list = allocate(2, sizeof *out->list);
    out->list[0] = (ec_rank_column){a->text, 1.0};
    out->list[1] = (ec_rank_column){c->text, 1.0};
    out->n = 2;
    return EXIT_DONE;
}

void columns_release(columns_choice *choice) {
    free(choice->list);
    free(choice->text);
}

/* The study, everything known in it, by the columns chosen. */
static int open_columns(study_view *out, const arguments *args, const columns_choice *columns) {
    const int status = study_open_snapshot(&out->study, &out->snapshot, args);
    if (status != EXIT_DONE) {
        *out = (study_view){0};
        return status;
    }
    ec_error err;
    return ec_study_snapshot_choose(out->snapshot, out->study, columns->list, columns->n, &err) ==
                   EC_OK
               ? EXIT_DONE
               : report_error(&err);
}

int study_view_open(study_view *out, const arguments *args) {
    *out = (study_view){0};
    columns_choice columns;
    int status = columns_make(&columns, args);
    if (status == EXIT_DONE) status = open_columns(out, args, &columns);
    columns_release(&columns);
    if (status == EXIT_DONE) status = selection_make(&out->over, out->study, args);
    return status;
}

void study_view_close(study_view *view) {
    selection_release(&view->over);
    ec_study_snapshot_free(view->snapshot);
    ec_study_close(view->study);
}

ec_rank_options ranking_options(const arguments *args) {
    return (ec_rank_options){.model = (ec_rank_model)option_named(args, "model")->choice,
                             .law = {.model = (ec_law_model)option_named(args, "law-model")->choice,
                                     .ridge = option_named(args, "ridge")->number},
                             .level = option_named(args, "level")->number,
                             .n_samples = option_named(args, "samples")->count,
                             .seed = option_named(args, "seed")->count};
}

static size_t n_scores(const ec_study_snapshot *s) {
    return 2 + s->table.n_more;
}

bool columns_are_usual(const ec_study_snapshot *s) {
    const ec_rank_column *of = s->scores;
    return s->table.n_more == 0 && strcmp(of[0].name, "A") == 0 && of[1].name != NULL &&
           strcmp(of[1].name, "C") == 0 && of[0].weight == of[1].weight;
}

void print_columns(const ec_study_snapshot *s) {
    if (columns_are_usual(s)) return;
    char *line = NULL;
    size_t size = 0, n = 0;
    FILE *stream = open_memstream(&line, &size);
    if (stream == NULL) return;
    fputs("by the columns: ", stream);
    for (size_t k = 0; k < n_scores(s); k++) {
        const ec_rank_column *of = &s->scores[k];
        if (!(of->weight > 0.0)) continue;
        fprintf(stream, "%s%s", n++ > 0 ? ", " : "", of->name);
        if (of->weight != 1.0) fprintf(stream, " (weight %g)", of->weight);
    }
    if (fclose(stream) == 0) print_wrapped(stdout, 0, line);
    free(line);
}

void columns_add_json(json_t *to, const ec_study_snapshot *s) {
    json_t *columns = json_array();
    const char *first[2] = {NULL, NULL};
    size_t n = 0;
    for (size_t k = 0; k < n_scores(s); k++) {
        const ec_rank_column *of = &s->scores[k];
        if (!(of->weight > 0.0)) continue;
        if (n < 2) first[n] = of->name;
        n++;
        json_array_append_new(columns, json_pack("{s:o, s:o}", "name", json_text(of->name),
                                                 "weight", json_number(of->weight)));
    }
    json_object_set_new(to, "a_column", json_text(first[0]));
    json_object_set_new(to, "c_column", first[1] != NULL ? json_text(first[1]) : json_null());
    json_object_set_new(to, "columns", columns);
}

/* ---- weights of benchmarks ------------------------------------------------------------------ */

/* Position of benchmark b among those ranked over; their number when it is not. */
static size_t position_of(const selection *over, size_t b) {
    size_t i = 0;
    while (i < over->n && over->index[i] != b) i++;
    return i;
}

/* One "NAME=WEIGHT"; changes the text. */
static int set_weight(double *weights, const ec_study *study, const selection *over, char *pair) {
    char *equals = strrchr(pair, '=');
    if (equals == NULL || equals == pair)
        return usage_error(NULL, "--weights takes NAME=WEIGHT,..., not '%s'", pair);
    *equals = '\0';
    char *end;
    const double weight = strtod(equals + 1, &end);
    if (end == equals + 1 || *end != '\0' || !isfinite(weight) || weight < 0.0)
        return usage_error(NULL, "the weight of '%s' must be a number, 0 or more, not '%s'", pair,
                           equals + 1);
    size_t b;
    const int status = study_find_benchmark(&b, study, pair);
    if (status != EXIT_DONE) return status;
    const size_t i = position_of(over, b);
    if (i == over->n)
        return usage_error(
            NULL, "--weights names '%s', which is not among the benchmarks ranked over", pair);
    weights[i] = weight;
    return EXIT_DONE;
}

int weights_make(double **out, const ec_study *study, const selection *over,
                 const arguments *args) {
    const option_value *given = option_named(args, "weights");
    *out = allocate(over->n, sizeof **out);
    for (size_t i = 0; i < over->n; i++)
        (*out)[i] = ec_study_benchmark(study, over->index[i])->weight;
    if (!given->given) return EXIT_DONE;
    char *text = strdup(given->text), *rest = text;
    int status = text == NULL ? EXIT_DATA : EXIT_DONE;
    for (char *pair = strsep(&rest, ","); status == EXIT_DONE && pair != NULL;
         pair = strsep(&rest, ","))
        status = set_weight(*out, study, over, pair);
    free(text);
    return status;
}

static json_t *name_json(const ec_study *study, size_t i) {
    return i == SIZE_MAX ? json_null() : json_text(ec_study_candidate(study, i)->name);
}

json_t *decision_json(const ec_study *study, const ec_decision *d, const char *unit) {
    static const char *const ACTIONS[] = {[EC_DECIDE_BEGIN] = "begin",
                                          [EC_DECIDE_FINETUNE] = "finetune",
                                          [EC_DECIDE_STOP] = "stop",
                                          [EC_DECIDE_ANYWAY] = "anyway"};
    if (d->kind == EC_DECIDE_NOTHING) return json_null();
    char text[512];
    ec_study_decision_text(text, sizeof text, study, d, unit);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "action",
                     ACTIONS[d->kind], "candidate", name_json(study, d->candidate), "gain",
                     json_number(d->gain), "cost_hours", json_number(d->cost), "needed",
                     json_number(d->needed), "p_best", json_number(d->p_best), "found",
                     json_number(d->found), "found_after", json_number(d->found_after), "next",
                     name_json(study, d->next), "next_gain", json_number(d->next_gain),
                     "next_cost_hours", json_number(d->next_cost), "text", json_text(text));
}
