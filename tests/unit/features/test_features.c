/* test_features.c - features of many images: what is written, and that a stopped run ends as an
 * undisturbed one */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "device.h"
#include "eyechart/features.h"
#include "eyechart/rng.h"

enum { N_IMAGES = 11, BATCH = 3 };

static char folder[] = "/tmp/eyechart-features-XXXXXX";
static char names[N_IMAGES][64];
static const char *images[N_IMAGES];
static char clip[512], dino[512];

/* "folder/name" in one of a few static buffers. */
static const char *in_folder(const char *name) {
    static char buffer[8][128];
    static int next;
    char *path = buffer[next++ % 8];
    snprintf(path, sizeof buffer[0], "%s/%s", folder, name);
    return path;
}

static void write_image(const char *path, uint64_t seed) {
    enum { WIDTH = 50, HEIGHT = 40 };
    ec_text ppm = {0};
    ec_rng rng;
    ec_error err;
    ec_rng_init(&rng, seed, 0);
    ec_text_format(&ppm, "P6\n%d %d\n255\n", WIDTH, HEIGHT);
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
        const unsigned char byte = (unsigned char)ec_rng_below(&rng, 256);
        ec_text_add_bytes(&ppm, &byte, 1);
    }
    assert_int_equal(ec_file_write(path, ppm.data, ppm.size_bytes, &err), EC_OK);
    ec_text_release(&ppm);
}

static ec_ctx *ctx;

static int make_images(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    ctx = open_device(NULL, 2);
    for (size_t i = 0; i < N_IMAGES; i++) {
        snprintf(names[i], sizeof names[i], "%s/image-%02zu.ppm", folder, i);
        images[i] = names[i];
        write_image(images[i], i);
    }
    snprintf(clip, sizeof clip, "%s/tests/parity/clip-f32", EC_SOURCE_DIR);
    snprintf(dino, sizeof dino, "%s/tests/parity/dinov2-bin", EC_SOURCE_DIR);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info, (void)type, (void)at;
    return remove(path);
}

