/* backend.c - the CPU's table of operations: choice of kernels, caches, threads, memory
 *
 * Norms and other operations of one pass over memory are here too, since all there is to them is
 * the split of their rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "cpu/cpu.h"
#include "eyechart/spelling.h"

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

enum { HUGE_PAGE = 2 << 20 };

bool ec_cpu_buffer_grow(ec_cpu_buffer *buffer, size_t size_bytes) {
    if (size_bytes <= buffer->size_bytes) return true;
    const bool large = size_bytes >= HUGE_PAGE;
    const size_t unit = large ? HUGE_PAGE : 64;
    if (size_bytes > SIZE_MAX - unit) return false;
    size_bytes = (size_bytes + unit - 1) / unit * unit;

    free(buffer->data); /* what was in it is of no use to the next call */
    buffer->data = aligned_alloc(unit, size_bytes);
    buffer->size_bytes = buffer->data != NULL ? size_bytes : 0;
    if (buffer->data != NULL && large) madvise(buffer->data, size_bytes, MADV_HUGEPAGE);
    return buffer->data != NULL;
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

/* ---- operations of one pass ---- */

/* Rows of a task: enough work to be worth handing out. */
static size_t rows_per_task(size_t row_floats) {
    const size_t rows = 16384 / (row_floats + 1);
    return rows > 0 ? rows : 1;
}

typedef struct {
    const ec_cpu *cpu;
    float *y;
    const float *x, *weight, *bias;
    size_t y_stride, x_stride, rows, d, step;
    float eps;
} pass;

static size_t rows_of(const pass *p, size_t i) {
    return p->rows - i * p->step < p->step ? p->rows - i * p->step : p->step;
}

static void norm_task(void *context, size_t i, size_t worker) {
    (void)worker;
    const pass *p = context;
    const size_t row = i * p->step;
    p->cpu->kernels->layer_norm(p->y + row * p->y_stride, p->y_stride, p->x + row * p->x_stride,
                                p->x_stride, rows_of(p, i), p->d, p->weight, p->bias, p->eps);
}

ec_status ec_cpu_layer_norm(void *backend, float *y, size_t y_stride, const float *x,
                            size_t x_stride, size_t rows, size_t d, const ec_tensor *weight,
                            const ec_tensor *bias, float eps) {
    ec_cpu *cpu = backend;
    if (rows == 0 || d == 0) return EC_OK;
    if (!ec_cpu_buffer_grow(&cpu->shared, 2 * d * sizeof(float))) return EC_ERR_NOMEM;
    float *const w = cpu->shared.data, *const b = w + d;
    cpu->kernels->to_f32(w, weight->data, weight->dtype, d);
    cpu->kernels->to_f32(b, bias->data, bias->dtype, d);
    pass p = {.cpu = cpu,
              .y = y,
              .x = x,
              .weight = w,
              .bias = b,
              .y_stride = y_stride,
              .x_stride = x_stride,
              .rows = rows,
              .d = d,
              .step = rows_per_task(d),
              .eps = eps};
    ec_pool_run(cpu->pool, (rows + p.step - 1) / p.step, norm_task, &p);
    return EC_OK;
}

static void swiglu_task(void *context, size_t i, size_t worker) {
    (void)worker;
    const pass *p = context;
    const size_t row = i * p->step;
    p->cpu->kernels->swiglu(p->y + row * p->y_stride, p->y_stride, p->x + row * p->x_stride,
                            p->x_stride, rows_of(p, i), p->d);
}

