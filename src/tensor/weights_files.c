/* weights_files.c - which files a model's weights are in
 *
 * What a file is, its bytes say: a .bin is read as safetensors where it is that. A shard that is
 * missing, or is not what it should be, matters to those who ask for a tensor in it.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/content.h"
#include "base/file.h"
#include "base/text.h"
#include "tensor/weights.h"

enum { MAX_INDEX_BYTES = 256 << 20 };

static ec_status no_memory(ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- one file ---- */

static ec_status refuse_content(const ec_map *map, const char *path, ec_error *err) {
    char what[EC_CONTENT_SIZE];
    if (ec_content_describe(what, map->bytes, map->size_bytes))
        return ec_fail(err, EC_ERR_FORMAT, "%s: is %s", path, what);
    return ec_fail(
        err, EC_ERR_FORMAT,
        "%s: neither safetensors nor a file of PyTorch's torch.save, by its first bytes; "
        "it may be damaged or of another format",
        path);
}

static ec_status read_content(ec_weights *w, const ec_map *map, const char *path, ec_error *err) {
    if (ec_safetensors_recognise(map)) return ec_safetensors_read(w, map, path, err);
    if (map->size_bytes >= 4 && (memcmp(map->bytes, "PK\3\4", 4) == 0))
        return ec_torch_read(w, map, path, err);
    if (ec_torch_is_legacy(map)) return ec_torch_read_legacy(w, map, path, err);
    char what[EC_CONTENT_SIZE];
    if (ends_with(path, ".safetensors") && !ec_content_describe(what, map->bytes, map->size_bytes))
        return ec_safetensors_read(w, map, path, err); /* it says what is wrong */
    return refuse_content(map, path, err);
}

/* Reads a file that is in memory. `path` is owned from here on, and so is the map. Nothing of it is
 * left after a failure. */
static ec_status add_shard(ec_weights *w, char *path, ec_map map, bool borrowed, ec_error *err) {
    ec_weights_shard *grown = realloc(w->shard, (w->n_shards + 1) * sizeof *grown);
    ec_status status = grown == NULL ? no_memory(err) : EC_OK;
    const size_t n_before = w->n_entries;
    if (grown != NULL) {
        w->shard = grown;
        w->shard[w->n_shards++] = (ec_weights_shard){path, map, borrowed};
        status = read_content(w, &map, path, err);
        if (status == EC_OK) return EC_OK;
        w->n_shards--;
    }
    for (size_t i = n_before; i < w->n_entries; i++) {
        free(w->entry[i].name);
        free((char *)w->entry[i].stored.unread);
    }
    w->n_entries = n_before;
    if (!borrowed) ec_map_close(&map);
    free(path);
    return status;
}

/* What Git LFS left in place of a file is as good as no file: EC_ERR_NOT_FOUND. */
static ec_status check_downloaded(const ec_map *map, const char *path, ec_error *err) {
    if (!ec_content_is_lfs_pointer(map->bytes, map->size_bytes)) return EC_OK;
    refuse_content(map, path, err);
    return err != NULL ? err->status = EC_ERR_NOT_FOUND : EC_ERR_NOT_FOUND;
}

/* Maps one file and reads its tensors. `path` is owned from here on. */
static ec_status read_shard(ec_weights *w, char *path, ec_error *err) {
    if (path == NULL) return no_memory(err);
    ec_map map;
    ec_status status = ec_map_open(&map, path, err);
    if (status == EC_OK && (status = check_downloaded(&map, path, err)) != EC_OK)
        ec_map_close(&map);
    if (status == EC_OK) return add_shard(w, path, map, false, err);
    free(path);
    return status;
}

/* "folder of path/name", malloc'ed. */
static char *sibling(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    ec_text text = {0};
    ec_text_format(&text, "%.*s%s", slash != NULL ? (int)(slash - path) + 1 : 0, path, name);
    return text.data;
}

static char *inside(const char *folder, const char *name) {
    ec_text text = {0};
    ec_text_format(&text, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name);
    return text.data;
}

/* ---- shards ---- */

