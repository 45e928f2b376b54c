"""What an operator sees and does: settings and where they come from, errors by kind, a media thread that hangs, and what calls
notice of an end and of a reload: nothing."""
import ctypes
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading

from harness import BINARY, JSON, PATIENCE, Gateway, Peer, check, place_of, wait_for
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


def flood(port):
    """Some MB for the media port from many ports, so that every worker gets its part."""
    for _ in range(16):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(1000):
                sender.sendto(bytes(1200), ("127.0.0.1", port))


def test_a_worker_that_hangs():
    health = lambda: g.request("GET", "/healthz")  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        with Gateway("--workers", "2", env={"NOTIFY_SOCKET": manager.path}) as g, Peer(g) as peer:
            port = place_of(peer.answer["sdp"])
            check(manager.hears() and manager.said[0] == "READY=1", "the service manager is told that all is well")
            with Stopped(g.process, "worker 1"):
                check(wait_for(lambda: health()[0] == 503), "one worker hangs: /healthz says so")
                check(g.metric("workers_stalled") == 1, "the metrics come all the same, and say it")
                check(b"stalled" in g.request("GET", "/readyz")[1], "/readyz names it")
                n = manager.n
                check(g.metric('errors_total{kind="worker",reason="stalled"}') == 1, "it is among the errors")
                check(not wait_for(lambda: manager.n > n, 3), "the service manager is told no more")
                check(g.metric("datagrams_overflowed_total") == 0, "nothing was thrown away")
                over = wait_for(lambda: flood(port) or g.metric("overloaded"))
                check(over and g.metric("datagrams_overflowed_total") > 0, "what it does not fetch is lost: counted, overloaded")
            check(manager.hears() and health()[0] == 200 and g.metric("workers_stalled") == 0, "it goes on: all is well")


def test_config():
    with tempfile.TemporaryDirectory() as folder:
        path, secret = os.path.join(folder, "conf"), os.path.join(folder, "secret")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"workers = 3\nmax-sessions = 7\ndrain-seconds = 9\nadmin-token-file = {secret}\n")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("s3cret-of-a-file\n")
        env = {**os.environ, "XZ_MAX_SESSIONS": "8", "XZ_DRAIN_SECONDS": "10", "XZ_AUTH_TOKEN": "s3cret-of-all"}
        done = subprocess.run([BINARY, "config", "--config", path, "--drain-seconds", "11"], capture_output=True, text=True,
                              timeout=PATIENCE, check=False, env=env)
    rows = {key: (layer, value) for key, layer, *value in (line.split(None, 2) for line in done.stdout.splitlines())}
    for key, layer, value in (("workers", "file", "3"), ("max-sessions", "environment", "8"), ("drain-seconds", "flag", "11"),
                              ("hsts", "default", "0"), ("auth-token", "environment", "(set, not shown)"),
                              ("admin-token", "file", "(set, not shown)")):
        check(rows.get(key) == (layer, [value]), f"config: {key} is {value}, by {layer}")
    check(done.returncode == 0 and "s3cret" not in done.stdout + done.stderr, "config: no secret")


def hears_all(peer, ident, n):
    """All |n| frames of what the scripted assistant says as |ident|; a reorder buffer may hold the last ones for a while."""
    return wait_for(lambda: peer.heard(ident) >= n, 2) and peer.heard(ident) == n


def test_drain_loses_nothing():
    with Gateway("--drain-seconds", "60", backend=MockAssistant().url) as g, Peer(g) as p:
        p.message("ready")
        p.text("speak 7 40")
        p.until(lambda line: line.startswith("audio"))
        g.process.send_signal(signal.SIGTERM)
        check(p.message("server-draining") and p.message("tts", state="stop"), "an answer that is being spoken goes on to its end")
        check(hears_all(p, 7, 120), "with every frame of it")
        p.text("speak 8 5")
        check(p.message("tts", state="stop") and hears_all(p, 8, 15), "the next question, too, is answered whole")
        check(g.metric('session_total{result="ok",reason="drained"}') == 0, "no call was ended by us")
        check(g.request("DELETE", p.answer["location"])[0] == 204 and g.process.wait(PATIENCE) == 0,
              "it hangs up, and with the last call the gateway ends, long before the deadline")


def test_reload_of_limits():
    """What calls may be made, not those that are."""
    def limits(text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        before = g.metric('reloads_total{result="ok"}') if g else 0
        if g:
            g.process.send_signal(signal.SIGHUP)
            wait_for(lambda: g.metric('reloads_total{result="ok"}') > before)

    def codes(n):
        return [g.request("POST", "/api/offer", '{"type":"offer","sdp":"x"}', JSON)[0] for _ in range(n)]

    with tempfile.TemporaryDirectory() as folder:
        path, g = os.path.join(folder, "conf"), None
        limits("offer-rate = 0\n")
        with Gateway("--config", path, backend=MockAssistant().url) as g, Peer(g) as p:
            p.message("ready")
            p.text("speak 7 40")
            p.until(lambda line: line.startswith("audio"))
            check(429 not in codes(9), "without a limit nobody is refused")
            limits("offer-rate = 1\n")
            check(429 in codes(9), "after SIGHUP the new limit holds")
            limits("offer-rate = 0\n")
            check(429 not in codes(9), "and after another one it is gone")
            check(p.message("tts", state="stop") and hears_all(p, 7, 120), "the answer meanwhile lost no frame")
