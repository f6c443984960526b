/* vit_weights.c - required tensors, their names and shapes
 *
 * Every tensor of the vision tower is required, also of blocks that a given layer does not run: a
 * file that lacks some is not the model its config.json says. Tensors that the tower has no place
 * for are an error, except known companions (text towers, heads, buffers).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoders/vit.h"

enum { MAX_NAME = 256 };

/* Names as the families' checkpoints have them; %zu is the block. NULL: the family has no such
 * tensor.
 * ".weight" and ".bias" are added to linear layers and norms. */
typedef struct {
    const char *prefix[2]; /* the tower's tensors may have either prefix */
    const char *class_token, *position, *registers, *patch, *pre_norm;
    const char *block; /* prefix of a block's tensors */
    const char *norm1, *query, *key, *value, *proj, *scale1;
    const char *norm2, *fc1, *fc2, *scale2;
    const char *fc1_swiglu, *fc2_swiglu;
    const char *companions[8]; /* prefixes, after the tower's own, of tensors that are not needed */
} tensor_names;

static const tensor_names names[] = {
    [VIT_CLIP] = {.prefix = {"vision_model.", ""},
                  .class_token = "embeddings.class_embedding",
                  .position = "embeddings.position_embedding.weight",
                  .patch = "embeddings.patch_embedding",
                  .pre_norm = "pre_layrnorm",
                  .block = "encoder.layers.%zu.",
                  .norm1 = "layer_norm1",
                  .query = "self_attn.q_proj",
                  .key = "self_attn.k_proj",
                  .value = "self_attn.v_proj",
                  .proj = "self_attn.out_proj",
                  .norm2 = "layer_norm2",
                  .fc1 = "mlp.fc1",
                  .fc2 = "mlp.fc2",
                  .companions = {"embeddings.position_ids", "post_layernorm."}},
    [VIT_SIGLIP] = {.prefix = {"vision_model.", ""},
                    .position = "embeddings.position_embedding.weight",
                    .patch = "embeddings.patch_embedding",
                    .block = "encoder.layers.%zu.",
                    .norm1 = "layer_norm1",
                    .query = "self_attn.q_proj",
                    .key = "self_attn.k_proj",
                    .value = "self_attn.v_proj",
                    .proj = "self_attn.out_proj",
                    .norm2 = "layer_norm2",
                    .fc1 = "mlp.fc1",
                    .fc2 = "mlp.fc2",
                    .companions = {"embeddings.position_ids", "post_layernorm.", "head."}},
    [VIT_DINOV2] = {.prefix = {"", "dinov2."},
                    .class_token = "embeddings.cls_token",
                    .position = "embeddings.position_embeddings",
                    .registers = "embeddings.register_tokens",
                    .patch = "embeddings.patch_embeddings.projection",
                    .block = "encoder.layer.%zu.",
                    .norm1 = "norm1",
                    .query = "attention.attention.query",
                    .key = "attention.attention.key",
                    .value = "attention.attention.value",
                    .proj = "attention.output.dense",
                    .scale1 = "layer_scale1.lambda1",
                    .norm2 = "norm2",
                    .fc1 = "mlp.fc1",
                    .fc2 = "mlp.fc2",
                    .fc1_swiglu = "mlp.weights_in",
                    .fc2_swiglu = "mlp.weights_out",
                    .scale2 = "layer_scale2.lambda1",
                    .companions = {"embeddings.mask_token", "layernorm."}},
    [VIT_PLAIN] = {.prefix = {"", "vit."},
                   .class_token = "embeddings.cls_token",
                   .position = "embeddings.position_embeddings",
                   .patch = "embeddings.patch_embeddings.projection",
                   .block = "encoder.layer.%zu.",
                   .norm1 = "layernorm_before",
                   .query = "attention.attention.query",
                   .key = "attention.attention.key",
                   .value = "attention.attention.value",
                   .proj = "attention.output.dense",
                   .norm2 = "layernorm_after",
                   .fc1 = "intermediate.dense",
                   .fc2 = "output.dense",
                   .companions = {"embeddings.mask_token", "layernorm.", "pooler."}},
};

/* Whole towers and heads beside the vision tower. */
static const char *const companions_outside[] = {
    "text_model.", "visual_projection.", "text_projection.",  "logit_scale",
    "logit_bias",  "classifier.",        "vision_model.head."};

