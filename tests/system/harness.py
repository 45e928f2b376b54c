"""What the system tests share: the gateway as a child, a caller made of call_peer and signalling, verdicts."""
import http.client
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time

import movement

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("GATEWAY", os.path.join(ROOT, "build/release/cli/xiaozhi-rtc")))
PEER = os.path.join(os.path.dirname(BINARY), "../tests/call_peer")
JSON = {"Content-Type": "application/json"}
SEEN = [] if os.geteuid() == 0 else ["--sandbox", "off"]  # its descriptors can be counted
PATIENCE = 15  # seconds; what does not come within is a failure, nothing is timed tighter
verdicts = []
unforgiven = []  # of checks that failed, those that no second chance mends
CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
NOTES_LINES = "/cov/" in BINARY  # which a program does when it ends, not when it is killed
SECOND_CHANCES = 0 if os.environ.get("STRICT") else 2


def check(held, text, forgiven=True):
    verdicts.append(bool(held))
    if not held and not forgiven:
        unforgiven.append(text)
    print(f"{'ok  ' if held else 'FAIL'} {text}", flush=True)
    return held


class Chances:
    """A machine with other work can be late: up to SECOND_CHANCES tests a run are tried once more, and that is said. What a
    sanitizer said stays said."""

    def __init__(self):
        self.left = SECOND_CHANCES

    def run(self, name, test):
        first, said = len(verdicts), len(unforgiven)
        self.attempt(name, test)
        if all(verdicts[first:]) or len(unforgiven) > said or not self.left:
            return
        self.left -= 1
        print(f"     {name}: once more; it counts only what follows", flush=True)
        del verdicts[first:]
        self.attempt(name, test)

    @staticmethod
    def attempt(name, test):
        try:
            test()
        except Exception as error:  # a test that breaks has failed; the others still run
            check(False, f"{name} broke: {type(error).__name__}: {error}")


class Gateway:
    def __init__(self, *options, backend="echo", env=None):
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--backend", backend, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})})
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)/$", line.strip()).group(1)) if "ready" in line else 0
        self.log, self.figures = [], {}
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            try:
                self.metrics()
            except (OSError, http.client.HTTPException, ValueError):
                pass  # it listens no more, or to others only
            self.end()
        elif -self.process.returncode in CRASHES:
            check(False, f"the gateway crashed: {signal.Signals(-self.process.returncode).name}", forgiven=False)
        self.process.wait()
        self.reader.join(PATIENCE)
        if any("Sanitizer" in line or "runtime error" in line for line in self.log):
            check(False, "a sanitizer spoke: " + "".join(self.log)[-3000:], forgiven=False)

    def end(self):
        if NOTES_LINES:
            for _ in range(2):  # the second one does not wait for calls
                self.process.terminate()
                time.sleep(0.02)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        self.process.kill()

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, data, {k.lower(): v for k, v in response.getheaders()}

    def metrics(self):
        lines = self.request("GET", "/metrics")[1].decode().splitlines()
        figures = {key: float(value) for key, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}
        movement.note(figures)
        fallen, self.figures = movement.fallen(self.figures, figures), figures
        if fallen:
            check(False, f"a counter never falls: {', '.join(fallen)} did", forgiven=False)
        return figures

    def metric(self, name):
        return self.metrics()[f"xiaozhi_rtc_{name}"]

    def alive(self):
        return self.process.poll() is None and self.request("GET", "/healthz")[0] == 200


class Peer:
    """A caller: call_peer plus the signalling."""

    def __init__(self, gateway, path="/api/offer", post=True, **fields):
        self.process = subprocess.Popen([PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.offer = bytes.fromhex(self.process.stdout.readline().split()[1]).decode()
        self.lines, self.seen = queue.Queue(), []
        self.gateway = gateway
        threading.Thread(target=self.read, daemon=True).start()
        if post:
            self.post(path, **fields)

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def post(self, path, headers=JSON, **fields):
        body = json.dumps({"type": "offer", "sdp": self.offer, **fields})
        status, data, _ = self.gateway.request("POST", path, body, headers)
        self.status, self.answer = status, json.loads(data)
        if status == 200:
            self.do("answer " + self.answer["sdp"].encode().hex())

    def restart(self, deliver=True):
        """An ICE restart by offer; its answer may get lost on the way. The HTTP status."""
        self.do("restart")
        self.offer = bytes.fromhex(self.until(lambda line: line.startswith("offer ")).split()[1]).decode()
        body = json.dumps({"type": "offer", "sdp": self.offer})
        status, data, _ = self.gateway.request("POST", self.answer["location"] + "/offer", body, JSON)
        if status == 200 and deliver:
            self.do("answer " + json.loads(data)["sdp"].encode().hex())
        return status

    def heard(self, ident):
        """How many frames of what the scripted assistant says as |ident| have come so far."""
        while True:
            try:
                self.seen.append(self.lines.get_nowait())
            except queue.Empty:
                return sum(line.startswith("audio") and f" f8{ident:02x}" in line for line in self.seen)

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def say(self, **message):
        self.do("say " + json.dumps(message))

    def text(self, text):
        self.say(type="listen", state="detect", text=text)

    def until(self, wanted, patience=PATIENCE):
        """The first line |wanted| accepts, or None; all lines are kept in |seen|."""
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            self.seen.append(line)
            if wanted(line):
                return line
        return None

    def message(self, kind, patience=PATIENCE, **fields):
        def wanted(line):
            if not line.startswith("text "):
                return False
            message = json.loads(line[5:])
            return message.get("type") == kind and all(message.get(k) == v for k, v in fields.items())
        line = self.until(wanted, patience)
        return json.loads(line[5:]) if line else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def error_of(data):
    try:
        return json.loads(data)["error"]["code"]
    except (ValueError, KeyError):
        return None


def refused(g, what, status, code, *request):
    name = f'http_errors_total{{code="{code}"}}'
    before = g.metric(name)
    got, data, headers = g.request(*request)
    held = got == status and error_of(data) == code and g.metric(name) == before + 1
    check(held, f"{what}: {status} {code}, counted" + ("" if held else f" (got {got} {data[:120]})"))
    if status in (429, 503):
        check("retry-after" in headers, f"{what}: says when to try again")


def law_holds(g):
    m = g.metrics()
    dropped = sum(v for k, v in m.items() if k.startswith("xiaozhi_rtc_datagrams_dropped_total"))
    total, consumed = m["xiaozhi_rtc_datagrams_in_total"], m["xiaozhi_rtc_datagrams_consumed_total"]
    return total > 0 and total == consumed + dropped


def place_of(sdp):
    """Media's port, from the candidate on loopback."""
    line = next(line for line in sdp.split("\r\n") if line.startswith("a=candidate") and " 127.0.0.1 " in line)
    return int(line.split()[5])


def wait_for(condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
