/* loadable.h - what is demanded of files of weights: each tensor either loads or is refused */
#ifndef EC_TESTS_LOADABLE_H
#define EC_TESTS_LOADABLE_H

#include <stdint.h>

#include "round_trip.h"
#include "tensor/weights.h"

/* Expanded tensors are bounded, but slow when there are many. */
enum { MAX_ELEMENTS = 1 << 20 };

/* Opens a file of this name, and reads whatever is in it to the last byte. */
static inline void demand_loadable(const uint8_t *data, size_t size, const char *name) {
    ec_weights *weights;
    ec_error err = {0};
    char hash[33];
    const ec_status status = ec_weights_read(&weights, data, size, name, &err);
    if (status != EC_OK) {
        demand_message(&err, status);
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < ec_weights_count(weights); i++)
        if (ec_weights_tensor(weights, i)->dtype != EC_OTHER_DTYPE)
            n += ec_tensor_count(ec_weights_tensor(weights, i));
    if (n <= MAX_ELEMENTS) {
        ec_weights_hash(hash, weights, NULL, &err);
        ec_weights_check_finite(weights, &err);
    }
    for (size_t i = 0; i < ec_weights_count(weights) && n <= MAX_ELEMENTS; i++) {
        const ec_tensor *tensor;
        const ec_status loaded = ec_weights_load(&tensor, weights, i, &err);
        if (loaded != EC_OK) {
            demand_message(&err, loaded);
            continue;
        }
        DEMAND(tensor->dtype == EC_F32 || tensor->dtype == EC_F16 || tensor->dtype == EC_BF16);
        const unsigned char *bytes = tensor->data;
        const size_t n_bytes = ec_tensor_count(tensor) * ec_dtype_size(tensor->dtype);
        volatile unsigned char sum = 0;
        for (size_t k = 0; k < n_bytes; k++) sum = (unsigned char)(sum + bytes[k]);
    }
    ec_weights_close(weights);
}

#endif
