#!/bin/bash
# align: the A score from images, against an independent computation; what is refused.
. "${0%/*}/common.sh" "$@"
need jq awk
parity=$SOURCE_DIR/tests/parity
toys=$SOURCE_DIR/tests/align # written by tools/align_reference.py, which says what is what
first=first=$parity/clip-f32:square,$toys/clip.bin
second=second=$parity/dinov2-plain:square,$toys/dinov2.safetensors
siglip=siglip=$parity/siglip-bf16-sharded:square,$toys/siglip.safetensors
vit=vit=$parity/vit-no-qkv-bias:square,$toys/vit.bin
both=siglip+vit=$parity/siglip-bf16-sharded:square+$parity/vit-no-qkv-bias:square,$toys/whole
for image in png-rgb-8.png pnm-p3.ppm bmp-24.bmp png-palette-8.png; do
    echo "$SOURCE_DIR/tests/images/$image"
done >toys.txt
all=(-r "$first" -r "$second" -c first -c "$siglip" -c "$vit" -c "$both" -i toys=toys.txt)

# Every image and candidate as NumPy and transformers have it. Observed: 3e-7.
run 0 align "${all[@]}" --json --per-image
says "4 of 4 images"
json '.select == "random" and .seed == 42 and .bf16_compat == false and .images[0].n_in_set == 4'
cp out scores.json
rows_of() {
    jq -r '.images[0].files as $f | .candidates[] | .name as $c | .scores[0].references[] | .reference as $r
        | .per_image | to_entries[] | "\($f[.key] | sub(".*/"; "")),\($c),\($r),\(.value)"' "$1" | sort
}
rows_of scores.json >ours.csv
tail -n +2 "$toys/alignment.csv" | sort >theirs.csv
check "there is a score of every image, candidate and reference" \
    test "$(wc -l <ours.csv)" -eq "$(wc -l <theirs.csv)" -a "$(wc -l <ours.csv)" -eq 32
same_scores() { # to 1e-5
    awk -F, 'NR == FNR {a[$1 "," $2 "," $3] = $4; next}
        {k = $1 "," $2 "," $3; d = a[k] - $4; if (!(k in a) || d > 1e-5 || d < -1e-5) exit 1}' "$@"
}
check "they are those of the reference: $(paste -d' ' ours.csv theirs.csv | head -3)" same_scores theirs.csv ours.csv
json '[.candidates[0].scores[0].references[0].per_image[] | . - 1 | fabs < 1e-6] | all'
json '.candidates[1].scores[0] | (.a - (.references | map(.a) | add / 2)) | fabs < 1e-12'

# Where every number is computed by plain loops in double, behind addresses that no model may follow.
run 0 align "${all[@]}" --device ref --json --per-image
rows_of out >on_ref.csv
check "they are the same on the reference device" same_scores theirs.csv on_ref.csv

# Neither the images at a time nor the threads change a bit.
run 0 align "${all[@]}" --json --per-image --batch 3 --threads 1
check "results depend on neither batch nor threads" cmp out scores.json

run 0 align "${all[@]}" --bf16-compat --json --per-image
json '.bf16_compat'
json '[.candidates[].scores[].references[].per_image[] | . * 65536 | . == floor] | all'
json '[.candidates[1].scores[0].a - $exact[0].candidates[1].scores[0].a] | all(fabs < 0.005)' --slurpfile exact scores.json

run 0 align "${all[@]}" -n 2 --keep-lists .
prints "siglip+vit"
check "the list has the two images" test "$(wc -l <toys.jsonl)" -eq 2
run 0 align -r "$first" -c "$siglip" -i toys=toys.jsonl --json --per-image
jq -r '.images[0].files[]' out | sort >read
run 0 align -r "$first" -c "$siglip" -i toys=toys.txt -n 2 --json --per-image
jq -r '.images[0].files[]' out | sort >chosen
check "a list that was kept gives the same images" cmp read chosen
run 0 align -r "$first" -c "$siglip" -i toys=toys.txt -n 2 --seed 1 --json --per-image
check "another seed, another list" test "$(jq -r '.images[0].files[]' out | sort | cmp -s - chosen; echo $?)" -eq 1
json '.images[0].n_images == 2 and .images[0].n_in_set == 4'

jq -n -c --rawfile list toys.txt '$list | rtrimstr("\n") | split("\n") | to_entries[]
    | {image: .value, question: ("x" * (.key + 1))}' >asked.jsonl
run 0 align -r "$first" -c "$siglip" -i asked=asked.jsonl -n 1 --select longest --json --per-image
json '.images[0].files[0] | endswith("png-palette-8.png")'
run 3 align -r "$first" -c "$siglip" -i toys=toys.txt --select longest
says "no prompt"

