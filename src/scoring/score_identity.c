/* score_identity.c - what the encoders and connectors of a job are, by their content
 *
 * Reading all weights of an encoder takes long, so what was found out is remembered under a
 * signature of its files (file_memory.h). Encoders of one identity are one, whatever folders they
 * lie in; each of these folders is watched, since any of them may be the one that is opened.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "features/source.h"
#include "scoring/score_job.h"

/* ---- encoders ----------------------------------------------------------------------------- */

ec_encoder_options ec_job_encoder_options(const ec_job *job) {
    return (ec_encoder_options){.ctx = job->options.ctx,
                                .interpolate_plain = job->settings.positions_by_size,
                                .watch = job->options.watch};
}

static bool read_facts(ec_job_encoder *e, const char *facts) {
    ec_extractor_info *i = &e->info;
    return sscanf(facts, "%32s %zu %zu %zu %zu %zu %zu %lf %zu %zu", e->identity, &i->n_tokens,
                  &i->n_channels, &i->grid_width, &i->grid_height, &i->input_width,
                  &i->input_height, &i->flops, &i->cell, &i->n_blocks) == 10 &&
           strlen(e->identity) == EC_HASH_SIZE - 1;
}

static ec_status open_and_identify(ec_job_encoder *e, ec_job *job, ec_error *err) {
    const ec_encoder_options options = ec_job_encoder_options(job);
    ec_extractor *extractor;
    ec_status status = ec_extractor_open(&extractor, &e->source, &options, err);
    if (status != EC_OK) return status;
    status = ec_extractor_identity(e->identity, extractor, err);
    e->info = ec_extractor_describe(extractor);
    ec_extractor_close(extractor);
    return status;
}

static ec_status remember_encoder(const ec_job_encoder *e, const char *signature, ec_job *job,
                                  ec_error *err) {
    const ec_extractor_info *i = &e->info;
    char facts[256];
    snprintf(facts, sizeof facts, "%s %zu %zu %zu %zu %zu %zu %.17g %zu %zu", e->identity,
             i->n_tokens, i->n_channels, i->grid_width, i->grid_height, i->input_width,
             i->input_height, i->flops, i->cell, i->n_blocks);
    return ec_file_memory_remember(&job->files, signature, facts, err);
}

/* A file, or the folder of an index, whose files beside it must not change. */
static ec_status sign_file(char signature[EC_HASH_SIZE], bool *settled, const char *path,
                           ec_error *err) {
    const size_t n = strlen(path);
    const char *slash = strrchr(path, '/');
    if (n < 5 || strcmp(path + n - 5, ".json") != 0 || slash == NULL)
        return ec_file_memory_signature(signature, settled, path, "connector", err);
    char *folder = strndup(path, (size_t)(slash - path) + 1);
    if (folder == NULL) return ec_no_memory(path, err);
    const ec_status status = ec_file_memory_signature(signature, settled, folder, "connector", err);
    free(folder);
    return status;
}

static ec_status sign_encoder(char signature[EC_HASH_SIZE], bool *settled, const ec_job *job,
                              const ec_feature_source *source, ec_error *err) {
    const bool rounds =
        job->options.ctx != NULL && strcmp(ec_ctx_math(job->options.ctx), "f32") != 0;
    char use[EC_SOURCE_USE + sizeof " in bf16"], *folder;
    ec_feature_source_use(use, source, job->settings.positions_by_size);
    if (rounds) strcat(use, " in bf16");
    ec_status status = ec_file_model_folder(&folder, source->folder, err);
    if (status != EC_OK) return status;
    status = ec_file_memory_signature(signature, settled, folder, use, err);
    free(folder);
    if (status != EC_OK || source->weights == NULL) return status;
    char both[2 * EC_HASH_SIZE];
    bool also = false;
    memcpy(both, signature, EC_HASH_SIZE);
    status = sign_file(both + EC_HASH_SIZE - 1, &also, source->weights, err);
    if (status == EC_OK) ec_hash_bytes(signature, both, sizeof both - 1);
    *settled = *settled && also;
    return status;
}

