"""Media over TCP (--tcp): calls over it, and strangers who send nothing, rubbish, halves of frames, or come in thousands."""
import json
import os
import re
import resource
import socket
import struct
import subprocess

from harness import BINARY, Gateway, Peer, check, law_holds, wait_for

FLOOD = 1500
STRANGERS = 512 * 2  # of two workers


def closed(g, reason=None):
    found = {k: v for k, v in g.metrics().items() if k.startswith("xiaozhi_rtc_tcp_closed_total")}
    return sum(v for k, v in found.items() if reason is None or f'"{reason}"' in k)


def call(g):
    done = subprocess.run([BINARY, "call", f"http://127.0.0.1:{g.port}/offer", "--transport", "tcp", "--echo-test", "--quiet"],
                          timeout=90)
    return done.returncode == 0


def is_heard(talker):
    """What it says comes back."""
    talker.do("opus f80102")
    return talker.until(lambda line: line.startswith("audio"))


def binding_request(ufrag):
    """With no MESSAGE-INTEGRITY: it names a session, and proves nothing."""
    name = (ufrag + ":them").encode()
    attribute = struct.pack("!HH", 6, len(name)) + name + b"\0" * (-len(name) % 4)
    return struct.pack("!HHI", 1, len(attribute), 0x2112A442) + os.urandom(12) + attribute


def framed(datagram):
    return struct.pack("!H", len(datagram)) + datagram


class Stranger:
    def __init__(self, port, first=b"", host="127.0.0.1"):
        self.socket = socket.socket()
        self.socket.bind((host, 0))
        self.socket.connect(("127.0.0.1", port))
        if first:
            self.socket.sendall(first)
        self.socket.setblocking(False)

    def is_gone(self):
        try:
            return self.socket.recv(100) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()


def resident(g):
    return g.metric("process_resident_memory_bytes") if "xiaozhi_rtc_process_resident_memory_bytes" in g.metrics() else int(
        re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{g.process.pid}/status").read()).group(1)) * 1024


def flood(port):
    """Some silent, some with a byte, some with half a request, from many addresses."""
    made = []
    for i in range(FLOOD):
        half = framed(binding_request("AAAAsomebody"))[: i % 3 * 10]
        try:
            made.append(Stranger(port, half, f"127.0.1.{1 + i // 50}"))
        except OSError:  # closed while it was sending
            pass
    return made


def test_media_over_tcp():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FLOOD + 1024), hard))
    with Gateway("--tcp", "127.0.0.1:0", "--workers", "2", "--admin-token", "boss") as g, Peer(g) as talker:
        port = int(re.search(r" tcp \d+ 127.0.0.1 (\d+) typ host tcptype passive", talker.answer["sdp"]).group(1))
        ufrag = re.search(r"a=ice-ufrag:(\S+)", talker.answer["sdp"]).group(1)
        check(talker.message("ready") and is_heard(talker), "a call over UDP beside it")
        check(call(g) and call(g), "calls over TCP: text, 64 KiB and sound came back, whichever worker they came to")
        check(g.metric('paths_total{transport="tcp"}') == 2, "and it was TCP")
        for what, bytes_ in {"HTTP": b"GET / HTTP/1.1\r\n\r\n", "TLS": b"\x16\x03\x01\x02\0\x01", "nothing": b"\0\0",
                             "media": b"\0\x20\x80\x6f", "a frame of 64 KiB": b"\xff\xff",
                             "another ufrag": framed(binding_request("+" * 8))}.items():
            check(wait_for(Stranger(port, bytes_).is_gone), f"a stream that begins with {what} is closed")
        mute, half = Stranger(port), Stranger(port, framed(binding_request(ufrag))[:20])
        named = Stranger(port, framed(binding_request(ufrag)))
        large = Stranger(port, framed(binding_request(ufrag)) + b"\xff\xff")
        check(wait_for(large.is_gone), "one that names a session and then sends no frames is closed")
        check(wait_for(lambda: mute.is_gone() and half.is_gone() and named.is_gone(), 30),
              "the mute one, half a request, and one that proves nothing have their time")
        before = resident(g)
        crowd = flood(port)
        check(call(g), f"a call over TCP amid {FLOOD} strangers")
        check(closed(g) >= FLOOD - STRANGERS and g.alive(), "who are only so many")
        check(resident(g) - before < 32e6, f"and cost little: {(resident(g) - before) / 1e6:.1f} MB")
        check(is_heard(talker), "the call over UDP goes on")
        check(wait_for(lambda: all(one.is_gone() for one in crowd), 60), "all of them are gone in the end")
        rows = json.loads(g.request("GET", "/api/sessions", headers={"Authorization": "Bearer boss"})[1])["sessions"]
        check([row["transport"] for row in rows] == ["udp"], "the call that is left says how it goes")
        check(wait_for(lambda: closed(g) == g.metric("tcp_connections_total")), "every connection is accounted for")
        check(law_holds(g), "and every datagram")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
