/* score_job.c - see score_job.h */
#include "scoring/score_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

static const char *candidate_name(const ec_job *job, size_t candidate) {
    return ec_study_candidate(job->study, candidate)->name;
}

const char *ec_job_name(const ec_job *job, const ec_job_part *part) {
    return candidate_name(job, part->candidate);
}

/* Hashes and frees a text. */
static ec_status hash_text(char hash[EC_HASH_SIZE], const ec_job *job, ec_text *text,
                           ec_error *err) {
    const bool failed = text->failed;
    if (!failed) ec_hash_bytes(hash, text->data, text->size_bytes);
    ec_text_release(text);
    return failed ? ec_no_memory(job->study->path, err) : EC_OK;
}

bool ec_job_describe_features(char *out, size_t size, const ec_job_part *part) {
    out[0] = '\0';
    if (part->n_members == 0) return false;
    const ec_tap tap = ec_feature_source_tap(&part->sources[0]);
    for (size_t k = 1; k < part->n_members; k++) {
        if (!ec_tap_same(ec_feature_source_tap(&part->sources[k]), tap)) return false;
    }
    snprintf(out, size, "layer %d%s", tap.layer, tap.keep_class_token ? ", all tokens" : "");
    return !ec_tap_same(tap, EC_TAP_DEFAULT);
}

/* Is this candidate to be scored, by the options? */
static bool selects(const ec_job *job, size_t candidate) {
    const ec_score_options *o = &job->options;
    if (o->n_candidates == 0) return true;
    for (size_t k = 0; k < o->n_candidates; k++)
        if (o->candidates[k] == candidate) return true;
    return false;
}

/* ---- parts -------------------------------------------------------------------------------- */

static bool a_is_declared(const ec_job *job, size_t candidate, size_t benchmark) {
    const ec_sheet *sheet = &job->study->declared.sheet;
    double se;
    return !isnan(ec_numbers_a(&sheet->numbers, sheet->n_candidates, benchmark, candidate, &se));
}

static bool any_images_wanted(const ec_job *job, size_t candidate) {
    for (size_t b = 0; b < ec_study_n_benchmarks(job->study); b++)
        if (ec_study_images(job->study, b) != NULL && !a_is_declared(job, candidate, b))
            return true;
    return false;
}

/* Which scores are to be computed, and why not. */
static void decide_wants(ec_job_part *part, const ec_job *job, bool selected) {
    const char *connector = ec_study_connector(job->study, part->candidate);
    const bool declared_c = !isnan(job->study->declared.sheet.numbers.c[part->candidate]);
    const char *no_a = connector == NULL                          ? "no connector"
                       : job->settings.n_references == 0          ? "no references"
                       : !any_images_wanted(job, part->candidate) ? "no images, or A is declared"
                                                                  : NULL;
    const char *no_c = job->settings.keypoints == NULL ? "no keypoints"
                       : declared_c                    ? "it is declared"
                                                       : NULL;
    part->selected = selected;
    const ec_score_options *o = &job->options;
    const bool asks_a = selected && !o->only_c && !o->only_measures,
               asks_c = selected && !o->only_a && !o->only_measures;
    part->wants_a = asks_a && no_a == NULL;
    part->wants_c = asks_c && no_c == NULL;
    part->wants_measures = selected && !o->only_a && !o->only_c &&
                           (ec_job_has_images(job->study) || job->settings.keypoints != NULL);
    const bool say_a = asks_a && no_a != NULL, say_c = asks_c && no_c != NULL;
    snprintf(part->note, sizeof part->note, "%s%s%s%s%s", say_a ? "A is left out: " : "",
             say_a ? no_a : "", say_a && say_c ? "; " : "", say_c ? "C is left out: " : "",
             say_c ? no_c : "");
}

bool ec_job_wants(const ec_study *study, bool a) {
    const ec_job job = {.study = (ec_study *)study, .settings = ec_study_score_settings(study)};
    for (size_t i = 0; i < ec_study_n_candidates(study); i++) {
        ec_job_part part = {.candidate = i};
        size_t n_encoders;
        ec_study_encoders(&n_encoders, study, i);
        decide_wants(&part, &job, n_encoders > 0);
        if (a ? part.wants_a : part.wants_c) return true;
    }
    return false;
}

