/* test_encoder_open.c - folders that are not the model their config.json says are refused by name
 *
 * Each test takes a tiny checkpoint of tests/parity, changes one thing, and opens it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "eyechart/encoder.h"

static char folder[] = "/tmp/eyechart-encoder-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/config.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    unlink(path);
    return rmdir(folder);
}

/* The file with the first `from` replaced; nothing is replaced when from is NULL. */
static ec_text changed(const char *fixture, const char *name, size_t skip, const char *from,
                       const char *to) {
    char path[512];
    ec_text text, out = {0};
    ec_error err;
    snprintf(path, sizeof path, "%s/tests/parity/%s/%s", EC_SOURCE_DIR, fixture, name);
    assert_int_equal(ec_file_read(&text, path, 1 << 24, &err), EC_OK);
    const char *at = from != NULL ? strstr(text.data + skip, from) : NULL;
    if (from != NULL && at == NULL) fail_msg("%s has no %s", path, from);
    const size_t before = at != NULL ? (size_t)(at - text.data) : text.size_bytes;
    ec_text_add_bytes(&out, text.data, before);
    if (at != NULL) {
        ec_text_add(&out, to);
        ec_text_add_bytes(&out, at + strlen(from), text.size_bytes - before - strlen(from));
    }
    ec_text_release(&text);
    return out;
}

static void put(const char *name, ec_text *text) {
    char path[128];
    ec_error err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(ec_file_write(path, text->data, text->size_bytes, &err), EC_OK);
    ec_text_release(text);
}

/* Opens the fixture with one replacement in config.json and one in the header of the weights. */
static ec_status open_changed(const char *fixture, const char *config_from, const char *config_to,
                              const char *weights_from, const char *weights_to, ec_error *err) {
    ec_encoder *encoder;
    ec_text config = changed(fixture, "config.json", 0, config_from, config_to);
    ec_text weights = changed(fixture, "model.safetensors", 8, weights_from, weights_to);
    if (weights_from != NULL) { /* the header's length, which may have changed */
        uint64_t length = 0;
        for (int i = 7; i >= 0; i--) length = length << 8 | (unsigned char)weights.data[i];
        length += strlen(weights_to) - strlen(weights_from);
        for (int i = 0; i < 8; i++) weights.data[i] = (char)(length >> (8 * i) & 0xff);
    }
    put("config.json", &config);
    put("model.safetensors", &weights);
    const ec_status status = ec_encoder_open(&encoder, folder, NULL, err);
    if (status != EC_OK) assert_null(encoder);
    ec_encoder_close(encoder);
    return status;
}

static void refuse_weights(const char *from, const char *to, const char *why) {
    ec_error err = {.message = "(none)"};
    const ec_status status = open_changed("clip-f32", NULL, NULL, from, to, &err);
    if (status != EC_ERR_FORMAT || strstr(err.message, why) == NULL ||
        strstr(err.message, folder) == NULL)
        fail_msg("status %d, '%s'; expected '%s'", status, err.message, why);
}

#define BIAS "vision_model.encoder.layers.1.mlp.fc2.bias"

