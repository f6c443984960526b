/* Backward passes: every backend against the reference, whose gradients test_backward.c holds
 * against finite differences. Products, which gradients of linear layers are, stand in
 * test_ops_product.c, sums of rows in test_ops_rows.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operands.h"
#include "ops/context.h"

/* ---- element by element ---- */

/* 6e-7 of 1 + the gradient's size (observed: half of it). */
static void check_pointwise(const ec_backend *b, ec_pointwise_work work, const char *name) {
    ec_pointwise_work on = work;
    on.y = on_ref(work.y), on.x = on_ref(work.x), on.z = on_ref(work.z);
    assert_int_equal(ref.pointwise(ref.self, &on), EC_OK);
    double *const expected = from_ref(on.y), *const size = from_ref(on.y);
    for (size_t i = 0; i < ec_array_count(work.y); i++) size[i] = 1.0 + 2.0 * fabs(expected[i]);
    char what[120];
    snprintf(what, sizeof what, "%s, %s, width %zu", b->name, name, ec_array_width(work.x));
    assert_int_equal(b->pointwise(b->self, &work), EC_OK);
    assert_near(what, work.y, expected, (tolerance){3e-7, size});
    free(expected);
    free(size);
}

static void gradients_of_activations(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t width[] = {1, 7, 16, 33, 200};
    static const char *const names[] = {"none", "quick gelu", "gelu", "gelu tanh", "silu", "relu"};
    for (size_t i = 0; i < sizeof width / sizeof *width; i++)
        for (int a = EC_ACT_NONE; a <= EC_ACT_RELU; a++)
            for (int place = 0; place < 3; place++) { /* apart, in x, in z */
                enum { ROWS = 170 };
                const size_t w = width[i];
                ec_pointwise_work work = {.kind = EC_ACTIVATE_BACKWARD,
                                          .y = spaced(EC_F32, ROWS, w, w + 3, 0, 1.0f),
                                          .x = spaced(EC_F32, ROWS, w, w + 2, 0, 8.0f),
                                          .z = spaced(EC_F32, ROWS, w, w + 1, 0, 5.0f),
                                          .activation = (ec_activation)a};
                if (place > 0) work.y = place == 1 ? work.x : work.z;
                check_pointwise(&b, work, names[a]);
                release_operands();
            }
    close_backend(&b);
}

/* The slope by itself, over the whole line: 3e-7 of 1 (observed: 1.5e-7). */
static void slopes_are_0_and_1_far_away(void **state) {
    ec_backend b = open_backend(state, 1);
    const ec_cpu_kernels *kernels = ec_cpu_kernels_find(*state);
    for (ec_activation a = EC_ACT_NONE; a <= EC_ACT_RELU; a++) {
        static const float far[] = {90.0f, 300.0f, 1e5f, 1e20f, 3e38f, INFINITY};
        const float one = 1.0f, nan = NAN;
        for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
            float y, below = -far[i];
            kernels->activate_backward(&y, &far[i], &one, 1, a);
            assert_true(y == 1.0f);
            kernels->activate_backward(&y, &below, &one, 1, a);
            assert_true(fabsf(y) <= (a == EC_ACT_NONE ? 1.0f : 1e-30f));
            assert_true(ec_ref_slope((double)far[i], a) == 1.0);
            assert_true(fabs(ec_ref_slope((double)below, a)) <= (a == EC_ACT_NONE ? 1.0 : 1e-30));
        }
        float y;
        kernels->activate_backward(&y, &nan, &one, 1, a);
        assert_true(a == EC_ACT_NONE || isnan(y));
        for (float x = -12.0f; x < 12.0f; x += 0.00390625f) {
            kernels->activate_backward(&y, &x, &one, 1, a);
            const double expected = ec_ref_slope((double)x, a);
            if (!(fabs((double)y - expected) <= 4e-7))
                fail_msg("%s, activation %d at %g: slope %.9g, expected %.9g", b.name, (int)a,
                         (double)x, (double)y, expected);
        }
    }
    close_backend(&b);
}

