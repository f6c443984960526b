/* tables.h - what can be done with each table of study.db: one file of this folder has its SQL
 *
 *     event.c         event         who changed what, and when; all rows of a change refer to one
 *     numbers.c       score, extra  A and C; numbers beside them
 *     cost.c          cost          GPU-hours
 *     observation.c   observation   results
 *     question.c      question      what was asked of whom
 *     failure.c       failure       what cannot be finetuned
 *     files.c         file, identity                          what files were when they were read
 *     computed.c      computation, correspondence, alignment  results of scoring, by their keys
 *     pooled.c        pooled, measure                         likewise, of numbers without labels
 *     chosen.c        chosen        the images that A looks at
 *     whole.c         all of them   damage, and names
 *
 * schema.c has what the columns mean. Candidates and benchmarks are names here, and need not be
 * declared any more; the benchmark "" is every benchmark; NaN is null. What writes is called
 * between the begin of a change and ec_database_end(). What reads calls `see` with each row, oldest
 * first, its texts borrowed for the call; a status other than EC_OK that `see` returns ends the
 * reading. Errors of all: EC_ERR_BUSY, EC_ERR_FORMAT (damaged), EC_ERR_IO, EC_ERR_NOMEM.
 */
#ifndef EC_STORE_TABLES_H
#define EC_STORE_TABLES_H

#include "base/hash.h"
#include "store/database.h"

/* ---- event -------------------------------------------------------------------------------- */

/* A row of provenance, now and of this version; *event is its id. worker and source may be NULL. */
ec_status ec_database_put_event(int64_t *event, ec_database *db, const char *command,
                                const char *worker, const char *source, ec_error *err);

/* ---- score -------------------------------------------------------------------------------- */

/* A row of score, or of extra. */
typedef struct ec_number_record {
    const char *candidate, *name, *benchmark; /* name: "A", "C", or that of a column */
    double value, se;
    bool lost; /* value and se are what was known before */
} ec_number_record;

ec_status ec_database_read_scores(ec_database *db,
                                  ec_status (*see)(void *to, const ec_number_record *row), void *to,
                                  ec_error *err);
ec_status ec_database_put_score(ec_database *db, int64_t event, const char *candidate,
                                const char *name, const char *benchmark, double value, double se,
                                ec_error *err);
/* The same unless it is the newest about this benchmark, or about every benchmark; *changed. */
ec_status ec_database_change_score(bool *changed, ec_database *db, int64_t event,
                                   const char *candidate, const char *name, const char *benchmark,
                                   double value, double se, ec_error *err);
/* Marks what `score` wrote as no longer told; what was imported stays. *lost: there was one. */
ec_status ec_database_lose_score(bool *lost, ec_database *db, int64_t event, const char *candidate,
                                 const char *name, const char *benchmark, ec_error *err);

/* ---- extra -------------------------------------------------------------------------------- */

ec_status ec_database_read_extras(ec_database *db,
                                  ec_status (*see)(void *to, const ec_number_record *row), void *to,
                                  ec_error *err);
ec_status ec_database_change_extra(bool *changed, ec_database *db, int64_t event,
                                   const char *candidate, const char *name, const char *benchmark,
                                   double value, double se, ec_error *err);
ec_status ec_database_lose_extra(bool *lost, ec_database *db, int64_t event, const char *candidate,
                                 const char *name, const char *benchmark, ec_error *err);
/* The names and benchmarks of all that was ever known of a candidate. `see` may lose extras. */
ec_status ec_database_read_extras_of(ec_database *db, const char *candidate,
                                     ec_status (*see)(void *to, const char *name,
                                                      const char *benchmark),
                                     void *to, ec_error *err);

/* ---- cost --------------------------------------------------------------------------------- */

typedef enum ec_cost_kind { EC_COST_EXPECTED, EC_COST_RECORDED } ec_cost_kind;

/* Recorded hours of 0 take back those before. */
ec_status ec_database_read_costs(ec_database *db,
                                 ec_status (*see)(void *to, const char *candidate,
                                                  ec_cost_kind kind, double hours),
                                 void *to, ec_error *err);
ec_status ec_database_put_cost(ec_database *db, int64_t event, const char *candidate,
                               ec_cost_kind kind, double hours, ec_error *err);

/* ---- observation -------------------------------------------------------------------------- */

typedef enum ec_observed {
    EC_OBSERVED_VALUE,    /* in the place of those before */
    EC_OBSERVED_REPEAT,   /* beside them */
    EC_OBSERVED_WITHDRAWN /* takes them back; value is what was known */
} ec_observed;

