/* The promises of ops/ops.h and of the CPU's kernels: every operation against plain loops in double
 * precision, on every instruction set that this processor has.
 *
 * Operands end at an unreadable page (whole elements before it, at whatever alignment that gives),
 * so that an element read or written too far is a crash in every build. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpu/cpu.h"
#include "cpu/peak.h"
#include "eyechart/rng.h"
#include "ops/arena.h"
#include "ops/ops.h"

/* ---- operands ---- */

enum { MAX_GUARDED = 64 };

static struct {
    unsigned char *map;
    size_t bytes;
} guarded[MAX_GUARDED];
static size_t n_guarded;

/* `bytes` bytes that end at an unreadable page, or `gap` bytes before it. */
static void *guard(size_t bytes, size_t gap) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = (bytes + gap + page - 1) / page * page;
    unsigned char *map =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + size, page, PROT_NONE), 0);
    assert_true(n_guarded < MAX_GUARDED);
    guarded[n_guarded].map = map;
    guarded[n_guarded++].bytes = size + page;
    return map + size - bytes - gap;
}

static void release_guarded(void) {
    while (n_guarded > 0) {
        n_guarded--;
        munmap(guarded[n_guarded].map, guarded[n_guarded].bytes);
    }
}

static ec_rng rng;

static float uniform(void) {
    return (float)(2.0 * ec_rng_uniform(&rng) - 1.0);
}

static float *floats(size_t n, float size) {
    float *p = guard(n * sizeof *p, 0);
    for (size_t i = 0; i < n; i++) p[i] = size * uniform();
    return p;
}

static float from_half(uint16_t h) {
    const int sign = h >> 15, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31) return fraction != 0 ? NAN : sign ? -INFINITY : INFINITY;
    const double magnitude =
        exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return (float)(sign ? -magnitude : magnitude);
}

