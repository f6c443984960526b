/* conv.c - a convolution as a product with the image's windows
 *
 *     columns [rows, in * kernel_y * kernel_x]   the pixels that each output pixel sees,
 *                                                zeros where it looks past the edge
 *     y       [rows, out] = epilogue(columns W^T)
 *
 * W [out, in, kernel_y, kernel_x] lies in its file as such a matrix already, so it is read where it
 * lies, in any dtype. The columns are kernel_y * kernel_x times the image: they are made for a
 * block of output pixels at a time, which changes no result, since linear's rows do not depend on
 * each other.
 */
#include <assert.h>
#include <string.h>

#include "cpu/cpu.h"

enum { BLOCK_FLOATS = 2 << 20 }; /* of columns: 8 MB */

typedef struct {
    const ec_conv_shape *s;
    const float *x;
    float *columns;
    size_t first; /* output pixel of the block */
} window_block;

/* One row of columns: what output pixel first + i sees. */
static void copy_window(void *context, size_t i, size_t worker) {
    (void)worker;
    const window_block *b = context;
    const ec_conv_shape *s = b->s;
    const size_t pixel = b->first + i, area = s->kernel_y * s->kernel_x;
    const size_t image = pixel / (s->out_height * s->out_width);
    const size_t y0 = pixel / s->out_width % s->out_height * s->steps.stride_y;
    const size_t x0 = pixel % s->out_width * s->steps.stride_x;
    float *const row = b->columns + i * s->in * area;
    for (size_t ky = 0; ky < s->kernel_y; ky++)
        for (size_t kx = 0; kx < s->kernel_x; kx++) {
            /* Below the padding these wrap to numbers past every edge. */
            const size_t py = y0 + ky - s->steps.top, px = x0 + kx - s->steps.left;
            const bool inside = py < s->height && px < s->width;
            const size_t at = ((image * s->height + py) * s->width + px) * s->x_stride;
            float *to = row + ky * s->kernel_x + kx;
            for (size_t c = 0; c < s->in; c++) to[c * area] = inside ? b->x[at + c] : 0.0f;
        }
}

/* A kernel of one pixel that visits every pixel: x is its columns. */
static bool is_product(const ec_conv_shape *s) {
    const ec_conv_steps *t = &s->steps;
    return s->kernel_y == 1 && s->kernel_x == 1 && t->stride_y == 1 && t->stride_x == 1 &&
           t->top == 0 && t->left == 0 && t->bottom == 0 && t->right == 0;
}

ec_conv_shape ec_cpu_conv_shape(const ec_conv *work) {
    return (ec_conv_shape){.n = work->x.shape[0],
                           .height = work->x.shape[1],
                           .width = work->x.shape[2],
                           .in = work->x.shape[3],
                           .out = work->w.shape[0],
                           .kernel_y = work->w.shape[2],
                           .kernel_x = work->w.shape[3],
                           .out_height = work->y.shape[1],
                           .out_width = work->y.shape[2],
                           .x_stride = work->x.stride,
                           .y_stride = work->y.stride,
                           .steps = work->steps};
}

ec_status ec_cpu_conv2d_by(ec_status (*product)(void *self, const ec_product *work), ec_cpu *cpu,
                           const ec_conv *work) {
    const ec_conv_shape s = ec_cpu_conv_shape(work);
    const size_t k = s.in * s.kernel_y * s.kernel_x;
    const size_t rows = s.n * s.out_height * s.out_width;
    if (rows == 0 || s.out == 0) return EC_OK;
    assert(k > 0);
    ec_product p = {.y = ec_array_rows(work->y, 0, rows),
                    .b = ec_array_as(work->w, 2, (size_t[]){s.out, k}),
                    .b_transposed = true,
                    .epilogue = work->epilogue};
    if (is_product(&s)) {
        p.a = ec_array_rows(work->x, 0, rows);
        return product(cpu, &p);
    }
    const size_t block = BLOCK_FLOATS / k > 64 ? BLOCK_FLOATS / k : 64;
    const size_t most = rows < block ? rows : block;
    if (!ec_cpu_buffer_grow(&cpu->columns, most * k * sizeof(float))) return EC_ERR_NOMEM;
    window_block b = {.s = &s, .x = ec_cpu_floats(work->x), .columns = cpu->columns.data};
    ec_status status = EC_OK;
    for (; b.first < rows && status == EC_OK; b.first += block) {
        const size_t n = rows - b.first < block ? rows - b.first : block;
        ec_pool_run(cpu->pool, n, copy_window, &b);
        ec_array residual = {0};
        if (work->epilogue.residual != NULL) {
            residual = ec_array_rows(*work->epilogue.residual, b.first, n);
            p.epilogue.residual = &residual;
        }
        p.y = ec_array_rows(work->y, b.first, n);
        p.a = ec_array_at(b.columns, EC_F32, 2, (size_t[]){n, k});
        status = product(cpu, &p);
    }
    return status;
}

ec_status ec_cpu_conv2d(void *self, const ec_conv *work) {
    return ec_cpu_conv2d_by(ec_cpu_product, self, work);
}
