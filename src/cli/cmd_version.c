/* cmd_version.c - eyechart version */
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"
#include "eyechart/encoder.h"

enum { O_JSON };
static const option OPTIONS[] = {[O_JSON] = OPTION_JSON, {0}};

static const example EXAMPLES[] = {
    {"eyechart --version", "the same, as other programs have it"},
    {"eyechart version --json", "for a script"},
    {0},
};

/* EYECHART_ISA was checked before. */
static const char *computes_with(void) {
    const char *isa = NULL;
    ec_encoder_preferred_isa(&isa, NULL);
    return isa;
}

static void print_json(void) {
    json_t *isa = json_array();
    for (size_t i = 0; ec_encoder_isa(i) != NULL; i++)
        json_array_append_new(isa, json_string(ec_encoder_isa(i)));
    json_print(json_pack("{s:s, s:s, s:s, s:o, s:s?, s:b}", "name", "eyechart", "version",
                         ec_version(), "computes_with", computes_with(), "isa", isa, "onednn",
                         ec_encoder_onednn(), "bf16", ec_encoder_has_bf16()));
}

static int run(const arguments *args) {
    if (args->values[O_JSON].given) {
        print_json();
        return EXIT_DONE;
    }
    const char *isa = computes_with();
    printf("eyechart %s\ncomputes with %s", ec_version(), isa);
    if (isa != ec_encoder_isa(0)) printf(", as EYECHART_ISA says");
    size_t n_others = 0;
    for (size_t i = 0; ec_encoder_isa(i) != NULL; i++)
        if (strcmp(ec_encoder_isa(i), isa) != 0 &&
            strcmp(ec_encoder_isa(i), "onednn-bf16") != 0) /* not for EYECHART_ISA */
            printf("%s %s", n_others++ == 0 ? "; EYECHART_ISA also takes" : ",", ec_encoder_isa(i));
    if (ec_encoder_onednn() != NULL)
        printf("\noneDNN %s: --math bf16 %s\n", ec_encoder_onednn(),
               ec_encoder_has_bf16() ? "has instructions of this processor"
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
        "encoders with on this processor: its own kernels for an instruction set, or oneDNN.",
    .options = OPTIONS,
    .examples = EXAMPLES,
    .run = run,
    .computes = true,
};
