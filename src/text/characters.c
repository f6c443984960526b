/* characters.c - see characters.h */
#include "text/characters.h"

#include <utf8proc.h>

#include "text/utf8.h"

bool ec_is_space(uint32_t c) {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool ec_is_numeric(uint32_t c) {
    const utf8proc_category_t kind = utf8proc_category((utf8proc_int32_t)c);
    return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL ||
           kind == UTF8PROC_CATEGORY_NO;
}

bool ec_is_word(uint32_t c) {
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9);
    }
}

size_t ec_leading_space(const char *text, size_t size) {
    size_t at = 0;
    uint32_t c;
    while (at < size) {
        const size_t n = ec_utf8_get(&c, text + at, size - at);
        if (!ec_is_space(c)) break;
        at += n;
    }
    return at;
}

/* Where the last character begins. */
static size_t last(const char *text, size_t size) {
    size_t at = size - 1;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80) at--;
    return at;
}

uint32_t ec_last_character(const char *text, size_t size) {
    const size_t at = last(text, size);
    uint32_t c;
    ec_utf8_get(&c, text + at, size - at);
    return c;
}

size_t ec_trailing_space(const char *text, size_t size) {
    size_t end = size;
    while (end > 0 && ec_is_space(ec_last_character(text, end))) end = last(text, end);
    return size - end;
}
