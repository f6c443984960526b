/* cmd_correspond.c - eyechart correspond: the C score of encoders and of their combinations */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/combinations.h"
#include "cli/device.h"
#include "cli/keypoints.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sources.h"
#include "eyechart/matching.h"

static const char *protocol_at(size_t i) {
    return i == 0 ? "both" : ec_c_protocol_name(i - 1);
}

static const char *per_at(size_t i) {
    static const char *const names[] = {"image", "point"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

enum {
    O_KEYPOINTS,
    O_SPLIT,
    O_CATEGORY,
    O_PROTOCOL,
    O_COMBINE,
    O_RESAMPLE,
    O_BY_CATEGORY,
    O_READOUT,
    O_PER,
    O_PAIRS,
    O_POINTS,
    O_LAYER,
    O_SIZE,
    O_POSITIONS,
    O_REPLICATES,
    O_SEED,
    O_BATCH,
    O_DEVICE,
    O_THREADS,
    O_JSON
};

static const option OPTIONS[] = {
    [O_KEYPOINTS] = {.name = "keypoints",
                     .letter = 'k',
                     .argument = "PATH",
                     .type = VALUE_FILE,
                     .help = "the folder SPair-71k as distributed, or a JSON file of ours "
                             "(docs/formats.md)"},
    [O_SPLIT] = OPTION_SPLIT("of the pairs: test (of SPair-71k when not given), val, trn; of a "
                             "JSON file all when not given"),
    [O_CATEGORY] = {.name = "category",
                    .argument = "NAME",
                    .type = VALUE_TEXT,
                    .repeatable = true,
                    .help = "only this category; may be given again; all when not given"},
    [O_PROTOCOL] = OPTION_PROTOCOL(protocol_at, "both",
                                   "authors: the published number, features of squashed images, "
                                   "keypoints in a padded frame; consistent: both padded"),
    [O_COMBINE] = {.name = "combine",
                   .argument = "WHAT",
                   .type = VALUE_TEXT,
                   .help = "all: every combination of the encoders; or combinations by the names "
                           "in the result, a+b,a+c. They cost almost nothing"},
    [O_RESAMPLE] = {.name = "resample-grids",
                    .help = "combine grids of patches that differ: similarities are brought to "
                            "the finest grid, bilinear"},
    [O_BY_CATEGORY] = {.name = "by-category", .help = "a line for every category as well"},
    [O_READOUT] = OPTION_READOUT(
        "soft-argmax", "in the table: soft-argmax, in a window, or argmax; JSON has both"),
    [O_PER] = {.name = "per",
               .argument = "WHAT",
               .type = VALUE_CHOICE,
               .choice = per_at,
               .fallback = "image",
               .help = "in the table: image, the mean over pairs of the part that is right, or "
                       "point, right points of all points; JSON has both"},
    [O_PAIRS] = {.name = "pairs",
                 .argument = "FILE",
                 .type = VALUE_FILE,
                 .help = "write right points of every pair to this CSV file"},
    [O_POINTS] = {.name = "points",
                  .argument = "FILE",
                  .type = VALUE_FILE,
                  .help = "write every predicted point to this CSV file"},
    [O_LAYER] = OPTION_LAYER(HELP_LAYER),
    [O_SIZE] = OPTION_SIZE,
    [O_POSITIONS] = OPTION_POSITIONS,
    [O_REPLICATES] = {.name = "replicates",
                      .argument = "N",
                      .type = VALUE_COUNT,
                      .low = 2,
                      .high = 1000000,
                      .fallback = "1000",
                      .help = "of the bootstrap over images that gives the standard errors"},
    [O_SEED] = {.name = "seed",
                .argument = "SEED",
                .type = VALUE_COUNT,
                .fallback = "0",
                .help = "of the bootstrap"},
    [O_BATCH] = OPTION_BATCH("images at a time; results do not depend on it"),
    [O_DEVICE] = OPTION_DEVICE,
    [O_THREADS] = OPTION_THREADS,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "ENCODER",
     .type = VALUE_FOLDER,
     .repeatable = true,
     .help = "weight folder, may be followed by @PIXELS; several joined by + are a combination"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart correspond clip-l-336/ dinov2-large/@336 --combine all -k SPair-71k/",
     "C of CLIP, of DINOv2 and of both together"},
    {"eyechart correspond siglip/ -k SPair-71k/ --by-category --readout argmax",
     "by category, from the best patch"},
    {"eyechart correspond dinov2-large/@224 -k SPair-71k/ --category cat --pairs cat.csv",
     "every pair of one category"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_INTERRUPTED, "interrupted; no table is written ('score' in a study keeps what is done)"},
    {0},
};

/* ---- the job ---- */

typedef struct {
    const arguments *args;
    combinations all;
    ec_keypoint_set set;
    bool *wanted; /* [set.n_categories] */
    size_t n_images, n_pairs, n_points;
    ec_c_protocol first, last; /* protocols to compute */
    ec_ctx *ctx;
    ec_correspondence *compare;
    ec_pair_result *results; /* [protocol][row][set.n_pairs] */
    FILE *pairs, *points;

    progress line;
    double flops_done, flops_total;
    size_t images_done, images_total; /* times encoders, times protocols */
    double flops_per_image;           /* of the encoder at work */
    size_t done_here;                 /* images of the category it has done */
    const char *category, *encoder;   /* at work */
} job;

static ec_pair_result *results_of(const job *j, ec_c_protocol protocol, size_t row) {
    return j->results + ((size_t)protocol * j->all.n_rows + row) * j->set.n_pairs;
}

static ec_status open_member(ec_extractor **out, const job *j, const member *m,
                             ec_c_protocol protocol, ec_error *err) {
    ec_feature_source source = m->source;
    source.prepare = ec_matching_prepare(protocol);
    source.exif_transpose = false; /* keypoints are in the picture as it lies */
    const ec_encoder_options options = {.ctx = j->ctx,
                                        .interpolate_plain = j->args->values[O_POSITIONS].given};
    return ec_extractor_open(out, &source, &options, err);
}

/* ---- before the work ---- */

static int load_keypoints(job *j) {
    const option_value *v = j->args->values;
    ec_error err;
    if (ec_keypoint_set_load(&j->set, v[O_KEYPOINTS].text, v[O_SPLIT].text, &err) != EC_OK)
        return report_error(&err);
    const ec_keypoint_set *set = &j->set;
    j->wanted = allocate(set->n_categories, sizeof *j->wanted);
    for (size_t i = 0; i < v[O_CATEGORY].n_all; i++) {
        const size_t at = ec_keypoint_category_find(set, v[O_CATEGORY].all[i]);
        if (at == set->n_categories) {
            note("%s: there is no category '%s'", v[O_KEYPOINTS].text, v[O_CATEGORY].all[i]);
            return EXIT_DATA;
        }
        j->wanted[at] = true;
    }
    for (size_t c = 0; c < set->n_categories; c++) {
        if (!v[O_CATEGORY].given) j->wanted[c] = true;
        if (!j->wanted[c]) continue;
        j->n_images += set->categories[c].n_images;
        j->n_pairs += set->categories[c].n_pairs;
        j->n_points += set->categories[c].n_points;
    }
    if (set->n_empty_pairs > 0)
        note("%zu pairs have no common point and count in no mean", set->n_empty_pairs);
    if (set->n_moved > 0)
        note("%zu points of pair files lie elsewhere than in ImageAnnotation, which counts; the "
             "first: %s",
             set->n_moved, set->moved);
    return EXIT_DONE;
}

/* Opens each encoder once, so that what is wrong is said before the work. */
static int look_at_members(job *j) {
    ec_error err;
    for (size_t i = 0; i < j->all.n_members; i++) {
        member *m = &j->all.members[i];
        for (ec_c_protocol p = j->first; p <= j->last; p++) {
            ec_extractor *extractor;
            if (open_member(&extractor, j, m, p, &err) != EC_OK) return report_error(&err);
            const ec_extractor_info info = ec_extractor_describe(extractor);
            m->size = info.input_width;
            m->grid = info.grid_width;
            m->channels = info.n_channels;
            m->flops = info.flops;
            j->flops_total += info.flops * (double)j->n_images;
            j->images_total += j->n_images;
            ec_status status = EC_OK;
            if (j->args->values[O_JSON].given)
                status = ec_extractor_identity(m->identity[p], extractor, &err);
            ec_extractor_close(extractor);
            if (status != EC_OK) return report_error(&err);
        }
    }
    return combinations_place(&j->all, j->args->values[O_RESAMPLE].given);
}

/* ---- CSV ---- */

static void csv_line(FILE *out, const job *j, size_t row, ec_c_protocol protocol,
                     const ec_keypoint_pair *pair) {
    print_csv_field(out, j->all.rows[row].name);
    fprintf(out, ",%s,", ec_c_protocol_name(protocol));
    print_csv_field(out, j->set.categories[pair->category].name);
    fputc(',', out);
    print_csv_field(out, pair->id);
}

static void write_pair(const job *j, size_t row, ec_c_protocol protocol,
                       const ec_keypoint_pair *pair, const ec_pair_result *result) {
    csv_line(j->pairs, j, row, protocol, pair);
    fprintf(j->pairs, ",%d", result->n_points);
    for (int r = 0; r < EC_C_READOUTS; r++) {
        for (int a = 0; a < EC_C_ALPHAS; a++) fprintf(j->pairs, ",%d", result->correct[r][a]);
    }
    fputc('\n', j->pairs);
}

static void write_points(const job *j, size_t row, ec_c_protocol protocol,
                         const ec_keypoint_pair *pair, const ec_point_prediction *predicted) {
    for (size_t i = 0; i < pair->n_points; i++) {
        csv_line(j->points, j, row, protocol, pair);
        fprintf(j->points, ",%d", pair->ids[i]);
        for (int r = 0; r < EC_C_READOUTS; r++)
            fprintf(j->points, ",%.5f,%.5f", predicted[i].at[r][0], predicted[i].at[r][1]);
        fputc('\n', j->points);
    }
}

/* The file grows under another name and has its own once it is complete. */
static char *part_name(const char *path) {
    const size_t size = strlen(path) + 6;
    char *part = allocate(size, 1);
    snprintf(part, size, "%s.part", path);
    return part;
}

static int open_table(FILE **out, const option_value *value, const char *header) {
    if (!value->given) return EXIT_DONE;
    char *part = part_name(value->text);
    *out = fopen(part, "we");
    if (*out == NULL) note("%s: cannot write: %s", part, strerror(errno));
    free(part);
    if (*out != NULL) fputs(header, *out);
    return *out != NULL ? EXIT_DONE : EXIT_DATA;
}

/* Closes the file; whether all of it was written. */
static bool end_table(FILE *out, const option_value *value) {
    if (out == NULL) return true;
    const bool written = !ferror(out);
    if (fclose(out) == 0 && written) return true;
    note("%s: cannot write: %s", value->text, strerror(errno));
    return false;
}

static bool publish_table(const option_value *value) {
    char *part = part_name(value->text);
    const bool done = rename(part, value->text) == 0;
    if (!done) note("%s: cannot write: %s", value->text, strerror(errno));
    free(part);
    return done;
}

static void remove_part(const option_value *value) {
    char *part = part_name(value->text);
    remove(part);
    free(part);
}

static int open_tables(job *j) {
    static const char pairs[] = "encoder,protocol,category,pair,points,soft_10,soft_05,soft_01,"
                                "argmax_10,argmax_05,argmax_01\n",
                      points[] = "encoder,protocol,category,pair,slot,soft_x,soft_y,argmax_x,"
                                 "argmax_y\n";
    const int status = open_table(&j->pairs, &j->args->values[O_PAIRS], pairs);
    return status == EXIT_DONE ? open_table(&j->points, &j->args->values[O_POINTS], points)
                               : status;
}

/* Ends the tables, which have their names from then on if all went well, and nothing is left of
 * them if not. This is where a run counts as done: what interrupts it before gives
 * EXIT_INTERRUPTED and no table, what comes later changes nothing. */
static int close_tables(job *j, int status) {
    const option_value *pairs = &j->args->values[O_PAIRS], *points = &j->args->values[O_POINTS];
    const bool has_pairs = j->pairs != NULL, has_points = j->points != NULL;
    const bool pairs_written = end_table(j->pairs, pairs),
               points_written = end_table(j->points, points);
    j->pairs = j->points = NULL;
    if (status == EXIT_DONE && !(pairs_written && points_written)) status = EXIT_DATA;
    if (status == EXIT_DONE && progress_interrupted()) {
        note("interrupted at the end; nothing was kept");
        status = EXIT_INTERRUPTED;
    }
    if (status == EXIT_DONE && has_pairs && !publish_table(pairs)) status = EXIT_DATA;
    if (status == EXIT_DONE && has_points && !publish_table(points)) {
        status = EXIT_DATA;
        if (has_pairs) remove(pairs->text);
    }
    if (status != EXIT_DONE && has_pairs) remove_part(pairs);
    if (status != EXIT_DONE && has_points) remove_part(points);
    return status;
}

/* ---- the work ---- */

static bool see(void *context, size_t n_images_done) {
    job *j = context;
    j->images_done += n_images_done - j->done_here;
    j->flops_done += (double)(n_images_done - j->done_here) * j->flops_per_image;
    j->done_here = n_images_done;
    const double seconds = progress_seconds(&j->line);
    char left[32];
    progress_line(
        &j->line, j->images_done == j->images_total,
        "%zu of %zu images, %.3g images/s, %s left (%s, %s)", j->images_done, j->images_total,
        (double)j->images_done / seconds,
        progress_duration(left, seconds * (j->flops_total - j->flops_done) / j->flops_done),
        j->category, j->encoder);
    return !progress_interrupted();
}

/* Rows of all encoders. */
static ec_status compute_rows(ec_similarity *rows, job *j, ec_c_protocol protocol, size_t category,
                              const ec_image *images, ec_error *err) {
    const ec_matching_options options = {
        .batch = (size_t)j->args->values[O_BATCH].count, .see = see, .context = j};
    ec_status status = EC_OK;
    for (size_t i = 0; i < j->all.n_members && status == EC_OK; i++) {
        const member *m = &j->all.members[i];
        ec_extractor *extractor;
        j->flops_per_image = m->flops;
        j->done_here = 0;
        j->encoder = m->name;
        status = open_member(&extractor, j, m, protocol, err);
        if (status == EC_OK)
            status = ec_matching_rows(&rows[i], j->compare, extractor, m->name, protocol, &j->set,
                                      category, images, &options, err);
        ec_extractor_close(extractor);
    }
    return status;
}

static void keep_row(job *j, size_t row, ec_c_protocol protocol, const ec_keypoint_category *k,
                     const ec_pair_result *results, const ec_point_prediction *predicted) {
    ec_pair_result *to = results_of(j, protocol, row);
    for (size_t i = 0; i < k->n_pairs; i++) {
        const ec_keypoint_pair *pair = &j->set.pairs[k->pairs[i]];
        to[k->pairs[i]] = results[i];
        if (j->pairs != NULL) write_pair(j, row, protocol, pair, &results[i]);
        if (j->points != NULL) write_points(j, row, protocol, pair, predicted);
        if (predicted != NULL) predicted += pair->n_points;
    }
}

/* In the tables, combinations of one finest grid stand together. */
static void keep_results(job *j, ec_c_protocol protocol, const ec_keypoint_category *k,
                         const ec_pair_result *results, const ec_point_prediction *predicted) {
    const combination *rows = j->all.rows;
    for (size_t first = 0; first < j->all.n_rows; first++) {
        size_t earlier = 0;
        while (rows[earlier].grid != rows[first].grid) earlier++;
        for (size_t r = first; earlier == first && r < j->all.n_rows; r++)
            if (rows[r].grid == rows[first].grid)
                keep_row(j, r, protocol, k, results + r * k->n_pairs,
                         predicted != NULL ? predicted + r * k->n_points : NULL);
    }
}

static ec_status judge_all(job *j, ec_c_protocol protocol, size_t category,
                           const ec_similarity *rows, ec_error *err) {
    const ec_keypoint_category *k = &j->set.categories[category];
    const size_t n = j->all.n_rows;
    uint32_t *subsets = allocate(n, sizeof *subsets);
    ec_pair_result *results = allocate(n * k->n_pairs, sizeof *results);
    ec_point_prediction *predicted =
        j->points != NULL ? allocate(n * k->n_points, sizeof *predicted) : NULL;
    for (size_t r = 0; r < n; r++) subsets[r] = j->all.rows[r].subset;
    const ec_status status =
        ec_correspondence_judge(results, predicted, j->compare, &j->set, category, protocol,
                                &(ec_c_combinations){.members = rows,
                                                     .n_members = j->all.n_members,
                                                     .subsets = subsets,
                                                     .n_subsets = n,
                                                     .resample_grids = true},
                                err);
    if (status == EC_OK) keep_results(j, protocol, k, results, predicted);
    free(predicted);
    free(results);
    free(subsets);
    return status;
}

static ec_status score_category(job *j, size_t category, ec_error *err) {
    ec_image *images;
    j->category = j->set.categories[category].name;
    ec_status status =
        ec_matching_images_load(&images, &j->set, category, ec_ctx_threads(j->ctx), err);
    for (ec_c_protocol p = j->first; p <= j->last && status == EC_OK; p++) {
        ec_similarity rows[EC_C_MAX_MEMBERS] = {{0}};
        status = compute_rows(rows, j, p, category, images, err);
        if (status == EC_OK) status = judge_all(j, p, category, rows, err);
        for (size_t i = 0; i < j->all.n_members; i++) ec_matching_rows_release(&rows[i]);
        if (status == EC_OK && progress_interrupted())
            status = ec_fail(err, EC_ERR_INTERRUPTED, "stopped after category %s", j->category);
    }
    ec_matching_images_free(images, &j->set, category);
    return status;
}

static int score(job *j) {
    ec_error err;
    j->results = allocate(EC_C_PROTOCOLS * j->all.n_rows * j->set.n_pairs, sizeof *j->results);
    if (ec_correspondence_new(&j->compare, j->ctx, &err) != EC_OK) return report_error(&err);
    ec_status status = EC_OK;
    for (size_t c = 0; c < j->set.n_categories && status == EC_OK; c++) {
        if (j->wanted[c]) status = score_category(j, c, &err);
    }
    progress_line_end(&j->line);
    if (status == EC_ERR_INTERRUPTED) {
        note("%s", err.message);
        return EXIT_INTERRUPTED;
    }
    return status == EC_OK ? EXIT_DONE : report_error(&err);
}

/* ---- what came out ---- */

/* PCK of one combination under one protocol. */
typedef struct {
    ec_pck overall;
    ec_pck *categories; /* [set.n_categories], with --by-category */
} summary;

static int summarise(summary *out, const job *j, ec_c_protocol protocol, size_t row) {
    const option_value *v = j->args->values;
    ec_error err;
    if (v[O_BY_CATEGORY].given)
        out->categories = allocate(j->set.n_categories, sizeof *out->categories);
    if (ec_pck_summarise(&out->overall, out->categories, j->compare, &j->set,
                         results_of(j, protocol, row), (size_t)v[O_REPLICATES].count,
                         v[O_SEED].count, &err) == EC_OK)
        return EXIT_DONE;
    return report_error(&err);
}

static double value_of(const ec_pck *p, bool per_point, size_t readout, size_t alpha,
                       double *error) {
    *error = (per_point ? p->per_point_error : p->per_image_error)[readout][alpha];
    return (per_point ? p->per_point : p->per_image)[readout][alpha];
}

static void add_scores(json_t *scores, const job *j, ec_c_protocol protocol, const char *category,
                       const ec_pck *pck) {
    (void)j;
    for (size_t r = 0; r < EC_C_READOUTS; r++) {
        for (size_t a = 0; a < EC_C_ALPHAS; a++) {
            double image_error, point_error;
            const double image = value_of(pck, false, r, a, &image_error);
            const double point = value_of(pck, true, r, a, &point_error);
            json_array_append_new(
                scores, json_pack("{s:s, s:o, s:s, s:f, s:I, s:I, s:o, s:o, s:o, s:o}", "protocol",
                                  ec_c_protocol_name(protocol), "category",
                                  category != NULL ? json_text(category) : json_null(), "readout",
                                  ec_c_readout_name(r), "alpha", ec_c_alpha(a), "pairs",
                                  (json_int_t)pck->n_pairs, "points", (json_int_t)pck->n_points,
                                  "per_image", json_number(image), "per_image_se",
                                  json_number(image_error), "per_point", json_number(point),
                                  "per_point_se", json_number(point_error)));
        }
    }
}

static json_t *row_json(const job *j, size_t row, const summary *summaries) {
    const combination *c = &j->all.rows[row];
    json_t *members = json_array(), *scores = json_array();
    for (size_t i = 0; i < j->all.n_members; i++) {
        if (c->subset >> i & 1) json_array_append_new(members, json_text(j->all.members[i].name));
    }
    for (ec_c_protocol p = j->first; p <= j->last; p++) {
        add_scores(scores, j, p, NULL, &summaries[p].overall);
        for (size_t k = 0; k < j->set.n_categories; k++) {
            if (summaries[p].categories != NULL && j->wanted[k])
                add_scores(scores, j, p, j->set.categories[k].name, &summaries[p].categories[k]);
        }
    }
    return json_pack("{s:o, s:o, s:I, s:b, s:o}", "name", json_text(c->name), "encoders", members,
                     "grid", (json_int_t)c->grid, "resampled", (int)c->resampled, "scores", scores);
}

static json_t *encoders_json(const job *j) {
    json_t *encoders = json_array();
    for (size_t i = 0; i < j->all.n_members; i++) {
        const member *m = &j->all.members[i];
        json_t *identities = json_array();
        for (ec_c_protocol p = j->first; p <= j->last; p++)
            json_array_append_new(identities,
                                  json_pack("{s:s, s:s}", "protocol", ec_c_protocol_name(p),
                                            "identity", m->identity[p]));
        json_array_append_new(
            encoders, json_pack("{s:o, s:o, s:I, s:I, s:I, s:o}", "name", json_text(m->name),
                                "folder", json_text(m->source.folder), "size", (json_int_t)m->size,
                                "grid", (json_int_t)m->grid, "channels", (json_int_t)m->channels,
                                "identities", identities));
    }
    return encoders;
}

static json_t *result_json(const job *j, json_t *rows) {
    const option_value *v = j->args->values;
    json_t *categories = json_array();
    for (size_t k = 0; k < j->set.n_categories; k++) {
        if (j->wanted[k]) json_array_append_new(categories, json_text(j->set.categories[k].name));
    }
    return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "keypoints",
                     json_text(v[O_KEYPOINTS].text), "split",
                     v[O_SPLIT].given ? json_text(v[O_SPLIT].text) : json_null(), "categories",
                     categories, "images", (json_int_t)j->n_images, "pairs", (json_int_t)j->n_pairs,
                     "points", (json_int_t)j->n_points, "replicates",
                     (json_int_t)v[O_REPLICATES].count, "seed", (json_int_t)v[O_SEED].count,
                     "encoders", encoders_json(j), "rows", rows);
}

