"""An MQTT broker that is a XiaoZhi server at once, with its UDP socket, for tests/system/mqtt.py: one thread per device,
scripted by the typed text, and by what a test does to it. AES of its own, so that both sides cannot share a mistake."""
import json
import os
import socket
import struct
import threading
import time

from mock_assistant import close_listener

# ---- AES-128 in counter mode (FIPS 197, SP 800-38A 6.5) ----

def times_two(a):
    return (a << 1 ^ 0x1B) & 0xFF if a & 0x80 else a << 1


def product(a, b):
    total = 0
    while b:
        total ^= a if b & 1 else 0
        a, b = times_two(a), b >> 1
    return total


def make_sbox():
    box = []
    for a in range(256):
        inverse = next((b for b in range(256) if product(a, b) == 1), 0)
        rotated = [(inverse << n | inverse >> (8 - n)) & 0xFF for n in range(5)]
        box.append(0x63 ^ rotated[0] ^ rotated[1] ^ rotated[2] ^ rotated[3] ^ rotated[4])
    return box


SBOX = make_sbox()


def round_keys(key):
    words, factor = [list(key[i:i + 4]) for i in range(0, 16, 4)], 1
    for i in range(4, 44):
        word = words[-1]
        if i % 4 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= factor
            factor = times_two(factor)
        words.append([a ^ b for a, b in zip(words[i - 4], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 44, 4)]


def encrypt_block(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for n in range(1, 11):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if n < 10:
            mixed = []
            for i in range(0, 16, 4):
                a, b, c, d = state[i:i + 4]
                mixed += [times_two(x) ^ times_two(y) ^ y ^ z ^ w for x, y, z, w in
                          ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c))]
            state = mixed
        state = [a ^ b for a, b in zip(state, keys[n])]
    return bytes(state)


