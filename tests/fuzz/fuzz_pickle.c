/* The pickle program inside a PyTorch file, without the zip around it: what is found has names, and
 * keys of storages where its values are said to be had. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "round_trip.h"
#include "tensor/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tensors(const uint8_t *data, size_t size) {
    ec_pickled pickled;
    ec_error err = {0};
    const ec_status status = ec_pickle_read(&pickled, data, size, "input", &err);
    if (status != EC_OK) demand_message(&err, status);
    DEMAND(pickled.size_bytes <= size);
    for (size_t i = 0; status == EC_OK && i < pickled.n_tensors; i++) {
        const ec_pickled_tensor *t = &pickled.tensor[i];
        DEMAND(t->n_dims >= 0 && t->n_dims <= EC_MAX_DIMS && strlen(t->name) <= 16 * size);
        DEMAND(t->unread != NULL || t->storage != NULL);
    }
    ec_pickled_release(&pickled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char **strings;
    size_t n, end;
    ec_error err = {0};
    read_tensors(data, size);
    if (ec_pickle_strings(&strings, &n, &end, data, size, "input", &err) == EC_OK) {
        for (size_t i = 0; i < n; i++) free(strings[i]);
        free(strings);
    }
    return 0;
}
