#!/usr/bin/env python3
"""Checks the promises of the specification by doing them, with the release build: one section per promise, evidence line by
line. usage: tools/verify.py [PART OF A SECTION'S NAME...]. Exit code 0: every promise was kept.

Half an hour and more; as root, for network namespaces. Ends with every line of the specification's metrics and checklist
(tools/checklist.py) and its evidence, also from sections that ran before on the same commit, a table, and "N passed, N failed".
Where the stage browser of ./dev test was run on this very commit, section coverage takes what that noted of the pages' lines."""
import os
import re
import shutil
import subprocess
import sys
import time

from checklist import CHECKLIST, METRICS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = "build/release/cli/xiaozhi-rtc"
PRESS = r"press to listening p50 ([\d.]+), p95 ([\d.]+), max ([\d.]+) ms"
CONNECT_MOST_MS = 2000
COVERAGE_LEAST = 85
OFFERS_LEAST = 10000  # a second, from one address
N_RECOVERIES = 18  # of the short fault matrix, both browsers; fewer would be no evidence
BROWSER = ["tests/browser/run"]
SYSTEM = """bad_http authentication call_and_law whip data_channel_rubbish conversation barge_in assistant_dies no_assistant resume
limits admin drain drain_loses_nothing usage config check reload reload_of_limits ice_restart consent_expiry media_over_tcp
people_after_one_another turn_cloudflare errors_by_kind overload a_worker_that_hangs history_of_calls traces_of_a_call
sandbox_from_outside sandbox_tried_inside""".split()
LOGS = os.path.join(ROOT, "build/verify")
JS_COVERAGE = os.path.join(ROOT, "build/js-coverage")


def connects(text):
    """Every press, of both browsers, ready beforehand and cold."""
    worst = [float(found[2]) for found in re.findall(PRESS, text)]
    return len(worst) == 4 and max(worst) < CONNECT_MOST_MS, \
        f"slowest press to listening of 4 kinds: {max(worst, default=0):.0f} ms, less than {CONNECT_MOST_MS}; load " \
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def recovers(text):
    n = len(re.findall(r"^  ok   (?:chromium|firefox): ", text, re.M))
    lost = len(re.findall(r"^  FAIL ", text, re.M))
    return n >= N_RECOVERIES and not lost, f"{n} of {n + lost} faults recovered from"


def covers(text):
    found = dict((what, (float(percent), n)) for what, percent, n in
                 re.findall(r"^all (C|JavaScript): ([\d.]+) % of (\d+) lines", text, re.M))
    said = [f"{percent} % of {n} lines of {what}" for what, (percent, n) in found.items()]
    return len(found) == 2 and all(percent > COVERAGE_LEAST for percent, _ in found.values()), \
        f"{', '.join(said) or 'nothing'}, more than {COVERAGE_LEAST}"


def withstands(text):
    offers = re.findall(r"^ok   (\d+) offers a second from one address", text, re.M)
    kept = re.findall(r"^ok   who talks loses nothing: (-?\d+) of (\d+) packets", text, re.M)
    if not offers or not kept:
        return False, "no figures"
    lost, n = kept[-1]
    return int(offers[-1]) >= OFFERS_LEAST and int(lost) < 0.01 * int(n), \
        f"{offers[-1]} offers a second from one address, at least {OFFERS_LEAST}; of a call meanwhile {lost} of {n} packets lost"


def carries(text):
    return len(re.findall(r"^ok   .* refused in", text, re.M)) == 2, \
        "calls on one core, until more were refused: " + ", ".join(
            f"{name} {n}" for name, n in re.findall(r"^ok   (\w+): (\d+) calls on one core", text, re.M))


def talked(*wanted):
    def judge(text):
        ran = [name for name in wanted if re.search(r"^ok   .*" + name + r"|^  ok   .*" + name, text, re.M)]
        return len(ran) == len(wanted), f"run: {', '.join(ran) or 'none'}"
    return judge


