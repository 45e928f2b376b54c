"""Stages of the embedded assistant that are plugged in over HTTP: what they do, what people are told when they fail, and
that nobody waits for another's server."""
import base64
import concurrent.futures
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from callers import Caller, spoken
from harness import BINARY, Gateway, Peer, check, wait_for
from mock_models import MockModels

JPEG = base64.b64decode(  # 8 x 8, half dark, half light
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i"
    "Z2hnPk1xeXBkeFxlZ2P/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABP/EABgQAAIDAAAAAAAAAAAAAAAAAAAGRIPC"
    "/9oACAEBAAA/ABoE+vR//9k=")
KEY = "sk-n0body-may-see-this"


def plugged(models, *which, more=(), seconds="2"):
    options = [word for stage in which for word in (f"--{stage}-url", models.url)]
    return Gateway(*options, "--stage-seconds", seconds, *more, backend="embedded")


def meet(g, **fields):
    p = Peer(g, **fields)
    p.message("ready")
    return p


def caption(p, text):
    """The next caption that contains |text|."""
    def wanted(line):
        if not line.startswith("text "):
            return False
        m = json.loads(line[5:])
        return m.get("type") == "tts" and m.get("state") == "sentence_start" and text in m.get("text", "")
    return p.until(wanted) is not None


def is_sound(line):
    return line.startswith("audio") and not line.endswith("f0fffe")


def speak(p, ms=800):
    """Holds the button; what is sent does not matter to a server that is scripted."""
    p.say(type="listen", state="start", mode="manual")
    p.do("opus f80102")
    time.sleep(ms / 1000)
    p.do("opus")
    p.say(type="listen", state="stop")


def at_once(*calls):
    """Such tests wait, mostly."""
    with concurrent.futures.ThreadPoolExecutor(14) as pool:
        for done in [pool.submit(*call) for call in calls]:
            done.result()


def test_stages_dialogue_streams():
    folder = tempfile.mkdtemp(prefix="xz-")
    with open(os.path.join(folder, "key"), "w", encoding="utf-8") as file:
        file.write(KEY + "\n")
    more = ("--llm-key-file", file.name, "--llm-model", "m1", "--log-level", "debug")
    with MockModels() as models, plugged(models, "llm", more=more, seconds="20") as g, meet(g) as p:
        p.text("wait")
        check(p.message("llm", emotion="funny"), "the emoji is the emotion")
        check(caption(p, "Hello."), "the first sentence is shown while the second is not written yet")
        check(p.until(is_sound), "and heard")
        models.go.set()
        check(caption(p, "Second: wait."), "then the second")
        _, headers, body = models.asked[0]
        request = json.loads(body)
        check(headers["authorization"] == "Bearer " + KEY and request["model"] == "m1" and request["stream"] is True,
              "asked with key and model")
        names = {t["function"]["name"] for t in request["tools"]}
        check({"set_volume", "take_photo"} <= names and request["messages"][0]["role"] == "system",
              "with the page's tools and its part")
        with open(f"/proc/{g.process.pid}/cmdline", "rb") as line:
            shown = line.read().decode()
        check(KEY not in shown and KEY not in "".join(g.log), "the key is in no flag and no log")


def test_stages_dialogue_uses_tools():
    with MockModels() as models, plugged(models, "llm") as g, meet(g) as p:
        p.text('tool set_volume {"volume":30}')
        call = p.message("tool")
        check(call and call["text"] == "set_volume" and call["value"] == 30, "the page is asked to do it")
        p.say(type="tool_result", id=call["id"], ok=True, value="30 percent")
        check(caption(p, "The tool said"), "and the model hears what came of it")
        last = models.chats()[-1]
        check(last[-2]["tool_calls"][0]["id"] == "c1" and "30 percent" in last[-1]["content"], "as the API wants it")
        p.text("tool self_destruct {}")
        check(caption(p, "There is no such tool."), "what the device does not have is not called")
        p.text("tool take_photo {\"question\":\"what is it\"}")
        call = p.message("tool", text="take_photo")
        p.say(type="photo", id=call["id"], mime="image/jpeg", size=len(JPEG))
        p.do("binary " + JPEG.hex())
        check(caption(p, "I see it."), "a photo is shown to the model")
        url = models.chats()[-1][-1]["content"][1]["image_url"]["url"]
        check(url == "data:image/jpeg;base64," + base64.b64encode(JPEG).decode(), "as an image in the conversation")