bool ec_job_has_wants(const ec_study *study) {
    return ec_job_wants(study, true) || ec_job_wants(study, false);
}

size_t ec_job_finest_grid(const ec_job *job, const size_t *members, size_t n) {
    size_t finest = 0;
    for (size_t k = 0; k < n; k++) {
        const size_t grid = job->encoders[members[k]].info.grid_width;
        finest = grid > finest ? grid : finest;
    }
    return finest;
}

static ec_status check_grids(const ec_job *job, const size_t *members, size_t n, ec_error *err) {
    const ec_job_encoder *first = &job->encoders[members[0]];
    ec_status status = EC_OK;
    for (size_t k = 1; k < n && status == EC_OK; k++) {
        const ec_job_encoder *other = &job->encoders[members[k]];
        status = ec_extractor_check_beside(first->source.folder, &first->info, other->source.folder,
                                           &other->info, err);
    }
    return status;
}

void ec_job_sort_members(size_t *members, size_t n, const ec_job *job) {
    for (size_t k = 1; k < n; k++) {
        const size_t member = members[k];
        size_t at = k;
        for (; at > 0 &&
               strcmp(job->encoders[members[at - 1]].identity, job->encoders[member].identity) > 0;
             at--)
            members[at] = members[at - 1];
        members[at] = member;
    }
}

/* Encoders as a protocol prepares them, whatever :squash says of A. What 'combine:' made of one
 * encoder twice, from two folders or two ways to prepare images, is left out. */
static ec_status find_members(bool *left_out, ec_job_part *part, ec_job *job,
                              ec_c_protocol protocol, const ec_feature_source *sources,
                              ec_error *err) {
    size_t *members = part->members[protocol] = calloc(part->n_members, sizeof *members);
    if (members == NULL) return ec_no_memory(job->study->path, err);
    for (size_t k = 0; k < part->n_members; k++) {
        ec_feature_source source = sources[k];
        source.prepare = ec_matching_prepare(protocol);
        source.has_tokens = false;     /* the class token is never compared */
        source.exif_transpose = false; /* keypoints are in the picture as it lies */
        const ec_status status = ec_job_find_encoder(&members[k], job, &source, err);
        if (status != EC_OK) return status;
    }
    ec_job_sort_members(members, part->n_members, job);
    for (size_t k = 1; k < part->n_members && !*left_out; k++) {
        if (members[k] != members[k - 1]) continue;
        *left_out = ec_study_is_combined(job->study, part->candidate);
        if (!*left_out)
            return ec_fail(err, EC_ERR_ARG,
                           "the encoder %s is there twice; joined with itself it is the same",
                           job->encoders[members[k]].source.folder);
    }
    return EC_OK;
}

/* What becomes of a combination whose encoders have different grids. */
static ec_status settle_grids(bool *left_out, ec_job_part *part, const ec_job *job, ec_error *err) {
    const size_t *members = part->wants_c ? part->members[0] : part->measured;
    ec_error differ;
    if (members == NULL || check_grids(job, members, part->n_members, &differ) == EC_OK)
        return EC_OK;
    const bool resample = job->settings.resample_grids;
    part->resampled = resample && part->wants_c;
    *left_out = !resample && ec_study_is_combined(job->study, part->candidate);
    if (part->resampled && part->note[0] == '\0')
        snprintf(part->note, sizeof part->note, "grids differ: C is on the finest, %zu x %zu",
                 ec_job_finest_grid(job, members, part->n_members),
                 ec_job_finest_grid(job, members, part->n_members));
    if (resample || *left_out || !part->wants_c) return EC_OK;
    return ec_fail(err, EC_ERR_ARG, "%s, or 'scores: {resample_grids: true}'", differ.message);
}

/* Do the part's encoder and its connector name one layer? Layer 22 and layer -3 are the same where
 * there are 24 blocks, so the number of blocks has to be known. */
static ec_status check_features(const ec_job *job, const ec_job_part *part, size_t k,
                                ec_error *err) {
    ec_feature_source source = part->sources[k];
    ec_connector_features says;
    ec_status status = ec_connector_features_read(&says, part->connector.path, err);
    if (status == EC_OK)
        status = ec_connector_features_settle(&source, &says,
                                              job->encoders[part->a_members[k]].info.n_blocks, err);
    return status;
}

