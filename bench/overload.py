#!/usr/bin/env python3
"""Calls are added until the gateway refuses them for the sake of those that run, and these are watched while it does.

  bench/overload.py [--build build/release] [--overload PERCENT] [echo|embedded...]

Gateway (one worker, the limit of `serve` unless told) on CPU 0, load client on CPU 1; a call is 50 packets/s each way and a data
channel. What a call costs is measured with the first of them; three quarters of what that leaves room for come at once, the others
one by one until /readyz says overloaded, and go on knocking for ten seconds more. Then, with the echo, of all calls that were there
before: less than 0.5 % of the packets lost and an echo p95 of at most 20 ms, from their first second to the last. With both
backends, by the gateway's own metrics while it refuses: less than 0.5 % of the packets do not arrive, and at most one turn of the
worker in 1000 takes longer than 20 ms. The embedded assistant recognises nothing here (--speech scripted) and shares the core.

Prints the calls per core that it came to. Some three minutes. Ends with "N passed, N failed"."""
import argparse
import json
import os
import re
import subprocess
import sys
import time

from calls import Gateway, metrics
from measure import ROOT, cpu_seconds, figure, finish, judge

FIRST = 200
RAMP = 100         # calls a second, of those that come at once
LASTS_S = 100     # the calls that are watched
REFUSED_S = 10     # watched so long
BACKENDS = {"echo": ["--backend", "echo", "--address-rate", "0"],
            "embedded": ["--backend", "embedded", "--speech", "scripted", "--address-rate", "0"]}


