/* How encoders are written, and what two of them have in common (features/source.c) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "features/source.h"
#include "folder.h"

static ec_feature_source *read_sources(size_t *n, const char *text, const char *base) {
    ec_feature_source *sources;
    ec_error err;
    if (ec_feature_sources_read(&sources, n, text, base, NULL, &err) != EC_OK)
        fail_msg("%s: %s", text, err.message);
    return sources;
}

/* A folder that is a model's as far as anybody looks. */
static void make_model(const char *folder, const char *name) {
    assert_int_equal(mkdir(folder_join(folder, name), 0777), 0);
    char config[64];
    snprintf(config, sizeof config, "%s/config.json", name);
    folder_write(folder_join(folder, config), "{}");
}

typedef struct {
    const char *folder;
    size_t size;
    ec_prepare_mode prepare;
} expected;

static void assert_read(const char *text, const char *base, size_t n, const expected *wanted) {
    size_t n_read;
    ec_feature_source *sources = read_sources(&n_read, text, base);
    if (n_read != n) fail_msg("%s: %zu encoders, not %zu", text, n_read, n);
    for (size_t i = 0; i < n; i++) {
        const ec_feature_source *s = &sources[i];
        const char *folder = s->folder;
        if (base != NULL && wanted[i].folder[0] != '/') {
            assert_int_equal(strncmp(folder, base, strlen(base)), 0);
            folder += strlen(base) + 1;
        }
        if (strcmp(folder, wanted[i].folder) != 0 || s->size != wanted[i].size ||
            s->prepare != wanted[i].prepare)
            fail_msg("%s: encoder %zu is %s, %zu, %s", text, i, folder, s->size,
                     ec_prepare_mode_name(s->prepare));
    }
    free(sources);
}