static float from_brain(uint16_t h) {
    const uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* A tensor in [-1, 1] of `dtype`, `gap` bytes before the unreadable page. */
static ec_tensor weights(ec_dtype dtype, size_t rows, size_t columns, size_t gap) {
    ec_tensor t = {.dtype = dtype, .n_dims = 2, .shape = {rows, columns}};
    const size_t n = rows * columns, bytes = dtype == EC_F32 ? 4 : 2;
    unsigned char *data = t.data = guard(n * bytes, gap);
    for (size_t i = 0; i < n; i++) {
        const float f = uniform();
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        if (dtype == EC_F32) {
            memcpy(data + 4 * i, &f, 4);
        } else {
            uint16_t h = (uint16_t)(bits >> 16);
            if (dtype == EC_F16) /* sign, exponent 2^-7 to 1, ten random bits */
                h = (uint16_t)((bits >> 16 & 0x8000) | (8 + ec_rng_below(&rng, 7)) << 10 |
                               ec_rng_below(&rng, 1024));
            memcpy(data + 2 * i, &h, 2);
        }
    }
    return t;
}

static double at(const ec_tensor *t, size_t i) {
    const unsigned char *data = t->data;
    if (t->dtype == EC_F32) {
        float f;
        memcpy(&f, data + 4 * i, 4);
        return f;
    }
    uint16_t h;
    memcpy(&h, data + 2 * i, 2);
    return t->dtype == EC_F16 ? from_half(h) : from_brain(h);
}

/* ---- backends ---- */

static bool is_there(const char *backend) {
#ifdef EC_ONEDNN
    if (strncmp(backend, "onednn", 6) == 0) return true;
#endif
    return ec_cpu_kernels_find(backend) != NULL;
}

/* The backend that the test is run for; the test is skipped without it. */
static ec_backend open_backend(void **state, size_t threads) {
    if (!is_there(*state)) {
        print_message("this processor or this build has no %s\n", (const char *)*state);
        skip();
    }
    ec_rng_init(&rng, 3, 0);
    ec_backend b;
    assert_int_equal(ec_cpu_backend_new(&b, *state, threads, NULL), EC_OK);
    assert_string_equal(b.name, *state);
    return b;
}

static void close_backend(ec_backend *b) {
    b->free(b->state);
}

/* An operand of a product, as the backend's math has it. */
static double operand(const ec_backend *b, double x) {
    if (strcmp(b->math, "bf16") != 0 || x == 0.0) return x;
    int exponent; /* x = m 2^exponent, 1/2 <= |m| < 1: eight bits of m are kept */
    const double m = frexp(x, &exponent);
    return ldexp(nearbyint(ldexp(m, 8)), exponent - 8);
}

/* ---- linear ---- */

static double activation_of(double x, ec_activation activation) {
    switch (activation) {
    case EC_ACT_QUICK_GELU:
        return x / (1.0 + exp(-1.702 * x));
    case EC_ACT_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case EC_ACT_GELU_TANH:
        return x / (1.0 + exp(-2.0 * sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case EC_ACT_SILU:
        return x / (1.0 + exp(-x));
    case EC_ACT_RELU:
        return x > 0.0 ? x : 0.0;
    default:
        return x;
    }
}

typedef struct {
    size_t m, k, n;
    ec_dtype dtype;
    size_t gap; /* makes addresses odd */
    bool bias, scale, residual, in_place;
    ec_activation activation;
} linear_case;

/* The error allowed is relative to the sizes that were added up, not to their sum, which may
 * cancel: 4e-7 of sum |x w| (observed: 2e-7). */
static void check_linear(const ec_backend *b, const linear_case *c) {
    float *const x = floats(c->m * c->k, 1.0f), *const before = floats(c->m * c->n, 2.0f);
    float *const y = c->in_place ? before : floats(c->m * c->n, 1.0f);
    const ec_tensor w = weights(c->dtype, c->n, c->k, c->gap);
    const ec_tensor bias = weights(c->dtype, 1, c->n, c->gap);
    const ec_tensor scale = weights(c->dtype, 1, c->n, c->gap);
    float *const residual = guard(c->m * c->n * sizeof(float), 0);
    memcpy(residual, before, c->m * c->n * sizeof(float));
    const ec_epilogue e = {.bias = c->bias ? &bias : NULL,
                           .scale = c->scale ? &scale : NULL,
                           .activation = c->activation,
                           .residual = c->residual ? before : NULL};
    assert_int_equal(b->linear(b->state, y, c->n, x, c->k, c->m, c->k, &w, &e), EC_OK);

    double *const weight = malloc(c->n * c->k * sizeof *weight);
    assert_non_null(weight);
    for (size_t i = 0; i < c->n * c->k; i++) weight[i] = operand(b, at(&w, i));
    for (size_t i = 0; i < c->m * c->k; i++) x[i] = (float)operand(b, x[i]);
    for (size_t i = 0; i < c->m; i++)
        for (size_t j = 0; j < c->n; j++) {
            double sum = c->bias ? at(&bias, j) : 0.0, size = fabs(sum);
            for (size_t p = 0; p < c->k; p++) {
                const double term = x[i * c->k + p] * weight[j * c->k + p];
                sum += term;
                size += fabs(term);
            }
            double expected = activation_of(sum, c->activation);
            if (c->scale) expected *= at(&scale, j);
            if (c->residual) expected += residual[i * c->n + j];
            const double error = fabs(y[i * c->n + j] - expected);
            if (!(error <= 4e-7 * (size + 1.0)))
                fail_msg(
                    "%s, m %zu k %zu n %zu, %s, gap %zu, bias %d scale %d residual %d in place "
                    "%d activation %d: y[%zu][%zu] = %.9g, expected %.9g",
                    b->name, c->m, c->k, c->n, ec_dtype_name(c->dtype), c->gap, c->bias, c->scale,
                    c->residual, c->in_place, c->activation, i, j, (double)y[i * c->n + j],
                    expected);
        }
    free(weight);
    release_guarded();
}

static const ec_dtype DTYPES[] = {EC_F32, EC_F16, EC_BF16};

static void linear_is_the_double_loop_at_every_edge(void **state) {
    ec_backend b = open_backend(state, 1);
    static const size_t m[] = {1, 2, 5, 6, 7, 11, 12, 13, 25}, k[] = {1, 3, 4, 5, 16, 17, 129, 700},
                        n[] = {1, 7, 8, 15, 16, 17, 31, 32, 33, 65};
    size_t turn = 0;
    for (size_t i = 0; i < sizeof m / sizeof *m; i++)
        for (size_t j = 0; j < sizeof n / sizeof *n; j++, turn++)
            check_linear(&b, &(linear_case){.m = m[i],
                                            .n = n[j],
                                            .k = k[turn % 8],
                                            .dtype = DTYPES[turn % 3],
                                            .gap = turn / 2 % 2,
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
            check_linear(&b, &(linear_case){.m = 7,
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
    for (int i = 0; i < 3; i++)
        check_linear(&b, &(linear_case){.m = 150,
                                        .k = 900,
                                        .n = 210,
                                        .dtype = DTYPES[i],
                                        .gap = (size_t)i,
                                        .bias = true,
                                        .scale = true,
                                        .residual = true,
                                        .in_place = true});
    check_linear(&b, &(linear_case){.m = 700, .k = 30, .n = 20, .bias = true});
    check_linear(&b, &(linear_case){.m = 3, .k = 40, .n = 1500, .bias = true});
    close_backend(&b);
}

/* The largest error of x W^T, of positive terms, as a part of the sum. */
static double worst_sum(const ec_backend *b, size_t m, size_t k, size_t n, bool wide) {
    float *const x = floats(m * k, 1.0f), *const y = floats(m * n, 1.0f), *w = floats(n * k, 1.0f);
    for (size_t i = 0; i < m * k; i++) x[i] = fabsf(x[i]);
    for (size_t i = 0; i < n * k; i++) w[i] = fabsf(w[i]);
    const ec_tensor weight = {.dtype = EC_F32, .n_dims = 2, .shape = {n, k}, .data = w};
    assert_int_equal(
        b->linear(b->state, y, n, x, k, m, k, &weight, &(ec_epilogue){.wide_sums = wide}), EC_OK);
    double worst = 0.0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (size_t p = 0; p < k; p++) sum += (double)x[i * k + p] * (double)w[j * k + p];
            worst = fmax(worst, fabs((double)y[i * n + j] - sum) / sum);
        }
    release_guarded();
    return worst;
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
            const double worst = worst_sum(&b, m[i], k_here, n[j], true);
            if (!(worst <= 2e-7))
                fail_msg("%s, m %zu k %zu n %zu: off by %.2g", b.name, m[i], k_here, n[j], worst);
            plain = fmax(plain, worst_sum(&b, m[i], k_here, n[j], false));
        }
    assert_true(plain > 4e-7); /* else the test sees nothing */
    close_backend(&b);
}

/* W is a convolution's weight [n, 3, 2, 2] that sees every pixel once. */
static void linear_takes_weights_of_more_dimensions(void **state) {
    (void)state;
    ec_rng_init(&rng, 4, 0);
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new(&ctx, NULL, 1, NULL), EC_OK);
    ec_tensor w = weights(EC_F32, 5, 12, 0);
    ec_tensor x = ec_scratch(ctx, 2, (size_t[]){3, 12});
    for (size_t i = 0; i < 36; i++) ((float *)x.data)[i] = uniform();
    const ec_tensor flat = ec_linear(ctx, x, (ec_linear_params){&w, NULL}, EC_ACT_NONE);
    w.n_dims = 4;
    memcpy(w.shape, (size_t[]){5, 3, 2, 2}, 4 * sizeof(size_t));
    const ec_tensor y = ec_linear(ctx, x, (ec_linear_params){&w, NULL}, EC_ACT_NONE);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_int_equal(y.shape[1], 5);
    assert_memory_equal(y.data, flat.data, 15 * sizeof(float));
    ec_ctx_free(ctx);
    release_guarded();
}

/* f(2 a + b / 2) = 2 f(a) + f(b) / 2, with factors that round nothing in f32. */
static void linear_is_linear(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { M = 9, K = 300, N = 50 };
    float *x[3], *y[3];
    for (int i = 0; i < 3; i++) {
        x[i] = floats(M * K, 1.0f);
        y[i] = floats(M * N, 1.0f);
    }
    for (size_t i = 0; i < M * K; i++) x[2][i] = 2.0f * x[0][i] + 0.5f * x[1][i];
    const ec_tensor w = weights(EC_BF16, N, K, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b.linear(b.state, y[i], N, x[i], K, M, K, &w, &(ec_epilogue){0}), EC_OK);
    for (size_t i = 0; i < M * N; i++)
        assert_true(fabsf(y[2][i] - (2.0f * y[0][i] + 0.5f * y[1][i])) <= 3e-5f);
    release_guarded();
    close_backend(&b);
}

/* An infinity or a NaN in one row stays in that row. */
static void what_is_not_finite_stays_in_its_row(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { M = 14, K = 33, N = 20 };
    float *x = floats(M * K, 1.0f), *y = floats(M * N, 1.0f), *clean = floats(M * N, 1.0f);
    const ec_tensor w = weights(EC_F32, N, K, 0);
    assert_int_equal(b.linear(b.state, clean, N, x, K, M, K, &w, &(ec_epilogue){0}), EC_OK);
    x[3 * K + 5] = INFINITY;
    x[8 * K + 32] = NAN;
    assert_int_equal(b.linear(b.state, y, N, x, K, M, K, &w, &(ec_epilogue){0}), EC_OK);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            if (i == 3)
                assert_true(isinf(y[i * N + j]));
            else if (i == 8)
                assert_true(isnan(y[i * N + j]));
            else
                assert_true(y[i * N + j] == clean[i * N + j]);
        }
    release_guarded();
    close_backend(&b);
}

/* ---- convolution ---- */

typedef struct {
    size_t n, height, width, in, out, kernel_y, kernel_x;
    ec_conv_steps steps;
    ec_dtype dtype;
    size_t gap;
    bool bias, scale, residual;
    ec_activation activation;
} conv_case;

/* As for linear: 4e-7 of the sizes that were added up. */
static void check_conv(const ec_backend *b, const conv_case *c) {
    const ec_conv_steps *t = &c->steps;
    const ec_conv_shape s = {
        .n = c->n,
        .height = c->height,
        .width = c->width,
        .in = c->in,
        .out = c->out,
        .kernel_y = c->kernel_y,
        .kernel_x = c->kernel_x,
        .out_height = (c->height + t->top + t->bottom - c->kernel_y) / t->stride_y + 1,
        .out_width = (c->width + t->left + t->right - c->kernel_x) / t->stride_x + 1,
        .steps = *t};
    const size_t n_x = s.n * s.height * s.width * s.in, k = s.in * s.kernel_y * s.kernel_x;
    const size_t n_y = s.n * s.out_height * s.out_width * s.out;
    float *const x = floats(n_x, 1.0f), *const y = floats(n_y, 2.0f);
    float *const residual = floats(n_y, 2.0f);
    ec_tensor w = weights(c->dtype, s.out, k, c->gap);
    w.n_dims = 4;
    memcpy(w.shape, (size_t[]){s.out, s.in, s.kernel_y, s.kernel_x}, 4 * sizeof(size_t));
    const ec_tensor bias = weights(c->dtype, 1, s.out, c->gap);
    const ec_tensor scale = weights(c->dtype, 1, s.out, c->gap);
    const ec_epilogue e = {.bias = c->bias ? &bias : NULL,
                           .scale = c->scale ? &scale : NULL,
                           .activation = c->activation,
                           .residual = c->residual ? residual : NULL};
    assert_int_equal(b->conv2d(b->state, y, x, &s, &w, &e), EC_OK);

    double *const weight = malloc(s.out * k * sizeof *weight);
    assert_non_null(weight);
    for (size_t i = 0; i < s.out * k; i++) weight[i] = operand(b, at(&w, i));
    for (size_t i = 0; i < n_x; i++) x[i] = (float)operand(b, x[i]);
    for (size_t i = 0; i < n_y; i++) {
        const size_t o = i % s.out, column = i / s.out % s.out_width;
        const size_t row = i / s.out / s.out_width % s.out_height;
        const size_t image = i / s.out / s.out_width / s.out_height;
        double sum = c->bias ? at(&bias, o) : 0.0, size = fabs(sum);
        for (size_t ky = 0; ky < s.kernel_y; ky++)
            for (size_t kx = 0; kx < s.kernel_x; kx++) {
                const long iy = (long)(row * t->stride_y + ky) - (long)t->top;
                const long ix = (long)(column * t->stride_x + kx) - (long)t->left;
                if (iy < 0 || iy >= (long)s.height || ix < 0 || ix >= (long)s.width) continue;
                const size_t pixel = (image * s.height + (size_t)iy) * s.width + (size_t)ix;
                for (size_t in = 0; in < s.in; in++) {
                    const double term =
                        x[pixel * s.in + in] *
                        weight[((o * s.in + in) * s.kernel_y + ky) * s.kernel_x + kx];
                    sum += term;
                    size += fabs(term);
                }
            }
        double expected = activation_of(sum, c->activation);
        if (c->scale) expected *= at(&scale, o);
        if (c->residual) expected += residual[i];
        if (!(fabs(y[i] - expected) <= 4e-7 * (size + 1.0)))
            fail_msg(
                "%s, x [%zu, %zu, %zu, %zu], W [%zu, .., %zu, %zu] %s: y[%zu][%zu][%zu][%zu] = "
                "%.9g, expected %.9g",
                b->name, s.n, s.height, s.width, s.in, s.out, s.kernel_y, s.kernel_x,
                ec_dtype_name(c->dtype), image, row, column, o, (double)y[i], expected);
    }
    free(weight);
    release_guarded();
}

static void conv2d_is_the_double_loop(void **state) {
    ec_backend b = open_backend(state, 2);
    const conv_case cases[] = {
        /* a U-Net's: padded, in steps of two, padded below and right alone, one pixel */
        {1, 9, 11, 16, 24, 3, 3, {1, 1, 1, 1, 1, 1}, EC_F32, 0, true, false, false, EC_ACT_SILU},
        {2, 10, 8, 32, 16, 3, 3, {2, 2, 1, 1, 1, 1}, EC_F16, 0, true, false, true, EC_ACT_NONE},
        {1, 8, 8, 16, 16, 3, 3, {2, 2, 0, 0, 1, 1}, EC_BF16, 0, true, false, false, EC_ACT_NONE},
        {2, 5, 7, 24, 40, 1, 1, {1, 1, 0, 0, 0, 0}, EC_BF16, 1, true, true, true, EC_ACT_NONE},
        {2, 5, 4, 8, 8, 1, 1, {2, 1, 0, 0, 0, 0}, EC_F32, 0, true, false, false, EC_ACT_NONE},
        {1, 3, 4, 8, 8, 1, 1, {2, 1, 1, 0, 1, 0}, EC_F32, 0, true, false, false, EC_ACT_NONE},
        {1, 3, 4, 8, 8, 1, 1, {2, 1, 0, 0, 2, 0}, EC_F32, 0, true, false, false, EC_ACT_NONE},
        /* a patch embedding, and one whose last row and column are left over */
        {2, 28, 21, 3, 20, 7, 7, {7, 7, 0, 0, 0, 0}, EC_F32, 1, true, false, false, EC_ACT_NONE},
        {1, 16, 17, 3, 33, 5, 3, {5, 3, 0, 0, 0, 0}, EC_F16, 1, false, false, false, EC_ACT_NONE},
        /* odd numbers everywhere; a window past both edges; one that sees padding alone */
        {3, 7, 5, 5, 7, 3, 2, {1, 2, 2, 0, 1, 3}, EC_BF16, 1, true, true, false, EC_ACT_GELU},
        {1, 2, 3, 4, 3, 7, 5, {1, 1, 3, 2, 3, 2}, EC_F32, 0, false, true, true, EC_ACT_NONE},
        {1, 3, 3, 8, 8, 1, 1, {1, 1, 1, 1, 1, 1}, EC_F32, 0, true, false, false, EC_ACT_NONE},
        {1, 1, 600, 8, 3, 1, 1, {1, 1, 1, 0, 1, 0}, EC_F16, 0, true, false, false, EC_ACT_NONE},
        /* several bands and several chunks of channels, with rests; several blocks of columns */
        {1, 40, 37, 16, 140, 3, 3, {1, 1, 1, 1, 1, 1}, EC_F32, 0, true, true, true, EC_ACT_NONE},
        {2, 53, 50, 48, 9, 3, 3, {1, 1, 1, 1, 1, 1}, EC_F16, 1, true, false, true, EC_ACT_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_conv(&b, &cases[i]);
    close_backend(&b);
}

/* The wrapper finds the sizes: a patch embedding by conv2d is the linear layer of its pixels. */
static void conv2d_of_whole_patches_is_linear(void **state) {
    (void)state;
    ec_rng_init(&rng, 7, 0);
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new(&ctx, NULL, 2, NULL), EC_OK);
    enum { H = 3, W = 2, P = 4, OUT = 10 };
    ec_tensor w = weights(EC_BF16, OUT, 3 * P * P, 0);
    const ec_tensor bias = weights(EC_F32, 1, OUT, 0);
    ec_tensor image = ec_scratch(ctx, 4, (size_t[]){1, H * P + 1, W * P + 3, 3});
    ec_tensor rows = ec_scratch(ctx, 2, (size_t[]){H * W, 3 * P * P});
    float *pixel = image.data, *to = rows.data;
    for (size_t i = 0; i < (H * P + 1) * (W * P + 3) * 3; i++) pixel[i] = uniform();
    for (size_t i = 0; i < H * W; i++)
        for (size_t c = 0; c < 3; c++)
            for (size_t y = 0; y < P; y++)
                for (size_t x = 0; x < P; x++)
                    *to++ = pixel[((i / W * P + y) * (W * P + 3) + i % W * P + x) * 3 + c];
    const ec_tensor flat = ec_linear(ctx, rows, (ec_linear_params){&w, &bias}, EC_ACT_SILU);
    w.n_dims = 4;
    memcpy(w.shape, (size_t[]){OUT, 3, P, P}, 4 * sizeof(size_t));
    const ec_conv_steps steps = {.stride_y = P, .stride_x = P};
    const ec_tensor y = ec_conv2d(ctx, image, (ec_linear_params){&w, &bias}, steps, EC_ACT_SILU);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    const size_t expected[] = {1, H, W, OUT};
    assert_int_equal(y.n_dims, 4);
    assert_memory_equal(y.shape, expected, sizeof expected);
    assert_memory_equal(y.data, flat.data, H * W * OUT * sizeof(float));

    const ec_conv_steps padded = {2, 3, 1, 2, 4, 8}; /* 13 + 5 rows, 11 + 10 columns */
    const ec_tensor z = ec_conv2d(ctx, image, (ec_linear_params){&w, NULL}, padded, EC_ACT_NONE);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_int_equal(z.shape[1], (13 + 5 - 4) / 2 + 1);
    assert_int_equal(z.shape[2], (11 + 10 - 4) / 3 + 1);
    ec_ctx_free(ctx);
    release_guarded();
}

/* What oneDNN does not take goes another way and comes out right, too. That a U-Net's convolution
 * does not is seen by its last bits, which are not those of our own kernels. */
static void conv2d_is_computed_by_onednn(void **state) {
    ec_backend b[2] = {open_backend(state, 1)};
    assert_int_equal(ec_cpu_backend_new(&b[1], NULL, 1, NULL), EC_OK);
    enum { SIDE = 40, IN = 32, OUT = 24, N = SIDE * SIDE };
    const ec_conv_shape s = {1, SIDE, SIDE, IN, OUT, 3, 3, SIDE, SIDE, {1, 1, 1, 1, 1, 1}};
    const float *const x = floats(N * IN, 1.0f);
    const ec_tensor w = weights(EC_F32, OUT, 9 * IN, 0);
    float *y[2];
    for (int i = 0; i < 2; i++) {
        y[i] = floats(N * OUT, 1.0f);
        assert_int_equal(b[i].conv2d(b[i].state, y[i], x, &s, &w, &(ec_epilogue){0}), EC_OK);
        close_backend(&b[i]);
    }
    for (size_t row = 0; row < SIDE; row += SIDE - 1) /* the first band, and the last */
        assert_memory_not_equal(y[0] + row * SIDE * OUT, y[1] + row * SIDE * OUT,
                                SIDE * OUT * sizeof(float));
    release_guarded();
}

/* ---- activations and weights ---- */

static float activate_one(const ec_cpu_kernels *kernels, float x, ec_activation activation) {
    float y;
    kernels->activate(&y, &x, 1, activation);
    return y;
}

/* Relative error, which also holds the small left tails to account; there the argument of exp is
 * large, and the rounding of this argument becomes a relative error of its own. Observed: 0.7 of
 * the limit. */
static void activations_keep_their_relative_accuracy(void **state) {
    ec_backend b = open_backend(state, 1);
    const ec_cpu_kernels *kernels = ec_cpu_kernels_find(*state);
    enum { N = 24001 };
    float *x = floats(N, 1.0f), *y = floats(N, 1.0f);
    for (int i = 0; i < N; i++) x[i] = (float)(i - 12000) * 0.001f;
    for (int activation = EC_ACT_QUICK_GELU; activation <= EC_ACT_SILU; activation++) {
        kernels->activate(y, x, N, (ec_activation)activation);
        for (int i = 0; i < N; i++) {
            const double expected = activation_of(x[i], (ec_activation)activation);
            const double tail = x[i] < 0.0f ? -log(expected / x[i]) : 0.0;
            if (fabs(expected) > 1e-37 &&
                !(fabs(y[i] - expected) <= (7e-7 + 3e-7 * tail) * fabs(expected)))
                fail_msg("%s, activation %d: f(%g) = %.9g, expected %.9g", b.name, activation,
                         (double)x[i], (double)y[i], expected);
        }
    }
    release_guarded();
    close_backend(&b);
}

static void activations_keep_zero_infinity_and_nan(void **state) {
    ec_backend b = open_backend(state, 1);
    const ec_cpu_kernels *kernels = ec_cpu_kernels_find(*state);
    for (ec_activation a = EC_ACT_QUICK_GELU; a <= EC_ACT_SILU; a++) {
        assert_true(activate_one(kernels, 0.0f, a) == 0.0f);
        assert_true(activate_one(kernels, 1e-40f, a) < 1e-40f);
        assert_true(activate_one(kernels, 300.0f, a) == 300.0f);
        assert_true(activate_one(kernels, 1e30f, a) == 1e30f);
        assert_true(activate_one(kernels, -300.0f, a) == 0.0f);
        assert_true(fabsf(activate_one(kernels, -1e30f, a)) == 0.0f);
        assert_true(activate_one(kernels, INFINITY, a) == INFINITY);
        assert_true(isnan(activate_one(kernels, NAN, a)));
    }
    close_backend(&b);
}

static void every_halfword_converts_exactly(void **state) {
    ec_backend b = open_backend(state, 1);
    const ec_cpu_kernels *kernels = ec_cpu_kernels_find(*state);
    enum { N = 65536 };
    uint16_t *in = guard(N * sizeof *in, 0);
    float *out = guard(N * sizeof *out, 0);
    for (int i = 0; i < N; i++) in[i] = (uint16_t)i;
    for (int brain = 0; brain < 2; brain++) {
        kernels->to_f32(out, in, brain ? EC_BF16 : EC_F16, N);
        for (int i = 0; i < N; i++) {
            const float expected = brain ? from_brain(in[i]) : from_half(in[i]);
            if (isnan(expected))
                assert_true(isnan(out[i]));
            else if (memcmp(&out[i], &expected, 4) != 0)
                fail_msg("%s %s %04x: %a, expected %a", b.name, brain ? "bf16" : "f16", i,
                         (double)out[i], (double)expected);
        }
    }
    release_guarded();
    close_backend(&b);
}

/* ---- attention ---- */

typedef struct {
    size_t n, t, heads, d;
    float q_size;
} attention_case;

/* Allowed: some roundings of the values' size, and as many of the scores' size, which become
 * relative errors of their exponentials. Observed: 0.3 of it. */
static void check_attention(const ec_backend *b, const attention_case *c) {
    const size_t width = c->heads * c->d, stride = 3 * width;
    float *const qkv = floats(c->n * c->t * stride, 1.0f), *const y =
                                                               floats(c->n * c->t * width, 1.0f);
    for (size_t i = 0; i < c->n * c->t; i++)
        for (size_t j = 0; j < width; j++) qkv[i * stride + j] *= c->q_size;
    const double scale = 1.0 / sqrt((double)c->d);
    assert_int_equal(b->attention(b->state, y, width, qkv, qkv + width, qkv + 2 * width, stride,
                                  c->n, c->t, c->heads, c->d, (float)scale),
                     EC_OK);
    double *const p = malloc(c->t * sizeof *p);
    assert_non_null(p);
    const double limit = 5e-8 * (1.0 + c->q_size * sqrt((double)c->d));
    for (size_t image = 0; image < c->n; image++)
        for (size_t head = 0; head < c->heads; head++)
            for (size_t i = 0; i < c->t; i++) {
                const float *in = qkv + image * c->t * stride + head * c->d;
                double highest = -INFINITY, total = 0.0;
                for (size_t j = 0; j < c->t; j++) {
                    p[j] = 0.0;
                    for (size_t x = 0; x < c->d; x++)
                        p[j] += (double)in[i * stride + x] * in[j * stride + width + x] * scale;
                    if (p[j] > highest) highest = p[j];
                }
                for (size_t j = 0; j < c->t; j++) total += p[j] = exp(p[j] - highest);
                for (size_t x = 0; x < c->d; x++) {
                    double expected = 0.0;
                    for (size_t j = 0; j < c->t; j++)
                        expected += p[j] / total * in[j * stride + 2 * width + x];
                    const double got = y[(image * c->t + i) * width + head * c->d + x];
                    if (!(fabs(got - expected) <= limit))
                        fail_msg("%s, n %zu t %zu heads %zu d %zu: y[%zu][%zu][%zu][%zu] = %.9g, "
                                 "expected %.9g",
                                 b->name, c->n, c->t, c->heads, c->d, image, i, head, x, got,
                                 expected);
                }
            }
    free(p);
    release_guarded();
}

static void attention_is_the_double_loop(void **state) {
    ec_backend b = open_backend(state, 1);
    static const size_t d[] = {1, 8, 16, 20, 40, 64, 72, 80, 88, 160},
                        t[] = {1, 2, 7, 16, 17, 49, 50};
    size_t turn = 0;
    for (size_t i = 0; i < sizeof d / sizeof *d; i++)
        for (int j = 0; j < 2; j++, turn++)
            check_attention(&b, &(attention_case){.n = 1 + turn % 2,
                                                  .t = t[turn % 7],
                                                  .heads = 1 + turn % 3,
                                                  .d = d[i],
                                                  .q_size = 3.0f});
    close_backend(&b);
}

/* More keys than a block holds, more queries than a block holds. */
static void attention_joins_its_blocks(void **state) {
    ec_backend b = open_backend(state, 3);
    check_attention(&b, &(attention_case){.n = 1, .t = 230, .heads = 1, .d = 24, .q_size = 3.0f});
    check_attention(&b, &(attention_case){.n = 1, .t = 470, .heads = 2, .d = 16, .q_size = 1.0f});
    close_backend(&b);
}

/* Scores of several hundred, where exp without the shift overflows. */
static void attention_stands_large_scores(void **state) {
    ec_backend b = open_backend(state, 1);
    check_attention(&b, &(attention_case){.n = 1, .t = 300, .heads = 1, .d = 32, .q_size = 500.0f});
    close_backend(&b);
}

/* The highest score grows from block to block, so that what was summed must be rescaled; with
 * scores 0, 1, 2, … the weights are those of a geometric series. */
static void attention_rescales_when_the_highest_score_moves(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { T = 500, D = 16 };
    float *q = floats(T * D, 0.0f), *k = floats(T * D, 0.0f), *v = floats(T * D, 0.0f);
    float *y = floats(T * D, 1.0f);
    const double step = 0.01;
    for (size_t i = 0; i < T; i++) {
        q[i * D] = 1.0f;
        k[i * D] = (float)(step * (double)i);
        for (size_t j = 0; j < D; j++) v[i * D + j] = (float)i;
    }
    double total = 0.0, expected = 0.0;
    for (int i = 0; i < T; i++) {
        total += exp((double)k[i * D]);
        expected += i * exp((double)k[i * D]);
    }
    expected /= total;
    assert_int_equal(b.attention(b.state, y, D, q, k, v, D, 1, T, 1, D, 1.0f), EC_OK);
    for (size_t i = 0; i < T * D; i++) assert_true(fabs(y[i] - expected) <= 1e-6 * expected);
    release_guarded();
    close_backend(&b);
}

static void an_infinite_score_spoils_its_query_alone(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { T = 60, D = 16 };
    float *q = floats(T * D, 1.0f), *k = floats(T * D, 1.0f), *v = floats(T * D, 1.0f);
    float *y = floats(T * D, 1.0f), *clean = floats(T * D, 1.0f);
    assert_int_equal(b.attention(b.state, clean, D, q, k, v, D, 1, T, 1, D, 1.0f), EC_OK);
    q[7 * D] = INFINITY;
    q[9 * D + 3] = NAN;
    assert_int_equal(b.attention(b.state, y, D, q, k, v, D, 1, T, 1, D, 1.0f), EC_OK);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < D; j++) {
            if (i == 7 || i == 9)
                assert_true(isnan(y[i * D + j]));
            else
                assert_true(y[i * D + j] == clean[i * D + j]);
        }
    release_guarded();
    close_backend(&b);
}

/* ---- norms ---- */

static void check_layer_norm(const ec_backend *b, size_t rows, size_t d, ec_dtype dtype, float mean,
                             float size, float eps) {
    float *const x = floats(rows * d, size), *const y = floats(rows * d, 1.0f);
    for (size_t i = 0; i < rows * d; i++) x[i] += mean;
    const ec_tensor w = weights(dtype, 1, d, 1), bias = weights(dtype, 1, d, 1);
    assert_int_equal(b->layer_norm(b->state, y, d, x, d, rows, d, &w, &bias, eps), EC_OK);
    for (size_t r = 0; r < rows; r++) {
        double mu = 0.0, var = 0.0;
        for (size_t i = 0; i < d; i++) mu += x[r * d + i];
        mu /= (double)d;
        for (size_t i = 0; i < d; i++) var += (x[r * d + i] - mu) * (x[r * d + i] - mu);
        var /= (double)d;
        for (size_t i = 0; i < d; i++) {
            const double unit = (x[r * d + i] - mu) / sqrt(var + eps);
            const double expected = unit * at(&w, i) + at(&bias, i);
            if (!(fabs(y[r * d + i] - expected) <= 4e-7 * (1.0 + fabs(unit))))
                fail_msg("%s, d %zu, mean %g, size %g: y[%zu][%zu] = %.9g, expected %.9g", b->name,
                         d, (double)mean, (double)size, r, i, (double)y[r * d + i], expected);
        }
    }
    release_guarded();
}

/* The error allowed, 4e-7, is that of a few roundings (observed: 1.5e-7), also where the mean is a
 * hundred thousand times the deviation. */
static void layer_norm_is_the_double_loop(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t d[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 127, 1024};
    for (size_t i = 0; i < sizeof d / sizeof *d; i++) {
        check_layer_norm(&b, 5, d[i], DTYPES[i % 3], 0.0f, 1.0f, 1e-5f);
        check_layer_norm(&b, 2, d[i], DTYPES[i % 3], 1e5f, 1.0f, 1e-5f);
    }
    check_layer_norm(&b, 300, 200, EC_F16, 0.5f, 3.0f, 1e-6f); /* several tasks */
    close_backend(&b);
}

/* Deviations of the size of sqrt(eps), where another eps is another result. */
static void layer_norm_uses_its_epsilon(void **state) {
    ec_backend b = open_backend(state, 1);
    check_layer_norm(&b, 3, 96, EC_F32, 0.0f, 1e-3f, 1e-5f);
    check_layer_norm(&b, 3, 96, EC_F32, 0.0f, 1e-3f, 1e-6f);
    check_layer_norm(&b, 3, 96, EC_F32, 2.0f, 0.0f, 1e-6f); /* no deviation: the bias */
    close_backend(&b);
}

static void layer_norm_works_in_place(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { ROWS = 3, D = 77 };
    float *x = floats(ROWS * D, 1.0f), *y = floats(ROWS * D, 1.0f);
    const ec_tensor w = weights(EC_F32, 1, D, 0);
    assert_int_equal(b.layer_norm(b.state, y, D, x, D, ROWS, D, &w, &w, 1e-5f), EC_OK);
    assert_int_equal(b.layer_norm(b.state, x, D, x, D, ROWS, D, &w, &w, 1e-5f), EC_OK);
    assert_memory_equal(x, y, ROWS * D * sizeof *x);
    release_guarded();
    close_backend(&b);
}

static void swiglu_is_the_double_loop(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t d[] = {1, 5, 8, 16, 21, 200};
    for (size_t i = 0; i < sizeof d / sizeof *d; i++) {
        enum { ROWS = 170 };
        float *x = floats(ROWS * 2 * d[i], 5.0f), *y = floats(ROWS * d[i], 1.0f);
        assert_int_equal(b.swiglu(b.state, y, d[i], x, 2 * d[i], ROWS, d[i]), EC_OK);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t j = 0; j < d[i]; j++) {
                const float *row = x + r * 2 * d[i];
                const double expected = activation_of(row[j], EC_ACT_SILU) * row[d[i] + j];
                assert_true(fabs(y[r * d[i] + j] - expected) <= 1e-6 * fabs(expected));
            }
        release_guarded();
    }
    close_backend(&b);
}

/* ---- threads ---- */

/* All operations on one set of operands:
 * [linear | attention | norm | swiglu | wide sums | conv2d]. */
enum { T_M = 97, T_K = 700, T_N = 300, T_T = 130, T_HEADS = 3, T_D = 24 };
enum { T_IN = 28, T_SIDE = 35, T_OUT = 130, T_CONV = (T_SIDE - 2) * (T_SIDE - 2) * T_OUT };
enum { T_LINEAR = T_M * T_N, T_ATTENTION = T_T * T_HEADS * T_D, T_NORM = T_M * T_K };
enum { T_SWIGLU = T_M * T_K / 2 };
enum { T_ALL = 2 * T_LINEAR + T_ATTENTION + T_NORM + T_SWIGLU + T_CONV };

static float *with_threads(void **state, size_t threads) {
    ec_backend b = open_backend(state, threads);
    float *out = malloc(T_ALL * sizeof *out);
    assert_non_null(out);
    float *x = floats(T_M * T_K, 1.0f), *y = out;
    for (size_t i = 0; i < T_LINEAR; i++) y[i] = uniform();
    const ec_tensor w = weights(EC_BF16, T_N, T_K, 0), bias = weights(EC_F32, 1, T_K, 0);
    const ec_tensor short_bias = {.dtype = EC_F32, .n_dims = 1, .shape = {T_N}, .data = bias.data};
    const ec_epilogue e = {
        .bias = &short_bias, .scale = &short_bias, .activation = EC_ACT_GELU, .residual = y};
    assert_int_equal(b.linear(b.state, y, T_N, x, T_K, T_M, T_K, &w, &e), EC_OK);
    y += T_LINEAR;
    enum { WIDTH = T_HEADS * T_D };
    assert_int_equal(b.attention(b.state, y, WIDTH, x, x + WIDTH, x + 2 * WIDTH, 3 * WIDTH, 1, T_T,
                                 T_HEADS, T_D, 0.2f),
                     EC_OK);
    y += T_ATTENTION;
    assert_int_equal(b.layer_norm(b.state, y, T_K, x, T_K, T_M, T_K, &bias, &bias, 1e-5f), EC_OK);
    y += T_NORM;
    assert_int_equal(b.swiglu(b.state, y, T_K / 2, x, T_K, T_M, T_K / 2), EC_OK);
    y += T_SWIGLU;
    assert_int_equal(
        b.linear(b.state, y, T_N, x, T_K, T_M, T_K, &w, &(ec_epilogue){.wide_sums = true}), EC_OK);
    y += T_LINEAR;
    const ec_conv_shape s = {.n = 1,
                             .height = T_SIDE,
                             .width = T_SIDE,
                             .in = T_IN,
                             .out = T_OUT,
                             .kernel_y = 3,
                             .kernel_x = 3,
                             .out_height = T_SIDE - 2,
                             .out_width = T_SIDE - 2,
                             .steps = {.stride_y = 1, .stride_x = 1}};
    const ec_tensor kernel = weights(EC_F16, T_OUT, 9 * T_IN, 0);
    assert_int_equal(b.conv2d(b.state, y, x, &s, &kernel, &(ec_epilogue){0}), EC_OK);
    release_guarded();
    close_backend(&b);
    return out;
}

static void results_do_not_depend_on_the_number_of_threads(void **state) {
    float *one = with_threads(state, 1);
    static const size_t threads[] = {2, 3, 7, 40};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        float *many = with_threads(state, threads[i]);
        assert_memory_equal(one, many, T_ALL * sizeof *one);
        free(many);
    }
    free(one);
}

enum { ITEMS = 50 };

static void count_item(void *context, size_t i, size_t worker) {
    assert_true(worker < 5);
    ((unsigned *)context)[i]++; /* one item, one writer: a second would be a race, too */
}

static void a_pool_runs_every_item_once(void **state) {
    (void)state;
    ec_pool *pool;
    assert_int_equal(ec_pool_new(&pool, 5, NULL), EC_OK);
    assert_int_equal(ec_pool_size(pool), 5);
    for (size_t loop = 0; loop < 2000; loop++) {
        unsigned count[ITEMS] = {0};
        const size_t n = loop % ITEMS;
        ec_pool_run(pool, n, count_item, count);
        for (size_t i = 0; i < ITEMS; i++) assert_int_equal(count[i], i < n ? 1 : 0);
        if (loop % 500 == 0) usleep(2000); /* long enough for the others to fall asleep */
    }
    ec_pool_free(pool);
}

/* The caller is quick and runs out of items while the others are still at theirs. */
static void count_slowly(void *context, size_t i, size_t worker) {
    usleep(worker == 0 ? 1000 : 10000);
    ((unsigned *)context)[i]++;
}

static void a_pool_waits_for_the_slowest(void **state) {
    (void)state;
    ec_pool *pool;
    assert_int_equal(ec_pool_new(&pool, 3, NULL), EC_OK);
    for (size_t loop = 0; loop < 5; loop++) {
        unsigned count[ITEMS] = {0};
        ec_pool_run(pool, 6, count_slowly, count);
        for (size_t i = 0; i < 6; i++) assert_int_equal(count[i], 1);
    }
    ec_pool_free(pool);
}

static void a_pool_that_never_ran_can_be_freed(void **state) {
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        ec_pool *pool;
        assert_int_equal(ec_pool_new(&pool, 4, NULL), EC_OK);
        ec_pool_free(pool);
    }
    ec_pool_free(NULL);
}

