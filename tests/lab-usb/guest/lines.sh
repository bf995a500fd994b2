# What the drivers themselves do with a line. Sourced by scenario.
# shellcheck shell=bash disable=SC2154

for kind in cdc_acm:123457:acm ftdi_sio:123456:ftdi; do
    IFS=: read -r kind number adapter <<<"$kind"
    exchange "add-usb $number=$adapter:TEST-$adapter"
    check "$kind: one more adapter, one more tty" device "$number" || continue
    count < <(busybox timeout 60 python3 /lab/guest/lines.py "$kind" "$number" "$device" 2>&1)
    exchange "remove $number"
done
