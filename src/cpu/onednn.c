/* onednn.c - products and convolutions by oneDNN, on request; some convolutions without
 *
 *     onednn        in f32, also where DNNL_DEFAULT_FPMATH_MODE allows less
 *     onednn-bf16   operands are rounded to bf16 (to nearest, ties to even), sums are f32
 *
 * Beside the AVX-512 kernels it computes the convolutions that it is faster with, in f32, though
 * nobody asked for oneDNN.
 *
 * Where the processor multiplies bf16 (AVX512-BF16, AMX), oneDNN does that; elsewhere the rounded
 * operands are multiplied in f32.
 *
 * A product is a convolution of m pixels with kernels of one pixel, so there is one path:
 *
 *     cut      y into bands of rows and chunks of channels
 *     pack     W's chunks into the order that oneDNN's kernel for such a piece reads
 *     sums     a piece by that kernel
 *     y        = epilogue(sums), by our own kernels, as are norms, attention and wide sums
 *
 * oneDNN would take threads from OpenMP, and promises the same bits only for the same number of
 * them. So it gets one: pieces depend on the operation's sizes alone, the pool's threads take them,
 * and oneDNN works on each by itself. Results are the same for any number of threads, and
 * ThreadSanitizer sees every thread there is.
 *
 * The C interfaces of oneDNN 2 and 3 differ; what differs stands in the first section.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "cpu/cpu.h"
#include "cpu/cut.h"

enum { CHUNK = 256, BAND_PIXELS = 512 }; /* of a piece; the last of each may have fewer */
enum { MAX_KERNELS = 64, MAX_CALL_KERNELS = 16 };

/* What oneDNN calls a piece: x [1, in, h, w], w [out, in, kernel y, x], y [1, out, h, w]. Places
 * past these are zero, so that shapes can be compared as bytes. */
typedef struct {
    dnnl_dims_t x, w, y, stride, before, after;
} piece_shape;

/* oneDNN's code for pieces of one shape. */
typedef struct {
    piece_shape shape;
    dnnl_primitive_t run, pack;
} kernel;

typedef struct {
    ec_cpu cpu; /* first: what ec_cpu_table() names takes this for an ec_cpu */
    ec_cpu_buffer packed;
    dnnl_engine_t engine;
    dnnl_primitive_attr_t attributes;
    dnnl_stream_t *stream; /* [ec_pool_size()] */
    bool rounds;
    bool helps;            /* own kernels, with convolutions alone */
    dnnl_data_type_t type; /* of operands */
    kernel kernels[MAX_KERNELS];
    size_t n_kernels;
    char fault[300]; /* what failed last, in words */
} onednn;

/* ---- what failed ---- */

static const char *status_name(dnnl_status_t status) {
    switch (status) {
    case dnnl_success:
        return "success";
    case dnnl_out_of_memory:
        return "out of memory";
    case dnnl_invalid_arguments:
        return "invalid arguments";
    case dnnl_unimplemented:
        return "unimplemented";
    case dnnl_runtime_error:
        return "runtime error";
    default:
        return "another status";
    }
}

/* Whether a call succeeded; if not, it is what failed last. */
static bool succeeds(onednn *o, dnnl_status_t status, const char *function) {
    if (status == dnnl_success) return true;
    snprintf(o->fault, sizeof o->fault,
             "%s of oneDNN %s failed (status %d: %s); %s "
             "eyechart's own kernels compute this",
             function, ec_onednn_version(), (int)status, status_name(status),
             o->helps ? "with --device cpu:avx2" : "without --device cpu:onednn and --math bf16");
    return false;
}

static const char *onednn_fault(const void *self) {
    return ((const onednn *)self)->fault;
}

/* Calls that tasks make, which remember the first failure of an operation: the call, and what it
 * returned. */
typedef enum { STEP_NONE, STEP_MEMORY, STEP_EXECUTE, STEP_WAIT } task_step;

enum { STATUS_RANGE = 1000 };

