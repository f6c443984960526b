/* Threads: the same bits by any number of them, the pool, and the peak that speeds are compared
 * with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/peak.h"
#include "operands.h"

/* ---- the same bits ---- */

enum { T_M = 97, T_K = 700, T_N = 300, T_T = 130, T_HEADS = 3, T_D = 24 };
enum { T_IN = 28, T_SIDE = 35, T_OUT = 130, MAX_RESULTS = 24 };

/* Results of all operations on one set of operands, one after the other. */
typedef struct {
    float *at[MAX_RESULTS];
    size_t count[MAX_RESULTS], n;
} results;

/* Room for a result, dense; of numbers that every call of the test has. */
static ec_array result(results *r, int n_dims, const size_t *shape) {
    ec_array y = ec_array_at(NULL, EC_F32, n_dims, shape);
    assert_true(r->n < MAX_RESULTS);
    y.at = r->at[r->n] = malloc(ec_array_count(y) * sizeof(float));
    r->count[r->n++] = ec_array_count(y);
    assert_non_null(y.at);
    for (size_t i = 0; i < ec_array_count(y); i++) f32_of(y)[i] = uniform();
    return y;
}

static void products_with(ec_backend *b, results *r, ec_array x) {
    const ec_array w = matrix(EC_BF16, T_N, T_K, 0), bias = matrix(EC_F32, 1, T_N, 0);
    ec_product work = {.y = result(r, 2, (size_t[]){T_M, T_N}),
                       .a = x,
                       .b = w,
                       .b_transposed = true,
                       .epilogue = {.bias = &bias, .activation = EC_ACT_GELU, .scale = &bias}};
    const ec_array residual = work.y;
    work.epilogue.residual = &residual;
    assert_int_equal(b->product(b->self, &work), EC_OK);
    work.y = result(r, 2, (size_t[]){T_M, T_N});
    work.epilogue = (ec_epilogue){0};
    work.wide_sums = true;
    assert_int_equal(b->product(b->self, &work), EC_OK);
    const size_t inner = T_SIDE - 2;
    const ec_conv conv = {
        .y = result(r, 4, (size_t[]){1, inner, inner, T_OUT}),
        .x = ec_array_at(x.at, EC_F32, 4, (size_t[]){1, T_SIDE, T_SIDE, T_IN}),
        .w = ec_array_as(matrix(EC_F16, T_OUT, 9 * T_IN, 0), 4, (size_t[]){T_OUT, T_IN, 3, 3}),
        .steps = {.stride_y = 1, .stride_x = 1}};
    assert_int_equal(b->conv2d(b->self, &conv), EC_OK);
}

/* q, k and v are thirds of rows of x. */
static void attention_with(ec_backend *b, results *r, ec_array x) {
    enum { WIDTH = T_HEADS * T_D };
    const ec_array qkv = ec_array_at(x.at, EC_F32, 3, (size_t[]){1, T_T, 3 * WIDTH});
    const ec_attention_work work = {.y = result(r, 3, (size_t[]){1, T_T, WIDTH}),
                                    .q = ec_array_columns(qkv, 0, WIDTH),
                                    .k = ec_array_columns(qkv, WIDTH, WIDTH),
                                    .v = ec_array_columns(qkv, 2 * WIDTH, WIDTH),
                                    .heads = T_HEADS,
                                    .scale = 0.2f,
                                    .log_sums = result(r, 3, (size_t[]){1, T_HEADS, T_T})};
    assert_int_equal(b->attention(b->self, &work), EC_OK);
}

static void passes_with(ec_backend *b, results *r, ec_array x) {
    const ec_array bias = matrix(EC_F32, 1, T_K, 0);
    const ec_norm_work norm = {.y = result(r, 2, (size_t[]){T_M, T_K}),
                               .x = x,
                               .weight = bias,
                               .bias = bias,
                               .eps = 1e-5f};
    assert_int_equal(b->norm(b->self, &norm), EC_OK);
    const ec_pointwise_work swiglu = {
        .kind = EC_SWIGLU, .y = result(r, 2, (size_t[]){T_M, T_K / 2}), .x = x};
    assert_int_equal(b->pointwise(b->self, &swiglu), EC_OK);
    const ec_rows_work largest = {.kind = EC_ROWS_MAX, .y = result(r, 1, (size_t[]){T_M}), .x = x};
    assert_int_equal(b->rows(b->self, &largest), EC_OK);
}

