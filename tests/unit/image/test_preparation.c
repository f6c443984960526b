/* test_preparation.c - processors, against transformers' on Pillow images
 *
 * tests/golden/image-prepare.csv is of transformers 5.23.0 (the …Pil classes) with Pillow 13.0.0;
 * 4.38.2 gives the same but where it pads an odd number of pixels or takes an image 1 or 3 pixels
 * high for one with its channels first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden_csv.h"
#include "image/processor.h"
#include "image_pattern.h"

static void preparing_equals_transformers(void **state) {
    (void)state;
    golden_csv g;
    golden_open(&g, "image-prepare.csv");
    size_t n = 0;
    while (golden_next(&g)) {
        char path[1024];
        snprintf(path, sizeof path, "%s/tests/preprocessor/%s.json", EC_SOURCE_DIR, g.field[0]);
        ec_preparation p;
        ec_error err;
        if (ec_preparation_load(&p, path, &err) != EC_OK) fail_msg("%s", err.message);
        size_t width, height;
        assert_int_equal(ec_preparation_size(&width, &height, &p, &err), EC_OK);
        assert_int_equal(width, (size_t)golden_number(&g, 4));
        assert_int_equal(height, (size_t)golden_number(&g, 5));

        ec_image image = image_pattern((uint32_t)golden_number(&g, 1), (size_t)golden_number(&g, 2),
                                       (size_t)golden_number(&g, 3));
        float *out = malloc(3 * width * height * sizeof *out);
        assert_int_equal(ec_prepare(out, &image, &p, &err), EC_OK);
        for (size_t c = 0; c < 3; c++) {
            const float middle = out[(c * height + height / 2) * width + width / 2];
            if (!(golden_difference(middle, golden_number(&g, 7 + c)) <= 1e-6))
                fail_msg("%s on %s x %s: %.9g in the middle, expected %s", g.field[0], g.field[2],
                         g.field[3], (double)middle, g.field[7 + c]);
        }
        if (image_crc(out, 3 * width * height * sizeof *out) != (uint32_t)golden_number(&g, 6))
            fail_msg("%s on %s x %s: not the floats of transformers", g.field[0], g.field[2],
                     g.field[3]);
        free(out);
        ec_image_release(&image);
        n++;
    }
    print_message("%zu prepared images equal in every bit\n", n);
    assert_true(n > 100);
}

/* x = (u8/255 - 1/2) 2 after a squash, as the C score's feature extraction computes it. */
static void square_is_between_minus_1_and_1(void **state) {
    (void)state;
    const ec_preparation p = ec_preparation_square(40);
    ec_image image = image_pattern(0, 90, 50), resized;
    assert_int_equal(ec_image_resize(&resized, &image, 40, 40, EC_FILTER_BICUBIC, NULL), EC_OK);
    float out[3 * 40 * 40];
    assert_int_equal(ec_prepare(out, &image, &p, NULL), EC_OK);
    for (size_t i = 0; i < 40 * 40; i++)
        for (size_t c = 0; c < 3; c++)
            assert_true(fabs(out[c * 1600 + i] - (resized.rgb[3 * i + c] / 255.0 - 0.5) * 2.0) <
                        1e-6);
    ec_image_release(&resized);
    ec_image_release(&image);
}

