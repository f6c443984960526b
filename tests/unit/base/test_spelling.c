/* The promises of eyechart/spelling.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eyechart/spelling.h"

static const char *const CANDIDATES[] = {"CLIP@336", "CLIP@224", "OpenCLIP", "DINOv2", "C+D@336"};

static const char *name_at(const void *names, size_t i) {
    return ((const char *const *)names)[i];
}

static const char *nearest(const char *word) {
    const size_t i = ec_spelling_nearest(word, name_at, CANDIDATES, 5);
    return i == EC_SPELLING_NONE ? "(none)" : CANDIDATES[i];
}

static void every_kind_of_slip_finds_the_name(void **state) {
    (void)state;
    assert_string_equal(nearest("CLIP336"), "CLIP@336");   /* a letter missing */
    assert_string_equal(nearest("CLIP@@224"), "CLIP@224"); /* one too many */
    assert_string_equal(nearest("DINOv3"), "DINOv2");      /* another one */
    assert_string_equal(nearest("DNIOv2"), "DINOv2");      /* two swapped */
    assert_string_equal(nearest("openclip"), "OpenCLIP");  /* letter case */
    assert_string_equal(nearest("Open"), "OpenCLIP");      /* only begun */
}

/* A suggestion that is far off confuses more than none. */
static void a_strange_word_has_no_nearest_name(void **state) {
    (void)state;
    assert_string_equal(nearest("ResNet50"), "(none)");
    assert_string_equal(nearest(""), "(none)");
    assert_int_equal(ec_spelling_nearest("CLIP@336", name_at, CANDIDATES, 0), EC_SPELLING_NONE);
}

/* A swap is one step, where two substitutions would be as far as the name before it. */
static void a_swap_costs_one(void **state) {
    (void)state;
    static const char *const names[] = {"abxy", "bacd"};
    assert_int_equal(ec_spelling_nearest("abcd", name_at, names, 2), 1);
}

/* What looks the same on a screen: case, blanks, composed or not, full width, no-break space. */
static void names_that_look_the_same_are_the_same(void **state) {
    (void)state;
    assert_true(ec_spelling_same("CLIP@336", "clip@336"));
    assert_true(ec_spelling_same("DINO v2", "DINOv2"));
    assert_true(ec_spelling_same("DINO\xc2\xa0v2", "dino v2"));
    assert_true(ec_spelling_same("mod\xc3\xa8le", "mode\xcc\x80le"));
    assert_true(ec_spelling_same("\xef\xbc\xa3\xef\xbc\xac\xef\xbc\xa9\xef\xbc\xb0", "CLIP"));
    assert_true(ec_spelling_same("\xff", "\xff"));
    assert_false(ec_spelling_same("\xff", "\xfe"));
    assert_false(ec_spelling_same("CLIP@336", "CLIP@224"));
    assert_false(ec_spelling_same("modele", "mod\xc3\xa8le"));
}

static void names_longer_than_the_limit_are_compared_by_their_beginning(void **state) {
    (void)state;
    char word[200], other[200];
    memset(word, 'a', sizeof word);
    memset(other, 'b', sizeof other);
    word[199] = other[199] = '\0';
    const char *const names[] = {other, word};
    char typed[200];
    memcpy(typed, word, sizeof typed);
    typed[150] = 'z';
    assert_int_equal(ec_spelling_nearest(typed, name_at, names, 2), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_slip_finds_the_name),
        cmocka_unit_test(a_strange_word_has_no_nearest_name),
        cmocka_unit_test(a_swap_costs_one),
        cmocka_unit_test(names_that_look_the_same_are_the_same),
        cmocka_unit_test(names_longer_than_the_limit_are_compared_by_their_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
