/* study.h - a study: what is compared, what was measured, what was asked
 *
 * A study is a folder:
 *
 *     study.yaml   declared by the user: candidates, benchmarks, known scores, costs, policy
 *     study.db     measured and earned: scores, observations, questions, provenance
 *                  (SQLite in WAL mode; schema version in PRAGMA user_version, migrated on open)
 *
 * or one of the built-in ones, which are read-only: "paper-2024", "paper-2025".
 * Formats: docs/formats.md. A score written in study.yaml wins over one in study.db.
 *
 * Every change is one SQLite transaction: once a function that changes something returns
 * EC_OK the change survives kill -9; otherwise nothing of it happened. Any number of
 * processes may work on one study; one ec_study belongs to one thread at a time.
 */
#ifndef EYECHART_STUDY_H
#define EYECHART_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/decision.h"
#include "eyechart/features.h"
#include "eyechart/policy.h"
#include "eyechart/sheet.h"
#include "eyechart/status.h"
#include "eyechart/table.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_study ec_study;

/* Borrowed from the study until ec_study_close. Missing numbers are NaN. */
typedef struct ec_candidate {
    const char *name;
    double cost; /* GPU-hours of one finetuning, declared or imported; NaN when unknown */
} ec_candidate;

/* Built-in studies: name, or NULL past the end. */
const char *ec_study_builtin(size_t i);

/* Opens a study folder or a built-in study by name.
 *
 *   out   owned by the caller, ec_study_close() releases it; NULL on failure
 *
 * Creates study.db if the folder has only study.yaml. A folder that cannot be written to, or a
 * built-in study, opens for reading (ec_study_writable() is then false).
 * Errors: EC_ERR_NOT_FOUND no such folder or no study.yaml in it; EC_ERR_FORMAT study.yaml (message has
 * file:line) or study.db is damaged; EC_ERR_VERSION study.db is of a newer eyechart; EC_ERR_BUSY locked
 * for longer than 10 s; EC_ERR_IO; EC_ERR_NOMEM. */
ec_status ec_study_open(ec_study **out, const char *path, ec_error *err);
void ec_study_close(ec_study *study);

/* Makes the folder `path` with a study.yaml and an empty study.db. Refuses to touch a folder that has
 * either (EC_ERR_EXISTS). `import_path` NULL writes a commented example to edit; else the candidates,
 * benchmarks and numbers come from that CSV or JSON file, or built-in study: names, groups and costs into
 * study.yaml, scores and results into study.db. All or nothing. */
ec_status ec_study_create(const char *path, const char *import_path, ec_error *err);

const char *ec_study_name(const ec_study *study); /* borrowed */
const char *ec_study_path(const ec_study *study); /* borrowed; the name again when built in */
bool ec_study_writable(const ec_study *study);
size_t ec_study_n_candidates(const ec_study *study);
size_t ec_study_n_benchmarks(const ec_study *study);
const ec_candidate *ec_study_candidate(const ec_study *study, size_t i);
const ec_benchmark *ec_study_benchmark(const ec_study *study, size_t b);
ec_policy ec_study_policy(const ec_study *study); /* declared; EC_POLICY_EI by default */
uint64_t ec_study_seed(const ec_study *study);    /* declared; 0 by default */

/* Index by exact name. EC_ERR_NOT_FOUND names the nearest spelling. */
ec_status ec_study_find_candidate(size_t *out, const ec_study *study, const char *name, ec_error *err);
ec_status ec_study_find_benchmark(size_t *out, const ec_study *study, const char *name, ec_error *err);

/* A column to rank by: "A", "C", or the name of one beside them. */
typedef struct ec_rank_column {
    const char *name;
    double weight; /* relative to the others, 0 or more; 0: it does not count */
} ec_rank_column;
#define EC_RANK_MAX_COLUMNS 30

/* What study.yaml declares under 'rank: columns:'; A and C in equal parts where it does not. Borrowed. */
const ec_rank_column *ec_study_rank_columns(size_t *n, const ec_study *study);

