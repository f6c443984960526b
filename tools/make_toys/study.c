/* study.c - study.yaml, and the scripts of somebody who trains */
#include <stdio.h>
#include <string.h>

#include "toys.h"

/* One encoder at two sizes, as CLIP@224 and CLIP@336 of the paper, two others, and combinations.
 * The results are made up: they grow with the toys' A and C, with some noise. */
const toy_candidate TOY_CANDIDATES[N_CANDIDATES] = {
    {"CLIP@64", 1, {0}, 57.9, 47.6}, {"CLIP@80", 1, {1}, 63.0, 52.9},
    {"DINOv2", 1, {2}, 50.6, 49.8},  {"SigLIP", 1, {3}, 45.1, 38.2},
    {"C+D", 2, {0, 2}, 61.8, 54.1},  {"C+S", 2, {0, 3}, 52.4, 41.5},
    {"D+S", 2, {2, 3}, 49.0, 45.0},  {"C+D+S", 3, {0, 2, 3}, 58.2, 51.3},
};

static void write_candidate(ec_text *out, const toy_candidate *c) {
    ec_text_format(out, "  - name: %s\n    encoder: ", c->name);
    for (unsigned m = 0; m < c->n_members; m++)
        ec_text_format(out, "%sweights/%s", m > 0 ? "+" : "", TOY_ENCODERS[c->members[m]].folder);
    ec_text_format(out, "\n    connector: connectors/%s/mm_projector.safetensors\n    cost: %u\n",
                   c->name, 80 * c->n_members);
}

static void write_yaml(ec_text *out) {
    ec_text_add(out,
                "# Toys: random encoders, drawings, made-up results. Nothing here says anything "
                "about a real model.\n"
                "version: 1\n"
                "description: toys, to see the machinery turn\n\n"
                "policy:\n  name: prior\n\n"
                "data:\n  keypoints: keypoints.json\n\n"
                "scores:\n  images: 20\n  references: [CLIP@64, CLIP@80]\n\n"
                "run:\n"
                "  train: \"sh train.sh {candidate} {out}\"\n"
                "  evaluate: \"sh evaluate.sh {out}\"\n"
                "  train_timeout_hours: 0.1\n"
                "  retries: 1\n"
                "  finetunes: 4\n\n"
                "benchmarks:\n"
                "  - {name: Colours, images: colours.jsonl, range: [0, 100]}\n"
                "  - {name: Shapes, images: shapes.jsonl, range: [0, 100]}\n\n"
                "candidates:\n");
    for (unsigned i = 0; i < N_CANDIDATES; i++) write_candidate(out, &TOY_CANDIDATES[i]);
}

static const char TRAIN[] = "#!/bin/sh\n"
                            "# sh train.sh CANDIDATE OUT: what would start the finetuning of a "
                            "language model. This one is a toy and trains\n"
                            "# nothing: it prints a loss that falls, and leaves a file that "
                            "evaluate.sh looks for.\n"
                            "set -eu\n"
                            "echo \"toy: pretending to finetune with $1\"\n"
                            "for step in 1 2 3 4 5; do\n"
                            "    echo \"step $step loss 2.$((9 - step))\"\n"
                            "    sleep 0.1\n"
                            "done\n"
                            "mkdir -p \"$2\"\n"
                            "echo \"$1\" >\"$2/model.txt\"\n";

static void write_evaluate(ec_text *out) {
    ec_text_add(out,
                "#!/bin/sh\n"
                "# sh evaluate.sh OUT: what would run the benchmarks on the model in OUT. This "
                "one is a toy: the numbers are made up.\n"
                "set -eu\n"
                "case $(cat \"$1/model.txt\") in\n");
    for (unsigned i = 0; i < N_CANDIDATES; i++)
        ec_text_format(out, "'%s') echo Colours=%.1f; echo Shapes=%.1f ;;\n",
                       TOY_CANDIDATES[i].name, TOY_CANDIDATES[i].colours, TOY_CANDIDATES[i].shapes);
    ec_text_add(out, "*) echo \"toy: there is no model in $1\" >&2; exit 1 ;;\n"
                     "esac\n");
}

ec_status toys_make_study(const char *folder, ec_error *err) {
    ec_text yaml = {0}, train = {0}, evaluate = {0};
    write_yaml(&yaml);
    ec_text_add(&train, TRAIN);
    write_evaluate(&evaluate);
    ec_status status = toys_write(folder, "train.sh", &train, true, err);
    if (status == EC_OK) status = toys_write(folder, "evaluate.sh", &evaluate, true, err);
    /* Last: it makes the folder a study. */
    if (status == EC_OK) status = toys_write(folder, "study.yaml", &yaml, false, err);
    ec_text_release(&evaluate);
    ec_text_release(&yaml);
    return status;
}
