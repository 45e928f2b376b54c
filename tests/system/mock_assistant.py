"""A XiaoZhi server for tests/system/run: one thread per connection, scripted by the typed text; OTA and refusals by lists
that the test fills.

As a program (mock_assistant.py PORT) it is a process that can be stopped and killed, for outages.py. It obeys lines of
its standard input: "hold ota|upgrade|hello|vision" (it says "holds WHERE", and "held WHERE" when somebody waits there), "go"
(they go on), "garble" (they, and all open links, get rubbish), "bye" (links are closed in order). It says "got JSON" of every
message.
"""
import base64
import hashlib
import json
import socket
import struct
import sys
import threading
import time


RUBBISH = bytes((i * 167 + 13) % 256 for i in range(300))


def close_listener(listener):
    try:
        listener.shutdown(socket.SHUT_RDWR)  # wakes accept
    except OSError:
        pass
    listener.close()


class Link:
    """One device's WebSocket."""

    def __init__(self, server, sock):
        self.server, self.sock, self.texts, self.packets, self.pongs = server, sock, [], [], 0
        self.version = 1
        self.aborted = threading.Event()
        self.lock = threading.Lock()

    def handshake(self):
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.sock.recv(4096)
            if not more:
                return False
            head += more
        self.headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
        self.headers = {k.lower(): v for k, v in self.headers.items()}
        path = head.split(b" ")[1].decode()
        where = ("vision" if path.startswith("/vision") else "ota") if head.startswith(b"POST") else "upgrade"
        if not self.server.pass_by(where):
            self.sock.sendall(RUBBISH)
            return False
        if head.startswith(b"POST"):
            if path.startswith("/vision"):
                self.take_photo(head)
            else:
                self.answer_device(path, self.body(head))
            return False
        if self.server.refusals:
            self.sock.sendall(self.server.refusals.pop(0))
            return False
        self.version = int(self.headers.get("protocol-version", 1))
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        return True

    def body(self, head):
        body = head.split(b"\r\n\r\n", 1)[1]
        while len(body) < int(self.headers["content-length"]):
            body += self.sock.recv(65536)
        return body

    def answer_device(self, path, body):
        """OTA and activation: the next of the scripted answers, the last one again and again."""
        self.server.asked.append((path, self.headers, body))
        script = self.server.activate if path.endswith("/activate") else self.server.ota
        if script and script[0] == "reset":
            script.pop(0)
            return
        if script and script[0] == "stall":
            script.pop(0)
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.sock.recv(1)  # until it gives up
            return
        status, answer, *more = script.pop(0) if len(script) > 1 else script[0] if script else (404, "nothing is here")
        data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\nConnection: close\r\n" + "".join(more) + "\r\n"
        self.sock.sendall(head.encode() + data)

    def take_photo(self, head):
        body = self.body(head)
        self.server.photos.append((self.headers, body))
        answer = b'{"success":true,"response":"a cat"}'
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(answer) + answer)

    def send(self, data, opcode=1):
        data = data.encode() if isinstance(data, str) else data
        n = len(data)
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
        with self.lock:
            self.sock.sendall(bytes([0x80 | opcode]) + size + data)

    def say(self, **message):
        self.send(json.dumps({**message, "session_id": "s1"}))

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def frames(self):
        while True:
            first, second = self.read(2)
            n = second & 127
            n = struct.unpack(">H", self.read(2))[0] if n == 126 else struct.unpack(">Q", self.read(8))[0] if n == 127 else n
            mask = self.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.read(n)))
            yield first & 15, data

    def send_frame(self, opus):
        if self.version == 2:
            opus = struct.pack(">HHIII", 2, 0, 0, 0, len(opus)) + opus
        elif self.version == 3:
            opus = struct.pack(">BBH", 0, 0, len(opus)) + opus
        self.send(opus, 2)

    def unframed(self, data):
        """The Opus packet in a binary message, or None: it is not framed as was agreed."""
        if self.version == 2:
            fine = len(data) > 16 and struct.unpack(">HH", data[:4]) == (2, 0) and \
                struct.unpack(">I", data[12:16])[0] == len(data) - 16
            return data[16:] if fine else None
        if self.version == 3:
            return data[4:] if len(data) > 4 and struct.unpack(">BBH", data[:4]) == (0, 0, len(data) - 4) else None
        return data

    def speak(self, ident, packets, pause=0.0):
        """Packets of three 20 ms frames, each frame two bytes: |ident| and the number of its packet."""
        self.aborted.clear()
        self.say(type="tts", state="start")
        self.say(type="tts", state="sentence_start", text=f"sentence {ident}")
        for i in range(packets):
            if self.aborted.is_set():
                break
            frame = bytes([ident, i % 256])
            self.send_frame(b"\xfb\x03" + frame * 3)
            time.sleep(pause)
        self.say(type="tts", state="stop")

    def garble(self):
        """Words and sound that are none, and in the end not even WebSocket."""
        try:
            for i in range(30):
                self.send(f'{{"type":"tts","state":{i}')
                self.send(RUBBISH[i:], 2)
            self.sock.sendall(RUBBISH)
        except OSError:
            pass

    def obey(self, text):
        try:
            self.act(text)
        except OSError:  # the device hung up
            pass

    def act(self, text):
        word, _, rest = text.partition(" ")
        if word == "speak":  # speak IDENT PACKETS [PAUSE]
            ident, packets, *pause = rest.split()
            self.say(type="stt", text=text)
            self.speak(int(ident), int(packets), float(pause[0]) if pause else 0.0)
        elif word == "die":  # in the middle of a sentence
            self.say(type="tts", state="start")
            self.say(type="tts", state="sentence_start", text="never finished")
            for i in range(5):
                self.send_frame(b"\xfb\x03" + bytes([99, i]) * 3)
            self.server.stop()
        elif word == "think":  # understood, and that is all
            self.say(type="stt", text=text)
        elif word == "rubbish":
            for _ in range(40):
                self.send("this is not JSON {")
        elif word == "tool":
            self.say(type="mcp", payload={"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": json.loads(rest)})

    def run(self):
        try:
            if not self.handshake():
                return
            self.server.links.append(self)
            for opcode, data in self.frames():
                if opcode == 8:
                    return
                if opcode == 2:
                    self.packets.append((time.monotonic(), self.unframed(data)))
                elif opcode == 9:
                    self.send(data, 10)
                elif opcode == 10:
                    self.pongs += 1
                elif opcode == 1:
                    self.on_text(json.loads(data))
        except OSError:
            pass
        finally:
            self.sock.close()

    def on_text(self, message):
        self.texts.append(message)
        self.server.note(f"got {json.dumps(message)}")
        if message["type"] == "hello":
            if not self.server.pass_by("hello"):
                self.garble()
            if self.server.before_hello:
                self.send(self.server.before_hello.pop(0))
                self.sock.shutdown(socket.SHUT_RDWR)
                return
            if self.server.deaf_to:
                self.server.deaf_to -= 1
                return
            self.send(json.dumps({"type": "hello", "transport": "websocket", "session_id": "s1", "audio_params":
                                  {"format": "opus", "sample_rate": 24000, "channels": 1, "frame_duration": 60}}))
            vision = {"url": f"http://127.0.0.1:{self.server.port}/vision", "token": "see"}
            self.say(type="mcp", payload={"jsonrpc": "2.0", "id": 1, "method": "initialize",
                                          "params": {"capabilities": {"vision": vision}}})
        elif message["type"] == "abort":
            self.aborted.set()
        elif message.get("state") == "detect":
            threading.Thread(target=self.obey, args=(message["text"],), daemon=True).start()


