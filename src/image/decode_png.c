/* decode_png.c - PNG through libspng, samples as stored, converted by Pillow's rules
 *
 *     grey, 1 2 4 8 bit   scaled to 0..255
 *     grey, 16 bit        clipped at 255, not scaled (mode I;16)
 *     grey + alpha        the high byte
 *     RGB, RGBA           the high byte
 *     palette             colours; an index past the palette is that grey
 *
 * Alpha, transparent colours, gamma and colour profiles have no effect.
 */
#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"
#include "image/exif.h"

/* Of text and profiles only the orientation is looked at. */
#define MAX_CHUNK_BYTES ((size_t)64 << 20)

typedef struct {
    struct spng_ihdr header;
    ec_palette palette;
    uint8_t *samples; /* one row of samples below 8 bits, a byte each */
} layout;

static void rgb_from_grey(uint8_t *rgb, uint8_t grey) {
    rgb[0] = rgb[1] = rgb[2] = grey;
}

/* One row, in the file's sample format but 16-bit samples in the machine's byte order. */
static void convert_row(uint8_t *rgb, const uint8_t *row, const layout *l) {
    const size_t n = l->header.width;
    const unsigned bits = l->header.bit_depth;
    const bool is_16 = bits == 16;
    const uint16_t *row_16 = (const uint16_t *)(const void *)row;

    switch (l->header.color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
        if (is_16) {
            for (size_t i = 0; i < n; i++)
                rgb_from_grey(rgb + 3 * i, (uint8_t)(row_16[i] < 255 ? row_16[i] : 255));
            return;
        }
        ec_unpack_samples(l->samples, row, n, bits);
        for (size_t i = 0; i < n; i++)
            rgb_from_grey(rgb + 3 * i, (uint8_t)(l->samples[i] * (255u / ((1u << bits) - 1))));
        return;
    case SPNG_COLOR_TYPE_INDEXED:
        ec_unpack_samples(l->samples, row, n, bits);
        for (size_t i = 0; i < n; i++)
            for (int c = 0; c < 3; c++) rgb[3 * i + c] = l->palette.rgb[l->samples[i]][c];
        return;
    default:
        break;
    }

    const size_t channels = l->header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ? 2
                            : l->header.color_type == SPNG_COLOR_TYPE_TRUECOLOR     ? 3
                                                                                    : 4;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++) {
            const size_t at = i * channels + (channels == 2 ? 0 : c);
            rgb[3 * i + c] = is_16 ? (uint8_t)(row_16[at] >> 8) : row[at];
        }
}

static int read_palette(ec_palette *palette, spng_ctx *png) {
    struct spng_plte colours;
    const int code = spng_get_plte(png, &colours);
    if (code == SPNG_ECHUNKAVAIL) return SPNG_OK; /* no palette, and none needed */
    if (code != SPNG_OK) return code;
    for (uint32_t i = 0; i < colours.n_entries && i < 256; i++) {
        palette->rgb[i][0] = colours.entries[i].red;
        palette->rgb[i][1] = colours.entries[i].green;
        palette->rgb[i][2] = colours.entries[i].blue;
    }
    return SPNG_OK;
}

/* Rows come in order, but those of an interlaced image several times, each time with more of their
 * pixels; so such an image is gathered whole. */
static int decode_rows(ec_image *image, spng_ctx *png, uint8_t *rows, size_t row_bytes,
                       const layout *l) {
    const bool interlaced = l->header.interlace_method != 0;
    int code = spng_decode_image(png, NULL, 0, SPNG_FMT_PNG, SPNG_DECODE_PROGRESSIVE);
    while (code == SPNG_OK) {
        struct spng_row_info at;
        code = spng_get_row_info(png, &at);
        if (code != SPNG_OK) break;
        uint8_t *row = rows + (interlaced ? at.row_num * row_bytes : 0);
        code = spng_decode_row(png, row, row_bytes);
        if (!interlaced && (code == SPNG_OK || code == SPNG_EOI))
            convert_row(image->rgb + at.row_num * image->width * 3, row, l);
    }
    if (code != SPNG_EOI) return code;
    for (size_t y = 0; interlaced && y < image->height; y++)
        convert_row(image->rgb + y * image->width * 3, rows + y * row_bytes, l);
    return SPNG_OK;
}

static bool is_word(const uint8_t *name) {
    for (int i = 0; i < 4; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
              (name[i] >= '0' && name[i] <= '9') || name[i] == '_'))
            return false;
    return true;
}

/* libspng steps over chunks that it does not know, whatever they are called. Damage is damage: up
 * to the pixels Pillow refuses names that are none. */
