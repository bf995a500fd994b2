# Finds what the lab is made of. Sourced: needs `top`, `target`, `say` and `die` of scripts/shared.sh.
# What is not installed is unpacked under target/originals, so that an ordinary user needs nothing
# but Debian's package lists.
# shellcheck shell=bash disable=SC2034,SC2154 # Set and used by who sources this.

# unpacked PACKAGE: prints the directory into which Debian's package is unpacked.
unpacked() {
    if ! "$top/scripts/originals" "$1" >&2; then
        # Package lists may be missing, and root's help at hand.
        if ! { sudo -n apt-get update >/dev/null 2>&1 && "$top/scripts/originals" "$1" >&2; }; then
            say "$1 cannot be had; on a fresh machine run as root: apt-get update"
            return 1
        fi
    fi
    printf '%s\n' "$target/originals/$1"
}

# find_kernel: sets `uml` and `uml_modules`.
find_kernel() {
    local at
    uml=$(command -v linux.uml) && uml_modules=/usr/lib/uml/modules && [ -x "$uml" ] && [ -d "$uml_modules" ] && return
    at=$(unpacked user-mode-linux) || die "no user-mode Linux: apt-get install user-mode-linux"
    uml=$at/usr/bin/linux.uml uml_modules=$at/usr/lib/uml/modules
}

# find_busybox: sets `busybox`, a static one with the applets the guest needs.
find_busybox() {
    local at
    busybox=$(command -v busybox) && case $("$busybox" --list 2>/dev/null | tr '\n' ' ') in
    *insmod*nc*ping*poweroff*) return ;;
    esac
    at=$(unpacked busybox-static) || die "no busybox: apt-get install busybox-static"
    busybox=$at/bin/busybox
}

# find_init: sets `sysvinit` (init and telinit are never installed: they would replace the machine's own).
find_init() {
    local at
    at=$(unpacked sysvinit-core) || die "no sysvinit: apt-get download sysvinit-core failed"
    sysvinit=$at/sbin
}

# find_ppp: sets `pppd`, `chat` and `libraries` (directories of shared libraries that the machine lacks).
find_ppp() {
    local at name package missing
    libraries=()
    at=$(unpacked ppp) || die "no pppd: apt-get download ppp failed"
    pppd=$at/usr/sbin/pppd original_chat=$at/usr/sbin/chat
    missing=$(ldd "$pppd" | sed -n 's/^\t\(.*\) => not found$/\1/p')
    for name in $missing; do
        case $name in
        libpcap.so.0.8) package=libpcap0.8 ;;
        libdbus-1.so.3) package=libdbus-1-3 ;;
        libssl.so.3 | libcrypto.so.3) package=libssl3 ;;
        *) die "pppd needs $name, which this machine lacks" ;;
        esac
        at=$(unpacked "$package") || die "pppd needs $package"
        libraries+=("$at/usr/lib")
        # libpcap brings a need of its own.
        if [ $package = libpcap0.8 ] && ! [ -e /usr/lib/x86_64-linux-gnu/libdbus-1.so.3 ]; then
            at=$(unpacked libdbus-1-3) || die "libpcap needs libdbus-1-3"
            libraries+=("$at/usr/lib" "$at/lib")
        fi
    done
}

# find_mgetty SUBJECT: sets `mgetty`.
find_mgetty() {
    local at
    case $1 in
    ours) mgetty=$target/release/mgetty ;;
    original)
        at=$(unpacked mgetty) || die "no mgetty of Debian's"
        mgetty=$at/sbin/mgetty
        ;;
    *) die "SUBJECT is ours or original, not $1" ;;
    esac
    [ -x "$mgetty" ] || die "$mgetty is missing: run scripts/build"
}
