/* csv.c - see csv.h */
#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void ec_csv_init(ec_csv *csv, const char *path, const char *bytes, size_t size_bytes) {
    *csv = (ec_csv){
        .path = path, .at = bytes, .end = bytes + size_bytes, .separator = ',', .next_line = 1};
    if (size_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) csv->at += 3;
}

void ec_csv_release(ec_csv *csv) {
    free(csv->fields);
    ec_text_release(&csv->record);
    *csv = (ec_csv){0};
}

/* Bytes of the line break at csv->at; 0 when there is none. */
static size_t line_break(const ec_csv *csv) {
    if (csv->at == csv->end) return 0;
    if (*csv->at == '\n') return 1;
    return *csv->at == '\r' && csv->end - csv->at >= 2 && csv->at[1] == '\n' ? 2 : 0;
}

static ec_status fail_at(const ec_csv *csv, size_t line, ec_error *err, const char *what) {
    return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: %s", csv->path, line, what);
}

static ec_status read_quoted(ec_csv *csv, ec_error *err) {
    const size_t opened_on = csv->next_line;
    for (csv->at++; csv->at < csv->end; csv->at++) {
        if (*csv->at == '"') {
            if (csv->end - csv->at < 2 || csv->at[1] != '"') {
                csv->at++;
                if (csv->at < csv->end && *csv->at != csv->separator && line_break(csv) == 0)
                    return fail_at(
                        csv, csv->next_line, err,
                        "text after a closing quote; write a quote inside a field twice");
                return EC_OK;
            }
            csv->at++;
        }
        if (*csv->at == '\0')
            return fail_at(csv, csv->next_line, err, "a zero byte: not a text file");
        if (*csv->at == '\n') csv->next_line++;
        ec_text_add_bytes(&csv->record, csv->at, 1);
    }
    return fail_at(csv, opened_on, err,
                   "a quote opened here is never closed; is the file cut short?");
}

static ec_status read_plain(ec_csv *csv, ec_error *err) {
    const char *begin = csv->at;
    for (; csv->at < csv->end && *csv->at != csv->separator && line_break(csv) == 0; csv->at++) {
        if (*csv->at == '"')
            return fail_at(
                csv, csv->next_line, err,
                "a quote inside a field; put the whole field in quotes and write the quote twice");
        if (*csv->at == '\0')
            return fail_at(csv, csv->next_line, err, "a zero byte: not a text file");
        if (*csv->at == '\r')
            return fail_at(csv, csv->next_line, err,
                           "a carriage return without a line feed; end lines with LF or CRLF");
    }
    ec_text_add_bytes(&csv->record, begin, (size_t)(csv->at - begin));
    return EC_OK;
}

/* The offsets of the fields in the record become pointers once the record no longer moves. */
static ec_status add_field(ec_csv *csv, size_t offset, ec_error *err) {
    if (csv->n_fields == EC_CSV_MAX_FIELDS)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: more than %d fields", csv->path, csv->line,
                       EC_CSV_MAX_FIELDS);
    if (csv->record.size_bytes - offset > EC_CSV_MAX_FIELD_BYTES)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: field %zu is longer than %d bytes", csv->path,
                       csv->line, csv->n_fields + 1, EC_CSV_MAX_FIELD_BYTES);
    const char **fields =
        ec_grown(csv->fields, csv->n_fields, &csv->field_capacity, sizeof *fields);
    if (fields == NULL) return ec_no_memory(csv->path, err);
    csv->fields = fields;
    ec_text_add_bytes(&csv->record, "", 1);
    csv->n_fields++;
    return EC_OK;
}

static ec_status read_record(ec_csv *csv, ec_error *err) {
    csv->line = csv->next_line;
    csv->n_fields = 0;
    csv->record.size_bytes = 0;
    for (;;) {
        const size_t offset = csv->record.size_bytes;
        const bool quoted = csv->at < csv->end && *csv->at == '"';
        ec_status status = quoted ? read_quoted(csv, err) : read_plain(csv, err);
        if (status == EC_OK) status = add_field(csv, offset, err);
        if (status != EC_OK) return status;
        if (csv->at == csv->end || *csv->at != csv->separator) break;
        csv->at++;
    }
    if (csv->record.failed) return ec_no_memory(csv->path, err);

    const char *field = csv->record.data;
    for (size_t i = 0; i < csv->n_fields; i++) {
        csv->fields[i] = field;
        field += strlen(field) + 1;
    }
    const size_t skip = line_break(csv);
    csv->at += skip;
    csv->next_line += skip > 0;
    return EC_OK;
}

static bool only_empty_lines_left(const ec_csv *csv) {
    ec_csv rest = *csv;
    for (size_t skip; (skip = line_break(&rest)) > 0;) rest.at += skip;
    return rest.at == rest.end;
}

ec_status ec_csv_next(ec_csv *csv, bool *more, ec_error *err) {
    *more = false;
    if (only_empty_lines_left(csv)) return EC_OK;
    const ec_status status = read_record(csv, err);
    *more = status == EC_OK;
    return status;
}

void ec_csv_write_field(ec_text *out, const char *field) {
    if (strpbrk(field, ",\"\r\n") == NULL) {
        ec_text_add(out, field);
        return;
    }
    ec_text_add_bytes(out, "\"", 1);
    for (; *field != '\0'; field++) {
        if (*field == '"') ec_text_add_bytes(out, "\"", 1);
        ec_text_add_bytes(out, field, 1);
    }
    ec_text_add_bytes(out, "\"", 1);
}
