/* image_set_json.c - records in JSON
 *
 *     {"image": "a.jpg", "prompt": "…"}                                 ours
 *     {"image": "a.jpg", "conversations": [{"from": "human", "value": "<image>\n…"}, …]}   LLaVA
 *     {"question_id": 1, "image": "a.jpg", "text": "…"}                 LLaVA's question files
 *     {"doc_id": 0, "doc": {"image_path": "a.jpg", "question": "…"}, …}  lmms-eval's samples
 *     {"image": {"bytes": null, "path": "a.jpg"}}                       datasets of Hugging Face
 *
 * one a line, in a list, in an object that has the list, or in an object by their ids (MathVista).
 *
 * What is read is the JSON that Python's json writes and reads: NaN, Infinity and lone surrogates
 * are in it, and of a key that comes twice the last counts. Fields that nobody looks at are
 * passed over without a copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "sets/image_set_reader.h"

enum { MAX_DEPTH = 1000, KEY_SIZE = 32 };

typedef struct {
    image_set_reader *set;
    ec_stream *in;
    set_record record;
    bool one_line; /* a record ends where its line does */
    int depth;
    ec_error *err;
} scanner;

/* Reads the value that comes next, of this key or with this number. */
typedef ec_status (*key_taker)(scanner *s, const char *key, void *context);
typedef ec_status (*value_taker)(scanner *s, size_t i, void *context);

/* ---- signs ---- */

static ec_status unexpected(scanner *s, const char *expected) {
    const ec_status status = ec_stream_status(s->in, s->err);
    if (status != EC_OK) return status;
    const int c = ec_stream_peek(s->in);
    char found[24];
    if (c == EC_STREAM_END)
        strcpy(found, "the end");
    else if (c == '\n')
        strcpy(found, "the end of the line");
    else if (c < ' ' || c > '~')
        snprintf(found, sizeof found, "byte %d", c);
    else
        snprintf(found, sizeof found, "'%c'", c);
    return ec_fail(s->err, EC_ERR_FORMAT, "%s:%zu: expected %s, found %s", s->in->name, s->in->line,
                   expected, found);
}

/* The next byte that is not blank, which stays. */
static int next_sign(scanner *s) {
    for (;;) {
        const int c = ec_stream_peek(s->in);
        if (c != ' ' && c != '\t' && c != '\r' && (c != '\n' || s->one_line)) return c;
        ec_stream_next(s->in);
    }
}

/* ---- texts ---- */

static bool is_high(uint32_t c) {
    return c >= 0xd800 && c < 0xdc00;
}
static bool is_low(uint32_t c) {
    return c >= 0xdc00 && c < 0xe000;
}