/* ---- the peak ---- */

/* A vector unit does more than one and less than a thousand operations a nanosecond on one thread.
 */
static void the_peak_is_plausible(void **state) {
    ec_backend b = open_backend(state, 1);
    double one;
    assert_int_equal(ec_cpu_peak(&one, *state, 1, 0.005, NULL), EC_OK);
    assert_true(one > 1e8 && one < 1e12);
    double two;
    assert_int_equal(ec_cpu_peak(&two, *state, 2, 0.005, NULL), EC_OK);
    assert_true(two > 0.5 * one && two < 4.0 * one);
    ec_error err;
    assert_int_equal(ec_cpu_peak(&one, "mmx", 1, 0.005, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "mmx"));
    assert_int_equal(ec_cpu_peak(&one, *state, 0, 0.005, NULL), EC_ERR_ARG);
    close_backend(&b);
}

/* ---- contexts and scratch ---- */

static void an_unknown_instruction_set_is_named(void **state) {
    (void)state;
    ec_ctx *ctx;
    ec_error err;
    assert_int_equal(ec_ctx_new(&ctx, "altivec", 1, &err), EC_ERR_ARG);
    assert_null(ctx);
    assert_non_null(strstr(err.message, "altivec"));
    assert_non_null(strstr(err.message, "portable"));
}

