/* test_image_resize.c - the resize, against Pillow, on every instruction set of this CPU
 *
 * tests/golden/image-resize.csv has checksums of Pillow 13.0.0's results, and of those of the order
 * of passes before 12.2 (checked against Pillow 9.4, 10.4 and 12.1 as well).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eyechart/rng.h"
#include "golden_csv.h"
#include "image/resample.h"
#include "image_pattern.h"

static ec_resample_plan whole(size_t width, size_t height, ec_filter filter) {
    return (ec_resample_plan){width, height, filter, false, {0, 0, width, height}};
}

static void check(const ec_image *image, const ec_resample_plan *plan,
                  const ec_resample_kernels *kernels, uint32_t crc) {
    ec_image out;
    ec_error err;
    if (ec_image_resample(&out, image, plan, kernels, &err) != EC_OK) fail_msg("%s", err.message);
    if (image_rgb_crc(&out) != crc)
        fail_msg(
            "%zu x %zu to %zu x %zu, filter %d, %s%s: not the pixels of Pillow; first: %d %d %d",
            image->width, image->height, plan->width, plan->height, (int)plan->filter,
            kernels->name, plan->horizontal_first ? ", horizontal first" : "", out.rgb[0],
            out.rgb[1], out.rgb[2]);
    ec_image_release(&out);
}

static void resize_equals_pillow(void **state) {
    (void)state;
    const ec_resample_kernels *kernels[3];
    ec_resample_all(kernels);
    golden_csv g;
    golden_open(&g, "image-resize.csv");
    size_t n = 0;
    while (golden_next(&g)) {
        size_t v[8];
        for (size_t i = 0; i < 8; i++) v[i] = (size_t)golden_number(&g, i);
        ec_image image = image_pattern((uint32_t)v[0], v[1], v[2]);
        ec_resample_plan plan = whole(v[3], v[4], (ec_filter)v[5]);
        for (size_t k = 0; kernels[k] != NULL; k++, n += 2) {
            plan.horizontal_first = false;
            check(&image, &plan, kernels[k], (uint32_t)v[6]);
            plan.horizontal_first = true;
            check(&image, &plan, kernels[k], (uint32_t)v[7]);
        }
        ec_image_release(&image);
    }
    print_message("%zu images equal\n", n);
    assert_true(n > 800);
}

/* A window of the result is what the whole result has there, to the pixel. */
static void a_window_equals_its_part_of_the_whole(void **state) {
    (void)state;
    const ec_resample_kernels *kernels[3];
    ec_resample_all(kernels);
    ec_rng rng;
    ec_rng_init(&rng, 3, 0);
    for (uint32_t i = 0; i < 200; i++) {
        ec_image image = image_pattern(i, 1 + ec_rng_below(&rng, 300), 1 + ec_rng_below(&rng, 300));
        ec_resample_plan plan =
            whole(1 + ec_rng_below(&rng, 200), 1 + ec_rng_below(&rng, 200), (ec_filter)(1 + i % 4));
        plan.horizontal_first = ec_rng_below(&rng, 2) == 0;
        ec_image all, part;
        assert_int_equal(ec_image_resample(&all, &image, &plan, kernels[0], NULL), EC_OK);
        ec_window *w = &plan.window;
        w->x = ec_rng_below(&rng, plan.width);
        w->y = ec_rng_below(&rng, plan.height);
        w->width = 1 + ec_rng_below(&rng, plan.width - w->x);
        w->height = 1 + ec_rng_below(&rng, plan.height - w->y);
        for (size_t k = 0; kernels[k] != NULL; k++) {
            assert_int_equal(ec_image_resample(&part, &image, &plan, kernels[k], NULL), EC_OK);
            assert_int_equal(part.width, w->width);
            assert_int_equal(part.height, w->height);
            for (size_t y = 0; y < w->height; y++)
                assert_memory_equal(part.rgb + y * w->width * 3,
                                    all.rgb + ((w->y + y) * all.width + w->x) * 3, w->width * 3);
            ec_image_release(&part);
        }
        ec_image_release(&all);
        ec_image_release(&image);
    }
}

/* The plain sums of resample.h, in 64 bits, with weights as large as they come: nothing wraps. */
static void kernels_agree_on_extreme_pixels(void **state) {
    (void)state;
    const ec_resample_kernels *kernels[3];
    ec_resample_all(kernels);
    ec_image image = image_pattern(1, 97, 61); /* black and white: the largest over- and undershoot */
    for (int f = EC_FILTER_LANCZOS; f <= EC_FILTER_BOX; f++)
        for (size_t size = 1; size <= 200; size += 7) {
            const ec_resample_plan plan = whole(size, 201 - size, (ec_filter)f);
            ec_image expected;
            assert_int_equal(ec_image_resample(&expected, &image, &plan, kernels[0], NULL), EC_OK);
            for (size_t k = 1; kernels[k] != NULL; k++)
                check(&image, &plan, kernels[k], image_rgb_crc(&expected));
            ec_image_release(&expected);
        }
    ec_image_release(&image);
}

static void what_cannot_be_resized_is_an_argument_error(void **state) {
    (void)state;
    ec_image image = image_pattern(0, 4, 3), out;
    ec_error err;
    assert_int_equal(ec_image_resize(&out, &image, 0, 3, EC_FILTER_BOX, &err), EC_ERR_ARG);
    assert_null(out.rgb);
    assert_int_equal(ec_image_resize(&out, &image, 3, 0, EC_FILTER_BOX, &err), EC_ERR_ARG);
    assert_int_equal(ec_image_resize(&out, &image, 3, 3, EC_FILTER_NEAREST, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "filter 0"));
    const ec_image empty = {0};
    assert_int_equal(ec_image_resize(&out, &empty, 3, 3, EC_FILTER_BOX, &err), EC_ERR_ARG);
    ec_image_release(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resize_equals_pillow),
        cmocka_unit_test(a_window_equals_its_part_of_the_whole),
        cmocka_unit_test(kernels_agree_on_extreme_pixels),
        cmocka_unit_test(what_cannot_be_resized_is_an_argument_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
