/* manager.js - WebRTCManager: a connection to a XiaoZhi gateway that prepares early, heals itself and says what it does.
 *
 *   const manager = new WebRTCManager({ baseUrl: "https://gateway.example/" });
 *   manager.on("state", ({ state, reason }) => ...);
 *   button.onclick = () => manager.connect("auto");     // within a gesture: it lets sound out
 *
 * What to do and when is decided by the core (manager/, C, as WebAssembly); here its commands are carried out and the
 * world is reported to it. Types: manager.d.ts. Words: docs/manager.md. */

import { ByHand } from "./by_hand.js";
import { hasRed, hasWebRtc, networkTold, onNetworkChange, onPageLife } from "./compat.js";
import { Core, loadCore } from "./core.js";
import { Http, Refused, relayOnly, serversOf } from "./http.js";
import { Loudspeaker, Microphone, watchDevices } from "./media.js";
import { eventOf, Heard, ping, reportOf } from "./messages.js";
import {
  COMMAND, COUNTS, EVENT, ISSUE, LEVEL, MIC, MODE, NOTICE, nameOf, PHASE, REASON, ROUTE, RUNG, STATE, TURN,
} from "./names.js";
import { Peer } from "./peer.js";
import { Recorder } from "./recorder.js";
import { Registry } from "./registry.js";
import { deltas, plainReport } from "./stats.js";

/** @typedef {import("./core.js").Command} Command */
/** @typedef {import("./core.js").CoreEvent} CoreEvent */
/** @typedef {import("./peer.js").PeerLike} PeerLike */
/** @typedef {import("./peer.js").PeerOwner} PeerOwner */
/** @typedef {import("./peer.js").Incoming} Incoming */
/** @typedef {import("./manager.d.ts").ManagerSettings} ManagerSettings */
/** @typedef {import("./manager.d.ts").Mode} Mode */
/** @typedef {import("./manager.d.ts").StateDetail} StateDetail */

export const VERSION = "0.1.0";

const EVENTS = /** @type {const} */ ([
  "state", "turn", "quality", "issues", "notice", "clearnotice", "timeline", "recovered", "message", "track",
  "microphone", "hush", "blocked", "text", "error",
]);
const SAMPLE_MS = 1000;
const RECOVERIES_MOST = 100;
const FETCH_AHEAD_MS = 1500; // the beginning of a call has the network for itself
/** States in which there is something to measure. @type {number[]} */
const MEASURED = [STATE.CONNECTED, STATE.UNSTABLE, STATE.RESTARTING];
/** States in which connect() is over. @type {number[]} */
const RESTING = [STATE.IDLE, STATE.FAILED, STATE.CLOSED];
/** States of a call that somebody has started. @type {string[]} */
const IN_CALL = ["CONNECTING", "CONNECTED", "UNSTABLE", "RESTARTING", "RECONNECTING", "OFFLINE", "SUSPENDED"];
const TEXTS_MOST = 8; // MGR_N_TEXTS
/** Events that come all the time. @type {number[]} */
const ROUTINE = [EVENT.TICK, EVENT.ALIVE, EVENT.PONG];

export class WebRTCManager extends EventTarget {
  #settings;
  #registry = new Registry();
  #recorder = new Recorder();
  /** @type {Core|null} */
  #core = null;
  /** @type {Promise<boolean>|null} */
  #initializing = null;
  #closed = false;
  /** @type {import("./http.js").Signalling} */
  #signalling;
  /** @type {ByHand|null} */
  #byHand = null;
  /** @type {(owner:PeerOwner) => PeerLike} */
  #makePeer;
  #microphone;
  #speaker;
  /** Events that came while a command was carried out: they wait their turn. @type {CoreEvent[]} */
  #inbox = [];
  #busy = false;
  /** @type {(() => void)|null} */
  #timer = null;
  /** @type {(() => void)|null} */
  #sampleTimer = null;
  /** @type {Map<number, PeerLike>} */
  #peers = new Map();
  #link = 0;
  /** The link over which is heard and said: this one, or what stands beside it. */
  #carrier = 0;
  /** Links whose transport is still being loaded. @type {Set<number>} */
  #awaited = new Set();
  /** Links whose sender has the microphone. @type {Set<number>} */
  #attached = new Set();
  /** What there is to hear, by link. @type {Map<number, {stream:MediaStream, output:((volume:number) => void)|undefined}>} */
  #sounds = new Map();
  /** How each link goes. @type {Map<number, string>} */
  #routes = new Map();
  /** @type {Set<Promise<unknown>>} peers that say good-bye */
  #farewells = new Set();
  /** @type {RTCConfiguration} */
  #servers = serversOf(null, 0).config;
  #serversAbort = new AbortController();
  /** @type {string|null} */
  #resume = null;
  #location = "";
  /** What was typed and has not surely arrived, by number. @type {Map<number, string>} */
  #texts = new Map();
  #lastText = 0;
  #numbers = new Heard(); // of what the gateway said
  #leaving = false;
  /** @type {MediaStream|null} */
  #sound = null;
  /** @type {Mode} */
  #mode;
  #muted = false;
  #toldSamples = 0; // that were played, as the gateway was told
  #hushed = false;
  /** @type {MediaStreamTrack|null} */
  #camera = null;
  #takesVideo = false; // the gateway does
  #micState = "UNKNOWN";
  /** @type {StateDetail} */
  #state = { state: "IDLE", reason: "NONE", rung: "FIRST", attempt: 0, of: 0, retryIn_ms: 0, retryAt_ms: 0 };
  #level = "UNKNOWN";
  /** @type {string[]} */
  #issues = [];
  /** @type {{at_ms:number, rung:string, reason:string, took_ms:number}[]} */
  #recoveries = [];
  /** @type {Record<string, number>|null} the gateway's own time-line */
  #gatewayTimeline = null;
  /** @type {{at_ms:number, report:Record<string, any>}|null} */
  #lastReport = null;
  #connectedAt_ms = 0;
  /** @type {((connected:boolean) => void)[]} */
  #waiting = [];

