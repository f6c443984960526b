/* cmd_report.c - eyechart report: one HTML page about a study */
#include <stdlib.h>

#include "cli/findings.h"
#include "cli/output.h"
#include "cli/ranking.h"
#include "cli/study.h"
#include "eyechart/report.h"

enum { O_STUDY, O_OUTPUT, O_COLUMNS, RANKING_PLACES, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_OUTPUT] = {.name = "output",
                  .letter = 'o',
                  .argument = "FILE",
                  .type = VALUE_FILE,
                  .help =
                      "where the page goes, in place of a page that is there; STUDY/report.html "
                      "when not given, as 'eyechart run' writes it, or report.html for a study "
                      "that cannot be written to, such as a built-in one"},
    [O_COLUMNS] = OPTION_COLUMNS,
    RANKING_OPTIONS,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {OPERAND_STUDY_BUILT_IN, {0}};

static const example EXAMPLES[] = {
    {"eyechart report", "the results of the paper, in report.html"},
    {"eyechart report mystudy/ -o mystudy.html", "your own, to send to a colleague"},
    {"eyechart report mystudy/ --model law --law-model additive", "ranked by a fitted law instead"},
    {0},
};

/* The command line as it could be typed again; owned, NULL without memory. */
static char *command_line(const arguments *args) {
    char *line = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&line, &size);
    if (stream == NULL) return NULL;
    fprintf(stream, "eyechart %s", args->command->name);
    for (size_t i = 0; i < args->n_words; i++) {
        fputc(' ', stream);
        print_shell_word(stream, args->words[i]);
    }
    return fclose(stream) == 0 ? line : NULL;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    ec_study *study;
    columns_choice columns;
    int status = columns_make(&columns, args);
    if (status == EXIT_DONE) status = study_open(&study, args);
    if (status != EXIT_DONE) {
        columns_release(&columns);
        return status;
    }
    char *line = command_line(args);
    const ec_report_options options = {.rank = ranking_options(args),
                                       .columns = columns.list,
                                       .n_columns = columns.n,
                                       .command = line};
    char *usual = study_report_path(study);
    const char *file = v[O_OUTPUT].given ? v[O_OUTPUT].text : usual;
    ec_error err;
    ranking_warnings warnings;
    ranking_warnings_note(&warnings, study, columns.list, columns.n, NULL, 0);
    const bool written = ec_report_write(study, file, &options, &err) == EC_OK;
    if (written && v[O_JSON].given) {
        json_print(json_pack("{s:o, s:o, s:o}", "study", json_text(ec_study_name(study)), "file",
                             json_text(file), "warnings", ranking_warnings_json(&warnings)));
    } else if (written) {
        puts(file);
    }
    free(warnings.list);
    columns_release(&columns);
    free(usual);
    free(line);
    ec_study_close(study);
    return written ? EXIT_DONE : report_error(&err);
}

const command CMD_REPORT = {
    .name = "report",
    .purpose = "one self-contained HTML page with the plots and the ranking",
    .about =
        "The law of each benchmark in the plane of A and C, measured against left-out predictions, "
        "R2 in-sample and left out, recall by budget of the policies, a profile of each candidate, "
        "the ranking, the numbers beside A and C, the pictures that 'show --study' keeps, and "
        "where the numbers come from. The "
        "page needs no network. Prints the path of the page.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
