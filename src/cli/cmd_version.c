/* cmd_version.c - eyechart version */
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"
#include "eyechart/device.h"

enum { O_JSON };
static const option OPTIONS[] = {[O_JSON] = OPTION_JSON, {0}};

static const example EXAMPLES[] = {
    {"eyechart --version", "the same, as other programs have it"},
    {"eyechart version --json", "for a script"},
    {0},
};

/* The environment was checked before. */
static const char *computes_with(void) {
    const char *device = NULL;
    ec_device_find(&device, NULL, NULL);
    return device;
}

/* "avx2" of "cpu:avx2". */
static const char *without_kind(const char *device) {
    const char *colon = strchr(device, ':');
    return colon != NULL ? colon + 1 : device;
}

static void print_json(void) {
    json_t *isa = json_array(), *devices = json_array();
    for (size_t i = 0; ec_device_name(i) != NULL; i++) {
        const char *device = ec_device_name(i);
        json_array_append_new(devices, json_string(device));
        if (strncmp(device, "cpu:", 4) == 0)
            json_array_append_new(isa, json_string(without_kind(device)));
    }
    json_print(json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:s?, s:b}", "name", "eyechart", "version",
                         ec_version(), "computes_with", without_kind(computes_with()), "isa", isa,
                         "device", computes_with(), "devices", devices, "onednn",
                         ec_device_onednn(), "bf16", ec_device_has_bf16()));
}

static int run(const arguments *args) {
    if (args->values[O_JSON].given) {
        print_json();
        return EXIT_DONE;
    }
    const char *device = computes_with();
    printf("eyechart %s\ncomputes with %s", ec_version(), device);
    if (device != ec_device_name(0)) printf(", as EYECHART_DEVICE says");
    size_t n_others = 0;
    for (size_t i = 0; ec_device_name(i) != NULL; i++)
        if (strcmp(ec_device_name(i), device) != 0)
            printf("%s %s", n_others++ == 0 ? "; --device also takes" : ",", ec_device_name(i));
    if (ec_device_onednn() != NULL)
        printf("\noneDNN %s: --math bf16 %s\n", ec_device_onednn(),
               ec_device_has_bf16() ? "has instructions of this processor"
                                    : "gains no time: this processor has no instructions for it");
    else
        printf("\nbuilt without oneDNN\n");
    return EXIT_DONE;
}

const command CMD_VERSION = {
    .name = "version",
    .purpose = "print the version",
    .about =
        "The same as eyechart --version. The lines after the first tell what this build computes "
        "encoders with on this processor: its own kernels for an instruction set, oneDNN, or ref, "
        "the plain "
        "loops that define what an operation means.",
    .options = OPTIONS,
    .examples = EXAMPLES,
    .run = run,
    .computes = true,
};