/* A bright pixel in each corner is found where the frame puts it, whichever way the image lies. */
static void padding_keeps_the_whole_image_where_the_frame_says(void **state) {
    (void)state;
    enum { SIDE = 40 };
    const ec_preparation like = {.filter = EC_FILTER_BOX, .rescale = 1.0 / 255.0};
    const ec_preparation p = ec_preparation_letterbox(SIDE, &like);
    static const struct {
        size_t width, height, from_x, from_y, n_x, n_y; /* of the resized image in the square */
    } cases[] = {{80, 50, 0, 7, 40, 25},                /* 15 rows to spare: 7 above */
                 {30, 90, 13, 0, 13, 40},
                 {64, 64, 0, 0, 40, 40},
                 {16, 5, 0, 14, 40, 12},  /* 12.5 rounds to even */
                 {500, 3, 0, 19, 40, 1}}; /* never vanishes */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_image image = {.width = cases[i].width, .height = cases[i].height};
        image.rgb = malloc(3 * image.width * image.height);
        memset(image.rgb, 255, 3 * image.width * image.height);
        ec_frame frame;
        float out[3 * SIDE * SIDE];
        assert_int_equal(ec_prepare(out, &image, &p, NULL), EC_OK);
        assert_int_equal(ec_preparation_frame(&frame, &p, image.width, image.height, NULL), EC_OK);
        assert_true(frame.offset_x == (double)cases[i].from_x);
        assert_true(frame.offset_y == (double)cases[i].from_y);
        assert_true(frame.scale_x == (double)cases[i].n_x / (double)image.width);
        assert_true(frame.scale_y == (double)cases[i].n_y / (double)image.height);
        for (size_t y = 0; y < SIDE; y++)
            for (size_t x = 0; x < SIDE; x++) {
                const bool within = x >= cases[i].from_x && x < cases[i].from_x + cases[i].n_x &&
                                    y >= cases[i].from_y && y < cases[i].from_y + cases[i].n_y;
                assert_true(out[y * SIDE + x] == (within ? 1.0F : 0.0F));
            }
        ec_image_release(&image);
    }
}

/* LLaVA's image_aspect_ratio "pad", from tools/make_exif_fixtures.py. */
static void padding_equals_llavas(void **state) {
    (void)state;
    golden_csv g;
    golden_open(&g, "image-pad.csv");
    size_t n = 0;
    while (golden_next(&g)) {
        char path[1024];
        snprintf(path, sizeof path, "%s/tests/preprocessor/%s.json", EC_SOURCE_DIR, g.field[0]);
        ec_preparation p;
        assert_int_equal(ec_preparation_load(&p, path, NULL), EC_OK);
        p = ec_preparation_pad(&p);
        size_t width, height;
        assert_int_equal(ec_preparation_size(&width, &height, &p, NULL), EC_OK);
        ec_image image = image_pattern((uint32_t)golden_number(&g, 1), (size_t)golden_number(&g, 2),
                                       (size_t)golden_number(&g, 3));
        float *out = malloc(3 * width * height * sizeof *out);
        assert_int_equal(ec_prepare(out, &image, &p, NULL), EC_OK);
        if (image_crc(out, 3 * width * height * sizeof *out) != (uint32_t)golden_number(&g, 4))
            fail_msg("%s on %s x %s: not the floats of LLaVA", g.field[0], g.field[2], g.field[3]);
        free(out);
        ec_image_release(&image);
        n++;
    }
    print_message("%zu padded images equal in every bit\n", n);
    assert_true(n == 27);

    /* Cut, not rounded: 122.77, 116.75, 104.09. */
    const ec_preparation clip =
        ec_preparation_pad(&(ec_preparation){.mean = {0.48145466, 0.4578275, 0.40821073}});
    assert_memory_equal(clip.pad_colour, ((uint8_t[]){122, 116, 104}), 3);

    /* 41 x 40 in a square: the row that is too many lies below. */
    const ec_preparation p = ec_preparation_pad(
        &(ec_preparation){.resize = EC_RESIZE_SQUASH, .resize_width = 82, .resize_height = 82});
    ec_frame frame;
    assert_int_equal(ec_preparation_frame(&frame, &p, 41, 38, NULL), EC_OK);
    assert_true(frame.scale_x == 2 && frame.scale_y == 2);
    assert_true(frame.offset_x == 0 && frame.offset_y == 2);

    /* A strip would fill the memory. */
    const ec_image strip = {.width = 1 << 20, .height = 1, .rgb = malloc(3 << 20)};
    float out[3];
    ec_error err;
    ec_preparation one = {.resize = EC_RESIZE_SQUASH, .resize_width = 1, .resize_height = 1};
    one.filter = EC_FILTER_BOX;
    one.pad = true;
    assert_int_equal(ec_prepare(out, &strip, &one, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "padded to a square"));
    free(strip.rgb);
}

