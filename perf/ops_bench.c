/* ops_bench.c - how near the operations come to the machine's peak
 *
 *     ops_bench [--isa NAME] [--threads N] [--rounds N] [--only TEXT]
 *
 * Prints one JSON object a line: the operation, its shape and the weights' dtype, threads, the
 * median over the rounds of GFLOP/s, and of the percentage of the FMA peak that was measured just
 * before and just after in the same round, since the clock moves. The percentage is given by the
 * wall and by the processor time used: where they differ, others were using the machine. Weights
 * change from call to call, as they do from layer to layer, so that they come from memory and not
 * from the cache. Only the multiply-adds of matrix products and of attention are counted, so that
 * in "block" (a whole block of ViT-L) activations and norms are a loss, as they are in an encoder.
 *
 * Status 0: every operation that has a goal met it, by processor time; 1: not; 2: usage.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "ops/ops.h"

enum { MAX_ROUNDS = 101, SETS = 4 };
enum { WIDTH = 1024, MLP = 4096, HEADS = 16 }; /* ViT-L */

typedef enum { LINEAR, LINEAR_ADD, ATTENTION, LAYER_NORM, BLOCK, CONV, PATCHES } kind;

typedef struct {
    kind kind;
    const char *name;
    size_t images, tokens, in, out; /* of every image; in and out of LINEAR and LINEAR_ADD;
                                       tokens of CONV and PATCHES: the side of the image */
    ec_dtype dtype;
    ec_activation activation;
    double goal; /* percent of the peak; 0: none */
} bench;

static const bench benches[] = {
    {LINEAR, "qkv", 1, 577, WIDTH, 3 * WIDTH, EC_F32, EC_ACT_NONE, 85},
    {LINEAR_ADD, "proj", 1, 577, WIDTH, WIDTH, EC_F32, EC_ACT_NONE, 85},
    {LINEAR, "fc1", 1, 577, WIDTH, MLP, EC_F32, EC_ACT_NONE, 85},
    {LINEAR, "fc1", 1, 577, WIDTH, MLP, EC_F16, EC_ACT_NONE, 80},
    {LINEAR, "fc1", 1, 577, WIDTH, MLP, EC_BF16, EC_ACT_NONE, 80},
    {LINEAR, "fc1+quick_gelu", 1, 577, WIDTH, MLP, EC_F32, EC_ACT_QUICK_GELU, 80},
    {LINEAR, "fc1+gelu", 1, 577, WIDTH, MLP, EC_F32, EC_ACT_GELU, 80},
    {LINEAR, "fc1+gelu_tanh", 1, 577, WIDTH, MLP, EC_F32, EC_ACT_GELU_TANH, 80},
    {LINEAR_ADD, "fc2", 1, 577, MLP, WIDTH, EC_F32, EC_ACT_NONE, 85},
    {LINEAR_ADD, "fc2", 1, 577, MLP, WIDTH, EC_F16, EC_ACT_NONE, 80},
    {LINEAR_ADD, "fc2", 1, 577, MLP, WIDTH, EC_BF16, EC_ACT_NONE, 80},
    {LINEAR_ADD, "proj", 8, 577, WIDTH, WIDTH, EC_F32, EC_ACT_NONE, 85},
    {LINEAR, "fc1", 8, 577, WIDTH, MLP, EC_F32, EC_ACT_NONE, 85},
    {LINEAR_ADD, "fc2", 8, 577, MLP, WIDTH, EC_F32, EC_ACT_NONE, 85},
    {ATTENTION, "attention", 1, 257, 0, 0, EC_F32, EC_ACT_NONE, 0},
    {ATTENTION, "attention", 1, 577, 0, 0, EC_F32, EC_ACT_NONE, 60},
    {ATTENTION, "attention", 8, 577, 0, 0, EC_F32, EC_ACT_NONE, 60},
    {LAYER_NORM, "layer_norm", 8, 577, 0, 0, EC_F32, EC_ACT_NONE, 0},
    /* two of Stable Diffusion's, and the patch embedding of ViT-L/14 at 336 as a convolution */
    {CONV, "conv3x3", 1, 128, 128, 128, EC_F32, EC_ACT_NONE, 0},
    {CONV, "conv3x3", 1, 48, 640, 640, EC_F32, EC_ACT_NONE, 0},
    {CONV, "conv3x3", 1, 48, 640, 640, EC_F16, EC_ACT_NONE, 0},
    {PATCHES, "patches", 1, 336, 3, 1024, EC_F32, EC_ACT_NONE, 0},
    {BLOCK, "block", 1, 577, 0, 0, EC_F32, EC_ACT_QUICK_GELU, 0},
    {BLOCK, "block", 8, 577, 0, 0, EC_F32, EC_ACT_QUICK_GELU, 80},
    {BLOCK, "block", 8, 577, 0, 0, EC_F16, EC_ACT_QUICK_GELU, 80},
    {BLOCK, "block", 8, 577, 0, 0, EC_BF16, EC_ACT_QUICK_GELU, 80},
};

