/* scoring.h - one process at work on a job */
#ifndef EC_SCORING_SCORING_H
#define EC_SCORING_SCORING_H

#include "eyechart/alignment.h"
#include "eyechart/representation.h"
#include "scoring/score_plan.h"

typedef struct ec_kernel ec_kernel;   /* of score_m.c */
typedef struct ec_a_value ec_a_value; /* of score_a.c */

typedef struct ec_scoring {
    ec_job *job;
    ec_score_watcher watcher; /* may be NULL */
    void *context;
    ec_score_progress progress;
    double started, passes_at_start; /* seconds of the clock; left to do then */

    ec_correspondence *correspondence;
    ec_image *images; /* of `images_category`, decoded; NULL: none */
    size_t images_category;

    size_t *a_order;    /* [n_encoders] of the passes of A; NULL: A was not begun */
    ec_a_value *values; /* [n_values] of A, to be written */
    size_t n_values;
    bool *turned_images;    /* [n_images] of A whose EXIF asks in vain to turn them */
    size_t n_turned;        /* their number */
    const char *turned;     /* the first of them */
    bool *forgotten_images; /* [n_images] of which A keeps nothing any more in the folder work */

    ec_kernel *grams; /* [n_encoders] those that were needed; NULL: none */
    size_t n_grams;
} ec_scoring;

/* What became of looking for work: nothing is missing; some was done; the rest is in the hands of
 * other processes, or waits for them. */
typedef enum ec_outcome { EC_COMPLETE, EC_WORKED, EC_WAIT } ec_outcome;

/* One category under one protocol, as far as this process can. */
ec_status ec_scoring_category(ec_outcome *outcome, ec_scoring *run, ec_c_protocol protocol,
                              size_t category, ec_error *err);

/* A of all candidates, as far as this process can. */
ec_status ec_scoring_alignment(ec_outcome *outcome, ec_scoring *run, ec_error *err);

/* The measures of all encoders and candidates, as far as this process can. */
ec_status ec_scoring_measures(ec_outcome *outcome, ec_scoring *run, ec_error *err);

/* Releases what the three have opened. */
void ec_scoring_close_category(ec_scoring *run);
void ec_scoring_close_alignment(ec_scoring *run);
void ec_scoring_close_measures(ec_scoring *run);

/* Where a pass failed because one of its images is gone, says what to do. */
ec_status ec_scoring_explain_gone(ec_status status, const char *const *paths, size_t n,
                                  ec_error *err);

/* A consumer of a pass (features/pass.h) that writes mean tokens: those of images of the sample
 * that study.db has not, a batch in one transaction. */
typedef struct ec_mean_tokens {
    ec_scoring *run;
    size_t encoder;
    const size_t *indices; /* [images of the pass] into job->sample, or EC_NO_INDEX */
} ec_mean_tokens;
ec_status ec_mean_tokens_put(void *means, const ec_pass_batch *batch, ec_error *err);

/* The measures of a part, from study.db: out has the means over what it is compared with,
 * beside[n_compare_with] each. */
ec_status ec_scoring_read_measures(double out[EC_REPRESENTATION_COLUMNS],
                                   double (*beside)[EC_REPRESENTATION_BESIDE], ec_job *job,
                                   const ec_job_part *part, ec_error *err);

/* After `passes` more images through encoders. */
ec_status ec_scoring_advance(ec_scoring *run, double passes, ec_error *err);
/* Counts anew what is done and left: after every unit. */
ec_status ec_scoring_recount(ec_scoring *run, ec_error *err);

#endif
