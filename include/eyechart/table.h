/* table.h - the numbers that the law and the policies see
 *
 * A table holds, for n_candidates vision representations and n_benchmarks
 * benchmarks, the two scores and the measured performance:
 *
 *     a[b][i]   alignment score A of candidate i for benchmark b, raw
 *     c[i]      correspondence score C of candidate i (PCK@0.10, percent), raw
 *     z[b][i]   benchmark score of candidate i after finetuning, raw units
 *
 * NaN means missing: a score not computed yet, a candidate not finetuned yet.
 * Where A is shared by all benchmarks its row is repeated.
 *
 * Beside these two there may be more scores of a candidate, with weights: label-free measures, or
 * its results with another language model. The fitted law knows A and C alone.
 *
 * Results have noise: another seed of the same finetuning, another evaluation of the same model
 * give another number. Of n results x[k] of one candidate for one benchmark
 *
 *     each with its standard error e[k]    z = sum(x[k] / e[k]^2) / sum(1 / e[k]^2)
 *                                          z_se = f / sqrt(sum(1 / e[k]^2))
 *     else                                 z = mean of x[k]
 *                                          z_se = s / sqrt(n)
 *
 * where s^2, the variance of a single result, is pooled over the candidates of that benchmark: the
 * sum of squared deviations of repeats from the mean of their candidate, divided by its degrees of
 * freedom (n - 1 of each candidate). With 3 degrees of freedom or more s is that of every
 * candidate, so that those with a single result without an error get s itself; with fewer it is
 * taken from the candidate's own repeats, and a single result has none. Repeats that are all equal
 * say nothing about s.
 *
 * f says by how much the errors given are too small, as those of an evaluation are, which knows the
 * noise of its questions and not that of another seed: f^2 is the sum of ((x[k] - z) / e[k])^2 over
 * repeats, divided by its degrees of freedom, and at least 1 (the scale factor of the Particle Data
 * Group). It is pooled over the benchmark as s is, from 3 degrees of freedom on also for candidates
 * with a single result; with fewer it is that of the candidate's own repeats, and 1 for a single
 * result.
 */
#ifndef EYECHART_TABLE_H
#define EYECHART_TABLE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Borrows its arrays from whoever made it (a study's snapshot, a test). */
typedef struct ec_table {
    size_t n_candidates;
    size_t n_benchmarks;
    const double *a;    /* [n_benchmarks][n_candidates] */
    const double *a_se; /* standard errors of a, same shape; NULL or NaN: unknown, taken as 0 */
    const double *c;    /* [n_candidates] */
    const double *c_se; /* [n_candidates]; NULL or NaN: unknown, taken as 0 */
    const double *z;    /* [n_benchmarks][n_candidates]; of a repeated result the mean */
    const double *z_se; /* standard error of z, same shape; NULL or NaN: unknown */
    const double *z_n; /* results behind z, same shape: 1, with repeats more, 0 where z is NaN;
                          NULL: 1 */
    const int *direction; /* [n_benchmarks]: +1 higher is better, -1 lower is better; NULL: all
                             +1 */
    const double *low, *high; /* [n_benchmarks] the benchmark's full scale; NULL or NaN: 0 and
                                 100 */
    const double *noise; /* [n_benchmarks] standard error of a result that z_se does not tell; NULL
                            or NaN: 0 */
    size_t n_more;       /* scores beside A and C */
    const double *more;  /* [n_more][n_benchmarks][n_candidates] */
    const double *more_se; /* their standard errors, same shape; NULL or NaN: unknown, taken as 0 */
    const double *weights; /* [2 + n_more] of A, C and the others, relative to each other, >= 0;
                              NULL: equal. A score with the weight 0 is not used */
} ec_table;

#ifdef __cplusplus
}
#endif
#endif
