/* cmd_withdraw.c - eyechart withdraw: takes back results that were told, or a failure */
#include <math.h>
#include <stdlib.h>

#include "cli/output.h"
#include "cli/study.h"
#include "eyechart/asking.h"

enum { O_STUDY, O_FAILED, O_HOURS, O_WHY, O_WORKER, O_JSON };

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_FAILED] = {.name = "failed",
                  .help =
                      "takes back that the candidate failed, told by 'tell --failed' or found by "
                      "'run': it may be asked for again"},
    [O_HOURS] = {.name = "hours",
                 .help = "the GPU-hours recorded with it, too: they were not spent on this "
                         "candidate"},
    [O_WHY] = {.name = "why",
               .argument = "TEXT",
               .type = VALUE_TEXT,
               .help = "for the history: what was wrong"},
    [O_WORKER] = OPTION_WORKER("default", "who withdraws"),
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "STUDY", .type = VALUE_STUDY, .help = "study folder"},
    {.name = "CANDIDATE", .type = VALUE_TEXT, .help = "whose results"},
    {.name = "BENCHMARK",
     .type = VALUE_TEXT,
     .optional = true,
     .repeatable = true,
     .help = "which of them; all when none is named"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart withdraw mystudy/ CLIP@224 MMBench --why 'was of DINOv2'",
     "one result, with its repeats"},
    {"eyechart withdraw mystudy/ CLIP@224 --hours", "all of them, and the GPU-hours with them"},
    {"eyechart withdraw mystudy/ DINOv2 --failed", "it may be asked for again"},
    {0},
};

typedef struct {
    ec_study *study;
    const arguments *args;
    size_t candidate, n; /* n 0: all benchmarks */
    size_t *benchmarks;
    ec_study_snapshot *before, *after;
    ec_withdrawal done;
} withdrawing;

static double value(const withdrawing *w, const ec_study_snapshot *s, size_t b) {
    return s->table.z[b * s->table.n_candidates + w->candidate];
}

static bool is_withdrawn(const withdrawing *w, size_t b) {
    return isfinite(value(w, w->before, b)) && !isfinite(value(w, w->after, b));
}

static void print_text(const withdrawing *w) {
    const char *name = ec_study_candidate(w->study, w->candidate)->name;
    const ec_study_snapshot *s = w->after;
    if (w->args->values[O_FAILED].given) {
        printf("%s may be asked for again\n", name);
    } else if (w->done.n_results > 0) {
        size_t n = 0;
        printf("withdrawn for %s:", name);
        for (size_t b = 0; b < s->table.n_benchmarks; b++)
            if (is_withdrawn(w, b))
                printf("%s %s %.10g", n++ == 0 ? "" : ",", ec_study_benchmark(w->study, b)->name,
                       value(w, w->before, b));
        puts(" (kept in the history)");
    }
    if (w->done.worker[0] != '\0')
        printf("%s is kept for %s again, whose lease still runs\n", name, w->done.worker);
    if (w->done.hours_withdrawn)
        printf("%.6g GPU-hours withdrawn too\n", w->done.hours);
    else if (w->done.hours > 0.0)
        printf("%.6g GPU-hours stay recorded as spent on it; --hours takes them back\n",
               w->done.hours);
    printf("%zu of %zu candidates have results", s->n_observed, s->table.n_candidates);
    if (s->hours_spent > 0.0) printf(", %.6g GPU-hours spent", s->hours_spent);
    putchar('\n');
}

static void print_json(const withdrawing *w) {
    const ec_study_snapshot *s = w->after;
    json_t *withdrawn = json_array();
    for (size_t b = 0; b < s->table.n_benchmarks; b++)
        if (is_withdrawn(w, b))
            json_array_append_new(withdrawn,
                                  json_pack("{s:o, s:o}", "benchmark",
                                            json_text(ec_study_benchmark(w->study, b)->name),
                                            "value", json_number(value(w, w->before, b))));
    json_print(
        json_pack("{s:o, s:o, s:o, s:b, s:o, s:b, s:o, s:I, s:I, s:o}", "study",
                  json_text(ec_study_name(w->study)), "candidate",
                  json_text(ec_study_candidate(w->study, w->candidate)->name), "withdrawn",
                  withdrawn, "failure", w->args->values[O_FAILED].given, "hours",
                  json_number(w->done.hours), "hours_withdrawn", w->done.hours_withdrawn,
                  "kept_for", w->done.worker[0] != '\0' ? json_text(w->done.worker) : json_null(),
                  "n_finetuned", (json_int_t)s->n_observed, "n_candidates",
                  (json_int_t)s->table.n_candidates, "hours_spent", json_number(s->hours_spent)));
}

static int withdraw(withdrawing *w) {
    const option_value *v = w->args->values;
    const ec_withdraw_options options = {
        .worker = v[O_WORKER].text, .why = v[O_WHY].text, .hours = v[O_HOURS].given};
    ec_error err;
    ec_status status = ec_study_snapshot_get(&w->before, w->study, &err);
    if (status == EC_OK && v[O_FAILED].given)
        status = ec_study_withdraw_failure(&w->done, w->study, w->candidate, &options, &err);
    else if (status == EC_OK)
        status = ec_study_withdraw(&w->done, w->study, w->candidate, w->benchmarks, w->n, &options,
                                   &err);
    if (status == EC_OK) status = ec_study_snapshot_get(&w->after, w->study, &err);
    if (status != EC_OK) return report_error(&err);
    (v[O_JSON].given ? print_json : print_text)(w);
    return EXIT_DONE;
}

static int run(const arguments *args) {
    withdrawing w = {.args = args, .n = args->n_operands - 1};
    if (args->values[O_FAILED].given && w.n > 0)
        return usage_error(args->command, "--failed is about the candidate, not about a BENCHMARK");
    int status = study_open_writable(&w.study, args);
    if (status != EXIT_DONE) return status;
    w.benchmarks = allocate(w.n, sizeof *w.benchmarks);
    status = study_find_candidate(&w.candidate, w.study, args->operands[0]);
    for (size_t k = 0; status == EXIT_DONE && k < w.n; k++)
        status = study_find_benchmark(&w.benchmarks[k], w.study, args->operands[k + 1]);
    if (status == EXIT_DONE) status = withdraw(&w);
    ec_study_snapshot_free(w.before);
    ec_study_snapshot_free(w.after);
    free(w.benchmarks);
    ec_study_close(w.study);
    return status;
}

const command CMD_WITHDRAW = {
    .name = "withdraw",
    .purpose = "take back results that were told, or a failure",
    .about =
        "Nothing is deleted: what is withdrawn stays in the history (study show --history), and "
        "does not count any more. All or nothing: a result that was never told is an error.\n"
        "A candidate without results may be asked for again. Where the results had answered a "
        "question whose lease still runs, it is kept for that worker. 'run' evaluates once more "
        "what it had trained.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
