/* attention_backward.c - gradients of softmax(q k^T * scale) v, without the [t, t] matrix
 *
 * The probabilities are computed again from the logarithms of the softmax' sums (Dao et al.,
 * FlashAttention, arXiv:2205.14135, algorithm 4), with keys as rows and queries as columns, so that
 * what belongs to a query (its logarithm, and dy y) is a vector beside every row:
 *
 *     task         one head of one image
 *     pack         its queries and dy, both as panels [d][queries] and as panels [queries][d]
 *     for each block of keys (scaled copies)
 *         for each block of queries
 *             p^T = exp(k q^T - log_sums),  ds^T = p^T (v dy^T - dy y)
 *             dv += p^T dy,   dk += ds^T q,   dq += ds k
 *         dk, dv are written
 *     dq is written
 *
 * A head is not split: its sums over queries and over keys are made in one order, and there are as
 * many tasks as heads, which feeds the threads wherever a model trains.
 */
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/cut.h"

enum {
    KEYS = 48,    /* of a block: a multiple of every tile */
    QUERIES = 304 /* of a block, at most: as many whole panels as fit */
};

typedef struct {
    const ec_cpu *cpu;
    const ec_attention_work *work;
    size_t t, d;
    size_t query_panels, d_panels; /* t and d in panels */
    size_t query_blocks;           /* of query panels, split evenly */
} backward;

static size_t padded_queries(const backward *b) {
    return b->query_panels * b->cpu->kernels->panel;
}

static size_t padded_d(const backward *b) {
    return b->d_panels * b->cpu->kernels->panel;
}

/* Rows of a transposed block; a cache line more than keys, which would fall on the same places. */
enum { DS_STRIDE = KEYS + 16 };

/* What a task needs, in floats. */
enum {
    Q_PANELS, /* [d][queries], as dy's */
    DY_PANELS,
    Q_COLUMNS, /* [queries][d], block by block, as dy's */
    DY_COLUMNS,
    LOG_SUMS, /* of all queries, and dy y */
    DOTS,
    DQ,     /* [t][padded_d] */
    K_ROWS, /* a block of keys: scaled, [keys][d]; their values */
    V_ROWS,
    K_COLUMNS, /* scaled, as panels [keys][d] */
    DK,        /* [keys][padded_d] */
    DV,
    P, /* [keys][queries] */
    DS,
    DS_TURNED, /* [queries][keys] */
    PIECES
};

static void layout(const backward *b, size_t at[PIECES + 1]) {
    const size_t queries = padded_queries(b), block = KEYS * (QUERIES + EC_CPU_MAX_PANEL);
    const size_t size[PIECES] = {
        [Q_PANELS] = queries * b->d,
        [DY_PANELS] = queries * b->d,
        [Q_COLUMNS] = b->t * padded_d(b),
        [DY_COLUMNS] = b->t * padded_d(b),
        [LOG_SUMS] = queries,
        [DOTS] = queries,
        [DQ] = b->t * padded_d(b),
        [K_ROWS] = KEYS * b->d,
        [V_ROWS] = KEYS * b->d,
        [K_COLUMNS] = KEYS * padded_d(b),
        [DK] = KEYS * padded_d(b),
        [DV] = KEYS * padded_d(b),
        [P] = block,
        [DS] = block,
        [DS_TURNED] = (QUERIES + EC_CPU_MAX_PANEL) * DS_STRIDE,
    };
    at[0] = 0;
    for (int i = 0; i < PIECES; i++) at[i + 1] = at[i] + ceil_div(size[i], 16) * 16;
}

/* Block i of the queries: its first query and how many. */
static size_t query_block(const backward *b, size_t i, size_t *first) {
    const size_t panel = b->cpu->kernels->panel;
    *first = part(b->query_panels, i, b->query_blocks) * panel;
    return least(part(b->query_panels, i + 1, b->query_blocks) * panel, b->t) - *first;
}

/* The rows of one head in an array. */
typedef struct {
    float *at;
    size_t stride;
} rows;

static rows head_rows(const backward *b, ec_array x, size_t image, size_t head) {
    return (rows){ec_cpu_floats(x) + image * b->t * x.stride + head * b->d, x.stride};
}

/* x as panels [d][queries], and as panels [queries][d] block by block. */
static void pack_queries(const backward *b, float *panels, float *columns, rows x) {
    const ec_cpu_kernels *kernels = b->cpu->kernels;
    const size_t panel = kernels->panel;
    for (size_t j = 0; j < b->t; j += panel, panels += b->d * panel)
        kernels->pack(panels, x.at + j * x.stride, EC_F32, x.stride, least(panel, b->t - j), b->d);
    for (size_t i = 0; i < b->query_blocks; i++) {
        size_t first;
        const size_t n = query_block(b, i, &first);
        for (size_t c = 0; c < b->d; c += panel, columns += n * panel)
            kernels->pack_columns(columns, x.at + first * x.stride + c, EC_F32, x.stride,
                                  least(panel, b->d - c), n);
    }
}

/* y [m][padded_d] += a [m][k] times panels [k][d]. */
static void add_product(const backward *b, float *y, const float *a, size_t a_stride,
                        const float *panels, size_t k, size_t m) {
    const size_t panel = b->cpu->kernels->panel;
    for (size_t c = 0; c < b->d; c += panel, panels += k * panel)
        b->cpu->kernels->product(y + c, padded_d(b), a, a_stride, panels, k, m, true);
}

