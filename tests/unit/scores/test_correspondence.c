/* The C score, against what must come out of features made for the purpose and against a reading of
 * rows that follows the definition word by word in f64. */
#include "unit/scores/correspondence_sets.h"

/* ---- sets and features for tests ---------------------------------------------------------- */

/* n_images of different sizes, every ordered pair of different ones, and a pair of each with
 * itself; n_points points anywhere, some on and beyond the border. */
static ec_keypoint_set random_set(size_t n_images, size_t n_points, uint64_t seed) {
    ec_rng rng;
    ec_rng_init(&rng, seed, 0);
    char *text = malloc(1 << 20), *at = text;
    assert_non_null(text);
    at += sprintf(at, "{\"images\": [");
    for (size_t i = 0; i < n_images; i++) {
        const size_t w = 200 + ec_rng_below(&rng, 400), h = 200 + ec_rng_below(&rng, 400);
        at +=
            sprintf(at,
                    "%s{\"id\": \"i%zu\", \"file\": \"i%zu.jpg\", \"width\": %zu, \"height\": %zu,"
                    " \"box\": [10, 10, %zu, %zu], \"points\": {",
                    i > 0 ? "," : "", i, i, w, h, w / 2, h - 20);
        for (size_t k = 0; k < n_points; k++) {
            double x = ec_rng_uniform(&rng) * (double)w, y = ec_rng_uniform(&rng) * (double)h;
            if (k == 0) x = (double)w;
            if (k == 1) y = -3.0;
            at += sprintf(at, "%s\"%zu\": [%.3f, %.3f]", k > 0 ? "," : "", k, x, y);
        }
        at += sprintf(at, "}}");
    }
    at += sprintf(at, "], \"pairs\": [");
    for (size_t i = 0; i < n_images; i++)
        for (size_t k = 0; k < n_images; k++)
            at += sprintf(at, "%s{\"source\": \"i%zu\", \"target\": \"i%zu\"}",
                          i + k > 0 ? "," : "", i, k);
    sprintf(at, "]}");
    const ec_keypoint_set set = read_set(text);
    free(text);
    return set;
}

/* Unit rows that are alike by `similarity` on average. */
static float *random_features(ec_correspondence *c, size_t n_images, size_t grid, size_t channels,
                              double similarity, uint64_t seed) {
    const size_t n = n_images * grid * grid;
    float *rows = malloc(n * channels * sizeof *rows);
    assert_non_null(rows);
    ec_rng rng;
    ec_rng_init(&rng, seed, 1);
    float common[64];
    for (size_t k = 0; k < channels; k++)
        common[k] = (float)(sqrt(similarity) * ec_rng_normal(&rng));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < channels; k++)
            rows[i * channels + k] =
                common[k] + (float)(sqrt(1.0 - similarity) * ec_rng_normal(&rng));
    ec_error err;
    assert_int_equal(ec_features_normalise(c, rows, n, channels, &err), EC_OK);
    return rows;
}

static ec_c_frame *frames_of(const ec_keypoint_set *set, ec_c_protocol protocol, double side) {
    ec_c_frame *frames = malloc(set->n_images * sizeof *frames);
    assert_non_null(frames);
    for (size_t i = 0; i < set->n_images; i++) {
        const double w = (double)set->images[i].width, h = (double)set->images[i].height;
        const double scale = side / fmax(w, h);
        frames[i] = protocol == EC_C_AUTHORS
                        ? ec_c_frame_authors(set->images[i].width, set->images[i].height)
                        : (ec_c_frame){scale, scale, floor((side - scale * w) / 2.0),
                                       floor((side - scale * h) / 2.0), side};
    }
    return frames;
}

/* Rows of category 0, of patches that cover so many pixels of the side; release with
 * release_similarity. */
static ec_similarity covered_similarity_of(ec_correspondence *c, const ec_keypoint_set *set,
                                           const float *features, size_t grid, size_t channels,
                                           ec_c_protocol protocol, double side, double covered) {
    ec_similarity s = {.name = "toy",
                       .grid = grid,
                       .frames = frames_of(set, protocol, side),
                       .covers = covered / side};
    s.rows = malloc((set->categories[0].n_points * grid * grid + 1) * sizeof *s.rows);
    assert_non_null(s.rows);
    ec_error err;
    assert_int_equal(ec_similarity_compute(&s, c, set, 0, features, channels, &err), EC_OK);
    return s;
}

static ec_similarity similarity_of(ec_correspondence *c, const ec_keypoint_set *set,
                                   const float *features, size_t grid, size_t channels,
                                   ec_c_protocol protocol, double side) {
    return covered_similarity_of(c, set, features, grid, channels, protocol, side, side);
}

