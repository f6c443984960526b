/* The label-free columns against numpy (tests/golden/representation.csv, written by
 * tools/make_representation_golden.py from the features themselves), and what must not change them.
 */
#include "eyechart/representation.h"

#include "golden_csv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(const char *what, double x, double expected, double tolerance) {
    if (!(golden_difference(x, expected) <= tolerance))
        fail_msg("%s: %.15g, expected %.15g within %g", what, x, expected, tolerance);
}

/* ---- features made up, the same as in the script -------------------------------------------- */

/* Uniform in [-1/2, 1/2). */
static double noise(uint64_t seed, uint64_t i) {
    uint64_t x = (i * 7919 + seed * 104729 + 1) * 2654435761u % ((uint64_t)1 << 32);
    x = (x ^ (x >> 15)) * 2246822519u % ((uint64_t)1 << 32);
    return (double)(x >> 8) / 16777216.0 - 0.5;
}

/* One image [tokens][channels]. */
static void features(float *out, uint64_t seed, size_t image, size_t tokens, size_t channels) {
    for (size_t t = 0; t < tokens; t++)
        for (size_t c = 0; c < channels; c++) {
            const double own = noise(3, image * 64 + c * 5 % 64);
            const double x =
                noise(seed, c) + own + 0.5 * noise(seed + 1, (image * tokens + t) * channels + c);
            out[t * channels + c] = (float)(t % 7 == 0 ? 6.0 * x : x);
        }
}

typedef struct set {
    double *k;
    float *x;
    ec_token_norms *norms;
    size_t n, channels;
} set;

static set set_new(uint64_t seed, size_t n, size_t tokens, size_t channels) {
    set s = {malloc(n * n * sizeof *s.k), malloc(n * channels * sizeof *s.x),
             malloc(n * sizeof *s.norms), n, channels};
    float *image = malloc(tokens * channels * sizeof *image);
    for (size_t i = 0; i < n; i++) {
        features(image, seed, i, tokens, channels);
        assert_int_equal(
            ec_mean_token(s.x + i * channels, &s.norms[i], image, tokens, channels, NULL), EC_OK);
    }
    free(image);
    assert_int_equal(ec_gram(s.k, s.x, n, channels, 2, NULL), EC_OK);
    return s;
}

static void set_free(set *s) {
    free(s->k);
    free(s->x);
    free(s->norms);
}

/* All columns, as a candidate has them. */
static void measure(double out[EC_REPRESENTATION_COLUMNS], const double *k, const double *l,
                    const ec_token_norms *norms, size_t n) {
    assert_int_equal(ec_representation_beside(out, k, l, n, NULL), EC_OK);
    assert_int_equal(ec_representation_own(out + EC_REPRESENTATION_BESIDE, k, norms, n, NULL),
                     EC_OK);
}

/* ---- against the reference ------------------------------------------------------------------ */

/* Observed: 3e-12 (numbers are 10 at most). */
static void columns_are_those_of_numpy(void **state) {
    (void)state;
    golden_csv g;
    size_t n_rows = 0;
    for (golden_open(&g, "representation.csv"); golden_next(&g); n_rows++) {
        const size_t n = (size_t)golden_number(&g, 0), tokens = (size_t)golden_number(&g, 1);
        set s = set_new(10, n, tokens, (size_t)golden_number(&g, 2)),
            reference = set_new(20, n, tokens, (size_t)golden_number(&g, 3));
        double got[EC_REPRESENTATION_COLUMNS];
        measure(got, s.k, reference.k, s.norms, n);
        for (size_t i = 0; i < EC_REPRESENTATION_COLUMNS; i++)
            assert_near(ec_representation_column_name((ec_representation_column)i), got[i],
                        golden_number(&g, 4 + i), 1e-10);

        /* Encoders side by side: K is the mean of theirs. */
        double *both = calloc(n * n, sizeof *both);
        ec_gram_add(both, s.k, n);
        ec_gram_add(both, reference.k, n);
        ec_gram_divide(both, 2, n);
        measure(got, both, reference.k, NULL, n);
        assert_near("rank of both", got[EC_COLUMN_RANK], golden_number(&g, 11), 1e-10);
        assert_near("cka of both", got[EC_COLUMN_CKA], golden_number(&g, 12), 1e-10);
        assert_true(isnan(got[EC_COLUMN_NORM]));
        free(both);
        set_free(&s);
        set_free(&reference);
    }
    assert_int_equal(n_rows, 5);
}

