/* extractor.c - one encoder with a preparation and a layer: images in, features out */
#include "features/extractor.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "encoders/family.h"

struct ec_extractor {
    ec_encoder *encoder;
    ec_preparation preparation;
    ec_tap tap;
    bool interpolate_plain;
    ec_watch watch;
    ec_extractor_info info;
    char weights_hash[EC_HASH_SIZE]; /* "" until it is asked for */
};

/* ---- preparation ---- */

/* The encoder's own processor for another input size: crop and resize keep their proportion. */
static void resize_preparation(ec_preparation *p, size_t size) {
    const size_t was = p->crop_width > 0 ? p->crop_width : p->resize_width;
    if (p->resize == EC_RESIZE_SHORTEST_EDGE) {
        p->shortest_edge = was > 0 ? (p->shortest_edge * size + was / 2) / was : size;
        if (p->longest_edge > 0 && was > 0)
            p->longest_edge = (p->longest_edge * size + was / 2) / was;
    }
    if (p->resize == EC_RESIZE_SQUASH) {
        p->resize_height = was > 0 ? (p->resize_height * size + was / 2) / was : size;
        p->resize_width = was > 0 ? (p->resize_width * size + was / 2) / was : size;
    }
    if (p->crop_width > 0) p->crop_width = p->crop_height = size;
}

static ec_status choose_preparation(ec_extractor *e, const ec_feature_source *source,
                                    ec_error *err) {
    const size_t own = ec_encoder_describe(e->encoder).image_size;
    const size_t size = source->size > 0 ? source->size : own;
    const ec_preparation square = ec_preparation_square(size);
    ec_preparation p = square;
    if (source->prepare != EC_PREPARE_SQUARE) {
        const ec_status status = ec_encoder_preparation(&p, e->encoder, err);
        if (status != EC_OK) return status;
    }
    if (source->prepare == EC_PREPARE_LETTERBOX) {
        p = ec_preparation_letterbox(size, &p);
    } else if (source->prepare == EC_PREPARE_SQUASH) {
        p.resize = square.resize;
        p.resize_width = p.resize_height = size;
        p.crop_width = p.crop_height = 0;
    } else if (source->prepare != EC_PREPARE_SQUARE && source->size > 0) {
        resize_preparation(&p, size);
    }
    if (source->prepare == EC_PREPARE_PAD) p = ec_preparation_pad(&p);
    p.exif_transpose = source->exif_transpose;
    p.horizontal_first = source->horizontal_first;
    e->preparation = p;
    return EC_OK;
}

/* ---- open and close ---- */

static ec_status open_encoder(ec_extractor *e, const ec_feature_source *source,
                              const ec_encoder_options *options, ec_error *err) {
    ec_extractor_info *info = &e->info;
    ec_encoder_options own = *options;
    if (source->weights != NULL) own.weights = source->weights;
    ec_status status = ec_encoder_open(&e->encoder, source->folder, &own, err);
    if (status == EC_OK) status = choose_preparation(e, source, err);
    if (status != EC_OK) return status;
    status = ec_preparation_size(&info->input_width, &info->input_height, &e->preparation, err);
    if (status != EC_OK) return ec_error_prefix(err, status, "%s", source->folder);
    ec_feature_shape shape;
    status = ec_encoder_feature_shape(&shape, e->encoder, info->input_width, info->input_height,
                                      e->tap, err);
    if (status != EC_OK) return status;
    info->n_tokens = shape.n_tokens;
    info->n_channels = shape.n_channels;
    info->grid_width = shape.grid_width;
    info->grid_height = shape.grid_height;
    info->cell = shape.cell;
    info->tap = e->tap;
    info->n_blocks = ec_encoder_describe(e->encoder).n_blocks;
    info->flops = ec_encoder_flops(e->encoder, info->input_width, info->input_height, e->tap);
    return EC_OK;
}

