/* The promises of study/table_text.h and study/headings.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sheet/headings.h"
#include "sheet/table_text.h"

static void assert_decodes(const char *bytes, size_t size, const char *expected, char separator,
                           const char *converted) {
    ec_table_text table;
    ec_error err;
    if (ec_table_text_init(&table, "t.csv", bytes, size, &err) != EC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(table.size_bytes, strlen(expected));
    assert_memory_equal(table.at, expected, table.size_bytes);
    if (table.separator != separator) fail_msg("'%c' of %s", table.separator, expected);
    if (converted == NULL)
        assert_null(table.converted);
    else
        assert_string_equal(table.converted, converted);
    ec_table_text_release(&table);
}
#define DECODES(bytes, ...) assert_decodes(bytes, sizeof bytes - 1, __VA_ARGS__)

static void encodings_are_told_by_their_bytes(void **state) {
    (void)state;
    DECODES("a,b\n", "a,b\n", ',', NULL);
    DECODES("\xef\xbb\xbf"
            "a,b\n",
            "a,b\n", ',', NULL);
    DECODES("\xff\xfe"
            "a\0,\0\xe9\0",
            "a,\xc3\xa9", ',', "UTF-16");
    DECODES("\xfe\xff\0a\0;\0b", "a;b", ';', "UTF-16");
    DECODES("a\0,\0b\0", "a,b", ',', "UTF-16");
    DECODES("\0a\0,", "a,", ',', "UTF-16");
    DECODES("\xff\xfe\x3d\xd8\x00\xde", "\xf0\x9f\x98\x80", ',', "UTF-16"); /* a pair */
    DECODES("\xff\xfe\x3d\xd8", "\xef\xbf\xbd", ',', "UTF-16");             /* half of one */
    DECODES("mod\xe8le;A\n", "mod\xc3\xa8le;A\n", ';', "Windows-1252");
    DECODES("\x80;A", "\xe2\x82\xac;A", ';', "Windows-1252");
    DECODES("", "", ',', NULL);
    DECODES("a,b\rc,d\r", "a,b\nc,d\n", ',', NULL); /* old Macintosh */
    DECODES("a,b\r\n", "a,b\r\n", ',', NULL);
    ec_table_text table;
    ec_error err;
    assert_int_equal(ec_table_text_init(&table, "t",
                                        "\xff\xfe"
                                        "a",
                                        3, &err),
                     EC_ERR_FORMAT);
    assert_int_equal(ec_table_text_init(&table, "t.xlsx", "PK\3\4..", 6, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "save the sheet as CSV"));
}

static void the_separator_is_the_one_behind_the_first_name(void **state) {
    (void)state;
    DECODES("candidate;A, of all;b,c,d\n", "candidate;A, of all;b,c,d\n", ';', NULL);
    DECODES("candidate,a;b;c;d\n", "candidate,a;b;c;d\n", ',', NULL);
    DECODES("\"vision encoder\"\tA\n", "\"vision encoder\"\tA\n", '\t', NULL);
    DECODES(",A,C\n", ",A,C\n", ',', NULL);
    DECODES(";A;C\n", ";A;C\n", ';', NULL);
    DECODES("m\xc3\xb6"
            "del;A;\"x,y,z,w\"\n",
            "m\xc3\xb6"
            "del;A;\"x,y,z,w\"\n",
            ';', NULL);
    DECODES("candidate\nx\n", "candidate\nx\n", ',', NULL);
    DECODES("sep=;\r\ncandidate;A\n", "candidate;A\n", ';', NULL);
    DECODES("\"sep=\t\"\ncandidate,A\n", "candidate,A\n", '\t', NULL);
    DECODES("sep=", "sep=", ',', NULL);
    DECODES("separate,A\n", "separate,A\n", ',', NULL);
}

static void assert_number(const char *text, ec_decimal decimal, double expected, bool percent) {
    double value = -7.0;
    bool is_percent;
    const ec_number_fault fault = ec_cell_read(&value, &is_percent, text, decimal);
    if (fault != EC_NUMBER_OK || value != expected || is_percent != percent)
        fail_msg("'%s' is %g (%d, %d), expected %g", text, value, fault, is_percent, expected);
}

