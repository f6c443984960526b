#!/bin/bash
# Results with standard errors and repeats: told, shown, exported, imported, and known again.
. "${0%/*}/common.sh" "$@"
need jq

printf 'candidate,C,A,MME,POPE\nCLIP,1,3,,\nDINO,2,1,,\nSigLIP,3,2,,\n' >e.csv
run 0 study new s --import e.csv
run 0 tell s CLIP mme=1502.7+-8.1 pope=80
prints "MME 1502.7 +- 8.1, POPE 80"
run 0 tell s CLIP 'mme=1511.4±8.2' --repeat --json
json '.recorded[0] | .value == 1511.4 and .se == 8.2 and .n_results == 2 and .replaced == null and .unchanged == false'
json '.recorded[0] | (.mean - 1506.997) * (.mean - 1506.997) < 0.001 and .mean_se > 5.76 and .mean_se < 5.77'
run 0 tell s CLIP pope=81+/-.5 --repeat
prints "POPE 81 +- 0.5 (the mean of 2 results is 80.5 +- 0.5)"

# --se names its benchmark, or there is one result.
run 0 tell s DINO mme=1400 pope=70 --se pope=1.5 --se MME=9
run 0 study show s --json
json '.candidates[1].results_se == {"MME": 9, "POPE": 1.5} and .candidates[1].n_results == {"MME": 1, "POPE": 1}'
json '.candidates[0].n_results == {"MME": 2, "POPE": 2} and .candidates[2].n_results == {"MME": 0, "POPE": 0}'
run 0 tell s DINO mme=1400 --se 10
prints "was 1400 +- 9"
run 2 tell s DINO mme=1 pope=2 --se 3
says "of which of the 2 results"
run 2 tell s DINO mme=1 --se pope=3
says "no result of pope is told"
for bad in 0 -1 nan x 1+-2; do
    run 2 tell s DINO mme=1 --se "$bad"
    says "is not a number greater than 0"
done
run 2 tell s DINO mme=1+-0
says "is not greater than 0"

# No value is no result, however it is written.
for bad in '' null none nan NaN N/A -; do
    run 2 tell s DINO "MME=$bad"
    says "has no value"
done

# Told again: nothing changes, and it says so.
run 0 study export s
cp out before
run 0 tell s DINO mme=1400 pope=70+-1.5
prints "known already, and not recorded again: MME 1400 +- 10, POPE 70 +- 1.5"
run 0 tell s DINO mme=1400 --json
json '.recorded[0].unchanged and .recorded[0].replaced == null'
run 0 study export s
check "the same again leaves no trace" cmp -s out before
run 0 tell s DINO mme=1401
says "--repeat"
prints "was 1400 +- 10, kept in the history"

run 0 study show s --results
prints "+- "
prints "(2)"
run 0 study show s --history --json
json '[.history[] | select(.benchmark == "MME" and .candidate == "CLIP") | [.kind, .value, .se, .current]] == [["value", 1502.7, 8.1, true], ["repeat", 1511.4, 8.2, true]]'

# Out and back again.
for format in csv json; do
    run 0 study export s -o "x.$format"
    run 0 study new "copy-$format" --import "x.$format"
    run 0 study show "copy-$format" --json
    jq -c '.candidates' out >"candidates-$format"
    run 0 study import s "x.$format" --json
    json '.n_results == 0 and .n_repeats == 0'
done
run 0 study show s --json
jq -c '.candidates' out >candidates
check "a CSV brings all along" cmp -s candidates candidates-csv
check "a JSON brings all along" cmp -s candidates candidates-json

# A file without a value takes nothing back, and says so.
printf 'candidate,MME\nCLIP,\n' >none.csv
run 0 study import s none.csv
says "1 result of the study stays"
echo '{"benchmarks":[{"name":"POPE"}],"candidates":[{"name":"CLIP","results":{"POPE":null}}]}' >none.json
run 0 study import s none.json
says "1 result of the study stays"
finish