static void gradients_of_swiglu(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t d[] = {1, 5, 8, 16, 21, 200};
    for (size_t i = 0; i < sizeof d / sizeof *d; i++) {
        enum { ROWS = 170 };
        check_pointwise(
            &b,
            (ec_pointwise_work){.kind = EC_SWIGLU_BACKWARD,
                                .y = spaced(EC_F32, ROWS, 2 * d[i], 2 * d[i] + 5, 0, 1.0f),
                                .x = spaced(EC_F32, ROWS, 2 * d[i], 2 * d[i] + 3, 0, 5.0f),
                                .z = spaced(EC_F32, ROWS, d[i], d[i] + 1, 0, 1.0f)},
            "swiglu");
        release_operands();
    }
    close_backend(&b);
}

/* ---- norms ---- */

typedef struct {
    size_t rows, d;
    ec_dtype dtype;
    float mean, size, eps;
    bool adds, trains_weight, trains_bias;
} norm_case;

/* 1e-6 of the gradient's size and of what its terms may have been, 1/deviation; of a sum over rows
 * 1e-6 times the root of their number (observed: 0.3 of it). */
static void check_norm(const ec_backend *b, const norm_case *c) {
    const size_t d = c->d;
    ec_norm_work work = {.x = spaced(EC_F32, c->rows, d, d + 2, 0, c->size),
                         .weight = matrix(c->dtype, 1, d, 1),
                         .eps = c->eps,
                         .dx = spaced(EC_F32, c->rows, d, d + 1, 0, 1.0f),
                         .dy = spaced(EC_F32, c->rows, d, d + 3, 0, 1.0f),
                         .adds = c->adds};
    for (size_t i = 0; i < c->rows; i++)
        for (size_t j = 0; j < d; j++) f32_of(work.x)[i * work.x.stride + j] += c->mean;
    if (c->trains_weight) work.dweight = floats(1, d, 1.0f);
    if (c->trains_bias) work.dbias = floats(1, d, 1.0f);

    ec_norm_work on = work;
    on.x = on_ref(work.x), on.weight = on_ref(work.weight);
    on.dx = on_ref(work.dx), on.dy = on_ref(work.dy);
    on.dweight = on_ref(work.dweight), on.dbias = on_ref(work.dbias);
    assert_int_equal(ref.norm_backward(ref.self, &on), EC_OK);
    double *const dx = from_ref(on.dx), *const size = from_ref(on.dx);
    const double steep = 1.0 / fmax((double)c->size, sqrt((double)c->eps)); /* dx grows with it */
    for (size_t i = 0; i < c->rows * d; i++) size[i] = fabs(dx[i]) + 4.0 * steep;
    assert_int_equal(b->norm_backward(b->self, &work), EC_OK);
    char what[160];
    snprintf(what, sizeof what, "%s, rows %zu, d %zu, mean %g, size %g%s", b->name, c->rows, d,
             (double)c->mean, (double)c->size, c->adds ? ", added" : "");
    assert_near(what, work.dx, dx, (tolerance){1e-6, size});
    free(dx);
    free(size);
    for (int i = 0; i < 2; i++) {
        const ec_array sum = i == 0 ? work.dweight : work.dbias;
        if (sum.at == NULL) continue;
        double *const expected = from_ref(i == 0 ? on.dweight : on.dbias);
        assert_near(what, sum, expected, (tolerance){1e-6 * sqrt((double)c->rows), NULL});
        free(expected);
    }
    release_operands();
}

static void gradients_of_layer_norm(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t d[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 127, 1024};
    for (size_t i = 0; i < sizeof d / sizeof *d; i++)
        for (unsigned flags = 0; flags < 8; flags++)
            check_norm(&b, &(norm_case){.rows = 5,
                                        .d = d[i],
                                        .dtype = DTYPES[i % 3],
                                        .mean = flags == 7 ? 100.0f : 0.0f,
                                        .size = flags == 6 ? 0.01f : 1.0f,
                                        .eps = 1e-5f,
                                        .adds = flags & 1,
                                        .trains_weight = flags & 2,
                                        .trains_bias = flags & 4});
    check_norm(&b, &(norm_case){.rows = 300, /* several tasks, several blocks of rows */
                                .d = 200,
                                .dtype = EC_F16,
                                .size = 3.0f,
                                .eps = 1e-6f,
                                .adds = true,
                                .trains_weight = true,
                                .trains_bias = true});
    close_backend(&b);
}

/* ---- attention ---- */

/* Errors of scores become relative errors of their exponentials: 1.5e-7 times 1 + their size, of
 * 1 + the gradient's size (observed: 0.6 of it). Each backend has its own y and log_sums. */