/* A block of n_keys keys with a block of n queries from `first` on. */
static void one_block(const backward *b, float *scratch, const size_t at[PIECES + 1], size_t n_keys,
                      size_t first, size_t n) {
    const ec_cpu_kernels *kernels = b->cpu->kernels;
    const size_t panel = kernels->panel, stride = ceil_div(n, panel) * panel;
    float *const p = scratch + at[P], *const ds = scratch + at[DS];
    for (size_t j = 0; j < n; j += panel) {
        const size_t from = (first + j) * b->d;
        kernels->product(p + j, stride, scratch + at[K_ROWS], b->d, scratch + at[Q_PANELS] + from,
                         b->d, n_keys, false);
        kernels->product(ds + j, stride, scratch + at[V_ROWS], b->d, scratch + at[DY_PANELS] + from,
                         b->d, n_keys, false);
    }
    kernels->softmax_backward(p, ds, stride, n_keys, n, scratch + at[LOG_SUMS] + first,
                              scratch + at[DOTS] + first);
    const size_t columns = first * padded_d(b);
    add_product(b, scratch + at[DV], p, stride, scratch + at[DY_COLUMNS] + columns, n, n_keys);
    add_product(b, scratch + at[DK], ds, stride, scratch + at[Q_COLUMNS] + columns, n, n_keys);
    kernels->transpose(scratch + at[DS_TURNED], DS_STRIDE, ds, stride, n_keys, n);
    add_product(b, scratch + at[DQ] + columns, scratch + at[DS_TURNED], DS_STRIDE,
                scratch + at[K_COLUMNS], n_keys, n);
}

/* out = factor * x [n][padded_d]. */
static void write_rows(const backward *b, rows out, const float *x, size_t n, float factor) {
    for (size_t i = 0; i < n; i++)
        b->cpu->kernels->scale_rows(out.at + i * out.stride, x + i * padded_d(b), b->d, 1, b->d,
                                    factor);
}

static void run_task(void *context, size_t i, size_t worker) {
    const backward *b = context;
    const ec_attention_work *w = b->work;
    const ec_cpu_kernels *kernels = b->cpu->kernels;
    const size_t image = i / w->heads, head = i % w->heads, panel = kernels->panel;
    const rows k = head_rows(b, w->k, image, head), v = head_rows(b, w->v, image, head);
    const rows dy = head_rows(b, w->dy, image, head), y = head_rows(b, w->y, image, head);
    const rows dk = head_rows(b, w->dk, image, head), dv = head_rows(b, w->dv, image, head);

    size_t at[PIECES + 1];
    layout(b, at);
    float *const scratch = b->cpu->buffer[worker].data;
    pack_queries(b, scratch + at[Q_PANELS], scratch + at[Q_COLUMNS],
                 head_rows(b, w->q, image, head));
    pack_queries(b, scratch + at[DY_PANELS], scratch + at[DY_COLUMNS], dy);
    memset(scratch + at[LOG_SUMS], 0, (at[DQ] - at[LOG_SUMS]) * sizeof(float));
    memcpy(scratch + at[LOG_SUMS], ec_cpu_floats(w->log_sums) + i * w->log_sums.stride,
           b->t * sizeof(float));
    kernels->row_dots(scratch + at[DOTS], dy.at, dy.stride, y.at, y.stride, b->t, b->d);
    memset(scratch + at[DQ], 0, b->t * padded_d(b) * sizeof(float));

    for (size_t key = 0; key < b->t; key += KEYS) {
        const size_t n_keys = least(KEYS, b->t - key);
        kernels->scale_rows(scratch + at[K_ROWS], k.at + key * k.stride, k.stride, n_keys, b->d,
                            w->scale);
        kernels->scale_rows(scratch + at[V_ROWS], v.at + key * v.stride, v.stride, n_keys, b->d,
                            1.0f);
        for (size_t c = 0; c < b->d; c += panel)
            kernels->pack_columns(scratch + at[K_COLUMNS] + c * n_keys, scratch + at[K_ROWS] + c,
                                  EC_F32, b->d, least(panel, b->d - c), n_keys);
        memset(scratch + at[DK], 0, (at[P] - at[DK]) * sizeof(float));
        for (size_t j = 0; j < b->query_blocks; j++) {
            size_t first;
            const size_t n = query_block(b, j, &first);
            one_block(b, scratch, at, n_keys, first, n);
        }
        write_rows(b, (rows){dk.at + key * dk.stride, dk.stride}, scratch + at[DK], n_keys,
                   w->scale);
        write_rows(b, (rows){dv.at + key * dv.stride, dv.stride}, scratch + at[DV], n_keys, 1.0f);
    }
    write_rows(b, head_rows(b, w->dq, image, head), scratch + at[DQ], b->t, 1.0f);
}

ec_status ec_cpu_attention_backward(void *self, const ec_attention_work *work) {
    ec_cpu *cpu = self;
    const size_t n = work->y.shape[0], t = work->y.shape[1], heads = work->heads;
    const size_t d = heads > 0 ? work->y.shape[2] / heads : 0;
    if (n == 0 || t == 0 || heads == 0 || d == 0) return EC_OK;
    const size_t panel = cpu->kernels->panel;
    backward b = {.cpu = cpu, .work = work, .t = t, .d = d};
    b.query_panels = ceil_div(t, panel);
    b.d_panels = ceil_div(d, panel);
    b.query_blocks = ceil_div(b.query_panels, QUERIES / panel);
    size_t at[PIECES + 1];
    layout(&b, at);
    if (!ec_cpu_reserve(cpu, at[PIECES] * sizeof(float))) return EC_ERR_NOMEM;
    ec_pool_run(cpu->pool, n * heads, run_task, &b);
    return EC_OK;
}
