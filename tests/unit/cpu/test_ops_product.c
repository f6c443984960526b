/* Products: every backend against the reference, whole and in pieces, with all that follows them.
 *
 * The error allowed is relative to the sizes that were added up, not to their sum, which may
 * cancel: 4e-7 of sum |a b| (observed: 2e-7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operands.h"

static const double terms_limit = 4e-7;

/* What the reference makes of `work`. */
static double *expected_product(const ec_backend *b, const ec_product *work) {
    ec_array place[3];
    ec_product w = *work;
    w.y = on_ref(work->y);
    w.a = operand_on_ref(b, work->a), w.b = operand_on_ref(b, work->b);
    w.epilogue = epilogue_on_ref(&work->epilogue, place);
    assert_int_equal(ref.product(ref.self, &w), EC_OK);
    return from_ref(w.y);
}

/* The sums of the sizes of the terms. */
static double *sizes_of_product(const ec_product *work) {
    ec_array bias;
    ec_product w = *work;
    w.y = on_ref(work->y);
    w.a = size_on_ref(work->a), w.b = size_on_ref(work->b);
    w.epilogue = (ec_epilogue){0};
    if (work->epilogue.bias != NULL) {
        bias = size_on_ref(*work->epilogue.bias);
        w.epilogue.bias = &bias;
    }
    assert_int_equal(ref.product(ref.self, &w), EC_OK);
    return from_ref(w.y);
}

typedef struct {
    size_t m, k, n;
    ec_dtype dtype;
    size_t gap;   /* makes addresses odd */
    size_t apart; /* elements between rows */
    bool bias, scale, residual, in_place, a_transposed, b_plain;
    ec_activation activation;
} product_case;

static void check_product(const ec_backend *b, const product_case *c) {
    const size_t a_rows = c->a_transposed ? c->k : c->m, a_width = c->a_transposed ? c->m : c->k;
    const size_t b_rows = c->b_plain ? c->k : c->n, b_width = c->b_plain ? c->n : c->k;
    const ec_array y = spaced(EC_F32, c->m, c->n, c->n + c->apart, 0, 2.0f);
    const ec_array residual = c->in_place ? y : copy_of(y);
    const ec_array bias = matrix(c->dtype, 1, c->n, c->gap);
    const ec_array scale = matrix(c->dtype, 1, c->n, c->gap);
    const ec_product work = {
        .y = y,
        .a = spaced(EC_F32, a_rows, a_width, a_width + c->apart, 0, 1.0f),
        .b = spaced(c->dtype, b_rows, b_width, b_width + 2 * c->apart, c->gap, 1.0f),
        .a_transposed = c->a_transposed,
        .b_transposed = !c->b_plain,
        .epilogue = {.bias = c->bias ? &bias : NULL,
                     .activation = c->activation,
                     .scale = c->scale ? &scale : NULL,
                     .residual = c->residual ? &residual : NULL}};
    double *const expected = expected_product(b, &work), *const size = sizes_of_product(&work);
    assert_int_equal(b->product(b->self, &work), EC_OK);
    char what[200];
    snprintf(what, sizeof what,
             "%s, m %zu k %zu n %zu, %s, gap %zu, apart %zu, bias %d scale %d residual %d in place "
             "%d activation %d, a%s b%s",
             b->name, c->m, c->k, c->n, ec_dtype_name(c->dtype), c->gap, c->apart, c->bias,
             c->scale, c->residual, c->in_place, (int)c->activation, c->a_transposed ? "^T" : "",
             c->b_plain ? "" : "^T");
    assert_near(what, y, expected, (tolerance){terms_limit, size});
    free(expected);
    free(size);
    release_operands();
}

static void linear_is_the_double_loop_at_every_edge(void **state) {
    ec_backend b = open_backend(state, 1);
    static const size_t m[] = {1, 2, 5, 6, 7, 11, 12, 13, 25}, k[] = {1, 3, 4, 5, 16, 17, 129, 700},
                        n[] = {1, 7, 8, 15, 16, 17, 31, 32, 33, 65};
    size_t turn = 0;
    for (size_t i = 0; i < sizeof m / sizeof *m; i++)
        for (size_t j = 0; j < sizeof n / sizeof *n; j++, turn++)
            check_product(&b, &(product_case){.m = m[i],
                                              .n = n[j],
                                              .k = k[turn % 8],
                                              .dtype = DTYPES[turn % 3],
                                              .gap = turn / 2 % 2,
                                              .apart = turn / 7 % 2 * 5,
                                              .bias = turn % 2,
                                              .scale = turn / 3 % 2,
                                              .residual = turn / 5 % 2,
                                              .in_place = turn / 5 % 2});
    close_backend(&b);
}

static void linear_applies_every_epilogue(void **state) {
    ec_backend b = open_backend(state, 1);
    for (int activation = EC_ACT_NONE; activation <= EC_ACT_RELU; activation++)
        for (int flags = 0; flags < 16; flags++)
            check_product(&b, &(product_case){.m = 7,
                                              .k = 19,
                                              .n = 37,
                                              .dtype = DTYPES[flags % 3],
                                              .bias = flags & 1,
                                              .scale = flags >> 1 & 1,
                                              .residual = flags >> 2 & 1,
                                              .in_place = (flags >> 2 & 1) && (flags >> 3 & 1),
                                              .activation = (ec_activation)activation});
    close_backend(&b);
}

