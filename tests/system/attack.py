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
