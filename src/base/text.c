/* text.c - see text.h */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `more` bytes and the terminator. */
static bool reserve(ec_text *text, size_t more) {
    if (text->failed) return false;
    if (more >= (size_t)-1 / 4 - text->size_bytes) {
        text->failed = true;
        return false;
    }
    const size_t needed = text->size_bytes + more + 1;
    if (needed <= text->capacity_bytes) return true;
    size_t capacity = text->capacity_bytes > 0 ? text->capacity_bytes : 256;
    while (capacity < needed) capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity_bytes = capacity;
    return true;
}

void ec_text_add_bytes(ec_text *text, const void *bytes, size_t size_bytes) {
    if (!reserve(text, size_bytes)) return;
    if (size_bytes > 0) memcpy(text->data + text->size_bytes, bytes, size_bytes);
    text->size_bytes += size_bytes;
    text->data[text->size_bytes] = '\0';
}

void ec_text_add(ec_text *text, const char *string) {
    ec_text_add_bytes(text, string, strlen(string));
}

void ec_text_format(ec_text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) text->failed = true;
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->size_bytes, (size_t)length + 1, format, again);
        text->size_bytes += (size_t)length;
    }
    va_end(again);
}

void ec_text_release(ec_text *text) {
    free(text->data);
    *text = (ec_text){0};
}
