/* completion.c - completion scripts for bash and zsh
 *
 * Both are a `case` over the commands with the words to offer, written out from the tables, so that
 * completing starts no process. Names are [a-z0-9-] and need no quoting; help texts do, in zsh.
 */
#include <string.h>

#include "cli/help.h"

#define BUILT_IN_STUDIES "paper-2024 paper-2025"

/* "study new" to "study_new", for the name of a shell function. */
static void function_name(FILE *out, const char *name) {
    for (; *name != '\0'; name++) fputc(*name == ' ' ? '_' : *name, out);
}

/* The first words of all commands, each once: those of two words stand next to each other. */
static void first_words(FILE *out) {
    const char *last = "";
    for (size_t i = 0; COMMANDS[i] != NULL; i++) {
        const char *name = COMMANDS[i]->name;
        const size_t length = strcspn(name, " ");
        if (strncmp(name, last, length) == 0 && strcspn(last, " ") == length) continue;
        fprintf(out, "%s%.*s", i == 0 ? "" : " ", (int)length, name);
        last = name;
    }
}

/* The second words of the commands that begin like COMMANDS[i]. */
static void second_words(FILE *out, size_t i) {
    const size_t length = strcspn(COMMANDS[i]->name, " ") + 1;
    const char *first = COMMANDS[i]->name;
    for (; COMMANDS[i] != NULL && strncmp(COMMANDS[i]->name, first, length) == 0; i++)
        fprintf(out, "%s%s", COMMANDS[i]->name == first ? "" : " ", COMMANDS[i]->name + length);
}

/* Whether COMMANDS[i] is the first of those that share its first word, of two. */
static bool opens_group(size_t i) {
    const char *name = COMMANDS[i]->name;
    const size_t length = strcspn(name, " ") + 1;
    if (name[length - 1] == '\0') return false;
    return i == 0 || strncmp(COMMANDS[i - 1]->name, name, length) != 0;
}

static void choice_words(FILE *out, const option *o) {
    for (size_t i = 0; o->choice(i) != NULL; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " ", o->choice(i));
}

/* ---- bash ----------------------------------------------------------------------------------- */

static const char *bash_action(value_type type) {
    switch (type) {
    case VALUE_STUDY:
        return "-d -W '" BUILT_IN_STUDIES "'";
    case VALUE_FOLDER:
        return "-d";
    case VALUE_FILE:
        return "-f";
    default:
        return NULL;
    }
}

static void bash_values(FILE *out, const command *which) {
    for (const option *o = which->options; o != NULL && o->name != NULL; o++) {
        if (o->type == VALUE_NONE) continue;
        fprintf(out, "        '%s --%s'", which->name, o->name);
        if (o->letter != 0) fprintf(out, "|'%s -%c'", which->name, o->letter);
        fputs(") ", out);
        if (o->type == VALUE_CHOICE) {
            fputs("offer -W '", out);
            choice_words(out, o);
            fputs("'; ", out);
        } else if (bash_action(o->type) != NULL) {
            fprintf(out, "offer %s; ", bash_action(o->type));
        }
        fputs("return ;;\n", out);
    }
}

static void bash_words(FILE *out, const command *which) {
    fprintf(out, "        '%s') options='", which->name);
    for (const option *o = which->options; o != NULL && o->name != NULL; o++)
        fprintf(out, "--%s ", o->name);
    fputs("--help' operands=\"", out);
    const operand *o = which->operands;
    for (; o != NULL && o->name != NULL; o++) {
        if (bash_action(o->type) == NULL) continue;
        fputs(bash_action(o->type), out);
        break;
    }
    fputs("\" ;;\n", out);
}

void help_bash(FILE *out) {
    fputs("# bash completion of eyechart, generated from its option tables\n"
          "_eyechart() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} options='' operands=''\n"
          "    offer() { mapfile -t COMPREPLY < <(compgen \"$@\" -- \"$word\"); }\n"
          "    COMPREPLY=()\n"
          "    # --name=value arrives as three words\n"
          "    if [[ $word == = ]]; then word=''\n"
          "    elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if [[ $COMP_CWORD -eq 1 ]]; then offer -W '",
          out);
    first_words(out);
    fputs(" --help --version'; return; fi\n"
          "    case $command in\n",
          out);
    for (size_t i = 0; COMMANDS[i] != NULL; i++) {
        if (!opens_group(i)) continue;
        const int length = (int)strcspn(COMMANDS[i]->name, " ");
        fprintf(out, "        %.*s)\n            if [[ $COMP_CWORD -eq 2 ]]; then offer -W '",
                length, COMMANDS[i]->name);
        second_words(out, i);
        fputs("'; return; fi\n            command+=\" ${COMP_WORDS[2]}\" ;;\n", out);
    }
    fputs("    esac\n    case \"$command $before\" in\n", out);
    for (size_t i = 0; COMMANDS[i] != NULL; i++) bash_values(out, COMMANDS[i]);
    fputs("    esac\n    case $command in\n", out);
    for (size_t i = 0; COMMANDS[i] != NULL; i++) bash_words(out, COMMANDS[i]);
    fputs("    esac\n"
          "    if [[ $word == -* ]]; then offer -W \"$options\"\n"
          "    elif [[ -n $operands ]]; then eval \"offer $operands\"\n"
          "    fi\n"
          "}\n"
          "complete -o filenames -F _eyechart eyechart\n",
          out);
}

