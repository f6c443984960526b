/* cut.h - the arithmetic of cutting work into pieces */
#ifndef EC_CPU_CUT_H
#define EC_CPU_CUT_H

#include <stddef.h>

static inline size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static inline size_t ceil_div(size_t a, size_t b) {
    return (a + b - 1) / b;
}

/* Where part i of `parts` even parts of n begins. */
static inline size_t part(size_t n, size_t i, size_t parts) {
    return n / parts * i + least(i, n % parts);
}

#endif
