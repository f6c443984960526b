/* loop_command.c - see loop_command.h */
#include "study/loop_command.h"

#include <ctype.h>
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

/* Where in the command we are, as the shell sees it. */
typedef enum { PLAIN, SINGLE, DOUBLE, BACKQUOTED, COMMENT } context;

typedef struct {
    const char *command, *key;
    const char *const *values;
    ec_text *to;
    ec_error *err;
} filling;

/* What follows a character outside quotes. */
static context enter(const char *command, const char *c) {
    switch (*c) {
    case '\'':
        return SINGLE;
    case '"':
        return DOUBLE;
    case '`':
        return BACKQUOTED;
    case '#': /* where a word could begin */
        return c == command || strchr(" \t\n;&|()", c[-1]) != NULL ? COMMENT : PLAIN;
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

static ec_status fill_one(const filling *f, ec_placeholder place, context in) {
    const char *name = names[place];
    char variable[32];
    size_t n = 0;
    for (; name[n] != '\0'; n++) variable[n] = (char)toupper((unsigned char)name[n]);
    variable[n] = '\0';
    if (in != PLAIN)
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

static ec_status fill(const filling *f) {
    context in = PLAIN;
    for (const char *c = f->command; *c != '\0';) {
        const size_t n = brace_length(f->command, c);
        const ec_placeholder place = n > 0 ? find(c + 1, n - 2) : EC_PLACES;
        if (place < EC_PLACES && in != COMMENT) {
            const ec_status status = fill_one(f, place, in);
            if (status != EC_OK) return status;
            c += n;
            continue;
        }
        if (n > 0 && in == PLAIN) {
            const ec_status status = check_slip(f, c + 1, n - 2);
            if (status != EC_OK) return status;
        }
        const bool escaped = *c == '\\' && (in == PLAIN || in == DOUBLE || in == BACKQUOTED);
        const size_t taken = escaped && c[1] != '\0' ? 2 : 1;
        if (taken == 1) in = in == PLAIN ? enter(f->command, c) : leave(in, *c);
        ec_text_add_bytes(f->to, c, taken);
        c += taken;
    }
    return EC_OK;
}

ec_status ec_command_fill(ec_text *to, const char *command, const char *const values[EC_PLACES],
                          const char *key, ec_error *err) {
    const filling f = {command, key, values, to, err};
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

ec_status ec_command_fill_pattern(ec_text *to, const char *pattern,
                                  const char *const values[EC_PLACES], ec_error *err) {
    const filling f = {pattern, "results", values, to, err};
    for (const char *c = pattern; *c != '\0';) {
        const size_t n = brace_length(pattern, c);
        const ec_placeholder place = n > 0 ? find(c + 1, n - 2) : EC_PLACES;
        if (place == EC_PLACES && n > 0) {
            const ec_status status = check_slip(&f, c + 1, n - 2);
            if (status != EC_OK) return status;
        }
        const char *value = place < EC_PLACES ? values[place] : NULL;
        if (value != NULL)
            add_literal(to, value);
        else
            ec_text_add_bytes(to, c, 1);
        c += value != NULL ? n : 1;
    }
    return to->failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
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
