/* test_weights_torch.c - files as PyTorch saves them, each way of saving (tests/weights)
 *
 * tools/make_weight_fixtures.py wrote them: element i of a tensor that is read is i.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tensor/weights.h"

static ec_status open_fixture(ec_weights **out, const char *name, ec_error *err) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/weights/%s", EC_SOURCE_DIR, name);
    return ec_weights_open(out, path, err);
}

static ec_weights *must_open(const char *name) {
    ec_weights *w;
    ec_error err = {.message = ""};
    if (open_fixture(&w, name, &err) != EC_OK) fail_msg("%s: %s", name, err.message);
    return w;
}

static size_t index_of(const ec_weights *w, const char *tensor) {
    for (size_t i = 0; i < ec_weights_count(w); i++)
        if (strcmp(ec_weights_name(w, i), tensor) == 0) return i;
    fail_msg("no tensor '%s' in %s", tensor, ec_weights_source(w));
    return 0;
}

/* Loads a tensor: of this dtype then and shape, counting from 0. */
static void counts(ec_weights *w, const char *tensor, ec_dtype dtype, const char *shape) {
    const ec_tensor *t;
    ec_error err = {.message = ""};
    char found[128];
    if (ec_weights_load(&t, w, index_of(w, tensor), &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(t->dtype, dtype);
    assert_string_equal(ec_tensor_shape_text(found, sizeof found, t), shape);
    for (size_t i = 0; i < ec_tensor_count(t); i++) {
        float value;
        ec_tensor_to_f32(&value, t, i, 1);
        if (value != (float)i) fail_msg("%s: element %zu is %g", tensor, i, (double)value);
    }
}

static void is_refused(ec_weights *w, const char *tensor, const char *why) {
    const ec_tensor *t;
    ec_error err = {.message = "(none)"};
    assert_int_equal(ec_weights_load(&t, w, index_of(w, tensor), &err), EC_ERR_FORMAT);
    assert_null(t);
    if (strstr(err.message, why) == NULL || strstr(err.message, tensor) == NULL)
        fail_msg("'%s'; expected '%s' of %s", err.message, why, tensor);
}

static void assert_state(const char *name, bool newer) {
    ec_weights *w = must_open(name);
    counts(w, "f32", EC_F32, "[3, 4]");
    counts(w, "f16", EC_F16, "[5]");
    counts(w, "bf16", EC_BF16, "[5]");
    counts(w, "f64", EC_F32, "[3, 4]");
    counts(w, "turned", EC_F32, "[4, 3]");
    counts(w, "turned_f64", EC_F32, "[4, 3]");
    counts(w, "conv", EC_F32, "[2, 3, 4, 5]");
    counts(w, "part", EC_F32, "[3, 2]");
    counts(w, "scalar", EC_F32, "[]");
    counts(w, "parameter", EC_F32, "[2, 3]");
    counts(w, "tied", EC_F32, "[4]");
    counts(w, "tied_too", EC_F32, "[4]");
    counts(w, "nothing", EC_F32, "[0, 4]");
    if (newer) {
        counts(w, "e4m3", EC_F32, "[9]");
        counts(w, "e5m2", EC_F32, "[9]");
        is_refused(w, "u16", "dtype U16");
    }
    is_refused(w, "i64", "dtype I64");
    is_refused(w, "flag", "dtype BOOL");
    is_refused(w, "complex", "a dtype that eyechart does not read");
    is_refused(w, "expanded", "is expanded");
    is_refused(w, "sparse", "is sparse");
    assert_null(ec_weights_find(w, "none"));
    assert_null(ec_weights_find(w, "number"));
    /* What is not row-major in the file has no view. */
    assert_null(ec_weights_find(w, "conv")->data);
    assert_non_null(ec_weights_find(w, "f32")->data);
    char hash[33];
    ec_error err;
    assert_int_equal(ec_weights_hash(hash, w, NULL, &err), EC_OK);
    assert_int_equal(ec_weights_check_finite(w, &err), EC_OK);
    ec_weights_close(w);
}

static void a_state_dict_is_read_whatever_is_beside_its_tensors(void **state) {
    (void)state;
    assert_state("state.pt", true);
    assert_state("protocol-4.pt", true);
}

static void a_checkpoint_is_searched_for_its_model(void **state) {
    (void)state;
    assert_state("checkpoint.pt", true);
    ec_weights *w = must_open("checkpoint.pt");
    assert_string_equal(ec_weights_source(w), "checkpoint.pt: 'state_dict'");
    ec_weights_close(w);
    w = must_open("teacher.pt"); /* not the student's, which are 0 */
    assert_string_equal(ec_weights_source(w), "teacher.pt: 'teacher'");
    assert_int_equal(ec_weights_count(w), 1);
    counts(w, "backbone.f32", EC_F32, "[3, 4]");
    ec_weights_close(w);
}

static void the_format_before_1_6_is_read(void **state) {
    (void)state;
    assert_state("legacy.pt", false);
    assert_state("legacy-protocol-4.pt", false);
    ec_weights *w = must_open("legacy.pt");
    assert_string_equal(ec_weights_source(w), "legacy.pt: 'model'");
    ec_weights_close(w);
    w = must_open("module-legacy.pt");
    counts(w, "visual.weight", EC_F32, "[4]");
    counts(w, "visual.steps", EC_F32, "[3]");
    ec_weights_close(w);
}

/* Names are those of a state dict, not the path through _modules and _parameters. */
static void modules_and_torchscript_are_read(void **state) {
    (void)state;
    ec_weights *w = must_open("module.pt");
    assert_int_equal(ec_weights_count(w), 3);
    counts(w, "0.weight", EC_F32, "[4, 3]");
    counts(w, "0.bias", EC_F32, "[4]");
    counts(w, "1.weight", EC_F32, "[2, 4]");
    ec_weights_close(w);
    w = must_open("script.pt");
    counts(w, "visual.0.weight", EC_F32, "[4, 3]");
    counts(w, "visual.0.bias", EC_F32, "[4]");
    counts(w, "visual.1.weight", EC_F32, "[2, 4]");
    ec_weights_close(w);
}

/* With nothing to choose by, all is there under its whole name. */
static void dictionaries_without_a_customary_name_are_joined(void **state) {
    (void)state;
    ec_weights *w = must_open("two.pt");
    assert_int_equal(ec_weights_count(w), 2);
    counts(w, "first.f32", EC_F32, "[3, 4]");
    counts(w, "second.f32", EC_F32, "[5]");
    ec_weights_close(w);
}

static void quantised_tensors_are_refused_when_asked_for(void **state) {
    (void)state;
    ec_weights *w = must_open("quantised.pt");
    counts(w, "f32", EC_F32, "[3, 4]");
    is_refused(w, "quantised", "is quantised");
    ec_weights_close(w);
}

static void a_file_without_tensors_is_told_by_what_it_has(void **state) {
    (void)state;
    ec_weights *w;
    ec_error err = {.message = ""};
    assert_int_equal(open_fixture(&w, "arguments.pt", &err), EC_ERR_FORMAT);
    assert_null(w);
    assert_non_null(strstr(err.message, "argparse.Namespace"));
}

/* The same tensors are the same weights, however they were saved. */
static void put(ec_text *text, const char *bytes, size_t n) {
    ec_text_add_bytes(text, bytes, n);
}
#define PUT(text, literal) put(text, literal, sizeof(literal) - 1)

/* A file of the older format with this program in it, up to the list of its storages. */
static ec_text begin_older(const ec_text *program) {
    ec_text text = {0};
    PUT(&text, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
               "\x80\x02M\xe9\x03."
               "\x80\x02}.");
    put(&text, program->data, program->size_bytes);
    return text;
}

/* Opens a file of the older format with this program in it: refused for `why`, and soon. */
static void is_refused_soon(const ec_text *program, const char *why) {
    ec_text text = begin_older(program);
    PUT(&text, "\x80\x02].");
    assert_false(text.failed);
    ec_weights *w;
    ec_error err = {.message = ""};
    const clock_t start = clock();
    assert_int_equal(ec_weights_read(&w, text.data, text.size_bytes, "shared.bin", &err),
                     EC_ERR_FORMAT);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2.0);
    if (strstr(err.message, why) == NULL) fail_msg("'%s'; expected '%s'", err.message, why);
    ec_text_release(&text);
}

/* A dictionary that has another under one name a hundred thousand times, which has as many values:
 * in a file of 800 kB each of the first must not be a walk over the second. */
static void dictionaries_that_are_shared_are_not_walked_each_time(void **state) {
    (void)state;
    enum { ITEMS = 100000 };
    ec_text text = {0};
    PUT(&text, "\x80\x02U\x01"
               "aq\0000}q\001(");
    for (int i = 0; i < ITEMS; i++) PUT(&text, "h\000K\001");
    PUT(&text, "u0}(");
    for (int i = 0; i < ITEMS; i++) PUT(&text, "h\000h\001");
    PUT(&text, "u.");
    is_refused_soon(&text, "contain each other");
    ec_text_release(&text);
}

/* Five times a dictionary that has one tensor ten thousand times. */
static void tensors_that_are_shared_are_not_listed_without_end(void **state) {
    (void)state;
    ec_text text = {0};
    PUT(&text, "\x80\x02" /* a tensor without dimensions, and "a" */
               "ctorch._utils\n_rebuild_tensor_v2\n((U\007storagectorch\nFloatStorage\n"
               "U\0010U\003cpuK\001tQK\000))\x89}tRq\0020U\001aq\0000}q\001(");
    for (int i = 0; i < 10000; i++) PUT(&text, "h\000h\002");
    PUT(&text, "u0}(");
    for (int i = 0; i < 5; i++) PUT(&text, "h\000h\001");
    PUT(&text, "u.");
    is_refused_soon(&text, "more tensors than values");
    ec_text_release(&text);
}

/* Eight hundred times the same 100 kB: reading all of it takes as long as a file of 80 MB. */
static void values_that_are_shared_are_not_read_without_end(void **state) {
    (void)state;
    enum { TENSORS = 800, VALUES = 25000 };
    static const float zeros[VALUES];
    ec_text program = {0};
    PUT(&program, "\x80\x02}(");
    for (int i = 0; i < TENSORS; i++) {
        ec_text_format(&program, "U%ct%03d", 4, i);
        PUT(&program, "ctorch._utils\n_rebuild_tensor_v2\n((U\007storagectorch\nFloatStorage\n"
                      "U\0010U\003cpuM\xa8\x61tQK\000M\xa8\x61\x85K\001\x85\x89}tR");
    }
    PUT(&program, "u.");
    ec_text text = begin_older(&program);
    PUT(&text, "\x80\x02](U\0010e.\xa8\x61\0\0\0\0\0\0");
    put(&text, (const char *)zeros, sizeof zeros);
    assert_false(program.failed || text.failed);
    ec_weights *w;
    const ec_tensor *first;
    ec_error err = {.message = ""};
    if (ec_weights_read(&w, text.data, text.size_bytes, "shared.bin", &err) != EC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(ec_weights_count(w), TENSORS);
    assert_int_equal(ec_weights_load(&first, w, index_of(w, "t000"), &err), EC_OK);
    is_refused(w, "t799", "shares its storage with too many others");
    ec_weights_close(w);
    ec_text_release(&program);
    ec_text_release(&text);
}

static void the_hash_is_that_of_the_values_as_they_are_read(void **state) {
    (void)state;
    static const char *const names[] = {"state.pt", "protocol-4.pt", "checkpoint.pt"};
    char first[33], hash[33];
    ec_error err;
    for (size_t i = 0; i < 3; i++) {
        ec_weights *w = must_open(names[i]);
        assert_int_equal(ec_weights_hash(i == 0 ? first : hash, w, NULL, &err), EC_OK);
        if (i > 0) assert_string_equal(hash, first);
        const ec_tensor *t; /* loading changes nothing */
        assert_int_equal(ec_weights_load(&t, w, index_of(w, "f64"), &err), EC_OK);
        assert_int_equal(ec_weights_hash(hash, w, NULL, &err), EC_OK);
        assert_string_equal(hash, first);
        ec_weights_close(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_dict_is_read_whatever_is_beside_its_tensors),
        cmocka_unit_test(a_checkpoint_is_searched_for_its_model),
        cmocka_unit_test(the_format_before_1_6_is_read),
        cmocka_unit_test(modules_and_torchscript_are_read),
        cmocka_unit_test(dictionaries_without_a_customary_name_are_joined),
        cmocka_unit_test(quantised_tensors_are_refused_when_asked_for),
        cmocka_unit_test(a_file_without_tensors_is_told_by_what_it_has),
        cmocka_unit_test(dictionaries_that_are_shared_are_not_walked_each_time),
        cmocka_unit_test(tensors_that_are_shared_are_not_listed_without_end),
        cmocka_unit_test(values_that_are_shared_are_not_read_without_end),
        cmocka_unit_test(the_hash_is_that_of_the_values_as_they_are_read),
    };
    return cmocka_run_group_tests_name("weights of PyTorch", tests, NULL, NULL);
}