/* The state of binding: which tensors were taken, and the first failure. */
typedef struct {
    ec_weights *files;
    const char *prefix; /* the one this file uses */
    bool *taken;        /* [ec_weights_count] */
    ec_status status;
    ec_error *err;
} binder;

/* Where a name is among the sorted ones; ec_weights_count when it is not there. */
static size_t index_of(const ec_weights *files, const char *name) {
    const size_t n = ec_weights_count(files);
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(ec_weights_name(files, middle), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(ec_weights_name(files, low), name) == 0 ? low : n;
}

/* The tensor block_prefix + name + suffix, which must have `shape`. */
static const ec_tensor *take(binder *b, const char *block_prefix, const char *name,
                             const char *suffix, int n_dims, const size_t *shape) {
    if (b->status != EC_OK) return NULL;
    char full[MAX_NAME];
    snprintf(full, sizeof full, "%s%s%s%s", b->prefix, block_prefix, name, suffix);
    const size_t at = index_of(b->files, full);
    ec_tensor wanted = {.n_dims = n_dims};
    memcpy(wanted.shape, shape, (size_t)n_dims * sizeof *shape);
    char expected[128], found[128];
    ec_tensor_shape_text(expected, sizeof expected, &wanted);
    if (at == ec_weights_count(b->files)) {
        const char *gaps = ec_weights_gaps(b->files);
        b->status = ec_fail(b->err, EC_ERR_FORMAT, "tensor '%s' is missing; expected shape %s%s%s",
                            full, expected, gaps != NULL ? "; " : "", gaps != NULL ? gaps : "");
        return NULL;
    }
    /* A tensor of no known dtype has a shape of no account; loading tells what is the matter. */
    const ec_tensor *stored = ec_weights_tensor(b->files, at), *tensor;
    if (stored->dtype != EC_OTHER_DTYPE &&
        (stored->n_dims != n_dims ||
         memcmp(stored->shape, shape, (size_t)n_dims * sizeof *shape) != 0)) {
        b->status = ec_fail(b->err, EC_ERR_FORMAT, "tensor '%s': shape %s, expected %s", full,
                            ec_tensor_shape_text(found, sizeof found, stored), expected);
        return NULL;
    }
    if ((b->status = ec_weights_load(&tensor, b->files, at, b->err)) != EC_OK) return NULL;
    b->taken[at] = true;
    return tensor;
}

static ec_norm_params take_norm(binder *b, const char *block_prefix, const char *name, size_t d) {
    return (ec_norm_params){.weight = take(b, block_prefix, name, ".weight", 1, &d),
                            .bias = take(b, block_prefix, name, ".bias", 1, &d)};
}

static ec_linear_params take_linear(binder *b, const char *block_prefix, const char *name,
                                    size_t n_in, size_t n_out, bool has_bias) {
    const size_t shape[2] = {n_out, n_in};
    return (ec_linear_params){.weight = take(b, block_prefix, name, ".weight", 2, shape),
                              .bias = has_bias ? take(b, block_prefix, name, ".bias", 1, &n_out)
                                               : NULL};
}

static void take_block(binder *b, vit_block *out, const vit_spec *spec, const tensor_names *name,
                       size_t i) {
    char prefix[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the format is one of the literals above */
    snprintf(prefix, sizeof prefix, name->block, i);
#pragma GCC diagnostic pop
    const size_t d = spec->width, mlp = spec->mlp_width;
    out->norm1 = take_norm(b, prefix, name->norm1, d);
    out->query = take_linear(b, prefix, name->query, d, d, spec->qkv_bias);
    out->key = take_linear(b, prefix, name->key, d, d, spec->qkv_bias);
    out->value = take_linear(b, prefix, name->value, d, d, spec->qkv_bias);
    out->proj = take_linear(b, prefix, name->proj, d, d, true);
    out->norm2 = take_norm(b, prefix, name->norm2, d);
    out->fc1 = take_linear(b, prefix, spec->swiglu ? name->fc1_swiglu : name->fc1, d,
                           spec->swiglu ? 2 * mlp : mlp, true);
    out->fc2 = take_linear(b, prefix, spec->swiglu ? name->fc2_swiglu : name->fc2, mlp, d, true);
    if (spec->layer_scale) {
        out->scale1 = take(b, prefix, name->scale1, "", 1, &d);
        out->scale2 = take(b, prefix, name->scale2, "", 1, &d);
    }
}

static void take_embeddings(binder *b, vit_weights *out, const vit_spec *spec,
                            const tensor_names *name) {
    const size_t d = spec->width, p = spec->patch, side = spec->image_size / p;
    const size_t n_positions = side * side + spec->class_token;
    /* CLIP and SigLIP keep flat tables; DINOv2 and ViT keep them with a batch dimension of 1. */
    const bool flat = spec->family == VIT_CLIP || spec->family == VIT_SIGLIP;
    const ec_tensor *patch = take(b, "", name->patch, ".weight", 4, (size_t[]){d, 3, p, p});
    if (patch != NULL)
        out->patch_matrix = (ec_tensor){
            .dtype = patch->dtype, .n_dims = 2, .shape = {d, 3 * p * p}, .data = patch->data};
    if (spec->patch_bias) out->patch_bias = take(b, "", name->patch, ".bias", 1, &d);
    if (flat) {
        out->position = take(b, "", name->position, "", 2, (size_t[]){n_positions, d});
        if (spec->class_token) out->class_token = take(b, "", name->class_token, "", 1, &d);
    } else {
        out->position = take(b, "", name->position, "", 3, (size_t[]){1, n_positions, d});
        if (spec->class_token)
            out->class_token = take(b, "", name->class_token, "", 3, (size_t[]){1, 1, d});
    }
    if (spec->registers > 0)
        out->registers = take(b, "", name->registers, "", 3, (size_t[]){1, spec->registers, d});
    if (spec->pre_norm) out->pre_norm = take_norm(b, "", name->pre_norm, d);
}

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_companion(const binder *b, const tensor_names *name, const char *tensor) {
    for (size_t i = 0; i < sizeof companions_outside / sizeof *companions_outside; i++)
        if (starts_with(tensor, companions_outside[i])) return true;
    if (!starts_with(tensor, b->prefix)) return false;
    const char *rest = tensor + strlen(b->prefix);
    for (size_t i = 0;
         i < sizeof name->companions / sizeof *name->companions && name->companions[i] != NULL; i++)
        if (starts_with(rest, name->companions[i])) return true;
    return false;
}

static ec_status refuse_unexpected(const binder *b, const tensor_names *name) {
    for (size_t i = 0; i < ec_weights_count(b->files); i++) {
        const char *tensor = ec_weights_name(b->files, i);
        if (!b->taken[i] && !is_companion(b, name, tensor))
            return ec_fail(b->err, EC_ERR_FORMAT,
                           "tensor '%s' is unexpected: the model that config.json describes has no "
                           "place for it",
                           tensor);
    }
    return EC_OK;
}

/* The prefix under which this file has the tower: the one that finds the position table. */
static const char *prefix_of(const ec_weights *files, const tensor_names *name) {
    for (size_t i = 0; i < 2; i++) {
        char full[MAX_NAME];
        snprintf(full, sizeof full, "%s%s", name->prefix[i], name->position);
        if (ec_weights_find(files, full) != NULL) return name->prefix[i];
    }
    return name->prefix[0];
}

ec_status vit_weights_bind(vit_weights *out, const vit_spec *spec, ec_weights *files,
                           ec_error *err) {
    const tensor_names *name = &names[spec->family];
    *out = (vit_weights){.block = calloc(spec->blocks, sizeof *out->block)};
    binder b = {.files = files,
                .prefix = prefix_of(files, name),
                .taken = calloc(ec_weights_count(files) + 1, sizeof *b.taken),
                .err = err};
    if (out->block == NULL || b.taken == NULL)
        b.status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (b.status == EC_OK) take_embeddings(&b, out, spec, name);
    for (size_t i = 0; i < spec->blocks && b.status == EC_OK; i++)
        take_block(&b, &out->block[i], spec, name, i);
    if (b.status == EC_OK) b.status = refuse_unexpected(&b, name);
    free(b.taken);
    if (b.status != EC_OK) vit_weights_release(out);
    return b.status;
}

void vit_weights_release(vit_weights *weights) {
    free(weights->block);
    *weights = (vit_weights){0};
}
