#!/bin/sh
# Installs a build below an empty folder and uses what arrived there as a stranger would: the
# program, a C program against eyechart.pc, each header on its own, the man page, the completions.
#
#   install.sh BUILD_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cd "$root"

# Moved after the installation: nothing may depend on the prefix.
DESTDIR=$root/stage cmake --install "$1" --prefix /opt/eyechart >log || { cat log; exit 1; }
mv stage/opt/eyechart installed
prefix=$root/installed

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name eyechart.pc)")
export PKG_CONFIG_PATH
cflags="-std=c11 -Wall -Wextra -Werror -pedantic $(pkg-config --cflags eyechart)"
cc $cflags "$here/use.c" -o use $(pkg-config --libs eyechart) -lm
./use
for header in "$prefix"/include/eyechart/*.h; do
    echo "#include <eyechart/${header##*/}>" | cc $cflags -fsyntax-only -xc - || exit 1
done

version=$("$prefix/bin/eyechart" --version | head -n 1)
[ "$version" = "eyechart $(pkg-config --modversion eyechart)" ] || { echo "--version: $version"; exit 1; }

man -l "$prefix/share/man/man1/eyechart.1" | grep -q NAME
zsh -n "$prefix/share/zsh/site-functions/_eyechart"
offered=$(bash -c '. "$1"; COMP_WORDS=(eyechart ver) COMP_CWORD=1; _eyechart; echo "${COMPREPLY[*]}"' \
    bash "$prefix/share/bash-completion/completions/eyechart")
[ "$offered" = version ] || { echo "bash completes 'eyechart ver' to '$offered'"; exit 1; }
