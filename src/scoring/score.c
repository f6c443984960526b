/* score.c - a run of `score`: units until nothing is missing, then the scores of the candidates
 *
 * The scores are means over results in study.db, taken in a fixed order, so that whoever writes
 * them writes the same: every process does when it is done, and what is known already is not
 * written again.
 */
#include "eyechart/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "scoring/scoring.h"
#include "sheet/columns.h"
#include "sheet/names.h"
#include "study/column_store.h"
#include "study/findings.h"

enum {
    WAIT_MS = 100,
    BOOTSTRAP_SEED = 0 /* of the standard errors of C; as of `correspond`, so that both say one */
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- progress ----------------------------------------------------------------------------- */

static ec_status tell_watcher(ec_scoring *run, ec_error *err) {
    ec_score_progress *p = &run->progress;
    const double elapsed = seconds_now() - run->started;
    p->passes_per_s = p->passes_done > 0.0 && elapsed > 0.0 ? p->passes_done / elapsed : NAN;
    p->seconds_left = p->passes_left / p->passes_per_s;
    if (run->watcher == NULL || run->watcher(run->context, p)) return EC_OK;
    return ec_fail(err, EC_ERR_INTERRUPTED, "%s: stopped", run->job->study->path);
}

ec_status ec_scoring_advance(ec_scoring *run, double passes, ec_error *err) {
    run->progress.passes_done += passes;
    run->progress.passes_left = fmax(0.0, run->progress.passes_left - passes);
    return tell_watcher(run, err);
}

ec_status ec_scoring_recount(ec_scoring *run, ec_error *err) {
    ec_score_progress *p = &run->progress;
    ec_job_count(&p->n_results, &p->n_done, run->job);
    p->passes_left = ec_job_measure(run->job).passes;
    return tell_watcher(run, err);
}

/* ---- units -------------------------------------------------------------------------------- */

/* One round over all units that are not done. */
static ec_status work_round(ec_outcome *outcome, ec_scoring *run, ec_error *err) {
    const ec_job *job = run->job;
    bool worked = false, waits = false;
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < job->set.n_categories; k++)
        for (size_t p = 0; status == EC_OK && p < EC_C_PROTOCOLS; p++) {
            status = ec_scoring_category(outcome, run, (ec_c_protocol)p, k, err);
            worked = worked || *outcome == EC_WORKED;
            waits = waits || *outcome == EC_WAIT;
        }
    ec_scoring_close_category(run);
    if (status == EC_OK) {
        status = ec_scoring_alignment(outcome, run, err);
        worked = worked || *outcome == EC_WORKED;
        waits = waits || *outcome == EC_WAIT;
    }
    if (status == EC_OK) {
        status = ec_scoring_measures(outcome, run, err);
        worked = worked || *outcome == EC_WORKED;
        waits = waits || *outcome == EC_WAIT;
    }
    *outcome = worked ? EC_WORKED : waits ? EC_WAIT : EC_COMPLETE;
    return status;
}

/* Other processes are computing what is left: pauses before looking again. */
static ec_status wait_for_others(ec_scoring *run, ec_error *err) {
    const struct timespec pause = {0, WAIT_MS * 1000000L};
    ec_job *job = run->job;
    run->progress.waiting = true;
    snprintf(run->progress.doing, sizeof run->progress.doing, "waiting for other processes");
    nanosleep(&pause, NULL);
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < job->set.n_categories; k++)
        for (size_t p = 0; status == EC_OK && p < EC_C_PROTOCOLS; p++)
            status = ec_job_refresh_category(job, (ec_c_protocol)p, k, err);
    if (status == EC_OK) status = ec_job_refresh_images(job, 0, job->n_images, err);
    if (status == EC_OK) status = ec_job_refresh_all_measures(job, err);
    if (status == EC_OK) status = ec_scoring_recount(run, err);
    run->progress.waiting = false;
    return status;
}

static ec_status work(ec_scoring *run, ec_error *err) {
    ec_outcome outcome = EC_WORKED;
    ec_status status = ec_correspondence_new(&run->correspondence, run->job->options.ctx, err);
    if (status == EC_OK) status = ec_scoring_recount(run, err);
    run->progress.n_cached = run->progress.n_done;
    while (status == EC_OK && outcome != EC_COMPLETE) {
        status = work_round(&outcome, run, err);
        if (status == EC_OK && outcome == EC_WAIT) status = wait_for_others(run, err);
    }
    ec_scoring_close_category(run);
    ec_scoring_close_alignment(run);
    ec_scoring_close_measures(run);
    ec_correspondence_free(run->correspondence);
    run->correspondence = NULL;
    return status;
}

