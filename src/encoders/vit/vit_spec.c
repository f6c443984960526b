/* vit_spec.c - config.json to numbers
 *
 * Defaults are those of the configuration classes of Hugging Face transformers, because files leave
 * out what equals them.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "encoders/vit/vit.h"

enum { MAX_DIMENSION = 1 << 20, MAX_BLOCKS = 1000 };

/* What a model_type means before the file says anything else. */
typedef struct {
    const char *model_type;
    const char *nested; /* key of the vision part where model_type is of the whole model, or NULL */
    const char *activation;
    vit_spec spec;
} variant;

#define CLIP_DEFAULTS                                                                              \
    {                                                                                              \
        .family = VIT_CLIP, .image_size = 224, .patch = 32, .width = 768, .mlp_width = 3072,       \
        .blocks = 12, .heads = 12, .eps = 1e-5, .class_token = true, .pre_norm = true,             \
        .qkv_bias = true                                                                           \
    }
#define SIGLIP_DEFAULTS                                                                            \
    {                                                                                              \
        .family = VIT_SIGLIP, .image_size = 224, .patch = 16, .width = 768, .mlp_width = 3072,     \
        .blocks = 12, .heads = 12, .eps = 1e-6, .patch_bias = true, .qkv_bias = true               \
    }
#define DINOV2_DEFAULTS(n_registers, interpolation_of)                                             \
    {                                                                                              \
        .family = VIT_DINOV2, .image_size = 224, .patch = 14, .width = 768, .blocks = 12,          \
        .heads = 12, .registers = (n_registers), .eps = 1e-6, .class_token = true,                 \
        .patch_bias = true, .qkv_bias = true, .layer_scale = true,                                 \
        .interpolation = (interpolation_of)                                                        \
    }
#define VIT_DEFAULTS                                                                               \
    {                                                                                              \
        .family = VIT_PLAIN, .image_size = 224, .patch = 16, .width = 768, .mlp_width = 3072,      \
        .blocks = 12, .heads = 12, .eps = 1e-12, .class_token = true, .patch_bias = true,          \
        .qkv_bias = true, .interpolation = VIT_INTERPOLATE_OFFSET                                  \
    }

static const variant variants[] = {
    {"clip", "vision_config", "quick_gelu", CLIP_DEFAULTS},
    {"clip_vision_model", NULL, "quick_gelu", CLIP_DEFAULTS},
    {"siglip", "vision_config", "gelu_pytorch_tanh", SIGLIP_DEFAULTS},
    {"siglip_vision_model", NULL, "gelu_pytorch_tanh", SIGLIP_DEFAULTS},
    {"dinov2", NULL, "gelu", DINOV2_DEFAULTS(0, VIT_INTERPOLATE_OFFSET)},
    {"dinov2_with_registers", NULL, "gelu", DINOV2_DEFAULTS(4, VIT_INTERPOLATE_ANTIALIASED)},
    {"vit", NULL, "gelu", VIT_DEFAULTS},
};

static const struct {
    const char *name;
    ec_activation activation;
} activations[] = {{"quick_gelu", EC_ACT_QUICK_GELU},
                   {"gelu", EC_ACT_GELU},
                   {"gelu_pytorch_tanh", EC_ACT_GELU_TANH},
                   {"gelu_new", EC_ACT_GELU_TANH},
                   {"silu", EC_ACT_SILU},
                   {"swish", EC_ACT_SILU}};

const char *vit_family_name(vit_family family) {
    static const char *const names[] = {
        [VIT_CLIP] = "clip", [VIT_SIGLIP] = "siglip", [VIT_DINOV2] = "dinov2", [VIT_PLAIN] = "vit"};
    return names[family];
}

static void read_activation(ec_json_reader *r, const char *default_name, ec_activation *value) {
    const json_t *json = ec_json_value(r, "hidden_act");
    const char *name = json == NULL ? default_name : json_string_value(json);
    for (size_t i = 0; name != NULL && i < sizeof activations / sizeof *activations; i++)
        if (strcmp(name, activations[i].name) == 0) {
            *value = activations[i].activation;
            return;
        }
    ec_json_refuse(r, "hidden_act", json,
                   "\"quick_gelu\", \"gelu\", \"gelu_pytorch_tanh\" or \"silu\"");
}

/* DINOv2 gives its MLP as a ratio, and makes it 2/3 as wide, rounded up to a multiple of 8, for
 * SwiGLU. */
static void read_dinov2(ec_json_reader *r, vit_spec *spec) {
    double ratio = 4;
    ec_json_read_number(r, "mlp_ratio", 0, &ratio);
    ec_json_read_flag(r, "use_swiglu_ffn", &spec->swiglu);
    if (r->status != EC_OK) return;
    const double mlp_width = (double)spec->width * ratio;
    if (mlp_width < 1 || mlp_width > MAX_DIMENSION) {
        r->status =
            ec_fail(r->place.err, EC_ERR_FORMAT, "%s: \"mlp_ratio\" %g gives an MLP of %g channels",
                    r->place.file, ratio, mlp_width);
        return;
    }
    spec->mlp_width = (size_t)mlp_width;
    if (spec->swiglu) spec->mlp_width = (spec->mlp_width * 2 / 3 + 7) / 8 * 8;
}

