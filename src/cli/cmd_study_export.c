/* cmd_study_export.c - eyechart study export: all that is known, as CSV or JSON */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/study.h"

enum { O_STUDY, O_OUTPUT, O_FORMAT, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_OUTPUT] = {.name = "output",
                  .letter = 'o',
                  .argument = "FILE",
                  .type = VALUE_FILE,
                  .fallback = "-",
                  .help = "where to; - is standard output"},
    [O_FORMAT] = OPTION_TABLE_FORMAT,
    [O_JSON] =
        {.name = "json",
         .help =
             "print JSON: what was written where, described in docs/cli.md; to standard output, "
             "the study itself"},
    {0},
};

static const operand OPERANDS[] = {OPERAND_STUDY_BUILT_IN, {0}};

static const example EXAMPLES[] = {
    {"eyechart study export mystudy/ -o mystudy.csv", "for a spreadsheet"},
    {"eyechart study export paper-2024 --format json", "the paper's numbers on standard output"},
    {0},
};

static int run(const arguments *args) {
    const option_value *v = args->values;
    const char *file = v[O_OUTPUT].text;
    const bool to_stdout = strcmp(file, "-") == 0, json = v[O_JSON].given;
    ec_table_format format = (ec_table_format)v[O_FORMAT].choice;
    if (to_stdout && format == EC_FORMAT_BY_NAME) format = json ? EC_FORMAT_JSON : EC_FORMAT_CSV;
    if (to_stdout && json && format == EC_FORMAT_CSV)
        return usage_error(args->command,
                           "--json and --format csv cannot both go to standard output");
    ec_study *study;
    int status = study_open(&study, args);
    if (status != EXIT_DONE) return status;
    ec_error err;
    if (ec_study_export(study, file, format, &err) != EC_OK) {
        status = report_error(&err);
    } else if (!to_stdout && json) {
        json_print(json_pack("{s:o, s:o}", "study", json_text(ec_study_name(study)), "file",
                             json_text(file)));
    } else if (!to_stdout) {
        puts(file);
    }
    ec_study_close(study);
    return status;
}

const command CMD_STUDY_EXPORT = {
    .name = "study export",
    .purpose = "all that is known, as CSV or JSON",
    .about = "Importing an export gives the same numbers to the last bit. Prints the path of the "
             "file, or "
             "the export itself where that is standard output.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
