#!/bin/bash
# tell --results: files of lmms-eval and VLMEvalKit, what is left out of them, where numbers are from, units.
. "${0%/*}/common.sh" "$@"
need jq

study() {
    rm -rf "$1"
    mkdir "$1"
    cat >"$1/study.yaml" <<'YAML'
benchmarks:
  - name: MMBench
  - name: MME
  - name: TextVQA
  - name: POPE
candidates:
  - {name: CLIP@336, A: .8, C: 15}
  - {name: CLIP@224, A: .79, C: 14}
  - {name: SigLIP, A: .6, C: 13}
YAML
}

# What belongs to no benchmark is named with the line to add, which then takes it. What was typed
# does not come from the file.
study s
cat >r.json <<'JSON'
{"results": {"pope": {"pope_accuracy,none": 0.85, "pope_f1_score,none": 0.83},
             "mmbench_en_dev_static": {"gpt_eval_score,none": 64.2},
             "textvqa_val": {"exact_match,none": 0.5, "exact_match_stderr,none": 0.0078125},
             "mme": {"mme_perception_score,none": 1502.7}}}
JSON
run 0 tell s CLIP@224 --results r.json mme=1500
says "'pope' is left out; if it is POPE, write under '- name: POPE' in study.yaml: result: pope.pope_accuracy * 100 (or pope_f1_score)"
says "if it is MMBench, write under '- name: MMBench' in study.yaml: result: mmbench_en_dev_static.gpt_eval_score"
prints "r.json: TextVQA is textvqa_val.exact_match x 100"
run 0 study show s --history --json
json '[.history[] | [.benchmark, .value, .se, .source]] == [["MME", 1500, null, ""], ["TextVQA", 50, 0.78125, "r.json"]]'
sed -i 's/- name: POPE/&\n    result: pope.pope_accuracy * 100/' s/study.yaml
run 0 tell s CLIP@224 --results r.json --source 'by hand' --json
json '[.recorded[] | [.benchmark, .value, .file, .from]] | index([["POPE", 85, "r.json", "pope.pope_accuracy x 100"]])'
json '.notes | length == 1'
run 0 study show s --history --json
json '.history[-1].source == "by hand"'

# A file a task, in a folder, named one by one, or as a shell makes them of a pattern.
mkdir -p logs/org__m
write() { echo "{\"results\": {\"$2\": {\"$3,none\": $4}}, \"model_name\": \"${5:-org/m}\"}" >"logs/org__m/$1_results.json"; }
write 20240906_120000 mme mme_perception_score 1400.5
write 20240906_130000 mmbench_en_dev gpt_eval_score 60.5
touch logs/org__m/20240906_120000_samples_mme.jsonl
for how in "--results logs" "--results logs/org__m/20240906_120000_results.json --results logs/org__m/20240906_130000_results.json" \
    "--results logs/org__m/20240906_120000_results.json logs/org__m/20240906_130000_results.json"; do
    study t
    run 0 tell t SigLIP $how --json
    json '[.recorded[] | [.benchmark, .value]] | sort == [["MMBench", 60.5], ["MME", 1400.5]]'
done
write 20240907_000000 mme mme_perception_score 1500.5
run 0 tell t SigLIP --results logs --json
json '.notes[0] | test("1500.5 of .*20240907.* counts, which is newer than 1400.5")'
write 20240908_000000 mme mme_perception_score 1300 other
run 3 tell t SigLIP --results logs
says "of the model 'other'"
run 0 tell t SigLIP --results logs/org__m/20240908_000000_results.json logs/org__m/20240906_130000_results.json
says "of the model 'other'"
run 2 tell t SigLIP mme=3 logs/org__m/20240908_000000_results.json
says "a result is BENCHMARK=VALUE"
run 3 tell t SigLIP --results nowhere
says "nowhere: no such file"
mkdir empty
run 3 tell t SigLIP --results empty
says "no results file in it"

# Tables of VLMEvalKit, as it lays them out: links to the files of the last evaluation.
mkdir -p kit/vila_8b/T20240101_G0123abcd
cd kit/vila_8b/T20240101_G0123abcd
printf '"split","Overall","AR"\n"dev","0.625","0.7"\n' >vila_8b_MMBench_DEV_EN_acc.csv
printf '"Overall"\n"60.16"\n' >vila_8b_TextVQA_VAL_acc.csv
printf '"perception","reasoning"\n"1502.5","300.0"\n' >vila_8b_MME_score.csv
printf '"split","Overall","acc"\n"Overall","85.5","86.0"\n"random","87.0","88.0"\n' >vila_8b_POPE_score.csv
for f in *; do ln -s "T20240101_G0123abcd/$f" ../; done
cd "$work"
study k
run 0 tell k CLIP@336 --results kit --json
json '[.recorded[] | [.benchmark, .value]] | sort == [["MMBench", 62.5], ["MME", 1502.5], ["TextVQA", 60.16]]'
json '.notes == [.notes[] | select(test("POPE.Overall,Overall"))] and (.notes | length) == 1'
sed -i "s/- name: POPE/&\n    result: 'POPE.acc,Overall'/" k/study.yaml
run 0 tell k CLIP@336 --results kit/vila_8b/vila_8b_POPE_score.csv
prints "POPE 86"

# A limited run is no result unless asked for.
cat >limit.json <<'JSON'
{"results": {"mmbench_en_dev": {"gpt_eval_score,none": 64.2}}, "config": {"limit": 8.0},
 "n-samples": {"mmbench_en_dev": {"original": 4329, "effective": 8}}}
JSON
study l
run 3 tell l CLIP@224 --results limit.json
says "limit.json: 'mmbench_en_dev' is of a limited run, 8 of 4329 samples"
says "'eyechart tell --limited'"
run 0 study show l --history --json
json '.history == []'
run 0 tell l CLIP@224 --results limit.json --limited
says "limited run, 8 of 4329 samples"
prints "MMBench 64.2"

# What is in another unit than the other results, or than such results are, is said at once.
study u
run 0 tell u CLIP@224 MMBench=0.642
says "warning: MMBench of 'CLIP@224' is 0.642, while results of that benchmark are 1 to 100; is the unit right? In the same unit it may be 64.2"
study u
run 0 tell u CLIP@336 MMBench=65.1
run 0 tell u CLIP@224 MMBench=0.642 --json
json '.warnings == ["MMBench of '"'CLIP@224'"' is 0.642, while the other result is 65.1; is the unit right? In the same unit it may be 64.2"]'
run 0 tell u CLIP@224 MMBench=64.2 --json
json '.warnings == []'
run 0 tell u SigLIP MME=150250
says "MME of 'SigLIP' is 150250"
study v
sed -i 's/- name: POPE/- {name: mine}/' v/study.yaml
run 0 tell v CLIP@336 mine=0.3
run 0 tell v CLIP@224 mine=0.02 --json
json '.warnings == []'

# Other files than results.
echo '{"a": 1}' >config.json
run 3 tell t SigLIP --results config.json
says 'no object "results" in it'
printf 'PK\3\4' >m_MME_score.xlsx
run 3 tell t SigLIP --results m_MME_score.xlsx
says "save the sheet as CSV"
printf 'candidate,MME\na,3\n' >table.csv
run 3 tell t SigLIP --results table.csv
says "study import"
finish
