/* study_fixture.h - a study of five candidates and two benchmarks, in a folder of its own */
#ifndef UNIT_ASKING_STUDY_FIXTURE_H
#define UNIT_ASKING_STUDY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "eyechart/asking.h"
#include "folder.h"

static const char YAML[] = "name: test\n"
                           "policy: {name: prior, seed: 3, lease_hours: 2}\n"
                           "benchmarks:\n"
                           "  - {name: MME, group: vision, range: [0, 2000]}\n"
                           "  - {name: Error, group: ocr, direction: lower}\n"
                           "candidates:\n"
                           "  - {name: best, A: 0.9, C: 20, cost: 10}\n"
                           "  - {name: good, A: 0.7, C: 18, cost: 20}\n"
                           "  - {name: fair, A: 0.5, C: 12, cost: 30}\n"
                           "  - {name: poor, A: 0.2, C: 5}\n"
                           "  - {name: unscored, cost: 1}\n";

enum { BEST, GOOD, FAIR, POOR, UNSCORED, N };

enum { MME, ERROR_RATE, M };

typedef struct {
    char folder[FOLDER_SIZE];   /* where tests may put files */
    char path[2 * FOLDER_SIZE]; /* of the study */
    ec_study *study;
} fixture;

static inline ec_study *open_at(const char *path) {
    ec_study *study;
    ec_error err;
    if (ec_study_open(&study, path, &err) != EC_OK) fail_msg("%s", err.message);
    return study;
}

static inline int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    snprintf(f->path, sizeof f->path, "%s/study", f->folder);
    mkdir(f->path, 0777);
    folder_write(folder_join(f->path, "study.yaml"), YAML);
    f->study = open_at(f->path);
    *state = f;
    return 0;
}

static inline int tear_down(void **state) {
    fixture *f = *state;
    ec_study_close(f->study);
    folder_remove(f->folder);
    free(f);
    return 0;
}

static inline void reopen(fixture *f) {
    ec_study_close(f->study);
    f->study = open_at(f->path);
}

static inline void assert_says(ec_status status, ec_status expected, const ec_error *err,
                               const char *words) {
    if (status != expected || strstr(err->message, words) == NULL)
        fail_msg("status %d '%s', expected %d '%s'", status, err->message, expected, words);
}

static inline void tell(fixture *f, size_t candidate, double mme, double error_rate, double hours) {
    const ec_result results[] = {{MME, mme, 0}, {ERROR_RATE, error_rate, 0}};
    ec_error err;
    const ec_tell_options options = {.hours = hours, .worker = "w", .source = "train.log"};
    if (ec_study_tell(f->study, candidate, results, 2, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
}

static inline ec_study_snapshot *snapshot(fixture *f) {
    ec_study_snapshot *s;
    ec_error err;
    if (ec_study_snapshot_get(&s, f->study, &err) != EC_OK) fail_msg("%s", err.message);
    return s;
}

/* ---- ask ---------------------------------------------------------------------------------- */

static inline size_t ask(fixture *f, ec_question *out, ec_ask_options options) {
    size_t n;
    ec_error err;
    if (ec_study_ask(out, &n, f->study, &options, &err) != EC_OK) fail_msg("%s", err.message);
    return n;
}

/* ---- import and export -------------------------------------------------------------------- */

static inline ec_import_summary import_text(fixture *f, const char *name, const char *text,
                                            bool add) {
    ec_import_summary summary;
    ec_error err;
    folder_write(folder_join(f->folder, name), text);
    if (ec_study_import_from(&summary, f->study, folder_join(f->folder, name), EC_FORMAT_BY_NAME,
                             add, NULL, NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
    return summary;
}

#endif