/* Several blocks of rows, of k and of columns, and several tasks. */
static void linear_joins_its_blocks(void **state) {
    ec_backend b = open_backend(state, 3);
    for (size_t i = 0; i < 3; i++)
        check_product(&b, &(product_case){.m = 150,
                                          .k = 900,
                                          .n = 210,
                                          .dtype = DTYPES[i],
                                          .gap = i,
                                          .bias = true,
                                          .scale = true,
                                          .residual = true,
                                          .in_place = true});
    check_product(&b, &(product_case){.m = 700, .k = 30, .n = 20, .bias = true});
    check_product(&b, &(product_case){.m = 3, .k = 40, .n = 1500, .bias = true});
    check_product(&b, &(product_case){.m = 640, .k = 300, .n = 70, .dtype = EC_BF16});
    check_product(&b, &(product_case){.m = 640, .k = 1024, .n = 40, .dtype = EC_F16});
    close_backend(&b);
}

/* Rows of x that are a multiple of 4 KB apart may be cut otherwise, as may many rows; neither
 * changes a bit. */
static void a_row_has_the_same_bits_however_rows_are_cut(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { M = 640, K = 1024, N = 70 };
    const ec_array w = matrix(EC_F32, N, K, 0), dense = floats(M, K, 1.0f);
    const ec_array apart = spaced(EC_F32, M, K, K + 16, 0, 1.0f);
    for (size_t i = 0; i < M; i++)
        memcpy(f32_of(apart) + i * (K + 16), f32_of(dense) + i * K, K * sizeof(float));
    const ec_array y[2] = {floats(M, N, 1.0f), floats(M, N, 1.0f)}, one = floats(1, N, 1.0f);
    for (int i = 0; i < 2; i++)
        assert_int_equal(b.product(b.self, &(ec_product){.y = y[i],
                                                         .a = i == 0 ? dense : apart,
                                                         .b = w,
                                                         .b_transposed = true}),
                         EC_OK);
    assert_memory_equal(y[0].at, y[1].at, M * N * sizeof(float));
    for (size_t i = 0; i < M; i += 71) {
        assert_int_equal(b.product(b.self, &(ec_product){.y = one,
                                                         .a = ec_array_rows(dense, i, 1),
                                                         .b = w,
                                                         .b_transposed = true}),
                         EC_OK);
        assert_memory_equal(one.at, f32_of(y[0]) + i * N, N * sizeof(float));
    }
    release_operands();
    close_backend(&b);
}

/* What gradients are made of: dy W and dy^T x, over every edge of tiles and panels, several blocks,
 * and weights of every dtype at odd addresses. */
static void every_form_of_product_is_the_double_loop(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t m[] = {1, 5, 7, 12, 13, 25, 33}, k[] = {1, 3, 4, 16, 17, 129},
                        n[] = {1, 7, 15, 16, 31, 33, 65};
    size_t turn = 0;
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++, turn++)
            for (int form = 0; form < 3; form++)
                check_product(&b, &(product_case){.m = m[i],
                                                  .n = n[j],
                                                  .k = k[(turn + i) % 6],
                                                  .dtype = DTYPES[turn % 3],
                                                  .gap = turn / 2 % 2,
                                                  .apart = turn / 3 % 2 * 5,
                                                  .bias = turn % 2,
                                                  .residual = turn / 5 % 2,
                                                  .in_place = turn / 5 % 2,
                                                  .a_transposed = form != 0,
                                                  .b_plain = form != 1});
    for (int form = 0; form < 3; form++)
        check_product(&b, &(product_case){.m = 150,
                                          .k = 700,
                                          .n = 210,
                                          .residual = true,
                                          .in_place = true,
                                          .a_transposed = form != 0,
                                          .b_plain = form != 1});
    close_backend(&b);
}

/* The largest error of x W^T, of positive terms, as a part of the sum: [0] plain, [1] wide. */
static void worst_sums(double worst[2], const ec_backend *backend, size_t m, size_t k, size_t n) {
    const ec_array a = floats(m, k, 1.0f), y = floats(m, n, 1.0f), b = floats(n, k, 1.0f);
    for (size_t i = 0; i < m * k; i++) f32_of(a)[i] = fabsf(f32_of(a)[i]);
    for (size_t i = 0; i < n * k; i++) f32_of(b)[i] = fabsf(f32_of(b)[i]);
    ec_product work = {.y = y, .a = a, .b = b, .b_transposed = true};
    double *const sum = sizes_of_product(&work); /* in f64, operands not rounded */
    for (int wide = 0; wide < 2; wide++) {
        work.wide_sums = wide;
        assert_int_equal(backend->product(backend->self, &work), EC_OK);
        worst[wide] = 0.0;
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++) {
                const double error = fabs(value_at(y, i, j) - sum[i * n + j]) / sum[i * n + j];
                worst[wide] = fmax(worst[wide], error);
            }
    }
    free(sum);
    release_operands();
}

