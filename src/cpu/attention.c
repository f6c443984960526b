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
    /* Of a block: a multiple of every tile; o and s of a block stay in the second cache. */
    QUERIES = 48,
    KEYS = 304 /* of a block, at most: as many whole panels as fit */
};

typedef struct {
    const ec_cpu *cpu;
    float *out;
    const float *q, *k, *v;
    size_t q_stride, k_stride, v_stride, out_stride, t, heads, d;
    float scale;
    float *log_sums; /* [n, heads, t], or NULL */

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
        kernels->pack(keys, k + j * a->k_stride, EC_F32, a->k_stride, least(panel, a->t - j), a->d);
    for (size_t b = 0; b < a->key_blocks; b++) {
        size_t first;
        const size_t n = key_block(a, b, &first);
        for (size_t c = 0; c < a->d; c += panel, values += n * panel)
            kernels->pack_columns(values, v + first * a->v_stride + c, EC_F32, a->v_stride,
                                  least(panel, a->d - c), n);
    }
}

/* The logarithms of the sums that softmax_finish divides by, of m queries. */
static void write_log_sums(const float *scratch, const size_t at[PIECES], float *out, size_t m) {
    for (size_t r = 0; r < m; r++) {
        const float *sum = scratch + at[SUMS] + r * EC_CPU_MAX_LANES;
        double total = 0.0;
        for (size_t l = 0; l < EC_CPU_MAX_LANES; l++) total += (double)sum[l];
        out[r] = (float)((double)scratch[at[HIGHEST] + r] + log(total));
    }
}

/* score [m][panel] = q times a panel of keys; meanwhile `rows` of memory are fetched that are due.
 */
static void score_panel(const attention *a, float *score, size_t stride, const float *query,
                        const float *keys, size_t m, const float *rows, size_t n_rows,
                        size_t row_stride) {
    const ec_cpu_kernels *kernels = a->cpu->kernels;
    if (kernels->product_fetching == NULL || n_rows == 0) {
        kernels->product(score, stride, query, a->d, keys, a->d, m, false);
        return;
    }
    const ec_cpu_fetch next = {rows, n_rows, row_stride * sizeof *rows, a->d * sizeof *rows};
    kernels->product_fetching(score, stride, query, a->d, keys, a->d, m, false, &next);
}

/* `after`: how many queries follow these m. */
static void attend(const attention *a, float *scratch, const size_t at[PIECES], float *out,
                   const float *q, size_t m, size_t after) {
    const ec_cpu_kernels *kernels = a->cpu->kernels;
    const size_t panel = kernels->panel;
    float *const query = scratch + at[BLOCK_QUERIES], *const score = scratch + at[SCORES];
    float *const o = scratch + at[OUTPUT];
    kernels->scale_rows(query, q, a->q_stride, m, a->d, a->scale);
    memset(scratch + at[SUMS], 0, m * EC_CPU_MAX_LANES * sizeof(float));
    memset(o, 0, m * padded_d(a) * sizeof(float));
    for (size_t r = 0; r < m; r++) scratch[at[HIGHEST] + r] = -INFINITY;

    const float *values = scratch + at[VALUES_PACKED];
    for (size_t b = 0; b < a->key_blocks; b++) {
        size_t first;
        const size_t n = key_block(a, b, &first), s_stride = ceil_div(n, panel) * panel;
        const float *keys = scratch + at[KEYS_PACKED] + first * a->d;
        for (size_t j = 0; j < n; j += panel) {
            /* The first panel's time is for the rows that will be written, the next one's for the
             * next block's queries. */
            const bool out_is_due = first + j == 0, q_is_due = first + j == panel;
            score_panel(a, score + j, s_stride, query, keys + j * a->d, m,
                        out_is_due ? out : q + (after > 0 ? m * a->q_stride : 0),
                        out_is_due ? m
                        : q_is_due ? least(after, QUERIES)
                                   : 0,
                        out_is_due ? a->out_stride : a->q_stride);
        }
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
    const size_t first = image * a->t, column = head * a->d;

    size_t at[PIECES];
    layout(a, at);
    float *const scratch = a->cpu->buffer[worker].data;
    pack_head(a, scratch + at[KEYS_PACKED], scratch + at[VALUES_PACKED],
              a->k + first * a->k_stride + column, a->v + first * a->v_stride + column);

    const size_t end = part(a->query_blocks, task + 1, a->query_tasks);
    for (size_t b = part(a->query_blocks, task, a->query_tasks); b < end; b++) {
        const size_t row = b * QUERIES, m = least(QUERIES, a->t - row);
        attend(a, scratch, at, a->out + (first + row) * a->out_stride + column,
               a->q + (first + row) * a->q_stride + column, m, a->t - row - m);
        if (a->log_sums != NULL)
            write_log_sums(scratch, at, a->log_sums + (image * a->heads + head) * a->t + row, m);
    }
}

ec_status ec_cpu_attention(void *self, const ec_attention_work *work) {
    ec_cpu *cpu = self;
    const size_t n = work->y.shape[0], t = work->y.shape[1], heads = work->heads;
    const size_t head_dim = heads > 0 ? work->y.shape[2] / heads : 0;
    if (n == 0 || t == 0 || heads == 0 || head_dim == 0) return EC_OK;
    const size_t panel = cpu->kernels->panel, threads = ec_pool_size(cpu->pool);
    attention a = {.cpu = cpu,
                   .out = ec_cpu_floats(work->y),
                   .q = ec_cpu_floats(work->q),
                   .k = ec_cpu_floats(work->k),
                   .v = ec_cpu_floats(work->v),
                   .q_stride = work->q.stride,
                   .k_stride = work->k.stride,
                   .v_stride = work->v.stride,
                   .out_stride = work->y.stride,
                   .t = t,
                   .heads = heads,
                   .d = head_dim,
                   .scale = work->scale,
                   .log_sums = work->log_sums.at};
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
