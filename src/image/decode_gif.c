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
    return status;
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
