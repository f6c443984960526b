/* image.h - images as the reference sees them: decoded and resized exactly like Pillow
 *
 * Reference: Pillow (Image.open, convert("RGB"), resize) and the image processors of Hugging Face
 * transformers. EXIF orientation is ignored, as Pillow does unless asked; it is told, and can be
 * applied.
 */
#ifndef EYECHART_IMAGE_H
#define EYECHART_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 8-bit RGB, row by row, no padding. Owned: ec_image_release(). Zero-initialised is empty. */
typedef struct ec_image {
    size_t width, height;
    uint8_t *rgb;         /* [height][width][3] */
    unsigned orientation; /* that the file's EXIF asks for, 1 to 8; 1, or 0: as it lies */
} ec_image;

void ec_image_release(ec_image *image);

#define EC_IMAGE_MAX_PIXELS 178956970 /* as Pillow's decompression bomb error: above is refused */

/* `path` is that of a file, or a place in a list as an image set gives it. Decodes JPEG, PNG, WebP,
 * GIF (first frame), BMP, PPM/PGM, told apart by content. Grey, palette, alpha, 16-bit, CMYK become
 * RGB as Pillow's convert("RGB") makes them. Errors: EC_ERR_NOT_FOUND, EC_ERR_FORMAT (path, what is
 * wrong: truncated, corrupt, not an image, too large), EC_ERR_NOMEM. */
ec_status ec_image_load(ec_image *out, const char *path, ec_error *err);
/* The same from memory; `name` is used in messages. */
ec_status ec_image_decode(ec_image *out, const void *bytes, size_t size_bytes, const char *name,
                          ec_error *err);

/* The picture turned as an orientation asks, 1 to 8 (else a copy): ImageOps.exif_transpose(). Owned
 * by the caller. EC_ERR_NOMEM. */
ec_status ec_image_turn(ec_image *out, const ec_image *in, unsigned orientation, ec_error *err);

/* Numbers are Pillow's (and `resample` in preprocessor_config.json). */
typedef enum ec_filter {
    EC_FILTER_NEAREST = 0,
    EC_FILTER_LANCZOS = 1,
    EC_FILTER_BILINEAR = 2,
    EC_FILTER_BICUBIC = 3,
    EC_FILTER_BOX = 4
} ec_filter;

/* Equal to Pillow 13's Image.resize((width, height), filter) in every pixel: separable, 8-bit
 * intermediate, antialiased, 22-bit fixed-point weights; the horizontal pass first unless the
 * height shrinks by more than twice what the width shrinks (src/image/resample.h has the arithmetic
 * and what older Pillows do). Errors: EC_ERR_ARG (a size of 0, NEAREST is not supported),
 * EC_ERR_NOMEM. */
ec_status ec_image_resize(ec_image *out, const ec_image *in, size_t width, size_t height,
                          ec_filter filter, ec_error *err);

/* How an image becomes the input of an encoder: turned, padded, resized, cropped, normalised. */
typedef struct ec_preparation {
    bool exif_transpose; /* turned first, as the file's EXIF asks */
    bool pad;            /* to a square first, the image in the middle: of an odd number of pixels
                            one more behind it */
    uint8_t pad_colour[3];
    enum {
        EC_RESIZE_NONE,
        EC_RESIZE_SHORTEST_EDGE,
        EC_RESIZE_SQUASH,
        EC_RESIZE_LONGEST_EDGE
    } resize;
    size_t shortest_edge; /* EC_RESIZE_SHORTEST_EDGE: short side to this, long side to int(edge *
                             long / short) */
    size_t longest_edge;  /* EC_RESIZE_LONGEST_EDGE: long side to this, short side to edge *
                             short / long rounded half to even, at least 1.
                             EC_RESIZE_SHORTEST_EDGE: where the long side would become longer
                             than this, the short side is edge * short / long instead, rounded
                             half to even; 0: no limit */
    size_t resize_width, resize_height; /* EC_RESIZE_SQUASH */
    ec_filter filter;
    bool horizontal_first; /* always, as Pillow up to 12.1; false: as Pillow 13 */
    size_t crop_width, crop_height; /* centre crop, top = floor((H - h)/2), zero padded where
                                       smaller; 0: none. After EC_RESIZE_LONGEST_EDGE the image
                                       begins at floor((h - H)/2), after others, as in
                                       transformers, at ceil((h - H)/2) */
    double rescale;  /* 1/255 normally; 1 with do_rescale false */
    bool normalise;  /* (x - mean)/std per channel, in float */
    double mean[3], std[3];
} ec_preparation;

/* Reads preprocessor_config.json, or processor_config.json of transformers 5 with an
 * "image_processor" in it (CLIPImageProcessor, SiglipImageProcessor, BitImageProcessor,
 * ViTImageProcessor, LlavaImageProcessor, the same with Fast behind, and older feature-extractor
 * spellings: size as a number, a pair or an object, crop_size likewise). Keys that are absent or
 * null have the class's defaults. Errors name file and key: EC_ERR_NOT_FOUND, EC_ERR_FORMAT,
 * EC_ERR_NOMEM.
 */
ec_status ec_preparation_load(ec_preparation *out, const char *path, ec_error *err);
/* That of a model's folder: "image_processor" of processor_config.json where there is one, else
 * preprocessor_config.json. `model_type` as in config.json ("clip", "siglip", "dinov2", "vit",
 * "llava") decides on the class where the file names none; may be NULL. EC_ERR_NOT_FOUND: neither
 * file is there. */
ec_status ec_preparation_load_folder(ec_preparation *out, const char *folder,
                                     const char *model_type, ec_error *err);
/* The C score's: squash to size x size, bicubic, x in [-1, 1]. */
ec_preparation ec_preparation_square(size_t size);
/* The image whole in a square: long side to `size`, centred on black, with filter, rescale, mean
 * and deviation of `like`. The consistent C score's; GeoAware-SC pads likewise before the encoder.
 */
ec_preparation ec_preparation_letterbox(size_t size, const ec_preparation *like);
/* LLaVA's image_aspect_ratio "pad": `like` after padding to a square of the mean's colour,
 * int(255 mean). Source: expand2square() and process_images() of llava/mm_utils.py at c121f04. */
ec_preparation ec_preparation_pad(const ec_preparation *like);
/* Output size for any input; EC_ERR_ARG if it depends on the input (no squash and no crop). */
ec_status ec_preparation_size(size_t *width, size_t *height, const ec_preparation *preparation,
                              ec_error *err);

/* Where a preparation puts the pixels of an image: x_prepared = scale_x x + offset_x, likewise y,
 * in coordinates where pixel i covers [i, i + 1), of the image after it was turned. */
typedef struct ec_frame {
    double scale_x, scale_y, offset_x, offset_y;
} ec_frame;

/* EC_ERR_ARG: no image, or as ec_preparation_size. */
ec_status ec_preparation_frame(ec_frame *out, const ec_preparation *preparation, size_t image_width,
                               size_t image_height, ec_error *err);

/* Applies it: out [3][height][width] floats (channels first, as the reference), size from
 * ec_preparation_size. Only what the crop keeps is computed. Errors: EC_ERR_ARG (size depends on
 * the input, or makes no sense), EC_ERR_NOMEM. */
ec_status ec_prepare(float *out, const ec_image *image, const ec_preparation *preparation,
                     ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
