/* test_lock.c - one at a time, whoever comes and goes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"

enum { PROCESSES = 4, TURNS = 500 };

/* Takes and releases; "held" is there only while somebody has the lock. Gives 1 when two had it. */
static int take_turns(const char *lock_path, const char *held) {
    for (int taken = 0; taken < TURNS;) {
        int lock;
        if (ec_lock_take(&lock, lock_path, NULL) != EC_OK) continue;
        const int file = open(held, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (file < 0) return 1;
        close(file);
        unlink(held);
        ec_lock_release(lock, lock_path);
        taken++;
    }
    return 0;
}

/* The holder removes the file at the end, so whoever waits may have an older one open. */
static void no_two_processes_have_it_at_once(void **state) {
    (void)state;
    char folder[] = "/tmp/eyechart-lock-XXXXXX", lock_path[64], held[64];
    assert_non_null(mkdtemp(folder));
    snprintf(lock_path, sizeof lock_path, "%s/lock", folder);
    snprintf(held, sizeof held, "%s/held", folder);
    for (int i = 0; i < PROCESSES; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) _exit(take_turns(lock_path, held));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
}

static void a_folder_that_is_not_there_is_an_error(void **state) {
    (void)state;
    int lock;
    ec_error err;
    assert_int_equal(ec_lock_take(&lock, "/nonexistent/lock", &err), EC_ERR_IO);
    assert_int_equal(lock, -1);
    ec_lock_release(lock, "/nonexistent/lock");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_processes_have_it_at_once),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