ec_status ec_cpu_swiglu(void *backend, float *y, size_t y_stride, const float *x, size_t x_stride,
                        size_t rows, size_t d) {
    ec_cpu *cpu = backend;
    if (rows == 0 || d == 0) return EC_OK;
    pass p = {.cpu = cpu,
              .y = y,
              .x = x,
              .y_stride = y_stride,
              .x_stride = x_stride,
              .rows = rows,
              .d = d,
              .step = rows_per_task(d)};
    ec_pool_run(cpu->pool, (rows + p.step - 1) / p.step, swiglu_task, &p);
    return EC_OK;
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
        return ec_fail(
            err, EC_ERR_ARG,
            "instruction set '%.32s': this processor does not have it, or there is none of this "
            "name; expected portable, avx2, avx512, onednn or onednn-bf16 (or none, for the best "
            "there is: %s)",
            isa, ec_cpu_kernels_find(NULL)->name);
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

static void backend_free(void *backend) {
    if (backend != NULL) ec_cpu_release(backend);
    free(backend);
}

ec_backend ec_cpu_table(void) {
    return (ec_backend){
        .math = "f32",
        .row_gap = 64 / sizeof(float), /* a cache line */
        .linear = ec_cpu_linear,
        .conv2d = ec_cpu_conv2d,
        .attention = ec_cpu_attention,
        .layer_norm = ec_cpu_layer_norm,
        .swiglu = ec_cpu_swiglu,
        .free = backend_free,
    };
}

ec_status ec_cpu_backend_new(ec_backend *out, const char *isa, size_t n_threads, ec_error *err) {
    *out = (ec_backend){0};
    if (isa != NULL && (strcmp(isa, "onednn") == 0 || strcmp(isa, "onednn-bf16") == 0))
#ifdef EC_ONEDNN
        return ec_onednn_backend_new(out, isa, n_threads, err);
#else
        return ec_fail(err, EC_ERR_ARG,
                       "%s: this eyechart was built without oneDNN; install it (Debian: "
                       "libdnnl-dev) and build again",
                       isa);
#endif
    ec_cpu *cpu = calloc(1, sizeof *cpu);
    if (cpu == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for a CPU backend");
    const ec_status status = ec_cpu_init(cpu, isa, n_threads, err);
    if (status != EC_OK) {
        free(cpu);
        return status;
    }
    *out = ec_cpu_table();
    out->name = cpu->kernels->name;
    out->state = cpu;
    return EC_OK;
}

/* ---- what the user prefers to the best kernels ---- */

static const char *const isas[] = {"avx512", "avx2", "portable", "onednn"};
enum { N_ISAS = sizeof isas / sizeof *isas };

static const char *isa_at(const void *unused, size_t i) {
    (void)unused;
    return isas[i];
}

static bool is_here(const char *isa) {
#ifdef EC_ONEDNN
    if (strcmp(isa, "onednn") == 0) return true;
#endif
    return ec_cpu_kernels_find(isa) != NULL;
}

/* EYECHART_ISA is none of those that are here. */
static ec_status fail_preferred(const char *wanted, ec_error *err) {
    char here[100] = "", why[100] = "there is none of this name";
    for (size_t i = 0; i < N_ISAS; i++) {
        const size_t n = strlen(here);
        if (is_here(isas[i]))
            snprintf(here + n, sizeof here - n, "%s%s", n > 0 ? ", " : "", isas[i]);
    }
    const size_t nearest = ec_spelling_nearest(wanted, isa_at, NULL, N_ISAS);
    if (nearest != EC_SPELLING_NONE && strcmp(isas[nearest], wanted) == 0)
        snprintf(why, sizeof why, "%s",
                 strcmp(wanted, "onednn") == 0 ? "this eyechart was built without oneDNN"
                                               : "this processor does not have it");
    else if (nearest != EC_SPELLING_NONE)
        snprintf(why, sizeof why, "there is none of this name (did you mean '%s'?)", isas[nearest]);
    return ec_fail(err, EC_ERR_ARG,
                   "EYECHART_ISA=%.40s: %s; unset it for the best there is (%s), or set one of %s",
                   wanted, why, ec_cpu_kernels_find(NULL)->name, here);
}

/* A mode with other numbers is not for a variable that may be forgotten: who wants it asks for it
 * by name. */
ec_status ec_cpu_preferred(const char **isa, ec_error *err) {
    const char *wanted = getenv("EYECHART_ISA");
    *isa = NULL;
    if (wanted == NULL || wanted[0] == '\0') return EC_OK;
    if (strcmp(wanted, "onednn-bf16") == 0)
        return ec_fail(err, EC_ERR_ARG,
                       "EYECHART_ISA=onednn-bf16 changes the numbers, so no variable turns it on; "
                       "'eyechart features --math bf16' does, and says so in what it writes");
    if (!is_here(wanted)) return fail_preferred(wanted, err);
    *isa = wanted;
    return EC_OK;
}

ec_status ec_ctx_new(ec_ctx **out, const char *isa, size_t n_threads, ec_error *err) {
    *out = NULL;
    ec_backend backend;
    ec_status status = isa == NULL ? ec_cpu_preferred(&isa, err) : EC_OK;
    if (status == EC_OK) status = ec_cpu_backend_new(&backend, isa, n_threads, err);
    return status == EC_OK ? ec_ctx_new_on(out, backend, err) : status;
}
