#!/bin/bash
# rank: with all, some, two, one and no results known; over one benchmark and several.
. "${0%/*}/common.sh" "$@"
need jq

# Everything measured: the order is the measured one.
run 0 rank paper-2024 --benchmark MMBench --json
json '[.candidates[].name][:3] == ["C+D@224", "C+D@336", "CLIP@336"]'
json '[.candidates[].measured] | . == (sort | reverse) and length == 13 and .[0] == 65.72164948'
json '.units == "raw" and .n_finetuned == 13 and .n_used == 13 and .level == 0.9 and .model == "gp"'
json '.benchmarks == [{"name": "MMBench", "weight": 1, "low": 0, "high": 100, "left_out": false}]'

# No result: the order is that of A + C, which has the best of 13 in its first three for 6 of the 8
# benchmarks (reference policies, zero training), and the chances are chances.
n_hits=0
for benchmark in MMBench MME OKVQA SEED-Bench MMMU TextVQA VizWiz ScienceQA; do
    run 0 rank paper-2024 --benchmark $benchmark --json
    best=$(jq -r '.candidates[0].name' out)
    run 0 rank paper-2024 --benchmark $benchmark --known none --json
    json '.n_used == 0 and (.candidates | all(.predicted == null and .low == null))'
    json '[.candidates[].p_best] | (add - 1 | fabs) < 1e-9'
    json '[.candidates[].p_top3] | (add - 3 | fabs) < 1e-9'
    ! jq -e --arg best "$best" '[.candidates[:3][].name] | index($best)' out >/dev/null || n_hits=$((n_hits + 1))
done
check "A + C alone has the best in its first three for 6 of 8 benchmarks, here $n_hits" test $n_hits -eq 6
run 0 rank paper-2024 --known none
prints "No result is known"
run 0 rank paper-2024 --known SigLIP
prints "One result is known"

# Two results: predictions, with the interval around them, and no result of the others used.
run 0 rank paper-2024 --benchmark MME --known CLIP@224 --known DINOv2 --baselines --json
json '.n_used == 2 and ([.candidates[] | select(.measured != null) | .name] | sort) == ["CLIP@224", "DINOv2"]'
json '.candidates | all(.low < .predicted and .predicted < .high)'
json '.candidates[0] | .p_beats_first == 1 and .separable == false'
json '[.candidates[].p_best] | (add - 1 | fabs) < 1e-9'
json '[.candidates[].baselines.a] | sort == [range(1; 14)]'
json '[.candidates[].baselines.a_plus_c] | sort == [range(1; 14)]'
json '.candidates | all(.baselines.random == 7)'
json '.candidates[] | select(.name == "CLIP@224") | .baselines.a == 1'
cp out first
run 0 rank paper-2024 --benchmark MME --known CLIP@224 --known DINOv2 --baselines --json
check "the same seed gives the same output" cmp -s out first
run 0 rank paper-2024 --benchmark MME --known CLIP@224 --known DINOv2 --level 0.5 --json
check "a lower level gives narrower intervals" jq -e -n --slurpfile a first --slurpfile b out \
    '[$a[0], $b[0]] | map(.candidates | map(.high - .low) | add) | .[0] > 2 * .[1]'

# Over several: weighted mean of percent of the full scale.
run 0 rank paper-2024 --group ocr --weights TextVQA=2,vizwiz=0 --json
json '.units == "percent" and (.candidates | all(.measured > 1 and .measured < 100))'
json '.benchmarks | map({(.name): .weight}) | add == {"MMMU": 1, "TextVQA": 2, "VizWiz": 0, "ScienceQA": 1}'
run 0 rank paper-2024 --benchmark TextVQA --json
json '.candidates[0].name == "C+D@336"'
best=$(jq '.candidates[0].measured' out)
run 0 rank paper-2024 --group ocr --weights MMMU=0,VizWiz=0,ScienceQA=0 --json
json '.candidates[0] | .name == "C+D@336" and .measured == $best' --argjson best "$best"
json '[.benchmarks[] | select(.weight == 0)] | length == 3 and all(.left_out)'