static ec_status find_a_members(ec_job_part *part, ec_job *job, const ec_feature_source *sources,
                                ec_error *err) {
    part->a_members = calloc(part->n_members, sizeof *part->a_members);
    if (part->a_members == NULL) return ec_no_memory(job->study->path, err);
    size_t n_channels = 0;
    for (size_t k = 0; k < part->n_members; k++) {
        const ec_status status = ec_job_find_encoder(&part->a_members[k], job, &sources[k], err);
        if (status != EC_OK) return status;
        n_channels += job->encoders[part->a_members[k]].info.n_channels;
    }
    ec_status status = check_grids(job, part->a_members, part->n_members, err);
    part->connector.path = ec_study_connector(job->study, part->candidate);
    if (status == EC_OK) status = ec_job_identify_connector(&part->connector, job, err);
    for (size_t k = 0; status == EC_OK && k < part->n_members; k++)
        status = check_features(job, part, k, err);
    if (status == EC_OK && part->connector.n_inputs != n_channels)
        return ec_fail(err, EC_ERR_FORMAT,
                       "connector %s takes %zu channels, its encoder%s %zu; it was trained for "
                       "another encoder",
                       part->connector.path, part->connector.n_inputs,
                       part->n_members > 1 ? "s give" : " gives", n_channels);
    return status;
}

static ec_status fill_part(bool *left_out, ec_job_part *part, ec_job *job, bool is_reference,
                           ec_error *err) {
    size_t n;
    *left_out = false;
    ec_status status = ec_job_sources(&part->sources, &n, job, part->candidate, err);
    if (status != EC_OK) return status;
    const ec_feature_source *sources = part->sources;
    part->n_members = n;
    if (n == 0)
        return ec_fail(err, EC_ERR_ARG,
                       "no 'encoder:' in study.yaml; give the folder of its "
                       "weights");
    if (is_reference && ec_study_connector(job->study, part->candidate) == NULL)
        return ec_fail(err, EC_ERR_ARG,
                       "a reference of A without 'connector:' in study.yaml; give the file of its "
                       "trained connector");
    if (part->wants_a || is_reference) status = find_a_members(part, job, sources, err);
    for (size_t p = 0; status == EC_OK && part->wants_c && p < EC_C_PROTOCOLS; p++)
        status = find_members(left_out, part, job, (ec_c_protocol)p, sources, err);
    if (status != EC_OK || *left_out) return status;
    if (part->wants_measures)
        status = ec_job_find_measured(&part->measured, &part->n_members, job, part->candidate, err);
    if (status == EC_OK) status = settle_grids(left_out, part, job, err);
    if (status == EC_OK && part->wants_c && n > EC_C_MAX_MEMBERS)
        status =
            ec_fail(err, EC_ERR_ARG, "%zu encoders joined; at most %d can be", n, EC_C_MAX_MEMBERS);
    return status;
}

static void results_release(ec_job_results *results) {
    free(results->wanted);
    free(results->done);
    free(results->key);
    *results = (ec_job_results){0};
}

static void release_part(ec_job_part *part) {
    for (size_t p = 0; p < EC_C_PROTOCOLS; p++) {
        free(part->members[p]);
        results_release(&part->c[p]);
    }
    free(part->sources);
    free(part->a_members);
    results_release(&part->a);
    free(part->measured);
    results_release(&part->measures);
    *part = (ec_job_part){0};
}

static bool is_reference(const ec_job *job, size_t candidate) {
    for (size_t r = 0; r < job->settings.n_references; r++)
        if (job->settings.references[r] == candidate) return true;
    return false;
}

/* Does this run compare candidates with this one? Without A it does not. */
static bool is_reference_of_a(const ec_job *job, size_t candidate) {
    return is_reference(job, candidate) && !job->options.only_c && !job->options.only_measures;
}

