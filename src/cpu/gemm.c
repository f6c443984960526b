/* gemm.c - y = epilogue(x W^T), for weights that stay as they lie in their file; x W, x^T W
 * likewise
 *
 *     task        a range of columns of y (rows of W), and of rows where columns alone do not feed
 *                 all threads
 *     pack        the range's rows of W, once: converted to f32, in panels, block of k by block
 *     for each block of rows of x              fits the second cache next to the sums
 *         for each block of k                  of x^T: the block is turned over into a copy
 *             for each panel                   fits the first cache
 *                 sums += x block * panel      kernels->product
 *         y = epilogue(sums)
 *
 * Where the kernels fetch while they multiply (AVX-512), a panel's block is packed when the first
 * block of rows comes to it, out of what was fetched during the panel before; so the packing waits
 * for the memory seldom, and for a product of one block of rows no panel is ever stored.
 *
 * x is read in place: a tile reads a few rows front to back, which the prefetchers follow, and
 * every packed copy of x would be used for one range of columns only. The blocks of k depend on k
 * and on the first cache alone, and each sum is made in the same order wherever its row and column
 * fall, so the result does not depend on the plan.
 */
#include <assert.h>
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/cut.h"

typedef struct {
    const ec_cpu *cpu;
    float *y;
    const float *x;
    size_t y_stride, x_stride, w_stride, m, n, k;
    const unsigned char *w;
    ec_dtype dtype;
    bool x_turned, w_plain; /* x is [k, m] in memory; W is [k, n] */
    ec_epilogue epilogue;

    size_t n_panels, column_tasks; /* panels of W, split evenly into tasks */
    size_t n_tiles, row_tasks;     /* tiles of rows of x, likewise */
    size_t *edge, last_tasks; /* the panels of the last range of rows, split as plan_last() says */
    size_t block_k, block_tiles;
    size_t piece;       /* wide sums: terms that are summed in f32; 0: all */
    bool fetches;       /* what comes next, while it multiplies */
    size_t task_panels; /* at most */
} gemm;

/* Columns of a task, at most, where panels are packed as they are needed. */
enum { FETCHING_COLUMNS = 256 };

static size_t dtype_bytes(ec_dtype dtype) {
    return dtype == EC_F32 ? 4 : 2;
}

/* The time of a plan up to a factor: rounds of tasks for every thread, and a quarter of one because
 * threads seldom finish together; for each task its panels, and a quarter of one to read x; for
 * each panel its rows, and 15 to pack it (measured). */
static size_t plan_cost(const gemm *g, size_t threads, size_t column_tasks, size_t row_tasks) {
    const size_t rounds = ceil_div(column_tasks * row_tasks, threads);
    const size_t panels = ceil_div(g->n_panels, column_tasks);
    const size_t rows = ceil_div(g->n_tiles, row_tasks) * g->cpu->kernels->tile;
    return (4 * rounds + 2 * (threads > 1)) * (4 * panels + 1) * (rows + 15);
}

static void plan(gemm *g) {
    const ec_cpu *cpu = g->cpu;
    const size_t panel = cpu->kernels->panel, tile = cpu->kernels->tile;
    const size_t threads = ec_pool_size(cpu->pool);

    /* A panel's block takes two thirds of the first cache: the rest is for the rows of x. */
    const size_t blocks = ceil_div(g->k, most(cpu->l1_bytes * 2 / 3 / (4 * panel) / 8 * 8, 8));
    g->block_k = ceil_div(ceil_div(g->k, blocks), 8) * 8; /* the product's steps */

    /* Half of the second cache is for the panels' blocks of a task, so that a block of x is used
     * for many columns; an eighth is for the block of x, the rest for the sums, which grow with
     * both (hence at most 512 columns). All packed panels of a task have their share of the third
     * cache. */
    g->n_tiles = ceil_div(g->m, tile);
    g->block_tiles = most(cpu->l2_bytes / 8 / (4 * g->block_k * tile), 1);
    g->n_panels = ceil_div(g->n, panel);
    const size_t share = most(cpu->l3_bytes / 2 / threads, cpu->l2_bytes);
    size_t by_l2 = least(cpu->l2_bytes / 2 / (4 * g->block_k * panel), 512 / panel);
    if (g->fetches) {
        /* Panels come and go; the block of x and its sums take three fifths of the cache. */
        by_l2 = FETCHING_COLUMNS / panel;
        g->block_tiles =
            most(cpu->l2_bytes * 3 / 5 / (4 * (g->block_k + FETCHING_COLUMNS) * tile), 1);
    }
    const size_t fits = most(least(by_l2, share / (4 * g->k * panel)), 1);

    g->column_tasks = ceil_div(g->n_panels, fits);
    g->row_tasks = 1;
    const size_t most_rows = threads == 1 ? 1 : least(ceil_div(g->n_tiles, 4), 2 * threads);
    size_t best = plan_cost(g, threads, g->column_tasks, g->row_tasks);
    for (size_t rows = 1; rows <= most_rows; rows++)
        for (size_t columns = ceil_div(g->n_panels, fits); columns <= g->n_panels; columns++) {
            const size_t cost = plan_cost(g, threads, columns, rows);
            if (cost >= best) continue;
            best = cost;
            g->column_tasks = columns;
            g->row_tasks = rows;
        }
    g->task_panels = ceil_div(g->n_panels, g->column_tasks);
}

