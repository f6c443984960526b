/* processor.h - preprocessor_config.json, already read */
#ifndef EC_IMAGE_PROCESSOR_H
#define EC_IMAGE_PROCESSOR_H

#include "eyechart/image.h"

/* What ec_preparation_load() does once it has the file; `name` is for messages, `model_type` as for
 * ec_preparation_load_folder(). */
ec_status ec_preparation_parse(ec_preparation *out, const char *json, size_t size_bytes,
                               const char *name, const char *model_type, ec_error *err);

#endif
