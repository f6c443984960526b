/* The promises of base/file.h about what stands at the path already. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "folder.h"

static int set_up(void **state) {
    char *folder = malloc(FOLDER_SIZE);
    if (folder == NULL) return -1;
    folder_make(folder);
    *state = folder;
    return 0;
}

static int tear_down(void **state) {
    folder_remove(*state);
    free(*state);
    return 0;
}

static void a_regular_file_is_replaced_as_a_whole(void **state) {
    const char *path = folder_join(*state, "page");
    assert_int_equal(ec_file_write(path, "a long text", 11, NULL), EC_OK);
    const int before = open(path, O_RDONLY);
    assert_int_equal(ec_file_write(path, "short", 5, NULL), EC_OK);

    char old[16] = "";
    assert_int_equal(read(before, old, sizeof old - 1), 11); /* a reader keeps the old one */
    close(before);
    ec_text text;
    assert_int_equal(ec_file_read(&text, path, 100, NULL), EC_OK);
    assert_string_equal(text.data, "short");
    ec_text_release(&text);
}

/* As root, a rename over /dev/null would break the machine. */
static void a_pipe_or_device_is_written_to_and_stays_what_it_is(void **state) {
    const char *path = folder_join(*state, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    const int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_int_equal(ec_file_write(path, "text", 4, NULL), EC_OK);

    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    char bytes[8] = "";
    assert_int_equal(read(reader, bytes, sizeof bytes - 1), 4);
    assert_string_equal(bytes, "text");
    close(reader);
}

static void a_folder_is_refused(void **state) {
    ec_error err;
    assert_int_equal(ec_file_write(*state, "text", 4, &err), EC_ERR_IO);
    assert_non_null(strstr(err.message, *state));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_regular_file_is_replaced_as_a_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pipe_or_device_is_written_to_and_stays_what_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_folder_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