def ctr(keys, counter, data):
    out, at = b"", int.from_bytes(counter, "big")
    for i in range(0, len(data), 16):
        stream = encrypt_block(keys, ((at + i // 16) % 2 ** 128).to_bytes(16, "big"))
        out += bytes(a ^ b for a, b in zip(data[i:i + 16], stream))
    return out


# ---- MQTT 3.1.1, as much of it as devices use ----

def packet(kind, body):
    n, size = len(body), b""
    while True:
        n, low = n >> 7, n & 127
        size += bytes([low | 128 if n else low])
        if not n:
            return bytes([kind]) + size + body


def text(data, at):
    n = struct.unpack(">H", data[at:at + 2])[0]
    return data[at + 2:at + 2 + n].decode(), at + 2 + n


class Client:
    """One device's connection."""

    def __init__(self, broker, sock):
        self.broker, self.sock, self.lock = broker, sock, threading.Lock()
        self.texts, self.topics, self.subscribed, self.speech = [], [], [], []
        self.pings, self.said_disconnect, self.peer, self.sequence = 0, False, None, 0
        self.aborted, self.ended = threading.Event(), threading.Event()

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def packets(self):
        while True:
            kind, n, shift = self.read(1)[0], 0, 0
            while True:
                low = self.read(1)[0]
                n, shift = n | (low & 127) << shift, shift + 7
                if not low & 128:
                    break
            yield kind, self.read(n)

    def send(self, kind, body):
        with self.lock:
            self.sock.sendall(packet(kind, body))

    def publish(self, payload):
        topic = self.subscribed[0] if self.subscribed else "devices/p2p/x"
        payload = payload.encode() if isinstance(payload, str) else payload
        if self.broker.needs_subscription and not self.subscribed:
            return
        self.send(0x30, struct.pack(">H", len(topic)) + topic.encode() + payload)

    def say(self, **message):
        self.publish(json.dumps({**message, "session_id": self.session}))

    def on_connect(self, body):
        name, at = text(body, 0)
        level, self.flags, self.keep_alive = body[at], body[at + 1], struct.unpack(">H", body[at + 2:at + 4])[0]
        self.id, at = text(body, at + 4)
        self.username, at = text(body, at) if self.flags & 0x80 else ("", at)
        self.password = text(body, at)[0] if self.flags & 0x40 else ""
        self.protocol = (name, level)
        code = self.broker.refusals.pop(0) if self.broker.refusals else 0
        if not self.broker.mute:
            self.send(0x20, bytes([0, code]))

    def run(self):
        try:
            for kind, body in self.packets():
                if kind >> 4 == 1:
                    self.on_connect(body)
                    self.broker.clients.append(self)
                elif kind >> 4 == 3:
                    topic, at = text(body, 0)
                    self.topics.append((topic, kind >> 1 & 3))
                    self.on_text(json.loads(body[at:]))
                elif kind >> 4 == 8:
                    self.subscribed.append(text(body, 2)[0])
                    self.send(0x90, body[:2] + b"\0")
                elif kind >> 4 == 12:
                    self.pings += 1
                    if not self.broker.mute:
                        self.send(0xD0, b"")
                elif kind >> 4 == 14:
                    self.said_disconnect = True
        except OSError:
            pass
        finally:
            self.ended.set()
            self.sock.close()

    # ---- the server behind the broker ----

    def hello(self):
        """Another session: key, number and both sequences are new."""
        self.session, self.connection = os.urandom(4).hex(), os.urandom(4)
        self.key, self.sequence, self.peer = os.urandom(16), 0, None
        self.keys = round_keys(self.key)
        self.broker.by_connection[self.connection] = self
        nonce = b"\x01\0\0\0" + self.connection + bytes(8)
        self.say(type="hello", version=3, transport="udp",
                 audio_params={"format": "opus", "sample_rate": 24000, "channels": 1, "frame_duration": 60},
                 udp={"server": self.broker.udp_name, "port": self.broker.udp_port, "encryption": "aes-128-ctr",
                      "key": self.key.hex(), "nonce": nonce.hex()})

    def on_text(self, message):
        self.texts.append(message)
        if message["type"] == "hello" and not self.broker.deaf:
            self.hello()
        elif message["type"] == "abort":
            self.aborted.set()
        elif message.get("state") == "detect":
            threading.Thread(target=self.obey, args=(message["text"],), daemon=True).start()

    def on_datagram(self, data, address):
        self.peer = address
        _, _, n, _, timestamp, sequence = struct.unpack(">BBHIII", data[:16])
        opus = ctr(self.keys, data[:16], data[16:])
        self.speech.append((sequence, timestamp, opus if n == len(opus) else None))

    def sealed(self, opus, sequence=None):
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        header = struct.pack(">BBH4sII", 1, 0, len(opus), self.connection, 60 * sequence % 2 ** 32, sequence % 2 ** 32)
        return header + ctr(self.keys, header, opus)

    def throw(self, datagram, sock=None):
        if self.peer:
            (sock or self.broker.udp).sendto(datagram, self.peer)

    @staticmethod
    def opus(ident, i=0):
        return b"\xfb\x03" + bytes([ident, i % 256]) * 3

    def speak(self, ident, packets, pause=0.0):
        self.aborted.clear()
        self.say(type="tts", state="start")
        self.say(type="tts", state="sentence_start", text=f"sentence {ident}")
        for _ in range(400):  # the datagram that says where the device is was sent first, and took another way
            if not self.peer:
                time.sleep(0.005)
        for i in range(packets):
            if self.aborted.is_set():
                break
            self.throw(self.sealed(self.opus(ident, i)))
            time.sleep(pause)
        time.sleep(0.05)  # servers wait with it until the last packet was played
        self.say(type="tts", state="stop")

    def obey(self, words):
        try:
            word, _, rest = words.partition(" ")
            if word == "speak":  # speak IDENT PACKETS [PAUSE]
                ident, packets, *pause = rest.split()
                self.say(type="stt", text=words)
                self.speak(int(ident), int(packets), float(pause[0]) if pause else 0.0)
            elif word == "tool":
                self.say(type="mcp", payload={"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                                              "params": json.loads(rest)})
        except OSError:
            pass

    def goodbye(self, session=None):
        self.publish(json.dumps({"type": "goodbye", "session_id": session or self.session}))


class MockBroker:
    def __init__(self, port=0, tls=None, udp_name="127.0.0.1"):
        self.clients, self.socks, self.by_connection = [], [], {}
        self.refusals = []  # codes of answers to come
        self.mute = self.deaf = self.needs_subscription = False  # no word of MQTT; no hello
        self.refused_us = 0
        self.tls, self.udp_name = tls, udp_name
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp_port = self.udp.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        threading.Thread(target=self.hear, daemon=True).start()

    def where(self, mac="02_00_00_00_00_07", **more):
        """The section of OTA that names this broker."""
        return {"mqtt": {"endpoint": f"{'mqtts://' if self.tls else ''}127.0.0.1:{self.port}", "client_id":
                         f"GID_test@@@{mac}@@@u", "username": "eyJpcCI6IjEyNy4wLjAuMSJ9", "password": "s3cret",
                         "publish_topic": "device-server", "subscribe_topic": "null", "keepalive": 240, **more}}

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
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.socks.append(sock)
                threading.Thread(target=Client(self, sock).run, daemon=True).start()
        except OSError:
            pass

    def hear(self):
        try:
            while True:
                data, address = self.udp.recvfrom(2048)
                client = self.by_connection.get(data[4:8])
                if client:
                    client.on_datagram(data, address)
        except OSError:
            pass

    def stop(self):
        close_listener(self.listener)
        for sock in self.socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
