#!/bin/bash
# A candidate that lacks a score, C alone here, moves nobody: not in rank, ask, fit, simulate, report.
. "${0%/*}/common.sh" "$@"
need jq

# C as combinations have it that were scored without a connector: far above and far below the others.
run 0 study export paper-2024 --format csv
cp out plain.csv
awk -F, -v OFS=, 'NR == 1 {n = NF; print; next} {print}
    END {for (k = 1; k <= 2; k++) {line = (k == 1 ? "high" : "low") OFS (k == 1 ? 99 : 0.1);
         for (i = 3; i <= n; i++) line = line OFS; print line}}' plain.csv >more.csv
# A third of the results are known, and later none.
mask() { awk -F, -v OFS=, -v every="$2" 'NR > 1 && (every == 0 || NR % every != 0) {for (i = 11; i <= NF; i++) $i = ""} {print}' "$1"; }

for every in 0 3; do
    for file in plain more; do
        mask $file.csv $every >$file-$every.csv
        run 0 study new $file-$every --import $file-$every.csv
        for policy in ei prior exploit d-optimal; do
            run 0 ask $file-$every --policy $policy --anyway --worker $policy --json
            jq -c '.candidates[0].name' out >ask-$file-$policy
            run 0 ask $file-$every --release --worker $policy
        done
        run 0 rank $file-$every --json
        jq -c '[.candidates[] | select(.name != "high" and .name != "low") | [.name, .predicted, .low, .high]]' out >rank-$file
        if [ $every = 3 ]; then
            run 0 fit $file-$every --model linear --json
            jq -c '[.benchmarks, .groups]' out >fit-$file
            run 0 fit $file-$every --columns C,A --model linear --json
            jq -c '[.benchmarks, .groups]' out >swap-$file
            run 0 report $file-$every -o $file.html
            # The law of each benchmark in the page's data.
            grep -o '"range":{[^}]*}' $file.html >law-$file
        fi
    done
    for policy in ei prior exploit d-optimal; do
        check "$every, $policy: ask is not moved" cmp ask-plain-$policy ask-more-$policy
    done
    check "$every: rank is not moved" cmp rank-plain rank-more
done
check "fit is not moved" cmp fit-plain fit-more
check "fit by C and A is not moved" cmp swap-plain swap-more
check "the page has laws" test -s law-plain
check "the report is not moved" cmp law-plain law-more

# Before any result ask begins with the largest A + C, which a far C does not change.
run 0 ask more-0 --worker new --json
json '.candidates[0].name == "CLIP@336"'

run 0 study new plain --import plain.csv
run 0 study new more --import more.csv
for policy in prior ei d-optimal; do
    for study in plain more; do
        run 0 simulate $study --policy $policy --metric regret --runs 6 --json
        jq -c '[.mean, .benchmarks]' out >sim-$study
    done
    check "$policy: simulate is not moved" cmp sim-plain sim-more
done
run 0 rank more
prints "Without A, and so without prediction: 2 of 15 (high, low)."

# A for one of two benchmarks: the other counts for nothing, and keeps nobody from a place.
cat >half.csv <<'END'
candidate,C,A mme,cost,mme,textvqa
a,0.1,0.2,10,,
b,0.2,0.3,10,,
c,0.3,0.5,10,,
END
run 0 study new half --import half.csv
run 0 ask half --json
json '.candidates[0].name == "c"'
run 0 rank half
prints "Left out: textvqa"
check "nobody is without A" bash -c '! grep -q "Without A" out'

# A of each candidate for another benchmark: nobody has a place on both.
cat >apart.csv <<'END'
candidate,C,A mme,A textvqa,mme,textvqa
a,0.1,0.2,,,
b,0.2,,0.3,,
c,0.3,0.5,,,
END
run 0 study new apart --import apart.csv
run 3 ask apart
says "no candidate left has both A and C for every benchmark that counts"
run 0 ask apart --benchmark mme --json
json '.candidates[0].name == "c"'

# Results of some candidates on one benchmark, of others on the other.
cat >mixed.csv <<'END'
candidate,C,A,mme,textvqa
a,0.1,0.2,1000,
b,0.2,0.1,1100,
c,0.3,0.5,,50
d,0.5,0.4,,60
e,0.6,0.8,,
f,0.7,0.6,,
END
run 0 study new mixed --import mixed.csv
run 0 ask mixed --json
json '.candidates[0].name == "e" and .candidates[0].decision.action == "finetune"'
finish
