/* align_work.c - see align_work.h */
#include "scores/align_work.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"

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

/* ---- encoders ---- */

void ec_align_close_encoder(ec_align_work *w) {
    ec_extractor_close(w->open);
    w->open = NULL;
}

ec_status ec_align_open_encoder(ec_extractor **out, ec_align_work *w, size_t encoder,
                                ec_error *err) {
    ec_status status = EC_OK;
    if (w->open == NULL || w->is_open != encoder) {
        ec_align_close_encoder(w);
        status = ec_extractor_open(&w->open, &w->encoders[encoder].source, &w->options, err);
        w->is_open = encoder;
    }
    *out = w->open;
    return status;
}

static bool has_encoder(const ec_align_part *m, size_t encoder) {
    for (size_t i = 0; i < m->n_encoders; i++)
        if (m->encoders[i] == encoder) return true;
    return false;
}

static bool is_of_reference(const ec_align_work *w, size_t encoder) {
    for (size_t r = 0; r < w->n_references; r++)
        if (has_encoder(&w->members[w->references[r]], encoder)) return true;
    return false;
}

void ec_align_order(size_t *encoders, const ec_align_work *w) {
    size_t n = 0;
    for (int others = 0; others < 2; others++)
        for (size_t e = 0; e < w->n_encoders; e++)
            if (is_of_reference(w, e) == (others == 0)) encoders[n++] = e;
}

/* ---- what is there, and what is to do ---- */

static bool has_rows(const ec_align_work *w, size_t member, size_t image) {
    return w->keep.has(w->keep.self, EC_KEPT_ROWS, member, image);
}

static bool has_features(const ec_align_work *w, size_t encoder, size_t image) {
    return w->keep.has(w->keep.self, EC_KEPT_FEATURES, encoder, image);
}

static bool has_references(const ec_align_work *w, size_t image) {
    for (size_t r = 0; r < w->n_references; r++)
        if (!has_rows(w, w->references[r], image)) return false;
    return true;
}

static bool has_all_features(const ec_align_work *w, size_t member, size_t image) {
    const ec_align_part *m = &w->members[member];
    for (size_t i = 0; i < m->n_encoders; i++)
        if (!has_features(w, m->encoders[i], image)) return false;
    return true;
}

static bool wants(const ec_align_work *w, size_t member, size_t image) {
    return w->wants(w->context, member, image);
}

static bool is_wanted(const ec_align_work *w, size_t image) {
    for (size_t m = 0; m < w->n_members; m++)
        if (wants(w, m, image)) return true;
    return false;
}

/* Is the member still needed, as a candidate or as the reference of one? */
static bool is_needed(const ec_align_work *w, size_t member, size_t image) {
    return wants(w, member, image) || (w->members[member].is_reference && is_wanted(w, image));
}

static bool lacks_rows(const ec_align_work *w, size_t member, size_t image) {
    return is_needed(w, member, image) && !has_rows(w, member, image);
}

static bool is_alone(const ec_align_work *w, size_t member) {
    return w->members[member].n_encoders == 1;
}

/* Does a member that has the encoder beside others still need its features? */
static bool lacks_features(const ec_align_work *w, size_t encoder, size_t image) {
    for (size_t m = 0; m < w->n_members; m++)
        if (!is_alone(w, m) && has_encoder(&w->members[m], encoder) && lacks_rows(w, m, image))
            return !has_features(w, encoder, image);
    return false;
}

bool ec_align_needs_pass(const ec_align_work *w, size_t encoder, size_t image) {
    for (size_t m = 0; m < w->n_members; m++)
        if (is_alone(w, m) && has_encoder(&w->members[m], encoder) && lacks_rows(w, m, image))
            return true;
    return lacks_features(w, encoder, image);
}

bool ec_align_pass_is_ready(const ec_align_work *w, size_t encoder, size_t image) {
    if (is_of_reference(w, encoder) || has_references(w, image)) return true;
    for (size_t m = 0; m < w->n_members; m++)
        if (is_alone(w, m) && has_encoder(&w->members[m], encoder) && wants(w, m, image))
            return false;
    return true;
}

bool ec_align_needs_join(const ec_align_work *w, size_t member, size_t image) {
    if (!is_needed(w, member, image)) return false;
    return has_rows(w, member, image) ? wants(w, member, image) : !is_alone(w, member);
}

bool ec_align_join_is_ready(const ec_align_work *w, size_t member, size_t image) {
    if (!has_rows(w, member, image) && !has_all_features(w, member, image)) return false;
    if (has_references(w, image)) return true;
    return w->members[member].is_reference && !has_rows(w, member, image);
}

/* ---- rows ---- */

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

