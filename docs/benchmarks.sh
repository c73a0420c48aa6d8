#!/usr/bin/env bash
# Counts the instructions of the hot paths with callgrind and compares them with their limits; fails when one is above.
# The figures in docs/benchmarks.md come from here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v valgrind >/dev/null; then
    targets/linux/skip.sh 'instruction counts' valgrind 'valgrind is not installed'
    exit
fi
# callgrind counts the same whatever else runs, so one run is enough.
readonly times=1000

cargo build --quiet --release -p tp-cost
program=${CARGO_TARGET_DIR:-target}/release/tp-cost

# Instructions of one call of tp_cost::$1, all that it calls included.
instructions() {
    local total
    total=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="tp_cost::$1" \
        "$program" "$1" $times 2>&1 | sed -n 's/.*Collected : //p')
    # A name that no longer matches would count nothing.
    [ "${total:-0}" -ge $times ] || { echo "callgrind counted nothing for $1" >&2; return 1; }
    echo $(((total + times / 2) / times))
}

status=0
printf '%-10s %12s %6s\n' path instructions limit
# Path, limit; a path without limit is only shown.
while read -r path limit; do
    count=$(instructions "$path")
    printf '%-10s %12s %6s\n' "$path" "$count" "${limit:--}"
    if [ -n "$limit" ] && [ "$count" -gt "$limit" ]; then
        echo "$path takes $count instructions, at most $limit are allowed" >&2
        status=1
    fi
done <<'PATHS'
publish 120
claim
queue
progress
encode
decode
observe
read 300
look 20
idle 200
prefix 350
keepalive 2500
attach 30000
PATHS
exit $status