static void add_character(record_field *out, uint32_t c) {
    char utf8[4];
    size_t n = 0;
    if (out == NULL) return;
    if (c == 0) out->has_zero = true;
    /* Python's name of a file that is not UTF-8 has its bytes as lone surrogates. */
    if (out->is_image && c >= 0xdc80 && c < 0xdd00) {
        utf8[0] = (char)(c & 0xff);
        ec_field_add(out, utf8, 1);
        return;
    }
    if (c == 0 || is_high(c) || is_low(c)) c = 0xfffd;
    if (c < 0x80) {
        utf8[n++] = (char)c;
    } else if (c < 0x800) {
        utf8[n++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        utf8[n++] = (char)(0xe0 | c >> 12);
        utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        utf8[n++] = (char)(0xf0 | c >> 18);
        utf8[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80) utf8[n++] = (char)(0x80 | (c & 0x3f));
    ec_field_add(out, utf8, n);
}

static ec_status read_hex(uint32_t *out, scanner *s) {
    *out = 0;
    for (int i = 0; i < 4; i++) {
        const int c = ec_stream_peek(s->in);
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return unexpected(s, "four hexadecimal digits after \\u");
        *out = *out << 4 | (uint32_t)digit;
        ec_stream_next(s->in);
    }
    return EC_OK;
}

/* What stands after a backslash. */
static ec_status read_escape(uint32_t *out, scanner *s) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const int c = ec_stream_peek(s->in);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    if (letter == NULL && c != 'u') return unexpected(s, "one of \"\\/bfnrtu after a backslash");
    ec_stream_next(s->in);
    if (letter == NULL) return read_hex(out, s);
    *out = (uint32_t)(unsigned char)meant[letter - letters];
    return EC_OK;
}

/* What ends a run of characters that stand for themselves: quote, backslash, control characters. */
static const bool text_stops[256] = {
    ['"'] = true, ['\\'] = true, [0] = true,  [1] = true,  [2] = true,  [3] = true,  [4] = true,
    [5] = true,   [6] = true,    [7] = true,  [8] = true,  [10] = true, [11] = true, [12] = true,
    [13] = true,  [14] = true,   [15] = true, [16] = true, [17] = true, [18] = true, [19] = true,
    [20] = true,  [21] = true,   [22] = true, [23] = true, [24] = true, [25] = true, [26] = true,
    [27] = true,  [28] = true,   [29] = true, [30] = true, [31] = true};

/* A text, whose '"' is next, into `out`; NULL: it is passed over. */
static ec_status read_text(scanner *s, record_field *out) {
    ec_stream_next(s->in);
    const uint64_t start = ec_stream_offset(s->in);
    uint32_t high = 0; /* the first half of a pair */
    for (;;) {
        const int c = ec_stream_peek(s->in);
        const char *run;
        const size_t n = high == 0 ? ec_stream_pass(s->in, &run, text_stops) : 0;
        if (n > 0) {
            if (out != NULL) ec_field_add(out, run, n);
            continue;
        }
        uint32_t code = 0;
        if (c == EC_STREAM_END || (c < ' ' && c != '\t'))
            return unexpected(s, "the '\"' that ends a text");
        const bool ends = c == '"';
        if (c == '\\') {
            ec_stream_next(s->in);
            const ec_status status = read_escape(&code, s);
            if (status != EC_OK) return status;
        }
        if (high != 0 && c == '\\' && is_low(code)) {
            add_character(out, 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00));
            high = 0;
            continue;
        }
        if (high != 0) add_character(out, high);
        high = 0;
        if (ends) break;
        if (c == '\\' && is_high(code)) {
            high = code;
        } else if (c == '\\') {
            add_character(out, code);
        } else {
            const char byte = (char)c;
            ec_stream_next(s->in);
            if (out != NULL) ec_field_add(out, &byte, 1);
        }
    }
    if (out != NULL) {
        out->kind = FIELD_TEXT;
        out->offset = start;
        out->size_bytes = ec_stream_offset(s->in) - start;
        ec_field_add(out, "", 0);
    }
    ec_stream_next(s->in);
    return EC_OK;
}

/* ---- values ---- */

static ec_status read_object(scanner *s, key_taker take, void *context) {
    if (++s->depth > MAX_DEPTH) return unexpected(s, "less than 1000 values in each other");
    ec_stream_next(s->in);
    bool more = next_sign(s) != '}';
    while (more) {
        record_field key = {.is_image = true};
        char name[KEY_SIZE];
        if (next_sign(s) != '"') return unexpected(s, "a key in quotes");
        ec_status status = read_text(s, &key);
        /* None of those that are looked at is as long. */
        snprintf(name, sizeof name, "%s", key.text.data != NULL ? key.text.data : "");
        if (status == EC_OK && key.text.failed) status = ec_no_memory(s->in->name, s->err);
        ec_text_release(&key.text);
        if (status == EC_OK && next_sign(s) != ':') status = unexpected(s, "':' after a key");
        if (status != EC_OK) return status;
        ec_stream_next(s->in);
        next_sign(s);
        status = take(s, name, context);
        if (status != EC_OK) return status;
        const int c = next_sign(s);
        if (c != ',' && c != '}') return unexpected(s, "',' or '}' after a value");
        more = c == ',';
        if (more) ec_stream_next(s->in);
    }
    ec_stream_next(s->in);
    s->depth--;
    return EC_OK;
}

