/* leases.c - see leases.h */
#include "cli/leases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/output.h"
#include "cli/study.h"
#include "eyechart/asking.h"

void duration_text(char text[DURATION_SIZE], double seconds) {
    const long long minutes = (long long)round(seconds / 60.0), hours = minutes / 60;
    if (hours >= 48)
        snprintf(text, DURATION_SIZE, "%lld d %lld h", hours / 24, hours % 24);
    else if (hours >= 2)
        snprintf(text, DURATION_SIZE, "%lld h %lld min", hours, minutes % 60);
    else
        snprintf(text, DURATION_SIZE, "%lld min", minutes);
}

/* ---- showing -------------------------------------------------------------------------------- */

static const char *name_of(const ec_study *study, size_t candidate) {
    return ec_study_candidate(study, candidate)->name;
}

void leases_print(const ec_study *study, const ec_lease *leases, size_t n) {
    static const char *const HEADERS[] = {"<pending", "<worker",     "<asked",
                                          "age",      "<lease left", "<why"};
    if (n == 0) {
        puts("nothing is pending");
        return;
    }
    text_table *table = table_new(6, HEADERS);
    for (size_t k = 0; k < n; k++) {
        char age[DURATION_SIZE], left[DURATION_SIZE];
        duration_text(age, leases[k].age_s);
        duration_text(left, leases[k].expires_in_s);
        table_cell(table, "%s", name_of(study, leases[k].candidate));
        table_cell(table, "%s", leases[k].worker);
        table_cell(table, "%s", leases[k].time);
        table_cell(table, "%s", age);
        table_cell(table, "%s", left);
        table_cell(table, "%s", leases[k].reason);
    }
    table_print(table);
}

void failures_print(const ec_study *study, const ec_failure *failures, size_t n) {
    static const char *const HEADERS[] = {"<failed", "<worker", "<told", "hours", "<why"};
    if (n == 0) return;
    text_table *table = table_new(5, HEADERS);
    for (size_t k = 0; k < n; k++) {
        table_cell(table, "%s", name_of(study, failures[k].candidate));
        table_cell(table, "%s", failures[k].worker);
        table_cell(table, "%s", failures[k].time);
        table_number(table, 1, failures[k].hours);
        table_cell(table, "%s", failures[k].why);
    }
    putchar('\n');
    table_print(table);
    fputs("Failed candidates are not asked for; to take it back: eyechart withdraw ", stdout);
    print_shell_word(stdout, ec_study_path(study));
    puts(" CANDIDATE --failed");
}

static json_t *expiry_json(double seconds_from_now) {
    char text[32];
    const time_t then = time(NULL) + (time_t)seconds_from_now;
    struct tm utc;
    gmtime_r(&then, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_text(text);
}

json_t *leases_json(const ec_study *study, const ec_lease *leases, size_t n, const char *worker) {
    json_t *array = json_array();
    for (size_t k = 0; k < n; k++) {
        const ec_lease *l = &leases[k];
        if (worker != NULL && strcmp(worker, l->worker) != 0) continue;
        json_array_append_new(
            array,
            json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "candidate",
                      json_text(name_of(study, l->candidate)), "id", (json_int_t)l->id, "worker",
                      json_text(l->worker), "asked", json_text(l->time), "age_s",
                      json_number(l->age_s), "expires_in_s", json_number(l->expires_in_s),
                      "expires", expiry_json(l->expires_in_s), "reason", json_text(l->reason)));
    }
    return array;
}

json_t *failures_json(const ec_study *study, const ec_failure *failures, size_t n) {
    json_t *array = json_array();
    for (size_t k = 0; k < n; k++) {
        const ec_failure *f = &failures[k];
        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:o, s:o, s:o}", "candidate",
                                        json_text(name_of(study, f->candidate)), "worker",
                                        json_text(f->worker), "time", json_text(f->time), "hours",
                                        json_number(f->hours), "why", json_text(f->why)));
    }
    return array;
}

/* ---- changing ------------------------------------------------------------------------------- */

/* Of the worker; *n_out of them. Owned. */
static int list_own(ec_lease **out, size_t *n_out, ec_study *study, const char *worker) {
    ec_error err;
    size_t n;
    if (ec_study_leases(out, &n, study, &err) != EC_OK) return report_error(&err);
    *n_out = 0;
    for (size_t k = 0; k < n; k++)
        if (strcmp((*out)[k].worker, worker) == 0) (*out)[(*n_out)++] = (*out)[k];
    return EXIT_DONE;
}

static void print_change(const ec_study *study, const lease_change *change,
                         const size_t *candidates, size_t n, const ec_lease *after,
                         size_t n_after) {
    for (size_t k = 0; k < n; k++) {
        const char *name = name_of(study, candidates[k]);
        char left[DURATION_SIZE] = "";
        for (size_t l = 0; l < n_after; l++)
            if (after[l].candidate == candidates[k]) duration_text(left, after[l].expires_in_s);
        if (change->renew)
            printf("%s is kept for %s for %s\n", name, change->options.worker, left);
        else
            printf("%s is given back, and may be asked of others\n", name);
    }
}

static void print_change_json(const ec_study *study, const lease_change *change,
                              const size_t *candidates, size_t n, const ec_lease *after,
                              size_t n_after) {
    json_t *names = json_array();
    for (size_t k = 0; k < n; k++)
        json_array_append_new(names, json_text(name_of(study, candidates[k])));
    json_print(json_pack("{s:o, s:o, s:o, s:o}", "study", json_text(ec_study_name(study)), "worker",
                         json_text(change->options.worker), change->renew ? "renewed" : "released",
                         names, "pending",
                         leases_json(study, after, n_after, change->options.worker)));
}

static int change_and_say(ec_study *study, const lease_change *change, size_t *candidates,
                          size_t n_named) {
    ec_lease *before = NULL, *after = NULL;
    size_t n_before, n_after, n = n_named;
    int status = list_own(&before, &n_before, study, change->options.worker);
    for (size_t k = 0; status == EXIT_DONE && n_named == 0 && k < n_before; k++)
        candidates[n++] = before[k].candidate;
    ec_error err;
    if (status == EXIT_DONE && (change->renew ? ec_study_renew : ec_study_release)(
                                   study, candidates, n_named, &change->options, &err) != EC_OK)
        status = report_error(&err);
    if (status == EXIT_DONE) status = list_own(&after, &n_after, study, change->options.worker);
    if (status == EXIT_DONE)
        (change->json ? print_change_json : print_change)(study, change, candidates, n, after,
                                                          n_after);
    free(before);
    free(after);
    return status;
}

int leases_change(ec_study *study, const lease_change *change) {
    size_t *candidates =
        allocate(change->n_names + ec_study_n_candidates(study), sizeof *candidates);
    int status = EXIT_DONE;
    for (size_t k = 0; status == EXIT_DONE && k < change->n_names; k++)
        status = study_find_candidate(&candidates[k], study, change->names[k]);
    if (status == EXIT_DONE) status = change_and_say(study, change, candidates, change->n_names);
    free(candidates);
    return status;
}
