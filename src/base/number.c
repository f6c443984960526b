/* number.c - see number.h
 *
 * strtod and printf follow the locale of the program we are a part of; strtod_l and uselocale with
 * the "C" locale do not. glibc gives that locale out as a constant, so that newlocale costs nothing
 * here.
 */
#include "base/number.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static locale_t c_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static const char *skip_blanks(const char *text) {
    while (*text == ' ' || *text == '\t') text++;
    return text;
}

static bool names_no_finite_number(const char *text) {
    if (*text == '+' || *text == '-') text++;
    return strncasecmp(text, "nan", 3) == 0 || strncasecmp(text, "inf", 3) == 0 ||
           strncasecmp(text, ".nan", 4) == 0 || strncasecmp(text, ".inf", 4) == 0;
}

ec_number_fault ec_number_read(double *out, const char *text) {
    text = skip_blanks(text);
    if (*text == '\0') return EC_NUMBER_EMPTY;
    if (names_no_finite_number(text)) return EC_NUMBER_NOT_FINITE;
    const size_t length = strspn(text, "+-.0123456789eE"); /* leaves out what strtod adds: 0x1p3 */
    if (length == 0 || *skip_blanks(text + length) != '\0') return EC_NUMBER_GARBAGE;

    const locale_t locale = c_locale();
    char *end;
    const double value = strtod_l(text, &end, locale);
    freelocale(locale);
    if (end != text + length) return EC_NUMBER_GARBAGE;
    if (!isfinite(value)) return EC_NUMBER_TOO_LARGE;
    *out = value;
    return EC_NUMBER_OK;
}

const char *ec_number_fault_words(ec_number_fault fault) {
    switch (fault) {
    case EC_NUMBER_EMPTY:
        return "is empty";
    case EC_NUMBER_NOT_FINITE:
        return "is not a finite number";
    case EC_NUMBER_TOO_LARGE:
        return "is too large for a number";
    case EC_NUMBER_GARBAGE:
        return "is not a number";
    case EC_NUMBER_OK:
        break;
    }
    return "is a number";
}

void ec_number_write(char text[EC_NUMBER_SIZE], double value) {
    const locale_t locale = c_locale();
    const locale_t before = uselocale(locale);
    /* 17 significant digits always suffice; most numbers people write need no more than 15. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, EC_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    uselocale(before);
    freelocale(locale);
}
