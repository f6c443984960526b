#!/bin/bash
# Models as people have them: what a download leaves, shards, the hub's cache, folders of trainings.
. "${0%/*}/common.sh" "$@"
need jq
parity=$SOURCE_DIR/tests/parity
toys=$SOURCE_DIR/tests/align
preparation='{"image_processor_type": "BitImageProcessor", "size": 40, "crop_size": 35}'

# model FOLDER FIXTURE: a copy that can be written to
model() {
    rm -rf "$1"
    mkdir -p "$1"
    cp "$parity/$2"/* "$1/"
    echo "$preparation" >"$1/preprocessor_config.json"
}

# What stands in place of weights is named, whatever the ending says.
pointer='version https://git-lfs.github.com/spec/v1
oid sha256:aaaa
size 1710540580'
for name in model.safetensors pytorch_model.bin; do
    model m dinov2-bin
    rm m/pytorch_model.bin
    echo "$pointer" >m/$name
    run 3 inspect m
    says "m/$name: is a Git LFS pointer, not the 1710540580 bytes it stands for"
    echo '<!DOCTYPE html><html><head><title>401</title></head></html>' >m/$name
    run 3 inspect m
    says "m/$name: is an HTML page ('401')"
    : >m/$name
    run 3 inspect m
    says "m/$name: is empty"
done

model m dinov2-bin
echo "$pointer" >m/config.json
run 3 inspect m
says "m/config.json: is a Git LFS pointer"

# A format with the other's ending is read as what it is.
model m dinov2-bin
run 0 inspect m --json
cp out as_it_was
json '.source == "pytorch_model.bin"'
mv m/pytorch_model.bin m/model.safetensors
run 0 inspect m --json
json '.source == "model.safetensors" and .weights == $was[0].weights' --slurpfile was as_it_was
model s clip-f32
mv s/model.safetensors s/pytorch_model.bin
run 0 inspect s
prints "of pytorch_model.bin"
head -c 30000 m/model.safetensors >cut
mv cut m/model.safetensors
run 3 inspect m
says "truncated"

# Shards: without their index, and with one of them missing.
model shards siglip-bf16-sharded
run 0 inspect shards --json
cp out as_it_was
rm shards/model.safetensors.index.json
run 0 inspect shards --json
json '.weights == $was[0].weights and (.source | endswith(" and 3 more"))' --slurpfile was as_it_was
model shards siglip-bf16-sharded
rm shards/model-00002-of-00004.safetensors
run 3 inspect shards
says "model-00002-of-00004.safetensors"
says "tensor '"
rm shards/model.safetensors.index.json
run 3 inspect shards
says "model-00002-of-00004.safetensors: cannot open"

# A folder of the hub's cache: links into blobs/, by way of a snapshot.
mkdir -p hub/blobs hub/refs hub/snapshots/c0ffee
model plain clip-f32
for file in config.json preprocessor_config.json model.safetensors; do
    cp plain/$file hub/blobs/$file
    ln -s ../../blobs/$file hub/snapshots/c0ffee/$file
done
printf c0ffee >hub/refs/main
run 0 inspect plain --json
cp out as_it_was
for folder in hub hub/snapshots/c0ffee; do
    run 0 inspect $folder --json
    json '. == $was[0]' --slurpfile was as_it_was
done
run 0 features hub "$SOURCE_DIR/tests/images/png-rgb-8.png" -o hub.npy
for file in model.safetensors config.json; do
    mv hub/blobs/$file kept
    run 3 inspect hub
    says "hub/snapshots/c0ffee/$file: a link to ../../blobs/$file, which is not there"
    mv kept hub/blobs/$file
done

# The processor of transformers 5 lies in processor_config.json.
run 0 features plain "$SOURCE_DIR/tests/images/png-rgb-8.png" -o old.npy
jq '{image_processor: (. + {size: {shortest_edge: 40}, image_processor_type: "BitImageProcessorFast"}),
     processor_class: "CLIPProcessor"}' plain/preprocessor_config.json >plain/processor_config.json
rm plain/preprocessor_config.json
run 0 features plain "$SOURCE_DIR/tests/images/png-rgb-8.png" -o new.npy
check "the features are the same" cmp old.npy new.npy
rm plain/processor_config.json
run 3 features plain "$SOURCE_DIR/tests/images/png-rgb-8.png" -o none.npy
says "neither preprocessor_config.json nor processor_config.json"

# A connector is found in the folders that trainings leave, and which it is is said.
printf '%s\n' "$SOURCE_DIR/tests/images/png-rgb-8.png" "$SOURCE_DIR/tests/images/bmp-24.bmp" >list.txt
align() {
    run 0 align -r "first=$parity/clip-f32:square,$1" -c "vit=$parity/vit-no-qkv-bias:square,$toys/vit.bin" \
        -i x=list.txt --json
}
align "$toys/clip.bin"
check "a file that is given is not commented" test -z "$(grep connector err)"
cp out as_it_was
same() { json '.candidates == $was[0].candidates' --slurpfile was as_it_was; }
mkdir -p lora run/checkpoint-200 run/checkpoint-5000 steps/mm_projector above/checkpoint-7
: >lora/adapter_model.safetensors
cp "$toys/clip.bin" lora/non_lora_trainables.bin
align lora
says "first: its connector is lora/non_lora_trainables.bin"
same
cp "$toys/clip.bin" run/checkpoint-200/mm_projector.bin
align run
says "first: its connector is run/checkpoint-200/mm_projector.bin"
same
cp "$toys/clip.bin" steps/mm_projector/checkpoint-200.bin
align steps
says "steps/mm_projector/checkpoint-200.bin"
same
cp "$toys/clip.bin" above/mm_projector.bin
align above/checkpoint-7
says "above/mm_projector.bin"
same

finish
