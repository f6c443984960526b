/* The promise of study/commands.h: a placeholder is one word of the shell, whatever the value;
 * where that cannot be known it is refused. The judge is /bin/sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/commands.h"

static const char *const NASTY = "it's \"a\" $(name) `of` \\ two  words; # {out} *";

static ec_status fill(ec_text *line, const char *command, ec_error *err) {
    const char *const values[EC_PLACES] = {NASTY, "/o ut", "/a", "/s", "b", "t", "e", NULL};
    *line = (ec_text){0};
    return ec_command_fill(line, command, values, "train", err);
}

/* What /bin/sh prints for the command. Owned. */
static char *output_of(const char *command) {
    ec_text line;
    ec_error err;
    if (fill(&line, command, &err) != EC_OK) fail_msg("%s: %s", command, err.message);
    FILE *sh = popen(line.data, "r");
    assert_non_null(sh);
    char *text = calloc(1, 4096);
    assert_true(fread(text, 1, 4095, sh) < 4095);
    pclose(sh);
    ec_text_release(&line);
    return text;
}

static void a_placeholder_reaches_the_command_as_one_word(void **state) {
    (void)state;
    static const char *const commands[] = {
        "printf '%s\\n' {candidate}",
        "echo it\\'s >/dev/null; printf '%s\\n' {candidate}",
        "printf \"%s\\n\" {candidate} # with {out}, it's",
        "# it's\nprintf '%s\\n' {candidate}",
        "x=${HOME}; printf '%s\\n' {candidate}",
        "x=\"${HOME}/$1 $#\"; printf '%s\\n' {candidate}",
        "x=`echo a`; printf '%s\\n' {candidate}",
        "printf '%s\\n' $(echo a >/dev/null) {candidate}",
        "for c in {candidate}; do printf '%s\\n' \"$c\"; done",
        "x=a#'b'; printf '%s\\n' {candidate}",
        "x=\\ #'b'; printf '%s\\n' {candidate}",
        "true \\\n# it's\nprintf '%s\\n' {candidate}",
    };
    char expected[100];
    snprintf(expected, sizeof expected, "%s\n", NASTY);
    for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
        char *text = output_of(commands[k]);
        if (strcmp(text, expected) != 0) fail_msg("%s printed %s", commands[k], text);
        free(text);
    }
}

/* "\ #" is a word with a '#' in it, and no comment: what is behind it is filled in. */
static void an_escaped_blank_begins_no_comment(void **state) {
    (void)state;
    char *text = output_of("printf '%s|' a\\ #b {candidate}");
    char expected[100];
    snprintf(expected, sizeof expected, "a #b|%s|", NASTY);
    assert_string_equal(text, expected);
    free(text);
}

static void a_placeholder_whose_quoting_is_not_known_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *command, *words;
    } refused[] = {
        {"echo \"{candidate}\"", "stands inside quotes"},
        {"echo '{candidate}'", "stands inside quotes"},
        {"echo `basename {candidate}`", "stands inside quotes"},
        {"echo \"$(basename \"{candidate}\")\"", "a $(command) inside quotes"},
        {"echo \"$(basename {candidate})\"", "a $(command) inside quotes"},
        {"echo \"`basename {candidate}`\"", "a `command` inside quotes"},
        {"echo \"`basename \"{candidate}\"`\"", "a `command` inside quotes"},
        {"cat <<EOF\n{candidate}\nEOF", "a here-document"},
        {"cat <<'EOF'\nit's {candidate}\nEOF", "a here-document"},
        {"echo \"${x:-\"{candidate}\"}\"", "more than a name"},
        {"echo ${x:-'}'} {candidate}", "more than a name"},
        {"echo $'it\\'s' {candidate}", "shells read differently"},
    };
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        ec_text line;
        ec_error err = {0};
        if (fill(&line, refused[k].command, &err) != EC_ERR_ARG)
            fail_msg("%s became %s", refused[k].command, line.data);
        if (strstr(err.message, refused[k].words) == NULL ||
            strstr(err.message, "\"$EYECHART_CANDIDATE\"") == NULL)
            fail_msg("%s: %s", refused[k].command, err.message);
        ec_text_release(&line);
    }
}

/* The same commands without a placeholder are the user's own affair. */
static void what_is_not_followed_is_copied_as_it_is(void **state) {
    (void)state;
    static const char *const command =
        "cat <<EOF; echo \"$(echo \"it's `echo x`\")\" ${x:-'}'} $'a' {not_ours}\n'\nEOF";
    ec_text line;
    ec_error err;
    if (fill(&line, command, &err) != EC_OK) fail_msg("%s", err.message);
    assert_string_equal(line.data, command);
    ec_text_release(&line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_placeholder_reaches_the_command_as_one_word),
        cmocka_unit_test(an_escaped_blank_begins_no_comment),
        cmocka_unit_test(a_placeholder_whose_quoting_is_not_known_is_refused),
        cmocka_unit_test(what_is_not_followed_is_copied_as_it_is),
    };
    return cmocka_run_group_tests_name("loop_command", tests, NULL, NULL);
}
