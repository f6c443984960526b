/* connector_config.c - what the config.json of a model says of its connector, and of its features
 *
 *     LLaVA          mm_projector_type, mm_vision_select_layer, mm_vision_select_feature,
 *                    mm_hidden_size, unfreeze_mm_vision_tower
 *     transformers   projector_hidden_act, multimodal_projector_bias, projector_layernorm_eps,
 *                    vision_feature_layer, vision_feature_select_strategy
 *
 * Weights do not show what stands between them, nor which hidden state they were trained on: with
 * another a connector would give numbers, and they would be wrong. transformers leaves out of a
 * file what was default when its classes were written by hand, so a model_type has defaults here.
 *
 * The file lies beside the weights. LLaVA's trainer puts connectors of earlier steps into
 * mm_projector/STEP.bin beside it, and those of a whole run into checkpoint-N/.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "connectors/mlp.h"

#define MAX_CONFIG_BYTES ((size_t)16 << 20)

static const struct {
    const char *name;
    ec_activation activation;
} activations[] = {{"gelu", EC_ACT_GELU},
                   {"silu", EC_ACT_SILU},
                   {"relu", EC_ACT_RELU},
                   {"quick_gelu", EC_ACT_QUICK_GELU},
                   {"gelu_pytorch_tanh", EC_ACT_GELU_TANH},
                   {"gelu_new", EC_ACT_GELU_TANH},
                   {"gelu_tanh", EC_ACT_GELU_TANH},
                   {"gelu_python", EC_ACT_GELU},
                   {"swish", EC_ACT_SILU}};
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

const char *mlp_activation_name(ec_activation activation) {
    for (size_t i = 0; i < N_ACTIVATIONS; i++)
        if (activations[i].activation == activation) return activations[i].name;
    return NULL;
}

static bool find_activation(ec_activation *out, const char *name) {
    for (size_t i = 0; i < N_ACTIVATIONS; i++)
        if (strcmp(activations[i].name, name) == 0) {
            *out = activations[i].activation;
            return true;
        }
    return false;
}

/* ---- one key after the other; the first that is wrong is remembered ---- */

typedef struct {
    mlp_config *out;
    const json_t *root;
    ec_status status;
    ec_error *err;
} reader;

/* The value of a key; NULL: it is not there, or null, or something was wrong before. */
static const json_t *value_of(const reader *r, const char *key) {
    const json_t *value = json_object_get(r->root, key);
    return r->status != EC_OK || json_is_null(value) ? NULL : value;
}

static void refuse(reader *r, const char *key, const json_t *value, const char *expected) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    r->status = ec_fail(r->err, EC_ERR_FORMAT, "%s: \"%s\" is %.60s; expected %s", r->out->path,
                        key, text != NULL ? text : "too long", expected);
    free(text);
}

static void refuse_both(reader *r, const char *key, const char *other) {
    r->status = ec_fail(r->err, EC_ERR_FORMAT, "%s: \"%s\" and \"%s\" contradict each other",
                        r->out->path, other, key);
}

/* A number; as a list of one, too. Several hidden states side by side are another kind of input. */
static void read_layer(reader *r, const char *key) {
    const json_t *value = value_of(r, key);
    ec_connector_features *f = &r->out->features;
    if (value == NULL) return;
    if (json_is_array(value) && json_array_size(value) == 1) value = json_array_get(value, 0);
    if (json_is_array(value) && json_array_size(value) > 1) {
        refuse(r, key, value,
               "one hidden state: several side by side, as ViP-LLaVA has them, are not supported");
        return;
    }
    if (!json_is_integer(value) || json_integer_value(value) < -1000 ||
        json_integer_value(value) > 1000) {
        refuse(r, key, value, "the number of a hidden state, such as -2");
        return;
    }
    const int layer = (int)json_integer_value(value);
    if (f->has_layer && f->layer != layer) {
        refuse_both(r, key, f->layer_key);
        return;
    }
    f->has_layer = true;
    f->layer = layer;
    snprintf(f->layer_key, sizeof f->layer_key, "%s", key);
}

