/* test_connector_files.c - the folders that trainings leave, and which file in them is the
 * connector */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "eyechart/connector.h"
#include "folder.h"

/* A linear from 3 channels to n_outputs, by which a file is told from others; as `prefix` names it.
 */
static void put_connector(const char *path, const char *prefix, size_t n_outputs) {
    ec_text header = {0}, file = {0};
    ec_text_format(&header,
                   "{\"%sweight\":{\"dtype\":\"F32\",\"shape\":[%zu,3],\"data_offsets\":[0,%zu]},"
                   "\"%sbias\":{\"dtype\":\"F32\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}}",
                   prefix, n_outputs, 12 * n_outputs, prefix, n_outputs, 12 * n_outputs,
                   16 * n_outputs);
    for (int i = 0; i < 8; i++)
        ec_text_add_bytes(&file, &(char){(char)(header.size_bytes >> (8 * i) & 0xff)}, 1);
    ec_text_add_bytes(&file, header.data, header.size_bytes);
    for (size_t i = 0; i < 16 * n_outputs; i++) ec_text_add_bytes(&file, "", 1);
    folder_write_bytes(path, file.data, file.size_bytes);
    ec_text_release(&header);
    ec_text_release(&file);
}

static void make(const char *root, const char *name) {
    assert_int_equal(mkdir(folder_join(root, name), 0700), 0);
}

static void gives(const char *path, const char *file, size_t n_outputs) {
    ec_connector *c;
    ec_error err = {.message = ""};
    if (ec_connector_open(&c, path, NULL, &err) != EC_OK) fail_msg("%s: %s", path, err.message);
    const ec_connector_info info = ec_connector_describe(c);
    if (strstr(info.file, file) == NULL || info.n_outputs != n_outputs)
        fail_msg("%s: %s gives %zu, expected %s and %zu", path, info.file, info.n_outputs, file,
                 n_outputs);
    ec_connector_close(c);
}

static void is_refused(const char *path, ec_status status, const char *why) {
    ec_connector *c;
    ec_error err = {.message = "(none)"};
    const ec_status got = ec_connector_open(&c, path, NULL, &err);
    if (got != status || strstr(err.message, why) == NULL)
        fail_msg("status %d: '%s'; expected %d and '%s'", got, err.message, status, why);
}

/* finetune_lora.sh: adapters, and beside them what was trained whole. */
static void a_lora_folder_has_it_beside_the_adapters(void **state) {
    folder_write(folder_join(*state, "adapter_model.safetensors"), "");
    folder_write(folder_join(*state, "config.json"), "{\"model_type\": \"llava_llama\"}");
    is_refused(*state, EC_ERR_FORMAT, "adapter_model.safetensors: is empty");
    put_connector(folder_join(*state, "non_lora_trainables.bin"),
                  "base_model.model.model.mm_projector.", 2);
    gives(*state, "/non_lora_trainables.bin", 2);
    put_connector(folder_join(*state, "mm_projector.bin"), "model.mm_projector.", 3);
    gives(*state, "/mm_projector.bin", 3);
}

/* ZeRO-3 leaves parameters without elements in every process but for its part of them. */
static void weights_that_were_not_gathered_are_named(void **state) {
    put_connector(folder_join(*state, "mm_projector.bin"), "model.mm_projector.", 0);
    is_refused(*state, EC_ERR_FORMAT, "zero_to_fp32.py");
}

/* PEFT with modules_to_save keeps whole modules among the adapters. */
static void adapters_may_have_a_connector(void **state) {
    put_connector(folder_join(*state, "adapter_model.safetensors"),
                  "base_model.model.mm_projector.", 2);
    gives(*state, "/adapter_model.safetensors", 2);
}

/* DeepSpeed's own folder of a step, whose name is in the file latest. */
static void deepspeed_keeps_the_whole_model(void **state) {
    make(*state, "checkpoint-5");
    make(*state, "checkpoint-5/global_step5");
    put_connector(folder_join(*state, "checkpoint-5/global_step5/mp_rank_00_model_states.pt"),
                  "model.mm_projector.", 2);
    is_refused(*state, EC_ERR_NOT_FOUND, "no connector there");
    folder_write(folder_join(*state, "checkpoint-5/latest"), "global_step5\n");
    gives(*state, "/checkpoint-5/global_step5/mp_rank_00_model_states.pt", 2);
}

