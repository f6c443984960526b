/* test_encoder_parity.c - every family equals transformers after every block
 *
 * tests/parity holds tiny random checkpoints and what transformers computes from them
 * (tools/make_encoder_fixtures.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "eyechart/encoder.h"

/* Relative RMS difference per hidden state. Observed: below 4e-7; below 6e-3 with operands rounded
 * to bf16, whose numbers have eight bits, and below 8e-3 with results kept in it. */
static const double f32_tolerance = 2e-5, bf16_tolerance = 2e-2;

typedef struct {
    const char *name;
    const ec_weights *expected;
    double tolerance;
    size_t seen;
    double worst;
    char failure[256]; /* the first hidden state that differs */
} comparison;

static double relative_rms(const float *x, const ec_tensor *reference) {
    const size_t n = ec_tensor_count(reference);
    const float *y = reference->data;
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        float value;
        memcpy(&value, (const char *)y + i * sizeof value, sizeof value);
        difference += pow((double)x[i] - value, 2);
        size += pow(value, 2);
    }
    return sqrt(difference / size);
}

static void compare(void *context, size_t block, const ec_tensor *hidden) {
    comparison *c = context;
    char name[32], found[64], wanted[64];
    snprintf(name, sizeof name, "hidden.%zu", block);
    const ec_tensor *reference = ec_weights_find(c->expected, name);
    c->seen++;
    if (c->failure[0] != '\0') return;
    ec_tensor_shape_text(found, sizeof found, hidden);
    if (reference == NULL ||
        strcmp(found, ec_tensor_shape_text(wanted, sizeof wanted, reference)) != 0) {
        snprintf(c->failure, sizeof c->failure, "%s: %s has shape %s, the reference %s", c->name,
                 name, found, reference == NULL ? "nothing" : wanted);
        return;
    }
    const double difference = relative_rms(hidden->data, reference);
    if (difference > c->worst) c->worst = difference;
    if (!(difference < c->tolerance))
        snprintf(c->failure, sizeof c->failure, "%s: %s differs by %.3g (relative RMS)", c->name,
                 name, difference);
}

static ec_ctx *open_with(const char *device, ec_dtype activations) {
    ec_ctx *ctx;
    ec_error err;
    const ec_device_options options = {.name = device, .n_threads = 2, .activations = activations};
    if (ec_ctx_open(&ctx, &options, &err) != EC_OK) fail_msg("%s", err.message);
    return ctx;
}

/* Runs a fixture and returns its features of layer -2 (owned), for further looks. */
static float *run(const char *name, const char *device, ec_dtype activations, bool plain,
                  size_t *n_floats) {
    char path[512];
    ec_error err = {0};
    ec_weights *expected;
    snprintf(path, sizeof path, "%s/tests/parity/%s/expected.safetensors", EC_SOURCE_DIR, name);
    if (ec_weights_open(&expected, path, &err) != EC_OK) fail_msg("%s", err.message);
    snprintf(path, sizeof path, "%s/tests/parity/%s", EC_SOURCE_DIR, name);
    ec_encoder *encoder;
    ec_ctx *ctx = open_with(device, activations);
    const ec_encoder_options options = {.ctx = ctx, .interpolate_plain = plain};
    if (ec_encoder_open(&encoder, path, &options, &err) != EC_OK) fail_msg("%s", err.message);

    const ec_tensor *input = ec_weights_find(expected, "input"); /* [n, 3, h, w] */
    const size_t n = input->shape[0], height = input->shape[2], width = input->shape[3];
    float *images = malloc(ec_tensor_count(input) * sizeof *images);
    ec_tensor_to_f32(images, input, 0, ec_tensor_count(input));
    const bool bf16 =
        activations == EC_BF16 || strcmp(ec_encoder_describe(encoder).math, "bf16") == 0;
    comparison c = {
        .name = name, .expected = expected, .tolerance = bf16 ? bf16_tolerance : f32_tolerance};
    ec_encoder_watch(encoder, compare, &c);

    const ec_tap last = {.layer = -1, .keep_class_token = true};
    ec_feature_shape shape;
    if (ec_encoder_feature_shape(&shape, encoder, width, height, last, &err) != EC_OK)
        fail_msg("%s", err.message);
    *n_floats = n * shape.n_tokens * shape.n_channels;
    float *features = malloc(*n_floats * sizeof *features);
    if (ec_encoder_forward(features, encoder, images, n, width, height, last, &err) != EC_OK)
        fail_msg("%s", err.message);
    if (c.failure[0] != '\0') fail_msg("%s (%s)", c.failure, ec_ctx_device(ctx));
    assert_int_equal(c.seen, ec_encoder_describe(encoder).n_blocks + 1);
    print_message("%s: worst relative RMS %.2g (%s)\n", name, c.worst, ec_ctx_device(ctx));
    if (bf16) assert_true(c.worst > 1e-4); /* else nothing was rounded */
    free(images);
    ec_encoder_close(encoder);
    ec_ctx_free(ctx);
    ec_weights_close(expected);
    return features;
}