/* ---- operands ---- */

static uint32_t seed = 1;
static uint32_t next(void) {
    return seed = seed * 1664525u + 1013904223u;
}

/* Small weights; halfwords of a fixed exponent and random fractions and signs. */
static ec_tensor weights(ec_dtype dtype, size_t rows, size_t columns) {
    ec_tensor t = {.dtype = dtype, .n_dims = 2, .shape = {rows, columns}};
    const size_t n = rows * columns;
    t.data = malloc(n * ec_dtype_size(dtype));
    if (t.data == NULL) stop("no memory");
    for (size_t i = 0; i < n; i++) {
        const uint32_t r = next();
        if (dtype == EC_F32)
            ((float *)t.data)[i] = ((float)(r >> 8) * 0x1p-23f - 1.0f) * 0.05f;
        else
            ((uint16_t *)t.data)[i] =
                (uint16_t)((r >> 31) << 15 | (dtype == EC_F16 ? 0x2800 : 0x3d00) |
                           (r >> 16 & 0x7f));
    }
    return t;
}

/* Activations lie in scratch memory, as in an encoder. */
static ec_tensor activations(ec_ctx *ctx, const bench *b, size_t width) {
    const ec_tensor t = ec_scratch(ctx, 3, (size_t[]){b->images, b->tokens, width});
    if (t.data == NULL) stop("no memory");
    for (size_t i = 0; i < ec_tensor_count(&t); i++)
        ((float *)t.data)[i] = (float)(next() >> 8) * 0x1p-23f - 1.0f;
    return t;
}

enum { QUERY, KEY, VALUE, PROJ, FC1, FC2, MATRICES };

typedef struct {
    ec_tensor in, out;                /* LINEAR, LINEAR_ADD; the stream of BLOCK is `in` */
    ec_tensor q, k, v;                /* ATTENTION */
    ec_tensor matrix[SETS][MATRICES]; /* LINEAR and LINEAR_ADD have the first */
    ec_tensor vector;                 /* every bias and norm weight is a part of it */
    size_t calls;
} operands;

static size_t kernel_of(const bench *b) {
    return b->kind == CONV ? 3 : 14;
}

static void prepare_conv(ec_ctx *ctx, const bench *b, operands *o) {
    const size_t kernel = kernel_of(b), side = b->tokens;
    *o = (operands){.vector = weights(EC_F32, 1, MLP)};
    o->in = ec_scratch(ctx, 4, (size_t[]){b->images, side, side, b->in});
    if (o->in.data == NULL) stop("no memory");
    for (size_t i = 0; i < ec_tensor_count(&o->in); i++)
        ((float *)o->in.data)[i] = (float)(next() >> 8) * 0x1p-23f - 1.0f;
    for (int i = 0; i < SETS; i++) {
        ec_tensor *w = &o->matrix[i][0];
        *w = weights(b->dtype, b->out, b->in * kernel * kernel);
        w->n_dims = 4;
        memcpy(w->shape, (size_t[]){b->out, b->in, kernel, kernel}, 4 * sizeof(size_t));
    }
}

