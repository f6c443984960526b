/* test_image.c - decoding, against what Pillow made of the same bytes
 *
 * tests/golden/image-decode.csv and tests/images/ are from tools/make_image_fixtures.py. Pillow
 * 10.4, 12.1, 12.3 and 13.0 decode these files alike but for the run-length encoded BMPs, which
 * older ones read differently.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eyechart/rng.h"
#include "golden_csv.h"
#include "image/exif.h"
#include "image_pattern.h"

static uint8_t *sample(size_t *size_bytes, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/images/%s", EC_SOURCE_DIR, name);
    return image_file(size_bytes, path);
}

static ec_status decode(ec_image *out, const uint8_t *bytes, size_t size_bytes, const char *name,
                        ec_error *err) {
    /* A copy of just that size, so that AddressSanitizer sees reads behind it. */
    uint8_t *copy = malloc(size_bytes + (size_bytes == 0));
    memcpy(copy, bytes, size_bytes);
    const ec_status status = ec_image_decode(out, copy, size_bytes, name, err);
    free(copy);
    return status;
}

static bool starts_with(const char *name, const char *start) {
    return strncmp(name, start, strlen(start)) == 0;
}

/* Whole files and their beginnings. Where Pillow refuses we do; where both read, pixels are equal.
 * We may be stricter with GIF and PNG that lack their last bytes or a palette. */
static void decoding_equals_pillow(void **state) {
    (void)state;
    golden_csv g;
    golden_open(&g, "image-decode.csv");
    size_t n_equal = 0, n_refused = 0, n_stricter = 0;
    while (golden_next(&g)) {
        const char *name = g.field[0];
        const size_t n = (size_t)golden_number(&g, 1), width = (size_t)golden_number(&g, 2);
        size_t size_bytes;
        uint8_t *bytes = sample(&size_bytes, name);
        ec_image image;
        ec_error err;
        const ec_status status = decode(&image, bytes, n, name, &err);
        if (status != EC_OK) {
            assert_int_equal(status, EC_ERR_FORMAT);
            assert_null(image.rgb);
            assert_non_null(strstr(err.message, name));
            const bool may_be_stricter =
                (n < size_bytes && (starts_with(name, "png-") || starts_with(name, "gif-"))) ||
                strcmp(name, "png-no-palette.png") == 0;
            if (width != 0 && !may_be_stricter)
                fail_msg("Pillow reads %s (%zu bytes), we do not: %s", name, n, err.message);
            n_stricter += width != 0;
            n_refused += width == 0;
        } else {
            if (width == 0) fail_msg("Pillow refuses %s (%zu bytes), we do not", name, n);
            if (image.width != width || image.height != (size_t)golden_number(&g, 3) ||
                image_rgb_crc(&image) != (uint32_t)golden_number(&g, 4))
                fail_msg("%s (%zu bytes): not the pixels of Pillow", name, n);
            n_equal++;
        }
        ec_image_release(&image);
        free(bytes);
    }
    print_message("%zu equal, %zu refused like Pillow, %zu refused though Pillow reads them\n",
                  n_equal, n_refused, n_stricter);
    assert_true(n_equal > 300 && n_stricter < 30);
}

/* Pictures that ask to be turned, upright as ImageOps.exif_transpose() makes them:
 * tools/make_exif_fixtures.py. */
static void turning_equals_pillow(void **state) {
    (void)state;
    golden_csv g;
    golden_open(&g, "image-exif.csv");
    size_t n = 0;
    while (golden_next(&g)) {
        char name[128];
        size_t size_bytes;
        ec_image image, upright;
        ec_error err;
        snprintf(name, sizeof name, "exif/%s", g.field[0]);
        uint8_t *bytes = sample(&size_bytes, name);
        if (decode(&image, bytes, size_bytes, name, &err) != EC_OK) fail_msg("%s", err.message);
        free(bytes);
        assert_int_equal(ec_image_turn(&upright, &image, image.orientation, &err), EC_OK);
        if (upright.width != (size_t)golden_number(&g, 1) ||
            upright.height != (size_t)golden_number(&g, 2) ||
            image_rgb_crc(&upright) != (uint32_t)golden_number(&g, 3))
            fail_msg("%s: orientation %u is not Pillow's", name, image.orientation);
        ec_image_release(&image);
        ec_image_release(&upright);
        n++;
    }
    print_message("%zu pictures upright as Pillow has them\n", n);
    assert_true(n > 40);
}

