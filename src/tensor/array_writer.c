/* array_writer.c - rows of floats to .npy and .safetensors, see eyechart/tensor.h
 *
 * Both formats begin with a header padded to HEADER_BYTES, which is written last: until
 * ec_array_writer_finish it says 0 rows, so that a reader never takes an unfinished file for a
 * whole one.
 *
 * Sources: numpy/lib/format.py (version 1.0); the safetensors format description.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "eyechart/tensor.h"
#include "tensor/convert.h"

enum { HEADER_BYTES = 256 };

struct ec_array_writer {
    char *path, *name;
    int fd;
    ec_array_format format;
    ec_dtype dtype;
    size_t row_shape[EC_MAX_DIMS];
    int n_dims;
    size_t row_floats, n_rows;
    unsigned char *row; /* one row in the file's dtype */
};

static ec_status io_error(const ec_array_writer *w, const char *what, ec_error *err) {
    return ec_fail(err, EC_ERR_IO, "%s: cannot %s: %s", w->path, what, strerror(errno));
}

static size_t row_bytes(const ec_array_writer *w) {
    return w->row_floats * ec_dtype_size(w->dtype);
}

static void shape_text(ec_text *text, const ec_array_writer *w, size_t n_rows) {
    ec_text_format(text, "%zu", n_rows);
    for (int i = 0; i < w->n_dims; i++) ec_text_format(text, ", %zu", w->row_shape[i]);
}

/* The header of a file with n_rows rows, HEADER_BYTES long. */
static ec_status make_header(unsigned char out[HEADER_BYTES], const ec_array_writer *w,
                             size_t n_rows, ec_error *err) {
    ec_text text = {0};
    size_t prefix;
    if (w->format == EC_ARRAY_NPY) {
        prefix = 10;
        ec_text_format(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                       w->dtype == EC_F16 ? "<f2" : "<f4");
        shape_text(&text, w, n_rows);
        ec_text_add(&text, w->n_dims == 0 ? ",), }" : "), }"); /* a tuple of one has a comma */
    } else {
        prefix = 8;
        ec_text_format(&text, "{\"%s\":{\"dtype\":\"%s\",\"shape\":[", w->name,
                       ec_dtype_name(w->dtype));
        shape_text(&text, w, n_rows);
        ec_text_format(&text, "],\"data_offsets\":[0,%zu]}}", n_rows * row_bytes(w));
    }
    const size_t body = HEADER_BYTES - prefix;
    if (text.failed || text.size_bytes >= body) {
        const bool failed = text.failed;
        ec_text_release(&text);
        return failed ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", w->path)
                      : ec_fail(err, EC_ERR_ARG, "%s: the name or shape of the array is too long",
                                w->path);
    }
    memset(out, ' ', HEADER_BYTES);
    if (w->format == EC_ARRAY_NPY) {
        memcpy(out, "\x93NUMPY\x01\x00", 8);
        out[8] = body & 0xff;
        out[9] = body >> 8;
        out[HEADER_BYTES - 1] = '\n';
    } else {
        memset(out, 0, 8);
        out[0] = body & 0xff;
        out[1] = body >> 8;
    }
    memcpy(out + prefix, text.data, text.size_bytes);
    ec_text_release(&text);
    return EC_OK;
}

static bool write_at_end(int fd, const unsigned char *bytes, size_t n) {
    while (n > 0) {
        const ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes += written;
        n -= (size_t)written;
    }
    return true;
}

static ec_status write_header(ec_array_writer *w, size_t n_rows, ec_error *err) {
    unsigned char header[HEADER_BYTES];
    const ec_status status = make_header(header, w, n_rows, err);
    if (status != EC_OK) return status;
    return pwrite(w->fd, header, sizeof header, 0) == (ssize_t)sizeof header
               ? EC_OK
               : io_error(w, "write", err);
}

