/* vit_folder.c - the vision transformer of a folder, from whatever describes it there
 *
 *     config.json              model_type                  transformers; of a multimodal model
 *                                                          the vision tower in it
 *                              mm_vision_tower             LLaVA's own, which names the original of
 *                                                          its tower
 *                              architecture, model_args,   timm
 *                              pretrained_cfg
 *     open_clip_config.json    model_cfg                   open_clip
 *     (none)                                               facebookresearch/dinov2, OpenAI's CLIP
 *
 * All but the first leave dimensions to the tensors (vit_measure.c), and say what tensors cannot:
 * heads, activation, epsilon, preparation. Held against timm 1.0.31 (every VisionTransformer that
 * it makes) and open_clip 3.3.0.
 */
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "encoders/vit/vit.h"

enum { MAX_SIDE = 1 << 16 };

static const double clip_mean[3] = {0.48145466, 0.4578275, 0.40821073},
                    clip_std[3] = {0.26862954, 0.26130258, 0.27577711},
                    imagenet_mean[3] = {0.485, 0.456, 0.406},
                    imagenet_std[3] = {0.229, 0.224, 0.225}, half[3] = {0.5, 0.5, 0.5};

static bool contains(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

/* ---- families, as far as a name tells ---- */

typedef struct {
    vit_family family;
    ec_activation activation;
    double eps;
    vit_interpolation interpolation;
} kind;

static vit_spec spec_of(kind k, size_t image_size) {
    return (vit_spec){.family = k.family,
                      .activation = k.activation,
                      .eps = k.eps,
                      .interpolation = k.interpolation,
                      .image_size = image_size,
                      .from_tensors = true};
}

/* The original of a tower, by the name that LLaVA's config.json has of it. */
static bool kind_of_tower(kind *out, const char *name) {
    if (contains(name, "siglip"))
        *out = (kind){VIT_SIGLIP, EC_ACT_GELU_TANH, 1e-6, VIT_INTERPOLATE_SIZE};
    else if (contains(name, "dinov2"))
        *out = (kind){VIT_DINOV2, EC_ACT_GELU, 1e-6,
                      contains(name, "registers") ? VIT_INTERPOLATE_ANTIALIASED
                                                  : VIT_INTERPOLATE_OFFSET};
    else if (contains(name, "openai") || contains(name, "clip-vit-"))
        *out = (kind){VIT_CLIP, EC_ACT_QUICK_GELU, 1e-5, VIT_INTERPOLATE_SIZE};
    else if (contains(name, "CLIP-ViT-") || contains(name, "laion"))
        *out = (kind){VIT_CLIP, EC_ACT_GELU, 1e-5, VIT_INTERPOLATE_SIZE};
    else
        return false;
    return true;
}

/* ---- preparations that no processor's file describes ---- */

static ec_preparation preparation_of(vit_family family, size_t size) {
    ec_preparation p = {.resize = EC_RESIZE_SHORTEST_EDGE,
                        .shortest_edge = size,
                        .filter = EC_FILTER_BICUBIC,
                        .crop_width = size,
                        .crop_height = size,
                        .rescale = 1.0 / 255.0,
                        .normalise = true};
    const double *mean = clip_mean, *std = clip_std;
    if (family == VIT_SIGLIP) {
        p.resize = EC_RESIZE_SQUASH;
        p.resize_width = p.resize_height = size;
        p.crop_width = p.crop_height = 0;
        mean = std = half;
    } else if (family == VIT_DINOV2) {
        p.shortest_edge = size * 8 / 7;
        mean = imagenet_mean;
        std = imagenet_std;
    }
    memcpy(p.mean, mean, sizeof p.mean);
    memcpy(p.std, std, sizeof p.std);
    return p;
}

static void read_triple(double out[3], const json_t *object, const char *key) {
    const json_t *list = json_object_get(object, key);
    if (json_array_size(list) != 3) return;
    for (size_t i = 0; i < 3; i++)
        if (!json_is_number(json_array_get(list, i))) return;
    for (size_t i = 0; i < 3; i++) out[i] = json_number_value(json_array_get(list, i));
}

/* Mean and standard deviation of the channels, where they are said. */
static ec_status read_channels(ec_preparation *out, const json_t *cfg, const char *path,
                               ec_error *err) {
    read_triple(out->mean, cfg, "mean");
    read_triple(out->std, cfg, "std");
    for (int c = 0; c < 3; c++)
        if (fabs(out->mean[c]) > FLT_MAX || fabs(out->std[c]) > FLT_MAX ||
            (float)out->std[c] == 0.0F)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: \"mean\" and \"std\" are %g and %g; expected numbers that are not "
                           "beyond F32, the second not 0",
                           path, out->mean[c], out->std[c]);
    return EC_OK;
}

