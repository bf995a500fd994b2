#!/usr/bin/env bash
# line: recovery and release times of a line, by the tests that hurt it (tests/blackbox/mgetty/alive.rs), over the
# exchange. Each number includes what is said of it: a ring and a handshake where it ends with an answer. The table of
# all faults in all states is `scripts/campaign faults`.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cargo test --quiet --locked -p ringback-tests mgetty::alive -- --nocapture --test-threads=1 >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    exit 1
fi
# What is printed may follow the dots that count tests.
sed -n 's/^\.*\([a-z].*: [0-9.]* s\)$/\1/p' "$log"
