/* rank_bench.c - how good and how fast a ranking is, on a study whose results are known
 *
 *   rank_bench quality STUDY [DRAWS] [COLUMN...]   for each number of results, told of candidates
 * drawn at random: how many of the others' results the 90 % intervals hold, and the rank
 * correlation of the others' results with the predictions and with the scores' sum, means over
 * DRAWS (20) and the benchmarks. COLUMN: to rank by, instead of those of the study rank_bench time
 * N BENCHMARKS             seconds of ec_rank, N random candidates, one in 300 with results
 *
 * One JSON line each.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "bench.h"
#include "eyechart/rank.h"
#include "eyechart/rng.h"
#include "eyechart/study.h"
#include "law/stats.h"

/* One draw of one benchmark. */
typedef struct {
    const ec_table *table;
    size_t benchmark, m;
    uint64_t draw;
    size_t inside, total;
    double predicted, prior;
} trial;

static void shuffle(size_t *order, size_t n, ec_rng *rng) {
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = 0; i + 1 < n; i++) {
        const size_t j = i + ec_rng_below(rng, n - i), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}

static void play(void *context, size_t k) {
    trial *t = (trial *)context + k;
    const size_t n = t->table->n_candidates, b = t->benchmark;
    const double sign = t->table->direction[b];
    double *z = malloc(t->table->n_benchmarks * n * sizeof *z), *sum = malloc(4 * n * sizeof *sum);
    size_t *order = malloc(n * sizeof *order);
    ec_ranked *rows = malloc(n * sizeof *rows);
    if (!z || !sum || !order || !rows) stop("no memory");
    double *truth = sum + n, *predicted = truth + n, *prior = predicted + n;
    ec_rng rng;
    ec_rng_init(&rng, 1, t->draw); /* the same candidates for every benchmark */
    shuffle(order, n, &rng);
    for (size_t i = 0; i < t->table->n_benchmarks * n; i++) z[i] = NAN;
    for (size_t i = 0; i < t->m; i++) z[b * n + order[i]] = t->table->z[b * n + order[i]];
    ec_table table = *t->table;
    table.z = z;
    const ec_rank_options options = {.n_samples = 1000, .n_threads = 1, .seed = t->draw};
    ec_error err;
    if (ec_rank(rows, NULL, &table, &b, 1, &options, &err) != EC_OK ||
        ec_rank_baseline(sum, &table, &b, 1, NULL, EC_BASELINE_SUM, &err) != EC_OK)
        stop(err.message);
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        const ec_ranked *row = &rows[i];
        const double real = t->table->z[b * n + row->candidate];
        if (!isnan(row->measured) || isnan(real) || isnan(row->low)) continue;
        t->inside += real >= row->low && real <= row->high;
        t->total++;
        truth[m] = sign * real;
        predicted[m] = sign * row->predicted;
        prior[m++] = -sum[row->candidate];
    }
    t->predicted = t->prior = NAN;
    if (m > 2 && (ec_spearman(&t->predicted, predicted, truth, m, NULL) != EC_OK ||
                  ec_spearman(&t->prior, prior, truth, m, NULL) != EC_OK))
        stop("no memory");
    free(z);
    free(sum);
    free(order);
    free(rows);
}

