#!/usr/bin/env bash
# skip.sh PART NEED WHY: says that PART is left out, because of WHY. Fails where TP_PROVIDED, a list of names, promises NEED.
# The file TP_SKIPS collects what was left out. Tests do the same by tests/skip.rs.
set -euo pipefail

line="$1: skipped, because $3"
if [[ " ${TP_PROVIDED-} " == *" $2 "* ]]; then
    echo "$1 would be skipped, because $3; TP_PROVIDED promises $2" >&2
    exit 1
fi
echo "$line"
[ -z "${TP_SKIPS-}" ] || echo "$line" >>"$TP_SKIPS"
