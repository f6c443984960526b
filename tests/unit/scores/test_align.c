/* test_align.c - the A score from images: what is shared, left out, stopped.
 * That the numbers are right is for tests/cli/test_align.sh to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "eyechart/alignment.h"
#include "folder.h"

#define ALIGN EC_SOURCE_DIR "/tests/align/"
#define PARITY EC_SOURCE_DIR "/tests/parity/"

enum { N_IMAGES = 3, N_CANDIDATES = 4, N_REFERENCES = 2 };

static const ec_feature_source clip = {.folder = PARITY "clip-f32", .prepare = EC_PREPARE_SQUARE},
                               dino = {.folder = PARITY "dinov2-plain",
                                       .prepare = EC_PREPARE_SQUARE},
                               siglip = {.folder = PARITY "siglip-bf16-sharded",
                                         .prepare = EC_PREPARE_SQUARE},
                               vit = {.folder = PARITY "vit-no-qkv-bias",
                                      .prepare = EC_PREPARE_SQUARE};
static const ec_feature_source both[] = {
    {.folder = PARITY "siglip-bf16-sharded", .prepare = EC_PREPARE_SQUARE},
    {.folder = PARITY "../parity/vit-no-qkv-bias/", .prepare = EC_PREPARE_SQUARE}, /* spelt otherwise, the same */
};
static const ec_align_member references[N_REFERENCES] = {
    {"first", &clip, 1, ALIGN "clip.bin"}, {"second", &dino, 1, ALIGN "dinov2.safetensors"}};
static const ec_align_member candidates[N_CANDIDATES] = {
    {"both", both, 2, ALIGN "whole"},
    {"siglip", &siglip, 1, ALIGN "siglip.safetensors"},
    {"vit", &vit, 1, ALIGN "vit.bin"},
    {"first", &clip, 1, ALIGN "clip.bin"}};

static ec_ctx *ctx;

