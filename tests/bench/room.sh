# in_room COMMAND...: runs it where /run and /var/log are scratch directories: locks and records of what is measured are not
# this machine's. An ordinary user, who cannot write there, needs no room. Sourced, never run.
# shellcheck shell=bash
in_room() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
        return
    fi
    local room code=0
    room=$(mktemp -d)
    mkdir -p "$room/run/lock" "$room/log"
    # shellcheck disable=SC2016 # Expanded in the room.
    unshare --mount --propagation private sh -c \
        'mount --bind "$1/run" /run && mount --bind "$1/log" /var/log && shift && exec "$@"' sh "$room" "$@" || code=$?
    rm -rf "$room"
    return "$code"
}
