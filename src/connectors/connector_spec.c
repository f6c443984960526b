/* connector_spec.c - what a connector is, read from its tensors and from config.json
 *
 *     mm_projector.            weight, bias      a single nn.Linear: "linear"
 *                              0.weight, 0.bias, 2.weight, 2.bias, ...
 *                                                nn.Sequential of linears with an activation
 *                                                between two: "mlpNx_gelu"; a weight of one
 *                                                dimension is a LayerNorm's
 *     multi_modal_projector.   linear_1.weight, linear_1.bias, linear_2.weight, ...
 *                                                the same as transformers names it
 *                                                (LlavaMultiModalProjector); projector_layernorm
 *                                                before them (VipLlavaMultiModalProjector)
 *
 * Biases are there for all linear layers or for none. Anything else under these is another kind of
 * connector (resamplers, convolutions) and an error: run as an MLP it would give numbers, and they
 * would be wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/mlp.h"

static const char *const PREFIXES[] = {"mm_projector.", "multi_modal_projector."};
enum { N_PREFIXES = sizeof PREFIXES / sizeof *PREFIXES };

const char *mlp_prefix(const ec_weights *files) {
    for (size_t i = 0; i < ec_weights_count(files); i++)
        for (size_t k = 0; k < N_PREFIXES; k++)
            if (strstr(ec_weights_name(files, i), PREFIXES[k]) != NULL) return PREFIXES[k];
    return "";
}

const char *mlp_key(const char *name, const char *prefix) {
    const char *at = strstr(name, prefix);
    return at != NULL ? at + strlen(prefix) : NULL;
}

static const char LINEAR[] = "linear_", NORM[] = "projector_layernorm.";

void mlp_key_of(char *out, size_t size, mlp_naming naming, size_t slot, const char *parameter) {
    if (naming == MLP_BARE)
        snprintf(out, size, "%s", parameter);
    else if (naming == MLP_MODULES)
        snprintf(out, size, "%zu.%s", slot, parameter);
    else if (slot == 0)
        snprintf(out, size, "%s%s", NORM, parameter);
    else
        snprintf(out, size, "%s%zu.%s", LINEAR, (slot + 1) / 2, parameter);
}

/* A key taken apart: "2.weight" is of slot 2, "linear_2.weight" of slot 3. */
typedef struct {
    mlp_naming naming;
    bool is_weight;
    size_t slot;
} parsed_key;

/* Digits without zeros before them and the dot after them; moves *at past it. */
static bool parse_number(size_t *out, const char **at) {
    char *end;
    if (**at < '0' || **at > '9') return false;
    *out = strtoul(*at, &end, 10);
    const size_t digits = (size_t)(end - *at);
    const bool good = *end == '.' && digits <= 4 && (digits == 1 || **at != '0');
    *at = end + 1;
    return good;
}

static bool parse_key(parsed_key *out, const char *key) {
    size_t number;
    *out = (parsed_key){.naming = MLP_BARE};
    if (strncmp(key, LINEAR, strlen(LINEAR)) == 0) {
        key += strlen(LINEAR);
        if (!parse_number(&number, &key) || number == 0) return false;
        *out = (parsed_key){.naming = MLP_LINEAR_N, .slot = 2 * number - 1};
    } else if (strncmp(key, NORM, strlen(NORM)) == 0) {
        key += strlen(NORM);
        *out = (parsed_key){.naming = MLP_LINEAR_N};
    } else if (key[0] >= '0' && key[0] <= '9') {
        if (!parse_number(&number, &key)) return false;
        *out = (parsed_key){.naming = MLP_MODULES, .slot = number};
    }
    out->is_weight = strcmp(key, "weight") == 0;
    return out->is_weight || strcmp(key, "bias") == 0;
}

static ec_status refuse_key(const char *path, const char *name, ec_error *err) {
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: tensor '%.160s' has no place in a connector of type linear or mlpNx_gelu "
                   "(_silu, _relu), "
                   "which has weight and bias, or 0.weight, 0.bias, 2.weight, 2.bias and so on, or "
                   "linear_1.weight, linear_1.bias, linear_2.weight and so on; other types are not "
                   "supported",
                   path, name);
}