static void read_tokens(reader *r, const char *key, const char *patches, const char *all) {
    const json_t *value = value_of(r, key);
    ec_connector_features *f = &r->out->features;
    if (value == NULL) return;
    const char *text = json_string_value(value);
    const bool keeps = text != NULL && strcmp(text, all) == 0;
    if (!keeps && (text == NULL || strcmp(text, patches) != 0)) {
        char expected[96];
        snprintf(expected, sizeof expected, "\"%s\" or \"%s\"", patches, all);
        refuse(r, key, value, expected);
        return;
    }
    if (f->has_tokens && f->keep_class_token != keeps) {
        refuse_both(r, key, f->tokens_key);
        return;
    }
    f->has_tokens = true;
    f->keep_class_token = keeps;
    snprintf(f->tokens_key, sizeof f->tokens_key, "%s", key);
}

/* "linear", "identity", "mlp2x_gelu". */
static void read_type(reader *r) {
    static const char KNOWN[] = "\"linear\", \"identity\" or \"mlpNx_gelu\" (_silu, _relu): other "
                                "connectors are not supported";
    const json_t *value = value_of(r, "mm_projector_type");
    mlp_config *c = r->out;
    int at = 0;
    if (value == NULL) return;
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) >= sizeof c->type) {
        refuse(r, "mm_projector_type", value, KNOWN);
        return;
    }
    snprintf(c->type, sizeof c->type, "%s", text);
    if (strcmp(text, "identity") == 0) {
        c->is_identity = true;
    } else if (strcmp(text, "linear") == 0) {
        c->n_linears = 1;
    } else if (sscanf(text, "mlp%2zux_%n", &c->n_linears, &at) != 1 || at == 0 ||
               c->n_linears == 0 || !find_activation(&c->activation, text + at)) {
        refuse(r, "mm_projector_type", value, KNOWN);
    } else {
        c->has_activation = true;
    }
}

static void read_activation(reader *r) {
    const json_t *value = value_of(r, "projector_hidden_act");
    ec_activation activation = EC_ACT_NONE;
    if (value == NULL) return;
    if (!json_is_string(value) || !find_activation(&activation, json_string_value(value)))
        refuse(r, "projector_hidden_act", value, "gelu, silu, relu or gelu_pytorch_tanh");
    else if (r->out->has_activation && r->out->activation != activation)
        refuse_both(r, "projector_hidden_act", "mm_projector_type");
    r->out->has_activation = true;
    r->out->activation = activation;
}

static void read_bias(reader *r) {
    const json_t *value = value_of(r, "multimodal_projector_bias");
    if (value == NULL) return;
    if (!json_is_boolean(value)) {
        refuse(r, "multimodal_projector_bias", value, "true or false");
        return;
    }
    r->out->has_bias = true;
    r->out->bias = json_is_true(value);
}

static void read_numbers(reader *r) {
    const json_t *eps = value_of(r, "projector_layernorm_eps");
    if (eps != NULL && (!json_is_number(eps) || !(json_number_value(eps) >= 0)))
        refuse(r, "projector_layernorm_eps", eps, "a number of at least 0");
    else if (eps != NULL)
        r->out->eps = json_number_value(eps);
    const json_t *width = value_of(r, "mm_hidden_size");
    if (width != NULL && json_is_integer(width) && json_integer_value(width) > 0 &&
        json_integer_value(width) <= 1 << 24)
        r->out->width = (size_t)json_integer_value(width);
}

/* What LLaVA-NeXT may put between the tower and the connector. */
static void read_resampler(reader *r) {
    const json_t *value = value_of(r, "mm_resampler_type");
    const char *text = json_string_value(value);
    if (value != NULL && (text == NULL || (text[0] != '\0' && strcmp(text, "identity") != 0)))
        refuse(r, "mm_resampler_type", value,
               "none: what changes the tokens before the connector is not supported");
}