static int failure_of(task_step where, dnnl_status_t status) {
    return (int)where * STATUS_RANGE + (int)status;
}

/* Of what failure_of gave. */
static ec_status fail_in_task(onednn *o, int failure) {
    static const char *const functions[] = {"", "dnnl_memory_create", "dnnl_primitive_execute",
                                            "dnnl_stream_wait"};
    const dnnl_status_t status = (dnnl_status_t)(failure % STATUS_RANGE);
    succeeds(o, status, functions[failure / STATUS_RANGE]);
    return status == dnnl_out_of_memory ? EC_ERR_NOMEM : EC_ERR_DEVICE;
}

/* ---- oneDNN 2 and 3 ---- */

#if DNNL_VERSION_MAJOR < 3
typedef const dnnl_memory_desc_t *layout;
#define LAYOUT(desc) (&(desc))
#define layout_by_tag dnnl_memory_desc_init_by_tag
#define layout_free(desc) ((void)(desc))
#else
typedef const_dnnl_memory_desc_t layout;
#define LAYOUT(desc) (desc)
#define layout_by_tag dnnl_memory_desc_create_with_tag
#define layout_free(desc) dnnl_memory_desc_destroy(desc)
#endif

static dnnl_status_t describe(dnnl_primitive_desc_t *out, const onednn *o, const piece_shape *s,
                              layout x, layout w, layout y) {
#if DNNL_VERSION_MAJOR < 3
    dnnl_convolution_desc_t d;
    const dnnl_status_t status =
        dnnl_convolution_forward_desc_init(&d, dnnl_forward_inference, dnnl_convolution_direct, x,
                                           w, NULL, y, s->stride, s->before, s->after);
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(out, &d, o->attributes, o->engine, NULL);
#else
    const dnnl_dims_t dilation = {0, 0};
    return dnnl_convolution_forward_primitive_desc_create(
        out, o->engine, dnnl_forward_inference, dnnl_convolution_direct, x, w, NULL, y, s->stride,
        dilation, s->before, s->after, o->attributes);
#endif
}

/* ---- one thread ---- */

/* OpenMP's, declared here since its header comes with only one of the two compilers. They concern
 * the calling thread alone. */
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int);

static int work_alone(void) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

/* ---- kernels ---- */

static layout layout_of(dnnl_primitive_t primitive, dnnl_query_t which) {
    const_dnnl_primitive_desc_t desc;
    dnnl_primitive_get_primitive_desc(primitive, &desc);
    return dnnl_primitive_desc_query_md(desc, which, 0);
}

static size_t bytes_of(dnnl_primitive_t primitive, dnnl_query_t which) {
    return dnnl_memory_desc_get_size(layout_of(primitive, which));
}

/* oneDNN's plain loops. */
static bool is_plain(const_dnnl_primitive_desc_t desc) {
    const char *name = "";
    dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, (void *)&name);
    return strncmp(name, "ref", 3) == 0;
}

/* NULL: there is none but plain loops, and those will not do; or o->fault says why. */
static dnnl_primitive_t make_run(onednn *o, const piece_shape *s, bool plain_will_do) {
    static const char describing[] = "describing a convolution's memory";
    dnnl_memory_desc_t x, w, y;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t run = NULL;
    if (!succeeds(o, layout_by_tag(&x, 4, s->x, o->type, dnnl_nhwc), describing)) return NULL;
    if (!succeeds(o, layout_by_tag(&w, 4, s->w, o->type, dnnl_format_tag_any), describing))
        goto no_w;
    if (!succeeds(o, layout_by_tag(&y, 4, s->y, dnnl_f32, dnnl_nhwc), describing)) goto no_y;
    if (succeeds(o, describe(&desc, o, s, LAYOUT(x), LAYOUT(w), LAYOUT(y)),
                 "describing a convolution") &&
        (plain_will_do || !is_plain(desc)))
        succeeds(o, dnnl_primitive_create(&run, desc), "dnnl_primitive_create of a convolution");
    dnnl_primitive_desc_destroy(desc);
    layout_free(y);
no_y:
    layout_free(w);
no_w:
    layout_free(x);
    return run;
}

