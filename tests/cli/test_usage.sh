#!/bin/bash
# What is wrong with a command line is said, with the nearest right spelling; status 2.
. "${0%/*}/common.sh" "$@"

run 2 hlep
says "there is no command 'hlep'; did you mean 'help'?"
silent
run 2 help nothing-like-it
says "there is no command 'nothing-like-it'"
run 2 version --jsno
says "version has no option '--jsno'; did you mean '--json'?"
run 2 version -x
says "version has no option '-x'"
run 2 version --json=yes
says "--json takes no value"
run 2 version extra
says "'extra' is one word too many"
run 2 help --format
says "--format needs a value"
run 2 help --format=mna
says "--format is one of text, man, bash, zsh, not 'mna'; did you mean 'man'?"
run 2 help --format=man --format=bash
says "--format is given twice"
run 0 help --format=man
run 0 help --format man
run 0 --version
prints "eyechart "
prints "computes with "
run 0 version --json
check "the last resort is among what computes" grep -q '"portable"' out
run 0 help -- version

# Output that does not arrive is a failure.
"$EYECHART" help >/dev/full 2>err
check "a full disk under stdout is status 3" test $? -eq 3
ran="eyechart help >/dev/full"
says "No space left on device"
"$EYECHART" help >&- 2>err
check "a closed stdout is status 3" test $? -eq 3
says "standard output"
finish
