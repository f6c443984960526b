#!/bin/bash
# reproduce: every row that should reproduce does; misprints are named.
. "${0%/*}/common.sh" "$@"
need jq

run 0 reproduce --json
json '.rows | length > 50'
json '[.rows[].verdict] | unique - ["reproduced", "misprint", "only in distribution", "cannot be reproduced"] == []'
json '.rows | all(.item != "" and (.published | type) == "number" and (.here | type) == "number")'
json '.rows | all(.verdict == "reproduced" or .note != "")'
json '.rows | map(select(.verdict == "reproduced" and .tolerance != null)) |
      length > 0 and all((.published - .here | fabs) <= .tolerance)'
# Two in table 4, one in table 9.
json '[.rows[] | select(.verdict == "misprint")] | length >= 2'
cp out all
run 0 reproduce --differing --json
check "--differing leaves out what is reproduced" jq -e -n --slurpfile a all --slurpfile b out \
    '($a[0].rows | map(select(.verdict != "reproduced"))) == $b[0].rows'
run 0 reproduce
prints "misprint"
prints ", 0 failed"
run 2 reproduce paper-2024
finish
