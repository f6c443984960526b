/* score.h - A and C of every candidate of a study, computed from images
 *
 *     study.yaml: encoder, connector of each candidate; keypoints; images of each benchmark
 *        | plan: what is known already, what has to be computed, how long it takes
 *        v
 *     C   one unit of work: (encoder, protocol, category of the keypoint set)
 *         features -> similarity rows -> right or wrong, for every pair; kept in study.db.
 *         Rows of encoders that are also members of a combination wait in the study's folder
 *         `work` until the combinations over their category are done: the similarity of
 *         concatenated features is the mean of the encoders' similarities, so a combination costs
 *         no pass of its own.
 *     A   one unit of work: (encoder, up to 32 images), of which every 8 are written
 *         features -> connector -> maximum cosine to each reference, for every image; kept.
 *         The references' encoders come first. Their embeddings of a block of images, and features
 *         of encoders that combinations join, wait in `work` until the others are done: so one
 *         encoder is open at a time, and each runs once
 *     measures, without labels   one unit of work: an encoder, then a candidate
 *         features, of A where they are computed for it -> mean token of every image; kept
 *         -> cka, mutual_knn, rank, norms (representation.h); a combination costs no pass
 *        v
 *     the scores of the candidates, with standard errors, as rank, fit and ask read them
 *
 * A result is kept under a key: a hash of all that decides it (weights, preparation, layer, size,
 * connector, content of the images, keypoints, protocol). What changed has another key and is
 * computed anew; what did not is found again. So a run that was stopped, by Ctrl-C, kill -9, a full
 * disk or a missing image, goes on where it was and ends with the same content of study.db.
 *
 * Any number of processes may score one study: they share the units, none is computed twice, and
 * each ends when all are done. (On one machine: file locks, which die with their process.) So may
 * threads of one process, each with an ec_study of its own, since flock(2) locks the opened file.
 *
 * Definitions, and their sources: alignment.h (A), correspondence.h (C), representation.h.
 */
#ifndef EYECHART_SCORE_H
#define EYECHART_SCORE_H

#include "eyechart/device.h"
#include "eyechart/representation.h"
#include "eyechart/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- plan -------------------------------------------------------------------------------- */

/* Zero-initialised means all; to compute takes a context. */
typedef struct ec_score_options {
    bool only_a, only_c, only_measures; /* at most one of them */
    const size_t *candidates;           /* [n_candidates] these only, and what they need */
    size_t n_candidates;
    ec_ctx *ctx;    /* what computes, borrowed for the call; a plan needs it to calibrate alone */
    bool calibrate; /* measure for up to about three seconds, for the estimate of time */
    ec_watch watch;   /* may stop the reading of weights and images that comes before the work;
                         ec_study_score() asks its watcher where there is none */
} ec_score_options;

/* What one candidate needs. */
typedef struct ec_score_part {
    size_t candidate;
    size_t n_encoders;                /* 1, or the members of a combination */
    size_t c_categories, c_cached;    /* categories of both protocols; of them, known already */
    size_t a_images, a_cached;        /* images of all benchmarks; of them, known already */
    size_t measures, measures_cached; /* of its own, and beside each it is compared with */
    bool has_c, has_a, has_measures;  /* false: cannot or need not be computed */
    int layer;                        /* hidden state of its (first) encoder's features */
    bool all_tokens;                  /* class and register tokens, too, for A */
    bool resampled;                   /* its encoders have different grids: C is on the finest */
    char note[200];                   /* why A or C is not there, or that it is resampled; "" */
} ec_score_part;

typedef struct ec_score_plan {
    ec_score_part *parts; /* [n_parts] candidates with an encoder, in the order of study.yaml */
    size_t n_parts;
    size_t n_left_out; /* that 'combine:' made of encoders with different grids, or of one twice */
    size_t n_encoders; /* different (weights, preparation) to run */
    size_t n_images;   /* different images to read */
    size_t n_pairs;    /* of keypoints */
    size_t n_results, n_results_cached; /* a category of a candidate, an image of a candidate */
    double passes;                      /* images through encoders, still to do */
    double flops;                       /* of these passes, matching and cosines */
    double seconds;                     /* estimate; NaN when not calibrated */
    double disk_bytes;                  /* that work/ and study.db may grow by */
    double disk_free_bytes;
    double memory_bytes; /* of the largest category in flight, beside one encoder */
} ec_score_plan;

