/* The promises of study/commands.h: what a command becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "folder.h"
#include "study/commands.h"

/* ---- commands ------------------------------------------------------------------------------- */

static const char *const values[EC_PLACES] = {[EC_PLACE_CANDIDATE] = "it's; rm -rf $HOME",
                                              [EC_PLACE_OUT] = "/a/b-c/out",
                                              [EC_PLACE_ATTEMPT] = "/a/*/1",
                                              [EC_PLACE_STUDY] = "/a",
                                              [EC_PLACE_BENCHMARKS] = "MME,my score",
                                              [EC_PLACE_TASKS] = "mme,x"};

static ec_status fill(ec_text *to, const char *command, ec_error *err) {
    *to = (ec_text){0};
    return ec_command_fill(to, command, values, "train", err);
}

static void assert_filled(const char *command, const char *expected) {
    ec_text text;
    ec_error err;
    if (fill(&text, command, &err) != EC_OK) fail_msg("%s: %s", command, err.message);
    assert_string_equal(text.data == NULL ? "" : text.data, expected);
    ec_text_release(&text);
}

static void assert_unfilled(const char *command, const char *words) {
    ec_text text;
    ec_error err;
    assert_int_equal(fill(&text, command, &err), EC_ERR_ARG);
    if (strstr(err.message, words) == NULL) fail_msg("no '%s' in '%s'", words, err.message);
    ec_text_release(&text);
}

static void a_placeholder_becomes_one_word_of_the_shell(void **state) {
    (void)state;
    assert_filled("t {candidate} {out}", "t 'it'\\''s; rm -rf $HOME' /a/b-c/out");
    assert_filled("--model={out}/x {benchmarks}", "--model=/a/b-c/out/x 'MME,my score'");
    assert_filled("X=$(basename {attempt})", "X=$(basename '/a/*/1')");
    assert_filled("a 'b' \"c\" {tasks}", "a 'b' \"c\" mme,x");
    assert_filled("it\\'s {tasks}", "it\\'s mme,x");
    assert_filled("", "");
}

static void what_is_no_placeholder_is_left_to_the_shell(void **state) {
    (void)state;
    assert_filled("${out} $out {a,b} {} { true; } awk '{print}' {foo}",
                  "${out} $out {a,b} {} { true; } awk '{print}' {foo}");
    assert_filled("true # don't {out}\necho {tasks}", "true # don't {out}\necho mme,x");
    assert_filled("a#b {tasks}", "a#b mme,x");
}

static void a_placeholder_inside_quotes_is_refused(void **state) {
    (void)state;
    assert_unfilled("echo \"{candidate}\"", "{candidate} stands inside quotes");
    assert_unfilled("echo '{out}'", "\"$EYECHART_OUT\"");
    assert_unfilled("echo \"$(basename {out})\"", "inside quotes");
    assert_unfilled("echo `basename {out}`", "inside quotes");
    assert_unfilled("echo \"a\\\"{out}\"", "inside quotes");
}

static void a_slip_is_told_and_so_is_what_is_not_declared(void **state) {
    (void)state;
    assert_unfilled("t {candidat}", "there is no {candidat}; did you mean {candidate}?");
    assert_unfilled("t {encoder}", "candidate 'it's; rm -rf $HOME' declares no encoder");
}

/* Whatever is in a value, the shell sees it as one word. */
static void the_shell_agrees(void **state) {
    (void)state;
    static const char *const nasty[] = {
        "a b", "'",      "\"",  "\\",   "$(date)", "`date`", "-n",  "a\nb",  "*",
        "~",   "a;b",    "#x",  "A=B",  "''",      "\\'\"",  "!$!", "{out}", "\xc3\xa9 \xff",
        "",    "a&&b|c", "<x>", "$HOME"};
    for (size_t i = 0; i < sizeof nasty / sizeof *nasty; i++) {
        const char *only[EC_PLACES] = {[EC_PLACE_CANDIDATE] = nasty[i]};
        ec_text text = {0};
        assert_int_equal(
            ec_command_fill(&text, "printf '<%s>' {candidate} x{candidate}y", only, "train", NULL),
            EC_OK);
        FILE *out = popen(text.data, "r");
        char seen[256] = "", expected[256];
        assert_non_null(out);
        fread(seen, 1, sizeof seen - 1, out);
        assert_int_equal(pclose(out), 0);
        snprintf(expected, sizeof expected, "<%s><x%sy>", nasty[i], nasty[i]);
        assert_string_equal(seen, expected);
        ec_text_release(&text);
    }
}

static void a_pattern_has_values_that_match_themselves_alone(void **state) {
    (void)state;
    ec_text text = {0};
    assert_int_equal(ec_command_fill_pattern(&text, "{attempt}/*_results.json", values, NULL),
                     EC_OK);
    assert_string_equal(text.data, "/a/\\*/1/*_results.json");
    ec_text_release(&text);
    ec_error err;
    assert_int_equal(ec_command_fill_pattern(&text, "{atempt}/x", values, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "did you mean {attempt}?"));
    ec_text_release(&text);
}

static void the_environment_has_the_values_too(void **state) {
    (void)state;
    char **environment = ec_command_environment(values);
    assert_string_equal(environment[0], "EYECHART_CANDIDATE=it's; rm -rf $HOME");
    assert_string_equal(environment[5], "EYECHART_TASKS=mme,x");
    assert_null(environment[6]); /* no encoder, no connector */
    ec_command_environment_free(environment);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_placeholder_becomes_one_word_of_the_shell),
        cmocka_unit_test(what_is_no_placeholder_is_left_to_the_shell),
        cmocka_unit_test(a_placeholder_inside_quotes_is_refused),
        cmocka_unit_test(a_slip_is_told_and_so_is_what_is_not_declared),
        cmocka_unit_test(the_shell_agrees),
        cmocka_unit_test(a_pattern_has_values_that_match_themselves_alone),
        cmocka_unit_test(the_environment_has_the_values_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
