/* image_set_record.c - from the fields of a record to an image and a prompt
 *
 * What a record gives as its image:
 *
 *     photos/a.jpg, file:///data/a.jpg             a file
 *     iVBORw0KGgo…, data:image/png;base64,iVBO…    the image itself
 *     ['a.jpg', 'b.jpg'], also of base64           a list as Python prints it: the first
 *     "", null, NaN                                a record of text alone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/number.h"
#include "image/source.h"
#include "sets/image_set_reader.h"

enum { MAX_TEXT = 1 << 24, SHORTEST_BASE64 = 32 };

/* ---- fields ---- */

static const char *const image_keys[EC_N_IMAGE_KEYS] = {"image",      "image_path", "img_path",
                                                        "image_file", "image_name", "image_url",
                                                        "file_name",  "images",     "image_1"};
static const char *const prompt_keys[EC_N_PROMPT_KEYS] = {
    "prompt", "question", "text", "query", "input", "instruction", "context"};
static const char *const token_keys[EC_N_TOKEN_KEYS] = {"prompt_tokens", "n_tokens"};

/* Index of `key` among `keys`; n: it is not there. */
static size_t index_of(const char *const *keys, size_t n, const char *key) {
    size_t i = 0;
    while (i < n && strcmp(keys[i], key) != 0) i++;
    return i;
}

bool ec_is_image_key(const char *key) {
    return index_of(image_keys, EC_N_IMAGE_KEYS, key) < EC_N_IMAGE_KEYS;
}

record_field *ec_record_find(set_record *record, size_t place, const char *key) {
    size_t i = index_of(image_keys, EC_N_IMAGE_KEYS, key);
    if (i < EC_N_IMAGE_KEYS) {
        record->image[place][i].is_image = true;
        return &record->image[place][i];
    }
    i = index_of(prompt_keys, EC_N_PROMPT_KEYS, key);
    if (i < EC_N_PROMPT_KEYS) return &record->prompt[place][i];
    i = index_of(token_keys, EC_N_TOKEN_KEYS, key);
    if (i < EC_N_TOKEN_KEYS) return &record->tokens[place][i];
    return place == 0 && strcmp(key, "set_index") == 0 ? &record->set_index : NULL;
}

void ec_field_clear(record_field *field) {
    ec_text text = field->text;
    if (text.failed) ec_text_release(&text);
    text.size_bytes = 0;
    if (text.data != NULL) text.data[0] = '\0';
    *field = (record_field){.is_image = field->is_image, .text = text};
}

static void for_each_field(set_record *record, void (*what)(record_field *)) {
    for (size_t p = 0; p < EC_N_RECORD_PLACES; p++) {
        for (size_t i = 0; i < EC_N_IMAGE_KEYS; i++) what(&record->image[p][i]);
        for (size_t i = 0; i < EC_N_PROMPT_KEYS; i++) what(&record->prompt[p][i]);
        for (size_t i = 0; i < EC_N_TOKEN_KEYS; i++) what(&record->tokens[p][i]);
    }
    what(&record->turn);
    what(&record->set_index);
}

static void release_field(record_field *field) {
    ec_text_release(&field->text);
}

void ec_record_clear(set_record *record) {
    for_each_field(record, ec_field_clear);
}

void ec_record_release(set_record *record) {
    for_each_field(record, release_field);
}

