/* decode_bmp.c - Windows and OS/2 bitmaps, a parser of our own
 *
 *     1, 4, 8 bit    palette; also run-length encoded (RLE4, RLE8)
 *     16, 24, 32 bit any masks; without masks 5-5-5 for 16 bit and 8-8-8 for the others
 *
 * Rows lie bottom up unless the height is negative, each padded to 4 bytes. No packaged library
 * reads BMP; what to do with odd files follows Pillow's BmpImagePlugin.py. Alpha is ignored.
 */
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

enum { FILE_HEADER_BYTES = 14, OS2_HEADER_BYTES = 12, INFO_HEADER_BYTES = 40 };
enum { COMPRESSION_NONE = 0, COMPRESSION_RLE8 = 1, COMPRESSION_RLE4 = 2, COMPRESSION_MASKS = 3 };

typedef struct {
    uint32_t width, height, bits, compression;
    bool top_down;
    uint32_t n_colours, colour_bytes;
    uint32_t mask[3];  /* red, green, blue; above 8 bits */
    size_t palette_at; /* just behind the headers */
    size_t pixels_at;
} header;

static uint32_t u16_at(const ec_image_file *file, size_t at) {
    return file->bytes[at] | (uint32_t)file->bytes[at + 1] << 8;
}

static uint32_t u32_at(const ec_image_file *file, size_t at) {
    return u16_at(file, at) | u16_at(file, at + 2) << 16;
}

static ec_status damaged(const ec_image_file *file, const char *what, ec_error *err) {
    return ec_decode_damaged(file, "BMP", what, err);
}

static void read_os2_header(header *h, const ec_image_file *file, size_t at) {
    h->width = u16_at(file, at + 4);
    h->height = u16_at(file, at + 6);
    h->bits = u16_at(file, at + 10);
    h->colour_bytes = 3;
}

static void read_info_header(header *h, const ec_image_file *file, size_t at) {
    h->width = u32_at(file, at + 4);
    h->height = u32_at(file, at + 8);
    h->top_down = h->height >> 24 == 0xff; /* negative, and of a sane size */
    if (h->top_down) h->height = 0u - h->height;
    h->bits = u16_at(file, at + 14);
    h->compression = u32_at(file, at + 16);
    h->n_colours = u32_at(file, at + 32);
    h->colour_bytes = 4;
}

static bool is_contiguous(uint32_t mask) {
    if (mask == 0) return false;
    while ((mask & 1) == 0) mask >>= 1;
    return (mask & (mask + 1)) == 0;
}

/* The masks follow the 40 bytes of the oldest header, whether or not they count as part of it. */
static ec_status read_masks(header *h, const ec_image_file *file, size_t at, ec_error *err) {
    static const uint32_t without[2][3] = {{0x7c00, 0x3e0, 0x1f}, {0xff0000, 0xff00, 0xff}};
    memcpy(h->mask, without[h->bits != 16], sizeof h->mask);
    if (h->compression != COMPRESSION_MASKS) return EC_OK;
    if (h->bits <= 8) return damaged(file, "it has colour masks and a palette", err);

    const size_t masks_at = at + INFO_HEADER_BYTES;
    if (file->size_bytes < masks_at + 12) return damaged(file, "it is truncated", err);
    if (h->palette_at < masks_at + 12) h->palette_at = masks_at + 12;
    uint32_t mask[3];
    for (size_t c = 0; c < 3; c++) mask[c] = u32_at(file, masks_at + 4 * c);
    if ((mask[0] | mask[1] | mask[2]) == 0) return EC_OK;
    for (size_t c = 0; c < 3; c++)
        if (!is_contiguous(mask[c])) return damaged(file, "its colour masks have gaps", err);
    memcpy(h->mask, mask, sizeof mask);
    return EC_OK;
}

