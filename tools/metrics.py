#!/usr/bin/env python3
"""Writes docs/metrics.md from gateway/metrics.def and the gateway's source. tools/tidy.py fails where it is not current, and where
deploy/monitoring reads a metric that does not exist."""
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PREFIX = "xiaozhi_rtc_"
HEAD = """# Metrics

What `/metrics` says, in Prometheus' text format. Written by `tools/metrics.py` from `gateway/metrics.def` and the source.
All are of one process; counters begin at 0 with it. What to look at first when something is wrong:
[debugging.md](debugging.md); dashboard and alerts: [deploy/monitoring](../deploy/monitoring).

| metric | type | labels | what it counts or measures |
|---|---|---|---|
"""
ENTRY = re.compile(r'(?:head|figure)\(out, "(\w+)",\s+"(\w+)",\s+"((?:[^"\\]|\\.)*)"|'
                   r"# HELP " + PREFIX + r"(\w+) (.*?)\\n# TYPE " + PREFIX + r"\w+ (\w+)")


def read(path):
    return open(os.path.join(ROOT, path), encoding="utf-8").read()


def source(path):
    """C without comments, with neighbouring literals as one."""
    return re.sub(r'(?<!\\)"\s+"', "", re.sub(r"/\*.*?\*/", " ", read(path), flags=re.S))


def labels_of(text):
    """Names of labels in C text, with their values where the text has them: {name: [values]}."""
    labels = {}
    for name, value in re.findall(r'(\w+)=\\"([^"\\]*)\\"', text):
        if name != "le":
            labels.setdefault(name, [])
            if "%" not in value and value not in labels[name]:
                labels[name].append(value)
    return labels


def metrics():
    """{name: (type, labels, help)}"""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "gateway/*.c"))):
        if path.endswith("_test.c"):
            continue
        text = source(os.path.relpath(path, ROOT))
        heads = list(ENTRY.finditer(text))
        for at, head in enumerate(heads):
            until = heads[at + 1].start() if at + 1 < len(heads) else text.find("\n}", head.end())
            name, kind, what = head.group(1, 2, 3) if head.group(1) else head.group(4, 6, 5)
            own = text[head.end():until].split("\n}")[0]
            found[name] = (kind, labels_of(own), what)
    for name, labels, what in re.findall(r'^X\(\w+, "(\w+)",\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"\)',
                                         source("gateway/metrics.def"), re.M):
        old = found.get(name, ("counter", {}, what))
        for label, values in labels_of(labels).items():
            old[1].setdefault(label, []).extend(value for value in values if value not in old[1].get(label, []))
        found[name] = old
    return found


def page(found):
    lines = []
    for name, (kind, labels, what) in sorted(found.items()):
        said = "; ".join(f"{label}: {', '.join(values)}" if values else label for label, values in labels.items())
        what = what.replace('\\"', '"').replace("|", "\\|")
        lines.append(f"| `{PREFIX}{name}` | {kind} | {said} | {what} |\n")
    return HEAD + "".join(lines)


def strangers(found):
    """(file, name) of what deploy/monitoring reads and the gateway does not write."""
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy/monitoring/*"))):
        for name in sorted(set(re.findall(PREFIX + r"(\w+)", open(path, encoding="utf-8").read()))):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            histogram = base != name and found.get(base, ("",))[0] == "histogram"
            if not histogram and (name not in found or found[name][0] == "histogram"):
                yield os.path.basename(path), name


def is_current(found):
    path = os.path.join(ROOT, "docs/metrics.md")
    return os.path.exists(path) and open(path, encoding="utf-8").read() == page(found)


if __name__ == "__main__":
    with open(os.path.join(ROOT, "docs/metrics.md"), "w", encoding="utf-8") as file:
        file.write(page(metrics()))