/* A file among several of a model. */
typedef struct {
    const char *name; /* borrowed */
    char *why;        /* it is not there or cannot be read; NULL: it was read */
} part;

static ec_status note_gap(ec_weights *w, part *p, const char *message, ec_error *err) {
    ec_text why = {0};
    ec_text_add(&why, message);
    p->why = why.data;
    ec_text_format(&w->gaps, "%s%s", w->gaps.size_bytes > 0 ? "; " : "", message);
    return why.failed || w->gaps.failed ? no_memory(err) : EC_OK;
}

/* Reads the shards beside `beside`. Those that cannot be read are left out, with the reason; it is
 * an error when none can: EC_ERR_NOT_FOUND where none was downloaded. */
static ec_status read_parts(ec_weights *w, part *parts, size_t n, const char *beside,
                            ec_error *err) {
    size_t n_read = 0;
    ec_error first = {0};
    for (size_t i = 0; i < n; i++) {
        ec_error why = {0};
        ec_status status = read_shard(w, sibling(beside, parts[i].name), &why);
        if (status == EC_OK) n_read++;
        if (status == EC_OK) continue;
        if (status == EC_ERR_NOMEM) return no_memory(err);
        if (first.status == EC_OK ||
            (first.status == EC_ERR_NOT_FOUND && status != EC_ERR_NOT_FOUND))
            first = why;
        if ((status = note_gap(w, &parts[i], why.message, err)) != EC_OK) return status;
    }
    if (n_read > 0) return EC_OK;
    return ec_fail(err, first.status, "%s: of the files that it names none can be read: %s", beside,
                   first.message);
}

static void free_parts(part *parts, size_t n) {
    for (size_t i = 0; i < n; i++) free(parts[i].why);
    free(parts);
}

/* ---- an index ---- */

static int part_by_name(const void *a, const void *b) {
    return strcmp(((const part *)a)->name, ((const part *)b)->name);
}

static bool is_beside(const char *name) {
    return name != NULL && name[0] != '\0' && strchr(name, '/') == NULL &&
           strcmp(name, "..") != 0 && strcmp(name, ".") != 0;
}

/* The distinct files of a weight_map, sorted: *out, an array of its own, borrows the names. */
static ec_status list_parts(part **out, size_t *n_out, const json_t *map, const char *path,
                            ec_error *err) {
    *n_out = 0;
    *out = calloc(json_object_size(map) + 1, sizeof **out);
    if (*out == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    part *parts = *out;
    size_t n = 0;
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)map, tensor, value) {
        const char *name = json_string_value(value);
        if (is_beside(name)) parts[n++].name = name;
    }
    qsort(parts, n, sizeof *parts, part_by_name);
    for (size_t i = 0; i < n; i++)
        if (*n_out == 0 || strcmp(parts[*n_out - 1].name, parts[i].name) != 0)
            parts[(*n_out)++] = parts[i];
    if (*n_out == 0) return ec_fail(err, EC_ERR_FORMAT, "%s: names no file beside it", path);
    return EC_OK;
}

/* Why a tensor that an index names is in none of the files. */
static void tell_absence(ec_text *why, const json_t *file, const part *parts, size_t n_parts) {
    const part wanted = {.name = json_string_value(file)};
    const part *in = is_beside(wanted.name)
                         ? bsearch(&wanted, parts, n_parts, sizeof wanted, part_by_name)
                         : NULL;
    if (in == NULL)
        ec_text_add(why, "has no file beside the index by its weight_map");
    else if (in->why == NULL)
        ec_text_format(why, "should be in %s and is not; download that file again", in->name);
    else
        ec_text_format(why, "should be in %s (%s)", in->name, in->why);
}

