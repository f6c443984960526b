/* content.c - see content.h
 *
 * Sources: the Git LFS specification (docs/spec.md); the formats' own first bytes.
 */
#include "base/content.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LOOKED_AT = 4096, QUOTED = 60 };

static const char LFS[] = "version https://git-lfs.github.com/spec/";

bool ec_content_is_lfs_pointer(const unsigned char *bytes, size_t size_bytes) {
    /* The specification keeps pointers below 1024 bytes. */
    return size_bytes >= sizeof LFS - 1 && size_bytes < 1024 &&
           memcmp(bytes, LFS, sizeof LFS - 1) == 0;
}

static void describe_pointer(char *out, const unsigned char *bytes, size_t n) {
    char text[1024], stands_for[64] = "file";
    memcpy(text, bytes, n);
    text[n] = '\0';
    const char *size = strstr(text, "\nsize ");
    if (size != NULL && strspn(size + 6, "0123456789") - 1 < 20)
        snprintf(stands_for, sizeof stands_for, "%.*s bytes", (int)strspn(size + 6, "0123456789"),
                 size + 6);
    snprintf(out, EC_CONTENT_SIZE,
             "a Git LFS pointer, not the %s it stands for; run 'git lfs pull' in its folder, or "
             "download the file itself",
             stands_for);
}

