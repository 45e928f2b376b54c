"""The native client comes back by itself: the gateway is stopped, killed and started again under a running call."""
import json
import signal
import subprocess
import time

from harness import BINARY, PATIENCE, Gateway, check, wait_for
from mock_assistant import MockAssistant


class Call:
    """`xiaozhi-rtc call` for some seconds; its events as they come."""

    def __init__(self, gateway, seconds):
        command = [BINARY, "call", f"http://127.0.0.1:{gateway.port}", "--duration", str(seconds), "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.events = []
        self.session = self.until("ready", "session")

    def until(self, event, key):
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1].get("event") == event:
                return self.events[-1][key]
        return None

    def end(self):
        """Reads on to the end; the exit code."""
        self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(PATIENCE)

    def values(self, event, key):
        return [e[key] for e in self.events if e.get("event") == event]


def test_client_survives_a_restart_of_the_gateway():
    with Gateway() as g:
        call = Call(g, 10)
        g.process.kill()
        g.process.wait()
        time.sleep(1)
        with Gateway("--listen", f"127.0.0.1:{g.port}") as again:
            came_back = call.until("recovered", "by")
            check(came_back == "new" and again.metric('sessions{state="connected"}') == 1, "recovered by a new session")
            check(call.end() == 0, "and the call ended as planned")
            sessions = call.values("ready", "session")
            check(len(sessions) == 2 and sessions[0] != sessions[1], "it is told the new session")


def test_client_survives_a_stopped_gateway():
    with Gateway() as g:
        call = Call(g, 10)
        g.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        g.process.send_signal(signal.SIGCONT)
        check(call.until("recovered", "by") in ("restart", "resume"), "recovered on the same session")
        check(call.end() == 0, "and the call ended as planned")
        check(g.metric("sessions_opened_total") == 1, "no other session was opened")


def test_client_without_its_gateway_ends():
    with Gateway() as g:
        call = Call(g, 4)
        g.process.kill()
        check(call.end() == 1, "exit code 1")
        check("not connected at the end" in call.values("ended", "why"), "and it says why")


def test_client_ends_while_the_assistant_speaks():
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g:
        command = [BINARY, "call", f"http://127.0.0.1:{g.port}", "--text", "speak 5 5000", "--duration", "1", "--json"]
        call = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        check(any("sentence 5" in line for line in call.stdout), "five minutes of speech begin")
        check(wait_for(lambda: call.poll() is not None), "the call ends after its second")
        call.kill()
        call.communicate()
    mock.stop()