/* Turned before everything else. */
static void exif_turns_the_image_first(void **state) {
    (void)state;
    ec_image image = image_pattern(0, 6, 4), turned;
    const ec_preparation plain = {.crop_width = 6, .crop_height = 6, .rescale = 1.0};
    ec_preparation p = plain;
    p.exif_transpose = true;
    for (unsigned orientation = 0; orientation <= 8; orientation++) {
        float out[3 * 36], expected[3 * 36];
        image.orientation = orientation;
        assert_int_equal(ec_image_turn(&turned, &image, orientation, NULL), EC_OK);
        assert_int_equal(turned.width, orientation >= 5 ? 4 : 6);
        assert_int_equal(ec_prepare(out, &image, &p, NULL), EC_OK);
        assert_int_equal(ec_prepare(expected, &turned, &plain, NULL), EC_OK);
        assert_memory_equal(out, expected, sizeof out);
        assert_int_equal(ec_prepare(out, &image, &plain, NULL), EC_OK); /* off: as it lies */
        ec_image_release(&turned);
        assert_int_equal(ec_image_turn(&turned, &image, 1, NULL), EC_OK);
        assert_memory_equal(turned.rgb, image.rgb, 6 * 4 * 3);
        assert_int_equal(ec_prepare(expected, &turned, &plain, NULL), EC_OK);
        assert_memory_equal(out, expected, sizeof out);
        ec_image_release(&turned);
    }
    ec_image_release(&image);
}

/* Of a shortest edge with a centre crop: what lies before the crop has negative coordinates. */
static void the_frame_of_a_crop_begins_outside(void **state) {
    (void)state;
    const ec_preparation p = {.resize = EC_RESIZE_SHORTEST_EDGE,
                              .shortest_edge = 20,
                              .crop_width = 16,
                              .crop_height = 16,
                              .filter = EC_FILTER_BICUBIC};
    ec_frame frame;
    assert_int_equal(ec_preparation_frame(&frame, &p, 100, 50, NULL), EC_OK);
    assert_true(frame.scale_x == 0.4 && frame.scale_y == 0.4);
    assert_true(frame.offset_x == -12.0 && frame.offset_y == -2.0);
    assert_int_equal(ec_preparation_frame(&frame, &p, 0, 50, NULL), EC_ERR_ARG);
}

static ec_status parse(ec_preparation *p, const char *json, ec_error *err) {
    return ec_preparation_parse(p, json, strlen(json), "p.json", NULL, err);
}

static void a_size_that_depends_on_the_image_is_refused(void **state) {
    (void)state;
    ec_preparation p;
    ec_error err;
    assert_int_equal(parse(&p,
                           "{\"image_processor_type\": \"CLIPImageProcessor\", "
                           "\"do_center_crop\": false}",
                           &err),
                     EC_OK);
    size_t width, height;
    assert_int_equal(ec_preparation_size(&width, &height, &p, &err), EC_ERR_ARG);
    ec_image image = image_pattern(0, 4, 4);
    float out[1];
    assert_int_equal(ec_prepare(out, &image, &p, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "crop"));
    ec_image_release(&image);
}

/* Every message names the file and the key. */
static void bad_processors_are_named(void **state) {
    (void)state;
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"", "JSON"},
        {"{\"size\": ", "JSON"},
        {"[1]", "object"},
        {"{}", "image_processor_type"},
        {"{\"image_processor_type\": 3}", "image_processor_type"},
        {"{\"image_processor_type\": \"Siglip2ImageProcessor\"}", "Siglip2ImageProcessor"},
        {"{\"image_processor_type\": \"CLIP\"}", "'CLIP'"},
