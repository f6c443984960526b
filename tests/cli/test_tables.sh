#!/bin/bash
# study new --import, study import: tables as spreadsheets and people write them.
. "${0%/*}/common.sh" "$@"
need jq

# table [OPTION...]: a study of the table on standard input, called t
table() {
    rm -rf t
    cat >t.csv
    run 0 study new t --import t.csv "$@"
}
# has FILTER: of the export of the study t
has() {
    run 0 study export t --format json
    json "$1"
}

# Excel in German, French, Spanish: semicolons and decimal commas, thousands, UTF-16, "sep=".
table <<'CSV'
candidate;A;C;cost;MMBench;MME
CLIP@224;0,820;14,30;108;64,2;1.502,7
DINOv2;0,47;24,51;108;58,5;
CSV
says "t.csv: decimal commas: '0,820' is 0.82"
prints "benchmarks: MMBench, MME"
has '.candidates[0] | .A == 0.82 and .C == 14.3 and .cost == 108 and .results == {"MMBench": 64.2, "MME": 1502.7}'
{ printf '\xff\xfe'; printf 'sep=;\r\ncandidate;A;C;MME\r\nmod\xc3\xa8le;0,8;14,3;1.502\r\n' | iconv -f UTF-8 -t UTF-16LE; } | table
says "t.csv: read as UTF-16"
says "line 3: '1.502' is 1502"
has '.candidates == [{"name": "modèle", "A": 0.8, "C": 14.3, "results": {"MME": 1502}}]'
printf 'candidate\tA\tC\tMME\nmod\xe8le\t.8\t14.3\t"1,502.7"\n' | table
says "read as Windows-1252"
has '.candidates[0] | .name == "modèle" and .results.MME == 1502.7'
table <<'CSV'
candidate,A,C,cost,MMBench,TextVQA
CLIP,0.8,14.3%,108,64.2%,N/A
DINO,0.4,24,108,58,#N/A

,,,,,
SigLIP,0.5,20,108,NaN,-,,
CSV
says "percent signs are left away: '14.3%' is 14.3"
says "column 'MMBench': 1 of 2 numbers have a percent sign; are all in percent?"
says "4 cells are read as missing: 'N/A', '#N/A', 'NaN', '-'"
has '[.candidates[].results] == [{"MMBench": 64.2}, {"MMBench": 58}, null]'
table <<'CSV'
,model,A score,C (PCK@0.10),MMBench (%),MME
0,CLIP,0.8,14.3,64.2±0.5,1502.7+-8.1
1,DINO,0.4,24,58,1300
CSV
prints "names: candidate ('model')"
prints "A ('A score'), C ('C (PCK@0.10)')"
prints "left out: (no name) (no name, counts the rows)"
has '.candidates[0] | .results_se == {"MMBench (%)": 0.5, "MME": 8.1} and .A == 0.8'

# What the numbers do not tell the user has to; words that nobody could know, too.
printf 'candidate;MME\nx;1,502\n' >t.csv
rm -rf t
run 3 study new t --import t.csv
says "t.csv:2: column 'MME': '1,502' is one number with a decimal comma and another"
run 0 study new t --import t.csv --decimal comma
has '.candidates[0].results.MME == 1.502'
rm -rf t
run 0 study new t --import t.csv --decimal point
has '.candidates[0].results.MME == 1502'
printf 'candidate;A;C\nx;0,82;14.3\n' >t.csv
run 3 study new u --import t.csv
says "line 2 has the decimal point of '14.3' and line 2 the decimal comma of '0,82'"
printf 'candidate,A,C,MME\nx,.8,14,1500\ny,.7,13,tbd\nz,.6,12,#DIV/0!\n' >t.csv
run 3 study new u --import t.csv
says "t.csv:3: candidate 'y', column 'MME': 'tbd' is not a number; leave the cell empty if it is not known, or leave the column out (--ignore), or say --missing 'tbd'"
run 3 study new u --import t.csv --missing tbd
says "'#DIV/0!' is not a number"
run 0 study new u --import t.csv --missing tbd --missing '#DIV/0!'
says "2 cells are read as missing"
run 2 study new v --import t.csv --decimal semicolon
run 2 study new v --ignore x
says "are for a table that --import names"
printf 'PK\3\4...' >t.xlsx
run 3 study new v --import t.xlsx
says "save the sheet as CSV"