static int remove_images(void **state) {
    (void)state;
    ec_ctx_free(ctx);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static ec_features_options options_of_test(void) {
    return (ec_features_options){.batch = BATCH, .encoder = {.ctx = ctx}};
}

static ec_status write_features(const char *out, const ec_features_options *options,
                                ec_features_watcher see, void *context,
                                ec_features_progress *progress, ec_error *err) {
    const ec_feature_source sources[] = {
        {.folder = clip, .prepare = EC_PREPARE_SQUARE},
        {.folder = dino, .prepare = EC_PREPARE_SQUARE, .size = 35}};
    return ec_features_write(out, sources, 2, images, N_IMAGES, options, see, context, progress,
                             err);
}

static void assert_same_file(const char *a, const char *b) {
    ec_text x, y;
    ec_error err;
    assert_int_equal(ec_file_read(&x, a, 1 << 26, &err), EC_OK);
    assert_int_equal(ec_file_read(&y, b, 1 << 26, &err), EC_OK);
    assert_int_equal(x.size_bytes, y.size_bytes);
    assert_memory_equal(x.data, y.data, x.size_bytes);
    ec_text_release(&x);
    ec_text_release(&y);
}

static void assert_undisturbed(const char *out) {
    char manifest[160], reference[160];
    snprintf(manifest, sizeof manifest, "%s.json", out);
    snprintf(reference, sizeof reference, "%s.json", in_folder("reference.npy"));
    assert_same_file(out, in_folder("reference.npy"));
    assert_same_file(manifest, reference);
    snprintf(manifest, sizeof manifest, "%s.journal", out);
    assert_int_not_equal(access(manifest, F_OK), 0);
}

static bool stop_at_once(void *context, const ec_features_progress *progress, const char *bad) {
    (void)context, (void)bad;
    return progress->n_done == 0;
}

/* The combination is the encoders' own features side by side. */
static void a_combination_is_its_parts_side_by_side(void **state) {
    (void)state;
    ec_error err;
    ec_features_progress progress;
    ec_features_options options = options_of_test();
    if (write_features(in_folder("reference.npy"), &options, NULL, NULL, &progress, &err) != EC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(progress.n_done, N_IMAGES);
    options.format = EC_ARRAY_SAFETENSORS;
    assert_int_equal(
        write_features(in_folder("both.safetensors"), &options, NULL, NULL, NULL, &err), EC_OK);
    const ec_feature_source parts[2] = {{.folder = clip, .prepare = EC_PREPARE_SQUARE},
                                        {.folder = dino, .prepare = EC_PREPARE_SQUARE, .size = 35}};
    ec_weights *both, *part[2];
    assert_int_equal(ec_weights_open(&both, in_folder("both.safetensors"), &err), EC_OK);
    const ec_tensor *all = ec_weights_find(both, "features"), *one[2];
    assert_true(all->shape[0] == N_IMAGES && all->shape[1] == 25 && all->shape[2] == 40 + 36);
    for (int p = 0; p < 2; p++) {
        const char *path = in_folder(p == 0 ? "clip.safetensors" : "dino.safetensors");
        assert_int_equal(ec_features_write(path, &parts[p], 1, images, N_IMAGES, &options, NULL,
                                           NULL, NULL, &err),
                         EC_OK);
        assert_int_equal(ec_weights_open(&part[p], path, &err), EC_OK);
        one[p] = ec_weights_find(part[p], "features");
    }
    for (size_t token = 0; token < N_IMAGES * 25; token++) {
        float joined[76], own[76];
        ec_tensor_to_f32(joined, all, token * 76, 76);
        ec_tensor_to_f32(own, one[0], token * 40, 40);
        ec_tensor_to_f32(own + 40, one[1], token * 36, 36);
        assert_memory_equal(joined, own, sizeof joined);
    }
    ec_weights_close(part[0]);
    ec_weights_close(part[1]);
    ec_weights_close(both);
}

/* What is computed in memory is what the files hold, and an identity stands for one set of numbers:
 * the same by another path, another for another preparation or layer. */
static void an_extractor_gives_what_the_files_hold(void **state) {
    (void)state;
    ec_error err;
    const ec_feature_source source = {.folder = clip, .prepare = EC_PREPARE_SQUARE};
    ec_features_options options = options_of_test();
    const char *const out = in_folder("held.npy");
    assert_int_equal(
        ec_features_write(out, &source, 1, images, 2, &options, NULL, NULL, NULL, &err), EC_OK);

    ec_extractor *extractor, *other;
    assert_int_equal(ec_extractor_open(&extractor, &source, &options.encoder, &err), EC_OK);
    const ec_extractor_info info = ec_extractor_describe(extractor);
    const size_t n = info.n_tokens * info.n_channels;
    float *features = malloc(2 * n * sizeof *features);
    ec_image image[2];
    const ec_image *batch[2] = {&image[0], &image[1]};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(ec_image_load(&image[i], images[i], &err), EC_OK);
    assert_int_equal(ec_extractor_run(features, extractor, batch, 2, &err), EC_OK);
    ec_text file = {0};
    assert_int_equal(ec_file_read(&file, out, 1 << 24, &err), EC_OK);
    assert_memory_equal(file.data + file.size_bytes - 2 * n * sizeof *features, features,
                        2 * n * sizeof *features);
    /* alone in its batch */
    assert_int_equal(ec_extractor_run(features, extractor, batch + 1, 1, &err), EC_OK);
    assert_memory_equal(file.data + file.size_bytes - n * sizeof *features, features,
                        n * sizeof *features);
    ec_text_release(&file);

    char first[33], second[33];
    assert_int_equal(ec_extractor_identity(first, extractor, &err), EC_OK);
    /* The same weights under another name, and with a processor. */
    char other_clip[64], target[640];
    snprintf(other_clip, sizeof other_clip, "%s/other-clip", folder);
    assert_int_equal(mkdir(other_clip, 0777), 0);
    static const char *const parts[] = {"config.json", "model.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(target, sizeof target, "%s/%s", clip, parts[i]);
        char name[64];
        snprintf(name, sizeof name, "other-clip/%s", parts[i]);
        assert_int_equal(symlink(target, in_folder(name)), 0);
    }
    static const char processor[] = "{\"image_processor_type\": \"CLIPImageProcessor\"}";
    assert_int_equal(ec_file_write(in_folder("other-clip/preprocessor_config.json"), processor,
                                   strlen(processor), &err),
                     EC_OK);
    const struct {
        ec_feature_source source;
        bool same;
    } cases[] = {
        {{.folder = other_clip, .prepare = EC_PREPARE_SQUARE}, true},
        {{.folder = other_clip, .prepare = EC_PREPARE_LETTERBOX}, false},
        {{.folder = clip, .prepare = EC_PREPARE_SQUARE, .has_layer = true, .tap = {.layer = -1}},
         false},
        /* What the layer is where nobody chose. */
        {{.folder = clip, .prepare = EC_PREPARE_SQUARE, .has_layer = true, .tap = {.layer = -2}},
         true},
        {{.folder = clip, .prepare = EC_PREPARE_SQUARE, .horizontal_first = true}, false},
        {{.folder = dino, .prepare = EC_PREPARE_SQUARE}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ec_extractor_open(&other, &cases[i].source, &options.encoder, &err),
                         EC_OK);
        assert_int_equal(ec_extractor_identity(second, other, &err), EC_OK);
        assert_int_equal(strcmp(first, second) == 0, cases[i].same);
        ec_extractor_close(other);
    }
    ec_extractor_close(extractor);
    for (size_t i = 0; i < 2; i++) ec_image_release(&image[i]);
    free(features);
}

static void a_stopped_run_ends_with_the_same_bytes(void **state) {
    (void)state;
    const char *out = in_folder("stopped.npy");
    const ec_features_options options = options_of_test();
    ec_features_progress progress;
    ec_error err;
    size_t stops = 0;
    while (write_features(out, &options, stop_at_once, NULL, &progress, &err) ==
           EC_ERR_INTERRUPTED) {
        assert_int_equal(progress.n_done, BATCH * (stops + 1));
        stops++;
    }
    assert_int_equal(stops, 3); /* 3 + 3 + 3, and the last 2 are not stopped */
    assert_int_equal(progress.n_resumed, 9);
    assert_undisturbed(out);
    /* Once more: there is nothing to do. */
    assert_int_equal(write_features(out, &options, stop_at_once, NULL, &progress, &err), EC_OK);
    assert_int_equal(progress.n_resumed, N_IMAGES);
    assert_undisturbed(out);
}

/* kill -9 at random moments, until a run gets through. */
static void killed_runs_end_with_the_same_bytes(void **state) {
    (void)state;
    const char *out = in_folder("killed.npy");
    ec_rng rng;
    ec_rng_init(&rng, 7, 0);
    int status = 1, kills = 0;
    ec_ctx_free(ctx); /* a child inherits no threads, and ThreadSanitizer lets none fork */
    for (int run = 0; run < 60 && status != 0; run++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            ctx = open_device(NULL, 2);
            const ec_features_options options = options_of_test();
            _exit(write_features(out, &options, NULL, NULL, NULL, NULL) == EC_OK ? 0 : 1);
        }
        if (run < 40) {
            usleep((useconds_t)(300 + ec_rng_below(&rng, 20000)));
            kill(child, SIGKILL);
        }
        waitpid(child, &status, 0);
        kills += WIFSIGNALED(status);
    }
    ctx = open_device(NULL, 2);
    print_message("%d kills\n", kills);
    assert_int_equal(status, 0);
    assert_undisturbed(out);
}

static bool ask_never(void *context) {
    ++*(size_t *)context;
    return false;
}

/* All weights are read before the first image; a stop is heard there, and nothing is begun. */
static void reading_the_weights_can_be_stopped(void **state) {
    (void)state;
    ec_features_options options = options_of_test();
    ec_error err;
    size_t n_asked = 0;
    options.encoder.watch = (ec_watch){ask_never, &n_asked};
    assert_int_equal(write_features(in_folder("unread.npy"), &options, NULL, NULL, NULL, &err),
                     EC_ERR_INTERRUPTED);
    assert_int_equal(n_asked, 1);
    assert_int_not_equal(access(in_folder("unread.npy"), F_OK), 0);
}

static void another_run_is_not_overwritten(void **state) {
    (void)state;
    const char *out = in_folder("mine.npy");
    ec_features_options options = options_of_test();
    ec_error err;
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_OK);
    ec_feature_source other[] = {
        {.folder = clip, .prepare = EC_PREPARE_SQUARE, .has_layer = true, .tap = {.layer = -1}},
        {.folder = dino, .prepare = EC_PREPARE_SQUARE, .size = 35}};
    assert_int_equal(
        ec_features_write(out, other, 2, images, N_IMAGES, &options, NULL, NULL, NULL, &err),
        EC_ERR_ARG); /* beside one of layer -2 */
    assert_non_null(strstr(err.message, "one layer"));
    other[1].has_layer = true;
    other[1].tap.layer = -1;
    assert_int_equal(
        ec_features_write(out, other, 2, images, N_IMAGES, &options, NULL, NULL, NULL, &err),
        EC_ERR_EXISTS);
    assert_non_null(strstr(err.message, "--restart"));
    assert_undisturbed(out);
    options.restart = true;
    assert_int_equal(
        ec_features_write(out, other, 2, images, N_IMAGES, &options, NULL, NULL, NULL, &err),
        EC_OK);
    /* A file that is not ours at all. */
    options.restart = false;
    assert_int_equal(ec_file_write(in_folder("theirs.npy"), "x", 1, &err), EC_OK);
    assert_int_equal(write_features(in_folder("theirs.npy"), &options, NULL, NULL, NULL, &err),
                     EC_ERR_EXISTS);
}

