/* score_m.c - units of the measures, numbers without labels
 *
 *     encoder unit   images -> features -> mean token and norms of each, kept in study.db; what
 *                    units of A have under way is left to them, which keep it likewise
 *     part unit      mean tokens of all its encoders -> K of each -> their mean -> its measures
 *
 * A mean token is 4 bytes a channel: so another reference, another combination or an image less
 * costs no pass.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "scoring/scoring.h"

enum {
    MATRICES_BYTES = 512 << 20 /* of the matrices K that are held at once */
};

/* ---- mean tokens -------------------------------------------------------------------------- */

static ec_status put_mean(ec_scoring *run, size_t encoder, size_t index, const float *features,
                          ec_error *err) {
    ec_job *job = run->job;
    const ec_job_encoder *e = &job->encoders[encoder];
    const ec_extractor_info *info = &e->info;
    ec_token_norms norms = {0};
    char key[EC_HASH_SIZE];
    float *mean = malloc(info->n_channels * sizeof *mean);
    if (mean == NULL) return ec_no_memory(run->job->study->path, err);
    ec_status status = ec_mean_token(mean, &norms, features, info->n_tokens, info->n_channels, err);
    if (status != EC_OK)
        ec_error_prefix(err, status, "%s: %s", e->source.folder, job->sample[index].path);
    ec_job_pooled_key(key, job, encoder);
    const ec_pooled_record of = {norms.mean, norms.cv, norms.outliers};
    if (status == EC_OK)
        status = ec_database_put_pooled(&job->study->db, key, job->sample[index].hash, mean,
                                        info->n_channels, &of, err);
    free(mean);
    return status;
}

/* Is the mean token of image i of the pass still to be written? */
static bool is_missing(const ec_mean_tokens *p, size_t i) {
    const ec_job *job = p->run->job;
    const size_t index = p->indices[i];
    return index != EC_NO_INDEX && !job->pooled[p->encoder * job->n_sample + index];
}

static ec_status check_batch(const ec_mean_tokens *p, const ec_pass_batch *batch, ec_error *err) {
    ec_job *job = p->run->job;
    ec_status status = ec_job_check_encoder(job, p->encoder, err);
    for (size_t i = batch->first; status == EC_OK && i < batch->first + batch->n; i++)
        if (is_missing(p, i)) status = ec_job_check_sample(job, p->indices[i], err);
    return status;
}

ec_status ec_mean_tokens_put(void *means, const ec_pass_batch *batch, ec_error *err) {
    const ec_mean_tokens *p = means;
    ec_job *job = p->run->job;
    const ec_extractor_info *info = &job->encoders[p->encoder].info;
    ec_status status = check_batch(p, batch, err);
    if (status == EC_OK) status = ec_database_begin_write(&job->study->db, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && i < batch->n; i++)
        if (is_missing(p, batch->first + i))
            status = put_mean(p->run, p->encoder, p->indices[batch->first + i],
                              batch->features[0] + i * info->n_tokens * info->n_channels, err);
    status = ec_database_end(&job->study->db, status, err);
    for (size_t i = batch->first; status == EC_OK && i < batch->first + batch->n; i++)
        if (p->indices[i] != EC_NO_INDEX)
            job->pooled[p->encoder * job->n_sample + p->indices[i]] = true;
    return status;
}

/* ---- one encoder -------------------------------------------------------------------------- */

typedef struct {
    size_t *indices; /* [n] into job->sample: nobody else will see to them */
    size_t n;
    bool left_to_a; /* there are others, which a unit of A will leave */
} missing;

/* What units of A will do is looked at before what study.db has: a unit that is done between the
 * two is seen at least once. */
static ec_status find_missing(missing *m, const ec_scoring *run, size_t encoder, ec_error *err) {
    ec_job *job = run->job;
    bool *of_a = calloc(job->n_sample + 1, sizeof *of_a);
    *m = (missing){.indices = calloc(job->n_sample + 1, sizeof *m->indices)};
    ec_status status =
        of_a != NULL && m->indices != NULL ? EC_OK : ec_no_memory(run->job->study->path, err);
    if (status == EC_OK) status = ec_job_refresh_images(job, 0, job->n_images, err);
    for (size_t i = 0; status == EC_OK && i < job->n_sample; i++)
        of_a[i] = ec_job_passes_for_a(job, encoder, i);
    if (status == EC_OK) status = ec_job_refresh_pooled(job, encoder, err);
    for (size_t i = 0; status == EC_OK && i < job->n_sample; i++) {
        if (job->pooled[encoder * job->n_sample + i]) continue;
        if (of_a[i])
            m->left_to_a = true;
        else
            m->indices[m->n++] = i;
    }
    free(of_a);
    return status;
}

