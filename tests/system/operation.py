"""What an operator sees and does: errors by kind, the history of calls, a stalled worker, traces, settings read again."""
import json

from harness import JSON, Gateway, Peer, check, wait_for
from mock_assistant import MockAssistant

ADMIN = {"Authorization": "Bearer boss"}


def errors_of(g):
    said = json.loads(g.request("GET", "/api/errors", headers=ADMIN)[1])
    return {(row["kind"], row["reason"]): row for row in said["errors"]}


def test_errors_by_kind():
    mock = MockAssistant()
    with Gateway("--admin-token", "boss", "--connect-seconds", "1", "--resume-seconds", "1", backend=mock.url) as g:
        check(json.loads(g.request("GET", "/api/errors", headers=ADMIN)[1])["errors"] == [], "no errors at first")
        check(g.request("GET", "/api/errors")[0] == 401, "errors are the admin's")
        for _ in range(7):
            g.request("POST", "/api/offer", "{", JSON)
        row = errors_of(g)["request", "bad_json"]
        check(row["count"] == 7 and len(row["recent"]) == 5, "refused requests: counted, the last five remembered")
        with Peer(g, post=False) as p:
            status, data, _ = g.request("POST", "/api/offer", json.dumps({"type": "offer", "sdp": p.offer}), JSON)
            ident = json.loads(data)["sessionId"]
            check(status == 200 and wait_for(lambda: ("call", "connect_timeout") in errors_of(g)), "a call that never connects")
            row = errors_of(g)["call", "connect_timeout"]
            check(row["recent"][0]["session"] == ident[:8], "with the beginning of its id")
        with Peer(g) as p:
            check(p.message("ready"), "a call with an assistant")
            mock.stop()
            check(wait_for(lambda: ("assistant", "lost") in errors_of(g)), "the assistant falls over: lost")
            check(wait_for(lambda: ("assistant", "unreachable") in errors_of(g)), "and cannot be reached")
        told = json.loads(g.request("GET", "/api/errors", headers=ADMIN)[1])["errors"]
        check([r["last"] for r in told] == sorted((r["last"] for r in told), reverse=True), "the latest first")
        check(g.metric('errors_total{kind="request",reason="bad_json"}') == 7 and
              g.metric('error_last_seconds{kind="request",reason="bad_json"}') > 1e9, "the same in the metrics")
        check("127.0.0.1" not in json.dumps(told), "no address in what is told")
