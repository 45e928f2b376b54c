#!/usr/bin/env bash
# Proves at link time that lib/ and manager/ are sans-IO: links a plain gcc build of the room into one object and
# asks nm what it still wants from outside. No clock, socket, allocator, stdio, errno - and no writable globals.
# manager/ is freestanding: it wants no more than mem*, which compilers call by themselves. It is asked at every
# level of optimisation that is built, as each makes other calls. Its wasm.c is not native code.
# Then proves that this check can fail. Ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n_passed=0 n_failed=0

# What a room may take from libc: bytes and strings, nothing with a state. The rest is compiler support.
basic='^(mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|chr|nlen)|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)$'

freestanding='^(mem(cpy|move|set|cmp))$'
flags=(-O1)

# compile OUT_DIR FILES...: plain objects with $flags, no sanitizers, no coverage, no LTO
compile() {
  local out=$1 file n=0
  shift
  mkdir -p "$out"
  for file in "$@"; do
    n=$((n + 1))
    gcc -std=gnu17 "${flags[@]}" -fno-pie -fno-common -Iinclude -Ilib -I. -c "$file" -o "$out/$n.o"
  done
}

# impurities DIR ALLOWED: names that must not be there, one per line
impurities() {
  ld -r -o "$1/all.o" "$1"/[0-9]*.o
  nm -u "$1/all.o" | awk '{print $2}' | grep -Ev "$2" | sed 's/^/wants /' || true
  nm "$1/all.o" | awk '$2 ~ /^[bBdDcC]$/ {print "writable global " $3}'
}

# check NAME ALLOWED PREFIX FILES...
check() {
  local name=$1 allow=$2 prefix=$3 bad stray
  shift 3
  compile "$scratch/$name" "$@"
  bad=$(impurities "$scratch/$name" "$allow")
  stray=$(nm --defined-only -g "$scratch/$name/all.o" | awk '{print $3}' | grep -Ev "$prefix" |
    sed 's/^/exports without prefix /' || true)
  if [ -n "$bad$stray" ]; then
    printf '%s\n' "$bad" "$stray" | sed '/^$/d' | sed "s/^/$name /"
    n_failed=$((n_failed + 1))
  else
    echo "$name: pure ($# files)"
    n_passed=$((n_passed + 1))
  fi
}

# must_fail SNIPPET [ALLOWED]: the gate has to catch this
must_fail() {
  local dir="$scratch/bad$((n_passed + n_failed))"
  mkdir -p "$dir"
  printf '%s\n' "$1" >"$dir/bad.c"
  compile "$dir" "$dir/bad.c"
  if [ -z "$(impurities "$dir" "${2:-$basic}")" ]; then
    echo "the gate lets this pass: $1"
    n_failed=$((n_failed + 1))
  else
    n_passed=$((n_passed + 1))
  fi
}

mapfile -t lib < <(find lib -name '*.c' ! -name '*_test.c' | sort)
[ "${#lib[@]}" -gt 0 ] || { echo "no sources in lib/"; echo "0 passed, 1 failed"; exit 1; }
check lib "$basic" '^wr_' "${lib[@]}"
mapfile -t manager < <(find manager -name '*.c' ! -name '*_test.c' ! -name wasm.c | sort)
[ "${#manager[@]}" -gt 0 ] || { echo "no sources in manager/"; echo "0 passed, 1 failed"; exit 1; }
for level in -O0 -O1 -O2 -Os; do
  flags=("$level" -ffreestanding)
  check "manager$level" "$freestanding" '^mgr_' "${manager[@]}"
done
flags=(-O1)

must_fail '#include <time.h>
long wr_x(void); long wr_x(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_nsec; }'
must_fail '#include <stdlib.h>
void *wr_x(void); void *wr_x(void) { return malloc(10); }'
must_fail '#include <stdio.h>
void wr_x(int v); void wr_x(int v) { printf("%d", v); }'
must_fail '#include <errno.h>
int wr_x(void); int wr_x(void) { return errno; }'
must_fail '#include <sys/socket.h>
int wr_x(void); int wr_x(void) { return socket(AF_INET, SOCK_DGRAM, 0); }'
must_fail '#include <stdlib.h>
int wr_x(void); int wr_x(void) { return rand(); }'
must_fail 'int wr_x(void); static int hidden_state; int wr_x(void) { return hidden_state++; }'
must_fail '#include <string.h>
size_t mgr_x(const char *s); size_t mgr_x(const char *s) { return strlen(s); }' "$freestanding"
must_fail '#include <math.h>
double mgr_x(double x); double mgr_x(double x) { return pow(x, 1.5); }' "$freestanding"
must_fail 'int mgr_x(void); int mgr_x(void) { static int calls = 7; return ++calls; }' "$freestanding"
must_fail 'int *mgr_x(void); int mgr_common; int *mgr_x(void) { return &mgr_common; }' "$freestanding"

echo "$n_passed passed, $n_failed failed"
[ "$n_failed" = 0 ]