/* ---- scores ------------------------------------------------------------------------------- */

/* All pairs of a part, in the order of the set. */
static ec_status read_pairs(ec_pair_result *out, ec_job *job, const ec_job_part *part,
                            ec_c_protocol protocol, ec_error *err) {
    ec_pair_result *of_category = calloc(job->set.n_pairs + 1, sizeof *of_category);
    ec_status status = of_category != NULL ? EC_OK : ec_no_memory(job->study->path, err);
    for (size_t k = 0; status == EC_OK && k < job->set.n_categories; k++) {
        const ec_keypoint_category *c = &job->set.categories[k];
        bool found = false;
        status = ec_database_find_pairs(of_category, c->n_pairs * sizeof *of_category, &found,
                                        &job->study->db, part->c[protocol].key[0],
                                        job->category_key[k], err);
        if (status == EC_OK && !found)
            status = ec_fail(err, EC_ERR_IO,
                             "%s: the results of %.80s for %.80s are gone from study.db; run "
                             "'eyechart score' again",
                             job->study->path, ec_job_name(job, part), c->name);
        for (size_t i = 0; status == EC_OK && i < c->n_pairs; i++)
            out[c->pairs[i]] = of_category[i];
    }
    free(of_category);
    return status;
}

static ec_status score_c(ec_score_row *row, ec_scoring *run, const ec_job_part *part,
                         ec_error *err) {
    ec_job *job = run->job;
    ec_pair_result *pairs = calloc(job->set.n_pairs + 1, sizeof *pairs);
    ec_correspondence *correspondence = NULL;
    ec_status status = pairs != NULL ? EC_OK : ec_no_memory(job->study->path, err);
    if (status == EC_OK) status = ec_correspondence_new(&correspondence, job->options.ctx, err);
    for (size_t p = 0; status == EC_OK && p < EC_C_PROTOCOLS; p++) {
        ec_pck pck;
        status = read_pairs(pairs, job, part, (ec_c_protocol)p, err);
        if (status == EC_OK)
            status = ec_pck_summarise(&pck, NULL, correspondence, &job->set, pairs, 0,
                                      BOOTSTRAP_SEED, err);
        if (status != EC_OK) break;
        row->c[p] = pck.per_image[EC_C_SOFT][0];
        row->c_se[p] = pck.per_image_error[EC_C_SOFT][0];
    }
    ec_correspondence_free(correspondence);
    free(pairs);
    return status;
}

/* values [n_references + 1][n]: to each reference, and the mean over them. */
static ec_status read_alignment(double *values, ec_job *job, const ec_job_part *part,
                                const ec_job_choice *choice, ec_error *err) {
    const size_t n = choice->n, n_references = job->settings.n_references;
    for (size_t k = 0; k < n; k++) {
        double sum = 0.0;
        for (size_t r = 0; r < n_references; r++) {
            bool found = false;
            const char *image = job->images[choice->images[k]].hash;
            const ec_status status = ec_database_find_value(
                &values[r * n + k], &found, &job->study->db, part->a.key[r], image, err);
            if (status != EC_OK) return status;
            if (!found)
                return ec_fail(err, EC_ERR_IO,
                               "%s: the results of %.80s for %s are gone from study.db; run "
                               "'eyechart score' again",
                               job->study->path, ec_job_name(job, part), choice->paths[k]);
            sum += values[r * n + k];
        }
        values[n_references * n + k] = sum / (double)n_references;
    }
    return EC_OK;
}

/* Is A of the part for the benchmark among what was computed? */
static bool has_a(const ec_job *job, const ec_job_part *part, size_t benchmark) {
    const ec_job_choice *choice = &job->choices[benchmark];
    for (size_t k = 0; k < choice->n; k++)
        if (!part->a.wanted[choice->images[k]] || !part->a.done[choice->images[k]]) return false;
    return choice->n > 0;
}

