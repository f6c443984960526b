/* decode.h - one decoder a format, all with the same signature
 *
 * A decoder gets the whole file in memory and fills *out with what Pillow's Image.open() and
 * convert("RGB") would give, or leaves it empty and says what is wrong with the file. It asks
 * ec_image_allocate() for its pixels before it decodes any, so that one place refuses bombs.
 */
#ifndef EC_IMAGE_DECODE_H
#define EC_IMAGE_DECODE_H

#include "eyechart/image.h"

/* A file in memory, borrowed. `name` is for messages. */
typedef struct ec_image_file {
    const uint8_t *bytes;
    size_t size_bytes;
    const char *name;
    uint64_t max_pixels; /* EC_IMAGE_MAX_PIXELS; the fuzzer has less time */
} ec_image_file;

/* ec_image_decode(). */
ec_status ec_image_decode_file(ec_image *out, const ec_image_file *file, ec_error *err);

ec_status ec_decode_jpeg(ec_image *out, const ec_image_file *file, ec_error *err);
ec_status ec_decode_png(ec_image *out, const ec_image_file *file, ec_error *err);
ec_status ec_decode_webp(ec_image *out, const ec_image_file *file, ec_error *err);
ec_status ec_decode_gif(ec_image *out, const ec_image_file *file, ec_error *err);
ec_status ec_decode_bmp(ec_image *out, const ec_image_file *file, ec_error *err);
ec_status ec_decode_pnm(ec_image *out, const ec_image_file *file, ec_error *err);

/* Checks the size that a file claims (EC_ERR_FORMAT: no pixels, or more than the limit)
 * and allocates that many; their content is undefined. */
ec_status ec_image_allocate(ec_image *out, uint64_t width, uint64_t height,
                            const ec_image_file *file, ec_error *err);

/* EC_ERR_FORMAT "NAME: damaged FORMAT file: what". */
ec_status ec_decode_damaged(const ec_image_file *file, const char *format, const char *what,
                            ec_error *err);

/* 256 colours; black where a file defines none, as in Pillow. */
typedef struct ec_palette {
    uint8_t rgb[256][3];
} ec_palette;

/* GIF and BMP: when the first n colours, those that the file defines, are the greys (i, i, i) (or
 * n is 0), Pillow takes the indices for grey values, and so the remaining colours become greys. */
void ec_palette_continue_greys(ec_palette *palette, size_t n);

/* Spreads one row of samples of 1, 2, 4 or 8 bits, the first in the high bits of a byte, to a byte
 * each. */
void ec_unpack_samples(uint8_t *out, const uint8_t *in, size_t n, unsigned bits);

#endif
