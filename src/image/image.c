/* image.c - what all formats have in common: telling them apart, limits, palettes */
#include <stdlib.h>
#include <string.h>

#include "base/content.h"
#include "image/decode.h"
#include "image/source.h"

void ec_image_release(ec_image *image) {
    free(image->rgb);
    *image = (ec_image){0};
}

ec_status ec_image_allocate(ec_image *out, uint64_t width, uint64_t height,
                            const ec_image_file *file, ec_error *err) {
    if (width == 0 || height == 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: the image has no pixels (%llu x %llu)", file->name,
                       (unsigned long long)width, (unsigned long long)height);
    if (width > file->max_pixels / height)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: %llu x %llu pixels are more than the limit of %llu (a decompression "
                       "bomb?); scale the image down before",
                       file->name, (unsigned long long)width, (unsigned long long)height,
                       (unsigned long long)file->max_pixels);
    uint8_t *rgb = malloc((size_t)(width * height * 3));
    if (rgb == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory for %llu x %llu pixels", file->name,
                       (unsigned long long)width, (unsigned long long)height);
    *out = (ec_image){.width = (size_t)width, .height = (size_t)height, .rgb = rgb};
    return EC_OK;
}

ec_status ec_decode_damaged(const ec_image_file *file, const char *format, const char *what,
                            ec_error *err) {
    return ec_fail(err, EC_ERR_FORMAT, "%s: damaged %s file: %s", file->name, format, what);
}

void ec_palette_continue_greys(ec_palette *palette, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            if (palette->rgb[i][c] != i) return;
    for (size_t i = n; i < 256; i++) memset(palette->rgb[i], (int)i, 3);
}

void ec_unpack_samples(uint8_t *out, const uint8_t *in, size_t n, unsigned bits) {
    const unsigned mask = (1u << bits) - 1;
    for (size_t i = 0; i < n; i++) {
        const size_t bit = i * bits;
        out[i] = (uint8_t)(in[bit / 8] >> (8 - bits - bit % 8) & mask);
    }
}

/* How a format is recognised: `magic` at `offset`; and, if need be, `and_magic` at `and_offset`. */
typedef struct {
    const char *name;
    ec_status (*decode)(ec_image *, const ec_image_file *, ec_error *); /* NULL: not supported */
    const char *magic;
    size_t magic_bytes, offset;
    const char *and_magic;
    size_t and_magic_bytes, and_offset;
} format;

#define MAGIC(string) string, sizeof(string) - 1

static const format formats[] = {
    {"JPEG", ec_decode_jpeg, MAGIC("\xff\xd8\xff"), 0, MAGIC(""), 0},
    {"PNG", ec_decode_png, MAGIC("\x89PNG\r\n\x1a\n"), 0, MAGIC(""), 0},
    {"WebP", ec_decode_webp, MAGIC("RIFF"), 0, MAGIC("WEBP"), 8},
    {"GIF", ec_decode_gif, MAGIC("GIF87a"), 0, MAGIC(""), 0},
    {"GIF", ec_decode_gif, MAGIC("GIF89a"), 0, MAGIC(""), 0},
    {"BMP", ec_decode_bmp, MAGIC("BM"), 0, MAGIC(""), 0},
    {"PBM", ec_decode_pnm, MAGIC("P1"), 0, MAGIC(""), 0},
    {"PGM", ec_decode_pnm, MAGIC("P2"), 0, MAGIC(""), 0},
    {"PPM", ec_decode_pnm, MAGIC("P3"), 0, MAGIC(""), 0},
    {"PBM", ec_decode_pnm, MAGIC("P4"), 0, MAGIC(""), 0},
    {"PGM", ec_decode_pnm, MAGIC("P5"), 0, MAGIC(""), 0},
    {"PPM", ec_decode_pnm, MAGIC("P6"), 0, MAGIC(""), 0},
    /* Only to say what it is. */
    {"TIFF", NULL, MAGIC("II*\0"), 0, MAGIC(""), 0},
    {"TIFF", NULL, MAGIC("MM\0*"), 0, MAGIC(""), 0},
    {"AVIF or HEIF", NULL, MAGIC("ftyp"), 4, MAGIC(""), 0},
    {"JPEG 2000", NULL, MAGIC("jP  "), 4, MAGIC(""), 0},
    {"JPEG XL", NULL, MAGIC("JXL "), 4, MAGIC(""), 0},
    {"JPEG XL", NULL, MAGIC("\xff\x0a"), 0, MAGIC(""), 0},
    {"PDF", NULL, MAGIC("%PDF"), 0, MAGIC(""), 0},
};

static bool has(const ec_image_file *file, const char *magic, size_t n, size_t offset) {
    return file->size_bytes >= offset + n && memcmp(file->bytes + offset, magic, n) == 0;
}

ec_status ec_image_decode_file(ec_image *out, const ec_image_file *file, ec_error *err) {
    *out = (ec_image){0};
    if (file->size_bytes == 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: the file is empty", file->name);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const format *f = &formats[i];
        if (!has(file, f->magic, f->magic_bytes, f->offset) ||
            !has(file, f->and_magic, f->and_magic_bytes, f->and_offset))
            continue;
        if (f->decode != NULL) return f->decode(out, file, err);
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: %s images are not read; convert it to JPEG, PNG, WebP, GIF, BMP or PPM",
                       file->name, f->name);
    }
    char what[EC_CONTENT_SIZE];
    if (ec_content_describe(what, file->bytes, file->size_bytes))
        return ec_fail(err, EC_ERR_FORMAT, "%s: not an image, but %s", file->name, what);
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: not an image: its content is none of JPEG, PNG, WebP, GIF, BMP, PPM, PGM, "
                   "PBM",
                   file->name);
}

ec_status ec_image_decode(ec_image *out, const void *bytes, size_t size_bytes, const char *name,
                          ec_error *err) {
    const ec_image_file file = {bytes, size_bytes, name, EC_IMAGE_MAX_PIXELS};
    return ec_image_decode_file(out, &file, err);
}

ec_status ec_image_turn(ec_image *out, const ec_image *in, unsigned orientation, ec_error *err) {
    const size_t w = in->width, h = in->height;
    const bool is_swapped = orientation >= 5 && orientation <= 8;
    *out = (ec_image){
        .width = is_swapped ? h : w, .height = is_swapped ? w : h, .rgb = malloc(w * h * 3)};
    if (out->rgb == NULL) {
        *out = (ec_image){0};
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for %zu x %zu pixels", w, h);
    }
    /* Whether x and y of the picture as it lies run backwards. */
    const bool back_x =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool back_y =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    uint8_t *to = out->rgb;
    for (size_t y = 0; y < out->height; y++)
        for (size_t x = 0; x < out->width; x++, to += 3) {
            const size_t u = is_swapped ? y : x, v = is_swapped ? x : y;
            memcpy(to, in->rgb + ((back_y ? h - 1 - v : v) * w + (back_x ? w - 1 - u : u)) * 3, 3);
        }
    return EC_OK;
}

ec_status ec_image_load(ec_image *out, const char *path, ec_error *err) {
    *out = (ec_image){0};
    ec_text text;
    ec_status status = ec_image_read(&text, path, err);
    if (status != EC_OK) return status;
    status = ec_image_decode(out, text.data, text.size_bytes, path, err);
    ec_text_release(&text);
    return status;
}
