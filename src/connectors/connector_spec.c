/* connector_spec.c - what a connector is, read from its tensors
 *
 *     weight, bias                              a single nn.Linear: "linear"
 *     0.weight, 0.bias, 2.weight, 2.bias, ...   nn.Sequential of linears with a GELU between two:
 *                                               "mlpNx_gelu"
 *
 * Anything else under mm_projector. is another kind of connector (resamplers, convolutions) and an
 * error: run as an MLP it would give numbers, and they would be wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/mlp.h"

static const char PREFIX[] = "mm_projector.";

const char *mlp_key(const char *name, bool prefixed) {
    if (!prefixed) return name;
    const char *at = strstr(name, PREFIX);
    return at != NULL ? at + strlen(PREFIX) : NULL;
}

bool mlp_is_prefixed(const ec_weights *files) {
    for (size_t i = 0; i < ec_weights_count(files); i++)
        if (strstr(ec_weights_name(files, i), PREFIX) != NULL) return true;
    return false;
}

void mlp_key_of(char *out, size_t size, const mlp_spec *spec, size_t i, const char *parameter) {
    if (spec->bare)
        snprintf(out, size, "%s", parameter);
    else
        snprintf(out, size, "%zu.%s", 2 * i, parameter);
}

/* A key taken apart: "2.weight" is linear 1. */
typedef struct {
    bool bare, is_weight;
    size_t linear;
} parsed_key;

static bool parse_key(parsed_key *out, const char *key) {
    char *end;
    *out = (parsed_key){.bare = key[0] < '0' || key[0] > '9'};
    if (!out->bare) {
        const unsigned long number = strtoul(key, &end, 10);
        const size_t digits = (size_t)(end - key);
        if (*end != '.' || (digits > 1 && key[0] == '0') || digits > 4 || number % 2 != 0)
            return false;
        out->linear = number / 2;
        key = end + 1;
    }
    out->is_weight = strcmp(key, "weight") == 0;
    return out->is_weight || strcmp(key, "bias") == 0;
}

static ec_status refuse_key(const char *path, const char *name, ec_error *err) {
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: tensor '%.160s' has no place in a connector of type linear or mlpNx_gelu, "
                   "which has weight and bias, or 0.weight, 0.bias, 2.weight, 2.bias and so on; "
                   "other types are not supported",
                   path, name);
}

static ec_status no_connector(const ec_weights *files, const char *path, ec_error *err) {
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: no connector among its %zu tensors%s%.160s; expected names with "
                   "'mm_projector.' (0.weight, 0.bias, 2.weight, 2.bias, ...), or these without it",
                   path, ec_weights_count(files),
                   ec_weights_count(files) > 0 ? ", the first is " : "",
                   ec_weights_count(files) > 0 ? ec_weights_name(files, 0) : "");
}

static ec_status no_weight(const mlp_spec *spec, size_t i, bool prefixed, const char *path,
                           const char *beside, ec_error *err) {
    char key[32], in[32] = "channels in";
    mlp_key_of(key, sizeof key, spec, i, "weight");
    if (spec->width[i] > 0) snprintf(in, sizeof in, "%zu", spec->width[i]);
    return ec_fail(
        err, EC_ERR_FORMAT,
        "%s: tensor '%s%s' is missing; expected shape [channels out, %s], beside '%.160s'", path,
        prefixed ? PREFIX : "", key, in, beside);
}

/* Counts the linears and notes the widths that the weights claim. */
static ec_status read_key(mlp_spec *spec, const parsed_key *key, const ec_tensor *tensor,
                          const char *path, const char *name, ec_error *err) {
    if (key->linear >= MLP_MAX_LINEARS)
        return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.160s': expected at most %d linear layers",
                       path, name, MLP_MAX_LINEARS);
    spec->bare = key->bare;
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

ec_status mlp_spec_read(mlp_spec *out, const ec_weights *files, const char *path, ec_error *err) {
    *out = (mlp_spec){0};
    const bool prefixed = mlp_is_prefixed(files);
    const char *first = NULL; /* the first tensor of the connector */
    bool all_parse = true;
    for (size_t i = 0; i < ec_weights_count(files); i++) {
        const char *name = ec_weights_name(files, i), *key = mlp_key(name, prefixed);
        parsed_key parsed;
        if (key == NULL) continue;
        if (!parse_key(&parsed, key)) {
            all_parse = false;
            if (prefixed) return refuse_key(path, name, err);
            continue;
        }
        if (first != NULL && parsed.bare != out->bare) return refuse_key(path, name, err);
        if (first == NULL) first = name;
        const ec_status status =
            read_key(out, &parsed, ec_weights_tensor(files, i), path, name, err);
        if (status != EC_OK) return status;
    }
    /* Without the prefix a file is a connector when it is nothing else as well. */
    if (first == NULL || !all_parse) return no_connector(files, path, err);
    for (size_t i = 0; i < out->n_linears; i++)
        if (out->width[i + 1] == 0) return no_weight(out, i, prefixed, path, first, err);
    return EC_OK;
}
