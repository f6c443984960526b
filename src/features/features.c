/* features.c - see eyechart/features.h
 *
 *     files -> one pass of all encoders together (pass.h) -> rows -> disk
 *
 * A run is described by a fingerprint: everything that decides its numbers, and the images. What is
 * done stands in a journal (journal.h), from which a killed run goes on. A run that fails before it
 * has a batch leaves nothing behind.
 */
#include "eyechart/features.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/text.h"
#include "features/extractor.h"
#include "features/journal.h"
#include "features/pass.h"

enum { MAX_BATCH = 65536 };

typedef struct {
    const char *out;
    const ec_feature_source *sources;
    const char *const *images;
    const ec_features_options *options;
    size_t n_towers, n_images, batch;

    ec_extractor **tower; /* [n_towers] */
    size_t n_tokens, n_channels, grid_width, grid_height;

    json_t *inputs; /* everything that decides the numbers */
    ec_journal journal;
    char *lock_path;
    int lock;

    size_t n_turned;
    const char *turned;      /* the first of them */
    ec_array_writer *writer; /* NULL with file_per_image */
    float *rows;             /* [batch][n_tokens][n_channels] */

    ec_features_watcher see; /* NULL: nobody watches */
    void *context;           /* of see */
    ec_features_progress progress;
    ec_tap tap; /* of all of them */
    size_t n_resumed;
    double started; /* seconds of the clock */
} job;

/* ---- encoders ---- */

static ec_status open_towers(job *j, ec_error *err) {
    ec_extractor_info first = {.n_tokens = 0};
    for (size_t i = 0; i < j->n_towers; i++) {
        const ec_tap tap = ec_feature_source_tap(&j->sources[i]);
        if (i == 0) j->tap = tap;
        if (!ec_tap_same(tap, j->tap))
            return ec_fail(err, EC_ERR_ARG,
                           "%s is tapped at layer %d and %s at layer %d, or of other tokens; "
                           "features that are joined have one layer and the same tokens",
                           j->sources[0].folder, j->tap.layer, j->sources[i].folder, tap.layer);
        ec_status status =
            ec_extractor_open(&j->tower[i], &j->sources[i], &j->options->encoder, err);
        if (status != EC_OK) return status;
        const ec_extractor_info info = ec_extractor_describe(j->tower[i]);
        if (i == 0) first = info;
        status = ec_extractor_check_beside(j->sources[0].folder, &first, j->sources[i].folder,
                                           &info, err);
        if (status != EC_OK) return status;
        j->n_channels += info.n_channels;
    }
    j->n_tokens = first.n_tokens;
    j->grid_width = first.grid_width;
    j->grid_height = first.grid_height;
    return EC_OK;
}

/* ---- fingerprint and manifest ---- */

static bool hash_json(char out[EC_HASH_SIZE], const json_t *json) {
    char *text = json != NULL ? json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    if (text != NULL) ec_hash_bytes(out, text, strlen(text));
    free(text);
    return text != NULL;
}

static ec_status describe_inputs(job *j, ec_error *err) {
    json_t *encoders = json_array(), *images = json_array();
    /* Names that are not UTF-8 have no JSON: left out, two runs would look the same. */
    bool complete = true;
    for (size_t i = 0; i < j->n_towers; i++) {
        json_t *encoder;
        const ec_status status = ec_extractor_json(&encoder, j->tower[i], err);
        if (status != EC_OK) {
            json_decref(encoders);
            json_decref(images);
            return status;
        }
        if (json_object_set_new(encoder, "folder", json_string(j->sources[i].folder)) != 0 ||
            json_array_append_new(encoders, encoder) != 0)
            complete = false;
    }
    for (size_t i = 0; i < j->n_images; i++)
        if (json_array_append_new(images, json_string(j->images[i])) != 0) complete = false;
    j->inputs =
        json_pack("{s:s, s:o, s:i, s:b, s:[I,I], s:I, s:I, s:s, s:s, s:b, s:I, s:o}", "eyechart",
                  ec_version(), "encoders", encoders, "layer", j->tap.layer, "class_token",
                  j->tap.keep_class_token, "grid", (json_int_t)j->grid_height,
                  (json_int_t)j->grid_width, "tokens", (json_int_t)j->n_tokens, "channels",
                  (json_int_t)j->n_channels, "dtype", ec_dtype_name(j->options->dtype), "format",
                  j->options->format == EC_ARRAY_NPY ? "npy" : "safetensors", "file_per_image",
                  j->options->file_per_image, "batch", (json_int_t)j->batch, "images", images);
    json_t *settings = json_copy(j->inputs);
    json_object_del(settings, "images");
    const bool hashed = complete && hash_json(j->journal.fingerprint, j->inputs) &&
                        hash_json(j->journal.settings, settings);
    json_decref(settings);
    return hashed ? EC_OK
                  : ec_fail(err, EC_ERR_ARG,
                            "the name of an image or encoder is not valid UTF-8, which the "
                            "manifest needs; rename it (or memory is short)");
}

