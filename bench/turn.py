#!/usr/bin/env python3
"""How long a turn takes: what the gateway adds on the way up and down, and from the end of speech to the first sound.

  bench/turn.py [--quick] [--build build/release]

Up and down are measured between a caller and a scripted assistant, both outside of the gateway and on this machine's one
clock: from a caller's first 20 ms frame to the packet of 60 ms that it begins, less the 40 ms until that is complete; and
from the assistant's packet to its first frame at the caller.

A turn is spoken: a phrase by espeak-ng, as Opus, frame by frame, to the embedded assistant with its built-in stages. Outside
the answer is decoded as it arrives, and the first frame that can be heard counts; its first part is until the words are
told (detection of the end, 360 ms of it by design, in which recognition begins), its second until the answer. Inside it is the
gateway's turn_latency_seconds, which here begins with the words: this caller does not tell how loud its packets are.

Limits are for the whole run on a quiet machine; a quick one prints them. Ends with "N passed, N failed"."""
import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import threading
import time
import wave

from measure import ROOT, figure, finish, judge

sys.path.insert(0, os.path.join(ROOT, "tests/system"))
RATE, FRAME = 16000, 320
AUDIBLE = 150  # RMS of 16 bit samples
PHRASES = ["tell me a joke", "what time is it", "what is your name", "how are you"]


class Opus:
    def __init__(self):
        self.lib, error = ctypes.CDLL("libopus.so.0"), ctypes.c_int()
        self.lib.opus_encoder_create.restype = self.lib.opus_decoder_create.restype = ctypes.c_void_p
        self.encoder = ctypes.c_void_p(self.lib.opus_encoder_create(RATE, 1, 2048, ctypes.byref(error)))
        self.decoder = ctypes.c_void_p(self.lib.opus_decoder_create(RATE, 1, ctypes.byref(error)))

    def encode(self, samples):
        out = ctypes.create_string_buffer(400)
        n = self.lib.opus_encode(self.encoder, (ctypes.c_int16 * FRAME)(*samples), FRAME, out, 400)
        return out.raw[:n]

    def loudness(self, packet):
        out = (ctypes.c_int16 * 5760)()
        n = self.lib.opus_decode(self.decoder, packet, len(packet), out, 5760, 0)
        return rms(out[:n]) if n > 0 else 0


def rms(samples):
    return (sum(x * x for x in samples) / max(1, len(samples))) ** 0.5