# Name, what was promised, commands, and what their output must say beyond "N passed, 0 failed".
SECTIONS = [
    ("connect", "connects in less than 2 s, from the press until it listens, Chromium and Firefox",
     [["tests/faults/run", "press", "--runs", "5"]], connects),
    ("memory", "less than 30 MB of the process, in a call, and of the page's heap; monitoring that is live",
     [["tests/verify/run"]], None),
    ("browsers", "a conversation in each browser that there is here",
     [BROWSER + ["chromium: typed text is answered|firefox: connects, hears|hold-to-talk with the pointer"],
      ["tests/browser/webkit"]], talked("chromium: typed", "firefox: connects", "WebKitGTK: a typed text")),
    ("recovery", "every fault is recovered from",
     [["tests/faults/run", "--lanes", "2", "gateway"], ["tests/faults/run", "--lanes", "2", "path change"],
      ["tests/faults/run", "--lanes", "2", "no UDP at all, and no relay"],
      ["build/release/wr_sim", "faults", "--seeds", "10"]], recovers),
    ("gateway", "signalling, resumption, limits, drain, tools: what users and operators are promised of the gateway",
     [["tests/system/run", *SYSTEM]], None),
    ("quality", "quality is measured and shown, the rate follows the path, the manager's events reach subscribers",
     [BROWSER + ["chromium: quality|core: |chromium: every event|the connection is made before|full gateway|"
                 "chromium: shell: |i18n: every|chromium: relay: |chromium: person: denies"],
      ["build/release/wr_sim", "bitrate", "--check"]], None),
    ("assistant", "hold to talk, avatar, camera, tools, volume: what was there before still works",
     [BROWSER + ["silent|avatar: |the assistant sets the volume|the assistant takes a photo|camera on, dragged|hands-free, twice|"
                 "the hand feels|music plays|chromium: start: the role chosen"]], None),
    ("security", "who has no token stays outside; no secret leaves; policies hold",
     [BROWSER + ["chromium: pages load without an error|the policy lets|sign-in: |without secrets"]], None),
    ("attack", "floods, bombs, forged tokens: nobody gets in, who talks loses less than 1 %, memory is as before",
     [["env", "FLOOD_SECONDS=10", "tests/system/run", "attack_tokens", "attack_from_elsewhere", "attack_floods"]], withstands),
    ("load", "calls are added until they are refused; those that run keep their quality",
     [["bench/overload.py"]], carries),
    ("packages", "installs, is configured, stands behind a proxy, is monitored",
     [["tests/package/run"], ["tests/deploy/run"], ["tests/package/booted"]], None),
    ("parts", "every part has its tests",
     [["build/release/unit_tests"]], None),
    ("coverage", "more than 85 % of the lines of C, and of those of JavaScript, run in tests",
     [["tools/coverage.sh", "--all", str(COVERAGE_LEAST)], ["env", f"COVERAGE={JS_COVERAGE}", *BROWSER],
      ["env", f"COVERAGE={JS_COVERAGE}", "tests/browser/webkit"],
      ["node", "tests/browser/covered.js", JS_COVERAGE, str(COVERAGE_LEAST)]], covers),
]
NOT_RUN = "Edge and Safari: not to be had here, not run. Kubernetes: its schemas. Images, manifest: ./dev package --image."


def run(command):
    """Output, as it comes, and whether it ended well and counted at least one."""
    print(f"-- {' '.join(command)}", flush=True)
    text = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env={**os.environ, "GATEWAY": os.path.join(ROOT, BINARY)}) as process:
        for line in process.stdout:
            text += line
            print(line, end="", flush=True)
    counted = re.findall(r"^(\d+) passed, (\d+) failed", text, re.M)
    return text, process.returncode == 0 and bool(counted) and int(counted[-1][0]) > 0 and int(counted[-1][1]) == 0


def log_of(name):
    return os.path.join(LOGS, name + ".log")


def keep(name, commit, text):
    os.makedirs(LOGS, exist_ok=True)
    with open(log_of(name), "w", encoding="utf-8") as file:
        file.write(commit + "\n" + text)


def kept(name, commit):
    """What the section said when it last ran on this commit, or nothing."""
    if not os.path.exists(log_of(name)):
        return ""
    with open(log_of(name), encoding="utf-8") as file:
        return file.read() if file.readline().strip() == commit else ""


def print_lines(title, lines, commit, judged):
    """Each promise with its evidence, from this run or earlier ones on the same commit. The number without, of the sections
    |judged|."""
    print(f"\n== {title}, commit {commit}")
    n = 0
    for promise, section, evidence in lines:
        text = kept(section, commit)
        found = re.search(r"^ *(" + evidence + r")", text, re.M)
        n += not found and section in judged
        said = re.sub(r"^ok +|^FAIL +", "", found[1]).strip() if found else f"no evidence in {section}" if text else "not run"
        print(f"{'ok  ' if found else 'FAIL' if text else '-   '} {promise}: {said}")
    return n


def without_browsers(commands, commit):
    """Of the section coverage what is left to run: ./dev test browser says on which commit it noted the pages' lines."""
    path = os.path.join(JS_COVERAGE, "commit")
    if "dirty" not in commit and os.path.exists(path) and open(path, encoding="utf-8").read().strip() == commit:
        print(f"-- the pages' lines that ran: from ./dev test browser on {commit}", flush=True)
        return [command for command in commands if command[0] != "env"]
    shutil.rmtree(JS_COVERAGE, ignore_errors=True)
    return commands


def run_section(name, promise, commands, judge):
    """Whether it held, its line of the table, and all that it said."""
    print(f"\n== {name}: {promise}", flush=True)
    begin, text, held = time.monotonic(), "", True
    for command in commands:
        said, well = run(command)
        text, held = text + said, held and well
    counts = re.findall(r"^(\d+) passed, (\d+) failed", text, re.M)
    evidence = f"{sum(int(found[0]) for found in counts)} checks"
    if judge:
        good, figure = judge(text)
        held, evidence = held and good, f"{figure}; {evidence}"
    return held, f"{'ok  ' if held else 'FAIL'} {name:10} {evidence} ({time.monotonic() - begin:.0f} s)", text


def main(wanted):
    """The exit code."""
    table = {}
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip()
    for name, promise, commands, judge in SECTIONS:
        if wanted and not any(part in name for part in wanted):
            continue
        if name == "coverage":
            commands = without_browsers(commands, commit)
        held, line, text = run_section(name, promise, commands, judge)
        print(line, flush=True)
        keep(name, commit, text + line + "\n")
        table[name] = held, line
    without = print_lines("the specification's metrics", METRICS, commit, table) + \
        print_lines("its checklist", CHECKLIST, commit, table)
    print(f"\n== sections, commit {commit}")
    for _, line in table.values():
        print(line)
    print(NOT_RUN)
    n_held = sum(held for held, _ in table.values())
    n_failed = len(table) - n_held + without
    print(f"{n_held} passed, {n_failed} failed")
    return int(n_failed > 0 or not table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
