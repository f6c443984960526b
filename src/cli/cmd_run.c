/* cmd_run.c - eyechart run: the whole loop, with the user's own commands for training */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/device.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/ranking.h"
#include "cli/study.h"
#include "eyechart/asking.h"
#include "eyechart/loop.h"
#include "eyechart/report.h"

enum {
    O_STUDY,
    O_BUDGET,
    O_FINETUNES,
    O_WORKER,
    O_DRY_RUN,
    O_RETRY_FAILED,
    O_NO_SCORE,
    O_ANYWAY,
    O_NO_REPORT,
    O_COLUMNS,
    O_DEVICE,
    O_THREADS,
    O_JSON
};

static const option OPTIONS[] = {
    [O_STUDY] = OPTION_STUDY,
    [O_BUDGET] = {.name = "budget",
                  .argument = "HOURS",
                  .type = VALUE_NUMBER,
                  .low = 1e-6,
                  .high = 1e12,
                  .help = "stop when all runs of this study have taken so many GPU-hours, instead "
                          "of as study.yaml says"},
    [O_FINETUNES] = {.name = "finetunes",
                     .argument = "N",
                     .type = VALUE_COUNT,
                     .low = 1,
                     .high = EC_STUDY_MAX_CANDIDATES,
                     .help = "stop when all runs of this study have finetuned so many candidates, "
                             "instead of as study.yaml says"},
    [O_WORKER] = OPTION_WORKER(
        "run", "who trains, in the history of the study; several processes may share a name"),
    [O_DRY_RUN] = {.name = "dry-run",
                   .help =
                       "print the commands that would be run first; nothing is run or recorded"},
    [O_RETRY_FAILED] = {.name = "retry-failed",
                        .help = "begin again with candidates that were given up: first those that "
                                "are trained and need an evaluation alone, which costs no finetune "
                                "and is done though the budget be used; then the others, in the "
                                "order of the policy, until the budget is used"},
    [O_NO_SCORE] = {.name = "no-score", .help = "take A and C as they are known"},
    [O_ANYWAY] = {.name = "anyway",
                  .help = "use up the budget, even where no candidate left is worth its cost"},
    [O_NO_REPORT] = {.name = "no-report", .help = "do not write STUDY/report.html"},
    [O_COLUMNS] = OPTION_COLUMNS,
    [O_DEVICE] = OPTION_DEVICE,
    [O_THREADS] = {.name = "threads",
                   .argument = "N",
                   .type = VALUE_COUNT,
                   .low = 1,
                   .high = 1024,
                   .help = "for scoring; one per processor when not given"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "STUDY", .type = VALUE_STUDY, .help = "study folder"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart run mystudy/ --dry-run", "what would be run, word by word"},
    {"eyechart run mystudy/ --finetunes 5", "until five candidates are finetuned, then rank them"},
    {"CUDA_VISIBLE_DEVICES=1 eyechart run mystudy/",
     "beside another run of the same study; they share the candidates out"},
    {"eyechart run mystudy/ --retry-failed", "once the command is corrected"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_DONE, "the budget is used, or nothing is left that is worth its cost"},
    {EXIT_DATA, "the study or its files are bad, or an evaluation prints an unknown name"},
    {EXIT_AGAIN, "candidates failed, now or before, and are left out; the others are done"},
    {EXIT_INTERRUPTED, "interrupted; the same command goes on where it stopped"},
    {0},
};

/* ---- what happens, as it happens ------------------------------------------------------------ */

typedef struct {
    const ec_study *study;
    progress progress;
    json_t *told, *gave_up;
    bool evaluating;
} show;

static const char *name_of(const show *s, const ec_loop_event *e) {
    return e->candidate == (size_t)-1 ? "" : ec_study_candidate(s->study, e->candidate)->name;
}

/* Why, without the candidate's name once more. */
static const char *reason_of(const show *s, const ec_loop_event *e) {
    char again[300];
    const int n = snprintf(again, sizeof again, "finetune %s next: ", name_of(s, e));
    return strncmp(e->text, again, (size_t)n) == 0 ? e->text + n : e->text;
}

static void show_tick(show *s, const ec_loop_event *e) {
    char passed[32];
    progress_line(&s->progress, false, "%s: %s for %s; log %s", name_of(s, e),
                  s->evaluating ? "evaluating" : "training", progress_duration(passed, e->seconds),
                  e->file);
}

static void show_told(show *s, const ec_loop_event *e) {
    progress_note(&s->progress, "%s: %s; %.4g GPU-hours, %zu finetuned", name_of(s, e), e->text,
                  e->hours, e->n_finetuned);
    json_array_append_new(s->told,
                          json_pack("{s:o, s:I, s:o, s:o}", "name", json_text(name_of(s, e)),
                                    "attempt", (json_int_t)e->attempt, "seconds",
                                    json_number(e->seconds), "hours", json_number(e->hours)));
}

static void show_gave_up(show *s, const ec_loop_event *e) {
    progress_note(&s->progress, "%s: given up and left out; see %s", name_of(s, e), e->file);
    json_array_append_new(s->gave_up,
                          json_pack("{s:o, s:I, s:o, s:o}", "name", json_text(name_of(s, e)),
                                    "attempts", (json_int_t)e->attempt, "why", json_text(e->text),
                                    "folder", json_text(e->file)));
}

static bool see(void *context, const ec_loop_event *e) {
    show *s = context;
    char passed[32];
    switch (e->step) {
    case EC_LOOP_SCORING:
        progress_line(&s->progress, false, "scoring: %s", e->text);
        break;
    case EC_LOOP_SCORED:
        progress_note(&s->progress, "scored: %s", e->text);
        break;
    case EC_LOOP_ASKED:
        progress_note(&s->progress, "%s is next: %s", name_of(s, e), reason_of(s, e));
        break;
    case EC_LOOP_RESUMED:
        progress_note(&s->progress, "%s goes on: %s", name_of(s, e), reason_of(s, e));
        break;
    case EC_LOOP_TRAINING:
    case EC_LOOP_EVALUATING:
        s->evaluating = e->step == EC_LOOP_EVALUATING;
        progress_note(&s->progress, "%s, attempt %zu: %s", name_of(s, e), e->attempt, e->text);
        break;
    case EC_LOOP_TICK:
        show_tick(s, e);
        break;
    case EC_LOOP_ENDED:
        progress_note(&s->progress, "%s: %s %s after %s", name_of(s, e),
                      s->evaluating ? "evaluation" : "training", e->text,
                      progress_duration(passed, e->seconds));
        break;
    case EC_LOOP_TOLD:
        show_told(s, e);
        break;
    case EC_LOOP_WARNING:
        progress_note(&s->progress, "%s: %s", name_of(s, e), e->text);
        break;
    case EC_LOOP_STOPPED:
        progress_note(&s->progress, "%s, attempt %zu was stopped, and goes on: %s", name_of(s, e),
                      e->attempt, e->text);
        break;
    case EC_LOOP_FAILED:
        progress_note(&s->progress, "%s, attempt %zu failed: %s", name_of(s, e), e->attempt,
                      e->text);
        break;
    case EC_LOOP_GAVE_UP:
        show_gave_up(s, e);
        break;
    case EC_LOOP_WAITING:
        progress_line(&s->progress, false, "waiting: %s", e->text);
        break;
    }
    return !progress_interrupted();
}

/* ---- in the end ----------------------------------------------------------------------------- */

static const char *stop_word(ec_loop_stop stop) {
    static const char *const words[] = {"done", "finetunes", "hours", "failing", "enough"};
    return words[stop];
}

/* The ranking as `eyechart rank` prints it. */
static int print_ranking(const ec_study *study, const option_value *columns) {
    size_t n_words;
    char *rank[] = {(char *)"rank", (char *)"--study", (char *)ec_study_path(study),
                    (char *)"--columns", (char *)columns->text};
    const command *which = command_find(rank, 1, &n_words);
    arguments args;
    int status = arguments_parse(&args, which, rank + 1, columns->given ? 4 : 2);
    if (status == EXIT_DONE) status = which->run(&args);
    arguments_release(&args);
    return status;
}

static json_t *ranked_json(const ec_study *study, const ec_ranked *row) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     json_text(ec_study_candidate(study, row->candidate)->name), "measured",
                     json_number(row->measured), "predicted", json_number(row->predicted), "low",
                     json_number(row->low), "high", json_number(row->high), "p_best",
                     json_number(row->p_best));
}

