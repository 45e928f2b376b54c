"""A call in trouble: paths that die, callers who come back, gateways that go away."""
import json
import time

from harness import Gateway, Peer, check
from mock_assistant import MockAssistant


def test_timeline():
    with Gateway("--admin-token", "a", backend=MockAssistant().url) as g, Peer(g, post=False) as p:
        began = time.monotonic()
        p.post("/api/offer")
        ready = p.message("ready")
        took = (time.monotonic() - began) * 1000
        line = ready["timeline"]
        points = [line.get(k) for k in ("signalling", "ice", "dtls", "data")]
        check(None not in points and points == sorted(points) and 0 < points[0] and points[-1] <= took,
              f"ready tells the time-line of the connection ({line}, seen from here: {took:.0f} ms)")
        check("media" not in line, "without sound no point for it")
        p.say(type="listen", state="start", mode="manual")
        p.do("opus f80102")
        quality = p.message("quality", patience=5) and p.message("quality", patience=5)
        check(quality and line["data"] < quality["media"] < (time.monotonic() - began) * 1000, "quality tells it later")
        admin = {"Authorization": "Bearer a"}
        row = json.loads(g.request("GET", "/api/sessions/" + p.answer["sessionId"], headers=admin)[1])
        check(row["timeline"] == {**line, "media": quality["media"]}, "the admin reads the same")
        restart = json.loads(g.request("POST", p.answer["location"] + "/offer", json.dumps(
            {"type": "offer", "sdp": p.offer}), {"Content-Type": "application/json"})[1])
        row = json.loads(g.request("GET", "/api/sessions/" + restart["sessionId"], headers=admin)[1])
        check(row["timeline"]["signalling"] == line["signalling"], "another offer on it does not change it")
