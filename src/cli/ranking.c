/* ranking.c - options of rankings, and the decision that a ranking comes to */
#include "cli/ranking.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

const char *rank_model_at(size_t i) {
    static const char *const NAMES[] = {"gp", "law", NULL}; /* in the order of ec_rank_model */
    return NAMES[i];
}

const char *law_model_at(size_t i) {
    return ec_law_model_name((ec_law_model)i);
}

void print_columns(const option_value *a, const option_value *c) {
    if (strcmp(a->text, "A") != 0) printf("in the place of A: %s\n", a->text);
    if (strcmp(c->text, "C") != 0) printf("in the place of C: %s\n", c->text);
}

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
                 const option_value *given) {
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

const char *gain_unit(size_t n_over) {
    return n_over > 1 ? " % of full scale" : "";
}

static json_t *name_json(const ec_study *study, size_t i) {
    return i == SIZE_MAX ? json_null() : json_text(ec_study_candidate(study, i)->name);
}

json_t *decision_json(const ec_study *study, const ec_decision *d, const char *unit) {
    static const char *const ACTIONS[] = {
        [EC_DECIDE_BEGIN] = "begin", [EC_DECIDE_FINETUNE] = "finetune", [EC_DECIDE_STOP] = "stop"};
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