static void every_fixture_equals_transformers(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool plain;
    } cases[] = {{"clip-f32", false},
                 {"clip-whole-gelu-f16", false},
                 {"siglip-bf16-sharded", false},
                 {"siglip-whole-f32", false},
                 {"dinov2-bin", false},
                 {"dinov2-swiglu-bin-sharded", false},
                 {"vit-no-qkv-bias", false},
                 {"clip-resized", false},
                 {"clip-epsilon", false},
                 {"dinov2-plain", true},
                 {"dinov2-registers-up", false},
                 {"dinov2-registers-down", false},
                 /* as others save them: tools/make_named_fixtures.py */
                 {"siglip-cut", false},
                 {"dinov2-5-swiglu", false},
                 {"vit-5", false},
                 {"llava-5", false},
                 {"dinov2-upstream", false},
                 {"open-clip", false},
                 {"open-clip-transposed", false},
                 {"timm-clip", false},
                 {"timm-registers", false},
                 {"timm-swiglu", false},
                 {"timm-siglip", false},
                 {"timm-vit", false}};
    static const struct {
        const char *name;
        ec_dtype activations;
    } devices[] = {
        {"cpu:portable", EC_F32}, {"cpu", EC_F32},
#ifdef EC_ONEDNN
        {"cpu:onednn", EC_F32},   {"cpu:onednn-bf16", EC_F32},
#endif
        {"ref", EC_F32}, /* where a model that follows a pointer to numbers dies */
        {"ref", EC_BF16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t j = 0; j < sizeof devices / sizeof *devices; j++) {
            size_t n;
            free(run(cases[i].name, devices[j].name, devices[j].activations, cases[i].plain, &n));
        }
}

/* The default of the DINOv2 family is the "+ 0.1" of transformers 4.38, which differs from newer
 * versions. */
static void dinov2_interpolations_differ(void **state) {
    (void)state;
    ec_error err;
    char path[512];
    ec_encoder *encoder[2];
    float *features[2];
    snprintf(path, sizeof path, "%s/tests/parity/dinov2-plain", EC_SOURCE_DIR);
    ec_ctx *ctx = open_device(NULL, 1);
    for (int plain = 0; plain < 2; plain++) {
        const ec_encoder_options options = {.ctx = ctx, .interpolate_plain = plain};
        assert_int_equal(ec_encoder_open(&encoder[plain], path, &options, &err), EC_OK);
        float *image = calloc(3 * 63 * 35, sizeof *image);
        features[plain] = malloc(9 * 5 * 36 * sizeof(float));
        assert_int_equal(ec_encoder_forward(features[plain], encoder[plain], image, 1, 35, 63,
                                            EC_TAP_DEFAULT, &err),
                         EC_OK);
        free(image);
        ec_encoder_close(encoder[plain]);
    }
    ec_ctx_free(ctx);
    assert_memory_not_equal(features[0], features[1], 9 * 5 * 36 * sizeof(float));
    free(features[0]);
    free(features[1]);
}

/* Class and register tokens stand first and are dropped; the patches are those of the full state.
 */
static void dropping_class_token_keeps_the_patches(void **state) {
    (void)state;
    ec_error err;
    char path[512];
    ec_encoder *encoder;
    snprintf(path, sizeof path, "%s/tests/parity/dinov2-registers-down", EC_SOURCE_DIR);
    const ec_encoder_options options = {.ctx = open_device(NULL, 0)};
    assert_int_equal(ec_encoder_open(&encoder, path, &options, &err), EC_OK);
    float *image = calloc(3 * 21 * 28, sizeof *image);
    for (size_t i = 0; i < 3 * 21 * 28; i++) image[i] = (float)(i % 17) / 17;
    float *all = malloc(16 * 36 * sizeof *all), *patches = malloc(12 * 36 * sizeof *patches);
    const ec_tap keep = {.layer = -2, .keep_class_token = true};
    assert_int_equal(ec_encoder_forward(all, encoder, image, 1, 28, 21, keep, &err), EC_OK);
    assert_int_equal(ec_encoder_forward(patches, encoder, image, 1, 28, 21, EC_TAP_DEFAULT, &err),
                     EC_OK);
    assert_memory_equal(all + 4 * 36, patches, 12 * 36 * sizeof *patches);
    free(image);
    free(all);
    free(patches);
    ec_encoder_close(encoder);
    ec_ctx_free(options.ctx);
}

/* Layer -2 is the input of the last block; 0 is before the first; both ends are checked. */
static void layers_are_numbered_as_in_transformers(void **state) {
    (void)state;
    ec_error err;
    char path[512];
    ec_encoder *encoder;
    ec_feature_shape shape;
    snprintf(path, sizeof path, "%s/tests/parity/clip-f32", EC_SOURCE_DIR);
    assert_int_equal(ec_encoder_open(&encoder, path, NULL, &err), EC_OK);
    for (int layer = -6; layer <= 5; layer++) {
        const ec_status status =
            ec_encoder_feature_shape(&shape, encoder, 35, 35, (ec_tap){.layer = layer}, &err);
        assert_int_equal(status, layer >= -4 && layer <= 3 ? EC_OK : EC_ERR_ARG);
        assert_int_equal(shape.n_tokens, status == EC_OK ? 25 : 0);
        assert_int_equal(shape.cell, status == EC_OK ? 7 : 0);
    }
    ec_encoder_close(encoder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fixture_equals_transformers),
        cmocka_unit_test(dinov2_interpolations_differ),
        cmocka_unit_test(dropping_class_token_keeps_the_patches),
        cmocka_unit_test(layers_are_numbered_as_in_transformers),
    };
    return cmocka_run_group_tests_name("encoder parity", tests, NULL, NULL);
}
