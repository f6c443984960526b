#!/bin/bash
# study new, show, check, import, export.
. "${0%/*}/common.sh" "$@"
need jq

# A copy of a built-in study has its numbers to the last bit.
run 0 study export paper-2024 -o paper.csv
check "export prints the path" test "$(cat out)" = paper.csv
run 2 study export paper-2024 --format csv --json
says "--json and --format csv"
run 0 study export paper-2024 --json
json '.candidates | length == 13'
# A name that spreadsheets would open as something else is refused, unless the format is said.
run 3 study export paper-2024 -o paper.xlsx
says "paper.xlsx: CSV and JSON can be written; name the file .csv"
check "nothing was written" test ! -e paper.xlsx
run 0 study export paper-2024 -o paper.XLSX --format csv
check "the format that was said" cmp -s paper.XLSX paper.csv
run 0 study export paper-2024 -o paper
check "without an ending it is CSV" cmp -s paper paper.csv
run 0 study new copy/ --from paper-2024
prints "13 candidates and 8 benchmarks"
run 0 study export copy/ --format csv
check "an export of a copy is the same" cmp -s out paper.csv
run 0 study new table/ --import paper.csv --json
json '.path == "table/" and .n_candidates == 13 and .n_benchmarks == 8'
run 0 fit copy/ --json
json '.groups | map({(.name): .r2}) | add | (.vision * 1e4 | round) == 9572 and (.ocr * 1e4 | round) == 8521'
run 0 study show copy/ --history --json
json '(.history | length) == 104 and (.history | all(.source == "paper-2024" and .current))'
run 2 study new c --from paper-2023
says "--from is one of paper-2024, paper-2025"
run 3 study new copy/
says "copy"
run 2 study new a b
run 2 study new c --from paper-2024 --import paper.csv

# The example to edit is a study at once.
run 0 study new example
prints "study.yaml"
run 0 study show example
run 0 study show example --json
json '.writable == true and (.candidates | length) > 0'

run 0 study show paper-2024
prints "CLIP@336"
run 0 study show paper-2024 --json
json '.writable == false and .n_finetuned == 13 and (.candidates | length) == 13 and (.benchmarks | length) == 8'
json '.candidates[0] | .name == "CLIP@336" and .c == 15.66 and .a.MMBench == 0.788125 and .results.MMMU == 35'
json '.benchmarks[0] | .name == "MMBench" and .group == "vision" and .better == "higher" and .n_results == 13'

run 0 study check paper-2024 --json
json '.n_errors == 0'
cat >constant.csv <<'CSV'
candidate,C,A,mme
one,1,0.5,
two,2,0.5,
three,3,0.5,
CSV
run 0 study new constant --import constant.csv
run 1 study check constant
prints "error"
run 1 study check constant --json
json '.n_errors >= 1 and (.findings | any(.level == "error"))'

# Import: what is new counts, what is known does not, a strange name is an error with nothing written.
cat >more.csv <<'CSV'
candidate,C,A,mme
one,1.5,0.4,1200
two,2,0.5,
CSV
run 0 study import constant more.csv --json
json '.n_candidates == 2 and .n_results == 1 and .n_added == 0'
run 0 study import constant more.csv --json
json '.n_results == 0 and .n_scores == 0 and .n_unchanged > 0'
run 0 study export constant
cp out before
printf 'candidate,C,A,mme\none,1,0.5,1\ntwoo,2,0.5,3\n' >wrong.csv
run 3 study import constant wrong.csv
says "twoo"
says "two"
run 0 study export constant
check "a failed import writes nothing" cmp -s out before
printf 'candidate,C,A,mme\nfour,4,0.6,\n' >four.csv
run 3 study import constant four.csv
run 0 study import constant four.csv --add-candidates --json
json '.n_added == 1'
run 0 study show constant --json
json '[.candidates[].name] == ["one", "two", "three", "four"]'
run 3 study import constant no-such-file.csv
says "no-such-file.csv"
run 3 study import paper-2024 more.csv
says "built in"
run 2 study import constant
says "needs a FILE"

# Names that look the same: found as if they were one, warned of where both are there.
mkdir alike
printf 'benchmarks: [{name: MME}]\ncandidates: [{name: "mod\xc3\xa8le", A: .5, C: 1}, {name: "mode\xcc\x80le", A: .4, C: 2}, {name: DINO v2, A: .3, C: 3}, {name: x, A: .2, C: 4}]\n' >alike/study.yaml
run 0 study check alike
prints "differ in letter case, blanks or Unicode normalisation alone; are they one?"
run 0 tell alike "dinov2" mme=3
prints "recorded for DINO v2"
run 0 tell alike $'\xef\xbc\xb8' $'\xef\xbc\xad\xef\xbc\xad\xef\xbc\xa5=3'
prints "recorded for x: MME 3"
run 3 tell alike $'MOD\xc3\xa8LE' MME=3
says "did you mean"

run 2 study
says "eyechart study new"
run 2 study shwo
says "there is no command 'study shwo'; did you mean 'study show'?"
run 3 study show nowhere/
says "nowhere"

# Scores alone, no column of results: what is missing is the benchmarks.
printf 'candidate,A,C\nx,0.5,14\ny,0.6,13\n' >scores.csv
run 0 study new scores --import scores.csv
for command in rank fit simulate ask; do
    run 3 $command scores
    says "no benchmarks; add some under 'benchmarks:'"
done
# Of the commands of `run` only what is wrong for certain is said; the rest is for doctor.
mkdir "with run" && cat >"with run/study.yaml" <<'END'
run: {train: 'sh train.sh {candidat} {out}', results: '{benchmark}/x.json'}
benchmarks: [{name: M}]
candidates: [{name: x, A: 1, C: 2}, {name: y, A: 2, C: 1}, {name: z, A: 3, C: 3}]
END
run 0 study check "with run" --json
json '.n_errors == 0 and .n_warnings >= 3'
json '[.findings[].message] | any(contains("{candidat}")) and any(contains("{benchmark}"))'
json '[.findings[].message] | any(contains("no \u0027evaluate:\u0027")) and any(contains("eyechart doctor with run"))'
sed -i "1s/.*/run: {train: 'true', evaluate: 'true'}/" "with run/study.yaml"
run 0 study check "with run" --json
json '[.findings[] | select(.message | contains("run"))] | length == 1 and .[0].level == "note"'
sed -i 1d "with run/study.yaml"
run 0 study check "with run" --json
json '[.findings[].message] | any(contains("doctor")) | not'

finish