/* The ranking over all benchmarks; *decision is what it comes to. */
static json_t *ranking_json(json_t **decision, ec_study *study, const columns_choice *columns) {
    json_t *ranking = json_array();
    ec_study_snapshot *snapshot;
    ec_decision decided = {0};
    *decision = json_null();
    if (ec_study_snapshot_get(&snapshot, study, NULL) != EC_OK) return ranking;
    if (ec_study_snapshot_choose(snapshot, study, columns->list, columns->n, NULL) != EC_OK) {
        ec_study_snapshot_free(snapshot);
        return ranking;
    }
    const size_t n = snapshot->table.n_candidates, n_over = snapshot->table.n_benchmarks;
    size_t *over = allocate(n_over, sizeof *over);
    double *weights = allocate(n_over, sizeof *weights);
    ec_ranked *rows = allocate(n, sizeof *rows);
    for (size_t b = 0; b < n_over; b++) {
        over[b] = b;
        weights[b] = ec_study_benchmark(study, b)->weight;
    }
    const ec_rank_options options = {.weights = weights, .pending = snapshot->pending};
    ec_rank_about about = {0};
    if (n_over > 0 &&
        ec_rank(rows, &about, &snapshot->table, over, n_over, &options, NULL) == EC_OK) {
        for (size_t i = 0; i < n; i++) json_array_append_new(ranking, ranked_json(study, &rows[i]));
        if (ec_study_decide(&decided, study, snapshot, &snapshot->table, rows, &about, 0.0, NULL) ==
            EC_OK)
            *decision = decision_json(study, &decided, ec_study_gain_unit(n_over));
    }
    free(rows);
    free(weights);
    free(over);
    ec_study_snapshot_free(snapshot);
    return ranking;
}

