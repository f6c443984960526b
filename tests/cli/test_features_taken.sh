#!/bin/bash
# Which features a candidate takes: 'layer:' and 'tokens:' of study.yaml, and what the config.json beside
# a connector says; the same numbers as 'align', other keys, and errors where the two contradict.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/score_study.sh"
need jq sqlite3

# connector FOLDER CONFIG: clip's connector in a folder with a config.json
connector() {
    mkdir -p "$1"
    cp "$SOURCE_DIR/tests/align/clip.bin" "$1/mm_projector.bin"
    echo "$2" >"$1/config.json"
}

# value STUDY CANDIDATE KIND: A of the benchmark VQA, or C, of study.db
value() {
    sqlite3 "$1/study.db" "SELECT printf('%.9f', value) FROM score
        WHERE candidate = '$2' AND kind = '$3' AND (benchmark IS NULL OR benchmark IN ('', 'VQA'))"
}

# aligned ENCODER,CONNECTOR: A against clip and dino, as align computes it
aligned() {
    "$EYECHART" align -r clip=s/encoders/clip,s/connectors/clip.bin \
        -r dino=s/encoders/dino@35,s/connectors/dinov2.safetensors -c "x=$1" -i v=s/photos -n 9 --json 2>/dev/null |
        jq '.candidates[0].scores[0].a'
}

# near NUMBER NUMBER
near() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && (a - b) ^ 2 < 1e-16) }'; }

make_study s
cat >>s/study.yaml <<'END'
  - {name: plain, encoder: encoders/clip, connector: connectors/clip.bin}
  - {name: last, encoder: encoders/clip, connector: connectors/clip.bin, layer: -1}
  - {name: whole, encoder: encoders/clip, connector: connectors/clip.bin, tokens: all}
  - {name: said, encoder: encoders/clip, connector: connectors/said}
  - {name: saidall, encoder: encoders/clip, connector: connectors/saidall}
  - {name: padded, encoder: encoders/clip, connector: connectors/padded}
  - {name: pads, encoder: encoders/clip:pad, connector: connectors/padded}
  - {name: agreed, encoder: encoders/clip, connector: connectors/said, layer: 3, tokens: patch}
END
connector s/connectors/said '{"mm_vision_select_layer": -1, "mm_vision_select_feature": "patch"}'
connector s/connectors/saidall '{"vision_feature_layer": -2, "vision_feature_select_strategy": "full"}'
connector s/connectors/padded '{"image_aspect_ratio": "pad"}'
find s -type f -exec touch -d '1 hour ago' {} +

run 0 score s --plan --json
json '[.plan.candidates[] | select(.candidate == "last" or .candidate == "said") | .layer] == [-1, -1]'
json '[.plan.candidates[] | select(.candidate == "whole" or .candidate == "saidall") | .tokens] == ["all", "all"]'
json '.plan.candidates[] | select(.candidate == "plain") | .layer == -2 and .tokens == "patch" and .note == null'
json '.plan.candidates[] | select(.candidate == "whole") | .note == "layer -2, all tokens"'
run 0 doctor s
prints "last (layer -1)"
prints "saidall (layer -2, all tokens)"
prints "candidate 'padded': \"image_aspect_ratio\" is \"pad\" in s/connectors/padded/config.json"
check "who pads is left alone" test "$(grep -c "'pads'.*aspect" out)" -eq 0
run 0 score s
says "padded: \"image_aspect_ratio\" is \"pad\" in"
check "padding changes A" test "$(value s pads A)" != "$(value s padded A)"
check "and is no part of C" test "$(value s pads C)" = "$(value s padded C)"

check "a layer changes A" test "$(value s last A)" != "$(value s plain A)"
check "a layer changes C" test "$(value s last C)" != "$(value s plain C)"
check "the class token changes A" test "$(value s whole A)" != "$(value s plain A)"
check "the class token is no part of C" test "$(value s whole C)" = "$(value s plain C)"
check "config.json is as good as 'layer:'" \
    test "$(value s said A) $(value s said C)" = "$(value s last A) $(value s last C)"
check "config.json is as good as 'tokens:'" test "$(value s saidall A)" = "$(value s whole A)"
check "layer 3 of 3 blocks is -1" test "$(value s agreed A)" = "$(value s last A)"
check "align gives the same for a layer" \
    near "$(value s last A)" "$(aligned s/encoders/clip,s/connectors/said)"
check "align gives the same for all tokens" \
    near "$(value s whole A)" "$(aligned s/encoders/clip,s/connectors/saidall)"

# What changes has another key, and is found again when it is changed back.
sed -i '/name: plain/s/clip.bin/clip.bin, layer: -3/' s/study.yaml
run 0 score s --plan --json
json '.plan.candidates[] | select(.candidate == "plain") | .alignment.known == 0 and .correspondence.known == 0'
sed -i '/name: plain/s/, layer: -3//' s/study.yaml
run 0 score s --plan --json
json '.plan.candidates[] | select(.candidate == "plain") | .alignment.known == .alignment.images'

# Contradictions, in study.yaml and on the command line.
cp -r s t
sed -i '/name: said,/s|connectors/said|connectors/said, layer: -2|' t/study.yaml
run 3 score t
says "candidate 'said'"
says 'layer -2 is asked for, but "mm_vision_select_layer" is -1 in'
says "config.json"
run 1 doctor t
prints "layer -2 is asked for"
sed -i '/name: said,/s|layer: -2|layer: 2|' t/study.yaml # 2 of 3 blocks is -2
run 3 score t
says "layer 2 is asked for"
sed -i '/name: said,/s|layer: 2|tokens: all|' t/study.yaml
run 3 score t
says "all tokens are asked for"
run 3 align -r clip=s/encoders/clip,s/connectors/clip.bin -c x=s/encoders/clip,s/connectors/said \
    -i v=s/photos --layer -2
says "x: layer -2 is asked for"
run 0 align -r clip=s/encoders/clip,s/connectors/clip.bin -c x=s/encoders/clip,s/connectors/said \
    -i v=s/photos --layer 3 --json

json '.candidates[0].layer == 3 and .candidates[0].tokens == "patch"'

# A combination takes the layer of each of its candidates, also as a connector says.
cp -r s u
sed -i '/c+d/d; /name: plain/d; /name: whole/d; /name: saidall/d' u/study.yaml
echo '  - {name: d35, encoder: encoders/dino@35}' >>u/study.yaml
sed -i 's/references:/combine: clip+d35,last+d35\n  references:/' u/study.yaml
cp -r u v
sed -i 's/combine: .*/combine: said+d35/' v/study.yaml
# column STUDY CANDIDATE
column() { sqlite3 "$1/study.db" "SELECT printf('%.9f', value) FROM extra WHERE candidate = '$2' AND name = 'rank'"; }
run 0 score u
run 0 score v
check "layers are those of the members" test "$(column u clip+d35)" != "$(column u last+d35)"
check "also as their connectors say" test "$(column v said+d35)" = "$(column u last+d35)"
check "there is a number" test -n "$(column u last+d35)"

# What is no layer and no word.
for wrong in 'layer: 1.5' 'layer: x' 'layer: 2000' 'tokens: class'; do
    cp s/study.yaml t/study.yaml
    sed -i "/name: plain/s/clip.bin/clip.bin, $wrong/" t/study.yaml
    run 3 study check t
    says "${wrong#*: }"
done
cp s/study.yaml t/study.yaml
sed -i '/name: plain/s/encoder: .*}/layer: -1}/' t/study.yaml
run 3 study check t
says "without 'encoder'"

finish
