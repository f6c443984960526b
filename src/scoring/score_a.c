/* score_a.c - units of A
 *
 *     pass   (encoder, images)     what align_work.h makes of the encoder's features, and the mean
 *                                  tokens of the measures
 *     join   (candidate, images)   what it makes of kept features and embeddings
 *
 * for at most EC_A_UNIT images, of which every batch is written when it is done. Images are taken
 * in blocks, so that what is kept of them does not grow with their number: first the passes of the
 * references' encoders, then the others'. An encoder stays open from one unit to the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/source.h"
#include "scoring/scoring.h"

/* ---- values ------------------------------------------------------------------------------- */

/* A of a part on an image, not yet written. */
struct ec_a_value {
    size_t part, image;
    double *scores; /* [n_references] */
};

static void forget_values(ec_scoring *run) {
    for (size_t k = 0; k < run->n_values; k++) free(run->values[k].scores);
    free(run->values);
    run->values = NULL;
    run->n_values = 0;
}

/* The part has its score from here on; what fails to be written ends the run. */
static ec_status take_scores(void *context, size_t member, size_t image, const double *scores,
                             ec_error *err) {
    ec_scoring *run = context;
    const size_t part = run->job->align_parts[member];
    const size_t n_references = run->job->settings.n_references;
    ec_a_value *grown = realloc(run->values, (run->n_values + 1) * sizeof *grown);
    if (grown == NULL) return ec_no_memory(run->job->study->path, err);
    run->values = grown;
    ec_a_value *value = &grown[run->n_values];
    *value = (ec_a_value){part, image, malloc(n_references * sizeof *scores)};
    if (value->scores == NULL) return ec_no_memory(run->job->study->path, err);
    run->n_values++;
    memcpy(value->scores, scores, n_references * sizeof *scores);
    run->job->parts[part].a.done[image] = true;
    return EC_OK;
}

/* EC_ERR_IO if what the values were computed from changed since its identity was taken. */
static ec_status check_values(ec_scoring *run, ec_error *err) {
    ec_job *job = run->job;
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < run->n_values; k++) {
        const ec_a_value *value = &run->values[k];
        const bool new_part = k == 0 || value->part != run->values[k - 1].part;
        if (new_part) status = ec_job_check_part(job, &job->parts[value->part], err);
        if (status == EC_OK) status = ec_job_check_image(job, value->image, err);
    }
    return status;
}

static ec_status put_value(const ec_scoring *run, const ec_a_value *value, ec_error *err) {
    ec_job *job = run->job;
    const ec_job_part *part = &job->parts[value->part];
    ec_status status = EC_OK;
    for (size_t r = 0; status == EC_OK && r < job->settings.n_references; r++) {
        char description[512];
        snprintf(description, sizeof description, "%.200s to %.200s", ec_job_name(job, part),
                 ec_job_name(job, &job->parts[job->reference_parts[r]]));
        status = ec_database_put_value(&job->study->db, part->a.key[r], description,
                                       job->images[value->image].hash, value->scores[r], err);
    }
    return status;
}

static ec_status write_values(ec_scoring *run, ec_error *err) {
    ec_database *db = &run->job->study->db;
    if (run->n_values == 0) return EC_OK;
    ec_status status = check_values(run, err);
    if (status == EC_OK) status = ec_database_begin_write(db, err);
    if (status != EC_OK) return status;
    for (size_t k = 0; status == EC_OK && k < run->n_values; k++)
        status = put_value(run, &run->values[k], err);
    status = ec_database_end(db, status, err);
    forget_values(run);
    return status;
}

/* ---- a pass ------------------------------------------------------------------------------- */

/* A pass of an encoder, or a join of a member of job->align, over some images in [from, to). */
typedef struct {
    ec_scoring *run;
    bool is_join;
    size_t index;             /* of the encoder, or the member */
    size_t from, to;          /* into job->images */
    size_t images[EC_A_UNIT]; /* [n] of them, that need it and are ready */
    size_t n;
} unit;

static void note_turned(ec_scoring *run, size_t image) {
    if (run->job->settings.exif_transpose || run->turned_images[image]) return;
    run->turned_images[image] = true;
    if (run->n_turned++ == 0) run->turned = run->job->images[image].path;
}