static ec_status count_batch(void *context, const ec_pass_batch *batch, ec_error *err) {
    return ec_scoring_advance(context, (double)batch->n, err);
}

static ec_status work_on_encoder(ec_scoring *run, size_t encoder, const missing *m, ec_error *err) {
    const ec_job *job = run->job;
    const ec_job_encoder *e = &job->encoders[encoder];
    const ec_encoder_options options = ec_job_encoder_options(job);
    ec_extractor *extractor = NULL;
    const char **paths = calloc(m->n + 1, sizeof *paths);
    ec_status status = paths != NULL ? EC_OK : ec_no_memory(run->job->study->path, err);
    snprintf(run->progress.doing, sizeof run->progress.doing, "measures, %.80s", e->source.folder);
    if (status == EC_OK) status = ec_extractor_open(&extractor, &e->source, &options, err);
    if (status == EC_OK) {
        for (size_t i = 0; i < m->n; i++) paths[i] = job->sample[m->indices[i]].path;
        const ec_image_list images = {.paths = paths, .n = m->n};
        ec_mean_tokens means = {run, encoder, m->indices};
        const ec_pass_consumer consumers[] = {{ec_mean_tokens_put, &means}, {count_batch, run}};
        status = ec_pass_run(&extractor, 1, &images, NULL, consumers, 2, err);
        status = ec_scoring_explain_gone(status, paths, m->n, err);
    }
    ec_extractor_close(extractor);
    free(paths);
    return status == EC_OK ? ec_scoring_recount(run, err) : status;
}

static ec_status try_encoder(ec_outcome *outcome, ec_scoring *run, size_t encoder, ec_error *err) {
    ec_job *job = run->job;
    char key[EC_HASH_SIZE];
    int lock;
    missing m = {0};
    *outcome = EC_COMPLETE;
    if (!ec_job_needs_pooled(job, encoder) || ec_job_is_pooled(job, &encoder, 1)) return EC_OK;
    ec_job_pooled_key(key, job, encoder);
    *outcome = EC_WAIT;
    ec_status status = ec_work_try(&lock, &job->work, key, err);
    if (status != EC_OK || lock < 0) return status;
    status = find_missing(&m, run, encoder, err);
    if (status == EC_OK && m.n > 0) {
        status = work_on_encoder(run, encoder, &m, err);
        *outcome = EC_WORKED;
    } else if (!m.left_to_a) {
        *outcome = EC_COMPLETE;
    }
    free(m.indices);
    ec_work_unlock(lock);
    return status;
}

/* ---- K ------------------------------------------------------------------------------------ */

/* K of an encoder, and the norms of its tokens. */
struct ec_kernel {
    double *k; /* [n][n]; NULL: not there */
    ec_token_norms *norms;
};

static void release_gram(ec_kernel *gram) {
    free(gram->k);
    free(gram->norms);
    *gram = (ec_kernel){0};
}

void ec_scoring_close_measures(ec_scoring *run) {
    for (size_t e = 0; run->grams != NULL && e < run->job->n_encoders; e++)
        release_gram(&run->grams[e]);
    free(run->grams);
    run->grams = NULL;
    run->n_grams = 0;
}

/* From study.db: x [n_sample][n_channels], norms [n_sample]. */
static ec_status read_means(float *x, ec_token_norms *norms, ec_job *job, const char *key,
                            size_t n_channels, ec_error *err) {
    for (size_t i = 0; i < job->n_sample; i++) {
        bool found;
        ec_pooled_record of;
        const ec_status status =
            ec_database_get_pooled(&found, x + i * n_channels, &of, &job->study->db, key,
                                   job->sample_hashes[i], n_channels, err);
        if (status != EC_OK) return status;
        if (!found)
            return ec_fail(err, EC_ERR_IO,
                           "%s: the mean tokens of an encoder are gone from study.db; run "
                           "'eyechart score' again",
                           job->study->path);
        norms[i] =
            (ec_token_norms){.mean = of.norm, .cv = of.norm_cv, .outliers = of.norm_outliers};
    }
    return EC_OK;
}