static void an_encoder_is_a_folder_a_size_and_a_preparation(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        expected wanted[3];
    } cases[] = {
        {"clip", 1, {{"clip", 0, EC_PREPARE_NATIVE}}},
        {"clip/@336", 1, {{"clip/", 336, EC_PREPARE_NATIVE}}},
        {"clip:pad", 1, {{"clip", 0, EC_PREPARE_PAD}}},
        {"a/b@100000:letterbox", 1, {{"a/b", 100000, EC_PREPARE_LETTERBOX}}},
        {"clip:native", 1, {{"clip", 0, EC_PREPARE_NATIVE}}},
        {"a+b@1:square+/c:squash",
         3,
         {{"a", 0, EC_PREPARE_NATIVE}, {"b", 1, EC_PREPARE_SQUARE}, {"/c", 0, EC_PREPARE_SQUASH}}},
        /* What stands in a folder above is no ending. */
        {"hub:x/v@2/clip", 1, {{"hub:x/v@2/clip", 0, EC_PREPARE_NATIVE}}},
        {"hub:x/clip@24:pad", 1, {{"hub:x/clip", 24, EC_PREPARE_PAD}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_read(cases[i].text, NULL, cases[i].n, cases[i].wanted);
        assert_read(cases[i].text, "/study", cases[i].n, cases[i].wanted);
    }
}

/* Where there is a folder of that name, it is meant. */
static void a_name_with_marks_is_taken_as_it_is(void **state) {
    const char *folder = *state;
    make_model(folder, "clip@336");
    make_model(folder, "a+b");
    make_model(folder, "odd:pad");
    assert_read("clip@336", folder, 1, &(expected){"clip@336", 0, EC_PREPARE_NATIVE});
    assert_read("clip@336@24", folder, 1, &(expected){"clip@336", 24, EC_PREPARE_NATIVE});
    assert_read("clip@224", folder, 1, &(expected){"clip", 224, EC_PREPARE_NATIVE});
    assert_read("odd:pad", folder, 1, &(expected){"odd:pad", 0, EC_PREPARE_NATIVE});
    assert_read("odd:pad:squash", folder, 1, &(expected){"odd:pad", 0, EC_PREPARE_SQUASH});
    assert_read("a+b", folder, 1, &(expected){"a+b", 0, EC_PREPARE_NATIVE});
    const expected both[] = {{"a+b", 48, EC_PREPARE_PAD}, {"c", 0, EC_PREPARE_NATIVE}};
    assert_read("a+b@48:pad+c", folder, 2, both);
    assert_int_equal(ec_feature_source_length("a+b@48:pad+c", folder), 10);
    assert_int_equal(ec_feature_source_length("a+b@48:pad+c", NULL), 1);
    const expected other[] = {{"c", 0, EC_PREPARE_NATIVE}, {"a+b", 0, EC_PREPARE_NATIVE}};
    assert_read("c+a+b", folder, 2, other);
}

static void what_is_not_written_is_as_otherwise(void **state) {
    (void)state;
    const ec_feature_source otherwise = {.folder = "nobody reads it",
                                         .size = 224,
                                         .prepare = EC_PREPARE_SQUARE,
                                         .has_layer = true,
                                         .tap = {.layer = -3},
                                         .exif_transpose = true};
    ec_feature_source *sources;
    size_t n;
    ec_error err;
    assert_int_equal(
        ec_feature_sources_read(&sources, &n, "a+b@336:native", NULL, &otherwise, &err), EC_OK);
    assert_int_equal(n, 2);
    assert_string_equal(sources[0].folder, "a");
    assert_true(sources[0].size == 224 && sources[0].prepare == EC_PREPARE_SQUARE);
    assert_true(sources[1].size == 336 && sources[1].prepare == EC_PREPARE_NATIVE);
    for (size_t i = 0; i < n; i++)
        assert_true(sources[i].exif_transpose && ec_feature_source_tap(&sources[i]).layer == -3);
    free(sources);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a+clip:squah",
         "encoder 'clip:squah': ':squah' is none of :native, :square, :squash, :pad, "
         ":letterbox; did you mean ':squash'?"},
        {"clip@336:", "':' is none of :native"},
        {"clip@big", "encoder 'clip@big': '@big' is not a size in pixels"},
        {"clip@0", "'@0' is not a size"},
        {"clip@100001", "'@100001' is not a size in pixels; expected 1 to 100000"},
        {"clip@99999999999999999999999", "is not a size"},
        {"clip@7 ", "'@7 ' is not a size"},
        {"", "'' is an encoder without a folder"},
        {"a++b", "'' is an encoder without a folder; expected FOLDER, FOLDER@336:squash"},
        {"a+@336", "'@336' is an encoder without a folder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_feature_source *sources;
        size_t n;
        ec_error err = {.message = "(none)"};
        const ec_status status =
            ec_feature_sources_read(&sources, &n, cases[i][0], NULL, NULL, &err);
        if (status != EC_ERR_FORMAT || strstr(err.message, cases[i][1]) == NULL)
            fail_msg("%s: %s; expected %s", cases[i][0], err.message, cases[i][1]);
        assert_null(sources);
        assert_int_equal(n, 0);
    }
    char many[2 * EC_MAX_SOURCES + 2];
    for (size_t i = 0; i < EC_MAX_SOURCES; i++) memcpy(many + 2 * i, "a+", 2);
    many[2 * EC_MAX_SOURCES - 1] = '\0';
    size_t n;
    ec_feature_source *sources = read_sources(&n, many, NULL);
    assert_int_equal(n, EC_MAX_SOURCES);
    free(sources);
    strcat(many, "+a");
    ec_error err;
    assert_int_equal(ec_feature_sources_read(&sources, &n, many, NULL, NULL, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "more than 64 encoders"));
}

static void what_is_written_reads_the_same(void **state) {
    const char *folder = *state;
    make_model(folder, "v@2");
    make_model(folder, "x:y");
    static const char *const texts[] = {
        "clip",
        "clip@336:squash+dino/@24+/m/siglip:pad",
        "a:native",
        "v@2",
        "v@2@48:letterbox",
        "x:y",
        "a:squash:native",
        "b@3:square",
        "x:y@7:native",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t n, n_again;
        ec_feature_source *once = read_sources(&n, texts[i], folder);
        char *written = ec_feature_sources_write(once, n);
        ec_feature_source *again = read_sources(&n_again, written, NULL);
        assert_int_equal(n, n_again);
        for (size_t k = 0; k < n; k++) {
            if (strcmp(once[k].folder, again[k].folder) != 0 ||
                !ec_feature_source_same_use(&once[k], &again[k]))
                fail_msg("%s: written as %s", texts[i], written);
        }
        free(once);
        free(again);
        free(written);
    }
    const ec_feature_source two[] = {{.folder = "a", .size = 336},
                                     {.folder = "b", .prepare = EC_PREPARE_PAD}};
    char *written = ec_feature_sources_write(two, 2);
    assert_string_equal(written, "a@336+b:pad");
    free(written);
}

