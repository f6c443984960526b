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
prints "by the columns: A, again_c"
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
run 3 fit s --a-column xyzzy
says "no column 'xyzzy'"
run 3 ask t --c-column xyzzy --worker three
says "no column 'xyzzy'"
run 3 rank s --columns A,xyzzy
says "no column 'xyzzy'"
run 2 rank s --columns A,C,A
says "--columns names 'A' twice"
run 2 rank s --columns A,C=-1
says "must be a number, 0 or more, not '-1'"
run 2 rank s --columns A,C --a-column again_a
says "leave --a-column and --c-column away"
run 3 rank s --columns A=0
says "no column to rank by has a weight above 0"
run 2 fit s --columns A,C,again_c --model linear
says "a function of two columns; there are 3 here"

# Any number of columns, with weights. A and C under another name once more change nothing where
# their weights are divided.
run 0 rank s --benchmark MMBench --columns A,C --json
jq .candidates out >expected
run 0 rank s --benchmark MMBench --json
jq .candidates out >got
check "A,C is what a study ranks by" cmp expected got
run 0 rank s --benchmark MMBench --columns A,C=2,minus_c=0.5 --json
json '.columns == [{"name": "A", "weight": 1}, {"name": "C", "weight": 2}, {"name": "minus_c", "weight": 0.5}]'
json '.a_column == "A" and .c_column == "C"'
run 0 rank s --benchmark MMBench --columns A,C,minus_c
prints "by the columns: A, C, minus_c"
run 0 rank s --benchmark MMBench --columns again_a --json
json '.columns == [{"name": "again_a", "weight": 1}] and .c_column == null'
for what in "ask t --worker four" "report s -o page.html" "simulate s --policy ei --runs 3" "fit s"; do
    run 0 $what --columns A,again_c,minus_c
done
run 0 ask t --columns A,minus_c,again_c=0.5 --worker five --json
json '[.columns[].weight] == [1, 1, 0.5]'

# study.yaml says what everything goes by, unless the option does.
cp t/study.yaml usual.yaml
{ printf 'rank:\n  columns: [minus_c, again_c=0.25]\n'; cat usual.yaml; } >t/study.yaml
run 0 ask t --worker six --json
json '.columns == [{"name": "minus_c", "weight": 1}, {"name": "again_c", "weight": 0.25}]'
run 0 rank t --json
json '[.columns[].name] == ["minus_c", "again_c"] and .candidates[0].name == "DiT"'
run 0 rank t --columns C --json
json '[.columns[].name] == ["C"] and .candidates[0].name == "C+D@336"'
run 0 report t -o page.html
check "the report says what it ranks by" grep -q '"columns":\[{"name":"minus_c","weight":1.0},{"name":"again_c","weight":0.25}\]' page.html
{ printf 'rank:\n  columns: [minus_c, gain_c]\n'; cat usual.yaml; } >t/study.yaml
run 1 study check t
prints "rank: columns: no column 'gain_c'; did you mean 'again_c'?"
run 3 rank t
says "did you mean 'again_c'?"
run 0 rank t --columns A,C
{ printf 'rank:\n  columns: [A, A]\n'; cat usual.yaml; } >t/study.yaml
run 3 rank t
says "study.yaml: rank: column 'A' is there twice"
cp usual.yaml t/study.yaml

# Who lacks a column cannot be placed, and is named.
printf 'candidate,column half\nCLIP@336,1\nCLIP@224,3\nDINOv2,2\nSDim,5\n' >half.csv
run 0 study import s half.csv
run 0 rank s --columns A,half
prints "Without half, and so without prediction: 9 of 13 ("
run 0 rank s --columns A,half --json
json '[.candidates[] | select(.predicted == null)] | length == 9'
{ printf 'rank: {columns: [A, half]}\n'; cat s/study.yaml; } >with.yaml
mv with.yaml s/study.yaml
run 0 study check s
prints "half is missing for 9 of 13 candidates, which cannot be predicted:"
check "C is not missed where it does not count" bash -c '! grep -q "C is missing" out'

# Results with another language model are such a column, for each benchmark its own.
run 0 study export paper-2024 --format csv
awk -F, -v OFS=, 'NR == 1 {for (i = 1; i <= NF; i++) {at[i] = $i}; print $0, "cost"; next}
    {for (i = 11; i <= NF; i++) $i = (NR == 3 ? "" : 100 - $i); print $0, 80}' out >qwen.csv
