#!/bin/bash
# The report page in headless Chromium: what is drawn, what is said, what a click does, and that
# nothing is loaded, logged or run that should not be.
#
#   test_report.sh WRITE_REPORT DATA_FOLDER PICTURES_FOLDER
#
# Screenshots and a print go to PICTURES_FOLDER, to be looked at.
here=$(realpath "${0%/*}")
data=$(realpath "$2")
mkdir -p "$3" && pictures=$(realpath "$3")
. "$here/../cli/common.sh" "$1"
need chromium jq

# browse PAGE OPTION...: opens a page; its messages go to `console`
browse() {
    local page=$1
    shift
    timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
        --user-data-dir="$work/profile" --virtual-time-budget=10000 --enable-logging=stderr --v=0 \
        "$@" "file://$work/$page" 2>browser_err
    grep -F CONSOLE browser_err >console
    n_checks=$((n_checks + 1))
    [[ ! -s console ]] || fail "$page: console message: $(head -c 500 console)"
}

# report NAME STUDY [CSV]: writes NAME.html, opens it, leaves the document in dom
report() {
    local name=$1
    shift
    check "$name: the report is written" "$EYECHART" "$1" "$name.html" "${@:2}" >seconds
    browse "$name.html" --window-size=1280,1000 --dump-dom >dom
    page=$name
}

# In figure NAME (all of the page for ''), TEXT occurs N times.
has() {
    local name=$1 text=$2 expected=$3 n
    if [[ -n $name ]]; then
        tr '\n' ' ' <dom | grep -oP "<figure id=\"figure-\Q$name\E\".*?</figure>" >part
    else
        cp dom part
    fi
    n=$(grep -oF -- "$text" part | wc -l)
    n_checks=$((n_checks + 1))
    [[ $n -eq $expected ]] || fail "$page: ${name:-page}: '$text' $n times, expected $expected"
}
# TEXT is somewhere on the page.
tells() {
    n_checks=$((n_checks + 1))
    grep -qF -- "$1" dom || fail "$page: does not say '$1'"
}

# interact NAME WIDTH: does what interact.js does; results in out
interact() {
    # The page's policy would not run a second script: this copy goes without it.
    sed -E 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' "$1.html" >acted.html
    { echo '<script>'; cat "$here/interact.js"; echo '</script>'; } >>acted.html
    browse acted.html --window-size="$2,1000" --dump-dom |
        tr '\n' '\r' | grep -oP '<pre id="results">\K[^<]*(?=</pre></body>)' | tr '\r' '\n' >out
    ran="interact $1 at $2"
}

# interact_in_frame NAME WIDTH: the same in a frame, which may be narrower than this browser's windows
interact_in_frame() {
    sed -E 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' "$1.html" >acted.html
    { echo '<script>'; cat "$here/interact.js"; echo '</script>'; } >>acted.html
    cat >frame.html <<END
<!DOCTYPE html><iframe src="acted.html" width="$2" height="3000" style="border: 0"></iframe>
<script>addEventListener("message", (event) => document.body.append(
    Object.assign(document.createElement("pre"), { id: "results", textContent: event.data })));</script>
END
    browse frame.html --window-size=800,3000 --dump-dom |
        tr '\n' '\r' | grep -oP '<pre id="results">\K[^<]*' | tr '\r' '\n' >out
    ran="interact $1 in a frame of $2"
}

point='aria-roledescription="point"'

# ---- the built-in study: everything measured ----------------------------------------------------

report paper-2024 paper-2024
check "written within a second on a quiet machine: $(<seconds)" awk '{exit !($1 < 5)}' seconds
check "less than 1.5 MB" test "$(stat -c %s paper-2024.html)" -lt 1500000
check "Vega's licence is in the page" grep -q "Interactive Data Lab" paper-2024.html
check "nothing but fragments, data and itself is referred to" bash -c \
    '! grep -oE "(src|href|action)=\"[^\"]*\"" dom | grep -vE "=\"(#|data:)"'
check "the page allows one script" grep -qE "script-src 'sha256-[A-Za-z0-9+/]{43}='" paper-2024.html

# R² as published (table 3 and figure 2, data at full precision), and left out.
golden='MMBench 0.9634 0.8929
MME 0.9736 0.9177
OKVQA 0.9542 0.8347
SEED-Bench 0.9375 0.7493
MMMU 0.8352 0.4353
TextVQA 0.9028 0.7480
VizWiz 0.8038 0.3443
ScienceQA 0.8667 0.6148'
while read -r benchmark r2 q2; do
    has "law-$benchmark" "$point" 13
    has "law-$benchmark" "R² $r2 in-sample; Q² $q2 left out" 1
    n_checks=$((n_checks + 1))
    [[ $(grep -oF 'aria-hidden="true" class="mark-path' part | wc -l) -ge 1 ]] ||
        grep -q 'mark-path' part || fail "law-$benchmark: no contours"
    has "left-out-$benchmark" "$point" 13
    has "left-out-$benchmark" "Q² $q2" 1
