/* align_bench.c - how near the A score comes to the machine's peak
 *
 *     align_bench [--device NAME] [--threads N] [--rounds N]
 *
 * Prints one JSON object a line, medians over the rounds:
 *
 *     max_cosine   576 x 576 tokens of 4096 channels, rows of length 1 there already: the goal
 *     candidate    what scoring an image of a candidate costs after its connector: its rows made
 *                  unit length, then compared with references of 256 and 576 tokens
 *     connector    mlp2x_gelu of 576 tokens, 1024 -> 4096 -> 4096, bf16 weights
 *     max_cosine_bf16   the first with the authors' roundings, which no matrix product has
 *
 * The percentage is of the FMA peak measured just before and just after in the same round, by the
 * wall and by the processor time used: where they differ, others were using the machine. Only
 * multiply-adds are counted.
 *
 * Status 0: the goal is met by processor time; 1: not; 2: usage.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "connectors/mlp.h"
#include "eyechart/alignment.h"

enum { MAX_ROUNDS = 101, TOKENS = 576, FEW = 256, WIDTH = 4096, CHANNELS = 1024 };

typedef enum { MAX_COSINE, CANDIDATE, CONNECTOR, MAX_COSINE_BF16 } kind;

static const struct {
    const char *name;
    double goal; /* percent of the peak; 0: none */
} benches[] = {[MAX_COSINE] = {"max_cosine", 70},
               [CANDIDATE] = {"candidate", 0},
               [CONNECTOR] = {"connector", 0},
               [MAX_COSINE_BF16] = {"max_cosine_bf16", 0}};

static void *need(void *memory) {
    if (memory == NULL) stop("no memory");
    return memory;
}

static uint32_t next(void) {
    static uint32_t seed = 1;
    return seed = seed * 1664525u + 1013904223u;
}

static float *random_rows(size_t n, size_t width) {
    float *out = need(malloc(n * width * sizeof *out));
    for (size_t i = 0; i < n * width; i++) out[i] = (float)(next() >> 8) * 0x1p-23f - 1.0f;
    return out;
}

typedef struct {
    ec_ctx *ctx;
    float *target, *raw, *work, *reference, *few, *features;
    ec_params *params;
    uint16_t *bytes[4]; /* of two weights, two biases */
    mlp_spec spec;
    mlp_weights weights;
} operands;

/* A parameter of numbers of about 1/64. */
static ec_param *random_bf16(operands *o, size_t i, int n_dims, const size_t *shape) {
    const size_t n = shape[0] * (n_dims > 1 ? shape[1] : 1);
    o->bytes[i] = need(malloc(n * sizeof *o->bytes[i]));
    for (size_t k = 0; k < n; k++)
        o->bytes[i][k] = (uint16_t)((next() >> 31) << 15 | 0x3c80 | (next() >> 16 & 0x7f));
    return need(ec_params_add(o->params, "", o->bytes[i], EC_BF16, n_dims, shape));
}

static void prepare(operands *o, const char *device, size_t threads) {
    ec_error err;
    *o = (operands){.target = random_rows(TOKENS, WIDTH),
                    .reference = random_rows(TOKENS, WIDTH),
                    .few = random_rows(FEW, WIDTH),
                    .features = random_rows(TOKENS, CHANNELS),
                    .work = need(malloc(TOKENS * WIDTH * sizeof(float)))};
    o->raw = need(malloc(TOKENS * WIDTH * sizeof(float)));
    memcpy(o->raw, o->target, TOKENS * WIDTH * sizeof(float));
    const ec_device_options options = {.name = device, .n_threads = threads};
    if (ec_ctx_open(&o->ctx, &options, &err) != EC_OK || ec_params_new(&o->params, &err) != EC_OK ||
        ec_alignment_normalise(o->target, TOKENS, WIDTH, false, &err) != EC_OK ||
        ec_alignment_normalise(o->reference, TOKENS, WIDTH, false, &err) != EC_OK ||
        ec_alignment_normalise(o->few, FEW, WIDTH, false, &err) != EC_OK)
        stop(err.message);
    const size_t wide = WIDTH;
    ec_param *const weight[2] = {random_bf16(o, 0, 2, (size_t[]){WIDTH, CHANNELS}),
                                 random_bf16(o, 1, 2, (size_t[]){WIDTH, WIDTH})};
    ec_param *const bias[2] = {random_bf16(o, 2, 1, &wide), random_bf16(o, 3, 1, &wide)};
    if (ec_params_place(o->params, o->ctx, &err) != EC_OK) stop(err.message);
    o->spec = (mlp_spec){
        .activation = EC_ACT_GELU, .n_layers = 2, .n_inputs = CHANNELS, .n_outputs = WIDTH};
    o->spec.layer[0].activates = true;
    for (size_t i = 0; i < 2; i++) o->weights.layer[i] = (ec_linear_params){weight[i], bias[i]};
}