/* *n receives how many there are. */
static ec_status read_list(size_t *n, scanner *s, value_taker take, void *context) {
    if (++s->depth > MAX_DEPTH) return unexpected(s, "less than 1000 values in each other");
    ec_stream_next(s->in);
    *n = 0;
    bool more = next_sign(s) != ']';
    while (more) {
        next_sign(s);
        const ec_status status = take(s, (*n)++, context);
        if (status != EC_OK) return status;
        const int c = next_sign(s);
        if (c != ',' && c != ']') return unexpected(s, "',' or ']' after a value");
        more = c == ',';
        if (more) ec_stream_next(s->in);
    }
    ec_stream_next(s->in);
    s->depth--;
    return EC_OK;
}

static bool is_number(const char *word) {
    double number;
    const char *digits = word[0] == '-' ? word + 1 : word;
    if (digits[0] < '0' || digits[0] > '9') return false;
    const ec_number_fault fault = ec_number_read(&number, word);
    return fault == EC_NUMBER_OK || fault == EC_NUMBER_TOO_LARGE;
}

/* A number of any length, true, false, null, NaN, Infinity, -Infinity. */
static ec_status read_word(scanner *s, record_field *out) {
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    char word[64];
    size_t n = 0, length = 0;
    for (;; length++) {
        const int c = ec_stream_peek(s->in);
        const bool goes_on = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
        if (!goes_on) break;
        /* What a long number is its beginning says. */
        if (n < sizeof word - 1) word[n++] = (char)c;
        ec_stream_next(s->in);
    }
    word[n] = '\0';
    size_t i = 0;
    while (i < sizeof words / sizeof *words && strcmp(words[i], word) != 0) i++;
    const bool is_known = i < sizeof words / sizeof *words;
    if (length == 0) return unexpected(s, "a value");
    if (!is_known && !is_number(word))
        return ec_fail(s->err, EC_ERR_FORMAT, "%s:%zu: expected a value, found '%.40s'",
                       s->in->name, s->in->line, word);
    if (out == NULL) return EC_OK;
    out->kind = !is_known || i > 2 ? FIELD_NUMBER : i == 2 ? FIELD_NULL : FIELD_OTHER;
    ec_field_add(out, word, n);
    return EC_OK;
}

static ec_status skip_value(scanner *s);

static ec_status skip_key(scanner *s, const char *key, void *context) {
    (void)key, (void)context;
    return skip_value(s);
}

static ec_status skip_element(scanner *s, size_t i, void *context) {
    (void)i, (void)context;
    return skip_value(s);
}

static ec_status skip_value(scanner *s) {
    size_t n;
    switch (ec_stream_peek(s->in)) {
    case '"':
        return read_text(s, NULL);
    case '{':
        return read_object(s, skip_key, NULL);
    case '[':
        return read_list(&n, s, skip_element, NULL);
    default:
        return read_word(s, NULL);
    }
}

/* ---- fields ---- */

static ec_status read_field(scanner *s, record_field *out);

/* An image as an object: {"bytes": base64, "path": …}, {"url": "data:…"}. */
typedef struct {
    record_field best;
    size_t rank; /* of its key; the number of keys: there is none */
    bool any_key;
} image_object;

static ec_status take_image_part(scanner *s, const char *key, void *context) {
    static const char *const keys[] = {"bytes", "base64", "b64",       "data",      "url",
                                       "path",  "image",  "file_name", "image_path"};
    const size_t n = sizeof keys / sizeof *keys;
    image_object *object = context;
    size_t rank = 0;
    while (rank < n && strcmp(keys[rank], key) != 0) rank++;
    if (rank == n) return skip_value(s);
    object->any_key = true;
    record_field part = {.is_image = true};
    const ec_status status = read_field(s, &part);
    if (status == EC_OK && !ec_field_is_blank(&part) && rank < object->rank) {
        ec_text_release(&object->best.text);
        object->best = part;
        object->rank = rank;
    } else {
        ec_text_release(&part.text);
    }
    return status;
}

