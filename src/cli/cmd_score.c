/* cmd_score.c - eyechart score: A and C of every candidate of a study, from images */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/device.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sources.h"
#include "cli/study.h"
#include "eyechart/score.h"

enum { O_STUDY, O_A, O_C, O_MEASURES, O_CANDIDATE, O_PLAN, O_DEVICE, O_THREADS, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_A] = {.name = "a", .help = "A alone"},
    [O_C] = {.name = "c", .help = "C alone"},
    [O_MEASURES] = {.name = "measures",
                    .help = "the numbers without labels alone: cka, mutual_knn, rank and others"},
    [O_CANDIDATE] = {.name = "candidate",
                     .argument = "NAME",
                     .type = VALUE_TEXT,
                     .repeatable = true,
                     .help = "this candidate alone, and what it needs; all with an encoder when "
                             "not given"},
    [O_PLAN] = {.name = "plan",
                .help = "say what would be computed, what is known already, and how long it takes "
                        "(measured for up to three seconds); compute nothing"},
    [O_DEVICE] = OPTION_DEVICE,
    [O_THREADS] = OPTION_THREADS,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "STUDY", .type = VALUE_STUDY, .help = "study folder"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart score mystudy/ --plan", "what it would take"},
    {"eyechart score mystudy/", "A and C of every candidate; again after Ctrl-C to go on"},
    {"eyechart score mystudy/ --c --candidate CLIP@336", "C of one candidate"},
    {"eyechart score mystudy/ & eyechart score mystudy/", "two processes share the work"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DATA, "something is missing or wrong; what was computed is kept, 'eyechart doctor' says "
                "what to do"},
    {EXIT_INTERRUPTED, "interrupted; the same command goes on where it was"},
    {0},
};

/* ---- the plan ----------------------------------------------------------------------------- */

static const char *size_text(char buffer[32], double bytes) {
    if (isnan(bytes))
        snprintf(buffer, 32, "unknown");
    else if (bytes < 1e9)
        snprintf(buffer, 32, "%.3g MB", bytes / 1e6);
    else
        snprintf(buffer, 32, "%.3g GB", bytes / 1e9);
    return buffer;
}

static void part_cells(text_table *table, bool has, size_t n, size_t n_cached) {
    if (has)
        table_cell(table, "%zu", n - n_cached);
    else
        table_cell(table, "-");
    if (has)
        table_cell(table, "%zu", n_cached);
    else
        table_cell(table, "-");
}

static void print_left_out(size_t n) {
    if (n == 0) return;
    printf("%zu combination%s left out: an encoder is in it twice, or the grids of patches "
           "differ; give sizes\n(encoder: FOLDER@PIXELS) that make them equal, or 'scores: "
           "{resample_grids: true}'.\n",
           n, n == 1 ? " is" : "s are");
}

static void print_plan_text(const ec_study *study, const ec_score_plan *plan) {
    static const char *const headers[] = {"<candidate",     "encoders", "C to do",
                                          "known",          "A to do",  "known",
                                          "measures to do", "known",    "<"};
    char duration[32], disk[32], left[32], memory[32];
    text_table *table = table_new(9, headers);
    for (size_t i = 0; i < plan->n_parts; i++) {
        const ec_score_part *part = &plan->parts[i];
        table_cell(table, "%s", ec_study_candidate(study, part->candidate)->name);
        table_cell(table, "%zu", part->n_encoders);
        part_cells(table, part->has_c, part->c_categories, part->c_cached);
        part_cells(table, part->has_a, part->a_images, part->a_cached);
        part_cells(table, part->has_measures, part->measures, part->measures_cached);
        table_cell(table, "%s", part->note);
    }
    table_print(table);
    printf(
        "\nC in categories of keypoints under two protocols, A in images, measures of its own and "
        "beside\neach that it is compared with.\n");
    print_left_out(plan->n_left_out);
    printf("To do: %.0f passes of images through %zu encoder%s, %.3g TFLOP", plan->passes,
           plan->n_encoders, plan->n_encoders == 1 ? "" : "s", plan->flops / 1e12);
    if (!isnan(plan->seconds)) printf(", about %s", progress_duration(duration, plan->seconds));
    printf("\n%zu of %zu results are known; %zu images, %zu pairs of keypoints\n",
           plan->n_results_cached, plan->n_results, plan->n_images, plan->n_pairs);
    printf("Disk: up to %s more, %s free. Memory: %s beside an encoder.\n",
           size_text(disk, plan->disk_bytes), size_text(left, plan->disk_free_bytes),
           size_text(memory, plan->memory_bytes));
}

