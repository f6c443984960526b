/* features.c - see eyechart/features.h
 *
 *     files -> loader thread (decode, prepare) -> encoders -> rows -> disk
 *
 * A run is described by a fingerprint: everything that decides its numbers, and the images. The
 * journal beside an unfinished output starts with that of everything but the images and then has
 * one line an image, "<hash> ok" or "<hash> bad", written a batch at a time once the batch's rows
 * are on the disk. A run continues at a batch boundary, so that it computes in the same batches as
 * an undisturbed one and ends with the same bytes; and it continues what began with the same
 * images, so that a list from which a bad one was taken goes on. A run that fails before it has a
 * batch leaves nothing behind, and a journal without images is in nobody's way.
 */
#include "eyechart/features.h"

#include <dirent.h>
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
#include "features/loader.h"
#include "image/source.h"

enum { DEFAULT_BATCH = 8, MAX_BATCH = 65536, MAX_JOURNAL_BYTES = 1 << 30 };

/* What the journal says of an image. */
typedef struct {
    char hash[EC_HASH_SIZE];
    bool bad;
} record;

typedef struct {
    const char *out;
    const ec_feature_source *sources;
    const char *const *images;
    const ec_features_options *options;
    size_t n_towers, n_images, batch;

    ec_extractor **tower; /* [n_towers] */
    size_t n_tokens, n_channels, grid_width, grid_height;

    json_t *inputs; /* everything that decides the numbers */
    char fingerprint[EC_HASH_SIZE];
    char settings[EC_HASH_SIZE]; /* the fingerprint without the images */
    char *manifest_path, *journal_path, *lock_path;
    int lock;

    record *record; /* [n_images] */
    size_t n_recorded, n_bad, n_turned;
    const char *turned; /* the first of them */
    FILE *journal;
    ec_array_writer *writer; /* NULL with file_per_image */

    float *features; /* [batch][n_tokens][channels] of one tower */
    float *rows;     /* [batch][n_tokens][n_channels] */
} job;

/* ---- encoders ---- */

static ec_status refuse_grid(const job *j, size_t i, const ec_extractor_info *info, ec_error *err) {
    const size_t patch = info->patch_size;
    return ec_fail(err, EC_ERR_ARG,
                   "%s gives %zu x %zu patches and %s %zu x %zu; features can only be joined on "
                   "equal grids. Give %s an "
                   "input of %zu pixels (%s@%zu) if its positions may be interpolated, or choose "
                   "another size for the "
                   "others",
                   j->sources[0].folder, j->grid_width, j->grid_height, j->sources[i].folder,
                   info->grid_width, info->grid_height, j->sources[i].folder, patch * j->grid_width,
                   j->sources[i].folder, patch * j->grid_width);
}

