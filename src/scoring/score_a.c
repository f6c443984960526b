/* score_a.c - units of A: a few images under every candidate that lacks them
 *
 * References are computed once for the unit, whatever the number of candidates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/score_run.h"

static ec_status no_memory(const ec_run *run, ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", run->job->study->path);
}

/* ---- encoders and connectors -------------------------------------------------------------- */

void ec_run_close_aligner(ec_run *run) {
    ec_aligner_close(run->aligner);
    free(run->aligner_parts);
    run->aligner = NULL;
    run->aligner_parts = NULL;
    run->n_aligner_parts = 0;
}

static ec_align_member member_of(const ec_job *job, const ec_job_part *part) {
    ec_align_member member = {.name = ec_job_name(job, part),
                              .connector = ec_study_connector(job->study, part->candidate)};
    member.sources = part->sources;
    member.n_sources = part->n_members;
    return member;
}

static bool lacks_any(const ec_job *job, const ec_job_part *part) {
    for (size_t image = 0; image < job->n_images; image++)
        if (ec_job_wants_image(part, image)) return true;
    return false;
}

/* All candidates that still lack an image, once for the run. */
static ec_status open_aligner(ec_run *run, ec_error *err) {
    ec_job *job = run->job;
    const size_t n_references = job->settings.n_references;
    const ec_align_options options = {.bf16_compat = job->settings.bf16_compat,
                                      .encoder = ec_job_encoder_options(job),
                                      .look = ec_job_any_measures(job) ? ec_run_look : NULL,
                                      .look_context = run};
    ec_align_member *members = calloc(job->n_parts + 1, sizeof *members),
                    *references = calloc(n_references + 1, sizeof *references);
    run->aligner_parts = calloc(job->n_parts + 1, sizeof *run->aligner_parts);
    ec_status status = members != NULL && references != NULL && run->aligner_parts != NULL
                           ? EC_OK
                           : no_memory(run, err);
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++) {
        if (!lacks_any(job, &job->parts[i])) continue;
        run->aligner_parts[run->n_aligner_parts] = i;
        members[run->n_aligner_parts++] = member_of(job, &job->parts[i]);
    }
    for (size_t r = 0; status == EC_OK && r < n_references; r++)
        references[r] = member_of(job, &job->parts[job->reference_parts[r]]);
    if (status == EC_OK)
        status = ec_aligner_open(&run->aligner, references, n_references, members,
                                 run->n_aligner_parts, &options, err);
    free(members);
    free(references);
    return status;
}

/* ---- one unit ----------------------------------------------------------------------------- */

static size_t size_of_chunk(const ec_job *job, size_t from) {
    return job->n_images - from < EC_CHUNK ? job->n_images - from : EC_CHUNK;
}

static bool chunk_is_done(const ec_job *job, size_t from) {
    for (size_t i = 0; i < job->n_parts; i++)
        for (size_t image = from; image < from + size_of_chunk(job, from); image++)
            if (ec_job_wants_image(&job->parts[i], image)) return false;
    return true;
}

typedef struct {
    ec_run *run;
    ec_error *err;
    double passes; /* of the whole unit */
    size_t n_seen;
} watching;

/* The passes of the unit in equal parts: which of them a candidate shares is not told. */
static bool see_candidates(void *context, size_t n_done, size_t n_total) {
    watching *w = context;
    const double passes = w->passes * (double)(n_done - w->n_seen) / (double)n_total;
    w->n_seen = n_done;
    return ec_run_advance(w->run, passes, w->err) == EC_OK;
}

static ec_status check_inputs(ec_run *run, const bool *wanted, size_t from, ec_error *err) {
    ec_job *job = run->job;
    ec_status status = EC_OK;
    for (size_t image = from; status == EC_OK && image < from + size_of_chunk(job, from); image++)
        status = ec_job_check_image(job, image, err);
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        bool used = false;
        for (size_t r = 0; r < job->settings.n_references; r++)
            used = used || job->reference_parts[r] == i;
        for (size_t k = 0; k < run->n_aligner_parts; k++)
            used = used || (run->aligner_parts[k] == i && wanted[k]);
        for (size_t m = 0; status == EC_OK && used && m < part->n_members; m++)
            status = ec_job_check_encoder(job, part->a_members[m], err);
        if (status == EC_OK && used) status = ec_job_check_connector(&part->connector, err);
    }
    return status;
}

