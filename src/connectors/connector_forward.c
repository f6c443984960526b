/* connector_forward.c - the model, beside llava/model/multimodal_projector/builder.py
 *
 *     mlp2x_gelu   nn.Sequential(nn.Linear(c, d), nn.GELU(), nn.Linear(d, d))
 *
 * nn.GELU() is the exact one: x Phi(x) with erf. Checked against PyTorch: tools/align_reference.py,
 * tools/make_connector_fixtures.py, tests/unit/connectors/test_connector.c.
 *
 * A backward pass, for training a connector before a frozen language model, will stand beside this
 * one and share the spec and the weights; the loss is the language model's (mllm).
 */
#include "connectors/mlp.h"

ec_array mlp_forward(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_array x) {
    for (size_t i = 0; i < spec->n_layers; i++) {
        const mlp_layer *layer = &spec->layer[i];
        const ec_linear_params p = weights->layer[i];
        x = layer->is_norm
                ? ec_layer_norm(ctx, x, (ec_norm_params){p.weight, p.bias}, spec->eps)
                : ec_linear(ctx, x, p, layer->activates ? spec->activation : EC_ACT_NONE);
    }
    return x; /* [n, width of the language model] */
}
