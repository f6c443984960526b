/* test_encoder_family.c - a family of encoders is a table of functions: one made up here is opened,
 * hashed, identified and run as those of the library are
 *
 *     patches of 4 x 4 [48] -> "encoder" [3, 48] + noise -> "decoder" [4, 3, 2, 2], stride 2
 *
 * As a diffusion model it has several weight files, a numbering of blocks of its own, a timestep
 * and a seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "device.h"
#include "encoders/family.h"
#include "eyechart/rng.h"
#include "folder.h"
#include "ops/bind.h"

/* ---- the family ---- */

enum { N_PARTS = 2, ENCODED = 1, DECODED = 2, MAX_PLACES = 64 }; /* two of them blocks */

static const char *const part_names[N_PARTS] = {"encoder", "decoder"};

typedef struct {
    const char *folder;
    ec_ctx *ctx;
    ec_encoder_files part[N_PARTS];
    ec_params *params;
    ec_linear_params layer[N_PARTS]; /* [3, 48] and [4, 3, 2, 2] */
} mosaic;

static const char *mosaic_type(size_t i, bool inside) {
    return i == 0 && !inside ? "MosaicPipeline" : NULL;
}

static bool mosaic_recognises(const ec_description *d) {
    return d->root != NULL &&
           strcmp(ec_description_string(d->root, "_class_name"), "MosaicPipeline") == 0;
}

static void mosaic_close(void *model) {
    mosaic *m = model;
    ec_params_free(m->params);
    for (int i = 0; i < N_PARTS; i++) ec_weights_close(m->part[i].weights);
    free(m);
}

/* One tensor and no other. */
static ec_status take_part(mosaic *m, int i, ec_error *err) {
    static const char *const names[] = {"mosaic", "mosaic.fp16", NULL};
    char path[2 * FOLDER_SIZE];
    ec_binder b;
    snprintf(path, sizeof path, "%s/%s", m->folder, part_names[i]);
    m->part[i].name = part_names[i];
    ec_status status = ec_weights_open_named(&m->part[i].weights, path, names, err);
    if (status != EC_OK) return status;
    ec_bind_begin(&b, m->params, m->part[i].weights, "", "", err);
    m->layer[i].weight = i == 0 ? ec_bind(&b, "", "weight", "", 2, (size_t[]){3, 48})
                                : ec_bind(&b, "", "weight", "", 4, (size_t[]){4, 3, 2, 2});
    ec_bind_no_others(&b, NULL, NULL);
    ec_bind_end(&b);
    return b.status == EC_OK ? EC_OK : ec_error_prefix(err, b.status, "%s", path);
}

static ec_status mosaic_open(void **out, const ec_description *d, const ec_encoder_options *options,
                             ec_error *err) {
    mosaic *m = calloc(1, sizeof *m);
    m->folder = d->folder;
    m->ctx = options->ctx;
    ec_status status = ec_params_new(&m->params, err);
    for (int i = 0; i < N_PARTS && status == EC_OK; i++) status = take_part(m, i, err);
    if (status == EC_OK && m->ctx != NULL) status = ec_params_place(m->params, m->ctx, err);
    *out = status == EC_OK ? m : NULL;
    if (status != EC_OK) mosaic_close(m);
    return status;
}

static ec_encoder_info mosaic_describe(const void *model) {
    (void)model;
    return (ec_encoder_info){.family = "mosaic", .image_size = 16, .width = 4, .n_blocks = 2};
}

static const ec_encoder_files *mosaic_files(const void *model, size_t i) {
    const mosaic *m = model;
    return i < N_PARTS ? &m->part[i] : NULL;
}

static bool mosaic_identify(json_t *to, const void *model) {
    (void)model;
    return json_object_set_new(to, "blocks", json_integer(2)) == 0;
}

static ec_status mosaic_preparation(ec_preparation *out, const void *model, ec_error *err) {
    (void)model, (void)err;
    *out = ec_preparation_square(16);
    return EC_OK;
}

static double mosaic_flops(const void *model, size_t width, size_t height, const ec_tap *tap) {
    (void)model, (void)tap;
    return (double)(3 * width * height);
}

/* The first block has places of 4 pixels, the second of 8. */
static ec_status mosaic_shape(ec_feature_shape *out, const void *model, size_t width, size_t height,
                              const ec_tap *tap, ec_error *err) {
    const mosaic *m = model;
    const int block = tap->block == EC_BLOCK_DEFAULT ? DECODED : tap->block;
    if (tap->layer != EC_TAP_DEFAULT.layer || tap->keep_class_token)
        return ec_fail(err, EC_ERR_ARG, "%s: a mosaic has blocks, but no layers and no class token",
                       m->folder);
    if (block != ENCODED && block != DECODED)
        return ec_fail(err, EC_ERR_ARG, "%s: there is no block %d; it has 1 and 2", m->folder,
                       block);
    const size_t cell = block == ENCODED ? 4 : 8;
    *out = (ec_feature_shape){.n_tokens = width / cell * (height / cell),
                              .n_channels = block == ENCODED ? 3 : 4,
                              .grid_width = width / cell,
                              .grid_height = height / cell,
                              .cell = cell};
    return EC_OK;
}

