"""Metrics whose cause no other test brings about: each moves when that happens, and by so much."""
import json
import re
import select
import socket
import threading
import time

from harness import JSON, Gateway, Peer, check, place_of, wait_for
from mock_assistant import MockAssistant


class Way:
    """Between a caller and the gateway's port: |bend| is asked of each of the caller's datagrams and gives those that arrive."""

    def __init__(self, port, bend):
        self.sides = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for side in self.sides:
            side.bind(("127.0.0.1", 0))
        self.sides[1].connect(("127.0.0.1", port))
        self.port, self.bend, self.caller, self.open = self.sides[0].getsockname()[1], bend, None, True
        threading.Thread(target=self.carry, daemon=True).start()

    def carry(self):
        front, back = self.sides
        while self.open:
            for side in select.select(self.sides, [], [], 0.1)[0]:
                if side is back:
                    front.sendto(back.recv(2000), self.caller)
                    continue
                data, self.caller = front.recvfrom(2000)
                for datagram in self.bend(data):
                    back.send(datagram)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open = False


class Bends:
    """Of 20 packets of sound one comes twice, one behind the next, one when nobody waits for it any more, one never, however often
    it is asked for: by their sequence numbers."""

    def __init__(self):
        self.held, self.late = None, {}

    def __call__(self, data):
        if not 128 <= data[0] < 192 or 192 <= data[1] < 224:
            return [data]
        number, now, out = int.from_bytes(data[2:4], "big"), time.monotonic(), []
        at = number % 20
        if at == 3:
            out = [data, data]
        elif at == 8:
            self.held = data
        elif at == 9:
            out, self.held = [data] + [self.held] * bool(self.held), None
        elif at == 10:
            self.late.setdefault(number, (now, data))
        elif at != 17:
            out = [data]
        for number, (since, packet) in list(self.late.items()):
            if packet and now - since > 0.5:
                self.late[number] = (since, None)
                out.append(packet)
        return out


def refuse_dtls(data):
    """A fatal alert, handshake_failure, in place of each record."""
    return [b"\x15\xfe\xfd" + data[3:11] + b"\x00\x02\x02\x28"] if 20 <= data[0] < 64 else [data]


def call_by(g, peer, bend):
    """|peer| calls on such a way: neither is told the other's address."""
    bare = "\r\n".join(line for line in peer.offer.split("\r\n") if not re.match("a=(candidate|end-of-candidates)", line))
    status, data, _ = g.request("POST", "/api/offer", json.dumps({"type": "offer", "sdp": bare}), JSON)
    sdp = json.loads(data)["sdp"]
    port = place_of(sdp)
    way = Way(port, bend)
    lines = [line for line in sdp.split("\r\n") if not line.startswith("a=candidate") or f" {port} " in line]
    peer.do("answer " + "\r\n".join(lines).replace(f" {port} ", f" {way.port} ").encode().hex())
    check(status == 200, "an offer is answered, its way is bent")
    return way


def test_figures_of_a_bad_way():
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g, Peer(g, post=False) as p, call_by(g, p, Bends()):
        check(p.message("ready"), "a call on a way that bends it")
        p.say(type="listen", state="start", mode="manual")
        for i in range(200):
            p.do(f"opus fc{i:02x}" + "00" * 30)
            time.sleep(0.02)
        for what in ("reordered", "late", "lost", "asked", "delivered"):
            check(wait_for(lambda: g.metric(f"rtp_{what}_total") > 0), f"rtp_{what}_total moves")
        check(g.metric('datagrams_dropped_total{reason="srtp_replayed"}') > 0, "what comes twice is dropped as that")
        check(g.metric("rtp_held_seconds_total") > 0, "and the time that others waited")
        check(wait_for(lambda: g.metric("speech_concealed_total") > 0), "the assistant is told of what is missing")
        check(g.metric('datagram_bytes_total{direction="in"}') > 200 * 30, "bytes of datagrams are counted")
        for _ in range(3):  # whoever made long pauses lately, as on a busy machine, is not missed
            p.do("cut")
            if wait_for(lambda: g.metric("speech_held_total") > 0, 3):
                break
            p.do("mend")
            time.sleep(4)
        check(g.metric("speech_held_total") > 0, "who talked all the time and is heard no more: speech to him is held")


