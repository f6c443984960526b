/* The promises of ops/ops.h on contexts, their memory, and what the calls of a forward pass hand on
 * to a backend; those of eyechart/device.h on names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operands.h"
#include "ops/arena.h"

/* ---- devices ---- */

static void an_unknown_instruction_set_is_named(void **state) {
    (void)state;
    ec_ctx *ctx;
    ec_error err;
    const ec_device_options options = {.name = "cpu:altivec", .n_threads = 1};
    assert_int_equal(ec_ctx_open(&ctx, &options, &err), EC_ERR_ARG);
    assert_null(ctx);
    assert_non_null(strstr(err.message, "altivec"));
    assert_non_null(strstr(err.message, "portable"));
}

static void the_best_instruction_set_is_the_default(void **state) {
    (void)state;
    ec_ctx *ctx;
    const ec_device_options options = {.name = "cpu", .n_threads = 1};
    assert_int_equal(ec_ctx_open(&ctx, &options, NULL), EC_OK);
    const char *best = ec_cpu_kernels_find("avx512") != NULL ? "avx512"
                       : ec_cpu_kernels_find("avx2") != NULL ? "avx2"
                                                             : "portable";
    assert_string_equal(ec_ctx_backend_name(ctx), best);
    assert_string_equal(ec_ctx_device(ctx), ec_device_name(0));
    ec_ctx_free(ctx);
    ec_ctx_free(NULL);
}

/* What only the reference can do is refused elsewhere, in words. */
static void activations_of_another_dtype_are_for_ref(void **state) {
    (void)state;
    static const ec_dtype dtypes[] = {EC_BF16, EC_F64};
    for (int i = 0; i < 2; i++) {
        ec_ctx *ctx;
        ec_error err;
        ec_device_options options = {.name = "cpu", .activations = dtypes[i]};
        assert_int_equal(ec_ctx_open(&ctx, &options, &err), EC_ERR_ARG);
        assert_non_null(strstr(err.message, "ref"));
        options.name = "ref";
        assert_int_equal(ec_ctx_open(&ctx, &options, &err), EC_OK);
        const ec_array x = ec_scratch(ctx, 2, (size_t[]){2, 3});
        assert_int_equal(x.dtype, dtypes[i]);
        assert_string_equal(ec_ctx_math(ctx), i == 0 ? "bf16 results" : "f64 results");
        ec_ctx_free(ctx);
    }
}

/* What nobody can do is refused everywhere, and says what can be asked for. */
static void activations_that_no_device_keeps_are_refused(void **state) {
    (void)state;
    static const ec_dtype dtypes[] = {EC_F16, EC_I32, EC_F8_E4M3};
    static const char *const devices[] = {"cpu", "ref"};
    for (int i = 0; i < 6; i++) {
        ec_ctx *ctx;
        ec_error err;
        ec_device_options options = {.name = devices[i % 2], .activations = dtypes[i / 2]};
        assert_int_equal(ec_ctx_open(&ctx, &options, &err), EC_ERR_ARG);
        assert_null(ctx);
        assert_non_null(strstr(err.message, "BF16 or F64"));
        assert_non_null(strstr(err.message, ec_dtype_name(dtypes[i / 2])));
    }
}

/* ---- wrappers ---- */

enum { N = 2, T = 5, D = 256, HEADS = 2, MLP = 512 };

/* Dense, for what the backend makes of the same. */
static ec_array dense(size_t width) {
    const ec_array y = floats(N * T, width, 1.0f);
    return ec_array_as(y, 3, (size_t[]){N, T, width});
}

static void assert_rows_equal(ec_array x, ec_array expected) {
    const size_t width = ec_array_width(x);
    assert_int_equal(ec_array_count(x), ec_array_count(expected));
    for (size_t i = 0; i < ec_array_height(x); i++)
        assert_memory_equal(f32_of(x) + i * x.stride, f32_of(expected) + i * expected.stride,
                            width * sizeof(float));
}

static ec_array flat(ec_array x) {
    return ec_array_rows(x, 0, ec_array_height(x));
}

/* y = x W^T by the backend itself. */
static void multiply(const ec_backend *b, ec_array y, ec_array x, const ec_param *w,
                     ec_epilogue e) {
    const ec_product work = {
        .y = flat(y), .a = flat(x), .b = w->value, .b_transposed = true, .epilogue = e};
    assert_int_equal(b->product(b->self, &work), EC_OK);
}

