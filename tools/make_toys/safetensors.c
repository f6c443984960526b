/* safetensors.c - see safetensors.h
 *
 * Eight bytes of length, a JSON header padded with blanks, then the numbers, little-endian.
 */
#include "safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/rng.h"

/* The stream of a tensor: FNV-1a of its name. */
static uint64_t stream_of(const char *name) {
    uint64_t hash = 14695981039346656037u;
    for (const char *c = name; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    return hash;
}

void toys_draw(float *values, size_t n, const char *name, double mean, double deviation,
               uint64_t stream) {
    ec_rng rng;
    ec_rng_init(&rng, SEED + stream, stream_of(name));
    for (size_t i = 0; i < n; i++) values[i] = (float)(mean + deviation * ec_rng_normal(&rng));
}

static size_t count_of(int n_dims, const size_t *shape) {
    size_t n = 1;
    for (int k = 0; k < n_dims; k++) n *= shape[k];
    return n;
}

void toys_add_values(toy_file *file, const char *name, int n_dims, const size_t *shape,
                     const float *values) {
    const size_t begin = file->data.size_bytes;
    for (size_t i = 0; i < count_of(n_dims, shape); i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        const unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8),
                                        (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
        ec_text_add_bytes(&file->data, bytes, sizeof bytes);
    }
    ec_text_format(&file->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", begin == 0 ? "{" : ",",
                   name);
    for (int k = 0; k < n_dims; k++)
        ec_text_format(&file->header, "%s%zu", k > 0 ? "," : "", shape[k]);
    ec_text_format(&file->header, "],\"data_offsets\":[%zu,%zu]}", begin, file->data.size_bytes);
}

void toys_add(toy_file *file, const char *name, int n_dims, const size_t *shape, double mean,
              double deviation, uint64_t stream) {
    const size_t n = count_of(n_dims, shape);
    float *values = malloc(n * sizeof *values);
    if (values == NULL) {
        file->data.failed = true;
        return;
    }
    toys_draw(values, n, name, mean, deviation, stream);
    toys_add_values(file, name, n_dims, shape, values);
    free(values);
}

ec_status toys_save(const char *folder, const char *name, toy_file *file, ec_error *err) {
    ec_text whole = {0};
    ec_text_add(&file->header, "}");
    while (!file->header.failed && file->header.size_bytes % 8 != 0)
        ec_text_add(&file->header, " ");
    for (unsigned k = 0; k < 8; k++) {
        const char byte = (char)(file->header.size_bytes >> 8 * k);
        ec_text_add_bytes(&whole, &byte, 1);
    }
    ec_text_add_bytes(&whole, file->header.data, file->header.size_bytes);
    ec_text_add_bytes(&whole, file->data.data, file->data.size_bytes);
    whole.failed = whole.failed || file->header.failed || file->data.failed;
    ec_text_release(&file->header);
    ec_text_release(&file->data);
    return toys_write(folder, name, &whole, false, err);
}
