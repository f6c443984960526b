/* test_show.c - similarity at pixels against a loop that upsamples features, and what is drawn */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "eyechart/rng.h"
#include "eyechart/show.h"
#include "folder.h"

enum { MAX_CHANNELS = 16 };

typedef struct random_map {
    ec_feature_map map;
    float *features;
} random_map;

/* A grid over the whole of a width x height image. */
static random_map make(ec_rng *rng, size_t grid_width, size_t grid_height, size_t n_channels,
                       double width, double height) {
    random_map m = {.features = malloc(grid_width * grid_height * n_channels * sizeof(float))};
    for (size_t i = 0; i < grid_width * grid_height * n_channels; i++)
        m.features[i] = (float)(ec_rng_uniform(rng) - 0.4);
    m.map = (ec_feature_map){.features = m.features,
                             .grid_width = grid_width,
                             .grid_height = grid_height,
                             .n_channels = n_channels,
                             .scale_x = (double)grid_width / width,
                             .scale_y = (double)grid_height / height};
    return m;
}

/* torch.nn.Upsample(mode="bilinear", align_corners=False), as its documentation has it. */
static void upsampled(double out[MAX_CHANNELS], const ec_feature_map *m, double x, double y) {
    const double u = fmax(m->scale_x * x + m->offset_x - 0.5, 0.0);
    const double v = fmax(m->scale_y * y + m->offset_y - 0.5, 0.0);
    const size_t column = (size_t)fmin(u, (double)m->grid_width - 1);
    const size_t row = (size_t)fmin(v, (double)m->grid_height - 1);
    const size_t next_column = column + 1 < m->grid_width ? column + 1 : column;
    const size_t next_row = row + 1 < m->grid_height ? row + 1 : row;
    const double wx = fmin(u - (double)column, 1.0), wy = fmin(v - (double)row, 1.0);
    for (size_t c = 0; c < m->n_channels; c++) {
        const float *f = m->features + c;
        const size_t n = m->n_channels, w = m->grid_width;
        const double above =
            (1 - wx) * f[(row * w + column) * n] + wx * f[(row * w + next_column) * n];
        const double below =
            (1 - wx) * f[(next_row * w + column) * n] + wx * f[(next_row * w + next_column) * n];
        out[c] = (1 - wy) * above + wy * below;
    }
}

static double cosine(const double *u, const double *v, size_t n) {
    double uv = 0.0, uu = 0.0, vv = 0.0;
    for (size_t c = 0; c < n; c++) {
        uv += u[c] * v[c];
        uu += u[c] * u[c];
        vv += v[c] * v[c];
    }
    return uv / sqrt(uu) / sqrt(vv);
}

static ec_heat_map *heat_of(const ec_feature_map *source, const ec_feature_map *target, size_t n,
                            double x, double y) {
    ec_heat_map *map;
    ec_error err;
    if (ec_heat_map_new(&map, source, target, n, x, y, &err) != EC_OK) fail_msg("%s", err.message);
    return map;
}

static void similarity_equals_that_of_upsampled_features(void **state) {
    (void)state;
    static const size_t grids[][2] = {{1, 1}, {1, 4}, {5, 1}, {4, 3}, {7, 7}};
    ec_rng rng;
    ec_rng_init(&rng, 7, 0);
    double worst = 0.0;
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
        random_map source = make(&rng, 3, 4, 9, 30, 44);
        random_map target = make(&rng, grids[i][0], grids[i][1], 9, 25, 19);
        target.map.offset_x = 0.3; /* as in a padded image */
        const double x = 30 * ec_rng_uniform(&rng), y = 44 * ec_rng_uniform(&rng);
        ec_heat_map *map = heat_of(&source.map, &target.map, 1, x, y);
        double point[MAX_CHANNELS], pixel[MAX_CHANNELS];
        upsampled(point, &source.map, x, y);
        for (double v = 0.5; v < 19; v++)
            for (double u = 0.5; u < 25; u++) {
                upsampled(pixel, &target.map, u, v);
                worst = fmax(worst, fabs(ec_heat_map_at(map, u, v) - cosine(point, pixel, 9)));
            }
        ec_heat_map_free(map);
        free(source.features);
        free(target.features);
    }
    assert_true(worst < 1e-13); /* observed: 7e-16 */
}

