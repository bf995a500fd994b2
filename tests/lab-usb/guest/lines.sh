# What the drivers themselves do with a line. Sourced by scenario.
# shellcheck shell=bash disable=SC2154

# The script's own checks count too.
count() {
    while IFS= read -r line; do
        case $line in
        PASS\ *) passed=$((passed + 1)) ;;
        FAIL\ *) failed=$((failed + 1)) ;;
        esac
        echo "$line"
    done
}
for kind in cdc_acm:123457:acm ftdi_sio:123456:ftdi; do
    IFS=: read -r kind number adapter <<<"$kind"
    exchange "add-usb $number=$adapter:TEST-$adapter"
    check "$kind: one more adapter, one more tty" device "$number" || continue
    count < <(busybox timeout 60 python3 /lab/guest/lines.py "$kind" "$number" "$device" 2>&1)
    exchange "remove $number"
done
