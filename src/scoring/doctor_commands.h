/* doctor_commands.h - whether what the commands of `run` name is there */
#ifndef EC_SCORING_DOCTOR_COMMANDS_H
#define EC_SCORING_DOCTOR_COMMANDS_H

#include "study/findings.h"

/* Looks at the first word of the command, and at the script that a shell or an interpreter is
 * given: a script that is missing is an error, a program that is not in PATH a warning. Words that
 * the shell would change, and what follows the first command, are not looked at.
 *
 *   folder   of the study, where the command runs
 *   key      "train" or "evaluate" */
void ec_command_check(ec_findings *found, const char *command, const char *folder, const char *key);

#endif
