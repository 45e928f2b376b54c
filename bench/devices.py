#!/usr/bin/env python3
"""How the embedded assistant keeps its clock when many XiaoZhi devices talk to it at once, and what a device costs.

  bench/devices.py [--quick] [--devices N] [--seconds S] [--build build/release]

The assistant runs alone, with scripted stages (--speech scripted: no recognition, tones for voices). Its devices
(bench/devices.c) send a 60 ms frame of sound each 60 ms all the time, talk for 1.3 s, hear an answer of several
seconds, and talk again.

A frame has a slot, two frames ahead of the time it is played at. It misses its deadline when it comes more than 60 ms
after its slot: a device that plays without any buffer has then run dry. That is counted in the assistant itself, where
a frame is handed to its socket (/xiaozhi/stats), and by the devices, where it arrives.

Missed deadlines are a failure of the whole run only; a quick one prints them, for the machine may be busy with something
else, and fails for what no other program can cause. Ends with "N passed, N failed"."""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

from measure import ROOT, cpu_seconds, figure, finish, judge


def memory_kb(pid):
    """What is this process's alone."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


class Assistant:
    def __init__(self, binary, n):
        command = [binary, "assistant", "--devices", "127.0.0.1:0", "--speech", "scripted", "--admin-token", "bench",
                   "--max-sessions", str(n + 8), "--log-level", "error"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r":(\d+)/xiaozhi/v1/", self.process.stdout.readline()).group(1))

    def stats(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/xiaozhi/stats",
                                         headers={"Authorization": "Bearer bench"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="50 devices for 10 s: for a test")
    parser.add_argument("--devices", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    options = parser.parse_args()
    n, seconds = options.devices or (50 if options.quick else 200), options.seconds or (10 if options.quick else 60)
    assistant = Assistant(f"{options.build}/cli/xiaozhi-rtc", n)
    pid = assistant.process.pid
    idle, began = memory_kb(pid), cpu_seconds(pid)
    try:
        load = subprocess.Popen([f"{options.build}/bench/devices", str(assistant.port), str(n), str(seconds)],
                                stdout=subprocess.PIPE, text=True)
        try:
            load.wait(seconds - 1)
        except subprocess.TimeoutExpired:
            pass
        talking, used, inside = memory_kb(pid), cpu_seconds(pid) - began, assistant.stats()
        outside = json.loads(load.communicate()[0])
    finally:
        assistant.stop()

    def limit(held, text):
        if options.quick:
            print(f"     {text}{'' if held else ': beyond it'}", flush=True)
        else:
            judge(held, text)

    judge(outside["opened"] == n and not outside["closed"] and not inside["refused"] and inside["sessions"] == n,
          f"{n} devices talk at once, none is refused or dropped")
    judge(outside["answers"] >= (1 if options.quick else n * seconds // 20), f"{outside['answers']} answers were heard")
    judge(not inside["failedJobs"] and not inside["unrecognised"], "no answer failed")
    limit(inside["framesLate"] == 0, f"inside: {inside['framesLate']} of {inside['framesOut']} frames missed their deadline "
          f"(0), the latest left {inside['latestUs'] / 1000:.1f} ms after its slot")
    limit(outside["missed"] == 0, f"outside: {outside['missed']} of {outside['frames_down']} (0); after the slot p50 "
          f"{outside['late_ms_p50']:.1f} ms, p99 {outside['late_ms_p99']:.1f}, latest {outside['late_ms_max']:.1f}; the "
          f"devices themselves were {outside['own_ms']:.1f} ms late at worst")
    figure("device_kb", (talking - idle) / n, "KB", noise=10)
    figure("devices_cpu_percent", 100 * used / seconds, "%", noise=25)
    figure("devices_frames_late", inside["framesLate"], "frames", noise=0, least=20)
    figure("devices_late_ms_p99", outside["late_ms_p99"], "ms", noise=60, least=10)
    print(f"     {(talking - idle) / n:.0f} KB per device, {idle / 1024:.1f} MB without any; "
          f"{100 * used / seconds:.0f} % of one core for {outside['frames_up']} frames up and {outside['frames_down']} down",
          flush=True)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