static void the_best_instruction_set_is_the_default(void **state) {
    (void)state;
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new(&ctx, NULL, 1, NULL), EC_OK);
    const char *best = ec_cpu_kernels_find("avx512") != NULL ? "avx512"
                       : ec_cpu_kernels_find("avx2") != NULL ? "avx2"
                                                             : "portable";
    assert_string_equal(ec_ctx_backend_name(ctx), best);
    ec_ctx_free(ctx);
    ec_ctx_free(NULL);
}

/* The rows of a result, which may be further apart than they are long, are `expected`, dense. */
static void assert_rows_equal(const ec_tensor *t, const float *expected) {
    const size_t width = t->shape[t->n_dims - 1], rows = ec_tensor_count(t) / width;
    for (size_t i = 0; i < rows; i++)
        assert_memory_equal((const float *)t->data + i * ec_row_stride(t), expected + i * width,
                            width * sizeof *expected);
}

/* What a block of an encoder does, by the wrappers, against the same by the backend; of widths
 * whose rows the wrappers set apart. */
static void the_wrappers_pass_everything_on(void **state) {
    ec_backend b = open_backend(state, 1);
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new(&ctx, *state, 2, NULL), EC_OK);
    enum { N = 2, T = 5, D = 256, HEADS = 2, MLP = 512 };
    const ec_tensor w = weights(EC_F16, D, D, 0), wide = weights(EC_F32, 2 * MLP, D, 0);
    const ec_tensor narrow = weights(EC_BF16, D, MLP, 0);
    ec_tensor bias = weights(EC_F32, 1, 2 * MLP, 0), gain = weights(EC_F32, 1, D, 0);
    ec_tensor d_bias = {.dtype = EC_F32, .n_dims = 1, .shape = {D}, .data = bias.data};
    const float *const residual = floats(N * T * D, 1.0f);

    ec_tensor x = ec_scratch(ctx, 3, (size_t[]){N, T, D});
    memcpy(x.data, residual, N * T * D * sizeof(float));
    const ec_tensor norm = ec_layer_norm(ctx, x, (ec_norm_params){&gain, &d_bias}, 1e-2);
    const ec_tensor k = ec_linear(ctx, norm, (ec_linear_params){&w, &d_bias}, EC_ACT_NONE);
    const ec_tensor h = ec_attention(ctx, norm, k, norm, HEADS);
    const ec_tensor up = ec_linear(ctx, h, (ec_linear_params){&wide, &bias}, EC_ACT_QUICK_GELU);
    const ec_tensor gated = ec_swiglu(ctx, up);
    ec_linear_add(ctx, x, gated, (ec_linear_params){&narrow, &d_bias}, &gain);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_int_equal(up.n_dims, 3);
    assert_int_equal(ec_row_stride(&up), 2 * MLP + b.row_gap);
    assert_int_equal(up.shape[0], N);
    assert_int_equal(up.shape[1], T);
    assert_int_equal(up.shape[2], 2 * MLP);
    assert_int_equal(gated.shape[2], MLP);

    float a[N * T * D], c[N * T * D], e[N * T * D], f[N * T * 2 * MLP], g[N * T * MLP];
    b.layer_norm(b.state, a, D, residual, D, N * T, D, &gain, &d_bias, 1e-2f);
    assert_rows_equal(&norm, a);
    b.linear(b.state, c, D, a, D, N * T, D, &w, &(ec_epilogue){.bias = &d_bias});
    assert_rows_equal(&k, c);
    b.attention(b.state, e, D, a, c, a, D, N, T, HEADS, D / HEADS,
                (float)(1.0 / sqrt((double)D / HEADS)));
    assert_rows_equal(&h, e);
    b.linear(b.state, f, 2 * MLP, e, D, N * T, D, &wide,
             &(ec_epilogue){.bias = &bias, .activation = EC_ACT_QUICK_GELU});
    assert_rows_equal(&up, f);
    b.swiglu(b.state, g, MLP, f, 2 * MLP, N * T, MLP);
    assert_rows_equal(&gated, g);
    b.linear(b.state, e, D, g, MLP, N * T, MLP, &narrow,
             &(ec_epilogue){.bias = &d_bias, .scale = &gain, .residual = residual});
    assert_rows_equal(&x, e);
    ec_layer_norm_in_place(ctx, x, (ec_norm_params){&gain, &d_bias}, 1e-2);
    b.layer_norm(b.state, e, D, e, D, N * T, D, &gain, &d_bias, 1e-2f);
    assert_rows_equal(&x, e);
    ec_ctx_free(ctx);
    release_guarded();
    close_backend(&b);
}