/* Noise [places, 3] is drawn on the host, as random numbers are. */
static void add_noise(ec_ctx *ctx, ec_array x, const ec_tap *tap) {
    const size_t places = x.shape[1];
    float noise[MAX_PLACES * 3];
    ec_rng rng;
    ec_rng_init(&rng, tap->seed, 0);
    for (size_t i = 0; i < places * 3; i++)
        noise[i] = (float)tap->timestep * (float)ec_rng_uniform(&rng);
    ec_add_rows(ctx, x, 0, ec_upload(ctx, noise, EC_F32, 2, (size_t[]){places, 3}));
}

static ec_status mosaic_forward(ec_array *out, void *model, ec_array images, const ec_tap *tap,
                                const ec_encoder_watcher *watcher, ec_error *err) {
    const mosaic *m = model;
    const size_t n = images.shape[0], high = images.shape[2] / 4, wide = images.shape[3] / 4;
    (void)err;
    ec_array x = ec_linear(m->ctx, ec_patches(m->ctx, images, 4), m->layer[0], EC_ACT_NONE);
    add_noise(m->ctx, x, tap);
    ec_encoder_show(watcher, m->ctx, ENCODED, x);
    if (tap->block != ENCODED) {
        x = ec_array_as(x, 4, (size_t[]){n, high, wide, 3});
        x = ec_conv2d(m->ctx, x, m->layer[1], (ec_conv_steps){.stride_y = 2, .stride_x = 2},
                      EC_ACT_NONE);
        x = ec_array_as(x, 3, (size_t[]){n, high / 2 * (wide / 2), 4});
    }
    *out = x;
    return EC_OK;
}

static const ec_encoder_family mosaics = {.name = "mosaic",
                                          .type = mosaic_type,
                                          .recognises = mosaic_recognises,
                                          .open = mosaic_open,
                                          .close = mosaic_close,
                                          .describe = mosaic_describe,
                                          .files = mosaic_files,
                                          .identify = mosaic_identify,
                                          .preparation = mosaic_preparation,
                                          .flops = mosaic_flops,
                                          .shape = mosaic_shape,
                                          .forward = mosaic_forward};

static const ec_encoder_family *const families[] = {&mosaics, &ec_family_vit, NULL};

/* ---- folders ---- */

/* The encoder's weight, of three rows, or the decoder's, of four: [rows, n_dims - 1 more]. */
static void put_weight(const char *path, const char *name, size_t rows, float value) {
    const size_t width = rows == 3 ? 48 : 12;
    ec_array_writer *writer;
    ec_error err;
    const ec_status status = ec_array_writer_open(&writer, path, EC_ARRAY_SAFETENSORS, name, EC_F32,
                                                  rows == 3 ? (size_t[]){48} : (size_t[]){3, 2, 2},
                                                  rows == 3 ? 1 : 3, 0, &err);
    if (status != EC_OK) fail_msg("%s", err.message);
    for (size_t i = 0; i < rows; i++) {
        float row[48];
        for (size_t j = 0; j < width; j++) row[j] = value / (float)(1 + (3 * i + j) % 5);
        assert_int_equal(ec_array_writer_add(writer, row, &err), EC_OK);
    }
    assert_int_equal(ec_array_writer_finish(writer, &err), EC_OK);
    ec_array_writer_close(writer);
}

static int put_mosaic(void **state) {
    if (folder_set_up(state) != 0) return -1;
    folder_write(folder_join(*state, "model_index.json"), "{\"_class_name\": \"MosaicPipeline\"}");
    mkdir(folder_join(*state, "encoder"), 0777);
    mkdir(folder_join(*state, "decoder"), 0777);
    put_weight(folder_join(*state, "encoder/mosaic.safetensors"), "weight", 3, 0.5F);
    put_weight(folder_join(*state, "decoder/mosaic.fp16.safetensors"), "weight", 4, 2.0F);
    return 0;
}

