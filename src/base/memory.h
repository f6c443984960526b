/* memory.h - what stands at every allocation: that it failed, and arrays that grow */
#ifndef EC_BASE_MEMORY_H
#define EC_BASE_MEMORY_H

#include <stddef.h>

#include "eyechart/status.h"

/* EC_ERR_NOMEM, "WHAT: out of memory": what was being worked on, a study, a file. */
ec_status ec_no_memory(const char *what, ec_error *err);

/* An array with room for one more than its n items: `items` itself while *capacity allows it, else
 * one twice as large, in its place. NULL: out of memory, and `items` is as it was. */
void *ec_grown(void *items, size_t n, size_t *capacity, size_t item_bytes);

#endif