/* After a failure the operations keep the shapes and touch nothing, and the first failure is told.
 */
static void a_context_remembers_its_first_failure(void **state) {
    (void)state;
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new(&ctx, "portable", 1, NULL), EC_OK);
    ec_rng_init(&rng, 5, 0);
    const ec_tensor w = weights(EC_F32, 8, 8, 0);
    const ec_mark mark = ec_scratch_mark(ctx);
    ec_tensor x = ec_scratch(ctx, 2, (size_t[]){SIZE_MAX / 64, 8});
    assert_null(x.data);
    assert_true(ec_ctx_failed(ctx));
    const ec_tensor y = ec_linear(ctx, x, (ec_linear_params){&w, NULL}, EC_ACT_NONE);
    assert_null(y.data);
    assert_int_equal(y.shape[1], 8);
    ec_linear_add(ctx, y, x, (ec_linear_params){&w, NULL}, NULL);
    assert_null(ec_scratch(ctx, 2, (size_t[]){SIZE_MAX / 2, SIZE_MAX / 2}).data);
    ec_scratch_release(ctx, mark);

    ec_error err;
    assert_int_equal(ec_ctx_status(ctx, &err), EC_ERR_NOMEM);
    assert_non_null(strstr(err.message, "[288230376151711743, 8]"));
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_non_null(ec_scratch(ctx, 1, (size_t[]){8}).data);
    ec_ctx_free(ctx);
    release_guarded();
}

