"""What somebody may try who means ill: tokens that are none, other people's sessions, floods and bombs while somebody talks;
and what SIGHUP changes without a call noticing."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from callers import Caller
from harness import BINARY, JSON, PATIENCE, Gateway, Peer, check, law_holds, refused, wait_for

SECRET = "a secret of the system tests"
FLOODER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flood.py")
FLOOD_SECONDS = int(os.environ.get("FLOOD_SECONDS", 2))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(secret=SECRET, alg="HS256", **claims):
    """A token as any other program would make it."""
    text = b64(json.dumps({"typ": "JWT", "alg": alg}).encode()) + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def bearer(token):
    return {**JSON, "Authorization": f"Bearer {token}"}


def fresh(**claims):
    return signed(exp=int(time.time()) + 600, **claims)


def minted(*options):
    return subprocess.run([BINARY, "token", "--token-secret", SECRET, *options], capture_output=True, text=True,
                          check=True).stdout.strip()


def test_attack_tokens():
    old = "the secret that was used until now"
    with Gateway("--token-secret", SECRET, "--token-secret-old", old, "--admin-token", "adm1n") as g:
        late = int(time.time()) - 5
        body, rest = fresh().rsplit(".", 1)[0], fresh(offers=1).rsplit(".", 1)[1]
        for what, token in (("forged", signed("a secret of somebody else's", exp=late + 600)), ("unsigned", body + "."),
                            ("with another's signature", f"{body}.{rest}"), ("without an end", signed()),
                            ("signed by no algorithm", signed(alg="none", exp=late + 600)), ("of nothing", "..")):
            refused(g, f"a token {what}", 401, "unauthorized", "POST", "/api/offer", "{}", bearer(token))
            refused(g, f"a token {what}, for ICE servers", 401, "unauthorized", "GET", "/api/ice", None, bearer(token))
        refused(g, "an ended token", 401, "token_expired", "GET", "/api/ice", None, bearer(signed(exp=late)))
        refused(g, "a token that ended days ago", 401, "unauthorized", "GET", "/api/ice", None, bearer(signed(exp=late - 90000)))
        refused(g, "a caller's token, for the list of sessions", 401, "unauthorized", "GET", "/api/sessions", None, bearer(fresh()))
        for what, token in (("of the old secret", signed(old, exp=late + 600)), ("of the command", minted("--ttl", "60"))):
            check(g.request("GET", "/api/ice", headers=bearer(token))[0] == 200, f"a token {what} is good")
        once = minted("--offers", "1", "--mac", "02:00:00:00:00:07")
        peer = Peer(g, post=False)
        peer.post("/api/offer", headers=bearer(once))
        check(peer.status == 200 and peer.until(lambda line: line == "state connected"), "a token for one session opens one")
        offer = json.dumps({"type": "offer", "sdp": peer.offer})
        refused(g, "replayed", 403, "token_scope", "POST", "/api/offer", offer, bearer(once))
        refused(g, "for another device", 403, "token_scope", "POST", "/api/offer",
                json.dumps({"type": "offer", "sdp": peer.offer, "macAddress": "02:00:00:00:00:08"}),
                bearer(minted("--mac", "02:00:00:00:00:07")))
        location, sid = peer.answer["location"], peer.answer["sessionId"]
        more = '{"candidates":[]}'
        refused(g, "an ended token opens none", 401, "token_expired", "POST", "/api/offer", offer, bearer(signed(exp=late)))
        check(g.request("PATCH", location, more, bearer(signed(exp=late)))[0] == 204, "but keeps what there is")
        refused(g, "without a token nobody touches it", 401, "unauthorized", "DELETE", location, None, JSON)
        other = minted("--session", "0" * 32)
        refused(g, "a token of another session", 403, "token_scope", "DELETE", location, None, bearer(other))
        refused(g, "that session's id, guessed", 404, "no_session", "DELETE", "/api/sessions/" + "0" * 32, None, bearer(other))
        refused(g, "a token of a session opens none", 403, "token_scope", "POST", "/api/offer", offer, bearer(other))
        check(g.request("PATCH", location, more, bearer(minted("--session", sid)))[0] == 204, "its own does for the session")
        log = "".join(g.log)
        check(not any(t in log for t in (SECRET, old, once, other)), "neither secret nor token in the log")


def test_attack_by_one_token():
    offer = json.dumps({"type": "offer", "sdp": "x"})
    with Gateway("--token-secret", SECRET, "--token-rate", "3") as g:
        one, other = bearer(fresh(jti="1")), bearer(fresh(jti="2"))
        said = [g.request("POST", "/api/offer", offer, one) for _ in range(6)]
        check([s for s, _, _ in said] == [400] * 3 + [429] * 3 and "retry-after" in said[-1][2],
              "a token is refused after its share")
        check(g.request("POST", "/api/offer", offer, other)[0] == 400, "another is not")


def test_attack_from_elsewhere():
    page = {"Origin": "https://app.example"}
    with Gateway("--cors-origin", page["Origin"], "--trusted-proxy", "127.0.0.1", "--hsts", "600", "--address-rate", "20",
                 "--token-secret", SECRET) as g:
        here = f"127.0.0.1:{g.port}"
        good = bearer(fresh())
        refused(g, "a name that leads here by rebinding", 403, "bad_host", "GET", "/api/ice", None,
                {**good, "Host": "evil.example"})
        refused(g, "that name, for the page", 403, "bad_host", "GET", "/chat", None, {"Host": f"evil.example:{g.port}"})
        refused(g, "a page from elsewhere", 403, "bad_origin", "POST", "/api/offer", "{}", {**good, "Origin": "https://evil.example"})
        refused(g, "a page of a file", 403, "bad_origin", "GET", "/api/ice", None, {**good, "Origin": "null"})
        check(g.request("GET", "/api/ice", None, {**good, "Origin": "http://" + here, "Host": here})[0] == 200, "our own page")
        proxied = {"Origin": "https://proxied.example", "Sec-Fetch-Site": "same-origin"}
        check(g.request("GET", "/api/ice", None, {**good, **proxied})[0] == 200, "ours, behind a proxy that changes the Host")
        status, _, headers = g.request("GET", "/api/ice", None, {**good, **page})
        check(status == 200 and headers["access-control-allow-origin"] == page["Origin"] and "origin" in headers["vary"],
              "a listed page may read")
        status, _, headers = g.request("OPTIONS", "/api/offer", None, {**page, "Access-Control-Request-Method": "POST"})
        check(status == 204 and "authorization" in headers["access-control-allow-headers"], "and is told so beforehand")
        status, _, headers = g.request("OPTIONS", "/api/offer", None, {"Origin": "https://evil.example"})
        check(status >= 400 and "access-control-allow-origin" not in headers, "others are not")
        headers = g.request("GET", "/chat")[2]
        check(headers["strict-transport-security"] == "max-age=600" and "microphone=(self)" in headers["permissions-policy"] and
              "frame-ancestors 'none'" in headers["content-security-policy"], "the page's headers")
        # One address is limited, whatever it writes before what the proxy added; another is not.
        said = [g.request("POST", "/api/offer", "{}", {**good, "X-Forwarded-For": f"10.9.8.{i}, 192.0.2.1"})
                for i in range(30)]
        check([s for s, _, _ in said].count(429) >= 5 and said[0][0] == 400 and said[-1][2]["retry-after"] == "1",
              "one address is refused after its share, by the address that the proxy saw")
        check(g.request("POST", "/api/offer", "{}", {**good, "Forwarded": "for=198.51.100.4"})[0] == 400, "another is not")
    with Gateway("--host", "talk.example", "--address-rate", "1") as g:
        check(g.request("GET", "/chat", None, {"Host": "talk.example"})[0] == 200, "a name of --host is ours")
        said = [g.request("POST", "/api/offer", "{}", {**JSON, "X-Forwarded-For": "192.0.2.1"})[0] for _ in range(5)]
        check(said == [400] * 5, "without a trusted proxy nobody speaks for others")


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-keyout", folder + "/key.pem", "-out", folder + "/chain.pem"], check=True,
                   capture_output=True)


def test_reload():
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)

        def shown():
            context = ssl._create_unverified_context()
            with context.wrap_socket(socket.create_connection(("127.0.0.1", g.port), timeout=PATIENCE)) as stream:
                return hashlib.sha256(stream.getpeercert(True)).digest()

        def ask(method, path, body=None, headers=None):
            connection = http.client.HTTPSConnection("127.0.0.1", g.port, timeout=PATIENCE,
                                                     context=ssl._create_unverified_context())
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read(), {}

        def reload(word):
            g.process.send_signal(signal.SIGHUP)
            return wait_for(lambda: any(word in line for line in g.log))

        certificate(folder, "first")
        write("token", "first-token")
        write("settings", "drain-seconds = 7\nice-server = stun:first.example\n")
        with Gateway("--config", folder + "/settings", "--auth-token-file", folder + "/token", "--tls-cert", folder + "/chain.pem",
                     "--tls-key", folder + "/key.pem") as g:
            g.request = ask
            g.reloads = lambda: g.metric('reloads_total{result="ok"}')
            first = shown()
            peer = Peer(g, post=False)
            peer.post("/api/offer", headers=bearer("first-token"))
            check(peer.status == 200 and peer.until(lambda line: line == "state connected"), "a call over HTTPS")
            certificate(folder, "second")
            write("token", "second-token")
            write("settings", "drain-seconds = 1\nmax-sessions = 5\nice-server = turn:second.example me secret\n")
            check(reload("reloaded"), "SIGHUP: settings are read again")
            line = next((line for line in g.log if "reloaded" in line), "")
            check("auth-token" in line and "drain-seconds" in line and "max-sessions" in line.split("needs_restart")[-1],
                  "the line names what changed and what waits")
            check(ask("GET", "/api/ice", None, bearer("first-token"))[0] == 401 and
                  ask("GET", "/api/ice", None, bearer("second-token"))[0] == 200, "the new token holds")
            ice = json.loads(ask("GET", "/api/ice", None, bearer("second-token"))[1])
            check(ice["iceServers"][0]["urls"] == ["turn:second.example"], "callers are told of the new servers")
            second = shown()
            check(first != second, "the new certificate is shown")
            write("chain.pem", "rubbish")
            check(reload("certificate_kept") and shown() == second, "one that cannot be used changes nothing")
            write("settings", "nonsense\n")
            check(reload("reload_refused") and ask("GET", "/api/ice", None, bearer("second-token"))[0] == 200,
                  "settings that cannot be used change nothing")
            before = g.reloads()
            write("settings", "log-level = off\n")
            g.process.send_signal(signal.SIGHUP)
            check(wait_for(lambda: g.reloads() == before + 1), "reloaded again, and from then on in silence")
            peer.do("opus fc" + "00" * 20)
            check(peer.until(lambda line: line.startswith("audio")), "the call goes on")
            lines = len(g.log)
            peer.do("close")
            peer.until(lambda line: line.startswith("state closed"))
            check(len(g.log) == lines, "the new log level holds: not a word of the call's end")


def bombs():
    """Descriptions that are small to send and could be large to read."""
    head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    media = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    yield head + media * 1500
    yield head + media + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * 1200
    yield head + media + "a=rtpmap:111 opus/48000/2\r\n" * 1800
    yield head + "m=audio 9 UDP/TLS/RTP/SAVPF" + " 111" * 14000 + "\r\n"
    yield head + "a=group:BUNDLE" + " 0" * 25000 + "\r\n" + media
    yield head + media + "a=fmtp:111 " + "a" * 60000 + "\r\n"


class Talker:
    """Somebody who talks while others attack: a packet each 20 ms."""

    def __init__(self, peer):
        self.peer, self.sent, self.stops = peer, 0, threading.Event()
        self.thread = threading.Thread(target=self.talk, daemon=True)
        self.thread.start()

    def talk(self):
        while not self.stops.wait(0.02):
            self.peer.do("opus fc" + "00" * 40)
            self.sent += 1

    def stop(self):
        self.stops.set()
        self.thread.join()
        self.peer.do("opus")

    def heard(self):
        """Packets that came to him."""
        self.peer.heard(0)
        return sum(line.startswith("audio") for line in self.peer.seen)


def flood(g, body, address):
    """As many offers as get through in FLOOD_SECONDS from one address, by a process of its own: offers a second, and how many
    answers of each status."""
    done = subprocess.run([sys.executable, FLOODER, str(g.port), str(FLOOD_SECONDS), address], input=body, capture_output=True,
                          text=True, check=True)
    result = json.loads(done.stdout)
    said = {int(status): n for status, n in result["said"].items()}
    return sum(said.values()) / result["seconds"], said


def flood_offers(g, bodies, n, address):
    """The statuses that came; one connection, kept open."""
    said = {}
    connection = http.client.HTTPConnection("127.0.0.1", g.port, timeout=PATIENCE)
    for i in range(n):
        connection.request("POST", "/api/offer", bodies[i % len(bodies)], {**JSON, "X-Forwarded-For": address})
        response = connection.getresponse()
        response.read()
        said[response.status] = said.get(response.status, 0) + 1
    connection.close()
    return said


def half_requests(g, n):
    """Bodies that never end."""
    socks = [socket.create_connection(("127.0.0.1", g.port), timeout=PATIENCE) for _ in range(n)]
    for sock in socks:
        sock.sendall(b"POST /api/offer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 60000\r\n\r\n{")
    return socks


def flood_socket(g):
    """Thousands of messages over one WebSocket, also from one that never said who it is."""
    with Caller(g) as c:
        try:
            for i in range(3000):
                c.say(type="ping", t=i)
        except OSError:
            pass  # thrown out, which is as good
    silent = [Caller(g, hello=False) for _ in range(20)]
    for c in silent:
        c.sock.close()


def flood_media(peer, dice):
    """Noise to the media port, from a stranger."""
    port = int(next(line for line in peer.answer["sdp"].split("\r\n") if "typ host" in line).split()[5])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(4000):
            sock.sendto(bytes([dice.choice((0, 20, 22, 128, 144, 255))]) + dice.randbytes(60), ("127.0.0.1", port))


def test_attack_floods():
    dice = random.Random(7)
    with Gateway("--trusted-proxy", "127.0.0.1", "--address-rate", "60", "--admin-token", "a", "--connect-seconds", "2",
                 "--workers", "2") as g:
        admin = {"Authorization": "Bearer a"}
        victim, other = Peer(g), Peer(g)
        check(all(p.until(lambda line: line == "state connected") for p in (victim, other)), "two talk")
        sid = victim.answer["sessionId"]
        row = lambda: json.loads(g.request("GET", f"/api/sessions/{sid}", headers=admin)[1])  # noqa: E731
        before, resident = row(), g.metric("process_resident_bytes")
        talker = Talker(victim)
        offer = json.dumps({"type": "offer", "sdp": other.offer})
        heard = row()["packetsIn"]
        rate, said = flood(g, offer, "192.0.2.66")
        check(said.get(429, 0) > 100 and said.get(200, 0) <= 75 and set(said) <= {200, 429},
              f"{rate:.0f} offers a second from one address, as fast as this machine asks: {said}")
        check(row()["packetsIn"] > heard, "while somebody talks")
        said = flood_offers(g, [json.dumps({"type": "offer", "sdp": bomb}) for bomb in bombs()], 24, "192.0.2.67")
        check(set(said) <= {400, 413, 422}, f"descriptions like bombs: {said}")
        slow = half_requests(g, 60)
        guesses = {g.request(method, "/api/sessions/" + dice.randbytes(16).hex(), '{"candidates":[]}', JSON)[0]
                   for _ in range(60) for method in ("PATCH", "DELETE")}
        check(guesses == {404}, f"guessed ids of sessions: {guesses}")
        refused(g, "the other's id is no key without its place", 404, "not_found", "GET", f"/api/sessions/{sid}/../../etc/passwd")
        flood_socket(g)
        flood_media(other, dice)
        for i in range(3000):
            other.say(type="ping", t=i)
        check(g.alive(), "alive")
        wait_for(lambda: row()["packetsIn"] - before["packetsIn"] > 110)  # enough to say what one percent is
        talker.stop()
        after = row()
        heard, lost = after["packetsIn"] - before["packetsIn"], after["lost"] - before["lost"]
        check(heard > 100 and lost < 0.01 * heard, f"who talks loses nothing: {lost} of {heard} packets")
        sent = lambda: row()["packetsOut"] - before["packetsOut"]  # noqa: E731
        check(wait_for(lambda: talker.heard() > 0.99 * sent()), f"nor of what is said to him: {talker.heard()} of {sent()} came")
        victim.do("opus fc" + "00" * 20)
        check(victim.until(lambda line: line.startswith("audio")), "and is heard")
        for sock in slow:
            sock.close()
        check(wait_for(lambda: len(json.loads(g.request("GET", "/api/sessions", headers=admin)[1])["sessions"]) <= 2),
              "what the flood opened is gone")
        program = open(BINARY, "rb").read()
        if b"__asan_init" not in program and b"__tsan_init" not in program:  # those keep memory for themselves
            level = resident + 24e6
            check(wait_for(lambda: g.metric("process_resident_bytes") < level),
                  f"memory is as before: {resident / 1e6:.0f} MB, now {g.metric('process_resident_bytes') / 1e6:.0f}")
        check(law_holds(g), "datagrams in = consumed + dropped")


def test_overload():
    with Gateway("--overload", "2", "--workers", "1") as g:
        peer = Peer(g)
        check(peer.until(lambda line: line == "state connected"), "a call")
        stops, dice = threading.Event(), random.Random(3)

        def busy():
            while not stops.is_set():
                flood_media(peer, dice)
        noise = threading.Thread(target=busy, daemon=True)
        noise.start()
        late = 4 * PATIENCE  # five seconds, and however long the machine has no time for us
        over = wait_for(lambda: b"overloaded" in g.request("GET", "/readyz")[1], late)
        check(over and g.metric("overloaded") == 1, "busy for seconds: overloaded, in /readyz and the metrics")
        refused(g, "a new call", 503, "overloaded", "POST", "/api/offer", json.dumps({"type": "offer", "sdp": peer.offer}), JSON)
        peer.do("opus fc" + "00" * 20)
        check(peer.until(lambda line: line.startswith("audio")), "the call goes on")
        stops.set()
        noise.join()
        peer.do("close")  # under a sanitizer even one call may be more than the little that is called quiet here
        check(wait_for(lambda: g.request("GET", "/readyz")[0] == 200, late), "quiet again: ready")


def test_overload_of_the_process():
    """What is busy is no worker, but takes the core that all share: here the thread that serves pages."""
    with Gateway("--overload", "4", "--workers", "1") as g:
        os.sched_setaffinity(g.process.pid, {min(os.sched_getaffinity(0))})
        stops = threading.Event()

        def busy():
            while not stops.is_set():
                g.request("GET", "/chat")
        noise = threading.Thread(target=busy, daemon=True)
        noise.start()
        over = wait_for(lambda: b"overloaded" in g.request("GET", "/readyz")[1], 4 * PATIENCE)
        check(over and g.metric("worker_busy_ratio") < 0.04, "the process is busy, its worker is not: overloaded")
        stops.set()
        noise.join()
        check(wait_for(lambda: g.request("GET", "/readyz")[0] == 200, 4 * PATIENCE), "quiet again: ready")