/* From PyTorch's [out, in, y, x] to what run wants; NULL: o->fault says why. */
static dnnl_primitive_t make_pack(onednn *o, const kernel *k) {
    dnnl_memory_desc_t from;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t pack = NULL;
    if (!succeeds(o, layout_by_tag(&from, 4, k->shape.w, o->type, dnnl_oihw),
                  "describing a reorder's memory"))
        return NULL;
    const layout to = layout_of(k->run, dnnl_query_weights_md);
    if (succeeds(o,
                 dnnl_reorder_primitive_desc_create(&desc, LAYOUT(from), o->engine, to, o->engine,
                                                    o->attributes),
                 "dnnl_reorder_primitive_desc_create"))
        succeeds(o, dnnl_primitive_create(&pack, desc), "dnnl_primitive_create of a reorder");
    dnnl_primitive_desc_destroy(desc);
    layout_free(from);
    return pack;
}

static const kernel *kernel_find(const onednn *o, const piece_shape *shape) {
    for (size_t i = 0; i < o->n_kernels; i++)
        if (memcmp(&o->kernels[i].shape, shape, sizeof *shape) == 0) return &o->kernels[i];
    return NULL;
}

static void kernels_drop(onednn *o) {
    for (; o->n_kernels > 0; o->n_kernels--) {
        dnnl_primitive_destroy(o->kernels[o->n_kernels - 1].run);
        dnnl_primitive_destroy(o->kernels[o->n_kernels - 1].pack);
    }
}

/* Made if it is not there; NULL as make_run, or when there are too many. */
static const kernel *kernel_get(onednn *o, const piece_shape *shape, bool plain_will_do) {
    const kernel *found = kernel_find(o, shape);
    if (found != NULL || o->n_kernels == MAX_KERNELS) return found;
    kernel *k = &o->kernels[o->n_kernels];
    const int threads = work_alone();
    *k = (kernel){.shape = *shape, .run = make_run(o, shape, plain_will_do)};
    if (k->run != NULL) k->pack = make_pack(o, k);
    omp_set_num_threads(threads);
    if (k->pack != NULL) {
        o->n_kernels++;
        return k;
    }
    dnnl_primitive_destroy(k->run);
    return NULL;
}

static int run_on(dnnl_stream_t stream, dnnl_primitive_t primitive, int n,
                  const dnnl_exec_arg_t *argument) {
    dnnl_status_t status = dnnl_primitive_execute(primitive, stream, n, argument);
    if (status != dnnl_success) return failure_of(STEP_EXECUTE, status);
    status = dnnl_stream_wait(stream);
    return status == dnnl_success ? 0 : failure_of(STEP_WAIT, status);
}

/* y = primitive(x, w); w NULL: a reorder. Returns 0, or what failed, as failure_of has it. */
static int execute(const onednn *o, size_t worker, dnnl_primitive_t primitive, const void *x,
                   const void *w, void *y, void *scratch) {
    const struct {
        int name;
        dnnl_query_t layout;
        const void *data;
    } all[] = {{DNNL_ARG_SRC, dnnl_query_src_md, x},
               {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, w},
               {DNNL_ARG_DST, dnnl_query_dst_md, y},
               {DNNL_ARG_SCRATCHPAD, dnnl_query_scratchpad_md, scratch}};
    dnnl_exec_arg_t argument[4];
    int n = 0, failure = 0;
    for (size_t i = 0; i < 4 && failure == 0; i++) {
        if (all[i].data == NULL || bytes_of(primitive, all[i].layout) == 0) continue;
        argument[n].arg = all[i].name;
        const dnnl_status_t made =
            dnnl_memory_create(&argument[n].memory, layout_of(primitive, all[i].layout), o->engine,
                               (void *)(uintptr_t)all[i].data);
        if (made != dnnl_success) failure = failure_of(STEP_MEMORY, made);
        n += made == dnnl_success;
    }
    const int threads = work_alone();
    if (failure == 0) failure = run_on(o->stream[worker], primitive, n, argument);
    omp_set_num_threads(threads);
    while (n > 0) dnnl_memory_destroy(argument[--n].memory);
    return failure;
}

