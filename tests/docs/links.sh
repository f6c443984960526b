#!/bin/sh
# Every relative link of every Markdown page of the repository leads to a file.
#
#   links.sh SOURCE_DIR
set -eu
cd "$1"
broken=$(
    find . -name build -prune -o -name '*.md' -print | LC_ALL=C sort | while read -r page; do
        { grep -oE '\]\([^)# ]+' "$page" || true; } | cut -c3- | while read -r target; do
            case $target in *:*) continue ;; esac
            [ -e "$(dirname "$page")/$target" ] || echo "$page: there is no $target"
        done
    done
)
[ -z "$broken" ] || { echo "$broken"; exit 1; }
