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

#include "scoring/measure_store.h"
#include "scoring/score_run.h"

enum {
    BATCH = 8,                 /* images at a time */
    MATRICES_BYTES = 512 << 20 /* kept at once */
};

static ec_status no_memory(const ec_run *run, ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", run->job->study->path);
}

/* ---- mean tokens -------------------------------------------------------------------------- */

/* Mean tokens that are still to be written. */
struct ec_pool {
    size_t encoder, index; /* into job->encoders, job->sample */
    float *mean;
    ec_token_norms norms;
};

void ec_run_forget_pools(ec_run *run) {
    for (size_t k = 0; k < run->n_pools; k++) free(run->pools[k].mean);
    free(run->pools);
    run->pools = NULL;
    run->n_pools = 0;
}

static ec_status pool_image(ec_run *run, size_t encoder, size_t index, const float *features,
                            ec_error *err) {
    const ec_job_encoder *e = &run->job->encoders[encoder];
    ec_pool *grown = realloc(run->pools, (run->n_pools + 1) * sizeof *grown);
    if (grown == NULL) return no_memory(run, err);
    run->pools = grown;
    ec_pool *pool = &grown[run->n_pools];
    *pool = (ec_pool){.encoder = encoder,
                      .index = index,
                      .mean = malloc(e->info.n_channels * sizeof *pool->mean)};
    if (pool->mean == NULL) return no_memory(run, err);
    run->n_pools++;
    const ec_status status = ec_pool_tokens(pool->mean, &pool->norms, features, e->info.n_tokens,
                                            e->info.n_channels, err);
    if (status == EC_OK) return EC_OK;
    return ec_error_prefix(err, status, "%s: %s", e->source.folder, run->job->sample[index].path);
}

ec_status ec_run_put_pools(ec_run *run, ec_error *err) {
    ec_job *job = run->job;
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < run->n_pools; k++) {
        const ec_pool *pool = &run->pools[k];
        char key[EC_HASH_SIZE];
        ec_job_pooled_key(key, job, pool->encoder);
        status =
            ec_store_put_pooled(&job->store, key, job->sample[pool->index].hash, pool->mean,
                                job->encoders[pool->encoder].info.n_channels, &pool->norms, err);
    }
    return status;
}

void ec_run_mark_pools(ec_run *run) {
    for (size_t k = 0; k < run->n_pools; k++)
        run->job->pooled[run->pools[k].encoder * run->job->n_sample + run->pools[k].index] = true;
    ec_run_forget_pools(run);
}

/* ---- what A's units compute anyway -------------------------------------------------------- */

static bool is_place(const ec_job_encoder *e, const ec_feature_source *source) {
    for (size_t k = 0; k < e->n_places; k++) {
        const ec_feature_source *s = &e->places[k].source;
        if (!ec_feature_source_same_use(s, source)) continue;
        char *real = realpath(s->folder, NULL);
        const bool same = real != NULL && strcmp(real, source->folder) == 0;
        free(real);
        if (same) return true;
    }
    return false;
}

/* The images of the unit of A are run->chunk_from, … */
ec_status ec_run_look(void *context, const ec_feature_source *source, const ec_extractor_info *info,
                      const float *features, size_t n_images, ec_error *err) {
    ec_run *run = context;
    const ec_job *job = run->job;
    size_t encoder = 0;
    while (encoder < job->n_encoders && !is_place(&job->encoders[encoder], source)) encoder++;
    if (encoder == job->n_encoders || !ec_job_needs_pooled(job, encoder)) return EC_OK;
    ec_status status = EC_OK;
    for (size_t index = 0; status == EC_OK && index < job->n_sample; index++) {
        const size_t image = job->sample[index].image;
        if (image < run->chunk_from || image >= run->chunk_from + n_images ||
            job->pooled[encoder * job->n_sample + index])
            continue;
        status = pool_image(
            run, encoder, index,
            features + (image - run->chunk_from) * info->n_tokens * info->n_channels, err);
    }
    return status;
}

/* ---- one encoder -------------------------------------------------------------------------- */

