/* import.c - see import.h */
#include "cli/import.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"

const char *decimal_at(size_t i) {
    static const char *const NAMES[] = {"auto", "point", "comma", NULL};
    return NAMES[i];
}

ec_import_options import_options(const option_value *ignore, const option_value *missing,
                                 const option_value *decimal) {
    return (ec_import_options){.ignore = ignore->all,
                               .n_ignore = ignore->n_all,
                               .missing = missing->all,
                               .n_missing = missing->n_all,
                               .decimal = (ec_decimal)decimal->choice};
}

void import_print_notes(const ec_import_report *report, const char *file) {
    for (size_t k = 0; k < report->n_notes; k++) note("%s: %s", file, report->notes[k]);
}

/* "params_M ('params (M)')" where the file calls it otherwise. */
static void add_column(char *line, size_t size, const ec_import_column *c, size_t n) {
    const char *name = c->name != NULL ? c->name : c->heading;
    size_t at = strlen(line);
    snprintf(line + at, size - at, "%s%s", n > 0 ? ", " : "", *name != '\0' ? name : "(no name)");
    at = strlen(line);
    const bool plain = strcmp(name, c->heading) == 0 || strncmp(c->heading, "column", 6) == 0;
    if (!plain) snprintf(line + at, size - at, " ('%s')", c->heading);
    at = strlen(line);
    if (c->use == EC_USE_LEFT_OUT && c->why != NULL && strcmp(c->why, "to be ignored") != 0)
        snprintf(line + at, size - at, " (%s)", c->why);
}

void import_print_columns(const ec_import_report *report, bool all) {
    static const struct {
        ec_column_use use;
        const char *title, *remark;
    } groups[] = {
        {EC_USE_CANDIDATE, "names", ""},
        {EC_USE_SCORE, "scores", ""},
        {EC_USE_COST, "costs", ""},
        {EC_USE_BENCHMARK, "benchmarks", ""},
        {EC_USE_COLUMN, "other columns", "; no benchmarks, to rank by with --columns"},
        {EC_USE_LEFT_OUT, "left out", ""},
    };
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        char line[4096] = "";
        size_t n = 0;
        for (size_t k = 0; k < report->n_columns; k++) {
            const ec_import_column *c = &report->columns[k];
            if (c->use != groups[g].use || (!all && c->why == NULL)) continue;
            if (c->use == EC_USE_CANDIDATE && strcmp(c->heading, c->name) == 0) continue;
            add_column(line, sizeof line, c, n++);
        }
        if (n == 0) continue;
        char text[sizeof line + 100];
        snprintf(text, sizeof text, "%s: %s%s", groups[g].title, line, groups[g].remark);
        print_wrapped(stdout, 0, text);
    }
}

void import_add_json(json_t *to, const ec_import_report *report) {
    static const char *const uses[] = {
        [EC_USE_CANDIDATE] = "candidate", [EC_USE_SCORE] = "score",
        [EC_USE_COST] = "cost",           [EC_USE_BENCHMARK] = "benchmark",
        [EC_USE_COLUMN] = "column",       [EC_USE_LEFT_OUT] = "left out"};
    json_t *columns = json_array(), *notes = json_array();
    for (size_t k = 0; k < report->n_columns; k++) {
        const ec_import_column *c = &report->columns[k];
        json_array_append_new(columns, json_pack("{s:o, s:s, s:o, s:I, s:o}", "heading",
                                                 json_text(c->heading), "use", uses[c->use], "name",
                                                 c->name != NULL ? json_text(c->name) : json_null(),
                                                 "n_values", (json_int_t)c->n_values, "why",
                                                 c->why != NULL ? json_text(c->why) : json_null()));
    }
    for (size_t k = 0; k < report->n_notes; k++)
        json_array_append_new(notes, json_text(report->notes[k]));
    json_object_set_new(to, "columns", columns);
    json_object_set_new(to, "notes", notes);
}
