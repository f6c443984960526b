#!/bin/bash
# What `score` or `run` refuses before it computes, `doctor` finds, and where it finds nothing they do
# not refuse: one fault after another in a study that is good.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/score_study.sh"
need jq

make_study fresh
cat >>fresh/study.yaml <<'END'
run:
  train: bash train.sh {candidate} {out}
  evaluate: bash evaluate.sh {out}
  results: "{out}/results.json"
END
touch fresh/train.sh fresh/evaluate.sh
run 0 doctor fresh
run 0 score fresh --plan
run 0 run fresh --dry-run

# fault WORDS COMMAND: after the shell command, which works in the study, doctor says WORDS and one of
# the others refuses; '-' for WORDS: none of the three has anything against it
fault() {
    local words=$1 doctor_status others=0 what
    rm -rf s
    cp -a fresh s
    (cd s && eval "$2") || fail "cannot '$2'"
    "$EYECHART" doctor s >doctor_out 2>&1 </dev/null
    doctor_status=$?
    for what in "score s" "run s --dry-run"; do
        read -ra args <<<"$what"
        "$EYECHART" "${args[@]}" >"${args[0]}_out" 2>&1 </dev/null || others=1
    done
    n_checks=$((n_checks + 1))
    if [[ $words == - ]]; then
        [[ $doctor_status$others == 00 ]] || fail "$2: doctor $doctor_status, others $others: $(cat doctor_out score_out run_out | head -c 600)"
    else
        [[ $doctor_status -eq 1 || $doctor_status -eq 3 ]] || fail "$2: doctor says nothing: $(cat doctor_out | tail -n 4); score: $(tail -n 1 score_out); run: $(tail -n 1 run_out)"
        [[ $others -ne 0 ]] || fail "$2: only doctor refuses: $(grep error doctor_out)"
        grep -qF -- "$words" doctor_out || fail "$2: doctor does not say '$words': $(head -c 600 doctor_out)"
    fi
}
yaml() { echo "sed -i '$1' study.yaml"; }

