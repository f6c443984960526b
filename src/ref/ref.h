/* ref.h - the reference backend: what every operation of ops/backend.h means
 *
 * Plain loops in double over arrays of f64, f32, f16 or bf16; a result is rounded once, to its
 * dtype. It is slow, uses one thread, and has three uses:
 *
 *     definition   other backends are held against it (tests/unit/cpu)
 *     gradients    its own backward passes are held against finite differences of its forward ones,
 *                  in f64 activations, which it alone takes
 *     policeman    the addresses it gives out may not be read or written: its arrays lie elsewhere,
 *                  and a model that follows a pointer itself dies at once
 */
#ifndef EC_REF_REF_H
#define EC_REF_REF_H

#include "ops/backend.h"

/* Owned by the caller: out->free. EC_ERR_NOMEM. */
ec_status ec_ref_backend_new(ec_backend *out, ec_error *err);

#endif
