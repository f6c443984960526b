# Sourced by the tests of score and doctor: a study of their own, with tiny encoders, images that are
# written here, keypoints in 3 categories and two benchmarks.

# picture FILE WIDTH HEIGHT SEED: a plain PPM with something to find in it
picture() {
    awk -v w="$2" -v h="$3" -v s="$4" 'BEGIN {
        printf "P3\n%d %d\n255\n", w, h
        for (y = 0; y < h; y++) for (x = 0; x < w; x++) {
            r = (x * (7 + s % 5) + y * 3 + s * 11) % 256
            g = ((x - w / 3) ^ 2 + (y - h / 2) ^ 2 < 40 + s) ? 230 - s % 90 : (x * y + s) % 200
            b = int(127 + 120 * sin((x + s) / 4) * cos((y - s) / 5))
            printf "%d %d %d\n", r, g, b
        }
    }' >"$1"
}

# encoder TO PARITY RESIZE CROP: a tiny checkpoint with a processor
encoder() {
    mkdir -p "$1"
    cp "$SOURCE_DIR/tests/parity/$2"/config.json "$SOURCE_DIR/tests/parity/$2"/model.safetensors "$1/"
    cat >"$1/preprocessor_config.json" <<END
{"image_processor_type": "CLIPImageProcessor", "do_resize": true, "size": {"shortest_edge": $3},
 "resample": 3, "do_center_crop": true, "crop_size": {"height": $4, "width": $4},
 "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true,
 "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
END
}

# keypoints FOLDER: 3 categories of 4 images, 6 pairs each, in our JSON form
keypoints() {
    mkdir -p "$1"
    local n=0 category image
    for category in cat dog owl; do
        for image in 0 1 2 3; do
            picture "$1/$category$image.ppm" $((40 + 4 * image)) $((48 - 5 * image)) $((n += 17))
        done
    done
    jq -n '
        def box($i): [4, 4, 36 + 4 * $i, 40 - 5 * $i];
        {images: [("cat", "dog", "owl") as $c | range(4) as $i |
            {id: "\($c)\($i)", file: "\($c)\($i).ppm", width: (40 + 4 * $i), height: (48 - 5 * $i),
             box: box($i), points: {"0": [5, 6], "1": [20 + $i, 12], "2": [33, 25 - $i], "5": [12, 28]}}],
         pairs: [("cat", "dog", "owl") as $c | range(4) as $s | range(4) as $t | select($s < $t) |
            {id: "\($c)-\($s)-\($t)", source: "\($c)\($s)", target: "\($c)\($t)", category: $c}]}
    ' >"$1/keypoints.json"
}

# make_study FOLDER: with data/ and encoders/ in it, so that tests may change them
make_study() {
    local s=$1 i
    mkdir -p "$s"
    encoder "$s/encoders/clip" clip-f32 35 35
    encoder "$s/encoders/dino" dinov2-plain 40 35
    encoder "$s/encoders/siglip" siglip-whole-f32 30 30
    mkdir -p "$s/connectors" "$s/photos"
    cp "$SOURCE_DIR"/tests/align/{clip.bin,dinov2.safetensors,siglip.safetensors} "$s/connectors/"
    keypoints "$s/points"
    for i in 0 1 2 3 4 5 6 7 8 9; do picture "$s/photos/$i.ppm" $((36 + i)) $((50 - i)) $((300 + 7 * i)); done
    for i in 2 7 8 3 2; do
        printf '{"image": "photos/%d.ppm", "prompt": "what is in picture %d?"}\n' $i $i
    done >"$s/ocr.jsonl"
    cat >"$s/study.yaml" <<'END'
data:
  keypoints: points/keypoints.json
scores:
  images: 9
  references: [clip, dino]
benchmarks:
  - {name: VQA, images: photos}
  - {name: OCR, images: ocr.jsonl}
candidates:
  - {name: clip, encoder: encoders/clip, connector: connectors/clip.bin}
  - {name: dino, encoder: encoders/dino@35, connector: connectors/dinov2.safetensors}
  - {name: siglip, encoder: encoders/siglip, connector: connectors/siglip.safetensors}
  - {name: c+d, encoder: encoders/clip+encoders/dino@35}
END
    # Files as new as this are not remembered by their time.
    find "$s" -type f -exec touch -d '1 hour ago' {} +
}

# results STUDY: what study.db has of scores, without ids and times
results() {
    sqlite3 "$1/study.db" "
        SELECT 'C', k.key, k.description, r.category, hex(r.pairs)
          FROM correspondence r JOIN computation k ON k.id = r.computation ORDER BY 2, 4;
        SELECT 'A', k.key, k.description, r.image, r.value
          FROM alignment r JOIN computation k ON k.id = r.computation ORDER BY 2, 4;
        SELECT 'P', encoder, image, norm, norm_cv, norm_outliers, hex(mean) FROM pooled ORDER BY 2, 3;
        SELECT 'M', key, name, value FROM measure ORDER BY 2, 3;
        SELECT 'chosen', benchmark, place, path, image FROM chosen ORDER BY 2, 3;
        SELECT 'score', candidate, kind, benchmark, value, se FROM score ORDER BY 2, 3, 4, 5, 6;
        SELECT 'column', candidate, name, benchmark, value, se FROM extra ORDER BY 2, 3, 4, 5, 6;
        PRAGMA integrity_check"
}
