/* vit_family.c - vision transformers as a family of encoders: a folder opened, its tower run */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "encoders/vit/vit.h"

typedef struct {
    const char *folder; /* the description's, which outlives the model */
    ec_ctx *ctx;        /* NULL: only to be looked at */
    vit_spec spec;
    vit_origin origin;
    vit_weights weights;
    ec_encoder_files files;
    float *position; /* for the grid used last, so that a run over many images interpolates once */
    size_t grid_width, grid_height;
} vit_model;

/* ---- weights ---- */

/* A folder of open_clip has its weights twice. */
static ec_status open_weights(ec_weights **out, const char *path, ec_error *err) {
    static const char *const open_clip[] = {"open_clip_model", "open_clip_pytorch_model", NULL};
    char *folder;
    ec_text config = {0};
    struct stat info;
    ec_status status = ec_file_model_folder(&folder, path, err);
    if (status != EC_OK) return status;
    ec_text_format(&config, "%s/config.json", folder);
    const bool described = !config.failed && stat(config.data, &info) == 0;
    status = ec_weights_open_named(out, path, described ? NULL : open_clip, err);
    ec_text_release(&config);
    free(folder);
    return status;
}

static bool vit_has_tower(const char *path) {
    ec_weights *files;
    vit_found unused;
    if (open_weights(&files, path, NULL) != EC_OK) return false;
    const bool found = vit_naming_any(&unused, files);
    ec_weights_close(files);
    return found;
}

/* Binds the tower's parameters, and places them where it is to run. */
static ec_status take_weights(vit_model *m, ec_weights *files, ec_error *err) {
    vit_found unused;
    if (m->spec.inside && !vit_naming_any(&unused, files))
        return ec_fail(err, EC_ERR_FORMAT,
                       "no vision tower among its %zu tensors, as LLaVA saves a model whose "
                       "tower was not trained: give the folder of the original encoder",
                       ec_weights_count(files));
    ec_status status = m->spec.from_tensors ? vit_measure(&m->spec, files, err) : EC_OK;
    if (status == EC_OK) status = vit_weights_bind(&m->weights, &m->spec, files, err);
    if (status == EC_OK && m->ctx != NULL) status = ec_params_place(m->weights.params, m->ctx, err);
    return status;
}

static ec_status vit_compare_with(char difference[128], const void *model, const char *path,
                                  ec_error *err) {
    const vit_model *m = model;
    ec_weights *files;
    vit_weights other;
    vit_found unused;
    difference[0] = '\0';
    ec_status status = open_weights(&files, path, err);
    if (status != EC_OK) return status;
    if (vit_naming_any(&unused, files)) {
        status = vit_weights_bind(&other, &m->spec, files, err);
        if (status == EC_OK) {
            vit_compare(difference, 128, &m->spec, &m->weights, &other);
            vit_weights_release(&other);
        } else {
            ec_error_prefix(err, status, "%s: its vision tower is not that of %s", path, m->folder);
        }
    }
    ec_weights_close(files);
    return status;
}

/* ---- open and close ---- */

static void vit_close(void *model) {
    vit_model *m = model;
    if (m == NULL) return;
    vit_weights_release(&m->weights);
    ec_weights_close(m->files.weights);
    vit_origin_release(&m->origin);
    free(m->position);
    free(m);
}

static ec_status vit_open(void **out, const ec_description *description,
                          const ec_encoder_options *options, ec_error *err) {
    *out = NULL;
    vit_model *m = calloc(1, sizeof *m);
    if (m == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", description->folder);
    m->folder = description->folder;
    m->ctx = options->ctx;
    const char *path = options->weights != NULL ? options->weights : m->folder;
    ec_status status = vit_spec_of(&m->spec, &m->origin, description, err); /* names the file */
    if (status == EC_OK) status = open_weights(&m->files.weights, path, err);
    if (status == EC_OK && (status = take_weights(m, m->files.weights, err)) != EC_OK)
        ec_error_prefix(err, status, "%s", path);
    if (status != EC_OK) {
        vit_close(m);
        return status;
    }
    /* Else the files are the tower's and nothing else's. */
    if (m->spec.inside || options->weights != NULL) m->files.taken = m->weights.of_tower;
    m->files.name = "";
    m->files.prefix = m->weights.prefix;
    if (options->interpolate_plain && m->spec.interpolation == VIT_INTERPOLATE_OFFSET)
        m->spec.interpolation = VIT_INTERPOLATE_SIZE;
    *out = m;
    return EC_OK;
}

/* ---- what it is ---- */

static const ec_encoder_files *vit_files(const void *model, size_t i) {
    const vit_model *m = model;
    return i == 0 ? &m->files : NULL;
}

static ec_encoder_info vit_describe(const void *model) {
    static const char *const activation[] = {
        [EC_ACT_NONE] = "none", [EC_ACT_QUICK_GELU] = "quick_gelu",
        [EC_ACT_GELU] = "gelu", [EC_ACT_GELU_TANH] = "gelu_pytorch_tanh",
        [EC_ACT_SILU] = "silu", [EC_ACT_RELU] = "relu"};
    const vit_model *m = model;
    const vit_spec *s = &m->spec;
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
        .dtype = m->weights.patch.weight->file.dtype,
    };
    snprintf(info.family, sizeof info.family, "%s", vit_family_name(s->family));
    snprintf(info.activation, sizeof info.activation, "%s",
             s->swiglu ? "swiglu" : activation[s->activation]);
    return info;
}

static bool vit_identify(json_t *to, const void *model) {
    const ec_encoder_info i = vit_describe(model);
    json_t *json = json_pack("{s:I, s:I, s:I, s:s, s:f}", "patch", (json_int_t)i.patch_size,
                             "blocks", (json_int_t)i.n_blocks, "heads", (json_int_t)i.n_heads,
                             "activation", i.activation, "layer_norm_eps", i.layer_norm_eps);
    const bool added = json != NULL && json_object_update(to, json) == 0;
    json_decref(json);
    return added;
}

