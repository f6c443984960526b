/* encoder.c - see eyechart/encoder.h
 *
 * What an encoder is, its family knows (family.h). Here is what holds for all of them: which family
 * a folder belongs to, the hash of its weight files, the context that it computes in.
 */
#include "eyechart/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "encoders/family.h"

const ec_encoder_family *const ec_encoder_families[] = {
    &ec_family_vit,
    NULL,
};

struct ec_encoder {
    const ec_encoder_family *family;
    void *model;
    ec_description description;
    ec_ctx *ctx; /* borrowed; NULL: only to be looked at */
    ec_text source;
    ec_encoder_watcher watcher;
};

/* ---- open and close ---- */

/* "unet: a.safetensors, vae: b.safetensors and 1 more" */
static ec_status name_source(ec_encoder *e, ec_error *err) {
    const ec_encoder_files *part;
    for (size_t i = 0; (part = e->family->files(e->model, i)) != NULL; i++)
        ec_text_format(&e->source, "%s%s%s%s", i > 0 ? ", " : "", part->name,
                       part->name[0] != '\0' ? ": " : "", ec_weights_source(part->weights));
    return e->source.failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
}

ec_status ec_encoder_open_among(ec_encoder **out, const ec_encoder_family *const *families,
                                const char *folder, const ec_encoder_options *options,
                                ec_error *err) {
    static const ec_encoder_options defaults = {0};
    if (options == NULL) options = &defaults;
    *out = NULL;
    ec_encoder *e = calloc(1, sizeof *e);
    if (e == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", folder);
    e->ctx = options->ctx;
    ec_status status = ec_description_load(&e->description, folder, families, err);
    if (status == EC_OK) status = ec_description_family(&e->family, &e->description, err);
    if (status == EC_OK) status = e->family->open(&e->model, &e->description, options, err);
    if (status == EC_OK) status = name_source(e, err);
    if (status == EC_OK)
        *out = e;
    else
        ec_encoder_close(e);
    return status;
}

ec_status ec_encoder_open(ec_encoder **out, const char *folder, const ec_encoder_options *options,
                          ec_error *err) {
    return ec_encoder_open_among(out, ec_encoder_families, folder, options, err);
}

void ec_encoder_close(ec_encoder *e) {
    if (e == NULL) return;
    if (e->model != NULL) e->family->close(e->model);
    ec_description_release(&e->description);
    ec_text_release(&e->source);
    free(e);
}

/* ---- towers of larger models ---- */

bool ec_encoder_has_tower(const char *path) {
    bool found = false;
    for (size_t i = 0; ec_encoder_families[i] != NULL && !found; i++)
        found =
            ec_encoder_families[i]->has_tower != NULL && ec_encoder_families[i]->has_tower(path);
    return found;
}

ec_status ec_encoder_compare(char difference[128], const ec_encoder *e, const char *path,
                             ec_error *err) {
    difference[0] = '\0';
    return e->family->compare != NULL ? e->family->compare(difference, e->model, path, err) : EC_OK;
}

/* ---- weight files ---- */

const char *ec_encoder_source(const ec_encoder *e) {
    return e->source.data != NULL ? e->source.data : "";
}

ec_status ec_encoder_check_finite(const ec_encoder *e, ec_error *err) {
    const ec_encoder_files *part;
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && (part = e->family->files(e->model, i)) != NULL; i++)
        status = ec_weights_check_finite(part->weights, err);
    return status;
}

/* "tensor NAME F32 [4096, 1024] <hash of its bytes>", in the order of names */
static ec_status hash_taken(char out[33], const ec_encoder_files *part, const ec_watch *watch,
                            ec_error *err) {
    ec_text text = {0};
    const size_t prefix = strlen(part->prefix);
    ec_status status = EC_OK;
    for (size_t i = 0; i < ec_weights_count(part->weights) && status == EC_OK; i++) {
        const ec_tensor *t;
        char shape[128], hash[EC_HASH_SIZE];
        if (!part->taken[i]) continue;
        if (!ec_watch_goes_on(watch))
            status = ec_fail(err, EC_ERR_INTERRUPTED, "stopped while the weights were read");
        if (status == EC_OK) status = ec_weights_load(&t, part->weights, i, err);
        if (status != EC_OK) break;
        ec_hash_bytes(hash, t->data, ec_tensor_count(t) * ec_dtype_size(t->dtype));
        ec_text_format(&text, "tensor %s %s %s %s\n", ec_weights_name(part->weights, i) + prefix,
                       ec_dtype_name(t->dtype), ec_tensor_shape_text(shape, sizeof shape, t), hash);
    }
    if (status == EC_OK && text.failed) status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (status == EC_OK) ec_hash_bytes(out, text.data, text.size_bytes);
    ec_text_release(&text);
    return status;
}

/* One file's hash is the encoder's; of several it is that of "NAME <hash>" lines. */
ec_status ec_encoder_hash(char out[33], const ec_encoder *e, const ec_watch *watch, ec_error *err) {
    const bool several = e->family->files(e->model, 1) != NULL;
    const ec_encoder_files *part;
    ec_text text = {0};
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && (part = e->family->files(e->model, i)) != NULL; i++) {
        status = part->taken != NULL ? hash_taken(out, part, watch, err)
                                     : ec_weights_hash(out, part->weights, watch, err);
        if (status == EC_OK && several) ec_text_format(&text, "%s %s\n", part->name, out);
    }
    if (status == EC_OK && text.failed) status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (status == EC_OK && several) ec_hash_bytes(out, text.data, text.size_bytes);
    ec_text_release(&text);
    return status;
}