static void a_changed_image_is_told(void **state) {
    (void)state;
    const char *out = in_folder("changed.npy");
    const ec_features_options options = options_of_test();
    ec_error err;
    assert_int_equal(write_features(out, &options, stop_at_once, NULL, NULL, &err),
                     EC_ERR_INTERRUPTED);
    write_image(images[1], 99);
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_ERR_EXISTS);
    assert_non_null(strstr(err.message, "image-01.ppm"));
    write_image(images[1], 1);
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_OK);
    assert_undisturbed(out);
}

static bool count_bad(void *context, const ec_features_progress *progress, const char *bad) {
    (void)progress;
    if (bad != NULL) ++*(int *)context;
    return true;
}

static bool stop_at_bad(void *context, const ec_features_progress *progress, const char *bad) {
    (void)context, (void)progress;
    return bad == NULL;
}

static void bad_images_stop_or_are_left_out(void **state) {
    (void)state;
    ec_error err;
    ec_features_progress progress;
    ec_features_options options = options_of_test();
    options.file_per_image = true;
    assert_int_equal(ec_file_write(images[4], "P6\n50 40\n255\nshort", 18, &err), EC_OK);
    int bad = 0;
    assert_int_equal(write_features(in_folder("bad.npy"), &options, count_bad, &bad, NULL, &err),
                     EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "image-04.ppm"));
    assert_int_equal(bad, 0); /* it ends the run and is not left out of it */
    options.skip_bad = true;
    assert_int_equal(write_features(in_folder("each"), &options, count_bad, &bad, &progress, &err),
                     EC_OK);
    assert_int_equal(bad, 1);
    assert_int_equal(progress.n_bad, 1);
    assert_int_equal(access(in_folder("each/000003-image-03.npy"), F_OK), 0);
    assert_int_not_equal(access(in_folder("each/000004-image-04.npy"), F_OK), 0);
    assert_int_equal(access(in_folder("each/manifest.json"), F_OK), 0);
    /* A watcher may stop at an image that is left out; its batch is the second. */
    assert_int_equal(
        write_features(in_folder("stop"), &options, stop_at_bad, NULL, &progress, &err),
        EC_ERR_INTERRUPTED);
    assert_int_equal(progress.n_done, 2 * BATCH);
    /* A file that was removed is computed again. */
    assert_int_equal(unlink(in_folder("each/000003-image-03.npy")), 0);
    assert_int_equal(write_features(in_folder("each"), &options, NULL, NULL, &progress, &err),
                     EC_OK);
    assert_int_equal(progress.n_resumed, 0);
    assert_int_equal(access(in_folder("each/000003-image-03.npy"), F_OK), 0);
    write_image(images[4], 4);
}

