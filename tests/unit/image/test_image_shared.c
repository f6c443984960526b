/* test_image_shared.c - real photographs and Pillow's own awkward images, against Pillow
 *
 * The images lie beside the repository, in ../shared/data, and only their checksums in it; without
 * them the test is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "golden_csv.h"
#include "image_pattern.h"

#define FOLDER EC_SOURCE_DIR "/../shared/data"

/* What CLIPImageProcessor does without a file. */
static const ec_preparation clip = {
    .resize = EC_RESIZE_SHORTEST_EDGE,
    .shortest_edge = 224,
    .filter = EC_FILTER_BICUBIC,
    .crop_width = 224,
    .crop_height = 224,
    .rescale = 1.0 / 255.0,
    .normalise = true,
    .mean = {0.48145466, 0.4578275, 0.40821073},
    .std = {0.26862954, 0.26130258, 0.27577711},
};

static void check_resized(const ec_image *image, const golden_csv *g) {
    for (int f = EC_FILTER_LANCZOS; f <= EC_FILTER_BOX; f++) {
        ec_image resized;
        assert_int_equal(ec_image_resize(&resized, image, 224, 336, (ec_filter)f, NULL), EC_OK);
        if (image_rgb_crc(&resized) != (uint32_t)golden_number(g, 3 + (size_t)f))
            fail_msg("%s: resized by filter %d, not the pixels of Pillow", g->field[0], f);
        ec_image_release(&resized);
    }
}

static void photographs_equal_pillow_and_transformers(void **state) {
    (void)state;
    golden_csv g;
    golden_open(&g, "image-shared.csv");
    float *prepared = malloc(3 * 224 * 224 * sizeof *prepared);
    size_t n_equal = 0;
    while (golden_next(&g)) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", FOLDER, g.field[0]);
        ec_image image;
        ec_error err;
        const ec_status status = ec_image_load(&image, path, &err);
        if (golden_number(&g, 1) == 0.0) {
            assert_int_equal(status, EC_ERR_FORMAT);
            continue;
        }
        if (status != EC_OK) fail_msg("%s", err.message);
        if (image_rgb_crc(&image) != (uint32_t)golden_number(&g, 3))
            fail_msg("%s: decoded, not the pixels of Pillow", g.field[0]);
        check_resized(&image, &g);
        assert_int_equal(ec_prepare(prepared, &image, &clip, NULL), EC_OK);
        if (image_crc(prepared, 3 * 224 * 224 * sizeof *prepared) != (uint32_t)golden_number(&g, 8))
            fail_msg("%s: prepared, not the floats of transformers", g.field[0]);
        ec_image_release(&image);
        n_equal++;
    }
    free(prepared);
    assert_true(n_equal > 30);
}

int main(void) {
    if (access(FOLDER, R_OK) != 0) {
        puts("skipped: no ../shared/data");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(photographs_equal_pillow_and_transformers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