static void release_similarity(ec_similarity *s) {
    free(s->rows);
    free((void *)s->frames);
}

static void judge(ec_pair_result *results, ec_point_prediction *predictions, ec_correspondence *c,
                  const ec_keypoint_set *set, ec_c_protocol protocol, const ec_similarity *members,
                  size_t n_members, const uint32_t *subsets, size_t n_subsets) {
    ec_error err;
    const ec_c_combinations all = {members, n_members, subsets, n_subsets, false};
    assert_int_equal(ec_correspondence_judge(results, predictions, c, set, 0, protocol, &all, &err),
                     EC_OK);
}

static const uint32_t alone[1] = {1};

/* ---- frames ------------------------------------------------------------------------------- */

/* Expected values from numpy: int((840 - int(np.around(840 * h / w))) / 2). */
static void the_frame_of_the_authors_rounds_half_to_even(void **state) {
    (void)state;
    static const struct {
        size_t w, h;
        double scale, ox, oy;
    } cases[] = {
        {500, 375, 1.68, 0.0, 105.0},
        {375, 500, 1.68, 105.0, 0.0},
        {640, 427, 1.3125, 0.0, 140.0},
        {560, 375, 1.5, 0.0, 139.0} /* 562.5 -> 562 */,
        {560, 377, 1.5, 0.0, 137.0} /* 565.5 -> 566 */,
        {840, 840, 1.0, 0.0, 0.0},
        {500, 333, 1.68, 0.0, 140.0}, /* 559 -> 140.5 -> 140 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ec_c_frame f = ec_c_frame_authors(cases[i].w, cases[i].h);
        assert_true(f.scale_x == cases[i].scale && f.scale_y == cases[i].scale);
        assert_true(f.offset_x == cases[i].ox && f.offset_y == cases[i].oy && f.side == 840.0);
    }
}

/* ---- reading a row ------------------------------------------------------------------------ */

/* The definition: mask, softmax over all patches, expectation on linspace(-1, 1, P). */
static void read_plainly(double out[2], const float *row, size_t grid, size_t n_members) {
    const size_t n = grid * grid;
    size_t m = 0;
    for (size_t i = 1; i < n; i++)
        if (row[i] > row[m]) m = i;
    double *s = malloc(n * sizeof *s), highest = -INFINITY, sum = 0.0, x = 0.0, y = 0.0;
    assert_non_null(s);
    for (size_t i = 0; i < n; i++) {
        const int dx = abs((int)(i % grid) - (int)(m % grid));
        const int dy = abs((int)(i / grid) - (int)(m / grid));
        s[i] = dx <= 5 && dy <= 5 ? (double)row[i] / (double)n_members : 0.0;
        highest = fmax(highest, s[i]);
    }
    for (size_t i = 0; i < n; i++) sum += s[i] = exp((s[i] - highest) / 0.02);
    const double step = grid > 1 ? 2.0 / (double)(grid - 1) : 0.0;
    for (size_t i = 0; i < n; i++) {
        x += s[i] / sum * (-1.0 + step * (double)(i % grid));
        y += s[i] / sum * (-1.0 + step * (double)(i / grid));
    }
    free(s);
    out[0] = (x + 1.0) * (double)(grid - 1) / 2.0;
    out[1] = (y + 1.0) * (double)(grid - 1) / 2.0;
}

/* What this CPU can run. */
static size_t list_kernels(const ec_row_kernels *out[2]) {
    ec_correspondence *c = new_correspondence(1);
    out[0] = &ec_row_kernels_portable;
    out[1] = c->kernels;
    free_correspondence(c);
    return out[1] == out[0] ? 1 : 2;
}

/* Rows high and low, flat and peaked, negative and of several members, on every kind of grid. Seen:
 * 1e-4 pixels of the frame of 840; the reference must be met to 1e-3. */
static void a_row_is_read_as_the_definition_says(void **state) {
    (void)state;
    static const size_t grids[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 14, 16, 24, 27, 32, 37};
    const ec_row_kernels *kernels[2];
    const size_t n_kernels = list_kernels(kernels);
    ec_rng rng;
    ec_rng_init(&rng, 5, 0);
    double worst = 0.0;
    for (size_t g = 0; g < sizeof grids / sizeof *grids; g++)
        for (size_t trial = 0; trial < 400; trial++) {
            const size_t grid = grids[g], n = grid * grid, members = 1 + ec_rng_below(&rng, 4);
            const ec_row_kernels *k = kernels[trial % n_kernels];
            float row[37 * 37];
            const double mean = 1.4 * ec_rng_uniform(&rng) - 0.7, spread = ec_rng_uniform(&rng) / 4;
            for (size_t i = 0; i < n; i++)
                row[i] = (float)((double)members * (mean + spread * (ec_rng_uniform(&rng) - 0.5)));
            double expected[2], at[EC_C_READOUTS][2];
            read_plainly(expected, row, grid, members);
            k->read(at, row, grid, k->argmax(row, n), members);
            for (int axis = 0; axis < 2; axis++) {
                const double off =
                    fabs(at[EC_C_SOFT][axis] - expected[axis]) * 840.0 / (double)grid;
                worst = fmax(worst, off);
                if (!(off < 5e-4))
                    fail_msg("grid %zu, mean %g, spread %g: %g, expected %g", grid, mean, spread,
                             at[EC_C_SOFT][axis], expected[axis]);
            }
        }
    print_message("largest difference: %.2g pixels of 840\n", worst);
}

/* Of equals the first, wherever vectors begin and end; sums likewise. */
static void the_largest_is_the_first_of_equals(void **state) {
    (void)state;
    const ec_row_kernels *kernels[2];
    const size_t n_kernels = list_kernels(kernels);
    float row[150], half[150], sum[150];
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t n = 1; n <= 150; n++)
            for (size_t first = 0; first < n; first++) {
                for (size_t i = 0; i < n; i++) row[i] = i % 7 == 0 ? -0.25f : -0.5f - (float)i;
                for (size_t i = first; i < n; i += 5) row[i] = -0.125f;
                assert_int_equal(kernels[k]->argmax(row, n), first);
                for (size_t i = 0; i < n; i++) half[i] = row[i] / 2.0f;
                assert_int_equal(kernels[k]->add(sum, half, half, n), first);
                assert_memory_equal(sum, row, n * sizeof *row);
            }
}

/* ---- features made for the purpose -------------------------------------------------------- */

/* Patch i of an image is the unit vector of channel (place of i moved by dx, dy around the edges).
 */
static float *one_hot(size_t n_images, size_t grid, const int (*moved)[2]) {
    const size_t n = grid * grid;
    float *rows = calloc(n_images * n * n, sizeof *rows);
    assert_non_null(rows);
    const int p = (int)grid;
    for (size_t image = 0; image < n_images; image++)
        for (int y = 0; y < p; y++)
            for (int x = 0; x < p; x++) {
                const int from_x = ((x - moved[image][0]) % p + p) % p;
                const int from_y = ((y - moved[image][1]) % p + p) % p;
                rows[(image * n + (size_t)(y * p + x)) * n + (size_t)(from_y * p + from_x)] = 1.0f;
            }
    return rows;
}

static size_t expected_patch(double at, double side, size_t grid) {
    const int patch = (int)((double)grid / side * at);
    return patch < 0 ? 0 : patch >= (int)grid ? grid - 1 : (size_t)patch;
}

/* One-hot features, each image's moved by a known number of patches: every point's patch is found
 * where it went, and an image's own patches at their centres. Points on and beyond the border fall
 * into the outermost patches, and so do those that no whole patch covers: a third run has patches
 * of 14 pixels in inputs of 6 more, as SigLIP so400m/14 at 384. */
static void one_hot_features_are_found_where_they_were_moved(void **state) {
    (void)state;
    static const int moved[3][2] = {{0, 0}, {2, 1}, {-3, 4}};
    static const size_t grids[] = {7, 14, 16};
    ec_correspondence *c = new_correspondence(1);
    ec_keypoint_set set = random_set(3, 12, 7);
    const ec_keypoint_category *category = &set.categories[0];
    ec_point_prediction *predictions = malloc(category->n_points * sizeof *predictions);
    ec_pair_result *results = malloc(category->n_pairs * sizeof *results);
    assert_non_null(predictions);
    assert_non_null(results);
    for (size_t g = 0; g < 3; g++)
        for (int run = 0; run < EC_C_PROTOCOLS + 1; run++) {
            const int protocol = run < EC_C_PROTOCOLS ? run : EC_C_CONSISTENT;
            const size_t grid = grids[g];
            const double side = protocol == EC_C_AUTHORS ? 840.0 : 14.0 * (double)grid;
            const double input = run < EC_C_PROTOCOLS ? side : side + 6.0;
            float *features = one_hot(3, grid, moved);
            ec_similarity s = covered_similarity_of(c, &set, features, grid, grid * grid,
                                                    (ec_c_protocol)protocol, input, side);
            judge(results, predictions, c, &set, (ec_c_protocol)protocol, &s, 1, alone, 1);
            size_t point = 0;
            for (size_t i = 0; i < set.n_pairs; i++) {
                const ec_keypoint_pair *pair = &set.pairs[i];
                const ec_c_frame *from = &s.frames[pair->source], *to = &s.frames[pair->target];
                for (size_t k = 0; k < pair->n_points; k++, point++) {
                    const double stride = side / (double)grid;
                    double expected[2];
                    for (int axis = 0; axis < 2; axis++) {
                        const double scale = axis == 0 ? from->scale_x : from->scale_y;
                        const double offset = axis == 0 ? from->offset_x : from->offset_y;
                        const size_t patch = expected_patch(
                            scale * pair->source_points[k][axis] + offset, side, grid);
                        const int p = (int)grid,
                                  by = moved[pair->target][axis] - moved[pair->source][axis];
                        const double at = (double)((((int)patch + by) % p + p) % p);
                        expected[axis] = protocol == EC_C_AUTHORS
                                             ? at * stride + floor(stride / 2.0)
                                             : ((at + 0.5) * stride -
                                                (axis == 0 ? to->offset_x : to->offset_y)) /
                                                   (axis == 0 ? to->scale_x : to->scale_y);
                        assert_float_equal(predictions[point].at[EC_C_ARGMAX][axis], expected[axis],
                                           1e-9);
                        /* exp(-50) of the others' weight remains. */
                        assert_float_equal(predictions[point].at[EC_C_SOFT][axis], expected[axis],
                                           1e-6);
                    }
                }
            }
            free(features);
            release_similarity(&s);
        }
    free(results);
    free(predictions);
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

/* The golden cases of the half stride: 26 for a grid of 16, 17 for 24, 30 for 14, 13 for 32. */
static void the_authors_add_the_floor_of_half_a_stride(void **state) {
    (void)state;
    static const struct {
        size_t grid;
        double half;
    } cases[] = {{16, 26.0}, {24, 17.0}, {14, 30.0}, {32, 13.0}};
    static const int moved[1][2] = {{0, 0}};
    ec_correspondence *c = new_correspondence(1);
    ec_keypoint_set set =
        read_set("{\"images\": [{\"id\": \"a\", \"file\": \"a\", \"width\": 840, \"height\": 840,"
                 " \"points\": {\"0\": [0, 0]}, \"box\": [0, 0, 840, 840]}],"
                 " \"pairs\": [{\"source\": \"a\", \"target\": \"a\"}]}");
    for (size_t i = 0; i < 4; i++) {
        const size_t grid = cases[i].grid;
        float *features = one_hot(1, grid, moved);
        ec_similarity s = similarity_of(c, &set, features, grid, grid * grid, EC_C_AUTHORS, 840.0);
        ec_point_prediction p;
        judge(NULL, &p, c, &set, EC_C_AUTHORS, &s, 1, alone, 1);
        assert_true(p.at[EC_C_ARGMAX][0] == cases[i].half);
        assert_true(p.at[EC_C_ARGMAX][1] == cases[i].half);
        free(features);
        release_similarity(&s);
    }
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

/* A distance of exactly alpha times the box is wrong, a little less is right. The prediction is the
 * centre of patch (0, 0): (8, 8). */
static void the_threshold_is_strict(void **state) {
    (void)state;
    static const int moved[2][2] = {{0, 0}, {0, 0}};
    ec_correspondence *c = new_correspondence(1);
    ec_keypoint_set set = read_set(
        "{\"images\": [{\"id\": \"a\", \"file\": \"a\", \"width\": 64, \"height\": 64},"
        "{\"id\": \"b\", \"file\": \"b\", \"width\": 64, \"height\": 64}],"
        " \"pairs\": [{\"source\": \"a\", \"target\": \"b\", \"target_box\": [0, 0, 7, 100],"
        " \"points\": [[1, 1, 18, 8], [1, 1, 17.99, 8], [1, 1, 8, 13], [1, 1, 8, 12.99],"
        " [1, 1, 8, 9], [1, 1, 8, 8.99]]}]}");
    float *features = one_hot(2, 4, moved);
    ec_similarity s = similarity_of(c, &set, features, 4, 16, EC_C_CONSISTENT, 64.0);
    ec_pair_result r;
    judge(&r, NULL, c, &set, EC_C_CONSISTENT, &s, 1, alone, 1);
    assert_int_equal(r.n_points, 6);
    assert_int_equal(r.correct[EC_C_ARGMAX][0], 5);
    assert_int_equal(r.correct[EC_C_ARGMAX][1], 3);
    assert_int_equal(r.correct[EC_C_ARGMAX][2], 1);
    free(features);
    release_similarity(&s);
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

static void features_are_made_unit_length(void **state) {
    (void)state;
    ec_correspondence *c = new_correspondence(2);
    float rows[3][2] = {{3.0f, 4.0f}, {0.0f, 0.0f}, {1e-20f, 0.0f}};
    ec_error err = {0};
    assert_int_equal(ec_features_normalise(c, rows[0], 3, 2, &err), EC_OK);
    assert_float_equal(rows[0][0], 0.6, 1e-7);
    assert_float_equal(rows[0][1], 0.8, 1e-7);
    assert_true(rows[1][0] == 0.0f);
    assert_float_equal(rows[2][0], 1e-10, 1e-15); /* the 1e-10 of the definition */
    rows[2][1] = NAN;
    assert_int_equal(ec_features_normalise(c, rows[0], 3, 2, &err), EC_ERR_FORMAT);
    free_correspondence(c);
}

/* One rule: a row of features and a row of embeddings come out the same. */
static void both_scores_make_unit_length_alike(void **state) {
    (void)state;
    enum { ROWS = 70, CHANNELS = 37 };
    static float of_c[ROWS][CHANNELS], of_a[ROWS][CHANNELS];
    ec_rng rng;
    ec_rng_init(&rng, 5, 0);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < CHANNELS; k++)
            of_c[i][k] = of_a[i][k] = (float)(ec_rng_uniform(&rng) - 0.5);
    ec_correspondence *c = new_correspondence(2);
    ec_error err;
    assert_int_equal(ec_features_normalise(c, of_c[0], ROWS, CHANNELS, &err), EC_OK);
    assert_int_equal(ec_alignment_normalise(of_a[0], ROWS, CHANNELS, false, &err), EC_OK);
    assert_memory_equal(of_c, of_a, sizeof of_c);
    free_correspondence(c);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* Products in f64 of the same features, in the order that the header gives. */
static void rows_are_the_cosines_of_source_patches(void **state) {
    (void)state;
    enum { GRID = 9, CHANNELS = 48 };
    ec_correspondence *c = new_correspondence(2);
    ec_keypoint_set set = random_set(5, 6, 3);
    float *features = random_features(c, set.n_images, GRID, CHANNELS, 0.5, 9);
    ec_similarity s = similarity_of(c, &set, features, GRID, CHANNELS, EC_C_AUTHORS, 840.0);
    const float *row = s.rows;
    for (size_t i = 0; i < set.n_pairs; i++) {
        const ec_keypoint_pair *pair = &set.pairs[i];
        const ec_c_frame *f = &s.frames[pair->source];
        for (size_t k = 0; k < pair->n_points; k++, row += GRID * GRID) {
            const double x = f->scale_x * pair->source_points[k][0] + f->offset_x;
            const double y = f->scale_y * pair->source_points[k][1] + f->offset_y;
            const size_t patch =
                expected_patch(y, 840.0, GRID) * GRID + expected_patch(x, 840.0, GRID);
            const float *a = features + (pair->source * GRID * GRID + patch) * CHANNELS;
            for (size_t t = 0; t < GRID * GRID; t++) {
                const float *b = features + (pair->target * GRID * GRID + t) * CHANNELS;
                double sum = 0.0;
                for (size_t ch = 0; ch < CHANNELS; ch++) sum += (double)a[ch] * b[ch];
                assert_float_equal(row[t], sum, 4e-7);
            }
        }
    }
    free(features);
    release_similarity(&s);
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

/* Bit for bit: the number of threads, and which other pairs share the target, change nothing. */
static void results_do_not_depend_on_threads_or_neighbours(void **state) {
    (void)state;
    enum { GRID = 16, CHANNELS = 64 };
    ec_keypoint_set set = random_set(6, 30, 11);
    const ec_keypoint_category *category = &set.categories[0];
    const size_t n = category->n_points;
    ec_point_prediction *p[2];
    ec_similarity s[2];
    float *features = NULL;
    for (int i = 0; i < 2; i++) {
        ec_correspondence *c = new_correspondence(i == 0 ? 1 : 3);
        free(features);
        features = random_features(c, set.n_images, GRID, CHANNELS, 0.5, 9);
        s[i] = similarity_of(c, &set, features, GRID, CHANNELS, EC_C_CONSISTENT, 224.0);
        p[i] = malloc(n * sizeof *p[i]);
        assert_non_null(p[i]);
        judge(NULL, p[i], c, &set, EC_C_CONSISTENT, &s[i], 1, alone, 1);
        free_correspondence(c);
    }
    assert_memory_equal(s[0].rows, s[1].rows, n * GRID * GRID * sizeof(float));
    assert_memory_equal(p[0], p[1], n * sizeof *p[0]);

    /* The last pair by itself: a category of one pair in a copy of the set. */
    ec_keypoint_set lone = set;
    ec_keypoint_category one = *category;
    one.pairs = &category->pairs[category->n_pairs - 1];
    one.n_pairs = 1;
    one.n_points = 30;
    lone.categories = &one;
    ec_correspondence *c = new_correspondence(2);
    ec_similarity by_itself =
        similarity_of(c, &lone, features, GRID, CHANNELS, EC_C_CONSISTENT, 224.0);
    assert_memory_equal(by_itself.rows, s[0].rows + (n - 30) * GRID * GRID,
                        30 * GRID * GRID * sizeof(float));
    release_similarity(&by_itself);
    free_correspondence(c);
    for (int i = 0; i < 2; i++) {
        free(p[i]);
        release_similarity(&s[i]);
    }
    free(features);
    ec_keypoint_set_release(&set);
}

/* ---- combinations ------------------------------------------------------------------------- */

enum { N_ENCODERS = 3, COMBINED_GRID = 8 };

static const size_t channels_of[N_ENCODERS] = {24, 40, 16};

/* Channels of the members side by side, normalised once more. */
static float *concatenate(ec_correspondence *c, float *const *features, size_t n_images,
                          uint32_t mask, size_t *channels) {
    *channels = 0;
    for (size_t e = 0; e < N_ENCODERS; e++)
        if (mask >> e & 1u) *channels += channels_of[e];
    const size_t n = n_images * COMBINED_GRID * COMBINED_GRID;
    float *rows = malloc(n * *channels * sizeof *rows), *at = rows;
    assert_non_null(rows);
    for (size_t i = 0; i < n; i++)
        for (size_t e = 0; e < N_ENCODERS; e++)
            if (mask >> e & 1u) {
                memcpy(at, features[e] + i * channels_of[e], channels_of[e] * sizeof *at);
                at += channels_of[e];
            }
    ec_error err;
    assert_int_equal(ec_features_normalise(c, rows, n, *channels, &err), EC_OK);
    return rows;
}

/* All seven combinations of three encoders against their real concatenations. These toys have rows
 * so flat and patches so large (75 pixels) that the f32 rounding of concatenated features, 1e-7 in
 * a similarity, moves a soft-argmax by 1e-3 pixels; hence the tolerance. */
static void combinations_equal_concatenated_features(void **state) {
    (void)state;
    static const uint32_t subsets[] = {5, 1, 7, 2, 3, 6, 4, 7};
    ec_correspondence *c = new_correspondence(2);
    ec_keypoint_set set = random_set(4, 10, 23);
    const ec_keypoint_category *category = &set.categories[0];
    for (int p = 0; p < EC_C_PROTOCOLS; p++) {
        const ec_c_protocol protocol = (ec_c_protocol)p;
        float *features[N_ENCODERS];
        ec_similarity members[N_ENCODERS];
        for (size_t e = 0; e < N_ENCODERS; e++) {
            features[e] =
                random_features(c, set.n_images, COMBINED_GRID, channels_of[e], 0.6, 40 + e);
            members[e] =
                similarity_of(c, &set, features[e], COMBINED_GRID, channels_of[e], protocol, 112.0);
        }
        ec_point_prediction *all = malloc(8 * category->n_points * sizeof *all);
        ec_point_prediction *real = malloc(category->n_points * sizeof *real);
        ec_pair_result *results = malloc(8 * category->n_pairs * sizeof *results);
        ec_pair_result *real_results = malloc(category->n_pairs * sizeof *real_results);
        assert_true(all != NULL && real != NULL && results != NULL && real_results != NULL);
        judge(results, all, c, &set, protocol, members, N_ENCODERS, subsets, 8);
        for (size_t i = 0; i < 8; i++) {
            size_t channels;
            float *rows = concatenate(c, features, set.n_images, subsets[i], &channels);
            ec_similarity s =
                similarity_of(c, &set, rows, COMBINED_GRID, channels, protocol, 112.0);
            judge(real_results, real, c, &set, protocol, &s, 1, alone, 1);
            for (size_t k = 0; k < category->n_points; k++)
                for (int v = 0; v < 4; v++)
                    assert_float_equal(all[i * category->n_points + k].at[v / 2][v % 2],
                                       real[k].at[v / 2][v % 2], 5e-3);
            assert_memory_equal(results + i * category->n_pairs, real_results,
                                category->n_pairs * sizeof *results);

            /* Asked for by itself, the same to the last bit. */
            judge(real_results, real, c, &set, protocol, members, N_ENCODERS, &subsets[i], 1);
            assert_memory_equal(all + i * category->n_points, real,
                                category->n_points * sizeof *real);
            free(rows);
            release_similarity(&s);
        }
        free(all);
        free(real);
        free(results);
        free(real_results);
        for (size_t e = 0; e < N_ENCODERS; e++) {
            free(features[e]);
            release_similarity(&members[e]);
        }
    }
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

static void grids_that_differ_and_senseless_subsets_are_refused(void **state) {
    (void)state;
    ec_correspondence *c = new_correspondence(1);
    ec_keypoint_set set = random_set(2, 3, 1);
    float rows[12 * 64] = {0};
    ec_pair_result results[4];
    ec_c_frame *frames = frames_of(&set, EC_C_AUTHORS, 840.0);
    ec_similarity members[2] = {{.name = "clip", .rows = rows, .grid = 8, .frames = frames},
                                {.name = "siglip", .rows = rows, .grid = 7, .frames = frames}};
    ec_error err = {0};
    const uint32_t both = 3, none = 0, beyond = 4;
    ec_c_combinations all = {members, 2, &both, 1, false};
    assert_int_equal(ec_correspondence_judge(results, NULL, c, &set, 0, EC_C_AUTHORS, &all, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "clip has a grid of 8 x 8 and siglip one of 7 x 7"));
    members[1].grid = 8;
    all.subsets = &none;
    assert_int_equal(ec_correspondence_judge(results, NULL, c, &set, 0, EC_C_AUTHORS, &all, &err),
                     EC_ERR_ARG);
    all.subsets = &beyond;
    assert_int_equal(ec_correspondence_judge(results, NULL, c, &set, 0, EC_C_AUTHORS, &all, &err),
                     EC_ERR_ARG);
    all = (ec_c_combinations){members, 21, &both, 1, false};
    assert_int_equal(ec_correspondence_judge(results, NULL, c, &set, 0, EC_C_AUTHORS, &all, &err),
                     EC_ERR_ARG);
    frames[1].scale_y = 0.0;
    assert_int_equal(ec_similarity_compute(&members[0], c, &set, 0, rows, 1, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "clip: the frame of image 'i1'"));
    free(frames);
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

/* torch.nn.functional.interpolate(mode="bilinear", align_corners=False) of PyTorch 2 on the same
 * numbers. */
static void rows_are_resampled_as_torch_does(void **state) {
    (void)state;
    float in[2][4] = {{0.0f, 1.0f, 2.0f, 5.0f}, {1.0f, 1.0f, 1.0f, 1.0f}}, out[2][9];
    static const float expected[9] = {0.0f, 0.5f, 1.0f, 1.0f, 2.0f, 3.0f, 2.0f, 3.5f, 5.0f};
    ec_correspondence *c = new_correspondence(2);
    const ec_similarity from = {.rows = in[0], .grid = 2};
    ec_similarity to = {.rows = out[0], .grid = 3};
    ec_similarity_resample(&to, c, &from, 2);
    for (size_t i = 0; i < 9; i++) {
        assert_float_equal(out[0][i], expected[i], 1e-6);
        assert_float_equal(out[1][i], 1.0, 1e-6);
    }
    /* Smaller: no antialiasing, so the centre of four. */
    float four[16], two[4];
    for (size_t i = 0; i < 16; i++) four[i] = (float)(i * i);
    const ec_similarity large = {.rows = four, .grid = 4};
    ec_similarity small = {.rows = two, .grid = 2};
    ec_similarity_resample(&small, c, &large, 1);
    assert_float_equal(two[0], (0 + 1 + 16 + 25) / 4.0, 1e-5);
    assert_float_equal(two[3], (100 + 121 + 196 + 225) / 4.0, 1e-5);

    /* Three patches of 10 pixels in 40, where the other grid has four: the first three of them. */
    float three[9];
    ec_similarity cut = {.rows = three, .grid = 3, .covers = 0.75};
    ec_similarity_resample(&cut, c, &large, 1);
    for (size_t i = 0; i < 9; i++) assert_float_equal(three[i], four[i / 3 * 4 + i % 3], 1e-6);
    free_correspondence(c);
}

/* A combination is judged on its finest grid, whatever else is asked for: two encoders have 8 x 8
 * patches here, but those of one cover three quarters of the input alone. */
static void mixed_grids_are_judged_on_the_finest(void **state) {
    (void)state;
    enum { MEMBERS = 3, SUBSETS = 5 };
    ec_correspondence *c = new_correspondence(2);
    ec_keypoint_set set = random_set(3, 4, 11);
    const size_t n_points = set.categories[0].n_points;
    static const size_t grids[MEMBERS] = {6, 8, 8};
    static const double covered[MEMBERS] = {100.0, 75.0, 100.0};
    static const uint32_t subsets[SUBSETS] = {1, 3, 5, 6, 7};
    ec_similarity members[MEMBERS];
    for (size_t e = 0; e < MEMBERS; e++) {
        float *features = random_features(c, set.n_images, grids[e], 16, 0.3, 20 + e);
        members[e] = covered_similarity_of(c, &set, features, grids[e], 16, EC_C_CONSISTENT, 100.0,
                                           covered[e]);
        free(features);
    }
    ec_point_prediction *all = calloc(SUBSETS * n_points, sizeof *all),
                        *one = calloc(n_points, sizeof *one);
    ec_error err;
    ec_c_combinations asked = {members, MEMBERS, subsets, SUBSETS, true};
    assert_int_equal(ec_correspondence_judge(NULL, all, c, &set, 0, EC_C_CONSISTENT, &asked, &err),
                     EC_OK);
    for (size_t s = 0; s < SUBSETS; s++) {
        asked = (ec_c_combinations){members, MEMBERS, &subsets[s], 1, true};
        assert_int_equal(
            ec_correspondence_judge(NULL, one, c, &set, 0, EC_C_CONSISTENT, &asked, &err), EC_OK);
        assert_memory_equal(one, all + s * n_points, n_points * sizeof *one);
    }
    /* The coarse one with each of the fine ones, brought to its patches by hand. */
    for (size_t fine = 1; fine < MEMBERS; fine++) {
        ec_similarity to = members[fine];
        to.rows = malloc(n_points * 64 * sizeof *to.rows);
        ec_similarity_resample(&to, c, &members[0], n_points);
        judge(NULL, one, c, &set, EC_C_CONSISTENT, (ec_similarity[]){to, members[fine]}, 2,
              (uint32_t[]){3}, 1);
        assert_memory_equal(one, all + fine * n_points, n_points * sizeof *one);
        free(to.rows);
    }
    for (size_t e = 0; e < MEMBERS; e++) release_similarity(&members[e]);
    free(all);
    free(one);
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

/* What is drawn as right is what is counted. */
static void a_count_is_of_the_points_that_are_right(void **state) {
    (void)state;
    ec_correspondence *c = new_correspondence(1);
    ec_keypoint_set set = random_set(4, 6, 3);
    size_t n_right = 0, n_wrong = 0;
    for (int protocol = 0; protocol < EC_C_PROTOCOLS; protocol++) {
        float *features = random_features(c, set.n_images, 12, 16, 0.5, 4);
        ec_similarity s = similarity_of(c, &set, features, 12, 16, (ec_c_protocol)protocol, 100.0);
        ec_pair_result results[16];
        ec_point_prediction predicted[16 * 6], *at = predicted;
        judge(results, predicted, c, &set, (ec_c_protocol)protocol, &s, 1, alone, 1);
        for (size_t i = 0; i < set.n_pairs; i++) {
            const ec_keypoint_pair *pair = &set.pairs[set.categories[0].pairs[i]];
            size_t n[EC_C_READOUTS][EC_C_ALPHAS] = {{0}};
            for (size_t k = 0; k < pair->n_points; k++, at++) {
                const ec_point_truth truth =
                    ec_point_truth_of(pair, k, (ec_c_protocol)protocol, &s.frames[pair->target]);
                for (size_t r = 0; r < EC_C_READOUTS; r++)
                    for (size_t a = 0; a < EC_C_ALPHAS; a++)
                        n[r][a] += ec_point_is_right(at->at[r], &truth, a);
            }
            for (size_t r = 0; r < EC_C_READOUTS; r++)
                for (size_t a = 0; a < EC_C_ALPHAS; a++)
                    assert_int_equal(results[i].correct[r][a], n[r][a]);
            n_right += n[EC_C_ARGMAX][0];
            n_wrong += pair->n_points - n[EC_C_ARGMAX][0];
        }
        release_similarity(&s);
        free(features);
    }
    assert_true(n_right > 10 && n_wrong > 10);
    ec_keypoint_set_release(&set);
    free_correspondence(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frame_of_the_authors_rounds_half_to_even),
        cmocka_unit_test(a_row_is_read_as_the_definition_says),
        cmocka_unit_test(the_largest_is_the_first_of_equals),
        cmocka_unit_test(one_hot_features_are_found_where_they_were_moved),
        cmocka_unit_test(the_authors_add_the_floor_of_half_a_stride),
        cmocka_unit_test(the_threshold_is_strict),
        cmocka_unit_test(features_are_made_unit_length),
        cmocka_unit_test(both_scores_make_unit_length_alike),
        cmocka_unit_test(rows_are_the_cosines_of_source_patches),
        cmocka_unit_test(results_do_not_depend_on_threads_or_neighbours),
        cmocka_unit_test(combinations_equal_concatenated_features),
        cmocka_unit_test(grids_that_differ_and_senseless_subsets_are_refused),
        cmocka_unit_test(rows_are_resampled_as_torch_does),
        cmocka_unit_test(mixed_grids_are_judged_on_the_finest),
        cmocka_unit_test(a_count_is_of_the_points_that_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
