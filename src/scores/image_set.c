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
#include "eyechart/rng.h"
#include "scores/image_set_reader.h"

enum { MAX_PATH = 4096 };
static const size_t MAX_FILE_BYTES = (size_t)2 << 30; /* LLaVA's mix of 665,000 records has 1 GB */

/* ---- items ---- */

static char *copy(const char *text, size_t size) {
    char *out = malloc(size + 1);
    if (out == NULL) return NULL;
    memcpy(out, text, size);
    out[size] = '\0';
    return out;
}

static bool grow(image_set_reader *r) {
    if (r->set->n_items < r->capacity) return true;
    const size_t capacity = r->capacity > 0 ? 2 * r->capacity : 256;
    ec_image_item *grown = realloc(r->set->items, capacity * sizeof *grown);
    if (grown == NULL) return false;
    r->set->items = grown;
    r->capacity = capacity;
    return true;
}

ec_status ec_image_set_add(image_set_reader *r, const char *path, size_t size, const char *prompt,
                           size_t prompt_size, size_t n_tokens, ec_error *err) {
    const size_t folder = size > 0 && path[0] == '/' ? 0 : r->folder_size;
    if (size == 0 || folder + size > MAX_PATH || memchr(path, '\0', size) != NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "the image's path is empty, longer than %d bytes, or has a "
                       "zero byte; expected the path of an image file",
                       MAX_PATH);
    if (!grow(r)) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_image_item *item = &r->set->items[r->set->n_items];
    *item = (ec_image_item){.path = malloc(folder + size + 1),
                            .prompt = prompt != NULL ? copy(prompt, prompt_size) : NULL,
                            .n_tokens = n_tokens,
                            .index = r->set->n_items};
    r->set->n_items++;
    if (item->path == NULL || (prompt != NULL && item->prompt == NULL))
        return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    memcpy(item->path, r->file, folder);
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

/* ---- sources ---- */

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
    if (name[0] == '.') return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(name, endings[i])) return true;
    return false;
}

static int visible(const struct dirent *entry) {
    return is_image_name(entry->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static ec_status read_folder(image_set_reader *r, const char *folder, ec_error *err) {
    struct dirent **entry;
    const int n = scandir(folder, &entry, visible, by_bytes);
    if (n < 0) return ec_fail(err, EC_ERR_IO, "%s: cannot list: %s", folder, strerror(errno));
    ec_text path = {0};
    ec_text_format(&path, "%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/");
    ec_status status =
        path.failed ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", folder) : EC_OK;
    r->file = path.data;
    r->folder_size = path.size_bytes;
    for (int i = 0; i < n; i++) {
        struct stat info;
        ec_text full = {0};
        ec_text_format(&full, "%s%s", path.failed ? "" : path.data, entry[i]->d_name);
        if (status == EC_OK && !full.failed && stat(full.data, &info) == 0 &&
            S_ISREG(info.st_mode)) {
            status =
                ec_image_set_add(r, entry[i]->d_name, strlen(entry[i]->d_name), NULL, 0, 0, err);
            if (status != EC_OK) ec_error_prefix(err, status, "%s", full.data);
        }
        ec_text_release(&full);
        free(entry[i]);
    }
    free(entry);
    ec_text_release(&path);
    if (status == EC_OK && r->set->n_items == 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: no image files in this folder", folder);
    return status;
}

static ec_status read_file(image_set_reader *r, const char *path, ec_error *err) {
    const bool lines = ends_with(path, ".jsonl"), text = ends_with(path, ".txt");
    if (!lines && !text && !ends_with(path, ".json"))
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: not an image set by its name; expected a folder of images, a .txt list, "
            "or records in .jsonl or .json",
            path);
    ec_text content;
    ec_status status = ec_file_read(&content, path, MAX_FILE_BYTES, err);
    if (status != EC_OK) return status;
    const char *slash = strrchr(path, '/');
    r->file = path;
    r->folder_size = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    const char *data = content.size_bytes > 0 ? content.data : "";
    if (lines || text)
        status = ec_image_set_read_lines(r, data, content.size_bytes, lines, err);
    else
        status = ec_image_set_read_json(r, data, content.size_bytes, err);
    ec_text_release(&content);
    if (status == EC_OK && r->set->n_items == 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       text ? "%s: no images; expected the path of one on each line"
                            : "%s: no images; expected records with an image, such as {\"image\": "
                              "\"photo.jpg\", \"prompt\": \"What is this?\"}",
                       path);
    return status;
}

ec_status ec_image_set_load(ec_image_set *out, const char *path, ec_error *err) {
    *out = (ec_image_set){0};
    struct stat info;
    if (path[0] == '\0' || stat(path, &info) != 0) {
        if (path[0] == '\0') errno = ENOENT;
        return ec_fail(err, errno == ENOENT || errno == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO,
                       "%s: %s", path, strerror(errno));
    }
    image_set_reader r = {.set = out};
    return S_ISDIR(info.st_mode) ? read_folder(&r, path, err) : read_file(&r, path, err);
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
    char here[MAX_PATH];
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
