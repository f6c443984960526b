/* csv.h - comma-separated values, RFC 4180, record by record; other separators on request
 *
 *     file   = record *(line-break record) [line-break]
 *     field  = plain | "\"" anything, with "" for a quote "\""
 *
 * Line breaks are CRLF or LF. A UTF-8 byte order mark at the start and empty lines at the end are
 * skipped. Everything else that the RFC does not allow is an error that names the line: a quote
 * inside a plain field, text after a closing quote, an open quote at the end, a lone CR, a zero
 * byte.
 */
#ifndef EC_BASE_CSV_H
#define EC_BASE_CSV_H

#include "base/text.h"

#define EC_CSV_MAX_FIELDS 4096
#define EC_CSV_MAX_FIELD_BYTES 65536

typedef struct ec_csv {
    const char *path;     /* for messages; borrowed */
    const char *at, *end; /* what is left to read; borrowed */
    char separator;       /* between fields; ',' after ec_csv_init, may be changed then */
    size_t next_line;     /* line number at `at`, from 1 */
    size_t line;          /* line on which the current record begins */
    const char **fields;  /* [n_fields], terminated strings, valid until the next call */
    size_t n_fields, field_capacity;
    ec_text record; /* the bytes of the fields */
} ec_csv;

/* Starts reading size_bytes bytes, which are borrowed until ec_csv_release(). */
void ec_csv_init(ec_csv *csv, const char *path, const char *bytes, size_t size_bytes);
void ec_csv_release(ec_csv *csv);

/* Reads the next record into csv->fields; *more is false at the end of the file (no record then).
 * Errors: EC_ERR_FORMAT "path:line: …", EC_ERR_NOMEM. */
ec_status ec_csv_next(ec_csv *csv, bool *more, ec_error *err);

/* Adds one field to a record being written, quoted where it must be. */
void ec_csv_write_field(ec_text *out, const char *field);

#endif
