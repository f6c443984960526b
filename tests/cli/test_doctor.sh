#!/bin/bash
# What `doctor` finds before a run does: images that cannot be decoded, scripts that are not there, and
# all of what is wrong, not the first.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/score_study.sh"
need jq

make_study fresh
cat >>fresh/study.yaml <<'END'
run:
  train: bash train.sh {candidate} {out}
  evaluate: LC_ALL=C ./evaluate.py --fast {out}
END
touch fresh/train.sh fresh/evaluate.py
chmod +x fresh/evaluate.py
run 0 doctor fresh
prints "0 errors"

# --- images -----------------------------------------------------------------------------------

# One that is empty, one that was cut off, one that is none, among keypoints and among benchmarks.
cp -a fresh s
: >s/points/cat2.ppm
head -c 300 fresh/photos/8.ppm >s/photos/8.ppm
echo "no image" >s/photos/3.ppm
run 1 doctor s
prints "error: s/points/cat2.ppm: the file is empty"
prints "error: s/photos/8.ppm: "
prints "error: s/photos/3.ppm: not an image"
prints "s: 3 errors"
run 3 score s # as it would have gone without
says "cat2.ppm"

# Many are counted.
for i in 0 1 2 4 5 6 7 9; do echo "no image" >s/photos/$i.ppm; done
run 1 doctor s --json
json '[.findings[].message | select(contains("not an image") or contains("is empty"))] | length == 5'
json '[.findings[].message | select(test("and [1-9] more images cannot be decoded"))] | length == 1'

# A link that leads nowhere does not vanish, nor does what a list leaves out.
cp -a fresh l
ln -s nowhere l/photos/z.ppm
run 1 doctor l
prints "l/photos/z.ppm: cannot open: No such file or directory; it is a link to nowhere"
run 3 score l
says "z.ppm"
rm l/photos/z.ppm
ls l/photos | sed 's/.*/{"image": "&"}/' >l/mme.jsonl
echo '{"image": ""}' >>l/mme.jsonl
sed -i 's|images: photos|images: mme.jsonl|' l/study.yaml
run 1 doctor l
prints "l/mme.jsonl (its paths begin at its own folder; 'image_root:' names another): 9 of 9 images cannot be read"
run 3 score l
says "'image_root:' names another"
sed -i 's|images: mme.jsonl|images: mme.jsonl, image_root: photos|' l/study.yaml
run 0 doctor l
prints "mme.jsonl: 1 record has no image and is left out"
run 0 score l --a
says "mme.jsonl: 1 record has no image and is left out"

# A photograph that asks to be turned: as it lies, which both say, or turned, with scores of its own.
cp -a fresh e
cp "$SOURCE_DIR/tests/images/exif/6.jpg" e/photos/turned.jpg
run 0 doctor e
prints "e/photos/turned.jpg: EXIF asks to turn the picture"
run 0 score e --a --json
says "turned.jpg: EXIF asks to turn the picture"
cp out lying
sed -i 's|^scores:.*{|&exif_transpose: true, |; s|^scores: *$|scores:\n  exif_transpose: true|' e/study.yaml
grep -q exif_transpose e/study.yaml || fail "the study has no setting"
run 0 doctor e
check "doctor is silent of it then" test "$(grep -c 'EXIF asks' out)" -eq 0
run 0 score e --a --json
check "A of the turned picture is another" test "$(cmp out lying | wc -l)" -eq 1
# A candidate whose encoder pads, as LLaVA 1.5 is trained.
sed -i '0,/encoder: \([^ ,}]*\)/s//encoder: \1:pad/' e/study.yaml
grep -q ":pad" e/study.yaml || fail "no encoder pads"
run 0 score e --a --json
says "changed"
sed -i 's/:pad/:padded/' e/study.yaml
run 3 score e --a --json
says ":native, :square, :squash, :pad, :letterbox"

# --- all of it --------------------------------------------------------------------------------

# Nothing is left that could be scored; everything else is looked at all the same.
rm -rf s
cp -a fresh s
rm -r s/encoders s/connectors/clip.bin s/points/dog1.ppm s/photos/8.ppm
: >s/points/cat2.ppm
run 1 doctor s
prints "candidate 'clip': encoder s/encoders/clip: no such folder"
prints "candidate 'clip': connector s/connectors/clip.bin: no such file"
prints "candidate 'siglip': encoder s/encoders/siglip: no such folder"
prints "candidate 'c+d': encoder s/encoders/clip: no such folder"
prints "candidate 'c+d': encoder s/encoders/dino: no such folder"
prints "1 of 12 images cannot be read: dog1"
prints "s/photos/8.ppm; put them back"
prints "s/points/cat2.ppm: the file is empty"

# Of an encoder that is in many combinations it is said once.
rm -rf s
cp -a fresh s
sed -i 's/^scores:/scores:\n  combine: all/' s/study.yaml
rm -r s/encoders/siglip
run 1 doctor s --json
json '[.findings[].message | select(contains("encoders/siglip: no such folder"))] | length == 1'

# --- commands ---------------------------------------------------------------------------------

# command LINE STATUS WORDS: what doctor says when that is the training; "" nothing
command_of() {
    rm -rf s
    cp -a fresh s
    sed -i "s|^  train: .*|  train: $1|" s/study.yaml
    run "$2" doctor s
    if [[ -n $3 ]]; then
        prints "$3"
    else
        check "nothing about '$1'" bash -c '! grep -q "run: train" out'
    fi
}
command_of 'bash trane.sh {out}' 1 "error: 'run: train:' names s/trane.sh, which is not there"
command_of './trane.sh {out}' 1 "names s/./trane.sh, which is not there"
command_of './train.sh {out}' 1 "which is not executable; chmod +x it"
command_of 'python3.11 -u tools/train.py' 1 "names s/tools/train.py"
command_of '/nowhere/bin/python train.sh' 1 "names /nowhere/bin/python"
command_of 'bash photos' 1 "which is no file"
command_of 'CUDA_VISIBLE_DEVICES=0 trane-it {out}' 0 "warning: 'run: train:' begins with 'trane-it', which is not in PATH here"
command_of 'sh -e train.sh' 0 ""
command_of "bash -c trane.sh" 0 ""
command_of "python3 -m trane" 0 ""
command_of 'cd elsewhere \&\& bash trane.sh' 0 ""
command_of '$HOME/trane.sh' 0 ""
command_of 'sh {encoder}/train.sh' 0 ""
rm fresh/evaluate.py
command_of 'sh train.sh' 1 ""
prints "'run: evaluate:' names s/./evaluate.py, which is not there"

run 0 doctor --help
prints "3   study.yaml or study.db cannot be read"
finish
