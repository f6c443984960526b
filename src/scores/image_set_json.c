/* image_set_json.c - records with an image and a prompt, and lists of paths
 *
 *     {"image": "a.jpg", "prompt": "…"}                                 ours
 *     {"image": "a.jpg", "conversations": [{"from": "human", "value": "<image>\n…"}, …]}   LLaVA
 *     {"question_id": 1, "image": "a.jpg", "text": "…"}                 LLaVA's question files
 *     {"doc_id": 0, "doc": {"image_path": "a.jpg", "question": "…"}, …}  lmms-eval's samples
 *
 * Records are read one at a time, since LLaVA's files have a gigabyte, and so that a message can
 * name the line.
 */
#include <jansson.h>
#include <string.h>

#include "scores/image_set_reader.h"

static const char *const image_keys[] = {"image",      "image_path", "img_path", "image_file",
                                         "image_name", "file_name",  "images"};
static const char *const prompt_keys[] = {"prompt", "question",    "text",   "query",
                                          "input",  "instruction", "context"};
static const char *const token_keys[] = {"prompt_tokens", "n_tokens"};
static const char *const list_keys[] = {"data", "records", "samples", "questions", "logs"};

/* The first of the keys that the record has, in itself or in its "doc". */
static const json_t *value_of(const json_t *record, const char *const *keys, size_t n,
                              const char **key) {
    const json_t *const places[] = {record, json_object_get(record, "doc")};
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < n; i++) {
            const json_t *value = json_object_get(places[p], keys[i]);
            if (value == NULL || json_is_null(value)) continue;
            *key = keys[i];
            return value;
        }
    return NULL;
}

#define VALUE_OF(record, keys, key) value_of(record, keys, sizeof keys / sizeof *keys, key)

/* Where in the text a record is: a line, or (line 0) its number in a list within an object. */
typedef struct {
    size_t line, number;
    const char *list; /* its key */
} place;

static ec_status at_place(const image_set_reader *r, place where, ec_status status, ec_error *err) {
    if (where.line > 0) return ec_error_prefix(err, status, "%s:%zu", r->file, where.line);
    const char *list = where.list != NULL ? where.list : "";
    return ec_error_prefix(err, status, "%s: \"%s\"[%zu]", r->file, list, where.number);
}

