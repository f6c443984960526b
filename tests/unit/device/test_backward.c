/* Backward passes on the reference backend against finite differences of its forward passes
 * (differences.h). Observed: 5e-9, most below 4e-10. Gradients of parameters are added to what was
 * there, those of activations are set; what is frozen is not computed.
 *
 * The other backends are held against the reference in test_ops_backward.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "differences.h"

/* ---- the operations ---- */

static ec_array linear(problem *p) {
    return ec_linear(ctx, p->v[0].param.value,
                     (ec_linear_params){&p->v[1].param, p->n > 2 ? &p->v[2].param : NULL},
                     EC_ACT_NONE);
}

static void linear_backward(problem *p, ec_array dy) {
    p->v[0].param.grad =
        ec_linear_backward(ctx, dy, p->v[0].param.value,
                           (ec_linear_params){&p->v[1].param, p->n > 2 ? &p->v[2].param : NULL});
}

static void linear_layers(void **state) {
    (void)state;
    for (size_t n = 3; n >= 2; n--) { /* with a bias and without */
        problem p = {.name = "linear",
                     .v = {variable_of(false, 3, (size_t[]){2, 3, 5}),
                           variable_of(true, 2, (size_t[]){4, 5})},
                     .n = n,
                     .limit = LIMIT,
                     .forward = linear,
                     .backward = linear_backward};
        if (n == 3) p.v[2] = variable_of(true, 1, (size_t[]){4});
        check(&p);
    }
    problem apart = {.name = "linear of 128", /* results' rows of 1 KB are apart */
                     .v = {variable_of(false, 2, (size_t[]){2, 128}),
                           variable_of(true, 2, (size_t[]){128, 128})},
                     .n = 2,
                     .limit = LIMIT,
                     .forward = linear,
                     .backward = linear_backward};
    apart.v[1].n_tried = 300;
    check(&apart);
}

static ec_array activation(problem *p) {
    return ec_activate(ctx, p->v[0].param.value, p->activation);
}

static void activation_backward(problem *p, ec_array dy) {
    p->v[0].param.grad = ec_activation_backward(ctx, dy, p->v[0].param.value, p->activation);
}

static void activations(void **state) {
    (void)state;
    static const char *const names[] = {"none", "quick gelu", "gelu", "gelu tanh", "silu", "relu"};
    for (int a = EC_ACT_NONE; a <= EC_ACT_RELU; a++) {
        problem p = {.name = names[a],
                     .v = {variable_of(false, 2, (size_t[]){7, 31})},
                     .n = 1,
                     .activation = (ec_activation)a,
                     .limit = LIMIT,
                     .forward = activation,
                     .backward = activation_backward};
        for (size_t i = 0; i < p.v[0].n; i++) p.v[0].host[i] *= 3.0; /* in [-6, 6] */
        put(p.v[0].param.value, p.v[0].host);
        check(&p);
    }
}

static ec_array swiglu(problem *p) {
    return ec_swiglu(ctx, p->v[0].param.value);
}

static void swiglu_backward(problem *p, ec_array dy) {
    p->v[0].param.grad = ec_swiglu_backward(ctx, dy, p->v[0].param.value);
}

static void gated_units(void **state) {
    (void)state;
    problem p = {.name = "swiglu",
                 .v = {variable_of(false, 3, (size_t[]){2, 3, 14})},
                 .n = 1,
                 .limit = LIMIT,
                 .forward = swiglu,
                 .backward = swiglu_backward};
    check(&p);
}

static const double EPSILON = 0.125; /* large enough to be seen, and a float */

static ec_norm_params norm_of(problem *p) {
    return (ec_norm_params){&p->v[1].param, &p->v[2].param};
}

static ec_array layer_norm(problem *p) {
    return ec_layer_norm(ctx, p->v[0].param.value, norm_of(p), EPSILON);
}

static void layer_norm_backward(problem *p, ec_array dy) {
    variable *x = &p->v[0];
    if (!p->adds) {
        x->param.grad = ec_layer_norm_backward(ctx, dy, x->param.value, norm_of(p), EPSILON);
        return;
    }
    x->param.grad = ec_scratch(ctx, x->param.value.n_dims, x->param.value.shape);
    put(x->param.grad, x->before);
    ec_layer_norm_backward_add(ctx, x->param.grad, dy, x->param.value, norm_of(p), EPSILON);
}

static void layer_norms(void **state) {
    (void)state;
    static const size_t widths[] = {1, 9, 128};
    for (int i = 0; i < 6; i++) {
        const size_t d = widths[i / 2];
        problem p = {.name = i % 2 ? "layer norm, added" : "layer norm",
                     .v = {variable_of(false, 3, (size_t[]){1, 3, d}), variable_of(true, 1, &d),
                           variable_of(true, 1, &d)},
                     .n = 3,
                     .adds = i % 2,
                     .limit = LIMIT,
                     .forward = layer_norm,
                     .backward = layer_norm_backward};
        check(&p);
    }
}

static ec_array attention(problem *p) {
    return ec_attention(ctx, p->v[0].param.value, p->v[1].param.value, p->v[2].param.value,
                        p->heads, NULL);
}

static void attention_backward(problem *p, ec_array dy) {
    const ec_qkv x = {p->v[0].param.value, p->v[1].param.value, p->v[2].param.value};
    ec_array log_sums;
    const ec_array y = ec_attention(ctx, x.q, x.k, x.v, p->heads, &log_sums);
    const ec_qkv dx = ec_attention_backward(ctx, dy, y, x, log_sums, p->heads);
    p->v[0].param.grad = dx.q, p->v[1].param.grad = dx.k, p->v[2].param.grad = dx.v;
}

