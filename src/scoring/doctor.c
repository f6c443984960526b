/* doctor.c - what stops or weakens scoring, finding by finding
 *
 * The steps of a job (score_job.h) one by one, going on after those that fail.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "eyechart/connector.h"
#include "eyechart/encoder.h"
#include "image/source.h"
#include "scoring/doctor_commands.h"
#include "scoring/doctor_images.h"
#include "scoring/score_plan.h"
#include "study/commands.h"
#include "study/findings.h"

typedef struct {
    ec_study *study;
    ec_job job;
    ec_numbers numbers; /* all that is known */
    ec_findings found;
    size_t n_errors; /* of what `score` needs */
    ec_image_check images;
} doctor;

static void say_error(doctor *d, const ec_error *err) {
    d->n_errors++;
    ec_findings_add(&d->found, EC_FINDING_ERROR, "%s", err->message);
}

/* ---- what is declared --------------------------------------------------------------------- */

static bool lacks_a(const doctor *d, size_t candidate) {
    const size_t n = ec_study_n_candidates(d->study);
    for (size_t b = 0; b < ec_study_n_benchmarks(d->study); b++)
        if (isnan(d->numbers.a[b * n + candidate])) return true;
    return false;
}

static bool has_encoder(const doctor *d, size_t candidate) {
    size_t n;
    ec_study_encoders(&n, d->study, candidate);
    return n > 0;
}

static void check_candidates(doctor *d) {
    ec_name_list no_encoder = {0}, no_connector = {0};
    for (size_t i = 0; i < ec_study_n_candidates(d->study); i++) {
        const char *name = ec_study_candidate(d->study, i)->name;
        const bool scored = !lacks_a(d, i) && !isnan(d->numbers.c[i]);
        if (!has_encoder(d, i) && !scored) ec_name_list_add(&no_encoder, name);
        if (has_encoder(d, i) && ec_study_connector(d->study, i) == NULL && lacks_a(d, i))
            ec_name_list_add(&no_connector, name);
    }
    if (no_encoder.n > 0)
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "no encoder, so that missing scores cannot be computed: %s; give "
                        "'encoder:', the folder of its weights, or declare or import the scores",
                        ec_name_list_end(&no_encoder));
    if (no_connector.n > 0)
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "no connector, so that A cannot be computed: %s; give 'connector:', the "
                        "file trained for it, or declare or import A",
                        ec_name_list_end(&no_connector));
}

static bool any_encoder(const doctor *d) {
    for (size_t i = 0; i < ec_study_n_candidates(d->study); i++)
        if (has_encoder(d, i)) return true;
    return false;
}

static void check_settings(doctor *d) {
    const ec_score_settings s = ec_study_score_settings(d->study);
    bool connectors = false, a_missing = false, c_missing = false;
    ec_name_list no_images = {0};
    for (size_t i = 0; i < ec_study_n_candidates(d->study); i++) {
        connectors = connectors || ec_study_connector(d->study, i) != NULL;
        a_missing = a_missing || lacks_a(d, i);
        c_missing = c_missing || isnan(d->numbers.c[i]);
    }
    if (any_encoder(d) && c_missing && s.keypoints == NULL)
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "no keypoints, so that C cannot be computed; give 'data: {keypoints: "
                        "PATH}', the folder of SPair-71k or keypoints in our JSON form");
    if (connectors && a_missing && s.n_references == 0)
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "no references, so that A cannot be computed; give 'scores: {references: "
                        "[…]}', candidates such as CLIP@224 and CLIP@336");
    for (size_t b = 0; b < ec_study_n_benchmarks(d->study); b++)
        if (ec_study_images(d->study, b) == NULL)
            ec_name_list_add(&no_images, ec_study_benchmark(d->study, b)->name);
    if (connectors && a_missing && no_images.n > 0)
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "no images, so that A cannot be computed for %s; give 'images:', a folder "
                        "or a list",
                        ec_name_list_end(&no_images));
}

/* What encoders are computed with. */
static void check_machine(doctor *d) {
    const char *name;
    ec_error err;
    if (any_encoder(d) && ec_device_find(&name, NULL, &err) != EC_OK) say_error(d, &err);
}

