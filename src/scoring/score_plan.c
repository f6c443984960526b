/* score_plan.c - what a run of `score` would do, and what it costs */
#include "scoring/score_plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/memory.h"

enum { CALIBRATION_S = 3 };

/* Bytes of a row in study.db beside its content, with its share of the index. */
static const double ROW_BYTES = 120.0;

/* ---- counting ----------------------------------------------------------------------------- */

void ec_job_count(size_t *n_results, size_t *n_done, const ec_job *job) {
    *n_results = *n_done = 0;
    for (size_t i = 0; i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
            ec_job_results_count(n_results, n_done, &part->c[p]);
        ec_job_results_count(n_results, n_done, &part->a);
        ec_job_results_count(n_results, n_done, &part->measures);
    }
}

bool ec_job_needs_pass(const ec_job *job, size_t encoder, ec_c_protocol protocol, size_t category) {
    if (ec_job_needs_alone(job, encoder, protocol, category)) return true;
    if (!ec_job_needs_rows(job, encoder, protocol, category)) return false;
    char key[EC_HASH_SIZE];
    ec_job_rows_key(key, job, encoder, protocol, category);
    return !ec_work_has_rows(&job->work, key);
}

static void add_category(ec_job_cost *cost, const ec_job *job, ec_c_protocol protocol,
                         size_t category) {
    const ec_keypoint_category *c = &job->set.categories[category];
    for (size_t e = 0; e < job->n_encoders; e++) {
        if (!ec_job_needs_pass(job, e, protocol, category)) continue;
        const ec_extractor_info *info = &job->encoders[e].info;
        const double n = (double)c->n_images, tokens = (double)info->n_tokens;
        cost->passes += n;
        cost->flops +=
            n * info->flops + 2.0 * (double)c->n_points * tokens * (double)info->n_channels;
    }
}

static double connector_flops(const ec_job *job, const ec_job_part *part) {
    return part->connector.flops * (double)job->encoders[part->a_members[0]].info.n_tokens;
}

/* Connectors and cosines that A of the image takes; passes of encoders are counted elsewhere. */
static void add_comparisons(ec_job_cost *cost, const ec_job *job, size_t image) {
    bool any = false;
    for (size_t i = 0; i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        if (!ec_job_lacks(&part->a, image)) continue;
        any = true;
        cost->flops += connector_flops(job, part);
        for (size_t r = 0; r < job->settings.n_references; r++) {
            const ec_job_part *to = &job->parts[job->reference_parts[r]];
            cost->flops += 2.0 * (double)job->encoders[part->a_members[0]].info.n_tokens *
                           (double)job->encoders[to->a_members[0]].info.n_tokens *
                           (double)part->connector.n_outputs;
        }
    }
    for (size_t r = 0; any && r < job->settings.n_references; r++)
        cost->flops += connector_flops(job, &job->parts[job->reference_parts[r]]);
}

static void add_image(ec_job_cost *cost, const ec_job *job, size_t image) {
    add_comparisons(cost, job, image);
    for (size_t e = 0; e < job->n_encoders; e++) {
        if (!ec_align_needs_pass(&job->align, e, image)) continue;
        cost->passes += 1.0;
        cost->flops += job->encoders[e].info.flops;
    }
}

bool ec_job_passes_for_a(const ec_job *job, size_t encoder, size_t index) {
    const size_t image = job->sample[index].image;
    return image != EC_NO_INDEX && ec_align_needs_pass(&job->align, encoder, image);
}

/* Passes for mean tokens that no unit of A will leave. */
static void add_measures(ec_job_cost *cost, const ec_job *job) {
    for (size_t e = 0; e < job->n_encoders; e++) {
        if (!ec_job_needs_pooled(job, e)) continue;
        for (size_t i = 0; i < job->n_sample; i++) {
            if (job->pooled[e * job->n_sample + i] || ec_job_passes_for_a(job, e, i)) continue;
            cost->passes += 1.0;
            cost->flops += job->encoders[e].info.flops;
        }
    }
}

ec_job_cost ec_job_measure(const ec_job *job) {
    ec_job_cost cost = {0};
    for (size_t image = 0; image < job->n_images; image++) add_image(&cost, job, image);
    add_measures(&cost, job);
    for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
        for (size_t k = 0; k < job->set.n_categories; k++)
            add_category(&cost, job, (ec_c_protocol)p, k);
    return cost;
}

/* ---- disk and memory ---------------------------------------------------------------------- */

static double rows_bytes(const ec_job *job, size_t encoder, size_t category) {
    return 4.0 * (double)job->set.categories[category].n_points *
           (double)job->encoders[encoder].info.n_tokens;
}