def test_stages_memory():
    with MockModels() as models, plugged(models, "llm") as g:
        with meet(g, macAddress="02:00:00:00:00:01") as p:
            p.text("one")
            caption(p, "Hello.")
            p.say(type="abort")
            p.text("two")
            caption(p, "Hello.")
            roles = [(m["role"], m["content"]) for m in models.chats()[-1][1:]]
            check(roles[0] == ("user", "one") and roles[1][0] == "assistant" and "Hello." in roles[1][1] and
                  roles[2] == ("user", "two"), "what was said before is known")
            with meet(g, macAddress="02:00:00:00:00:02") as q, meet(g) as r:
                for other in (q, r):
                    other.text("three")
                    caption(other, "Hello.")
                    check(len(models.chats()[-1]) == 2, "to nobody else")
            p.say(type="abort")
            p.text("Please forget everything!")
            check(caption(p, "I have forgotten everything"), "'forget everything' is answered")
            p.text("four")
            caption(p, "Hello.")
            check(len(models.chats()[-1]) == 2, "and done")
            p.say(type="abort")
        with meet(g, macAddress="02:00:00:00:00:01") as p:
            p.text("five")
            caption(p, "Hello.")
            check(len(models.chats()[-1]) == 4, "one who comes again is known again")


def test_stages_memory_is_the_operators_to_erase():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]

    def memory(body=None, token="adm1n"):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/xiaozhi/memory", body and json.dumps(body).encode(),
                                         {"Authorization": "Bearer " + token})
        try:
            return json.load(urllib.request.urlopen(request, timeout=10))
        except urllib.error.HTTPError as error:
            return error.code
    more = ("--devices", f"127.0.0.1:{port}", "--admin-token", "adm1n")
    with MockModels() as models, plugged(models, "llm", more=more) as g, meet(g, macAddress="02:00:00:00:00:01") as p:
        p.text("one")
        caption(p, "Hello.")
        p.say(type="abort")
        check(wait_for(lambda: memory()["people"] == 1) and memory()["bytes"] > 10, "the operator sees how much there is")
        stats = urllib.request.Request(f"http://127.0.0.1:{port}/xiaozhi/stats", None, {"Authorization": "Bearer adm1n"})
        check(json.load(urllib.request.urlopen(stats, timeout=10))["fallbacks"] == 0, "and how often a server failed: never")
        check(memory({"erase": "all"}, "wrong") == 401 and memory({"erase": "x"}) == 400, "with the token, and in form")
        check(memory({"erase": "02:00:00:00:00:09"}) == {"erased": 0}, "of nobody: nothing")
        check(memory({"erase": "02:00:00:00:00:01"}) == {"erased": 1} and memory()["people"] == 0, "and erases it")
        p.text("two")
        caption(p, "Hello.")
        check(len(models.chats()[-1]) == 2, "so that it is gone")


def dialogue_failure(how, words):
    with MockModels() as models, plugged(models, "llm", seconds="1") as g, meet(g) as p:
        p.text(how)
        check(caption(p, "My language service " + words), f"{how}: 'My language service {words}'")
        check(p.until(is_sound), f"{how}: spoken, too")
        if how in ("401", "429"):
            n = len(models.asked)
            p.say(type="abort")
            p.text("what time is it")
            check(caption(p, "It is") and len(models.asked) == n, f"{how}: then it is left alone, the built-in one answers")
        check(any("llm of 127.0.0.1" in line for line in g.log), f"{how}: the log says which server")


def breaks_off():
    with MockModels() as models, plugged(models, "llm", seconds="1") as g, meet(g) as p:
        p.text("break off")
        check(caption(p, "Hello.") and caption(p, "broke off in the middle"), "in mid-answer: what there is, then why")


def is_not_there():
    models = MockModels()
    models.__exit__()
    with plugged(models, "llm", "stt", "tts") as g, meet(g) as p:
        p.text("tell me a joke")
        check(caption(p, "My language service cannot be reached"), "nobody there: said so")
        check(caption(p, "My voice service cannot be reached"), "of the voice as well, which is the built-in one now")


