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
            const size_t at = ((image * s->height + py) * s->width + px) * s->in;
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

ec_status ec_cpu_conv2d_by(ec_cpu_linear_function *linear, ec_cpu *cpu, float *y, const float *x,
                           const ec_conv_shape *s, const ec_tensor *w,
                           const ec_epilogue *epilogue) {
    const size_t k = s->in * s->kernel_y * s->kernel_x;
    const size_t rows = s->n * s->out_height * s->out_width;
    if (rows == 0 || s->out == 0) return EC_OK;
    assert(k > 0);
    if (is_product(s)) return linear(cpu, y, s->out, x, k, rows, k, w, epilogue);
    const size_t block = BLOCK_FLOATS / k > 64 ? BLOCK_FLOATS / k : 64;
    const size_t most = rows < block ? rows : block;
    if (!ec_cpu_buffer_grow(&cpu->columns, most * k * sizeof(float))) return EC_ERR_NOMEM;
    window_block b = {.s = s, .x = x, .columns = cpu->columns.data};
    for (; b.first < rows; b.first += block) {
        const size_t n = rows - b.first < block ? rows - b.first : block;
        ec_pool_run(cpu->pool, n, copy_window, &b);
        ec_epilogue part = *epilogue;
        if (part.residual != NULL) part.residual += b.first * s->out;
        const ec_status status =
            linear(cpu, y + b.first * s->out, s->out, b.columns, k, n, k, w, &part);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

ec_status ec_cpu_conv2d(void *backend, float *y, const float *x, const ec_conv_shape *shape,
                        const ec_tensor *w, const ec_epilogue *epilogue) {
    return ec_cpu_conv2d_by(ec_cpu_linear, backend, y, x, shape, w, epilogue);
}
