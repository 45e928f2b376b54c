"""The gateway as a device over MQTT and UDP: the conversation, which of two transports is taken, and faults: a broker that
is gone, silent, refuses; datagrams that are lost, repeated, late, forged; another key."""
import os
import socket
import struct
import tempfile
import time

from harness import Gateway, Peer, check, wait_for
from mock_assistant import MockAssistant
from mock_broker import MockBroker, ctr, round_keys
from xiaozhi import MAC, certificate


class Device:
    """A broker named by OTA alone, a gateway, and one caller."""

    def __init__(self, *options, broker=None, ota=None, **more):
        self.broker = broker or MockBroker()
        self.mock = MockAssistant()
        self.mock.ota = [(200, ota(self.mock, self.broker) if ota else self.broker.where(**more))]
        folder = tempfile.mkdtemp(prefix="xz-")
        self.gateway = Gateway("--identity", os.path.join(folder, "identity"), *options, backend=self.mock.ota_url)
        self.peer = Peer(self.gateway, macAddress=MAC)

    def __enter__(self):
        return self.broker, self.gateway, self.peer

    def __exit__(self, *_):
        self.peer.__exit__()
        self.gateway.__exit__()
        self.mock.stop()
        self.broker.stop()


def hears(peer, ident, frames):
    """Words and sound take different ways: on a busy machine the last packets come behind the message that ends them."""
    return wait_for(lambda: peer.heard(ident) >= frames) and peer.heard(ident) == frames


def dropped(g, reason):
    return g.metric(f'speech_datagrams_dropped_total{{reason="{reason}"}}')


def test_mqtt_cipher():
    """The scripted server's own AES, by SP 800-38A F.5.1."""
    key, counter = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    check(ctr(round_keys(key), counter, plain).hex() ==
          "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff", "the vector of the standard")


def test_mqtt_conversation():
    with Device() as (broker, g, p):
        check(p.message("ready"), "OTA offers MQTT alone: ready")
        client = broker.clients[0]
        check(client.protocol == ("MQTT", 4) and client.id == "GID_test@@@02_00_00_00_00_07@@@u" and client.flags & 2,
              "MQTT 3.1.1, as OTA named us, a clean session")
        check(client.username == "eyJpcCI6IjEyNy4wLjAuMSJ9" and client.password == "s3cret", "with its credentials")
        check(client.texts[0]["type"] == "hello" and client.texts[0]["version"] == 3 and
              client.texts[0]["transport"] == "udp" and client.topics[0] == ("device-server", 0), "hello 3 over udp, QoS 0")
        check(not client.subscribed, "nothing is subscribed where the topic is \"null\"")
        check(wait_for(lambda: client.peer), "a datagram of silence says where we are, before anything is said")
        p.text("speak 7 4")
        check(p.message("tts", state="stop") and hears(p, 7, 12), "typed text: the answer is heard")
        p.say(type="listen", state="start", mode="manual")
        p.do("opus f80102")
        check(wait_for(lambda: len(client.speech) >= 10), "speech goes out")
        p.say(type="push-to-talk", state="stop")
        check(wait_for(lambda: any(t.get("state") == "stop" for t in client.texts)), "listen stop")
        numbers = [sequence for sequence, _, _ in client.speech]
        check(numbers == list(range(1, len(numbers) + 1)), "numbered from 1")
        check(len({timestamp for _, timestamp, _ in client.speech}) == len(numbers), "no timestamp twice under one key")
        said = [opus for _, _, opus in client.speech if opus and opus[2:] == b"\x01\x02" * 3]
        check(len(said) >= 8, "and decrypts to what was said")
        p.text('tool {"name":"set_volume","arguments":{"volume":30}}')
        tool = p.message("tool", text="set_volume")
        p.say(type="tool_result", id=tool["id"], ok=True, value=True)
        check(wait_for(lambda: any(t["type"] == "mcp" and t["payload"].get("id") == 7 for t in client.texts)), "tools work")
        check("s3cret" not in "".join(g.log) and client.key.hex() not in "".join(g.log), "no secret in the log")
        session = p.answer["location"]
        g.request("DELETE", session)
        check(client.ended.wait(10) and client.said_disconnect and
              {"type": "goodbye", "session_id": client.session} in client.texts, "hanging up: goodbye, then DISCONNECT")


