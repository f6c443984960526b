/* The promises of base/number.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "eyechart/rng.h"

static ec_number_fault fault_of(const char *text) {
    double value = -7.0;
    const ec_number_fault fault = ec_number_read(&value, text);
    if (fault != EC_NUMBER_OK) assert_true(value == -7.0); /* left alone */
    return fault;
}

static void decimal_numbers_are_read(void **state) {
    (void)state;
    const struct {
        const char *text;
        double value;
    } cases[] = {{"12", 12}, {"-.5", -.5}, {"+1e-3", 1e-3}, {" 64.26\t", 64.26}, {"1.E2", 100}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value;
        assert_int_equal(ec_number_read(&value, cases[i].text), EC_NUMBER_OK);
        assert_true(value == cases[i].value);
    }
}

/* What strtod takes and a table of scores must not hold, above all nan and hexadecimal. */
static void everything_else_is_named_by_its_fault(void **state) {
    (void)state;
    assert_int_equal(fault_of(""), EC_NUMBER_EMPTY);
    assert_int_equal(fault_of(" \t"), EC_NUMBER_EMPTY);
    const char *const not_finite[] = {"nan",       "NaN",  "-nan(0x1)", "inf",
                                      "+Infinity", ".nan", "-.inf"};
    for (size_t i = 0; i < sizeof not_finite / sizeof not_finite[0]; i++)
        assert_int_equal(fault_of(not_finite[i]), EC_NUMBER_NOT_FINITE);
    assert_int_equal(fault_of("1e999"), EC_NUMBER_TOO_LARGE);
    const char *const garbage[] = {"abc", "0x1p3", "1,5", "1 2", "1.2.3",
                                   "--1", "e5",    "1e",  ".",   "12%"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
        assert_int_equal(fault_of(garbage[i]), EC_NUMBER_GARBAGE);
}

static void writing_and_reading_gives_the_same_bits(void **state) {
    (void)state;
    double values[2000] = {0.0, -0.0, 0.1, 1.0 / 3.0, DBL_MAX, DBL_MIN, 4.9e-324, 1502.696679};
    ec_rng rng;
    ec_rng_init(&rng, 1, 0);
    for (size_t i = 8; i < 2000; i++) {
        do {
            const uint64_t bits = ec_rng_u64(&rng);
            memcpy(&values[i], &bits, sizeof bits);
        } while (!isfinite(values[i]));
    }
    for (size_t i = 0; i < 2000; i++) {
        char text[EC_NUMBER_SIZE];
        double back;
        ec_number_write(text, values[i]);
        assert_int_equal(ec_number_read(&back, text), EC_NUMBER_OK);
        assert_memory_equal(&back, &values[i], sizeof back);
    }
}

static void what_people_write_comes_back_as_they_wrote_it(void **state) {
    (void)state;
    const char *const texts[] = {"0.1", "64.26", "1502.696679", "-1.97", "35", "1e-05"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double value;
        char text[EC_NUMBER_SIZE];
        assert_int_equal(ec_number_read(&value, texts[i]), EC_NUMBER_OK);
        ec_number_write(text, value);
        assert_string_equal(text, texts[i]);
    }
}

/* A program around the library may have set a locale that writes 0,5. */
static void the_locale_of_the_program_does_not_matter(void **state) {
    (void)state;
    const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    bool found = false;
    for (size_t i = 0; i < 4 && !found; i++) found = setlocale(LC_ALL, locales[i]) != NULL;
    if (!found) skip();
    double value;
    char text[EC_NUMBER_SIZE];
    assert_int_equal(ec_number_read(&value, "0.5"), EC_NUMBER_OK);
    ec_number_write(text, value);
    setlocale(LC_ALL, "C");
    assert_true(value == 0.5);
    assert_string_equal(text, "0.5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_numbers_are_read),
        cmocka_unit_test(everything_else_is_named_by_its_fault),
        cmocka_unit_test(writing_and_reading_gives_the_same_bits),
        cmocka_unit_test(what_people_write_comes_back_as_they_wrote_it),
        cmocka_unit_test(the_locale_of_the_program_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