/* torch.nn.functional.interpolate of [0, 1] to 4 gives 0, .25, .75, 1. */
static void positions_are_those_of_align_corners_false(void **state) {
    (void)state;
    const float features[] = {1, 0, 0, 1};
    const ec_feature_map map = {.features = features,
                                .grid_width = 2,
                                .grid_height = 1,
                                .n_channels = 2,
                                .scale_x = 0.5,
                                .scale_y = 1.0};
    ec_heat_map *heat = heat_of(&map, &map, 1, 0.5, 0.5);
    static const double weights[] = {0, 0.25, 0.75, 1};
    for (int i = 0; i < 4; i++) {
        const double w = weights[i];
        assert_true(fabs(ec_heat_map_at(heat, i + 0.5, 0.5) - (1 - w) / hypot(1 - w, w)) < 1e-15);
    }
    ec_heat_map_free(heat);
}

static void a_point_is_found_again_in_its_own_image(void **state) {
    (void)state;
    ec_rng rng;
    ec_rng_init(&rng, 3, 0);
    random_map m = make(&rng, 6, 5, 12, 60, 40);
    for (size_t y = 4; y < 36; y += 5) /* within the outermost centres, where no two are equal */
        for (size_t x = 5; x < 55; x += 7) {
            ec_heat_map *map = heat_of(&m.map, &m.map, 1, (double)x + 0.5, (double)y + 0.5);
            const ec_heat_peak peak = ec_heat_map_peak(map, 60, 40);
            assert_int_equal(peak.x, x);
            assert_int_equal(peak.y, y);
            assert_true(fabs(peak.highest - 1.0) < 1e-12);
            assert_true(peak.lowest < 0.9);
            ec_heat_map_free(map);
        }
    free(m.features);
}

/* Every patch has a channel of its own: the target's patch of the same content is found. */
static void one_hot_features_lead_to_their_patch(void **state) {
    (void)state;
    enum { N = 9 };
    float source[N][N] = {{0}}, target[N][N] = {{0}};
    for (int i = 0; i < N; i++) {
        source[i][i] = 1.0f;
        target[(i + 4) % N][i] = 2.5f; /* length does not matter */
    }
    const ec_feature_map s = {source[0], 3, 3, N, 0.1, 0.0, 0.1, 0.0};
    const ec_feature_map t = {target[0], 3, 3, N, 0.05, 0.0, 0.1, 0.0};
    for (int i = 0; i < N; i++) {
        ec_heat_map *map = heat_of(&s, &t, 1, 5.0 + 10 * (i % 3), 5.0 + 10 * (i / 3));
        const int to = (i + 4) % N;
        assert_true(fabs(ec_heat_map_at(map, 10.0 + 20 * (to % 3), 5.0 + 10 * (to / 3)) - 1) <
                    1e-15);
        const ec_heat_peak peak = ec_heat_map_peak(map, 60, 30);
        assert_int_equal(peak.x / 20, to % 3);
        assert_int_equal(peak.y / 10, to / 3);
        ec_heat_map_free(map);
    }
}