run 0 rank paper-2024 --model law --benchmark MMBench --known CLIP@224 --known DINOv2 --known DiT --json
json '.model == "law" and .law_model == "quadratic" and .ridge == 0'
run 0 rank paper-2024 --model law --benchmark MMBench --known CLIP@224 --known DINOv2 --known DiT
prints "Too few results for intervals and chances"
check "nothing is marked, so the mark is not explained" test "$(grep -cF 'cannot be told' out)" -eq 0
run 0 rank paper-2024 --model law
check "with enough results they are there" test "$(grep -cF 'Too few' out)" -eq 0
prints 'cannot be told'

# The better result is of a candidate without scores: it has no place yet, and that is said.
printf 'candidate,A,C,MME\nx,0.5,14,500\nz,,,1000\n' >unscored.csv
run 0 study new unscored --import unscored.csv
run 0 rank unscored
prints "Only candidates with both scores count here"
run 0 rank paper-2024 --known SigLIP
check "everybody has scores" test "$(grep -cF 'Only candidates' out)" -eq 0
run 0 rank
says "built-in paper-2024"
prints "p(best)"
check "every line within 100 columns" bash -c '! grep -E "^.{101}" out'

run 3 rank paper-2024 --known CLIP336
says "CLIP@336"
run 2 rank paper-2024 --weights MMBench
says "NAME=WEIGHT"
run 2 rank paper-2024 --weights MMBench=-1
says "0 or more"
run 2 rank paper-2024 --benchmark MME --weights MMBench=1
says "not among the benchmarks ranked over"
run 2 rank --level 1.5
run 2 rank --level 0
says "--level takes a number from 0.5 to 0.999"

# What is kept and what failed is marked, and costs nothing more where it failed.
printf 'candidate,A,C,cost,MMBench,TextVQA\nX,.5,15,.3333,64.2,48\nY,.6,12,120,61,44\nZ,.7,13,90,,\nV,.2,9,100,,\nW,.1,8,100.4,,\n' >states.csv
run 0 study new states --import states.csv
run 0 rank states
check "$ran: no state is explained that nobody has" test -z "$(grep -E 'failed|pending' out)"
prints "GPU-hours: 120 spent on 2 finetuned, 290 to spend on the other 3."
run 0 tell states V --failed --why oom --hours .3777
run 0 ask states
asked=$(head -1 out)
run 0 rank states
check "$ran: V is marked" grep -qE '^[0-9] +V .* failed$' out
check "$ran: $asked is marked" grep -qE "^[0-9] +$asked .* pending\$" out
prints "pending: kept for a worker, its results are awaited. failed: told as failed or"
check "$ran: hours" grep -qF "GPU-hours: 121 spent, 120 on 2 finetuned and 0.38 that led to no result, 190 to spend on the other 2." <(tr '\n' ' ' <out)
check "$ran: no line is longer than the others" test "$(awk '{print length}' out | sort -n | tail -1)" -le 80
run 0 rank states --json
json '[.candidates[] | {(.name): .state}] | add == {X: "finetuned", Y: "finetuned", V: "failed", Z: "pending", W: "none"}'
run 0 rank states --known Y --json
json '[.candidates[] | {(.name): .state}] | add == {X: "none", Y: "finetuned", V: "none", Z: "none", W: "none"}'
run 0 report states
check "the page knows that V failed" grep -qE '"failed": ?true' states/report.html
# What a finetuned one without hours is counted with is shown.
run 0 study show states
check "$ran: the declared cost" grep -qE '^Y .* 120\.0 +120\.0  finetuned' out
check "$ran: the hours of what failed" grep -qE '^V .* 100\.0 +0\.4  failed' out
check "$ran: nothing of others" grep -qE '^W .* 100\.4 +-' out

finish
