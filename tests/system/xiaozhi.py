"""The gateway as a device towards XiaoZhi servers with their habits: OTA, activation, framing, refusals. Numbers are the
rows of the table in docs/interop.md."""
import json
import os
import re
import ssl
import struct
import subprocess
import tempfile
import time
import urllib.request

from callers import Caller, spoken
from harness import BINARY, Gateway, Peer, check, wait_for
from mock_assistant import MockAssistant

MAC = "02:00:00:00:00:07"


class Device:
    """A scripted server with OTA, a gateway in front of it, and one caller."""

    def __init__(self, *options, mac=MAC, folder=None, tls=None, prepare=None):
        self.mock = MockAssistant(tls=tls)
        self.mock.ota = [(200, self.mock.where("t0ken"))]
        if prepare:
            prepare(self.mock)
        self.folder = folder or tempfile.mkdtemp(prefix="xz-")
        self.gateway = Gateway("--identity", os.path.join(self.folder, "identity"), *options, backend=self.mock.ota_url)
        self.peer = Peer(self.gateway, **({"macAddress": mac} if mac else {}))

    def __enter__(self):
        return self.mock, self.gateway, self.peer

    def __exit__(self, *_):
        self.peer.__exit__()
        self.gateway.__exit__()
        self.mock.stop()


def paths(mock):
    return [path for path, _, _ in mock.asked]


def test_ota_pitfalls_4_5_7_9_10_16_22_request_and_handshake():
    with Device() as (mock, g, p):
        check(p.message("ready"), "found by OTA: ready")
        path, headers, body = mock.asked[0]
        body = json.loads(body)
        check(path == "/xiaozhi/ota/" and headers["device-id"] == MAC, "POST to the address as given, with Device-Id")
        check(headers["activation-version"] == "1" and headers["content-type"] == "application/json" and
              headers["accept-language"] and "/" in headers["user-agent"], "all headers of a device")
        check(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", headers["client-id"]),
              "Client-Id is a UUIDv4")
        check(body["mac_address"] == body["board"]["mac"] == MAC and body["uuid"] == headers["client-id"],
              "4: the body names the same device as the header")
        check(re.fullmatch(r"[0-9.]+", body["application"]["version"]), "5: OTA first, with application.version")
        link = mock.links[0]
        check(mock.ota[0][1]["websocket"]["url"].endswith(link.headers["host"] + "/xiaozhi/v1/"), "22: where OTA says")
        check(link.headers["authorization"] == "Bearer t0ken", "the token of OTA is the WebSocket's")
        check(link.headers["connection"] == "Upgrade", "7: Connection is exactly Upgrade")
        check("sec-websocket-extensions" not in link.headers, "7: no extensions are offered")
        check(link.headers["protocol-version"] == "1" and link.texts[0]["version"] == 1, "9: framing 1 unless OTA says else")
        check(link.headers["device-id"] == MAC and link.headers["client-id"] == headers["client-id"], "same identity")
        check(link.texts[0]["audio_params"] == {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60},
              "10, 16: 16 kHz, 60 ms")
        check(not any("t0ken" in line for line in g.log), "no token in the log")


def test_ota_framing():
    for version in (2, 3):
        with Device(prepare=lambda m, v=version: m.ota.__setitem__(0, (200, m.where("", v)))) as (mock, _, p):
            p.message("ready")
            link = mock.links[0]
            check("authorization" not in link.headers, "an empty token is no header")
            check(link.version == version and link.texts[0]["version"] == version, f"framing {version} is announced")
            p.text("speak 7 4")
            p.message("tts", state="stop")
            check(p.heard(7) == 12, f"framing {version}: speech comes through")
            p.say(type="listen", state="start", mode="manual")
            p.do("opus f80102")
            check(wait_for(lambda: len(link.packets) >= 5) and all(d is not None for _, d in link.packets),
                  f"framing {version}: speech goes out framed")