#define CLIP(rest) "{\"image_processor_type\": \"CLIPImageProcessor\", " rest "}"
#define SIGLIP(rest) "{\"image_processor_type\": \"SiglipImageProcessor\", " rest "}"
        {CLIP("\"size\": 0"), "'size'"},
        {CLIP("\"size\": 65536"), "'size'"},
        {CLIP("\"size\": 224.5"), "'size'"},
        {CLIP("\"size\": \"224\""), "'size'"},
        {CLIP("\"size\": {\"shortest_edge\": 224, \"longest_edge\": 0}"), "'size'"},
        {CLIP("\"size\": {\"shortest_edge\": 224, \"width\": 300}"), "'size'"},
        {CLIP("\"default_to_square\": 1"), "'default_to_square'"},
        {CLIP("\"size\": {\"longest_edge\": 300}"), "'size'"},
        {CLIP("\"size\": {\"height\": 224}"), "'size'"},
        {CLIP("\"size\": [1, 2, 3]"), "'size'"},
        {CLIP("\"crop_size\": {\"shortest_edge\": 224}"), "'crop_size'"},
        {CLIP("\"crop_size\": -1"), "'crop_size'"},
        {CLIP("\"resample\": 0"), "'resample'"},
        {CLIP("\"resample\": 5"), "'resample'"},
        {CLIP("\"resample\": \"bicubic\""), "'resample'"},
        {CLIP("\"do_resize\": 1"), "'do_resize'"},
        {CLIP("\"do_pad\": true"), "'do_pad'"},
        {CLIP("\"image_mean\": [0.5, 0.5]"), "'image_mean'"},
        {CLIP("\"image_std\": [0.5, 0, 0.5]"), "'image_std'"},
        {CLIP("\"image_std\": [0.5, \"x\", 0.5]"), "'image_std'"},
        {CLIP("\"rescale_factor\": \"1/255\""), "'rescale_factor'"},
        {CLIP("\"rescale_factor\": 1e39"), "'rescale_factor'"},
        {CLIP("\"image_mean\": [0, 1e300, 0]"), "'image_mean'"},
        {SIGLIP("\"size\": 224"), "'size'"},
        {SIGLIP("\"do_center_crop\": true"), "'do_center_crop'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_preparation p;
        ec_error err;
        if (parse(&p, cases[i].json, &err) != EC_ERR_FORMAT)
            fail_msg("accepted: %s", cases[i].json);
        assert_int_equal(strncmp(err.message, "p.json:", 7), 0);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s: '%s' does not say %s", cases[i].json, err.message, cases[i].says);
    }
    ec_preparation p;
    ec_error err;
    assert_int_equal(ec_preparation_load(&p, "/nonexistent/p.json", &err), EC_ERR_NOT_FOUND);
}

static ec_preparation must_parse(const char *json, const char *model_type) {
    ec_preparation p;
    ec_error err = {.message = ""};
    if (ec_preparation_parse(&p, json, strlen(json), "p.json", model_type, &err) != EC_OK)
        fail_msg("%s: %s", json, err.message);
    return p;
}

/* How transformers 5 writes sizes. */
static void newer_sizes_are_read(void **state) {
    (void)state;
    ec_preparation p = must_parse(SIGLIP("\"size\": {\"shortest_edge\": 40}"), NULL);
    assert_true(p.resize == EC_RESIZE_SHORTEST_EDGE && p.shortest_edge == 40);
    p = must_parse(SIGLIP("\"size\": 384, \"default_to_square\": true"), NULL);
    assert_true(p.resize == EC_RESIZE_SQUASH && p.resize_height == 384);
    p = must_parse(CLIP("\"size\": 336, \"default_to_square\": false"), NULL);
    assert_true(p.resize == EC_RESIZE_SHORTEST_EDGE && p.shortest_edge == 336);
    p = must_parse(CLIP("\"size\": {\"height\": null, \"width\": null, \"shortest_edge\": 256, "
                        "\"longest_edge\": 300}, \"crop_size\": {\"height\": 224, \"width\": 224, "
                        "\"shortest_edge\": null}"),
                   NULL);
    assert_true(p.resize == EC_RESIZE_SHORTEST_EDGE && p.shortest_edge == 256);
    assert_true(p.longest_edge == 300 && p.crop_width == 224);
}

