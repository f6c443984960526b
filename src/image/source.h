/* source.h - where the bytes of an image are: in a file of its own, or as base64 in a list
 *
 *     photos/a.jpg
 *     MMBench.tsv#42@1234+5678    record 42 of the list; 5678 bytes of text from byte 1234 on
 *
 * A list with the images in it may have gigabytes, so an image set keeps such a name of each and
 * reads it when it is needed. A file that is really called so comes first.
 */
#ifndef EC_IMAGE_SOURCE_H
#define EC_IMAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The text of an image within a list. */
typedef struct ec_image_place {
    uint64_t record, offset, size_bytes;
} ec_image_place;

void ec_image_name_place(ec_text *out, const char *list, size_t list_bytes, ec_image_place place);

/* How much of `name` names the file that the image is in: all of it, or less "#42@1234+5678". */
size_t ec_image_file_name(const char *name);

/* Whether the file that the image is in can be read. */
bool ec_image_is_readable(const char *name);

/* The bytes of an image file, wherever they are. Errors name the image: EC_ERR_NOT_FOUND,
 * EC_ERR_IO, EC_ERR_FORMAT (too large, not base64), EC_ERR_NOMEM. */
ec_status ec_image_read(ec_text *out, const char *name, ec_error *err);

/* The bytes that base64 stands for: either alphabet, with or without "data:image/png;base64,"
 * before it, line breaks in it and '=' behind it, as a JSON string writes it ("\/", "\u002b"), and
 * the first of a list in brackets. EC_ERR_FORMAT, EC_ERR_NOMEM. */
ec_status ec_image_from_base64(ec_text *out, const char *text, size_t size_bytes, const char *name,
                               ec_error *err);

#endif
