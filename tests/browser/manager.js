// WebRTCManager by itself in real browsers, without our page: every event is heard, nothing is left after close(), a report
// tells no secret. The start page is the ground: it loads no manager.

import { check, note, same, until } from "./harness.js";

/** @typedef {import("./browsers.js").WatchedPage} Page */

/** Runs in the page before anything else: what is listened to and waited for, beside the manager's own count. */
export function installLedger() {
  const contexts = /** @type {AudioContext[]} */ ([]);
  const ledger = { listeners: 0, timers: new Set(), contexts, refuseToPlay: false, lost: 0 };
  /** @type {any} */ (window).ledger = ledger;
  const targets = () => [window, document, navigator.mediaDevices, /** @type {any} */ (navigator).connection];
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  /** @type {WeakMap<any, Set<any>>} */
  const known = new WeakMap();
  EventTarget.prototype.addEventListener = function (/** @type {any[]} */ ...args) {
    const set = known.get(this) ?? new Set();
    known.set(this, set);
    if (targets().includes(this) && args[1] && !set.has(args[1])) {
      set.add(args[1]);
      ledger.listeners++;
    }
    return /** @type {any} */ (add).apply(this, args);
  };
  EventTarget.prototype.removeEventListener = function (/** @type {any[]} */ ...args) {
    if (targets().includes(this) && known.get(this)?.delete(args[1])) ledger.listeners--;
    return /** @type {any} */ (remove).apply(this, args);
  };
  const { setTimeout: set, clearTimeout: clear } = window;
  /** @type {any} */ (window).setTimeout = (/** @type {any} */ run, /** @type {number} */ ms, /** @type {any[]} */ ...args) => {
    const mine = /manager\//.test(new Error().stack ?? "");
    const timer = set(() => {
      ledger.timers.delete(timer);
      run(...args);
    }, ms);
    if (mine) ledger.timers.add(timer);
    return timer;
  };
  /** @type {any} */ (window).clearTimeout = (/** @type {any} */ timer) => {
    ledger.timers.delete(timer);
    clear(timer);
  };
  const Context = window.AudioContext;
  window.AudioContext = class extends Context {
    constructor(/** @type {AudioContextOptions|undefined} */ options) {
      super(options);
      if (/manager\//.test(new Error().stack ?? "")) ledger.contexts.push(this);
    }
  };
  // Loss cannot be made from within a page: the counter of lost packets is made to grow.
  const { getStats } = RTCPeerConnection.prototype;
  /** @this {RTCPeerConnection} */
  async function withLoss() {
    const report = await getStats.call(this);
    if (!ledger.lost) return report;
    ledger.lost += 100;
    const { lost } = ledger;
    const entries = [...report];
    return new Map(entries.map(([id, stat]) => [id, stat.type === "inbound-rtp" ? { ...stat, packetsLost: lost } : stat]));
  }
  RTCPeerConnection.prototype.getStats = /** @type {any} */ (withLoss);
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function () {
    if (ledger.refuseToPlay) return Promise.reject(new DOMException("a gesture is needed", "NotAllowedError"));
    return play.call(this);
  };
}

/** @param {Page} page @param {string} url */
async function makeManager(page, url) {
  await page.evaluateOnNewDocument(installLedger);
  await page.goto(`${url}/`);
  await page.evaluate(async () => {
    const { WebRTCManager } = await import(/** @type {any} */ ("/js/manager/manager.js"));
    const lab = /** @type {any} */ (window);
    lab.WebRTCManager = WebRTCManager;
    lab.manager = new WebRTCManager({ mode: "manual" });
    lab.heard = {};
    for (const name of [
      "state", "turn", "quality", "issues", "notice", "clearnotice", "timeline", "recovered", "message", "track", "microphone",
      "hush", "blocked", "text", "error",
    ]) {
      lab.heard[name] = [];
      lab.manager.on(name, (/** @type {any} */ detail) => lab.heard[name].push(detail));
    }
  });
}

/** @param {Page} page @param {string} code of an expression in which m is the manager and heard what was heard
 * @returns {Promise<any>} */
const ask = (page, code) => page.evaluate(`((m, heard) => (${code}))(window.manager, window.heard)`);

/** @param {Page} page @param {string} what @param {string} code */
const soon = (page, what, code) => until(what, () => ask(page, code), 20_000);

/** @param {Page} page @param {string} url */
export async function hearsEverything(page, url) {
  page.expected.push(/status of 404/); // the core that is asked for where none is
  await makeManager(page, url);
  const refusal = await ask(page, "(() => { try { m.on('nonsense', () => 0); } catch (e) { return e.name; } })()");
  same(refusal, "TypeError", "unknown name");
  await page.evaluate(() => {
    /** @type {any} */ (window).ledger.refuseToPlay = true;
  });
  same(await ask(page, "m.connect('manual')"), true, "connected");
  await soon(page, "word that sound is held back", "heard.blocked.some((d) => d.blocked)");
  await page.evaluate(() => {
    /** @type {any} */ (window).ledger.refuseToPlay = false;
  });
  await ask(page, "void m.unlock()");
  await soon(page, "sound is let out", "heard.blocked.some((d) => !d.blocked)");
  await soon(page, "the assistant and the microphone", "m.canTalk && m.getConnectionInfo().microphone === 'READY'");
  await ask(page, "void (m.press(), m.release())");
  await soon(page, "a notice of a slip", "heard.notice.some((d) => d.notice === 'HOLD_LONGER')");
  await ask(page, "m.sendText('tell me a joke')");
  await soon(page, "speech", "heard.turn.some((d) => d.turn === 'SPEAKING')");
  await soon(page, "its arrival", "heard.text.some((d) => d.arrived && d.text === 'tell me a joke')");
  await soon(page, "a measure", "heard.quality.length");
  await soon(page, "the first sound", "m.getPerformanceSummary().phases.MEDIA !== undefined");
  await ask(page, "void m.interrupt()");
  await soon(page, "the hush", "heard.hush.some((d) => d.on)");
  await page.evaluate(() => {
    /** @type {any} */ (window).ledger.lost = 1;
  });
  await ask(page, "m.sendText('tell me a joke')"); // loss is a ratio: something has to come
  await soon(page, "an issue", "heard.issues.some((d) => d.issues.includes('DOWNLINK_LOSS'))");
  await page.evaluate(() => /** @type {any} */ (window).probe.channels.at(-1).close());
  await soon(page, "a recovery", "heard.recovered.length");
  await page.evaluate(async () => {
    const lab = /** @type {any} */ (window);
    const broken = new lab.WebRTCManager({ core: "/nothing.wasm" });
    broken.on("error", (/** @type {any} */ detail) => lab.heard.error.push(detail));
    await broken.initialize().catch(() => undefined);
    await broken.close();
  });
  const silent = await page.evaluate(() => Object.entries(/** @type {any} */ (window).heard).filter(([, list]) => !list.length));
  same(silent.map(([name]) => name), [], "events nobody heard");
  // What the core tells is a command TELL_... or CLEAR_NOTICE; each was given, and each has its event.
  const tells = await page.evaluate(async () => {
    const { COMMAND } = await import(/** @type {any} */ ("/js/manager/names.js"));
    const lab = /** @type {any} */ (window);
    const given = new Set(lab.manager.diagnostics().events.map((/** @type {any} */ entry) => entry.what));
    return Object.keys(COMMAND).filter((name) => /^TELL_|^CLEAR_/.test(name)).map((name) => ({
      name,
      given: given.has(`< ${name}`),
      heard: lab.heard[name.replace("TELL_", "").replace("_", "").toLowerCase()]?.length ?? 0,
    }));
  });
  check(tells.length >= 8, `only ${tells.length} commands tell something`);
  for (const tell of tells) check(tell.given && tell.heard, `${tell.name}: given ${tell.given}, heard ${tell.heard}`);
  await ask(page, "m.close()");
}

/** @param {Page} page @param {string} url */
export async function leavesNothing(page, url) {
  await makeManager(page, url);
  const count = () =>
    page.evaluate(() => {
      const { ledger, probe } = /** @type {any} */ (window);
      const living = probe.peers.filter((/** @type {RTCPeerConnection} */ pc) => pc.connectionState !== "closed").length;
      const contexts = ledger.contexts.filter((/** @type {AudioContext} */ context) => context.state !== "closed").length;
      return { listeners: ledger.listeners, timers: ledger.timers.size, living, contexts };
    });
  const before = await count();
  await ask(page, "m.connect('auto')");
  await soon(page, "listening", "m.getConnectionInfo().turn === 'LISTENING'");
  const during = await ask(page, "m.held");
  for (const kind of ["listener", "timer", "track", "peer"]) check(during[kind] > 0, `${kind}: nothing held during a call`);
  check((await count()).listeners > before.listeners, "the ledger sees no listener of the manager");
  await page.evaluate(() => {
    /** @type {any} */ (window).track = /** @type {any} */ (window).manager.microphoneTrack;
  });
  await ask(page, "m.close()");
  same(await ask(page, "m.held"), {}, "held after close()");
  same(await count(), before, "of the browser after close()");
  same(await page.evaluate(() => /** @type {any} */ (window).track.readyState), "ended", "the microphone");
  same(await ask(page, "[m.canTalk, m.sendText('x'), m.sendData({ type: 'x' })]"), [false, false, false], "afterwards");
  // Closed in the middle of things: nothing of it may come late.
  for (const wait_ms of [0, 5, 20, 60, 150, 400]) {
    const left = await page.evaluate(async (ms) => {
      const lab = /** @type {any} */ (window);
      const manager = new lab.WebRTCManager();
      manager.connect("auto");
      await new Promise((resolve) => setTimeout(resolve, ms));
      await manager.close();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return manager.held;
    }, wait_ms);
    same(left, {}, `held when closed after ${wait_ms} ms`);
  }
  same(await count(), before, "of the browser in the end");
}

/** @param {Page} page @param {string} url */
export async function reportsWell(page, url) {
  await makeManager(page, url);
  await ask(page, "m.connect('manual')");
  await soon(page, "the assistant", "m.canTalk");
  await ask(page, "m.sendText('what time is it')");
  await soon(page, "sound and a measure", "heard.quality.length && heard.timeline.length");
  const first = await ask(page, "m.getStats()");
  same([first.interval_ms, first.deltas], [0, {}], "the first report has nothing before it");
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const { report, deltas, interval_ms } = await ask(page, "m.getStats()");
  check(Math.abs(interval_ms - 1200) < 800, `interval ${interval_ms}`);
  const transport = Object.keys(report).filter((id) => report[id].type === "candidate-pair" && deltas[id]?.bytesReceived > 0);
  check(transport.length === 1, `${transport.length} pairs received something`);
  const metrics = await ask(page, "m.getQualityMetrics()");
  check(metrics.rtt_ms >= 0 && metrics.mos > 1 && metrics.mos <= 4.6, JSON.stringify(metrics));
  check(metrics.packetLoss >= 0 && metrics.packetLoss <= 1 && metrics.level !== "UNKNOWN", JSON.stringify(metrics));
  const info = await ask(page, "m.getConnectionInfo()");
  same([info.state, info.isConnected, info.dataChannelState, info.iceConnectionState !== "closed"],
    ["CONNECTED", true, "open", true], "info");
  const summary = await ask(page, "m.getPerformanceSummary()");
  const order = ["WANTED", "OPENED", "DESCRIBED", "OFFERED", "ANSWERED", "CHANNEL", "READY"];
  const times = order.map((name) => summary.phases[name]);
  check(times.every((time, i) => typeof time === "number" && (!i || time >= times[i - 1])), JSON.stringify(summary.phases));
  note(`time-line: ${JSON.stringify(summary.phases)}; the gateway's: ${JSON.stringify(summary.gateway)}`);
  const secrets = await page.evaluate(() => {
    const lab = /** @type {any} */ (window);
    const { sdp } = lab.probe.peers.at(-1).localDescription;
    const messages = lab.probe.received.map((/** @type {any} */ entry) => entry.message);
    const ready = messages.find((/** @type {any} */ message) => message.type === "ready");
    const lines = (/** @type {RegExp} */ of) => [...sdp.matchAll(of)].map((found) => found[1]);
    const candidates = lines(/^a=candidate:\S+ \d+ \S+ \d+ (\S+)/gm);
    return [...lines(/^a=ice-(?:ufrag|pwd):(\S+)/gm), ...lines(/^a=fingerprint:\S+ (\S+)/gm), ...candidates,
      ready.resume, ready.sessionId, "what time is it"];
  });
  check(secrets.length >= 6, `only ${secrets.length} secrets to look for`);
  const text = JSON.stringify(await ask(page, "m.diagnostics()"));
  same(secrets.filter((secret) => text.includes(secret)), [], "secrets in the report");
  check(text.length > 2000 && text.includes("CONNECTED"), "the report says something");
  await ask(page, "m.close()");
}

/** Signalling by the caller, as the original's methods have it. @param {Page} page @param {string} url */
export async function byHand(page, url) {
  await makeManager(page, url);
  const state = await page.evaluate(async () => {
    const lab = /** @type {any} */ (window);
    const manager = new lab.WebRTCManager({ signalling: "manual" });
    const offer = await manager.createOffer();
    const headers = { "Content-Type": "application/json" };
    const response = await fetch("/api/offer", { method: "POST", headers, body: JSON.stringify(offer) });
    manager.handleAnswer(await response.json());
    await new Promise((resolve) => manager.on("message", (/** @type {any} */ message) => message.type === "ready" && resolve(0)));
    const info = manager.getConnectionInfo();
    await manager.close();
    return [offer.type, info.state, info.canTalk, manager.held];
  });
  same(state, ["offer", "CONNECTED", true, {}], "by hand");
}
