// usage: node --expose-gc soak.mjs MANAGER_WASM [RECONNECTS]
// An hour of simulated calls: the real manager.js with its real core, in a browser that is made here, on a clock that is
// moved here. Prints one line of JSON: memory, and what is left of the browser after close(). run.mjs judges it.

import { readFileSync } from "node:fs";

const RECONNECTS = Number(process.argv[3] ?? 1000);
const EVERY_MS = 3_600_000 / RECONNECTS;

// ---- the clock ----

let now_ms = 1000;
let nextTimer = 1;
/** @type {Map<number, {at_ms:number, run:() => void}>} */
const timers = new Map();
const realImmediate = setImmediate;

/** Lets everything happen that waits for no clock. */
const settle = () => new Promise((resolve) => realImmediate(() => realImmediate(resolve)));

/** @param {number} until_ms */
async function pass(until_ms) {
  for (;;) {
    await settle();
    let [first, at_ms] = [0, until_ms];
    for (const [id, timer] of timers) if (timer.at_ms < at_ms) [first, at_ms] = [id, timer.at_ms];
    now_ms = Math.max(now_ms, at_ms);
    if (!first) return;
    const { run } = /** @type {{run:() => void}} */ (timers.get(first));
    timers.delete(first);
    run();
  }
}

/** @param {string} name @param {unknown} value */
const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
define("setTimeout", (/** @type {() => void} */ run, delay_ms = 0) => {
  timers.set(nextTimer, { at_ms: now_ms + delay_ms, run });
  return nextTimer++;
});
define("clearTimeout", (/** @type {number} */ id) => timers.delete(id));
define("performance", { now: () => now_ms });
Date.now = () => 1_700_000_000_000 + Math.round(now_ms);

// ---- the browser ----

/** What the browser holds for the page. */
const held = { listeners: 0, peers: 0, tracks: 0, playing: 0 };

class Target extends EventTarget {
  /** @type {Map<string, Set<any>>} */
  #known = new Map();

  /** @override @param {string} type @param {any} heard */
  addEventListener(type, heard) {
    const set = this.#known.get(type) ?? new Set();
    this.#known.set(type, set);
    if (!set.has(heard)) held.listeners++;
    set.add(heard);
    super.addEventListener(type, heard);
  }

  /** @override @param {string} type @param {any} heard */
  removeEventListener(type, heard) {
    if (this.#known.get(type)?.delete(heard)) held.listeners--;
    super.removeEventListener(type, heard);
  }

  /** @param {string} type @param {object} [members] */
  fire(type, members = {}) {
    this.dispatchEvent(Object.assign(new Event(type), members));
  }
}

class Track extends Target {
  kind = "audio";
  enabled = true;
  muted = false;
  readyState = "live";

  constructor() {
    super();
    held.tracks++;
  }

  getSettings() {
    return { deviceId: "microphone" };
  }

  stop() {
    if (this.readyState === "live") held.tracks--;
    this.readyState = "ended";
  }
}

/** Belongs to its connection: not counted. */
class Receiving {
  stop() {}
}

class Stream {
  #tracks;
  constructor(/** @type {Track[]} */ tracks = []) {
    this.#tracks = tracks;
  }
  getTracks() {
    return this.#tracks;
  }
  getAudioTracks() {
    return this.#tracks;
  }
}

class Channel extends Target {
  readyState = "connecting";
  bufferedAmount = 0;
  /** @type {(message:any) => void} */
  #hear;

  constructor(/** @type {(message:any) => void} */ hear) {
    super();
    this.#hear = hear;
  }

  send(/** @type {string} */ data) {
    this.#hear(JSON.parse(data));
  }

  say(/** @type {object} */ message) {
    if (this.readyState === "open") this.fire("message", { data: JSON.stringify(message) });
  }

  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    realImmediate(() => this.fire("close"));
  }
}

const SDP = `v=0\r\n${"a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host\r\n".repeat(20)}`;

class PeerConnection extends Target {
  connectionState = "new";
  iceConnectionState = "new";
  iceGatheringState = "new";
  signalingState = "stable";
  /** @type {any} */
  localDescription = null;
  /** @type {Channel|null} */
  channel = null;
  /** The other side is there. */
  alive = true;
  #sent = 0;
  #encodings = [{}];
  #receiver = { track: new Track(), getSynchronizationSources: () => (this.connectionState === "connected" ? [{}] : []) };

  constructor() {
    super();
    held.peers++;
  }

