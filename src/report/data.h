/* data.h - everything the report page shows, as one JSON object
 *
 * The page's scripts (page/) read it; they compute nothing but positions and words. Numbers that
 * are not known, NaN and infinite ones too, are null. Where something cannot be computed yet, the
 * object in its place has one member, "why", a sentence for the reader.
 *
 *     program       "eyechart 0.1.0"
 *     study         name, path, builtin, policy, policy_summary, seed
 *     made          time (UTC), command or null, digest of names, scores and results
 *     options       model "gp" or "law", law_model, ridge, level, n_samples, seed, columns: name
 *                   and weight of what the rankings and recall go by; the laws are of A and C
 *     hours         spent, left, n_unknown (candidates that neither sum counts)
 *     warnings      what the rankings have to be read with, a sentence each
 *                   (ec_study_check_ranking)
 *     n_observed    candidates with at least one result
 *     c_unit        what C counts in, "% PCK@0.10"; null: only the user knows
 *     columns       numbers beside A and C: name, benchmark (index; null: for all), values [n], se
 *                   [n]
 *     columns_left_out    how many more there are than a page holds
 *     candidates    [n] name, c, c_se, mean_a, cost, hours, pending, n_measured
 *     benchmarks    [m] name, group, direction, low, high, weight, a [n], a_se [n], z [n],
 *                   law: model, terms, w, se, undetermined, range, z_min, z_max, n, rank, quality,
 *                        fitted [n], left_out [n]; or why
 *     groups        name, benchmarks (indices), models: model, r2, loo_q2, random_r2
 *     rankings      name, over (indices), rows as in ec_ranked; or why. First all benchmarks, then
 *                   each group of several, then each benchmark
 *     recall        n, top, trials, seed, policies: name, summary, recall [m][n], trained [m][n];
 *                   or why
 *     profile       measured [m][n], predicted [m][n]: min-max over the candidates' values, 1 best
 *     sums          [n] summed over the benchmarks, measured or predicted (figure 5 of the paper)
 *     joined        what, from, to: the pairs of candidates that figure 5 joins
 *     pictures      of the study's folder `pictures`: file, title, description, width, height, uri
 *     pictures_left_out   file, why
 */
#ifndef EC_REPORT_DATA_H
#define EC_REPORT_DATA_H

#include <jansson.h>

#include "eyechart/report.h"

/*   out   owned, json_decref() releases; NULL on failure
 *
 * Errors: those of ec_study_snapshot_get, EC_ERR_NOMEM. */
ec_status ec_report_data(json_t **out, ec_study *study, const ec_report_options *options,
                         ec_error *err);

#endif
