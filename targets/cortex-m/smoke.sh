#!/usr/bin/env bash
# Builds the smoke firmware and runs it on an emulated Cortex-M4. The board's exit status is ours.
# req: W-106, E-03
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
readonly target=thumbv7em-none-eabihf limit_s=60

skip() {
    ../linux/skip.sh firmware-smoke "$1" "$2"
    exit
}

command -v qemu-system-arm >/dev/null || skip qemu "qemu-system-arm is not installed (targets/linux/setup.sh --firmware)"
rustc --print target-libdir --target $target 2>/dev/null | xargs -r test -d ||
    skip board "the Rust target $target is not installed (targets/linux/setup.sh --firmware)"

target_dir=${CARGO_TARGET_DIR:-$PWD/target}
cargo build --quiet --release --locked --target-dir "$target_dir"
timeout $limit_s qemu-system-arm -machine mps2-an386 -nographic -monitor none -serial none \
    -semihosting-config enable=on,target=native -kernel "$target_dir/$target/release/smoke"
