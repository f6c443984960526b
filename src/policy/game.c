/* game.c - see game.h; checked against run() of the reference policies */
#include "policy/game.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/rng.h"
#include "policy/chooser.h"
#include "policy/model.h"

/* Who plays, with what is needed to judge a state. */
typedef struct {
    const ec_game *game;
    const ec_rules *rules;
    ec_chooser *chooser;
    ec_model *model; /* the chooser's where it is the same, … */
    ec_model *own;   /* … else this one */
    size_t n, optimum;
    double z_min, z_max;
    bool *trained; /* [n] the present state, … */
    size_t *index; /* [n] … the same as a list of n_trained, … */
    double *y;     /* [n] … and its results */
    size_t n_trained;
    double *predicted; /* [n] */
} player;

static void player_release(player *p) {
    ec_chooser_free(p->chooser);
    ec_model_free(p->own);
    free(p->trained);
    free(p->index);
    free(p->y);
    free(p->predicted);
}

static ec_status player_init(player *p, const ec_game *game, const ec_rules *rules, ec_error *err) {
    const size_t n = game->space.n;
    *p = (player){.game = game, .rules = rules, .n = n, .z_min = game->z[0], .z_max = game->z[0]};
    for (size_t i = 0; i < n; i++) {
        if (game->z[i] > game->z[p->optimum]) p->optimum = i;
        p->z_min = fmin(p->z_min, game->z[i]);
        p->z_max = fmax(p->z_max, game->z[i]);
    }
    p->trained = calloc(n, sizeof *p->trained);
    p->index = calloc(n, sizeof *p->index);
    p->y = calloc(n, sizeof *p->y);
    p->predicted = calloc(n, sizeof *p->predicted);
    if (!p->trained || !p->index || !p->y || !p->predicted)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to simulate %zu candidates", n);
    const ec_status status = ec_chooser_new(&p->chooser, rules->policy, &game->space, err);
    if (status != EC_OK) return status;
    if (rules->ranker == EC_RANKER_AVERAGE) p->model = ec_chooser_model(p->chooser);
    if (p->model != NULL) return EC_OK;
    const ec_status made = ec_model_new(&p->own, rules->ranker, &game->space, err);
    p->model = p->own;
    return made;
}

static ec_status player_status(const player *p, ec_error *err) {
    const ec_status status = ec_chooser_status(p->chooser, err);
    return status == EC_OK ? ec_model_status(p->model, err) : status;
}

static void player_clear(player *p) {
    memset(p->trained, 0, p->n * sizeof *p->trained);
    p->n_trained = 0;
}

static void player_train(player *p, size_t candidate) {
    p->trained[candidate] = true;
    p->index[p->n_trained] = candidate;
    p->y[p->n_trained++] = p->game->z[candidate];
}

/* Always in ascending order, so that a state's value does not depend on the way to it. */
static void player_train_set(player *p, uint32_t mask) {
    player_clear(p);
    for (; mask != 0; mask &= mask - 1) player_train(p, (size_t)__builtin_ctz(mask));
}

static void player_next(player *p, double *chance) {
    const ec_trained trained = {.n = p->n_trained, .index = p->index, .y = p->y};
    ec_chooser_next(p->chooser, chance, &trained);
}

/* Differences below this are rounding: relative to the spread of the predictions, or, where they
 * are all one value, to that. */
static double tolerance(const double *v, size_t n) {
    double low = v[0], high = v[0], size = 0.0;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, v[i]);
        high = fmax(high, v[i]);
        size = fmax(size, fabs(v[i]));
    }
    const double floor = 1e-9 * (size + 1e-12);
    return high - low > floor ? 1e-9 * (high - low + 1e-12) : floor;
}

/* Chance that the optimum is among the `top` largest, ties broken at random. `skip` (or NULL) marks
 * candidates that do not take part. */
static double chance_in_top(const player *p, const double *v, const bool *skip, double tol) {
    size_t above = 0, equal = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (i == p->optimum || (skip != NULL && skip[i])) continue;
        above += v[i] > v[p->optimum] + tol;
        equal += fabs(v[i] - v[p->optimum]) <= tol;
    }
    const size_t top = p->rules->top;
    if (above >= top) return 0.0;
    return fmin(1.0, (double)(top - above) / (double)(equal + 1));
}

/* By the rule of the paper, one finetune alone is a hit only if it is the optimum; the models
 * that rank before any finetune are held to their ranking there too. A tie is no hit. */
