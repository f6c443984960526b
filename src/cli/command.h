/* command.h - what a command is and accepts, declared once
 *
 * Every command is one constant of type `command`. It drives the parser and its error messages
 * (options.c), `--help` (help.c), the man page (manual.c) and the completion of bash and zsh
 * (completion.c), so that none of them can disagree. Texts are ASCII, for the man page.
 *
 * A new command: a file cmd_<name>.c that defines its constant, a line in the list of commands.c,
 * a section in docs/cli.md, a test in tests/cli/.
 */
#ifndef EC_CLI_COMMAND_H
#define EC_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses, the same for every command. */
enum {
    EXIT_DONE = 0,
    EXIT_NEGATIVE = 1, /* it ran, and the answer is no */
    EXIT_USAGE = 2,
    EXIT_DATA = 3,  /* bad or missing data, or the machine refused */
    EXIT_AGAIN = 4, /* stopped part way; the same command again goes on */
};

/* What a value is: how it is checked, and how a shell completes it. */
typedef enum value_type {
    VALUE_NONE,   /* a flag */
    VALUE_TEXT,   /* anything */
    VALUE_CHOICE, /* one of the words of `choice` */
    VALUE_COUNT,  /* integer, low to high */
    VALUE_NUMBER, /* finite number, low to high */
    VALUE_STUDY,  /* a study folder or the name of a built-in study */
    VALUE_FOLDER,
    VALUE_FILE,
} value_type;

typedef struct option {
    const char *name;     /* without the dashes */
    const char *argument; /* what stands for the value in the help; NULL for a flag */
    const char *help;
    value_type type;
    char letter;          /* short form, 0: none */
    bool repeatable;      /* every value counts, not the last one alone */
    double low, high;     /* of a count or number; high 0: no upper limit */
    const char *fallback; /* the value when not given, in the words of the user; NULL: none */
    const char *(*choice)(size_t i); /* i-th word, NULL past the last */
} option;

/* What is not an option. A VALUE_STUDY comes first, and may be given as --study instead. */
typedef struct operand {
    const char *name;
    const char *help;
    value_type type;
    bool optional;
    bool repeatable; /* one or more; only the last operand */
} operand;

typedef struct example {
    const char *line, *meaning;
} example;

typedef struct exit_meaning {
    int status;
    const char *meaning;
} exit_meaning;

typedef struct arguments arguments;

/* Arrays end with an all-zero element; NULL is an empty one. */
typedef struct command {
    const char *name;    /* "fit", "study new" */
    const char *purpose; /* one line */
    const char *about;   /* paragraphs, '\n' between them */
    const option *options;
    const operand *operands;
    const example *examples;
    const exit_meaning *exits; /* where the general meaning is not enough */
    int (*run)(const arguments *args);
    bool computes; /* with encoders, or says by what: --device or EYECHART_DEVICE has to make
                      sense */
} command;

/* All commands in the order of the help, NULL at the end. */
extern const command *const COMMANDS[];

/* The command that argv[0], or argv[0] and argv[1], name; *n_words receives 1 or 2. NULL: none. */
const command *command_find(char *const *argv, size_t argc, size_t *n_words);
/* Whether `word` is the first of two that name the command. */
bool command_opens(const command *which, const char *word);

/* Options that several commands share. */
#define OPTION_STUDY                                                                               \
    {                                                                                              \
        .name = "study", .argument = "STUDY", .type = VALUE_STUDY,                                 \
        .help = "the study, as a folder or a built-in name; the same as naming it as the operand"  \
    }
#define OPTION_JSON                                                                                \
    { .name = "json", .help = "print JSON, described field by field in docs/cli.md" }
#define OPTION_THREADS                                                                             \
    {                                                                                              \
        .name = "threads", .argument = "N", .type = VALUE_COUNT, .low = 1, .high = 1024,           \
        .help = "one per processor when not given; results do not depend on it"                    \
    }
#define OPERAND_STUDY_BUILT_IN                                                                     \
    {                                                                                              \
        .name = "STUDY", .type = VALUE_STUDY, .optional = true,                                    \
        .help = "study folder, or a built-in study: paper-2024 (the default) or paper-2025"        \
    }

#endif