/* scores [n_images][n_aligner_parts][n_references] */
static ec_status put_scores(ec_run *run, const double *scores, size_t from, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = size_of_chunk(job, from), n_references = job->settings.n_references;
    ec_status status = ec_database_begin_write(&job->study->db, err);
    if (status != EC_OK) return status;
    for (size_t image = from; image < from + n; image++)
        for (size_t k = 0; k < run->n_aligner_parts; k++) {
            const ec_job_part *part = &job->parts[run->aligner_parts[k]];
            const double *row = scores + ((image - from) * run->n_aligner_parts + k) * n_references;
            if (!ec_job_wants_image(part, image)) continue;
            for (size_t r = 0; status == EC_OK && r < n_references; r++) {
                char description[512];
                snprintf(description, sizeof description, "%.200s to %.200s",
                         ec_job_name(job, part),
                         ec_job_name(job, &job->parts[job->reference_parts[r]]));
                status = ec_store_put_value(&job->store, part->a_key[r], description,
                                            job->images[image].hash, row[r], err);
            }
        }
    if (status == EC_OK) status = ec_run_put_pools(run, err);
    status = ec_database_end(&job->study->db, status, err);
    if (status == EC_OK) ec_run_mark_pools(run);
    return status == EC_OK ? ec_job_refresh_images(job, from, n, err) : status;
}

ec_status ec_run_decode_image(ec_image *out, const char *path, ec_error *err) {
    const ec_status status = ec_image_load(out, path, err);
    if (status != EC_ERR_NOT_FOUND) return status;
    return ec_error_prefix(err, status,
                           "an image that is needed is gone; put it back and run "
                           "'eyechart score' again, it goes on where it was");
}

/* All images of the unit, decoded, under all candidates that lack one of them. */
static ec_status align_chunk(double *scores, ec_run *run, const bool *wanted, size_t from,
                             ec_error *err) {
    const size_t n = size_of_chunk(run->job, from);
    ec_image images[EC_CHUNK] = {0};
    const ec_image *pointers[EC_CHUNK];
    ec_status status = EC_OK;
    for (size_t i = 0; i < n; i++) {
        pointers[i] = &images[i];
        if (status == EC_OK)
            status = ec_run_decode_image(&images[i], run->job->images[from + i].path, err);
        if (images[i].orientation > 1 && !run->job->settings.exif_transpose && run->n_turned++ == 0)
            run->turned = run->job->images[from + i].path;
    }
    ec_job_cost cost = {0};
    if (status == EC_OK) status = ec_job_measure_images(&cost, run->job, from, n, err);
    watching watch = {.run = run, .err = err, .passes = cost.passes};
    if (status == EC_OK)
        status =
            ec_aligner_run(scores, run->aligner, pointers, n, wanted, see_candidates, &watch, err);
    for (size_t i = 0; i < n; i++) ec_image_release(&images[i]);
    return status;
}

static ec_status work_on_chunk(ec_run *run, size_t from, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = size_of_chunk(job, from);
    snprintf(run->progress.doing, sizeof run->progress.doing, "A, images %zu to %zu of %zu",
             from + 1, from + n, job->n_images);
    ec_status status = run->aligner != NULL ? EC_OK : open_aligner(run, err);
    if (status != EC_OK) return status;

    run->chunk_from = from;
    bool *wanted = calloc(run->n_aligner_parts + 1, sizeof *wanted);
    double *scores =
        calloc(n * run->n_aligner_parts * job->settings.n_references + 1, sizeof *scores);
    if (wanted == NULL || scores == NULL) status = no_memory(run, err);
    for (size_t k = 0; status == EC_OK && k < run->n_aligner_parts; k++)
        for (size_t i = 0; i < n; i++)
            wanted[k] =
                wanted[k] || ec_job_wants_image(&job->parts[run->aligner_parts[k]], from + i);
    if (status == EC_OK) status = align_chunk(scores, run, wanted, from, err);
    if (status == EC_OK) status = check_inputs(run, wanted, from, err);
    if (status == EC_OK) status = put_scores(run, scores, from, err);
    free(wanted);
    free(scores);
    ec_run_forget_pools(run);
    return status == EC_OK ? ec_run_recount(run, err) : status;
}

ec_status ec_run_chunk(ec_outcome *outcome, ec_run *run, size_t from, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = size_of_chunk(job, from);
    *outcome = EC_COMPLETE;
    if (chunk_is_done(job, from)) return EC_OK;
    char text[EC_CHUNK * EC_HASH_SIZE + 8] = "images", key[EC_HASH_SIZE];
    for (size_t i = 0; i < n; i++) strcat(text, job->images[from + i].hash);
    ec_hash_bytes(key, text, strlen(text));
    int lock;
    *outcome = EC_WAIT;
    ec_status status = ec_work_try(&lock, &job->work, key, err);
    if (status != EC_OK || lock < 0) return status;
    *outcome = EC_COMPLETE;
    status = ec_job_refresh_images(job, from, n, err);
    if (status == EC_OK && !chunk_is_done(job, from)) {
        status = work_on_chunk(run, from, err);
        *outcome = EC_WORKED;
    }
    ec_work_unlock(lock);
    return status;
}
