/* Attention: every instruction set against the reference, over blocks, large scores and infinities.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operands.h"

/* Allowed: some roundings of the values' size, and as many of the scores' size, which become
 * relative errors of their exponentials. Observed: 0.3 of it. */
static void check_attention(const ec_backend *b, const attention_case *c) {
    ec_attention_work work = attention_of(c), on = attention_on_ref(&work);
    double *const expected = from_ref(on.y), *const log_sums = from_ref(on.log_sums);

    char what[120];
    snprintf(what, sizeof what, "%s, n %zu t %zu heads %zu d %zu", b->name, c->n, c->t, c->heads,
             c->d);
    const double limit = 5e-8 * (1.0 + (double)c->q_size * sqrt((double)c->d));
    assert_int_equal(b->attention(b->self, &work), EC_OK);
    assert_near(what, work.y, expected, (tolerance){limit, NULL});
    snprintf(what, sizeof what, "%s, n %zu t %zu heads %zu d %zu, log_sums", b->name, c->n, c->t,
             c->heads, c->d);
    assert_near(what, work.log_sums, log_sums, (tolerance){4.0 * limit, NULL});

    work.log_sums = (ec_array){0}; /* not wanted: the same */
    const ec_array before = copy_of(work.y);
    assert_int_equal(b->attention(b->self, &work), EC_OK);
    for (size_t i = 0; i < c->n * c->t; i++)
        assert_memory_equal(f32_of(work.y) + i * work.y.stride, f32_of(before) + i * before.stride,
                            c->heads * c->d * sizeof(float));
    free(expected);
    free(log_sums);
    release_operands();
}

static void attention_is_the_double_loop(void **state) {
    ec_backend b = open_backend(state, 1);
    check_all_widths(&b, check_attention);
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

/* One head of one image, dense. */
static ec_attention_work one_head(size_t t, size_t d, float size) {
    const size_t shape[] = {1, t, d};
    return (ec_attention_work){.y = ec_array_as(floats(t, d, 1.0f), 3, shape),
                               .q = ec_array_as(floats(t, d, size), 3, shape),
                               .k = ec_array_as(floats(t, d, size), 3, shape),
                               .v = ec_array_as(floats(t, d, size), 3, shape),
                               .heads = 1,
                               .scale = 1.0f};
}

/* The highest score grows from block to block, so that what was summed must be rescaled; with
 * scores 0, 1, 2, … the weights are those of a geometric series. */
static void attention_rescales_when_the_highest_score_moves(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { T = 500, D = 16 };
    const ec_attention_work work = one_head(T, D, 0.0f);
    float *q = f32_of(work.q), *k = f32_of(work.k), *v = f32_of(work.v), *y = f32_of(work.y);
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
    assert_int_equal(b.attention(b.self, &work), EC_OK);
    for (size_t i = 0; i < T * D; i++)
        assert_true(fabs((double)y[i] - expected) <= 1e-6 * expected);
    release_operands();
    close_backend(&b);
}

static void an_infinite_score_spoils_its_query_alone(void **state) {
    ec_backend b = open_backend(state, 1);
    enum { T = 60, D = 16 };
    ec_attention_work work = one_head(T, D, 1.0f);
    const ec_array clean = work.y;
    assert_int_equal(b.attention(b.self, &work), EC_OK);
    f32_of(work.q)[7 * D] = INFINITY;
    f32_of(work.q)[9 * D + 3] = NAN;
    work.y = copy_of(clean);
    assert_int_equal(b.attention(b.self, &work), EC_OK);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j < D; j++) {
            if (i == 7 || i == 9)
                assert_true(isnan(value_at(work.y, i, j)));
            else
                assert_true(value_at(work.y, i, j) == value_at(clean, i, j));
        }
    release_operands();
    close_backend(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_ISA(attention_is_the_double_loop),
        ON_EVERY_ISA(attention_joins_its_blocks),
        ON_EVERY_ISA(attention_stands_large_scores),
        ON_EVERY_ISA(attention_rescales_when_the_highest_score_moves),
        ON_EVERY_ISA(an_infinite_score_spoils_its_query_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
