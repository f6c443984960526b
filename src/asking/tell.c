/* tell.c - recording results, and reading their history */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asking/lease.h"
#include "base/memory.h"
#include "base/number.h"
#include "eyechart/asking.h"
#include "sheet/names.h"
#include "study/failure.h"
#include "study/study_internal.h"

/* ---- reading a result ----------------------------------------------------------------------- */

/* Where value and error part; *length of the sign between. NULL: there is none. */
static const char *find_sign(const char *text, size_t *length) {
    static const char *const signs[] = {"\xc2\xb1", "+/-", "+-"};
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) {
        const char *at = strstr(text, signs[k]);
        if (at == NULL) continue;
        *length = strlen(signs[k]);
        return at;
    }
    return NULL;
}

ec_status ec_result_read(ec_result *out, const char *text, ec_error *err) {
    size_t length = 0;
    const char *sign = find_sign(text, &length);
    const size_t n = sign != NULL ? (size_t)(sign - text) : strlen(text);
    char value[64];
    snprintf(value, sizeof value, "%.*s", (int)(n < sizeof value ? n : sizeof value - 1), text);
    ec_number_fault fault =
        n < sizeof value ? ec_number_read(&out->value, value) : EC_NUMBER_GARBAGE;
    if (fault != EC_NUMBER_OK)
        return ec_fail(err, EC_ERR_ARG, "'%.60s' %s", sign != NULL ? value : text,
                       ec_number_fault_words(fault));
    out->se = 0.0;
    if (sign == NULL) return EC_OK;
    fault = ec_number_read(&out->se, sign + length);
    if (fault != EC_NUMBER_OK || !(out->se > 0.0))
        return ec_fail(err, EC_ERR_ARG,
                       "'%.60s': the standard error '%.40s' %s; leave it out if it is not known",
                       text, sign + length,
                       fault != EC_NUMBER_OK ? ec_number_fault_words(fault)
                                             : "is not greater than 0");
    return EC_OK;
}

/* ---- tell --------------------------------------------------------------------------------- */

static ec_status check_result(const ec_study *study, const char *name, const ec_result *result,
                              ec_error *err) {
    if (result->benchmark >= ec_study_n_benchmarks(study))
        return ec_fail(err, EC_ERR_ARG, "%s: no benchmark number %zu", study->path,
                       result->benchmark);
    const ec_benchmark *benchmark = ec_study_benchmark(study, result->benchmark);
    if (!isfinite(result->value))
        return ec_fail(err, EC_ERR_ARG,
                       "'%.80s', %.80s: the result is not a finite number; nothing was recorded",
                       name, benchmark->name);
    char fault[EC_RANGE_TEXT_SIZE];
    if (ec_benchmark_excludes(fault, benchmark, result->value))
        return ec_fail(err, EC_ERR_ARG,
                       "'%.80s', %.80s: %s that study.yaml declares; nothing was recorded", name,
                       benchmark->name, fault);
    if (result->se < 0.0 || isinf(result->se))
        return ec_fail(err, EC_ERR_ARG,
                       "'%.80s', %.80s: a standard error is a finite number, not negative; nothing "
                       "was recorded",
                       name, benchmark->name);
    return EC_OK;
}

static ec_status check_results(const ec_study *study, size_t candidate, const ec_result *results,
                               size_t n, ec_error *err) {
    if (candidate >= ec_study_n_candidates(study))
        return ec_fail(err, EC_ERR_ARG, "%s: no candidate number %zu", study->path, candidate);
    const char *name = study->candidates[candidate].name;
    if (n == 0)
        return ec_fail(err, EC_ERR_ARG, "%s: no results given for '%.80s'", study->path, name);
    for (size_t k = 0; k < n; k++) {
        const ec_status status = check_result(study, name, &results[k], err);
        if (status != EC_OK) return status;
        for (size_t j = 0; j < k; j++)
            if (results[j].benchmark == results[k].benchmark)
                return ec_fail(err, EC_ERR_ARG,
                               "'%.80s': %.80s is given twice; nothing was recorded", name,
                               ec_study_benchmark(study, results[k].benchmark)->name);
    }
    return EC_OK;
}

/* What the tell is about, and what is known of it within the transaction. */
typedef struct {
    ec_study *study;
    const char *name; /* of the candidate */
    size_t candidate;
    const ec_result *results;
    size_t n;
    const ec_tell_options *options;
    ec_told *told;    /* [n] */
    double hours;     /* recorded so far; NaN: none */
    bool any_changed; /* was anything written? */
    bool was_failed;
    int64_t event;
    ec_error *err;
} telling;

