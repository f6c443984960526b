/* extractor.h - what the file writer needs of an extractor beside eyechart/features.h */
#ifndef EC_FEATURES_EXTRACTOR_H
#define EC_FEATURES_EXTRACTOR_H

#include <jansson.h>

#include "eyechart/features.h"

/* Everything that decides the numbers but layer and images, as the manifest shows it: a new
 * reference. */
ec_status ec_extractor_json(json_t **out, ec_extractor *extractor, ec_error *err);
/* out [n][n_tokens][n_channels] of inputs [n][3][height][width] that are prepared already. */
ec_status ec_extractor_forward(float *out, ec_extractor *extractor, const float *inputs, size_t n,
                               ec_error *err);

#endif