static bool read_filter(ec_filter *out, const char *name) {
    static const struct {
        const char *name;
        ec_filter filter;
    } filters[] = {{"", EC_FILTER_BICUBIC},
                   {"random", EC_FILTER_BICUBIC},
                   {"bicubic", EC_FILTER_BICUBIC},
                   {"bilinear", EC_FILTER_BILINEAR},
                   {"lanczos", EC_FILTER_LANCZOS}};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (strcmp(filters[i].name, name) == 0) {
            *out = filters[i].filter;
            return true;
        }
    return false;
}

/* ---- timm ---- */

/* Architectures whose tensors are called as a plain ViT's, and whose forward pass is not. */
static const char *const other_timm[] = {
    "_rpn", "_xp_", "18x2", "36x1", "_r50_", "_r26_", "_r_s16", "resnet", "patch16_gap_224",
    "mci",  "radio"};

static bool is_tanh_timm(const char *name) {
    return contains(name, "siglip") &&
           (contains(name, "so400m_patch16") || contains(name, "giantopt") ||
            (contains(name, "large_patch16") && contains(name, "_512")) ||
            contains(name, "base_patch32"));
}

static ec_status kind_of_timm(kind *out, const char *name, const char *path, ec_error *err) {
    bool other = strncmp(name, "vit_", 4) != 0 && strncmp(name, "deit", 4) != 0;
    for (size_t i = 0; i < sizeof other_timm / sizeof *other_timm; i++)
        other = other || contains(name, other_timm[i]);
    if (other)
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: \"architecture\" '%.80s' is not one of timm's that eyechart runs: plain "
            "vision transformers, vit_*, deit*",
            path, name);
    const vit_family family = contains(name, "siglip")   ? VIT_SIGLIP
                              : contains(name, "dinov2") ? VIT_DINOV2
                              : contains(name, "_clip_") ? VIT_CLIP
                                                         : VIT_PLAIN;
    *out = (kind){family,
                  contains(name, "quickgelu") ? EC_ACT_QUICK_GELU
                  : is_tanh_timm(name)        ? EC_ACT_GELU_TANH
                                              : EC_ACT_GELU,
                  family == VIT_CLIP ? 1e-5 : 1e-6, VIT_INTERPOLATE_ANTIALIASED};
    return EC_OK;
}

/* timm's evaluation: resize to size / crop_pct, crop the centre. */
static ec_status prepare_timm(ec_preparation *out, const json_t *cfg, size_t size, const char *path,
                              ec_error *err) {
    ec_preparation p = preparation_of(VIT_PLAIN, size);
    const json_t *pct = json_object_get(cfg, "crop_pct");
    const double crop = json_is_number(pct) ? json_number_value(pct) : 0.875;
    const char *mode = ec_description_string(cfg, "crop_mode");
    if (!(crop > 0.0 && crop <= 1.0 && (double)size / crop <= MAX_SIDE))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: \"crop_pct\" is %g; expected a part of the image, from 0 to 1", path,
                       crop);
    const size_t edge = (size_t)((double)size / crop);
    memcpy(p.mean, imagenet_mean, sizeof p.mean);
    memcpy(p.std, imagenet_std, sizeof p.std);
    const ec_status status = read_channels(&p, cfg, path, err);
    if (status != EC_OK) return status;
    if (!read_filter(&p.filter, ec_description_string(cfg, "interpolation")))
        return ec_fail(err, EC_ERR_FORMAT, "%s: \"interpolation\" '%.40s' is not supported", path,
                       ec_description_string(cfg, "interpolation"));
    if (strcmp(mode, "squash") == 0) {
        p.resize = EC_RESIZE_SQUASH;
        p.resize_width = p.resize_height = edge;
    } else if (mode[0] == '\0' || strcmp(mode, "center") == 0) {
        p.shortest_edge = edge;
    } else {
        return ec_fail(err, EC_ERR_FORMAT, "%s: \"crop_mode\" '%.40s' is not supported", path,
                       mode);
    }
    *out = p;
    return EC_OK;
}

