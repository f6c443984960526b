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
 * Errors: EC_ERR_NOT_FOUND no such folder or no study.yaml in it; EC_ERR_FORMAT study.yaml (message
 * has file:line) or study.db is damaged; EC_ERR_VERSION study.db is of a newer eyechart;
 * EC_ERR_BUSY locked for longer than 10 s; EC_ERR_IO; EC_ERR_NOMEM. */
ec_status ec_study_open(ec_study **out, const char *path, ec_error *err);
void ec_study_close(ec_study *study);

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
ec_status ec_study_find_candidate(size_t *out, const ec_study *study, const char *name,
                                  ec_error *err);
ec_status ec_study_find_benchmark(size_t *out, const ec_study *study, const char *name,
                                  ec_error *err);

/* A column to rank by: "A", "C", or the name of one beside them. */
typedef struct ec_rank_column {
    const char *name;
    double weight; /* relative to the others, 0 or more; 0: it does not count */
} ec_rank_column;
#define EC_RANK_MAX_COLUMNS 30

/* What study.yaml declares under 'rank: columns:'; A and C in equal parts where it does not.
 * Borrowed. */
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
    bool *failed;        /* [n_candidates] told as failed or given up by a run: not to be asked
                            for */
    size_t n_observed;   /* candidates with at least one result */
    double hours_spent;  /* recorded hours, of failed finetunings too; declared cost of observed
                            candidates without any */
    double hours_failed; /* of these, hours of candidates that have no result */
    double hours_left;   /* declared cost summed over candidates that have no result and did not
                            fail */
    size_t n_failed;     /* candidates that did */
    size_t n_cost_unknown; /* candidates that the two sums cannot account for */
    const ec_study_column *columns; /* [n_columns] in the order in which they first came */
    size_t n_columns;
    const ec_rank_column *scores; /* [2 + table.n_more] what stands in the places of the table's
                                     scores; name NULL: nothing, weight 0 */
} ec_study_snapshot;

ec_status ec_study_snapshot_get(ec_study_snapshot **out, ec_study *study, ec_error *err);
void ec_study_snapshot_free(ec_study_snapshot *snapshot);

/* Makes these columns, in their order, the scores of snapshot->table (those without weight are left
 * out). The first takes the place of A; the second that of C where it has one value for all
 * benchmarks, else that place stays empty, with the weight 0; the others are `more`. Standard
 * errors come along. Where a candidate has no value for a benchmark, the one for every benchmark
 * counts.
 *
 *   columns   [n]; n 0: as study.yaml declares. "A" and "C" mean the scores themselves, whatever
 *             was chosen before
 *
 * Errors: EC_ERR_ARG no such column (names the nearest), a weight that is negative or not finite,
 * none above 0, more than EC_RANK_MAX_COLUMNS; EC_ERR_NOMEM. The table stays as it was then. */
ec_status ec_study_snapshot_choose(ec_study_snapshot *snapshot, const ec_study *study,
                                   const ec_rank_column *columns, size_t n, ec_error *err);

/* ---- import, export -------------------------------------------------------------------- */

/* Makes the folder `path` with a study.yaml and an empty study.db. Refuses to touch a folder that
 * has either (EC_ERR_EXISTS). `import_path` NULL writes a commented example to edit; else the
 * candidates, benchmarks and numbers come from that CSV or JSON file, or built-in study: names,
 * groups and costs into study.yaml, scores and results into study.db. All or nothing.
 *   options   NULL: none
 *   report    NULL: not wanted; empty on failure
 * Errors: EC_ERR_NOT_FOUND, too, for a column to ignore that the file does not have. */
ec_status ec_study_create_from(const char *path, const char *import_path,
                               const ec_import_options *options, ec_import_report *report,
                               ec_error *err);

typedef enum ec_table_format {
    EC_FORMAT_BY_NAME = 0,
    EC_FORMAT_CSV,
    EC_FORMAT_JSON
} ec_table_format;

