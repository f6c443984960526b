/* source.h - what the rest of the program need not know of an encoder's preparation */
#ifndef EC_FEATURES_SOURCE_H
#define EC_FEATURES_SOURCE_H

#include "eyechart/features.h"

enum { EC_SOURCE_USE = 192 };
/* What studies remember of a model's folder beside its files, as text: all that
 * ec_feature_source_same_use compares, but `weights`, and how positions are interpolated
 * (ec_encoder_options.interpolate_plain). What had a text keeps it, so that it is found again. */
void ec_feature_source_use(char out[EC_SOURCE_USE], const ec_feature_source *source,
                           bool interpolate_plain);

#endif
