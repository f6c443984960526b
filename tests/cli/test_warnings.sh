#!/bin/bash
# What a ranking has to be read with is said where people read rankings: rank, ask and report, not
# in 'study check' alone.
. "${0%/*}/common.sh" "$@"
need jq

cat >encoders.csv <<'END'
candidate,A,C,cost,MMBench,TextVQA,PPL
CLIP@224,0.820,14.30,108,,,
CLIP@336,0.795,15.66,108,,,
OpenCLIP,0.534,16.22,108,,,
SigLIP,0.527,12.89,108,,,
DINOv2,0.470,24.51,108,,,
SDXL,0.352,16.52,108,,,
END
run 0 study new s --import encoders.csv

# warned TEXT ARGUMENT...: the command says it, to people and to programs; not_warned: neither
warned() {
    local text=$1 command=$2
    shift 2
    run 0 "$command" "$@"
    check "$ran: says '$text'" grep -qF -- "$text" <(tr '\n' ' ' <out; cat err)
    run 0 "$command" "$@" --json
    json "any(.warnings[]; contains(\"$text\"))"
}
not_warned() {
    run 0 "$@" --json
    json '.warnings == []'
}

for command in rank ask report; do not_warned $command s; done

# a fraction beside percentages
run 0 tell s CLIP@336 MMBench=65.1 TextVQA=58
run 0 tell s SigLIP MMBench=63.1 TextVQA=55
run 0 tell s CLIP@224 MMBench=0.642
for command in rank ask report; do
    warned "MMBench: 0.642 for CLIP@224, 63.1 or more for the others" $command s
done
run 0 ask s
says "warning: MMBench"
check "the page has the warning" grep -qF "0.642 for CLIP@224" s/report.html
not_warned rank s --benchmark TextVQA
run 0 tell s CLIP@224 MMBench=64.2

# a benchmark that others leave behind
warned "fewer than 2 results for PPL" rank s
not_warned rank s --benchmark MMBench --benchmark TextVQA
not_warned rank s --known none

# one where lower is better, declared as if higher were
run 0 tell s CLIP@224 TextVQA=57 PPL=3.2
run 0 tell s CLIP@336 PPL=3.1
run 0 tell s SigLIP PPL=4.1
run 0 tell s OpenCLIP MMBench=60 TextVQA=50 PPL=5.5
run 0 tell s DINOv2 MMBench=50 TextVQA=40 PPL=7
warned "PPL orders 5 candidates against the other benchmarks (rank correlation -1.00); it counts higher as better" rank s
sed -i '/name: PPL/,/direction/s/direction: higher/direction: lower/' s/study.yaml
not_warned rank s

# a candidate that study.yaml calls otherwise now
sed -i 's/name: SigLIP/name: SigLIP-so400m/' s/study.yaml
warned "was one renamed?" rank s

# Results that are fractions throughout have that scale, and a warning stays for as long as they do.
printf 'candidate;A;C;MMBench;TextVQA\nX;0,5;15,2;0,642;0,48\nY;0,6;12;0,61;0,44\nZ;0,7;13;;\n' >frac.csv
fractions="MMBench: all results are 1 or less: fractions? percent (0 to 100) is what is usual"
run 0 study new f --import frac.csv --json
json "any(.warnings[]; contains(\"$fractions\"))"
says "warning: $fractions"
run 0 rank f --json
json '[.benchmarks[].high] == [1, 1] and .decision.action == "finetune"'
json '[.candidates[] | select(.name == "X").measured] | .[0] > 50'
for command in rank ask report; do warned "$fractions" $command f; done
run 0 study check f
prints "$fractions"
run 0 tell f Z MMBench=45.1 TextVQA=30
says "warning: MMBench of 'X' is 0.642, while results of that benchmark are 1 to 100; is the unit right? In the same unit it may be 64.2"
warned "MMBench: 0.642 or less for Y, X, 45.1 for Z" rank f
run 0 rank f --json
json '[.benchmarks[].high] == [100, 100]'

# They are meant where that is declared.
run 0 study new g --import frac.csv
sed -i 's/- name: \(MMBench\|TextVQA\)/&\n    range: [0, 1]/' g/study.yaml
not_warned rank g
run 0 tell g Z MMBench=0.6 TextVQA=.5 --json
json '.warnings == []'
sed -i 's/range: .0, 1./range: [0, 100]/' g/study.yaml
warned "$fractions" rank g
run 0 study import g frac.csv --json
json "any(.warnings[]; contains(\"$fractions\"))"

# A single result that the benchmark cannot have, whatever the others are.
printf 'candidate,A,C,MMBench,MME\nX,.5,15,64.2,1500\nY,.6,12,61,1400\nZ,.7,13,,\n' >percent.csv
run 0 study new p --import percent.csv
not_warned rank p
run 0 tell p Z MMBench=-4
says "MMBench of 'Z' is -4, while results of that benchmark are 0 to 100; is the sign right?"
warned "MMBench: -4 for Z, while results of that benchmark are 0 to 100" rank p
run 0 tell p Z MMBench=642 MME=2400
says "MMBench of 'Z' is 642, while the other results are 61 to 64.2; is the unit right? In the same unit it may be 6.42"
warned "MMBench: 642 for Z, while results of that benchmark are 0 to 100" rank p
warned "MME: 2400 for Z, while results of that benchmark are 0 to 2000" rank p
run 0 tell p Z MMBench=60 MME=.778
says "MME of 'Z' is 0.778"
check "$ran: 77.8 is no result of MME" test -z "$(grep -F 77.8 err)"
run 0 tell p Z MME=0 --json
json '.warnings == []'

finish
