/* cmd_tell.c - eyechart tell: records the results of a finetuned candidate */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/study.h"
#include "eyechart/asking.h"
#include "eyechart/results.h"

enum {
    O_STUDY,
    O_RESULTS,
    O_LIMITED,
    O_REPEAT,
    O_SE,
    O_FAILED,
    O_HOURS,
    O_WHY,
    O_SOURCE,
    O_WORKER,
    O_JSON
};

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_RESULTS] = {.name = "results",
                   .argument = "FILE",
                   .type = VALUE_FILE,
                   .repeatable = true,
                   .help =
                       "a results file of lmms-eval (*_results.json) or VLMEvalKit (*_acc.csv, "
                       "*_score.csv, *_score.json), or a folder of such; results on the command "
                       "line win over those of files"},
    [O_LIMITED] = {.name = "limited",
                   .help = "takes the results of a limited run, over a part of the samples, too"},
    [O_REPEAT] = {.name = "repeat",
                  .help =
                      "the results are of another seed or another evaluation: they stand beside "
                      "those told before, rather than in their place, and their mean counts"},
    [O_SE] = {.name = "se",
              .argument = "BENCHMARK=ERROR",
              .type = VALUE_TEXT,
              .repeatable = true,
              .help = "standard error of the result for that benchmark, which may stand behind the "
                      "value as well (mme=1502.7+-8.1); ERROR alone where there is one result"},
    [O_FAILED] = {.name = "failed",
                  .help =
                      "there are no results and will be none: the candidate is not asked for any "
                      "more, until 'withdraw --failed' or 'run --retry-failed'"},
    [O_HOURS] = {.name = "hours",
                 .argument = "HOURS",
                 .type = VALUE_NUMBER,
                 .low = 0.001,
                 .high = 1e12,
                 .help = "GPU-hours that the finetuning took; of a repeat they are added"},
    [O_WHY] = {.name = "why",
               .argument = "TEXT",
               .type = VALUE_TEXT,
               .help = "with --failed: the reason"},
    [O_SOURCE] = {.name = "source",
                  .argument = "TEXT",
                  .type = VALUE_TEXT,
                  .help = "where the numbers come from: a path, a command, a note"},
    [O_WORKER] = OPTION_WORKER("default", "who trained"),
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
     .help = "a result, in the units of the benchmark, with its standard error if it is known: "
             "VALUE+-ERROR; beside --results, a further file"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart tell mystudy/ CLIP@336 mme=1502.7 mmbench=64.26", "two results of one finetuning"},
    {"eyechart tell mystudy/ CLIP@336 mme=1500.2 --source 'counted again'",
     "a correction; the value before stays in the history (study show --history)"},
    {"eyechart tell mystudy/ CLIP@336 mme=1511.4+-8.1 --repeat",
     "another seed, with the standard error of its evaluation"},
    {"eyechart tell mystudy/ DINOv2 --failed --hours 12 --why 'out of memory'",
     "it cannot be trained: ask goes on with others"},
    {"eyechart tell mystudy/ SigLIP --results logs/siglip/",
     "what lmms-eval or VLMEvalKit found; docs/formats.md says which metric belongs to which "
     "benchmark"},
    {"eyechart tell mystudy/ SigLIP mme=1425 --hours 380 --source logs/siglip.json",
     "with what it cost, and where the number is from"},
    {0},
};

/* What is told, and what became of it. */
typedef struct {
    ec_study *study;
    const arguments *args;
    size_t candidate, n;
    ec_result *results;   /* [n] */
    ec_told *told;        /* [n] */
    ec_results found;     /* of files */
    const char **sources; /* [n] file of each result; NULL: typed */
    const char **from;    /* [n] its metric there; NULL likewise */
    ec_study_snapshot *after;
    bool was_failed;
} telling;

