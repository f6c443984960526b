/* file.c - see file.h */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ec_status read_all(ec_text *out, int fd, const char *path, size_t limit_bytes,
                          ec_error *err) {
    char buffer[65536];
    for (;;) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ec_fail(err, EC_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
        if (n == 0) break;
        if ((size_t)n > limit_bytes - out->size_bytes)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: larger than the limit of %zu bytes for such a file", path,
                           limit_bytes);
        ec_text_add_bytes(out, buffer, (size_t)n);
    }
    ec_text_add_bytes(out, "", 0); /* an empty file still gives a terminated string */
    if (out->failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory while reading", path);
    return EC_OK;
}

ec_status ec_file_cannot_open(const char *path, ec_error *err) {
    const int error = errno;
    const bool is_absent = error == ENOENT || error == ENOTDIR;
    char target[1024];
    const ssize_t n = is_absent ? readlink(path, target, sizeof target - 1) : -1;
    if (n > 0)
        return ec_fail(
            err, EC_ERR_NOT_FOUND,
            "%s: a link to %.*s, which is not there; in a cache of Hugging Face its download "
            "did not finish, or the blobs were not copied along",
            path, (int)n, target);
    return ec_fail(err, is_absent ? EC_ERR_NOT_FOUND : EC_ERR_IO, "%s: cannot open: %s", path,
                   strerror(error));
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The commit that refs/main names; "" if there is no such file. */
static void read_main(char commit[64], const char *repository) {
    ec_text path = {0};
    ec_text_format(&path, "%s/refs/main", repository);
    commit[0] = '\0';
    FILE *file = path.failed ? NULL : fopen(path.data, "re");
    if (file != NULL) {
        if (fgets(commit, 64, file) == NULL) commit[0] = '\0';
        commit[strcspn(commit, " \t\r\n/")] = '\0';
        fclose(file);
    }
    ec_text_release(&path);
}

/* The folder in snapshots/ to take, into *out; unchanged when there is none. */
static ec_status choose_snapshot(ec_text *out, const char *snapshots, const char *main_commit,
                                 ec_error *err) {
    struct dirent **entries;
    const int n = scandir(snapshots, &entries, NULL, alphasort);
    size_t n_found = 0;
    bool has_main = false;
    ec_text names = {0}, path = {0};
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        ec_text candidate = {0};
        ec_text_format(&candidate, "%s/%s", snapshots, name);
        if (name[0] != '.' && !candidate.failed && is_folder(candidate.data) && !has_main) {
            n_found++;
            has_main = strcmp(name, main_commit) == 0;
            ec_text_format(&names, "%s%s", names.size_bytes > 0 ? ", " : "", name);
            ec_text_release(&path);
            ec_text_add(&path, candidate.data);
        }
        ec_text_release(&candidate);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    ec_status status = EC_OK;
    if (names.failed || path.failed)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", snapshots);
    else if (n_found > 1 && !has_main)
        status =
            ec_fail(err, EC_ERR_FORMAT,
                    "%s: several snapshots (%.300s), and refs/main names none of them; give the "
                    "path of one",
                    snapshots, names.data);
    else if (n_found > 0) {
        ec_text_release(out);
        *out = path;
        path = (ec_text){0};
    }
    ec_text_release(&names);
    ec_text_release(&path);
    return status;
}

ec_status ec_file_model_folder(char **out, const char *path, ec_error *err) {
    ec_text found = {0}, snapshots = {0}, config = {0};
    char commit[64];
    struct stat info;
    *out = NULL;
    ec_text_add(&found, path);
    ec_text_format(&snapshots, "%s/snapshots", path);
    ec_text_format(&config, "%s/config.json", path);
    ec_status status = found.failed || snapshots.failed || config.failed
                           ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path)
                           : EC_OK;
    if (status == EC_OK && is_folder(snapshots.data) && lstat(config.data, &info) != 0) {
        read_main(commit, path);
        status = choose_snapshot(&found, snapshots.data, commit, err);
    }
    ec_text_release(&snapshots);
    ec_text_release(&config);
    if (status != EC_OK)
        ec_text_release(&found);
    else
        *out = found.data;
    return status;
}

bool ec_file_is_within(const char *path, const char *folder) {
    char *a = realpath(path, NULL), *b = realpath(folder, NULL);
    const size_t n = b != NULL ? strlen(b) : 0;
    const bool within =
        a != NULL && b != NULL && strncmp(a, b, n) == 0 && (a[n] == '/' || a[n] == '\0');
    free(a);
    free(b);
    return within;
}

ec_status ec_file_read(ec_text *out, const char *path, size_t limit_bytes, ec_error *err) {
    *out = (ec_text){0};
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ec_file_cannot_open(path, err);
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
        status = ec_fail(err, EC_ERR_IO, "%s: cannot create a file beside it: %s", path,
                         strerror(errno));
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
