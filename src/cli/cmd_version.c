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

/* "avx2" of "cpu:avx2". */
static const char *without_kind(const char *device) {
    const char *colon = strchr(device, ':');
    return colon != NULL ? colon + 1 : device;
}

static void print_json(const char *computes_with) {
    json_t *isa = json_array(), *devices = json_array();
    for (size_t i = 0; ec_device_name(i) != NULL; i++) {
        const char *device = ec_device_name(i);
        json_array_append_new(devices, json_string(device));
        if (strncmp(device, "cpu:", 4) == 0)
            json_array_append_new(isa, json_string(without_kind(device)));
    }
    json_print(json_pack(
        "{s:s, s:s, s:s, s:o, s:s, s:o, s:s?, s:s, s:b, s:b}", "name", "eyechart", "version",
        ec_version(), "computes_with", without_kind(computes_with), "isa", isa, "device",
        computes_with, "devices", devices, "onednn", ec_device_onednn(), "convolutions",
        ec_device_convolves_by_onednn(computes_with) ? "onednn" : "own", "bf16",
        ec_device_bf16() != EC_BF16_AS_F32, "bf16_faster", ec_device_bf16() == EC_BF16_FASTER));
}

static const char *bf16_speed(ec_bf16_speed speed) {
    static const char *const texts[] = {
        [EC_BF16_AS_F32] = "gains no time: this processor has no instructions for it",
        [EC_BF16_SLOWER] =
            "is slower than f32: it pays with AMX, which this processor does not have",
        [EC_BF16_FASTER] = "has AMX of this processor",
    };
    return texts[speed];
}

static int run(const arguments *args) {
    const char *device;
    ec_error err;
    if (ec_device_find(&device, NULL, &err) != EC_OK) return report_error(&err);
    if (args->values[O_JSON].given) {
        print_json(device);
        return EXIT_DONE;
    }
    printf("eyechart %s\ncomputes with %s", ec_version(), device);
    if (device != ec_device_name(0)) printf(", as EYECHART_DEVICE says");
    size_t n_others = 0;
    for (size_t i = 0; ec_device_name(i) != NULL; i++)
        if (strcmp(ec_device_name(i), device) != 0)
            printf("%s %s", n_others++ == 0 ? "; --device also takes" : ",", ec_device_name(i));
    if (ec_device_onednn() != NULL)
        printf("\noneDNN %s: %s; --math bf16 %s\n", ec_device_onednn(),
               ec_device_convolves_by_onednn(device)
                   ? "computes convolutions of overlapping windows"
                   : "computes nothing unless --device says so",
               bf16_speed(ec_device_bf16()));
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
