/* stream.h - the bytes of a list, a piece at a time: lists with images in them have gigabytes */
#ifndef EC_SETS_STREAM_H
#define EC_SETS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { EC_STREAM_END = -1 };

typedef struct ec_stream {
    const char *name; /* for messages */
    int fd;           /* -1: all bytes are in memory */
    const unsigned char *bytes;
    size_t at, n;    /* next of the n bytes in memory */
    uint64_t offset; /* of bytes[0] in the file */
    size_t line;     /* of the next byte, from 1 */
    unsigned char *buffer;
    ec_status status; /* of reading: after a failure the stream ends */
    ec_error error;
} ec_stream;

/* A file; its byte order mark is passed over. EC_ERR_FORMAT for UTF-16, EC_ERR_NOT_FOUND,
 * EC_ERR_IO, EC_ERR_NOMEM. ec_stream_close() also after a failure. */
ec_status ec_stream_open(ec_stream *out, const char *path, ec_error *err);
/* Bytes in memory, borrowed. */
ec_status ec_stream_view(ec_stream *out, const char *bytes, size_t size_bytes, const char *name,
                         ec_error *err);
void ec_stream_close(ec_stream *stream);

int ec_stream_fill(ec_stream *stream); /* for ec_stream_peek() alone */

/* The next byte, which stays; EC_STREAM_END. */
static inline int ec_stream_peek(ec_stream *s) {
    return s->at < s->n ? s->bytes[s->at] : ec_stream_fill(s);
}

static inline int ec_stream_next(ec_stream *s) {
    const int c = ec_stream_peek(s);
    if (c == EC_STREAM_END) return c;
    s->at++;
    s->line += c == '\n';
    return c;
}

/* Passes over the bytes in memory up to the first of `stops`, a line break among them, or of their
 * end; *bytes is where they begin. Images in a list are long. */
static inline size_t ec_stream_pass(ec_stream *s, const char **bytes, const bool stops[256]) {
    const size_t start = s->at;
    *bytes = (const char *)s->bytes + start;
    while (s->at < s->n && !stops[s->bytes[s->at]]) s->at++;
    return s->at - start;
}

/* Where the next byte is in the file. */
static inline uint64_t ec_stream_offset(const ec_stream *s) {
    return s->offset + s->at;
}

/* Back to a place that was passed. */
void ec_stream_seek(ec_stream *stream, uint64_t offset, size_t line);

/* EC_OK, or why reading ended before the file did. */
ec_status ec_stream_status(const ec_stream *stream, ec_error *err);

#endif
