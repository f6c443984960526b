/* Convolutions: every backend against the reference, with all steps, paddings and edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operands.h"

typedef struct {
    size_t n, height, width, in, out, kernel_y, kernel_x;
    ec_conv_steps steps;
    ec_dtype dtype;
    size_t gap;
    bool bias, scale, residual;
    ec_activation activation;
} conv_case;

static double *expected_conv(const ec_backend *b, const ec_conv *work) {
    ec_array place[3];
    ec_conv w = *work;
    w.y = on_ref(work->y);
    w.x = operand_on_ref(b, work->x), w.w = operand_on_ref(b, work->w);
    w.epilogue = epilogue_on_ref(&work->epilogue, place);
    assert_int_equal(ref.conv2d(ref.self, &w), EC_OK);
    return from_ref(w.y);
}

/* The sums of the sizes of the terms. */
static double *sizes_of_conv(const ec_conv *work) {
    ec_conv w = *work;
    w.y = on_ref(work->y);
    w.x = size_on_ref(work->x), w.w = size_on_ref(work->w);
    w.epilogue = (ec_epilogue){0};
    ec_array bias;
    if (work->epilogue.bias != NULL) {
        bias = size_on_ref(*work->epilogue.bias);
        w.epilogue.bias = &bias;
    }
    assert_int_equal(ref.conv2d(ref.self, &w), EC_OK);
    return from_ref(w.y);
}

/* As for products: 4e-7 of the sizes that were added up. Pixels are `apart` numbers further from one
 * another than they have channels. */
static void check_conv(const ec_backend *b, const conv_case *c, size_t apart) {
    const ec_conv_steps *t = &c->steps;
    const size_t y_shape[] = {
        c->n, (c->height + t->top + t->bottom - c->kernel_y) / t->stride_y + 1,
        (c->width + t->left + t->right - c->kernel_x) / t->stride_x + 1, c->out};
    const size_t pixels = c->n * c->height * c->width;
    const size_t results = y_shape[0] * y_shape[1] * y_shape[2];
    const size_t out_step = c->out + apart;
    const ec_array x = ec_array_as(spaced(EC_F32, pixels, c->in, c->in + apart, 0, 1.0f), 4,
                                   (size_t[]){c->n, c->height, c->width, c->in});
    const ec_array y = ec_array_as(spaced(EC_F32, results, c->out, out_step, 0, 2.0f), 4, y_shape);
    const ec_array residual =
        ec_array_as(spaced(EC_F32, results, c->out, out_step, 0, 2.0f), 4, y_shape);
    const ec_array w =
        ec_array_as(matrix(c->dtype, c->out, c->in * c->kernel_y * c->kernel_x, c->gap), 4,
                    (size_t[]){c->out, c->in, c->kernel_y, c->kernel_x});
    const ec_array bias = matrix(c->dtype, 1, c->out, c->gap);
    const ec_array scale = matrix(c->dtype, 1, c->out, c->gap);
    const ec_conv work = {.y = y,
                          .x = x,
                          .w = w,
                          .steps = *t,
                          .epilogue = {.bias = c->bias ? &bias : NULL,
                                       .scale = c->scale ? &scale : NULL,
                                       .activation = c->activation,
                                       .residual = c->residual ? &residual : NULL}};
    double *const expected = expected_conv(b, &work), *const size = sizes_of_conv(&work);
    assert_int_equal(b->conv2d(b->self, &work), EC_OK);
    char what[200];
    snprintf(what, sizeof what, "%s, x [%zu, %zu, %zu, %zu], W [%zu, .., %zu, %zu] %s", b->name,
             c->n, c->height, c->width, c->in, c->out, c->kernel_y, c->kernel_x,
             ec_dtype_name(c->dtype));
    assert_near(what, y, expected, (tolerance){4e-7, size});
    free(expected);
    free(size);
    release_operands();
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
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_conv(&b, &cases[i], 0);
        check_conv(&b, &cases[i], 3);
    }
    close_backend(&b);
}

