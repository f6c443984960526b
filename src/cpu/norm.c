/* norm.c - layer norm: the split of its rows */
#include "cpu/cpu.h"

typedef struct {
    const ec_cpu *cpu;
    const ec_norm_work *work;
    const float *weight, *bias; /* [d] */
} norm;

static void norm_rows(void *context, size_t first, size_t n) {
    const norm *o = context;
    const ec_array y = o->work->y, x = o->work->x;
    o->cpu->kernels->layer_norm(ec_cpu_floats(y) + first * y.stride, y.stride,
                                ec_cpu_floats(x) + first * x.stride, x.stride, n, ec_array_width(x),
                                o->weight, o->bias, o->work->eps);
}

ec_status ec_cpu_norm(void *self, const ec_norm_work *work) {
    ec_cpu *cpu = self;
    const size_t rows = ec_array_height(work->x), d = ec_array_width(work->x);
    if (rows == 0 || d == 0) return EC_OK;
    if (!ec_cpu_buffer_grow(&cpu->shared, 2 * d * sizeof(float))) return EC_ERR_NOMEM;
    float *const weight = cpu->shared.data, *const bias = weight + d;
    cpu->kernels->to_f32(weight, work->weight.at, work->weight.dtype, d);
    cpu->kernels->to_f32(bias, work->bias.at, work->bias.dtype, d);
    ec_cpu_over_rows(cpu, rows, d, norm_rows, &(norm){cpu, work, weight, bias});
    return EC_OK;
}