def test_stages_barge_in_and_others():
    more = ("--resume-seconds", "0")
    with MockModels() as models, plugged(models, "llm", seconds="60", more=more) as g, meet(g) as p, meet(g) as q:
        p.text("stall")
        wait_for(lambda: models.asked)
        q.text("hello")
        check(caption(q, "Second: hello."), "one waits for a server that stalls: another is answered")
        check(models.n_hung_up == 0, "the first still waits")
        p.say(type="abort")
        check(wait_for(lambda: models.n_hung_up == 1), "until he says stop: then nobody waits for that server any more")
        p.text("again")
        check(caption(p, "Second: again."), "and he is answered, too")
        p.text("stall")
        wait_for(lambda: len(models.asked) == 4)
        p.text("instead")
        check(wait_for(lambda: models.n_hung_up == 2) and caption(p, "Second: instead."), "something else instead: likewise")
        q.text("stall")
        wait_for(lambda: len(models.asked) == 6)
        q.do("close")
        check(wait_for(lambda: models.n_hung_up == 3, 45), "and when he hangs up")


def recogniser_failure(how, words):
    with MockModels() as models, plugged(models, "stt", seconds="1") as g, meet(g) as p:
        models.hear = how
        speak(p)
        check(caption(p, "My listening service " + words), f"{how}: 'My listening service {words}'")
        models.hear = ""
        p.say(type="abort")
        speak(p)
        check(p.message("stt", text="what time is it"), f"{how}: and is asked again")


def hears():
    with MockModels() as models, plugged(models, "stt") as g, meet(g) as p:
        speak(p)
        check(p.message("stt", text="what time is it"), "what the server heard is shown")
        check(caption(p, "It is"), "and answered by the built-in rules")
        path, headers, body = models.asked[0]
        check(headers["content-type"].startswith("multipart/form-data") and b"RIFF" in body and b"whisper-1" in body,
              "it was sent a WAV")


def test_stages_a_wake_word_is_told():
    with Gateway("--wake-word", "Computer", backend="embedded") as g, Peer(g) as p:
        check(p.message("ready")["features"].get("wakeWord") == "Computer", "the page learns which, from the assistant's hello")


def test_stages_words_while_they_are_spoken():
    with MockModels() as models, plugged(models, "stt", more=("--stt-interim",)) as g, Caller(g) as c:
        c.message("ready", patience=30)
        c.say(type="listen", state="start", mode="auto")
        models.heard = "tell me"
        c.play(spoken("tell me, if you know it by now, what time it is", lead=0.3, tail=0.1))
        hearing = c.message("hearing")
        check(hearing and hearing["text"] == "tell me" and len(models.asked) >= 1, "words are shown while somebody speaks")
        models.heard = "what time is it"
        c.play(bytes(32000))
        stt = c.message("stt")
        check(stt and stt["text"] == "what time is it", "and what it was, when he has ended")
        sizes = [len(body) for _, _, body in models.asked]
        check(2 <= len(sizes) <= 6 and sizes == sorted(sizes), f"asked once a second, with all there is so far ({len(sizes)})")
    with MockModels() as models, plugged(models, "stt") as g, Caller(g) as c:
        c.message("ready", patience=30)
        c.say(type="listen", state="start", mode="auto")
        c.play(spoken("tell me, if you know it by now, what time it is", tail=1.0))
        check(c.message("stt") and len(models.asked) == 1, "unless the operator wants that, a server is asked once")


def voice_failure(how, words):
    with MockModels() as models, plugged(models, "tts", seconds="1") as g, meet(g) as p:
        models.speak = how
        p.text("who are you")
        check(caption(p, "My voice service " + words), f"{how}: 'My voice service {words}'")
        check(caption(p, "You hear my built-in voice") and len(models.asked) == 1, f"{how}: which goes on to the end")


def speaks():
    with MockModels() as models, plugged(models, "tts") as g, meet(g) as p:
        p.text("who are you")
        check(caption(p, "I am the built-in") and caption(p, "I run right here"), "both sentences are shown")
        bodies = [json.loads(body) for _, _, body in models.asked]
        check(len(bodies) == 2 and bodies[0]["response_format"] == "wav" and bodies[0]["voice"] == "alloy" and
              "I run" not in bodies[0]["input"], "each was asked for on its own")
        check(p.until(is_sound), "and heard")


