/* encoder.c - see eyechart/encoder.h */
#include "eyechart/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "encoders/vit/vit.h"
#include "ops/ops.h"

/* Keeps the number of tokens times channels within 63 bits. */
enum { MAX_INPUT = 1 << 20 };

struct ec_encoder {
    char *folder;
    vit_spec spec;
    vit_origin origin;
    vit_weights weights;
    ec_weights *files;
    ec_ctx *ctx;
    float *position; /* for the grid used last, so that a run over many images interpolates once */
    size_t grid_width, grid_height;
    bool weights_elsewhere; /* options.weights */
    vit_watcher watcher;
};

/* A folder of open_clip has its weights twice. */
static ec_status open_weights(ec_weights **out, const char *path, ec_error *err) {
    static const char *const names[] = {"open_clip_model.safetensors",
                                        "open_clip_pytorch_model.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ec_text file = {0};
        struct stat info;
        ec_text_format(&file, "%s/%s", path, "config.json");
        const bool described = !file.failed && stat(file.data, &info) == 0;
        file.size_bytes = 0;
        ec_text_format(&file, "%s/%s", path, names[i]);
        const bool found = !file.failed && !described && stat(file.data, &info) == 0;
        const ec_status status = found ? ec_weights_open(out, file.data, err) : EC_OK;
        ec_text_release(&file);
        if (found) return status;
    }
    return ec_weights_open(out, path, err);
}

static bool has_tower(const ec_weights *files) {
    vit_found found;
    return vit_naming_any(&found, false, files) || vit_naming_any(&found, true, files);
}

/* Whether the files have more than the vision tower. */
static bool is_partial(const ec_encoder *e) {
    return e->spec.inside || e->weights_elsewhere;
}

