/* processor.c - preprocessor_config.json as transformers' image processors understand it
 *
 * Source: image_processing_{clip,siglip,bit,vit}.py and get_size_dict() of transformers 4.38.2, and
 * image_processing_backends.py, image_processing_base.py, image_processing_auto.py of 5.23.0. Each
 * class has its own defaults, and its own reading of a size that is a plain number: the shortest
 * edge for CLIP and BiT, a square for ViT; "default_to_square" of transformers 5 says it otherwise.
 * What both versions take and understand differently (a crop for SigLIP and ViT), and a number for
 * SigLIP, which 4 does not take and 5 reads as the shortest edge, is refused.
 */
#include "image/processor.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/content.h"
#include "base/file.h"
#include "base/json.h"

#define MAX_FILE_BYTES ((size_t)1 << 20)
enum { MAX_SIDE = 65535 };

typedef struct {
    const char *name;           /* of the class, less ImageProcessor or FeatureExtractor */
    const char *model_types[2]; /* of models that have it, should a file not name its class */
    bool is_cropping;           /* shortest edge 224, crop 224 x 224; else squash to 224 x 224 */
    bool takes_number;          /* a size may be a plain number */
    ec_filter filter;
    double mean[3], std[3];
} class;

#define CLIP_MEAN                                                                                  \
    { 0.48145466, 0.4578275, 0.40821073 }
#define CLIP_STD                                                                                   \
    { 0.26862954, 0.26130258, 0.27577711 }
#define HALF                                                                                       \
    { 0.5, 0.5, 0.5 }

static const class classes[] = {
    {"CLIP", {"clip"}, true, true, EC_FILTER_BICUBIC, CLIP_MEAN, CLIP_STD},
    {"Bit", {"dinov2"}, true, true, EC_FILTER_BICUBIC, CLIP_MEAN, CLIP_STD},
    {"Siglip", {"siglip"}, false, false, EC_FILTER_BICUBIC, HALF, HALF},
    {"ViT", {"vit"}, false, true, EC_FILTER_BILINEAR, HALF, HALF},
    {"Llava", {"llava"}, true, true, EC_FILTER_BICUBIC, CLIP_MEAN, CLIP_STD},
};

/* A file being read: messages name it. */
typedef struct {
    ec_json_place place;
    const json_t *root;
    const char *model_type; /* of the model it belongs to; NULL: not known */
} reader;

static ec_status bad(const reader *r, const char *key, const char *expected) {
    return ec_json_unexpected(&r->place, key, json_object_get(r->root, key), expected);
}

/* NULL when the key is absent or null, which mean the same: the default. */
static const json_t *get(const reader *r, const char *key) {
    const json_t *value = json_object_get(r->root, key);
    return json_is_null(value) ? NULL : value;
}

static ec_status read_flag(bool *out, const reader *r, const char *key, bool otherwise) {
    const json_t *value = get(r, key);
    if (value != NULL && !json_is_boolean(value)) return bad(r, key, "true or false");
    *out = value != NULL ? json_is_true(value) : otherwise;
    return EC_OK;
}

static bool to_side(size_t *out, const json_t *value) {
    if (!json_is_integer(value)) return false;
    const json_int_t side = json_integer_value(value);
    if (side < 1 || side > MAX_SIDE) return false;
    *out = (size_t)side;
    return true;
}

/* Keys of an object that have a value: null is none. */
static size_t count_values(const json_t *object) {
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) n += !json_is_null(value);
    return n;
}

/* height and width from {"height", "width"} or [height, width]. */
static bool to_size(size_t *width, size_t *height, const json_t *value) {
    if (json_is_object(value) && count_values(value) == 2)
        return to_side(width, json_object_get(value, "width")) &&
               to_side(height, json_object_get(value, "height"));
    if (json_is_array(value) && json_array_size(value) == 2)
        return to_side(height, json_array_get(value, 0)) &&
               to_side(width, json_array_get(value, 1));
    return false;
}