static void the_unchanged_fixture_opens(void **state) {
    (void)state;
    ec_error err;
    if (open_changed("clip-f32", NULL, NULL, NULL, NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
}

/* A bias that is not there is an error, not a zero, and so is what takes its place. */
static void a_missing_tensor_is_named_with_its_shape(void **state) {
    (void)state;
    refuse_weights("\"" BIAS "\"", "\"vision_model.encoder.layers.1.mlp.fc3.bias\"",
                   "tensor '" BIAS "' is missing; expected shape [40]");
    refuse_weights("\"" BIAS "\"", "\"text_model.bias\"", "tensor '" BIAS "' is missing");
}

/* One block fewer in config.json: the tensors of the last have no place. */
static void an_unexpected_tensor_is_named(void **state) {
    (void)state;
    ec_error err;
    assert_int_equal(open_changed("clip-f32", "\"num_hidden_layers\": 3",
                                  "\"num_hidden_layers\": 2", NULL, NULL, &err),
                     EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "'vision_model.encoder.layers.2."));
    assert_non_null(strstr(err.message, "unexpected"));
}

/* What a model does not need cannot refuse its file, whatever it is. */
static void counters_and_strange_dtypes_are_passed_over(void **state) {
    (void)state;
    ec_error err;
    const ec_status status = open_changed(
        "clip-f32", NULL, NULL, "{\"",
        "{\"epoch\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[0,0]},"
        "\"vision_model.encoder.step\":{\"dtype\":\"U32\",\"shape\":[0],\"data_offsets\":[0,0]},"
        "\"x.scales\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[0,0]},"
        "\"deep\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,0],\"data_offsets\":[0,0]},\"",
        &err);
    if (status != EC_OK) fail_msg("%s", err.message);
    refuse_weights("\"vision_model.encoder.layers.1.layer_norm1.bias\":{\"dtype\":\"F32\"",
                   "\"vision_model.encoder.layers.1.layer_norm1.bias\":{\"dtype\":\"Q32\"",
                   "has dtype Q32, which eyechart does not read");
}

/* Of CLIP's two vision configurations the older one counts, filled up with defaults. */
static void vision_config_dict_replaces_vision_config(void **state) {
    (void)state;
    ec_encoder *encoder;
    ec_error err;
    ec_text config = changed("clip-f32", "config.json", 0, "{",
                             "{\"model_type\": \"clip\", \"vision_config\": {\"hidden_size\": 8}, "
                             "\"vision_config_dict\": {\"hidden_size\": 40, \"image_size\": 35, "
                             "\"intermediate_size\": 52, \"num_attention_heads\": 5, "
                             "\"num_hidden_layers\": 3, \"patch_size\": 7}, \"was\": {");
    ec_text_add(&config, "}");
    ec_text weights = changed("clip-f32", "model.safetensors", 0, NULL, NULL);
    put("config.json", &config);
    put("model.safetensors", &weights);
    if (ec_encoder_open(&encoder, folder, NULL, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(ec_encoder_describe(encoder).width, 40);
    ec_encoder_close(encoder);
}

static void a_text_tower_is_no_part_of_the_model(void **state) {
    (void)state;
    ec_error err;
    const ec_status status =
        open_changed("clip-f32", NULL, NULL, "{\"",
                     "{\"text_model.x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
                     "\"logit_scale\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"",
                     &err);
    if (status != EC_OK) fail_msg("%s", err.message);
    refuse_weights("{\"",
                   "{\"vision_model.x\":{\"dtype\":\"F32\",\"shape\":[0],"
                   "\"data_offsets\":[0,0]},\"",
                   "tensor 'vision_model.x' is unexpected");
}

static void a_wrong_shape_names_what_was_found_and_expected(void **state) {
    (void)state;
    ec_error err;
    assert_int_equal(open_changed("clip-f32", "\"intermediate_size\": 52",
                                  "\"intermediate_size\": 48", NULL, NULL, &err),
                     EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "mlp.fc1.weight': shape [52, 40], expected [48, 40]"));
    /* The same number of elements, the other way round. */
    refuse_weights("[52,40]", "[40,52]", "shape [40, 52], expected [52, 40]");
    refuse_weights("[40,3,7,7]", "[40,147]", "shape [40, 147], expected [40, 3, 7, 7]");
}

/* Bytes of integers are not weights, though their number be right. */
static void weights_of_integers_are_refused(void **state) {
    (void)state;
    refuse_weights("\"dtype\":\"F32\"", "\"dtype\":\"I32\"",
                   "dtype I32, expected F32, F16 or BF16");
}

static void a_config_that_makes_no_model_is_refused_by_its_key(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *why;
    } cases[] = {
        {"\"hidden_size\": 40", "\"hidden_size\": -40", "key 'hidden_size': expected"},
        {"\"hidden_size\": 40", "\"hidden_size\": 4611686018427387904",
         "key 'hidden_size': expected"},
        {"\"num_attention_heads\": 5", "\"num_attention_heads\": 7", "not a multiple"},
        {"\"num_attention_heads\": 5", "\"num_attention_heads\": 0",
         "key 'num_attention_heads': expected"},
        {"\"patch_size\": 7", "\"patch_size\": 0", "key 'patch_size': expected"},
        {"\"patch_size\": 7", "\"patch_size\": 36", "smaller than"},
        {"\"num_channels\": 3", "\"num_channels\": 4", "\"num_channels\" is 4"},
        {"\"quick_gelu\"", "\"relu\"", "found \"relu\""},
        {"\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": -1", "key 'layer_norm_eps': expected"},
        {"\"clip_vision_model\"", "\"siglip2_vision_model\"", "NaFlex"},
        {"\"clip_vision_model\"", "\"llama\"", "'llama'"},
        {"\"clip_vision_model\"", "\"clip\"", "\"vision_config\""},
        {"{", "[", "config.json:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_error err = {.message = "(none)"};
        const ec_status status =
            open_changed("clip-f32", cases[i].from, cases[i].to, NULL, NULL, &err);
        if (status != EC_ERR_FORMAT || strstr(err.message, cases[i].why) == NULL ||
            strstr(err.message, "config.json") == NULL)
            fail_msg("%s: status %d, '%s'", cases[i].to, status, err.message);
    }
}

/* Hugging Face leaves defaults out of config.json, and a wrong one of these is too small for the
 * parity test to see. */
static void the_epsilon_is_the_familys_or_what_the_config_says(void **state) {
    (void)state;
    static const struct {
        const char *fixture;
        double epsilon;
        const char *key, *becomes; /* the fixture's own epsilon, or a place to put one */
    } cases[] = {{"clip-f32", 1e-5, "\"layer_norm_eps\"", "\"was\""},
                 {"siglip-whole-f32", 1e-6, "\"patch_size\"", "\"patch_size\""},
                 {"dinov2-plain", 1e-6, "\"layer_norm_eps\"", "\"was\""},
                 {"vit-no-qkv-bias", 1e-12, "\"layer_norm_eps\"", "\"was\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int given = 0; given < 2; given++) {
            ec_error err;
            ec_encoder *encoder;
            char to[64];
            snprintf(to, sizeof to, "%s%s", given ? "\"layer_norm_eps\": 0.25, " : "",
                     cases[i].becomes);
            ec_text config = changed(cases[i].fixture, "config.json", 0, cases[i].key, to);
            ec_text weights = changed(cases[i].fixture, "model.safetensors", 0, NULL, NULL);
            put("config.json", &config);
            put("model.safetensors", &weights);
            if (ec_encoder_open(&encoder, folder, NULL, &err) != EC_OK) fail_msg("%s", err.message);
            const double found = ec_encoder_describe(encoder).layer_norm_eps;
            ec_encoder_close(encoder);
            if (found != (given ? 0.25 : cases[i].epsilon))
                fail_msg("%s: epsilon %g", cases[i].fixture, found);
        }
}

/* ---- names and places of towers ---- */

/* The header of a fixture's weights with every `from` replaced, the same bytes behind it. */
static ec_text renamed(const char *fixture, const char *from, const char *to) {
    ec_text in = changed(fixture, "model.safetensors", 0, NULL, NULL), out = {0};
    uint64_t length = 0, longer = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | (unsigned char)in.data[i];
    ec_text header = {0};
    for (const char *at = in.data + 8; at < in.data + 8 + length;) {
        if (strncmp(at, from, strlen(from)) == 0) {
            ec_text_add(&header, to);
            at += strlen(from);
        } else {
            ec_text_add_bytes(&header, at++, 1);
        }
    }
    longer = header.size_bytes;
    for (int i = 0; i < 8; i++)
        ec_text_add_bytes(&out, &(char){(char)(longer >> (8 * i) & 0xff)}, 1);
    ec_text_add_bytes(&out, header.data, header.size_bytes);
    ec_text_add_bytes(&out, in.data + 8 + length, in.size_bytes - 8 - length);
    ec_text_release(&header);
    ec_text_release(&in);
    return out;
}

/* clip-f32 with other names, and a config.json; NULL: its own. */
static ec_status open_renamed(ec_encoder **out, const char *from, const char *to,
                              const char *config, ec_error *err) {
    ec_text weights = renamed("clip-f32", from, to), text = {0};
    if (config == NULL)
        text = changed("clip-f32", "config.json", 0, NULL, NULL);
    else
        ec_text_add(&text, config);
    put("config.json", &text);
    put("model.safetensors", &weights);
    return ec_encoder_open(out, folder, NULL, err);
}

static void a_tower_is_found_in_any_wrappers(void **state) {
    (void)state;
    static const char *const prefixes[] = {"",
                                           "module.",
                                           "model.",
                                           "vision_tower.",
                                           "vision_model.",
                                           "module.vision_model.",
                                           "model.vision_tower.vision_tower.vision_model.",
                                           "base_model.model.model.vision_tower.vision_tower.",
                                           "_orig_mod.module.vision_model."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        char to[128];
        ec_encoder *encoder;
        ec_error err;
        snprintf(to, sizeof to, "\"%s", prefixes[i]);
        if (open_renamed(&encoder, "\"vision_model.", to, NULL, &err) != EC_OK)
            fail_msg("%s: %s", prefixes[i], err.message);
        ec_encoder_close(encoder);
    }
}

static void names_that_fit_nothing_are_shown_with_whose_they_look_like(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *words[3];
    } cases[] = {
        {"\"vision_model.",
         "\"nobody.",
         {"none of the", "'nobody.embeddings.class_embedding'",
          "transformers, timm and open_clip"}},
        {"\"vision_model.encoder.layers",
         "\"vision_model.stages",
         {"'vision_model.encoder.layers.0.", "is missing", ""}},
        {"embeddings.position_embedding.weight", "embed_tokens.weight", {"is missing", "", ""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_encoder *encoder;
        ec_error err = {.message = "(none)"};
        assert_int_equal(open_renamed(&encoder, cases[i].from, cases[i].to, NULL, &err),
                         EC_ERR_FORMAT);
        for (int k = 0; k < 3; k++)
            if (strstr(err.message, cases[i].words[k]) == NULL)
                fail_msg("%s; expected '%s'", err.message, cases[i].words[k]);
    }
    /* Those of DINOv2, called a CLIP tower. */
    ec_error err;
    ec_encoder *encoder;
    ec_text weights = renamed("dinov2-plain", "\"", "\""),
            config = changed("clip-f32", "config.json", 0, NULL, NULL);
    put("config.json", &config);
    put("model.safetensors", &weights);
    assert_int_equal(ec_encoder_open(&encoder, folder, NULL, &err), EC_ERR_FORMAT);
    assert_non_null(
        strstr(err.message, "look like those of Hugging Face transformers, for another"));
}

/* LLaVA's own layout: config.json names the tower's original, which is looked for, or known. */
static void llavas_tower_is_that_of_its_original(void **state) {
    (void)state;
    ec_error err;
    ec_encoder *encoder;
    const char *const to = "\"model.vision_tower.vision_tower.vision_model.";
    if (open_renamed(&encoder, "\"vision_model.", to,
                     "{\"model_type\": \"llava_llama\", \"mm_vision_tower\": \"" EC_SOURCE_DIR
                     "/tests/parity/clip-f32\"}",
                     &err) != EC_OK)
        fail_msg("%s", err.message);
    const ec_encoder_info info = ec_encoder_describe(encoder);
    assert_int_equal(info.n_heads, 5);
    assert_string_equal(info.activation, "quick_gelu");
    ec_encoder_close(encoder);
    /* 40 channels are no heads of 64. */
    assert_int_equal(open_renamed(&encoder, "\"vision_model.", to,
                                  "{\"mm_vision_tower\": \"openai/clip-vit-large-patch14\"}", &err),
                     EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "how many heads"));
    assert_int_equal(open_renamed(&encoder, "\"vision_model.", to,
                                  "{\"mm_vision_tower\": \"someone/tower\"}", &err),
                     EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "'someone/tower' is no folder"));
    /* One that would be looked for without end. */
    assert_int_equal(
        open_renamed(&encoder, "\"vision_model.", to, "{\"mm_vision_tower\": \".\"}", &err),
        EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "expected the config.json of a vision encoder"));
    assert_int_equal(
        open_renamed(
            &encoder, "\"vision_model.", to,
            "{\"model_type\": \"qwen2_vl\", \"vision_config\": {\"model_type\": \"qwen2_vl\"}}",
            &err),
        EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "'qwen2_vl'"));
}

/* What timm calls alike and computes otherwise. */
static void an_architecture_of_timm_that_is_another_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {"vit_base_patch16_rpn_224", "resnet50",
                                        "vit_base_r50_s16_224", "convnext_base"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char config[128];
        ec_encoder *encoder;
        ec_error err;
        snprintf(config, sizeof config, "{\"architecture\": \"%s\"}", names[i]);
        assert_int_equal(open_renamed(&encoder, "\"vision_model.", "\"", config, &err),
                         EC_ERR_FORMAT);
        assert_non_null(strstr(err.message, names[i]));
    }
}

