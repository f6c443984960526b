#!/bin/bash
# Help, the manual page and the completions come from one table: each covers every command.
. "${0%/*}/common.sh" "$@"
need man

run 0 help
mapfile -t commands < <(sed -n '/^Commands:/,/^$/{/^  /p}' out | cut -c3-16 | sed 's/ *$//')
check "the overview lists commands" test "${#commands[@]}" -ge 2

run 0 help --format man
cp out manual
run 0 help --format bash
cp out completion.bash
run 0 help --format zsh
cp out completion.zsh

for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    run 0 "${words[@]}" --help
    prints "eyechart $command - "
    prints "Usage: eyechart $command"
    prints "Examples:"
    check "$command: two examples or more" test "$(grep -c '^  eyechart\|^  source' out)" -ge 2
    check "$command: no line beyond 100 columns" bash -c '! grep -E "^.{101}" out'
    cp out "help.$command"
    run 0 help "${words[@]}"
    check "help $command is $command --help" cmp -s out "help.$command"
    check "the manual has $command" grep -q "^\.SS eyechart ${command//-/\\\\-}" manual
    while read -r option; do
        check "the manual has --$option" grep -qF "\\-\\-${option//-/\\-}" manual
        check "bash completes --$option of $command" grep -q "'$command') options='.*--$option " completion.bash
        check "zsh completes --$option" grep -qF -- "--$option" completion.zsh
    done < <(grep -oE '^  (-., )?--[a-z0-9-]+' "help.$command" | sed 's/.*--//' | grep -v '^help$')
done

MANWIDTH=80 man --warnings -l manual >page 2>warnings
check "the manual page renders without a warning: $(head -3 warnings)" test ! -s warnings
check "the manual page has its sections" test "$(grep -cE '^(NAME|SYNOPSIS|COMMANDS|EXIT STATUS|FILES)$' page)" -eq 5

check "the bash completion is valid" bash -n completion.bash
if command -v zsh >/dev/null; then
    check "the zsh completion is valid" zsh -n completion.zsh
else
    echo "zsh is not installed: its completion was not parsed"
fi

# complete WORD...: what bash offers for the last word
complete_words() {
    bash -c '. ./completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _eyechart; echo "${COMPREPLY[*]}"' \
        bash "$@"
}
check "bash completes a command" test "$(complete_words eyechart ver)" = version
check "bash completes an option" test "$(complete_words eyechart version --j)" = --json
check "bash completes a choice" test "$(complete_words eyechart help --format m)" = man
check "bash completes a choice after =" test "$(complete_words eyechart help --format = m)" = man

run 0 --help
prints "Commands:"
run 0 -h
run 2
silent
says "Commands:"
# Of a first word that commands share, help lists them.
for form in "help study" "study --help" "study -h"; do
    run 0 $form
    for second in new show check import export; do prints "  eyechart study $second "; done
done
run 2 study
says "study needs a second word"
run 2 study --json
says "study needs a second word"
run 2 help stud
says "there is no command 'stud'"

finish
