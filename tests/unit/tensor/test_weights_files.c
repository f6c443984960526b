/* test_weights_files.c - which files a model's weights are found in, and what stands in their place
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/content.h"
#include "base/file.h"
#include "base/text.h"
#include "folder.h"
#include "tensor/weights.h"

/* A safetensors file with tensors of two floats each: `names` separated by blanks. */
static void put_weights(const char *path, const char *names) {
    ec_text header = {0}, file = {0};
    size_t n = 0;
    char copy[256], *rest = copy;
    snprintf(copy, sizeof copy, "%s", names);
    ec_text_add(&header, "{");
    for (char *name; (name = strtok_r(rest, " ", &rest)) != NULL; n++)
        ec_text_format(&header,
                       "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}",
                       n > 0 ? "," : "", name, 8 * n, 8 * n + 8);
    ec_text_add(&header, "}");
    for (int i = 0; i < 8; i++)
        ec_text_add_bytes(&file, &(char){(char)(header.size_bytes >> (8 * i) & 0xff)}, 1);
    ec_text_add_bytes(&file, header.data, header.size_bytes);
    for (size_t i = 0; i < 8 * n; i++) ec_text_add_bytes(&file, "", 1);
    folder_write_bytes(path, file.data, file.size_bytes);
    ec_text_release(&header);
    ec_text_release(&file);
}

static ec_weights *must_open(const char *path) {
    ec_weights *w;
    ec_error err = {.message = ""};
    if (ec_weights_open(&w, path, &err) != EC_OK) fail_msg("%s", err.message);
    return w;
}

static void has(const char *path, size_t n, const char *tensor, const char *source) {
    ec_weights *w = must_open(path);
    assert_int_equal(ec_weights_count(w), n);
    assert_non_null(ec_weights_find(w, tensor));
    assert_string_equal(ec_weights_source(w), source);
    ec_weights_close(w);
}

static void is_refused(const char *path, ec_status status, const char *what, const char *how) {
    ec_weights *w;
    ec_error err = {.message = "(none)"};
    const ec_status got = ec_weights_open(&w, path, &err);
    assert_null(w);
    if (got != status || strstr(err.message, what) == NULL || strstr(err.message, how) == NULL)
        fail_msg("status %d: '%s'; expected %d, '%s' and '%s'", got, err.message, status, what,
                 how);
}

#define POINTER "version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 1710540580\n"

static void what_stands_in_place_of_weights_is_named(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
        ec_status status;
        const char *what, *how;
    } cases[] = {
#define CASE(bytes, status, what, how) {bytes, sizeof(bytes) - 1, status, what, how}
        CASE(POINTER, EC_ERR_NOT_FOUND, "Git LFS pointer, not the 1710540580 bytes",
             "git lfs pull"),
        CASE("", EC_ERR_FORMAT, "is empty", "download it again"),
        CASE("\n <!DOCTYPE html>\n<html><head><title>Sign in &middot; GitHub</title>",
             EC_ERR_FORMAT, "an HTML page ('Sign in &middot; GitHub')", "login"),
        CASE("<HTML><body>no title</body>", EC_ERR_FORMAT, "an HTML page", "download it again"),
        CASE("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", EC_ERR_FORMAT,
             "an XML page", "AccessDenied"),
        CASE("Access to model x is restricted.", EC_ERR_FORMAT, "text ('Access to model x",
             "again"),
        CASE("{\"error\":\"Repository not found\"}", EC_ERR_FORMAT, "JSON text",
             "Repository not found"),
        CASE("\x1f\x8b\x08\0\0\0\0\0\0\x03", EC_ERR_FORMAT, "gzip", "gzip -d"),
        CASE("\x89HDF\r\n\x1a\n\0\0\0", EC_ERR_FORMAT, "HDF5", "safetensors"),
        CASE("GGUF\3\0\0\0", EC_ERR_FORMAT, "GGUF", "original weights"),
        CASE("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", EC_ERR_FORMAT, "zeros", "did not finish"),
        CASE("\x80\x02}q\0.", EC_ERR_FORMAT, "a pickle of Python", "as safetensors"),
        CASE("\x93NUMPY\1\0", EC_ERR_FORMAT, "NumPy", ".npy"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        folder_write_bytes(folder_join(*state, "pytorch_model.bin"), cases[i].bytes, cases[i].n);
        is_refused(*state, cases[i].status, cases[i].what, cases[i].how);
        is_refused(*state, cases[i].status, "pytorch_model.bin: is", "");
    }
}