# Parameters, FLOPs and dates are no benchmarks: kept beside A and C where they are numbers.
table <<'CSV'
candidate,A,C,params (M),GFLOPs,resolution,Epochs,lr,date,URL,family,MMBench,Average
CLIP,0.8,14.3,304,80,224,32,1e-5,2021-01-05,https://example.org/a,ViT,64.2,64.2
DINO,0.4,24,300,81,336,90,1e-4,2023-04-14,https://example.org/b,ViT,,
CSV
prints "a study of 2 candidates and 2 benchmarks"
prints "benchmarks: MMBench, Average"
prints "other columns: params_M ('params (M)'), GFLOPs, resolution, Epochs, lr;"
prints "left out: date (no numbers in it, but '2021-01-05'), URL (no numbers in it, but"
says "column 'Average' is taken for a benchmark; if it sums up the others, leave it out: --ignore Average"
run 0 rank t --a-column params_M
cp t.csv whole.csv
table --ignore Average --ignore 'params (M)' --json <whole.csv
json '.n_benchmarks == 1 and .notes == []'
json '[.columns[] | select(.use == "left out") | .heading] == ["params (M)", "date", "URL", "family", "Average"]'
json '.columns[] | select(.heading == "GFLOPs") | .use == "column" and .name == "GFLOPs" and .n_values == 2'
run 3 study new u2 --import t.csv --ignore Averag
says "t.csv: no column 'Averag' to ignore; did you mean 'Average'?"

# Into a study: what is no benchmark of it is told; names that look the same are the same.
printf 'candidate;params (M);mmbench;MMBench ;url\nclip;86;64,5;;x\n' >more.csv
run 3 study import t more.csv
says "a second one for the benchmark 'MMBench'"
printf 'candidate;params (M);mm bench;url\nclip;86;64,5;x\n' >more.csv
run 0 study import t more.csv
says "candidate 'clip' is taken for 'CLIP' of the study"
prints "other columns: params_M ('params (M)'); no benchmarks"
prints "left out: url (no numbers in it, but 'x')"
has '[.candidates[] | select(.name == "CLIP") | .results.MMBench] == [64.5]'
printf 'candidate,VQA\nCLIP,3\n' >more.csv
run 3 study import t more.csv
says "no benchmark 'VQA'"
says "--ignore"
run 0 study import t more.csv --ignore VQA

# Ranks, hours and means.
table <<'CSV'
#,Rank,Model,A,C,MMBench,GPU hours,std
1,1,CLIP,0.8,14.3,64.2,80,3
2,2,DINO,0.4,24,58,72,3
,,Average,,,61,,
CSV
prints "benchmarks: MMBench, std"
prints "left out: # (counts the rows)"
prints "Rank, GPU_hours ('GPU hours')"
says "column 'GPU hours': call it 'cost'"
says "the row 'Average' is taken for a candidate"
table <<'CSV'
candidate;A;C;MMBench
CLIP;0,8;14,3;64,2
CSV

# Another kind of file.
echo '{"results": {"mme": {"mme_perception_score,none": 3}}, "config": {}}' >results.json
run 3 study import t results.json
says "'eyechart tell STUDY CANDIDATE --results' reads it"

# Twins in one file.
printf 'candidate,A,C\nCLIP,.5,1\nclip,.4,2\nmod\xc3\xa8le,.3,3\nmode\xcc\x80le,.2,4\n' | table
says "candidates 'CLIP' and 'clip' differ in letter case, blanks or Unicode normalisation alone; are they one?"
check "both pairs" test "$(grep -c 'are they one' err)" = 2

# A benchmark of any name goes out and comes back; an export is no table of people.
cat >names.json <<'JSON'
{"benchmarks": [{"name": "resolution"}, {"name": "MME"}, {"name": "A_MME"}, {"name": "year"}],
 "candidates": [{"name": "x, y; z", "A": 0.5, "C": 1.502, "results": {"resolution": 1.25, "MME": 1.502, "year": 3}}]}
JSON
run 3 study new n --import names.json --ignore MME
says "--ignore, --missing and --decimal are for CSV"
run 0 study new n --import names.json
prints "benchmarks: resolution, MME, A_MME, year"
run 0 study export n --format csv
cp out n.csv
run 0 study new n2 --import n.csv
run 0 study export n2 --format csv
check "the same table" cmp -s out n.csv
finish
