/* utf8.h - characters of UTF-8 */
#ifndef EC_TEXT_UTF8_H
#define EC_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Bytes of the character at `text`, of which `size` > 0 bytes are there; 0: no valid character
 * (overlong, a surrogate, above U+10FFFF, cut off). */
size_t ec_utf8_length(const char *text, size_t size);
/* The same with the character in *out. */
size_t ec_utf8_get(uint32_t *out, const char *text, size_t size);
/* Where the first byte is that is no character's; `size`: nowhere. */
size_t ec_utf8_check(const char *text, size_t size);
/* Appends a character. */
void ec_utf8_add(ec_text *to, uint32_t character);
/* Appends bytes, each maximal part that is not UTF-8 as one U+FFFD, as Rust's from_utf8_lossy and
 * Python's errors="replace"; or each byte of it as one, as SentencePiece does. */
void ec_utf8_add_lossy(ec_text *to, const char *bytes, size_t size);
void ec_utf8_add_lossy_bytes(ec_text *to, const char *bytes, size_t size);

#endif
