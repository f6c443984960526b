/* Image sets: records in .jsonl and .json, lists of paths; the first byte says which. What was read
 * can be chosen from in both ways. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scores/image_set_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition) {
    if (!condition) abort();
}

static ec_status read_set(ec_image_set *set, uint8_t kind, const char *text, size_t size,
                          ec_error *err) {
    image_set_reader reader = {.set = set, .file = "f/x", .folder_size = 2};
    switch (kind % 3) {
    case 0:
        return ec_image_set_read_lines(&reader, text, size, true, err);
    case 1:
        return ec_image_set_read_json(&reader, text, size, err);
    default:
        return ec_image_set_read_lines(&reader, text, size, false, err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    ec_image_set set = {0};
    ec_error err = {0};
    const char *text = (const char *)data + 1;
    const ec_status status = read_set(&set, data[0], text, size - 1, &err);
    demand(status == EC_OK || (status == EC_ERR_FORMAT && strncmp(err.message, "f/x:", 4) == 0));
    for (size_t i = 0; i < set.n_items; i++)
        demand(set.items[i].path[0] == '/' || strncmp(set.items[i].path, "f/", 2) == 0);
    if (status == EC_OK && set.n_items > 0) {
        const size_t n = set.n_items;
        const ec_status longest = ec_image_set_select(&set, EC_SELECT_LONGEST, n, 0, &err);
        demand(longest == EC_OK || longest == EC_ERR_ARG);
        demand(ec_image_set_select(&set, EC_SELECT_RANDOM, n / 2 + 1, size, &err) == EC_OK);
        demand(set.n_items == n / 2 + 1 || set.n_items == n);
    }
    ec_image_set_release(&set);
    return 0;
}
