/* journal.c - see journal.h */
#include "features/journal.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/source.h"

enum { MAX_JOURNAL_BYTES = 1 << 30 };

static const char journal_head[] = "eyechart-features 2 ";

ec_status ec_journal_init(ec_journal *j, ec_error *err) {
    ec_text manifest = {0}, journal = {0};
    ec_text_format(&manifest, "%s%s", j->out, j->file_per_image ? "/manifest.json" : ".json");
    ec_text_format(&journal, "%s%s", j->out, j->file_per_image ? "/journal" : ".journal");
    j->manifest_path = manifest.data; /* the journal owns them now */
    j->path = journal.data;
    j->record = calloc(j->n_images, sizeof *j->record);
    const bool failed = manifest.failed || journal.failed || j->record == NULL;
    return failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
}

void ec_journal_release(ec_journal *j) {
    if (j->file != NULL) fclose(j->file);
    free(j->record);
    free(j->manifest_path);
    free(j->path);
}

/* ---- what an earlier run left ---- */

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
static bool parse_records(ec_journal *j, const char *line) {
    const char *end;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (j->n_recorded == j->n_images) return false;
        ec_journal_record *r = &j->record[j->n_recorded];
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

ec_status ec_journal_refuse(const char *what, const char *path, ec_error *err) {
    return ec_fail(err, EC_ERR_EXISTS,
                   "%s: %s; choose another output, or give --restart to compute everything anew",
                   path, what);
}

static ec_status check_records(ec_journal *j, ec_error *err) {
    for (size_t i = 0; i < j->n_recorded; i++) {
        char now[EC_HASH_SIZE];
        hash_file(now, j->images[i]);
        if (strcmp(now, j->record[i].hash) != 0)
            return ec_journal_refuse(
                "another image than the one whose features were computed, or it "
                "changed since",
                j->images[i], err);
        j->n_bad += j->record[i].bad;
    }
    return EC_OK;
}

void ec_journal_row_file(ec_text *path, const ec_journal *j, size_t image) {
    const char *slash = strrchr(j->images[image], '/');
    const char *base = slash != NULL ? slash + 1 : j->images[image];
    const char *dot = strrchr(base, '.');
    const size_t stem = dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    ec_text_format(path, "%s/%06zu-%.*s.%s", j->out, image, (int)stem, base,
                   j->format == EC_ARRAY_NPY ? "npy" : "safetensors");
}

/* Whether what the manifest of a finished run lists still exists and is not cut short. */
static bool rows_are_there(const ec_journal *j) {
    struct stat info;
    if (!j->file_per_image)
        return stat(j->out, &info) == 0 &&
               (uint64_t)info.st_size > (j->n_recorded - j->n_bad) * j->row_bytes;
    bool there = true;
    for (size_t i = 0; i < j->n_recorded && there; i++) {
        ec_text path = {0};
        if (j->record[i].bad) continue;
        ec_journal_row_file(&path, j, i);
        there =
            !path.failed && stat(path.data, &info) == 0 && (uint64_t)info.st_size > j->row_bytes;
        ec_text_release(&path);
    }
    return there;
}

/* Continues what a journal lists: images that are those of this run, as far as it goes. */
static ec_status take_up_journal(ec_journal *j, const ec_text *journal, ec_error *err) {
    const size_t head = sizeof journal_head - 1, line = head + EC_HASH_SIZE;
    if (!lists_images(journal)) return EC_OK;
    if (journal->size_bytes < line || strncmp(journal->data, journal_head, head) != 0 ||
        strncmp(journal->data + head, j->settings, EC_HASH_SIZE - 1) != 0)
        return ec_journal_refuse("an unfinished run with other encoders or options", j->path, err);
    if (!parse_records(j, journal->data + line))
        return ec_journal_refuse("an unfinished run with more images", j->path, err);
    const ec_status status = check_records(j, err);
    /* Rows of other names would never be found again. */
    return status == EC_OK && j->file_per_image && !rows_are_there(j)
               ? ec_journal_refuse("an unfinished run whose files are not there under these names",
                                   j->path, err)
               : status;
}

ec_status ec_journal_take_up(ec_journal *j, bool *finished, ec_error *err) {
    *finished = false;
    ec_text journal = {0};
    ec_error why;
    ec_status status = ec_file_read(&journal, j->path, MAX_JOURNAL_BYTES, &why);
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
            status = ec_journal_refuse("features of other images, encoders or options",
                                       j->manifest_path, err);
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
        status =
            ec_journal_refuse("exists and is not a manifest of eyechart", j->manifest_path, err);
    } else if (access(j->out, F_OK) == 0 && !j->file_per_image) {
        status =
            ec_journal_refuse("exists, without a manifest or journal of eyechart", j->out, err);
    }
    return status;
}

static void format_record(ec_text *text, const ec_journal_record *r) {
    ec_text_format(text, "%s %s\n", r->hash[0] != '\0' ? r->hash : "-", r->bad ? "bad" : "ok");
}

ec_status ec_journal_start(ec_journal *j, ec_error *err) {
    ec_text text = {0};
    ec_text_format(&text, "%s%s\n", journal_head, j->settings);
    for (size_t i = 0; i < j->n_recorded; i++) format_record(&text, &j->record[i]);
    ec_status status = text.failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory for the journal")
                                   : ec_file_write(j->path, text.data, text.size_bytes, err);
    ec_text_release(&text);
    if (status != EC_OK) return status;
    j->file = fopen(j->path, "ae");
    if (j->file == NULL)
        return ec_fail(err, EC_ERR_IO, "%s: cannot open: %s", j->path, strerror(errno));
    return EC_OK;
}

ec_status ec_journal_append(ec_journal *j, size_t first, size_t n, ec_error *err) {
    ec_text text = {0};
    for (size_t i = first; i < first + n; i++) format_record(&text, &j->record[i]);
    const bool written = !text.failed &&
                         fwrite(text.data, 1, text.size_bytes, j->file) == text.size_bytes &&
                         fflush(j->file) == 0 && fsync(fileno(j->file)) == 0;
    ec_text_release(&text);
    if (!written) return ec_fail(err, EC_ERR_IO, "%s: cannot write: %s", j->path, strerror(errno));
    return EC_OK;
}

/* ---- files of rows ---- */

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

ec_status ec_journal_remove_rows(const ec_journal *j, ec_error *err) {
    if (access(j->manifest_path, F_OK) != 0 && access(j->path, F_OK) != 0) return EC_OK;
    DIR *folder = opendir(j->out);
    if (folder == NULL)
        return ec_fail(err, EC_ERR_IO, "%s: cannot list: %s", j->out, strerror(errno));
    unlink(j->path); /* or it would vouch for rows that are gone */
    const struct dirent *entry;
    ec_status status = EC_OK;
    while (status == EC_OK && (entry = readdir(folder)) != NULL)
        if (is_row_file(entry->d_name) && unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            status = ec_fail(err, EC_ERR_IO, "%s/%s: cannot remove: %s", j->out, entry->d_name,
                             strerror(errno));
    closedir(folder);
    return status;
}