/* Candidates that 'run' could come to and that declare nothing for {encoder} or {connector}. */
static void check_place(doctor *d, const char *command, const char *key, ec_placeholder place,
                        const char *name) {
    const ec_declaration *declared = &d->study->declared;
    const size_t n = ec_study_n_candidates(d->study), m = ec_study_n_benchmarks(d->study);
    ec_name_list without = {0};
    if (!ec_command_uses(command, place)) return;
    for (size_t i = 0; i < n; i++) {
        const ec_origin *origin = i < declared->n_origins ? &declared->origins[i] : NULL;
        const char *value = origin == NULL              ? NULL
                            : place == EC_PLACE_ENCODER ? origin->encoder
                                                        : origin->connector;
        if (value == NULL && !ec_numbers_observed(&d->numbers, n, m, i))
            ec_name_list_add(&without, ec_study_candidate(d->study, i)->name);
    }
    if (without.n > 0)
        ec_findings_add(&d->found, EC_FINDING_ERROR,
                        "'run: %s:' uses {%s}, which is not declared of %s; add '%s:' there", key,
                        name, ec_name_list_end(&without), name);
}

static void check_command(doctor *d, const char *command, const char *key) {
    ec_error err;
    if (!ec_command_is_given(command)) return;
    ec_command_check(&d->found, command, d->study->path, key);
    if (ec_command_check_placeholders(command, key, &err) != EC_OK) {
        ec_findings_add(&d->found, EC_FINDING_ERROR, "%s", err.message);
        return;
    }
    check_place(d, command, key, EC_PLACE_ENCODER, "encoder");
    check_place(d, command, key, EC_PLACE_CONNECTOR, "connector");
}

/* Whether 'eyechart run' has what it takes to train and to evaluate. */
static bool has_loop(const doctor *d) {
    const ec_loop_declaration *run = &d->study->declared.run;
    return ec_command_is_given(run->train) && ec_command_is_given(run->evaluate);
}

static void check_commands(doctor *d) {
    const ec_loop_declaration *run = &d->study->declared.run;
    ec_error err;
    check_command(d, run->train, "train");
    check_command(d, run->evaluate, "evaluate");
    if (run->results != NULL &&
        ec_command_check_placeholders(run->results, "results", &err) != EC_OK)
        ec_findings_add(&d->found, EC_FINDING_ERROR, "%s", err.message);
    if (run->trained != NULL &&
        ec_command_check_placeholders(run->trained, "trained", &err) != EC_OK)
        ec_findings_add(&d->found, EC_FINDING_ERROR, "%s", err.message);
    const bool train = ec_command_is_given(run->train);
    const bool any = run->train != NULL || run->evaluate != NULL || run->results != NULL;
    if (any && !has_loop(d))
        ec_findings_add(&d->found, EC_FINDING_ERROR,
                        "'run:' has no '%s:': 'eyechart run' needs the commands for training and "
                        "for evaluating",
                        train ? "evaluate" : "train");
    if (!any)
        ec_findings_add(&d->found, EC_FINDING_NOTE,
                        "no 'run:' in study.yaml, so that 'eyechart run' has nothing to finetune "
                        "with; 'eyechart ask' and 'tell' do without");
}

/* ---- what there is to do ------------------------------------------------------------------- */

/* 'score' refuses where it finds nothing to do. That stops nobody who has all scores and finetunes
 * by 'run'. */
static void check_something(doctor *d) {
    const ec_score_settings s = ec_study_score_settings(d->study);
    bool scored = true;
    for (size_t i = 0; i < ec_study_n_candidates(d->study); i++)
        scored = scored && !lacks_a(d, i) && !isnan(d->numbers.c[i]);
    const ec_finding_level level = scored && has_loop(d) ? EC_FINDING_NOTE : EC_FINDING_ERROR;
    if (!any_encoder(d))
        ec_findings_add(&d->found, level,
                        "no candidate has an 'encoder:' in study.yaml, so that 'eyechart score' "
                        "has nothing to compute from%s",
                        scored ? "; every A and C is known, and nothing else needs it"
                               : "; give the folders of their weights");
    else if (!ec_job_has_wants(d->study) && !ec_job_has_images(d->study) && s.keypoints == NULL)
        ec_findings_add(&d->found, level,
                        "neither keypoints nor images are declared, so that 'eyechart score' has "
                        "nothing to compute from; give 'data: {keypoints: PATH}' and 'images:' of "
                        "a benchmark");
}