static ec_status vit_prepare(ec_preparation *out, const void *model, ec_error *err) {
    const vit_model *m = model;
    return vit_preparation(out, &m->spec, &m->origin, m->folder, err);
}

/* ---- taps ---- */

/* Number of blocks that run for a layer in transformers' numbering; false when there is no such
 * layer. */
static bool blocks_of_layer(size_t *out, const vit_spec *spec, int layer) {
    const long n_states = (long)spec->blocks + 1;
    const long state = layer < 0 ? n_states + layer : layer;
    if (state < 0 || state >= n_states) return false;
    *out = (size_t)state;
    return true;
}

/* What a tap asks for that a vision transformer has not; NULL: nothing. */
static const char *lacks(const ec_tap *tap) {
    return tap->block != EC_BLOCK_DEFAULT ? "a vision transformer numbers its layers, and has no "
                                            "other blocks to choose from: give the layer alone"
           : tap->timestep != EC_TIMESTEP_DEFAULT
               ? "a vision transformer has no timesteps: leave the timestep out"
           : tap->seed != 0 ? "a vision transformer draws no noise: leave the seed out"
                            : NULL;
}

static double vit_flops(const void *model, size_t width, size_t height, const ec_tap *tap) {
    const vit_spec *s = &((const vit_model *)model)->spec;
    size_t n_blocks;
    if (!blocks_of_layer(&n_blocks, s, tap->layer)) return 0;
    const double d = (double)s->width, mlp = (double)s->mlp_width,
                 patch = (double)(3 * s->patch * s->patch);
    const double grid = (double)((width / s->patch) * (height / s->patch));
    const double t = grid + (double)(s->class_token + s->registers);
    const double products = 2 * t * (4 * d * d + (s->swiglu ? 3 : 2) * d * mlp);
    const double attention = 4 * t * t * d;
    return 2 * grid * patch * d + (double)n_blocks * (products + attention);
}

static ec_status vit_shape(ec_feature_shape *out, const void *model, size_t width, size_t height,
                           const ec_tap *tap, ec_error *err) {
    const vit_model *m = model;
    const vit_spec *s = &m->spec;
    size_t n_blocks;
    if (lacks(tap) != NULL) return ec_fail(err, EC_ERR_ARG, "%s: %s", m->folder, lacks(tap));
    if (!blocks_of_layer(&n_blocks, s, tap->layer))
        return ec_fail(
            err, EC_ERR_ARG,
            "%s: there is no layer %d; the model has %zu blocks: 0 to %zu, or -1 to -%zu",
            m->folder, tap->layer, s->blocks, s->blocks, s->blocks + 1);
    if (width < s->patch || height < s->patch)
        return ec_fail(err, EC_ERR_ARG,
                       "%s: an input of %zu x %zu pixels has no patch of %zu x %zu; take a larger "
                       "one",
                       m->folder, width, height, s->patch, s->patch);
    const size_t grid_width = width / s->patch, grid_height = height / s->patch;
    *out =
        (ec_feature_shape){.n_tokens = grid_width * grid_height +
                                       (tap->keep_class_token ? s->class_token + s->registers : 0),
                           .n_channels = s->width,
                           .grid_width = grid_width,
                           .grid_height = grid_height,
                           .cell = s->patch};
    return EC_OK;
}

/* ---- the forward pass ---- */

/* Interpolates the position embeddings unless they are there for this grid. */
static ec_status prepare_positions(vit_model *m, size_t grid_width, size_t grid_height,
                                   ec_error *err) {
    if (m->position != NULL && m->grid_width == grid_width && m->grid_height == grid_height)
        return EC_OK;
    free(m->position);
    m->position = malloc(grid_width * grid_height * m->spec.width * sizeof *m->position);
    if (m->position == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", m->folder);
    m->grid_width = grid_width;
    m->grid_height = grid_height;
    const ec_status status =
        vit_positions(m->position, &m->spec, &m->weights, grid_height, grid_width, err);
    if (status != EC_OK) {
        free(m->position);
        m->position = NULL;
    }
    return status;
}

static ec_status vit_run(ec_array *out, void *model, ec_array images, const ec_tap *tap,
                         const ec_encoder_watcher *watcher, ec_error *err) {
    vit_model *m = model;
    const size_t grid_height = images.shape[2] / m->spec.patch,
                 grid_width = images.shape[3] / m->spec.patch;
    size_t n_blocks = 0;
    const ec_status status = prepare_positions(m, grid_width, grid_height, err);
    if (status != EC_OK) return status;
    blocks_of_layer(&n_blocks, &m->spec, tap->layer);
    const ec_array position = ec_upload(m->ctx, m->position, EC_F32, 2,
                                        (size_t[]){grid_height * grid_width, m->spec.width});
    /* [n, t, d]: class and register tokens stand first. */
    *out = vit_forward(m->ctx, &m->spec, &m->weights, position, images, n_blocks, watcher);
    return EC_OK;
}

const ec_encoder_family ec_family_vit = {
    .name = "vit",
    .type = vit_spec_type,
    .undescribed = "facebookresearch/dinov2 and of OpenAI's CLIP",
    .recognises = vit_recognises,
    .open = vit_open,
    .close = vit_close,
    .describe = vit_describe,
    .files = vit_files,
    .identify = vit_identify,
    .preparation = vit_prepare,
    .flops = vit_flops,
    .shape = vit_shape,
    .forward = vit_run,
    .has_tower = vit_has_tower,
    .compare = vit_compare_with,
};
