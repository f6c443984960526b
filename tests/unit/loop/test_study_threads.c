/* test_study_threads.c - two threads of one process on one study, each with an ec_study of its own:
 * they share the work as two processes do, since locks are flock(2)'s, which belong to the opened
 * file and not to the process.
 *
 * tests/cli/test_score.sh and test_run.sh have the same of processes, and of those that are killed.
 * Here ThreadSanitizer looks on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "device.h"
#include "eyechart/asking.h"
#include "eyechart/loop.h"
#include "eyechart/rng.h"
#include "eyechart/score.h"
#include "folder.h"

enum { N_THREADS = 2, WAIT_S = 60 };

static void start_and_join(void *(*body)(void *), void *jobs, size_t job_size) {
    pthread_t threads[N_THREADS];
    for (size_t t = 0; t < N_THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, body, (char *)jobs + t * job_size), 0);
    for (size_t t = 0; t < N_THREADS; t++) pthread_join(threads[t], NULL);
}

/* ---- score -------------------------------------------------------------------------------- */

enum { N_CATEGORIES = 2, N_IMAGES = 3, N_PHOTOS = 20 /* three units of A */ };

static void copy(const char *to, const char *from) {
    size_t n;
    char *bytes = folder_read(from, &n);
    assert_non_null(bytes);
    folder_write_bytes(to, bytes, n);
    free(bytes);
}

static void write_encoder(const char *folder, const char *parity) {
    char from[512];
    mkdir(folder, 0777);
    for (int k = 0; k < 2; k++) {
        const char *name = k == 0 ? "config.json" : "model.safetensors";
        snprintf(from, sizeof from, EC_SOURCE_DIR "/tests/parity/%s/%s", parity, name);
        copy(folder_join(folder, name), from);
    }
    folder_write(folder_join(folder, "preprocessor_config.json"),
                 "{\"image_processor_type\": \"CLIPImageProcessor\", \"do_resize\": true,"
                 " \"size\": {\"shortest_edge\": 35}, \"resample\": 3, \"do_center_crop\": true,"
                 " \"crop_size\": {\"height\": 35, \"width\": 35}, \"do_rescale\": true,"
                 " \"rescale_factor\": 0.00392156862745098, \"do_normalize\": true,"
                 " \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.25, 0.25, 0.25]}");
}

enum { WIDTH = 44, HEIGHT = 40 };

static void write_picture(const char *path, uint64_t seed) {
    unsigned char pixels[3 * WIDTH * HEIGHT];
    ec_rng rng;
    ec_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)ec_rng_below(&rng, 256);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "P6\n%d %d\n255\n", WIDTH, HEIGHT);
    fwrite(pixels, 1, sizeof pixels, file);
    fclose(file);
}

/* Categories k0, k1, … of images k0-0.ppm, …; each pair of images of a category. */
static void write_keypoints(const char *study) {
    char name[32], folder[2 * FOLDER_SIZE];
    snprintf(folder, sizeof folder, "%s", folder_join(study, "points"));
    mkdir(folder, 0777);
    FILE *file = fopen(folder_join(folder, "keypoints.json"), "w");
    assert_non_null(file);
    fputs("{\"images\": [", file);
    for (int i = 0; i < N_CATEGORIES * N_IMAGES; i++) {
        snprintf(name, sizeof name, "k%d-%d.ppm", i / N_IMAGES, i % N_IMAGES);
        write_picture(folder_join(folder, name), (uint64_t)i);
        fprintf(file,
                "%s{\"id\": \"%s\", \"file\": \"%s\", \"width\": %d, \"height\": %d,"
                " \"box\": [2, 2, 40, 36], \"points\": {\"0\": [%d, 6], \"1\": [20, 12],"
                " \"4\": [33, %d]}}",
                i > 0 ? ", " : "", name, name, WIDTH, HEIGHT, 5 + 3 * i, 30 - 2 * i);
    }
    fputs("], \"pairs\": [", file);
    const char *comma = "";
    for (int k = 0; k < N_CATEGORIES; k++)
        for (int s = 0; s < N_IMAGES; s++)
            for (int t = s + 1; t < N_IMAGES; t++, comma = ", ")
                fprintf(file,
                        "%s{\"id\": \"%d-%d-%d\", \"source\": \"k%d-%d.ppm\","
                        " \"target\": \"k%d-%d.ppm\", \"category\": \"k%d\"}",
                        comma, k, s, t, k, s, k, t, k);
    fputs("]}", file);
    fclose(file);
}

