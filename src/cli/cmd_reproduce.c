/* cmd_reproduce.c - eyechart reproduce: the paper's numbers beside ours */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"
#include "eyechart/reproduce.h"

enum { O_DIFFERING, O_JSON };

static const option OPTIONS[] = {
    [O_DIFFERING] = {.name = "differing",
                     .help = "only the rows that are not reproduced, with the reason for each"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart reproduce", "every published number, ours, and the verdict"},
    {"eyechart reproduce --differing", "misprints and what cannot be reproduced, and why"},
    {"eyechart reproduce --json | jq '[.rows[].verdict] | group_by(.) | map({(.[0]): length}) | "
     "add'",
     "how many of each verdict"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DONE, "every number that should reproduce does"},
    {EXIT_NEGATIVE, "at least one row has the verdict failed"},
    {0},
};

static size_t count_verdicts(const ec_reproduce_row *rows, size_t n, ec_verdict verdict) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += rows[i].verdict == verdict;
    return count;
}

/* The published number as printed, ours with one decimal more. */
static void number_cells(text_table *table, const ec_reproduce_row *row) {
    char published[32];
    snprintf(published, sizeof published, "%.10g", row->published);
    const char *point = strchr(published, '.');
    table_cell(table, "%s", published);
    table_number(table, point == NULL ? 1 : (int)strlen(point), row->here);
}

static void tolerance_cell(text_table *table, double tolerance) {
    if (isnan(tolerance)) {
        table_cell(table, "-");
    } else {
        table_cell(table, "%.2g", tolerance);
    }
}

static void print_rows(const ec_reproduce_row *rows, size_t n, bool differing) {
    static const char *const HEADERS[] = {"<item", "published", "here", "tolerance", "<verdict"};
    text_table *table = table_new(5, HEADERS);
    for (size_t i = 0; i < n; i++) {
        if (differing && rows[i].verdict == EC_VERDICT_REPRODUCED) continue;
        table_cell(table, "%s", rows[i].item);
        number_cells(table, &rows[i]);
        tolerance_cell(table, rows[i].tolerance);
        table_cell(table, "%s", ec_verdict_name(rows[i].verdict));
    }
    table_print(table);
}

/* Why rows are not reproduced. */
static void print_notes(const ec_reproduce_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (rows[i].verdict == EC_VERDICT_REPRODUCED || rows[i].note[0] == '\0') continue;
        printf("\n%s: %s\n", rows[i].item, ec_verdict_name(rows[i].verdict));
        print_wrapped(stdout, 4, rows[i].note);
    }
}

static void print_text(const ec_reproduce_row *rows, size_t n, bool differing) {
    print_rows(rows, n, differing);
    print_notes(rows, n);
    putchar('\n');
    for (int verdict = 0; verdict <= EC_VERDICT_FAILED; verdict++)
        printf("%s%zu %s", verdict == 0 ? "" : ", ", count_verdicts(rows, n, (ec_verdict)verdict),
               ec_verdict_name((ec_verdict)verdict));
    putchar('\n');
}

static void print_json(const ec_reproduce_row *rows, size_t n, bool differing) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        if (differing && rows[i].verdict == EC_VERDICT_REPRODUCED) continue;
        json_array_append_new(
            array, json_pack("{s:o, s:o, s:o, s:o, s:s, s:o}", "item", json_text(rows[i].item),
                             "published", json_number(rows[i].published), "here",
                             json_number(rows[i].here), "tolerance", json_number(rows[i].tolerance),
                             "verdict", ec_verdict_name(rows[i].verdict), "note",
                             json_text(rows[i].note)));
    }
    json_print(json_pack("{s:o}", "rows", array));
}

static int run(const arguments *args) {
    ec_reproduce_row *rows;
    size_t n;
    ec_error err;
    if (ec_reproduce(&rows, &n, &err) != EC_OK) return report_error(&err);
    const bool differing = args->values[O_DIFFERING].given;
    if (args->values[O_JSON].given) {
        print_json(rows, n, differing);
    } else {
        print_text(rows, n, differing);
    }
    const size_t n_failed = count_verdicts(rows, n, EC_VERDICT_FAILED);
    free(rows);
    return n_failed == 0 ? EXIT_DONE : EXIT_NEGATIVE;
}

const command CMD_REPRODUCE = {
    .name = "reproduce",
    .purpose = "every published number of the paper beside ours",
    .about = "Computes tables 1, 3, 4, 8 and 9, figures 2, 4 and 5 and the 99.7 % claim of the "
             "paper, and "
             "R2 of its 2025 version, from the published scores. Each row ends in a verdict: "
             "reproduced, "
             "misprint, only in distribution (the paper shows one random draw), cannot be "
             "reproduced, or "
             "failed.",
    .options = OPTIONS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
};
