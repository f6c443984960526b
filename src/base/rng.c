/* rng.c - xoshiro256**, see eyechart/rng.h
 *
 * Checked against the reference's first outputs for the state {1, 2, 3, 4}
 * (tests/unit/base/test_rng.c).
 */
#include "eyechart/rng.h"

#include <math.h>

static uint64_t rotate_left(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void ec_rng_init(ec_rng *rng, uint64_t seed, uint64_t stream) {
    /* Seed and stream go through splitmix64 separately, so that (1, 2) and (2, 1) differ. */
    uint64_t stream_state = stream;
    uint64_t state = seed ^ rotate_left(splitmix64(&stream_state), 17);
    for (int i = 0; i < 4; i++) rng->s[i] = splitmix64(&state);
}

uint64_t ec_rng_u64(ec_rng *rng) {
    uint64_t *s = rng->s;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double ec_rng_uniform(ec_rng *rng) {
    return (double)(ec_rng_u64(rng) >> 11) * 0x1.0p-53;
}

size_t ec_rng_below(ec_rng *rng, size_t n) {
    /* Rejects the first 2^64 mod n values, so that every residue is equally likely. */
    const uint64_t threshold = (0 - (uint64_t)n) % n;
    uint64_t x;
    do x = ec_rng_u64(rng);
    while (x < threshold);
    return (size_t)(x % n);
}

double ec_rng_normal(ec_rng *rng) {
    double u, v, r;
    do {
        u = 2.0 * ec_rng_uniform(rng) - 1.0;
        v = 2.0 * ec_rng_uniform(rng) - 1.0;
        r = u * u + v * v;
    } while (r >= 1.0 || r == 0.0);
    return u * sqrt(-2.0 * log(r) / r);
}
