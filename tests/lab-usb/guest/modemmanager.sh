# A ModemManager that wants the port of a modem that waits for calls. Sourced by scenario, with systemd.
# shellcheck shell=bash disable=SC2154

modem=ttyACM0
answers() { in_service $modem 30; }
check "enabled by the kernel's name, mgetty waits" systemctl enable --now mgetty@$modem.service
check "mgetty waits" answers
# The modem beside it has no getty; ModemManager shall want both.
exchange 'add-usb 987656=acm:SECOND' 'wait 987656 device=1 10s'
echo 'SUBSYSTEM=="tty", KERNEL=="ttyACM*", ENV{ID_MM_DEVICE_PROCESS}="1"' >/etc/udev/rules.d/80-wanted.rules
udevadm control --reload
udevadm trigger --settle --action=add --subsystem-match=tty --subsystem-match=usb
property() {
    why=$(udevadm info /dev/$1 2>&1 | grep -E 'ID_MM' | tr '\n' ' ')
    [[ $why == *ID_MM_PORT_IGNORE=1* ]]
}
check "the rule marks the getty's port" property ttyACM0
check "and no other" eval '! property ttyACM1'
mkdir -p /run/dbus
dbus-daemon --config-file=/lab/guest/bus.conf --fork
ModemManager --debug --log-file=/lab/out/modemmanager.log >/lab/out/modemmanager.out 2>&1 &
manager=$!
check "ModemManager opens the other modem" exchange 'wait 987656 open=1 60s'
opened() {
    why=$(readlink /proc/$manager/fd/* | grep -E 'tty(ACM|USB)' | sort -u | tr '\n' ' ')
    [[ " $why" == *" /dev/$1 "* ]]
}
check "it has it" within 45 opened ttyACM1
check "it has left the getty's alone" eval '! opened ttyACM0'
check "mgetty still waits" answers
check "a call is answered" in_session 987654
exchange 'type 5550 bye\r'
check "mgetty waits after it" answers
check "ModemManager is still not there" eval '! opened ttyACM0'
kill $manager