/* Fills e->identity and e->info. */
static ec_status identify_encoder(ec_job_encoder *e, ec_job_place *place, ec_job *job,
                                  ec_error *err) {
    char *facts;
    bool settled;
    ec_status status = sign_encoder(place->signature, &settled, job, &place->source, err);
    if (status == EC_ERR_NOT_FOUND)
        return ec_fail(err, status,
                       "encoder %s: no such folder; put its weights there, or correct "
                       "'encoder:' in study.yaml",
                       place->source.folder);
    if (status == EC_OK) status = ec_file_memory_recall(&facts, &job->files, place->signature, err);
    if (status != EC_OK) return status;
    const bool known = facts != NULL && read_facts(e, facts);
    free(facts);
    e->info.tap = ec_feature_source_tap(&place->source);
    if (known) return EC_OK;
    status = open_and_identify(e, job, err);
    if (status == EC_OK && settled) status = remember_encoder(e, place->signature, job, err);
    /* At once: reading the weights of many encoders takes long, and may be stopped. */
    return status == EC_OK ? ec_file_memory_flush(&job->files, err) : status;
}

static bool same_source(const ec_feature_source *x, const ec_feature_source *y) {
    return ec_feature_source_same_use(x, y) && strcmp(x->folder, y->folder) == 0;
}

static bool has_place(const ec_job_encoder *e, const ec_feature_source *source) {
    for (size_t k = 0; k < e->n_places; k++)
        if (same_source(&e->places[k].source, source)) return true;
    return false;
}

static ec_status add_place(ec_job_encoder *e, const ec_job_place *place, const ec_job *job,
                           ec_error *err) {
    ec_job_place *grown = realloc(e->places, (e->n_places + 1) * sizeof *grown);
    if (grown == NULL) return ec_no_memory(job->study->path, err);
    e->places = grown;
    grown[e->n_places++] = *place;
    return EC_OK;
}

ec_status ec_job_find_encoder(size_t *index, ec_job *job, const ec_feature_source *source,
                              ec_error *err) {
    for (*index = 0; *index < job->n_encoders; ++*index)
        if (has_place(&job->encoders[*index], source)) return EC_OK;
    ec_job_encoder new = {.source = *source};
    ec_job_place place = {.source = *source};
    const ec_status status = identify_encoder(&new, &place, job, err);
    if (status != EC_OK) return status;
    for (*index = 0; *index < job->n_encoders; ++*index)
        if (strcmp(job->encoders[*index].identity, new.identity) == 0)
            return add_place(&job->encoders[*index], &place, job, err);
    ec_job_encoder *grown = realloc(job->encoders, (job->n_encoders + 1) * sizeof *grown);
    if (grown == NULL) return ec_no_memory(job->study->path, err);
    job->encoders = grown;
    grown[job->n_encoders++] = new;
    return add_place(&grown[*index], &place, job, err);
}

/* ---- features ----------------------------------------------------------------------------- */

/* The connector of encoder k: of a combination that 'combine:' made, that of its member. */
static const char *connector_of(const ec_study *study, size_t candidate, size_t k) {
    const bool combined = ec_study_is_combined(study, candidate);
    return ec_study_connector(study,
                              combined ? study->declared.origins[candidate].members[k] : candidate);
}

/* Compares the tower in a connector's model with the encoder: "same", "none", or what differs. */
static ec_status compare_tower(char facts[160], const ec_job *job, const ec_feature_source *source,
                               const char *model, ec_error *err) {
    const ec_encoder_options options = ec_job_encoder_options(job);
    ec_encoder *encoder;
    char difference[128];
    snprintf(facts, 160, "none");
    if (!ec_encoder_has_tower(model)) return EC_OK;
    ec_status status = ec_encoder_open(&encoder, source->folder, &options, err);
    if (status != EC_OK) return status;
    status = ec_encoder_compare(difference, encoder, model, err);
    ec_encoder_close(encoder);
    snprintf(facts, 160, "%s%s", difference[0] == '\0' ? "same" : "differs: ", difference);
    return status;
}

