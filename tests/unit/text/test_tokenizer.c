/* Tokenizers of every kind against the real libraries: tests/tokenizers has small ones and what sentencepiece and
 * tokenizers make of awkward texts with them (tools/make_tokenizer_golden.py). Llama 2's own, which lies beside the
 * repository, against the ids of transformers 4.38; without it that test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "eyechart/tokenizer.h"
#include "folder.h"

#define TOKENIZERS EC_SOURCE_DIR "/tests/tokenizers"
#define LLAMA_2 EC_SOURCE_DIR "/../shared/data/tokenizers/llama2-tokenizer.model"

static ec_tokenizer *open_tokenizer(const char *path, ec_tokenizer_reading reading) {
    ec_tokenizer *t;
    ec_error err;
    if (ec_tokenizer_open(&t, path, reading, &err) != EC_OK) fail_msg("%s", err.message);
    return t;
}

static ec_ids encode(const ec_tokenizer *t, const char *text, size_t size, bool special) {
    ec_ids ids = {0};
    ec_error err;
    if (ec_tokenizer_encode(&ids, t, text, size, special, &err) != EC_OK)
        fail_msg("%s", err.message);
    return ids;
}

static void check_ids(const char *file, const char *text, const ec_ids *ids,
                      const json_t *expected) {
    bool equal = ids->n == json_array_size(expected);
    for (size_t i = 0; equal && i < ids->n; i++)
        equal = ids->id[i] == json_integer_value(json_array_get(expected, i));
    if (!equal)
        fail_msg("%s: other ids of '%s' (%zu, expected %zu)", file, text, ids->n,
                 json_array_size(expected));
}

/* The text that comes in parts as ids come is the whole text. */
static void check_stream(const char *file, const ec_tokenizer *t, const ec_ids *ids) {
    ec_text_stream *stream;
    char *whole;
    size_t size, at = 0, n;
    assert_int_equal(ec_tokenizer_decode(&whole, &size, t, ids->id, ids->n, true, NULL), EC_OK);
    assert_int_equal(ec_text_stream_new(&stream, t, NULL), EC_OK);
    for (size_t i = 0; i <= ids->n; i++) {
        const char *more = i < ids->n ? ec_text_stream_add(stream, ids->id[i], &n)
                                      : ec_text_stream_end(stream, &n);
        if (at + n > size || memcmp(whole + at, more, n) != 0)
            fail_msg("%s: '%s' comes in other parts at byte %zu: '%s'", file, whole, at, more);
        at += n;
    }
    assert_int_equal(at, size);
    ec_text_stream_free(stream);
    free(whole);
}

static void check_golden(const char *name, bool special) {
    char path[512];
    json_error_t why;
    json_t *row;
    size_t i;
    snprintf(path, sizeof path, "%s/%s.golden", TOKENIZERS, name);
    json_t *rows = json_load_file(path, JSON_ALLOW_NUL, &why);
    if (rows == NULL) fail_msg("%s: %s", path, why.text);
    path[strlen(path) - strlen(".golden")] = '\0';
    ec_tokenizer *t = open_tokenizer(path, EC_TOKENIZER_BY_FOLDER);
    assert_true(json_array_size(rows) > 50);
    json_array_foreach(rows, i, row) {
        const json_t *text = json_object_get(row, "text"),
                     *decoded = json_object_get(row, "decoded");
        ec_ids ids = encode(t, json_string_value(text), json_string_length(text), special);
        check_ids(name, json_string_value(text), &ids, json_object_get(row, "ids"));
        if (json_is_string(decoded)) {
            char *ours;
            size_t size;
            assert_int_equal(ec_tokenizer_decode(&ours, &size, t, ids.id, ids.n, true, NULL),
                             EC_OK);
            if (size != json_string_length(decoded) ||
                memcmp(ours, json_string_value(decoded), size) != 0)
                fail_msg("%s: decoded '%s', expected '%s'", name, ours, json_string_value(decoded));
            free(ours);
        }
        check_stream(name, t, &ids);
        ec_ids_release(&ids);
    }
    ec_tokenizer_close(t);
    json_decref(rows);
}

