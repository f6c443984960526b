/* sources.c - see sources.h */
#include "cli/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"

const char *prepare_at(size_t i) {
    static const char *const names[] = {"native", "square", "squash", "pad"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static bool is_model_folder(const char *path) {
    char config[4096];
    const int n = snprintf(config, sizeof config, "%s/config.json", path);
    return n > 0 && (size_t)n < sizeof config && access(config, F_OK) == 0;
}

/* "folder@336:squash" into a source; cuts `text`. */
static int parse_source(ec_feature_source *out, char *text, ec_feature_source otherwise,
                        const command *which) {
    *out = otherwise;
    out->folder = text;
    if (is_model_folder(text)) return EXIT_DONE;
    char *colon = strrchr(text, ':');
    if (colon != NULL) {
        size_t mode = 0;
        while (prepare_at(mode) != NULL && strcmp(prepare_at(mode), colon + 1) != 0) mode++;
        if (prepare_at(mode) == NULL)
            return usage_error(which, "'%s': ':%s' is none of :native, :square, :squash, :pad",
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
        char *plus = is_model_folder(part) ? NULL : strchr(part, '+');
        if (plus != NULL) *plus = '\0';
        if (*n == MAX_SOURCES) return usage_error(which, "more than %d encoders", MAX_SOURCES);
        const int status = parse_source(&out[(*n)++], part, otherwise, which);
        if (status != EXIT_DONE) return status;
        part = plus != NULL ? plus + 1 : NULL;
    }
    return EXIT_DONE;
}
