/* table_columns.h - a CSV of people before its numbers are read: its columns and its rows
 *
 * One pass over the file counts what is in the cells of each column. By that and by the headings it
 * is decided what each column is, and by which decimal sign all numbers are read.
 */
#ifndef EC_SHEET_TABLE_COLUMNS_H
#define EC_SHEET_TABLE_COLUMNS_H

#include "base/csv.h"
#include "sheet/headings.h"
#include "sheet/sheet.h"
#include "sheet/table_text.h"

typedef enum ec_column_role {
    EC_ROLE_NOTHING, /* left out */
    EC_ROLE_NAME,
    EC_ROLE_CANDIDATE, /* a score or a cost, of which the heading's kind says the rest */
    EC_ROLE_OWN_A,     /* `name` is the benchmark */
    EC_ROLE_OWN_A_SE,
    EC_ROLE_BESIDE, /* `name` is the column's, `benchmark` its benchmark or NULL */
    EC_ROLE_BESIDE_SE,
    EC_ROLE_RESULT, /* `name` is the benchmark */
    EC_ROLE_ERROR   /* standard errors of the results in column `of` */
} ec_column_role;

typedef struct ec_table_column {
    char *text; /* the heading, without blanks at its ends */
    ec_heading heading;
    ec_column_role role;
    char *name, *benchmark;
    char *why; /* as in ec_import_column */
    size_t of;
    size_t n_values, n_texts, n_percent; /* cells that are numbers, words; numbers with a % */
    bool counts_rows;                    /* 0, 1, 2, … or 1, 2, 3, … */
    char sample[48];                     /* the first word */
    bool ignored;
} ec_table_column;

/* A cell, and what a message needs of it. */
typedef struct ec_table_sample {
    char text[48], heading[80];
    size_t line; /* 0: none */
} ec_table_sample;

typedef struct ec_table_file {
    const char *path;
    const ec_sheet_reading *how; /* never NULL */
    ec_table_text text;
    ec_table_column *columns; /* [n] */
    size_t n, header_line;
    size_t name_column;
    char **row_names; /* [n_rows], without the rows that are empty */
    size_t n_rows, rows_capacity;
    ec_table_sample evidence[5]; /* the first cell of each ec_decimal_evidence */
    ec_table_sample percent;     /* the first cell with a percent sign */
    struct {
        char word[32];
        size_t n;
    } missing[6];       /* the words for missing numbers, as far as there is room */
    ec_decimal decimal; /* EC_DECIMAL_POINT or _COMMA */
} ec_table_file;

/* Reads columns and rows. Errors: EC_ERR_FORMAT, EC_ERR_NOT_FOUND (a column to ignore),
 * EC_ERR_NOMEM. Release after a failure too. */
ec_status ec_table_file_open(ec_table_file *out, const char *path, const ec_sheet_reading *how,
                             const char *bytes, size_t size_bytes, ec_error *err);
void ec_table_file_release(ec_table_file *file);

/* Begins to read the rows; then the next that is not empty, with its cells without blanks at their
 * ends, file->n of them. */
ec_status ec_table_rows_begin(ec_csv *csv, const ec_table_file *file, ec_error *err);
ec_status ec_table_rows_next(ec_csv *csv, bool *more, const ec_table_file *file, ec_error *err);

/* Adds what became of the columns and how the file was read to file->how->report. */
ec_status ec_table_file_report(const ec_table_file *file, ec_error *err);

/* "64.2±0.5": cuts the value off and returns the error behind it; NULL: there is none. */
char *ec_cell_split_error(char *cell);

#endif
