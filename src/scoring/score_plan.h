/* score_plan.h - counting what a job has to do */
#ifndef EC_SCORING_SCORE_PLAN_H
#define EC_SCORING_SCORE_PLAN_H

#include "scoring/score_job.h"

typedef struct ec_job_cost {
    double passes; /* images through encoders */
    double flops;
} ec_job_cost;

/* Results wanted, and of them those that are there: a category of a candidate under a protocol, an
 * image of a candidate, its measures of its own, and those beside each that it is compared with. */
void ec_job_count(size_t *n_results, size_t *n_done, const ec_job *job);
/* What is left to do. */
ec_job_cost ec_job_measure(const ec_job *job);

/* Images of a unit of A; it writes what it has after every EC_PASS_BATCH of them. */
enum { EC_A_UNIT = 32 };
/* Will a unit of A still run image `index` of the sample through the encoder? Then it leaves the
 * mean token, too. */
bool ec_job_passes_for_a(const ec_job *job, size_t encoder, size_t index);

/* Do the images of the category have to go through the encoder? */
bool ec_job_needs_pass(const ec_job *job, size_t encoder, ec_c_protocol protocol, size_t category);

/* What work/ and study.db may grow by, and what the disk has left; NaN where that is not known. */
double ec_job_disk_needed(const ec_job *job);
double ec_job_disk_free(const ec_job *job);

#endif
