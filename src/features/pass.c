/* pass.c - see pass.h */
#include "features/pass.h"

#include <stdlib.h>

#include "features/extractor.h"

typedef struct {
    ec_extractor *const *extractors;
    size_t n_extractors;
    ec_pass_options options;
    ec_loader_view *views; /* [n_extractors] */
    float **features;      /* [n_extractors] -> [batch][n_tokens][n_channels] */
} pass;

static ec_status allocate(pass *p, ec_error *err) {
    p->views = calloc(p->n_extractors, sizeof *p->views);
    p->features = calloc(p->n_extractors, sizeof *p->features);
    bool complete = p->views != NULL && p->features != NULL;
    for (size_t i = 0; i < p->n_extractors && complete; i++) {
        const ec_extractor_info info = ec_extractor_describe(p->extractors[i]);
        p->views[i] = (ec_loader_view){*ec_extractor_preparation(p->extractors[i]),
                                       info.input_width, info.input_height};
        p->features[i] =
            calloc(p->options.batch, info.n_tokens * info.n_channels * sizeof **p->features);
        complete = p->features[i] != NULL;
    }
    return complete ? EC_OK
                    : ec_fail(err, EC_ERR_NOMEM,
                              "out of memory for batches of %zu images; take a smaller batch",
                              p->options.batch);
}

static void release(pass *p) {
    for (size_t i = 0; i < p->n_extractors && p->features != NULL; i++) free(p->features[i]);
    free(p->features);
    free(p->views);
}

static ec_status refuse_bad(const ec_loaded_batch *batch, ec_error *err) {
    for (size_t i = 0; i < batch->n; i++)
        if (batch->image[i].status != EC_OK)
            return ec_fail(err, batch->image[i].status, "%s", batch->image[i].error.message);
    return EC_OK;
}

static ec_status compute(pass *p, const ec_loaded_batch *batch, ec_error *err) {
    for (size_t i = 0; i < p->n_extractors && batch->n_good > 0; i++) {
        const ec_status status = ec_extractor_forward(p->features[i], p->extractors[i],
                                                      batch->input[i], batch->n_good, err);
        if (status != EC_OK)
            return p->options.name != NULL ? ec_error_prefix(err, status, "%s", p->options.name)
                                           : status;
    }
    return EC_OK;
}

static ec_status run_batches(pass *p, const ec_image_list *images,
                             const ec_pass_consumer *consumers, size_t n_consumers, ec_error *err) {
    ec_loader *loader;
    const ec_loaded_batch *batch;
    ec_status status = ec_loader_new(&loader, images, p->options.first, p->options.batch, p->views,
                                     p->n_extractors, err);
    while (status == EC_OK && (batch = ec_loader_next(loader)) != NULL) {
        const ec_pass_batch out = {.first = batch->first,
                                   .n = batch->n,
                                   .image = batch->image,
                                   .n_good = batch->n_good,
                                   .features = (const float *const *)p->features};
        if (!p->options.skip_bad) status = refuse_bad(batch, err);
        if (status == EC_OK) status = compute(p, batch, err);
        for (size_t i = 0; i < n_consumers && status == EC_OK; i++)
            status = consumers[i].take(consumers[i].context, &out, err);
    }
    ec_loader_free(loader);
    return status;
}

ec_status ec_pass_run(ec_extractor *const *extractors, size_t n_extractors,
                      const ec_image_list *images, const ec_pass_options *options,
                      const ec_pass_consumer *consumers, size_t n_consumers, ec_error *err) {
    pass p = {.extractors = extractors, .n_extractors = n_extractors};
    if (options != NULL) p.options = *options;
    if (p.options.batch == 0) p.options.batch = EC_PASS_BATCH;
    if (p.options.first >= images->n) return EC_OK;
    if (p.options.batch > images->n - p.options.first)
        p.options.batch = images->n - p.options.first;
    ec_status status = allocate(&p, err);
    if (status == EC_OK) status = run_batches(&p, images, consumers, n_consumers, err);
    release(&p);
    return status;
}
