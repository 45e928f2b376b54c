"""What somebody may try who means ill: tokens that are none, other people's sessions."""
import base64
import hashlib
import hmac
import json
import subprocess
import time

from harness import BINARY, JSON, Gateway, Peer, check, refused

SECRET = "a secret of the system tests"


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
