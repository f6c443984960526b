/* PyTorch's zip format: whatever is read can be read to the last byte. */
#include <stdint.h>

#include "tensor/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_weights *weights;
    ec_error err;
    char hash[33];
    if (ec_weights_read(&weights, data, size, "m.bin", &err) == EC_OK)
        ec_weights_hash(hash, weights, NULL, &err);
    ec_weights_close(weights);
    return 0;
}