/* Words with which other programs and people write that there is no number. */
static bool is_no_value(const char *text) {
    static const char *const words[] = {"", "null", "none", "nan", "na", "n/a", "-", "~"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (strcasecmp(text, words[k]) == 0) return true;
    return false;
}

/* "mme=1502.7" or "mme=1502.7+-8.1"; the name may hold '=' itself. */
static int parse_result(telling *t, ec_result *out, const char *typed) {
    char name[256];
    ec_error err;
    const char *equals = strrchr(typed, '=');
    if (equals == NULL || equals == typed)
        return usage_error(t->args->command,
                           "a result is BENCHMARK=VALUE, such as mme=1502.7, not '%s'", typed);
    snprintf(name, sizeof name, "%.*s", (int)(equals - typed), typed);
    if (is_no_value(equals + 1))
        return usage_error(t->args->command,
                           "'%s' has no value. To take back what was told: eyechart withdraw %s %s "
                           "%s",
                           typed, ec_study_path(t->study),
                           ec_study_candidate(t->study, t->candidate)->name, name);
    if (ec_result_read(out, equals + 1, &err) != EC_OK)
        return usage_error(t->args->command, "%s: %s", name, err.message);
    return study_find_benchmark(&out->benchmark, t->study, name);
}

/* "mme=8.1", or "8.1" for the only result. */
static int parse_error(telling *t, const char *typed) {
    char name[256];
    ec_result error;
    ec_error err;
    size_t i = 0;
    const char *equals = strrchr(typed, '='), *number = equals != NULL ? equals + 1 : typed;
    if (equals == NULL && t->n != 1)
        return usage_error(t->args->command,
                           "--se %s: of which of the %zu results? Say --se BENCHMARK=ERROR", typed,
                           t->n);
    if (equals != NULL) {
        snprintf(name, sizeof name, "%.*s", (int)(equals - typed), typed);
        const int status = study_find_benchmark(&error.benchmark, t->study, name);
        if (status != EXIT_DONE) return status;
        while (i < t->n && t->results[i].benchmark != error.benchmark) i++;
        if (i == t->n)
            return usage_error(t->args->command, "--se %s: no result of %s is told", typed, name);
    }
    if (ec_result_read(&error, number, &err) != EC_OK || error.se != 0.0 || !(error.value > 0.0))
        return usage_error(t->args->command, "--se %s: '%s' is not a number greater than 0", typed,
                           number);
    t->results[i].se = error.value;
    return EXIT_DONE;
}

/* ---- what is said --------------------------------------------------------------------------- */

static void print_value(double value, double se) {
    printf(" %.10g", value);
    if (se > 0.0) printf(" +- %.4g", se);
}

static void print_mean(double value, double se) {
    printf(" %.6g", value);
    if (se > 0.0) printf(" +- %.2g", se);
}

static const char *benchmark_name(const telling *t, size_t i) {
    return ec_study_benchmark(t->study, t->results[i].benchmark)->name;
}

/* "mme 1511.4 (the mean of 2 results is 1507.05 +- 5.7)" */
static void print_recorded(const telling *t, size_t i, const ec_table *after) {
    const ec_told *told = &t->told[i];
    const size_t cell = t->results[i].benchmark * after->n_candidates + t->candidate;
    printf(" %s", benchmark_name(t, i));
    print_value(t->results[i].value, t->results[i].se);
    if (told->n_before == 0) return;
    if (t->args->values[O_REPEAT].given) {
        printf(" (the mean of %zu results is", told->n_before + 1);
        print_mean(after->z[cell], after->z_se[cell]);
        fputs(")", stdout);
        return;
    }
    fputs(" (was", stdout);
    (told->n_before > 1 ? print_mean : print_value)(told->before, told->before_se);
    if (told->n_before > 1) printf(", the mean of %zu results", told->n_before);
    fputs(", kept in the history)", stdout);
}

static size_t count_unchanged(const telling *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) n += t->told[i].unchanged;
    return n;
}

static void print_unchanged(const telling *t) {
    size_t n = 0;
    fputs("known already, and not recorded again:", stdout);
    for (size_t i = 0; i < t->n; i++) {
        if (!t->told[i].unchanged) continue;
        printf("%s %s", n++ == 0 ? "" : ",", benchmark_name(t, i));
        print_value(t->told[i].before, t->told[i].before_se);
    }
    putchar('\n');
}

static bool any_replaced(const telling *t) {
    for (size_t i = 0; i < t->n; i++)
        if (!t->told[i].unchanged && t->told[i].n_before > 0 &&
            t->told[i].before != t->results[i].value)
            return !t->args->values[O_REPEAT].given;
    return false;
}

