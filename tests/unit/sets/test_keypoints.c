/* Keypoint sets: SPair-71k's folder, our JSON, and what is wrong with either. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eyechart/keypoints.h"
#include "folder.h"

/* ---- a small SPair-71k -------------------------------------------------------------------- */

#define PAIR_1                                                                                     \
    "{\"src_imname\": \"b.jpg\", \"trg_imname\": \"a.jpg\", \"category\": \"cat\","                \
    " \"src_imsize\": [500, 375, 3], \"trg_imsize\": [300, 400, 3],"                               \
    " \"trg_bndbox\": [10, 20, 110, 220], \"src_bndbox\": [1, 2, 3, 4]}"
#define PAIR_2                                                                                     \
    "{\"src_imname\": \"a.jpg\", \"trg_imname\": \"b.jpg\", \"category\": \"cat\","                \
    " \"src_imsize\": [300, 400, 3], \"trg_imsize\": [500, 375, 3], \"trg_bndbox\": [0, 0, 9, 5]}"

/* "0" to "29", all null but for what is given. */
static const char *annotation(const char *slot_2, const char *slot_10, const char *slot_29) {
    static char text[2048];
    size_t n = (size_t)sprintf(text, "{\"kps\": {");
    for (int i = 0; i < 30; i++) {
        const char *value = i == 2 ? slot_2 : i == 10 ? slot_10 : i == 29 ? slot_29 : "null";
        n += (size_t)sprintf(text + n, "%s\"%d\": %s", i > 0 ? ", " : "", i, value);
    }
    sprintf(text + n, "}}");
    return text;
}

static void make_spair(const char *folder) {
    static const char *const folders[] = {"PairAnnotation",  "PairAnnotation/test",
                                          "ImageAnnotation", "ImageAnnotation/cat",
                                          "Layout",          "Layout/large"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(folder_join(folder, folders[i]), 0777), 0);
    folder_write(folder_join(folder, "PairAnnotation/test/2-b-a:cat.json"), PAIR_1);
    folder_write(folder_join(folder, "PairAnnotation/test/1-a-b:cat.json"), PAIR_2);
    folder_write(folder_join(folder, "PairAnnotation/test/.hidden.json"), "not for us");
    folder_write(folder_join(folder, "ImageAnnotation/cat/a.json"),
                 annotation("[1, 2]", "[3.5, 4]", "null"));
    folder_write(folder_join(folder, "ImageAnnotation/cat/b.json"),
                 annotation("[5, 6]", "[7, 8]", "[9, 9]"));
}

static void spair_is_read_by_name_with_the_points_both_images_have(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    make_spair(folder);
    ec_keypoint_set set;
    ec_error err = {0};
    assert_int_equal(ec_keypoint_set_load(&set, folder, NULL, &err), EC_OK);

    assert_int_equal(set.n_images, 2);
    assert_string_equal(set.images[0].name, "cat/a");
    assert_string_equal(set.images[0].path, folder_join(folder, "JPEGImages/cat/a.jpg"));
    assert_int_equal(set.images[0].width, 300);
    assert_int_equal(set.images[1].height, 375);
    assert_int_equal(set.n_pairs, 2);
    assert_string_equal(set.pairs[0].id, "1-a-b:cat");
    const ec_keypoint_pair *pair = &set.pairs[1];
    assert_string_equal(pair->id, "2-b-a:cat");
    assert_int_equal(pair->source, 1);
    assert_int_equal(pair->target, 0);
    assert_int_equal(pair->n_points, 2); /* slot 29 is in b alone */
    assert_int_equal(pair->ids[0], 2);
    assert_int_equal(pair->ids[1], 10);
    assert_true(pair->source_points[1][0] == 7.0 && pair->target_points[1][0] == 3.5);
    assert_true(pair->target_box[0] == 10.0 && pair->target_box[3] == 220.0);
    assert_int_equal(set.n_categories, 1);
    assert_string_equal(set.categories[0].name, "cat");
    assert_int_equal(set.categories[0].n_points, 4);
    assert_int_equal(set.categories[0].n_images, 2);
    assert_int_equal(set.categories[0].pairs[1], 1);
    assert_int_equal(ec_keypoint_category_find(&set, "cat"), 0);
    assert_int_equal(ec_keypoint_category_find(&set, "dog"), 1);
    ec_keypoint_set_release(&set);
    folder_remove(folder);
}

