# Calls between the two computers of the guest: the office (this one) and home (namespaces of its
# own), and what the kernel says of them. Sourced after tools.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # Shares its variables with tools.sh and who sources it.
exec {events}<>/lab/events

office=192.168.1.1
# The caller's modem, its telephone number, and where his programs write what they saw.
: "${modem:=ttyS2}" "${phone:=123456}"
home_log=/lab/out/home-$phone.log

# exchange ORDER…: orders the exchange; `wait` returns when what it waits for has come.
exchange() { why=$(/lab/exchange ctl /lab/exchange.sock "$@" 2>&1); }

# client COMMAND: runs it on the caller's computer; `said` is what it printed.
client() {
    local line rc=
    said=
    printf '%s\n' "$1" >&"${home[1]}"
    while IFS= read -r line <&"${home[0]}"; do
        case $line in
        :*:) rc=${line//:/} && break ;;
        ?*) said+=$line$'\n' ;;
        esac
    done
    return "${rc:-1}"
}

# saw LINE EVENT: sets `at` (milliseconds) to when the exchange last saw it; 0 if never. EVENT is a
# piece of the call log's JSON.
saw() {
    at=$(awk -v line="\"line\":\"$1\"" -v what="$2" '
        index($0, line) && index($0, what) { split($0, a, "\"time\":"); t = a[2] * 1000 }
        END { printf "%.0f", t }' /lab/out/exchange.jsonl)
}

# dtr_fell LINE: the exchange has seen DTR fall since the line's last CONNECT.
dtr_fell() {
    local connect
    saw "$1" '"text":"CONNECT'
    connect=$at
    saw "$1" '"event":"closed"'
    why="CONNECT at $connect, the line let go at $at"
    [ "$at" -gt "$connect" ]
}

# dtr_pulsed LINE: since the line was last opened, DTR was low for half a second (more or less: the machine may be busy).
dtr_pulsed() {
    local opened low
    saw "$1" '"event":"opened"'
    opened=$at
    saw "$1" '"event":"dtr","line":"'"$1"'","on":false'
    low=$at
    saw "$1" '"event":"dtr","line":"'"$1"'","on":true'
    why="opened at $opened, low at $low, high at $at"
    ((opened > 0 && low >= opened && at - low >= 150 && at - low <= 3000))
}

# has_interface NAME: the kernel has it.
has_interface() { [ -e "/sys/class/net/$1" ]; }
no_interface() { ! has_interface "$1"; }

# addresses WANTED-LOCAL WANTED-PEER of the office's ppp0, by the kernel.
office_addresses() {
    why=$(busybox ip -4 -o addr show dev ppp0 2>&1)
    [[ $why == *"inet $1 peer $2/32 "* ]]
}
home_addresses() {
    client 'busybox ip -4 -o addr show dev ppp0'
    why=$said
    [[ $said == *"inet $1 peer $2/32 "* ]]
}
office_pings() { why=$(busybox ping -c 2 -i 0.2 -W 5 "$1" 2>&1) || return 1; }
home_pings() {
    client "busybox ping -c 2 -i 0.2 -W 5 $1"
    local rc=$?
    why=$said
    return $rc
}

# A megabyte from the office, fetched at home; the two ends' sums must be the same.
prepare_megabyte() {
    head -c 1048576 /dev/urandom >/lab/megabyte
    read -r sum _ < <(sha256sum /lab/megabyte)
}
megabyte() {
    busybox nc -l -p 5000 </lab/megabyte >/dev/null &
    local server=$! from
    within 20 listening
    now
    from=$((now / 1000))
    client "sha256sum </dev/tcp/$office/5000"
    now
    wait $server
    why="got ${said:-nothing}, sent $sum"
    [ "${said%% *}" = "$sum" ] && measured "$1: a megabyte" $((now / 1000 - from))
}
listening() { grep -q ':1388 .* 0A ' /proc/net/tcp; }

# held_by PROGRAM LINE: the lock's owner lives, runs PROGRAM, and has the line open.
held_by() {
    lock_holder "$2" || { why="no lock on $2" && return 1; }
    why="the holder of $2 is $holder: $(readlink "/proc/$holder/exe" "/proc/$holder/fd/0" | tr '\n' ' ')"
    [[ $(readlink "/proc/$holder/exe") == */$1 && $(readlink "/proc/$holder/fd/0") == /dev/$2 ]]
}

# in_service LINE: the next getty has taken over what the last call left, and waits for the next.
in_service() {
    why="not within 45 s; lock: $(cat "/run/lock/LCK..$1" 2>/dev/null)"
    within 45 waiting "$1"
}

# age PID: sets `age`, the milliseconds since it was started (to the kernel's 10 ms).
age() {
    local stat uptime
    read -r uptime _ </proc/uptime
    read -r stat <"/proc/$1/stat"
    read -r -a stat <<<"${stat##*) }"
    age=$((10#${uptime/./} * 10 - stat[19] * 10))
}

# call_pppd PEER: the caller's pppd dials, with the variables of `home_env`.
home_env=
call_pppd() {
    while read -rt 0 -u "$events"; do read -r -u "$events" _; done # What the last call's end still had to say.
    client "$home_env /usr/sbin/pppd call $1 >>/lab/out/home-pppd.log 2>&1 & echo \$!"
    caller=${said%%$'\n'*}
}

# hang_up_pppd: it says good-bye as PPP does, and lets the line go.
hang_up_pppd() { client "kill -TERM $caller; wait $caller"; }

# both_up SECONDS: both pppds say so. Sets `up`, the moment (milliseconds) at the caller's.
both_up() {
    local seen='' end who what stamp text part=''
    now
    end=$((now + $1 * 1000000))
    while now && [ "$now" -lt $end ]; do
        # A second may end in the middle of a line.
        read -rt 1 -u "$events" text || { part+=$text && continue; }
        read -r who what _ _ stamp <<<"$part$text"
        part=
        echo "event $who $what $stamp" >&2
        seen+="$who $what; "
        [ "$who $what" != "home up" ] || up=$((${stamp/[.,]/} / 1000))
        [[ $seen == *home\ up* && $seen == *office\ up* ]] && return 0
    done
    why="in $1 s only: $seen"
    return 1
}

# ppp_comes_up NAME: a call up to the working addresses.
ppp_comes_up() {
    call_pppd "$1"
    if ! check "$2: IPCP comes up on both ends" both_up 30; then
        hang_up_pppd
        return 1
    fi
    [ "$1" = login ] || { saw "$phone" '"text":"CONNECT' && measured "$2: CONNECT to IPCP up" $((up - at)); }
}

# ppp_call PEER LINE NUMBER HOLDER HOME-ADDRESS: one whole call with PPP.
ppp_call() {
    ppp_comes_up "$1" "$1" || return
    check "$1: the lock names the living $4 on the line" held_by "$4" "$2"
    check "$1: the office has the addresses of options.$2" office_addresses $office "$5"
    check "$1: the caller has them too" home_addresses "$5" $office
    check "$1: the office reaches the caller" office_pings "$5"
    check "$1: the caller reaches the office" home_pings $office
    check "$1: a megabyte arrives whole" megabyte "$1"
    hang_up_pppd
    call_over "$1" "$2" "$3"
    check "$1: the line answers again" answers_again "$2" "$3"
}

# call_over NAME LINE NUMBER: what must be true after every call with PPP.
call_over() {
    check "$1: ppp0 is gone" within 45 no_interface ppp0
    line_back "$@"
}

# line_back NAME LINE NUMBER: what must be true after every call.
line_back() {
    check "$1: the next getty takes the lock over and lets it go" in_service "$2"
    now
    local ready=$((now / 1000))
    check "$1: DTR fell, as the exchange sees it" dtr_fell "$3"
    measured "$1: DTR low to ready" $((ready - at))
    check "$1: the next getty pulsed DTR" dtr_pulsed "$3"
}

# terminal MODEM LINE-NUMBER SCRIPT...: sets `command`, which dials and goes on with chat's script.
terminal() {
    local words=
    printf -v words '%q ' "${@:3}"
    command="stty -F /dev/$1 raw -echo clocal hupcl; { stty $carrier_care; /usr/sbin/chat -s -S -v ABORT BUSY ABORT ERROR TIMEOUT 15 '' ATZ OK ${home_init}ATDT$2 CONNECT $words; } <>/dev/$1 >&0 2>>$home_log"
}
# His terminal does not care for the carrier, nor his modem's set-up for anything.
carrier_care=clocal home_init=

# talk LINE-NUMBER SCRIPT...: a caller at a terminal; true if chat's script went through to its end.
talk() {
    local command rc
    terminal "$modem" "$@"
    client "$command"
    rc=$?
    why="chat ended with $rc: $(tail -c 300 "$home_log")"
    return $rc
}

# talk_begin MODEM LINE-NUMBER SCRIPT...: the same, meanwhile; talk_end MODEM: its end.
talk_begin() {
    local command
    terminal "$@"
    rm -f "/lab/talk-$1"
    client "{ $command; echo \$? >/lab/talk-$1; } &"
}
talk_end() {
    local rc=
    within 90 test -s "/lab/talk-$1" && read -r rc <"/lab/talk-$1"
    why="chat ended with ${rc:-nothing}: $(tail -c 300 "$home_log")"
    [ "$rc" = 0 ]
}

# answers_again LINE NUMBER: a caller gets the prompt.
answers_again() {
    talk "$2" '' ogin: && in_service "$1"
}

# carrier_lost LINE-NUMBER: the exchange cuts the call off while data flows.
carrier_lost() {
    busybox nc -l -p 5000 </dev/zero >/dev/null &
    local server=$!
    within 20 listening
    client "cat </dev/tcp/$office/5000 >/lab/home-got & echo \$!"
    within 20 test -s /lab/home-got
    exchange "cut $1"
    local rc=$?
    client "kill ${said%%$'\n'*}; wait $caller"
    kill $server
    return $rc
}

# The caller's computer.
coproc home { exec unshare -nmpu --fork --kill-child --mount-proc /lab/guest/client-shell; }
