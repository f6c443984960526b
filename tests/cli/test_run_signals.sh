#!/bin/bash
# What schedulers, systemd and people send to end a job: to all its processes in any order, to the
# training alone, to the run alone. What ended around such a signal, with whatever status, was
# stopped: it is no failure, it is not evaluated, and the next run goes on with it.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/run_study.sh"
need jq flock setsid

# make_waiting NAME STATUS EXEC LINE...: a trainer that begins a model, waits while the file "hold" is
# there, ends with STATUS at a signal, and marks the model as complete at its end; no shell is
# between it and what watches it where EXEC is "exec"
make_waiting() {
    local study=$1 status=$2 exec=$3
    shift 3
    make_study "$study" 'finetunes: 1' "$@"
    sed -i "s/train: sh/train: $exec sh/; s/evaluate: sh/evaluate: $exec sh/" "$study/study.yaml"
    {
        echo "trap 'echo saved; exit $status' TERM INT HUP USR1 USR2 XCPU"
        cat "$study/train.sh"
    } >"$study/new.sh"
    mv "$study/new.sh" "$study/train.sh"
    hold "$study/train.sh"
    echo 'touch "$2/complete"' >>"$study/train.sh"
    echo '[ -f "$2/complete" ] || touch half' >>"$study/evaluate.sh"
}

# begin STUDY: in the background; its process is ${run_of[STUDY]}
declare -A run_of trainer_of
begin() {
    touch "$1/hold"
    setsid "$EYECHART" run "$1" --no-report >"$1/bg.out" 2>"$1/bg.err" </dev/null &
    run_of[$1]=$!
}

# signal STUDY ORDER SIGNAL: to the run alone ("main"), to all from the top or from the bottom, to the
# trainer and half a second later to the others ("late"), to the trainer alone
signal() {
    local main=${run_of[$1]} trainer=${trainer_of[$1]} keeper
    keeper=$(keeper_of "$trainer")
    case $2 in
    main) kill -s "$3" "$main" ;;
    down) kill -s "$3" "$main" "$keeper" "$trainer" 2>/dev/null ;; # the last may be gone by then
    up) kill -s "$3" "$trainer" "$keeper" "$main" ;;
    late)
        kill -s "$3" "$trainer"
        sleep 0.5
        kill -s "$3" "$main" "$keeper" 2>/dev/null
        ;;
    trainer) kill -s "$3" "$trainer" ;;
    esac
    rm "$1/hold"
}

