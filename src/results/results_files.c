/* results_files.c - several results files and folders, of one model
 *
 * Files are read from the oldest to the newest, so that the newest result of a benchmark stays. How
 * old one is says the time in its name (20240906_123456_results.json of lmms-eval, the folder
 * T20240906_G… of VLMEvalKit does not say it finely enough), else when it was written.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "results/results.h"

enum { MAX_DEPTH = 6 };

typedef struct {
    char *path;
    char stamp[16]; /* "20240906_123456"; "": its name tells no time */
    struct timespec written;
    dev_t device;
    ino_t inode;
    bool listed; /* in a folder, rather than named */
} file_entry;

typedef struct {
    const ec_results_reader *r;
    file_entry *items;
    size_t n, capacity;
} file_list;

/* ---- names -------------------------------------------------------------------------------- */

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Whether a file is called like one that an evaluation writes results into. */
static bool is_file_name(const char *path) {
    const char *name = name_of(path);
    return ends_with(name, "_results.json") || strcmp(name, "results.json") == 0 ||
           (strncmp(name, "results_", 8) == 0 && ends_with(name, ".json")) ||
           ec_results_is_kit_name(path);
}

/* "20240906_123456", of "2024-09-06T12-34-56" too; "" where the name has no such time. */
static void read_stamp(char stamp[16], const char *name) {
    size_t n = 0;
    stamp[0] = '\0';
    const char *c = strpbrk(name, "0123456789");
    for (; c != NULL && *c != '\0' && n < 14; c++) {
        if (isdigit((unsigned char)*c))
            stamp[n++] = *c;
        else if (strchr("-_T:", *c) == NULL)
            break;
    }
    stamp[n] = '\0';
    if (n < 14 || strncmp(stamp, "20", 2) != 0) stamp[0] = '\0';
}

static int by_age(const void *x, const void *y) {
    const file_entry *a = x, *b = y;
    int order = 0;
    if (a->stamp[0] != '\0' && b->stamp[0] != '\0') order = strcmp(a->stamp, b->stamp);
    if (order == 0)
        order = (a->written.tv_sec > b->written.tv_sec) - (a->written.tv_sec < b->written.tv_sec);
    if (order == 0)
        order =
            (a->written.tv_nsec > b->written.tv_nsec) - (a->written.tv_nsec < b->written.tv_nsec);
    return order != 0 ? order : strcmp(a->path, b->path);
}

/* ---- finding ------------------------------------------------------------------------------ */

static ec_status no_memory(const file_list *list) {
    return ec_fail(list->r->err, EC_ERR_NOMEM, "out of memory for results files");
}

/* Adds a file, once: VLMEvalKit links the files of its last evaluation. */
static ec_status add_file(file_list *list, const char *path, const struct stat *info, bool listed) {
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].device == info->st_dev && list->items[i].inode == info->st_ino)
            return EC_OK;
    if (list->n == EC_RESULTS_MAX_FILES)
        return ec_fail(list->r->err, EC_ERR_ARG, "more than %d results files",
                       EC_RESULTS_MAX_FILES);
    file_entry *items = ec_grown(list->items, list->n, &list->capacity, sizeof *items);
    if (items == NULL) return no_memory(list);
    list->items = items;
    file_entry *entry = &list->items[list->n];
    *entry = (file_entry){.path = strdup(path),
                          .written = info->st_mtim,
                          .device = info->st_dev,
                          .inode = info->st_ino,
                          .listed = listed};
    if (entry->path == NULL) return no_memory(list);
    read_stamp(entry->stamp, name_of(path));
    list->n++;
    return EC_OK;
}

static ec_status add_folder(file_list *list, const char *path, int depth);

