/* description.h - what says in a folder which model it has
 *
 *     config.json, open_clip_config.json, model_index.json     the first that is there
 *     (none)                                                   the names of the tensors
 *
 * Read once, and shown to the families of encoders (family.h) until one recognises its model.
 */
#ifndef EC_ENCODERS_DESCRIPTION_H
#define EC_ENCODERS_DESCRIPTION_H

#include <jansson.h>

#include "eyechart/status.h"
#include "eyechart/tensor.h"

struct ec_encoder_family;

typedef struct ec_description {
    const struct ec_encoder_family *const *families; /* those asked, then NULL; borrowed */
    char *folder;      /* of the model: a snapshot in the cache of Hugging Face */
    char *path;        /* of the file; where there is none, of the config.json that is missing */
    json_t *root;      /* the object in it; NULL: there is none */
    ec_weights *files; /* the folder's weights where root is NULL; NULL: none can be opened */
} ec_description;

/* Reads what describes the model of `folder`; ec_description_release(), also after a failure. That
 * nothing describes it is no failure. Errors name the file. */
ec_status ec_description_load(ec_description *out, const char *folder,
                              const struct ec_encoder_family *const *families, ec_error *err);
void ec_description_release(ec_description *description);

/* The first family that recognises the model. EC_ERR_FORMAT: none does; the message has the type of
 * the model, and those that are known. EC_ERR_NOT_FOUND: nothing describes it. */
ec_status ec_description_family(const struct ec_encoder_family **out,
                                const ec_description *description, ec_error *err);

/* "" where the key is not there or no string. */
const char *ec_description_string(const json_t *object, const char *key);

/* The object of a larger model that describes its part: that of "vision_config", say. CLIP's of
 * 2021 have it as "vision_config_dict" too, which is the whole truth where it is: transformers lets
 * it, filled up with defaults, replace the other. NULL, or no object: there is none. */
const json_t *ec_description_nested(const json_t *root, const char *key);

#endif