/* As AutoImageProcessor finds the class: the file's, else the model's. */
static void a_class_that_is_not_named_is_the_models(void **state) {
    (void)state;
    ec_preparation p = must_parse("{\"size\": 224}", "vit");
    assert_true(p.resize == EC_RESIZE_SQUASH && p.filter == EC_FILTER_BILINEAR);
    p = must_parse("{\"size\": 224, \"image_processor_type\": null}", "dinov2");
    assert_true(p.resize == EC_RESIZE_SHORTEST_EDGE && p.crop_width == 224);
    p = must_parse("{\"processor_class\": \"SiglipProcessor\"}", NULL);
    assert_true(p.resize == EC_RESIZE_SQUASH && p.mean[0] == 0.5);
    p = must_parse("{\"image_processor\": {\"image_processor_type\": \"BitImageProcessorFast\", "
                   "\"size\": {\"shortest_edge\": 256}}, \"processor_class\": \"X\"}",
                   "clip");
    assert_true(p.shortest_edge == 256);
    p = must_parse("{\"image_processor_type\": \"LlavaImageProcessorFast\", \"do_pad\": false}",
                   NULL);
    assert_true(p.shortest_edge == 224);
}

/* null is what transformers writes for a key without a value. */
static void null_means_the_default(void **state) {
    (void)state;
    ec_preparation p;
    ec_error err;
    assert_int_equal(parse(&p,
                           CLIP("\"size\": null, \"crop_size\": null, \"do_pad\": null, "
                                "\"do_resize\": null, \"do_center_crop\": null, "
                                "\"do_normalize\": null, \"do_rescale\": null, "
                                "\"rescale_factor\": null, \"default_to_square\": null, "
                                "\"resample\": null, \"image_mean\": null"),
                           &err),
                     EC_OK);
    assert_int_equal(p.shortest_edge, 224);
    assert_int_equal(p.crop_height, 224);
    assert_int_equal(p.filter, EC_FILTER_BICUBIC);
    assert_true(p.mean[0] == 0.48145466);
}

/* Below the crop's size the image lies in the middle of zeros, which are then normalised. */
static void small_images_are_padded(void **state) {
    (void)state;
    ec_preparation p;
    assert_int_equal(parse(&p,
                           CLIP("\"do_resize\": false, \"crop_size\": 6, \"do_rescale\": false, "
                                "\"image_mean\": 1, \"image_std\": 2"),
                           NULL),
                     EC_OK);
    uint8_t rgb[3 * 3 * 3];
    memset(rgb, 5, sizeof rgb);
    const ec_image image = {.width = 3, .height = 3, .rgb = rgb};
    float out[3 * 6 * 6];
    assert_int_equal(ec_prepare(out, &image, &p, NULL), EC_OK);
    for (size_t y = 0; y < 6; y++)
        for (size_t x = 0; x < 6; x++) { /* three rows to spare: two above, one below */
            const bool is_inside = y >= 2 && y < 5 && x >= 2 && x < 5;
            assert_true(out[y * 6 + x] == (is_inside ? 2.0F : -0.5F));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preparing_equals_transformers),
        cmocka_unit_test(square_is_between_minus_1_and_1),
        cmocka_unit_test(padding_keeps_the_whole_image_where_the_frame_says),
        cmocka_unit_test(padding_equals_llavas),
        cmocka_unit_test(exif_turns_the_image_first),
        cmocka_unit_test(the_frame_of_a_crop_begins_outside),
        cmocka_unit_test(a_size_that_depends_on_the_image_is_refused),
        cmocka_unit_test(bad_processors_are_named),
        cmocka_unit_test(newer_sizes_are_read),
        cmocka_unit_test(a_class_that_is_not_named_is_the_models),
        cmocka_unit_test(null_means_the_default),
        cmocka_unit_test(small_images_are_padded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