/* Adds the tensors that the index names and no file has. */
static ec_status add_absent(ec_weights *w, const json_t *map, const part *parts, size_t n_parts,
                            ec_error *err) {
    const char *tensor;
    json_t *file;
    ec_weights_sort(w);
    const size_t n_read = w->n_entries; /* what is added stands behind, unsorted */
    json_object_foreach((json_t *)map, tensor, file) {
        const ec_weights read = {.entry = w->entry, .n_entries = n_read};
        if (ec_weights_find(&read, tensor) != NULL) continue;
        ec_text why = {0};
        tell_absence(&why, file, parts, n_parts);
        const ec_stored stored = {.tensor = {.dtype = EC_OTHER_DTYPE}, .unread = why.data};
        const ec_status status =
            why.failed ? no_memory(err) : ec_weights_add(w, tensor, &stored, err);
        ec_text_release(&why);
        if (status != EC_OK) return status;
        w->entry[w->n_entries - 1].file = w->index;
    }
    return EC_OK;
}

static ec_status read_index(ec_weights *w, const char *path, ec_error *err) {
    ec_text text;
    ec_status status = ec_file_read(&text, path, MAX_INDEX_BYTES, err);
    if (status != EC_OK) return status;
    json_error_t where;
    json_t *root = json_loadb(text.data, text.size_bytes, JSON_REJECT_DUPLICATES, &where);
    const json_t *map = json_object_get(root, "weight_map");
    char what[EC_CONTENT_SIZE];
    if (root == NULL &&
        ec_content_describe(what, (const unsigned char *)text.data, text.size_bytes) &&
        text.data[0] != '{')
        status = ec_fail(err, EC_ERR_FORMAT, "%s: is %s", path, what);
    else if (!json_is_object(map))
        status = ec_fail(
            err, EC_ERR_FORMAT, "%s: %s", path,
            root == NULL
                ? where.text
                : "has no object \"weight_map\"; expected {\"weight_map\": {tensor: file}}");
    ec_text_release(&text);
    part *parts = NULL;
    size_t n = 0;
    if (status == EC_OK) status = list_parts(&parts, &n, map, path, err);
    if (status == EC_OK) status = read_parts(w, parts, n, path, err);
    free(w->index);
    w->index = strdup(path);
    if (status == EC_OK && w->index == NULL) status = no_memory(err);
    if (status == EC_OK) status = add_absent(w, map, parts, n, err);
    free_parts(parts, n);
    json_decref(root);
    return status;
}

/* ---- a folder ---- */

/* Names of files, sorted. */
typedef struct {
    char **name;
    size_t n;
} names;

static void free_names(names *list) {
    for (size_t i = 0; i < list->n; i++) free(list->name[i]);
    free(list->name);
    *list = (names){0};
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Weights by their name, but of optimizers, adapters and connectors. */
static bool is_weights(const char *name) {
    static const char *const endings[] = {".safetensors", ".bin", ".pt", ".pth", ".ckpt"};
    static const char *const others[] = {
        "training_args", "optimizer",    "scheduler",  "scaler",      "rng_state", "random_",
        "adapter_",      "mm_projector", "non_lora_",  "openvino",    "trainer_",  "pytorch_lora",
        "onnx",          "tokenizer.",   "bf16_zero_", "zero_pp_rank"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strncmp(name, others[i], strlen(others[i])) == 0) return false;
    if (name[0] == '.' || strstr(name, "optim_states") != NULL) return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(name, endings[i])) return true;
    return false;
}

static ec_status list_weights(names *out, const char *folder, ec_error *err) {
    *out = (names){0};
    DIR *entries = opendir(folder);
    if (entries == NULL) return ec_fail(err, EC_ERR_IO, "%s: %s", folder, strerror(errno));
    ec_status status = EC_OK;
    for (const struct dirent *e; status == EC_OK && (e = readdir(entries)) != NULL;) {
        if (!is_weights(e->d_name)) continue;
        char **grown = realloc(out->name, (out->n + 1) * sizeof *grown);
        if (grown != NULL) out->name = grown;
        if (grown == NULL || (grown[out->n] = strdup(e->d_name)) == NULL)
            status = no_memory(err);
        else
            out->n++;
    }
    closedir(entries);
    if (out->n > 0) qsort(out->name, out->n, sizeof *out->name, by_text);
    if (status != EC_OK) free_names(out);
    return status;
}

