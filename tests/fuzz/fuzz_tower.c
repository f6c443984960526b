/* The vision tower of a file, told by names and shapes of a stranger. What is bound is of the shape
 * that was measured, and can be read to the last byte. */
#include <stdint.h>

#include "base/hash.h"
#include "encoders/vit/vit.h"
#include "round_trip.h"
#include "tensor/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand_all_of(const ec_param *param, size_t n) {
    char hash[EC_HASH_SIZE];
    DEMAND(param != NULL && ec_tensor_count(&param->file) == n);
    ec_hash_bytes(hash, param->file.data, n * ec_dtype_size(param->file.dtype));
}

static void demand_model(const vit_spec *s, const vit_weights *w) {
    const size_t d = s->width, mlp = s->mlp_width, side = s->image_size / s->patch;
    demand_all_of(w->patch.weight, 3 * s->patch * s->patch * d);
    demand_all_of(w->position, (w->n_extra_positions + side * side) * d);
    for (size_t i = 0; i < s->blocks; i++) {
        const vit_block *b = &w->block[i];
        const ec_linear_params *const square[] = {&b->query, &b->key, &b->value, &b->proj};
        for (size_t k = 0; k < 4; k++) demand_all_of(square[k]->weight, d * d);
        demand_all_of(b->fc1.weight, (s->swiglu ? 2 : 1) * d * mlp);
        demand_all_of(b->fc2.weight, d * mlp);
        demand_all_of(b->norm2.bias, d);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_weights *files;
    vit_weights weights, other;
    char difference[64];
    ec_error err = {0};
    if (size < 1 || ec_weights_read(&files, data + 1, size - 1, "m.safetensors", &err) != EC_OK)
        return 0;
    vit_spec spec = {.family = (vit_family)(data[0] % 4), .from_tensors = true, .eps = 1e-6};
    if (vit_measure(&spec, files, &err) == EC_OK &&
        vit_weights_bind(&weights, &spec, files, &err) == EC_OK) {
        demand_model(&spec, &weights);
        DEMAND(vit_weights_bind(&other, &spec, files, &err) == EC_OK);
        vit_compare(difference, sizeof difference, &spec, &weights, &other);
        vit_weights_release(&weights);
        vit_weights_release(&other);
    }
    ec_weights_close(files);
    return 0;
}
