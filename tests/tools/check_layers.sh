#!/bin/sh
# tools/check_layers lets a good tree pass and names every kind of broken include, and every file
# and folder that is too long, in a bad one.
#
#   check_layers.sh SOURCE_DIR
set -eu
check=$1/tools/check_layers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"
mkdir -p docs include/eyechart src/base src/store src/image/png src/image/gif src/image/film src/law src/cli
printf '%s\n' '# comment' 'base status.h' 'store <sqlite3.h>' 'image image.h' 'image/film: image/gif' \
    'law law.h < base' 'cli' >docs/layers.txt
touch include/eyechart/status.h include/eyechart/image.h
echo '#include "eyechart/status.h"' >include/eyechart/law.h
printf '%s\n' '#include "law/law_private.h"' '#include <stdio.h>' '#include "base/text.h"' >src/law/law.c
echo '#include "eyechart/law.h"' >src/cli/main.c
echo '#include <sqlite3.h>' >src/store/store.c
printf '%s\n' '#include "image/png/png.h"' '#include "image/gif/gif.h"' >src/image/image.c
printf '%s\n' '#include "image/png/png.h"' '#include "image/decode.h"' '#include "base/text.h"' >src/image/png/png.c
echo '#include "image/gif/gif.h"' >src/image/film/film.c
lines() { seq "$1" | sed 's|.*|/* & */|'; }
lines 800 >src/base/long.c
for i in 1 2 3 4 5 6 7 8 9 10; do lines 700 >src/law/law_$i.h; lines 701 >src/cli/cmd_$i.c; done
rm src/law/law_10.h
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
expect src/base/text.c '#include <sqlite3.h>' 'src/base/text.c:1: includes <sqlite3.h>, which only store may'

# Sub-folders.
expect src/image/png/png.c '#include "image/gif/gif.h"' 'src/image/png/png.c:4: includes "image/gif/gif.h": image/png and image/gif are sisters'
expect src/image/gif/gif.c '#include "image/film/film.h"' 'image/gif and image/film are sisters'
expect src/image/png/png.c '#include "eyechart/law.h"' 'law builds on image, not the other way round'
expect src/base/text.c '#include "image/png/png.h"' 'image/png belongs to image alone'
expect src/law/law.c '#include "image/png/png.h"' 'image/png belongs to image alone'
echo '#include "image/film/film.h"' >src/image/gif/gif.c
expect docs/layers.txt 'image/gif: image/film' 'src/image/gif/gif.c:1: image/gif uses image/film, and they are in a cycle'
rm src/image/gif/gif.c

# Lengths; cli may have any.
expect src/base/long.c '/* 801 */' 'src/base/long.c: has 801 lines, more than 800'
mkdir tests tools
lines 800 >tests/test_law.sh
expect tests/test_law.sh '# 801' 'tests/test_law.sh: has 801 lines, more than 800'
lines 5000 >tests/golden.csv
lines 700 >src/law/law_10.h
expect src/law/law.c '' 'src/law: has 7004 lines, more than 7000'
exit $failures
