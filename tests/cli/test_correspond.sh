#!/bin/bash
# correspond: the C score of encoders and combinations, on two made images and, where they are there,
# on the cats of SPair-71k, which Python has scored too (tools/correspond_reference.py).
. "${0%/*}/common.sh" "$@"
need jq
clip=$SOURCE_DIR/tests/correspond/clip
dino=$SOURCE_DIR/tests/correspond/dinov2
siglip=$SOURCE_DIR/tests/correspond/siglip

# noise NAME WIDTH HEIGHT: a picture of noise, the same every time
noise() {
    awk -v w="$2" -v h="$3" -v seed="$1" 'BEGIN {
        srand(length(seed) + w)
        print "P3", w, h, 255
        for (i = 0; i < 3 * w * h; i++) print int(256 * rand())
    }' >"$1.ppm"
}
noise wide 90 60
noise tall 60 90
cat >set.json <<'END'
{
  "images": [
    {"id": "wide", "file": "wide.ppm", "width": 90, "height": 60, "box": [0, 0, 80, 50],
     "points": {"0": [10, 11], "1": [70, 40], "7": [89.5, 0]}},
    {"id": "tall", "file": "tall.ppm", "width": 60, "height": 90, "box": [5, 5, 50, 80],
     "points": {"0": [12, 20], "1": [33, 71]}}
  ],
  "pairs": [
    {"id": "itself", "source": "wide", "target": "wide", "category": "same"},
    {"id": "a, b", "source": "wide", "target": "tall", "category": "other"},
    {"id": "back", "source": "tall", "target": "wide", "category": "other"}
  ]
}
END

# ---- what comes out
run 0 correspond "$clip" -k set.json --json --points points.csv --pairs pairs.csv
json '.images == 3 and .pairs == 3 and .points == 7 and .categories == ["other", "same"]'
json '.rows | length == 1 and .[0].name == "clip" and .[0].grid == 16'
json '[.rows[0].scores[] | select(.category == null)] | length == 12'
check "every point has its line" test "$(wc -l <points.csv)" -eq 15
check "every pair has its line" test "$(wc -l <pairs.csv)" -eq 7
check "an id with a comma is quoted" grep -qF '"a, b",2,' pairs.csv
check "nothing is left behind" test ! -e pairs.csv.part
# (10, 11) of 90 x 60 pixels: (93.3, 242.7) in the frame of 840, 4.6 patches down, 1.8 across
check "an image is found in itself: the centre of the patch, authors' frame" \
    grep -q '^clip,authors,same,itself,0,.*,78.50000,236.00000$' points.csv
# 112 pixels wide, 75 high from 18 on: (12.4, 31.75), patch (1, 4), centre (10.5, 31.5)
check "and in pixels of the image" \
    grep -q '^clip,consistent,same,itself,0,.*,8.43750,10.80000$' points.csv

run 0 correspond "$clip" -k set.json --category same --json --by-category
json '.pairs == 1 and .categories == ["same"]'
json '[.rows[0].scores[] | select(.category == "same" and .readout == "argmax" and .alpha == 0.1)]
    | length == 2 and all(.per_image == 100 and .per_image_se == null)'
run 0 correspond "$clip" -k set.json --protocol authors --readout argmax --per point
prints "AUTHORS .10"
check "one protocol alone" test "$(grep -c CONSISTENT out)" -eq 0
prints "per point"

# ---- combinations
run 0 correspond "$clip" "$siglip" "$dino@112" -k set.json --combine all
says "combinations of different grids are left out: 3"
prints "clip+dinov2@112"
run 0 correspond "$clip" "$siglip" "$dino@112" -k set.json --combine all --resample-grids --json
json '.rows | length == 7'
json '[.rows[] | select(.resampled) | .name] == ["clip+siglip", "siglip+dinov2@112", "clip+siglip+dinov2@112"]'
run 0 correspond "$clip" "$dino@112" "$siglip" -k set.json --combine clip+dinov2@112 --json
json '[.rows[].name] == ["clip", "dinov2@112", "siglip", "clip+dinov2@112"]'
cp out listed
run 0 correspond "$clip" "$dino@112" -k set.json --combine all --json
check "a combination does not depend on what else is scored" \
    test "$(jq -c '.rows[-1].scores' out)" = "$(jq -c '.rows[-1].scores' listed)"
run 0 correspond "$clip+$dino@112" -k set.json --json
json '[.rows[].name] == ["clip+dinov2@112"] and (.encoders | length) == 2'
check "nor on whether its encoders are shown" \
    test "$(jq -c '.rows[0].scores' out)" = "$(jq -c '.rows[-1].scores' listed)"
run 3 correspond "$clip+$siglip" -k set.json
says "--resample-grids"
says "siglip 14 x 14"
cp -r "$clip" clip
run 0 correspond clip "$clip" -k set.json --json
json '[.rows[].name] | unique | length == 2'

