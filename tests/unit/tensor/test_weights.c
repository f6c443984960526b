/* test_weights.c - weight files: what is read, and with which words everything else is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "eyechart/rng.h"
#include "tensor/convert.h"
#include "tensor/pickle.h"
#include "tensor/weights.h"

/* A safetensors file of this header and so many bytes of data 0, 1, 2, … */
static ec_text safetensors(const char *header, size_t data_bytes) {
    ec_text text = {0};
    unsigned char length[8] = {0};
    const size_t n = strlen(header);
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)(n >> (8 * i) & 0xff);
    ec_text_add_bytes(&text, length, 8);
    ec_text_add(&text, header);
    for (size_t i = 0; i < data_bytes; i++)
        ec_text_add_bytes(&text, &(unsigned char){(unsigned char)i}, 1);
    return text;
}

static void assert_refused(const void *bytes, size_t size, const char *name, const char *why) {
    ec_weights *w;
    ec_error err = {.message = "(none)"};
    const ec_status status = ec_weights_read(&w, bytes, size, name, &err);
    assert_null(w);
    if (status != EC_ERR_FORMAT || strstr(err.message, why) == NULL ||
        strstr(err.message, name) == NULL)
        fail_msg("status %d, '%s'; expected '%s' about %s", status, err.message, why, name);
}

static void refuse_header(const char *header, size_t data_bytes, const char *why) {
    ec_text file = safetensors(header, data_bytes);
    assert_refused(file.data, file.size_bytes, "m.safetensors", why);
    ec_text_release(&file);
}

static void safetensors_gives_tensors_by_name(void **state) {
    (void)state;
    ec_text file =
        safetensors("{\"__metadata__\":{\"format\":\"pt\"},"
                    "\"b\":{\"dtype\":\"F16\",\"shape\":[2,1],\"data_offsets\":[8,12]},"
                    "\"a\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                    "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[12,12]}}  ",
                    12);
    ec_weights *w;
    ec_error err;
    assert_int_equal(ec_weights_read(&w, file.data, file.size_bytes, "m.safetensors", &err), EC_OK);
    assert_int_equal(ec_weights_count(w), 3);
    assert_string_equal(ec_weights_name(w, 0), "a"); /* sorted */
    const ec_tensor *b = ec_weights_find(w, "b");
    assert_true(b->dtype == EC_F16 && b->n_dims == 2 && b->shape[0] == 2 && b->shape[1] == 1);
    assert_int_equal(((const unsigned char *)b->data)[0], 8); /* a view, not a copy */
    assert_int_equal(ec_tensor_count(ec_weights_find(w, "a")), 1);
    assert_int_equal(ec_tensor_count(ec_weights_find(w, "empty")), 0);
    assert_null(ec_weights_find(w, "c"));
    ec_weights_close(w);
    ec_text_release(&file);
}

static void broken_safetensors_are_refused_by_name(void **state) {
    (void)state;
    assert_refused("", 0, "m.safetensors", "is empty");
    assert_refused("\1\2\3", 3, "m.safetensors", "too few");
    assert_refused("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "m.safetensors",
                   "the header is said to have");
    refuse_header("[]", 0, "not a JSON object");
    refuse_header("{\"a\":1", 0, "not a JSON object");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                  "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                  4, "duplicate");
    refuse_header("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "tensor 'a': dtype");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
                  "dimension 0");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
                  "begin <= end");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4,
                  "begin <= end");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
                  "truncated");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
                  "F32 [2] needs 8 bytes");
    /* a size that wraps to 4 */
    refuse_header(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4,
        "64 bits");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                  "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
                  6, "overlap");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                  "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
                  12, "hole");
    refuse_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5,
                  "ends at byte 4");
}