/* The manifest: the inputs, and for every image its hash and where its features are. */
static ec_status write_manifest(const job *j, ec_error *err) {
    json_t *manifest = json_deep_copy(j->inputs), *images = json_array();
    size_t row = 0;
    for (size_t i = 0; i < j->n_images; i++) {
        json_t *image =
            json_pack("{s:s, s:s}", "path", j->images[i], "xxh3", j->journal.record[i].hash);
        json_object_set_new(
            image, "row", j->journal.record[i].bad ? json_null() : json_integer((json_int_t)row++));
        json_array_append_new(images, image);
    }
    json_object_set_new(manifest, "images", images);
    json_object_set_new(manifest, "rows", json_integer((json_int_t)row));
    json_object_set_new(manifest, "fingerprint", json_string(j->journal.fingerprint));
    char *text = json_dumps(manifest, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(manifest);
    if (text == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for the manifest");
    const ec_status status = ec_file_write(j->journal.manifest_path, text, strlen(text), err);
    free(text);
    return status;
}

/* ---- rows ---- */

/* One file of one image, complete or not there. */
static ec_status write_file(const job *j, size_t image, const float *row, ec_error *err) {
    ec_text path = {0}, temporary = {0};
    ec_journal_row_file(&path, &j->journal, image);
    ec_text_format(&temporary, "%s.tmp", path.failed ? "" : path.data);
    ec_array_writer *writer = NULL;
    ec_status status =
        path.failed || temporary.failed
            ? ec_fail(err, EC_ERR_NOMEM, "out of memory")
            : ec_array_writer_open(&writer, temporary.data, j->options->format, "features",
                                   j->options->dtype, &j->n_channels, 1, 0, err);
    for (size_t t = 0; t < j->n_tokens && status == EC_OK; t++)
        status = ec_array_writer_add(writer, row + t * j->n_channels, err);
    if (status == EC_OK) status = ec_array_writer_finish(writer, err);
    ec_array_writer_close(writer);
    if (status == EC_OK && rename(temporary.data, path.data) != 0)
        status = ec_fail(err, EC_ERR_IO, "%s: cannot rename: %s", path.data, strerror(errno));
    ec_text_release(&path);
    ec_text_release(&temporary);
    return status;
}

/* j->rows of the good images of a batch: the encoders side by side on the channel axis. */
static void put_side_by_side(job *j, const ec_pass_batch *batch) {
    size_t channel = 0;
    for (size_t i = 0; i < j->n_towers; i++) {
        const size_t channels = ec_extractor_describe(j->tower[i]).n_channels;
        for (size_t token = 0; token < batch->n_good * j->n_tokens; token++)
            memcpy(j->rows + token * j->n_channels + channel, batch->features[i] + token * channels,
                   channels * sizeof *j->rows);
        channel += channels;
    }
}

static ec_status write_rows(job *j, const ec_pass_batch *batch, ec_error *err) {
    const size_t row_floats = j->n_tokens * j->n_channels;
    ec_status status = EC_OK;
    size_t good = 0;
    put_side_by_side(j, batch);
    for (size_t i = 0; i < batch->n && status == EC_OK; i++) {
        if (batch->image[i].status != EC_OK) continue;
        const float *row = j->rows + good++ * row_floats;
        status = j->options->file_per_image ? write_file(j, batch->first + i, row, err)
                                            : ec_array_writer_add(j->writer, row, err);
    }
    if (status == EC_OK && j->writer != NULL) status = ec_array_writer_sync(j->writer, err);
    return status;
}

/* ---- the pass ---- */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void count_progress(job *j) {
    const size_t n_done = j->journal.n_recorded;
    const double seconds = now_s() - j->started,
                 rate = seconds > 0 ? (double)(n_done - j->n_resumed) / seconds : 0;
    j->progress = (ec_features_progress){
        .n_done = n_done,
        .n_total = j->n_images,
        .n_resumed = j->n_resumed,
        .n_bad = j->journal.n_bad,
        .n_turned = j->n_turned,
        .turned = j->turned,
        .images_per_s = rate > 0 ? rate : NAN,
        .seconds_left = rate > 0 ? (double)(j->n_images - n_done) / rate : NAN};
}

static bool tell(job *j, const char *bad) {
    return j->see == NULL || j->see(j->context, &j->progress, bad);
}

/* Records a batch of images; false: the watcher was told of a bad one and says stop. */
static bool record_images(job *j, const ec_pass_batch *batch) {
    bool go_on = true;
    for (size_t i = 0; i < batch->n; i++) {
        const ec_loaded_image *image = &batch->image[i];
        ec_journal_record *r = &j->journal.record[batch->first + i];
        memcpy(r->hash, image->hash, sizeof r->hash);
        r->bad = image->status != EC_OK;
        if (image->is_turned && j->n_turned++ == 0) j->turned = j->images[batch->first + i];
        if (r->bad && !tell(j, image->error.message)) go_on = false;
    }
    return go_on;
}

/* The consumer of the pass: rows on the disk, then in the journal. A watcher that says stop does so
 * after the batch. */
static ec_status take_batch(void *context, const ec_pass_batch *batch, ec_error *err) {
    job *j = context;
    bool go_on = record_images(j, batch);
    ec_status status = write_rows(j, batch, err);
    if (status == EC_OK) status = ec_journal_append(&j->journal, batch->first, batch->n, err);
    if (status != EC_OK) return status;
    j->journal.n_recorded += batch->n;
    j->journal.n_bad += batch->n - batch->n_good;
    count_progress(j);
    go_on = tell(j, NULL) && go_on;
    if (go_on || j->journal.n_recorded == j->n_images) return EC_OK;
    return ec_fail(err, EC_ERR_INTERRUPTED,
                   "stopped after %zu of %zu images; the same command continues",
                   j->journal.n_recorded, j->n_images);
}

static ec_status run_pass(job *j, ec_error *err) {
    const ec_image_list images = {.paths = j->images, .n = j->n_images};
    const ec_pass_options options = {
        .batch = j->batch, .first = j->journal.n_recorded, .skip_bad = j->options->skip_bad};
    const ec_pass_consumer consumer = {take_batch, j};
    j->rows = calloc(j->batch * j->n_tokens * j->n_channels, sizeof *j->rows);
    if (j->rows == NULL)
        return ec_fail(err, EC_ERR_NOMEM,
                       "out of memory for batches of %zu images; take a smaller batch", j->batch);
    return ec_pass_run(j->tower, j->n_towers, &images, &options, &consumer, 1, err);
}

/* ---- the whole ---- */

static ec_status open_output(job *j, ec_error *err) {
    if (j->options->file_per_image) return EC_OK;
    const ec_status status = ec_array_writer_open(
        &j->writer, j->out, j->options->format, "features", j->options->dtype,
        (size_t[]){j->n_tokens, j->n_channels}, 2, j->journal.n_recorded - j->journal.n_bad, err);
    /* Removing the array, as the writer advises, would leave the journal. */
    return status == EC_ERR_FORMAT
               ? ec_journal_refuse("lacks rows that its journal lists as written", j->out, err)
               : status;
}

/* The output's lock and journal; the folder of file_per_image is made. */
static ec_status name_files(job *j, ec_error *err) {
    ec_text lock = {0};
    const bool folder = j->options->file_per_image;
    if (folder && mkdir(j->out, 0777) != 0 && errno != EEXIST)
        return ec_fail(err, EC_ERR_IO, "%s: cannot make the folder: %s", j->out, strerror(errno));
    ec_text_format(&lock, "%s%s", j->out, folder ? "/lock" : ".lock");
    j->lock_path = lock.data; /* the job owns it now */
    if (lock.failed) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    j->journal.out = j->out;
    j->journal.images = j->images;
    j->journal.n_images = j->n_images;
    j->journal.batch = j->batch;
    j->journal.file_per_image = folder;
    j->journal.format = j->options->format;
    j->journal.row_bytes = j->n_tokens * j->n_channels * ec_dtype_size(j->options->dtype);
    return ec_journal_init(&j->journal, err);
}

static ec_status lock_output(job *j, ec_error *err) {
    const ec_status status = ec_lock_take(&j->lock, j->lock_path, err);
    return status == EC_ERR_EXISTS
               ? ec_fail(err, status,
                         "%s: another run is writing it; wait for its end, or choose another "
                         "output (for several runs at once, give each a part of the images)",
                         j->out)
               : status;
}

/* After a run that failed before it had a batch: nothing of it is worth continuing. The journal
 * goes last, since it says whose the array is. */
static void leave_nothing(const job *j) {
    struct stat info;
    if (j->writer != NULL && stat(j->out, &info) == 0 && S_ISREG(info.st_mode)) unlink(j->out);
    unlink(j->journal.path);
}

/* From the first batch that is missing to the finished output. */
static ec_status compute_rest(job *j, ec_error *err) {
    ec_journal *journal = &j->journal;
    /* The journal first: an output without one would be taken for somebody else's after a kill. */
    ec_status status = ec_journal_start(journal, err);
    if (status != EC_OK) return status;
    if (unlink(journal->manifest_path) != 0 && errno != ENOENT) /* of what is now computed anew */
        return ec_fail(err, EC_ERR_IO, "%s: cannot remove: %s", journal->manifest_path,
                       strerror(errno));
    if ((status = open_output(j, err)) != EC_OK) return status;
    j->n_resumed = journal->n_recorded;
    j->started = now_s();
    status = run_pass(j, err);
    if (status == EC_OK && j->writer != NULL) status = ec_array_writer_finish(j->writer, err);
    if (status == EC_OK) status = write_manifest(j, err);
    if (status == EC_OK && unlink(journal->path) != 0)
        status = ec_fail(err, EC_ERR_IO, "%s: cannot remove: %s", journal->path, strerror(errno));
    if (status != EC_OK && journal->n_recorded == 0) leave_nothing(j);
    return status;
}

static ec_status run_job(job *j, ec_error *err) {
    bool finished = false;
    ec_status status = open_towers(j, err);
    if (status == EC_OK) status = describe_inputs(j, err);
    if (status == EC_OK) status = name_files(j, err);
    if (status == EC_OK) status = lock_output(j, err);
    if (status == EC_OK && !j->options->restart)
        status = ec_journal_take_up(&j->journal, &finished, err);
    if (status != EC_OK) return status;
    j->n_resumed = j->journal.n_recorded;
    j->started = now_s();
    count_progress(j);
    if (finished) return EC_OK;
    if (j->options->restart && j->options->file_per_image)
        status = ec_journal_remove_rows(&j->journal, err);
    return status == EC_OK ? compute_rest(j, err) : status;
}

ec_status ec_features_write(const char *out, const ec_feature_source *sources, size_t n_sources,
                            const char *const *images, size_t n_images,
                            const ec_features_options *options, ec_features_watcher see,
                            void *context, ec_features_progress *final, ec_error *err) {
    if (n_sources == 0) return ec_fail(err, EC_ERR_ARG, "no encoder given");
    if (n_images == 0) return ec_fail(err, EC_ERR_ARG, "no images given");
    if (options->batch > MAX_BATCH)
        return ec_fail(err, EC_ERR_ARG, "a batch of %zu images; expected at most %d",
                       options->batch, MAX_BATCH);
    job j = {.out = out,
             .sources = sources,
             .images = images,
             .options = options,
             .n_towers = n_sources,
             .n_images = n_images,
             .batch = options->batch > 0 ? options->batch : EC_PASS_BATCH,
             .lock = -1,
             .tower = calloc(n_sources, sizeof *j.tower),
             .see = see,
             .context = context,
             .progress = {.n_total = n_images, .images_per_s = NAN, .seconds_left = NAN}};
    const ec_status status =
        j.tower == NULL ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : run_job(&j, err);
    if (final != NULL) *final = j.progress;

    ec_array_writer_close(j.writer);
    ec_journal_release(&j.journal);
    ec_lock_release(j.lock, j.lock_path);
    for (size_t i = 0; i < n_sources && j.tower != NULL; i++) ec_extractor_close(j.tower[i]);
    json_decref(j.inputs);
    free(j.tower);
    free(j.rows);
    free(j.lock_path);
    return status;
}