/* Gradients: their sums over rows and over tokens are made in one order, too. */
static void gradients_with(ec_backend *b, results *r, ec_array x) {
    const ec_array dy = floats(T_M, T_N, 1.0f), w = matrix(EC_F16, T_N, T_K, 0);
    assert_int_equal(
        b->product(b->self,
                   &(ec_product){.y = result(r, 2, (size_t[]){T_M, T_K}), .a = dy, .b = w}),
        EC_OK);
    const ec_array dw = result(r, 2, (size_t[]){T_N, T_K});
    assert_int_equal(b->product(b->self, &(ec_product){.y = dw,
                                                       .a = dy,
                                                       .a_transposed = true,
                                                       .b = x,
                                                       .epilogue = {.residual = &dw}}),
                     EC_OK);
    const ec_rows_work sum = {.kind = EC_ROWS_SUM, .y = result(r, 1, (size_t[]){T_K}), .x = x};
    assert_int_equal(b->rows(b->self, &sum), EC_OK);
    const ec_norm_work norm = {.x = x,
                               .weight = matrix(EC_F32, 1, T_K, 0),
                               .eps = 1e-5f,
                               .dx = result(r, 2, (size_t[]){T_M, T_K}),
                               .dy = floats(T_M, T_K, 1.0f),
                               .dweight = result(r, 1, (size_t[]){T_K}),
                               .dbias = result(r, 1, (size_t[]){T_K})};
    assert_int_equal(b->norm_backward(b->self, &norm), EC_OK);
    const ec_pointwise_work gelu = {.kind = EC_ACTIVATE_BACKWARD,
                                    .y = result(r, 2, (size_t[]){T_M, T_K}),
                                    .x = x,
                                    .z = norm.dy,
                                    .activation = EC_ACT_GELU};
    assert_int_equal(b->pointwise(b->self, &gelu), EC_OK);
    enum { WIDTH = T_HEADS * T_D };
    const size_t tokens[] = {1, T_T, WIDTH};
    const ec_array qkv = ec_array_at(x.at, EC_F32, 3, (size_t[]){1, T_T, 3 * WIDTH});
    ec_attention_work attention = {
        .y = ec_array_as(floats(T_T, WIDTH, 1.0f), 3, tokens),
        .q = ec_array_columns(qkv, 0, WIDTH),
        .k = ec_array_columns(qkv, WIDTH, WIDTH),
        .v = ec_array_columns(qkv, 2 * WIDTH, WIDTH),
        .heads = T_HEADS,
        .scale = 0.2f,
        .log_sums = ec_array_as(floats(T_HEADS, T_T, 1.0f), 3, (size_t[]){1, T_HEADS, T_T}),
        .dy = ec_array_as(floats(T_T, WIDTH, 1.0f), 3, tokens)};
    assert_int_equal(b->attention(b->self, &attention), EC_OK);
    attention.dq = result(r, 3, tokens);
    attention.dk = result(r, 3, tokens);
    attention.dv = result(r, 3, tokens);
    assert_int_equal(b->attention_backward(b->self, &attention), EC_OK);
}

static results with_threads(void **state, size_t threads) {
    ec_backend b = open_backend(state, threads);
    results r = {.n = 0};
    const ec_array x = floats(T_M, T_K, 1.0f);
    products_with(&b, &r, x);
    attention_with(&b, &r, x);
    passes_with(&b, &r, x);
    gradients_with(&b, &r, x);
    release_operands();
    close_backend(&b);
    return r;
}

static void drop(results *r) {
    for (size_t i = 0; i < r->n; i++) free(r->at[i]);
}

static void results_do_not_depend_on_the_number_of_threads(void **state) {
    results one = with_threads(state, 1);
    static const size_t threads[] = {2, 3, 7, 40};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        results many = with_threads(state, threads[i]);
        assert_int_equal(many.n, one.n);
        for (size_t j = 0; j < one.n; j++)
            assert_memory_equal(one.at[j], many.at[j], one.count[j] * sizeof(float));
        drop(&many);
    }
    drop(&one);
}

/* ---- the pool ---- */

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

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_BACKEND(results_do_not_depend_on_the_number_of_threads),
        ON_HELPED(results_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(a_pool_runs_every_item_once),
        cmocka_unit_test(a_pool_waits_for_the_slowest),
        cmocka_unit_test(a_pool_that_never_ran_can_be_freed),
        ON_EVERY_ISA(the_peak_is_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
