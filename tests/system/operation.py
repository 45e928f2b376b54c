"""What an operator sees and does: errors by kind, and a media thread that hangs."""
import ctypes
import json
import os
import socket
import tempfile
import threading

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


class Manager:
    """A service manager's socket, and how often it was told that all is well."""

    def __init__(self, folder):
        self.path, self.n, self.said = os.path.join(folder, "notify"), 0, []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            text = self.sock.recv(100).decode()
            self.said.append(text)
            self.n += text == "WATCHDOG=1"

    def hears(self, more=2):
        before = self.n
        return wait_for(lambda: self.n >= before + more)


class Stopped:
    """One thread of a process, held as a debugger does."""
    SEIZE, INTERRUPT, DETACH, ALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, process, name):
        folder = f"/proc/{process.pid}/task"
        names = {int(tid): open(f"{folder}/{tid}/comm", encoding="ascii").read().strip() for tid in os.listdir(folder)}
        self.thread = next(tid for tid, its in names.items() if its == name)
        self.libc = ctypes.CDLL(None, use_errno=True)

    def call(self, request):
        if self.libc.ptrace(ctypes.c_long(request), ctypes.c_long(self.thread), None, None):
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.call(self.SEIZE)
        self.call(self.INTERRUPT)
        os.waitpid(self.thread, self.ALL)

    def __exit__(self, *_):
        self.call(self.DETACH)


def test_a_worker_that_hangs():
    health = lambda: g.request("GET", "/healthz")  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        with Gateway("--workers", "2", env={"NOTIFY_SOCKET": manager.path}) as g:
            check(manager.hears() and manager.said[0] == "READY=1", "the service manager is told that all is well")
            with Stopped(g.process, "worker 1"):
                check(wait_for(lambda: health()[0] == 503), "one worker hangs: /healthz says so")
                check(g.metric("workers_stalled") == 1, "the metrics come all the same, and say it")
                check(b"stalled" in g.request("GET", "/readyz")[1], "/readyz names it")
                n = manager.n
                check(g.metric('errors_total{kind="worker",reason="stalled"}') == 1, "it is among the errors")
                check(not wait_for(lambda: manager.n > n, 3), "the service manager is told no more")
            check(manager.hears() and health()[0] == 200 and g.metric("workers_stalled") == 0, "it goes on: all is well")
