/* connector_config.c - what the config.json of a whole model says of its connector
 *
 *     "projector_hidden_act": "gelu"     transformers, LlavaConfig; that is also its default
 *
 * Weights do not show what stands between them, and run with another activation a connector would
 * give numbers, and they would be wrong. LLaVA's own files need no such look: mlpNx_gelu is the
 * only type whose tensors have these names.
 */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "connectors/mlp.h"

#define MAX_CONFIG_BYTES ((size_t)1 << 20)

static ec_status check_config(const char *path, const ec_text *text, ec_error *err) {
    json_error_t where;
    json_t *root = json_loadb(text->data, text->size_bytes, JSON_REJECT_DUPLICATES, &where);
    ec_status status = EC_OK;
    const json_t *act = json_object_get(root, "projector_hidden_act");
    if (root == NULL)
        status = ec_fail(err, EC_ERR_FORMAT, "%s:%d: %s", path, where.line, where.text);
    else if (!json_is_object(root))
        status = ec_fail(err, EC_ERR_FORMAT, "%s: not a JSON object", path);
    else if (act != NULL && (!json_is_string(act) || strcmp(json_string_value(act), "gelu") != 0))
        status =
            ec_fail(err, EC_ERR_FORMAT,
                    "%s: \"projector_hidden_act\" is %.40s; expected \"gelu\", other connectors "
                    "are not supported",
                    path, json_is_string(act) ? json_string_value(act) : "not a string");
    json_decref(root);
    return status;
}

ec_status mlp_check_activation(const char *path, const ec_weights *files, ec_error *err) {
    if (strcmp(mlp_prefix(files), "multi_modal_projector.") != 0) return EC_OK;
    struct stat info;
    const bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    const char *slash = strrchr(path, '/');
    ec_text config = {0}, text = {0};
    if (is_folder)
        ec_text_format(&config, "%s/config.json", path);
    else
        ec_text_format(&config, "%.*sconfig.json", slash != NULL ? (int)(slash - path) + 1 : 0,
                       path);
    ec_status status =
        config.failed ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path) : EC_OK;
    if (status == EC_OK && stat(config.data, &info) == 0) {
        status = ec_file_read(&text, config.data, MAX_CONFIG_BYTES, err);
        if (status == EC_OK) status = check_config(config.data, &text, err);
    }
    ec_text_release(&text);
    ec_text_release(&config);
    return status;
}
