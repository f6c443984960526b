/* game.h - one table played by one policy: exactly, or trial by trial
 *
 * A game is one benchmark over one set of candidates, all results known to the referee and none to
 * the player. A state is the set of candidates trained so far; the policy's chances of the next one
 * and the metric's value depend on nothing else, so the expectation is a sum over sets, taken in
 * the order of their bit masks: adding a candidate always gives a larger mask.
 *
 * A state is settled when the metric can change no more (the optimum is trained, or the oracle has
 * stopped the run); no move is made from there, and its value counts for all later k.
 */
#ifndef EC_POLICY_GAME_H
#define EC_POLICY_GAME_H

#include <stddef.h>
#include <stdint.h>

#include "eyechart/policy.h"
#include "eyechart/simulate.h"

typedef struct ec_game {
    ec_space space;
    const double *z; /* [n] larger is better, finite */
} ec_game;

/* How to play: ec_simulate_options with nothing left to default. */
typedef struct ec_rules {
    ec_policy policy;
    ec_ranker ranker;
    ec_metric metric;
    size_t top;
    size_t n_runs; /* values wanted for k = 1 … n_runs <= n */
    uint64_t seed;
} ec_rules;

/* value [n_runs]: expectation after k = 1, 2, … finetunes. n <= EC_SIMULATE_EXACT_MAX.
 * Returns EC_OK or EC_ERR_NOMEM. */
ec_status ec_game_expect(double *value, const ec_game *game, const ec_rules *rules, ec_error *err);

/* Plays n_trials times; trial i draws from the stream first_stream + i of the seed.
 *   sum, sum_squares [n_runs]: of the trials' values after k = 1, 2, … finetunes
 * Returns EC_OK or EC_ERR_NOMEM. */
ec_status ec_game_try(double *sum, double *sum_squares, const ec_game *game, const ec_rules *rules,
                      uint64_t first_stream, size_t n_trials, ec_error *err);

#endif