/* {"shortest_edge"}, and with it perhaps the most that the other edge may have. */
static bool to_edges(size_t *shortest, size_t *longest, const json_t *value) {
    const json_t *limit = json_object_get(value, "longest_edge");
    const bool limited = limit != NULL && !json_is_null(limit);
    *longest = 0;
    return json_is_object(value) && count_values(value) == (limited ? 2 : 1) &&
           to_side(shortest, json_object_get(value, "shortest_edge")) &&
           (!limited || to_side(longest, limit));
}

/* Whether a plain number is both sides. */
static ec_status read_square(bool *square, bool *takes_number, const reader *r, const class *c) {
    *takes_number = c->takes_number || get(r, "default_to_square") != NULL;
    return read_flag(square, r, "default_to_square", !c->is_cropping);
}

static ec_status read_resize(ec_preparation *p, const reader *r, const class *c) {
    bool do_resize, square, takes_number;
    ec_status status = read_flag(&do_resize, r, "do_resize", true);
    if (status == EC_OK) status = read_square(&square, &takes_number, r, c);
    if (status != EC_OK) return status;
    if (!do_resize) {
        p->resize = EC_RESIZE_NONE;
        return EC_OK;
    }
    p->resize = c->is_cropping ? EC_RESIZE_SHORTEST_EDGE : EC_RESIZE_SQUASH;
    p->shortest_edge = p->resize_width = p->resize_height = 224;

    const json_t *size = get(r, "size");
    size_t edge;
    if (size == NULL) return EC_OK;
    if (takes_number && to_side(&edge, size)) {
        p->resize = square ? EC_RESIZE_SQUASH : EC_RESIZE_SHORTEST_EDGE;
        p->shortest_edge = p->resize_width = p->resize_height = edge;
    } else if (to_edges(&p->shortest_edge, &p->longest_edge, size)) {
        p->resize = EC_RESIZE_SHORTEST_EDGE;
    } else if (to_size(&p->resize_width, &p->resize_height, size)) {
        p->resize = EC_RESIZE_SQUASH;
    } else {
        return bad(r, "size",
                   takes_number ? "a number, {\"shortest_edge\"}, {\"shortest_edge\", "
                                  "\"longest_edge\"} or {\"height\", \"width\"}, whole numbers "
                                  "from 1 to 65535"
                                : "{\"height\", \"width\"}, {\"shortest_edge\"} or "
                                  "{\"shortest_edge\", \"longest_edge\"}, whole numbers from 1 "
                                  "to 65535; a number with \"default_to_square\"");
    }
    return EC_OK;
}

static ec_status read_crop(ec_preparation *p, const reader *r, const class *c) {
    bool do_crop;
    const ec_status status = read_flag(&do_crop, r, "do_center_crop", c->is_cropping);
    if (status != EC_OK || !do_crop) return status;
    if (!c->is_cropping)
        return bad(r, "do_center_crop", "false for this class, which only resizes");
    p->crop_width = p->crop_height = 224;
    const json_t *size = get(r, "crop_size");
    size_t side;
    if (size == NULL) return EC_OK;
    if (to_side(&side, size))
        p->crop_width = p->crop_height = side;
    else if (!to_size(&p->crop_width, &p->crop_height, size))
        return bad(r, "crop_size",
                   "a number or {\"height\", \"width\"}, whole numbers from 1 to 65535");
    return EC_OK;
}

static ec_status read_filter(ec_preparation *p, const reader *r, const class *c) {
    const json_t *resample = get(r, "resample");
    p->filter = c->filter;
    if (resample == NULL) return EC_OK;
    const json_int_t number = json_is_integer(resample) ? json_integer_value(resample) : -1;
    if (number < EC_FILTER_LANCZOS || number > EC_FILTER_BOX)
        return bad(r, "resample", "1 (Lanczos), 2 (bilinear), 3 (bicubic) or 4 (box)");
    p->filter = (ec_filter)number;
    return EC_OK;
}

/* What is no float would make every pixel infinite. */
static bool to_number(double *out, const json_t *value) {
    *out = json_number_value(value);
    return json_is_number(value) && fabs(*out) <= FLT_MAX;
}