static unsigned orientation_of(const char *exif, size_t n, const char *xmp) {
    uint8_t *copy = malloc(n); /* of just that size, for AddressSanitizer */
    memcpy(copy, exif, n);
    const unsigned orientation = ec_exif_orientation(
        &(ec_exif){copy, n, (const uint8_t *)xmp, xmp != NULL ? strlen(xmp) : 0});
    free(copy);
    return orientation;
}

/* What a camera did not write is no reason to refuse a picture, nor to turn it. */
static void damaged_exif_says_nothing(void **state) {
    (void)state;
    static const char good[] =
        "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0";
    const size_t n = sizeof good - 1;
    assert_int_equal(orientation_of(good, n, NULL), 6);
    assert_int_equal(orientation_of(good + 6, n - 6, NULL), 6);
    for (size_t cut = 1; cut < 32; cut++)
        assert_int_equal(orientation_of(good, cut, NULL), cut >= 28 ? 6 : 1);
    static const char far[] = "II*\0\xff\xff\xff\xff";
    assert_int_equal(orientation_of(far, sizeof far - 1, NULL), 1);
    static const char many[] = "II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\xff\xff\xff\xff\0\0\0\0";
    assert_int_equal(orientation_of(many, sizeof many - 1, NULL), 1);
    assert_int_equal(orientation_of("II*\0", 4, "tiff:Orientation='6' tiff:Orientation=\"3\""), 3);
    assert_int_equal(orientation_of("II*\0", 4, "<tiff:Orientation>9</"), 1);
    assert_int_equal(orientation_of("II*\0", 4, "tiff:Orientation=\""), 1);
}

