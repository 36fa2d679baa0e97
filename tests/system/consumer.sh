#!/bin/sh
# consumer.sh - a project outside: installs the SDK somewhere, builds apps on it as its users would, and runs them.
# promise: own-symbols
# once: it builds for itself, with the compiler's own settings
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
export DESTDIR="$work/root"
cmake --install "$MILLRACE_BUILD" --component sdk >"$work/install.log"
cmake --install "$MILLRACE_BUILD" --component sdk_runtime >>"$work/install.log"
unset DESTDIR
pc=$(find "$work/root" -name millrace.pc)
lib=$(dirname "$(find "$work/root" -name libmillrace.a)")
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
export LD_LIBRARY_PATH="$lib" MILLRACE_SOCKET="$work/none.sock"

# An app with a function named like one of ours: each must keep its own.
cat >"$work/app.c" <<'END'
#include <millrace/millrace.h>
#include <stdio.h>

int buf_append(int a, int b);
int buf_append(int a, int b)
{
    return a * 100 + b;
}

int main(void)
{
    struct mr_bus *bus;
    struct mr_tag *tag;
    struct mr_tag_def def = {.size = sizeof def, .topic = "./oil/temp", .unit = "°C", .type = MR_F64};
    struct mr_value v = mr_f64(48.2);
    if (mr_open(&bus, NULL) || mr_tag_open(bus, NULL, &def, &tag) || mr_tag_write(tag, &v, 0, MR_NO_TIME))
        return 1;
    if (mr_publish(bus, "./raw", "bytes", 5) || mr_run(bus, 20))
        return 2;
    if (mr_flush(bus, MR_ACCEPTED, 20) != MR_ISOLATED)
        return 3;
    mr_close(bus, 0);
    printf("%d %s\n", buf_append(4, 2), mr_version());
    return 0;
}
END
cat >"$work/app.cc" <<'END'
#include <millrace/millrace.h>
int main()
{
    mr_bus *bus = nullptr;
    mr_options opt = {};
    opt.size = sizeof opt;
    opt.app = "from-cxx";
    if (mr_open(&bus, &opt) != MR_OK)
        return 1;
    mr_value v = mr_i64(7);
    char text[8];
    int rc = mr_value_text(&v, text, sizeof text) == 1 && mr_run(bus, 1) == MR_OK ? 0 : 2;
    mr_close(bus, 0);
    return rc;
}
END

check() { # name, program
    said=$("$2")
    case $said in
    "402 "*) echo "ok: $1" ;;
    *) echo "$1 said '$said'" >&2 && exit 1 ;;
    esac
}

# shellcheck disable=SC2046 # pkg-config gives words
{
    ${CC:-cc} -std=c99 -Wall -Wextra -Wpedantic -Werror "$work/app.c" -o "$work/shared" \
        $(pkg-config --cflags --libs millrace)
    ${CC:-cc} -std=c99 -Wall -Wextra -Werror "$work/app.c" -o "$work/static" \
        $(pkg-config --cflags millrace) "$lib/libmillrace.a" \
        $(pkg-config --libs-only-l --static millrace | sed 's/-lmillrace//')
}
check "shared, by pkg-config" "$work/shared"
check "static, by pkg-config" "$work/static"
if ldd "$work/static" | grep -q libmillrace; then
    echo "the static app asks for the shared library" >&2
    exit 1
fi

languages=C
if command -v "${CXX:-c++}" >/dev/null; then
    languages="C CXX"
fi
mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.16)
project(outside LANGUAGES $languages)
set(CMAKE_C_STANDARD 99)
find_package(millrace 0.1 REQUIRED)
foreach(kind millrace static)
  add_executable(app_\${kind} ../app.c)
  target_link_libraries(app_\${kind} PRIVATE millrace::\${kind})
endforeach()
if(CMAKE_CXX_COMPILER)
  add_executable(app_cxx ../app.cc)
  target_link_libraries(app_cxx PRIVATE millrace::millrace)
endif()
END
cmake -S "$work/project" -B "$work/out" -DCMAKE_PREFIX_PATH="$(dirname "$lib");$(dirname "$(dirname "$lib")")" \
    -DCMAKE_FIND_ROOT_PATH="$work/root" >"$work/cmake.log"
cmake --build "$work/out" >>"$work/cmake.log"
check "shared, by find_package" "$work/out/app_millrace"
check "static, by find_package" "$work/out/app_static"
if [ "$languages" = "C CXX" ]; then
    "$work/out/app_cxx"
    echo "ok: C++"
else
    echo "no C++ compiler here: the C++ app was not built"
fi

shown=$(nm -D --defined-only "$lib/libmillrace.so" | awk '$2 != "A" { print $3 }' | grep -v '^mr_' || true)
if [ -n "$shown" ]; then
    echo "not ours to show: $shown" >&2
    exit 1
fi
echo "ok: only mr_* is visible"
