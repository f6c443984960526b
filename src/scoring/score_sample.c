/* score_sample.c - what the measures of a job need: the images that they are taken on, the encoders
 * that they compare with, their keys, and what study.db has already
 *
 * The images are those that A looks at, whether or not A is asked for, else those of the keypoints;
 * of more than SAMPLE_MOST every so-and-so-many-th, since matrices of images times images are held.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "scoring/score_job.h"

enum { SAMPLE_MOST = 1000 }; /* images; a matrix has 8 MB then */

bool ec_job_any_measures(const ec_job *job) {
    for (size_t i = 0; i < job->n_parts; i++)
        if (job->parts[i].wants_measures) return true;
    return false;
}

bool ec_job_has_images(const ec_study *study) {
    for (size_t b = 0; b < ec_study_n_benchmarks(study); b++)
        if (ec_study_images(study, b) != NULL) return true;
    return false;
}

/* ---- encoders ----------------------------------------------------------------------------- */

/* Encoders as A has them, in the order in which their K are added. */
ec_status ec_job_find_measured(size_t **members, size_t *n_members, ec_job *job, size_t candidate,
                               ec_error *err) {
    ec_feature_source *sources;
    ec_status status = ec_job_sources(&sources, n_members, job, candidate, err);
    *members = NULL;
    if (status != EC_OK) return status;
    *members = calloc(*n_members + 1, sizeof **members);
    if (*members == NULL) status = ec_no_memory(job->study->path, err);
    for (size_t k = 0; status == EC_OK && k < *n_members; k++) {
        sources[k].has_tokens = false; /* measures are of the patches */
        status = ec_job_find_encoder(&(*members)[k], job, &sources[k], err);
    }
    free(sources);
    if (status == EC_OK) ec_job_sort_members(*members, *n_members, job);
    return status;
}

static ec_status find_compared(ec_job *job, size_t r, ec_error *err) {
    ec_job_compared *c = &job->compared[r];
    const size_t candidate = job->settings.compare_with[r];
    if (c->members != NULL) return EC_OK;
    ec_status status = ec_job_find_measured(&c->members, &c->n_members, job, candidate, err);
    if (status == EC_OK && c->n_members == 0)
        status = ec_fail(err, EC_ERR_ARG,
                         "others are to be compared with it, and it has no 'encoder:' in "
                         "study.yaml; give the folder of its weights");
    if (status == EC_OK) return status;
    return ec_error_prefix(err, status, "candidate '%.80s'",
                           ec_study_candidate(job->study, candidate)->name);
}

ec_status ec_job_find_compared(ec_job *job, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t r = 0; status == EC_OK && r < job->settings.n_compare_with; r++)
        status = find_compared(job, r, err);
    return status;
}

/* ---- images ------------------------------------------------------------------------------- */

static bool is_sampled(const ec_job *job, const char *hash) {
    for (size_t i = 0; i < job->n_sample; i++)
        if (strcmp(job->sample[i].hash, hash) == 0) return true;
    return false;
}

/* Different images of the keypoints, in the order of their names. */
static ec_status sample_keypoints(ec_job *job, ec_error *err) {
    job->sample = calloc(job->set.n_images + 1, sizeof *job->sample);
    if (job->sample == NULL) return ec_no_memory(job->study->path, err);
    for (size_t i = 0; i < job->set.n_images; i++) {
        ec_job_sample s = {.path = job->set.images[i].path, .image = EC_NO_INDEX};
        const ec_status status = ec_file_memory_hash(s.hash, &job->files, s.path, err);
        if (status != EC_OK) return status;
        if (!is_sampled(job, s.hash)) job->sample[job->n_sample++] = s;
    }
    return EC_OK;
}

static ec_status sample_images(ec_job *job, ec_error *err) {
    job->sample = calloc(job->n_images + 1, sizeof *job->sample);
    if (job->sample == NULL) return ec_no_memory(job->study->path, err);
    for (size_t i = 0; i < job->n_images; i++) {
        ec_job_sample *s = &job->sample[job->n_sample++];
        *s = (ec_job_sample){.path = job->images[i].path, .image = i};
        memcpy(s->hash, job->images[i].hash, sizeof s->hash);
    }
    return EC_OK;
}

static void thin(ec_job *job) {
    const size_t n = job->n_sample;
    if (n <= SAMPLE_MOST) return;
    for (size_t k = 0; k < SAMPLE_MOST; k++) job->sample[k] = job->sample[k * n / SAMPLE_MOST];
    job->n_sample = SAMPLE_MOST;
}

static ec_status make_sample(ec_job *job, ec_error *err) {
    free(job->sample);
    job->n_sample = 0;
    ec_status status =
        ec_job_has_images(job->study) ? sample_images(job, err) : sample_keypoints(job, err);
    if (status != EC_OK) return status;
    thin(job);
    free(job->pooled);
    free(job->sample_hashes);
    job->pooled = calloc(job->n_encoders * job->n_sample + 1, sizeof *job->pooled);
    job->sample_hashes = calloc(job->n_sample + 1, sizeof *job->sample_hashes);
    if (job->pooled == NULL || job->sample_hashes == NULL)
        return ec_no_memory(job->study->path, err);
    for (size_t i = 0; i < job->n_sample; i++) job->sample_hashes[i] = job->sample[i].hash;
    return EC_OK;
}

ec_status ec_job_check_sample(ec_job *job, size_t index, ec_error *err) {
    char now[EC_HASH_SIZE];
    const ec_job_sample *s = &job->sample[index];
    const ec_status status = ec_file_memory_hash(now, &job->files, s->path, err);
    if (status != EC_OK || strcmp(now, s->hash) == 0) return status;
    return ec_fail(err, EC_ERR_IO,
                   "%s: changed while its features were computed; they were thrown away, run "
                   "'eyechart score' again",
                   s->path);
}

