# shellcheck shell=bash
# tools/judge.sh - sourced: how checks of shell scripts count, and the line that they end with.

n_passed=0 n_failed=0

judge() { # judge TEXT COMMAND...
  local text=$1
  shift
  if "$@"; then
    echo "ok   $text"
    n_passed=$((n_passed + 1))
  else
    echo "FAIL $text"
    n_failed=$((n_failed + 1))
  fi
}

verdict() {
  echo "$n_passed passed, $n_failed failed"
  [ "$n_failed" = 0 ]
}
