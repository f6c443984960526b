/* score_job.h - what there is to score: study.yaml brought together with the files it names and
 * with what study.db knows already
 *
 * Built in steps, so that `doctor` can go on after a step that failed:
 *
 *     init -> one part a candidate -> keypoints -> images of each benchmark -> keys -> done
 */
#ifndef EC_SCORING_SCORE_JOB_H
#define EC_SCORING_SCORE_JOB_H

#include "eyechart/connector.h"
#include "eyechart/image_set.h"
#include "eyechart/matching.h"
#include "eyechart/score.h"
#include "scores/align_work.h"
#include "scoring/file_memory.h"
#include "scoring/score_work.h"

#define EC_NO_INDEX ((size_t)-1)

/* A folder of weights, with a preparation and a size. */
typedef struct ec_job_place {
    ec_feature_source source;     /* folder borrowed from the study */
    char signature[EC_HASH_SIZE]; /* of the files, when it was identified */
} ec_job_place;

/* An encoder with a preparation and a size, and what is known of it without opening it. */
typedef struct ec_job_encoder {
    ec_feature_source source;    /* of the first place */
    char identity[EC_HASH_SIZE]; /* of all that decides its features */
    ec_extractor_info info;
    ec_job_place *places; /* [n_places] all where it was found; any of them may be opened */
    size_t n_places;
} ec_job_encoder;

typedef struct ec_job_connector {
    const char *path; /* borrowed from the study */
    char signature[EC_HASH_SIZE], identity[EC_HASH_SIZE];
    size_t n_inputs, n_outputs;
    double flops; /* of a token */
} ec_job_connector;

/* Results of one kind that a part wants: which of n items, and which of them study.db has.
 *
 *     C under a protocol   items are the categories of the keypoints; one key
 *     A                    items are the images, done with every reference; a key for each
 * reference measures             item 0 is of its own, item 1 + r beside what it is compared with;
 * a key for each */
typedef struct ec_job_results {
    size_t n;            /* 0: none of this kind is wanted, or the keys are not made yet */
    bool *wanted, *done; /* [n] */
    char (*key)[EC_HASH_SIZE];
} ec_job_results;

/* One candidate, or a reference. */
typedef struct ec_job_part {
    size_t candidate;
    bool selected;  /* to be scored; else only a reference */
    bool resampled; /* its encoders have different grids: C is on the finest */
    char note[200]; /* why a score is left out, or that C is resampled; "" */

    bool wants_c;
    ec_feature_source *sources; /* [n_members] as declared, with layer and tokens settled */
    size_t n_members;
    size_t *members[EC_C_PROTOCOLS]; /* encoders, by identity: the order of summing */
    ec_job_results c[EC_C_PROTOCOLS];

    bool wants_a;
    size_t *a_members; /* [n_members] encoders in the order of concatenation; NULL: neither wants A
                          nor is a reference */
    char rows_key[EC_HASH_SIZE]; /* of its embeddings, which decide A with those of the reference */
    ec_job_connector connector;
    ec_job_results a;

    bool wants_measures;
    size_t *measured; /* [n_members] encoders, by identity: the order of adding K */
    ec_job_results measures;
} ec_job_part;

/* Encoders that the measures compare with: those of a candidate. */
typedef struct ec_job_compared {
    size_t *members; /* [n_members] by identity */
    size_t n_members;
} ec_job_compared;

/* An image that the measures are taken on. */
typedef struct ec_job_sample {
    const char *path; /* borrowed from the images, or the keypoints */
    char hash[EC_HASH_SIZE];
    size_t image; /* into job->images; EC_NO_INDEX: of the keypoints */
} ec_job_sample;

/* A different image of the benchmarks. */
typedef struct ec_job_image {
    char *path; /* where it was found first */
    char hash[EC_HASH_SIZE];
} ec_job_image;

/* The images of one benchmark as they were chosen; one may be there twice. */
typedef struct ec_job_choice {
    size_t *images; /* [n], into job->images */
    char **paths;   /* [n] */
    size_t n;
} ec_job_choice;

