/* origins.h - where the scores of a study come from, ready for use: paths from the study's folder,
 * encoders taken apart, references by index. Made from study.yaml whenever it is read. */
#ifndef EC_STUDY_ORIGINS_H
#define EC_STUDY_ORIGINS_H

#include "eyechart/study.h"
#include "study/declaration.h"

typedef struct ec_candidate_origin {
    ec_feature_source *sources; /* [n_sources], or NULL */
    size_t n_sources;
    char *connector; /* NULL: none */
} ec_candidate_origin;

typedef struct ec_origins {
    ec_score_settings settings;      /* borrows from what follows, and from the declaration */
    ec_candidate_origin *candidates; /* [n_candidates] */
    size_t n_candidates;
    char **images, **image_roots; /* [n_benchmarks], NULL: none */
    size_t n_benchmarks;
    char *keypoints;
    size_t *references, *compare_with;
} ec_origins;

/* `folder` is the study's, `declared` outlives *out. Errors name the candidate: EC_ERR_FORMAT an
 * encoder that is not written as A@336:squash+B; EC_ERR_NOMEM. */
ec_status ec_origins_resolve(ec_origins *out, const char *folder, const ec_declaration *declared,
                             ec_error *err);
void ec_origins_release(ec_origins *origins);

#endif
