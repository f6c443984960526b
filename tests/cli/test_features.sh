#!/bin/bash
# features and inspect: what is written, what is left out, what is refused.
. "${0%/*}/common.sh" "$@"
need jq
clip=$SOURCE_DIR/tests/parity/clip-f32
dino=$SOURCE_DIR/tests/parity/dinov2-bin
images=$SOURCE_DIR/tests/images

run 0 inspect "$clip" --json
json '.family == "clip" and .grid == [5, 5] and .tokens == 25 and .channels == 40 and .blocks == 3'
run 3 inspect "$images"
says "config.json"
run 0 inspect "$clip" --size 41 --json # 35 pixels are whole patches of 7; the convolution drops the rest
json '.grid == [5, 5] and .tokens == 25'
run 0 inspect "$clip" --size 41
prints "5 x 5 patches (of the first 35 pixels)"
run 3 inspect "$clip" --size 6
says "no patch of 7 x 7"

mkdir pictures
cp "$images"/png-rgb-8.png "$images"/png-palette-8.png "$images"/bmp-16.bmp pictures/
n=$(ls pictures | wc -l)
run 4 features "$clip" pictures "$images/nothing.png" --prepare square --skip-bad -o clip.npy
says "nothing.png"
check "the manifest lists every image" test "$(jq '.images | length' clip.npy.json)" -eq $((n + 1))
check "the array has a row for each that could be read" \
    test "$(stat -c %s clip.npy)" -eq $((256 + $(jq .rows clip.npy.json) * 25 * 40 * 4))
run 3 features "$clip" "$images/nothing.png" --prepare square -o none.npy
says "nothing.png"
run 0 features "$clip+$dino@35" pictures --prepare square --dtype f16 --format safetensors -o both.safetensors --json
json '.left_out == 0'
cp -r "$clip" clip+tail
run 0 features "clip+tail@35+$dino@35:square+clip+tail" pictures --prepare square -o plus.npy
check "a + in a folder's name is part of it" test "$(jq '.encoders | length' plus.npy.json)" -eq 3
run 3 features "$clip+$dino" pictures --prepare square -o both.npy
says "@35"
run 0 features "$clip" pictures --prepare square --horizontal-first -o rows.npy
check "the manifest tells the order of the passes" jq -e '.encoders[0].preparation.horizontal_first' rows.npy.json

# What computes: another way to the same numbers, or other numbers under another identity.
run 0 features "$clip" pictures --prepare square -o f32.npy
check "f32 is not worth a word" jq -e '.encoders[0] | has("math") | not' f32.npy.json
# with VARIABLE VALUE STATUS COMMAND...
with() {
    ran="$1=$2 eyechart ${*:4}"
    env "$1=$2" "$EYECHART" "${@:4}" >out 2>err </dev/null
    local status=$?
    check "$ran: exit status $3, here $status" test $status -eq "$3"
}
with EYECHART_DEVICE cpu:avx128 3 features "$clip" pictures --prepare square -o none.npy
says "EYECHART_DEVICE=cpu:avx128: there is none of this name"
says "or take one of cpu, "
for command in version "version --json" "score nowhere" "run nowhere" "align -c x=a,b" "correspond nothing" "show nothing"; do
    read -ra words <<<"$command"
    with EYECHART_DEVICE cpu:portabel 3 "${words[@]}"
    says "EYECHART_DEVICE=cpu:portabel: there is none of this name (did you mean 'cpu:portable'?)"
