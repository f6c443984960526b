/* backend.c - the CPU's table: choice of kernels, caches, threads, memory */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "cpu/cpu.h"

/* ---- which kernels ---- */

#if defined(__x86_64__)
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

const ec_cpu_kernels *ec_cpu_kernels_find(const char *isa) {
#if defined(__x86_64__)
    if ((isa == NULL || strcmp(isa, "avx512") == 0) && has_avx512()) return &ec_cpu_kernels_avx512;
    if ((isa == NULL || strcmp(isa, "avx2") == 0) && has_avx2()) return &ec_cpu_kernels_avx2;
#endif
    if (isa == NULL || strcmp(isa, "portable") == 0) return &ec_cpu_kernels_portable;
    return NULL;
}

/* ---- memory ---- */

enum { HUGE_PAGE = 2 << 20, CACHE_LINE = 64 };

/* Fewer page faults and address translations where the system gives huge pages; where it refuses,
 * nothing is lost. */
static void *take(size_t size_bytes) {
    const size_t unit = size_bytes >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
    if (size_bytes > SIZE_MAX / 2) return NULL;
    size_bytes = (size_bytes + unit - 1) / unit * unit;
    void *at = aligned_alloc(unit, size_bytes > 0 ? size_bytes : unit);
    if (at != NULL && unit == HUGE_PAGE) madvise(at, size_bytes, MADV_HUGEPAGE);
    return at;
}

bool ec_cpu_buffer_grow(ec_cpu_buffer *buffer, size_t size_bytes) {
    if (size_bytes <= buffer->size_bytes) return true;
    free(buffer->data); /* what was in it is of no use to the next call */
    buffer->data = take(size_bytes);
    buffer->size_bytes = buffer->data != NULL ? size_bytes : 0;
    return buffer->data != NULL;
}

static void *cpu_take(void *self, size_t bytes) {
    (void)self;
    return take(bytes);
}

static void cpu_give(void *self, void *at, size_t bytes) {
    (void)self;
    (void)bytes;
    free(at);
}

static ec_status cpu_copy(void *self, void *to, size_t to_step, const void *from, size_t from_step,
                          size_t bytes, size_t rows, ec_direction way) {
    (void)self;
    (void)way;
    for (size_t i = 0; i < rows; i++)
        memcpy((char *)to + i * to_step, (const char *)from + i * from_step, bytes);
    return EC_OK;
}

bool ec_cpu_reserve(ec_cpu *cpu, size_t size_bytes) {
    for (size_t i = 0; i < ec_pool_size(cpu->pool); i++)
        if (!ec_cpu_buffer_grow(&cpu->buffer[i], size_bytes)) return false;
    return true;
}

static size_t cache_bytes(int name, size_t otherwise) {
    const long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : otherwise;
}

/* ---- pieces of rows ---- */

enum { PIECE_FLOATS = 16384 };

typedef struct {
    size_t rows, step;
    void (*work)(void *context, size_t first, size_t n);
    void *context;
} over_rows;

static void rows_task(void *context, size_t i, size_t worker) {
    (void)worker;
    const over_rows *o = context;
    const size_t first = i * o->step, left = o->rows - first;
    o->work(o->context, first, left < o->step ? left : o->step);
}

void ec_cpu_over_rows(ec_cpu *cpu, size_t rows, size_t row_floats,
                      void (*work)(void *context, size_t first, size_t n), void *context) {
    const size_t step = PIECE_FLOATS / (row_floats + 1);
    over_rows o = {rows, step > 0 ? step : 1, work, context};
    ec_pool_run(cpu->pool, (rows + o.step - 1) / o.step, rows_task, &o);
}

/* ---- life ---- */

void ec_cpu_release(ec_cpu *cpu) {
    const size_t n = cpu->pool != NULL ? ec_pool_size(cpu->pool) : 0;
    ec_pool_free(cpu->pool);
    for (size_t i = 0; cpu->buffer != NULL && i < n; i++) free(cpu->buffer[i].data);
    free(cpu->buffer);
    free(cpu->shared.data);
    free(cpu->columns.data);
    *cpu = (ec_cpu){0};
}

ec_status ec_cpu_init(ec_cpu *cpu, const char *isa, size_t n_threads, ec_error *err) {
    *cpu = (ec_cpu){.kernels = ec_cpu_kernels_find(isa)};
    if (cpu->kernels == NULL)
        return ec_fail(err, EC_ERR_ARG,
                       "instruction set '%.32s': this processor does not have it, or there is none "
                       "of this name; expected portable, avx2 or avx512",
                       isa);
    cpu->l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10);
    cpu->l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10);
    cpu->l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE, 4 << 20);
    ec_status status = ec_pool_new(&cpu->pool, n_threads, err);
    if (status == EC_OK) {
        cpu->buffer = calloc(ec_pool_size(cpu->pool), sizeof *cpu->buffer);
        if (cpu->buffer == NULL) status = ec_fail(err, EC_ERR_NOMEM, "no memory for a CPU backend");
    }
    if (status != EC_OK) ec_cpu_release(cpu);
    return status;
}

static void backend_free(void *self) {
    if (self != NULL) ec_cpu_release(self);
    free(self);
}

ec_backend ec_cpu_table(void) {
    return (ec_backend){
        .math = "f32",
        .row_gap = CACHE_LINE / sizeof(float),
        .shares_host_memory = true,
        .take = cpu_take,
        .give = cpu_give,
        .copy = cpu_copy,
        .product = ec_cpu_product,
        .conv2d = ec_cpu_conv2d,
        .attention = ec_cpu_attention,
        .attention_backward = ec_cpu_attention_backward,
        .norm = ec_cpu_norm,
        .norm_backward = ec_cpu_norm_backward,
        .pointwise = ec_cpu_pointwise,
        .rows = ec_cpu_rows,
        .free = backend_free,
    };
}

ec_status ec_cpu_backend_new(ec_backend *out, const char *isa, size_t n_threads, ec_error *err) {
    *out = (ec_backend){0};
    ec_cpu *cpu = calloc(1, sizeof *cpu);
    if (cpu == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for a CPU backend");
    const ec_status status = ec_cpu_init(cpu, isa, n_threads, err);
    if (status != EC_OK) {
        free(cpu);
        return status;
    }
    *out = ec_cpu_table();
    out->name = cpu->kernels->name;
    out->n_threads = n_threads;
    out->self = cpu;
    return EC_OK;
}