/* As what was told before is known, and as the statistics see it. */
static ec_status look_back(telling *t) {
    ec_numbers numbers;
    ec_repeats repeats;
    const ec_sheet *sheet = &t->study->declared.sheet;
    const size_t n = sheet->n_candidates, m = sheet->n_benchmarks;
    ec_status status = ec_study_read_told(&numbers, &repeats, t->study, t->err);
    if (status != EC_OK) return status;
    for (size_t k = 0; k < t->n; k++)
        t->told[k].before_se = numbers.z_se[t->results[k].benchmark * n + t->candidate];
    status = ec_repeats_summarise(&numbers, &repeats, n, m, t->err);
    for (size_t k = 0; status == EC_OK && k < t->n; k++) {
        const size_t cell = t->results[k].benchmark * n + t->candidate;
        const double value = t->results[k].value, se = t->results[k].se;
        ec_told *told = &t->told[k];
        told->before = numbers.z[cell];
        if (!isnan(told->before))
            told->n_before = numbers.z_n != NULL ? (size_t)numbers.z_n[cell] : 1;
        if (told->n_before > 1) told->before_se = numbers.z_se[cell];
        told->unchanged = !t->options->repeat && told->n_before == 1 && told->before == value &&
                          (!(se > 0.0) || se == told->before_se);
    }
    t->hours = numbers.hours[t->candidate];
    ec_numbers_release(&numbers);
    ec_repeats_release(&repeats);
    return status;
}

static ec_status write_hours(telling *t) {
    double hours = t->options->hours;
    if (hours == 0.0) return EC_OK;
    if (t->options->repeat && !isnan(t->hours)) hours += t->hours;
    if (hours == t->hours) return EC_OK;
    t->any_changed = true;
    return ec_database_put_cost(&t->study->db, t->event, t->name, EC_COST_RECORDED, hours, t->err);
}

static const char *worker_of(const ec_tell_options *options) {
    return options->worker != NULL ? options->worker : "default";
}

/* The row of provenance of result k: one each source, of which those of one file follow each other.
 */
static ec_status event_of(int64_t *event, telling *t, size_t k, const char **source,
                          int64_t *last) {
    const char *own = t->options->sources != NULL ? t->options->sources[k] : NULL;
    *event = t->event;
    if (own == NULL) return EC_OK;
    ec_status status = EC_OK;
    if (*source == NULL || strcmp(*source, own) != 0)
        status =
            ec_database_put_event(last, &t->study->db, "tell", worker_of(t->options), own, t->err);
    *source = own;
    *event = *last;
    return status;
}

static ec_status write_results(telling *t) {
    ec_database *db = &t->study->db;
    const char *source = NULL;
    int64_t event = t->event, last = 0; /* event: of the row written last */
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < t->n; k++) {
        const ec_result *r = &t->results[k];
        if (t->told[k].unchanged) continue;
        t->any_changed = true;
        status = event_of(&event, t, k, &source, &last);
        if (status == EC_OK)
            status = ec_database_put_observation(
                db, event, t->name, ec_study_benchmark(t->study, r->benchmark)->name, r->value,
                r->se > 0.0 ? r->se : NAN,
                t->options->repeat ? EC_OBSERVED_REPEAT : EC_OBSERVED_VALUE, t->err);
    }
    if (status == EC_OK) status = write_hours(t);
    if (status == EC_OK)
        status = ec_failure_take_back(&t->was_failed, t->study, t->event, t->name,
                                      "results were told", true, t->err);
    bool any_open = false;
    if (status == EC_OK)
        status = ec_database_answer_question(&any_open, db, event, t->name, t->err);
    t->any_changed = t->any_changed || t->was_failed || any_open;
    return status;
}

static ec_status tell(telling *t) {
    ec_study *study = t->study;
    ec_status status = ec_study_begin_change(&t->event, study, "tell", worker_of(t->options),
                                             t->options->source, t->err);
    if (status != EC_OK) return status;
    status = look_back(t);
    if (status == EC_OK) status = write_results(t);
    if (status == EC_OK && !t->any_changed) /* not even an event */
        return ec_database_end(&study->db, EC_ERR_INTERRUPTED, NULL), EC_OK;
    return ec_database_end(&study->db, status, t->err);
}