static size_t bytes_of(const ec_encoder_files *part) {
    size_t bytes = 0;
    for (size_t i = 0; i < ec_weights_count(part->weights); i++) {
        if (part->taken != NULL && !part->taken[i]) continue;
        const ec_tensor *tensor = ec_weights_tensor(part->weights, i);
        bytes += ec_tensor_count(tensor) * ec_dtype_size(tensor->dtype);
    }
    return bytes;
}

/* ---- what it is ---- */

ec_encoder_info ec_encoder_describe(const ec_encoder *e) {
    ec_encoder_info info = e->family->describe(e->model);
    const ec_encoder_files *part;
    for (size_t i = 0; (part = e->family->files(e->model, i)) != NULL; i++)
        info.weight_bytes += bytes_of(part);
    snprintf(info.math, sizeof info.math, "%s", e->ctx != NULL ? ec_ctx_math(e->ctx) : "f32");
    return info;
}

bool ec_encoder_identify(json_t *to, const ec_encoder *e) {
    return e->family->identify(to, e->model);
}

bool ec_tap_identify(json_t *to, const ec_tap *tap) {
    return json_object_set_new(to, "layer", json_integer(tap->layer)) == 0 &&
           json_object_set_new(to, "class_token", json_boolean(tap->keep_class_token)) == 0 &&
           (tap->block == EC_BLOCK_DEFAULT ||
            json_object_set_new(to, "block", json_integer(tap->block)) == 0) &&
           (tap->timestep == EC_TIMESTEP_DEFAULT ||
            json_object_set_new(to, "timestep", json_integer(tap->timestep)) == 0) &&
           (tap->seed == 0 ||
            json_object_set_new(to, "seed", json_integer((json_int_t)tap->seed)) == 0);
}

ec_status ec_encoder_preparation(ec_preparation *out, const ec_encoder *e, ec_error *err) {
    return e->family->preparation(out, e->model, err);
}

double ec_encoder_flops(const ec_encoder *e, size_t width, size_t height, ec_tap tap) {
    return e->family->flops(e->model, width, height, &tap);
}

ec_status ec_encoder_feature_shape(ec_feature_shape *out, const ec_encoder *e, size_t width,
                                   size_t height, ec_tap tap, ec_error *err) {
    *out = (ec_feature_shape){0};
    if (width > EC_MAX_INPUT || height > EC_MAX_INPUT)
        return ec_fail(err, EC_ERR_ARG,
                       "%s: an input of %zu x %zu pixels; expected at most %d a side",
                       e->description.folder, width, height, EC_MAX_INPUT);
    return e->family->shape(out, e->model, width, height, &tap, err);
}

/* ---- features ---- */

void ec_encoder_watch(ec_encoder *e,
                      void (*see)(void *context, size_t block, const ec_tensor *hidden),
                      void *context) {
    e->watcher = (ec_encoder_watcher){see, context};
}

void ec_encoder_show(const ec_encoder_watcher *watcher, ec_ctx *ctx, size_t block, ec_array x) {
    if (watcher->see == NULL || ec_ctx_failed(ctx)) return;
    ec_tensor hidden = {.n_dims = x.n_dims, .data = malloc(ec_array_count(x) * sizeof(float))};
    memcpy(hidden.shape, x.shape, sizeof hidden.shape);
    if (hidden.data != NULL) {
        ec_download(ctx, hidden.data, x);
        watcher->see(watcher->context, block, &hidden);
    }
    free(hidden.data);
}

ec_status ec_encoder_forward(float *out, ec_encoder *e, const float *images, size_t n, size_t width,
                             size_t height, ec_tap tap, ec_error *err) {
    const char *folder = e->description.folder;
    ec_feature_shape s;
    ec_array x;
    ec_status status = ec_encoder_feature_shape(&s, e, width, height, tap, err);
    if (status != EC_OK) return status;
    if (e->ctx == NULL)
        return ec_fail(err, EC_ERR_ARG,
                       "%s: was opened without a context, to be looked at alone; open it on one",
                       folder);
    const ec_mark mark = ec_scratch_mark(e->ctx);
    const ec_array input = ec_upload(e->ctx, images, EC_F32, 4, (size_t[]){n, 3, height, width});
    status = e->family->forward(&x, e->model, input, &tap, &e->watcher, err); /* [n, t, channels] */
    for (size_t i = 0; i < n && status == EC_OK; i++) {
        const size_t t = x.shape[1], first = t - s.n_tokens;
        ec_download(e->ctx, out + i * s.n_tokens * s.n_channels,
                    ec_array_rows(x, i * t + first, s.n_tokens));
    }
    ec_error computed = {0};
    if (ec_ctx_status(e->ctx, &computed) != EC_OK && status == EC_OK)
        status = ec_fail(err, computed.status, "%s: %s", folder, computed.message);
    ec_scratch_release(e->ctx, mark);
    return status;
}