typedef struct {
    size_t *indices; /* [n] into job->sample: nobody else will see to them */
    size_t n;
    bool left_to_a; /* there are others, which a unit of A will leave */
} missing;

static ec_status find_missing(missing *m, const ec_run *run, size_t encoder, ec_error *err) {
    const ec_job *job = run->job;
    bool *used = calloc(job->n_encoders + 1, sizeof *used);
    *m = (missing){.indices = calloc(job->n_sample + 1, sizeof *m->indices)};
    ec_status status = used != NULL && m->indices != NULL ? EC_OK : no_memory(run, err);
    for (size_t i = 0; status == EC_OK && i < job->n_sample; i++) {
        if (job->pooled[encoder * job->n_sample + i]) continue;
        ec_job_mark_passes_of_a(used, job, job->sample[i].image);
        if (used[encoder])
            m->left_to_a = true;
        else
            m->indices[m->n++] = i;
    }
    free(used);
    return status;
}

/* Features of a batch [n][n_tokens][n_channels] -> run->pools. */
static ec_status pool_batch(ec_run *run, ec_extractor *extractor, size_t encoder,
                            const size_t *indices, size_t n, float *features, ec_error *err) {
    const ec_extractor_info info = run->job->encoders[encoder].info;
    ec_image images[BATCH] = {0};
    const ec_image *pointers[BATCH];
    ec_status status = EC_OK;
    for (size_t k = 0; k < n; k++) {
        pointers[k] = &images[k];
        if (status == EC_OK)
            status = ec_run_decode_image(&images[k], run->job->sample[indices[k]].path, err);
    }
    if (status == EC_OK) status = ec_extractor_run(features, extractor, pointers, n, err);
    for (size_t k = 0; status == EC_OK && k < n; k++)
        status = pool_image(run, encoder, indices[k],
                            features + k * info.n_tokens * info.n_channels, err);
    for (size_t k = 0; k < n; k++) ec_image_release(&images[k]);
    return status;
}

static ec_status keep_batch(ec_run *run, size_t encoder, const size_t *indices, size_t n,
                            ec_error *err) {
    ec_job *job = run->job;
    ec_status status = ec_job_check_encoder(job, encoder, err);
    for (size_t k = 0; status == EC_OK && k < n; k++)
        status = ec_job_check_sample(job, indices[k], err);
    if (status == EC_OK) status = ec_database_begin_write(&job->study->db, err);
    if (status != EC_OK) return status;
    status = ec_database_end(&job->study->db, ec_run_put_pools(run, err), err);
    if (status == EC_OK) ec_run_mark_pools(run);
    return status;
}

static ec_status work_on_encoder(ec_run *run, size_t encoder, const missing *m, ec_error *err) {
    const ec_job_encoder *e = &run->job->encoders[encoder];
    const ec_encoder_options options = ec_job_encoder_options(run->job);
    ec_extractor *extractor = NULL;
    float *features = malloc(BATCH * e->info.n_tokens * e->info.n_channels * sizeof *features + 1);
    ec_status status = features != NULL ? EC_OK : no_memory(run, err);
    snprintf(run->progress.doing, sizeof run->progress.doing, "measures, %.80s", e->source.folder);
    if (status == EC_OK) status = ec_extractor_open(&extractor, &e->source, &options, err);
    for (size_t from = 0; status == EC_OK && from < m->n; from += BATCH) {
        const size_t n = m->n - from < BATCH ? m->n - from : BATCH;
        status = pool_batch(run, extractor, encoder, m->indices + from, n, features, err);
        if (status == EC_OK) status = keep_batch(run, encoder, m->indices + from, n, err);
        if (status == EC_OK) status = ec_run_advance(run, (double)n, err);
    }
    ec_run_forget_pools(run);
    ec_extractor_close(extractor);
    free(features);
    return status == EC_OK ? ec_run_recount(run, err) : status;
}

