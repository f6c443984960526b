/* device.h - --device and --threads: what models are computed with */
#ifndef EC_CLI_DEVICE_H
#define EC_CLI_DEVICE_H

#include "cli/options.h"
#include "eyechart/device.h"

#define OPTION_DEVICE                                                                              \
    {                                                                                              \
        .name = "device", .argument = "NAME", .type = VALUE_TEXT,                                  \
        .help = "what computes: cpu (the default: the best own kernels of this processor), "       \
                "cpu:portable, cpu:avx2, cpu:avx512, cpu:onednn, cpu:onednn-bf16 (other "          \
                "numbers), ref (slow, for tests); eyechart version lists those that are here, "    \
                "and EYECHART_DEVICE chooses one for all commands"                                 \
    }

/* Whether what --device names, or the environment, is here; else says why not. For commands that
 * compute; the name of $EYECHART_DEVICE before this version is said once. */
int device_check(const arguments *args);

/* Opens it: the one context of this run. EXIT_DONE, or another status after saying why. */
int device_open(ec_ctx **out, const option_value *device, const option_value *threads);

#endif
