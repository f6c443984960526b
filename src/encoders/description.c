/* description.c - see description.h */
#include "encoders/description.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/content.h"
#include "base/file.h"
#include "base/text.h"
#include "encoders/family.h"

enum { MAX_CONFIG_BYTES = 16 << 20 };

const char *ec_description_string(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

const json_t *ec_description_nested(const json_t *root, const char *key) {
    char older[64];
    snprintf(older, sizeof older, "%s_dict", key);
    const json_t *object = json_object_get(root, older);
    return json_is_object(object) ? object : json_object_get(root, key);
}

/* ---- files ---- */

static ec_status read_json(json_t **out, const char *path, ec_error *err) {
    ec_text text = {0};
    json_error_t where;
    *out = NULL;
    ec_status status = ec_file_read(&text, path, MAX_CONFIG_BYTES, err);
    if (status != EC_OK) return status;
    char what[EC_CONTENT_SIZE];
    json_t *root = json_loadb(text.data, text.size_bytes, JSON_REJECT_DUPLICATES, &where);
    const bool foreign =
        root == NULL && text.data[0] != '{' &&
        ec_content_describe(what, (const unsigned char *)text.data, text.size_bytes);
    ec_text_release(&text);
    if (json_is_object(root)) {
        *out = root;
        return EC_OK;
    }
    json_decref(root);
    return foreign ? ec_fail(err, EC_ERR_FORMAT, "%s: is %s", path, what)
                   : ec_fail(err, EC_ERR_FORMAT, "%s:%d: %s", path, where.line,
                             root == NULL ? where.text : "not a JSON object");
}

/* The path of the first file that is there, else of the first of all; malloc'ed, NULL: no memory.
 */
static char *find_file(bool *found, const char *folder) {
    static const char *const names[] = {"config.json", "open_clip_config.json", "model_index.json"};
    enum { N = sizeof names / sizeof *names };
    ec_text path = {0};
    struct stat info;
    *found = false;
    for (size_t i = 0; i <= N && !*found; i++) {
        path.size_bytes = 0;
        ec_text_format(&path, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", names[i % N]);
        /* A link to nothing is told as such when it is read. */
        *found = i < N && !path.failed && lstat(path.data, &info) == 0;
    }
    if (path.failed) ec_text_release(&path);
    return path.data;
}

ec_status ec_description_load(ec_description *out, const char *folder,
                              const ec_encoder_family *const *families, ec_error *err) {
    *out = (ec_description){.families = families};
    ec_status status = ec_file_model_folder(&out->folder, folder, err);
    if (status != EC_OK) return status;
    bool found;
    out->path = find_file(&found, out->folder);
    if (out->path == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", folder);
    if (found) return read_json(&out->root, out->path, err);
    if (ec_weights_open(&out->files, out->folder, NULL) != EC_OK) out->files = NULL;
    return EC_OK;
}

void ec_description_release(ec_description *d) {
    ec_weights_close(d->files);
    json_decref(d->root);
    free(d->path);
    free(d->folder);
    *d = (ec_description){0};
}

/* ---- which family ---- */

/* "clip, clip_vision_model, …": what the families know, as a model's type or as that of a part. */
static void list_types(ec_text *to, const ec_description *d, bool inside) {
    for (size_t i = 0; d->families[i] != NULL; i++) {
        const char *type;
        for (size_t k = 0; (type = d->families[i]->type(k, inside)) != NULL; k++)
            ec_text_format(to, "%s%s", to->size_bytes > 0 ? ", " : "", type);
    }
}

static ec_status refuse_type(const ec_description *d, ec_error *err) {
    const json_t *vision = ec_description_nested(d->root, "vision_config");
    const char *inner = json_string_value(json_object_get(vision, "model_type")),
               *type = json_string_value(json_object_get(d->root, "model_type")),
               *class = json_string_value(json_object_get(d->root, "_class_name"));
    if (inner == NULL && type == NULL && class == NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: no \"model_type\"; is this the config.json of a Hugging Face model?",
                       d->path);
    ec_text types = {0};
    list_types(&types, d, inner != NULL);
    ec_status status;
    if (types.failed)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", d->path);
    else if (inner != NULL)
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: the vision tower of this model is a '%.60s' (\"vision_config\"), "
                         "which eyechart does not run; it runs %s",
                         d->path, inner, types.data);
    else
        status = ec_fail(
            err, EC_ERR_FORMAT, "%s: %s '%s' is not a vision encoder eyechart runs: %s", d->path,
            type != NULL ? "model_type" : "_class_name", type != NULL ? type : class, types.data);
    ec_text_release(&types);
    return status;
}

/* Nothing describes the model, and its tensors are those of no family that tells them. */
static ec_status refuse_nothing(const ec_description *d, ec_error *err) {
    if (d->files == NULL)
        return ec_fail(err, EC_ERR_NOT_FOUND, "%s: No such file or directory", d->path);
    ec_text known = {0};
    for (size_t i = 0; d->families[i] != NULL; i++)
        if (d->families[i]->undescribed != NULL)
            ec_text_format(&known, "%s%s", known.size_bytes > 0 ? ", " : "",
                           d->families[i]->undescribed);
    const ec_status status =
        known.failed ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", d->path)
                     : ec_fail(err, EC_ERR_NOT_FOUND,
                               "%s: No such file or directory; without it, timm's config.json or "
                               "open_clip_config.json, only the files of %s tell what they are",
                               d->path, known.data);
    ec_text_release(&known);
    return status;
}

ec_status ec_description_family(const ec_encoder_family **out, const ec_description *d,
                                ec_error *err) {
    *out = NULL;
    for (size_t i = 0; d->families[i] != NULL && *out == NULL; i++)
        if (d->families[i]->recognises(d)) *out = d->families[i];
    if (*out != NULL) return EC_OK;
    return d->root != NULL ? refuse_type(d, err) : refuse_nothing(d, err);
}
