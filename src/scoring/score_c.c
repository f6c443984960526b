/* score_c.c - units of C
 *
 *     encoder unit   (encoder, protocol, category)
 *                    images -> rows; judged at once where the encoder is a candidate by itself;
 *                    saved where a combination waits for them
 *     combination    (protocol, category)
 *                    rows of all members -> judged, all combinations together so that they share
 *                    their sums; then the rows are deleted
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "scoring/scoring.h"

_Static_assert(sizeof(ec_pair_result) == 1 + EC_C_READOUTS * EC_C_ALPHAS,
               "a pair is stored as its bytes");

enum { SUBSETS_AT_A_TIME = 4096 };

static const ec_keypoint_category *category_of(const ec_scoring *run, size_t category) {
    return &run->job->set.categories[category];
}

/* ---- results ------------------------------------------------------------------------------ */

static void describe_part(char text[512], const ec_scoring *run, const ec_job_part *part,
                          ec_c_protocol protocol) {
    snprintf(text, 512, "%s of %.200s", ec_c_protocol_name(protocol), ec_job_name(run->job, part));
}

/* Writes the results [n][n_pairs] of parts, all or nothing. */
static ec_status put_results(ec_scoring *run, const size_t *parts, size_t n, ec_c_protocol protocol,
                             size_t category, const ec_pair_result *results, ec_error *err) {
    ec_job *job = run->job;
    const size_t n_pairs = category_of(run, category)->n_pairs;
    ec_status status = ec_database_begin_write(&job->study->db, err);
    if (status != EC_OK) return status;
    for (size_t k = 0; status == EC_OK && k < n; k++) {
        const ec_job_part *part = &job->parts[parts[k]];
        char description[512];
        describe_part(description, run, part, protocol);
        status = ec_database_put_pairs(&job->study->db, part->c[protocol].key[0], description,
                                       job->category_key[category], results + k * n_pairs,
                                       n_pairs * sizeof *results, err);
    }
    status = ec_database_end(&job->study->db, status, err);
    for (size_t k = 0; status == EC_OK && k < n; k++)
        job->parts[parts[k]].c[protocol].done[category] = true;
    return status;
}

/* ---- one encoder -------------------------------------------------------------------------- */

void ec_scoring_close_category(ec_scoring *run) {
    if (run->images != NULL)
        ec_matching_images_free(run->images, &run->job->set, run->images_category);
    run->images = NULL;
}

static ec_status decode_images(ec_scoring *run, size_t category, ec_error *err) {
    if (run->images != NULL && run->images_category == category) return EC_OK;
    ec_scoring_close_category(run);
    run->images_category = category;
    const ec_status status = ec_matching_images_load(&run->images, &run->job->set, category,
                                                     ec_ctx_threads(run->job->options.ctx), err);
    if (status != EC_ERR_NOT_FOUND && status != EC_ERR_IO) return status;
    return ec_error_prefix(err, status,
                           "%s: an image cannot be read any more; put it back and run 'eyechart "
                           "score' again, it goes on where it was",
                           run->job->settings.keypoints);
}

typedef struct {
    ec_scoring *run;
    size_t n_seen;
    ec_error *err;
} watching;

static bool see_images(void *context, size_t n_done) {
    watching *w = context;
    const size_t n_new = n_done - w->n_seen;
    w->n_seen = n_done;
    return ec_scoring_advance(w->run, (double)n_new, w->err) == EC_OK;
}