static bool is_hit(player *p) {
    if (p->n_trained == 0) return false;
    if (p->n_trained == 1 && p->rules->ranker != EC_RANKER_LAW_GP &&
        p->rules->ranker != EC_RANKER_AVERAGE)
        return p->trained[p->optimum];
    ec_model_predict(p->model, p->predicted, NULL, p->index, p->y, p->n_trained);
    return chance_in_top(p, p->predicted, NULL, tolerance(p->predicted, p->n)) == 1.0;
}

static double recall(player *p) {
    const double top = (double)p->rules->top;
    if (p->n_trained < ec_model_minimum(p->rules->ranker)) return fmin(1.0, top / (double)p->n);
    ec_model_predict(p->model, p->predicted, NULL, p->index, p->y, p->n_trained);
    const double tol = tolerance(p->predicted, p->n);
    for (size_t t = 0; t < p->n_trained; t++) p->predicted[p->index[t]] = p->y[t];
    return chance_in_top(p, p->predicted, NULL, tol);
}

/* Trained, or about to be, as one of the `top` best predictions among the rest. */
static double verified(player *p) {
    if (p->trained[p->optimum]) return 1.0;
    if (p->n_trained < ec_model_minimum(p->rules->ranker))
        return fmin(1.0, (double)p->rules->top / (double)(p->n - p->n_trained));
    ec_model_predict(p->model, p->predicted, NULL, p->index, p->y, p->n_trained);
    return chance_in_top(p, p->predicted, p->trained, tolerance(p->predicted, p->n));
}

static double regret(const player *p) {
    double best = p->z_min;
    for (size_t t = 0; t < p->n_trained; t++) best = fmax(best, p->y[t]);
    return p->z_max > p->z_min ? (p->z_max - best) / (p->z_max - p->z_min) : 0.0;
}

/* The metric in the present state. */
static double state_value(player *p) {
    switch (p->rules->metric) {
    case EC_METRIC_FIRST_HIT:
        return is_hit(p);
    case EC_METRIC_RECALL:
        return recall(p);
    case EC_METRIC_TRAINED:
        return p->trained[p->optimum];
    case EC_METRIC_VERIFIED:
        return verified(p);
    default:
        return regret(p);
    }
}

/* Whether the metric stays as it is whatever comes next. */
static bool is_settled(const player *p, double value) {
    switch (p->rules->metric) {
    case EC_METRIC_FIRST_HIT:
        return value == 1.0;
    case EC_METRIC_RECALL:
        return false;
    default:
        return p->trained[p->optimum];
    }
}

/* Finetunes that a state stands for beyond those made: the last `top` runs of `verified`. */
static size_t runs_ahead(const ec_rules *rules) {
    return rules->metric == EC_METRIC_VERIFIED ? rules->top : 0;
}

ec_status ec_game_expect(double *value, const ec_game *game, const ec_rules *rules, ec_error *err) {
    const size_t n = game->space.n, n_runs = rules->n_runs, ahead = runs_ahead(rules);
    assert(n <= EC_SIMULATE_EXACT_MAX);
    player p;
    double chance[EC_SIMULATE_EXACT_MAX];
    double open[2 * EC_SIMULATE_EXACT_MAX + 1] = {0.0}; /* by k: sum of mass times value of the
                                                           open states */
    double settled[2 * EC_SIMULATE_EXACT_MAX + 1] = {0.0}; /* … of the settled ones */
    /* probability of reaching each set */
    double *arriving = calloc((size_t)1 << n, sizeof *arriving);
    ec_status status = player_init(&p, game, rules, err);
    if (status == EC_OK && arriving == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "no memory for the subsets of %zu candidates", n);
    if (status != EC_OK) goto done;

    arriving[0] = 1.0;
    for (uint32_t mask = 0; mask < (uint32_t)1 << n; mask++) {
        if (arriving[mask] == 0.0) continue;
        player_train_set(&p, mask);
        const size_t k = p.n_trained + ahead;
        const double v = state_value(&p);
        const bool end = is_settled(&p, v);
        (end ? settled : open)[k] += arriving[mask] * v;
        if (end || k >= n_runs || p.n_trained == n) continue;
        player_next(&p, chance);
        for (size_t i = 0; i < n; i++)
            if (chance[i] > 0.0) arriving[mask | (uint32_t)1 << i] += arriving[mask] * chance[i];
    }
    double before = 0.0;
    for (size_t k = 0; k <= n_runs; k++) {
        before += settled[k];
        if (k > 0) value[k - 1] = before + open[k];
    }
    status = player_status(&p, err);
done:
    free(arriving);
    player_release(&p);
    return status;
}

/* What was found out about the states met, so that trials that meet again do not ask again. Only
 * for games small enough to tell a state by its mask. */
typedef struct {
    double value;
    bool is_settled;
    bool has_chance; /* the policy was asked */
} seen_state;

