#!/bin/bash
# One answer: ask, rank, run and report follow one decision, which knows costs, noise and when to stop.
. "${0%/*}/common.sh" "$@"
need jq

# same STUDY [OPTION]...: rank and ask decide the same; a question that is asked is given back
same() {
    local study=$1 stops
    shift
    run 0 rank "$study" "$@" --json
    jq .decision out >decision
    stops=$(jq 'if .action == "stop" then 1 else 0 end' decision)
    run "$stops" ask "$study" "$@" --json
    if [[ $stops -eq 1 ]]; then
        json '.stop == $d[0] and .candidates == []' --slurpfile d decision
    else
        json '.stop == null and .candidates[0].decision == $d[0] and .candidates[0].name == $d[0].candidate and
              .candidates[0].reason == $d[0].text' --slurpfile d decision
        run 0 ask "$study" --release
    fi
}

# --- costs ------------------------------------------------------------------------------------

# 20 candidates, 5 finetuned; those of 420 GPU-hours have next to no chance.
cat >t20.csv <<'CSV'
candidate,A,C,cost,MMBench,MME,TextVQA,ScienceQA,POPE,GQA
CLIP-L@224,0.4309,17.52,90,,,,,,
CLIP-L@336,0.6331,25.90,108,64.81,1467.1,52.30,69.35,85.14,60.03
OpenCLIP-H,0.8476,15.82,108,,,,,,
SigLIP-SO400M@384,0.4276,8.49,90,57.36,1266.9,38.99,66.16,80.88,55.23
SigLIP2-g@384,0.6693,6.47,150,,,,,,
DINOv2-L,0.7290,23.94,420,64.20,1456.0,49.95,68.79,84.39,59.18
DINOv2-g,0.6928,26.19,420,,,,,,
DINOv3-L,0.8303,8.09,150,,,,,,
EVA-02-L,0.3536,8.13,420,,,,,,
EVA-CLIP-8B,0.7284,24.67,420,,,,,,
InternViT-300M,0.5790,13.87,108,,,,,,
InternViT-6B@448,0.7973,20.69,90,,,,,,
AIMv2-L,0.7710,27.79,90,66.48,1513.8,53.62,69.67,,
MAE-L,0.6926,9.86,150,,,,,,
SAM-L,0.4567,6.46,90,,,,,,
ConvNeXt-XXL,0.4892,6.53,108,,,,,,
SD1.5,0.3111,14.82,90,,,,,,
SD2.1,0.5078,18.49,150,,,,,,
SDXL,0.5780,27.97,90,,,,,,
CLIP-L@336+DINOv2-L,0.8219,27.34,90,67.80,1515.1,55.00,70.00,86.00,61.00
CSV
run 0 study new t20 --import t20.csv
sed -i 's/seed: 0/seed: 7/' t20/study.yaml # of the policy; the ranking has its own
same t20
same t20 --benchmark TextVQA --benchmark MME --weights MME=2
same t20 --enough 0.001
check "what costs 420 GPU-hours is not next" jq -e '.cost_hours != 420' decision
run 0 rank t20 --enough 0.001 --json
json '.decision.candidate as $c | .decision.cost_hours as $h | (.candidates[] | select(.name == $c) | .gain) as $g |
      .decision | .action == "finetune" and .gain == $g and .found_after >= .found and .needed > 0'
run 0 rank t20 --enough 50
prints "=> stop: no candidate left is worth its cost."
run 1 ask t20 --enough 50
says "stop: no candidate left is worth its cost."
silent
run 1 ask t20 --enough 50 --json
json '.candidates == [] and .stop.action == "stop" and .stop.needed > .stop.gain'
run 0 ask t20 --enough 50 --anyway --json
json '.candidates | length == 1'
run 0 ask t20 --release

# study.yaml says enough, for all of them.
sed -i '/^policy:/a\  enough: 50' t20/study.yaml
run 1 ask t20
run 0 rank t20
prints "=> stop:"
run 0 report t20 -o t20.html
check "the report says it too" grep -q 'stop: no candidate left is worth its cost' t20.html
run 0 ask t20 --enough 0.001
run 0 ask t20 --release
sed -i 's/enough: 50/enough: 0/' t20/study.yaml
run 3 ask t20
says "enough"
sed -i '/enough: 0/d' t20/study.yaml

# What failed is not proposed.
run 0 rank t20 --enough 0.001 --json
failed=$(jq -r .decision.candidate out)
run 0 tell t20 "$failed" --failed
same t20 --enough 0.001
check "what failed is not next" jq -e '.candidate != $f and .next != $f' --arg f "$failed" decision
run 0 report t20 -o t20.html
check "nor by the report" bash -c '! grep -qF "finetune $1 next" t20.html' - "$failed"

# --- what can be ranked is ranked ---------------------------------------------------------------

cat >e.csv <<'CSV'
candidate,A,C,cost,MMBench,TextVQA
CLIP@224,0.820,14.30,108,64.2,
CLIP@336,0.795,15.66,108,65.0,46
OpenCLIP,0.534,16.22,108,60.1,
SigLIP,0.527,12.89,108,,
DINOv2,0.470,24.51,108,,
SDXL,0.352,16.52,108,,
CSV
run 0 study new e --import e.csv
run 0 rank e --json
json '[.benchmarks[] | .left_out] == [false, true] and (.candidates | all(.predicted != null and .p_best != null))'
run 0 rank e
prints "Left out: TextVQA"
same e
run 0 tell e CLIP@224 TextVQA=46 # two equal ones
run 0 rank e
prints "Left out: TextVQA"
same e
run 0 tell e OpenCLIP TextVQA=40
run 0 rank e --json
json '.benchmarks | all(.left_out == false)'
sed -i '/^candidates:/i\  - {name: POPE}' e/study.yaml # a benchmark added
run 0 rank e --json
json '[.benchmarks[] | .left_out] == [false, false, true] and (.candidates | all(.predicted != null))'
run 0 report e -o e.html
check "the report names it" grep -q '"left_out":\[2\]' e.html
same e