# stopped_and_goes_on STUDY: the run ended as interrupted, and the next one does the rest
stopped_and_goes_on() {
    wait "${run_of[$1]}"
    local status=$?
    check "$1: status $status after the signal, expected 130: $(cat "$1/bg.err")" test $status -eq 130
    check "$1: it says how to go on" grep -q "goes on" "$1/bg.err"
    check "$1: nothing is evaluated" test ! -e "$1/evaluated"
    check "$1: it was stopped: $(cat "$1"/runs/*/1/train.end)" grep -q "^stopped" "$1"/runs/*/1/train.end
    run 0 run "$1" --json --no-report
    json '.n_failed == 0 and (.told | length) == 1 and .told[0].attempt == 2'
    times 2 "$1/trained"
    check "$1: it is the same candidate" test "$(sort -u "$1/trained" | wc -l)" -eq 1
    times 1 "$1/evaluated"
    check "$1: no half model is evaluated" test ! -e "$1/half"
}

# --- all of the job ---------------------------------------------------------------------------

# No retry is declared, so that one that was spent would give the candidate up.
names=()
exec=
for order in main down up late; do
    for status in 0 1 143; do
        names+=("$order-TERM-$status$exec")
        make_waiting "${names[-1]}" $status "$exec"
        [[ -z $exec ]] && exec=exec || exec=
    done
done
# SIGUSR1 and SIGUSR2 announce the end; a terminal that closes sends SIGHUP, Ctrl-C SIGINT.
for signal in USR1 USR2 HUP INT XCPU; do
    for order in up late; do
        names+=("$order-$signal-0$exec")
        make_waiting "${names[-1]}" 0 "$exec"
        [[ -z $exec ]] && exec=exec || exec=
    done
done
for name in "${names[@]}"; do begin "$name"; done
for name in "${names[@]}"; do
    until_there "$name/held"
    trainer_of[$name]=$(cat "$name/held")
done
sleep 2
for name in "${names[@]}"; do
    IFS=- read -r order signal _ <<<"$name"
    signal "$name" "$order" "$signal" &
    signallers+=($!)
done
wait "${signallers[@]}"
for name in "${names[@]}"; do stopped_and_goes_on "$name"; done

# kill -9 to all, as where the machine goes: nobody is left to say how anything ended.
make_waiting nobody 0 exec
begin nobody
until_there nobody/held
kill -9 "$(keeper_of "$(cat nobody/held)")" "${run_of[nobody]}" "$(cat nobody/held)"
wait "${run_of[nobody]}" 2>/dev/null
rm nobody/hold
released nobody/runs/*
run 0 run nobody --json --no-report
json '.n_failed == 0 and .told[0].attempt == 2'

# Several runs of a study on a machine that is taken away: each candidate goes on, with no retry spent.
make_waiting several 0 exec
sed -i 's/finetunes: 1/finetunes: 2/; s/retries.*//' several/study.yaml
sed -i 's/held/held$PPID/g' several/train.sh
begin several
first=${run_of[several]}
begin several
for ((i = 0; i < 300; i++)); do
    [[ $(ls several | grep -c '^held[0-9]*$') -eq 2 ]] && break
    sleep 0.1
done
sleep 1
pids=()
for file in several/held*; do pids+=("$(cat "$file")" "$(keeper_of "$(cat "$file")")"); done
kill -TERM "${pids[@]}" "$first" "${run_of[several]}"
rm several/hold
for pid in "$first" "${run_of[several]}"; do
    wait "$pid"
    check "several: both are interrupted" test $? -eq 130
done
check "several: nothing is evaluated" test ! -e several/evaluated
run 0 run several --json --no-report
json '.n_failed == 0 and ([.told[].attempt] == [2, 2])'
check "several: no half model is evaluated" test ! -e several/half

# --- the evaluation ---------------------------------------------------------------------------

# Results that were printed by an evaluation that was stopped are not taken, whatever its status.
for status in 0 1; do
    name=evaluation-$status
    make_study "$name" 'finetunes: 1'
    sed -i 's/evaluate: sh/evaluate: exec sh/' "$name/study.yaml"
    {
        echo "trap 'echo MME=1; exit $status' TERM"
        cat "$name/evaluate.sh"
    } >"$name/new.sh"
    mv "$name/new.sh" "$name/evaluate.sh"
    sed -i '/^\[ -f/d' "$name/evaluate.sh"
    hold "$name/evaluate.sh"
    begin "$name"
done
for status in 0 1; do until_there evaluation-$status/held; done
sleep 1.5
for status in 0 1; do
    name=evaluation-$status
    trainer_of[$name]=$(cat "$name/held")
    signal "$name" late TERM
    wait "${run_of[$name]}"
    check "$name: status 130" test $? -eq 130
    run 0 study show "$name" --history --json
    json '.history == []'
    run 0 run "$name" --json --no-report
    json '.n_failed == 0 and (.told | length) == 1'
    times 1 "$name/trained"
    times 2 "$name/evaluated"
done

# --- the training alone -----------------------------------------------------------------------

# One that a person or a scheduler ends goes on in the same run; no retry is spent.
for signal in TERM INT USR1; do
    make_waiting alone-$signal 143 exec
    [[ $signal = TERM ]] || sed -i '/^trap/d' alone-$signal/train.sh # ended by the signal itself
    begin alone-$signal
done
for signal in TERM INT USR1; do
    name=alone-$signal
    until_there "$name/held"
    trainer_of[$name]=$(cat "$name/held")
    signal "$name" trainer "$signal"
    wait "${run_of[$name]}"
    check "$name: ends well" test $? -eq 0
    check "$name: says so" grep -q "attempt 1 was stopped, and goes on" "$name/bg.err"
    times 2 "$name/trained"
    check "$name: no half model is evaluated" test ! -e "$name/half"
done

# One that ends itself so, each time, is not begun for ever; it is no failure either.
make_study always 'finetunes: 1'
echo 'kill -TERM $$' >>always/train.sh
run 130 run always
says "stopped from outside 3 times in a row"
times 3 always/trained
check "nothing is given up" bash -c '! ls always/runs/*/failed 2>/dev/null'
sed -i '/kill/d' always/train.sh
run 0 run always --no-report --json
json '.n_failed == 0 and .told[0].attempt == 4'

# Status 0 at a signal to the training alone cannot be told from a whole training, but by what a
# training leaves at its end.
make_waiting marked 0 exec 'trained: "{out}/complete"'
begin marked
until_there marked/held
trainer_of[marked]=$(cat marked/held)
signal marked trainer TERM
wait "${run_of[marked]}"
check "marked: ends well" test $? -eq 0
check "marked: says why it goes on" grep -q "did not leave the file that 'trained:' in study.yaml names" marked/bg.err
times 2 marked/trained
times 1 marked/evaluated
check "marked: no half model is evaluated" test ! -e marked/half

# And what left that is trained, though a signal came just then. The path may begin at the study.
make_waiting whole 0 exec 'trained: marks/complete'
mkdir whole/marks
sed -i '/^while/i touch "$EYECHART_STUDY/marks/complete"' whole/train.sh
begin whole
until_there whole/held
sleep 1
trainer_of[whole]=$(cat whole/held)
signal whole up TERM
wait "${run_of[whole]}"
check "whole: status 130" test $? -eq 130
run 0 run whole --no-report
says "trained before, not told"
times 1 whole/trained
sed -i 's/trained: .*/trained: "{outt}\/complete"/' whole/study.yaml
run 3 run whole
says "did you mean {out}?"

# --- time to save -----------------------------------------------------------------------------

# A command has ten seconds to save its work, or what is declared.
make_waiting short 0 exec 'grace_seconds: 0.2'
sed -i "s/^trap.*/trap '' TERM/" short/train.sh
make_waiting long 0 exec 'grace_seconds: 60'
sed -i "s/^trap.*/trap 'sleep 11; touch saved; exit 0' TERM/" long/train.sh
for name in short long; do begin $name; done
for name in short long; do
    until_there $name/held
    kill -TERM "${run_of[$name]}"
done
wait "${run_of[short]}"
check "short: killed: $(cat short/runs/*/1/train.end)" grep -q "^stopped 9 " short/runs/*/1/train.end
wait "${run_of[long]}"
check "long: not killed: $(cat long/runs/*/1/train.end)" grep -q "^stopped 0 " long/runs/*/1/train.end
check "long: saved" test -e long/saved

