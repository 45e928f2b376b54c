// The parts of the hands that need no browser: descriptions, servers, statistics, messages, what a report may hold.

import { candidateKind, offerNack, opusType, selectedPair, tuneOpus } from "../../web/js/manager/compat.js";
import { relayOnly, serversOf } from "../../web/js/manager/http.js";
import { Loudspeaker } from "../../web/js/manager/media.js";
import { eventOf, Heard, ping } from "../../web/js/manager/messages.js";
import { EVENT, SAMPLE } from "../../web/js/manager/names.js";
import { Peer } from "../../web/js/manager/peer.js";
import { Recorder, withoutSecrets } from "../../web/js/manager/recorder.js";
import { Registry } from "../../web/js/manager/registry.js";
import { deltas, Sampler } from "../../web/js/manager/stats.js";
import { check, same, test, until } from "./harness.js";

const ANSWER = [
  "v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 109 0", "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:109 opus/48000/2", "a=fmtp:109 minptime=10;useinbandfec=1;usedtx=1", "a=ptime:20",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=sctp-port:5000", "",
].join("\r\n");

test("hands: Opus is found by its name and told packet time, FEC and DTX; the rest stays as it was", () => {
  same([opusType(ANSWER), opusType("m=audio 9 X 0")], ["109", null], "type");
  const tuned = tuneOpus(ANSWER, { ptime_ms: 40, fec: false, dtx: false, red: false });
  check(tuned.includes("a=fmtp:109 minptime=10;useinbandfec=0\r\na=ptime:40\r\n"), tuned);
  same(tuned.match(/a=ptime/g)?.length, 1, "one packet time");
  const plain = (/** @type {string} */ sdp) => sdp.split("\r\n").filter((line) => !/^a=(fmtp|ptime)/.test(line));
  same(plain(tuned), plain(ANSWER), "the other lines");
  same(tuneOpus(tuned, { ptime_ms: 40, fec: false, dtx: false, red: false }), tuned, "twice is once");
});

test("hands: copies are sent where both sides know them, and no longer when they are not wanted", () => {
  const wish = { ptime_ms: 20, fec: false, dtx: false };
  const head = (/** @type {string} */ sdp) => /^m=audio.*$/m.exec(sdp)?.[0].split("SAVPF ")[1];
  same(head(tuneOpus(ANSWER, { ...wish, red: true })), "109 0", "an answer without RED");
  const red = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 109/109\r\n";
  const known = ANSWER.replace("SAVPF 109 0", "SAVPF 109 63 0").replace(/a=ptime/, `${red}a=ptime`);
  const copied = tuneOpus(known, { ...wish, red: true });
  same([head(copied), head(tuneOpus(copied, { ...wish, red: false }))], ["63 109 0", "109 63 0"], "order");
});

test("hands: lost sound may be asked for again: one line more about Opus, and only there", () => {
  const offered = offerNack(ANSWER);
  same(offered, ANSWER.replace("opus/48000/2\r\n", "opus/48000/2\r\na=rtcp-fb:109 nack\r\n"), "the offer");
  same(offerNack(offered), offered, "twice is once");
});

test("hands: a message of the conversation counts once in its session, by its number", () => {
  const heard = new Heard();
  const takes = (/** @type {number} */ link, /** @type {unknown} */ n, type = "stt") => heard.isNew(link, { type, n });
  heard.begin(2);
  same([takes(2, 1), takes(2, 2), takes(2, 2), takes(2, 1), heard.last], [true, true, false, false, 2], "said again");
  same([takes(3, 2), takes(3, 5), heard.last], [false, true, 2], "over the next connection of the session, with a gap");
  same([takes(3, 4), takes(3, 4), heard.last, takes(3, 3), heard.last], [true, false, 2, true, 5], "which is filled, once");
  same([undefined, "6", 0, -1, 1.5, NaN, 2 ** 53].map((n) => takes(3, n)), Array(7).fill(true), "what is no number is news");
  same([takes(3, 3, "listen"), heard.last], [true, 5], "an echo of ours");
  same([takes(3, 1000), heard.last, takes(3, 967), takes(3, 968), heard.last], [true, 967, false, true, 968], "a leap");
  heard.begin(4);
  same([takes(3, 1001), heard.last, takes(4, 1), heard.last], [true, 0, true, 1], "another session; one of the old one, late");
});

