#!/usr/bin/env bash
# Whether libFuzzer can be had here; if not, says why and fails.
set -uo pipefail

missing() { echo "$1"; exit 1; }

rustup run nightly rustc --version >/dev/null 2>&1 || missing 'no nightly toolchain is installed'
command -v "${CXX:-c++}" >/dev/null || missing 'no C++ compiler is installed, and libFuzzer is C++'
timeout 120 cargo fetch --quiet --manifest-path tests/fuzz/fuzz/Cargo.toml >/dev/null 2>&1 ||
    missing 'the crates of tests/fuzz/fuzz cannot be had'