static ec_status read_header(header *h, const ec_image_file *file, ec_error *err) {
    *h = (header){0};
    const size_t at = FILE_HEADER_BYTES;
    if (file->size_bytes < at + 4) return damaged(file, "it is truncated", err);
    const uint32_t header_bytes = u32_at(file, at);
    switch (header_bytes) {
    case 12:
    case 40:
    case 52:
    case 56:
    case 64:
    case 108:
    case 124:
        break;
    default:
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: BMP header of %u bytes; 12, 40, 52, 56, 64, 108 and "
                       "124 are known",
                       file->name, header_bytes);
    }
    if (file->size_bytes - at < header_bytes) return damaged(file, "it is truncated", err);
    if (header_bytes == OS2_HEADER_BYTES)
        read_os2_header(h, file, at);
    else
        read_info_header(h, file, at);

    switch (h->bits) {
    case 1:
    case 4:
    case 8:
    case 16:
    case 24:
    case 32:
        break;
    default:
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: BMP of %u bits a pixel; 1, 4, 8, 16, 24 and 32 are "
                       "read",
                       file->name, h->bits);
    }
    const uint32_t c = h->compression;
    if (!(c == COMPRESSION_NONE || c == COMPRESSION_MASKS ||
          (c == COMPRESSION_RLE8 && h->bits == 8) || (c == COMPRESSION_RLE4 && h->bits == 4)))
        return ec_fail(err, EC_ERR_FORMAT, "%s: BMP of %u bits with compression %u is not read",
                       file->name, h->bits, c);

    h->palette_at = at + header_bytes;
    if (h->bits > 8)
        h->n_colours = 0; /* a hint for old displays */
    else if (h->n_colours == 0)
        h->n_colours = 1u << h->bits;
    if (h->n_colours > 256) return damaged(file, "it has more than 256 colours", err);

    /* Some writers give the end of the headers as the place of the pixels, forgetting the palette.
     */
    const size_t palette_bytes = (size_t)h->n_colours * h->colour_bytes;
    const size_t written_at = u32_at(file, 10);
    const ec_status status = read_masks(h, file, at, err);
    const size_t behind = h->palette_at + palette_bytes;
    const bool forgot = written_at == at + header_bytes && palette_bytes > 0;
    h->pixels_at = written_at == 0 || forgot ? behind : written_at;
    return status;
}

static void read_palette(ec_palette *palette, const header *h, const ec_image_file *file) {
    *palette = (ec_palette){0};
    for (size_t i = 0; i < h->n_colours; i++) {
        const size_t at = h->palette_at + i * h->colour_bytes;
        if (at + 3 > file->size_bytes) break;
        for (size_t c = 0; c < 3; c++) palette->rgb[i][c] = file->bytes[at + 2 - c];
    }
    /* Of two colours Pillow asks whether they are black and white, not the first two greys. */
    if (h->n_colours != 2) ec_palette_continue_greys(palette, h->n_colours);
}

static uint8_t *row_of(const ec_image *image, const header *h, size_t k) {
    return image->rgb + (h->top_down ? k : image->height - 1 - k) * image->width * 3;
}

static void convert_masked(uint8_t *rgb, const uint8_t *row, const header *h) {
    const size_t bytes = h->bits / 8;
    unsigned shift[3];
    uint64_t largest[3];
    for (int c = 0; c < 3; c++) {
        shift[c] = 0;
        while ((h->mask[c] >> shift[c] & 1) == 0) shift[c]++;
        largest[c] = h->mask[c] >> shift[c];
    }
    for (size_t i = 0; i < h->width; i++, row += bytes) {
        uint32_t v = 0;
        for (size_t b = 0; b < bytes; b++) v |= (uint32_t)row[b] << 8 * b;
        for (int c = 0; c < 3; c++)
            *rgb++ = (uint8_t)((uint64_t)((v & h->mask[c]) >> shift[c]) * 255 / largest[c]);
    }
}

static void convert_indexed(uint8_t *rgb, const uint8_t *index, size_t n,
                            const ec_palette *palette) {
    for (size_t i = 0; i < n; i++) memcpy(rgb + 3 * i, palette->rgb[index[i]], 3);
}

