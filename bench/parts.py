#!/usr/bin/env python3
"""Parts by themselves: a data channel between two associations, and what protecting a packet costs.

  bench/parts.py [--build build/release]      what build/release/bench/bench_sctp and bench_crypto say, as figures

Ends with "N passed, N failed"."""
import argparse
import os
import re
import subprocess
import sys

from measure import ROOT, figure, finish, judge

# Figure, unit, better, and where it stands in the output.
ROWS = [
    ("bench_sctp", "data_mbit_per_core", "Mbit/s", "more", r"^rtt 0 ms, budget +256 KiB: +([\d.]+) Mbit/s"),
    ("bench_sctp", "data_mbit_at_50_ms", "Mbit/s", "more", r"^rtt 50 ms, budget +256 KiB: +([\d.]+) Mbit/s"),
    ("bench_crypto", "handshake_us", "us", "less", r"^handshake, both ends +([\d.]+) us"),
    ("bench_crypto", "srtp_protect_ns", "ns", "less", r"^SRTP AEAD_AES_128_GCM +([\d.]+) ns protect"),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    options = parser.parse_args()
    said = {}
    for program, name, unit, better, pattern in ROWS:
        if program not in said:
            said[program] = subprocess.run([f"{options.build}/bench/{program}"], capture_output=True, text=True, check=True).stdout
        found = re.search(pattern, said[program], re.M)
        if found:
            figure(name, float(found[1]), unit, better, noise=25)
        judge(found, f"{name}: {found[1] if found else 'not said'} {unit}")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