static ec_status open_towers(job *j, ec_error *err) {
    for (size_t i = 0; i < j->n_towers; i++) {
        const ec_status status = ec_extractor_open(&j->tower[i], &j->sources[i], j->options->tap,
                                                   &j->options->encoder, err);
        if (status != EC_OK) return status;
        const ec_extractor_info info = ec_extractor_describe(j->tower[i]);
        if (i == 0) {
            j->n_tokens = info.n_tokens;
            j->grid_width = info.grid_width;
            j->grid_height = info.grid_height;
        }
        if (info.grid_width != j->grid_width || info.grid_height != j->grid_height ||
            info.n_tokens != j->n_tokens)
            return refuse_grid(j, i, &info, err);
        j->n_channels += info.n_channels;
    }
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
                  ec_version(), "encoders", encoders, "layer", j->options->tap.layer, "class_token",
                  j->options->tap.keep_class_token, "grid", (json_int_t)j->grid_height,
                  (json_int_t)j->grid_width, "tokens", (json_int_t)j->n_tokens, "channels",
                  (json_int_t)j->n_channels, "dtype", ec_dtype_name(j->options->dtype), "format",
                  j->options->format == EC_ARRAY_NPY ? "npy" : "safetensors", "file_per_image",
                  j->options->file_per_image, "batch", (json_int_t)j->batch, "images", images);
    json_t *settings = json_copy(j->inputs);
    json_object_del(settings, "images");
    const bool hashed =
        complete && hash_json(j->fingerprint, j->inputs) && hash_json(j->settings, settings);
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
        json_t *image = json_pack("{s:s, s:s}", "path", j->images[i], "xxh3", j->record[i].hash);
        json_object_set_new(image, "row",
                            j->record[i].bad ? json_null() : json_integer((json_int_t)row++));
        json_array_append_new(images, image);
    }
    json_object_set_new(manifest, "images", images);
    json_object_set_new(manifest, "rows", json_integer((json_int_t)row));
    json_object_set_new(manifest, "fingerprint", json_string(j->fingerprint));
    char *text = json_dumps(manifest, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(manifest);
    if (text == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for the manifest");
    const ec_status status = ec_file_write(j->manifest_path, text, strlen(text), err);
    free(text);
    return status;
}

/* ---- journal ---- */

static const char journal_head[] = "eyechart-features 2 ";

/* The hash that an image file has now; "" when it cannot be read. */
static void hash_file(char out[EC_HASH_SIZE], const char *path) {
    ec_text bytes = {0};
    out[0] = '\0';
    if (ec_image_read(&bytes, path, NULL) != EC_OK) return;
    ec_hash_bytes(out, bytes.data, bytes.size_bytes);
    ec_text_release(&bytes);
}

/* Reads "<hash or -> ok|bad" lines into j->record; a last line cut short by a kill does not count.
 * False: there are more than images. */
static bool parse_records(job *j, const char *line) {
    const char *end;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (j->n_recorded == j->n_images) return false;
        record *r = &j->record[j->n_recorded];
        char verdict[4];
        if (sscanf(line, "%32s %3s", r->hash, verdict) != 2) break;
        if (strcmp(r->hash, "-") == 0) r->hash[0] = '\0';
        r->bad = strcmp(verdict, "bad") == 0;
        j->n_recorded++;
    }
    if (j->n_recorded < j->n_images) j->n_recorded -= j->n_recorded % j->batch;
    return true;
}

/* Whether a journal has images at all, a whole batch or not. */
static bool lists_images(const ec_text *journal) {
    const char *line = memchr(journal->data, '\n', journal->size_bytes);
    return line != NULL && strchr(line + 1, '\n') != NULL;
}

static ec_status refuse_other(const char *what, const char *path, ec_error *err) {
    return ec_fail(err, EC_ERR_EXISTS,
                   "%s: %s; choose another output, or give --restart to compute everything anew",
                   path, what);
}

static ec_status check_records(job *j, ec_error *err) {
    for (size_t i = 0; i < j->n_recorded; i++) {
        char now[EC_HASH_SIZE];
        hash_file(now, j->images[i]);
        if (strcmp(now, j->record[i].hash) != 0)
            return refuse_other("another image than the one whose features were computed, or it "
                                "changed since",
                                j->images[i], err);
        j->n_bad += j->record[i].bad;
    }
    return EC_OK;
}

/* 000042-name.npy: the file of one image. */
static void name_row_file(ec_text *path, const job *j, size_t image) {
    const char *slash = strrchr(j->images[image], '/');
    const char *base = slash != NULL ? slash + 1 : j->images[image];
    const char *dot = strrchr(base, '.');
    const size_t stem = dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    ec_text_format(path, "%s/%06zu-%.*s.%s", j->out, image, (int)stem, base,
                   j->options->format == EC_ARRAY_NPY ? "npy" : "safetensors");
}

/* Whether what the manifest of a finished run lists still exists and is not cut short. */
static bool rows_are_there(const job *j) {
    const size_t row_bytes = j->n_tokens * j->n_channels * ec_dtype_size(j->options->dtype);
    struct stat info;
    if (!j->options->file_per_image)
        return stat(j->out, &info) == 0 &&
               (uint64_t)info.st_size > (j->n_recorded - j->n_bad) * row_bytes;
    bool there = true;
    for (size_t i = 0; i < j->n_recorded && there; i++) {
        ec_text path = {0};
        if (j->record[i].bad) continue;
        name_row_file(&path, j, i);
        there = !path.failed && stat(path.data, &info) == 0 && (uint64_t)info.st_size > row_bytes;
        ec_text_release(&path);
    }
    return there;
}

