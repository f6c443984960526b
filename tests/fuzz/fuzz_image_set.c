/* Image sets: records in .jsonl and .json, lists of paths, tables; the first byte says which. Images
 * in them are decoded from base64, and what was read can be chosen from in both ways. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/source.h"
#include "sets/image_set_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition) {
    if (!condition) abort();
}

static ec_status read_stream(image_set_reader *reader, ec_stream *stream, uint8_t kind,
                             ec_error *err) {
    switch (kind % 4) {
    case 0:
        return ec_image_set_read_json(reader, stream, true, err);
    case 1:
        return ec_image_set_read_json(reader, stream, false, err);
    case 2:
        return ec_image_set_read_paths(reader, stream, err);
    default:
        return ec_image_set_read_tsv(reader, stream, err);
    }
}

static ec_status read_set(ec_image_set *set, uint8_t kind, const char *text, size_t size,
                          ec_error *err) {
    image_set_reader reader = {.set = set, .file = "f/x", .folder = "f/", .folder_size = 2};
    ec_stream stream;
    ec_status status = ec_stream_view(&stream, text, size, "f/x", err);
    if (status == EC_OK) status = read_stream(&reader, &stream, kind, err);
    ec_stream_close(&stream);
    return status;
}

/* An image in the list is decoded from its place; a path stays in the folder. */
static void check_path(const char *path, const char *text, size_t size) {
    unsigned long long record, offset, n;
    int end = 0;
    demand(path[0] == '/' || strncmp(path, "f/", 2) == 0);
    if (sscanf(path, "f/x#%llu@%llu+%llu%n", &record, &offset, &n, &end) != 3 ||
        path[end] != '\0' || offset > size || n > size - offset)
        return; /* a path that looks so */
    ec_text bytes;
    ec_error err;
    const ec_status status = ec_image_from_base64(&bytes, text + offset, n, path, &err);
    demand(status == EC_OK || (status == EC_ERR_FORMAT && bytes.data == NULL));
    ec_text_release(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    ec_image_set set = {0};
    ec_error err = {0};
    const char *text = (const char *)data + 1;
    const ec_status status = read_set(&set, data[0], text, size - 1, &err);
    demand(status == EC_OK || (status == EC_ERR_FORMAT && strncmp(err.message, "f/x:", 4) == 0));
    for (size_t i = 0; i < set.n_items; i++) check_path(set.items[i].path, text, size - 1);
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
