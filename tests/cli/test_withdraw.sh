#!/bin/bash
# What was told is taken back, leases are given back and renewed, what cannot be trained is told so:
# by hand and beside `run`.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/run_study.sh"
need jq

printf 'candidate,C,A,cost,MMBench,MME\nCLIP@224,14.3,.82,80,,\nDINOv2,24.5,.47,80,,\nSigLIP,12.9,.53,80,,\nSDXL,16.5,.35,80,60.1,\n' >e.csv
run 0 study new s --import e.csv

# Told for the wrong candidate.
run 0 tell s CLIP@224 MMBench=65.7 --hours 75
for bad in '' null none nan - N/A; do
    run 2 tell s CLIP@224 "MMBench=$bad"
    says "eyechart withdraw s CLIP@224 MMBench"
done
printf 'candidate,MMBench\nCLIP@224,\n' >w.csv
run 0 study import s w.csv
says "withdraw"
run 0 withdraw s clip@224 mmbench --why 'was of DINOv2' --worker me
prints "withdrawn for CLIP@224: MMBench 65.7 (kept in the history)"
prints "75 GPU-hours stay recorded"
prints "1 of 4 candidates have results"
run 0 study show s --json
json '.candidates[0] | .results.MMBench == null and .n_results.MMBench == 0'
run 0 study show s --history
prints "withdrawn"
prints "was of DINOv2"
run 0 study show s --history --json
json '.history[-1] | .kind == "withdrawn" and .value == 65.7 and .worker == "me" and .source == "was of DINOv2" and .current == false'
run 0 study check s
prints "results were withdrawn, and none told since, of CLIP@224"
run 3 withdraw s CLIP@224
says "has no results"
run 0 withdraw s CLIP@224 --hours
prints "75 GPU-hours withdrawn too"
run 3 withdraw s CLIP@224 MMBench
says "'CLIP@224' has no result for MMBench; nothing was withdrawn"
run 3 withdraw s CLIP224
says "did you mean 'CLIP@224'?"
run 3 withdraw s CLIP@224 MMBunch
says "MMBench"
run 3 withdraw paper-2024 DINOv2
says "built in"
run 2 withdraw s
run 0 tell s DINOv2 MMBench=65.7 MME=1300 --json
run 0 withdraw s DINOv2 --json
json '.withdrawn == [{"benchmark": "MMBench", "value": 65.7}, {"benchmark": "MME", "value": 1300}] and .kept_for == null and .failure == false'
run 0 study export s
check "a withdrawn result is in no export" bash -c '! grep -q 65.7 out'

# Who has what.
run 0 ask s --worker node1 --json
first=$(jq -r '.candidates[0].name' out)
run 0 ask s --worker node2 --json
second=$(jq -r '.candidates[0].name' out)
run 0 study show s --pending
prints "$first"
prints "node1"
run 0 study show s --pending --json
json '.pending | length == 2 and .[0].candidate == $first and .[0].worker == "node1" and .[1].worker == "node2" and (.[0].age_s >= 0 and .[0].age_s < 600) and .[0].expires_in_s > 200000 and (.[0].asked | test("^20"))' --arg first "$first"
run 0 study show s --json
json '(.pending | length) == 2 and .failed == [] and .n_failed == 0'
run 3 ask s --release "$first"
says "'$first' is kept for the worker 'node1', not for 'default'"
says "--worker node1"
run 3 ask s --release
says "no candidate is kept for the worker 'default'"
run 0 ask s --release "$first" --worker node1
prints "$first is given back"
run 3 ask s --release "$first" --worker node1
says "there is nothing to give back"
run 0 ask s --worker node3 --json
json '.candidates[0].name == $first and .candidates[0].repeated == false' --arg first "$first"
run 0 ask s --renew --worker node3 --lease 5
prints "$first is kept for node3 for 5 h 0 min"
run 0 ask s --renew "$second" --worker node2 --lease 200 --json
json '.renewed == [$second] and .pending[0].expires_in_s > 700000' --arg second "$second"
run 3 ask s --renew "$second" --worker node3
says "'$second' is kept for the worker 'node2'"
run 2 ask s "$second"
says "--release or --renew"
run 2 ask s --release --renew
run 0 ask s --release --worker node3 --json
json '.released == [$first] and .pending == []' --arg first "$first"

# A lease that ran out may be renewed while nobody else has it.
run 0 ask s --worker node4 --lease 0.001 --json
lapsed=$(jq -r '.candidates[0].name' out)
sleep 4
run 0 study show s --pending --json
json '[.pending[].worker] == ["node2"]'
run 0 ask s --renew "$lapsed" --worker node4
prints "$lapsed is kept for node4 for"

