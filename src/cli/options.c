/* options.c - parsing against the table of the command
 *
 * --name VALUE, --name=VALUE, -x VALUE, -xVALUE; options and operands in any order; everything
 * after `--` is an operand. A default is parsed like a value that was typed, so the help cannot
 * show another one than the program uses.
 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "eyechart/spelling.h"

int usage_error(const command *which, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("eyechart: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n'eyechart %s%s--help' shows the usage.\n", which == NULL ? "" : which->name,
            which == NULL ? "" : " ");
    return EXIT_USAGE;
}

const char *did_you_mean(const char *prefix, const char *word,
                         const char *(*name)(const void *names, size_t i), const void *names,
                         size_t n) {
    static _Thread_local char text[128];
    const size_t nearest = ec_spelling_nearest(word, name, names, n);
    if (nearest == EC_SPELLING_NONE) return "";
    snprintf(text, sizeof text, "; did you mean '%s%.80s'?", prefix, name(names, nearest));
    return text;
}

size_t option_count(const command *which) {
    size_t n = 0;
    while (which->options != NULL && which->options[n].name != NULL) n++;
    return n;
}

const option_value *option_named(const arguments *args, const char *name) {
    static const option_value none;
    for (size_t i = 0; i < option_count(args->command); i++)
        if (strcmp(args->command->options[i].name, name) == 0) return &args->values[i];
    return &none;
}

static const char *option_name(const void *options, size_t i) {
    return ((const option *)options)[i].name;
}

/* ---- one value ------------------------------------------------------------------------------ */

/* The words of a choice, as a list for a message. */
static void choice_list(const option *o, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; o->choice(i) != NULL && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", o->choice(i));
}

static const char *choice_name(const void *o, size_t i) {
    return ((const option *)o)->choice(i);
}

static int parse_choice(option_value *value, const command *which, const option *o) {
    size_t n = 0;
    for (; o->choice(n) != NULL; n++) {
        if (strcmp(value->text, o->choice(n)) == 0) {
            value->choice = n;
            return EXIT_DONE;
        }
    }
    char words[256];
    choice_list(o, words, sizeof words);
    return usage_error(which, "--%s is one of %s, not '%s'%s", o->name, words, value->text,
                       did_you_mean("", value->text, choice_name, o, n));
}

static int out_of_range(const option_value *value, const command *which, const option *o) {
    const char *kind = o->type == VALUE_COUNT ? "a whole number" : "a number";
    if (o->high > 0.0)
        return usage_error(which, "--%s takes %s from %g to %g, not '%s'", o->name, kind, o->low,
                           o->high, value->text);
    return usage_error(which, "--%s takes %s, %g or more, not '%s'", o->name, kind, o->low,
                       value->text);
}

static int parse_number(option_value *value, const command *which, const option *o) {
    char *end = NULL;
    bool valid;
    errno = 0;
    if (o->type == VALUE_COUNT) {
        value->count = strtoull(value->text, &end, 10);
        valid = isdigit((unsigned char)value->text[0]) && errno == 0; /* strtoull takes " -1" */
        value->number = (double)value->count;
    } else {
        value->number = strtod(value->text, &end);
        valid = !isspace((unsigned char)value->text[0]) && isfinite(value->number);
    }
    if (!valid || end == value->text || *end != '\0' || value->number < o->low ||
        (o->high > 0.0 && value->number > o->high))
        return out_of_range(value, which, o);
    return EXIT_DONE;
}