class MockAssistant:
    def __init__(self, port=0, tls=None):
        self.links, self.photos, self.socks = [], [], []
        self.ota, self.activate, self.asked = [], [], []  # scripted (status, answer); what was asked: (path, headers, body)
        self.refusals = []  # whole HTTP answers for upgrades to come
        self.before_hello = []  # plain texts for hellos to come, each followed by the end
        self.deaf_to = 0  # so many hellos are not heard
        self.tls, self.refused_us = tls, 0
        self.hold, self.gate, self.garbles, self.note = None, threading.Event(), False, lambda text: None
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.url = f"ws:ws://127.0.0.1:{self.port}/xiaozhi/v1/"
        self.ota_url = f"ota:http{'s' if tls else ''}://127.0.0.1:{self.port}/xiaozhi/ota/"
        threading.Thread(target=self.accept, daemon=True).start()

    def where(self, token="", version=1, **more):
        """A reply to OTA that names this server."""
        url = f"ws{'s' if self.tls else ''}://127.0.0.1:{self.port}/xiaozhi/v1/"
        return {"websocket": {"url": url, "token": token, "version": version}, **more}

    def pass_by(self, where):
        """Waits if this is where to wait. False: what is sent next is to be rubbish."""
        if where != self.hold:
            return True
        self.note(f"held {where}")
        self.gate.wait()
        return not self.garbles

    def obey_line(self, line):
        word, _, rest = line.partition(" ")
        if word == "hold":
            self.gate.clear()
            self.hold, self.garbles = rest, False
            self.note(f"holds {rest}")
        elif word in ("go", "garble"):
            self.hold, self.garbles = None, word == "garble"
            self.gate.set()
            for link in list(self.links) if self.garbles else []:
                link.garble()
        elif word == "bye":
            for link in self.links:
                link.send(struct.pack(">H", 1000), 8)

    def accept(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                if self.tls:
                    try:
                        sock = self.tls.wrap_socket(sock, server_side=True)
                    except OSError:
                        self.refused_us += 1
                        continue
                self.socks.append(sock)
                threading.Thread(target=Link(self, sock).run, daemon=True).start()
        except OSError:
            pass

    def stop(self):
        close_listener(self.listener)
        for sock in self.socks:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def main():
    mock = MockAssistant(int(sys.argv[1]))
    mock.ota = [(200, mock.where())]
    lock = threading.Lock()

    def note(text):
        with lock:
            print(text, flush=True)
    mock.note = note
    note(f"port {mock.port}")
    for line in sys.stdin:
        mock.obey_line(line.strip())


if __name__ == "__main__":
    main()