/* The logarithms of softmax' sums are f32, hence the limit. */
static void attentions(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{2, 5, 6}, {1, 1, 4}, {1, 7, 16}};
    for (size_t i = 0; i < 3; i++) {
        problem p = {.name = "attention",
                     .v = {variable_of(false, 3, shapes[i]), variable_of(false, 3, shapes[i]),
                           variable_of(false, 3, shapes[i])},
                     .n = 3,
                     .heads = i == 2 ? 1 : 2,
                     .limit = 1e-6,
                     .forward = attention,
                     .backward = attention_backward};
        check(&p);
    }
}

/* y = W2 gelu(W1 x) + b2: the passes one after the other, as a model has them. */
static ec_array block(problem *p) {
    const ec_linear_params up = {&p->v[1].param, NULL};
    const ec_linear_params down = {&p->v[2].param, &p->v[3].param};
    return ec_linear(ctx, ec_linear(ctx, p->v[0].param.value, up, EC_ACT_GELU), down, EC_ACT_NONE);
}

static void block_backward(problem *p, ec_array dy) {
    const ec_linear_params up = {&p->v[1].param, NULL};
    const ec_linear_params down = {&p->v[2].param, &p->v[3].param};
    const ec_array h = ec_linear(ctx, p->v[0].param.value, up, EC_ACT_NONE);
    const ec_array a = ec_activate(ctx, h, EC_ACT_GELU);
    ec_array d = ec_linear_backward(ctx, dy, a, down);
    d = ec_activation_backward(ctx, d, h, EC_ACT_GELU);
    p->v[0].param.grad = ec_linear_backward(ctx, d, p->v[0].param.value, up);
}

static void one_after_the_other(void **state) {
    (void)state;
    problem p = {.name = "two layers and gelu",
                 .v = {variable_of(false, 2, (size_t[]){4, 3}),
                       variable_of(true, 2, (size_t[]){6, 3}),
                       variable_of(true, 2, (size_t[]){2, 6}), variable_of(true, 1, (size_t[]){2})},
                 .n = 4,
                 .limit = LIMIT,
                 .forward = block,
                 .backward = block_backward};
    check(&p);
}

/* ---- what is frozen ---- */

static size_t n_products, n_rows;
static ec_status (*real_product)(void *self, const ec_product *work);
static ec_status (*real_rows)(void *self, const ec_rows_work *work);

static ec_status counted_product(void *self, const ec_product *work) {
    n_products++;
    return real_product(self, work);
}

static ec_status counted_rows(void *self, const ec_rows_work *work) {
    n_rows++;
    return real_rows(self, work);
}

static void frozen_parameters_cost_nothing(void **state) {
    (void)state;
    real_product = ctx->backend.product, real_rows = ctx->backend.rows;
    ctx->backend.product = counted_product, ctx->backend.rows = counted_rows;
    variable x = variable_of(false, 2, (size_t[]){4, 5});
    variable w = variable_of(true, 2, (size_t[]){3, 5}), b = variable_of(true, 1, (size_t[]){3});
    variable gain = variable_of(true, 1, (size_t[]){5}),
             shift = variable_of(true, 1, (size_t[]){5});
    const ec_mark mark = ec_scratch_mark(ctx);
    const ec_array dy = ec_scratch(ctx, 2, (size_t[]){4, 3});
    const ec_array dh = ec_scratch(ctx, 2, (size_t[]){4, 5});
    double *ones = numbers(20, 1.0);
    put(dy, ones);
    put(dh, ones);
    for (int frozen = 0; frozen < 4; frozen++) { /* the weight, the bias */
        ec_param weight = w.param, bias = b.param, g = gain.param, s = shift.param;
        if (frozen & 1) weight.grad = g.grad = (ec_array){0};
        if (frozen & 2) bias.grad = s.grad = (ec_array){0};
        put(w.param.grad, w.before);
        put(b.param.grad, b.before);
        put(gain.param.grad, gain.before);
        put(shift.param.grad, shift.before);
        n_products = n_rows = 0;
        ec_linear_backward(ctx, dy, x.param.value, (ec_linear_params){&weight, &bias});
        ec_layer_norm_backward(ctx, dh, x.param.value, (ec_norm_params){&g, &s}, EPSILON);
        assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
        assert_int_equal(n_products, frozen & 1 ? 1 : 2);
        assert_int_equal(n_rows, frozen & 2 ? 0 : 1);
        double now[15];
        get(now, w.param.grad);
        assert_int_equal(memcmp(now, w.before, 15 * sizeof *now) == 0, frozen & 1);
        get(now, b.param.grad);
        assert_int_equal(memcmp(now, b.before, 3 * sizeof *now) == 0, frozen >> 1 & 1);
        get(now, gain.param.grad);
        assert_int_equal(memcmp(now, gain.before, 5 * sizeof *now) == 0, frozen & 1);
        get(now, shift.param.grad);
        assert_int_equal(memcmp(now, shift.before, 5 * sizeof *now) == 0, frozen >> 1 & 1);
    }
    free(ones);
    ec_scratch_release(ctx, mark);
    drop(&x), drop(&w), drop(&b), drop(&gain), drop(&shift);
    ctx->backend.product = real_product, ctx->backend.rows = real_rows;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers),
        cmocka_unit_test(activations),
        cmocka_unit_test(gated_units),
        cmocka_unit_test(layer_norms),
        cmocka_unit_test(attentions),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(frozen_parameters_cost_nothing),
    };
    return cmocka_run_group_tests_name("backward passes", tests, open_ref, close_ref);
}
