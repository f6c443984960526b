#!/bin/bash
# Every field that --json prints stands in the table of its command in docs/cli.md, and the other way
# round.
. "${0%/*}/common.sh" "$@"
need jq
page=$SOURCE_DIR/docs/cli.md

# documented COMMAND: the field paths in its section
documented() {
    awk -v heading="## $1" '/^## /{inside = $0 == heading} inside && /^\| `/' "$page" |
        sed -E 's/^\| `([^`]*)`.*/\1/' | sort -u
}

# Paths of all leaves of a JSON text, array places as [], keys that are data as *.
paths() {
    jq -r '[paths(type != "object" and type != "array" or length == 0)] | .[] |
        map(if type == "number" then "[]" else . end) | join(".") | gsub("\\.\\[\\]"; "[]")' "$1" |
        sed -E 's/\.(coefficients|standard_errors|a|a_se|results|results_se|n_results)\.[^.]*$/.\1.*/' | sort -u
}

run 0 study export paper-2024 --format csv
sed -E '5,$s/(,[^,]*){8}$/,,,,,,,,/' out >scores.csv
sed -E '2,$s/(,[^,]*){8}$/,,,,,,,,/' out >nothing.csv
run 0 study new empty --import nothing.csv

# fields COMMAND ARGUMENT...: collects what the command prints, and looks each up
declare -A seen
fields() {
    local expected=$1 command=$2 path
    shift 2
    read -ra words <<<"$command"
    run "$expected" "${words[@]}" "$@" --json
    while read -r path; do
        seen["$command $path"]=1
        # an empty list or object has no fields to look up, only itself
        documented "$command" | grep -qE "^$(sed 's/[][*.]/\\&/g' <<<"$path")(\[\].*|\..*)?$" ||
            fail "$ran: the field '$path' is not in the section '$command' of docs/cli.md"
        n_checks=$((n_checks + 1))
    done < <(paths out)
}

fields 0 version
fields 0 "study new" s --import scores.csv
printf 'Name;A;C;MME\nx;0,5;1;\ny;0,6;2;n/a\n' >people.csv
fields 0 "study new" people --import people.csv
printf 'Name;A\nX;0,5\n' >people.csv
fields 0 "study import" people people.csv
printf 'candidate,MMBench\nx,.642\n' >fraction.csv
fields 0 "study new" fraction --import fraction.csv
fields 0 "study import" fraction fraction.csv
fields 0 "study show" s
sed -E '1s/$/,column cka,column_se cka,column part MME/; 2,$s/$/,0.5,0.01,1/' nothing.csv >columns.csv
run 0 study new c --import columns.csv
fields 0 "study show" c
fields 0 "study check" s
awk -F, -v OFS=, 'NR == 3 {$2 = 0.2} 1' nothing.csv >units.csv
run 0 study new units --import units.csv
fields 0 rank units
fields 0 ask units
fields 0 report units
fields 0 "study import" s scores.csv
fields 0 "study export" s -o out.csv
fields 0 fit paper-2024
fields 0 fit paper-2024 --columns A
fields 0 fit s
fields 0 fit paper-2024 --model quadratic --benchmark MME
fields 0 rank paper-2024 --baselines
fields 0 rank s --model law --law-model a
fields 1 ask s --enough 1e9
fields 0 ask s
fields 0 tell s DiT MME=900
fields 0 tell s DiT MME=901
fields 0 ask s --renew
fields 0 "study show" s
fields 0 ask s --release
fields 0 tell s SDXL --failed --why x
fields 0 "study show" s
fields 0 "study show" s --pending
fields 0 withdraw s SDXL --failed
fields 0 withdraw s DiT
fields 0 tell s DiT MME=901
echo '{"results": {"mme": {"mme_perception_score": 9}, "vsr": {"acc": 1}}}' >results.json
fields 0 tell s DiT --results results.json # a warning of the unit and a task that is left out
fields 0 tell s DiT MME=901
fields 3 fit empty
fields 0 tokens "$SOURCE_DIR/tests/tokenizers/smollm2.json" Hello
run 0 study new loop --import nothing.csv
sed -i '1i run: {train: "[ {candidate} != DiT ]", evaluate: echo MME=900}' loop/study.yaml
fields 0 run loop --dry-run
fields 0 run loop --finetunes 1
fields 4 run loop
fields 0 "study show" s --history
fields 0 simulate paper-2024 --policy prior
fields 0 reproduce
fields 0 report -o page.html
fields 0 inspect "$SOURCE_DIR/tests/parity/clip-f32"
fields 0 features "$SOURCE_DIR/tests/parity/clip-f32" "$SOURCE_DIR/tests/images/png-rgb-8.png" --prepare square -o f.npy
toys=$SOURCE_DIR/tests/align
echo "$SOURCE_DIR/tests/images/png-rgb-8.png" >toys.txt
fields 0 align -r "clip=$SOURCE_DIR/tests/parity/clip-f32:square,$toys/clip.bin" -c clip \
    -i toys=toys.txt --per-image
{
    echo '{"images": [{"id": "a", "file": "'"$SOURCE_DIR"'/tests/images/png-rgb-8.png", "width": W, "height": H,'
    echo '"box": [0, 0, 9, 9], "points": {"0": [1, 1]}}], "pairs": [{"id": "a", "source": "a", "target": "a"}]}'
} >points.json
read -r width height < <(od -An -tu4 --endian=big -j16 -N8 "$SOURCE_DIR/tests/images/png-rgb-8.png")
sed -i "s/W,/$width,/; s/H,/$height,/" points.json
fields 0 correspond "$SOURCE_DIR/tests/correspond/clip" -k points.json
photo=$SOURCE_DIR/tests/images/png-rgb-8.png
fields 0 show "$SOURCE_DIR/tests/correspond/clip" --source "$photo" --at 1,2 --target "$photo" -o point.png
fields 0 show "$SOURCE_DIR/tests/correspond/clip" --keypoints points.json --pair a -o pair.png
fields 0 show --keypoints points.json --pair a -o pair.png

. "$SOURCE_DIR/tests/cli/score_study.sh"
make_study images
fields 0 score images --plan
fields 0 score images --plan --a
fields 0 doctor images
fields 0 score images

for command in "version" "study new" "study show" "study check" "study import" "study export" fit rank ask tell \
    run simulate reproduce report align score doctor correspond show tokens; do
    check "docs/cli.md has a table of fields for $command" test -n "$(documented "$command")"
    while read -r path; do
        check "docs/cli.md documents '$path' of $command, which no run printed" \
            test "${seen["$command $path"]-}" = 1
    done < <(documented "$command")
done
finish
