/* cmd_help.c - eyechart help: text for people, and what the installation takes from the tables */
#include "cli/help.h"
#include "cli/options.h"

enum { O_FORMAT };

static const char *const FORMATS[] = {"text", "man", "bash", "zsh", NULL};
static const char *format_at(size_t i) {
    return FORMATS[i];
}

static const option OPTIONS[] = {
    [O_FORMAT] = {.name = "format",
                  .argument = "FORMAT",
                  .type = VALUE_CHOICE,
                  .choice = format_at,
                  .fallback = "text",
                  .help =
                      "text, or for installing: the manual page in roff, the completion script of "
                      "bash or of zsh; these cover all commands"},
    {0},
};

static const operand OPERANDS[] = {
    {.name = "COMMAND",
     .help = "one command; without it, the overview",
     .optional = true,
     .repeatable = true},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart help", "what there is"},
    {"eyechart help study", "the commands that begin so"},
    {"eyechart help study import", "the same as eyechart study import --help"},
    {"eyechart help --format man | man -l -", "the manual page, without installing it"},
    {"source <(eyechart help --format bash)", "completion in this bash"},
    {0},
};

static void (*const FORMATTED[])(FILE *) = {help_overview, help_manual, help_bash, help_zsh};

static int run(const arguments *args) {
    const size_t format = args->values[O_FORMAT].choice;
    if (args->n_operands == 0 || format != 0) {
        FORMATTED[format](stdout);
        return EXIT_DONE;
    }
    if (args->n_operands == 1 && help_group(stdout, args->operands[0])) return EXIT_DONE;
    size_t n_words;
    const command *which = command_find((char *const *)args->operands, args->n_operands, &n_words);
    if (which == NULL || n_words != args->n_operands)
        return usage_error(NULL, "there is no command '%s%s%s'", args->operands[0],
                           args->n_operands > 1 ? " " : "",
                           args->n_operands > 1 ? args->operands[1] : "");
    help_command(stdout, which);
    return EXIT_DONE;
}

const command CMD_HELP = {
    .name = "help",
    .purpose = "explain a command",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
