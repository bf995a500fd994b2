# dialin with systemd as init and USB modems: ports, setup by a name that stays, changes that wait for the end of a call,
# undo. Sourced by scenario.
# shellcheck shell=bash disable=SC2034,SC2154

modem=serial/by-id/usb-Ringback_USB_Modem_OFFICE-if00
unit=mgetty@$(systemd-escape $modem).service
rm -f /etc/inittab
rm -f /etc/ppp/options.office
printf 'auth\ncrtscts\nlock\nmodem\nnoipv6\n' >/etc/ppp/options
printf 'guest - - /lab/guest/session\n* - - /bin/login @\n' >/etc/mgetty/login.config

# dialin WORD…: `told` is what it says; the account's secret is on its standard input.
dialin() {
    told=$(echo secret-of-max | /usr/sbin/dialin "$@" 2>&1)
    local rc=$?
    why=$told
    printf '%s\n' "\$ dialin $*" "$told" >>/lab/out/dialin.log
    return $rc
}
says() {
    why=$told
    [[ $told == *"$1"* ]]
}
# state UNIT WANTED: as systemd has it.
state() {
    why=$(systemctl show -p ActiveState,SubState,MainPID "$1" | tr '\n' ' ')
    [[ $why == *ActiveState=$2\ * ]]
}
becomes() { within "${3:-15}" state "$1" "$2"; }
main_pid() { systemctl show -p MainPID --value "$1"; }
nobody_has() {
    why=$(find /proc/[0-9]*/fd -lname "$1" 2>/dev/null)
    [ -z "$why" ]
}

device 987655
other=${device#/dev/}
check "ports: both are listed with their modems" dialin port list --probe
check "ports: the name that stays" says "/dev/$modem"
check "ports: the driver and the modem of the other" test "$(grep -c "^$other .*ftdi_sio.* modem: " <<<"$told")" = 1
check "ports: nothing is left locked" test -z "$(ls /run/lock/LCK..* 2>/dev/null)"
two() { ! dialin --yes setup && says '2 modems are here'; }
check "setup: of two modems it takes none by itself" two

# The set-up, proved by a test call with the kernel's PPP; then systemd starts the line.
files() { find /etc/ppp /etc/mgetty /etc/systemd/system -printf '%p %y %m %l ' \( -type f -exec sha256sum {} \; -o -printf '\n' \) | sort; }
before=$(files)
check "setup: a modem by the name that stays" dialin --yes setup --line $modem --account max --local 10.64.64.1 --remote 10.64.64.2
check "setup: the test call let the account in" says 'test call: max was let in'
check "setup: systemd's mgetty waits on it" in_service $modem 40
has_it() { dialin port list && says "in use by mgetty ($(main_pid "$unit"))"; }
check "ports: who has it is told" has_it
check "line add: the other one" dialin --yes line add "$other"
check "line add: systemd's mgetty waits there" in_service "$other" 40

# PPP, with the addresses that stand under the name that stays.
exchange 'add-usb 123456=ftdi:HOME'
check "the caller's computer has a tty" device 123456
home=$device
exec {events}<>/lab/events
printf 'TIMEOUT 15\n"" ATE0 OK \\c\nABORT BUSY ABORT "NO CARRIER"\n"" ATD987654 CONNECT \\c\n' >/lab/dial.chat
call_ppp() { ppp_comes_up user max password secret-of-max; }
check "PPP comes up with the line's addresses" call_ppp
check "the office reaches the caller" pings
kill "$caller" 2>/dev/null
wait "$caller"
check "mgetty waits after PPP" in_service $modem 40

# A change, made while somebody is on the line.
check "in a session" in_session 987654
session=$(main_pid "$unit")
neighbour=$(main_pid "mgetty@$other.service")
check "line set" dialin --yes line set $modem speed=19200
check "line apply: without --wait it leaves the call alone" dialin line apply $modem
check "line apply: and says so" says 'session of guest'
# In the background; `done` has how it ended.
apply() {
    rm -f /lab/applied
    { /usr/sbin/dialin line apply $modem --wait >/lab/apply.log 2>&1; echo $? >/lab/applied; } &
}
waits() {
    within 60 grep -q 'waiting for its end' /lab/apply.log
    local rc=$?
    why=$(cat /lab/apply.log)
    [ $rc = 0 ] && [ ! -e /lab/applied ]
}
same_call() {
    why="$unit: $(main_pid "$unit"), was $session; $(cat /lab/session.end 2>/dev/null)"
    [ "$(main_pid "$unit")" = "$session" ] && [ ! -e /lab/session.end ] && [ -d "/proc/$session" ]
}
applied() {
    local rc=
    within 60 test -s /lab/applied && read -r rc </lab/applied
    why="ended with ${rc:-nothing}: $(cat /lab/apply.log)"
    [ "$rc" = 0 ]
}
apply
check "line apply --wait: it waits" waits
nap 2
check "line apply --wait: the call goes on" same_call
exchange 'type 5550 bye\r'
check "line apply --wait: the call's end is its own" session_ended bye
check "line apply --wait: then it is done" applied
check "line apply --wait: the line is served again" in_service $modem 40
check "line apply --wait: with the new setting" exchange 'wait 987654 speed=19200 5s'
check "line apply --wait: the other line's getty was left alone" test "$(main_pid "mgetty@$other.service")" = "$neighbour"
check "the next call is answered" in_session 987654

# Undo with a call on the line; the other line is idle.
session=$(main_pid "$unit")
check "undo: the setting" dialin --yes undo
check "undo: the other line" dialin --yes undo 2
check "undo: its getty is stopped" becomes "mgetty@$other.service" inactive
check "undo: nobody has the other line" nobody_has "/dev/$other"
check "undo: the set-up, in a call" dialin --yes undo 1
check "undo: it says what remains to be done" says "line apply $modem --wait"
check "undo: every file is as before" test "$(diff <(echo "$before") <(files))" = ""
check "undo: the call goes on" same_call
apply
check "undo: line apply --wait waits for the call" waits
exchange 'type 5550 bye\r'
check "undo: the call's end is its own" session_ended bye
check "undo: then its getty is stopped" applied
check "undo: for good" becomes "$unit" inactive
check "undo: nobody has the line" nobody_has "$(readlink -f "/dev/$modem")"
