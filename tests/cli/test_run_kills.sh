#!/bin/bash
# What comes between the processes of a run: others that finish first, kill -9 of the run and of the
# keeper.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/run_study.sh"
need jq flock cc ldd

# tells STUDY N: study.db has N results of the first benchmark, corrections included
tells() {
    run 0 study show "$1" --history --json
    json '[.history[] | select(.benchmark == "MME")] | length == $n' --argjson n "$2"
}

# until_says FILE TEXT: waits for the text, half a minute at most
until_says() {
    local i
    for ((i = 0; i < 300; i++)); do
        grep -qF "$2" "$1" && return
        sleep 0.1
    done
    fail "no '$2' in $1 after 30 s"
}

# --- told between the look and the lock -------------------------------------------------------

# A process looks and sees a candidate that is trained and not told; before it has the lock, the one
# that is at work has told and gone. It is not told again.
if ldd "$EYECHART" | grep -qE 'lib[a-z]*san'; then
    echo "not tried: a sanitizer does not like to come second"
else
    cc -shared -fPIC -O1 -o holding.so "$SOURCE_DIR/tests/cli/holding.c" -ldl || fail "cannot build holding.so"
    make_study between 'finetunes: 1'
    hold between/evaluate.sh
    start between --no-report
    touch between/look
    env HOLD=between/look HOLD_AT=/between/runs LD_PRELOAD=./holding.so \
        "$EYECHART" run between --no-report >between/out 2>between/err </dev/null &
    other=$!
    until_there between/look.held
    rm between/hold
    until_says between/bg.err "1 finetuned"
    rm between/look
    for pid in "$background" "$other"; do
        wait "$pid"
        check "both end well: $(cat between/bg.err between/err)" test $? -eq 0
    done
    times 1 between/trained
    times 1 between/evaluated
    tells between 1
fi

# --- a command that outlives its keeper -------------------------------------------------------

# keeper_of PID: the process above it that watches
keeper_of() {
    local pid=$1
    while [[ $pid -gt 1 && $(cat "/proc/$pid/comm") != ec-keeper ]]; do
        pid=$(sed "s|.*) [A-Z] ||; s| .*||" "/proc/$pid/stat")
    done
    echo "$pid"
}

# The lock stays with the command: nobody begins the candidate while it runs, and somebody does once
# it has ended.
make_study orphan 'finetunes: 1'
hold orphan/train.sh
start orphan --no-report
which=$(cat orphan/trained)
kill -9 "$(keeper_of "$(cat orphan/held)")"
wait "$background"
check "the run says that its keeper was killed" test $? -eq 3
check "and what to do" grep -q "look whether it still runs" orphan/bg.err
check "the command holds the lock" bash -c "! flock -n 'orphan/runs/${which//\//%2F}/.lock' true"
"$EYECHART" run orphan --no-report >orphan/out 2>orphan/err </dev/null &
other=$!
sleep 1
times 1 orphan/trained
rm orphan/hold
wait "$other"
check "then another run goes on: $(cat orphan/err)" test $? -eq 0
times 2 orphan/trained
tells orphan 1

finish