/* Reads "NAME" or "NAME=WEIGHT". *out borrows from `text`, which is changed.
 * Errors: EC_ERR_ARG, a name that no column can have, a weight that is negative or no number. */
ec_status ec_rank_column_read(ec_rank_column *out, char *text, ec_error *err);

/* "A and C", "A, C and probe": those that count. */
void ec_rank_columns_text(char *buffer, size_t size, const ec_rank_column *columns, size_t n);

/* ---- what study.yaml says about scores --------------------------------------------------- */

/* Borrowed from the study until ec_study_close. Paths are ready for use: relative ones in
 * study.yaml begin at the study's folder. NULL where nothing is declared. */
typedef struct ec_score_settings {
    const char *keypoints;    /* SPair folder, or keypoint JSON */
    const char *split;        /* "test" unless declared */
    bool consistent;          /* which protocol's C the ranking uses: authors' unless declared */
    size_t n_images;          /* of each benchmark, for A; 100 unless declared */
    bool longest;             /* choose images with the longest prompts, instead of a seeded draw */
    uint64_t seed;            /* 42 unless declared */
    const size_t *references; /* [n_references] candidates that A compares with */
    size_t n_references;
    const size_t *compare_with; /* [n_compare_with] candidates whose encoders the measures compare
                                   with: the references unless declared */
    size_t n_compare_with;
    bool resample_grids; /* joined encoders of different grids have a C: on the finest */
    bool bf16_compat;
    bool positions_by_size; /* interpolate_plain of every encoder: encoder.h */
    bool exif_transpose;    /* images of A and the measures are turned as their EXIF asks */
} ec_score_settings;

ec_score_settings ec_study_score_settings(const ec_study *study);
/* The encoders of a candidate, in the order of concatenation; *n is 0 where none is declared. They
 * have a layer and tokens where study.yaml says so. */
const ec_feature_source *ec_study_encoders(size_t *n, const ec_study *study, size_t candidate);
/* Is the candidate one that 'combine:' made, rather than a declared one? */
bool ec_study_is_combined(const ec_study *study, size_t candidate);
const char *ec_study_connector(const ec_study *study, size_t candidate); /* path; NULL: none */
const char *ec_study_images(const ec_study *study, size_t benchmark);    /* path; NULL: none */
const char *ec_study_image_root(const ec_study *study, size_t benchmark); /* folder; NULL: none */

/* How many candidates lack an A or a C that ec_study_score() would compute. What 'combine:' made
 * does not count unless grids are resampled: whether its encoders fit takes opening them to know.
 */
size_t ec_study_n_unscored(const ec_study *study, const ec_table *table);

/* ---- what is known ----------------------------------------------------------------------- */

/* Everything known now, read in one transaction. Owned; ec_study_snapshot_free(). */
typedef struct ec_study_snapshot {
    ec_table table;
    double *hours;       /* [n_candidates] GPU-hours recorded with results; NaN: none recorded */
    bool *pending;       /* [n_candidates] asked, not answered, lease not expired */
    bool *failed;        /* [n_candidates] told as failed or given up by a run: not to be asked for */
    size_t n_observed;   /* candidates with at least one result */
    double hours_spent;  /* recorded hours, of failed finetunings too; declared cost of observed
                            candidates without any */
    double hours_failed; /* of these, hours of candidates that have no result */
    double hours_left;   /* declared cost summed over candidates that have no result and did not fail */
    size_t n_failed;     /* candidates that did */
    size_t n_cost_unknown; /* candidates that the two sums cannot account for */
    const ec_study_column *columns; /* [n_columns] in the order in which they first came */
    size_t n_columns;
    const ec_rank_column *scores; /* [2 + table.n_more] what stands in the places of the table's scores;
                                     name NULL: nothing, weight 0 */
} ec_study_snapshot;

ec_status ec_study_snapshot_get(ec_study_snapshot **out, ec_study *study, ec_error *err);
void ec_study_snapshot_free(ec_study_snapshot *snapshot);