static ec_status decode_rows(ec_image *image, const header *h, const ec_palette *palette,
                             uint8_t *index, const ec_image_file *file, ec_error *err) {
    const uint64_t used = ((uint64_t)h->width * h->bits + 7) / 8, padded = (used + 3) / 4 * 4;
    for (size_t k = 0; k < image->height; k++) {
        const uint64_t at = h->pixels_at + k * padded;
        if (at + used > file->size_bytes) return damaged(file, "it is truncated", err);
        if (h->bits > 8) {
            convert_masked(row_of(image, h, k), file->bytes + at, h);
        } else {
            ec_unpack_samples(index, file->bytes + at, image->width, h->bits);
            convert_indexed(row_of(image, h, k), index, image->width, palette);
        }
    }
    return EC_OK;
}

/* Run-length codes into `index`, [height][width] in file order. Returns how many pixels there are.
 *
 *     n v        n pixels v (4 bit: alternating between its halves), cut at the end of the row
 *     0 0        end of row         0 1    end of bitmap
 *     0 2 x y    skip               0 n    n pixels as they are, padded to an even place
 *
 * Pixels that are passed over are colour 0. */
static size_t expand_runs(uint8_t *index, size_t n, const header *h, const ec_image_file *file) {
    const bool is_4 = h->compression == COMPRESSION_RLE4;
    const size_t width = h->width;
    size_t at = h->pixels_at, done = 0, x = 0;
    while (done < n && file->size_bytes >= 2 && at <= file->size_bytes - 2) {
        const uint8_t count = file->bytes[at], value = file->bytes[at + 1];
        at += 2;
        if (count > 0) {
            size_t run = x + count > width ? (x > width ? 0 : width - x) : count;
            if (run > n - done) run = n - done;
            for (size_t i = 0; i < run; i++)
                index[done + i] = !is_4 ? value : i % 2 == 0 ? value >> 4 : value & 15;
            done += run;
            x += run;
        } else if (value == 0) {
            done = (done + width - 1) / width * width;
            x = 0;
        } else if (value == 1) {
            break;
        } else if (value == 2) {
            if (at + 2 > file->size_bytes) break;
            const size_t skip = file->bytes[at] + file->bytes[at + 1] * width;
            at += 2;
            done += skip < n - done ? skip : n - done;
            x = done % width;
        } else {
            const size_t run = value < n - done ? value : n - done;
            const size_t bytes = is_4 ? (run + 1) / 2 : run;
            if (bytes > file->size_bytes - at) break;
            ec_unpack_samples(index + done, file->bytes + at, run, is_4 ? 4 : 8);
            at += bytes + (at + bytes) % 2;
            done += run;
            x += value;
        }
    }
    return done;
}

static ec_status decode_runs(ec_image *image, const header *h, const ec_palette *palette,
                             const ec_image_file *file, ec_error *err) {
    const size_t n = image->width * image->height;
    uint8_t *index = calloc(n, 1);
    if (index == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file->name);
    const bool is_whole = expand_runs(index, n, h, file) == n;
    for (size_t k = 0; is_whole && k < image->height; k++)
        convert_indexed(row_of(image, h, k), index + k * image->width, image->width, palette);
    free(index);
    return is_whole ? EC_OK : damaged(file, "its runs end before the image does", err);
}

ec_status ec_decode_bmp(ec_image *out, const ec_image_file *file, ec_error *err) {
    header h;
    ec_status status = read_header(&h, file, err);
    if (status != EC_OK) return status;
    ec_image image = {0};
    status = ec_image_allocate(&image, h.width, h.height, file, err);
    if (status != EC_OK) return status;

    ec_palette palette;
    read_palette(&palette, &h, file);
    if (h.compression == COMPRESSION_RLE8 || h.compression == COMPRESSION_RLE4) {
        status = decode_runs(&image, &h, &palette, file, err);
    } else {
        uint8_t *index = malloc(image.width);
        status = index == NULL ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file->name)
                               : decode_rows(&image, &h, &palette, index, file, err);
        free(index);
    }
    if (status == EC_OK)
        *out = image;
    else
        ec_image_release(&image);
    return status;
}