static void check_attention(const ec_backend *b, const attention_case *c) {
    const size_t width = c->heads * c->d, rows = c->n * c->t;
    ec_attention_work work = attention_of(c), on = attention_on_ref(&work);
    const ec_array grads = as_tokens(c, floats(rows, 3 * width, 1.0f));
    work.dy = as_tokens(c, spaced(EC_F32, rows, width, width + 1, 0, 1.0f));
    work.dq = ec_array_columns(grads, 0, width);
    work.dk = ec_array_columns(grads, width, width);
    work.dv = ec_array_columns(grads, 2 * width, width);
    on.dy = on_ref(work.dy);
    on.dq = on_ref(work.dq), on.dk = on_ref(work.dk), on.dv = on_ref(work.dv);
    assert_int_equal(ref.attention_backward(ref.self, &on), EC_OK);
    assert_int_equal(b->attention(b->self, &work), EC_OK); /* its own y and log_sums */
    assert_int_equal(b->attention_backward(b->self, &work), EC_OK);
    const double limit = 1.5e-7 * (1.0 + (double)c->q_size * sqrt((double)c->d));
    const ec_array got[] = {work.dq, work.dk, work.dv}, wanted[] = {on.dq, on.dk, on.dv};
    for (int i = 0; i < 3; i++) {
        char what[120];
        snprintf(what, sizeof what, "%s, n %zu t %zu heads %zu d %zu, d%c", b->name, c->n, c->t,
                 c->heads, c->d, "qkv"[i]);
        double *const expected = from_ref(wanted[i]), *const size = from_ref(wanted[i]);
        for (size_t j = 0; j < rows * width; j++) size[j] = fabs(size[j]);
        ec_array dense = copy_of(got[i]); /* what is between its rows is the other gradients */
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < width; j++) {
                const double error = fabs(value_at(dense, r, j) - expected[r * width + j]) /
                                     (limit * (1.0 + size[r * width + j]));
                if (!(error <= 1.0))
                    fail_msg("%s: [%zu][%zu] is %.9g, expected %.9g", what, r, j,
                             value_at(dense, r, j), expected[r * width + j]);
            }
        free(expected);
        free(size);
    }
    release_operands();
}

static void gradients_of_attention(void **state) {
    ec_backend b = open_backend(state, 2);
    check_all_widths(&b, check_attention);
    /* several blocks of queries and of keys */
    check_attention(&b, &(attention_case){.n = 1, .t = 330, .heads = 2, .d = 24, .q_size = 2.0f});
    check_attention(&b, &(attention_case){.n = 1, .t = 650, .heads = 1, .d = 16, .q_size = 1.0f});
    /* scores of several hundred */
    check_attention(&b, &(attention_case){.n = 1, .t = 100, .heads = 1, .d = 32, .q_size = 100.0f});
    close_backend(&b);
}

/* ---- through the calls of ops.h ---- */

enum { IN = 40, HIDDEN = 256, OUT = 24, TOKENS = 50 }; /* rows of `hidden` are apart */

/* y = W2 gelu(W1 norm(x)), whose norm's bias is frozen. */
typedef struct {
    ec_params *params;
    ec_norm_params norm;
    ec_linear_params up, down;
} model;

static ec_param *added(ec_params *params, const char *name, const float *from, int n_dims,
                       const size_t *shape) {
    ec_param *p = ec_params_add(params, name, from, EC_F32, n_dims, shape);
    assert_non_null(p);
    return p;
}

static bool is_trained(const ec_param *p) {
    return strcmp(p->name, "norm.bias") != 0;
}

/* On the context, with gradients. The weights are some of `numbers`. */
static model model_on(ec_ctx *ctx, const float *numbers) {
    const size_t in = IN, hidden = HIDDEN, out = OUT;
    model m;
    assert_int_equal(ec_params_new(&m.params, NULL), EC_OK);
    m.norm.weight = added(m.params, "norm.weight", numbers, 1, &in);
    m.norm.bias = added(m.params, "norm.bias", numbers + 40, 1, &in);
    m.up.weight = added(m.params, "up.weight", numbers, 2, (size_t[]){HIDDEN, IN});
    m.up.bias = added(m.params, "up.bias", numbers + 80, 1, &hidden);
    m.down.weight = added(m.params, "down.weight", numbers, 2, (size_t[]){OUT, HIDDEN});
    m.down.bias = added(m.params, "down.bias", numbers + 7, 1, &out);
    assert_int_equal(ec_params_place(m.params, ctx, NULL), EC_OK);
    assert_int_equal(ec_params_train(m.params, is_trained, NULL), EC_OK);
    return m;
}