/* Makes these columns, in their order, the scores of snapshot->table (those without weight are left out).
 * The first takes the place of A; the second that of C where it has one value for all benchmarks, else
 * that place stays empty, with the weight 0; the others are `more`. Standard errors come along. Where a
 * candidate has no value for a benchmark, the one for every benchmark counts.
 *
 *   columns   [n]; n 0: as study.yaml declares. "A" and "C" mean the scores themselves, whatever was
 *             chosen before
 *
 * Errors: EC_ERR_ARG no such column (names the nearest), a weight that is negative or not finite, none above
 * 0, more than EC_RANK_MAX_COLUMNS; EC_ERR_NOMEM. The table stays as it was then. */
ec_status ec_study_snapshot_choose(ec_study_snapshot *snapshot, const ec_study *study,
                                   const ec_rank_column *columns, size_t n, ec_error *err);

/* ---- what it comes to ------------------------------------------------------------------- */

/* ec_decide on a ranking of `table`, the snapshot's or one with some of its results: with the declared costs;
 * what is pending or failed is not chosen. enough 0: as study.yaml declares, else as in ec_decision_options. */
ec_status ec_study_decide(ec_decision *out, const ec_study *study, const ec_study_snapshot *snapshot,
                          const ec_table *table, const ec_ranked *rows, const ec_rank_about *about, double enough, ec_error *err);

/* The unit of gains of a ranking over so many benchmarks, to follow the number: of one benchmark its
 * own, of several " % of full scale". */
const char *ec_study_gain_unit(size_t n_over);

/* The decision in two or three sentences, the first of which says what to do; "" where there is none.
 *
 *   unit   ec_study_gain_unit */
void ec_study_decision_text(char *buffer, size_t size, const ec_study *study, const ec_decision *decision,
                            const char *unit);

/* ---- ask and tell ---------------------------------------------------------------------- */

typedef struct ec_question {
    int64_t id;
    size_t candidate;
    bool repeated;       /* this worker had it already */
    double expires_in_s; /* seconds until the lease runs out */
    double cost;         /* GPU-hours expected; NaN unknown */
    char reason[512];    /* in words */
    ec_decision decision; /* what it rests on; kind EC_DECIDE_NOTHING where repeated, and with policies other
                             than ei */
} ec_question;

typedef struct ec_ask_options {
    size_t n;             /* how many candidates; 0 means 1 */
    const char *worker;   /* NULL means "default" */
    double budget_hours;  /* only candidates whose declared cost fits, summed over this worker's pending
                             questions; 0 means no limit. Candidates of unknown cost do not fit. */
    double lease_hours;   /* 0 means as declared in study.yaml (default 72) */
    const ec_policy *policy; /* NULL: the study's */
    const uint64_t *seed;    /* NULL: the study's; the draw depends on seed and number of questions so far */
    const ec_rank_column *columns; /* [n_columns] scores to go by, as in ec_study_snapshot_choose */
    size_t n_columns;              /* 0: as study.yaml declares */
    const bool *exclude; /* [n_candidates] true: not to be asked for, as if somebody trained it; NULL: none */
    bool failed_too;     /* what failed may be asked for */
    const size_t *over;  /* [n_over] benchmarks that count, with the policy ei; NULL: all */
    size_t n_over;
    const double *weights; /* [n_over] theirs; NULL: those of the study */
    double enough;       /* as in ec_study_decide */
    bool anyway;         /* asks even where no candidate is worth its cost */
    ec_decision *stopped; /* receives the decision to stop, kind EC_DECIDE_NOTHING otherwise; NULL: not wanted */
    bool peek;           /* answers without recording the questions: the next call answers the same */
} ec_ask_options;

