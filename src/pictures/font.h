/* font.h - the letters of ec_picture_text */
#ifndef EC_PICTURES_FONT_H
#define EC_PICTURES_FONT_H

#include <stdbool.h>
#include <stddef.h>

#define EC_FONT_WIDTH 5

/* Whether letter c has a dot at column x (below EC_FONT_WIDTH), row y (below
 * EC_PICTURE_TEXT_HEIGHT). What is not printable ASCII looks like '?'. */
bool ec_font_dot(char c, size_t x, size_t y);

#endif