/* Endings lie, first bytes do not. */
static void formats_may_be_swapped(void **state) {
    size_t size;
    char *torch = folder_read(EC_SOURCE_DIR "/tests/weights/state.pt", &size);
    put_weights(folder_join(*state, "pytorch_model.bin"), "a");
    has(*state, 1, "a", "pytorch_model.bin");
    folder_write_bytes(folder_join(*state, "model.safetensors"), torch, size);
    ec_weights *w = must_open(*state);
    assert_string_equal(ec_weights_source(w), "model.safetensors");
    assert_non_null(ec_weights_find(w, "f32"));
    ec_weights_close(w);
    /* cut off, it is still known for what it was meant to be */
    folder_write_bytes(folder_join(*state, "model.safetensors"), torch, size / 2);
    is_refused(*state, EC_ERR_FORMAT, "model.safetensors", "truncated");
    free(torch);
    folder_write_bytes(folder_join(*state, "model.safetensors"), "\xff\x10\0\0\0\0\0\0{\"a\"", 12);
    is_refused(*state, EC_ERR_FORMAT, "model.safetensors", "truncated");
}

/* 'git lfs pull --include' fetches one of two formats. */
static void what_was_not_downloaded_gives_way_to_what_was(void **state) {
    folder_write(folder_join(*state, "model.safetensors"), POINTER);
    put_weights(folder_join(*state, "pytorch_model.bin"), "a");
    has(*state, 1, "a", "pytorch_model.bin");
    assert_int_equal(unlink(folder_join(*state, "model.safetensors")), 0);
    assert_int_equal(symlink("../../blobs/0123", folder_join(*state, "model.safetensors")), 0);
    has(*state, 1, "a", "pytorch_model.bin");
    assert_int_equal(unlink(folder_join(*state, "pytorch_model.bin")), 0);
    is_refused(*state, EC_ERR_NOT_FOUND, "model.safetensors: a link to ../../blobs/0123",
               "Hugging Face");
    /* a damaged file is no reason to take another: somebody may have changed one of them */
    assert_int_equal(unlink(folder_join(*state, "model.safetensors")), 0);
    put_weights(folder_join(*state, "pytorch_model.bin"), "a");
    folder_write(folder_join(*state, "model.safetensors"), "<html>");
    is_refused(*state, EC_ERR_FORMAT, "model.safetensors", "HTML");
}

static void load_is_refused(const char *path, const char *tensor, const char *what,
                            const char *how) {
    ec_weights *w = must_open(path);
    const ec_tensor *t;
    ec_error err = {.message = "(none)"};
    for (size_t i = 0; i < ec_weights_count(w); i++)
        if (strcmp(ec_weights_name(w, i), tensor) == 0)
            assert_int_equal(ec_weights_load(&t, w, i, &err), EC_ERR_FORMAT);
    if (strstr(err.message, what) == NULL || strstr(err.message, how) == NULL)
        fail_msg("'%s'; expected '%s' and '%s'", err.message, what, how);
    ec_weights_close(w);
}

static void a_missing_shard_matters_to_those_who_need_it(void **state) {
    const char *index = folder_join(*state, "model.safetensors.index.json");
    folder_write(index,
                 "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\","
                 "\"c\":\"model-3.safetensors\",\"d\":\"model-1.safetensors\"}}");
    put_weights(folder_join(*state, "model-1.safetensors"), "a");
    folder_write(folder_join(*state, "model-3.safetensors"), POINTER);
    has(*state, 4, "a", "model-1.safetensors");
    load_is_refused(*state, "b", "tensor 'b' should be in model-2.safetensors", "cannot open");
    load_is_refused(*state, "c", "tensor 'c' should be in model-3.safetensors", "Git LFS pointer");
    load_is_refused(*state, "d", "tensor 'd' should be in model-1.safetensors and is not",
                    "download that file again");
    ec_weights *w = must_open(*state);
    assert_non_null(strstr(ec_weights_gaps(w), "model-2.safetensors"));
    assert_non_null(strstr(ec_weights_gaps(w), "model-3.safetensors: is a Git LFS pointer"));
    ec_weights_close(w);
    assert_int_equal(unlink(folder_join(*state, "model-1.safetensors")), 0);
    is_refused(*state, EC_ERR_NOT_FOUND, "model.safetensors.index.json: of the files that it names",
               "model-1.safetensors");
}

