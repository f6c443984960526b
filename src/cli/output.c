/* output.c - messages and tables; JSON is in json.c */
#include "cli/output.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define LINE_COLUMNS 80

void *allocate(size_t n, size_t size_bytes) {
    void *memory = calloc(n == 0 ? 1 : n, size_bytes);
    if (memory == NULL) {
        fputs("eyechart: out of memory\n", stderr);
        exit(EXIT_DATA);
    }
    return memory;
}

int report_error(const ec_error *err) {
    fprintf(stderr, "eyechart: %s\n", err->message);
    return err->status == EC_ERR_BUSY ? EXIT_AGAIN : EXIT_DATA;
}

void note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("eyechart: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static void wrap(FILE *out, const char *label, size_t indent, const char *text) {
    while (*text != '\0') {
        size_t length = 0, column = indent;
        for (size_t i = 0;; i++) {
            const bool end = text[i] == '\0' || text[i] == '\n';
            if (end || text[i] == ' ') {
                if (column > LINE_COLUMNS && length > 0) break;
                length = i;
                if (end) break;
            }
            column += ((unsigned char)text[i] & 0xc0) != 0x80; /* not inside a character */
        }
        fprintf(out, "%*s%.*s\n", (int)(length > 0 ? indent : 0), label, (int)length, text);
        label = "";
        text += length;
        if (*text != '\0') text++;
    }
}

void print_wrapped(FILE *out, size_t indent, const char *text) {
    wrap(out, "", indent, text);
}

void print_labelled(FILE *out, const char *label, const char *text) {
    wrap(out, label, strlen(label), text);
}

void print_shell_word(FILE *out, const char *word) {
    const bool plain = word[0] != '\0' && strpbrk(word, " \t\n'\"\\$`!*?[](){}<>|&;#~") == NULL;
    if (plain) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            fputs("'\\''", out);
        } else {
            fputc(*word, out);
        }
    }
    fputc('\'', out);
}

void print_csv_field(FILE *out, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* ---- tables --------------------------------------------------------------------------------- */

struct text_table {
    size_t n_columns;
    const char *const *headers;
    char **cells; /* [n_cells], row by row */
    size_t n_cells, capacity;
};

text_table *table_new(size_t n_columns, const char *const *headers) {
    text_table *table = allocate(1, sizeof *table);
    table->n_columns = n_columns;
    table->headers = headers;
    return table;
}

static void add_cell(text_table *table, char *text) {
    if (table->n_cells == table->capacity) {
        table->capacity = 2 * table->capacity + 64;
        char **cells = allocate(table->capacity, sizeof *cells);
        if (table->n_cells > 0) memcpy(cells, table->cells, table->n_cells * sizeof *cells);
        free(table->cells);
        table->cells = cells;
    }
    table->cells[table->n_cells++] = text;
}

void table_cell(text_table *table, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = '?';
    }
    char *copy = allocate(strlen(text) + 1, 1);
    memcpy(copy, text, strlen(text));
    add_cell(table, copy);
}

void table_number(text_table *table, int decimals, double value) {
    if (isnan(value)) {
        table_cell(table, "-");
    } else {
        table_cell(table, "%.*f", decimals, value);
    }
}

/* Characters, taken as one column each. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* The j-th cell of a row; leaves no blanks at the end of a line. */
static void print_cell(const text_table *table, const size_t *width, size_t j, const char *text) {
    const int padding = (int)(width[j] - width_of(text));
    const bool left = table->headers[j][0] == '<', last = j + 1 == table->n_columns;
    if (j > 0 && !(last && text[0] == '\0')) fputs("  ", stdout);
    if (!left) printf("%*s", padding, "");
    fputs(text, stdout);
    if (left && !last) printf("%*s", padding, "");
    if (last) putchar('\n');
}

void table_free(text_table *table) {
    if (table == NULL) return;
    for (size_t i = 0; i < table->n_cells; i++) free(table->cells[i]);
    free(table->cells);
    free(table);
}

void table_print(text_table *table) {
    const size_t n = table->n_columns;
    size_t *width = allocate(n, sizeof *width);
    for (size_t j = 0; j < n; j++)
        width[j] = width_of(table->headers[j]) - (table->headers[j][0] == '<');
    for (size_t i = 0; i < table->n_cells; i++) {
        const size_t w = width_of(table->cells[i]);
        if (w > width[i % n]) width[i % n] = w;
    }
    for (size_t j = 0; j < n; j++)
        print_cell(table, width, j, table->headers[j] + (table->headers[j][0] == '<'));
    for (size_t i = 0; i < table->n_cells; i++) print_cell(table, width, i % n, table->cells[i]);
    free(width);
    table_free(table);
}

int decimals_for(const double *values, size_t n) {
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(values[i])); /* fmax skips NaN */
    return largest >= 1000.0 ? 1 : largest >= 10.0 ? 2 : 3;
}
