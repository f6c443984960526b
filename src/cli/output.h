/* output.h - how commands speak: messages, aligned tables, JSON */
#ifndef EC_CLI_OUTPUT_H
#define EC_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "eyechart/status.h"

/* Zeroed memory for n elements, never NULL: out of memory ends the program with EXIT_DATA.
 * The caller frees. */
void *allocate(size_t n, size_t size_bytes);

/* Prints the message of a library function that failed; returns the exit status for it. */
int report_error(const ec_error *err);
/* Says something on stderr, after "eyechart: ". */
void note(const char *format, ...) EC_PRINTF(1, 2);

/* Prints text wrapped to 80 columns, each line after `indent` spaces; '\n' starts a new line. */
void print_wrapped(FILE *out, size_t indent, const char *text);
/* The same after a label, whose width the lines below are indented by. */
void print_labelled(FILE *out, const char *label, const char *text);

/* Prints the word as a shell would have to be given it: quoted where it is not plain. */
void print_shell_word(FILE *out, const char *word);

/* Prints a field of CSV, in quotes where it needs them. */
void print_csv_field(FILE *out, const char *text);

/* ---- tables --------------------------------------------------------------------------------- */

/* A table is filled cell by cell, row by row, then printed with columns as wide as they need.
 * A header that starts with '<' is a left-aligned column (without the '<'), else right-aligned. */
typedef struct text_table text_table;

text_table *table_new(size_t n_columns, const char *const *headers);
/* Adds the next cell. Control characters are shown as '?', since names come from files. */
void table_cell(text_table *table, const char *format, ...) EC_PRINTF(2, 3);
/* Adds a number with so many decimals, "-" when it is NaN. */
void table_number(text_table *table, int decimals, double value);
/* Prints to standard output and frees. */
void table_print(text_table *table);
/* Frees a table that is not printed; NULL is none. */
void table_free(text_table *table);

/* How many decimals show a column of raw scores: more where the numbers are small. */
int decimals_for(const double *values, size_t n);

/* ---- JSON ----------------------------------------------------------------------------------- */

/* null when the number is not finite. */
json_t *json_number(double value);
/* A string; bytes that are not UTF-8 become '?', since names come from files. */
json_t *json_text(const char *text);
/* Prints to standard output, ends the line, and releases. Numbers have as few digits as give the
 * same double back. Ends the program when memory ran out on the way (`value` is NULL). */
void json_print(json_t *value);

#endif
