/* Image files of every format, turned as their EXIF asks, then a resize whose sizes depend on the pixels. The libraries are
 * not instrumented: what counts is that what they are given and what they return is handled. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"
#include "image/resample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition) {
    if (!condition) abort();
}

static void resize(const ec_image *image) {
    const uint8_t *p = image->rgb;
    const size_t width = 1 + p[0] % 64, height = 1 + p[1] % 64, x = p[2] % width, y = p[0] % height;
    const ec_resample_plan plan = {
        width, height, (ec_filter)(p[1] % 5), p[2] % 2 != 0, {x, y, width - x, height - y}};
    const ec_resample_kernels *kernels[3];
    ec_resample_all(kernels);
    ec_image expected = {0};
    for (size_t k = 0; kernels[k] != NULL; k++) {
        ec_image out;
        const ec_status status = ec_image_resample(&out, image, &plan, kernels[k], NULL);
        demand((status == EC_OK) == (plan.filter != EC_FILTER_NEAREST));
        if (status == EC_OK && k > 0)
            demand(memcmp(out.rgb, expected.rgb, out.width * out.height * 3) == 0);
        if (k > 0) ec_image_release(&out);
        if (k == 0) expected = out;
    }
    ec_image_release(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const ec_image_file file = {data, size, "input", 1 << 18};
    ec_image image;
    ec_error err = {0};
    const ec_status status = ec_image_decode_file(&image, &file, &err);
    if (status != EC_OK) {
        demand(status == EC_ERR_FORMAT && image.rgb == NULL);
        demand(strncmp(err.message, "input: ", 7) == 0);
        return 0;
    }
    demand(image.width > 0 && image.height > 0 && image.orientation <= 8);
    ec_image turned;
    demand(ec_image_turn(&turned, &image, image.orientation, &err) == EC_OK);
    demand(turned.width * turned.height == image.width * image.height);
    ec_image_release(&turned);
    resize(&image);
    ec_image_release(&image);
    return 0;
}