def test_figures_of_workers():
    """The kernel gives a new address to any worker's socket: to the right one 32 times in a row it does not."""
    with Gateway("--workers", "4") as g, Peer(g) as p:
        name = re.search(r"a=ice-ufrag:(\S+)", p.answer["sdp"]).group(1).encode() + b":x"
        name = b"\x00\x06" + len(name).to_bytes(2, "big") + name + bytes(-len(name) % 4)
        for _ in range(32):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"\x00\x01" + len(name).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + name,
                                ("127.0.0.1", place_of(p.answer["sdp"])))
        check(wait_for(lambda: g.metric("datagrams_forwarded_total") > 0), "what comes to another worker's socket is passed on")


def test_figures_of_ends():
    def ended(g, reason):
        return g.metric(f'session_total{{result="failed",reason="{reason}"}}') == 1

    with Gateway("--max-sessions", "1", "--workers", "1", backend=MockAssistant().url) as g, Peer(g) as first:
        first.message("ready")
        first.do("close")
        check(wait_for(lambda: g.metric('sessions{state="lost"}') == 1), "one is lost, and keeps the only place")
        with Peer(g) as second:
            check(second.status == 200 and ended(g, "evicted"), "it makes room for the next, and is counted as evicted")
    with Gateway() as g, Peer(g, post=False) as p:
        line = next(line for line in p.offer.split("\r\n") if line.startswith("a=fingerprint:"))
        p.offer = p.offer.replace(line, line[:-5] + ("00:00" if not line.endswith("00:00") else "11:11"))
        p.post("/api/offer")
        check(wait_for(lambda: ended(g, "fingerprint")), "another certificate than the offer promised: ended for that reason")
        with Peer(g, post=False) as q, call_by(g, q, refuse_dtls):
            check(wait_for(lambda: ended(g, "dtls_failed")), "DTLS that is refused: likewise")


def test_figures_of_messages():
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g, Peer(g) as p:
        check(p.message("ready"), "a call")
        for n in (1, 2):
            p.say(type="stats", samples=n * 48000, concealed=n * 480)
        check(wait_for(lambda: g.metric('page_samples_total{kind="played"}') >= 48000 and
                       g.metric('page_samples_total{kind="concealed"}') >= 480), "what a page says of its sound is counted")
        for _ in range(2):
            p.say(type="listen", state="detect", text="speak 4 40 0.02", n=1)
        check(wait_for(lambda: g.metric('page_messages_refused_total{reason="repeated"}') == 1), "typed text that comes again")
        check(wait_for(lambda: p.heard(4) > 0), "an answer is being heard")
        mock.links[0].send_frame(b"")
        mock.links[0].send_frame(b"\xff" * 40)
        check(wait_for(lambda: g.metric("speech_refused_total") > 0), "speech of the assistant that is no Opus")
        p.say(type="listen", state="start", mode="manual")
        p.do("opus 19" + "00" * 30)  # 120 ms each 20 ms
        check(wait_for(lambda: g.metric("speech_excess_total") > 0), "who sends more sound than there is time")
        p.do("close")
        check(wait_for(lambda: g.metric('sessions{state="lost"}') == 1), "the caller is away")
        for i in range(40):
            mock.links[0].say(type="llm", emotion="happy", text=str(i))
        check(wait_for(lambda: g.metric('page_messages_refused_total{reason="not_sent"}') > 0), "and misses more than is kept")
        counted = g.metric("speech_refused_total"), g.metric("speech_excess_total")
        g.request("DELETE", p.answer["location"])
        check(wait_for(lambda: g.metric('session_total{result="ok",reason="hangup"}') == 1) and counted ==
              (g.metric("speech_refused_total"), g.metric("speech_excess_total")), "what was counted stays so after the end")


def test_figures_of_streams():
    with Gateway("--tcp", "127.0.0.1:0", "--workers", "1") as g, Peer(g) as p:
        port = int(re.search(r" tcp \d+ 127.0.0.1 (\d+) typ host tcptype passive", p.answer["sdp"]).group(1))
        crowd = []
        for _ in range(80):
            try:
                crowd.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            except OSError:  # refused while it was made
                pass
        check(wait_for(lambda: g.metric('tcp_closed_total{reason="address"}') == 16), "too many TCP connections of one address")
        for one in crowd:
            one.close()
        check(wait_for(lambda: g.metric('tcp_closed_total{reason="peer"}') > 0), "and those that were closed by whoever made them")
