"""Providers of TURN servers: Cloudflare, Twilio and Metered as they document their replies, with their errors, delays and
expiry, played by a server of this process."""
import concurrent.futures
import http.server
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time

from harness import Gateway, check, wait_for

CLOUDFLARE = {"iceServers": [
    {"urls": ["stun:stun.cloudflare.com:3478", "stun:stun.cloudflare.com:53"]},
    {"urls": ["turn:turn.cloudflare.com:3478?transport=udp", "turn:turn.cloudflare.com:53?transport=udp",
              "turn:turn.cloudflare.com:80?transport=tcp", "turns:turn.cloudflare.com:443?transport=tcp"],
     "username": "cf-user", "credential": "cf-credential"}]}
TWILIO = {"ttl": "8", "username": "tw-user", "password": "tw-password", "account_sid": "AC1", "date_created": "now",
          "ice_servers": [{"url": "stun:global.stun.twilio.com:3478", "urls": "stun:global.stun.twilio.com:3478"},
                          {"url": "turn:global.turn.twilio.com:3478?transport=udp", "username": "tw-user",
                           "urls": "turn:global.turn.twilio.com:3478?transport=udp", "credential": "tw-password"}]}
METERED = [{"urls": "stun:stun.relay.metered.ca:80"},
           {"urls": "turn:a.relay.metered.ca:80", "username": "me-user", "credential": "me-credential"}]
TOKEN = "s3cret-t0ken"


class StandIn:
    """Answers with |status| and |body|, after |delay| seconds; keeps what it was asked."""

    def __init__(self, body, status=201, cert=None):
        self.body, self.status, self.delay, self.headers, self.asked = body, status, 0, {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                outer.asked.append((self.command, self.path, self.headers.get("Authorization"), self.rfile.read(length).decode()))
                time.sleep(outer.delay)
                revoked = self.path.endswith("/revoke")
                body = b"" if revoked else outer.body if isinstance(outer.body, bytes) else json.dumps(outer.body).encode()
                try:
                    self.send_response(204 if revoked else outer.status)
                    for name, value in outer.headers.items():
                        self.send_header(name, value)
                    if not revoked:
                        self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that does not like our certificate
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert + ".pem", cert + ".key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https://localhost" if cert else "http://127.0.0.1"
        self.url = f"{scheme}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def asking(provider, stand_in, *more, env=None):
    return Gateway("--turn-provider", provider, "--turn-key-id", "key1", "--turn-key-api-token", TOKEN, "--turn-provider-url",
                   stand_in.url, *more, env=env)


def get(g, path):
    return json.loads(g.request("GET", path)[1])


def level(g):
    return get(g, "/readyz")["ice"]


def comes_to(g, wanted):
    return wait_for(lambda: level(g) == wanted)


def urls_of(answer):
    return [url for server in answer["iceServers"] for url in server["urls"]]


def failures(g, reason):
    return g.metric(f'turn_fetch_failures_total{{reason="{reason}"}}')


def test_turn_cloudflare():
    with StandIn(CLOUDFLARE) as s, asking("cloudflare", s, "--turn-ttl", "3600") as g:
        check(comes_to(g, "fresh"), "Cloudflare: fresh servers")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: get(g, "/api/ice"), range(24)))
        one = answers[0]
        check(one["source"] == "cloudflare" and not one["stale"] and 3500 < one["ttl"] <= 3600, "with their life")
        check(len(urls_of(one)) == 4 and not any(":53" in url for url in urls_of(one)), "without port 53")
        check(s.asked == [("POST", "/v1/turn/keys/key1/credentials/generate-ice-servers", f"Bearer {TOKEN}",
                           '{"ttl":3600}')], "asked once, whatever the number of callers")
        status = get(g, "/api/ice/status")
        check(status["validation"]["valid"] and status["validation"]["turn_servers"] == 1, "and valid")
        check(g.metric("turn_fetches_total") == 1 and g.metric('ice_level{level="fresh"}') == 1, "counted")
        everything = json.dumps(answers) + json.dumps(status) + g.request("GET", "/metrics")[1].decode() + "".join(g.log)
        check(TOKEN not in everything, "the token is shown to nobody")
        g.process.terminate()
        check(g.process.wait(20) == 0 and s.asked[-1][1] == "/v1/turn/keys/key1/credentials/cf-user/revoke",
              "the end revokes the credentials")
    with StandIn({"iceServers": CLOUDFLARE["iceServers"][1]}) as s, asking("cloudflare", s) as g:
        check(comes_to(g, "fresh") and len(urls_of(get(g, "/api/ice"))) == 3, "Cloudflare's older form, an object")