test("hands: another channel on the same connection begins with what was heard, and a resumption says it", async () => {
  /** @type {any[]} */
  const channels = [];
  class Fake extends EventTarget {
    sent = /** @type {any[]} */ ([]);
    readyState = "connecting";
    localDescription = { sdp: "v=0" };
    addTransceiver = () => ({ sender: {} });
    createDataChannel() {
      const channel = new Fake();
      channels.push(channel);
      return channel;
    }
    createOffer = async () => ({ type: "offer", sdp: "v=0" });
    async setLocalDescription() {}
    getReceivers = () => [];
    close() {}
    /** @param {string} text */
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    open() {
      this.readyState = "open";
      this.dispatchEvent(new Event("open"));
    }
  }
  const world = /** @type {any} */ (globalThis);
  const real = world.RTCPeerConnection;
  world.RTCPeerConnection = Fake;
  /** @type {any[]} */
  const offers = [];
  const nothing = () => undefined;
  const deaf = { report: nothing, message: nothing, sound: nothing, session: nothing, note: nothing };
  const owner = { ...deaf, keeps: () => true, heard: () => 17 };
  const offer = async (/** @type {any} */ body) => void offers.push(body);
  const registry = new Registry();
  try {
    const peer = new Peer(owner, /** @type {any} */ ({ offer }), registry);
    await peer.open({});
    channels[0].open();
    peer.reopenChannel();
    channels[1].open();
    peer.send({ type: "abort" });
    await peer.offer(1, null, false);
    await peer.offer(2, "token", false);
    await peer.offer(3, "token", true);
    await peer.close(false, true);
  } finally {
    world.RTCPeerConnection = real;
    registry.releaseAll();
  }
  same(channels.map((channel) => channel.sent), [[], [{ type: "heard", n: 17 }, { type: "abort" }]], "said first");
  const [none, ...told] = offers.map(({ resume, heard, beside }) => [resume, heard, beside]);
  same([none, told], [Array(3).fill(undefined), [["token", 17, undefined], ["token", 17, true]]], "offers");
});

test("hands: an attempt over relays has relays only, over TCP where that is asked for", () => {
  const { config, relay, expires_ms } = serversOf(
    {
      iceServers: [
        { urls: "stun:s.example" },
        { urls: ["turn:t.example", "turn:t.example?transport=tcp", "turns:t.example"], username: "u", credential: "c" },
      ],
      expiresAt: "1970-01-01T00:10:00Z",
    },
    0,
  );
  same([relay, expires_ms, config.iceCandidatePoolSize, config.bundlePolicy], [true, 600_000, 1, "max-bundle"], "servers");
  const udp = relayOnly(config, false);
  same(udp.iceServers?.flatMap((server) => server.urls).length, 3, "relays");
  const tcp = relayOnly(config, true);
  same(tcp.iceServers?.flatMap((server) => server.urls), ["turn:t.example?transport=tcp", "turns:t.example"], "over TCP");
  same([tcp.iceTransportPolicy, tcp.iceServers?.[0]?.username], ["relay", "u"], "policy and name");
  same([serversOf({}, 0).relay, serversOf(null, 0).expires_ms], [false, 0], "none");
});

test("hands: only the selected pair counts, however the browser marks it", () => {
  const pair = (/** @type {string} */ id, /** @type {object} */ more) =>
    ({ id, type: "candidate-pair", state: "succeeded", ...more });
  const map = (/** @type {any[]} */ ...stats) => new Map(stats.map((stat) => [stat.id, stat]));
  const named = map(pair("a", { nominated: true }), pair("b", {}), { id: "t", type: "transport", selectedCandidatePairId: "b" });
  same(selectedPair(named)?.["id"], "b", "named by the transport");
  same(selectedPair(map(pair("a", { nominated: true }), pair("b", { selected: true })))?.["id"], "b", "marked");
  same(selectedPair(map(pair("a", {}), pair("b", { nominated: true })))?.["id"], "b", "nominated");
  same(selectedPair(map(pair("a", {}))), null, "none");
  const sampler = new Sampler();
  const first = sampler.take(named, false);
  same(Object.keys(first).sort(), [...SAMPLE].sort(), "the members that the core knows");
  same([first["pair"], first["in_packets"], first["mic_live"]], [1, -1, 0], "a sample");
  const inbound = { id: "i", type: "inbound-rtp", kind: "audio", packetsLost: -2 };
  const second = sampler.take(map(pair("c", { selected: true }), inbound), true);
  same([second["pair"], second["in_lost"], second["mic_live"]], [2, 0, 1], "another pair; late packets taken back");
  same(deltas({ a: { n: 1, s: "x" } }, { a: { n: 3, s: "y" }, b: { n: 1 } }), { a: { n: 2 } }, "deltas");
});