/* Whether the vision tower was trained together with the connector. */
static void read_training(reader *r) {
    const json_t *all = value_of(r, "unfreeze_mm_vision_tower"),
                 *parts = value_of(r, "mm_tunable_parts");
    const char *text = json_string_value(parts);
    r->out->features.tower_trained =
        json_is_true(all) || (text != NULL && strstr(text, "mm_vision_tower") != NULL);
}

/* What transformers takes where its config.json says nothing. */
static void fill_defaults(reader *r) {
    static const struct {
        const char *model_type;
        int layer;
        bool all;
    } defaults[] = {{"llava", -2, false},
                    {"llava_next", -2, false},
                    {"llava_next_video", -2, false},
                    {"video_llava", -2, false},
                    {"llava_onevision", -1, true}};
    const char *type = json_string_value(json_object_get(r->root, "model_type"));
    ec_connector_features *f = &r->out->features;
    /* LLaVA's own code called its first models "llava", too. */
    if (type == NULL || json_object_get(r->root, "mm_vision_tower") != NULL) return;
    if (strcmp(type, "vipllava") == 0 && !f->has_layer) {
        r->status = ec_fail(r->err, EC_ERR_FORMAT,
                            "%s: a ViP-LLaVA without \"vision_feature_layers\" takes five hidden "
                            "states side by side, which is not supported",
                            r->out->path);
        return;
    }
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        if (strcmp(type, defaults[i].model_type) != 0) continue;
        if (!f->has_layer) {
            f->has_layer = true;
            f->layer = defaults[i].layer;
            snprintf(f->layer_key, sizeof f->layer_key, "vision_feature_layer");
        }
        if (!f->has_tokens) {
            f->has_tokens = true;
            f->keep_class_token = defaults[i].all;
            snprintf(f->tokens_key, sizeof f->tokens_key, "vision_feature_select_strategy");
        }
    }
}

static ec_status read_root(mlp_config *out, const json_t *root, ec_error *err) {
    reader r = {.out = out, .root = root, .err = err};
    read_type(&r);
    read_activation(&r);
    read_bias(&r);
    read_numbers(&r);
    read_layer(&r, "mm_vision_select_layer");
    read_layer(&r, "vision_feature_layer");
    read_layer(&r, "vision_feature_layers"); /* of ViP-LLaVA in older transformers */
    read_resampler(&r);
    read_training(&r);
    read_tokens(&r, "mm_vision_select_feature", "patch", "cls_patch");
    read_tokens(&r, "vision_feature_select_strategy", "default", "full");
    const char *ratio = json_string_value(value_of(&r, "image_aspect_ratio"));
    out->features.pads = ratio != NULL && strcmp(ratio, "pad") == 0;
    if (r.status == EC_OK) fill_defaults(&r);
    return r.status;
}

/* ---- finding the file ---- */

static bool is_there(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* The length of the folder part of a path, with its slash; 0: there is none. */
static size_t folder_length(const char *path, size_t length) {
    while (length > 0 && path[length - 1] != '/') length--;
    return length;
}

static bool last_folder_is(const char *path, size_t length, const char *name) {
    const size_t n = strlen(name);
    return length > n && strncmp(path + length - n - 1, name, n) == 0 &&
           (length == n + 1 || path[length - n - 2] == '/');
}

/* Sets out->path where there is a config.json; "" where there is none. */
static void find_config(mlp_config *out, const char *path) {
    struct stat info;
    const size_t size = sizeof out->path;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        snprintf(out->path, size, "%s/config.json", path);
        if (!is_there(out->path)) out->path[0] = '\0';
        return;
    }
    const size_t folder = folder_length(path, strlen(path));
    snprintf(out->path, size, "%.*sconfig.json", (int)folder, path);
    if (is_there(out->path)) return;
    out->path[0] = '\0';
    if (!last_folder_is(path, folder, "mm_projector")) return;
    const size_t above = folder_length(path, folder - 1);
    const char *step = path + folder, *dot = strrchr(step, '.');
    snprintf(out->path, size, "%.*s%.*s/config.json", (int)above, path,
             (int)(dot != NULL ? dot - step : 0), step);
    if (is_there(out->path)) return;
    snprintf(out->path, size, "%.*sconfig.json", (int)above, path);
    if (!is_there(out->path)) out->path[0] = '\0';
}

