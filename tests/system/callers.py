"""Callers whose browser has no WebRTC: GET /api/socket, JSON text and samples."""
import array
import base64
import json
import math
import os
import queue
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import wave

from harness import PATIENCE, Gateway, Peer, check, refused, wait_for
from mock_assistant import MockAssistant

PIECE = 640  # bytes of 20 ms, 16 kHz
WS = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(), "Sec-WebSocket-Protocol": "xiaozhi-rtc"}


class Caller:
    """A WebSocket client as small as it gets; messages and sound are collected as they come."""

    def __init__(self, gateway, hello=True, **fields):
        self.sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)
        head = "".join(f"{k}: {v}\r\n" for k, v in {"Host": f"127.0.0.1:{gateway.port}", **WS}.items())
        self.sock.sendall(f"GET /api/socket HTTP/1.1\r\n{head}\r\n".encode())
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            self.data += self.sock.recv(4096)
        self.head, self.data = self.data.split(b"\r\n\r\n", 1)
        self.messages, self.seen, self.sound, self.code, self.pings = queue.Queue(), [], [], None, 0
        self.ended = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if hello:
            self.say(type="hello", **fields)
            self.hello = self.message("hello") or {}

    def need(self, n):
        while len(self.data) < n:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError
            self.data += more
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def read(self):
        try:
            while True:
                first, n = self.need(2)
                n = struct.unpack(">H", self.need(2))[0] if n == 126 else struct.unpack(">Q", self.need(8))[0] if n == 127 else n
                data = self.need(n)
                if first & 15 == 1:
                    self.messages.put((len(self.sound), json.loads(data)))
                elif first & 15 == 2:
                    self.sound.append((time.monotonic(), data))
                elif first & 15 == 8:
                    self.code = struct.unpack(">H", data[:2])[0] if data else 0
                    return
                elif first & 15 == 9:
                    self.pings += 1
                    self.send(data, 10)
        except OSError:
            pass
        finally:
            self.ended.set()

    def send(self, data, opcode, final=True):
        mask = os.urandom(4)
        n = len(data)
        size = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n)
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        self.sock.sendall(bytes([(0x80 if final else 0) | opcode]) + size + mask + body)

    def say(self, **message):
        self.send(json.dumps(message).encode(), 1)

    def text(self, text):
        self.say(type="listen", state="detect", text=text)

    def play(self, samples, pace=0.02):
        """|samples| as they would be spoken."""
        begin = time.monotonic()
        for i in range(0, len(samples) - PIECE + 1, PIECE):
            self.send(samples[i:i + PIECE], 2)
            time.sleep(max(0, begin + (i // PIECE + 1) * pace - time.monotonic()))

    def message(self, kind, patience=PATIENCE, **fields):
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            try:
                at, message = self.messages.get(timeout=left)
            except queue.Empty:
                break
            self.seen.append((at, message))
            if message.get("type") == kind and all(message.get(k) == v for k, v in fields.items()):
                return message
        return None

    def close(self, code=None):
        if code:
            self.send(struct.pack(">H", code), 8)
            self.ended.wait(PATIENCE)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def energy(pieces):
    samples = array.array("h", b"".join(pieces))
    return math.sqrt(sum(s * s for s in samples) / max(1, len(samples)))


def spoken(phrase, lead=0.3, tail=1.0):
    """16 kHz samples."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "raw.wav")
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", path, phrase], check=True)
        with wave.open(path) as file:
            rate, data = file.getframerate(), array.array("h", file.readframes(file.getnframes()))
    out = array.array("h", bytes(2 * int(lead * 16000)))
    for i in range(int(len(data) * 16000 / rate)):
        at = i * rate / 16000
        low = min(int(at), len(data) - 2)
        out.append(int(data[low] + (data[low + 1] - data[low]) * (at - low)))
    return out.tobytes() + bytes(2 * int(tail * 16000))


def test_socket_upgrade():
    with Gateway("--auth-token", "s3cret") as g:
        good = {**WS, "Authorization": "Bearer s3cret"}
        host = f"127.0.0.1:{g.port}"
        refused(g, "a WebSocket without a token", 401, "unauthorized", "GET", "/api/socket", None, WS)
        refused(g, "a page from elsewhere", 403, "bad_origin", "GET", "/api/socket", None,
                {**good, "Origin": "https://evil.example"})
        refused(g, "a page without an origin", 403, "bad_origin", "GET", "/api/socket", None, {**good, "Origin": "null"})
        refused(g, "another path", 404, "not_found", "GET", "/socket", None, good)
        refused(g, "another subprotocol", 426, "upgrade_required", "GET", "/api/socket", None,
                {**good, "Sec-WebSocket-Protocol": "chat, xz-link"})
        refused(g, "no upgrade at all", 426, "upgrade_required", "GET", "/api/socket", None,
                {"Authorization": "Bearer s3cret"})
        WS_TOKEN = {**WS, "Sec-WebSocket-Protocol": "xiaozhi-rtc, bearer.s3cret", "Origin": "http://" + host, "Host": host}
        for headers, what in ((good, "with the header"), (WS_TOKEN, "as a page, with the token as a subprotocol")):
            sock = socket.create_connection(("127.0.0.1", g.port), timeout=PATIENCE)
            sock.sendall(("GET /api/socket HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in
                                                                    {"Host": host, **headers}.items()) + "\r\n").encode())
            answer = sock.recv(4096).decode()
            check(answer.startswith("HTTP/1.1 101") and "xiaozhi-rtc" in answer and "bearer" not in answer, f"upgraded {what}")
            sock.close()
        check(g.alive(), "alive")


def test_socket_conversation():
    mock = MockAssistant()
    with Gateway("--admin-token", "a", backend=mock.url) as g, Caller(g, macAddress="02:00:00:AA:bb:cc") as c:
        check(len(c.hello.get("resume", "")) == 64 and c.hello["resumed"] is False and
              c.hello["audio"] == {"up": 16000, "down": 24000}, "hello: session, token, rates")
        ready = c.message("ready")
        check(ready and ready["sessionId"] == c.hello["sessionId"], "ready")
        check(set(ready["timeline"]) >= {"signalling", "data"} and "ice" not in ready["timeline"], "with its time-line")
        check(mock.links[0].headers["device-id"] == "02:00:00:aa:bb:cc", "the options of an offer")
        c.text("speak 7 20")  # packets that libopus decodes to something
        check(c.message("stt", text="speak 7 20") and c.message("tts", state="sentence_start", text="sentence 7"),
              "typed text is answered with captions")
        check(c.message("tts", state="stop"), "to its end")
        sizes = [len(piece) for _, piece in c.sound]
        check(set(sizes) <= {480, 960} and 60 <= sizes.count(960) < 140 and sizes.count(480) < 10,
              f"speech in pieces of 20 ms, silence around it in such of 10 ({sizes.count(960)}, {sizes.count(480)})")
        took = c.sound[59][0] - c.sound[0][0]
        check(0.9 < took < 4, f"paced in real time ({took:.2f} s for 1.18)")
        c.say(type="ping", t=5)
        check(c.message("pong", t=5), "ping: pong")
        c.send(b"not json {", 1)
        check(c.message("error", code="bad_message"), "not JSON: an error message")
        c.send(b"x" * 100, 2)
        check(c.message("error", code="bad_message"), "binary that is neither sound nor a photo: an error message")
        c.send(b'{"type":"ping",', 1, final=False)
        c.send(b'"t":6}', 0)
        check(c.message("pong", t=6), "a message in two fragments")
        c.say(type="listen", state="start", mode="manual")
        tone = array.array("h", [int(9000 * math.sin(i / 5)) for i in range(16000)]).tobytes()
        c.play(tone)
        c.say(type="listen", state="stop")
        link = mock.links[0]
        check(wait_for(lambda: any(t.get("state") == "stop" for t in link.texts)), "listen start, stop")
        whole = [d for _, d in link.packets if d[0] & 3 == 3]
        check(len(whole) >= 15 and all(len(d) < 400 for d in whole), f"a second of sound becomes packets of 60 ms ({len(whole)})")
        quality = c.message("quality")
        check(quality and quality["sent"] >= 60, "quality is told")
        row = json.loads(g.request("GET", c.hello["location"], headers={"Authorization": "Bearer a"})[1])
        check(row["purpose"] == "socket" and row["state"] == "connected" and row["packetsIn"] == 50, "the admin sees it")
        c.text('tool {"name":"take_photo","arguments":{"question":"What is it?"}}')
        photo = c.message("tool", text="take_photo")
        c.say(type="photo", id=photo["id"], size=20000, mime="image/jpeg")
        c.send(b"x" * 16384, 2)
        c.send(bytes(PIECE), 2)  # sound may come between
        c.send(b"x" * 3616, 2)
        check(wait_for(lambda: len(mock.photos) == 1) and mock.photos[0][1].count(b"x" * 20000) == 1, "a photo arrives whole")
        m = g.metrics()
        check(m["xiaozhi_rtc_sockets_open"] == 1 and m["xiaozhi_rtc_sockets_opened_total"] == 1, "counted")
        boss = {"Authorization": "Bearer a"}
        check(g.request("DELETE", c.hello["location"], headers=boss)[0] == 204 and c.message("ended", reason="operator"),
              "the operator hangs up, and the caller is told")
        check(g.request("DELETE", c.hello["location"])[0] == 204 and c.ended.wait(PATIENCE) and c.code == 1000,
              "it closes by DELETE: closed with 1000")


def asks_the_time(c, what):
    c.say(type="listen", state="start", mode="manual")
    c.play(spoken("what time is it", tail=0.4))
    c.say(type="listen", state="stop")
    heard = c.message("stt", patience=60)
    check(heard and "time" in heard["text"].lower(), f"{what} is recognised ({heard and heard['text']})")


def test_socket_speech():
    with Gateway(backend="embedded") as g, Caller(g) as c:
        check(c.message("ready", patience=30), "the embedded assistant is ready")
        asks_the_time(c, "a spoken phrase")
        check(c.message("tts", state="stop", patience=60), "and answered")
        loud = energy([piece for _, piece in c.sound])
        check(loud > 300, f"the answer can be heard (RMS {loud:.0f})")


def test_socket_clean():
    """A client that cleans nothing itself, and asks."""
    with Gateway("--clean", "on", backend="embedded") as g, Caller(g) as c:
        ready = c.message("ready", patience=30)
        check(ready and ready["features"]["clean"] is True, "a gateway that may clean sound says so")
        c.say(type="clean", echo=True, noise=True, gain=True)
        asks_the_time(c, "what was cleaned")
        check(c.message("tts", state="stop", patience=60), "and answered, through the canceller")
        c.say(type="clean")
        c.say(type="ping", t=1)
        check(c.message("pong", t=1) and not any(m["type"] == "error" for _, m in c.seen), "it ends when it is asked to")
    with Gateway(backend=MockAssistant().url) as g, Caller(g) as c:
        ready = c.message("ready")
        check(ready and ready["features"]["clean"] is False, "by default none is cleaned")
        c.say(type="clean", echo=True)
        check(c.message("error", code="bad_message"), "and who asks is told")


def test_socket_abort():
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g, Caller(g) as c:
        c.message("ready")
        c.text("speak 5 80")
        check(wait_for(lambda: len(c.sound) > 10), "an answer is being heard")
        c.say(type="abort")
        check(c.message("hush"), "abort: what was sent is not to be heard either")
        at = c.seen[-1][0]
        check(c.message("tts", state="stop"), "tts stop at once")
        check(wait_for(lambda: any(t["type"] == "abort" for t in mock.links[0].texts)), "the assistant is told")
        time.sleep(0.3)
        late = [piece for _, piece in c.sound[at:]]
        check(not late or energy(late[2:] or [bytes(2)]) < 50, f"nothing of the old answer comes after it ({len(late)} pieces)")
        c.text("speak 6 5")
        check(c.message("tts", state="stop"), "the next answer comes")


def test_socket_resume():
    mock = MockAssistant()
    with Gateway("--workers", "4", backend=mock.url) as g:
        first = Caller(g, mode="realtime")
        first.message("ready")
        token, ident = first.hello["resume"], first.hello["sessionId"]
        first.text("speak 7 60 0.06")
        first.message("tts", state="sentence_start")
        first.sock.shutdown(socket.SHUT_RDWR)  # it breaks
        check(wait_for(lambda: g.metric('sessions{state="lost"}') == 1), "a socket that breaks: the session is kept")
        with Caller(g, resume=token) as second:
            check(second.hello["resumed"] is True and second.hello["sessionId"] == ident, "its token opens it again")
            check(second.message("backend", state="ready") and second.message("ready"), "told the assistant's state, ready")
            check(second.message("tts", state="stop") and len(second.sound) > 20, "the answer goes on to its end")
            with Caller(g, resume=token) as third:
                check(third.hello["resumed"] is True, "resumed once more while the old socket still stands")
                check(second.ended.wait(PATIENCE) and second.code == 4001, "which is closed with 4001")
                second.close()
                third.say(type="ping", t=1)
                check(third.message("pong", t=1), "and does not disturb the new one")
                with Peer(g, resume=token) as peer:
                    check(peer.answer["resumed"] is True and peer.message("ready"), "a peer connection takes it over")
                    check(third.ended.wait(PATIENCE) and third.code == 4001, "the socket is closed")
                    peer.text("speak 8 2")
                    check(peer.message("stt", text="speak 8 2") and len(mock.links) == 1, "one conversation all the time")
                    with Caller(g, resume=token) as fourth:
                        check(fourth.hello["resumed"] is True and fourth.message("ready"), "and a socket that connection's")
                    spoken = [json.loads(line[5:]) for line in peer.seen if '"speak 8 2"' in line][0]["n"]
                    with Caller(g, resume=token, heard=spoken - 1) as fifth:
                        check(fifth.message("stt", n=spoken, text="speak 8 2"), "one that has not heard it is told it again")
        with Caller(g, resume="0" * 64) as c:
            check(c.hello["resumed"] is False, "an unknown token is a new session")
            c.close(4000)
        check(wait_for(lambda: g.metric('session_total{result="ok",reason="hangup"}') >= 1), "closed with 4000: hung up")


def test_socket_beside_a_connection():
    """A socket carries the call of a connection that its page does not trust just now, and gives it back."""
    mock = MockAssistant()
    with Gateway("--admin-token", "a", backend=mock.url) as g, Peer(g) as peer:
        ready = peer.message("ready")
        token, row = ready["resume"], lambda: json.loads(g.request("GET", peer.answer["location"],
                                                                  headers={"Authorization": "Bearer a"})[1])
        peer.text("speak 7 100 0.06")
        last = peer.message("tts", state="sentence_start")["n"]
        check(wait_for(lambda: peer.heard(7) > 20), "an answer is being heard")
        with Caller(g, resume=token, beside=True, heard=last) as c:
            check(c.hello["resumed"] is True and c.hello["sessionId"] == ready["sessionId"], "a socket comes beside")
            check(wait_for(lambda: len(c.sound) > 20), "the answer goes on over it")
            before = peer.heard(7)
            time.sleep(0.3)
            check(peer.heard(7) - before <= 1, "and over the connection no more")
            check(row()["transport"] == "websocket" and row()["state"] == "connected", "the admin sees it")
            peer.say(type="ping", t=1)
            check(peer.message("pong", t=1), "the connection can still be asked whether it is there")
            peer.say(type="abort")  # said before the socket was there, for all one knows
            peer.say(type="listen", state="start", mode="manual")
            n = len(c.sound)
            check(wait_for(lambda: len(c.sound) > n + 20) and energy([piece for _, piece in c.sound[-10:]]) > 0,
                  "what comes late over it silences nothing")
            c.say(type="ping", t=2)
            check(c.message("pong", t=2), "what is said over the socket is answered there")
            n = len(c.sound)
            before = peer.heard(7)
            peer.say(type="heard", n=last, held=100)
            check(c.ended.wait(PATIENCE) and c.code == 1000, "the page is back on the connection: the socket closes with 1000")
            stop = peer.message("tts", state="stop")
            check(stop and stop["n"] == last + 1, "the answer goes on there, to its end")
            heard = peer.heard(7) + len(c.sound)
            check(100 * 3 - 3 <= heard <= 100 * 3 + 60, f"all of it was heard, and little twice ({heard} of 300 pieces)")
        peer.text("speak 8 3")
        check(peer.message("stt", text="speak 8 3") and peer.message("tts", state="stop"), "the conversation goes on")
        check(len(mock.links) == 1 and g.metric('reconnects_total{kind="bridge"}') == 1, "one session, counted")
        with Caller(g, resume=token, beside=True, heard=1000) as c:
            check(c.hello["resumed"] is True, "once more")
            peer.say(type="abort")
        peer.say(type="ping", t=3)
        check(peer.message("pong", t=3) and wait_for(lambda: row()["transport"] == "udp"),
              "a socket that breaks: the connection goes on")
        peer.say(type="heard", n=1000)
        peer.text("speak 9 3")
        check(peer.message("stt", text="speak 9 3"), "with whatever is said over it")
        with Caller(g, hello=False) as c:
            c.say(type="hello", resume="0" * 64, beside=True)
            error = c.message("error")
            check(error and error["status"] == 404 and c.ended.wait(PATIENCE) and c.code == 1013, "beside nothing: 404")


def test_socket_gives_way_to_a_connection():
    """WebRTC that found a path at last, in the middle of a call by WebSocket."""
    mock = MockAssistant()
    with Gateway("--connect-seconds", "2", backend=mock.url) as g, Caller(g) as c:
        c.message("ready")
        token = c.hello["resume"]
        c.text("speak 7 100 0.06")
        last = c.message("tts", state="sentence_start")["n"]
        with Peer(g, resume=token, beside=True, post=False) as lost:
            body = json.dumps({"type": "offer", "sdp": lost.offer, "resume": token, "beside": True})
            status, data, _ = g.request("POST", "/api/offer", body, {"Content-Type": "application/json"})
            check(status == 200 and json.loads(data)["resumed"] is True, "an offer beside it is answered")
            time.sleep(2.5)
            n = len(c.sound)
            check(wait_for(lambda: len(c.sound) > n + 5) and not c.ended.is_set(), "one that never connects disturbs nobody")
        with Peer(g, resume=token, beside=True, heard=last) as peer:
            check(peer.answer["resumed"] is True, "another one")
            peer.say(type="ping", t=1)
            check(peer.message("pong", t=1), "which connects")
            n = len(c.sound)
            check(wait_for(lambda: len(c.sound) > n + 5) and peer.heard(7) == 0, "and carries nothing yet")
            peer.say(type="heard", n=last, held=80)
            check(peer.message("ready"), "until its page says so")
            check(c.ended.wait(PATIENCE) and c.code == 1000, "the socket closes")
            stop = peer.message("tts", state="stop")
            check(stop and stop["n"] == last + 1 and peer.heard(7) > 20, "the answer goes on to its end")
            check(len(mock.links) == 1, "one session")


def test_socket_limits():
    with Gateway("--max-sessions", "2", "--workers", "1", backend=MockAssistant().url) as g:
        callers = [Caller(g) for _ in range(2)]
        check(all(c.hello.get("sessionId") for c in callers), "two callers")
        with Caller(g, hello=False) as c:
            c.say(type="hello")
            error = c.message("error")
            check(error and error["code"] == "full" and error["status"] == 503 and error["retryAfter"] == 5,
                  "one too many: told why, and when to try again")
            check(c.ended.wait(PATIENCE) and c.code == 1013, "and closed with 1013")
        with Caller(g, hello=False) as c:
            c.say(type="listen", state="start")
            check(c.message("error", code="bad_json") and c.ended.wait(PATIENCE), "no hello: refused")
        with Caller(g, hello=False) as c:
            c.send(os.urandom(100), 2)
            check(c.message("error", code="bad_json") and c.ended.wait(PATIENCE), "binary for a hello: refused")
        c = callers[0]
        c.send(b"x" * 65537, 1)
        check(c.ended.wait(PATIENCE) and c.code == 1009, "more than 64 KiB: closed with 1009")
        c = callers[1]
        began = time.monotonic()
        for _ in range(1000):
            c.send(bytes(PIECE), 2)
        c.say(type="ping", t=1)
        check(c.message("pong", t=1), "20 s of sound at once: the connection stands")
        dropped = g.metric('socket_sound_dropped_total{direction="up"}')
        most = (3 + time.monotonic() - began) / 0.016 + 2  # pieces that may have been spoken by a clock that runs fast
        check(1000 - most <= dropped < 1000 and dropped, f"what cannot have been spoken is thrown away, counted ({dropped:.0f})")
        for c in callers:
            c.close()
    with Gateway(backend="echo") as g:
        silent = Caller(g, hello=False)
        check(silent.ended.wait(20), "who says nothing is sent away")
        with Caller(g) as c:
            tone = array.array("h", [int(9000 * math.sin(i / 5)) for i in range(16000)]).tobytes()
            c.play(tone)
            check(wait_for(lambda: len(c.sound) >= 45) and energy([p for _, p in c.sound[5:40]]) > 3000,
                  "an echo session: the tone comes back")


def test_socket_that_does_not_read():
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g, Peer(g) as p:
        raw = Caller.__new__(Caller)
        raw.sock = socket.socket()
        raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sock.connect(("127.0.0.1", g.port))
        head = "".join(f"{k}: {v}\r\n" for k, v in {"Host": f"127.0.0.1:{g.port}", **WS}.items())
        raw.sock.sendall(f"GET /api/socket HTTP/1.1\r\n{head}\r\n".encode())
        raw.sock.recv(4096)
        raw.say(type="hello")
        check(wait_for(lambda: len(mock.links) >= 1), "a caller who reads nothing")
        raw.text("speak 7 200")
        check(wait_for(lambda: g.metric('socket_sound_dropped_total{direction="down"}') > 50),
              "sound it does not take is thrown away, counted")
        p.message("ready")
        p.say(type="ping", t=1)
        check(p.message("pong", t=1) and g.alive(), "and hurts nobody else")
        raw.sock.close()


def test_socket_drain():
    with Gateway("--drain-seconds", "3", backend=MockAssistant().url) as g, Caller(g) as c:
        c.message("ready")
        token = c.hello["resume"]
        g.process.send_signal(signal.SIGTERM)
        check(c.message("server-draining"), "draining is told")
        with Caller(g, hello=False) as late:
            late.say(type="hello")
            check(late.message("error", code="draining", status=503), "a new caller is sent away")
        with Caller(g, resume=token) as again:
            check(again.hello.get("resumed") is True and again.message("server-draining"), "a known one may come back")
            check(again.ended.wait(PATIENCE), "until the deadline")
        check(g.process.wait(PATIENCE) == 0, "exit code 0")