/* A finished run whose array was removed or cut is not finished. */
static void a_removed_array_is_computed_anew(void **state) {
    (void)state;
    const char *out = in_folder("removed.npy");
    ec_features_options options = options_of_test();
    ec_features_progress progress;
    ec_error err;
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_OK);
    for (int cut = 0; cut < 2; cut++) {
        assert_int_equal(cut ? truncate(out, 1000) : unlink(out), 0);
        assert_int_equal(write_features(out, &options, NULL, NULL, &progress, &err), EC_OK);
        assert_int_equal(progress.n_resumed, 0);
        assert_undisturbed(out);
    }
    /* While unfinished the journal is believed, so the user has to say so. */
    options.restart = true;
    assert_int_equal(write_features(out, &options, stop_at_once, NULL, NULL, &err),
                     EC_ERR_INTERRUPTED);
    assert_int_not_equal(access(in_folder("removed.npy.json"), F_OK), 0); /* nothing is whole */
    assert_int_equal(unlink(out), 0);
    options.restart = false;
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_ERR_EXISTS);
    assert_non_null(strstr(err.message, "--restart"));
    options.restart = true;
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_OK);
    assert_undisturbed(out);
}

/* photos.json may be the user's own. */
static void a_file_in_the_place_of_the_manifest_is_kept(void **state) {
    (void)state;
    const ec_features_options options = options_of_test();
    ec_text kept;
    ec_error err;
    const char *theirs = in_folder("photos.json");
    assert_int_equal(ec_file_write(theirs, "not JSON", 8, &err), EC_OK);
    assert_int_equal(write_features(in_folder("photos"), &options, NULL, NULL, NULL, &err),
                     EC_ERR_EXISTS);
    assert_int_equal(ec_file_read(&kept, theirs, 100, &err), EC_OK);
    assert_string_equal(kept.data, "not JSON");
    ec_text_release(&kept);
}

