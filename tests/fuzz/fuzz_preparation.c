/* preprocessor_config.json, then an image turned, padded, and prepared as it says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/processor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_preparation p;
    ec_error err = {0};
    const ec_status status = ec_preparation_parse(&p, (const char *)data, size, "input",
                                                  size % 2 == 0 ? "clip" : NULL, &err);
    if (status != EC_OK) {
        demand(status == EC_ERR_FORMAT && strncmp(err.message, "input:", 6) == 0);
        return 0;
    }
    uint8_t rgb[7 * 3 * 3] = {1, 255, 0, 77};
    const ec_image image = {.width = 7, .height = 3, .rgb = rgb, .orientation = size % 9};
    if (size % 3 == 0) p = ec_preparation_pad(&p);
    p.exif_transpose = size % 2 == 0;
    size_t width, height;
    if (ec_preparation_size(&width, &height, &p, &err) != EC_OK) return 0;
    demand(width > 0 && width <= 65535 && height > 0 && height <= 65535);
    if (width * height > 1 << 18) return 0;
    float *out = malloc(3 * width * height * sizeof *out);
    demand(out != NULL && ec_prepare(out, &image, &p, &err) == EC_OK);
    free(out);
    return 0;
}
