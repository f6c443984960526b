/* device.h - a context for a test that runs a model */
#ifndef EC_TESTS_DEVICE_H
#define EC_TESTS_DEVICE_H

#include "eyechart/device.h"

/* NULL: the default device. ec_ctx_free(). */
static inline ec_ctx *open_device(const char *name, size_t n_threads) {
    ec_ctx *ctx;
    ec_error err;
    const ec_device_options options = {.name = name, .n_threads = n_threads};
    if (ec_ctx_open(&ctx, &options, &err) != EC_OK) fail_msg("%s", err.message);
    return ctx;
}

#endif