/* Checks that the file is ours with at least n_keep rows, and cuts what is behind them. */
static ec_status keep_rows(ec_array_writer *w, size_t n_keep, ec_error *err) {
    /* Killed while writing it says 0 rows, killed after finishing all of them. */
    unsigned char unfinished[HEADER_BYTES], finished[HEADER_BYTES], found[HEADER_BYTES];
    struct stat info;
    ec_status status = make_header(unfinished, w, 0, err);
    if (status == EC_OK) status = make_header(finished, w, n_keep, err);
    if (status != EC_OK) return status;
    if (fstat(w->fd, &info) != 0) return io_error(w, "look at", err);
    const off_t size = (off_t)(HEADER_BYTES + n_keep * row_bytes(w));
    if (info.st_size < size || pread(w->fd, found, sizeof found, 0) != (ssize_t)sizeof found ||
        (memcmp(found, unfinished, sizeof found) != 0 &&
         memcmp(found, finished, sizeof found) != 0))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: not the unfinished array of %zu rows that was expected; remove it and "
                       "start anew",
                       w->path, n_keep);
    if (ftruncate(w->fd, size) != 0 || lseek(w->fd, size, SEEK_SET) < 0)
        return io_error(w, "cut", err);
    w->n_rows = n_keep;
    return write_header(w, 0, err);
}

ec_status ec_array_writer_open(ec_array_writer **out, const char *path, ec_array_format format,
                               const char *name, ec_dtype dtype, const size_t *row_shape,
                               int n_dims, size_t n_keep, ec_error *err) {
    *out = NULL;
    if (n_dims >= EC_MAX_DIMS || (dtype != EC_F32 && dtype != EC_F16))
        return ec_fail(err, EC_ERR_ARG,
                       "%s: arrays are written in F32 or F16 with at most %d dimensions", path,
                       EC_MAX_DIMS);
    ec_array_writer *w = calloc(1, sizeof *w);
    if (w == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    *w = (ec_array_writer){.path = strdup(path),
                           .name = strdup(name),
                           .fd = -1,
                           .format = format,
                           .dtype = dtype,
                           .n_dims = n_dims,
                           .row_floats = 1};
    for (int i = 0; i < n_dims; i++) {
        w->row_shape[i] = row_shape[i];
        w->row_floats *= row_shape[i];
    }
    w->row = malloc(row_bytes(w) + 1);
    ec_status status = EC_OK;
    if (w->path == NULL || w->name == NULL || w->row == NULL) {
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    } else {
        w->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (n_keep == 0 ? O_TRUNC : 0), 0666);
        if (w->fd < 0)
            status =
                ec_fail(err, EC_ERR_IO, "%s: cannot open for writing: %s", path, strerror(errno));
        else if (n_keep > 0)
            status = keep_rows(w, n_keep, err);
        else if ((status = write_header(w, 0, err)) == EC_OK &&
                 lseek(w->fd, HEADER_BYTES, SEEK_SET) < 0)
            status = io_error(w, "write", err);
    }
    if (status != EC_OK) {
        ec_array_writer_close(w);
        return status;
    }
    *out = w;
    return EC_OK;
}

static void put(unsigned char *to, uint32_t bits, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (unsigned char)(bits >> (8 * i));
}

ec_status ec_array_writer_add(ec_array_writer *w, const float *row, ec_error *err) {
    for (size_t i = 0; i < w->row_floats; i++) {
        uint32_t bits;
        memcpy(&bits, &row[i], sizeof bits);
        if (w->dtype == EC_F16)
            put(w->row + 2 * i, ec_f32_to_f16(row[i]), 2);
        else
            put(w->row + 4 * i, bits, 4);
    }
    if (!write_at_end(w->fd, w->row, row_bytes(w))) return io_error(w, "write", err);
    w->n_rows++;
    return EC_OK;
}

ec_status ec_array_writer_sync(ec_array_writer *w, ec_error *err) {
    return fdatasync(w->fd) == 0 ? EC_OK : io_error(w, "write", err);
}

ec_status ec_array_writer_finish(ec_array_writer *w, ec_error *err) {
    const ec_status status = write_header(w, w->n_rows, err);
    if (status != EC_OK) return status;
    return fsync(w->fd) == 0 ? EC_OK : io_error(w, "write", err);
}

void ec_array_writer_close(ec_array_writer *w) {
    if (w == NULL) return;
    if (w->fd >= 0) close(w->fd);
    free(w->path);
    free(w->name);
    free(w->row);
    free(w);
}