static void several_encoders_count_with_their_mean(void **state) {
    (void)state;
    ec_rng rng;
    ec_rng_init(&rng, 5, 0);
    random_map s0 = make(&rng, 4, 4, 6, 40, 40), t0 = make(&rng, 4, 4, 6, 40, 40);
    random_map s1 = make(&rng, 7, 7, 5, 40, 40), t1 = make(&rng, 7, 7, 5, 40, 40);
    const ec_feature_map sources[] = {s0.map, s1.map}, targets[] = {t0.map, t1.map};
    ec_heat_map *both = heat_of(sources, targets, 2, 11, 30);
    ec_heat_map *one = heat_of(&sources[0], &targets[0], 1, 11, 30);
    ec_heat_map *other = heat_of(&sources[1], &targets[1], 1, 11, 30);
    for (double x = 0.5; x < 40; x += 3)
        assert_true(fabs(ec_heat_map_at(both, x, 17) -
                         (ec_heat_map_at(one, x, 17) + ec_heat_map_at(other, x, 17)) / 2) < 1e-15);
    ec_heat_map_free(both);
    ec_heat_map_free(one);
    ec_heat_map_free(other);
    free(s0.features), free(t0.features), free(s1.features), free(t1.features);
}

/* A preparation that crops: the grid covers pixels 10 to 30 of 40. */
static void what_an_encoder_does_not_see_has_no_similarity(void **state) {
    (void)state;
    const float features[] = {1, 0, 0, 1};
    const ec_feature_map map = {features, 2, 1, 2, 0.1, -1.0, 0.05, 0.0};
    ec_heat_map *heat;
    ec_error err;
    assert_int_equal(ec_heat_map_new(&heat, &map, &map, 1, 9.9, 10, &err), EC_ERR_ARG);
    assert_null(heat);
    assert_non_null(strstr(err.message, "cuts off"));
    heat = heat_of(&map, &map, 1, 30.0, 10); /* on the edge */
    assert_true(isnan(ec_heat_map_at(heat, 9.5, 10)));
    assert_true(isnan(ec_heat_map_at(heat, 30.5, 10)));
    const ec_heat_peak peak = ec_heat_map_peak(heat, 40, 20);
    assert_int_equal(peak.x, 25); /* the first pixel past the last centre */
    assert_true(peak.highest > 0.999 && peak.lowest < 0.001);
    ec_heat_map_free(heat);
}