/* Inputs that broke readers elsewhere: very many tensors, very deep JSON. */
static void large_headers_are_read_or_refused_quickly(void **state) {
    (void)state;
    ec_text header = {0};
    ec_text_add(&header, "{");
    for (int i = 0; i < 600; i++)
        ec_text_format(&header,
                       "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                       i > 0 ? "," : "", i, i, i + 1);
    ec_text_add(&header, "}");
    ec_text file = safetensors(header.data, 600);
    ec_weights *w;
    ec_error err;
    assert_int_equal(ec_weights_read(&w, file.data, file.size_bytes, "m.safetensors", &err), EC_OK);
    assert_int_equal(ec_weights_count(w), 600);
    ec_weights_close(w);
    ec_text_release(&file);
    ec_text_release(&header);

    char *deep = malloc(2000001);
    memset(deep, '[', 2000000);
    deep[2000000] = '\0';
    refuse_header(deep, 0, "not a JSON object");
    free(deep);
}

/* ---- PyTorch ---- */

static void assert_pickle_refused(const char *program, size_t size, const char *why) {
    ec_pickled pickled;
    ec_error err = {.message = "(none)"};
    const ec_status status =
        ec_pickle_read(&pickled, (const unsigned char *)program, size, "m.bin", &err);
    if (status != EC_ERR_FORMAT || strstr(err.message, why) == NULL)
        fail_msg("status %d, '%s'; expected '%s'", status, err.message, why);
    ec_pickled_release(&pickled);
}

#define REFUSE(program, why) assert_pickle_refused(program, sizeof program - 1, why)

static void a_pickle_can_do_nothing_but_name_tensors(void **state) {
    (void)state;
    REFUSE("\x80\x02"
           "cos\nsystem\n(X\x02\0\0\0lstR.",
           "os.system");
    REFUSE("\x80\x02"
           "c__builtin__\neval\n.",
           "__builtin__.eval");
    REFUSE("\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system");
    REFUSE("\x80\x02\xff", "instruction that files of tensors do not have");
    REFUSE("\x80\x02(ios\nsystem\n.", "os.system");
    REFUSE("", "ends in the middle");
    REFUSE("\x80\x02}", "ends in the middle");
    REFUSE("\x80\x02.", "empty stack");
    REFUSE("\x80\x02N.", "one dictionary");
    REFUSE("\x80\x02}}.", "one dictionary");
    REFUSE("\x80\x02h\x05.", "never remembered");
    REFUSE("\x80\x02}u.", "no mark");
    REFUSE("\x80\x02}(X\x01\0\0\0au.", "items without");
    REFUSE("\x80\x02}X\x01\0\0\0aK\x01s.", "no tensors in it");
    REFUSE("\x80\x02X\xff\xff\xff\x7f"
           "a.",
           "ends in the middle");
    REFUSE("\x80\x02}r\xff\xff\xff\xff.", "not there, or too many");
    REFUSE("\x80\x02)Q.", "one dictionary");
    /* a number of the memo that no program of this length counts to: it would be allocated */
    REFUSE("\x80\x02}r\x20\0\0\0.", "not there, or too many");
}

/* A program that makes a tensor in storage `key`, remembers it as 1, and names it `name` n times.
 */
static ec_text recalling_pickle(const char *key, const char *name, int n) {
    ec_text p = {0};
    const unsigned char key_size = (unsigned char)strlen(key),
                        name_size = (unsigned char)strlen(name);
    ec_text_add(&p,
                "\x80\x02"
                "ctorch._utils\n_rebuild_tensor_v2\n((\x8c\x07storagectorch\nFloatStorage\n\x8c");
    ec_text_add_bytes(&p, &key_size, 1);
    ec_text_add(&p, key);
    ec_text_add_bytes(&p,
                      "\x8c\x03"
                      "cpuK\x01tQK\0K\x01\x85K\x01\x85tRq\x01"
                      "0\x8c",
                      23);
    ec_text_add_bytes(&p, &name_size, 1);
    ec_text_add(&p, name);
    ec_text_add(&p, "q\x02"
                    "0}(");
    for (int i = 0; i < n; i++) ec_text_add(&p, "h\x02h\x01");
    ec_text_add(&p, "u.");
    return p;
}

/* Four bytes recall a long name: copied for each tensor, a small file would fill the memory. */
static void recalled_names_are_not_multiplied(void **state) {
    (void)state;
    char name[251];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ec_pickled pickled;
    ec_error err = {.message = ""};
    ec_text p = recalling_pickle("0", name, 1);
    if (ec_pickle_read(&pickled, (unsigned char *)p.data, p.size_bytes, "m.bin", &err) != EC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(pickled.n_tensors, 1);
    assert_string_equal(pickled.tensor[0].name, name);
    assert_string_equal(pickled.tensor[0].storage, "0");
    ec_pickled_release(&pickled);
    ec_text_release(&p);

    p = recalling_pickle("0", name, 1000);
    assert_pickle_refused(p.data, p.size_bytes, "names of the tensors are longer");
    ec_text_release(&p);
    p = recalling_pickle(name, "a", 1);
    assert_int_equal(ec_pickle_read(&pickled, (unsigned char *)p.data, p.size_bytes, "m.bin", &err),
                     EC_OK);
    assert_non_null(strstr(pickled.tensor[0].unread, "storage whose name is broken"));
    ec_pickled_release(&pickled);
    ec_text_release(&p);
}

/* Every prefix and many corruptions of a real file are refused or read, never more. */
static void corrupted_files_do_no_harm(void **state) {
    (void)state;
    static const char *const names[] = {"dinov2-bin/pytorch_model.bin",
                                        "siglip-bf16-sharded/model-00001-of-00004.safetensors"};
    ec_rng rng;
    ec_rng_init(&rng, 1, 2);
    for (int f = 0; f < 2; f++) {
        char path[512];
        ec_text file;
        ec_error err;
        snprintf(path, sizeof path, "%s/tests/parity/%s", EC_SOURCE_DIR, names[f]);
        assert_int_equal(ec_file_read(&file, path, 1 << 24, &err), EC_OK);
        for (int i = 0; i < 400; i++) {
            const size_t size = i % 2 == 0 ? file.size_bytes : ec_rng_below(&rng, file.size_bytes);
            char *copy = malloc(size + 1);
            memcpy(copy, file.data, size);
            /* Mostly in the header or the zip's directory, where it matters. */
            for (int k = 0; k < 3 && size > 4000; k++)
                copy[f == 0 && k % 2 == 0 ? size - 1 - ec_rng_below(&rng, 4000)
                                          : ec_rng_below(&rng, 4000)] = (char)ec_rng_u64(&rng);
            ec_weights *w;
            if (ec_weights_read(&w, copy, size, path, &err) == EC_OK) {
                char hash[33];
                assert_int_equal(ec_weights_hash(hash, w, NULL, &err), EC_OK); /* touches every byte */
            }
            ec_weights_close(w);
            free(copy);
        }
        ec_text_release(&file);
    }
}

static void the_hash_sees_every_byte(void **state) {
    (void)state;
    char path[512], hash[2][33];
    ec_weights *w;
    ec_error err;
    snprintf(path, sizeof path, "%s/tests/parity/dinov2-bin", EC_SOURCE_DIR);
    assert_int_equal(ec_weights_open(&w, path, &err), EC_OK);
    assert_int_equal(ec_weights_hash(hash[0], w, NULL, &err), EC_OK);
    ec_weights_close(w);
    snprintf(path, sizeof path, "%s/tests/parity/dinov2-bin/pytorch_model.bin", EC_SOURCE_DIR);
    ec_text file;
    assert_int_equal(ec_file_read(&file, path, 1 << 24, &err), EC_OK);
    assert_int_equal(ec_weights_read(&w, file.data, file.size_bytes, path, &err), EC_OK);
    assert_int_equal(ec_weights_hash(hash[1], w, NULL, &err), EC_OK);
    assert_string_equal(hash[0], hash[1]);
    const ec_tensor *t = ec_weights_find(w, "encoder.layer.2.mlp.fc2.bias");
    ((unsigned char *)t->data)[5] ^= 1;
    assert_int_equal(ec_weights_hash(hash[1], w, NULL, &err), EC_OK);
    assert_string_not_equal(hash[0], hash[1]);
    ec_weights_close(w);
    ec_text_release(&file);
}

static void missing_files_are_told(void **state) {
    (void)state;
    ec_weights *w;
    ec_error err;
    assert_int_equal(ec_weights_open(&w, "/nonexistent", &err), EC_ERR_NOT_FOUND);
    char folder[] = "/tmp/eyechart-weights-XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(ec_weights_open(&w, folder, &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "expected model.safetensors"));
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    static const char index[] = "{\"weight_map\":{\"a\":\"model-1.safetensors\"}}";
    assert_int_equal(ec_file_write(path, index, sizeof index - 1, &err), EC_OK);
    assert_int_equal(ec_weights_open(&w, folder, &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "model-1.safetensors: cannot open"));
    static const char escape[] = "{\"weight_map\":{\"a\":\"../../etc/passwd\"}}";
    assert_int_equal(ec_file_write(path, escape, sizeof escape - 1, &err), EC_OK);
    assert_int_equal(ec_weights_open(&w, folder, &err), EC_ERR_FORMAT);
    unlink(path);
    /* A pipe in the place of a file would never end. */
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ec_weights_open(&w, folder, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "not a regular file"));
    unlink(path);
    rmdir(folder);
}

static void put(const char *folder, const char *name, const void *bytes, size_t size) {
    char path[128];
    ec_error err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(ec_file_write(path, bytes, size, &err), EC_OK);
}

/* An index with a mistake matters to those who ask for a tensor that no file has. */
static void an_index_that_points_to_the_wrong_shard_is_read(void **state) {
    (void)state;
    static const char *const shards[] = {"1.safetensors", "x1.safetensors"};
    static const char right[] = "{\"weight_map\":{\"b\":\"x1.safetensors\",\"a\":\"1.safetensors\","
                                "\"c\":\"x1.safetensors\"}}";
    static const char wrong[] = "{\"weight_map\":{\"b\":\"1.safetensors\","
                                "\"a\":\"1.safetensors\",\"c\":\"x1.safetensors\"}}";
    static const char nothing[] = "{\"weight_map\":{\"a\":\"1.safetensors\"}}";
    static const char *const headers[] = {
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
        "{\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
        "\"c\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[1,2]}}"};
    char folder[] = "/tmp/eyechart-index-XXXXXX", path[128];
    ec_weights *w;
    ec_error err = {.message = ""};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 2; i++) {
        ec_text file = safetensors(headers[i], i + 1);
        put(folder, shards[i], file.data, file.size_bytes);
        ec_text_release(&file);
    }
    put(folder, "model.safetensors.index.json", right, sizeof right - 1);
    if (ec_weights_open(&w, folder, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(ec_weights_count(w), 3);
    ec_weights_close(w);
    put(folder, "model.safetensors.index.json", wrong, sizeof wrong - 1);
    if (ec_weights_open(&w, folder, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(ec_weights_count(w), 3);
    assert_non_null(ec_weights_find(w, "b")->data);
    ec_weights_close(w);
    /* a shard without any tensor */
    put(folder, shards[0], "\2\0\0\0\0\0\0\0{}", 10);
    put(folder, "model.safetensors.index.json", nothing, sizeof nothing - 1);
    if (ec_weights_open(&w, folder, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(ec_weights_count(w), 1);
    const ec_tensor *a;
    assert_int_equal(ec_weights_load(&a, w, 0, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "tensor 'a' should be in 1.safetensors"));
    ec_weights_close(w);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder,
                 i < 2 ? shards[i] : "model.safetensors.index.json");
        unlink(path);
    }
    rmdir(folder);
}

static void nan_weights_are_found_on_request(void **state) {
    (void)state;
    ec_text file =
        safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", 12);
    const float nan = NAN;
    memcpy(file.data + file.size_bytes - 4, &nan, 4);
    ec_weights *w;
    ec_error err;
    assert_int_equal(ec_weights_read(&w, file.data, file.size_bytes, "m.safetensors", &err), EC_OK);
    assert_int_equal(ec_weights_check_finite(w, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "tensor 'a': element 2 is not a number"));
    ec_weights_close(w);
    ec_text_release(&file);
}

/* ---- numbers and writers ---- */

static void half_precision_is_exact_and_rounds_to_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float value = ec_f16_to_f32((uint16_t)h);
        if (isnan(value)) continue;
        assert_int_equal(ec_f32_to_f16(value), h);
        /* half way to the next larger magnitude goes to the even one */
        const float next = ec_f16_to_f32((uint16_t)(h + 1));
        if ((h & 0x7fff) < 0x7bff) {
            assert_int_equal(ec_f32_to_f16((value + next) / 2), (h + 1) & ~1u);
            assert_int_equal(ec_f32_to_f16(nextafterf((value + next) / 2, value)), h);
        }
    }
    assert_true(ec_f16_to_f32(0x3c00) == 1.0f && ec_f16_to_f32(0xc000) == -2.0f &&
                ec_f16_to_f32(1) == 0x1p-24f);
    assert_int_equal(ec_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(ec_f32_to_f16(65519.0f), 0x7bff);
    assert_true(isnan(ec_f16_to_f32(ec_f32_to_f16(NAN))));
}

static void written_arrays_are_read_back(void **state) {
    (void)state;
    char path[] = "/tmp/eyechart-array-XXXXXX.safetensors";
    const int fd = mkstemps(path, 12);
    close(fd);
    ec_array_writer *writer;
    ec_error err;
    const float rows[3][2] = {{1, 2}, {3, 4}, {5, -0.5f}};
    const size_t two = 2;
    assert_int_equal(
        ec_array_writer_open(&writer, path, EC_ARRAY_SAFETENSORS, "x", EC_F16, &two, 1, 0, &err),
        EC_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(ec_array_writer_add(writer, rows[i], &err), EC_OK);
    ec_array_writer_close(writer); /* as if killed: the header says 0 rows, so nobody takes it for whole */
    ec_weights *w;
    assert_int_equal(ec_weights_open(&w, path, &err), EC_ERR_FORMAT);
    /* taken up with one row kept */
    assert_int_equal(
        ec_array_writer_open(&writer, path, EC_ARRAY_SAFETENSORS, "x", EC_F16, &two, 1, 1, &err),
        EC_OK);
    for (int i = 1; i < 3; i++) assert_int_equal(ec_array_writer_add(writer, rows[i], &err), EC_OK);
    assert_int_equal(ec_array_writer_finish(writer, &err), EC_OK);
    ec_array_writer_close(writer);
    assert_int_equal(ec_weights_open(&w, path, &err), EC_OK);
    const ec_tensor *x = ec_weights_find(w, "x");
    assert_true(x->n_dims == 2 && x->shape[0] == 3 && x->shape[1] == 2 && x->dtype == EC_F16);
    float back[6];
    ec_tensor_to_f32(back, x, 0, 6);
    assert_memory_equal(back, rows, sizeof back);
    ec_weights_close(w);
    /* more rows than there are, or another shape */
    assert_int_equal(
        ec_array_writer_open(&writer, path, EC_ARRAY_SAFETENSORS, "x", EC_F16, &two, 1, 4, &err),
        EC_ERR_FORMAT);
    assert_int_equal(
        ec_array_writer_open(&writer, path, EC_ARRAY_NPY, "x", EC_F16, &two, 1, 3, &err),
        EC_ERR_FORMAT);
    unlink(path);
}

/* numpy takes "(2)" for a number: the shape of one dimension is "(2,)". */
static void an_array_of_scalars_has_a_shape_of_one(void **state) {
    (void)state;
    char path[] = "/tmp/eyechart-array-XXXXXX.npy";
    close(mkstemps(path, 4));
    ec_array_writer *writer;
    ec_text file;
    ec_error err;
    assert_int_equal(
        ec_array_writer_open(&writer, path, EC_ARRAY_NPY, "x", EC_F32, NULL, 0, 0, &err), EC_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ec_array_writer_add(writer, &(float){1}, &err), EC_OK);
    assert_int_equal(ec_array_writer_finish(writer, &err), EC_OK);
    ec_array_writer_close(writer);
    assert_int_equal(ec_file_read(&file, path, 1000, &err), EC_OK);
    assert_int_equal(file.size_bytes, 256 + 8);
    assert_non_null(strstr(file.data + 10, "'shape': (2,), }"));
    ec_text_release(&file);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_gives_tensors_by_name),
        cmocka_unit_test(broken_safetensors_are_refused_by_name),
        cmocka_unit_test(large_headers_are_read_or_refused_quickly),
        cmocka_unit_test(a_pickle_can_do_nothing_but_name_tensors),
        cmocka_unit_test(recalled_names_are_not_multiplied),
        cmocka_unit_test(corrupted_files_do_no_harm),
        cmocka_unit_test(the_hash_sees_every_byte),
        cmocka_unit_test(missing_files_are_told),
        cmocka_unit_test(an_index_that_points_to_the_wrong_shard_is_read),
        cmocka_unit_test(nan_weights_are_found_on_request),
        cmocka_unit_test(half_precision_is_exact_and_rounds_to_even),
        cmocka_unit_test(written_arrays_are_read_back),
        cmocka_unit_test(an_array_of_scalars_has_a_shape_of_one),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