static ec_status compute_rows(ec_similarity *rows, ec_scoring *run, size_t encoder,
                              ec_c_protocol protocol, size_t category, ec_error *err) {
    ec_job *job = run->job;
    const ec_job_encoder *e = &job->encoders[encoder];
    const ec_encoder_options options = ec_job_encoder_options(job);
    watching watch = {.run = run, .err = err};
    const ec_matching_options matching = {.see = see_images, .context = &watch};
    ec_extractor *extractor = NULL;
    ec_status status = decode_images(run, category, err);
    if (status == EC_OK) status = ec_extractor_open(&extractor, &e->source, &options, err);
    if (status == EC_OK)
        status = ec_matching_rows(rows, run->correspondence, extractor, e->source.folder, protocol,
                                  &job->set, category, run->images, &matching, err);
    ec_extractor_close(extractor);
    /* What was computed from something else must not be kept under this key. */
    if (status == EC_OK) status = ec_job_check_encoder(job, encoder, err);
    if (status == EC_OK) status = ec_job_check_category(job, category, err);
    return status;
}

/* The candidates that are this encoder alone and have no result yet: they share one key. */
static ec_status judge_alone(ec_scoring *run, const ec_similarity *rows, size_t encoder,
                             ec_c_protocol protocol, size_t category, ec_error *err) {
    ec_job *job = run->job;
    const uint32_t itself = 1;
    const ec_c_combinations all = {
        .members = rows, .n_members = 1, .subsets = &itself, .n_subsets = 1};
    ec_pair_result *results = calloc(category_of(run, category)->n_pairs + 1, sizeof *results);
    if (results == NULL) return ec_no_memory(run->job->study->path, err);
    ec_status status = ec_correspondence_judge(results, NULL, run->correspondence, &job->set,
                                               category, protocol, &all, err);
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        if (ec_job_lacks(&part->c[protocol], category) && part->n_members == 1 &&
            part->members[protocol][0] == encoder)
            status = put_results(run, &i, 1, protocol, category, results, err);
    }
    free(results);
    return status;
}

static ec_status work_on_encoder(ec_scoring *run, size_t encoder, ec_c_protocol protocol,
                                 size_t category, const char *key, ec_error *err) {
    ec_job *job = run->job;
    const ec_keypoint_category *c = category_of(run, category);
    snprintf(run->progress.doing, sizeof run->progress.doing, "C, %s, %.80s, %.60s",
             ec_c_protocol_name(protocol), job->encoders[encoder].source.folder, c->name);
    ec_similarity rows = {0};
    ec_status status = compute_rows(&rows, run, encoder, protocol, category, err);
    /* Rows first: a result alone would say that the encoder is done with. */
    if (status == EC_OK && ec_job_needs_rows(job, encoder, protocol, category))
        status = ec_work_save_rows(&job->work, key, &rows, c->n_points, c->n_images, err);
    if (status == EC_OK && ec_job_needs_alone(job, encoder, protocol, category))
        status = judge_alone(run, &rows, encoder, protocol, category, err);
    ec_matching_rows_release(&rows);
    return status == EC_OK ? ec_scoring_recount(run, err) : status;
}

static ec_status try_encoder(ec_outcome *outcome, ec_scoring *run, size_t encoder,
                             ec_c_protocol protocol, size_t category, ec_error *err) {
    char key[EC_HASH_SIZE];
    int lock;
    *outcome = EC_COMPLETE;
    if (!ec_job_needs_pass(run->job, encoder, protocol, category)) return EC_OK;
    ec_job_rows_key(key, run->job, encoder, protocol, category);
    ec_status status = ec_work_try(&lock, &run->job->work, key, err);
    if (status != EC_OK) return status;
    *outcome = EC_WAIT;
    if (lock < 0) return EC_OK;
    /* Somebody may have done it between looking and locking. */
    status = ec_job_refresh_category(run->job, protocol, category, err);
    *outcome = EC_COMPLETE;
    if (status == EC_OK && ec_job_needs_pass(run->job, encoder, protocol, category)) {
        status = work_on_encoder(run, encoder, protocol, category, key, err);
        *outcome = EC_WORKED;
    }
    ec_work_unlock(lock);
    return status;
}

/* ---- combinations ------------------------------------------------------------------------- */

/* The encoders whose rows the unfinished combinations of a category need, and those rows. */
typedef struct {
    size_t *encoders;
    ec_similarity *rows;
    size_t n;
    bool complete; /* all rows are there */
} gathered;

