/* connector_forward.c - the model, beside llava/model/multimodal_projector/builder.py
 *
 *     mlp2x_gelu   nn.Sequential(nn.Linear(c, d), nn.GELU(), nn.Linear(d, d))
 *
 * nn.GELU() is the exact one: x Phi(x) with erf. Checked against PyTorch: tools/align_reference.py,
 * tools/make_connector_fixtures.py, tests/unit/connectors/test_connector.c.
 *
 * The backward pass stands beside it: connector_backward.c.
 */
#include "connectors/mlp.h"

ec_array mlp_forward(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_array x,
                     mlp_kept *kept) {
    for (size_t i = 0; i < spec->n_layers; i++) {
        const mlp_layer *layer = &spec->layer[i];
        const ec_linear_params p = weights->layer[i];
        const ec_activation activation = layer->activates ? spec->activation : EC_ACT_NONE;
        if (kept != NULL) kept->x[i] = x;
        if (layer->is_norm) {
            x = ec_layer_norm(ctx, x, (ec_norm_params){p.weight, p.bias}, spec->eps);
        } else if (kept != NULL && layer->activates) {
            kept->before[i] = ec_linear(ctx, x, p, EC_ACT_NONE);
            x = ec_activate(ctx, kept->before[i], activation);
        } else {
            x = ec_linear(ctx, x, p, activation);
        }
    }
    return x; /* [n, width of the language model] */
}
