/* connector_backward.c - gradients of a connector, beside connector_forward.c
 *
 * The chain rule, layer by layer from the last: what a layer was given and what its activation was
 * applied to are computed again from the connector's input, which is all that has to be kept of a
 * forward pass. Held against finite differences and the reference backend
 * (tests/unit/connectors/test_connector_backward.c). The loss is the language model's.
 */
#include "connectors/mlp.h"

/* Fills in `kept`. The result of the last layer is no part of it, unless that activates. */
static void forward_again(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_array x,
                          mlp_kept *kept) {
    mlp_spec most = *spec;
    const bool leaves_last = spec->n_layers > 0 && !spec->layer[spec->n_layers - 1].activates;
    if (leaves_last) most.n_layers--;
    const ec_array y = mlp_forward(ctx, &most, weights, x, kept);
    if (leaves_last) kept->x[most.n_layers] = y;
}

ec_array mlp_backward(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_array x,
                      ec_array dy) {
    mlp_kept kept;
    forward_again(ctx, spec, weights, x, &kept);
    for (size_t i = spec->n_layers; i-- > 0;) {
        const mlp_layer *layer = &spec->layer[i];
        const ec_linear_params p = weights->layer[i];
        if (layer->is_norm) {
            dy = ec_layer_norm_backward(ctx, dy, kept.x[i], (ec_norm_params){p.weight, p.bias},
                                        spec->eps);
            continue;
        }
        if (layer->activates)
            dy = ec_activation_backward(ctx, dy, kept.before[i], spec->activation);
        dy = ec_linear_backward(ctx, dy, kept.x[i], p);
    }
    return dy; /* [n, n_inputs] */
}
