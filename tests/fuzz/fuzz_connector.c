/* Connectors: which of a file's tensors they are, told by names and shapes of a stranger. Whatever
 * is accepted is a chain of layers, and can be read to the last byte. */
#include <stdint.h>

#include "base/hash.h"
#include "connectors/mlp.h"
#include "round_trip.h"
#include "tensor/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand_all_of(const ec_tensor *tensor) {
    char hash[EC_HASH_SIZE];
    ec_hash_bytes(hash, tensor->data, ec_tensor_count(tensor) * ec_dtype_size(tensor->dtype));
}

static void demand_chain(const mlp_spec *spec, const mlp_weights *weights) {
    size_t width = spec->n_inputs;
    DEMAND(spec->n_layers > 0 && spec->n_layers <= MLP_MAX_LAYERS);
    DEMAND(spec->n_linears > 0 && spec->n_linears <= MLP_MAX_LINEARS);
    for (size_t i = 0; i < spec->n_layers; i++) {
        const mlp_layer *layer = &spec->layer[i];
        const ec_param *of_bias = weights->layer[i].bias;
        const ec_tensor *weight = &weights->layer[i].weight->file,
                        *bias = of_bias != NULL ? &of_bias->file : NULL;
        DEMAND(layer->n_in == width);
        DEMAND(weight->n_dims == (layer->is_norm ? 1 : 2) && weight->shape[0] == layer->n_out);
        DEMAND(layer->is_norm || weight->shape[1] == width);
        DEMAND((bias != NULL) == layer->has_bias);
        DEMAND(bias == NULL || (bias->n_dims == 1 && bias->shape[0] == layer->n_out));
        demand_all_of(weight);
        if (bias != NULL) demand_all_of(bias);
        width = layer->n_out;
    }
    DEMAND(spec->n_outputs == width);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_weights *files;
    mlp_spec spec;
    mlp_weights weights;
    ec_error err = {0};
    if (ec_weights_read(&files, data, size, "input.safetensors", &err) == EC_OK) {
        static const mlp_config nothing;
        ec_status status = mlp_spec_read(&spec, files, &nothing, "input", &err);
        if (status == EC_OK) status = mlp_weights_bind(&weights, &spec, files, "input", &err);
        if (status == EC_OK) {
            demand_chain(&spec, &weights);
            mlp_weights_release(&weights);
        } else {
            demand_message(&err, status);
        }
    }
    ec_weights_close(files);
    return 0;
}