done
with EYECHART_DEVICE portable 3 version
says "did you mean 'cpu:portable'?"
with EYECHART_DEVICE cpu:portabel 0 study show paper-2024 # computes nothing
with EYECHART_DEVICE cpu:portable 0 version
prints "computes with cpu:portable, as EYECHART_DEVICE says"
with EYECHART_DEVICE cpu:portable 0 version --json
json '.device == "cpu:portable" and .computes_with == "portable" and (.isa | index("portable"))'
json '.devices | index("cpu:portable") and index("ref")'
with EYECHART_DEVICE ref 0 version --json
json '.device == "ref" and .computes_with == "ref"'
with EYECHART_DEVICE "" 0 version --json
json '.device == .devices[0] and .computes_with == .isa[0]'
with EYECHART_DEVICE cpu:onednn-bf16 3 features "$clip" pictures --prepare square -o none.npy
check "no variable changes numbers" grep -q -e "--math bf16" -e "without oneDNN" err
run 2 features "$clip" pictures --prepare square --device cpu:portabel -o none.npy
says "--device: device 'cpu:portabel': there is none of this name (did you mean 'cpu:portable'?)"
run 2 features "$clip" pictures --prepare square --device cpu:portable --math bf16 -o none.npy
says "give one of them"
# The variable's name before this version.
with EYECHART_ISA portable 0 version --json
json '.device == "cpu:portable"'
says "EYECHART_ISA is now EYECHART_DEVICE=cpu:portable; it works until the next release"
with EYECHART_ISA cpu:portable 0 version
with EYECHART_ISA avx128 3 version
says "EYECHART_ISA=avx128: there is none of this name"
ran="EYECHART_ISA=avx128 EYECHART_DEVICE=cpu:portable eyechart version"
EYECHART_ISA=avx128 EYECHART_DEVICE=cpu:portable "$EYECHART" version >out 2>err
check "the new name comes first, and the old one is not a word worth" test ! -s err
run 0 features "$clip" pictures --prepare square --device cpu:portable -o portable.npy
run 0 features "$clip" pictures --prepare square --device ref -o ref.npy
same_run() { test "$(jq -r .fingerprint "$1.npy.json")" = "$(jq -r .fingerprint f32.npy.json)"; }
check "the same run by other kernels" same_run portable
check "the same run by the reference" same_run ref
check "whose numbers are others in the last bits" bash -c '! cmp -s ref.npy f32.npy'
if "$EYECHART" version --json | jq -e '.onednn != null' >/dev/null; then
    DNNL_VERBOSE=1 EYECHART_DEVICE=cpu:onednn "$EYECHART" features "$clip" pictures --prepare square -o onednn.npy >out 2>err
    check "the same run by oneDNN" same_run onednn
    check "by oneDNN indeed" grep -q "verbose.*exec,cpu,convolution" out
    # A call that fails is told as what it is.
    cat >refusing.c <<'END'
#include <stdlib.h>
int dnnl_primitive_execute(void *primitive, void *stream, int n, const void *arguments) {
    (void)primitive, (void)stream, (void)n, (void)arguments;
    return atoi(getenv("REFUSE"));
}
END
    if ! sanitized && cc -shared -fPIC -o refusing.so refusing.c 2>cc_err; then
        for refusal in "5 runtime error" "3 unimplemented"; do
            REFUSE=${refusal%% *} LD_PRELOAD=./refusing.so EYECHART_DEVICE=cpu:onednn \
                "$EYECHART" features "$clip" pictures --prepare square -o refused.npy >out 2>err
            check "oneDNN's refusal is status 3" test $? -eq 3
            says "dnnl_primitive_execute of oneDNN"
            says "(status ${refusal/ /: })"
            check "it is not told as memory" bash -c '! grep -q memory err'
        done
    fi
    run 0 features "$clip" pictures --prepare square --math bf16 -o bf16.npy
    says "bf16 products move the features of pictures/bmp-16.bmp by"
    check "the manifest tells the math" jq -e '.encoders[0].math == "bf16"' bf16.npy.json
    run 0 features "$clip" pictures --prepare square --device cpu:onednn-bf16 -o device.npy
    says "bf16 products move the features of pictures/bmp-16.bmp by"
    says "cpu:onednn-bf16 rounds operands of products to bf16"
    check "--math bf16 is that device" cmp -s bf16.npy device.npy
    check "bf16 is another run" test "$(same_run bf16 && echo the same)" = ""
    check "bf16 is other numbers" test "$(cmp bf16.npy f32.npy | wc -l)" -eq 1
else
    run 3 features "$clip" pictures --prepare square --math bf16 -o bf16.npy
    says "built without oneDNN"
fi
run 3 features "$clip" pictures -o native.npy
says "preprocessor_config.json"
run 2 features "$clip" pictures --prepare square
says "-o OUT"
run 2 features "$clip" --prepare square -o x.npy
says "no images"