typedef struct {
    uint32_t *slot;    /* [2^n] 1 + position below; 0: not met. NULL: nothing is remembered, and
                          position 0 is scratch */
    seen_state *state; /* [capacity] */
    double *chance;    /* [capacity][n] */
    size_t n_states, capacity;
} memory;

static void memory_release(memory *m) {
    free(m->slot);
    free(m->state);
    free(m->chance);
}

static bool memory_grow(memory *m, size_t n) {
    const size_t capacity = m->capacity == 0 ? 1 : 2 * m->capacity;
    seen_state *state = realloc(m->state, capacity * sizeof *state);
    if (state != NULL) m->state = state;
    double *chance = realloc(m->chance, capacity * n * sizeof *chance);
    if (chance != NULL) m->chance = chance;
    if (state == NULL || chance == NULL) return false;
    m->capacity = capacity;
    return true;
}

static bool memory_init(memory *m, size_t n) {
    *m = (memory){0};
    if (n <= EC_SIMULATE_EXACT_MAX) {
        m->slot = calloc((size_t)1 << n, sizeof *m->slot);
        if (m->slot == NULL) return false;
    }
    return memory_grow(m, n);
}

/* Position of the player's present state, judged; SIZE_MAX without memory. */
static size_t look_up(memory *m, player *p, uint32_t mask) {
    size_t at = 0;
    if (m->slot != NULL) {
        if (m->slot[mask] != 0) return m->slot[mask] - 1;
        if (m->n_states == m->capacity && !memory_grow(m, p->n)) return SIZE_MAX;
        at = m->n_states++;
        m->slot[mask] = (uint32_t)m->n_states;
        player_train_set(p, mask);
    }
    const double value = state_value(p);
    m->state[at] = (seen_state){.value = value, .is_settled = is_settled(p, value)};
    return at;
}

static size_t draw(ec_rng *rng, const double *chance, size_t n) {
    const double u = ec_rng_uniform(rng);
    double sum = 0.0;
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (chance[i] <= 0.0) continue;
        last = i; /* rounding may leave the sum a hair below 1 */
        sum += chance[i];
        if (u < sum) break;
    }
    return last;
}

/* One run from nothing; false without memory. */
static bool play(double *value, player *p, memory *m, ec_rng *rng) {
    const size_t n_runs = p->rules->n_runs, ahead = runs_ahead(p->rules);
    player_clear(p);
    uint32_t mask = 0;
    for (size_t k = 0; k < ahead && k < n_runs; k++) value[k] = 0.0;
    for (size_t k = ahead;; k++) {
        const size_t at = look_up(m, p, mask);
        if (at == SIZE_MAX) return false;
        if (k > 0 && k <= n_runs) value[k - 1] = m->state[at].value;
        if (m->state[at].is_settled)
            for (size_t later = k; later < n_runs; later++) value[later] = m->state[at].value;
        if (m->state[at].is_settled || k >= n_runs) return true;

        double *chance = m->chance + at * p->n;
        if (!m->state[at].has_chance) {
            if (m->slot != NULL) player_train_set(p, mask);
            player_next(p, chance);
            m->state[at].has_chance = true;
        }
        const size_t next = draw(rng, chance, p->n);
        if (m->slot != NULL)
            mask |= (uint32_t)1 << next;
        else
            player_train(p, next);
    }
}

ec_status ec_game_try(double *sum, double *sum_squares, const ec_game *game, const ec_rules *rules,
                      uint64_t first_stream, size_t n_trials, ec_error *err) {
    const size_t n_runs = rules->n_runs;
    player p;
    memory m = {0};
    double *value = calloc(n_runs, sizeof *value);
    ec_status status = player_init(&p, game, rules, err);
    bool enough = status == EC_OK && value != NULL && memory_init(&m, game->space.n);
    memset(sum, 0, n_runs * sizeof *sum);
    memset(sum_squares, 0, n_runs * sizeof *sum_squares);
    for (size_t t = 0; t < n_trials && enough; t++) {
        ec_rng rng;
        ec_rng_init(&rng, rules->seed, first_stream + t);
        enough = play(value, &p, &m, &rng);
        for (size_t k = 0; k < n_runs && enough; k++) {
            sum[k] += value[k];
            sum_squares[k] += value[k] * value[k];
        }
    }
    if (status == EC_OK && !enough)
        status = ec_fail(err, EC_ERR_NOMEM, "no memory to simulate %zu candidates", game->space.n);
    if (status == EC_OK) status = player_status(&p, err);
    memory_release(&m);
    player_release(&p);
    free(value);
    return status;
}
