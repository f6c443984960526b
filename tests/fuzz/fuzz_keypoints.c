/* A keypoint set in our own form. */
#include <stdint.h>

#include "keypoint_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_keypoint_set set;
    ec_keypoint_draft draft;
    ec_error err = {0};
    demand(ec_keypoint_draft_init(&draft, &set, &err) == EC_OK);
    ec_status status = ec_keypoints_parse(&draft, (const char *)data, size, "input", NULL, &err);
    if (status == EC_OK) status = ec_keypoint_draft_finish(&draft, "input", &err);
    if (status == EC_OK)
        demand_sound(&set);
    else
        demand(status == EC_ERR_FORMAT && strncmp(err.message, "input: ", 7) == 0);
    ec_keypoint_draft_release(&draft);
    ec_keypoint_set_release(&set);
    return 0;
}
