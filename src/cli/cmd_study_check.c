/* cmd_study_check.c - eyechart study check: what would stop or weaken a ranking */
#include "cli/findings.h"

enum { O_STUDY, O_JSON };

static const option OPTIONS[] = {[O_STUDY] = OPTION_STUDY, [O_JSON] = OPTION_JSON, {0}};

static const operand OPERANDS[] = {OPERAND_STUDY_BUILT_IN, {0}};

static const example EXAMPLES[] = {
    {"eyechart study check mystudy/", "after editing study.yaml or importing"},
    {"eyechart study check mystudy/ --json | jq -r '.findings[].message'", "for a script"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DONE, "nothing stands in the way of a ranking; there may be warnings"},
    {EXIT_NEGATIVE, "there is at least one error"},
    {0},
};

static int run(const arguments *args) {
    return findings_report(args, ec_study_check, args->values[O_JSON].given);
}

const command CMD_STUDY_CHECK = {
    .name = "study check",
    .purpose = "find what would stop or weaken a ranking",
    .about = "Looks for missing scores, scores that are all the same, too few results, values "
             "outside the "
             "declared ranges and a damaged database, and says what to do about each. What 'score' "
             "and 'run' need, as images, weights and the commands of 'run:', is for 'eyechart "
             "doctor'.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
};
