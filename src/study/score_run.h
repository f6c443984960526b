/* score_run.h - one process at work on a job */
#ifndef EC_STUDY_SCORE_RUN_H
#define EC_STUDY_SCORE_RUN_H

#include "eyechart/alignment.h"
#include "study/score_plan.h"

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

/* Releases what the two have opened. */
void ec_run_close_category(ec_run *run);
void ec_run_close_aligner(ec_run *run);

/* Tells the watcher; EC_ERR_INTERRUPTED where it says stop. */
ec_status ec_run_tell(ec_run *run, ec_error *err);
/* After `passes` more images through encoders. */
ec_status ec_run_advance(ec_run *run, double passes, ec_error *err);
/* Counts anew what is done and left: after every unit. */
ec_status ec_run_recount(ec_run *run, ec_error *err);

#endif