static void layout_says_which_pairs(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    make_spair(folder);
    folder_write(folder_join(folder, "Layout/large/test.txt"), "2-b-a:cat\r\n\n");
    ec_keypoint_set set;
    ec_error err = {0};
    assert_int_equal(ec_keypoint_set_load(&set, folder, "test", &err), EC_OK);
    assert_int_equal(set.n_pairs, 1);
    assert_string_equal(set.pairs[0].id, "2-b-a:cat");
    ec_keypoint_set_release(&set);

    folder_write(folder_join(folder, "Layout/large/test.txt"), "2-b-a:cat\n2-b-a:cat\n");
    assert_int_equal(ec_keypoint_set_load(&set, folder, "test", &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "found '2-b-a:cat' twice"));
    folder_write(folder_join(folder, "Layout/large/test.txt"), "2-b-a:cat\n3-b-a:cat\n");
    assert_int_equal(ec_keypoint_set_load(&set, folder, "test", &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "Layout/large/test.txt: line 2 names a pair: "));
    assert_non_null(strstr(err.message, "PairAnnotation/test/3-b-a:cat.json: cannot open"));
    folder_write(folder_join(folder, "Layout/large/test.txt"), "../test/2-b-a:cat\n");
    assert_int_equal(ec_keypoint_set_load(&set, folder, "test", &err), EC_ERR_FORMAT);
    assert_null(set.memory);
    folder_remove(folder);
}

/* PAIR_1, b to a, with these points. */
static const char *claim(const char *ids, const char *source, const char *target) {
    static char texts[12][600];
    static size_t next;
    char *text = texts[next++ % 12];
    snprintf(text, sizeof texts[0], "%.*s, \"kps_ids\": %s, \"src_kps\": %s, \"trg_kps\": %s}",
             (int)strlen(PAIR_1) - 1, PAIR_1, ids, source, target);
    return text;
}

/* The points of a pair stand in its own file as well; in any order, as text or numbers. */
static void what_a_pair_says_of_its_points_may_be_there(void **state) {
    (void)state;
    const char *const right[] = {
        claim("[\"2\", \"10\"]", "[[5, 6], [7, 8]]", "[[1, 2], [3.5, 4]]"),
        claim("[10, 2]", "[[7, 8], [5, 6]]", "[[4, 4], [1, 2]]"), /* 3.5, rounded */
        "{\"kps_ids\": [\"29\"], \"src_imname\": \"b.jpg\", \"trg_imname\": \"a.jpg\","
        " \"category\": \"cat\", \"src_imsize\": [500, 375, 3], \"trg_imsize\": [300, 400, 3],"
        " \"trg_bndbox\": [10, 20, 110, 220]}"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        char folder[FOLDER_SIZE];
        folder_make(folder);
        make_spair(folder);
        folder_write(folder_join(folder, "PairAnnotation/test/2-b-a:cat.json"), right[i]);
        ec_keypoint_set set;
        ec_error err = {0};
        if (ec_keypoint_set_load(&set, folder, NULL, &err) != EC_OK) fail_msg("%s", err.message);
        assert_int_equal(set.pairs[1].n_points, 2);
        assert_true(set.pairs[1].target_points[1][0] == 3.5);
        ec_keypoint_set_release(&set);
        folder_remove(folder);
    }
}