static ec_status score_a(ec_score_row *row, ec_scoring *run, const ec_job_part *part,
                         size_t benchmark, ec_error *err) {
    ec_job *job = run->job;
    const ec_job_choice *choice = &job->choices[benchmark];
    const size_t n = choice->n, n_references = job->settings.n_references,
                 m = ec_study_n_benchmarks(job->study);
    if (!has_a(job, part, benchmark)) return EC_OK;
    double *values = calloc((n_references + 1) * n, sizeof *values);
    if (values == NULL) return ec_no_memory(job->study->path, err);
    const ec_status status = read_alignment(values, job, part, choice, err);
    if (status == EC_OK) {
        const ec_alignment_summary all = ec_alignment_summarise(values + n_references * n, n, 1);
        row->a[benchmark] = all.a;
        row->a_se[benchmark] = all.a_error;
        for (size_t r = 0; r < n_references; r++)
            row->a_of[r * m + benchmark] = ec_alignment_summarise(values + r * n, n, 1).a;
    }
    free(values);
    return status;
}

static ec_status init_row(ec_score_row *row, const ec_job *job, const ec_job_part *part,
                          ec_error *err) {
    const size_t m = ec_study_n_benchmarks(job->study), n = m * (2 + job->settings.n_references);
    *row = (ec_score_row){.candidate = part->candidate,
                          .resampled = part->resampled,
                          .c = {NAN, NAN},
                          .c_se = {NAN, NAN},
                          .a = malloc((n + 1) * sizeof *row->a),
                          .beside = calloc(job->settings.n_compare_with + 1, sizeof *row->beside)};
    if (row->a == NULL || row->beside == NULL) return ec_no_memory(job->study->path, err);
    for (size_t k = 0; k < EC_REPRESENTATION_COLUMNS; k++) row->measures[k] = NAN;
    for (size_t r = 0; r < job->settings.n_compare_with; r++)
        for (size_t k = 0; k < EC_REPRESENTATION_BESIDE; k++) row->beside[r][k] = NAN;
    for (size_t k = 0; k < n; k++) row->a[k] = NAN;
    row->a_se = row->a + m;
    row->a_of = row->a + 2 * m;
    return EC_OK;
}

static ec_status compute_rows(ec_score_summary *out, ec_scoring *run, ec_error *err) {
    ec_job *job = run->job;
    out->n_benchmarks = ec_study_n_benchmarks(job->study);
    out->n_references = job->settings.n_references;
    out->n_compare_with = job->settings.n_compare_with;
    out->n_left_out = job->n_left_out;
    out->rows = calloc(job->n_parts + 1, sizeof *out->rows);
    if (out->rows == NULL) return ec_no_memory(job->study->path, err);
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        if (!part->selected) continue;
        ec_score_row *row = &out->rows[out->n_rows++];
        status = init_row(row, job, part, err);
        if (status == EC_OK && part->wants_c) status = score_c(row, run, part, err);
        for (size_t b = 0; status == EC_OK && part->wants_a && b < out->n_benchmarks; b++)
            status = score_a(row, run, part, b, err);
        if (status == EC_OK && part->wants_measures)
            status = ec_scoring_read_measures(row->measures, row->beside, job, part, err);
        if (status == EC_OK) status = tell_watcher(run, err);
    }
    return status;
}

/* ---- writing ------------------------------------------------------------------------------ */

typedef struct {
    ec_scoring *run;
    int64_t event;
    size_t n_changed;
    ec_name_list lost; /* "cka of CLIP@336" */
    ec_error *err;
} writing;

static void say_lost(writing *w, const char *what, const char *candidate) {
    char text[EC_COLUMN_NAME_MAX_BYTES + 100];
    snprintf(text, sizeof text, "%s of %.80s", what, candidate);
    ec_name_list_add(&w->lost, text);
}

/* What `score` wrote and cannot tell any more; what was imported stays. */
static ec_status lose_score(writing *w, const char *candidate, const char *kind,
                            const char *benchmark) {
    bool lost;
    const ec_status status = ec_database_lose_score(&lost, &w->run->job->study->db, w->event,
                                                    candidate, kind, benchmark, w->err);
    if (lost) say_lost(w, kind, candidate);
    return status;
}

static ec_status lose_column(writing *w, const char *candidate, const char *name,
                             const char *benchmark) {
    bool lost;
    const ec_status status = ec_database_lose_extra(&lost, &w->run->job->study->db, w->event,
                                                    candidate, name, benchmark, w->err);
    if (lost) say_lost(w, name, candidate);
    return status;
}

