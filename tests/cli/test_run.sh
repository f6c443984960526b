#!/bin/bash
# The whole loop with a scripted trainer: from nothing to a report; failures, time limits, kill -9,
# Ctrl-C, several processes on one study.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/run_study.sh"
need jq flock

# --- the whole loop ---------------------------------------------------------------------------

make_study s 'finetunes: 3' 'gpus: 4'
run 0 run s --dry-run
prints "train     sh train.sh"
prints "0 finetuned of 3"
first=$(head -1 out)
first=${first%, attempt 1}
check "a dry run makes nothing" test ! -e s/runs
run 0 study show s --json
json 'all(.candidates[]; .pending == false)'
run 0 run s --dry-run --json
json '.candidate == $first and .attempt == 1 and (.train | startswith("sh train.sh ")) and .finetunes == 3' --arg first "$first"

run 0 run s
prints "3 finetuned"
prints "report: s/report.html"
check "the report is there" grep -q Vega s/report.html
says "$first is next: "
check "the reason does not name it once more" test -z "$(grep -F "is next: finetune" err)"
check "the dry run had said which is first" test "$(head -1 s/trained)" = "$first"
times 3 s/trained
check "the logs are kept" grep -rq "training it's a name" "s/runs/it's a name/1/train.log"
check "a name is one folder" test -s s/runs/b%2Fc/1/evaluate.out
run 0 study show s --history --json
json '[.history[] | select(.benchmark == "MME")] | length == 3'
json '.history | all(.worker == "run" and (.source | test("^runs/.*/1/evaluate.out$")))'
run 0 study export s --format json
json '[.candidates[] | select(.hours > 0)] | length == 3'

# Again: nothing to do, and the same ranking.
run 0 run s --json
json '.stop == "finetunes" and .told == [] and .n_finetuned == 3 and (.ranking | length) == 4 and .hours_spent > 0'
times 3 s/trained
run 0 run s --finetunes 10 --no-report --json
json '.stop == "done" and (.told | length) == 1 and .n_finetuned == 4 and .report == null'
times 4 s/trained
run 0 run s --dry-run
prints "nothing to finetune: the budget of 3 finetunes is used: 4 done"

# Hours are those of the clock times gpus; a budget of hours ends the loop too.
make_study hours 'gpus: 3600'
echo 'sleep .3' >>hours/train.sh
run 0 run hours --budget 0.5 --json
json '.stop == "hours" and (.told | length) as $n | $n == 2 and (.told[0].hours | . >= 0.3 and . < 30)'

# A candidate that costs more than what is left is not begun.
make_study dear
sed -i 's/C: 24}/C: 24, cost: 50}/; s/C: 15}/C: 15, cost: 60}/' dear/study.yaml
run 0 run dear --budget 20 --json
json '.stop == "hours" and ([.told[].name] | sort) == ["d", "it'\''s a name"] and (.why | test("candidates left: 2"))'

# --- failures ---------------------------------------------------------------------------------

# The first training of e fails once; the retry is attempt 2.
make_study retry 'retries: 1'
cat >>retry/train.sh <<'SH'
[ "$1" != e ] || [ -e e.failed ] || { touch e.failed; echo "no GPU"; exit 3; }
SH
run 0 run retry
says "e, attempt 1 failed: the training exited with status 3; its log ends with 'no GPU'"
check "the retry is another attempt" test -s retry/runs/e/2/train.log
times 5 retry/trained
times 4 retry/evaluated

# An evaluation that fails is repeated without training again.
make_study reevaluate 'retries: 1'
sed -i '2i [ "$1" != e ] || [ -e e.failed ] || { touch e.failed; echo broken >\&2; exit 1; }' reevaluate/evaluate.sh
run 0 run reevaluate
says "the evaluation exited with status 1; its log ends with 'broken'"
times 4 reevaluate/trained
times 5 reevaluate/evaluated

# After its retries a candidate is left out, the others go on, and --retry-failed brings it back.
make_study gone 'retries: 1'
echo '[ "$1" != e ] || [ -e well ] || exit 7' >>gone/train.sh
run 4 run gone --json
json '.stop == "done" and (.told | length) == 3 and .given_up == [.given_up[0]] and .given_up[0].name == "e" and
      .given_up[0].attempts == 2 and (.given_up[0].why | test("status 7")) and .n_failed == 1'
