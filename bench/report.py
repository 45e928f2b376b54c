#!/usr/bin/env python3
"""Figures of the benchmarks as one file, and beside those of an earlier one.

  bench/report.py write FIGURES OUT [--quick]   FIGURES: lines that bench/measure.py wrote; OUT: JSON; prints the table
  bench/report.py compare OLD NEW               ratios; exit status 1: something got worse beyond noise

A figure's value is the median of its runs. It is worse if it moved the wrong way by more than its noise: the share that is
known of it, its least step, and the spread of the runs of either side, whichever is largest. Files of another machine or of
another length are shown, not judged."""
import json
import os
import platform
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FORMAT = 1
BUSY_PERCENT = 10  # of the machine, by other programs
WORDS = {"worse": "WORSE", "better": "better", "same": "", "machine": "", "new": "new", "gone": "GONE", "shown": ""}


def machine():
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as f:
        memory_kb = int(next(line for line in f if line.startswith("MemTotal")).split()[1])
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_mb": memory_kb // 1024, "architecture": platform.machine(),
            "kernel": platform.release()}


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or None  # None: no repository


def collect(rows):
    """Rows of several runs, one per figure, in their order."""
    figures = {}
    for row in rows:
        known = figures.setdefault(row["name"], {**{k: v for k, v in row.items() if k != "value"}, "values": []})
        known["values"].append(row["value"])
    return list(figures.values())


def middle(figure):
    return statistics.median(figure["values"])


def noise(old, new):
    """In the figure's unit."""
    known = max(abs(middle(old)) * old["noise_percent"] / 100, old["noise_least"])
    return max([known] + [max(f["values"]) - min(f["values"]) for f in (old, new)])


def verdict(old, new):
    moved = middle(new) - middle(old)
    if old["better"] == "none":
        return "machine"
    if abs(moved) <= noise(old, new):
        return "same"
    return "worse" if (moved > 0) == (old["better"] == "less") else "better"


def comparable(old, new):
    """Why not; "": they are."""
    for key in ("cpu", "cores", "architecture"):
        if old["machine"][key] != new["machine"][key]:
            return f"another machine ({key}: {old['machine'][key]}, now {new['machine'][key]})"
    return "" if old["quick"] == new["quick"] else "one of them is a quick run"


def compare(old, new):
    """Rows (name, unit, old, new, ratio, verdict); None where there is none."""
    before, after = ({f["name"]: f for f in side["figures"]} for side in (old, new))
    judged, rows = not comparable(old, new), []
    for name, f in {**before, **after}.items():
        a, b = (middle(side[name]) if name in side else None for side in (before, after))
        ratio = b / a if a and b is not None else None
        if b is None or a is None:
            said = "gone" if b is None else "new"
        else:
            said = verdict(before[name], after[name])
        rows.append((name, f["unit"], a, b, ratio, said if judged else "shown"))
    return rows


def busy(report):
    """What others took of the machine, if that was enough to be noise itself."""
    share = next((middle(f) for f in report["figures"] if f["name"] == "others_percent"), 0)
    return share if share > BUSY_PERCENT else None


def number(x):
    return "-" if x is None else f"{x:.0f}" if abs(x) >= 100 else f"{x:.3g}"


def head(report):
    m = report["machine"]
    return f"{report['commit']}, {report['date']}, {m['cpu']}, {m['cores']} cores, load {report['load']:.1f}" + \
        (", quick" if report["quick"] else "")


def load(path):
    try:
        with open(path) as f:
            report = json.load(f)
    except (OSError, ValueError) as e:
        sys.exit(f"bench: cannot read {path}: {e}")
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        sys.exit(f"bench: {path} is not a report of format {FORMAT}")
    return report


def write(figures, out, quick):
    with open(figures) as f:
        rows = [json.loads(line) for line in f]
    report = {"format": FORMAT, "commit": commit(), "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "machine": machine(), "load": os.getloadavg()[0], "quick": quick, "figures": collect(rows)}
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    with open(out, "w") as f:
        json.dump(report, f, indent=1)
        f.write("\n")
    print(f"\n{head(report)}")
    for f in report["figures"]:
        low, high = min(f["values"]), max(f["values"])
        spread = f"  ({number(low)} to {number(high)} in {len(f['values'])} runs)" if low < high else ""
        print(f"  {f['name']:30} {number(middle(f)):>9} {f['unit']}{spread}")
    print(out)


def show(old_path, new_path):
    """The exit status."""
    old, new = load(old_path), load(new_path)
    why, rows = comparable(old, new), compare(old, new)
    print(f"\nbefore: {head(old)}\nnow:    {head(new)}")
    print(f"  {'':30} {'before':>9} {'now':>9} {'ratio':>7}")
    for name, unit, a, b, ratio, said in rows:
        print(f"  {name:30} {number(a):>9} {number(b):>9} {'-' if ratio is None else f'{ratio:.2f}':>7} {unit:7} {WORDS[said]}")
    worse = [row[0] for row in rows if row[5] in ("worse", "gone")]
    for when, share in (("before", busy(old)), ("now", busy(new))):
        if share:
            print(f"{when}, other programs took {share:.0f} % of the machine: what is marked may be theirs")
    if why:
        print(f"{why}: shown, not judged")
    else:
        print(f"worse beyond noise: {', '.join(worse) or 'nothing'}")
    return 1 if worse else 0


def main():
    args = [a for a in sys.argv[1:] if a != "--quick"]
    if len(args) == 3 and args[0] == "write":
        write(args[1], args[2], "--quick" in sys.argv)
        return 0
    if len(args) == 3 and args[0] == "compare":
        return show(args[1], args[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
