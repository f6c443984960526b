/* operands.h - for tests of operations: guarded operands, and the same work on the reference
 * backend
 *
 * Operands end at an unreadable page (whole elements before it, at whatever alignment that gives),
 * so that an element read or written too far is a crash in every build. Between rows that are
 * further apart than they are long lie NaNs, which spoil any result they get into.
 *
 * A test describes work with such arrays. on_ref() gives copies of them, in f64, to the reference
 * backend, whose result is what the backend under test is compared with.
 *
 * cmocka.h and what it needs is included before.
 */
#ifndef EC_TESTS_OPERANDS_H
#define EC_TESTS_OPERANDS_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu/cpu.h"
#include "eyechart/rng.h"
#include "ops/ops.h"
#include "ref/internal.h"
#include "ref/ref.h"

#define OPERANDS_UNUSED __attribute__((unused)) /* a test uses some of what is here */
#define HELPER static OPERANDS_UNUSED

/* ---- guarded memory ---- */

enum { MAX_GUARDED = 64 };

static struct {
    unsigned char *map;
    size_t bytes;
} guarded[MAX_GUARDED];
static size_t n_guarded;
static ec_backend ref; /* opened by the first array that is put there */

/* `bytes` bytes that end at an unreadable page, or `gap` bytes before it. */
HELPER void *guard(size_t bytes, size_t gap) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = (bytes + gap + page - 1) / page * page;
    unsigned char *map =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + size, page, PROT_NONE), 0);
    assert_true(n_guarded < MAX_GUARDED);
    guarded[n_guarded].map = map;
    guarded[n_guarded++].bytes = size + page;
    return map + size - bytes - gap;
}

/* Also what the reference backend has. */
HELPER void release_operands(void) {
    while (n_guarded > 0) {
        n_guarded--;
        munmap(guarded[n_guarded].map, guarded[n_guarded].bytes);
    }
    if (ref.free != NULL) ref.free(ref.self);
    ref = (ec_backend){0};
}

/* ---- operands ---- */

static ec_rng rng;

HELPER float uniform(void) {
    return (float)(2.0 * ec_rng_uniform(&rng) - 1.0);
}

/* Element [i, j] of x on the host, seen as [rows, width]. */
HELPER double value_at(ec_array x, size_t i, size_t j) {
    return ec_ref_get(x.at, x.dtype, i * x.stride + j);
}

HELPER float *f32_of(ec_array x) {
    assert_int_equal(x.dtype, EC_F32);
    return x.at;
}

/* [rows, width] in [-size, size], rows `stride` apart, ending `gap` bytes before the unreadable
 * page. */
HELPER ec_array spaced(ec_dtype dtype, size_t rows, size_t width, size_t stride, size_t gap,
                       float size) {
    ec_array x = ec_array_at(NULL, dtype, 2, (size_t[]){rows, width});
    const size_t n = rows > 0 ? (rows - 1) * stride + width : 0;
    x.stride = stride;
    x.at = guard(n * ec_dtype_size(dtype), gap);
    for (size_t i = 0; i < n; i++)
        ec_ref_put(x.at, dtype, i, i % stride < width ? (double)(size * uniform()) : (double)NAN);
    return x;
}

/* The same with dense rows. */
HELPER ec_array matrix(ec_dtype dtype, size_t rows, size_t width, size_t gap) {
    return spaced(dtype, rows, width, width, gap, 1.0f);
}

HELPER ec_array floats(size_t rows, size_t width, float size) {
    return spaced(EC_F32, rows, width, width, 0, size);
}

/* A copy of x, guarded. */
HELPER ec_array copy_of(ec_array x) {
    const size_t rows = ec_array_height(x), width = ec_array_width(x);
    const size_t bytes = rows > 0 ? ((rows - 1) * x.stride + width) * ec_dtype_size(x.dtype) : 0;
    ec_array y = x;
    y.at = guard(bytes, 0);
    memcpy(y.at, x.at, bytes);
    return y;
}

/* A parameter that is trained where `grad` has memory. */
HELPER ec_param parameter(ec_array value, ec_array grad) {
    return (ec_param){.name = "parameter", .value = value, .grad = grad};
}

/* ---- the reference ---- */

/* x, rows dense, in f64, each number as `map` has it; NULL: as it is. One without memory has none
 * there. */