times 5 gone/trained
run 4 run gone # also by a run that itself does nothing
says "left out because they failed before: 1;"
times 5 gone/trained
run 0 run gone --retry-failed --dry-run
prints "e, attempt 3"
check "a dry run does not begin it again" test -e gone/runs/e/failed
touch gone/well
run 0 run gone --retry-failed --json
json '[.told[] | [.name, .attempt]] == [["e", 3]] and .n_failed == 0'
times 6 gone/trained

# Hours that led to no result are spent as well, for the budget and for the ranking.
make_study lost 'gpus: 3600' 'finetunes: 3'
echo '[ "$1" != b/c ] || { sleep .3; exit 7; }' >>lost/train.sh
run 4 run lost --json --no-report
json '.n_failed == 1 and .n_finetuned == 3'
spent=$(jq .hours_spent out)
run 0 rank lost --json
json '(.hours_spent - $x | fabs) < 1e-9 and .hours_failed >= 0.3' --argjson x "$spent"
run 0 rank lost
prints "that led to no result"
run 0 study show lost --json
json '(.hours_spent - $x | fabs) < 1e-9' --argjson x "$spent"

# What failed is not begun again beyond the budget, and it is said.
times 4 lost/trained
run 4 run lost --retry-failed
says "b/c: failed before, and is not begun again: the budget is used"
times 4 lost/trained
sed -i '/exit 7/d' lost/train.sh
run 0 run lost --retry-failed --finetunes 4
times 5 lost/trained

# What is begun and no longer fits the budget is left.
make_study smaller
echo 'exit 7' >>smaller/train.sh
mkdir -p smaller/runs/d/1 smaller/runs/d/out smaller/runs/e/1
echo "exited 0 1700000000000 1000" >smaller/runs/d/1/train.end
touch smaller/runs/d/1/train.log smaller/runs/e/1/train.log
echo model >smaller/runs/d/out/model
run 0 run smaller --finetunes 1
says "the budget of 1 finetunes is used: 1 done; begun and left for a larger budget: 1"
check "nothing is trained" test ! -e smaller/trained

# A model that was removed is trained again.
make_study removed 'finetunes: 1'
echo 'exit 7' >>removed/evaluate.sh
run 4 run removed
n=$(wc -l <removed/trained)
sed -i '/exit 7/d' removed/evaluate.sh
rm -r removed/runs/*/out
run 4 run removed --retry-failed --finetunes 1 # others failed too, and the budget does not reach them
times $((n + 1)) removed/trained

# What failed is begun again in the order of the policy, not in that of study.yaml.
make_study order
echo '[ -e well ] || exit 7' >>order/train.sh
run 4 run order
times 3 order/trained
first=$(head -1 order/trained)
check "the policy does not begin with the first of study.yaml" test "$first" != "it's a name"
touch order/well
run 4 run order --retry-failed --finetunes 1
check "the policy's first is begun again" test "$(sed -n 4p order/trained)" = "$first"
times 4 order/trained
run 0 run order --retry-failed --json --no-report
json '.n_failed == 0 and .n_finetuned == 4'

# Where one fails once more, the next one has its place in the budget. Each is begun once in a run.
make_study place
echo '[ -e well ] || case $1 in b/c | it*) exit 7 ;; esac' >>place/train.sh
echo '[ "$1" != b/c ] || exit 7' >>place/train.sh
run 4 run place
check "two failed" test "$(ls place/runs/*/failed | wc -l)" -eq 2
times 4 place/trained
touch place/well
run 4 run place --retry-failed --finetunes 3 --json --no-report
json '[.told[].name] == ["it'\''s a name"] and [.given_up[].name] == ["b/c"] and .n_finetuned == 3 and .n_failed == 1'
times 6 place/trained
for i in 1 2; do
    "$EYECHART" run place --retry-failed --no-report >place/out.$i 2>place/err.$i </dev/null &
    pids[i]=$!
done
for i in 1 2; do wait "${pids[i]}"; done
n=$(grep -c b/c place/trained)
check "two runs at once begin it once, or one after the other twice: $n" test "$n" -ge 3 -a "$n" -le 4

# What a person trained in the end has not failed any more.
run 0 tell place b/c MME=3 mmbench=4
run 0 run place --no-report --json
json '.n_failed == 0 and .n_finetuned == 4'

