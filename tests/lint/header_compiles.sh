#!/bin/sh
# header_compiles.sh - the public header compiles as C99 and as C++11 without a warning, its layout holds on every ABI, and
# the examples and the Makefile for programs outside compile.
set -eu
cd "$(dirname "$0")/../.."
include=sdk/include
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wcast-qual -Wwrite-strings -Werror'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/use.c" <<'END'
#include <millrace/millrace.h>
#include <millrace/millrace.h>
struct mr_value as_written(double x);
struct mr_value as_written(double x)
{
    struct mr_value v = {MR_F64, 0, 0, {0}};
    v.as.f64 = mr_f64(x).as.f64 + (double)mr_i64(1).as.i64;
    return v;
}
END

compile() { # compile <compiler> <flag>...: checks only, writes nothing
    echo "$*"
    # shellcheck disable=SC2086  # the warnings are words
    "$@" $warnings -I"$include" -fsyntax-only
}

for cc in gcc clang; do
    command -v "$cc" >/dev/null || continue
    for std in c99 gnu99 c17; do
        compile "$cc" -std="$std" -Wstrict-prototypes -Wmissing-prototypes -Wvla "$work/use.c"
    done
    for example in sdk/examples/*.c; do
        compile "$cc" -std=gnu99 -Wstrict-prototypes -Wmissing-prototypes -Wvla "$example"
    done
    compile "$cc" -std=c99 sdk/examples/first_app.c
done
for cxx in g++ clang++; do
    command -v "$cxx" >/dev/null || continue
    for std in c++11 c++17; do
        compile "$cxx" -std="$std" -x c++ "$work/use.c"
    done
done
compile gcc -std=gnu17 -x c tests/unit/sdk/header_layout.h
if command -v clang >/dev/null; then
    for target in x86_64-linux-gnu aarch64-linux-gnu i386-linux-gnu arm-linux-gnueabihf; do
        compile clang -target "$target" -ffreestanding -std=gnu17 -x c tests/unit/sdk/header_layout.h
    done
fi
