#!/bin/bash
# simulate: the curves of the paper and of the reference policies, and the shape of the JSON.
. "${0%/*}/common.sh" "$@"
need jq

# mean_is VALUE...: the mean after 1, 2, ... finetunes in %, as far as given, to the digits given
mean_is() {
    json '[.mean[:($want | length)], $want] | transpose | all((.[0] * 100 - .[1] | fabs) < 0.0051)' \
        --argjson want "[$(IFS=,; echo "$*")]"
}

# Table 1 and figure 4 of the paper, exactly (reference policies, mean over the 8 benchmarks).
run 0 simulate --study paper-2024 --policy ac --metric first-hit --top 3 --json
mean_is 9.23 53.94 72.99 85.00 90.32 92.66 94.75 95.46 95.73 96.25 96.78 97.24 97.27
json '.benchmarks | length == 8 and all(.values | length == 13)'
json '.benchmarks | map({(.name): (.values[3] * 1e4 | round)}) | add | .MMBench == 9102 and .VizWiz == 8596'
json '.oracle_stop and .exact and .trials == 0 and .std_error[0] == null and .top == 3 and .ranker == "default"'
run 0 simulate paper-2024 --policy ac --metric first-hit --benchmark TextVQA --json
json '[.benchmarks[].name] == ["TextVQA"] and (.mean[3] * 1e4 | round) == 7693'
run 0 simulate paper-2024 --policy ac --metric first-hit --top 1 --json
mean_is 9.23 19.20 31.55 49.64 63.20 67.42

# The optimum has been finetuned, by random draws: k of 13.
run 0 simulate paper-2024 --policy random --metric trained --json
json '[.mean, [range(1; 14)]] | transpose | all((.[0] - .[1] / 13 | fabs) < 1e-12)'
json '.oracle_stop == false'
# The order of A + C, and its list of three after 2, 4 finetunes.
run 0 simulate paper-2024 --policy prior --ranker law-gp --metric recall --json
json '.mean | .[1] == 0.875 and .[3] == 1 and .[5] == 1'
# Unless said otherwise the default policy, ei, and the model of rank.
run 0 simulate paper-2024 --json
json '.policy == "ei" and (.mean | .[1] == 0.75 and .[2] == 0.875 and .[5] == 1)'
cp out own
run 0 simulate paper-2024 --policy ei --ranker average --metric recall --json
check "its own model is the average" bash -c 'diff <(jq .mean own) <(jq .mean out)'

# Trials estimate the same, within their errors, and say how large those are.
run 0 simulate paper-2024 --policy ac --metric trained --benchmark MME --json
cp out exact
run 0 simulate paper-2024 --policy ac --metric trained --benchmark MME --trials 2000 --seed 5 --json
json '.exact == false and .trials == 2000 and .seed == 5 and .benchmarks[0].name == "MME"'
check "2000 trials agree with the expectation within 4 standard errors" jq -e -n \
    --slurpfile a exact --slurpfile b out \
    '[$a[0].mean, $b[0].mean, $b[0].std_error] | transpose | all((.[0] - .[1] | fabs) <= 4 * .[2] + 1e-12)'
cp out trials
run 0 simulate paper-2024 --policy ac --metric trained --benchmark MME --trials 2000 --seed 5 --threads 3 --json
check "the number of threads changes nothing" cmp -s out trials

run 0 simulate --policy ac --metric first-hit
says "built-in paper-2024"
prints "oracle"
prints "85.0"
check "every line within 100 columns" bash -c '! grep -E "^.{101}" out'

run 2 simulate --policy acc
says "--policy is one of ei, prior, ac, exploit, d-optimal, random, not 'acc'; did you mean 'ac'?"
run 0 simulate paper-2024 --runs 4 --json
json '(.mean | length) == 4 and (.benchmarks | all(.values | length == 4)) and .mean[3] == 0.875'
run 2 simulate --top 0
run 2 simulate --top 1.5
run 2 simulate --trials -3
run 3 simulate paper-2024 --drop 12
silent

# Policies that leave nothing to chance are played once where an exact expectation is out of reach.
run 0 study export paper-2024 --format csv
awk -F, -v OFS=, 'NR == 1 {print $0, "column spare"; next}
    {for (k = 0; k < 4; k++) {line = $1 "-" k; for (i = 2; i <= NF; i++) line = line OFS ($i + (i * 7 + k * 5 + NR) % 11 / 100)
     print line, (k * NR) % 7}}' out >many.csv
run 0 study new many --import many.csv
for policy in prior ei exploit d-optimal; do
    run 0 simulate many --policy $policy --metric regret --runs 10 --json
    json '.exact and .trials == 0 and (.mean | length == 10) and all(.std_error[]; . == null)'
    cp out one
    run 0 simulate many --policy $policy --metric regret --runs 10 --threads 1 --json
    check "$policy is played alike by any number of threads" cmp -s out one
done
run 0 simulate many --policy ei --runs 2
prints "; one game, which leaves nothing to chance"
run 3 simulate many --policy ac
says "ask for trials instead"
run 0 simulate many --policy ac --trials 50 --runs 3

# By other columns: two under other names play the same, a third one changes the games.
run 0 simulate many --policy prior --metric regret --json
jq .mean out >two
run 0 simulate many --policy prior --metric regret --columns C,A --json
json '[.columns[].name] == ["C", "A"]'
jq .mean out >turned
check "A and C may be named in any order" cmp two turned
run 0 simulate many --policy prior --metric regret --columns A,C,spare=3 --json
jq .mean out >three
check "a third column counts" bash -c '! cmp -s two three'
run 0 simulate many --policy prior --metric regret --columns A,C,spare=0 --json
jq .mean out >three
check "but not with the weight 0" cmp two three
finish
