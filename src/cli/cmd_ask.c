/* cmd_ask.c - eyechart ask: which candidate to finetune next, and why */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "cli/findings.h"
#include "cli/leases.h"
#include "cli/output.h"
#include "cli/ranking.h"
#include "cli/study.h"
#include "eyechart/asking.h"

enum {
    O_STUDY,
    O_N,
    O_WORKER,
    O_BUDGET,
    O_LEASE,
    O_RELEASE,
    O_RENEW,
    O_POLICY,
    O_SEED,
    SELECTION_PLACES,
    O_WEIGHTS,
    O_ENOUGH,
    O_ANYWAY,
    COLUMNS_PLACES,
    O_JSON
};

static const char *policy_at(size_t i) {
    return ec_policy_name((ec_policy)i);
}

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_N] = {.name = "n",
             .letter = 'n',
             .argument = "K",
             .type = VALUE_COUNT,
             .low = 1,
             .high = 100000,
             .fallback = "1",
             .help = "how many candidates; those this worker has pending count"},
    [O_WORKER] = OPTION_WORKER("default", "who will train; the same worker gets the same answer "
                                          "again until it tells, another one gets another"),
    [O_BUDGET] = {.name = "budget",
                  .argument = "HOURS",
                  .type = VALUE_NUMBER,
                  .low = 0.001,
                  .high = 1e12,
                  .help =
                      "only candidates whose declared cost fits in so many GPU-hours, all pending "
                      "ones of the worker together"},
    [O_LEASE] = {.name = "lease",
                 .argument = "HOURS",
                 .type = VALUE_NUMBER,
                 .low = 0.001,
                 .high = 1e6,
                 .help =
                     "how long the candidate is kept for the worker; as study.yaml says, or 72"},
    [O_RELEASE] = {.name = "release",
                   .help = "gives back the candidates named, or all that are kept for the worker; "
                           "they may be asked of others"},
    [O_RENEW] = {.name = "renew",
                 .help =
                     "keeps them for the worker for another lease from now on, one that ran out "
                     "as well, unless somebody else has it"},
    [O_POLICY] = {.name = "policy",
                  .argument = "POLICY",
                  .type = VALUE_CHOICE,
                  .choice = policy_at,
                  .help = "how to choose, instead of as study.yaml says"},
    [O_SEED] = {.name = "seed",
                .argument = "N",
                .type = VALUE_COUNT,
                .high = 9007199254740992.0, /* 2^53, what every reader of JSON keeps */
                .help = "of the random choices, instead of the one in study.yaml"},
    SELECTION_OPTIONS,
    [O_WEIGHTS] = OPTION_WEIGHTS,
    [O_ENOUGH] = OPTION_ENOUGH,
    [O_ANYWAY] = {.name = "anyway", .help = "an answer even where no candidate is worth its cost"},
    COLUMNS_OPTIONS,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "STUDY", .type = VALUE_STUDY, .help = "study folder"},
    {.name = "CANDIDATE",
     .type = VALUE_TEXT,
     .optional = true,
     .repeatable = true,
     .help = "what to release or to renew"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart ask mystudy/", "one candidate, the reason, and what to type when it is trained"},
    {"eyechart ask mystudy/ -n 2 --worker node7", "two for one machine; other workers get others"},
    {"eyechart ask mystudy/ --budget 400", "what can still be paid"},
    {"eyechart ask mystudy/ --renew --worker node7", "the training takes longer than the lease"},
    {"eyechart ask mystudy/ --release DINOv2 --worker node7", "somebody else may have it"},
    {"eyechart ask mystudy/ --json | jq -r '.candidates[].name'", "the name alone, for a script"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DONE, "there is an answer; it is recorded and kept for the worker"},
    {EXIT_NEGATIVE, "stop: no candidate left is worth its cost; or nothing is left to ask"},
    {0},
};

