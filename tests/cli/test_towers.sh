#!/bin/bash
# Multimodal models as encoders: their tower is taken, and one that was trained further than the folder
# that 'encoder:' names is found, said and taken.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/score_study.sh"
need jq sqlite3

# A model of transformers, LLaVA with its tower; a CLIP folder of its kind with other weights ("original"),
# and one with the same.
cp -r "$SOURCE_DIR/tests/parity/llava-5" llava
rm llava/expected.safetensors
cat >processor.json <<'END'
{"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 21}, "crop_size": 21}
END
cp processor.json llava/preprocessor_config.json
mkdir original
cp "$SOURCE_DIR/tests/parity/clip-epsilon/model.safetensors" original/
jq .vision_config llava/config.json >original/config.json
cp processor.json original/preprocessor_config.json
cp -r original same
cp llava/model.safetensors same/
# The same weights, but with what a CLIP folder has no place for left in: a larger model's.
jq '{model_type: "llava", vision_config: .}' original/config.json >same/config.json
for i in 0 1 2; do picture $i.ppm $((30 + i)) $((40 - i)) $((5 * i)); done
mkdir photos
mv ./*.ppm photos/

run 0 inspect llava --json
json '.family == "clip" and .width == 24 and .blocks == 2 and .heads == 3 and .tokens == 9'
hash=$(jq -r .weights out)
json '.connector == {type: "mlp2x_gelu", inputs: 24, outputs: 16, layer: -2, tokens: "patch"}'
run 0 inspect llava
prints "connector    mlp2x_gelu, 24 to 16 channels, of layer -2, patch tokens"
run 0 inspect original --json
json '.connector == null'
run 0 inspect same --json
json ".weights == \"$hash\""

# align REFERENCE CANDIDATE
both() { run 0 align -r "r=$1" -c "x=$2" -i p=photos --json; }
both llava,llava same,llava
check "nothing is said of a tower that is the same" test -z "$(grep tower err)"
json '.candidates[0].scores[0].a > 0.999999'
both llava,llava original,llava
says "x: the vision tower in llava was trained and is taken; it differs from original ("
json '.candidates[0].scores[0].a > 0.999999'
both original,llava llava,llava
says "r: the vision tower in llava"
json '.candidates[0].scores[0].a > 0.999999'
# A connector alone, of a model that was trained whole: that is told, too.
mkdir part
cp "$SOURCE_DIR/tests/align/clip.bin" part/mm_projector.bin
echo '{"unfreeze_mm_vision_tower": true}' >part/config.json
encoder clip clip-f32 35 35
run 0 align -r r=clip,part -c x=clip,"$SOURCE_DIR/tests/align/clip.bin" -i p=photos --json
says "r: the vision tower was trained with the connector, says part/config.json"
check "of the other nothing is said" test "$(grep -c tower err)" -eq 1

mkdir p
cat >p/study.yaml <<END
scores: {references: [c]}
benchmarks:
  - {name: VQA, images: ../photos}
candidates:
  - {name: c, encoder: ../clip, connector: $SOURCE_DIR/tests/align/clip.bin}
  - {name: part, encoder: ../clip, connector: ../part}
END
run 0 doctor p
prints "candidate 'part': p/../part/config.json says that the vision tower was trained"

# Of a model whose weights have no tower.
mkdir towerless
cp "$SOURCE_DIR/tests/connectors/silu/model.safetensors" towerless/
echo '{"model_type": "llava_llama", "mm_vision_tower": "openai/clip-vit-large-patch14"}' >towerless/config.json
run 3 inspect towerless
says "no vision tower among its 4 tensors"

# A model that has another kind of tower than the encoder.
mkdir alone
cp "$SOURCE_DIR/tests/parity/llava-5/model.safetensors" alone/whole.safetensors
run 3 align -r r=llava,llava -c "x=$SOURCE_DIR/tests/parity/clip-f32:square,llava" -i p=photos
says "its vision tower is not that of"

# In a study A, C and measures are those of the tower that was trained.
keypoints points
cat >study.yaml <<'END'
data: {keypoints: points/keypoints.json}
scores: {references: [whole], images: 3}
benchmarks:
  - {name: VQA, images: photos}
candidates:
  - {name: whole, encoder: llava, connector: llava}
  - {name: named, encoder: original, connector: llava}
  - {name: untrained, encoder: original}
END
run 0 doctor .
prints "candidate 'named': the vision tower in"
run 0 score . --plan --json
json '.plan.candidates[] | select(.candidate == "named") | .note | contains("the trained tower of its model")'
json '.plan.encoders == 6'
run 0 score .
# of CANDIDATE: its scores and measures
of() { sqlite3 study.db "SELECT kind, benchmark, printf('%.9f', value) FROM score WHERE candidate = '$1' ORDER BY 1, 2;
    SELECT name, benchmark, printf('%.9f', value) FROM extra WHERE candidate = '$1' ORDER BY 1, 2"; }
check "the trained tower is scored" test "$(of whole)" = "$(of named)"
check "there are scores" test "$(of whole | wc -l)" -ge 4
rank() { sqlite3 study.db "SELECT printf('%.9f', value) FROM extra WHERE candidate = '$1' AND name = 'rank'"; }
check "without the model it is the original" test "$(rank untrained)" != "$(rank named)"

# Files of others, from a folder to features.
for other in open-clip timm-vit dinov2-upstream; do
    cp -r "$SOURCE_DIR/tests/parity/$other" "$other"
    rm "$other/expected.safetensors"
    run 0 features "$other" photos -o "$other.npy"
    check "$other has a row an image" test "$(jq .rows "$other.npy.json")" -eq 3
done
# What they say of the size and the middle of an image is heard.
run 0 inspect open-clip
prints "squashed to 21 x 21"
run 0 inspect timm-vit
prints "short side to 26 (bicubic), centre crop 24 x 24, mean 0.5"

finish