def test_ota_activation_pitfall_1():
    code = {"activation": {"code": "123456", "message": "xiaozhi.me\n123456", "challenge": "c", "timeout_ms": 90000}}

    def prepare(mock):
        mock.ota = [(200, {**mock.where(), **code}), (200, mock.where())]
        mock.activate = [(202, ""), (200, '"success"')]
    with Device(prepare=prepare) as (mock, _, p):
        told = p.message("activation")
        check(told and told["code"] == "123456" and "xiaozhi.me" in told["message"], "the code reaches the page")
        check(told and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told.get("expiresAt", "")), "and how long it holds")
        check(not mock.links, "1: an unbound device does not connect")
        check(p.message("ready"), "activated: ready")
        check(paths(mock) == ["/xiaozhi/ota/", "/xiaozhi/ota/activate", "/xiaozhi/ota/activate", "/xiaozhi/ota/"],
              "202 is asked again, 200 is followed by a check")
        check(mock.asked[1][2] == b"{}" and mock.asked[1][1]["device-id"] == MAC, "activation: an empty object, by the device")
        check(len({headers["client-id"] for _, headers, _ in mock.asked}) == 1, "2: one identity through all of it")


def test_ota_errors_are_told():
    with Device(prepare=lambda m: m.ota.__setitem__(0, (200, {"success": False, "message": "request error."}))) as (m, g, p):
        lost = p.message("backend", state="lost")
        check(lost and lost["reason"] == "request error.", "an error with status 200: its words reach the page")
        retry = p.message("backend", state="retrying")
        check(retry and 1000 < retry["in"] <= 10000 and len(m.asked) == 1, "tried again after 10 s, not at once")
        p.say(type="ping", t=1)
        check(p.message("pong", t=1), "the call goes on")
    with Device(prepare=lambda m: m.ota.__setitem__(0, (200, "<html>"))) as (_, _, p):
        lost = p.message("backend", state="lost")
        check(lost and "JSON" in lost["reason"], "no JSON: said so")


def test_ota_server_fails_in_the_middle():
    """The call goes on, the page is told, and the next answer is taken."""
    def reset(mock):
        mock.ota.insert(0, "reset")

    def stall(mock):
        mock.ota.insert(0, "stall")
    with Device(prepare=reset) as (mock, _, p), Device(prepare=stall) as (_, _, q):
        lost = p.message("backend", state="lost")
        check(lost and "no XiaoZhi server answers" in lost["reason"], "cut off without an answer: said so")
        check(p.message("ready", patience=40) and len(mock.asked) == 2, "asked again after 10 s: ready")
        lost = q.message("backend", state="lost", patience=40)
        check(lost and "answers" in lost["reason"], "half an answer, then nothing: given up")
        q.say(type="ping", t=1)
        check(q.message("pong", t=1), "the call goes on")


def test_tool_names():
    with Device("--tool-names", "firmware") as (mock, _, p):
        p.message("ready")
        link = mock.links[0]
        link.say(type="mcp", payload={"jsonrpc": "2.0", "id": 20, "method": "tools/list"})

        def names():
            lists = [t["payload"]["result"]["tools"] for t in link.texts if t["type"] == "mcp" and t["payload"]["id"] == 20]
            return [tool["name"] for tool in lists[0]] if lists else []
        check(wait_for(names) and "self.camera.take_photo" in names() and "self.audio_speaker.set_volume" in names(),
              "tools by the firmware's names where they are asked for")


def test_ota_pitfall_8_redirect():
    def once(mock):
        mock.ota = [(307, "", "Location: /other/ota/\r\n"), (200, mock.where())]

    def for_ever(mock):
        mock.ota = [(307, "", "Location: /xiaozhi/ota/\r\n")]
    with Device(prepare=once) as (mock, _, p):
        check(p.message("ready"), "8: one redirect is followed")
        check(paths(mock) == ["/xiaozhi/ota/", "/other/ota/"] and mock.asked[0][2] == mock.asked[1][2], "with the same body")
    with Device(prepare=for_ever) as (mock, _, p):
        check(p.message("backend", state="lost") and len(mock.asked) == 2, "8: a loop of redirects is left")


