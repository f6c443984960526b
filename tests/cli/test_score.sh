#!/bin/bash
# What `score` computes, keeps and finds again: content of study.db above all.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/score_study.sh"
need jq sqlite3

make_study fresh
cp -a fresh s

# ---- one run ---------------------------------------------------------------------------------

run 0 score s --plan --json
json '.plan.results == 66 and .plan.known == 0 and .plan.passes == 102 and .plan.pairs == 18'
json '.plan.encoders == 9' # three encoders, prepared in three ways
json '[.plan.candidates[] | select(.candidate == "c+d")][0] |
    .alignment == null and .note == "A is left out: no connector" and .encoders == 2'
check "a plan computes nothing" test "$(sqlite3 s/study.db 'SELECT count(*) FROM computation')" = 0
run 0 score s --json
json '.results == 66 and .known_before == 0 and (.passes - 102 | fabs < 1e-6)'
json '[.candidates[].candidate] == ["clip", "dino", "siglip", "c+d"]'
# A reference scored against itself is 1, and A is the mean over references.
json '[.candidates[0].alignment[] | .references[0].a - 1 | fabs < 1e-6] | all'
json '[.candidates[].alignment[] | .a - (.references[0].a + .references[1].a) / 2 | fabs < 1e-12] | all'
json '[.candidates[] | .authors.c, .consistent.c | . >= 0 and . <= 100] | all'
results s >expected
check "66 results: 24 of C, 60 of A to two references, 12 sets of measures, of 30 mean tokens" \
    test "$(for kind in C A M P; do grep -c "^$kind|" expected; done | xargs)" = "24 60 40 30"
# Beside itself it is 1; ten images have no ten neighbours; joined encoders have no norms.
json '.candidates[0].measures | .references[0].cka - 1 | fabs < 1e-12'
json '[.candidates[].measures | .cka - (.references[0].cka + .references[1].cka) / 2 | fabs < 1e-12] | all'
json '[.candidates[].measures | .mutual_knn == null and .rank > 1 and .rank < 9 and .cka_unbiased < 1.000001] | all'
json '[.candidates[].measures.norm != null] == [true, true, true, false]'
check "nothing is left in work/" test -z "$(find s/work -type f ! -name running)"
run 0 score s --json
json '.known_before == 66 and .passes == 0 and .changed_scores == 0'
check "a second run changes nothing" diff <(results s) expected
run 0 rank s
run 0 study check s

# Threads and parts of a run make no difference.
cp -a fresh parts
run 0 score parts --c --candidate c+d --threads 1
check "a combination alone: no result of its members" \
    test "$(sqlite3 parts/study.db 'SELECT count(*) FROM computation')" = 2
run 0 score parts --measures --candidate c+d --json
json '.passes == 20 and .results == 3' # its two encoders, which are the references as well
check "measures alone: nothing of A" test "$(sqlite3 parts/study.db 'SELECT count(*) FROM alignment')" = 0
run 0 score parts --a --candidate siglip --threads 3
run 0 score parts --candidate clip
run 0 score parts
check "in parts as in one go" diff <(results parts) expected

# ---- what depends on what --------------------------------------------------------------------

# todo STUDY: categories of C, images of A and sets of measures to do, by candidate
todo() {
    "$EYECHART" score "$1" --plan --json 2>err | jq -r '[.plan.candidates[] | "\(.candidate) " +
        "\(.correspondence | if . then .categories - .known else "-" end) " +
        "\(.alignment | if . then .images - .known else "-" end) " +
        "\(.measures | if . then .sets - .known else "-" end)"] | join(", ")'
}
# depends DESCRIPTION EXPECTED: what is to be done in `changed`, and that a run does it
depends() {
    local now
    now=$(todo changed)
    n_checks=$((n_checks + 1))
    [[ $now == "$2" ]] || fail "$1: to do is '$now', expected '$2'; $(head -c 300 err)"
    run 0 score changed
    check "$1: then nothing is to do" test "$(todo changed | tr -d 'a-z,+ 0-')" = ""
    rm -rf changed
    cp -a s changed
}
cp -a s changed
none="clip 0 0 0, dino 0 0 0, siglip 0 0 0, c+d 0 - 0"
depends "nothing changed" "$none"
find changed -type f -exec touch {} +
depends "times changed" "$none"
mv changed/encoders/siglip changed/encoders/other
sed -i 's|encoders/siglip|encoders/other|' changed/study.yaml
depends "a folder has another name" "$none"
flip() { # one bit of the last weight
    local size
    size=$(stat -c %s "$1")
    printf '\x3c' | dd of="$1" bs=1 seek=$((size - 1)) conv=notrunc status=none
}
flip changed/encoders/siglip/model.safetensors
depends "weights of siglip" "clip 0 0 0, dino 0 0 0, siglip 6 10 3, c+d 0 - 0"
flip changed/encoders/dino/model.safetensors
depends "weights of a reference" "clip 0 10 1, dino 6 10 3, siglip 0 10 1, c+d 6 - 3"
sed -i 's/0.48145466/0.5/' changed/encoders/siglip/preprocessor_config.json
depends "the processor: not the authors' protocol, which squashes" \
    "clip 0 0 0, dino 0 0 0, siglip 3 10 3, c+d 0 - 0"
