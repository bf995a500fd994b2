# Calls between the two computers of the guest: the office (this one) and home (namespaces of its
# own), and what the kernel says of them. Sourced after tools.sh.
# shellcheck shell=bash
exec {events}<>/lab/events

office=192.168.1.1

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

# event WHO WHAT SECONDS: waits for pppd's word; sets `when` (microseconds), `interface`, `device`.
event() {
    local who what end
    now
    end=$((now + $3 * 1000000))
    while now && [ "$now" -lt $end ]; do
        read -rt 1 -u "$events" who what interface device when || continue
        echo "event $who $what $interface $device $when" >&2
        when=${when/[.,]/}
        [ "$who $what" = "$1 $2" ] && return 0
    done
    why="no '$1 $2' within $3 s"
    return 1
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
    within 5 listening
    now
    from=$now
    client "sha256sum </dev/tcp/$office/5000"
    now
    wait $server
    why="got ${said:-nothing}, sent $sum"
    [ "${said%% *}" = "$sum" ] && measured "$1 megabyte" $((now - from))
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
    why="not within 15 s; lock: $(cat "/run/lock/LCK..$1" 2>/dev/null)"
    within 15 waiting "$1"
}

# age PID: sets `age`, the milliseconds since it was started (to the kernel's 10 ms).
age() {
    local stat uptime
    read -r uptime _ </proc/uptime
    read -r stat <"/proc/$1/stat"
    read -r -a stat <<<"${stat##*) }"
    age=$((10#${uptime/./} * 10 - stat[19] * 10))
}

call_pppd() {
    while read -rt 0.01 -u "$events" _; do :; done # What the last call's end still had to say.
    client "/usr/sbin/pppd call $1 >>/lab/out/home-pppd.log 2>&1 & echo \$!"
    caller=${said%%$'\n'*}
}
hang_up_pppd() { client "kill -TERM $caller"; }

# both_up SECONDS: both pppds say so; sets `connected` and `up` as the caller saw them.
both_up() {
    local seen= end
    now
    end=$((now + $1 * 1000000))
    while now && [ "$now" -lt $end ]; do
        read -rt 1 -u "$events" who what _ _ stamp || continue
        echo "event $who $what $stamp" >&2
        seen+="$who $what; "
        case "$who $what" in
        "home connected") connected=${stamp/[.,]/} ;;
        "home up") up=${stamp/[.,]/} ;;
        esac
        [[ $seen == *home\ up* && $seen == *office\ up* ]] && return 0
    done
    why="in $1 s only: $seen"
    return 1
}

# ppp_call NAME LINE HOLDER HOME-ADDRESS: one whole call with PPP.
ppp_call() {
    call_pppd "$1"
    check "$1: IPCP comes up on both ends" both_up 30 || { hang_up_pppd; nap 5; return; }
    [ "$1" != autoppp ] || measured "$1: CONNECT to IPCP up" $((up - connected))
    check "$1: the lock names the living $3 on the line" held_by "$3" "$2"
    check "$1: the office has the addresses of options.$2" office_addresses $office "$4"
    check "$1: the caller has them too" home_addresses "$4" $office
    check "$1: the office reaches the caller" office_pings "$4"
    check "$1: the caller reaches the office" home_pings $office
    check "$1: a megabyte arrives whole" megabyte "$1"
    now
    local ended=$now
    hang_up_pppd
    check "$1: ppp0 is gone when the caller hangs up" within 15 no_interface ppp0
    check "$1: the next getty takes the lock over and lets it go" in_service "$2"
    now
    measured "$1: end of call to ready" $((now - ended))
}

# talk LINE-NUMBER SCRIPT...: a caller at a terminal; true if chat's script went through to its end.
talk() {
    local words=
    printf -v words '%q ' "${@:2}"
    client "stty -F /dev/ttyS2 raw -echo clocal hupcl; /usr/sbin/chat -s -S -v ABORT BUSY ABORT ERROR TIMEOUT 15 '' ATZ OK ATDT$1 CONNECT $words <>/dev/ttyS2 >&0 2>/lab/talk.log"
    local rc=$?
    why="chat ended with $rc: $(tail -c 200 /lab/talk.log)"
    return $rc
}

# answers_again LINE NUMBER: a caller gets the prompt.
answers_again() {
    talk "$2" '' ogin: && in_service "$1"
}

# The caller's computer.
coproc home { exec unshare -nmpu --fork --kill-child --mount-proc /lab/guest/client-shell; }
