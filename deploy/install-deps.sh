#!/bin/sh
# Installs the Debian packages Millrace needs and this machine does not have yet. Nothing else is changed.
# The lists below are the only place where packages are named.
set -eu

# One per line; a|b: either will do (a name that changed between releases).
run_packages='
libcyaml1
libev4|libev4t64
libexpat1
libjansson4
libprotobuf-c1
libsodium23
libxxhash0
libyaml-0-2
libzmq5
'
build_packages='
cmake
gcc
libc6-dev
libcyaml-dev
libev-dev
libexpat1-dev
libjansson-dev
libprotobuf-c-dev
libsodium-dev
libxxhash-dev
libyaml-dev
libzmq3-dev
ninja-build
protobuf-c-compiler
'
test_packages='
aardvark-dns
buildah
clang
clang-format
clang-tidy
codespell
cppcheck
docker-compose
doxygen
g++
gcovr
git
iproute2
iptables
libclang-rt-dev
libcmocka-dev
mmdebstrap
netavark
pkgconf
pmccabe
podman
python3
runc
shellcheck
yamllint
'
bench_packages='
libcmocka-dev
libmosquitto-dev
libnats-dev
mosquitto
nats-server
openssl
python3
'

usage()
{
    cat <<'END'
usage: deploy/install-deps.sh [--run | --build | --test | --bench] [--list]
  --run    what the installed programs need
  --build  what building needs (the default)
  --test   that, and what the tests need
  --bench  what building needs, and what is measured beside Millrace in tests/bench; testing never needs that
  --list   only print what is missing, one package per line
Needs root or sudo if something is missing; without a terminal, sudo without a password.
END
}

die()
{
    printf 'install-deps: %s\n' "$1" >&2
    exit 1
}

is_installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The packages of the list in $1 that are not here, each with its alternatives.
missing_of()
{
    for names in $1; do
        found=no
        for name in $(printf '%s' "$names" | tr '|' ' '); do
            if is_installed "$name"; then found=yes; fi
        done
        if [ $found = no ]; then echo "$names"; fi
    done
}

# Of the alternatives in $1 the first that this release has.
choose()
{
    for name in $(printf '%s' "$1" | tr '|' ' '); do
        if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    cat "$log" >&2
    die "no package $1 in the sources of /etc/apt. Is there a network, and are they reachable?"
}

# Without a terminal nobody can type a password.
can_be_root()
{
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ] && command -v sudo >/dev/null && sudo -v; }
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt-get, quiet unless it fails.
apt_get()
{
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null
    then
        cat "$log" >&2
        die "apt-get $1 failed, see above. Is there a network, and are the sources of /etc/apt reachable?"
    fi
}

wanted=$build_packages
only_list=no
for arg in "$@"; do
    case $arg in
    --run) wanted=$run_packages ;;
    --build) wanted=$build_packages ;;
    --test) wanted=$build_packages$test_packages ;;
    --bench) wanted=$build_packages$bench_packages ;;
    --list) only_list=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; die "unknown option $arg" ;;
    esac
done

# shellcheck disable=SC1091
release=$(. /etc/os-release 2>/dev/null && echo "${ID:-?} ${VERSION_ID:-?}") || release='an unknown system'
case $release in
'debian 12' | 'debian 13') ;;
*) die "this is $release; only Debian 12 and 13 are supported. By hand, install what these are called here: $(printf '%s' "$wanted" | tr '\n' ' ')" ;;
esac

missing=$(missing_of "$wanted")
if [ $only_list = yes ]; then
    [ -z "$missing" ] || printf '%s\n' "$missing"
    exit 0
fi
[ -n "$missing" ] || exit 0
if ! can_be_root; then
    die "needs root or sudo to install: $(printf '%s' "$missing" | tr '\n' ' ')"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt_get update # a source of others that does not answer is no failure yet
chosen=
for names in $missing; do
    chosen="$chosen $(choose "$names")"
done
echo "install-deps: installing$chosen"
# shellcheck disable=SC2086
apt_get install -y --no-install-recommends $chosen
