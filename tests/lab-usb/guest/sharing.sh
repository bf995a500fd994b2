# Shared modems on real drivers: mserver with RFC 2217, as the user it becomes, by names that stay. Sourced by
# scenario, with systemd (for udev).
# shellcheck shell=bash disable=SC2154

grep -q '^dialout:' /etc/group || echo 'dialout:x:20:' >>/etc/group
sed -i '/^mserver:/d' /etc/passwd
sed -i '/^dialout:/s/:\([^:]*\)$/:\1,mserver/; s/:,mserver$/:mserver/' /etc/group
echo 'mserver:x:6780:20::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
shared=(cdc_acm:end:700:acm cdc_acm:wait:701:acm ftdi_sio:end:702:ftdi ftdi_sio:wait:703:ftdi)
: >/etc/mserver.conf
for one in "${shared[@]}"; do
    IFS=: read -r kind policy number adapter <<<"$one"
    exchange "add-usb $number=$adapter:SHARED$number" "wait $number device=1 10s"
    case $adapter in
    acm) path=/dev/serial/by-id/usb-Ringback_USB_Modem_SHARED$number-if00 keep=$policy ;;
    ftdi) path=/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_SHARED$number-if00-port0 keep=$policy ;;
    esac
    [ "$policy" = end ] || keep=wait:30
    echo "5$number $path 115200,8,N,1,rfc2217 127.0.0.1 unplugged=$keep init=\"ATZ\rATS0=0\"" >>/etc/mserver.conf
    check "mserver on $kind: udev has named the modem $number" within 45 test -c "$path"
done
/usr/sbin/mserver -f >/lab/out/mserver.log 2>&1 &
mserver=$!
for one in "${shared[@]}"; do
    IFS=: read -r kind policy number adapter <<<"$one"
    count < <(busybox timeout 90 python3 /lab/guest/sharing.py "$kind" "$policy" "$number" "5$number" 2>&1)
done
kill $mserver
wait $mserver
for one in "${shared[@]}"; do
    IFS=: read -r kind policy number adapter <<<"$one"
    exchange "remove $number"
done