# OUT ends as the array that it is: whoever reads by the name finds it.
first() { head -c "$2" "$1" | tail -c +"${3:-1}"; }
run 0 features "$clip" pictures --prepare square -o x.safetensors
check "safetensors by its ending" test "$(first x.safetensors 9 9)" = "{"
run 0 features "$clip" pictures --prepare square -o X.NPY
check "npy by its ending" test "$(first X.NPY 6 2)" = NUMPY
run 0 features "$clip" pictures --prepare square -o run.v2
check "npy where the ending says nothing" test "$(first run.v2 6 2)" = NUMPY
run 0 features "$clip" pictures --prepare square --format safetensors -o run.v3
check "as --format says where the ending says nothing" test "$(first run.v3 9 9)" = "{"
for out in x.npz x.pt a/x.h5 x.JSON; do
    run 2 features "$clip" pictures --prepare square -o "$out"
    says "not as .${out##*.}"
done
run 2 features "$clip" pictures --prepare square --format npy -o y.safetensors
says "--format npy: one of them is wrong"
check "nothing was written" test ! -e y.safetensors
run 0 features "$clip" pictures --prepare square --file-per-image -o folder.npz
check "a folder is called as one likes" test -d folder.npz

# What fails before it has anything leaves nothing; what has something goes on with a list that
# begins alike, without the image that stopped it.
cp "$images/png-rgb-8.png" a.png
cp "$images/png-palette-8.png" b.png
cp "$images/bmp-16.bmp" c.bmp
echo "no image" >bad.png
run 3 features "$clip" bad.png --prepare square -o mended.npy
check "nothing is left" test "$(echo mended.npy*)" = "mended.npy*"
run 0 features "$clip" a.png --prepare square -o mended.npy
run 3 features "$clip" bad.png --prepare square --file-per-image -o mended
run 0 features "$clip" a.png --prepare square --file-per-image -o mended
run 3 features "$clip" a.png b.png bad.png c.bmp --prepare square --batch 1 -o without.npy
check "two images are kept" test "$(grep -c ' ok$' without.npy.journal)" -eq 2
run 3 features "$clip" b.png a.png c.bmp --prepare square --batch 1 -o without.npy
says "another image than the one"
run 3 features "$clip" a.png b.png c.bmp --prepare squash --batch 1 -o without.npy
says "config.json"
run 3 features "$clip" a.png --prepare square --batch 1 -o without.npy
says "more images"
run 0 features "$clip" a.png b.png c.bmp --prepare square --batch 1 -o without.npy --json
json '.from_before == 2'
run 0 features "$clip" a.png b.png c.bmp --prepare square --batch 1 -o anew.npy
check "as without the bad image from the start" cmp without.npy anew.npy
# A journal that lists nothing, as kill -9 leaves it, is in nobody's way.
echo "eyechart-features 2 00000000000000000000000000000000" >killed.npy.journal
touch killed.npy
run 0 features "$clip" a.png --prepare square -o killed.npy

# A folder: what is no image by its name is left out, an image that cannot be opened is named.
mkdir mixed
cp "$images/png-rgb-8.png" mixed/a.png
cp "$images/bmp-16.bmp" mixed/b.BMP
echo "what these are" >mixed/README
echo "{}" >mixed/labels.json
mkdir mixed/more
run 0 features "$clip" mixed --prepare square -o mixed.npy --json
json '.images == 2'
says "mixed: 2 files are no images by their names and are left out"
ln -s blobs/7f mixed/c.jpg
run 3 features "$clip" mixed --prepare square -o linked.npy
says "mixed/c.jpg: cannot open: No such file or directory; it is a link to blobs/7f"
run 3 features "$clip" mixed --prepare square -o linked.npy --skip-bad
rm mixed/c.jpg
echo "no image" >mixed/c.jpg
run 3 features "$clip" mixed --prepare square -o bad.npy
says "mixed/c.jpg: not an image"

# Lists: paths under a root, records, a table with the images in it. Equal pictures, equal rows.
printf '\357\273\277a.png\nb.BMP\n' >paths.txt
printf '{"image": "a.png", "hint": NaN}\n{"image": ""}\n{"image": "b.BMP", "n": "\\ud800"}\n' >records.jsonl
inline() { base64 -w0 "$1"; }
printf 'index\timage\tquestion\n1\t%s\t"a ""question""\nof two lines"\n7\t%s\tq\n' \
    "$(inline mixed/a.png)" "$(inline mixed/b.BMP)" >table.tsv
run 0 features "$clip" mixed/a.png mixed/b.BMP --prepare square -o named.npy
for list in paths.txt records.jsonl table.tsv; do
    run 0 features "$clip" --list $list --image-root mixed --prepare square -o $list.npy
    check "$list has the same images" cmp named.npy $list.npy