static ec_status load_timm(vit_spec *out, vit_origin *origin, const json_t *root, const char *path,
                           ec_error *err) {
    const json_t *cfg = json_object_get(root, "pretrained_cfg"),
                 *args = json_object_get(root, "model_args");
    if (cfg == NULL) cfg = root; /* of old files */
    kind k = {0};
    ec_status status = kind_of_timm(&k, ec_description_string(root, "architecture"), path, err);
    if (status != EC_OK) return status;
    const char *act = ec_description_string(args, "act_layer");
    if (strcmp(act, "gelu_tanh") == 0) k.activation = EC_ACT_GELU_TANH;
    if (strcmp(act, "quick_gelu") == 0) k.activation = EC_ACT_QUICK_GELU;
    if (act[0] != '\0' && strcmp(act, "gelu_tanh") != 0 && strcmp(act, "quick_gelu") != 0 &&
        strcmp(act, "gelu") != 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: \"act_layer\" '%.40s' is not supported", path, act);
    json_int_t size = json_integer_value(json_array_get(json_object_get(cfg, "input_size"), 1));
    const json_t *own = json_object_get(args, "img_size");
    if (json_is_integer(own)) size = json_integer_value(own);
    if (size < 1 || size > MAX_SIDE) size = 0;
    *out = spec_of(k, (size_t)size);
    const json_int_t heads = json_integer_value(json_object_get(args, "num_heads"));
    if (heads > 0 && heads < 1 << 16) out->heads = (size_t)heads;
    if (size == 0) return EC_OK;
    status = prepare_timm(&origin->preparation, cfg, (size_t)size, path, err);
    origin->has_preparation = status == EC_OK;
    return status;
}

/* ---- open_clip ---- */

static ec_status prepare_open_clip(vit_origin *origin, const json_t *cfg, size_t size,
                                   const char *path, ec_error *err) {
    const char *mode = ec_description_string(cfg, "resize_mode");
    ec_preparation p = preparation_of(VIT_CLIP, size);
    const ec_status status = read_channels(&p, cfg, path, err);
    if (status != EC_OK) return status;
    if (!read_filter(&p.filter, ec_description_string(cfg, "interpolation")))
        return ec_fail(err, EC_ERR_FORMAT, "%s: \"interpolation\" '%.40s' is not supported", path,
                       ec_description_string(cfg, "interpolation"));
    if (strcmp(mode, "squash") == 0) {
        p.resize = EC_RESIZE_SQUASH;
        p.resize_width = p.resize_height = size;
        p.crop_width = p.crop_height = 0;
    } else if (mode[0] != '\0' && strcmp(mode, "shortest") != 0) {
        return ec_fail(err, EC_ERR_FORMAT, "%s: \"resize_mode\" '%.40s' is not supported", path,
                       mode);
    }
    origin->preparation = p;
    origin->has_preparation = true;
    return EC_OK;
}

