/* PCK of results made by hand, and its standard errors against drawing images in f64. */
#include "unit/scores/correspondence_sets.h"

/* ---- PCK ---------------------------------------------------------------------------------- */

#define BARE_IMAGE(id)                                                                             \
    "{\"id\": \"" id "\", \"file\": \"f\", \"width\": 9, \"height\": 9, \"points\": {\"0\": [1, "  \
    "1]}, \"box\": [0, 0, 5, 5]}"

static ec_pair_result result(uint8_t n_points, uint8_t correct) {
    ec_pair_result r = {.n_points = n_points};
    for (size_t i = 0; i < EC_C_READOUTS * EC_C_ALPHAS; i++)
        r.correct[i / EC_C_ALPHAS][i % EC_C_ALPHAS] = i == 0 ? correct : 0;
    return r;
}

static void pck_is_the_mean_over_pairs_and_over_points(void **state) {
    (void)state;
    ec_keypoint_set set =
        read_set("{\"images\": [" BARE_IMAGE("a") "," BARE_IMAGE("b") "," BARE_IMAGE(
            "c") "],"
                 "\"pairs\": [{\"source\": \"a\", \"target\": \"b\", \"category\": \"x\"},"
                 "{\"source\": \"b\", \"target\": \"c\", \"category\": \"x\"},"
                 "{\"source\": \"c\", \"target\": \"a\", \"category\": \"y\"},"
                 "{\"source\": \"c\", \"target\": \"b\", \"category\": \"z\"}]}");
    ec_correspondence *c = new_correspondence(1);
    const ec_pair_result results[] = {result(2, 1), result(8, 8), result(10, 0), result(0, 0)};
    ec_pck overall, categories[3];
    ec_error err = {0};
    assert_int_equal(ec_pck_summarise(&overall, categories, c, &set, results, 50, 1, &err), EC_OK);
    assert_float_equal(categories[0].per_image[EC_C_SOFT][0], 75.0, 1e-9);
    assert_float_equal(categories[0].per_point[EC_C_SOFT][0], 90.0, 1e-9);
    assert_float_equal(categories[0].per_point[EC_C_ARGMAX][2], 0.0, 1e-9);
    assert_int_equal(categories[0].n_images, 3);
    assert_int_equal(categories[1].n_pairs, 1);
    assert_true(isnan(categories[1].per_image_error[EC_C_SOFT][0])); /* two images */
    assert_int_equal(categories[2].n_pairs, 0);
    assert_true(isnan(categories[2].per_image[EC_C_SOFT][0]));
    assert_float_equal(overall.per_image[EC_C_SOFT][0], 50.0, 1e-9);
    assert_float_equal(overall.per_point[EC_C_SOFT][0], 45.0, 1e-9);
    assert_int_equal(overall.n_pairs, 3);
    assert_int_equal(overall.n_points, 20);
    assert_int_equal(overall.n_images, 3);

    const ec_pair_result bad[] = {result(2, 3), result(8, 8), result(10, 0), result(0, 0)};
    assert_int_equal(ec_pck_summarise(&overall, NULL, c, &set, bad, 50, 1, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "pair '000001'"));
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

/* The bootstrap of four images is small enough to enumerate: all 4^4 draws, each as likely, those
 * that leave no pair aside. */
static void standard_errors_are_those_of_drawing_images(void **state) {
    (void)state;
    ec_keypoint_set set = read_set("{\"images\": [" BARE_IMAGE("a") "," BARE_IMAGE(
        "b") "," BARE_IMAGE("c") "," BARE_IMAGE("d") "],"
                                                     "\"pairs\": ["
                                                     "{\"source\": \"a\", \"target\": \"b\"},"
                                                     "{\"source\": \"b\", \"target\": \"c\"},"
                                                     "{\"source\": \"c\", \"target\": \"a\"},"
                                                     "{\"source\": \"d\", \"target\": \"d\"},"
                                                     "{\"source\": \"a\", \"target\": \"d\"}]}");
    const ec_pair_result results[] = {result(2, 1), result(8, 8), result(10, 1), result(4, 3),
                                      result(3, 0)};
    double sum = 0.0, squares = 0.0, n = 0.0, point_sum = 0.0, point_squares = 0.0;
    for (int draw = 0; draw < 256; draw++) {
        double count[4] = {0}, pairs = 0.0, rate = 0.0, points = 0.0, correct = 0.0;
        for (int i = 0; i < 4; i++) count[draw >> (2 * i) & 3] += 1.0;
        for (size_t p = 0; p < 5; p++) {
            const ec_keypoint_pair *pair = &set.pairs[p];
            const double w = pair->source == pair->target
                                 ? count[pair->source]
                                 : count[pair->source] * count[pair->target];
            pairs += w;
            rate += w * results[p].correct[0][0] / results[p].n_points;
            points += w * results[p].n_points;
            correct += w * results[p].correct[0][0];
        }
        if (pairs == 0.0) continue;
        n += 1.0;
        sum += 100.0 * rate / pairs;
        squares += pow(100.0 * rate / pairs, 2.0);
        point_sum += 100.0 * correct / points;
        point_squares += pow(100.0 * correct / points, 2.0);
    }
    const double expected = sqrt(squares / n - pow(sum / n, 2.0));
    const double expected_point = sqrt(point_squares / n - pow(point_sum / n, 2.0));

    ec_pck overall, again;
    ec_error err = {0};
    ec_correspondence *c = new_correspondence(2), *one = new_correspondence(1);
    assert_int_equal(ec_pck_summarise(&overall, NULL, c, &set, results, 20000, 3, &err), EC_OK);
    assert_float_equal(overall.per_image_error[EC_C_SOFT][0] / expected, 1.0, 0.02);
    assert_float_equal(overall.per_point_error[EC_C_SOFT][0] / expected_point, 1.0, 0.02);
    assert_float_equal(overall.per_image_error[EC_C_ARGMAX][0], 0.0, 1e-12);
    assert_int_equal(ec_pck_summarise(&again, NULL, one, &set, results, 20000, 3, &err), EC_OK);
    assert_memory_equal(&overall, &again, sizeof overall);
    assert_int_equal(ec_pck_summarise(&again, NULL, one, &set, results, 20000, 4, &err), EC_OK);
    assert_true(again.per_image_error[EC_C_SOFT][0] != overall.per_image_error[EC_C_SOFT][0]);
    free_correspondence(c);
    free_correspondence(one);
    ec_keypoint_set_release(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pck_is_the_mean_over_pairs_and_over_points),
        cmocka_unit_test(standard_errors_are_those_of_drawing_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
