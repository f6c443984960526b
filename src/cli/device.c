/* device.c - see device.h */
#include "cli/device.h"

#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

static const option_value *device_option(const arguments *args) {
    const option *options = args->command->options;
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++)
        if (strcmp(options[i].name, "device") == 0) return &args->values[i];
    return NULL;
}

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0';
}

int device_check(const arguments *args) {
    const option_value *given = device_option(args);
    const char *name = given != NULL ? given->text : NULL, *full;
    ec_error err;
    if (ec_device_find(&full, name, &err) != EC_OK)
        return name != NULL ? usage_error(args->command, "--device: %s", err.message)
                            : report_error(&err);
    if (name == NULL && is_set("EYECHART_ISA") && !is_set("EYECHART_DEVICE"))
        note("EYECHART_ISA is now EYECHART_DEVICE=%s; it works until the next release", full);
    return EXIT_DONE;
}

int device_open(ec_ctx **out, const option_value *device, const option_value *threads) {
    const ec_device_options options = {.name = device->text,
                                       .n_threads = threads->given ? (size_t)threads->count : 0};
    ec_error err;
    if (ec_ctx_open(out, &options, &err) != EC_OK) return report_error(&err);
    if (strcmp(ec_ctx_math(*out), "f32") != 0)
        note("%s rounds operands of products to %s: the numbers are not those of other devices",
             ec_ctx_device(*out), ec_ctx_math(*out));
    return EXIT_DONE;
}