/* "logs/r.json: TextVQA is textvqa_val.exact_match x 100" for each file. */
static void print_sources(const telling *t) {
    const char *file = NULL;
    for (size_t i = 0; i < t->n; i++) {
        if (t->sources[i] == NULL) continue;
        if (file == NULL || strcmp(file, t->sources[i]) != 0)
            printf("%s%s:", file == NULL ? "" : "\n", t->sources[i]);
        else
            putchar(',');
        file = t->sources[i];
        printf(" %s is %s", benchmark_name(t, i), t->from[i]);
    }
    if (file != NULL) putchar('\n');
}

/* The i-th thing that looks wrong with the results; false: no more. */
static bool find_warning(char text[400], const telling *t, size_t *i) {
    while (*i < t->n) {
        const size_t b = t->results[(*i)++].benchmark;
        if (ec_study_check_unit(text, 400, t->study, &t->after->table, t->candidate, b))
            return true;
    }
    return false;
}

static void print_text(const telling *t) {
    const ec_study_snapshot *after = t->after;
    const ec_study *study = t->study;
    const size_t n_unchanged = count_unchanged(t);
    if (n_unchanged < t->n) {
        size_t n = 0;
        printf("recorded for %s:", ec_study_candidate(study, t->candidate)->name);
        for (size_t i = 0; i < t->n; i++) {
            if (t->told[i].unchanged) continue;
            fputs(n++ == 0 ? "" : ",", stdout);
            print_recorded(t, i, &after->table);
        }
        putchar('\n');
    }
    if (n_unchanged > 0) print_unchanged(t);
    if (t->was_failed)
        printf("%s was told as failed before; it is no longer\n",
               ec_study_candidate(study, t->candidate)->name);
    print_sources(t);
    char text[400];
    for (size_t i = 0; find_warning(text, t, &i);) note("warning: %s", text);
    if (any_replaced(t))
        note("a result of another seed or another evaluation is told with --repeat; then both "
             "count");
    printf("%zu of %zu candidates have results", after->n_observed, after->table.n_candidates);
    if (after->hours_spent > 0.0) printf(", %.6g GPU-hours spent", after->hours_spent);
    fputs("; next: eyechart rank ", stdout);
    print_shell_word(stdout, ec_study_path(study));
    putchar('\n');
}

static json_t *json_recorded(const telling *t, size_t i, const ec_table *after) {
    const ec_result *r = &t->results[i];
    const ec_told *told = &t->told[i];
    const bool repeat = t->args->values[O_REPEAT].given;
    const size_t cell = r->benchmark * after->n_candidates + t->candidate;
    json_t *row = json_pack(
        "{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:I}", "benchmark", json_text(benchmark_name(t, i)),
        "value", json_number(r->value), "se", json_number(r->se > 0.0 ? r->se : NAN), "unchanged",
        told->unchanged, "replaced", json_number(told->unchanged || repeat ? NAN : told->before),
        "mean", json_number(after->z[cell]), "mean_se", json_number(after->z_se[cell]), "n_results",
        (json_int_t)(after->z_n != NULL ? after->z_n[cell] : 1.0));
    json_object_set_new(row, "file",
                        t->sources[i] != NULL ? json_text(t->sources[i]) : json_null());
    json_object_set_new(row, "from", t->from[i] != NULL ? json_text(t->from[i]) : json_null());
    return row;
}

static json_t *json_warnings(const telling *t) {
    json_t *warnings = json_array();
    char text[400];
    for (size_t i = 0; find_warning(text, t, &i);) json_array_append_new(warnings, json_text(text));
    return warnings;
}

static json_t *json_notes(const telling *t) {
    json_t *notes = json_array();
    for (size_t k = 0; k < t->found.n_notes; k++)
        json_array_append_new(notes, json_text(t->found.notes[k]));
    return notes;
}

static void print_json(const telling *t) {
    const ec_study_snapshot *after = t->after;
    json_t *recorded = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(recorded, json_recorded(t, i, &after->table));
    json_print(json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "study", json_text(ec_study_name(t->study)),
        "candidate", json_text(ec_study_candidate(t->study, t->candidate)->name), "recorded",
        recorded, "warnings", json_warnings(t), "notes", json_notes(t), "n_finetuned",
        (json_int_t)after->n_observed, "n_candidates", (json_int_t)after->table.n_candidates,
        "hours_spent", json_number(after->hours_spent)));
}