# What a training left that failed in the place of a removed model is not evaluated.
make_study half 'finetunes: 1' 'retries: 1'
echo 'exit 7' >>half/evaluate.sh
run 4 run half
sed -i '/exit 7/d' half/evaluate.sh
echo 'exit 7' >>half/train.sh
rm -r half/runs/*/out
n=$(wc -l <half/evaluated)
run 4 run half --retry-failed --finetunes 1
times $n half/evaluated

# Three in a row: it is the command.
make_study broken
echo 'exit 1' >>broken/train.sh
run 4 run broken --json
json '.stop == "failing" and (.given_up | length) == 3'
times 3 broken/trained

# A command that takes too long is stopped, with what it started.
make_study slow 'train_timeout_hours: 0.0001'
echo '[ "$1" != e ] || { sleep 300 & echo $! >sleeper; wait; }' >>slow/train.sh
run 4 run slow
says "e: training was stopped at its time limit"
check "what it started is gone" bash -c '! kill -0 "$(cat slow/sleeper)" 2>/dev/null'
check "the others are done" test -e slow/runs/d/1/evaluate.end

# --- results ----------------------------------------------------------------------------------

# A misspelt benchmark is an error that names the right one. Once corrected, nothing is run again.
make_study spelling
sed -i 's/MME=/MNE=/' spelling/evaluate.sh
run 3 run spelling
says "no benchmark 'MNE'; did you mean 'MME'?; correct the command or study.yaml"
times 1 spelling/trained
times 1 spelling/evaluated
run 3 run spelling # it is evaluated again, and still wrong
times 1 spelling/trained
times 2 spelling/evaluated
sed -i 's/MNE=/MME=/' spelling/evaluate.sh
run 0 run spelling
says "did you mean 'MME'?" # of the evaluation before, which is read first
times 4 spelling/trained
times 6 spelling/evaluated
make_study later
sed -i 's/^echo "MME=/echo "POPE=/' later/evaluate.sh
run 3 run later
times 1 later/trained
sed -i 's/{name: MME}/{name: MME}, {name: POPE}/' later/study.yaml
run 0 run later
times 4 later/trained
times 4 later/evaluated

# Outside its range, or nothing at all.
make_study range
sed -i 's/^echo "mmbench=.*/echo mmbench=101/' range/evaluate.sh
run 4 run range --finetunes 1
says "101 is outside the range [0, 100]"
make_study nothing
sed -i '/^echo "/d' nothing/evaluate.sh
run 4 run nothing --finetunes 1
says "no line BENCHMARK=VALUE"
make_study some
sed -i '/mmbench=/d' some/evaluate.sh
run 0 run some --finetunes 1
says "the evaluation has no result for MMBench"

# A results file of lmms-eval, named on standard output or declared.
cat >results.json <<'JSON'
{"results": {"mme": {"alias": "mme", "mme_perception_score,none": 1502.5, "mme_perception_score_stderr,none": "N/A"},
             "mmbench_en_dev": {"gpt_eval_score,none": 64.25, "acc_stderr,none": NaN}}}
JSON
make_study named
cp results.json named/
echo 'cp results.json "$2/r.json"; echo "$2/r.json"' >named/evaluate.sh
run 0 run named --finetunes 1
says "MMBench 64.25"
make_study declared 'results: "{attempt}/*_results.json"'
cp results.json declared/
echo 'cp results.json "$EYECHART_ATTEMPT/20240101_results.json"' >declared/evaluate.sh
run 0 run declared --finetunes 1
says "MME 1502.5"
make_study missing 'results: "{out}/results.json"'
run 4 run missing --finetunes 1
says "the evaluation left no "
make_study stale 'results: results.json'
cp results.json stale/
touch -d '1 hour ago' stale/results.json
run 4 run stale --finetunes 1
says "results.json is older than the evaluation"

# One file a task: all that are new are read. Not those of another time.
make_study several 'results: "{attempt}/*/*_results.json"'
cat >several/evaluate.sh <<'SH'
mkdir "$EYECHART_ATTEMPT/org__model"
echo '{"results": {"mme": {"mme_perception_score,none": 1500.5}}}' >"$EYECHART_ATTEMPT/org__model/20240906_120000_results.json"
echo '{"results": {"mmbench_en_dev": {"gpt_eval_score,none": 60.25}, "gqa": {"exact_match,none": 0.5}}}' \
    >"$EYECHART_ATTEMPT/org__model/20240906_130000_results.json"
