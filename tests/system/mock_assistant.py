"""A XiaoZhi server of a hundred lines for tests/system/run: one thread per connection, scripted by the typed text."""
import base64
import hashlib
import json
import socket
import struct
import threading
import time


class Link:
    """One device's WebSocket."""

    def __init__(self, server, sock):
        self.server, self.sock, self.texts, self.packets = server, sock, [], []
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
        if head.startswith(b"POST"):
            self.take_photo(head)
            return False
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        return True

    def take_photo(self, head):
        body = head.split(b"\r\n\r\n", 1)[1]
        while len(body) < int(self.headers["content-length"]):
            body += self.sock.recv(65536)
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

    def speak(self, ident, packets, pause=0.0):
        """Packets of three 20 ms frames, each frame two bytes: |ident| and the number of its packet."""
        self.aborted.clear()
        self.say(type="tts", state="start")
        self.say(type="tts", state="sentence_start", text=f"sentence {ident}")
        for i in range(packets):
            if self.aborted.is_set():
                break
            frame = bytes([ident, i % 256])
            self.send(b"\xfb\x03" + frame * 3, 2)
            time.sleep(pause)
        self.say(type="tts", state="stop")

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
                self.send(b"\xfb\x03" + bytes([99, i]) * 3, 2)
            self.server.stop()
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
                    self.packets.append((time.monotonic(), data))
                elif opcode == 1:
                    self.on_text(json.loads(data))
        except OSError:
            pass
        finally:
            self.sock.close()

    def on_text(self, message):
        self.texts.append(message)
        if message["type"] == "hello":
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
    def __init__(self, port=0):
        self.links, self.photos, self.socks = [], [], []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.url = f"ws:ws://127.0.0.1:{self.port}/xiaozhi/v1/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                self.socks.append(sock)
                threading.Thread(target=Link(self, sock).run, daemon=True).start()
        except OSError:
            pass

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        except OSError:
            pass
        self.listener.close()
        for sock in self.socks:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