/* A zero-initialised source is the default in all it has. */
static void a_tap_that_nobody_chose_is_the_default(void **state) {
    (void)state;
    ec_feature_source s = {.folder = "clip"}, t = s;
    assert_true(ec_tap_same(ec_feature_source_tap(&s), EC_TAP_DEFAULT));
    s.tap = (ec_tap){.layer = -3, .keep_class_token = true}; /* not chosen */
    assert_true(ec_feature_source_same_use(&s, &t));
    s.has_layer = true;
    assert_int_equal(ec_feature_source_tap(&s).layer, -3);
    assert_false(ec_feature_source_tap(&s).keep_class_token);
    assert_false(ec_feature_source_same_use(&s, &t));
    s.tap.layer = -2; /* chosen, and the same */
    assert_true(ec_feature_source_same_use(&s, &t));
    s.has_tokens = true;
    assert_false(ec_feature_source_same_use(&s, &t));
    t = s;
    t.weights = "other.safetensors";
    assert_false(ec_feature_source_same_use(&s, &t));
    t = s;
    t.horizontal_first = true;
    assert_false(ec_feature_source_same_use(&s, &t));
    t = s;
    t.folder = "elsewhere";
    assert_true(ec_feature_source_same_use(&s, &t));
}

/* Studies were kept when :pad was the letterbox; what they know of a folder is found by this text. */
static void what_studies_remember_has_the_same_text_for_the_same_use(void **state) {
    (void)state;
    const ec_tap deep = {.layer = -3, .keep_class_token = true};
    const struct {
        ec_feature_source source;
        const char *text;
    } cases[] = {
        {{.folder = "a"}, "encoder native 0 layer -2"},
        {{.folder = "b", .tap = deep}, "encoder native 0 layer -2"},
        {{.prepare = EC_PREPARE_SQUARE, .size = 336}, "encoder square 336 layer -2"},
        {{.prepare = EC_PREPARE_SQUASH}, "encoder squash 0 layer -2"},
        {{.prepare = EC_PREPARE_LETTERBOX}, "encoder pad 0 layer -2"},
        {{.prepare = EC_PREPARE_PAD}, "encoder LLaVA's pad 0 layer -2"},
        {{.has_layer = true, .has_tokens = true, .tap = deep},
         "encoder native 0 layer -3 all tokens"},
        {{.exif_transpose = true}, "encoder native 0 layer -2 by EXIF"},
        {{.horizontal_first = true}, "encoder native 0 layer -2 horizontal first"},
        {{.tap = {.block = 2}}, "encoder native 0 layer -2 block 2 timestep 0 seed 0"},
        {{.tap = {.timestep = 2}}, "encoder native 0 layer -2 block 0 timestep 2 seed 0"},
        {{.tap = {.seed = 2}}, "encoder native 0 layer -2 block 0 timestep 0 seed 2"},
    };
    const size_t n = sizeof cases / sizeof *cases;
    char text[EC_SOURCE_USE], other[EC_SOURCE_USE];
    for (size_t i = 0; i < n; i++) {
        ec_feature_source_use(text, &cases[i].source, false);
        assert_string_equal(text, cases[i].text);
        for (size_t k = 0; k < n; k++) {
            ec_feature_source_use(other, &cases[k].source, false);
            assert_int_equal(ec_feature_source_same_use(&cases[i].source, &cases[k].source),
                             strcmp(text, other) == 0);
        }
    }
    ec_feature_source_use(text, &cases[7].source, true);
    assert_string_equal(text, "encoder native 0 layer -2 positions by size by EXIF");
    assert_null(ec_prepare_mode_name(5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_encoder_is_a_folder_a_size_and_a_preparation),
        cmocka_unit_test_setup_teardown(a_name_with_marks_is_taken_as_it_is, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test(what_is_not_written_is_as_otherwise),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test_setup_teardown(what_is_written_reads_the_same, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test(a_tap_that_nobody_chose_is_the_default),
        cmocka_unit_test(what_studies_remember_has_the_same_text_for_the_same_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