static void table_scores(text_table *table, const job *j, const ec_pck *const *pck) {
    const option_value *v = j->args->values;
    for (ec_c_protocol p = j->first; p <= j->last; p++) {
        for (size_t a = 0; a < EC_C_ALPHAS; a++) {
            double error;
            const double value =
                value_of(pck[p], v[O_PER].choice == 1, v[O_READOUT].choice, a, &error);
            if (isnan(value))
                table_cell(table, "-");
            else if (isnan(error))
                table_cell(table, "%.2f", value);
            else
                table_cell(table, "%.2f \xc2\xb1%.2f", value, error);
        }
    }
}

static void table_row(text_table *table, const job *j, size_t row, const summary *summaries) {
    const combination *c = &j->all.rows[row];
    const ec_pck *pck[EC_C_PROTOCOLS] = {&summaries[0].overall, &summaries[1].overall};
    const bool by_category = j->args->values[O_BY_CATEGORY].given;
    table_cell(table, "%s", c->name);
    table_cell(table, "%zu%s", c->grid, c->resampled ? "*" : "");
    if (by_category) table_cell(table, "all");
    table_scores(table, j, pck);
    for (size_t k = 0; by_category && k < j->set.n_categories; k++) {
        if (!j->wanted[k]) continue;
        for (ec_c_protocol p = j->first; p <= j->last; p++) pck[p] = &summaries[p].categories[k];
        table_cell(table, "%s", "");
        table_cell(table, "%s", "");
        table_cell(table, "%s", j->set.categories[k].name);
        table_scores(table, j, pck);
    }
}