/* ---- operands ---- */

/* To bf16's bits and 16 more: to nearest, ties to even; a NaN stays one. */
static uint32_t round_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return bits | 0x400000;
    return bits + 0x7fff + (bits >> 16 & 1);
}

/* n operands, as wide as oneDNN takes them. */
static void round_operands(const onednn *o, void *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = round_bits(in[i]), wide = bits & 0xffff0000;
        const uint16_t narrow = (uint16_t)(bits >> 16);
        if (o->type == dnnl_bf16)
            memcpy((uint16_t *)out + i, &narrow, sizeof narrow);
        else
            memcpy((uint32_t *)out + i, &wide, sizeof wide);
    }
}

static size_t operand_size(const onednn *o) {
    return o->type == dnnl_bf16 ? 2 : 4;
}

/* So many floats that the next ones begin a cache line. */
static size_t line(size_t floats) {
    return ceil_div(floats, 16) * 16;
}

/* ---- a call, cut into pieces ---- */

typedef struct {
    onednn *o;
    const ec_conv_shape *s;
    float *y;
    const float *x;
    ec_array w; /* [out, in * kernel_y * kernel_x] */
    const ec_epilogue *epilogue;

    const unsigned char *operand; /* x as oneDNN takes it, pixels dense */
    size_t bands, band_rows, chunks;
    const kernel *slot[MAX_CALL_KERNELS]; /* one for each order of packed weights */
    size_t n_slots;
    size_t packed_floats, scratch_floats; /* of a chunk; of a worker */
    float *packed;                        /* [n_slots][chunks][packed_floats] */
    atomic_int failure;                   /* the first one of a task; 0: none */
} call;

static void keep_failure(call *c, int failure) {
    int none = 0;
    if (failure != 0) atomic_compare_exchange_strong(&c->failure, &none, failure);
}

typedef struct {
    size_t row, rows, in_row, in_rows; /* in_rows 0: it sees padding alone */
    size_t channel, channels;
    piece_shape shape;
} piece;

static piece cut(const call *c, size_t band, size_t chunk) {
    const ec_conv_shape *s = c->s;
    const ec_conv_steps *t = &s->steps;
    piece p = {.row = band * c->band_rows, .channel = chunk * CHUNK};
    p.rows = least(s->out_height - p.row, c->band_rows);
    p.channels = least(s->out - p.channel, CHUNK);
    /* The rows it sees, counted from the top of the padding. */
    const size_t from = p.row * t->stride_y, to = from + (p.rows - 1) * t->stride_y + s->kernel_y;
    const size_t across = (s->out_width - 1) * t->stride_x + s->kernel_x;
    p.in_row = from > t->top ? from - t->top : 0;
    const size_t end = to > t->top ? least(to - t->top, s->height) : 0;
    p.in_rows = end > p.in_row ? end - p.in_row : 0;

    const size_t x[] = {1, s->in, p.in_rows, s->width};
    const size_t w[] = {p.channels, s->in, s->kernel_y, s->kernel_x};
    const size_t y[] = {1, p.channels, p.rows, s->out_width};
    for (int i = 0; i < 4; i++) {
        p.shape.x[i] = (dnnl_dim_t)x[i];
        p.shape.w[i] = (dnnl_dim_t)w[i];
        p.shape.y[i] = (dnnl_dim_t)y[i];
    }
    p.shape.stride[0] = (dnnl_dim_t)t->stride_y;
    p.shape.stride[1] = (dnnl_dim_t)t->stride_x;
    p.shape.before[0] = (dnnl_dim_t)(t->top > from ? t->top - from : 0);
    p.shape.before[1] = (dnnl_dim_t)t->left;
    p.shape.after[0] = (dnnl_dim_t)(to > t->top + s->height ? to - t->top - s->height : 0);
    p.shape.after[1] = (dnnl_dim_t)(across > t->left + s->width ? across - t->left - s->width : 0);
    return p;
}