def speak(phrase):
    """20 ms frames of samples, and the number of the last one with voice."""
    path = f"/tmp/turn-{os.getpid()}.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-p", "70", "-s", "150", "-w", path, phrase], check=True)
    with wave.open(path) as f:
        rate, raw = f.getframerate(), f.readframes(f.getnframes())
    os.remove(path)
    samples = [int.from_bytes(raw[i:i + 2], "little", signed=True) for i in range(0, len(raw), 2)]
    at16 = [int(samples[min(len(samples) - 1, int(i * rate / RATE))] * 0.6) for i in range(int(len(samples) * RATE / rate))]
    quiet = [((i * 7919) % 17) - 8 for i in range(RATE // 2)]
    at16 = quiet + at16
    frames = [at16[i:i + FRAME] for i in range(0, len(at16) - FRAME + 1, FRAME)]
    last = max(i for i, frame in enumerate(frames) if rms(frame) > AUDIBLE)
    return frames, last


def say_it(phrase, opus, peer):
    """Speaks in real time; the instant after the last frame with voice."""
    frames, last = speak(phrase)
    packets = [opus.encode(frame).hex() for frame in frames[:last + 1]]
    begin = time.monotonic()
    for i, packet in enumerate(packets):
        time.sleep(max(0, begin + i * 0.02 - time.monotonic()))
        peer.do(f"opus {packet}")
    end = max(time.monotonic(), begin + (last + 1) * 0.02)
    peer.do("opus f8fffe")
    return end


def make_peer_class(harness):
    class TimedPeer(harness.Peer):
        """Notes when each line came."""

        def read(self):
            self.arrived = []
            for line in self.process.stdout:
                line = line.rstrip("\n")
                self.arrived.append((time.monotonic(), line))
                self.lines.put(line)
    return TimedPeer


def shares(values):
    values = sorted(values)
    high = values[min(len(values) - 1, int(len(values) * 0.95))]
    return f"p50 {statistics.median(values):.1f}, p95 {high:.1f}, max {values[-1]:.1f} ms"


def measure_up(peer, link, harness, n):
    out = []
    for i in range(n):
        peer.say(type="listen", state="start", mode="manual")
        harness.wait_for(lambda i=i: sum(t.get("state") == "start" for t in link.texts) > i)
        before = len(link.packets)
        time.sleep(0.1 + 0.007 * (i % 9))
        begin = time.monotonic()
        peer.do("opus f80102")
        harness.wait_for(lambda before=before: len(link.packets) > before)
        out.append((link.packets[before][0] - begin) * 1000 - 40)
        peer.do("opus ")
        peer.say(type="listen", state="stop")
        harness.wait_for(lambda i=i: sum(t.get("state") == "stop" for t in link.texts) > i)
    return out


def measure_down(peer, link, harness, n):
    out = []
    for i in range(n):
        link.say(type="tts", state="start")
        time.sleep(0.1 + 0.007 * (i % 9))
        mark = f"f833{i:02x}"
        begin = time.monotonic()
        link.send_frame(b"\xfb\x03" + bytes([0x33, i]) * 3)
        link.say(type="tts", state="stop")
        harness.wait_for(lambda mark=mark: any(mark in line for _, line in list(peer.arrived)))
        out.append((next(at for at, line in peer.arrived if line.endswith(mark)) - begin) * 1000)
        peer.message("tts", state="stop")
    return out


def measure_turns(peer, harness, n):
    out, words, wrong, opus = [], [], 0, Opus()
    for i in range(n):
        phrase, mark = PHRASES[i % len(PHRASES)], len(peer.arrived)
        peer.say(type="listen", state="start", mode="auto")
        peer.do("opus f8fffe")
        time.sleep(0.5)
        end = say_it(phrase, opus, peer)
        stt = peer.message("stt")
        words += [(at - end) * 1000 for at, line in list(peer.arrived)[mark:] if '"stt"' in line][:1]
        peer.message("tts", 30, state="start")
        heard = None
        deadline = time.monotonic() + 10
        while heard is None and time.monotonic() < deadline:
            for at, line in list(peer.arrived)[mark:]:
                mark += 1
                if at > end and line.startswith("audio ") and opus.loudness(bytes.fromhex(line.split()[2])) > AUDIBLE:
                    heard = at
                    break
            time.sleep(0.005)
        if not stt or stt["text"] == "...":
            wrong += 1
            print(f"     not understood: {phrase}")
        if heard:
            out.append((heard - end) * 1000)
        peer.message("tts", 30, state="stop")
    return out, words, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few, and no limits: for a test")
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    options = parser.parse_args()
    os.environ["GATEWAY"] = f"{options.build}/cli/xiaozhi-rtc"
    import harness  # noqa: E402, it reads GATEWAY
    from mock_assistant import MockAssistant  # noqa: E402
    peer_class = make_peer_class(harness)
    n, turns = (5, 2) if options.quick else (60, 20)

    def limit(held, text):
        if options.quick:
            print(f"     {text}{'' if held else ': beyond it'}", flush=True)
        else:
            judge(held, text)

    mock = MockAssistant()
    with harness.Gateway(backend=mock.url) as g, peer_class(g) as peer:
        judge(peer.message("ready"), "a caller at a scripted assistant")
        up, down = measure_up(peer, mock.links[0], harness, n), measure_down(peer, mock.links[0], harness, n)
        figure("speech_up_ms_p50", statistics.median(up) + 40, "ms", noise=5)
        figure("speech_down_ms_p50", statistics.median(down), "ms", noise=40, least=4)
        limit(statistics.median(up) <= 45, f"up, beyond the 40 ms of framing: {shares(up)} (at most 45)")
        limit(statistics.median(down) <= 15, f"down: {shares(down)} (at most 15)")
    with harness.Gateway(backend="embedded") as g, peer_class(g) as peer:
        judge(peer.message("ready"), "a caller at the embedded assistant")
        measure_turns(peer, harness, 1)  # models are loaded by the first
        before = g.metrics()
        took, words, wrong = measure_turns(peer, harness, turns)
        after = g.metrics()
        count, total = (after[f"xiaozhi_rtc_turn_latency_seconds_{x}"] - before[f"xiaozhi_rtc_turn_latency_seconds_{x}"]
                        for x in ("count", "sum"))
        judge(len(took) == turns, f"{turns} spoken turns are answered, {wrong} of them not understood")
        if took:
            figure("turn_ms_p50", statistics.median(took), "ms", noise=25)
        figure("turns_not_understood", wrong, "turns", noise=0, least=2)
        limit(took and statistics.median(took) < 700, "outside, from the end of speech to the first sound: "
              f"{shares(took or [0])} (median under 700)")
        print(f"     of it until the words are told: {shares(words or [0])}")
        mean = 1000 * total / max(1, count)
        limit(count == turns, f"inside, from the words to the first sound: mean {mean:.0f} ms of {count:.0f}")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
