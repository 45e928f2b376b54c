#!/usr/bin/env python3
"""Keeps the pages' lists of preloads: in the conversation's the manager's core, what early.js needs, then what main.js needs;
in the start page's what start.js needs.

A browser finds imports level by level, a round trip each; the lists tell it all of them at once. Writes each list between
its two marks; `--check` writes nothing and fails where one is not current. Ends with "N passed, N failed"."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "web")
FIRST, LAST = "  <!-- preloads: tools/preload.py -->\n", "  <!-- end of preloads -->\n"
LATER = ' fetchpriority="low"'
CORE = '  <link rel="preload" as="fetch" type="application/wasm" crossorigin href="/js/manager/manager.wasm">\n'


def imports(path):
    """What the module at |path| imports statically, as paths below web/."""
    text = re.sub(r"/\*.*?\*/", "", open(os.path.join(ROOT, path), encoding="utf-8").read(), flags=re.S)
    found = re.findall(r"^(?:import|export)\b[^;\"']*?[\"'](\.[^\"']+)[\"'];", text, re.M)
    return [os.path.normpath(os.path.join(os.path.dirname(path), name)) for name in found]


def all_below(*starts):
    """In the order in which a browser would find them, one start after the other."""
    known = []
    for start in starts:
        known += [path for path in below(start) if path not in known]
    return [path for path in known if path not in starts]


def below(start):
    known, queue = [], [start]
    while queue:
        path = queue.pop(0)
        if path not in known:
            known.append(path)
            queue += imports(path)
    return known


def link(path, first):
    """What only the page needs lets the connection go first: a browser that is told nothing fetches all at once."""
    return f'  <link rel="modulepreload"{"" if first else LATER} href="/{path}">\n'


def links(first, later, more=""):
    """All that |first|, then |later| import; |more| goes ahead of them."""
    early = all_below(first)
    return more + "".join(link(path, path in early) for path in all_below(first, *later))


def main():
    lists = {"index.html": links("js/start.js", []), "chat.html": links("js/early.js", ["js/main.js"], CORE)}
    passed = 0
    for name, wanted in lists.items():
        path = os.path.join(ROOT, name)
        page = open(path, encoding="utf-8").read()
        head, rest = page.split(FIRST)
        was, tail = rest.split(LAST)
        if "--check" not in sys.argv[1:]:
            open(path, "w", encoding="utf-8").write(head + FIRST + wanted + LAST + tail)
        elif was != wanted:
            print(f"web/{name}: the list of preloads is not current; run tools/preload.py")
            continue
        passed += 1
    print(f"{passed} passed, {len(lists) - passed} failed")
    return 0 if passed == len(lists) else 1


if __name__ == "__main__":
    sys.exit(main())