static bool has_proper_chunks(const ec_image_file *file) {
    for (size_t at = 8; at + 12 <= file->size_bytes;) {
        const uint8_t *chunk = file->bytes + at;
        const size_t length = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 |
                              (size_t)chunk[2] << 8 | (size_t)chunk[3];
        if (!is_word(chunk + 4)) return false;
        if (memcmp(chunk + 4, "IDAT", 4) == 0 || length > file->size_bytes - at - 12) break;
        at += 12 + length;
    }
    return true;
}

static ec_status decode(ec_image *image, spng_ctx *png, const ec_image_file *file, ec_error *err) {
    layout l = {0};
    uint8_t *rows = NULL;
    size_t image_bytes;
    if (!has_proper_chunks(file))
        return ec_decode_damaged(file, "PNG", "a chunk has a damaged name", err);
    int code = spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    if (code == SPNG_OK) code = spng_set_png_buffer(png, file->bytes, file->size_bytes);
    if (code == SPNG_OK) code = spng_get_ihdr(png, &l.header);
    if (code != SPNG_OK) return ec_decode_damaged(file, "PNG", spng_strerror(code), err);

    ec_status status = ec_image_allocate(image, l.header.width, l.header.height, file, err);
    if (status != EC_OK) return status;
    code = spng_decoded_image_size(png, SPNG_FMT_PNG, &image_bytes);
    if (code != SPNG_OK) return ec_decode_damaged(file, "PNG", spng_strerror(code), err);

    const size_t row_bytes = image_bytes / l.header.height;
    /* Zeros, because samples of a few bits are or-ed into the rows of interlaced images. */
    rows = calloc(l.header.interlace_method != 0 ? image_bytes : row_bytes, 1);
    l.samples = malloc(l.header.width);
    if (rows == NULL || l.samples == NULL) {
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file->name);
    } else {
        code = read_palette(&l.palette, png);
        if (code == SPNG_OK) code = decode_rows(image, png, rows, row_bytes, &l);
        if (code != SPNG_OK) status = ec_decode_damaged(file, "PNG", spng_strerror(code), err);
    }
    free(l.samples);
    free(rows);
    return status;
}

static int digit_of(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\nexif\n     120\n4d4d002a…": the EXIF that ImageMagick writes as text. Its bytes, in the text's
 * own memory, come in its place. */
static size_t unpack_profile(char *text) {
    const char *at = text;
    size_t n = 0;
    for (int line = 0; line < 3 && at != NULL; line++) {
        at = strchr(at, '\n');
        if (at != NULL) at++;
    }
    for (int high = -1; at != NULL && *at != '\0'; at++) {
        const int digit = digit_of(*at);
        if (digit < 0) continue;
        if (high >= 0) text[n++] = (char)(high << 4 | digit);
        high = high < 0 ? digit : -1;
    }
    return n;
}

/* Chunks may stand behind the pixels, too. */
static unsigned read_orientation(spng_ctx *png) {
    struct spng_exif exif;
    ec_exif parts = {0};
    uint32_t n = 0;
    spng_decode_chunks(png);
    if (spng_get_exif(png, &exif) == SPNG_OK)
        parts = (ec_exif){.exif = (const uint8_t *)exif.data, .exif_bytes = exif.length};
    struct spng_text *texts =
        spng_get_text(png, NULL, &n) == SPNG_OK && n > 0 ? calloc(n, sizeof *texts) : NULL;
    if (texts == NULL || spng_get_text(png, texts, &n) != SPNG_OK) n = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (parts.exif == NULL && strcmp(texts[i].keyword, "Raw profile type exif") == 0) {
            parts.exif_bytes = unpack_profile(texts[i].text);
            parts.exif = (const uint8_t *)texts[i].text;
        }
        if (strcmp(texts[i].keyword, "XML:com.adobe.xmp") == 0) {
            parts.xmp = (const uint8_t *)texts[i].text;
            parts.xmp_bytes = strlen(texts[i].text);
        }
    }
    const unsigned orientation = ec_exif_orientation(&parts);
    free(texts);
    return orientation;
}

ec_status ec_decode_png(ec_image *out, const ec_image_file *file, ec_error *err) {
    spng_ctx *png = spng_ctx_new(0);
    if (png == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file->name);
    spng_set_chunk_limits(png, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES);
    ec_image image = {0};
    const ec_status status = decode(&image, png, file, err);
    if (status == EC_OK) image.orientation = read_orientation(png);
    spng_ctx_free(png);
    if (status == EC_OK)
        *out = image;
    else
        ec_image_release(&image);
    return status;
}