static void numbers_are_read_as_people_write_them(void **state) {
    (void)state;
    assert_number("0.82", EC_DECIMAL_POINT, 0.82, false);
    assert_number("1e-3", EC_DECIMAL_POINT, 1e-3, false);
    assert_number("1,502.7", EC_DECIMAL_POINT, 1502.7, false);
    assert_number("12,345,678", EC_DECIMAL_POINT, 12345678.0, false);
    assert_number("64.2%", EC_DECIMAL_POINT, 64.2, true);
    assert_number(" 64.2 % ", EC_DECIMAL_POINT, 64.2, true);
    assert_number("0,82", EC_DECIMAL_COMMA, 0.82, false);
    assert_number("1.502,7", EC_DECIMAL_COMMA, 1502.7, false);
    assert_number("1.502", EC_DECIMAL_COMMA, 1502.0, false);
    assert_number("-1,9", EC_DECIMAL_COMMA, -1.9, false);
    assert_number("1,5e3", EC_DECIMAL_COMMA, 1500.0, false);
    assert_number("1\xc2\xa0"
                  "502,7\xc2\xa0%",
                  EC_DECIMAL_COMMA, 1502.7, true);
    assert_number("1\xe2\x80\xaf"
                  "502,7",
                  EC_DECIMAL_COMMA, 1502.7, false);
    assert_number("1'502.7", EC_DECIMAL_POINT, 1502.7, false);
    assert_number("1\xe2\x80\x99"
                  "502.7",
                  EC_DECIMAL_POINT, 1502.7, false);
    assert_number("\xe2\x88\x92"
                  "1.9",
                  EC_DECIMAL_POINT, -1.9, false);
}

static void what_is_no_number_is_not_made_one(void **state) {
    (void)state;
    static const char *const wrong[] = {"1,50",   "1,5022", "12,34,567", "1.2.3", "1,502,7.5",
                                        "abc",    "%",      "6%4",       "1 50",  "0x10",
                                        "64.2 m", "--1",    ","};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double value = -7.0;
        bool percent;
        if (ec_cell_read(&value, &percent, wrong[i], EC_DECIMAL_POINT) == EC_NUMBER_OK)
            fail_msg("'%s' is taken for %g", wrong[i], value);
        assert_true(value == -7.0);
    }
    double value = -7.0;
    bool percent;
    assert_int_equal(ec_cell_read(&value, &percent, "14.30", EC_DECIMAL_COMMA), EC_NUMBER_GARBAGE);
    assert_true(value == -7.0);
    assert_int_equal(ec_cell_read(&value, &percent, "inf", EC_DECIMAL_POINT), EC_NUMBER_NOT_FINITE);
    assert_true(ec_cell_is_number("1.502,7") && ec_cell_is_number("1,502.7"));
    assert_true(ec_cell_is_number("12") && ec_cell_is_number("-.5") && ec_cell_is_number("64%"));
    assert_false(ec_cell_is_number("2024-01-01") || ec_cell_is_number("ViT-L") ||
                 ec_cell_is_number("") || ec_cell_is_number("e") || ec_cell_is_number("224x224"));
}

