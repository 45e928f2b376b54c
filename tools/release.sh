#!/usr/bin/env bash
# Judges the shipped binary: its size stripped, its hardening, and whose code runs inside its process (licences).
# usage: tools/release.sh BINARY. Ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
binary=$1 max_bytes=$((2304 * 1024))
n_passed=0 n_failed=0

judge() { # judge HELD TEXT
  if [ "$1" = yes ]; then
    echo "ok   $2"
    n_passed=$((n_passed + 1))
  else
    echo "FAIL $2"
    n_failed=$((n_failed + 1))
  fi
}

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$binary"
size=$(stat -c %s "$stripped")
judge "$([ "$size" -lt $max_bytes ] && echo yes)" "$size bytes stripped, less than $max_bytes"

elf=$(readelf -Wld "$binary")
judge "$(grep -q 'GNU_RELRO' <<<"$elf" && grep -q 'BIND_NOW\|Flags:.*NOW' <<<"$elf" && echo yes)" \
  "relocations read-only"
judge "$(readelf -Wh "$binary" | grep 'DYN' >/dev/null && echo yes)" "position independent"
judge "$(grep -q 'GNU_STACK.* RW ' <<<"$elf" && echo yes)" "stack not executable"
judge "$(nm -D "$binary" | grep '__stack_chk_fail' >/dev/null && echo yes)" "stack protector"

# Directly linked libraries must stand in ARCHITECTURE.md's table of dependencies.
for library in $(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$elf"); do
  name=$(sed 's/\.so.*//' <<<"$library")
  case $name in libc | libm | ld-linux*) continue ;; esac
  judge "$(grep -q "\`$name\`" ARCHITECTURE.md && echo yes)" "$name stands in the table of dependencies"
done
# A copyleft licence would bind the whole program: none of its libraries may be loaded into this process.
foreign=$(ldd "$binary" | grep -Eo '(libespeak|libreadline|libgmp-gpl|libx264|libsndfile-gpl)[^ ]*' || true)
judge "$([ -z "$foreign" ] && echo yes)" "no GPL library in the process $foreign"

echo "$n_passed passed, $n_failed failed"
[ "$n_failed" = 0 ]