/* STUDY/report.html; *file is owned, NULL when it is not wanted or could not be written. */
static int write_report(char **file, ec_study *study, const columns_choice *columns,
                        const arguments *args) {
    *file = NULL;
    if (args->values[O_NO_REPORT].given) return EXIT_DONE;
    char *path = study_report_path(study);
    const ec_report_options options = {
        .columns = columns->list, .n_columns = columns->n, .command = "eyechart run"};
    ec_error err;
    if (ec_report_write(study, path, &options, &err) == EC_OK) {
        *file = path;
        return EXIT_DONE;
    }
    free(path);
    return report_error(&err);
}

static void print_json(ec_study *study, const show *s, const ec_loop_summary *sum,
                       const columns_choice *columns, const char *report) {
    json_t *decision, *ranking = ranking_json(&decision, study, columns);
    json_print(json_pack("{s:o, s:s, s:o, s:O, s:O, s:I, s:I, s:o, s:o, s:o, s:o}", "study",
                         json_text(ec_study_name(study)), "stop", stop_word(sum->stop), "why",
                         json_text(sum->why), "told", s->told, "given_up", s->gave_up,
                         "n_finetuned", (json_int_t)sum->n_finetuned, "n_failed",
                         (json_int_t)sum->n_failed, "hours_spent", json_number(sum->hours_spent),
                         "ranking", ranking, "decision", decision, "report",
                         report != NULL ? json_text(report) : json_null()));
}

/* What schedulers, systemd and a terminal that is closed send to end a job, or to announce its end.
 */
static const int job_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
enum { N_JOB_SIGNALS = sizeof job_signals / sizeof *job_signals };

/* One that is ignored, under nohup for example, stays so, but for SIGTERM and what progress_start()
 * takes as well. */
static void take_job_signals(const struct sigaction *action) {
    for (size_t i = 0; i < N_JOB_SIGNALS; i++) {
        struct sigaction before;
        sigaction(job_signals[i], NULL, &before);
        if (before.sa_handler != SIG_IGN || job_signals[i] == SIGTERM || job_signals[i] == SIGINT)
            sigaction(job_signals[i], action, NULL);
    }
}

/* What a signal in the end leaves undone; NULL: nothing. */
static const char *volatile undone;

#define BEFORE_UNDONE "eyechart: interrupted; every result is recorded, but "
#define AFTER_UNDONE "; the same command goes on there\n"

/* The ranking of a large study takes long, and nothing is lost with it: it ends at once. Only calls
 * that a handler may make. */
