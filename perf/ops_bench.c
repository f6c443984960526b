/* ops_bench.c - how near the operations come to the machine's peak
 *
 *     ops_bench [--isa NAME] [--threads N] [--rounds N] [--only TEXT]
 *
 * Prints one JSON object a line: the operation, its shape and the weights' dtype, threads, the
 * median over the rounds of GFLOP/s, and of the percentage of the FMA peak that was measured just
 * before and just after in the same round, since the clock moves. The percentage is given by the
 * wall and by the processor time used: where they differ, others were using the machine. Weights
 * change from call to call, as they do from layer to layer, so that they come from memory and not
 * from the cache. The operations of attention, and of the others the multiply-adds of their matrix
 * products, are what is counted; activations and norms count as nothing, as in the peak of a whole
 * encoder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "cpu/cpu.h"
#include "cpu/peak.h"

enum { MAX_ROUNDS = 101 };

typedef enum { LINEAR, ATTENTION, LAYER_NORM, ENCODER } kind;

typedef struct {
    kind kind;
    const char *name;
    size_t m, k, n; /* attention: images, tokens, heads of 64; layer norm: rows, -, width */
    ec_dtype dtype;
    ec_activation activation;
    bool residual;
} bench;

/* ViT-L at batch 1 (577 tokens) and 8. */
static const bench benches[] = {
    {LINEAR, "qkv", 577, 1024, 3072, EC_F32, EC_ACT_NONE, false},
    {LINEAR, "proj", 577, 1024, 1024, EC_F32, EC_ACT_NONE, true},
    {LINEAR, "fc1", 577, 1024, 4096, EC_F32, EC_ACT_NONE, false},
    {LINEAR, "fc1", 577, 1024, 4096, EC_F16, EC_ACT_NONE, false},
    {LINEAR, "fc1", 577, 1024, 4096, EC_BF16, EC_ACT_NONE, false},
    {LINEAR, "fc1+quick_gelu", 577, 1024, 4096, EC_F32, EC_ACT_QUICK_GELU, false},
    {LINEAR, "fc1+gelu", 577, 1024, 4096, EC_F32, EC_ACT_GELU, false},
    {LINEAR, "fc1+gelu_tanh", 577, 1024, 4096, EC_F32, EC_ACT_GELU_TANH, false},
    {LINEAR, "fc2", 577, 4096, 1024, EC_F32, EC_ACT_NONE, true},
    {LINEAR, "fc2", 577, 4096, 1024, EC_F16, EC_ACT_NONE, true},
    {LINEAR, "fc2", 577, 4096, 1024, EC_BF16, EC_ACT_NONE, true},
    {LINEAR, "proj", 4616, 1024, 1024, EC_F32, EC_ACT_NONE, true},
    {LINEAR, "fc1", 4616, 1024, 4096, EC_F32, EC_ACT_NONE, false},
    {LINEAR, "fc2", 4616, 4096, 1024, EC_F32, EC_ACT_NONE, true},
    {ATTENTION, "attention", 1, 257, 16, EC_F32, EC_ACT_NONE, false},
    {ATTENTION, "attention", 1, 577, 16, EC_F32, EC_ACT_NONE, false},
    {ATTENTION, "attention", 8, 577, 16, EC_F32, EC_ACT_NONE, false},
    {LAYER_NORM, "layer_norm", 4616, 0, 1024, EC_F32, EC_ACT_NONE, false},
};

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* In huge pages where there are some, like the arena that activations lie in. */
static void *get(size_t bytes) {
    enum { HUGE_PAGE = 2 << 20 };
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *p = aligned_alloc(HUGE_PAGE, bytes);
    if (p == NULL) {
        fputs("ops_bench: no memory\n", stderr);
        exit(1);
    }
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

static unsigned seed = 1;
static float uniform(void) {
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) * 0x1p-23f - 1.0f;
}

static float *floats(size_t n) {
    float *p = get(n * sizeof *p);
    for (size_t i = 0; i < n; i++) p[i] = uniform();
    return p;
}

/* n weights of a dtype; halfwords with an exponent near 1. */
static void *weights(size_t n, ec_dtype dtype) {
    if (dtype == EC_F32) return floats(n);
    uint16_t *p = get(n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint16_t)((dtype == EC_F16 ? 0x2c00 : 0x3d00) |
                          ((seed = seed * 1664525u + 1) >> 23 & 0xff));
    return p;
}

static double operations(const bench *b) {
    switch (b->kind) {
    case LINEAR:
        return 2.0 * (double)b->m * (double)b->k * (double)b->n;
    case ATTENTION:
        return 4.0 * (double)(b->m * b->n * 64) * (double)b->k * (double)b->k;
    default:
        return 7.0 * (double)(b->m * b->n);
    }
}

typedef struct {
    float *x, *y, *bias;
    void *w[4]; /* in turn */
    size_t calls;
} data;