/* "stem-00002-of-00005.ending" taken apart. */
typedef struct {
    size_t stem; /* bytes of the name before the dash */
    unsigned number, total;
} shard_name;

static bool parse_shard(shard_name *out, const char *name) {
    const char *of = NULL; /* the last one: "best-of-all-00001-of-00002.safetensors" */
    for (const char *at = name; (at = strstr(at, "-of-")) != NULL; at++) of = at;
    if (of == NULL || of - name < 6) return false;
    const char *number = of - 5, *total = of + 4;
    if (number[-1] != '-' || strspn(number, "0123456789") != 5 ||
        strspn(total, "0123456789") != 5 || total[5] != '.')
        return false;
    *out = (shard_name){(size_t)(number - name) - 1, (unsigned)strtoul(number, NULL, 10),
                        (unsigned)strtoul(total, NULL, 10)};
    return out->total > 0 && out->number > 0 && out->number <= out->total;
}

/* Names that differ in the number of the shard alone. */
static bool same_set(const char *a, const char *b) {
    shard_name x, y;
    return parse_shard(&x, a) && parse_shard(&y, b) && x.stem == y.stem && x.total == y.total &&
           strncmp(a, b, x.stem) == 0 && strcmp(a + x.stem + 10, b + y.stem + 10) == 0;
}

/* Reads a set of shards that has no index; `one` is a name of it. */
static ec_status read_set(ec_weights *w, const char *folder, const char *one, ec_error *err) {
    shard_name s;
    if (!parse_shard(&s, one)) return ec_fail(err, EC_ERR_ARG, "%s: not the name of a shard", one);
    part *parts = calloc(s.total, sizeof *parts);
    char(*name)[512] = calloc(s.total, sizeof *name);
    char *beside = inside(folder, "");
    ec_status status = parts == NULL || name == NULL || beside == NULL ? no_memory(err) : EC_OK;
    for (unsigned i = 0; i < s.total && status == EC_OK; i++) {
        snprintf(name[i], sizeof *name, "%.*s-%05u%s", (int)s.stem, one, i + 1, one + s.stem + 6);
        parts[i].name = name[i];
    }
    if (status == EC_OK) status = read_parts(w, parts, s.total, beside, err);
    if (parts != NULL) free_parts(parts, s.total);
    free(name);
    free(beside);
    return status;
}

static ec_status read_named(ec_weights *w, const char *folder, const char *name, ec_error *err) {
    char *path = inside(folder, name);
    if (path == NULL) return no_memory(err);
    if (!ends_with(name, ".index.json")) return read_shard(w, path, err);
    const ec_status status = read_index(w, path, err);
    free(path);
    return status;
}

/* Kinds of names, the surer first. */
typedef enum { USUAL_SAFETENSORS, USUAL_TORCH, ANY_SAFETENSORS, ANY, NAMINGS } naming;

static bool is_named(const char *name, naming as) {
    static const char *const starts[] = {"model", "pytorch_model", "open_clip"};
    const bool safetensors = ends_with(name, ".safetensors");
    if (as == ANY) return true;
    if (as == ANY_SAFETENSORS) return safetensors;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return safetensors == (as == USUAL_SAFETENSORS);
    return false;
}

/* Of the files in a folder the one of weights, or one of the only set of shards. *n is how many
 * there were to choose from. */
static const char *choose(size_t *n, const names *list, naming as) {
    const char *chosen = NULL;
    *n = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (!is_named(list->name[i], as)) continue;
        if (chosen != NULL && same_set(chosen, list->name[i])) continue;
        chosen = list->name[i];
        ++*n;
    }
    return chosen;
}