echo '{"results": {"mme": {"mme_perception_score,none": 7}}}' >"$EYECHART_ATTEMPT/org__model/20230101_000000_results.json"
touch -d '1 hour ago' "$EYECHART_ATTEMPT/org__model/20230101_000000_results.json"
SH
run 0 run several --finetunes 1
says "MME 1500.5"
says "MMBench 60.25"
says "'gqa' is left out"

# A folder: what is new in it, however old the folder is.
make_study folder 'results: "{study}/all"'
mkdir -p folder/all/org__model
echo '{"results": {"mme": {"mme_perception_score,none": 7}, "mmbench_en_dev": {"gpt_eval_score": 7}}}' \
    >folder/all/org__model/20990101_000000_results.json
touch -d '1 hour ago' folder/all/org__model/20990101_000000_results.json folder/all
cat >folder/evaluate.sh <<'SH'
echo '{"results": {"mme": {"mme_perception_score,none": 1500.5}}}' >"$EYECHART_STUDY/all/org__model/20240906_120000_results.json"
SH
run 0 run folder --finetunes 1
says "MME 1500.5"
says "the evaluation has no result for MMBench"

# Tables of VLMEvalKit, named on standard output.
make_study kit
cat >kit/evaluate.sh <<'SH'
mkdir -p "$2/llava_7b"
printf '"split","Overall"\n"dev","0.625"\n' >"$2/llava_7b/llava_7b_MMBench_DEV_EN_acc.csv"
printf '"perception","reasoning"\n"1502.5","300"\n' >"$2/llava_7b/llava_7b_MME_score.csv"
ls "$2"/llava_7b/*.csv
SH
run 0 run kit --finetunes 1
says "MMBench 62.5"
says "MME 1502.5"

# A path that is printed, but no file.
make_study unwritten
echo 'echo runs/out/r.json' >unwritten/evaluate.sh
run 4 run unwritten --finetunes 1
says "evaluate.out:1 names a results file"
says "runs/out/r.json: No such file or directory"

# A trial over eight samples is no result, and would be so for every candidate: the run ends, and
# nothing is trained twice.
make_study trial
cat >trial/evaluate.sh <<'SH'
echo '{"results": {"mme": {"mme_perception_score,none": 1500}}, "config": {"limit": 8.0}}' >"$2/r.json"
echo "$2/r.json"
SH
run 3 run trial
says "'mme' is of a limited run, --limit 8"
says "'limited: true' under 'run:'"
times 1 trial/trained
sed -i 's/^run:/&\n  limited: true/' trial/study.yaml
run 0 run trial --finetunes 1
says "MME 1500"
times 1 trial/trained

# The same file by hand.
make_study hand
run 0 tell hand e --results results.json
prints "MMBench 64.25"
run 0 tell hand d --results results.json mme=3 --json
json '[.recorded[] | [.benchmark, .value]] | sort == [["MMBench", 64.25], ["MME", 3]]'
run 0 study show hand --history --json
json '.history[0].source == "results.json"'
echo '{"results": {"gqa": {"exact_match,none": 0.5}}}' >other.json
run 3 tell hand e --results other.json
says "{name: gqa, result: gqa.exact_match * 100}"
head -c 100 results.json >cut.json
run 3 tell hand e --results cut.json
says "not JSON"
run 3 tell hand e --results nowhere.json
run 2 tell hand e
says "--results"

# --- what is wrong with the commands is said before anything is asked -------------------------

make_study quotes
sed -i 's/train: .*/train: "sh train.sh \\"{candidate}\\" {out}"/' quotes/study.yaml
run 3 run quotes
says "{candidate} stands inside quotes"
sed -i 's/train: .*/train: sh train.sh {candidat} {out}/' quotes/study.yaml
run 3 run quotes
says "did you mean {candidate}?"
sed -i '/train: /d' quotes/study.yaml
run 3 run quotes
says "add 'train: COMMAND' under 'run:'"
run 0 study show quotes --json
json 'all(.candidates[]; .pending == false)'
run 3 run paper-2024
says "built in"