static void scratch_is_aligned_kept_and_reused(void **state) {
    (void)state;
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new(&ctx, NULL, 1, NULL), EC_OK);
    const ec_tensor kept = ec_scratch(ctx, 1, (size_t[]){3});
    for (int i = 0; i < 3; i++) ((float *)kept.data)[i] = (float)i;
    const ec_mark mark = ec_scratch_mark(ctx);
    void *first = NULL;
    size_t peak = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (size_t n = 1; n < 3000000; n *= 7) { /* bytes to megabytes: over several blocks */
            const ec_tensor t = ec_scratch(ctx, 1, (size_t[]){n});
            assert_int_equal((uintptr_t)t.data % 64, 0);
            memset(t.data, 0xff, n * sizeof(float));
            if (n == 1 && pass == 0) first = t.data;
            if (n == 1) assert_ptr_equal(t.data, first);
        }
        if (pass == 0) peak = ec_scratch_peak(ctx);
        ec_scratch_release(ctx, mark);
        assert_int_equal(ec_scratch_mark(ctx), mark);
    }
    assert_int_equal(ec_scratch_peak(ctx), peak); /* the same memory in every pass */
    for (int i = 0; i < 3; i++) assert_true(((float *)kept.data)[i] == (float)i);
    ec_ctx_free(ctx);
}

