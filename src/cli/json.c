/* json.c - JSON on standard output
 *
 * Trees are jansson's; printing is ours for two reasons: jansson writes every real with 17 digits
 * (0.90000000000000002), and a value that fits one line reads best on one line.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

#define LINE_COLUMNS 100

json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_text(const char *text) {
    json_t *string = json_string(text);
    if (string != NULL) return string;
    char *copy = allocate(strlen(text) + 1, 1);
    for (size_t i = 0; text[i] != '\0'; i++)
        copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    string = json_string(copy);
    free(copy);
    return string;
}

static void out_of_memory(void) {
    fputs("eyechart: out of memory\n", stderr);
    exit(EXIT_DATA);
}

static void print_real(FILE *out, double value) {
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

static void print_string(FILE *out, const char *text) {
    json_t *string = json_string(text);
    char *encoded = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY);
    if (encoded == NULL) out_of_memory();
    fputs(encoded, out);
    free(encoded);
    json_decref(string);
}

static void print_value(FILE *out, json_t *value, int indent);

/* The value on one line, owned; NULL when it would be longer than `limit`. */
static char *one_line(json_t *value, size_t limit) {
    if (json_is_array(value) && json_array_size(value) > limit) return NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL) out_of_memory();
    print_value(stream, value, -1);
    if (fclose(stream) != 0) out_of_memory();
    if (size <= limit) return text;
    free(text);
    return NULL;
}

/* Between two members; `indent` < 0 is all on one line. */
static void print_break(FILE *out, int indent) {
    if (indent < 0) {
        fputc(' ', out);
    } else {
        fprintf(out, "\n%*s", indent, "");
    }
}

static void print_members(FILE *out, json_t *value, int indent) {
    const int inner = indent < 0 ? -1 : indent + 2;
    bool first = true;
    if (json_is_array(value)) {
        size_t i;
        json_t *element;
        json_array_foreach(value, i, element) {
            if (!first) fputc(',', out);
            if (!first || inner >= 0) print_break(out, inner);
            print_value(out, element, inner);
            first = false;
        }
    } else {
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member) {
            if (!first) fputc(',', out);
            if (!first || inner >= 0) print_break(out, inner);
            print_string(out, key);
            fputs(": ", out);
            print_value(out, member, inner);
            first = false;
        }
    }
    if (!first && indent >= 0) print_break(out, indent);
}

static void print_value(FILE *out, json_t *value, int indent) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    case JSON_STRING:
        print_string(out, json_string_value(value));
        return;
    case JSON_INTEGER:
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return;
    case JSON_REAL:
        print_real(out, json_real_value(value));
        return;
    case JSON_TRUE:
        fputs("true", out);
        return;
    case JSON_FALSE:
        fputs("false", out);
        return;
    case JSON_NULL:
        fputs("null", out);
        return;
    }
    if (indent >= 0) {
        char *line = one_line(value, (size_t)(indent < LINE_COLUMNS ? LINE_COLUMNS - indent : 0));
        if (line != NULL) {
            fputs(line, out);
            free(line);
            return;
        }
    }
    const bool array = json_is_array(value);
    fputc(array ? '[' : '{', out);
    print_members(out, value, indent);
    fputc(array ? ']' : '}', out);
}

void json_print(json_t *value) {
    if (value == NULL) out_of_memory();
    print_value(stdout, value, 0);
    putchar('\n');
    json_decref(value);
}
