#!/usr/bin/env python3
"""What happens to a call when the XiaoZhi server fails: killed, stopped (SIGSTOP), full of rubbish, slow, at every point
of the session's life. Each cell of that table has a server process, a gateway and a caller of its own.

The points are held against the source: every state of gw_link_state and xz_client_state, and every flag of gw_link and
xz_client, must be among COVERS, so that a new one cannot be forgotten.

Held of every cell: the call survives, the page is told what TOLD says, and the conversation goes on.

  tests/system/outages.py [FAULT|POINT...]   GATEWAY=path/to/xiaozhi-rtc

Ends with "N passed, N failed"."""
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import ROOT, Gateway, Peer, check, verdicts, wait_for  # noqa: E402

MOCK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mock_assistant.py")
PATIENCE = 60  # seconds; a server that was stopped is given up after half of it


class Server:
    """A scripted server as a process."""

    def __init__(self, port=0):
        self.process = subprocess.Popen([sys.executable, MOCK, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.lines = queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(line.strip()) for line in self.process.stdout], daemon=True).start()

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until(self, wanted):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if wanted in self.lines.get(timeout=1):
                    return True
            except queue.Empty:
                continue
        return False

    def hold(self, where):
        self.do(f"hold {where}")
        self.until(f"holds {where}")  # before anybody can come there

    def kill(self):
        self.process.kill()
        self.process.wait()


class Cell:
    """One call and the server that will fail it."""

    def __init__(self, point, fault):
        self.point, self.fault, self.server = point, fault, Server()
        folder = tempfile.mkdtemp(prefix="xz-")
        self.gateway = Gateway("--identity", os.path.join(folder, "id"), "--workers", "1", "--log-level", "off",
                               backend=f"ota:http://127.0.0.1:{self.server.port}/xiaozhi/ota/")
        self.peer = None

    def call(self, hold=None):
        if hold:
            self.server.hold(hold)
        self.peer = Peer(self.gateway, macAddress="02:00:00:00:00:07")
        return self.server.until(f"held {hold}") if hold else self.peer.message("ready", PATIENCE)

    def again(self):
        """The server is there again, as a new process at its old place."""
        port = self.server.port
        self.server.kill()
        self.server = Server(port)

    def end(self):
        if self.peer:
            self.peer.__exit__()
        self.server.kill()
        self.gateway.__exit__()


# ---- the points: each brings a cell there, and returns whether it is there ----

def asking(c):
    return c.call("ota")


def upgrading(c):
    return c.call("upgrade")


def greeting(c):
    return c.call("hello")


def idle(c):
    return c.call()


def listening(c):
    c.call()
    c.peer.do("opus f80102")
    c.peer.say(type="listen", state="start", mode="auto")
    return c.server.until('"state": "start"')


def thinking(c):
    c.call()
    c.peer.text("think")
    return c.peer.message("stt", PATIENCE)


def hears(c, speech):
    c.call()
    c.peer.text(speech)
    return c.peer.until(lambda line: line.startswith("audio") and " f805" in line, PATIENCE)


def speaking(c):
    return hears(c, "speak 5 200 0.05")


def spoken(c):
    """All was said, and is still being heard."""
    return hears(c, "speak 5 80")


def silenced(c):
    """The caller took the word, and the server has not ended its sentence yet."""
    if not speaking(c):
        return False
    c.peer.say(type="abort")
    return c.server.until('"type": "abort"')


def tool(c):
    c.call()
    c.peer.text('tool {"name":"set_volume","arguments":{"volume":30}}')
    return c.peer.message("tool", PATIENCE)


def photo(c):
    c.call()
    c.server.hold("vision")
    c.peer.text('tool {"name":"take_photo","arguments":{"question":"What is it?"}}')
    call = c.peer.message("tool", PATIENCE)
    if not call:
        return False
    c.peer.say(type="photo", id=call["id"], size=1000, mime="image/jpeg")
    c.peer.do("bytes 1000")
    return c.server.until("held vision")


def over(c):
    """The server ended the conversation in order."""
    c.call()
    c.server.do("bye")
    return c.peer.message("websocket", PATIENCE, state="close")


def waiting(c):
    """It failed already, and the gateway waits to try again."""
    c.call()
    c.server.kill()
    told = c.peer.message("backend", PATIENCE, state="retrying")
    c.again()
    c.server.hold("upgrade")
    return told


POINTS = [asking, upgrading, greeting, idle, listening, thinking, speaking, spoken, silenced, tool, photo, over, waiting]