static void normalise(const ec_backend *b, ec_array y, ec_array x, ec_norm_params p) {
    const ec_norm_work work = {
        .y = flat(y), .x = flat(x), .weight = p.weight->value, .bias = p.bias->value, .eps = 1e-2f};
    assert_int_equal(b->norm(b->self, &work), EC_OK);
}

/* What a block of an encoder does, by the wrappers, against the same by the backend; of widths
 * whose rows the wrappers set apart. */
static void the_wrappers_pass_everything_on(void **state) {
    ec_backend b = open_backend(state, 1), its = open_backend(state, 2);
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new_on(&ctx, its, "cpu", EC_F32, NULL), EC_OK);
    const ec_array none = {0};
    ec_param w = parameter(matrix(EC_F16, D, D, 0), none);
    ec_param wide = parameter(matrix(EC_F32, 2 * MLP, D, 0), none);
    ec_param narrow = parameter(matrix(EC_BF16, D, MLP, 0), none);
    ec_param bias = parameter(matrix(EC_F32, 1, 2 * MLP, 0), none);
    ec_param gain = parameter(matrix(EC_F32, 1, D, 0), none);
    ec_param d_bias = parameter(ec_array_columns(bias.value, 0, D), none);
    const ec_norm_params norms = {&gain, &d_bias};
    const ec_array residual = dense(D);

    const ec_array x = ec_scratch(ctx, 3, (size_t[]){N, T, D});
    memcpy(x.at, residual.at, N * T * D * sizeof(float));
    const ec_array norm = ec_layer_norm(ctx, x, norms, 1e-2);
    const ec_array k = ec_linear(ctx, norm, (ec_linear_params){&w, &d_bias}, EC_ACT_NONE);
    const ec_array h = ec_attention(ctx, norm, k, norm, HEADS, NULL);
    const ec_array up = ec_linear(ctx, h, (ec_linear_params){&wide, &bias}, EC_ACT_QUICK_GELU);
    const ec_array gated = ec_swiglu(ctx, up);
    ec_linear_add(ctx, x, gated, (ec_linear_params){&narrow, &d_bias}, &gain);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_int_equal(up.n_dims, 3);
    assert_int_equal(up.stride, 2 * MLP + b.row_gap);
    assert_int_equal(up.shape[0], N);
    assert_int_equal(up.shape[1], T);
    assert_int_equal(up.shape[2], 2 * MLP);
    assert_int_equal(gated.shape[2], MLP);

    const ec_array a = dense(D), c = dense(D), e = dense(D), f = dense(2 * MLP), g = dense(MLP);
    normalise(&b, a, residual, norms);
    assert_rows_equal(norm, a);
    multiply(&b, c, a, &w, (ec_epilogue){.bias = &d_bias.value});
    assert_rows_equal(k, c);
    const ec_attention_work attention = {.y = e,
                                         .q = a,
                                         .k = c,
                                         .v = a,
                                         .heads = HEADS,
                                         .scale = (float)(1.0 / sqrt((double)D / HEADS))};
    assert_int_equal(b.attention(b.self, &attention), EC_OK);
    assert_rows_equal(h, e);
    multiply(&b, f, e, &wide, (ec_epilogue){.bias = &bias.value, .activation = EC_ACT_QUICK_GELU});
    assert_rows_equal(up, f);
    const ec_pointwise_work gate = {.kind = EC_SWIGLU, .y = flat(g), .x = flat(f)};
    assert_int_equal(b.pointwise(b.self, &gate), EC_OK);
    assert_rows_equal(gated, g);
    const ec_array old = flat(residual);
    multiply(&b, e, g, &narrow,
             (ec_epilogue){.bias = &d_bias.value, .scale = &gain.value, .residual = &old});
    assert_rows_equal(x, e);
    ec_layer_norm_in_place(ctx, x, norms, 1e-2);
    normalise(&b, e, e, norms);
    assert_rows_equal(x, e);
    ec_ctx_free(ctx);
    release_operands();
    close_backend(&b);
}

/* ---- failures ---- */

/* After a failure the operations keep the shapes and touch nothing, and the first failure is told.
 */
