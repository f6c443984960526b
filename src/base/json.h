/* json.h - values out of JSON that a stranger wrote, with errors that say all of it:
 *
 *     pairs.json: image 'a': key 'width': expected a whole number from 1 to 65535, found "640"
 */
#ifndef EC_BASE_JSON_H
#define EC_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "eyechart/status.h"

/* The object being read. */
typedef struct ec_json_place {
    const char *file;
    const char *item; /* "image 'a'", or NULL: the file's outermost value */
    ec_error *err;
} ec_json_place;

/* Parses a whole document, duplicate keys refused. EC_ERR_FORMAT with the line. Release with
 * json_decref. */
ec_status ec_json_parse(json_t **out, const char *bytes, size_t size_bytes, const char *file,
                        ec_error *err);

/* EC_ERR_FORMAT. value NULL: the key is not there; key NULL: the value is the item itself. */
ec_status ec_json_unexpected(const ec_json_place *p, const char *key, const json_t *value,
                             const char *expected);

/* The value of `key` in an object. */
ec_status ec_json_get_array(const json_t **out, const json_t *object, const char *key,
                            const ec_json_place *p);
ec_status ec_json_get_object(const json_t **out, const json_t *object, const char *key,
                             const ec_json_place *p);
/* Not empty. Borrowed from the object. */
ec_status ec_json_get_string(const char **out, const json_t *object, const char *key,
                             const ec_json_place *p);
/* The same, or NULL where the key is absent or null. */
ec_status ec_json_find_string(const char **out, const json_t *object, const char *key,
                              const ec_json_place *p);
/* A whole number from `low` to `high`. */
ec_status ec_json_get_count(size_t *out, const json_t *object, const char *key, size_t low,
                            size_t high, const ec_json_place *p);
/* An array of n finite numbers, each at most `limit` in size. */
ec_status ec_json_to_numbers(double *out, size_t n, double limit, const json_t *value,
                             const char *key, const char *expected, const ec_json_place *p);

/* ---- what a file may leave out ----
 *
 * For descriptions of models, whose keys have defaults. The first thing that is wrong is remembered
 * and later calls do nothing, so that a reader lists its keys and asks for `status` once. A key
 * that is absent or null leaves *value as it is. */
typedef struct ec_json_reader {
    ec_json_place place;
    const json_t *object;
    ec_status status;
} ec_json_reader;

/* NULL: absent, null, or something was wrong before. */
const json_t *ec_json_value(const ec_json_reader *r, const char *key);
void ec_json_read_count(ec_json_reader *r, const char *key, size_t low, size_t high, size_t *value);
void ec_json_read_flag(ec_json_reader *r, const char *key, bool *value);
/* Finite and at least `low`. */
void ec_json_read_number(ec_json_reader *r, const char *key, double low, double *value);
/* The error that the value of `key` is not what was `expected`. */
void ec_json_refuse(ec_json_reader *r, const char *key, const json_t *value, const char *expected);

#endif