/* What compare_tower() says, remembered as long as the files are the same. */
static ec_status recall_tower(char facts[160], ec_job *job, const ec_feature_source *source,
                              const char *model, ec_error *err) {
    char both[2 * EC_HASH_SIZE], signature[EC_HASH_SIZE], *known = NULL, *folder;
    bool encoder_settled, model_settled;
    ec_status status = ec_file_model_folder(&folder, source->folder, err);
    if (status != EC_OK) return status;
    status = ec_file_memory_signature(both, &encoder_settled, folder, "tower of an encoder", err);
    free(folder);
    if (status == EC_OK) status = sign_file(both + EC_HASH_SIZE - 1, &model_settled, model, err);
    if (status != EC_OK) return status;
    ec_hash_bytes(signature, both, sizeof both - 1);
    status = ec_file_memory_recall(&known, &job->files, signature, err);
    if (status != EC_OK) return status;
    if (known != NULL) {
        snprintf(facts, 160, "%s", known);
        free(known);
        return EC_OK;
    }
    status = compare_tower(facts, job, source, model, err);
    return status == EC_OK && encoder_settled && model_settled
               ? ec_file_memory_remember(&job->files, signature, facts, err)
               : status;
}

static bool is_same_file(const char *x, const char *y) {
    char *a = realpath(x, NULL), *b = realpath(y, NULL);
    const bool same = a != NULL && b != NULL && strcmp(a, b) == 0;
    free(a);
    free(b);
    return same;
}

/* A connector out of a whole model may have been trained together with its encoder: then the tower
 * in that model is the encoder, and not the original that was named. */
static ec_status take_trained_tower(ec_feature_source *source, ec_job *job, const char *connector,
                                    ec_error *err) {
    char *model, facts[160] = "";
    if (ec_connector_locate(&model, connector, NULL) != EC_OK) return EC_OK; /* it is said later */
    ec_status status = EC_OK;
    if (!is_same_file(model, source->folder)) status = recall_tower(facts, job, source, model, err);
    if (status != EC_OK || strncmp(facts, "differs", 7) != 0) {
        free(model);
        /* An encoder that is not there is said later, too. */
        return status == EC_ERR_NOT_FOUND ? EC_OK : status;
    }
    char **grown = realloc(job->towers, (job->n_towers + 1) * sizeof *grown);
    if (grown == NULL) {
        free(model);
        return ec_no_memory(job->study->path, err);
    }
    job->towers = grown;
    grown[job->n_towers++] = model;
    source->weights = model;
    return EC_OK;
}

ec_status ec_job_sources(ec_feature_source **out, size_t *n, ec_job *job, size_t candidate,
                         ec_error *err) {
    const ec_feature_source *declared = ec_study_encoders(n, job->study, candidate);
    const bool alone = *n == 1 || ec_study_is_combined(job->study, candidate);
    ec_status status = EC_OK;
    *out = calloc(*n + 1, sizeof **out);
    if (*out == NULL) return ec_no_memory(job->study->path, err);
    for (size_t k = 0; status == EC_OK && k < *n; k++) {
        const char *connector = connector_of(job->study, candidate, k);
        ec_connector_features says = {0};
        (*out)[k] = declared[k];
        if (connector != NULL) status = ec_connector_features_read(&says, connector, err);
        if (status == EC_OK) status = ec_connector_features_settle(&(*out)[k], &says, 0, err);
        if (status == EC_OK && connector != NULL && alone)
            status = take_trained_tower(&(*out)[k], job, connector, err);
    }
    if (status == EC_OK) return EC_OK;
    free(*out);
    *out = NULL;
    return status;
}