static void loading_tells_formats_by_content(void **state) {
    (void)state;
    char path[] = "/tmp/eyechart-image-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    size_t size_bytes;
    uint8_t *bytes = sample(&size_bytes, "gif-plain.gif");
    FILE *file = fdopen(fd, "wb");
    assert_true(fwrite(bytes, 1, size_bytes, file) == size_bytes);
    fclose(file);
    free(bytes);

    ec_image image;
    ec_error err;
    assert_int_equal(ec_image_load(&image, path, &err), EC_OK);
    assert_int_equal(image.width, 29);
    ec_image_release(&image);
    assert_null(image.rgb);
    remove(path);
    assert_int_equal(ec_image_load(&image, path, &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
}

static void what_is_not_an_image_is_named(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size_bytes;
        const char *says;
    } cases[] = {
        {"", 0, "empty"},
        {"P", 1, "not an image"},
        {"Hello, world. This is text.", 27, "not an image"},
        {"II*\0\x08\0\0\0", 8, "TIFF"},
        {"\0\0\0\x18"
         "ftypavif",
         12, "AVIF"},
        {"RIFF\x04\0\0\0WAVE", 12, "not an image"},
        {"\xff\xd8\xff", 3, "truncated"},
        {"\x89PNG\r\n\x1a\n", 8, "PNG"},
        {"GIF89a", 6, "GIF"},
        {"BM", 2, "truncated"},
        {"P6 1 1 255 ", 11, "truncated"},
        {"P7\n", 3, "not an image"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 5\n", 61,
         "not an image, but a Git LFS pointer"},
        {"<html><title>403</title></html>", 31, "an HTML page ('403')"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_image image;
        ec_error err;
        assert_int_equal(
            decode(&image, (const uint8_t *)cases[i].bytes, cases[i].size_bytes, "a.jpg", &err),
            EC_ERR_FORMAT);
        assert_true(starts_with(err.message, "a.jpg: "));
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.message, cases[i].says);
    }
}

/* What Pillow refuses, and kinds that it refuses and we read (docs/models.md). */
static void damage_is_refused_as_pillow_refuses_it(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t at;
        uint8_t byte;
        const char *says; /* NULL: it is read */
    } cases[] = {
        {"gif-short-palette.gif", 637, 255, "compressed data are damaged"},
        {"png-gamma.png", 43, 198, "damaged PNG"},            /* of a checksum that nobody needs */
        {"png-grey-transparent.png", 38, 230, "a chunk has"}, /* of a name */
        {"bmp-16-555-masks.bmp", 58, 0, NULL},                /* a mask of fewer bits */
        {"jpeg-411.jpg", 3, 1, NULL},                         /* TEM in the place of APP0 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size_bytes;
        uint8_t *bytes = sample(&size_bytes, cases[i].name);
        bytes[cases[i].at] = cases[i].byte;
        ec_image image;
        ec_error err = {.message = ""};
        const ec_status status = decode(&image, bytes, size_bytes, cases[i].name, &err);
        if (status != (cases[i].says != NULL ? EC_ERR_FORMAT : EC_OK) ||
            (cases[i].says != NULL && strstr(err.message, cases[i].says) == NULL))
            fail_msg("%s: status %d, '%s'", cases[i].name, status, err.message);
        ec_image_release(&image);
        free(bytes);
    }
}

/* Two greys are not the beginning of all: what has no colour is black. */
static void two_greys_are_two_colours(void **state) {
    (void)state;
    size_t size_bytes;
    uint8_t *bytes = sample(&size_bytes, "bmp-8-grey.bmp");
    bytes[46] = 2;
    ec_image image;
    ec_error err = {.message = ""};
    if (decode(&image, bytes, size_bytes, "grey.bmp", &err) != EC_OK) fail_msg("%s", err.message);
    /* Pillow 13.0.0 */
    assert_int_equal(image_crc(image.rgb, 3 * image.width * image.height), 2996516678u);
    ec_image_release(&image);
    free(bytes);
}

/* Headers that promise more pixels than EC_IMAGE_MAX_PIXELS are refused before any is allocated:
 * under the limit on memory of the sanitizer builds, a try would show. */
static void bombs_are_refused_in_every_format(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t at, n; /* where the size is written */
        const char *size;
    } cases[] = {
        {"bmp-24.bmp", 18, 8, "\xff\xff\0\0\xff\xff\0\0"},
        {"pnm-p6.ppm", 0, 18, "P6\n99999 99999 255"},
        {"gif-plain.gif", 6, 4, "\xff\xff\xff\xff"},
        {"webp-frame-offset.webp", 24, 6, "\0\x40\0\0\x40\0"},
        {"jpeg-420.jpg", 0, 4, "\xfe\xfe\xfe\xfe"},
        {"png-rgb-8.png", 16, 8, "\0\1\0\0\0\1\0\0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size_bytes, at = cases[i].at;
        uint8_t *bytes = sample(&size_bytes, cases[i].name);
        if (starts_with(cases[i].name, "jpeg")) /* in the frame header */
            for (at = 5; bytes[at - 5] != 0xff || bytes[at - 4] != 0xc0;) at++;
        memcpy(bytes + at, cases[i].size, cases[i].n);
        if (starts_with(cases[i].name, "png")) { /* and its checksum */
            const uint32_t crc = image_crc(bytes + 12, 17);
            for (size_t k = 0; k < 4; k++) bytes[29 + k] = (uint8_t)(crc >> (24 - 8 * k));
        }
        ec_image image;
        ec_error err;
        assert_int_equal(decode(&image, bytes, size_bytes, cases[i].name, &err), EC_ERR_FORMAT);
        if (strstr(err.message, "bomb") == NULL)
            fail_msg("%s: '%s' does not speak of a bomb", cases[i].name, err.message);
        free(bytes);
    }
}

/* A progressive file of a thousand refinements of nothing, in a few kilobytes. */
static void a_jpeg_of_too_many_scans_is_refused(void **state) {
    (void)state;
    size_t size_bytes;
    uint8_t *bytes = sample(&size_bytes, "jpeg-420-progressive.jpg");
    /* The last scan of the file, up to the end marker, again and again. */
    size_t scan = size_bytes - 2;
    while (bytes[scan] != 0xff || bytes[scan + 1] != 0xda) scan--;
    const size_t scan_bytes = size_bytes - 2 - scan;
    enum { REPEATS = 101 };
    uint8_t *many = malloc(size_bytes + REPEATS * scan_bytes);
    size_t n = size_bytes - 2;
    memcpy(many, bytes, n);
    for (int i = 0; i < REPEATS; i++, n += scan_bytes) memcpy(many + n, bytes + scan, scan_bytes);
    memcpy(many + n, bytes + size_bytes - 2, 2);
    ec_image image;
    ec_error err;
    assert_int_equal(decode(&image, many, n + 2, "many.jpg", &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "scans"));
    free(many);
    free(bytes);
}

/* Turns some bytes into others; a cut now and then. */
static size_t corrupt(uint8_t *bytes, size_t n, ec_rng *rng) {
    const size_t n_changes = 1 + ec_rng_below(rng, 4);
    for (size_t k = 0; k < n_changes; k++) {
        /* Half of them where headers are. */
        const size_t at = ec_rng_below(rng, ec_rng_below(rng, 2) == 0 && n > 64 ? 64 : n);
        static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        bytes[at] = ec_rng_below(rng, 2) == 0 ? values[ec_rng_below(rng, sizeof values)]
                                              : (uint8_t)ec_rng_below(rng, 256);
    }
    return ec_rng_below(rng, 4) == 0 ? ec_rng_below(rng, n + 1) : n;
}

/* Every fixture, corrupted in many ways: an image or a message, and (with the sanitizers) nothing
 * else. */
static void corrupted_files_do_no_harm(void **state) {
    (void)state;
    golden_csv g;
    golden_open(&g, "image-decode.csv");
    char last[256] = "";
    ec_rng rng;
    ec_rng_init(&rng, 7, 0);
    size_t n_read = 0, n_refused = 0;
    while (golden_next(&g)) {
        if (strcmp(g.field[0], last) == 0) continue;
        snprintf(last, sizeof last, "%s", g.field[0]);
        size_t size_bytes;
        uint8_t *bytes = sample(&size_bytes, last), *copy = malloc(size_bytes);
        for (int i = 0; i < 24; i++) {
            memcpy(copy, bytes, size_bytes);
            const size_t n = corrupt(copy, size_bytes, &rng);
            ec_image image;
            ec_error err = {0};
            const ec_status status = decode(&image, copy, n, last, &err);
            if (status == EC_OK) {
                assert_true(image.width > 0 && image.height > 0 && image.rgb != NULL);
                assert_true(image.width <= EC_IMAGE_MAX_PIXELS / image.height);
                n_read++;
            } else {
                assert_true(status == EC_ERR_FORMAT || status == EC_ERR_NOMEM);
                assert_null(image.rgb);
                assert_true(starts_with(err.message, last));
                n_refused++;
            }
            ec_image_release(&image);
        }
        free(copy);
        free(bytes);
    }
    print_message("%zu read, %zu refused\n", n_read, n_refused);
    assert_true(n_read > 300 && n_refused > 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_equals_pillow),
        cmocka_unit_test(turning_equals_pillow),
        cmocka_unit_test(damaged_exif_says_nothing),
        cmocka_unit_test(loading_tells_formats_by_content),
        cmocka_unit_test(what_is_not_an_image_is_named),
        cmocka_unit_test(damage_is_refused_as_pillow_refuses_it),
        cmocka_unit_test(two_greys_are_two_colours),
        cmocka_unit_test(bombs_are_refused_in_every_format),
        cmocka_unit_test(a_jpeg_of_too_many_scans_is_refused),
        cmocka_unit_test(corrupted_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
