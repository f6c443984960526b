/* import.h - options of the commands that read a table, and what they say about it */
#ifndef EC_CLI_IMPORT_H
#define EC_CLI_IMPORT_H

#include <jansson.h>

#include "cli/options.h"
#include "eyechart/study.h"

/* Words of --decimal. */
const char *decimal_at(size_t i);

#define OPTION_IGNORE                                                                              \
    {                                                                                              \
        .name = "ignore", .argument = "COLUMN", .type = VALUE_TEXT, .repeatable = true,            \
        .help = "leaves a column of a CSV out"                                                     \
    }
#define OPTION_MISSING                                                                             \
    {                                                                                              \
        .name = "missing", .argument = "WORD", .type = VALUE_TEXT, .repeatable = true,             \
        .help = "what stands in a CSV for a number that is not known, beside an empty cell, N/A, " \
                "NaN, -, #N/A, null, None and the like"                                            \
    }
#define OPTION_DECIMAL                                                                             \
    {                                                                                              \
        .name = "decimal", .argument = "SIGN", .type = VALUE_CHOICE, .choice = decimal_at,         \
        .fallback = "auto",                                                                        \
        .help = "decimal sign of the numbers in a CSV; auto goes by the numbers"                   \
    }

#define OPTION_AS_COLUMN                                                                           \
    {                                                                                              \
        .name = "as-column", .argument = "NAME", .type = VALUE_TEXT,                               \
        .help = "the results in the file, of the same candidates with another language model "     \
                "say, become the column NAME of each benchmark, to rank by; the rest of the file " \
                "is left out"                                                                      \
    }

/* The options as they were given. */
ec_import_options import_options(const option_value *ignore, const option_value *missing,
                                 const option_value *decimal);

/* Says the notes on stderr, after the name of the file. */
void import_print_notes(const ec_import_report *report, const char *file);

/* Prints what the columns became, by kind; or only those that are not what their headings say. */
void import_print_columns(const ec_import_report *report, bool all);

/* Adds `columns` and `notes`. */
void import_add_json(json_t *to, const ec_import_report *report);

#endif
