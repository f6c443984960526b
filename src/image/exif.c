/* exif.c - see exif.h */
#include "image/exif.h"

#include <stdbool.h>
#include <string.h>

/* A TIFF header and what follows it. */
typedef struct {
    const uint8_t *bytes;
    size_t n;
    bool is_big_endian;
} tiff;

/* A number of 2 or 4 bytes; false: it is not in there. */
static bool read_number(uint32_t *out, const tiff *t, size_t at, size_t size) {
    if (at > t->n || size > t->n - at) return false;
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out = *out << 8 | t->bytes[at + (t->is_big_endian ? i : size - 1 - i)];
    return true;
}

static bool begins_with(const uint8_t *bytes, size_t n, const char *start, size_t size) {
    return n >= size && memcmp(bytes, start, size) == 0;
}

/* Bytes of a value; 0: no such type. */
static size_t type_size(uint32_t type) {
    static const uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
    return type < sizeof sizes ? sizes[type] : 0;
}

static bool is_whole_number(uint32_t type) {
    return type == 3 || type == 4 || type == 8 || type == 9; /* short, long, and with a sign */
}

/* Orientation in the first directory, the last of several; -1: it is not there. */
static int read_directory(const tiff *t) {
    enum { ORIENTATION = 0x112, ENTRY_BYTES = 12 };
    uint32_t start, n, tag, type, count, value, offset;
    int found = -1;
    if (!read_number(&start, t, 4, 4) || !read_number(&n, t, start, 2)) return -1;
    for (size_t at = (size_t)start + 2; n > 0; n--, at += ENTRY_BYTES) {
        if (!read_number(&tag, t, at, 2) || !read_number(&type, t, at + 2, 2) ||
            !read_number(&count, t, at + 4, 4) || !read_number(&offset, t, at + 8, 4))
            break;
        const uint64_t size = (uint64_t)count * type_size(type);
        const size_t where = size > 4 ? offset : at + 8;
        if (size > 4 && (where > t->n || size > t->n - where)) break; /* Pillow reads no further */
        if (tag != ORIENTATION || size == 0) continue;
        found = 0;
        if (is_whole_number(type) && read_number(&value, t, where, type_size(type)))
            found = value >= 1 && value <= 8 ? (int)value : 0;
    }
    return found;
}

static int from_exif(const uint8_t *bytes, size_t n) {
    static const char mark[] = "Exif\0\0";
    const size_t size = sizeof mark - 1;
    for (int i = 0; i < 2 && begins_with(bytes, n, mark, size); i++) {
        bytes += size;
        n -= size;
    }
    const bool little = begins_with(bytes, n, "II*\0", 4) || begins_with(bytes, n, "II\0*", 4);
    const bool big = begins_with(bytes, n, "MM\0*", 4) || begins_with(bytes, n, "MM*\0", 4);
    return little || big ? read_directory(&(tiff){bytes, n, big}) : -1;
}

/* tiff:Orientation="6", or as an element: the first. */
static int from_xmp(const uint8_t *bytes, size_t n) {
    static const char name[] = "tiff:Orientation";
    const size_t size = sizeof name - 1;
    const uint8_t *const end = bytes + n;
    for (const uint8_t *at = bytes; (at = memmem(at, (size_t)(end - at), name, size)) != NULL;) {
        at += size;
        const size_t left = (size_t)(end - at);
        const size_t skip = begins_with(at, left, "=\"", 2) ? 2 : begins_with(at, left, ">", 1);
        if (skip > 0 && left > skip && at[skip] >= '0' && at[skip] <= '9') return at[skip] - '0';
    }
    return -1;
}

unsigned ec_exif_orientation(const ec_exif *parts) {
    int found = parts->exif != NULL ? from_exif(parts->exif, parts->exif_bytes) : -1;
    if (found < 0 && parts->xmp != NULL) found = from_xmp(parts->xmp, parts->xmp_bytes);
    return found >= 1 && found <= 8 ? (unsigned)found : 1;
}

/* The segments before the first scan. */
ec_exif ec_exif_of_jpeg(const uint8_t *bytes, size_t size_bytes) {
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
    enum { APP1 = 0xe1, SCAN = 0xda, END = 0xd9 };
    ec_exif parts = {0};
    size_t at = 2;
    while (size_bytes >= 4 && at <= size_bytes - 4) {
        if (bytes[at] != 0xff || bytes[at + 1] == 0xff || bytes[at + 1] == 0) {
            at++; /* fill bytes, and garbage that decoders pass over */
            continue;
        }
        const uint8_t marker = bytes[at + 1];
        if (marker == SCAN || marker == END) break;
        at += 2;
        if ((marker >= 0xd0 && marker <= 0xd8) || marker == 0x01) continue; /* without a length */
        const size_t n = (size_t)bytes[at] << 8 | bytes[at + 1];
        if (n < 2 || n > size_bytes - at) break;
        const uint8_t *data = bytes + at + 2;
        if (marker == APP1 && parts.exif == NULL && begins_with(data, n - 2, exif, sizeof exif)) {
            parts.exif = data;
            parts.exif_bytes = n - 2;
        }
        if (marker == APP1 && begins_with(data, n - 2, xmp, sizeof xmp)) {
            parts.xmp = data + sizeof xmp;
            parts.xmp_bytes = n - 2 - sizeof xmp;
        }
        at += n;
    }
    return parts;
}
