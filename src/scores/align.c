/* align.c - the A score of many candidates over a list of images; see eyechart/alignment.h
 *
 * Candidates and references are opened one after the other and checked; what is computed when is
 * align_work.h's, and what it keeps of a block of images lies in memory here.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "eyechart/alignment.h"
#include "scores/align_work.h"

/* What an encoder was called. */
typedef struct {
    char *folder;  /* resolved, so that two spellings are one encoder */
    char *given;   /* of source.folder */
    char *weights; /* of source.weights; NULL */
} encoder_names;

typedef struct {
    char *name, *path; /* path: of the connector */
    size_t *encoders;  /* [n_encoders], into ec_aligner.encoders */
    size_t n_encoders;
    ec_connector_info info; /* `file` is not kept */
    double connector_flops; /* of a token */
    size_t n_tokens, n_channels;
    char tower[600]; /* as in ec_align_info */
    size_t part; /* into ec_aligner.parts: members that are the same but for their name share one */
} member;

struct ec_aligner {
    ec_align_options options;
    ec_align_encoder *encoders;
    encoder_names *names; /* of the encoders */
    size_t n_encoders;
    member *members; /* references, then candidates */
    size_t n_references, n_candidates;

    ec_align_part *parts; /* what is computed of the members */
    size_t *references;   /* [n_references] into parts */
    ec_align_work work;
};

/* ---- open ---- */

/* `folder` is the aligner's from now on. */
static ec_status add_encoder(size_t *out, ec_aligner *a, const ec_feature_source *source,
                             char *folder, ec_error *err) {
    const size_t i = *out = a->n_encoders;
    encoder_names *names = realloc(a->names, (i + 1) * sizeof *names);
    if (names != NULL) a->names = names;
    ec_align_encoder *encoders = realloc(a->encoders, (i + 1) * sizeof *encoders);
    if (encoders != NULL) a->work.encoders = a->encoders = encoders;
    if (names == NULL || encoders == NULL) {
        free(folder);
        return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    }
    a->work.n_encoders = ++a->n_encoders;
    names[i] = (encoder_names){folder, strdup(source->folder),
                               source->weights != NULL ? strdup(source->weights) : NULL};
    encoders[i] = (ec_align_encoder){.source = *source};
    encoders[i].source.folder = names[i].given;
    encoders[i].source.weights = names[i].weights;
    if (names[i].given == NULL || (names[i].weights == NULL && source->weights != NULL))
        return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_extractor *extractor;
    const ec_status status = ec_align_open_encoder(&extractor, &a->work, i, err);
    if (status == EC_OK) encoders[i].info = ec_extractor_describe(extractor);
    return status;
}

static ec_status find_encoder(size_t *out, ec_aligner *a, const ec_feature_source *source,
                              ec_error *err) {
    char *folder = realpath(source->folder, NULL);
    if (folder == NULL) folder = strdup(source->folder); /* opening says what is wrong with it */
    if (folder == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < a->n_encoders; i++) {
        if (strcmp(a->names[i].folder, folder) == 0 &&
            ec_feature_source_same_use(&a->encoders[i].source, source)) {
            free(folder);
            *out = i;
            return EC_OK;
        }
    }
    return add_encoder(out, a, source, folder, err);
}

