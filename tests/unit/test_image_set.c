/* test_image_set.c - image sets: every source, every complaint, the same choice everywhere */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/image_set.h"
#include "folder.h"

static char folder[FOLDER_SIZE];

static int make(void **state) {
    (void)state;
    folder_make(folder);
    return 0;
}

static int discard(void **state) {
    (void)state;
    folder_remove(folder);
    return 0;
}

static ec_image_set load(const char *name, const char *content) {
    ec_image_set set;
    ec_error err;
    folder_write(folder_join(folder, name), content);
    if (ec_image_set_load(&set, folder_join(folder, name), &err) != EC_OK)
        fail_msg("%s", err.message);
    return set;
}

static void assert_item(const ec_image_set *set, size_t i, const char *name, const char *prompt) {
    assert_true(i < set->n_items);
    assert_string_equal(set->items[i].path, name[0] == '/' ? name : folder_join(folder, name));
    if (prompt == NULL)
        assert_null(set->items[i].prompt);
    else
        assert_string_equal(set->items[i].prompt, prompt);
    assert_int_equal(set->items[i].index, i);
}

static void a_folder_is_its_images_in_the_order_of_their_names(void **state) {
    (void)state;
    char inner[2 * FOLDER_SIZE];
    snprintf(inner, sizeof inner, "%s/photos", folder);
    mkdir(inner, 0700);
    static const char *const names[] = {"b.JPG",     "a.png",       "B.webp",
                                        "notes.txt", ".hidden.png", "list.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        folder_write(folder_join(inner, names[i]), "");
    mkdir(folder_join(inner, "c.png"), 0700); /* not a file */
    ec_image_set set;
    ec_error err;
    assert_int_equal(ec_image_set_load(&set, inner, &err), EC_OK);
    assert_int_equal(set.n_items, 3);
    assert_item(&set, 0, "photos/B.webp", NULL);
    assert_item(&set, 1, "photos/a.png", NULL);
    assert_item(&set, 2, "photos/b.JPG", NULL);
    ec_image_set_release(&set);
}

static void lists_and_records_are_read(void **state) {
    (void)state;
    ec_image_set set = load("list.txt", "a.jpg\r\n\n/abs/b c.png\na.jpg");
    assert_int_equal(set.n_items, 3); /* the same image twice is there twice */
    assert_item(&set, 0, "a.jpg", NULL);
    assert_item(&set, 1, "/abs/b c.png", NULL);
    assert_item(&set, 2, "a.jpg", NULL);
    ec_image_set_release(&set);

    set = load("ours.jsonl", "{\"image\": \"a.jpg\", \"prompt\": \"Why?\", \"prompt_tokens\": 3}\n"
                             "\n  {\"image_path\": \"x/b.jpg\"}\n{\"text\": \"no image\"}\n");
    assert_int_equal(set.n_items, 2);
    assert_int_equal(set.n_without_image, 1);
    assert_item(&set, 0, "a.jpg", "Why?");
    assert_int_equal(set.items[0].n_tokens, 3);
    assert_item(&set, 1, "x/b.jpg", NULL);
    assert_int_equal(set.items[1].n_tokens, 0);
    ec_image_set_release(&set);

    set = load("llava.json",
               "[\n{\"id\": \"1\", \"image\": \"coco/a.jpg\", \"conversations\": [{\"from\": "
               "\"human\", \"value\": \"<image>\\nWhat is this? \"}, {\"from\": \"gpt\", "
               "\"value\": \"A cat.\"}]},\n"
               "{\"id\": 2, \"conversations\": []},\n"
               "{\"question_id\": 3, \"image\": \"b.jpg\", \"text\": \"Which <image> one?\"}\n]\n");
    assert_int_equal(set.n_items, 2);
    assert_int_equal(set.n_without_image, 1);
    assert_item(&set, 0, "coco/a.jpg", "What is this?");
    assert_item(&set, 1, "b.jpg", "Which <image> one?");
    ec_image_set_release(&set);

    set = load("lmms.json", "{\"args\": {}, \"logs\": [{\"doc_id\": 0, \"doc\": {\"images\": "
                            "[\"a.jpg\", \"b.jpg\"], \"question\": \"Q\"}, \"target\": \"A\"}]}");
    assert_int_equal(set.n_items, 1);
    assert_item(&set, 0, "a.jpg", "Q");
    ec_image_set_release(&set);
}

static void assert_refused(const char *name, const char *content, ec_status status,
                           const char *where, const char *why) {
    ec_image_set set;
    ec_error err = {.message = "(none)"};
    if (content != NULL) folder_write(folder_join(folder, name), content);
    const ec_status got = ec_image_set_load(&set, folder_join(folder, name), &err);
    ec_image_set_release(&set);
    if (got != status || strstr(err.message, folder_join(folder, where)) == NULL ||
        strstr(err.message, why) == NULL)
        fail_msg("status %d: %s; expected %d, '%s', '%s'", got, err.message, status, where, why);
}

static void complaints_name_file_and_line(void **state) {
    (void)state;
    assert_refused("none.txt", NULL, EC_ERR_NOT_FOUND, "none.txt", "No such file");
    assert_refused("a.csv", "a.jpg\n", EC_ERR_FORMAT, "a.csv", ".jsonl");
    assert_refused("empty.txt", "\n\n", EC_ERR_FORMAT, "empty.txt", "no images");
    assert_refused("a.jsonl", "{\"image\": \"a\"}\n{\"image\": 3}\n", EC_ERR_FORMAT, "a.jsonl:2",
                   "\"image\": expected the path");
    assert_refused("a.jsonl", "{\"image\": \"a\", \"question\": 7}\n", EC_ERR_FORMAT, "a.jsonl:1",
                   "\"question\": expected the prompt");
    assert_refused("a.jsonl", "\n{\"image\": \"a\", \"prompt_tokens\": -1}", EC_ERR_FORMAT,
                   "a.jsonl:2", "at least 1");
    assert_refused("a.jsonl", "{\"image\": \"a\", \"set_index\": \"x\"}", EC_ERR_FORMAT,
                   "a.jsonl:1", "set_index");
    assert_refused("a.jsonl", "{\"image\": \"\"}", EC_ERR_FORMAT, "a.jsonl:1", "path is empty");
    assert_refused("a.jsonl", "\n[1]\n", EC_ERR_FORMAT, "a.jsonl:2", "record in { }");
    assert_refused("a.jsonl", "{\"image\": \"a\"\n", EC_ERR_FORMAT, "a.jsonl:1", "expected");
    assert_refused("a.jsonl", "{\"text\": \"a\"}\n", EC_ERR_FORMAT, "a.jsonl", "no images");
    assert_refused("a.json", "[{\"image\": \"a\"},\n\n {\"image\": []}, {\"image\": {}}]",
                   EC_ERR_FORMAT, "a.json:3", "expected the path");
    assert_refused("a.json", "[{\"image\": \"a\"}\n{\"image\": \"b\"}]", EC_ERR_FORMAT, "a.json:2",
                   "expected ',' or ']'");
    assert_refused("a.json", "[{\"image\": \"a\"},\n{\"image\":\n}]", EC_ERR_FORMAT, "a.json:3",
                   "near '}'");
    assert_refused("a.json", "[{\"image\": \"a\"},\n7]", EC_ERR_FORMAT, "a.json:2", "expected");
    assert_refused("a.json", "[{\"image\": \"a\"}] x", EC_ERR_FORMAT, "a.json:1", "nothing after");
    assert_refused("a.json", "[{\"image\": \"a\"}", EC_ERR_FORMAT, "a.json:1",
                   "expected ',' or ']'");
    assert_refused("a.json", "  7", EC_ERR_FORMAT, "a.json:1", "list of records");
    assert_refused("a.json", "", EC_ERR_FORMAT, "a.json:1", "list of records");
    assert_refused("a.json", "[]", EC_ERR_FORMAT, "a.json", "no images");
    assert_refused("a.json", "{\"x\": []}", EC_ERR_FORMAT, "a.json", "\"records\"");
    assert_refused("a.json", "{\"data\": [{\"image\": \"a\"}, 3]}", EC_ERR_FORMAT, "a.json",
                   "\"data\"[1]: expected a record");
    assert_refused("a.json", "{\"data\": [\n}", EC_ERR_FORMAT, "a.json:2", "near '}'");
    mkdir(folder_join(folder, "bare"), 0700);
    assert_refused("bare", NULL, EC_ERR_FORMAT, "bare", "no image files");
    char zero[] = "a\nb?c\n"; /* a zero byte would cut the path short */
    zero[3] = '\0';
    folder_write_bytes(folder_join(folder, "zero.txt"), zero, sizeof zero - 1);
    assert_refused("zero.txt", NULL, EC_ERR_FORMAT, "zero.txt:2", "zero byte");
}

static ec_image_set numbered(size_t n) {
    char content[4096] = "";
    for (size_t i = 0; i < n; i++) snprintf(content + 4 * i, 5, "%03zu\n", i);
    return load("numbered.txt", content);
}

/* The numbers are those of xoshiro256** as rng.h defines it: also checked by an implementation in
 * Python, seed 42, 20 images. Another machine, the same list. */
static void a_seed_gives_the_same_list_everywhere(void **state) {
    (void)state;
    static const size_t wanted[] = {4, 12, 6, 16, 2, 5, 11, 9};
    ec_image_set set = numbered(20);
    ec_error err;
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_RANDOM, 8, 42, &err), EC_OK);
    assert_int_equal(set.n_items, 8);
    for (size_t i = 0; i < 8; i++) assert_int_equal(set.items[i].index, wanted[i]);
    ec_image_set_release(&set);

    /* Without replacement, and another seed is another list. */
    set = numbered(20);
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_RANDOM, 99, 43, &err), EC_OK);
    assert_int_equal(set.n_items, 20);
    bool seen[20] = {false};
    size_t same = 0;
    for (size_t i = 0; i < 20; i++) {
        assert_false(seen[set.items[i].index]);
        seen[set.items[i].index] = true;
        same += i < 8 && set.items[i].index == wanted[i];
    }
    assert_true(same < 8);
    ec_image_set_release(&set);
}