HELPER ec_array on_ref_as(ec_array x, double (*map)(double)) {
    ec_array y = ec_array_at(NULL, EC_F64, x.n_dims, x.shape);
    if (x.at == NULL) return y;
    if (ref.free == NULL) assert_int_equal(ec_ref_backend_new(&ref, NULL), EC_OK);
    const size_t rows = ec_array_height(x), width = ec_array_width(x);
    const size_t bytes = rows * width * sizeof(double);
    double *values = malloc(bytes + 1);
    assert_non_null(values);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < width; j++) {
            const double value = value_at(x, i, j);
            values[i * width + j] = map != NULL ? map(value) : value;
        }
    y.at = ref.take(ref.self, bytes);
    assert_non_null(y.at);
    assert_int_equal(ref.copy(ref.self, y.at, bytes, values, bytes, bytes, 1, EC_TO_DEVICE), EC_OK);
    free(values);
    return y;
}

HELPER ec_array on_ref(ec_array x) {
    return on_ref_as(x, NULL);
}

/* The numbers of a dense f64 array there; owned. */
HELPER double *from_ref(ec_array y) {
    const size_t bytes = ec_array_count(y) * sizeof(double);
    double *values = malloc(bytes + 1);
    assert_non_null(values);
    assert_int_equal(ref.copy(ref.self, values, bytes, y.at, bytes, bytes, 1, EC_FROM_DEVICE),
                     EC_OK);
    return values;
}

/* What an error may be measured by: its own size, or that of the terms that were added up. */
typedef struct {
    double limit;
    const double *size; /* [count of y]; NULL: 0 everywhere */
} tolerance;

/* y on the host is `expected`, dense, but for limit * (size + 1); what lies between its rows is
 * what was there. Returns the largest error as a part of what is allowed. */
HELPER double assert_near(const char *what, ec_array y, const double *expected, tolerance allowed) {
    const size_t rows = ec_array_height(y), width = ec_array_width(y);
    double worst = 0.0;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < width; j++) {
            const double got = value_at(y, i, j), wanted = expected[i * width + j];
            const double size = allowed.size != NULL ? allowed.size[i * width + j] : 0.0;
            const double error = fabs(got - wanted) / (allowed.limit * (size + 1.0));
            if (!(error <= 1.0))
                fail_msg("%s: element [%zu][%zu] of [%zu, %zu] is %.9g, expected %.9g (%.2g times "
                         "the error allowed)",
                         what, i, j, rows, width, got, wanted, error);
            worst = fmax(worst, error);
        }
        for (size_t j = width; i + 1 < rows && j < y.stride; j++)
            if (!isnan(value_at(y, i, j)))
                fail_msg("%s: written behind row %zu of [%zu, %zu]", what, i, rows, width);
    }
    return worst;
}

/* ---- backends ---- */

/* The AVX-512 kernels with oneDNN beside them, as a device has them; it is called after them. */
#define HELPED "avx512+onednn"

/* EC_ERR_ARG: this processor or this build has none of this name. */
HELPER ec_status backend_named(ec_backend *out, const char *name, size_t threads) {
#ifdef EC_ONEDNN
    if (strncmp(name, "onednn", 6) == 0)
        return ec_onednn_backend_new(out, strcmp(name, "onednn-bf16") == 0, threads, NULL);
    if (strcmp(name, HELPED) == 0) return ec_onednn_helper_new(out, "avx512", threads, NULL);
#endif
    return ec_cpu_backend_new(out, name, threads, NULL);
}

/* The backend that the test is run for; the test is skipped without it. */
HELPER ec_backend open_backend(void **state, size_t threads) {
    ec_rng_init(&rng, 3, 0);
    ec_backend b;
    const ec_status status = backend_named(&b, *state, threads);
    if (status == EC_ERR_ARG) {
        print_message("this processor or this build has no %s\n", (const char *)*state);
        skip();
    }
    assert_int_equal(status, EC_OK);
    assert_string_equal(b.name, strcmp(*state, HELPED) == 0 ? "avx512" : *state);
    return b;
}

HELPER void close_backend(ec_backend *b) {
    b->free(b->self);
}

