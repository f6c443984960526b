/* main.c - eyechart COMMAND: finds the command, checks its arguments, runs it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/device.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/output.h"

/* A closed standard stream would give its number to the next file opened, a study.db for example,
 * and messages would be written into it. Streams opened here the wrong way round fail when used. */
static void hold_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

/* Output that did not arrive is a failure, whatever the command thought. */
static int finish_output(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fprintf(stderr, "eyechart: standard output: %s; what was printed is not complete\n",
            errno == 0 ? "write error" : strerror(errno));
    return EXIT_DATA;
}

static const char *command_name(const void *commands, size_t i) {
    return ((const command *const *)commands)[i]->name;
}

/* "eyechart study": lists what can follow. */
static int incomplete_command(const char *word) {
    fprintf(stderr, "eyechart: %s needs a second word:\n", word);
    help_group(stderr, word);
    return EXIT_USAGE;
}

static int unknown_command(char *const *argv, size_t n) {
    char typed[128];
    snprintf(typed, sizeof typed, "%s", argv[0]);
    size_t n_commands = 0;
    for (; COMMANDS[n_commands] != NULL; n_commands++) {
        if (!command_opens(COMMANDS[n_commands], argv[0])) continue;
        if (n < 2 || argv[1][0] == '-') return incomplete_command(argv[0]);
        snprintf(typed, sizeof typed, "%s %s", argv[0], argv[1]);
    }
    return usage_error(NULL, "there is no command '%s'%s", typed,
                       did_you_mean("", typed, command_name, COMMANDS, n_commands));
}

static int run(const command *which, const arguments *args) {
    const int status = which->computes ? device_check(args) : EXIT_DONE;
    return status == EXIT_DONE ? which->run(args) : status;
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int dispatch(char **argv, size_t n) {
    static char version[] = "version", help[] = "help";
    if (n == 0) {
        help_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[0], "--version") == 0) argv[0] = version;
    if (is_help(argv[0])) argv[0] = help;
    size_t n_words;
    const command *which = command_find(argv, n, &n_words);
    if (which == NULL && n == 2 && is_help(argv[1]) && help_group(stdout, argv[0]))
        return EXIT_DONE;
    if (which == NULL) return unknown_command(argv, n);

    arguments args;
    int status = arguments_parse(&args, which, argv + n_words, n - n_words);
    if (status == EXIT_DONE && args.help) {
        help_command(stdout, which);
    } else if (status == EXIT_DONE) {
        status = run(which, &args);
    }
    arguments_release(&args);
    return status;
}

int main(int argc, char **argv) {
    hold_standard_streams();
    return finish_output(dispatch(argv + 1, argc > 0 ? (size_t)argc - 1 : 0));
}