/* Formats that are known by bytes at a fixed place, and what to do about them. */
static const struct {
    size_t at;
    const char *bytes;
    size_t n;
    const char *what;
} signatures[] = {
#define AT(at, bytes, what)                                                                        \
    { at, bytes, sizeof(bytes) - 1, what }
    AT(0, "\x1f\x8b", "compressed by gzip; unpack it ('gzip -d')"),
    AT(0, "BZh", "compressed by bzip2; unpack it ('bzip2 -d')"),
    AT(0,
       "\xfd"
       "7zXZ",
       "compressed by xz; unpack it ('xz -d')"),
    AT(0, "\x28\xb5\x2f\xfd", "compressed by zstd; unpack it ('zstd -d')"),
    AT(0, "\x04\x22\x4d\x18", "compressed by lz4; unpack it ('lz4 -d')"),
    AT(0, "7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    AT(0, "Rar!\x1a\x07", "a RAR archive; unpack it"),
    AT(257, "ustar", "a tar archive; unpack it ('tar -xf')"),
    AT(0, "\x89HDF\r\n\x1a\n",
       "HDF5, as TensorFlow and Keras write weights; take the file for PyTorch or safetensors"),
    AT(0, "GGUF",
       "GGUF, llama.cpp's format; take the original weights, as safetensors or of "
       "PyTorch"),
    AT(0, "lmgg",
       "GGML, llama.cpp's old format; take the original weights, as safetensors or of "
       "PyTorch"),
    AT(0, "\x93NUMPY", "a NumPy array (.npy)"),
    AT(0, "PAR1", "a Parquet table"),
    AT(0, "ARROW1", "an Arrow table"),
    AT(0, "%PDF-", "a PDF document"),
    AT(0, "\x89PNG\r\n\x1a\n", "a PNG image"),
    AT(0, "\xff\xd8\xff", "a JPEG image"),
    AT(0,
       "\x7f"
       "ELF",
       "a program"),
    AT(0, "PK\x03\x04", "a zip archive"),
    AT(0, "PK\x05\x06", "an empty zip archive"),
#undef AT
};

static bool by_signature(char *out, const unsigned char *bytes, size_t n) {
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (signatures[i].at + signatures[i].n <= n &&
            memcmp(bytes + signatures[i].at, signatures[i].bytes, signatures[i].n) == 0) {
            snprintf(out, EC_CONTENT_SIZE, "%s", signatures[i].what);
            return true;
        }
    return false;
}

/* Bytes of a UTF-8 character beyond its first; -1: none begins so. */
static int follow(unsigned char first) {
    if (first < 0x80) return first < 0x20 && strchr("\t\n\r\f", first) == NULL ? -1 : 0;
    if (first >= 0xc2 && first < 0xe0) return 1;
    if (first >= 0xe0 && first < 0xf0) return 2;
    return first >= 0xf0 && first < 0xf5 ? 3 : -1;
}

/* UTF-8 without control characters but blanks. A character cut off at the end is one. */
static bool is_text(const unsigned char *bytes, size_t n) {
    for (size_t i = 0; i < n;) {
        int more = bytes[i] == 0 || bytes[i] == 0x7f ? -1 : follow(bytes[i]);
        if (more < 0) return false;
        for (i++; more > 0 && i < n; more--, i++)
            if ((bytes[i] & 0xc0) != 0x80) return false;
    }
    return n > 0;
}

static bool starts(const char *text, const char *with) {
    return strncasecmp(text, with, strlen(with)) == 0;
}

/* The first words of `text` on one line, in quotes. */
static void quote(char out[QUOTED + 8], const char *text) {
    size_t n = 0;
    bool blank = false;
    out[n++] = '\'';
    for (; *text != '\0' && n < QUOTED; text++) {
        if (strchr(" \t\r\n\f", *text) != NULL) {
            blank = n > 1;
            continue;
        }
        if (blank) out[n++] = ' ';
        blank = false;
        out[n++] = *text;
    }
    if (*text != '\0') { /* cut, and not within a character */
        while (n > 1 && ((unsigned char)out[n - 1] & 0xc0) == 0x80) n--;
        if (n > 1 && (unsigned char)out[n - 1] >= 0xc0) n--;
        memcpy(out + n, "...", 3);
        n += 3;
    }
    out[n++] = '\'';
    out[n] = '\0';
}

static void describe_text(char *out, const unsigned char *bytes, size_t n) {
    char text[LOOKED_AT + 1], words[QUOTED + 8];
    memcpy(text, bytes, n);
    text[n] = '\0';
    const char *start = text;
    if (strncmp(start, "\xef\xbb\xbf", 3) == 0) start += 3;
    start += strspn(start, " \t\r\n\f");
    if (starts(start, "<!doctype html") || starts(start, "<html")) {
        char *title = strcasestr(start, "<title>");
        if (title != NULL) {
            start = title + strlen("<title>");
            char *end = strchr(start, '<');
            if (end != NULL) *end = '\0';
        }
        quote(words, start);
        snprintf(
            out, EC_CONTENT_SIZE,
            "an HTML page (%s), not the file that was to be downloaded: a page that asks for a "
            "login or tells an error, perhaps; download it again",
            words);
        return;
    }
    quote(words, start);
    snprintf(out, EC_CONTENT_SIZE, "%s (%s); download it again",
             starts(start, "<?xml") || starts(start, "<error") ? "an XML page"
             : start[0] == '{'                                 ? "JSON text"
                                                               : "text",
             words);
}

bool ec_content_describe(char out[EC_CONTENT_SIZE], const unsigned char *bytes, size_t size_bytes) {
    out[0] = '\0';
    if (size_bytes == 0) {
        snprintf(out, EC_CONTENT_SIZE, "empty; download it again");
        return true;
    }
    const size_t n = size_bytes < LOOKED_AT ? size_bytes : LOOKED_AT;
    if (ec_content_is_lfs_pointer(bytes, size_bytes))
        describe_pointer(out, bytes, size_bytes);
    else if (by_signature(out, bytes, n))
        return true;
    else if (is_text(bytes, n))
        describe_text(out, bytes, n);
    else if (n > 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        snprintf(out, EC_CONTENT_SIZE,
                 "a pickle of Python that torch.save did not write; load it in Python and save its "
                 "tensors as safetensors");
    else if (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0)
        snprintf(out, EC_CONTENT_SIZE,
                 "nothing but zeros at its beginning, as a download that did not finish leaves it; "
                 "download it again");
    return out[0] != '\0';
}
