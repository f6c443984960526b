#!/bin/bash
# Columns beside A and C: shown by study show, and taken by rank, fit and ask in the places of A and C.
. "${0%/*}/common.sh" "$@"
need jq

# One more column each: A of MMBench and C once more, and C upside down.
run 0 study export paper-2024 --format csv
awk -F, -v OFS=, 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i; print $0, "column again_c", "column again_a", "column_se again_a", "column minus_c"; next}
    {print $0, $at["C"], $at["A MMBench"], "", -$at["C"]}' out >columns.csv
run 0 study new s --import columns.csv

run 0 study show s
prints "again_c          13    1.91    26.08"
run 0 study show s --columns
check "study show --columns has a line for every candidate" test "$(wc -l <out)" = 14
run 0 study show s --json
json '[.candidates[0].columns[].name] == ["again_c", "again_a", "minus_c"]'
json '.candidates[0] | .columns[0] == {"name": "again_c", "benchmark": null, "value": .c, "se": null}'
run 0 study show paper-2024 --columns
silent
says "no numbers beside A and C"

# The same numbers under another name give the same ranking and the same law, and are named.
for model in gp law; do
    run 0 rank s --benchmark MMBench --model $model --json
    jq .candidates out >expected
    json '.a_column == "A" and .c_column == "C"'
    run 0 rank s --benchmark MMBench --model $model --a-column again_a --c-column again_c --json
    json '.a_column == "again_a" and .c_column == "again_c"'
    jq .candidates out >got
    check "--model $model: the same numbers rank the same" cmp expected got
done
run 0 rank s --benchmark MMBench --c-column again_c
prints "in the place of C: again_c"
run 0 fit s --benchmark MMBench --json
jq .benchmarks out >expected
run 0 fit s --benchmark MMBench --a-column again_a --c-column again_c --json
jq .benchmarks out >got
check "the same numbers fit the same" cmp expected got

# Upside down, the law has the linear term turned; a quadratic one describes as much.
run 0 fit s --benchmark MMBench --model c --json
turned=$(jq '.benchmarks[0].coefficients.C' out)
run 0 fit s --benchmark MMBench --model c --c-column minus_c --json
json '(.benchmarks[0].coefficients.C + ($c | tonumber) | fabs) < 1e-9' --arg c "$turned"

# ask goes by them: nothing is known, so it is the candidate with the largest sum.
sed -E '2,$s/,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*(,[^,]*,[^,]*,,[^,]*)$/,,,,,,,,\1/' columns.csv >scores.csv
run 0 study new t --import scores.csv
run 0 study show t --json
json '.n_finetuned == 0'
run 0 ask t --a-column minus_c --c-column minus_c --worker one --json
json '.candidates[0].name == "DiT" and .c_column == "minus_c"'
run 0 ask t --a-column C --worker two --json
json '.candidates[0].name == "C+D@336"'

# Mistakes.
run 3 rank s --c-column minusc
says "no column 'minusc'; did you mean 'minus_c'?"
run 3 rank paper-2024 --a-column cka
says "has none beside A and C"
run 3 rank s --c-column A
says "differs between benchmarks"
run 3 fit s --a-column xyzzy
says "no column 'xyzzy'"
run 3 ask t --c-column xyzzy --worker three
says "no column 'xyzzy'"
finish