static json_t *part_json(const ec_study *study, const ec_score_part *part) {
    return json_pack(
        "{s:o, s:I, s:i, s:s, s:b, s:o, s:o, s:o, s:o}", "candidate",
        json_text(ec_study_candidate(study, part->candidate)->name), "encoders",
        (json_int_t)part->n_encoders, "layer", part->layer, "tokens",
        part->all_tokens ? "all" : "patch", "resampled", (int)part->resampled, "correspondence",
        part->has_c ? json_pack("{s:I, s:I}", "categories", (json_int_t)part->c_categories, "known",
                                (json_int_t)part->c_cached)
                    : json_null(),
        "alignment",
        part->has_a ? json_pack("{s:I, s:I}", "images", (json_int_t)part->a_images, "known",
                                (json_int_t)part->a_cached)
                    : json_null(),
        "measures",
        part->has_measures ? json_pack("{s:I, s:I}", "sets", (json_int_t)part->measures, "known",
                                       (json_int_t)part->measures_cached)
                           : json_null(),
        "note", *part->note != '\0' ? json_text(part->note) : json_null());
}

static void print_plan_json(const ec_study *study, const ec_score_plan *plan) {
    json_t *parts = json_array();
    for (size_t i = 0; i < plan->n_parts; i++)
        json_array_append_new(parts, part_json(study, &plan->parts[i]));
    json_t *all = json_pack(
        "{s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:o}", "study",
        json_text(ec_study_name(study)), "results", (json_int_t)plan->n_results, "known",
        (json_int_t)plan->n_results_cached, "passes", json_number(plan->passes), "flops",
        json_number(plan->flops), "seconds", json_number(plan->seconds), "encoders",
        (json_int_t)plan->n_encoders, "images", (json_int_t)plan->n_images, "pairs",
        (json_int_t)plan->n_pairs, "disk_bytes", json_number(plan->disk_bytes), "disk_free_bytes",
        json_number(plan->disk_free_bytes), "memory_bytes", json_number(plan->memory_bytes),
        "left_out", (json_int_t)plan->n_left_out, "candidates", parts);
    json_print(json_pack("{s:o}", "plan", all));
}

static int print_plan(ec_study *study, const ec_score_options *options, bool json) {
    ec_score_plan *plan;
    ec_error err;
    if (ec_study_plan(&plan, study, options, &err) != EC_OK) return report_error(&err);
    (json ? print_plan_json : print_plan_text)(study, plan);
    ec_score_plan_free(plan);
    return EXIT_DONE;
}

/* ---- the run ------------------------------------------------------------------------------ */

static bool see(void *context, const ec_score_progress *p) {
    progress *line = context;
    char left[32];
    if (p->waiting)
        progress_line(line, false, "%zu of %zu results, %s", p->n_done, p->n_results, p->doing);
    else if (p->n_results == 0) /* before it is known what there is to do */
        progress_line(line, false, "%s", p->doing);
    else if (isnan(p->seconds_left))
        progress_line(line, false, "%zu of %zu results (%zu known before): %s", p->n_done,
                      p->n_results, p->n_cached, p->doing);
    else
        progress_line(line, false,
                      "%zu of %zu results (%zu known before), %.3g images/s, %s left: %s",
                      p->n_done, p->n_results, p->n_cached, p->passes_per_s,
                      progress_duration(left, p->seconds_left), p->doing);
    return !progress_interrupted();
}

static void print_scores_text(const ec_study *study, const ec_score_summary *s) {
    static const char *const headers[] = {"<candidate", "C authors", "+-", "C consistent",
                                          "+-",         "A",         "+-", "<of"};
    text_table *table = table_new(8, headers);
    bool resampled = false;
    for (size_t i = 0; i < s->n_rows; i++) {
        const ec_score_row *row = &s->rows[i];
        size_t n_shown = 0;
        resampled = resampled || row->resampled;
        for (size_t b = 0; b < s->n_benchmarks || n_shown == 0; b++) {
            const bool last = b >= s->n_benchmarks;
            if (!last && isnan(row->a[b])) continue;
            table_cell(table, "%s%s", ec_study_candidate(study, row->candidate)->name,
                       row->resampled ? "*" : "");
            for (int p = 0; p < 2; p++) {
                table_number(table, 2, row->c[p]);
                table_number(table, 2, row->c_se[p]);
            }
            table_number(table, 4, last ? NAN : row->a[b]);
            table_number(table, 4, last ? NAN : row->a_se[b]);
            table_cell(table, "%s", last ? "" : ec_study_benchmark(study, b)->name);
            n_shown++;
        }
    }
    table_print(table);
    if (resampled) puts("* grids differ: C from similarities brought to the finest grid, bilinear");
    print_left_out(s->n_left_out);
}

