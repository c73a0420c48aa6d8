#!/usr/bin/env bash
# Builds the programs and runs the demo for DEMO_SECONDS (5). The last line on standard output is one JSON object; the
# exit status says the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cargo build --release -p tp-linux
exec "${CARGO_TARGET_DIR:-target}/release/tp" demo --seconds "${DEMO_SECONDS:-5}" --data tests/data