ec_status ec_job_check_encoder(const ec_job *job, size_t encoder, ec_error *err) {
    const ec_job_encoder *e = &job->encoders[encoder];
    for (size_t k = 0; k < e->n_places; k++) {
        const ec_job_place *place = &e->places[k];
        char now[EC_HASH_SIZE];
        bool settled;
        const ec_status status = sign_encoder(now, &settled, job, &place->source, err);
        if (status != EC_OK) return status;
        if (strcmp(now, place->signature) != 0)
            return ec_fail(err, EC_ERR_IO,
                           "%s: changed while its features were computed; they were thrown away, "
                           "run 'eyechart score' again",
                           place->source.folder);
    }
    return EC_OK;
}

/* ---- connectors --------------------------------------------------------------------------- */

/* What is opened for a path, which may lie elsewhere than in the folder that was given, and the
 * config.json that says how to run it. */
static ec_status sign_connector(char signature[EC_HASH_SIZE], bool *settled, const char *path,
                                ec_error *err) {
    char *located, both[2 * EC_HASH_SIZE] = "";
    ec_connector_features says;
    bool config_settled = false;
    /* Where there is none, opening it will say so. */
    const bool found = ec_connector_locate(&located, path, NULL) == EC_OK;
    ec_status status = sign_file(both, settled, found ? located : path, err);
    free(located);
    if (status != EC_OK || !found || ec_connector_features_read(&says, path, NULL) != EC_OK ||
        says.path[0] == '\0') {
        memcpy(signature, both, EC_HASH_SIZE);
        return status;
    }
    status = ec_file_memory_signature(both + EC_HASH_SIZE - 1, &config_settled, says.path,
                                      "connector", err);
    *settled = *settled && config_settled;
    if (status == EC_OK) ec_hash_bytes(signature, both, sizeof both - 1);
    return status;
}

static bool read_connector_facts(ec_job_connector *c, const char *facts) {
    return sscanf(facts, "%32s %zu %zu %lf", c->identity, &c->n_inputs, &c->n_outputs, &c->flops) ==
               4 &&
           strlen(c->identity) == EC_HASH_SIZE - 1;
}

static ec_status open_connector(ec_job_connector *c, ec_error *err) {
    ec_connector *connector;
    ec_status status = ec_connector_open(&connector, c->path, NULL, err);
    if (status != EC_OK) return status;
    status = ec_connector_hash(c->identity, connector, err);
    const ec_connector_info info = ec_connector_describe(connector);
    c->n_inputs = info.n_inputs;
    c->n_outputs = info.n_outputs;
    c->flops = ec_connector_flops(connector);
    ec_connector_close(connector);
    return status;
}

ec_status ec_job_identify_connector(ec_job_connector *c, ec_job *job, ec_error *err) {
    bool settled;
    char *facts;
    ec_status status = sign_connector(c->signature, &settled, c->path, err);
    if (status == EC_ERR_NOT_FOUND)
        return ec_fail(err, status,
                       "connector %s: no such file; put it there, or correct 'connector:' in "
                       "study.yaml",
                       c->path);
    if (status == EC_OK) status = ec_file_memory_recall(&facts, &job->files, c->signature, err);
    if (status != EC_OK) return status;
    const bool known = facts != NULL && read_connector_facts(c, facts);
    free(facts);
    if (known) return EC_OK;
    status = open_connector(c, err);
    if (status != EC_OK || !settled) return status;
    char text[160];
    snprintf(text, sizeof text, "%s %zu %zu %.17g", c->identity, c->n_inputs, c->n_outputs,
             c->flops);
    return ec_file_memory_remember(&job->files, c->signature, text, err);
}

ec_status ec_job_check_connector(const ec_job_connector *connector, ec_error *err) {
    char now[EC_HASH_SIZE];
    bool settled;
    const ec_status status = sign_connector(now, &settled, connector->path, err);
    if (status != EC_OK || strcmp(now, connector->signature) == 0) return status;
    return ec_fail(err, EC_ERR_IO,
                   "%s: changed while it was used; what it gave was thrown away, run 'eyechart "
                   "score' again",
                   connector->path);
}