def test_ota_pitfall_6_token_refused():
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def prepare(mock):
        mock.ota = [(200, mock.where("old")), (200, mock.where("new"))]
        mock.refusals = [refusal]
    with Device(prepare=prepare) as (mock, g, p):
        check(p.message("ready") and mock.links[0].headers["authorization"] == "Bearer new", "OTA gave a new one")
        check(len(mock.asked) == 2, "asked once more, at once")
        check(any("did not accept the token" in line for line in g.log), "a refused token is named in the log")
    with Device(prepare=lambda m: m.refusals.extend([refusal] * 50)) as (mock, _, p):
        check(wait_for(lambda: len(mock.refusals) <= 48), "refused twice")
        time.sleep(1)
        check(len(mock.refusals) >= 40 and len(mock.asked) <= 10, "6: then with back-off, no loop")
        lost = p.message("backend", state="lost")
        check(lost and "token" in lost["reason"], "and the page is told why")


def test_ota_plain_text_refusal_pitfall_21():
    with Device(prepare=lambda m: m.before_hello.append("认证失败")) as (mock, g, p):
        check(p.message("ready") and len(mock.asked) == 2, "6: and a reason to ask OTA again, once")
        check(any("认证失败" in line for line in g.log), "21: plain text before hello is the reason that is given")
        mock.links[-1].send("Server is running")
        p.text("speak 5 2")
        check(p.message("tts", state="stop") and p.heard(5) == 6, "21: plain text later is passed over")


def test_hello_is_repeated_pitfall_9():
    with Device(prepare=lambda m: setattr(m, "deaf_to", 1)) as (mock, _, p):
        check(p.message("ready"), "9: hello not heard: said again")
        check([t["type"] for t in mock.links[0].texts].count("hello") == 2, "the second time it was answered")


def test_identity_pitfalls_2_and_3():
    folder = tempfile.mkdtemp(prefix="xz-")
    seen = []
    for _ in range(2):
        with Device(mac=None, folder=folder, prepare=None) as (mock, _, p):
            p.message("ready")
            seen.append((mock.asked[0][1]["device-id"], mock.asked[0][1]["client-id"]))
    check(seen[0] == seen[1], "2: who brings no address is the same device after a restart")
    check(seen[0][0][1] in "26ae" and seen[0][0] == seen[0][0].lower(), "3: locally administered, unicast, lower case")
    check(os.stat(os.path.join(folder, "identity")).st_mode & 0o777 == 0o600, "the secret behind it is the owner's alone")


def test_session_end_pitfall_11():
    with Device() as (mock, _, p):
        p.message("ready")
        mock.links[0].send(struct.pack(">H", 1000), 8)
        check(p.message("websocket", state="close"), "11: a close with 1000 is the end of the conversation, no fault")
        time.sleep(1.5)
        check(len(mock.links) == 1 and not any('"lost"' in line for line in p.seen), "nothing reconnects, nothing was lost")
        p.text("speak 6 2")
        check(p.message("tts", state="stop") and len(mock.links) == 2 and len(mock.asked) == 1,
              "the next word opens it again, without OTA")