class Load:
    """A client that adds calls to |url|."""

    def __init__(self, binary, url, calls, ramp, seconds):
        command = ["taskset", "-c", "1", binary, "call", url, "--json", "--sessions", str(calls), "--ramp", str(ramp),
                   "--duration", str(seconds)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def result(self):
        return json.loads(self.process.communicate()[0].splitlines()[-1])

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def sessions(seen):
    return sum(value for key, value in seen.items() if key.startswith('xiaozhi_rtc_sessions{state="connected"'))


def refusals(seen):
    return seen.get('xiaozhi_rtc_http_errors_total{code="overloaded"}', 0)


def busy_percent(gateway, seconds=3):
    """Of the core: what the whole process took of it, or its worker, whichever is more, as the gateway sees it."""
    before, begin, most = cpu_seconds(gateway.pid), time.monotonic(), []
    while time.monotonic() - begin < seconds:
        time.sleep(1)
        most.append(metrics(gateway.url)["xiaozhi_rtc_worker_busy_ratio"] * 100)
    used = (cpu_seconds(gateway.pid) - before) / (time.monotonic() - begin) * 100
    return max(used, sum(most) / len(most))


def until_refused(gateway, end):
    """The last figures before the first refusal, or None: it did not come in time."""
    seen = metrics(gateway.url)
    while time.monotonic() < end:
        time.sleep(0.25)
        now = metrics(gateway.url)
        if refusals(now):
            return seen
        seen = now
    return None


class Others:
    """What other programs take of the two cores meanwhile: where that is much, the figures are the machine's."""

    def __init__(self, gateway, loads):
        self.pids, self.begin = (gateway.pid, *(load.process.pid for load in loads)), time.monotonic()
        self.before = self.used()

    def used(self):
        with open("/proc/stat", encoding="ascii") as file:
            rows = [line.split() for line in file if line.startswith(("cpu0 ", "cpu1 "))]
        tick = os.sysconf("SC_CLK_TCK")
        busy = [sum(int(row[i]) for i in (1, 2, 3, 6, 7, 8)) / tick for row in rows]
        ours = [cpu_seconds(pid) for pid in self.pids]
        return busy[0] - ours[0], busy[1] - sum(ours[1:])

    def text(self):
        span = time.monotonic() - self.begin
        percent = [max(0, 100 * (after - before) / span) for before, after in zip(self.before, self.used())]
        return f"others took {percent[0]:.0f} % of the gateway's core and {percent[1]:.0f} % of the client's"


def share(before, after, part, rest):
    part, rest = after[part] - before[part], after[rest] - before[rest]
    return 100 * part / max(1, part + rest)


def drive(name, options, binary, limit):
    gateway = Gateway(binary, *BACKENDS[name], "--max-sessions", "10000", *options)
    loads = []
    try:
        begin = time.monotonic()
        loads.append(Load(binary, gateway.url, FIRST, RAMP, LASTS_S))
        time.sleep(FIRST / RAMP + 2)
        each = busy_percent(gateway) / FIRST
        room = int(limit / each)
        most = int(room * 0.75) - FIRST
        if most > 0:
            loads.append(Load(binary, gateway.url, most, RAMP, LASTS_S))
            time.sleep(most / RAMP + 2)
        there, busy = sessions(metrics(gateway.url)), busy_percent(gateway)
        print(f"  {name}: {there:.0f} calls, {busy:.0f} % of the core; room for {room} by what the first cost", flush=True)
        ramp = max(5, int(there * (limit / busy - 1)) // 20) # many calls cost less each than few: it takes longer than that
        knocking = Load(binary, gateway.url, 5000, ramp, LASTS_S)
        loads.append(knocking)
        last = until_refused(gateway, begin + LASTS_S - REFUSED_S)
        if not last:
            now, busy = sessions(metrics(gateway.url)), busy_percent(gateway)
            judge(False, f"{name}: no refusal with {now:.0f} calls, {busy:.0f} % of the core")
            return
        first, others = metrics(gateway.url), Others(gateway, loads)
        time.sleep(REFUSED_S)
        after = metrics(gateway.url)
        print(f"  {name}: {others.text()}", flush=True)
        figure(f"calls_until_refused_{name}", sessions(last), "calls", "more")
        n_refused = refusals(after) - refusals(first)
        judge(n_refused > 0, f"{name}: {sessions(last):.0f} calls on one core, then {n_refused:.0f} refused in {REFUSED_S} s (503, "
              f"Retry-After), {sessions(after):.0f} calls go on")
        lost = share(first, after, "xiaozhi_rtc_rtp_lost_total", 'xiaozhi_rtc_rtp_packets_total{direction="in"}')
        turns = after["xiaozhi_rtc_loop_lag_seconds_count"] - first["xiaozhi_rtc_loop_lag_seconds_count"]
        prompt = 'xiaozhi_rtc_loop_lag_seconds_bucket{le="0.02"}'
        late = 100 - 100 * (after[prompt] - first[prompt]) / max(1, turns)
        judge(lost < 0.5 and turns > 0, f"{name}: while it refuses {lost:.2f} % of the packets do not arrive (less than 0.5)")
        judge(late <= 0.1, f"{name}: while it refuses {late:.2f} % of the worker's turns take longer than 20 ms (at most 0.1)")
        knocking.stop()
        for load in loads[:-1] if name == "echo" else []:
            result = load.result()
            judge(result["loss_percent"] < 0.5 and not result["failed"], f"{name}: {result['connected']} calls, before, through it "
                  f"and after: {result['loss_percent']:.2f} % lost (less than 0.5)")
            judge(result["echo_ms_p95"] <= 20, f"{name}: their echo p50 {result['echo_ms_p50']:.1f} ms, p95 "
                  f"{result['echo_ms_p95']:.1f} ms (at most 20), max {result['echo_ms_max']:.0f} ms")
    finally:
        for load in loads:
            load.stop()
        gateway.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--overload", type=int, default=0, help="percent of a core")
    parser.add_argument("backends", nargs="*", choices=list(BACKENDS) + [[]])
    options = parser.parse_args()
    binary = f"{options.build}/cli/xiaozhi-rtc"
    said = subprocess.run([binary, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    limit = options.overload or int(re.search(r"--overload.*?\[(\d+)\]", said, re.S)[1])
    for name in options.backends or BACKENDS:
        drive(name, ["--overload", str(limit)], binary, limit)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
