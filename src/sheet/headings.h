/* headings.h - what the columns of a table are, by their names
 *
 *     candidate                         names; also name, model, encoder, …
 *     C, C_se, A, A_se, cost, hours     scores and costs; also "A score", "alignment", …
 *     A <benchmark>, A_se <benchmark>   A for one benchmark; also "A_MME" beside a column "MME"
 *     column <name> [<benchmark>]       a number beside A and C
 *     result <benchmark>                results, whatever the name looks like
 *     result_se <benchmark>             their standard errors, however large
 *     params (M), GFLOPs, …             no results, by their names
 *     anything else                     a benchmark
 */
#ifndef EC_SHEET_HEADINGS_H
#define EC_SHEET_HEADINGS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ec_heading_kind {
    EC_HEADING_EMPTY,
    EC_HEADING_CANDIDATE, /* may be the column of names */
    EC_HEADING_C,
    EC_HEADING_C_SE,
    EC_HEADING_A,
    EC_HEADING_A_SE,
    EC_HEADING_COST,
    EC_HEADING_HOURS,
    EC_HEADING_OWN_A, /* `rest` is the benchmark */
    EC_HEADING_OWN_A_SE,
    EC_HEADING_COLUMN, /* `rest` is the name, and the benchmark behind a blank */
    EC_HEADING_COLUMN_SE,
    EC_HEADING_RESULT,    /* `rest` is the benchmark, because the heading says so */
    EC_HEADING_RESULT_SE, /* likewise, of their standard errors */
    EC_HEADING_NO_RESULT, /* parameters, sizes, dates and the like */
    EC_HEADING_OTHER      /* a benchmark, if it has numbers */
} ec_heading_kind;

typedef struct ec_heading {
    ec_heading_kind kind;
    const char *rest; /* owned; NULL where `kind` says all */
    bool plain;       /* the name of the formats page, not one that only means it */
} ec_heading;

/* What all headings are: heads[n] of texts[n], without blanks at their ends. Where two are the same
 * score or cost the plain one is, else the one that says it most, else the first; the others are
 * EC_HEADING_OTHER. False: out of memory. Release each with ec_heading_release(), after a failure
 * too. */
bool ec_headings_read(ec_heading *heads, const char *const *texts, size_t n);
void ec_heading_release(ec_heading *heading);

/* Whether a table would take results under that name for something else, so that the heading has to
 * say "result". */
bool ec_heading_needs_word(const char *benchmark);

/* A valid name for a column beside A and C, after a heading: "params (M)" is params_M. "" where
 * nothing of it can be said. */
void ec_heading_column_name(char *to, size_t size, const char *heading);

#endif