def test_turn_twilio_outlived():
    """Twilio's life is a text; when renewing fails, what is left of it is used, then what is configured."""
    with StandIn(TWILIO) as s, asking("twilio", s, "--ice-server", "stun:own.example") as g:
        check(comes_to(g, "fresh"), "Twilio: fresh servers")
        check(0 < get(g, "/api/ice")["ttl"] <= 8, "with their life, a text")
        check(s.asked[0] == ("POST", "/2010-04-01/Accounts/key1/Tokens.json", "Basic a2V5MTpzM2NyZXQtdDBrZW4=", "Ttl=86400"),
              "asked as it wants to be")
        age = g.metric("turn_credentials_age_seconds")
        check(wait_for(lambda: g.metric("turn_credentials_age_seconds") > age), "which grow older")
        check(wait_for(lambda: len(s.asked) == 2), "renewed before the end")
        s.status = 500
        check(comes_to(g, "stale"), "then it fails: stale, but valid")
        answer = get(g, "/api/ice")
        check(answer["stale"] and answer["source"] == "twilio", "which callers are told")
        check("callers get stale servers" in get(g, "/readyz")["degraded"][0], "and the operator")
        check(comes_to(g, "stun") and urls_of(get(g, "/api/ice")) == ["stun:own.example"], "then the configured one")
        s.status = 201
        check(comes_to(g, "fresh"), "and fresh ones when it is well again")


def test_turn_metered():
    with StandIn(METERED, 200) as s, asking("metered", s) as g:
        check(comes_to(g, "fresh") and get(g, "/api/ice")["source"] == "metered", "Metered: fresh servers")
        check(s.asked[0][:2] == ("GET", f"/api/v1/turn/credentials?apiKey={TOKEN}"), "asked as it wants to be")


def check_failure(s, what, reason, valid):
    with asking("cloudflare", s, "--ice-server", "turn:own.example u p") as g:
        check(wait_for(lambda: failures(g, reason) >= 1), f"{what}: counted as {reason}")
        check(level(g) == "static" and get(g, "/api/ice")["source"] == "static", "callers get the configured relay")
        check(get(g, "/api/ice/status")["validation"]["valid"] is valid, f"the status is {'' if valid else 'not '}valid")
        if reason in ("refused", "limited"):
            time.sleep(1.5)  # the second try of any other failure would be due after one second
            check(len(s.asked) == 1, "and nobody asks again at once")


def test_turn_failures():
    for what, status, body, reason, valid in (("a wrong key", 401, b"{}", "refused", False), ("an error", 500, b"", "status", True),
                                              ("a page of HTML", 200, b"<html>", "garbled", True),
                                              ("too many requests", 429, b"", "limited", True)):
        with StandIn(body, status) as s:
            s.headers = {"Retry-After": "600"} if status == 429 else {}  # before a gateway starts: it asks at once
            check_failure(s, what, reason, valid)
    with StandIn(CLOUDFLARE) as s:
        s.delay = 10
        with asking("cloudflare", s) as g:
            check(get(g, "/api/ice")["source"] == "none", "silence: callers do not wait")
            check(wait_for(lambda: failures(g, "timeout") == 1), "it is over after three seconds")
            s.delay = 0
            check(comes_to(g, "fresh"), "and tried again")
    s = StandIn(CLOUDFLARE)
    s.server.server_close()
    with asking("cloudflare", s) as g:
        check(wait_for(lambda: failures(g, "unreachable") >= 2), "nobody there: tried again")
        check(g.alive(), "alive")


def test_turn_tls():
    folder = tempfile.mkdtemp()
    cert = os.path.join(folder, "localhost")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", cert + ".key", "-out", cert + ".pem", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    with StandIn(CLOUDFLARE, cert=cert) as s:
        with asking("cloudflare", s, env={"SSL_CERT_FILE": cert + ".pem"}) as g:
            check(comes_to(g, "fresh"), "https with a certificate that is trusted")
        n = len(s.asked)
        with asking("cloudflare", s) as g:
            check(wait_for(lambda: failures(g, "unreachable") >= 1) and len(s.asked) == n,
                  "https with one that is not: the token is not sent")