typedef struct ec_job {
    ec_study *study;
    ec_score_settings settings;
    ec_score_options options;
    ec_file_memory files;
    ec_work work; /* named; entered by `score` alone */

    ec_job_encoder *encoders;
    size_t n_encoders;
    ec_job_part *parts;
    size_t n_parts;
    size_t *reference_parts; /* [settings.n_references] */
    size_t n_left_out;       /* of what 'combine:' made: different grids, or an encoder twice */

    bool has_keypoints;
    ec_keypoint_set set;
    char (*category_key)[EC_HASH_SIZE]; /* [set.n_categories] */

    ec_job_choice *choices; /* [n_benchmarks] */
    ec_job_image *images;
    size_t n_images, images_capacity;
    ec_text notes; /* a line for what each list of images left out */

    ec_job_compared *compared; /* [settings.n_compare_with] */
    ec_job_sample *sample;     /* [n_sample] different ones */
    const char **sample_hashes;
    char **towers; /* [n_towers] what sources have as their weights */
    size_t n_towers;

    size_t n_sample;
    bool *pooled; /* [n_encoders][n_sample]: study.db has the mean token */

    ec_align_work align;      /* its members are the parts that have A, or are references */
    size_t *align_parts;      /* [align.n_members] which parts */
    size_t *align_references; /* [n_references] which members */
} ec_job;

/* Release also after a failure of any step. */
ec_status ec_job_init(ec_job *job, ec_study *study, const ec_score_options *options, ec_error *err);
void ec_job_release(ec_job *job);

/* Is there a score to compute by what study.yaml says, whether or not study.db has it already? */
bool ec_job_has_wants(const ec_study *study);

/* The same of A alone, or of C. */
bool ec_job_wants(const ec_study *study, bool a);

/* The encoders of a candidate with the layer and the tokens that study.yaml says, or else the
 * config.json of its connector; and with the vision tower of the connector's model where that
 * differs from the folder's. *out is owned, [*n]. Errors: EC_ERR_ARG they contradict; those of
 * ec_connector_features_read; EC_ERR_NOMEM. */
ec_status ec_job_sources(ec_feature_source **out, size_t *n, ec_job *job, size_t candidate,
                         ec_error *err);
/* "layer -1, all tokens"; false: layer -2 and patch tokens, or its encoders have different ones. */
bool ec_job_describe_features(char *out, size_t size, const ec_job_part *part);

/* The place of an encoder in job->encoders; what has one identity has one place. */
ec_status ec_job_find_encoder(size_t *index, ec_job *job, const ec_feature_source *source,
                              ec_error *err);
/* Sorts by identity, the order in which sums are taken. */
void ec_job_sort_members(size_t *members, size_t n, const ec_job *job);
/* The patches along a side of the finest of their grids. */
size_t ec_job_finest_grid(const ec_job *job, const size_t *members, size_t n);
/* Fills all but connector->path. */
ec_status ec_job_identify_connector(ec_job_connector *connector, ec_job *job, ec_error *err);

/* Adds a candidate that has an encoder: identifies encoders and connector, checks that they fit.
 * *index (may be NULL) is its place in job->parts; EC_NO_INDEX where it is left out, as one that
 * 'combine:' made of encoders with different grids. Errors name the candidate. */
ec_status ec_job_add_part(size_t *index, ec_job *job, size_t candidate, bool selected,
                          ec_error *err);
/* Do the embeddings of part and reference have one width? Names both. */
ec_status ec_job_check_reference(const ec_job *job, const ec_job_part *part, size_t reference,
                                 ec_error *err);
ec_status ec_job_load_keypoints(ec_job *job, ec_error *err);
ec_status ec_job_identify_category(ec_job *job, size_t category, ec_error *err);
ec_status ec_job_load_images(ec_job *job, size_t benchmark, ec_error *err);
/* The images of a benchmark in words, for messages about one that is missing: where paths begin. */
enum { EC_LIST_WORDS = 700 };
void ec_job_name_list(char out[EC_LIST_WORDS], const ec_job *job, size_t benchmark);
/* Keys of all parts, and which of their results study.db has. */
ec_status ec_job_find_done(ec_job *job, ec_error *err);

/* Room for n items, all wanted, none done, and for n_keys keys; what was there is released. */
ec_status ec_job_results_init(ec_job_results *results, const ec_job *job, size_t n, size_t n_keys,
                              ec_error *err);
