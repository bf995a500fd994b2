# The exchange's own manners on multiplexer lines, shown by a second exchange beside the first.
# shellcheck shell=bash disable=SC2154,SC2034 # Shares variables with tools.sh.

# second ARGUMENT…: starts it; `second` is its process.
second() {
    rm -f /lab/second.sock
    /lab/exchange "$@" --control /lab/second.sock 2>/lab/out/second.log &
    second=$!
    within 45 test -S /lab/second.sock || { why=$(cat /lab/out/second.log) && return 1; }
}

# switches PID: sets `switches`, how often the kernel has given it the processor.
switches() {
    local key value
    switches=0
    while read -r key value; do
        case $key in *voluntary_ctxt_switches:) switches=$((switches + value)) ;; esac
    done <"/proc/$1/status"
}
# sleeps: for two seconds; it may have to come to rest before, as the machine may be busy.
sleeps() {
    local before try
    for try in 1 2 3 4; do
        nap 0.3
        switches "$second"
        before=$switches
        nap 2
        switches "$second"
        why="$((switches - before)) wake-ups in 2 s, at try $try"
        [ "$before" != "$switches" ] || return 0
    done
    return 1
}
opened_and_closed() { stty -F /dev/ttyS8 raw -echo clocal && sleeps; }
refuses_foreign() {
    echo precious >/dev/ttyS7
    ! /lab/exchange --mux-line 7=/dev/ttyS7 2>/lab/out/second.log && [ "$(cat /dev/ttyS7)" = precious ]
}
node_made() { [ -c /dev/ttyS8 ]; }
cleans_up() {
    kill -TERM "$second"
    wait "$second"
    ! [ -e /dev/ttyS8 ]
}
takes_over() {
    second --mux-line 8=/dev/ttyS8 || return 1
    kill -KILL "$second"
    wait "$second" 2>/dev/null
    node_made || { why="no node left over" && return 1; }
    second --mux-line 8=/dev/ttyS8 && stty -F /dev/ttyS8 raw -echo clocal && cleans_up
}

check "exchange: a second multiplexer beside the first" second --mux-line 8=/dev/ttyS8
check "exchange: the device is there" node_made
check "exchange: it sleeps while no line is open" sleeps
check "exchange: and again when the line was closed" opened_and_closed
check "exchange: its device goes with it" cleans_up
check "exchange: it takes over what a killed one has left" takes_over
check "exchange: it replaces nothing that is not its own" refuses_foreign