static void release_gathered(gathered *g) {
    for (size_t k = 0; k < g->n; k++) ec_work_release_rows(&g->rows[k]);
    free(g->encoders);
    free(g->rows);
    *g = (gathered){0};
}

static int by_identity(const void *left, const void *right, void *job) {
    const ec_job_encoder *encoders = ((const ec_job *)job)->encoders;
    return strcmp(encoders[*(const size_t *)left].identity,
                  encoders[*(const size_t *)right].identity);
}

static ec_status find_encoders(gathered *g, ec_scoring *run, ec_c_protocol protocol,
                               size_t category, ec_error *err) {
    ec_job *job = run->job;
    g->encoders = calloc(job->n_encoders + 1, sizeof *g->encoders);
    g->rows = calloc(job->n_encoders + 1, sizeof *g->rows);
    if (g->encoders == NULL || g->rows == NULL) return ec_no_memory(run->job->study->path, err);
    for (size_t e = 0; e < job->n_encoders; e++)
        if (ec_job_needs_rows(job, e, protocol, category)) g->encoders[g->n++] = e;
    qsort_r(g->encoders, g->n, sizeof *g->encoders, by_identity, job);
    return EC_OK;
}

static bool rows_are_there(const gathered *g, const ec_scoring *run, ec_c_protocol protocol,
                           size_t category) {
    for (size_t k = 0; k < g->n; k++) {
        char key[EC_HASH_SIZE];
        ec_job_rows_key(key, run->job, g->encoders[k], protocol, category);
        if (!ec_work_has_rows(&run->job->work, key)) return false;
    }
    return true;
}

static ec_status load_rows(gathered *g, ec_scoring *run, ec_c_protocol protocol, size_t category,
                           ec_error *err) {
    const ec_keypoint_category *c = category_of(run, category);
    ec_status status = EC_OK;
    g->complete = true;
    for (size_t k = 0; status == EC_OK && g->complete && k < g->n; k++) {
        char key[EC_HASH_SIZE];
        ec_job_rows_key(key, run->job, g->encoders[k], protocol, category);
        status = ec_work_load_rows(&g->rows[k], &g->complete, &run->job->work, key, c->n_points,
                                   c->n_images, err);
        const ec_job_encoder *e = &run->job->encoders[g->encoders[k]];
        g->rows[k].name = e->source.folder;
        if (protocol == EC_C_CONSISTENT) g->rows[k].covers = ec_matching_covers(&e->info);
    }
    return status;
}

/* The encoders of combinations whose finest grid is one, and their rows. */
typedef struct {
    size_t encoders[EC_C_MAX_MEMBERS];
    ec_similarity rows[EC_C_MAX_MEMBERS];
    size_t n, grid;
} members_of_grid;

/* Those of that grid, then the coarser ones: so the first is of the finest grid, and its frame
 * takes predictions back to pixels, whatever the order of identities. */
static members_of_grid finest_first(const gathered *g, const bool *wanted, size_t grid) {
    members_of_grid out = {.grid = grid};
    for (int coarse = 0; coarse < 2; coarse++)
        for (size_t m = 0; m < g->n; m++)
            if (wanted[m] && (g->rows[m].grid == grid) == (coarse == 0)) {
                out.encoders[out.n] = g->encoders[m];
                out.rows[out.n++] = g->rows[m];
            }
    return out;
}

/* The unfinished combinations of these members, at most `most` of them, from part *at on; *at
 * becomes where to go on. */