/* Terms of a piece of a wide sum: the shorter a piece, the smaller its error, and adding pieces in
 * f64 has none to speak of, but each piece costs its additions; sqrt(k) leaves half a unit in the
 * last place of terms of equal size, whatever k. Whole steps of the product. */
static size_t wide_piece(size_t k) {
    size_t piece = 8;
    while ((piece + 4) * (piece + 4) < k) piece += 8;
    return piece;
}

/* Tasks of the last range of rows become smaller and smaller, so that threads finish together
 * although one of them may be slower: other programs, a shared core. */
static void plan_last(gemm *g) {
    enum { LEAST_PANELS = 2 };
    const size_t threads = ec_pool_size(g->cpu->pool);
    size_t n = 0;
    for (size_t done = 0; done < g->n_panels; n++) {
        const size_t left = g->n_panels - done;
        const size_t fair = threads == 1 ? left : most(left / (2 * threads), LEAST_PANELS);
        g->edge[n] = done;
        done += least(least(fair, left), g->task_panels);
    }
    g->edge[n] = g->n_panels;
    g->last_tasks = n;
}

static size_t packed_floats(const gemm *g) {
    return g->task_panels * g->cpu->kernels->panel * g->k;
}

static size_t task_columns(const gemm *g) {
    return g->task_panels * g->cpu->kernels->panel;
}

/* Of a block of rows; wide sums stand in f64 behind them. */
static size_t sums_floats(const gemm *g) {
    const size_t sums = g->block_tiles * g->cpu->kernels->tile * task_columns(g);
    return g->piece > 0 ? 3 * sums : sums;
}

/* Rows of a copy of x^T; a cache line more, so that they do not fall on the same places of it. */
static size_t turned_stride(const gemm *g) {
    return g->block_k + 16;
}

static size_t turned_floats(const gemm *g) {
    return g->x_turned ? g->block_tiles * g->cpu->kernels->tile * turned_stride(g) : 0;
}

/* The weights of panel j, terms [p, p + block). */
static const unsigned char *weights_at(const gemm *g, size_t j, size_t p) {
    const size_t column = j * g->cpu->kernels->panel;
    return g->w + (g->w_plain ? p * g->w_stride + column : column * g->w_stride + p) *
                      dtype_bytes(g->dtype);
}

static size_t columns_of(const gemm *g, size_t j) {
    return least(g->cpu->kernels->panel, g->n - j * g->cpu->kernels->panel);
}

static void pack_panel(const gemm *g, float *packed, size_t j, size_t p, size_t block) {
    const ec_cpu_kernels *kernels = g->cpu->kernels;
    if (g->w_plain)
        kernels->pack_columns(packed, weights_at(g, j, p), g->dtype, g->w_stride, columns_of(g, j),
                              block);
    else
        kernels->pack(packed, weights_at(g, j, p), g->dtype, g->w_stride, columns_of(g, j), block);
}

/* The packed panels of a task: block of k by block of k, panel by panel. */
static void pack_task(const gemm *g, float *packed, size_t first_panel, size_t panels) {
    for (size_t p = 0; p < g->k; p += g->block_k) {
        const size_t block = least(g->block_k, g->k - p);
        for (size_t j = 0; j < panels; j++) {
            pack_panel(g, packed, first_panel + j, p, block);
            packed += block * g->cpu->kernels->panel;
        }
    }
}

/* Rows of x, or of x^T. */
typedef struct {
    size_t first, n;
    float *turned; /* room for a block of x^T */
} x_rows;

