#!/bin/sh
# mutate.sh - breaks the product in one place at a time and shows that mrsim's random seeds find it: the proof that the
# simulation has teeth. Long: a build per mutation. Usage: mutate.sh [SEEDS, default 1000]
set -eu
seeds=${1:-1000}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0

build() {
    cmake --build "$work/build" --target mrsim >"$work/build.log" 2>&1 || {
        cat "$work/build.log"
        exit 2
    }
}

# mutate NAME FILE SED-EXPRESSION
mutate() {
    file="$work/source/$2"
    cp "$file" "$work/original"
    sed -E "$3" "$work/original" >"$file"
    if cmp -s "$file" "$work/original"; then
        echo "$1: the line it changes is gone from $2: mend mutate.sh"
        exit 2
    fi
    build
    if "$work/build/bin/mrsim" --seeds "$seeds" >"$work/found"; then
        echo "NOT FOUND: $1"
        missed=$((missed + 1))
    else
        echo "found: $1: $(head -n 1 "$work/found")"
    fi
    cp "$work/original" "$file"
}

mkdir "$work/source"
(cd "$root" && tar -cf - --exclude=./build --exclude=./.git .) | tar -xf - -C "$work/source"
cmake -S "$work/source" -B "$work/build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMILLRACE_HARDEN=OFF \
    -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF >"$work/build.log"
build
"$work/build/bin/mrsim" --seeds 100

mutate 'records are taken again after a reconnect' bus/hub_record.c \
    's/if \(!(owner|seen) \|\| !is_above\(.*\)\)/if (!\1)/'
mutate 'a Hello tells no loss' bus/hub_life.c 's/if \(last > before\)/if (last > before \&\& h == NULL)/'
mutate 'a broken session tells no loss' bus/hub_life.c 's/if \(!p->ended_clean\)/if (p->ended_clean)/'
mutate 'a lost broker opens no span' bus/hub_life.c 's/h->is_span_open = true;/h->is_span_open = false;/'
mutate 'the dead are not shown stale' bus/presence.c 's/owner->alive/true/'
mutate 'a snapshot ends before it is whole' bus/hub_walk.c 's/return false;/return true;/'
mutate 'dropped kept values are not shown again' bus/hub_walk.c 's/void hub_resync\(struct port \*p\)/&;static void unused_resync(struct port *p)/'
mutate 'slots are not offered to a new broker' bus/hub_life.c 's/h->is_offering = true;/h->is_offering = false;/'
mutate 'dropped frames are forgotten' proto/losses.c 's/if \(loss\.count\)/if (loss.count > 1000)/'
mutate 'an older value replaces a newer' bus/lastval.c 's/record->seq > slot->seq/record->seq != slot->seq/'
mutate 'an answer stays open' bus/calls.c 's/return MR_NOT_FOUND;/return MR_OK;/'
echo "$missed not found"
[ "$missed" -eq 0 ]
