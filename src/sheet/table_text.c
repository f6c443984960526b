/* table_text.c - see table_text.h */
#include "sheet/table_text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* ---- encodings ---------------------------------------------------------------------------- */

static void add_character(ec_text *to, uint32_t c) {
    char utf8[4];
    size_t n = 0;
    if (c < 0x80) {
        utf8[n++] = (char)c;
    } else if (c < 0x800) {
        utf8[n++] = (char)(0xc0 | c >> 6);
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        utf8[n++] = (char)(0xe0 | c >> 12);
        utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        utf8[n++] = (char)(0xf0 | c >> 18);
        utf8[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    }
    ec_text_add_bytes(to, utf8, n);
}

static ec_status from_utf16(ec_text *to, const char *path, const unsigned char *bytes, size_t n,
                            bool big_endian, ec_error *err) {
    const unsigned high = big_endian ? 0 : 1, low = 1 - high;
    if (n % 2 != 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: UTF-16 with an odd number of bytes; is the file cut short?", path);
    for (size_t i = 0; i < n; i += 2) {
        uint32_t c = (uint32_t)bytes[i + high] << 8 | bytes[i + low];
        if (c >= 0xd800 && c < 0xdc00 && i + 3 < n) {
            const uint32_t next = (uint32_t)bytes[i + 2 + high] << 8 | bytes[i + 2 + low];
            if (next >= 0xdc00 && next < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
                i += 2;
            }
        }
        if (c >= 0xd800 && c < 0xe000) c = 0xfffd; /* half of a pair */
        if (c != 0xfeff || i > 0) add_character(to, c);
    }
    return EC_OK;
}

/* The bytes 0x80 to 0x9f of Windows-1252; the others are those of Unicode. */
static void from_windows(ec_text *to, const unsigned char *bytes, size_t n) {
    static const uint16_t upper[32] = {
        0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};
    for (size_t i = 0; i < n; i++)
        add_character(to, bytes[i] >= 0x80 && bytes[i] < 0xa0 ? upper[bytes[i] - 0x80] : bytes[i]);
}

/* Bytes of the character at s if it is UTF-8, else 0. What is decoded more strictly later on
 * (names) need not be so here. */
static size_t character_size(const unsigned char *s, size_t left) {
    const size_t n = s[0] < 0x80   ? 1
                     : s[0] < 0xc2 ? 0
                     : s[0] < 0xe0 ? 2
                     : s[0] < 0xf0 ? 3
                     : s[0] < 0xf5 ? 4
                                   : 0;
    if (n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return n;
}

static bool is_utf8(const unsigned char *bytes, size_t n) {
    for (size_t i = 0, size; i < n; i += size)
        if ((size = character_size(bytes + i, n - i)) == 0) return false;
    return true;
}

static ec_status decode(ec_table_text *out, const char *path, const char *bytes, size_t n,
                        ec_error *err) {
    const unsigned char *b = (const unsigned char *)bytes;
    const bool little = n >= 2 && ((b[0] == 0xff && b[1] == 0xfe) || (b[0] != 0 && b[1] == 0)),
               big = n >= 2 && ((b[0] == 0xfe && b[1] == 0xff) || (b[0] == 0 && b[1] != 0));
    ec_status status = EC_OK;
    if (n >= 4 && memcmp(b, "PK\3\4", 4) == 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: a workbook or another archive, not a table of text; save the sheet as "
                       "CSV",
                       path);
    if (little || big) {
        out->converted = "UTF-16";
        status = from_utf16(&out->text, path, b, n, big, err);
    } else if (is_utf8(b, n)) {
        const size_t mark = n >= 3 && memcmp(b, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        ec_text_add_bytes(&out->text, bytes + mark, n - mark);
    } else {
        out->converted = "Windows-1252";
        from_windows(&out->text, b, n);
    }
    if (status == EC_OK && out->text.failed) status = ec_no_memory(path, err);
    return status;
}

/* ---- separators --------------------------------------------------------------------------- */

static const char separators[] = {',', ';', '\t', '|'};

/* The separator behind the first field, where that is a word or in quotes; else 0. */
static char separator_behind_first(const char *line, size_t n) {
    size_t i = 0;
    if (n > 0 && line[0] == '"') {
        for (i = 1; i < n && line[i] != '"'; i++) continue;
        i++;
    } else {
        while (i < n && (isalnum((unsigned char)line[i]) || line[i] == '_' || line[i] == ' ')) i++;
    }
    if (i == 0 || i >= n) return 0;
    return memchr(separators, line[i], sizeof separators) != NULL ? line[i] : 0;
}

/* The most frequent one outside quotes. */
static char most_frequent(const char *line, size_t n) {
    size_t counts[sizeof separators] = {0};
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (line[i] == '"') quoted = !quoted;
        const char *found = quoted ? NULL : memchr(separators, line[i], sizeof separators);
        if (found != NULL) counts[found - separators]++;
    }
    size_t best = 0;
    for (size_t k = 1; k < sizeof separators; k++)
        if (counts[k] > counts[best]) best = k;
    return separators[best];
}

/* Excel's first line "sep=;" says it, and is no part of the table. */
static bool declared_separator(ec_table_text *table) {
    const char *line = table->at;
    const size_t quote = table->size_bytes > 0 && line[0] == '"';
    if (table->size_bytes < quote + 5 || strncasecmp(line + quote, "sep=", 4) != 0) return false;
    size_t end = quote + 5;
    if (quote && end < table->size_bytes && line[end] == '"') end++;
    if (end < table->size_bytes && line[end] == '\r') end++;
    if (end < table->size_bytes && line[end] != '\n') return false;
    if (memchr(separators, line[quote + 4], sizeof separators) == NULL) return false;
    table->separator = line[quote + 4];
    if (end < table->size_bytes) end++;
    table->at += end;
    table->size_bytes -= end;
    table->first_line = 2;
    return true;
}

/* Old Macintosh files have a carriage return alone at the end of each line. */
static void end_lines(ec_text *text) {
    if (text->data == NULL || memchr(text->data, '\n', text->size_bytes) != NULL) return;
    for (size_t i = 0; i < text->size_bytes; i++)
        if (text->data[i] == '\r') text->data[i] = '\n';
}

ec_status ec_table_text_init(ec_table_text *out, const char *path, const char *bytes,
                             size_t size_bytes, ec_error *err) {
    *out = (ec_table_text){.first_line = 1};
    const ec_status status = decode(out, path, bytes, size_bytes, err);
    if (status != EC_OK) {
        ec_table_text_release(out);
        return status;
    }
    end_lines(&out->text);
    out->at = out->text.data != NULL ? out->text.data : "";
    out->size_bytes = out->text.size_bytes;
    if (declared_separator(out)) return EC_OK;
    const char *end = memchr(out->at, '\n', out->size_bytes);
    const size_t n = end != NULL ? (size_t)(end - out->at) : out->size_bytes;
    out->separator = separator_behind_first(out->at, n);
    if (out->separator == 0) out->separator = most_frequent(out->at, n);
    return EC_OK;
}

void ec_table_text_release(ec_table_text *table) {
    ec_text_release(&table->text);
    *table = (ec_table_text){0};
}

/* ---- cells -------------------------------------------------------------------------------- */

size_t ec_blank_size(const char *text) {
    static const char *const wide[] = {"\xc2\xa0",     "\xe2\x80\xaf", "\xe2\x80\x87",
                                       "\xe2\x80\x89", "\xe3\x80\x80", "\xef\xbb\xbf"};
    if (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') return 1;
    if ((unsigned char)*text < 0x80) return 0; /* most are, of a large table */
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0) return strlen(wide[i]);
    return 0;
}

char *ec_cell_trim(char *text) {
    for (size_t n; (n = ec_blank_size(text)) > 0;) text += n;
    char *end = text; /* behind the last character that is no blank */
    for (char *c = text; *c != '\0';) {
        const size_t n = ec_blank_size(c);
        c += n > 0 ? n : 1;
        if (n == 0) end = c;
    }
    *end = '\0';
    return text;
}

bool ec_cell_is_missing(const char *text, const char *const *missing, size_t n) {
    static const char *const words[] = {
        "",     "-",    "--",  "---",  "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x88\x92", "?",
        ".",    "n/a",  "na",  "n.a.", "#n/a",         "#n/a n/a",     "#na",          "nan",
        "-nan", "null", "nil", "none", "<na>",         "n/d",          "nd",           "missing"};
    const bool is_word = !isdigit((unsigned char)*text); /* all of these */
    for (size_t i = 0; is_word && i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0) return true;
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, missing[i]) == 0) return true;
    return false;
}

enum { MAX_NUMBER = 64 };

/* The number without blanks and percent sign, its minus and apostrophes as in ASCII; blanks and
 * apostrophes that set off digits become '_'. False where it is too long or holds other signs. */
static bool plain_number(char plain[MAX_NUMBER], bool *percent, const char *text) {
    static const struct {
        const char *from;
        char to;
    } signs[] = {{"\xe2\x88\x92", '-'}, {"\xe2\x80\x99", '_'}, {"'", '_'}, {"\xef\xbc\x85", '%'}};
    size_t n = 0;
    *percent = false;
    for (size_t size; (size = ec_blank_size(text)) > 0;) text += size;
    while (*text != '\0') {
        size_t size = ec_blank_size(text);
        char c = size > 0 ? '_' : *text;
        if (size == 0) size = 1;
        const bool is_ascii = (unsigned char)*text < 0x80 && *text != '\'';
        for (size_t i = 0; !is_ascii && i < sizeof signs / sizeof *signs; i++)
            if (strncmp(text, signs[i].from, strlen(signs[i].from)) == 0) {
                c = signs[i].to;
                size = strlen(signs[i].from);
            }
        if (*percent && c != '_') return false; /* something behind the percent sign */
        if (c == '%')
            *percent = true;
        else if (strchr("+-.,0123456789eE_", c) == NULL || n + 1 == MAX_NUMBER)
            return false;
        else
            plain[n++] = c;
        text += size;
    }
    while (n > 0 && plain[n - 1] == '_') n--;
    plain[n] = '\0';
    return strpbrk(plain, "0123456789") != NULL;
}

/* A number that went wrong, rather than a word that begins so. */
static bool is_infinity(const char *text) {
    if (*text == '-' || *text == '+') text++;
    return strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0;
}

bool ec_cell_is_number(const char *text) {
    char plain[MAX_NUMBER];
    bool percent;
    if (is_infinity(text)) return true;
    if (!plain_number(plain, &percent, text)) return false;
    double unused;
    return ec_cell_read(&unused, &percent, text, EC_DECIMAL_POINT) != EC_NUMBER_GARBAGE ||
           ec_cell_read(&unused, &percent, text, EC_DECIMAL_COMMA) != EC_NUMBER_GARBAGE;
}

/* Whether text[0 .. n) is digits in groups of three behind `sign`: 1,502 or 12,345,678. */
static bool is_grouped(const char *text, size_t n, char sign) {
    size_t first = 0;
    while (first < n && isdigit((unsigned char)text[first])) first++;
    if (first == 0 || first > 3 || first == n) return false;
    for (size_t i = first; i < n; i += 4) {
        if (text[i] != sign || n - i < 4) return false;
        for (size_t k = 1; k <= 3; k++)
            if (!isdigit((unsigned char)text[i + k])) return false;
    }
    return true;
}

ec_decimal_evidence ec_cell_evidence(const char *text) {
    char plain[MAX_NUMBER];
    bool percent;
    if (!plain_number(plain, &percent, text)) return EC_DECIMAL_NO_EVIDENCE;
    const char *digits = plain + (*plain == '-' || *plain == '+');
    const char *point = strchr(digits, '.'), *comma = strchr(digits, ',');
    if (point == NULL && comma == NULL) return EC_DECIMAL_NO_EVIDENCE;
    if (point != NULL && comma != NULL)
        return strrchr(digits, '.') > strrchr(digits, ',') ? EC_DECIMAL_POINT_SURE
                                                           : EC_DECIMAL_COMMA_SURE;
    const bool is_comma = comma != NULL;
    const char sign = is_comma ? ',' : '.';
    const bool several = strrchr(digits, sign) != strchr(digits, sign);
    if (!is_grouped(digits, strlen(digits), sign) || *digits == '0')
        return is_comma ? EC_DECIMAL_COMMA_SURE : EC_DECIMAL_POINT_SURE;
    if (several) return is_comma ? EC_DECIMAL_POINT_SURE : EC_DECIMAL_COMMA_SURE;
    return is_comma ? EC_DECIMAL_EITHER_COMMA : EC_DECIMAL_EITHER_POINT;
}

/* Takes the signs between groups of three digits out of what stands before the decimal sign. */
static bool join_groups(char *number, char decimal) {
    char *digits = number + (*number == '-' || *number == '+');
    const size_t n = strcspn(digits, decimal == ',' ? ",eE" : ".eE");
    const char group = decimal == ',' ? '.' : ',';
    const char sign = memchr(digits, '_', n) != NULL ? '_' : group;
    if (memchr(digits, sign, n) != NULL) {
        if (!is_grouped(digits, n, sign)) return false;
        size_t to = 0;
        for (size_t i = 0; digits[i] != '\0'; i++)
            if (i >= n || digits[i] != sign) digits[to++] = digits[i];
        digits[to] = '\0';
    }
    return strpbrk(digits, decimal == ',' ? "._" : ",_") == NULL;
}

ec_number_fault ec_cell_read(double *out, bool *percent, const char *text, ec_decimal decimal) {
    char plain[MAX_NUMBER];
    double value;
    *percent = false;
    const ec_number_fault simple = ec_number_read(&value, text);
    /* What programs write is read as ever; 1.502 is a number of thousands where commas are decimal.
     */
    if (simple == EC_NUMBER_EMPTY || simple == EC_NUMBER_NOT_FINITE) return simple;
    if (decimal != EC_DECIMAL_COMMA && simple != EC_NUMBER_GARBAGE) {
        if (simple == EC_NUMBER_OK) *out = value;
        return simple;
    }
    if (!plain_number(plain, percent, text)) return EC_NUMBER_GARBAGE;
    if (!join_groups(plain, decimal == EC_DECIMAL_COMMA ? ',' : '.')) return EC_NUMBER_GARBAGE;
    char *comma = strchr(plain, ',');
    if (comma != NULL) *comma = '.';
    return ec_number_read(out, plain);
}
