#!/bin/bash
# A study with encoders that nobody has scored: every command that would want A and C says where they
# come from.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/score_study.sh"
need jq

make_study s
cat >>s/study.yaml <<'END'
run:
  train: echo a model of {candidate} >{out}/model
  evaluate: "echo VQA=1 # of {out}"
END
hint="'eyechart score s' computes"

run 0 rank s
says "A or C is missing for 4 of 4 candidates; $hint it"
check "nobody has a place" bash -c '! grep -qE "^ *[1-4] +(clip|dino|siglip|c\+d)" out'
prints "-  clip"
prints "there is nothing to rank by"
run 0 study show s
says "$hint it"
run 0 study check s
prints "$hint A or C that is missing, for 4 candidates"
run 3 ask s
says "no candidate has both A and C, which the policy 'ei' needs; $hint them"

# What a dry run shows before there are scores: that they come first, and how the commands will look.
run 0 run s --dry-run
prints "A and C come first: to compute are 66 results, 0 are known"
prints "how long it takes: eyechart score s --plan"
prints "clip, attempt 1 (an example)"
prints "the scores decide which candidate is first"
prints "train     echo a model of clip >$PWD/s/runs/clip/out/model"
prints "evaluate  echo VQA=1 # of {out}"
check "nothing is made" test ! -e s/runs
run 0 run s --dry-run --json
json '.is_example and .candidate == "clip" and (.train | length > 0) and (.score | length > 0)'

# One result, and that candidate alone has a place.
run 0 tell s dino VQA=3 OCR=4
run 0 rank s
prints "1  dino"
prints "-  clip"

# Scored, nobody is reminded, and everybody who has both has a place.
run 0 score s
run 0 rank s
check "nothing is said" test ! -s err
prints "1  dino"
prints "2  "
prints "-  c+d" # no connector, so no A
run 0 run s --dry-run --json
json '(.is_example | not) and .score == ""'
finish
