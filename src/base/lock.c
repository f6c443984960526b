/* lock.c - see lock.h
 *
 * The file is removed by its holder. Whoever opened it before that gets the lock of a file without
 * a name, which guards nothing; so the name is looked up again after locking.
 */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_name(int file, const char *path) {
    struct stat locked, named;
    return fstat(file, &locked) == 0 && stat(path, &named) == 0 && locked.st_dev == named.st_dev &&
           locked.st_ino == named.st_ino;
}

ec_status ec_lock_take(int *lock, const char *path, ec_error *err) {
    *lock = -1;
    for (;;) {
        const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (file < 0) return ec_fail(err, EC_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
        int result;
        while ((result = flock(file, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) continue;
        if (result == 0 && has_name(file, path)) {
            *lock = file;
            return EC_OK;
        }
        const int reason = errno;
        close(file);
        if (result == 0) continue;
        return reason == EWOULDBLOCK
                   ? ec_fail(err, EC_ERR_EXISTS, "%s: locked by another process", path)
                   : ec_fail(err, EC_ERR_IO, "%s: cannot lock: %s", path, strerror(reason));
    }
}

void ec_lock_release(int lock, const char *path) {
    if (lock < 0) return;
    unlink(path);
    close(lock);
}
