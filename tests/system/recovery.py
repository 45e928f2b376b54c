"""A call in trouble: paths that die, callers who come back, gateways that go away."""
import datetime
import json
import signal
import time

from harness import JSON, Gateway, Peer, check, law_holds, refused, wait_for
from mock_assistant import MockAssistant


def test_timeline():
    with Gateway("--admin-token", "a", backend=MockAssistant().url) as g, Peer(g, post=False) as p:
        began = time.monotonic()
        p.post("/api/offer")
        ready = p.message("ready")
        took = (time.monotonic() - began) * 1000
        line = ready["timeline"]
        points = [line.get(k) for k in ("signalling", "ice", "dtls", "data")]
        check(None not in points and points == sorted(points) and 0 < points[0] and points[-1] <= took,
              f"ready tells the time-line of the connection ({line}, seen from here: {took:.0f} ms)")
        check("media" not in line, "without sound no point for it")
        p.say(type="listen", state="start", mode="manual")
        p.do("opus f80102")
        quality = p.message("quality", patience=5) and p.message("quality", patience=5)
        check(quality and line["data"] < quality["media"] < (time.monotonic() - began) * 1000, "quality tells it later")
        admin = {"Authorization": "Bearer a"}
        row = json.loads(g.request("GET", "/api/sessions/" + p.answer["sessionId"], headers=admin)[1])
        check(row["timeline"] == {**line, "media": quality["media"]}, "the admin reads the same")
        restart = json.loads(g.request("POST", p.answer["location"] + "/offer", json.dumps(
            {"type": "offer", "sdp": p.offer}), JSON)[1])
        row = json.loads(g.request("GET", "/api/sessions/" + restart["sessionId"], headers=admin)[1])
        check(row["timeline"]["signalling"] == line["signalling"], "another offer on it does not change it")


def test_ice_restart():
    mock = MockAssistant()
    with Gateway("--workers", "4", backend=mock.url) as g, Peer(g) as p:
        p.message("ready")
        p.text("speak 7 200 0.05")  # 12 s of speech, as it is said
        check(p.until(lambda line: line.startswith("audio") and " f807" in line), "an answer is being spoken")
        p.do("move")
        p.say(type="ping", t=1)  # into the void
        began = time.monotonic()
        check(p.restart() == 200, "the path is dead, another address: the offer for a restart is answered")
        back = p.until(lambda line: line.startswith("audio") and " f807" in line) and time.monotonic() - began
        check(back and p.message("pong", t=1), "the voice goes on over the new path; what was said before comes through")
        print(f"     {back * 1000:.0f} ms from the restart to the next sound")
        p.do("move")
        for _ in range(3):
            p.restart(deliver=False)
        check(p.restart() == 200, "three offers whose answers never arrive, at once, then one more")
        p.say(type="ping", t=2)
        check(p.message("pong", t=2), "the last answer counts")
        same = g.request("POST", p.answer["location"] + "/offer", json.dumps({"type": "offer", "sdp": p.offer}), JSON)
        again = json.loads(same[1])
        check(same[0] == 200 and again["sessionId"] == p.answer["sessionId"], "the same offer once more: answered")
        p.say(type="ping", t=3)
        check(p.message("pong", t=3), "and nothing changes")
        p.do("cut")
        p.say(type="ping", t=4)
        time.sleep(2)
        p.do("mend")
        began = time.monotonic()
        check(p.restart() == 200 and p.message("pong", t=4), "two seconds of silence, restart on the same address")
        print(f"     {(time.monotonic() - began) * 1000:.0f} ms from the restart to what was said in the silence")
        check(p.message("tts", state="stop"), "the answer ends")
        check(any('"sentence 7"' in line for line in p.seen), "its caption came")
        check(len(mock.links) == 1 and g.metric('reconnects_total{kind="ice_restart"}') == 7,
              "one conversation, its seven offers counted")
        check(law_holds(g), "datagrams in = consumed + dropped")


