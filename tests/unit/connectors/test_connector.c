/* test_connector.c - connectors from every kind of file, against PyTorch; and what is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "device.h"
#include "eyechart/connector.h"
#include "eyechart/tensor.h"
#include "folder.h"

#define ALIGN EC_SOURCE_DIR "/tests/align/"

typedef struct {
    const char *name, *type;
    size_t in, parameters;
    ec_dtype dtype;
} fixture;

/* Written by tools/align_reference.py. */
static const fixture fixtures[] = {
    {"clip.bin", "mlp2x_gelu", 40, 41 * 48 + 49 * 48, EC_BF16},
    {"dinov2.safetensors", "mlp2x_gelu", 36, 37 * 48 + 49 * 48, EC_F32},
    {"siglip.safetensors", "mlp2x_gelu", 36, 37 * 56 + 57 * 48, EC_F16},
    {"vit.bin", "linear", 32, 33 * 48, EC_F32},
    {"whole", "mlp3x_gelu", 68, 69 * 40 + 41 * 44 + 45 * 48, EC_F32},
    {"llava-hf", "mlp2x_gelu", 40, 41 * 48 + 49 * 48, EC_F16},
};
enum { N_FIXTURES = sizeof fixtures / sizeof *fixtures };

static ec_connector *open_fixture(const char *name, ec_ctx *ctx) {
    char path[512];
    ec_connector *c;
    ec_error err;
    snprintf(path, sizeof path, ALIGN "%s", name);
    if (ec_connector_open(&c, path, ctx, &err) != EC_OK) fail_msg("%s", err.message);
    return c;
}

/* Observed: at most 4e-7 of the output's RMS. */
static void connectors_give_what_pytorch_gives(void **state) {
    (void)state;
    ec_weights *expected;
    ec_error err;
    assert_int_equal(ec_weights_open(&expected, ALIGN "connectors.safetensors", &err), EC_OK);
    static const char *const devices[] = {NULL, "cpu:portable", "ref"};
    for (size_t i = 0; i < 3 * N_FIXTURES; i++) {
        const fixture *f = &fixtures[i / 3];
        char name[64];
        snprintf(name, sizeof name, "%s.in", f->name);
        const ec_tensor *in = ec_weights_find(expected, name);
        snprintf(name, sizeof name, "%s.out", f->name);
        const ec_tensor *out = ec_weights_find(expected, name);
        assert_true(in != NULL && out != NULL);
        const size_t n = in->shape[0], d = out->shape[1];

        ec_ctx *ctx = open_device(devices[i % 3], 2);
        ec_connector *c = open_fixture(f->name, ctx);
        float x[5 * 68], y[5 * 48], wanted[5 * 48];
        assert_true(n == 5 && d == 48 && in->shape[1] == f->in);
        ec_tensor_to_f32(x, in, 0, n * f->in);
        ec_tensor_to_f32(wanted, out, 0, n * d);
        assert_int_equal(ec_connector_forward(y, c, x, n, &err), EC_OK);
        double worst = 0, square = 0;
        for (size_t j = 0; j < n * d; j++) {
            worst = fmax(worst, fabs((double)y[j] - (double)wanted[j]));
            square += (double)wanted[j] * (double)wanted[j];
        }
        const double rms = sqrt(square / (double)(n * d));
        if (!(worst < 2e-6 * rms)) fail_msg("%s: off by %g of %g", f->name, worst, rms);
        ec_connector_close(c);
        ec_ctx_free(ctx);
    }
    ec_weights_close(expected);
}

static void a_connector_says_what_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        ec_connector *c = open_fixture(fixtures[i].name, NULL);
        const ec_connector_info info = ec_connector_describe(c);
        assert_string_equal(info.type, fixtures[i].type);
        assert_int_equal(info.n_inputs, fixtures[i].in);
        assert_int_equal(info.n_outputs, 48);
        assert_int_equal(info.n_parameters, fixtures[i].parameters);
        assert_int_equal(info.dtype, fixtures[i].dtype);
        ec_connector_close(c);
    }
    ec_connector *c = open_fixture("whole", NULL);
    assert_true(ec_connector_flops(c) == 2.0 * (68 * 40 + 40 * 44 + 44 * 48));
    const float token[68] = {0};
    float embedding[48];
    ec_error err;
    assert_int_equal(ec_connector_forward(embedding, c, token, 1, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "without a context"));
    ec_connector_close(c);
}