/* Continues what a journal lists: images that are those of this run, as far as it goes. */
static ec_status take_up_journal(job *j, const ec_text *journal, ec_error *err) {
    const size_t head = sizeof journal_head - 1, line = head + EC_HASH_SIZE;
    if (!lists_images(journal)) return EC_OK;
    if (journal->size_bytes < line || strncmp(journal->data, journal_head, head) != 0 ||
        strncmp(journal->data + head, j->settings, EC_HASH_SIZE - 1) != 0)
        return refuse_other("an unfinished run with other encoders or options", j->journal_path,
                            err);
    if (!parse_records(j, journal->data + line))
        return refuse_other("an unfinished run with more images", j->journal_path, err);
    const ec_status status = check_records(j, err);
    /* Rows of other names would never be found again. */
    return status == EC_OK && j->options->file_per_image && !rows_are_there(j)
               ? refuse_other("an unfinished run whose files are not there under these names",
                              j->journal_path, err)
               : status;
}

/* Takes up what an earlier run left: its journal, or its finished manifest. */
static ec_status take_up(job *j, bool *finished, ec_error *err) {
    *finished = false;
    if (j->options->restart) return EC_OK;
    ec_text journal = {0};
    ec_error why;
    ec_status status = ec_file_read(&journal, j->journal_path, MAX_JOURNAL_BYTES, &why);
    if (status == EC_OK) {
        status = take_up_journal(j, &journal, err);
        ec_text_release(&journal);
        return status;
    }
    if (status != EC_ERR_NOT_FOUND) return ec_fail(err, status, "%s", why.message);

    json_t *manifest = json_load_file(j->manifest_path, JSON_REJECT_DUPLICATES, NULL);
    status = EC_OK;
    if (manifest != NULL) {
        const char *fingerprint = json_string_value(json_object_get(manifest, "fingerprint"));
        const json_t *images = json_object_get(manifest, "images");
        if (fingerprint == NULL || strcmp(fingerprint, j->fingerprint) != 0 ||
            json_array_size(images) != j->n_images)
            status = refuse_other("features of other images, encoders or options", j->manifest_path,
                                  err);
        for (size_t i = 0; i < j->n_images && status == EC_OK; i++) {
            const json_t *image = json_array_get(images, i);
            const char *hash = json_string_value(json_object_get(image, "xxh3"));
            snprintf(j->record[i].hash, EC_HASH_SIZE, "%s", hash != NULL ? hash : "");
            j->record[i].bad = json_is_null(json_object_get(image, "row"));
            j->n_recorded++;
        }
        json_decref(manifest);
        if (status == EC_OK) status = check_records(j, err);
        *finished = status == EC_OK && rows_are_there(j);
        if (!*finished) j->n_recorded = j->n_bad = 0; /* its rows were removed: compute them anew */
    } else if (access(j->manifest_path, F_OK) == 0) {
        status = refuse_other("exists and is not a manifest of eyechart", j->manifest_path, err);
    } else if (access(j->out, F_OK) == 0 && !j->options->file_per_image) {
        status = refuse_other("exists, without a manifest or journal of eyechart", j->out, err);
    }
    return status;
}

static void format_record(ec_text *text, const record *r) {
    ec_text_format(text, "%s %s\n", r->hash[0] != '\0' ? r->hash : "-", r->bad ? "bad" : "ok");
}

/* Starts the journal with what was taken up, and opens it to append. */
static ec_status start_journal(job *j, ec_error *err) {
    ec_text text = {0};
    ec_text_format(&text, "%s%s\n", journal_head, j->settings);
    for (size_t i = 0; i < j->n_recorded; i++) format_record(&text, &j->record[i]);
    ec_status status = text.failed
                           ? ec_fail(err, EC_ERR_NOMEM, "out of memory for the journal")
                           : ec_file_write(j->journal_path, text.data, text.size_bytes, err);
    ec_text_release(&text);
    if (status != EC_OK) return status;
    j->journal = fopen(j->journal_path, "ae");
    if (j->journal == NULL)
        return ec_fail(err, EC_ERR_IO, "%s: cannot open: %s", j->journal_path, strerror(errno));
    return EC_OK;
}

