/* picture.h - drawing on images, and PNG files
 *
 * For the pictures of show.h: photographs side by side, translucent heat maps, dots, lines and
 * short labels. Positions are in pixels, real-valued: pixel i covers [i, i + 1), so its centre is
 * i + .5. Edges are antialiased. What lies outside the image is not drawn, and a position that is
 * not finite draws nothing.
 */
#ifndef EYECHART_PICTURE_H
#define EYECHART_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "eyechart/image.h"
#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_colour {
    uint8_t red, green, blue;
} ec_colour;

#define EC_PICTURE_MAX_SIDE 20000

/* An image of one colour; ec_image_release() frees it. EC_ERR_ARG: a side is 0 or above
 * EC_PICTURE_MAX_SIDE; EC_ERR_NOMEM. */
ec_status ec_picture_new(ec_image *out, size_t width, size_t height, ec_colour background,
                         ec_error *err);

/* Copies `image` so that its left upper pixel lies at (left, top). */
void ec_picture_paste(ec_image *on, const ec_image *image, size_t left, size_t top);

/* Alpha 0 draws nothing, 1 covers. */
void ec_picture_disc(ec_image *on, double x, double y, double radius, ec_colour colour,
                     double alpha);
/* `radius` is that of the middle of the stroke. */
void ec_picture_ring(ec_image *on, double x, double y, double radius, double stroke,
                     ec_colour colour, double alpha);
void ec_picture_line(ec_image *on, double x0, double y0, double x1, double y1, double stroke,
                     ec_colour colour, double alpha);
/* The outline of [x0, x1] x [y0, y1]. */
void ec_picture_box(ec_image *on, double x0, double y0, double x1, double y1, double stroke,
                    ec_colour colour, double alpha);

/* One line of text in an embedded font of 5 x 9 dots, each `scale` pixels wide; letters stand
 * 6 dots apart, capitals are 7 dots high and `top` is their upper edge. Only ASCII has glyphs; any
 * other character (one, not each byte of it) is shown as '?'. */
void ec_picture_text(ec_image *on, size_t left, size_t top, size_t scale, ec_colour colour,
                     const char *text);
size_t ec_picture_text_width(const char *text, size_t scale);
#define EC_PICTURE_TEXT_HEIGHT 9 /* dots, from the top of capitals to the end of descenders */

typedef enum ec_heat {
    EC_HEAT_GREEN = 0, /* green with alpha .45 h^2: only what is hot is covered */
    EC_HEAT_VIRIDIS    /* all covered with alpha .45, from dark blue to yellow, over the image in
                          grey, whose own colours would pass for heat */
} ec_heat;

/* Covers the image with a heat map: heat [height][width] as the image, clamped to [0, 1]; NaN:
 * nothing there. */
void ec_picture_heat(ec_image *on, const float *heat, ec_heat how);

/* What a PNG file says about itself (iTXt chunks "Title" and "Description"), UTF-8. */
typedef struct ec_picture_words {
    char *title, *description; /* owned, NULL: none; ec_picture_words_release() */
} ec_picture_words;

void ec_picture_words_release(ec_picture_words *words);

/* The image as PNG in memory: 8-bit RGB, the same bytes for the same image and words.
 *
 *   bytes   owned, free() releases
 *   title, description   may be NULL
 *
 * Errors: EC_ERR_NOMEM. */
ec_status ec_picture_encode(void **bytes, size_t *size_bytes, const ec_image *image,
                            const char *title, const char *description, ec_error *err);

/* Writes that to a file, through a temporary and a rename. Errors: EC_ERR_IO, EC_ERR_NOMEM. */
ec_status ec_picture_save(const char *path, const ec_image *image, const char *title,
                          const char *description, ec_error *err);

/* The words of a PNG in memory; `name` is used in messages. The pixels are not looked at.
 * Errors: EC_ERR_FORMAT, EC_ERR_NOMEM. */
ec_status ec_picture_read_words(ec_picture_words *out, size_t *width, size_t *height,
                                const void *bytes, size_t size_bytes, const char *name,
                                ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
