/* image_set_tsv.c - VLMEvalKit's tables
 *
 *     index   image        question              the names of the columns, then a row a question
 *     1       /9j/4AAQ…    "What is ""this""?"   quotes as in CSV, with line breaks in them
 *     2       1            Why?                  the image of the row with index 1
 *
 * `image` of at most 64 characters is the index of another row, which has the image itself; a table
 * without images has their files in `image_path`. Other columns count as keys of a record do, of
 * several with one name the first, as in pandas.
 *
 * Source: open-compass/VLMEvalKit at e8e78f0, vlmeval/dataset/image_base.py.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/memory.h"
#include "sets/image_set_reader.h"

enum { MAX_COLUMNS = 4096, MAX_INDEX = 64 };

/* An index by its hash, and the image that its row has or asks for. */
typedef struct {
    uint64_t index;
    size_t item, line;
    bool may_be_path;
} entry;

typedef struct {
    entry *entries;
    size_t n, capacity;
} entries;

typedef struct {
    image_set_reader *set;
    ec_stream *in;
    char **columns;
    size_t n_columns;
    set_record record;
    record_field index;
    entries owners, askers;
    ec_error *err;
} table;

/* ---- fields ---- */

static const bool cell_stops[256] = {
    ['\0'] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, ['"'] = true};

/* A field up to the tab, line break or end behind it, which stays; NULL: it is passed over. */
static ec_status read_cell(table *t, record_field *out) {
    const size_t line = t->in->line;
    bool quoted = ec_stream_peek(t->in) == '"';
    if (quoted) ec_stream_next(t->in);
    const uint64_t start = ec_stream_offset(t->in);
    uint64_t end = start;
    for (;;) {
        const int c = ec_stream_peek(t->in);
        if (c == EC_STREAM_END && quoted) {
            const ec_status status = ec_stream_status(t->in, t->err);
            return status != EC_OK ? status
                                   : ec_fail(t->err, EC_ERR_FORMAT,
                                             "%s:%zu: expected the '\"' that ends a field, found "
                                             "the end",
                                             t->in->name, line);
        }
        if (c == EC_STREAM_END || (!quoted && (c == '\t' || c == '\n' || c == '\r'))) break;
        const char *run;
        const size_t n = ec_stream_pass(t->in, &run, cell_stops);
        if (n > 0) {
            if (out != NULL) ec_field_add(out, run, n);
            end = ec_stream_offset(t->in);
            continue;
        }
        ec_stream_next(t->in);
        if (quoted && c == '"') {
            if (ec_stream_peek(t->in) != '"') {
                quoted = false;
                continue;
            }
            ec_stream_next(t->in);
        }
        const char byte = (char)c;
        if (out != NULL) {
            out->has_zero |= byte == '\0';
            ec_field_add(out, byte != '\0' ? &byte : "\xef\xbf\xbd", byte != '\0' ? 1 : 3);
        }
        end = ec_stream_offset(t->in);
    }
    if (out == NULL) return EC_OK;
    ec_field_add(out, "", 0);
    out->kind = FIELD_TEXT;
    out->offset = start;
    out->size_bytes = end - start;
    return out->text.failed ? ec_no_memory(t->in->name, t->err) : EC_OK;
}

/* What pandas takes for no value; an image cannot be called so there. */
static bool is_missing(const record_field *field) {
    static const char *const words[] = {"nan",  "NaN", "-nan", "-NaN", "NA",   "N/A", "n/a",
                                        "<NA>", "#NA", "#N/A", "null", "NULL", "None"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(field->text.data, words[i]) == 0) return true;
    return false;
}

/* Past the end of the line. */
static void end_line(table *t) {
    if (ec_stream_peek(t->in) == '\r') ec_stream_next(t->in);
    if (ec_stream_peek(t->in) == '\n') ec_stream_next(t->in);
}

static bool at_line_end(table *t) {
    const int c = ec_stream_peek(t->in);
    return c == '\n' || c == '\r' || c == EC_STREAM_END;
}

/* ---- the names of the columns ---- */

static ec_status read_columns(table *t) {
    ec_text all = {0};
    bool has_image = false;
    for (bool more = true; more;) {
        record_field name = {0};
        ec_status status = t->n_columns < MAX_COLUMNS
                               ? read_cell(t, &name)
                               : ec_fail(t->err, EC_ERR_FORMAT, "%s:1: more than %d columns",
                                         t->in->name, MAX_COLUMNS);
        char **grown = realloc(t->columns, (t->n_columns + 1) * sizeof *grown);
        if (grown == NULL && status == EC_OK) status = ec_no_memory(t->in->name, t->err);
        if (grown != NULL) t->columns = grown;
        if (status != EC_OK) {
            ec_text_release(&name.text);
            ec_text_release(&all);
            return status;
        }
        has_image |= ec_is_image_key(name.text.data);
        ec_text_format(&all, "%s%.60s", t->n_columns > 0 ? ", " : "", name.text.data);
        t->columns[t->n_columns++] = name.text.data; /* its owner now */
        more = ec_stream_peek(t->in) == '\t';
        if (more) ec_stream_next(t->in);
    }
    end_line(t);
    ec_status status = EC_OK;
    if (!has_image)
        status = ec_fail(t->err, EC_ERR_FORMAT,
                         "%s:1: expected the names of columns with tabs between them, 'image' or "
                         "'image_path' among them, found %.300s",
                         t->in->name, all.failed ? "others" : all.data);
    ec_text_release(&all);
    return status;
}

