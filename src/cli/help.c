/* help.c - the overview, and `--help` of a command */
#include "cli/help.h"

#include <string.h>

#include "cli/output.h"
#include "eyechart/status.h"

const exit_meaning EXIT_MEANINGS[] = {
    {EXIT_DONE, "done"},
    {EXIT_NEGATIVE, "it ran, and the answer is no: a check failed, nothing is left to ask"},
    {EXIT_USAGE, "the command line is wrong"},
    {EXIT_DATA, "bad or missing data, or the system refused (no such file, disk full)"},
    {EXIT_AGAIN, "stopped part way or somebody else was busy; the same command again goes on"},
    {130, "interrupted; whatever was reported as recorded is recorded"},
    {0, NULL},
};

void help_synopsis(FILE *out, const command *which) {
    fprintf(out, "eyechart %s", which->name);
    if (which->options != NULL) fputs(" [OPTION]...", out);
    for (const operand *o = which->operands; o != NULL && o->name != NULL; o++) {
        fprintf(out, o->optional ? " [%s]" : " %s", o->name);
        if (o->repeatable) fputs("...", out);
    }
}

void help_details(const option *o, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; o->choice != NULL && o->choice(i) != NULL && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "one of " : ", ",
                                 o->choice(i));
    if (o->fallback != NULL && used < size)
        used += (size_t)snprintf(text + used, size - used, "%sdefault %s", used > 0 ? "; " : "",
                                 o->fallback);
    if (o->repeatable && used < size)
        snprintf(text + used, size - used, "%smay be repeated", used > 0 ? "; " : "");
}

static void print_option(FILE *out, const option *o) {
    fputs("  ", out);
    if (o->letter != 0) fprintf(out, "-%c, ", o->letter);
    fprintf(out, "--%s", o->name);
    if (o->argument != NULL) fprintf(out, " %s", o->argument);
    fputc('\n', out);
    char details[256], text[1024];
    help_details(o, details, sizeof details);
    snprintf(text, sizeof text, details[0] == '\0' ? "%s" : "%s (%s)", o->help, details);
    print_wrapped(out, 10, text);
}

static void print_paragraphs(FILE *out, const char *text) {
    char paragraph[2048];
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)length, text);
        fputc('\n', out);
        print_wrapped(out, 0, paragraph);
        text += length + (text[length] == '\n');
    }
}

void help_command(FILE *out, const command *which) {
    fprintf(out, "eyechart %s - %s\n\nUsage: ", which->name, which->purpose);
    help_synopsis(out, which);
    fputc('\n', out);
    if (which->operands != NULL) fputc('\n', out);
    for (const operand *o = which->operands; o != NULL && o->name != NULL; o++) {
        fprintf(out, "  %s\n", o->name);
        print_wrapped(out, 10, o->help);
    }
    if (which->about != NULL) print_paragraphs(out, which->about);
    fputs("\nOptions:\n", out);
    for (const option *o = which->options; o != NULL && o->name != NULL; o++) print_option(out, o);
    fputs("  -h, --help\n          print this\n", out);
    if (which->examples != NULL) fputs("\nExamples:\n", out);
    for (const example *e = which->examples; e != NULL && e->line != NULL; e++) {
        fprintf(out, "  %s\n", e->line);
        print_wrapped(out, 10, e->meaning);
    }
    if (which->exits != NULL) fputs("\nExit status:\n", out);
    for (const exit_meaning *e = which->exits; e != NULL && e->meaning != NULL; e++)
        fprintf(out, "  %-3d %s\n", e->status, e->meaning);
}

bool help_group(FILE *out, const char *word) {
    bool any = false;
    for (size_t i = 0; COMMANDS[i] != NULL; i++) {
        if (!command_opens(COMMANDS[i], word)) continue;
        fprintf(out, "  eyechart %-14s %s\n", COMMANDS[i]->name, COMMANDS[i]->purpose);
        any = true;
    }
    return any;
}

void help_overview(FILE *out) {
    fprintf(out, "eyechart %s - which vision encoder to put in front of a language model\n\n",
            ec_version());
    print_wrapped(
        out, 0,
        "Score every candidate encoder (cheap), finetune a few (expensive), fit the law that "
        "ties benchmark results to the two scores A and C, and rank the rest.");
    fputs("\nCommands:\n", out);
    for (size_t i = 0; COMMANDS[i] != NULL; i++)
        fprintf(out, "  %-14s %s\n", COMMANDS[i]->name, COMMANDS[i]->purpose);
    fputs("\n'eyechart COMMAND --help' shows the options of a command, with examples.\n"
          "Without a study of your own, try the paper's results:  eyechart rank\n",
          out);
}
