"""What the operator sees of one session: its last minute, also after its end, and its statistics; and who may not."""
import json
import os
import re
import stat
import subprocess
import tempfile

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


def tshark(path, *arguments):
    done = subprocess.run(["tshark", "-r", path, "-d", "udp.port==5004,rtp", "-d", "udp.port==5005,rtcp", *arguments],
                          capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_capture():
    with tempfile.TemporaryDirectory() as top:
        folder = os.path.join(top, "records")
        with Gateway("--admin-token", "boss", "--auth-token", "caller", "--capture-dir", folder) as g, Peer(g, post=False) as p:
            p.post("/api/offer", headers={**JSON, "Authorization": "Bearer caller"})
            ident, boss = p.answer["sessionId"], {**ADMIN, **JSON}
            where, path = f"/api/sessions/{ident}/capture", os.path.join(folder, ident + ".pcapng")
            check(stat.S_IMODE(os.stat(folder).st_mode) == 0o700, "the folder is made, for its owner only")
            p.message("ready")
            for method in ("POST", "GET", "DELETE"):
                for who, headers in (("nobody", JSON), ("the callers' token", {**JSON, "Authorization": "Bearer caller"})):
                    refused(g, f"{method} a record for {who}", 401, "unauthorized", method, where, "{}", headers)
            for body in ("", "[]", '{"seconds":601}', '{"seconds":-1}', '{"bytes":0}', '{"bytes":67108865}', '{"seconds":"1"}'):
                refused(g, f"record {body!r}", 400, "bad_json", "POST", where, body, boss)
            refused(g, "a record of nobody", 404, "no_session", "POST", f"/api/sessions/{'0' * 32}/capture", "{}", boss)
            refused(g, "a record that is not there", 404, "not_found", "GET", where, None, ADMIN)
            refused(g, "ending none", 409, "conflict", "POST", where, '{"seconds":0}', boss)
            check(not os.listdir(folder), "nothing was written")
            os.symlink("/dev/null", path)
            check(g.request("POST", where, '{"seconds":30}', boss)[0] == 204, "the admin records")
            refused(g, "a second record of it", 409, "conflict", "POST", where, "{}", boss)
            refused(g, "a file that grows", 409, "conflict", "GET", where, None, ADMIN)
            refused(g, "deleting it then", 409, "conflict", "DELETE", where, None, ADMIN)
            check(any("WARN" in line.upper() and "capture" in line and "state=started" in line and ident in line
                      for line in g.log), "which the log says, as a warning")
            p.do("opus fc" + "00" * 20)
            check(p.until(lambda l: l.startswith("audio")), "it hears itself")
            p.say(type="ping", t=1)
            p.message("pong", t=1)
            p.do("opus")
            n = lambda: get(g, ident, "stats")["stats"]  # noqa: E731
            check(wait_for(lambda: n()["inbound-rtp"]["packetsReceived"] == n()["outbound-rtp"]["packetsSent"]), "quiet again")
            had = n()
            g.request("DELETE", f"/api/sessions/{ident}", headers=ADMIN)
            check(wait_for(lambda: g.request("GET", where, headers=ADMIN)[0] == 200), "with the call the record ends")
            file = g.request("GET", where, headers=ADMIN)[1]
            with open(path, "rb") as kept:
                check(kept.read() == file, "the admin gets the file")
            check(stat.S_IMODE(os.lstat(path).st_mode) == 0o600 and not os.path.islink(path), "0600, and no link was followed")
            ended = [line for line in g.log if "capture" in line and "state=ended" in line]
            n_packets = int(re.search(r"packets=(\d+)", ended[0]).group(1))
            rtp, rtcp, sctp = (tshark(path, "-Y", what, "-T", "fields", "-e", "ip.src", "-e", more) for what, more in
                               (("rtp", "rtp.p_type"), ("rtcp", "rtcp.pt"), ("sctp", "sctp.chunk_type")))
            count = lambda who: sum(line.startswith(f"192.0.2.{who}\t") for line in rtp)  # noqa: E731
            received, sent = had["inbound-rtp"]["packetsReceived"], had["outbound-rtp"]["packetsSent"]
            check(count(1) == received and count(2) == sent and received > 0,
                  f"tshark reads as many packets as were counted ({count(1)} and {received}, {count(2)} and {sent})")
            check({line.split("\t")[1] for line in rtp} == {str(had["codec"]["payloadType"])}, "of Opus' payload type")
            check(any("203" in line.split("\t")[1].split(",") for line in rtcp if line.startswith("192.0.2.2")),
                  "reports, and the gateway's BYE")
            check(any(line.startswith("192.0.2.2") and "6" in line.split("\t")[1].split(",") for line in sctp),
                  "messages, and the end of the association")
            check(len(rtp) + len(rtcp) + len(sctp) == n_packets and "missing=0" in ended[0], "each packet is one of these")
            check(not tshark(path, "-Y", "_ws.malformed || _ws.expert.severity == error"), "none is malformed")
            lines = [line for line in tshark(path, "-q", "-z", "rtp,streams") if "192.0.2" in line]
            check(len(lines) == 2 and all(f" {n} " in line and " 0 (0.0%)" in line for n, line in zip((received, sent), sorted(
                lines, key=lambda line: line.index("192.0.2.1") > line.index("192.0.2.2")))), "two streams, nothing lost")
            check(g.request("DELETE", where, headers=ADMIN)[0] == 204 and not os.path.exists(path), "the admin deletes it")
            with Peer(g, post=False) as q:
                q.post("/api/offer", headers={**JSON, "Authorization": "Bearer caller"})
                q.message("ready")
                where = f"/api/sessions/{q.answer['sessionId']}/capture"
                check(g.request("POST", where, '{"seconds":600}', boss)[0] == 204 and
                      g.request("POST", where, '{"seconds":0}', boss)[0] == 204 and
                      wait_for(lambda: g.request("GET", where, headers=ADMIN)[0] == 200), "it can be ended early")
                check(g.request("POST", where, '{"seconds":1}', boss)[0] == 204 and
                      wait_for(lambda: any("reason=time" in line for line in g.log)), "and ends at its time")
    with Gateway("--admin-token", "boss") as g, Peer(g) as p:
        p.message("ready")
        refused(g, "a record without --capture-dir", 404, "not_found", "POST",
                f"/api/sessions/{p.answer['sessionId']}/capture", "{}", {**ADMIN, **JSON})
