/* connector_weights.c - the tensors of a connector, each held against the spec
 *
 * All that the spec asks for are required: a connector without its bias is another function, and
 * nobody would notice.
 */
#include <stdio.h>
#include <string.h>

#include "connectors/mlp.h"

/* What stands before the keys of the connector's tensors, "model.mm_projector.": those of the
 * first. No key may be there once more behind something else. */
static ec_status find_front(char front[EC_MAX_TENSOR_NAME], const ec_weights *files,
                            const char *path, ec_error *err) {
    const char *const prefix = mlp_prefix(files), *first = NULL;
    snprintf(front, EC_MAX_TENSOR_NAME, "%s", prefix);
    for (size_t i = 0; i < ec_weights_count(files); i++) {
        const char *name = ec_weights_name(files, i), *key = mlp_key(name, prefix);
        char same[2 * EC_MAX_TENSOR_NAME];
        if (key == NULL) continue;
        if (first == NULL) snprintf(front, EC_MAX_TENSOR_NAME, "%.*s", (int)(key - name), name);
        if (first == NULL) first = name;
        snprintf(same, sizeof same, "%s%s", front, key);
        if (strcmp(same, name) != 0 && ec_weights_find(files, same) != NULL)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: both '%.160s' and '%.160s' are the connector's '%s'; expected one "
                           "connector in a file",
                           path, same, name, key);
    }
    return EC_OK;
}

static ec_param *take(ec_binder *b, const mlp_spec *spec, const mlp_layer *layer,
                      const char *parameter, int n_dims) {
    char key[48];
    mlp_key_of(key, sizeof key, spec->naming, layer->slot, parameter);
    return ec_bind(b, "", key, "", n_dims, (size_t[]){layer->n_out, layer->n_in});
}

ec_status mlp_weights_bind(mlp_weights *out, const mlp_spec *spec, ec_weights *files,
                           const char *path, ec_error *err) {
    char front[EC_MAX_TENSOR_NAME];
    ec_error why = {0};
    ec_binder b;
    *out = (mlp_weights){0};
    ec_status status = ec_params_new(&out->params, err);
    if (status != EC_OK || spec->n_layers == 0) return status;
    b = (ec_binder){.status = find_front(front, files, path, &why)};
    if (b.status == EC_OK) ec_bind_begin(&b, out->params, files, front, "", &why);
    for (size_t i = 0; i < spec->n_layers && b.status == EC_OK; i++) {
        const mlp_layer *layer = &spec->layer[i];
        out->layer[i].weight = take(&b, spec, layer, "weight", layer->is_norm ? 1 : 2);
        if (layer->has_bias) out->layer[i].bias = take(&b, spec, layer, "bias", 1);
    }
    ec_bind_end(&b);
    if (b.status == EC_OK) return EC_OK;
    mlp_weights_release(out);
    /* What cannot be loaded is told with its file already. */
    const bool has_path = strncmp(why.message, path, strlen(path)) == 0;
    return ec_fail(err, b.status, "%s%s%s", has_path ? "" : path, has_path ? "" : ": ",
                   why.message);
}

void mlp_weights_release(mlp_weights *weights) {
    ec_params_free(weights->params);
    *weights = (mlp_weights){0};
}