void ec_field_add(record_field *field, const char *bytes, size_t size_bytes) {
    const size_t limit = field->is_image ? EC_MAX_IMAGE_PATH + 1 : MAX_TEXT;
    const size_t room = limit - field->text.size_bytes;
    field->n_bytes += size_bytes;
    ec_text_add_bytes(&field->text, bytes, size_bytes < room ? size_bytes : room);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool ec_field_is_blank(const record_field *field) {
    if (field->kind == FIELD_ABSENT || field->kind == FIELD_NULL) return true;
    if (field->kind == FIELD_NUMBER) return strcmp(field->text.data, "NaN") == 0;
    if (field->kind != FIELD_TEXT) return false;
    for (size_t i = 0; i < field->text.size_bytes; i++)
        if (!is_blank(field->text.data[i])) return false;
    return true;
}

record_field *ec_record_image(set_record *record) {
    for (size_t p = 0; p < EC_N_RECORD_PLACES; p++)
        for (size_t i = 0; i < EC_N_IMAGE_KEYS; i++)
            if (!ec_field_is_blank(&record->image[p][i])) return &record->image[p][i];
    return NULL;
}

/* ---- images ---- */

static bool begins_with(const char *text, const char *start) {
    return strncasecmp(text, start, strlen(start)) == 0;
}

/* How the base64 of an image file begins: JPEG, PNG, WebP, GIF, BMP, P1 to P6; TIFF, AVIF and JPEG
 * 2000 to be refused as such. */
static bool begins_as_base64(const char *text) {
    static const char *const heads[] = {"/9j/", "iVBORw0KGgo", "UklGR", "R0lGOD", "Qk",
                                        "UDE",  "UDI",         "UDM",   "UDQ",    "UDU",
                                        "UDY",  "SUkqA",       "TU0AK", "AAAA"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strncmp(text, heads[i], strlen(heads[i])) == 0) return true;
    return false;
}

static bool is_base64(const char *text, size_t size) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789+/-_=\r\n";
    return size >= SHORTEST_BASE64 && begins_as_base64(text) && strspn(text, letters) == size;
}

/* What comes first in "['a', 'b']", a list as Python prints it; *n receives how many there are.
 * False: it is no such list. */
static bool first_of_list(const char **out, size_t *size, size_t *n, const record_field *field) {
    const char *at = field->text.data;
    while (is_blank(*at)) at++;
    if (*at++ != '[') return false;
    while (is_blank(*at)) at++;
    const char quote = *at++;
    if (quote != '\'' && quote != '"') return false;
    *out = at;
    const char *end = strchr(at, quote);
    *size = end != NULL ? (size_t)(end - at) : strlen(at);
    *n = 1;
    for (const char *next = end; next != NULL;) {
        next = strchr(next + 1, quote); /* opens the next one */
        if (next != NULL) next = strchr(next + 1, quote);
        *n += next != NULL;
    }
    return true;
}

static ec_status add_embedded(image_set_reader *r, const record_field *field, ec_error *err) {
    ec_text name = {0};
    const size_t folder_size = r->folder_size;
    ec_image_name_place(&name, r->file, strlen(r->file),
                        (ec_image_place){r->n_records, field->offset, field->size_bytes});
    r->folder_size = 0; /* the list's name is as it can be opened already */
    const ec_status status = name.failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory")
                                         : ec_image_set_add(r, name.data, name.size_bytes, err);
    r->folder_size = folder_size;
    ec_text_release(&name);
    return status;
}

static ec_status add_image(image_set_reader *r, const record_field *field, ec_error *err) {
    if (field->kind != FIELD_TEXT)
        return ec_fail(err, EC_ERR_FORMAT,
                       "\"image\": expected the path of an image file, or the image in base64");
    const char *text = field->text.data;
    size_t size = field->text.size_bytes, n = field->n_values;
    if (first_of_list(&text, &size, &n, field) && n < field->n_values) n = field->n_values;
    r->set->n_several += n > 1;
    if (begins_with(text, "data:") || is_base64(text, size) || field->n_bytes > EC_MAX_IMAGE_PATH)
        return add_embedded(r, field, err);
    if (begins_with(text, "file://")) {
        text += strlen("file://");
        size -= strlen("file://");
    } else if (strstr(text, "://") != NULL) {
        return ec_fail(err, EC_ERR_FORMAT,
                       "'%.120s': images are not fetched; download them, and give the folder as "
                       "image root",
                       text);
    }
    if (field->has_zero) size = 0; /* no path has one */
    return ec_image_set_add(r, text, size, err);
}

/* ---- prompts ---- */

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

/* Bytes of the UTF-8 character that begins here; 0: it is none. */
static size_t character(const unsigned char *at, size_t left) {
    const unsigned char c = at[0];
    const size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
    if (n > left || (n == 1 && c == 0) || (n == 4 && (c < 0xf0 || c > 0xf4))) return 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    const bool is_long = (c == 0xe0 && at[1] < 0xa0) || (c == 0xf0 && at[1] < 0x90);
    const bool is_surrogate = c == 0xed && at[1] > 0x9f, is_beyond = c == 0xf4 && at[1] > 0x8f;
    return is_long || is_surrogate || is_beyond ? 0 : n;
}

