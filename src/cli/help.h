/* help.h - what the tables of the commands look like to a reader and to a shell */
#ifndef EC_CLI_HELP_H
#define EC_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

void help_overview(FILE *out);
void help_command(FILE *out, const command *which);
/* Lists the commands of two words that begin with `word`; false where there is none. */
bool help_group(FILE *out, const char *word);
void help_manual(FILE *out); /* roff, one page for all commands */
void help_bash(FILE *out);   /* completion scripts */
void help_zsh(FILE *out);

/* "eyechart rank [OPTION]... [STUDY]" */
void help_synopsis(FILE *out, const command *which);
/* "default 0.9", "one of ...", as they stand behind the help of an option; "" when there is none.
 */
void help_details(const option *o, char *text, size_t size);

/* What the exit statuses mean in general, ends with an all-zero meaning. */
extern const exit_meaning EXIT_MEANINGS[];

#endif
