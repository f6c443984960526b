/* simulate.c - the games of a simulation: every benchmark, every sub-space, and their averages
 *
 * Games are independent; each writes its own row, and rows are added in a fixed order, so the
 * number of threads does not show in the results.
 */
#include "eyechart/simulate.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "eyechart/law.h"
#include "policy/game.h"

static const char *const METRICS[EC_METRICS] = {"first-hit", "recall", "trained", "verified",
                                                "regret"};
static const char *const RANKERS[EC_RANKERS] = {"default", "quadratic", "ridge",
                                                "gp",      "law-gp",    "average"};

const char *ec_metric_name(ec_metric metric) {
    return (size_t)metric < EC_METRICS ? METRICS[metric] : NULL;
}

const char *ec_ranker_name(ec_ranker ranker) {
    return (size_t)ranker < EC_RANKERS ? RANKERS[ranker] : NULL;
}

static ec_ranker default_ranker(ec_policy policy) {
    switch (policy) {
    case EC_POLICY_PRIOR:
    case EC_POLICY_EI:
    case EC_POLICY_EXPLOIT:
        return EC_RANKER_AVERAGE;
    default:
        return EC_RANKER_QUADRATIC;
    }
}

enum {
    MAX_ROWS = 200000, /* of results kept at once: sub-spaces, or blocks of trials */
    /* Trials of one game that different threads may play. Small games gain more from remembering
     * the states they met, and stay in one block. */
    MAX_BLOCKS = 64
};

/* The games of one benchmark. */
typedef struct {
    size_t *usable; /* [n_usable] candidates with both scores and a result */
    size_t n_usable;
    size_t n;        /* candidates in a game: n_usable less those dropped; 0: not played */
    size_t n_spaces; /* ways to drop them */
    size_t n_blocks; /* of trials, in every space */
    size_t first_game, first_row;
} plan;

typedef struct {
    const ec_table *table;
    const ec_simulate_options *options;
    ec_rules rules; /* n_runs for the largest game */
    plan *plan;     /* [n_benchmarks] */
    size_t n_games, n_rows, n_runs;
    double *sum, *sum_squares; /* [n_rows][n_runs] */
    pthread_mutex_t lock;      /* of what follows */
    size_t failed_row;         /* the first that failed; n_rows: none */
    ec_error error;
} simulation;

static bool is_usable(const ec_table *t, size_t b, size_t i) {
    return ec_table_places(t, b, i) && isfinite(t->z[b * t->n_candidates + i]);
}

/* n choose k, at most MAX_ROWS + 1. */
static size_t choose(size_t n, size_t k) {
    if (k > n) return 0;
    if (k > n - k) k = n - k;
    size_t ways = 1;
    for (size_t i = 1; i <= k && ways <= MAX_ROWS; i++) ways = ways * (n - k + i) / i;
    return ways <= MAX_ROWS ? ways : MAX_ROWS + 1;
}

/* The rank-th (from 0, lexicographically) set of `left` numbers below n: writes the others,
 * ascending. */
static void keep_all_but(size_t *kept, size_t n, size_t left, size_t rank) {
    for (size_t i = 0; i < n; i++) {
        const size_t with_i = left > 0 ? choose(n - i - 1, left - 1) : 0;
        if (rank < with_i) {
            left--;
        } else {
            rank -= with_i;
            *kept++ = i;
        }
    }
}

static ec_status check_options(const ec_simulate_options *o, ec_error *err) {
    if ((size_t)o->policy >= EC_POLICIES || (size_t)o->metric >= EC_METRICS ||
        (size_t)o->ranker >= EC_RANKERS)
        return ec_fail(err, EC_ERR_ARG, "no such policy, metric or ranker: %d, %d, %d",
                       (int)o->policy, (int)o->metric, (int)o->ranker);
    return EC_OK;
}

static bool uses_top(ec_metric metric) {
    return metric == EC_METRIC_FIRST_HIT || metric == EC_METRIC_RECALL ||
           metric == EC_METRIC_VERIFIED;
}

static bool leaves_to_chance(ec_policy policy) {
    return policy == EC_POLICY_AC || policy == EC_POLICY_RANDOM;
}

/* Trials of each game of a benchmark; 0: exact. */
static size_t trials_of(const simulation *s, const plan *p) {
    return s->options->trials == 0 && p->n > EC_SIMULATE_EXACT_MAX ? 1 : s->options->trials;
}

