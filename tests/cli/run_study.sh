# Sourced by the tests of `run`: a study with a scripted trainer, and what starts and waits for it.

# make_study NAME [LINE...]: four candidates, two benchmarks, the lines under run:. The loop goes on to its
# budget, whatever the results say.
make_study() {
    local folder=$1
    shift
    mkdir -p "$folder"
    {
        echo "run:"
        printf '  %s\n' 'train: sh train.sh {candidate} {out}' 'evaluate: sh evaluate.sh {candidate} {out}' 'anyway: true' "$@"
        echo "benchmarks: [{name: MME}, {name: MMBench, range: [0, 100]}]"
        echo "candidates:"
        echo "  - {name: \"it's a name\", A: .9, C: 10}"
        echo "  - {name: b/c, A: .5, C: 24}"
        echo "  - {name: d, A: .3, C: 5}"
        echo "  - {name: e, A: .7, C: 15}"
    } >"$folder/study.yaml"
    # Each training leaves a line in the file "trained", so that none happens twice unseen.
    cat >"$folder/train.sh" <<'SH'
echo "$1" >>trained
echo "training $1"
echo model >"$2/model"
SH
    cat >"$folder/evaluate.sh" <<'SH'
echo "$1" >>evaluated
[ -f "$2/model" ] || exit 9
echo "evaluating" >&2
echo "MME=1$(printf %s "$1" | wc -c)"
echo "mmbench=$(printf %s "$1" | wc -c)"
SH
}

# times N FILE: the file has so many lines
times() {
    n_checks=$((n_checks + 1))
    [[ $(cat "$2" 2>/dev/null | wc -l) -eq $1 ]] || fail "$ran: $2 has $(cat "$2" | wc -l) lines, expected $1: $(tr '\n' ' ' <"$2")"
}

# until_there FILE: waits for the file, half a minute at most
until_there() {
    local i
    for ((i = 0; i < 300; i++)); do
        [[ -e $1 ]] && return
        sleep 0.1
    done
    fail "no $1 after 30 s"
}

# hold SCRIPT: while the file "hold" is there the command announces itself in "held" and waits
hold() {
    echo 'while [ -e hold ]; do echo $$ >held.tmp; mv held.tmp held; sleep .1; done' >>"$1"
}

# start STUDY ARGUMENT...: runs in the background, until its command waits
start() {
    local study=$1
    shift
    touch "$study/hold"
    "$EYECHART" run "$study" "$@" >"$study/bg.out" 2>"$study/bg.err" </dev/null &
    background=$!
    until_there "$study/held"
}

# keeper_of PID: the process above it that watches
keeper_of() {
    local pid=$1
    while [[ $pid -gt 1 && $(cat "/proc/$pid/comm") != ec-keeper ]]; do
        pid=$(sed "s|.*) [A-Z] ||; s| .*||" "/proc/$pid/stat")
    done
    echo "$pid"
}

# gone PID: within half a minute
gone() {
    local i
    for ((i = 0; i < 300; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

# released FOLDER: waits until nobody is at work there, not even to end what was left behind
released() {
    flock -w 30 "$1/.lock" true || fail "$1 is still locked"
}