static size_t find_combinations(size_t *parts, uint32_t *subsets, size_t most, size_t *at,
                                const ec_scoring *run, const members_of_grid *among,
                                ec_c_protocol protocol, size_t category) {
    size_t n_found = 0;
    for (; *at < run->job->n_parts && n_found < most; ++*at) {
        const ec_job_part *part = &run->job->parts[*at];
        uint32_t subset = 0;
        size_t n_in = 0;
        if (part->n_members == 1 || !ec_job_lacks(&part->c[protocol], category)) continue;
        for (size_t k = 0; k < part->n_members; k++)
            for (size_t m = 0; m < among->n; m++)
                if (among->encoders[m] == part->members[protocol][k]) {
                    subset |= (uint32_t)1 << m;
                    n_in++;
                }
        if (n_in != part->n_members ||
            ec_job_finest_grid(run->job, part->members[protocol], n_in) != among->grid)
            continue;
        parts[n_found] = *at;
        subsets[n_found++] = subset;
    }
    return n_found;
}

/* Judges and writes all unfinished combinations of a few encoders with this finest grid. */
static ec_status judge_wanted(ec_scoring *run, const gathered *g, const bool *wanted, size_t grid,
                              ec_c_protocol protocol, size_t category, ec_error *err) {
    const members_of_grid m = finest_first(g, wanted, grid);
    const size_t n_pairs = category_of(run, category)->n_pairs;
    const size_t most =
        run->job->n_parts < SUBSETS_AT_A_TIME ? run->job->n_parts : SUBSETS_AT_A_TIME;
    size_t *parts = calloc(most + 1, sizeof *parts);
    uint32_t *subsets = calloc(most + 1, sizeof *subsets);
    ec_pair_result *results = calloc(most * n_pairs + 1, sizeof *results);
    ec_status status = parts != NULL && subsets != NULL && results != NULL
                           ? EC_OK
                           : ec_no_memory(run->job->study->path, err);
    ec_c_combinations all = {.members = m.rows,
                             .n_members = m.n,
                             .subsets = subsets,
                             .resample_grids = run->job->settings.resample_grids};
    size_t at = 0;
    while (status == EC_OK && (all.n_subsets = find_combinations(parts, subsets, most, &at, run, &m,
                                                                 protocol, category)) > 0) {
        status = ec_correspondence_judge(results, NULL, run->correspondence, &run->job->set,
                                         category, protocol, &all, err);
        if (status == EC_OK)
            status = put_results(run, parts, all.n_subsets, protocol, category, results, err);
    }
    free(parts);
    free(subsets);
    free(results);
    return status;
}

/* More encoders than fit a subset: one combination at a time, with its own. */
static ec_status judge_each(ec_scoring *run, const gathered *g, bool *wanted,
                            ec_c_protocol protocol, size_t category, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < run->job->n_parts; i++) {
        const ec_job_part *part = &run->job->parts[i];
        if (part->n_members == 1 || !ec_job_lacks(&part->c[protocol], category)) continue;
        for (size_t m = 0; m < g->n; m++) {
            wanted[m] = false;
            for (size_t k = 0; k < part->n_members; k++)
                wanted[m] = wanted[m] || g->encoders[m] == part->members[protocol][k];
        }
        const size_t grid = ec_job_finest_grid(run->job, part->members[protocol], part->n_members);
        status = judge_wanted(run, g, wanted, grid, protocol, category, err);
    }
    return status;
}

/* Encoders are joined on equal grids, all of one grid together; coarser ones are brought to it
 * where the user asked for that. */
static ec_status judge_combinations(ec_scoring *run, const gathered *g, ec_c_protocol protocol,
                                    size_t category, ec_error *err) {
    const bool resample = run->job->settings.resample_grids;
    bool *wanted = calloc(g->n + 1, sizeof *wanted);
    ec_status status = wanted != NULL ? EC_OK : ec_no_memory(run->job->study->path, err);
    for (size_t first = 0; status == EC_OK && first < g->n; first++) {
        const size_t grid = g->rows[first].grid;
        size_t earlier = 0, n = 0;
        while (g->rows[earlier].grid != grid) earlier++;
        if (earlier < first) continue; /* done with that one */
        for (size_t m = 0; m < g->n; m++) {
            wanted[m] = g->rows[m].grid == grid || (resample && g->rows[m].grid < grid);
            n += wanted[m];
        }
        if (n > EC_C_MAX_MEMBERS) {
            status = judge_each(run, g, wanted, protocol, category, err);
            break;
        }
        status = judge_wanted(run, g, wanted, grid, protocol, category, err);
    }
    free(wanted);
    return status;
}

