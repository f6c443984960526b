/* A pair file of SPair-71k, a zero byte, and the annotation of its images. */
#include <stdint.h>

#include "keypoint_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ec_status parse(ec_keypoint_draft *draft, const char *text, size_t size, ec_error *err) {
    const char *zero = memchr(text, '\0', size);
    const size_t pair_size = zero != NULL ? (size_t)(zero - text) : size;
    const char *id = size % 2 == 0 ? "1-a-b:c" : "1-a-b_c"; /* as published, as unpacked */
    ec_status status = ec_spair_parse_pair(draft, id, text, pair_size, "input", err);
    for (size_t i = 0; status == EC_OK && zero != NULL && i < draft->n_images; i++)
        status = ec_spair_parse_image(draft, i, zero + 1, size - pair_size - 1, "input", err);
    for (size_t i = 0; status == EC_OK && zero != NULL && i < draft->n_pairs; i++)
        status = ec_spair_check_claims(draft, &draft->pairs[i], err);
    return status == EC_OK ? ec_keypoint_draft_finish(draft, "input", err) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_keypoint_set set;
    ec_keypoint_draft draft;
    ec_error err = {0};
    demand(ec_keypoint_draft_init(&draft, &set, &err) == EC_OK);
    const ec_status status = parse(&draft, (const char *)data, size, &err);
    if (status == EC_OK)
        demand_sound(&set);
    else
        demand(status == EC_ERR_FORMAT && strncmp(err.message, "input: ", 7) == 0);
    ec_keypoint_draft_release(&draft);
    ec_keypoint_set_release(&set);
    return 0;
}
