/* The backward pass of a connector as a whole: against finite differences on the reference backend,
 * and on every device against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connectors/mlp.h"
#include "device.h"
#include "differences.h"

/* ---- connectors ---- */

enum { LLAVA, NORMS, NO_BIAS, LINEAR, CONNECTORS };

static const mlp_spec specs[CONNECTORS] = {
    /* mlp2x_gelu */
    [LLAVA] = {.activation = EC_ACT_GELU,
               .n_layers = 2,
               .n_inputs = 5,
               .n_outputs = 4,
               .layer = {{.has_bias = true, .activates = true, .n_in = 5, .n_out = 6},
                         {.has_bias = true, .n_in = 6, .n_out = 4}}},
    /* ViP-LLaVA's norm in front, and one behind an activation */
    [NORMS] = {.activation = EC_ACT_SILU,
               .eps = 0.125,
               .n_layers = 4,
               .n_inputs = 5,
               .n_outputs = 3,
               .layer = {{.is_norm = true, .has_bias = true, .n_in = 5, .n_out = 5},
                         {.has_bias = true, .activates = true, .n_in = 5, .n_out = 6},
                         {.is_norm = true, .has_bias = true, .n_in = 6, .n_out = 6},
                         {.has_bias = true, .n_in = 6, .n_out = 3}}},
    [NO_BIAS] = {.activation = EC_ACT_GELU_TANH,
                 .n_layers = 3,
                 .n_inputs = 4,
                 .n_outputs = 3,
                 .layer = {{.activates = true, .n_in = 4, .n_out = 5},
                           {.activates = true, .n_in = 5, .n_out = 6},
                           {.n_in = 6, .n_out = 3}}},
    [LINEAR] = {.n_layers = 1,
                .n_inputs = 3,
                .n_outputs = 4,
                .layer = {{.has_bias = true, .n_in = 3, .n_out = 4}}},
};
enum { TOKENS = 7 };

/* ---- finite differences ---- */

static mlp_weights weights_of(problem *p) {
    const mlp_spec *spec = p->model;
    mlp_weights w = {0};
    size_t next = 1;
    for (size_t i = 0; i < spec->n_layers; i++) {
        w.layer[i].weight = &p->v[next++].param;
        if (spec->layer[i].has_bias) w.layer[i].bias = &p->v[next++].param;
    }
    return w;
}

static ec_array connector(problem *p) {
    const mlp_weights w = weights_of(p);
    return mlp_forward(ctx, p->model, &w, p->v[0].param.value, NULL);
}

static void connector_backward(problem *p, ec_array dy) {
    const mlp_weights w = weights_of(p);
    p->v[0].param.grad = mlp_backward(ctx, p->model, &w, p->v[0].param.value, dy);
}

/* Observed: below 1e-9. */
static void gradients_are_the_slopes_of_the_forward_pass(void **state) {
    (void)state;
    static const char *const names[] = {"mlp2x_gelu", "with norms", "without biases", "linear"};
    for (size_t i = 0; i < CONNECTORS; i++) {
        problem p = {.name = names[i],
                     .model = &specs[i],
                     .n = 1,
                     .limit = LIMIT,
                     .forward = connector,
                     .backward = connector_backward};
        p.v[0] = variable_of(false, 2, (size_t[]){TOKENS, specs[i].n_inputs});
        for (size_t k = 0; k < specs[i].n_layers; k++) {
            const mlp_layer *layer = &specs[i].layer[k];
            p.v[p.n++] =
                variable_of(true, layer->is_norm ? 1 : 2, (size_t[]){layer->n_out, layer->n_in});
            if (layer->has_bias) p.v[p.n++] = variable_of(true, 1, &layer->n_out);
        }
        check(&p);
    }
}

/* ---- devices ---- */

/* A connector of LLaVA's kind, large enough that rows of results lie apart and work is split. */
static const mlp_spec larger = {
    .activation = EC_ACT_GELU,
    .eps = 1e-5,
    .n_layers = 3,
    .n_inputs = 72,
    .n_outputs = 100,
    .layer = {{.is_norm = true, .has_bias = true, .n_in = 72, .n_out = 72},
              {.has_bias = true, .activates = true, .n_in = 72, .n_out = 256},
              {.has_bias = true, .n_in = 256, .n_out = 100}}};
enum { MANY = 150, MAX_NUMBERS = 64 << 10 };

typedef struct {
    float dx[MANY * 72], parameters[MAX_NUMBERS];
    size_t n; /* gradients of parameters in their flat order */
} gradients;

static float numbers_of_model[MAX_NUMBERS], input[MANY * 72], slope_of_loss[MANY * 100];

