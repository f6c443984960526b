/* pointwise.c - activations by themselves, SwiGLU, and their gradients: the split of their rows */
#include "cpu/cpu.h"

typedef struct {
    const ec_cpu *cpu;
    const ec_pointwise_work *work;
} pointwise;

static void activate_rows(void *context, size_t first, size_t n) {
    const pointwise *p = context;
    const ec_array y = p->work->y, x = p->work->x;
    for (size_t i = first; i < first + n; i++)
        p->cpu->kernels->activate(ec_cpu_floats(y) + i * y.stride, ec_cpu_floats(x) + i * x.stride,
                                  ec_array_width(y), p->work->activation);
}

static void swiglu_rows(void *context, size_t first, size_t n) {
    const pointwise *p = context;
    const ec_array y = p->work->y, x = p->work->x;
    p->cpu->kernels->swiglu(ec_cpu_floats(y) + first * y.stride, y.stride,
                            ec_cpu_floats(x) + first * x.stride, x.stride, n, ec_array_width(y));
}

static void activate_rows_backward(void *context, size_t first, size_t n) {
    const pointwise *p = context;
    const ec_array y = p->work->y, x = p->work->x, z = p->work->z;
    for (size_t i = first; i < first + n; i++)
        p->cpu->kernels->activate_backward(
            ec_cpu_floats(y) + i * y.stride, ec_cpu_floats(x) + i * x.stride,
            ec_cpu_floats(z) + i * z.stride, ec_array_width(y), p->work->activation);
}

static void swiglu_rows_backward(void *context, size_t first, size_t n) {
    const pointwise *p = context;
    const ec_array y = p->work->y, x = p->work->x, z = p->work->z;
    for (size_t i = first; i < first + n; i++)
        p->cpu->kernels->swiglu_backward(ec_cpu_floats(y) + i * y.stride,
                                         ec_cpu_floats(x) + i * x.stride,
                                         ec_cpu_floats(z) + i * z.stride, ec_array_width(z));
}

ec_status ec_cpu_pointwise(void *self, const ec_pointwise_work *work) {
    static void (*const kinds[])(void *context, size_t first,
                                 size_t n) = {[EC_ACTIVATE] = activate_rows,
                                              [EC_ACTIVATE_BACKWARD] = activate_rows_backward,
                                              [EC_SWIGLU] = swiglu_rows,
                                              [EC_SWIGLU_BACKWARD] = swiglu_rows_backward};
    ec_cpu *cpu = self;
    const size_t rows = ec_array_height(work->y), d = ec_array_width(work->y);
    if (rows == 0 || d == 0) return EC_OK;
    ec_cpu_over_rows(cpu, rows, d, kinds[work->kind], &(pointwise){cpu, work});
    return EC_OK;
}
