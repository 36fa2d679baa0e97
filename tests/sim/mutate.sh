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
    -DCMAKE_COMPILE_WARNING_AS_ERROR=OFF -DMILLRACE_CLI=OFF >"$work/build.log"
build
"$work/build/bin/mrsim" --seeds 100

mutate 'a Hello tells no loss' bus/hub_hello.c 's/if \(last > before\)/if (last > before \&\& last == 0)/'
mutate 'a link that broke tells no loss' bus/hub_life.c 's/^    if \(!p->ended_clean\)/    if (p->ended_clean)/'
mutate 'a lost broker is no loss' bus/hub_life.c 's/^    tell_span\(h\);/    (void)h;/'
mutate 'losses overtake the records before them' bus/hub_life.c \
    's/session_loss\(p->session, LANE_LIVE/session_loss(p->session, LANE_CONTROL/'
mutate 'the dead are not shown stale' bus/presence.c 's/!owner->alive \|\| //'
mutate 'snapshots of one topic are empty' bus/hub_walk.c 's/size_t n = topic \?/size_t n = !topic ?/'
mutate 'a snapshot ends before the broker has sent its own' bus/hub_interest.c \
    's/u->is_acked && \(u->is_complete \|\| e->kind == INTEREST_SERVE\)/u->is_acked/'
mutate 'kept values that were dropped are not shown again' bus/hub_walk.c \
    's/e->state == ENTRY_SETTLED && e->wants_snapshot/e->state == ENTRY_WAITING \&\& e->wants_snapshot/'
mutate 'values are not offered to a new broker' bus/hub_hello.c 's/h->is_offering = true;/h->is_offering = false;/'
mutate 'small losses are forgotten' proto/losses.c 's/if \(loss\.count\)/if (loss.count > 20)/'
mutate 'records between Hello and Welcome are forgotten' bus/hub_hello.c \
    's/h->seq == uplink->said_seq/h->seq != uplink->said_seq/'
mutate 'the definition of a tag is taken for a birth' bus/hub_life.c 's/if \(birth->n_tags\)/if (birth->n_tags > 9)/'
mutate 'a lost agent is no loss' sdk/sub_session.c 's/if \(!s->is_gap_open\)/if (s->is_gap_open)/'
mutate 'what came from a peer is relayed' bus/hub_record.c \
    's/is_ours = !from \|\| from->kind != PORT_MESH_OUT;/is_ours = true;/'
mutate 'records go to every peer, asked for or not' bus/hub_record.c 's/for_readers = is_ours && is_kept\(record\);/for_readers = is_ours;/'
mutate 'kept records go to no peer' bus/hub_record.c 's/for_readers && !list_is_empty/!for_readers \&\& !list_is_empty/'
mutate 'peers do not hear of a Hello' bus/hub_loss.c 's/^        hub_tell_peers_loss\(h, &said\);/        (void)said;/'
mutate 'a peer word of a loss is not clipped' bus/hub_loss.c \
    's/if \(loss->first <= before\)/if (loss->first > loss->last)/; s/return loss->last > before \&\& /return /'
mutate 'no list of lives when a link comes up' bus/hub_interest.c 's/^    hub_list_lives\(p\);/    (void)p;/'
mutate 'no death when a broker is lost' bus/hub_mesh.c 's/suppose_dead_if\(up, is_any,/suppose_dead_if(up, is_unlisted,/'
mutate 'a lost peer is no loss' bus/hub_mesh.c 's/^    hub_open_span\(up, false\);/    (void)0;/'
echo "$missed not found"
[ "$missed" -eq 0 ]
