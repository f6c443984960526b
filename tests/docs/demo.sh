#!/bin/bash
# The part of ./demo that goes from images to a ranking does what it says, in well under its two minutes.
. "${0%/*}/../cli/common.sh" "$1"
need jq diff
programs=$work/programs
mkdir "$programs"
ln -s "$EYECHART" "$programs/eyechart"
ln -s "$(realpath "$2")" "$programs/make_toys"

# The toys are the same every time.
check "make_toys" "$programs/make_toys" one
check "make_toys" "$programs/make_toys" two
check "two makings of the toys are equal" diff -r one two

# A folder that is not made of toys is left alone.
mkdir mine
touch mine/precious
! "$SOURCE_DIR/tools/demo_images" "$programs" mine >out 2>err || fail "demo_images took a folder that is somebody's"
check "the folder is as it was" test -e mine/precious

started=$SECONDS
"$SOURCE_DIR/tools/demo_images" "$programs" "$work/toys" >out 2>err </dev/null ||
    fail "demo_images: exit status $?; $(tail -n 5 err)"
check "the demo on images took $((SECONDS - started)) s, at most 120" test $((SECONDS - started)) -le 120
check "there is a report" test -s toys/report.html

# Every candidate has both scores from the images, and four were finetuned.
run 0 study show toys --json
json '.n_finetuned == 4 and (.candidates | length) == 8'
json '.candidates | all(.c > 0 and .c_se > 0 and (.a | length) == 2 and all(.a[]; . > 0 and . <= 1.000001))'
json '[.candidates[] | select(.results.Colours != null) | .hours] | length == 4 and all(. > 0)'
# The reference is as near to itself as can be.
json '[.candidates[] | select(.name == "CLIP@64").columns[] | select(.name == "A_CLIP@64").value] | length == 2 and all((. - 1 | fabs) < 1e-5)'
# The measures are those of transformers and numpy (tools/measures_reference.py); the worst differs by 8.4e-7.
run 0 study show toys --json
jq -r '.candidates[] | .name as $c | .columns[] | "\($c),\(.name),\(.value)"' out |
    awk -F, 'NR == FNR { if (FNR > 1) expected[$1 "," $2] = $3; next }
        ($1 "," $2) in expected { n++; e = expected[$1 "," $2]; d = $3 - e; d = d < 0 ? -d : d
            if (d > 1e-5 * (e > 1 ? e : 1)) print $0 ", expected " e }
        END { if (n != 92) print n + 0 " of 92 measures" }' "$SOURCE_DIR/tests/golden/measures.csv" - >differ
check "measures as the reference has them: $(head -n 3 differ)" test ! -s differ

# Nothing is left to compute, and the budget of the loop is used.
run 0 score toys
says "0 scores changed"
run 0 run toys --no-report
says "the budget of 4 finetunes is used"
finish
