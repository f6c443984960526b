/* correspondence_sets.h - sets of keypoints for the tests of C */
#ifndef UNIT_SCORES_CORRESPONDENCE_SETS_H
#define UNIT_SCORES_CORRESPONDENCE_SETS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device.h"
#include "eyechart/alignment.h"
#include "eyechart/correspondence.h"
#include "eyechart/rng.h"
#include "folder.h"
#include "scores/correspondence.h"

/* ---- sets and features for tests ---------------------------------------------------------- */

static inline ec_correspondence *new_correspondence(size_t n_threads) {
    ec_correspondence *c;
    ec_error err;
    assert_int_equal(ec_correspondence_new(&c, open_device(NULL, n_threads), &err), EC_OK);
    return c;
}

static inline void free_correspondence(ec_correspondence *c) {
    ec_ctx *ctx = c->ctx;
    ec_correspondence_free(c);
    ec_ctx_free(ctx);
}

/* Our JSON, from text. */
static inline ec_keypoint_set read_set(const char *text) {
    char folder[FOLDER_SIZE];
    folder_make(folder);
    folder_write(folder_join(folder, "set.json"), text);
    ec_keypoint_set set;
    ec_error err = {0};
    if (ec_keypoint_set_load(&set, folder_join(folder, "set.json"), NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
    folder_remove(folder);
    return set;
}

#endif
