/* decode_jpeg.c - JPEG through libjpeg-turbo's classic interface, called as Pillow calls it
 *
 * Slow integer inverse DCT and smooth ("fancy") upsampling, the library's defaults, are exact
 * integer arithmetic: version 2.1 gives the pixels of Pillow's bundled 3.x. The input never blocks:
 * where the library wants bytes that the file does not have, the file is truncated, which is when
 * Pillow refuses it. What the library only warns of (damaged entropy-coded data) passes, as in
 * Pillow.
 *
 * Four channels are taken for Adobe's inverted CMYK, whatever the file says, as Pillow does.
 *
 * This is the one file with setjmp: the library reports errors by not returning.
 */
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it before */
#include <stdlib.h>

#include <jpeglib.h>

#include "image/decode.h"
#include "image/exif.h"

/* A progressive file of few bytes can ask for thousands of passes over a large image. Files that
 * people make have some ten. */
enum { MAX_SCANS = 100 };

typedef struct {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
    const ec_image_file *file;
    ec_image image;
    uint8_t *cmyk; /* one row */
} reader;

static void on_error(j_common_ptr common) {
    reader *r = common->client_data;
    common->err->format_message(common, r->message);
    longjmp(r->failed, 1);
}

static void on_message(j_common_ptr common) {
    (void)common;
}

static void on_progress(j_common_ptr common) {
    reader *r = common->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS) return;
    snprintf(r->message, sizeof r->message, "more than %d scans", MAX_SCANS);
    longjmp(r->failed, 1);
}

static void source_nothing(j_decompress_ptr jpeg) {
    (void)jpeg;
}

static boolean source_has_no_more(j_decompress_ptr jpeg) {
    (void)jpeg;
    return FALSE;
}

static void source_skip(j_decompress_ptr jpeg, long n_bytes) {
    struct jpeg_source_mgr *source = jpeg->src;
    if (n_bytes <= 0) return;
    const size_t n =
        (size_t)n_bytes < source->bytes_in_buffer ? (size_t)n_bytes : source->bytes_in_buffer;
    source->next_input_byte += n;
    source->bytes_in_buffer -= n;
}

static void reader_open(reader *r) {
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.output_message = on_message;
    r->jpeg.client_data = r;
    jpeg_create_decompress(&r->jpeg);
    r->source = (struct jpeg_source_mgr){
        .next_input_byte = r->file->bytes,
        .bytes_in_buffer = r->file->size_bytes,
        .init_source = source_nothing,
        .fill_input_buffer = source_has_no_more,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    r->jpeg.src = &r->source;
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
}

/* a b / 255, rounded, as Pillow's MULDIV255. */
static unsigned scale_255(unsigned a, unsigned b) {
    const unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Inverted CMYK to RGB, Pillow's cmyk2rgb: white less ink, darkened by black. */
static void rgb_from_inverted_cmyk(uint8_t *rgb, const uint8_t *cmyk, size_t n) {
    for (size_t i = 0; i < n; i++, cmyk += 4) {
        const unsigned not_black = cmyk[3];
        for (int c = 0; c < 3; c++)
            *rgb++ = (uint8_t)(not_black - scale_255(255u - cmyk[c], not_black));
    }
}

static ec_status truncated(const reader *r, ec_error *err) {
    return ec_decode_damaged(r->file, "JPEG", "it is truncated", err);
}

static ec_status read_rows(reader *r, ec_error *err) {
    const bool is_cmyk = r->jpeg.out_color_space == JCS_CMYK;
    while (r->jpeg.output_scanline < r->jpeg.output_height) {
        uint8_t *rgb = r->image.rgb + (size_t)r->jpeg.output_scanline * r->image.width * 3;
        JSAMPROW row = is_cmyk ? r->cmyk : rgb;
        if (jpeg_read_scanlines(&r->jpeg, &row, 1) != 1) return truncated(r, err);
        if (is_cmyk) rgb_from_inverted_cmyk(rgb, r->cmyk, r->image.width);
    }
    jpeg_finish_decompress(&r->jpeg); /* a missing end marker is forgiven, like Pillow */
    return EC_OK;
}

static ec_status read_image(reader *r, ec_error *err) {
    int header;
    do header = jpeg_read_header(&r->jpeg, FALSE);
    while (header == JPEG_HEADER_TABLES_ONLY);
    if (header != JPEG_HEADER_OK) return truncated(r, err);

    switch (r->jpeg.num_components) {
    case 1:
    case 3:
        r->jpeg.out_color_space = JCS_RGB;
        break;
    case 4:
        r->jpeg.out_color_space = JCS_CMYK;
        break;
    default:
        return ec_fail(err, EC_ERR_FORMAT, "%s: JPEG with %d channels; 1, 3 and 4 are read",
                       r->file->name, r->jpeg.num_components);
    }
    const ec_status status =
        ec_image_allocate(&r->image, r->jpeg.image_width, r->jpeg.image_height, r->file, err);
    if (status != EC_OK) return status;
    if (r->jpeg.num_components == 4 && (r->cmyk = malloc(r->image.width * 4)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", r->file->name);

    const ec_exif parts = ec_exif_of_jpeg(r->file->bytes, r->file->size_bytes);
    r->image.orientation = ec_exif_orientation(&parts);
    if (!jpeg_start_decompress(&r->jpeg)) return truncated(r, err);
    return read_rows(r, err);
}

/* Its own function, so that nothing that changes after setjmp is a local variable of it. */
static ec_status guarded(reader *r, ec_error *err) {
    if (setjmp(r->failed) != 0) return ec_decode_damaged(r->file, "JPEG", r->message, err);
    reader_open(r);
    return read_image(r, err);
}

ec_status ec_decode_jpeg(ec_image *out, const ec_image_file *file, ec_error *err) {
    reader r = {.file = file};
    const ec_status status = guarded(&r, err);
    jpeg_destroy_decompress(&r.jpeg);
    free(r.cmyk);
    if (status == EC_OK)
        *out = r.image;
    else
        ec_image_release(&r.image);
    return status;
}
