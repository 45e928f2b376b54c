"""The history of calls: what real calls leave in it, who may read it, and that its troubles are nobody else's."""
import csv
import io
import json
import os
import shutil
import stat
import tempfile

from harness import JSON, Gateway, Peer, check, refused, wait_for

ADMIN = {"Authorization": "Bearer boss"}
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
MAC = "02:11:22:33:44:55"


def get(g, query=""):
    status, data, _ = g.request("GET", "/api/admin/history" + query, headers=ADMIN)
    return json.loads(data) if status == 200 else None


def export(g, query=""):
    status, data, headers = g.request("GET", "/api/admin/history/export" + query, headers=ADMIN)
    return (data.decode(), headers["content-type"]) if status == 200 else (None, None)


def written(g, n):
    return wait_for(lambda: sum(v for k, v in g.metrics().items() if k == 'xiaozhi_rtc_history_rows_total{result="written"}') >= n)


def call(g, agent, **more):
    with Peer(g, post=False) as p:
        p.post("/api/offer", headers={**JSON, "User-Agent": agent}, macAddress=MAC)
        p.message("ready")
        p.say(type="stats", samples=480, concealed=0, **more)
        p.do("opus fc" + "00" * 20)
        check(p.until(lambda l: l.startswith("audio")), "it hears itself")
        p.do("close")
        ended = lambda: p.answer["sessionId"] not in g.request("GET", "/api/sessions", headers=ADMIN)[1].decode()  # noqa: E731
        check(wait_for(ended), "it ends")
    return p.answer["sessionId"]


def test_history_of_calls():
    with tempfile.TemporaryDirectory() as top:
        path = os.path.join(top, "below", "calls.db")
        options = ("--admin-token", "boss", "--history", path, "--connect-seconds", "1")
        with Gateway(*options) as g:
            ids = [call(g, CHROME, network="wifi"), call(g, CHROME, network="=cmd()"), call(g, FIREFOX)]
            with Peer(g, post=False) as deaf:  # it never hears the answer
                body = json.dumps({"type": "offer", "sdp": deaf.offer})
                check(g.request("POST", "/api/offer", body, {**JSON, "User-Agent": "curl/8"})[0] == 200, "answered in vain")
                check(written(g, 4), "which is a failure after connect-seconds")
            check(g.request("POST", "/api/offer", '{"type":"offer","sdp":"x"}', JSON)[0] == 400, "a bad offer")
            check(written(g, 4) and stat.S_IMODE(os.stat(path).st_mode) == 0o600, "written, for its owner only")
            said = get(g)
            check((said["connected"], said["failed"], said["refused"], said["successRate"]) == (3, 1, 1, 0.75), "the sums")
            by = {(row["browser"], row.get("version")): row for row in said["byBrowser"]}
            check(by[("Chrome", 131)]["connected"] == 2 and by[("Firefox", 128)]["connected"] == 1, "by browser")
            check({row["network"]: row["connected"] for row in said["byNetwork"]}.get("wifi") == 1, "by what the page told")
            check(said["byWay"][0]["way"] == "direct" and said["byFamily"][0]["family"] == "IPv4" and
                  said["byBackend"][0]["backend"] == "echo", "by way, family, backend")
            connect = said["times"]["connect"]
            check(0 < connect["p50"] <= connect["p95"] < 5000 and said["times"]["media"]["n"] == 3, f"times to connect {connect}")
            check(by[("other", None)]["failed"] == 1, "whoever asked")
            for result, reason in (("refused", "bad_sdp"), ("failed", "connect_timeout")):
                check({"result": result, "reason": reason, "count": 1} in said["reasons"], f"{result}: {reason}")
            check(len(said["byHour"]) == 24 and said["byHour"][-1]["connected"] == said["connected"], "by hour")
            check(get(g, "?hours=1")["connected"] == said["connected"] and len(get(g, "?hours=1")["byHour"]) == 1, "of one hour")
            text, kind = export(g)
            rows = list(csv.DictReader(io.StringIO(text)))
            check(kind.startswith("text/csv") and [r["result"] for r in rows].count("connected") == said["connected"], "as CSV")
            text_json, kind = export(g, "?format=json")
            check(kind == "application/json" and len(json.loads(text_json)) == len(rows), "as JSON")
            everything = text + text_json + json.dumps(said)
            for secret in (*ids, MAC, "127.0.0.1", "Mozilla", "cmd"):
                check(secret not in everything, f"nothing personal in it: {secret[:9]}")
            for what in ("?format=xml", "?hours=0", "?hours=1x", "?hours=721"):
                refused(g, what, 400, "bad_query", "GET", "/api/admin/history/export" + what, None, ADMIN)
            for route in ("/api/admin/history", "/api/admin/history/export"):
                refused(g, "nobody", 401, "unauthorized", "GET", route)
        with Gateway(*options) as g:
            check(wait_for(lambda: (get(g) or {}).get("connected", 0) >= 3), "the next start still has them")
            check(g.metric("history_up") == 1 and g.metric("history_bytes") > 0, "metrics")


