/* attention.c - softmax(q k^T * scale) v, without the [t, t] matrix
 *
 * Streaming softmax (Milakov and Gimelshein, arXiv:1805.02867; Dao et al., FlashAttention,
 * arXiv:2205.14135), with the packed product of gemm.c for both matrix products:
 *
 *     task         one head of one image, or a range of its queries
 *     pack         its keys as panels [d][keys], its values as panels [keys][d]
 *     for each block of queries (scaled copies)
 *         for each block of keys
 *             s = q k^T
 *             p = exp(s - highest so far), sums; o rescaled when the highest moved
 *             o += p v
 *         out = o / sums
 *
 * The blocks of keys depend on t alone and the queries do not see each other, so the result does
 * not depend on how the queries are split.
 */
#include <math.h>
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/cut.h"

enum {
    QUERIES =
        48, /* of a block: a multiple of every tile; o and s of a block stay in the second cache */
    KEYS = 304 /* of a block, at most: as many whole panels as fit */
};

typedef struct {
    const ec_cpu *cpu;
    float *out;
    const float *q, *k, *v;
    size_t stride, out_stride, t, heads, d;
    float scale;

    size_t key_panels, d_panels; /* t and d in panels */
    size_t key_blocks;           /* of key panels, split evenly */
    size_t query_blocks, query_tasks;
} attention;

static size_t padded_keys(const attention *a) {
    return a->key_panels * a->cpu->kernels->panel;
}

static size_t padded_d(const attention *a) {
    return a->d_panels * a->cpu->kernels->panel;
}

/* What a task needs, in floats: packed keys and values, then a block's queries, scores, output,
 * sums and highest scores. */
enum { KEYS_PACKED, VALUES_PACKED, BLOCK_QUERIES, SCORES, OUTPUT, SUMS, HIGHEST, PIECES };

static size_t layout(const attention *a, size_t at[PIECES]) {
    const size_t size[PIECES] = {
        [KEYS_PACKED] = padded_keys(a) * a->d,
        [VALUES_PACKED] = padded_keys(a) * padded_d(a),
        [BLOCK_QUERIES] = QUERIES * a->d,
        [SCORES] = QUERIES * (KEYS + EC_CPU_MAX_PANEL),
        [OUTPUT] = QUERIES * padded_d(a),
        [SUMS] = QUERIES * EC_CPU_MAX_LANES,
        [HIGHEST] = QUERIES,
    };
    size_t total = 0;
    for (int i = 0; i < PIECES; i++) {
        at[i] = total;
        total += ceil_div(size[i], 16) * 16;
    }
    return total;
}

/* Block b of the keys: its first key and how many. */
static size_t key_block(const attention *a, size_t b, size_t *first) {
    const size_t panel = a->cpu->kernels->panel;
    *first = part(a->key_panels, b, a->key_blocks) * panel;
    return least(part(a->key_panels, b + 1, a->key_blocks) * panel, a->t) - *first;
}

/* Keys panel by panel; values block of keys by block of keys and, in it, panel by panel. */
static void pack_head(const attention *a, float *keys, float *values, const float *k,
                      const float *v) {
    const ec_cpu_kernels *kernels = a->cpu->kernels;
    const size_t panel = kernels->panel;
    for (size_t j = 0; j < a->t; j += panel, keys += a->d * panel)
        kernels->pack(keys, k + j * a->stride, EC_F32, a->stride, least(panel, a->t - j), a->d);
    for (size_t b = 0; b < a->key_blocks; b++) {
        size_t first;
        const size_t n = key_block(a, b, &first);
        for (size_t c = 0; c < a->d; c += panel, values += n * panel)
            kernels->pack_columns(values, v + first * a->stride + c, a->stride,
                                  least(panel, a->d - c), n);
    }
}