ec_status ec_job_add_part(size_t *index, ec_job *job, size_t candidate, bool selected,
                          ec_error *err) {
    ec_job_part part = {.candidate = candidate};
    decide_wants(&part, job, selected);
    const bool reference = is_reference_of_a(job, candidate);
    bool left_out;
    ec_status status = fill_part(&left_out, &part, job, reference, err);
    if (status == EC_OK && left_out) {
        release_part(&part);
        job->n_left_out++;
        if (index != NULL) *index = EC_NO_INDEX;
        return EC_OK;
    }
    ec_job_part *grown =
        status == EC_OK ? realloc(job->parts, (job->n_parts + 1) * sizeof *grown) : NULL;
    if (status == EC_OK && grown == NULL) status = ec_no_memory(job->study->path, err);
    if (status != EC_OK) {
        release_part(&part);
        return ec_error_prefix(err, status, "candidate '%.80s'", candidate_name(job, candidate));
    }
    job->parts = grown;
    grown[job->n_parts] = part;
    for (size_t r = 0; r < job->settings.n_references; r++)
        if (job->settings.references[r] == candidate) job->reference_parts[r] = job->n_parts;
    if (index != NULL) *index = job->n_parts;
    job->n_parts++;
    return EC_OK;
}

ec_status ec_job_check_reference(const ec_job *job, const ec_job_part *part, size_t reference,
                                 ec_error *err) {
    const ec_job_part *to = &job->parts[job->reference_parts[reference]];
    if (part->connector.n_outputs == to->connector.n_outputs) return EC_OK;
    return ec_fail(err, EC_ERR_FORMAT,
                   "candidate '%.80s': connector %s gives %zu channels, that of reference '%.80s' "
                   "(%s) %zu; both must be trained for one language model",
                   ec_job_name(job, part), part->connector.path, part->connector.n_outputs,
                   ec_job_name(job, to), to->connector.path, to->connector.n_outputs);
}

/* ---- keypoints ---------------------------------------------------------------------------- */

ec_status ec_job_load_keypoints(ec_job *job, ec_error *err) {
    const ec_status status =
        ec_keypoint_set_load(&job->set, job->settings.keypoints, job->settings.split, err);
    if (status != EC_OK) return status;
    job->has_keypoints = true;
    job->category_key = calloc(job->set.n_categories + 1, sizeof *job->category_key);
    return job->category_key != NULL ? EC_OK : ec_no_memory(job->study->path, err);
}

/* Adds to an error about an image that cannot be read which list names the image: a file of
 * keypoints, or the images of a benchmark. */
static ec_status blame_image(ec_error *err, ec_status status, const char *who) {
    char message[EC_ERROR_MESSAGE_SIZE] = "";
    if (err == NULL || (status != EC_ERR_NOT_FOUND && status != EC_ERR_IO)) return status;
    memcpy(message, err->message, sizeof message);
    return ec_fail(err, status,
                   "%s; it is an image of %s: put it back, or take it out there, and run 'eyechart "
                   "score' again",
                   message, who);
}

static ec_status hash_category(char key[EC_HASH_SIZE], ec_job *job, size_t category,
                               ec_error *err) {
    const ec_keypoint_category *c = &job->set.categories[category];
    char hash[EC_HASH_SIZE];
    ec_text text = {0};
    ec_status status = ec_keypoint_category_hash(hash, &job->set, category, err);
    if (status == EC_OK) ec_text_format(&text, "category %s\n", hash);
    for (size_t i = 0; status == EC_OK && i < c->n_images; i++) {
        status = ec_file_memory_hash(hash, &job->files, job->set.images[c->images[i]].path, err);
        if (status == EC_OK)
            ec_text_format(&text, "%s\n", hash);
        else
            blame_image(err, status, job->settings.keypoints);
    }
    if (status == EC_OK) return hash_text(key, job, &text, err);
    ec_text_release(&text);
    return status;
}

static ec_status stopped(const ec_job *job, ec_error *err) {
    return ec_fail(err, EC_ERR_INTERRUPTED, "%s: stopped", job->study->path);
}

ec_status ec_job_identify_category(ec_job *job, size_t category, ec_error *err) {
    if (!ec_watch_goes_on(&job->options.watch)) return stopped(job, err);
    return hash_category(job->category_key[category], job, category, err);
}