ec_status ec_encoder_open(ec_encoder **out, const char *folder, const ec_encoder_options *options,
                          ec_error *err) {
    static const ec_encoder_options defaults = {0};
    if (options == NULL) options = &defaults;
    *out = NULL;
    ec_encoder *e = calloc(1, sizeof *e);
    if (e == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", folder);
    e->weights_elsewhere = options->weights != NULL;
    ec_status status = ec_file_model_folder(&e->folder, folder, err);
    if (status == EC_OK)
        status = vit_spec_load(&e->spec, &e->origin, e->folder, err); /* names the file */
    const char *weights = options->weights != NULL ? options->weights : e->folder;
    if (status == EC_OK) status = open_weights(&e->files, weights, err);
    if (status == EC_OK) {
        if (e->spec.inside && !has_tower(e->files))
            status = ec_fail(err, EC_ERR_FORMAT,
                             "no vision tower among its %zu tensors, as LLaVA saves a model whose "
                             "tower was not trained: give the folder of the original encoder",
                             ec_weights_count(e->files));
        if (status == EC_OK && e->spec.from_tensors) status = vit_measure(&e->spec, e->files, err);
        if (status == EC_OK) status = vit_weights_bind(&e->weights, &e->spec, e->files, err);
        if (status != EC_OK) ec_error_prefix(err, status, "%s", weights);
    }
    if (status == EC_OK) status = ec_ctx_new(&e->ctx, options->isa, options->n_threads, err);
    if (status != EC_OK) {
        ec_encoder_close(e);
        return status;
    }
    if (options->interpolate_plain && e->spec.interpolation == VIT_INTERPOLATE_OFFSET)
        e->spec.interpolation = VIT_INTERPOLATE_SIZE;
    *out = e;
    return EC_OK;
}

void ec_encoder_close(ec_encoder *encoder) {
    if (encoder == NULL) return;
    ec_ctx_free(encoder->ctx);
    vit_weights_release(&encoder->weights);
    ec_weights_close(encoder->files);
    vit_origin_release(&encoder->origin);
    free(encoder->position);
    free(encoder->folder);
    free(encoder);
}

const ec_weights *ec_encoder_weights(const ec_encoder *encoder) {
    return encoder->files;
}

bool ec_encoder_has_tower(const char *path) {
    ec_weights *files;
    if (open_weights(&files, path, NULL) != EC_OK) return false;
    const bool found = has_tower(files);
    ec_weights_close(files);
    return found;
}

ec_status ec_encoder_compare(char difference[128], const ec_encoder *encoder, const char *path,
                             ec_error *err) {
    ec_weights *files;
    vit_weights other;
    difference[0] = '\0';
    ec_status status = open_weights(&files, path, err);
    if (status != EC_OK) return status;
    if (has_tower(files)) {
        status = vit_weights_bind(&other, &encoder->spec, files, err);
        if (status == EC_OK) {
            vit_compare(difference, 128, &encoder->spec, &encoder->weights, &other);
            vit_weights_release(&other);
        } else {
            ec_error_prefix(err, status, "%s: its vision tower is not that of %s", path,
                            encoder->folder);
        }
    }
    ec_weights_close(files);
    return status;
}

/* "tensor NAME F32 [4096, 1024] <hash of its bytes>", in the order of names */
static ec_status hash_tower(char out[33], const ec_encoder *e, const ec_watch *watch,
                            ec_error *err) {
    ec_text text = {0};
    const size_t prefix = strlen(e->weights.prefix);
    for (size_t i = 0; i < ec_weights_count(e->files); i++) {
        const ec_tensor *t;
        char shape[128], hash[EC_HASH_SIZE];
        if (!e->weights.of_tower[i]) continue;
        if (!ec_watch_goes_on(watch)) {
            ec_text_release(&text);
            return ec_fail(err, EC_ERR_INTERRUPTED, "stopped while the weights were read");
        }
        const ec_status status = ec_weights_load(&t, e->files, i, err);
        if (status != EC_OK) {
            ec_text_release(&text);
            return status;
        }
        ec_hash_bytes(hash, t->data, ec_tensor_count(t) * ec_dtype_size(t->dtype));
        ec_text_format(&text, "tensor %s %s %s %s\n", ec_weights_name(e->files, i) + prefix,
                       ec_dtype_name(t->dtype), ec_tensor_shape_text(shape, sizeof shape, t), hash);
    }
    const ec_status status = text.failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
    if (status == EC_OK) ec_hash_bytes(out, text.data, text.size_bytes);
    ec_text_release(&text);
    return status;
}

ec_status ec_encoder_hash(char out[33], const ec_encoder *encoder, const ec_watch *watch,
                          ec_error *err) {
    return is_partial(encoder) ? hash_tower(out, encoder, watch, err)
                               : ec_weights_hash(out, encoder->files, watch, err);
}

void ec_encoder_watch(ec_encoder *encoder,
                      void (*see)(void *context, size_t block, const ec_tensor *hidden),
                      void *context) {
    encoder->watcher = (vit_watcher){see, context};
}

ec_encoder_info ec_encoder_describe(const ec_encoder *encoder) {
    static const char *const activation[] = {
        [EC_ACT_NONE] = "none", [EC_ACT_QUICK_GELU] = "quick_gelu",
        [EC_ACT_GELU] = "gelu", [EC_ACT_GELU_TANH] = "gelu_pytorch_tanh",
        [EC_ACT_SILU] = "silu", [EC_ACT_RELU] = "relu"};
    const vit_spec *s = &encoder->spec;
    const size_t d = s->width, mlp = s->mlp_width, side = s->image_size / s->patch;
    const size_t attention = 4 * d * d + d + (s->qkv_bias ? 3 * d : 0);
    const size_t fc1 = (s->swiglu ? 2 : 1) * (d * mlp + mlp), fc2 = mlp * d + d;
    const size_t block = attention + fc1 + fc2 + 4 * d + (s->layer_scale ? 2 * d : 0);
    ec_encoder_info info = {
        .image_size = s->image_size,
        .patch_size = s->patch,
        .width = d,
        .mlp_width = mlp,
        .n_blocks = s->blocks,
        .n_heads = s->heads,
        .n_registers = s->registers,
        .has_class_token = s->class_token,
        .is_inside = s->inside,
        .layer_norm_eps = s->eps,
        .n_parameters = 3 * s->patch * s->patch * d + (s->patch_bias ? d : 0) +
                        (side * side + s->class_token) * d + (s->class_token + s->registers) * d +
                        (s->pre_norm ? 2 * d : 0) + s->blocks * block,
        .dtype = encoder->weights.patch_matrix.dtype,
    };
    snprintf(info.family, sizeof info.family, "%s", vit_family_name(s->family));
    snprintf(info.math, sizeof info.math, "%s", ec_ctx_math(encoder->ctx));
    snprintf(info.activation, sizeof info.activation, "%s",
             s->swiglu ? "swiglu" : activation[s->activation]);
    for (size_t i = 0; i < ec_weights_count(encoder->files); i++) {
        if (is_partial(encoder) && !encoder->weights.of_tower[i]) continue;
        const ec_tensor *tensor = ec_weights_tensor(encoder->files, i);
        info.weight_bytes += ec_tensor_count(tensor) * ec_dtype_size(tensor->dtype);
    }
    return info;
}

ec_status ec_encoder_preparation(ec_preparation *out, const ec_encoder *encoder, ec_error *err) {
    return vit_preparation(out, &encoder->spec, &encoder->origin, encoder->folder, err);
}

/* Number of blocks that run for a layer in transformers' numbering; false when there is no such
 * layer. */
static bool blocks_of_layer(size_t *out, const vit_spec *spec, int layer) {
    const long n_states = (long)spec->blocks + 1;
    const long state = layer < 0 ? n_states + layer : layer;
    if (state < 0 || state >= n_states) return false;
    *out = (size_t)state;
    return true;
}

double ec_encoder_flops(const ec_encoder *encoder, size_t width, size_t height, int layer) {
    const vit_spec *s = &encoder->spec;
    size_t n_blocks;
    if (!blocks_of_layer(&n_blocks, s, layer)) return 0;
    const double d = (double)s->width, mlp = (double)s->mlp_width,
                 patch = (double)(3 * s->patch * s->patch);
    const double grid = (double)((width / s->patch) * (height / s->patch));
    const double t = grid + (double)(s->class_token + s->registers);
    const double products = 2 * t * (4 * d * d + (s->swiglu ? 3 : 2) * d * mlp);
    const double attention = 4 * t * t * d;
    return 2 * grid * patch * d + (double)n_blocks * (products + attention);
}

ec_status ec_encoder_feature_shape(size_t *n_tokens, size_t *n_channels, size_t *grid_width,
                                   size_t *grid_height, const ec_encoder *encoder, size_t width,
                                   size_t height, ec_tap tap, ec_error *err) {
    const vit_spec *s = &encoder->spec;
    size_t n_blocks;
    if (!blocks_of_layer(&n_blocks, s, tap.layer))
        return ec_fail(
            err, EC_ERR_ARG,
            "%s: there is no layer %d; the model has %zu blocks: 0 to %zu, or -1 to -%zu",
            encoder->folder, tap.layer, s->blocks, s->blocks, s->blocks + 1);
    if (width > MAX_INPUT || height > MAX_INPUT)
        return ec_fail(err, EC_ERR_ARG,
                       "%s: an input of %zu x %zu pixels; expected at most %d a side",
                       encoder->folder, width, height, MAX_INPUT);
    if (width < s->patch || height < s->patch)
        return ec_fail(err, EC_ERR_ARG,
                       "%s: an input of %zu x %zu pixels has no patch of %zu x %zu; take a larger "
                       "one",
                       encoder->folder, width, height, s->patch, s->patch);
    *grid_width = width / s->patch;
    *grid_height = height / s->patch;
    *n_channels = s->width;
    *n_tokens =
        *grid_width * *grid_height + (tap.keep_class_token ? s->class_token + s->registers : 0);
    return EC_OK;
}

/* Interpolates the position embeddings unless they are there for this grid. */
static ec_status prepare_positions(ec_encoder *e, size_t grid_width, size_t grid_height,
                                   ec_error *err) {
    if (e->position != NULL && e->grid_width == grid_width && e->grid_height == grid_height)
        return EC_OK;
    free(e->position);
    e->position = malloc(grid_width * grid_height * e->spec.width * sizeof *e->position);
    if (e->position == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", e->folder);
    e->grid_width = grid_width;
    e->grid_height = grid_height;
    const ec_status status =
        vit_positions(e->position, &e->spec, &e->weights, grid_height, grid_width, err);
    if (status != EC_OK) {
        free(e->position);
        e->position = NULL;
    }
    return status;
}

ec_status ec_encoder_forward(float *out, ec_encoder *e, const float *images, size_t n, size_t width,
                             size_t height, ec_tap tap, ec_error *err) {
    size_t n_tokens, n_channels, grid_width, grid_height, n_blocks = 0;
    ec_status status = ec_encoder_feature_shape(&n_tokens, &n_channels, &grid_width, &grid_height,
                                                e, width, height, tap, err);
    if (status != EC_OK) return status;
    if ((status = prepare_positions(e, grid_width, grid_height, err)) != EC_OK) return status;
    blocks_of_layer(&n_blocks, &e->spec, tap.layer);

    const ec_mark mark = ec_scratch_mark(e->ctx);
    const ec_tensor x = vit_forward(e->ctx, &e->spec, &e->weights, e->position, images, n, height,
                                    width, n_blocks, e->watcher); /* [n, t, d] */
    status = ec_ctx_status(e->ctx, err);
    if (status == EC_OK) {
        const size_t t = x.shape[1],
                     first = t - n_tokens; /* class and register tokens stand first */
        for (size_t i = 0; i < n; i++)
            memcpy(out + i * n_tokens * n_channels,
                   (const float *)x.data + (i * t + first) * n_channels,
                   n_tokens * n_channels * sizeof *out);
    }
    ec_scratch_release(e->ctx, mark);
    return status == EC_OK ? EC_OK : ec_error_prefix(err, status, "%s", e->folder);
}