static void shards_without_an_index_are_one_model(void **state) {
    put_weights(folder_join(*state, "model-00001-of-00003.safetensors"), "a b");
    put_weights(folder_join(*state, "model-00003-of-00003.safetensors"), "c");
    ec_weights *w = must_open(*state);
    assert_int_equal(ec_weights_count(w), 3);
    assert_string_equal(ec_weights_source(w), "model-00001-of-00003.safetensors and 1 more");
    assert_non_null(strstr(ec_weights_gaps(w), "model-00002-of-00003.safetensors"));
    ec_weights_close(w);
    put_weights(folder_join(*state, "model-00002-of-00003.safetensors"), "d");
    w = must_open(*state);
    assert_int_equal(ec_weights_count(w), 4);
    assert_null(ec_weights_gaps(w));
    ec_weights_close(w);
}

static void a_name_of_shards_may_have_their_sign_in_it(void **state) {
    put_weights(folder_join(*state, "best-of-all-00001-of-00002.safetensors"), "a");
    put_weights(folder_join(*state, "best-of-all-00002-of-00002.safetensors"), "b");
    ec_weights *w = must_open(*state);
    assert_int_equal(ec_weights_count(w), 2);
    assert_null(ec_weights_gaps(w));
    ec_weights_close(w);
}

/* Tied weights are saved with each shard that has them. */
static void a_tensor_in_two_shards_is_refused_when_asked_for(void **state) {
    put_weights(folder_join(*state, "model-00001-of-00002.safetensors"), "a b");
    put_weights(folder_join(*state, "model-00002-of-00002.safetensors"), "b c");
    ec_weights *w = must_open(*state);
    assert_int_equal(ec_weights_count(w), 3);
    ec_weights_close(w);
    load_is_refused(*state, "b", "tensor 'b' is in both", "model-00002-of-00002.safetensors");
}

static void the_only_file_of_weights_is_the_model(void **state) {
    folder_write(folder_join(*state, "training_args.bin"), "x");
    folder_write(folder_join(*state, "optimizer.pt"), "x");
    is_refused(*state, EC_ERR_NOT_FOUND, "no weights there", "expected model.safetensors");
    put_weights(folder_join(*state, "vit_large.pth"), "a");
    has(*state, 1, "a", "vit_large.pth");
    put_weights(folder_join(*state, "other.pth"), "b");
    is_refused(*state, EC_ERR_FORMAT, "several files of weights (other.pth, vit_large.pth)",
               "rename");
    put_weights(folder_join(*state, "whole.safetensors"), "c");
    has(*state, 1, "c", "whole.safetensors");
    folder_write(folder_join(*state, "model.safetensors"), "<html>");
    is_refused(*state, EC_ERR_FORMAT, "model.safetensors", "HTML"); /* it is the usual one */
}

static void weights_for_other_frameworks_are_named(void **state) {
    folder_write(folder_join(*state, "tf_model.h5"), "\x89HDF");
    is_refused(*state, EC_ERR_NOT_FOUND, "tf_model.h5", "take the weights for PyTorch");
    folder_write(folder_join(*state, "zero_to_fp32.py"), "");
    is_refused(*state, EC_ERR_NOT_FOUND, "zero_to_fp32.py", "DeepSpeed");
}

/* models--openai--clip/{refs/main, snapshots/COMMIT/ with links, blobs/} */
static void a_folder_of_the_hub_cache_is_its_snapshot(void **state) {
    const char *names[] = {"refs", "blobs", "snapshots", "snapshots/aaa", "snapshots/bbb"};
    for (size_t i = 0; i < 5; i++) assert_int_equal(mkdir(folder_join(*state, names[i]), 0700), 0);
    put_weights(folder_join(*state, "blobs/0123"), "a");
    assert_int_equal(
        symlink("../../blobs/0123", folder_join(*state, "snapshots/bbb/model.safetensors")), 0);
    has(folder_join(*state, "snapshots/bbb"), 1, "a", "model.safetensors");
    is_refused(*state, EC_ERR_FORMAT, "several snapshots (aaa, bbb)", "give the path of one");
    folder_write(folder_join(*state, "refs/main"), "bbb\n");
    has(*state, 1, "a", "model.safetensors");
    assert_int_equal(unlink(folder_join(*state, "refs/main")), 0);
    assert_int_equal(rmdir(folder_join(*state, "snapshots/aaa")), 0);
    has(*state, 1, "a", "model.safetensors");
    assert_int_equal(unlink(folder_join(*state, "blobs/0123")), 0);
    is_refused(*state, EC_ERR_NOT_FOUND, "a link to ../../blobs/0123, which is not there",
               "did not finish");
}

