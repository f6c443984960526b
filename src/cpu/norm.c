/* norm.c - layer norm: the split of its rows, and backward of its columns */
#include "cpu/cpu.h"
#include "cpu/cut.h"

typedef struct {
    const ec_cpu *cpu;
    const ec_norm_work *work;
    const float *weight, *bias; /* [d] */
    float *stats;               /* backward: of all rows */
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
    ec_cpu_over_rows(cpu, rows, d, norm_rows,
                     &(norm){.cpu = cpu, .work = work, .weight = weight, .bias = bias});
    return EC_OK;
}

static void backward_rows(void *context, size_t first, size_t n) {
    const norm *o = context;
    const ec_array dx = o->work->dx, x = o->work->x, dy = o->work->dy;
    o->cpu->kernels->layer_norm_backward(
        ec_cpu_floats(dx) + first * dx.stride, dx.stride, ec_cpu_floats(x) + first * x.stride,
        x.stride, ec_cpu_floats(dy) + first * dy.stride, dy.stride, n, ec_array_width(x), o->weight,
        o->work->eps, o->work->adds, o->stats + first * EC_CPU_NORM_STATS);
}

enum { COLUMNS = 64 }; /* of a task */

static float *from_column(ec_array x, size_t column) {
    return x.at != NULL ? ec_cpu_floats(x) + column : NULL;
}

/* Sums over all rows in their order, whoever makes them. */
static void backward_columns(void *context, size_t i, size_t worker) {
    (void)worker;
    const norm *o = context;
    const ec_array x = o->work->x, dy = o->work->dy;
    const size_t column = i * COLUMNS;
    o->cpu->kernels->norm_gradients(
        from_column(o->work->dweight, column), from_column(o->work->dbias, column),
        from_column(x, column), x.stride, from_column(dy, column), dy.stride, ec_array_height(x),
        least(COLUMNS, ec_array_width(x) - column), o->stats);
}

ec_status ec_cpu_norm_backward(void *self, const ec_norm_work *work) {
    ec_cpu *cpu = self;
    const size_t rows = ec_array_height(work->x), d = ec_array_width(work->x);
    if (rows == 0 || d == 0) return EC_OK;
    if (!ec_cpu_buffer_grow(&cpu->shared, (d + rows * EC_CPU_NORM_STATS) * sizeof(float)))
        return EC_ERR_NOMEM;
    float *const weight = cpu->shared.data;
    cpu->kernels->to_f32(weight, work->weight.at, work->weight.dtype, d);
    norm o = {.cpu = cpu, .work = work, .weight = weight, .stats = weight + d};
    ec_cpu_over_rows(cpu, rows, d, backward_rows, &o);
    if (work->dweight.at != NULL || work->dbias.at != NULL)
        ec_pool_run(cpu->pool, ceil_div(d, COLUMNS), backward_columns, &o);
    return EC_OK;
}