/* ---- keys --------------------------------------------------------------------------------- */

void ec_job_pooled_key(char key[EC_HASH_SIZE], const ec_job *job, size_t encoder) {
    char text[EC_HASH_SIZE + 64];
    snprintf(text, sizeof text, "pooled %d %s", EC_REPRESENTATION_VERSION,
             job->encoders[encoder].identity);
    ec_hash_bytes(key, text, strlen(text));
}

static void add_members(ec_text *text, const ec_job *job, const size_t *members, size_t n) {
    for (size_t k = 0; k < n; k++) ec_text_format(text, "%s\n", job->encoders[members[k]].identity);
}

static ec_status make_keys(ec_job_part *part, const ec_job *job, ec_error *err) {
    const size_t n = 1 + job->settings.n_compare_with;
    const ec_status status = ec_job_results_init(&part->measures, job, n, n, err);
    if (status != EC_OK) return status;
    for (size_t k = 0; k < n; k++) {
        ec_text text = {0};
        ec_text_format(&text, "measures %d\n", EC_REPRESENTATION_VERSION);
        add_members(&text, job, part->measured, part->n_members);
        if (k > 0) {
            ec_text_add(&text, "with\n");
            add_members(&text, job, job->compared[k - 1].members, job->compared[k - 1].n_members);
        }
        ec_text_add(&text, "on\n");
        for (size_t i = 0; i < job->n_sample; i++)
            ec_text_format(&text, "%s\n", job->sample[i].hash);
        const bool failed = text.failed;
        if (!failed) ec_hash_bytes(part->measures.key[k], text.data, text.size_bytes);
        ec_text_release(&text);
        if (failed) return ec_no_memory(job->study->path, err);
    }
    return EC_OK;
}

/* ---- what is known ------------------------------------------------------------------------ */

const char *ec_measure_name(size_t k, size_t i) {
    const size_t first = k == 0 ? EC_REPRESENTATION_BESIDE : 0;
    const size_t n = k == 0 ? EC_REPRESENTATION_OWN : EC_REPRESENTATION_BESIDE;
    return i < n ? ec_representation_column_name((ec_representation_column)(first + i)) : NULL;
}

ec_status ec_job_refresh_measures(ec_job *job, ec_job_part *part, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k <= job->settings.n_compare_with; k++) {
        bool found = true;
        double value;
        if (!ec_job_lacks(&part->measures, k)) continue;
        for (size_t i = 0; status == EC_OK && found && ec_measure_name(k, i) != NULL; i++)
            status = ec_database_find_measure(&value, &found, &job->study->db,
                                              part->measures.key[k], ec_measure_name(k, i), err);
        part->measures.done[k] = status == EC_OK && found;
    }
    return status;
}

ec_status ec_job_refresh_pooled(ec_job *job, size_t encoder, ec_error *err) {
    char key[EC_HASH_SIZE];
    ec_job_pooled_key(key, job, encoder);
    return ec_database_find_pooled(job->pooled + encoder * job->n_sample, &job->study->db, key,
                                   job->sample_hashes, job->n_sample, err);
}

ec_status ec_job_refresh_all_measures(ec_job *job, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++)
        if (job->parts[i].wants_measures && !ec_job_has_measures(job, &job->parts[i]))
            status = ec_job_refresh_measures(job, &job->parts[i], err);
    for (size_t e = 0; status == EC_OK && e < job->n_encoders; e++)
        if (ec_job_needs_pooled(job, e)) status = ec_job_refresh_pooled(job, e, err);
    return status;
}

ec_status ec_job_find_measures(ec_job *job, ec_error *err) {
    if (!ec_job_any_measures(job)) return EC_OK;
    ec_status status = make_sample(job, err);
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++)
        if (job->parts[i].wants_measures) status = make_keys(&job->parts[i], job, err);
    return status == EC_OK ? ec_job_refresh_all_measures(job, err) : status;
}

/* ---- what is missing ---------------------------------------------------------------------- */

bool ec_job_has_measures(const ec_job *job, const ec_job_part *part) {
    for (size_t k = 0; k <= job->settings.n_compare_with; k++)
        if (ec_job_lacks(&part->measures, k)) return false;
    return true;
}

static bool is_among(const size_t *members, size_t n, size_t encoder) {
    for (size_t k = 0; k < n; k++)
        if (members[k] == encoder) return true;
    return false;
}

bool ec_job_needs_pooled(const ec_job *job, size_t encoder) {
    for (size_t i = 0; i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        if (!part->wants_measures || ec_job_has_measures(job, part)) continue;
        if (is_among(part->measured, part->n_members, encoder)) return true;
        for (size_t r = 0; r < job->settings.n_compare_with; r++)
            if (ec_job_lacks(&part->measures, 1 + r) &&
                is_among(job->compared[r].members, job->compared[r].n_members, encoder))
                return true;
    }
    return false;
}

bool ec_job_is_pooled(const ec_job *job, const size_t *members, size_t n) {
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < job->n_sample; i++)
            if (!job->pooled[members[k] * job->n_sample + i]) return false;
    return true;
}

void ec_job_release_measures(ec_job *job) {
    for (size_t r = 0; job->compared != NULL && r < job->settings.n_compare_with; r++)
        free(job->compared[r].members);
    free(job->compared);
    free(job->sample);
    free(job->sample_hashes);
    free(job->pooled);
}