/* Terms [p, p + n) of the rows, *stride apart. */
static const float *x_block(const gemm *g, const x_rows *rows, size_t p, size_t n, size_t *stride) {
    *stride = g->x_turned ? turned_stride(g) : g->x_stride;
    if (!g->x_turned) return g->x + rows->first * g->x_stride + p;
    g->cpu->kernels->transpose(rows->turned, *stride, g->x + p * g->x_stride + rows->first,
                               g->x_stride, n, rows->n);
    return rows->turned;
}

/* sums [rows][columns] = x [rows][k] * packed panels. */
static void multiply(const gemm *g, float *sums, const x_rows *rows, const float *packed,
                     size_t panels) {
    const size_t panel = g->cpu->kernels->panel;
    size_t stride;
    for (size_t p = 0; p < g->k; p += g->block_k) {
        const size_t block = least(g->block_k, g->k - p);
        const float *x = x_block(g, rows, p, block, &stride);
        for (size_t j = 0; j < panels; j++) {
            g->cpu->kernels->product(sums + j * panel, panels * panel, x, stride, packed, block,
                                     rows->n, p > 0);
            packed += block * panel;
        }
    }
}

/* Where rows are a multiple of 4 KB apart, a block of x has few places in the second cache. Then a
 * few rows at a time meet all panels, which are kept for the next ones. */
static size_t strip_rows(const gemm *g, const x_rows *rows) {
    enum { STRIP_TILES = 6, PAGE = 4096 };
    const bool collide = !g->x_turned && g->x_stride * sizeof(float) % PAGE == 0;
    return collide ? least(STRIP_TILES * g->cpu->kernels->tile, rows->n) : rows->n;
}

/* The weights that pack_panel reads after those of panel j, terms from p on. */
static ec_cpu_fetch weights_after(const gemm *g, size_t first_panel, size_t panels, size_t j,
                                  size_t p) {
    const size_t bytes = dtype_bytes(g->dtype);
    if (++j == first_panel + panels) j = first_panel, p += g->block_k;
    if (p >= g->k) return (ec_cpu_fetch){0};
    const size_t block = least(g->block_k, g->k - p), columns = columns_of(g, j);
    return (ec_cpu_fetch){weights_at(g, j, p), g->w_plain ? block : columns, g->w_stride * bytes,
                          (g->w_plain ? columns : block) * bytes};
}

/* As multiply, packing the panels if these are the first rows that need them, and keeping them if
 * others will. */
static void multiply_fetching(const gemm *g, float *sums, const x_rows *rows, float *packed,
                              size_t first_panel, size_t panels, bool packs, bool keeps) {
    const size_t panel = g->cpu->kernels->panel, strip = strip_rows(g, rows);
    size_t stride;
    for (size_t p = 0; p < g->k; p += g->block_k) {
        const size_t block = least(g->block_k, g->k - p);
        const float *x = x_block(g, rows, p, block, &stride);
        for (size_t r = 0; r < rows->n; r += strip) {
            for (size_t j = 0; j < panels; j++) {
                float *const here = packed + (keeps || strip < rows->n ? j * block * panel : 0);
                ec_cpu_fetch next = {0};
                if (packs && r == 0) {
                    pack_panel(g, here, first_panel + j, p, block);
                    next = weights_after(g, first_panel, panels, first_panel + j, p);
                } else if (!packs && r == 0) {
                    next = (ec_cpu_fetch){here + block * panel, panel, 4 * block, 4 * block};
                }
                g->cpu->kernels->product_fetching(sums + r * panels * panel + j * panel,
                                                  panels * panel, x + r * stride, stride, here,
                                                  block, least(strip, rows->n - r), p > 0, &next);
            }
        }
        if (keeps) packed += panels * block * panel;
    }
}

/* The same by way of wide sums [rows][columns]. */
static void multiply_wide(const gemm *g, float *sums, double *wide, const x_rows *rows,
                          const float *packed, size_t panels) {
    const size_t panel = g->cpu->kernels->panel;
    size_t stride;
    for (size_t p = 0; p < g->k; p += g->block_k) {
        const size_t block = least(g->block_k, g->k - p);
        const float *x = x_block(g, rows, p, block, &stride);
        for (size_t j = 0; j < panels; j++) {
            g->cpu->kernels->product_wide(wide + j * panel, panels * panel, x, stride, packed,
                                          block, rows->n, g->piece, p > 0);
            packed += block * panel;
        }
    }
    for (size_t i = 0; i < rows->n * panels * panel; i++) sums[i] = (float)wide[i];
}

/* n parameters from `first` on as f32, zeros after them to fill the panels; NULL gives zeros. */
static void parameters(const gemm *g, float *out, const ec_array *x, size_t first, size_t n) {
    memset(out, 0, task_columns(g) * sizeof *out);
    if (x == NULL) return;
    const unsigned char *from = x->at;
    g->cpu->kernels->to_f32(out, from + first * dtype_bytes(x->dtype), x->dtype, n);
}

