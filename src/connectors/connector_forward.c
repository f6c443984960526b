/* connector_forward.c - the model, beside llava/model/multimodal_projector/builder.py
 *
 *     mlp2x_gelu   nn.Sequential(nn.Linear(c, d), nn.GELU(), nn.Linear(d, d))
 *
 * nn.GELU() is the exact one: x Phi(x) with erf. Checked against PyTorch: tools/align_reference.py,
 * tests/unit/test_connector.c.
 *
 * A backward pass, for training a connector before a frozen language model, will stand beside this
 * one and share the spec and the weights; the loss is the language model's (mllm).
 */
#include "connectors/mlp.h"

ec_tensor mlp_forward(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_tensor x) {
    for (size_t i = 0; i < spec->n_linears; i++) {
        const bool last = i + 1 == spec->n_linears;
        x = ec_linear(ctx, x, weights->linear[i], last ? EC_ACT_NONE : EC_ACT_GELU);
    }
    return x; /* [n, width of the language model] */
}
