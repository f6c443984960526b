/* cmd_inspect.c - eyechart inspect: what a weight folder is, and what eyechart would do with it */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/sources.h"
#include "eyechart/connector.h"
#include "eyechart/encoder.h"

enum { O_SIZE, O_LAYER, O_FINITE, O_JSON };

static const option OPTIONS[] = {
    [O_SIZE] = {.name = "size",
                .argument = "PIXELS",
                .type = VALUE_COUNT,
                .low = 1,
                .high = 100000,
                .help = "input side to compute for; the encoder's own when not given"},
    [O_LAYER] = OPTION_LAYER("hidden state to compute for, numbered as in transformers"),
    [O_FINITE] = {.name = "check-weights",
                  .help = "read every weight and look for NaN and infinities"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "FOLDER",
     .type = VALUE_FOLDER,
     .help = "a model as downloaded from Hugging Face: an encoder, or a multimodal one"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart inspect clip-vit-large-patch14-336/",
     "family, sizes, cost, and how images are prepared"},
    {"eyechart inspect dinov2-large/ --size 336", "the same at another resolution"},
    {"eyechart inspect dinov2-large/ --check-weights", "and whether a weight is NaN or infinite"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DONE, "eyechart can run it"},
    {EXIT_DATA, "it cannot; stderr says what is missing or wrong"},
    {0},
};

/* What there is to say. */
typedef struct {
    ec_encoder_info info;
    size_t size;
    ec_feature_shape shape;
    int layer;
    double flops;
    char hash[33];
    const char *source; /* the encoder's: what was opened */
    bool has_preparation;
    ec_preparation preparation;
    char no_preparation[EC_ERROR_MESSAGE_SIZE];
    bool has_connector;
    ec_connector_info connector; /* of a multimodal model; its file is not kept */
    ec_connector_features takes;
    char no_connector[EC_ERROR_MESSAGE_SIZE];
} facts;

static void look_for_connector(facts *f, const char *folder) {
    ec_connector *connector;
    ec_error err;
    if (!f->info.is_inside) return;
    f->has_connector = ec_connector_open(&connector, folder, NULL, &err) == EC_OK;
    if (!f->has_connector) {
        snprintf(f->no_connector, sizeof f->no_connector, "%s", err.message);
        return;
    }
    f->connector = ec_connector_describe(connector);
    f->takes = *ec_connector_takes(connector);
    ec_connector_close(connector);
}

static void print_connector(const facts *f) {
    if (!f->info.is_inside) return;
    if (!f->has_connector) {
        printf("connector    cannot be used: %s\n", f->no_connector);
        return;
    }
    printf("connector    %s%s%s, %zu to %zu channels, of layer %d, %s tokens\n", f->connector.type,
           f->connector.n_norms > 0 ? " with norms" : "",
           f->connector.has_bias ? "" : " without bias", f->connector.n_inputs,
           f->connector.n_outputs, f->takes.has_layer ? f->takes.layer : EC_TAP_DEFAULT.layer,
           f->takes.keep_class_token ? "all" : "patch");
}

static json_t *connector_json(const facts *f) {
    if (!f->has_connector) return json_null();
    return json_pack("{s:s, s:I, s:I, s:i, s:s}", "type", f->connector.type, "inputs",
                     (json_int_t)f->connector.n_inputs, "outputs",
                     (json_int_t)f->connector.n_outputs, "layer",
                     f->takes.has_layer ? f->takes.layer : EC_TAP_DEFAULT.layer, "tokens",
                     f->takes.keep_class_token ? "all" : "patch");
}

static int gather(facts *f, const ec_encoder *encoder, const arguments *args) {
    const option_value *v = args->values;
    ec_error err;
    f->info = ec_encoder_describe(encoder);
    f->source = ec_encoder_source(encoder);
    f->size = v[O_SIZE].given ? (size_t)v[O_SIZE].count : f->info.image_size;
    f->layer = (int)v[O_LAYER].number;
    const ec_tap tap = {.layer = f->layer};
    if (ec_encoder_feature_shape(&f->shape, encoder, f->size, f->size, tap, &err) != EC_OK ||
        ec_encoder_hash(f->hash, encoder, NULL, &err) != EC_OK ||
        (v[O_FINITE].given && ec_encoder_check_finite(encoder, &err) != EC_OK))
        return report_error(&err);
    f->flops = ec_encoder_flops(encoder, f->size, f->size, tap);
    f->has_preparation = ec_encoder_preparation(&f->preparation, encoder, &err) == EC_OK;
    if (!f->has_preparation)
        snprintf(f->no_preparation, sizeof f->no_preparation, "%s", err.message);
    return EXIT_DONE;
}

static const char *const filters[] = {"nearest", "Lanczos", "bilinear", "bicubic", "box"};

