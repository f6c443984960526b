/* yaml_check.c - see yaml_check.h
 *
 * Recursive descent over the events, along the schema: the depth is that of the schema, whatever
 * the nesting of the text.
 */
#include "study/yaml_check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "base/text.h"
#include "eyechart/spelling.h"

enum { MAX_FIELDS = 32 }; /* keys of one mapping, in the schema */

typedef struct {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *path;
    ec_yaml_lines *lines;
    ec_error *err;
} walker;

static size_t line_of(const walker *w) {
    return w->event.start_mark.line + 1;
}

static ec_status fail_on(const walker *w, size_t line, const char *format, ...) EC_PRINTF(3, 4);
static ec_status fail_on(const walker *w, size_t line, const char *format, ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return ec_fail(w->err, EC_ERR_FORMAT, "%s:%zu: %s", w->path, line, message);
}

static ec_status next(walker *w) {
    yaml_event_delete(&w->event);
    if (!yaml_parser_parse(&w->parser, &w->event)) {
        memset(&w->event, 0, sizeof w->event);
        if (w->parser.error == YAML_MEMORY_ERROR) return ec_no_memory(w->path, w->err);
        /* The reader, which checks the encoding, knows an offset and no line. */
        const size_t line = w->parser.error == YAML_READER_ERROR ? w->parser.mark.line
                                                                 : w->parser.problem_mark.line;
        if (w->parser.context == NULL)
            return fail_on(w, line + 1, "not YAML: %s", w->parser.problem);
        return fail_on(w, line + 1, "not YAML: %s that begins on line %zu, %s", w->parser.context,
                       w->parser.context_mark.line + 1, w->parser.problem);
    }
    const yaml_event_t *e = &w->event;
    const bool anchored = (e->type == YAML_SCALAR_EVENT && e->data.scalar.anchor) ||
                          (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.anchor) ||
                          (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.anchor);
    if (anchored || e->type == YAML_ALIAS_EVENT)
        return fail_on(
            w, line_of(w),
            "anchors (&) and aliases (*) are not supported; put a name that begins with & or * "
            "in quotes, write a repeated value out");
    return EC_OK;
}

static const char *kind_of(const yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.length == 0 ? "nothing" : "a single value";
    case YAML_SEQUENCE_START_EVENT:
        return "a list";
    case YAML_MAPPING_START_EVENT:
        return "a mapping of keys to values";
    default:
        return "nothing";
    }
}

static ec_status walk_value(walker *w, const cyaml_schema_value_t *schema, const char *what,
                            ec_yaml_lines *lines, bool top);

/* ---- sequences ---------------------------------------------------------------------------- */

static ec_status note_line(walker *w, ec_yaml_lines *lines) {
    size_t *grown = ec_grown(lines->lines, lines->n, &lines->capacity, sizeof *grown);
    if (grown == NULL) return ec_no_memory(w->path, w->err);
    lines->lines = grown;
    lines->lines[lines->n++] = line_of(w);
    return EC_OK;
}

static ec_status walk_sequence(walker *w, const cyaml_schema_value_t *schema, const char *what,
                               ec_yaml_lines *lines) {
    const size_t first_line = line_of(w);
    size_t n = 0;
    ec_status status;
    while ((status = next(w)) == EC_OK && w->event.type != YAML_SEQUENCE_END_EVENT) {
        if (lines != NULL) status = note_line(w, lines);
        if (status == EC_OK) status = walk_value(w, schema->sequence.entry, what, NULL, false);
        if (status != EC_OK) return status;
        n++;
    }
    if (status == EC_OK && (n < schema->sequence.min || n > schema->sequence.max)) {
        if (schema->sequence.min == schema->sequence.max)
            return fail_on(w, first_line, "'%s' has %zu entries, expected %u", what, n,
                           schema->sequence.min);
        return fail_on(w, first_line, "'%s' has %zu entries, at most %u are allowed", what, n,
                       schema->sequence.max);
    }
    return status;
}

/* ---- mappings ----------------------------------------------------------------------------- */

static const char *key_at(const void *fields, size_t i) {
    return ((const cyaml_schema_field_t *)fields)[i].key;
}

static size_t count_fields(const cyaml_schema_field_t *fields) {
    size_t n = 0;
    while (fields[n].key != NULL) n++;
    return n;
}

static ec_status fail_unknown_key(const walker *w, const cyaml_schema_field_t *fields, size_t n,
                                  const char *key) {
    const size_t nearest = ec_spelling_nearest(key, key_at, fields, n);
    if (nearest != EC_SPELLING_NONE)
        return fail_on(w, line_of(w), "unknown key '%.80s'; did you mean '%s'?", key,
                       fields[nearest].key);
    ec_text known = {0};
    for (size_t i = 0; i < n; i++) ec_text_format(&known, "%s%s", i > 0 ? ", " : "", fields[i].key);
    const ec_status status = fail_on(w, line_of(w), "unknown key '%.80s'; known here: %s", key,
                                     known.failed ? "" : known.data);
    ec_text_release(&known);
    return status;
}

