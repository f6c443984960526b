/* Activations, conversions, norms and SwiGLU: every instruction set against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operands.h"

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
    float *x = f32_of(floats(1, N, 1.0f)), *y = f32_of(floats(1, N, 1.0f));
    for (int i = 0; i < N; i++) x[i] = (float)(i - 12000) * 0.001f;
    for (int activation = EC_ACT_QUICK_GELU; activation <= EC_ACT_SILU; activation++) {
        kernels->activate(y, x, N, (ec_activation)activation);
        for (int i = 0; i < N; i++) {
            const double expected = ec_ref_activation((double)x[i], (ec_activation)activation);
            const double tail = x[i] < 0.0f ? -log(expected / (double)x[i]) : 0.0;
            if (fabs(expected) > 1e-37 &&
                !(fabs((double)y[i] - expected) <= (7e-7 + 3e-7 * tail) * fabs(expected)))
                fail_msg("%s, activation %d: f(%g) = %.9g, expected %.9g", b.name, activation,
                         (double)x[i], (double)y[i], expected);
        }
    }
    release_operands();
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

/* The formulas of the reference by another way than its own: by tanh and erf, as they are in the
 * papers. */
static void the_reference_has_the_formulas_of_the_papers(void **state) {
    (void)state;
    const double pi = acos(-1.0);
    for (double x = -6.0; x <= 6.0; x += 0.0625) {
        const double u = sqrt(2.0 / pi) * (x + 0.044715 * x * x * x);
        const double expected[] = {[EC_ACT_NONE] = x,
                                   [EC_ACT_QUICK_GELU] = x / (1.0 + exp(-1.702 * x)),
                                   [EC_ACT_GELU] = 0.5 * x * (1.0 + erf(x / sqrt(2.0))),
                                   [EC_ACT_GELU_TANH] = 0.5 * x * (1.0 + tanh(u)),
                                   [EC_ACT_SILU] = 0.5 * x * (1.0 + tanh(0.5 * x)),
                                   [EC_ACT_RELU] = fmax(x, 0.0)};
        for (ec_activation a = EC_ACT_NONE; a <= EC_ACT_RELU; a++)
            assert_true(fabs(ec_ref_activation(x, a) - expected[a]) <= 1e-14);
    }
    for (ec_activation a = EC_ACT_NONE; a <= EC_ACT_RELU; a++)
        assert_true(isnan(ec_ref_activation((double)NAN, a)));
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
    release_operands();
    close_backend(&b);
}

/* The reference reads every halfword exactly and writes it back as it was; between two of them it
 * takes the nearer, and of two as near that of an even last bit. */
static void the_reference_rounds_to_nearest_even(void **state) {
    (void)state;
    static const ec_dtype dtypes[] = {EC_F16, EC_BF16};
    for (int d = 0; d < 2; d++)
        for (uint32_t i = 0; i < 0x7f80; i++) {
            if (dtypes[d] == EC_F16 && i >= 0x7bff) break; /* the largest has no neighbour */
            const uint16_t here = (uint16_t)i, above = (uint16_t)(i + 1);
            const double x = ec_ref_get(&here, dtypes[d], 0), y = ec_ref_get(&above, dtypes[d], 0);
            assert_true(x == (double)(d == 0 ? from_half(here) : from_brain(here)));
            if (isinf(y)) break;
            const double middle = 0.5 * (x + y), quarter = 0.25 * (y - x);
            const double from[] = {x, middle - quarter, middle, middle + quarter};
            const uint16_t expected[] = {here, here, i % 2 == 0 ? here : above, above};
            for (int j = 0; j < 4; j++) {
                uint16_t got[2];
                ec_ref_put(got, dtypes[d], 0, from[j]);
                ec_ref_put(got, dtypes[d], 1, -from[j]);
                assert_int_equal(got[0], expected[j]);
                assert_int_equal(got[1], expected[j] | 0x8000);
            }
        }
    uint16_t got[4];
    ec_ref_put(got, EC_F16, 0, 65519.0);
    ec_ref_put(got, EC_F16, 1, 65520.0);
    ec_ref_put(got, EC_F16, 2, (double)NAN);
    ec_ref_put(got, EC_BF16, 3, (double)NAN);
    assert_int_equal(got[0], 0x7bff);
    assert_int_equal(got[1], 0x7c00);
    assert_true(isnan(from_half(got[2])) && isnan(from_brain(got[3])));
}

/* All activations, as work on arrays whose rows are apart. */
static void activations_work_on_rows_that_are_apart(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t width[] = {1, 7, 16, 33, 200};
    for (size_t i = 0; i < sizeof width / sizeof *width; i++)
        for (int a = EC_ACT_NONE; a <= EC_ACT_RELU; a++) {
            enum { ROWS = 170 };
            const size_t w = width[i];
            ec_pointwise_work work = {.kind = EC_ACTIVATE,
                                      .y = spaced(EC_F32, ROWS, w, w + 3, 0, 1.0f),
                                      .x = spaced(EC_F32, ROWS, w, w + 2, 0, 5.0f),
                                      .activation = (ec_activation)a};
            ec_pointwise_work on = work;
            on.y = on_ref(work.y), on.x = on_ref(work.x);
            assert_int_equal(ref.pointwise(ref.self, &on), EC_OK);
            double *const expected = from_ref(on.y);
            assert_int_equal(b.pointwise(b.self, &work), EC_OK);
            assert_near(b.name, work.y, expected, (tolerance){7e-7, expected});
            work.y = work.x; /* in place */
            assert_int_equal(b.pointwise(b.self, &work), EC_OK);
            assert_near(b.name, work.y, expected, (tolerance){7e-7, expected});
            free(expected);
            release_operands();
        }
    close_backend(&b);
}