ec_status ec_extractor_open(ec_extractor **out, const ec_feature_source *source,
                            const ec_encoder_options *options, ec_error *err) {
    *out = NULL;
    ec_extractor *e = calloc(1, sizeof *e);
    if (e == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    e->tap = ec_feature_source_tap(source);
    e->interpolate_plain = options->interpolate_plain;
    e->watch = options->watch;
    const ec_status status = open_encoder(e, source, options, err);
    if (status == EC_OK)
        *out = e;
    else
        ec_extractor_close(e);
    return status;
}

void ec_extractor_close(ec_extractor *extractor) {
    if (extractor == NULL) return;
    ec_encoder_close(extractor->encoder);
    free(extractor);
}

ec_extractor_info ec_extractor_describe(const ec_extractor *extractor) {
    return extractor->info;
}
const ec_encoder *ec_extractor_encoder(const ec_extractor *extractor) {
    return extractor->encoder;
}
const ec_preparation *ec_extractor_preparation(const ec_extractor *extractor) {
    return &extractor->preparation;
}

ec_status ec_extractor_check_beside(const char *name, const ec_extractor_info *info,
                                    const char *other_name, const ec_extractor_info *other,
                                    ec_error *err) {
    if (other->grid_width != info->grid_width || other->grid_height != info->grid_height)
        return ec_fail(err, EC_ERR_ARG,
                       "%s has %zu x %zu patches and %s %zu x %zu; encoders side by side need "
                       "equal grids: choose a size for one with @PIXELS, such as %s@%zu",
                       name, info->grid_width, info->grid_height, other_name, other->grid_width,
                       other->grid_height, other_name, other->cell * info->grid_width);
    if (other->n_tokens != info->n_tokens)
        return ec_fail(err, EC_ERR_ARG,
                       "%s gives %zu tokens and %s %zu, with class and register tokens; encoders "
                       "side by side need equal numbers: take the patch tokens alone",
                       name, info->n_tokens, other_name, other->n_tokens);
    return EC_OK;
}

/* ---- identity ---- */

static json_t *preparation_json(const ec_preparation *p) {
    static const char *const resize[] = {"none", "shortest-edge", "squash", "longest-edge"};
    static const char *const filter[] = {"nearest", "lanczos", "bilinear", "bicubic", "box"};
    json_t *json = json_pack("{s:s, s:s, s:b, s:f, s:b}", "resize", resize[p->resize], "filter",
                             filter[p->filter], "horizontal_first", p->horizontal_first, "rescale",
                             p->rescale, "normalise", p->normalise);
    if (json == NULL) return NULL;
    if (p->resize == EC_RESIZE_SHORTEST_EDGE)
        json_object_set_new(json, "shortest_edge", json_integer((json_int_t)p->shortest_edge));
    if (p->resize == EC_RESIZE_LONGEST_EDGE ||
        (p->resize == EC_RESIZE_SHORTEST_EDGE && p->longest_edge > 0))
        json_object_set_new(json, "longest_edge", json_integer((json_int_t)p->longest_edge));
    if (p->resize == EC_RESIZE_SQUASH)
        json_object_set_new(
            json, "size",
            json_pack("[I,I]", (json_int_t)p->resize_height, (json_int_t)p->resize_width));
    if (p->crop_width > 0)
        json_object_set_new(
            json, "crop",
            json_pack("[I,I]", (json_int_t)p->crop_height, (json_int_t)p->crop_width));
    /* Absent where they are not done: what was computed before there was a choice keeps its
     * identity. */
    if (p->exif_transpose) json_object_set_new(json, "exif_transpose", json_true());
    if (p->pad)
        json_object_set_new(
            json, "pad",
            json_pack("[i,i,i]", p->pad_colour[0], p->pad_colour[1], p->pad_colour[2]));
    if (p->normalise) {
        json_object_set_new(json, "mean", json_pack("[f,f,f]", p->mean[0], p->mean[1], p->mean[2]));
        json_object_set_new(json, "std", json_pack("[f,f,f]", p->std[0], p->std[1], p->std[2]));
    }
    return json;
}

ec_status ec_extractor_json(json_t **out, ec_extractor *extractor, ec_error *err) {
    ec_extractor *e = extractor;
    *out = NULL;
    if (e->weights_hash[0] == '\0') {
        const ec_status status = ec_encoder_hash(e->weights_hash, e->encoder, &e->watch, err);
        if (status != EC_OK) return status;
    }
    const ec_encoder_info info = ec_encoder_describe(e->encoder);
    json_t *json = json_pack("{s:s, s:s, s:s}", "family", info.family, "weights", e->weights_hash,
                             "dtype", ec_dtype_name(info.dtype));
    json_t *rest =
        json_pack("{s:[I,I], s:I, s:b, s:o}", "input", (json_int_t)e->info.input_height,
                  (json_int_t)e->info.input_width, "channels", (json_int_t)e->info.n_channels,
                  "positions_by_size", e->interpolate_plain, "preparation",
                  preparation_json(&e->preparation));
    /* Absent where it is f32: what was computed before there was a choice keeps its identity. */
    const bool done = json != NULL && rest != NULL && ec_encoder_identify(json, e->encoder) &&
                      json_object_update(json, rest) == 0 &&
                      (strcmp(info.math, "f32") == 0 ||
                       json_object_set_new(json, "math", json_string(info.math)) == 0);
    json_decref(rest);
    if (done)
        *out = json;
    else
        json_decref(json);
    return done ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

ec_status ec_extractor_identity(char out[33], ec_extractor *extractor, ec_error *err) {
    json_t *json;
    const ec_status status = ec_extractor_json(&json, extractor, err);
    if (status != EC_OK) return status;
    json_object_set_new(json, "eyechart", json_string(ec_version()));
    char *text = ec_tap_identify(json, &extractor->tap)
                     ? json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT)
                     : NULL;
    json_decref(json);
    if (text == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_hash_bytes(out, text, strlen(text));
    free(text);
    return EC_OK;
}

/* ---- features ---- */

ec_status ec_extractor_forward(float *out, ec_extractor *extractor, const float *inputs, size_t n,
                               ec_error *err) {
    return ec_encoder_forward(out, extractor->encoder, inputs, n, extractor->info.input_width,
                              extractor->info.input_height, extractor->tap, err);
}

ec_status ec_extractor_run(float *out, ec_extractor *extractor, const ec_image *const *images,
                           size_t n, ec_error *err) {
    const size_t input = 3 * extractor->info.input_width * extractor->info.input_height;
    float *inputs = calloc(n > 0 ? n : 1, input * sizeof *inputs);
    if (inputs == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for %zu prepared images", n);
    ec_status status = EC_OK;
    for (size_t i = 0; i < n && status == EC_OK; i++)
        status = ec_prepare(inputs + i * input, images[i], &extractor->preparation, err);
    if (status == EC_OK) status = ec_extractor_forward(out, extractor, inputs, n, err);
    free(inputs);
    return status;
}
