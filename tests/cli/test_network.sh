#!/bin/bash
# A study on a file system that machines share is refused, with what to do instead; whatever does not
# need study.db is not.
. "${0%/*}/common.sh" "$@"
. "$SOURCE_DIR/tests/cli/run_study.sh"
need jq cc ldd

make_study local
if sanitized; then
    echo "not tried: a sanitizer does not like to come second"
else
    cc -shared -fPIC -O1 -o elsewhere.so "$SOURCE_DIR/tests/cli/elsewhere.c" -ldl || fail "cannot build elsewhere.so"
    # there TYPE STATUS ARGUMENT...: where net/ is on a file system of that type
    there() {
        local type=$1 expected=$2 status
        shift 2
        ran="type $type: eyechart $*"
        env ELSEWHERE=net ELSEWHERE_TYPE="$type" LD_PRELOAD=./elsewhere.so "$EYECHART" "$@" >out 2>err </dev/null
        status=$?
        n_checks=$((n_checks + 1))
        [[ $status -eq $expected ]] || fail "$ran: exit status $status, expected $expected; $(head -c 500 err)"
    }

    mkdir net
    cp -r local net/study
    for type in 0x6969 0x0BD00BD0 0x19830326 0x47504653 0x517B 0xFF534D42 0xFE534D42; do
        there $type 3 run net/study --no-report
        says "net/study/study.db: is on a network file system ("
        says "keep the folder of the study on a disk of one machine"
        silent
    done
    check "nothing is trained" test ! -e net/study/trained
    check "nothing is made" test ! -e net/study/study.db

    # Every command that opens a study, and those that make one.
    for command in "ask" "tell e MME=3" "rank" "study show" "study check" "score"; do
        read -r -a words <<<"$command"
        if [[ ${words[0]} = tell ]]; then words=(tell net/study "${words[@]:1}"); else words+=(net/study); fi
        there 0x6969 3 "${words[@]}"
        says "(NFS)"
    done
    there 0x6969 3 study new net/new
    says "net/new: is on a network file system (NFS)"
    mkdir net/empty
    there 0x6969 3 study new net/empty
    says "net/empty: is on a network file system (NFS)"
    check "and leave nothing behind" test "$(find net | wc -l)" -eq 6

    # Who knows that no other machine opens it says so.
    export EYECHART_NETWORK_FS=1
    there 0x6969 0 run net/study --no-report --finetunes 1
    export EYECHART_NETWORK_FS=0
    there 0x6969 3 run net/study --no-report
    unset EYECHART_NETWORK_FS

    # The built-in studies have no file, and a disk of this machine is fine.
    there 0x6969 0 rank
    there 0xEF53 0 rank net/study

    # Only the models are there: others train, this machine keeps the study.
    mkdir net/runs
    ln -s "$PWD/net/runs" local/runs
    there 0x6969 0 run local --no-report --finetunes 1 --json
    json '.n_finetuned == 1'
    check "the model is there" test -n "$(ls net/runs/*/out/model)"
fi

# A real one.
if command -v bindfs fusermount >/dev/null && [[ -w /dev/fuse ]] && mkdir -p fuse && bindfs . fuse 2>/dev/null; then
    trap 'fusermount -u "$work/fuse"; rm -rf "$work"' EXIT
    make_study real
    run 3 run fuse/real --no-report
    says "fuse/real/study.db: is on a network file system (fuse"
    run 0 run real --no-report --finetunes 1
    export EYECHART_NETWORK_FS=1
    run 0 run fuse/real --no-report
    unset EYECHART_NETWORK_FS
else
    echo "not tried: a real FUSE mount, which takes bindfs and /dev/fuse"
fi
finish