static text_table *new_table(const job *j) {
    static const char *const authors[] = {"AUTHORS .10", ".05", ".01"};
    static const char *const consistent[] = {"CONSISTENT .10", ".05", ".01"};
    static const char *header[3 + EC_C_PROTOCOLS * EC_C_ALPHAS];
    size_t n = 0;
    header[n++] = "<ENCODER";
    header[n++] = "GRID";
    if (j->args->values[O_BY_CATEGORY].given) header[n++] = "<CATEGORY";
    for (ec_c_protocol p = j->first; p <= j->last; p++) {
        for (size_t a = 0; a < EC_C_ALPHAS; a++)
            header[n++] = (p == EC_C_AUTHORS ? authors : consistent)[a];
    }
    return table_new(n, header);
}

static void print_legend(const job *j) {
    const option_value *v = j->args->values;
    bool resampled = false;
    for (size_t r = 0; r < j->all.n_rows; r++) resampled = resampled || j->all.rows[r].resampled;
    printf("\nPCK at .10, .05 and .01 of the target's box, in percent, by %s, per %s, \xc2\xb1 "
           "standard error\n(bootstrap over images, %llu replicates, seed %llu). %zu images, %zu "
           "pairs, %zu points.\n",
           v[O_READOUT].text, v[O_PER].text, (unsigned long long)v[O_REPLICATES].count,
           (unsigned long long)v[O_SEED].count, j->n_images, j->n_pairs, j->n_points);
    if (resampled) puts("* similarities brought to the finest grid of the combination");
}

