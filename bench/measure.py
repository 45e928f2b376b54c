"""What the benchmarks share: a process's time, verdicts, and the line at the end."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_TICK = os.sysconf("SC_CLK_TCK")
_verdicts = []


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def judge(held, text):
    _verdicts.append(bool(held))
    print(f"{'ok  ' if held else 'FAIL'} {text}", flush=True)


def finish():
    """The exit status."""
    failed = _verdicts.count(False)
    print(f"{len(_verdicts) - failed} passed, {failed} failed")
    return 1 if failed else 0
