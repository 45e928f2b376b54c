#!/usr/bin/env bash
# Reads the coverage data of build/cov: one line per file of lib/, and the gate: usage: tools/coverage.sh PERCENT
# With --all before it: runs the unit tests, simulations and the system tests in that build first, and judges all C.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if [ "$1" = --all ]; then
  find build/cov -name '*.gcda' -delete
  build/cov/unit_tests | tail -n 1
  build/cov/wr_sim check --seeds 20 | tail -n 1
  for script in tests/system/run tests/system/outages.py; do
    GATEWAY=$PWD/build/cov/cli/xiaozhi-rtc "$script" >build/cov/system.log || grep FAIL build/cov/system.log
    tail -n 1 build/cov/system.log
  done
  name="all C" least=$2 filter='(include|lib|crypto|xiaozhi|manager|caller|gateway|assistant|client|cli|sim|web)/'
else
  name=lib/ least=$1 filter=lib/
fi
gcovr --root . --filter "$filter" --exclude '.*_test\.c' --exclude build \
  --json-summary build/cov/summary.json build/cov >/dev/null
python3 - "$least" "$name" <<'P'
import json, sys
least, name = float(sys.argv[1]), sys.argv[2]
summary = json.load(open("build/cov/summary.json"))
for entry in sorted(summary["files"], key=lambda f: f["line_percent"]):
    covered, total = entry["line_covered"], entry["line_total"]
    print(f"{entry['line_percent']:6.1f} %  {covered:5d}/{total:<5d} {entry['filename']}")
percent = summary["line_percent"]
held = percent >= least and summary["line_total"] > 0
print(f"{name}: {percent:.1f} % of {summary['line_total']} lines, at least {least:.0f} % wanted")
print("1 passed, 0 failed" if held else "0 passed, 1 failed")
sys.exit(0 if held else 1)
P