def test_a_path_that_is_dead_towards_the_caller_alone():
    with Gateway("--workers", "2", backend=MockAssistant().url) as g, Peer(g) as p:
        p.message("ready")
        p.do("opus f80102")
        held = [g.metric("speech_held_total")]
        p.text("speak 9 100 0.06")  # 6 s of speech, as it is said
        check(wait_for(lambda: p.heard(9) > 60), "an answer is being spoken")
        p.do("deafen")
        began = time.monotonic()
        for n in range(5):
            p.say(type="ping", t=n)
            time.sleep(0.4)
            held.append(g.metric("speech_held_total"))
            if held[-1] > held[0] and held[-2] == held[0]:
                print(f"     held within {(time.monotonic() - began) * 1000:.0f} ms")
        check(held[-1] == held[0] + 1, f"nothing arrives, though the caller is heard: speech is held ({held})")
        before = p.heard(9)
        p.do("hear")
        check(p.message("tts", state="stop"), "it arrives again, and the answer ends")
        p.heard(9)
        packets = [line.split()[2] for line in p.seen if line.startswith("audio")]
        frames = [packet[2:6] for packet in packets if packet.startswith("f8")]
        for packet in packets:  # several frames in one, while the way is thought to be narrow
            frames += [packet[i:i + 4] for i in range(4, len(packet), 4)] if packet.startswith("fb") else []
        numbers = [frame[2:] for frame in frames if frame.startswith("09")]
        check(len(set(numbers)) == 100 and before < len(numbers) <= 300 + 60,
              f"every one of its 100 packets was heard ({len(set(numbers))}; {len(numbers)} frames of 300)")


def test_nat_rebinding():
    with Gateway("--workers", "4", backend=MockAssistant().url) as g, Peer(g) as p:
        p.message("ready")
        waits = []
        for n in range(3):
            p.text(f"speak {n + 1} 130")
            p.until(lambda line: line.startswith("audio"))
            began, guessed = time.monotonic(), g.metric("datagrams_roaming_total")
            p.do("rebind")
            before = p.heard(n + 1)
            p.say(type="ping", t=n)
            check(p.message("pong", t=n), "the caller's port changes: its data tell, no signalling")
            waits.append(time.monotonic() - began)
            check(g.metric("datagrams_roaming_total") > guessed, "it was asked at its new address")
            check(wait_for(lambda: p.heard(n + 1) > before + 50), "and it is heard and spoken to there")
            p.say(type="abort")
        print("     " + ", ".join(f"{wait * 1000:.0f}" for wait in waits) + " ms until it had an answer there")
        # Left to the caller's own checks, one in 5 s, one of the three would nearly always take longer than that.
        check(max(waits) < 2.5, "the gateway did not wait for the caller's own check")


def test_unknown_session_after_a_restart_of_the_gateway():
    with Gateway(backend=MockAssistant().url) as g, Peer(g) as p:
        p.message("ready")
        token, place, offer = p.answer["resume"], p.answer["location"], json.dumps({"type": "offer", "sdp": p.offer})
        with Gateway(backend=MockAssistant().url) as other:  # what a restarted one is to the caller
            began = time.monotonic()
            refused(other, "restart of a session that is gone", 404, "no_session", "POST", place + "/offer", offer, JSON)
            refused(other, "candidates for it", 404, "no_session", "PATCH", place, '{"candidates":[]}', JSON)
            check(time.monotonic() - began < 5, "at once")
            with Peer(other, resume=token) as q:
                check(q.status == 200 and q.answer["resumed"] is False and q.message("ready"),
                      "its token there means a new session")


def test_resume_before_the_gateway_has_noticed():
    mock = MockAssistant()
    with Gateway("--workers", "4", "--admin-token", "a", backend=mock.url) as g:
        first = Peer(g, mode="realtime")
        first.message("ready")
        first.do("opus f80102")
        link = mock.links[0]
        wait_for(lambda: len(link.packets) > 5)
        starts = [t for t in link.texts if t.get("state") == "start"]
        first.text("speak 7 100 0.06")
        check(first.message("tts", state="sentence_start"), "an answer is being spoken")
        first.do("cut")
        with Peer(g, resume=first.answer["resume"]) as second:
            check(second.answer["resumed"] and second.answer["sessionId"] == first.answer["sessionId"],
                  "the caller knows better: resumed while the old connection still stands")
            check(second.message("backend", state="ready") and second.message("ready"), "told the assistant's state, ready")
            first.do("mend")
            first.do("close")  # BYE, ABORT, close_notify of the old one
            check(second.until(lambda line: line.startswith("audio") and " f807" in line), "the answer goes on")
            check(second.message("tts", state="stop"), "to its end")
            check("state closed" not in second.seen, "the old connection's goodbye does not reach the new one")
            n = len(link.packets)
            second.do("opus f80506")
            check(wait_for(lambda: any(b"\x05\x06" in d for _, d in link.packets[n:])), "still listening, in the same mode")
            check([t for t in link.texts if t.get("state") == "start" and t["mode"] != "realtime"] == [] and starts,
                  "the mode was kept")
            row = json.loads(g.request("GET", first.answer["location"], headers={"Authorization": "Bearer a"})[1])
            check(row["state"] == "connected", "the admin sees it connected")
        first.__exit__()