/* What there may be in a folder without weights that eyechart reads, and what to do with it. */
static ec_status refuse_folder(const char *folder, ec_error *err) {
    static const struct {
        const char *name, *advice;
    } foreign[] = {
        {"zero_to_fp32.py", "run it: it makes whole weights of DeepSpeed's parts"},
        {".metadata", "it belongs to a distributed checkpoint: 'python -m "
                      "torch.distributed.checkpoint.format_utils dcp_to_torch' makes a file of it"},
        {"adapter_model.safetensors", "adapters alone: merge them into their model"},
        {"adapter_model.bin", "adapters alone: merge them into their model"},
        {"tf_model.h5", "take the weights for PyTorch or safetensors"},
        {"flax_model.msgpack", "take the weights for PyTorch or safetensors"},
        {"model.onnx", "take the weights for PyTorch or safetensors"},
        {"model.gguf", "take the weights for PyTorch or safetensors"},
        {"saved_model.pb", "take the weights for PyTorch or safetensors"},
        {"openvino_model.bin", "take the weights for PyTorch or safetensors"},
    };
    const size_t n = sizeof foreign / sizeof *foreign;
    size_t found = 0;
    for (; found < n; found++) {
        char *path = inside(folder, foreign[found].name);
        struct stat info;
        const bool is_there = path != NULL && stat(path, &info) == 0;
        free(path);
        if (is_there) break;
    }
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: no weights there; expected model.safetensors or pytorch_model.bin, whole "
                   "or in shards%s%s%s%s",
                   folder, found < n ? "; there is " : "", found < n ? foreign[found].name : "",
                   found < n ? ": " : "", found < n ? foreign[found].advice : "");
}

static ec_status refuse_choice(const names *list, const char *folder, ec_error *err) {
    ec_text text = {0};
    for (size_t i = 0; i < list->n && i < 6; i++)
        ec_text_format(&text, "%s%.80s", i > 0 ? ", " : "", list->name[i]);
    if (list->n > 6) ec_text_format(&text, " and %zu more", list->n - 6);
    const ec_status status =
        text.failed ? no_memory(err)
                    : ec_fail(err, EC_ERR_FORMAT,
                              "%s: several files of weights (%s); rename the right one to "
                              "model.safetensors or pytorch_model.bin, or give its own path",
                              folder, text.data);
    ec_text_release(&text);
    return status;
}

static ec_status read_any(ec_weights *w, const char *folder, ec_error *err) {
    names list;
    ec_status status = list_weights(&list, folder, err);
    if (status != EC_OK) return status;
    size_t n = 0;
    const char *chosen = NULL;
    for (naming as = USUAL_SAFETENSORS; as < NAMINGS && n == 0; as++)
        chosen = choose(&n, &list, as);
    shard_name set;
    if (n == 0)
        status = refuse_folder(folder, err);
    else if (n > 1)
        status = refuse_choice(&list, folder, err);
    else if (parse_shard(&set, chosen))
        status = read_set(w, folder, chosen, err);
    else
        status = read_named(w, folder, chosen, err);
    free_names(&list);
    return status;
}

/* Forgets what a file left that could not be read as a whole. */
static void reset(ec_weights *w) {
    ec_text_release(&w->gaps);
    ec_text_release(&w->source);
}

/* Reads a file of the folder where it is there: *done. What was not downloaded is as good as not
 * there; *first is why, of the first such file. */
static ec_status try_file(ec_weights *w, bool *done, ec_error *first, const char *folder,
                          const char *base, const char *ending, ec_error *err) {
    ec_text name = {0};
    struct stat info;
    ec_text_format(&name, "%s%s", base, ending);
    char *path = name.failed ? NULL : inside(folder, name.data);
    const bool is_listed = path != NULL && lstat(path, &info) == 0;
    ec_status status = path == NULL ? no_memory(err) : EC_OK;
    if (is_listed) {
        ec_error why = {0};
        status = read_named(w, folder, name.data, &why);
        *done = status == EC_OK;
        if (!*done && first->status == EC_OK) *first = why;
        if (status == EC_ERR_NOT_FOUND) {
            status = EC_OK;
            reset(w);
        } else if (status != EC_OK) {
            ec_fail(err, status, "%s", why.message);
        }
    }
    ec_text_release(&name);
    free(path);
    return status;
}

