/* The promises of base/file.h about what stands at the path already. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/file.h"
#include "folder.h"

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

typedef struct {
    const char *path;
    char letter;
    bool failed;
} writer;

enum { N_WRITERS = 3, N_LETTERS = 20000, N_TIMES = 40 };

static void *write_letters(void *argument) {
    writer *w = argument;
    char text[N_LETTERS];
    memset(text, w->letter, sizeof text);
    for (int k = 0; k < N_TIMES; k++)
        w->failed = w->failed || ec_file_write(w->path, text, sizeof text, NULL) != EC_OK;
    return NULL;
}

/* As processes do: what is written beside the file is each one's own. */
static void threads_that_write_one_file_leave_one_of_their_texts(void **state) {
    pthread_t threads[N_WRITERS];
    writer writers[N_WRITERS];
    size_t n;
    for (int k = 0; k < N_WRITERS; k++) {
        writers[k] = (writer){.path = folder_join(*state, "page"), .letter = (char)('a' + k)};
        assert_int_equal(pthread_create(&threads[k], NULL, write_letters, &writers[k]), 0);
    }
    for (int k = 0; k < N_WRITERS; k++) pthread_join(threads[k], NULL);
    for (int k = 0; k < N_WRITERS; k++) assert_false(writers[k].failed);
    char *text = folder_read(folder_join(*state, "page"), &n);
    assert_int_equal(n, N_LETTERS);
    for (size_t i = 0; i < n; i++) assert_int_equal(text[i], text[0]);
    free(text);
}

static void a_path_within_a_folder_is_known_through_links(void **state) {
    const char *folder = *state;
    char model[512], beside[512], link[512];
    snprintf(model, sizeof model, "%s/model", folder);
    snprintf(beside, sizeof beside, "%s/model-2", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(mkdir(model, 0777), 0);
    assert_int_equal(mkdir(beside, 0777), 0);
    assert_int_equal(symlink("model", link), 0);
    folder_write(folder_join(model, "weights"), "");
    folder_write(folder_join(beside, "weights"), "");
    assert_true(ec_file_is_within(folder_join(model, "weights"), model));
    assert_true(ec_file_is_within(folder_join(link, "weights"), model));
    assert_true(ec_file_is_within(folder_join(model, "weights"), link));
    assert_true(ec_file_is_within(model, link));
    assert_false(ec_file_is_within(folder_join(beside, "weights"), model)); /* begins the same */
    assert_false(ec_file_is_within(folder_join(model, "nothing"), model));
    assert_false(ec_file_is_within(folder, model));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_regular_file_is_replaced_as_a_whole, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(a_pipe_or_device_is_written_to_and_stays_what_it_is,
                                        folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(a_folder_is_refused, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(a_path_within_a_folder_is_known_through_links,
                                        folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(threads_that_write_one_file_leave_one_of_their_texts,
                                        folder_set_up, folder_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