def numbered(lines):
    """The conversation's messages among a caller's lines: (number, what)."""
    messages = [json.loads(line[5:]) for line in lines if line.startswith("text ")]
    return [(m["n"], m.get("text") or m["state"]) for m in messages if "n" in m]


def test_resume_says_again():
    mock = MockAssistant()
    with Gateway("--workers", "4", backend=mock.url) as g, Peer(g) as first:
        first.message("ready")
        first.text("speak 7 100 0.06")
        first.message("tts", state="sentence_start")
        check(numbered(first.seen) == [(1, "speak 7 100 0.06"), (2, "start"), (3, "sentence 7")],
              f"what belongs to the conversation is numbered, and nothing else ({numbered(first.seen)})")
        first.do("cut")
        link = mock.links[0]

        def lose(text):
            out = g.metric('page_messages_total{direction="out"}')
            link.say(type="stt", text=text)
            check(wait_for(lambda: g.metric('page_messages_total{direction="out"}') > out), f"\"{text}\" goes into the void")

        lose("one")
        lose("two")
        with Peer(g, resume=first.answer["resume"], heard=2) as second:
            second.message("stt", text="two")
            check(numbered(second.seen) == [(3, "sentence 7"), (4, "one"), (5, "two")],
                  "who comes back and says what he heard is told all that came after it, in order, and nothing twice "
                  f"({numbered(second.seen)})")
            kinds = [json.loads(line[5:])["type"] for line in second.seen if line.startswith("text ")]
            check(kinds.index("ready") < kinds.index("tts"), "after the word that both sides are up")
            check(g.metric("page_messages_again_total") == 3, "three were said again")
            second.do("cut")
            lose("three")
            with Peer(g, resume=first.answer["resume"], heard=4) as third:
                third.message("stt", text="three")
                check(numbered(third.seen) == [(5, "two"), (6, "three")], "again, on the connection after that")
                with Peer(g, resume=first.answer["resume"]) as older:
                    older.message("ready")
                    link.say(type="stt", text="four")
                    older.message("stt", text="four")
                    check(numbered(older.seen) == [(7, "four")], "a page that does not say what it heard is told what is new")
                with Peer(g, resume=first.answer["resume"], heard=10 ** 15) as boaster:
                    check(boaster.answer["resumed"] and boaster.message("ready"), "one that says more than there was: resumed")
                    link.say(type="stt", text="five")
                    boaster.message("stt", text="five")
                    check(numbered(boaster.seen)[-1][0] > 7 and "four" not in dict(numbered(boaster.seen)).values(),
                          "and told what is new")
        with Peer(g, resume="0" * 64, heard=9) as stranger:
            stranger.message("ready")
            stranger.text("think")
            stranger.message("stt", text="think")
            check(not stranger.answer["resumed"] and numbered(stranger.seen) == [(1, "think")], "another session begins with 1")
        check(law_holds(g), "datagrams in = consumed + dropped")