/* Two encoders and both together; units of C, A and the measures. */
static void write_scored_study(const char *folder) {
    char name[32];
    for (int k = 0; k < 2; k++) mkdir(folder_join(folder, k == 0 ? "photos" : "weights"), 0777);
    write_encoder(folder_join(folder, "weights/clip"), "clip-f32");
    write_encoder(folder_join(folder, "weights/dino"), "dinov2-plain");
    copy(folder_join(folder, "clip.bin"), EC_SOURCE_DIR "/tests/align/clip.bin");
    copy(folder_join(folder, "dino.safetensors"), EC_SOURCE_DIR "/tests/align/dinov2.safetensors");
    write_keypoints(folder);
    for (int i = 0; i < N_PHOTOS; i++) {
        snprintf(name, sizeof name, "photos/%d.ppm", i);
        write_picture(folder_join(folder, name), 100 + (uint64_t)i);
    }
    folder_write(folder_join(folder, "study.yaml"),
                 "data: {keypoints: points/keypoints.json}\n"
                 "scores: {references: [clip]}\n"
                 "benchmarks: [{name: p, images: photos}]\n"
                 "candidates:\n"
                 "  - {name: clip, encoder: weights/clip, connector: clip.bin}\n"
                 "  - {name: dino, encoder: weights/dino@35, connector: dino.safetensors}\n"
                 "  - {name: both, encoder: weights/clip+weights/dino@35}\n");
}

typedef struct {
    const char *folder;
    atomic_int *n_at_work; /* NULL: alone */
    bool began;
    size_t n_threads;
    ec_status status;
    ec_error err;
    ec_score_summary *summary;
} score_job;

/* In the middle of its first unit each waits for the other to be there: so both do work. */
static bool meet(void *context, const ec_score_progress *progress) {
    score_job *job = context;
    if (job->began || job->n_at_work == NULL || progress->passes_done <= 0.0) return true;
    job->began = true;
    atomic_fetch_add(job->n_at_work, 1);
    for (int ms = 0; ms < 1000 * WAIT_S && atomic_load(job->n_at_work) < N_THREADS; ms++)
        usleep(1000);
    return true;
}

static void *score(void *argument) {
    score_job *job = argument;
    ec_study *study;
    const ec_score_options options = {.ctx = open_device(NULL, job->n_threads)};
    job->status = ec_study_open(&study, job->folder, &job->err);
    if (job->status == EC_OK)
        job->status = ec_study_score(&job->summary, study, &options, meet, job, &job->err);
    ec_study_close(study);
    ec_ctx_free(options.ctx);
    return NULL;
}

static void assert_same(const double *x, const double *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i] && !(isnan(x[i]) && isnan(y[i]))) fail_msg("%.17g, %.17g", x[i], y[i]);
}

static void assert_same_scores(const ec_score_summary *x, const ec_score_summary *y) {
    assert_int_equal(x->n_results, y->n_results);
    assert_int_equal(x->n_rows, y->n_rows);
    for (size_t k = 0; k < x->n_rows; k++) {
        const ec_score_row *p = &x->rows[k], *q = &y->rows[k];
        assert_int_equal(p->candidate, q->candidate);
        assert_same(p->c, q->c, 2);
        assert_same(p->c_se, q->c_se, 2);
        assert_same(p->a, q->a, x->n_benchmarks);
        assert_same(p->a_se, q->a_se, x->n_benchmarks);
        assert_same(p->measures, q->measures, EC_REPRESENTATION_COLUMNS);
    }
}

/* Files of locks and rows are gone, but for the one that says who is at work. */
static void assert_swept(const char *folder) {
    DIR *work = opendir(folder_join(folder, "work"));
    assert_non_null(work);
    const struct dirent *entry;
    while ((entry = readdir(work)) != NULL)
        if (entry->d_name[0] != '.') assert_string_equal(entry->d_name, "running");
    closedir(work);
}

/* A lock that is forgotten stays open as long as its process. */
static size_t count_open_files(void) {
    size_t n = 0;
    DIR *files = opendir("/proc/self/fd");
    assert_non_null(files);
    while (readdir(files) != NULL) n++;
    closedir(files);
    return n;
}

static void assert_fine(ec_status status, const ec_error *err) {
    if (status != EC_OK) fail_msg("%s", err->message);
}

