/* connector.h - what stands between a vision encoder and a language model
 *
 *     F [n, c] -> linear                                   mm_projector_type "linear"
 *     F [n, c] -> linear -> gelu -> linear -> ... -> E     "mlpNx_gelu": N linears; silu, relu, too
 *     F [n, c]                                             "identity"
 *
 * applied to each token by itself: E = W2 gelu(W1 F + b1) + b2 for LLaVA-1.5's mlp2x_gelu, with the
 * exact (erf) GELU. Biases may be missing, and LayerNorms may stand before and between. Source: Liu
 * et al., "Improved Baselines with Visual Instruction Tuning", arXiv:2310.03744;
 * llava/model/multimodal_projector/builder.py.
 *
 * Connectors are read as they were trained. Making and training one is not this module's: it needs
 * the language model's gradient (mllm).
 */
#ifndef EYECHART_CONNECTOR_H
#define EYECHART_CONNECTOR_H

#include <stddef.h>

#include "eyechart/device.h"
#include "eyechart/features.h"
#include "eyechart/status.h"
#include "eyechart/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_connector ec_connector;

/* Opens a connector.
 *
 *   path   mm_projector.bin as LLaVA writes it, the same as safetensors, non_lora_trainables.bin,
 * or the folder or index of a whole multimodal model (LLaVA's, or one of transformers, as llava-hf
 * has them), of which only the connector is looked at. In a folder are looked for, in this order:
 * mm_projector.bin or .safetensors, non_lora_trainables.bin, a whole model,
 *          adapter_model.safetensors or .bin with a connector in it, mm_projector/checkpoint-N.bin
 *          of the last step, the last folder checkpoint-N/ that has one of these; and for a folder
 *          checkpoint-N/ without any, mm_projector/checkpoint-N.bin and then mm_projector.bin and
 *          non_lora_trainables.bin of the folder above. ec_connector_describe() says which was
 * taken.
 *   ctx    what computes; borrowed, it outlives the connector. NULL: none, the connector is opened
 *          to be looked at, and has no forward pass
 *   out    owned by the caller, ec_connector_close(); NULL on failure
 *
 * Tensors are told by what follows "mm_projector." or "multi_modal_projector." in their name, or by
 * their whole name where none contains that: "weight" and "bias" for a single linear, "0.weight",
 * "0.bias", "2.weight", ... for an MLP, whose odd numbers are the GELUs, or "linear_1.weight",
 * "linear_1.bias", "linear_2.weight", ... as transformers names it. f32, f16 and bf16, [out, in] as
 * PyTorch stores them. A config.json beside the weights says the activation (mm_projector_type,
 * projector_hidden_act; the exact GELU without it), and must not contradict the tensors.
 *
 * Errors name the file, the tensor, what was expected and what was found; the caller adds the
 * candidate. EC_ERR_NOT_FOUND: no such file, or no connector in it; EC_ERR_FORMAT; EC_ERR_IO;
 * EC_ERR_NOMEM. */
ec_status ec_connector_open(ec_connector **out, const char *path, ec_ctx *ctx, ec_error *err);
void ec_connector_close(ec_connector *connector);

/* What ec_connector_open() would open for `path`: the file that was found in a folder, or the
 * folder of a whole model. Owned, free(). Errors as there. */
ec_status ec_connector_locate(char **out, const char *path, ec_error *err);

typedef struct ec_connector_info {
    char type[32];    /* "linear", "mlp2x_gelu", "mlp2x_silu", "identity", ... */
    size_t n_linears; /* depth */
    size_t n_norms;   /* LayerNorms before and between them */
    bool has_bias;    /* the linears have */
    size_t n_inputs;  /* channels of the features it takes */
    size_t n_outputs; /* width of the language model */
    size_t n_parameters;
    ec_dtype dtype;   /* of its first weight, as it is computed with */
    const char *file; /* what was opened: in a folder the file that was found, or the folder of a
                         whole model. Borrowed until ec_connector_close */
} ec_connector_info;

ec_connector_info ec_connector_describe(const ec_connector *connector);
/* XXH3-128 of the connector's tensors as numbered layers, whatever file and prefix they came from:
 * 32 hex digits and the terminator. Reads all of its bytes. */
ec_status ec_connector_hash(char out[33], const ec_connector *connector, ec_error *err);
/* ---- the features it was trained on ---- */

/* What the config.json beside a connector says of them: mm_vision_select_layer and _feature,
 * vision_feature_layer and vision_feature_select_strategy; and image_aspect_ratio. */
typedef struct ec_connector_features {
    bool has_layer, has_tokens; /* it says something */
    int layer;                  /* as in ec_tap */
    bool keep_class_token;
    bool tower_trained; /* unfreeze_mm_vision_tower: the encoder is not the original any more */
    bool pads; /* it was trained on pictures padded to a square: EC_PREPARE_PAD */
    char layer_key[40], tokens_key[40]; /* which key says it */
    char path[512];                     /* of that file; "": there is none */
} ec_connector_features;

/* Of an open connector, borrowed; and without opening the weights, `path` as for ec_connector_open.
 * EC_ERR_FORMAT: config.json says something that is not supported. */
const ec_connector_features *ec_connector_takes(const ec_connector *connector);
ec_status ec_connector_features_read(ec_connector_features *out, const char *path, ec_error *err);

/* Gives a source the layer and the tokens that its connector was trained on, where it has none of
 * its own. EC_ERR_ARG: they contradict. n_blocks of its encoder tells whether layer 22 is -3; 0: it
 * is not known, and such a pair is let through. */
ec_status ec_connector_features_settle(ec_feature_source *source, const ec_connector_features *says,
                                       size_t n_blocks, ec_error *err);

/* Whether a connector was trained on padded pictures and some of its encoders prepare theirs
 * natively. It is told and not obeyed: what was measured on the paper's models is without
 * padding. */
bool ec_connector_features_lack_pad(const ec_connector_features *says,
                                    const ec_feature_source *sources, size_t n_sources);

/* Floating-point operations (2 per multiply-add) of one token. */
double ec_connector_flops(const ec_connector *connector);

/* Embeddings of n tokens.
 *
 *   out  [n][n_outputs]
 *   in   [n][n_inputs], features of an encoder, several encoders side by side on the channel axis
 *
 * Called by one thread at a time of all that use the context. Errors: EC_ERR_NOMEM,
 * EC_ERR_DEVICE. */
ec_status ec_connector_forward(float *out, ec_connector *connector, const float *in, size_t n,
                               ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