static ec_status append_journal(job *j, size_t first, size_t n, ec_error *err) {
    ec_text text = {0};
    for (size_t i = first; i < first + n; i++) format_record(&text, &j->record[i]);
    const bool written = !text.failed &&
                         fwrite(text.data, 1, text.size_bytes, j->journal) == text.size_bytes &&
                         fflush(j->journal) == 0 && fsync(fileno(j->journal)) == 0;
    ec_text_release(&text);
    if (!written)
        return ec_fail(err, EC_ERR_IO, "%s: cannot write: %s", j->journal_path, strerror(errno));
    return EC_OK;
}

/* ---- rows ---- */

/* One file of one image, complete or not there. */
static ec_status write_file(const job *j, size_t image, const float *row, ec_error *err) {
    ec_text path = {0}, temporary = {0};
    name_row_file(&path, j, image);
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

/* Features of the good images of a batch, the encoders side by side on the channel axis. */
static ec_status compute(job *j, const ec_loaded_batch *batch, ec_error *err) {
    size_t channel = 0;
    for (size_t i = 0; i < j->n_towers; i++) {
        const size_t channels = ec_extractor_describe(j->tower[i]).n_channels;
        const ec_status status =
            ec_extractor_forward(j->features, j->tower[i], batch->input[i], batch->n_good, err);
        if (status != EC_OK) return status;
        for (size_t token = 0; token < batch->n_good * j->n_tokens; token++)
            memcpy(j->rows + token * j->n_channels + channel, j->features + token * channels,
                   channels * sizeof *j->rows);
        channel += channels;
    }
    return EC_OK;
}

static ec_status write_rows(job *j, const ec_loaded_batch *batch, ec_error *err) {
    const size_t row_floats = j->n_tokens * j->n_channels;
    ec_status status = EC_OK;
    size_t good = 0;
    for (size_t i = 0; i < batch->n && status == EC_OK; i++) {
        if (batch->image[i].status != EC_OK) continue;
        const float *row = j->rows + good++ * row_floats;
        status = j->options->file_per_image ? write_file(j, batch->first + i, row, err)
                                            : ec_array_writer_add(j->writer, row, err);
    }
    if (status == EC_OK && j->writer != NULL) status = ec_array_writer_sync(j->writer, err);
    return status;
}

static ec_features_progress progress_of(const job *j, size_t n_resumed, double seconds) {
    const double rate = seconds > 0 ? (double)(j->n_recorded - n_resumed) / seconds : 0;
    return (ec_features_progress){
        .n_done = j->n_recorded,
        .n_total = j->n_images,
        .n_resumed = n_resumed,
        .n_bad = j->n_bad,
        .n_turned = j->n_turned,
        .turned = j->turned,
        .images_per_s = rate > 0 ? rate : NAN,
        .seconds_left = rate > 0 ? (double)(j->n_images - j->n_recorded) / rate : NAN};
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static ec_status run_batches(job *j, ec_features_watcher see, void *context,
                             ec_features_progress *progress, ec_error *err) {
    const size_t n_resumed = j->n_recorded;
    const double start = now_s();
    ec_loader_view *views = calloc(j->n_towers, sizeof *views);
    if (views == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < j->n_towers; i++) {
        const ec_extractor_info info = ec_extractor_describe(j->tower[i]);
        views[i] = (ec_loader_view){*ec_extractor_preparation(j->tower[i]), info.input_width,
                                    info.input_height};
    }
    ec_loader *loader;
    ec_status status = ec_loader_new(&loader, j->images, j->n_images, n_resumed, j->batch, views,
                                     j->n_towers, err);
    const ec_loaded_batch *batch;
    bool go_on = true;
    while (status == EC_OK && (batch = ec_loader_next(loader)) != NULL) {
        for (size_t i = 0; i < batch->n && status == EC_OK; i++) {
            const ec_loaded_image *image = &batch->image[i];
            record *r = &j->record[batch->first + i];
            memcpy(r->hash, image->hash, sizeof r->hash);
            r->bad = image->status != EC_OK;
            if (image->is_turned && j->n_turned++ == 0) j->turned = j->images[batch->first + i];
            if (!r->bad) continue;
            if (!j->options->skip_bad)
                status = ec_fail(err, image->status, "%s", image->error.message);
            else if (see != NULL && !see(context, progress, image->error.message))
                go_on = false; /* after this batch */
        }
        if (status == EC_OK && batch->n_good > 0) status = compute(j, batch, err);
        if (status == EC_OK) status = write_rows(j, batch, err);
        if (status == EC_OK) status = append_journal(j, batch->first, batch->n, err);
        if (status != EC_OK) break;
        j->n_recorded += batch->n;
        j->n_bad += batch->n - batch->n_good;
        *progress = progress_of(j, n_resumed, now_s() - start);
        if (see != NULL && !see(context, progress, NULL)) go_on = false;
        if (!go_on && j->n_recorded < j->n_images)
            status = ec_fail(err, EC_ERR_INTERRUPTED,
                             "stopped after %zu of %zu images; the same command continues",
                             j->n_recorded, j->n_images);
    }
    ec_loader_free(loader);
    free(views);
    return status;
}

static ec_status allocate(job *j, ec_error *err) {
    size_t widest = 0;
    for (size_t i = 0; i < j->n_towers; i++) {
        const size_t channels = ec_extractor_describe(j->tower[i]).n_channels;
        if (channels > widest) widest = channels;
    }
    j->features = calloc(j->batch * j->n_tokens * widest, sizeof *j->features);
    j->rows = calloc(j->batch * j->n_tokens * j->n_channels, sizeof *j->rows);
    if (j->features == NULL || j->rows == NULL)
        return ec_fail(err, EC_ERR_NOMEM,
                       "out of memory for batches of %zu images; take a smaller batch", j->batch);
    return EC_OK;
}

static ec_status open_output(job *j, ec_error *err) {
    if (j->options->file_per_image) return EC_OK;
    const ec_status status = ec_array_writer_open(
        &j->writer, j->out, j->options->format, "features", j->options->dtype,
        (size_t[]){j->n_tokens, j->n_channels}, 2, j->n_recorded - j->n_bad, err);
    /* Removing the array, as the writer advises, would leave the journal. */
    return status == EC_ERR_FORMAT
               ? refuse_other("lacks rows that its journal lists as written", j->out, err)
               : status;
}

static ec_status name_files(job *j, ec_error *err) {
    ec_text manifest = {0}, journal = {0}, lock = {0};
    const bool folder = j->options->file_per_image;
    if (folder && mkdir(j->out, 0777) != 0 && errno != EEXIST)
        return ec_fail(err, EC_ERR_IO, "%s: cannot make the folder: %s", j->out, strerror(errno));
    ec_text_format(&manifest, "%s%s", j->out, folder ? "/manifest.json" : ".json");
    ec_text_format(&journal, "%s%s", j->out, folder ? "/journal" : ".journal");
    ec_text_format(&lock, "%s%s", j->out, folder ? "/lock" : ".lock");
    j->manifest_path = manifest.data; /* the job owns them now */
    j->journal_path = journal.data;
    j->lock_path = lock.data;
    const bool failed = manifest.failed || journal.failed || lock.failed;
    return failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
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

/* 000042-name.npy, or what a kill left of one. */
static bool is_row_file(const char *name) {
    static const char *const endings[] = {".npy", ".safetensors", ".npy.tmp", ".safetensors.tmp"};
    const size_t digits = strspn(name, "0123456789"), length = strlen(name);
    if (digits < 6 || name[digits] != '-') return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t n = strlen(endings[i]);
        if (length > n && strcmp(name + length - n, endings[i]) == 0) return true;
    }
    return false;
}

/* Before everything is computed anew: no file may stay of an image that is not listed any more.
 * Only in a folder that is ours. */
static ec_status remove_rows(const job *j, ec_error *err) {
    if (access(j->manifest_path, F_OK) != 0 && access(j->journal_path, F_OK) != 0) return EC_OK;
    DIR *folder = opendir(j->out);
    if (folder == NULL)
        return ec_fail(err, EC_ERR_IO, "%s: cannot list: %s", j->out, strerror(errno));
    unlink(j->journal_path); /* or it would vouch for rows that are gone */
    const struct dirent *entry;
    ec_status status = EC_OK;
    while (status == EC_OK && (entry = readdir(folder)) != NULL)
        if (is_row_file(entry->d_name) && unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            status = ec_fail(err, EC_ERR_IO, "%s/%s: cannot remove: %s", j->out, entry->d_name,
                             strerror(errno));
    closedir(folder);
    return status;
}

/* After a run that failed before it had a batch: nothing of it is worth continuing. The journal
 * goes last, since it says whose the array is. */
static void leave_nothing(const job *j) {
    struct stat info;
    if (j->writer != NULL && stat(j->out, &info) == 0 && S_ISREG(info.st_mode)) unlink(j->out);
    unlink(j->journal_path);
}

static ec_status run_job(job *j, ec_features_watcher see, void *context,
                         ec_features_progress *progress, ec_error *err) {
    bool finished;
    ec_status status = open_towers(j, err);
    if (status == EC_OK) status = describe_inputs(j, err);
    if (status == EC_OK) status = name_files(j, err);
    if (status == EC_OK) status = lock_output(j, err);
    if (status == EC_OK) status = take_up(j, &finished, err);
    if (status != EC_OK) return status;
    *progress = progress_of(j, j->n_recorded, 0);
    if (finished) return EC_OK;

    if ((status = allocate(j, err)) != EC_OK) return status;
    if (j->options->restart && j->options->file_per_image) status = remove_rows(j, err);
    if (status != EC_OK) return status;
    /* The journal first: an output without one would be taken for somebody else's after a kill. */
    if ((status = start_journal(j, err)) != EC_OK) return status;
    if (unlink(j->manifest_path) != 0 && errno != ENOENT) /* of what is now computed anew */
        return ec_fail(err, EC_ERR_IO, "%s: cannot remove: %s", j->manifest_path, strerror(errno));
    if ((status = open_output(j, err)) != EC_OK) return status;
    status = run_batches(j, see, context, progress, err);
    if (status == EC_OK && j->writer != NULL) status = ec_array_writer_finish(j->writer, err);
    if (status == EC_OK) status = write_manifest(j, err);
    if (status == EC_OK && unlink(j->journal_path) != 0)
        status = ec_fail(err, EC_ERR_IO, "%s: cannot remove: %s", j->journal_path, strerror(errno));
    if (status != EC_OK && j->n_recorded == 0) leave_nothing(j);
    return status;
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
             .batch = options->batch > 0 ? options->batch : DEFAULT_BATCH,
             .lock = -1,
             .tower = calloc(n_sources, sizeof *j.tower),
             .record = calloc(n_images, sizeof *j.record)};
    ec_features_progress progress = {.n_total = n_images, .images_per_s = NAN, .seconds_left = NAN};
    const ec_status status = j.tower == NULL || j.record == NULL
                                 ? ec_fail(err, EC_ERR_NOMEM, "out of memory")
                                 : run_job(&j, see, context, &progress, err);
    if (final != NULL) *final = progress;

    ec_array_writer_close(j.writer);
    if (j.journal != NULL) fclose(j.journal);
    ec_lock_release(j.lock, j.lock_path);
    for (size_t i = 0; i < n_sources && j.tower != NULL; i++) ec_extractor_close(j.tower[i]);
    json_decref(j.inputs);
    free(j.tower);
    free(j.record);
    free(j.features);
    free(j.rows);
    free(j.manifest_path);
    free(j.journal_path);
    free(j.lock_path);
    return status;
}
