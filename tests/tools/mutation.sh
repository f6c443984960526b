#!/bin/bash
# The tests see a wrong line: one line of a module changed, the module's tests must fail.
#
#   mutation.sh SOURCE BUILD      BUILD has compile_commands.json and the test programs
#
# Only the file changed is compiled, into a folder of its own, and linked before the library, whose version of it is then not
# taken. SOURCE and BUILD stay as they are.
set -eu
source=$(realpath "$1") build=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# mutant FILE FROM TO PROGRAM GROUP: FROM, a text that FILE has on one line, becomes TO
mutant() {
    local file=$1 from=$2 to=$3 program=$4 group=$5 compile link
    [ "$(grep -cF -- "$from" "$source/$file")" -eq 1 ] || {
        echo "$file: '$from' is not on one line; say in ${0##*/} what stands there now"
        failed=1
        return
    }
    awk -v from="$from" -v to="$to" '{
        at = index($0, from)
        print at ? substr($0, 1, at - 1) to substr($0, at + length(from)) : $0
    }' "$source/$file" >"$folder/mutant.c"
    compile=$(jq -r --arg file "$source/$file" 'map(select(.file == $file))[0].command' "$build/compile_commands.json")
    compile=${compile%% -o *}
    link=$(cd "$build" && ninja -t commands "tests/$program" | tail -n 1)
    (cd "$build" && eval "$compile -I'$source/$(dirname "$file")' -o '$folder/mutant.o' -c '$folder/mutant.c'" &&
        eval "${link/ -o tests\/$program / -o "'$folder/$program' '$folder/mutant.o' "}") || {
        echo "$file: '$to' does not build"
        failed=1
        return
    }
    if "$folder/$program" "$group" >"$folder/log" 2>&1; then
        echo "$file: the tests of $group pass with '$to' in the place of '$from'"
        failed=1
    else
        echo "$file: '$to': $(grep -c '^\[  FAILED  \] [a-z]' "$folder/log" || true) tests of $group fail"
    fi
}

mutant src/law/law.c '(double)(law->n - law->rank)' '(double)(law->n - law->rank + 1)' test_law law
mutant src/scores/alignment.c 'squares / (double)(n_images - 1)' 'squares / (double)n_images' test_scores alignment
exit $failed
