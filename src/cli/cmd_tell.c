/* cmd_tell.c - eyechart tell: records the results of a finetuned candidate */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/study.h"
#include "eyechart/results.h"

enum { O_STUDY, O_RESULTS, O_HOURS, O_SOURCE, O_WORKER, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_RESULTS] = {.name = "results",
                   .argument = "FILE",
                   .type = VALUE_FILE,
                   .help = "a results JSON of lmms-eval; results on the command line win over it"},
    [O_HOURS] = {.name = "hours",
                 .argument = "HOURS",
                 .type = VALUE_NUMBER,
                 .low = 0.001,
                 .high = 1e12,
                 .help = "GPU-hours that the finetuning took"},
    [O_SOURCE] = {.name = "source",
                  .argument = "TEXT",
                  .type = VALUE_TEXT,
                  .help = "where the numbers come from: a path, a command, a note"},
    [O_WORKER] = {.name = "worker",
                  .argument = "NAME",
                  .type = VALUE_TEXT,
                  .fallback = "default",
                  .help = "who trained"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "STUDY", .type = VALUE_STUDY, .help = "study folder"},
    {.name = "CANDIDATE",
     .type = VALUE_TEXT,
     .help = "what was finetuned, whether it was asked for or not"},
    {.name = "BENCHMARK=VALUE",
     .type = VALUE_TEXT,
     .optional = true,
     .repeatable = true,
     .help = "a result, in the units of the benchmark"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart tell mystudy/ CLIP@336 mme=1502.7 mmbench=64.26", "two results of one finetuning"},
    {"eyechart tell mystudy/ CLIP@336 mme=1500.2 --source 'second run'",
     "a correction; the value before stays in the history (study show --history)"},
    {"eyechart tell mystudy/ SigLIP --results logs/siglip/results.json",
     "what lmms-eval found; docs/formats.md says which metric belongs to which benchmark"},
    {"eyechart tell mystudy/ SigLIP mme=1425 --hours 380 --source logs/siglip.json",
     "with what it cost, and where the number is from"},
    {0},
};

/* "mme=1502.7"; the name may hold '=' itself. */
static int parse_result(ec_result *out, const ec_study *study, const command *which,
                        const char *typed) {
    char name[256];
    const char *equals = strrchr(typed, '=');
    if (equals == NULL || equals == typed || equals[1] == '\0')
        return usage_error(which, "a result is BENCHMARK=VALUE, such as mme=1502.7, not '%s'",
                           typed);
    snprintf(name, sizeof name, "%.*s", (int)(equals - typed), typed);
    char *end;
    out->value = strtod(equals + 1, &end);
    if (*end != '\0') return usage_error(which, "'%s': '%s' is not a number", typed, equals + 1);
    return study_find_benchmark(&out->benchmark, study, name);
}

static void print_text(const ec_study *study, size_t candidate, const ec_result *results, size_t n,
                       const double *before, const ec_study_snapshot *after) {
    printf("recorded for %s:", ec_study_candidate(study, candidate)->name);
    for (size_t i = 0; i < n; i++) {
        printf("%s %s %.10g", i == 0 ? "" : ",",
               ec_study_benchmark(study, results[i].benchmark)->name, results[i].value);
        if (!isnan(before[i])) printf(" (was %.10g, kept in the history)", before[i]);
    }
    printf("\n%zu of %zu candidates have results", after->n_observed, after->table.n_candidates);
    if (after->hours_spent > 0.0) printf(", %.6g GPU-hours spent", after->hours_spent);
    fputs("; next: eyechart rank ", stdout);
    print_shell_word(stdout, ec_study_path(study));
    putchar('\n');
}

static void print_json(const ec_study *study, size_t candidate, const ec_result *results, size_t n,
                       const double *before, const ec_study_snapshot *after) {
    json_t *recorded = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            recorded,
            json_pack("{s:o, s:o, s:o}", "benchmark",
                      json_text(ec_study_benchmark(study, results[i].benchmark)->name), "value",
                      json_number(results[i].value), "replaced", json_number(before[i])));
    json_print(json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "study", json_text(ec_study_name(study)),
                         "candidate", json_text(ec_study_candidate(study, candidate)->name),
                         "recorded", recorded, "n_finetuned", (json_int_t)after->n_observed,
                         "n_candidates", (json_int_t)after->table.n_candidates, "hours_spent",
                         json_number(after->hours_spent)));
}

