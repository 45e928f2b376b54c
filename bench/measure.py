"""What the benchmarks share: a process's time, verdicts, figures for bench/report.py, and the line at the end."""
import json
import os
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_TICK = os.sysconf("SC_CLK_TCK")
_verdicts = []


def _machine_seconds():
    """Processor time of all programs so far, and of this one with its children that have ended."""
    with open("/proc/stat") as f:
        fields = [int(x) for x in f.readline().split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / _TICK, sum(os.times()[:4])


_began, _began_at = _machine_seconds(), time.monotonic()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def judge(held, text):
    _verdicts.append(bool(held))
    print(f"{'ok  ' if held else 'FAIL'} {text}", flush=True)


def figure(name, value, unit, better="less", noise=25, least=0.0):
    """One row for the report. |better|: less, more, or none, for what tells of the machine. |noise|, percent, and |least|,
    in the figure's unit: by so much two runs of the same program may differ where nothing else runs. Both are estimates, on the
    high side: with --runs 3 and more what the runs really differ by counts as well (bench/report.py)."""
    path = os.environ.get("BENCH_FIGURES")
    if path:
        with open(path, "a") as f:
            row = {"name": name, "value": value, "unit": unit, "better": better, "noise_percent": noise, "noise_least": least}
            f.write(json.dumps(row) + "\n")


def others_percent():
    """Of the machine, what other programs took since the beginning: they make every other figure worse than it is."""
    everything, ours = (now - then for now, then in zip(_machine_seconds(), _began))
    return max(0.0, 100 * (everything - ours) / ((time.monotonic() - _began_at) * os.cpu_count()))


def finish():
    """The exit status."""
    figure("others_percent", others_percent(), "%", "none")
    failed = _verdicts.count(False)
    print(f"{len(_verdicts) - failed} passed, {failed} failed")
    return 1 if failed else 0