flip changed/connectors/siglip.safetensors
depends "a connector" "clip 0 0 0, dino 0 0 0, siglip 0 10 0, c+d 0 - 0"
found_above() { # the connector lies above the folder that is given, as a step of a LoRA training has it
    mkdir -p changed/connectors/run/checkpoint-7
    mv changed/connectors/siglip.safetensors changed/connectors/run/mm_projector.safetensors
    sed -i 's|connectors/siglip.safetensors|connectors/run/checkpoint-7|' changed/study.yaml
    find changed -type f -exec touch -d '1 hour ago' {} +
}
found_above
depends "the same connector, found elsewhere" "$none"
found_above
run 0 score changed
says "siglip: its connector is "
says "run/mm_projector.safetensors"
flip changed/connectors/run/mm_projector.safetensors
depends "a connector that was found elsewhere" "clip 0 0 0, dino 0 0 0, siglip 0 10 0, c+d 0 - 0"
found_above
run 0 score changed
echo '{"mm_vision_select_layer": -1}' >changed/connectors/run/config.json
depends "the layer, which the connector's model says" "clip 0 0 0, dino 0 0 0, siglip 6 10 3, c+d 0 - 0"
picture changed/photos/2.ppm 30 30 5
depends "an image of both benchmarks" "clip 0 1 3, dino 0 1 3, siglip 0 1 3, c+d 0 - 3"
picture changed/points/dog1.ppm 44 43 5
depends "an image with keypoints: its category" "clip 2 0 0, dino 2 0 0, siglip 2 0 0, c+d 2 - 0"
sed -i 's/\[\s*33,/[32,/; s/^ *33,/32,/' changed/points/keypoints.json
depends "a point that moved in every category" "clip 6 0 0, dino 6 0 0, siglip 6 0 0, c+d 6 - 0"
sed -i 's/protocol: .*//; s/^scores:/scores:\n  protocol: consistent/' changed/study.yaml
depends "which protocol counts" "$none"
sed -i 's/^scores:/scores:\n  bf16_compat: true/' changed/study.yaml
depends "roundings of A" "clip 0 10 0, dino 0 10 0, siglip 0 10 0, c+d 0 - 0"
echo '{"image": "photos/4.ppm", "prompt": "another"}' >>changed/ocr.jsonl
depends "an image list, of images that are known" "$none"
sed -i 's/references: .*/references: [clip]/' changed/study.yaml
depends "one reference less" "$none"
sed -i 's|encoders/dino@35}|encoders/dino@35+encoders/siglip@50}|' changed/study.yaml
depends "another member of a combination" "clip 0 0 0, dino 0 0 0, siglip 0 0 0, c+d 6 - 3"

# A measure comes from mean tokens that are known: no pass where others are asked for.
sed -i 's/references: .*/&\n  compare_with: [siglip, c+d]/' changed/study.yaml
run 0 score changed --plan --json
json '.plan.passes == 0 and ([.plan.candidates[].measures | .sets - .known] == [2, 2, 2, 2])'
run 0 score changed --json
json '.passes == 0 and .candidates[2].measures.references[0].cka - 1 < 1e-12'
run 0 study show changed --json
json '[.candidates[0].columns[].name] | contains(["cka", "cka_c+d", "cka_unbiased_siglip", "rank", "norm_cv"])'
json '[.candidates[2].columns[] | select(.name == "cka_siglip") | .value - 1 | fabs < 1e-12] == [true]' # beside itself
sed -i '/^  - {name: c+d/s/name: c+d/name: c+s/; s/clip+encoders.dino@35/clip@42+encoders\/siglip@60/; s/compare_with: .*/compare_with: [siglip]/' changed/study.yaml
run 0 score changed --plan --measures --json
json '.plan.passes == 20' # both at another size
sed -i 's/compare_with: .*/compare_with: [nobody]/' changed/study.yaml
run 3 score changed
says "compare_with 'nobody' is not one of the candidates"
cp s/study.yaml changed/
sed -i '/references:/d; s/, images: [a-z.]*}/}/' changed/study.yaml
run 0 score changed --measures --json
json '.passes == 36 and .results == 4' # no images of benchmarks: those of the keypoints, 12 of each encoder
json '.candidates[0].measures | .cka == null and .rank > 1'
rm -rf changed
cp -a s changed

