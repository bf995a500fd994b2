#!/bin/sh
# scripts/bench exchange: the exchange's bars, measured. LINES, SECONDS and UNPACED=0 shorten it.
set -e
cd "$(dirname "$0")/../.."
cargo build -q --release -p exchange -p ringback-tests --bin exchange --bin bench-exchange
exec target/release/bench-exchange
