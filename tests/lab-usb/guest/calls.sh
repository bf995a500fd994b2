# What calls consist of. Sourced after tools.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# exchange ORDER…: orders the exchange; `wait` returns when what it waits for has come.
exchange() { why=$(/lab/exchange ctl /lab/exchange.sock "$@" 2>&1); }

# device NUMBER: sets `device` to the tty that the kernel has made for the number's adapter.
device() {
    exchange "wait $1 device=1 10s" "state $1" || return 1
    device=${why#*\"device\":\"}
    device=${device%%\"*}
}

# calls NUMBER: the far end calls and is greeted.
calls() {
    exchange "wait 5550 idle 20s" "heard 5550" "dial 5550 $1" "wait 5550 connected 20s" "expect 5550 20s login:"
}

# in_session NUMBER: a call up to the program of a user.
in_session() { calls "$1" && exchange 'type 5550 guest\r' 'expect 5550 20s SESSION on'; }

ended() { [ -s /lab/session.end ]; }

# session_ended HOW
session_ended() {
    local how=
    within 20 ended
    read -r how </lab/session.end
    why="the session's end: ${how:-none}"
    [ "$how" = "$1" ]
}

# saw LINE EVENT: sets `at` (milliseconds) to when the exchange last saw it; 0 if never.
saw() {
    at=$(awk -v line="\"line\":\"$1\"" -v what="$2" '
        index($0, line) && index($0, what) { split($0, a, "\"time\":"); t = a[2] * 1000 }
        END { printf "%.0f", t }' /lab/exchange.jsonl)
}

# hung_up LINE: DTR has fallen since the last CONNECT, and the line is on the hook.
hung_up() {
    exchange "wait $1 idle 20s" || return 1
    saw "$1" '"text":"CONNECT'
    local connect=$at
    saw "$1" '"event":"dtr","line":"'"$1"'","on":false'
    why="CONNECT at $connect, DTR low at $at"
    ((at >= connect && connect > 0))
}

# waiting_on DEVICE: a getty has the line open and holds no lock: it waits for a call. DEVICE may be a link; the lock
# has the name of what it leads to.
waiting_on() {
    local real
    real=$(readlink -f "/dev/$1")
    [ -c "$real" ] && [ ! -e "/run/lock/LCK..${real#/dev/}" ] && [ -f "/run/mgetty.pid.${1//\//-}" ] &&
        read -r getty <"/run/mgetty.pid.${1//\//-}" && [ "/proc/$getty/fd/0" -ef "$real" ]
} 2>/dev/null

# in_service DEVICE [SECONDS]: within the time a getty waits on it.
in_service() {
    within "${2:-30}" waiting_on "$1" && return
    why="nobody waits on $1 ($(readlink -f "/dev/$1")); locks: $(echo /run/lock/LCK..*); $(tail -n 3 "/var/log/mgetty/mg_${1//\//-}.log" 2>&1)"
    return 1
}

# recorded CAUSE: within some time `line` has a record of that cause; sets `record` to the last one.
find_record() {
    record=$(grep "\"line\":\"$line\"" /var/log/ringback/calls.jsonl | grep "\"cause\":\"$1\"" | tail -n 1)
    [ -n "$record" ]
}
recorded() {
    within 10 find_record "$1"
    why=${record:-$(tail -n 2 /var/log/ringback/calls.jsonl 2>&1)}
    [ -n "$record" ]
}

# count: what a script says of its own checks counts too.
count() {
    while IFS= read -r line; do
        case $line in
        PASS\ *) passed=$((passed + 1)) ;;
        FAIL\ *) failed=$((failed + 1)) ;;
        esac
        echo "$line"
    done
}

# ppp_comes_up OPTION…: the caller at the tty $home dials and speaks PPP, with these options and in a network of his
# own, until $events tells that both ends are up. `caller` is his pppd.
ppp_comes_up() {
    exchange 'wait 123456 idle 20s' 'wait 987654 idle 20s'
    while read -rt 0 -u "$events"; do read -r -u "$events" _; done
    busybox unshare -n /usr/sbin/pppd "$home" 57600 connect '/usr/sbin/chat -f /lab/dial.chat' noauth nodetach modem \
        noipdefault logfile /lab/out/home-pppd.log "$@" >/lab/out/home.log 2>&1 &
    caller=$!
    local seen='' who
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
        read -rt 5 -u "$events" who || continue
        seen+="$who; "
        [[ $seen == *up*10.64.64.1* && $seen == *up*10.64.64.2* ]] && return 0
    done
    why="within 60 s: ${seen:-nothing}; $(tail -n 3 /lab/out/home-pppd.log | tr '\n' ' ')"
    return 1
}
pings() { why=$(busybox ping -c 2 -W 5 10.64.64.2 2>&1); }
