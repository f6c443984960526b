/* vit_compare.c - whether two files have one vision tower
 *
 * Who saves a multimodal model often saves its tower in 16 bits, so values are equal that the less
 * precise of the two formats cannot tell apart. In one format they are equal when they are the
 * same.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "encoders/vit/vit.h"

typedef struct {
    char *where; /* [size] what differs first; "" */
    size_t size;
} comparison;

/* Relative and absolute distance of two numbers of which one was rounded to the dtype, or both: an
 * eighth more than a unit in the last place, and the smallest number of f16. */
static double tolerance_of(ec_dtype dtype) {
    return dtype == EC_BF16 ? 0x1.2p-8 : dtype == EC_F16 ? 0x1.2p-11 : 0.0;
}

static void compare(comparison *c, const ec_param *of_x, const ec_param *of_y, const char *what,
                    size_t block) {
    enum { AT_ONCE = 1024 };
    float a[AT_ONCE], b[AT_ONCE];
    const ec_tensor *x = of_x != NULL ? &of_x->file : NULL, *y = of_y != NULL ? &of_y->file : NULL;
    if (c->where[0] != '\0' || (x == NULL && y == NULL)) return;
    const bool same_dtype = x != NULL && y != NULL && x->dtype == y->dtype;
    const double relative = same_dtype || x == NULL || y == NULL
                                ? 0.0
                                : fmax(tolerance_of(x->dtype), tolerance_of(y->dtype));
    const double least = same_dtype ? 0.0 : 0x1.8p-25;
    const size_t n = x != NULL && y != NULL ? ec_tensor_count(x) : 0;
    if (n == 0 || n != ec_tensor_count(y)) {
        snprintf(c->where, c->size, "%s is of another size", what);
        return;
    }
    for (size_t at = 0; at < n; at += AT_ONCE) {
        const size_t some = n - at < AT_ONCE ? n - at : AT_ONCE;
        ec_tensor_to_f32(a, x, at, some);
        ec_tensor_to_f32(b, y, at, some);
        for (size_t i = 0; i < some; i++) {
            const double distance = fabs((double)a[i] - (double)b[i]);
            if (distance <= least + relative * fmax(fabs((double)a[i]), fabs((double)b[i])))
                continue;
            if (block > 0)
                snprintf(c->where, c->size, "%s of block %zu: %.6g and %.6g", what, block - 1,
                         (double)b[i], (double)a[i]);
            else
                snprintf(c->where, c->size, "%s: %.6g and %.6g", what, (double)b[i], (double)a[i]);
            return;
        }
    }
}

static void compare_norm(comparison *c, ec_norm_params x, ec_norm_params y, const char *what,
                         size_t block) {
    compare(c, x.weight, y.weight, what, block);
    compare(c, x.bias, y.bias, what, block);
}

static void compare_linear(comparison *c, ec_linear_params x, ec_linear_params y, const char *what,
                           size_t block) {
    compare(c, x.weight, y.weight, what, block);
    compare(c, x.bias, y.bias, what, block);
}

void vit_compare(char *where, size_t size, const vit_spec *spec, const vit_weights *x,
                 const vit_weights *y) {
    comparison c = {where, size};
    where[0] = '\0';
    compare_linear(&c, x->patch, y->patch, "the patch projection", 0);
    compare(&c, x->class_token, y->class_token, "the class token", 0);
    compare(&c, x->registers, y->registers, "the register tokens", 0);
    compare(&c, x->position, y->position, "the positions", 0);
    compare_norm(&c, x->pre_norm, y->pre_norm, "the first norm", 0);
    for (size_t i = 0; i < spec->blocks && where[0] == '\0'; i++) {
        const vit_block *a = &x->block[i], *b = &y->block[i];
        compare_norm(&c, a->norm1, b->norm1, "the first norm", i + 1);
        compare_linear(&c, a->query, b->query, "the query", i + 1);
        compare_linear(&c, a->key, b->key, "the key", i + 1);
        compare_linear(&c, a->value, b->value, "the value", i + 1);
        compare_linear(&c, a->proj, b->proj, "the projection", i + 1);
        compare(&c, a->scale1, b->scale1, "the scale", i + 1);
        compare_norm(&c, a->norm2, b->norm2, "the second norm", i + 1);
        compare_linear(&c, a->fc1, b->fc1, "the MLP", i + 1);
        compare_linear(&c, a->fc2, b->fc2, "the MLP", i + 1);
        compare(&c, a->scale2, b->scale2, "the scale", i + 1);
    }
}
