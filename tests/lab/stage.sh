# Puts the programs into OUT/stage, the files that the guest gets over its root. Sourced after parts.sh.
# shellcheck shell=bash disable=SC2154 # Set by parts.sh and shared.sh.

# stage SUBJECT OUT. With PACKAGE=FILE.deb our mgetty, chat and so on come from the package, which the guest installs.
stage() {
    local exchange=$target/release/exchange chat d
    rm -rf "$2"
    mkdir -p "$2/stage/usr/sbin" "$2/stage/lab"
    find_ppp
    find_mgetty "$1"
    # The caller dials with our chat when our programs are shown, with Debian's when the originals are.
    chat=$original_chat
    [ "$1" = original ] || chat=$target/release/chat
    for d in "$exchange" "$chat"; do [ -x "$d" ] || die "$d is missing: run scripts/build"; done
    install -m 755 "$pppd" "$2/stage/usr/sbin/"
    if [ "$1" = ours ] && [ -n "${PACKAGE:-}" ]; then
        # The guest installs ours as its users would.
        install -m 644 "$PACKAGE" "$2/stage/lab/ringback.deb"
    else
        install -m 755 "$mgetty" "$2/stage/usr/sbin/"
        install -m 755 "$chat" "$2/stage/usr/sbin/chat"
    fi
    install -m 755 "$exchange" "$2/stage/lab/exchange"
    for d in "${libraries[@]}"; do
        mkdir -p "$2/stage/usr/lib"
        cp -a "$d/." "$2/stage/usr/lib/"
    done
}
