/* align.c - the A score of many candidates, a chunk of images at a time
 *
 *     images -> features of each encoder, once -> side by side -> connector -> rows of length 1
 *
 * for the references, which stay, and then for one candidate after the other, each compared with
 * all references. An encoder's features are freed after the last member that takes them, so that
 * memory holds the references' embeddings, one candidate's, and the features still to be used.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/parallel.h"
#include "base/text.h"
#include "connectors/mlp.h"
#include "eyechart/alignment.h"
#include "scores/matcher.h"

/* Changes when the definition or its computation does, so that kept results are not taken for new
 * ones. */
static const char DEFINITION[] = "alignment 2024, 1";

typedef struct {
    char *folder;  /* resolved, so that two spellings are one encoder */
    char *weights; /* of source.weights; NULL */
    ec_feature_source source;
    ec_extractor *extractor;
    ec_extractor_info info;
    size_t n_users;  /* members still to come in this chunk */
    float *features; /* [n_images][n_tokens][n_channels], NULL: not computed */
} encoder;

typedef struct {
    char *name;
    size_t *encoders; /* [n_encoders], into ec_aligner.encoders */
    size_t n_encoders;
    ec_connector *connector;
    ec_connector_info info;
    size_t n_tokens, n_channels;
    char tower[600];                   /* as in ec_align_info */
    char connector_hash[EC_HASH_SIZE]; /* "" until it is asked for */
} member;

struct ec_aligner {
    ec_align_options options;
    ec_matcher *matcher; /* its context also runs the connectors */
    encoder *encoders;
    size_t n_encoders;
    member *members; /* references, then candidates */
    size_t n_references, n_candidates;
};

/* ---- open ---- */

static ec_status find_encoder(size_t *out, ec_aligner *a, const ec_feature_source *source,
                              ec_error *err) {
    char *folder = realpath(source->folder, NULL);
    if (folder == NULL) folder = strdup(source->folder); /* opening says what is wrong with it */
    if (folder == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < a->n_encoders; i++) {
        const encoder *e = &a->encoders[i];
        if (strcmp(e->folder, folder) == 0 && ec_feature_source_same_use(&e->source, source)) {
            free(folder);
            *out = i;
            return EC_OK;
        }
    }
    encoder *grown = realloc(a->encoders, (a->n_encoders + 1) * sizeof *grown);
    if (grown == NULL) {
        free(folder);
        return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    }
    a->encoders = grown;
    encoder *e = &a->encoders[a->n_encoders];
    *e = (encoder){.folder = folder, .source = *source};
    e->source.folder = folder;
    *out = a->n_encoders++;
    if (source->weights != NULL) {
        e->source.weights = e->weights = strdup(source->weights);
        if (e->weights == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    }
    const ec_status status = ec_extractor_open(&e->extractor, source, &a->options.encoder, err);
    if (status == EC_OK) e->info = ec_extractor_describe(e->extractor);
    return status;
}

static ec_status check_grids(const ec_aligner *a, const member *m, ec_error *err) {
    const ec_extractor_info *first = &a->encoders[m->encoders[0]].info;
    for (size_t i = 1; i < m->n_encoders; i++) {
        const ec_extractor_info *other = &a->encoders[m->encoders[i]].info;
        if (other->grid_width == first->grid_width && other->grid_height == first->grid_height &&
            other->n_tokens != first->n_tokens)
            return ec_fail(err, EC_ERR_ARG,
                           "%s gives %zu tokens and %s %zu, with class and register tokens; "
                           "encoders side by side need equal numbers: take the patch tokens alone",
                           a->encoders[m->encoders[0]].folder, first->n_tokens,
                           a->encoders[m->encoders[i]].folder, other->n_tokens);
        if (other->n_tokens != first->n_tokens || other->grid_width != first->grid_width ||
            other->grid_height != first->grid_height)
            return ec_fail(err, EC_ERR_ARG,
                           "%s has %zu x %zu patches and %s %zu x %zu; encoders side by side need "
                           "equal grids: give one a size with @PIXELS",
                           a->encoders[m->encoders[0]].folder, first->grid_width,
                           first->grid_height, a->encoders[m->encoders[i]].folder,
                           other->grid_width, other->grid_height);
    }
    return EC_OK;
}

static ec_status check_connector(const ec_aligner *a, const member *m, const char *path,
                                 ec_error *err) {
    if (m->info.n_inputs != m->n_channels)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s takes %zu channels and the encoder%s %zu: it was trained on other "
                       "features",
                       path, m->info.n_inputs, m->n_encoders > 1 ? "s together give" : " gives",
                       m->n_channels);
    if (m->info.n_outputs != a->members[0].info.n_outputs)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s gives %zu numbers a token and that of %s %zu: they were trained for "
                       "different language models, whose embeddings cannot be compared",
                       path, m->info.n_outputs, a->members[0].name, a->members[0].info.n_outputs);
    return EC_OK;
}

