/* decode_gif.c - the first frame of a GIF, through giflib
 *
 * As Pillow shows it: the frame lies on a canvas of the screen's size, enlarged where the frame
 * stands out, filled with the frame's transparent colour, or with colour 0 if it has none.
 * Transparency itself is ignored.
 */
#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

typedef struct {
    const ec_image_file *file;
    size_t at;
} stream;

static int stream_read(GifFileType *gif, GifByteType *out, int n_bytes) {
    stream *s = gif->UserData;
    const size_t left = s->file->size_bytes - s->at;
    const size_t n = (size_t)n_bytes < left ? (size_t)n_bytes : left;
    memcpy(out, s->file->bytes + s->at, n);
    s->at += n;
    return (int)n;
}

static ec_status damaged(const GifFileType *gif, const ec_image_file *file, ec_error *err) {
    const char *what = GifErrorString(gif->Error);
    return ec_decode_damaged(file, "GIF", what != NULL ? what : "it is truncated", err);
}

/* Moves to the first frame, noting the transparent colour (or -1) on the way. */
static ec_status find_frame(GifFileType *gif, int *transparent, const ec_image_file *file,
                            ec_error *err) {
    *transparent = -1;
    for (;;) {
        GifRecordType record;
        if (DGifGetRecordType(gif, &record) == GIF_ERROR) return damaged(gif, file, err);
        if (record == IMAGE_DESC_RECORD_TYPE) break;
        if (record == TERMINATE_RECORD_TYPE)
            return ec_decode_damaged(file, "GIF", "it ends before its first frame", err);
        if (record != EXTENSION_RECORD_TYPE) continue;

        int code;
        GifByteType *block;
        if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return damaged(gif, file, err);
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE && block != NULL &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK &&
            control.TransparentColor != NO_TRANSPARENT_COLOR)
            *transparent = control.TransparentColor;
        while (block != NULL)
            if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return damaged(gif, file, err);
    }
    return DGifGetImageDesc(gif) == GIF_ERROR ? damaged(gif, file, err) : EC_OK;
}

/* The frame's own colours, else the screen's, else greys. */
static void read_palette(ec_palette *palette, const GifFileType *gif) {
    *palette = (ec_palette){0};
    const ColorMapObject *map = gif->Image.ColorMap != NULL ? gif->Image.ColorMap : gif->SColorMap;
    const int n = map != NULL && map->ColorCount < 256 ? map->ColorCount : map != NULL ? 256 : 0;
    for (int i = 0; i < n; i++) {
        palette->rgb[i][0] = map->Colors[i].Red;
        palette->rgb[i][1] = map->Colors[i].Green;
        palette->rgb[i][2] = map->Colors[i].Blue;
    }
    ec_palette_continue_greys(palette, (size_t)n);
}

/* Row k of an interlaced frame of n rows: every 8th from 0, every 8th from 4, every 4th from 2, the
 * odd ones. */
