"""What the operator sees of one session: its last minute, also after its end, and its statistics; and who may not."""
import json
import subprocess

from harness import BINARY, JSON, Gateway, Peer, check, refused, wait_for
from mock_assistant import MockAssistant

ADMIN = {"Authorization": "Bearer boss"}
SECRET = "a secret of the tests of views"


def get(g, ident, what):
    status, data, _ = g.request("GET", f"/api/sessions/{ident}/{what}", headers=ADMIN)
    return json.loads(data) if status == 200 else None


def words_of(view):
    return [(e["event"], e.get("what")) for e in view["events"]]


def test_last_minute():
    with Gateway("--admin-token", "boss") as g, Peer(g) as p:
        p.message("ready")
        ident = p.answer["sessionId"]
        p.do("opus fc" + "00" * 20)
        check(p.until(lambda l: l.startswith("audio")), "it hears itself")
        p.do("opus")  # enough
        total = lambda view, what: sum(s[what] for s in view["seconds"])  # noqa: E731
        n = lambda: get(g, ident, "stats")["stats"]["outbound-rtp"]["packetsSent"]  # noqa: E731
        check(wait_for(lambda: total(get(g, ident, "last-minute"), "packetsOut") == n()),
              "its packets, there and back, stand in its seconds")
        view = get(g, ident, "last-minute")
        check(view["id"] == ident and view["state"] == "connected" and view["forgotten"] == 0, "whose it is")
        n = n()
        check(n > 0 and total(view, "packetsIn") == n and total(view, "lost") == 0, "and none is lost")
        words = words_of(view)
        check(words[:2] == [("state", "new"), ("state", "connecting")] and
              {("state", "connected"), ("path", "udp"), ("chat", "open"), ("audio", "first")} <= set(words), "its events")
        times = [e["at"] for e in view["events"]]
        check(times == sorted(times) and times[0] == 0 and times[-1] <= view["age"], "in their order")
        check("127.0.0.1" not in json.dumps(view), "no addresses")
        stats = get(g, ident, "stats")["stats"]
        check(stats["inbound-rtp"]["packetsReceived"] == n and stats["inbound-rtp"]["bytesReceived"] == n * 21 and
              stats["outbound-rtp"]["bytesSent"] == n * 21 and stats["transport"]["dtlsState"] == "connected" and
              stats["codec"]["payloadType"] > 0, "its statistics, in the names of W3C")
        p.do("close")
        check(wait_for(lambda: get(g, ident, "last-minute")["state"] == "closed"), "it ends")
        ended = get(g, ident, "last-minute")
        check(words_of(ended)[-1] == ("state", "closed") and ended["events"][-1]["why"] == "remote" and
              total(ended, "packetsIn") == n, "its last minute stays, with the reason of its end")
        refused(g, "statistics of a session that has ended", 404, "no_session", "GET", f"/api/sessions/{ident}/stats", None,
                ADMIN)
        refused(g, "the last minute of nobody", 404, "no_session", "GET", f"/api/sessions/{'0' * 32}/last-minute", None, ADMIN)
        for way in (f"{ident}x", ident[:-1], "..%2f" + ident, "%00", ""):
            check(g.request("GET", f"/api/sessions/{way}/last-minute", headers=ADMIN)[0] == 404, f"of {way[:6]!r}..: 404")
        check(g.request("GET", f"/api/sessions/{ident}/last-minute/x", headers=ADMIN)[0] == 404, "nothing below it")


def test_last_minute_of_a_conversation():
    with Gateway("--admin-token", "boss", backend=MockAssistant().url) as g, Peer(g) as p:
        p.message("ready")
        p.say(type="listen", state="start", mode="manual")
        p.say(type="listen", state="stop")
        p.text("speak 7 5")
        check(p.message("tts", state="stop"), "an answer")
        words = words_of(get(g, p.answer["sessionId"], "last-minute"))
        wanted = [("assistant", "connecting"), ("assistant", "ready"), ("listen", "start"), ("listen", "stop"),
                  ("answer", "start"), ("answer", "stop")]
        at = [words.index(w) if w in words else -1 for w in wanted]
        check(-1 not in at and at == sorted(at), f"assistant, listening, answer, in that order {'' if -1 not in at else words}")
        check("speak" not in json.dumps(get(g, p.answer["sessionId"], "last-minute")), "and nothing of what was said")


def test_only_the_admin_looks():
    with Gateway("--admin-token", "boss", "--auth-token", "caller", "--token-secret", SECRET) as g, Peer(g, post=False) as p:
        p.post("/api/offer", headers={**JSON, "Authorization": "Bearer caller"})
        ident = p.answer["sessionId"]
        signed = [subprocess.run([BINARY, "token", "--token-secret", SECRET, *more], capture_output=True, text=True,
                                 check=True).stdout.strip() for more in ((), ("--session", ident))]
        for what in ("last-minute", "stats"):
            check(g.request("GET", f"/api/sessions/{ident}/{what}", headers=ADMIN)[0] in (200, 409), f"{what}: the admin may")
            for who, headers in (("nobody", {}), ("the callers' token", {"Authorization": "Bearer caller"}),
                                 ("a signed token", {"Authorization": f"Bearer {signed[0]}"}),
                                 ("the session's own token", {"Authorization": f"Bearer {signed[1]}"}),
                                 ("the resume token", {"Authorization": f"Bearer {p.answer['resume']}"})):
                refused(g, f"{what} for {who}", 401, "unauthorized", "GET", f"/api/sessions/{ident}/{what}", None, headers)
    with Gateway() as g, Peer(g) as p:
        for what in ("last-minute", "stats"):
            refused(g, f"{what} without --admin-token", 404, "not_found", "GET",
                    f"/api/sessions/{p.answer['sessionId']}/{what}", None, {"Authorization": "Bearer "})