static ec_status take_batch(void *context, const ec_pass_batch *batch, ec_error *err) {
    const unit *u = context;
    for (size_t i = 0; i < batch->n; i++)
        if (batch->image[i].is_turned) note_turned(u->run, u->images[batch->first + i]);
    const ec_status status = write_values(u->run, err);
    return status == EC_OK ? ec_scoring_advance(u->run, (double)batch->n, err) : status;
}

ec_status ec_scoring_explain_gone(ec_status status, const char *const *paths, size_t n,
                                  ec_error *err) {
    if (status != EC_ERR_NOT_FOUND) return status;
    for (size_t i = 0; i < n; i++)
        if (!ec_image_is_readable(paths[i]))
            return ec_error_prefix(err, status,
                                   "an image that is needed is gone; put it back and run "
                                   "'eyechart score' again, it goes on where it was");
    return status;
}

static size_t find_in_sample(const ec_job *job, size_t image) {
    for (size_t index = 0; index < job->n_sample; index++)
        if (job->sample[index].image == image) return index;
    return EC_NO_INDEX;
}

/* Mean tokens are written before anything is kept: so whoever finds that an image needs no pass
 * finds its mean token as well. */
static ec_status pass(unit *u, ec_error *err) {
    ec_job *job = u->run->job;
    const size_t encoder = u->index;
    size_t indices[EC_A_UNIT];
    const char *paths[EC_A_UNIT];
    for (size_t i = 0; i < u->n; i++) {
        indices[i] = find_in_sample(job, u->images[i]);
        paths[i] = job->images[u->images[i]].path;
    }
    ec_mean_tokens means = {u->run, encoder, indices};
    const ec_pass_consumer before = {ec_mean_tokens_put, &means}, after = {take_batch, u};
    const bool pools = ec_job_needs_pooled(job, encoder);
    const ec_status status =
        ec_align_pass(&job->align, encoder, u->images, u->n, pools ? &before : NULL, &after, err);
    return ec_scoring_explain_gone(status, paths, u->n, err);
}

/* ---- a join ------------------------------------------------------------------------------- */

static ec_status join(unit *u, ec_error *err) {
    const ec_status status = ec_align_join(&u->run->job->align, u->index, u->images, u->n, err);
    return status == EC_OK ? write_values(u->run, err) : status;
}

/* ---- a unit ------------------------------------------------------------------------------- */

/* Finds the images. Returns whether there are others that need it and are not ready. */
static bool find_images(unit *u) {
    const ec_align_work *work = &u->run->job->align;
    bool waits = false;
    u->n = 0;
    for (size_t image = u->from; image < u->to; image++) {
        const bool needs = u->is_join ? ec_align_needs_join(work, u->index, image)
                                      : ec_align_needs_pass(work, u->index, image);
        if (!needs) continue;
        if (u->is_join ? ec_align_join_is_ready(work, u->index, image)
                       : ec_align_pass_is_ready(work, u->index, image))
            u->images[u->n++] = image;
        else
            waits = true;
    }
    return waits;
}