static ec_status plan_benchmark(simulation *s, size_t b, size_t *most_usable, ec_error *err) {
    const ec_table *t = s->table;
    const ec_simulate_options *o = s->options;
    plan *p = &s->plan[b];
    p->usable = calloc(t->n_candidates + 1, sizeof *p->usable); /* + 1: never of size 0 */
    if (p->usable == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory to simulate");
    for (size_t i = 0; i < t->n_candidates; i++)
        if (is_usable(t, b, i)) p->usable[p->n_usable++] = i;
    if (p->n_usable > *most_usable) *most_usable = p->n_usable;
    const size_t fewest = uses_top(o->metric) && s->rules.top > 1 ? s->rules.top + 1 : 2;
    if (p->n_usable < fewest || o->drop > p->n_usable - fewest) return EC_OK;

    p->n = p->n_usable - o->drop;
    if (o->trials == 0 && p->n > EC_SIMULATE_EXACT_MAX && leaves_to_chance(o->policy))
        return ec_fail(
            err, EC_ERR_ARG,
            "an exact simulation goes over all sets of candidates, %d candidates at most, and "
            "here are %zu: ask for trials instead",
            EC_SIMULATE_EXACT_MAX, p->n);
    p->n_spaces = choose(p->n_usable, o->drop);
    p->n_blocks = p->n <= EC_SIMULATE_EXACT_MAX || o->trials == 0 ? 1
                  : o->trials < MAX_BLOCKS                        ? o->trials
                                                                  : MAX_BLOCKS;
    p->first_row = s->n_rows;
    p->first_game = s->n_games;
    if (p->n_spaces > (MAX_ROWS - s->n_rows) / p->n_blocks)
        return ec_fail(
            err, EC_ERR_ARG,
            "dropping %zu of %zu candidates in every way is more than the %d games that a "
            "simulation plays: drop fewer",
            o->drop, p->n_usable, (int)MAX_ROWS);
    s->n_rows += p->n_spaces * p->n_blocks;
    s->n_games += p->n_spaces;
    const size_t n_runs = o->max_runs > 0 && o->max_runs < p->n ? o->max_runs : p->n;
    if (n_runs > s->n_runs) s->n_runs = n_runs;
    return EC_OK;
}

static ec_status plan_games(simulation *s, ec_error *err) {
    const ec_table *t = s->table;
    const ec_simulate_options *o = s->options;
    s->rules = (ec_rules){
        .policy = o->policy,
        .ranker = o->ranker == EC_RANKER_DEFAULT ? default_ranker(o->policy) : o->ranker,
        .metric = o->metric,
        .top = o->top == 0 ? 3 : o->top,
        .seed = o->seed,
    };
    s->plan = calloc(t->n_benchmarks + 1, sizeof *s->plan);
    if (s->plan == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory to simulate");
    size_t most_usable = 0;
    for (size_t b = 0; b < t->n_benchmarks; b++) {
        const ec_status status = plan_benchmark(s, b, &most_usable, err);
        if (status != EC_OK) return status;
    }
    if (s->n_rows > 0) return EC_OK;
    return ec_fail(
        err, EC_ERR_ARG,
        "nothing to simulate: at most %zu candidates have A, C and a result on one benchmark; "
        "with %zu dropped and the top %zu asked for, more than %zu are needed",
        most_usable, o->drop, s->rules.top,
        o->drop + (uses_top(o->metric) && s->rules.top > 1 ? s->rules.top : 1));
}

static void normalise(double *x, size_t n) {
    double low = x[0], high = x[0];
    for (size_t i = 1; i < n; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    for (size_t i = 0; i < n; i++) x[i] = high > low ? (x[i] - low) / (high - low) : 0.0;
}

/* Trial numbers of a block: [first, end). */
static size_t block_start(size_t trials, size_t n_blocks, size_t block) {
    return trials / n_blocks * block + (block < trials % n_blocks ? block : trials % n_blocks);
}

/* A score without weight may be missing. */
static double known_or_0(double score) {
    return isfinite(score) ? score : 0.0;
}

/* The candidates of a game, in the order of the table. */
static ec_game deal(const simulation *s, const plan *p, size_t space, size_t *kept,
                    double *numbers) {
    const ec_table *t = s->table;
    const size_t b = (size_t)(p - s->plan), first = b * t->n_candidates;
    double *a = numbers, *c = a + p->n, *z = c + p->n, *more = z + p->n;
    const double sign = t->direction != NULL && t->direction[b] < 0 ? -1.0 : 1.0;
    keep_all_but(kept, p->n_usable, s->options->drop, space);
    for (size_t i = 0; i < p->n; i++) {
        const size_t candidate = p->usable[kept[i]];
        a[i] = known_or_0(t->a[first + candidate]);
        c[i] = known_or_0(t->c[candidate]);
        for (size_t k = 0; k < t->n_more; k++)
            more[k * p->n + i] =
                known_or_0(t->more[(k * t->n_benchmarks + b) * t->n_candidates + candidate]);
        z[i] = sign * t->z[first + candidate];
    }
    normalise(a, p->n);
    normalise(c, p->n);
    for (size_t k = 0; k < t->n_more; k++) normalise(more + k * p->n, p->n);
    return (ec_game){
        .space =
            {.n = p->n, .a = a, .c = c, .n_more = t->n_more, .more = more, .weights = t->weights},
        .z = z};
}

static void report_failure(simulation *s, size_t row, const ec_error *error) {
    pthread_mutex_lock(&s->lock);
    if (row < s->failed_row) {
        s->failed_row = row;
        s->error = *error;
    }
    pthread_mutex_unlock(&s->lock);
}

static void play_row(void *context, size_t row) {
    simulation *s = context;
    const plan *p = s->plan;
    while (p->n == 0 || row >= p->first_row + p->n_spaces * p->n_blocks) p++;
    const size_t space = (row - p->first_row) / p->n_blocks,
                 block = (row - p->first_row) % p->n_blocks;
    const size_t trials = trials_of(s, p);
    double *sum = s->sum + row * s->n_runs, *sum_squares = s->sum_squares + row * s->n_runs;
    ec_rules rules = s->rules;
    rules.n_runs = s->n_runs < p->n ? s->n_runs : p->n;

    ec_error error = {0};
    size_t *kept = calloc(p->n_usable, sizeof *kept);
    double *numbers = calloc((3 + s->table->n_more) * p->n, sizeof *numbers);
    if (kept == NULL || numbers == NULL) {
        ec_fail(&error, EC_ERR_NOMEM, "no memory to simulate %zu candidates", p->n);
    } else if (trials == 0) {
        const ec_game game = deal(s, p, space, kept, numbers);
        ec_game_expect(sum, &game, &rules, &error);
    } else {
        const ec_game game = deal(s, p, space, kept, numbers);
        const size_t first = block_start(trials, p->n_blocks, block);
        const size_t end = block_start(trials, p->n_blocks, block + 1);
        /* Every trial of every game has a stream of its own. */
        const uint64_t stream = (uint64_t)(p->first_game + space) * trials + first;
        ec_game_try(sum, sum_squares, &game, &rules, stream, end - first, &error);
    }
    if (error.status != EC_OK) report_failure(s, row, &error);
    free(numbers);
    free(kept);
}

/* Mean over the sub-spaces of a benchmark, and its variance as an estimate from trials. */
static void average_spaces(const simulation *s, const plan *p, size_t k, double *value,
                           double *variance) {
    const double trials = (double)trials_of(s, p), n_spaces = (double)p->n_spaces;
    *value = *variance = 0.0;
    for (size_t space = 0; space < p->n_spaces; space++) {
        double sum = 0.0, sum_squares = 0.0;
        for (size_t block = 0; block < p->n_blocks; block++) {
            const size_t row = p->first_row + space * p->n_blocks + block;
            sum += s->sum[row * s->n_runs + k];
            sum_squares += s->sum_squares[row * s->n_runs + k];
        }
        if (trials == 0.0) {
            *value += sum / n_spaces;
            continue;
        }
        *value += sum / trials / n_spaces;
        if (trials == 1.0) {
            *variance = NAN;
            continue;
        }
        const double spread = fmax(0.0, sum_squares - sum * sum / trials) / (trials - 1.0);
        *variance += spread / trials / (n_spaces * n_spaces);
    }
}

static void average(const simulation *s, double *values, double *mean, double *std_error) {
    const size_t n_benchmarks = s->table->n_benchmarks;
    for (size_t k = 0; k < s->table->n_candidates; k++) {
        double sum = 0.0, variance = 0.0, n_reached = 0.0;
        for (size_t b = 0; b < n_benchmarks; b++) {
            double *out = &values[b * s->table->n_candidates + k];
            *out = NAN;
            if (k >= s->plan[b].n || k >= s->n_runs) continue;
            double v;
            average_spaces(s, &s->plan[b], k, out, &v);
            sum += *out;
            variance += v;
            n_reached += 1.0;
        }
        mean[k] = n_reached > 0.0 ? sum / n_reached : NAN;
        if (std_error != NULL)
            std_error[k] =
                n_reached > 0.0 && s->options->trials > 0 ? sqrt(variance) / n_reached : NAN;
    }
}

ec_status ec_simulate(double *values, double *mean, double *std_error, const ec_table *table,
                      const ec_simulate_options *options, ec_error *err) {
    simulation s = {.table = table, .options = options, .lock = PTHREAD_MUTEX_INITIALIZER};
    ec_status status = check_options(options, err);
    if (status == EC_OK) status = plan_games(&s, err);
    if (status != EC_OK) goto done;
    s.sum = calloc(s.n_rows * s.n_runs, sizeof *s.sum);
    s.sum_squares = calloc(s.n_rows * s.n_runs, sizeof *s.sum_squares);
    if (!s.sum || !s.sum_squares) {
        status = ec_fail(err, EC_ERR_NOMEM, "no memory for %zu simulations", s.n_rows);
        goto done;
    }
    s.failed_row = s.n_rows;
    ec_parallel_for(s.n_rows, options->n_threads, play_row, &s);
    if (s.failed_row < s.n_rows) {
        status = s.error.status;
        if (err != NULL) *err = s.error;
        goto done;
    }
    average(&s, values, mean, std_error);
done:
    for (size_t b = 0; s.plan != NULL && b < table->n_benchmarks; b++) free(s.plan[b].usable);
    free(s.plan);
    free(s.sum);
    free(s.sum_squares);
    return status;
}