/* non_lora_trainables.bin of another training, without a connector, hides nothing. */
static void what_has_no_connector_is_passed_over(void **state) {
    put_connector(folder_join(*state, "non_lora_trainables.bin"), "lm_head.", 2);
    is_refused(*state, EC_ERR_NOT_FOUND, "no connector there");
    put_connector(folder_join(*state, "model.safetensors"), "model.mm_projector.", 3);
    gives(*state, "", 3);
}

/* A training that did not end: the last step that has one. */
static void the_last_step_counts(void **state) {
    make(*state, "checkpoint-900");
    make(*state, "checkpoint-5000");
    make(*state, "checkpoint-10000");
    make(*state, "checkpoint-99999-old");
    is_refused(*state, EC_ERR_NOT_FOUND, "no connector there");
    put_connector(folder_join(*state, "checkpoint-900/mm_projector.bin"), "", 2);
    put_connector(folder_join(*state, "checkpoint-5000/mm_projector.bin"), "", 3);
    gives(*state, "/checkpoint-5000/mm_projector.bin", 3); /* of 10000 nothing was kept */
    put_connector(folder_join(*state, "checkpoint-10000/model.safetensors"), "model.mm_projector.",
                  4);
    gives(*state, "/checkpoint-10000", 4);
    put_connector(folder_join(*state, "mm_projector.bin"), "", 5); /* it ended */
    gives(*state, "/mm_projector.bin", 5);
    gives(folder_join(*state, "checkpoint-900"), "/checkpoint-900/mm_projector.bin", 2);
}

/* pretrain.sh writes one file a step into mm_projector/. */
static void steps_may_be_files(void **state) {
    make(*state, "mm_projector");
    put_connector(folder_join(*state, "mm_projector/checkpoint-200.bin"), "model.mm_projector.", 2);
    put_connector(folder_join(*state, "mm_projector/checkpoint-1000.bin"), "model.mm_projector.",
                  3);
    gives(*state, "/mm_projector/checkpoint-1000.bin", 3);
    gives(folder_join(*state, "mm_projector"), "/mm_projector/checkpoint-1000.bin", 3);
}

/* A step that kept adapters alone: its own file above, else the one of the end. */
static void a_step_looks_above(void **state) {
    make(*state, "checkpoint-200");
    folder_write(folder_join(*state, "checkpoint-200/trainer_state.json"), "{}");
    is_refused(folder_join(*state, "checkpoint-200"), EC_ERR_NOT_FOUND, "no connector there");
    put_connector(folder_join(*state, "non_lora_trainables.bin"), "model.mm_projector.", 2);
    gives(folder_join(*state, "checkpoint-200"), "/non_lora_trainables.bin", 2);
    make(*state, "mm_projector");
    put_connector(folder_join(*state, "mm_projector/checkpoint-200.bin"), "model.mm_projector.", 3);
    gives(folder_join(*state, "checkpoint-200"), "/mm_projector/checkpoint-200.bin", 3);
    /* no other folder does */
    make(*state, "results");
    is_refused(folder_join(*state, "results"), EC_ERR_NOT_FOUND, "no connector there");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_set_up, folder_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_lora_folder_has_it_beside_the_adapters),
        IN_FOLDER(weights_that_were_not_gathered_are_named),
        IN_FOLDER(adapters_may_have_a_connector),
        IN_FOLDER(deepspeed_keeps_the_whole_model),
        IN_FOLDER(what_has_no_connector_is_passed_over),
        IN_FOLDER(the_last_step_counts),
        IN_FOLDER(steps_may_be_files),
        IN_FOLDER(a_step_looks_above),
    };
    return cmocka_run_group_tests_name("files of connectors", tests, NULL, NULL);
}
