#!/bin/sh
# tools/check_layers lets a good tree pass and names every kind of broken include in a bad one.
#
#   check_layers.sh SOURCE_DIR
set -eu
check=$1/tools/check_layers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"
mkdir -p docs include/eyechart src/base src/image src/law src/cli
printf '%s\n' '# comment' 'base status.h' 'image image.h' 'law law.h < base' 'cli' >docs/layers.txt
touch include/eyechart/status.h include/eyechart/image.h
echo '#include "eyechart/status.h"' >include/eyechart/law.h
printf '%s\n' '#include "law/law_private.h"' '#include <stdio.h>' '#include "base/text.h"' >src/law/law.c
echo '#include "eyechart/law.h"' >src/cli/main.c
"$check" . || { echo "a good tree does not pass"; exit 1; }

failures=0
# expect FILE LINE MESSAGE: adds the line to the file, wants the message, takes the line out again.
expect() {
    cp "$1" saved 2>/dev/null || rm -f saved
    echo "$2" >>"$1"
    if output=$("$check" . 2>&1); then
        echo "passes although $1 has: $2"; failures=1
    elif ! echo "$output" | grep -qF "$3"; then
        echo "$1 has: $2"; echo "  expected: $3"; echo "  got: $output"; failures=1
    fi
    if [ -e saved ]; then mv saved "$1"; else rm "$1"; fi
}
expect src/base/text.c '#include "law/law_private.h"' 'src/base/text.c:1: includes "law/law_private.h": law builds on base'
expect src/base/text.c '#  include <eyechart/law.h>' 'law builds on base'
expect src/law/law.c '#include "eyechart/image.h"' 'src/law/law.c:4: includes "eyechart/image.h": docs/layers.txt does not allow law to use image'
expect src/cli/main.c '#include "law/law_private.h"' 'cli uses only the public headers'
expect src/cli/main.c '#include "../law/law_private.h"' 'name it from src/ or include/'
expect src/law/law.c '#include "law_private.h"' 'name it with its module'
expect src/law/law.c '#include "eyechart/other.h"' 'docs/layers.txt gives to no module'
expect src/law/law.c '#include "zoo/zoo.h"' 'of an unknown module'
expect include/eyechart/law.h '#include "base/text.h"' 'is public and includes "base/text.h", which is not'
expect include/eyechart/status.h '#include "eyechart/law.h"' 'law builds on base'
expect include/eyechart/other.h '' 'include/eyechart/other.h: belongs to no module'
mkdir src/zoo
expect src/zoo/zoo.c '' 'src/zoo/zoo.c: belongs to no module'
expect src/stray.c '' 'src/stray.c: belongs to no module'
exit $failures