/* Such a name cannot be in the manifest: left out, runs over other images would look the same. */
static void names_that_are_not_utf8_are_refused(void **state) {
    (void)state;
    const ec_features_options options = options_of_test();
    ec_error err;
    char path[128];
    snprintf(path, sizeof path, "%s/\xe9t\xe9.ppm", folder);
    write_image(path, 5);
    const char *const name = path;
    const ec_feature_source source = {.folder = clip, .prepare = EC_PREPARE_SQUARE};
    assert_int_equal(ec_features_write(in_folder("latin.npy"), &source, 1, &name, 1, &options, NULL,
                                       NULL, NULL, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "UTF-8"));
    assert_int_not_equal(access(in_folder("latin.npy"), F_OK), 0);
}

static void grids_that_do_not_match_are_refused_with_the_fix(void **state) {
    (void)state;
    const ec_feature_source sources[] = {{.folder = clip, .prepare = EC_PREPARE_SQUARE},
                                         {.folder = dino, .prepare = EC_PREPARE_SQUARE}};
    const ec_features_options options = options_of_test();
    ec_error err;
    assert_int_equal(ec_features_write(in_folder("x.npy"), sources, 2, images, 1, &options, NULL,
                                       NULL, NULL, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "dinov2-bin@35"));
    assert_int_not_equal(access(in_folder("x.npy"), F_OK), 0);
}