/* Next candidates for this worker. Pending questions of the worker come first (repeated = true); more
 * are asked until there are n. Questions past their lease are expired first.
 *
 *   out   [options->n]; n_out receives how many there are, fewer than n when candidates run out
 *
 * Errors: EC_ERR_NOT_FOUND nothing is left to ask (all trained or pending: the message says which), or none
 * of those left is worth its cost (the message is the decision);
 * EC_ERR_ARG no candidate has the scores that the policy needs, or none fits the budget; EC_ERR_BUSY;
 * EC_ERR_IO (read-only, disk full). */
ec_status ec_study_ask(ec_question *out, size_t *n_out, ec_study *study, const ec_ask_options *options,
                       ec_error *err);

typedef struct ec_result {
    size_t benchmark;
    double value;
    double se; /* its standard error; 0 or NaN: not known */
} ec_result;

/* Reads "1502.7" or "1502.7+-8.1" (also "+/-" and the sign for it; blanks around each number) into
 * value and se of *out, se 0 where there is none. `text` is for the message too.
 * Errors: EC_ERR_ARG, in words that name the text. */
ec_status ec_result_read(ec_result *out, const char *text, ec_error *err);

/* What became of a result that was told. */
typedef struct ec_told {
    bool unchanged;    /* was known already: nothing was recorded */
    size_t n_before;   /* results of that candidate and benchmark before: 0, 1, with repeats more */
    double before, before_se; /* the value known before as ec_table has it, and the error given with
                                 it; NaN: none */
} ec_told;

typedef struct ec_tell_options {
    double hours;        /* GPU-hours it took; 0: not recorded. Those of a repeat are added to the others */
    bool repeat;         /* the results stand beside those known, of another seed or another evaluation,
                            rather than in their place */
    const char *worker;  /* NULL means "default" */
    const char *source;  /* provenance in words, a path or a command; NULL: none */
    const char *const *sources; /* [n] of each result by itself; NULL, or an entry NULL: `source` */
    ec_told *told;       /* [n], filled on success; NULL: not wanted */
    bool *was_failed;    /* likewise: whether the candidate was told as failed before */
} ec_tell_options;

/* Records results of one finetuned candidate, all or nothing, and closes its pending question. What
 * was told as failed is so no longer.
 * A benchmark that had a value gets the new one; the old one stays in history. With options->repeat
 * the new one is added, and what counts is the mean (table.h). A value that is known already, with
 * the same error or without one, is not recorded again, unless as a repeat.
 * Errors: EC_ERR_ARG a value is not finite or outside the benchmark's declared range, a standard error
 * is negative or not finite, a benchmark is given twice; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_tell(ec_study *study, size_t candidate, const ec_result *results, size_t n,
                        const ec_tell_options *options, ec_error *err);

/* ---- giving up and taking back ------------------------------------------------------------ */

typedef struct ec_fail_options {
    double hours;       /* GPU-hours it took all the same; 0: not recorded */
    const char *worker; /* NULL means "default" */
    const char *why;    /* in words; NULL: not told */
} ec_fail_options;

/* Records that a candidate cannot be finetuned: it is not asked for any more, until that is taken
 * back (ec_study_withdraw_failure, the option retry_failed of a run) or results are told. What a run
 * gives up is recorded in the same way. Closes its pending question. Told again, it corrects hours
 * and words.
 *   unchanged   may be NULL; whether all of that was known already, and nothing was recorded
 * Errors: EC_ERR_ARG it has results, or the hours are negative; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_tell_failed(bool *unchanged, ec_study *study, size_t candidate,
                               const ec_fail_options *options, ec_error *err);

typedef struct ec_failure {
    size_t candidate;
    double hours;   /* GPU-hours of failures that were told; NaN: none */
    char time[32];  /* ISO 8601, UTC */
    char worker[64];
    char why[512];
} ec_failure;

/* The candidates that failed, in the order in which they did.
 *   out   owned array, free with free() */
ec_status ec_study_failures(ec_failure **out, size_t *n_out, ec_study *study, ec_error *err);