static void a_context_remembers_its_first_failure(void **state) {
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new_on(&ctx, open_backend(state, 1), "cpu", EC_F32, NULL), EC_OK);
    ec_param w = parameter(matrix(EC_F32, 8, 8, 0), (ec_array){0});
    const ec_linear_params linear = {&w, NULL};
    const ec_mark mark = ec_scratch_mark(ctx);
    const ec_array x = ec_scratch(ctx, 2, (size_t[]){SIZE_MAX / 64, 8});
    assert_null(x.at);
    assert_true(ec_ctx_failed(ctx));
    const ec_array y = ec_linear(ctx, x, linear, EC_ACT_NONE);
    assert_null(y.at);
    assert_int_equal(y.shape[1], 8);
    ec_linear_add(ctx, y, x, linear, NULL);
    assert_null(ec_scratch(ctx, 2, (size_t[]){SIZE_MAX / 2, SIZE_MAX / 2}).at);
    ec_scratch_release(ctx, mark);

    ec_error err;
    assert_int_equal(ec_ctx_status(ctx, &err), EC_ERR_NOMEM);
    assert_non_null(strstr(err.message, "[288230376151711743, 8]"));
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_non_null(ec_scratch(ctx, 1, (size_t[]){8}).at);
    ec_ctx_free(ctx);
    release_operands();
}

static ec_status broken_pointwise(void *self, const ec_pointwise_work *work) {
    (void)self, (void)work;
    return EC_ERR_DEVICE;
}

static const char *why_broken(const void *self) {
    (void)self;
    return "the cable is loose";
}

/* What failed on a device is told in its words, with the operation that failed first. */
static void a_device_that_fails_is_quoted(void **state) {
    ec_ctx *ctx;
    ec_backend b = open_backend(state, 1);
    b.pointwise = broken_pointwise;
    b.fault = why_broken;
    assert_int_equal(ec_ctx_new_on(&ctx, b, "cpu", EC_F32, NULL), EC_OK);
    const ec_array x = ec_array_new(ctx, EC_F32, 2, (size_t[]){3, 4});
    const ec_array y = ec_activate(ctx, x, EC_ACT_RELU);
    float back[12] = {1.0f};
    ec_download(ctx, back, y);
    assert_true(back[0] == 1.0f); /* untouched */
    assert_null(ec_array_new(ctx, EC_F32, 1, (size_t[]){4}).at);
    ec_error err;
    assert_int_equal(ec_ctx_status(ctx, &err), EC_ERR_DEVICE);
    assert_string_equal(err.message, "activation: the cable is loose");
    ec_array_free(ctx, x);
    ec_ctx_free(ctx);
}

/* ---- parameters ---- */

static bool has_short_name(const ec_param *param) {
    return strlen(param->name) == 1;
}

/* Gradients lie in one flat array of zeros, each from a cache line on; what is frozen has none.
 * Training anew begins with zeros again. */
static void what_is_trained_has_its_place(void **state) {
    (void)state;
    static const float numbers[6] = {1, 2, 3, 4, 5, 6};
    ec_ctx *ctx;
    ec_params *params;
    const ec_device_options options = {.name = "ref"};
    assert_int_equal(ec_ctx_open(&ctx, &options, NULL), EC_OK);
    assert_int_equal(ec_params_new(&params, NULL), EC_OK);
    const size_t shape[2] = {2, 3}, one = 1;
    ec_param *a = ec_params_add(params, "a", numbers, EC_F32, 2, shape);
    ec_param *frozen = ec_params_add(params, "frozen", NULL, EC_F16, 1, &one);
    ec_param *b = ec_params_add(params, "b", NULL, EC_BF16, 2, shape);
    assert_int_equal(ec_params_place(params, ctx, NULL), EC_OK);
    float back[32];
    ec_download(ctx, back, a->value);
    assert_memory_equal(back, numbers, sizeof numbers);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ec_params_train(params, has_short_name, NULL), EC_OK);
        assert_null(frozen->grad.at);
        assert_int_equal(a->flat, 0);
        assert_int_equal(b->flat, 16);
        assert_int_equal(b->grad.dtype, EC_F32);
        const ec_array all = ec_params_gradients(params);
        assert_int_equal(ec_array_count(all), 32);
        assert_ptr_equal(b->grad.at, ec_array_columns(all, b->flat, 6).at);
        ec_download(ctx, back, all);
        for (int i = 0; i < 32; i++) assert_true(back[i] == 0.0f);
        ec_add_rows(ctx, ec_array_as(b->grad, 3, (size_t[]){1, 2, 3}), 0, a->value);
        ec_download(ctx, back, ec_array_columns(all, b->flat, 6));
        assert_memory_equal(back, numbers, sizeof numbers);
    }
    assert_int_equal(ec_params_train(params, NULL, NULL), EC_OK);
    assert_non_null(frozen->grad.at);
    ec_params_free(params);
    ec_ctx_free(ctx);
}