def test_session_end_hands_free_pitfall_11():
    """Who talks hands-free says nothing for minutes: the conversation rests, and begins again with his voice."""
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g, Caller(g) as c:
        c.message("ready")
        c.say(type="listen", state="start", mode="auto")
        c.play(spoken("hello", lead=0.2, tail=0.2))
        check(wait_for(lambda: len(mock.links[0].packets) > 5), "he is heard")
        mock.links[0].send(struct.pack(">H", 1000), 8)
        check(c.message("backend", state="lost"), "11: an end while he speaks is none: it comes back by itself")
        check(c.message("backend", state="ready") and wait_for(lambda: len(mock.links) == 2), "as after a fault")
        time.sleep(3.2)
        mock.links[1].send(struct.pack(">H", 1000), 8)
        check(c.message("websocket", state="close"), "11: after a silence it is an end")
        c.play(bytes(2 * 16000))
        check(len(mock.links) == 2, "silence does not begin another")
        c.play(spoken("what time is it", lead=0.2, tail=0.5))
        check(c.message("backend", state="ready") and wait_for(lambda: len(mock.links) == 3), "a voice does")
        link = mock.links[2]
        check(wait_for(lambda: len(link.packets) > 20) and [t["type"] for t in link.texts][:2] == ["hello", "listen"],
              "what was said meanwhile is heard")
        before = [m for _, m in c.seen if m["type"] == "backend" and m["state"] == "lost"]
        check(len(before) == 1, "and the page was told of no loss")


def test_microphone_rests_pitfall_12():
    """Hands-free: nothing is sent while the assistant speaks, nor until its last word has died away in the room."""
    with Device() as (mock, _, p):
        p.message("ready")
        link = mock.links[0]

        def answer(mode):
            """When the page was told that it was over, and the packets sent to the assistant meanwhile and after."""
            p.say(type="listen", state="start", mode=mode)
            p.do("opus f80102")
            wait_for(lambda n=len(link.packets): len(link.packets) > n + 3)
            link.say(type="tts", state="start")
            for i in range(20):
                link.send_frame(b"\xfb\x03" + bytes([12, i]) * 3)
            time.sleep(0.3)
            begin = time.monotonic()
            link.say(type="tts", state="stop")
            p.message("tts", state="stop")
            end = time.monotonic()
            wait_for(lambda: link.packets[-1][0] > end + 0.3)
            p.do("opus ")
            p.say(type="listen", state="stop")
            return end, [at for at, _ in link.packets if at > begin]
        end, packets = answer("auto")
        check(not [at for at in packets if at < end], "12: the microphone rests while the assistant speaks")
        check(packets and packets[0] > end + 0.1, f"12: and a little longer ({(packets[0] - end) * 1000:.0f} ms)")
        p.say(type="abort")
        end, packets = answer("realtime")
        check(len([at for at in packets if at < end]) > 5, "12: unless the mode is realtime")


def test_thinking_is_no_sound_pitfall_20():
    """A server that says it speaks long before it does, and one that says no words at all."""
    with Device() as (mock, _, p):
        p.message("ready")
        link = mock.links[0]
        link.say(type="tts", state="start")
        check(p.message("tts", state="start"), "20: that an answer comes is told at once")
        time.sleep(0.5)
        p.heard(0)
        check(not any('"sound"' in line for line in p.seen), "20: that it can be heard is not")
        for i in range(5):
            link.send_frame(b"\xfb\x03" + bytes([20, i]) * 3)
        check(p.message("tts", state="sound"), "20: but with the first sound, where there are no words")
        link.say(type="tts", state="stop")
        p.message("tts", state="stop")
        p.text("speak 21 3")
        p.message("tts", state="stop")
        states = [json.loads(line[5:]).get("state") for line in p.seen if line.startswith('text {"type":"tts"')]
        check(states == ["start", "sound", "stop", "start", "sentence_start", "stop"], f"20: words say it as well ({states})")


