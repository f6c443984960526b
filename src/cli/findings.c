/* findings.c - see findings.h */
#include "cli/findings.h"

#include <stdlib.h>

#include "cli/output.h"
#include "cli/progress.h"
#include "cli/study.h"

static const char *level_name(ec_finding_level level) {
    return level == EC_FINDING_ERROR ? "error" : level == EC_FINDING_WARNING ? "warning" : "note";
}

static size_t count_level(const ec_finding *findings, size_t n, ec_finding_level level) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += findings[i].level == level;
    return count;
}

static void print_text(const ec_study *study, const ec_finding *findings, size_t n) {
    for (size_t i = 0; i < n; i++)
        printf("%s: %s\n", level_name(findings[i].level), findings[i].message);
    const size_t n_errors = count_level(findings, n, EC_FINDING_ERROR);
    const size_t n_warnings = count_level(findings, n, EC_FINDING_WARNING);
    printf("%s: %zu error%s, %zu warning%s\n", ec_study_name(study), n_errors,
           n_errors == 1 ? "" : "s", n_warnings, n_warnings == 1 ? "" : "s");
}

static void print_json(const ec_study *study, const ec_finding *findings, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_pack("{s:s, s:o}", "level", level_name(findings[i].level),
                                               "message", json_text(findings[i].message)));
    json_print(json_pack("{s:o, s:I, s:I, s:o}", "study", json_text(ec_study_name(study)),
                         "n_errors", (json_int_t)count_level(findings, n, EC_FINDING_ERROR),
                         "n_warnings", (json_int_t)count_level(findings, n, EC_FINDING_WARNING),
                         "findings", array));
}

int findings_report(const arguments *args, findings_source find, bool json) {
    ec_study *study;
    int status = study_open(&study, args);
    if (status != EXIT_DONE) return status;
    ec_finding *findings;
    size_t n;
    ec_error err;
    if (find(&findings, &n, study, &err) == EC_OK) {
        (json ? print_json : print_text)(study, findings, n);
        if (count_level(findings, n, EC_FINDING_ERROR) > 0) status = EXIT_NEGATIVE;
        free(findings);
    } else {
        status = report_error(&err);
        if (err.status == EC_ERR_INTERRUPTED) status = EXIT_INTERRUPTED;
    }
    ec_study_close(study);
    return status;
}

int ranking_warnings_find(ranking_warnings *out, ec_study *study, const ec_table *table,
                          const ec_rank_column *scores, const size_t *over, size_t n_over) {
    ec_error err;
    *out = (ranking_warnings){0};
    return ec_study_check_ranking(&out->list, &out->n, study, table, scores, over, n_over, &err) ==
                   EC_OK
               ? EXIT_DONE
               : report_error(&err);
}

void ranking_warnings_note(ranking_warnings *out, ec_study *study, const ec_rank_column *columns,
                           size_t n_columns, const size_t *over, size_t n_over) {
    ec_study_snapshot *snapshot;
    *out = (ranking_warnings){0};
    if (ec_study_snapshot_get(&snapshot, study, NULL) != EC_OK) return;
    const size_t n_all = snapshot->table.n_benchmarks;
    size_t *all = allocate(n_all, sizeof *all);
    for (size_t b = 0; b < n_all; b++) all[b] = b;
    if (ec_study_snapshot_choose(snapshot, study, columns, n_columns, NULL) == EC_OK)
        ec_study_check_ranking(&out->list, &out->n, study, &snapshot->table, snapshot->scores,
                               over != NULL ? over : all, over != NULL ? n_over : n_all, NULL);
    free(all);
    ec_study_snapshot_free(snapshot);
    for (size_t i = 0; i < out->n; i++) note("warning: %s", out->list[i].message);
}

void unit_warnings_note(ranking_warnings *out, ec_study *study) {
    *out = (ranking_warnings){0};
    if (ec_study_check_units(&out->list, &out->n, study, NULL) != EC_OK) return;
    for (size_t i = 0; i < out->n; i++) note("warning: %s", out->list[i].message);
}

void ranking_warnings_print(const ranking_warnings *warnings) {
    for (size_t i = 0; i < warnings->n; i++) {
        char text[sizeof warnings->list->message + sizeof "warning: "];
        snprintf(text, sizeof text, "warning: %s", warnings->list[i].message);
        print_wrapped(stdout, 0, text);
    }
}

json_t *ranking_warnings_json(const ranking_warnings *warnings) {
    json_t *array = json_array();
    for (size_t i = 0; i < warnings->n; i++)
        json_array_append_new(array, json_text(warnings->list[i].message));
    return array;
}