static ec_status compute_gram(ec_kernel *gram, ec_scoring *run, size_t encoder, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = job->n_sample, n_channels = job->encoders[encoder].info.n_channels;
    char key[EC_HASH_SIZE];
    ec_job_pooled_key(key, job, encoder);
    float *x = malloc(n * n_channels * sizeof *x + 1);
    gram->k = malloc(n * n * sizeof *gram->k + 1);
    gram->norms = malloc(n * sizeof *gram->norms + 1);
    ec_status status = x != NULL && gram->k != NULL && gram->norms != NULL
                           ? EC_OK
                           : ec_no_memory(run->job->study->path, err);
    if (status == EC_OK) status = read_means(x, gram->norms, job, key, n_channels, err);
    if (status == EC_OK) {
        status = ec_gram(gram->k, x, n, n_channels, ec_ctx_threads(job->options.ctx), err);
        if (status != EC_OK)
            ec_error_prefix(err, status, "%s", job->encoders[encoder].source.folder);
    }
    free(x);
    if (status != EC_OK) release_gram(gram);
    return status;
}

/* *out is borrowed until get_gram() is called again. */
static ec_status get_gram(const ec_kernel **out, ec_scoring *run, size_t encoder, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = job->n_sample;
    if (run->grams == NULL) run->grams = calloc(job->n_encoders + 1, sizeof *run->grams);
    if (run->grams == NULL) return ec_no_memory(run->job->study->path, err);
    *out = &run->grams[encoder];
    if ((*out)->k != NULL) return EC_OK;
    if (run->n_grams > 0 && (run->n_grams + 1) * n * n * sizeof(double) > MATRICES_BYTES) {
        for (size_t e = 0; e < job->n_encoders; e++) release_gram(&run->grams[e]);
        run->n_grams = 0;
    }
    run->n_grams++;
    return compute_gram(&run->grams[encoder], run, encoder, err);
}

/* K of encoders side by side, of which one is in memory at a time. */
static ec_status combine(double *out, ec_scoring *run, const size_t *members, size_t n_members,
                         ec_error *err) {
    const size_t n = run->job->n_sample;
    const ec_kernel *gram;
    memset(out, 0, n * n * sizeof *out);
    for (size_t m = 0; m < n_members; m++) {
        const ec_status status = get_gram(&gram, run, members[m], err);
        if (status != EC_OK) return status;
        ec_gram_add(out, gram->k, n);
    }
    ec_gram_divide(out, n_members, n);
    return EC_OK;
}

/* ---- one candidate ------------------------------------------------------------------------ */

/* values in the order of ec_measure_name(0, …) */
static ec_status measure_own(double values[EC_REPRESENTATION_OWN], ec_scoring *run,
                             const ec_job_part *part, const double *k, ec_error *err) {
    const ec_kernel *gram = NULL;
    ec_status status = EC_OK;
    if (part->n_members == 1) status = get_gram(&gram, run, part->measured[0], err);
    if (status != EC_OK) return status;
    return ec_representation_own(values, k, gram != NULL ? gram->norms : NULL, run->job->n_sample,
                                 err);
}

/* values in the order of ec_measure_name(1, …) */
static ec_status measure_beside(double values[EC_REPRESENTATION_BESIDE], ec_scoring *run,
                                const ec_job_compared *compared, const double *k, double *l,
                                ec_error *err) {
    const ec_status status = combine(l, run, compared->members, compared->n_members, err);
    return status == EC_OK ? ec_representation_beside(values, k, l, run->job->n_sample, err)
                           : status;
}

static ec_status put_measures(ec_scoring *run, const char *key, size_t which, const double *values,
                              ec_error *err) {
    ec_job *job = run->job;
    ec_status status = ec_database_begin_write(&job->study->db, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && ec_measure_name(which, i) != NULL; i++)
        status = ec_database_put_measure(&job->study->db, key, ec_measure_name(which, i), values[i],
                                         err);
    return ec_database_end(&job->study->db, status, err);
}

static bool is_ready(const ec_job *job, const ec_job_part *part) {
    bool ready = ec_job_is_pooled(job, part->measured, part->n_members);
    for (size_t r = 0; ready && r < job->settings.n_compare_with; r++)
        ready = part->measures.done[1 + r] ||
                ec_job_is_pooled(job, job->compared[r].members, job->compared[r].n_members);
    return ready;
}