static size_t slot_of(const call *c, const kernel *k) {
    const layout wanted = layout_of(k->run, dnnl_query_weights_md);
    size_t i = 0;
    while (i < c->n_slots &&
           !dnnl_memory_desc_equal(layout_of(c->slot[i]->run, dnnl_query_weights_md), wanted))
        i++;
    return i;
}

/* Makes the kernels of all pieces. False: oneDNN is of no use here, o->fault says why. */
static bool prepare(call *c, bool plain_will_do) {
    onednn *o = c->o;
    size_t packed = 0, scratch = 0;
    if (o->n_kernels + MAX_CALL_KERNELS > MAX_KERNELS) kernels_drop(o);
    snprintf(o->fault, sizeof o->fault, "oneDNN %s has no kernel for it", ec_onednn_version());
    const size_t last = c->chunks - 1, step = last > 0 ? last : 1;
    for (size_t i = 0; i < c->bands; i++)
        for (size_t chunk = 0; chunk <= last; chunk += step) { /* those between are as the first */
            const piece p = cut(c, i, chunk);
            if (p.in_rows == 0) continue;
            const kernel *k = kernel_get(o, &p.shape, plain_will_do);
            if (k == NULL) return false;
            const size_t slot = slot_of(c, k);
            if (slot == MAX_CALL_KERNELS) return false;
            if (slot == c->n_slots) c->slot[c->n_slots++] = k;
            const size_t bytes[] = {bytes_of(k->run, dnnl_query_weights_md),
                                    bytes_of(k->run, dnnl_query_scratchpad_md),
                                    bytes_of(k->pack, dnnl_query_scratchpad_md)};
            if (bytes[0] > packed) packed = bytes[0];
            if (bytes[1] > scratch) scratch = bytes[1];
            if (bytes[2] > scratch) scratch = bytes[2];
        }
    c->packed_floats = line(ceil_div(packed, sizeof(float)));
    c->scratch_floats = line(ceil_div(scratch, sizeof(float)));
    return true;
}

/* Where an operand lies that is not as oneDNN wants it: [scratch | a row | operands]. */
static void pack_task(void *context, size_t i, size_t worker) {
    call *c = context;
    const onednn *o = c->o;
    const size_t slot = i / c->chunks, first = i % c->chunks * CHUNK;
    const size_t k = c->s->in * c->s->kernel_y * c->s->kernel_x;
    const size_t rows = least(c->s->out - first, CHUNK), size = ec_dtype_size(c->w.dtype);
    const size_t step = c->w.stride * size;
    if (c->slot[slot]->shape.w[0] != (dnnl_dim_t)rows) return; /* another's chunk */
    float *const scratch = o->cpu.buffer[worker].data, *const row = scratch + c->scratch_floats;
    unsigned char *const operands = (unsigned char *)(row + line(k));
    const unsigned char *from = (const unsigned char *)c->w.at + first * step;
    const ec_dtype wanted = o->type == dnnl_bf16 ? EC_BF16 : EC_F32;
    const void *w = from;
    if (c->w.dtype != wanted || (uintptr_t)from % size != 0 || c->w.stride != k ||
        (o->rounds && wanted == EC_F32)) {
        for (size_t j = 0; j < rows; j++) {
            unsigned char *to = operands + j * k * operand_size(o);
            o->cpu.kernels->to_f32(row, from + j * step, c->w.dtype, k);
            if (o->rounds)
                round_operands(o, to, row, k);
            else
                memcpy(to, row, k * sizeof *row);
        }
        w = operands;
    }
    keep_failure(c, execute(o, worker, c->slot[slot]->pack, w, NULL,
                            c->packed + i * c->packed_floats, scratch));
}

