#!/bin/bash
# What comes between the processes of a run: others that finish first, kill -9 of the run and of the
# keeper at chosen and at random moments, a disk that is full.
#
#   EYECHART_KILLS=200 tests/cli/test_run_kills.sh build/dev/eyechart     a longer run, 4 unless set
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
if sanitized; then
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
        check "both end well" test $? -eq 0
    done
    times 1 between/trained
    times 1 between/evaluated
    tells between 1
fi

# --- a command that outlives its keeper -------------------------------------------------------

# keeps_its_lock STUDY: the command of `which` goes on, and its run is gone. Nobody begins the candidate
# before it has ended; then another run does.
keeps_its_lock() {
    local other
    check "the command holds the lock" bash -c "! flock -n '$1/runs/${which//\//%2F}/.lock' true"
    "$EYECHART" run "$1" --no-report >"$1/out" 2>"$1/err" </dev/null &
    other=$!
    sleep 1
    times 1 "$1/trained"
    rm "$1/hold"
    wait "$other"
    check "then another run goes on" test $? -eq 0
    times 2 "$1/trained"
    tells "$1" 1
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
keeps_its_lock orphan

# So it is when the run itself is killed as well.
make_study orphan2 'finetunes: 1'
hold orphan2/train.sh
start orphan2 --no-report
which=$(cat orphan2/trained)
kill -9 "$(keeper_of "$(cat orphan2/held)")" "$background"
wait "$background" 2>/dev/null
keeps_its_lock orphan2

# --- random moments ---------------------------------------------------------------------------

# random_study FOLDER: a trainer that takes its time, and notes when it is called for what is trained
random_study() {
    make_study "$1" 'retries: 1'
    sed -i '1i grep -qs "^exited 0" "$2"/../[0-9]*/train.end && echo "$1" >>again\nsleep .0$(($$ % 9))' "$1/train.sh"
    sed -i '1i sleep .0$(($$ % 5))' "$1/evaluate.sh"
}

# told STUDY: what is told, by candidate and benchmark, each time that it was
told() {
    "$EYECHART" study show "$1" --history --json |
        jq -r '.history[] | "\(.candidate) \(.benchmark) \(.value)"' | sort
}

# same STUDY: a further run ends with what an undisturbed one tells, each value once
same() {
    run 0 run "$1" --no-report
    n_checks=$((n_checks + 1))
    told "$1" | cmp -s - undisturbed.told || fail "$1: told is $(told "$1" | diff - undisturbed.told)"
    check "$1: what was trained is not trained again: $(cat "$1/again" 2>/dev/null)" test ! -e "$1/again"
    check "$1: study.db is whole" "$EYECHART" study check "$1"
    check "$1: nobody is left" bash -c "! grep -lsE '$PWD/$1/[r]uns' /proc/[0-9]*/cmdline"
}

random_study undisturbed
run 0 run undisturbed --no-report
told undisturbed >undisturbed.told
check "four candidates, two benchmarks" test "$(wc -l <undisturbed.told)" -eq 8

# kills N PROCESSES: so many runs of so many processes, each killed at a random moment; a study that is
# done is looked at, and the next one begins.
kills() {
    local n=0 n_studies=1 study=random1-$2 i pids
    random_study "$study"
    while [[ $n -lt $1 ]]; do
        pids=()
        for ((i = 0; i < $2; i++)); do
            "$EYECHART" run "$study" --no-report >/dev/null 2>"$study/err.$i" </dev/null &
            pids+=($!)
        done
        sleep "0.$(printf %03d $((RANDOM % 700)))"
        for i in "${pids[@]}"; do
            kill -9 "$i" 2>/dev/null && n=$((n + 1))
            [[ $((RANDOM % 2)) -eq 0 ]] || sleep 0.05
        done
        for i in "${pids[@]}"; do
            wait "$i" 2>/dev/null
            status=$?
            [[ $status -eq 137 || $status -eq 0 ]] || fail "$study: status $status: $(cat "$study"/err.*)"
        done
        [[ $(told "$study" | wc -l) -lt 8 ]] && continue
        same "$study"
        study=random$((++n_studies))-$2
        random_study "$study"
    done 2>>killed.log
    same "$study"
    echo "$2 at once: $n killed, in $n_studies studies"
}
kills "${EYECHART_KILLS:-4}" 1
kills "${EYECHART_KILLS:-4}" 2

# --- a full disk ------------------------------------------------------------------------------

# The n-th write fails, of the run and of its keeper; alone, and with all that follow. The run says so,
# and a further one ends with what an undisturbed one tells.
full() {
    local at=$1 once=$2 status
    rm -rf full
    random_study full
    env FAIL=write FAIL_AT="$at" ${once:+FAIL_ONCE=1} LD_PRELOAD=./failing.so \
        timeout 60 "$EYECHART" run full --no-report >out 2>err </dev/null
    status=$?
    ran="run, write $at ${once:+alone }fails"
    [[ $status -eq 0 ]] || n_full=$((n_full + 1))
    n_checks=$((n_checks + 1))
    case $status in
    0 | 4) ;;
    3) grep -qE "disk is full|No space left" err || fail "$ran: does not say why: $(tail -c 300 err)" ;;
    *) fail "$ran: status $status: $(tail -c 300 err)" ;;
    esac
    rm -f full/again # a write that fails may be the one that would have kept how a training ended
    run 0 run full --no-report --retry-failed
    same full
}
n_full=0
if [[ -e holding.so ]]; then
    cc -shared -fPIC -O1 -o failing.so "$SOURCE_DIR/tests/cli/failing.c" -ldl || fail "cannot build failing.so"
    for ((at = 1; at < 60; at += at / ${EYECHART_FULL:-1} + 1)); do
        full $at ""
        full $at 1
    done
    check "runs did fail" test $n_full -gt 3
fi

# A disk that is really full. What was trained before it was full is not trained again.
# small KB: a run on a disk of that size, and another one once it is larger
small() {
    rm -rf small
    mkdir small
    unshare -rm bash -c '
        mount -t tmpfs -o size="$1"k tmpfs small && cp -r template small/s || exit 1
        "$2" run small/s --no-report >first.out 2>first.err </dev/null
        echo $? >first.status
        mount -o remount,size=20m small
        "$2" run small/s --no-report --retry-failed >second.out 2>second.err </dev/null
        echo $? >second.status
        cp -r small/s kept' small "$1" "$EYECHART"
    ran="run on a disk of $1 KB"
    [[ $(cat first.status) -eq 0 ]] || n_small=$((n_small + 1))
    check "$ran: says that it is full: $(tail -n 2 first.err)" \
        grep -qE "^[04]|full|No space" first.status first.err
    check "$ran: goes on: $(cat second.err)" grep -q "^0" second.status
    n_checks=$((n_checks + 1))
    told kept | cmp -s - undisturbed.told || fail "$ran: told is $(told kept | diff - undisturbed.told)"
    check "$ran: no training ends well twice: $(tr '\n' ' ' <kept/finished)" test -z "$(sort kept/finished | uniq -d)"
    rm -rf kept
}
if unshare -rm true 2>/dev/null; then
    make_study template
    sed -i '$s/$/ \&\& echo "$1" >>finished/' template/train.sh
    n_small=0
    for ((kb = 150; kb < 320; kb += 28)); do small $kb; done
    check "some disks were too small" test $n_small -gt 1
else
    echo "not tried: a small disk, which takes user namespaces"
fi

finish
