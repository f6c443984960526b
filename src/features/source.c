/* source.c - one encoder of a candidate: what it is called, what is taken of it */
#include <string.h>

#include "eyechart/features.h"

const char *ec_prepare_mode_name(size_t mode) {
    static const char *const names[] = {[EC_PREPARE_NATIVE] = "native",
                                        [EC_PREPARE_SQUARE] = "square",
                                        [EC_PREPARE_SQUASH] = "squash",
                                        [EC_PREPARE_PAD] = "pad",
                                        [EC_PREPARE_LETTERBOX] = "letterbox"};
    return mode < sizeof names / sizeof *names ? names[mode] : NULL;
}

/* ---- the tap ---- */

ec_tap ec_feature_source_tap(const ec_feature_source *source) {
    ec_tap tap = source->tap;
    if (!source->has_layer) tap.layer = EC_TAP_DEFAULT.layer;
    if (!source->has_tokens) tap.keep_class_token = EC_TAP_DEFAULT.keep_class_token;
    return tap;
}

bool ec_tap_same(ec_tap x, ec_tap y) {
    return x.layer == y.layer && x.keep_class_token == y.keep_class_token && x.block == y.block &&
           x.timestep == y.timestep && x.seed == y.seed;
}

static bool same_weights(const char *x, const char *y) {
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

bool ec_feature_source_same_use(const ec_feature_source *x, const ec_feature_source *y) {
    return x->prepare == y->prepare && x->size == y->size &&
           ec_tap_same(ec_feature_source_tap(x), ec_feature_source_tap(y)) &&
           same_weights(x->weights, y->weights) && x->horizontal_first == y->horizontal_first &&
           x->exif_transpose == y->exif_transpose;
}
