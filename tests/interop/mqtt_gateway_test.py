#!/usr/bin/env python3
"""xiaozhi-mqtt-gateway, a bridge we did not write, between our two ends: our gateway is its MQTT and UDP device, our
embedded assistant the WebSocket server behind it. Run by tests/interop/run, which brings the program and what it needs.

  tests/interop/mqtt_gateway_test.py path/to/xiaozhi-rtc FOLDER      FOLDER has its app.js; ends with "N passed, N failed"."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

os.environ["GATEWAY"] = sys.argv[1]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from harness import Gateway, Peer, check, verdicts, wait_for  # noqa: E402

MAC = "02:00:00:00:00:2a"
KEY = "Interop-Key-9"  # signs passwords; without one the program checks none
work = tempfile.mkdtemp(prefix="mqtt-gateway-")


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Child:
    def __init__(self, command, **more):
        self.log = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        threading.Thread(target=lambda: self.log.extend(self.process.stdout), daemon=True).start()

    def says(self, words):
        return wait_for(lambda: any(words in line for line in self.log), 30)

    def stop(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()


def assistant(listen="127.0.0.1:0"):
    child = Child([sys.argv[1], "assistant", "--listen", listen])
    wait_for(lambda: child.log)
    child.port = int(re.search(r":(\d+)/xiaozhi", "".join(child.log)).group(1))
    return child


class Bridge(Child):
    mqtt, udp, api = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)

    def __init__(self, server_port):
        folder = sys.argv[2]
        config = json.load(open(os.path.join(folder, "config/mqtt.json.example"), encoding="utf-8"))
        config["production"]["chat_servers"] = [f"ws://127.0.0.1:{server_port}/xiaozhi/v1/?from=mqtt_gateway"]
        config["debug"] = True
        with open(os.path.join(folder, "config/mqtt.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        super().__init__(["node", "app.js"], cwd=folder,
                         env={**os.environ, "MQTT_PORT": str(self.mqtt), "UDP_PORT": str(self.udp), "API_PORT": str(self.api),
                              "PUBLIC_IP": "127.0.0.1", "MQTT_SIGNATURE_KEY": KEY})
        self.says("UDP")


class Ota(http.server.BaseHTTPRequestHandler):
    """Names the bridge alone, with credentials as its own servers sign them."""
    password_is_wrong = False

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        mac = self.headers["device-id"].replace(":", "_")
        client_id = f"GID_test@@@{mac}@@@{self.headers['client-id']}"
        username = base64.b64encode(b'{"ip":"127.0.0.1"}').decode()
        signed = hmac.new(KEY.encode(), f"{client_id}|{username}".encode(), hashlib.sha256).digest()
        password = "wrong" if Ota.password_is_wrong else base64.b64encode(signed).decode()
        body = json.dumps({"mqtt": {"endpoint": f"127.0.0.1:{Bridge.mqtt}", "client_id": client_id, "username": username,
                                    "password": password, "publish_topic": "device-server",
                                    "subscribe_topic": "null"}}).encode()
        try:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # the gateway was stopped
            pass

    def log_message(self, *_):
        pass


def sounds(peer):
    return sum(line.startswith("audio") for line in peer.seen)


def test_conversation(g, bridge):
    with Peer(g, macAddress=MAC) as p:
        check(p.message("ready"), "OTA, CONNECT with a signed password, hello, key: ready")
        check(bridge.says("02_00_00_00_00_2a"), "it knows the device by its address")
        p.text("set the volume to 30 percent")
        tool = p.message("tool", text="set_volume")
        check(tool and tool["value"] == 30, "a tool call comes through the tools it keeps for the device")
        p.say(type="tool_result", id=tool["id"], ok=True, value=True)
        said = p.message("tts", state="sentence_start")
        check(said and said["text"] == "The volume is now 30 percent.", "its result goes back, the answer comes")
        check(p.message("tts", state="stop") and sounds(p) > 30, f"and is heard ({sounds(p)} packets of 20 ms)")
        m = g.metrics()
        lost = {k: v for k, v in m.items() if "speech_datagrams" in k and v}
        check(not lost, f"nothing was lost or dropped {lost or ''}")
        p.text("what can you do")
        p.message("tts", state="sentence_start")
        p.say(type="abort")
        check(p.message("tts", state="stop"), "an abort ends the answer")
        p.text("hello")
        check(p.message("tts", state="sentence_start"), "and the next one comes")
        g.request("DELETE", p.answer["location"])
        check(bridge.says("通话结束"), "hanging up ends the call there, too")


def test_spoken(g):
    wav = os.path.join(work, "words.wav")
    subprocess.run(["espeak-ng", "-v", "en-us", "-w", wav, "what time is it"], check=True)
    done = subprocess.run([sys.argv[1], "call", f"http://127.0.0.1:{g.port}/", "--in", wav, "--json"], capture_output=True,
                          text=True, timeout=60, check=False)
    check(done.returncode == 0 and "what time is it" in done.stdout and "It is" in done.stdout,
          f"speech is understood at the other end, and answered {'' if done.returncode == 0 else done.stdout[-500:]}")


def test_faults(g, bridge, server):
    with Peer(g, macAddress=MAC) as p:
        p.message("ready")
        server.stop()
        check(p.message("websocket", state="close") or p.message("backend", state="lost"), "the server behind it dies: goodbye")
        server = assistant(f"127.0.0.1:{server.port}")
        p.text("hello")
        check(p.message("tts", state="stop"), "it is back, and so is the conversation")
        p.text("what can you do")
        p.message("tts", state="sentence_start")
        bridge.stop()
        check(p.message("backend", state="lost"), "the bridge dies in mid-answer: the page is told")
        bridge = Bridge(server.port)
        check(p.message("backend", state="ready", patience=40), "it is back: ready")
        p.text("hello")
        check(p.message("tts", state="stop"), "and answers")
    Ota.password_is_wrong = True
    with Peer(g, macAddress="02:00:00:00:00:2b") as p:
        check(p.message("backend", state="lost"), "a wrong password: refused, the page is told")
    return bridge, server


def main():
    ota = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ota)
    threading.Thread(target=ota.serve_forever, daemon=True).start()
    server = assistant()
    bridge = Bridge(server.port)
    try:
        with Gateway("--identity", os.path.join(work, "identity"),
                     backend=f"ota:http://127.0.0.1:{ota.server_port}/xiaozhi/ota/") as g:
            test_conversation(g, bridge)
            test_spoken(g)
            bridge, server = test_faults(g, bridge, server)
            check(g.alive(), "alive")
    finally:
        for child in (bridge, server):
            child.stop()
        shutil.rmtree(work)
    print(f"{sum(verdicts)} passed, {len(verdicts) - sum(verdicts)} failed")
    sys.exit(0 if all(verdicts) else 1)


main()