/* Writes a score unless it is the one that study.db has; NaN: loses it. */
static ec_status put_score(writing *w, const char *candidate, const char *kind,
                           const char *benchmark, double value, double se) {
    bool changed;
    if (isnan(value)) return lose_score(w, candidate, kind, benchmark);
    const ec_status status = ec_database_change_score(
        &changed, &w->run->job->study->db, w->event, candidate, kind, benchmark, value, se, w->err);
    w->n_changed += changed;
    return status;
}

static ec_status put_column(writing *w, const char *candidate, const char *name,
                            const char *benchmark, double value, double se) {
    bool written = false;
    if (isnan(value)) return lose_column(w, candidate, name, benchmark);
    const ec_status status = ec_column_put(&written, w->run->job->study, w->event, candidate, name,
                                           benchmark, value, se, w->err);
    w->n_changed += written;
    return status;
}

/* Compared with one, the mean over them says it all. */
static ec_status put_measures(writing *w, const char *candidate, const ec_score_row *row) {
    const ec_job *job = w->run->job;
    const size_t n = job->settings.n_compare_with;
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < EC_REPRESENTATION_COLUMNS; k++)
        status =
            put_column(w, candidate, ec_representation_column_name(k), "", row->measures[k], NAN);
    for (size_t r = 0; n > 1 && r < n; r++)
        for (size_t k = 0; status == EC_OK && k < EC_REPRESENTATION_BESIDE; k++) {
            char name[EC_COLUMN_NAME_MAX_BYTES + 1];
            ec_column_name_about(
                name, ec_representation_column_name(k),
                ec_study_candidate(job->study, job->settings.compare_with[r])->name);
            status = put_column(w, candidate, name, "", row->beside[r][k], NAN);
        }
    return status;
}

static ec_status put_c(writing *w, const char *candidate, const ec_score_row *row) {
    const ec_c_protocol chosen = w->run->job->settings.consistent ? EC_C_CONSISTENT : EC_C_AUTHORS;
    ec_status status = put_score(w, candidate, "C", "", row->c[chosen], row->c_se[chosen]);
    for (size_t p = 0; status == EC_OK && p < EC_C_PROTOCOLS; p++) {
        char name[32];
        snprintf(name, sizeof name, "C_%s", ec_c_protocol_name(p));
        status = put_column(w, candidate, name, "", row->c[p], row->c_se[p]);
    }
    return status;
}

static bool is_declared(const ec_study *study, size_t candidate, size_t benchmark) {
    const ec_sheet *sheet = &study->declared.sheet;
    double se;
    return !isnan(ec_numbers_a(&sheet->numbers, sheet->n_candidates, benchmark, candidate, &se));
}

/* Writes A of a candidate for the benchmarks that were scored. */
static ec_status put_a(writing *w, const char *candidate, const ec_score_row *row) {
    const ec_job *job = w->run->job;
    const size_t m = ec_study_n_benchmarks(job->study);
    ec_status status = EC_OK;
    for (size_t b = 0; status == EC_OK && b < m; b++) {
        const char *benchmark = ec_study_benchmark(job->study, b)->name;
        if (job->choices[b].n == 0 || is_declared(job->study, row->candidate, b)) continue;
        status = put_score(w, candidate, "A", benchmark, row->a[b], row->a_se[b]);
        for (size_t r = 0; status == EC_OK && r < job->settings.n_references; r++) {
            char name[EC_COLUMN_NAME_MAX_BYTES + 1];
            ec_column_name_about(name, "A",
                                 ec_study_candidate(job->study, job->settings.references[r])->name);
            status = put_column(w, candidate, name, benchmark, row->a_of[r * m + b], NAN);
        }
    }
    return status;
}

/* ---- columns about others that are asked about no more ---- */

/* Is the column `what` of one of these candidates? */
static bool is_about_one_of(const char *name, const char *what, const ec_job *job,
                            const size_t *candidates, size_t n) {
    char current[EC_COLUMN_NAME_MAX_BYTES + 1];
    for (size_t k = 0; k < n; k++) {
        ec_column_name_about(current, what, ec_study_candidate(job->study, candidates[k])->name);
        if (strcmp(name, current) == 0) return true;
    }
    return false;
}

