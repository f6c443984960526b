/* vit_weights.c - required tensors, their names and shapes
 *
 * Every tensor of the vision tower is required, also of blocks that a given layer does not run: a
 * file that lacks some is not the model its config.json says. Tensors that the tower has no place
 * for are an error, except known companions (heads, buffers); what stands outside of its prefix is
 * another model's and is left alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoders/vit/vit.h"

typedef struct {
    ec_binder b;
    const vit_spec *spec;
    const vit_naming *name;
    const char *block_format;
} binding;

/* Query, key and value: thirds of one matrix. */
static void take_fused(binding *k, vit_block *out, const char *prefix) {
    const size_t d = k->spec->width, d3 = 3 * d;
    const ec_tensor *seen = ec_bind_peek(&k->b, prefix, k->name->qkv, "weight");
    const bool transposed = k->name->may_be_transposed && seen != NULL && seen->n_dims == 2 &&
                            seen->shape[0] == d && seen->shape[1] == d3;
    ec_param *weight = ec_bind_matrix(&k->b, prefix, k->name->qkv, "weight", d3, d, transposed);
    ec_param *bias =
        k->spec->qkv_bias ? ec_bind(&k->b, prefix, k->name->qkv, "bias", 1, &d3) : NULL;
    ec_linear_params *const thirds[3] = {&out->query, &out->key, &out->value};
    for (size_t i = 0; i < 3; i++)
        *thirds[i] =
            (ec_linear_params){ec_bind_part(&k->b, weight, i, 3), ec_bind_part(&k->b, bias, i, 3)};
}

/* [2 mlp, d], of two halves where the naming has them apart. */
static ec_linear_params take_gated(binding *k, const char *prefix, size_t d, size_t mlp) {
    if (k->name->fc1_swiglu != NULL)
        return ec_bind_linear(&k->b, prefix, k->name->fc1_swiglu, d, 2 * mlp, true, false);
    const ec_linear_params gate =
        ec_bind_linear(&k->b, prefix, k->name->gate_swiglu, d, mlp, true, false);
    const ec_linear_params up =
        ec_bind_linear(&k->b, prefix, k->name->up_swiglu, d, mlp, true, false);
    return (ec_linear_params){ec_bind_joined(&k->b, gate.weight, up.weight),
                              ec_bind_joined(&k->b, gate.bias, up.bias)};
}

static void take_block(binding *k, vit_block *out, size_t i) {
    char prefix[64];
    vit_block_prefix(prefix, k->block_format, i);
    const vit_naming *name = k->name;
    const vit_spec *spec = k->spec;
    const size_t d = spec->width, mlp = spec->mlp_width;
    /* Of a square matrix nothing tells whether it is transposed: it is as the first of the MLP. */
    const ec_tensor *seen = spec->swiglu ? NULL : ec_bind_peek(&k->b, prefix, name->fc1, ".weight");
    const bool turned = name->may_be_transposed && seen != NULL && seen->n_dims == 2 && d != mlp &&
                        seen->shape[0] == d && seen->shape[1] == mlp;
    out->norm1 = ec_bind_norm(&k->b, prefix, name->norm1, d);
    if (name->qkv != NULL) {
        take_fused(k, out, prefix);
    } else {
        out->query = ec_bind_linear(&k->b, prefix, name->query, d, d, spec->qkv_bias, false);
        out->key = ec_bind_linear(&k->b, prefix, name->key, d, d, spec->qkv_bias, false);
        out->value = ec_bind_linear(&k->b, prefix, name->value, d, d, spec->qkv_bias, false);
    }
    out->proj = ec_bind_linear(&k->b, prefix, name->proj, d, d, true, turned);
    out->norm2 = ec_bind_norm(&k->b, prefix, name->norm2, d);
    out->fc1 = spec->swiglu ? take_gated(k, prefix, d, mlp)
                            : ec_bind_linear(&k->b, prefix, name->fc1, d, mlp, true, turned);
    out->fc2 = ec_bind_linear(&k->b, prefix, spec->swiglu ? name->fc2_swiglu : name->fc2, mlp, d,
                              true, turned);
    if (spec->layer_scale) {
        out->scale1 = ec_bind(&k->b, prefix, name->scale1, "", 1, &d);
        out->scale2 = ec_bind(&k->b, prefix, name->scale2, "", 1, &d);
    }
}

