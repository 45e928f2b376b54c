/* checkup.js - does it work here? Makes a real connection with the manager and names what stands in the way, step by step,
 * with what to do about it. Nothing stays open afterwards. */

import { RoomEar } from "./devices.js";
import { hasMicrophoneAccess, hasWebAssembly, hasWebRtc } from "./manager/compat.js";
import { WebRTCManager } from "./manager/manager.js";
import { serversOf } from "./manager/http.js";
import { tokenHeaders } from "./token.js";
import { MICROPHONES, REASONS } from "./view.js";

/** @typedef {"wait"|"run"|"ok"|"warn"|"bad"|"skip"} Mark */
/** @typedef {{mark:Mark, key:string, values?:Record<string, string|number>}} Finding  key of the table of texts */
/** @typedef {"page"|"microphone"|"gateway"|"relay"|"path"|"assistant"} Step */

/** @type {readonly Step[]} */
export const STEPS = ["page", "microphone", "gateway", "relay", "path", "assistant"];

const GATEWAY_MS = 6000;
const RELAY_MS = 8000;
const PATH_MS = 25_000;
const ASSISTANT_MS = 12_000;

/** What went wrong, for `path`, where it says more than the table of the conversation does. @type {Record<string, string>} */
const PATH_REASONS = { ICE_FAILED: "checkNoPath", DTLS_FAILED: "checkNoPath", TIMED_OUT: "checkNoPath" };

export class Checkup {
  #device;
  #macAddress;
  #tell;
  #ear = new RoomEar();
  #abort = new AbortController();
  /** @type {WebRTCManager|null} */
  #manager = null;
  /** @type {MediaStreamTrack|null} */
  #lent = null;
  #loudest = 0;

  /** @param {{device:import("./prefs.js").Device, macAddress:string}} choice
   * @param {(step:Step, finding:Finding) => void} tell */
  constructor({ device, macAddress }, tell) {
    this.#device = device;
    this.#macAddress = macAddress;
    this.#tell = (/** @type {Step} */ step, /** @type {Finding} */ finding) => {
      if (!this.#abort.signal.aborted) tell(step, finding);
    };
  }

  /** How loud the microphone is, 0 to 1, while the test runs. */
  level() {
    const level = this.#ear.level();
    this.#loudest = Math.max(this.#loudest, level);
    return level;
  }

  /** To be called in a gesture: the microphone is asked for. @returns {Promise<void>} when all is said, or stopped */
  async run() {
    for (const step of STEPS) this.#tell(step, { mark: "wait", key: "checkWait" });
    try {
      if (!this.#checkPage()) return this.#skip("microphone", "gateway", "relay", "path", "assistant");
      await this.#checkMicrophone();
      const servers = await this.#checkGateway();
      if (!servers) return this.#skip("relay", "path", "assistant");
      await this.#checkRelay(servers);
      if (!(await this.#checkPath())) return this.#skip("assistant");
      await this.#checkAssistant();
      if (this.#ear.label) this.#sayMicrophone("checkMicQuiet");
    } finally {
      this.stop();
    }
  }

  /** Lets go of everything; nothing is told any more. */
  stop() {
    this.#abort.abort();
    this.#ear.close();
    this.#manager?.close();
    this.#lent?.stop();
    this.#manager = this.#lent = null;
  }

  /** @param {Step[]} steps */
  #skip(...steps) {
    for (const step of steps) this.#tell(step, { mark: "skip", key: "checkSkipped" });
  }

  /** @returns {boolean} false: nothing else can go well */
  #checkPage() {
    const able = hasWebAssembly();
    if (!able) this.#tell("page", { mark: "bad", key: "tooOld" });
    else if (!hasMicrophoneAccess()) this.#tell("page", { mark: "bad", key: "insecure" });
    else if (!hasWebRtc()) this.#tell("page", { mark: "warn", key: "overSocket" });
    else this.#tell("page", { mark: "ok", key: "checkPageOk" });
    return able;
  }

  async #checkMicrophone() {
    if (!hasMicrophoneAccess()) return this.#skip("microphone");
    this.#tell("microphone", { mark: "run", key: "micAsk" });
    const state = await this.#ear.open(this.#device);
    if (state === "READY") this.#sayMicrophone("checkMicOk");
    else if (state) this.#tell("microphone", { mark: "bad", key: MICROPHONES[state] ?? "micNone" });
  }

  /** @param {string} unheard a text's key */
  #sayMicrophone(unheard) {
    const key = this.#loudest > 0.2 ? "checkMicHeard" : unheard;
    this.#tell("microphone", { mark: "ok", key, values: { name: this.#ear.label } });
  }

