/* score_align.c - what there is to compute of A, and where it keeps what it needs again
 *
 * The candidates and references of a job as align_work.h has them. References' embeddings, and
 * features of encoders that combinations join, lie in the folder `work` as a file an image, under
 * hashes of all that decides them: so all processes share them, and a killed one finds them again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "scoring/score_job.h"

/* ---- what is kept ------------------------------------------------------------------------- */

static void name_kept(char key[EC_HASH_SIZE], const ec_job *job, ec_kept_kind kind, size_t index,
                      size_t image) {
    char text[2 * EC_HASH_SIZE + 16];
    snprintf(text, sizeof text, "%s %s %s", kind == EC_KEPT_ROWS ? "embeddings" : "features",
             kind == EC_KEPT_ROWS ? job->parts[job->align_parts[index]].rows_key
                                  : job->encoders[index].identity,
             job->images[image].hash);
    ec_hash_bytes(key, text, strlen(text));
}

static bool is_kept(void *self, ec_kept_kind kind, size_t index, size_t image) {
    const ec_job *job = self;
    char key[EC_HASH_SIZE];
    name_kept(key, job, kind, index, image);
    return ec_work_is_kept(&job->work, key);
}

ec_status ec_job_check_part(const ec_job *job, const ec_job_part *part, ec_error *err) {
    ec_status status = ec_job_check_connector(&part->connector, err);
    for (size_t k = 0; status == EC_OK && k < part->n_members; k++)
        status = ec_job_check_encoder(job, part->a_members[k], err);
    return status;
}

/* What was computed from something else must not be kept under this name. */
static ec_status keep(void *self, ec_kept_kind kind, size_t index, size_t image,
                      const float *values, size_t n, ec_error *err) {
    ec_job *job = self;
    char key[EC_HASH_SIZE];
    ec_status status = kind == EC_KEPT_ROWS
                           ? ec_job_check_part(job, &job->parts[job->align_parts[index]], err)
                           : ec_job_check_encoder(job, index, err);
    if (status == EC_OK) status = ec_job_check_image(job, image, err);
    if (status != EC_OK) return status;
    name_kept(key, job, kind, index, image);
    return ec_work_keep(&job->work, key, values, n, err);
}

static ec_status get(const float **values, void *self, ec_kept_kind kind, size_t index,
                     size_t image, size_t n, ec_error *err) {
    const ec_job *job = self;
    char key[EC_HASH_SIZE];
    float *owned;
    name_kept(key, job, kind, index, image);
    const ec_status status = ec_work_get_kept(&owned, &job->work, key, n, err);
    *values = owned;
    return status;
}

static void give_back(void *self, const float *values) {
    (void)self;
    free((void *)values); /* ours: get() has it from ec_work_get_kept() */
}

static void delete_kept(ec_job *job, ec_kept_kind kind, size_t index, size_t image) {
    char key[EC_HASH_SIZE];
    name_kept(key, job, kind, index, image);
    ec_work_delete_kept(&job->work, key);
}

bool ec_job_forget_image(ec_job *job, size_t image) {
    const ec_align_work *work = &job->align;
    for (size_t m = 0; m < work->n_members; m++)
        if (work->wants(job, m, image)) return false;
    for (size_t m = 0; m < work->n_members; m++) {
        delete_kept(job, EC_KEPT_ROWS, m, image);
        for (size_t k = 0; work->members[m].n_encoders > 1 && k < work->members[m].n_encoders; k++)
            delete_kept(job, EC_KEPT_FEATURES, work->members[m].encoders[k], image);
    }
    return true;
}

/* ---- what there is to compute ------------------------------------------------------------- */

static bool wants(void *context, size_t member, size_t image) {
    const ec_job *job = context;
    return ec_job_lacks(&job->parts[job->align_parts[member]].a, image);
}

static ec_align_part describe_part(const ec_job *job, const ec_job_part *part) {
    return (ec_align_part){.name = ec_job_name(job, part),
                           .connector = part->connector.path,
                           .encoders = part->a_members,
                           .n_encoders = part->n_members,
                           .n_tokens = job->encoders[part->a_members[0]].info.n_tokens,
                           .n_channels = part->connector.n_inputs,
                           .width = part->connector.n_outputs};
}

/* Members, and which of them are references. */
static void choose_members(ec_job *job, ec_align_part *members) {
    for (size_t i = 0; i < job->n_parts; i++) {
        if (job->parts[i].a_members == NULL) continue;
        const size_t m = job->align.n_members++;
        members[m] = describe_part(job, &job->parts[i]);
        job->align_parts[m] = i;
        for (size_t r = 0; r < job->settings.n_references; r++) {
            if (job->reference_parts[r] != i) continue;
            job->align_references[r] = m;
            members[m].is_reference = true;
        }
    }
}

ec_status ec_job_prepare_alignment(ec_job *job, ec_error *err) {
    ec_job_release_alignment(job);
    ec_align_encoder *encoders = calloc(job->n_encoders + 1, sizeof *encoders);
    ec_align_part *members = calloc(job->n_parts + 1, sizeof *members);
    const char **paths = calloc(job->n_images + 1, sizeof *paths);
    job->align_parts = calloc(job->n_parts + 1, sizeof *job->align_parts);
    job->align_references = calloc(job->settings.n_references + 1, sizeof *job->align_references);
    job->align = (ec_align_work){.encoders = encoders,
                                 .n_encoders = job->n_encoders,
                                 .members = members,
                                 .references = job->align_references,
                                 .n_references = job->settings.n_references,
                                 .paths = paths,
                                 .bf16_compat = job->settings.bf16_compat,
                                 .options = ec_job_encoder_options(job),
                                 .keep = {is_kept, keep, get, give_back, job},
                                 .wants = wants,
                                 .context = job};
    if (encoders == NULL || members == NULL || paths == NULL || job->align_parts == NULL ||
        job->align_references == NULL)
        return ec_no_memory(job->study->path, err);
    for (size_t e = 0; e < job->n_encoders; e++)
        encoders[e] = (ec_align_encoder){job->encoders[e].source, job->encoders[e].info};
    for (size_t k = 0; k < job->n_images; k++) paths[k] = job->images[k].path;
    choose_members(job, members);
    return EC_OK;
}

void ec_job_release_alignment(ec_job *job) {
    free((void *)job->align.encoders);
    free((void *)job->align.members);
    free((void *)job->align.paths);
    free(job->align_parts);
    free(job->align_references);
    job->align_parts = job->align_references = NULL;
    job->align = (ec_align_work){0};
}