typedef struct ec_withdraw_options {
    const char *worker; /* who does it; NULL means "default" */
    const char *why;    /* in words; NULL: not told */
    bool hours;         /* the GPU-hours recorded with what is taken back were not spent either */
} ec_withdraw_options;

/* What was taken back. */
typedef struct ec_withdrawal {
    size_t n_results;     /* benchmarks whose result is withdrawn */
    double hours;         /* GPU-hours recorded for a candidate left without results; NaN: none */
    bool hours_withdrawn; /* and whether they are taken back too; else they stay spent */
    char worker[64];      /* for whom the candidate is kept again, whose lease still runs; "": nobody */
} ec_withdrawal;

/* Takes back the results of a candidate for these benchmarks, all of them where n is 0, with their
 * repeats; all or nothing. They stay in the history.
 *   out   may be NULL
 * Errors: EC_ERR_NOT_FOUND there is no such result; EC_ERR_ARG; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_withdraw(ec_withdrawal *out, ec_study *study, size_t candidate,
                            const size_t *benchmarks, size_t n, const ec_withdraw_options *options,
                            ec_error *err);

/* The candidate may be asked for again. Errors: EC_ERR_NOT_FOUND it was not told as failed; as above. */
ec_status ec_study_withdraw_failure(ec_withdrawal *out, ec_study *study, size_t candidate,
                                    const ec_withdraw_options *options, ec_error *err);

/* A pending question: for whom a candidate is kept. */
typedef struct ec_lease {
    int64_t id; /* of the question */
    size_t candidate;
    double age_s, expires_in_s; /* seconds since it was asked, and until the lease runs out */
    char time[32];              /* when it was asked; ISO 8601, UTC */
    char worker[64];
    char reason[512];
} ec_lease;

/* Those whose lease runs, in the order of asking.
 *   out   owned array, free with free() */
ec_status ec_study_leases(ec_lease **out, size_t *n_out, ec_study *study, ec_error *err);

typedef struct ec_lease_options {
    const char *worker; /* whose leases; NULL means "default" */
    double lease_hours; /* from now, of a renewal; 0 means as declared in study.yaml */
} ec_lease_options;

/* Gives candidates back unanswered, so that they may be asked of others; renewing keeps them for the
 * worker for another lease, one that ran out as well, as long as nobody else has it. n 0: all that are
 * kept for the worker. All or nothing.
 * Errors: EC_ERR_NOT_FOUND nothing to give back or to renew; EC_ERR_EXISTS it is kept for another
 * worker, whom the message names, or has results or failed; EC_ERR_ARG; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_release(ec_study *study, const size_t *candidates, size_t n,
                           const ec_lease_options *options, ec_error *err);
ec_status ec_study_renew(ec_study *study, const size_t *candidates, size_t n,
                         const ec_lease_options *options, ec_error *err);

/* ---- import, export -------------------------------------------------------------------- */

/* ec_study_create() with more to say and more to hear.
 *   options   NULL: none
 *   report    NULL: not wanted; empty on failure
 * Errors: EC_ERR_NOT_FOUND, too, for a column to ignore that the file does not have. */
ec_status ec_study_create_from(const char *path, const char *import_path, const ec_import_options *options,
                               ec_import_report *report, ec_error *err);

typedef enum ec_table_format { EC_FORMAT_BY_NAME = 0, EC_FORMAT_CSV, EC_FORMAT_JSON } ec_table_format;

/* What an import did: candidates in the file, those added to study.yaml, values written, values known before. */
typedef struct ec_import_summary {
    size_t n_candidates, n_added, n_scores, n_observations, n_unchanged;
    size_t n_repeats; /* of the observations, those beside another one */
    size_t n_kept;    /* results of the study that the file leaves empty: they stay */
} ec_import_summary;

