"""Tools of an operator, and music: from the configuration to the assistant's tools/list, through a call to a service or to the
page, and back. Per person, with bounds."""
import http.server
import json
import os
import tempfile
import threading
import time
import wave

from harness import Gateway, Peer, check, wait_for
from mock_assistant import MockAssistant

MAC, OTHER = "02:00:00:00:00:07", "02:00:00:00:00:08"


class Service:
    """What an operator's tools ask."""

    def __init__(self):
        service = self
        self.asked, self.answers = [], {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.split("?")[0]
                service.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, text, *wait = service.answers.get(path, (404, "no such thing"))
                time.sleep(wait[0] if wait else 0)
                data = text.encode()
                try:
                    self.send_response(status)
                    if status == 302:
                        self.send_header("Location", "/other")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass

            do_POST = do_GET

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def write(text, suffix=".json"):
    file = tempfile.NamedTemporaryFile("w", suffix=suffix, delete=False)
    file.write(text)
    file.close()
    return file.name


class Caller:
    """The assistant's side of MCP: asks, and waits for what comes back."""

    def __init__(self, link):
        self.link, self.last = link, 100

    def ask(self, method, **params):
        self.last += 1
        self.link.say(type="mcp", payload={"jsonrpc": "2.0", "id": self.last, "method": method, "params": params})
        return self.last

    def reply(self, ident):
        def found():
            return [t["payload"] for t in list(self.link.texts) if t["type"] == "mcp" and t["payload"].get("id") == ident]
        return found()[0] if wait_for(found) else {}

    def call(self, name, **args):
        return self.reply(self.ask("tools/call", name=name, arguments=args))

    def result(self, name, **args):
        reply = self.call(name, **args)
        return reply["result"]["content"][0]["text"] if "result" in reply else None

    def error(self, name, **args):
        return self.call(name, **args).get("error", {}).get("message")

    def names(self):
        names, cursor = [], ""
        self.pages = 0
        while True:
            result = self.reply(self.ask("tools/list", cursor=cursor))["result"]
            self.pages += 1
            text = json.dumps(result, separators=(",", ":"), ensure_ascii=False)
            check(len(text.encode()) <= 8000, "a page of at most 8000 bytes")
            names += [tool["name"] for tool in result["tools"]]
            cursor = result.get("nextCursor")
            if not cursor:
                return names


def caller_of(mock, mac):
    return Caller(next(link for link in mock.links if link.headers["device-id"] == mac))


def operators_tools(service):
    return {"tools": [
        {"name": "lamp", "description": "Switch the lamp", "parameters": {
            "on": {"type": "boolean"}, "level": {"type": "integer", "minimum": 0, "maximum": 100, "optional": True},
            "room": {"type": "string", "enum": ["hall", "bath"], "optional": True}},
         "http": {"url": service.url + "/lamp", "headers": {"X-House": "7"}, "token": "s3cret"}},
        {"name": "weather", "description": "The weather", "parameters": {"city": {"type": "string", "maxLength": 40}},
         "http": {"url": service.url + "/weather?units=c", "method": "GET"}},
        {"name": "slow", "description": "Is slow", "http": {"url": service.url + "/slow", "timeout": 1}},
        {"name": "large", "description": "Says much", "http": {"url": service.url + "/large", "maxBytes": 1000}},
        {"name": "away", "description": "Leads away", "http": {"url": service.url + "/away"}},
        {"name": "closed", "description": "Nobody is there", "http": {"url": "http://127.0.0.1:9/"}},
        {"name": "mine", "description": "One person's", "devices": [MAC.upper()], "http": {"url": service.url + "/mine"}},
        {"name": "card", "description": "Show a card", "parameters": {"text": {"type": "string"}}, "page": "note"},
        {"name": "vote", "description": "Ask the person", "parameters": {"question": {"type": "string"}}, "page": True},
        *({"name": f"filler_{i}", "description": "x" * 900, "page": True} for i in range(12))]}


def test_tools_of_an_operator():
    service, mock = Service(), MockAssistant()
    service.answers = {"/lamp": (200, '{"on":true}'), "/weather": (200, "sunny"), "/slow": (200, "late", 3),
                       "/large": (200, "x" * 1001), "/away": (302, ""), "/other": (200, "stolen"), "/mine": (204, "")}
    with Gateway("--tools", write(json.dumps(operators_tools(service))), backend=mock.url) as g, \
            Peer(g, macAddress=MAC) as p, Peer(g, macAddress=OTHER) as q:
        check(p.message("ready") and q.message("ready"), "two people, ready")
        mine, other = caller_of(mock, MAC), caller_of(mock, OTHER)
        names = mine.names()
        check(len(names) == 5 + 9 + 12 and len(set(names)) == len(names) and mine.pages >= 2, "all tools, in pages")
        check("mine" in names and "mine" not in other.names(), "one person's tool is that one's")
        check(mine.result("lamp", on=True, level=30, room="hall") == '{"on":true}', "a call by POST, its answer is the result")
        method, path, headers, body = service.asked[-1]
        check((method, path) == ("POST", "/lamp") and json.loads(body) == {"on": True, "level": 30, "room": "hall"} and
              headers["x-house"] == "7" and headers["authorization"] == "Bearer s3cret" and headers["device-id"] == MAC and
              headers["content-type"] == "application/json", "with arguments, headers, token, and whose it is")
        check(mine.result("weather", city="Hà Nội & co") == "sunny" and
              service.asked[-1][:2] == ("GET", "/weather?units=c&city=H%C3%A0%20N%E1%BB%99i%20%26%20co"), "a call by GET")
        n = len(service.asked)
        wrong = [mine.error("lamp"), mine.error("lamp", on="yes"), mine.error("lamp", on=True, level=101),
                 mine.error("lamp", on=True, room="attic"), mine.error("weather", city="x" * 41), other.error("mine")]
        check(all(wrong) and "Unknown tool" in wrong[-1] and len(service.asked) == n, "what does not fit the schema is never sent")
        check(mine.result("mine") == "done", "an answer without a word is \"done\"")
        check("1 s" in (mine.error("slow") or ""), "a service that is late: an error in time")
        check("longer than 1000 bytes" in (mine.error("large") or ""), "an answer that is too long: an error, not half of it")
        check("302" in (mine.error("away") or "") and not any("/other" in a[1] for a in service.asked), "no redirect is followed")
        check("no answer" in (mine.error("closed") or ""), "a service that is not there: an error")
        check(mine.result("card", text="hello") == "done" and p.message("note", text="card", value="hello"), "a note to the page")
        ident = mine.ask("tools/call", name="vote", arguments={"question": "Tea?"})
        vote = p.message("tool", text="vote", value="Tea?")
        q.say(type="tool_result", id=vote["id"], ok=True, value="no")
        p.say(type="tool_result", id=vote["id"], ok=True, value="yes")
        check(mine.reply(ident)["result"]["content"][0]["text"] == "yes", "the page's answer is the result, and only that page's")
        late = mine.ask("tools/call", name="slow", arguments={})
        check(mine.result("weather", city="a") == "sunny", "a slow call holds nothing up")
        mine.reply(late)
        check(not any("s3cret" in line for line in g.log), "no token in the log")
        q.say(type="ping", t=1)
        q.message("pong", t=1)
        check(not any('"note"' in line or '"tool"' in line for line in q.seen), "the other person sees none of it")
        check(g.alive(), "alive")


def test_music_of_a_folder():
    folder = tempfile.mkdtemp(prefix="xz-music-")
    os.mkdir(os.path.join(folder, "The Band"))
    for path in ("Jane Doe - Morning Song.wav", "The Band/Encore.wav"):
        with wave.open(os.path.join(folder, path), "wb") as f:
            f.setparams((1, 2, 8000, 0, "NONE", None))
            f.writeframes(bytes(range(256)) * 100)
    mock = MockAssistant()
    with Gateway("--music", folder, backend=mock.url) as g, Peer(g, macAddress=MAC) as p, Peer(g, macAddress=OTHER) as q:
        check(p.message("ready") and q.message("ready"), "ready")
        assistant = caller_of(mock, MAC)
        check({"search_music", "play_music", "stop_music"} <= set(assistant.names()), "music is among the tools")
        found = json.loads(assistant.result("search_music", words="jane morning"))
        check(found["found"] == 1 and found["songs"][0]["title"] == "Morning Song", "a song is found by words")
        check("playing: Jane Doe - Morning Song" == assistant.result("play_music", song=found["songs"][0]["id"]), "and played")
        music = p.message("music", state="start")
        check(music and music["text"] == "Jane Doe - Morning Song" and music["url"].startswith("/music/"), "the page is told where")
        status, data, headers = g.request("GET", music["url"])
        check(status == 200 and data[:4] == b"RIFF" and headers["content-type"] == "audio/wav" and
              headers["accept-ranges"] == "bytes", "it is there")
        status, piece, headers = g.request("GET", music["url"], headers={"Range": "bytes=100-199"})
        check(status == 206 and piece == data[100:200] and headers["content-range"] == f"bytes 100-199/{len(data)}",
              "in pieces, too")
        check("there is no music" in (assistant.error("play_music", song="nobody knows this") or ""), "none: said so")
        check(assistant.result("play_music", song="").startswith("playing: "), "any song where none is named")
        for path in ("/music/", "/music/x", "/music/..%2f..%2fetc%2fpasswd", "/music/Jane%20Doe%20-%20Morning%20Song.wav",
                     "/music/../../etc/passwd", "/music/" + "0" * 24):
            check(g.request("GET", path)[0] == 404, f"GET {path}: 404")
        q.say(type="ping", t=1)
        q.message("pong", t=1)
        check(not any('"music"' in line for line in q.seen), "nothing plays at another person's")


def test_music_at_our_own_assistant():
    """Words that are typed or spoken, by rules: the tools of the page, and the song starts there."""
    folder = tempfile.mkdtemp(prefix="xz-music-")
    for path in ("Jane Doe - Morning Song.wav", "The Band - Encore.wav"):
        with wave.open(os.path.join(folder, path), "wb") as f:
            f.setparams((1, 2, 8000, 0, "NONE", None))
            f.writeframes(bytes(1000))
    for names in ("plain", "firmware"):
        with Gateway("--music", folder, "--tool-names", names, backend="embedded") as g, Peer(g, macAddress=MAC) as p:
            p.message("ready")
            p.text("Play the Encore, please!")
            check(p.message("music", state="start", text="The Band - Encore"), f"{names}: 'play the encore': it plays")
            check(p.message("tts", state="sentence_start", text="Now playing The Band - Encore."), "and is named")
            p.text("播放音乐")
            check(p.message("music", state="start"), f"{names}: 播放音乐: something plays")
            said = p.message("tts", state="sentence_start")
            check(said and said["text"].startswith("正在播放："), "and is named in Chinese")
            p.text("play Nobody")
            check(p.message("tts", state="sentence_start", text="I am sorry, that did not work."),
                  "a song that is not there: said so")
            p.text("stop the music")
            check(p.message("tool", text="stop_music"), f"{names}: 'stop the music': it stops")
    with Gateway(backend="embedded") as g, Peer(g, macAddress=MAC) as p:
        p.message("ready")
        p.text("play music")
        check(p.message("tts", state="sentence_start", text="I am sorry, your device has no music that I can play."),
              "no music is configured: said so")


def test_music_of_a_list():
    service, mock = Service(), MockAssistant()
    songs = [{"title": "One", "author": "A", "url": "https://music.example/1.mp3"},
             {"title": "Bad", "url": "file:///etc/passwd"}]
    service.answers = {"/list.json": (200, json.dumps({"songs": songs}))}
    with Gateway("--music", service.url + "/list.json", backend=mock.url) as g, Peer(g, macAddress=MAC) as p:
        p.message("ready")
        assistant = caller_of(mock, MAC)
        check(assistant.result("play_music", song="one") == "playing: A - One", "a song of a list from the web")
        check(p.message("music", url="https://music.example/1.mp3"), "the page is told its address")
        check(assistant.error("play_music", song="bad"), "an address that is none of the web's is passed over")
        check(len(service.asked) == 1, "the list is asked for once in ten minutes")
    service.answers = {"/list.json": (500, "broken")}
    with Gateway("--music", service.url + "/list.json", backend=mock.url) as g, Peer(g, macAddress=MAC) as p:
        p.message("ready")
        check("list of music" in (caller_of(MockOf(mock), MAC).error("search_music", words="one") or ""), "no list: said so")


class MockOf:
    """The links of the newest connection first."""

    def __init__(self, mock):
        self.links = list(reversed(mock.links))