static ec_aligner *open_aligner(const ec_align_member *c, size_t n, bool bf16) {
    const ec_align_options options = {.bf16_compat = bf16, .encoder = {.ctx = ctx}};
    ec_aligner *a;
    ec_error err;
    if (ec_aligner_open(&a, references, N_REFERENCES, c, n, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
    return a;
}

#define IMAGES EC_SOURCE_DIR "/tests/images/"
static const char *const images[N_IMAGES] = {IMAGES "png-rgb-8.png", IMAGES "pnm-p3.ppm",
                                             IMAGES "bmp-24.bmp"};

typedef double scores[N_IMAGES][N_CANDIDATES][N_REFERENCES];

static void run(scores out, ec_aligner *a, const bool *wanted) {
    ec_error err;
    if (ec_aligner_run(&out[0][0][0], a, images, N_IMAGES, wanted, NULL, NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
}

static void an_image_scores_the_same_in_any_list(void **state) {
    (void)state;
    ec_aligner *a = open_aligner(candidates, N_CANDIDATES, false);
    scores all;
    run(all, a, NULL);
    double one[N_CANDIDATES][N_REFERENCES];
    for (size_t i = 0; i < N_IMAGES; i++) {
        assert_int_equal(ec_aligner_run(&one[0][0], a, &images[i], 1, NULL, NULL, NULL, NULL),
                         EC_OK);
        assert_memory_equal(one, all[i], sizeof one);
        assert_true(fabs(one[3][0] - 1.0) < 1e-6); /* the first reference, as a candidate */
    }
    assert_int_equal(ec_aligner_run(NULL, a, NULL, 0, NULL, NULL, NULL, NULL), EC_OK);
    ec_aligner_close(a);
}

static void only_what_is_wanted_is_computed(void **state) {
    (void)state;
    ec_aligner *a = open_aligner(candidates, N_CANDIDATES, false);
    scores all, some;
    run(all, a, NULL);
    for (unsigned mask = 0; mask < 1u << N_CANDIDATES; mask++) {
        bool wanted[N_CANDIDATES];
        for (size_t c = 0; c < N_CANDIDATES; c++) wanted[c] = mask >> c & 1;
        run(some, a, wanted);
        for (size_t i = 0; i < N_IMAGES; i++)
            for (size_t c = 0; c < N_CANDIDATES; c++)
                for (size_t r = 0; r < N_REFERENCES; r++)
                    assert_true(wanted[c] ? some[i][c][r] == all[i][c][r] : isnan(some[i][c][r]));
    }
    ec_aligner_close(a);
}

/* Whatever is kept in memory, and however many images go through an encoder at a time. */
static void scores_depend_on_neither_blocks_nor_batches(void **state) {
    (void)state;
    scores all, some;
    ec_aligner *a = open_aligner(candidates, N_CANDIDATES, false);
    run(all, a, NULL);
    ec_aligner_close(a);
    for (size_t batch = 1; batch <= N_IMAGES; batch++) {
        const ec_align_options options = {.encoder = {.ctx = ctx}, .batch = batch, .kept_bytes = 1};
        ec_error err;
        assert_int_equal(
            ec_aligner_open(&a, references, N_REFERENCES, candidates, N_CANDIDATES, &options, &err),
            EC_OK);
        run(some, a, NULL);
        assert_memory_equal(all, some, sizeof all);
        ec_aligner_close(a);
    }
}

/* A reference of several encoders, one of which is a candidate by itself with its connector. */
static void a_combination_may_be_a_reference(void **state) {
    (void)state;
    const ec_align_member joined[] = {candidates[0], references[0]};
    const ec_align_options options = {.encoder = {.ctx = ctx}};
    scores all;
    double out[N_IMAGES][N_CANDIDATES][2];
    ec_aligner *a = open_aligner(candidates, N_CANDIDATES, false);
    ec_error err;
    run(all, a, NULL);
    ec_aligner_close(a);
    assert_int_equal(ec_aligner_open(&a, joined, 2, candidates, N_CANDIDATES, &options, &err),
                     EC_OK);
    assert_int_equal(ec_aligner_run(&out[0][0][0], a, images, N_IMAGES, NULL, NULL, NULL, &err),
                     EC_OK);
    for (size_t i = 0; i < N_IMAGES; i++) {
        assert_true(fabs(out[i][0][0] - 1.0) < 1e-6);
        for (size_t c = 0; c < N_CANDIDATES; c++) assert_true(out[i][c][1] == all[i][c][0]);
    }
    ec_aligner_close(a);
}

/* How many files of weights this process has mapped. */
static size_t count_mapped(const char *ending) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[2048], last[2048] = "";
    size_t n = 0;
    if (maps == NULL) skip();
    while (fgets(line, sizeof line, maps) != NULL) {
        const char *path = strchr(line, '/');
        if (path == NULL || strstr(path, "/parity/") == NULL || strstr(path, ending) == NULL)
            continue;
        n += strcmp(path, last) != 0; /* a file may stand in several lines, one after the other */
        snprintf(last, sizeof last, "%s", path);
    }
    fclose(maps);
    return n;
}

typedef struct {
    size_t n_calls, stop_at, n_done, n_total, n_mapped;
} stopping;

static bool stop_at(void *context, const ec_align_progress *progress) {
    stopping *s = context;
    assert_true(progress->n_done >= s->n_done && progress->n_done <= progress->n_total);
    assert_null(progress->turned);
    const size_t n_mapped = count_mapped("model.safetensors");
    if (n_mapped > s->n_mapped) s->n_mapped = n_mapped;
    s->n_done = progress->n_done;
    s->n_total = progress->n_total;
    return ++s->n_calls != s->stop_at;
}

/* Four encoders; that of a reference and that of a combination are candidates as well. */
static void a_run_can_be_stopped_anywhere_and_repeated(void **state) {
    (void)state;
    ec_aligner *a = open_aligner(candidates, N_CANDIDATES, false);
    scores all, again;
    ec_error err;
    stopping s = {.stop_at = 0};
    assert_int_equal(ec_aligner_run(&all[0][0][0], a, images, N_IMAGES, NULL, stop_at, &s, &err),
                     EC_OK);
    assert_int_equal(s.n_total, 4 * N_IMAGES);
    assert_int_equal(s.n_done, s.n_total);
    const size_t n_calls = s.n_calls;
    assert_true(n_calls >= N_REFERENCES + N_CANDIDATES);
    for (size_t step = 1; step <= n_calls; step++) {
        s = (stopping){.stop_at = step};
        assert_int_equal(
            ec_aligner_run(&again[0][0][0], a, images, N_IMAGES, NULL, stop_at, &s, &err),
            EC_ERR_INTERRUPTED);
        assert_int_equal(s.n_calls, step);
        assert_int_equal(s.n_total, 4 * N_IMAGES);
    }
    run(again, a, NULL);
    assert_memory_equal(all, again, sizeof all);
    ec_aligner_close(a);
}

/* However many candidates there are: memory holds the weights of the one that is at work. */
static void one_encoder_is_open_at_a_time(void **state) {
    (void)state;
    const ec_align_member plain[] = {
        candidates[2], candidates[3], {"second", &dino, 1, ALIGN "dinov2.safetensors"}};
    ec_aligner *a;
    scores out;
    ec_error err;
    stopping s = {.stop_at = 0};
    assert_int_equal(count_mapped("model.safetensors"), 0);
    const ec_align_options options = {.encoder = {.ctx = ctx}};
    assert_int_equal(ec_aligner_open(&a, references, N_REFERENCES, plain, 3, &options, &err),
                     EC_OK);
    assert_int_equal(count_mapped("model.safetensors"), 0);
    assert_int_equal(ec_aligner_run(&out[0][0][0], a, images, N_IMAGES, NULL, stop_at, &s, &err),
                     EC_OK);
    assert_int_equal(s.n_mapped, 1);
    assert_int_equal(count_mapped("model.safetensors"), 0);
    ec_aligner_close(a);
}

static void members_are_described(void **state) {
    (void)state;
    ec_aligner *a = open_aligner(candidates, N_CANDIDATES, false);
    const ec_align_info c = ec_aligner_candidate(a, 0), s = ec_aligner_candidate(a, 1),
                        v = ec_aligner_candidate(a, 2), r = ec_aligner_reference(a, 0);
    assert_true(c.n_tokens == 9 && c.n_channels == 68 && c.width == 48);
    assert_string_equal(c.connector_type, "mlp3x_gelu");
    assert_true(r.n_tokens == 25 && r.n_channels == 40 && r.width == 48);
    const double encoders = s.flops - 9 * 2.0 * (36 * 56 + 56 * 48) + v.flops - 9 * 2.0 * 32 * 48;
    assert_true(fabs(c.flops - encoders - 9 * 2.0 * (68 * 40 + 40 * 44 + 44 * 48)) < 1e-6);
    ec_aligner_close(a);
}

static void assert_refused(const ec_align_member *r, size_t n_references, const ec_align_member *c,
                           ec_status status, const char *const *words) {
    const ec_align_options options = {.encoder = {.ctx = ctx}};
    ec_aligner *a;
    ec_error err = {.message = "(none)"};
    const ec_status got = ec_aligner_open(&a, r, n_references, c, 1, &options, &err);
    assert_null(a);
    for (size_t i = 0; words[i] != NULL; i++)
        if (got != status || strstr(err.message, words[i]) == NULL)
            fail_msg("status %d: %s; expected %d and '%s'", got, err.message, status, words[i]);
}

#define REFUSED(status, ...)                                                                       \
    assert_refused(references, N_REFERENCES, &bad, status,                                         \
                   (const char *const[]){"bad: ", __VA_ARGS__, NULL})

static void what_does_not_fit_is_refused_by_name(void **state) {
    (void)state;
    const ec_feature_source grids[] = {clip, vit};
    ec_align_member bad = {"bad", &clip, 1, ALIGN "siglip.safetensors"};
    REFUSED(EC_ERR_FORMAT, "siglip.safetensors takes 36 channels", "the encoder gives 40");
    bad = (ec_align_member){"bad", both, 2, ALIGN "vit.bin"};
    REFUSED(EC_ERR_FORMAT, "vit.bin takes 32 channels", "the encoders together give 68");
    bad = (ec_align_member){"bad", grids, 2, ALIGN "vit.bin"};
    REFUSED(EC_ERR_ARG, "clip-f32 has 5 x 5 patches", "vit-no-qkv-bias 3 x 3", "@PIXELS");
    bad = (ec_align_member){"bad", &clip, 1, ALIGN "none.bin"};
    REFUSED(EC_ERR_NOT_FOUND, "none.bin");
    bad = (ec_align_member){"bad", &clip, 0, ALIGN "clip.bin"};
    REFUSED(EC_ERR_ARG, "no encoder");
    const ec_feature_source missing = {.folder = PARITY "none", .prepare = EC_PREPARE_SQUARE};
    bad = (ec_align_member){"bad", &missing, 1, ALIGN "clip.bin"};
    REFUSED(EC_ERR_NOT_FOUND, "none");
    assert_refused(references, 0, candidates, EC_ERR_ARG,
                   (const char *const[]){"no reference", NULL});
}

/* A safetensors connector of one linear, all bytes the same. */
static void write_linear(const char *path, size_t in, size_t out, unsigned char byte) {
    char header[256];
    const size_t weights = 4 * in * out, size = weights + 4 * out;
    const int n =
        snprintf(header, sizeof header,
                 "{\"weight\":{\"dtype\":\"F32\",\"shape\":[%zu,%zu],\"data_offsets\":[0,%zu]},"
                 "\"bias\":{\"dtype\":\"F32\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}}",
                 out, in, weights, out, weights, size);
    unsigned char *bytes = calloc(1, 8 + (size_t)n + size);
    bytes[0] = (unsigned char)n;
    memcpy(bytes + 8, header, (size_t)n);
    memset(bytes + 8 + n, byte, size);
    folder_write_bytes(path, bytes, 8 + (size_t)n + size);
    free(bytes);
}

static void connectors_that_cannot_be_compared_are_named(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    char narrow[2 * FOLDER_SIZE], nan[2 * FOLDER_SIZE];
    snprintf(narrow, sizeof narrow, "%s/narrow.safetensors", folder);
    snprintf(nan, sizeof nan, "%s/nan.safetensors", folder);
    write_linear(narrow, 32, 47, 0);
    write_linear(nan, 32, 48, 0xff);
    ec_align_member bad = {"bad", &vit, 1, narrow};
    REFUSED(EC_ERR_FORMAT, "gives 47 numbers", "that of first 48", "different language models");

    bad.connector = nan;
    ec_aligner *a = open_aligner(&bad, 1, false);
    double out[N_IMAGES][N_REFERENCES];
    ec_error err;
    assert_int_equal(ec_aligner_run(&out[0][0], a, images, N_IMAGES, NULL, NULL, NULL, &err),
                     EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "bad: " IMAGES "png-rgb-8.png: token 0"));
    assert_non_null(strstr(err.message, "not finite"));
    ec_aligner_close(a);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_scores_the_same_in_any_list),
        cmocka_unit_test(only_what_is_wanted_is_computed),
        cmocka_unit_test(scores_depend_on_neither_blocks_nor_batches),
        cmocka_unit_test(a_combination_may_be_a_reference),
        cmocka_unit_test(a_run_can_be_stopped_anywhere_and_repeated),
        cmocka_unit_test(one_encoder_is_open_at_a_time),
        cmocka_unit_test(members_are_described),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
        cmocka_unit_test(connectors_that_cannot_be_compared_are_named),
    };
    ctx = open_device(NULL, 2);
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    ec_ctx_free(ctx);
    return n_failed;
}