typedef struct ec_observation_record {
    const char *candidate, *benchmark;
    double value, se;
    ec_observed kind;
    const char *time, *worker, *source; /* of the event; "" where those are not asked for */
} ec_observation_record;

ec_status ec_database_read_observations(ec_database *db, bool with_events,
                                        ec_status (*see)(void *to,
                                                         const ec_observation_record *row),
                                        void *to, ec_error *err);
ec_status ec_database_put_observation(ec_database *db, int64_t event, const char *candidate,
                                      const char *benchmark, double value, double se,
                                      ec_observed kind, ec_error *err);
/* Candidates whose newest row takes back; `when` it did, in seconds since 1970. */
ec_status ec_database_read_withdrawn(ec_database *db,
                                     ec_status (*see)(void *to, const char *candidate, double when),
                                     void *to, ec_error *err);

/* ---- question ----------------------------------------------------------------------------- */

typedef struct ec_question_record {
    int64_t id;
    const char *candidate, *worker, *reason;
    const char *state; /* "pending", "answered", "expired" */
    double expires;    /* seconds since 1970 */
    const char *time;  /* when it was asked; ISO 8601, UTC */
    double asked;      /* likewise, in seconds since 1970 */
} ec_question_record;

/* The pending ones that expire after `now`. */
ec_status ec_database_read_questions(ec_database *db, double now,
                                     ec_status (*see)(void *to, const ec_question_record *row),
                                     void *to, ec_error *err);
/* The pending question about a candidate; or, where there is none, the newest to this worker. */
ec_status ec_database_find_pending(bool *found, ec_database *db, const char *candidate,
                                   ec_status (*see)(void *to, const ec_question_record *row),
                                   void *to, ec_error *err);
ec_status ec_database_find_question(bool *found, ec_database *db, const char *candidate,
                                    const char *worker,
                                    ec_status (*see)(void *to, const ec_question_record *row),
                                    void *to, ec_error *err);
/* The newest question that the candidate's results answered and that expires after `now`, unless
 * one is pending. */
ec_status ec_database_find_answered(bool *found, ec_database *db, const char *candidate, double now,
                                    ec_status (*see)(void *to, const ec_question_record *row),
                                    void *to, ec_error *err);
/* How many were ever asked. */
ec_status ec_database_count_questions(int64_t *n, ec_database *db, ec_error *err);

/* A pending question; *id may be NULL. */
ec_status ec_database_put_question(int64_t *id, ec_database *db, int64_t event,
                                   const char *candidate, const char *worker, double expires,
                                   const char *reason, ec_error *err);
/* Marks those that ran out by `now` as expired. */
ec_status ec_database_expire_questions(ec_database *db, double now, ec_error *err);
/* The pending question about a candidate is answered, whoever has it; *any may be NULL. */
ec_status ec_database_answer_question(bool *any, ec_database *db, int64_t event,
                                      const char *candidate, ec_error *err);
/* It is pending again; expires NaN: as long as before. */
ec_status ec_database_reopen_question(ec_database *db, int64_t id, double expires, ec_error *err);
ec_status ec_database_end_question(ec_database *db, int64_t id, double now, ec_error *err);
/* The pending one that this worker has about a candidate lasts until `expires`, or is given up. */
ec_status ec_database_extend_question(ec_database *db, const char *candidate, const char *worker,
                                      double expires, ec_error *err);
ec_status ec_database_drop_question(ec_database *db, const char *candidate, const char *worker,
                                    ec_error *err);

/* ---- failure ------------------------------------------------------------------------------ */

typedef struct ec_failure_record {
    const char *candidate;
    bool failed;  /* else it takes back the failure before it */
    double hours; /* GPU-hours told with it */
    const char *why;
    const char *time, *worker; /* of the event, in ec_database_read_failed() alone */
} ec_failure_record;

ec_status ec_database_read_failures(ec_database *db,
                                    ec_status (*see)(void *to, const ec_failure_record *row),
                                    void *to, ec_error *err);
/* Those that are failed now. */
ec_status ec_database_read_failed(ec_database *db,
                                  ec_status (*see)(void *to, const ec_failure_record *row),
                                  void *to, ec_error *err);
/* The newest row about a candidate. */
ec_status ec_database_find_failure(bool *found, ec_database *db, const char *candidate,
                                   ec_status (*see)(void *to, const ec_failure_record *row),
                                   void *to, ec_error *err);