  /** @returns {Promise<import("./manager/manager.d.ts").Servers|null>} */
  async #checkGateway() {
    this.#tell("gateway", { mark: "run", key: "checkRunning" });
    const from_ms = performance.now();
    try {
      const signal = AbortSignal.any?.([this.#abort.signal, AbortSignal.timeout(GATEWAY_MS)]) ?? this.#abort.signal;
      const answer = await fetch("/api/ice", { cache: "no-store", headers: tokenHeaders(), signal });
      const ms = Math.round(performance.now() - from_ms);
      if (answer.status === 401 || answer.status === 403) this.#tell("gateway", { mark: "bad", key: "notAllowed" });
      else if (!answer.ok) this.#tell("gateway", { mark: "bad", key: "serverError" });
      else {
        const servers = serversOf(await answer.json(), Date.now());
        this.#tell("gateway", { mark: "ok", key: "checkGatewayOk", values: { ms } });
        return servers;
      }
    } catch {
      this.#tell("gateway", { mark: "bad", key: navigator.onLine ? "checkUnreachable" : "noNetwork" });
    }
    return null;
  }

  /** Asks every relay for an address. @param {import("./manager/manager.d.ts").Servers} servers */
  async #checkRelay({ config, relay }) {
    if (!relay || !hasWebRtc()) return this.#tell("relay", { mark: "skip", key: "checkNoRelay" });
    this.#tell("relay", { mark: "run", key: "checkRunning" });
    const outcome = await askRelays(config, this.#abort.signal);
    if (outcome === "found") this.#tell("relay", { mark: "ok", key: "checkRelayOk" });
    else this.#tell("relay", { mark: "warn", key: outcome === "refused" ? "checkRelayRefused" : "checkRelaySilent" });
  }

  /** @returns {Promise<boolean>} */
  async #checkPath() {
    this.#tell("path", { mark: "run", key: "connecting" });
    const policy = { max_attempts: 2, overall_ms: PATH_MS, socket: false }; // the socket would hide what is asked here
    const manager = new WebRTCManager({
      mode: "manual", policy, headers: () => tokenHeaders(), macAddress: this.#macAddress,
      fallback: () => import("./manager/fallback.js"),
    });
    this.#manager = manager;
    let reason = "ICE_FAILED";
    manager.on("state", (detail) => {
      if (!["NONE", "ASKED", "GAVE_UP"].includes(detail.reason)) reason = detail.reason;
    });
    this.#lent = this.#ear.copy(); // or the manager would ask once more
    if (this.#lent) await manager.setMicrophone(this.#lent);
    const connected = await manager.connect("manual").catch(() => {
      reason = "UNREACHABLE"; // the core did not come
      return false;
    });
    if (!connected) {
      this.#tell("path", { mark: "bad", key: PATH_REASONS[reason] ?? REASONS[reason] ?? "checkNoPath" });
      return false;
    }
    const ms = Math.round(manager.getPerformanceSummary().phases["CHANNEL"] ?? 0);
    const relayed = /** @type {Record<string, unknown>} */ (await freshMetrics(manager))["relayed"] === 1;
    this.#tell("path", { mark: "ok", key: relayed ? "checkPathRelay" : "checkPathOk", values: { ms } });
    return true;
  }

  async #checkAssistant() {
    const manager = this.#manager;
    if (!manager) return;
    this.#tell("assistant", { mark: "run", key: "waking" });
    const up = await within(ASSISTANT_MS, this.#abort.signal, (done) => {
      const look = () => manager.canTalk && done(true);
      manager.on("turn", look);
      manager.on("message", (message) => {
        if (message.type === "backend" && (message["state"] === "lost" || message["state"] === "retrying")) done(false);
        setTimeout(look);
      });
      look();
    });
    this.#tell("assistant", up ? { mark: "ok", key: "checkAssistantOk" } : { mark: "bad", key: "checkAssistantDown" });
  }
}

/** The figures of a second that has just begun do not know the path yet. @param {WebRTCManager} manager */
async function freshMetrics(manager) {
  for (let i = 0; i < 15 && manager.getQualityMetrics()["relayed"] === undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return manager.getQualityMetrics();
}

/** @param {RTCConfiguration} config @param {AbortSignal} signal @returns {Promise<"found"|"refused"|"silent">} */
async function askRelays(config, signal) {
  const pc = new RTCPeerConnection({ ...config, iceTransportPolicy: "relay", iceCandidatePoolSize: 0 });
  try {
    let refused = false;
    const found = await within(RELAY_MS, signal, (done) => {
      pc.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.candidate.includes(" typ relay")) done(true);
        else if (!candidate) done(false);
      });
      // 701 is no answer at all; what the relay itself says is 400 to 599.
      pc.addEventListener("icecandidateerror", ({ errorCode }) => {
        if (errorCode >= 400 && errorCode < 600) refused = true;
      });
      pc.createDataChannel("relay");
      pc.setLocalDescription().catch(() => done(false));
    });
    return found ? "found" : refused ? "refused" : "silent";
  } finally {
    pc.close();
  }
}

/** @param {number} limit_ms @param {AbortSignal} signal @param {(done:(well:boolean) => void) => void} begin
 * @returns {Promise<boolean>} false also when the time is over */
function within(limit_ms, signal, begin) {
  return new Promise((resolve) => {
    const limit = setTimeout(() => done(false), limit_ms);
    const done = (/** @type {boolean} */ well) => {
      clearTimeout(limit);
      resolve(well);
    };
    signal.addEventListener("abort", () => done(false));
    begin(done);
  });
}
