/* sources.c - see sources.h */
#include "cli/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static bool is_model_folder(const char *path) {
    char config[4096];
    const int n = snprintf(config, sizeof config, "%s/config.json", path);
    return n > 0 && (size_t)n < sizeof config && access(config, F_OK) == 0;
}

/* The mode called `name`; past the last one, where prepare_at() is NULL, when there is none. */
static size_t mode_called(const char *name) {
    size_t mode = 0;
    while (prepare_at(mode) != NULL && strcmp(prepare_at(mode), name) != 0) mode++;
    return mode;
}

/* Whether text[0..length) is a model folder, perhaps with @PIXELS and :PREPARATION. */
static bool names_model(const char *text, size_t length) {
    char path[4096];
    if (length >= sizeof path) return false;
    memcpy(path, text, length);
    path[length] = '\0';
    if (is_model_folder(path)) return true;
    char *colon = strrchr(path, ':');
    if (colon != NULL && prepare_at(mode_called(colon + 1)) != NULL) *colon = '\0';
    if (is_model_folder(path)) return true;
    char *at = strrchr(path, '@');
    if (at == NULL || at[1 + strspn(at + 1, "0123456789")] != '\0') return false;
    *at = '\0';
    return is_model_folder(path);
}

/* The + that ends the first encoder of `text`, NULL: none. The longest beginning that names a model
 * counts, since a folder's own name may have a +; without any, the first + is taken for the end. */
static char *end_of_source(char *text) {
    if (names_model(text, strlen(text))) return NULL;
    for (size_t i = strlen(text); i-- > 0;)
        if (text[i] == '+' && names_model(text, i)) return text + i;
    return strchr(text, '+');
}

/* "folder@336:squash" into a source; cuts `text`. */
static int parse_source(ec_feature_source *out, char *text, ec_feature_source otherwise,
                        const command *which) {
    *out = otherwise;
    out->folder = text;
    if (is_model_folder(text)) return EXIT_DONE;
    char *colon = strrchr(text, ':');
    if (colon != NULL) {
        const size_t mode = mode_called(colon + 1);
        if (prepare_at(mode) == NULL)
            return usage_error(which,
                               "'%s': ':%s' is none of :native, :square, :squash, :pad, :letterbox",
                               text, colon + 1);
        out->prepare = (ec_prepare_mode)mode;
        *colon = '\0';
    }
    char *at = strrchr(text, '@');
    if (at != NULL && !is_model_folder(text)) {
        char *end;
        const long size = strtol(at + 1, &end, 10);
        if (*end != '\0' || size < 1 || size > 100000)
            return usage_error(which, "'%s': '@%s' is not a size in pixels", text, at + 1);
        out->size = (size_t)size;
        *at = '\0';
    }
    return EXIT_DONE;
}

/* Splits "A+B+C" at the + that stand between folders. */
int parse_sources(ec_feature_source *out, size_t *n, char *text, ec_feature_source otherwise,
                  const command *which) {
    *n = 0;
    for (char *part = text; part != NULL;) {
        char *plus = end_of_source(part);
        if (plus != NULL) *plus = '\0';
        if (*n == MAX_SOURCES) return usage_error(which, "more than %d encoders", MAX_SOURCES);
        const int status = parse_source(&out[(*n)++], part, otherwise, which);
        if (status != EXIT_DONE) return status;
        part = plus != NULL ? plus + 1 : NULL;
    }
    return EXIT_DONE;
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