/* Three numbers, or one for all channels. */
static ec_status read_channels(double out[3], const reader *r, const char *key,
                               const double otherwise[3]) {
    const json_t *value = get(r, key);
    memcpy(out, otherwise, 3 * sizeof *out);
    if (value == NULL) return EC_OK;
    for (size_t c = 0; c < 3; c++) {
        const bool is_list = json_is_array(value) && json_array_size(value) == 3;
        if (!to_number(&out[c], is_list ? json_array_get(value, c) : value))
            return bad(r, key, "three numbers, one a channel");
    }
    return EC_OK;
}

static ec_status read_values(ec_preparation *p, const reader *r, const class *c) {
    bool do_rescale;
    ec_status status = read_flag(&do_rescale, r, "do_rescale", true);
    if (status == EC_OK) status = read_flag(&p->normalise, r, "do_normalize", true);
    if (status == EC_OK) status = read_channels(p->mean, r, "image_mean", c->mean);
    if (status == EC_OK) status = read_channels(p->std, r, "image_std", c->std);
    if (status != EC_OK) return status;
    for (int i = 0; i < 3; i++)
        if ((float)p->std[i] == 0.0F) return bad(r, "image_std", "numbers that are not 0");

    p->rescale = 1.0;
    const json_t *factor = get(r, "rescale_factor");
    if (!do_rescale) return EC_OK;
    p->rescale = 1.0 / 255.0;
    if (factor != NULL && !to_number(&p->rescale, factor))
        return bad(r, "rescale_factor", "a number");
    return EC_OK;
}

/* "CLIPImageProcessor", "CLIPImageProcessorFast" (and "…Pil", its name in transformers 5),
 * "CLIPFeatureExtractor". */
static const class *class_named(const char *name) {
    static const char *const endings[] = {"ImageProcessor", "ImageProcessorFast",
                                          "ImageProcessorPil", "FeatureExtractor"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const size_t n = strlen(classes[i].name);
        if (strncmp(name, classes[i].name, n) != 0) continue;
        for (size_t k = 0; k < sizeof endings / sizeof *endings; k++)
            if (strcmp(name + n, endings[k]) == 0) return &classes[i];
    }
    return NULL;
}

static const class *class_of_model(const char *model_type) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes && model_type != NULL; i++)
        for (size_t k = 0; k < 2 && classes[i].model_types[k] != NULL; k++)
            if (strcmp(classes[i].model_types[k], model_type) == 0) return &classes[i];
    return NULL;
}

/* "CLIPProcessor" is a tokenizer and an image processor of the same name. */
static const class *class_of_processor(const json_t *name) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes && json_is_string(name); i++) {
        const size_t n = strlen(classes[i].name);
        if (strncmp(json_string_value(name), classes[i].name, n) == 0 &&
            strcmp(json_string_value(name) + n, "Processor") == 0)
            return &classes[i];
    }
    return NULL;
}

/* As transformers' AutoImageProcessor: by what the file says, else by the model. */
static ec_status find_class(const class **out, const reader *r) {
    const char *key = "image_processor_type";
    const json_t *type = get(r, key);
    if (type == NULL) type = get(r, key = "feature_extractor_type");
    if (type == NULL) {
        *out = class_of_model(r->model_type);
        if (*out == NULL) *out = class_of_processor(get(r, "processor_class"));
        if (*out != NULL) return EC_OK;
        return ec_fail(
            r->place.err, EC_ERR_FORMAT,
            "%s: no key 'image_processor_type': add it, for example \"image_processor_type\": "
            "\"CLIPImageProcessor\"",
            r->place.file);
    }
    if (!json_is_string(type)) return bad(r, key, "the name of a class");
    *out = class_named(json_string_value(type));
    if (*out != NULL) return EC_OK;
    return ec_fail(r->place.err, EC_ERR_FORMAT,
                   "%s: key '%s': '%.80s' is not supported; CLIPImageProcessor, "
                   "SiglipImageProcessor, BitImageProcessor, ViTImageProcessor and "
                   "LlavaImageProcessor are",
                   r->place.file, key, json_string_value(type));
}