static size_t interlaced_row(size_t k, size_t n) {
    static const size_t start[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    for (int pass = 0; pass < 3; pass++) {
        const size_t in_pass =
            n > start[pass] ? (n - start[pass] + step[pass] - 1) / step[pass] : 0;
        if (k < in_pass) return start[pass] + k * step[pass];
        k -= in_pass;
    }
    return start[3] + k * step[3];
}

static void paint(uint8_t *rgb, const uint8_t *index, size_t n, const ec_palette *palette) {
    for (size_t i = 0; i < n; i++) memcpy(rgb + 3 * i, palette->rgb[index[i]], 3);
}

static ec_status decode_frame(ec_image *image, uint8_t *row, GifFileType *gif, int transparent,
                              const ec_image_file *file, ec_error *err) {
    ec_palette palette;
    read_palette(&palette, gif);
    memset(row, transparent >= 0 ? transparent : 0, image->width);
    for (size_t y = 0; y < image->height; y++)
        paint(image->rgb + y * image->width * 3, row, image->width, &palette);

    const size_t left = (size_t)gif->Image.Left, top = (size_t)gif->Image.Top;
    const size_t width = (size_t)gif->Image.Width, height = (size_t)gif->Image.Height;
    for (size_t k = 0; k < height; k++) {
        if (DGifGetLine(gif, row, (int)width) == GIF_ERROR) return damaged(gif, file, err);
        const size_t y = top + (gif->Image.Interlace ? interlaced_row(k, height) : k);
        paint(image->rgb + (y * image->width + left) * 3, row, width, &palette);
    }
    return EC_OK;
}

/* ---- damage ---- */

/* Lengths of the strings that codes stand for. */
typedef struct {
    uint32_t length[4096];
    int clear, next, last; /* last: the code before; -1: none since the table was cleared */
} code_table;

/* How many pixels a code is; 0: none can be, since the table is not that far yet. */
static uint32_t follow_code(code_table *t, int code) {
    if (t->last < 0) {
        if (code > t->clear) return 0;
    } else {
        if (code > t->next) return 0;
        if (t->next < 4096) t->length[t->next++] = t->length[t->last] + 1;
    }
    t->last = code;
    return t->length[code];
}

/* giflib takes any code that is not defined yet for the one that is defined next, and so gives
 * pixels for damaged data; Pillow refuses them. This reads the codes a second time. */
static ec_status check_codes(const ec_image_file *file, ec_error *err) {
    stream s = {file, 0};
    int transparent, error = 0;
    GifFileType *gif = DGifOpen(&s, stream_read, &error);
    if (gif == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file->name);
    ec_status status = find_frame(gif, &transparent, file, err);
    code_table *t = calloc(1, sizeof *t);
    if (t == NULL && status == EC_OK)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file->name);
    if (status == EC_OK) {
        const unsigned bits = s.at > 0 ? file->bytes[s.at - 1] : 0; /* giflib has checked it */
        uint64_t left = (uint64_t)gif->Image.Width * (uint64_t)gif->Image.Height;
        t->clear = 1 << (bits < 12 ? bits : 11);
        t->next = t->clear + 2;
        t->last = -1;
        for (int i = 0; i < t->clear; i++) t->length[i] = 1;
        for (int code; left > 0 && DGifGetLZCodes(gif, &code) != GIF_ERROR && code >= 0;) {
            if (code == t->clear) {
                t->next = t->clear + 2;
                t->last = -1;
                continue;
            }
            const uint32_t n = code < 4096 ? follow_code(t, code) : 0;
            if (n == 0) {
                status = ec_decode_damaged(file, "GIF", "its compressed data are damaged", err);
                break;
            }
            left -= n < left ? n : left;
        }
    }
    free(t);
    DGifCloseFile(gif, &error);
    return status;
}

static ec_status decode(ec_image *image, GifFileType *gif, const ec_image_file *file,
                        ec_error *err) {
    int transparent;
    ec_status status = find_frame(gif, &transparent, file, err);
    if (status != EC_OK) return status;
    const GifImageDesc *frame = &gif->Image;
    if (frame->Left < 0 || frame->Top < 0 || frame->Width <= 0 || frame->Height <= 0 ||
        gif->SWidth < 0 || gif->SHeight < 0)
        return ec_decode_damaged(file, "GIF", "its first frame has no pixels", err);
    const int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
    status =
        ec_image_allocate(image, (uint64_t)(right > gif->SWidth ? right : gif->SWidth),
                          (uint64_t)(bottom > gif->SHeight ? bottom : gif->SHeight), file, err);
    if (status != EC_OK) return status;

    uint8_t *row = malloc(image->width);
    if (row == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file->name);
    status = decode_frame(image, row, gif, transparent, file, err);
    free(row);
    return status == EC_OK ? check_codes(file, err) : status;
}

ec_status ec_decode_gif(ec_image *out, const ec_image_file *file, ec_error *err) {
    stream s = {file, 0};
    int code = 0;
    GifFileType *gif = DGifOpen(&s, stream_read, &code);
    if (gif == NULL) {
        const char *what = GifErrorString(code);
        return ec_decode_damaged(file, "GIF", what != NULL ? what : "it is truncated", err);
    }
    ec_image image = {0};
    const ec_status status = decode(&image, gif, file, err);
    DGifCloseFile(gif, &code);
    if (status == EC_OK)
        *out = image;
    else
        ec_image_release(&image);
    return status;
}
