/* safetensors, or what the bytes are instead: what is read can be read to the last byte, and each
 * tensor either loads or is refused. */
#include <stdint.h>

#include "loadable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    demand_loadable(data, size, "input.safetensors");
    return 0;
}