/* On this device; NULL: on none, to be looked at. */
static ec_encoder *open_on(ec_ctx *ctx, const char *folder) {
    ec_encoder *encoder;
    ec_error err = {.message = ""};
    const ec_encoder_options options = {.ctx = ctx};
    if (ec_encoder_open_among(&encoder, families, folder, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
    return encoder;
}

static ec_encoder *must_open(const char *folder) {
    return open_on(NULL, folder);
}

static const char clip_fixture[] = EC_SOURCE_DIR "/tests/parity/clip-f32";

static void is_refused(const char *folder, ec_status status, const char *what) {
    ec_encoder *encoder;
    ec_error err = {.message = "(none)"};
    const ec_status got = ec_encoder_open_among(&encoder, families, folder, NULL, &err);
    assert_null(encoder);
    if (got != status || strstr(err.message, what) == NULL)
        fail_msg("status %d: '%s'; expected %d, '%s'", got, err.message, status, what);
}

/* ---- which family ---- */

static void each_folder_is_opened_by_the_family_that_recognises_it(void **state) {
    ec_encoder *own = must_open(*state), *clip = must_open(clip_fixture);
    assert_string_equal(ec_encoder_describe(own).family, "mosaic");
    assert_string_equal(ec_encoder_describe(clip).family, "clip");
    ec_encoder_close(own);
    ec_encoder_close(clip);
}

/* What is known is what the families know that were asked. */
static void an_unknown_type_is_refused_with_all_that_are_known(void **state) {
    folder_write(folder_join(*state, "model_index.json"), "{\"_class_name\": \"OtherPipeline\"}");
    is_refused(*state, EC_ERR_FORMAT,
               "model_index.json: _class_name 'OtherPipeline' is not a vision encoder eyechart "
               "runs: MosaicPipeline, clip, clip_vision_model, siglip, ");
    folder_write(folder_join(*state, "config.json"), "{\"model_type\": \"other\"}");
    is_refused(*state, EC_ERR_FORMAT,
               "config.json: model_type 'other' is not a vision encoder eyechart runs: "
               "MosaicPipeline, clip, clip_vision_model, siglip, siglip_vision_model, dinov2, "
               "dinov2_with_registers, vit");
    folder_write(folder_join(*state, "config.json"),
                 "{\"model_type\": \"big\", \"vision_config\": {\"model_type\": \"other\"}}");
    is_refused(*state, EC_ERR_FORMAT,
               "the vision tower of this model is a 'other' (\"vision_config\"), which eyechart "
               "does not run; it runs clip_vision_model, siglip_vision_model, dinov2, "
               "dinov2_with_registers, vit");
}

/* ---- several weight files ---- */

static void all_files_count_in_source_size_and_hash(void **state) {
    char hash[33], other[33];
    ec_error err;
    ec_encoder *e = must_open(*state);
    assert_string_equal(ec_encoder_source(e),
                        "encoder: mosaic.safetensors, decoder: mosaic.fp16.safetensors");
    assert_int_equal(ec_encoder_describe(e).weight_bytes, (3 * 48 + 4 * 12) * sizeof(float));
    assert_int_equal(ec_encoder_hash(hash, e, NULL, &err), EC_OK);
    ec_encoder_close(e);

    static const char *const files[] = {"encoder/mosaic.safetensors",
                                        "decoder/mosaic.fp16.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        put_weight(folder_join(*state, files[i]), "weight", 3 + i, 0.25F);
        e = must_open(*state);
        assert_int_equal(ec_encoder_hash(other, e, NULL, &err), EC_OK);
        assert_string_not_equal(hash, other);
        memcpy(hash, other, sizeof hash);
        assert_int_equal(ec_encoder_check_finite(e, &err), EC_OK);
        ec_encoder_close(e);
    }
    put_weight(folder_join(*state, files[1]), "weight", 4, NAN);
    e = must_open(*state);
    assert_int_equal(ec_encoder_check_finite(e, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, files[1]));
    ec_encoder_close(e);
}

static void what_is_wrong_with_a_file_names_it(void **state) {
    put_weight(folder_join(*state, "decoder/mosaic.fp16.safetensors"), "other", 4, 1);
    is_refused(*state, EC_ERR_FORMAT,
               "decoder: tensor 'weight' is missing; expected shape [4, 3, 2, 2]");
    remove(folder_join(*state, "decoder/mosaic.fp16.safetensors"));
    is_refused(*state, EC_ERR_NOT_FOUND, "decoder: no weights there");
    put_weight(folder_join(*state, "decoder/mosaic-00001-of-00002.safetensors"), "weight", 4, 1);
    put_weight(folder_join(*state, "decoder/mosaic-00002-of-00002.safetensors"), "other", 4, 1);
    is_refused(*state, EC_ERR_FORMAT, "decoder: tensor 'other' is unexpected");
}

/* ---- taps ---- */

static void run(float *out, ec_encoder *e, ec_tap tap, ec_feature_shape *shape) {
    float images[3 * 16 * 24];
    ec_error err = {.message = ""};
    for (size_t i = 0; i < 3 * 16 * 24; i++) images[i] = (float)(i % 7) / 7;
    if (ec_encoder_feature_shape(shape, e, 24, 16, tap, &err) != EC_OK ||
        ec_encoder_forward(out, e, images, 1, 24, 16, tap, &err) != EC_OK)
        fail_msg("%s", err.message);
}

/* A cell is what a place of the features covers, which the block decides. */
static void check_taps(const char *folder, const char *device) {
    ec_ctx *ctx = open_device(device, 1);
    ec_encoder *e = open_on(ctx, folder);
    float plain[6 * 4], noisy[6 * 4], again[6 * 4], mixed[24 * 3];
    ec_feature_shape shape;
    ec_tap tap = EC_TAP_DEFAULT;
    run(plain, e, tap, &shape);
    assert_int_equal(shape.cell, 8);
    assert_int_equal(shape.grid_width, 3);
    assert_int_equal(shape.n_channels, 4);
    tap.timestep = 100;
    run(noisy, e, tap, &shape);
    assert_memory_not_equal(plain, noisy, sizeof plain);
    tap.seed = 1;
    run(again, e, tap, &shape);
    assert_memory_not_equal(again, noisy, sizeof again);
    run(noisy, e, tap, &shape);
    assert_memory_equal(again, noisy, sizeof again);
    tap = EC_TAP_DEFAULT;
    tap.block = 1;
    run(mixed, e, tap, &shape);
    assert_int_equal(shape.cell, 4);
    assert_int_equal(shape.n_tokens, 24);
    ec_error err;
    tap.block = 3;
    assert_int_equal(ec_encoder_feature_shape(&shape, e, 24, 16, tap, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "there is no block 3"));
    assert_int_equal(shape.n_tokens, 0);
    assert_int_equal(ec_encoder_feature_shape(&shape, e, 24, 16, (ec_tap){.layer = 1}, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "no layers"));
    ec_encoder_close(e);
    ec_ctx_free(ctx);
}

static void block_timestep_and_seed_reach_the_family(void **state) {
    check_taps(*state, NULL);
    check_taps(*state, "ref");
}

static void without_a_context_it_is_looked_at_alone(void **state) {
    float image[3 * 16 * 16] = {0}, out[4 * 4];
    ec_error err = {.message = ""};
    ec_encoder *e = must_open(*state);
    assert_string_equal(ec_encoder_describe(e).math, "f32");
    assert_int_equal(ec_encoder_forward(out, e, image, 1, 16, 16, EC_TAP_DEFAULT, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "opened without a context"));
    ec_encoder_close(e);
}

/* Features that were computed before a tap had these fields keep their identity. */
static void an_identity_has_no_defaults_of_block_timestep_and_seed(void **state) {
    (void)state;
    json_t *json = json_object();
    ec_tap tap = EC_TAP_DEFAULT;
    assert_true(ec_tap_identify(json, &tap));
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(text, "{\"class_token\":false,\"layer\":-2}");
    free(text);
    tap = (ec_tap){.layer = 3, .keep_class_token = true, .block = 2, .timestep = 261, .seed = 42};
    assert_true(ec_tap_identify(json, &tap));
    text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(
        text, "{\"block\":2,\"class_token\":true,\"layer\":3,\"seed\":42,\"timestep\":261}");
    free(text);
    json_decref(json);
}

static void a_vision_transformer_refuses_what_it_has_not(void **state) {
    (void)state;
    static const struct {
        ec_tap tap;
        const char *why;
    } cases[] = {{{.layer = -2, .block = 1}, "give the layer alone"},
                 {{.layer = -2, .timestep = 261}, "a vision transformer has no timesteps"},
                 {{.layer = -2, .seed = 7}, "a vision transformer draws no noise"}};
    ec_encoder *clip = must_open(clip_fixture);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_feature_shape shape;
        ec_error err = {.message = ""};
        float unused[1];
        assert_int_equal(ec_encoder_feature_shape(&shape, clip, 35, 35, cases[i].tap, &err),
                         EC_ERR_ARG);
        if (strstr(err.message, cases[i].why) == NULL) fail_msg("%s", err.message);
        assert_int_equal(ec_encoder_forward(unused, clip, unused, 1, 35, 35, cases[i].tap, &err),
                         EC_ERR_ARG);
    }
    ec_encoder_close(clip);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, put_mosaic, folder_tear_down)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(each_folder_is_opened_by_the_family_that_recognises_it),
        IN_FOLDER(an_unknown_type_is_refused_with_all_that_are_known),
        IN_FOLDER(all_files_count_in_source_size_and_hash),
        IN_FOLDER(what_is_wrong_with_a_file_names_it),
        IN_FOLDER(block_timestep_and_seed_reach_the_family),
        IN_FOLDER(without_a_context_it_is_looked_at_alone),
        cmocka_unit_test(an_identity_has_no_defaults_of_block_timestep_and_seed),
        cmocka_unit_test(a_vision_transformer_refuses_what_it_has_not),
    };
    return cmocka_run_group_tests_name("encoder family", tests, NULL, NULL);
}