HELPER double rounded_to_bf16(double x) {
    if (x == 0.0) return x;
    int exponent; /* x = m 2^exponent, 1/2 <= |m| < 1: eight bits of m are kept */
    const double m = frexp(x, &exponent);
    return ldexp(nearbyint(ldexp(m, 8)), exponent - 8);
}

/* An operand of a product or convolution, as the backend's math has it. */
HELPER ec_array operand_on_ref(const ec_backend *b, ec_array x) {
    return on_ref_as(x, strcmp(b->math, "bf16") == 0 ? rounded_to_bf16 : NULL);
}

/* Its size. */
HELPER ec_array size_on_ref(ec_array x) {
    return on_ref_as(x, fabs);
}

/* `e` on the reference; the arrays of `place` are what it points to. */
HELPER ec_epilogue epilogue_on_ref(const ec_epilogue *e, ec_array place[3]) {
    ec_epilogue copy = {.activation = e->activation};
    if (e->bias != NULL) place[0] = on_ref(*e->bias), copy.bias = &place[0];
    if (e->scale != NULL) place[1] = on_ref(*e->scale), copy.scale = &place[1];
    if (e->residual != NULL) place[2] = on_ref(*e->residual), copy.residual = &place[2];
    return copy;
}

/* ---- attention ---- */

typedef struct {
    size_t n, t, heads, d;
    float q_size;
} attention_case;

/* [n t, ..] as [n, t, ..]. */
HELPER ec_array as_tokens(const attention_case *c, ec_array x) {
    return ec_array_as(x, 3, (size_t[]){c->n, c->t, ec_array_width(x)});
}

/* q, k and v are thirds of rows, as of a fused product; queries are larger. */
HELPER ec_attention_work attention_of(const attention_case *c) {
    const size_t width = c->heads * c->d, rows = c->n * c->t;
    const ec_array qkv = as_tokens(c, floats(rows, 3 * width, 1.0f));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < width; j++) f32_of(qkv)[i * 3 * width + j] *= c->q_size;
    return (ec_attention_work){.y = as_tokens(c, spaced(EC_F32, rows, width, width + 3, 0, 1.0f)),
                               .q = ec_array_columns(qkv, 0, width),
                               .k = ec_array_columns(qkv, width, width),
                               .v = ec_array_columns(qkv, 2 * width, width),
                               .heads = c->heads,
                               .scale = (float)(1.0 / sqrt((double)c->d)),
                               .log_sums = ec_array_as(floats(c->n * c->heads, c->t, 1.0f), 3,
                                                       (size_t[]){c->n, c->heads, c->t})};
}

/* Heads of every width that models have and some more, with some numbers of tokens each. */
HELPER void check_all_widths(const ec_backend *b,
                             void (*check)(const ec_backend *b, const attention_case *c)) {
    static const size_t d[] = {1, 8, 16, 20, 40, 64, 72, 80, 88, 160},
                        t[] = {1, 2, 7, 16, 17, 49, 50};
    size_t turn = 0;
    for (size_t i = 0; i < sizeof d / sizeof *d; i++)
        for (int j = 0; j < 2; j++, turn++)
            check(b, &(attention_case){.n = 1 + turn % 2,
                                       .t = t[turn % 7],
                                       .heads = 1 + turn % 3,
                                       .d = d[i],
                                       .q_size = 3.0f});
}

/* The same work for the reference, which has done it forward. */
HELPER ec_attention_work attention_on_ref(const ec_attention_work *work) {
    ec_attention_work on = *work;
    on.y = on_ref(work->y), on.q = on_ref(work->q), on.k = on_ref(work->k), on.v = on_ref(work->v);
    on.log_sums = on_ref(work->log_sums);
    assert_int_equal(ref.attention(ref.self, &on), EC_OK);
    return on;
}

static const ec_dtype DTYPES[] = {EC_F32, EC_F16, EC_BF16};

#define ON(isa, test)                                                                              \
    { #test " (" isa ")", test, NULL, NULL, (void *)isa }
#define ON_HELPED(test) ON(HELPED, test)
#define ON_EVERY_ISA(test) ON("portable", test), ON("avx2", test), ON("avx512", test)
#define ON_EVERY_F32(test) ON_EVERY_ISA(test), ON("onednn", test)
#define ON_EVERY_BACKEND(test) ON_EVERY_F32(test), ON("onednn-bf16", test)

#endif