/* A point that lies elsewhere is told; what the image's annotation says counts. */
static void a_point_that_moved_is_told(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    make_spair(folder);
    folder_write(folder_join(folder, "PairAnnotation/test/2-b-a:cat.json"),
                 claim("[\"2\", \"10\"]", "[[5, 4.9], [7, 8]]", "[[1, 2], [3.5, 6]]"));
    ec_keypoint_set set;
    ec_error err = {0};
    if (ec_keypoint_set_load(&set, folder, NULL, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(set.n_moved, 2);
    assert_non_null(strstr(set.moved, "test/2-b-a:cat.json: key 'src_kps': slot 2 at [5, 4.9], but "
                                      "ImageAnnotation of image 'cat/b' has it at [5, 6]"));
    assert_true(set.pairs[1].source_points[0][1] == 6);
    assert_true(set.pairs[1].target_points[1][1] == 4);
    ec_keypoint_set_release(&set);
    folder_remove(folder);
}

/* Windows, archives and copying tools put something else in the place of the ':', listed or not. */
static void names_without_a_colon_are_the_same_set(void **state) {
    (void)state;
    static const char *const signs[] = {
        "_", "-", "%3A", "\xef\x80\xba", "\xef\x80\xa2", "\xef\xbc\x9a", "", " ", ":"};
    static const char *const lists[] = {NULL, "2-b-a:cat\n1-a-b:cat\n"};
    char hash[33] = "";
    for (size_t i = 0; i < 2 * sizeof signs / sizeof *signs; i++) {
        char folder[FOLDER_SIZE], name[64];
        folder_make(folder);
        make_spair(folder);
        for (size_t k = 0; k < 2; k++) {
            const char *pair = k == 0 ? "1-a-b" : "2-b-a";
            snprintf(name, sizeof name, "PairAnnotation/test/%s:cat.json", pair);
            const char *from = folder_join(folder, name);
            snprintf(name, sizeof name, "PairAnnotation/test/%s%scat.json", pair, signs[i / 2]);
            assert_int_equal(rename(from, folder_join(folder, name)), 0);
        }
        if (lists[i % 2] != NULL)
            folder_write(folder_join(folder, "Layout/large/test.txt"), lists[i % 2]);
        ec_keypoint_set set;
        ec_error err = {0};
        if (ec_keypoint_set_load(&set, folder, NULL, &err) != EC_OK)
            fail_msg("'%s': %s", signs[i / 2], err.message);
        assert_int_equal(set.n_pairs, 2);
        assert_string_equal(set.pairs[0].id, "1-a-b:cat");
        assert_string_equal(set.pairs[1].id, "2-b-a:cat");
        char now[33];
        assert_int_equal(ec_keypoint_category_hash(now, &set, 0, &err), EC_OK);
        if (i > 0) assert_string_equal(now, hash);
        strcpy(hash, now);
        ec_keypoint_set_release(&set);
        folder_remove(folder);
    }
    /* Not every name that begins alike. */
    char folder[FOLDER_SIZE];
    folder_make(folder);
    make_spair(folder);
    assert_int_equal(rename(folder_join(folder, "PairAnnotation/test/2-b-a:cat.json"),
                            folder_join(folder, "PairAnnotation/test/2-b-ab_cat.json")),
                     0);
    folder_write(folder_join(folder, "Layout/large/test.txt"), "2-b-a:cat\n");
    ec_keypoint_set set;
    ec_error err = {0};
    assert_int_equal(ec_keypoint_set_load(&set, folder, NULL, &err), EC_ERR_NOT_FOUND);
    folder_remove(folder);
}

typedef struct {
    const char *file, *content, *message;
    ec_status status;
} fault;

/* The messages name file, key, what was expected and what was found. */
static void spair_errors_say_where_and_what(void **state) {
    (void)state;
    static const char pair[] = "PairAnnotation/test/2-b-a:cat.json";
    static const char image[] = "ImageAnnotation/cat/b.json";
    char missing_slot[4096], long_text[300], bad_point[4096], many[4096];
    snprintf(missing_slot, sizeof missing_slot, "{\"kps\": {\"0\": null}}");
    memset(long_text, 'x', 200);
    strcpy(long_text + 200, "");
    char long_pair[1024];
    snprintf(long_pair, sizeof long_pair, "{\"category\": [\"%s\"]}", long_text);
    snprintf(bad_point, sizeof bad_point, "%s", annotation("[1, \"2\"]", "null", "null"));
    snprintf(many, sizeof many, "%s", annotation("[1, 2, 3]", "null", "null"));
    const fault faults[] = {
        {pair, "{", "2-b-a:cat.json: line 1: not JSON", EC_ERR_FORMAT},
        {pair, "[1]", "2-b-a:cat.json: expected an object, found [1]", EC_ERR_FORMAT},
        {pair, "{}", "key 'category': expected a string that is not empty, found nothing",
         EC_ERR_FORMAT},
        {pair, long_pair, "xxxxxxx...", EC_ERR_FORMAT},
        {pair, "{\"category\": \"../cat\"}",
         "key 'category': expected a name without '/' that does not begin with '.', found "
         "\"../cat\"",
         EC_ERR_FORMAT},
        {pair, "{\"category\": \"cat\", \"src_imname\": \"b.jpg\", \"src_imsize\": [500]}",
         "key 'src_imsize': expected [width, height, ..], each from 1 to 65535, found [500]",
         EC_ERR_FORMAT},
        {pair,
         "{\"src_imname\": \"b.jpg\", \"trg_imname\": \"a.jpg\", \"category\": \"cat\","
         " \"src_imsize\": [501, 375, 3], \"trg_imsize\": [300, 400, 3], \"trg_bndbox\": [0, 0, "
         "1, 1]}",
         "expected [5", EC_ERR_FORMAT},
        {pair,
         "{\"src_imname\": \"b.png\", \"trg_imname\": \"a.jpg\", \"category\": \"cat\","
         " \"src_imsize\": [500, 375, 3], \"trg_imsize\": [300, 400, 3], \"trg_bndbox\": [0, 0, "
         "1, 1]}",
         "_imname': expected b.", EC_ERR_FORMAT},
        {pair,
         "{\"src_imname\": \"b.jpg\", \"trg_imname\": \"a.jpg\", \"category\": \"cat\","
         " \"src_imsize\": [500, 375, 3], \"trg_imsize\": [300, 400, 3], \"trg_bndbox\": [5, 5, "
         "5, 5]}",
         "key 'trg_bndbox': expected [x1, y1, x2, y2] with x2 > x1 or y2 > y1, found [5,5,5,5]",
         EC_ERR_FORMAT},
        {pair, claim("[\"2\"]", "[[5, 6]]", "[[1, 2]]"),
         "2-b-a:cat.json: 'kps_ids' lacks slot 10, which ImageAnnotation has of both images, "
         "'cat/b' "
         "and 'cat/a'",
         EC_ERR_FORMAT},
        {pair, claim("[2, 10, 29]", "[[5, 6], [7, 8], [9, 9]]", "[[1, 2], [3.5, 4], [9, 9]]"),
         "'kps_ids' has slot 29, but ImageAnnotation of image 'cat/a' has null there",
         EC_ERR_FORMAT},
        {pair, claim("[\"2\", \"30\"]", "[]", "[]"),
         "key 'kps_ids': expected slots from \"0\" to \"29\", found \"30\"", EC_ERR_FORMAT},
        {pair, claim("[\"2\", \"\"]", "[]", "[]"), "found \"\"", EC_ERR_FORMAT},
        {pair, claim("[\"2x\"]", "[]", "[]"), "found \"2x\"", EC_ERR_FORMAT},
        {pair, claim("{}", "[]", "[]"), "a list of at most 30 slots, found {}", EC_ERR_FORMAT},
        {pair, claim("[2, 10]", "[[5, 6]]", "[]"),
         "key 'src_kps': expected a point [x, y] for each of 'kps_ids', found [[5,6]]",
         EC_ERR_FORMAT},
        {pair, claim("[2]", "[[5, 6]]", "[[5]]"), "key 'trg_kps': expected points [x, y]",
         EC_ERR_FORMAT},
        {image, missing_slot, "key 'kps': expected the 30 keys \"0\" to \"29\"", EC_ERR_FORMAT},
        {image, bad_point,
         "ImageAnnotation/cat/b.json: key 'kps.2': expected [x, y] or null, found [1,\"2\"]",
         EC_ERR_FORMAT},
        {image, many, "key 'kps.2': expected [x, y] or null, found [1,2,3]", EC_ERR_FORMAT},
        {image, "{\"kps\": 7}", "key 'kps': expected an object, found 7", EC_ERR_FORMAT},
        {image, "{\"kps\": {}, \"kps\": {}}", "not JSON: duplicate object key", EC_ERR_FORMAT},
        {image, NULL, "names image 'cat/b': ", EC_ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char folder[FOLDER_SIZE];
        folder_make(folder);
        make_spair(folder);
        if (faults[i].content != NULL)
            folder_write(folder_join(folder, faults[i].file), faults[i].content);
        else
            unlink(folder_join(folder, faults[i].file));
        ec_keypoint_set set;
        ec_error err = {0};
        assert_int_equal(ec_keypoint_set_load(&set, folder, NULL, &err), faults[i].status);
        if (strstr(err.message, faults[i].message) == NULL)
            fail_msg("fault %zu: '%s' is not in '%s'", i, faults[i].message, err.message);
        assert_null(set.memory);
        folder_remove(folder);
    }
}

static void a_folder_that_is_not_spair_is_told_apart(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    ec_keypoint_set set;
    ec_error err = {0};
    assert_int_equal(ec_keypoint_set_load(&set, folder, NULL, &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "PairAnnotation/test: there is no such folder"));
    make_spair(folder);
    assert_int_equal(ec_keypoint_set_load(&set, folder, "val", &err), EC_ERR_NOT_FOUND);
    assert_int_equal(ec_keypoint_set_load(&set, folder, "../test", &err), EC_ERR_ARG);
    assert_int_equal(ec_keypoint_set_load(&set, folder_join(folder, "no.json"), NULL, &err),
                     EC_ERR_NOT_FOUND);
    unlink(folder_join(folder, "PairAnnotation/test/2-b-a:cat.json"));
    unlink(folder_join(folder, "PairAnnotation/test/1-a-b:cat.json"));
    assert_int_equal(ec_keypoint_set_load(&set, folder, NULL, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "expected pairs of images, found none"));
    folder_remove(folder);
}

/* ---- our form ----------------------------------------------------------------------------- */

static ec_status load_text(ec_keypoint_set *set, const char *text, const char *split,
                           ec_error *err) {
    char folder[FOLDER_SIZE];
    folder_make(folder);
    folder_write(folder_join(folder, "set.json"), text);
    const ec_status status = ec_keypoint_set_load(set, folder_join(folder, "set.json"), split, err);
    folder_remove(folder);
    return status;
}

#define IMAGES                                                                                     \
    "\"images\": ["                                                                                \
    "{\"id\": \"z\", \"file\": \"photos/z.png\", \"width\": 64, \"height\": 48,"                   \
    "  \"points\": {\"11\": [1, 2], \"3\": [3, 4]}, \"box\": [0, 0, 10, 20]},"                     \
    "{\"id\": \"a\", \"file\": \"/photos/a.png\", \"width\": 32, \"height\": 32,"                  \
    "  \"points\": {\"3\": [5, 6], \"11\": [7, 8], \"12\": [0, 0]}},"                              \
    "{\"id\": \"unused\", \"file\": \"u.png\", \"width\": 1, \"height\": 1}]"

static void own_form_is_read(void **state) {
    (void)state;
    ec_keypoint_set set;
    ec_error err = {0};
    assert_int_equal(
        load_text(&set,
                  "{" IMAGES ", \"pairs\": ["
                  "{\"source\": \"a\", \"target\": \"z\"},"
                  "{\"id\": \"0\", \"source\": \"z\", \"target\": \"a\", \"category\": \"bird\","
                  " \"points\": [[1, 2, 3, 4.5]], \"target_box\": [0, 0, 8, 8]}]}",
                  NULL, &err),
        EC_OK);
    assert_int_equal(set.n_images, 2);
    assert_string_equal(set.images[0].path, "/photos/a.png");
    const char *path = set.images[1].path;
    assert_string_equal(path + strlen(path) - strlen("/photos/z.png"), "/photos/z.png");
    assert_int_equal(set.n_categories, 2);
    assert_string_equal(set.categories[0].name, "all");
    assert_string_equal(set.categories[1].name, "bird");
    assert_string_equal(set.pairs[0].id, "0");
    assert_string_equal(set.pairs[1].id, "000001");
    assert_true(set.pairs[0].target_points[0][1] == 4.5 && set.pairs[0].n_points == 1);
    const ec_keypoint_pair *pair = &set.pairs[1];
    assert_int_equal(pair->n_points, 2);
    assert_int_equal(pair->ids[0], 3); /* by number, not as text */
    assert_int_equal(pair->ids[1], 11);
    assert_true(pair->source_points[0][0] == 5.0 && pair->target_points[0][0] == 3.0);
    assert_true(pair->target_box[3] == 20.0); /* the target image's */
    ec_keypoint_set_release(&set);
}

static void a_split_of_our_form_is_chosen_by_name(void **state) {
    (void)state;
    static const char text[] = "{" IMAGES ", \"pairs\": ["
                               "{\"source\": \"a\", \"target\": \"z\", \"split\": \"test\"},"
                               "{\"source\": \"a\", \"target\": \"z\", \"split\": \"val\"},"
                               "{\"source\": \"a\", \"target\": \"z\"}]}";
    ec_keypoint_set set;
    ec_error err = {0};
    assert_int_equal(load_text(&set, text, "val", &err), EC_OK);
    assert_int_equal(set.n_pairs, 1);
    assert_string_equal(set.pairs[0].id, "000002");
    ec_keypoint_set_release(&set);
    assert_int_equal(load_text(&set, text, "trn", &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "none of its 3 pairs has the \"split\" 'trn'"));
}

static void pairs_without_a_common_point_are_counted(void **state) {
    (void)state;
    ec_keypoint_set set;
    ec_error err = {0};
    assert_int_equal(
        load_text(&set,
                  "{\"images\": [{\"id\": \"a\", \"file\": \"a\", \"width\": 1, \"height\": 1,"
                  " \"points\": {\"1\": [0, 0]}, \"box\": [0, 0, 1, 1]},"
                  "{\"id\": \"b\", \"file\": \"b\", \"width\": 1, \"height\": 1, \"points\": {}}],"
                  "\"pairs\": [{\"source\": \"b\", \"target\": \"a\"}]}",
                  NULL, &err),
        EC_OK);
    assert_int_equal(set.n_empty_pairs, 1);
    assert_int_equal(set.pairs[0].n_points, 0);
    ec_keypoint_set_release(&set);
}

static void own_form_errors_say_where_and_what(void **state) {
    (void)state;
#define PAIRS(pairs) "{" IMAGES ", \"pairs\": [" pairs "]}"
    static const char *const faults[][2] = {
        {"[]", "set.json: expected an object, found []"},
        {"{}", "key 'images': expected an array, found nothing"},
        {"{\"images\": [], \"pears\": []}",
         "key 'pears': expected no such key (did you mean 'pairs'?), found []"},
        {PAIRS(""), "expected pairs of images, found none"},
        {PAIRS("7"), "pair number 1: expected an object, found 7"},
        {PAIRS("{\"source\": \"y\"}"),
         "pair number 1: key 'source': expected the id of one of the images, found \"y\""},
        {PAIRS("{\"id\": \"p\", \"source\": \"z\", \"target\": 3}"),
         "pair 'p': key 'target': expected a string that is not empty, found 3"},
        {PAIRS("{\"source\": \"z\", \"target\": \"a\"}"),
         "pair number 1: key 'target_box': expected [x1, y1, x2, y2] with x2 > x1 or y2 > y1, "
         "found nothing"},
        {PAIRS("{\"source\": \"z\", \"target\": \"unused\"}"),
         "key 'points': expected points, of the pair or of both of its images, found nothing"},
        {PAIRS("{\"source\": \"a\", \"target\": \"z\", \"points\": [[1, 2, 3, 4], [1, 2, 3]]}"),
         "key 'points[1]': expected [x_source, y_source, x_target, y_target], at most 1e6 in "
         "size, found [1,2,3]"},
        {PAIRS("{\"id\": \"p\", \"source\": \"a\", \"target\": \"z\"},"
               "{\"id\": \"p\", \"source\": \"a\", \"target\": \"z\"}"),
         "expected every pair once, found 'p' twice"},
        {"{\"images\": [{\"id\": \"a\"}, {\"id\": \"a\"}], \"pairs\": []}",
         "image 'a': key 'file': expected a string that is not empty, found nothing"},
        {"{\"images\": [{\"id\": \"a\", \"file\": \"a\", \"width\": 0}], \"pairs\": []}",
         "image 'a': key 'width': expected a whole number from 1 to 65535, found 0"},
        {"{\"images\": [{\"id\": \"a\", \"file\": \"a\", \"width\": 1, \"height\": 1,"
         " \"points\": {\"01\": [1, 1]}}], \"pairs\": []}",
         "key 'points.01': expected whole numbers from 0 to 65535 as the keys of points"},
        {"{\"images\": [{\"id\": \"a\", \"file\": \"a\", \"width\": 1, \"height\": 1,"
         " \"points\": {\"1\": [1, 2e6]}}], \"pairs\": []}",
         "key 'points.1': expected [x, y], at most 1e6 in size, found [1,2000000.0]"},
        {"{\"images\": [{\"id\": \"a\", \"file\": \"a\", \"width\": 1, \"height\": 1},"
         "{\"id\": \"a\"}], \"pairs\": []}",
         "image 'a': key 'id': expected another id: it is taken, found \"a\""},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        ec_keypoint_set set;
        ec_error err = {0};
        assert_int_equal(load_text(&set, faults[i][0], NULL, &err), EC_ERR_FORMAT);
        if (strstr(err.message, faults[i][1]) == NULL)
            fail_msg("fault %zu: '%s' is not in '%s'", i, faults[i][1], err.message);
        assert_null(set.memory);
    }
}

static void the_hash_of_a_category_changes_with_what_it_says(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{" IMAGES ", \"pairs\": [{\"source\": \"a\", \"target\": \"z\"}]}",
        "{\"pairs\": [{\"source\": \"a\", \"target\": \"z\"}], " IMAGES "}", /* the same */
        "{" IMAGES ", \"pairs\": [{\"source\": \"a\", \"target\": \"z\","
        " \"target_box\": [0, 0, 10, 21]}]}",
        "{" IMAGES ", \"pairs\": [{\"source\": \"a\", \"target\": \"z\", \"points\": [[5, 6, 3, "
        "4]]}]}",
        "{" IMAGES ", \"pairs\": [{\"id\": \"x\", \"source\": \"a\", \"target\": \"z\"}]}"};
    char hash[5][33];
    for (size_t i = 0; i < 5; i++) {
        ec_keypoint_set set;
        ec_error err = {0};
        assert_int_equal(load_text(&set, texts[i], NULL, &err), EC_OK);
        assert_int_equal(ec_keypoint_category_hash(hash[i], &set, 0, &err), EC_OK);
        ec_keypoint_set_release(&set);
    }
    assert_string_equal(hash[0], hash[1]);
    for (size_t i = 2; i < 5; i++) assert_string_not_equal(hash[0], hash[i]);
}

/* ---- the real thing ----------------------------------------------------------------------- */

/* The pair files carry the points too: what both image annotations have must be those. */
static void real_pairs_have_the_points_of_their_files(void **state) {
    (void)state;
    static const char folder[] = EC_SOURCE_DIR "/../shared/data/spair-cat/SPair-71k";
    if (access(folder, R_OK) != 0) {
        print_message("%s is not there\n", folder);
        skip();
    }
    ec_keypoint_set set;
    ec_error err = {0};
    if (ec_keypoint_set_load(&set, folder, NULL, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(set.n_pairs, 600);
    assert_int_equal(set.n_images, 25);
    assert_int_equal(set.n_empty_pairs, 0);
    for (size_t i = 0; i < set.n_pairs; i++) {
        const ec_keypoint_pair *pair = &set.pairs[i];
        char path[1024];
        snprintf(path, sizeof path, "%s/PairAnnotation/test/%s.json", folder, pair->id);
        json_t *root = json_load_file(path, 0, NULL);
        assert_non_null(root);
        const json_t *ids = json_object_get(root, "kps_ids");
        assert_int_equal(json_array_size(ids), pair->n_points);
        for (size_t k = 0; k < pair->n_points; k++) {
            assert_int_equal(atoi(json_string_value(json_array_get(ids, k))), pair->ids[k]);
            for (size_t axis = 0; axis < 2; axis++) {
                const json_t *source = json_array_get(json_object_get(root, "src_kps"), k);
                const json_t *target = json_array_get(json_object_get(root, "trg_kps"), k);
                assert_true(json_number_value(json_array_get(source, axis)) ==
                            pair->source_points[k][axis]);
                assert_true(json_number_value(json_array_get(target, axis)) ==
                            pair->target_points[k][axis]);
            }
        }
        json_decref(root);
    }
    ec_keypoint_set_release(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spair_is_read_by_name_with_the_points_both_images_have),
        cmocka_unit_test(layout_says_which_pairs),
        cmocka_unit_test(what_a_pair_says_of_its_points_may_be_there),
        cmocka_unit_test(a_point_that_moved_is_told),
        cmocka_unit_test(names_without_a_colon_are_the_same_set),
        cmocka_unit_test(spair_errors_say_where_and_what),
        cmocka_unit_test(a_folder_that_is_not_spair_is_told_apart),
        cmocka_unit_test(own_form_is_read),
        cmocka_unit_test(a_split_of_our_form_is_chosen_by_name),
        cmocka_unit_test(pairs_without_a_common_point_are_counted),
        cmocka_unit_test(own_form_errors_say_where_and_what),
        cmocka_unit_test(the_hash_of_a_category_changes_with_what_it_says),
        cmocka_unit_test(real_pairs_have_the_points_of_their_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
