/* keypoints.h - options of commands that match the pairs of a keypoint set, in each one's words */
#ifndef EC_CLI_KEYPOINTS_H
#define EC_CLI_KEYPOINTS_H

#include "cli/command.h"
#include "eyechart/correspondence.h"

#define OPTION_SPLIT(what)                                                                         \
    { .name = "split", .argument = "SPLIT", .type = VALUE_TEXT, .help = what }
#define OPTION_PROTOCOL(words, usual, what)                                                        \
    {                                                                                              \
        .name = "protocol", .argument = "PROTOCOL", .type = VALUE_CHOICE, .choice = words,         \
        .fallback = usual, .help = what                                                            \
    }
#define OPTION_READOUT(usual, what)                                                                \
    {                                                                                              \
        .name = "readout", .argument = "READOUT", .type = VALUE_CHOICE,                            \
        .choice = ec_c_readout_name, .fallback = usual, .help = what                               \
    }

#endif