/* ---- what must not change them -------------------------------------------------------------- */

/* A reflection, a rotation in every plane of two neighbours, and a scale: powers of two and
 * permutations would be too easy. */
static void rotate(float *out, const float *x, size_t n, size_t d) {
    double normal[256], square = 0.0;
    for (size_t c = 0; c < d; c++) normal[c] = noise(99, c);
    for (size_t c = 0; c < d; c++) square += normal[c] * normal[c];
    for (size_t i = 0; i < n; i++) {
        double row[256], along = 0.0;
        for (size_t c = 0; c < d; c++) along += x[i * d + c] * normal[c];
        for (size_t c = 0; c < d; c++) row[c] = x[i * d + c] - 2.0 * along / square * normal[c];
        for (size_t c = 0; c + 1 < d; c++) {
            const double a = row[c], b = row[c + 1];
            row[c] = cos(0.7) * a - sin(0.7) * b;
            row[c + 1] = sin(0.7) * a + cos(0.7) * b;
        }
        for (size_t c = 0; c < d; c++) out[i * d + c] = (float)(3.3 * row[c]);
    }
}

/* Turned and scaled features are the same features: 1 with the original, and the same rank. */
static void rotation_and_scale_change_nothing(void **state) {
    (void)state;
    enum { N = 40, D = 24 };
    set s = set_new(10, N, 16, D);
    float turned[N * D];
    double k[N * N], a[EC_REPRESENTATION_COLUMNS], b[EC_REPRESENTATION_COLUMNS];
    rotate(turned, s.x, N, D);
    assert_int_equal(ec_gram(k, turned, N, D, 1, NULL), EC_OK);
    measure(a, s.k, s.k, NULL, N);
    measure(b, k, s.k, NULL, N);
    assert_near("cka with itself", a[EC_COLUMN_CKA], 1.0, 1e-13);
    assert_near("unbiased cka with itself", a[EC_COLUMN_CKA_UNBIASED], 1.0, 1e-13);
    assert_true(a[EC_COLUMN_MUTUAL_KNN] == 1.0);
    assert_near("cka", b[EC_COLUMN_CKA], 1.0, 1e-6); /* turned in float: observed 1e-14 */
    assert_near("unbiased cka", b[EC_COLUMN_CKA_UNBIASED], 1.0, 1e-6);
    assert_near("mutual knn", b[EC_COLUMN_MUTUAL_KNN], 1.0, 1e-12);
    assert_near("rank", b[EC_COLUMN_RANK], a[EC_COLUMN_RANK], 1e-5);
    set_free(&s);
}

/* CKA compares centred features: a constant added to all images says nothing. The nearest by cosine
 * do change, so this also tells the two apart. */
static void a_common_offset_changes_no_cka(void **state) {
    (void)state;
    enum { N = 40, D = 24 };
    set s = set_new(10, N, 16, D);
    double k[N * N], cka, rank, before;
    for (size_t i = 0; i < N * D; i++) s.x[i] += 2.0f;
    assert_int_equal(ec_gram(k, s.x, N, D, 1, NULL), EC_OK);
    assert_int_equal(ec_gram_cka(&cka, k, s.k, N, NULL), EC_OK);
    assert_near("cka", cka, 1.0, 1e-6);
    assert_int_equal(ec_gram_effective_rank(&rank, k, N, NULL), EC_OK);
    assert_int_equal(ec_gram_effective_rank(&before, s.k, N, NULL), EC_OK);
    assert_near("rank", rank, before, 1e-4);
    double knn;
    assert_int_equal(ec_gram_mutual_knn(&knn, k, s.k, N, 10, NULL), EC_OK);
    assert_true(knn < 1.0);
    set_free(&s);
}

