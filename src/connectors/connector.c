/* connector.c - see eyechart/connector.h */
#include "eyechart/connector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "connectors/mlp.h"

/* Tokens at a time: enough to pay for packing the weights, few enough that what is between two
 * layers stays small. Tokens do not know of each other, so this changes no result. */
enum { TOKENS_AT_ONCE = 1024 };

struct ec_connector {
    ec_weights *files;
    ec_text file; /* what they are in */
    mlp_config config;
    mlp_spec spec;
    mlp_weights weights;
    ec_ctx *ctx; /* borrowed; NULL: only to be looked at */
};

static ec_status open_files(ec_connector *c, const char *path, ec_error *err) {
    ec_status status = mlp_config_read(&c->config, path, err);
    if (status == EC_OK && c->config.is_identity) { /* which has no weights */
        ec_text_add(&c->file, path);
        return c->file.failed ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path) : EC_OK;
    }
    if (status == EC_OK) status = mlp_open_files(&c->files, &c->file, path, err);
    return status == EC_OK ? mlp_config_read(&c->config, c->file.data, err) : status;
}

ec_status ec_connector_open(ec_connector **out, const char *path, ec_ctx *ctx, ec_error *err) {
    *out = NULL;
    ec_connector *c = calloc(1, sizeof *c);
    if (c == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    c->ctx = ctx;
    ec_status status = open_files(c, path, err);
    const char *file = c->file.data;
    if (status == EC_OK) status = mlp_spec_read(&c->spec, c->files, &c->config, file, err);
    if (status == EC_OK) status = mlp_weights_bind(&c->weights, &c->spec, c->files, file, err);
    if (status == EC_OK && ctx != NULL) status = ec_params_place(c->weights.params, ctx, err);
    if (status == EC_OK)
        *out = c;
    else
        ec_connector_close(c);
    return status;
}

void ec_connector_close(ec_connector *c) {
    if (c == NULL) return;
    mlp_weights_release(&c->weights);
    ec_weights_close(c->files);
    ec_text_release(&c->file);
    free(c);
}

const ec_connector_features *ec_connector_takes(const ec_connector *c) {
    return &c->config.features;
}

/* "mlp2x_gelu" */
static void describe_type(char *out, size_t size, const mlp_spec *s) {
    const char *activation = mlp_activation_name(s->activation);
    if (s->identity)
        snprintf(out, size, "identity");
    else if (s->n_linears == 1)
        snprintf(out, size, "linear");
    else
        snprintf(out, size, "mlp%zux_%s", s->n_linears, activation != NULL ? activation : "none");
}

ec_connector_info ec_connector_describe(const ec_connector *c) {
    const mlp_spec *s = &c->spec;
    ec_connector_info info = {
        .n_linears = s->n_linears,
        .n_inputs = s->n_inputs,
        .n_outputs = s->n_outputs,
        .dtype = s->n_layers > 0 ? c->weights.layer[0].weight->file.dtype : EC_F32,
        .file = c->file.data,
    };
    for (size_t i = 0; i < s->n_layers; i++) {
        const mlp_layer *layer = &s->layer[i];
        info.n_norms += layer->is_norm;
        info.has_bias = info.has_bias || (!layer->is_norm && layer->has_bias);
        info.n_parameters += (layer->is_norm ? 1 : layer->n_in) * layer->n_out;
        if (layer->has_bias) info.n_parameters += layer->n_out;
    }
    describe_type(info.type, sizeof info.type, s);
    return info;
}

double ec_connector_flops(const ec_connector *c) {
    double flops = 0;
    for (size_t i = 0; i < c->spec.n_layers; i++)
        if (!c->spec.layer[i].is_norm)
            flops += 2.0 * (double)c->spec.layer[i].n_in * (double)c->spec.layer[i].n_out;
    return flops;
}

/* "linear 0 weight F32 [4096, 1024] <hash of its bytes>" */
static void add_identity(ec_text *text, const char *kind, size_t i, const char *parameter,
                         const ec_param *param) {
    char shape[128], hash[EC_HASH_SIZE];
    if (param == NULL) return;
    const ec_tensor *tensor = &param->file;
    ec_hash_bytes(hash, tensor->data, ec_tensor_count(tensor) * ec_dtype_size(tensor->dtype));
    ec_text_format(text, "%s %zu %s %s %s %s\n", kind, i, parameter, ec_dtype_name(tensor->dtype),
                   ec_tensor_shape_text(shape, sizeof shape, tensor), hash);
}

/* What connectors had before there was a choice has no line, so that they keep their identity. */
ec_status ec_connector_hash(char out[33], const ec_connector *c, ec_error *err) {
    const mlp_spec *s = &c->spec;
    ec_text text = {0};
    size_t n_linears = 0, n_norms = 0;
    for (size_t i = 0; i < s->n_layers; i++) {
        const mlp_layer *layer = &s->layer[i];
        const size_t number = layer->is_norm ? n_norms++ : n_linears++;
        const char *kind = layer->is_norm ? "norm" : "linear";
        add_identity(&text, kind, number, "weight", c->weights.layer[i].weight);
        add_identity(&text, kind, number, "bias", c->weights.layer[i].bias);
    }
    if (n_linears > 1 && s->activation != EC_ACT_GELU)
        ec_text_format(&text, "activation %s\n", mlp_activation_name(s->activation));
    if (n_norms > 0) ec_text_format(&text, "eps %.17g\n", s->eps);
    if (s->identity) ec_text_format(&text, "identity %zu\n", s->n_inputs);
    const ec_status status = text.failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
    if (status == EC_OK) ec_hash_bytes(out, text.data, text.size_bytes);
    ec_text_release(&text);
    return status;
}

ec_status ec_connector_forward(float *out, ec_connector *c, const float *in, size_t n,
                               ec_error *err) {
    const size_t n_inputs = c->spec.n_inputs, n_outputs = c->spec.n_outputs;
    if (c->ctx == NULL)
        return ec_fail(err, EC_ERR_ARG,
                       "%s: was opened without a context, to be looked at alone; open it on one",
                       c->file.data);
    for (size_t at = 0; at < n && !ec_ctx_failed(c->ctx); at += TOKENS_AT_ONCE) {
        const size_t some = n - at < TOKENS_AT_ONCE ? n - at : TOKENS_AT_ONCE;
        const ec_mark mark = ec_scratch_mark(c->ctx);
        const ec_array x =
            ec_upload(c->ctx, in + at * n_inputs, EC_F32, 2, (size_t[]){some, n_inputs});
        ec_download(c->ctx, out + at * n_outputs,
                    mlp_forward(c->ctx, &c->spec, &c->weights, x, NULL));
        ec_scratch_release(c->ctx, mark);
    }
    return ec_ctx_status(c->ctx, err);
}