static ec_status load_open_clip(vit_spec *out, vit_origin *origin, const json_t *root,
                                const char *path, ec_error *err) {
    const json_t *model = json_object_get(root, "model_cfg");
    if (model == NULL) model = root; /* a file of open_clip's own model_configs */
    const json_t *vision = json_object_get(model, "vision_cfg");
    const json_int_t size = json_integer_value(json_object_get(vision, "image_size"));
    if (!json_is_object(vision) || size < 1 || size > MAX_SIDE)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: no \"vision_cfg\" with an \"image_size\"; expected open_clip's "
                       "description of a model",
                       path);
    const char *timm = ec_description_string(vision, "timm_model_name");
    kind k = {VIT_CLIP,
              json_is_true(json_object_get(model, "quick_gelu")) ? EC_ACT_QUICK_GELU : EC_ACT_GELU,
              1e-5, VIT_INTERPOLATE_ANTIALIASED};
    ec_status status = timm[0] != '\0' ? kind_of_timm(&k, timm, path, err) : EC_OK;
    if (status != EC_OK) return status;
    if (timm[0] == '\0' && !json_is_integer(json_object_get(vision, "layers")))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: its vision tower is a ResNet; eyechart runs vision transformers", path);
    *out = spec_of(k, (size_t)size);
    const json_int_t width = json_integer_value(json_object_get(vision, "width")),
                     head = json_integer_value(json_object_get(vision, "head_width"));
    if (timm[0] == '\0' && width > 0 && width < 1 << 20)
        out->heads = (size_t)width / (head > 0 && head <= width ? (size_t)head : 64);
    return prepare_open_clip(origin, json_object_get(root, "preprocess_cfg"), (size_t)size, path,
                             err);
}

/* ---- LLaVA ---- */

/* The folder of the original tower: as it is written, from the model's folder, or beside it. *out
 * stays NULL where there is none with a config.json. */
static void find_tower(char **out, const char *folder, const char *tower) {
    const char *slash = strrchr(tower, '/'), *base = slash != NULL ? slash + 1 : tower;
    ec_text at = {0}, config = {0};
    struct stat info;
    for (int i = 0; i < 5 && *out == NULL && base[0] != '\0'; i++) {
        at.size_bytes = 0;
        if (tower[0] == '/' || i == 4)
            ec_text_add(&at, tower);
        else
            ec_text_format(&at, "%s%s/%s", folder, i < 2 ? "" : "/..", i % 2 == 0 ? tower : base);
        config.size_bytes = 0;
        ec_text_format(&config, "%s/config.json", at.failed ? "" : at.data);
        if (!at.failed && !config.failed && lstat(config.data, &info) == 0) *out = strdup(at.data);
    }
    ec_text_release(&at);
    ec_text_release(&config);
}

/* Whether a description is of LLaVA, with the tower elsewhere. */
static bool names_tower(const json_t *root) {
    return json_object_get(root, "mm_vision_tower") != NULL &&
           !json_is_object(json_object_get(root, "vision_config"));
}

/* A tower that names a tower could name itself. */
static ec_status load_tower(vit_spec *out, const char *folder, const ec_description *of,
                            ec_error *err) {
    ec_description d;
    const ec_encoder_family *family;
    vit_origin unused = {0};
    ec_status status = ec_description_load(&d, folder, of->families, err);
    if (status == EC_OK && names_tower(d.root))
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: is of a model with \"mm_vision_tower\", and named as such a tower "
                         "itself; expected the config.json of a vision encoder",
                         d.path);
    if (status == EC_OK) status = ec_description_family(&family, &d, err);
    if (status == EC_OK && family != &ec_family_vit)
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: is of the family %s, and named as the tower of a LLaVA; expected a "
                         "vision transformer",
                         d.path, family->name);
    if (status == EC_OK) status = vit_spec_of(out, &unused, &d, err);
    vit_origin_release(&unused);
    ec_description_release(&d);
    return status;
}

static ec_status load_llava(vit_spec *out, vit_origin *origin, const ec_description *d,
                            ec_error *err) {
    const char *tower = ec_description_string(d->root, "mm_vision_tower");
    kind k;
    find_tower(&origin->folder, d->folder, tower);
    ec_status status = EC_OK;
    if (origin->folder != NULL) {
        status = load_tower(out, origin->folder, d, err);
    } else if (kind_of_tower(&k, tower)) {
        *out = spec_of(k, 0);
    } else {
        status =
            ec_fail(err, EC_ERR_FORMAT,
                    "%s: \"mm_vision_tower\" '%.100s' is no folder with a config.json here, and "
                    "no model whose heads and activation are known; put its config.json into "
                    "this file as \"vision_config\"",
                    d->path, tower);
    }
    out->inside = true;
    return status;
}

/* ---- nothing but tensors ---- */

