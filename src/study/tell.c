/* tell.c - recording results, and reading their history */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "study/names.h"
#include "study/study_internal.h"

/* ---- provenance --------------------------------------------------------------------------- */

static void write_time(char text[32]) {
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

ec_status ec_study_begin_change(int64_t *event, ec_study *study, const char *command,
                                const char *worker, const char *source, ec_error *err) {
    if (study->built_in)
        return ec_fail(err, EC_ERR_IO,
                       "%s: built in, cannot be changed; 'eyechart study new FOLDER --from %s' "
                       "makes a copy that can",
                       study->path, study->path);
    const char *fault = worker != NULL ? ec_name_fault(worker) : NULL;
    if (worker != NULL && fault == NULL && strlen(worker) > EC_WORKER_MAX_BYTES)
        fault = "is longer than 63 bytes";
    if (fault != NULL) return ec_fail(err, EC_ERR_ARG, "worker name '%.80s' %s", worker, fault);

    ec_status status = ec_database_begin_write(&study->db, err);
    if (status != EC_OK) return status;
    char now[32];
    write_time(now);
    status = ec_database_run(
        &study->db, err,
        "INSERT INTO event (time, command, version, worker, source) VALUES (?, ?, ?, ?, ?)",
        "ttttt", now, command, ec_version(), worker, source);
    if (status != EC_OK) return ec_database_end(&study->db, status, err);
    *event = sqlite3_last_insert_rowid(study->db.sqlite);
    return EC_OK;
}

/* ---- tell --------------------------------------------------------------------------------- */

static ec_status check_results(const ec_study *study, size_t candidate, const ec_result *results,
                               size_t n, ec_error *err) {
    if (candidate >= ec_study_n_candidates(study))
        return ec_fail(err, EC_ERR_ARG, "%s: no candidate number %zu", study->path, candidate);
    const char *name = study->candidates[candidate].name;
    if (n == 0)
        return ec_fail(err, EC_ERR_ARG, "%s: no results given for '%.80s'", study->path, name);
    for (size_t k = 0; k < n; k++) {
        if (results[k].benchmark >= ec_study_n_benchmarks(study))
            return ec_fail(err, EC_ERR_ARG, "%s: no benchmark number %zu", study->path,
                           results[k].benchmark);
        const ec_benchmark *benchmark = ec_study_benchmark(study, results[k].benchmark);
        const double value = results[k].value;
        if (!isfinite(value))
            return ec_fail(
                err, EC_ERR_ARG,
                "'%.80s', %.80s: the result is not a finite number; nothing was recorded", name,
                benchmark->name);
        char fault[EC_RANGE_TEXT_SIZE];
        if (ec_benchmark_excludes(fault, benchmark, value))
            return ec_fail(err, EC_ERR_ARG,
                           "'%.80s', %.80s: %s that study.yaml declares; nothing was recorded",
                           name, benchmark->name, fault);
        for (size_t j = 0; j < k; j++)
            if (results[j].benchmark == results[k].benchmark)
                return ec_fail(err, EC_ERR_ARG,
                               "'%.80s': %.80s is given twice; nothing was recorded", name,
                               benchmark->name);
    }
    return EC_OK;
}

static ec_status write_results(ec_study *study, int64_t event, const char *candidate,
                               const ec_result *results, size_t n, double hours, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < n; k++)
        status = ec_database_run(
            &study->db, err,
            "INSERT INTO observation (event, candidate, benchmark, value) VALUES (?, ?, ?, ?)",
            "ittd", event, candidate, ec_study_benchmark(study, results[k].benchmark)->name,
            results[k].value);
    if (status == EC_OK && hours > 0.0)
        status = ec_database_run(
            &study->db, err,
            "INSERT INTO cost (event, candidate, kind, hours) VALUES (?, ?, 'recorded', ?)", "itd",
            event, candidate, hours);
    if (status == EC_OK)
        status = ec_database_run(
            &study->db, err,
            "UPDATE question SET state = 'answered' WHERE candidate = ? AND state = 'pending'", "t",
            candidate);
    return status;
}