static void sentencepiece_models_give_the_ids_of_sentencepiece(void **state) {
    (void)state;
    static const char *const names[] = {"bpe-bytes.model",     "bpe-defined.model",
                                        "bpe-suffix.model",    "unigram.model",
                                        "unigram-bytes.model", "unigram-defined.model"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_golden(names[i], false);
}

static void tokenizer_json_gives_the_ids_and_texts_of_tokenizers(void **state) {
    (void)state;
    static const char *const names[] = {
        "qwen2.json",           "llama3.json", "smollm2.json", "nfkd-space.json", "llama-fast.json",
        "metaspace-first.json", "words.json",  "bare.json",    "t5.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_golden(names[i], true);
}

/* ---- Llama 2 ---- */

typedef struct {
    const char *text, *ids; /* of "legacy": false */
    const char *legacy;     /* NULL: the same */
} llama_row;

/* transformers 4.38, LlamaTokenizer. */
static const llama_row llama_rows[] = {
    {"Hello world", "1 15043 3186", NULL},
    {" Hello", "1 29871 15043", NULL},
    {"  Hello", "1 259 15043", NULL},
    {"", "1", NULL},
    {" ", "1 259", NULL},
    {"   ", "1 268", NULL},
    {"\n", "1 29871 13", NULL},
    {"</s>USER: hi</s>", "1 2 11889 29901 7251 2", "1 2 3148 1001 29901 7251 2"},
    {"</s> USER: hi", "1 2 3148 1001 29901 7251", "1 2 29871 3148 1001 29901 7251"},
    {"a</s>b", "1 263 2 29890", "1 263 2 289"},
    {"<s>a", "1 1 29874", "1 1 263"},
    {"x \xE2\x96\x81y", "1 921 29871 343", NULL},
    {"\xE6\x97\xA5\xE6\x9C\xAC\xF0\x9F\xA6\xA9\t", "1 29871 30325 30346 243 162 169 172 12", NULL},
    {"<image>", "1 529 3027 29958", NULL},
    {"\xC3\xA9"
     "e\xCC\x81",
     "1 904 29872 30103", NULL},
    {"1234567", "1 29871 29896 29906 29941 29946 29945 29953 29955", NULL},
    {"\nWhat is it? ASSISTANT:", "1 29871 13 5618 338 372 29973 319 1799 9047 13566 29901", NULL},
};

/* Without special tokens, "legacy": false and true. */
static const struct {
    const char *ids, *text, *legacy;
} llama_texts[] = {
    {"319", "A", "A"},
    {"29871 319", " A", "A"},
    {"259 319", "  A", NULL},
    {"29871 29871 319", NULL, " A"},
    {"319 2 319", "A A", NULL},
    {"1 319 2", "A", "A"},
    {"13 319", "\n A", NULL},
    {"319 29871", "A ", NULL},
    {"243 162 169 172", "\xF0\x9F\xA6\xA9", NULL},
    {"243 162", "\xEF\xBF\xBD\xEF\xBF\xBD", NULL},
};

static ec_ids parse_ids(const char *text) {
    static int32_t id[64];
    ec_ids ids = {.id = id};
    for (char *end; *text != '\0'; text = end) id[ids.n++] = (int32_t)strtol(text, &end, 10);
    return ids;
}

static void check_llama_text(const ec_tokenizer *t, const char *ids_text, const char *expected) {
    const ec_ids ids = parse_ids(ids_text);
    char *text;
    size_t size;
    if (expected == NULL) return;
    assert_int_equal(ec_tokenizer_decode(&text, &size, t, ids.id, ids.n, true, NULL), EC_OK);
    if (strcmp(text, expected) != 0)
        fail_msg("%s is '%s', expected '%s'", ids_text, text, expected);
    check_stream("Llama 2", t, &ids);
    free(text);
}

static void llama_2_is_read_as_transformers_does(void **state) {
    (void)state;
    if (access(LLAMA_2, R_OK) != 0) {
        print_message("there is no %s\n", LLAMA_2);
        skip();
    }
    for (int legacy = 0; legacy < 2; legacy++) {
        ec_tokenizer *t =
            open_tokenizer(LLAMA_2, legacy ? EC_TOKENIZER_SLOW_LEGACY : EC_TOKENIZER_SLOW);
        for (size_t i = 0; i < sizeof llama_rows / sizeof *llama_rows; i++) {
            const llama_row *row = &llama_rows[i];
            char text[256] = "";
            ec_ids ids = encode(t, row->text, strlen(row->text), true);
            for (size_t k = 0; k < ids.n; k++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", k > 0 ? " " : "",
                         ids.id[k]);
            assert_string_equal(text, legacy && row->legacy != NULL ? row->legacy : row->ids);
            ec_ids_release(&ids);
        }
        for (size_t i = 0; i < sizeof llama_texts / sizeof *llama_texts; i++)
            check_llama_text(t, llama_texts[i].ids,
                             legacy ? llama_texts[i].legacy : llama_texts[i].text);
        ec_tokenizer_close(t);
    }
}

/* ---- folders ---- */

static void write_file(const char *folder, const char *name, const char *text) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void copy_model(const char *folder) {
    char command[1200];
    snprintf(command, sizeof command, "cp '%s/bpe-bytes.model' '%s/tokenizer.model'", TOKENIZERS,
             folder);
    assert_int_equal(system(command), 0);
}

static void a_folder_says_how_its_model_is_read(void **state) {
    const char *folder = *state;
    copy_model(folder);
    ec_tokenizer *t = open_tokenizer(folder, EC_TOKENIZER_BY_FOLDER);
    assert_string_equal(ec_tokenizer_describe(t).behaviour, "slow, legacy");
    ec_tokenizer_close(t);

    write_file(folder, "tokenizer_config.json",
               "{\"legacy\": false, \"added_tokens_decoder\": {\"900\": {\"content\": \"<image>\", "
               "\"special\": true}},"
               " \"pad_token\": {\"content\": \"<unk>\"}}");
    write_file(folder, "added_tokens.json", "{\"<region>\": 901}");
    t = open_tokenizer(folder, EC_TOKENIZER_BY_FOLDER);
    const ec_tokenizer_info info = ec_tokenizer_describe(t);
    assert_string_equal(info.behaviour, "slow");
    assert_string_equal(info.model, "BPE");
    assert_int_equal(info.n_tokens, 902);
    assert_int_equal(info.bos, 1);
    assert_int_equal(info.pad, info.unk);
    assert_int_equal(ec_tokenizer_find(t, "<image>"), 900);
    assert_true(ec_tokenizer_is_special(t, 900));
    assert_false(ec_tokenizer_is_special(t, 901));
    assert_string_equal(ec_tokenizer_token(t, 901), "<region>");
    assert_null(ec_tokenizer_token(t, 902));
    ec_ids ids = encode(t, "<image><region>", 15, true);
    assert_int_equal(ids.n, 3);
    assert_int_equal(ids.id[1], 900);
    assert_int_equal(ids.id[2], 901);
    ec_ids_release(&ids);
    ec_tokenizer_close(t);
}

static void clip_is_read_from_its_two_files(void **state) {
    const char *folder = *state;
    char merges[] = "#version: 0.2\nc a\nca t</w>\n";
    write_file(folder, "vocab.json",
               "{\"c\": 0, \"a\": 1, \"t\": 2, \"t</w>\": 3, \"ca\": 4, \"cat</w>\": 5, \"!</w>\": "
               "6, \"a</w>\": 7, "
               "\"<|startoftext|>\": 8, \"<|endoftext|>\": 9}");
    write_file(folder, "merges.txt", merges);
    ec_tokenizer *t = open_tokenizer(folder, EC_TOKENIZER_BY_FOLDER);
    ec_ids ids = encode(t, "  A  CAT!", 9, true);
    const int32_t expected[] = {8, 7, 5, 6, 9};
    assert_int_equal(ids.n, 5);
    assert_memory_equal(ids.id, expected, sizeof expected);
    ec_ids_release(&ids);
    ec_tokenizer_close(t);
}

/* ---- what is refused ---- */

static void check_refused(const char *folder, const char *json, const char *expected) {
    ec_tokenizer *t;
    ec_error err;
    write_file(folder, "tokenizer.json", json);
    assert_int_equal(ec_tokenizer_open(&t, folder, EC_TOKENIZER_FAST, &err), EC_ERR_FORMAT);
    assert_null(t);
    if (strstr(err.message, expected) == NULL)
        fail_msg("'%s', expected '%s'", err.message, expected);
}

static void parts_that_are_not_known_are_refused_by_name(void **state) {
    const char *folder = *state;
    check_refused(folder, "{\"model\": {\"type\": \"WordPiece\"}}",
                  "type 'WordPiece' is not known");
    check_refused(
        folder, "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}}",
        "both have the id 0");
    check_refused(
        folder,
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": [\"a b\"]}}",
        "merge 0, 'a' and 'b': what they become is not in the vocabulary");
    check_refused(folder,
                  "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
                  "the id of 'a' is -1");
    check_refused(
        folder, "{\"model\": {\"type\": \"BPE\", \"dropout\": 0.1, \"vocab\": {}, \"merges\": []}}",
        "dropout");
    check_refused(folder,
                  "{\"normalizer\": {\"type\": \"BertNormalizer\"}, \"model\": {\"type\": \"BPE\", "
                  "\"vocab\": {}, "
                  "\"merges\": []}}",
                  "normalizer: type 'BertNormalizer' is not known");
    check_refused(folder,
                  "{\"pre_tokenizer\": {\"type\": \"Split\", \"behavior\": \"Isolated\", "
                  "\"pattern\": {\"Regex\": "
                  "\"(\"}}, \"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}}",
                  "'(' is no regular expression");
    check_refused(folder,
                  "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", -1.5]], \"unk_id\": 1}}",
                  "unk_id");
    check_refused(folder, "[]", "expected an object");
}

