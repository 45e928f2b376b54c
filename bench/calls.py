#!/usr/bin/env python3
"""How many calls one core of the gateway carries, and what a call costs; beside it the floor of this machine.

  bench/calls.py [--quick] [--build build/release]

Gateway (echo backend, one worker) on CPU 0, load client on CPU 1; every call sends and receives 50 packets/s and
has a data channel. Capacity: the most calls with at most 1 % of packets lost and an echo p95 of at most 20 ms; a
failure counts when it happens twice, for the machine may have been busy with something else. A connect is what
tests/connect/run takes it for: without media, and its CPU includes the hang-up. With the embedded assistant, which
recognises nothing here (--speech scripted) and shares the core, nothing echoes: by the gateway's own metrics at most
1 % of the packets do not arrive, and at most one turn of the worker in 1000 takes longer than 20 ms.

A call that cannot connect is a failure. Figures are held to limits by the whole run only; a quick one prints them,
for the machine may be shared, and does not search for the capacity. Ends with "N passed, N failed"."""
import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from measure import ROOT, cpu_seconds, figure, finish, judge


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


class Gateway:
    """A gateway process of its own, pinned; `ready_ms` from exec to its ready line."""

    def __init__(self, binary, *args):
        self.http, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        self.url = f"http://127.0.0.1:{self.http}"
        command = ["taskset", "-c", "0", binary, "serve", "--listen", f"127.0.0.1:{self.http}", "--udp",
                   f"127.0.0.1:{udp}", "--workers", "1", "--log-level", "error", *args]
        begin = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.ready_ms = (time.monotonic() - begin) * 1000
        self.pid = self.process.pid

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def call(binary, url, *args):
    command = ["taskset", "-c", "1", binary, "call", url, "--json", *args]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if not lines:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode} and no result")
    return json.loads(lines[-1])


