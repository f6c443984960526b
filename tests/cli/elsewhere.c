/* elsewhere.c - to be preloaded: the path in ELSEWHERE, and all below it, is on a file system of
 * the type ELSEWHERE_TYPE, a number as statfs(2) has them */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

int statfs(const char *path, struct statfs *info) {
    int (*const real)(const char *, struct statfs *) =
        (int (*)(const char *, struct statfs *))dlsym(RTLD_NEXT, "statfs");
    const int result = real(path, info);
    const char *where = getenv("ELSEWHERE"), *type = getenv("ELSEWHERE_TYPE");
    if (result == 0 && where != NULL && type != NULL && strncmp(path, where, strlen(where)) == 0)
        info->f_type = (__typeof__(info->f_type))strtoul(type, NULL, 0);
    return result;
}