/* Of the two who never wrote a description: what their files are, the tensors say. */
static bool kind_of_tensors(kind *out, const ec_weights *files) {
    vit_found found;
    if (files == NULL || !vit_naming_any(&found, files)) return false;
    char name[2 * EC_MAX_TENSOR_NAME];
    snprintf(name, sizeof name, "%smask_token", found.prefix);
    if (strcmp(found.naming->position, "pos_embed") == 0 && ec_weights_find(files, name) != NULL) {
        snprintf(name, sizeof name, "%sregister_tokens", found.prefix);
        *out = (kind){VIT_DINOV2, EC_ACT_GELU, 1e-6,
                      ec_weights_find(files, name) != NULL ? VIT_INTERPOLATE_ANTIALIASED
                                                           : VIT_INTERPOLATE_OFFSET};
        return true;
    }
    *out = (kind){VIT_CLIP, EC_ACT_QUICK_GELU, 1e-5, VIT_INTERPOLATE_SIZE};
    return strcmp(found.naming->position, "positional_embedding") == 0 &&
           ec_weights_find(files, "input_resolution") != NULL;
}

/* ---- which ---- */

/* How a description is written. */
typedef enum { BY_NOBODY, BY_TENSORS, BY_OPEN_CLIP, BY_LLAVA, BY_TIMM, BY_TRANSFORMERS } author;

static author author_of(const ec_description *d) {
    const json_t *root = d->root;
    kind unused;
    if (root == NULL) return kind_of_tensors(&unused, d->files) ? BY_TENSORS : BY_NOBODY;
    if (json_object_get(root, "model_cfg") != NULL || json_object_get(root, "vision_cfg") != NULL)
        return BY_OPEN_CLIP;
    if (names_tower(root)) return BY_LLAVA;
    if (json_object_get(root, "model_type") == NULL &&
        json_object_get(root, "architecture") != NULL)
        return BY_TIMM;
    return vit_spec_recognises(root) ? BY_TRANSFORMERS : BY_NOBODY;
}

bool vit_recognises(const ec_description *description) {
    return author_of(description) != BY_NOBODY;
}

ec_status vit_spec_of(vit_spec *out, vit_origin *origin, const ec_description *d, ec_error *err) {
    kind k;
    *out = (vit_spec){0};
    *origin = (vit_origin){0};
    switch (author_of(d)) {
    case BY_OPEN_CLIP:
        return load_open_clip(out, origin, d->root, d->path, err);
    case BY_LLAVA:
        return load_llava(out, origin, d, err);
    case BY_TIMM:
        return load_timm(out, origin, d->root, d->path, err);
    case BY_TRANSFORMERS:
        return vit_spec_read(out, d->root, d->path, err);
    case BY_TENSORS:
        if (kind_of_tensors(&k, d->files)) *out = spec_of(k, 0);
        return EC_OK;
    case BY_NOBODY:
        break;
    }
    return ec_fail(err, EC_ERR_ARG, "%s: describes no vision transformer", d->path);
}

ec_status vit_preparation(ec_preparation *out, const vit_spec *spec, const vit_origin *origin,
                          const char *folder, ec_error *err) {
    const char *family = vit_family_name(spec->family);
    ec_error first = {0};
    ec_status status = ec_preparation_load_folder(out, folder, family, &first);
    if (status == EC_ERR_NOT_FOUND && origin->folder != NULL)
        status = ec_preparation_load_folder(out, origin->folder, family, &first);
    if (status == EC_ERR_NOT_FOUND && origin->has_preparation) {
        *out = origin->preparation;
        return EC_OK;
    }
    if (status == EC_ERR_NOT_FOUND && spec->from_tensors && spec->family != VIT_PLAIN) {
        /* facebookresearch/dinov2 is trained at 518 and evaluated at 224. */
        *out = preparation_of(spec->family, spec->family == VIT_DINOV2 && spec->image_size == 518
                                                ? 224
                                                : spec->image_size);
        return EC_OK;
    }
    return status == EC_OK ? EC_OK : ec_fail(err, status, "%s", first.message);
}

void vit_origin_release(vit_origin *origin) {
    free(origin->folder);
    *origin = (vit_origin){0};
}
