#!/bin/bash
# show: points and pairs as pictures and pages, what is refused, and what a study keeps.
. "${0%/*}/common.sh" "$@"
need jq
parity=$SOURCE_DIR/tests/parity

# encoder NAME CHECKPOINT SIZE: a tiny checkpoint with the processor it needs to pad
encoder() {
    cp -r "$parity/$2" "$1"
    cat >"$1/preprocessor_config.json" <<END
{"image_processor_type": "CLIPImageProcessor", "do_resize": true, "size": {"shortest_edge": $3},
 "do_center_crop": true, "crop_size": {"height": $3, "width": $3}, "resample": 3,
 "do_rescale": true, "do_normalize": true, "image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
END
}
encoder clip clip-f32 35
encoder dino dinov2-bin 35

# photo WIDTH HEIGHT: a PPM of smooth colours, different everywhere
photo() {
    awk -v w="$1" -v h="$2" 'BEGIN {
        print "P3", w, h, 255
        for (y = 0; y < h; y++) for (x = 0; x < w; x++)
            print int(127 + 120 * sin(x / 7 + y / 31)), int(127 + 120 * cos(y / 9)), int(255 * (x + y) / (w + h))
    }'
}
photo 70 50 >wide.ppm
photo 40 60 >tall.ppm

is_png() { [[ $(head -c 8 "$1" | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]]; }

# ---- a point ----

run 0 show clip --source wide.ppm --at 33,21 --target wide.ppm --target tall.ppm -o point.png --json
json '.out == "point.png" and .at == [33, 21] and (.encoders | length) == 1'
json '.encoders[0].targets | length == 2'
# In the image itself it is found where it is.
json '.encoders[0].source | .x == 33 and .y == 21 and .highest > 0.999999 and .lowest < .highest'
json '.encoders[0].targets[0] | .x == 33 and .y == 21'
json '.encoders[0].targets[1] | .x < 40 and .y < 60 and .highest <= 1 and .image == "tall.ppm"'
check "a PNG" is_png point.png
cp point.png before.png
run 0 show clip --source wide.ppm --at 33,21 --target wide.ppm --target tall.ppm -o point.png --threads 1
prints "point.png"
check "the same command makes the same file, with any number of threads" cmp point.png before.png
run 0 show clip --source wide.ppm --at 33,21 -o viridis.png --heat viridis --dot blue --height 64
check "other colours, another file" bash -c '! cmp -s point.png viridis.png'

# Encoders with different grids, by themselves and as one.
run 0 show clip dino@56 clip+dino@56 --source wide.ppm --at 5,44 --target tall.ppm -o page.html --json
json '[.encoders[].encoder] == ["clip", "dino@56", "clip+dino@56"]'
check "a picture each" test "$(grep -c '<img ' page.html)" -eq 3
check "the page loads and runs nothing" bash -c '! grep -qiE "<script|https?:|src=\"[^d]" page.html'
check "its numbers" grep -q "<td>tall.ppm</td><td>$(jq '.encoders[0].targets[0].x' out)</td>" page.html
grep -o 'base64,[A-Za-z0-9+/=]*' page.html | head -1 | cut -c8- | base64 -d >inner.png
check "the picture in it is a PNG" is_png inner.png
check "that eyechart reads, too" "$EYECHART" features clip inner.png --prepare square -o inner.npy

# Its own preparation crops, and what it cuts off has no feature.
run 0 show clip --prepare native --source wide.ppm --at 35,25 --target wide.ppm -o x.png
run 3 show clip:native --source wide.ppm --at 2,25 --target wide.ppm -o x.png
says "cuts off"

run 2 show clip --source wide.ppm --at 70,3 -o x.png
says "not on wide.ppm, which is 70 x 50 pixels"
run 2 show clip --source wide.ppm --at 7,50 -o x.png
for at in 7 7, ,7 7,8,9 -1,3 7.5,8 "7, 8" x,y 99999999999999999999,1; do
    run 2 show clip --source wide.ppm "--at=$at" -o x.png
    says "X,Y"
done
run 2 show clip --source wide.ppm -o x.png
says "--at"
run 2 show clip -o x.png
says "--source"
run 2 show --source wide.ppm --at 1,2 -o x.png
says "no encoder"
run 2 show clip --source wide.ppm --at 1,2
says "-o FILE"
run 2 show clip --source wide.ppm --at 1,2 -o x.jpg
says ".png"
run 2 show clip --source wide.ppm --at 1,2 --protocol authors -o x.png
says "--protocol does not go with --source"
run 3 show clip --source wide.ppm --at 1,2 --target nothing.ppm -o x.png
says "nothing.ppm"
run 3 show nothing --source wide.ppm --at 1,2 -o x.png
says "nothing"
run 3 show clip --source wide.ppm --at 1,2 -o nowhere/x.png
says "nowhere/x.png"

# ---- a pair ----

# Patches of the padded wide image are 14 pixels: its rows of patches are centred at y = -3, 11, 25, 39, 53.
cat >keypoints.json <<'END'
{"images": [{"id": "wide", "file": "wide.ppm", "width": 70, "height": 50},
            {"id": "tall", "file": "tall.ppm", "width": 40, "height": 60}],
 "pairs": [{"id": "same", "source": "wide", "target": "wide", "category": "smooth",
            "points": [[35, 25, 35, 25], [8, 12, 8, 12], [63, 40, 2, 2]], "target_box": [0, 0, 70, 50]},
           {"id": "other-1", "source": "wide", "target": "tall", "category": "smooth",
            "points": [[35, 25, 20, 30]], "target_box": [0, 0, 40, 60]},
           {"id": "other-2", "source": "tall", "target": "wide", "category": "smooth",
            "points": [[20, 30, 35, 25]], "target_box": [0, 0, 70, 50]}]}
END
run 0 show clip --keypoints keypoints.json --pair same -o pair.png --json
json '.protocol == "consistent" and .readout == "argmax" and .encoders[0].right == 2'
# The patch of a point is found in the image itself: its centre.
json '[.encoders[0].points[].predicted] | map(map(round)) == [[35, 25], [7, 11], [63, 39]]'
json '[.encoders[0].points[] | .right] == [true, true, false]'
json '.encoders[0].points[1] | .error > 1.41 and .error < 1.42'
check "a PNG" is_png pair.png
run 0 show clip dino clip+dino@35 --keypoints keypoints.json --pair other-1 --protocol authors --readout soft-argmax -o pair.html --json
json '(.encoders | length) == 3 and .protocol == "authors"'
check "what is right is in words" grep -qE "<td>(right|wrong)</td>" pair.html
check "the protocol is said" grep -q "Protocol authors, soft-argmax" pair.html
run 0 show --keypoints keypoints.json --pair other-2 -o pair.png --json
json '.encoders == [{"encoder": null, "right": null, "points": [{"id": 0, "source": [20, 30], "target": [35, 25]}]}]'
run 0 show --keypoints keypoints.json --pair sam -o pair.png
run 3 show --keypoints keypoints.json --pair other -o pair.png
says "2 pairs begin with 'other'"
run 3 show --keypoints keypoints.json --pair sane -o pair.png
says "did you mean 'same'?"
run 2 show --pair same -o pair.png
says "--keypoints"
run 2 show --keypoints keypoints.json --pair same --source wide.ppm -o pair.png
says "--source does not go with --pair"
run 3 show clip+dino@56 --keypoints keypoints.json --pair same -o pair.png
says "grid"
photo 41 60 >tall.ppm
run 3 show clip --keypoints keypoints.json --pair other-1 -o pair.png
says "tall"
photo 40 60 >tall.ppm

# ---- in a study ----

mkdir study
cat >study/study.yaml <<'END'
version: 1
name: pictures
data: {keypoints: ../keypoints.json}
benchmarks: []
candidates:
  - {name: CLIP, A: 1, C: 2, encoder: ../clip}
  - {name: both, A: 1, C: 3, encoder: ../clip+../dino@35}
  - {name: unknown, A: 2, C: 1}
END
run 0 show --study study --pair same --json
json '[.encoders[].encoder] == ["CLIP", "both"] and .out == "study/pictures/pair-same-consistent.png"'
check "a PNG" is_png study/pictures/pair-same-consistent.png
run 0 show clip --study study --source wide.ppm --at 1,2 # a name in another case
prints "study/pictures/point-wide.ppm-1-2.png"
run 3 show unknown --study study --pair same
says "has no encoder"
run 3 show CLOP --study study --pair same
says "CLIP"
run 0 report study -o report.html
check "the report has both" test "$(grep -o 'data:image/png;base64,iVBOR' report.html | wc -l)" -eq 2
check "with their words" grep -q "2 of 3 points are nearer than 7.0 pixels" report.html

# ---- photographs ----

spair=$SOURCE_DIR/../shared/data/spair-cat/SPair-71k
if [[ -d $spair ]]; then
    run 0 show clip --keypoints "$spair" --pair 005012 -o cats.png --json
    json '.pair == "005012-2007_001825-2007_005460:cat" and (.encoders[0].points | length) == 9'
    check "a PNG" is_png cats.png
fi
finish
