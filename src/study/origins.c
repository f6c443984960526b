/* origins.c - see origins.h */
#include "study/origins.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/study_internal.h"

/* `path` as it can be opened from here; owned. NULL: out of memory. */
static char *from_folder(const char *folder, const char *path, size_t length) {
    char *out = NULL;
    const size_t n = strlen(folder);
    const char *slash = n > 0 && folder[n - 1] == '/' ? "" : "/";
    const int size = *path == '/' ? asprintf(&out, "%.*s", (int)length, path)
                                  : asprintf(&out, "%s%s%.*s", folder, slash, (int)length, path);
    return size >= 0 ? out : NULL;
}

/* Reads the encoders of a text such as "A@336:squash+B". */
static ec_status read_sources(ec_candidate_origin *out, const char *folder, const char *text,
                              const char *candidate, ec_error *err) {
    const ec_status status =
        ec_feature_sources_read(&out->sources, &out->n_sources, text, folder, NULL, err);
    return status == EC_OK ? EC_OK
                           : ec_error_prefix(err, status, "%s/study.yaml: candidate '%.80s'",
                                             folder, candidate);
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* Leaves *out NULL where nothing is declared. */
static ec_status read_path(char **out, const char *folder, const char *path, ec_error *err) {
    if (path == NULL) return EC_OK;
    *out = from_folder(folder, path, strlen(path));
    return *out != NULL ? EC_OK : ec_no_memory(folder, err);
}

/* What 'layer:' and 'tokens:' say of all encoders of a candidate. */
static void read_features(ec_candidate_origin *to, const ec_origin *from) {
    for (size_t k = 0; k < to->n_sources; k++) {
        ec_feature_source *source = &to->sources[k];
        source->has_layer = from->has_layer;
        source->has_tokens = from->has_tokens;
        source->tap = (ec_tap){.layer = from->layer, .keep_class_token = from->all_tokens};
    }
}

/* The encoders of a combination are those of its members, which come before it. */
static ec_status copy_members(ec_origins *out, size_t candidate, const char *folder,
                              const ec_origin *from, ec_error *err) {
    ec_candidate_origin *to = &out->candidates[candidate];
    to->sources = calloc(from->n_members + 1, sizeof *to->sources);
    if (to->sources == NULL) return ec_no_memory(folder, err);
    for (size_t k = 0; k < from->n_members; k++) {
        to->sources[k] = out->candidates[from->members[k]].sources[0]; /* its folder is borrowed */
        to->n_sources++;
    }
    return EC_OK;
}

static ec_status read_candidates(ec_origins *out, const char *folder,
                                 const ec_declaration *declared, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < declared->n_origins && i < out->n_candidates; i++) {
        const ec_origin *from = &declared->origins[i];
        ec_candidate_origin *to = &out->candidates[i];
        status = read_path(&to->connector, folder, from->connector, err);
        if (status == EC_OK && from->is_combined)
            status = copy_members(out, i, folder, from, err);
        else if (status == EC_OK && from->encoder != NULL)
            status = read_sources(to, folder, from->encoder, declared->sheet.candidates[i], err);
        if (!from->is_combined) read_features(to, from);
        for (size_t k = 0; k < to->n_sources; k++)
            to->sources[k].exif_transpose = declared->scores.exif_transpose;
    }
    return status;
}

static ec_status read_images(ec_origins *out, const char *folder, const ec_declaration *declared,
                             ec_error *err) {
    ec_status status = EC_OK;
    for (size_t b = 0; status == EC_OK && b < out->n_benchmarks; b++) {
        const char *own = b < declared->n_words ? declared->words[b].images : NULL;
        const char *root = b < declared->n_words ? declared->words[b].image_root : NULL;
        status =
            read_path(&out->images[b], folder, own != NULL ? own : declared->scores.images, err);
        if (status == EC_OK)
            status = read_path(&out->image_roots[b], folder,
                               root != NULL ? root : declared->scores.image_root, err);
    }
    return status;
}