ec_status ec_study_tell(ec_study *study, size_t candidate, const ec_result *results, size_t n,
                        const ec_tell_options *options, ec_error *err) {
    const ec_tell_options o = options != NULL ? *options : (ec_tell_options){0};
    ec_status status = check_results(study, candidate, results, n, err);
    if (status != EC_OK) return status;
    if (!(o.hours >= 0.0) || isinf(o.hours))
        return ec_fail(err, EC_ERR_ARG,
                       "GPU-hours must be a finite number, not negative; nothing was recorded");
    telling t = {.study = study,
                 .name = study->candidates[candidate].name,
                 .candidate = candidate,
                 .results = results,
                 .n = n,
                 .options = &o,
                 .told = calloc(n, sizeof *t.told),
                 .err = err};
    if (t.told == NULL) return ec_no_memory(study->path, err);
    status = tell(&t);
    if (status == EC_OK && o.told != NULL) memcpy(o.told, t.told, n * sizeof *t.told);
    if (status == EC_OK && o.was_failed != NULL) *o.was_failed = t.was_failed;
    free(t.told);
    return status;
}

/* ---- history ------------------------------------------------------------------------------ */

typedef struct {
    ec_observation *rows;
    size_t n, capacity;
    const ec_sheet *sheet;
    ec_error *err;
} history;

static ec_status add_row(history *h, const ec_observation *row) {
    ec_observation *rows = ec_grown(h->rows, h->n, &h->capacity, sizeof *rows);
    if (rows == NULL) return ec_fail(h->err, EC_ERR_NOMEM, "out of memory for the history");
    h->rows = rows;
    h->rows[h->n++] = *row;
    return EC_OK;
}

static ec_status see_observation(void *context, const ec_observation_record *row) {
    history *h = context;
    ec_observation o = {.candidate = ec_sheet_find_candidate(h->sheet, row->candidate),
                        .benchmark = ec_sheet_find_benchmark(h->sheet, row->benchmark),
                        .value = row->value,
                        .se = row->se,
                        .repeat = row->kind == EC_OBSERVED_REPEAT,
                        .withdrawn = row->kind == EC_OBSERVED_WITHDRAWN};
    if (o.candidate == h->sheet->n_candidates || o.benchmark == h->sheet->n_benchmarks)
        return EC_OK;
    ec_name_cut(o.time, sizeof o.time, row->time);
    ec_name_cut(o.worker, sizeof o.worker, row->worker);
    ec_name_cut(o.source, sizeof o.source, row->source);
    return add_row(h, &o);
}

static ec_status read_history(history *h, ec_study *study) {
    return ec_database_read_observations(&study->db, true, see_observation, h, h->err);
}

static ec_status list_built_in(history *h) {
    const ec_sheet *sheet = h->sheet;
    ec_status status = EC_OK;
    for (size_t i = 0; i < sheet->n_candidates; i++)
        for (size_t b = 0; status == EC_OK && b < sheet->n_benchmarks; b++) {
            const ec_observation o = {.candidate = i,
                                      .benchmark = b,
                                      .value = sheet->numbers.z[b * sheet->n_candidates + i],
                                      .se = NAN,
                                      .source = "arXiv:2408.16357"};
            if (!isnan(o.value)) status = add_row(h, &o);
        }
    return status;
}

/* The last row about a cell is the current one, and where that is a repeat those before it as well,
 * up to the one that is none. */
static ec_status mark_current(history *h) {
    const ec_sheet *sheet = h->sheet;
    bool *seen = calloc(sheet->n_candidates * sheet->n_benchmarks + 1, sizeof *seen);
    if (seen == NULL) return ec_fail(h->err, EC_ERR_NOMEM, "out of memory for the history");
    for (size_t k = h->n; k-- > 0;) {
        const size_t cell = h->rows[k].benchmark * sheet->n_candidates + h->rows[k].candidate;
        h->rows[k].current = !seen[cell] && !h->rows[k].withdrawn;
        seen[cell] = seen[cell] || !h->rows[k].repeat;
    }
    free(seen);
    return EC_OK;
}

ec_status ec_study_history(ec_observation **out, size_t *n_out, ec_study *study, ec_error *err) {
    history h = {.sheet = &study->declared.sheet, .err = err};
    *out = NULL;
    *n_out = 0;
    ec_status status = study->built_in ? list_built_in(&h) : read_history(&h, study);
    if (status == EC_OK) status = mark_current(&h);
    if (status != EC_OK) {
        free(h.rows);
        return status;
    }
    *out = h.rows;
    *n_out = h.n;
    return EC_OK;
}