/* n parameters from `first` on, and zeros to whole vectors; no array: zeros. */
static void parameters(const call *c, float *out, const ec_array *p, size_t first, size_t n) {
    memset(out, 0, line(n) * sizeof *out);
    if (p == NULL) return;
    const unsigned char *from = p->at;
    c->o->cpu.kernels->to_f32(out, from + first * ec_dtype_size(p->dtype), p->dtype, n);
}

/* [scratch | bias | scale | sums, and a vector past them] */
static void piece_task(void *context, size_t i, size_t worker) {
    call *c = context;
    const onednn *o = c->o;
    const ec_conv_shape *s = c->s;
    const ec_epilogue *e = c->epilogue;
    const size_t chunk = i % c->chunks, band = i / c->chunks % c->bands;
    const size_t image = i / c->chunks / c->bands;
    const piece p = cut(c, band, chunk);
    float *const scratch = o->cpu.buffer[worker].data, *const bias = scratch + c->scratch_floats;
    float *const scale = bias + CHUNK, *const sums = scale + CHUNK;
    if (p.in_rows == 0) {
        memset(sums, 0, p.rows * s->out_width * p.channels * sizeof *sums);
    } else {
        const kernel *k = kernel_find(o, &p.shape);
        const size_t pixel = (image * s->height + p.in_row) * s->width;
        const float *packed = c->packed + (slot_of(c, k) * c->chunks + chunk) * c->packed_floats;
        keep_failure(c, execute(o, worker, k->run, c->operand + pixel * s->in * operand_size(o),
                                packed, sums, scratch));
    }
    parameters(c, bias, e->bias, p.channel, p.channels);
    parameters(c, scale, e->scale, p.channel, p.channels);
    const size_t at = (image * s->out_height + p.row) * s->out_width * s->y_stride + p.channel;
    o->cpu.kernels->epilogue(c->y + at,
                             e->residual != NULL ? ec_cpu_floats(*e->residual) + at : NULL,
                             s->y_stride, sums, p.channels, p.rows * s->out_width, p.channels, bias,
                             e->scale != NULL ? scale : NULL, e->activation);
}

/* Pixels as oneDNN takes them: rounded, and one directly after the other. */
static void pixels_task(void *context, size_t i, size_t worker) {
    (void)worker;
    const call *c = context;
    const size_t n = c->s->in, size = operand_size(c->o);
    unsigned char *out = (unsigned char *)c->o->cpu.shared.data;
    for (size_t j = i * c->s->width; j < (i + 1) * c->s->width; j++)
        if (c->o->rounds)
            round_operands(c->o, out + j * n * size, c->x + j * c->s->x_stride, n);
        else
            memcpy(out + j * n * size, c->x + j * c->s->x_stride, n * size);
}

static ec_status compute(call *c) {
    onednn *o = c->o;
    const ec_conv_shape *s = c->s;
    const size_t k = s->in * s->kernel_y * s->kernel_x, rows = s->n * s->height;
    const size_t sums = c->band_rows * s->out_width * CHUNK + EC_CPU_MAX_LANES;
    const size_t more = most(line(k) + CHUNK * k, 2 * CHUNK + sums);
    const size_t packed = c->n_slots * c->chunks * c->packed_floats;
    if (!ec_cpu_reserve(&o->cpu, (c->scratch_floats + more) * sizeof(float)) ||
        !ec_cpu_buffer_grow(&o->packed, packed * sizeof(float)))
        return EC_ERR_NOMEM;
    c->packed = o->packed.data;
    c->operand = (const unsigned char *)c->x;
    if (o->rounds || s->x_stride != s->in) {
        if (!ec_cpu_buffer_grow(&o->cpu.shared, rows * s->width * s->in * sizeof(float)))
            return EC_ERR_NOMEM;
        ec_pool_run(o->cpu.pool, rows, pixels_task, c);
        c->operand = (const unsigned char *)o->cpu.shared.data;
    }
    ec_pool_run(o->cpu.pool, c->n_slots * c->chunks, pack_task, c);
    ec_pool_run(o->cpu.pool, s->n * c->bands * c->chunks, piece_task, c);
    const int failure = atomic_load(&c->failure);
    return failure != 0 ? fail_in_task(o, failure) : EC_OK;
}