static ec_status no_connector(const ec_weights *files, const char *path, ec_error *err) {
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: no connector among its %zu tensors%s%.160s; expected names with "
                   "'mm_projector.' (0.weight, 0.bias, 2.weight, 2.bias, ...) or "
                   "'multi_modal_projector.' (linear_1.weight, linear_1.bias, ...), or these "
                   "without it",
                   path, ec_weights_count(files),
                   ec_weights_count(files) > 0 ? ", the first is " : "",
                   ec_weights_count(files) > 0 ? ec_weights_name(files, 0) : "");
}

/* ---- what there is in each slot ---- */

typedef struct {
    const ec_tensor *weight;
    const char *name; /* of the weight */
    bool has_bias;
} slot;

typedef struct {
    slot slots[MLP_MAX_LAYERS];
    size_t n_slots; /* up to the last one that is used */
    mlp_naming naming;
    const char *first; /* the first tensor of the connector; NULL: there is none */
} found;

static ec_status take_key(found *f, const parsed_key *key, ec_weights *files, size_t i,
                          const char *path, ec_error *err) {
    const char *name = ec_weights_name(files, i);
    const ec_tensor *tensor = ec_weights_tensor(files, i);
    /* One that cannot be had has no shape; loading says why. */
    if (tensor->dtype == EC_OTHER_DTYPE) return ec_weights_load(&tensor, files, i, err);
    if (key->slot >= MLP_MAX_LAYERS)
        return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.160s': expected at most %d linear layers",
                       path, name, MLP_MAX_LINEARS);
    if (f->first != NULL && key->naming != f->naming) return refuse_key(path, name, err);
    if (f->first == NULL) f->first = name;
    f->naming = key->naming;
    slot *s = &f->slots[key->slot];
    if (key->slot >= f->n_slots) f->n_slots = key->slot + 1;
    if (!key->is_weight) {
        s->has_bias = true;
        return EC_OK;
    }
    if ((tensor->n_dims != 2 && (tensor->n_dims != 1 || key->naming == MLP_BARE)) ||
        tensor->shape[0] == 0 || (tensor->n_dims == 2 && tensor->shape[1] == 0)) {
        char shape[128];
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.160s': shape %s, expected [channels out, channels in]%s",
                       path, name, ec_tensor_shape_text(shape, sizeof shape, tensor),
                       ec_tensor_shape_hint(tensor));
    }
    if (s->weight == NULL || tensor->n_dims == s->weight->n_dims) s->weight = tensor;
    s->name = name;
    return EC_OK;
}

static ec_status find_slots(found *f, ec_weights *files, const char *path, ec_error *err) {
    const char *const prefix = mlp_prefix(files);
    bool all_parse = true;
    *f = (found){.naming = MLP_BARE};
    for (size_t i = 0; i < ec_weights_count(files); i++) {
        const char *name = ec_weights_name(files, i), *key = mlp_key(name, prefix);
        parsed_key parsed;
        if (key == NULL) continue;
        if (!parse_key(&parsed, key)) {
            all_parse = false;
            if (prefix[0] != '\0') return refuse_key(path, name, err);
            continue;
        }
        const ec_status status = take_key(f, &parsed, files, i, path, err);
        if (status != EC_OK) return status;
    }
    /* Without the prefix a file is a connector when it is nothing else as well. */
    return f->first != NULL && all_parse ? EC_OK : no_connector(files, path, err);
}

/* ---- slots to layers ---- */

static ec_status no_weight(const found *f, size_t at, size_t width, const char *prefix,
                           const char *path, ec_error *err) {
    char key[48], in[32] = "channels in";
    mlp_key_of(key, sizeof key, f->naming, at, "weight");
    if (width > 0) snprintf(in, sizeof in, "%zu", width);
    return ec_fail(
        err, EC_ERR_FORMAT,
        "%s: tensor '%s%s' is missing; expected shape [channels out, %s], beside '%.160s'", path,
        prefix, key, in, f->first);
}

static bool is_norm(const slot *s) {
    return s->weight->n_dims == 1;
}