static void run_task(void *context, size_t i, size_t worker) {
    const gemm *g = context;
    const size_t panel = g->cpu->kernels->panel, tile = g->cpu->kernels->tile;
    const size_t before = (g->row_tasks - 1) * g->column_tasks; /* tasks of the other rows */
    const bool last = i >= before;
    const size_t row = last ? g->row_tasks - 1 : i / g->column_tasks;
    const size_t column = last ? i - before : i % g->column_tasks;
    const size_t first_panel = last ? g->edge[column] : part(g->n_panels, column, g->column_tasks);
    const size_t panels =
        (last ? g->edge[column + 1] : part(g->n_panels, column + 1, g->column_tasks)) - first_panel;
    const size_t first_tile = part(g->n_tiles, row, g->row_tasks);
    const size_t tiles = part(g->n_tiles, row + 1, g->row_tasks) - first_tile;
    const size_t first = first_panel * panel, columns = least(panels * panel, g->n - first);

    float *const packed = g->cpu->buffer[worker].data;
    float *const sums = packed + packed_floats(g);
    double *const wide = (double *)(void *)(sums + sums_floats(g) / 3);
    float *const bias = sums + sums_floats(g);
    float *const scale = bias + task_columns(g);
    parameters(g, bias, g->epilogue.bias, first, columns);
    if (g->epilogue.scale != NULL) parameters(g, scale, g->epilogue.scale, first, columns);
    if (!g->fetches) pack_task(g, packed, first_panel, panels);

    const size_t blocks = ceil_div(tiles, g->block_tiles);
    for (size_t b = 0; b < blocks; b++) {
        const size_t from = (first_tile + part(tiles, b, blocks)) * tile;
        const size_t to = least((first_tile + part(tiles, b + 1, blocks)) * tile, g->m);
        const x_rows rows = {from, to - from, scale + task_columns(g)};
        if (g->piece > 0)
            multiply_wide(g, sums, wide, &rows, packed, panels);
        else if (g->fetches)
            multiply_fetching(g, sums, &rows, packed, first_panel, panels, b == 0, blocks > 1);
        else
            multiply(g, sums, &rows, packed, panels);
        const size_t at = from * g->y_stride + first;
        const float *residual =
            g->epilogue.residual != NULL ? ec_cpu_floats(*g->epilogue.residual) : NULL;
        g->cpu->kernels->epilogue(g->y + at, residual != NULL ? residual + at : NULL, g->y_stride,
                                  sums, panels * panel, to - from, columns, bias,
                                  g->epilogue.scale != NULL ? scale : NULL, g->epilogue.activation);
    }
}

ec_status ec_cpu_product(void *self, const ec_product *work) {
    ec_cpu *cpu = self;
    const size_t k = work->a_transposed ? ec_array_height(work->a) : ec_array_width(work->a);
    assert(work->epilogue.residual == NULL || work->epilogue.residual->stride == work->y.stride);
    gemm g = {.cpu = cpu,
              .y = ec_cpu_floats(work->y),
              .x = ec_cpu_floats(work->a),
              .y_stride = work->y.stride,
              .x_stride = work->a.stride,
              .w_stride = work->b.stride,
              .m = ec_array_height(work->y),
              .n = ec_array_width(work->y),
              .k = k,
              .w = work->b.at,
              .dtype = work->b.dtype,
              .x_turned = work->a_transposed,
              .w_plain = !work->b_transposed,
              .epilogue = work->epilogue,
              .piece = work->wide_sums ? wide_piece(k) : 0};
    if (g.m == 0 || g.n == 0) return EC_OK;
    assert(k > 0);
    g.fetches = cpu->kernels->product_fetching != NULL && g.piece == 0;
    plan(&g);
    if (!ec_cpu_buffer_grow(&cpu->shared, (g.n_panels + 1) * sizeof *g.edge)) return EC_ERR_NOMEM;
    g.edge = (size_t *)(void *)cpu->shared.data;
    plan_last(&g);
    const size_t floats =
        packed_floats(&g) + sums_floats(&g) + 2 * task_columns(&g) + turned_floats(&g);
    if (!ec_cpu_reserve(cpu, floats * sizeof(float))) return EC_ERR_NOMEM;
    ec_pool_run(cpu->pool, (g.row_tasks - 1) * g.column_tasks + g.last_tasks, run_task, &g);
    return EC_OK;
}