# What of the source each point stands for.
COVERS = {
    "GW_LINK_OFF": [over], "GW_LINK_ASKING": [asking], "GW_LINK_CONNECTING": [upgrading, greeting],
    "GW_LINK_READY": [idle, listening, thinking, speaking, spoken, silenced, tool, photo], "GW_LINK_WAITING": [waiting],
    "XZ_CLIENT_CLOSED": [over, waiting], "XZ_CLIENT_HELLO": [greeting], "XZ_CLIENT_READY": [idle],
    "XZ_CLIENT_FAILED": [greeting],  # stopped there, no hello comes
    "link.client_ready": [asking, idle], "link.socket_wanted": [upgrading, over], "link.wants_to_listen": [listening],
    "link.listening": [listening], "link.refreshed": [upgrading], "link.in_answer": [speaking],
    "link.hung_up": [idle, greeting],  # garbled
    "link.captioned": [speaking], "link.tells_level": [listening],
    "link.page_hears": [speaking, spoken], "link.awaits_sound": [thinking],
    "client.listening": [listening], "client.speaking": [speaking], "client.muted": [idle, silenced],
    "client.aborted": [silenced],
}
# A WebSocket ends with its conversation; what lasts longer is broken in mqtt.py.
OVER_MQTT = {"XZ_CLIENT_IDLE": "test_mqtt_comes_back_between_conversations"}


def states_of_the_source():
    def text(path):
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            return re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)

    def body(path, kind, name):
        return re.search(r"typedef %s %s \{(.*?)\n\} %s;" % (kind, name, name), text(path), re.S).group(1)
    found = []
    for path, name in (("gateway/session.h", "gw_link_state"), ("xiaozhi/client.h", "xz_client_state")):
        found += re.findall(r"^\s*([A-Z_]+)\b", body(path, "enum", name), re.M)
    for path, name, short in (("gateway/session.h", "gw_link", "link"), ("xiaozhi/client.h", "xz_client", "client")):
        for names in re.findall(r"^\s*bool ([a-z_, ]+);", body(path, "struct", name), re.M):
            found += [f"{short}.{n.strip()}" for n in names.split(",")]
    return found


# ---- the faults: each returns whether the page was told ----

def told_lost(c):
    """`backend` `lost` with a reason, then `retrying`."""
    lost = c.peer.message("backend", PATIENCE, state="lost")
    return bool(lost and lost["reason"] and c.peer.message("backend", PATIENCE, state="retrying"))


def kill(c):
    c.server.kill()
    if c.point is over:
        c.peer.text("speak 4 1")  # who says nothing more needs not be told
    told = told_lost(c)
    c.again()
    return told


def stop(c):
    c.server.process.send_signal(signal.SIGSTOP)
    if c.point is over:
        c.peer.text("speak 4 1")
    told = told_lost(c)
    c.again()
    return told


def garble(c):
    if c.point in (over, waiting):  # nobody is there to hear it; who comes gets it
        c.server.hold("upgrade")
        c.peer.text("speak 4 1")
        c.server.until("held upgrade")
    c.server.do("garble")
    return told_lost(c)


def delay(c):
    c.server.process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    c.server.process.send_signal(signal.SIGCONT)
    c.server.do("go")
    return True


FAULTS = [stop, kill, garble, delay]


def survives(c):
    c.peer.say(type="ping", t=4711)
    return c.peer.message("pong", PATIENCE, t=4711) and not any(line == "state closed" for line in c.peer.seen)


def run(point, fault):
    name = f"{point.__name__}, {fault.__name__}"
    c = Cell(point, fault)
    began = time.monotonic()
    try:
        if not check(point(c), f"{name}: the point is reached"):
            return
        heard = len(c.peer.seen)
        told = fault(c)
        told_after = time.monotonic() - began
        c.server.do("go")
        alive = survives(c)
        c.peer.text("speak 9 4")
        goes_on = wait_for(lambda: c.peer.heard(9) >= 12, PATIENCE)
        if fault is delay and any('"state":"lost"' in line for line in c.peer.seen[heard:]):
            told = False  # slow is not gone
        if not check(told and alive and goes_on, f"{name}: the call survives, the page is told, the conversation goes on"):
            texts = [line[5:] for line in c.peer.seen if line.startswith("text") and "quality" not in line]
            print(f"     told {told} after {told_after:.0f} s, alive {bool(alive)}, goes on {goes_on}: {texts[-12:]}", flush=True)
    finally:
        c.end()


def main():
    wanted = sys.argv[1:]
    found = states_of_the_source()
    check(len(found) > 15, f"{len(found)} states and flags are found in the source")
    with open(os.path.join(ROOT, "tests/system/mqtt.py"), encoding="utf-8") as f:
        over_mqtt = f.read()
    missing = [name for name in found if name not in COVERS and f"def {OVER_MQTT.get(name)}()" not in over_mqtt]
    check(not missing, f"each belongs to a point of the table {missing or ''}")
    gone = [name for name in (*COVERS, *OVER_MQTT) if name not in found]
    check(not gone, f"and the table names none that is not there {gone or ''}")
    points, faults = [p for p in POINTS if p.__name__ in wanted], [f for f in FAULTS if f.__name__ in wanted]
    cells = [(p, f) for f in faults or FAULTS for p in points or POINTS]
    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(run, *cell) for cell in cells]:
            done.result()
    failed = verdicts.count(False)
    print(f"{len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
