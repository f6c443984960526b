/* The pickle program inside a PyTorch file, without the zip around it. */
#include <stdint.h>

#include "tensor/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_pickled_tensor *tensors;
    size_t n;
    ec_error err;
    if (ec_pickle_read(&tensors, &n, data, size, "m.bin", &err) == EC_OK)
        ec_pickled_free(tensors, n);
    return 0;
}
