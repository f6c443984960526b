/* test_alignment.c - the A score of embeddings that are there: definition, roundings, invariances
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "device.h"
#include "eyechart/alignment.h"
#include "eyechart/rng.h"
#include "eyechart/tensor.h"

#define ALIGN EC_SOURCE_DIR "/tests/align/"

static float *rows_of(const ec_tensor *tensor) {
    const size_t n = ec_tensor_count(tensor);
    float *out = malloc(n * sizeof *out);
    ec_tensor_to_f32(out, tensor, 0, n);
    return out;
}

static float *random_rows(size_t n, size_t width, uint64_t seed) {
    float *out = malloc(n * width * sizeof *out);
    ec_rng rng;
    ec_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < n * width; i++) out[i] = (float)ec_rng_normal(&rng);
    return out;
}

static float *copy_of(const float *rows, size_t n) {
    float *out = malloc(n * sizeof *out);
    memcpy(out, rows, n * sizeof *out);
    return out;
}

/* Of copies, so that the caller keeps the rows as they are. */
static double score(const float *target, size_t n_target, const float *reference,
                    size_t n_reference, size_t width, bool bf16, const char *device,
                    size_t threads) {
    ec_ctx *ctx = open_device(device, threads);
    ec_error err;
    double mean = NAN;
    float *t = copy_of(target, n_target * width), *r = copy_of(reference, n_reference * width);
    assert_int_equal(ec_alignment_normalise(t, n_target, width, bf16, &err), EC_OK);
    assert_int_equal(ec_alignment_normalise(r, n_reference, width, bf16, &err), EC_OK);
    assert_int_equal(
        ec_alignment_max_cosine(&mean, ctx, t, n_target, r, n_reference, width, bf16, &err), EC_OK);
    free(t);
    free(r);
    ec_ctx_free(ctx);
    return mean;
}

/* Written by tools/align_reference.py. Observed: 6e-8 in f32, equal in bfloat16. */
static void scores_are_those_of_numpy_and_of_pytorch_in_bfloat16(void **state) {
    (void)state;
    ec_weights *w;
    ec_error err;
    assert_int_equal(ec_weights_open(&w, ALIGN "embeddings.safetensors", &err), EC_OK);
    FILE *csv = fopen(ALIGN "embeddings.csv", "r");
    assert_non_null(csv);
    char line[256];
    assert_non_null(fgets(line, sizeof line, csv));
    size_t n_sets = 0;
    for (int set; fgets(line, sizeof line, csv) != NULL; n_sets++) {
        double wanted, wanted_bf16;
        assert_int_equal(sscanf(line, "%d,%lf,%lf", &set, &wanted, &wanted_bf16), 3);
        char name[32];
        snprintf(name, sizeof name, "%d.target", set);
        const ec_tensor *t = ec_weights_find(w, name);
        snprintf(name, sizeof name, "%d.reference", set);
        const ec_tensor *r = ec_weights_find(w, name);
        assert_true(t != NULL && r != NULL);
        float *target = rows_of(t), *reference = rows_of(r);
        static const char *const devices[] = {NULL, "cpu:portable", "ref"};
        for (size_t i = 0; i < 3; i++) {
            const double a = score(target, t->shape[0], reference, r->shape[0], t->shape[1], false,
                                   devices[i], 1);
            if (!(fabs(a - wanted) < 3e-7)) fail_msg("set %d: %.9f, expected %.9f", set, a, wanted);
        }
        const double b =
            score(target, t->shape[0], reference, r->shape[0], t->shape[1], true, NULL, 1);
        if (b != wanted_bf16) fail_msg("set %d: %.9f, expected %.9f", set, b, wanted_bf16);
        free(target);
        free(reference);
    }
    assert_int_equal(n_sets, 4);
    fclose(csv);
    ec_weights_close(w);
}

/* A_s(CLIP_s) = 1. */
static void a_reference_agrees_with_itself_completely(void **state) {
    (void)state;
    float *e = random_rows(256, 512, 1);
    const double a = score(e, 256, e, 256, 512, false, NULL, 2);
    if (!(fabs(a - 1.0) < 1e-7)) fail_msg("1 - a = %g", 1.0 - a);
    free(e);
}

/* What a connector gives may be of any size, within reason: the authors' 1e-10 beside the length
 * is seen from lengths of 1e-3 downwards. */
static void the_scale_of_embeddings_does_not_matter(void **state) {
    (void)state;
    enum { N = 50, M = 40, D = 96 };
    float *t = random_rows(N, D, 2), *r = random_rows(M, D, 3);
    const double a = score(t, N, r, M, D, false, NULL, 2);
    for (size_t i = 0; i < N; i++) /* each token by its own */
        for (size_t j = 0; j < D; j++) t[i * D + j] *= 100.0f * (1.0f + 0.37f * (float)i);
    for (size_t j = 0; j < M * D; j++) r[j] *= 1e-3f;
    const double b = score(t, N, r, M, D, false, NULL, 2);
    if (!(fabs(a - b) < 1e-7)) fail_msg("%.9f and %.9f", a, b);
    free(t);
    free(r);
}