  addTransceiver() {
    const getParameters = () => ({ encodings: this.#encodings });
    const sender = { replaceTrack: async () => undefined, getParameters, setParameters: async () => undefined };
    return { sender, receiver: this.#receiver };
  }

  getReceivers() {
    return [{ track: new Receiving() }];
  }

  createDataChannel() {
    this.channel = new Channel((message) => this.#hear(message));
    return this.channel;
  }

  /** @param {any} message */
  #hear(message) {
    if (!this.alive) return;
    const channel = this.channel;
    const say = (/** @type {object} */ answer) => setTimeout(() => this.alive && channel?.say(answer), 20);
    if (message.type === "ping") say({ type: "pong", t: message.t });
    if (message.type !== "listen" || message.state !== "detect") return;
    say({ type: "stt", text: message.text });
    for (const state of ["start", "sentence_start", "stop"]) say({ type: "tts", state, text: "an answer of some words" });
  }

  async createOffer() {
    return { type: "offer", sdp: SDP };
  }

  /** @param {{type:string, sdp:string}} description */
  async setLocalDescription(description) {
    this.localDescription = description;
    this.signalingState = "have-local-offer";
    this.iceGatheringState = "complete";
    const candidate = { candidate: "candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host", sdpMid: "0" };
    realImmediate(() => {
      this.fire("icecandidate", { candidate: { ...candidate, toJSON: () => candidate } });
      this.fire("icecandidate", { candidate: null });
    });
  }

  async setRemoteDescription() {
    this.signalingState = "stable";
    setTimeout(() => this.#connect(), 30);
  }

  #connect() {
    if (this.connectionState === "closed" || !this.alive) return;
    this.move("connected", "connected");
    if (this.channel?.readyState === "connecting") {
      this.channel.readyState = "open";
      this.channel.fire("open");
      this.fire("track", { track: this.#receiver.track, receiver: this.#receiver, streams: [new Stream([this.#receiver.track])] });
    }
    this.channel?.say({ type: "ready", sessionId: "s", resume: `resume-${nextTimer}`, timeline: { path: 1 } });
    this.channel?.say({ type: "backend", state: "ready" });
    this.#receiver.track.fire("unmute");
  }

  /** @param {string} ice @param {string} peer */
  move(ice, peer) {
    this.iceConnectionState = ice;
    this.fire("iceconnectionstatechange");
    this.connectionState = peer;
    this.fire("connectionstatechange");
  }

  restartIce() {}
  getConfiguration() {
    return {};
  }
  setConfiguration() {}

  async getStats() {
    const n = (this.#sent += 50);
    const rtp = { kind: "audio", packetsReceived: n, packetsSent: n, packetsLost: 0, bytesReceived: n * 80, bytesSent: n * 80 };
    const all = [
      { id: "T", type: "transport", selectedCandidatePairId: "P" },
      { id: "P", type: "candidate-pair", localCandidateId: "L", currentRoundTripTime: 0.02, responsesReceived: n, bytesSent: n },
      { id: "L", type: "local-candidate", candidateType: "host" },
      { ...rtp, id: "I", type: "inbound-rtp", jitter: 0.003, totalSamplesReceived: n * 960, concealedSamples: n },
      { ...rtp, id: "O", type: "outbound-rtp" },
      { id: "R", type: "remote-inbound-rtp", kind: "audio", roundTripTime: 0.02, fractionLost: 0, jitter: 0.002, packetsLost: 0 },
      { id: "S", type: "media-source", kind: "audio", audioLevel: 0.1, totalAudioEnergy: n / 100 },
    ];
    return new Map(all.map((stat) => [stat.id, stat]));
  }

  close() {
    if (this.connectionState === "closed") return;
    held.peers--;
    this.connectionState = this.iceConnectionState = this.signalingState = "closed";
    this.#receiver.track.stop();
    if (this.channel) this.channel.readyState = "closed";
  }
}

class Player extends Target {
  /** @type {object|null} */
  #source = null;
  muted = false;
  paused = true;

  get srcObject() {
    return this.#source;
  }
  set srcObject(source) {
    held.playing += Number(source !== null) - Number(this.#source !== null);
    this.#source = source;
  }
  setAttribute() {}
  async play() {
    this.paused = false;
  }
  pause() {
    this.paused = true;
  }
}

/** @type {PeerConnection[]} */
let peers = [];
const page = new Target();
const window = new Target();
define("document", Object.assign(page, { hidden: false }));
define("window", window);
define("location", new URL("http://gateway.test/chat"));
define("isSecureContext", true);
define("MediaStream", Stream);
define("Audio", Player);
define("RTCPeerConnection", class extends PeerConnection {
  constructor() {
    super();
    peers = peers.filter((peer) => peer.connectionState !== "closed");
    peers.push(this);
  }
});
const mediaDevices = Object.assign(new Target(), { getUserMedia: async () => new Stream([new Track()]) });
const permissions = { query: async () => Object.assign(new Target(), { state: "granted" }) };
define("navigator", { onLine: true, userAgent: "simulated", mediaDevices, permissions, connection: new Target() });

// ---- the gateway ----

let knowsSession = true;
let n_requests = 0;

/** @param {URL} url @param {RequestInit} init */
async function gateway(url, init) {
  n_requests++;
  await new Promise((resolve) => setTimeout(() => resolve(null), 10));
  if (init.signal?.aborted) throw new Error("aborted");
  const json = (/** @type {object} */ value, status = 200) => new Response(JSON.stringify(value), { status });
  if (url.pathname === "/api/ice") return json({ iceServers: [{ urls: "stun:192.0.2.9:3478" }], ttl: 600 });
  if (init.method === "DELETE" || init.method === "PATCH") return new Response(null, { status: 204 });
  if (url.pathname !== "/api/offer" && !knowsSession) return json({ error: { code: "no_session", message: "gone" } }, 404);
  const resumed = Boolean(JSON.parse(String(init.body)).resume) && knowsSession;
  knowsSession = true;
  return json({ sdp: SDP, type: "answer", location: `/api/sessions/${n_requests}`, resume: `resume-${n_requests}`, resumed });
}
define("fetch", gateway);

// ---- the hour ----

/** Ways to lose a call; each costs it its connection. @type {((peer:PeerConnection) => Promise<void>|void)[]} */
const troubles = [
  (peer) => {
    knowsSession = false; // a restarted gateway: no restart, no resumption
    peer.alive = false;
    peer.move("failed", "failed");
  },
  (peer) => peer.channel?.close(),
  (peer) => {
    peer.alive = false; // DTLS is gone
    peer.move("connected", "failed");
  },
  async () => {
    Object.assign(navigator, { onLine: false });
    window.fire("offline");
    for (const peer of peers) peer.alive = false;
    await pass(now_ms + 300);
    Object.assign(navigator, { onLine: true });
    window.fire("online");
  },
];

/** What is in use, everything that can go being gone. */
async function memory() {
  for (let i = 0; i < 4; i++) {
    await settle();
    /** @type {any} */ (globalThis).gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const { WebRTCManager } = await import("../../web/js/manager/manager.js");
const core = await WebAssembly.compile(readFileSync(process.argv[2] ?? ""));

/** A manager that is connected, is talked to, and loses its connection |n| times.
 * @param {number} n @param {number} every_ms @param {() => Promise<void>} look at every hundredth of the way */
async function life(n, every_ms, look) {
  const manager = new WebRTCManager({ mode: "auto", core, seed: 1, policy: { stable_ms: EVERY_MS / 2 } });
  /** @type {Record<string, number>} */
  const states = {};
  manager.on("state", (/** @type {{state:string}} */ { state }) => (states[state] = (states[state] ?? 0) + 1));
  manager.connect("auto");
  await pass(now_ms + every_ms);
  for (let i = 0; i < n; i++) {
    const began_ms = now_ms;
    manager.sendText("how are you");
    await pass(now_ms + every_ms / 4);
    const peer = peers.at(-1);
    if (peer) await troubles[i % troubles.length]?.(peer);
    await pass(began_ms + every_ms);
    for (let tries = 0; manager.getConnectionInfo().state !== "CONNECTED" && tries < 600; tries++) await pass(now_ms + 100);
    if ((i + 1) % (n / 10) === 0) await look();
  }
  return { manager, states };
}

/** @param {any} manager */
async function close(manager) {
  const closing = manager.close();
  await pass(now_ms + 20_000);
  await closing;
}

// A first, short life: what is compiled and loaded once is no memory of the manager.
await close((await life(20, EVERY_MS, async () => undefined)).manager);
const began_ms = now_ms;
const before = await memory();
/** @type {number[]} */
const course = [];
/** @type {any} */
let run = await life(RECONNECTS, EVERY_MS, async () => void course.push((await memory()) - before));
const { counts } = run.manager.getPerformanceSummary();
const { state } = run.manager.getConnectionInfo();
const { states } = run;
const hours = (now_ms - began_ms) / 3_600_000;
const live = { ...held, timers: timers.size };
await close(run.manager);
const left = { ...held, timers: timers.size, registry: run.manager.held };
run = null;
peers = [];
const gone = (await memory()) - before;

console.log(JSON.stringify({ counts, states, state, hours, n_requests, live, left, course, gone }));