static ec_status work_on_part(ec_scoring *run, ec_job_part *part, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = job->n_sample;
    double *k = malloc(n * n * sizeof *k + 1), *l = malloc(n * n * sizeof *l + 1);
    double values[EC_REPRESENTATION_COLUMNS];
    ec_status status = k != NULL && l != NULL ? EC_OK : ec_no_memory(run->job->study->path, err);
    snprintf(run->progress.doing, sizeof run->progress.doing, "measures of %.80s",
             ec_job_name(job, part));
    if (status == EC_OK) status = combine(k, run, part->measured, part->n_members, err);
    for (size_t i = 0; status == EC_OK && i <= job->settings.n_compare_with; i++) {
        if (!ec_job_lacks(&part->measures, i)) continue;
        status = i == 0 ? measure_own(values, run, part, k, err)
                        : measure_beside(values, run, &job->compared[i - 1], k, l, err);
        if (status == EC_OK) status = put_measures(run, part->measures.key[i], i, values, err);
        part->measures.done[i] = status == EC_OK;
    }
    free(k);
    free(l);
    return status == EC_OK ? ec_scoring_recount(run, err) : status;
}

static ec_status try_part(ec_outcome *outcome, ec_scoring *run, ec_job_part *part, ec_error *err) {
    ec_job *job = run->job;
    int lock;
    *outcome = EC_COMPLETE;
    if (!part->wants_measures || ec_job_has_measures(job, part)) return EC_OK;
    *outcome = EC_WAIT;
    ec_status status = ec_work_try(&lock, &job->work, part->measures.key[0], err);
    if (status != EC_OK || lock < 0) return status;
    status = ec_job_refresh_measures(job, part, err);
    if (status == EC_OK && ec_job_has_measures(job, part)) {
        *outcome = EC_COMPLETE;
    } else if (status == EC_OK && is_ready(job, part)) {
        status = work_on_part(run, part, err);
        *outcome = EC_WORKED;
    }
    ec_work_unlock(lock);
    return status;
}

/* ---- all of them -------------------------------------------------------------------------- */

ec_status ec_scoring_measures(ec_outcome *outcome, ec_scoring *run, ec_error *err) {
    ec_job *job = run->job;
    bool worked = false, waits = false;
    ec_status status = EC_OK;
    for (size_t e = 0; status == EC_OK && e < job->n_encoders; e++) {
        status = try_encoder(outcome, run, e, err);
        worked = worked || *outcome == EC_WORKED;
        waits = waits || *outcome == EC_WAIT;
    }
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++) {
        status = try_part(outcome, run, &job->parts[i], err);
        worked = worked || *outcome == EC_WORKED;
        waits = waits || *outcome == EC_WAIT;
    }
    *outcome = worked ? EC_WORKED : waits ? EC_WAIT : EC_COMPLETE;
    return status;
}

ec_status ec_scoring_read_measures(double out[EC_REPRESENTATION_COLUMNS],
                                   double (*beside)[EC_REPRESENTATION_BESIDE], ec_job *job,
                                   const ec_job_part *part, ec_error *err) {
    const size_t n = job->settings.n_compare_with;
    ec_status status = EC_OK;
    for (size_t i = 0; i < EC_REPRESENTATION_COLUMNS; i++) out[i] = NAN;
    for (size_t k = 0; status == EC_OK && k <= n; k++)
        for (size_t i = 0; status == EC_OK && ec_measure_name(k, i) != NULL; i++) {
            double *value = k > 0 ? &beside[k - 1][i] : &out[EC_REPRESENTATION_BESIDE + i];
            bool found;
            status = ec_database_find_measure(value, &found, &job->study->db, part->measures.key[k],
                                              ec_measure_name(k, i), err);
            if (status == EC_OK && !found)
                status = ec_fail(err, EC_ERR_IO,
                                 "%s: the measures of %.80s are gone from study.db; run 'eyechart "
                                 "score' again",
                                 job->study->path, ec_job_name(job, part));
        }
    for (size_t i = 0; status == EC_OK && n > 0 && i < EC_REPRESENTATION_BESIDE; i++) {
        double sum = 0.0;
        for (size_t r = 0; r < n; r++) sum += beside[r][i];
        out[i] = sum / (double)n;
    }
    return status;
}
