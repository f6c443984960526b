/* exif.h - which way up a picture is, as its camera says
 *
 * EXIF's tag Orientation, 1 to 8: 1 is as it lies. Where EXIF has no such tag, XMP's
 * tiff:Orientation counts. What cannot be read counts as absent: it is no reason to refuse a
 * picture.
 *
 * Source: Pillow's Image.getexif() and ImageFileDirectory_v2.load(), 13.0.
 */
#ifndef EC_IMAGE_EXIF_H
#define EC_IMAGE_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* Parts of a file, borrowed; NULL: there is none. */
typedef struct ec_exif {
    const uint8_t *exif; /* a TIFF header and its directories, "Exif\0\0" before it or not */
    size_t exif_bytes;
    const uint8_t *xmp;
    size_t xmp_bytes;
} ec_exif;

/* 1 to 8; 1 where the parts do not say. */
unsigned ec_exif_orientation(const ec_exif *parts);

/* The parts of a JPEG file. */
ec_exif ec_exif_of_jpeg(const uint8_t *bytes, size_t size_bytes);

#endif