static bool any_measure(const ec_score_summary *s) {
    for (size_t i = 0; i < s->n_rows; i++)
        for (size_t k = 0; k < EC_REPRESENTATION_COLUMNS; k++)
            if (!isnan(s->rows[i].measures[k])) return true;
    return false;
}

static void print_measures_text(const ec_study *study, const ec_score_summary *s) {
    const char *headers[1 + EC_REPRESENTATION_COLUMNS] = {"<candidate"};
    if (!any_measure(s)) return;
    printf("\nWithout labels, columns for 'eyechart rank --a-column' and '--c-column':\n");
    for (size_t k = 0; k < EC_REPRESENTATION_COLUMNS; k++)
        headers[1 + k] = ec_representation_column_name(k);
    text_table *table = table_new(1 + EC_REPRESENTATION_COLUMNS, headers);
    for (size_t i = 0; i < s->n_rows; i++) {
        table_cell(table, "%s", ec_study_candidate(study, s->rows[i].candidate)->name);
        for (size_t k = 0; k < EC_REPRESENTATION_COLUMNS; k++)
            table_number(table, 4, s->rows[i].measures[k]);
    }
    table_print(table);
}

static void print_text(const ec_study *study, const ec_score_summary *s) {
    print_scores_text(study, s);
    print_measures_text(study, s);
}

static json_t *measures_json(const ec_study *study, const ec_score_summary *s,
                             const ec_score_row *row) {
    const ec_score_settings settings = ec_study_score_settings(study);
    json_t *measures = json_object(), *references = json_array();
    for (size_t k = 0; k < EC_REPRESENTATION_COLUMNS; k++)
        json_object_set_new(measures, ec_representation_column_name(k),
                            json_number(row->measures[k]));
    for (size_t r = 0; r < s->n_compare_with; r++) {
        json_t *one =
            json_pack("{s:o}", "reference",
                      json_text(ec_study_candidate(study, settings.compare_with[r])->name));
        for (size_t k = 0; k < EC_REPRESENTATION_BESIDE; k++)
            json_object_set_new(one, ec_representation_column_name(k),
                                json_number(row->beside[r][k]));
        json_array_append_new(references, one);
    }
    json_object_set_new(measures, "references", references);
    return measures;
}

static json_t *alignment_json(const ec_study *study, const ec_score_summary *s,
                              const ec_score_row *row, size_t b) {
    const ec_score_settings settings = ec_study_score_settings(study);
    json_t *references = json_array();
    for (size_t r = 0; r < s->n_references; r++)
        json_array_append_new(
            references,
            json_pack("{s:o, s:o}", "reference",
                      json_text(ec_study_candidate(study, settings.references[r])->name), "a",
                      json_number(row->a_of[r * s->n_benchmarks + b])));
    return json_pack("{s:o, s:o, s:o, s:o}", "benchmark",
                     json_text(ec_study_benchmark(study, b)->name), "a", json_number(row->a[b]),
                     "a_error", json_number(row->a_se[b]), "references", references);
}

static json_t *correspondence_json(const ec_score_row *row, int protocol) {
    return json_pack("{s:o, s:o}", "c", json_number(row->c[protocol]), "c_error",
                     json_number(row->c_se[protocol]));
}

static void print_scores_json(const ec_study *study, const ec_score_summary *s) {
    json_t *rows = json_array();
    for (size_t i = 0; i < s->n_rows; i++) {
        const ec_score_row *row = &s->rows[i];
        json_t *alignment = json_array();
        for (size_t b = 0; b < s->n_benchmarks; b++)
            if (!isnan(row->a[b]))
                json_array_append_new(alignment, alignment_json(study, s, row, b));
        json_array_append_new(
            rows, json_pack("{s:o, s:b, s:o, s:o, s:o, s:o}", "candidate",
                            json_text(ec_study_candidate(study, row->candidate)->name), "resampled",
                            (int)row->resampled, "authors", correspondence_json(row, 0),
                            "consistent", correspondence_json(row, 1), "alignment", alignment,
                            "measures", measures_json(study, s, row)));
    }
    json_print(json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:o}", "study",
                         json_text(ec_study_name(study)), "results", (json_int_t)s->n_results,
                         "known_before", (json_int_t)s->n_cached, "changed_scores",
                         (json_int_t)s->n_changed, "lost_scores", (json_int_t)s->n_lost, "passes",
                         json_number(s->passes), "seconds", json_number(s->seconds), "left_out",
                         (json_int_t)s->n_left_out, "candidates", rows));
}

