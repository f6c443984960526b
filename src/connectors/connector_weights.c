/* connector_weights.c - the tensors of a connector, each held against the spec
 *
 * All that the spec asks for are required: a connector without its bias is another function, and
 * nobody would notice.
 */
#include <stdio.h>
#include <string.h>

#include "connectors/mlp.h"

/* The tensor with this key; NULL and an error when there is none or more than one. */
static const ec_tensor *find(ec_weights *files, const char *key, const ec_tensor *wanted,
                             const char *path, ec_error *err) {
    const char *const prefix = mlp_prefix(files);
    const ec_tensor *found = NULL, *loaded;
    const char *found_name = NULL;
    size_t found_at = 0;
    char expected[128], shape[128];
    ec_tensor_shape_text(expected, sizeof expected, wanted);
    for (size_t i = 0; i < ec_weights_count(files); i++) {
        const char *name = ec_weights_name(files, i), *this_key = mlp_key(name, prefix);
        if (this_key == NULL || strcmp(this_key, key) != 0) continue;
        if (found != NULL) {
            ec_fail(err, EC_ERR_FORMAT,
                    "%s: both '%.160s' and '%.160s' are the connector's '%s'; expected one "
                    "connector in a file",
                    path, found_name, name, key);
            return NULL;
        }
        found = ec_weights_tensor(files, i);
        found_name = name;
        found_at = i;
    }
    if (found == NULL) {
        const char *gaps = ec_weights_gaps(files);
        ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%s%s' is missing; expected shape %s%s%s", path,
                prefix, key, expected, gaps != NULL ? "; " : "", gaps != NULL ? gaps : "");
        return NULL;
    }
    if (found->n_dims != wanted->n_dims || found->shape[0] != wanted->shape[0] ||
        (found->n_dims == 2 && found->shape[1] != wanted->shape[1])) {
        ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.160s': shape %s, expected %s", path, found_name,
                ec_tensor_shape_text(shape, sizeof shape, found), expected);
        return NULL;
    }
    return ec_weights_load(&loaded, files, found_at, err) == EC_OK ? loaded : NULL;
}

ec_status mlp_weights_bind(mlp_weights *out, const mlp_spec *spec, ec_weights *files,
                           const char *path, ec_error *err) {
    ec_error unheard;
    if (err == NULL) err = &unheard; /* find() speaks through it */
    *out = (mlp_weights){0};
    for (size_t i = 0; i < spec->n_layers; i++) {
        const mlp_layer *layer = &spec->layer[i];
        char key[48];
        const ec_tensor matrix = {.n_dims = 2, .shape = {layer->n_out, layer->n_in}},
                        vector = {.n_dims = 1, .shape = {layer->n_out}};
        mlp_key_of(key, sizeof key, spec->naming, layer->slot, "weight");
        out->layer[i].weight = find(files, key, layer->is_norm ? &vector : &matrix, path, err);
        if (out->layer[i].weight == NULL) return err->status;
        if (!layer->has_bias) continue;
        mlp_key_of(key, sizeof key, spec->naming, layer->slot, "bias");
        if ((out->layer[i].bias = find(files, key, &vector, path, err)) == NULL) return err->status;
    }
    return EC_OK;
}
