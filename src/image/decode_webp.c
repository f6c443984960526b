/* decode_webp.c - WebP through libwebp: lossy, lossless, with alpha, the first frame of an
 * animation
 *
 * A frame smaller than the canvas lies on black: Pillow's canvas is transparent black, and
 * convert("RGB") drops the alpha.
 */
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/decode.h"
#include "image/exif.h"

static ec_status decode_frame(ec_image *image, const WebPIterator *frame, const ec_image_file *file,
                              ec_error *err) {
    const size_t x = (size_t)frame->x_offset, y = (size_t)frame->y_offset;
    if (frame->x_offset < 0 || frame->y_offset < 0 || frame->width <= 0 || frame->height <= 0 ||
        x + (size_t)frame->width > image->width || y + (size_t)frame->height > image->height)
        return ec_decode_damaged(file, "WebP", "its first frame lies outside of its canvas", err);

    const size_t row_bytes = image->width * 3;
    memset(image->rgb, 0, row_bytes * image->height);
    const size_t at = y * row_bytes + x * 3;
    if (WebPDecodeRGBInto(frame->fragment.bytes, frame->fragment.size, image->rgb + at,
                          row_bytes * image->height - at, (int)row_bytes) == NULL)
        return ec_decode_damaged(file, "WebP", "its pixels cannot be decoded (truncated?)", err);
    return EC_OK;
}

static unsigned read_orientation(const WebPDemuxer *demuxer) {
    WebPChunkIterator exif, xmp;
    ec_exif parts = {0};
    const bool has_exif = WebPDemuxGetChunk(demuxer, "EXIF", 1, &exif);
    const bool has_xmp = WebPDemuxGetChunk(demuxer, "XMP ", 1, &xmp);
    if (has_exif) parts = (ec_exif){.exif = exif.chunk.bytes, .exif_bytes = exif.chunk.size};
    if (has_xmp) parts.xmp = xmp.chunk.bytes, parts.xmp_bytes = xmp.chunk.size;
    const unsigned orientation = ec_exif_orientation(&parts);
    if (has_exif) WebPDemuxReleaseChunkIterator(&exif);
    if (has_xmp) WebPDemuxReleaseChunkIterator(&xmp);
    return orientation;
}

ec_status ec_decode_webp(ec_image *out, const ec_image_file *file, ec_error *err) {
    const WebPData data = {file->bytes, file->size_bytes};
    WebPDemuxer *demuxer = WebPDemux(&data); /* NULL also when the file is incomplete */
    if (demuxer == NULL)
        return ec_decode_damaged(file, "WebP", "its chunks are truncated or not consistent", err);

    ec_image image = {0};
    ec_status status = ec_image_allocate(&image, WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                                         WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT), file, err);
    if (status == EC_OK) {
        WebPIterator frame;
        if (WebPDemuxGetFrame(demuxer, 1, &frame)) {
            status = decode_frame(&image, &frame, file, err);
            WebPDemuxReleaseIterator(&frame);
        } else {
            status = ec_decode_damaged(file, "WebP", "it has no frame", err);
        }
    }
    image.orientation = read_orientation(demuxer);
    WebPDemuxDelete(demuxer);
    if (status == EC_OK)
        *out = image;
    else
        ec_image_release(&image);
    return status;
}