done <<<"$golden"
has quality "$point" 16
has quality "in-sample: 96.34 %" 1
has models-vision "$point" 10
has models-vision ": 95.72 %" 1 # figure 2 of the paper: A and C,
has models-vision ": 76.56 %" 1 # A alone,
has models-vision ": 56.91 %" 1 # C alone
has models-ocr ": 85.21 %" 1
has recall-recall "$point" $((6 * 13))
has recall-trained "$point" $((6 * 13))
has recall-trained 'aria-label="random, 4 finetunes: 30.8 %"' 1 # 4/13
has recall-trained 'aria-label="prior, 6 finetunes: 100.0 %"' 1
has sums-resolution "$point" 13
has sums-resolution "CLIP@224 7.092, CLIP@336 7.328" 1 # figure 5
has sums-resolution 'aria-roledescription="pair"' 1
has sums-combination "DINOv2 4.594, C+D@224 7.537" 1
has sums-combination 'aria-label="DINOv2 to C+D@224"' 1
has profiles "$point" $((2 * 8 * 13))
has "" '<th class="" scope="row"' 0
has "" 'scope="row"' 13
tells "13 candidates of 13 have been finetuned."
tells "write_report &lt;b&gt;&amp;amp;&lt;/b&gt;"

interact paper-2024 1280
prints "sideways: 0"
prints "labels shown: 104"
prints "labels overlapping: 0"
prints "labels outside: 0"
prints "first by C: C+D@336"
prints "sorted C: descending"
prints "sorted #: none"
prints "first by C upwards: DiT"
prints "tip: CLIP@336 measured 64.26"
prints "tip hidden: true"
prints "saved paper-2024-law-MMBench.png: PNG"
prints "saved paper-2024-law-MMBench.svg: &lt;svg"
prints "heading of C: C, %"
prints "chances in view: true"
prints "shaded plots: 8"
prints "shading narrower than the plot: true"
prints "theme: light"
prints "theme then: dark"
prints "choices: all benchmarks|vision|ocr|MMBench|MME|OKVQA|SEED-Bench|MMMU|TextVQA|VizWiz|ScienceQA"
prints "chosen: Ranking: ScienceQA"
prints "law plots of the chosen: 1"
interact_in_frame paper-2024 375 # a phone
prints "chances in view: true"
prints "sideways: 0"
prints "labels overlapping: 0"
prints "labels outside: 0"
tells "C (correspondence, % PCK@0.10)"
for width in 500 800; do # as narrow as this browser's window gets, and between
    interact paper-2024 $width
    prints "sideways: 0"
    prints "labels overlapping: 0"
    prints "labels outside: 0"
done

browse paper-2024.html --window-size=1280,7600 --screenshot="$pictures/light.png"
browse paper-2024.html --window-size=1280,7600 --force-dark-mode --screenshot="$pictures/dark.png"
browse paper-2024.html --window-size=390,13500 --screenshot="$pictures/phone.png"
browse paper-2024.html --no-pdf-header-footer --print-to-pdf="$pictures/print.pdf"
for picture in light.png dark.png phone.png print.pdf; do
    check "$picture is there" test "$(stat -c %s "$pictures/$picture")" -gt 50000
done
check "the print is a PDF" grep -qa '^%PDF-' "$pictures/print.pdf"

report paper-2025 paper-2025
has "law-MMBench" "$point" 15

# ---- studies that have just begun ----------------------------------------------------------------

# few K: the paper's scores with the results of the first K candidates
few() {
    awk -F, -v OFS=, -v k="$1" 'NR > k + 1 { for (f = 11; f <= NF; f++) $f = "" } 1' "$data/paper-2024.csv"
}

few 3 | awk -F, -v OFS=, 'NR == 1 { print $0, "column cka", "column layers", "column part MME", "column part MMMU" }
    NR > 1 { print $0, NR == 5 ? "" : NR % 7 / 10, 12 * NR, NR, 3 * NR }' >few.csv
report few few few.csv
tells "3 candidates of 13 have been finetuned."
has "law-MME" "$point" 13
has "law-MME" "No shading: 3 results determine none of the 6 coefficients of the law." 1
has "law-MME" "mark-path" 0
has "left-out-MME" "$point" 0
tells "3 results determine none of the 6 coefficients of the law."
tells "likeness of features to a reference's: linear CKA, 0 to 1"
tells "mean over 2 benchmarks"
tells "C (correspondence)" # in a unit that only they know who wrote it
tells "3 of 13 candidates have both A and C for every benchmark and all results."
tells "No benchmark has more results than the law has coefficients"
tells "eyechart ask few"
interact few 1280
prints "cka sorted: true"
prints "cka last: –"
prints "shaded plots: 0"
prints "heading of C: C"
page=few
has "" 'class="ring"' 10
has "" 'class="dot"' 3
browse few.html --window-size=1280,5000 --screenshot="$pictures/few.png"