/* A mark in one block is released from another; what is older than the mark is untouched. */
static void marks_nest_over_blocks(void **state) {
    (void)state;
    ec_arena arena = {0};
    enum { DEPTH = 40 };
    ec_rng_init(&rng, 6, 0);
    for (int round = 0; round < 30; round++) {
        unsigned char *data[DEPTH];
        size_t mark[DEPTH], size[DEPTH];
        for (size_t i = 0; i < DEPTH; i++) {
            mark[i] = arena.used;
            size[i] =
                ec_rng_below(&rng, 4) == 0 ? ec_rng_below(&rng, 3 << 20) : ec_rng_below(&rng, 999);
            data[i] = ec_arena_take(&arena, size[i]);
            assert_non_null(data[i]);
            if (size[i] > 0) data[i][0] = data[i][size[i] - 1] = (unsigned char)i;
        }
        for (size_t i = DEPTH; i-- > 0;) {
            if (size[i] > 1) {
                assert_int_equal(data[i][0], i);
                assert_int_equal(data[i][size[i] - 1], i);
            }
            if (ec_rng_below(&rng, 3) == 0) ec_arena_release(&arena, mark[i]);
        }
        ec_arena_release(&arena, mark[0]);
    }
    assert_int_equal(arena.used, 0);
    ec_arena_free(&arena);
}