static double operations(kind k) {
    const double pair = 2.0 * TOKENS * TOKENS * WIDTH;
    switch (k) {
    case CANDIDATE:
        return pair + 2.0 * TOKENS * FEW * WIDTH;
    case CONNECTOR:
        return 2.0 * TOKENS * WIDTH * (CHANNELS + WIDTH);
    default:
        return pair;
    }
}

static ec_status compare(operands *o, const float *target, const float *reference, size_t n,
                         bool bf16, ec_error *err) {
    double mean;
    return ec_alignment_max_cosine(&mean, o->ctx, target, TOKENS, reference, n, WIDTH, bf16, err);
}

static void call(kind k, operands *o) {
    ec_error err;
    ec_status status;
    const ec_mark mark = ec_scratch_mark(o->ctx);
    switch (k) {
    case CANDIDATE:
        memcpy(o->work, o->raw, TOKENS * WIDTH * sizeof(float));
        status = ec_alignment_normalise(o->work, TOKENS, WIDTH, false, &err);
        if (status == EC_OK) status = compare(o, o->work, o->few, FEW, false, &err);
        if (status == EC_OK) status = compare(o, o->work, o->reference, TOKENS, false, &err);
        break;
    case CONNECTOR:
        mlp_forward(o->ctx, &o->spec, &o->weights,
                    ec_upload(o->ctx, o->features, EC_F32, 2, (size_t[]){TOKENS, CHANNELS}), NULL);
        status = ec_ctx_status(o->ctx, &err);
        break;
    default:
        status = compare(o, o->target, o->reference, TOKENS, k == MAX_COSINE_BF16, &err);
    }
    ec_scratch_release(o->ctx, mark);
    if (status != EC_OK) stop(err.message);
}

/* Whether the goal is met. */
static bool measure(kind k, operands *o, size_t threads, size_t rounds) {
    const char *isa = ec_ctx_backend_name(o->ctx);
    double wall[MAX_ROUNDS], share[MAX_ROUNDS], share_cpu[MAX_ROUNDS];
    call(k, o);
    for (size_t r = 0; r < rounds; r++) {
        const double before = peak(isa, threads);
        const double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        call(k, o);
        wall[r] = now(CLOCK_MONOTONIC) - start;
        const double used = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)threads;
        const double best = 0.5 * (before + peak(isa, threads));
        share[r] = 100.0 * operations(k) / wall[r] / best;
        share_cpu[r] = 100.0 * operations(k) / used / best;
    }
    const double by_cpu = median(share_cpu, rounds), seconds = median(wall, rounds);
    printf("{\"engine\": \"eyechart\", \"op\": \"%s\", \"isa\": \"%s\", \"threads\": %zu, "
           "\"ms\": %.2f, \"gflops\": %.1f, \"percent_of_peak\": %.1f, "
           "\"percent_of_peak_by_cpu_time\": %.1f, \"goal\": %.0f}\n",
           benches[k].name, isa, threads, 1e3 * seconds, operations(k) / seconds * 1e-9,
           median(share, rounds), by_cpu, benches[k].goal);
    fflush(stdout);
    return by_cpu >= benches[k].goal;
}

int main(int argc, char **argv) {
    const char *device = NULL;
    size_t threads = 1, rounds = 9;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value != NULL && strcmp(argv[i], "--device") == 0)
            device = value;
        else if (value != NULL && strcmp(argv[i], "--threads") == 0)
            threads = strtoul(value, NULL, 10);
        else if (value != NULL && strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(value, NULL, 10);
        else
            stop("usage: align_bench [--device NAME] [--threads N] [--rounds N]");
    }
    if (threads == 0 || rounds == 0 || rounds > MAX_ROUNDS)
        stop("at least 1 thread, and 1 to 101 rounds");
    operands o;
    prepare(&o, device, threads);
    bool met = true;
    for (kind k = MAX_COSINE; k <= MAX_COSINE_BF16; k++)
        met = measure(k, &o, threads, k == MAX_COSINE_BF16 && rounds > 3 ? 3 : rounds) && met;
    ec_params_free(o.params);
    ec_ctx_free(o.ctx);
    free(o.target), free(o.raw), free(o.work), free(o.reference), free(o.few), free(o.features);
    for (size_t i = 0; i < 4; i++) free(o.bytes[i]);
    return met ? 0 : 1;
}