# Under nohup nobody minds a terminal that is closed.
make_waiting nohup 0 exec
touch nohup/hold
sed -i '/^trap/d' nohup/train.sh
nohup "$EYECHART" run nohup --no-report >nohup/bg.out 2>nohup/bg.err </dev/null &
run_of[nohup]=$!
until_there nohup/held
kill -HUP "${run_of[nohup]}" "$(keeper_of "$(cat nohup/held)")" "$(cat nohup/held)"
sleep 0.5
rm nohup/hold
wait "${run_of[nohup]}"
check "nohup: ends well" test $? -eq 0
times 1 nohup/trained

# --- in the end --------------------------------------------------------------------------------

# The budget is used, and the report and the ranking of many candidates take a while: a signal ends
# them at once, as interrupted, and says what is missing; the same command makes it.
mkdir late
printf 'echo %s\n' MME=1101 MMBench=41 TextVQA=51 VizWiz=41 SEED=61 >late/evaluate.sh
{
    echo "run: {train: 'true', evaluate: sh evaluate.sh, finetunes: 1}"
    echo "benchmarks: [{name: MME}, {name: MMBench}, {name: TextVQA}, {name: VizWiz}, {name: SEED}]"
    echo "candidates:"
    for i in {1..150}; do echo "  - {name: c$i, A: $((100 + i * 5)), C: $((i * 37 % 91 + 3))}"; done
} >late/study.yaml
for i in 3 90 140; do
    run 0 tell late c$i MME=1$((100 + i)) MMBench=$((40 + i / 5)) TextVQA=$((40 + i / 4)) VizWiz=$((50 - i / 5)) SEED=$((60 + i / 9))
done
run 0 run late --no-report
late() { # late SIGNAL ARGUMENT...: once the run has said that the budget is used
    rm -f late/report.html bg.err
    "$EYECHART" run late "${@:2}" >bg.out 2>bg.err </dev/null &
    local i
    for ((i = 0; i < 3000; i++)); do
        [[ -s bg.err ]] && break
        sleep 0.01
    done
    kill -s "$1" $!
    wait $!
    status=$?
    check "late $*: status $status, expected 130: $(cat bg.err)" test $status -eq 130
    check "late $*: it says how to go on: $(cat bg.err)" grep -q "interrupted; .* not complete; the same command goes on" bg.err
}
for signal in TERM USR1 USR2 HUP INT XCPU; do late $signal; done
check "late: the report is what is missing: $(cat bg.err)" grep -q "report.html and the ranking are not complete" bg.err
check "late: there is no half report: $(ls late)" test ! -e late/report.html
late TERM --no-report --json
check "late: without a report: $(cat bg.err)" grep -q "but the ranking is not complete" bg.err
check "late: no half JSON" test ! -s bg.out
run 0 run late
check "late: the same command makes the report" test -e late/report.html
prints "c150"

finish