ec_status ec_job_check_category(ec_job *job, size_t category, ec_error *err) {
    char now[EC_HASH_SIZE];
    const ec_status status = hash_category(now, job, category, err);
    if (status != EC_OK || strcmp(now, job->category_key[category]) == 0) return status;
    return ec_fail(err, EC_ERR_IO,
                   "%s: images of %.80s changed while their features were computed; those were "
                   "thrown away, run 'eyechart score' again",
                   job->settings.keypoints, job->set.categories[category].name);
}

/* ---- images ------------------------------------------------------------------------------- */

static ec_status find_image(size_t *index, ec_job *job, const char *path, ec_error *err) {
    ec_job_image new;
    ec_status status = ec_file_memory_hash(new.hash, &job->files, path, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; i < job->n_images; i++)
        if (strcmp(job->images[i].hash, new.hash) == 0) {
            *index = i;
            return EC_OK;
        }
    ec_job_image *grown =
        ec_grown(job->images, job->n_images, &job->images_capacity, sizeof *grown);
    if (grown == NULL) return ec_no_memory(job->study->path, err);
    job->images = grown;
    new.path = strdup(path);
    if (new.path == NULL) return ec_no_memory(job->study->path, err);
    *index = job->n_images++;
    job->images[*index] = new;
    return EC_OK;
}

void ec_job_name_list(char out[EC_LIST_WORDS], const ec_job *job, size_t benchmark) {
    const char *list = ec_study_images(job->study, benchmark);
    const char *root = ec_study_image_root(job->study, benchmark);
    struct stat info;
    if (root != NULL)
        snprintf(out, EC_LIST_WORDS, "%.300s, whose paths begin at %.300s", list, root);
    else if (stat(list, &info) == 0 && S_ISDIR(info.st_mode))
        snprintf(out, EC_LIST_WORDS, "%.300s", list);
    else
        snprintf(out, EC_LIST_WORDS,
                 "%.300s (its paths begin at its own folder; 'image_root:' names another)", list);
}

static ec_status take_choice(ec_job *job, size_t benchmark, const ec_image_set *set,
                             ec_error *err) {
    ec_job_choice *choice = &job->choices[benchmark];
    choice->images = calloc(set->n_items + 1, sizeof *choice->images);
    choice->paths = calloc(set->n_items + 1, sizeof *choice->paths);
    if (choice->images == NULL || choice->paths == NULL) return ec_no_memory(job->study->path, err);
    for (size_t k = 0; k < set->n_items; k++) {
        const char *path = set->items[k].path;
        if (!ec_watch_goes_on(&job->options.watch)) return stopped(job, err);
        const ec_status status = find_image(&choice->images[k], job, path, err);
        if (status != EC_OK) {
            char list[EC_LIST_WORDS];
            ec_job_name_list(list, job, benchmark);
            return blame_image(err, status, list);
        }
        choice->paths[k] = strdup(path);
        if (choice->paths[k] == NULL) return ec_no_memory(job->study->path, err);
        choice->n++;
    }
    return EC_OK;
}

ec_status ec_job_load_images(ec_job *job, size_t benchmark, ec_error *err) {
    ec_image_set set;
    ec_status status = ec_image_set_load(&set, ec_study_images(job->study, benchmark),
                                         ec_study_image_root(job->study, benchmark), err);
    char text[EC_IMAGE_SET_NOTE];
    for (size_t i = 0; status == EC_OK && ec_image_set_note(text, &set, i); i++)
        ec_text_format(&job->notes, "%s%s: %s", job->notes.size_bytes > 0 ? "\n" : "",
                       ec_study_images(job->study, benchmark), text);
    if (status == EC_OK)
        status =
            ec_image_set_select(&set, job->settings.longest ? EC_SELECT_LONGEST : EC_SELECT_RANDOM,
                                job->settings.n_images, job->settings.seed, err);
    if (status == EC_OK) status = take_choice(job, benchmark, &set, err);
    ec_image_set_release(&set);
    if (status == EC_OK) return EC_OK;
    return ec_error_prefix(err, status, "benchmark '%.80s'",
                           ec_study_benchmark(job->study, benchmark)->name);
}

ec_status ec_job_check_image(ec_job *job, size_t image, ec_error *err) {
    char now[EC_HASH_SIZE];
    const ec_job_image *i = &job->images[image];
    const ec_status status = ec_file_memory_hash(now, &job->files, i->path, err);
    if (status != EC_OK || strcmp(now, i->hash) == 0) return status;
    return ec_fail(err, EC_ERR_IO,
                   "%s: changed while its features were computed; they were thrown away, run "
                   "'eyechart score' again",
                   i->path);
}

