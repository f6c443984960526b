/* The pickle program inside a PyTorch file, without the zip around it. */
#include <stdint.h>

#include "tensor/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_pickled pickled;
    ec_error err;
    ec_pickle_read(&pickled, data, size, "m.bin", &err);
    ec_pickled_release(&pickled);
    return 0;
}
