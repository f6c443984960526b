/* ranking.h - the options that choose how candidates are ranked, shared by rank, ask and report */
#ifndef EC_CLI_RANKING_H
#define EC_CLI_RANKING_H

#include <jansson.h>

#include "cli/options.h"
#include "cli/study.h"
#include "eyechart/rank.h"

/* The weights of the study, those of --weights in their place; *out [over->n] is owned. EXIT_DONE
 * or a usage error. */
int weights_make(double **out, const ec_study *study, const selection *over, const arguments *args);

/* The decision in JSON; null where there is none. */
json_t *decision_json(const ec_study *study, const ec_decision *decision, const char *unit);

const char *rank_model_at(size_t i);
const char *law_model_at(size_t i);

/* What to rank by, of the options --columns, or --a-column and --c-column, the older form for two.
 * columns_release() frees. */
typedef struct columns_choice {
    ec_rank_column *list; /* [n]; n 0: as study.yaml declares */
    size_t n;
    char *text; /* that the names are in */
} columns_choice;
/* EXIT_DONE or a usage error. */
int columns_make(columns_choice *out, const arguments *args);
void columns_release(columns_choice *choice);

/* The study of a command line as its options have it. */
typedef struct study_view {
    ec_study *study;
    ec_study_snapshot *snapshot; /* everything known, by the columns chosen */
    selection over;              /* the benchmarks that count */
} study_view;

/* EXIT_DONE, or the status to exit with after saying why; study_view_close() frees then as well. */
int study_view_open(study_view *out, const arguments *args);
void study_view_close(study_view *view);

/* How to rank, by RANKING_OPTIONS. Of no weights and nothing pending. */
ec_rank_options ranking_options(const arguments *args);

/* Whether that is A and C in equal parts. */
bool columns_are_usual(const ec_study_snapshot *snapshot);
/* Says on standard output what a ranking goes by, where that is not A and C in equal parts. */
void print_columns(const ec_study_snapshot *snapshot);
/* Adds columns, and the first two of them as a_column and c_column, null where there is but one. */
void columns_add_json(json_t *to, const ec_study_snapshot *snapshot);

#define OPTION_COLUMNS                                                                             \
    {                                                                                              \
        .name = "columns", .argument = "NAME[=WEIGHT],...", .type = VALUE_TEXT,                    \
        .help = "scores to go by, in place of those of study.yaml: A, C and columns that "         \
                "'eyechart study show' lists, with weights that results may shift"                 \
    }
/* With the older form, for the places of A and C. */
#define COLUMNS_PLACES O_COLUMNS, O_A_COLUMN, O_C_COLUMN
#define COLUMNS_OPTIONS                                                                            \
    [O_COLUMNS] = OPTION_COLUMNS,                                                                  \
    [O_A_COLUMN] = {.name = "a-column",                                                            \
                    .argument = "COLUMN",                                                          \
                    .type = VALUE_TEXT,                                                            \
                    .fallback = "A",                                                               \
                    .help = "what takes the place of A, the first of two columns in equal parts"}, \
    [O_C_COLUMN] = {.name = "c-column",                                                            \
                    .argument = "COLUMN",                                                          \
                    .type = VALUE_TEXT,                                                            \
                    .fallback = "C",                                                               \
                    .help = "what takes the place of C, the second of them"}
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
#define OPTION_RIDGE                                                                               \
    {                                                                                              \
        .name = "ridge", .argument = "PENALTY", .type = VALUE_NUMBER, .fallback = "0",             \
        .help = "penalty on the squared coefficients of the law; steadies a fit to few candidates" \
    }
#define OPTION_SEED                                                                                \
    {                                                                                              \
        .name = "seed", .argument = "N", .type = VALUE_COUNT,                                      \
        .high = 9007199254740992.0, /* 2^53, what every reader of JSON keeps */                    \
            .fallback = "0", .help = "of the random numbers; the same seed gives the same output"  \
    }

/* Of commands that rank: for ranking_options(). */
#define RANKING_PLACES O_MODEL, O_LAW_MODEL, O_RIDGE, O_LEVEL, O_SAMPLES, O_SEED
#define RANKING_OPTIONS                                                                            \
    [O_MODEL] = {.name = "model",                                                                  \
                 .argument = "MODEL",                                                              \
                 .type = VALUE_CHOICE,                                                             \
                 .choice = rank_model_at,                                                          \
                 .fallback = "gp",                                                                 \
                 .help = "what predicts: gp, a Gaussian process around 'more of every score is "   \
                         "better', useful from no result on; law, the fitted law of the paper"},   \
    [O_LAW_MODEL] = {.name = "law-model",                                                          \
                     .argument = "MODEL",                                                          \
                     .type = VALUE_CHOICE,                                                         \
                     .choice = law_model_at,                                                       \
                     .fallback = "quadratic",                                                      \
                     .help = "terms of the law, with --model law"},                                \
    [O_RIDGE] = OPTION_RIDGE,                                                                      \
    [O_LEVEL] = {.name = "level",                                                                  \
                 .argument = "CHANCE",                                                             \
                 .type = VALUE_NUMBER,                                                             \
                 .low = 0.5,                                                                       \
                 .high = 0.999,                                                                    \
                 .fallback = "0.9",                                                                \
                 .help = "chance with which an interval holds what a finetuning would measure"},   \
    [O_SAMPLES] = {.name = "samples",                                                              \
                   .argument = "N",                                                                \
                   .type = VALUE_COUNT,                                                            \
                   .low = 100,                                                                     \
                   .high = 1e6,                                                                    \
                   .fallback = "4000",                                                             \
                   .help = "posterior samples behind the chances of being best"},                  \
    [O_SEED] = OPTION_SEED

#endif
