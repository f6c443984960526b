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

finish