static void call(const bench *b, const ec_backend *backend, data *d) {
    ec_status status = EC_OK;
    ec_tensor bias = {.dtype = EC_F32, .n_dims = 1, .shape = {b->n}, .data = d->bias};
    if (b->kind == LINEAR) {
        const ec_tensor w = {
            .dtype = b->dtype, .n_dims = 2, .shape = {b->n, b->k}, .data = d->w[d->calls++ % 4]};
        const ec_epilogue e = {
            .bias = &bias, .activation = b->activation, .residual = b->residual ? d->y : NULL};
        status = backend->linear(backend->state, d->y, d->x, b->m, b->k, &w, &e);
    } else if (b->kind == ATTENTION) {
        const size_t width = 64 * b->n;
        status = backend->attention(backend->state, d->y, d->x, d->x + width, d->x + 2 * width,
                                    3 * width, b->m, b->k, b->n, 64, 0.125f);
    } else {
        status = backend->layer_norm(backend->state, d->y, d->x, b->m, b->n, &bias, &bias, 1e-5f);
    }
    if (status != EC_OK) {
        fputs("ops_bench: no memory\n", stderr);
        exit(1);
    }
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n) {
    qsort(v, n, sizeof *v, ascending);
    return v[n / 2];
}

static double peak(const char *isa, size_t threads) {
    double flops;
    ec_error err;
    if (ec_cpu_peak(&flops, isa, threads, 0.02, &err) != EC_OK) {
        fprintf(stderr, "ops_bench: %s\n", err.message);
        exit(1);
    }
    return flops;
}

static void measure(const bench *b, const ec_backend *backend, size_t threads, size_t rounds) {
    static const char *const dtype_name[] = {
        [EC_F32] = "f32", [EC_F16] = "f16", [EC_BF16] = "bf16"};
    data d = {0};
    const bool attention = b->kind == ATTENTION, linear = b->kind == LINEAR;
    d.x = floats(attention ? b->m * b->k * 192 * b->n : linear ? b->m * b->k : b->m * b->n);
    d.y = floats(attention ? b->m * b->k * 64 * b->n : b->m * b->n);
    d.bias = floats(b->n);
    for (int i = 0; i < 4 && linear; i++) d.w[i] = weights(b->n * b->k, b->dtype);

    double rate[MAX_ROUNDS], share[MAX_ROUNDS], share_cpu[MAX_ROUNDS];
    call(b, backend, &d);
    const double first = now(CLOCK_MONOTONIC);
    call(b, backend, &d);
    const double once = now(CLOCK_MONOTONIC) - first;
    const size_t calls = once < 0.05 ? (size_t)(0.05 / once) + 1 : 1;
    for (size_t r = 0; r < rounds; r++) {
        const double before = peak(backend->name, threads);
        const double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        for (size_t i = 0; i < calls; i++) call(b, backend, &d);
        const double wall_took = now(CLOCK_MONOTONIC) - wall;
        const double cpu_took = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)threads;
        const double best = 0.5 * (before + peak(backend->name, threads));
        rate[r] = operations(b) * (double)calls / wall_took;
        share[r] = rate[r] / best;
        share_cpu[r] = operations(b) * (double)calls / cpu_took / best;
    }
    printf(
        "{\"op\": \"%s\", \"m\": %zu, \"k\": %zu, \"n\": %zu, \"dtype\": \"%s\", \"isa\": \"%s\", "
        "\"threads\": %zu, \"gflops\": %.1f, \"percent_of_peak\": %.1f, "
        "\"percent_of_peak_by_cpu_time\": %.1f}\n",
        b->name, b->m, b->k, b->n, dtype_name[b->dtype], backend->name, threads,
        median(rate, rounds) * 1e-9, median(share, rounds) * 100.0,
        median(share_cpu, rounds) * 100.0);
    fflush(stdout);
    free(d.x);
    free(d.y);
    free(d.bias);
    for (int i = 0; i < 4; i++) free(d.w[i]);
}

int main(int argc, char **argv) {
    const char *isa = NULL, *only = "";
    size_t threads = 0, rounds = 9;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value != NULL && strcmp(argv[i], "--isa") == 0)
            isa = value;
        else if (value != NULL && strcmp(argv[i], "--threads") == 0)
            threads = strtoul(value, NULL, 10);
        else if (value != NULL && strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(value, NULL, 10);
        else if (value != NULL && strcmp(argv[i], "--only") == 0)
            only = value;
        else {
            fputs("usage: ops_bench [--isa NAME] [--threads N] [--rounds N] [--only TEXT]\n",
                  stderr);
            return 2;
        }
    }
    if (rounds == 0 || rounds > MAX_ROUNDS) rounds = 9;

    ec_backend backend;
    ec_error err;
    if (ec_cpu_backend_new(&backend, isa, threads, &err) != EC_OK) {
        fprintf(stderr, "ops_bench: %s\n", err.message);
        return 2;
    }
    if (threads == 0) threads = ec_pool_size(((ec_cpu *)backend.state)->pool);
    printf("{\"op\": \"peak\", \"isa\": \"%s\", \"threads\": %zu, \"gflops\": %.1f}\n",
           backend.name, threads, peak(backend.name, threads) * 1e-9);
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
        if (strstr(benches[i].name, only) != NULL) measure(&benches[i], &backend, threads, rounds);
    backend.free(backend.state);
    return 0;
}