static void threads_change_no_bit(void **state) {
    (void)state;
    enum { N = 70, M = 61, D = 130 };
    float *t = random_rows(N, D, 4), *r = random_rows(M, D, 5);
    for (int bf16 = 0; bf16 < 2; bf16++) {
        const double one = score(t, N, r, M, D, bf16, NULL, 1);
        assert_true(score(t, N, r, M, D, bf16, NULL, 2) == one);
        assert_true(score(t, N, r, M, D, bf16, NULL, 5) == one);
    }
    free(t);
    free(r);
}

/* The largest of the reference's tokens counts, whichever it is, and negative ones count as well.
 */
static void each_token_looks_for_its_nearest(void **state) {
    (void)state;
    enum { D = 3 };
    const float target[2][D] = {{2, 0, 0}, {0, 0, -5}};
    const float reference[9][D] = {{-1, 0, 0}, {-1, 0, 1}, {0, 0, 1}, {0, 0, 2}, {-3, 0, 3},
                                   {-1, 0, 2}, {-2, 0, 1}, {0, 0, 3}, {3, 0, 4}};
    /* .6 from the last row, and 0 from the first */
    const double a = score(&target[0][0], 2, &reference[0][0], 9, D, false, NULL, 1);
    assert_true(fabs(a - 0.3) < 1e-7);
    const double b = score(&target[1][0], 1, &reference[3][0], 1, D, false, NULL, 1);
    assert_true(b == -1.0);
}

static void a_token_of_zeros_is_like_no_other(void **state) {
    (void)state;
    const float target[2][2] = {{0, 0}, {0, 1}}, reference[1][2] = {{0, 1}};
    assert_true(score(&target[0][0], 2, &reference[0][0], 1, 2, false, NULL, 1) == 0.5);
    assert_true(score(&target[0][0], 2, &reference[0][0], 1, 2, true, NULL, 1) == 0.5);
}

static void numbers_that_are_not_finite_are_refused(void **state) {
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        float rows[3][20] = {{1}, {1}, {1}};
        rows[2][11] = bad[i];
        ec_error err;
        assert_int_equal(ec_alignment_normalise(&rows[0][0], 3, 20, i == 1, &err), EC_ERR_FORMAT);
        assert_non_null(strstr(err.message, "token 2"));
    }
}

static void the_error_is_that_of_the_mean(void **state) {
    (void)state;
    const double values[] = {1, 99, 2, 99, 3, 99, 6, 99};
    const ec_alignment_summary s = ec_alignment_summarise(values, 4, 2);
    assert_true(s.a == 3.0 && s.n_images == 4);
    assert_true(fabs(s.a_error - sqrt(14.0 / 3.0 / 4.0)) < 1e-15);
    assert_true(isnan(ec_alignment_summarise(values, 1, 1).a_error));
    assert_true(isnan(ec_alignment_summarise(values, 0, 1).a));
}

static void assert_hash_of(const char *text, const char *key) {
    char hash[EC_HASH_SIZE];
    ec_hash_bytes(hash, text, strlen(text));
    assert_string_equal(key, hash);
}

/* Kept results are found by it: what decides the numbers is in it, in its order, and nothing else.
 */
static void a_key_is_that_of_the_numbers(void **state) {
    (void)state;
    const ec_align_side clip = {{"c0"}, 1, "k0"};
    const ec_align_side sides[] = {{{"e1", "e2"}, 2, "k1"}, {{"e2", "e1"}, 2, "k1"},
                                   {{"e1"}, 1, "k1"},       {{"e1", "e2"}, 2, "k2"},
                                   {{"e1", "e1"}, 2, "k1"}, clip};
    enum { N = sizeof sides / sizeof *sides };
    char keys[4 * N][33];
    ec_error err;
    for (size_t i = 0; i < 4 * N; i++)
        assert_int_equal(
            ec_alignment_key(keys[i], &sides[i / 4], i % 4 < 2 ? &clip : NULL, i % 2 == 1, &err),
            EC_OK);
    for (size_t i = 0; i < 4 * N; i++)
        for (size_t k = 0; k < i; k++) assert_string_not_equal(keys[i], keys[k]);
    assert_hash_of("A 1 bf16 0\ne1\ne2\nconnector k1\nto\nc0\nconnector k0\n", keys[0]);
    assert_hash_of("embeddings 1 bf16 1\ne1\ne2\nconnector k1\n", keys[3]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_numpy_and_of_pytorch_in_bfloat16),
        cmocka_unit_test(a_reference_agrees_with_itself_completely),
        cmocka_unit_test(the_scale_of_embeddings_does_not_matter),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(each_token_looks_for_its_nearest),
        cmocka_unit_test(a_token_of_zeros_is_like_no_other),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(the_error_is_that_of_the_mean),
        cmocka_unit_test(a_key_is_that_of_the_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