static ec_status check_grids(const ec_aligner *a, const member *m, ec_error *err) {
    const size_t first = m->encoders[0];
    ec_status status = EC_OK;
    for (size_t i = 1; i < m->n_encoders && status == EC_OK; i++) {
        const size_t other = m->encoders[i];
        status = ec_extractor_check_beside(a->names[first].folder, &a->encoders[first].info,
                                           a->names[other].folder, &a->encoders[other].info, err);
    }
    return status;
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

/* A connector out of a whole model may have been trained together with its encoder: then the tower
 * in that model is the encoder, and not the original that was named. */
static ec_status take_trained_tower(size_t *at, ec_aligner *a, member *m,
                                    const ec_connector *connector, const ec_feature_source *source,
                                    ec_error *err) {
    char difference[128];
    const encoder_names *e = &a->names[*at];
    const char *path = ec_connector_describe(connector).file;
    ec_extractor *extractor;
    const ec_status opened = ec_align_open_encoder(&extractor, &a->work, *at, err);
    if (opened != EC_OK) return opened;
    const ec_encoder *original = ec_extractor_encoder(extractor);
    if (source->weights != NULL || ec_file_is_within(path, e->folder) ||
        ec_encoder_describe(original).is_inside)
        return EC_OK;
    if (!ec_encoder_has_tower(path)) {
        const ec_connector_features *says = ec_connector_takes(connector);
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
                                     const ec_connector *connector, const ec_feature_source *from,
                                     bool alone, ec_error *err) {
    const ec_connector_features *says = ec_connector_takes(connector);
    ec_feature_source source = *from;
    ec_status status = ec_connector_features_settle(&source, says, 0, err);
    if (status == EC_OK) status = find_encoder(out, a, &source, err);
    if (status != EC_OK) return status;
    ec_feature_source again = *from; /* now that the number of blocks is known */
    status = ec_connector_features_settle(&again, says, a->encoders[*out].info.n_blocks, err);
    return status == EC_OK && alone ? take_trained_tower(out, a, m, connector, &source, err)
                                    : status;
}

static ec_status find_member_encoders(ec_aligner *a, member *m, const ec_connector *connector,
                                      const ec_align_member *from, ec_error *err) {
    for (size_t i = 0; i < from->n_sources; i++) {
        const ec_status status = find_member_encoder(&m->encoders[i], a, m, connector,
                                                     &from->sources[i], from->n_sources == 1, err);
        if (status != EC_OK) return status;
        m->n_encoders++;
        m->n_channels += a->encoders[m->encoders[i]].info.n_channels;
    }
    m->n_tokens = a->encoders[m->encoders[0]].info.n_tokens;
    return check_grids(a, m, err);
}

static ec_status open_member(ec_aligner *a, member *m, const ec_align_member *from, ec_error *err) {
    m->name = strdup(from->name);
    m->encoders = calloc(from->n_sources + 1, sizeof *m->encoders);
    if (m->name == NULL || m->encoders == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (from->n_sources == 0) return ec_fail(err, EC_ERR_ARG, "no encoder");
    ec_connector *connector;
    ec_status status = ec_connector_open(&connector, from->connector, NULL, err);
    if (status != EC_OK) return status;
    status = find_member_encoders(a, m, connector, from, err);
    m->info = ec_connector_describe(connector);
    m->connector_flops = ec_connector_flops(connector);
    ec_connector_close(connector);
    if (status == EC_OK) status = check_connector(a, m, from->connector, err);
    m->path = strdup(from->connector);
    if (status == EC_OK && m->path == NULL) status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    return status;
}

static bool same_numbers(const member *x, const member *y) {
    return x->n_encoders == y->n_encoders && strcmp(x->path, y->path) == 0 &&
           memcmp(x->encoders, y->encoders, x->n_encoders * sizeof *x->encoders) == 0;
}

/* What is to be computed: a reference that is a candidate as well is there once. */
static ec_status make_parts(ec_aligner *a, ec_error *err) {
    const size_t n = a->n_references + a->n_candidates;
    a->parts = calloc(n, sizeof *a->parts);
    a->references = calloc(a->n_references, sizeof *a->references);
    if (a->parts == NULL || a->references == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_align_work *w = &a->work;
    for (size_t i = 0; i < n; i++) {
        member *m = &a->members[i];
        size_t same = 0;
        while (!same_numbers(&a->members[same], m)) same++;
        m->part = same < i ? a->members[same].part : w->n_members++;
        if (i < a->n_references) a->references[i] = m->part;
        if (same < i) continue;
        a->parts[m->part] = (ec_align_part){.name = m->name,
                                            .connector = m->path,
                                            .encoders = m->encoders,
                                            .n_encoders = m->n_encoders,
                                            .n_tokens = m->n_tokens,
                                            .n_channels = m->n_channels,
                                            .width = m->info.n_outputs,
                                            .is_reference = i < a->n_references};
    }
    w->members = a->parts;
    w->references = a->references;
    w->n_references = a->n_references;
    return EC_OK;
}

static ec_status open_all(ec_aligner *a, const ec_align_member *references,
                          const ec_align_member *candidates, ec_error *err) {
    const size_t n = a->n_references + a->n_candidates;
    const ec_encoder_options *options = &a->options.encoder;
    a->members = calloc(n, sizeof *a->members);
    ec_status status = a->members != NULL ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
    a->work = (ec_align_work){.bf16_compat = a->options.bf16_compat,
                              .options = *options,
                              .batch = a->options.batch,
                              .kept_bytes = a->options.kept_bytes};
    for (size_t i = 0; i < n && status == EC_OK; i++) {
        const ec_align_member *from =
            i < a->n_references ? &references[i] : &candidates[i - a->n_references];
        status = open_member(a, &a->members[i], from, err);
        if (status != EC_OK) ec_error_prefix(err, status, "%s", from->name);
    }
    ec_align_close_encoder(&a->work);
    return status == EC_OK ? make_parts(a, err) : status;
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
    const ec_status status = open_all(a, references, candidates, err);
    if (status == EC_OK)
        *out = a;
    else
        ec_aligner_close(a);
    return status;
}

void ec_aligner_close(ec_aligner *a) {
    if (a == NULL) return;
    for (size_t i = 0; a->members != NULL && i < a->n_references + a->n_candidates; i++) {
        free(a->members[i].encoders);
        free(a->members[i].name);
        free(a->members[i].path);
    }
    for (size_t i = 0; i < a->n_encoders; i++) {
        free(a->names[i].folder);
        free(a->names[i].given);
        free(a->names[i].weights);
    }
    ec_align_close_encoder(&a->work);
    free(a->names);
    free(a->encoders);
    free(a->members);
    free(a->parts);
    free(a->references);
    free(a);
}

static ec_align_info describe(const ec_aligner *a, const member *m) {
    ec_align_info info = {.n_tokens = m->n_tokens,
                          .n_channels = m->n_channels,
                          .width = m->info.n_outputs,
                          .tap = a->encoders[m->encoders[0]].info.tap,
                          .flops = (double)m->n_tokens * m->connector_flops};
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

/* ---- what is kept of a block ---- */

/* Images [first, first + n) of the list. */
typedef struct {
    float **rows;     /* [n_parts][n] */
    float **features; /* [n_encoders][n] */
    size_t first, n;
} block;

static float **kept_place(const block *b, ec_kept_kind kind, size_t index, size_t image) {
    return (kind == EC_KEPT_ROWS ? b->rows : b->features) + index * b->n + (image - b->first);
}

static bool is_kept(void *self, ec_kept_kind kind, size_t index, size_t image) {
    return *kept_place(self, kind, index, image) != NULL;
}

static ec_status keep_values(void *self, ec_kept_kind kind, size_t index, size_t image,
                             const float *values, size_t n, ec_error *err) {
    float *copy = malloc(n * sizeof *copy);
    if (copy == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to keep %zu numbers of an image", n);
    *kept_place(self, kind, index, image) = memcpy(copy, values, n * sizeof *copy);
    return EC_OK;
}

static ec_status get_values(const float **values, void *self, ec_kept_kind kind, size_t index,
                            size_t image, size_t n, ec_error *err) {
    (void)n;
    (void)err;
    *values = *kept_place(self, kind, index, image);
    return EC_OK;
}

static void leave_values(void *self, const float *values) {
    (void)self;
    (void)values;
}

static ec_status start_block(block *b, const ec_align_work *w, size_t first, size_t n,
                             ec_error *err) {
    *b = (block){.rows = calloc(w->n_members * n, sizeof *b->rows),
                 .features = calloc(w->n_encoders * n, sizeof *b->features),
                 .first = first,
                 .n = n};
    if (b->rows != NULL && b->features != NULL) return EC_OK;
    return ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

static void release_block(block *b, const ec_align_work *w) {
    for (size_t i = 0; b->rows != NULL && i < w->n_members * b->n; i++) free(b->rows[i]);
    for (size_t i = 0; b->features != NULL && i < w->n_encoders * b->n; i++) free(b->features[i]);
    free(b->rows);
    free(b->features);
}

/* ---- a list of images ---- */

typedef struct {
    ec_aligner *aligner;
    double *scores; /* [n_images][n_candidates][n_references] */
    bool *wanted;   /* [n_parts][n_images] scores that are still to come */
    bool *turned;   /* [n_images] whose EXIF asks to turn them */
    size_t n_images;
    const bool *wanted_candidates; /* [n_candidates], or NULL: all */
    ec_aligner_watcher see;
    void *context;
    ec_align_progress progress;
    size_t *images; /* [n_images] of the pass or the join at work, into the list */
} run;

static bool is_wanted(void *context, size_t part, size_t image) {
    const run *r = context;
    return r->wanted[part * r->n_images + image];
}

static ec_status take_scores(void *context, size_t part, size_t image, const double *scores,
                             ec_error *err) {
    (void)err;
    run *r = context;
    const ec_aligner *a = r->aligner;
    for (size_t c = 0; c < a->n_candidates; c++)
        if (a->members[a->n_references + c].part == part &&
            (r->wanted_candidates == NULL || r->wanted_candidates[c]))
            memcpy(r->scores + (image * a->n_candidates + c) * a->n_references, scores,
                   a->n_references * sizeof *scores);
    r->wanted[part * r->n_images + image] = false;
    return EC_OK;
}

static ec_status tell(run *r, ec_error *err) {
    if (r->see == NULL || r->see(r->context, &r->progress)) return EC_OK;
    return ec_fail(err, EC_ERR_INTERRUPTED, "interrupted");
}

static ec_status see_batch(void *context, const ec_pass_batch *batch, ec_error *err) {
    run *r = context;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t image = r->images[batch->first + i];
        if (!batch->image[i].is_turned || r->turned[image]) continue;
        r->turned[image] = true;
        if (r->progress.n_turned++ == 0) r->progress.turned = r->aligner->work.paths[image];
    }
    r->progress.n_done += batch->n;
    return tell(r, err);
}

static ec_status pass(run *r, size_t encoder, const block *b, ec_error *err) {
    ec_align_work *w = &r->aligner->work;
    const ec_pass_consumer watch = {see_batch, r};
    size_t n = 0;
    for (size_t i = b->first; i < b->first + b->n; i++)
        if (ec_align_needs_pass(w, encoder, i)) r->images[n++] = i;
    return n > 0 ? ec_align_pass(w, encoder, r->images, n, NULL, &watch, err) : EC_OK;
}

static ec_status join(run *r, size_t part, const block *b, ec_error *err) {
    ec_align_work *w = &r->aligner->work;
    size_t n = 0;
    for (size_t i = b->first; i < b->first + b->n; i++)
        if (ec_align_needs_join(w, part, i) && ec_align_join_is_ready(w, part, i))
            r->images[n++] = i;
    const ec_status status = n > 0 ? ec_align_join(w, part, r->images, n, err) : EC_OK;
    return status == EC_OK && n > 0 ? tell(r, err) : status;
}

/* After every pass what can be joined is, so that nothing waits longer than it must. */
static ec_status run_block(run *r, block *b, const size_t *order, ec_error *err) {
    const ec_align_work *w = &r->aligner->work;
    ec_status status = EC_OK;
    for (size_t e = 0; e < w->n_encoders && status == EC_OK; e++) {
        status = pass(r, order[e], b, err);
        for (size_t m = 0; m < w->n_members && status == EC_OK; m++) status = join(r, m, b, err);
    }
    return status;
}

static ec_status run_blocks(run *r, const size_t *order, ec_error *err) {
    ec_align_work *w = &r->aligner->work;
    const size_t most = ec_align_block(w, w->batch > 0 ? w->batch : EC_PASS_BATCH);
    ec_status status = EC_OK;
    for (size_t first = 0; first < r->n_images && status == EC_OK; first += most) {
        block b;
        status =
            start_block(&b, w, first, r->n_images - first < most ? r->n_images - first : most, err);
        w->keep = (ec_align_keep){is_kept, keep_values, get_values, leave_values, &b};
        if (status == EC_OK) status = run_block(r, &b, order, err);
        release_block(&b, w);
    }
    ec_align_close_encoder(w);
    return status;
}

/* Marks what is wanted, and counts the passes of images. */
static void count_passes(run *r) {
    const ec_aligner *a = r->aligner;
    const ec_align_work *w = &a->work;
    bool any = false;
    for (size_t c = 0; c < a->n_candidates; c++) {
        if (r->wanted_candidates != NULL && !r->wanted_candidates[c]) continue;
        bool *wanted = r->wanted + a->members[a->n_references + c].part * r->n_images;
        for (size_t i = 0; i < r->n_images; i++) wanted[i] = true;
        any = true;
    }
    for (size_t e = 0; e < w->n_encoders && any; e++) {
        bool used = false;
        for (size_t m = 0; m < w->n_members; m++)
            for (size_t i = 0; i < w->members[m].n_encoders; i++)
                used = used || (w->members[m].encoders[i] == e &&
                                (w->members[m].is_reference || r->wanted[m * r->n_images]));
        r->progress.n_total += used ? r->n_images : 0;
    }
}

ec_status ec_aligner_run(double *scores, ec_aligner *a, const char *const *images, size_t n_images,
                         const bool *wanted, ec_aligner_watcher see, void *context, ec_error *err) {
    if (n_images == 0) return EC_OK;
    ec_align_work *w = &a->work;
    run r = {.aligner = a,
             .scores = scores,
             .wanted = calloc(w->n_members * n_images, sizeof *r.wanted),
             .turned = calloc(n_images, sizeof *r.turned),
             .n_images = n_images,
             .wanted_candidates = wanted,
             .see = see,
             .context = context,
             .images = calloc(n_images, sizeof *r.images)};
    size_t *order = calloc(w->n_encoders + 1, sizeof *order);
    ec_status status = EC_OK;
    if (r.wanted == NULL || r.turned == NULL || r.images == NULL || order == NULL) {
        status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    } else {
        for (size_t i = 0; i < n_images * a->n_candidates * a->n_references; i++) scores[i] = NAN;
        w->paths = images;
        w->wants = is_wanted;
        w->scored = take_scores;
        w->context = w->scored_context = &r;
        count_passes(&r);
        ec_align_order(order, w);
        status = run_blocks(&r, order, err);
    }
    free(r.wanted);
    free(r.turned);
    free(r.images);
    free(order);
    return status;
}
