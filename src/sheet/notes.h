/* notes.h - sentences for a person, collected on the way */
#ifndef EC_SHEET_NOTES_H
#define EC_SHEET_NOTES_H

#include <stdarg.h>
#include <stddef.h>

#include "eyechart/status.h"

/* Adds to (*notes)[*n], both zero at first. A note that does not fit 1023 bytes is cut. */
ec_status ec_notes_add(char ***notes, size_t *n, ec_error *err, const char *format, va_list args)
    EC_PRINTF(4, 0);
void ec_notes_release(char ***notes, size_t *n);

/* Room for one more element behind the n that there are, where every array was grown by this; NULL:
 * out of memory, and the array is as it was. */
void *ec_array_grow(void *items, size_t n, size_t size_bytes);

#endif