static ec_status combine(ec_outcome *outcome, ec_scoring *run, gathered *g, ec_c_protocol protocol,
                         size_t category, ec_error *err) {
    snprintf(run->progress.doing, sizeof run->progress.doing, "C, %s, combinations, %.60s",
             ec_c_protocol_name(protocol), category_of(run, category)->name);
    ec_status status = load_rows(g, run, protocol, category, err);
    if (status != EC_OK || !g->complete) return status;
    status = judge_combinations(run, g, protocol, category, err);
    for (size_t k = 0; status == EC_OK && k < g->n; k++) {
        char key[EC_HASH_SIZE];
        ec_job_rows_key(key, run->job, g->encoders[k], protocol, category);
        ec_work_delete_rows(&run->job->work, key);
    }
    *outcome = EC_WORKED;
    return status == EC_OK ? ec_scoring_recount(run, err) : status;
}

/* The rows are deleted under this lock by whoever has judged, so it is taken before looking. */
static ec_status try_combinations(ec_outcome *outcome, ec_scoring *run, ec_c_protocol protocol,
                                  size_t category, ec_error *err) {
    char text[EC_HASH_SIZE + 64], key[EC_HASH_SIZE];
    int lock;
    gathered g = {0};
    snprintf(text, sizeof text, "combine %s %s", ec_c_protocol_name(protocol),
             run->job->category_key[category]);
    ec_hash_bytes(key, text, strlen(text));
    *outcome = EC_WAIT;
    ec_status status = ec_work_try(&lock, &run->job->work, key, err);
    if (status != EC_OK || lock < 0) return status;
    status = ec_job_refresh_category(run->job, protocol, category, err);
    if (status == EC_OK) status = find_encoders(&g, run, protocol, category, err);
    if (status == EC_OK && g.n == 0)
        *outcome = EC_COMPLETE;
    else if (status == EC_OK && rows_are_there(&g, run, protocol, category))
        status = combine(outcome, run, &g, protocol, category, err);
    release_gathered(&g);
    ec_work_unlock(lock);
    return status;
}

/* ---- a category --------------------------------------------------------------------------- */

static bool is_done(const ec_job *job, ec_c_protocol protocol, size_t category) {
    for (size_t i = 0; i < job->n_parts; i++)
        if (ec_job_lacks(&job->parts[i].c[protocol], category)) return false;
    return true;
}

static bool any_combination(const ec_job *job, ec_c_protocol protocol, size_t category) {
    for (size_t e = 0; e < job->n_encoders; e++)
        if (ec_job_needs_rows(job, e, protocol, category)) return true;
    return false;
}

ec_status ec_scoring_category(ec_outcome *outcome, ec_scoring *run, ec_c_protocol protocol,
                              size_t category, ec_error *err) {
    ec_job *job = run->job;
    bool worked = false;
    *outcome = EC_COMPLETE;
    if (is_done(job, protocol, category)) return EC_OK;
    ec_status status = ec_job_refresh_category(job, protocol, category, err);
    for (size_t e = 0; status == EC_OK && e < job->n_encoders; e++) {
        status = try_encoder(outcome, run, e, protocol, category, err);
        worked = worked || *outcome == EC_WORKED;
    }
    if (status == EC_OK && any_combination(job, protocol, category)) {
        status = try_combinations(outcome, run, protocol, category, err);
        worked = worked || *outcome == EC_WORKED;
    }
    *outcome = worked ? EC_WORKED : is_done(job, protocol, category) ? EC_COMPLETE : EC_WAIT;
    return status;
}