static void print_preparation(const facts *f) {
    const ec_preparation *p = &f->preparation;
    printf("images       ");
    if (!f->has_preparation) {
        printf("--prepare native cannot be used: %s\n", f->no_preparation);
        return;
    }
    if (p->resize == EC_RESIZE_SHORTEST_EDGE)
        printf("short side to %zu (%s)", p->shortest_edge, filters[p->filter]);
    else if (p->resize == EC_RESIZE_SQUASH)
        printf("squashed to %zu x %zu (%s)", p->resize_width, p->resize_height, filters[p->filter]);
    else
        printf("as they are");
    if (p->resize == EC_RESIZE_SHORTEST_EDGE && p->longest_edge > 0)
        printf(", long side at most %zu", p->longest_edge);
    if (p->crop_width > 0) printf(", centre crop %zu x %zu", p->crop_width, p->crop_height);
    if (p->normalise)
        printf(", mean %.4g %.4g %.4g, deviation %.4g %.4g %.4g", p->mean[0], p->mean[1],
               p->mean[2], p->std[0], p->std[1], p->std[2]);
    putchar('\n');
}

static void print_text(const facts *f) {
    const ec_encoder_info *i = &f->info;
    printf("family       %s%s\n", i->family, i->n_registers > 0 ? " with registers" : "");
    printf("size         %zu blocks, %zu wide, %zu heads, MLP %zu (%s), patches of %zu pixels, "
           "trained at %zu\n",
           i->n_blocks, i->width, i->n_heads, i->mlp_width, i->activation, i->patch_size,
           i->image_size);
    printf("parameters   %.1f million, %s, %.0f MB of tensors in the files\n",
           (double)i->n_parameters / 1e6, ec_dtype_name(i->dtype), (double)i->weight_bytes / 1e6);
    printf("weights      xxh3 %s, of %s\n", f->hash, f->source);
    const size_t covered = f->shape.grid_width * f->shape.cell;
    printf("at %-9zu %zu x %zu patches", f->size, f->shape.grid_width, f->shape.grid_height);
    if (covered < f->size) printf(" (of the first %zu pixels)", covered);
    printf(", %.1f GFLOP an image up to layer %d\n", f->flops / 1e9, f->layer);
    printf("features     [%zu tokens, %zu channels]%s\n", f->shape.n_tokens, f->shape.n_channels,
           i->has_class_token ? ", class token dropped" : "");
    print_preparation(f);
    print_connector(f);
}

static void print_json(const facts *f) {
    const ec_encoder_info *i = &f->info;
    json_print(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:o, s:I, s:s, s:I, "
                         "s:s, s:s, s:I, s:i, s:[I,I], s:I, s:I, s:o, s:b, s:o}",
                         "family", i->family, "image_size", (json_int_t)i->image_size, "patch_size",
                         (json_int_t)i->patch_size, "width", (json_int_t)i->width, "mlp_width",
                         (json_int_t)i->mlp_width, "blocks", (json_int_t)i->n_blocks, "heads",
                         (json_int_t)i->n_heads, "registers", (json_int_t)i->n_registers,
                         "class_token", i->has_class_token, "activation", i->activation,
                         "layer_norm_eps", json_number(i->layer_norm_eps), "parameters",
                         (json_int_t)i->n_parameters, "dtype", ec_dtype_name(i->dtype),
                         "weight_bytes", (json_int_t)i->weight_bytes, "weights", f->hash, "source",
                         f->source, "size", (json_int_t)f->size, "layer", f->layer, "grid",
                         (json_int_t)f->shape.grid_height, (json_int_t)f->shape.grid_width,
                         "tokens", (json_int_t)f->shape.n_tokens, "channels",
                         (json_int_t)f->shape.n_channels, "flops", json_number(f->flops),
                         "native_preparation", f->has_preparation, "connector", connector_json(f)));
}

static int run(const arguments *args) {
    ec_encoder *encoder;
    ec_error err;
    if (ec_encoder_open(&encoder, args->operands[0], NULL, &err) != EC_OK)
        return report_error(&err);
    facts f = {0};
    const int status = gather(&f, encoder, args);
    if (status == EXIT_DONE) look_for_connector(&f, args->operands[0]);
    if (status == EXIT_DONE) (args->values[O_JSON].given ? print_json : print_text)(&f);
    ec_encoder_close(encoder);
    return status;
}

const command CMD_INSPECT = {
    .name = "inspect",
    .purpose = "what a weight folder is, and what eyechart would do with it",
    .about =
        "Reads config.json, preprocessor_config.json and the weights, and checks that every "
        "tensor of the model is there "
        "with its shape. Tells the family, parameters, floating-point operations an image, "
        "the shape of the features, and "
        "how images are prepared. Folders of timm, open_clip and facebookresearch/dinov2 are read "
        "as well; of a multimodal model the vision tower is told, and the connector with the "
        "features that it was trained on.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
};
