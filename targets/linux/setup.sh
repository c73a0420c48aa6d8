#!/usr/bin/env bash
# Puts everything the workspace needs to build on this machine. Asks nothing; a second run finds everything there and ends at once.
#
#   targets/linux/setup.sh               what `make demo` and `make test` need
#   targets/linux/setup.sh --firmware    also the emulated Cortex-M board and the Rust target for it
#   targets/linux/setup.sh --ci          also the tools that only .ci/run uses
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly oldest_rust=1.95 oldest_cmake=3.30 board_target=thumbv7em-none-eabihf

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Is version $1 at least version $2?
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

firmware=no ci=no
for argument in "$@"; do
    case $argument in
        --firmware) firmware=yes ;;
        --ci) ci=yes ;;
        *) fail "unknown argument '$argument'; there are --firmware and --ci" ;;
    esac
done

check_rust() {
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null && command -v rustc >/dev/null ||
        fail "no Rust toolchain found. Install the stable one with rustup (https://rustup.rs); this script does not." \
             "When it is installed already: open a new shell, or run '. \"\$HOME/.cargo/env\"'."
    local version
    version=$(rustc --version | cut -d ' ' -f 2)
    at_least "$version" $oldest_rust ||
        fail "rustc $version is older than $oldest_rust. 'rustup update stable' brings a newer one; this script does not."
}

# Debian package: what it is needed for.
packages() {
    cat <<'LIST'
build-essential: compiles the C sources of Aeron
pkg-config: finds the libraries of the system
clang: the headers that bindgen needs to read C
libclang-dev: reads the C headers of Aeron (bindgen)
uuid-dev: headers used by Aeron
libbsd-dev: headers used by Aeron
zlib1g-dev: headers used by Aeron
LIST
    [ -n "$(cmake_of_system)" ] || echo "python3-venv: private place for a newer CMake than Debian has"
    [ $firmware = no ] || echo "qemu-system-arm: emulates the Cortex-M4 board"
    [ $ci = no ] || echo "valgrind: counts the instructions of the hot paths"
}

# The packages of the list that are not installed.
missing_packages() {
    local wanted installed
    wanted=$(packages | cut -d : -f 1)
    # shellcheck disable=SC2086 # one word per package
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null | sed -n 's/ installed$//p' || true)
    comm -23 <(sort -u <<<"$wanted") <(sort -u <<<"$installed")
}

install_packages() {
    local missing as_root=()
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null ||
            fail "these Debian packages are missing and this user may not install them (no root, no sudo without password)." \
                 "Run this, then come back: sudo apt-get update && sudo apt-get install -y $missing"
        as_root=(sudo -n)
    fi
    say "installing with apt-get:"
    packages | grep -E "^($(sed 's/ $//; s/ /|/g' <<<"$missing")):" | sed 's/^/         /'
    local log=.tools/apt.log options=(-qq -o DPkg::Lock::Timeout=300)
    mkdir -p .tools
    # shellcheck disable=SC2086 # one word per package
    "${as_root[@]}" apt-get "${options[@]}" update >"$log" 2>&1 &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get "${options[@]}" install -y --no-install-recommends $missing >>"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        fail "apt-get could not install: $missing" "Its whole output is in $log."
    }
}

# Another system than Debian: nothing is installed, only looked for.
look_for_tools() {
    local absent=() tool header
    for tool in cc c++ make pkg-config clang; do
        command -v $tool >/dev/null || absent+=("$tool")
    done
    for header in uuid/uuid.h bsd/string.h zlib.h; do
        printf '#include <%s>\n' $header | cc -E - >/dev/null 2>&1 || absent+=("$header")
    done
    [ $firmware = no ] || command -v qemu-system-arm >/dev/null || absent+=(qemu-system-arm)
    [ $ci = no ] || command -v valgrind >/dev/null || absent+=(valgrind)
    say "this is no Debian system, so packages are only looked for, not installed."
    [ ${#absent[@]} = 0 ] ||
        fail "missing: ${absent[*]}" "Needed are the counterparts of these Debian packages:" "$(packages)"
}

cmake_is_new() {
    local version
    version=$("$1" --version 2>/dev/null | sed -n '1s/.* //p') && [ -n "$version" ] && at_least "$version" $oldest_cmake
}

# The system's own CMake, if it is new enough for the Aeron sources.
cmake_of_system() {
    local own
    own=$(command -v cmake || true)
    [ -z "$own" ] || ! cmake_is_new "$own" || echo "$own"
}

# .cargo/config.toml points the build at .tools/cmake/bin/cmake.
install_cmake() {
    local cmake=.tools/cmake/bin/cmake
    ! cmake_is_new $cmake || return 0
    rm -rf .tools/cmake
    local own
    own=$(cmake_of_system)
    if [ -n "$own" ]; then
        mkdir -p .tools/cmake/bin
        ln -s "$own" $cmake
        return
    fi
    say "installing CMake from PyPI into .tools/cmake: the Aeron sources need >= $oldest_cmake"
    python3 -m venv .tools/cmake || fail "python3 could not make a virtual environment in .tools/cmake (Debian package python3-venv)."
    .tools/cmake/bin/pip install --quiet --disable-pip-version-check "cmake>=$oldest_cmake" ||
        fail "CMake could not be fetched from PyPI." \
             "Where PyPI cannot be reached, put a cmake >= $oldest_cmake on PATH by other means and run this again."
    cmake_is_new $cmake || fail "the CMake from PyPI does not run: $cmake"
}

# Without it the parts that need it say that they are skipped; everything else builds.
install_board_target() {
    [ ! -d "$(rustc --print sysroot)/lib/rustlib/$board_target" ] || return 0
    say "adding the Rust target $board_target: the firmware is built for it"
    command -v rustup >/dev/null && rustup --quiet target add $board_target ||
        say "the Rust target $board_target cannot be added, since rustup is missing or failed. Whatever needs it will be skipped."
}

# Cargo tools are compiled, which takes minutes; they stay in .tools/bin.
install_cargo_tool() {
    local tool=$1 why=$2
    shift 2
    [ ! -x ".tools/bin/$tool" ] || return 0
    ! command -v "$tool" >/dev/null || return 0
    say "building $tool into .tools/bin, some minutes: $why"
    cargo install --quiet --locked --root .tools "$tool" "$@"
}

check_rust
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_packages
else
    look_for_tools
fi
install_cmake
[ $firmware = no ] || install_board_target
if [ $ci = yes ]; then
    install_cargo_tool cargo-deny "checks licences, sources and advisories of the dependencies"
    install_cargo_tool cargo-nextest "runs the tests with time limits" --no-default-features --features default-no-update
fi
