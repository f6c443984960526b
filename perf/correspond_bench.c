/* correspond_bench.c - one turn of perf/correspond: matching, once features are in memory
 *
 *     correspond_bench pairs      SPair-71k's 12,234 pairs of 10 points: 18 categories of 100
 *                                 images, grid 24, 1024 channels; prints pairs and seconds
 *     correspond_bench subsets    one such category: 10 encoders alone, then all their 1,023
 *                                 combinations; prints seconds of each
 *
 * Everything from the encoder's output on: unit length, rows, reading, judging. Features are
 * random; their memory is used again for every category and encoder (236 MB, far beyond any cache).
 * Two threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "eyechart/correspondence.h"
#include "eyechart/rng.h"

enum { CATEGORIES = 18, IMAGES = 100, PAIRS = 12234, POINTS = 10 };
enum { GRID = 24, PATCHES = GRID * GRID, CHANNELS = 1024, ENCODERS = 10, THREADS = 2 };

static void check(ec_status status, const ec_error *err) {
    if (status != EC_OK) stop(err->message);
}

static void *take(size_t n, size_t size_bytes) {
    void *memory = calloc(n, size_bytes);
    if (memory == NULL) stop("out of memory");
    return memory;
}

/* One category: images of 500 x 375, pairs and points anywhere. */
typedef struct {
    ec_keypoint_set set;
    ec_c_frame frames[IMAGES];
} category;

static category *make_category(size_t n_pairs, uint64_t seed) {
    category *c = take(1, sizeof *c);
    ec_keypoint_set *s = &c->set;
    ec_rng rng;
    ec_rng_init(&rng, seed, 0);
    s->n_images = IMAGES;
    s->images = take(IMAGES, sizeof *s->images);
    s->n_pairs = n_pairs;
    s->pairs = take(n_pairs, sizeof *s->pairs);
    s->n_categories = 1;
    s->categories = take(1, sizeof *s->categories);
    ec_keypoint_category *k = s->categories;
    *k = (ec_keypoint_category){.name = "random",
                                .n_images = IMAGES,
                                .n_pairs = n_pairs,
                                .n_points = n_pairs * POINTS,
                                .images = take(IMAGES, sizeof(size_t)),
                                .pairs = take(n_pairs, sizeof(size_t))};
    for (size_t i = 0; i < IMAGES; i++) {
        s->images[i] =
            (ec_keypoint_image){.name = "image", .path = "", .width = 500, .height = 375};
        k->images[i] = i;
        c->frames[i] = ec_c_frame_authors(500, 375);
    }
    for (size_t i = 0; i < n_pairs; i++) {
        ec_keypoint_pair *p = &s->pairs[i];
        *p = (ec_keypoint_pair){.id = "pair",
                                .source = ec_rng_below(&rng, IMAGES),
                                .target = ec_rng_below(&rng, IMAGES),
                                .target_box = {50, 50, 350, 300},
                                .n_points = POINTS,
                                .source_points = take(POINTS, sizeof *p->source_points),
                                .target_points = take(POINTS, sizeof *p->target_points)};
        k->pairs[i] = i;
        for (size_t j = 0; j < POINTS; j++) {
            for (size_t x = 0; x < 2; x++) {
                p->source_points[j][x] = 375.0 * ec_rng_uniform(&rng);
                p->target_points[j][x] = 375.0 * ec_rng_uniform(&rng);
            }
        }
    }
    return c;
}

static void free_category(category *c) {
    for (size_t i = 0; i < c->set.n_pairs; i++) {
        free(c->set.pairs[i].source_points);
        free(c->set.pairs[i].target_points);
    }
    free(c->set.categories->images);
    free(c->set.categories->pairs);
    free(c->set.categories);
    free(c->set.images);
    free(c->set.pairs);
    free(c);
}

/* Seconds from features to rows. */
static double compute_rows(ec_similarity *s, ec_correspondence *c, const category *k,
                           float *features) {
    ec_error err;
    const double start = now(CLOCK_MONOTONIC);
    check(ec_features_normalise(c, features, (size_t)IMAGES * PATCHES, CHANNELS, &err), &err);
    check(ec_similarity_compute(s, c, &k->set, 0, features, CHANNELS, &err), &err);
    return now(CLOCK_MONOTONIC) - start;
}

