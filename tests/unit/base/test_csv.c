/* The promises of base/csv.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"

/* All records as "line:field|field;" for one comparison; "error: message" when reading fails. */
static char *read_all(const char *bytes, size_t size_bytes) {
    ec_csv csv;
    ec_error err;
    ec_text seen = {0};
    ec_csv_init(&csv, "t.csv", bytes, size_bytes);
    for (bool more = true; more;) {
        if (ec_csv_next(&csv, &more, &err) != EC_OK) {
            assert_false(more);
            seen.size_bytes = 0;
            ec_text_format(&seen, "error: %s", err.message);
        }
        if (!more) break;
        ec_text_format(&seen, "%zu:", csv.line);
        for (size_t i = 0; i < csv.n_fields; i++)
            ec_text_format(&seen, "%s%s", csv.fields[i], i + 1 < csv.n_fields ? "|" : ";");
    }
    ec_text_add(&seen, "");
    ec_csv_release(&csv);
    return seen.data;
}

static void assert_reads(const char *text, const char *expected) {
    char *seen = read_all(text, strlen(text));
    assert_string_equal(seen, expected);
    free(seen);
}

static void assert_refuses(const char *text, const char *message_part) {
    char *seen = read_all(text, strlen(text));
    assert_non_null(strstr(seen, "error: t.csv:"));
    assert_non_null(strstr(seen, message_part));
    free(seen);
}

static void records_fields_and_line_numbers_follow_rfc_4180(void **state) {
    (void)state;
    assert_reads("a,b\nc,d\n", "1:a|b;2:c|d;");
    assert_reads("a,b\r\nc,d", "1:a|b;2:c|d;");
    assert_reads(",\n,,\n", "1:|;2:||;");
    assert_reads("\"a,1\",\"say \"\"hi\"\"\"\nx,\"\"\n", "1:a,1|say \"hi\";2:x|;");
    assert_reads("\"two\nlines\",b\nc,d\n", "1:two\nlines|b;3:c|d;");
    assert_reads(" a , b\n", "1: a | b;"); /* blanks belong to the field */
}

static void a_byte_order_mark_and_empty_lines_at_the_end_are_skipped(void **state) {
    (void)state;
    assert_reads("\xef\xbb\xbf"
                 "a,b\n",
                 "1:a|b;");
    assert_reads("a\nb\n\n\r\n\n", "1:a;2:b;");
    assert_reads("a\n\nb\n", "1:a;2:;3:b;"); /* in the middle it is a record of one empty field */
    assert_reads("", "");
    assert_reads("\n\n", "");
}

static void what_the_rfc_forbids_is_refused_with_its_line(void **state) {
    (void)state;
    assert_refuses("a\nb\"c\n", "t.csv:2: a quote inside a field");
    assert_refuses("a\n\"b\"c\n", "t.csv:2: text after a closing quote");
    assert_refuses("a\nx,\"b\nc\nd", "t.csv:2: a quote opened here is never closed");
    assert_refuses("a\rb\n", "t.csv:1: a carriage return");
    char *seen = read_all("a\nb\0c\n", 6);
    assert_non_null(strstr(seen, "t.csv:2: a zero byte"));
    free(seen);
    seen = read_all("a\n\"b\0c\"\n", 8);
    assert_non_null(strstr(seen, "t.csv:2: a zero byte"));
    free(seen);
}

static void too_many_and_too_long_fields_are_refused(void **state) {
    (void)state;
    char *commas = malloc(EC_CSV_MAX_FIELDS + 1);
    memset(commas, ',', EC_CSV_MAX_FIELDS);
    commas[EC_CSV_MAX_FIELDS] = '\0';
    assert_refuses(commas, "more than 4096 fields");
    commas[EC_CSV_MAX_FIELDS - 1] = '\0';
    char *seen = read_all(commas, strlen(commas));
    assert_null(strstr(seen, "error"));
    free(seen);
    free(commas);

    char *letters = malloc(EC_CSV_MAX_FIELD_BYTES + 2);
    memset(letters, 'x', EC_CSV_MAX_FIELD_BYTES + 1);
    letters[EC_CSV_MAX_FIELD_BYTES + 1] = '\0';
    assert_refuses(letters, "field 1 is longer than 65536 bytes");
    free(letters);
}

static void written_fields_read_back(void **state) {
    (void)state;
    const char *const fields[] = {"plain", "", "a,b", "say \"hi\"", "two\nlines", "\"", "cr\r\nlf"};
    const size_t n = sizeof fields / sizeof fields[0];
    ec_text text = {0};
    for (size_t i = 0; i < n; i++) {
        if (i > 0) ec_text_add(&text, ",");
        ec_csv_write_field(&text, fields[i]);
    }
    ec_csv csv;
    bool more;
    ec_csv_init(&csv, "t.csv", text.data, text.size_bytes);
    assert_int_equal(ec_csv_next(&csv, &more, NULL), EC_OK);
    assert_true(more);
    assert_int_equal(csv.n_fields, n);
    for (size_t i = 0; i < n; i++) assert_string_equal(csv.fields[i], fields[i]);
    ec_csv_release(&csv);
    ec_text_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_fields_and_line_numbers_follow_rfc_4180),
        cmocka_unit_test(a_byte_order_mark_and_empty_lines_at_the_end_are_skipped),
        cmocka_unit_test(what_the_rfc_forbids_is_refused_with_its_line),
        cmocka_unit_test(too_many_and_too_long_fields_are_refused),
        cmocka_unit_test(written_fields_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
