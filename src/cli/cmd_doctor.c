/* cmd_doctor.c - eyechart doctor: what is missing for scoring and the loop, and what to do */
#include "cli/findings.h"
#include "eyechart/score.h"

enum { O_STUDY, O_JSON };

static const option OPTIONS[] = {[O_STUDY] = OPTION_STUDY, [O_JSON] = OPTION_JSON, {0}};

static const operand OPERANDS[] = {
    {.name = "STUDY", .type = VALUE_STUDY, .help = "study folder"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart doctor mystudy/", "before the first 'eyechart score'"},
    {"eyechart doctor mystudy/ && eyechart run mystudy/", "in a script"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DONE, "nothing stops 'eyechart score'; there may be warnings"},
    {EXIT_NEGATIVE, "something does, and there is what to do about it"},
    {0},
};

static int run(const arguments *args) {
    return findings_report(args, ec_study_doctor, args->values[O_JSON].given);
}

const command CMD_DOCTOR = {
    .name = "doctor",
    .purpose = "find what stops scoring and the loop, and say what to do",
    .about = "Looks for weights, connectors, keypoints and images that are missing or do not fit "
             "together, for encoders that are joined and have different grids, for results that "
             "are out of date, for disk space and for damage of study.db. Computes nothing, but "
             "reads every file once. 'eyechart study check' is about the ranking.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
};