static void prepare(ec_ctx *ctx, const bench *b, operands *o) {
    if (b->kind == CONV || b->kind == PATCHES) {
        prepare_conv(ctx, b, o);
        return;
    }
    *o = (operands){.vector = weights(EC_F32, 1, MLP)};
    const bool linear = b->kind == LINEAR || b->kind == LINEAR_ADD;
    o->in = activations(ctx, b, linear ? b->in : WIDTH);
    if (b->kind == LINEAR_ADD) o->out = activations(ctx, b, b->out);
    if (b->kind == ATTENTION) {
        o->q = activations(ctx, b, WIDTH);
        o->k = activations(ctx, b, WIDTH);
        o->v = activations(ctx, b, WIDTH);
    }
    for (int i = 0; i < SETS; i++) {
        if (linear) o->matrix[i][0] = weights(b->dtype, b->out, b->in);
        for (int j = 0; b->kind == BLOCK && j < MATRICES; j++)
            o->matrix[i][j] = weights(b->dtype, j == FC1 ? MLP : WIDTH, j == FC2 ? MLP : WIDTH);
    }
}

static void discard(operands *o) {
    free(o->vector.data);
    for (int i = 0; i < SETS; i++)
        for (int j = 0; j < MATRICES; j++) free(o->matrix[i][j].data);
}

/* ---- the operations ---- */

static double operations(const bench *b) {
    const double rows = (double)(b->images * b->tokens);
    const double attention = 4.0 * rows * (double)b->tokens * WIDTH;
    switch (b->kind) {
    case ATTENTION:
        return attention;
    case LAYER_NORM:
        return 7.0 * rows * WIDTH;
    case CONV: /* multiplications with the zeros around are counted */
        return 18.0 * (double)(b->images * b->tokens * b->tokens * b->in * b->out);
    case PATCHES:
        return 2.0 * (double)(b->images * b->tokens * b->tokens * b->in * b->out);
    case BLOCK:
        return attention + 2.0 * rows * WIDTH * (4.0 * WIDTH + 2.0 * MLP);
    default:
        return 2.0 * rows * (double)b->in * (double)b->out;
    }
}

static void block(ec_ctx *ctx, const ec_tensor *matrix, ec_tensor x, const ec_tensor *wide,
                  const ec_tensor *narrow, ec_activation activation) {
    const ec_norm_params norm = {narrow, narrow};
    ec_tensor h = ec_layer_norm(ctx, x, norm, 1e-5);
    const ec_tensor q = ec_linear(ctx, h, (ec_linear_params){&matrix[QUERY], narrow}, EC_ACT_NONE);
    const ec_tensor k = ec_linear(ctx, h, (ec_linear_params){&matrix[KEY], narrow}, EC_ACT_NONE);
    const ec_tensor v = ec_linear(ctx, h, (ec_linear_params){&matrix[VALUE], narrow}, EC_ACT_NONE);
    h = ec_attention(ctx, q, k, v, HEADS);
    ec_linear_add(ctx, x, h, (ec_linear_params){&matrix[PROJ], narrow}, NULL);
    h = ec_layer_norm(ctx, x, norm, 1e-5);
    h = ec_linear(ctx, h, (ec_linear_params){&matrix[FC1], wide}, activation);
    ec_linear_add(ctx, x, h, (ec_linear_params){&matrix[FC2], narrow}, NULL);
}

