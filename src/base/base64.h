/* base64.h - bytes as text, for pictures inside a page */
#ifndef EC_BASE_BASE64_H
#define EC_BASE_BASE64_H

#include "base/text.h"

/* RFC 4648, with padding, on one line. */
void ec_base64_add(ec_text *text, const void *bytes, size_t size_bytes);

#endif