/* ---- results ------------------------------------------------------------------------------ */

ec_status ec_job_results_init(ec_job_results *results, const ec_job *job, size_t n, size_t n_keys,
                              ec_error *err) {
    results_release(results);
    *results = (ec_job_results){.n = n,
                                .wanted = malloc(n * sizeof *results->wanted + 1),
                                .done = calloc(n + 1, sizeof *results->done),
                                .key = calloc(n_keys + 1, sizeof *results->key)};
    if (results->wanted == NULL || results->done == NULL || results->key == NULL) {
        results_release(results);
        return ec_no_memory(job->study->path, err);
    }
    for (size_t item = 0; item < n; item++) results->wanted[item] = true;
    return EC_OK;
}

bool ec_job_lacks(const ec_job_results *results, size_t item) {
    return item < results->n && results->wanted[item] && !results->done[item];
}

void ec_job_results_count(size_t *n_wanted, size_t *n_done, const ec_job_results *results) {
    for (size_t item = 0; item < results->n; item++) {
        *n_wanted += results->wanted[item];
        *n_done += results->wanted[item] && results->done[item];
    }
}

/* ---- keys --------------------------------------------------------------------------------- */

static ec_status make_c_keys(ec_job_part *part, const ec_job *job, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t p = 0; status == EC_OK && p < EC_C_PROTOCOLS; p++) {
        ec_text text = {0};
        ec_text_format(&text, "C %d %s\n", EC_CORRESPONDENCE_VERSION, ec_c_protocol_name(p));
        if (part->resampled) ec_text_add(&text, "on the finest grid\n");
        for (size_t k = 0; k < part->n_members; k++)
            ec_text_format(&text, "%s\n", job->encoders[part->members[p][k]].identity);
        status = ec_job_results_init(&part->c[p], job, job->set.n_categories, 1, err);
        if (status == EC_OK) status = hash_text(part->c[p].key[0], job, &text, err);
        ec_text_release(&text);
    }
    return status;
}

static ec_align_side side_of(const ec_job *job, const ec_job_part *part) {
    ec_align_side side = {.n_encoders = part->n_members, .connector = part->connector.identity};
    for (size_t k = 0; k < part->n_members; k++)
        side.encoders[k] = job->encoders[part->a_members[k]].identity;
    return side;
}

static ec_status make_rows_key(ec_job_part *part, const ec_job *job, ec_error *err) {
    const ec_align_side side = side_of(job, part);
    return ec_alignment_key(part->rows_key, &side, NULL, job->settings.bf16_compat, err);
}

static ec_status make_a_keys(ec_job_part *part, const ec_job *job, ec_error *err) {
    const size_t n = job->settings.n_references;
    ec_status status = ec_job_results_init(&part->a, job, job->n_images, n, err);
    const ec_align_side side = side_of(job, part);
    for (size_t r = 0; status == EC_OK && r < n; r++) {
        const ec_align_side reference = side_of(job, &job->parts[job->reference_parts[r]]);
        status =
            ec_alignment_key(part->a.key[r], &side, &reference, job->settings.bf16_compat, err);
    }
    for (size_t image = 0; image < part->a.n; image++) part->a.wanted[image] = false;
    for (size_t b = 0; b < ec_study_n_benchmarks(job->study); b++)
        for (size_t k = 0; k < job->choices[b].n; k++)
            if (!a_is_declared(job, part->candidate, b))
                part->a.wanted[job->choices[b].images[k]] = true;
    return status;
}

/* ---- what is known ------------------------------------------------------------------------ */

ec_status ec_job_refresh_category(ec_job *job, ec_c_protocol protocol, size_t category,
                                  ec_error *err) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++) {
        ec_job_part *part = &job->parts[i];
        ec_job_results *c = &part->c[protocol];
        if (!ec_job_lacks(c, category)) continue;
        status = ec_database_has_pairs(&c->done[category], &job->study->db, c->key[0],
                                       job->category_key[category], err);
    }
    return status;
}

