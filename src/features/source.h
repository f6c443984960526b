/* source.h - what the rest of the program need not know of an encoder's preparation */
#ifndef EC_FEATURES_SOURCE_H
#define EC_FEATURES_SOURCE_H

#include "eyechart/features.h"

/* What a preparation is called in what studies remember, so that it is found again. Static. */
const char *ec_prepare_mode_kept(ec_prepare_mode mode);

#endif