def test_mqtt_barge_in():
    with Device() as (broker, _, p):
        p.message("ready")
        p.text("speak 3 60 0.03")
        p.until(lambda line: line.startswith("audio") and " f803" in line)
        p.say(type="abort")
        p.message("tts", state="stop")
        client = broker.clients[0]
        check(wait_for(lambda: any(t["type"] == "abort" for t in client.texts)), "an abort reaches the server")
        heard = p.heard(3)
        client.throw(client.sealed(client.opus(3, 200)))  # on its way already
        p.text("speak 4 3")
        check(p.message("tts", state="start") and p.message("tts", state="stop") and hears(p, 4, 9) and
              p.heard(3) <= heard + 1, "what comes late of the aborted answer is not heard")


def test_mqtt_or_websocket():
    def both(mock, broker):
        return {**mock.where("t"), **broker.where()}
    with Device(ota=both) as (broker, _, p):
        check(p.message("ready") and not broker.clients, "both are offered: the WebSocket is taken")

    def neither(mock, broker):
        return {"mqtt": {"endpoint": "127.0.0.1:1"}}
    with Device(ota=neither) as (_, _, p):
        lost = p.message("backend", state="lost")
        check(lost and "MQTT" in lost["reason"], "MQTT without a client id: the page is told")


def test_mqtt_topic_and_names():
    broker = MockBroker(udp_name="localhost")
    broker.needs_subscription = True
    with Device(broker=broker, subscribe_topic="devices/p2p/02_00_00_00_00_07") as (broker, _, p):
        check(p.message("ready") and broker.clients[0].subscribed == ["devices/p2p/02_00_00_00_00_07"],
              "an ordinary broker: the topic is subscribed before hello")
        check(wait_for(lambda: broker.clients[0].peer), "the UDP server by its name: found, and the first datagram kept")
        p.text("speak 5 3")
        check(p.message("tts", state="stop") and hears(p, 5, 9), "and the answer is heard")


def test_mqtt_names_that_nobody_has():
    with Device(endpoint="nowhere.invalid:1883") as (_, g, p):
        lost = p.message("backend", state="lost")
        check(lost and "no MQTT broker answers" in lost["reason"], "a broker's name that nobody has: the page is told")
    with Device(publish_topic="device/#") as (_, _, p):
        lost = p.message("backend", state="lost")
        check(lost and "settings" in lost["reason"], "a topic that cannot be published to: said so")
    with Device(broker=MockBroker(udp_name="nowhere.invalid")) as (_, g, p):
        lost = p.message("backend", state="lost")
        check(lost and "UDP" in lost["reason"] and g.alive(), "the same of its UDP server")


def test_mqtt_datagrams_astray():
    with Device() as (broker, g, p):
        p.message("ready")
        client = broker.clients[0]
        wait_for(lambda: client.peer)
        client.say(type="tts", state="start")
        first = client.sealed(client.opus(20))
        client.throw(first)
        check(wait_for(lambda: g.metric('speech_packets_total{direction="down"}') == 1), "one packet")
        client.throw(first)
        check(wait_for(lambda: dropped(g, "old") == 1), "repeated: once")
        late, next_one = client.sealed(client.opus(21)), client.sealed(client.opus(22))
        client.throw(next_one)
        client.throw(late)
        check(wait_for(lambda: dropped(g, "old") == 2 and g.metric("speech_datagrams_lost_total") == 1),
              "overtaken: dropped, and counted as lost")
        forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.throw(client.sealed(client.opus(23), 4), forger)
        client.throw(b"\x01\0" + struct.pack(">H", 8) + os.urandom(4) + bytes(8) + b"x" * 8)
        check(wait_for(lambda: dropped(g, "foreign") == 1), "another connection's number: dropped")
        client.throw(b"\x01\0\0\x63" + client.connection + bytes(20))
        client.throw(b"\x02")
        check(wait_for(lambda: dropped(g, "malformed") == 2), "wrong sizes, wrong types: dropped")
        client.throw(client.sealed(client.opus(24), 2 ** 31))
        check(wait_for(lambda: dropped(g, "jump") == 1), "a number far ahead: not believed")
        client.throw(client.sealed(b"\xff\xc0xxxx", 5))
        check(wait_for(lambda: dropped(g, "not_opus") == 1), "no Opus in it: dropped")
        for i in range(3):
            client.throw(client.sealed(client.opus(25, i)))
        time.sleep(0.05)
        client.say(type="tts", state="stop")
        p.message("tts", state="stop")
        hears(p, 25, 9)
        check([p.heard(i) for i in (20, 21, 22, 23, 24, 25)] == [3, 0, 3, 0, 0, 9], "what is real is heard, the rest is not")
        check(g.metric('speech_packets_total{direction="down"}') == 5, "another address is not even counted")


