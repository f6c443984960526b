/* cmd_doctor.c - eyechart doctor: what is missing for scoring and the loop, and what to do */
#include "cli/findings.h"
#include "cli/progress.h"
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
    {EXIT_DATA, "study.yaml or study.db cannot be read, so that nothing could be looked at"},
    {EXIT_INTERRUPTED, "interrupted"},
    {0},
};

/* What comes before the images is not watched: until then Ctrl-C ends the program itself. */
typedef struct {
    progress line;
    bool begun;
} looking;

static bool see(void *context, size_t n_done, size_t n) {
    looking *l = context;
    char left[32];
    if (!l->begun) progress_start(&l->line);
    l->begun = true;
    if (n_done > 0)
        progress_line(&l->line, false, "decoding images: %zu of %zu, %s left", n_done, n,
                      progress_duration(left, progress_seconds(&l->line) / (double)n_done *
                                                  (double)(n - n_done)));
    return !progress_interrupted();
}

static ec_status look(ec_finding **out, size_t *n, ec_study *study, ec_error *err) {
    looking l = {.begun = false};
    const ec_status status = ec_study_doctor(out, n, study, see, &l, err);
    if (l.begun) progress_end(&l.line);
    return status;
}

static int run(const arguments *args) {
    return findings_report(args, look, args->values[O_JSON].given);
}

const command CMD_DOCTOR = {
    .name = "doctor",
    .purpose = "find what stops scoring and the loop, and say what to do",
    .about = "Looks for weights, connectors, keypoints and images that are missing or do not fit "
             "together, for encoders that are joined and have different grids, for results that "
             "are out of date, for scripts of 'run:' that are missing, for disk space and for "
             "damage of study.db. Computes nothing, but reads every file once and decodes every "
             "image, which takes some seconds for a thousand. 'eyechart study check' is about the "
             "ranking.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
};
