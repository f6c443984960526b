/* text.h - a string that grows
 *
 * The buffer remembers the first allocation failure and later calls do nothing, so that a caller
 * checks once, at the end: if (text.failed) return ec_fail(err, EC_ERR_NOMEM, …).
 */
#ifndef EC_BASE_TEXT_H
#define EC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"

/* Zero-initialise; ec_text_release() frees. */
typedef struct ec_text {
    char *data; /* always terminated once anything was added; NULL before */
    size_t size_bytes, capacity_bytes;
    bool failed;
} ec_text;

void ec_text_add(ec_text *text, const char *string);
void ec_text_add_bytes(ec_text *text, const void *bytes, size_t size_bytes);
void ec_text_format(ec_text *text, const char *format, ...) EC_PRINTF(2, 3);
void ec_text_release(ec_text *text);

#endif
