/* failing.c - LD_PRELOAD: lets one kind of call fail from the n-th on, or that one alone
 *
 *     FAIL=malloc|write|read   FAIL_AT=n   FAIL_ONCE=1
 *
 * For the tests that want a full disk, a broken one, or no memory at a chosen moment. Reads fail for
 * regular files only, so that pipes and devices of the C library keep working.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long n_calls;
static int kind; /* 'm', 'w', 'r'; 0: not begun */
static long fail_at;
static int once;

__attribute__((constructor)) static void begin(void) {
    const char *what = getenv("FAIL"), *at = getenv("FAIL_AT");
    once = getenv("FAIL_ONCE") != NULL;
    fail_at = at != NULL ? atol(at) : 0;
    kind = what != NULL ? what[0] : 0;
}

static int fails(int which) {
    if (kind != which) return 0;
    const long n = atomic_fetch_add(&n_calls, 1) + 1;
    return once ? n == fail_at : n >= fail_at;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

void *malloc(size_t size) {
    if (!fails('m')) return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t n, size_t size) {
    if (!fails('m')) return __libc_calloc(n, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *old, size_t size) {
    if (!fails('m')) return __libc_realloc(old, size);
    errno = ENOMEM;
    return NULL;
}

/* Standard output and error are not the disk. */
static int disk_is_full(int file) {
    if (file <= 2 || !fails('w')) return 0;
    errno = ENOSPC;
    return 1;
}

static int disk_is_broken(int file) {
    struct stat info;
    if (kind != 'r' || fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || !fails('r')) return 0;
    errno = EIO;
    return 1;
}

ssize_t write(int file, const void *bytes, size_t n) {
    return disk_is_full(file) ? -1 : REAL(write)(file, bytes, n);
}
ssize_t pwrite(int file, const void *bytes, size_t n, off_t at) {
    return disk_is_full(file) ? -1 : REAL(pwrite)(file, bytes, n, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t n, off64_t at) {
    return disk_is_full(file) ? -1 : REAL(pwrite64)(file, bytes, n, at);
}
ssize_t read(int file, void *bytes, size_t n) {
    return disk_is_broken(file) ? -1 : REAL(read)(file, bytes, n);
}
ssize_t pread(int file, void *bytes, size_t n, off_t at) {
    return disk_is_broken(file) ? -1 : REAL(pread)(file, bytes, n, at);
}
ssize_t pread64(int file, void *bytes, size_t n, off64_t at) {
    return disk_is_broken(file) ? -1 : REAL(pread64)(file, bytes, n, at);
}