/* F8 beside a scale is a number only together with it. */
static void scaled_tensors_are_refused(void **state) {
    static const char header[] = "{\"x.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],"
                                 "\"data_offsets\":[0,2]},\"x.weight_scale\":{\"dtype\":\"F32\","
                                 "\"shape\":[1],\"data_offsets\":[2,6]}}";
    ec_text file = {0};
    for (size_t i = 0; i < 8; i++)
        ec_text_add_bytes(&file, &(char){(char)((sizeof header - 1) >> (8 * i))}, 1);
    ec_text_add(&file, header);
    ec_text_add_bytes(&file, "\x38\x40\0\0\0\0", 6);
    folder_write_bytes(folder_join(*state, "model.safetensors"), file.data, file.size_bytes);
    ec_text_release(&file);
    load_is_refused(*state, "x.weight", "is quantised: F8_E4M3", "'_scale'");
}

static void a_value_beyond_f32_is_refused(void **state) {
    static const char header[] =
        "{\"x\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}";
    ec_text file = {0};
    const double values[2] = {1, 1e300};
    for (size_t i = 0; i < 8; i++)
        ec_text_add_bytes(&file, &(char){(char)((sizeof header - 1) >> (8 * i))}, 1);
    ec_text_add(&file, header);
    ec_text_add_bytes(&file, values, sizeof values);
    folder_write_bytes(folder_join(*state, "model.safetensors"), file.data, file.size_bytes);
    ec_text_release(&file);
    load_is_refused(*state, "x", "element 1 is 1e+300", "beyond F32");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_set_up, folder_tear_down)

/* Of several models in a folder, or of several forms of one, the names that are asked for say which. */
static void base_names_are_looked_for_before_the_usual_ones(void **state) {
    static const char *const names[] = {"unet", "unet.fp16", NULL};
    static const struct {
        const char *added, *tensors, *found;
    } cases[] = {
        {"model.safetensors", "usual", "usual"},
        {"unet.fp16-00001-of-00002.safetensors", "half1", "half1"},
        {"unet.fp16-00002-of-00002.safetensors", "half2", "half2"},
        {"unet.fp16.bin", "half", "half"},
        {"unet.safetensors", "whole", "whole"},
        {"unet.other.safetensors", "other", "whole"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_weights *w;
        ec_error err = {.message = ""};
        put_weights(folder_join(*state, cases[i].added), cases[i].tensors);
        if (ec_weights_open_named(&w, *state, names, &err) != EC_OK) fail_msg("%s", err.message);
        if (ec_weights_find(w, cases[i].found) == NULL) fail_msg("%s", ec_weights_source(w));
        ec_weights_close(w);
    }
    /* One that was not downloaded gives way to the next. */
    ec_weights *w;
    ec_error err = {.message = ""};
    folder_write(folder_join(*state, "unet.safetensors"), POINTER);
    if (ec_weights_open_named(&w, *state, names, &err) != EC_OK) fail_msg("%s", err.message);
    assert_non_null(ec_weights_find(w, "half"));
    ec_weights_close(w);
    has(*state, 1, "usual", "model.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_stands_in_place_of_weights_is_named),
        IN_FOLDER(formats_may_be_swapped),
        IN_FOLDER(what_was_not_downloaded_gives_way_to_what_was),
        IN_FOLDER(a_missing_shard_matters_to_those_who_need_it),
        IN_FOLDER(shards_without_an_index_are_one_model),
        IN_FOLDER(a_name_of_shards_may_have_their_sign_in_it),
        IN_FOLDER(a_tensor_in_two_shards_is_refused_when_asked_for),
        IN_FOLDER(the_only_file_of_weights_is_the_model),
        IN_FOLDER(base_names_are_looked_for_before_the_usual_ones),
        IN_FOLDER(weights_for_other_frameworks_are_named),
        IN_FOLDER(a_folder_of_the_hub_cache_is_its_snapshot),
        IN_FOLDER(scaled_tensors_are_refused),
        IN_FOLDER(a_value_beyond_f32_is_refused),
    };
    return cmocka_run_group_tests_name("files of weights", tests, NULL, NULL);
}
