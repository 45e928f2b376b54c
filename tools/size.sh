#!/usr/bin/env bash
# usage: [BUILD=build/dev] tools/size.sh
# What the manager costs a page: manager.wasm as it is, and with its JavaScript as it is sent (gzip -9), the script
# with and without comments and indentation ("bare"). fallback*.js, which is loaded when a call has begun, is not
# in the sums. Ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
wasm=${BUILD:-build/dev}/manager/manager.wasm
readonly wasm_most=49152 sent_most=15360

n_passed=0 n_failed=0

# bound WHAT BYTES MOST
bound() {
  if [ "$2" -lt "$3" ]; then
    n_passed=$((n_passed + 1))
  else
    echo "FAIL $1: $2 bytes, not under $3"
    n_failed=$((n_failed + 1))
  fi
}

# Comments that have lines of their own, and indentation: what a server may leave out without reading JavaScript.
bare() {
  awk '{sub(/^ +/, "")} /^\/\*/ {inside = 1} !inside && !/^\/\// && NF; inside && /\*\/$/ {inside = 0}' "$@"
}
sent() { gzip -9 -c "$@" | wc -c; }

mapfile -t scripts < <(find web/js/manager -name '*.js' | sort)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for script in "${scripts[@]}"; do bare "$script" >"$scratch/$(basename "$script")"; done

raw=$(wc -c <"$wasm")
wasm_sent=$(sent "$wasm")
total=$wasm_sent total_bare=$wasm_sent
counted=() counted_bare=()
printf '%-24s %8s %8s %8s\n' file raw gzip bare
printf '%-24s %8d %8d %8s\n' manager.wasm "$raw" "$wasm_sent" -
for script in "${scripts[@]}"; do
  whole=$(sent "$script") stripped=$(sent "$scratch/$(basename "$script")")
  printf '%-24s %8d %8d %8d\n' "$(basename "$script")" "$(wc -c <"$script")" "$whole" "$stripped"
  [[ $script != */fallback* ]] || continue
  counted+=("$script") counted_bare+=("$scratch/$(basename "$script")")
  total=$((total + whole)) total_bare=$((total_bare + stripped))
done
together=$(cat "$wasm" "${counted[@]}" | gzip -9 | wc -c)
together_bare=$(cat "$wasm" "${counted_bare[@]}" | gzip -9 | wc -c)
printf '%-24s %8s %8d %8d\n' "sum of files" - "$total" "$total_bare"
printf '%-24s %8s %8d %8d\n' "as one file" - "$together" "$together_bare"

bound "manager.wasm" "$raw" "$wasm_most"
[ "$together_bare" -lt "$sent_most" ] || echo "note: the target for all of it is $sent_most bytes"
echo "$n_passed passed, $n_failed failed"
[ "$n_failed" = 0 ]