def metrics(url):
    with urllib.request.urlopen(url + "/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {key: float(value) for key, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def capacity(name, first, most, carries):
    """Doubles until it breaks twice, then halves the interval four times."""

    def holds(n):
        return carries(n) or carries(n)

    good, n, bad = 0, first, None
    while bad is None and n <= most:
        good, bad = (n, None) if holds(n) else (good, n)
        n *= 2
    for _ in range(4):
        if bad is None or bad - good < 50:
            break
        middle = (good + bad) // 2
        good, bad = (middle, bad) if holds(middle) else (good, middle)
    print(f"{name}: {good} calls per core{'' if bad else ' (not driven to its limit)'}", flush=True)
    return good


def within(result):
    return result["loss_percent"] <= 1 and result["echo_ms_p95"] <= 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="short, and no search for the limit: for a test")
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    options = parser.parse_args()
    binary, floor = f"{options.build}/cli/xiaozhi-rtc", f"{options.build}/bench/floor"
    seconds = 4 if options.quick else 10

    gateway = Gateway(binary, "--backend", "echo")
    time.sleep(0.3)
    idle = resident_kb(gateway.pid)

    def limit(held, text):
        if options.quick:
            print(f"     {text}{'' if held else ': beyond it'}", flush=True)
        else:
            judge(held, text)

    figure("ready_ms", gateway.ready_ms, "ms", noise=50, least=10)
    figure("idle_mb", idle / 1024, "MB", noise=5)
    limit(gateway.ready_ms < 100, f"ready in {gateway.ready_ms:.0f} ms (less than 100)")
    limit(idle < 10240, f"idle {idle / 1024:.1f} MB resident (less than 10)")
    n = 200 if options.quick else 1000
    before = cpu_seconds(gateway.pid)
    result = call(binary, gateway.url, "--sessions", str(n), "--sequential", "--no-media")
    cost = (cpu_seconds(gateway.pid) - before) * 1000 / n
    figure("connect_ms_p50", result["connect_ms_p50"], "ms", noise=30, least=0.5)
    figure("connect_ms_p95", result["connect_ms_p95"], "ms", noise=60, least=3)
    figure("connect_cpu_ms", cost, "ms", noise=30, least=0.1)
    judge(not result["failed"], f"{n} connects in sequence: {result['failed']} failed, p50 "
          f"{result['connect_ms_p50']:.1f} ms, p95 {result['connect_ms_p95']:.1f} ms")
    limit(result["connect_ms_max"] <= 50, f"the slowest {result['connect_ms_max']:.1f} ms (at most 50)")
    limit(cost < 1, f"{cost:.2f} ms of gateway CPU per connect and hang-up (less than 1)")
    result = call(binary, gateway.url, "--sessions", "200", "--no-media", "--duration", "2")
    figure("connect_200_at_once_ms_max", result["connect_ms_max"], "ms", noise=50, least=50)
    judge(not result["failed"], f"200 at once: {result['failed']} failed, max {result['connect_ms_max']:.1f} ms")
    gateway.stop()

    gateway = Gateway(binary, "--backend", "echo")
    time.sleep(0.3)
    idle = resident_kb(gateway.pid)
    command = ["taskset", "-c", "1", binary, "call", gateway.url, "--sessions", "200", "--duration", "5", "--quiet"]
    load = subprocess.Popen(command)
    time.sleep(4)
    each = (resident_kb(gateway.pid) - idle) / 200
    figure("call_kb", each, "KB", noise=10)
    limit(each < 100, f"{each:.0f} KB per call, 200 calls with media (less than 100)")
    load.wait()
    gateway.stop()

    last = {}

    def gateway_carries(calls):
        gateway = Gateway(binary, "--backend", "echo", "--max-sessions", str(calls + 10), "--overload", "0")
        ramp = 250
        before = cpu_seconds(gateway.pid)
        result = call(binary, gateway.url, "--sessions", str(calls), "--ramp", str(ramp), "--duration",
                      str(seconds + calls / ramp))
        used = cpu_seconds(gateway.pid) - before
        gateway.stop()
        print(f"  {calls} calls: {result['failed']} failed, {result['loss_percent']:.2f} % lost, echo p50 "
              f"{result['echo_ms_p50']:.1f} ms, p95 {result['echo_ms_p95']:.1f} ms, "
              f"{used * 1e6 / max(1, result['packets_sent']):.1f} us of gateway CPU per packet in + out", flush=True)
        if calls == (100 if options.quick else 500):
            figure("echo_ms_p50", result["echo_ms_p50"], "ms", noise=30, least=1)
            figure("echo_ms_p95", result["echo_ms_p95"], "ms", noise=60, least=5)
            figure("lost_percent", result["loss_percent"], "%", noise=0, least=0.5)
        return within(result) and not result["failed"]

    def embedded_carries(calls):
        gateway = Gateway(binary, "--backend", "embedded", "--speech", "scripted", "--max-sessions", str(calls + 10),
                          "--overload", "0", "--address-rate", "0")
        ramp = 250
        result = call(binary, gateway.url, "--sessions", str(calls), "--ramp", str(ramp), "--duration",
                      str(seconds + calls / ramp))
        seen, used = metrics(gateway.url), cpu_seconds(gateway.pid)
        gateway.stop()
        turns = max(1, seen["xiaozhi_rtc_loop_lag_seconds_count"])
        late = 100 - 100 * seen['xiaozhi_rtc_loop_lag_seconds_bucket{le="0.02"}'] / turns
        lost = 100 - 100 * seen['xiaozhi_rtc_rtp_packets_total{direction="in"}'] / max(1, result["packets_sent"])
        print(f"  {calls} calls at the embedded assistant: {result['failed']} failed, {lost:.2f} % lost, {late:.2f} % of turns "
              f"longer than 20 ms, {used:.1f} s of CPU in {seconds + 2 * calls / ramp:.0f} s", flush=True)
        return not result["failed"] and lost <= 1 and late <= 0.1

    def floor_carries(flows):
        port = free_port(socket.SOCK_DGRAM)
        server = subprocess.Popen(["taskset", "-c", "0", floor, "serve", str(port)])
        time.sleep(0.2)
        before = cpu_seconds(server.pid)
        done = subprocess.run(["taskset", "-c", "1", floor, "load", str(port), str(flows), str(seconds)],
                              stdout=subprocess.PIPE, text=True, check=True)
        used = cpu_seconds(server.pid) - before
        server.kill()
        server.wait()
        result = json.loads(done.stdout)
        last["floor_us"] = used * 1e6 / max(1, result["packets_sent"])
        print(f"  {flows} flows: {result['loss_percent']:.2f} % lost, echo p95 {result['echo_ms_p95']:.1f} ms, "
              f"{last['floor_us']:.1f} us per packet in + out", flush=True)
        return within(result)

    def packets_cost(calls):
        """Of the same packets through both, one after the other; calls that stand, connecting is not in it."""
        gateway = Gateway(binary, "--backend", "echo", "--max-sessions", str(calls + 10), "--overload", "0")
        ramp = 250
        load = subprocess.Popen(["taskset", "-c", "1", binary, "call", gateway.url, "--sessions", str(calls), "--ramp", str(ramp),
                                 "--duration", str(2 * calls / ramp + 2 + seconds), "--quiet"])
        came = 'xiaozhi_rtc_rtp_packets_total{direction="in"}'
        time.sleep(2 * calls / ramp + 1)
        used, packets = cpu_seconds(gateway.pid), metrics(gateway.url)[came]
        time.sleep(seconds)
        used_then, packets_then = cpu_seconds(gateway.pid), metrics(gateway.url)[came]
        load.wait()
        gateway.stop()
        carried = floor_carries(calls)
        ours = (used_then - used) * 1e6 / max(1, packets_then - packets)
        ratio = ours / max(0.01, last["floor_us"])
        figure("packet_us", ours, "us", noise=25)
        figure("packet_us_of_floor", last["floor_us"], "us", "none")
        # A floor that is late takes several packets at a wake-up, which makes each cheaper: that is no comparison.
        limit(carried and ratio <= 2, f"{calls} calls: {ours:.1f} us of CPU per packet in + out, {ratio:.2f} times the floor's "
              f"{last['floor_us']:.1f} (at most 2{'' if carried else '; the floor was late, the machine is busy'})")

    if options.quick:
        gateway_carries(100)
        embedded_carries(100)
        packets_cost(100)
    else:
        packets_cost(500)
        figure("calls_at_embedded", capacity("gateway with the embedded assistant", 125, 2000, embedded_carries), "calls", "more")
        ours, least = capacity("gateway", 500, 4000, gateway_carries), capacity("floor", 500, 8000, floor_carries)
        figure("calls", ours, "calls", "more")
        figure("calls_of_floor", least, "calls", "none")
        judge(ours >= 1000, f"{ours} calls on one core (at least 1000), {100 * ours / max(1, least):.0f} % of the "
              "floor's")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
