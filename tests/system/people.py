"""Several people at one gateway: nobody ever gets another's words, tools, photos, results, or what was kept for them. The
ids on the wire are the same for all of them on purpose."""
import json

from harness import JSON, Gateway, Peer, check, wait_for
from mock_assistant import MockAssistant


def mac(i):
    return f"02:00:00:00:01:{i:02x}"


def strangers(people, secrets):
    """What anybody got that holds a secret of somebody else."""
    return [(i, line) for i, p in enumerate(people) for line in p.seen
            if any(secret in line for j, secret in enumerate(secrets) if j != i)]


def drain(p):
    p.say(type="ping", t=99)
    return p.message("pong", t=99)


def result_of(link, call):
    for message in list(link.texts):
        payload = message.get("payload", {})
        if message["type"] == "mcp" and payload.get("id") == call and "result" in payload:
            return payload["result"]["content"][0]["text"]
    return None


def test_people_words_tools_and_photos():
    mock, n = MockAssistant(), 6
    with Gateway("--workers", "2", backend=mock.url) as g:
        people = [Peer(g, macAddress=mac(i)) for i in range(n)]
        secrets = [f"secret-{i}-of-{mac(i)}" for i in range(n)]
        check(all(p.message("ready") for p in people), f"{n} people, ready")
        links = [next(link for link in mock.links if link.headers["device-id"] == mac(i)) for i in range(n)]
        for i, link in enumerate(links):  # all at once, with the same ids
            vision = {"url": f"http://127.0.0.1:{mock.port}/vision", "token": f"see-{i}"}
            link.say(type="mcp", payload={"jsonrpc": "2.0", "id": 1, "method": "initialize",
                                          "params": {"capabilities": {"vision": vision}}})
            link.say(type="stt", text=secrets[i])
            link.say(type="alert", status=secrets[i], message="m", emotion="sad")
            for call, name, args in ((7, "open_tab", {"url": f"http://{i}.example/{secrets[i]}"}),
                                     (8, "take_photo", {"question": secrets[i]})):
                link.say(type="mcp", payload={"jsonrpc": "2.0", "id": call, "method": "tools/call",
                                              "params": {"name": name, "arguments": args}})
        tabs = [p.message("tool", text="open_tab") for p in people]
        photos = [p.message("tool", text="take_photo") for p in people]
        check(all(tabs) and all(photos) and {t["id"] for t in tabs} == {1} and {t["id"] for t in photos} == {2},
              "each gets two calls, with the same ids for all")
        for i, p in reversed(list(enumerate(people))):
            p.say(type="photo", id=2, size=1000 + i, mime="image/jpeg")
            p.do(f"bytes {1000 + i}")
            p.say(type="tool_result", id=1, ok=True, value=f"result {i}")
            p.say(type="tool_result", id=3, ok=True, value=f"for nobody {i}")
        check(wait_for(lambda: len(mock.photos) == n), "each sends a photo")
        check(all(wait_for(lambda i=i: result_of(links[i], 7) == f"result {i}") for i in range(n)),
              "each result reaches the assistant of its person")
        fits = [headers["authorization"] == f"Bearer see-{i}" and secrets[i].encode() in body and
                body.count(b"x" * (1000 + i)) == 1
                for headers, body in mock.photos for i in range(n) if headers["device-id"] == mac(i)]
        check(len(fits) == n and all(fits), "each photo goes with the token, the question and the device of its person")
        check(all(wait_for(lambda i=i: result_of(links[i], 8)) for i in range(n)), "and its description comes back")
        check(all(drain(p) for p in people) and not strangers(people, secrets), f"nobody sees anything of another's "
              f"{strangers(people, secrets)[:2] or ''}")
        said = [json.dumps(link.texts) for link in links]
        check(not any(f"result {j}" in said[i] or f"nobody {j}" in said[i] for i in range(n) for j in range(n) if i != j),
              "and no assistant hears of another's")
        for p in people:
            p.process.kill()


