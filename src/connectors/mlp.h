/* mlp.h - a connector: linear layers, with an activation between two and LayerNorms where there are
 *
 *     config.json + names of tensors -> spec -> views of weights -> forward pass
 *
 * mm_projector.bin comes without a description: connector_spec.c reads which layers there are from
 * the names, and their widths from the shapes. Where a config.json lies beside, connector_config.c
 * reads what it says of the connector and of the features it takes, and the two must agree.
 * connector_weights.c holds every tensor against the spec; connector_forward.c is the model.
 */
#ifndef EC_CONNECTORS_MLP_H
#define EC_CONNECTORS_MLP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "eyechart/connector.h"
#include "ops/bind.h"
#include "ops/ops.h"

enum { MLP_MAX_LINEARS = 32, MLP_MAX_LAYERS = 2 * MLP_MAX_LINEARS };

/* How a file calls its layers. Each has a slot; what is left out between two is an activation. */
typedef enum mlp_naming {
    MLP_BARE,    /* "weight": there is one */
    MLP_MODULES, /* "0.weight", "2.weight": slot i is module i of an nn.Sequential */
    /* "linear_1.weight", "linear_2.weight": slots 1, 3, …; "projector_layernorm": 0 */
    MLP_LINEAR_N
} mlp_naming;

typedef struct mlp_layer {
    bool is_norm; /* LayerNorm; else linear */
    bool has_bias;
    bool activates; /* its result goes through the activation */
    size_t slot;
    size_t n_in, n_out;
} mlp_layer;

typedef struct mlp_spec {
    mlp_naming naming;
    bool identity; /* LLaVA's "identity": no layer at all */
    ec_activation activation;
    double eps; /* of the norms */
    size_t n_layers, n_linears;
    mlp_layer layer[MLP_MAX_LAYERS];
    size_t n_inputs, n_outputs;
} mlp_spec;

/* What a config.json says; what it does not say is zero. */
typedef struct mlp_config {
    char path[512]; /* of the file, for messages; "": there is none */
    char type[64];  /* mm_projector_type */
    bool is_identity;
    size_t n_linears; /* of the type; 0: not said */
    bool has_activation;
    ec_activation activation;
    bool has_bias, bias; /* multimodal_projector_bias */
    double eps;          /* projector_layernorm_eps */
    size_t width;        /* mm_hidden_size */
    ec_connector_features features;
} mlp_config;

/* Reads the config.json beside `path` (a file or a folder); a missing one says nothing. Errors name
 * file and key. */
ec_status mlp_config_read(mlp_config *out, const char *path, ec_error *err);

/* The text of one; out->path is set, the rest zero. */
ec_status mlp_config_parse(mlp_config *out, const char *bytes, size_t size_bytes, ec_error *err);

/* "gelu", "silu", … as config.json has them; NULL for EC_ACT_NONE. */
const char *mlp_activation_name(ec_activation activation);

/* What connectors' tensors have in their names: "mm_projector.", "multi_modal_projector.", or ""
 * where no tensor has either. */
const char *mlp_prefix(const ec_weights *files);
/* What follows the prefix in a name; NULL: this is no tensor of the connector. */
const char *mlp_key(const char *name, const char *prefix);

/* Opens the files of the connector that `path`, a file or a folder, leads to. *file: what was
 * opened, owned. */
ec_status mlp_open_files(ec_weights **out, ec_text *file, const char *path, ec_error *err);

/* Reads the spec from names and shapes, and from what config.json says. `path` is for messages. */
ec_status mlp_spec_read(mlp_spec *out, ec_weights *files, const mlp_config *config,
                        const char *path, ec_error *err);

/* Parameters of the weight files, which must outlive them. */
typedef struct mlp_weights {
    ec_params *params;                      /* all of them, owned: mlp_weights_release */
    ec_linear_params layer[MLP_MAX_LAYERS]; /* of a norm both are [d] */
} mlp_weights;

/* Finds every tensor the spec asks for, checks its shape and dtype. `path` is for messages. */
ec_status mlp_weights_bind(mlp_weights *out, const mlp_spec *spec, ec_weights *files,
                           const char *path, ec_error *err);
void mlp_weights_release(mlp_weights *weights);

/* The key of a layer's weight or bias. */
void mlp_key_of(char *out, size_t size, mlp_naming naming, size_t slot, const char *parameter);

/* What a forward pass leaves for the backward pass; scratch. */
typedef struct mlp_kept {
    ec_array x[MLP_MAX_LAYERS]; /* what each layer was given */
    ec_array before[MLP_MAX_LAYERS]; /* what the activation of those that have one was applied to */
} mlp_kept;

/* x [n, n_inputs] -> [n, n_outputs], scratch of ctx. `kept` NULL: no backward pass follows, and an
 * activation is computed with its linear layer. */
ec_array mlp_forward(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_array x,
                     mlp_kept *kept);

/* dL/dx [n, n_inputs], scratch of ctx, of x and of dy, which is dL/dy [n, n_outputs]. Gradients of
 * the parameters that are trained (ec_params_train) are added to. */
ec_array mlp_backward(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_array x,
                      ec_array dy);

#endif