/* Bytes that C keeps on the disk: rows of one category and protocol at a time. */
static double work_bytes(const ec_job *job) {
    double most = 0.0;
    for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
        for (size_t k = 0; k < job->set.n_categories; k++) {
            double bytes = 0.0;
            for (size_t e = 0; e < job->n_encoders; e++)
                if (ec_job_needs_rows(job, e, (ec_c_protocol)p, k)) bytes += rows_bytes(job, e, k);
            most = fmax(most, bytes);
        }
    return most;
}

static double database_bytes(const ec_job *job) {
    double bytes = 0.0;
    for (size_t i = 0; i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
            for (size_t k = 0; k < job->set.n_categories; k++)
                if (ec_job_lacks(&part->c[p], k))
                    bytes += ROW_BYTES + (double)sizeof(ec_pair_result) *
                                             (double)job->set.categories[k].n_pairs;
        for (size_t image = 0; image < job->n_images; image++)
            if (ec_job_lacks(&part->a, image))
                bytes += ROW_BYTES * (double)job->settings.n_references;
        for (size_t k = 0; k < part->measures.n; k++)
            if (ec_job_lacks(&part->measures, k)) bytes += 4.0 * ROW_BYTES;
    }
    for (size_t e = 0; e < job->n_encoders; e++) {
        if (!ec_job_needs_pooled(job, e)) continue;
        for (size_t i = 0; i < job->n_sample; i++)
            if (!job->pooled[e * job->n_sample + i])
                bytes += ROW_BYTES + 4.0 * (double)job->encoders[e].info.n_channels;
    }
    return bytes;
}

/* What the measures hold: the matrices K of all encoders, as many as half a gigabyte has room for
 * (score_m.c), and four more: of a candidate and of what it is compared with, and both centred. */
static double measures_bytes(const ec_job *job) {
    const double matrix = 8.0 * (double)job->n_sample * (double)job->n_sample;
    size_t n = 0;
    for (size_t e = 0; e < job->n_encoders; e++) n += ec_job_needs_pooled(job, e);
    return n > 0 ? fmin((double)n * matrix, 512.0 * 1024.0 * 1024.0) + 4.0 * matrix : 0.0;
}

static double memory_bytes(const ec_job *job) {
    double most = measures_bytes(job);
    for (size_t k = 0; k < job->set.n_categories; k++) {
        const ec_keypoint_category *c = &job->set.categories[k];
        double pixels = 0.0;
        for (size_t i = 0; i < c->n_images; i++) {
            const ec_keypoint_image *image = &job->set.images[c->images[i]];
            pixels += (double)image->width * (double)image->height;
        }
        for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
            for (size_t e = 0; e < job->n_encoders; e++) {
                const ec_extractor_info *info = &job->encoders[e].info;
                if (ec_job_needs_pass(job, e, (ec_c_protocol)p, k))
                    most = fmax(most, 3.0 * pixels + rows_bytes(job, e, k) +
                                          4.0 * (double)c->n_images * (double)info->n_tokens *
                                              (double)info->n_channels);
            }
    }
    return most;
}

double ec_job_disk_free(const ec_job *job) {
    struct statvfs info;
    if (statvfs(job->study->path, &info) != 0) return NAN;
    return (double)info.f_bavail * (double)info.f_frsize;
}

/* Bytes that A keeps on the disk: embeddings and features of one block of images at a time. */
static double kept_bytes(const ec_job *job) {
    const size_t block = ec_align_block(&job->align, EC_A_UNIT);
    size_t n = 0;
    for (size_t image = 0; image < job->n_images && n < block; image++)
        for (size_t i = 0; i < job->n_parts; i++)
            if (ec_job_lacks(&job->parts[i].a, image)) {
                n++;
                break;
            }
    return (double)n * ec_align_kept_bytes(&job->align);
}

double ec_job_disk_needed(const ec_job *job) {
    return work_bytes(job) + kept_bytes(job) + database_bytes(job);
}

/* ---- calibration -------------------------------------------------------------------------- */

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The faster of two passes of a grey image; the first also brings the weights into memory. */
static ec_status time_encoder(double *seconds, const ec_job *job, size_t encoder, ec_error *err) {
    const ec_job_encoder *e = &job->encoders[encoder];
    const ec_encoder_options options = ec_job_encoder_options(job);
    ec_extractor *extractor = NULL;
    ec_image image = {.width = e->info.input_width, .height = e->info.input_height};
    image.rgb = calloc(image.width * image.height, 3);
    float *features = malloc(e->info.n_tokens * e->info.n_channels * sizeof *features + 1);
    ec_status status =
        image.rgb != NULL && features != NULL ? EC_OK : ec_no_memory(job->study->path, err);
    if (status == EC_OK) status = ec_extractor_open(&extractor, &e->source, &options, err);
    const ec_image *images[] = {&image};
    *seconds = INFINITY;
    for (int pass = 0; status == EC_OK && pass < 2; pass++) {
        const double start = seconds_now();
        status = ec_extractor_run(features, extractor, images, 1, err);
        *seconds = fmin(*seconds, seconds_now() - start);
    }
    ec_extractor_close(extractor);
    free(features);
    ec_image_release(&image);
    return status;
}