/* ---- rows ---- */

static bool remember(entries *list, entry new) {
    entry *grown = ec_grown(list->entries, list->n, &list->capacity, sizeof *grown);
    if (grown == NULL) return false;
    list->entries = grown;
    list->entries[list->n++] = new;
    return true;
}

/* "123", also as pandas makes it of whole numbers with a gap among them, "123.0". */
static uint64_t hash_index(const char *text) {
    while (*text == ' ') text++;
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == ' ') n--;
    if (n > 2 && memcmp(text + n - 2, ".0", 2) == 0) n -= 2;
    return XXH3_64bits(text, n);
}

static ec_status read_row(table *t) {
    const size_t line = t->in->line;
    ec_status status = EC_OK;
    ec_record_clear(&t->record);
    ec_field_clear(&t->index);
    for (size_t i = 0;; i++) {
        if (i == t->n_columns)
            return ec_fail(t->err, EC_ERR_FORMAT, "%s:%zu: more fields than the %zu columns",
                           t->in->name, line, t->n_columns);
        const bool is_index = strcmp(t->columns[i], "index") == 0;
        record_field *field = is_index ? &t->index : ec_record_find(&t->record, 0, t->columns[i]);
        if (field != NULL && field->kind != FIELD_ABSENT) field = NULL; /* a second one of a name */
        status = read_cell(t, field);
        if (status != EC_OK) return status;
        if (field != NULL && field->is_image && is_missing(field)) field->kind = FIELD_NULL;
        if (ec_stream_peek(t->in) != '\t') break;
        ec_stream_next(t->in);
    }
    end_line(t);

    const size_t n_items = t->set->set->n_items;
    status = ec_image_set_take(t->set, &t->record, line, t->err);
    if (status != EC_OK || t->set->set->n_items == n_items) return status;
    const record_field *image = ec_record_image(&t->record);
    const bool asks = image == &t->record.image[0][0] && image->n_bytes <= MAX_INDEX;
    if (!asks && t->index.kind != FIELD_TEXT) return EC_OK;
    const char *index = asks ? image->text.data : t->index.text.data;
    const entry new = {hash_index(index), n_items, line, strpbrk(index, "./\\") != NULL};
    return remember(asks ? &t->askers : &t->owners, new) ? EC_OK
                                                         : ec_no_memory(t->in->name, t->err);
}

/* ---- images of other rows ---- */

static int by_index(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static ec_status give_images(table *t) {
    if (t->owners.n > 0) qsort(t->owners.entries, t->owners.n, sizeof *t->owners.entries, by_index);
    for (size_t i = 0; i < t->askers.n; i++) {
        const entry *asker = &t->askers.entries[i];
        const entry *owner = t->owners.n > 0 ? bsearch(asker, t->owners.entries, t->owners.n,
                                                       sizeof *asker, by_index)
                                             : NULL;
        char **path = &t->set->set->items[asker->item].path;
        if (owner == NULL && asker->may_be_path) continue;
        if (owner == NULL)
            return ec_fail(t->err, EC_ERR_FORMAT,
                           "%s:%zu: image '%.64s' is the index of another row, and no row with an "
                           "image has it",
                           t->in->name, asker->line, *path + t->set->folder_size);
        char *copy = strdup(t->set->set->items[owner->item].path);
        if (copy == NULL) return ec_no_memory(t->in->name, t->err);
        free(*path);
        *path = copy;
    }
    return EC_OK;
}

ec_status ec_image_set_read_tsv(image_set_reader *reader, ec_stream *stream, ec_error *err) {
    table t = {.set = reader, .in = stream, .err = err};
    ec_status status = read_columns(&t);
    while (status == EC_OK && ec_stream_peek(stream) != EC_STREAM_END) {
        if (at_line_end(&t))
            end_line(&t);
        else
            status = read_row(&t);
    }
    if (status == EC_OK) status = give_images(&t);
    if (status == EC_OK) status = ec_stream_status(stream, err);
    for (size_t i = 0; i < t.n_columns; i++) free(t.columns[i]);
    free(t.columns);
    free(t.owners.entries);
    free(t.askers.entries);
    ec_record_release(&t.record);
    ec_text_release(&t.index.text);
    return status;
}