static void attend(const attention *a, float *scratch, const size_t at[PIECES], float *out,
                   const float *q, size_t m) {
    const ec_cpu_kernels *kernels = a->cpu->kernels;
    const size_t panel = kernels->panel;
    float *const query = scratch + at[BLOCK_QUERIES], *const score = scratch + at[SCORES];
    float *const o = scratch + at[OUTPUT];
    kernels->scale_rows(query, q, a->stride, m, a->d, a->scale);
    memset(scratch + at[SUMS], 0, m * EC_CPU_MAX_LANES * sizeof(float));
    memset(o, 0, m * padded_d(a) * sizeof(float));
    for (size_t r = 0; r < m; r++) scratch[at[HIGHEST] + r] = -INFINITY;

    const float *values = scratch + at[VALUES_PACKED];
    for (size_t b = 0; b < a->key_blocks; b++) {
        size_t first;
        const size_t n = key_block(a, b, &first), s_stride = ceil_div(n, panel) * panel;
        const float *keys = scratch + at[KEYS_PACKED] + first * a->d;
        for (size_t j = 0; j < n; j += panel)
            kernels->product(score + j, s_stride, query, a->d, keys + j * a->d, a->d, m, false);
        kernels->softmax_step(score, s_stride, m, n, scratch + at[HIGHEST], scratch + at[SUMS], o,
                              padded_d(a));
        for (size_t c = 0; c < a->d; c += panel, values += n * panel)
            kernels->product(o + c, padded_d(a), score, s_stride, values, n, m, true);
    }
    kernels->softmax_finish(out, a->out_stride, o, padded_d(a), scratch + at[SUMS], m, a->d);
}

static void run_task(void *context, size_t i, size_t worker) {
    const attention *a = context;
    const size_t task = i % a->query_tasks, head = i / a->query_tasks % a->heads;
    const size_t image = i / a->query_tasks / a->heads;
    const size_t in = image * a->t * a->stride + head * a->d;
    const size_t out = image * a->t * a->out_stride + head * a->d;

    size_t at[PIECES];
    layout(a, at);
    float *const scratch = a->cpu->buffer[worker].data;
    pack_head(a, scratch + at[KEYS_PACKED], scratch + at[VALUES_PACKED], a->k + in, a->v + in);

    const size_t end = part(a->query_blocks, task + 1, a->query_tasks);
    for (size_t b = part(a->query_blocks, task, a->query_tasks); b < end; b++) {
        const size_t row = b * QUERIES;
        attend(a, scratch, at, a->out + out + row * a->out_stride, a->q + in + row * a->stride,
               least(QUERIES, a->t - row));
    }
}

ec_status ec_cpu_attention(void *backend, float *out, size_t out_stride, const float *q,
                           const float *k, const float *v, size_t qkv_stride, size_t n, size_t t,
                           size_t heads, size_t head_dim, float scale) {
    ec_cpu *cpu = backend;
    if (n == 0 || t == 0 || heads == 0 || head_dim == 0) return EC_OK;
    const size_t panel = cpu->kernels->panel, threads = ec_pool_size(cpu->pool);
    attention a = {.cpu = cpu,
                   .out = out,
                   .q = q,
                   .k = k,
                   .v = v,
                   .stride = qkv_stride,
                   .out_stride = out_stride,
                   .t = t,
                   .heads = heads,
                   .d = head_dim,
                   .scale = scale};
    a.key_panels = ceil_div(t, panel);
    a.d_panels = ceil_div(head_dim, panel);
    a.key_blocks = ceil_div(a.key_panels, KEYS / panel);
    a.query_blocks = ceil_div(t, QUERIES);
    /* Heads alone feed few threads; the queries of a head are split where there are more. */
    a.query_tasks = threads == 1 ? 1 : least(ceil_div(2 * threads, n * heads), a.query_blocks);

    size_t at[PIECES];
    if (!ec_cpu_reserve(cpu, layout(&a, at) * sizeof(float))) return EC_ERR_NOMEM;
    ec_pool_run(cpu->pool, n * heads * a.query_tasks, run_task, &a);
    return EC_OK;
}
