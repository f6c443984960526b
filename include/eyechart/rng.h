/* rng.h - the one random number generator, passed in wherever chance is used
 *
 * xoshiro256** 1.0 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", arXiv:1805.01407), seeded through splitmix64. The same seed gives
 * the same numbers on every machine. Plain data: copy it to fork a stream.
 */
#ifndef EYECHART_RNG_H
#define EYECHART_RNG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_rng {
    uint64_t s[4];
} ec_rng;

/* Seeds *rng; `stream` gives independent generators for one seed (one per trial, per benchmark,
 * …). */
void ec_rng_init(ec_rng *rng, uint64_t seed, uint64_t stream);
uint64_t ec_rng_u64(ec_rng *rng);
/* Uniform in [0, 1), 53 bits. */
double ec_rng_uniform(ec_rng *rng);
/* Uniform integer in [0, n), without modulo bias; n >= 1. */
size_t ec_rng_below(ec_rng *rng, size_t n);
/* Standard normal deviate (inverse-free polar method). */
double ec_rng_normal(ec_rng *rng);

#ifdef __cplusplus
}
#endif
#endif
