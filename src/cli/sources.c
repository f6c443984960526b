/* sources.c - see sources.h */
#include "cli/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"
#include "eyechart/connector.h"

const char *prepare_at(size_t i) {
    return ec_prepare_mode_name(i);
}

void note_turned(size_t n, const char *path) {
    if (n == 0) return;
    char others[48] = "";
    if (n > 1) snprintf(others, sizeof others, " and %zu more", n - 1);
    note("%s%s: EXIF asks to turn the picture, which is taken as it lies, as in training; "
         "--exif-transpose turns it",
         path, others);
}

ec_feature_source sources_otherwise(const arguments *args) {
    return (ec_feature_source){
        .prepare = (ec_prepare_mode)option_named(args, "prepare")->choice,
        .size = (size_t)option_named(args, "size")->count,
        .has_layer = true,
        .tap = {.layer = (int)option_named(args, "layer")->number,
                .keep_class_token = option_named(args, "class-token")->given},
        .horizontal_first = option_named(args, "horizontal-first")->given,
        .exif_transpose = option_named(args, "exif-transpose")->given};
}

int parse_sources(ec_feature_source **out, size_t *n, const char *text, ec_feature_source otherwise,
                  const command *which) {
    ec_error err;
    const ec_status status = ec_feature_sources_read(out, n, text, NULL, &otherwise, &err);
    if (status == EC_ERR_FORMAT) return usage_error(which, "%s", err.message);
    return status == EC_OK ? EXIT_DONE : report_error(&err);
}

void note_connector(const char *name, const char *path, const ec_feature_source *sources,
                    size_t n) {
    char *located;
    ec_connector_features says;
    if (path == NULL || ec_connector_locate(&located, path, NULL) != EC_OK) return;
    if (strcmp(located, path) != 0) note("%s: its connector is %s", name, located);
    free(located);
    if (ec_connector_features_read(&says, path, NULL) == EC_OK &&
        ec_connector_features_lack_pad(&says, sources, n))
        note("%s: \"image_aspect_ratio\" is \"pad\" in %s: its connector was trained on padded "
             "pictures, which ENCODER:pad gives",
             name, says.path);
}