  /** @param {ManagerSettings} [settings] */
  constructor(settings = {}) {
    super();
    this.#settings = settings;
    this.#mode = settings.mode ?? "manual";
    if (settings.signalling === "manual") this.#byHand = new ByHand();
    this.#signalling =
      this.#byHand ??
      /** @type {import("./http.js").Signalling|undefined} */ (settings.signalling) ??
      new Http(settings, (method, what, status, took_ms) =>
        this.#recorder.note(`${method} ${what}`, `${status || "no answer"} in ${Math.round(took_ms)} ms`));
    if (settings.iceServers) this.#servers = serversOf(settings, 0).config;
    this.#makePeer = (owner) => new Peer(owner, this.#signalling, this.#registry, settings.video === true);
    this.#microphone = new Microphone(
      this.#registry,
      (state) => this.#tellMicrophone(state),
      (track) => this.#useTrack(track),
    );
    this.#speaker = new Loudspeaker(
      this.#registry,
      settings.audio,
      () => this.#microphone.opening,
      (blocked) => this.#emit("blocked", { blocked }),
    );
  }

  // ---- events ----

  /** @param {string} name @param {(detail:any) => void} heard @returns {() => void} unsubscribes */
  on(name, heard) {
    checkName(name);
    let known = this.#heard.get(heard);
    if (!known) this.#heard.set(heard, (known = new Map()));
    if (!known.has(name)) known.set(name, (/** @type {any} */ event) => heard(event.detail));
    this.addEventListener(name, /** @type {any} */ (known.get(name)));
    return () => this.off(name, heard);
  }

  /** @type {WeakMap<Function, Map<string, (event:any) => void>>} */
  #heard = new WeakMap();

  /** @param {string} name @param {(detail:any) => void} heard */
  off(name, heard) {
    checkName(name);
    const listener = this.#heard.get(heard)?.get(name);
    if (listener) this.removeEventListener(name, listener);
  }

  /** @param {typeof EVENTS[number]} name @param {object} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // ---- life ----

  /** Loads the core and begins to watch the page. Nothing is connected yet. @returns {Promise<boolean>} */
  initialize() {
    this.#initializing ??= this.#initialize().catch((error) => {
      this.#initializing = null; // the next call may have better luck with the network
      this.#emit("error", { where: "initialize", message: String(error) });
      throw error;
    });
    return this.#initializing;
  }

  async #initialize() {
    const { core: source, policy = {}, fallback, signalling } = this.#settings;
    const defaults = this.#byHand ? { gather_wait_ms: 2000, answer_ms: 60_000 } : {};
    const socket = hasWebRtc() && fallback !== undefined && !signalling;
    const module = source instanceof WebAssembly.Module ? source : await loadCore(source);
    const chosen = { may_red: hasRed(), socket, ...defaults, ...policy };
    const core = await Core.create(module, chosen, this.#settings.seed, performance.now());
    const other = hasWebRtc() || !fallback ? null : await fallback();
    if (this.#closed) return false;
    this.#core = core;
    if (other) {
      this.#makePeer = (owner) => /** @type {PeerLike} */ (other.createPeer(owner, this.#registry, this.#settings));
    }
    this.#watch();
    // What the page was told before comes after what the world is like.
    const wishes = this.#inbox.splice(0);
    if (!hasWebRtc() && !other) this.#tell({ kind: EVENT.UNSUPPORTED });
    this.#tell({ kind: EVENT.ONLINE, value: Number(navigator.onLine !== false) });
    this.#tell({ kind: EVENT.VISIBLE, value: Number(!document.hidden) });
    for (const wish of wishes) this.#tell(wish);
    return true;
  }

  #watch() {
    onPageLife(this.#registry, {
      hidden: (hidden) => {
        if (!hidden) this.#speaker.revive();
        this.#tell({ kind: EVENT.VISIBLE, value: Number(!hidden) });
      },
      frozen: (frozen) => this.#tell({ kind: EVENT.FROZEN, value: Number(frozen) }),
      leaves: (mayReturn) => {
        this.#leaving = true; // what is closed now is closed at once
        this.#tell({ kind: EVENT.PAGE_HIDE, value: Number(mayReturn) });
      },
      returns: () => {
        this.#leaving = false;
        this.#tell({ kind: EVENT.PAGE_SHOW });
      },
      online: (online) => this.#tell({ kind: EVENT.ONLINE, value: Number(online) }),
    });
    onNetworkChange(this.#registry, (kind) => this.#tell({ kind: EVENT.NETWORK, value: kind }));
    watchDevices(this.#registry, () => this.#tell({ kind: EVENT.DEVICES }));
  }

  /** Connects ahead of the wish to talk, as far as the policy allows; without microphone and without a sound.
   * @param {Mode} [mode] @returns {Promise<void>} */
  async prepare(mode) {
    if (mode) this.#mode = mode;
    this.#tell({ kind: EVENT.PREPARE, value: numberOfMode(this.#mode) });
    await this.initialize();
  }

  /** The person wants to talk. To be called within a gesture: it lets sound out.
   * @param {Mode} [mode] @returns {Promise<boolean>} true: connected; false: failed, or hung up meanwhile */
  async connect(mode) {
    if (this.#closed) return false;
    if (mode) this.#mode = mode;
    this.#tell({ kind: EVENT.START, value: numberOfMode(this.#mode) });
    this.unlock(); // after the microphone was asked for
    const over = new Promise((/** @type {(connected:boolean) => void} */ resolve) => this.#waiting.push(resolve));
    await this.initialize();
    if (this.#state.state === "CONNECTED") this.#settle(true);
    return over;
  }

  /** @param {boolean} connected */
  #settle(connected) {
    for (const resolve of this.#waiting.splice(0)) resolve(connected);
  }

  /** Lets sound out; to be called within a gesture where `connect` is not. */
  unlock() {
    this.#speaker.unlock();
  }

  /** Hangs up. The manager can connect again. */
  disconnect() {
    this.#tell({ kind: EVENT.STOP });
  }

  hangup() {
    this.disconnect();
  }

  /** The person does not want to wait for the next attempt. */
  retry() {
    this.#tell({ kind: EVENT.RETRY });
  }

  /** Hangs up, and lets go of everything for good. @returns {Promise<void>} when nothing is held any more */
  async close() {
    if (this.#closed) return;
    this.disconnect();
    this.#closed = true;
    this.#settle(false);
    this.#serversAbort.abort();
    for (const [link, peer] of this.#peers) this.#closePeer(link, peer, true);
    await Promise.all(this.#farewells);
    this.#microphone.close();
    this.#camera = null;
    this.#speaker.listen(null);
    this.#registry.releaseAll();
    this.#core = null;
  }

  /** What is held of the browser, by kind; empty after close(). @returns {Record<string, number>} */
  get held() {
    return this.#registry.counts();
  }

  // ---- the person ----

  press() {
    this.#tell({ kind: EVENT.PRESS });
  }

  release() {
    this.#tell({ kind: EVENT.RELEASE });
  }

  cancel() {
    this.#tell({ kind: EVENT.CANCEL });
  }

  interrupt() {
    this.#tell({ kind: EVENT.INTERRUPT });
  }

  /** @param {Mode} mode */
  setMode(mode) {
    const value = numberOfMode(mode);
    this.#mode = mode;
    this.#tell({ kind: EVENT.MODE, value });
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.#muted = muted;
    this.#tell({ kind: EVENT.MUTE, value: Number(muted) });
  }

  /** Said as soon as somebody is there to hear it, and once more on the next connection where this one is lost too early
   * to be sure; "text" tells what became of it. @param {string} text
   * @returns {boolean} false: nobody has started a call, or too much waits already; it will not be sent */
  sendText(text) {
    if (!text || !this.canType) return false;
    this.#texts.set(++this.#lastText, text);
    this.#tell({ kind: EVENT.TEXT, value: this.#lastText });
    return true;
  }

  /** @param {object|string} data a message of the protocol @returns {boolean} given to the channel */
  sendData(data) {
    /** @type {any} */
    const message = typeof data === "string" ? { type: "listen", state: "detect", text: data } : data;
    const link = message.type === "photo" ? this.#link : this.#carrier; // its pieces follow it, see sendBinary
    return this.#peers.get(link)?.send(message) ?? false;
  }

  /** @param {Blob} blob e.g. a picture, announced by its message @returns {Promise<void>} */
  async sendBinary(blob) {
    const peer = this.#peers.get(this.#link);
    if (!peer) throw new Error("the connection was lost");
    await peer.sendBinary(blob);
  }

  // ---- devices ----

  /** Another microphone, a track made elsewhere, or none. No negotiation is needed.
   * @param {string|MediaStreamTrack|null} source @returns {Promise<void>} */
  setMicrophone(source) {
    return this.#microphone.use(source);
  }

  /** A camera's track, which stays the caller's, or none. It is sent where the gateway takes video, on this connection and
   * later ones. @param {MediaStreamTrack|null} track @returns {Promise<void>} */
  async setCamera(track) {
    if (track === this.#camera) return;
    this.#camera = track;
    await this.#film(this.#link);
  }

  /** A camera's track goes to the gateway. */
  get filming() {
    return this.#camera !== null && this.#takesVideo && this.#peers.get(this.#link)?.states().peer === "connected";
  }

  /** @param {number} link */
  async #film(link) {
    const peer = this.#peers.get(link);
    if (!peer || !this.#takesVideo) return;
    peer.send({ type: "camera", state: this.#camera ? "on" : "off" });
    const targets = /** @type {import("./peer.js").Targets|null} */ (this.#core?.sender() ?? null);
    await peer.film(this.#camera, targets);
    if (targets && this.#camera) await peer.apply(targets);
  }

  /** The original's way to give a microphone (and a camera). @param {MediaStream} stream @returns {Promise<void>} */
  async addLocalTracks(stream) {
    const [audio] = stream.getAudioTracks();
    const [video] = stream.getVideoTracks();
    if (audio) await this.setMicrophone(audio);
    if (video) await this.setCamera(video);
  }

  /** @param {"audioinput"|"audiooutput"} kind @param {string} deviceId
   * @returns {Promise<boolean>} false: this browser offers no choice */
  async selectDevice(kind, deviceId) {
    if (kind === "audiooutput") return this.#speaker.use(deviceId);
    if (kind !== "audioinput") throw new TypeError(`no such kind of device: ${kind}`);
    await this.#microphone.use(deviceId);
    return true;
  }

  /** @param {number} volume 0 to 1 */
  setVolume(volume) {
    this.#speaker.element.volume = Math.min(1, Math.max(0, volume));
  }

  /** The microphone's track; it belongs to the manager. @returns {MediaStreamTrack|null} */
  get microphoneTrack() {
    return this.#microphone.track;
  }

  // ---- the original's signalling by hand ----

  /** The offer of the connection that is being made; begins to make one. With `signalling: "manual"` the caller sends it
   * and gives the answer to handleAnswer. @returns {Promise<{sdp:string, type:"offer"}>} */
  async createOffer() {
    await this.initialize();
    if (this.#byHand) {
      const next = this.#byHand.next();
      if (RESTING.includes(this.#core?.state ?? STATE.IDLE)) this.connect();
      return next;
    }
    const description = this.#peers.get(this.#link)?.description();
    if (!description) throw new Error("no connection is being made: call connect() or prepare() first");
    return { sdp: description.sdp, type: "offer" };
  }

  /** @param {{sdp:string, type?:string}} answer @returns {boolean} false: nothing was asked */
  handleAnswer(answer) {
    if (!this.#byHand) throw new Error('only with the setting signalling: "manual"');
    return this.#byHand.take(answer);
  }

  // ---- events in, commands out ----

  /** @param {CoreEvent} event */
  #tell(event) {
    if (this.#closed) return;
    this.#inbox.push(event);
    if (this.#core && !this.#busy) this.#drain(this.#core);
  }

  /** @param {Core} core */
  #drain(core) {
    this.#busy = true;
    try {
      for (let event = this.#inbox.shift(); event; event = this.#inbox.shift()) {
        if (!ROUTINE.includes(event.kind)) this.#recorder.note(`> ${nameOf(EVENT, event.kind)}`, detailOf(event));
        this.#carryOutAll(core.handle(event, performance.now()));
      }
    } finally {
      this.#busy = false;
      this.#arm();
    }
  }

  /** @param {Command[]} commands */
  #carryOutAll(commands) {
    for (const command of commands) {
      if (command.kind !== COMMAND.PING) this.#recorder.note(`< ${nameOf(COMMAND, command.kind)}`, detailOf(command));
      try {
        this.#carryOut(command);
      } catch (error) {
        this.#emit("error", { where: nameOf(COMMAND, command.kind), message: String(error) });
      }
    }
  }

  /** One timer for everything the core waits for. */
  #arm() {
    this.#timer?.();
    this.#timer = null;
    const core = this.#core;
    if (!core || this.#closed) return;
    const wait_ms = core.deadline_ms - performance.now();
    if (wait_ms === Infinity) return;
    this.#timer = this.#registry.after(Math.min(Math.max(0, Math.ceil(wait_ms)), 2 ** 31 - 1), () =>
      this.#tell({ kind: EVENT.TICK }));
  }

  /** @param {Command} command */
  #carryOut(command) {
    const peer = this.#peers.get(command.link);
    switch (command.kind) {
      case COMMAND.FETCH_SERVERS:
        return void this.#fetchServers(command.request);
      case COMMAND.OPEN:
        return this.#open(command);
      case COMMAND.OFFER:
        return void peer?.offer(command.request, command.rung === RUNG.RESUME ? this.#resume : null, command.more === 1);
      case COMMAND.TRICKLE:
        return peer?.trickle();
      case COMMAND.RESTART:
        return void peer?.restart(command.request);
      case COMMAND.USE_SERVERS:
        return peer?.useServers(this.#servers);
      case COMMAND.REOPEN_CHANNEL:
        return peer?.reopenChannel();
      case COMMAND.CLOSE:
        this.#awaited.delete(command.link);
        return peer && this.#closePeer(command.link, peer, command.value !== 0);
      case COMMAND.PING:
        return void peer?.send(ping(performance.now(), command.value));
      case COMMAND.ATTACH:
        this.#attached[command.value ? "add" : "delete"](command.link);
        return void peer?.attach(command.value ? this.#microphone.track : null);
      case COMMAND.CARRY:
        return this.#carry(command.link, command.value === 1);
      case COMMAND.LEAVE:
        this.#attached.delete(command.link);
        return peer?.leave();
      case COMMAND.SENDER:
        return void peer?.apply(/** @type {any} */ (this.#core?.sender()));
      case COMMAND.SAMPLE:
        return void this.#sample();
      case COMMAND.SAY_LISTEN:
        return void peer?.send({ type: "listen", state: "start", mode: nameOf(MODE, command.value).toLowerCase() });
      case COMMAND.SAY_STOP:
        return void peer?.send({ type: "listen", state: "stop" });
      case COMMAND.SAY_ABORT:
        return void peer?.send({ type: "abort" });
      case COMMAND.SAY_TEXT:
        return void peer?.send({ type: "listen", state: "detect", text: this.#texts.get(command.value), n: command.value });
      default:
        return this.#carryOutHere(command);
    }
  }

  /** What is not of a link. @param {Command} command */
  #carryOutHere(command) {
    const { value } = command;
    switch (command.kind) {
      case COMMAND.ASK_MICROPHONE:
        return void this.#microphone.open(value === 1);
      case COMMAND.RELEASE_MICROPHONE:
        return this.#microphone.close();
      case COMMAND.MIC_LIVE:
        return this.#microphone.setLive(value !== 0);
      case COMMAND.HUSH:
        this.#hushed = value !== 0;
        this.#speaker.hush(this.#hushed);
        return this.#emit("hush", { on: this.#hushed });
      case COMMAND.TELL_STATE:
        return this.#tellState(command);
      case COMMAND.TELL_TURN:
        return this.#emit("turn", { turn: nameOf(TURN, value) });
      case COMMAND.TELL_QUALITY:
        this.#level = nameOf(LEVEL, value);
        return this.#emit("quality", { level: this.#level, figures: this.#core?.figures() ?? {} });
      case COMMAND.TELL_ISSUES:
        this.#issues = namesOfMask(ISSUE, value);
        return this.#emit("issues", { issues: this.#issues, changed: namesOfMask(ISSUE, command.more) });
      case COMMAND.TELL_NOTICE:
        return this.#emit("notice", { notice: nameOf(NOTICE, value) });
      case COMMAND.CLEAR_NOTICE:
        return this.#emit("clearnotice", {});
      case COMMAND.TELL_TEXT:
        return this.#tellTexts(value, command.more === 0);
      case COMMAND.TELL_TIMELINE:
        return this.#emit("timeline", { phases: this.#phases(), gateway: this.#gatewayTimeline });
      case COMMAND.TELL_RECOVERED:
        return this.#tellRecovered(command);
    }
  }

  /** @param {Command} command */
  #tellState(command) {
    const state = nameOf(STATE, command.state);
    this.#state = {
      state,
      reason: nameOf(REASON, command.reason),
      rung: nameOf(RUNG, command.rung),
      attempt: command.value,
      of: command.more,
      retryIn_ms: command.delay_ms,
      retryAt_ms: command.delay_ms ? performance.now() + command.delay_ms : 0,
    };
    if (command.state === STATE.CONNECTED) {
      if (!this.#connectedAt_ms) this.#fetchFallback();
      this.#connectedAt_ms ||= performance.now();
    }
    if (RESTING.includes(command.state)) {
      this.#connectedAt_ms = 0;
      this.#sound = null;
      this.#speaker.listen(null);
    }
    this.#sampleSoon();
    this.#emit("state", { ...this.#state });
    if (command.state === STATE.CONNECTED) this.#settle(true);
    else if (RESTING.includes(command.state)) this.#settle(false);
  }

  /** @param {number} last @param {boolean} arrived */
  #tellTexts(last, arrived) {
    for (const [number, text] of this.#texts) {
      if (number > last) break;
      this.#texts.delete(number);
      this.#emit("text", { text, arrived });
    }
  }

  /** @param {Command} command */
  #tellRecovered(command) {
    const recovery = {
      at_ms: Math.round(performance.now()),
      rung: nameOf(RUNG, command.rung),
      reason: nameOf(REASON, command.reason),
      took_ms: command.more,
    };
    if (this.#camera) this.#film(this.#link); // what was refused in trouble may go now
    this.#recoveries.push(recovery);
    if (this.#recoveries.length > RECOVERIES_MOST) this.#recoveries.shift();
    this.#emit("recovered", recovery);
  }

  // ---- links ----

  /** @param {number} request */
  async #fetchServers(request) {
    if (this.#settings.iceServers) {
      const { relay } = serversOf(this.#settings, 0);
      return this.#tell({ kind: EVENT.SERVERS, request, value: Number(relay), more: 0 });
    }
    this.#serversAbort.abort();
    this.#serversAbort = new AbortController();
    const release = this.#registry.hold("request", () => this.#serversAbort.abort());
    try {
      const servers = await this.#signalling.servers(this.#serversAbort.signal);
      this.#servers = servers.config;
      const more = Math.round(servers.expires_ms);
      this.#tell({ kind: EVENT.SERVERS, request, value: Number(servers.relay), more });
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused(0, String(error));
      const more = Math.round(refused.retryAfter_ms);
      this.#tell({ kind: EVENT.REFUSED, request, value: refused.status, more });
    } finally {
      release();
    }
  }

  /** @param {Command} command */
  #open({ link, route, value }) {
    this.#routes.set(link, nameOf(ROUTE, route));
    if (!value) {
      this.#link = this.#carrier = link;
      this.#recorder.restart();
      this.#lastReport = null;
      this.#gatewayTimeline = null;
    }
    if (route === ROUTE.SOCKET) return void this.#openSocket(link);
    const peer = this.#makePeer(this.#ownerOf(link));
    this.#peers.set(link, peer);
    if (this.#camera && this.#takesVideo) peer.film(this.#camera, null); // then its first description has it
    peer.open(route === ROUTE.ALL ? this.#servers : relayOnly(this.#servers, route === ROUTE.RELAY_TCP));
  }

  /** In a call the transport beside WebRTC is fetched ahead: who needs it may be on a network where old connections hang. */
  #fetchFallback() {
    if (!hasWebRtc() || !this.#settings.fallback) return;
    this.#registry.after(FETCH_AHEAD_MS, async () => {
      const other = await this.#settings.fallback?.().catch(() => null);
      if (!this.#closed) other?.fetchAhead?.();
    });
  }

  /** @param {number} link */
  async #openSocket(link) {
    this.#awaited.add(link);
    try {
      const other = await this.#settings.fallback?.();
      if (!this.#awaited.has(link) || this.#closed) return;
      if (!other) throw new Error("there is no other transport");
      const peer = /** @type {PeerLike} */ (other.createPeer(this.#ownerOf(link), this.#registry, this.#settings));
      this.#peers.set(link, peer);
      if (this.#attached.has(link)) peer.attach(this.#microphone.track);
      peer.open(this.#servers);
    } catch (error) {
      this.#recorder.note(`${link}: socket`, String(error));
      if (this.#awaited.has(link)) this.#tell({ kind: EVENT.BROKEN, link, value: 0 });
    }
  }

  /** @param {number} link @returns {PeerOwner} */
  #ownerOf(link) {
    return {
      report: (kind, fields) => this.#tell({ kind: EVENT[kind], link, ...fields }),
      message: (message) => this.#hear(link, message),
      sound: (stream, output) => {
        this.#sounds.set(link, { stream, output });
        if (link === this.#carrier) this.#listenTo(link);
      },
      session: ({ location, resume }) => {
        if (link !== this.#link) return;
        if (location !== this.#location) this.#numbers.begin(link);
        this.#location = location;
        if (resume) this.#resume = resume;
      },
      keeps: (location) => location === this.#location,
      heard: () => this.#numbers.last,
      note: (what, detail) => this.#recorder.note(`${link}: ${what}`, detail),
    };
  }

  /** @param {number} link */
  #listenTo(link) {
    const sound = this.#sounds.get(link);
    if (!sound) return;
    const { stream, output } = sound;
    this.#sound = stream;
    if (link === this.#link) this.#speaker.listen(stream, output);
    else this.#speaker.divert(output ?? (() => undefined));
    this.#emit("track", { stream, track: stream.getAudioTracks()[0] ?? null });
  }

  /** The call changes over, without a word lost or heard twice: the gateway is told what came, and how much of the sound
   * before has still to be played. @param {number} link @param {boolean} isLink not only beside it */
  #carry(link, isLink) {
    const held = Math.round(Math.max(0, ...[...this.#peers.values()].map((peer) => peer.held())));
    if (isLink && link !== this.#link) [this.#link, this.#lastReport] = [link, null];
    this.#carrier = link;
    if (this.#routes.get(link) !== "SOCKET") this.#peers.get(link)?.send({ type: "heard", n: this.#numbers.last, held });
    this.#listenTo(link);
  }

  /** @param {number} link @param {PeerLike} peer @param {boolean} remove */
  #closePeer(link, peer, remove) {
    this.#peers.delete(link);
    this.#sounds.delete(link);
    this.#routes.delete(link);
    this.#attached.delete(link);
    if (remove) {
      this.#location = "";
      this.#resume = null;
    }
    const farewell = peer.close(remove, this.#leaving).finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
  }

  /** @param {number} link @param {Incoming} message */
  #hear(link, message) {
    if (!this.#numbers.isNew(link, message)) return this.#tell({ kind: EVENT.ALIVE, link }); // said again, and had arrived
    if (message.type === "ready") {
      if (typeof message["resume"] === "string" && link === this.#link) this.#resume = message["resume"];
      this.#gatewayTimeline = message["timeline"] ?? null;
      if (link === this.#link) {
        const took = this.#takesVideo;
        this.#takesVideo = message["features"]?.["video"] === true;
        if (took || this.#camera) this.#film(link);
      }
    }
    if (message.type !== "pong") this.#emit("message", message);
    this.#tell({ link, ...eventOf(message, performance.now()) });
    if (message.type === "quality") this.#measure((core) => core.report(link, reportOf(message), performance.now()));
  }

  // ---- microphone ----

  /** @param {import("./media.js").MicState} state */
  #tellMicrophone(state) {
    this.#micState = state;
    this.#emit("microphone", { state });
    this.#tell({ kind: EVENT.MICROPHONE, value: MIC[state] });
  }

  /** @param {MediaStreamTrack|null} track */
  #useTrack(track) {
    for (const link of this.#attached) this.#peers.get(link)?.attach(track);
  }

  // ---- statistics ----

  #sampleSoon() {
    const measured = MEASURED.includes(this.#core?.state ?? STATE.IDLE);
    if (!measured) {
      this.#sampleTimer?.();
      this.#sampleTimer = null;
      return;
    }
    this.#sampleTimer ??= this.#registry.after(SAMPLE_MS, () => {
      this.#sampleTimer = null;
      this.#sample();
      this.#sampleSoon();
    });
  }

  async #sample() {
    const link = this.#link;
    const sample = await this.#peers.get(link)?.sample(this.#microphone.live);
    if (!sample || this.#closed) return;
    this.#recorder.sample(sample);
    const { in_samples: samples = -1, in_concealed: concealed = -1 } = sample;
    const played = samples > 0 && samples !== this.#toldSamples;
    if (played) this.#peers.get(link)?.send({ type: "stats", samples, concealed, ...networkTold() });
    this.#toldSamples = samples;
    this.#measure((core) => core.sample(link, sample, performance.now()));
  }

  /** @param {(core:Core) => Command[]} measure */
  #measure(measure) {
    const core = this.#core;
    if (!core || this.#closed) return;
    if (this.#busy) return queueMicrotask(() => this.#measure(measure)); // after the commands that are carried out
    this.#busy = true;
    try {
      this.#carryOutAll(measure(core));
    } finally {
      this.#busy = false;
      this.#drain(core); // what came meanwhile
    }
  }

  /** The W3C report as plain objects by id, and what grew since the call before.
   * @returns {Promise<{at_ms:number, interval_ms:number, report:Record<string, any>,
   *   deltas:Record<string, Record<string, number>>}|null>} null: no connection */
  async getStats() {
    const stats = await this.#peers.get(this.#link)?.stats();
    if (!stats) return null;
    const now = { at_ms: performance.now(), report: plainReport(stats) };
    const before = this.#lastReport ?? now;
    this.#lastReport = now;
    return { ...now, interval_ms: now.at_ms - before.at_ms, deltas: deltas(before.report, now.report) };
  }

  /** The core's figures of the last second; what was not measured is absent. The last five are the original's names. */
  getQualityMetrics() {
    const figures = this.#core?.figures() ?? {};
    const { loss_up = 0, loss_down = 0, out_bps = 0, video_bps = 0 } = figures;
    return {
      ...figures,
      level: this.#level,
      issues: [...this.#issues],
      audioLevel: figures["mic_level"] ?? 0,
      audioBitrate: Math.max(0, out_bps - video_bps),
      videoBitrate: video_bps,
      packetLoss: Math.max(loss_up, loss_down),
      roundTripTime: figures["rtt_ms"] ?? 0,
    };
  }

  /** The time-line of the present (or last) connection in ms since it was wanted, counts, and every recovery. */
  getPerformanceSummary() {
    return {
      phases: this.#phases(),
      gateway: this.#gatewayTimeline,
      counts: this.#core?.counts() ?? Object.fromEntries(COUNTS.map((name) => [name, 0])),
      recoveries: [...this.#recoveries],
      connectionDuration_ms: this.#connectedAt_ms ? Math.round(performance.now() - this.#connectedAt_ms) : 0,
    };
  }

  /** @returns {Record<string, number>} by the names of PHASE; those not reached are absent */
  #phases() {
    const core = this.#core;
    if (!core) return {};
    const from_ms = core.phase_ms(PHASE.WANTED);
    /** @type {Record<string, number>} */
    const phases = {};
    for (const [name, phase] of Object.entries(PHASE)) {
      const at_ms = core.phase_ms(phase);
      if (Number.isFinite(at_ms)) phases[name] = Math.round((at_ms - from_ms) * 10) / 10;
    }
    return phases;
  }

  getConnectionInfo() {
    const states = this.#peers.get(this.#link)?.states();
    const { state } = this.#state;
    return {
      ...this.#state,
      turn: nameOf(TURN, this.#core?.turn ?? TURN.NONE),
      canTalk: this.canTalk,
      canType: this.canType,
      mode: this.#mode,
      muted: this.#muted,
      hushed: this.#hushed,
      microphone: this.#micState,
      route: this.#routes.get(this.#link) ?? "ALL",
      bridged: this.#carrier !== this.#link,
      connectionState: states?.peer ?? "closed",
      iceConnectionState: states?.ice ?? "closed",
      iceGatheringState: states?.gathering ?? "new",
      dataChannelState: states?.channel ?? "closed",
      isConnected: state === "CONNECTED" || state === "PREPARED",
      isConnecting: ["PREPARING", "CONNECTING", "RESTARTING", "RECONNECTING"].includes(state),
      retryCount: this.#state.attempt,
      hasLocalStream: this.#microphone.track !== null,
      hasRemoteStream: this.#sound !== null,
    };
  }

  /** A sentence can be sent. */
  get canTalk() {
    return this.#core?.canTalk ?? false;
  }

  /** sendText takes a text: there is a call, even if nobody can be told just now. */
  get canType() {
    return IN_CALL.includes(this.#state.state) && this.#texts.size < TEXTS_MOST;
  }

  /** Everything that helps to understand what went wrong, as plain JSON. No token, no address, no word that was said. */
  diagnostics() {
    return {
      format: "xiaozhi-rtc-diagnostics 1",
      at: new Date().toISOString(),
      now_ms: Math.round(performance.now()),
      versions: { manager: VERSION, browser: navigator.userAgent },
      settings: { mode: this.#mode, video: this.#settings.video === true, policy: { ...this.#settings.policy } },
      connection: this.getConnectionInfo(),
      quality: this.getQualityMetrics(),
      performance: this.getPerformanceSummary(),
      sender: this.#core?.sender() ?? {},
      held: this.held,
      ...this.#recorder.contents(),
    };
  }
}

/** @param {string} name */
function checkName(name) {
  if (!EVENTS.includes(/** @type {any} */ (name))) throw new TypeError(`no such event: ${name}; there are ${EVENTS.join(", ")}`);
}

/** @param {Mode} mode */
function numberOfMode(mode) {
  const value = /** @type {Record<string, number>} */ (MODE)[mode.toUpperCase()];
  if (value === undefined) throw new TypeError(`no such mode: ${mode}`);
  return value;
}

/** @param {Readonly<Record<string, number>>} table @param {number} mask @returns {string[]} */
const namesOfMask = (table, mask) => Object.keys(table).filter((name) => mask & (table[name] ?? 0));

/** For the record: numbers only. @param {Record<string, any>} fields */
const detailOf = (fields) =>
  Object.entries(fields)
    .filter(([name, value]) => name !== "kind" && typeof value === "number" && value !== 0)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");

// That the class is what manager.d.ts declares is checked here, by the types alone.
/** @template {typeof import("./manager.d.ts").WebRTCManager} T @typedef {T} Declared */
/** @typedef {Declared<typeof WebRTCManager>} Checked */
