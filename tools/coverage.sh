#!/usr/bin/env bash
# Reads the coverage data of build/cov: one line per file of lib/, and the gate: usage: tools/coverage.sh PERCENT
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
least=$1

gcovr --root . --filter 'lib/' --exclude '.*_test\.c' \
  --json-summary build/cov/summary.json build/cov >/dev/null
python3 - "$least" <<'P'
import json, sys
least = float(sys.argv[1])
summary = json.load(open("build/cov/summary.json"))
for entry in sorted(summary["files"], key=lambda f: f["line_percent"]):
    covered, total = entry["line_covered"], entry["line_total"]
    print(f"{entry['line_percent']:6.1f} %  {covered:5d}/{total:<5d} {entry['filename']}")
percent = summary["line_percent"]
held = percent >= least and summary["line_total"] > 0
print(f"lib/: {percent:.1f} % of {summary['line_total']} lines, at least {least:.0f} % wanted")
print("1 passed, 0 failed" if held else "0 passed, 1 failed")
sys.exit(0 if held else 1)
P