def doctor(backend, *options):
    """Exit code and sentence of `check` about the assistant's server."""
    done = subprocess.run([BINARY, "check", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--backend", backend, *options],
                          capture_output=True, text=True, timeout=120, check=False)
    said = next(line for line in done.stdout.splitlines() if line.split()[1] == "backend")
    return done.returncode, said


def test_doctor_meets_the_server():
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    other = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\nServer is running"
    folder = tempfile.mkdtemp(prefix="xz-")
    cert, tls = certificate(folder)
    secret = os.path.join(folder, "identity")

    def meets(mock, words, *options, backend=None):
        code, said = doctor(backend or mock.url, *options)
        check(words in said and (code == 0) == said.startswith("ok"), f"check: {said}")
    mock = MockAssistant()
    meets(mock, "answers hello after ", "--backend-token", "t0ken", "--identity", secret)
    link = mock.links[0]
    check(link.headers["authorization"] == "Bearer t0ken" and link.headers["protocol-version"] == "1" and
          re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", link.headers["device-id"]) and link.headers["client-id"],
          "it comes as the gateway does: token, framing, device")
    mock.deaf_to = 1
    meets(mock, "answers hello after ", "--identity", secret)
    check(mock.links[1].headers["device-id"] == link.headers["device-id"], "the same device each time")
    mock.before_hello.append("认证失败")
    meets(mock, "it has no hello for us and says '认证失败'")
    mock.refusals += [refusal, refusal, other]
    meets(mock, "it wants a token: give --backend-token (401)")
    meets(mock, "it refuses --backend-token (401)", "--backend-token", "old")
    meets(mock, "takes no WebSocket at this path")
    meets(mock, "ok     backend  can be reached; it is not asked", backend=mock.ota_url)
    check(not mock.asked, "OTA is not asked, for that would make a device known")
    mock.stop()
    meets(mock, f"nobody listens on port {mock.port} there")
    meets(mock, f"nobody listens on port {mock.port} there", backend=mock.ota_url)
    meets(mock, "the name no-such-name.invalid has no address", backend="ota:https://no-such-name.invalid/xiaozhi/ota/")
    mock = MockAssistant(tls=tls)
    safe = mock.url.replace("ws:ws:", "ws:wss:")
    meets(mock, "answers hello after ", "--backend-ca", cert, backend=safe)
    meets(mock, "its TLS certificate is not to be trusted", backend=safe)
    meets(mock, "its TLS certificate is not to be trusted", backend=mock.ota_url)
    mock.stop()


def test_bursts_are_paced_pitfalls_13_14_23():
    with Device() as (mock, _, p):
        p.message("ready")
        p.text("speak 8 40")
        stop = p.message("tts", state="stop")
        times = [int(line.split()[1]) for line in p.seen if line.startswith("audio") and " f808" in line]
        check(stop and p.heard(8) == 120, "14: a burst of 2.4 s is queued whole; 13: heard to its end before the stop")
        check(times and times[-1] - times[0] >= 2000, f"14: and paced ({times[-1] - times[0]} ms for 2400)")


def test_downlink_goes_by_its_own_bytes_pitfall_23():
    """The hello says 24 kHz and 60 ms; the packets say what they are."""
    kinds = [("f8", 1, 20), ("48", 1, 20), ("f0", 1, 10), ("f9", 2, 20), ("fb03", 3, 20), ("fb06", 6, 20), ("18", 1, 60)]
    with Device() as (mock, _, p):
        p.message("ready")
        link = mock.links[0]
        link.say(type="tts", state="start")
        for toc, n, _ in kinds:  # configuration and count of RFC 6716 3.1, and frames of two bytes
            for i in range(5):
                link.send_frame(bytes.fromhex(toc) + bytes([0x21, i]) * n)
        link.say(type="tts", state="stop")
        check(p.message("tts", state="stop"), "packets of 10 to 120 ms, of other rates and modes")
        heard = [line.split() for line in p.seen if line.startswith("audio") and " " in line and "21" in line.split()[2][2:4]]
        wanted = sum(5 * n for _, n, _ in kinds)
        check(wait_for(lambda: sum(line.startswith("audio") and line.split()[2][2:4] == "21" for line in drained(p)) == wanted),
              f"each frame of them is handed on as it is ({wanted})")
        tocs = {line.split()[2][:2] for line in p.seen if line.startswith("audio") and line.split()[2][2:4] == "21"}
        check(tocs == {"f8", "48", "f0", "18"}, "with its own configuration")
        times = [int(at) for _, at, data in heard]
        check(times and times[-1] - times[0] >= 900, "in the time they last, not that of the hello")


def drained(p):
    p.heard(0)
    return p.seen


def test_silence_ends_a_turn_pitfall_15():
    """A caller whose packets stop, as one who is muted: the server's voice detection hears silence all the same."""
    with Gateway("--speech", "scripted", backend="embedded") as g, Peer(g, macAddress=MAC) as p:
        p.message("ready")
        p.say(type="listen", state="start", mode="auto")
        time.sleep(1)  # the room is quiet
        p.do("opus f8" + bytes((i * 73 + 29) % 251 for i in range(80)).hex())  # loud, whatever it is
        time.sleep(1.5)
        p.do("opus ")
        check(p.message("stt", text="hello"), "15: the turn ends")
        check(p.message("tts", state="start"), "and is answered")


def test_server_pings_are_answered():
    with Device() as (mock, _, p):
        p.message("ready")
        mock.links[0].send(b"hi", 9)
        check(wait_for(lambda: mock.links[0].pongs == 1), "a ping of the server is answered")


def certificate(folder):
    """A certificate for 127.0.0.1 that vouches for itself."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    return cert, tls


def test_tls_is_checked():
    folder = tempfile.mkdtemp(prefix="xz-")
    cert, tls = certificate(folder)
    with Device("--backend-ca", cert, tls=tls) as (mock, _, p):
        check(p.message("ready") and len(mock.asked) == 1, "https and wss with a certificate that is trusted: ready")
        p.text("speak 4 2")
        check(p.message("tts", state="stop") and p.heard(4) == 6, "and speech comes through")
    with Device(tls=tls) as (mock, _, p):
        check(p.message("backend", state="lost") and not mock.asked and not mock.links, "one that is not trusted: refused")


def test_two_people_are_two_devices():
    with Device() as (mock, g, p), Peer(g, macAddress="02:00:00:00:00:08") as q:
        check(p.message("ready") and q.message("ready"), "two callers, two links")
        ids = {link.headers["device-id"]: link for link in mock.links}
        check(set(ids) == {MAC, "02:00:00:00:00:08"}, "each its own device")
        call = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "set_volume", "arguments": {"volume": 11}}}
        ids[MAC].say(type="stt", text="a secret")
        ids[MAC].say(type="mcp", payload=call)
        check(p.message("tool", text="set_volume"), "a tool call reaches the one it is for")
        q.say(type="ping", t=1)
        q.message("pong", t=1)
        check(not any("secret" in line or "set_volume" in line for line in q.seen), "the other sees nothing of it")
        q.say(type="tool_result", id=1, ok=True, value=True)
        check(q.message("error", code="no_such_call"), "and cannot answer it")


def test_activation_at_our_own_assistant():
    """Both sides ours: the gateway as a device that the embedded assistant does not know yet."""
    server = subprocess.Popen([BINARY, "assistant", "--devices", "127.0.0.1:0", "--device-activation", "--admin-token", "adm"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ota = re.search(r"http://\S+/xiaozhi/ota/", server.stdout.readline()).group(0)
        folder = tempfile.mkdtemp(prefix="xz-")
        with Gateway("--identity", os.path.join(folder, "identity"), backend=f"ota:{ota}") as g, Peer(g, macAddress=MAC) as p:
            told = p.message("activation")
            check(told and re.fullmatch(r"\d{6}", told["code"]) and told.get("expiresAt"), "unknown: a code and its end")
            body = json.dumps({"code": told["code"]}).encode()
            request = urllib.request.Request(ota.replace("/ota/", "/devices"), body, {"Authorization": "Bearer adm"})
            check(json.load(urllib.request.urlopen(request))["device"] == MAC, "the code is confirmed")
            check(p.message("ready"), "activated: ready")
            p.text("set the volume to 40 percent")
            tool = p.message("tool", text="set_volume")
            p.say(type="tool_result", id=tool["id"], ok=True, value=True)
            said = p.message("tts", state="sentence_start")
            check(said and "40 percent" in said["text"] and p.until(lambda l: l.startswith("audio")), "and it talks")
    finally:
        server.kill()
        server.wait()
