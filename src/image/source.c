/* source.c - see source.h */
#include "image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* Larger than any photograph; a limit so that a wrong path cannot fill the memory. */
#define MAX_FILE_BYTES ((size_t)1 << 30)

/* ---- names ---- */

void ec_image_name_place(ec_text *out, const char *list, size_t list_bytes, ec_image_place place) {
    ec_text_add_bytes(out, list, list_bytes);
    ec_text_format(out, "#%llu@%llu+%llu", (unsigned long long)place.record,
                   (unsigned long long)place.offset, (unsigned long long)place.size_bytes);
}

/* Digits up to `end`, which they must reach. */
static bool read_number(uint64_t *out, const char **at, char end) {
    const size_t n = strspn(*at, "0123456789");
    if (n == 0 || n > 18 || (*at)[n] != end) return false;
    *out = strtoull(*at, NULL, 10);
    *at += n + (end != '\0');
    return true;
}

/* Takes "LIST#42@1234+5678" apart; false: it is no such name, or a file is called so. */
static bool find_place(ec_image_place *place, size_t *list_bytes, const char *name) {
    const char *mark = strrchr(name, '#'), *at = mark != NULL ? mark + 1 : NULL;
    struct stat info;
    if (at == NULL || !read_number(&place->record, &at, '@') ||
        !read_number(&place->offset, &at, '+') || !read_number(&place->size_bytes, &at, '\0') ||
        stat(name, &info) == 0)
        return false;
    *list_bytes = (size_t)(mark - name);
    return true;
}

size_t ec_image_file_name(const char *name) {
    ec_image_place place;
    size_t list_bytes;
    return find_place(&place, &list_bytes, name) ? list_bytes : strlen(name);
}

bool ec_image_is_readable(const char *name) {
    ec_text file = {0};
    ec_text_add_bytes(&file, name, ec_image_file_name(name));
    const bool readable = !file.failed && access(file.data, R_OK) == 0;
    ec_text_release(&file);
    return readable;
}

/* ---- base64 ---- */

enum { BLANK = -1, END = -2, BAD = -3 };

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    switch (c) {
    case '+':
    case '-':
        return 62;
    case '/':
    case '_':
        return 63;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return BLANK;
    case '=':
    case '\'':
    case '"':
        return END;
    default:
        return BAD;
    }
}

/* The character after a backslash, as JSON and Python write one: \/ \n \u002b. */
static char escaped(const char **at, const char *end) {
    const char c = *at < end ? *(*at)++ : '\0';
    if (c == 'n' || c == 'r' || c == 't') return ' ';
    if (c == '/' || c == '"' || c == '\'') return c;
    if (c != 'u' || end - *at < 4) return '\0';
    char digits[5] = "";
    memcpy(digits, *at, 4);
    *at += 4;
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? (char)strtoul(digits, NULL, 16) : '\0';
}

/* Past the brackets and quotes of a list, and past what a data URI says before its comma. */
static const char *skip_head(const char *at, const char *end) {
    static const char scheme[] = "data:";
    for (;; at++) {
        const bool is_escape = end - at > 1 && at[0] == '\\' && (at[1] == '"' || at[1] == 'n');
        if (is_escape) at++;
        if (!is_escape && (at == end || *at == '\0' || strchr(" \t\r\n[\"'", *at) == NULL)) break;
    }
    if ((size_t)(end - at) < sizeof scheme - 1 || strncmp(at, scheme, sizeof scheme - 1) != 0)
        return at;
    const char *comma = memchr(at, ',', (size_t)(end - at));
    return comma != NULL ? comma + 1 : at;
}

ec_status ec_image_from_base64(ec_text *out, const char *text, size_t size_bytes, const char *name,
                               ec_error *err) {
    *out = (ec_text){0};
    const char *const end = text + size_bytes;
    unsigned char bytes[3072];
    size_t n = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    int value = BLANK;
    for (const char *at = skip_head(text, end); at < end && value != END;) {
        char c = *at++;
        if (c == '\\') c = escaped(&at, end);
        value = value_of(c);
        if (value == BAD) {
            ec_text_release(out);
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: not an image in base64: a character %u where a letter, a digit, + "
                           "or / is expected",
                           name, (unsigned)(unsigned char)c);
        }
        if (value < 0) continue;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        bytes[n++] = (unsigned char)(bits >> n_bits);
        if (n < sizeof bytes) continue;
        ec_text_add_bytes(out, bytes, n);
        n = 0;
    }
    ec_text_add_bytes(out, bytes, n);
    if (!out->failed) return EC_OK;
    ec_text_release(out);
    return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", name);
}

/* ---- reading ---- */

static ec_status read_range(char *out, const char *list, const char *name, ec_image_place place,
                            ec_error *err) {
    const int fd = open(list, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ec_fail(err, errno == ENOENT || errno == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO,
                       "%s: cannot open: %s", list, strerror(errno));
    ec_status status = EC_OK;
    for (size_t done = 0; status == EC_OK && done < place.size_bytes;) {
        const ssize_t n =
            pread(fd, out + done, place.size_bytes - done, (off_t)(place.offset + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            status =
                ec_fail(err, EC_ERR_FORMAT,
                        "%s: the list ends before this image; it changed since it was read", name);
        else if (errno != EINTR)
            status = ec_fail(err, EC_ERR_IO, "%s: cannot read: %s", list, strerror(errno));
    }
    close(fd);
    return status;
}

static ec_status read_embedded(ec_text *out, const char *name, size_t list_bytes,
                               ec_image_place place, ec_error *err) {
    if (place.size_bytes > MAX_FILE_BYTES)
        return ec_fail(err, EC_ERR_FORMAT, "%s: larger than the limit of %zu bytes for an image",
                       name, MAX_FILE_BYTES);
    char *list = strndup(name, list_bytes), *text = malloc(place.size_bytes + 1);
    ec_status status = list != NULL && text != NULL
                           ? read_range(text, list, name, place, err)
                           : ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", name);
    if (status == EC_OK) status = ec_image_from_base64(out, text, place.size_bytes, name, err);
    free(list);
    free(text);
    return status;
}

ec_status ec_image_read(ec_text *out, const char *name, ec_error *err) {
    *out = (ec_text){0};
    ec_image_place place;
    size_t list_bytes;
    if (find_place(&place, &list_bytes, name))
        return read_embedded(out, name, list_bytes, place, err);
    const bool dash = strcmp(name, "-") == 0; /* a file of this name, not standard input */
    return ec_file_read(out, dash ? "./-" : name, MAX_FILE_BYTES, err);
}
