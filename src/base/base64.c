#include "base/base64.h"

void ec_base64_add(ec_text *text, const void *bytes, size_t size_bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size_bytes; i += 3) {
        const size_t n = size_bytes - i < 3 ? size_bytes - i : 3;
        unsigned long three = 0;
        for (size_t k = 0; k < 3; k++) three = three << 8 | (k < n ? at[i + k] : 0);
        char four[4];
        for (size_t k = 0; k < 4; k++) four[k] = k <= n ? digits[three >> (18 - 6 * k) & 63] : '=';
        ec_text_add_bytes(text, four, sizeof four);
    }
}
