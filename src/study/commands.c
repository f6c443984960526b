/* commands.c - see commands.h */
#include "study/commands.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/spelling.h"

static const char *const names[EC_PLACES] = {"candidate",  "out",   "attempt", "study",
                                             "benchmarks", "tasks", "encoder", "connector"};

/* ---- words of the shell ------------------------------------------------------------------- */

static bool is_plain(const char *word) {
    if (*word == '\0' || *word == '-') return false;
    for (const char *c = word; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("@%+:,./_-", *c) == NULL) return false;
    return true;
}

static void add_word(ec_text *to, const char *word) {
    if (is_plain(word)) {
        ec_text_add(to, word);
        return;
    }
    ec_text_add(to, "'");
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'')
            ec_text_add(to, "'\\''");
        else
            ec_text_add_bytes(to, c, 1);
    }
    ec_text_add(to, "'");
}

/* ---- the command -------------------------------------------------------------------------- */

/* Where in the command we are, as the shell sees it. TANGLED lasts to the end: what quotes mean
 * behind such a thing takes a whole shell to know. */
typedef enum { PLAIN, SINGLE, DOUBLE, BACKQUOTED, COMMENT, TANGLED } context;

typedef struct {
    const char *command, *key;
    const char *const *values;
    ec_text *to;
    ec_error *err;
    context in;
    bool word_begins;    /* here, so that '#' would be a comment */
    const char *tangled; /* by what, in words */
} filling;

/* "${NAME}" has nothing in it that quotes could change; "${NAME:-word}" has. */
static bool is_simple_expansion(const char *c) {
    size_t n = 2;
    while (isalnum((unsigned char)c[n]) || c[n] == '_') n++;
    if (n == 2 && c[n] != '\0') n++; /* "${#}", "${?}" */
    return c[n] == '}';
}

/* What begins at c and cannot be followed further; NULL: nothing. */
static const char *tangle(context in, const char *c) {
    if (in != PLAIN && in != DOUBLE) return NULL;
    if (in == DOUBLE && *c == '`') return "a `command` inside quotes";
    if (in == DOUBLE && c[0] == '$' && c[1] == '(') return "a $(command) inside quotes";
    if (c[0] == '$' && c[1] == '{' && !is_simple_expansion(c))
        return "a ${…} with more than a name";
    if (in == PLAIN && c[0] == '$' && c[1] == '\'') return "a $'…', which shells read differently";
    if (in == PLAIN && c[0] == '<' && c[1] == '<') return "a here-document ('<<')";
    return NULL;
}

/* What follows a character outside quotes. */
static context enter(char c, bool word_begins) {
    switch (c) {
    case '\'':
        return SINGLE;
    case '"':
        return DOUBLE;
    case '`':
        return BACKQUOTED;
    case '#':
        return word_begins ? COMMENT : PLAIN;
    default:
        return PLAIN;
    }
}

static context leave(context in, char c) {
    if ((in == SINGLE && c == '\'') || (in == DOUBLE && c == '"') ||
        (in == BACKQUOTED && c == '`') || (in == COMMENT && c == '\n'))
        return PLAIN;
    return in;
}

/* Length of "{word}" of small letters that begins at c; 0 when none does. */
static size_t brace_length(const char *command, const char *c) {
    if (*c != '{' || (c > command && c[-1] == '$')) return 0;
    size_t n = 1;
    while (islower((unsigned char)c[n]) || c[n] == '_') n++;
    return n > 1 && c[n] == '}' ? n + 1 : 0;
}

static const char *name_at(const void *unused, size_t i) {
    (void)unused;
    return names[i];
}

/* The placeholder that `word` is; EC_PLACES: none. */
static ec_placeholder find(const char *word, size_t n) {
    size_t k = 0;
    while (k < EC_PLACES && (strlen(names[k]) != n || memcmp(names[k], word, n) != 0)) k++;
    return (ec_placeholder)k;
}

static ec_status fill_one(filling *f, ec_placeholder place) {
    const char *name = names[place];
    char variable[32];
    size_t n = 0;
    for (; name[n] != '\0'; n++) variable[n] = (char)toupper((unsigned char)name[n]);
    variable[n] = '\0';
    if (f->in == TANGLED)
        return ec_fail(f->err, EC_ERR_ARG,
                       "study.yaml: run: %s: {%s} comes after %s, where it is not known how to "
                       "quote it; write \"$EYECHART_%s\" in its place, or put the command into a "
                       "script",
                       f->key, name, f->tangled, variable);
    if (f->in != PLAIN)
        return ec_fail(f->err, EC_ERR_ARG,
                       "study.yaml: run: %s: {%s} stands inside quotes; write it without them, it "
                       "is quoted where needed, or use \"$EYECHART_%s\"",
                       f->key, name, variable);
    if (f->values[place] == NULL)
        return ec_fail(f->err, EC_ERR_ARG,
                       "study.yaml: run: %s: uses {%s}, but candidate '%.80s' declares no %s; add "
                       "'%s:' to it",
                       f->key, name, f->values[EC_PLACE_CANDIDATE], name, name);
    add_word(f->to, f->values[place]);
    f->word_begins = false;
    return EC_OK;
}

static ec_status check_slip(const filling *f, const char *word, size_t n) {
    char typed[32];
    if (n >= sizeof typed) return EC_OK;
    memcpy(typed, word, n);
    typed[n] = '\0';
    const size_t nearest = ec_spelling_nearest(typed, name_at, NULL, EC_PLACES);
    if (nearest == EC_SPELLING_NONE) return EC_OK;
    return ec_fail(f->err, EC_ERR_ARG, "study.yaml: run: %s: there is no {%s}; did you mean {%s}?",
                   f->key, typed, names[nearest]);
}

