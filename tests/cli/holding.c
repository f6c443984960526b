/* holding.c - LD_PRELOAD: a process waits at a chosen place, so that another can come between
 *
 *     HOLD=FILE   the folder HOLD_AT is listed only when FILE is gone; FILE.held says it waits
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

DIR *opendir(const char *path) {
    DIR *(*real)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
    const char *file = getenv("HOLD"), *at = getenv("HOLD_AT");
    if (file != NULL && at != NULL && ends_with(path, at)) {
        char held[4096];
        snprintf(held, sizeof held, "%s.held", file);
        const int fd = open(held, O_WRONLY | O_CREAT, 0666);
        if (fd >= 0) close(fd);
        while (access(file, F_OK) == 0) usleep(10000);
    }
    return real(path);
}
