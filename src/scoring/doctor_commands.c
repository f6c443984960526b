/* doctor_commands.c - see doctor_commands.h */
#include "scoring/doctor_commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD_SIZE = 512, PATH_SIZE = 8192 };

/* What /bin/sh knows by itself; behind one of them nothing is looked at. */
static const char *const of_the_shell[] = {
    ".",      ":",     "[",     "!",      "{",      "(",     "case", "cd",   "command",
    "echo",   "eval",  "exec",  "exit",   "export", "false", "for",  "if",   "printf",
    "read",   "set",   "shift", "source", "test",   "time",  "trap", "true", "type",
    "ulimit", "umask", "unset", "until",  "wait",   "while"};

/* Programs whose first argument is a script. */
static const char *const interpreters[] = {"sh", "bash", "dash", "zsh", "ksh", "python", "perl"};

/* Whether `program` is one of them, with or without a version such as python3.11. */
static bool is_interpreter(const char *program) {
    const char *slash = strrchr(program, '/'), *name = slash != NULL ? slash + 1 : program;
    const size_t n = strcspn(name, ".0123456789");
    for (size_t i = 0; i < sizeof interpreters / sizeof *interpreters; i++)
        if (strlen(interpreters[i]) == n && strncmp(name, interpreters[i], n) == 0 &&
            name[n + strspn(name + n, ".0123456789")] == '\0')
            return true;
    return false;
}

static bool is_of_the_shell(const char *word) {
    for (size_t i = 0; i < sizeof of_the_shell / sizeof *of_the_shell; i++)
        if (strcmp(of_the_shell[i], word) == 0) return true;
    return false;
}

/* The next word of the first command, as it stands; false at its end, and where the shell would
 * make something else of the word. */
static bool next_word(char word[WORD_SIZE], const char **at) {
    const char *c = *at + strspn(*at, " \t");
    const size_t n = strcspn(c, " \t\n;&|<>()");
    *at = c + n;
    if (n == 0 || n >= WORD_SIZE) return false;
    memcpy(word, c, n);
    word[n] = '\0';
    return strpbrk(word, "$`\"'\\*?[]{}~#") == NULL;
}

static bool is_assignment(const char *word) {
    size_t n = 0;
    while (isalnum((unsigned char)word[n]) || word[n] == '_') n++;
    return n > 0 && word[n] == '=';
}

static void join(char path[PATH_SIZE], const char *folder, size_t n_folder, const char *name) {
    if (*name == '/')
        snprintf(path, PATH_SIZE, "%s", name);
    else
        snprintf(path, PATH_SIZE, "%.*s/%s", (int)n_folder, folder, name);
}

static bool is_in_path(const char *program) {
    char path[PATH_SIZE];
    const char *folders = getenv("PATH");
    for (const char *f = folders; f != NULL && *f != '\0';) {
        const size_t n = strcspn(f, ":");
        join(path, n > 0 ? f : ".", n > 0 ? n : 1, program);
        if (access(path, X_OK) == 0) return true;
        f += n + (f[n] == ':');
    }
    return folders == NULL; /* the shell has one of its own */
}

static void check_script(ec_findings *found, const char *script, const char *folder,
                         const char *key, bool runs_itself) {
    char path[PATH_SIZE];
    struct stat info;
    join(path, folder, strlen(folder), script);
    if (stat(path, &info) != 0)
        ec_findings_add(found, EC_FINDING_ERROR,
                        "'run: %s:' names %.200s, which is not there; paths of commands begin at "
                        "the folder of the study",
                        key, path);
    else if (!S_ISREG(info.st_mode))
        ec_findings_add(found, EC_FINDING_ERROR, "'run: %s:' names %.200s, which is no file", key,
                        path);
    else if (runs_itself && access(path, X_OK) != 0)
        ec_findings_add(found, EC_FINDING_ERROR,
                        "'run: %s:' runs %.200s, which is not executable; chmod +x it, or write "
                        "'sh' before it",
                        key, path);
}

void ec_command_check(ec_findings *found, const char *command, const char *folder,
                      const char *key) {
    char word[WORD_SIZE];
    const char *at = command;
    do
        if (!next_word(word, &at)) return;
    while (is_assignment(word));
    if (is_of_the_shell(word)) return;
    if (strchr(word, '/') != NULL) {
        check_script(found, word, folder, key, true);
    } else if (!is_in_path(word)) {
        ec_findings_add(found, EC_FINDING_WARNING,
                        "'run: %s:' begins with '%.100s', which is not in PATH here; install it, "
                        "or write its whole path",
                        key, word);
        return;
    }
    if (!is_interpreter(word)) return;
    do
        if (!next_word(word, &at)) return;
    while (word[0] == '-' && strpbrk(word, "cmosW") == NULL); /* of those, something else follows */
    if (word[0] != '-') check_script(found, word, folder, key, false);
}