static call call_of(onednn *o, ec_array y, ec_array x, const ec_conv_shape *s, ec_array w,
                    const ec_epilogue *epilogue) {
    call c = {
        .o = o, .s = s, .y = ec_cpu_floats(y), .x = ec_cpu_floats(x), .w = w, .epilogue = epilogue};
    c.band_rows = least(ceil_div(BAND_PIXELS, s->out_width), s->out_height);
    c.bands = ceil_div(s->out_height, c.band_rows);
    c.chunks = ceil_div(s->out, CHUNK);
    return c;
}

/* ---- the operations ---- */

/* Forward products alone: those of backward passes are summed over what oneDNN calls pixels. */
static bool is_forward(const ec_product *p) {
    return !p->a_transposed && p->b_transposed && !p->wide_sums;
}

static ec_status onednn_product(void *self, const ec_product *p) {
    onednn *o = self;
    const size_t m = ec_array_height(p->y), n = ec_array_width(p->y), k = ec_array_width(p->a);
    if (!is_forward(p)) return ec_cpu_product(o, p);
    if (m == 0 || n == 0) return EC_OK;
    assert(k > 0);
    const ec_conv_shape s = {.n = 1,
                             .height = m,
                             .width = 1,
                             .in = k,
                             .out = n,
                             .kernel_y = 1,
                             .kernel_x = 1,
                             .out_height = m,
                             .out_width = 1,
                             .x_stride = p->a.stride,
                             .y_stride = p->y.stride,
                             .steps = {.stride_y = 1, .stride_x = 1}};
    call c = call_of(o, p->y, p->a, &s, p->b, &p->epilogue);
    if (prepare(&c, o->rounds)) return compute(&c);
    return o->rounds ? EC_ERR_DEVICE : ec_cpu_product(o, p);
}

/* False: oneDNN has only plain loops for this convolution. */
static bool convolve(ec_status *status, onednn *o, const ec_conv *work) {
    const ec_conv_shape s = ec_cpu_conv_shape(work);
    const size_t k = s.in * s.kernel_y * s.kernel_x;
    *status = EC_OK;
    if (s.n == 0 || s.out == 0) return true;
    call c = call_of(o, work->y, work->x, &s, ec_array_as(work->w, 2, (size_t[]){s.out, k}),
                     &work->epilogue);
    if (!prepare(&c, false)) return false;
    *status = compute(&c);
    return true;
}

static ec_status onednn_conv2d(void *self, const ec_conv *work) {
    onednn *o = self;
    ec_status status;
    if (convolve(&status, o, work)) return status;
    return ec_cpu_conv2d_by(onednn_product, &o->cpu, work);
}

static bool start(onednn *o);

/* What oneDNN was measured to compute faster than the AVX-512 kernels (perf/README.md): windows
 * that overlap, of many channels. A rule, not a race, so that the bits do not depend on the load.
 */
static bool is_faster(const ec_conv_shape *s) {
    enum { MANY = 16 };
    const ec_conv_steps *t = &s->steps;
    return s->in >= MANY && (t->stride_y < s->kernel_y || t->stride_x < s->kernel_x);
}

/* oneDNN starts with the first convolution: few encoders have one. */
static ec_status helping_conv2d(void *self, const ec_conv *work) {
    onednn *o = self;
    const ec_conv_shape s = ec_cpu_conv_shape(work);
    ec_status status;
    if (!is_faster(&s)) return ec_cpu_conv2d(o, work);
    if (o->stream == NULL && !start(o)) return *o->fault != '\0' ? EC_ERR_DEVICE : EC_ERR_NOMEM;
    return convolve(&status, o, work) ? status : ec_cpu_conv2d(o, work);
}

/* ---- life ---- */