/* ---- what is done --------------------------------------------------------------------------- */

/* Whether an operand beside --results is one more file, as a shell makes them of --results logs/x*:
 * nothing that could be a result, and there. */
static bool is_file(const telling *t, const char *word) {
    const char *equals = strrchr(word, '=');
    ec_result unused;
    if (!t->args->values[O_RESULTS].given) return false;
    if (equals != NULL && ec_result_read(&unused, equals + 1, NULL) == EC_OK) return false;
    return access(word, F_OK) == 0;
}

/* Results of the files for benchmarks that have none on the command line. */
static int add_files(telling *t, const char *const *files, size_t n_files) {
    ec_error err;
    const bool limited = t->args->values[O_LIMITED].given;
    if (ec_results_read(&t->found, t->study, files, n_files, limited, &err) != EC_OK)
        return report_error(&err);
    const size_t n_typed = t->n;
    for (size_t k = 0; k < t->found.n; k++) {
        const ec_found_result *f = &t->found.items[k];
        size_t i = 0;
        while (i < n_typed && t->results[i].benchmark != f->benchmark) i++;
        if (i < n_typed) continue;
        t->sources[t->n] = f->file;
        t->from[t->n] = f->from;
        t->results[t->n++] = (ec_result){f->benchmark, f->value, f->se};
    }
    for (size_t k = 0; k < t->found.n_notes; k++) note("%s", t->found.notes[k]);
    return EXIT_DONE;
}

static int record(telling *t) {
    const option_value *v = t->args->values;
    const bool named = v[O_SOURCE].given;
    const ec_tell_options options = {.hours = v[O_HOURS].number,
                                     .repeat = v[O_REPEAT].given,
                                     .worker = v[O_WORKER].text,
                                     .source = v[O_SOURCE].text,
                                     .sources = named ? NULL : t->sources,
                                     .told = t->told,
                                     .was_failed = &t->was_failed};
    ec_error err;
    if (ec_study_tell(t->study, t->candidate, t->results, t->n, &options, &err) != EC_OK)
        return report_error(&err);
    if (ec_study_snapshot_get(&t->after, t->study, &err) != EC_OK) {
        note("the results are recorded, but could not be read back");
        return report_error(&err);
    }
    (v[O_JSON].given ? print_json : print_text)(t);
    ec_study_snapshot_free(t->after);
    return EXIT_DONE;
}

/* ---- when there are no results -------------------------------------------------------------- */

static void print_failed(const ec_study *study, size_t candidate, bool unchanged,
                         const ec_failure *f, const ec_study_snapshot *after) {
    const char *name = ec_study_candidate(study, candidate)->name;
    printf("%s%s failed%s%s%s; it is not asked for any more\nto take that back: eyechart withdraw ",
           unchanged ? "known already: " : "recorded: ", name, *f->why != '\0' ? " (" : "", f->why,
           *f->why != '\0' ? ")" : "");
    print_shell_word(stdout, ec_study_path(study));
    putchar(' ');
    print_shell_word(stdout, name);
    puts(" --failed");
    printf("%zu of %zu candidates have results, %zu failed", after->n_observed,
           after->table.n_candidates, after->n_failed);
    if (after->hours_spent > 0.0) printf(", %.6g GPU-hours spent", after->hours_spent);
    putchar('\n');
}

static void print_failed_json(const ec_study *study, size_t candidate, bool unchanged,
                              const ec_failure *f, const ec_study_snapshot *after) {
    json_print(json_pack(
        "{s:o, s:o, s:b, s:b, s:o, s:o, s:I, s:I, s:I, s:o}", "study",
        json_text(ec_study_name(study)), "candidate",
        json_text(ec_study_candidate(study, candidate)->name), "failed", true, "unchanged",
        unchanged, "why", json_text(f->why), "hours", json_number(f->hours), "n_failed",
        (json_int_t)after->n_failed, "n_finetuned", (json_int_t)after->n_observed, "n_candidates",
        (json_int_t)after->table.n_candidates, "hours_spent", json_number(after->hours_spent)));
}

