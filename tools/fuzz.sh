#!/usr/bin/env bash
# Runs the fuzz targets of build/fuzz (./dev fuzz builds them first).
#
#   tools/fuzz.sh [TARGET] [SECONDS]   fuzz, 60 s each; new inputs stay in build/fuzz/corpus/TARGET
#   tools/fuzz.sh --list
#   tools/fuzz.sh --keep [TARGET]      minimise what was found into fuzz/corpus/TARGET, within its bounds
#   tools/fuzz.sh --test SECONDS       replay every corpus under gcc's sanitizers, then fuzz each target so long
#
# A crash leaves its input in build/fuzz/crash/TARGET/ and fails. Ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

max_files=200 max_bytes=204800 # per target in fuzz/corpus
bin=build/fuzz/fuzz
n_passed=0 n_failed=0

targets() { for f in fuzz/fuzz_*.c; do [ -e "$f" ] && basename "$f" .c | sed 's/^fuzz_//'; done; }

count() {
  if [ "$1" = 0 ]; then n_passed=$((n_passed + 1)); else n_failed=$((n_failed + 1)); fi
}

# fuzz TARGET SECONDS
fuzz() {
  local target=$1 seconds=$2 status=0 dict=() found=build/fuzz/corpus/$1 crash=build/fuzz/crash/$1/
  mkdir -p "$found" "$crash" "fuzz/corpus/$target"
  [ ! -f "fuzz/dict/$target.dict" ] || dict=("-dict=fuzz/dict/$target.dict")
  nice -n 19 "$bin/fuzz_$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$crash" "${dict[@]}" "$found" "fuzz/corpus/$target" \
    >"build/fuzz/$target.log" 2>&1 || status=$?
  if [ "$status" = 0 ]; then
    echo "ok   fuzz $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$target.log") runs"
  else
    tail -n 40 "build/fuzz/$target.log"
    echo "FAIL fuzz $target -- $bin/fuzz_$target $(find "$crash" -type f | head -n 1)"
  fi
  count "$status"
}

# replay TARGET: the kept corpus, built by gcc with ASan and UBSan
replay() {
  local status=0 out
  out=$("build/asan/fuzz/fuzz_replay_$1" "fuzz/corpus/$1" 2>&1) || status=$?
  if [ "$status" = 0 ]; then
    echo "ok   replay $1: ${out%% passed*} inputs"
  else
    printf '%s\n' "$out" | tail -n 30
    echo "FAIL replay $1 -- build/asan/fuzz/fuzz_replay_$1 fuzz/corpus/$1"
  fi
  count "$status"
}

# keep TARGET: the smallest set of inputs with the same coverage; seeds with a name of their own stay
keep() {
  local target=$1 merged bytes n
  merged=$(mktemp -d)
  "$bin/fuzz_$target" -merge=1 "$merged" "fuzz/corpus/$target" "build/fuzz/corpus/$target" >/dev/null 2>&1 || true
  [ -n "$(ls -A "$merged")" ] || { rm -r "$merged"; count 1; return; }
  mkdir -p "fuzz/corpus/$target"
  find "fuzz/corpus/$target" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
  n=$(find "fuzz/corpus/$target" -type f | wc -l)
  bytes=$(cat "fuzz/corpus/$target"/* 2>/dev/null | wc -c)
  while read -r size name; do # small ones first, until a bound is reached
    cmp -s "$merged/$name" "fuzz/corpus/$target/$name" && continue
    if [ "$n" -ge $max_files ] || [ $((bytes + size)) -gt $max_bytes ]; then break; fi
    cp "$merged/$name" "fuzz/corpus/$target/$name"
    n=$((n + 1)) bytes=$((bytes + size))
  done < <(find "$merged" -type f -printf '%s %f\n' | sort -n)
  rm -r "$merged"
  echo "kept $target: $n files, $bytes bytes"
  count 0
}

mapfile -t all < <(targets)
[ ${#all[@]} -gt 0 ] || { echo "no fuzz/fuzz_*.c"; echo "0 passed, 1 failed"; exit 1; }
case ${1:-} in
  --list)
    printf '%s\n' "${all[@]}"
    exit 0
    ;;
  --keep)
    [ -z "${2:-}" ] || all=("$2")
    for target in "${all[@]}"; do keep "$target"; done
    ;;
  --test)
    for target in "${all[@]}"; do replay "$target"; done
    # Two at a time would fight for the cores with what else the test stage runs: one after the other.
    for target in "${all[@]}"; do fuzz "$target" "${2:-10}"; done
    ;;
  *)
    seconds=60
    for argument in "$@"; do
      if [[ $argument =~ ^[0-9]+$ ]]; then seconds=$argument; else all=("$argument"); fi
    done
    for target in "${all[@]}"; do
      [ -x "$bin/fuzz_$target" ] || { echo "no such target: $target"; exit 2; }
      fuzz "$target" "$seconds"
    done
    ;;
esac
echo "$n_passed passed, $n_failed failed"
[ "$n_failed" = 0 ]