has "" '<img' 0
has "" 'href="#pictures"' 0
mkdir few/pictures
cp "$SOURCE_DIR/tests/images/png-rgb-8.png" few/pictures/
echo "no picture" >few/pictures/broken.png
report few few
has "" 'href="#pictures"' 1
has "" '<img src="data:image/png;base64,' 1
tells "pictures/png-rgb-8.png"
tells "Left out: broken.png"
browse few.html --window-size=1280,9000 --screenshot="$pictures/with-pictures.png"

few 0 >none.csv
report none none none.csv
tells "0 candidates of 13 have been finetuned."
tells "there are 0."
has "law-MME" "$point" 13
has "" 'class="dot"' 0
few 2 >pair.csv
report pair pair pair.csv
has "left-out-MME" "$point" 0
few 6 >six.csv
report six six six.csv
has "law-MME" "No shading: 6 results are no more than the 6 coefficients of the law, so that any fit is perfect." 1
few 7 >seven.csv
report seven seven seven.csv
has "left-out-MME" "$point" 7
has "law-MME" "7 results; R² " 1
few 1 >single.csv
report single single single.csv
tells "1 candidate of 13 has been finetuned."

# Scores of few images: errors as long as the plot is wide stay in it.
awk -F, -v OFS=, 'NR == 1 { print $0, "C_se" } NR > 1 { print $0, 30 }' "$data/paper-2024.csv" >unsure.csv
report unsure unsure unsure.csv
interact unsure 1280
prints "labels overlapping: 0"
prints "labels outside: 0"
prints "errors clipped: true"

# ---- awkward ones --------------------------------------------------------------------------------

awk -F, -v OFS=, 'NR == 1 { $11 = "\"<script>alert(1)</script>\""; $3 = "\"A <script>alert(1)</script>\"" }
    NR == 2 { $1 = "\"</script><img src=x onerror=\"\"document.title=1\"\">\"" }
    NR == 3 { $1 = "<!--<script> Ünï 视觉" }
    NR == 4 { $1 = "{{data}} ${names} a name that goes on and on for far longer than any column is wide" }
    NR > 1 && NR % 2 { $13 = "" } NR == 6 { $2 = "" } NR == 7 { $5 = "" } 1' "$data/paper-2024.csv" >hostile.csv
report hostile hostile hostile.csv
has "" '<img' 0
has "" '<title>hostile – eyechart report</title>' 1
has "" '</script>' 2
tells '&lt;/script&gt;&lt;img src=x onerror="document.title=1"&gt;'
tells '{{data}} ${names} a name'
interact hostile 1280
prints "sideways: 0"
prints "labels overlapping: 0"
prints "labels outside: 0"
browse hostile.html --window-size=1280,7600 --screenshot="$pictures/hostile.png"

# One candidate, one benchmark.
printf 'candidate,C,A acc,acc\nonly,1,0.5,7\n' >one.csv
report one one one.csv
tells "1 candidate of 1 has been finetuned."
has "law-acc" "$point" 1

# Every result the same: nothing to fit, nothing to scale.
printf 'candidate,C,A acc,acc\na,1,0.5,7\nb,2,0.6,7\nc,3,0.4,7\nd,4,0.1,7\n' >flat.csv
report flat flat flat.csv
tells "No shading."

# A study.yaml that somebody has only begun to write.
mkdir empty bare
printf 'version: 1\nname: empty\nbenchmarks: []\ncandidates: []\n' >empty/study.yaml
report empty empty
tells "There is nothing to rank by yet"
printf 'version: 1\nname: bare\nbenchmarks: []\ncandidates:\n  - {name: only, A: 1, C: 2}\n' >bare/study.yaml
report bare bare
tells "0 candidates of 1 have been finetuned."

# Many candidates: trials instead of the exact recursion; a long table begins with its first rows.
awk 'BEGIN { print "candidate,C,A acc,acc"; for (i = 1; i <= 40; i++)
    print "r" i "," i * 7 % 41 "," i * 11 % 43 "," i * 7 % 41 + i * 11 % 43 }' >many.csv
report many many many.csv
tells "in 1000 random trials"
awk 'BEGIN { print "candidate,C,A acc,acc"; for (i = 1; i <= 150; i++)
    print "r" i "," i * 7 % 151 "," i * 11 % 157 "," (i % 9 ? "" : i) }' >long.csv
report long long long.csv
has "" 'scope="row"' 40
tells "show all 150"

finish