test("hands: messages become the core's events, rubbish only a sign of life", () => {
  same(eventOf({ type: "ready" }, 0), { kind: EVENT.READY }, "ready");
  for (const state of ["sentence_start", "sound"]) same(eventOf({ type: "tts", state }, 0), { kind: EVENT.TTS, value: 1 }, state);
  same(eventOf({ type: "backend", state: "retrying" }, 0), { kind: EVENT.BACKEND, value: 3 }, "backend");
  same(eventOf({ type: "stt", text: "" }, 0), { kind: EVENT.STT, value: 0 }, "stt");
  same(eventOf({ type: "pong", t: 100 }, 142), { kind: EVENT.PONG, value: 42 }, "pong");
  same(ping(100.2, 0), { type: "ping", t: 100 }, "ping");
  const { t, ballast } = ping(100.2, 300);
  same(ballast?.length, 300, "ballast");
  same(eventOf({ type: "pong", t }, 142), { kind: EVENT.PONG, value: 42, more: 300 }, "pong of a ping with ballast");
  same(eventOf({ type: "pong", t: 100 }, 142), { kind: EVENT.PONG, value: 42 }, "pong of another ping");
  for (const t of [-5, 1e9, "x", null, undefined]) {
    const { kind } = eventOf({ type: "pong", t }, 142);
    check(kind === EVENT.ALIVE || t === null, `pong ${t}`);
  }
  same(eventOf({ type: "queue", ms: 150 }, 0), { kind: EVENT.QUEUE, value: 150 }, "queue");
  same(eventOf({ type: "queue", ms: "much" }, 0), { kind: EVENT.ALIVE }, "no queue");
  same(eventOf({ type: "ended", reason: "operator" }, 0), { kind: EVENT.ENDED }, "ended");
  const draining = (/** @type {object} */ more) => eventOf({ type: "server-draining", ...more }, 0);
  const wrong_clock = "1999-01-01T00:00:00Z";
  same(draining({ in: 5000, deadline: wrong_clock }), { kind: EVENT.DRAINING, more: 5000 }, "time left, whatever the clocks say");
  const left_ms = draining({ deadline: new Date(Date.now() + 60_000).toISOString() }).more;
  check(Number(left_ms) > 50_000 && Number(left_ms) <= 60_000, `of an older gateway: ${left_ms} ms`);
  for (const more of [{}, { in: "x" }, { in: -1 }, { deadline: wrong_clock }, { deadline: 7 }]) {
    same(draining(more), { kind: EVENT.DRAINING, more: 0 }, `draining ${JSON.stringify(more)}`);
  }
  for (const type of ["tts", "backend", "llm", "nonsense"]) same(eventOf({ type, state: "?" }, 0), { kind: EVENT.ALIVE }, type);
});

test("hands: a report holds no address, no key and no end", () => {
  const text = withoutSecrets(
    "failed: candidate:1 1 udp 1 192.0.2.7 5000 typ host fe80::1:2:3 at http://x.example/api/sessions/1 3f2a-77.local " +
      "a=ice-pwd:iOGZKjAONIfYruzG/+XeBtwn 4ad196a4e5746430dc30138a432d094b",
  );
  check(!/192\.0|fe80|example|local|iOGZ|4ad19/.test(text), text);
  same(candidateKind({ candidate: "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host" }), "host udp IPv4", "kind");
  const recorder = new Recorder();
  for (let i = 0; i < 5000; i++) recorder.note("x");
  for (let i = 0; i < 1000; i++) recorder.sample({ in_packets: i * 50, in_level: 0.5, pair: -1 });
  const { events, samples } = recorder.contents();
  check(events.length <= 1000 && samples.length === 300, `${events.length} events, ${samples.length} samples`);
  const [, second] = samples;
  same([second?.["in_packets"], second?.["in_level"], second?.["pair"]], [50, 0.5, undefined], "grown, measured, absent");
});

test("hands: whatever is taken after the end is let go of at once", () => {
  const registry = new Registry();
  let let_go = 0;
  const target = new EventTarget();
  registry.listen(target, "x", () => let_go++);
  registry.hold("peer", () => let_go++);
  registry.after(1e6, () => let_go++);
  same(registry.counts(), { listener: 1, peer: 1, timer: 1 }, "held");
  registry.releaseAll();
  target.dispatchEvent(new Event("x"));
  same([registry.counts(), let_go], [{}, 1], "after the end");
  registry.hold("track", () => let_go++);
  same([registry.counts(), let_go], [{}, 2], "taken later");
});

test("hands: the sound lets the microphone pass, for a bounded time, and not where it needs the gesture", async () => {
  let plays = 0;
  const stream = /** @type {MediaStream} */ ({});
  const make = (/** @type {() => Promise<void>|null} */ opening) => {
    const registry = new Registry();
    const element = { setAttribute: () => undefined, pause: () => undefined, srcObject: null, play: async () => void plays++ };
    const speaker = new Loudspeaker(registry, /** @type {any} */ (element), opening, () => undefined);
    speaker.listen(stream);
    return { registry, speaker };
  };
  make(() => null);
  same(plays, 1, "at once");
  let opened = () => {};
  const { registry } = make(() => new Promise((resolve) => (opened = resolve)));
  same([plays, registry.counts()], [1, { element: 1, timer: 1 }], "waits");
  opened();
  await until("the sound", () => plays === 2);
  same(registry.counts(), { element: 1 }, "no timer is left");
  make(() => new Promise(() => undefined));
  await until("the sound although the person has not answered", () => plays === 3);
  make(() => new Promise(() => undefined)).registry.releaseAll();
  Object.assign(globalThis, { GestureEvent: Event });
  make(() => new Promise(() => undefined));
  same(plays, 4, "within the gesture");
  Reflect.deleteProperty(globalThis, "GestureEvent");
});