/* What an import did: candidates in the file, those added to study.yaml, values written, values
 * known before. */
typedef struct ec_import_summary {
    size_t n_candidates, n_added, n_scores, n_observations, n_unchanged;
    size_t n_repeats; /* of the observations, those beside another one */
    size_t n_kept;    /* results of the study that the file leaves empty: they stay */
} ec_import_summary;

/* Reads scores and observations into study.db, all or nothing; what is known already is left as it
 * is. `file` "-" is standard input. Benchmarks the study does not declare are an error that names
 * the nearest spelling, as are candidates, unless add_candidates: then study.yaml is rewritten with
 * them (the old file is kept as study.yaml.old), and pointers and indices got from the study before
 * are no longer valid. Errors: EC_ERR_NOT_FOUND no such file, or an unknown name; EC_ERR_FORMAT the
 * file (message has file:line), or a score differs from the one in study.yaml, which would win;
 * EC_ERR_BUSY; EC_ERR_IO.
 *   out               may be NULL
 *   options, report   as for ec_study_create_from()
 * A candidate that the study does not have is taken for the one whose name looks the same
 * (spelling.h), with a note. Columns that are no benchmark of the study are left out or kept as
 * numbers beside A and C where their headings tell that they are no results. */
ec_status ec_study_import_from(ec_import_summary *out, ec_study *study, const char *file,
                               ec_table_format format, bool add_candidates,
                               const ec_import_options *options, ec_import_report *report,
                               ec_error *err);

/* Writes all that is known, one row a candidate (CSV) or the documented JSON, to `file` through a
 * temporary and a rename; "-" is standard output. Import of an export gives the same numbers to the
 * last bit. With EC_FORMAT_BY_NAME a name that ends like another format (.xlsx) is EC_ERR_ARG;
 * other endings are CSV. */
ec_status ec_study_export(ec_study *study, const char *file, ec_table_format format, ec_error *err);

/* ---- check ------------------------------------------------------------------------------- */

typedef enum ec_finding_level {
    EC_FINDING_ERROR,
    EC_FINDING_WARNING,
    EC_FINDING_NOTE
} ec_finding_level;
typedef struct ec_finding {
    ec_finding_level level;
    char message[512]; /* what, where, what to do */
} ec_finding;

/* Looks for everything that would stop or weaken a ranking: missing scores, constant columns, too
 * few observations, values outside ranges, a damaged database (PRAGMA integrity_check).
 *   out   owned array, free with free() */
ec_status ec_study_check(ec_finding **out, size_t *n_out, ec_study *study, ec_error *err);

/* The errors and warnings among these that a ranking of `table` over the benchmarks over[0 ..
 * n_over) has to be read with: mixed units, results that are the same, out of range, or too few
 * beside other benchmarks, a benchmark that orders the candidates against the others, constant
 * scores, names that study.yaml no longer declares. Missing scores show in the ranking itself.
 *   table   the snapshot's, or one with fewer results in its place
 *   scores  [2 + table->n_more] what its scores are: the snapshot's
 *   out     owned array, free with free() */
ec_status ec_study_check_ranking(ec_finding **out, size_t *n_out, ec_study *study,
                                 const ec_table *table, const ec_rank_column *scores,
                                 const size_t *over, size_t n_over, ec_error *err);

/* Of these, what is about the unit of results and their range alone: what to look at after an
 * import. */
ec_status ec_study_check_units(ec_finding **out, size_t *n_out, ec_study *study, ec_error *err);

/* Whether the result of a candidate for a benchmark looks like one in another unit: .642 beside 65.
 * What results of a benchmark of that name are comes first, so that the other result is named where
 * that is the odd one; then the other results in `table`. `text` says so and what the result may
 * be. */
bool ec_study_check_unit(char *text, size_t size_bytes, const ec_study *study,
                         const ec_table *table, size_t candidate, size_t benchmark);

#ifdef __cplusplus
}
#endif
#endif
