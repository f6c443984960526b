/* snapshot.c - what is known about a study now */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "study/column_store.h"
#include "study/failure.h"
#include "study/rank_columns.h"
#include "study/scale.h"
#include "study/study_internal.h"

double ec_study_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool ec_numbers_observed(const ec_numbers *numbers, size_t n, size_t m, size_t i) {
    for (size_t b = 0; b < m; b++)
        if (!isnan(numbers->z[b * n + i])) return true;
    return false;
}

/* ---- from the database -------------------------------------------------------------------- */

/* Rows come oldest first, so that the newest about a thing is what stays. Rows about names that are
 * not declared are passed over. A damaged file may hold infinities, which no function here ever
 * writes. */
typedef struct {
    ec_numbers *numbers;
    ec_repeats *repeats;
    const ec_sheet *sheet;
    ec_error *err;
} target;

static ec_status see_score(void *context, const ec_number_record *row) {
    const target *t = context;
    ec_numbers *to = t->numbers;
    const ec_sheet *sheet = t->sheet;
    const size_t n = sheet->n_candidates, m = sheet->n_benchmarks;
    const size_t i = ec_sheet_find_candidate(sheet, row->candidate);
    const double value = row->lost ? NAN : row->value, se = row->lost ? NAN : row->se;
    if (i == n) return EC_OK;
    if (strcmp(row->name, "C") == 0) {
        to->c[i] = value;
        to->c_se[i] = se;
        return EC_OK;
    }
    const bool shared = *row->benchmark == '\0';
    if (shared) {
        to->a_shared[i] = value;
        to->a_shared_se[i] = se;
    }
    const size_t only = shared ? m : ec_sheet_find_benchmark(sheet, row->benchmark);
    for (size_t b = 0; b < m; b++) {
        if (!shared && b != only) continue;
        to->a[b * n + i] = value;
        to->a_se[b * n + i] = se;
    }
    return EC_OK;
}

/* A record of no hours takes back the one before. */
static ec_status see_cost(void *context, const char *candidate, ec_cost_kind kind, double hours) {
    const target *t = context;
    const size_t i = ec_sheet_find_candidate(t->sheet, candidate);
    if (i == t->sheet->n_candidates) return EC_OK;
    if (kind == EC_COST_EXPECTED)
        t->numbers->cost[i] = hours;
    else
        t->numbers->hours[i] = hours > 0.0 ? hours : NAN;
    return EC_OK;
}

static ec_status see_observation(void *context, const ec_observation_record *row) {
    const target *t = context;
    const ec_numbers *to = t->numbers;
    const size_t i = ec_sheet_find_candidate(t->sheet, row->candidate);
    const size_t b = ec_sheet_find_benchmark(t->sheet, row->benchmark);
    if (i == t->sheet->n_candidates || b == t->sheet->n_benchmarks) return EC_OK;
    const size_t cell = b * t->sheet->n_candidates + i;
    if (row->kind == EC_OBSERVED_REPEAT && !isnan(to->z[cell]))
        return ec_repeats_add(t->repeats, cell, row->value, row->se, t->err);
    const bool withdrawn = row->kind == EC_OBSERVED_WITHDRAWN;
    to->z[cell] = withdrawn ? NAN : row->value;
    to->z_se[cell] = withdrawn ? NAN : row->se;
    ec_repeats_drop(t->repeats, cell);
    return EC_OK;
}

static ec_status read_database(target *t, ec_study *study) {
    ec_status status = ec_database_read_scores(&study->db, see_score, t, t->err);
    if (status == EC_OK) status = ec_database_read_costs(&study->db, see_cost, t, t->err);
    if (status == EC_OK)
        status = ec_database_read_observations(&study->db, false, see_observation, t, t->err);
    return status;
}

/* ---- from the declaration ----------------------------------------------------------------- */

/* What is declared wins over what was measured. */
static void overlay_declared(ec_numbers *to, const ec_sheet *sheet) {
    const ec_numbers *from = &sheet->numbers;
    const size_t n = sheet->n_candidates, m = sheet->n_benchmarks;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(from->c[i])) {
            to->c[i] = from->c[i];
            to->c_se[i] = from->c_se[i];
        }
        if (!isnan(from->a_shared[i])) {
            to->a_shared[i] = from->a_shared[i];
            to->a_shared_se[i] = from->a_shared_se[i];
        }
        if (!isnan(from->cost[i])) to->cost[i] = from->cost[i];
    }
    for (size_t b = 0; b < m; b++)
        for (size_t i = 0; i < n; i++) {
            double se;
            const double a = ec_numbers_a(from, n, b, i, &se);
            if (isnan(a)) continue;
            to->a[b * n + i] = a;
            to->a_se[b * n + i] = se;
        }
}

ec_status ec_study_read_told(ec_numbers *numbers, ec_repeats *repeats, ec_study *study,
                             ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    *repeats = (ec_repeats){0};
    ec_status status = ec_numbers_init(numbers, sheet->n_candidates, sheet->n_benchmarks, err);
    if (status != EC_OK) return status;
    if (study->built_in)
        memcpy(numbers->z, sheet->numbers.z,
               sheet->n_candidates * sheet->n_benchmarks * sizeof(double));
    else
        status = read_database(&(target){numbers, repeats, sheet, err}, study);
    overlay_declared(numbers, sheet);
    for (size_t i = 0; i < sheet->n_candidates; i++) study->candidates[i].cost = numbers->cost[i];
    if (status == EC_OK) return EC_OK;
    ec_numbers_release(numbers);
    ec_repeats_release(repeats);
    return status;
}