/* The field that the key of the current event names. */
static ec_status find_field(size_t *found, walker *w, const cyaml_schema_field_t *fields,
                            bool *seen) {
    if (w->event.type != YAML_SCALAR_EVENT)
        return fail_on(w, line_of(w), "a key must be a single word");
    const char *key = (const char *)w->event.data.scalar.value;
    const size_t n = count_fields(fields);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fields[i].key, key) != 0) continue;
        if (seen[i]) return fail_on(w, line_of(w), "key '%s' is there twice", key);
        seen[i] = true;
        *found = i;
        return EC_OK;
    }
    return fail_unknown_key(w, fields, n, key);
}

static ec_status walk_mapping(walker *w, const cyaml_schema_field_t *fields, const char *what,
                              bool top) {
    const size_t first_line = line_of(w);
    bool seen[MAX_FIELDS] = {false};
    ec_status status;
    while ((status = next(w)) == EC_OK && w->event.type != YAML_MAPPING_END_EVENT) {
        size_t i = 0;
        status = find_field(&i, w, fields, seen);
        if (status == EC_OK) status = next(w);
        if (status == EC_OK)
            status =
                walk_value(w, &fields[i].value, fields[i].key, top ? &w->lines[i] : NULL, false);
        if (status != EC_OK) return status;
    }
    for (size_t i = 0; status == EC_OK && fields[i].key != NULL; i++)
        if (!seen[i] && (fields[i].value.flags & CYAML_FLAG_OPTIONAL) == 0)
            return top ? fail_on(w, line_of(w), "there is no '%s:'; is the file cut short?",
                                 fields[i].key)
                       : fail_on(w, first_line, "an entry of '%s' without '%s:'", what,
                                 fields[i].key);
    return status;
}

/* ---- values ------------------------------------------------------------------------------- */

/* Checks the value that the current event begins, and leaves its last event current. */
static ec_status walk_value(walker *w, const cyaml_schema_value_t *schema, const char *what,
                            ec_yaml_lines *lines, bool top) {
    const yaml_event_type_t type = w->event.type;
    switch (schema->type) {
    case CYAML_MAPPING:
        if (type == YAML_MAPPING_START_EVENT)
            return walk_mapping(w, schema->mapping.fields, what, top);
        break;
    case CYAML_SEQUENCE:
    case CYAML_SEQUENCE_FIXED:
        if (type == YAML_SEQUENCE_START_EVENT) return walk_sequence(w, schema, what, lines);
        break;
    default:
        if (type != YAML_SCALAR_EVENT) break;
        if (strlen((const char *)w->event.data.scalar.value) != w->event.data.scalar.length)
            return fail_on(w, line_of(w), "'%s' contains a zero byte", what);
        return EC_OK;
    }
    const char *expected = schema->type == CYAML_MAPPING  ? "a mapping of keys to values"
                           : schema->type == CYAML_STRING ? "a single value"
                                                          : "a list";
    return fail_on(w, line_of(w), "'%s' is %s, expected %s", what, kind_of(&w->event), expected);
}

static ec_status walk_document(walker *w, const cyaml_schema_value_t *schema) {
    ec_status status = next(w); /* the start of the stream */
    if (status == EC_OK) status = next(w);
    if (status != EC_OK) return status;
    if (w->event.type != YAML_DOCUMENT_START_EVENT)
        return ec_fail(w->err, EC_ERR_FORMAT,
                       "%s: empty; a study needs at least 'benchmarks:' and 'candidates:'",
                       w->path);
    status = next(w);
    if (status == EC_OK) status = walk_value(w, schema, "study", NULL, true);
    if (status == EC_OK) status = next(w); /* the end of the document */
    if (status == EC_OK) status = next(w);
    if (status == EC_OK && w->event.type != YAML_STREAM_END_EVENT)
        return fail_on(w, line_of(w), "a second document begins here; a study is one document");
    return status;
}

ec_status ec_yaml_check(ec_yaml_lines *lines, const char *path, const char *bytes,
                        size_t size_bytes, const cyaml_schema_value_t *schema, ec_error *err) {
    walker w = {.path = path, .lines = lines, .err = err};
    if (!yaml_parser_initialize(&w.parser)) return ec_no_memory(path, err);
    yaml_parser_set_input_string(&w.parser, (const unsigned char *)bytes, size_bytes);
    const ec_status status = walk_document(&w, schema);
    yaml_event_delete(&w.event);
    yaml_parser_delete(&w.parser);
    return status;
}