static ec_status read_image_object(scanner *s, record_field *out) {
    image_object object = {.rank = SIZE_MAX};
    const ec_status status = read_object(s, take_image_part, &object);
    if (object.best.kind == FIELD_ABSENT)
        object.best.kind = object.any_key ? FIELD_NULL : FIELD_OTHER;
    object.best.is_image = true;
    ec_text_release(&out->text);
    *out = object.best;
    return status;
}

static ec_status take_first(scanner *s, size_t i, void *context) {
    return i == 0 ? read_field(s, context) : skip_value(s);
}

static ec_status read_field(scanner *s, record_field *out) {
    ec_field_clear(out);
    switch (ec_stream_peek(s->in)) {
    case '"':
        return read_text(s, out);
    case '{':
        if (out->is_image) return read_image_object(s, out);
        out->kind = FIELD_OTHER;
        return skip_value(s);
    case '[': {
        size_t n;
        if (!out->is_image) {
            out->kind = FIELD_OTHER;
            return skip_value(s);
        }
        out->kind = FIELD_NULL; /* of an empty list */
        const ec_status status = read_list(&n, s, take_first, out);
        out->n_values = n;
        return status;
    }
    default:
        return read_word(s, out);
    }
}

/* A turn of a conversation: {"from": "human", "value": "…"}, {"role": "user", "content": "…"}. */
typedef struct {
    record_field who, what;
} turn;

static ec_status take_turn_part(scanner *s, const char *key, void *context) {
    turn *t = context;
    if (strcmp(key, "from") == 0 || strcmp(key, "role") == 0) return read_field(s, &t->who);
    if (strcmp(key, "value") == 0 || strcmp(key, "content") == 0) return read_field(s, &t->what);
    return skip_value(s);
}

static ec_status take_turn(scanner *s, size_t i, void *context) {
    (void)i, (void)context;
    record_field *first = &s->record.turn;
    if (first->kind != FIELD_ABSENT || ec_stream_peek(s->in) != '{') return skip_value(s);
    turn t = {0};
    const ec_status status = read_object(s, take_turn_part, &t);
    const bool is_human = t.who.kind == FIELD_TEXT && (strcmp(t.who.text.data, "human") == 0 ||
                                                       strcmp(t.who.text.data, "user") == 0);
    if (is_human && t.what.kind == FIELD_TEXT) {
        ec_text_release(&first->text);
        *first = t.what;
    } else {
        ec_text_release(&t.what.text);
    }
    ec_text_release(&t.who.text);
    return status;
}

/* ---- records ---- */

static ec_status take_key(scanner *s, const char *key, void *context) {
    const size_t *place = context;
    const int c = ec_stream_peek(s->in);
    size_t n;
    if (*place == 0 && strcmp(key, "doc") == 0 && c == '{')
        return read_object(s, take_key, &(size_t){1});
    if (*place == 0 && c == '[' &&
        (strcmp(key, "conversations") == 0 || strcmp(key, "messages") == 0))
        return read_list(&n, s, take_turn, NULL);
    record_field *field = ec_record_find(&s->record, *place, key);
    return field != NULL ? read_field(s, field) : skip_value(s);
}

static ec_status read_record(scanner *s) {
    const size_t line = s->in->line;
    if (ec_stream_peek(s->in) != '{') return unexpected(s, "a record in { }");
    ec_record_clear(&s->record);
    const ec_status status = read_object(s, take_key, &(size_t){0});
    return status == EC_OK ? ec_image_set_take(s->set, &s->record, line, s->err) : status;
}

static ec_status take_record(scanner *s, size_t i, void *context) {
    (void)i, (void)context;
    return read_record(s);
}

static ec_status take_record_by_id(scanner *s, const char *key, void *context) {
    (void)key, (void)context;
    return read_record(s);
}

/* ---- files ---- */

