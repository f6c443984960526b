/* test_picture.c - drawings whose pixels can be told beforehand, and PNG files that come back */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/text.h"
#include "eyechart/picture.h"
#include "eyechart/rng.h"

static const ec_colour BLACK = {0, 0, 0}, WHITE = {255, 255, 255}, RED = {255, 0, 0};

static ec_image canvas(size_t width, size_t height, ec_colour colour) {
    ec_image image;
    assert_int_equal(ec_picture_new(&image, width, height, colour, NULL), EC_OK);
    return image;
}

static ec_colour at(const ec_image *image, size_t x, size_t y) {
    const uint8_t *p = image->rgb + 3 * (y * image->width + x);
    return (ec_colour){p[0], p[1], p[2]};
}

static void is(const ec_image *image, size_t x, size_t y, ec_colour expected) {
    const ec_colour found = at(image, x, y);
    if (memcmp(&found, &expected, sizeof found) != 0)
        fail_msg("pixel %zu, %zu is %d %d %d, expected %d %d %d", x, y, found.red, found.green,
                 found.blue, expected.red, expected.green, expected.blue);
}

/* Sum of what has become white on black, in pixels. */
static double area(const ec_image *image) {
    double sum = 0.0;
    for (size_t i = 0; i < image->width * image->height; i++) sum += image->rgb[3 * i] / 255.0;
    return sum;
}

static void a_picture_has_a_size_that_makes_sense(void **state) {
    (void)state;
    ec_image image;
    ec_error err;
    assert_int_equal(ec_picture_new(&image, 0, 5, WHITE, &err), EC_ERR_ARG);
    assert_int_equal(ec_picture_new(&image, 5, EC_PICTURE_MAX_SIDE + 1, WHITE, &err), EC_ERR_ARG);
    assert_null(image.rgb);
    assert_non_null(strstr(err.message, "20001"));
}

static void a_disc_covers_its_area_and_nothing_else(void **state) {
    (void)state;
    ec_image image = canvas(41, 31, BLACK);
    ec_picture_disc(&image, 20.5, 15.5, 10.0, WHITE, 1.0);
    assert_true(fabs(area(&image) - 100 * M_PI) < 1.0); /* observed: .1 */
    is(&image, 20, 15, WHITE);
    is(&image, 20 + 9, 15, WHITE);
    is(&image, 20 + 11, 15, BLACK);
    is(&image, 20 + 8, 15 + 8, BLACK);
    /* The edge runs through the middle of this pixel. */
    is(&image, 20 + 10, 15, (ec_colour){128, 128, 128});
    ec_image_release(&image);
}

static void a_ring_has_a_hole(void **state) {
    (void)state;
    ec_image image = canvas(40, 40, BLACK);
    ec_picture_ring(&image, 20.0, 20.0, 12.0, 4.0, WHITE, 1.0);
    is(&image, 20, 20, BLACK);
    is(&image, 28, 20, BLACK);
    is(&image, 31, 20, WHITE);
    is(&image, 36, 20, BLACK);
    assert_true(fabs(area(&image) - (14 * 14 - 10 * 10) * M_PI) < 1.5);
    ec_image_release(&image);
}

static void a_line_is_as_wide_as_asked(void **state) {
    (void)state;
    ec_image image = canvas(30, 12, BLACK);
    ec_picture_line(&image, 5.0, 6.0, 25.0, 6.0, 2.0, WHITE, 1.0);
    for (size_t x = 6; x < 24; x++) {
        is(&image, x, 4, BLACK);
        is(&image, x, 5, WHITE);
        is(&image, x, 6, WHITE);
        is(&image, x, 7, BLACK);
    }
    is(&image, 2, 5, BLACK);
    is(&image, 27, 5, BLACK);
    ec_image_release(&image);

    /* Straight or askew, the area is length x width, and a round end on each side. */
    image = canvas(60, 60, BLACK);
    ec_picture_line(&image, 10.0, 10.0, 40.0, 50.0, 3.0, WHITE, 1.0);
    assert_true(fabs(area(&image) - (50 * 3 + 1.5 * 1.5 * M_PI)) < 2.0);
    ec_image_release(&image);
}

static void a_box_is_an_outline(void **state) {
    (void)state;
    ec_image image = canvas(30, 30, BLACK);
    ec_picture_box(&image, 5.0, 6.0, 25.0, 20.0, 2.0, WHITE, 1.0);
    is(&image, 5, 13, WHITE);
    is(&image, 24, 13, WHITE);
    is(&image, 15, 6, WHITE);
    is(&image, 15, 19, WHITE);
    is(&image, 15, 13, BLACK);
    is(&image, 2, 13, BLACK);
    ec_image_release(&image);
}

