# Windows' cable connection on a direct line: CLIENT, CLIENTSERVER, PPP. The cable is a call of the
# exchange that stands before anybody opens his end, and that no DTR ends. Sourced by story.
# shellcheck shell=bash disable=SC2154 # Shares variables with tools.sh and calls.sh.

check "cable: a getty waits on the direct line" within 20 waiting ttyS4
if ppp_comes_up cable "cable"; then
    check "cable: the lock names the living pppd on the line" held_by pppd ttyS4
    check "cable: the office has the addresses of options.ttyS4" office_addresses $office 192.168.1.4
    check "cable: the office reaches the caller" office_pings 192.168.1.4
    check "cable: the caller reaches the office" home_pings $office
    hang_up_pppd
    check "cable: ppp0 is gone" within 45 no_interface ppp0
    check "cable: the next getty takes the lock over and lets it go" in_service ttyS4
fi