/* dL/dx [TOKENS, IN] and the flat gradients of `rounds` backward passes; owned. */
static float *gradients(ec_ctx *ctx, const float *numbers, int rounds, size_t *n) {
    model m = model_on(ctx, numbers);
    const ec_array flat = ec_params_gradients(m.params);
    *n = TOKENS * IN + ec_array_count(flat);
    float *all = calloc(*n, sizeof *all);
    assert_non_null(all);
    const ec_array x = ec_upload(ctx, numbers, EC_F32, 2, (size_t[]){TOKENS, IN});
    const ec_array dy = ec_upload(ctx, numbers + 99, EC_F32, 2, (size_t[]){TOKENS, OUT});
    for (int i = 0; i < rounds; i++) {
        const ec_array h = ec_layer_norm(ctx, x, m.norm, 1e-5);
        const ec_array u = ec_linear(ctx, h, m.up, EC_ACT_NONE);
        const ec_array a = ec_activate(ctx, u, EC_ACT_GELU);
        assert_int_equal(u.stride != HIDDEN, ctx->backend.row_gap > 0);
        ec_array d = ec_linear_backward(ctx, dy, a, m.down);
        d = ec_activation_backward(ctx, d, u, EC_ACT_GELU);
        d = ec_linear_backward(ctx, d, h, m.up);
        ec_download(ctx, all, ec_layer_norm_backward(ctx, d, x, m.norm, 1e-5));
    }
    ec_download(ctx, all + TOKENS * IN, flat);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_null(m.norm.bias->grad.at);
    const ec_param *const trained[] = {m.norm.weight, m.up.weight, m.up.bias, m.down.weight,
                                       m.down.bias};
    for (size_t i = 0, end = 0; i < 5; i++) { /* one after the other, each on a cache line */
        assert_int_equal(trained[i]->flat % 16, 0);
        assert_true(trained[i]->flat >= end);
        end = trained[i]->flat + ec_array_count(trained[i]->grad);
        assert_true(end <= ec_array_count(flat));
    }
    ec_params_free(m.params);
    return all;
}

/* The same gradients as the reference's, and twice as large after two passes: those of parameters,
 * which are added up; those of activations are set. 2e-5 of 1 + their size (observed: 8e-6). */
static void a_model_has_the_gradients_of_the_reference(void **state) {
    ec_backend backend = open_backend(state, 3), reference;
    assert_int_equal(ec_ref_backend_new(&reference, NULL), EC_OK);
    ec_ctx *ctx, *on_reference;
    assert_int_equal(ec_ctx_new_on(&ctx, backend, "cpu", EC_F32, NULL), EC_OK);
    assert_int_equal(ec_ctx_new_on(&on_reference, reference, "ref", EC_F32, NULL), EC_OK);
    const float *const numbers = f32_of(floats(1, HIDDEN * IN, 1.0f));
    size_t n, n_expected;
    float *const once = gradients(ctx, numbers, 1, &n), *const twice =
                                                            gradients(ctx, numbers, 2, &n);
    float *const expected = gradients(on_reference, numbers, 1, &n_expected);
    assert_int_equal(n, n_expected);
    for (size_t i = 0; i < n; i++) {
        const double wanted = (double)expected[i], again = i < TOKENS * IN ? 1.0 : 2.0;
        if (!(fabs((double)once[i] - wanted) <= 2e-5 * (1.0 + fabs(wanted))) ||
            !(fabs((double)twice[i] - again * (double)once[i]) <= 1e-5 * (1.0 + fabs(wanted))))
            fail_msg("%s: gradient %zu is %.9g, after two passes %.9g, expected %.9g", backend.name,
                     i, (double)once[i], (double)twice[i], wanted);
    }
    free(once);
    free(twice);
    free(expected);
    ec_ctx_free(ctx);
    ec_ctx_free(on_reference);
    release_operands();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_ISA(gradients_of_activations),
        ON_EVERY_ISA(slopes_are_0_and_1_far_away),
        ON_EVERY_ISA(gradients_of_swiglu),
        ON_EVERY_ISA(gradients_of_layer_norm),
        ON_EVERY_ISA(gradients_of_attention),
        ON_EVERY_F32(a_model_has_the_gradients_of_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
