/* table_text.h - tables as spreadsheets write them: encodings, separators, numbers
 *
 *     UTF-8, UTF-16 with or without a mark, else Windows-1252    into UTF-8
 *     "sep=;" of Excel, else the separator behind the name of the first column, else the most
 *     frequent one of the first line                             , ; tab |
 *     0.82  0,82  1,502.7  1.502,7  1 502,7  1'502.7  64.2 %     one decimal sign for a whole table
 *     empty, N/A, NaN, -, #N/A, null, None, …                    missing
 */
#ifndef EC_SHEET_TABLE_TEXT_H
#define EC_SHEET_TABLE_TEXT_H

#include "base/number.h"
#include "base/text.h"
#include "eyechart/sheet.h"

/* What a table was read as. */
typedef struct ec_table_text {
    ec_text text;      /* UTF-8, without a byte order mark; released by ec_table_text_release() */
    const char *at;    /* where the first line of the table begins in it */
    size_t size_bytes; /* from there */
    size_t first_line; /* its number in the file: 2 behind Excel's "sep=;" */
    char separator;    /* between fields */
    const char *converted; /* the encoding it was in; NULL: UTF-8. Static */
} ec_table_text;

/* Decodes a file. Errors: EC_ERR_FORMAT with `path`, EC_ERR_NOMEM. */
ec_status ec_table_text_init(ec_table_text *out, const char *path, const char *bytes,
                             size_t size_bytes, ec_error *err);
void ec_table_text_release(ec_table_text *table);

/* Bytes of the blank that a text begins with, one of Unicode or a byte order mark too; 0: none. */
size_t ec_blank_size(const char *text);

/* Cuts blanks off both ends in place, those of Unicode (no-break, thin, ideographic) and a byte
 * order mark too. */
char *ec_cell_trim(char *text);

/* Whether a cell stands for a number that is not known: one of the usual words, or of missing[0 ..
 * n). */
bool ec_cell_is_missing(const char *text, const char *const *missing, size_t n);

/* Whether a cell is written like a number, whatever its decimal sign. */
bool ec_cell_is_number(const char *text);

/* What the signs of a number say about the decimal sign of its table. */
typedef enum ec_decimal_evidence {
    EC_DECIMAL_NO_EVIDENCE,  /* 1502, abc */
    EC_DECIMAL_POINT_SURE,   /* 0.82, 1,502.7 */
    EC_DECIMAL_COMMA_SURE,   /* 0,82, 1.502,7 */
    EC_DECIMAL_EITHER_COMMA, /* 1,502: one and a half, or fifteen hundred */
    EC_DECIMAL_EITHER_POINT  /* 1.502: likewise, but a point is what programs write */
} ec_decimal_evidence;
ec_decimal_evidence ec_cell_evidence(const char *text);

/* Reads a number with that decimal sign; groups of three digits may be set off by the other one, a
 * blank or an apostrophe, and a percent sign may stand behind it (*percent). *out is left alone on
 * a fault. */
ec_number_fault ec_cell_read(double *out, bool *percent, const char *text, ec_decimal decimal);

#endif