static bool is_about(const char *name, const char *what) {
    const size_t n = strlen(what);
    return strncmp(name, what, n) == 0 && name[n] == '_';
}

static bool is_measure(const char *name) {
    for (size_t k = 0; k < EC_REPRESENTATION_COLUMNS; k++)
        if (strcmp(name, ec_representation_column_name(k)) == 0) return true;
    return false;
}

/* Was the column about a candidate that is no reference, or compared with, any more? */
static bool is_of_the_past(const char *name, const ec_job *job, const ec_job_part *part) {
    const ec_score_settings *s = &job->settings;
    if (is_measure(name)) return false;
    if (is_about(name, "A"))
        return part->wants_a && !is_about_one_of(name, "A", job, s->references, s->n_references);
    bool about = false, current = false;
    for (size_t k = 0; part->wants_measures && k < EC_REPRESENTATION_BESIDE; k++) {
        const char *what = ec_representation_column_name(k);
        about = about || is_about(name, what);
        current = current || (s->n_compare_with > 1 &&
                              is_about_one_of(name, what, job, s->compare_with, s->n_compare_with));
    }
    return about && !current;
}

typedef struct {
    writing *w;
    const char *candidate;
    const ec_job_part *part;
} losing;

static ec_status see_column(void *context, const char *name, const char *benchmark) {
    const losing *l = context;
    if (!is_of_the_past(name, l->w->run->job, l->part)) return EC_OK;
    return lose_column(l->w, l->candidate, name, benchmark);
}

static ec_status lose_the_past(writing *w, const char *candidate, const ec_job_part *part) {
    return ec_database_read_extras_of(&w->run->job->study->db, candidate, see_column,
                                      &(losing){w, candidate, part}, w->err);
}

static ec_status put_row(writing *w, const ec_score_row *row, const ec_job_part *part) {
    const char *candidate = ec_study_candidate(w->run->job->study, row->candidate)->name;
    ec_status status = part->wants_c ? put_c(w, candidate, row) : EC_OK;
    if (status == EC_OK && part->wants_a) status = put_a(w, candidate, row);
    if (status == EC_OK && part->wants_measures) status = put_measures(w, candidate, row);
    return status == EC_OK ? lose_the_past(w, candidate, part) : status;
}

/* From the study's folder, as in study.yaml, where the image lies in it. */
static const char *from_study(const char *path, const char *folder) {
    const size_t n = strlen(folder);
    if (strncmp(path, folder, n) != 0 || (path[n] != '/' && (n == 0 || folder[n - 1] != '/')))
        return path;
    path += n;
    while (*path == '/') path++;
    return path;
}

/* The images that A was taken from; rows of a benchmark are replaced when the choice is another. */
static ec_status put_choice(writing *w, size_t benchmark) {
    ec_job *job = w->run->job;
    ec_database *db = &job->study->db;
    const ec_job_choice *choice = &job->choices[benchmark];
    const char *name = ec_study_benchmark(job->study, benchmark)->name;
    if (choice->n == 0) return EC_OK;
    ec_status status = ec_database_clear_chosen(db, name, w->err);
    for (size_t k = 0; status == EC_OK && k < choice->n; k++)
        status = ec_database_put_chosen(db, name, k, from_study(choice->paths[k], job->study->path),
                                        job->images[choice->images[k]].hash, w->err);
    return status;
}

/* One transaction; where nothing is new it is taken back, the row of provenance with it. */
static ec_status write_scores(ec_score_summary *summary, ec_scoring *run, ec_error *err) {
    ec_study *study = run->job->study;
    writing w = {.run = run, .err = err};
    ec_status status =
        ec_study_begin_change(&w.event, study, "score", NULL, run->job->settings.keypoints, err);
    if (status != EC_OK) return status;
    const ec_job *job = run->job;
    for (size_t i = 0, k = 0; status == EC_OK && i < job->n_parts; i++)
        if (job->parts[i].selected) status = put_row(&w, &summary->rows[k++], &job->parts[i]);
    summary->n_changed = w.n_changed;
    summary->n_lost = w.lost.n;
    summary->n_turned = run->n_turned;
    snprintf(summary->turned, sizeof summary->turned, "%s", run->turned != NULL ? run->turned : "");
    snprintf(summary->lost, sizeof summary->lost, "%s", ec_name_list_end(&w.lost));
    if (status == EC_OK && w.n_changed == 0 && w.lost.n == 0)
        return ec_database_forget(&study->db, err);
    return ec_database_end(&study->db, status, err);
}