static void the_signs_of_a_number_tell_its_decimal_sign(void **state) {
    (void)state;
    assert_int_equal(ec_cell_evidence("0.820"), EC_DECIMAL_POINT_SURE);
    assert_int_equal(ec_cell_evidence("14.3"), EC_DECIMAL_POINT_SURE);
    assert_int_equal(ec_cell_evidence("1.5020"), EC_DECIMAL_POINT_SURE);
    assert_int_equal(ec_cell_evidence("1,502.7"), EC_DECIMAL_POINT_SURE);
    assert_int_equal(ec_cell_evidence("1,502,700"), EC_DECIMAL_POINT_SURE);
    assert_int_equal(ec_cell_evidence("0,820"), EC_DECIMAL_COMMA_SURE);
    assert_int_equal(ec_cell_evidence("14,3"), EC_DECIMAL_COMMA_SURE);
    assert_int_equal(ec_cell_evidence("1.502,7"), EC_DECIMAL_COMMA_SURE);
    assert_int_equal(ec_cell_evidence("1.502.700"), EC_DECIMAL_COMMA_SURE);
    assert_int_equal(ec_cell_evidence("-64,2 %"), EC_DECIMAL_COMMA_SURE);
    assert_int_equal(ec_cell_evidence("1,502"), EC_DECIMAL_EITHER_COMMA);
    assert_int_equal(ec_cell_evidence("1.502"), EC_DECIMAL_EITHER_POINT);
    assert_int_equal(ec_cell_evidence("1502"), EC_DECIMAL_NO_EVIDENCE);
    assert_int_equal(ec_cell_evidence("ViT, large"), EC_DECIMAL_NO_EVIDENCE);
}

