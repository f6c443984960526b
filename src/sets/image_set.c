/* image_set.c - image sets: where they come from, and the choice among them */
#include "eyechart/image_set.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "eyechart/rng.h"
#include "sets/image_set_reader.h"

/* ---- items ---- */

static bool grow(image_set_reader *r) {
    ec_image_item *grown = ec_grown(r->set->items, r->set->n_items, &r->capacity, sizeof *grown);
    if (grown != NULL) r->set->items = grown;
    return grown != NULL;
}

ec_status ec_image_set_add(image_set_reader *r, const char *path, size_t size, ec_error *err) {
    const size_t folder = size > 0 && path[0] == '/' ? 0 : r->folder_size;
    if (size == 0 || folder + size > EC_MAX_IMAGE_PATH || memchr(path, '\0', size) != NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "the image's path is empty, longer than %d bytes, or has a "
                       "zero byte; expected the path of an image file",
                       EC_MAX_IMAGE_PATH);
    if (!grow(r)) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_image_item *item = &r->set->items[r->set->n_items];
    *item = (ec_image_item){.path = malloc(folder + size + 1), .index = r->set->n_items};
    if (item->path == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    r->set->n_items++;
    if (folder > 0) memcpy(item->path, r->folder, folder);
    memcpy(item->path + folder, path, size);
    item->path[folder + size] = '\0';
    return EC_OK;
}

static void release_item(ec_image_item *item) {
    free(item->path);
    free(item->prompt);
}

void ec_image_set_release(ec_image_set *set) {
    for (size_t i = 0; i < set->n_items; i++) release_item(&set->items[i]);
    free(set->items);
    *set = (ec_image_set){0};
}

bool ec_image_set_note(char out[EC_IMAGE_SET_NOTE], const ec_image_set *set, size_t i) {
    const size_t counts[] = {set->n_without_image, set->n_several, set->n_no_images};
    static const char *const words[][2] = {
        {"record has no image and is left out", "records have no image and are left out"},
        {"record has several images, of which the first is taken",
         "records have several images, of which the first is taken"},
        {"file is no image by its name and is left out",
         "files are no images by their names and are left out"},
    };
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        if (counts[k] == 0 || i-- > 0) continue;
        snprintf(out, EC_IMAGE_SET_NOTE, "%zu %s", counts[k], words[k][counts[k] > 1]);
        return true;
    }
    return false;
}

/* ---- folders ---- */

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcasecmp(text + n - m, end) == 0;
}

/* By name: what this program cannot decode is listed too, so that it is refused and not passed
 * over. */
static bool is_image_name(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe",  ".jfif", ".png", ".webp",
                                          ".gif", ".bmp",  ".ppm",  ".pgm",  ".pbm", ".pnm",
                                          ".tif", ".tiff", ".avif", ".heic", ".jp2"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(name, endings[i])) return true;
    return false;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* What a listing found beside images. */
typedef struct {
    size_t n_unreadable, n_folders;
    char first[EC_ERROR_MESSAGE_SIZE]; /* that cannot be read, and why */
} leftovers;

/* An image that cannot be opened is no reason to compute something over the others. */
static void blame(leftovers *l, const char *path, int error) {
    char target[256];
    const ssize_t n = readlink(path, target, sizeof target - 1);
    if (l->n_unreadable++ > 0) return;
    if (n >= 0) target[n] = '\0';
    snprintf(l->first, sizeof l->first, "%.400s: cannot open: %s%s%s", path, strerror(error),
             n >= 0 ? "; it is a link to " : "", n >= 0 ? target : "");
}

static ec_status list_entry(image_set_reader *r, const char *name, leftovers *l, ec_error *err) {
    ec_text path = {0};
    ec_text_format(&path, "%s%s", r->folder, name);
    if (path.failed) return ec_no_memory(r->folder, err);
    struct stat info;
    ec_status status = EC_OK;
    const bool is_image = is_image_name(name), is_there = stat(path.data, &info) == 0;
    if (is_image && !is_there) {
        blame(l, path.data, errno);
    } else if (is_there && S_ISDIR(info.st_mode)) {
        l->n_folders++;
    } else if (!is_image || !S_ISREG(info.st_mode)) {
        r->set->n_no_images++;
    } else if (access(path.data, R_OK) != 0) {
        blame(l, path.data, errno);
    } else {
        status = ec_image_set_add(r, name, strlen(name), err);
        if (status != EC_OK) ec_error_prefix(err, status, "%s", path.data);
    }
    ec_text_release(&path);
    return status;
}

static ec_status check_folder(const image_set_reader *r, const leftovers *l, ec_error *err) {
    if (l->n_unreadable == 1) return ec_fail(err, EC_ERR_IO, "%s", l->first);
    if (l->n_unreadable > 1)
        return ec_fail(err, EC_ERR_IO, "%s (and %zu more images of this folder)", l->first,
                       l->n_unreadable - 1);
    if (r->set->n_items > 0) return EC_OK;
    if (l->n_folders > 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: no image files in this folder; the folders in it are not searched: "
                       "name one of them, or give a list of paths",
                       r->folder);
    return ec_fail(err, EC_ERR_FORMAT, "%s: no image files in this folder", r->folder);
}

