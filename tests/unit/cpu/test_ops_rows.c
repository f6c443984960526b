/* Rows that are moved, compared and added up: every instruction set equals the reference, to the
 * last bit where nothing is added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operands.h"

/* Largest error allowed of a sum, relative to its size; moved numbers have none. */
static void check_rows(const ec_backend *b, const ec_rows_work *work, double limit) {
    static const char *const names[] = {"patches", "put", "add", "gather", "max", "sum"};
    ec_rows_work on = *work;
    on.y = on_ref(work->y), on.x = on_ref(work->x);
    /* Indices go there as numbers: the reference reads any dtype. */
    if (work->kind == EC_ROWS_GATHER) on.index = on_ref(work->index);
    assert_int_equal(ref.rows(ref.self, &on), EC_OK);
    double *const expected = from_ref(on.y);
    assert_int_equal(b->rows(b->self, work), EC_OK);
    char what[100];
    snprintf(what, sizeof what, "%s, %s", b->name, names[work->kind]);
    assert_near(what, work->y, expected, (tolerance){limit, NULL});
    free(expected);
    release_operands();
}

static const double EXACT = 1e-300;

static void patches_are_cut_row_by_row(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t cases[][5] = { /* n, channels, height, width, patch */
                                      {1, 1, 4, 4, 2},
                                      {2, 3, 7, 9, 3},
                                      {1, 3, 28, 29, 14},
                                      {3, 2, 5, 5, 1},
                                      {2, 1, 6, 4, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t *c = cases[i], p = c[4], width = c[1] * p * p;
        const size_t n_patches = c[2] / p * (c[3] / p);
        check_rows(&b,
                   &(ec_rows_work){.kind = EC_ROWS_PATCHES,
                                   .y = ec_array_as(floats(c[0] * n_patches, width, 1.0f), 3,
                                                    (size_t[]){c[0], n_patches, width}),
                                   .x = ec_array_as(floats(c[0] * c[1] * c[2], c[3], 1.0f), 4, c),
                                   .patch = p},
                   EXACT);
    }
    close_backend(&b);
}

static void rows_are_put_and_added_in_every_image(void **state) {
    ec_backend b = open_backend(state, 2);
    enum { N = 3, T = 6, R = 2 };
    static const size_t widths[] = {1, 16, 37, 700};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (int kind = EC_ROWS_PUT; kind <= EC_ROWS_ADD; kind++)
            for (int shared = 0; shared < 2; shared++) {
                const size_t d = widths[i];
                const ec_dtype dtype = shared ? DTYPES[i % 3] : EC_F32; /* a parameter's rows */
                const ec_array x = spaced(dtype, shared ? R : N * R, d, d + 2, 0, 1.0f);
                check_rows(
                    &b,
                    &(ec_rows_work){.kind = (ec_rows)kind,
                                    .y = ec_array_as(spaced(EC_F32, N * T, d, d + 5, 0, 1.0f), 3,
                                                     (size_t[]){N, T, d}),
                                    .x = shared ? x : ec_array_as(x, 3, (size_t[]){N, R, d}),
                                    .first = 1},
                    kind == EC_ROWS_PUT ? EXACT : 2.4e-7);
            }
    close_backend(&b);
}

static void rows_are_gathered_by_index(void **state) {
    ec_backend b = open_backend(state, 2);
    enum { ROWS = 9, N = 5 };
    static const int32_t places[N] = {8, 0, 3, 3, 7};
    ec_array index = ec_array_at(guard(sizeof places, 0), EC_I32, 1, (size_t[]){N});
    memcpy(index.at, places, sizeof places);
    check_rows(&b,
               &(ec_rows_work){.kind = EC_ROWS_GATHER,
                               .y = spaced(EC_F32, N, 33, 35, 0, 1.0f),
                               .x = spaced(EC_F32, ROWS, 33, 34, 0, 1.0f),
                               .index = index},
               EXACT);
    close_backend(&b);
}

static void the_largest_of_a_row_is_found_and_nan_is_kept(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t widths[] = {1, 5, 16, 17, 64, 131, 1000};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        enum { ROWS = 40 };
        const size_t d = widths[i];
        check_rows(&b,
                   &(ec_rows_work){.kind = EC_ROWS_MAX,
                                   .y = ec_array_as(floats(1, ROWS, 1.0f), 1, (size_t[]){ROWS}),
                                   .x = spaced(EC_F32, ROWS, d, d + 1, 0, 1.0f)},
                   EXACT);
        const ec_array x = spaced(EC_F32, 3, d, d + 1, 0, 1.0f);
        const ec_array y = ec_array_as(floats(1, 3, 1.0f), 1, (size_t[]){3});
        f32_of(x)[x.stride + d / 2] = NAN;
        for (size_t j = 0; j < d; j++) f32_of(x)[2 * x.stride + j] = -INFINITY;
        const ec_rows_work work = {.kind = EC_ROWS_MAX, .y = y, .x = x};
        assert_int_equal(b.rows(b.self, &work), EC_OK);
        assert_false(isnan(f32_of(y)[0]));
        assert_true(isnan(f32_of(y)[1]));
        assert_true(f32_of(y)[2] == -INFINITY);
        release_operands();
    }
    close_backend(&b);
}

/* Sums of a thousand rows: 1e-6 of their size (observed: see assert). */
static void rows_are_added_up(void **state) {
    ec_backend b = open_backend(state, 2);
    static const size_t rows[] = {1, 3, 31, 1000}, widths[] = {1, 16, 37, 260};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            check_rows(&b,
                       &(ec_rows_work){
                           .kind = EC_ROWS_SUM,
                           .y = ec_array_as(floats(1, widths[j], 1.0f), 1, (size_t[]){widths[j]}),
                           .x = spaced(EC_F32, rows[i], widths[j], widths[j] + 3, 0, 1.0f)},
                       4e-6);
    close_backend(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EVERY_ISA(patches_are_cut_row_by_row),
        ON_EVERY_ISA(rows_are_put_and_added_in_every_image),
        ON_EVERY_ISA(rows_are_gathered_by_index),
        ON_EVERY_ISA(the_largest_of_a_row_is_found_and_nan_is_kept),
        ON_EVERY_ISA(rows_are_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
