# What the scripts share. Sourced, never run: `. "$(dirname "$0")/shared.sh"`.
# shellcheck shell=bash

# The workspace's top directory and cargo's target directory.
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
# Read by the scripts that source this file.
# shellcheck disable=SC2034
target=${CARGO_TARGET_DIR:-$top/target}
cd "$top" || exit 1
# rustup's default place, for shells that were not restarted after its installation.
case ":$PATH:" in *":$HOME/.cargo/bin:"*) ;; *) PATH=$PATH:$HOME/.cargo/bin ;; esac
# System tools of an ordinary user's machine.
PATH=$PATH:/usr/sbin:/sbin
export PATH

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$(basename "$0"): $*"
    exit 1
}

# have_package NAME: whether Debian's package is installed.
have_package() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need PACKAGE...: installs what is missing, as root or by sudo; otherwise says what to install.
# Returns 1 if something is still missing (the caller decides whether it can do without).
need() {
    local missing=() package
    for package in "$@"; do have_package "$package" || missing+=("$package"); done
    [ ${#missing[@]} = 0 ] && return 0
    local as=()
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as=(sudo -n env DEBIAN_FRONTEND=noninteractive)
        else
            say "$(basename "$0"): please install as root: apt-get install ${missing[*]}"
            return 1
        fi
    fi
    say "$(basename "$0"): installing ${missing[*]}"
    if ! DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
        # A fresh machine has no package lists yet.
        "${as[@]}" apt-get update >/dev/null 2>&1
        DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >&2 || return 1
    fi
}

# need_rust: a new enough cargo and a C linker, or a plain sentence. Debian 12's own cargo is too old.
need_rust() {
    local version
    version=$(cargo --version 2>/dev/null | cut -d' ' -f2) || true
    [ -n "$version" ] || die "Rust is missing: install it with rustup (https://rustup.rs) and run this again"
    if [ "$(printf '%s\n' 1.85.0 "$version" | sort -V | head -n 1)" != 1.85.0 ]; then
        die "Rust 1.85 or newer is needed, this is $version: install it with rustup (https://rustup.rs)"
    fi
    command -v cc >/dev/null || need gcc libc6-dev || die "a C compiler is missing: apt-get install gcc libc6-dev"
}