def test_stages_failures_are_explained():
    """The first drips: it sends comments for ever, and is over after eight times the limit."""
    unreadable = "sent something that I cannot read"
    dialogue = (("drip", "takes too long"), ("401", "does not accept my key"), ("404", "does not know my model"),
                ("400", "did not accept my request"), ("429", "wants to be asked less often"), ("500", "has a fault of its own"),
                ("302", unreadable), ("stall", "takes too long"), ("garbage", "broke off"), ("half", unreadable),
                ("hang up", "broke off"))
    recogniser = (("500", "has a fault of its own"), ("half", unreadable), ("stall", "takes too long"))
    voice = (("500", "has a fault of its own"), ("garbage", unreadable), ("stall", "takes too long"),
             ("429", "wants to be asked less often"), ("hang up", "broke off"))
    rows = [(test, *row) for test, those in ((dialogue_failure, dialogue), (recogniser_failure, recogniser),
                                             (voice_failure, voice)) for row in those]
    at_once(*rows, (breaks_off,), (is_not_there,), (hears,), (speaks,))


def test_stages_tls_and_names():
    folder = tempfile.mkdtemp(prefix="xz-")
    cert = os.path.join(folder, "localhost")
    other = os.path.join(folder, "other")
    for name in ("localhost", "other"):
        path = os.path.join(folder, name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-keyout", path + ".key", "-out", path + ".pem", "-subj", f"/CN={name}", "-addext",
                        f"subjectAltName=DNS:{name}"], check=True, capture_output=True)

    def trusted():
        with MockModels(cert) as models, plugged(models, "llm", more=("--backend-ca", cert + ".pem")) as g, meet(g) as p:
            p.text("hello")
            check(caption(p, "Second: hello."), "https by name, with a certificate that is trusted")

    def distrusted(key, *more):
        with MockModels(key) as models, plugged(models, "llm", more=more) as g, meet(g) as p:
            p.text("hello")
            check(caption(p, "cannot be reached") and not models.asked, "with one that is not, or another's: nothing is sent")

    def named():
        with MockModels() as models:
            models.url = f"http://localhost:{models.port}/v1/chat/completions"
            with plugged(models, "llm") as g, meet(g) as p:
                p.text("hello")
                check(caption(p, "Second: hello."), "of two addresses of a name the one that answers")

    def nameless():
        with MockModels() as models:
            models.url = "http://no-such-name.invalid"
            with plugged(models, "llm", seconds="20") as g, meet(g) as p:
                p.text("who are you")
                check(caption(p, "cannot be reached") and caption(p, "I am the built-in"), "a name that nobody has: said so")

    def doctors(key, code, words, *more):
        with MockModels(key) as models:
            got, found = doctor("--llm-url", models.url, *more)
            held = got == code and words in found["llm"][1] and bool(models.asked) == (code == 0)
            check(held, f"check, {os.path.basename(key)}: {found['llm'][1]}".replace(models.url, "URL"))
    at_once((trusted,), (distrusted, cert), (distrusted, other, "--backend-ca", other + ".pem"), (named,), (nameless,),
            (doctors, cert, 0, "answers", "--backend-ca", cert + ".pem"),
            (doctors, cert, 1, "its TLS certificate is not to be trusted: "),
            (doctors, other, 1, "not one that --backend-ca vouches for", "--backend-ca", other + ".pem"))