def test_mqtt_two_people():
    with Device() as (broker, g, p), Peer(g, macAddress="02:00:00:00:00:08") as q:
        check(p.message("ready") and q.message("ready") and wait_for(lambda: all(c.peer for c in broker.clients)),
              "two callers, two connections")
        one, other = broker.clients
        check(one.peer != other.peer, "each with a socket of its own")
        p.text("speak 50 3")
        check(p.message("tts", state="stop") and hears(p, 50, 9), "an answer is heard by the one it is for")
        speaker, listener = (one, other) if any(t.get("state") == "detect" for t in one.texts) else (other, one)
        speaker.say(type="tts", state="start")
        listener.say(type="tts", state="start")
        before = dropped(g, "foreign")
        listener.throw(speaker.sealed(speaker.opus(51)))
        check(wait_for(lambda: dropped(g, "foreign") == before + 1), "the sound of one, sent to the other: dropped")
        check(q.heard(50) == q.heard(51) == 0, "the other hears nothing of it")


def test_mqtt_another_key():
    with Device() as (broker, _, p):
        p.message("ready")
        client = broker.clients[0]
        p.text("speak 30 3")
        p.message("tts", state="stop")
        old, before = client.session, client.sealed(client.opus(31))
        client.hello()
        check(wait_for(lambda: client.peer), "another hello: we show where we are under its key")
        client.goodbye(old)
        client.say(type="tts", state="start")
        client.throw(before)
        for i in range(2):
            client.throw(client.sealed(client.opus(32, i)))
        time.sleep(0.05)
        client.say(type="tts", state="stop")
        p.message("tts", state="stop")
        check(hears(p, 32, 6) and hears(p, 31, 0), "the new key is used, the old one is not, both count anew")
        check(not client.ended.is_set(), "a late goodbye to the last session ends nothing")


def said(client, kind):
    return [t for t in client.texts if t["type"] == kind]


def test_mqtt_goodbye():
    with Device(keepalive=5) as (broker, g, p):
        p.message("ready")
        client = broker.clients[0]
        first = client.session
        client.goodbye()
        end = p.message("websocket", state="close")
        check(end and end["reason"] == "the assistant ended the conversation" and not any('"lost"' in line for line in p.seen),
              "the server's goodbye ends the conversation, it is no fault")
        client.say(type="mcp", payload={"jsonrpc": "2.0", "id": 11, "method": "tools/call",
                                        "params": {"name": "set_volume", "arguments": {"volume": 30}}})
        tool = p.message("tool", text="set_volume")
        p.say(type="tool_result", id=tool["id"], ok=True, value=True)
        check(wait_for(lambda: any(t["payload"].get("id") == 11 for t in said(client, "mcp"))),
              "between conversations tools work")
        before = client.pings
        check(wait_for(lambda: client.pings > before), "the connection is kept, by pings")
        check(len(broker.clients) == 1 and not client.ended.is_set() and not said(client, "goodbye"),
              "it is neither closed nor answered, and no other one is made")
        p.text("speak 6 2")
        check(p.message("tts", state="stop") and hears(p, 6, 6), "the next word is answered")
        check(len(broker.clients) == 1 and len(said(client, "hello")) == 2 and client.session != first,
              "over the same connection, by another hello, under another key")
        client.goodbye()
        p.message("websocket", state="close")
        g.request("DELETE", p.answer["location"])
        check(client.ended.wait(10) and client.said_disconnect and not said(client, "goodbye"),
              "hanging up then: DISCONNECT, and no goodbye to nobody")


def test_mqtt_comes_back_between_conversations():
    with Device() as (broker, g, p):
        p.message("ready")
        broker.clients[0].goodbye()
        p.message("websocket", state="close")
        mark = len(p.seen)
        broker.stop()
        again = MockBroker(port=broker.port)
        check(wait_for(lambda: again.clients, 20), "a broker that was restarted meanwhile: connected again, by itself")
        time.sleep(0.5)
        client = again.clients[0]
        check(not client.texts and not any('"backend"' in line for line in p.seen[mark:]),
              "nothing is said, and the page is not told of what it does not use")
        p.text("speak 8 2")
        check(p.message("tts", state="stop") and hears(p, 8, 6) and len(again.clients) == 1, "the next word goes over it")
        client.goodbye()
        p.message("websocket", state="close")
        again.stop()
        p.text("speak 9 2")
        check(p.message("backend", state="lost"), "gone when there is something to say: the page is told")
        third = MockBroker(port=broker.port)
        check(p.message("tts", patience=40, state="stop") and hears(p, 9, 6) and g.alive(), "and it is said when it is back")
        third.stop()


