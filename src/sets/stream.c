/* stream.c - see stream.h */
#include "sets/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { BUFFER_BYTES = 1 << 16 };

static ec_status skip_mark(ec_stream *s, ec_error *err) {
    ec_stream_peek(s);
    if (s->n >= 2 && ((s->bytes[0] == 0xff && s->bytes[1] == 0xfe) ||
                      (s->bytes[0] == 0xfe && s->bytes[1] == 0xff)))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: UTF-16, as PowerShell and Excel write it; save it as UTF-8", s->name);
    if (s->n >= 3 && memcmp(s->bytes, "\xef\xbb\xbf", 3) == 0) s->at = 3;
    return ec_stream_status(s, err);
}

ec_status ec_stream_open(ec_stream *out, const char *path, ec_error *err) {
    *out = (ec_stream){.name = path, .fd = open(path, O_RDONLY | O_CLOEXEC), .line = 1};
    if (out->fd < 0)
        return ec_fail(err, errno == ENOENT || errno == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO,
                       "%s: cannot open: %s", path, strerror(errno));
    out->buffer = malloc(BUFFER_BYTES);
    if (out->buffer == NULL) return ec_no_memory(path, err);
    out->bytes = out->buffer;
    return skip_mark(out, err);
}

ec_status ec_stream_view(ec_stream *out, const char *bytes, size_t size_bytes, const char *name,
                         ec_error *err) {
    *out = (ec_stream){
        .name = name, .fd = -1, .bytes = (const unsigned char *)bytes, .n = size_bytes, .line = 1};
    return skip_mark(out, err);
}

void ec_stream_close(ec_stream *s) {
    if (s->fd >= 0) close(s->fd);
    free(s->buffer);
}

int ec_stream_fill(ec_stream *s) {
    if (s->fd < 0 || s->status != EC_OK) return EC_STREAM_END;
    s->offset += s->n;
    s->at = s->n = 0;
    ssize_t n;
    do n = pread(s->fd, s->buffer, BUFFER_BYTES, (off_t)s->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        s->status = ec_fail(&s->error, EC_ERR_IO, "%s: cannot read: %s", s->name, strerror(errno));
    s->n = n > 0 ? (size_t)n : 0;
    return n > 0 ? s->bytes[0] : EC_STREAM_END;
}

void ec_stream_seek(ec_stream *s, uint64_t offset, size_t line) {
    s->line = line;
    if (offset >= s->offset && offset <= s->offset + s->n) {
        s->at = (size_t)(offset - s->offset);
    } else {
        s->offset = offset;
        s->at = s->n = 0;
    }
}

ec_status ec_stream_status(const ec_stream *s, ec_error *err) {
    return s->status == EC_OK ? EC_OK : ec_fail(err, s->status, "%s", s->error.message);
}