/* ---- zsh ------------------------------------------------------------------------------------ */

/* Inside '…' of an _arguments specification, where [ ] : have a meaning too. */
static void zsh_text(FILE *out, const char *text) {
    for (; *text != '\0' && *text != '\n'; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            if (strchr("[]:\\", *text) != NULL) fputc('\\', out);
            fputc(*text, out);
        }
    }
}

static void zsh_action(FILE *out, value_type type, const option *o) {
    switch (type) {
    case VALUE_CHOICE:
        fputc('(', out);
        choice_words(out, o);
        fputc(')', out);
        break;
    case VALUE_STUDY:
        fputs("_eyechart_study", out);
        break;
    case VALUE_FOLDER:
        fputs("_files -/", out);
        break;
    case VALUE_FILE:
        fputs("_files", out);
        break;
    default:
        fputc(' ', out);
        break;
    }
}

static void zsh_option(FILE *out, const option *o) {
    const char *star = o->repeatable ? "*" : "";
    for (int form = 0; form < (o->letter != 0 ? 2 : 1); form++) {
        fprintf(out, " \\\n        '%s", star);
        if (form == 0) {
            fprintf(out, "--%s%s[", o->name, o->argument != NULL ? "=" : "");
        } else {
            fprintf(out, "-%c%s[", o->letter, o->argument != NULL ? "+" : "");
        }
        zsh_text(out, o->help);
        fputc(']', out);
        if (o->argument != NULL) {
            fputc(':', out);
            zsh_text(out, o->argument);
            fputc(':', out);
            zsh_action(out, o->type, o);
        }
        fputc('\'', out);
    }
}

static void zsh_command(FILE *out, const command *which) {
    fputs("_eyechart_", out);
    function_name(out, which->name);
    fputs("() {\n    _arguments -s", out);
    for (const option *o = which->options; o != NULL && o->name != NULL; o++) zsh_option(out, o);
    fputs(" \\\n        '--help[print the usage]'", out);
    for (const operand *o = which->operands; o != NULL && o->name != NULL; o++) {
        fprintf(out, " \\\n        '%s:", o->repeatable ? "*" : o->optional ? ":" : "");
        zsh_text(out, o->name);
        fputc(':', out);
        zsh_action(out, o->type, NULL);
        fputc('\'', out);
    }
    fputs("\n}\n", out);
}

/* A function that completes one word among commands, then goes on with the command it names.
 * `prefix_length` 0: all first words; else the second words of the group at COMMANDS[from]. */
static void zsh_dispatch(FILE *out, size_t from, size_t prefix_length) {
    fputs("_eyechart", out);
    if (prefix_length > 0) fprintf(out, "_%.*s", (int)prefix_length - 1, COMMANDS[from]->name);
    fputs("() {\n    local -a commands=(\n", out);
    const char *first = COMMANDS[from]->name;
    for (size_t i = from; COMMANDS[i] != NULL; i++) {
        const char *name = COMMANDS[i]->name;
        if (strncmp(name, first, prefix_length) != 0) break;
        const bool group = prefix_length == 0 && strchr(name, ' ') != NULL;
        if (group && !opens_group(i)) continue;
        fprintf(out,
                "        '%.*s:", (int)(group ? strcspn(name, " ") : strlen(name) - prefix_length),
                name + prefix_length);
        zsh_text(out, group ? "make, show and fill studies" : COMMANDS[i]->purpose);
        fputs("'\n", out);
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    local name=",
          out);
    fputs("_eyechart_", out);
    if (prefix_length > 0) fprintf(out, "%.*s_", (int)prefix_length - 1, first);
    fputs("$words[1]\n    (( $+functions[$name] )) && $name\n}\n", out);
}

void help_zsh(FILE *out) {
    fputs("#compdef eyechart\n"
          "# zsh completion of eyechart, generated from its option tables\n"
          "_eyechart_study() {\n"
          "    _alternative 'built-in:built-in study:(" BUILT_IN_STUDIES
          ")' 'folder:study folder:_files -/'\n"
          "}\n",
          out);
    for (size_t i = 0; COMMANDS[i] != NULL; i++) {
        zsh_command(out, COMMANDS[i]);
        if (opens_group(i)) zsh_dispatch(out, i, strcspn(COMMANDS[i]->name, " ") + 1);
    }
    zsh_dispatch(out, 0, 0);
    fputs("_eyechart \"$@\"\n", out);
}
