/* study.h - what commands do with a study before they come to their own business */
#ifndef EC_CLI_STUDY_H
#define EC_CLI_STUDY_H

#include "cli/options.h"
#include "eyechart/study.h"

/* Opens the study of the command line, or the built-in paper-2024 after saying so on stderr.
 * Returns EXIT_DONE, or the status to exit with after saying why. The caller closes. */
int study_open(ec_study **out, const arguments *args);
/* The same, and everything known in it. */
int study_open_snapshot(ec_study **out, ec_study_snapshot **snapshot, const arguments *args);

/* The same for a command that changes the study; says why when it cannot be changed. */
int study_open_writable(ec_study **out, const arguments *args);

/* Index by name as typed; where no name is exactly that, by the only one that looks the same
 * (ec_spelling_same). Otherwise says which is near, and returns the status to exit with. */
int study_find_candidate(size_t *out, const ec_study *study, const char *typed);
int study_find_benchmark(size_t *out, const ec_study *study, const char *typed);

/* Where the report of a study goes unless said otherwise: STUDY/report.html, or report.html here
 * where the study cannot be written to. Owned. */
char *study_report_path(const ec_study *study);

/* Says on stderr that 'eyechart score' computes what is missing of A and C, if it does. */
void study_suggest_score(const ec_study *study, const ec_table *table);

/* Benchmarks, in the order of the study. */
typedef struct selection {
    size_t *index; /* [n], owned; selection_release() frees */
    size_t n;
} selection;

/* Those named by --benchmark or in a group named by --group; all when neither is given. */
int selection_make(selection *out, const ec_study *study, const arguments *args);
void selection_release(selection *chosen);

/* "auto", "csv", "json", in the order of ec_table_format. */
const char *table_format_at(size_t i);

#define OPTION_WORKER(usual, what)                                                                 \
    { .name = "worker", .argument = "NAME", .type = VALUE_TEXT, .fallback = usual, .help = what }
#define OPTION_TABLE_FORMAT                                                                        \
    {                                                                                              \
        .name = "format", .argument = "FORMAT", .type = VALUE_CHOICE, .choice = table_format_at,   \
        .fallback = "auto", .help = "auto goes by the end of the file name"                        \
    }
/* Of commands that can do with a part of the benchmarks: places in their enum and in their table,
 * for selection_make(). */
#define SELECTION_PLACES O_BENCHMARK, O_GROUP
#define SELECTION_OPTIONS                                                                          \
    [O_BENCHMARK] = {.name = "benchmark",                                                          \
                     .argument = "NAME",                                                           \
                     .type = VALUE_TEXT,                                                           \
                     .repeatable = true,                                                           \
                     .help = "only this benchmark; all of the study when neither this nor "        \
                             "--group is given"},                                                  \
    [O_GROUP] = {.name = "group",                                                                  \
                 .argument = "GROUP",                                                              \
                 .type = VALUE_TEXT,                                                               \
                 .repeatable = true,                                                               \
                 .help = "only the benchmarks of this group, such as vision or ocr"}

#endif