static ec_status read_array(scanner *s) {
    size_t n;
    const ec_status status = read_list(&n, s, take_record, NULL);
    if (status != EC_OK || next_sign(s) == EC_STREAM_END) return status;
    return unexpected(s, "nothing after the list of records");
}

/* One after another; with one_line each on a line of its own. */
static ec_status read_sequence(scanner *s) {
    const bool one_line = s->one_line;
    for (;;) {
        s->one_line = false; /* empty lines */
        const int c = next_sign(s);
        s->one_line = one_line;
        if (c == EC_STREAM_END) return EC_OK;
        const ec_status status = read_record(s);
        if (status != EC_OK) return status;
        const int after = next_sign(s);
        if (one_line && after != '\n' && after != EC_STREAM_END)
            return unexpected(s, "the end of the line after a record");
    }
}

/* What an object is that a file begins with. */
typedef struct {
    uint64_t offset; /* of its list of records */
    size_t line, rank;
    bool has_image, all_objects, any_key;
} survey;

/* Whether the list that comes next has an object first; it stays. */
static bool lists_objects(scanner *s) {
    const uint64_t offset = ec_stream_offset(s->in);
    const size_t line = s->in->line;
    ec_stream_next(s->in);
    const bool found = next_sign(s) == '{';
    ec_stream_seek(s->in, offset, line);
    return found;
}

static ec_status take_survey(scanner *s, const char *key, void *context) {
    /* "images" of COCO's annotations are records, those of a record are not. */
    static const char *const list_keys[] = {"data", "records",     "samples", "questions",
                                            "logs", "annotations", "images"};
    const size_t n = sizeof list_keys / sizeof *list_keys;
    survey *found = context;
    const int c = ec_stream_peek(s->in);
    size_t rank = 0;
    while (rank < n && strcmp(list_keys[rank], key) != 0) rank++;
    const bool is_list = c == '[' && rank < n && (rank + 2 < n || lists_objects(s));
    if (is_list && rank < found->rank) {
        found->rank = rank;
        found->offset = ec_stream_offset(s->in);
        found->line = s->in->line;
    }
    found->any_key = true;
    found->has_image |= !is_list && (ec_is_image_key(key) || strcmp(key, "doc") == 0);
    found->all_objects &= c == '{';
    return skip_value(s);
}

static ec_status read_whole_object(scanner *s) {
    const uint64_t start = ec_stream_offset(s->in);
    const size_t line = s->in->line;
    survey found = {.rank = SIZE_MAX, .all_objects = true};
    size_t n;
    ec_status status = read_object(s, take_survey, &found);
    if (status != EC_OK) return status;
    const int after = next_sign(s);
    const bool is_sequence = after == '{';
    if (!is_sequence && after != EC_STREAM_END)
        return unexpected(s, "nothing after the object with the records");
    ec_stream_seek(s->in, start, line);
    if (is_sequence) return read_sequence(s);
    if (found.has_image) return read_record(s);
    if (found.rank != SIZE_MAX) {
        ec_stream_seek(s->in, found.offset, found.line);
        return read_list(&n, s, take_record, NULL);
    }
    if (found.any_key && found.all_objects) return read_object(s, take_record_by_id, NULL);
    return ec_fail(s->err, EC_ERR_FORMAT,
                   "%s: expected a list of records, an object that has one as \"data\", "
                   "\"records\", \"samples\", \"questions\" or \"logs\", or records by their ids",
                   s->in->name);
}

ec_status ec_image_set_read_json(image_set_reader *reader, ec_stream *stream, bool lines,
                                 ec_error *err) {
    scanner s = {.set = reader, .in = stream, .err = err};
    ec_status status;
    const int first = next_sign(&s);
    s.one_line = lines && first != '[';
    if (first == '[')
        status = read_array(&s);
    else if (lines)
        status = read_sequence(&s);
    else if (first == '{')
        status = read_whole_object(&s);
    else
        status = unexpected(&s, "a list of records, [ ... ]");
    ec_record_release(&s.record);
    return status == EC_OK ? ec_stream_status(stream, err) : status;
}
