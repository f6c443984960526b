/* notes.c - see notes.h */
#include "sheet/notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The capacity is the power of two at or above n. */
void *ec_array_grow(void *items, size_t n, size_t size_bytes) {
    return (n & (n - 1)) != 0 ? items : realloc(items, (n > 0 ? 2 * n : 1) * size_bytes);
}

ec_status ec_notes_add(char ***notes, size_t *n, ec_error *err, const char *format, va_list args) {
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    char **grown = ec_array_grow(*notes, *n, sizeof *grown);
    if (grown != NULL) *notes = grown;
    char *copy = grown != NULL ? strdup(text) : NULL;
    if (copy == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for a note");
    grown[(*n)++] = copy;
    return EC_OK;
}

void ec_notes_release(char ***notes, size_t *n) {
    for (size_t i = 0; i < *n; i++) free((*notes)[i]);
    free(*notes);
    *notes = NULL;
    *n = 0;
}