ec_status ec_origins_resolve(ec_origins *out, const char *folder, const ec_declaration *declared,
                             ec_error *err) {
    const ec_score_declaration *s = &declared->scores;
    *out = (ec_origins){.n_candidates = declared->sheet.n_candidates,
                        .n_benchmarks = declared->sheet.n_benchmarks};
    out->candidates = calloc(out->n_candidates + 1, sizeof *out->candidates);
    out->images = calloc(out->n_benchmarks + 1, sizeof *out->images);
    out->image_roots = calloc(out->n_benchmarks + 1, sizeof *out->image_roots);
    out->references = calloc(s->n_references + 1, sizeof *out->references);
    out->compare_with = calloc(s->n_references + s->n_compare_with + 1, sizeof *out->compare_with);
    ec_status status = out->candidates != NULL && out->images != NULL && out->image_roots != NULL &&
                               out->references != NULL && out->compare_with != NULL
                           ? EC_OK
                           : ec_no_memory(folder, err);
    if (status == EC_OK) status = read_path(&out->keypoints, folder, s->keypoints, err);
    if (status == EC_OK) status = read_candidates(out, folder, declared, err);
    if (status == EC_OK) status = read_images(out, folder, declared, err);
    if (status != EC_OK) {
        ec_origins_release(out);
        return status;
    }
    for (size_t r = 0; r < s->n_references; r++)
        out->references[r] = ec_sheet_find_candidate(&declared->sheet, s->references[r]);
    const bool own = s->n_compare_with > 0;
    const size_t n_compare_with = own ? s->n_compare_with : s->n_references;
    for (size_t r = 0; r < n_compare_with; r++)
        out->compare_with[r] = own ? ec_sheet_find_candidate(&declared->sheet, s->compare_with[r])
                                   : out->references[r];
    out->settings = (ec_score_settings){.keypoints = out->keypoints,
                                        .split = s->split,
                                        .consistent = s->consistent,
                                        .n_images = s->n_images,
                                        .longest = s->longest,
                                        .seed = s->seed,
                                        .references = out->references,
                                        .n_references = s->n_references,
                                        .compare_with = out->compare_with,
                                        .n_compare_with = n_compare_with,
                                        .resample_grids = s->resample_grids,
                                        .bf16_compat = s->bf16_compat,
                                        .positions_by_size = s->positions_by_size,
                                        .exif_transpose = s->exif_transpose};
    return EC_OK;
}

void ec_origins_release(ec_origins *origins) {
    for (size_t i = 0; origins->candidates != NULL && i < origins->n_candidates; i++) {
        ec_candidate_origin *c = &origins->candidates[i];
        free(c->sources);
        free(c->connector);
    }
    for (size_t b = 0; origins->images != NULL && b < origins->n_benchmarks; b++)
        free(origins->images[b]);
    for (size_t b = 0; origins->image_roots != NULL && b < origins->n_benchmarks; b++)
        free(origins->image_roots[b]);
    free(origins->candidates);
    free(origins->images);
    free(origins->image_roots);
    free(origins->keypoints);
    free(origins->references);
    free(origins->compare_with);
    *origins = (ec_origins){0};
}

/* ---- what the public header shows --------------------------------------------------------- */

ec_score_settings ec_study_score_settings(const ec_study *study) {
    return study->origins.settings;
}

const ec_feature_source *ec_study_encoders(size_t *n, const ec_study *study, size_t candidate) {
    const ec_candidate_origin *origin = &study->origins.candidates[candidate];
    *n = origin->n_sources;
    return origin->sources;
}

bool ec_study_is_combined(const ec_study *study, size_t candidate) {
    const ec_declaration *d = &study->declared;
    return candidate < d->n_origins && d->origins[candidate].is_combined;
}

const char *ec_study_connector(const ec_study *study, size_t candidate) {
    return study->origins.candidates[candidate].connector;
}

const char *ec_study_images(const ec_study *study, size_t benchmark) {
    return study->origins.images[benchmark];
}

const char *ec_study_image_root(const ec_study *study, size_t benchmark) {
    return study->origins.image_roots[benchmark];
}

static bool lacks_computable_c(const ec_study *study, const ec_table *table, size_t i) {
    return isnan(table->c[i]) && ec_study_score_settings(study).keypoints != NULL;
}

static bool lacks_computable_a(const ec_study *study, const ec_table *table, size_t i) {
    if (ec_study_connector(study, i) == NULL || ec_study_score_settings(study).n_references == 0)
        return false;
    for (size_t b = 0; b < table->n_benchmarks; b++)
        if (isnan(table->a[b * table->n_candidates + i]) && ec_study_images(study, b) != NULL)
            return true;
    return false;
}

size_t ec_study_n_unscored(const ec_study *study, const ec_table *table) {
    const bool resample = ec_study_score_settings(study).resample_grids;
    size_t n = 0;
    for (size_t i = 0; i < table->n_candidates; i++) {
        size_t n_encoders;
        ec_study_encoders(&n_encoders, study, i);
        if (!resample && ec_study_is_combined(study, i)) continue;
        n += n_encoders > 0 &&
             (lacks_computable_c(study, table, i) || lacks_computable_a(study, table, i));
    }
    return n;
}