def doctor(*options):
    """Exit code and findings of `check` about stages: {"llm": ["ok", "URL: sentence"]}."""
    done = subprocess.run([BINARY, "check", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", *options],
                          capture_output=True, text=True, timeout=120, check=False)
    lines = [line.split(None, 2) for line in done.stdout.splitlines()]
    return done.returncode, {what: (verdict, said) for verdict, what, said in lines if what in ("stt", "llm", "tts", "stages")}


def consult(stage, how, verdict, words, *more):
    """What `check` says of a server that behaves |how|."""
    with MockModels() as models:
        if stage == "tts" and how == "mp3":
            models.sound = b"ID3\x04" + bytes(2000)
        setattr(models, {"llm": "think", "stt": "hear", "tts": "speak"}[stage], how)
        code, found = doctor(f"--{stage}-url", models.url, "--stage-seconds", "1" if how == "stall" else "20", *more)
        said = found.get(stage, ("", ""))
        held = said[0] == verdict and code == (verdict != "ok") and said[1].startswith(models.url + ": ")
        check(held and all(word in said[1] for word in words) and len(found) == 1,
              f"check, {stage} {how or 'well'}: {said[1].replace(models.url, 'URL')}")


def test_stages_are_checked_by_the_doctor():
    folder = tempfile.mkdtemp(prefix="xz-")
    with open(os.path.join(folder, "key"), "w", encoding="utf-8") as file:
        file.write(KEY + "\n")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{s.getsockname()[1]}"

    def all_three():
        with MockModels() as models:
            code, found = doctor("--llm-url", models.url, "--llm-model", "m1", "--llm-key-file", file.name, "--stt-url",
                                 models.url, "--tts-url", models.url, "--tts-voice", "nova")
            check(code == 0 and all(found[s][0] == "ok" and "answers" in found[s][1] for s in ("stt", "llm", "tts")),
                  f"check, all three well: {found}".replace(models.url, "URL"))
            check("heard 'what time is it'" in found["stt"][1] and "0.5 s of speech" in found["tts"][1], "with what they made")
            path, headers, body = next(a for a in models.asked if a[0].endswith("/completions"))
            request = json.loads(body)
            check(headers["authorization"] == "Bearer " + KEY and request["model"] == "m1" and request["tools"],
                  "the dialogue was asked as in a conversation: key, model, tools")

    def not_there(url, words):
        code, found = doctor("--llm-url", url, "--stage-seconds", "20")
        verdict, said = found.get("llm", ("", ""))
        check(code == 1 and verdict == "BROKEN" and words in said, f"check: {said}".replace(url, "URL"))

    def without_key():
        code, found = doctor("--llm-url", nobody, "--llm-key-file", "/nowhere")
        check(code == 1 and "/nowhere" in found["stages"][1], "check, a key file that is not there: said so")
    model = ("--llm-model", "m1")
    at_once((all_three,), (not_there, nobody, "nobody listens on port "), (not_there, "http://no-such-name.invalid", "the name no-such-name.invalid has no address"), (without_key,),
            (consult, "llm", "401", "BROKEN", ["it wants a key: give --llm-key-file (401)"]),
            (consult, "llm", "401", "BROKEN", ["it refuses the key in --llm-key-file (401)"], "--llm-key-file", file.name),
            (consult, "llm", "no model", "BROKEN", ["does not know the model 'm1' (404): see --llm-model"], *model),
            (consult, "llm", "404", "BROKEN", ["nothing at /v1/chat/completions (404): see --llm-url"]),
            (consult, "llm", "no tools", "BROKEN", ["rejects the request (400): m1 does not support tools"]),
            (consult, "llm", "429", "BROKEN", ["asked less often (429): scripted"]),
            (consult, "llm", "500", "BROKEN", ["fault of its own (500): scripted"]),
            (consult, "llm", "302", "BROKEN", ["it redirects (302)", "--llm-url"]),
            (consult, "llm", "stall", "BROKEN", ["no answer within 1 s", "--stage-seconds"]),
            (consult, "llm", "slow", "ok", ["answers, but only after "]),
            (consult, "llm", "garbage", "BROKEN", ["breaks off"]), (consult, "llm", "hang up", "BROKEN", ["breaks off"]),
            (consult, "stt", "401", "BROKEN", ["it wants a key: give --stt-key-file (401)"]),
            (consult, "stt", "no model", "BROKEN", ["the model 'whisper-1' (404): see --stt-model"]),
            (consult, "stt", "half", "BROKEN", ["no answer in the OpenAI-compatible form"]),
            (consult, "tts", "stall", "BROKEN", ["no answer within 1 s"]),
            (consult, "tts", "mp3", "BROKEN", ["no WAV of 16 bits"]))


def test_stages_usage():
    def refused(*options):
        done = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", *options],
                              capture_output=True, text=True, timeout=20)
        return done.stderr if done.returncode == 2 and done.stderr.count("\n") == 1 else ""
    check("llm-url" in refused("--llm-url", "ftp://x"), "an address that is none: one line, exit 2")
    check("/nowhere" in refused("--llm-url", "http://x", "--llm-key-file", "/nowhere"), "a key file that is not there")
    check("not the backend" in refused("--llm-url", "http://x", "--backend", "echo"), "stages of no assistant")
    check("need llm-url" in refused("--llm-model", "m"), "a model of nobody")
