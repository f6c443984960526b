/* file.c - see file.h */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ec_status read_all(ec_text *out, int fd, const char *path, size_t limit_bytes, ec_error *err) {
    char buffer[65536];
    for (;;) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ec_fail(err, EC_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
        if (n == 0) break;
        if ((size_t)n > limit_bytes - out->size_bytes)
            return ec_fail(err, EC_ERR_FORMAT, "%s: larger than the limit of %zu bytes for such a file",
                           path, limit_bytes);
        ec_text_add_bytes(out, buffer, (size_t)n);
    }
    ec_text_add_bytes(out, "", 0); /* an empty file still gives a terminated string */
    if (out->failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory while reading", path);
    return EC_OK;
}

ec_status ec_file_read(ec_text *out, const char *path, size_t limit_bytes, ec_error *err) {
    *out = (ec_text){0};
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ec_fail(err, errno == ENOENT || errno == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO,
                       "%s: cannot open: %s", path, strerror(errno));
    ec_status status = read_all(out, fd, path, limit_bytes, err);
    if (!is_stdin) close(fd);
    if (status != EC_OK) ec_text_release(out);
    return status;
}

static bool write_all(int fd, const char *bytes, size_t size_bytes) {
    while (size_bytes > 0) {
        const ssize_t n = write(fd, bytes, size_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes += n;
        size_bytes -= (size_t)n;
    }
    return true;
}

/* A device or a pipe is written to: a rename would put a regular file in the place of /dev/null. */
static bool is_replaceable(const char *path) {
    struct stat info;
    return stat(path, &info) != 0 || S_ISREG(info.st_mode);
}

static ec_status write_through(const char *path, const void *bytes, size_t size_bytes,
                               ec_error *err) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool written = fd >= 0 && write_all(fd, bytes, size_bytes);
    const int write_errno = errno;
    const bool closed = fd >= 0 && close(fd) == 0;
    if (written && closed) return EC_OK;
    return ec_fail(err, EC_ERR_IO, "%s: cannot write: %s", path,
                   strerror(written ? errno : write_errno));
}

ec_status ec_file_write(const char *path, const void *bytes, size_t size_bytes, ec_error *err) {
    if (strcmp(path, "-") == 0)
        return write_all(STDOUT_FILENO, bytes, size_bytes)
                   ? EC_OK
                   : ec_fail(err, EC_ERR_IO, "standard output: cannot write: %s", strerror(errno));
    if (!is_replaceable(path)) return write_through(path, bytes, size_bytes, err);

    ec_text temporary = {0};
    ec_text_format(&temporary, "%s.%ld.tmp", path, (long)gettid());
    if (temporary.failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);

    ec_status status = EC_OK;
    unlink(temporary.data); /* left by a killed thread that had the same number */
    const int fd = open(temporary.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        status = ec_fail(err, EC_ERR_IO, "%s: cannot create a file beside it: %s", path, strerror(errno));
        goto done;
    }
    const bool written = write_all(fd, bytes, size_bytes) && fsync(fd) == 0;
    const int write_errno = errno;
    const bool closed = close(fd) == 0;
    if (!written || !closed || rename(temporary.data, path) != 0) {
        status = ec_fail(err, EC_ERR_IO, "%s: cannot write: %s; the file is as it was", path,
                         strerror(written ? errno : write_errno));
        unlink(temporary.data);
    }

done:
    ec_text_release(&temporary);
    return status;
}
