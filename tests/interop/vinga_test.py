#!/usr/bin/env python3
"""vinga, a XiaoZhi server we did not write, with its mock engines, as server of our gateway: activation, tokens, framing 1
to 3, speech both ways, tools. Run by tests/interop/run, which brings the program and what it needs.

  tests/interop/vinga_test.py path/to/xiaozhi-rtc path/to/vinga-server       ends with "N passed, N failed"."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
import wave

os.environ["GATEWAY"] = sys.argv[1]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from harness import Gateway, Peer, check, verdicts, wait_for  # noqa: E402

work = tempfile.mkdtemp(prefix="vinga-")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Server:
    """The program, with one data folder over all its starts."""

    def __init__(self):
        self.port, self.process = free_port(), None
        self.env = {**os.environ, "VINGA_AUTH_SECRET": "ab" * 32, "VINGA_API_SECRET": "cd" * 32,
                    "VINGA_CONFIG": os.path.join(work, "server.yaml"), "VINGA_API_URL": f"http://127.0.0.1:{self.port}/api"}
        self.ota = f"ota:http://127.0.0.1:{self.port}/xiaozhi/ota/"

    def start(self, version):
        self.stop()
        with open(self.env["VINGA_CONFIG"], "w", encoding="utf-8") as file:
            file.write(f"server:\n  host: 127.0.0.1\n  port: {self.port}\n  protocol_version: {version}\n"
                       f"  database:\n    dir: {work}/db\n")
        self.log = open(os.path.join(work, "log"), "a", encoding="utf-8")
        self.process = subprocess.Popen([sys.argv[2]], stdout=self.log, stderr=self.log, env=self.env)
        if not wait_for(self.is_up, 60):
            raise RuntimeError("it does not start")

    def is_up(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2).status == 200
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.process = None

    def config(self, *words, **yaml):
        lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in yaml.items())
        subprocess.run([sys.argv[2], "config", *words, *(["-f", "-"] if yaml else [])], input=lines, text=True,
                       check=True, env=self.env, capture_output=True)


def gateway(server):
    return Gateway("--identity", os.path.join(work, "identity"), backend=server.ota)


def spoken(words):
    path = os.path.join(work, "words.wav")
    subprocess.run(["espeak-ng", "-v", "en-us", "-w", path, words], check=True)
    with wave.open(path) as file:
        return path, 1000 * file.getnframes() // file.getframerate()


def talk(g, words):
    """One spoken turn by the native client: its events, and how much of the answer is loud, in ms."""
    path, ms = spoken(words)
    out = os.path.join(work, "heard.wav")
    done = subprocess.run([sys.argv[1], "call", f"http://127.0.0.1:{g.port}/", "--in", path, "--out", out, "--json"],
                          capture_output=True, text=True, timeout=90, check=False)
    with wave.open(out) as file:
        data, rate = memoryview(file.readframes(10 ** 8)).cast("h"), file.getframerate() * file.getnchannels()
    loud = sum(max(abs(s) for s in data[i:i + rate // 50]) > 500 for i in range(0, len(data), rate // 50)) * 20
    return done, ms, loud


def test_activation(server):
    with gateway(server) as g, Peer(g, macAddress="02:00:00:00:00:31") as p:
        told = p.message("activation")
        check(told and re.fullmatch(r"\d{6}", told["code"]), "an unknown board: its code reaches the page")
        server.config("set-default-agent", "assistant")
        server.config("reload")
        check(p.message("ready", patience=60), "once it is served, OTA's token opens the WebSocket: ready")


def test_framing(server, version):
    with gateway(server) as g:
        done, ms, loud = talk(g, "Please tell me how long this is.")
        said = re.search(r"hello (\d+)", done.stdout)
        check(said and ms - 400 <= int(said.group(1)) <= ms + 1500,
              f"framing {version}: all of {ms} ms of speech arrives ({said and said.group(1)} ms with its quiet)")
        check("You said hello" in done.stdout, f"framing {version}: the answer's words come")
        check(loud >= 500, f"framing {version}: and its sound ({loud} ms)")
        check(not any("rubbish" in line for line in g.log), f"framing {version}: nothing is wrong with its messages")


def test_tool(server):
    server.config("set", "provider", "llm", "mock", type="mock", reply="Done with {text}.", tool_when="hello",
                  tool_name="set_volume", tool_arguments={"volume": 30})
    server.config("reload")
    with gateway(server) as g:
        done, _, _ = talk(g, "Please make it quiet.")
        check("set_volume" in done.stdout, "a tool call reaches the caller")
        check("Done with hello" in done.stdout, "its result goes back, and the answer comes")


def main():
    server = Server()
    try:
        server.start(1)
        server.config("set", "provider", "llm", "mock", type="mock", reply="You said {text}.")
        server.config("set", "provider", "asr", "mock", type="mock", text="hello {ms}")
        server.config("set", "provider", "tts", "mock", type="mock")
        server.config("set", "provider", "vad", "mock", type="mock")
        server.config("set", "agent-defaults", llm="mock", asr="mock", tts="mock", vad="mock")
        server.config("set", "agent", "assistant", prompt="A test.")
        test_activation(server)
        test_framing(server, 1)
        for version in (2, 3):
            server.start(version)
            test_framing(server, version)
        test_tool(server)
    finally:
        server.stop()
        shutil.rmtree(work)
    print(f"{sum(verdicts)} passed, {len(verdicts) - sum(verdicts)} failed")
    sys.exit(0 if all(verdicts) else 1)


main()
