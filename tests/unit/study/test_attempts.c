/* The promises of study/attempts.h: how far a candidate is, by its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "folder.h"
#include "study/attempts.h"

/* ---- folders -------------------------------------------------------------------------------- */

static void every_name_is_a_folder_and_comes_back(void **state) {
    (void)state;
    static const char *const names[][2] = {
        {"CLIP@336", "CLIP@336"}, {"a/b", "a%2Fb"}, {"..", "%2E."}, {".", "%2E"},
        {"50%", "50%25"},         {"%2F", "%252F"}, {"a.b", "a.b"}, {"lock", "lock"},
        {"\xc3\xa9", "\xc3\xa9"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ec_text folder = {0};
        ec_attempts_folder_name(&folder, names[i][0]);
        assert_string_equal(folder.data, names[i][1]);
        char *back = ec_attempts_folder_candidate(folder.data);
        assert_string_equal(back, names[i][0]);
        free(back);
        ec_text_release(&folder);
    }
    static const char *const others[] = {".", "..", ".lock", "a%", "a%2", "a%2f", "%41", "a%00b"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(ec_attempts_folder_candidate(others[i]));
}

/* ---- states --------------------------------------------------------------------------------- */

static void write_end(const char *folder, const char *name, const char *text) {
    folder_write(folder_join(folder, name), text);
}

static ec_attempts state_of(const char *folder) {
    ec_attempts s;
    ec_error err;
    if (ec_attempts_read(&s, folder, &err) != EC_OK) fail_msg("%s", err.message);
    return s;
}

/* From nothing, through a failure, an interruption and a kill, to an evaluation. */
static void the_files_say_how_far_a_candidate_is(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    ec_attempts s = state_of(folder_join(folder, "none"));
    assert_int_equal(s.n, 0);

    s = state_of(folder);
    assert_int_equal(ec_attempts_begin(&s, folder, NULL), EC_OK);
    s = state_of(folder);
    assert_true(s.n == 1 && s.can_train && s.can_evaluate && !s.trained && s.n_failed == 0);

    folder_write(folder_join(folder, "1/train.log"), "");
    s = state_of(folder); /* killed, nobody saw the end */
    assert_true(s.n == 1 && !s.can_train && !s.trained && s.n_failed == 0);
    write_end(folder, "1/train.end", "exited 3 1000 2000\n");
    s = state_of(folder);
    assert_true(s.n_failed == 1 && s.seconds == 2.0 && !s.trained);

    mkdir(folder_join(folder, "2"), 0777);
    folder_write(folder_join(folder, "2/train.log"), "");
    write_end(folder, "2/train.end", "stopped 15 1000 500\n");
    s = state_of(folder); /* interrupted: no failure, but time was spent */
    assert_true(s.n == 2 && s.n_failed == 1 && s.seconds == 2.5 && !s.trained);

    mkdir(folder_join(folder, "10"), 0777); /* by number, not by name */
    folder_write(folder_join(folder, "10/train.log"), "");
    write_end(folder, "10/train.end", "exited 0 1000 1000\n");
    assert_false(state_of(folder).trained); /* the model itself is gone */
    mkdir(folder_join(folder, "out"), 0777);
    s = state_of(folder);
    assert_true(s.n == 10 && s.trained && !s.can_train && s.can_evaluate && s.evaluated == 0);

    folder_write(folder_join(folder, "10/evaluate.out"), "");
    write_end(folder, "10/evaluate.end", "timed-out 15 1000 1000\n");
    s = state_of(folder);
    assert_true(s.trained && !s.can_evaluate && s.n_failed == 2 && s.evaluated == 0);

    assert_int_equal(ec_attempts_give_up(folder, "why", NULL), EC_OK);
    assert_true(state_of(folder).gave_up);
    assert_int_equal(ec_attempts_begin_anew(folder, NULL), EC_OK);
    s = state_of(folder); /* what failed before does not count, what it took does */
    assert_true(!s.gave_up && s.n_failed == 0 && s.trained && s.seconds == 4.5);

    assert_int_equal(ec_attempts_begin(&s, folder, NULL), EC_OK);
    folder_write(folder_join(folder, "11/evaluate.out"), "");
    write_end(folder, "11/evaluate.end", "exited 0 5000 1000\n");
    s = state_of(folder);
    assert_true(s.n == 11 && s.evaluated == 11 && s.evaluated_since == 5.0);

    mkdir(folder_join(folder, "12"), 0777); /* a training that took the place of the first */
    folder_write(folder_join(folder, "12/train.log"), "");
    assert_false(state_of(folder).trained);
    write_end(folder, "12/train.end", "exited 1 1000 1000\n");
    assert_false(state_of(folder).trained);
    write_end(folder, "12/train.end", "exited 0 1000 1000\n");
    assert_true(state_of(folder).trained);
    folder_remove(folder);
}

static void a_lock_is_held_by_one(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    int first, second;
    assert_false(ec_attempts_is_locked(folder));
    assert_int_equal(ec_attempts_lock(&first, folder, false, NULL), EC_OK);
    assert_true(first >= 0 && ec_attempts_is_locked(folder));
    assert_int_equal(ec_attempts_lock(&second, folder, false, NULL), EC_OK);
    assert_int_equal(second, -1);
    ec_attempts_unlock(first);
    assert_false(ec_attempts_is_locked(folder));
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_a_folder_and_comes_back),
        cmocka_unit_test(the_files_say_how_far_a_candidate_is),
        cmocka_unit_test(a_lock_is_held_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
