/* The config.json of models, as encoders and as connectors read it. What is accepted makes a model.
 */
#include <stdint.h>

#include "connectors/mlp.h"
#include "encoders/vit/vit.h"
#include "round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_encoder(const uint8_t *data, size_t size) {
    json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    vit_spec spec;
    vit_origin origin = {0};
    ec_error err = {0};
    if (!json_is_object(root)) {
        json_decref(root);
        return;
    }
    const ec_description description = {.families = ec_encoder_families,
                                        .folder = (char[]){"/nowhere"},
                                        .path = (char[]){"input"},
                                        .root = root};
    const ec_encoder_family *family;
    ec_status status = ec_description_family(&family, &description, &err);
    if (status == EC_OK) status = vit_spec_of(&spec, &origin, &description, &err);
    if (status != EC_OK)
        demand_message(&err, status);
    else if (!spec.from_tensors)
        DEMAND(spec.heads > 0 && spec.width % spec.heads == 0 && spec.mlp_width > 0 &&
               spec.blocks > 0 && spec.patch > 0 && spec.image_size >= spec.patch);
    vit_origin_release(&origin);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mlp_config config = {.path = "input"};
    ec_error err = {0};
    const ec_status status = mlp_config_parse(&config, (const char *)data, size, &err);
    if (status != EC_OK)
        demand_message(&err, status);
    else
        DEMAND(!config.has_activation || mlp_activation_name(config.activation) != NULL);
    try_encoder(data, size);
    return 0;
}