/* Policies but the random one place a candidate by A and C. */
static void check_placed(doctor *d) {
    const size_t n = ec_study_n_candidates(d->study), m = ec_study_n_benchmarks(d->study);
    if (!has_loop(d) || n == 0 || ec_study_policy(d->study) == EC_POLICY_RANDOM) return;
    for (size_t i = 0; i < n; i++) {
        bool a = false, c = !isnan(d->numbers.c[i]);
        for (size_t b = 0; b < m; b++) a = a || !isnan(d->numbers.a[b * n + i]);
        for (size_t k = 0; k < d->job.n_parts; k++) {
            if (d->job.parts[k].candidate != i) continue;
            a = a || d->job.parts[k].wants_a;
            c = c || d->job.parts[k].wants_c;
        }
        if (a && c) return;
    }
    ec_findings_add(&d->found, EC_FINDING_ERROR,
                    "no candidate has, or gets from 'eyechart score', both A and C, which the "
                    "policy %s needs; import scores, give what A and C are computed from, or set "
                    "'policy: {name: random}'",
                    ec_policy_name(ec_study_policy(d->study)));
}

/* A folder that commands make inside the study's. */
static void check_folder(doctor *d, const char *name, const char *who) {
    struct stat info;
    ec_error err;
    ec_text path = {0};
    ec_text_format(&path, "%s/%s", d->study->path, name);
    if (path.failed) {
        d->found.failed = true;
    } else if (lstat(path.data, &info) == 0 &&
               (stat(path.data, &info) != 0 || !S_ISDIR(info.st_mode) ||
                access(path.data, R_OK | W_OK | X_OK) != 0)) {
        ec_fail(&err, EC_ERR_IO,
                "%s: 'eyechart %s' works in this folder, and %s; move it away, or make it writable",
                path.data, who,
                S_ISDIR(info.st_mode) ? "it cannot be written to" : "it is no folder");
        say_error(d, &err);
    }
    ec_text_release(&path);
}

/* ---- files -------------------------------------------------------------------------------- */

static void say_of_candidate(doctor *d, size_t i, ec_error *err) {
    ec_error_prefix(err, err->status, "candidate '%.80s'", ec_study_candidate(d->study, i)->name);
    say_error(d, err);
}

/* Each encoder and the connector of a candidate that has something wrong; where each is good by
 * itself it is how they fit, which `err` says. Encoders of a combination that 'combine:' made are
 * those of other candidates, of which it is said. */
static void say_all_of(doctor *d, size_t i, const ec_error *err) {
    size_t n, n_wrong = 0;
    ec_error one;
    ec_feature_source *sources;
    if (ec_job_sources(&sources, &n, &d->job, i, &one) != EC_OK) {
        if (!ec_study_is_combined(d->study, i)) say_of_candidate(d, i, &one);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        size_t unused;
        if (ec_job_find_encoder(&unused, &d->job, &sources[k], &one) == EC_OK) continue;
        if (!ec_study_is_combined(d->study, i)) say_of_candidate(d, i, &one);
        n_wrong++;
    }
    ec_job_connector connector = {.path = ec_study_connector(d->study, i)};
    if (connector.path != NULL && ec_job_identify_connector(&connector, &d->job, &one) != EC_OK) {
        say_of_candidate(d, i, &one);
        n_wrong++;
    }
    if (n_wrong == 0) say_error(d, err);
    free(sources);
}

/* A connector that was trained together with an encoder which is not at hand. */
static void say_missing_tower(doctor *d, const ec_job_part *part) {
    const char *connector = ec_study_connector(d->study, part->candidate);
    ec_connector_features says;
    if (connector == NULL || part->sources[0].weights != NULL ||
        ec_connector_features_read(&says, connector, NULL) != EC_OK || !says.tower_trained ||
        ec_encoder_has_tower(connector) || ec_file_is_within(connector, part->sources[0].folder))
        return;
    ec_findings_add(
        &d->found, EC_FINDING_WARNING,
        "candidate '%.80s': %s says that the vision tower was trained with the connector, "
        "and it is not in %s; give the folder of the whole model as 'encoder:'",
        ec_job_name(&d->job, part), says.path, connector);
}

/* Encoders of which the connector's model has a version that was trained further. */
static void say_towers(doctor *d) {
    for (size_t i = 0; i < d->job.n_parts; i++) {
        const ec_job_part *part = &d->job.parts[i];
        if (part->n_members != 1) continue;
        say_missing_tower(d, part);
        if (part->sources[0].weights == NULL) continue;
        ec_findings_add(
            &d->found, EC_FINDING_WARNING,
            "candidate '%.80s': the vision tower in %s differs from %s: it was trained, "
            "and is taken; 'encoder: %s' says so",
            ec_job_name(&d->job, part), part->sources[0].weights, part->sources[0].folder,
            part->sources[0].weights);
    }
}