/* Rounding the sum costs 6e-8 of it; observed 1.5e-7 at most, and 9e-7 when not wide. */
static void wide_sums_are_nearly_exact(void **state) {
    ec_backend b = open_backend(state, 3);
    static const size_t m[] = {1, 5, 6, 13, 23, 24, 150, 700}, n[] = {1, 15, 33, 210},
                        k[] = {1, 7, 32, 36, 100, 700, 1024, 3001};
    double plain = 0.0;
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 4; j++) {
            const size_t k_here = k[(3 * i + j) % 8];
            double worst[2];
            worst_sums(worst, &b, m[i], k_here, n[j]);
            if (!(worst[1] <= 2e-7))
                fail_msg("%s, m %zu k %zu n %zu: off by %.2g", b.name, m[i], k_here, n[j],
                         worst[1]);
            plain = fmax(plain, worst[0]);
        }
    assert_true(plain > 4e-7); /* else the test sees nothing */
    close_backend(&b);
}

/* W is a convolution's weight [n, 3, 2, 2] that sees every pixel once. */
static void linear_takes_weights_of_more_dimensions(void **state) {
    ec_backend b = open_backend(state, 1);
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new_on(&ctx, b, "cpu", EC_F32, NULL), EC_OK);
    ec_param w = parameter(matrix(EC_F32, 5, 12, 0), (ec_array){0});
    const ec_array x = floats(3, 12, 1.0f);
    const ec_array flat = ec_linear(ctx, x, (ec_linear_params){&w, NULL}, EC_ACT_NONE);
    w.value = ec_array_as(w.value, 4, (size_t[]){5, 3, 2, 2});
    const ec_array y = ec_linear(ctx, x, (ec_linear_params){&w, NULL}, EC_ACT_NONE);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_int_equal(y.shape[1], 5);
    assert_memory_equal(y.at, flat.at, 15 * sizeof(float));
    ec_ctx_free(ctx);
    release_operands();
}

/* f(2 a + b / 2) = 2 f(a) + f(b) / 2, with factors that round nothing in f32. */
static void linear_is_linear(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { M = 9, K = 300, N = 50 };
    ec_array x[3], y[3];
    for (int i = 0; i < 3; i++) {
        x[i] = floats(M, K, 1.0f);
        y[i] = floats(M, N, 1.0f);
    }
    for (size_t i = 0; i < M * K; i++)
        f32_of(x[2])[i] = 2.0f * f32_of(x[0])[i] + 0.5f * f32_of(x[1])[i];
    const ec_array w = matrix(EC_BF16, N, K, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            b.product(b.self, &(ec_product){.y = y[i], .a = x[i], .b = w, .b_transposed = true}),
            EC_OK);
    for (size_t i = 0; i < M * N; i++)
        assert_true(fabsf(f32_of(y[2])[i] - (2.0f * f32_of(y[0])[i] + 0.5f * f32_of(y[1])[i])) <=
                    3e-5f);
    release_operands();
    close_backend(&b);
}

/* An infinity or a NaN in one row stays in that row. */
static void what_is_not_finite_stays_in_its_row(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { M = 14, K = 33, N = 20 };
    ec_product work = {.a = floats(M, K, 1.0f), .b = matrix(EC_F32, N, K, 0), .b_transposed = true};
    const ec_array y = floats(M, N, 1.0f), clean = floats(M, N, 1.0f);
    work.y = clean;
    assert_int_equal(b.product(b.self, &work), EC_OK);
    f32_of(work.a)[3 * K + 5] = INFINITY;
    f32_of(work.a)[8 * K + 32] = NAN;
    work.y = y;
    assert_int_equal(b.product(b.self, &work), EC_OK);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            if (i == 3)
                assert_true(isinf(value_at(y, i, j)));
            else if (i == 8)
                assert_true(isnan(value_at(y, i, j)));
            else
                assert_true(value_at(y, i, j) == value_at(clean, i, j));
        }
    release_operands();
    close_backend(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_BACKEND(linear_is_the_double_loop_at_every_edge),
        ON_EVERY_BACKEND(linear_applies_every_epilogue),
        ON_EVERY_BACKEND(linear_joins_its_blocks),
        ON_EVERY_ISA(a_row_has_the_same_bits_however_rows_are_cut),
        ON_EVERY_F32(every_form_of_product_is_the_double_loop),
        ON_EVERY_ISA(wide_sums_are_nearly_exact),
        ON("onednn-bf16", wide_sums_are_nearly_exact), /* not rounded */
        ON_EVERY_ISA(linear_takes_weights_of_more_dimensions),
        ON_EVERY_F32(linear_is_linear),
        ON_EVERY_BACKEND(what_is_not_finite_stays_in_its_row),
    };
#if defined(__SANITIZE_THREAD__)
    cmocka_set_skip_filter("wide_sums_*"); /* numbers, not threads: the other builds run it */
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