static bool is_within(const char *path, const char *folder) {
    char *real = realpath(path, NULL);
    const size_t n = strlen(folder);
    const bool within =
        real != NULL && strncmp(real, folder, n) == 0 && (real[n] == '/' || real[n] == '\0');
    free(real);
    return within;
}

/* A connector out of a whole model may have been trained together with its encoder: then the tower
 * in that model is the encoder, and not the original that was named. */
static ec_status take_trained_tower(size_t *at, ec_aligner *a, member *m,
                                    const ec_feature_source *source, ec_error *err) {
    char difference[128];
    const encoder *e = &a->encoders[*at];
    const char *path = ec_connector_describe(m->connector).file;
    const ec_encoder *original = ec_extractor_encoder(e->extractor);
    if (source->weights != NULL || is_within(path, e->folder) ||
        ec_encoder_describe(original).is_inside)
        return EC_OK;
    if (!ec_encoder_has_tower(path)) {
        const ec_connector_features *says = ec_connector_takes(m->connector);
        if (says->tower_trained)
            snprintf(m->tower, sizeof m->tower,
                     "the vision tower was trained with the connector, says %.200s, and is not in "
                     "%.160s: these are features of the original in %.160s; give the folder of the "
                     "whole model as the encoder",
                     says->path, path, source->folder);
        return EC_OK;
    }
    ec_status status = ec_encoder_compare(difference, original, path, err);
    if (status != EC_OK || difference[0] == '\0') return status;
    snprintf(m->tower, sizeof m->tower,
             "the vision tower in %.200s was trained and is taken; it differs from %.200s (%s)",
             path, source->folder, difference);
    ec_feature_source trained = *source;
    trained.weights = path;
    return find_encoder(at, a, &trained, err);
}

/* The encoder with the layer and the tokens that the connector was trained on. */
static ec_status find_member_encoder(size_t *out, ec_aligner *a, member *m,
                                     const ec_feature_source *from, bool alone, ec_error *err) {
    const ec_connector_features *says = ec_connector_takes(m->connector);
    ec_feature_source source = *from;
    ec_status status = ec_connector_features_settle(&source, says, 0, err);
    if (status == EC_OK) status = find_encoder(out, a, &source, err);
    if (status != EC_OK) return status;
    ec_feature_source again = *from; /* now that the number of blocks is known */
    status = ec_connector_features_settle(&again, says, a->encoders[*out].info.n_blocks, err);
    return status == EC_OK && alone ? take_trained_tower(out, a, m, &source, err) : status;
}

