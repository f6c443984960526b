#!/bin/bash
# However many candidates there are, align and score have the weights of one encoder in memory at a time.
. "${0%/*}/common.sh" "$@"
need jq
if sanitized; then
    echo "skipped: a sanitizer takes more address space than is allowed here"
    exit 77
fi

# tensors FILE NAME:SHAPE...: a safetensors file of zeros that takes no room on the disk; SHAPE as 40,32
tensors() {
    local file=$1 header size
    shift
    header=$(printf '%s\n' "$@" | jq -R -n -c 'reduce (inputs | split(":")) as [$name, $shape] ({at: 0, all: {}};
        ($shape | split(",") | map(tonumber)) as $s | (.at + 4 * reduce $s[] as $n (1; . * $n)) as $to |
        .all[$name] = {dtype: "F32", shape: $s, data_offsets: [.at, $to]} | .at = $to) | .all, .at')
    size=${header##*$'\n'}
    printf '\x00\x20\x00\x00\x00\x00\x00\x00%-8192s' "${header%$'\n'*}" >"$file"
    truncate -s $((8200 + size)) "$file"
}

# encoder FOLDER BYTE: a ViT of 67 MB, whose last byte makes it another than the others
encoder() {
    local mlp=131072 block names
    names=(embeddings.cls_token:1,1,32 embeddings.position_embeddings:1,10,32 layernorm.weight:32 layernorm.bias:32
        embeddings.patch_embeddings.projection.bias:32 embeddings.patch_embeddings.projection.weight:32,3,8,8)
    for block in encoder.layer.0 encoder.layer.1; do
        names+=($block.attention.attention.{key,query,value}.weight:32,32 $block.attention.output.dense.weight:32,32
            $block.attention.output.dense.bias:32 $block.layernorm_{before,after}.{weight,bias}:32
            $block.intermediate.dense.weight:$mlp,32 $block.intermediate.dense.bias:$mlp
            $block.output.dense.weight:32,$mlp $block.output.dense.bias:32)
    done
    mkdir -p "$1"
    jq ".intermediate_size = $mlp" "$SOURCE_DIR/tests/parity/vit-no-qkv-bias/config.json" >"$1/config.json"
    tensors "$1/model.safetensors" "${names[@]}"
    printf "\\x$2" | dd of="$1/model.safetensors" bs=1 conv=notrunc status=none \
        seek=$(($(stat -c %s "$1/model.safetensors") - 1))
}

n=8
mkdir s
tensors s/connector.safetensors weight:48,32 bias:48
cp "$SOURCE_DIR/tests/images/png-rgb-8.png" s
echo 'png-rgb-8.png' >s/images.txt
cat >s/study.yaml <<'END'
scores: {references: [e1]}
benchmarks: [{name: toys, images: images.txt}]
candidates:
END
members=(-r "e1=s/e1:square,s/connector.safetensors")
for ((i = 1; i <= n; i++)); do
    encoder s/e$i 1$i
    members+=(-c "e$i=s/e$i:square,s/connector.safetensors")
    echo "  - {name: e$i, encoder: \"e$i:square\", connector: connector.safetensors}" >>s/study.yaml
done
members[3]=e1 # the reference

# All of them together have 540 MB.
export MALLOC_ARENA_MAX=1 EYECHART_DEVICE=cpu:portable
ulimit -v 300000
run 0 align "${members[@]}" -i toys=s/images.txt --threads 1 --json
json ".candidates | length == $n"
run 0 score s --a --threads 1 --json
json ".results == $n and .passes == $n"
finish