def test_mqtt_broker_gone():
    with Device() as (broker, g, p):
        p.message("ready")
        p.text("speak 40 50 0.03")
        p.until(lambda line: line.startswith("audio") and " f828" in line)
        broker.stop()
        lost = p.message("backend", state="lost")
        check(lost and "broker closed" in lost["reason"], "a broker that goes in mid-answer: the page is told")
        check(p.message("backend", state="retrying") and p.message("tts", state="stop"), "and the answer ends")
        p.say(type="ping", t=1)
        check(p.message("pong", t=1), "the call goes on")
        lost = p.message("backend", state="lost")
        check(lost and "no MQTT broker answers" in lost["reason"], "nobody there: said so")
        again = MockBroker(port=broker.port)
        check(p.message("backend", state="ready"), "back: ready by itself")
        p.text("speak 41 2")
        check(p.message("tts", state="stop") and hears(p, 41, 6), "under another key")
        check(g.alive(), "alive")
        again.stop()


def test_mqtt_refused():
    def prepare(mock, broker):
        broker.refusals = [5]
        return broker.where()
    with Device(ota=prepare) as (broker, g, p):
        lost = p.message("backend", state="lost")
        check(lost and "password" in lost["reason"], "credentials that are refused: the page is told")
        check(p.message("ready") and len(broker.clients) == 2, "OTA is asked anew, once, at once")
        check(g.metric('backend_connects_total{result="failed"}') == 1, "counted")


def test_mqtt_no_sound_arrives():
    with Device() as (broker, _, p):
        p.message("ready")
        for _ in range(2):
            broker.clients[0].say(type="tts", state="start")
            broker.clients[0].say(type="tts", state="stop")
        told = p.message("error", code="backend")
        check(told and "UDP" in told["message"], "answers without a sound: the page is told what is in the way")


def test_mqtt_silence_is_noticed():
    """Ten seconds each, side by side: a broker that accepts and says nothing, and one that falls silent."""
    silent = MockBroker()
    silent.mute = True
    with Device(broker=silent) as (_, _, p), Device(keepalive=5) as (broker, _, q):
        q.message("ready")
        client = broker.clients[0]
        check(wait_for(lambda: client.pings), "pinged as often as OTA says")
        broker.mute = True
        lost = p.message("backend", state="lost")
        check(lost and "no MQTT broker answers" in lost["reason"], "no answer to CONNECT for 10 s: given up")
        check(q.message("backend", state="lost"), "no answer to a ping: given up")


def memory_kb(g):
    """The most that the gateway ever had."""
    with open(f"/proc/{g.process.pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])


def test_mqtt_a_message_without_end():
    """MQTT allows 256 MB. What is over our 64 KiB is not collected."""
    with Device() as (broker, g, p):
        p.message("ready")
        client, sent, piece = broker.clients[0], 0, b" " * 65536
        client.say(type="stt", text="x" * 60000)
        check(p.message("stt"), "a message of 60 kB is taken")
        before = memory_kb(g)
        try:
            with client.lock:
                client.sock.sendall(b"\x30\xff\xff\xff\x7f\0\1t")
                for _ in range(3000):
                    client.sock.sendall(piece)
                    sent += len(piece)
                    time.sleep(0.002)  # as on a network of 250 Mbit/s
        except OSError:
            pass
        lost = p.message("backend", state="lost")
        check(lost and "more than can be taken" in lost["reason"], "one of 256 MB: the page is told")
        check(sent < 64 << 20 and memory_kb(g) - before < 65536,
              f"it is cut off: {sent >> 10} KiB were sent, {memory_kb(g) - before} KiB taken")
        check(p.message("backend", patience=40, state="ready") and wait_for(lambda: broker.clients[-1].peer),
              "and the broker is tried again")
        p.text("speak 7 4")
        check(p.message("tts", state="stop") and hears(p, 7, 12), "which answers")


def test_mqtt_tls():
    folder = tempfile.mkdtemp(prefix="xz-")
    cert, tls = certificate(folder)
    with Device("--backend-ca", cert, broker=MockBroker(tls=tls)) as (broker, _, p):
        check(p.message("ready"), "TLS with a certificate that is trusted: ready")
        p.text("speak 4 2")
        check(p.message("tts", state="stop") and hears(p, 4, 6), "and speech comes through")
    with Device(broker=MockBroker(tls=tls)) as (broker, _, p):
        check(p.message("backend", state="lost") and not broker.clients and wait_for(lambda: broker.refused_us),
              "one that is not trusted: refused, by us")
    elsewhere = MockBroker(tls=tls)
    with Device("--backend-ca", cert, broker=elsewhere, endpoint=f"mqtts://localhost:{elsewhere.port}") as (broker, _, p):
        check(p.message("backend", state="lost") and not broker.clients and wait_for(lambda: broker.refused_us),
              "one of another name: refused, by us")
