/* safetensors.h - a file of random tensors, each from a stream of its own */
#ifndef EC_MAKE_TOYS_SAFETENSORS_H
#define EC_MAKE_TOYS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "toys.h"

/* Zero-initialise. */
typedef struct toy_file {
    ec_text header, data;
} toy_file;

/* Adds a tensor of normal deviates, mean + deviation x.
 *
 *   shape    [n_dims]
 *   stream   tensors of the same name and stream have the same numbers in every file */
void toys_add(toy_file *file, const char *name, int n_dims, const size_t *shape, double mean,
              double deviation, uint64_t stream);
/* Adds given numbers. */
void toys_add_values(toy_file *file, const char *name, int n_dims, const size_t *shape,
                     const float *values);
/* Writes and releases. */
ec_status toys_save(const char *folder, const char *name, toy_file *file, ec_error *err);

/* Fills values[n] as toys_add does. */
void toys_draw(float *values, size_t n, const char *name, double mean, double deviation,
               uint64_t stream);

#endif
