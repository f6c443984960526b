/* ranking.h - the options that choose how candidates are ranked, shared by rank, ask and report */
#ifndef EC_CLI_RANKING_H
#define EC_CLI_RANKING_H

#include <jansson.h>

#include "cli/options.h"
#include "cli/study.h"
#include "eyechart/rank.h"

/* "NAME=WEIGHT,..." over the weights of the study; *out [over->n] is owned. EXIT_DONE or a usage
 * error. */
int weights_make(double **out, const ec_study *study, const selection *over,
                 const option_value *given);

/* What follows a gain: the unit of one benchmark is its own. */
const char *gain_unit(size_t n_over);
/* The decision in JSON; null where there is none. */
json_t *decision_json(const ec_study *study, const ec_decision *decision, const char *unit);

const char *rank_model_at(size_t i);
const char *law_model_at(size_t i);

/* Says on standard output which column has taken the place of A or C, if one has. */
void print_columns(const option_value *a, const option_value *c);

/* Columns of the study in the places of A and C: OPTION_A_COLUMN, OPTION_C_COLUMN. */
#define OPTION_A_COLUMN                                                                            \
    {                                                                                              \
        .name = "a-column", .argument = "COLUMN", .type = VALUE_TEXT, .fallback = "A",             \
        .help = "what takes the place of A: C, or a column that 'eyechart study show' lists"       \
    }
#define OPTION_C_COLUMN                                                                            \
    {                                                                                              \
        .name = "c-column", .argument = "COLUMN", .type = VALUE_TEXT, .fallback = "C",             \
        .help = "what takes the place of C: A, or a column with one value for all benchmarks"      \
    }
#define OPTION_WEIGHTS                                                                             \
    {                                                                                              \
        .name = "weights", .argument = "NAME=WEIGHT,...", .type = VALUE_TEXT,                      \
        .help = "weights of benchmarks in the mean; those of study.yaml (1 where it has none) "    \
                "for benchmarks not named"                                                         \
    }
#define OPTION_ENOUGH                                                                              \
    {                                                                                              \
        .name = "enough", .argument = "GAIN", .type = VALUE_NUMBER, .low = 0, .high = 1e12,        \
        .help = "the expected gain that is worth a finetuning of the usual (median) cost; half "   \
                "the standard error of one result when not given"                                  \
    }
#define OPTION_RANK_MODEL                                                                          \
    {                                                                                              \
        .name = "model", .argument = "MODEL", .type = VALUE_CHOICE, .choice = rank_model_at,       \
        .fallback = "gp",                                                                          \
        .help = "what predicts: gp, a Gaussian process around 'more of every score is better', "   \
                "useful "                                                                          \
                "from no result on; law, the fitted law of the paper"                              \
    }
#define OPTION_LAW_MODEL                                                                           \
    {                                                                                              \
        .name = "law-model", .argument = "MODEL", .type = VALUE_CHOICE, .choice = law_model_at,    \
        .fallback = "quadratic", .help = "terms of the law, with --model law"                      \
    }
#define OPTION_RIDGE                                                                               \
    {                                                                                              \
        .name = "ridge", .argument = "PENALTY", .type = VALUE_NUMBER, .fallback = "0",             \
        .help = "penalty on the squared coefficients of the law; steadies a fit to few candidates" \
    }
#define OPTION_LEVEL                                                                               \
    {                                                                                              \
        .name = "level", .argument = "CHANCE", .type = VALUE_NUMBER, .low = 0.5, .high = 0.999,    \
        .fallback = "0.9",                                                                         \
        .help = "chance with which an interval holds what a finetuning would measure"              \
    }
#define OPTION_SAMPLES                                                                             \
    {                                                                                              \
        .name = "samples", .argument = "N", .type = VALUE_COUNT, .low = 100, .high = 1e6,          \
        .fallback = "4000", .help = "posterior samples behind the chances of being best"           \
    }
#define OPTION_SEED                                                                                \
    {                                                                                              \
        .name = "seed", .argument = "N", .type = VALUE_COUNT,                                      \
        .high = 9007199254740992.0, /* 2^53, what every reader of JSON keeps */                    \
            .fallback = "0", .help = "of the random numbers; the same seed gives the same output"  \
    }

#endif
