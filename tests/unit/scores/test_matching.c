/* test_matching.c - the whole way from photographs to correct keypoints, against Python
 *
 * tests/correspond has tiny checkpoints, tests/golden what tools/correspond_reference.py makes of
 * them with transformers and Pillow. The photographs lie beside the repository, in ../shared/data;
 * without them that comparison is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "device.h"
#include "eyechart/matching.h"
#include "folder.h"
#include "golden_csv.h"

#define SPAIR EC_SOURCE_DIR "/../shared/data/spair-cat/SPair-71k"
#define CHECKPOINTS EC_SOURCE_DIR "/tests/correspond/"

enum { CLIP, DINOV2, SIGLIP, DINOV2_112, N_ENCODERS, N_CONFIGURATIONS = 4 };
enum { FIELDS = EC_C_READOUTS * EC_C_ALPHAS, EVERY = 6 };

static const ec_feature_source sources[N_ENCODERS] = {
    [CLIP] = {.folder = CHECKPOINTS "clip"},
    [DINOV2] = {.folder = CHECKPOINTS "dinov2"},
    [SIGLIP] = {.folder = CHECKPOINTS "siglip"},
    [DINOV2_112] = {.folder = CHECKPOINTS "dinov2", .size = 112},
};

/* In the order of the goldens. */
static const struct {
    const char *name;
    size_t n, member[2];
} configurations[N_CONFIGURATIONS] = {{"clip", 1, {CLIP}},
                                      {"dinov2", 1, {DINOV2}},
                                      {"siglip", 1, {SIGLIP}},
                                      {"clip+dinov2@112", 2, {CLIP, DINOV2_112}}};

/* Pixels. Observed over all pairs: 4.7e-4, mostly of the encoder (PyTorch's own float32 is 5e-4
 * from its float64); the largest of each configuration is printed. */
static const double point_tolerance = 1e-3;

static ec_ctx *ctx;