/* Features that are not those of layer -2 without class token, and who says so. */
static void say_features(doctor *d) {
    ec_name_list other = {0};
    for (size_t i = 0; i < d->job.n_parts; i++) {
        const ec_job_part *part = &d->job.parts[i];
        char text[300], features[64];
        if (!ec_job_describe_features(features, sizeof features, part) ||
            ec_study_is_combined(d->study, part->candidate))
            continue;
        snprintf(text, sizeof text, "%s (%s)", ec_job_name(&d->job, part), features);
        ec_name_list_add(&other, text);
    }
    if (other.n > 0)
        ec_findings_add(&d->found, EC_FINDING_NOTE,
                        "other features than the patch tokens of layer -2, as 'layer:', 'tokens:' "
                        "or the config.json of the connector say: %s",
                        ec_name_list_end(&other));
}

/* In a folder the connector was looked for: which file it is. And what it was trained on. */
static void say_located(doctor *d, size_t i) {
    const char *path = ec_study_connector(d->study, i);
    char *located;
    size_t n;
    const ec_feature_source *sources = ec_study_encoders(&n, d->study, i);
    ec_connector_features says;
    if (path != NULL && ec_connector_features_read(&says, path, NULL) == EC_OK &&
        ec_connector_features_lack_pad(&says, sources, n))
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "candidate '%.80s': \"image_aspect_ratio\" is \"pad\" in %.300s: its "
                        "connector was trained on padded pictures, which 'encoder: FOLDER:pad' "
                        "gives",
                        ec_study_candidate(d->study, i)->name, says.path);
    if (path == NULL || ec_connector_locate(&located, path, NULL) != EC_OK) return;
    if (strcmp(located, path) != 0)
        ec_findings_add(&d->found, EC_FINDING_NOTE, "candidate '%.80s': its connector is %.300s",
                        ec_study_candidate(d->study, i)->name, located);
    free(located);
}

/* Encoders and connectors, and whether they fit. */
static void check_weights(doctor *d) {
    ec_error err;
    const ec_score_settings s = ec_study_score_settings(d->study);
    for (size_t r = 0; r < s.n_references; r++) d->job.reference_parts[r] = EC_NO_INDEX;
    for (size_t i = 0; i < ec_study_n_candidates(d->study); i++) {
        bool reference = false;
        for (size_t r = 0; r < s.n_references; r++) reference = reference || s.references[r] == i;
        if (!has_encoder(d, i) && !reference) continue;
        if (ec_job_add_part(NULL, &d->job, i, has_encoder(d, i), &err) != EC_OK)
            say_all_of(d, i, &err);
        say_located(d, i);
    }
    for (size_t i = 0; i < d->job.n_parts; i++)
        for (size_t r = 0; d->job.parts[i].wants_a && r < s.n_references; r++)
            if (d->job.reference_parts[r] != EC_NO_INDEX &&
                ec_job_check_reference(&d->job, &d->job.parts[i], r, &err) != EC_OK)
                say_error(d, &err);
    if (d->job.n_left_out > 0)
        ec_findings_add(&d->found, EC_FINDING_NOTE,
                        "%zu combination%s that 'combine:' makes %s left out, since the grids of "
                        "their encoders differ; 'encoder: FOLDER@PIXELS' makes grids equal, "
                        "'scores: {resample_grids: true}' resamples similarities",
                        d->job.n_left_out, d->job.n_left_out == 1 ? "" : "s",
                        d->job.n_left_out == 1 ? "is" : "are");
    say_features(d);
    say_towers(d);
    /* Where a reference of A is at fault that was said already. */
    if (d->n_errors == 0 && ec_job_any_measures(&d->job) &&
        ec_job_find_compared(&d->job, &err) != EC_OK)
        say_error(d, &err);
}

static void say_missing(doctor *d, const char *what, ec_name_list *missing, size_t n) {
    ec_error err;
    if (missing->n == 0) return;
    ec_fail(&err, EC_ERR_NOT_FOUND,
            "%s: %zu of %zu images cannot be read: %s; put them back, or take them out there", what,
            missing->n, n, ec_name_list_end(missing));
    say_error(d, &err);
}

