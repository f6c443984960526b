#!/bin/bash
# eyechart tokens: ids and texts, files of texts, and how wrong input is refused.
. "${0%/*}/common.sh" "$@"
need jq
tokenizers=$SOURCE_DIR/tests/tokenizers

run 0 tokens "$tokenizers/smollm2.json" "Hello world" --json
says "read as: fast"
ids=$(jq -c .ids out)
check "decoded is the text" test "$(jq -r .decoded out)" = "Hello world"
check "as many tokens as ids" test "$(jq '(.ids | length) == (.tokens | length)' out)" = true
run 0 tokens "$tokenizers/smollm2.json" --decode "$ids"
check "ids become the text" test "$(cat out)" = "Hello world"

# One line a token, with its spelling.
run 0 tokens "$tokenizers/bpe-bytes.model" " "
says "read as: slow, legacy"
prints "1  <s>"
run 0 tokens "$tokenizers/bpe-bytes.model" --no-special ""
check "nothing has no ids" test "$(cat out)" = ""

# Files: a JSON string a line, an object a line.
printf '%s\n' '"a"' '"b\u0000c"' '"\u0085"' >texts
run 0 tokens "$tokenizers/qwen2.json" --texts texts --json
check "one line a text" test "$(wc -l <out)" = 3
check "a zero is text" test "$(jq -c .decoded out | sed -n 2p)" = '"b\u0000c"'
echo 'a' >texts
run 3 tokens "$tokenizers/qwen2.json" --texts texts
says "texts: line 1: expected a JSON string"

run 2 tokens "$tokenizers/qwen2.json"
says "no text: expected TEXT, or --texts FILE"
run 2 tokens "$tokenizers/qwen2.json" --decode "1 x"
says "'x' is no id of this tokenizer; it has 0 to 504"
for id in 999999 505 -1 4294967297 1.5 0x10; do
    run 2 tokens "$tokenizers/qwen2.json" --decode -- "$id"
    says "'$id' is no id of this tokenizer; it has 0 to 504"
done
run 3 tokens "$tokenizers/qwen2.json" $'ab\xff'
says "the text is not UTF-8 at byte 2 (0xFF)"
mkdir empty
run 3 tokens empty x
says "empty: no tokenizer; expected tokenizer.model, tokenizer.json, or vocab.json with merges.txt"
run 3 tokens "$tokenizers/qwen2.json" --reading slow x
says "qwen2.json: cannot be read as was asked for: slow readings are of *.model, fast ones of tokenizer.json"
finish
