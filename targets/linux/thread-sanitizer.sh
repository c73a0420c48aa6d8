#!/usr/bin/env bash
# Whether the thread sanitizer can be had here; if not, says why and fails. Brings the sources of std if only they are missing.
set -uo pipefail

missing() { echo "$1"; exit 1; }

sysroot=$(rustup run nightly rustc --print sysroot 2>/dev/null) || missing 'no nightly toolchain is installed'
sources=$sysroot/lib/rustlib/src/rust/library/Cargo.lock
[ -f "$sources" ] || timeout 120 rustup component add rust-src --toolchain nightly >/dev/null 2>&1
[ -f "$sources" ] || missing 'the sources of the standard library (rust-src) for the nightly toolchain cannot be had'