static void alpha_mixes_the_colours(void **state) {
    (void)state;
    ec_image image = canvas(11, 11, WHITE);
    ec_picture_disc(&image, 5.5, 5.5, 3.0, RED, 0.25);
    is(&image, 5, 5, (ec_colour){255, 191, 191});
    ec_image_release(&image);
}

/* What lies outside would be written past the pixels: AddressSanitizer sees it. */
static void drawing_stays_on_the_picture(void **state) {
    (void)state;
    static const double places[] = {-1e300, -50.0, -1.0, 0.0, 9.99, 10.0, 60.0, 1e18, 1e300};
    ec_image image = canvas(10, 7, BLACK);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
            ec_picture_disc(&image, places[i], places[j], 3.0, WHITE, 0.5);
            ec_picture_line(&image, places[i], places[j], places[j], 3.0, 2.0, WHITE, 0.5);
        }
    ec_picture_text(&image, 7, 5, 2, WHITE, "W\xc3\xa9");
    ec_picture_text(&image, 100, 100, 2, WHITE, "W");
    const ec_image large = canvas(30, 30, RED);
    ec_picture_paste(&image, &large, 8, 6);
    ec_picture_paste(&image, &large, 10, 7);
    is(&image, 9, 6, RED);
    free(large.rgb);
    ec_image_release(&image);
}

static void what_is_not_finite_draws_nothing(void **state) {
    (void)state;
    ec_image image = canvas(10, 10, BLACK);
    ec_picture_disc(&image, NAN, 5.0, 3.0, WHITE, 1.0);
    ec_picture_disc(&image, 5.0, 5.0, NAN, WHITE, 1.0);
    ec_picture_line(&image, 0.0, 0.0, INFINITY, 5.0, 3.0, WHITE, 1.0);
    ec_picture_line(&image, 0.0, NAN, 5.0, 5.0, 3.0, WHITE, 1.0);
    assert_true(area(&image) == 0.0);
    ec_image_release(&image);
}

static void text_is_made_of_dots(void **state) {
    (void)state;
    ec_image image = canvas(13, 9, BLACK);
    ec_picture_text(&image, 0, 0, 1, WHITE, "Hr");
    static const char *const expected[9] = {
        "#...#........", "#...#........", "#...#.#.##...", "#####.##..#..", "#...#.#......",
        "#...#.#......", "#...#.#......", ".............", ".............",
    };
    for (size_t y = 0; y < 9; y++)
        for (size_t x = 0; x < 13; x++) is(&image, x, y, expected[y][x] == '#' ? WHITE : BLACK);
    ec_image_release(&image);

    assert_int_equal(ec_picture_text_width("Hr", 1), 11);
    assert_int_equal(ec_picture_text_width("Hr", 3), 33);
    assert_int_equal(ec_picture_text_width("", 3), 0);
    assert_int_equal(ec_picture_text_width("\xe8\xa7\x86\xe8\xa7\x89", 1), 11); /* two letters */
}

static void every_printable_letter_differs(void **state) {
    (void)state;
    ec_image drawn[95];
    for (int c = 0; c < 95; c++) {
        drawn[c] = canvas(5, 9, BLACK);
        ec_picture_text(&drawn[c], 0, 0, 1, WHITE, (char[]){(char)(' ' + c), '\0'});
        for (int other = 0; other < c; other++)
            assert_int_not_equal(memcmp(drawn[c].rgb, drawn[other].rgb, 5 * 9 * 3), 0);
    }
    for (int c = 0; c < 95; c++) ec_image_release(&drawn[c]);
}

static void green_heat_covers_with_the_square(void **state) {
    (void)state;
    const float heat[] = {0.0f, 0.5f, 1.0f, -3.0f, 7.0f, NAN};
    ec_image image = canvas(6, 1, (ec_colour){200, 100, 40});
    ec_picture_heat(&image, heat, EC_HEAT_GREEN);
    is(&image, 0, 0, (ec_colour){200, 100, 40});
    /* alpha .1125: 200 - 22.5, 100 + 17.44, 40 - 4.5 */
    is(&image, 1, 0, (ec_colour){178, 117, 36});
    is(&image, 2, 0, (ec_colour){110, 170, 22});
    is(&image, 3, 0, (ec_colour){200, 100, 40});
    is(&image, 4, 0, (ec_colour){110, 170, 22});
    is(&image, 5, 0, (ec_colour){200, 100, 40});
    ec_image_release(&image);
}

