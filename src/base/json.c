/* json.c - see json.h */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FOUND_SIZE = 61 };

ec_status ec_json_parse(json_t **out, const char *bytes, size_t size_bytes, const char *file,
                        ec_error *err) {
    json_error_t error;
    *out = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (*out != NULL) return EC_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", file);
    return ec_fail(err, EC_ERR_FORMAT, "%s: line %d: not JSON: %s", file, error.line, error.text);
}

/* Keeps the beginning; the rest of a large value is not even written. */
static int keep_beginning(const char *bytes, size_t size_bytes, void *context) {
    char *text = context;
    const size_t length = strlen(text), room = FOUND_SIZE - 1 - length;
    const size_t n = size_bytes < room ? size_bytes : room;
    memcpy(text + length, bytes, n);
    text[length + n] = '\0';
    return n < size_bytes ? -1 : 0;
}

ec_status ec_json_unexpected(const ec_json_place *p, const char *key, const json_t *value,
                             const char *expected) {
    char found[FOUND_SIZE + 3] = "";
    if (value == NULL)
        strcpy(found, "nothing");
    else if (json_dump_callback(value, keep_beginning, found, JSON_ENCODE_ANY | JSON_COMPACT) != 0)
        strcat(found, "...");
    char where[180] = "";
    if (p->item != NULL) snprintf(where, sizeof where, "%.100s: ", p->item);
    if (key == NULL)
        return ec_fail(p->err, EC_ERR_FORMAT, "%s: %sexpected %s, found %s", p->file, where,
                       expected, found);
    return ec_fail(p->err, EC_ERR_FORMAT, "%s: %skey '%.80s': expected %s, found %s", p->file,
                   where, key, expected, found);
}

ec_status ec_json_get_array(const json_t **out, const json_t *object, const char *key,
                            const ec_json_place *p) {
    *out = json_object_get(object, key);
    return json_is_array(*out) ? EC_OK : ec_json_unexpected(p, key, *out, "an array");
}

ec_status ec_json_get_object(const json_t **out, const json_t *object, const char *key,
                             const ec_json_place *p) {
    *out = json_object_get(object, key);
    return json_is_object(*out) ? EC_OK : ec_json_unexpected(p, key, *out, "an object");
}

ec_status ec_json_get_string(const char **out, const json_t *object, const char *key,
                             const ec_json_place *p) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) == 0)
        return ec_json_unexpected(p, key, value, "a string that is not empty");
    *out = json_string_value(value);
    return EC_OK;
}

ec_status ec_json_find_string(const char **out, const json_t *object, const char *key,
                              const ec_json_place *p) {
    const json_t *value = json_object_get(object, key);
    *out = NULL;
    if (value == NULL || json_is_null(value)) return EC_OK;
    return ec_json_get_string(out, object, key, p);
}

static bool to_count(size_t *out, const json_t *value, size_t low, size_t high) {
    if (!json_is_integer(value)) return false;
    const json_int_t number = json_integer_value(value);
    if (number < 0 || (size_t)number < low || (size_t)number > high) return false;
    *out = (size_t)number;
    return true;
}

static ec_status unexpected_count(const ec_json_place *p, const char *key, const json_t *value,
                                  size_t low, size_t high) {
    char expected[80];
    snprintf(expected, sizeof expected, "a whole number from %zu to %zu", low, high);
    return ec_json_unexpected(p, key, value, expected);
}

ec_status ec_json_get_count(size_t *out, const json_t *object, const char *key, size_t low,
                            size_t high, const ec_json_place *p) {
    const json_t *value = json_object_get(object, key);
    return to_count(out, value, low, high) ? EC_OK : unexpected_count(p, key, value, low, high);
}

ec_status ec_json_to_numbers(double *out, size_t n, double limit, const json_t *value,
                             const char *key, const char *expected, const ec_json_place *p) {
    bool good = json_is_array(value) && json_array_size(value) == n;
    for (size_t i = 0; good && i < n; i++) {
        const json_t *number = json_array_get(value, i);
        out[i] = json_number_value(number);
        good = json_is_number(number) && isfinite(out[i]) && fabs(out[i]) <= limit;
    }
    return good ? EC_OK : ec_json_unexpected(p, key, value, expected);
}

/* ---- what a file may leave out ---- */

const json_t *ec_json_value(const ec_json_reader *r, const char *key) {
    const json_t *value = json_object_get(r->object, key);
    return r->status != EC_OK || json_is_null(value) ? NULL : value;
}

void ec_json_refuse(ec_json_reader *r, const char *key, const json_t *value, const char *expected) {
    if (r->status == EC_OK) r->status = ec_json_unexpected(&r->place, key, value, expected);
}

void ec_json_read_count(ec_json_reader *r, const char *key, size_t low, size_t high,
                        size_t *value) {
    const json_t *json = ec_json_value(r, key);
    if (json != NULL && !to_count(value, json, low, high))
        r->status = unexpected_count(&r->place, key, json, low, high);
}

void ec_json_read_flag(ec_json_reader *r, const char *key, bool *value) {
    const json_t *json = ec_json_value(r, key);
    if (json != NULL && !json_is_boolean(json))
        ec_json_refuse(r, key, json, "true or false");
    else if (json != NULL)
        *value = json_is_true(json);
}

void ec_json_read_number(ec_json_reader *r, const char *key, double low, double *value) {
    const json_t *json = ec_json_value(r, key);
    char expected[80];
    if (json == NULL) return;
    const double number = json_number_value(json);
    if (json_is_number(json) && isfinite(number) && number >= low) {
        *value = number;
        return;
    }
    snprintf(expected, sizeof expected, "a number of at least %g", low);
    ec_json_refuse(r, key, json, expected);
}