def test_people_audio():
    mock, n = MockAssistant(), 4
    with Gateway("--workers", "2", backend=mock.url) as g:
        people = [Peer(g, macAddress=mac(i)) for i in range(n)]
        check(all(p.message("ready") for p in people), f"{n} people, ready")
        for i, p in enumerate(people):
            p.do(f"opus f8{0x40 + i:02x}{0x40 + i:02x}")
            p.say(type="listen", state="start", mode="realtime")
        for i, p in enumerate(people):
            p.text(f"speak {0x10 + i} 20")
        check(all(p.message("tts", state="stop") for p in people), "all are answered at once")
        check(all(wait_for(lambda i=i, p=p: p.heard(0x10 + i) == 60) for i, p in enumerate(people)), "each hears the own answer")
        check(not any(p.heard(0x10 + j) for i, p in enumerate(people) for j in range(n) if j != i), "and no other")
        links = [next(link for link in mock.links if link.headers["device-id"] == mac(i)) for i in range(n)]
        voices = [bytes([0x40 + j]) * 2 for j in range(n)]
        heard = [{j for _, data in link.packets for j in range(n) if voices[j] in data} for link in links]
        check(heard == [{i} for i in range(n)], "each assistant hears its person, and no other")
        for p in people:
            p.process.kill()


def test_people_after_one_another():
    """One place: whoever comes next finds nothing that was kept for the one before."""
    mock = MockAssistant()
    port = mock.port
    with Gateway("--max-sessions", "1", "--workers", "1", "--resume-seconds", "60", backend=mock.url) as g:
        with Peer(g, macAddress=mac(1)) as p:
            p.message("ready")
            for link in mock.links:
                call = {"name": "take_photo", "arguments": {"question": "secret question"}}
                link.say(type="mcp", payload={"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call})
            p.message("tool")
            p.say(type="photo", id=1, size=2000, mime="image/jpeg")
            p.do("bytes 1000")  # half of it
            p.text("speak 5 100 0.05")
            p.until(lambda line: " f805" in line)
            mock.stop()
            p.message("backend", state="retrying")
            p.text("a secret nobody heard yet")
            p.do("opus f85151")
            p.say(type="listen", state="start", mode="realtime")
            drain(p)
            location, resume = p.answer["location"], p.answer["resume"]
            wrong = resume[:-1] + ("0" if resume[-1] != "0" else "1")
            status, data, _ = g.request("POST", "/api/offer", json.dumps({"type": "offer", "sdp": p.offer, "resume": wrong}), JSON)
            check(status == 503 or not json.loads(data).get("resumed"), "a resume token that is nearly right opens nothing")
            check(g.request("DELETE", location)[0] == 204, "the first leaves")
        mock = MockAssistant(port)
        with Peer(g, macAddress=mac(2)) as q:
            check(q.message("ready", 40), "the next one gets the place")
            link = mock.links[-1]
            q.say(type="tool_result", id=1, ok=True, value="stolen")
            check(q.message("error", code="no_such_call"), "a call of the one before cannot be answered")
            q.say(type="photo", id=1, size=10, mime="image/jpeg")
            check(q.message("error"), "nor its photo be sent")
            q.text("speak 6 5")
            q.message("tts", state="stop")
            check(wait_for(lambda: q.heard(6) == 15) and not q.heard(5), "the answer of the one before is not heard")
            check(not any("secret" in line or "speak 5" in line for line in q.seen), "nor are the words seen")
            texts = json.dumps([link.headers, *link.texts])
            check("secret" not in texts and mac(1) not in texts, "the new assistant is not told the words of the one before")
            check(not any(b"\x51\x51" in data for _, data in link.packets), "nor does it hear them")
            check(g.request("DELETE", location)[0] == 404, "the old session's name is nobody's")
            q.process.kill()


def test_people_at_our_own_assistant():
    with Gateway(backend="embedded") as g:
        people = [Peer(g, macAddress=mac(i)) for i in range(4)]
        check(all(p.message("ready") for p in people), "4 people at the embedded assistant")
        for i, p in enumerate(people):
            p.text(f"set the volume to {20 + 10 * i} percent")
        tools = [p.message("tool", text="set_volume") for p in people]
        check([t and t["value"] for t in tools] == [20, 30, 40, 50], "each sets the own volume")
        for p, t in zip(people, tools):
            p.say(type="tool_result", id=t["id"], ok=True, value=True)
        said = [p.message("tts", state="sentence_start") for p in people]
        check(all(s and f"{20 + 10 * i} percent" in s["text"] for i, s in enumerate(said)), "and is told it")
        for p in people:
            p.message("tts", state="stop")
            p.text("louder")
        tools = [p.message("tool", text="set_volume") for p in people]
        check([t and t["value"] for t in tools] == [40, 50, 60, 70], "what it remembers of each is that one's")
        for p in people:
            p.process.kill()