/* With file_per_image nothing may stay of images that are not listed any more, nor of a kill; what
 * somebody else put there stays. */
static void a_restart_removes_the_files_of_other_images(void **state) {
    (void)state;
    const char *out = in_folder("restarted");
    const ec_feature_source source = {.folder = clip, .prepare = EC_PREPARE_SQUARE};
    ec_features_options options = options_of_test();
    options.file_per_image = true;
    ec_error err;
    assert_int_equal(
        ec_features_write(out, &source, 1, images, 3, &options, NULL, NULL, NULL, &err), EC_OK);
    assert_int_equal(ec_file_write(in_folder("restarted/000009-cut.npy.tmp"), "x", 1, &err), EC_OK);
    assert_int_equal(ec_file_write(in_folder("restarted/2024-notes.npy"), "x", 1, &err), EC_OK);
    options.restart = true;
    assert_int_equal(
        ec_features_write(out, &source, 1, images + 1, 1, &options, NULL, NULL, NULL, &err), EC_OK);
    assert_int_equal(access(in_folder("restarted/000000-image-01.npy"), F_OK), 0);
    assert_int_equal(access(in_folder("restarted/2024-notes.npy"), F_OK), 0);
    assert_int_not_equal(access(in_folder("restarted/000000-image-00.npy"), F_OK), 0);
    assert_int_not_equal(access(in_folder("restarted/000001-image-01.npy"), F_OK), 0);
    assert_int_not_equal(access(in_folder("restarted/000009-cut.npy.tmp"), F_OK), 0);

    /* A folder that no run of ours wrote is left as it is. */
    assert_int_equal(mkdir(in_folder("album"), 0777), 0);
    assert_int_equal(ec_file_write(in_folder("album/000001-sea.npy"), "x", 1, &err), EC_OK);
    assert_int_equal(ec_features_write(in_folder("album"), &source, 1, images, 1, &options, NULL,
                                       NULL, NULL, &err),
                     EC_OK);
    assert_int_equal(access(in_folder("album/000001-sea.npy"), F_OK), 0);
}

/* Two runs on one output would write each other's rows. */
static bool second_run_is_refused(void *context, const ec_features_progress *progress,
                                  const char *bad) {
    (void)progress, (void)bad;
    const char *out = context;
    const ec_features_options options = options_of_test();
    ec_error err;
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_ERR_EXISTS);
    assert_non_null(strstr(err.message, out));
    assert_non_null(strstr(err.message, "another run"));
    return true;
}

static void a_second_run_on_the_same_output_is_refused(void **state) {
    (void)state;
    char out[128];
    snprintf(out, sizeof out, "%s", in_folder("both-write.npy"));
    const ec_features_options options = options_of_test();
    ec_error err;
    assert_int_equal(write_features(out, &options, second_run_is_refused, out, NULL, &err), EC_OK);
    assert_undisturbed(out);
    assert_int_not_equal(access(in_folder("both-write.npy.lock"), F_OK), 0);
    /* What a kill leaves of the lock does not count. */
    assert_int_equal(ec_file_write(in_folder("both-write.npy.lock"), "", 0, &err), EC_OK);
    assert_int_equal(write_features(out, &options, NULL, NULL, NULL, &err), EC_OK);
}

static void an_image_named_dash_is_a_file(void **state) {
    (void)state;
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(rename(images[2], "-"), 0);
    const char *const name = "-";
    const ec_feature_source source = {.folder = clip, .prepare = EC_PREPARE_SQUARE};
    const ec_features_options options = options_of_test();
    ec_error err;
    const ec_status status =
        ec_features_write("dash.npy", &source, 1, &name, 1, &options, NULL, NULL, NULL, &err);
    assert_int_equal(rename("-", images[2]), 0);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(status, EC_OK);
}