static void quality(const char *path, size_t draws, char **names, size_t n_names) {
    ec_study *study;
    ec_study_snapshot *known;
    ec_error err;
    ec_rank_column columns[EC_RANK_MAX_COLUMNS];
    if (n_names > EC_RANK_MAX_COLUMNS) stop("too many columns");
    for (size_t k = 0; k < n_names; k++)
        if (ec_rank_column_read(&columns[k], names[k], &err) != EC_OK) stop(err.message);
    if (ec_study_open(&study, path, &err) != EC_OK ||
        ec_study_snapshot_get(&known, study, &err) != EC_OK ||
        ec_study_snapshot_choose(known, study, columns, n_names, &err) != EC_OK)
        stop(err.message);
    static const size_t few[] = {2, 3, 4, 6, 8, 11, 0}, many[] = {4, 8, 16, 32, 0};
    const size_t *m = known->table.n_candidates < 40 ? few : many,
                 n_over = known->table.n_benchmarks;
    trial *trials = malloc(draws * n_over * sizeof *trials);
    if (trials == NULL) stop("no memory");
    for (; *m != 0 && *m < known->table.n_candidates; m++) {
        for (size_t k = 0; k < draws * n_over; k++)
            trials[k] = (trial){
                .table = &known->table, .benchmark = k % n_over, .m = *m, .draw = k / n_over};
        ec_parallel_for(draws * n_over, 0, play, trials);
        double inside = 0.0, total = 0.0, predicted = 0.0, prior = 0.0, n = 0.0;
        for (size_t k = 0; k < draws * n_over; k++) {
            inside += (double)trials[k].inside;
            total += (double)trials[k].total;
            if (isnan(trials[k].predicted) || isnan(trials[k].prior)) continue;
            predicted += trials[k].predicted;
            prior += trials[k].prior;
            n += 1.0;
        }
        printf("{\"study\": \"%s\", \"results\": %zu, \"draws\": %zu, \"intervals_hold\": %.4f, "
               "\"rank_correlation\": %.4f, \"of_the_scores_sum\": %.4f}\n",
               path, *m, draws, inside / total, predicted / n, prior / n);
        fflush(stdout);
    }
    free(trials);
    ec_study_snapshot_free(known);
    ec_study_close(study);
}

static void speed(size_t n, size_t n_over) {
    double *numbers = malloc((n * (2 * n_over + 1)) * sizeof *numbers);
    size_t *over = malloc(n_over * sizeof *over);
    ec_ranked *rows = malloc(n * sizeof *rows);
    if (!numbers || !over || !rows) stop("no memory");
    double *a = numbers, *c = a + n * n_over, *z = c + n;
    ec_rng rng;
    ec_rng_init(&rng, 7, 0);
    for (size_t i = 0; i < n; i++) c[i] = ec_rng_uniform(&rng);
    for (size_t b = 0; b < n_over; b++) {
        over[b] = b;
        for (size_t i = 0; i < n; i++) {
            a[b * n + i] = ec_rng_uniform(&rng);
            z[b * n + i] =
                i % 300 == 0 ? 40.0 + 10.0 * (a[b * n + i] + c[i]) + ec_rng_normal(&rng) : NAN;
        }
    }
    const ec_table table = {.n_candidates = n, .n_benchmarks = n_over, .a = a, .c = c, .z = z};
    ec_error err;
    enum { TURNS = 5 };
    double clock[TURNS], processor[TURNS];
    for (int turn = 0; turn < TURNS; turn++) {
        const double from = now(CLOCK_MONOTONIC), busy = now(CLOCK_PROCESS_CPUTIME_ID);
        if (ec_rank(rows, NULL, &table, over, n_over, &(ec_rank_options){.n_threads = 2}, &err) !=
            EC_OK)
            stop(err.message);
        clock[turn] = now(CLOCK_MONOTONIC) - from;
        processor[turn] = now(CLOCK_PROCESS_CPUTIME_ID) - busy;
    }
    printf("{\"candidates\": %zu, \"benchmarks\": %zu, \"threads\": 2, \"seconds\": %.3f, "
           "\"processor_seconds\": %.3f}\n",
           n, n_over, median(clock, TURNS), median(processor, TURNS));
    free(numbers);
    free(over);
    free(rows);
}

int main(int argc, char **argv) {
    if (argc >= 3 && strcmp(argv[1], "quality") == 0)
        quality(argv[2], argc > 3 ? strtoul(argv[3], NULL, 10) : 20, argv + 4,
                argc > 4 ? (size_t)argc - 4 : 0);
    else if (argc == 4 && strcmp(argv[1], "time") == 0)
        speed(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    else
        stop("usage: rank_bench quality STUDY [DRAWS] [COLUMN...] | rank_bench time N BENCHMARKS");
    return 0;
}