ec_status ec_database_put_failure(ec_database *db, int64_t event, const char *candidate,
                                  bool failed, double hours, const char *why, ec_error *err);

/* ---- file, identity ----------------------------------------------------------------------- */

/* A file as it was when it was read, or as it is. */
typedef struct ec_file_state {
    int64_t size_bytes, mtime_ns, inode;
} ec_file_state;

/* The hash of its content then; "" where the file was another, or is not known. */
ec_status ec_database_find_file(char hash[EC_HASH_SIZE], ec_database *db, const char *path,
                                const ec_file_state *state, ec_error *err);
ec_status ec_database_put_file(ec_database *db, const char *path, const ec_file_state *state,
                               const char *hash, ec_error *err);
/* What was remembered under a signature; owned, free(). NULL: nothing. */
ec_status ec_database_find_identity(char **facts, ec_database *db, const char *signature,
                                    ec_error *err);
ec_status ec_database_put_identity(ec_database *db, const char *signature, const char *facts,
                                   ec_error *err);

/* ---- computation, correspondence, alignment ----------------------------------------------- */

ec_status ec_database_has_pairs(bool *found, ec_database *db, const char *key, const char *category,
                                ec_error *err);
/* EC_ERR_FORMAT: a result that is there has another size. */
ec_status ec_database_find_pairs(void *bytes, size_t size_bytes, bool *found, ec_database *db,
                                 const char *key, const char *category, ec_error *err);
ec_status ec_database_find_value(double *value, bool *found, ec_database *db, const char *key,
                                 const char *image, ec_error *err);
/* What is there already stays. `description`: in words, of whoever asked first. */
ec_status ec_database_put_pairs(ec_database *db, const char *key, const char *description,
                                const char *category, const void *bytes, size_t size_bytes,
                                ec_error *err);
ec_status ec_database_put_value(ec_database *db, const char *key, const char *description,
                                const char *image, double value, ec_error *err);

/* ---- pooled, measure ---------------------------------------------------------------------- */

typedef struct ec_pooled_record {
    double norm, norm_cv, norm_outliers;
} ec_pooled_record;

/* Sets known[i] where hashes[i], one of n images, is there; leaves the others. */
ec_status ec_database_find_pooled(bool *known, ec_database *db, const char *encoder,
                                  const char *const *hashes, size_t n, ec_error *err);
/* mean [n_channels]. *found; EC_ERR_FORMAT: one of another length. */
ec_status ec_database_get_pooled(bool *found, float *mean, ec_pooled_record *norms, ec_database *db,
                                 const char *encoder, const char *hash, size_t n_channels,
                                 ec_error *err);
/* What is there already stays. */
ec_status ec_database_put_pooled(ec_database *db, const char *encoder, const char *hash,
                                 const float *mean, size_t n_channels,
                                 const ec_pooled_record *norms, ec_error *err);

/* NaN is a measure that could not be told. */
ec_status ec_database_find_measure(double *value, bool *found, ec_database *db, const char *key,
                                   const char *name, ec_error *err);
/* What is there already stays. */
ec_status ec_database_put_measure(ec_database *db, const char *key, const char *name, double value,
                                  ec_error *err);

/* ---- chosen ------------------------------------------------------------------------------- */

/* Forgets what was chosen for a benchmark; then one image after another is put. */
ec_status ec_database_clear_chosen(ec_database *db, const char *benchmark, ec_error *err);
ec_status ec_database_put_chosen(ec_database *db, const char *benchmark, size_t place,
                                 const char *path, const char *hash, ec_error *err);

/* ---- all of them -------------------------------------------------------------------------- */

/* What SQLite's own check of the file says; "ok". */
ec_status ec_database_read_damage(ec_database *db, ec_status (*see)(void *to, const char *text),
                                  void *to, ec_error *err);
/* Tables with rows of a change that is not there. */
ec_status ec_database_read_orphaned(ec_database *db, ec_status (*see)(void *to, const char *table),
                                    void *to, ec_error *err);
/* Every name that a row is about, in alphabetical order. */
ec_status ec_database_read_candidates(ec_database *db, ec_status (*see)(void *to, const char *name),
                                      void *to, ec_error *err);
ec_status ec_database_read_benchmarks(ec_database *db, ec_status (*see)(void *to, const char *name),
                                      void *to, ec_error *err);
/* Candidates with a result that was withdrawn and not told since. */
ec_status ec_database_read_half_withdrawn(ec_database *db,
                                          ec_status (*see)(void *to, const char *name), void *to,
                                          ec_error *err);

#endif