/* Copies what stands at c, one character or an escaped one, and follows where that leads. Returns
 * how much it was. */
static size_t copy_one(filling *f, const char *c) {
    const bool escaped =
        *c == '\\' && c[1] != '\0' && (f->in == PLAIN || f->in == DOUBLE || f->in == BACKQUOTED);
    const size_t taken = escaped ? 2 : 1;
    const char *tangled = escaped ? NULL : tangle(f->in, c);
    ec_text_add_bytes(f->to, c, taken);
    if (tangled != NULL) {
        f->tangled = tangled;
        f->in = TANGLED;
    } else if (!escaped) {
        f->in = f->in == PLAIN ? enter(*c, f->word_begins) : leave(f->in, *c);
        f->word_begins = strchr(" \t\n;&|()<>", *c) != NULL;
    } else if (c[1] != '\n') { /* a line that goes on is one to the shell */
        f->word_begins = false;
    }
    return taken;
}

static ec_status fill(filling *f) {
    for (const char *c = f->command; *c != '\0';) {
        const size_t n = brace_length(f->command, c);
        const ec_placeholder place = n > 0 ? find(c + 1, n - 2) : EC_PLACES;
        if (place < EC_PLACES && f->in != COMMENT) {
            const ec_status status = fill_one(f, place);
            if (status != EC_OK) return status;
            c += n;
            continue;
        }
        if (n > 0 && f->in == PLAIN) {
            const ec_status status = check_slip(f, c + 1, n - 2);
            if (status != EC_OK) return status;
        }
        c += copy_one(f, c);
    }
    return EC_OK;
}

ec_status ec_command_fill(ec_text *to, const char *command, const char *const values[EC_PLACES],
                          const char *key, ec_error *err) {
    filling f = {.command = command,
                 .key = key,
                 .values = values,
                 .to = to,
                 .err = err,
                 .word_begins = true};
    const ec_status status = fill(&f);
    if (status == EC_OK && to->failed) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    return status;
}

static void add_literal(ec_text *to, const char *value) {
    for (const char *c = value; *c != '\0'; c++) {
        if (strchr("*?[]\\", *c) != NULL) ec_text_add(to, "\\");
        ec_text_add_bytes(to, c, 1);
    }
}

/* Fills a text that no shell reads; `add` writes the value of a placeholder. */
static ec_status fill_name(const filling *f, void (*add)(ec_text *to, const char *value)) {
    ec_text *to = f->to;
    const char *const *values = f->values;
    for (const char *c = f->command; *c != '\0';) {
        const size_t n = brace_length(f->command, c);
        const ec_placeholder place = n > 0 ? find(c + 1, n - 2) : EC_PLACES;
        if (place == EC_PLACES && n > 0) {
            const ec_status status = check_slip(f, c + 1, n - 2);
            if (status != EC_OK) return status;
        }
        const char *value = place < EC_PLACES ? values[place] : NULL;
        if (value != NULL)
            add(to, value);
        else
            ec_text_add_bytes(to, c, 1);
        c += value != NULL ? n : 1;
    }
    return to->failed ? ec_fail(f->err, EC_ERR_NOMEM, "out of memory") : EC_OK;
}

ec_status ec_command_fill_pattern(ec_text *to, const char *pattern,
                                  const char *const values[EC_PLACES], ec_error *err) {
    const filling f = {
        .command = pattern, .key = "results", .values = values, .to = to, .err = err};
    return fill_name(&f, add_literal);
}

ec_status ec_command_fill_path(ec_text *to, const char *path, const char *const values[EC_PLACES],
                               const char *key, ec_error *err) {
    const filling f = {.command = path, .key = key, .values = values, .to = to, .err = err};
    return fill_name(&f, ec_text_add);
}

/* ---- before there is a candidate ------------------------------------------------------------ */

static const char *const anything[EC_PLACES] = {"x", "x", "x", "x", "x", "x", "x", "x"};

ec_status ec_command_check_placeholders(const char *command, const char *key, ec_error *err) {
    ec_text unused = {0};
    const ec_status status =
        strcmp(key, "results") == 0   ? ec_command_fill_pattern(&unused, command, anything, err)
        : strcmp(key, "trained") == 0 ? ec_command_fill_path(&unused, command, anything, key, err)
                                      : ec_command_fill(&unused, command, anything, key, err);
    ec_text_release(&unused);
    return status;
}

bool ec_command_uses(const char *command, ec_placeholder place) {
    const char *values[EC_PLACES];
    ec_text unused = {0};
    memcpy(values, anything, sizeof values);
    values[place] = NULL;
    const ec_status status = ec_command_fill(&unused, command, values, "", NULL);
    ec_text_release(&unused);
    return status == EC_ERR_ARG;
}

bool ec_command_is_given(const char *command) {
    return command != NULL && command[strspn(command, " \t\n")] != '\0';
}

/* ---- the environment ---------------------------------------------------------------------- */

void ec_command_environment_free(char **environment) {
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) free(environment[i]);
    free(environment);
}

char **ec_command_environment(const char *const values[EC_PLACES]) {
    char **environment = calloc(EC_PLACES + 1, sizeof *environment);
    if (environment == NULL) return NULL;
    size_t n = 0;
    for (size_t k = 0; k < EC_PLACES; k++) {
        if (values[k] == NULL) continue;
        ec_text text = {0};
        ec_text_add(&text, "EYECHART_");
        for (const char *c = names[k]; *c != '\0'; c++) {
            const char upper = (char)toupper((unsigned char)*c);
            ec_text_add_bytes(&text, &upper, 1);
        }
        ec_text_format(&text, "=%s", values[k]);
        if (text.failed) {
            ec_text_release(&text);
            ec_command_environment_free(environment);
            return NULL;
        }
        environment[n++] = text.data;
    }
    return environment;
}
