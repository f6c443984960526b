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
/* What is left to do. EC_ERR_NOMEM. */
ec_status ec_job_measure(ec_job_cost *cost, const ec_job *job, ec_error *err);

/* The same of A for images from, from + 1, …, from + n - 1 alone. */
ec_status ec_job_measure_images(ec_job_cost *cost, const ec_job *job, size_t from, size_t n,
                                ec_error *err);

/* used[n_encoders]: which encoders units of A still run the image through; false: none, or
 * EC_NO_INDEX. */
bool ec_job_mark_passes_of_a(bool *used, const ec_job *job, size_t image);

/* Do the images of the category have to go through the encoder? */
bool ec_job_needs_pass(const ec_job *job, size_t encoder, ec_c_protocol protocol, size_t category);
/* Is A of the part for the image still to be computed? */
bool ec_job_wants_image(const ec_job_part *part, size_t image);

/* What work/ and study.db may grow by, and what the disk has left; NaN where that is not known. */
double ec_job_disk_needed(const ec_job *job);
double ec_job_disk_free(const ec_job *job);

#endif
