/* loader.c - see loader.h */
#include "features/loader.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/source.h"

enum { N_SLOTS = 2 };

struct ec_loader {
    ec_image_list images;
    size_t first, batch;
    const ec_loader_view *views;
    size_t n_views;

    ec_loaded_batch slot[N_SLOTS];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Under the mutex: batches loaded, batches handed out and given back, and whether to stop. */
    size_t n_loaded, n_taken, n_returned;
    bool stop;
};

static size_t view_floats(const ec_loader_view *view) {
    return 3 * view->width * view->height;
}

/* Reads and decodes a file; the caller releases *image, also after a failure. */
static void decode_file(ec_image *image, ec_loaded_image *out, const char *path) {
    ec_text bytes = {0};
    out->status = ec_image_read(&bytes, path, &out->error);
    if (out->status != EC_OK) return;
    ec_hash_bytes(out->hash, bytes.data, bytes.size_bytes);
    out->status = ec_image_decode(image, bytes.data, bytes.size_bytes, path, &out->error);
    ec_text_release(&bytes);
}

/* Loads image i of the list and writes its views behind those of the good images so far. */
static void load_image(const ec_loader *l, ec_loaded_batch *batch, ec_loaded_image *out, size_t i) {
    ec_image own = {0};
    const ec_image *image = &own;
    *out = (ec_loaded_image){0};
    if (l->images.decoded != NULL)
        image = l->images.decoded[i];
    else
        decode_file(&own, out, l->images.paths[i]);
    for (size_t v = 0; v < l->n_views && out->status == EC_OK; v++)
        out->status = ec_prepare(batch->input[v] + batch->n_good * view_floats(&l->views[v]), image,
                                 &l->views[v].preparation, &out->error);
    out->is_turned = image->orientation > 1;
    ec_image_release(&own);
    if (out->status == EC_OK) batch->n_good++;
}

static void *run(void *argument) {
    ec_loader *l = argument;
    for (size_t at = l->first, b = 0; at < l->images.n; at += l->batch, b++) {
        pthread_mutex_lock(&l->mutex);
        while (!l->stop && b >= l->n_returned + N_SLOTS) pthread_cond_wait(&l->changed, &l->mutex);
        const bool stop = l->stop;
        pthread_mutex_unlock(&l->mutex);
        if (stop) break;

        ec_loaded_batch *batch = &l->slot[b % N_SLOTS];
        batch->first = at;
        batch->n = l->images.n - at < l->batch ? l->images.n - at : l->batch;
        batch->n_good = 0;
        for (size_t i = 0; i < batch->n; i++) load_image(l, batch, &batch->image[i], at + i);

        pthread_mutex_lock(&l->mutex);
        l->n_loaded++;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->mutex);
    }
    return NULL;
}

static void free_slots(ec_loader *l) {
    for (size_t s = 0; s < N_SLOTS; s++) {
        for (size_t v = 0; v < l->n_views && l->slot[s].input != NULL; v++)
            free(l->slot[s].input[v]);
        free(l->slot[s].input);
        free(l->slot[s].image);
    }
}

static bool allocate_slots(ec_loader *l) {
    for (size_t s = 0; s < N_SLOTS; s++) {
        l->slot[s].image = calloc(l->batch, sizeof *l->slot[s].image);
        l->slot[s].input = calloc(l->n_views, sizeof *l->slot[s].input);
        if (l->slot[s].image == NULL || l->slot[s].input == NULL) return false;
        for (size_t v = 0; v < l->n_views; v++) {
            l->slot[s].input[v] = calloc(l->batch * view_floats(&l->views[v]), sizeof(float));
            if (l->slot[s].input[v] == NULL) return false;
        }
    }
    return true;
}

ec_status ec_loader_new(ec_loader **out, const ec_image_list *images, size_t first, size_t batch,
                        const ec_loader_view *views, size_t n_views, ec_error *err) {
    *out = NULL;
    ec_loader *l = calloc(1, sizeof *l);
    if (l == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    *l = (ec_loader){
        .images = *images, .first = first, .batch = batch, .views = views, .n_views = n_views};
    if (!allocate_slots(l)) {
        free_slots(l);
        free(l);
        return ec_fail(err, EC_ERR_NOMEM,
                       "out of memory for batches of %zu images; take a smaller batch", batch);
    }
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->changed, NULL);
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        pthread_cond_destroy(&l->changed);
        pthread_mutex_destroy(&l->mutex);
        free_slots(l);
        free(l);
        return ec_fail(err, EC_ERR_NOMEM, "cannot start a thread to load images");
    }
    *out = l;
    return EC_OK;
}

const ec_loaded_batch *ec_loader_next(ec_loader *l) {
    const size_t n_batches = (l->images.n - l->first + l->batch - 1) / l->batch;
    pthread_mutex_lock(&l->mutex);
    l->n_returned = l->n_taken; /* the batch handed out before */
    pthread_cond_broadcast(&l->changed);
    const ec_loaded_batch *batch = NULL;
    if (l->n_taken < n_batches) {
        while (l->n_loaded <= l->n_taken) pthread_cond_wait(&l->changed, &l->mutex);
        batch = &l->slot[l->n_taken++ % N_SLOTS];
    }
    pthread_mutex_unlock(&l->mutex);
    return batch;
}

void ec_loader_free(ec_loader *l) {
    if (l == NULL) return;
    pthread_mutex_lock(&l->mutex);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    pthread_join(l->thread, NULL);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
    free_slots(l);
    free(l);
}