static ec_extractor *open_at_size(size_t encoder, ec_c_protocol protocol, size_t size) {
    ec_feature_source source = sources[encoder];
    source.prepare = ec_matching_prepare(protocol);
    if (size > 0) source.size = size;
    const ec_encoder_options options = {.ctx = ctx, .interpolate_plain = true};
    ec_extractor *extractor;
    ec_error err;
    if (ec_extractor_open(&extractor, &source, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
    return extractor;
}

static ec_extractor *open_extractor(size_t encoder, ec_c_protocol protocol) {
    return open_at_size(encoder, protocol, 0);
}

static void compute_rows(ec_similarity *rows, ec_correspondence *c, const ec_keypoint_set *set,
                         ec_c_protocol protocol, size_t batch) {
    ec_image *images;
    ec_error err;
    if (ec_matching_images_load(&images, set, 0, 2, &err) != EC_OK) fail_msg("%s", err.message);
    for (size_t e = 0; e < N_ENCODERS; e++) {
        ec_extractor *extractor = open_extractor(e, protocol);
        const ec_matching_options options = {.batch = batch};
        if (ec_matching_rows(&rows[e], c, extractor, sources[e].folder, protocol, set, 0, images,
                             &options, &err) != EC_OK)
            fail_msg("%s", err.message);
        ec_extractor_close(extractor);
    }
    ec_matching_images_free(images, set, 0);
}

/* Right points of every pair: equal. */
static void check_pairs(const ec_pair_result *results, const ec_keypoint_set *set, size_t which,
                        ec_c_protocol protocol) {
    golden_csv g;
    golden_open(&g, "correspond-pairs.csv");
    for (size_t i = 0; i < set->n_pairs; i++) {
        assert_true(golden_next(&g));
        assert_string_equal(g.field[0], set->pairs[i].id);
        assert_int_equal(results[i].n_points, (int)golden_number(&g, 1));
        for (size_t k = 0; k < FIELDS; k++) {
            const size_t readout = k / EC_C_ALPHAS, alpha = k % EC_C_ALPHAS;
            const int expected =
                (int)golden_number(&g, 2 + (which * EC_C_PROTOCOLS + protocol) * FIELDS + k);
            if (results[i].correct[readout][alpha] != expected)
                fail_msg("%s, %s, %s, %s at %.2f: %d right, expected %d",
                         configurations[which].name, set->pairs[i].id, ec_c_protocol_name(protocol),
                         ec_c_readout_name(readout), ec_c_alpha(alpha),
                         results[i].correct[readout][alpha], expected);
        }
    }
    assert_false(golden_next(&g));
}

/* Predicted points of every sixth pair. */
static void check_points(const ec_point_prediction *predicted, const ec_keypoint_set *set,
                         size_t which, ec_c_protocol protocol, const ec_tensor *expected) {
    size_t from = 0, at = 0;
    double worst = 0.0;
    for (size_t i = 0; i < set->n_pairs; from += set->pairs[i++].n_points) {
        if (i % EVERY != 0) continue;
        for (size_t k = 0; k < set->pairs[i].n_points; k++, at++) {
            float reference[EC_C_READOUTS * 2];
            const size_t place = (at * N_CONFIGURATIONS + which) * EC_C_PROTOCOLS + protocol;
            ec_tensor_to_f32(reference, expected, place * EC_C_READOUTS * 2, EC_C_READOUTS * 2);
            for (size_t r = 0; r < EC_C_READOUTS; r++) {
                const double x = predicted[from + k].at[r][0] - (double)reference[2 * r];
                const double y = predicted[from + k].at[r][1] - (double)reference[2 * r + 1];
                worst = fmax(worst, fmax(fabs(x), fabs(y)));
            }
            if (!(worst < point_tolerance))
                fail_msg("%s, %s, %s, point %zu: off by %.2g pixels", configurations[which].name,
                         set->pairs[i].id, ec_c_protocol_name(protocol), k, worst);
        }
    }
    assert_int_equal(at, expected->shape[0]);
    print_message("%s, %s: points within %.1e pixels\n", configurations[which].name,
                  ec_c_protocol_name(protocol), worst);
}

/* Every pair's PCK and predicted points of three encoders and a combination, both protocols. */
static void cats_of_spair_agree_with_the_python_reference(void **state) {
    (void)state;
    if (access(SPAIR, R_OK) != 0) skip();
    ec_keypoint_set set;
    ec_correspondence *c;
    ec_weights *golden;
    ec_error err;
    assert_int_equal(ec_keypoint_set_load(&set, SPAIR, NULL, &err), EC_OK);
    assert_int_equal(set.n_pairs, 600);
    assert_int_equal(ec_correspondence_new(&c, ctx, &err), EC_OK);
    assert_int_equal(
        ec_weights_open(&golden, EC_SOURCE_DIR "/tests/golden/correspond-points.safetensors", &err),
        EC_OK);
    const ec_tensor *points = ec_weights_find(golden, "points");
    ec_pair_result *results = malloc(set.n_pairs * sizeof *results);
    ec_point_prediction *predicted = malloc(set.categories[0].n_points * sizeof *predicted);
    for (ec_c_protocol protocol = EC_C_AUTHORS; protocol <= EC_C_CONSISTENT; protocol++) {
        ec_similarity rows[N_ENCODERS];
        compute_rows(rows, c, &set, protocol, 8);
        for (size_t i = 0; i < N_CONFIGURATIONS; i++) {
            ec_similarity members[2];
            for (size_t k = 0; k < configurations[i].n; k++)
                members[k] = rows[configurations[i].member[k]];
            const uint32_t subset = configurations[i].n == 2 ? 3 : 1;
            const ec_c_combinations all = {members, configurations[i].n, &subset, 1, false};
            if (ec_correspondence_judge(results, predicted, c, &set, 0, protocol, &all, &err) !=
                EC_OK)
                fail_msg("%s", err.message);
            check_pairs(results, &set, i, protocol);
            check_points(predicted, &set, i, protocol, points);
        }
        for (size_t e = 0; e < N_ENCODERS; e++) ec_matching_rows_release(&rows[e]);
    }
    free(results);
    free(predicted);
    ec_weights_close(golden);
    ec_correspondence_free(c);
    ec_keypoint_set_release(&set);
}

/* ---- on images that the test makes ---- */

/* Two pictures of coloured noise, 90 x 60 and 60 x 90, a pair each way and of each with itself. The
 * annotation may be wrong about the height of the first. */
static ec_keypoint_set noise_set(char *folder, int height) {
    for (int i = 0; i < 2; i++) {
        const int w = i == 0 ? 90 : 60, h = 150 - w;
        uint32_t noise = 12345U + (uint32_t)i;
        FILE *out = fopen(folder_join(folder, i == 0 ? "a.ppm" : "b.ppm"), "wb");
        assert_non_null(out);
        fprintf(out, "P6 %d %d 255\n", w, h);
        for (int k = 0; k < 3 * w * h; k++) {
            noise = noise * 1664525U + 1013904223U;
            fputc((int)(noise >> 24), out);
        }
        fclose(out);
    }
    char text[1024];
    snprintf(text, sizeof text,
             "{\"images\": ["
             "{\"id\": \"a\", \"file\": \"a.ppm\", \"width\": 90, \"height\": %d, "
             "\"box\": [0, 0, 80, 50], \"points\": {\"0\": [10, 11], \"1\": [70, 40]}},"
             "{\"id\": \"b\", \"file\": \"b.ppm\", \"width\": 60, \"height\": 90, "
             "\"box\": [5, 5, 50, 80], \"points\": {\"0\": [12, 20], \"1\": [33, 71]}}],"
             "\"pairs\": [{\"source\": \"a\", \"target\": \"b\"}, {\"source\": \"b\", \"target\": "
             "\"a\"}, {\"source\": \"a\", \"target\": \"a\"}, {\"source\": \"b\", \"target\": "
             "\"b\"}]}",
             height);
    folder_write(folder_join(folder, "set.json"), text);
    ec_keypoint_set set;
    ec_error err;
    if (ec_keypoint_set_load(&set, folder_join(folder, "set.json"), NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
    return set;
}

typedef struct {
    char folder[FOLDER_SIZE];
    ec_keypoint_set set;
    ec_correspondence *c;
    ec_image *images;
} noise;

static void noise_start(noise *n) {
    ec_error err;
    folder_make(n->folder);
    n->set = noise_set(n->folder, 60);
    assert_int_equal(ec_correspondence_new(&n->c, ctx, &err), EC_OK);
    if (ec_matching_images_load(&n->images, &n->set, 0, 2, &err) != EC_OK)
        fail_msg("%s", err.message);
}

static void noise_end(noise *n) {
    ec_matching_images_free(n->images, &n->set, 0);
    ec_correspondence_free(n->c);
    ec_keypoint_set_release(&n->set);
    folder_remove(n->folder);
}

/* The same image on both sides: the best patch of a point is its own, so the prediction is the
 * centre of that patch, under both protocols; and with 4 pixels behind the last whole patch, which
 * belong to none: patches stay 7 pixels wide. */
static void an_image_is_found_in_itself(void **state) {
    (void)state;
    noise n;
    ec_error err;
    noise_start(&n);
    for (int run = 0; run <= EC_C_PROTOCOLS; run++) {
        const ec_c_protocol protocol = run == EC_C_AUTHORS ? EC_C_AUTHORS : EC_C_CONSISTENT;
        ec_extractor *extractor = open_at_size(CLIP, protocol, run < EC_C_PROTOCOLS ? 0 : 116);
        ec_similarity rows;
        assert_int_equal(ec_matching_rows(&rows, n.c, extractor, "clip", protocol, &n.set, 0,
                                          n.images, NULL, &err),
                         EC_OK);
        ec_point_prediction predicted[8];
        const uint32_t one = 1;
        const ec_c_combinations all = {&rows, 1, &one, 1, false};
        assert_int_equal(
            ec_correspondence_judge(NULL, predicted, n.c, &n.set, 0, protocol, &all, &err), EC_OK);
        size_t point = 0;
        for (size_t i = 0; i < n.set.n_pairs; i++) {
            const ec_keypoint_pair *pair = &n.set.pairs[i];
            const ec_c_frame f = rows.frames[pair->target];
            const double stride = protocol == EC_C_AUTHORS ? f.side / (double)rows.grid : 7.0;
            assert_int_equal(rows.grid, 16);
            for (size_t k = 0; k < pair->n_points; k++, point++) {
                if (pair->source != pair->target) continue;
                const double *found = predicted[point].at[EC_C_ARGMAX];
                const double x = f.scale_x * pair->source_points[k][0] + f.offset_x;
                const double y = f.scale_y * pair->source_points[k][1] + f.offset_y;
                const double u = fmin(floor(x / stride), 15.0) * stride,
                             v = fmin(floor(y / stride), 15.0) * stride;
                if (protocol == EC_C_AUTHORS) {
                    assert_float_equal(found[0], u + floor(stride / 2), 1e-9);
                    assert_float_equal(found[1], v + floor(stride / 2), 1e-9);
                } else {
                    assert_float_equal(found[0], (u + stride / 2 - f.offset_x) / f.scale_x, 1e-9);
                    assert_float_equal(found[1], (v + stride / 2 - f.offset_y) / f.scale_y, 1e-9);
                }
            }
        }
        ec_matching_rows_release(&rows);
        ec_extractor_close(extractor);
    }
    noise_end(&n);
}

static void rows_do_not_depend_on_the_batch(void **state) {
    (void)state;
    noise n;
    ec_error err;
    noise_start(&n);
    ec_extractor *extractor = open_extractor(SIGLIP, EC_C_CONSISTENT);
    ec_similarity one, two;
    assert_int_equal(ec_matching_rows(&one, n.c, extractor, "siglip", EC_C_CONSISTENT, &n.set, 0,
                                      n.images, &(ec_matching_options){.batch = 1}, &err),
                     EC_OK);
    assert_int_equal(ec_matching_rows(&two, n.c, extractor, "siglip", EC_C_CONSISTENT, &n.set, 0,
                                      n.images, &(ec_matching_options){.batch = 2}, &err),
                     EC_OK);
    assert_memory_equal(one.rows, two.rows,
                        n.set.categories[0].n_points * one.grid * one.grid * sizeof(float));
    ec_matching_rows_release(&one);
    ec_matching_rows_release(&two);
    ec_extractor_close(extractor);
    noise_end(&n);
}

static bool stop_at_once(void *context, size_t n_images_done) {
    *(size_t *)context = n_images_done;
    return false;
}

static void the_watcher_stops_after_its_batch(void **state) {
    (void)state;
    noise n;
    ec_error err;
    noise_start(&n);
    ec_extractor *extractor = open_extractor(CLIP, EC_C_AUTHORS);
    size_t seen = 0;
    ec_similarity rows;
    const ec_matching_options options = {.batch = 1, .see = stop_at_once, .context = &seen};
    assert_int_equal(ec_matching_rows(&rows, n.c, extractor, "clip", EC_C_AUTHORS, &n.set, 0,
                                      n.images, &options, &err),
                     EC_ERR_INTERRUPTED);
    assert_int_equal(seen, 1);
    assert_null(rows.rows);
    ec_extractor_close(extractor);
    noise_end(&n);
}

/* Features of squashed images must not pass for those of padded ones. */
static void an_extractor_of_the_other_protocol_is_refused(void **state) {
    (void)state;
    noise n;
    ec_error err;
    noise_start(&n);
    for (ec_c_protocol protocol = EC_C_AUTHORS; protocol <= EC_C_CONSISTENT; protocol++) {
        ec_extractor *extractor = open_extractor(CLIP, protocol);
        const ec_c_protocol other = protocol == EC_C_AUTHORS ? EC_C_CONSISTENT : EC_C_AUTHORS;
        ec_similarity rows;
        assert_int_equal(
            ec_matching_rows(&rows, n.c, extractor, "clip", other, &n.set, 0, n.images, NULL, &err),
            EC_ERR_ARG);
        assert_non_null(strstr(err.message, ec_c_protocol_name(other)));
        ec_extractor_close(extractor);
    }
    noise_end(&n);
}

static void a_wrong_size_in_the_annotation_is_named(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    ec_keypoint_set set = noise_set(folder, 61);
    ec_image *images;
    ec_error err;
    assert_int_equal(ec_matching_images_load(&images, &set, 0, 2, &err), EC_ERR_FORMAT);
    assert_null(images);
    assert_non_null(strstr(err.message, "a.ppm"));
    assert_non_null(strstr(err.message, "90 x 61"));
    remove(folder_join(folder, "b.ppm"));
    set.images[0].height = 60;
    assert_int_equal(ec_matching_images_load(&images, &set, 0, 2, &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "b.ppm"));
    ec_keypoint_set_release(&set);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_found_in_itself),
        cmocka_unit_test(rows_do_not_depend_on_the_batch),
        cmocka_unit_test(the_watcher_stops_after_its_batch),
        cmocka_unit_test(an_extractor_of_the_other_protocol_is_refused),
        cmocka_unit_test(a_wrong_size_in_the_annotation_is_named),
        cmocka_unit_test(cats_of_spair_agree_with_the_python_reference),
    };
#if defined(__SANITIZE_THREAD__)
    cmocka_set_skip_filter("cats_*"); /* numbers, not threads: the other builds run it */
#endif
    ctx = open_device(NULL, 2);
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    ec_ctx_free(ctx);
    return n_failed;
}