static void check_keypoints(doctor *d) {
    ec_error err;
    ec_name_list missing = {0};
    const bool for_measures = ec_job_any_measures(&d->job) && !ec_job_has_images(d->study);
    if (!ec_job_wants(d->study, false) && !for_measures) return;
    if (ec_job_load_keypoints(&d->job, &err) != EC_OK) {
        say_error(d, &err);
        return;
    }
    const ec_keypoint_set *set = &d->job.set;
    for (size_t i = 0; i < set->n_images; i++)
        if (access(set->images[i].path, R_OK) != 0)
            ec_name_list_add(&missing, set->images[i].name);
        else
            ec_image_check_add(&d->images, set->images[i].path, &set->images[i]);
    say_missing(d, d->job.settings.keypoints, &missing, set->n_images);
    for (size_t k = 0; missing.n == 0 && k < set->n_categories; k++)
        if (ec_job_identify_category(&d->job, k, &err) != EC_OK) {
            say_error(d, &err);
            return;
        }
    if (set->n_empty_pairs > 0)
        ec_findings_add(&d->found, EC_FINDING_NOTE,
                        "%s: %zu of %zu pairs have no point in common and count for nothing",
                        d->job.settings.keypoints, set->n_empty_pairs, set->n_pairs);
    if (set->n_moved > 0)
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "%zu points of pair files lie elsewhere than in ImageAnnotation, which "
                        "counts; the first: %s",
                        set->n_moved, set->moved);
}

static void check_images(doctor *d, size_t benchmark) {
    const ec_score_settings *s = &d->job.settings;
    const char *name = ec_study_benchmark(d->study, benchmark)->name;
    ec_image_set set;
    ec_error err;
    ec_name_list missing = {0};
    ec_status status = ec_image_set_load(&set, ec_study_images(d->study, benchmark),
                                         ec_study_image_root(d->study, benchmark), &err);
    const size_t n_all = set.n_items;
    char text[EC_IMAGE_SET_NOTE];
    for (size_t i = 0; status == EC_OK && ec_image_set_note(text, &set, i); i++)
        ec_findings_add(&d->found, EC_FINDING_NOTE, "%s: %s", ec_study_images(d->study, benchmark),
                        text);
    if (status == EC_OK)
        status = ec_image_set_select(&set, s->longest ? EC_SELECT_LONGEST : EC_SELECT_RANDOM,
                                     s->n_images, s->seed, &err);
    if (status != EC_OK) {
        ec_error_prefix(&err, status, "benchmark '%.80s'", name);
        say_error(d, &err);
    }
    for (size_t i = 0; status == EC_OK && i < set.n_items; i++)
        if (!ec_image_is_readable(set.items[i].path))
            ec_name_list_add(&missing, set.items[i].path);
        else
            ec_image_check_add(&d->images, set.items[i].path, NULL);
    char list[EC_LIST_WORDS];
    ec_job_name_list(list, &d->job, benchmark);
    say_missing(d, list, &missing, set.n_items);
    if (status == EC_OK && n_all < s->n_images)
        ec_findings_add(&d->found, EC_FINDING_NOTE,
                        "benchmark '%.80s': %zu images, fewer than the %zu that 'scores: {images: "
                        "…}' asks for; all are taken",
                        name, n_all, s->n_images);
    ec_image_set_release(&set);
    if (status == EC_OK && missing.n == 0 && ec_job_load_images(&d->job, benchmark, &err) != EC_OK)
        say_error(d, &err);
}

/* ---- what is computed --------------------------------------------------------------------- */

/* Scores that do not come from what there is now. */
static void check_stale(doctor *d) {
    const size_t n = ec_study_n_candidates(d->study);
    ec_name_list stale = {0};
    for (size_t i = 0; i < d->job.n_parts; i++) {
        const ec_job_part *part = &d->job.parts[i];
        bool old = false;
        for (size_t k = 0; part->wants_c && k < d->job.set.n_categories; k++)
            old = old || (!isnan(d->numbers.c[part->candidate]) && !part->c[0].done[k]);
        for (size_t b = 0; part->wants_a && b < ec_study_n_benchmarks(d->study); b++)
            for (size_t k = 0; k < d->job.choices[b].n; k++)
                old = old || (!isnan(d->numbers.a[b * n + part->candidate]) &&
                              ec_job_lacks(&part->a, d->job.choices[b].images[k]));
        if (old) ec_name_list_add(&stale, ec_job_name(&d->job, part));
    }
    if (stale.n > 0)
        ec_findings_add(&d->found, EC_FINDING_WARNING,
                        "scores in study.db that are not of the weights, images and settings as "
                        "they are now: %s; 'eyechart score %.200s' computes them anew",
                        ec_name_list_end(&stale), d->study->path);
}

