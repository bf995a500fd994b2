# PPP on real drivers, and unplugging in it. Sourced by scenario, with or without systemd.
# shellcheck shell=bash disable=SC2154

exchange 'add-usb 123456=ftdi:HOME'
check "the caller's computer has a tty" device 123456
home=$device
exec {events}<>/lab/events

cat >/lab/dial.chat <<'END'
TIMEOUT 15
"" ATE0 OK \c
ABORT BUSY ABORT "NO CARRIER"
"" ATD987654 CONNECT \c
END
# Aborts count after OK only: a NO CARRIER of the call before may still stand in the adapter.
# The caller lives in a network of his own.
call_ppp() {
    exchange 'wait 123456 idle 20s' 'wait 987654 idle 20s'
    while read -rt 0 -u "$events"; do read -r -u "$events" _; done
    busybox unshare -n /usr/sbin/pppd "$home" 57600 connect '/usr/sbin/chat -f /lab/dial.chat' noauth nodetach modem crtscts \
        noipv6 noipdefault lock logfile /lab/out/home-pppd.log ipparam home >/lab/out/home.log 2>&1 &
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
gone() { [ ! -e /sys/class/net/ppp0 ]; }

check "PPP comes up on both ends" call_ppp
check "the office reaches the caller" pings
kill "$caller"
wait "$caller"
check "PPP is over in the office" within 20 gone
check "mgetty waits after PPP" answers
check "PPP comes up again" call_ppp
off
check "unplugged in PPP: the office's pppd is gone" within 20 gone
on
check "plugged in again after PPP: mgetty waits" answers
exchange 'hangup 123456'
kill "$caller" 2>/dev/null
wait "$caller"
check "the next call is answered" in_session 987654
exchange 'hangup 5550'