static mlp_weights make_weights(void) {
    mlp_weights w = {0};
    ec_error err;
    const float *at = numbers_of_model;
    assert_int_equal(ec_params_new(&w.params, &err), EC_OK);
    for (size_t i = 0; i < larger.n_layers; i++) {
        const mlp_layer *layer = &larger.layer[i];
        const size_t shape[2] = {layer->n_out, layer->n_in};
        const int n_dims = layer->is_norm ? 1 : 2;
        w.layer[i].weight = ec_params_add(w.params, "weight", at, EC_F32, n_dims, shape);
        at += layer->n_out * (layer->is_norm ? 1 : layer->n_in);
        w.layer[i].bias = ec_params_add(w.params, "bias", at, EC_F32, 1, shape);
        at += layer->n_out;
    }
    assert_true(at < numbers_of_model + MAX_NUMBERS);
    return w;
}

static bool trains_matrices(const ec_param *param) {
    return param->value.n_dims == 2;
}

static void compute(gradients *out, const char *device, size_t n_threads,
                    bool (*trains)(const ec_param *param)) {
    ec_ctx *const on = open_device(device, n_threads);
    mlp_weights w = make_weights();
    ec_error err = {.message = ""};
    if (ec_params_place(w.params, on, &err) != EC_OK ||
        ec_params_train(w.params, trains, &err) != EC_OK)
        fail_msg("%s", err.message);
    const ec_mark mark = ec_scratch_mark(on);
    const ec_array x = ec_upload(on, input, EC_F32, 2, (size_t[]){MANY, larger.n_inputs}),
                   dy = ec_upload(on, slope_of_loss, EC_F32, 2, (size_t[]){MANY, larger.n_outputs});
    for (int i = 0; i < 2; i++) /* the second time is added to the first */
        ec_download(on, out->dx, mlp_backward(on, &larger, &w, x, dy));
    const ec_array flat = ec_params_gradients(w.params);
    out->n = ec_array_count(flat);
    assert_true(out->n <= MAX_NUMBERS);
    ec_download(on, out->parameters, flat);
    if (ec_ctx_status(on, &err) != EC_OK) fail_msg("%s: %s", device, err.message);
    ec_scratch_release(on, mark);
    mlp_weights_release(&w);
    ec_ctx_free(on);
}

static void draw(void) {
    ec_rng_init(&rng, 5, 0);
    for (size_t i = 0; i < MAX_NUMBERS; i++) numbers_of_model[i] = 0.2f * uniform();
    for (size_t i = 0; i < MANY * 72; i++) input[i] = 2.0f * uniform();
    for (size_t i = 0; i < MANY * 100; i++) slope_of_loss[i] = uniform();
}

static double largest(const float *x, size_t n) {
    double most = 0.0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static void compare(const char *device, const char *what, const float *x, const float *expected,
                    size_t n) {
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)x[i] - (double)expected[i]));
    worst /= largest(expected, n);
    print_message("%s: gradients of %s differ by %.2g of the largest\n", device, what, worst);
    if (!(worst < 3e-6)) fail_msg("%s: gradients of %s differ by %g", device, what, worst);
}

/* Observed: 6e-7 of the largest. */
static void every_device_has_the_gradients_of_the_reference(void **state) {
    (void)state;
    static gradients expected, found;
    draw();
    compute(&expected, "ref", 1, NULL);
    for (size_t i = 0; ec_device_name(i) != NULL; i++) {
        const char *device = ec_device_name(i);
        if (strcmp(device, "ref") == 0 || strstr(device, "bf16") != NULL) continue;
        compute(&found, device, 2, NULL);
        assert_int_equal(found.n, expected.n);
        compare(device, "the input", found.dx, expected.dx, MANY * 72);
        compare(device, "parameters", found.parameters, expected.parameters, expected.n);
    }
}

/* The flat order then has the matrices alone; the gradient of the input is the same. */
static void what_is_frozen_has_no_gradient(void **state) {
    (void)state;
    static gradients all, matrices;
    draw();
    compute(&all, NULL, 1, NULL);
    compute(&matrices, NULL, 1, trains_matrices);
    assert_int_equal(matrices.n, 72 * 256 + 256 * 100);
    assert_memory_equal(all.dx, matrices.dx, sizeof all.dx);
    const size_t first = 2 * 80; /* the norm's, each on lines of 16 of its own */
    assert_memory_equal(all.parameters + first, matrices.parameters, 72 * 256 * sizeof(float));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gradients_are_the_slopes_of_the_forward_pass, open_ref,
                                        close_ref),
        cmocka_unit_test(every_device_has_the_gradients_of_the_reference),
        cmocka_unit_test(what_is_frozen_has_no_gradient),
    };
    return cmocka_run_group_tests_name("connector backward", tests, NULL, NULL);
}