/* Tokens are computed some at a time. */
static void a_token_is_the_same_in_any_company(void **state) {
    (void)state;
    enum { N = 2500, C = 32, D = 48 };
    ec_ctx *ctx = open_device(NULL, 2);
    ec_connector *c = open_fixture("vit.bin", ctx);
    float *x = malloc(N * C * sizeof *x), *y = malloc(N * D * sizeof *y), one[D];
    for (size_t i = 0; i < N * C; i++) x[i] = sinf((float)i);
    ec_error err;
    assert_int_equal(ec_connector_forward(y, c, x, N, &err), EC_OK);
    static const size_t probes[] = {0, 1023, 1024, 2047, N - 1};
    for (size_t p = 0; p < sizeof probes / sizeof *probes; p++) {
        assert_int_equal(ec_connector_forward(one, c, x + probes[p] * C, 1, &err), EC_OK);
        assert_memory_equal(one, y + probes[p] * D, sizeof one);
    }
    free(x);
    free(y);
    ec_connector_close(c);
    ec_ctx_free(ctx);
}

/* ---- files made here ---- */

typedef struct {
    const char *name, *dtype, *shape;
    size_t size_bytes;
    unsigned char first_byte;
} stored;

/* A safetensors file of these tensors, all zeros but for the first byte of each. */
static void write_safetensors(const char *path, const stored *tensors, size_t n) {
    ec_text header = {0}, file = {0};
    size_t at = 0;
    ec_text_add(&header, "{");
    for (size_t i = 0; i < n; i++) {
        ec_text_format(&header,
                       "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                       i > 0 ? "," : "", tensors[i].name, tensors[i].dtype, tensors[i].shape, at,
                       at + tensors[i].size_bytes);
        at += tensors[i].size_bytes;
    }
    ec_text_add(&header, "}");
    const uint64_t size = header.size_bytes; /* little-endian, as this machine */
    ec_text_add_bytes(&file, &size, 8);
    ec_text_add_bytes(&file, header.data, header.size_bytes);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < tensors[i].size_bytes; j++)
            ec_text_add_bytes(&file, &(unsigned char){j == 0 ? tensors[i].first_byte : 0}, 1);
    folder_write_bytes(path, file.data, file.size_bytes);
    ec_text_release(&header);
    ec_text_release(&file);
}

static void assert_refused(const char *path, ec_status status, const char *const *words) {
    ec_connector *c;
    ec_error err = {.message = "(none)"};
    const ec_status got = ec_connector_open(&c, path, NULL, &err);
    assert_null(c);
    for (size_t i = 0; words[i] != NULL; i++)
        if (got != status || strstr(err.message, words[i]) == NULL)
            fail_msg("status %d: %s; expected %d and '%s'", got, err.message, status, words[i]);
}

#define REFUSED(status, ...)                                                                       \
    do {                                                                                           \
        write_safetensors(path, tensors, sizeof tensors / sizeof *tensors);                        \
        assert_refused(path, status, (const char *const[]){path, __VA_ARGS__, NULL});              \
    } while (0)

