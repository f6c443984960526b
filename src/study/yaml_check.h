/* yaml_check.h - does a YAML text fit its schema, and if not, on which line
 *
 * libcyaml refuses what does not fit, but tells the line of the event before, and takes what a
 * declaration should not have: several documents, a list at the top, zero bytes. So the events of
 * libyaml are compared with the same schema first; libcyaml then loads what is known to fit.
 */
#ifndef EC_STUDY_YAML_CHECK_H
#define EC_STUDY_YAML_CHECK_H

#include <cyaml/cyaml.h>

#include "eyechart/status.h"

/* Lines on which the entries of one sequence begin. Zero-initialise; free(lines). */
typedef struct ec_yaml_lines {
    size_t *lines;
    size_t n, capacity;
} ec_yaml_lines;

/* Compares `bytes` with `schema`: mappings, sequences and strings only. Unknown, repeated and
 * missing keys, a value of another kind, a wrong number of entries, anchors and aliases, more than
 * one document and syntax errors give EC_ERR_FORMAT "path:line: …".
 *
 *   lines   [number of fields of the top mapping], in their order: receives the lines of the
 * entries of each field that is a sequence; to be freed on failure as well */
ec_status ec_yaml_check(ec_yaml_lines *lines, const char *path, const char *bytes,
                        size_t size_bytes, const cyaml_schema_value_t *schema, ec_error *err);

#endif