/* m directions of equal strength, and one image without any: the rank is m. */
static void rank_counts_equal_directions(void **state) {
    (void)state;
    enum { M = 6, N = 2 * M };
    float x[N * M] = {0};
    for (size_t i = 0; i < N; i++) x[i * M + i / 2] = i % 2 ? 1.0f : -1.0f; /* already centred */
    double k[N * N], rank;
    assert_int_equal(ec_gram(k, x, N, M, 1, NULL), EC_OK);
    assert_int_equal(ec_gram_effective_rank(&rank, k, N, NULL), EC_OK);
    assert_near("rank", rank, M, 1e-12);
}

/* Unrelated features of more channels than images: the plain quotient is far from 0, which is why
 * the unbiased one stands beside it. */
static void unbiased_cka_of_unrelated_features_is_near_nothing(void **state) {
    (void)state;
    enum { N = 60, D = 400 };
    float *x = malloc(N * D * sizeof *x), *y = malloc(N * D * sizeof *y);
    for (size_t i = 0; i < N * D; i++) {
        x[i] = (float)noise(1, i);
        y[i] = (float)noise(2, i);
    }
    double k[N * N], l[N * N], cka, unbiased;
    assert_int_equal(ec_gram(k, x, N, D, 1, NULL), EC_OK);
    assert_int_equal(ec_gram(l, y, N, D, 1, NULL), EC_OK);
    assert_int_equal(ec_gram_cka(&cka, k, l, N, NULL), EC_OK);
    assert_int_equal(ec_gram_cka_unbiased(&unbiased, k, l, N, NULL), EC_OK);
    assert_true(cka > 0.8);
    assert_true(fabs(unbiased) < 0.05);
    free(x);
    free(y);
}

/* Of images equally near the one with the smaller index counts, whatever the others' lengths. With
 * the larger one, 5 of 6 would be shared. */
static void equally_near_images_count_by_their_index(void **state) {
    (void)state;
    enum { N = 6 };
    /* The nearest of each: 1, 2, 1, 1, 5, 4. Lengths are powers of two, so ties are exact. */
    static const float X[N][2] = {{1, 0}, {0, 1}, {0, 2}, {0, 4}, {-1, 0}, {-4, 0}};
    /* 1, 0, 0, 0, 5, 4 */
    static const float Y[N][2] = {{1, 1}, {1, 1}, {0, 8}, {1, 1}, {-1, 0}, {-1, 0.125f}};
    double k[N * N], l[N * N], shared;
    assert_int_equal(ec_gram(k, &X[0][0], N, 2, 1, NULL), EC_OK);
    assert_int_equal(ec_gram(l, &Y[0][0], N, 2, 1, NULL), EC_OK);
    assert_int_equal(ec_gram_mutual_knn(&shared, k, l, N, 1, NULL), EC_OK);
    assert_near("shared", shared, 3.0 / 6.0, 1e-15);
}

/* One token ten times as long as the 15 others. */
static void long_tokens_are_counted(void **state) {
    (void)state;
    float f[16 * 3];
    for (size_t i = 0; i < 16 * 3; i++) f[i] = 1.0f;
    for (size_t c = 0; c < 3; c++) f[5 * 3 + c] = 10.0f;
    float mean[3];
    ec_token_norms norms;
    assert_int_equal(ec_mean_token(mean, &norms, f, 16, 3, NULL), EC_OK);
    assert_near("outliers", norms.outliers, 1.0 / 16.0, 0.0);
    assert_near("mean norm", norms.mean, sqrt(3.0) * 25.0 / 16.0, 1e-14);
    assert_near("mean", mean[1], 25.0 / 16.0, 1e-7);
}

/* Bits, not digits. */
static void threads_change_nothing(void **state) {
    (void)state;
    set s = set_new(10, 33, 4, 57);
    double *k = malloc(33 * 33 * sizeof *k);
    for (size_t threads = 0; threads < 5; threads++) {
        assert_int_equal(ec_gram(k, s.x, 33, 57, threads, NULL), EC_OK);
        assert_memory_equal(k, s.k, 33 * 33 * sizeof *k);
    }
    free(k);
    set_free(&s);
}

/* ---- what cannot be said -------------------------------------------------------------------- */