static void iso_time(char *text, size_t size, double seconds_from_now) {
    const time_t then = time(NULL) + (time_t)seconds_from_now;
    struct tm utc;
    gmtime_r(&then, &utc);
    strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* The line to type when results are there. */
static void print_tell(FILE *out, const ec_study *study, const ec_question *q, const char *worker) {
    fputs("eyechart tell ", out);
    print_shell_word(out, ec_study_path(study));
    fputc(' ', out);
    print_shell_word(out, ec_study_candidate(study, q->candidate)->name);
    for (size_t b = 0; b < ec_study_n_benchmarks(study); b++) {
        fputc(' ', out);
        print_shell_word(out, ec_study_benchmark(study, b)->name);
        fputs("=...", out);
    }
    if (worker != NULL) {
        fputs(" --worker ", out);
        print_shell_word(out, worker);
    }
}

static void print_question(const ec_study *study, const ec_question *q, const char *worker) {
    printf("%s%s\n", ec_study_candidate(study, q->candidate)->name,
           q->repeated ? "  (asked before, still pending)" : "");
    print_labelled(stdout, "  why    ", q->reason);
    fputs("  lease  kept for this worker for ", stdout);
    char left[DURATION_SIZE];
    duration_text(left, q->expires_in_s);
    fputs(left, stdout);
    if (!isnan(q->cost)) printf("\n  cost   %.6g GPU-hours", q->cost);
    fputs("\n  then   ", stdout);
    print_tell(stdout, study, q, worker);
    putchar('\n');
}

/* ---- for programs --------------------------------------------------------------------------- */

/* Values to sample so that an answer comes within a tenth of a second, and the samples of rank. */
#define SAMPLED_VALUES 1000000
#define MOST_SAMPLES 4000
#define FEWEST_SAMPLES 100

static size_t sample_count(const ec_study *study) {
    const size_t n = ec_study_n_candidates(study) * ec_study_n_benchmarks(study);
    const size_t n_samples = n == 0 ? MOST_SAMPLES : SAMPLED_VALUES / n;
    return n_samples < FEWEST_SAMPLES ? FEWEST_SAMPLES
           : n_samples > MOST_SAMPLES ? MOST_SAMPLES
                                      : n_samples;
}

/* The rank of every candidate, by candidate; NULL where there is none, which is no reason not to
 * ask. Owned by the caller. */
static ec_ranked *rank_all(const ec_study *study, const ec_study_snapshot *snapshot,
                           const ec_ask_options *asked) {
    const size_t n = snapshot->table.n_candidates;
    const ec_rank_options options = {.weights = asked->weights, .n_samples = sample_count(study)};
    ec_ranked *rows = allocate(n, sizeof *rows), *by_candidate = NULL;
    if (asked->n_over > 0 && ec_rank(rows, NULL, &snapshot->table, asked->over, asked->n_over,
                                     &options, NULL) == EC_OK) {
        by_candidate = allocate(n, sizeof *by_candidate);
        for (size_t i = 0; i < n; i++) by_candidate[rows[i].candidate] = rows[i];
    }
    free(rows);
    return by_candidate;
}

static json_t *question_json(const ec_study *study, const ec_question *q, const ec_ranked *ranked,
                             const char *unit) {
    static const ec_ranked NOTHING = {
        .measured = NAN, .predicted = NAN, .low = NAN, .high = NAN, .p_best = NAN, .p_top3 = NAN};
    const ec_ranked *row = ranked == NULL ? &NOTHING : &ranked[q->candidate];
    char expires[32];
    iso_time(expires, sizeof expires, q->expires_in_s);
    return json_pack("{s:o, s:o, s:I, s:b, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "decision", decision_json(study, &q->decision, unit), "name",
                     json_text(ec_study_candidate(study, q->candidate)->name), "id",
                     (json_int_t)q->id, "repeated", q->repeated, "reason", json_text(q->reason),
                     "expires_in_s", json_number(q->expires_in_s), "expires", expires, "cost_hours",
                     json_number(q->cost), "measured", json_number(row->measured), "predicted",
                     json_number(row->predicted), "low", json_number(row->low), "high",
                     json_number(row->high), "p_best", json_number(row->p_best), "p_top3",
                     json_number(row->p_top3));
}

static void print_json(const ec_study *study, const ec_study_snapshot *before,
                       const ec_ask_options *options, const ec_question *questions, size_t n,
                       const ec_ranked *ranked, const ranking_warnings *warnings) {
    const char *unit = ec_study_gain_unit(options->n_over);
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, question_json(study, &questions[i], ranked, unit));
    json_t *all = json_pack("{s:o, s:o, s:o, s:I, s:o, s:o}", "stop",
                            decision_json(study, options->stopped, unit), "study",
                            json_text(ec_study_name(study)), "worker", json_text(options->worker),
                            "samples", (json_int_t)sample_count(study), "warnings",
                            ranking_warnings_json(warnings), "candidates", array);
    columns_add_json(all, before);
    json_print(all);
}

/* ---- the command ---------------------------------------------------------------------------- */

/* The study before the answer, by the columns to go by. */
static int open_before(ec_study_snapshot **out, ec_study *study, const ec_ask_options *options) {
    ec_error err;
    ec_status status = ec_study_snapshot_get(out, study, &err);
    if (status == EC_OK)
        status = ec_study_snapshot_choose(*out, study, options->columns, options->n_columns, &err);
    return status == EC_OK ? EXIT_DONE : report_error(&err);
}

/* What was asked before was answered by the options of then. */
static void note_repeated(const ec_study *study, const ec_question *questions, size_t n,
                          const arguments *args) {
    static const int ruling[] = {O_BUDGET,  O_LEASE,  O_POLICY,  O_SEED,     O_BENCHMARK, O_GROUP,
                                 O_WEIGHTS, O_ENOUGH, O_COLUMNS, O_A_COLUMN, O_C_COLUMN};
    size_t n_repeated = 0, n_given = 0;
    for (size_t i = 0; i < n; i++) n_repeated += questions[i].repeated;
    for (size_t k = 0; k < sizeof ruling / sizeof *ruling && n_repeated > 0; k++) {
        if (!args->values[ruling[k]].given) continue;
        fprintf(stderr, "%s--%s",
                n_given++ > 0     ? ", "
                : n_repeated == 1 ? "eyechart: the pending answer is repeated, without regard to "
                                  : "eyechart: pending answers are repeated, without regard to ",
                OPTIONS[ruling[k]].name);
    }
    if (n_given == 0) return;
    fputs("; for another, first: eyechart ask ", stderr);
    print_shell_word(stderr, ec_study_path(study));
    fputs(" --release", stderr);
    if (args->values[O_WORKER].given) {
        fputs(" --worker ", stderr);
        print_shell_word(stderr, args->values[O_WORKER].text);
    }
    fputc('\n', stderr);
}

