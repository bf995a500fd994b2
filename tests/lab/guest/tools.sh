# What the scripts in the guest share. Sourced. Waiting costs no process here: starting one takes
# 10 to 50 ms in user-mode Linux.
# shellcheck shell=bash disable=SC2034 # Set for who sources this.

[ -p /lab/silence ] || mkfifo /lab/silence
exec {silence}<>/lab/silence

# nap SECONDS
nap() { read -rt "$1" -u "$silence" _ || :; }

# now: sets `now` in microseconds.
now() { now=${EPOCHREALTIME/[.,]/}; }

# within SECONDS COMMAND...: looks every 20 ms (the command should start no process) until it is true.
within() {
    local limit=$1 end
    shift
    now
    end=$((now + ${limit%.*} * 1000000))
    until "$@"; do
        now
        [ "$now" -lt $end ] || return 1
        nap 0.02
    done
}

passed=0 failed=0
# check NAME COMMAND...: one named check; `why` says what was seen if it fails.
check() {
    local name=$1
    shift
    why=
    if "$@"; then
        passed=$((passed + 1))
        echo "PASS $name"
    else
        failed=$((failed + 1))
        why=${why:-$* is not true}
        # One write: others may be telling something at the same moment.
        printf 'FAIL %s: %s\n' "$name" "${why//[$'\n\r']/ }"
        return 1
    fi
}

# measured NAME MILLISECONDS
measured() { echo "TIME $1: $2 ms"; }

# lock_holder LINE: sets `holder` to the number in the line's lock file; empty without one.
lock_holder() {
    holder=
    [ -f "/run/lock/LCK..$1" ] && read -r holder _ 2>/dev/null <"/run/lock/LCK..$1"
    [ -n "$holder" ]
}

# waiting LINE: a getty has the line open and holds no lock: it waits for a call. Between its start
# and the open it has none either, so the kernel is asked what it has open. Sets `getty`.
waiting() {
    local pid_file=/run/mgetty.pid.$1
    getty=
    [ ! -e "/run/lock/LCK..$1" ] && [ -f "$pid_file" ] && read -r getty <"$pid_file" &&
        [ -n "$getty" ] && [ "/proc/$getty/fd/0" -ef "/dev/$1" ]
} 2>/dev/null