# What it prints can be imported.
run 0 align "${all[@]}" --csv
cp out a.csv
printf 'candidate,toys,C\nfirst,,1\nsiglip,,2\nvit,,3\nsiglip+vit,,4\n' >study.csv
run 0 study new s --import study.csv
run 0 study import s a.csv
run 0 study show s --json
json '[.. | numbers] as $n | $a[0].candidates | all(.scores[0].a as $v | $n | any(. - $v | fabs < 1e-9))' --slurpfile a scores.json

# What is wrong is said with the name of the candidate.
run 3 align -r "$first" -c "bad=$parity/clip-f32:square,$toys/none.bin" -i toys=toys.txt
says "bad: "
says "none.bin"
run 3 align -r "$first" -c "bad=$parity/clip-f32:square,$toys/siglip.safetensors" -i toys=toys.txt
says "bad: "
says "takes 36 channels and the encoder gives 40"
run 3 align -r "$first" -c "bad=$parity/clip-f32:square+$parity/vit-no-qkv-bias:square,$toys/whole" -i toys=toys.txt
says "bad: "
says "5 x 5 patches"
run 3 align -r "$first" -c "bad=$toys,$toys/clip.bin" -i toys=toys.txt
says "config.json"
run 3 align -r "$first" -c "$siglip" -i toys=none.txt
says "none.txt"
echo nothing.png >missing.txt
run 3 align -r "$first" -c "$siglip" -i toys=missing.txt
says "nothing.png"
run 2 align -c "$siglip" -i toys=toys.txt
says "--reference"
run 2 align -r "$first" -i toys=toys.txt
says "--candidate"
run 2 align -r "$first" -c "$siglip"
says "--images"
run 2 align -r "$first" -c third -i toys=toys.txt
says "NAME=ENCODER,CONNECTOR"
run 2 align -r "$first" -c "x=$parity/clip-f32" -i toys=toys.txt
says "NAME=ENCODER,CONNECTOR"
run 2 align -r "$first" -c "$siglip" -c "$siglip" -i toys=toys.txt
says "two candidates are called 'siglip'"
run 2 align -r "$first" -c "$siglip" -i toys=toys.txt -i toys=toys.txt
says "called 'toys'"
run 2 align -r "$first" -c "$siglip" -i toys.txt
says "NAME=PATH"

# Ctrl-C
cp "$SOURCE_DIR/tests/images/pnm-p6.ppm" first.ppm
printf 'first.ppm\nheld.ppm\n' >held.txt
hold align -r "$first" -c "$siglip" -i toys=held.txt
kill -INT "$held"
let_go first.ppm
ended 130
says "nothing was kept"
silent
run 2 align "${all[@]}" --csv --json
says "one of them"
# EXIF is ignored, and said, unless it is asked for.
echo "$SOURCE_DIR/tests/images/exif/8.jpg" >turned.txt
run 0 align -r "$first" -c "$siglip" -i t=turned.txt --json
says "8.jpg: EXIF asks to turn the picture"
cp out lying.json
run 0 align -r "$first" -c "$siglip" -i t=turned.txt --json --exif-transpose
check "nothing is said of it then" test "$(grep -c EXIF err)" -eq 0
json '.candidates[0].scores[0].a != $lying[0].candidates[0].scores[0].a' --slurpfile lying lying.json

# Images of a VLMEvalKit table, of which one row asks for that of another; and paths under a root.
mkdir root
cp "$SOURCE_DIR/tests/images/png-rgb-8.png" "$SOURCE_DIR/tests/images/bmp-24.bmp" root
printf 'index\timage\tquestion\n0\t5\tWhy?\n5\t%s\tWhat?\n6\tnan\tNo image\n' \
    "$(base64 -w76 root/png-rgb-8.png | sed '1s/^/"/; $s/$/"/')" >mmb.tsv
printf '[{"image": "png-rgb-8.png"}, {"image": ["png-rgb-8.png", "bmp-24.bmp"]}]' >rooted.json
run 0 align -r "$first" -c "$siglip" -i mmb=mmb.tsv --image-root root -i rooted=rooted.json --json --per-image --keep-lists .
says "mmb.tsv: 1 record has no image and is left out"
says "rooted.json: 1 record has several images, of which the first is taken"
json '.images[0].n_images == 2'
json '[.candidates[0].scores[].references[0].per_image[]] | length == 4 and (unique | length == 1)'
run 3 align -r "$first" -c "$siglip" -i rooted=rooted.json
says "paths in rooted.json begin at its own folder, .; --image-root FOLDER names another"
mkdir other
cp root/bmp-24.bmp other/png-rgb-8.png
run 0 align -r "$first" -c "$siglip" -i a=rooted.json -i b=rooted.json --image-root root --image-root b=other --json
json '.candidates[0].scores | .[0].a != .[1].a'
run 0 align -r "$first" -c "$siglip" -i mmb=mmb.jsonl --json --per-image
json '[.candidates[0].scores[].references[0].per_image[]] | length == 2'
finish