#define ON(isa, test)                                                                              \
    { #test " (" isa ")", test, NULL, NULL, (void *)isa }
#define ON_EVERY_ISA(test) ON("portable", test), ON("avx2", test), ON("avx512", test)
#define ON_EVERY_F32(test) ON_EVERY_ISA(test), ON("onednn", test)
#define ON_EVERY_BACKEND(test) ON_EVERY_F32(test), ON("onednn-bf16", test)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_BACKEND(linear_is_the_double_loop_at_every_edge),
        ON_EVERY_BACKEND(linear_applies_every_epilogue),
        ON_EVERY_BACKEND(linear_joins_its_blocks),
        ON_EVERY_ISA(wide_sums_are_nearly_exact),
        ON("onednn-bf16", wide_sums_are_nearly_exact), /* not rounded */
        cmocka_unit_test(linear_takes_weights_of_more_dimensions),
        ON_EVERY_F32(linear_is_linear),
        ON_EVERY_BACKEND(what_is_not_finite_stays_in_its_row),
        ON_EVERY_BACKEND(conv2d_is_the_double_loop),
        cmocka_unit_test(conv2d_of_whole_patches_is_linear),
        ON("onednn", conv2d_is_computed_by_onednn),
        ON_EVERY_ISA(activations_keep_their_relative_accuracy),
        ON_EVERY_ISA(activations_keep_zero_infinity_and_nan),
        ON_EVERY_ISA(every_halfword_converts_exactly),
        ON_EVERY_ISA(attention_is_the_double_loop),
        ON_EVERY_ISA(attention_joins_its_blocks),
        ON_EVERY_ISA(attention_stands_large_scores),
        ON_EVERY_ISA(attention_rescales_when_the_highest_score_moves),
        ON_EVERY_ISA(an_infinite_score_spoils_its_query_alone),
        ON_EVERY_ISA(layer_norm_is_the_double_loop),
        ON_EVERY_ISA(layer_norm_uses_its_epsilon),
        ON_EVERY_ISA(layer_norm_works_in_place),
        ON_EVERY_ISA(swiglu_is_the_double_loop),
        ON_EVERY_BACKEND(results_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(a_pool_runs_every_item_once),
        cmocka_unit_test(a_pool_waits_for_the_slowest),
        cmocka_unit_test(a_pool_that_never_ran_can_be_freed),
        ON_EVERY_ISA(the_peak_is_plausible),
        cmocka_unit_test(an_unknown_instruction_set_is_named),
        cmocka_unit_test(the_best_instruction_set_is_the_default),
        ON_EVERY_BACKEND(the_wrappers_pass_everything_on),
        cmocka_unit_test(a_context_remembers_its_first_failure),
        cmocka_unit_test(scratch_is_aligned_kept_and_reused),
        cmocka_unit_test(marks_nest_over_blocks),
    };
#if defined(__SANITIZE_THREAD__)
    cmocka_set_skip_filter("wide_sums_*"); /* numbers, not threads: the other builds run it */
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