static void viridis_is_matplotlibs(void **state) {
    (void)state;
    /* matplotlib.colormaps["viridis"](h), in 255ths */
    static const double expected[][4] = {{0.0, 68.0, 1.0, 84.0},
                                         {0.25, 58.7, 81.8, 138.7},
                                         {0.5, 32.5, 144.6, 140.4},
                                         {0.75, 93.0, 200.6, 99.1},
                                         {1.0, 253.3, 231.1, 36.7}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ec_image image = canvas(1, 1, BLACK);
        ec_picture_heat(&image, (float[]){(float)expected[i][0]}, EC_HEAT_VIRIDIS);
        for (int c = 0; c < 3; c++)
            assert_true(fabs(image.rgb[c] - 0.45 * expected[i][c + 1]) < 1.6);
        ec_image_release(&image);
    }
    ec_image image = canvas(1, 1, RED);
    ec_picture_heat(&image, (float[]){NAN}, EC_HEAT_VIRIDIS); /* nothing there */
    is(&image, 0, 0, RED);
    ec_picture_heat(&image, (float[]){0.0f}, EC_HEAT_VIRIDIS); /* red's grey is 76 */
    is(&image, 0, 0, (ec_colour){72, 42, 80});
    ec_image_release(&image);
}

static void a_png_comes_back_as_it_was(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {3, 2}, {64, 1}, {1, 64}, {37, 53}};
    ec_rng rng;
    ec_rng_init(&rng, 1, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ec_image image = canvas(sizes[i][0], sizes[i][1], BLACK), back;
        for (size_t k = 0; k < 3 * image.width * image.height; k++)
            image.rgb[k] = (uint8_t)(ec_rng_uniform(&rng) * 256.0);
        void *bytes, *again;
        size_t n, n_again;
        assert_int_equal(ec_picture_encode(&bytes, &n, &image, NULL, NULL, NULL), EC_OK);
        assert_int_equal(ec_picture_encode(&again, &n_again, &image, NULL, NULL, NULL), EC_OK);
        assert_int_equal(n, n_again);
        assert_memory_equal(bytes, again, n);
        assert_int_equal(ec_image_decode(&back, bytes, n, "x", NULL), EC_OK);
        assert_int_equal(back.width, image.width);
        assert_int_equal(back.height, image.height);
        assert_memory_equal(back.rgb, image.rgb, 3 * image.width * image.height);

        ec_picture_words words;
        size_t width, height;
        assert_int_equal(ec_picture_read_words(&words, &width, &height, bytes, n, "x", NULL),
                         EC_OK);
        assert_null(words.title);
        assert_int_equal(height, image.height);
        ec_image_release(&image);
        ec_image_release(&back);
        free(bytes);
        free(again);
    }
}

static void a_png_says_what_it_is(void **state) {
    (void)state;
    ec_image image = canvas(4, 3, RED);
    void *bytes;
    size_t n, width, height;
    ec_picture_words words;
    ec_error err;
    assert_int_equal(ec_picture_encode(&bytes, &n, &image, "A title, \xc3\xa4", "one\ntwo", NULL),
                     EC_OK);
    assert_int_equal(ec_picture_read_words(&words, &width, &height, bytes, n, "x.png", &err),
                     EC_OK);
    assert_string_equal(words.title, "A title, \xc3\xa4");
    assert_string_equal(words.description, "one\ntwo");
    assert_int_equal(width, 4);
    assert_int_equal(height, 3);
    ec_picture_words_release(&words);

    assert_int_equal(ec_picture_read_words(&words, &width, &height, bytes, n / 2, "x.png", &err),
                     EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "x.png"));
    assert_int_equal(ec_picture_read_words(&words, &width, &height, "GIF89a", 6, "x.png", &err),
                     EC_ERR_FORMAT);
    ec_image_release(&image);
    free(bytes);
}

/* The examples of RFC 4648. */
static void base64_is_that_of_the_rfc(void **state) {
    (void)state;
    static const char *const examples[][2] = {
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        ec_text text = {0};
        ec_base64_add(&text, examples[i][0], strlen(examples[i][0]));
        assert_string_equal(text.data, examples[i][1]);
        ec_text_release(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_has_a_size_that_makes_sense),
        cmocka_unit_test(a_disc_covers_its_area_and_nothing_else),
        cmocka_unit_test(a_ring_has_a_hole),
        cmocka_unit_test(a_line_is_as_wide_as_asked),
        cmocka_unit_test(a_box_is_an_outline),
        cmocka_unit_test(alpha_mixes_the_colours),
        cmocka_unit_test(drawing_stays_on_the_picture),
        cmocka_unit_test(what_is_not_finite_draws_nothing),
        cmocka_unit_test(text_is_made_of_dots),
        cmocka_unit_test(every_printable_letter_differs),
        cmocka_unit_test(green_heat_covers_with_the_square),
        cmocka_unit_test(viridis_is_matplotlibs),
        cmocka_unit_test(a_png_comes_back_as_it_was),
        cmocka_unit_test(a_png_says_what_it_is),
        cmocka_unit_test(base64_is_that_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