static void what_is_wrong_with_a_connector_is_said(void **state) {
    (void)state;
    char folder[FOLDER_SIZE], path[2 * FOLDER_SIZE];
    folder_make(folder);
    snprintf(path, sizeof path, "%s/c.safetensors", folder);
    {
        const stored tensors[] = {{"mm_projector.0.weight", "F32", "[2,3]", 24, 0},
                                  {"mm_projector.2.weight", "F32", "[2,2]", 16, 0},
                                  {"mm_projector.2.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'mm_projector.0.bias' is missing", "[2]");
    }
    {
        const stored tensors[] = {{"0.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'0.weight' is missing", "[channels out, channels in]");
    }
    { /* a layer is left out */
        const stored tensors[] = {{"0.weight", "F32", "[2,3]", 24, 0},
                                  {"0.bias", "F32", "[2]", 8, 0},
                                  {"4.weight", "F32", "[2,2]", 16, 0},
                                  {"4.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'2.weight' is missing", "[channels out, 2]");
    }
    {
        const stored tensors[] = {{"weight", "F32", "[2,3]", 24, 0}, {"bias", "F32", "[3]", 12, 0}};
        REFUSED(EC_ERR_FORMAT, "'bias'", "shape [3]", "expected [2]");
    }
    { /* the second layer does not take what the first gives */
        const stored tensors[] = {{"0.weight", "F32", "[2,3]", 24, 0},
                                  {"0.bias", "F32", "[2]", 8, 0},
                                  {"2.weight", "F32", "[2,3]", 24, 0},
                                  {"2.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'2.weight'", "shape [2, 3]", "expected [2, 2]");
    }
    {
        const stored tensors[] = {{"weight", "F32", "[2,3,1]", 24, 0},
                                  {"bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'weight'", "shape [2, 3, 1]", "[channels out, channels in]");
    }
    {
        const stored tensors[] = {{"weight", "F32", "[0,3]", 0, 0}, {"bias", "F32", "[0]", 0, 0}};
        REFUSED(EC_ERR_FORMAT, "'weight'", "shape [0, 3]");
    }
    {
        const stored tensors[] = {{"weight", "I32", "[2,3]", 24, 0}, {"bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'weight'", "dtype I32", "F32, F16 or BF16");
    }
    { /* other kinds of connector */
        const stored tensors[] = {{"model.mm_projector.0.weight", "F32", "[2,3]", 24, 0},
                                  {"model.mm_projector.0.bias", "F32", "[2]", 8, 0},
                                  {"model.mm_projector.query", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'model.mm_projector.query'", "linear or mlpNx_gelu");
    }
    {
        const stored tensors[] = {{"mm_projector.1.weight", "F32", "[2,3]", 24, 0}};
        REFUSED(EC_ERR_FORMAT, "'mm_projector.1.weight'", "has no place");
    }
    {
        const stored tensors[] = {{"0.weight", "F32", "[2,3]", 24, 0},
                                  {"weight", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "has no place");
    }
    {
        const stored tensors[] = {{"900.weight", "F32", "[2,3]", 24, 0}};
        REFUSED(EC_ERR_FORMAT, "at most 32");
    }
    {
        const stored tensors[] = {{"a.mm_projector.weight", "F32", "[2,3]", 24, 0},
                                  {"b.mm_projector.weight", "F32", "[2,3]", 24, 0},
                                  {"b.mm_projector.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "a.mm_projector.weight", "b.mm_projector.weight", "one connector");
    }
    { /* as transformers names them */
        const stored tensors[] = {
            {"model.multi_modal_projector.linear_1.weight", "F32", "[2,3]", 24, 0},
            {"model.multi_modal_projector.linear_1.bias", "F32", "[2]", 8, 0},
            {"model.multi_modal_projector.linear_2.weight", "F32", "[2,2]", 16, 0}};
        REFUSED(EC_ERR_FORMAT, "'model.multi_modal_projector.linear_2.bias' is missing", "[2]");
    }
    {
        const stored tensors[] = {{"multi_modal_projector.linear_1.weight", "F32", "[2,3]", 24, 0},
                                  {"multi_modal_projector.linear_1.bias", "F32", "[2]", 8, 0},
                                  {"multi_modal_projector.linear_2.weight", "F32", "[2,3]", 24, 0},
                                  {"multi_modal_projector.linear_2.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "'multi_modal_projector.linear_2.weight'", "shape [2, 3]",
                "expected [2, 2]");
    }
    { /* layers are counted from one */
        const stored tensors[] = {{"multi_modal_projector.linear_0.weight", "F32", "[2,3]", 24, 0}};
        REFUSED(EC_ERR_FORMAT, "'multi_modal_projector.linear_0.weight'", "has no place");
    }
    {
        const stored tensors[] = {{"linear_1.weight", "F32", "[2,3]", 24, 0},
                                  {"linear_1.bias", "F32", "[2]", 8, 0},
                                  {"0.weight", "F32", "[2,3]", 24, 0}};
        REFUSED(EC_ERR_FORMAT, "'linear_1.bias'", "has no place");
    }
    { /* without a bias it is another kind of norm */
        const stored tensors[] = {
            {"multi_modal_projector.projector_layernorm.weight", "F32", "[3]", 12, 0},
            {"multi_modal_projector.linear_1.weight", "F32", "[2,3]", 24, 0},
            {"multi_modal_projector.linear_1.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "projector_layernorm.bias' is missing", "[3]");
    }
    { /* nothing between two layers: not an MLP */
        const stored tensors[] = {{"0.weight", "F32", "[2,3]", 24, 0},
                                  {"1.weight", "F32", "[2,2]", 16, 0}};
        REFUSED(EC_ERR_FORMAT, "'1.weight'", "has no place");
    }
    { /* a norm before an activation */
        const stored tensors[] = {{"0.weight", "F32", "[2,3]", 24, 0},
                                  {"1.weight", "F32", "[2]", 8, 0},
                                  {"1.bias", "F32", "[2]", 8, 0},
                                  {"3.weight", "F32", "[2,2]", 16, 0}};
        REFUSED(EC_ERR_FORMAT, "'1.weight'", "activation behind it");
    }
    { /* a file that is something else */
        const stored tensors[] = {{"embeddings.weight", "F32", "[2,3]", 24, 0},
                                  {"weight", "F32", "[2,3]", 24, 0}};
        REFUSED(EC_ERR_NOT_FOUND, "no connector", "embeddings.weight", "mm_projector.");
    }
    assert_refused(folder, EC_ERR_NOT_FOUND,
                   (const char *const[]){folder, "mm_projector.bin", NULL});
    assert_refused(folder_join(folder, "none.bin"), EC_ERR_NOT_FOUND,
                   (const char *const[]){"none.bin", NULL});
    folder_remove(folder);
}

/* A connector of one or two layers with a config.json beside it, given as a folder and as a file.
 */
typedef struct {
    const char *config;
    size_t n_linears;
    const char *word; /* of the message; NULL: it is opened */
    const char *type;
} configured;

static void open_configured(const configured *k, const char *folder, bool as_folder) {
    static const stored tensors[] = {{"mm_projector.0.weight", "F32", "[2,3]", 24, 0},
                                     {"mm_projector.0.bias", "F32", "[2]", 8, 0},
                                     {"mm_projector.2.weight", "F32", "[2,2]", 16, 0},
                                     {"mm_projector.2.bias", "F32", "[2]", 8, 0}};
    char path[2 * FOLDER_SIZE];
    snprintf(path, sizeof path, "%s/mm_projector.safetensors", folder);
    write_safetensors(path, tensors, 2 * k->n_linears);
    folder_write(folder_join(folder, "config.json"), k->config);
    const char *const given = as_folder ? folder : path;
    ec_connector *c;
    ec_error err;
    if (k->word != NULL) {
        assert_refused(given, EC_ERR_FORMAT, (const char *const[]){"config.json", k->word, NULL});
        return;
    }
    if (ec_connector_open(&c, given, NULL, &err) != EC_OK)
        fail_msg("%s: %s", k->config, err.message);
    assert_string_equal(ec_connector_describe(c).type, k->type);
    ec_connector_close(c);
}

static void what_config_json_says_of_a_connector_holds(void **state) {
    (void)state;
    static const configured cases[] = {
        {"{}", 2, NULL, "mlp2x_gelu"},
        {"{\"projector_hidden_act\": \"gelu\"}", 2, NULL, "mlp2x_gelu"},
        {"{\"projector_hidden_act\": \"gelu_pytorch_tanh\"}", 2, NULL, "mlp2x_gelu_pytorch_tanh"},
        {"{\"mm_projector_type\": \"mlp2x_silu\"}", 2, NULL, "mlp2x_silu"},
        {"{\"mm_projector_type\": \"mlp1x_relu\"}", 1, NULL, "linear"},
        {"{\"mm_projector_type\": \"linear\"}", 1, NULL, "linear"},
        {"{\"mm_projector_type\": null}", 1, NULL, "linear"},
        {"{\"mm_projector_type\": \"identity\", \"mm_hidden_size\": 3}", 2, NULL, "identity"},
        {"{\"mm_projector_type\": \"identity\"}", 2, "mm_hidden_size", NULL},
        {"{\"mm_projector_type\": \"linear\"}", 2, "'linear', but", NULL},
        {"{\"mm_projector_type\": \"mlp3x_gelu\"}", 2, "2 linear layers", NULL},
        {"{\"mm_projector_type\": \"mlp_downsample\"}", 2, "mlp_downsample", NULL},
        {"{\"mm_projector_type\": \"mlp2x_gelu2\"}", 2, "mlp2x_gelu2", NULL},
        {"{\"mm_projector_type\": \"mlp0x_gelu\"}", 2, "mlp0x_gelu", NULL},
        {"{\"mm_projector_type\": 7}", 2, "is 7", NULL},
        {"{\"mm_projector_type\": \"mlp2x_gelu\", \"projector_hidden_act\": \"silu\"}", 2,
         "contradict", NULL},
        {"{\"projector_hidden_act\": \"glu\"}", 2, "\"glu\"", NULL},
        {"{\"projector_hidden_act\": 3}", 2, "is 3", NULL},
        {"{\"mm_vision_select_layer\": \"x\"}", 2, "mm_vision_select_layer", NULL},
        {"{\"vision_feature_layer\": [-2, -5]}", 2, "several side by side", NULL},
        {"{\"vision_feature_layers\": [-2, -5, 6]}", 2, "several side by side", NULL},
        {"{\"model_type\": \"vipllava\"}", 2, "five hidden states", NULL},
        {"{\"mm_resampler_type\": \"spatial_pool\"}", 2, "spatial_pool", NULL},
        {"{\"mm_resampler_type\": null}", 2, NULL, "mlp2x_gelu"},
        {"{\"mm_vision_select_feature\": \"cls\"}", 2, "\"cls_patch\"", NULL},
        {"{\"vision_feature_select_strategy\": \"patch\"}", 2, "\"default\" or \"full\"", NULL},
        {"{\"mm_vision_select_layer\": -1, \"vision_feature_layer\": -2}", 2, "contradict", NULL},
        {"[]", 2, "not a JSON object", NULL},
        {"{", 2, "config.json:1", NULL}};
    char folder[FOLDER_SIZE];
    folder_make(folder);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++)
        open_configured(&cases[i / 2], folder, i % 2 == 0);
    folder_remove(folder);
}

/* multimodal_projector_bias: true wants what no tensor would be missed for. */
static void a_bias_that_config_json_promises_is_missed(void **state) {
    (void)state;
    static const stored tensors[] = {{"mm_projector.weight", "F32", "[2,3]", 24, 0}};
    char folder[FOLDER_SIZE];
    ec_connector *c;
    ec_error err;
    folder_make(folder);
    write_safetensors(folder_join(folder, "mm_projector.safetensors"), tensors, 1);
    assert_int_equal(ec_connector_open(&c, folder, NULL, &err), EC_OK);
    assert_false(ec_connector_describe(c).has_bias);
    ec_connector_close(c);
    folder_write(folder_join(folder, "config.json"), "{\"multimodal_projector_bias\": true}");
    assert_refused(folder, EC_ERR_FORMAT, (const char *const[]){"'mm_projector.bias'", NULL});
    folder_remove(folder);
}

/* Where LLaVA's trainer leaves them: beside, in mm_projector/ with a config.json a step or above.
 */
static void the_features_are_those_that_config_json_names(void **state) {
    (void)state;
    static const struct {
        const char *config, *at, *path;
        bool has_layer, has_tokens, keeps;
        int layer;
    } cases[] = {
        {"{\"mm_vision_select_layer\": -1}", "config.json", "x.bin", true, false, false, -1},
        {"{\"mm_vision_select_feature\": \"cls_patch\"}", "config.json", "", false, true, true, 0},
        {"{\"mm_vision_select_feature\": \"patch\"}", "config.json", "none/x.bin", false, false,
         false, 0},
        {"{\"vision_feature_layer\": [3]}", "config.json", "mm_projector/step-1.bin", true, false,
         false, 3},
        {"{\"vision_feature_layer\": -4}", "step-2/config.json", "mm_projector/step-2.bin", true,
         false, false, -4},
        {"{\"model_type\": \"llava\"}", "config.json", "", true, true, false, -2},
        {"{\"model_type\": \"llava_onevision\"}", "config.json", "", true, true, true, -1},
        {"{\"model_type\": \"llava\", \"mm_vision_tower\": \"x\"}", "config.json", "", false, false,
         false, 0},
        {"{\"model_type\": \"llava\", \"vision_feature_select_strategy\": \"full\"}", "config.json",
         "", true, true, true, -2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[FOLDER_SIZE], path[2 * FOLDER_SIZE];
        ec_connector_features says;
        ec_error err;
        folder_make(folder);
        mkdir(folder_join(folder, "mm_projector"), 0777);
        mkdir(folder_join(folder, "step-2"), 0777);
        folder_write(folder_join(folder, cases[i].at), cases[i].config);
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].path);
        if (ec_connector_features_read(&says, path, &err) != EC_OK) fail_msg("%s", err.message);
        if (says.has_layer != cases[i].has_layer || says.has_tokens != cases[i].has_tokens ||
            says.keep_class_token != cases[i].keeps || says.layer != cases[i].layer)
            fail_msg("%s: layer %d %d, tokens %d %d", cases[i].config, says.has_layer, says.layer,
                     says.has_tokens, says.keep_class_token);
        folder_remove(folder);
    }
}

static void a_layer_that_contradicts_the_connector_is_refused(void **state) {
    (void)state;
    const ec_connector_features says = {.has_layer = true,
                                        .layer = -3,
                                        .has_tokens = true,
                                        .layer_key = "mm_vision_select_layer",
                                        .tokens_key = "mm_vision_select_feature",
                                        .path = "x/config.json"};
    ec_error err;
    ec_feature_source source = {0};
    assert_int_equal(ec_connector_features_settle(&source, &says, 0, &err), EC_OK);
    assert_true(source.has_layer && source.tap.layer == -3 && source.has_tokens &&
                !source.tap.keep_class_token);
    /* 24 blocks have 25 hidden states: 22 is -3. */
    source.tap.layer = 22;
    assert_int_equal(ec_connector_features_settle(&source, &says, 24, &err), EC_OK);
    assert_int_equal(ec_connector_features_settle(&source, &says, 0, &err), EC_OK);
    assert_int_equal(ec_connector_features_settle(&source, &says, 23, &err), EC_ERR_ARG);
    assert_non_null(
        strstr(err.message, "layer 22 is asked for, but \"mm_vision_select_layer\" is -3"));
    assert_non_null(strstr(err.message, "x/config.json"));
    source.tap = (ec_tap){.layer = -2};
    assert_int_equal(ec_connector_features_settle(&source, &says, 0, &err), EC_ERR_ARG);
    source.tap = (ec_tap){.layer = -3, .keep_class_token = true};
    assert_int_equal(ec_connector_features_settle(&source, &says, 0, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "all tokens are asked for"));
}

/* Other activations, no bias, norms: folders of LLaVA and transformers, with what PyTorch computes
 * (tools/make_connector_fixtures.py). Observed: at most 3e-7 of the output's RMS. */
static void connectors_of_other_kinds_give_what_pytorch_gives(void **state) {
    (void)state;
    enum { N = 5, C = 16, D = 24 };
    static const struct {
        const char *name, *type;
        size_t n_norms;
        bool has_bias;
    } cases[] = {{"silu", "mlp2x_silu", 0, true},
                 {"relu-3", "mlp3x_relu", 0, true},
                 {"linear-no-bias", "linear", 0, false},
                 {"norms", "mlp2x_gelu", 3, true},
                 {"tanh-no-bias", "mlp2x_gelu_pytorch_tanh", 0, false},
                 {"vip", "mlp2x_gelu", 1, true}};
    ec_weights *expected;
    ec_error err;
    assert_int_equal(
        ec_weights_open(&expected, EC_SOURCE_DIR "/tests/connectors/expected.safetensors", &err),
        EC_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512], name[64];
        ec_connector *c;
        float x[N * C], y[N * D], wanted[N * D];
        snprintf(path, sizeof path, "%s/tests/connectors/%s", EC_SOURCE_DIR, cases[i].name);
        ec_ctx *ctx = open_device(NULL, 2);
        if (ec_connector_open(&c, path, ctx, &err) != EC_OK) fail_msg("%s", err.message);
        const ec_connector_info info = ec_connector_describe(c);
        assert_string_equal(info.type, cases[i].type);
        assert_int_equal(info.n_norms, cases[i].n_norms);
        assert_int_equal(info.has_bias, cases[i].has_bias);
        assert_true(info.n_inputs == C && info.n_outputs == D);
        snprintf(name, sizeof name, "%s.in", cases[i].name);
        ec_tensor_to_f32(x, ec_weights_find(expected, name), 0, N * C);
        snprintf(name, sizeof name, "%s.out", cases[i].name);
        ec_tensor_to_f32(wanted, ec_weights_find(expected, name), 0, N * D);
        assert_int_equal(ec_connector_forward(y, c, x, N, &err), EC_OK);
        double worst = 0, square = 0;
        for (size_t j = 0; j < N * D; j++) {
            worst = fmax(worst, fabs((double)y[j] - (double)wanted[j]));
            square += (double)wanted[j] * (double)wanted[j];
        }
        const double rms = sqrt(square / (N * D));
        if (!(worst < 2e-6 * rms)) fail_msg("%s: off by %g of %g", cases[i].name, worst, rms);
        ec_connector_close(c);
        ec_ctx_free(ctx);
    }
    ec_weights_close(expected);
}

/* What a connector is decides its hash, not where it lies: prefix, file, order of tensors. */
static void the_hash_is_that_of_the_layers(void **state) {
    (void)state;
    char folder[FOLDER_SIZE], hash[4][33];
    folder_make(folder);
    const stored plain[] = {{"weight", "F32", "[2,3]", 24, 7}, {"bias", "F32", "[2]", 8, 9}},
                 prefixed[] = {{"model.mm_projector.0.bias", "F32", "[2]", 8, 9},
                               {"model.mm_projector.0.weight", "F32", "[2,3]", 24, 7},
                               {"lm_head.weight", "F32", "[1]", 4, 1}},
                 transformers[] = {{"multi_modal_projector.linear_1.weight", "F32", "[2,3]", 24, 7},
                                   {"multi_modal_projector.linear_1.bias", "F32", "[2]", 8, 9}},
                 other[] = {{"weight", "F32", "[2,3]", 24, 7}, {"bias", "F32", "[2]", 8, 8}};
    write_safetensors(folder_join(folder, "plain.safetensors"), plain, 2);
    write_safetensors(folder_join(folder, "mm_projector.safetensors"), prefixed, 3);
    write_safetensors(folder_join(folder, "transformers.safetensors"), transformers, 2);
    write_safetensors(folder_join(folder, "other.safetensors"), other, 2);
    const char *const paths[] = {folder_join(folder, "plain.safetensors"), folder,
                                 folder_join(folder, "transformers.safetensors"),
                                 folder_join(folder, "other.safetensors")};
    for (size_t i = 0; i < 4; i++) {
        ec_connector *c;
        ec_error err;
        if (ec_connector_open(&c, paths[i], NULL, &err) != EC_OK) fail_msg("%s", err.message);
        assert_int_equal(ec_connector_hash(hash[i], c, &err), EC_OK);
        ec_connector_close(c);
    }
    assert_string_equal(hash[0], hash[1]);
    assert_string_equal(hash[0], hash[2]);
    assert_string_not_equal(hash[0], hash[3]);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connectors_give_what_pytorch_gives),
        cmocka_unit_test(a_connector_says_what_it_is),
        cmocka_unit_test(a_token_is_the_same_in_any_company),
        cmocka_unit_test(what_is_wrong_with_a_connector_is_said),
        cmocka_unit_test(what_config_json_says_of_a_connector_holds),
        cmocka_unit_test(a_bias_that_config_json_promises_is_missed),
        cmocka_unit_test(the_features_are_those_that_config_json_names),
        cmocka_unit_test(a_layer_that_contradicts_the_connector_is_refused),
        cmocka_unit_test(connectors_of_other_kinds_give_what_pytorch_gives),
        cmocka_unit_test(the_hash_is_that_of_the_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
