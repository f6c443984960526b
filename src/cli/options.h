/* options.h - a command line, checked against the table of its command */
#ifndef EC_CLI_OPTIONS_H
#define EC_CLI_OPTIONS_H

#include "cli/command.h"

#define MAX_OPTIONS 24

typedef struct option_value {
    bool given;
    const char *text; /* the last one given, or the fallback; NULL: neither */
    double number;    /* VALUE_NUMBER */
    uint64_t count;   /* VALUE_COUNT */
    size_t choice;    /* VALUE_CHOICE: index of the word */
    const char **all; /* repeatable: [n_all], in the order given */
    size_t n_all;
} option_value;

struct arguments {
    const command *command;
    option_value values[MAX_OPTIONS]; /* in the order of command->options */
    const char *study;                /* operand or --study; NULL: not given */
    const char **operands;            /* the others, in order */
    size_t n_operands;
    char *const *words; /* all that followed the name of the command, as typed */
    size_t n_words;
    bool help; /* --help was among the arguments; nothing else was checked then */
};

/* Checks what follows the name of the command. Texts are borrowed from argv.
 * Returns EXIT_DONE, or EXIT_USAGE after saying on stderr what is wrong. Either way
 * arguments_release() frees. */
int arguments_parse(arguments *out, const command *which, char *const *argv, size_t n);
void arguments_release(arguments *args);

/* Says on stderr what is wrong with the command line and where help is; returns EXIT_USAGE. */
int usage_error(const command *which, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The name in a list of `n` nearest to `word`, as "; did you mean 'PREFIXNAME'?", else "". The text
 * is valid until the next call in this thread. */
const char *did_you_mean(const char *prefix, const char *word,
                         const char *(*name)(const void *names, size_t i), const void *names,
                         size_t n);

size_t option_count(const command *which);

/* The value of an option that several commands share, by its name; of one that the command does not
 * have, as if it was not given. */
const option_value *option_named(const arguments *args, const char *name);

#endif