/* Both orders of the passes, as two generations of Pillow, and they are two different runs. */
static void the_order_of_the_passes_is_part_of_a_run(void **state) {
    (void)state;
    const char *out = in_folder("tall.npy");
    char path[128];
    snprintf(path, sizeof path, "%s/tall.ppm", folder);
    ec_text ppm = {0};
    ec_rng rng;
    ec_error err;
    ec_rng_init(&rng, 3, 0);
    ec_text_add(&ppm, "P5\n40 400\n255\n"); /* the height shrinks by far more than the width */
    for (int i = 0; i < 40 * 400; i++) {
        const unsigned char byte = (unsigned char)ec_rng_below(&rng, 256);
        ec_text_add_bytes(&ppm, &byte, 1);
    }
    assert_int_equal(ec_file_write(path, ppm.data, ppm.size_bytes, &err), EC_OK);
    ec_text_release(&ppm);
    const char *const name = path;
    ec_feature_source source = {.folder = clip, .prepare = EC_PREPARE_SQUARE};
    const ec_features_options options = options_of_test();
    assert_int_equal(ec_features_write(out, &source, 1, &name, 1, &options, NULL, NULL, NULL, &err),
                     EC_OK);
    source.horizontal_first = true;
    assert_int_equal(ec_features_write(out, &source, 1, &name, 1, &options, NULL, NULL, NULL, &err),
                     EC_ERR_EXISTS);
    assert_int_equal(ec_features_write(in_folder("wide.npy"), &source, 1, &name, 1, &options, NULL,
                                       NULL, NULL, &err),
                     EC_OK);
    ec_text a, b;
    assert_int_equal(ec_file_read(&a, out, 1 << 26, &err), EC_OK);
    assert_int_equal(ec_file_read(&b, in_folder("wide.npy"), 1 << 26, &err), EC_OK);
    assert_int_equal(a.size_bytes, b.size_bytes);
    assert_memory_not_equal(a.data, b.data, a.size_bytes);
    ec_text_release(&a);
    ec_text_release(&b);
}

static void encoders_side_by_side_have_one_grid(void **state) {
    (void)state;
    const ec_extractor_info clip_info = {
        .grid_width = 24, .grid_height = 24, .n_tokens = 576, .cell = 14};
    ec_extractor_info other = {.grid_width = 16, .grid_height = 16, .n_tokens = 256, .cell = 14};
    ec_error err;
    assert_int_equal(ec_extractor_check_beside("clip", &clip_info, "dino", &other, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "clip has 24 x 24 patches and dino 16 x 16"));
    assert_non_null(strstr(err.message, "such as dino@336"));
    other = clip_info;
    assert_int_equal(ec_extractor_check_beside("clip", &clip_info, "dino", &other, &err), EC_OK);
    other.n_tokens += 5;
    assert_int_equal(ec_extractor_check_beside("clip", &clip_info, "dino", &other, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "clip gives 576 tokens and dino 581"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_combination_is_its_parts_side_by_side),
        cmocka_unit_test(an_extractor_gives_what_the_files_hold),
        cmocka_unit_test(encoders_side_by_side_have_one_grid),
        cmocka_unit_test(a_stopped_run_ends_with_the_same_bytes),
        cmocka_unit_test(killed_runs_end_with_the_same_bytes),
        cmocka_unit_test(reading_the_weights_can_be_stopped),
        cmocka_unit_test(another_run_is_not_overwritten),
        cmocka_unit_test(a_changed_image_is_told),
        cmocka_unit_test(bad_images_stop_or_are_left_out),
        cmocka_unit_test(a_removed_array_is_computed_anew),
        cmocka_unit_test(a_file_in_the_place_of_the_manifest_is_kept),
        cmocka_unit_test(names_that_are_not_utf8_are_refused),
        cmocka_unit_test(a_restart_removes_the_files_of_other_images),
        cmocka_unit_test(a_second_run_on_the_same_output_is_refused),
        cmocka_unit_test(an_image_named_dash_is_a_file),
        cmocka_unit_test(the_order_of_the_passes_is_part_of_a_run),
        cmocka_unit_test(grids_that_do_not_match_are_refused_with_the_fix),
    };
    return cmocka_run_group_tests_name("features", tests, make_images, remove_images);
}