/* The first thing a human says, without the mark of the image. */
static const json_t *first_question(const json_t *record) {
    const json_t *turns = json_object_get(record, "conversations");
    for (size_t i = 0; i < json_array_size(turns); i++) {
        const json_t *turn = json_array_get(turns, i);
        const char *from = json_string_value(json_object_get(turn, "from"));
        if (from != NULL && (strcmp(from, "human") == 0 || strcmp(from, "user") == 0))
            return json_object_get(turn, "value");
    }
    return NULL;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Cuts "<image>" and blanks from both ends: LLaVA puts the mark before or after the question. */
static void trim_prompt(const char **text, size_t *size) {
    static const char mark[] = "<image>";
    const size_t n = sizeof mark - 1;
    for (bool again = true; again;) {
        again = false;
        for (; *size > 0 && is_blank(**text); ++*text, --*size) again = true;
        for (; *size > 0 && is_blank((*text)[*size - 1]); --*size) again = true;
        if (*size >= n && memcmp(*text, mark, n) == 0) {
            *text += n;
            *size -= n;
            again = true;
        }
        if (*size >= n && memcmp(*text + *size - n, mark, n) == 0) {
            *size -= n;
            again = true;
        }
    }
}

static ec_status read_record(image_set_reader *r, const json_t *record, ec_error *err) {
    const char *key = NULL;
    const json_t *image = VALUE_OF(record, image_keys, &key);
    if (json_is_array(image)) image = json_array_get(image, 0); /* of several, the first */
    if (image == NULL) {
        r->set->n_without_image++;
        return EC_OK;
    }
    if (!json_is_string(image))
        return ec_fail(err, EC_ERR_FORMAT, "\"%s\": expected the path of an image file", key);

    const json_t *prompt = VALUE_OF(record, prompt_keys, &key);
    if (prompt == NULL) {
        prompt = first_question(record);
        key = "conversations";
    }
    if (prompt != NULL && !json_is_string(prompt))
        return ec_fail(err, EC_ERR_FORMAT, "\"%s\": expected the prompt as a text", key);
    const char *text = json_string_value(prompt);
    size_t size = json_string_length(prompt);
    if (text != NULL) trim_prompt(&text, &size);

    const json_t *tokens = VALUE_OF(record, token_keys, &key);
    if (tokens != NULL && (!json_is_integer(tokens) || json_integer_value(tokens) < 1 ||
                           json_integer_value(tokens) > INT32_MAX))
        return ec_fail(err, EC_ERR_FORMAT, "\"%s\": expected the number of tokens, at least 1",
                       key);
    const json_t *index = json_object_get(record, "set_index");
    if (index != NULL && (!json_is_integer(index) || json_integer_value(index) < 0))
        return ec_fail(err, EC_ERR_FORMAT, "\"set_index\": expected a number from 0 on");

    const ec_status status =
        ec_image_set_add(r, json_string_value(image), json_string_length(image), text, size,
                         tokens != NULL ? (size_t)json_integer_value(tokens) : 0, err);
    if (status == EC_OK && index != NULL)
        r->set->items[r->set->n_items - 1].index = (size_t)json_integer_value(index);
    return status;
}

ec_status ec_image_set_read_lines(image_set_reader *r, const char *text, size_t size_bytes,
                                  bool records, ec_error *err) {
    const char *const end = text + size_bytes;
    ec_status status = EC_OK;
    for (place where = {.line = 1}; text < end && status == EC_OK; where.line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline != NULL ? newline : end;
        const char *const next = stop < end ? stop + 1 : end;
        while (stop > text && is_blank(stop[-1])) stop--;
        if (records)
            while (text < stop && is_blank(*text)) text++;
        if (stop > text && !records) {
            status = ec_image_set_add(r, text, (size_t)(stop - text), NULL, 0, 0, err);
        } else if (stop > text) {
            json_error_t fault;
            json_t *record =
                json_loadb(text, (size_t)(stop - text), JSON_REJECT_DUPLICATES, &fault);
            if (!json_is_object(record))
                status = ec_fail(err, EC_ERR_FORMAT, "%s",
                                 record == NULL ? fault.text : "expected a record in { }");
            else
                status = read_record(r, record, err);
            json_decref(record);
        }
        if (status != EC_OK) at_place(r, where, status, err);
        text = next;
    }
    return status;
}

/* ---- .json ---- */

typedef struct {
    const char *at, *end;
    size_t line;
} cursor;

static void advance(cursor *c, size_t n) {
    for (; n > 0 && c->at < c->end; n--)
        if (*c->at++ == '\n') c->line++;
}

static char next_sign(cursor *c) {
    while (c->at < c->end && is_blank(*c->at)) advance(c, 1);
    return c->at < c->end ? *c->at : '\0';
}

/* "[" record "," … "]": each record is parsed where it stands. */
static ec_status read_array(image_set_reader *r, cursor *c, ec_error *err) {
    advance(c, 1);
    if (next_sign(c) == ']')
        advance(c, 1);
    else
        for (bool more = true; more;) {
            json_error_t fault;
            const char first = next_sign(c);
            const place where = {.line = c->line};
            json_t *record = json_loadb(c->at, (size_t)(c->end - c->at),
                                        JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &fault);
            ec_status status = EC_OK;
            if (record == NULL || first != '{')
                status = ec_fail(
                    err, EC_ERR_FORMAT, "%s:%zu: %s", r->file,
                    c->line + (record == NULL && fault.line > 1 ? (size_t)fault.line - 1 : 0),
                    record == NULL ? fault.text : "expected a record in { }");
            else if ((status = read_record(r, record, err)) != EC_OK)
                at_place(r, where, status, err);
            json_decref(record);
            if (status != EC_OK) return status;
            advance(c, (size_t)fault.position);
            const char after = next_sign(c);
            if (after != ',' && after != ']')
                return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: expected ',' or ']' after a record",
                               r->file, c->line);
            advance(c, 1);
            more = after == ',';
        }
    if (next_sign(c) != '\0' || c->at < c->end)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: expected nothing after the list of records",
                       r->file, c->line);
    return EC_OK;
}

/* An object with a list of records among other things. */
static ec_status read_object(image_set_reader *r, const char *text, size_t size_bytes,
                             ec_error *err) {
    json_error_t fault;
    json_t *root = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL)
        return ec_fail(err, EC_ERR_FORMAT, "%s:%d: %s", r->file, fault.line, fault.text);
    const json_t *list = NULL;
    place where = {0};
    for (size_t i = 0; i < sizeof list_keys / sizeof *list_keys && list == NULL; i++) {
        where.list = list_keys[i];
        list = json_object_get(root, list_keys[i]);
        if (!json_is_array(list)) list = NULL;
    }
    ec_status status = EC_OK;
    if (list == NULL)
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: expected a list of records, or an object that has one as \"data\", "
                         "\"records\", \"samples\", \"questions\" or \"logs\"",
                         r->file);
    for (; status == EC_OK && where.number < json_array_size(list); where.number++) {
        const json_t *record = json_array_get(list, where.number);
        status = json_is_object(record) ? read_record(r, record, err)
                                        : ec_fail(err, EC_ERR_FORMAT, "expected a record in { }");
        if (status != EC_OK) at_place(r, where, status, err);
    }
    json_decref(root);
    return status;
}

ec_status ec_image_set_read_json(image_set_reader *r, const char *text, size_t size_bytes,
                                 ec_error *err) {
    cursor c = {text, text + size_bytes, 1};
    switch (next_sign(&c)) {
    case '[':
        return read_array(r, &c, err);
    case '{':
        return read_object(r, text, size_bytes, err);
    default:
        return ec_fail(err, EC_ERR_FORMAT, "%s:%zu: expected a list of records, [ ... ]", r->file,
                       c.line);
    }
}
