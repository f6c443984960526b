#!/bin/bash
# ask and tell: the loop of a user, its refusals, and what they leave in the study.
. "${0%/*}/common.sh" "$@"
need jq

# Scores of the paper, no results yet.
run 0 study export paper-2024 --format csv
sed -E '1!s/(,[^,]*){8}$/,,,,,,,,/' out >scores.csv
run 0 study new s --import scores.csv
run 0 rank s --json
json '.n_finetuned == 0 and (.candidates | length) == 13'
cp out ranked

# fit says per benchmark what is missing.
run 3 fit s
says "MMBench: not fitted: 0 of 13 candidates have a result and both A and C"
run 3 fit s --json
json '.benchmarks == [] and (.skipped | length) == 8'

run 0 ask s
first=$(head -1 out)
prints "why"
prints "eyechart tell s $first MMBench=..."
run 0 ask s --json
json '.candidates | length == 1 and .[0].repeated and (.[0].reason | length) > 10 and .[0].expires_in_s > 0'
json '.candidates[0].name == $first' --arg first "$first"
json '.candidates[0] | .measured == null and .p_best > 0 and (.expires | test("^20.*Z$"))'
run 0 ask s --worker other -n 2 --json
json '.worker == "other" and (.candidates | length) == 2 and all(.candidates[]; .name != $first and .repeated == false)' \
    --arg first "$first"
json '.candidates | all(. as $asked | $ranked[0].candidates[] | select(.name == $asked.name) |
      .p_best == $asked.p_best and .p_top3 == $asked.p_top3)' --slurpfile ranked ranked
run 0 study show s --json
json '[.candidates[] | select(.pending)] | length == 3'

run 0 tell s "$first" mme=1400.5 MMBench=60 --hours 12.5 --source 'logs/one.json'
prints "recorded for $first: MME 1400.5, MMBench 60"
prints "1 of 13"
run 0 tell s "$first" MME=1401 --json
json '(.recorded | length) == 1 and (.recorded[0] | .benchmark == "MME" and .value == 1401 and .replaced == 1400.5 and .unchanged == false) and .n_finetuned == 1 and .hours_spent == 12.5'
run 0 study show s --history --json
json '[.history[] | select(.benchmark == "MME") | [.value, .current]] == [[1400.5, false], [1401, true]]'
json '.history[0] | .source == "logs/one.json" and .worker == "default" and (.time | test("^20"))'
run 0 ask s --json
json '.candidates[0] | .name != $first and .repeated == false' --arg first "$first"

# Trained elsewhere, never asked for.
run 0 tell s DiT MME=901.9988996
run 0 rank s --benchmark MME --json
json '.n_finetuned == 2 and (.candidates[] | select(.name == "DiT") | .measured == 901.9988996)'
run 0 fit s --benchmark MME
says "2 candidates do not determine"
prints "?"

# Refusals, and nothing of them is recorded.
run 0 study export s
cp out before
run 3 tell s CLIP336 mme=1
says "CLIP@336"
run 3 tell s DiT mme=1300 mmbunch=3
says "MMBench"
run 2 tell s DiT mme=abc
says "'abc' is not a number"
run 2 tell s DiT mme
says "BENCHMARK=VALUE"
run 2 tell s DiT
says "needs a BENCHMARK=VALUE"
run 2 tell s DiT mme=inf
says "not a finite number"
run 3 tell s DiT MMBench=3 mme=1 MME=2
run 0 study export s
check "what is refused leaves no trace" cmp -s out before

run 3 tell paper-2024 DiT mme=1
says "built in"
says "eyechart study new DIR --from paper-2024"
run 3 ask paper-2024
says "built in"
run 2 ask
says "needs a STUDY"
run 2 ask s -n 0
run 0 tell --study s SDXL MME=1200
prints "3 of 13"

# All asked for or trained: nothing is left, status 1.
run 0 ask s -n 100 --worker third --anyway
says "are left"
run 1 ask s --worker fourth
says "nothing is left to ask"
silent
run 1 ask s --worker fourth --json
json '.candidates == []'

# A folder that cannot be written to is said to be one; not as root, who can write anywhere.
if [[ $(id -u) -ne 0 ]]; then
    chmod -w s s/study.db
    run 3 tell s SDXL MME=1
    says "permissions"
    chmod +w s s/study.db
fi

# Costs: what is spent, what is left, and what a budget can pay.
cat >costs.csv <<'CSV'
candidate,C,A,cost,mme
cheap,1,0.5,100,
dear,9,0.9,1000,
CSV
if run 0 study new costs --import costs.csv; then
    run 0 ask costs --budget 200 --json
    json '[.candidates[].name] == ["cheap"]'
    run 2 ask costs --budget 0 # not: any budget
    says "--budget takes a number from 0.001"
    run 2 tell costs cheap mme=3 --hours 0 # not: as expected
    says "--hours takes a number from 0.001"
fi
# What is pending is repeated as it was answered; options that would have changed it are named.
printf '%s\n' 'benchmarks: [{name: M}, {name: N}]' 'candidates: [{name: x, A: 1, C: 2}, {name: y, A: 2, C: 1}, {name: z, A: 3, C: 3}]' >pending.yaml
mkdir "pen ding" && mv pending.yaml "pen ding/study.yaml"
run 0 ask "pen ding" --policy ac --benchmark M
check "the first answer is not repeated: $(cat err)" test ! -s err
run 0 ask "pen ding"
check "nothing is ignored: $(cat err)" test ! -s err
run 0 ask "pen ding" --columns C --benchmark N --policy random
says "the pending answer is repeated, without regard to --policy, --benchmark, --columns; for another, first: eyechart ask 'pen ding' --release"
check "it is one line: $(cat err)" test "$(wc -l <err)" -eq 1
run 0 ask "pen ding" --worker w -n 2
run 0 ask "pen ding" --worker w -n 2 --budget 3 --json
says "pending answers are repeated, without regard to --budget; for another, first: eyechart ask 'pen ding' --release --worker w"
json '.candidates | length == 2 and all(.repeated)'
run 0 ask "pen ding" --release
run 0 ask "pen ding" --policy random
check "released, it is another answer: $(cat err)" test ! -s err

finish