static ec_status read_config(vit_spec *spec, const variant *v, const json_t *object,
                             const char *path, ec_error *err) {
    ec_json_reader r = {.place = {.file = path, .err = err}, .object = object};
    *spec = v->spec;
    size_t n_channels = 3;
    ec_json_read_count(&r, "image_size", 1, MAX_DIMENSION, &spec->image_size);
    ec_json_read_count(&r, "patch_size", 1, 1024, &spec->patch);
    ec_json_read_count(&r, "num_channels", 1, MAX_DIMENSION, &n_channels);
    ec_json_read_count(&r, "hidden_size", 1, MAX_DIMENSION, &spec->width);
    ec_json_read_count(&r, "num_hidden_layers", 1, MAX_BLOCKS, &spec->blocks);
    ec_json_read_count(&r, "num_attention_heads", 1, MAX_DIMENSION, &spec->heads);
    ec_json_read_number(&r, "layer_norm_eps", 0, &spec->eps);
    read_activation(&r, v->activation, &spec->activation);
    if (spec->family == VIT_DINOV2)
        read_dinov2(&r, spec);
    else
        ec_json_read_count(&r, "intermediate_size", 1, MAX_DIMENSION, &spec->mlp_width);
    if (spec->family == VIT_DINOV2 || spec->family == VIT_PLAIN)
        ec_json_read_flag(&r, "qkv_bias", &spec->qkv_bias);
    if (v->spec.registers > 0)
        ec_json_read_count(&r, "num_register_tokens", 0, 4096, &spec->registers);
    if (r.status != EC_OK) return r.status;

    if (n_channels != 3)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: \"num_channels\" is %zu; eyechart feeds RGB images, 3", path,
                       n_channels);
    if (spec->width % spec->heads != 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: \"hidden_size\" %zu is not a multiple of \"num_attention_heads\" %zu",
                       path, spec->width, spec->heads);
    /* Patches that do not fill the image are cut off by the convolution; the grid must still have
     * one. */
    if (spec->image_size < spec->patch)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: \"image_size\" %zu is smaller than \"patch_size\" %zu", path,
                       spec->image_size, spec->patch);
    return EC_OK;
}

static const variant *find_variant(const char *model_type) {
    for (size_t i = 0; model_type != NULL && i < sizeof variants / sizeof *variants; i++)
        if (strcmp(model_type, variants[i].model_type) == 0) return &variants[i];
    return NULL;
}

/* The vision tower of a larger model: its "vision_config", a CLIP tower where that does not say. */
static const variant *variant_inside(const json_t *root) {
    const json_t *vision = ec_description_nested(root, "vision_config");
    const json_t *type = json_object_get(vision, "model_type");
    if (!json_is_object(vision)) return NULL;
    const variant *v = find_variant(type == NULL ? "clip_vision_model" : json_string_value(type));
    return v != NULL && v->nested == NULL ? v : NULL;
}

/* SigLIP 2 of any resolution is no vision transformer of these, and is refused as what it is. */
static bool is_naflex(const json_t *root) {
    const json_t *vision = ec_description_nested(root, "vision_config");
    return json_string_value(json_object_get(vision, "model_type")) == NULL &&
           strncmp(ec_description_string(root, "model_type"), "siglip2", 7) == 0;
}

const char *vit_spec_type(size_t i, bool inside) {
    for (size_t k = 0; k < sizeof variants / sizeof *variants; k++)
        if ((!inside || variants[k].nested == NULL) && i-- == 0) return variants[k].model_type;
    return NULL;
}

bool vit_spec_recognises(const json_t *root) {
    return find_variant(ec_description_string(root, "model_type")) != NULL ||
           variant_inside(root) != NULL || is_naflex(root);
}

ec_status vit_spec_read(vit_spec *out, const json_t *root, const char *path, ec_error *err) {
    const char *type = ec_description_string(root, "model_type");
    const variant *v = find_variant(type);
    if (v == NULL && is_naflex(root) && variant_inside(root) == NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: model_type '%s' is the variable-resolution (NaFlex) SigLIP 2, which "
                       "eyechart does not run; "
                       "take a fixed-resolution checkpoint (model_type siglip), such as "
                       "siglip2-base-patch16-224",
                       path, type);
    const bool inside = v == NULL;
    if (inside) v = variant_inside(root);
    const char *key = inside ? "vision_config" : v->nested;
    const json_t *object = key != NULL ? ec_description_nested(root, key) : root;
    if (!json_is_object(object))
        return ec_fail(err, EC_ERR_FORMAT, "%s: model_type '%s' needs an object \"%s\"", path,
                       v->model_type, v->nested);
    const ec_status status = read_config(out, v, object, path, err);
    out->inside = inside;
    return status;
}
