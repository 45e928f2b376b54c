#!/usr/bin/env python3
"""Checks the include edges between rooms: a room includes only from the floors below it.

The table below is the architecture; ARCHITECTURE.md explains it. Ends with "N passed, N failed", one per room.
Tests (x_test.c), fuzz/, tests/, bench/ may look into every room."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

API = "include/wr"
# Headers of the C language with nothing behind them; string.h for mem* and strlen (tools/purity.sh holds the line).
PURE = {"string.h", "stdint.h", "stddef.h", "stdbool.h", "stdalign.h", "limits.h", "inttypes.h"}

# room -> (rooms it may include besides itself, system headers: a set of names, or None for any)
EDGES = {
    API: (set(), PURE),
    "lib/base": ({API}, PURE),
    "lib/stun": ({API, "lib/base"}, PURE),
    "lib/sdp": ({API, "lib/base"}, PURE),
    "lib/rtp": ({API, "lib/base"}, PURE),
    "lib/srtp": ({API, "lib/base"}, PURE),
    "lib/sctp": ({API, "lib/base"}, PURE),
    "lib/dtls": ({API, "lib/base"}, PURE),
    "lib/jitter": ({API, "lib/base"}, PURE),
    "lib/video": ({API, "lib/base"}, PURE),
    "lib/bwe": ({API, "lib/base"}, PURE),
    "lib/ice": ({API, "lib/base", "lib/stun"}, PURE),
    "lib/turn": ({API, "lib/base", "lib/stun"}, PURE),
    "lib/conn": ({API, "lib/*"}, PURE),
    "crypto": ({API, "lib/base"}, None),
    "manager": (set(), {"stdint.h", "stddef.h", "stdbool.h"}),
    "caller": ({API, "lib/base", "manager"}, PURE | {"jansson.h", "stdio.h", "stdlib.h"}),
    "xiaozhi": ({API, "lib/base"}, None),
    "web": (set(), None),
    "sim": ({API, "lib/*", "crypto", "manager", "caller", "xiaozhi"}, None),
    "gateway": ({API, "lib/base", "crypto", "manager", "xiaozhi", "web"}, None),
    "assistant": ({API, "lib/base", "xiaozhi"}, None),
    "client": ({API, "lib/base", "crypto", "manager", "caller"}, None),
    "cli": ({API, "lib/base", "lib/stun", "lib/turn", "crypto", "manager", "xiaozhi", "gateway", "assistant", "client", "web"},
            None),
    "examples": ({API}, None),
}
FREE = ("tests", "fuzz", "bench")  # test floors: may look everywhere

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def tracked():
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h", "*.def"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [p for p in out.splitlines() if os.path.exists(os.path.join(ROOT, p))]


def room_of(path):
    parts = path.split("/")
    if parts[0] in ("lib", "include"):
        return "/".join(parts[:2])
    return parts[0]


def resolve(path, name, known):
    """The repository's file behind an include, or None."""
    for base in (os.path.dirname(path), "lib", "include", "", "tests"):
        candidate = os.path.normpath(os.path.join(base, name))
        if candidate in known:
            return candidate
    return None


def allowed(room, target):
    rooms = EDGES[room][0]
    return target == room or target in rooms or (target.startswith("lib/") and "lib/*" in rooms)


def check_file(path, known, errors):
    room = room_of(path)
    is_test = path.endswith(("_test.c", "_test.h"))
    for number, line in enumerate(open(os.path.join(ROOT, path), encoding="utf-8"), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        where, name = f"{path}:{number}", found.group(2)
        target = resolve(path, name, known) if found.group(1) == '"' else None
        if found.group(1) == '"' and target is None:
            errors.append(f"{where}: nobody in the repository has {name}")
        elif target is not None:
            goal = room_of(target)
            if not is_test and not allowed(room, goal):
                errors.append(f"{where}: {room} may not include {goal} ({name})")
        elif not is_test and EDGES[room][1] is not None and name not in EDGES[room][1]:
            errors.append(f"{where}: {room} may not include <{name}>")


def main():
    files = tracked()
    known = set(files)
    n_passed = n_failed = 0
    rooms = {}
    for path in files:
        rooms.setdefault(room_of(path), []).append(path)
    for room in sorted(rooms):
        if room in FREE:
            continue
        errors = []
        if room in EDGES:
            for path in rooms[room]:
                check_file(path, known, errors)
        else:
            errors.append(f"{room}: not in the table of tools/floors.py")
        for error in errors:
            print(error)
        n_passed += not errors
        n_failed += bool(errors)
    print(f"{n_passed} passed, {n_failed} failed")
    return 1 if n_failed or not n_passed else 0


sys.exit(main())
