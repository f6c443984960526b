/* utf8.c - see utf8.h */
#include "text/utf8.h"

#include <stdbool.h>

static const char REPLACEMENT[] = "\xEF\xBF\xBD";

/* Of the bytes that follow the first one: how many there are and the range of the first of them,
 * which is narrower for some, so that overlong forms and surrogates are refused (Unicode, table
 * 3-7). */
static size_t form(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return 2;
    if (lead < 0xF0) {
        if (lead == 0xE0) *low = 0xA0;
        if (lead == 0xED) *high = 0x9F;
        return 3;
    }
    if (lead > 0xF4) return 0;
    if (lead == 0xF0) *low = 0x90;
    if (lead == 0xF4) *high = 0x8F;
    return 4;
}

/* The bytes that can begin a character; *whole says whether they are one. At least 1. */
static size_t part(bool *whole, const char *text, size_t size) {
    unsigned char low, high;
    const size_t n = form((unsigned char)text[0], &low, &high);
    *whole = false;
    for (size_t i = 1; i < n; i++) {
        const unsigned char byte = i < size ? (unsigned char)text[i] : 0;
        if (i >= size || byte < low || byte > high) return i;
        low = 0x80;
        high = 0xBF;
    }
    *whole = n > 0;
    return n > 0 ? n : 1;
}

size_t ec_utf8_length(const char *text, size_t size) {
    bool whole;
    const size_t n = part(&whole, text, size);
    return whole ? n : 0;
}

size_t ec_utf8_get(uint32_t *out, const char *text, size_t size) {
    static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const size_t n = ec_utf8_length(text, size);
    *out = (unsigned char)text[0] & mask[n];
    for (size_t i = 1; i < n; i++) *out = *out << 6 | ((unsigned char)text[i] & 0x3F);
    return n;
}

size_t ec_utf8_check(const char *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        const size_t n = ec_utf8_length(text + at, size - at);
        if (n == 0) break;
        at += n;
    }
    return at;
}

void ec_utf8_add(ec_text *to, uint32_t c) {
    char bytes[4];
    size_t n = 0;
    if (c < 0x80) {
        bytes[n++] = (char)c;
    } else if (c < 0x800) {
        bytes[n++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        bytes[n++] = (char)(0xE0 | c >> 12);
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        bytes[n++] = (char)(0xF0 | c >> 18);
        bytes[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80) bytes[n++] = (char)(0x80 | (c & 0x3F));
    ec_text_add_bytes(to, bytes, n);
}

static void add_lossy(ec_text *to, const char *bytes, size_t size, bool each) {
    for (size_t at = 0; at < size;) {
        bool whole;
        const size_t n = part(&whole, bytes + at, size - at);
        if (whole)
            ec_text_add_bytes(to, bytes + at, n);
        else
            for (size_t i = 0; i < (each ? n : 1); i++) ec_text_add(to, REPLACEMENT);
        at += n;
    }
}

void ec_utf8_add_lossy(ec_text *to, const char *bytes, size_t size) {
    add_lossy(to, bytes, size, false);
}

void ec_utf8_add_lossy_bytes(ec_text *to, const char *bytes, size_t size) {
    add_lossy(to, bytes, size, true);
}