/* The values that the results replace; NaN where there was none. */
static int values_before(double *before, ec_study *study, size_t candidate,
                         const ec_result *results, size_t n) {
    ec_study_snapshot *snapshot;
    ec_error err;
    if (ec_study_snapshot_get(&snapshot, study, &err) != EC_OK) return report_error(&err);
    const ec_table *table = &snapshot->table;
    for (size_t i = 0; i < n; i++)
        before[i] = table->z[results[i].benchmark * table->n_candidates + candidate];
    ec_study_snapshot_free(snapshot);
    return EXIT_DONE;
}

/* Results of the file for benchmarks that have none among the first *n. */
static int add_file(ec_result *results, size_t *n, const ec_study *study, const char *file) {
    ec_results found;
    ec_error err;
    if (ec_results_read(&found, study, &file, 1, false, &err) != EC_OK) return report_error(&err);
    const size_t n_typed = *n;
    for (size_t k = 0; k < found.n; k++) {
        size_t i = 0;
        while (i < n_typed && results[i].benchmark != found.items[k].benchmark) i++;
        if (i == n_typed)
            results[(*n)++] = (ec_result){found.items[k].benchmark, found.items[k].value};
    }
    for (size_t k = 0; k < found.n_notes; k++) note("%s", found.notes[k]);
    ec_results_release(&found);
    return EXIT_DONE;
}

static int record(ec_study *study, size_t candidate, const ec_result *results, size_t n,
                  double *before, const arguments *args) {
    const option_value *v = args->values;
    const int status = values_before(before, study, candidate, results, n);
    if (status != EXIT_DONE) return status;
    const ec_tell_options options = {.hours = v[O_HOURS].number,
                                     .worker = v[O_WORKER].text,
                                     .source =
                                         v[O_SOURCE].given ? v[O_SOURCE].text : v[O_RESULTS].text};
    ec_error err;
    if (ec_study_tell(study, candidate, results, n, &options, &err) != EC_OK)
        return report_error(&err);
    ec_study_snapshot *after;
    if (ec_study_snapshot_get(&after, study, &err) != EC_OK) {
        note("the results are recorded, but could not be read back");
        return report_error(&err);
    }
    (v[O_JSON].given ? print_json : print_text)(study, candidate, results, n, before, after);
    ec_study_snapshot_free(after);
    return EXIT_DONE;
}

static int tell(ec_study *study, const arguments *args) {
    const char *file = args->values[O_RESULTS].text;
    size_t candidate, n = args->n_operands - 1;
    if (n == 0 && file == NULL)
        return usage_error(args->command, "needs a BENCHMARK=VALUE, or --results FILE");
    int status = study_find_candidate(&candidate, study, args->operands[0]);
    const size_t room = n + ec_study_n_benchmarks(study);
    ec_result *results = allocate(room, sizeof *results);
    double *before = allocate(room, sizeof *before);
    for (size_t i = 0; i < n && status == EXIT_DONE; i++)
        status = parse_result(&results[i], study, args->command, args->operands[i + 1]);
    if (status == EXIT_DONE && file != NULL) status = add_file(results, &n, study, file);
    if (status == EXIT_DONE) status = record(study, candidate, results, n, before, args);
    free(results);
    free(before);
    return status;
}

static int run(const arguments *args) {
    ec_study *study;
    int status = study_open_writable(&study, args);
    if (status != EXIT_DONE) return status;
    status = tell(study, args);
    ec_study_close(study);
    return status;
}

const command CMD_TELL = {
    .name = "tell",
    .purpose = "record the results of a finetuned candidate",
    .about =
        "All or nothing: either every result is recorded, durably, or none. A name that the study "
        "does not have, a value that is not finite or outside the range declared for the benchmark "
        "is refused. A later value replaces an earlier one, which stays in the history.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
