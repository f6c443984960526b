/* map.c - see map.h */
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

ec_status ec_map_open(ec_map *out, const char *path, ec_error *err) {
    *out = (ec_map){0};
    /* Non-blocking, or a pipe in a downloaded folder would be waited for. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return ec_file_cannot_open(path, err);
    ec_status status = EC_OK;
    struct stat info;
    if (fstat(fd, &info) != 0)
        status = ec_fail(err, EC_ERR_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = ec_fail(err, EC_ERR_FORMAT, "%s: not a regular file", path);
    else if (info.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            status = ec_fail(err, EC_ERR_IO, "%s: cannot map: %s", path, strerror(errno));
        else
            *out = (ec_map){bytes, (size_t)info.st_size};
    }
    close(fd);
    return status;
}

void ec_map_close(ec_map *map) {
    if (map->bytes != NULL) munmap((void *)map->bytes, map->size_bytes);
    *map = (ec_map){0};
}