ec_status ec_study_read_numbers(ec_numbers *numbers, ec_study *study, ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    ec_repeats repeats;
    ec_status status = ec_study_read_told(numbers, &repeats, study, err);
    if (status != EC_OK) return status;
    status = ec_repeats_summarise(numbers, &repeats, sheet->n_candidates, sheet->n_benchmarks, err);
    ec_repeats_release(&repeats);
    if (status != EC_OK) ec_numbers_release(numbers);
    return status;
}

ec_status ec_study_read_all(ec_numbers *numbers, ec_study *study, ec_error *err) {
    *numbers = (ec_numbers){0};
    if (study->built_in) return ec_study_read_numbers(numbers, study, err);
    ec_status status = ec_database_begin_read(&study->db, err);
    if (status != EC_OK) return status;
    status = ec_database_end(&study->db, ec_study_read_numbers(numbers, study, err), err);
    if (status != EC_OK) ec_numbers_release(numbers);
    return status;
}

/* ---- snapshot ----------------------------------------------------------------------------- */

/* The public snapshot, and what its table borrows. */
typedef struct {
    ec_study_snapshot public;
    const ec_sheet *sheet; /* of the study; while it is read */
    ec_numbers numbers;
    ec_columns columns;
    ec_scores scores;
    ec_failures failures;
    ec_scales scales;
    bool *pending;
    double *hours;
} snapshot;

static void sum_hours(ec_study_snapshot *s, const ec_numbers *numbers) {
    const size_t n = s->table.n_candidates;
    for (size_t i = 0; i < n; i++) {
        const bool observed = ec_numbers_observed(numbers, n, s->table.n_benchmarks, i);
        const double hours = observed && !isnan(s->hours[i]) ? s->hours[i] : numbers->cost[i];
        const double failed = observed || isnan(s->hours[i]) ? 0.0 : s->hours[i];
        s->hours_spent += failed;
        s->hours_failed += failed;
        s->n_observed += observed;
        s->n_failed += s->failed[i];
        if (s->failed[i]) continue; /* nothing more is to be spent on it */
        if (isnan(hours))
            s->n_cost_unknown++;
        else if (observed)
            s->hours_spent += hours;
        else
            s->hours_left += hours;
    }
}

static ec_status see_pending(void *context, const ec_question_record *row) {
    const snapshot *s = context;
    const size_t i = ec_sheet_find_candidate(s->sheet, row->candidate);
    if (i < s->sheet->n_candidates) s->pending[i] = true;
    return EC_OK;
}

static ec_status read_snapshot(snapshot *s, ec_study *study, ec_error *err) {
    if (study->built_in) {
        const ec_status status = ec_study_read_numbers(&s->numbers, study, err);
        return status == EC_OK ? ec_failures_read(&s->failures, study, err) : status;
    }
    ec_status status = ec_database_begin_read(&study->db, err);
    if (status != EC_OK) return status;
    status = ec_study_read_numbers(&s->numbers, study, err);
    if (status == EC_OK) status = ec_failures_read(&s->failures, study, err);
    if (status == EC_OK)
        status = ec_database_read_questions(&study->db, ec_study_now(), see_pending, s, err);
    if (status == EC_OK) status = ec_columns_read(&s->columns, study, err);
    return ec_database_end(&study->db, status, err);
}

static const ec_rank_column a_and_c[] = {{"A", 1.0}, {"C", 1.0}};

ec_status ec_study_snapshot_get(ec_study_snapshot **out, ec_study *study, ec_error *err) {
    *out = NULL;
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) return ec_no_memory(study->path, err);
    s->sheet = &study->declared.sheet;
    s->pending = calloc(n + 1, sizeof *s->pending);
    s->hours = malloc((n + 1) * sizeof *s->hours);
    ec_status status = s->pending != NULL && s->hours != NULL ? read_snapshot(s, study, err)
                                                              : ec_no_memory(study->path, err);
    s->public.table = (ec_table){.n_candidates = n,
                                 .n_benchmarks = m,
                                 .a = s->numbers.a,
                                 .a_se = s->numbers.a_se,
                                 .c = s->numbers.c,
                                 .c_se = s->numbers.c_se,
                                 .z = s->numbers.z,
                                 .z_se = s->numbers.z_se,
                                 .z_n = s->numbers.z_n};
    if (status == EC_OK) status = ec_scales_set(&s->scales, &s->public.table, study, err);
    if (status != EC_OK) {
        ec_study_snapshot_free(&s->public);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        s->hours[i] = ec_failures_all_hours(&s->failures, &s->numbers, i);
    s->public.hours = s->hours;
    s->public.pending = s->pending;
    s->public.failed = s->failures.failed;
    s->public.columns = s->columns.items;
    s->public.n_columns = s->columns.n;
    s->public.scores = a_and_c;
    sum_hours(&s->public, &s->numbers);
    *out = &s->public;
    return EC_OK;
}

ec_status ec_study_snapshot_choose(ec_study_snapshot *public, const ec_study *study,
                                   const ec_rank_column *columns, size_t n, ec_error *err) {
    snapshot *s = (snapshot *)public; /* its first member */
    const ec_status status = ec_scores_choose(&s->scores, &public->table, &s->numbers, &s->columns,
                                              study, columns, n, err);
    if (status == EC_OK) public->scores = s->scores.of;
    return status;
}

void ec_study_snapshot_free(ec_study_snapshot *public) {
    if (public == NULL) return;
    snapshot *s = (snapshot *)public;
    ec_numbers_release(&s->numbers);
    ec_scores_release(&s->scores);
    ec_columns_release(&s->columns);
    ec_failures_release(&s->failures);
    ec_scales_release(&s->scales);
    free(s->hours);
    free(s->pending);
    free(s);
}