def test_history_in_trouble():
    with tempfile.TemporaryDirectory() as top:
        path = os.path.join(top, "calls.db")
        with open(path, "w", encoding="utf-8") as file:
            file.write("this is no history\n" * 500)
        with Gateway("--admin-token", "boss", "--history", path) as g:
            call(g, CHROME)
            check(written(g, 1) and os.path.exists(path + ".broken"), "a broken file is set aside, and a new one begins")
            check(g.metric("history_set_aside_total") == 1 and any("set_aside" in line for line in g.log), "which is told")
            with Gateway("--admin-token", "boss", "--history", path) as second:
                check(wait_for(lambda: second.metric("history_up") == 0), "a second gateway does not get it")
                refused(second, "its history", 503, "history_unavailable", "GET", "/api/admin/history", None, ADMIN)
                check(json.loads(second.request("GET", "/readyz")[1])["degraded"] == ["history: locked"], "/readyz says so")
                call(second, CHROME)
        folder = os.path.join(top, "no")
        with open(folder, "w", encoding="utf-8") as file:
            file.write("not a folder")
        with Gateway("--admin-token", "boss", "--history", os.path.join(folder, "calls.db")) as g:
            check(wait_for(lambda: g.metric("history_up") == 0), "no folder")
            ready = g.request("GET", "/readyz")
            check(ready[0] == 200 and json.loads(ready[1])["degraded"] == ["history: unusable"], "ready all the same, and says so")
            call(g, CHROME)
            check(wait_for(lambda: any(row["kind"] == "history" and row["reason"] == "unusable" for row in json.loads(
                g.request("GET", "/api/errors", headers=ADMIN)[1])["errors"])), "among the errors")
            check(any("state=failed" in line and "unusable" in line for line in g.log), "in the log")
            check(wait_for(lambda: g.metric('history_rows_total{result="failed"}') >= 1), "and its row is counted as lost")
    with Gateway("--admin-token", "boss") as g:
        refused(g, "a history that is off", 404, "not_found", "GET", "/api/admin/history", None, ADMIN)
    with Gateway("--history", "off") as g:
        refused(g, "without an admin", 404, "not_found", "GET", "/api/admin/history", None, ADMIN)


def test_history_where_it_is_kept():
    state = tempfile.mkdtemp()
    try:
        admin = ("--admin-token", "boss")
        for options, there in ((admin, True), ((), False), ((*admin, "--history", "off"), False)):
            with Gateway(*options, env={"STATE_DIRECTORY": state}) as g:
                check(wait_for(lambda: os.path.exists(os.path.join(state, "history.db")) == there) and g.alive(),
                      f"in the service's folder: {there} with {len(options)} words")
            for name in os.listdir(state):
                os.unlink(os.path.join(state, name))
    finally:
        shutil.rmtree(state)