static ec_status normalise(const ec_align_work *w, const ec_align_part *m, float *rows,
                           const size_t *images, size_t n_images, ec_error *err) {
    normalising n = {rows, m->n_tokens, m->width, w->bf16_compat, malloc(n_images * sizeof *n.err)};
    if (n.err == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_parallel_for(n_images, ec_ctx_threads(w->options.ctx), normalise_image, &n);
    ec_status status = EC_OK;
    for (size_t i = 0; i < n_images && status == EC_OK; i++) {
        if ((status = n.err[i].status) == EC_OK) continue;
        ec_fail(err, status, "%s: %s", w->paths[images[i]], n.err[i].message);
    }
    free(n.err);
    return status;
}

/* Features [n_images][n_tokens][n_channels] of a member -> *out [n_images][n_tokens][width], rows
 * of length 1. The caller frees *out, also after a failure. */
static ec_status embed(float **out, const ec_align_work *w, const ec_align_part *m,
                       ec_connector *connector, const float *features, const size_t *images,
                       size_t n_images, ec_error *err) {
    *out = new_floats(n_images, m->n_tokens, m->width, err);
    if (*out == NULL) return EC_ERR_NOMEM;
    const ec_status status =
        ec_connector_forward(*out, connector, features, n_images * m->n_tokens, err);
    return status == EC_OK ? normalise(w, m, *out, images, n_images, err) : status;
}

/* Largest cosines to each reference. *done is false where a reference's rows are not there (any
 * more). */
static ec_status compare(bool *done, ec_align_work *w, size_t member, size_t image,
                         const float *rows, ec_error *err) {
    const ec_align_part *m = &w->members[member];
    double *scores = calloc(w->n_references, sizeof *scores);
    ec_status status = scores != NULL ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
    *done = true;
    for (size_t r = 0; r < w->n_references && *done && status == EC_OK; r++) {
        const size_t n_reference = w->members[w->references[r]].n_tokens;
        const float *reference;
        status = w->keep.get(&reference, w->keep.self, EC_KEPT_ROWS, w->references[r], image,
                             n_reference * m->width, err);
        *done = status == EC_OK && reference != NULL;
        if (!*done) break;
        status = ec_alignment_max_cosine(&scores[r], w->options.ctx, rows, m->n_tokens, reference,
                                         n_reference, m->width, w->bf16_compat, err);
        w->keep.give_back(w->keep.self, reference);
    }
    if (status == EC_OK && *done) status = w->scored(w->scored_context, member, image, scores, err);
    free(scores);
    return status;
}

static ec_status keep_rows(const ec_align_work *w, size_t member, size_t image, const float *rows,
                           ec_error *err) {
    const ec_align_part *m = &w->members[member];
    return w->keep.put(w->keep.self, EC_KEPT_ROWS, member, image, rows, m->n_tokens * m->width,
                       err);
}

/* Rows of an image that were not kept yet: a reference's are kept; a candidate's are compared, or
 * kept until all references' are there. */
static ec_status use_rows(ec_align_work *w, size_t member, size_t image, const float *rows,
                          ec_error *err) {
    const bool is_reference = w->members[member].is_reference;
    bool done = !wants(w, member, image);
    ec_status status = is_reference ? keep_rows(w, member, image, rows, err) : EC_OK;
    if (status == EC_OK && !done && has_references(w, image))
        status = compare(&done, w, member, image, rows, err);
    if (status == EC_OK && !done && !is_reference) status = keep_rows(w, member, image, rows, err);
    return status;
}

/* ---- a pass ---- */

typedef struct {
    ec_align_work *work;
    size_t encoder;
    const size_t *images;
    ec_connector **connectors; /* [n_members]; NULL: not needed */
} passing;

/* Features [n] of images that lack the rows of a member. */
static ec_status embed_run(passing *p, size_t member, const float *features, const size_t *images,
                           size_t n, ec_error *err) {
    ec_align_work *w = p->work;
    const ec_align_part *m = &w->members[member];
    float *rows;
    ec_status status = embed(&rows, w, m, p->connectors[member], features, images, n, err);
    for (size_t i = 0; i < n && status == EC_OK; i++)
        status = use_rows(w, member, images[i], rows + i * m->n_tokens * m->width, err);
    free(rows);
    return status == EC_OK ? EC_OK : ec_error_prefix(err, status, "%s", m->name);
}

/* The images of the batch that lack a member's rows, as many together as stand together: a
 * connector is faster on many tokens. */
static ec_status embed_member(passing *p, size_t member, const ec_pass_batch *batch,
                              ec_error *err) {
    const ec_align_part *m = &p->work->members[member];
    const size_t *images = p->images + batch->first, image_floats = m->n_tokens * m->n_channels;
    ec_status status = EC_OK;
    for (size_t from = 0, to; from < batch->n && status == EC_OK; from = to) {
        const bool lacks = lacks_rows(p->work, member, images[from]);
        for (to = from + 1; to < batch->n; to++)
            if (lacks_rows(p->work, member, images[to]) != lacks) break;
        if (lacks)
            status = embed_run(p, member, batch->features[0] + from * image_floats, images + from,
                               to - from, err);
    }
    return status;
}

static ec_status keep_features(passing *p, const ec_pass_batch *batch, ec_error *err) {
    const ec_align_work *w = p->work;
    const ec_extractor_info *info = &w->encoders[p->encoder].info;
    const size_t n = info->n_tokens * info->n_channels;
    ec_status status = EC_OK;
    for (size_t i = 0; i < batch->n && status == EC_OK; i++) {
        const size_t image = p->images[batch->first + i];
        if (lacks_features(w, p->encoder, image))
            status = w->keep.put(w->keep.self, EC_KEPT_FEATURES, p->encoder, image,
                                 batch->features[0] + i * n, n, err);
    }
    return status;
}

static ec_status take_batch(void *context, const ec_pass_batch *batch, ec_error *err) {
    passing *p = context;
    ec_align_work *w = p->work;
    ec_status status = EC_OK;
    for (int candidates = 0; candidates < 2; candidates++)
        for (size_t m = 0; m < w->n_members && status == EC_OK; m++)
            if (p->connectors[m] != NULL && w->members[m].is_reference == (candidates == 0))
                status = embed_member(p, m, batch, err);
    return status == EC_OK ? keep_features(p, batch, err) : status;
}

static ec_status open_connector(ec_connector **out, const ec_align_work *w, size_t member,
                                ec_error *err) {
    const ec_align_part *m = &w->members[member];
    const ec_status status = ec_connector_open(out, m->connector, w->options.ctx, err);
    return status == EC_OK ? EC_OK : ec_error_prefix(err, status, "%s", m->name);
}

/* Those of the members that are this encoder alone and lack rows of an image. */
static ec_status open_connectors(passing *p, size_t n_images, ec_error *err) {
    const ec_align_work *w = p->work;
    ec_status status = EC_OK;
    for (size_t m = 0; m < w->n_members && status == EC_OK; m++) {
        bool needed = false;
        for (size_t i = 0; i < n_images && !needed; i++)
            needed = is_alone(w, m) && has_encoder(&w->members[m], p->encoder) &&
                     lacks_rows(w, m, p->images[i]);
        if (needed) status = open_connector(&p->connectors[m], w, m, err);
    }
    return status;
}

ec_status ec_align_pass(ec_align_work *w, size_t encoder, const size_t *images, size_t n,
                        const ec_pass_consumer *before, const ec_pass_consumer *after,
                        ec_error *err) {
    passing p = {.work = w, .encoder = encoder, .images = images};
    const char **paths = calloc(n + 1, sizeof *paths);
    p.connectors = calloc(w->n_members + 1, sizeof *p.connectors);
    ec_extractor *extractor;
    ec_status status = paths != NULL && p.connectors != NULL
                           ? ec_align_open_encoder(&extractor, w, encoder, err)
                           : ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (status == EC_OK) status = open_connectors(&p, n, err);
    if (status == EC_OK) {
        ec_pass_consumer consumers[3];
        size_t n_consumers = 0;
        if (before != NULL) consumers[n_consumers++] = *before;
        consumers[n_consumers++] = (ec_pass_consumer){take_batch, &p};
        if (after != NULL) consumers[n_consumers++] = *after;
        for (size_t i = 0; i < n; i++) paths[i] = w->paths[images[i]];
        const ec_image_list list = {.paths = paths, .n = n};
        const ec_pass_options options = {.batch = w->batch};
        status = ec_pass_run(&extractor, 1, &list, &options, consumers, n_consumers, err);
    }
    for (size_t m = 0; m < w->n_members && p.connectors != NULL; m++)
        ec_connector_close(p.connectors[m]);
    free(p.connectors);
    free(paths);
    return status;
}

/* ---- a join ---- */

/* Columns [at, at + channels) of the rows of `out`. */
static void put_beside(float *out, size_t n_rows, size_t width, size_t at, const float *in,
                       size_t channels) {
    for (size_t i = 0; i < n_rows; i++)
        memcpy(out + i * width + at, in + i * channels, channels * sizeof *out);
}

/* Kept features of an image side by side: out [n_tokens][n_channels]. *there is false where one is
 * gone. */
static ec_status gather_features(float *out, bool *there, const ec_align_work *w,
                                 const ec_align_part *m, size_t image, ec_error *err) {
    ec_status status = EC_OK;
    *there = true;
    for (size_t i = 0, at = 0; i < m->n_encoders && status == EC_OK && *there; i++) {
        const size_t channels = w->encoders[m->encoders[i]].info.n_channels;
        const float *features;
        status = w->keep.get(&features, w->keep.self, EC_KEPT_FEATURES, m->encoders[i], image,
                             m->n_tokens * channels, err);
        *there = status == EC_OK && features != NULL;
        if (!*there) break;
        put_beside(out, m->n_tokens, m->n_channels, at, features, channels);
        at += channels;
        w->keep.give_back(w->keep.self, features);
    }
    return status;
}

/* Rows that were kept until the references' were there. */
static ec_status compare_kept(ec_align_work *w, size_t member, size_t image, ec_error *err) {
    const ec_align_part *m = &w->members[member];
    const float *rows;
    bool done;
    ec_status status =
        w->keep.get(&rows, w->keep.self, EC_KEPT_ROWS, member, image, m->n_tokens * m->width, err);
    if (status != EC_OK || rows == NULL) return status;
    status = compare(&done, w, member, image, rows, err);
    w->keep.give_back(w->keep.self, rows);
    return status;
}

/* Joins n images that lack rows, at most a batch: features [n][n_tokens][n_channels] is room. */
static ec_status join_batch(ec_align_work *w, size_t member, ec_connector *connector,
                            float *features, const size_t *images, size_t n, ec_error *err) {
    const ec_align_part *m = &w->members[member];
    float *rows = NULL;
    bool there = true;
    ec_status status = EC_OK;
    for (size_t i = 0; i < n && status == EC_OK && there; i++)
        status = gather_features(features + i * m->n_tokens * m->n_channels, &there, w, m,
                                 images[i], err);
    if (status != EC_OK || !there) return status;
    status = embed(&rows, w, m, connector, features, images, n, err);
    for (size_t i = 0; i < n && status == EC_OK; i++)
        status = use_rows(w, member, images[i], rows + i * m->n_tokens * m->width, err);
    free(rows);
    return status;
}

static ec_status join_all(ec_align_work *w, size_t member, const size_t *images, size_t n,
                          ec_error *err) {
    const ec_align_part *m = &w->members[member];
    const size_t most = w->batch > 0 ? w->batch : EC_PASS_BATCH;
    ec_connector *connector = NULL;
    float *features =
        n > 0 ? new_floats(n < most ? n : most, m->n_tokens, m->n_channels, err) : NULL;
    ec_status status = n == 0 ? EC_OK : features == NULL ? EC_ERR_NOMEM : EC_OK;
    if (status == EC_OK && n > 0) status = open_connector(&connector, w, member, err);
    for (size_t from = 0; from < n && status == EC_OK; from += most)
        status = join_batch(w, member, connector, features, images + from,
                            n - from < most ? n - from : most, err);
    ec_connector_close(connector);
    free(features);
    return status;
}

ec_status ec_align_join(ec_align_work *w, size_t member, const size_t *images, size_t n,
                        ec_error *err) {
    size_t *lacking = calloc(n + 1, sizeof *lacking), n_lacking = 0;
    ec_status status = lacking != NULL ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n && status == EC_OK; i++)
        if (has_rows(w, member, images[i]))
            status = compare_kept(w, member, images[i], err);
        else
            lacking[n_lacking++] = images[i];
    if (status == EC_OK) status = join_all(w, member, lacking, n_lacking, err);
    free(lacking);
    return status == EC_OK ? EC_OK : ec_error_prefix(err, status, "%s", w->members[member].name);
}

/* ---- how much is kept ---- */

double ec_align_kept_bytes(const ec_align_work *w) {
    double floats = 0.0;
    for (size_t m = 0; m < w->n_members; m++) {
        const ec_align_part *p = &w->members[m];
        if (p->is_reference || (is_alone(w, m) && is_of_reference(w, p->encoders[0])))
            floats += (double)p->n_tokens * (double)p->width;
    }
    for (size_t e = 0; e < w->n_encoders; e++) {
        bool is_joined = false;
        for (size_t m = 0; m < w->n_members; m++)
            is_joined = is_joined || (!is_alone(w, m) && has_encoder(&w->members[m], e));
        if (is_joined)
            floats += (double)w->encoders[e].info.n_tokens * (double)w->encoders[e].info.n_channels;
    }
    return floats * sizeof(float);
}

size_t ec_align_block(const ec_align_work *w, size_t unit) {
    const double bytes = ec_align_kept_bytes(w) * (double)unit;
    const size_t most = w->kept_bytes > 0 ? w->kept_bytes : EC_ALIGN_KEPT_BYTES;
    const size_t units = bytes > 0.0 ? (size_t)((double)most / bytes) : 1;
    return unit * (units > 0 ? units : 1);
}