/* ---- memory ---- */

static void scratch_is_aligned_kept_and_reused(void **state) {
    ec_ctx *ctx;
    assert_int_equal(ec_ctx_new_on(&ctx, open_backend(state, 1), "cpu", EC_F32, NULL), EC_OK);
    const ec_array kept = ec_scratch(ctx, 1, (size_t[]){3});
    for (int i = 0; i < 3; i++) f32_of(kept)[i] = (float)i;
    const ec_mark mark = ec_scratch_mark(ctx);
    void *first = NULL;
    size_t peak = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (size_t n = 1; n < 3000000; n *= 7) { /* bytes to megabytes: over several blocks */
            const ec_array t = ec_scratch(ctx, 1, (size_t[]){n});
            assert_int_equal((uintptr_t)t.at % 64, 0);
            memset(t.at, 0xff, n * sizeof(float));
            if (n == 1 && pass == 0) first = t.at;
            if (n == 1) assert_ptr_equal(t.at, first);
        }
        if (pass == 0) peak = ec_scratch_peak(ctx);
        ec_scratch_release(ctx, mark);
        assert_int_equal(ec_scratch_mark(ctx), mark);
    }
    assert_int_equal(ec_scratch_peak(ctx), peak); /* the same memory in every pass */
    for (int i = 0; i < 3; i++) assert_true(f32_of(kept)[i] == (float)i);
    ec_ctx_free(ctx);
}

/* A mark in one block is released from another; what is older than the mark is untouched. */
static void marks_nest_over_blocks(void **state) {
    ec_backend b = open_backend(state, 1);
    ec_arena arena = {.backend = &b};
    enum { DEPTH = 40 };
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
    close_backend(&b);
}

/* What the device reads in place is not copied; elsewhere it is, and comes back the same, whatever
 * its rows' distances and its dtype. */
static void numbers_go_to_a_device_and_back(void **state) {
    ec_ctx *ctx;
    ec_backend b;
    const bool shares = *state != NULL;
    if (shares)
        b = open_backend(state, 1);
    else
        assert_int_equal(ec_ref_backend_new(&b, NULL), EC_OK);
    assert_int_equal(ec_ctx_new_on(&ctx, b, "some", EC_F32, NULL), EC_OK);
    for (size_t i = 0; i < 3; i++) {
        const ec_array here = matrix(DTYPES[i], 4, 6, 0);
        float back[12];
        const ec_array x = ec_upload(ctx, here.at, here.dtype, 2, here.shape);
        assert_true((x.at == here.at) == shares);
        const ec_array part = ec_array_columns(ec_array_rows(x, 1, 3), 2, 4);
        ec_download(ctx, back, part);
        for (size_t j = 0; j < 12; j++)
            assert_true((double)back[j] == value_at(here, 1 + j / 4, 2 + j % 4));
    }
    const ec_array zeros = ec_array_new(ctx, EC_F32, 2, (size_t[]){3, 2});
    float all[6];
    ec_download(ctx, all, zeros);
    for (int i = 0; i < 6; i++) assert_true(all[i] == 0.0f);
    ec_array_free(ctx, zeros);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    ec_ctx_free(ctx);
    release_operands();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_instruction_set_is_named),
        cmocka_unit_test(the_best_instruction_set_is_the_default),
        cmocka_unit_test(activations_of_another_dtype_are_for_ref),
        cmocka_unit_test(activations_that_no_device_keeps_are_refused),
        ON_EVERY_BACKEND(the_wrappers_pass_everything_on),
        ON("portable", a_context_remembers_its_first_failure),
        ON("portable", a_device_that_fails_is_quoted),
        cmocka_unit_test(what_is_trained_has_its_place),
        ON("portable", scratch_is_aligned_kept_and_reused),
        ON("portable", marks_nest_over_blocks),
        ON("portable", numbers_go_to_a_device_and_back),
        cmocka_unit_test(numbers_go_to_a_device_and_back), /* the reference */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