static ec_status read_folder(image_set_reader *r, const char *folder, ec_error *err) {
    struct dirent **entry;
    const int n = scandir(folder, &entry, is_visible, by_bytes);
    if (n < 0) return ec_fail(err, EC_ERR_IO, "%s: cannot list: %s", folder, strerror(errno));
    ec_text path = {0};
    ec_text_format(&path, "%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/");
    ec_status status = path.failed ? ec_no_memory(folder, err) : EC_OK;
    r->folder = path.data;
    r->folder_size = path.size_bytes;
    leftovers l = {0};
    for (int i = 0; i < n; i++) {
        if (status == EC_OK) status = list_entry(r, entry[i]->d_name, &l, err);
        free(entry[i]);
    }
    free(entry);
    if (status == EC_OK) status = check_folder(r, &l, err);
    ec_text_release(&path);
    return status;
}

/* ---- lists ---- */

ec_status ec_image_set_read_paths(image_set_reader *r, ec_stream *stream, ec_error *err) {
    record_field path = {.is_image = true};
    ec_status status = EC_OK;
    while (status == EC_OK && ec_stream_peek(stream) != EC_STREAM_END) {
        const size_t line = stream->line;
        ec_field_clear(&path);
        for (int c; (c = ec_stream_next(stream)) != EC_STREAM_END && c != '\n';)
            ec_field_add(&path, &(char){(char)c}, 1);
        size_t n = path.text.size_bytes;
        while (n > 0 && strchr(" \t\r", path.text.data[n - 1]) != NULL &&
               path.text.data[n - 1] != 0)
            n--;
        if (path.text.failed)
            status = ec_no_memory(r->file, err);
        else if (n > 0 && (status = ec_image_set_add(r, path.text.data, n, err)) != EC_OK)
            ec_error_prefix(err, status, "%s:%zu", r->file, line);
    }
    ec_text_release(&path.text);
    return status == EC_OK ? ec_stream_status(stream, err) : status;
}

typedef enum { LIST_PATHS, LIST_LINES, LIST_JSON, LIST_TSV, LIST_NONE } list_kind;

static list_kind kind_of(const char *path) {
    static const struct {
        const char *ending;
        list_kind kind;
    } kinds[] = {{".txt", LIST_PATHS},
                 {".jsonl", LIST_LINES},
                 {".ndjson", LIST_LINES},
                 {".json", LIST_JSON},
                 {".tsv", LIST_TSV}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (ends_with(path, kinds[i].ending)) return kinds[i].kind;
    return LIST_NONE;
}

bool ec_image_set_is_list(const char *path) {
    return kind_of(path) != LIST_NONE && kind_of(path) != LIST_PATHS;
}

static ec_status read_stream(image_set_reader *r, ec_stream *stream, list_kind kind,
                             ec_error *err) {
    switch (kind) {
    case LIST_PATHS:
        return ec_image_set_read_paths(r, stream, err);
    case LIST_TSV:
        return ec_image_set_read_tsv(r, stream, err);
    default:
        return ec_image_set_read_json(r, stream, kind == LIST_LINES, err);
    }
}

static ec_status read_list(image_set_reader *r, const char *path, list_kind kind, ec_error *err) {
    if (kind == LIST_NONE)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: not an image set by its name; expected a folder of images, a .txt "
                       "list, records in .jsonl or .json, or a table of VLMEvalKit in .tsv",
                       path);
    r->file = path;
    ec_stream stream;
    ec_status status = ec_stream_open(&stream, path, err);
    if (status == EC_OK) status = read_stream(r, &stream, kind, err);
    ec_stream_close(&stream);
    if (status != EC_OK || r->set->n_items > 0) return status;
    if (kind == LIST_PATHS)
        return ec_fail(err, EC_ERR_FORMAT, "%s: no images; expected the path of one on each line",
                       path);
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: no images in %zu records; expected records with an image, such as "
                   "{\"image\": \"photo.jpg\", \"prompt\": \"What is this?\"}",
                   path, r->n_records);
}

/* The folder of the paths in a list: the root, or the list's own. */
static ec_status choose_folder(ec_text *out, const char *path, const char *root, ec_error *err) {
    const char *slash = strrchr(path, '/');
    struct stat info;
    if (root != NULL && (stat(root, &info) != 0 || !S_ISDIR(info.st_mode)))
        return ec_fail(err, EC_ERR_NOT_FOUND,
                       "image root '%s': no such folder; expected that of the paths in %s", root,
                       path);
    if (root != NULL)
        ec_text_format(out, "%s%s", root, root[strlen(root) - 1] == '/' ? "" : "/");
    else
        ec_text_add_bytes(out, path, slash != NULL ? (size_t)(slash - path) + 1 : 0);
    return out->failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
}