/* The layer in slot `at`, behind `last` (NULL: it is the first). */
static ec_status add_layer(mlp_spec *out, const found *f, size_t at, const char *path,
                           ec_error *err) {
    const slot *s = &f->slots[at];
    mlp_layer *last = out->n_layers > 0 ? &out->layer[out->n_layers - 1] : NULL;
    mlp_layer *layer = &out->layer[out->n_layers++];
    *layer = (mlp_layer){.is_norm = is_norm(s), .slot = at};
    layer->n_out = s->weight->shape[0];
    layer->n_in = last != NULL ? last->n_out : s->weight->shape[is_norm(s) ? 0 : 1];
    if (layer->is_norm) {
        layer->n_out = layer->n_in;
        layer->has_bias = true; /* without it, it would be an RMSNorm or something else */
    } else {
        out->n_linears++;
    }
    if (last == NULL) return EC_OK;
    last->activates = at - last->slot == 2;
    if (last->activates && last->is_norm)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.160s': a norm with an activation behind it; expected linear, "
                       "activation, norm, other connectors are not supported",
                       path, f->slots[last->slot].name);
    if (!last->activates && !last->is_norm && !layer->is_norm)
        return refuse_key(path, s->name, err);
    return EC_OK;
}

static ec_status make_layers(mlp_spec *out, const found *f, const char *prefix, const char *path,
                             ec_error *err) {
    const size_t first =
        f->naming == MLP_LINEAR_N && f->slots[0].weight == NULL && !f->slots[0].has_bias ? 1 : 0;
    for (size_t at = first, behind = first; at < f->n_slots; at++) {
        const slot *s = &f->slots[at];
        if (s->weight == NULL && !s->has_bias) {
            const size_t width = out->n_layers > 0 ? out->layer[out->n_layers - 1].n_out : 0;
            if (at == first && f->naming == MLP_MODULES) return refuse_key(path, f->first, err);
            if (at - behind > 1 || (at == first && f->naming != MLP_MODULES))
                return no_weight(f, at, width, prefix, path, err);
            continue;
        }
        if (s->weight == NULL)
            return no_weight(f, at, out->n_layers > 0 ? out->layer[out->n_layers - 1].n_out : 0,
                             prefix, path, err);
        const ec_status status = add_layer(out, f, at, path, err);
        if (status != EC_OK) return status;
        behind = at;
    }
    if (out->n_linears == 0) return no_weight(f, first, 0, prefix, path, err);
    out->n_inputs = out->layer[0].n_in;
    out->n_outputs = out->layer[out->n_layers - 1].n_out;
    return EC_OK;
}

/* All linear layers have a bias or none has; config.json may say which. */
static void settle_biases(mlp_spec *out, const found *f, const mlp_config *config) {
    bool any = config->has_bias && config->bias;
    for (size_t i = 0; i < out->n_layers; i++)
        any = any || (!out->layer[i].is_norm && f->slots[out->layer[i].slot].has_bias);
    for (size_t i = 0; i < out->n_layers; i++)
        if (!out->layer[i].is_norm) out->layer[i].has_bias = any;
}

/* ---- against config.json ---- */

static ec_status check_type(const mlp_spec *s, const mlp_config *config, const char *path,
                            ec_error *err) {
    if (config->n_linears == 0 || config->n_linears == s->n_linears) return EC_OK;
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: \"mm_projector_type\" is '%s', but %s has %zu linear layers", config->path,
                   config->type, path, s->n_linears);
}

static ec_status be_identity(mlp_spec *out, const mlp_config *config, ec_error *err) {
    if (config->width == 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: \"mm_projector_type\" is 'identity' without \"mm_hidden_size\", the "
                       "number of channels",
                       config->path);
    *out = (mlp_spec){.identity = true, .n_inputs = config->width, .n_outputs = config->width};
    return EC_OK;
}

ec_status mlp_spec_read(mlp_spec *out, ec_weights *files, const mlp_config *config,
                        const char *path, ec_error *err) {
    found f;
    if (config->is_identity) return be_identity(out, config, err);
    *out = (mlp_spec){.activation = config->has_activation ? config->activation : EC_ACT_GELU,
                      .eps = config->eps > 0 ? config->eps : 1e-5};
    ec_status status = find_slots(&f, files, path, err);
    if (status == EC_OK) status = make_layers(out, &f, mlp_prefix(files), path, err);
    if (status != EC_OK) return status;
    out->naming = f.naming;
    settle_biases(out, &f, config);
    return check_type(out, config, path, err);
}