run 0 study new u --import paper-2024
run 0 study import u qwen.csv --as-column qwen --json
json '.n_results == 0 and .n_kept == 0 and .n_scores == 96'
json '.columns | map(select(.use == "column")) | length == 8 and all(.name | startswith("qwen "))'
json '.columns | map(select(.heading == "cost" or .heading == "C")) | all(.use == "left out")'
run 0 study show u --json
json '.candidates[0].columns | length == 8 and all(.name == "qwen" and .benchmark != null)'
json '.candidates[0] | (.columns[0].value + .results.MMBench - 100 | fabs) < 1e-3'
json '.n_finetuned == 13'
run 0 study import u qwen.csv --as-column qwen
prints "0 scores and 0 results recorded, 96 numbers known already"
run 0 rank u --benchmark MMBench --columns A,qwen
prints "Without qwen, and so without prediction: 1 of 13 (CLIP@224)."
# Of two columns the law is a function, the second by benchmark: here it is the result upside down.
run 0 fit u --columns A,qwen --model linear --json
json '.a_column == "A" and .c_column == "qwen" and (.benchmarks | all(.n == 12 and .r2 > 0.999999))'
json '.benchmarks | all((.coefficients.C + 1 | fabs) < 1e-3 and (.coefficients.A | fabs) < 1e-3)'
run 3 study import u qwen.csv --as-column "my qwen"
says "the name 'my qwen' of a column has more than letters"
run 3 study import u qwen.csv --as-column C
says "is A or C itself"

# Where less is better, the column has the negative, and errors and repeats of results come along.
cat >loss.json <<'END'
{"benchmarks": [{"name": "loss", "direction": "lower"}, {"name": "acc"}],
 "candidates": [{"name": "x", "A": 1, "C": 2}, {"name": "y", "A": 2, "C": 1}]}
END
printf 'candidate,loss,acc\nx,2.5±0.1,50\ny,3,60\ny,3,64\n' >other.csv
run 0 study new v --import loss.json
run 0 study import v other.csv --as-column other
says "less is better on loss, so its column other has the negative"
run 0 study show v --json
json '.candidates[0].columns[0] | .value == -2.5 and .se == 0.1'
json '.candidates[1].columns | map(.value) == [-3, 62]'
# A standard error of 0 is one that is not known, of repeats too.
printf 'candidate,acc,acc_stderr\nx,50,0\nx,54,0\ny,60,2\ny,64,0\n' >zero.csv
run 0 study import v zero.csv --as-column zero
run 0 study show v --json
json '[.candidates[].columns[] | select(.name == "zero") | .value] == [52, 62]'

# A column that is there for some benchmarks: what is missing for the others is said to be the column.
run 0 study new some --import paper-2024
printf 'candidate,MMBench,TextVQA\nCLIP@224,1,3\nCLIP@336,2,4\nOpenCLIP,4,1\nDINOv2,6,2\nSDim,5,\nSD1.5,,9\n' >some.csv
run 0 study import some some.csv --as-column qwen
run 0 fit some --columns A,C,qwen
says "MME: not fitted: 0 of 13 candidates have a result and all of A, C and qwen; a fit needs 2 or more. Of 13 with a result 13 have no qwen."
run 0 fit some --columns A,qwen --model linear
says "VizWiz: not fitted: 0 of 13 candidates have a result and both A and qwen; a fit needs 2 or more. Of 13 with a result 13 have no qwen."
run 0 rank some --columns A,C,qwen
flat=$(tr '\n' ' ' <out)
check "the column is what they are left out for: $flat" \
    grep -q "Left out: MME, OKVQA, SEED-Bench, MMMU, VizWiz, ScienceQA, for which no candidate has qwen\." <<<"$flat"
check "no results are missing: $flat" bash -c '! grep -q "fewer than 2" <<<"$1"' - "$flat"
check "it says for which benchmarks: $flat" \
    grep -q "Without qwen for MMBench, TextVQA, and so without prediction: 9 of 13" <<<"$flat"
run 0 rank some --columns A,C,qwen --benchmark TextVQA
prints "Without qwen, and so without prediction: 8 of 13"
run 0 report some --columns A,C,qwen=0.5
check "the replay of policies names what is missing" \
    grep -q "0 of 13 candidates have all of A, C and qwen for every benchmark and all results" some/report.html

# A column is found as candidates and benchmarks are, whatever the case of its letters.
run 0 rank some --columns a,C,QWEN
prints "by the columns: A, C, qwen"
run 3 rank some --columns A,qwen,Qwen
says "the column 'qwen' is there twice"
run 2 rank some --columns A,a
says "--columns names 'A' twice"
run 0 fit some --c-column Qwen --model linear
printf 'candidate,MMBench\nCLIP@224,1\nCLIP@336,2\n' >other-case.csv
run 0 study import some other-case.csv --as-column QWEN
run 3 rank some --columns A,Qwen
says "no column 'Qwen'"
run 0 rank some --columns A,qwen,QWEN # two that are there

finish