static int parse_value(option_value *value, const command *which, const option *o) {
    switch (o->type) {
    case VALUE_CHOICE:
        return parse_choice(value, which, o);
    case VALUE_COUNT:
    case VALUE_NUMBER:
        return parse_number(value, which, o);
    default:
        break;
    }
    if (value->text[0] == '\0')
        return usage_error(which, "--%s needs a %s, and got an empty one", o->name, o->argument);
    return EXIT_DONE;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int unknown_option(const command *which, const char *typed, const char *name) {
    return usage_error(which, "%s has no option '%s'%s", which->name, typed,
                       did_you_mean("--", name, option_name, which->options, option_count(which)));
}

/* Index of the option that `word` (starting with '-') names, and where its value starts if it
 * stands in the same word. */
static size_t find_option(const command *which, const char *word, const char **value) {
    const size_t n = option_count(which);
    *value = NULL;
    if (word[1] != '-') {
        for (size_t i = 0; i < n; i++) {
            if (which->options[i].letter != word[1]) continue;
            if (word[2] != '\0') *value = word + 2;
            return i;
        }
        return n;
    }
    const char *name = word + 2;
    const size_t length = strcspn(name, "=");
    if (name[length] == '=') *value = name + length + 1;
    for (size_t i = 0; i < n; i++) {
        const char *known = which->options[i].name;
        if (strncmp(known, name, length) == 0 && known[length] == '\0') return i;
    }
    return n;
}

/* Takes the option at argv[*at], and its value, which may be the next word. */
static int take_option(arguments *out, char *const *argv, size_t n, size_t *at) {
    const command *which = out->command;
    const char *word = argv[*at], *text;
    const size_t i = find_option(which, word, &text);
    if (i == option_count(which)) {
        char name[64]; /* without dashes and value, to look for the nearest */
        snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
        name[strcspn(name, "=")] = '\0';
        return unknown_option(which, word, name);
    }
    const option *o = &which->options[i];
    option_value *value = &out->values[i];
    if (o->type == VALUE_NONE) {
        if (text != NULL) return usage_error(which, "--%s takes no value ('%s')", o->name, word);
        value->given = true;
        return EXIT_DONE;
    }
    if (text == NULL && *at + 1 < n) text = argv[++*at];
    if (text == NULL)
        return usage_error(which, "--%s needs a value: --%s %s", o->name, o->name, o->argument);
    if (value->given && !o->repeatable)
        return usage_error(which, "--%s is given twice ('%s' and '%s')", o->name, value->text,
                           text);
    value->given = true;
    value->text = text;
    if (o->repeatable) {
        if (value->all == NULL) value->all = allocate(n, sizeof *value->all);
        value->all[value->n_all++] = text;
    }
    return parse_value(value, which, o);
}

static int apply_fallbacks(arguments *out) {
    const command *which = out->command;
    for (size_t i = 0; i < option_count(which); i++) {
        option_value *value = &out->values[i];
        if (value->given || which->options[i].fallback == NULL) continue;
        value->text = which->options[i].fallback;
        const int status = parse_value(value, which, &which->options[i]);
        if (status != EXIT_DONE) return status;
    }
    return EXIT_DONE;
}

/* --study takes the place of the first operand. */
static int take_study(arguments *out, const operand **rest) {
    const command *which = out->command;
    *rest = which->operands;
    if (*rest == NULL || (*rest)->type != VALUE_STUDY) return EXIT_DONE;
    ++*rest;
    for (size_t i = 0; i < option_count(which); i++) {
        if (strcmp(which->options[i].name, "study") == 0 && out->values[i].given)
            out->study = out->values[i].text;
    }
    if (out->study != NULL || out->n_operands == 0) return EXIT_DONE;
    out->study = out->operands[0];
    out->n_operands--;
    for (size_t i = 0; i < out->n_operands; i++) out->operands[i] = out->operands[i + 1];
    if (out->study[0] == '\0') return usage_error(which, "the name of the study is empty");
    return EXIT_DONE;
}

static int check_operands(arguments *out) {
    const command *which = out->command;
    const operand *expected;
    const int status = take_study(out, &expected);
    if (status != EXIT_DONE) return status;
    if (which->operands != NULL && which->operands->type == VALUE_STUDY &&
        !which->operands->optional && out->study == NULL)
        return usage_error(which, "%s needs a %s: %s", which->name, which->operands->name,
                           which->operands->help);
    size_t i = 0;
    bool repeating = false;
    for (; expected != NULL && expected->name != NULL; expected++, i++) {
        if (i >= out->n_operands && !expected->optional)
            return usage_error(which, "%s needs a %s: %s", which->name, expected->name,
                               expected->help);
        repeating = expected->repeatable;
    }
    if (i < out->n_operands && !repeating)
        return usage_error(which, "%s: '%s' is one word too many", which->name, out->operands[i]);
    return EXIT_DONE;
}

static bool asks_for_help(char *const *argv, size_t n) {
    for (size_t i = 0; i < n && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    }
    return false;
}

int arguments_parse(arguments *out, const command *which, char *const *argv, size_t n) {
    *out = (arguments){.command = which, .words = argv, .n_words = n};
    out->help = asks_for_help(argv, n);
    if (out->help) return EXIT_DONE;
    out->operands = allocate(n, sizeof *out->operands);
    bool options_end = false;
    for (size_t at = 0; at < n; at++) {
        if (!options_end && strcmp(argv[at], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[at][0] == '-' && argv[at][1] != '\0') {
            const int status = take_option(out, argv, n, &at);
            if (status != EXIT_DONE) return status;
        } else {
            out->operands[out->n_operands++] = argv[at];
        }
    }
    const int status = apply_fallbacks(out);
    return status == EXIT_DONE ? check_operands(out) : status;
}

void arguments_release(arguments *args) {
    for (size_t i = 0; i < MAX_OPTIONS; i++) free(args->values[i].all);
    free(args->operands);
    *args = (arguments){0};
}