static void the_longest_prompts_come_first(void **state) {
    (void)state;
    ec_image_set set = load("p.jsonl", "{\"image\": \"0\", \"prompt\": \"bb\"}\n"
                                       "{\"image\": \"1\", \"prompt\": \"a\"}\n"
                                       "{\"image\": \"2\", \"prompt\": \"ccc\"}\n"
                                       "{\"image\": \"3\", \"prompt\": \"ba\"}\n"
                                       "{\"image\": \"4\", \"prompt\": \"bb\"}\n");
    static const size_t by_bytes[] = {2, 3, 0, 4};
    ec_error err;
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_LONGEST, 4, 0, &err), EC_OK);
    assert_int_equal(set.n_items, 4);
    for (size_t i = 0; i < 4; i++) assert_int_equal(set.items[i].index, by_bytes[i]);
    ec_image_set_release(&set);

    /* Counts of tokens decide where they are given. */
    set = load("p.jsonl", "{\"image\": \"0\", \"prompt\": \"long words\", \"prompt_tokens\": 2}\n"
                          "{\"image\": \"1\", \"prompt\": \"1234\", \"prompt_tokens\": 4}\n");
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_LONGEST, 1, 0, &err), EC_OK);
    assert_int_equal(set.items[0].index, 1);
    ec_image_set_release(&set);

    set = load("p.jsonl", "{\"image\": \"0\", \"prompt\": \"a\", \"prompt_tokens\": 2}\n"
                          "{\"image\": \"1\", \"prompt\": \"b\"}\n");
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_LONGEST, 1, 0, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "image 2 of the set has not a token count"));
    ec_image_set_release(&set);

    set = numbered(3);
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_LONGEST, 1, 0, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "no prompt"));
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_RANDOM, 0, 0, &err), EC_ERR_ARG);
    ec_image_set_release(&set);
}