/* The key of its lock, and what it does in words. */
static void name_unit(char key[EC_HASH_SIZE], const unit *u) {
    const ec_job *job = u->run->job;
    ec_score_progress *progress = &u->run->progress;
    const ec_job_part *part = u->is_join ? &job->parts[job->align_parts[u->index]] : NULL;
    char text[(EC_A_UNIT + 1) * EC_HASH_SIZE + 16];
    size_t n = (size_t)snprintf(text, sizeof text, "%s %s ", u->is_join ? "join" : "pass",
                                u->is_join ? part->rows_key : job->encoders[u->index].identity);
    for (size_t image = u->from; image < u->to; image++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", job->images[image].hash);
    ec_hash_bytes(key, text, n);
    snprintf(progress->doing, sizeof progress->doing, "A, %.80s, images %zu to %zu of %zu",
             u->is_join ? ec_job_name(job, part) : job->encoders[u->index].source.folder,
             u->from + 1, u->to, job->n_images);
}

static ec_status work_on_unit(unit *u, ec_error *err) {
    const ec_status status = u->is_join ? join(u, err) : pass(u, err);
    forget_values(u->run);
    return status == EC_OK ? ec_scoring_recount(u->run, err) : status;
}

static ec_status try_unit(ec_outcome *outcome, unit *u, ec_error *err) {
    ec_job *job = u->run->job;
    char key[EC_HASH_SIZE];
    int lock;
    bool waits = find_images(u);
    *outcome = waits ? EC_WAIT : EC_COMPLETE;
    if (u->n == 0) return EC_OK;
    name_unit(key, u);
    ec_status status = ec_work_try(&lock, &job->work, key, err);
    *outcome = EC_WAIT;
    if (status != EC_OK || lock < 0) return status;
    /* Somebody may have done it between looking and locking. */
    status = ec_job_refresh_images(job, u->from, u->to - u->from, err);
    if (status == EC_OK) waits = find_images(u);
    *outcome = u->n > 0 ? EC_WORKED : waits ? EC_WAIT : EC_COMPLETE;
    if (status == EC_OK && u->n > 0) status = work_on_unit(u, err);
    ec_work_unlock(lock);
    return status;
}

/* ---- all of them -------------------------------------------------------------------------- */

static ec_status start(ec_scoring *run, ec_error *err) {
    ec_job *job = run->job;
    if (run->a_order != NULL) return EC_OK;
    run->a_order = calloc(job->n_encoders + 1, sizeof *run->a_order);
    run->turned_images = calloc(job->n_images + 1, sizeof *run->turned_images);
    run->forgotten_images = calloc(job->n_images + 1, sizeof *run->forgotten_images);
    if (run->a_order == NULL || run->turned_images == NULL || run->forgotten_images == NULL)
        return ec_no_memory(run->job->study->path, err);
    job->align.scored = take_scores;
    job->align.scored_context = run;
    ec_align_order(run->a_order, &job->align);
    return EC_OK;
}

void ec_scoring_close_alignment(ec_scoring *run) {
    ec_align_close_encoder(&run->job->align);
    forget_values(run);
    free(run->a_order);
    free(run->turned_images);
    free(run->forgotten_images);
    run->a_order = NULL;
    run->turned_images = run->forgotten_images = NULL;
}

/* What became of several units. */
typedef struct {
    bool worked, waits;
} summed;

/* The units of one encoder, or of one member, among images [from, to). */
static ec_status try_all(summed *sum, ec_scoring *run, bool is_join, size_t index, size_t from,
                         size_t to, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t at = from; status == EC_OK && at < to; at += EC_A_UNIT) {
        unit u = {.run = run,
                  .is_join = is_join,
                  .index = index,
                  .from = at,
                  .to = to - at < EC_A_UNIT ? to : at + EC_A_UNIT};
        ec_outcome outcome;
        status = try_unit(&outcome, &u, err);
        sum->worked = sum->worked || outcome == EC_WORKED;
        sum->waits = sum->waits || outcome == EC_WAIT;
    }
    return status;
}

static ec_status work_on_block(summed *sum, ec_scoring *run, size_t from, size_t to,
                               ec_error *err) {
    ec_job *job = run->job;
    ec_status status = EC_OK;
    for (size_t e = 0; status == EC_OK && e < job->n_encoders; e++) {
        status = try_all(sum, run, false, run->a_order[e], from, to, err);
        for (size_t m = 0; status == EC_OK && m < job->align.n_members; m++)
            status = try_all(sum, run, true, m, from, to, err);
    }
    for (size_t image = from; status == EC_OK && image < to; image++)
        run->forgotten_images[image] =
            run->forgotten_images[image] || ec_job_forget_image(job, image);
    return status;
}

static bool any_is_wanted(const ec_job *job) {
    for (size_t i = 0; i < job->n_parts; i++)
        for (size_t image = 0; image < job->n_images; image++)
            if (ec_job_lacks(&job->parts[i].a, image)) return true;
    return false;
}

ec_status ec_scoring_alignment(ec_outcome *outcome, ec_scoring *run, ec_error *err) {
    ec_job *job = run->job;
    summed sum = {0};
    *outcome = EC_COMPLETE;
    if (!any_is_wanted(job)) return EC_OK;
    ec_status status = start(run, err);
    const size_t block = ec_align_block(&job->align, EC_A_UNIT);
    for (size_t from = 0; status == EC_OK && from < job->n_images; from += block)
        status = work_on_block(&sum, run, from,
                               job->n_images - from < block ? job->n_images : from + block, err);
    ec_align_close_encoder(&job->align);
    *outcome = sum.worked ? EC_WORKED : sum.waits ? EC_WAIT : EC_COMPLETE;
    return status;
}