static bool needs_encoder(const ec_job *job, size_t encoder) {
    for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
        for (size_t k = 0; k < job->set.n_categories; k++)
            if (ec_job_needs_pass(job, encoder, (ec_c_protocol)p, k)) return true;
    for (size_t i = 0; i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        bool wants = false;
        for (size_t image = 0; image < job->n_images; image++)
            wants = wants || ec_job_lacks(&part->a, image);
        for (size_t k = 0; wants && k < part->n_members; k++)
            if (part->a_members[k] == encoder) return true;
    }
    return ec_job_needs_pooled(job, encoder) && !ec_job_is_pooled(job, &encoder, 1);
}

/* Floating-point operations a second, over as many of the encoders as the time allows. */
static ec_status calibrate(double *rate, const ec_job *job, ec_error *err) {
    const double start = seconds_now();
    double flops = 0.0, seconds = 0.0;
    for (size_t e = 0; e < job->n_encoders; e++) {
        double pass;
        if (!needs_encoder(job, e)) continue;
        const ec_status status = time_encoder(&pass, job, e, err);
        if (status != EC_OK) return status;
        flops += job->encoders[e].info.flops;
        seconds += pass;
        if (seconds_now() - start > CALIBRATION_S) break;
    }
    *rate = seconds > 0.0 ? flops / seconds : NAN;
    return EC_OK;
}

/* ---- the plan ----------------------------------------------------------------------------- */

static ec_score_part describe_part(const ec_job_part *part) {
    ec_score_part out = {.candidate = part->candidate,
                         .n_encoders = part->n_members,
                         .has_c = part->wants_c,
                         .has_a = part->wants_a,
                         .has_measures = part->wants_measures,
                         .resampled = part->resampled};
    const ec_tap tap = ec_feature_source_tap(&part->sources[0]);
    char features[64];
    out.layer = tap.layer;
    out.all_tokens = tap.keep_class_token;
    memcpy(out.note, part->note, sizeof out.note);
    if (part->sources[0].weights != NULL) {
        const size_t n = strlen(out.note);
        snprintf(out.note + n, sizeof out.note - n, "%sencoder: the trained tower of its model",
                 n > 0 ? "; " : "");
    }
    if (ec_job_describe_features(features, sizeof features, part)) {
        const size_t n = strlen(out.note);
        snprintf(out.note + n, sizeof out.note - n, "%s%s", n > 0 ? "; " : "", features);
    }
    for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
        ec_job_results_count(&out.c_categories, &out.c_cached, &part->c[p]);
    ec_job_results_count(&out.a_images, &out.a_cached, &part->a);
    ec_job_results_count(&out.measures, &out.measures_cached, &part->measures);
    return out;
}

static ec_status fill_plan(ec_score_plan *plan, const ec_job *job, ec_error *err) {
    plan->parts = calloc(job->n_parts + 1, sizeof *plan->parts);
    if (plan->parts == NULL) return ec_no_memory(job->study->path, err);
    for (size_t i = 0; i < job->n_parts; i++)
        if (job->parts[i].selected) plan->parts[plan->n_parts++] = describe_part(&job->parts[i]);
    for (size_t e = 0; e < job->n_encoders; e++) plan->n_encoders += needs_encoder(job, e);
    plan->n_images = job->set.n_images + job->n_images;
    plan->n_pairs = job->set.n_pairs;
    plan->n_left_out = job->n_left_out;
    ec_job_count(&plan->n_results, &plan->n_results_cached, job);
    const ec_job_cost cost = ec_job_measure(job);
    plan->passes = cost.passes;
    plan->flops = cost.flops;
    plan->disk_bytes = ec_job_disk_needed(job);
    plan->disk_free_bytes = ec_job_disk_free(job);
    plan->memory_bytes = memory_bytes(job);
    double rate = NAN;
    const ec_status status = job->options.calibrate ? calibrate(&rate, job, err) : EC_OK;
    plan->seconds = cost.flops > 0.0 ? cost.flops / rate : 0.0;
    return status;
}

ec_status ec_study_plan(ec_score_plan **out, ec_study *study, const ec_score_options *options,
                        ec_error *err) {
    ec_job job;
    *out = NULL;
    ec_score_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) return ec_no_memory(study->path, err);
    ec_status status = ec_job_build(&job, study, options, err);
    if (status == EC_OK) status = fill_plan(plan, &job, err);
    ec_job_release(&job);
    if (status == EC_OK)
        *out = plan;
    else
        ec_score_plan_free(plan);
    return status;
}

void ec_score_plan_free(ec_score_plan *plan) {
    if (plan == NULL) return;
    free(plan->parts);
    free(plan);
}
