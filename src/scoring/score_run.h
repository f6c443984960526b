/* score_run.h - one process at work on a job */
#ifndef EC_SCORING_SCORE_RUN_H
#define EC_SCORING_SCORE_RUN_H

#include "eyechart/alignment.h"
#include "eyechart/representation.h"
#include "scoring/score_plan.h"

typedef struct ec_pool ec_pool; /* of score_m.c */
typedef struct ec_kernel ec_kernel;

typedef struct ec_run {
    ec_job *job;
    ec_score_watcher watcher; /* may be NULL */
    void *context;
    ec_score_progress progress;
    double started, passes_at_start; /* seconds of the clock; left to do then */

    ec_correspondence *matcher;
    ec_image *images; /* of `images_category`, decoded; NULL: none */
    size_t images_category;

    ec_aligner *aligner; /* opened when the first unit of A is begun */
    size_t *aligner_parts;
    size_t n_aligner_parts;
    size_t chunk_from;  /* the first image of the unit of A at work */
    size_t n_turned;    /* images of A whose EXIF asks in vain to turn them */
    const char *turned; /* the first of them */

    ec_pool *pools; /* [n_pools] mean tokens to be written */
    size_t n_pools;
    ec_kernel *grams; /* [n_encoders] those that were needed; NULL: none */
    size_t n_grams;
} ec_run;

/* What became of looking for work: nothing is missing; some was done; the rest is in the hands of
 * other processes, or waits for them. */
typedef enum ec_outcome { EC_COMPLETE, EC_WORKED, EC_WAIT } ec_outcome;

/* One category under one protocol, as far as this process can. */
ec_status ec_run_category(ec_outcome *outcome, ec_run *run, ec_c_protocol protocol, size_t category,
                          ec_error *err);

enum { EC_CHUNK = 8 }; /* images of a unit of A */
/* Images from, from + 1, … of job->images: one unit. */
ec_status ec_run_chunk(ec_outcome *outcome, ec_run *run, size_t from, ec_error *err);

/* The measures of all encoders and candidates, as far as this process can. */
ec_status ec_run_measures(ec_outcome *outcome, ec_run *run, ec_error *err);

/* Releases what the three have opened. */
void ec_run_close_category(ec_run *run);
void ec_run_close_aligner(ec_run *run);
void ec_run_close_measures(ec_run *run);

/* An image, decoded; says what to do where it is gone. */
ec_status ec_run_decode_image(ec_image *out, const char *path, ec_error *err);

/* What a unit of A gives to the measures: takes mean tokens of the features that it is shown
 * (ec_align_looker), writes them within the unit's transaction, and marks them as known once that
 * is committed, or forgets them. */
ec_status ec_run_look(void *context, const ec_feature_source *source, const ec_extractor_info *info,
                      const float *features, size_t n_images, ec_error *err);
ec_status ec_run_put_pools(ec_run *run, ec_error *err);
void ec_run_mark_pools(ec_run *run);
void ec_run_forget_pools(ec_run *run);

/* The measures of a part, from study.db: out has the means over what it is compared with,
 * beside[n_compare_with] each. */
ec_status ec_run_read_measures(double out[EC_REPRESENTATION_COLUMNS],
                               double (*beside)[EC_REPRESENTATION_BESIDE], ec_job *job,
                               const ec_job_part *part, ec_error *err);

/* Tells the watcher; EC_ERR_INTERRUPTED where it says stop. */
ec_status ec_run_tell(ec_run *run, ec_error *err);
/* After `passes` more images through encoders. */
ec_status ec_run_advance(ec_run *run, double passes, ec_error *err);
/* Counts anew what is done and left: after every unit. */
ec_status ec_run_recount(ec_run *run, ec_error *err);

#endif
