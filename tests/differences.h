/* differences.h - for tests of backward passes: gradients on the reference backend against finite
 * differences of the forward pass, all in f64: of L = sum(c * y), c at random, for every number of
 * every operand,
 *
 *     (L(x + h) - L(x - h)) / 2 h,   h = 1e-5,
 *
 * is dL/dx but for 3e-8 of 1 + its size. cmocka.h and what it needs is included before.
 */
#ifndef EC_TESTS_DIFFERENCES_H
#define EC_TESTS_DIFFERENCES_H

#include "operands.h"
#include "ops/context.h"

/* ---- variables on the reference ---- */

static ec_ctx *ctx;

HELPER int open_ref(void **state) {
    (void)state;
    ec_rng_init(&rng, 11, 0);
    ec_backend b;
    if (ec_ref_backend_new(&b, NULL) != EC_OK) return -1;
    return ec_ctx_new_on(&ctx, b, "ref", EC_F64, NULL) == EC_OK ? 0 : -1;
}

HELPER int close_ref(void **state) {
    (void)state;
    ec_ctx_free(ctx);
    return 0;
}

/* Dense doubles between host and device. */
HELPER void put(ec_array to, const double *from) {
    const size_t bytes = ec_array_count(to) * sizeof *from;
    ctx->backend.copy(ctx->backend.self, to.at, bytes, from, bytes, bytes, 1, EC_TO_DEVICE);
}

HELPER void get(double *to, ec_array from) {
    const size_t width = ec_array_width(from) * sizeof *to;
    assert_int_equal(from.dtype, EC_F64);
    ctx->backend.copy(ctx->backend.self, to, width, from.at, from.stride * sizeof *to, width,
                      ec_array_height(from), EC_FROM_DEVICE);
}

/* An operand: what L is differentiated by. */
typedef struct {
    ec_param param; /* of an activation the value alone is used; grad receives its gradient */
    bool is_parameter;
    double *host, *before; /* values; what the gradient was before */
    size_t n, n_tried;     /* the first of them are tried */
} variable;

HELPER double *numbers(size_t n, double size) {
    double *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = size * (double)uniform();
    return x;
}

HELPER variable variable_of(bool is_parameter, int n_dims, const size_t *shape) {
    variable v = {.is_parameter = is_parameter};
    v.param.name = "variable";
    v.param.value = ec_array_new(ctx, EC_F64, n_dims, shape);
    v.n = v.n_tried = ec_array_count(v.param.value);
    v.host = numbers(v.n, 2.0);
    v.before = numbers(v.n, 3.0);
    put(v.param.value, v.host);
    if (is_parameter) {
        v.param.grad = ec_array_new(ctx, EC_F64, n_dims, shape);
        put(v.param.grad, v.before);
    }
    return v;
}

HELPER void drop(variable *v) {
    ec_array_free(ctx, v->param.value);
    if (v->is_parameter) ec_array_free(ctx, v->param.grad);
    free(v->host);
    free(v->before);
}

/* ---- finite differences ---- */

enum { MAX_VARIABLES = 12 };

/* An operation: y from its variables; and the gradients of its activations into their param.grad
 * (scratch), those of its parameters added to theirs. */
typedef struct problem {
    const char *name;
    variable v[MAX_VARIABLES];
    size_t n;
    ec_activation activation;
    size_t heads;
    const void *model; /* what else there is to know of it */
    bool adds;         /* dL/dx is added to what is there */
    double limit;
    ec_array (*forward)(struct problem *p);
    void (*backward)(struct problem *p, ec_array dy);
} problem;

/* L = sum(c * y). */
HELPER double loss(problem *p, const double *c) {
    const ec_mark mark = ec_scratch_mark(ctx);
    const ec_array y = p->forward(p);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    const size_t n = ec_array_count(y);
    double *values = numbers(n, 0.0), sum = 0.0;
    get(values, y);
    for (size_t i = 0; i < n; i++) sum += c[i] * values[i];
    free(values);
    ec_scratch_release(ctx, mark);
    return sum;
}

HELPER double slope(problem *p, variable *v, size_t i, const double *c) {
    const double h = 1e-5, x = v->host[i];
    v->host[i] = x + h;
    put(v->param.value, v->host);
    const double above = loss(p, c);
    v->host[i] = x - h;
    put(v->param.value, v->host);
    const double below = loss(p, c);
    v->host[i] = x;
    put(v->param.value, v->host);
    return (above - below) / (2.0 * h);
}

HELPER void check(problem *p) {
    double worst = 0.0;
    const ec_mark mark = ec_scratch_mark(ctx);
    const ec_array y = p->forward(p);
    double *c = numbers(ec_array_count(y), 1.0);
    const ec_array dy = ec_scratch(ctx, y.n_dims, y.shape);
    put(dy, c);
    p->backward(p, dy);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    for (size_t j = 0; j < p->n; j++) {
        variable *v = &p->v[j];
        double *gradient = numbers(v->n, 0.0);
        get(gradient, v->param.grad);
        const bool added = v->is_parameter || p->adds;
        for (size_t i = 0; i < v->n_tried; i++) {
            const double expected = slope(p, v, i, c) + (added ? v->before[i] : 0.0);
            const double error = fabs(gradient[i] - expected) / (1.0 + fabs(expected));
            if (!(error <= p->limit))
                fail_msg("%s: gradient %zu of operand %zu is %.12g, by differences %.12g", p->name,
                         i, j, gradient[i], expected);
            worst = fmax(worst, error);
        }
        free(gradient);
    }
    print_message("%s: largest difference %.2g\n", p->name, worst);
    free(c);
    ec_scratch_release(ctx, mark);
    for (size_t j = 0; j < p->n; j++) drop(&p->v[j]);
}

static const double LIMIT = 3e-8;

#endif