static void on_late_signal(int signal_number) {
    const char *texts[] = {BEFORE_UNDONE, undone, AFTER_UNDONE};
    (void)signal_number;
    if (texts[1] == NULL) return; /* all is there, and the exit status says so */
    for (int i = 0; i < 3; i++)
        if (write(STDERR_FILENO, texts[i], strlen(texts[i])) < 0) break;
    _exit(EXIT_INTERRUPTED);
}

/* From the end of the loop, where a signal is noted, to where one ends the program. */
static void take_late_signals(progress *p, const char *what) {
    const struct sigaction action = {.sa_handler = on_late_signal, .sa_flags = SA_RESTART};
    undone = what;
    progress_end(p);
    take_job_signals(&action);
}

/* report.html and the ranking; from here on a signal ends the program. */
static int conclude(ec_study *study, show *s, const ec_loop_summary *sum,
                    const columns_choice *columns, const arguments *args) {
    take_late_signals(&s->progress, args->values[O_NO_REPORT].given
                                        ? "the ranking is not complete"
                                        : "report.html and the ranking are not complete");
    if (progress_interrupted()) { /* before this */
        fprintf(stderr, BEFORE_UNDONE "%s" AFTER_UNDONE, undone);
        undone = NULL;
        return EXIT_INTERRUPTED;
    }
    note("%s", sum->why);
    if (sum->n_failed > sum->n_gave_up)
        note("left out because they failed before: %zu; --retry-failed begins them again",
             sum->n_failed - sum->n_gave_up);
    char *report;
    int status = write_report(&report, study, columns, args);
    undone = "the ranking is not complete";
    if (args->values[O_JSON].given) {
        print_json(study, s, sum, columns, report);
    } else {
        const int ranked = print_ranking(study, &args->values[O_COLUMNS]);
        if (status == EXIT_DONE) status = ranked;
        if (report != NULL) printf("\nreport: %s\n", report);
    }
    free(report);
    fflush(stdout); /* which main() looks at again */
    undone = NULL;
    if (status != EXIT_DONE) return status;
    return sum->n_failed > 0 ? EXIT_AGAIN : EXIT_DONE;
}

/* ---- the run -------------------------------------------------------------------------------- */

static ec_loop_options options_of(const arguments *args, const columns_choice *columns) {
    const option_value *v = args->values;
    return (ec_loop_options){.worker = v[O_WORKER].text,
                             .budget_hours = v[O_BUDGET].given ? v[O_BUDGET].number : 0.0,
                             .n_finetunes = v[O_FINETUNES].given ? v[O_FINETUNES].count : 0,
                             .retry_failed = v[O_RETRY_FAILED].given,
                             .no_score = v[O_NO_SCORE].given,
                             .anyway = v[O_ANYWAY].given,
                             .columns = columns->list,
                             .n_columns = columns->n};
}

static int run_study(ec_study *study, const columns_choice *columns, const arguments *args) {
    const option_value *v = args->values;
    ec_loop_options options = options_of(args, columns);
    const int opened =
        options.no_score ? EXIT_DONE : device_open(&options.ctx, &v[O_DEVICE], &v[O_THREADS]);
    if (opened != EXIT_DONE) return opened;
    show s = {.study = study, .told = json_array(), .gave_up = json_array()};
    ec_loop_summary sum;
    ec_error err;
    progress_start(&s.progress);
    struct sigaction noted; /* all interrupt as Ctrl-C does */
    sigaction(SIGINT, NULL, &noted);
    take_job_signals(&noted);
    const ec_status status = ec_study_run(&sum, study, &options, see, &s, &err);
    int result;
    if (status != EC_OK) progress_end(&s.progress);
    /* What was stopped before the signal came here is told all the same, with status 130. */
    if (status == EC_ERR_INTERRUPTED) {
        note("%s", err.message);
        result = EXIT_INTERRUPTED;
    } else if (status != EC_OK) {
        result = report_error(&err);
    } else {
        result = conclude(study, &s, &sum, columns, args);
    }
    json_decref(s.told);
    json_decref(s.gave_up);
    ec_ctx_free(options.ctx);
    return result;
}

/* ---- what would be run ---------------------------------------------------------------------- */