/* Every combination in turn, so that the summaries of one are in memory. Nothing is printed before
 * the tables have their names. */
static int conclude(job *j) {
    const bool json = j->args->values[O_JSON].given;
    json_t *rows = json ? json_array() : NULL;
    text_table *table = json ? NULL : new_table(j);
    int status = EXIT_DONE;
    for (size_t r = 0; r < j->all.n_rows && status == EXIT_DONE; r++) {
        summary summaries[EC_C_PROTOCOLS] = {{.categories = NULL}};
        for (ec_c_protocol p = j->first; p <= j->last && status == EXIT_DONE; p++)
            status = summarise(&summaries[p], j, p, r);
        if (status == EXIT_DONE && json) json_array_append_new(rows, row_json(j, r, summaries));
        if (status == EXIT_DONE && !json) table_row(table, j, r, summaries);
        for (size_t p = 0; p < EC_C_PROTOCOLS; p++) free(summaries[p].categories);
        if (progress_interrupted()) break; /* which closing the tables finds, too */
    }
    status = close_tables(j, status);
    if (status != EXIT_DONE) {
        json_decref(rows);
        table_free(table);
        return status;
    }
    if (json) {
        json_print(result_json(j, rows));
    } else {
        table_print(table);
        print_legend(j);
    }
    return EXIT_DONE;
}

