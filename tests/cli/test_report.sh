#!/bin/bash
# report: writes one page, says where, and leaves nothing behind when it cannot.
. "${0%/*}/common.sh" "$@"
need jq

run 0 report
check "report prints the path of the page" test "$(cat out)" = report.html
check "the page is HTML" grep -qi "<!doctype html>" report.html
check "the page holds its command line" grep -q "eyechart report" report.html
run 0 report paper-2025 -o other.html --seed 3 --json
json '. == {"study": "paper-2025", "file": "other.html", "warnings": []}'
check "the page says how it was made" grep -q "eyechart report paper-2025 -o other.html --seed 3" other.html
check "the page loads nothing from elsewhere" \
    bash -c '! grep -oE "(src|href)=\"?https?:[^ >]*" other.html | grep -v "^href" | grep .'

# Of a study folder it goes where `run` writes it.
run 0 study new own --import paper-2024
run 0 report own/
check "it is in the folder of the study" test "$(cat out)" = own/report.html -a -s own/report.html

run 3 report -o missing/folder/report.html
says "missing/folder/report.html"
silent
check "nothing is written beside" test ! -e missing
finish
