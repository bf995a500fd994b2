# mgetty on both drivers: calls, speed and frame, carrier, DTR, unplugging. Sourced by scenario.
# shellcheck shell=bash disable=SC2154

# Where other systems than Debian have it; the speed below tells whether it is found.
mv /etc/mgetty /etc/mgetty+sendfax
# A getty for each line, started again when it ends, as by init.
respawn() {
    while :; do
        setsid /usr/sbin/mgetty "$1"
        echo "mgetty $1 ended: $?"
        nap 0.3
    done >>"/lab/out/respawn-$1.log" 2>&1
}

# counted DRIVER: the bytes of a call that ended at the prompt. cdc_acm counts none.
counted() {
    local came='"bytes_in":[1-3][,}]' went='"bytes_out":[1-9][0-9]'
    recorded 'quit at the prompt' || return 1
    case $1 in
    ftdi_sio) [[ $record =~ $came && $record =~ $went ]] ;;
    *) [[ $record != *bytes_* ]] ;;
    esac
}
quits() { calls "$number" && exchange 'type 5550 \x04' 'wait 5550 idle 20s'; }

for kind in cdc_acm:987654 ftdi_sio:987655; do
    number=${kind#*:} kind=${kind%:*}
    check "$kind: the kernel has made a tty" device "$number" || continue
    line=${device#/dev/}
    respawn "$line" &
    declare "line_$kind=$line"
done
for kind in cdc_acm:987654 ftdi_sio:987655; do
    number=${kind#*:} kind=${kind%:*}
    name=line_$kind line=${!name}
    check "$kind: mgetty waits on /dev/$line" in_service "$line"
    check "$kind: the speed of /etc/mgetty+sendfax, and the frame, reach the modem" exchange "wait $number speed=57600 frame=8N1 20s"
    check "$kind: it holds DTR and RTS" exchange "wait $number dtr=1 rts=1 20s"
    check "$kind: a call is answered, a user gets his program" in_session "$number"
    exchange "cut $number"
    check "$kind: the loss of the carrier hangs him up" session_ended HUP
    check "$kind: DTR falls" hung_up "$number"
    check "$kind: mgetty waits again" in_service "$line"
    check "$kind: the next call is answered" in_session "$number"
    exchange 'type 5550 bye\r'
    check "$kind: his program ends" session_ended bye
    check "$kind: DTR falls, which hangs up" hung_up "$number"
    check "$kind: his record says so, though its end has hung the line up" recorded 'session ended'
    exchange 'wait 5550 idle 10s' || exchange 'hangup 5550'
    check "$kind: mgetty waits after it" in_service "$line"
    check "$kind: a caller leaves at the prompt" quits
    check "$kind: the record counts his bytes, where the driver does" counted "$kind"
    check "$kind: mgetty waits after him" in_service "$line"
    # Without systemd and udev: the name stays if nobody keeps the dead line open.
    for state in idle session; do
        [ $state = idle ] || check "$kind: one more session" in_session "$number"
        exchange "unplug $number"
        [ $state = idle ] || check "$kind: unplugged in a session: it is hung up" session_ended HUP
        nap 1
        exchange 'hangup 5550' "plug $number"
        check "$kind: plugged in again, it has its tty" exchange "wait $number device=1 10s"
        now
        from=$now
        check "$kind: plugged in again ($state): mgetty waits" in_service "$line"
        now
        measured "$kind: tty there to waiting ($state)" $(((now - from) / 1000))
    done
    check "$kind: and answers" in_session "$number"
    exchange 'type 5550 bye\r'
    # A modem that loses its power in a call says nothing, and has forgotten its settings.
    check "$kind: in a session once more" in_session "$number"
    exchange "fault $number power-cycle"
    check "$kind: the modem power-cycled: the session is hung up" session_ended HUP
    check "$kind: mgetty waits again after that" in_service "$line"
    check "$kind: and answers the next call" in_session "$number"
    exchange 'type 5550 bye\r' 'wait 5550 idle 10s'
done

# Minitels: seven bits with even parity, and a service that begins at CONNECT.
minitel() {
    exchange "wait 5550 idle 20s" "heard 5550" "dial 5550 $number" "wait 5550 connected 20s" 'expect 5550 20s SESSION on'
}
printf 'port %s\ndata-bits 7\nparity even\nexec-on-connect /lab/guest/session\n' "$line" >>/etc/mgetty+sendfax/mgetty.config
kill -USR2 "$getty"
check "$kind: 7E1 of mgetty.config reaches the modem" exchange "wait $number frame=7E1 20s"
check "$kind: mgetty waits with it" in_service "$line"
check "$kind: a program begins at CONNECT, no name is asked" minitel
check "$kind: in a call it is 7E1 too" exchange "wait $number frame=7E1 20s"
exchange 'type 5550 bye\n'
check "$kind: it reads what he types, on a raw line" session_ended bye
