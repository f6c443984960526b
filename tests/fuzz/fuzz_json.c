/* The JSON that `study import` reads. */
#include <stdint.h>

#include "round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    demand_round_trip(ec_sheet_read_json, ec_sheet_write_json, data, size);
    return 0;
}
