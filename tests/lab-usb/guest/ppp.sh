# PPP on real drivers, and unplugging in it. Sourced by scenario, with or without systemd.
# shellcheck shell=bash disable=SC2034,SC2154

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
call_ppp() { ppp_comes_up crtscts noipv6 lock ipparam home; }
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
