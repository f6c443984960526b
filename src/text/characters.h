/* characters.h - kinds of characters, as Rust and its regular expressions know them */
#ifndef EC_TEXT_CHARACTERS_H
#define EC_TEXT_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool ec_is_space(uint32_t character);   /* Unicode's White_Space */
bool ec_is_numeric(uint32_t character); /* Nd, Nl, No */
bool ec_is_word(uint32_t character);    /* \w: letters, marks, digits, connectors */

/* Bytes of the white space that valid UTF-8 begins or ends with. */
size_t ec_leading_space(const char *text, size_t size);
size_t ec_trailing_space(const char *text, size_t size);
/* The last character; size > 0. */
uint32_t ec_last_character(const char *text, size_t size);

#endif
