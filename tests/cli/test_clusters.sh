#!/bin/bash
# The scripts of docs/clusters.md, as they stand there, with a stand-in for Slurm (tests/cli/slurm):
# jobs that are preempted, reach their time limit, are cancelled by a person, and runs that are
# stopped or killed.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/run_study.sh"
need jq flock setsid pkill pgrep

mkdir bin slurm
ln -s "$EYECHART" bin/eyechart
PATH=$SOURCE_DIR/tests/cli/slurm:$work/bin:$PATH
export SLURM_STAND_IN=$work/slurm
# What a failing test leaves ends with it.
trap 'for file in "$work"/slurm/*/pid; do [[ -e $file ]] && pkill -KILL -s "$(cat "$file")"; done; rm -rf "$work"' EXIT

# script FILE: as docs/clusters.md has it
script() {
    awk -v mark="<!-- file: $1 -->" '$0 == mark { found = 1 } found && /^```/ { if (inside) exit; inside = 1; next } inside' \
        "$SOURCE_DIR/docs/clusters.md"
}

# make_cluster STUDY LINE...: a study whose runs/ is elsewhere, with the scripts of the page. The
# trainer takes five steps, saves after each, saves and exits with 0 at SIGTERM, and goes on from
# what it saved. While the file "hold" is there it waits after the third step.
n=2
make_cluster() {
    local study=$1 file
    shift
    make_study "$study" "finetunes: $n" 'grace_seconds: 20' "$@"
    mkdir "shared-$study"
    ln -s "$PWD/shared-$study" "$study/runs"
    for file in slurm_job.sh train.sbatch evaluate.sbatch run.sbatch; do
        script $file >"$study/$file"
        check "docs/clusters.md has $file" test -s "$study/$file"
    done
    cat >"$study/finetune.sh" <<'SH'
candidate=$1 out=$2
echo "$candidate" >>trained
[ ! -e "$out/busy" ] || echo "$candidate" >>two_at_once
touch "$out/busy"
step=$(cat "$out/checkpoint" 2>/dev/null || echo 0)
echo "from step $step"
trap 'echo saved; rm -f "$out/busy"; exit 0' TERM
while [ $step -lt 5 ]; do
    sleep .1
    step=$((step + 1))
    echo $step >"$out/checkpoint"
    while [ $step -eq 3 ] && [ -e hold ]; do touch held; sleep .1; done
done
touch "$out/model"
rm -f "$out/busy"
SH
    cat >"$study/evaluate.sh" <<'SH'
candidate=$1 out=$2 attempt=$3
echo "$candidate" >>evaluated
[ -e "$out/model" ] || echo "$candidate" >>half
printf '{"results": {"mme": {"mme_perception_score,none": 1500}, "mmbench_en_dev": {"gpt_eval_score,none": 60}}}' >"$attempt/x_results.json"
SH
}
by_jobs() {
    make_cluster "$@"
    sed -i 's|train: .*|train: bash slurm_job.sh train.sbatch {candidate} {out}|
            s|evaluate: .*|evaluate: bash slurm_job.sh evaluate.sbatch {candidate} {out} {attempt}|
            s|^run:|run:\n  results: "{attempt}/*_results.json"|' "$1/study.yaml"
}

begin() {
    touch "$1/hold"
    eyechart run "$1" --no-report >"$1/bg.out" 2>"$1/bg.err" </dev/null &
    background=$!
    until_there "$1/held"
}

# training: the number of the job that runs
training() {
    local state
    for state in "$work"/slurm/*/state; do
        grep -q RUNNING "$state" && basename "${state%/state}"
    done
}

# all_well STUDY: all $n candidates are told, nothing was evaluated in half, given up, or left running
all_well() {
    check "$1: no half model is evaluated" test ! -e "$1/half"
    check "$1: no two jobs of one candidate at once" test ! -e "$1/two_at_once"
    check "$1: nothing is given up" bash -c "! ls $1/runs/*/failed 2>/dev/null"
    times $n "$1/evaluated"
    check "$1: no job is left" test -z "$(training)"
    run 0 run "$1" --json --no-report
    json '.told == [] and .n_finetuned == $n and .n_failed == 0' --argjson n $n
}
ends_well() {
    wait "$background"
    local status=$?
    check "$1: ends with $status: $(cat "$1/bg.err")" test $status -eq 0
    all_well "$1"
}
interrupted() {
    wait "$background"
    local status=$?
    check "$1: ends with $status, expected 130: $(cat "$1/bg.err")" test $status -eq 130
}

# --- each training a job ----------------------------------------------------------------------

by_jobs jobs
run 0 run jobs --no-report
times 2 jobs/trained
check "models and logs are on the shared disk" test -s "$(echo shared-jobs/*/1/slurm.log | cut -d ' ' -f 1)"
all_well jobs

n=1

# A failing job is a failure, and its status comes through.
by_jobs failing 'retries: 0'
echo 'exit 3' >>failing/finetune.sh
run 4 run failing --no-report --finetunes 1
says "exited with status 3"

# A job that Slurm will not take.
by_jobs refused
rm refused/train.sbatch
run 4 run refused --no-report --finetunes 1
says "sbatch did not take the job"