/* Is the item wanted and not done? */
bool ec_job_lacks(const ec_job_results *results, size_t item);
/* Adds how many are wanted, and how many of these are done. */
void ec_job_results_count(size_t *n_wanted, size_t *n_done, const ec_job_results *results);

/* All steps, stopping at the first error. */
ec_status ec_job_build(ec_job *job, ec_study *study, const ec_score_options *options,
                       ec_error *err);

/* Looks again for results of one category; of images from, from + 1, …, from + n - 1. */
ec_status ec_job_refresh_category(ec_job *job, ec_c_protocol protocol, size_t category,
                                  ec_error *err);
ec_status ec_job_refresh_images(ec_job *job, size_t from, size_t n, ec_error *err);

/* ---- units of A (score_align.c) ---- */

/* Sets job->align, once the keys are known; part of ec_job_find_done. */
ec_status ec_job_prepare_alignment(ec_job *job, ec_error *err);
void ec_job_release_alignment(ec_job *job);
/* Deletes what units of A keep of an image. False, and nothing is deleted: a score is still to
 * come. */
bool ec_job_forget_image(ec_job *job, size_t image);
/* EC_ERR_IO if files of the part's connector or encoders changed since they were identified. */
ec_status ec_job_check_part(const ec_job *job, const ec_job_part *part, ec_error *err);

/* ---- measures (score_sample.c) ---- */

bool ec_job_any_measures(const ec_job *job);
/* Does a benchmark have images? Else the measures are taken on those of the keypoints. */
bool ec_job_has_images(const ec_study *study);
/* The encoders of a candidate, by identity; *members is owned. */
ec_status ec_job_find_measured(size_t **members, size_t *n_members, ec_job *job, size_t candidate,
                               ec_error *err);
/* Those that the measures compare with, after the parts. Errors name the candidate. */
ec_status ec_job_find_compared(ec_job *job, ec_error *err);
/* Images and keys of the measures, and what study.db has of them; part of ec_job_find_done. */
ec_status ec_job_find_measures(ec_job *job, ec_error *err);
void ec_job_release_measures(ec_job *job);

/* The names of the measures kept under part->measures.key[k]; NULL past the end. */
const char *ec_measure_name(size_t k, size_t i);
/* The key of the mean tokens of an encoder, a unit of work. */
void ec_job_pooled_key(char key[EC_HASH_SIZE], const ec_job *job, size_t encoder);
/* Look again for what others may have written. */
ec_status ec_job_refresh_measures(ec_job *job, ec_job_part *part, ec_error *err);
ec_status ec_job_refresh_pooled(ec_job *job, size_t encoder, ec_error *err);
ec_status ec_job_refresh_all_measures(ec_job *job, ec_error *err);
bool ec_job_has_measures(const ec_job *job, const ec_job_part *part); /* all of them */
/* Does an unfinished part need the mean tokens of the encoder? */
bool ec_job_needs_pooled(const ec_job *job, size_t encoder);
/* Are the mean tokens of all these encoders there? */
bool ec_job_is_pooled(const ec_job *job, const size_t *members, size_t n);
ec_status ec_job_check_sample(ec_job *job, size_t index, ec_error *err);

/* The key of the rows of an encoder, a unit of work. */
void ec_job_rows_key(char key[EC_HASH_SIZE], const ec_job *job, size_t encoder,
                     ec_c_protocol protocol, size_t category);
/* Does any unfinished part of the category need this encoder: by itself, or in a combination? */
bool ec_job_needs_alone(const ec_job *job, size_t encoder, ec_c_protocol protocol, size_t category);
bool ec_job_needs_rows(const ec_job *job, size_t encoder, ec_c_protocol protocol, size_t category);

/* EC_ERR_IO if files of an encoder, a connector, or images changed since they were identified. */
ec_status ec_job_check_encoder(const ec_job *job, size_t encoder, ec_error *err);
ec_status ec_job_check_connector(const ec_job_connector *connector, ec_error *err);
ec_status ec_job_check_category(ec_job *job, size_t category, ec_error *err);
ec_status ec_job_check_image(ec_job *job, size_t image, ec_error *err);

const char *ec_job_name(const ec_job *job, const ec_job_part *part);
/* With which every encoder is opened. */
ec_encoder_options ec_job_encoder_options(const ec_job *job);

#endif