ec_status ec_job_refresh_images(ec_job *job, size_t from, size_t n, ec_error *err) {
    for (size_t i = 0; i < job->n_parts; i++) {
        ec_job_part *part = &job->parts[i];
        for (size_t image = from; image < from + n; image++) {
            bool found = true;
            double value;
            if (!ec_job_lacks(&part->a, image)) continue;
            for (size_t r = 0; found && r < job->settings.n_references; r++) {
                const ec_status status = ec_database_find_value(
                    &value, &found, &job->study->db, part->a.key[r], job->images[image].hash, err);
                if (status != EC_OK) return status;
            }
            part->a.done[image] = found;
        }
    }
    return EC_OK;
}

ec_status ec_job_find_done(ec_job *job, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < job->n_parts; i++) {
        ec_job_part *part = &job->parts[i];
        if (part->wants_c) status = make_c_keys(part, job, err);
        if (status == EC_OK && part->a_members != NULL) status = make_rows_key(part, job, err);
        if (status == EC_OK && part->wants_a) status = make_a_keys(part, job, err);
    }
    if (status == EC_OK) status = ec_job_prepare_alignment(job, err);
    for (size_t p = 0; p < EC_C_PROTOCOLS; p++)
        for (size_t k = 0; status == EC_OK && k < job->set.n_categories; k++)
            status = ec_job_refresh_category(job, (ec_c_protocol)p, k, err);
    if (status == EC_OK) status = ec_job_refresh_images(job, 0, job->n_images, err);
    return status == EC_OK ? ec_job_find_measures(job, err) : status;
}

/* ---- units of C --------------------------------------------------------------------------- */

void ec_job_rows_key(char key[EC_HASH_SIZE], const ec_job *job, size_t encoder,
                     ec_c_protocol protocol, size_t category) {
    char text[3 * EC_HASH_SIZE + 64];
    snprintf(text, sizeof text, "rows %d %s %s %s", EC_CORRESPONDENCE_VERSION,
             ec_c_protocol_name(protocol), job->encoders[encoder].identity,
             job->category_key[category]);
    ec_hash_bytes(key, text, strlen(text));
}

static bool needs(const ec_job *job, size_t encoder, ec_c_protocol protocol, size_t category,
                  bool alone) {
    for (size_t i = 0; i < job->n_parts; i++) {
        const ec_job_part *part = &job->parts[i];
        if (!ec_job_lacks(&part->c[protocol], category) || (part->n_members == 1) != alone)
            continue;
        for (size_t k = 0; k < part->n_members; k++)
            if (part->members[protocol][k] == encoder) return true;
    }
    return false;
}

bool ec_job_needs_alone(const ec_job *job, size_t encoder, ec_c_protocol protocol,
                        size_t category) {
    return needs(job, encoder, protocol, category, true);
}

bool ec_job_needs_rows(const ec_job *job, size_t encoder, ec_c_protocol protocol, size_t category) {
    return needs(job, encoder, protocol, category, false);
}

/* ---- the whole ---------------------------------------------------------------------------- */

ec_status ec_job_init(ec_job *job, ec_study *study, const ec_score_options *options,
                      ec_error *err) {
    *job = (ec_job){.study = study,
                    .settings = ec_study_score_settings(study),
                    .options = options != NULL ? *options : (ec_score_options){0},
                    .files = {.study = study},
                    .work = {.running = -1}};
    if (study->built_in)
        return ec_fail(err, EC_ERR_ARG,
                       "%s is built in: its scores are those of the paper; make a "
                       "study of your own with 'eyechart study new'",
                       study->path);
    job->reference_parts = calloc(job->settings.n_references + 1, sizeof *job->reference_parts);
    job->choices = calloc(ec_study_n_benchmarks(study) + 1, sizeof *job->choices);
    job->compared = calloc(job->settings.n_compare_with + 1, sizeof *job->compared);
    if (job->reference_parts == NULL || job->choices == NULL || job->compared == NULL)
        return ec_no_memory(job->study->path, err);
    return ec_work_name(&job->work, study->path, err);
}