static int ask_over(ec_study *study, const selection *over, const double *weights,
                    const columns_choice *columns, const arguments *args) {
    const option_value *v = args->values;
    ec_decision stopped;
    const ec_policy policy = (ec_policy)v[O_POLICY].choice;
    const ec_ask_options options = {.n = v[O_N].count,
                                    .worker = v[O_WORKER].text,
                                    .budget_hours = v[O_BUDGET].number,
                                    .lease_hours = v[O_LEASE].number,
                                    .policy = v[O_POLICY].given ? &policy : NULL,
                                    .seed = v[O_SEED].given ? &v[O_SEED].count : NULL,
                                    .columns = columns->list,
                                    .n_columns = columns->n,
                                    .over = over->index,
                                    .n_over = over->n,
                                    .weights = weights,
                                    .enough = v[O_ENOUGH].number,
                                    .anyway = v[O_ANYWAY].given,
                                    .stopped = &stopped};
    ec_question *questions = allocate(options.n, sizeof *questions);
    ec_study_snapshot *before = NULL;
    int status = v[O_JSON].given ? open_before(&before, study, &options) : EXIT_DONE;
    if (status != EXIT_DONE) {
        ec_study_snapshot_free(before);
        free(questions);
        return status;
    }
    ec_ranked *ranked = before != NULL ? rank_all(study, before, &options) : NULL;
    ranking_warnings warnings;
    ranking_warnings_note(&warnings, study, columns->list, columns->n, options.over,
                          options.n_over);
    size_t n = 0;
    ec_error err;
    const ec_status asked = ec_study_ask(questions, &n, study, &options, &err);
    if (asked != EC_OK) {
        n = 0;
        status = report_error(&err);
        if (asked == EC_ERR_NOT_FOUND) status = EXIT_NEGATIVE;
    } else if (n < options.n) {
        note(stopped.kind == EC_DECIDE_STOP
                 ? "only %zu of the %zu asked for: no other is worth its cost"
                 : "only %zu of the %zu asked for are left",
             n, options.n);
    }
    note_repeated(study, questions, n, args);
    if (v[O_JSON].given && status <= EXIT_NEGATIVE) {
        print_json(study, before, &options, questions, n, ranked, &warnings);
    } else {
        for (size_t i = 0; i < n; i++) {
            if (i > 0) putchar('\n');
            print_question(study, &questions[i], v[O_WORKER].given ? options.worker : NULL);
        }
    }
    free(questions);
    free(ranked);
    ec_study_snapshot_free(before);
    free(warnings.list);
    return status;
}

static int ask(ec_study *study, const arguments *args) {
    selection over = {0};
    double *weights = NULL;
    columns_choice columns;
    int status = columns_make(&columns, args);
    if (status == EXIT_DONE && ec_study_n_benchmarks(study) > 0)
        status = selection_make(&over, study, args);
    if (status == EXIT_DONE) status = weights_make(&weights, study, &over, args);
    if (status == EXIT_DONE) status = ask_over(study, &over, weights, &columns, args);
    columns_release(&columns);
    free(weights);
    selection_release(&over);
    return status;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    const bool changes = v[O_RELEASE].given || v[O_RENEW].given;
    if (v[O_RELEASE].given && v[O_RENEW].given)
        return usage_error(args->command, "--release and --renew exclude each other");
    if (args->n_operands > 0 && !changes)
        return usage_error(args->command,
                           "'%s': a CANDIDATE goes with --release or --renew; what is trained "
                           "without being asked for is told all the same",
                           args->operands[0]);
    ec_study *study;
    int status = study_open_writable(&study, args);
    if (status != EXIT_DONE) return status;
    const lease_change change = {
        .renew = v[O_RENEW].given,
        .options = {.worker = v[O_WORKER].text, .lease_hours = v[O_LEASE].number},
        .names = (const char *const *)args->operands,
        .n_names = args->n_operands,
        .json = v[O_JSON].given};
    status = changes ? leases_change(study, &change) : ask(study, args);
    ec_study_close(study);
    return status;
}

const command CMD_ASK = {
    .name = "ask",
    .purpose = "which candidate to finetune next, and why",
    .about = "By default the candidate from whose finetuning most is to be expected per GPU-hour, "
             "by the ranking that "
             "'eyechart rank' shows; the largest scores first while there are not two different "
             "results. It stops "
             "(exit status 1) when the expected gain of every candidate left is below what its "
             "cost asks for. The "
             "answer is recorded and kept for the worker that asked until its results are told or "
             "the lease runs out, "
             "so that several workers never train the same candidate.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
};