/* A copy in which what is not UTF-8 is U+FFFD; NULL: no memory. */
static char *clean_copy(const char *text, size_t size) {
    ec_text out = {0};
    ec_text_add(&out, "");
    for (size_t at = 0; at < size;) {
        const size_t n = character((const unsigned char *)text + at, size - at);
        if (n > 0)
            ec_text_add_bytes(&out, text + at, n);
        else
            ec_text_add(&out, "\xef\xbf\xbd");
        at += n > 0 ? n : 1;
    }
    if (!out.failed) return out.data;
    ec_text_release(&out);
    return NULL;
}

static const record_field *prompt_of(const set_record *record) {
    for (size_t p = 0; p < EC_N_RECORD_PLACES; p++)
        for (size_t i = 0; i < EC_N_PROMPT_KEYS; i++) {
            const record_field *f = &record->prompt[p][i];
            if (f->kind == FIELD_TEXT || (f->kind == FIELD_NUMBER && !ec_field_is_blank(f)))
                return f;
        }
    return record->turn.kind == FIELD_TEXT ? &record->turn : NULL;
}

static ec_status set_prompt(ec_image_item *item, const set_record *record, ec_error *err) {
    const record_field *field = prompt_of(record);
    if (field == NULL) return EC_OK;
    if (field->n_bytes > field->text.size_bytes)
        return ec_fail(err, EC_ERR_FORMAT, "a prompt of %llu bytes; expected at most %d",
                       (unsigned long long)field->n_bytes, MAX_TEXT);
    const char *text = field->text.data != NULL ? field->text.data : "";
    size_t size = field->text.size_bytes;
    trim_prompt(&text, &size);
    item->prompt = clean_copy(text, size);
    return item->prompt != NULL ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

/* A whole number from `low` to `high`, also as pandas writes one, "3.0"; absent, it stays. */
static ec_status read_count(size_t *out, const record_field *field, double low, double high,
                            const char *expected, ec_error *err) {
    double number;
    if (ec_field_is_blank(field)) return EC_OK;
    if ((field->kind != FIELD_NUMBER && field->kind != FIELD_TEXT) ||
        ec_number_read(&number, field->text.data) != EC_NUMBER_OK || number < low ||
        number > high || number != (double)(size_t)number)
        return ec_fail(err, EC_ERR_FORMAT, "%s", expected);
    *out = (size_t)number;
    return EC_OK;
}

static ec_status set_counts(ec_image_item *item, const set_record *record, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t i = EC_N_TOKEN_KEYS; status == EC_OK && i-- > 0;) {
        char expected[80];
        snprintf(expected, sizeof expected, "\"%s\": expected the number of tokens, at least 1",
                 token_keys[i]);
        status = read_count(&item->n_tokens, &record->tokens[1][i], 1, INT32_MAX, expected, err);
        if (status == EC_OK)
            status =
                read_count(&item->n_tokens, &record->tokens[0][i], 1, INT32_MAX, expected, err);
    }
    if (status != EC_OK) return status;
    return read_count(&item->index, &record->set_index, 0, 9e15,
                      "\"set_index\": expected a number from 0 on", err);
}

static bool any_failed(set_record *record) {
    const record_field *image = ec_record_image(record), *prompt = prompt_of(record);
    return (image != NULL && image->text.failed) || (prompt != NULL && prompt->text.failed);
}

ec_status ec_image_set_take(image_set_reader *r, set_record *record, size_t line, ec_error *err) {
    const record_field *image = ec_record_image(record);
    r->n_records++;
    if (any_failed(record)) return ec_no_memory(r->file, err);
    if (image == NULL) {
        r->set->n_without_image++;
        return EC_OK;
    }
    ec_status status = add_image(r, image, err);
    ec_image_item *item = status == EC_OK ? &r->set->items[r->set->n_items - 1] : NULL;
    if (status == EC_OK) status = set_prompt(item, record, err);
    if (status == EC_OK) status = set_counts(item, record, err);
    return status == EC_OK ? EC_OK : ec_error_prefix(err, status, "%s:%zu", r->file, line);
}
