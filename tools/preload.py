#!/usr/bin/env python3
"""Keeps the conversation page's list of preloads: the manager's core, what early.js needs, then what main.js needs.

A browser finds imports level by level, a round trip each; the list in web/chat.html tells it all of them at once. Writes
the list between its two marks; `--check` writes nothing and fails where it is not current. Ends with "N passed, N failed"."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "web")
PAGE = os.path.join(ROOT, "chat.html")
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


def main():
    modules = all_below("js/early.js", "js/main.js")
    first = all_below("js/early.js")
    links = "".join(link(path, path in first) for path in modules)
    page = open(PAGE, encoding="utf-8").read()
    head, rest = page.split(FIRST)
    tail = rest.split(LAST)[1]
    wanted = head + FIRST + CORE + links + LAST + tail
    well = wanted == page
    if "--check" not in sys.argv[1:]:
        open(PAGE, "w", encoding="utf-8").write(wanted)
        well = True
    elif not well:
        print("web/chat.html: the list of preloads is not current; run tools/preload.py")
    print(f"{int(well)} passed, {int(not well)} failed")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
