#!/bin/bash
# score and correspond: of the same keypoints and encoder they say the same C and the same standard error;
# score and align: of the same images, encoders and connectors the same A, for combinations, too.
. "${0%/*}/common.sh" "$@"
need jq
. "$SOURCE_DIR/tests/cli/score_study.sh"
make_study s

# dino at 35 pixels is at its own size; at 49 its positions are interpolated, which has two ways.
sed -i 's|encoder: encoders/dino@35,|encoder: encoders/dino@49,|' s/study.yaml

# agree [OPTION of correspond]: score's C in the file `one`, correspond's in `other`
agree() {
    "$EYECHART" score s --c --candidate dino --json >score.json 2>/dev/null || fail "score: status $?"
    "$EYECHART" correspond s/encoders/dino@49 -k s/points/keypoints.json --json "$@" >correspond.json 2>/dev/null ||
        fail "correspond: status $?"
    local round='map_values(map_values(. * 1e10 | round))'
    jq -S ".candidates[0] | {authors, consistent} | $round" score.json >one
    jq -S ".rows[0].scores | map(select(.category == null and .readout == \"soft-argmax\" and .alpha == 0.1)
        | {key: .protocol, value: {c: .per_image, c_error: .per_image_se}}) | from_entries | $round" correspond.json >other
    n_checks=$((n_checks + 2))
    jq -e '.authors.c_error > 0 and .consistent.c_error > 0' one >/dev/null || fail "no standard errors: $(cat one)"
    diff one other || fail "score (<) and correspond (>) differ"
}
known() {
    n_checks=$((n_checks + 1))
    jq -e ".known_before == $1" score.json >/dev/null || fail "$1 results should be known, not $(jq .known_before score.json)"
}

agree
known 0
agree
known 6
cp one before
# The switch belongs to what decides a result: nothing is known under the other one.
sed -i 's|^scores:|scores:\n  positions_by_size: true|' s/study.yaml
agree --positions-by-size
known 0
n_checks=$((n_checks + 1))
! cmp -s one before || fail "both ways of interpolation give the same: $(cat one)"
sed -i '/positions_by_size/d' s/study.yaml
agree
known 6

# Members of a combination are candidates by themselves, and it is a reference: score keeps in files what align
# keeps in memory.
parity=$SOURCE_DIR/tests/parity
toys=$SOURCE_DIR/tests/align
mkdir together
cp -r "$parity"/{clip-f32,siglip-bf16-sharded,vit-no-qkv-bias} together
cp -r s/photos together
clip=$PWD/together/clip-f32:square siglip=$PWD/together/siglip-bf16-sharded:square vit=$PWD/together/vit-no-qkv-bias:square
both=$siglip+$vit
cat >together/study.yaml <<END
scores: {images: 100, references: [both, clip]}
benchmarks: [{name: photos, images: photos}]
candidates:
  - {name: clip, encoder: "$clip", connector: "$toys/clip.bin"}
  - {name: both, encoder: "$both", connector: "$toys/whole"}
  - {name: siglip, encoder: "$siglip", connector: "$toys/siglip.safetensors"}
  - {name: vit, encoder: "$vit", connector: "$toys/vit.bin"}
END
find together -type f -exec touch -d '1 hour ago' {} +
run 0 score together --a --json
json '.results == 40 and (.passes - 30 | fabs < 1e-9)' # three encoders, ten images: both costs no pass of its own
check "nothing is left in work/" test -z "$(find together/work -type f ! -name running)"
jq -S '[.candidates[].alignment[] | {a, a_error, of: [.references[].a]}]' out >one
run 0 align -r "both=$both,$toys/whole" -r "clip=$clip,$toys/clip.bin" -c clip -c both \
    -c "siglip=$siglip,$toys/siglip.safetensors" -c "vit=$vit,$toys/vit.bin" -i photos=together/photos --json
jq -S '[.candidates[].scores[] | {a, a_error, of: [.references[].a]}]' out >other
check "A is align's, bit for bit" cmp one other
json '[.candidates[].scores[0].a | . > 0 and . < 1] | all'

# What is kept is shared by all processes, and found again after kill -9: the content is the same.
results together >expected
cp -a together fresh
rm -rf fresh/study.db* fresh/work
cp -a fresh many
for i in 1 2 3; do "$EYECHART" score many --a --json >many.$i 2>many.err & done
wait
check "three processes: the same content" diff <(results many) expected
check "three processes: no pass twice" jq -es '[.[].passes] | add - 30 | fabs < 1e-6' many.[123]
RANDOM=3
for ((n_kills = 0; n_kills < 20;)); do
    rm -rf killed && cp -a fresh killed
    for ((later = 10; ; later += 10)); do # so that a slow build comes to its end, too
        "$EYECHART" score killed --a >/dev/null 2>&1 &
        job=$!
        ms=$((RANDOM % 60 + later))
        sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
        kill -9 $job 2>/dev/null
        wait $job 2>/dev/null && break
        n_kills=$((n_kills + 1))
    done 2>/dev/null
    check "after $n_kills kills: the same content" diff <(results killed) expected
    check "after $n_kills kills: nothing is left in work/" test -z "$(find killed/work -type f ! -name running)"
done

# What is kept and damaged is not taken: it is computed anew.
n_damaged=0
kept=damaged/work
for ((try = 0; try < 50 && n_damaged == 0; try++)); do
    rm -rf damaged && cp -a fresh damaged
    "$EYECHART" score damaged --a >/dev/null 2>&1 &
    job=$!
    until compgen -G "$kept/*.kept" >/dev/null || ! kill -0 $job 2>/dev/null; do :; done
    kill -9 $job
    wait $job
    for file in "$kept"/*.kept; do
        [[ -f $file ]] || continue
        printf '\x7f' | dd of="$file" bs=1 conv=notrunc status=none seek=$(($(stat -c %s "$file") - 1))
        n_damaged=$((n_damaged + 1))
    done
done 2>/dev/null
check "some were kept: $n_damaged" test $n_damaged -gt 0
run 0 score damaged --a
check "after $n_damaged damaged files: the same content" diff <(results damaged) expected
finish