ec_status ec_study_tell(ec_study *study, size_t candidate, const ec_result *results, size_t n,
                        const ec_tell_options *options, ec_error *err) {
    const ec_tell_options o = options != NULL ? *options : (ec_tell_options){0};
    ec_status status = check_results(study, candidate, results, n, err);
    if (status != EC_OK) return status;
    if (!(o.hours >= 0.0) || isinf(o.hours))
        return ec_fail(err, EC_ERR_ARG,
                       "GPU-hours must be a finite number, not negative; nothing was recorded");

    int64_t event;
    status = ec_study_begin_change(&event, study, "tell", o.worker != NULL ? o.worker : "default",
                                   o.source, err);
    if (status != EC_OK) return status;
    status =
        write_results(study, event, study->candidates[candidate].name, results, n, o.hours, err);
    return ec_database_end(&study->db, status, err);
}

/* ---- history ------------------------------------------------------------------------------ */

typedef struct {
    ec_observation *rows;
    size_t n, capacity;
} history;

static ec_status add_row(history *h, const ec_observation *row, ec_error *err) {
    if (h->n == h->capacity) {
        const size_t capacity = h->capacity > 0 ? 2 * h->capacity : 64;
        ec_observation *rows = realloc(h->rows, capacity * sizeof *rows);
        if (rows == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for the history");
        h->rows = rows;
        h->capacity = capacity;
    }
    h->rows[h->n++] = *row;
    return EC_OK;
}

static ec_status read_history(history *h, ec_study *study, ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    sqlite3_stmt *row;
    ec_status status =
        ec_database_prepare(&row, &study->db, err,
                            "SELECT o.candidate, o.benchmark, o.value, e.time, e.worker, e.source "
                            "FROM observation o JOIN event e ON e.id = o.event ORDER BY o.id",
                            "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more) {
        ec_observation o = {.candidate = ec_sheet_find_candidate(sheet, ec_column_text(row, 0)),
                            .benchmark = ec_sheet_find_benchmark(sheet, ec_column_text(row, 1)),
                            .value = sqlite3_column_double(row, 2)};
        if (o.candidate == sheet->n_candidates || o.benchmark == sheet->n_benchmarks) continue;
        ec_name_cut(o.time, sizeof o.time, ec_column_text(row, 3));
        ec_name_cut(o.worker, sizeof o.worker, ec_column_text(row, 4));
        ec_name_cut(o.source, sizeof o.source, ec_column_text(row, 5));
        status = add_row(h, &o, err);
        if (status != EC_OK) break;
    }
    sqlite3_finalize(row);
    return status;
}

static ec_status list_built_in(history *h, const ec_study *study, ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    ec_status status = EC_OK;
    for (size_t i = 0; i < sheet->n_candidates; i++)
        for (size_t b = 0; status == EC_OK && b < sheet->n_benchmarks; b++) {
            const ec_observation o = {.candidate = i,
                                      .benchmark = b,
                                      .value = sheet->numbers.z[b * sheet->n_candidates + i],
                                      .source = "arXiv:2408.16357"};
            if (!isnan(o.value)) status = add_row(h, &o, err);
        }
    return status;
}

/* The last row about a cell is the current one. */
static ec_status mark_current(history *h, const ec_sheet *sheet, ec_error *err) {
    bool *seen = calloc(sheet->n_candidates * sheet->n_benchmarks + 1, sizeof *seen);
    if (seen == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for the history");
    for (size_t k = h->n; k-- > 0;) {
        const size_t cell = h->rows[k].benchmark * sheet->n_candidates + h->rows[k].candidate;
        h->rows[k].current = !seen[cell];
        seen[cell] = true;
    }
    free(seen);
    return EC_OK;
}

ec_status ec_study_history(ec_observation **out, size_t *n_out, ec_study *study, ec_error *err) {
    history h = {0};
    *out = NULL;
    *n_out = 0;
    ec_status status =
        study->built_in ? list_built_in(&h, study, err) : read_history(&h, study, err);
    if (status == EC_OK) status = mark_current(&h, &study->declared.sheet, err);
    if (status != EC_OK) {
        free(h.rows);
        return status;
    }
    *out = h.rows;
    *n_out = h.n;
    return EC_OK;
}
