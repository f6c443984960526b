/* commands.h - the commands of study.yaml, with their placeholders filled in
 *
 *     bash train.sh {candidate} {out}
 *
 * A placeholder stands outside quotes and becomes one word of the shell, quoted where it needs to
 * be, whatever is in a name or a path. Inside quotes, where no quoting could be right, it is
 * refused; there the environment has the same values: "$EYECHART_OUT". So it is behind what would
 * take a whole shell to follow: a command inside double quotes, "${NAME:-word}", $'…', a
 * here-document.
 */
#ifndef EC_STUDY_COMMANDS_H
#define EC_STUDY_COMMANDS_H

#include <stdbool.h>

#include "base/text.h"

/* In this order in `values` below and in the environment, as EYECHART_CANDIDATE and so on. */
typedef enum ec_placeholder {
    EC_PLACE_CANDIDATE,  /* its name */
    EC_PLACE_OUT,        /* folder for the model, the same for every attempt; absolute */
    EC_PLACE_ATTEMPT,    /* folder of the attempt; absolute */
    EC_PLACE_STUDY,      /* folder of the study; absolute */
    EC_PLACE_BENCHMARKS, /* names, with commas */
    EC_PLACE_TASKS,      /* the benchmarks as lmms-eval calls them, with commas */
    EC_PLACE_ENCODER,    /* of the candidate, as study.yaml has it; NULL: not declared */
    EC_PLACE_CONNECTOR,  /* likewise */
    EC_PLACES
} ec_placeholder;

/* Adds the command line. `key` is for messages: "train".
 * Errors: EC_ERR_ARG a placeholder inside quotes or behind what is not followed, one that is nearly
 * the name of one, or one without a value for this candidate; EC_ERR_NOMEM. */
ec_status ec_command_fill(ec_text *to, const char *command, const char *const values[EC_PLACES],
                          const char *key, ec_error *err);

/* Adds a pattern of file names, for glob(), with the same placeholders: their values match
 * themselves alone. No shell sees it. */
ec_status ec_command_fill_pattern(ec_text *to, const char *pattern,
                                  const char *const values[EC_PLACES], ec_error *err);

/* Adds the path of a file with the same placeholders; it is neither a pattern nor for a shell. */
ec_status ec_command_fill_path(ec_text *to, const char *path, const char *const values[EC_PLACES],
                               const char *key, ec_error *err);

/* The errors of the three above that hold for every candidate; `key` "results": of the pattern,
 * "trained": of the path. */
ec_status ec_command_check_placeholders(const char *command, const char *key, ec_error *err);

/* Does the command, which passed that check, have the placeholder? */
bool ec_command_uses(const char *command, ec_placeholder place);

/* Is there anything but blanks? NULL: no. */
bool ec_command_is_given(const char *command);

/* "EYECHART_OUT=…" for every value that is there, then NULL. Free each and the array, with
 * ec_command_environment_free. NULL: out of memory. */
char **ec_command_environment(const char *const values[EC_PLACES]);
void ec_command_environment_free(char **environment);

#endif