static void a_model_that_is_cut_off_is_refused(void **state) {
    const char *folder = *state;
    char path[600], command[1300];
    ec_tokenizer *t;
    ec_error err;
    snprintf(path, sizeof path, "%s/tokenizer.model", folder);
    for (size_t size = 0; size < 11900; size += 491) { /* of 11,969 */
        snprintf(command, sizeof command, "head -c %zu '%s/bpe-bytes.model' >'%s'", size,
                 TOKENIZERS, path);
        assert_int_equal(system(command), 0);
        assert_int_equal(ec_tokenizer_open(&t, path, EC_TOKENIZER_BY_FOLDER, &err), EC_ERR_FORMAT);
        assert_non_null(strstr(err.message, path));
    }
}

static void text_that_is_no_utf8_is_refused(void **state) {
    (void)state;
    ec_tokenizer *t = open_tokenizer(TOKENIZERS "/qwen2.json", EC_TOKENIZER_BY_FOLDER);
    ec_ids ids = {0};
    ec_error err;
    static const char *const texts[] = {"ab\xFF", "ab\xC0\x80", "ab\xED\xA0\x80", "ab\xE2\x82",
                                        "ab\xF4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(ec_tokenizer_encode(&ids, t, texts[i], strlen(texts[i]), false, &err),
                         EC_ERR_FORMAT);
        assert_non_null(strstr(err.message, "at byte 2"));
        assert_int_equal(ids.n, 0);
    }
    ec_tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentencepiece_models_give_the_ids_of_sentencepiece),
        cmocka_unit_test(tokenizer_json_gives_the_ids_and_texts_of_tokenizers),
        cmocka_unit_test(llama_2_is_read_as_transformers_does),
        cmocka_unit_test_setup_teardown(a_folder_says_how_its_model_is_read, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(clip_is_read_from_its_two_files, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(parts_that_are_not_known_are_refused_by_name, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(a_model_that_is_cut_off_is_refused, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
