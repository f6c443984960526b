/* image_set_reader.h - what the readers of image sets fill in, for src/scores alone */
#ifndef EC_SCORES_IMAGE_SET_READER_H
#define EC_SCORES_IMAGE_SET_READER_H

#include <stdbool.h>

#include "eyechart/image_set.h"

typedef struct image_set_reader {
    ec_image_set *set;
    size_t capacity;
    const char *file;   /* for messages */
    size_t folder_size; /* of the file's folder with its '/', 0: the current one */
} image_set_reader;

/* Adds an image whose path of `size` bytes is relative to the file's folder, or absolute. `prompt`
 * may be NULL. EC_ERR_NOMEM; EC_ERR_FORMAT, without the place, when the path is none. */
ec_status ec_image_set_add(image_set_reader *reader, const char *path, size_t size,
                           const char *prompt, size_t prompt_size, size_t n_tokens, ec_error *err);

/* Records of a .json or .jsonl text. */
ec_status ec_image_set_read_json(image_set_reader *reader, const char *text, size_t size_bytes,
                                 ec_error *err);
ec_status ec_image_set_read_lines(image_set_reader *reader, const char *text, size_t size_bytes,
                                  bool records, ec_error *err);

#endif