# ---- the same for any number of threads and images at a time
run 0 correspond "$clip" "$dino@112" -k set.json --combine all --json --threads 1 --batch 1
cp out one
run 0 correspond "$clip" "$dino@112" -k set.json --combine all --json --threads 3 --batch 5
check "threads and batches do not matter" cmp one out

# ---- what is refused
run 2 correspond "$clip"
says "--keypoints"
run 3 correspond "$clip" -k nothing.json
says "nothing.json"
silent
run 3 correspond "$clip" -k set.json --category horse
says "no category 'horse'"
run 2 correspond "$clip:square" -k set.json
says "each protocol has its preparation"
run 2 correspond "$clip" "$dino" -k set.json --combine clip+dino
says "'dino' is none of the encoders; did you mean 'dinov2'?"
run 3 correspond "$clip@5" -k set.json
says "patch"
run 3 correspond "$SOURCE_DIR/tests/parity/clip-f32" -k set.json
says "preprocessor_config.json"
run 3 correspond "$clip" -k set.json --pairs no/such/folder.csv
says "no/such/folder.csv"
sed 's/"height": 60/"height": 61/' set.json >wrong.json
run 3 correspond "$clip" -k wrong.json --pairs wrong.csv
says "90 x 61"
check "no table from a run that failed" test ! -e wrong.csv -a ! -e wrong.csv.part

# ---- Ctrl-C
# no_tables WHEN: none is there, and no part of one
no_tables() {
    check "interrupted $1, no table" test ! -e stopped.csv -a ! -e points.stopped.csv
    check "interrupted $1, no part of one" test ! -e stopped.csv.part -a ! -e points.stopped.csv.part
}

# An image that is a pipe holds the run where it reads images, for as long as we like.
sed 's/tall.ppm/held.ppm/' set.json >held.json
hold correspond "$clip" -k held.json --pairs stopped.csv --points points.stopped.csv
check "while it runs the table has another name" test -e stopped.csv.part -a ! -e stopped.csv
# Twice at once, as from `timeout`, is one Ctrl-C.
kill -INT "$held"
kill -INT "$held"
let_go tall.ppm
ended 130
says "stopped in category other, after"
silent
no_tables "at work"

hold correspond "$clip" -k held.json
for ((i = 0; i < 100; i++)); do
    kill -INT "$held" 2>/dev/null || break
    sleep 0.2
done
ended 130
silent
check "who presses Ctrl-C again does not wait" test ! -s err
exec 9>&-

# When all is scored and the standard errors are computed: 130 and no table or, where the end came
# first, 0 and the tables. It cannot come first every time.
status=0
for ((i = 0; i < 20 && status != 130; i++)); do
    rm -f stopped.csv points.stopped.csv
    "$EYECHART" correspond "$clip" -k set.json --pairs stopped.csv --points points.stopped.csv \
        --replicates 1000000 >out 2>err &
    held=$!
    until grep -q "6 of 6 images" err || ! kill -0 "$held" 2>/dev/null; do sleep 0.01; done
    kill -INT "$held" 2>/dev/null
    wait "$held"
    status=$?
    [[ $status -eq 130 ]] || check "done (status $status) and the tables are there" \
        test $status -eq 0 -a -s out -a -e stopped.csv -a -e points.stopped.csv
done
ran="Ctrl-C at the end"
check "interrupted at the end: 130" test $status -eq 130
check "it says so" grep -qE "nothing was kept|stopped after" err
silent
no_tables "at the end"

# Both tables, or none.
mkdir folder.csv
run 3 correspond "$clip" -k set.json --pairs stopped.csv --points folder.csv
says "folder.csv: cannot write"
silent
rm -f points.stopped.csv
check "no table without the other" test ! -e stopped.csv -a ! -e stopped.csv.part -a ! -e folder.csv.part

# ---- against Python
spair=$SOURCE_DIR/../shared/data/spair-cat/SPair-71k
if [[ ! -d $spair ]]; then
    echo "not run, for want of $spair: the comparison with Python"
    [[ $n_failed -eq 0 ]] && exit 77
    finish
fi
if sanitized; then
    echo "left to the other builds, and to unit.matching in this one: the comparison with Python"
    finish
fi
run 0 correspond "$clip" "$dino" "$siglip" "$clip+$dino@112" -k "$spair" --positions-by-size --pairs cats.csv
awk -F, 'NR > 1 {
    n = split("clip dinov2 siglip clip+dinov2@112", encoder, " ")
    for (e = 0; e < n; e++) for (p = 0; p < 2; p++) {
        line = encoder[e + 1] "," (p ? "consistent" : "authors") ",cat," $1 "," $2
        for (k = 0; k < 6; k++) line = line "," $(3 + 12 * e + 6 * p + k)
        print line
    }
}' "$SOURCE_DIR/tests/golden/correspond-pairs.csv" | sort >theirs
tail -n +2 cats.csv | sort >ours
check "there are 4800 results" test "$(wc -l <theirs)" -eq 4800
check "every pair has as many right points as in Python: $(diff theirs ours | head -4)" cmp theirs ours
finish