/* A table with fewer or more positions before the patches' is accepted where that has a meaning. */
static void take_positions(binding *k, vit_weights *out) {
    const vit_spec *spec = k->spec;
    const size_t side = spec->image_size / spec->patch, grid = side * side;
    const ec_tensor *seen = ec_bind_peek(&k->b, "", k->name->position, "");
    const size_t rows = seen != NULL && seen->n_dims >= 2 ? seen->shape[seen->n_dims - 2] : 0;
    out->n_extra_positions = spec->class_token;
    if (k->name->qkv != NULL &&
        (rows == grid || rows == grid + spec->class_token + spec->registers))
        out->n_extra_positions = rows - grid;
    out->position =
        ec_bind_rows(&k->b, "", k->name->position, out->n_extra_positions + grid, spec->width);
}

static void take_embeddings(binding *k, vit_weights *out) {
    const vit_spec *spec = k->spec;
    const vit_naming *name = k->name;
    const size_t d = spec->width, p = spec->patch;
    out->patch.weight = ec_bind(&k->b, "", name->patch, ".weight", 4, (size_t[]){d, 3, p, p});
    if (spec->patch_bias) out->patch.bias = ec_bind(&k->b, "", name->patch, ".bias", 1, &d);
    take_positions(k, out);
    if (spec->class_token) out->class_token = ec_bind_rows(&k->b, "", name->class_token, 1, d);
    if (spec->registers > 0)
        out->registers = ec_bind_rows(&k->b, "", name->registers, spec->registers, d);
    if (spec->pre_norm) out->pre_norm = ec_bind_norm(&k->b, "", name->pre_norm, d);
}

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_companion(const void *context, const char *tensor) {
    const binding *k = context;
    const char *prefix = k->b.prefix;
    if (!starts_with(tensor, prefix)) return true; /* of another model */
    const char *rest = tensor + strlen(prefix);
    for (size_t i = 0; i < VIT_MAX_COMPANIONS && k->name->companions[i] != NULL; i++)
        if (starts_with(rest, k->name->companions[i])) return true;
    return vit_is_beside(tensor);
}

/* Features that the spec has and the naming has no name for. */
static ec_status check_naming(const vit_spec *spec, const vit_naming *name, ec_error *err) {
    const char *lacks = spec->registers > 0 && name->registers == NULL ? "register tokens"
                        : spec->pre_norm && name->pre_norm == NULL     ? "a norm before the blocks"
                        : spec->layer_scale && name->scale1 == NULL    ? "LayerScale"
                                                                       : NULL;
    return lacks == NULL
               ? EC_OK
               : ec_fail(err, EC_ERR_FORMAT,
                         "its tensors have the names of %s, which knows no %s for this family",
                         name->name, lacks);
}

/* What is said behind a message that a tensor is missing: whose names these are, and which there
 * are where little else is as it should be. */
static void make_note(char *out, size_t size, const vit_found *found, const ec_weights *files) {
    char names[300];
    out[0] = '\0';
    vit_list_names(names, sizeof names, files);
    if (found->hits < VIT_N_TELLING)
        snprintf(out, size, "; there are %s, which look like names of %s", names,
                 found->naming->name);
    else if (!found->naming->usual)
        snprintf(out, size, " (the file has the names of %s)", found->naming->name);
}

ec_status vit_weights_bind(vit_weights *out, const vit_spec *spec, ec_weights *files,
                           ec_error *err) {
    vit_found found;
    char note[512];
    *out = (vit_weights){0};
    ec_status status = vit_naming_find(&found, spec->family, spec->swiglu, files, err);
    if (status == EC_OK) status = check_naming(spec, found.naming, err);
    if (status != EC_OK) return status;
    status = ec_params_new(&out->params, err);
    if (status != EC_OK) return status;
    make_note(note, sizeof note, &found, files);
    memcpy(out->prefix, found.prefix, sizeof out->prefix);
    out->block = calloc(spec->blocks, sizeof *out->block);
    binding k = {.spec = spec, .name = found.naming, .block_format = found.block};
    ec_bind_begin(&k.b, out->params, files, found.prefix, note, err);
    if (out->block == NULL && k.b.status == EC_OK)
        k.b.status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (k.b.status == EC_OK) take_embeddings(&k, out);
    for (size_t i = 0; i < spec->blocks && k.b.status == EC_OK; i++)
        take_block(&k, &out->block[i], i);
    ec_bind_no_others(&k.b, is_companion, &k);
    out->of_tower = k.b.taken;
    k.b.taken = NULL;
    ec_bind_end(&k.b);
    if (k.b.status != EC_OK) vit_weights_release(out);
    return k.b.status;
}

void vit_weights_release(vit_weights *weights) {
    ec_params_free(weights->params);
    free(weights->of_tower);
    free(weights->block);
    *weights = (vit_weights){0};
}
