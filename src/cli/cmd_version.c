/* cmd_version.c - eyechart version */
#include "cli/options.h"
#include "cli/output.h"
#include "eyechart/status.h"

enum { O_JSON };
static const option OPTIONS[] = {[O_JSON] = OPTION_JSON, {0}};

static const example EXAMPLES[] = {
    {"eyechart --version", "the same, as other programs have it"},
    {"eyechart version --json", "for a script"},
    {0},
};

static int run(const arguments *args) {
    if (args->values[O_JSON].given) {
        json_print(json_pack("{s:s, s:s}", "name", "eyechart", "version", ec_version()));
    } else {
        printf("eyechart %s\n", ec_version());
    }
    return EXIT_DONE;
}

const command CMD_VERSION = {
    .name = "version",
    .purpose = "print the version",
    .about = "The same as eyechart --version.",
    .options = OPTIONS,
    .examples = EXAMPLES,
    .run = run,
};