def test_channel_again():
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g, Peer(g) as p:
        p.message("ready")
        p.text("speak 7 60 0.06")
        p.message("tts", state="sentence_start")
        p.do("hush")
        check(p.until(lambda line: line == "shut"), "the caller closes its channel")
        mock.links[0].say(type="stt", text="while away")
        time.sleep(0.1)
        p.do("reopen")
        check(p.message("backend", state="ready") and p.message("ready"), "another one: the state is told, and ready")
        check(p.message("stt", text="while away"), "what was to be told meanwhile is told now")
        p.do("hush")
        p.do("reopen")
        check(p.message("ready"), "closed and opened in one breath: ready again")
        check(p.message("tts", state="stop"), "the answer ends there")
        had = dict(numbered(p.seen))
        p.say(type="heard", n=1)
        check(p.message("tts", state="stop"), "the page says what it has heard before: all since is said again")
        again = numbered(p.seen)[len(had):]
        check(again == list(had.items())[1:] and len(again) >= 4, f"in order ({again})")
        p.say(type="heard", n=1)
        p.say(type="ping", t=1)
        check(p.message("pong", t=1) and len(numbered(p.seen)) == len(had) + len(again), "once on a channel")
        p.text("speak 8 2")
        check(p.message("stt", text="speak 8 2"), "and is followed by another turn")


def test_consent_expiry():
    mock = MockAssistant()
    with Gateway(backend=mock.url) as g, Peer(g) as p, Gateway() as other, Peer(other) as alone:
        alone.message("ready")
        alone.do("cut")
        p.message("ready")
        p.text("speak 7 250 0.06")  # 15 s
        p.until(lambda line: line.startswith("audio"))
        p.do("cut")
        check(wait_for(lambda: g.metric('sessions{state="degraded"}') == 1), "a silent caller: degraded")
        check(wait_for(lambda: g.metric('sessions{state="lost"}') == 1, 40), "its consent expires: lost, and kept")
        status, data, _ = g.request("POST", p.answer["location"] + "/offer", json.dumps({"type": "offer", "sdp": p.offer}), JSON)
        check(status == 409, f"ICE cannot be restarted any more: 409 ({status})")
        with Peer(g, resume=p.answer["resume"]) as again:
            check(again.answer["resumed"] is True, "the token still opens it")
            first = again.until(lambda line: line.startswith("audio") and " f807" in line)
            number = int(first.split()[2][4:], 16) if first else 250
            check(number < 210, f"the answer goes on where it was when the caller fell silent (packet {number} of 250)")
        check(wait_for(lambda: other.metric('session_total{result="failed",reason="ice_failed"}') == 1, 40),
              "where there is no conversation to keep, the call is over")


def test_resume_on_other_workers():
    with Gateway("--workers", "4", backend=MockAssistant().url) as g:
        firsts = [Peer(g) for _ in range(8)]
        check(all(p.message("ready") for p in firsts), "eight calls on four workers")
        seconds = [Peer(g, resume=p.answer["resume"]) for p in firsts]
        ids = [p.answer["sessionId"] for p in firsts]
        check([p.answer["sessionId"] for p in seconds] == ids and all(p.message("ready") for p in seconds),
              "each comes back where it was")
        check(sum(v for k, v in g.metrics().items() if k.startswith("xiaozhi_rtc_sessions{")) == 8, "none is there twice")
        for p in firsts + seconds:
            p.__exit__()


def test_draining_heals():
    with Gateway("--drain-seconds", "60", backend=MockAssistant().url) as g, Peer(g) as p:
        p.message("ready")
        g.process.send_signal(signal.SIGTERM)
        told = p.message("server-draining")
        left = datetime.datetime.fromisoformat(told["deadline"].rstrip("Z")) - datetime.datetime.utcnow() if told else None
        check(told and 50 < left.total_seconds() < 61, "draining: the page is told until when")
        check(told and 50_000 < told["in"] <= 60_000, "and how long that is, whatever its clock says")
        refused(g, "a new call", 503, "draining", "POST", "/api/offer", json.dumps({"type": "offer", "sdp": p.offer}), JSON)
        token = "0" * 64
        refused(g, "an unknown token", 503, "draining", "POST", "/api/offer",
                json.dumps({"type": "offer", "sdp": p.offer, "resume": token}), JSON)
        p.do("move")
        check(p.restart() == 200, "an ICE restart of a call that stands")
        p.say(type="ping", t=1)
        check(p.message("pong", t=1), "and it goes on")
        with Peer(g, resume=p.answer["resume"]) as q:
            check(q.status == 200 and q.answer["resumed"] is True, "a resumption of one")
            again = q.message("server-draining")
            check(again and again["deadline"] == told["deadline"], "who comes back is told the same deadline")
            check(again and 0 < again["in"] < told["in"] and q.message("ready"), "and that less time is left")