/* Reads scores and observations into study.db, all or nothing; what is known already is left as it is.
 * `file` "-" is standard input. Benchmarks the study does not declare are an error that names the nearest
 * spelling, as are candidates, unless add_candidates: then study.yaml is rewritten with them (the old file
 * is kept as study.yaml.old), and pointers and indices got from the study before are no longer valid.
 * Errors: EC_ERR_NOT_FOUND no such file, or an unknown name; EC_ERR_FORMAT the file (message has file:line),
 * or a score differs from the one in study.yaml, which would win; EC_ERR_BUSY; EC_ERR_IO.
 *   out   may be NULL */
ec_status ec_study_import(ec_import_summary *out, ec_study *study, const char *file,
                          ec_table_format format, bool add_candidates, ec_error *err);

/* The same with more to say and more to hear, as for ec_study_create_from(). A candidate that the study
 * does not have is taken for the one whose name looks the same (spelling.h), with a note. Columns that are
 * no benchmark of the study are left out or kept as numbers beside A and C where their headings tell that
 * they are no results. */
ec_status ec_study_import_from(ec_import_summary *out, ec_study *study, const char *file,
                               ec_table_format format, bool add_candidates,
                               const ec_import_options *options, ec_import_report *report, ec_error *err);

/* Writes all that is known, one row a candidate (CSV) or the documented JSON, to `file` through a
 * temporary and a rename; "-" is standard output. Import of an export gives the same numbers to the last bit.
 * With EC_FORMAT_BY_NAME a name that ends like another format (.xlsx) is EC_ERR_ARG; other endings are CSV. */
ec_status ec_study_export(ec_study *study, const char *file, ec_table_format format, ec_error *err);

/* ---- check ------------------------------------------------------------------------------- */

typedef enum ec_finding_level { EC_FINDING_ERROR, EC_FINDING_WARNING, EC_FINDING_NOTE } ec_finding_level;
typedef struct ec_finding {
    ec_finding_level level;
    char message[512]; /* what, where, what to do */
} ec_finding;

/* Looks for everything that would stop or weaken a ranking: missing scores, constant columns, too few
 * observations, values outside ranges, a damaged database (PRAGMA integrity_check).
 *   out   owned array, free with free() */
ec_status ec_study_check(ec_finding **out, size_t *n_out, ec_study *study, ec_error *err);

/* The errors and warnings among these that a ranking of `table` over the benchmarks over[0 .. n_over)
 * has to be read with: mixed units, results that are the same, out of range, or too few beside other
 * benchmarks, a benchmark that orders the candidates against the others, constant scores, names that
 * study.yaml no longer declares. Missing scores show in the ranking itself.
 *   table   the snapshot's, or one with fewer results in its place
 *   scores  [2 + table->n_more] what its scores are: the snapshot's
 *   out     owned array, free with free() */
ec_status ec_study_check_ranking(ec_finding **out, size_t *n_out, ec_study *study,
                                 const ec_table *table, const ec_rank_column *scores,
                                 const size_t *over, size_t n_over, ec_error *err);

/* Of these, what is about the unit of results and their range alone: what to look at after an import. */
ec_status ec_study_check_units(ec_finding **out, size_t *n_out, ec_study *study, ec_error *err);

/* Whether the result of a candidate for a benchmark looks like one in another unit: .642 beside 65. What
 * results of a benchmark of that name are comes first, so that the other result is named where that is the
 * odd one; then the other results in `table`. `text` says so and what the result may be. */
bool ec_study_check_unit(char *text, size_t size_bytes, const ec_study *study, const ec_table *table,
                         size_t candidate, size_t benchmark);

/* One row of the history of observations, oldest first, corrections included. */
typedef struct ec_observation {
    size_t candidate, benchmark;
    double value;
    double se;      /* standard error as given; NaN: none */
    bool repeat;    /* stands beside those before it */
    bool withdrawn; /* takes back those before it; value is what was known then */
    bool current;   /* counts now; false: replaced or taken back by a later one, or takes back itself */
    char time[32]; /* ISO 8601, UTC */
    char worker[64];
    char source[256];
} ec_observation;

/*   out   owned array, free with free() */
ec_status ec_study_history(ec_observation **out, size_t *n_out, ec_study *study, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
