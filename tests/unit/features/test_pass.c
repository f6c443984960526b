/* test_pass.c - a pass hands the features of every image to every consumer, in order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "features/pass.h"

#define IMAGES EC_SOURCE_DIR "/tests/images/"

enum { N_IMAGES = 5, BAD = 2 };

static const char *const paths[N_IMAGES] = {IMAGES "png-rgb-8.png", IMAGES "pnm-p3.ppm",
                                            IMAGES "jpeg-many-scans.jpg/none", IMAGES "bmp-24.bmp",
                                            IMAGES "png-palette-8.png"};
static const char *const good[N_IMAGES - 1] = {IMAGES "png-rgb-8.png", IMAGES "pnm-p3.ppm",
                                               IMAGES "bmp-24.bmp", IMAGES "png-palette-8.png"};

static ec_ctx *ctx;

static ec_extractor *open_toy(void) {
    const ec_feature_source source = {.folder = EC_SOURCE_DIR "/tests/parity/clip-f32",
                                      .prepare = EC_PREPARE_SQUARE};
    const ec_encoder_options options = {.ctx = ctx};
    ec_extractor *extractor;
    ec_error err;
    if (ec_extractor_open(&extractor, &source, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
    return extractor;
}

/* What a consumer has seen, and when it stops. */
typedef struct {
    size_t n_calls, n_images, n_good, stop_at; /* stop_at 0: never */
    const size_t *before; /* calls of the consumer before it; NULL: it is the first */
    size_t n_floats;
    float *features; /* [N_IMAGES][n_floats] */
} seen;

static ec_status take(void *context, const ec_pass_batch *batch, ec_error *err) {
    seen *s = context;
    assert_int_equal(batch->first, s->n_images);
    s->n_calls++;
    if (s->before != NULL) assert_int_equal(*s->before, s->n_calls);
    size_t n_good = 0;
    for (size_t i = 0; i < batch->n; i++) n_good += batch->image[i].status == EC_OK;
    assert_int_equal(n_good, batch->n_good);
    memcpy(s->features + s->n_good * s->n_floats, batch->features[0],
           n_good * s->n_floats * sizeof *s->features);
    s->n_images += batch->n;
    s->n_good += n_good;
    return s->n_calls == s->stop_at ? ec_fail(err, EC_ERR_INTERRUPTED, "enough") : EC_OK;
}

static seen start(const ec_extractor *extractor) {
    const ec_extractor_info info = ec_extractor_describe(extractor);
    const size_t n_floats = info.n_tokens * info.n_channels;
    return (seen){.n_floats = n_floats, .features = calloc(N_IMAGES * n_floats, sizeof(float))};
}

/* The features are those of ec_extractor_run, whatever the batch, and whether the images come as
 * files or decoded. */
static void consumers_see_the_features_of_all_images_in_order(void **state) {
    (void)state;
    ec_extractor *extractor = open_toy();
    seen first = start(extractor), expected = start(extractor);
    ec_image image[N_IMAGES - 1];
    const ec_image *decoded[N_IMAGES - 1];
    for (size_t i = 0; i < N_IMAGES - 1; i++) {
        assert_int_equal(ec_image_load(&image[i], good[i], NULL), EC_OK);
        decoded[i] = &image[i];
    }
    assert_int_equal(ec_extractor_run(expected.features, extractor, decoded, N_IMAGES - 1, NULL),
                     EC_OK);
    const ec_image_list lists[] = {{.paths = good, .n = N_IMAGES - 1},
                                   {.decoded = decoded, .n = N_IMAGES - 1}};
    for (size_t batch = 0; batch < 7; batch++) {
        const ec_pass_options options = {.batch = batch};
        first.n_calls = first.n_images = first.n_good = 0;
        seen second = start(extractor);
        second.before = &first.n_calls;
        const ec_pass_consumer consumers[] = {{take, &first}, {take, &second}};
        assert_int_equal(
            ec_pass_run(&extractor, 1, &lists[batch % 2], &options, consumers, 2, NULL), EC_OK);
        assert_int_equal(second.n_images, N_IMAGES - 1);
        assert_memory_equal(first.features, expected.features, 4 * first.n_floats * sizeof(float));
        assert_memory_equal(second.features, expected.features, 4 * first.n_floats * sizeof(float));
        free(second.features);
    }
    for (size_t i = 0; i < N_IMAGES - 1; i++) ec_image_release(&image[i]);
    free(first.features);
    free(expected.features);
    ec_extractor_close(extractor);
}

static void a_bad_image_ends_the_pass_or_is_told(void **state) {
    (void)state;
    const ec_image_list list = {.paths = paths, .n = N_IMAGES};
    ec_extractor *extractor = open_toy();
    seen s = start(extractor);
    const ec_pass_consumer consumer = {take, &s};
    ec_pass_options options = {.batch = 2};
    ec_error err;
    assert_int_not_equal(ec_pass_run(&extractor, 1, &list, &options, &consumer, 1, &err), EC_OK);
    assert_non_null(strstr(err.message, paths[BAD]));
    assert_int_equal(s.n_images, 2); /* the batch before */

    options.skip_bad = true;
    options.first = 2;
    s.n_good = 2;
    assert_int_equal(ec_pass_run(&extractor, 1, &list, &options, &consumer, 1, &err), EC_OK);
    assert_int_equal(s.n_images, N_IMAGES);
    assert_int_equal(s.n_good, N_IMAGES - 1);
    options.first = N_IMAGES; /* nothing is left */
    assert_int_equal(ec_pass_run(&extractor, 1, &list, &options, &consumer, 1, &err), EC_OK);
    free(s.features);
    ec_extractor_close(extractor);
}

static void a_consumer_stops_the_pass(void **state) {
    (void)state;
    const ec_image_list list = {.paths = good, .n = N_IMAGES - 1};
    ec_extractor *extractor = open_toy();
    for (size_t at = 1; at <= N_IMAGES - 1; at++) {
        seen first = start(extractor), second = start(extractor);
        first.stop_at = at;
        const ec_pass_consumer consumers[] = {{take, &first}, {take, &second}};
        const ec_pass_options options = {.batch = 1};
        ec_error err;
        assert_int_equal(ec_pass_run(&extractor, 1, &list, &options, consumers, 2, &err),
                         EC_ERR_INTERRUPTED);
        assert_string_equal(err.message, "enough");
        assert_int_equal(first.n_calls, at);
        assert_int_equal(second.n_calls, at - 1); /* those behind it are not asked any more */
        free(first.features);
        free(second.features);
    }
    ec_extractor_close(extractor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumers_see_the_features_of_all_images_in_order),
        cmocka_unit_test(a_bad_image_ends_the_pass_or_is_told),
        cmocka_unit_test(a_consumer_stops_the_pass),
    };
    ctx = open_device(NULL, 2);
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    ec_ctx_free(ctx);
    return n_failed;
}