/* What would divide by zero, or ask for an image of any size. */
static void a_preparation_of_timm_that_is_none_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *key, *told;
    } cases[] = {{"\"std\": [0.5, 0, 0.5]", "\"std\""},
                 {"\"mean\": [0.5, 0.5, 1e300]", "are 1e+300 and 0."},
                 {"\"crop_pct\": 1e-300", "\"crop_pct\" is 1e-300"},
                 {"\"crop_pct\": 1.5", "\"crop_pct\" is 1.5"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char config[256];
        ec_encoder *encoder;
        ec_error err;
        snprintf(config, sizeof config,
                 "{\"architecture\": \"vit_base_patch16_clip_224\", \"pretrained_cfg\": "
                 "{\"input_size\": [3, 224, 224], %s}}",
                 cases[i].key);
        assert_int_equal(open_renamed(&encoder, "\"vision_model.", "\"", config, &err),
                         EC_ERR_FORMAT);
        assert_non_null(strstr(err.message, cases[i].told));
    }
}

/* The tower of a model against an encoder: the same values, one of them changed, another size. */
static void a_tower_that_was_trained_differs_from_its_original(void **state) {
    (void)state;
    ec_error err;
    ec_encoder *encoder;
    char difference[128];
    if (open_renamed(&encoder, "\"", "\"", NULL, &err) != EC_OK) fail_msg("%s", err.message);
    assert_true(ec_encoder_has_tower(folder));
    assert_int_equal(ec_encoder_compare(difference, encoder, folder, &err), EC_OK);
    assert_string_equal(difference, "");
    ec_encoder_close(encoder);

    /* Its last eight bytes are of some weight. */
    ec_text text = renamed("clip-f32", "\"vision_model.", "\"model.vision_tower.vision_tower.");
    text.data[text.size_bytes - 1] ^= 0x40;
    char path[512];
    snprintf(path, sizeof path, "%s/tests/parity/clip-f32", EC_SOURCE_DIR);
    put("model.safetensors", &text);
    assert_int_equal(ec_encoder_open(&encoder, path, NULL, &err), EC_OK);
    assert_int_equal(ec_encoder_compare(difference, encoder, folder, &err), EC_OK);
    assert_string_not_equal(difference, "");
    snprintf(path, sizeof path, "%s/tests/align/clip.bin", EC_SOURCE_DIR);
    assert_false(ec_encoder_has_tower(path));
    assert_int_equal(ec_encoder_compare(difference, encoder, path, &err), EC_OK);
    assert_string_equal(difference, "");
    snprintf(path, sizeof path, "%s/tests/parity/clip-epsilon", EC_SOURCE_DIR);
    text = changed("clip-epsilon", "model.safetensors", 0, NULL, NULL);
    put("model.safetensors", &text);
    assert_int_equal(ec_encoder_compare(difference, encoder, folder, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "its vision tower is not that of"));
    ec_encoder_close(encoder);
}