/* The choice is settled before the work, and is the same for all candidates. */
static ec_status write_choices(ec_scoring *run, ec_error *err) {
    ec_study *study = run->job->study;
    writing w = {.run = run, .err = err};
    ec_status status = ec_database_begin_write(&study->db, err);
    if (status != EC_OK) return status;
    for (size_t b = 0; status == EC_OK && b < ec_study_n_benchmarks(study); b++)
        status = put_choice(&w, b);
    return ec_database_end(&study->db, status, err);
}

/* ---- the whole ---------------------------------------------------------------------------- */

void ec_score_summary_free(ec_score_summary *summary) {
    if (summary == NULL) return;
    for (size_t k = 0; k < summary->n_rows; k++) {
        free(summary->rows[k].a);
        free(summary->rows[k].beside);
    }
    free(summary->rows);
    free(summary->notes);
    free(summary);
}

static ec_status check_disk(const ec_job *job, ec_error *err) {
    const double needed = ec_job_disk_needed(job), left = ec_job_disk_free(job);
    if (!(needed > left)) return EC_OK;
    return ec_fail(err, EC_ERR_IO,
                   "%s: scoring needs up to %.0f MB there, the disk has %.0f MB left; free some "
                   "space and repeat, nothing was computed",
                   job->study->path, needed / 1e6, left / 1e6);
}

static ec_status score(ec_score_summary *summary, ec_scoring *run, ec_error *err) {
    ec_job *job = run->job;
    ec_status status = check_disk(job, err);
    if (status == EC_OK) status = write_choices(run, err);
    if (status == EC_OK) status = ec_work_enter(&job->work, err);
    if (status == EC_OK) status = work(run, err);
    if (status == EC_OK) status = compute_rows(summary, run, err);
    if (status == EC_OK) status = write_scores(summary, run, err);
    if (job->work.running >= 0) ec_work_leave(&job->work, status != EC_OK);
    summary->n_results = run->progress.n_results;
    summary->n_cached = run->progress.n_cached;
    summary->passes = run->progress.passes_done;
    summary->seconds = seconds_now() - run->started;
    return status;
}

static ec_status check_writable(const ec_study *study, ec_error *err) {
    if (ec_study_writable(study) || study->built_in) return EC_OK;
    return ec_fail(err, EC_ERR_IO,
                   "%s: cannot be written to; make the folder and study.db writable, or work on a "
                   "copy of the folder",
                   study->path);
}

/* Tells the watcher while files are read, before the first unit; false: stop. */
static bool goes_on(void *context) {
    ec_scoring *run = context;
    snprintf(run->progress.doing, sizeof run->progress.doing,
             "reading weights and images, to know them by their content");
    return tell_watcher(run, NULL) == EC_OK;
}

ec_status ec_study_score(ec_score_summary **out, ec_study *study, const ec_score_options *options,
                         ec_score_watcher watcher, void *context, ec_error *err) {
    if (out != NULL) *out = NULL;
    if (options == NULL || options->ctx == NULL)
        return ec_fail(err, EC_ERR_ARG, "%s: no context to compute its scores on", study->path);
    ec_job job = {0};
    ec_scoring run = {
        .job = &job, .watcher = watcher, .context = context, .started = seconds_now()};
    ec_score_summary *summary = calloc(1, sizeof *summary);
    ec_status status =
        summary != NULL ? check_writable(study, err) : ec_no_memory(study->path, err);
    if (status == EC_OK) {
        ec_score_options watched = *options;
        if (watched.watch.goes_on == NULL) watched.watch = (ec_watch){goes_on, &run};
        status = ec_job_build(&job, study, &watched, err);
        if (status == EC_OK) status = score(summary, &run, err);
        summary->notes = job.notes.data; /* its owner now */
        job.notes = (ec_text){0};
        ec_job_release(&job);
    }
    if (status == EC_ERR_INTERRUPTED)
        ec_fail(err, status,
                "%s: stopped; what was computed is kept, 'eyechart score %s' goes on where it was",
                study->path, study->path);
    if (status == EC_OK && out != NULL)
        *out = summary;
    else
        ec_score_summary_free(summary);
    return status;
}