static ec_status open_member(ec_aligner *a, member *m, const ec_align_member *from, ec_error *err) {
    m->name = strdup(from->name);
    m->encoders = calloc(from->n_sources + 1, sizeof *m->encoders);
    if (m->name == NULL || m->encoders == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (from->n_sources == 0) return ec_fail(err, EC_ERR_ARG, "no encoder");
    ec_status status = ec_connector_open_on(&m->connector, from->connector, a->matcher->ctx, err);
    for (size_t i = 0; i < from->n_sources && status == EC_OK; i++) {
        status = find_member_encoder(&m->encoders[i], a, m, &from->sources[i], from->n_sources == 1,
                                     err);
        if (status != EC_OK) return status;
        m->n_encoders++;
        m->n_channels += a->encoders[m->encoders[i]].info.n_channels;
    }
    if (status != EC_OK) return status;
    m->n_tokens = a->encoders[m->encoders[0]].info.n_tokens;
    if (status == EC_OK) status = check_grids(a, m, err);
    if (status != EC_OK) return status;
    m->info = ec_connector_describe(m->connector);
    return check_connector(a, m, from->connector, err);
}

ec_status ec_aligner_open(ec_aligner **out, const ec_align_member *references, size_t n_references,
                          const ec_align_member *candidates, size_t n_candidates,
                          const ec_align_options *options, ec_error *err) {
    *out = NULL;
    if (n_references == 0)
        return ec_fail(err, EC_ERR_ARG,
                       "no reference to compare with; expected CLIP at 224 and at "
                       "336 pixels, each with its connector");
    ec_aligner *a = calloc(1, sizeof *a);
    if (a == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    a->options = *options;
    a->n_references = n_references;
    a->n_candidates = n_candidates;
    a->members = calloc(n_references + n_candidates, sizeof *a->members);
    ec_status status = a->members != NULL ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (status == EC_OK)
        status = ec_matcher_new(&a->matcher, options->encoder.isa, options->encoder.n_threads, err);
    for (size_t i = 0; i < n_references + n_candidates && status == EC_OK; i++) {
        const ec_align_member *from =
            i < n_references ? &references[i] : &candidates[i - n_references];
        status = open_member(a, &a->members[i], from, err);
        if (status != EC_OK) ec_error_prefix(err, status, "%s", from->name);
    }
    if (status != EC_OK) {
        ec_aligner_close(a);
        return status;
    }
    *out = a;
    return EC_OK;
}

void ec_aligner_close(ec_aligner *a) {
    if (a == NULL) return;
    for (size_t i = 0; a->members != NULL && i < a->n_references + a->n_candidates; i++) {
        ec_connector_close(a->members[i].connector);
        free(a->members[i].encoders);
        free(a->members[i].name);
    }
    for (size_t i = 0; i < a->n_encoders; i++) {
        ec_extractor_close(a->encoders[i].extractor);
        free(a->encoders[i].features);
        free(a->encoders[i].folder);
        free(a->encoders[i].weights);
    }
    ec_matcher_free(a->matcher);
    free(a->encoders);
    free(a->members);
    free(a);
}

static ec_align_info describe(const ec_aligner *a, const member *m) {
    ec_align_info info = {.n_tokens = m->n_tokens,
                          .n_channels = m->n_channels,
                          .width = m->info.n_outputs,
                          .tap = a->encoders[m->encoders[0]].info.tap,
                          .flops = (double)m->n_tokens * ec_connector_flops(m->connector)};
    snprintf(info.tower, sizeof info.tower, "%s", m->tower);
    snprintf(info.connector_type, sizeof info.connector_type, "%s", m->info.type);
    for (size_t i = 0; i < m->n_encoders; i++) info.flops += a->encoders[m->encoders[i]].info.flops;
    return info;
}

ec_align_info ec_aligner_reference(const ec_aligner *a, size_t reference) {
    assert(reference < a->n_references);
    return describe(a, &a->members[reference]);
}

ec_align_info ec_aligner_candidate(const ec_aligner *a, size_t candidate) {
    assert(candidate < a->n_candidates);
    return describe(a, &a->members[a->n_references + candidate]);
}

/* ---- identity ---- */

static ec_status add_identity(ec_text *text, ec_aligner *a, member *m, ec_error *err) {
    for (size_t i = 0; i < m->n_encoders; i++) {
        char hash[33];
        const ec_status status =
            ec_extractor_identity(hash, a->encoders[m->encoders[i]].extractor, err);
        if (status != EC_OK) return status;
        ec_text_format(text, "%s + ", hash);
    }
    if (m->connector_hash[0] == '\0') {
        const ec_status status = ec_connector_hash(m->connector_hash, m->connector, err);
        if (status != EC_OK) return status;
    }
    ec_text_format(text, "%s\n", m->connector_hash);
    return EC_OK;
}

ec_status ec_aligner_identity(char out[33], ec_aligner *a, size_t candidate, ec_error *err) {
    assert(candidate < a->n_candidates);
    ec_text text = {0};
    ec_text_format(&text, "%s%s\n", DEFINITION, a->options.bf16_compat ? ", bf16" : "");
    ec_status status = add_identity(&text, a, &a->members[a->n_references + candidate], err);
    for (size_t r = 0; r < a->n_references && status == EC_OK; r++)
        status = add_identity(&text, a, &a->members[r], err);
    if (status == EC_OK && text.failed) status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (status == EC_OK) ec_hash_bytes(out, text.data, text.size_bytes);
    ec_text_release(&text);
    return status;
}

/* ---- a chunk ---- */

typedef struct {
    ec_aligner *aligner;
    const ec_image *const *images;
    size_t n_images;
    float **reference; /* [n_references] -> [n_images][n_tokens][width], rows of length 1 */
    ec_error *err;
} chunk;

static float *new_floats(size_t n_images, size_t n_tokens, size_t width, ec_error *err) {
    const size_t row = n_tokens * width; /* of one image: it was checked by its encoder */
    float *out =
        row <= SIZE_MAX / sizeof(float) / n_images ? malloc(n_images * row * sizeof(float)) : NULL;
    if (out == NULL)
        ec_fail(err, EC_ERR_NOMEM,
                "no memory for %zu images of %zu tokens of %zu numbers: take "
                "fewer images at a time",
                n_images, n_tokens, width);
    return out;
}

static ec_status compute_features(chunk *k, encoder *e) {
    if (e->features != NULL) return EC_OK;
    e->features = new_floats(k->n_images, e->info.n_tokens, e->info.n_channels, k->err);
    if (e->features == NULL) return EC_ERR_NOMEM;
    const ec_align_options *o = &k->aligner->options;
    ec_status status = ec_extractor_run(e->features, e->extractor, k->images, k->n_images, k->err);
    if (status == EC_OK && o->look != NULL)
        status = o->look(o->look_context, &e->source, &e->info, e->features, k->n_images, k->err);
    return status;
}

/* Columns [at, at + channels) of the rows of `out`. */
static void put_beside(float *out, size_t n_rows, size_t width, size_t at, const float *in,
                       size_t channels) {
    for (size_t i = 0; i < n_rows; i++)
        memcpy(out + i * width + at, in + i * channels, channels * sizeof *out);
}

static void features_used(ec_aligner *a, const member *m) {
    for (size_t i = 0; i < m->n_encoders; i++) {
        encoder *e = &a->encoders[m->encoders[i]];
        if (--e->n_users > 0) continue;
        free(e->features);
        e->features = NULL;
    }
}

typedef struct {
    float *rows; /* [n_images][n_tokens][width] */
    size_t n_tokens, width;
    bool bf16_compat;
    ec_error *err; /* [n_images] */
} normalising;

static void normalise_image(void *context, size_t i) {
    const normalising *n = context;
    n->err[i].status = EC_OK;
    ec_alignment_normalise(n->rows + i * n->n_tokens * n->width, n->n_tokens, n->width,
                           n->bf16_compat, &n->err[i]);
}

static ec_status normalise(chunk *k, const member *m, float *rows) {
    normalising n = {rows, m->n_tokens, m->info.n_outputs, k->aligner->options.bf16_compat,
                     malloc(k->n_images * sizeof *n.err)};
    if (n.err == NULL) return ec_fail(k->err, EC_ERR_NOMEM, "out of memory");
    ec_parallel_for(k->n_images, k->aligner->options.encoder.n_threads, normalise_image, &n);
    ec_status status = EC_OK;
    for (size_t i = 0; i < k->n_images && status == EC_OK; i++) {
        if ((status = n.err[i].status) == EC_OK) continue;
        *k->err = n.err[i];
        ec_error_prefix(k->err, status, "image %zu of the chunk", i + 1);
    }
    free(n.err);
    return status;
}

/* Features of a member, [n_images][n_tokens][n_channels]: an encoder's own, borrowed, or several
 * copied side by side, which *owned then holds. NULL after a failure. */
static const float *gather_features(float **owned, chunk *k, const member *m) {
    ec_aligner *a = k->aligner;
    *owned = NULL;
    for (size_t i = 0; i < m->n_encoders; i++)
        if (compute_features(k, &a->encoders[m->encoders[i]]) != EC_OK) return NULL;
    if (m->n_encoders == 1) return a->encoders[m->encoders[0]].features;
    *owned = new_floats(k->n_images, m->n_tokens, m->n_channels, k->err);
    for (size_t i = 0, at = 0; i < m->n_encoders && *owned != NULL; i++) {
        const encoder *e = &a->encoders[m->encoders[i]];
        put_beside(*owned, k->n_images * m->n_tokens, m->n_channels, at, e->features,
                   e->info.n_channels);
        at += e->info.n_channels;
    }
    return *owned;
}

/* Embeddings of the chunk's images under a member, rows of length 1. The caller frees *out, also
 * after a failure. */
static ec_status embed(float **out, chunk *k, member *m) {
    float *owned;
    const float *features = gather_features(&owned, k, m);
    *out =
        features != NULL ? new_floats(k->n_images, m->n_tokens, m->info.n_outputs, k->err) : NULL;
    ec_status status = *out != NULL ? EC_OK : k->err->status;
    if (status == EC_OK)
        status =
            ec_connector_forward(*out, m->connector, features, k->n_images * m->n_tokens, k->err);
    free(owned);
    features_used(k->aligner, m);
    if (status == EC_OK) status = normalise(k, m, *out);
    return status;
}

/* scores [n_images][n_candidates][n_references], of candidate c */
static ec_status compare(double *scores, chunk *k, const float *embedding, size_t c) {
    ec_aligner *a = k->aligner;
    const member *m = &a->members[a->n_references + c];
    const size_t width = m->info.n_outputs;
    ec_status status = EC_OK;
    for (size_t i = 0; i < k->n_images; i++)
        for (size_t r = 0; r < a->n_references && status == EC_OK; r++) {
            const size_t n_reference = a->members[r].n_tokens;
            status =
                ec_alignment_max_cosine(&scores[(i * a->n_candidates + c) * a->n_references + r],
                                        a->matcher, embedding + i * m->n_tokens * width,
                                        m->n_tokens, k->reference[r] + i * n_reference * width,
                                        n_reference, width, a->options.bf16_compat, k->err);
        }
    return status;
}

static void count_users(ec_aligner *a, const bool *wanted) {
    for (size_t i = 0; i < a->n_encoders; i++) a->encoders[i].n_users = 0;
    for (size_t i = 0; i < a->n_references + a->n_candidates; i++) {
        const member *m = &a->members[i];
        if (i >= a->n_references && wanted != NULL && !wanted[i - a->n_references]) continue;
        for (size_t j = 0; j < m->n_encoders; j++) a->encoders[m->encoders[j]].n_users++;
    }
}

static ec_status run_members(double *scores, chunk *k, const bool *wanted, ec_aligner_watcher see,
                             void *context) {
    ec_aligner *a = k->aligner;
    const size_t n_members = a->n_references + a->n_candidates;
    size_t n_done = 0, n_total = n_members;
    for (size_t c = 0; wanted != NULL && c < a->n_candidates; c++) n_total -= !wanted[c];
    for (size_t i = 0; i < n_members; i++) {
        const bool is_reference = i < a->n_references;
        if (!is_reference && wanted != NULL && !wanted[i - a->n_references]) continue;
        float *embedding;
        ec_status status = embed(&embedding, k, &a->members[i]);
        if (status == EC_OK && !is_reference)
            status = compare(scores, k, embedding, i - a->n_references);
        if (status == EC_OK && is_reference)
            k->reference[i] = embedding;
        else
            free(embedding);
        if (status != EC_OK) return ec_error_prefix(k->err, status, "%s", a->members[i].name);
        if (see != NULL && !see(context, ++n_done, n_total))
            return ec_fail(k->err, EC_ERR_INTERRUPTED, "interrupted");
    }
    return EC_OK;
}

ec_status ec_aligner_run(double *scores, ec_aligner *a, const ec_image *const *images,
                         size_t n_images, const bool *wanted, ec_aligner_watcher see, void *context,
                         ec_error *err) {
    ec_error unheard;
    if (n_images == 0) return EC_OK;
    chunk k = {.aligner = a,
               .images = images,
               .n_images = n_images,
               .reference = calloc(a->n_references, sizeof *k.reference),
               .err = err != NULL ? err : &unheard};
    if (k.reference == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n_images * a->n_candidates * a->n_references; i++) scores[i] = NAN;
    count_users(a, wanted);
    const ec_status status = run_members(scores, &k, wanted, see, context);
    for (size_t i = 0; i < a->n_encoders; i++) { /* left over after a failure */
        free(a->encoders[i].features);
        a->encoders[i].features = NULL;
    }
    for (size_t r = 0; r < a->n_references; r++) free(k.reference[r]);
    free(k.reference);
    return status;
}
