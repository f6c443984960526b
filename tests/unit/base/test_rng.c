/* Random numbers: those of the reference, and apart from each other by seed and stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eyechart/rng.h"

/* What Blackman and Vigna's xoshiro256starstar.c gives first from the state {1, 2, 3, 4}. */
static void the_first_numbers_are_those_of_the_reference(void **state) {
    (void)state;
    const uint64_t expected[] = {11520u,
                                 0u,
                                 1509978240u,
                                 1215971899390074240u,
                                 1216172134540287360u,
                                 607988272756665600u,
                                 16172922978634559625u,
                                 8476171486693032832u,
                                 10595114339597558777u,
                                 2904607092377533576u};
    ec_rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(ec_rng_u64(&rng), expected[i]);
}

static void seed_and_stream_are_told_apart(void **state) {
    (void)state;
    ec_rng a, b, c;
    ec_rng_init(&a, 1, 2);
    ec_rng_init(&b, 2, 1);
    ec_rng_init(&c, 1, 2);
    const uint64_t first = ec_rng_u64(&a);
    assert_int_not_equal(first, ec_rng_u64(&b));
    assert_int_equal(first, ec_rng_u64(&c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_numbers_are_those_of_the_reference),
        cmocka_unit_test(seed_and_stream_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
