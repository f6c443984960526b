/* ops_bench.c - how near the operations come to the machine's peak
 *
 *     ops_bench [--device NAME] [--threads N] [--rounds N] [--only TEXT]
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

/* Of the backward passes, DX has frozen parameters and DX_DW has none. */
typedef enum {
    LINEAR,
    LINEAR_ADD,
    DX,
    DX_DW,
    ATTENTION,
    ATTENTION_BACKWARD,
    LAYER_NORM,
    LAYER_NORM_BACKWARD,
    BLOCK,
    CONV,
    PATCHES
} kind;

typedef struct {
    kind kind;
    const char *name;
    size_t images, tokens, in, out; /* of every image; in and out of linear layers; tokens of CONV
                                       and PATCHES: the side of the image */
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
    {DX, "fc1 dx", 1, 577, WIDTH, MLP, EC_F32, EC_ACT_NONE, 0},
    {DX, "fc1 dx", 8, 577, WIDTH, MLP, EC_F32, EC_ACT_NONE, 0},
    {DX, "fc1 dx", 8, 577, WIDTH, MLP, EC_F16, EC_ACT_NONE, 0},
    {DX, "fc1 dx", 8, 577, WIDTH, MLP, EC_BF16, EC_ACT_NONE, 0},
    {DX_DW, "fc1 dx dw", 1, 577, WIDTH, MLP, EC_F32, EC_ACT_NONE, 0},
    {DX_DW, "fc1 dx dw", 8, 577, WIDTH, MLP, EC_F32, EC_ACT_NONE, 0},
    {ATTENTION_BACKWARD, "attention dq dk dv", 1, 577, 0, 0, EC_F32, EC_ACT_NONE, 0},
    {ATTENTION_BACKWARD, "attention dq dk dv", 8, 577, 0, 0, EC_F32, EC_ACT_NONE, 0},
    {LAYER_NORM_BACKWARD, "layer_norm dx", 8, 577, 0, 0, EC_F32, EC_ACT_NONE, 0},
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

static void *need(void *memory) {
    if (memory == NULL) stop("no memory");
    return memory;
}

/* Parameters, and the bytes that they borrow. */
enum { QUERY, KEY, VALUE, PROJ, FC1, FC2, MATRICES };
enum { MAX_PARAMETERS = SETS * MATRICES + 3 };

typedef struct {
    ec_params *params;
    void *bytes[MAX_PARAMETERS];
    size_t n_bytes;
    ec_array in, out; /* of linear layers; the stream of BLOCK is `in`; backward
                         `out` is the gradient of the result */
    ec_qkv qkv;       /* ATTENTION, and backward with y and log_sums */
    ec_array y, log_sums;
    ec_param *matrix[SETS][MATRICES]; /* linear layers have the first */
    ec_param *wide, *narrow, *bias;   /* vectors: of MLP, of WIDTH, of as many as `out` */
    size_t calls;
} operands;

/* Small weights; halfwords of a fixed exponent and random fractions and signs. */
static ec_param *weights(operands *o, ec_dtype dtype, int n_dims, const size_t *shape) {
    size_t n = 1;
    for (int i = 0; i < n_dims; i++) n *= shape[i];
    void *const bytes = need(malloc(n * ec_dtype_size(dtype)));
    for (size_t i = 0; i < n; i++) {
        const uint32_t r = next();
        if (dtype == EC_F32)
            ((float *)bytes)[i] = ((float)(r >> 8) * 0x1p-23f - 1.0f) * 0.05f;
        else
            ((uint16_t *)bytes)[i] =
                (uint16_t)((r >> 31) << 15 | (dtype == EC_F16 ? 0x2800 : 0x3d00) |
                           (r >> 16 & 0x7f));
    }
    o->bytes[o->n_bytes++] = bytes;
    return need(ec_params_add(o->params, "", bytes, dtype, n_dims, shape));
}

static ec_param *matrix(operands *o, ec_dtype dtype, size_t rows, size_t columns) {
    return weights(o, dtype, 2, (size_t[]){rows, columns});
}

/* Activations lie in scratch memory, as in an encoder. */
static ec_array activations(ec_ctx *ctx, size_t n, size_t rows, size_t width) {
    const size_t shape[3] = {n, rows, width}, count = n * rows * width;
    float *const random = need(malloc(count * sizeof *random));
    for (size_t i = 0; i < count; i++) random[i] = (float)(next() >> 8) * 0x1p-23f - 1.0f;
    const ec_array x = ec_scratch(ctx, 3, shape);
    ec_put_rows(ctx, x, 0, ec_upload(ctx, random, EC_F32, 3, shape));
    if (ec_ctx_failed(ctx)) stop("no memory");
    free(random);
    return x;
}

static size_t kernel_of(const bench *b) {
    return b->kind == CONV ? 3 : 14;
}

static void prepare_conv(ec_ctx *ctx, const bench *b, operands *o) {
    const size_t kernel = kernel_of(b), side = b->tokens;
    o->in = ec_array_as(activations(ctx, b->images, side * side, b->in), 4,
                        (size_t[]){b->images, side, side, b->in});
    for (int i = 0; i < SETS; i++)
        o->matrix[i][0] = weights(o, b->dtype, 4, (size_t[]){b->out, b->in, kernel, kernel});
}

static bool is_linear(const bench *b) {
    return b->kind == LINEAR || b->kind == LINEAR_ADD || b->kind == DX || b->kind == DX_DW;
}

static bool is_backward(const bench *b) {
    return b->kind == DX || b->kind == DX_DW || b->kind == ATTENTION_BACKWARD ||
           b->kind == LAYER_NORM_BACKWARD;
}

static bool is_attention(const bench *b) {
    return b->kind == ATTENTION || b->kind == ATTENTION_BACKWARD;
}

static void prepare_rows(ec_ctx *ctx, const bench *b, operands *o) {
    const size_t n = b->images, t = b->tokens;
    o->in = activations(ctx, n, t, is_linear(b) ? b->in : WIDTH);
    if (is_backward(b) || b->kind == LINEAR_ADD)
        o->out = activations(ctx, n, t, is_linear(b) ? b->out : WIDTH);
    if (is_attention(b))
        o->qkv = (ec_qkv){activations(ctx, n, t, WIDTH), activations(ctx, n, t, WIDTH),
                          activations(ctx, n, t, WIDTH)};
    if (b->kind == ATTENTION_BACKWARD)
        o->y = ec_attention(ctx, o->qkv.q, o->qkv.k, o->qkv.v, HEADS, &o->log_sums);
    for (int i = 0; i < SETS; i++) {
        if (is_linear(b)) o->matrix[i][0] = matrix(o, b->dtype, b->out, b->in);
        for (int j = 0; b->kind == BLOCK && j < MATRICES; j++)
            o->matrix[i][j] = matrix(o, b->dtype, j == FC1 ? MLP : WIDTH, j == FC2 ? MLP : WIDTH);
    }
}

static void prepare(ec_ctx *ctx, const bench *b, operands *o) {
    const size_t wide = MLP, narrow = WIDTH, out = b->out > 0 ? b->out : WIDTH;
    ec_error err;
    *o = (operands){0};
    if (ec_params_new(&o->params, &err) != EC_OK) stop(err.message);
    o->wide = weights(o, EC_F32, 1, &wide);
    o->narrow = weights(o, EC_F32, 1, &narrow);
    o->bias = weights(o, EC_F32, 1, &out);
    if (b->kind == CONV || b->kind == PATCHES)
        prepare_conv(ctx, b, o);
    else
        prepare_rows(ctx, b, o);
    if (ec_params_place(o->params, ctx, &err) != EC_OK) stop(err.message);
    const bool trains = b->kind == DX_DW || b->kind == LAYER_NORM_BACKWARD;
    if (trains && ec_params_train(o->params, NULL, &err) != EC_OK) stop(err.message);
}

static void discard(operands *o) {
    ec_params_free(o->params);
    for (size_t i = 0; i < o->n_bytes; i++) free(o->bytes[i]);
}

/* ---- the operations ---- */

static double operations(const bench *b) {
    const double rows = (double)(b->images * b->tokens);
    const double attention = 4.0 * rows * (double)b->tokens * WIDTH;
    switch (b->kind) {
    case ATTENTION:
        return attention;
    case ATTENTION_BACKWARD: /* five products instead of two */
        return 2.5 * attention;
    case LAYER_NORM:
        return 7.0 * rows * WIDTH;
    case LAYER_NORM_BACKWARD:
        return 20.0 * rows * WIDTH;
    case DX_DW:
        return 4.0 * rows * (double)b->in * (double)b->out;
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

static void block(ec_ctx *ctx, ec_param *const *matrix, ec_array x, const operands *o,
                  ec_activation activation) {
    const ec_norm_params norm = {o->narrow, o->narrow};
    ec_array h = ec_layer_norm(ctx, x, norm, 1e-5);
    const ec_array q = ec_linear(ctx, h, (ec_linear_params){matrix[QUERY], o->narrow}, EC_ACT_NONE);
    const ec_array k = ec_linear(ctx, h, (ec_linear_params){matrix[KEY], o->narrow}, EC_ACT_NONE);
    const ec_array v = ec_linear(ctx, h, (ec_linear_params){matrix[VALUE], o->narrow}, EC_ACT_NONE);
    h = ec_attention(ctx, q, k, v, HEADS, NULL);
    ec_linear_add(ctx, x, h, (ec_linear_params){matrix[PROJ], o->narrow}, NULL);
    h = ec_layer_norm(ctx, x, norm, 1e-5);
    h = ec_linear(ctx, h, (ec_linear_params){matrix[FC1], o->wide}, activation);
    ec_linear_add(ctx, x, h, (ec_linear_params){matrix[FC2], o->narrow}, NULL);
}

static void call(ec_ctx *ctx, const bench *b, operands *o) {
    ec_param *const *matrix = o->matrix[o->calls++ % SETS];
    const ec_linear_params linear = {matrix[0], o->bias};
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
        ec_attention(ctx, o->qkv.q, o->qkv.k, o->qkv.v, HEADS, NULL);
        break;
    case ATTENTION_BACKWARD:
        ec_attention_backward(ctx, o->out, o->y, o->qkv, o->log_sums, HEADS);
        break;
    case DX:
    case DX_DW:
        ec_linear_backward(ctx, o->out, o->in, linear);
        break;
    case LAYER_NORM:
        ec_layer_norm(ctx, o->in, (ec_norm_params){o->bias, o->bias}, 1e-5);
        break;
    case LAYER_NORM_BACKWARD:
        ec_layer_norm_backward(ctx, o->out, o->in, (ec_norm_params){o->bias, o->bias}, 1e-5);
        break;
    case BLOCK:
        block(ctx, matrix, o->in, o, b->activation);
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
    const char *device = NULL, *only = "";
    size_t threads = 1, rounds = 9;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value != NULL && strcmp(argv[i], "--device") == 0)
            device = value;
        else if (value != NULL && strcmp(argv[i], "--threads") == 0)
            threads = strtoul(value, NULL, 10);
        else if (value != NULL && strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(value, NULL, 10);
        else if (value != NULL && strcmp(argv[i], "--only") == 0)
            only = value;
        else
            stop("usage: ops_bench [--device NAME] [--threads N] [--rounds N] [--only TEXT]");
    }
    if (threads == 0 || rounds == 0 || rounds > MAX_ROUNDS)
        stop("at least 1 thread, and 1 to 101 rounds");

    ec_ctx *ctx;
    ec_error err;
    const ec_device_options options = {.name = device, .n_threads = threads};
    if (ec_ctx_open(&ctx, &options, &err) != EC_OK) stop(err.message);
    printf("{\"op\": \"peak\", \"isa\": \"%s\", \"threads\": %zu, \"gflops\": %.1f}\n",
           ec_ctx_backend_name(ctx), threads, peak(ec_ctx_backend_name(ctx), threads) * 1e-9);
    bool met = true;
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
        if (strstr(benches[i].name, only) != NULL)
            met = measure(ctx, &benches[i], threads, rounds) && met;
    ec_ctx_free(ctx);
    return met ? 0 : 1;
}
