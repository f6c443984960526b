#!/bin/bash
# A disk that is full or broken, memory that ends: `score` says so, keeps what it has, and goes on
# later to the content of an undisturbed run.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/score_study.sh"
need jq sqlite3 cc ldd
if sanitized; then
    echo "skipped: a sanitizer has its own malloc"
    exit 77
fi
cc -shared -fPIC -O1 -o failing.so "$SOURCE_DIR/tests/cli/failing.c" -ldl 2>cc_err ||
    { echo "skipped: cannot build the library that fails: $(head -n 3 cc_err)"; exit 77; }

make_study fresh
cp -a fresh whole
run 0 score whole
results whole >expected

# faults KIND WORDS STEP: the n-th call fails, for n = 1, … further and further apart; alone, and with
# all that follow. Ends when a run does not come to the n-th call.
faults() {
    local kind=$1 words=$2 step=$3 at once status n_failed_runs=0
    for once in "" 1; do
        for ((at = 1; at < 400000; at += at / step + 1)); do
            rm -rf s && cp -a fresh s
            env FAIL="$kind" FAIL_AT=$at ${once:+FAIL_ONCE=1} LD_PRELOAD=./failing.so \
                timeout 60 "$EYECHART" score s >out 2>err
            status=$?
            ran="score, $kind $at ${once:+alone }fails"
            n_checks=$((n_checks + 2))
            if [[ $status -eq 0 ]]; then
                results s | cmp -s - expected || fail "$ran: done, and not the same: $(results s | diff - expected | head -5)"
            else
                n_failed_runs=$((n_failed_runs + 1))
                [[ $status -eq 3 || $status -eq 4 ]] || fail "$ran: status $status: $(tail -c 300 err)"
                grep -qE "$words" err || fail "$ran: does not say why: $(tail -c 300 err)"
                "$EYECHART" score s >out 2>err || fail "$ran: does not go on: $(tail -c 300 err)"
                results s | cmp -s - expected || fail "$ran: not the same after going on: $(results s | diff - expected | head -5)"
            fi
            # Far enough that nothing failed any more.
            [[ $status -eq 0 && $at -gt 100 && -z $once ]] && break
            [[ -n $once && $at -gt $last ]] && break
        done
        last=$at
    done
    check "$kind: runs did fail" test $n_failed_runs -gt 10
}
last=0
faults write "disk is full|No space left" 4
faults read "Input/output error|disk I/O error|cannot|damaged" 4
# Libraries do not always tell that it was memory.
faults malloc "eyechart: " 3
finish
