# Sourced by every test of the command line, which CTest calls with the path of the program.
#
# A check that fails prints what was expected, where, and what came instead, and the test goes on;
# `finish` then gives the exit status.

set -u
EYECHART=$(realpath "$1")
[[ -x $EYECHART ]] || { echo "there is no program $1" >&2; exit 1; }
export LC_ALL=C.UTF-8
SOURCE_DIR=$(realpath "${BASH_SOURCE[0]%/*}/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
touch jq_err
n_failed=0
n_checks=0

fail() {
    n_failed=$((n_failed + 1))
    local depth=1
    while [[ ${BASH_SOURCE[depth]} == */common.sh ]]; do depth=$((depth + 1)); done
    echo "FAILED ${BASH_SOURCE[depth]##*/}:${BASH_LINENO[depth - 1]}: $*"
}

# need PROGRAM...: the test is skipped where one is missing
need() {
    local program
    for program; do
        command -v "$program" >/dev/null && continue
        echo "skipped: needs $program"
        exit 77
    done
}

# sanitized: whether the program is built with a sanitizer
sanitized() {
    grep -qE '__[a-z]{1,2}san_init' "$EYECHART"
}

# run STATUS ARGUMENT...: runs eyechart; its output is then in the files out and err
run() {
    local expected=$1 status
    shift
    ran="eyechart $*"
    "$EYECHART" "$@" >out 2>err </dev/null
    status=$?
    n_checks=$((n_checks + 1))
    [[ $status -eq $expected ]] || fail "$ran: exit status $status, expected $expected; $(head -c 500 err)"
}

# says TEXT, prints TEXT: on standard error, on standard output, of the last run
says() {
    n_checks=$((n_checks + 1))
    grep -qF -- "$1" err || fail "$ran: no '$1' on stderr, which has: $(head -c 500 err)"
}
prints() {
    n_checks=$((n_checks + 1))
    grep -qF -- "$1" out || fail "$ran: no '$1' in the output: $(head -c 1000 out)"
}
silent() {
    n_checks=$((n_checks + 1))
    [[ ! -s out ]] || fail "$ran: printed to stdout: $(head -c 200 out)"
}

# json FILTER [JQ-OPTION...]: the output is JSON for which the filter gives true
json() {
    local filter=$1
    shift
    n_checks=$((n_checks + 1))
    { [[ -s out ]] && jq -e "$@" "$filter" out >/dev/null 2>jq_err; } ||
        fail "$ran: not so: $filter $(head -c 300 jq_err); $(head -c 500 out)"
}

# check DESCRIPTION COMMAND...
check() {
    local description=$1
    shift
    n_checks=$((n_checks + 1))
    "$@" >/dev/null || fail "$description"
}

# hold ARGUMENT...: runs eyechart in the background up to where it opens held.ppm, a pipe. It waits
# there until `let_go FILE` gives it that file to read; `held_again` waits until it opens the pipe
# once more. Its process is $held; its output is then in out and err.
hold() {
    [[ -p held.ppm ]] || mkfifo held.ppm
    ran="eyechart $*"
    "$EYECHART" "$@" >out 2>err </dev/null &
    held=$!
    # Opening waits for the other end; should eyechart end before, this is it.
    { while kill -0 "$held"; do sleep 0.1; done; exec 8<>held.ppm; } 2>/dev/null &
    exec 9>held.ppm
}
# (`held_again` would otherwise open the pipe that is still being read.)
let_go() {
    cat "$1" >&9
    exec 9>&-
    while find "/proc/$held/fd" -lname '*/held.ppm' 2>/dev/null | grep -q .; do sleep 0.01; done
}
held_again() {
    exec 9>held.ppm
}
# ended STATUS: the process that was held; it has a minute
ended() {
    timeout 60 tail --pid="$held" -s 0.05 -f /dev/null || kill -9 "$held"
    wait "$held"
    local status=$?
    n_checks=$((n_checks + 1))
    [[ $status -eq $1 ]] || fail "$ran: exit status $status, expected $1; $(head -c 500 err)"
}

finish() {
    echo "$n_checks checks, $n_failed failed"
    [[ $n_failed -eq 0 ]]
    exit
}
