/* cmd_study_import.c - eyechart study import: scores and results from a file */
#include <stdlib.h>

#include "cli/findings.h"
#include "cli/import.h"
#include "cli/output.h"
#include "cli/study.h"

enum { O_STUDY, O_FORMAT, O_ADD, O_AS_COLUMN, O_IGNORE, O_MISSING, O_DECIMAL, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_FORMAT] = OPTION_TABLE_FORMAT,
    [O_ADD] =
        {.name = "add-candidates",
         .help =
             "candidates that study.yaml does not have are added to it; the old file is kept as "
             "study.yaml.old"},
    [O_AS_COLUMN] = OPTION_AS_COLUMN,
    [O_IGNORE] = OPTION_IGNORE,
    [O_MISSING] = OPTION_MISSING,
    [O_DECIMAL] = OPTION_DECIMAL,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "STUDY", .type = VALUE_STUDY, .help = "study folder"},
    {.name = "FILE",
     .type = VALUE_FILE,
     .help = "CSV, one row a candidate, or JSON, as docs/formats.md says; - is standard input"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart study import mystudy/ scores.csv", "A and C, and results where there are some"},
    {"eyechart study import mystudy/ with-qwen.csv --as-column qwen",
     "results of the same candidates with another language model, to rank by"},
    {"eyechart study import mystudy/ more.json --add-candidates", "with candidates that are new"},
    {"eyechart study import mystudy/ table.csv --ignore Average --missing tbd",
     "from a table for people; semicolons, tabs, decimal commas and percent signs are understood"},
    {0},
};

static void print_text(const ec_import_summary *s, const ec_import_report *report,
                       const char *file) {
    printf("%s: %zu candidate%s", file, s->n_candidates, s->n_candidates == 1 ? "" : "s");
    if (s->n_added > 0) printf(" (%zu new)", s->n_added);
    printf("; %zu score%s and %zu result%s recorded", s->n_scores, s->n_scores == 1 ? "" : "s",
           s->n_observations, s->n_observations == 1 ? "" : "s");
    if (s->n_repeats > 0) printf(" (%zu beside another of the same candidate)", s->n_repeats);
    printf(", %zu number%s known already\n", s->n_unchanged, s->n_unchanged == 1 ? "" : "s");
    import_print_columns(report, false);
    if (s->n_kept > 0)
        note("%zu result%s of the study stay%s, for which the file has no value; 'eyechart "
             "withdraw' takes results back",
             s->n_kept, s->n_kept == 1 ? "" : "s", s->n_kept == 1 ? "s" : "");
}

static void print_json(const ec_study *study, const ec_import_summary *s,
                       const ec_import_report *report, const char *file,
                       const ranking_warnings *warnings) {
    json_t *all = json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "study", json_text(ec_study_name(study)),
        "file", json_text(file), "n_candidates", (json_int_t)s->n_candidates, "n_added",
        (json_int_t)s->n_added, "n_scores", (json_int_t)s->n_scores, "n_results",
        (json_int_t)s->n_observations, "n_repeats", (json_int_t)s->n_repeats, "n_unchanged",
        (json_int_t)s->n_unchanged, "n_kept", (json_int_t)s->n_kept);
    import_add_json(all, report);
    json_object_set_new(all, "warnings", ranking_warnings_json(warnings));
    json_print(all);
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    const char *file = args->operands[0];
    ec_study *study;
    int status = study_open_writable(&study, args);
    if (status != EXIT_DONE) return status;
    ec_import_options options = import_options(&v[O_IGNORE], &v[O_MISSING], &v[O_DECIMAL]);
    options.as_column = v[O_AS_COLUMN].text;
    ec_import_summary summary;
    ec_import_report report;
    ec_error err;
    if (ec_study_import_from(&summary, study, file, (ec_table_format)v[O_FORMAT].choice,
                             v[O_ADD].given, &options, &report, &err) != EC_OK) {
        status = report_error(&err);
    } else {
        ranking_warnings warnings;
        import_print_notes(&report, file);
        unit_warnings_note(&warnings, study);
        if (v[O_JSON].given)
            print_json(study, &summary, &report, file, &warnings);
        else
            print_text(&summary, &report, file);
        free(warnings.list);
        ec_import_report_release(&report);
    }
    ec_study_close(study);
    return status;
}

const command CMD_STUDY_IMPORT = {
    .name = "study import",
    .purpose = "scores and results from a CSV or JSON file",
    .about = "All or nothing. A candidate or benchmark that the study does not have is an error "
             "that names "
             "the nearest spelling.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
