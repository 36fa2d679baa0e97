#!/bin/sh
# Starts the brokers and agents of this plant, or those named, and ends them at Ctrl-C. Made by millrace init.
#   ./run [NAME...]     returns 0 when it was told to end, 1 when a program ended by itself: it says which
# The log of NAME is NAME/log.
set -u
bin='@BIN@' # where the programs were when this was made
[ ! -x "$bin/millrace-broker" ] || PATH=$bin:$PATH
CDPATH='' cd -- "$(dirname -- "$0")" || exit 1

running=  # NAME:PROCESS of each
pause=    # the process that is waited for between two looks
stopping= # told to end
result=0

is_there() { # NAME
    [ -f "$1/broker.yaml" ] || [ -f "$1/agent.yaml" ]
}

start() { # NAME
    kind=agent
    [ ! -f "$1/broker.yaml" ] || kind=broker
    "millrace-$kind" --config "$1/$kind.yaml" >>"$1/log" 2>&1 &
    running="$running $1:$!"
    echo "run: $1: $kind, process $!, log $PWD/$1/log"
}

say_end() { # NAME STATUS
    if [ "$2" -eq 0 ]; then # they end well only when they are told to
        echo "run: $1 has ended"
        return
    fi
    result=1
    echo "run: $1 ended by itself with status $2; the last lines of $PWD/$1/log:" >&2
    tail -n 3 "$1/log" >&2
}

look() { # who has ended?
    left=
    for one in $running; do
        if kill -0 "${one#*:}" 2>/dev/null; then
            left="$left $one"
        else
            status=0
            wait "${one#*:}" || status=$?
            say_end "${one%:*}" "$status"
        fi
    done
    running=$left
}

send() { # SIGNAL
    for one in $running; do
        kill "-$1" "${one#*:}" 2>/dev/null
    done
}

say_how() {
    echo "run: in another terminal, try:"
    echo "  millrace --context '$PWD/contexts/admin.yaml' who"
    for one in $running; do
        [ ! -f "${one%:*}/agent.yaml" ] || { echo "  millrace --socket '$PWD/${one%:*}/agent.sock' get"; break; }
    done
    echo "run: all end at Ctrl-C; one alone by 'kill PROCESS', to be started again by '$PWD/run NAME'"
}

if [ $# -eq 0 ]; then # all: brokers first, so that agents find them
    for file in */broker.yaml */agent.yaml; do
        [ ! -f "$file" ] || set -- "$@" "${file%/*}"
    done
fi
for name; do
    is_there "$name" || { echo "run: there is no broker or agent '$name' in $PWD" >&2; exit 2; }
done

trap 'stopping=yes' INT TERM HUP
for name; do
    start "$name"
done
say_how
while [ -z "$stopping" ] && [ -n "$running" ]; do
    sleep 1 &
    pause=$!
    wait "$pause"
    [ -n "$stopping" ] || look
done
trap 'send KILL' INT TERM HUP # told again
send TERM
kill "$pause" 2>/dev/null
wait
exit $result