/* The shards "base-00001-of-00003.*" that lie there without an index. */
static ec_status try_set(ec_weights *w, bool *done, const char *folder, const char *base,
                         ec_error *err) {
    names list;
    shard_name s;
    ec_status status = list_weights(&list, folder, err);
    for (size_t i = 0; status == EC_OK && i < list.n && !*done; i++) {
        if (!parse_shard(&s, list.name[i]) || s.stem != strlen(base) ||
            strncmp(list.name[i], base, s.stem) != 0)
            continue;
        status = read_set(w, folder, list.name[i], err);
        *done = status == EC_OK;
    }
    free_names(&list);
    return status;
}

/* `bases` are the names that are asked for before the usual ones; NULL: none. */
static ec_status read_folder(ec_weights *w, const char *folder, const char *const *bases,
                             ec_error *err) {
    static const char *const usual[][2] = {{"model", ".safetensors"},
                                           {"model", ".safetensors.index.json"},
                                           {"pytorch_model", ".bin"},
                                           {"pytorch_model", ".bin.index.json"}};
    static const char *const endings[] = {".safetensors", ".safetensors.index.json", ".bin",
                                          ".bin.index.json"};
    ec_error first = {0}; /* of the files that were not downloaded */
    ec_status status = EC_OK;
    bool done = false;
    for (size_t i = 0; bases != NULL && bases[i] != NULL && status == EC_OK && !done; i++) {
        for (size_t k = 0; k < 4 && status == EC_OK && !done; k++)
            status = try_file(w, &done, &first, folder, bases[i], endings[k], err);
        if (status == EC_OK && !done) status = try_set(w, &done, folder, bases[i], err);
    }
    for (size_t k = 0; k < 4 && status == EC_OK && !done; k++)
        status = try_file(w, &done, &first, folder, usual[k][0], usual[k][1], err);
    if (done || status != EC_OK) return status;
    if (first.status != EC_OK) return ec_fail(err, first.status, "%s", first.message);
    return read_any(w, folder, err);
}

/* ---- the whole ---- */

/* What was opened, for people: the first file and how many more, unless a reader said it. */
static ec_status name_source(ec_weights *w, ec_error *err) {
    if (w->source.size_bytes == 0 && w->n_shards > 0) {
        ec_text_add(&w->source, file_name(w->shard[0].path));
        if (w->n_shards > 1) ec_text_format(&w->source, " and %zu more", w->n_shards - 1);
    }
    return w->source.failed ? no_memory(err) : EC_OK;
}

static ec_status finish(ec_weights **out, ec_weights *w, ec_status status, ec_error *err) {
    if (status == EC_OK) {
        ec_weights_sort(w);
        status = name_source(w, err);
    }
    if (status != EC_OK) {
        ec_weights_close(w);
        return status;
    }
    *out = w;
    return EC_OK;
}

ec_status ec_weights_read(ec_weights **out, const void *bytes, size_t size_bytes, const char *name,
                          ec_error *err) {
    *out = NULL;
    ec_weights *w = calloc(1, sizeof *w);
    char *path = strdup(name);
    if (w == NULL || path == NULL) {
        free(w);
        free(path);
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", name);
    }
    return finish(out, w, add_shard(w, path, (ec_map){bytes, size_bytes}, true, err), err);
}

ec_status ec_weights_open(ec_weights **out, const char *path, ec_error *err) {
    return ec_weights_open_named(out, path, NULL, err);
}

ec_status ec_weights_open_named(ec_weights **out, const char *path, const char *const *bases,
                                ec_error *err) {
    *out = NULL;
    struct stat info;
    if (stat(path, &info) != 0) return ec_file_cannot_open(path, err);
    ec_weights *w = calloc(1, sizeof *w);
    if (w == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    char *folder = NULL;
    ec_status status;
    if (S_ISDIR(info.st_mode)) {
        status = ec_file_model_folder(&folder, path, err);
        if (status == EC_OK) status = read_folder(w, folder, bases, err);
    } else if (ends_with(path, ".index.json")) {
        status = read_index(w, path, err);
    } else {
        status = read_shard(w, strdup(path), err);
    }
    free(folder);
    return finish(out, w, status, err);
}