ec_status ec_image_set_load(ec_image_set *out, const char *path, const char *root, ec_error *err) {
    *out = (ec_image_set){0};
    struct stat info;
    if (path[0] == '\0' || stat(path, &info) != 0) {
        if (path[0] == '\0') errno = ENOENT;
        return ec_fail(err, errno == ENOENT || errno == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO,
                       "%s: %s", path, strerror(errno));
    }
    image_set_reader r = {.set = out};
    if (S_ISDIR(info.st_mode)) return read_folder(&r, path, err);
    ec_text folder = {0};
    ec_status status = choose_folder(&folder, path, root, err);
    r.folder = folder.data;
    r.folder_size = folder.size_bytes;
    if (status == EC_OK) status = read_list(&r, path, kind_of(path), err);
    ec_text_release(&folder);
    return status;
}

/* ---- choosing ---- */

const char *ec_image_selection_name(size_t selection) {
    static const char *const names[] = {"random", "longest"};
    return selection < sizeof names / sizeof *names ? names[selection] : NULL;
}

static void choose_random(ec_image_set *set, size_t n, uint64_t seed) {
    ec_rng rng;
    ec_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < n; i++) {
        const size_t j = i + ec_rng_below(&rng, set->n_items - i);
        const ec_image_item item = set->items[i];
        set->items[i] = set->items[j];
        set->items[j] = item;
    }
}

static int longest_first(const void *a, const void *b) {
    const ec_image_item *x = a, *y = b;
    const size_t n = x->n_tokens > 0 ? x->n_tokens : strlen(x->prompt);
    const size_t m = y->n_tokens > 0 ? y->n_tokens : strlen(y->prompt);
    if (n != m) return n > m ? -1 : 1;
    const int order = strcmp(x->prompt, y->prompt);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static ec_status choose_longest(ec_image_set *set, ec_error *err) {
    for (size_t i = 0; i < set->n_items; i++) {
        const ec_image_item *item = &set->items[i];
        if (item->prompt == NULL)
            return ec_fail(err, EC_ERR_ARG,
                           "%s: image %zu of the set has no prompt; the selection 'longest' needs "
                           "records with prompts, 'random' does not",
                           item->path, i + 1);
        if ((item->n_tokens > 0) != (set->items[0].n_tokens > 0))
            return ec_fail(
                err, EC_ERR_ARG,
                "%s: image %zu of the set %s a token count and the first one %s; give it "
                "for all or for none",
                item->path, i + 1, item->n_tokens > 0 ? "has" : "has not",
                item->n_tokens > 0 ? "has not" : "has");
    }
    qsort(set->items, set->n_items, sizeof *set->items, longest_first);
    return EC_OK;
}

ec_status ec_image_set_select(ec_image_set *set, ec_image_selection selection, size_t n,
                              uint64_t seed, ec_error *err) {
    if (n == 0) return ec_fail(err, EC_ERR_ARG, "a selection of 0 images; expected at least 1");
    if (n > set->n_items) n = set->n_items;
    if (selection == EC_SELECT_LONGEST) {
        const ec_status status = choose_longest(set, err);
        if (status != EC_OK) return status;
    } else {
        choose_random(set, n, seed);
    }
    for (size_t i = n; i < set->n_items; i++) release_item(&set->items[i]);
    set->n_items = n;
    return EC_OK;
}

/* ---- keeping ---- */

/* A line of the list; NULL when there is no memory or a text is not UTF-8. */
static char *record_of(const ec_image_item *item, const char *here) {
    ec_text path = {0};
    if (item->path[0] != '/') ec_text_format(&path, "%s/", here);
    ec_text_add(&path, item->path);
    json_t *record = json_object();
    int bad = path.failed || record == NULL;
    if (!bad) bad = json_object_set_new(record, "image", json_string(path.data));
    if (!bad && item->prompt != NULL)
        bad = json_object_set_new(record, "prompt", json_string(item->prompt));
    if (!bad && item->n_tokens > 0)
        bad =
            json_object_set_new(record, "prompt_tokens", json_integer((json_int_t)item->n_tokens));
    if (!bad) bad = json_object_set_new(record, "set_index", json_integer((json_int_t)item->index));
    char *line = bad ? NULL : json_dumps(record, JSON_COMPACT);
    json_decref(record);
    ec_text_release(&path);
    return line;
}

ec_status ec_image_set_save(const ec_image_set *set, const char *path, ec_error *err) {
    char here[EC_MAX_IMAGE_PATH];
    if (getcwd(here, sizeof here) == NULL)
        return ec_fail(err, EC_ERR_IO, "the current folder: %s", strerror(errno));
    ec_text text = {0};
    ec_status status = EC_OK;
    for (size_t i = 0; i < set->n_items && status == EC_OK; i++) {
        char *line = record_of(&set->items[i], here);
        if (line == NULL)
            status = ec_fail(err, EC_ERR_FORMAT,
                             "%s: image '%.200s': its name or prompt is not UTF-8 and cannot be "
                             "listed; rename it",
                             path, set->items[i].path);
        else
            ec_text_format(&text, "%s\n", line);
        free(line);
    }
    if (status == EC_OK && text.failed) status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (status == EC_OK) status = ec_file_write(path, text.data, text.size_bytes, err);
    ec_text_release(&text);
    return status;
}