static void a_chosen_list_is_read_back_as_it_was(void **state) {
    (void)state;
    ec_image_set set = load("p.jsonl",
                            "{\"image\": \"a\\\"\\u00e9.jpg\", \"prompt\": \"two\\nlines\"}\n"
                            "{\"image\": \"/b.jpg\", \"prompt\": \"\", \"n_tokens\": 9}\n"
                            "{\"image\": \"c.jpg\"}\n"),
                 back;
    ec_error err;
    const char *list = folder_join(folder, "chosen.jsonl");
    assert_int_equal(ec_image_set_select(&set, EC_SELECT_RANDOM, 3, 5, &err), EC_OK);
    assert_true(set.items[0].index != 0 || set.items[1].index != 1);
    assert_int_equal(ec_image_set_save(&set, list, &err), EC_OK);
    assert_int_equal(ec_image_set_load(&back, list, &err), EC_OK);
    assert_int_equal(back.n_items, 3);
    for (size_t i = 0; i < 3; i++) {
        const ec_image_item *x = &set.items[i], *y = &back.items[i];
        assert_string_equal(x->path, y->path);
        assert_int_equal(x->index, y->index);
        assert_int_equal(x->n_tokens, y->n_tokens);
        assert_true((x->prompt == NULL) == (y->prompt == NULL));
        if (x->prompt != NULL) assert_string_equal(x->prompt, y->prompt);
    }
    ec_image_set_release(&back);
    /* from elsewhere it would not be found */
    free(set.items[0].path);
    set.items[0].path = strdup("relative.jpg");
    assert_int_equal(ec_image_set_save(&set, list, &err), EC_OK);
    assert_int_equal(ec_image_set_load(&back, list, &err), EC_OK);
    assert_int_equal(back.items[0].path[0], '/');
    ec_image_set_release(&back);

    free(set.items[0].path);
    set.items[0].path = strdup("/not-utf-8-\xff.jpg");
    assert_int_equal(ec_image_set_save(&set, list, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "UTF-8"));
    ec_image_set_release(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_its_images_in_the_order_of_their_names),
        cmocka_unit_test(lists_and_records_are_read),
        cmocka_unit_test(complaints_name_file_and_line),
        cmocka_unit_test(a_seed_gives_the_same_list_everywhere),
        cmocka_unit_test(the_longest_prompts_come_first),
        cmocka_unit_test(a_chosen_list_is_read_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, make, discard);
}
