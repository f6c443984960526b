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

#include "base/text.h"
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

static ec_connector *open_fixture(const char *name, const char *isa) {
    char path[512];
    ec_connector *c;
    ec_error err;
    snprintf(path, sizeof path, ALIGN "%s", name);
    const ec_connector_options options = {.isa = isa, .n_threads = 2};
    if (ec_connector_open(&c, path, &options, &err) != EC_OK) fail_msg("%s", err.message);
    return c;
}

/* Observed: at most 4e-7 of the output's RMS. */
static void connectors_give_what_pytorch_gives(void **state) {
    (void)state;
    ec_weights *expected;
    ec_error err;
    assert_int_equal(ec_weights_open(&expected, ALIGN "connectors.safetensors", &err), EC_OK);
    for (size_t i = 0; i < 2 * N_FIXTURES; i++) {
        const fixture *f = &fixtures[i / 2];
        char name[64];
        snprintf(name, sizeof name, "%s.in", f->name);
        const ec_tensor *in = ec_weights_find(expected, name);
        snprintf(name, sizeof name, "%s.out", f->name);
        const ec_tensor *out = ec_weights_find(expected, name);
        assert_true(in != NULL && out != NULL);
        const size_t n = in->shape[0], d = out->shape[1];

        ec_connector *c = open_fixture(f->name, i % 2 == 0 ? NULL : "portable");
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
    ec_connector_close(c);
}

/* Tokens are computed some at a time. */
static void a_token_is_the_same_in_any_company(void **state) {
    (void)state;
    enum { N = 2500, C = 32, D = 48 };
    ec_connector *c = open_fixture("vit.bin", NULL);
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
        REFUSED(EC_ERR_FORMAT, "'multi_modal_projector.linear_2.bias' is missing", "[2]");
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
    { /* of LLaVA-NeXT's relatives, with a norm before the layers */
        const stored tensors[] = {
            {"multi_modal_projector.projector_layernorm.weight", "F32", "[3]", 12, 0},
            {"multi_modal_projector.linear_1.weight", "F32", "[2,3]", 24, 0},
            {"multi_modal_projector.linear_1.bias", "F32", "[2]", 8, 0}};
        REFUSED(EC_ERR_FORMAT, "projector_layernorm.weight'", "has no place");
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

/* config.json beside a model's weights, given as a folder and as a file. */
static void another_activation_is_refused(void **state) {
    (void)state;
    char folder[FOLDER_SIZE], path[2 * FOLDER_SIZE];
    static const stored tensors[] = {
        {"multi_modal_projector.linear_1.weight", "F32", "[2,3]", 24, 0},
        {"multi_modal_projector.linear_1.bias", "F32", "[2]", 8, 0}};
    static const struct {
        const char *config, *word;
    } cases[] = {{"{\"projector_hidden_act\": \"gelu\"}", NULL},
                 {"{}", NULL},
                 {"{\"projector_hidden_act\": \"gelu_pytorch_tanh\"}", "gelu_pytorch_tanh"},
                 {"{\"projector_hidden_act\": 3}", "not a string"},
                 {"[]", "not a JSON object"},
                 {"{", "config.json:1"}};
    folder_make(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    write_safetensors(path, tensors, 2);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const char *const given = i % 2 == 0 ? folder : path, *const word = cases[i / 2].word;
        folder_write(folder_join(folder, "config.json"), cases[i / 2].config);
        ec_connector *c;
        ec_error err;
        if (word != NULL) {
            assert_refused(given, EC_ERR_FORMAT, (const char *const[]){"config.json", word, NULL});
        } else {
            if (ec_connector_open(&c, given, NULL, &err) != EC_OK) fail_msg("%s", err.message);
            ec_connector_close(c);
        }
    }
    folder_remove(folder);
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
        cmocka_unit_test(another_activation_is_refused),
        cmocka_unit_test(the_hash_is_that_of_the_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
