# mgetty@.service with systemd as init: device unit, replug, names that stay, the session's end, login and pppd under
# the hardening, start limit. Sourced by scenario.
# shellcheck shell=bash disable=SC2154
# (`check` has a `name` of its own, which the commands it runs would see.)

modem=serial/by-id/usb-Ringback_USB_Modem_OFFICE-if00
unit=mgetty@$(systemd-escape $modem).service
printf 'port %s\n  speed 19200\n' $modem >>/etc/mgetty/mgetty.config

# state UNIT WANTED: as systemd has it (active, inactive, failed).
state() {
    why=$(systemctl show -p ActiveState,SubState,Result,NRestarts "$1" | tr '\n' ' ')
    [[ $why == *ActiveState=$2\ * ]]
}
becomes() { within "${3:-45}" state "$1" "$2"; }

# answers: mgetty waits on the line by its name.
answers() { in_service $modem 30; }
off() { exchange 'unplug 987654'; }
on() { exchange 'plug 987654' 'wait 987654 device=1 10s'; }

# A getty that ends at once, for the start limit; looked at later. agetty has its line first. It rests for less than
# 2 s, as the guest itself may be slow.
device 987655
other=${device#/dev/}
mkdir -p "/etc/systemd/system/mgetty@$other.service.d"
printf '[Service]\nRestartSec=100ms\nExecStart=\nExecStart=/bin/false\n' >"/etc/systemd/system/mgetty@$other.service.d/broken.conf"
check "systemd runs the lab" test "$(busybox ps -o pid,comm | busybox awk '$1 == 1 { print $2 }')" = systemd
check "enabled by the modem's name" systemctl enable --now "$unit"
check "mgetty waits on the modem's name" answers
check "the section of mgetty.config with that name holds" exchange "wait 987654 speed=19200 20s"
systemctl start "serial-getty@$other.service"
check "agetty runs on another line" becomes "serial-getty@$other.service" active
systemctl start "mgetty@$other.service"
check "mgetty takes the line from it" becomes "serial-getty@$other.service" inactive

check "a user gets his program" in_session 987654
exchange 'type 5550 bye\r'
check "his session ends" session_ended bye
check "mgetty waits again" answers
check "the end of a session is no failure" state "$unit" active
check "it is not counted as one" test "$(systemctl show -p Result --value "$unit")" = success

# login, as root under the unit's hardening, becomes the user.
logs_in() {
    calls 987654 && exchange 'type 5550 clerk\r' 'expect 5550 30s assword:' 'type 5550 password_of_clerk\r' \
        'expect 5550 30s $ ' 'type 5550 echo I am $(id -un) on $(tty)\r' 'expect 5550 20s I am clerk on /dev/ttyACM'
}
check "login lets a user in under the hardening" logs_in
exchange 'type 5550 exit\r'
check "mgetty waits after a login" answers

# The dialling goes on in the background while mgetty, started again, waits.
calls_back() {
    calls 987654 && exchange 'type 5550 backme\r' 'wait 5550 idle 30s' 'wait 5550 ringing 60s' 'answer 5550' 'expect 5550 30s login:'
}
check "a user is called back" calls_back
exchange 'type 5550 guest\r' 'expect 5550 20s SESSION on' 'type 5550 bye\r'
check "mgetty waits after the call-back" answers

# unplugged WHEN: stopped with the device, started with it, answers.
unplugged() {
    off
    check "unplugged $1: the unit is stopped, not failed" becomes "$unit" inactive
    on
    check "plugged in again after $1: mgetty waits" answers
}
unplugged "while idle"
check "it rings" exchange 'wait 5550 idle 20s' 'dial 5550 987654' 'wait 987654 ringing 20s'
unplugged "while it rings"
check "at the prompt" calls 987654
unplugged "at the prompt"
check "in a session" in_session 987654
unplugged "in a session"
check "the session was hung up" session_ended HUP

# Another modem takes the first number.
exchange 'add-usb 987656=acm:SECOND' 'wait 987656 device=1 10s'
off
exchange 'unplug 987656'
check "both unplugged" becomes "$unit" inactive
exchange 'plug 987656' 'wait 987656 device=1 10s'
on
swapped() {
    why=$(readlink -f /dev/$modem)
    [ "$why" = /dev/ttyACM1 ]
}
check "plugged in the other way round, the modem is ttyACM1" within 45 swapped
check "mgetty has followed the name" answers
check "a call to it is answered" in_session 987654
exchange 'type 5550 bye\r'
check "mgetty waits on the new number after it" answers

check "twelve starts in 30 s are enough" becomes "mgetty@$other.service" failed 120
check "the start limit was hit" test "$(systemctl show -p Result --value "mgetty@$other.service")" = start-limit-hit