static int say_failed(ec_study *study, size_t candidate, bool unchanged, bool json) {
    ec_failure *failures;
    ec_study_snapshot *after = NULL;
    size_t n, k = 0;
    ec_error err;
    ec_status status = ec_study_failures(&failures, &n, study, &err);
    if (status == EC_OK) status = ec_study_snapshot_get(&after, study, &err);
    if (status != EC_OK) {
        free(failures);
        return report_error(&err);
    }
    while (k < n && failures[k].candidate != candidate) k++;
    if (k < n) /* else somebody took it back meanwhile */
        (json ? print_failed_json : print_failed)(study, candidate, unchanged, &failures[k], after);
    free(failures);
    ec_study_snapshot_free(after);
    return EXIT_DONE;
}

static int tell_failed(ec_study *study, const arguments *args) {
    const option_value *v = args->values;
    if (args->n_operands > 1 || v[O_RESULTS].given || v[O_REPEAT].given || v[O_SE].given)
        return usage_error(args->command, "--failed says that there are no results; tell either");
    size_t candidate;
    const int status = study_find_candidate(&candidate, study, args->operands[0]);
    if (status != EXIT_DONE) return status;
    const ec_fail_options options = {.hours = v[O_HOURS].number,
                                     .worker = v[O_WORKER].text,
                                     .why = v[O_WHY].given ? v[O_WHY].text : v[O_SOURCE].text};
    bool unchanged;
    ec_error err;
    if (ec_study_tell_failed(&unchanged, study, candidate, &options, &err) != EC_OK)
        return report_error(&err);
    return say_failed(study, candidate, unchanged, v[O_JSON].given);
}

/* The results on the command line, then those of files. */
static int collect(telling *t) {
    const option_value *se = &t->args->values[O_SE], *results = &t->args->values[O_RESULTS];
    const size_t n_operands = t->args->n_operands;
    const char **files = allocate(results->n_all + n_operands, sizeof *files);
    size_t n_files = 0;
    int status = study_find_candidate(&t->candidate, t->study, t->args->operands[0]);
    for (size_t k = 0; k < results->n_all; k++) files[n_files++] = results->all[k];
    for (size_t k = 1; k < n_operands && status == EXIT_DONE; k++) {
        const char *word = t->args->operands[k];
        if (is_file(t, word))
            files[n_files++] = word;
        else if ((status = parse_result(t, &t->results[t->n], word)) == EXIT_DONE)
            t->n++;
    }
    if (status == EXIT_DONE && n_files > 0) status = add_files(t, files, n_files);
    for (size_t k = 0; k < se->n_all && status == EXIT_DONE; k++)
        status = parse_error(t, se->all[k]);
    free(files);
    return status;
}

static int tell(ec_study *study, const arguments *args) {
    const size_t room = args->n_operands + ec_study_n_benchmarks(study);
    if (args->n_operands == 1 && !args->values[O_RESULTS].given)
        return usage_error(
            args->command,
            "needs a BENCHMARK=VALUE, or --results FILE, or --failed where there will be none");
    telling t = {.study = study,
                 .args = args,
                 .results = allocate(room, sizeof *t.results),
                 .told = allocate(room, sizeof *t.told),
                 .sources = allocate(room, sizeof *t.sources),
                 .from = allocate(room, sizeof *t.from)};
    int status = collect(&t);
    if (status == EXIT_DONE) status = record(&t);
    free(t.results);
    free(t.told);
    free(t.sources);
    free(t.from);
    ec_results_release(&t.found);
    return status;
}

static int run(const arguments *args) {
    if (args->values[O_WHY].given && !args->values[O_FAILED].given)
        return usage_error(args->command,
                           "--why goes with --failed; --source says where results are "
                           "from");
    ec_study *study;
    int status = study_open_writable(&study, args);
    if (status != EXIT_DONE) return status;
    status = (args->values[O_FAILED].given ? tell_failed : tell)(study, args);
    ec_study_close(study);
    return status;
}

const command CMD_TELL = {
    .name = "tell",
    .purpose = "record the results of a finetuned candidate",
    .about =
        "All or nothing: either every result is recorded, durably, or none. A name that the study "
        "does not have, a value that is not finite or outside the range declared for the benchmark "
        "is refused. A later value replaces an earlier one, which stays in the history, unless it "
        "is "
        "told as a repeat: then the mean of all counts. A value that is known already is not "
        "recorded again. 'withdraw' takes back what was told.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