# ---- what cannot be told any more --------------------------------------------------------------

# columns CANDIDATE: names of the columns that `changed` has of it
columns() {
    "$EYECHART" study show changed --json | jq -r --arg name "$1" '.candidates[] | select(.name == $name) | .columns[].name' | sort -u | tr '\n' ' '
}

# Compared with others, with fewer, with none; what was imported under such a name stays.
printf 'candidate,column cka_mine,column A_mine\nclip,0.5,0.25\n' >mine.csv
run 0 study import changed mine.csv
sed -i 's/references: .*/&\n  compare_with: [siglip, c+d]/' changed/study.yaml
run 0 score changed --json
json ".lost_scores > 0" # those beside the references, clip and dino
check "two are compared with" grep -q "cka_c+d .*cka_siglip" <(columns dino)
sed -i 's/compare_with: .*/compare_with: [siglip]/' changed/study.yaml
run 0 score changed --json
json '.lost_scores == 16' # cka and cka_unbiased beside each of two, of four candidates; the mean over one is left
says "no longer told, since study.yaml and the images as they are now do not give it: cka_c+d of clip"
check "about c+d there is nothing" test -z "$(columns dino | grep -o 'cka_c+d')"
check "what was imported stays" grep -q "cka_mine" <(columns clip)
run 0 score changed --json
json '.lost_scores == 0 and .changed_scores == 0'
sed -i 's/compare_with: .*/compare_with: [siglip, c+d]/' changed/study.yaml
run 0 score changed --json
json '.lost_scores == 0 and .changed_scores == 24' # and back, though the values are those of before
check "two are compared with again" grep -q "cka_c+d .*cka_siglip" <(columns dino)

# Two images tell no likeness.
sed -i '/compare_with:/d; s/name: VQA, images: photos/name: VQA/' changed/study.yaml
head -n 2 s/ocr.jsonl >changed/ocr.jsonl
check "there is a likeness" grep -q "cka " <(columns dino)
run 0 score changed
says "cka of clip"
check "there is none" test -z "$(columns dino | grep -ow 'cka')"
run 3 rank changed --c-column cka
run 0 rank changed --c-column A_mine
run 0 study check changed
rm -rf changed
cp -a s changed

# What was left out of the list changes the score though no image is new.
sed -i '$d' changed/ocr.jsonl
run 0 score changed --json
json '.passes == 0 and .changed_scores == 9' # A and its two parts, of three candidates; the images are the same
cp -p s/ocr.jsonl changed/
run 0 score changed --json
json '.passes == 0 and .changed_scores == 9'
rm -rf changed
cp -a s changed
sed -i 's/^scores:/scores:\n  protocol: consistent/' changed/study.yaml
run 0 score changed --json
json '.passes == 0 and .changed_scores == 4'
run 0 study show changed --json
run 0 study export changed --format json
json '(.candidates[] | select(.name == "clip") | .C) != null'

# A declared score is taken as it stands.
sed -i 's/{name: clip,/{name: clip, C: 20, A: 0.5,/' changed/study.yaml
run 0 score changed --plan --json
json '.plan.candidates[0] | .correspondence == null and .alignment == null'

# ---- several processes -----------------------------------------------------------------------

for n in 2 4; do
    rm -rf many && cp -a fresh many
    for ((i = 0; i < n; i++)); do "$EYECHART" score many --json >many.$i 2>many.err.$i & done
    for job in $(jobs -p); do
        wait "$job"
        check "one of $n processes ends well: $(tail -n 1 many.err.*)" test $? = 0
    done
    check "$n processes: the same content" diff <(results many) expected
    check "$n processes: every result is complete" \
        test "$(jq -s '[.[].results] | unique' many.[0-9] | jq -c .)" = "[66]"
    check "$n processes: no pass twice" jq -es '[.[].passes] | add - 102 | fabs < 1e-6' many.[0-9]
    rm -f many.*
done

# ---- kill -9, Ctrl-C -------------------------------------------------------------------------

