/* study.yaml. libcyaml and libyaml are not instrumented; what is found in them is guarded against
 * before they are called (src/study/yaml_check.c). */
#include <stdint.h>

#include "round_trip.h"
#include "study/declaration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_declaration declared, again;
    ec_error err = {0};
    const ec_status status =
        ec_declaration_read(&declared, "input", (const char *)data, size, &err);
    if (status != EC_OK) {
        demand_message(&err, status);
        return 0;
    }
    ec_text text = {0};
    ec_declaration_write(&text, &declared);
    DEMAND(!text.failed);
    const ec_status second =
        ec_declaration_read(&again, "output", text.data, text.size_bytes, &err);
    if (second != EC_OK) fprintf(stderr, "%s\n%s", err.message, text.data);
    DEMAND(second == EC_OK);
    demand_same_sheet(&declared.sheet, &again.sheet);
    DEMAND(declared.policy == again.policy && declared.seed == again.seed);
    DEMAND(declared.lease_hours == again.lease_hours);
    ec_declaration_release(&declared);
    ec_declaration_release(&again);
    ec_text_release(&text);
    return 0;
}