/* Finds out what would be done, and that it can be: opens every encoder and connector, reads every
 * image file once to know its content (remembered by path, size, time and inode). Nothing is
 * computed but the calibration.
 *
 *   out   owned; ec_score_plan_free()
 *
 * Errors: EC_ERR_ARG nothing to score: no candidate has an encoder, or neither keypoints nor images
 * are declared; and whatever is wrong with a candidate's encoder or connector (named), a list of
 * images, the keypoints, or a file that is missing. */
ec_status ec_study_plan(ec_score_plan **out, ec_study *study, const ec_score_options *options,
                        ec_error *err);
void ec_score_plan_free(ec_score_plan *plan);

/* ---- score ------------------------------------------------------------------------------- */

typedef struct ec_score_progress {
    char doing[200];                   /* "C, authors, CLIP@336, cat" */
    size_t n_results, n_done;          /* of this and other processes */
    size_t n_cached;                   /* of n_done: known before this process began */
    double passes_done, passes_left;   /* images through encoders, by this process and in all */
    double passes_per_s, seconds_left; /* NaN until known */
    bool waiting;                      /* for other processes; nothing is left to begin */
} ec_score_progress;

/* Called often (after every image), from the calling thread. Returning false stops the run: what
 * was computed is kept but for the unit in flight. */
typedef bool (*ec_score_watcher)(void *context, const ec_score_progress *progress);

/* The scores of one candidate, as they are in study.db now. NaN: not computed. */
typedef struct ec_score_row {
    size_t candidate;
    double c[2], c_se[2]; /* percent; authors', consistent */
    bool resampled;       /* C is on the finest of different grids */
    double *a, *a_se;     /* [n_benchmarks] */
    double *a_of;         /* [n_references][n_benchmarks] A to one reference alone */
    double measures[EC_REPRESENTATION_COLUMNS]; /* means over what they compare with */
    double (*beside)[EC_REPRESENTATION_BESIDE]; /* [n_compare_with] with each alone */
} ec_score_row;

typedef struct ec_score_summary {
    ec_score_row *rows; /* [n_rows] */
    size_t n_rows, n_benchmarks, n_references, n_compare_with;
    size_t n_left_out;          /* as in the plan */
    size_t n_results, n_cached; /* in all; known before this process began */
    double passes;              /* images through encoders, by this process */
    size_t n_changed;           /* scores that differ from what study.db had */
    size_t n_lost;              /* that `score` had written and cannot tell any more, as study.yaml
                                   and the images are now; no longer told */
    char lost[400];             /* which, in words: "cka of CLIP@336, ..." */
    size_t n_turned;            /* images for A, decoded by this process, whose EXIF asks to turn
                                   them and that were taken as they lie */
    char turned[200];           /* the path of the first of them */
    char *notes;                /* what lists of images left out, a line each; NULL: nothing */
    double seconds;
} ec_score_summary;

/* Plans, computes what is missing, and writes the scores.
 *
 *   watcher   may be NULL
 *   out       may be NULL; owned, ec_score_summary_free(); NULL on failure
 *
 * Errors: those of the plan; EC_ERR_INTERRUPTED the watcher said stop; EC_ERR_IO disk full, an
 * image or a weight file that cannot be read any more; EC_ERR_NOMEM; EC_ERR_BUSY study.db stayed
 * locked. After any of them what was computed is kept, and the same call goes on. */
ec_status ec_study_score(ec_score_summary **out, ec_study *study, const ec_score_options *options,
                         ec_score_watcher watcher, void *context, ec_error *err);
void ec_score_summary_free(ec_score_summary *summary);

/* ---- doctor ------------------------------------------------------------------------------ */

/* Everything that would stop or weaken scoring and the loop, each with what to do: missing weights,
 * connectors, images, keypoints, references; connectors of another shape; combinations whose grids
 * differ; images that cannot be decoded (each is, on all processors); scripts of `run` that are
 * missing; disk space; a damaged study.db. EC_FINDING_ERROR is what stops `score` or `run`.
 *   out       owned array, free with free()
 *   watcher   may be NULL; asked before the first image is decoded and from then on; false ends the
 *             check with EC_ERR_INTERRUPTED */
typedef bool (*ec_doctor_watcher)(void *context, size_t n_images_done, size_t n_images);
ec_status ec_study_doctor(ec_finding **out, size_t *n_out, ec_study *study,
                          ec_doctor_watcher watcher, void *context, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