RANDOM=7
n_kills=0
while ((n_kills < 100)); do
    rm -rf killed && cp -a fresh killed
    while :; do
        "$EYECHART" score killed >/dev/null 2>&1 &
        job=$!
        sleep "0.0$((RANDOM % 90 + 10))"
        kill -9 $job 2>/dev/null
        wait $job 2>/dev/null && break
        n_kills=$((n_kills + 1))
    done
    run 0 score killed
    results killed | cmp -s - expected || fail "after $n_kills kills: $(results killed | diff - expected | head -5)"
    n_checks=$((n_checks + 1))
    check "nothing is left in work/" test -z "$(find killed/work -type f ! -name running)"
done

# Ctrl-C, while an image of the last category is decoded that was hashed before.
cp -a fresh stopped
mv stopped/points/owl3.ppm .
ln -s ../../held.ppm stopped/points/owl3.ppm
hold score stopped
let_go owl3.ppm
held_again
kill -INT "$held"
let_go owl3.ppm
ended 130
says "goes on where it was"
silent
rm stopped/points/owl3.ppm held.ppm
cp -p owl3.ppm stopped/points/
known=$(sqlite3 stopped/study.db 'SELECT count(*) FROM computation')
check "what was computed is kept: $known" test "$known" -gt 0
run 0 score stopped
check "after Ctrl-C as undisturbed" diff <(results stopped) expected

# ---- the loop begins with it -------------------------------------------------------------------

rm -rf loop && cp -a fresh loop
cat >>loop/study.yaml <<'END'
run: {train: "mkdir -p {out}", evaluate: "echo VQA=1; echo OCR=2", finetunes: 1}
END
run 0 run loop --dry-run
prints "to compute are 66 results, 0 are known; images through encoders: 102"
prints "A and C come first"
check "a dry run scores nothing" test "$(sqlite3 loop/study.db 'SELECT count(*) FROM computation')" = 0
run 0 run loop
says "scored: 66 results, 0 known before"
check "scores by the loop are the scores" diff <(results loop) expected
run 0 run loop --dry-run
check "scored already" test "$(grep -c 'images through' out)" = 0
rm -rf loop && cp -a fresh loop
echo 'run: {train: "true", evaluate: "echo VQA=1"}' >>loop/study.yaml
run 3 run loop --no-score
says "no candidate has both A and C"

# ---- what goes wrong -------------------------------------------------------------------------

# wrong STATUS TEXT...: score of `changed` fails and says all of it
wrong() {
    local status=$1 text
    shift
    run "$status" score changed
    for text; do says "$text"; done
    silent
    rm -rf changed
    cp -a s changed
}
rm -rf changed
cp -a s changed
rm changed/photos/3.ppm
wrong 3 "changed/photos/3.ppm: No such file" "put it back, or take it out there" "benchmark 'OCR'"
rm changed/points/cat2.ppm
wrong 3 "points/cat2.ppm: No such file" "an image of changed/points/keypoints.json"
rm -r changed/encoders/dino
wrong 3 "candidate 'dino': encoder changed/encoders/dino: no such folder"
rm changed/connectors/clip.bin
wrong 3 "candidate 'clip': connector changed/connectors/clip.bin: no such file"
sed -i 's|siglip.safetensors|clip.bin|' changed/study.yaml
wrong 3 "candidate 'siglip': connector changed/connectors/clip.bin takes 40 channels" "gives 36"
sed -i 's|+encoders/dino@35}|+encoders/siglip}|' changed/study.yaml
wrong 3 "candidate 'c+d'" "3 x 3" "5 x 5" "equal grids"
sed -i 's|references: .*|references: [clip, c+d]|' changed/study.yaml
wrong 3 "candidate 'c+d': a reference of A without 'connector:'"
sed -i 's|+encoders/dino@35}|+encoders/clip}|' changed/study.yaml
wrong 3 "candidate 'c+d'" "is there twice"
sed -i 's|encoders/dino@35}|encoders/dino@big}|' changed/study.yaml
wrong 3 "candidate 'c+d'" "'@big' is not a size in pixels"
sed -i '/encoder:/d' changed/study.yaml
sed -i 's|references: .*||; s|^candidates:|candidates: [{name: x}]|' changed/study.yaml
wrong 3 "no candidate to score has an 'encoder:'"
echo broken >changed/photos/3.ppm
touch -d '2 hours ago' changed/photos/3.ppm
wrong 3 "photos/3.ppm"
run 2 score s --a --c
run 2 score s --c --measures
run 3 score s --candidate nobody
says "no candidate 'nobody'"
run 3 score paper-2024
says "is built in"