/* The work with its tables, of which nothing may be left when Ctrl-C ends it. */
static int score_and_conclude(job *j) {
    progress_start(&j->line);
    int status = open_tables(j);
    if (status == EXIT_DONE) status = score(j);
    status = status == EXIT_DONE ? conclude(j) : close_tables(j, status);
    progress_end(&j->line);
    return status;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    if (!v[O_KEYPOINTS].given)
        return usage_error(args->command, "which pairs? give --keypoints PATH");
    job j = {.args = args,
             .first = v[O_PROTOCOL].choice == 2 ? EC_C_CONSISTENT : EC_C_AUTHORS,
             .last = v[O_PROTOCOL].choice == 1 ? EC_C_AUTHORS : EC_C_CONSISTENT};
    int status = combinations_parse(&j.all, args, sources_otherwise(args), v[O_COMBINE].text);
    if (status == EXIT_DONE) status = load_keypoints(&j);
    if (status == EXIT_DONE) status = device_open(&j.ctx, &v[O_DEVICE], &v[O_THREADS]);
    if (status == EXIT_DONE) status = look_at_members(&j);
    if (status == EXIT_DONE) status = score_and_conclude(&j);
    ec_correspondence_free(j.compare);
    ec_ctx_free(j.ctx);
    ec_keypoint_set_release(&j.set);
    combinations_release(&j.all);
    free(j.results);
    free(j.wanted);
    return status;
}

const command CMD_CORRESPOND = {
    .name = "correspond",
    .purpose = "the C score of encoders and of their combinations, with standard errors",
    .about =
        "How well the patch features of an encoder find the same point in another image: PCK over "
        "pairs of images with keypoints. Both protocols come from one pass over the images each; "
        "an image is decoded once. C of the published tables is authors, .10, soft-argmax, per "
        "image.\n"
        "The similarity of features that are normalised by encoder and put side by side is the "
        "mean of the encoders' similarities: so --combine all scores all combinations for the "
        "price of the encoders.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
    .computes = true,
};