# --- killed, interrupted ----------------------------------------------------------------------

# kill -9 in the middle of a training: the command goes too, and the next run begins attempt 2.
make_study killed 'finetunes: 2'
hold killed/train.sh
start killed
kill -9 "$background"
wait "$background" 2>/dev/null
check "the training dies with the run" gone "$(cat killed/held)"
rm killed/hold
which=$(cat killed/trained)
released "killed/runs/${which//\//%2F}"
run 0 run killed --dry-run
prints "$which, attempt 2 (begun before)"
cp -r killed other_name
run 0 run other_name --worker other
says "the budget of 2 finetunes is used: 1 done; begun by others and left: 1 "
run 0 run killed
says "$which goes on: begun before"
times 3 killed/trained
check "the killed one first" test "$(sed -n 2p killed/trained)" = "$which"
check "its end is known" grep -q "^stopped" "killed/runs/${which//\//%2F}/1/train.end"

# kill -9 in the middle of an evaluation: what is trained is not trained again.
make_study evaluating 'finetunes: 2'
hold evaluating/evaluate.sh
start evaluating
kill -9 "$background"
wait "$background" 2>/dev/null
check "the evaluation dies with the run" gone "$(cat evaluating/held)"
rm evaluating/hold
which=$(cat evaluating/trained)
released "evaluating/runs/${which//\//%2F}"
run 0 run evaluating --dry-run
prints "train     (done)"
run 0 run evaluating
times 2 evaluating/trained
times 3 evaluating/evaluated

# Ctrl-C, and SIGTERM of a batch system: the command is told, the status is 130, the lease stays.
for signal in INT TERM; do
    make_study "stop$signal" 'finetunes: 1'
    echo 'trap "echo told >told; exit 1" TERM' >"stop$signal/first.sh"
    cat "stop$signal/train.sh" >>"stop$signal/first.sh"
    mv "stop$signal/first.sh" "stop$signal/train.sh"
    hold "stop$signal/train.sh"
    start "stop$signal"
    kill -s $signal "$background"
    wait "$background"
    check "status 130 after SIG$signal" test $? -eq 130
    check "the command was told" test -e "stop$signal/told"
    check "it says how to go on" grep -q "goes on" "stop$signal/bg.err"
    check "nothing on standard output" test ! -s "stop$signal/bg.out"
    rm "stop$signal/hold"
    run 0 run "stop$signal" --json
    json '.told | length == 1 and .[0].attempt == 2'
    times 2 "stop$signal/trained"
done

# --- several at once --------------------------------------------------------------------------

# Four processes share four candidates, and each ends with the complete ranking.
make_study shared
echo 'sleep .5' >>shared/train.sh
for i in 1 2 3 4; do
    "$EYECHART" run shared --json --no-report >shared/out.$i 2>shared/err.$i </dev/null &
    pids[i]=$!
done
for i in 1 2 3 4; do
    wait "${pids[i]}"
    check "process $i ends well" test $? -eq 0
    check "process $i sees all" jq -e '.n_finetuned == 4' "shared/out.$i"
done
times 4 shared/trained
check "none is trained twice" test "$(sort -u shared/trained | wc -l)" -eq 4
check "each is told once" test "$(jq -s '[.[].told[].name] | (length == 4) and (unique | length == 4)' shared/out.?)" = true

# The budget is the study's, not each process's.
make_study budget 'finetunes: 2'
echo 'sleep .5' >>budget/train.sh
for i in 1 2 3; do
    "$EYECHART" run budget --worker "w$i" --no-report >/dev/null 2>&1 </dev/null &
    pids[i]=$!
done
for i in 1 2 3; do wait "${pids[i]}"; done
times 2 budget/trained

# A process that waits takes over from one that is killed.
make_study over 'finetunes: 1'
hold over/train.sh
start over
"$EYECHART" run over --json --no-report >over/out 2>over/err </dev/null &
other=$!
sleep 0.5
kill -9 "$background"
wait "$background" 2>/dev/null
check "the training dies with the run" gone "$(cat over/held)"
rm -f over/held # a training that waits says so again and again
until_there over/held
rm over/hold
wait "$other"
check "the one that waited ends well" test $? -eq 0
check "and trained" jq -e '.told | length == 1 and .[0].attempt == 2' over/out
finish
