/* memory.c - see memory.h */
#include "base/memory.h"

#include <stdlib.h>

ec_status ec_no_memory(const char *what, ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", what);
}

void *ec_grown(void *items, size_t n, size_t *capacity, size_t item_bytes) {
    if (n < *capacity) return items;
    const size_t larger = *capacity > 0 ? 2 * *capacity : 64;
    void *grown = realloc(items, larger * item_bytes);
    if (grown != NULL) *capacity = larger;
    return grown;
}
