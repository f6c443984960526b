/* connector_spec.c - what a connector is, read from its tensors
 *
 *     mm_projector.            weight, bias      a single nn.Linear: "linear"
 *                              0.weight, 0.bias, 2.weight, 2.bias, ...
 *                                                nn.Sequential of linears with a GELU between two:
 *                                                "mlpNx_gelu"
 *     multi_modal_projector.   linear_1.weight, linear_1.bias, linear_2.weight, ...
 *                                                the same as transformers names it
 *                                                (LlavaMultiModalProjector)
 *
 * Anything else under these is another kind of connector (resamplers, convolutions) and an
 * error: run as an MLP it would give numbers, and they would be wrong.
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

void mlp_key_of(char *out, size_t size, const mlp_spec *spec, size_t i, const char *parameter) {
    if (spec->naming == MLP_BARE)
        snprintf(out, size, "%s", parameter);
    else if (spec->naming == MLP_MODULES)
        snprintf(out, size, "%zu.%s", 2 * i, parameter);
    else
        snprintf(out, size, "linear_%zu.%s", i + 1, parameter);
}

/* A key taken apart: "2.weight" and "linear_2.weight" are linear 1. */
typedef struct {
    mlp_naming naming;
    bool is_weight;
    size_t linear;
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
    static const char LINEAR[] = "linear_";
    size_t number;
    *out = (parsed_key){.naming = MLP_BARE};
    if (strncmp(key, LINEAR, strlen(LINEAR)) == 0) {
        key += strlen(LINEAR);
        if (!parse_number(&number, &key) || number == 0) return false;
        *out = (parsed_key){.naming = MLP_LINEAR_N, .linear = number - 1};
    } else if (key[0] >= '0' && key[0] <= '9') {
        if (!parse_number(&number, &key) || number % 2 != 0) return false;
        *out = (parsed_key){.naming = MLP_MODULES, .linear = number / 2};
    }
    out->is_weight = strcmp(key, "weight") == 0;
    return out->is_weight || strcmp(key, "bias") == 0;
}

static ec_status refuse_key(const char *path, const char *name, ec_error *err) {
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: tensor '%.160s' has no place in a connector of type linear or mlpNx_gelu, "
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

static ec_status no_weight(const mlp_spec *spec, size_t i, const char *prefix, const char *path,
                           const char *beside, ec_error *err) {
    char key[32], in[32] = "channels in";
    mlp_key_of(key, sizeof key, spec, i, "weight");
    if (spec->width[i] > 0) snprintf(in, sizeof in, "%zu", spec->width[i]);
    return ec_fail(
        err, EC_ERR_FORMAT,
        "%s: tensor '%s%s' is missing; expected shape [channels out, %s], beside '%.160s'", path,
        prefix, key, in, beside);
}

/* Counts the linears and notes the widths that the weights claim. */
static ec_status read_key(mlp_spec *spec, const parsed_key *key, ec_weights *files, size_t at,
                          const char *path, ec_error *err) {
    const char *name = ec_weights_name(files, at);
    const ec_tensor *tensor = ec_weights_tensor(files, at);
    /* One that cannot be had has no shape; loading says why. */
    if (tensor->dtype == EC_OTHER_DTYPE) return ec_weights_load(&tensor, files, at, err);
    if (key->linear >= MLP_MAX_LINEARS)
        return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.160s': expected at most %d linear layers",
                       path, name, MLP_MAX_LINEARS);
    spec->naming = key->naming;
    if (key->linear >= spec->n_linears) spec->n_linears = key->linear + 1;
    if (!key->is_weight) return EC_OK;
    if (tensor->n_dims != 2 || tensor->shape[0] == 0 || tensor->shape[1] == 0) {
        char shape[128];
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.160s': shape %s, expected [channels out, channels in]", path,
                       name, ec_tensor_shape_text(shape, sizeof shape, tensor));
    }
    spec->width[key->linear + 1] = tensor->shape[0];
    if (key->linear == 0) spec->width[0] = tensor->shape[1];
    return EC_OK;
}

ec_status mlp_spec_read(mlp_spec *out, ec_weights *files, const char *path, ec_error *err) {
    *out = (mlp_spec){0};
    const char *const prefix = mlp_prefix(files);
    const bool prefixed = prefix[0] != '\0';
    const char *first = NULL; /* the first tensor of the connector */
    bool all_parse = true;
    for (size_t i = 0; i < ec_weights_count(files); i++) {
        const char *name = ec_weights_name(files, i), *key = mlp_key(name, prefix);
        parsed_key parsed;
        if (key == NULL) continue;
        if (!parse_key(&parsed, key)) {
            all_parse = false;
            if (prefixed) return refuse_key(path, name, err);
            continue;
        }
        if (first != NULL && parsed.naming != out->naming) return refuse_key(path, name, err);
        if (first == NULL) first = name;
        const ec_status status = read_key(out, &parsed, files, i, path, err);
        if (status != EC_OK) return status;
    }
    /* Without the prefix a file is a connector when it is nothing else as well. */
    if (first == NULL || !all_parse) return no_connector(files, path, err);
    for (size_t i = 0; i < out->n_linears; i++)
        if (out->width[i + 1] == 0) return no_weight(out, i, prefix, path, first, err);
    return EC_OK;
}
