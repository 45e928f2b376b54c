#!/usr/bin/env bash
# Everything that judges the text of the program without running it. `tools/lint.sh [CHECK...]` runs some only:
# format tidy names preload floors purity clang-tidy shell javascript. Ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.." || exit 2

# shellcheck source=tools/judge.sh
. tools/judge.sh

sources() { git ls-files -co --exclude-standard "$@" | while read -r f; do [ -f "$f" ] && echo "$f"; done; }

lint_format() {
  mapfile -t files < <(sources '*.c' '*.h')
  clang-format --dry-run -Werror "${files[@]}"
}
lint_tidy() { tools/tidy.py; }
lint_names() { tools/names.py --check; }
lint_preload() { tools/preload.py --check; }
lint_floors() { tools/floors.py; }
lint_purity() { tools/purity.sh; }
lint_clang_tidy() {
  cmake --preset clang >/dev/null || return 1
  # Generated sources must exist before they can be read.
  ninja -C build/clang -t targets all | sed -n 's/^\(.*\.[ch]\): CUSTOM_COMMAND$/\1/p' |
    xargs -r ninja -C build/clang >/dev/null || return 1
  mapfile -t files < <(python3 - <<'P'
import json, os
root = os.getcwd()
for entry in json.load(open("build/clang/compile_commands.json")):
    path = os.path.relpath(entry["file"], root)
    if not path.startswith(("build/", "fuzz/", "tests/", "bench/")) and not path.endswith("_test.c"):
        print(path)
P
)
  printf '%s\n' "${files[@]}" | sort -u |
    xargs -P "$(nproc)" -n 4 clang-tidy -p build/clang --quiet 2> >(grep -v 'warnings\? generated' >&2)
}
lint_shell() {
  mapfile -t files < <(sources dev .ci/run '*.sh'; git grep -lI --untracked '^#!/usr/bin/env bash' -- tests)
  shellcheck -x -S warning "${files[@]}"
}
lint_javascript() {
  [ -f tests/browser/package.json ] || return 0
  if [ -f tests/browser/tsconfig.json ] || [ -f web/jsconfig.json ]; then
    local project=web/jsconfig.json
    [ -f "$project" ] || project=tests/browser/tsconfig.json
    [ -x tests/browser/node_modules/.bin/tsc ] || (cd tests/browser && npm ci --no-audit --no-fund) || return 1
    tests/browser/node_modules/.bin/tsc --noEmit -p "$project" &&
      tests/browser/node_modules/.bin/tsc --noEmit -p tests/browser/tsconfig.worker.json
  else
    local file failed=0
    for file in $(sources 'web/**/*.js' 'web/*.js' 'tests/browser/*.js' 'tests/browser/*.mjs'); do
      node --check "$file" || failed=1
    done
    return $failed
  fi
}

[ $# -gt 0 ] || set -- format tidy names preload floors purity clang-tidy shell javascript
for check in "$@"; do
  declare -F "lint_${check//-/_}" >/dev/null || { echo "no such check: $check"; exit 2; }
  judge "$check" "lint_${check//-/_}"
done
verdict