static void what_cannot_be_compared_is_told(void **state) {
    (void)state;
    double k[12 * 12], out;
    float x[12 * 2];
    ec_error err;
    for (size_t i = 0; i < 24; i++) x[i] = i % 2 ? 0.3f : 0.7f; /* all images alike */
    assert_int_equal(ec_gram(k, x, 12, 2, 1, &err), EC_OK);
    assert_int_equal(ec_gram_cka(&out, k, k, 12, &err), EC_ERR_SINGULAR);
    assert_non_null(strstr(err.message, "all 12 images are the same"));
    assert_int_equal(ec_gram_effective_rank(&out, k, 12, &err), EC_ERR_SINGULAR);
    assert_int_equal(ec_gram_cka(&out, k, k, 2, &err), EC_ERR_ARG);
    assert_int_equal(ec_gram_cka_unbiased(&out, k, k, 3, &err), EC_ERR_ARG);
    assert_int_equal(ec_gram_mutual_knn(&out, k, k, 12, 11, &err), EC_ERR_ARG);
    assert_int_equal(ec_gram_mutual_knn(&out, k, k, 12, 0, &err), EC_ERR_ARG);
    assert_int_equal(ec_gram_mutual_knn(&out, k, k, 1000, 65, &err), EC_ERR_ARG);

    for (size_t i = 0; i < 24; i++) x[i] = 0.0f;
    assert_int_equal(ec_gram(k, x, 12, 2, 1, &err), EC_ERR_ARG);
    assert_int_equal(ec_gram(k, x, 0, 2, 1, &err), EC_ERR_ARG);
    assert_int_equal(ec_gram(k, x, EC_GRAM_MAX_IMAGES + 1, 2, 1, &err), EC_ERR_ARG);
    x[3] = INFINITY;
    float mean[2];
    assert_int_equal(ec_mean_token(mean, NULL, x, 12, 2, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "token 1"));
    assert_int_equal(ec_mean_token(mean, NULL, x, 0, 2, &err), EC_ERR_ARG);
}

/* Eleven images: the ten nearest are all the others, whatever the features. */
static void few_images_have_no_neighbours(void **state) {
    (void)state;
    set s = set_new(10, 11, 4, 8);
    double out[EC_REPRESENTATION_COLUMNS];
    measure(out, s.k, s.k, s.norms, 11);
    assert_true(isnan(out[EC_COLUMN_MUTUAL_KNN]));
    assert_near("cka", out[EC_COLUMN_CKA], 1.0, 1e-12);
    assert_true(out[EC_COLUMN_RANK] > 1.0 && out[EC_COLUMN_NORM] > 0.0);
    set_free(&s);
}

/* It is NaN, and no failure: a study goes on with the other columns. */
static void what_cannot_be_told_is_nan(void **state) {
    (void)state;
    set s = set_new(10, 12, 4, 8);
    double out[EC_REPRESENTATION_COLUMNS];
    measure(out, s.k, s.k, s.norms, 2); /* of two images: K is read as if it were 2 x 2 */
    assert_true(isnan(out[EC_COLUMN_CKA]) && isnan(out[EC_COLUMN_CKA_UNBIASED]));
    assert_true(isnan(out[EC_COLUMN_RANK]) && out[EC_COLUMN_NORM] > 0.0);
    for (size_t i = 0; i < 12 * 12; i++) s.k[i] = 1.0; /* all alike */
    measure(out, s.k, s.k, NULL, 12);
    assert_true(isnan(out[EC_COLUMN_CKA]) && isnan(out[EC_COLUMN_CKA_UNBIASED]));
    assert_true(isnan(out[EC_COLUMN_RANK]) && isnan(out[EC_COLUMN_NORM]));
    assert_true(out[EC_COLUMN_MUTUAL_KNN] == 1.0);
    set_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_those_of_numpy),
        cmocka_unit_test(rotation_and_scale_change_nothing),
        cmocka_unit_test(a_common_offset_changes_no_cka),
        cmocka_unit_test(rank_counts_equal_directions),
        cmocka_unit_test(unbiased_cka_of_unrelated_features_is_near_nothing),
        cmocka_unit_test(equally_near_images_count_by_their_index),
        cmocka_unit_test(long_tokens_are_counted),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(what_cannot_be_compared_is_told),
        cmocka_unit_test(few_images_have_no_neighbours),
        cmocka_unit_test(what_cannot_be_told_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