static ec_status add_entry(file_list *list, const char *folder, const char *name, int depth) {
    struct stat info;
    ec_text path = {0};
    ec_text_format(&path, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name);
    ec_status status = path.failed ? no_memory(list) : EC_OK;
    /* What is gone by now, or a dangling link, is passed over. */
    if (status == EC_OK && stat(path.data, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            status = depth < MAX_DEPTH ? add_folder(list, path.data, depth + 1) : EC_OK;
        else if (S_ISREG(info.st_mode) && is_file_name(name) &&
                 (double)info.st_mtime + EC_RESULTS_CLOCK_SLACK >= list->r->since)
            status = add_file(list, path.data, &info, true);
    }
    ec_text_release(&path);
    return status;
}

static ec_status add_folder(file_list *list, const char *path, int depth) {
    DIR *entries = opendir(path);
    if (entries == NULL)
        return ec_fail(list->r->err, EC_ERR_IO, "%s: cannot list: %s", path, strerror(errno));
    ec_status status = EC_OK;
    for (const struct dirent *e; status == EC_OK && (e = readdir(entries)) != NULL;)
        if (e->d_name[0] != '.') status = add_entry(list, path, e->d_name, depth);
    closedir(entries);
    return status;
}

static ec_status add_path(file_list *list, const char *path) {
    struct stat info;
    if (stat(path, &info) != 0)
        return ec_fail(list->r->err,
                       errno == ENOENT || errno == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO, "%s: %s",
                       path, errno == ENOENT ? "no such file" : strerror(errno));
    if (!S_ISDIR(info.st_mode)) return add_file(list, path, &info, false);
    const size_t before = list->n;
    const ec_status status = add_folder(list, path, 0);
    if (status != EC_OK || list->n > before) return status;
    return ec_fail(list->r->err, EC_ERR_NOT_FOUND,
                   "%s: no results file in it: *_results.json of lmms-eval, *_acc.csv, *_score.csv "
                   "or *_score.json of VLMEvalKit",
                   path);
}

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct {
    char *name, *path; /* of the model of the first file that tells one */
} model_seen;

/* Files of several models in a folder are of several candidates; of files that were named one by
 * one it is only said. */
static ec_status check_model(model_seen *seen, const ec_results_reader *r, const file_entry *entry,
                             const char *model) {
    if (model == NULL) return EC_OK;
    if (seen->name == NULL) {
        seen->name = strdup(model);
        seen->path = entry->path;
        return seen->name != NULL ? EC_OK : ec_fail(r->err, EC_ERR_NOMEM, "out of memory");
    }
    if (strcmp(seen->name, model) == 0) return EC_OK;
    if (!entry->listed)
        return ec_results_note(r->results, r->err, "%s is of the model '%.80s', %s of '%.80s'",
                               entry->path, model, seen->path, seen->name);
    return ec_fail(
        r->err, EC_ERR_FORMAT,
        "%s is of the model '%.80s', %s of '%.80s': the results of a candidate are those "
        "of one model; name its folder or its files",
        entry->path, model, seen->path, seen->name);
}

/* Puts what one file says over what older ones said. */
static ec_status merge(ec_results *to, const ec_results *from, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t k = 0; status == EC_OK && k < from->n; k++) {
        const ec_found_result *new = &from->items[k], *old = ec_results_of(to, new->benchmark);
        if (old != NULL && old->file != NULL && old->value != new->value)
            status = ec_results_note(to, err, "%.10g of %s counts, which is newer than %.10g of %s",
                                     new->value, new->file, old->value, old->file);
        if (status == EC_OK)
            status =
                ec_results_set(to, new->benchmark, new->value, new->se, new->file, new->from, err);
    }
    for (size_t k = 0; status == EC_OK && k < from->n_notes; k++)
        status = ec_results_note(to, err, "%s", from->notes[k]);
    return status;
}

static ec_status read_entry(model_seen *seen, const ec_results_reader *r, const file_entry *entry) {
    ec_text text = {0};
    ec_task_file file = {0};
    ec_results found = {0};
    ec_results_reader own = *r;
    own.path = entry->path;
    own.results = &found;
    own.listed = entry->listed;
    ec_status status = ec_file_read(&text, entry->path, EC_RESULTS_MAX_BYTES, r->err);
    if (status == EC_OK)
        status =
            ec_task_file_read(&file, &own, text.data != NULL ? text.data : "", text.size_bytes);
    if (status == EC_OK) status = check_model(seen, r, entry, file.model);
    if (status == EC_OK) status = ec_results_take(&own, &file);
    if (status == EC_OK) status = merge(r->results, &found, r->err);
    ec_results_release(&found);
    ec_task_file_release(&file);
    ec_text_release(&text);
    return status;
}

static ec_status fail_nothing(const ec_results_reader *r, const file_list *list) {
    const ec_results *results = r->results;
    const char *note = results->n_notes > 0 ? results->notes[0] : "no task in it has a number";
    if (list->n == 1) {
        const char *path = list->items[0].path;
        const size_t n = strlen(path);
        if (strncmp(note, path, n) == 0 && note[n] == ':') note += n + 2;
        return ec_fail(r->err, EC_ERR_NOT_FOUND,
                       "%s: has a result for none of the study's benchmarks: %s", path, note);
    }
    return ec_fail(r->err, EC_ERR_NOT_FOUND,
                   "%zu results files, the first of them %s, have a result for none of the study's "
                   "benchmarks: %s",
                   list->n, list->items[0].path, note);
}

ec_status ec_results_read_paths(const ec_results_reader *r, const char *const *paths,
                                size_t n_paths) {
    file_list list = {.r = r};
    model_seen seen = {0};
    ec_results found = {0};
    ec_results_reader own = *r;
    own.results = &found;
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < n_paths; i++) status = add_path(&list, paths[i]);
    if (list.n > 0) qsort(list.items, list.n, sizeof *list.items, by_age);
    for (size_t i = 0; status == EC_OK && i < list.n; i++)
        status = read_entry(&seen, &own, &list.items[i]);
    if (status == EC_OK && found.n == 0) status = fail_nothing(&own, &list);
    if (status == EC_OK) status = merge(r->results, &found, r->err);
    for (size_t i = 0; i < list.n; i++) free(list.items[i].path);
    free(list.items);
    free(seen.name);
    ec_results_release(&found);
    return status;
}
