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
    const double *a;      /* [n_benchmarks][n_candidates] */
    const double *a_se;   /* standard errors of a, same shape; NULL or NaN: unknown, taken as 0 */
    const double *c;      /* [n_candidates] */
    const double *c_se;   /* [n_candidates]; NULL or NaN: unknown, taken as 0 */
    const double *z;      /* [n_benchmarks][n_candidates] */
    const int *direction; /* [n_benchmarks]: +1 higher is better, -1 lower is better; NULL: all +1 */
} ec_table;

#ifdef __cplusplus
}
#endif
#endif
