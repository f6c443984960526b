/* picture_png.c - PNG files through libspng, with a title and a description in them
 *
 * Compression and filters are set here and not left to the library's defaults, so that a picture is
 * the same file wherever zlib is the same. No time and no version goes into it.
 */
#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "eyechart/picture.h"

#define MAX_CHUNK_BYTES ((size_t)64 << 20)

void ec_picture_words_release(ec_picture_words *words) {
    free(words->title);
    free(words->description);
    *words = (ec_picture_words){0};
}

static void name_chunk(struct spng_text *chunk, const char *keyword, const char *text) {
    static char none[] = "";
    *chunk = (struct spng_text){.type = SPNG_ITXT,
                                .length = strlen(text),
                                .text = (char *)text, /* libspng only reads it */
                                .language_tag = none,
                                .translated_keyword = none};
    memcpy(chunk->keyword, keyword, strlen(keyword));
}

static int encode(spng_ctx *png, const ec_image *image, const char *title,
                  const char *description) {
    struct spng_ihdr header = {.width = (uint32_t)image->width,
                               .height = (uint32_t)image->height,
                               .bit_depth = 8,
                               .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    struct spng_text chunk[2];
    uint32_t n = 0;
    if (title != NULL) name_chunk(&chunk[n++], "Title", title);
    if (description != NULL) name_chunk(&chunk[n++], "Description", description);
    int code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    if (code == 0) code = spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, 6);
    if (code == 0) code = spng_set_option(png, SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_ALL);
    if (code == 0) code = spng_set_ihdr(png, &header);
    if (code == 0 && n > 0) code = spng_set_text(png, chunk, n);
    return code != 0 ? code
                     : spng_encode_image(png, image->rgb, image->width * image->height * 3,
                                         SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
}

ec_status ec_picture_encode(void **bytes, size_t *size_bytes, const ec_image *image,
                            const char *title, const char *description, ec_error *err) {
    *bytes = NULL;
    *size_bytes = 0;
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    if (png == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for a PNG file");
    int code = encode(png, image, title, description);
    if (code == 0) *bytes = spng_get_png_buffer(png, size_bytes, &code);
    spng_ctx_free(png);
    if (*bytes == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "cannot encode a picture of %zu x %zu pixels: %s",
                       image->width, image->height, spng_strerror(code));
    return EC_OK;
}

ec_status ec_picture_save(const char *path, const ec_image *image, const char *title,
                          const char *description, ec_error *err) {
    void *bytes;
    size_t size_bytes;
    ec_status status = ec_picture_encode(&bytes, &size_bytes, image, title, description, err);
    if (status == EC_OK) status = ec_file_write(path, bytes, size_bytes, err);
    free(bytes);
    return status;
}

/* The text of the last chunk with that keyword; NULL without one. `failed`: out of memory. */
static char *find_text(const struct spng_text *chunks, uint32_t n, const char *keyword,
                       bool *failed) {
    const struct spng_text *found = NULL;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(chunks[i].keyword, keyword) == 0) found = &chunks[i];
    if (found == NULL) return NULL;
    char *copy = calloc(found->length + 1, 1);
    if (copy != NULL) memcpy(copy, found->text, found->length);
    *failed = *failed || copy == NULL;
    return copy;
}

static int read_words(ec_picture_words *out, struct spng_ihdr *header, spng_ctx *png,
                      const void *bytes, size_t size_bytes, bool *failed) {
    int code = spng_set_chunk_limits(png, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES);
    if (code == 0) code = spng_set_png_buffer(png, bytes, size_bytes);
    if (code == 0) code = spng_get_ihdr(png, header);
    if (code == 0) code = spng_decode_chunks(png);
    if (code != 0) return code;
    uint32_t n = 0;
    code = spng_get_text(png, NULL, &n);
    if (code == SPNG_ECHUNKAVAIL) return 0;
    struct spng_text *chunks = code == 0 ? calloc(n, sizeof *chunks) : NULL;
    if (chunks == NULL) return code != 0 ? code : SPNG_EMEM;
    code = spng_get_text(png, chunks, &n);
    if (code == 0) out->title = find_text(chunks, n, "Title", failed);
    if (code == 0) out->description = find_text(chunks, n, "Description", failed);
    free(chunks);
    return code;
}

ec_status ec_picture_read_words(ec_picture_words *out, size_t *width, size_t *height,
                                const void *bytes, size_t size_bytes, const char *name,
                                ec_error *err) {
    *out = (ec_picture_words){0};
    struct spng_ihdr header = {0};
    bool failed = false;
    spng_ctx *png = spng_ctx_new(0);
    const int code =
        png == NULL ? SPNG_EMEM : read_words(out, &header, png, bytes, size_bytes, &failed);
    spng_ctx_free(png);
    *width = header.width;
    *height = header.height;
    if (code == 0 && !failed) return EC_OK;
    ec_picture_words_release(out);
    return failed || code == SPNG_EMEM
               ? ec_no_memory(name, err)
               : ec_fail(err, EC_ERR_FORMAT, "%s: damaged PNG file: %s", name, spng_strerror(code));
}