static double judge(ec_pair_result *results, ec_correspondence *c, const category *k,
                    const ec_similarity *members, size_t n, const uint32_t *subsets,
                    size_t n_subsets) {
    ec_error err;
    const double start = now(CLOCK_MONOTONIC);
    const ec_c_combinations all = {members, n, subsets, n_subsets, false};
    check(ec_correspondence_judge(results, NULL, c, &k->set, 0, EC_C_AUTHORS, &all, &err), &err);
    return now(CLOCK_MONOTONIC) - start;
}

static ec_similarity new_rows(const category *k) {
    return (ec_similarity){.name = "random",
                           .rows = take(k->set.n_pairs * POINTS * PATCHES, sizeof(float)),
                           .grid = GRID,
                           .frames = k->frames};
}

static void run_pairs(ec_correspondence *c, float *features) {
    double seconds = 0.0;
    size_t done = 0;
    for (uint64_t i = 0; i < CATEGORIES; i++) {
        category *k = make_category(PAIRS * (i + 1) / CATEGORIES - PAIRS * i / CATEGORIES, i);
        ec_similarity rows = new_rows(k);
        ec_pair_result *results = take(k->set.n_pairs, sizeof *results);
        const uint32_t one = 1;
        seconds += compute_rows(&rows, c, k, features);
        seconds += judge(results, c, k, &rows, 1, &one, 1);
        done += k->set.n_pairs;
        free(results);
        free(rows.rows);
        free_category(k);
    }
    printf("%zu %.4f\n", done, seconds);
}

static void run_subsets(ec_correspondence *c, float *features) {
    enum { SUBSETS = (1 << ENCODERS) - 1 };
    category *k = make_category(PAIRS / CATEGORIES, 1);
    ec_similarity members[ENCODERS];
    uint32_t alone[ENCODERS], all[SUBSETS];
    ec_pair_result *results = take(SUBSETS * k->set.n_pairs, sizeof *results);
    double rows = 0.0;
    for (size_t i = 0; i < ENCODERS; i++) {
        alone[i] = (uint32_t)1 << i;
        members[i] = new_rows(k);
        /* other patches for another encoder: a row is of another place */
        memmove(features, features + CHANNELS, CHANNELS * (PATCHES - 1) * sizeof *features);
        rows += compute_rows(&members[i], c, k, features);
    }
    for (uint32_t i = 0; i < SUBSETS; i++) all[i] = i + 1;
    const double ten = judge(results, c, k, members, ENCODERS, alone, ENCODERS);
    const double every = judge(results, c, k, members, ENCODERS, all, SUBSETS);
    printf("%.4f %.4f\n", rows + ten, rows + every);
    for (size_t i = 0; i < ENCODERS; i++) free(members[i].rows);
    free(results);
    free_category(k);
}

int main(int argc, char **argv) {
    if (argc != 2 || (strcmp(argv[1], "pairs") != 0 && strcmp(argv[1], "subsets") != 0)) {
        fputs("usage: correspond_bench pairs|subsets\n", stderr);
        return 2;
    }
    ec_error err;
    ec_correspondence *c;
    ec_ctx *ctx;
    check(ec_ctx_open(&ctx, &(ec_device_options){.n_threads = THREADS}, &err), &err);
    check(ec_correspondence_new(&c, ctx, &err), &err);
    const size_t n = (size_t)IMAGES * PATCHES * CHANNELS;
    float *features = take(n, sizeof *features);
    ec_rng rng;
    ec_rng_init(&rng, 7, 7);
    for (size_t i = 0; i < n; i++) features[i] = (float)ec_rng_uniform(&rng) - 0.4f;
    if (strcmp(argv[1], "pairs") == 0)
        run_pairs(c, features);
    else
        run_subsets(c, features);
    free(features);
    ec_correspondence_free(c);
    ec_ctx_free(ctx);
    return 0;
}