static void onednn_free(void *self) {
    onednn *o = self;
    if (o == NULL) return;
    kernels_drop(o);
    for (size_t i = 0; o->stream != NULL && i < ec_pool_size(o->cpu.pool); i++)
        if (o->stream[i] != NULL) dnnl_stream_destroy(o->stream[i]);
    free(o->stream);
    if (o->attributes != NULL) dnnl_primitive_attr_destroy(o->attributes);
    if (o->engine != NULL) dnnl_engine_destroy(o->engine);
    free(o->packed.data);
    ec_cpu_release(&o->cpu);
    free(o);
}

/* False: o->fault says why; it is empty where memory ran out. */
static bool start(onednn *o) {
    o->stream = calloc(ec_pool_size(o->cpu.pool), sizeof *o->stream);
    bool done =
        o->stream != NULL &&
        succeeds(o, dnnl_engine_create(&o->engine, dnnl_cpu, 0), "dnnl_engine_create") &&
        succeeds(o, dnnl_primitive_attr_create(&o->attributes), "dnnl_primitive_attr_create") &&
        succeeds(o,
                 dnnl_primitive_attr_set_scratchpad_mode(o->attributes, dnnl_scratchpad_mode_user),
                 "dnnl_primitive_attr_set_scratchpad_mode") &&
        succeeds(o, dnnl_primitive_attr_set_fpmath_mode(o->attributes, dnnl_fpmath_mode_strict),
                 "dnnl_primitive_attr_set_fpmath_mode");
    for (size_t i = 0; done && i < ec_pool_size(o->cpu.pool); i++)
        done = succeeds(o, dnnl_stream_create(&o->stream[i], o->engine, dnnl_stream_default_flags),
                        "dnnl_stream_create");
    return done;
}

#define TEXT(x) #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *ec_onednn_version(void) {
    return VERSION(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
}

bool ec_onednn_has_bf16(void) {
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
           dnnl_cpu_isa_avx512_core_bf16;
}

bool ec_onednn_has_amx(void) {
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_amx) ==
           dnnl_cpu_isa_avx512_core_amx;
}

bool ec_onednn_helps(const char *isa) {
    return strcmp(isa, "avx512") == 0;
}

ec_status ec_onednn_helper_new(ec_backend *out, const char *isa, size_t n_threads, ec_error *err) {
    *out = (ec_backend){0};
    onednn *o = calloc(1, sizeof *o);
    if (o == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for a CPU backend");
    o->helps = true;
    o->type = dnnl_f32;
    const ec_status status = ec_cpu_init(&o->cpu, isa, n_threads, err);
    if (status != EC_OK) {
        onednn_free(o);
        return status;
    }
    *out = ec_cpu_table();
    out->name = o->cpu.kernels->name;
    out->n_threads = n_threads;
    out->fault = onednn_fault;
    out->conv2d = helping_conv2d;
    out->free = onednn_free;
    out->self = o;
    return EC_OK;
}

ec_status ec_onednn_backend_new(ec_backend *out, bool rounds, size_t n_threads, ec_error *err) {
    *out = (ec_backend){0};
    onednn *o = calloc(1, sizeof *o);
    if (o == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for a CPU backend");
    o->rounds = rounds;
    o->type = o->rounds && ec_onednn_has_bf16() ? dnnl_bf16 : dnnl_f32;
    ec_status status = ec_cpu_init(&o->cpu, NULL, n_threads, err);
    if (status == EC_OK && !start(o))
        status = *o->fault != '\0' ? ec_fail(err, EC_ERR_DEVICE, "%s", o->fault)
                                   : ec_fail(err, EC_ERR_NOMEM, "no memory for oneDNN");
    if (status != EC_OK) {
        onednn_free(o);
        return status;
    }
    *out = ec_cpu_table();
    out->name = o->rounds ? "onednn-bf16" : "onednn";
    if (o->rounds) out->math = "bf16";
    out->n_threads = n_threads;
    out->row_gap = 0;
    out->fault = onednn_fault;
    out->product = onednn_product;
    out->conv2d = onednn_conv2d;
    out->free = onednn_free;
    out->self = o;
    return EC_OK;
}