# --- what is declared
fault - :
fault "no candidate has an 'encoder:'" "$(yaml 's/encoder: [^,}]*/A: .5/')"
fault "neither keypoints nor images" "$(yaml '/keypoints:/d; s/^data:/name: s/; s/, images: [a-z.]*}/}/')"
fault "a reference of A without 'connector:'" "$(yaml 's/references: .*/references: [clip, c+d]/')"
fault "it has no 'encoder:'" "$(yaml 's/references: .*/&\n  compare_with: [x]/; s/^candidates:/&\n  - {name: x}/')"
fault "no 'encoder:' in study.yaml" "$(yaml 's/references: .*/references: [clip, x]/; s/^candidates:/&\n  - {name: x}/')"
fault "is not one of the candidates; did you mean 'clip'?" "$(yaml 's/references: .*/references: [clp]/')"
fault "is there twice" "$(yaml 's|+encoders/dino@35}|+encoders/clip}|')"
fault "5 x 5" "$(yaml 's|+encoders/dino@35}|+encoders/siglip}|')"
fault "takes 40 channels" "$(yaml 's|siglip.safetensors|clip.bin|')"
fault "is not a size in pixels" "$(yaml 's|dino@35}|dino@big}|')"
fault "patch" "$(yaml 's|dino@35,|dino@3,|')"
fault "policy ei needs" "$(yaml '/keypoints:/d; s/^data:/name: s/')"
fault - "$(yaml '/keypoints:/d; s/^data:/policy: {name: random}/')"
# --- weights and connectors
fault "no such folder" "rm -r encoders/dino"
fault "encoders/dino" "rm encoders/dino/model.safetensors"
fault "encoders/dino" "rm encoders/dino/config.json"
fault "encoders/dino" "rm encoders/dino/preprocessor_config.json"
fault "encoders/dino" "echo {} >encoders/dino/config.json"
fault "encoders/dino" "echo '{' >encoders/dino/preprocessor_config.json"
fault "encoders/dino" "truncate -s 3000 encoders/dino/model.safetensors"
fault "encoders/dino" "truncate -s -100 encoders/dino/model.safetensors"
fault "encoders/dino" "cp encoders/clip/model.safetensors encoders/dino/"
fault "connectors/clip.bin" "rm connectors/clip.bin"
fault "connectors/clip.bin" "truncate -s 300 connectors/clip.bin"
fault "connectors/clip.bin" ": >connectors/clip.bin"
fault "connectors/dinov2.safetensors" "cp connectors/siglip.safetensors connectors/dinov2.safetensors; truncate -s -8 connectors/dinov2.safetensors"
fault "layer 99" "$(yaml 's|name: dino,|name: dino, layer: 99,|')"
fault "connectors/siglip.safetensors" "rm connectors/siglip.safetensors; mkdir connectors/siglip.safetensors"
# --- images and keypoints
fault "nosuch" "$(yaml 's|^  keypoints: .*|&\n  split: nosuch|')"
fault "keypoints.json" "jq '.pairs = []' points/keypoints.json >x; mv x points/keypoints.json"
fault "photos/x.jpg" "ln -s /nowhere photos/x.jpg"
fault "ocr.jsonl" "printf '{\"prompt\": \"no image\"}\n' >ocr.jsonl"
fault "photos/3.ppm" "echo broken >photos/3.ppm"
fault "photos/3.ppm" "head -c 300 photos/3.ppm >x; mv x photos/3.ppm"
fault "ocr.jsonl" "rm ocr.jsonl"
fault "ocr.jsonl" "echo '{' >ocr.jsonl"
fault "ocr.jsonl" ": >ocr.jsonl"
fault "photos" "rm photos/*"
fault "photos" "rm -r photos"
fault "photos/2.ppm" "rm photos/2.ppm"
fault "points/keypoints.json" "rm points/keypoints.json"
fault "points/keypoints.json" "echo '{' >points/keypoints.json"
fault "cat2" "rm points/cat2.ppm"
fault "cat2" ": >points/cat2.ppm"
fault "cat2" "cp points/cat1.ppm points/cat2.ppm"
fault "keypoints.json" "sed -i 's/cat1/nobody/' points/keypoints.json"
# --- commands
fault "there is no {outt}; did you mean {out}?" "$(yaml 's/sh train.sh {candidate} {out}/sh train.sh {candidate} {outt}/')"
fault "there is no {candidat}" "$(yaml 's/sh evaluate.sh {out}/sh evaluate.sh {candidat} {out}/')"
fault "run: results: there is no {atempt}" "$(yaml 's|{out}/results.json|{atempt}/results.json|')"
fault "run: trained: there is no {ou}; did you mean {out}?" "$(yaml 's|^  evaluate:|  trained: "{ou}/model"\n&|')"
fault "stands inside quotes" "$(yaml 's/sh evaluate.sh {out}/sh -c \x27evaluate {out}\x27/')"
fault "has no 'evaluate:'" "$(yaml '/^  evaluate:/d')"
fault "has no 'train:'" "$(yaml 's/^  train:.*/  train: " "/')"
fault "uses {connector}, which is not declared of clip, dino, siglip, c+d" "$(yaml 's/train.sh {candidate}/train.sh {connector}/; s/, connector: [a-z0-9.\/]*}/}/; s/references: .*//'); $(yaml '/keypoints:/d; s/^data:/policy: {name: random}/')"
fault "unknown key 'tran'" "$(yaml 's/^  train:/  tran:/')"
# --- what is in the way
fault "work: 'eyechart score' works in this folder, and it is no folder" "touch work"
fault "runs: 'eyechart run' works in this folder, and it is no folder" "touch runs"
fault "no candidates" "$(yaml '/^  - {name: [csd]/d; s/^candidates:/candidates: []/; s/references: .*//')"
fault "study.db" "echo nonsense >study.db"

# --- where nothing is to be scored
printf 'candidate,A,C,MME\na,.5,20,\nb,.6,10,\nc,.7,15,\n' >known.csv
rm -rf fresh
run 0 study new fresh --import known.csv
fault "no candidate has an 'encoder:'" :
cat >>fresh/study.yaml <<'END'
run: {train: "true {out}", evaluate: "echo MME=1"}
END
run 0 doctor fresh # the loop goes on with what is known
prints "note: no candidate has an 'encoder:'"
run 0 run fresh --dry-run

# --- what encoders are computed with
make_study machine
EYECHART_DEVICE=none "$EYECHART" doctor machine >out 2>err
check "doctor finds EYECHART_DEVICE" test $? -eq 1
prints "error: EYECHART_DEVICE=none: there is none of this name"

finish
