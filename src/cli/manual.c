/* manual.c - eyechart(1) in roff (man macros) */
#include <stdlib.h>

#include "cli/help.h"
#include "eyechart/status.h"

/* Text in which nothing is a request or an escape: '\' and '-' are written out, and a line cannot
 * begin with '.' or '\''. '\n' becomes a paragraph. */
static void roff_text(FILE *out, const char *text) {
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            fputs("\n.PP\n", out);
            line_start = true;
            continue;
        }
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else {
            fputc(*text, out);
        }
        line_start = false;
    }
}

static void roff_line(FILE *out, const char *text) {
    roff_text(out, text);
    fputc('\n', out);
}

static void option_entry(FILE *out, const option *o) {
    fputs(".TP\n", out);
    if (o->letter != 0) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", out);
    roff_text(out, o->name);
    fputs("\\fR", out);
    if (o->argument != NULL) {
        fputs(" \\fI", out);
        roff_text(out, o->argument);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    roff_text(out, o->help);
    char details[256];
    help_details(o, details, sizeof details);
    if (details[0] != '\0') {
        fputs(" (", out);
        roff_text(out, details);
        fputc(')', out);
    }
    fputc('\n', out);
}

static void command_section(FILE *out, const command *which) {
    char *synopsis = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&synopsis, &size);
    if (stream != NULL) {
        help_synopsis(stream, which);
        fclose(stream);
    }
    fputs(".SS ", out);
    roff_line(out, synopsis == NULL ? which->name : synopsis);
    free(synopsis);
    roff_text(out, which->purpose);
    fputs(".\n", out);
    if (which->about != NULL) {
        fputs(".PP\n", out);
        roff_line(out, which->about);
    }
    for (const operand *o = which->operands; o != NULL && o->name != NULL; o++) {
        fputs(".TP\n\\fI", out);
        roff_text(out, o->name);
        fputs("\\fR\n", out);
        roff_line(out, o->help);
    }
    for (const option *o = which->options; o != NULL && o->name != NULL; o++) option_entry(out, o);
    for (const example *e = which->examples; e != NULL && e->line != NULL; e++) {
        fputs(".PP\n.nf\n.RS 2\n\\fB", out);
        roff_text(out, e->line);
        fputs("\\fR\n.RE\n.fi\n.RS 4\n", out);
        roff_line(out, e->meaning);
        fputs(".RE\n", out);
    }
    if (which->exits != NULL) fputs(".PP\nExit status:\n", out);
    for (const exit_meaning *e = which->exits; e != NULL && e->meaning != NULL; e++) {
        fprintf(out, ".TP\n%d\n", e->status);
        roff_line(out, e->meaning);
    }
}

void help_manual(FILE *out) {
    fprintf(out, ".TH EYECHART 1 \"\" \"eyechart %s\" \"User Commands\"\n", ec_version());
    fputs(
        ".nh\n.ad l\n.SH NAME\neyechart \\- which vision encoder to put in front of a language "
        "model\n"
        ".SH SYNOPSIS\n\\fBeyechart\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
        ".SH DESCRIPTION\n",
        out);
    roff_line(
        out,
        "A candidate (a vision encoder, a resolution, or a combination of encoders) is described "
        "by "
        "two scores: A, its alignment with CLIP, and C, its accuracy in finding corresponding "
        "points. Benchmark results of the language model that uses it are close to a quadratic in "
        "(A, C): the law of vision representation. So score every candidate, which is cheap, "
        "finetune a few, which is expensive, fit the law and rank the rest.\n"
        "Standard output is data, standard error is messages. Every command that reports takes "
        "--json.");
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; COMMANDS[i] != NULL; i++) command_section(out, COMMANDS[i]);
    fputs(".SH EXIT STATUS\n", out);
    for (const exit_meaning *e = EXIT_MEANINGS; e->meaning != NULL; e++) {
        fprintf(out, ".TP\n%d\n", e->status);
        roff_line(out, e->meaning);
    }
    fputs(".SH FILES\n.TP\n\\fISTUDY\\fR/study.yaml\n", out);
    roff_line(out, "what is compared: candidates, benchmarks, known scores, costs, policy");
    fputs(".TP\n\\fISTUDY\\fR/study.db\n", out);
    roff_line(out,
              "what was measured: scores, results, questions asked, where each number came from");
    fputs(".SH SEE ALSO\n", out);
    roff_line(out, "Yang et al., Law of Vision Representation in MLLMs, arXiv:2408.16357");
}
