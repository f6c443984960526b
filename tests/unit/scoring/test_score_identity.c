/* What encoders of a study are by their content, and that all their folders are watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"
#include "scoring/score_job.h"

#define PARITY EC_SOURCE_DIR "/tests/parity/"

static void copy(const char *folder, const char *name, const char *from) {
    size_t n;
    char *bytes = folder_read(folder_join(from, name), &n);
    assert_non_null(bytes);
    folder_write_bytes(folder_join(folder, name), bytes, n);
    free(bytes);
}

typedef struct {
    char folder[FOLDER_SIZE];
    char first[2 * FOLDER_SIZE], second[2 * FOLDER_SIZE];
    ec_study *study;
    ec_job job;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    folder_write(folder_join(f->folder, "study.yaml"), "benchmarks: []\ncandidates: []\n");
    snprintf(f->first, sizeof f->first, "%s/first", f->folder);
    snprintf(f->second, sizeof f->second, "%s/second", f->folder);
    for (int k = 0; k < 2; k++) {
        const char *folder = k == 0 ? f->first : f->second;
        mkdir(folder, 0777);
        copy(folder, "config.json", PARITY "clip-f32");
        copy(folder, "model.safetensors", PARITY "clip-f32");
    }
    ec_error err;
    if (ec_study_open(&f->study, f->folder, &err) != EC_OK) fail_msg("%s", err.message);
    if (ec_job_init(&f->job, f->study, NULL, &err) != EC_OK) fail_msg("%s", err.message);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ec_job_release(&f->job);
    ec_study_close(f->study);
    folder_remove(f->folder);
    free(f);
    return 0;
}

static size_t find(fixture *f, const char *folder, size_t size) {
    const ec_feature_source source = {.folder = folder, .prepare = EC_PREPARE_SQUARE, .size = size};
    size_t index;
    ec_error err;
    if (ec_job_find_encoder(&index, &f->job, &source, &err) != EC_OK) fail_msg("%s", err.message);
    return index;
}

static void equal_weights_are_one_encoder(void **state) {
    fixture *f = *state;
    assert_int_equal(find(f, f->first, 0), 0);
    assert_int_equal(find(f, f->second, 0), 0);
    assert_int_equal(find(f, f->second, 0), 0);
    assert_int_equal(find(f, f->second, 42), 1);
    assert_int_equal(f->job.n_encoders, 2);
    assert_int_equal(f->job.encoders[0].n_places, 2);
}

/* A opens the folder of each candidate, so that a change in any of them may reach the features. */
static void a_change_is_seen_in_every_folder_of_an_encoder(void **state) {
    fixture *f = *state;
    ec_error err;
    const size_t e = find(f, f->first, 0);
    find(f, f->second, 0);
    assert_int_equal(ec_job_check_encoder(&f->job, e, &err), EC_OK);
    folder_write(folder_join(f->second, "model.safetensors"), "something else");
    assert_int_equal(ec_job_check_encoder(&f->job, e, &err), EC_ERR_IO);
    assert_non_null(strstr(err.message, "second: changed"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_weights_are_one_encoder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_is_seen_in_every_folder_of_an_encoder, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
