/* study.c - opening a study, finding names in it */
#include "cli/study.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/output.h"
#include "eyechart/score.h"
#include "eyechart/spelling.h"

#define DEFAULT_STUDY "paper-2024"

int study_open(ec_study **out, const arguments *args) {
    const char *path = args->study;
    if (path == NULL) {
        path = DEFAULT_STUDY;
        note("no study named, so this is the built-in " DEFAULT_STUDY);
    }
    ec_error err;
    return ec_study_open(out, path, &err) == EC_OK ? EXIT_DONE : report_error(&err);
}

int study_open_snapshot(ec_study **out, ec_study_snapshot **snapshot, const arguments *args) {
    const int status = study_open(out, args);
    if (status != EXIT_DONE) return status;
    ec_error err;
    if (ec_study_snapshot_get(snapshot, *out, &err) == EC_OK) return EXIT_DONE;
    ec_study_close(*out);
    return report_error(&err);
}

static bool is_built_in(const ec_study *study) {
    for (size_t i = 0; ec_study_builtin(i) != NULL; i++) {
        if (strcmp(ec_study_builtin(i), ec_study_path(study)) == 0) return true;
    }
    return false;
}

int study_open_writable(ec_study **out, const arguments *args) {
    const int status = study_open(out, args);
    if (status != EXIT_DONE || ec_study_writable(*out)) return status;
    if (is_built_in(*out)) {
        note("the study %s is built in and cannot be changed; 'eyechart study new DIR --from %s' "
             "makes "
             "one of your own from it",
             ec_study_name(*out), ec_study_name(*out));
    } else {
        note("%s: study.db cannot be written; check the permissions of the folder and of study.db",
             ec_study_path(*out));
    }
    ec_study_close(*out);
    return EXIT_DATA;
}

/* ---- names ---------------------------------------------------------------------------------- */

static const char *candidate_name(const ec_study *study, size_t i) {
    return ec_study_candidate(study, i)->name;
}

static const char *benchmark_name(const ec_study *study, size_t i) {
    return ec_study_benchmark(study, i)->name;
}

/* Whether exactly one name looks like `typed`; *out receives its index. */
static bool find_alike(size_t *out, const ec_study *study, const char *typed, size_t n,
                       const char *(*name)(const ec_study *study, size_t i)) {
    size_t n_found = 0;
    for (size_t i = 0; i < n; i++) {
        if (!ec_spelling_same(name(study, i), typed)) continue;
        *out = i;
        n_found++;
    }
    return n_found == 1;
}

int study_find_candidate(size_t *out, const ec_study *study, const char *typed) {
    ec_error err;
    if (ec_study_find_candidate(out, study, typed, &err) == EC_OK ||
        find_alike(out, study, typed, ec_study_n_candidates(study), candidate_name))
        return EXIT_DONE;
    return report_error(&err);
}

int study_find_benchmark(size_t *out, const ec_study *study, const char *typed) {
    ec_error err;
    if (ec_study_find_benchmark(out, study, typed, &err) == EC_OK ||
        find_alike(out, study, typed, ec_study_n_benchmarks(study), benchmark_name))
        return EXIT_DONE;
    return report_error(&err);
}

const char *table_format_at(size_t i) {
    static const char *const NAMES[] = {"auto", "csv", "json", NULL};
    return NAMES[i];
}

/* ---- selection ------------------------------------------------------------------------------ */

static int mark_group(bool *marked, const ec_study *study, const char *group) {
    const size_t n = ec_study_n_benchmarks(study);
    size_t n_found = 0;
    for (size_t b = 0; b < n; b++) {
        if (strcasecmp(ec_study_benchmark(study, b)->group, group) != 0) continue;
        marked[b] = true;
        n_found++;
    }
    if (n_found > 0) return EXIT_DONE;
    note("no benchmark of the study %s is in a group '%s'; 'eyechart study show %s' lists the "
         "groups",
         ec_study_name(study), group, ec_study_path(study));
    return EXIT_DATA;
}

static int mark(bool *marked, const ec_study *study, const option_value *benchmarks,
                const option_value *groups) {
    for (size_t i = 0; i < benchmarks->n_all; i++) {
        size_t b;
        const int status = study_find_benchmark(&b, study, benchmarks->all[i]);
        if (status != EXIT_DONE) return status;
        marked[b] = true;
    }
    for (size_t i = 0; i < groups->n_all; i++) {
        const int status = mark_group(marked, study, groups->all[i]);
        if (status != EXIT_DONE) return status;
    }
    return EXIT_DONE;
}

int selection_make(selection *out, const ec_study *study, const arguments *args) {
    const option_value *benchmarks = option_named(args, "benchmark"),
                       *groups = option_named(args, "group");
    const size_t n = ec_study_n_benchmarks(study);
    *out = (selection){0};
    if (n == 0) {
        note("the study %s has no benchmarks; add some under 'benchmarks:' in study.yaml",
             ec_study_name(study));
        return EXIT_DATA;
    }
    const bool all = !benchmarks->given && !groups->given;
    bool *marked = allocate(n, sizeof *marked);
    *out = (selection){.index = allocate(n, sizeof *out->index)};
    const int status = mark(marked, study, benchmarks, groups);
    for (size_t b = 0; b < n; b++) {
        if (all || marked[b]) out->index[out->n++] = b;
    }
    free(marked);
    if (status != EXIT_DONE) selection_release(out);
    return status;
}

void selection_release(selection *chosen) {
    free(chosen->index);
    *chosen = (selection){0};
}

char *study_report_path(const ec_study *study) {
    const char *folder = ec_study_writable(study) ? ec_study_path(study) : "";
    const size_t length = strlen(folder), size = length + sizeof "/report.html";
    char *path = allocate(size, 1);
    snprintf(path, size, "%s%sreport.html", folder,
             length > 0 && folder[length - 1] != '/' ? "/" : "");
    return path;
}

void study_suggest_score(const ec_study *study, const ec_table *table) {
    const size_t n = ec_study_n_unscored(study, table);
    if (n > 0)
        note("A or C is missing for %zu of %zu candidates; 'eyechart score %s' computes it", n,
             table->n_candidates, ec_study_path(study));
}
