/* data_recall.c - what each policy would have achieved on a study whose results are all known */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eyechart/law.h"
#include "eyechart/policy.h"
#include "eyechart/simulate.h"
#include "report/build.h"

enum {
    EXACT_MAX = 16,  /* candidates; beyond, the exact recursion takes longer than a page may */
    TRIALS_MAX = 64, /* candidates; beyond, even trials do */
    TRIALS = 1000,
};

/* Candidates with scores and results throughout. */
static size_t n_complete(const build *b) {
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        bool complete = true;
        for (size_t k = 0; k < b->m; k++)
            complete = complete && ec_table_places(&b->ranked->table, k, i) &&
                       isfinite(b->table->z[k * b->n + i]);
        n += complete;
    }
    return n;
}

static ec_status curves(build *b, json_t *policy, const char *key, ec_simulate_options *options,
                        ec_metric metric, double *values, ec_error *err) {
    double *mean = values + b->m * b->n;
    options->metric = metric;
    ec_status status = ec_simulate(values, mean, NULL, &b->ranked->table, options, err);
    if (status != EC_OK) return status;
    json_t *rows = json_array();
    for (size_t k = 0; k < b->m; k++) append(b, rows, numbers(b, values + k * b->n, b->n));
    put(b, policy, key, rows);
    return EC_OK;
}

static json_t *replayed(build *b, double *values) {
    ec_simulate_options options = {
        .top = b->n > 3 ? 3 : b->n - 1,
        .trials = b->n > EXACT_MAX ? TRIALS : 0,
        .seed = b->options->rank.seed,
    };
    ec_error err;
    json_t *recall = json_object(), *policies = json_array();
    put(b, recall, "n", count(b->n));
    put(b, recall, "top", count(options.top));
    put(b, recall, "trials", count(options.trials));
    put(b, recall, "seed", json_integer((json_int_t)options.seed));
    put(b, recall, "policies", policies);
    for (int p = 0; p < EC_POLICIES; p++) {
        json_t *policy = json_object();
        options.policy = (ec_policy)p;
        put(b, policy, "name", words(ec_policy_name(options.policy)));
        put(b, policy, "summary", words(ec_policy_summary(options.policy)));
        if (curves(b, policy, "recall", &options, EC_METRIC_RECALL, values, &err) != EC_OK ||
            curves(b, policy, "trained", &options, EC_METRIC_TRAINED, values, &err) != EC_OK) {
            json_decref(policy);
            json_decref(recall);
            return why(b, err.message);
        }
        append(b, policies, policy);
    }
    return recall;
}

json_t *data_recall(build *b) {
    char text[600], names[300];
    const size_t complete = n_complete(b), n_columns = ec_table_n_used(&b->ranked->table);
    ec_rank_columns_text(names, sizeof names, b->ranked->scores, 2 + b->ranked->table.n_more);
    if (complete < b->n || b->n < 3 || b->m == 0) {
        snprintf(text, sizeof text,
                 "%zu of %zu candidates have %s%s%s and all results. A policy can be replayed "
                 "only where all of these are known of all candidates, three at least.",
                 b->m > 0 ? complete : 0, b->n,
                 n_columns == 2  ? "both "
                 : n_columns > 2 ? "all of "
                                 : "",
                 names, b->m > 1 ? " for every benchmark" : "");
        return why(b, text);
    }
    if (b->n > TRIALS_MAX) {
        snprintf(text, sizeof text,
                 "Replaying six policies on %zu candidates takes too long for a report. "
                 "eyechart simulate does it.",
                 b->n);
        return why(b, text);
    }
    double *values = calloc((b->m + 1) * b->n, sizeof *values);
    json_t *recall = values != NULL ? replayed(b, values) : NULL;
    free(values);
    return recall;
}
