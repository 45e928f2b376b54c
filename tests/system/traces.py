"""Traces of calls at an OpenTelemetry collector, which a server of this process plays: what the protocol wants of the JSON, whose
child a call is, what a turn is made of, and a collector that is away, slow, or says no."""
import json
import re
import signal
import time

from harness import JSON, PATIENCE, Gateway, Peer, check, wait_for
from mock_assistant import MockAssistant
from providers import StandIn

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TEXT = "speak 7 8 0.0125"  # the scripted assistant repeats it
MAC = "02:11:22:33:44:55"


def spans_of(collector):
    """By name; those of one name in the order of their beginning."""
    found = {}
    for _, _, _, body in collector.asked:
        for resource in json.loads(body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    found.setdefault(span["name"], []).append(span)
    for spans in found.values():
        spans.sort(key=lambda s: int(s["startTimeUnixNano"]))
    return found


def end(g, patience=PATIENCE):
    """As an operator does; seconds it took."""
    begin = time.monotonic()
    g.process.send_signal(signal.SIGTERM)
    g.process.wait(patience)
    return time.monotonic() - begin


def hang_up(g, peer):
    return g.request("DELETE", peer.answer["location"])[0] == 204


def is_as_the_protocol_says(span):
    times = [span["startTimeUnixNano"], span["endTimeUnixNano"]]
    held = re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
    held = held and re.fullmatch("[0-9a-f]{16}", span.get("parentSpanId", "0" * 16)) and span["kind"] in (1, 2)
    held = held and all(isinstance(t, str) and t.isdigit() for t in times) and int(times[0]) <= int(times[1])
    now = time.time()
    held = held and all(abs(int(t) / 1e9 - now) < 300 for t in times)
    return held and all(set(a) == {"key", "value"} and list(a["value"]) == ["stringValue"] for a in span["attributes"])


def talk(g, mock):
    """Typed, and held to talk; each answered and played to its end."""
    with Peer(g, headers={**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01"}, macAddress=MAC) as peer:
        peer.message("ready")
        peer.text(TEXT)
        typed = peer.message("tts", state="stop")
        peer.say(type="listen", state="start", mode="manual")
        peer.do("opus f80102")
        link = mock.links[0]
        wait_for(lambda: link.packets)
        peer.say(type="listen", state="stop")
        peer.do("opus ")
        wait_for(lambda: any(t.get("state") == "stop" for t in link.texts))
        link.say(type="stt", text="the-secret-word")
        link.speak(8, 8)
        spoken = peer.message("tts", state="stop")
        check(typed and spoken and hang_up(g, peer), "a call with a typed and a spoken turn")


def turn_is_whole(turn, found):
    """Its points in order, and its parts one after the other without a gap."""
    at = [int(e["timeUnixNano"]) for e in turn["events"]]
    names = [e["name"] for e in turn["events"]]
    inside = int(turn["startTimeUnixNano"]) == at[0] and at == sorted(at) and at[-1] <= int(turn["endTimeUnixNano"])
    parts = [s for name in ("recognise", "respond", "speak") for s in found[name] if s["parentSpanId"] == turn["spanId"]]
    edges = [int(parts[0]["startTimeUnixNano"])] + [int(p["endTimeUnixNano"]) for p in parts]
    follows = all(p["endTimeUnixNano"] == q["startTimeUnixNano"] for p, q in zip(parts, parts[1:]))
    return names == ["speech_end", "recognised", "first_sound"] and inside and len(parts) == 3 and follows and \
        edges == at + [int(turn["endTimeUnixNano"])]


def test_traces_of_a_call():
    mock = MockAssistant()
    with StandIn({"partialSuccess": {}}, status=200) as collector:
        options = ["--otlp-url", collector.url, "--log-level", "debug"]
        with Gateway(*options, backend=mock.url, env={"XZ_OTLP_HEADERS": "Authorization=Bearer%20s3cret-key"}) as g:
            talk(g, mock)
            wait_for(lambda: g.metric('trace_spans_total{result="sent"}'))
            end(g)
            log = "".join(g.log)
        found = spans_of(collector)
        every = [s for spans in found.values() for s in spans]
        method, path, authorization, _ = collector.asked[0]
        check((method, path, authorization) == ("POST", "/v1/traces", "Bearer s3cret-key"),
              "posted where OTLP/HTTP has them, with the key")
        check("s3cret-key" not in log, "which is in no log line")
        check(f"trace={TRACE}" in log, "the log says which trace a call is")
        resource = json.loads(collector.asked[0][3])["resourceSpans"][0]["resource"]["attributes"]
        resource = {a["key"]: a["value"]["stringValue"] for a in resource}
        check(resource["service.name"] == "xiaozhi-rtc" and resource["service.version"],
              "the resource says what program and version")
        check(all(is_as_the_protocol_says(s) for s in every), "ids and times as the protocol says, of now")
        check(len({s["spanId"] for s in every}) == len(every), "every span has an id of its own")
        check({n: len(s) for n, s in found.items()} == {"call": 1, "offer": 1, "ice": 1, "dtls": 1, "data channel": 1, "turn": 2,
                                                        "recognise": 2, "respond": 2, "speak": 2}, "each step once, each turn once")
        call = found["call"][0]
        check(all(s["traceId"] == TRACE for s in every) and call["parentSpanId"] == PARENT and call["kind"] == 2,
              "the call is a child of the traceparent it brought")
        steps = [found[name][0] for name in ("offer", "ice", "dtls", "data channel")]
        check(all(s["parentSpanId"] == call["spanId"] for s in steps + found["turn"]), "its steps and turns are its children")
        check(all(int(a["endTimeUnixNano"]) <= int(b["startTimeUnixNano"]) for a, b in zip(steps, steps[1:])),
              "one step after the other")
        check(all(int(call["startTimeUnixNano"]) <= int(s["startTimeUnixNano"]) and
                  int(s["endTimeUnixNano"]) <= int(call["endTimeUnixNano"]) for s in every), "all within the call")
        check(all(turn_is_whole(t, found) for t in found["turn"]), "a turn: speech end, recognised, first sound; its parts fill it")
        words = "".join(asked[3] for asked in collector.asked)
        check(not any(x in words for x in ("secret-word", "speak 7", "127.0.0.1", MAC)), "no word, no address, no device")


def test_traces_whose():
    """Which calls are traced, and as whose child."""
    with StandIn({}, status=200) as collector, Gateway("--otlp-url", collector.url, "--trace-percent", "0") as g:
        for header in (f"00-{TRACE}-{PARENT}-00", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01", "x" * 300):
            with Peer(g, headers={**JSON, "traceparent": header}) as peer:
                hang_up(g, peer)
        with Peer(g, headers={**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01"}) as peer:
            hang_up(g, peer)
        end(g)
        calls = spans_of(collector)["call"]
        check(len(calls) == 1 and calls[0]["traceId"] == TRACE, "percent 0: only who asks for it, rightly, is traced")
    with StandIn({}, status=200) as collector, Gateway("--otlp-url", collector.url + "/custom/path") as g:
        bad = json.dumps({"type": "offer", "sdp": "v=0\r\nrubbish"})
        g.request("POST", "/api/offer", bad, JSON)
        for header in (None, "00-rubbish-01"):
            with Peer(g, headers={**JSON, **({"traceparent": header} if header else {})}) as peer:
                hang_up(g, peer)
        end(g)
        refused, *calls = spans_of(collector)["call"]
        check(collector.asked[0][1] == "/custom/path", "a path of the operator's stays")
        check(refused["status"] == {"code": 2} and not any("status" in c for c in calls), "an offer that was refused is an error")
        check(len({c["traceId"] for c in calls}) == 2 and not any("parentSpanId" in c for c in calls),
              "without traceparent, or with rubbish: a trace of its own")


def test_traces_off():
    with Gateway() as g, Peer(g, headers={**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01"}) as peer:
        connected = peer.until(lambda line: line == "connected" or line.startswith("state connected"), 5) or peer.status == 200
        hang_up(g, peer)
        m = g.metrics()
        check(connected and not any(v for k, v in m.items() if "trace_spans" in k), "without --otlp-url there are no traces")


def test_traces_and_a_bad_collector():
    def sent(g, result):
        return g.metric(f'trace_spans_total{{result="{result}"}}')

    with StandIn({}, status=503) as collector, Gateway("--otlp-url", collector.url) as g:
        with Peer(g) as peer:
            hang_up(g, peer)
        check(wait_for(lambda: len(collector.asked) == 1) and not sent(g, "sent"), "503: nothing counts as sent")
        collector.status = 200
        check(wait_for(lambda: sent(g, "sent") >= 2) and collector.asked[1][3] == collector.asked[0][3],
              "the same is sent again, and taken")
        collector.status = 400
        with Peer(g) as peer:
            hang_up(g, peer)
        check(wait_for(lambda: sent(g, "rejected") >= 2), "400: counted as rejected, and not tried again")
        collector.status, collector.body = 200, {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "no"}}
        before = sent(g, "rejected")
        with Peer(g) as peer:
            hang_up(g, peer)
        check(wait_for(lambda: sent(g, "rejected") == before + 1), "what it took only a part of: that part")
        collector.status, collector.delay = 200, 30
        with Peer(g) as peer:
            hang_up(g, peer)
        check(wait_for(lambda: len(collector.asked) == 5), "a collector that does not answer")
        begin = time.monotonic()
        check(g.request("GET", "/healthz")[0] == 200 and time.monotonic() - begin < 2, "is waited for by nobody")
        check(end(g) < 6 and g.process.returncode == 0, "nor at the end")
        check(all(any(word in line for line in g.log) for word in ("traces_not_taken", "traces_taken")),
              "the log says when it began and was over")
    with Gateway("--otlp-url", "http://127.0.0.1:9") as g:
        with Peer(g) as peer:
            check(peer.status == 200 and hang_up(g, peer), "nobody listens there: the call does not care")
        check(end(g) < 6 and g.process.returncode == 0, "nor does the end")