static void call(ec_ctx *ctx, const bench *b, operands *o) {
    const ec_tensor *matrix = o->matrix[o->calls++ % SETS];
    const size_t out = b->out > 0 ? b->out : WIDTH;
    const ec_tensor bias = {.dtype = EC_F32, .n_dims = 1, .shape = {out}, .data = o->vector.data};
    const ec_linear_params linear = {matrix, &bias};
    const ec_mark mark = ec_scratch_mark(ctx);
    switch (b->kind) {
    case LINEAR:
        ec_linear(ctx, o->in, linear, b->activation);
        break;
    case CONV:
        ec_conv2d(ctx, o->in, linear, (ec_conv_steps){1, 1, 1, 1, 1, 1}, b->activation);
        break;
    case PATCHES:
        ec_conv2d(ctx, o->in, linear, (ec_conv_steps){14, 14, 0, 0, 0, 0}, b->activation);
        break;
    case LINEAR_ADD:
        ec_linear_add(ctx, o->out, o->in, linear, NULL);
        break;
    case ATTENTION:
        ec_attention(ctx, o->q, o->k, o->v, HEADS);
        break;
    case LAYER_NORM:
        ec_layer_norm(ctx, o->in, (ec_norm_params){&bias, &bias}, 1e-5);
        break;
    case BLOCK:
        block(ctx, matrix, o->in, &o->vector, &bias, b->activation);
    }
    ec_scratch_release(ctx, mark);
    ec_error err;
    if (ec_ctx_status(ctx, &err) != EC_OK) stop(err.message);
}

/* ---- measuring ---- */

/* Whether the goal is met. */
static bool measure(ec_ctx *ctx, const bench *b, size_t threads, size_t rounds) {
    static const char *const dtype_name[] = {
        [EC_F32] = "f32", [EC_F16] = "f16", [EC_BF16] = "bf16"};
    const char *isa = ec_ctx_backend_name(ctx);
    const ec_mark mark = ec_scratch_mark(ctx);
    operands o;
    prepare(ctx, b, &o);

    double rate[MAX_ROUNDS], share[MAX_ROUNDS], share_cpu[MAX_ROUNDS];
    call(ctx, b, &o);
    const double first = now(CLOCK_MONOTONIC);
    call(ctx, b, &o);
    const double once = now(CLOCK_MONOTONIC) - first;
    const size_t calls = once < 0.05 ? (size_t)(0.05 / once) + 1 : 1;
    for (size_t r = 0; r < rounds; r++) {
        const double before = peak(isa, threads);
        const double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        for (size_t i = 0; i < calls; i++) call(ctx, b, &o);
        const double wall_took = now(CLOCK_MONOTONIC) - wall;
        const double cpu_took = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)threads;
        const double best = 0.5 * (before + peak(isa, threads));
        rate[r] = operations(b) * (double)calls / wall_took;
        share[r] = 100.0 * rate[r] / best;
        share_cpu[r] = 100.0 * operations(b) * (double)calls / cpu_took / best;
    }
    discard(&o);
    ec_scratch_release(ctx, mark);

    const double by_cpu = median(share_cpu, rounds);
    printf("{\"op\": \"%s\", \"images\": %zu, \"tokens\": %zu, \"in\": %zu, \"out\": %zu, "
           "\"dtype\": \"%s\", \"isa\": \"%s\", \"threads\": %zu, \"gflops\": %.1f, "
           "\"percent_of_peak\": %.1f, \"percent_of_peak_by_cpu_time\": %.1f, \"goal\": %.0f}\n",
           b->name, b->images, b->tokens, b->in, b->out, dtype_name[b->dtype], isa, threads,
           median(rate, rounds) * 1e-9, median(share, rounds), by_cpu, b->goal);
    fflush(stdout);
    return by_cpu >= b->goal;
}

int main(int argc, char **argv) {
    const char *isa = NULL, *only = "";
    size_t threads = 1, rounds = 9;
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
        else
            stop("usage: ops_bench [--isa NAME] [--threads N] [--rounds N] [--only TEXT]");
    }
    if (threads == 0 || rounds == 0 || rounds > MAX_ROUNDS)
        stop("at least 1 thread, and 1 to 101 rounds");

    ec_ctx *ctx;
    ec_error err;
    if (ec_ctx_new(&ctx, isa, threads, &err) != EC_OK) stop(err.message);
    printf("{\"op\": \"peak\", \"isa\": \"%s\", \"threads\": %zu, \"gflops\": %.1f}\n",
           ec_ctx_backend_name(ctx), threads, peak(ec_ctx_backend_name(ctx), threads) * 1e-9);
    bool met = true;
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
        if (strstr(benches[i].name, only) != NULL)
            met = measure(ctx, &benches[i], threads, rounds) && met;
    ec_ctx_free(ctx);
    return met ? 0 : 1;
}