done
run 0 features "$clip" --list records.jsonl --image-root mixed --prepare square -o r.npy
says "records.jsonl: 1 record has no image and is left out"
check "an image in a list has the hash of its file" \
    test "$(jq -r '.images[0].xxh3' named.npy.json)" = "$(jq -r '.images[0].xxh3' table.tsv.npy.json)"
check "and a name of its own" test "$(jq -r '.images[0].path' table.tsv.npy.json | cut -d@ -f1)" = "table.tsv#1"
run 3 features "$clip" --list records.jsonl --image-root nowhere --prepare square -o x.npy
says "image root 'nowhere'"
run 3 features "$clip" --list records.jsonl --prepare square -o x.npy
says "b.BMP: cannot open"

# EXIF: ignored, once said; on request applied, which is another run.
exif=$images/exif
run 0 features "$clip" "$exif/6.png" "$exif/3.webp" "$exif/1.jpg" --prepare square -o lying.npy
says "6.png and 1 more: EXIF asks to turn the picture"
run 0 features "$clip" "$exif/6.png" "$exif/3.webp" "$exif/1.jpg" --prepare square --exif-transpose -o upright.npy
check "nothing is said of it then" test "$(grep -c EXIF err)" -eq 0
check "the manifest tells it" jq -e '.encoders[0].preparation.exif_transpose' upright.npy.json
check "and is silent otherwise" jq -e '.encoders[0].preparation | has("exif_transpose") | not' lying.npy.json
check "other numbers" test "$(cmp lying.npy upright.npy | wc -l)" -eq 1
run 3 features "$clip" "$exif/6.png" "$exif/3.webp" "$exif/1.jpg" --prepare square --exif-transpose -o lying.npy
says "other images, encoders or options"
run 0 features "$clip" "$exif/1.jpg" --prepare square -o upright1.npy
check "as it lies is upright for most" test "$(grep -c EXIF err)" -eq 0
run 0 features "$clip" "$exif/6.png" --prepare square --exif-transpose -o a.npy
run 0 features "$clip" "$exif/5.webp" --prepare square -o b.npy
check "turned and mirrored are not the same" test "$(cmp a.npy b.npy | wc -l)" -eq 1

# pad: LLaVA's, in the mean colour, before the processor; letterbox: on black, after the resize.
cp -r "$clip" processed
cat >processed/preprocessor_config.json <<'END'
{"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 35}, "crop_size": {"height": 35, "width": 35}}
END
for how in pad letterbox native; do
    run 0 features "processed:$how" pictures/png-rgb-8.png -o $how.npy
done
json_of() { jq -c ".encoders[0].preparation$2" "$1.npy.json"; }
check "the colour is the mean's, cut" test "$(json_of pad .pad)" = "[122,116,104]"
check "then the processor" test "$(json_of pad '|del(.pad)')" = "$(json_of native '')"
check "the letterbox has no colour" test "$(json_of letterbox .resize)" = '"longest-edge"'
check "three kinds of numbers" test "$(sha256sum pad.npy letterbox.npy native.npy | cut -c1-64 | sort -u | wc -l)" -eq 3
run 0 features "processed@70:pad" pictures/png-rgb-8.png -o pad70.npy
check "at another size" test "$(json_of pad70 .crop)" = "[70,70]"

# Ctrl-C, while the second of three images is read; then the same command.
cp "$images"/pnm-p6.ppm first.ppm
cp "$images"/pnm-p3.ppm last.ppm
hold features "$clip" first.ppm held.ppm last.ppm --prepare square --batch 1 -o stopped.npy
kill -INT "$held"
let_go first.ppm
ended 130
says "the same command continues"
silent
check "a stopped run leaves no manifest" test ! -e stopped.npy.json
rm held.ppm
cp first.ppm held.ppm
run 0 features "$clip" first.ppm held.ppm last.ppm --prepare square --batch 1 -o stopped.npy --json
json '.from_before >= 1 and .images == 3'
run 0 features "$clip" first.ppm held.ppm last.ppm --prepare square --batch 1 -o whole.npy
check "as undisturbed" cmp stopped.npy whole.npy
run 2 features "$clip@x" pictures -o x.npy
says "not a size"
finish
