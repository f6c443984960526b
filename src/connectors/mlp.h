/* mlp.h - a connector: linear layers with GELUs between them
 *
 *     names of tensors -> spec -> views of weights -> forward pass
 *
 * connector_spec.c reads how many layers there are from the names and their widths from the shapes,
 * since mm_projector.bin comes without a description (connector_config.c looks at that of a whole
 * model, where there is one); connector_weights.c holds every tensor
 * against that; connector_forward.c is the model.
 */
#ifndef EC_CONNECTORS_MLP_H
#define EC_CONNECTORS_MLP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "eyechart/connector.h"
#include "ops/ops.h"

enum { MLP_MAX_LINEARS = 32 };

/* How a file numbers linear layers. */
typedef enum mlp_naming {
    MLP_BARE,     /* "weight": there is one */
    MLP_MODULES,  /* "0.weight", "2.weight": modules of an nn.Sequential, of which GELUs are some */
    MLP_LINEAR_N, /* "linear_1.weight", "linear_2.weight" */
} mlp_naming;

typedef struct mlp_spec {
    mlp_naming naming;
    size_t n_linears;
    size_t width[MLP_MAX_LINEARS + 1]; /* width[i] enters linear i, which gives width[i + 1] */
} mlp_spec;

/* What connectors' tensors have in their names: "mm_projector.", "multi_modal_projector.", or ""
 * where no tensor has either. */
const char *mlp_prefix(const ec_weights *files);
/* What follows the prefix in a name; NULL: this is no tensor of the connector. */
const char *mlp_key(const char *name, const char *prefix);

/* Opens the files of the connector that `path`, a file or a folder, leads to. *file: what was opened,
 * owned. */
ec_status mlp_open_files(ec_weights **out, ec_text *file, const char *path, ec_error *err);

/* Reads the spec from names and shapes. `path` is for messages. */
ec_status mlp_spec_read(mlp_spec *out, ec_weights *files, const char *path, ec_error *err);

/* Views into the weight files, which must outlive them. */
typedef struct mlp_weights {
    ec_linear_params linear[MLP_MAX_LINEARS];
} mlp_weights;

/* Finds every tensor the spec asks for, checks its shape and dtype. */
ec_status mlp_weights_bind(mlp_weights *out, const mlp_spec *spec, ec_weights *files,
                           const char *path, ec_error *err);

/* A model of Hugging Face says in its config.json, beside the weights, what stands between the
 * layers: EC_ERR_FORMAT if that is not the exact GELU. */
ec_status mlp_check_activation(const char *path, const ec_weights *files, ec_error *err);

/* The key of linear i's weight or bias. */
void mlp_key_of(char *out, size_t size, const mlp_spec *spec, size_t i, const char *parameter);

/* x [n, width[0]] -> [n, width[n_linears]], scratch of ctx. */
ec_tensor mlp_forward(ec_ctx *ctx, const mlp_spec *spec, const mlp_weights *weights, ec_tensor x);

/* ec_connector_open on a context that outlives the connector and is shared with others of the same
 * thread. */
ec_status ec_connector_open_on(ec_connector **out, const char *path, ec_ctx *ctx, ec_error *err);

#endif