static void threads_share_the_units_of_score(void **state) {
    char alone[2 * FOLDER_SIZE], shared[2 * FOLDER_SIZE];
    snprintf(alone, sizeof alone, "%s", folder_join(*state, "alone"));
    snprintf(shared, sizeof shared, "%s", folder_join(*state, "shared"));
    mkdir(alone, 0777);
    mkdir(shared, 0777);
    write_scored_study(alone);
    write_scored_study(shared);

    score_job expected = {.folder = alone, .n_threads = 1};
    score(&expected);
    assert_fine(expected.status, &expected.err);
    atomic_int n_at_work = 0;
    score_job jobs[N_THREADS];
    const size_t n_files = count_open_files();
    double passes = 0.0;
    for (size_t t = 0; t < N_THREADS; t++)
        jobs[t] = (score_job){.folder = shared, .n_at_work = &n_at_work, .n_threads = 2};
    start_and_join(score, jobs, sizeof *jobs);
    assert_int_equal(count_open_files(), n_files);
    assert_int_equal(atomic_load(&n_at_work), N_THREADS);
    for (size_t t = 0; t < N_THREADS; t++) {
        assert_fine(jobs[t].status, &jobs[t].err);
        assert_same_scores(jobs[t].summary, expected.summary);
        passes += jobs[t].summary->passes;
        ec_score_summary_free(jobs[t].summary);
    }
    /* Two preparations for C, of six images and two encoders; A of both, once. */
    assert_true(fabs(expected.summary->passes - (2 * 6 * 2 + 2 * N_PHOTOS)) < 1e-6);
    assert_true(fabs(passes - expected.summary->passes) < 1e-6); /* no unit twice */
    ec_score_summary_free(expected.summary);
    assert_swept(shared);
}

/* ---- run ---------------------------------------------------------------------------------- */

enum { N_CANDIDATES = 4 };

/* Each training leaves a line; the first waits until another is at work beside it. */
static void write_trained_study(const char *folder) {
    folder_write(
        folder_join(folder, "study.yaml"),
        "run: {train: \"sh train.sh {candidate} {out}\", evaluate: \"cat {out}/model\", anyway: "
        "true}\n"
        "benchmarks: [{name: p}]\n"
        "candidates:\n"
        "  - {name: c0, A: .9, C: 10}\n"
        "  - {name: c1, A: .5, C: 24}\n"
        "  - {name: c2, A: .3, C: 5}\n"
        "  - {name: c3, A: .7, C: 15}\n");
    folder_write(folder_join(folder, "train.sh"), "echo $1 >>trained\n"
                                                  "n=0\n"
                                                  "while [ $(wc -l <trained) -lt 2 ]; do\n"
                                                  "    sleep .1\n"
                                                  "    n=$((n + 1))\n"
                                                  "    [ $n -lt 600 ] || exit 1\n"
                                                  "done\n"
                                                  "echo p=${1#c} >$2/model\n");
}

typedef struct {
    const char *folder;
    ec_status status;
    ec_error err;
    ec_loop_summary summary;
} loop_job;

static void *run(void *argument) {
    loop_job *job = argument;
    ec_study *study;
    job->status = ec_study_open(&study, job->folder, &job->err);
    if (job->status == EC_OK)
        job->status = ec_study_run(&job->summary, study, NULL, NULL, NULL, &job->err);
    ec_study_close(study);
    return NULL;
}

static void assert_each_told_once(const char *folder) {
    ec_study *study;
    ec_observation *rows;
    size_t n;
    ec_error err;
    assert_fine(ec_study_open(&study, folder, &err), &err);
    assert_int_equal(ec_study_history(&rows, &n, study, &err), EC_OK);
    assert_int_equal(n, N_CANDIDATES);
    bool told[N_CANDIDATES] = {false};
    for (size_t k = 0; k < n; k++) {
        assert_true(rows[k].value == (double)rows[k].candidate);
        assert_false(told[rows[k].candidate]);
        told[rows[k].candidate] = true;
    }
    free(rows);
    ec_study_close(study);
}

static void threads_share_the_trainings_of_run(void **state) {
    write_trained_study(*state);
    loop_job jobs[N_THREADS];
    size_t n_told = 0, size;
    const size_t n_files = count_open_files();
    for (size_t t = 0; t < N_THREADS; t++) jobs[t] = (loop_job){.folder = *state};
    start_and_join(run, jobs, sizeof *jobs);
    assert_int_equal(count_open_files(), n_files);
    for (size_t t = 0; t < N_THREADS; t++) {
        assert_fine(jobs[t].status, &jobs[t].err);
        assert_true(jobs[t].summary.n_told >= 1);
        n_told += jobs[t].summary.n_told;
        assert_int_equal(jobs[t].summary.stop, EC_LOOP_ALL_DONE);
        assert_int_equal(jobs[t].summary.n_finetuned, N_CANDIDATES);
        assert_int_equal(jobs[t].summary.n_failed, 0);
    }
    assert_int_equal(n_told, N_CANDIDATES);
    free(folder_read(folder_join(*state, "trained"), &size));
    assert_int_equal(size, N_CANDIDATES * strlen("c0\n"));
    assert_each_told_once(*state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_share_the_units_of_score, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(threads_share_the_trainings_of_run, folder_set_up,
                                        folder_tear_down),
    };
    /* libzip asks the C library for the time zone, which reads it anew each time unless it is
     * named; that is behind a lock, but of a kind that ThreadSanitizer does not see. */
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