# Preempted, at its time limit, lost with its node: submitted again, whatever its status was.
for state in PREEMPTED TIMEOUT NODE_FAIL; do
    by_jobs $state
    begin $state
    check "one job runs" test "$(training | wc -l)" -eq 1
    scancel --ends-as=$state "$(training)"
    rm $state/hold
    ends_well $state
    times 2 $state/trained
    check "$state: it goes on from its checkpoint" grep -rq "from step 3" $state/runs/
    check "$state: it stays the first attempt" bash -c "! compgen -G '$state/runs/*/2'"
done

# A person cancels the job: it is begun again, as another attempt.
by_jobs cancelled
begin cancelled
scancel "$(training)"
rm cancelled/hold
ends_well cancelled
times 2 cancelled/trained
check "cancelled: the run says so" grep -q "attempt 1 was stopped, and goes on" cancelled/bg.err

# The run is stopped: so is the job, and the next run goes on.
by_jobs stopped
begin stopped
kill -TERM "$background"
interrupted stopped
check "stopped: the job has ended" test -z "$(training)"
check "stopped: nothing is evaluated" test ! -e stopped/evaluated
rm stopped/hold
run 0 run stopped --no-report
times 2 stopped/trained
all_well stopped

# The machine with the study goes down: the job goes on, and nobody trains beside it.
by_jobs down
begin down
script=$(pgrep -f "^bash slurm_job.sh .*$work/down/runs")
client=$(pgrep -f "sbatch --wait .*:$work/down:")
kill -9 "$(keeper_of "$script")" "$background" "$script" "$client"
wait "$background" 2>/dev/null
first=$(training)
check "down: the job goes on" test -n "$first"
check "down: nothing else does" bash -c "! pgrep -f 'slurm_job.sh .*$work/[d]own/runs'"
for lock in shared-down/*/.lock; do flock -w 30 "$lock" true; done
eyechart run down --no-report >down/bg.out 2>down/bg.err </dev/null &
background=$!
for ((i = 0; i < 100; i++)); do
    grep -lq PENDING slurm/*/state && break
    sleep 0.1
done
check "down: the next job waits" grep -q PENDING slurm/*/state
times 1 down/trained
rm down/hold
ends_well down

# Several runs at once, and one goes.
n=2
by_jobs several
begin several
first=$background
eyechart run several --no-report >several/out 2>several/err </dev/null &
background=$!
for ((i = 0; i < 100; i++)); do
    [[ $(training | wc -l) -eq 2 ]] && break
    sleep 0.1
done
check "several: two jobs at once" test "$(training | wc -l)" -eq 2
kill -TERM "$first"
wait "$first"
check "several: the first is interrupted" test $? -eq 130
rm several/hold
ends_well several
times 3 several/trained

# --- srun -------------------------------------------------------------------------------------

n=1
make_cluster srun 'trained: "{out}/model"'
sed -i 's|train: .*|train: srun --gres=gpu:8 --time=24:00:00 bash finetune.sh {candidate} {out}|
        s|evaluate: .*|evaluate: srun --gres=gpu:1 bash evaluate.sh {candidate} {out} {attempt}|
        s|^run:|run:\n  results: "{attempt}/*_results.json"|' srun/study.yaml
begin srun # the step alone is ended, saves, and says that all is well
rm srun/hold
pkill -TERM -s "$(cat slurm/step)"
ends_well srun
times 2 srun/trained
rm -r srun shared-srun
make_cluster srun
sed -i 's|train: .*|train: srun --gres=gpu:8 --time=24:00:00 bash finetune.sh {candidate} {out}|
        s|evaluate: .*|evaluate: srun --gres=gpu:1 bash evaluate.sh {candidate} {out} {attempt}|
        s|^run:|run:\n  results: "{attempt}/*_results.json"|' srun/study.yaml
begin srun
kill -TERM "$background"
interrupted srun
rm srun/hold
run 0 run srun --no-report
times 2 srun/trained
all_well srun

# --- the whole loop in one job ----------------------------------------------------------------

# job_ended ID: waits for it
job_ended() {
    local i
    for ((i = 0; i < 600; i++)); do
        grep -qE 'PENDING|RUNNING' "slurm/$1/state" || return 0
        sleep 0.1
    done
    fail "job $1 has not ended after a minute: $(cat "slurm-$1.out")"
}

# The time limit is announced with SIGUSR1 to the script; later the machine is wanted for another job.
n=2
make_cluster mystudy
sed -i 's|train: .*|train: bash finetune.sh {candidate} {out}|
        s|evaluate: .*|evaluate: bash evaluate.sh {candidate} {out} {attempt}|
        s|^run:|run:\n  results: "{attempt}/*_results.json"|' mystudy/study.yaml
cp mystudy/run.sbatch .
for why in announced preempted; do
    touch mystudy/hold
    rm -f mystudy/held
    if [[ $why = announced ]]; then id=$(sbatch --parsable run.sbatch); fi
    until_there mystudy/held
    sleep 0.5
    if [[ $why = announced ]]; then
        kill -USR1 "$(cat "slurm/$id/pid")"
    else
        pkill -TERM -s "$(cat "slurm/$id/pid")"
    fi
    for ((i = 0; i < 200; i++)); do
        [[ $(grep -c "interrupted" "slurm-$id.out") -eq $([[ $why = announced ]] && echo 1 || echo 2) ]] && break
        sleep 0.1
    done
done
rm mystudy/hold
job_ended "$id"
check "mystudy: the job ends well: $(cat "slurm-$id.out")" grep -q COMPLETED "slurm/$id/state"
times 4 mystudy/trained
all_well mystudy

finish