/* ---- norms ---- */

static double *expected_norm(const ec_norm_work *work) {
    ec_norm_work on = *work;
    on.y = on_ref(work->y), on.x = on_ref(work->x);
    on.weight = on_ref(work->weight), on.bias = on_ref(work->bias);
    assert_int_equal(ref.norm(ref.self, &on), EC_OK);
    return from_ref(on.y);
}

/* The rows of x, normalised, without weight and bias: what errors are measured by. */
static double *units_of(const ec_norm_work *work) {
    const size_t d = ec_array_width(work->x);
    ec_norm_work unit = *work;
    unit.weight = floats(1, d, 0.0f), unit.bias = floats(1, d, 0.0f);
    for (size_t i = 0; i < d; i++) f32_of(unit.weight)[i] = 1.0f;
    double *const units = expected_norm(&unit);
    for (size_t i = 0; i < ec_array_count(work->x); i++) units[i] = fabs(units[i]);
    return units;
}

static void check_layer_norm(const ec_backend *b, size_t rows, size_t d, ec_dtype dtype, float mean,
                             float size, float eps) {
    const ec_norm_work work = {.y = spaced(EC_F32, rows, d, d + 1, 0, 1.0f),
                               .x = spaced(EC_F32, rows, d, d + 2, 0, size),
                               .weight = matrix(dtype, 1, d, 1),
                               .bias = matrix(dtype, 1, d, 1),
                               .eps = eps};
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < d; j++) f32_of(work.x)[i * work.x.stride + j] += mean;
    double *const expected = expected_norm(&work), *const units = units_of(&work);
    assert_int_equal(b->norm(b->self, &work), EC_OK);
    char what[120];
    snprintf(what, sizeof what, "%s, d %zu, mean %g, size %g", b->name, d, (double)mean,
             (double)size);
    assert_near(what, work.y, expected, (tolerance){4e-7, units});
    free(expected);
    free(units);
    release_operands();
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
    const ec_array x = floats(ROWS, D, 1.0f), y = floats(ROWS, D, 1.0f);
    const ec_array w = matrix(EC_F32, 1, D, 0);
    ec_norm_work work = {.y = y, .x = x, .weight = w, .bias = w, .eps = 1e-5f};
    assert_int_equal(b.norm(b.self, &work), EC_OK);
    work.y = x;
    assert_int_equal(b.norm(b.self, &work), EC_OK);
    assert_memory_equal(x.at, y.at, ROWS * D * sizeof(float));
    release_operands();
    close_backend(&b);
}

static void swiglu_is_the_double_loop(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t d[] = {1, 5, 8, 16, 21, 200};
    for (size_t i = 0; i < sizeof d / sizeof *d; i++) {
        enum { ROWS = 170 };
        const ec_pointwise_work work = {.kind = EC_SWIGLU,
                                        .y = spaced(EC_F32, ROWS, d[i], d[i] + 5, 0, 1.0f),
                                        .x = spaced(EC_F32, ROWS, 2 * d[i], 2 * d[i] + 3, 0, 5.0f)};
        ec_pointwise_work on = work;
        on.y = on_ref(work.y), on.x = on_ref(work.x);
        assert_int_equal(ref.pointwise(ref.self, &on), EC_OK);
        double *const expected = from_ref(on.y);
        assert_int_equal(b.pointwise(b.self, &work), EC_OK);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t j = 0; j < d[i]; j++) {
                const double silu = ec_ref_activation(value_at(work.x, r, j), EC_ACT_SILU);
                const double formula = silu * value_at(work.x, r, d[i] + j);
                const double y = value_at(work.y, r, j);
                assert_true(fabs(expected[r * d[i] + j] - formula) <= 1e-15 * fabs(formula));
                assert_true(fabs(y - formula) <= 1e-6 * fabs(formula));
            }
        free(expected);
        release_operands();
    }
    close_backend(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_ISA(activations_keep_their_relative_accuracy),
        ON_EVERY_ISA(activations_keep_zero_infinity_and_nan),
        cmocka_unit_test(the_reference_has_the_formulas_of_the_papers),
        ON_EVERY_ISA(every_halfword_converts_exactly),
        cmocka_unit_test(the_reference_rounds_to_nearest_even),
        ON_EVERY_ISA(activations_work_on_rows_that_are_apart),
        ON_EVERY_ISA(layer_norm_is_the_double_loop),
        ON_EVERY_ISA(layer_norm_uses_its_epsilon),
        ON_EVERY_ISA(layer_norm_works_in_place),
        ON_EVERY_ISA(swiglu_is_the_double_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