static ec_status try_encoder(ec_outcome *outcome, ec_run *run, size_t encoder, ec_error *err) {
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
    /* Somebody may have done it between looking and locking. */
    status = ec_job_refresh_pooled(job, encoder, err);
    if (status == EC_OK) status = find_missing(&m, run, encoder, err);
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

void ec_run_close_measures(ec_run *run) {
    for (size_t e = 0; run->grams != NULL && e < run->job->n_encoders; e++)
        release_gram(&run->grams[e]);
    free(run->grams);
    run->grams = NULL;
    run->n_grams = 0;
    ec_run_forget_pools(run);
}

static ec_status compute_gram(ec_kernel *gram, ec_run *run, size_t encoder, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = job->n_sample, n_channels = job->encoders[encoder].info.n_channels;
    char key[EC_HASH_SIZE];
    ec_job_pooled_key(key, job, encoder);
    float *x = malloc(n * n_channels * sizeof *x + 1);
    gram->k = malloc(n * n * sizeof *gram->k + 1);
    gram->norms = malloc(n * sizeof *gram->norms + 1);
    ec_status status =
        x != NULL && gram->k != NULL && gram->norms != NULL ? EC_OK : no_memory(run, err);
    if (status == EC_OK)
        status = ec_store_get_pooled(x, gram->norms, &job->store, key, job->sample_hashes, n,
                                     n_channels, err);
    if (status == EC_OK) {
        status = ec_gram(gram->k, x, n, n_channels, job->options.n_threads, err);
        if (status != EC_OK)
            ec_error_prefix(err, status, "%s", job->encoders[encoder].source.folder);
    }
    free(x);
    if (status != EC_OK) release_gram(gram);
    return status;
}

/* Borrowed until the next is asked for. */
static ec_status get_gram(const ec_kernel **out, ec_run *run, size_t encoder, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = job->n_sample;
    if (run->grams == NULL) run->grams = calloc(job->n_encoders + 1, sizeof *run->grams);
    if (run->grams == NULL) return no_memory(run, err);
    *out = &run->grams[encoder];
    if ((*out)->k != NULL) return EC_OK;
    if (run->n_grams > 0 && (run->n_grams + 1) * n * n * sizeof(double) > MATRICES_BYTES) {
        for (size_t e = 0; e < job->n_encoders; e++) release_gram(&run->grams[e]);
        run->n_grams = 0;
    }
    run->n_grams++;
    return compute_gram(&run->grams[encoder], run, encoder, err);
}

/* K of encoders side by side: the mean of theirs, as ec_gram_combine has it, one at a time. */
static ec_status combine(double *out, ec_run *run, const size_t *members, size_t n_members,
                         ec_error *err) {
    const size_t n = run->job->n_sample;
    const ec_kernel *gram;
    memset(out, 0, n * n * sizeof *out);
    for (size_t m = 0; m < n_members; m++) {
        const ec_status status = get_gram(&gram, run, members[m], err);
        if (status != EC_OK) return status;
        for (size_t i = 0; i < n * n; i++) out[i] += gram->k[i];
    }
    for (size_t i = 0; i < n * n; i++) out[i] /= (double)n_members;
    return EC_OK;
}

/* ---- one candidate ------------------------------------------------------------------------ */

/* Too few images, or all alike: then a measure has no value, which is worth remembering. */
static ec_status unless_untold(double *value, ec_status status) {
    if (status != EC_ERR_ARG && status != EC_ERR_SINGULAR) return status;
    *value = NAN;
    return EC_OK;
}

/* values in the order of ec_measure_name(0, …) */
static ec_status measure_own(double values[4], ec_run *run, const ec_job_part *part,
                             const double *k, ec_error *err) {
    const size_t n = run->job->n_sample;
    const ec_kernel *gram = NULL;
    for (size_t i = 0; i < 4; i++) values[i] = NAN;
    ec_status status = unless_untold(&values[0], ec_gram_effective_rank(&values[0], k, n, err));
    if (status == EC_OK && part->n_members == 1) {
        status = get_gram(&gram, run, part->measured[0], err);
        if (status == EC_OK) ec_mean_norms(&values[1], gram->norms, n);
    }
    return status;
}

/* values in the order of ec_measure_name(1, …) */
static ec_status measure_beside(double values[4], ec_run *run, const ec_job_compared *compared,
                                const double *k, double *l, ec_error *err) {
    const size_t n = run->job->n_sample;
    ec_status status = combine(l, run, compared->members, compared->n_members, err);
    if (status == EC_OK) status = unless_untold(&values[0], ec_gram_cka(&values[0], k, l, n, err));
    if (status == EC_OK)
        status = unless_untold(&values[1], ec_gram_cka_unbiased(&values[1], k, l, n, err));
    values[2] = NAN;
    if (status == EC_OK && n >= EC_NEIGHBOURS + 2)
        status = ec_gram_mutual_knn(&values[2], k, l, n, EC_NEIGHBOURS, err);
    return status;
}

static ec_status put_measures(ec_run *run, const char *key, size_t which, const double *values,
                              ec_error *err) {
    ec_job *job = run->job;
    ec_status status = ec_database_begin_write(&job->study->db, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && ec_measure_name(which, i) != NULL; i++)
        status = ec_store_put_measure(&job->store, key, ec_measure_name(which, i), values[i], err);
    return ec_database_end(&job->study->db, status, err);
}

static bool is_ready(const ec_job *job, const ec_job_part *part) {
    bool ready = ec_job_is_pooled(job, part->measured, part->n_members);
    for (size_t r = 0; ready && r < job->settings.n_compare_with; r++)
        ready = part->measure_done[1 + r] ||
                ec_job_is_pooled(job, job->compared[r].members, job->compared[r].n_members);
    return ready;
}

static ec_status work_on_part(ec_run *run, ec_job_part *part, ec_error *err) {
    ec_job *job = run->job;
    const size_t n = job->n_sample;
    double *k = malloc(n * n * sizeof *k + 1), *l = malloc(n * n * sizeof *l + 1), values[4];
    ec_status status = k != NULL && l != NULL ? EC_OK : no_memory(run, err);
    snprintf(run->progress.doing, sizeof run->progress.doing, "measures of %.80s",
             ec_job_name(job, part));
    if (status == EC_OK) status = combine(k, run, part->measured, part->n_members, err);
    for (size_t i = 0; status == EC_OK && i <= job->settings.n_compare_with; i++) {
        if (part->measure_done[i]) continue;
        status = i == 0 ? measure_own(values, run, part, k, err)
                        : measure_beside(values, run, &job->compared[i - 1], k, l, err);
        if (status == EC_OK) status = put_measures(run, part->measure_key[i], i, values, err);
        part->measure_done[i] = status == EC_OK;
    }
    free(k);
    free(l);
    return status == EC_OK ? ec_run_recount(run, err) : status;
}

static ec_status try_part(ec_outcome *outcome, ec_run *run, ec_job_part *part, ec_error *err) {
    ec_job *job = run->job;
    int lock;
    *outcome = EC_COMPLETE;
    if (!part->wants_measures || ec_job_has_measures(job, part)) return EC_OK;
    *outcome = EC_WAIT;
    ec_status status = ec_work_try(&lock, &job->work, part->measure_key[0], err);
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

ec_status ec_run_measures(ec_outcome *outcome, ec_run *run, ec_error *err) {
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

ec_status ec_run_read_measures(double out[EC_REPRESENTATION_COLUMNS],
                               double (*beside)[EC_REPRESENTATION_BESIDE], ec_job *job,
                               const ec_job_part *part, ec_error *err) {
    const size_t n = job->settings.n_compare_with;
    ec_status status = EC_OK;
    for (size_t i = 0; i < EC_REPRESENTATION_COLUMNS; i++) out[i] = NAN;
    for (size_t k = 0; status == EC_OK && k <= n; k++)
        for (size_t i = 0; status == EC_OK && ec_measure_name(k, i) != NULL; i++) {
            double *value = k > 0 ? &beside[k - 1][i] : &out[EC_REPRESENTATION_BESIDE + i];
            bool found;
            status = ec_store_get_measure(value, &found, &job->store, part->measure_key[k],
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