static ec_status read_all(ec_preparation *out, const reader *r) {
    if (!json_is_object(r->root))
        return ec_fail(r->place.err, EC_ERR_FORMAT, "%s: expected an object", r->place.file);
    const class *c;
    bool do_pad;
    ec_preparation p = {0};
    ec_status status = find_class(&c, r);
    if (status == EC_OK) status = read_resize(&p, r, c);
    if (status == EC_OK) status = read_crop(&p, r, c);
    if (status == EC_OK) status = read_filter(&p, r, c);
    if (status == EC_OK) status = read_values(&p, r, c);
    if (status == EC_OK) status = read_flag(&do_pad, r, "do_pad", false);
    if (status == EC_OK && do_pad) status = bad(r, "do_pad", "false; padding is not supported");
    if (status == EC_OK) *out = p;
    return status;
}

static bool has_processor(const json_t *root) {
    return json_is_object(json_object_get(root, "image_processor"));
}

static ec_status parse(json_t **root, const char *json, size_t size_bytes, const char *name,
                       ec_error *err) {
    json_error_t error;
    char what[EC_CONTENT_SIZE];
    *root = json_loadb(json, size_bytes, 0, &error);
    if (*root != NULL) return EC_OK;
    if ((size_bytes == 0 || json[0] != '{') &&
        ec_content_describe(what, (const unsigned char *)json, size_bytes))
        return ec_fail(err, EC_ERR_FORMAT, "%s: not valid JSON, but %s", name, what);
    return ec_fail(err, EC_ERR_FORMAT, "%s:%d: not valid JSON: %s", name, error.line, error.text);
}

/* Of transformers 5 the whole processor is in one file, with that of images in a part of it. */
static ec_status read_root(ec_preparation *out, const json_t *root, const char *name,
                           const char *model_type, ec_error *err) {
    const json_t *part = has_processor(root) ? json_object_get(root, "image_processor") : root;
    return read_all(
        out,
        &(reader){.place = {.file = name, .err = err}, .root = part, .model_type = model_type});
}

ec_status ec_preparation_parse(ec_preparation *out, const char *json, size_t size_bytes,
                               const char *name, const char *model_type, ec_error *err) {
    *out = (ec_preparation){0};
    json_t *root;
    ec_status status = parse(&root, json, size_bytes, name, err);
    if (status != EC_OK) return status;
    status = read_root(out, root, name, model_type, err);
    json_decref(root);
    return status;
}

ec_status ec_preparation_load(ec_preparation *out, const char *path, ec_error *err) {
    *out = (ec_preparation){0};
    ec_text text;
    ec_status status = ec_file_read(&text, path, MAX_FILE_BYTES, err);
    if (status != EC_OK) return status;
    status = ec_preparation_parse(out, text.data, text.size_bytes, path, NULL, err);
    ec_text_release(&text);
    return status;
}

/* A file of the folder: *root is NULL when it is not there. */
static ec_status load_json(json_t **root, ec_text *path, const char *folder, const char *name,
                           ec_error *err) {
    ec_text text;
    struct stat info;
    *root = NULL;
    ec_text_format(path, "%s/%s", folder, name);
    if (path->failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", folder);
    if (lstat(path->data, &info) != 0) return EC_OK;
    ec_status status = ec_file_read(&text, path->data, MAX_FILE_BYTES, err);
    if (status != EC_OK) return status;
    status = parse(root, text.data, text.size_bytes, path->data, err);
    ec_text_release(&text);
    return status;
}

ec_status ec_preparation_load_folder(ec_preparation *out, const char *folder,
                                     const char *model_type, ec_error *err) {
    static const char *const names[] = {"processor_config.json", "preprocessor_config.json"};
    *out = (ec_preparation){0};
    for (size_t i = 0; i < 2; i++) {
        ec_text path = {0};
        json_t *root;
        ec_status status = load_json(&root, &path, folder, names[i], err);
        /* Before transformers 5 the first says nothing of images. */
        const bool is_it = root != NULL && (i == 1 || has_processor(root));
        if (status == EC_OK && is_it) status = read_root(out, root, path.data, model_type, err);
        json_decref(root);
        ec_text_release(&path);
        if (status != EC_OK || is_it) return status;
    }
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: neither preprocessor_config.json nor processor_config.json with "
                   "\"image_processor\" is there",
                   folder);
}