static void print_budget(const ec_loop_plan *plan) {
    printf("  budget    %zu finetuned", plan->n_finetuned);
    if (plan->n_finetunes != SIZE_MAX) printf(" of %zu", plan->n_finetunes);
    printf(", %.4g", plan->hours_spent);
    if (isfinite(plan->budget_hours)) printf(" of %g", plan->budget_hours);
    puts(" GPU-hours spent");
}

static void print_plan(const ec_study *study, const ec_loop_plan *plan) {
    if (plan->score[0] != '\0') {
        printf("score\n  %s\n  how long it takes: eyechart score ", plan->score);
        print_shell_word(stdout, ec_study_path(study));
        puts(" --plan\n");
    }
    if (plan->stops) {
        printf("nothing to finetune: %s\n", plan->why);
        print_budget(plan);
        return;
    }
    printf("%s, attempt %zu%s\n", ec_study_candidate(study, plan->candidate)->name, plan->attempt,
           plan->is_example ? " (an example)"
           : plan->resumes  ? " (begun before)"
                            : "");
    printf("  why       %s%s\n", plan->why,
           plan->score[0] != '\0' && !plan->is_example ? "; by the scores known now" : "");
    printf("  train     %s\n", plan->train != NULL ? plan->train : "(done)");
    printf("  evaluate  %s\n", plan->evaluate != NULL ? plan->evaluate : "(done)");
    printf("  logs      %s/%zu/\n", plan->folder, plan->attempt);
    print_budget(plan);
    puts("then its results are told, and which candidate comes next depends on them");
}

static json_t *text_or_null(const char *text) {
    return text != NULL ? json_text(text) : json_null();
}

static void print_plan_json(const ec_study *study, const ec_loop_plan *plan) {
    const bool finite = plan->n_finetunes != SIZE_MAX;
    json_print(json_pack(
        "{s:o, s:o, s:o, s:b, s:I, s:b, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "study",
        json_text(ec_study_name(study)), "score", json_text(plan->score), "candidate",
        plan->stops ? json_null() : json_text(ec_study_candidate(study, plan->candidate)->name),
        "is_example", plan->is_example, "attempt", (json_int_t)plan->attempt, "resumes",
        plan->resumes, "why", json_text(plan->why), "train", text_or_null(plan->train), "evaluate",
        text_or_null(plan->evaluate), "folder", text_or_null(plan->folder), "n_finetuned",
        (json_int_t)plan->n_finetuned, "finetunes",
        finite ? json_integer((json_int_t)plan->n_finetunes) : json_null(), "hours_spent",
        json_number(plan->hours_spent), "budget", json_number(plan->budget_hours)));
}

static int dry_run(ec_study *study, const columns_choice *columns, const arguments *args) {
    const ec_loop_options options = options_of(args, columns);
    ec_loop_plan plan;
    ec_error err;
    if (ec_study_run_plan(&plan, study, &options, &err) != EC_OK) return report_error(&err);
    (args->values[O_JSON].given ? print_plan_json : print_plan)(study, &plan);
    ec_loop_plan_release(&plan);
    return EXIT_DONE;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    ec_study *study;
    columns_choice columns;
    int status = columns_make(&columns, args);
    if (status == EXIT_DONE) status = study_open_writable(&study, args);
    if (status == EXIT_DONE) {
        status = (v[O_DRY_RUN].given ? dry_run : run_study)(study, &columns, args);
        ec_study_close(study);
    }
    columns_release(&columns);
    return status;
}

const command CMD_RUN = {
    .name = "run",
    .purpose = "finetune by your own commands until the budget is used, then rank",
    .about =
        "The whole loop: score, then ask, finetune, evaluate and tell until the budget is used, "
        "then rank and report. Finetunes and evaluates with the commands of study.yaml (run: "
        "train, "
        "evaluate). What the commands print is in STUDY/runs/CANDIDATE/ATTEMPT/, "
        "the model in STUDY/runs/CANDIDATE/out. A command that fails or exceeds its time is "
        "repeated as often as study.yaml says; after that the candidate is left out.\n"
        "Ctrl-C and the signals of a scheduler end the command that runs and keep what was "
        "reached, as kill -9 does: the same command line goes on, what was stopped counts as no "
        "failure, and a training that was finished is not repeated. Several runs of one study "
        "share the candidates and the budget.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
    .computes = true,
};