# A candidate with C alone moves nothing.
run 0 rank e --json
jq '[.candidates[] | {name, predicted, p_best, value, gain}], .decision' out >before
printf '  - {name: only C, C: 90}\n' >>e/study.yaml
run 0 rank e --json
jq '[.candidates[] | select(.name != "only C") | {name, predicted, p_best, value, gain}], .decision' out >after
check "a candidate with C alone moves no ranking" cmp -s before after
same e
run 0 study new before-any --import paper-2024
run 0 study export paper-2024 --format csv
sed -E '1!s/(,[^,]*){8}$/,,,,,,,,/' out >none.csv
run 0 study new none --import none.csv
same none
cp decision first
printf '  - {name: only C, C: 90}\n' >>none/study.yaml
same none
check "nor the first question" cmp -s first decision

# Whole table: parameters and resolution beside the benchmark.
printf 'candidate,A,C,params (M),GFLOPs,resolution,MMBench\nCLIP,0.8,14.3,304,80,224,64.2\nDINO,0.4,24,300,81,336,\nX,0.3,20,86,17,224,\nY,0.35,22,86,17,224,\n' >cols.csv
run 0 study new cols --import cols.csv
same cols
run 0 rank cols --json
json '[.benchmarks[].name] == ["MMBench"] and .decision.action == "begin"'

# --- noise --------------------------------------------------------------------------------------

printf 'candidate,A,C,MMBench\na,0.8,15,65.0\nb,0.8,15.1,64.9\nc,0.3,10,50\n' >close.csv
run 0 study new close --import close.csv
p_first() {
    run 0 rank close --json
    jq '.candidates[] | select(.name == "a") | .p_best' out
}
usual=$(p_first)
check "a lead inside the noise is not certain: $usual" jq -en '$p < .9 and $p > .5' --argjson p "$usual"
run 0 tell close a MMBench=65.0+-0.01
run 0 tell close b MMBench=64.9+-0.01
exact=$(p_first)
check "small standard errors make it so: $exact" jq -en '$p > .99' --argjson p "$exact"
run 0 tell close a MMBench=65.0+-2
run 0 tell close b MMBench=64.9+-2
loose=$(p_first)
check "large ones less than usual: $loose" jq -en '$p < $u' --argjson p "$loose" --argjson u "$usual"
run 0 withdraw close a
run 0 withdraw close b
run 0 tell close a MMBench=65.0
run 0 tell close b MMBench=64.9
check "withdrawn, all is as before" test "$(p_first)" = "$usual"
run 0 tell close a MMBench=62.0 --repeat
repeated=$(p_first)
check "a bad repeat lowers it: $repeated" jq -en '$p < $u' --argjson p "$repeated" --argjson u "$usual"

# A fraction beside percentages is warned of by ask, where it is asked about.
printf 'candidate,A,C,MMBench,TextVQA\na,0.8,15,65.1,40\nb,0.7,15.1,63.1,41\nc,0.6,10,0.642,42\nd,.5,20,,\n' >units.csv
run 0 study new units --import units.csv
run 0 ask units --anyway --json
json '.warnings | any(test("MMBench"))'
run 0 ask units --release
run 0 ask units --anyway --json --benchmark TextVQA
json '.warnings | any(test("MMBench")) | not'

# --known hides what stands beside the results as well.
run 0 rank close --known b --known c --json
json '.n_used == 2'
cp out hidden
run 0 tell close a MMBench=1+-30
run 0 rank close --known b --known c --json
check "what is hidden changes nothing" bash -c 'diff <(jq .candidates out) <(jq .candidates hidden)'

# --- run ----------------------------------------------------------------------------------------

cat >loop.csv <<'CSV'
candidate,A,C,cost,MME
good,0.9,30,1,
fair,0.8,28,1,
poor,0.2,5,1,
worst,0.1,4,1,
last,0.05,3,1,
CSV
run 0 study new loop --import loop.csv
cat >loop/evaluate.sh <<'SH'
case $1 in good) echo MME=1500 ;; fair) echo MME=1400 ;; poor) echo MME=700 ;; *) echo MME=600 ;; esac
SH
cp loop/study.yaml loop/study.was
sed -i '1i run: {train: "true", evaluate: sh evaluate.sh {candidate}}' loop/study.yaml
sed -i '1s/.*/run:\n  train: "true"\n  evaluate: "sh evaluate.sh {candidate}"/' loop/study.yaml
sed -i '/^policy:/a\  enough: 500' loop/study.yaml
run 0 run loop --json
json '.stop == "enough" and (.why | test("stop: no candidate left is worth its cost")) and .decision.action == "stop" and
      .n_finetuned >= 2 and .n_finetuned < 5'
run 0 run loop --dry-run
prints "nothing to finetune: stop: no candidate left is worth its cost"
run 0 run loop
says "stop: no candidate left is worth its cost"
prints "=> stop:"
run 0 run loop --anyway --finetunes 4 --json
json '.stop == "finetunes" and .n_finetuned == 4'
sed -i '2i\  anyway: true' loop/study.yaml
run 0 run loop --json
json '.stop == "done" and .n_finetuned == 5 and .decision == null'
finish