# All combinations without declaring each: those of different grids are left out, and said to be, unless
# resampling is asked for; then they are what `correspond --resample-grids` finds.
sed -i 's/^scores:/scores:\n  combine: all/' changed/study.yaml
run 0 score changed --plan
prints "3 combinations are left out: an encoder is in it twice, or the grids of patches differ"
run 0 score changed --json
json '.left_out == 3 and .changed_scores == 0 and (.candidates | length) == 4'
run 0 doctor changed
prints "3 combinations that 'combine:' makes are left out"
run 0 study check changed
check "score is not said to compute those" bash -c '! grep -q "computes A or C" out'
# Those of one encoder from two folders as well; siglip's grid differs from the others'.
cp -r changed twice
cp -r twice/encoders/clip twice/encoders/copy
sed -i 's|^candidates:|candidates:\n  - {name: copy, encoder: encoders/copy}|' twice/study.yaml
run 0 score twice --plan --json
json '.plan.left_out == 9 and ([.plan.candidates[].candidate] | length == 6 and any(. == "copy+dino"))'
run 0 show --study twice --pair cat-0-1 -o all.png --json
json '[.encoders[].encoder] | length == 5' # those that are declared
sed -i 's/^scores:/scores:\n  resample_grids: true/' changed/study.yaml
run 0 score changed --plan --c --json
json '.plan.left_out == 0 and .plan.passes == 72' # rows of the three encoders, which are not kept
json '[.plan.candidates[4:][] | .candidate, .resampled] == ["clip+siglip", true, "dino+siglip", true, "clip+dino+siglip", true]'
run 0 score changed --plan --measures --json
json '[.plan.candidates[].resampled, .plan.candidates[].note] | unique == [null, false]' # C is not asked for
run 0 score changed
prints "clip+dino+siglip*"
prints "* grids differ: C from similarities brought to the finest grid"
run 0 score changed --json
json '[.candidates[].resampled] == [false, false, false, false, true, true, true]'
jq -S '[.candidates[4:][] | .authors.c, .consistent.c]' out >ours
run 0 correspond changed/encoders/{clip,dino@35,siglip} --combine all --resample-grids \
    -k changed/points/keypoints.json --replicates 2 --json
jq -S '[.rows[] | select(.resampled) | .scores[] |
    select(.category == null and .readout == "soft-argmax" and .alpha == 0.1) | .per_image]' out >theirs
check "resampled C is correspond's" diff ours theirs
sed -i 's/^ *combine: .*/  combine: clip+dino/; /resample_grids/d' changed/study.yaml
run 0 score changed --json
json '(.candidates | length) == 4' # it is c+d already
rm -rf changed
cp -a s changed

# Mean tokens that somebody deleted are computed anew, and come out the same.
sqlite3 changed/study.db "DELETE FROM pooled; DELETE FROM measure WHERE name = 'rank'"
run 0 score changed --json
json '.passes == 30 and .known_before == 62 and .changed_scores == 0'
check "what was deleted is back" diff <(results changed) expected
rm -rf changed
cp -a s changed

# ---- doctor ----------------------------------------------------------------------------------

rm -rf changed
cp -a fresh changed
run 0 doctor changed
prints "66 of 66 results are to be computed"
prints "no connector, so that A cannot be computed: c+d"
run 0 doctor s --json
json '.n_errors == 0 and ([.findings[].message | contains("to be computed")] | any | not)'
flip changed/encoders/siglip/model.safetensors
cp s/study.db changed/
run 0 doctor changed
prints "scores in study.db that are not of the weights, images and settings as they are now: siglip;"
rm -r changed/encoders/dino changed/photos/3.ppm changed/points/cat2.ppm changed/connectors/clip.bin
run 1 doctor changed
prints "candidate 'clip': connector changed/connectors/clip.bin: no such file"
prints "candidate 'dino': encoder changed/encoders/dino: no such folder"
prints "candidate 'c+d': encoder changed/encoders/dino: no such folder"
prints "1 of 12 images cannot be read: cat2"
prints "1 of 5 images cannot be read: changed/photos/3.ppm"
rm -rf changed
cp -a fresh changed
sed -i 's|+encoders/dino@35}|+encoders/siglip}|; s|siglip.safetensors|clip.bin|' changed/study.yaml
sed -i '/keypoints:/d; s/^data:/run: {train: x}/' changed/study.yaml
run 1 doctor changed --json
json '[.findings[] | select(.level == "error") | .message | contains("takes 40 channels")] | any'
json '[.findings[] | select(.level == "error") | .message | contains("has no '"'evaluate:'"'")] | any'
json '[.findings[] | select(.level == "warning") | .message | contains("no keypoints")] | any'
echo nonsense >changed/study.db
run 3 doctor changed
says "study.db"

finish