static void inputs_too_large_to_count_are_refused(void **state) {
    (void)state;
    char path[512];
    ec_encoder *encoder;
    ec_error err;
    ec_feature_shape shape;
    snprintf(path, sizeof path, "%s/tests/parity/clip-f32", EC_SOURCE_DIR);
    assert_int_equal(ec_encoder_open(&encoder, path, NULL, &err), EC_OK);
    const size_t side = (size_t)7 << 40;
    assert_int_equal(ec_encoder_feature_shape(&shape, encoder, side, side, EC_TAP_DEFAULT, &err),
                     EC_ERR_ARG);
    assert_int_equal(ec_encoder_feature_shape(&shape, encoder, 0, 35, EC_TAP_DEFAULT, &err),
                     EC_ERR_ARG);
    ec_encoder_close(encoder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unchanged_fixture_opens),
        cmocka_unit_test(a_missing_tensor_is_named_with_its_shape),
        cmocka_unit_test(an_unexpected_tensor_is_named),
        cmocka_unit_test(counters_and_strange_dtypes_are_passed_over),
        cmocka_unit_test(vision_config_dict_replaces_vision_config),
        cmocka_unit_test(a_text_tower_is_no_part_of_the_model),
        cmocka_unit_test(a_wrong_shape_names_what_was_found_and_expected),
        cmocka_unit_test(weights_of_integers_are_refused),
        cmocka_unit_test(a_config_that_makes_no_model_is_refused_by_its_key),
        cmocka_unit_test(the_epsilon_is_the_familys_or_what_the_config_says),
        cmocka_unit_test(a_tower_is_found_in_any_wrappers),
        cmocka_unit_test(names_that_fit_nothing_are_shown_with_whose_they_look_like),
        cmocka_unit_test(llavas_tower_is_that_of_its_original),
        cmocka_unit_test(an_architecture_of_timm_that_is_another_is_refused),
        cmocka_unit_test(a_preparation_of_timm_that_is_none_is_refused),
        cmocka_unit_test(a_tower_that_was_trained_differs_from_its_original),
        cmocka_unit_test(inputs_too_large_to_count_are_refused),
    };
    return cmocka_run_group_tests_name("encoder open", tests, make_folder, remove_folder);
}