void ec_job_release(ec_job *job) {
    const size_t m = job->choices != NULL ? ec_study_n_benchmarks(job->study) : 0;
    for (size_t b = 0; b < m; b++) {
        for (size_t k = 0; k < job->choices[b].n; k++) free(job->choices[b].paths[k]);
        free(job->choices[b].paths);
        free(job->choices[b].images);
    }
    for (size_t i = 0; i < job->n_images; i++) free(job->images[i].path);
    for (size_t i = 0; i < job->n_parts; i++) release_part(&job->parts[i]);
    free(job->choices);
    free(job->images);
    free(job->parts);
    ec_job_release_measures(job);
    ec_job_release_alignment(job);
    for (size_t e = 0; e < job->n_encoders; e++) free(job->encoders[e].places);
    free(job->encoders);
    for (size_t k = 0; k < job->n_towers; k++) free(job->towers[k]);
    free(job->towers);
    free(job->reference_parts);
    free(job->category_key);
    free(job->work.folder);
    ec_text_release(&job->notes);
    ec_keypoint_set_release(&job->set);
    ec_file_memory_release(&job->files);
    *job = (ec_job){0};
}

static ec_status add_parts(ec_job *job, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < ec_study_n_candidates(job->study); i++) {
        size_t n_sources;
        ec_study_encoders(&n_sources, job->study, i);
        const bool selected = selects(job, i) && n_sources > 0;
        if (selected || is_reference_of_a(job, i))
            status = ec_job_add_part(NULL, job, i, selected, err);
    }
    for (size_t i = 0; i < job->n_parts; i++)
        for (size_t r = 0;
             status == EC_OK && job->parts[i].wants_a && r < job->settings.n_references; r++)
            status = ec_job_check_reference(job, &job->parts[i], r, err);
    return status == EC_OK && ec_job_any_measures(job) ? ec_job_find_compared(job, err) : status;
}

static bool any_wants_a(const ec_job *job) {
    for (size_t i = 0; i < job->n_parts; i++)
        if (job->parts[i].wants_a) return true;
    return false;
}

static bool any_wants_c(const ec_job *job) {
    for (size_t i = 0; i < job->n_parts; i++)
        if (job->parts[i].wants_c) return true;
    return false;
}

static ec_status check_something(const ec_job *job, ec_error *err) {
    size_t n_selected = 0;
    for (size_t i = 0; i < job->n_parts; i++) n_selected += job->parts[i].selected;
    if (n_selected == 0)
        return ec_fail(err, EC_ERR_ARG,
                       "%s: no candidate to score has an 'encoder:' in study.yaml; give the folder "
                       "of its weights ('eyechart doctor %s' says what else is missing)",
                       job->study->path, job->study->path);
    if (any_wants_a(job) || any_wants_c(job) || ec_job_any_measures(job)) return EC_OK;
    return ec_fail(err, EC_ERR_ARG,
                   "%s: nothing to score: %s; 'eyechart doctor %s' says what is missing",
                   job->study->path, job->parts[0].note, job->study->path);
}

static ec_status build(ec_job *job, ec_error *err) {
    ec_status status = add_parts(job, err);
    if (status == EC_OK) status = check_something(job, err);
    const bool images = any_wants_a(job) || ec_job_any_measures(job),
               keypoints =
                   any_wants_c(job) || (ec_job_any_measures(job) && !ec_job_has_images(job->study));
    if (status == EC_OK && keypoints) status = ec_job_load_keypoints(job, err);
    for (size_t k = 0; status == EC_OK && k < job->set.n_categories; k++)
        status = ec_job_identify_category(job, k, err);
    for (size_t b = 0; status == EC_OK && images && b < ec_study_n_benchmarks(job->study); b++)
        if (ec_study_images(job->study, b) != NULL) status = ec_job_load_images(job, b, err);
    return status == EC_OK ? ec_job_find_done(job, err) : status;
}

ec_status ec_job_build(ec_job *job, ec_study *study, const ec_score_options *options,
                       ec_error *err) {
    ec_status status = ec_job_init(job, study, options, err);
    if (status == EC_OK) status = build(job, err);
    /* What was found out is worth keeping whatever became of the rest. */
    const ec_status flushed = job->files.n_notes > 0
                                  ? ec_file_memory_flush(&job->files, status == EC_OK ? err : NULL)
                                  : EC_OK;
    return status != EC_OK ? status : flushed;
}