/* The wrapper finds the sizes: a patch embedding by conv2d is the linear layer of its pixels. */
static void conv2d_of_whole_patches_is_linear(void **state) {
    ec_backend b = open_backend(state, 2);
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new_on(&ctx, b, "cpu", EC_F32, NULL), EC_OK);
    enum { H = 3, W = 2, P = 4, OUT = 10 };
    ec_param w = parameter(matrix(EC_BF16, OUT, 3 * P * P, 0), (ec_array){0});
    ec_param bias = parameter(matrix(EC_F32, 1, OUT, 0), (ec_array){0});
    const ec_array image = ec_array_as(floats((H * P + 1) * (W * P + 3), 3, 1.0f), 4,
                                       (size_t[]){1, H * P + 1, W * P + 3, 3});
    const ec_array rows = floats(H * W, 3 * P * P, 1.0f);
    float *to = f32_of(rows);
    for (size_t i = 0; i < H * W; i++)
        for (size_t c = 0; c < 3; c++)
            for (size_t y = 0; y < P; y++)
                for (size_t x = 0; x < P; x++)
                    *to++ = f32_of(image)[((i / W * P + y) * (W * P + 3) + i % W * P + x) * 3 + c];
    const ec_array flat = ec_linear(ctx, rows, (ec_linear_params){&w, &bias}, EC_ACT_SILU);
    w.value = ec_array_as(w.value, 4, (size_t[]){OUT, 3, P, P});
    const ec_conv_steps steps = {.stride_y = P, .stride_x = P};
    const ec_array y = ec_conv2d(ctx, image, (ec_linear_params){&w, &bias}, steps, EC_ACT_SILU);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    const size_t expected[] = {1, H, W, OUT};
    assert_int_equal(y.n_dims, 4);
    assert_memory_equal(y.shape, expected, sizeof expected);
    assert_memory_equal(y.at, flat.at, H * W * OUT * sizeof(float));

    const ec_conv_steps padded = {2, 3, 1, 2, 4, 8}; /* 13 + 5 rows, 11 + 10 columns */
    const ec_array z = ec_conv2d(ctx, image, (ec_linear_params){&w, NULL}, padded, EC_ACT_NONE);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_int_equal(z.shape[1], (13 + 5 - 4) / 2 + 1);
    assert_int_equal(z.shape[2], (11 + 10 - 4) / 3 + 1);
    ec_ctx_free(ctx);
    release_operands();
}

/* Results of 256 channels have a gap between their pixels where rows of other results have one. */
static void conv2d_takes_what_conv2d_gives(void **state) {
    ec_backend b = open_backend(state, 2);
    const size_t gap = b.row_gap;
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new_on(&ctx, b, "cpu", EC_F32, NULL), EC_OK);
    enum { H = 5, W = 4, IN = 6, MIDDLE = 256, OUT = 9, K = 3 };
    ec_param first = parameter(
        ec_array_as(matrix(EC_F32, MIDDLE, IN * K * K, 0), 4, (size_t[]){MIDDLE, IN, K, K}),
        (ec_array){0});
    ec_param second = parameter(
        ec_array_as(matrix(EC_F32, OUT, MIDDLE * K * K, 0), 4, (size_t[]){OUT, MIDDLE, K, K}),
        (ec_array){0});
    const ec_conv_steps steps = {1, 1, 1, 1, 1, 1};
    const ec_array x = ec_array_as(floats(H * W, IN, 1.0f), 4, (size_t[]){1, H, W, IN});
    const ec_array y = ec_conv2d(ctx, x, (ec_linear_params){&first, NULL}, steps, EC_ACT_SILU);
    assert_int_equal(y.stride, MIDDLE + gap);
    float *const dense = calloc(H * W * MIDDLE, sizeof *dense);
    ec_download(ctx, dense, y);
    const ec_array copy = ec_array_at(dense, EC_F32, 4, y.shape);
    const ec_linear_params p = {&second, NULL};
    float got[H * W * OUT], expected[H * W * OUT];
    ec_download(ctx, got, ec_conv2d(ctx, y, p, steps, EC_ACT_NONE));
    ec_download(ctx, expected, ec_conv2d(ctx, copy, p, steps, EC_ACT_NONE));
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_memory_equal(got, expected, sizeof got);
    free(dense);
    ec_ctx_free(ctx);
    release_operands();
}