ec_status mlp_config_parse(mlp_config *out, const char *bytes, size_t size_bytes, ec_error *err) {
    json_error_t where;
    json_t *root = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &where);
    const ec_status status =
        root == NULL ? ec_fail(err, EC_ERR_FORMAT, "%s:%d: %s", out->path, where.line, where.text)
        : !json_is_object(root) ? ec_fail(err, EC_ERR_FORMAT, "%s: not a JSON object", out->path)
                                : read_root(out, root, err);
    json_decref(root);
    return status;
}

ec_status mlp_config_read(mlp_config *out, const char *path, ec_error *err) {
    ec_text text = {0};
    char *folder = NULL;
    *out = (mlp_config){0};
    ec_status status = ec_file_model_folder(&folder, path, err);
    if (status != EC_OK) return status;
    find_config(out, folder);
    free(folder);
    if (out->path[0] == '\0') return EC_OK;
    snprintf(out->features.path, sizeof out->features.path, "%s", out->path);
    status = ec_file_read(&text, out->path, MAX_CONFIG_BYTES, err);
    if (status != EC_OK) return status;
    status = mlp_config_parse(out, text.data, text.size_bytes, err);
    ec_text_release(&text);
    return status;
}

ec_status ec_connector_features_read(ec_connector_features *out, const char *path, ec_error *err) {
    mlp_config config;
    ec_weights *files = NULL;
    ec_text file = {0};
    /* Where there is no connector, opening it will say so. */
    const bool found = mlp_open_files(&files, &file, path, NULL) == EC_OK;
    const ec_status status = mlp_config_read(&config, found ? file.data : path, err);
    *out = config.features;
    ec_weights_close(files);
    ec_text_release(&file);
    return status;
}

/* ---- what is declared beside it ---- */

/* Layer in the numbering from 0 where the number of blocks is known. */
static int layer_from_0(int layer, size_t n_blocks) {
    return layer < 0 && n_blocks > 0 ? layer + (int)n_blocks + 1 : layer;
}

ec_status ec_connector_features_settle(ec_feature_source *source, const ec_connector_features *says,
                                       size_t n_blocks, ec_error *err) {
    if (says->has_layer && source->has_layer &&
        layer_from_0(says->layer, n_blocks) != layer_from_0(source->tap.layer, n_blocks) &&
        (n_blocks > 0 || (says->layer < 0) == (source->tap.layer < 0)))
        return ec_fail(
            err, EC_ERR_ARG,
            "layer %d is asked for, but \"%s\" is %d in %s: the connector was trained on "
            "that one; leave 'layer' out, or give a connector trained on layer %d",
            source->tap.layer, says->layer_key, says->layer, says->path, source->tap.layer);
    if (says->has_tokens && source->has_tokens &&
        says->keep_class_token != source->tap.keep_class_token)
        return ec_fail(err, EC_ERR_ARG,
                       "%s are asked for, but \"%s\" in %s says %s: the connector was trained on "
                       "these; leave 'tokens' out, or give a connector trained on the others",
                       source->tap.keep_class_token ? "all tokens" : "patch tokens",
                       says->tokens_key, says->path,
                       says->keep_class_token ? "all tokens" : "patch tokens");
    if (says->has_layer && !source->has_layer) {
        source->has_layer = true;
        source->tap.layer = says->layer;
    }
    if (says->has_tokens && !source->has_tokens) {
        source->has_tokens = true;
        source->tap.keep_class_token = says->keep_class_token;
    }
    return EC_OK;
}

bool ec_connector_features_lack_pad(const ec_connector_features *says,
                                    const ec_feature_source *sources, size_t n_sources) {
    for (size_t i = 0; says->pads && i < n_sources; i++)
        if (sources[i].prepare == EC_PREPARE_NATIVE) return true;
    return false;
}