static int score(ec_study *study, const ec_score_options *options, bool json) {
    ec_score_summary *summary;
    ec_error err;
    progress line;
    char duration[32];
    progress_start(&line);
    const ec_status status = ec_study_score(&summary, study, options, see, &line, &err);
    if (status == EC_OK)
        progress_line(&line, true, "%zu results, %zu known before, in %s; %zu scores changed",
                      summary->n_results, summary->n_cached,
                      progress_duration(duration, summary->seconds), summary->n_changed);
    progress_end(&line);
    if (status == EC_ERR_INTERRUPTED) {
        note("%s", err.message);
        return EXIT_INTERRUPTED;
    }
    if (status != EC_OK) return report_error(&err);
    if (summary->n_lost > 0)
        note("no longer told, since study.yaml and the images as they are now do not give it: %s",
             summary->lost);
    for (char *said = summary->notes, *next; said != NULL; said = next) {
        next = strchr(said, '\n');
        if (next != NULL) *next++ = '\0';
        note("%s", said);
    }
    if (summary->n_turned > 0)
        note("%s%s: EXIF asks to turn the picture, which is taken as it lies, as in training; "
             "'scores: {exif_transpose: true}' in study.yaml turns it",
             summary->turned, summary->n_turned > 1 ? " and others" : "");
    (json ? print_scores_json : print_text)(study, summary);
    ec_score_summary_free(summary);
    return EXIT_DONE;
}

static int find_candidates(size_t *out, const ec_study *study, const option_value *names) {
    int status = EXIT_DONE;
    for (size_t k = 0; status == EXIT_DONE && k < names->n_all; k++)
        status = study_find_candidate(&out[k], study, names->all[k]);
    return status;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    if (v[O_A].given + v[O_C].given + v[O_MEASURES].given > 1)
        return usage_error(args->command,
                           "--a, --c and --measures each leave out the others; give one, or none");
    ec_study *study;
    int status = study_open(&study, args);
    if (status != EXIT_DONE) return status;
    size_t *candidates = allocate(v[O_CANDIDATE].n_all + 1, sizeof *candidates);
    status = find_candidates(candidates, study, &v[O_CANDIDATE]);
    ec_ctx *ctx = NULL;
    if (status == EXIT_DONE) status = device_open(&ctx, &v[O_DEVICE], &v[O_THREADS]);
    const ec_score_options options = {
        .only_a = v[O_A].given,
        .only_c = v[O_C].given,
        .only_measures = v[O_MEASURES].given,
        .candidates = candidates,
        .n_candidates = v[O_CANDIDATE].n_all,
        .ctx = ctx,
        .calibrate = true,
    };
    for (size_t i = 0; status == EXIT_DONE && i < ec_study_n_candidates(study); i++) {
        size_t n;
        const ec_feature_source *sources = ec_study_encoders(&n, study, i);
        if (!v[O_C].given && !v[O_MEASURES].given)
            note_connector(ec_study_candidate(study, i)->name, ec_study_connector(study, i),
                           sources, n);
    }
    if (status == EXIT_DONE)
        status = (v[O_PLAN].given ? print_plan : score)(study, &options, v[O_JSON].given);
    free(candidates);
    ec_ctx_free(ctx);
    ec_study_close(study);
    return status;
}

const command CMD_SCORE = {
    .name = "score",
    .purpose = "compute A and C of every candidate, from images",
    .about =
        "Runs the encoders that study.yaml gives ('encoder:') over the images of the keypoints "
        "('data:') for C and, with the connectors ('connector:'), over the images of the "
        "benchmarks for A. docs/formats.md describes the keys, docs/models.md the scores.\n"
        "What is computed is kept in study.db with the hash of all that decides it: a run that "
        "was stopped, even by kill -9, goes on with the same command, and after a change of "
        "weights, connectors, images or keypoints only what depends on them is computed anew. "
        "Several processes may score one study at once.\n"
        "C of joined encoders comes from the encoders by themselves. A score that study.yaml "
        "declares is not computed.\n"
        "Beside A and C it measures features without labels, on the images of A: how alike they "
        "are to those of a reference (cka, mutual_knn), their effective rank, their norms. "
        "'eyechart rank --c-column NAME' ranks by one of these columns.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
    .computes = true,
};