# Told by mistake for what another is training: it stays with that one.
run 0 tell s "$second" MME=1
run 0 withdraw s "$second" --json
json '.kept_for == "node2"'
run 0 ask s --worker node2 --json
json '.candidates[0].name == $second and .candidates[0].repeated' --arg second "$second"

# It cannot be trained.
run 2 tell s "$second"
says "--failed"
run 2 tell s "$second" MME=1 --failed
run 2 tell s "$second" MME=1 --why because
run 0 tell s "$second" --failed --hours 12 --worker node2 --why 'out of memory'
prints "recorded: $second failed (out of memory); it is not asked for any more"
prints "eyechart withdraw s $second --failed"
run 0 tell s "$second" --failed --hours 12 --worker node2 --why 'out of memory'
prints "known already"
run 0 ask s --worker node2 --json
json '.candidates[0].name != $second' --arg second "$second"
run 0 study show s
prints "1 failed"
run 0 study show s --pending
prints "out of memory"
run 0 study show s --pending --json
json '.failed | length == 1 and .[0].candidate == $second and .[0].hours == 12 and .[0].why == "out of memory" and .[0].worker == "node2"' --arg second "$second"
run 0 study show s --json
json '.hours_spent == 92 and .hours_failed == 12 and .n_failed == 1 and ([.candidates[] | select(.failed) | .name] == [$second])' --arg second "$second"
run 0 study check s
prints "failed, and not asked for: $second"
run 1 ask s -n 9 --worker node9
says "1 failed"
run 3 tell s SDXL --failed
says "has results"
run 3 withdraw s SDXL --failed
says "was not told as failed"
run 2 withdraw s SDXL MME --failed
run 0 withdraw s "$second" --failed
prints "$second may be asked for again"
prints "12 GPU-hours stay recorded"
run 0 ask s --worker node9 --json
json '.candidates[0].name == $second' --arg second "$second"
run 0 tell s "$second" --failed
run 0 tell s "$second" MME=1234
prints "$second was told as failed before; it is no longer"

# A run knows of it, and what a run gives up is known to `ask`.
make_study r
run 0 tell r e --failed --why 'no licence'
echo '[ "$1" != d ] || exit 7' >>r/train.sh
run 4 run r --json --no-report
json '.n_failed == 2 and .n_finetuned == 2 and [.given_up[].name] == ["d"]'
check "what failed by hand is not trained" bash -c '! grep -qx e r/trained'
run 0 study show r --pending --json
json '[.failed[] | [.candidate, .worker]] == [["e", "default"], ["d", "run"]] and (.failed[1].why | test("status 7"))'
run 1 ask r
says "2 failed"

# What was taken back is begun anew by the next run, without --retry-failed.
sed -i '/exit 7/d' r/train.sh
run 0 withdraw r d --failed
run 4 run r --json --no-report # e failed before
json '[.told[].name] == ["d"] and .n_failed == 1 and .n_finetuned == 3'
run 0 run r --retry-failed --dry-run
prints "sh train.sh e"
run 0 study show r --json
json '.n_failed == 1' # looked at only
run 0 run r --retry-failed --json --no-report
says "e: told as failed before; may be asked for again"
json '[.told[].name] == ["e"] and .n_failed == 0'

# Withdrawn results of a run are evaluated again, and not trained again.
times 5 r/trained
times 4 r/evaluated
run 0 withdraw r d --why 'wrong split'
run 0 run r --dry-run
prints "evaluate"
echo 'echo MME=7777' >>r/evaluate.sh
run 0 run r --json --no-report
json '[.told[].name] == ["d"]'
times 5 r/trained
times 5 r/evaluated
run 0 study show r --json
json '[.candidates[] | select(.name == "d") | .results.MME] == [7777]'
run 0 run r --json --no-report
json '.told == []'
times 5 r/evaluated

# A study whose run gave up before study.db knew of it.
make_study old
mkdir -p old/runs/d/1
echo "exited 7 1700000000000 1000" >old/runs/d/1/train.end
touch old/runs/d/1/train.log
echo "the training exited with status 7" >old/runs/d/failed
run 4 run old --json --no-report
json '.n_failed == 1 and .n_finetuned == 3'
run 0 study show old --pending --json
json '[.failed[] | [.candidate, .why]] == [["d", "the training exited with status 7"]]'
finish
