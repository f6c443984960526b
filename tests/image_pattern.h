/* image_pattern.h - the images that tools/make_image_fixtures.py makes too, and their checksum */
#ifndef EC_TESTS_IMAGE_PATTERN_H
#define EC_TESTS_IMAGE_PATTERN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "eyechart/image.h"

/* pattern() there: noise, black and white noise, or a ramp with a little noise. */
static inline ec_image image_pattern(uint32_t seed, size_t width, size_t height) {
    ec_image image = {.width = width, .height = height, .rgb = malloc(width * height * 3)};
    if (image.rgb == NULL) abort();
    for (size_t i = 0; i < width * height * 3; i++) {
        uint32_t x = (uint32_t)i * 2654435761U + seed * 0x9E3779B9U;
        x = (x ^ x >> 16) * 0x7FEB352DU;
        x = (x ^ x >> 15) * 0x846CA68BU;
        x = (x ^ x >> 16) >> 24;
        const size_t ramp = i / 3 % width * 7 + i / 3 / width * 3 + i % 3 * 85;
        image.rgb[i] = (uint8_t)(seed % 3 == 0   ? x
                                 : seed % 3 == 1 ? (x > 127 ? 255 : 0)
                                                 : ramp + (x & 15));
    }
    return image;
}

/* zlib's CRC-32. */
static inline uint32_t image_crc(const void *bytes, size_t n) {
    uint32_t table[256], crc = 0xFFFFFFFFU;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? 0xEDB88320U : 0);
    }
    for (const uint8_t *p = bytes; n > 0; n--) crc = crc >> 8 ^ table[(crc ^ *p++) & 255];
    return ~crc;
}

static inline uint32_t image_rgb_crc(const ec_image *image) {
    return image_crc(image->rgb, image->width * image->height * 3);
}

/* A whole file; the caller frees it. */
static inline uint8_t *image_file(size_t *size_bytes, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        abort();
    }
    fseek(file, 0, SEEK_END);
    *size_bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size_bytes + 1);
    if (bytes == NULL || fread(bytes, 1, *size_bytes, file) != *size_bytes) abort();
    fclose(file);
    return bytes;
}

#endif