/* What oneDNN does not take goes another way and comes out right, too. That a U-Net's convolution
 * does not is seen by its last bits, which are not those of our own kernels. */
static void conv2d_is_computed_by_onednn(void **state) {
    ec_backend b[2] = {open_backend(state, 1)};
    assert_int_equal(ec_cpu_backend_new(&b[1], NULL, 1, NULL), EC_OK);
    enum { SIDE = 40, IN = 32, OUT = 24, N = SIDE * SIDE };
    ec_conv work = {.x = ec_array_as(floats(N, IN, 1.0f), 4, (size_t[]){1, SIDE, SIDE, IN}),
                    .w = ec_array_as(matrix(EC_F32, OUT, 9 * IN, 0), 4, (size_t[]){OUT, IN, 3, 3}),
                    .steps = {1, 1, 1, 1, 1, 1}};
    ec_array y[2];
    for (int i = 0; i < 2; i++) {
        work.y = y[i] = ec_array_as(floats(N, OUT, 1.0f), 4, (size_t[]){1, SIDE, SIDE, OUT});
        assert_int_equal(b[i].conv2d(b[i].self, &work), EC_OK);
        close_backend(&b[i]);
    }
    for (size_t row = 0; row < SIDE; row += SIDE - 1) /* the first band, and the last */
        assert_memory_not_equal(f32_of(y[0]) + row * SIDE * OUT, f32_of(y[1]) + row * SIDE * OUT,
                                SIDE * OUT * sizeof(float));
    release_operands();
}

/* Patches do not overlap, and a picture has three channels: for these our own kernels were as fast,
 * and keep their bits. */
static void the_rest_is_not_left_to_onednn(void **state) {
    ec_backend b[2] = {open_backend(state, 2)};
    assert_int_equal(ec_cpu_backend_new(&b[1], "avx512", 2, NULL), EC_OK);
    static const struct {
        size_t side, in, kernel, step;
    } cases[] = {{42, 3, 14, 14}, {40, 32, 2, 2}, {20, 64, 1, 1}, {30, 3, 3, 1}};
    enum { OUT = 24 };
    for (int i = 0; i < 4; i++) {
        const size_t side = cases[i].side, in = cases[i].in, kernel = cases[i].kernel;
        const size_t across = (side - kernel) / cases[i].step + 1, n = across * across;
        ec_conv work = {
            .x = ec_array_as(floats(side * side, in, 1.0f), 4, (size_t[]){1, side, side, in}),
            .w = ec_array_as(matrix(EC_F32, OUT, kernel * kernel * in, 0), 4,
                             (size_t[]){OUT, in, kernel, kernel}),
            .steps = {.stride_y = cases[i].step, .stride_x = cases[i].step}};
        ec_array y[2];
        for (int j = 0; j < 2; j++) {
            work.y = y[j] =
                ec_array_as(floats(n, OUT, 1.0f), 4, (size_t[]){1, across, across, OUT});
            assert_int_equal(b[j].conv2d(b[j].self, &work), EC_OK);
        }
        assert_memory_equal(y[0].at, y[1].at, n * OUT * sizeof(float));
        release_operands();
    }
    close_backend(&b[0]);
    close_backend(&b[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_BACKEND(conv2d_is_the_double_loop),
        ON_EVERY_ISA(conv2d_of_whole_patches_is_linear),
        ON_EVERY_BACKEND(conv2d_takes_what_conv2d_gives),
        ON("onednn", conv2d_is_computed_by_onednn),
        ON_HELPED(conv2d_is_the_double_loop),
        ON_HELPED(conv2d_is_computed_by_onednn),
        ON_HELPED(the_rest_is_not_left_to_onednn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