static void check_disk(doctor *d) {
    const double needed = ec_job_disk_needed(&d->job), left = ec_job_disk_free(&d->job);
    ec_error err;
    if (!(needed > left)) return;
    ec_fail(&err, EC_ERR_IO,
            "%s: scoring needs up to %.0f MB there, the disk has %.0f MB left; "
            "free some space",
            d->study->path, needed / 1e6, left / 1e6);
    say_error(d, &err);
}

static ec_status check_results(doctor *d, ec_error *err) {
    size_t n_results, n_done;
    const ec_status status = ec_job_find_done(&d->job, err);
    if (status != EC_OK) return status;
    check_stale(d);
    check_disk(d);
    ec_job_count(&n_results, &n_done, &d->job);
    if (n_done < n_results)
        ec_findings_add(&d->found, EC_FINDING_NOTE,
                        "%zu of %zu results are to be computed; 'eyechart score %.200s --plan' "
                        "says how long it takes",
                        n_results - n_done, n_results, d->study->path);
    return EC_OK;
}

/* Of `study check`, what makes a ranking impossible; the rest is for that command to say. */
static ec_status check_study(doctor *d, ec_error *err) {
    ec_finding *list;
    size_t n;
    const ec_status status = ec_study_check(&list, &n, d->study, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; i < n; i++)
        if (list[i].level == EC_FINDING_ERROR)
            ec_findings_add(&d->found, EC_FINDING_ERROR, "%s", list[i].message);
    free(list);
    return EC_OK;
}

/* Decodes images after all other checks, since it takes the longest. */
static ec_status decode_images(doctor *d, ec_doctor_watcher watcher, void *context, ec_error *err) {
    size_t n_bad;
    const ec_status status =
        ec_image_check_run(&n_bad, &d->found, &d->images, watcher, context, err);
    d->n_errors += n_bad;
    if (status == EC_OK && d->images.n_turned > 0 && !d->job.settings.exif_transpose)
        ec_findings_add(&d->found, EC_FINDING_NOTE,
                        "%s%s: EXIF asks to turn the picture, which is taken as it lies, as in "
                        "training; 'scores: {exif_transpose: true}' turns it",
                        d->images.turned, d->images.n_turned > 1 ? " and others" : "");
    return status;
}

static ec_status examine(doctor *d, ec_doctor_watcher watcher, void *context, ec_error *err) {
    ec_status status = check_study(d, err);
    if (status == EC_OK) status = ec_study_read_all(&d->numbers, d->study, err);
    if (status != EC_OK) return status;
    if (!ec_study_writable(d->study)) {
        ec_fail(err, EC_ERR_IO,
                "%s: cannot be written to, so that no result can be kept; make the folder and "
                "study.db writable",
                d->study->path);
        say_error(d, err);
    }
    check_candidates(d);
    check_settings(d);
    check_machine(d);
    check_commands(d);
    check_something(d);
    check_folder(d, "work", "score");
    if (has_loop(d)) check_folder(d, "runs", "run");
    check_weights(d);
    if (d->n_errors == 0) check_placed(d);
    check_keypoints(d);
    const bool images = ec_job_wants(d->study, true) || ec_job_any_measures(&d->job);
    for (size_t b = 0; images && b < ec_study_n_benchmarks(d->study); b++)
        if (ec_study_images(d->study, b) != NULL) check_images(d, b);
    status = decode_images(d, watcher, context, err);
    if (status != EC_OK) return status;
    return d->n_errors == 0 ? check_results(d, err) : EC_OK;
}

ec_status ec_study_doctor(ec_finding **out, size_t *n_out, ec_study *study,
                          ec_doctor_watcher watcher, void *context, ec_error *err) {
    doctor d = {.study = study};
    *out = NULL;
    *n_out = 0;
    ec_status status = ec_job_init(&d.job, study, NULL, err);
    if (status == EC_OK) status = examine(&d, watcher, context, err);
    if (status == EC_OK) status = ec_file_memory_flush(&d.job.files, err);
    ec_image_check_release(&d.images);
    ec_job_release(&d.job);
    ec_numbers_release(&d.numbers);
    return ec_findings_take(out, n_out, &d.found, status, study->path, err);
}