static void features_that_cannot_be_compared_are_refused(void **state) {
    (void)state;
    float features[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const ec_feature_map map = {features, 2, 2, 2, 1, 0, 1, 0};
    ec_feature_map other = map;
    ec_heat_map *out;
    ec_error err;
    other.n_channels = 1;
    assert_int_equal(ec_heat_map_new(&out, &map, &other, 1, 0, 0, &err), EC_ERR_ARG);
    assert_null(out);
    other = map;
    other.grid_width = 0;
    assert_int_equal(ec_heat_map_new(&out, &map, &other, 1, 0, 0, &err), EC_ERR_ARG);
    assert_int_equal(ec_heat_map_new(&out, &map, &map, 0, 0, 0, &err), EC_ERR_ARG);
    features[3] = NAN;
    assert_int_equal(ec_heat_map_new(&out, &map, &map, 1, 0, 0, &err), EC_ERR_FORMAT);
    features[3] = 0;
    /* Nothing has no direction: similarity 0, not NaN. */
    memset(features, 0, sizeof features);
    assert_int_equal(ec_heat_map_new(&out, &map, &map, 1, 0, 0, &err), EC_OK);
    assert_true(ec_heat_map_at(out, 1, 1) == 0.0);
    ec_heat_map_free(out);
}

/* ---- what is drawn ---- */

static ec_image plain(size_t width, size_t height) {
    ec_image image;
    assert_int_equal(ec_picture_new(&image, width, height, (ec_colour){90, 90, 90}, NULL), EC_OK);
    return image;
}

static const uint8_t *pixel(const ec_image *image, size_t x, size_t y) {
    return image->rgb + 3 * (y * image->width + x);
}

static void is_colour(const ec_image *image, double x, double y, int red, int green, int blue) {
    const uint8_t *p = pixel(image, (size_t)x, (size_t)y);
    if (abs(p[0] - red) > 2 || abs(p[1] - green) > 2 || abs(p[2] - blue) > 2)
        fail_msg("at %g, %g: %d %d %d, expected %d %d %d", x, y, p[0], p[1], p[2], red, green,
                 blue);
}

static void a_row_has_dots_and_heat_where_they_belong(void **state) {
    (void)state;
    /* Left half like the point, right half unlike. */
    const float features[] = {1, 0, 0, 1};
    const ec_feature_map map = {features, 2, 1, 2, 2.0 / 100, 0, 1.0 / 50, 0};
    ec_heat_map *heat = heat_of(&map, &map, 1, 5, 25);
    ec_image image = plain(100, 50), row;
    const ec_heat_peak peak = ec_heat_map_peak(heat, 100, 50);
    const ec_show_panel panels[] = {
        {.label = "source", .image = &image, .map = heat, .peak = peak, .x = 50, .y = 25},
        {.label = "target", .image = &image, .x = NAN, .y = NAN}};
    const ec_show_options options = {.height = 100, .dot = {0, 0, 255}};
    assert_int_equal(ec_show_row(&row, panels, 2, &options, NULL), EC_OK);
    assert_int_equal(row.width, 200 + 8 + 200);
    const double top = (double)row.height - 100;
    assert_true(top > 0);
    is_colour(&row, 10, top + 10, 50, 164, 50);    /* .55 of 90; and .45 of green */
    is_colour(&row, 190, top + 10, 90, 90, 90);    /* unlike: nothing */
    is_colour(&row, 100, top + 50, 0, 0, 255);     /* the dot */
    is_colour(&row, 204, top + 50, 255, 255, 255); /* the gap */
    is_colour(&row, 308, top + 50, 90, 90, 90);    /* no dot */
    ec_image_release(&row);
    ec_image_release(&image);
    ec_heat_map_free(heat);
}

static void a_row_that_would_be_too_wide_is_refused(void **state) {
    (void)state;
    ec_image image = plain(20000, 1), row;
    const ec_show_panel panel = {.label = "x", .image = &image, .x = NAN, .y = NAN};
    const ec_show_options options = {.height = 360};
    ec_error err;
    assert_int_equal(ec_show_row(&row, &panel, 1, &options, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "height"));
    assert_null(row.rgb);
    ec_image_release(&image);
}

/* Two points: the line of the right one is blue, that of the wrong one orange-red and in dashes,
 * and each end has the colour of its point. */
static void right_is_blue_and_wrong_is_in_dashes(void **state) {
    (void)state;
    ec_image image = plain(200, 200), out;
    const ec_show_panel panel = {.label = "", .image = &image};
    const ec_show_point points[] = {
        {.source = {50, 40}, .target = {150, 42}, .predicted = {150, 40}, .right = true},
        {.source = {50, 140}, .target = {20, 180}, .predicted = {150, 140}, .right = false}};
    const double box[] = {10, 10, 190, 190};
    const ec_show_options options = {.height = 400};
    assert_int_equal(ec_show_pair(&out, &panel, &panel, points, 2, box, &options, NULL), EC_OK);
    const double top = (double)out.height - 400, second = 408;
    is_colour(&out, 404, top + 80, 86, 180, 233);
    is_colour(&out, 414, top + 80, 86, 180, 233);
    is_colour(&out, 404, top + 280, 217, 110, 25); /* .9 over the gap's white */
    is_colour(&out, 414, top + 280, 90, 90, 90);   /* between two dashes */
    is_colour(&out, 100, top + 80, 255, 0, 0);     /* first colour: red */
    is_colour(&out, 100, top + 280, 255, 255, 0);  /* second: yellow */
    is_colour(&out, second + 300, top + 280, 255, 255, 0);
    is_colour(&out, second + 48, top + 360, 255, 255, 0); /* the ring where it should be */
    is_colour(&out, second + 40, top + 360, 90, 90, 90);
    is_colour(&out, second + 200, top + 20, 206, 206, 206); /* the box: .7 white */
    ec_image_release(&out);

    /* An encoder may look beside a padded image; that is not a place on the other image. */
    const ec_show_point beside = {
        .source = {50, 100}, .target = {150, 42}, .predicted = {-70, 100}, .right = false};
    assert_int_equal(ec_show_pair(&out, &panel, &panel, &beside, 1, NULL, &options, NULL), EC_OK);
    is_colour(&out, second + 1, top + 200, 255, 0, 0);
    is_colour(&out, second - 2 * 70, top + 200 - 8, 90, 90, 90);
    ec_image_release(&out);

    /* Without predictions, lines lead to where the points are annotated, in their colours. */
    const ec_show_point known = {
        .source = {50, 100}, .target = {150, 100}, .predicted = {NAN, NAN}};
    assert_int_equal(ec_show_pair(&out, &panel, &panel, &known, 1, NULL, &options, NULL), EC_OK);
    is_colour(&out, 404, top + 200, 255, 0, 0);
    is_colour(&out, second + 300, top + 200, 255, 0, 0);
    ec_image_release(&out);
    ec_image_release(&image);
}

/* ---- pages ---- */

static char *copy(const char *text) {
    return strdup(text);
}

static void a_page_holds_everything(void **state) {
    (void)state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    ec_show_figure figure = {.title = copy("clip <&\"> 1"),
                             .caption = copy("a sentence that is long enough to be broken into "
                                             "several lines of the picture, and more"),
                             .image = plain(300, 40),
                             .n_columns = 2,
                             .n_rows = 2,
                             .cells = calloc(4, sizeof(char *))};
    static const char *const cells[] = {"what", "value", "</td><script>", "1"};
    for (int i = 0; i < 4; i++) figure.cells[i] = copy(cells[i]);

    const char *html = folder_join(folder, "page.html");
    assert_int_equal(ec_show_save_html(html, "A & B", &figure, 1, NULL), EC_OK);
    ec_text page = {0};
    assert_int_equal(ec_file_read(&page, html, 1 << 20, NULL), EC_OK);
    assert_non_null(strstr(page.data, "<title>A &amp; B</title>"));
    assert_non_null(strstr(page.data, "<h2>clip &lt;&amp;&quot;&gt; 1</h2>"));
    assert_non_null(strstr(page.data, "<td>&lt;/td&gt;&lt;script&gt;</td>"));
    assert_non_null(strstr(page.data, "src=\"data:image/png;base64,iVBOR"));
    assert_null(strstr(page.data, "<script"));
    ec_text_release(&page);

    const char *png = folder_join(folder, "page.png");
    assert_int_equal(ec_show_save_png(png, "A & B", &figure, 1, NULL), EC_OK);
    ec_image image;
    assert_int_equal(ec_image_load(&image, png, NULL), EC_OK);
    assert_true(image.width >= 480 && image.height > 40 + 5 * 20);
    /* The figure is there, whole: 300 x 40 pixels of its grey. */
    size_t n = 0;
    for (size_t i = 0; i < image.width * image.height; i++)
        n += image.rgb[3 * i] == 90 && image.rgb[3 * i + 1] == 90 && image.rgb[3 * i + 2] == 90;
    assert_int_equal(n, 300 * 40);
    ec_image_release(&image);
    ec_show_figure_release(&figure);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(similarity_equals_that_of_upsampled_features),
        cmocka_unit_test(positions_are_those_of_align_corners_false),
        cmocka_unit_test(a_point_is_found_again_in_its_own_image),
        cmocka_unit_test(one_hot_features_lead_to_their_patch),
        cmocka_unit_test(several_encoders_count_with_their_mean),
        cmocka_unit_test(what_an_encoder_does_not_see_has_no_similarity),
        cmocka_unit_test(features_that_cannot_be_compared_are_refused),
        cmocka_unit_test(a_row_has_dots_and_heat_where_they_belong),
        cmocka_unit_test(a_row_that_would_be_too_wide_is_refused),
        cmocka_unit_test(right_is_blue_and_wrong_is_in_dashes),
        cmocka_unit_test(a_page_holds_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