static void words_for_a_missing_number_are_known(void **state) {
    (void)state;
    static const char *const words[] = {"",     "N/A",  "n/a",  "NaN",         "-",
                                        "#N/A", "null", "None", "\xe2\x80\x94"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_true(ec_cell_is_missing(words[i], NULL, 0));
    static const char *const own[] = {"tbd"};
    assert_false(ec_cell_is_missing("tbd", NULL, 0) || ec_cell_is_missing("0", NULL, 0) ||
                 ec_cell_is_missing("inf", NULL, 0) || ec_cell_is_missing("#DIV/0!", NULL, 0));
    assert_true(ec_cell_is_missing("tbd", own, 1));
}

static void blanks_are_cut_off_both_ends(void **state) {
    (void)state;
    char text[] = "\xc2\xa0 CLIP\xc2\xa0@ 336\xe3\x80\x80\t";
    assert_string_equal(ec_cell_trim(text), "CLIP\xc2\xa0@ 336");
    char blank[] = " \xc2\xa0 ";
    assert_string_equal(ec_cell_trim(blank), "");
}

/* ---- headings ------------------------------------------------------------------------------- */

static ec_heading_kind kind_of(const char *text) {
    ec_heading heading;
    assert_true(ec_headings_read(&heading, &text, 1));
    const ec_heading_kind kind = heading.kind;
    ec_heading_release(&heading);
    return kind;
}

static void words_for_the_scores_are_known(void **state) {
    (void)state;
    static const char *const a[] = {"A",
                                    "a",
                                    "A score",
                                    "A_score",
                                    "Alignment",
                                    "alignment score",
                                    "A (alignment)",
                                    "A score (cos)"};
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        if (kind_of(a[i]) != EC_HEADING_A) fail_msg("%s", a[i]);
    assert_int_equal(kind_of("C score"), EC_HEADING_C);
    assert_int_equal(kind_of("C (PCK@0.10)"), EC_HEADING_C);
    assert_int_equal(kind_of("Correspondence"), EC_HEADING_C);
    assert_int_equal(kind_of("A_se"), EC_HEADING_A_SE);
    assert_int_equal(kind_of("Cost (GPU-hours)"), EC_HEADING_COST);
    assert_int_equal(kind_of("Vision Encoder"), EC_HEADING_CANDIDATE);
    assert_int_equal(kind_of("A MME"), EC_HEADING_OWN_A);
    assert_int_equal(kind_of("result name"), EC_HEADING_RESULT);
}

static void words_for_no_results_are_known(void **state) {
    (void)state;
    static const char *const none[] = {"params (M)",
                                       "#Params",
                                       "Parameters",
                                       "GFLOPs",
                                       "FLOPs (G)",
                                       "resolution",
                                       "Image size",
                                       "epochs",
                                       "lr",
                                       "learning rate",
                                       "date",
                                       "URL",
                                       "Patch size",
                                       "batch_size",
                                       "throughput (img/s)",
                                       "GPU hours",
                                       "year",
                                       "params\xc2\xa0(M)",
                                       "params\n(M)",
                                       "Model size (GB)",
                                       "n_tokens",
                                       "seed"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (kind_of(none[i]) != EC_HEADING_NO_RESULT) fail_msg("%s", none[i]);
    static const char *const benchmarks[] = {
        "MMBench",     "MME",       "SEED-Bench", "TextVQA",   "MMMU",       "Image QA",
        "VQA v2",      "POPE (F1)", "AI2D",       "OCRBench",  "average",    "ImageNet-1k",
        "ADE20k mIoU", "kNN",       "MM-Vet",     "3DSRBench", "RealWorldQA"};
    for (size_t i = 0; i < sizeof benchmarks / sizeof *benchmarks; i++)
        if (kind_of(benchmarks[i]) != EC_HEADING_OTHER) fail_msg("%s", benchmarks[i]);
}

/* "A score" is A, unless "score" is a benchmark; of two columns for C the plain one is. */
static void headings_are_read_together(void **state) {
    (void)state;
    static const char *const texts[] = {"name",     "A score", "score",          "A_MME", "MME",
                                        "A (POPE)", "POPE",    "correspondence", "C",     "model"};
    enum { N = sizeof texts / sizeof *texts };
    static const ec_heading_kind kinds[N] = {
        EC_HEADING_CANDIDATE, EC_HEADING_OWN_A, EC_HEADING_OTHER, EC_HEADING_OWN_A,
        EC_HEADING_OTHER,     EC_HEADING_OWN_A, EC_HEADING_OTHER, EC_HEADING_OTHER,
        EC_HEADING_C,         EC_HEADING_OTHER};
    ec_heading heads[N];
    assert_true(ec_headings_read(heads, texts, N));
    for (size_t i = 0; i < N; i++)
        if (heads[i].kind != kinds[i]) fail_msg("%s: %d", texts[i], heads[i].kind);
    assert_string_equal(heads[1].rest, "score");
    assert_string_equal(heads[3].rest, "MME");
    assert_string_equal(heads[5].rest, "POPE");
    for (size_t i = 0; i < N; i++) ec_heading_release(&heads[i]);
}

/* The language model is the same in every row. */
static void the_encoder_is_the_candidate_rather_than_the_model(void **state) {
    (void)state;
    static const char *const texts[] = {"Model", "Vision Encoder", "MME"};
    ec_heading heads[3];
    assert_true(ec_headings_read(heads, texts, 3));
    assert_int_equal(heads[0].kind, EC_HEADING_OTHER);
    assert_int_equal(heads[1].kind, EC_HEADING_CANDIDATE);
    for (size_t i = 0; i < 3; i++) ec_heading_release(&heads[i]);
}

static void a_heading_becomes_the_name_of_a_column(void **state) {
    (void)state;
    char name[64];
    ec_heading_column_name(name, sizeof name, "params (M)");
    assert_string_equal(name, "params_M");
    ec_heading_column_name(name, sizeof name, "#Params");
    assert_string_equal(name, "Params");
    ec_heading_column_name(name, sizeof name, "\xe5\xb9\xb4");
    assert_string_equal(name, "");
    assert_true(ec_heading_needs_word("resolution") && ec_heading_needs_word("result x"));
    assert_false(ec_heading_needs_word("MME"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_are_told_by_their_bytes),
        cmocka_unit_test(the_separator_is_the_one_behind_the_first_name),
        cmocka_unit_test(numbers_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_number_is_not_made_one),
        cmocka_unit_test(the_signs_of_a_number_tell_its_decimal_sign),
        cmocka_unit_test(words_for_a_missing_number_are_known),
        cmocka_unit_test(blanks_are_cut_off_both_ends),
        cmocka_unit_test(words_for_the_scores_are_known),
        cmocka_unit_test(words_for_no_results_are_known),
        cmocka_unit_test(headings_are_read_together),
        cmocka_unit_test(the_encoder_is_the_candidate_rather_than_the_model),
        cmocka_unit_test(a_heading_becomes_the_name_of_a_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
