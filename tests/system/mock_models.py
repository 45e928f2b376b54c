"""A server of language, recognition and voice in the OpenAI-compatible form, for tests/system/stages.py. Whoever asks it
says how it is to behave: the last word of a person to the dialogue, or |think|; |hear| and |speak| for the others."""
import http.server
import io
import json
import math
import ssl
import struct
import threading
import time
import wave


def tone(seconds=0.5, rate=22050):
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i / 8))) for i in range(int(rate * seconds))))
    return out.getvalue()


def chunk(**delta):
    finish = delta.pop("finish", None)
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


DONE = chunk(finish="stop") + b"data: [DONE]\n\n"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        outer = self.server.outer
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {k.lower(): v for k, v in self.headers.items()}
        outer.asked.append((self.path, headers, body))
        try:
            if self.path == "/v1/chat/completions":
                self.answer_chat(outer, json.loads(body))
            elif self.path == "/v1/audio/transcriptions":
                self.answer(outer.hear, lambda: (json.dumps({"text": outer.heard}).encode(), "application/json"))
            elif self.path == "/v1/audio/speech":
                self.answer(outer.speak, lambda: (outer.sound, "audio/wav"))
            else:
                self.whole(404, b"{}")
        except OSError:
            outer.n_hung_up += 1

    def whole(self, status, data, kind="application/json", **more):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def fail(self, how):
        """One of the ways to fail that all have in common. False: it is none."""
        if how.isdigit():
            more = {"Retry-After": "120"} if how == "429" else {"Location": "/v1/elsewhere"} if how == "302" else {}
            self.whole(int(how), b'{"error":{"message":"scripted"}}', **more)
        elif how == "no model":
            self.whole(404, b'{"error":{"message":"The model `m1` does not exist","code":"model_not_found"}}')
        elif how == "no tools":
            self.whole(400, b'{"error":{"message":"m1 does not support tools"}}')
        elif how == "stall":
            self.wait_for_end()
        elif how == "drip":
            self.begin("text/event-stream")
            while True:
                self.piece(b": still here\n\n")
                time.sleep(0.3)
        elif how == "garbage":
            self.whole(200, b"\x00\xff<html>" * 100, "text/event-stream")
        elif how == "half":
            self.whole(200, b'data: {"choices":[{"delta":{"conte' if "chat" in self.path else b'{"te', "text/event-stream")
        elif how == "hang up":
            self.close_connection = True
        else:
            if how == "slow":
                time.sleep(2.5)
            return False
        return True

    def wait_for_end(self):
        """Says nothing until the other side is tired of it."""
        while self.connection.recv(1):
            pass
        self.server.outer.n_hung_up += 1
        self.close_connection = True

    def answer(self, how, make):
        if not self.fail(how):
            self.whole(200, *make())

    def begin(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def piece(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def answer_chat(self, outer, request):
        last = request["messages"][-1]
        content = last["content"]
        word = outer.think or (content if isinstance(content, str) else content[0]["text"])
        if self.fail(word):
            return
        self.begin("text/event-stream")
        if last["role"] == "tool":
            self.piece(chunk(content=f"The tool said {content}."))
        elif isinstance(content, list):
            self.piece(chunk(content="I see it."))
        elif word.startswith("tool "):
            _, name, arguments = word.split(" ", 2)
            half = len(arguments) // 2
            self.piece(chunk(tool_calls=[{"index": 0, "id": "c1", "type": "function",
                                          "function": {"name": name, "arguments": arguments[:half]}}]))
            self.piece(chunk(tool_calls=[{"index": 0, "function": {"arguments": arguments[half:]}}]))
        else:
            self.piece(chunk(role="assistant", content="") + chunk(content="\U0001f602 Hel"))
            self.piece(chunk(content="lo. Sec"))
            if word == "break off":
                self.close_connection = True
                return
            if word == "wait":
                outer.go.wait(20)
            self.piece(chunk(content=f"ond: {word}."))
        self.piece(DONE)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


class MockModels:
    def __init__(self, cert=None):
        self.asked, self.think, self.hear, self.speak, self.n_hung_up = [], "", "", "", 0
        self.heard, self.sound = "what time is it", tone()
        self.go = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.outer = self
        self.server.handle_error = lambda *_: None  # a client that does not like our certificate
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert + ".pem", cert + ".key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"https://localhost:{self.port}/v1" if cert else f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def chats(self):
        return [json.loads(body)["messages"] for path, _, body in self.asked if path.endswith("/completions")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()
