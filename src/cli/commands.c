/* commands.c - the list of commands */
#include <string.h>

#include "cli/command.h"

/* clang-format off */
extern const command
    CMD_STUDY_NEW,
    CMD_STUDY_SHOW,
    CMD_STUDY_CHECK,
    CMD_STUDY_IMPORT,
    CMD_STUDY_EXPORT,
    CMD_SCORE,
    CMD_DOCTOR,
    CMD_RANK,
    CMD_ASK,
    CMD_TELL,
    CMD_WITHDRAW,
    CMD_RUN,
    CMD_FIT,
    CMD_SIMULATE,
    CMD_REPRODUCE,
    CMD_REPORT,
    CMD_ALIGN,
    CMD_CORRESPOND,
    CMD_FEATURES,
    CMD_SHOW,
    CMD_INSPECT,
    CMD_TOKENS,
    CMD_VERSION,
    CMD_HELP;

/* In the order of the help: first what most users meet first. */
const command *const COMMANDS[] = {
    &CMD_STUDY_NEW,
    &CMD_STUDY_SHOW,
    &CMD_STUDY_CHECK,
    &CMD_STUDY_IMPORT,
    &CMD_STUDY_EXPORT,
    &CMD_SCORE,
    &CMD_DOCTOR,
    &CMD_RANK,
    &CMD_ASK,
    &CMD_TELL,
    &CMD_WITHDRAW,
    &CMD_RUN,
    &CMD_FIT,
    &CMD_SIMULATE,
    &CMD_REPRODUCE,
    &CMD_REPORT,
    &CMD_ALIGN,
    &CMD_CORRESPOND,
    &CMD_FEATURES,
    &CMD_SHOW,
    &CMD_INSPECT,
    &CMD_TOKENS,
    &CMD_VERSION,
    &CMD_HELP,
    NULL,
};
/* clang-format on */

const command *command_find(char *const *argv, size_t argc, size_t *n_words) {
    for (size_t i = 0; argc > 0 && COMMANDS[i] != NULL; i++) {
        const char *name = COMMANDS[i]->name;
        const size_t first = strcspn(name, " ");
        if (strncmp(argv[0], name, first) != 0 || argv[0][first] != '\0') continue;
        *n_words = name[first] == '\0' ? 1 : 2;
        if (*n_words == 1 || (argc > 1 && strcmp(argv[1], name + first + 1) == 0))
            return COMMANDS[i];
    }
    return NULL;
}

bool command_opens(const command *which, const char *word) {
    const size_t length = strlen(word);
    return strncmp(which->name, word, length) == 0 && which->name[length] == ' ';
}
