/* view.js - the manager's words as the page's: what is shown for a state, which text for a reason, notice or issue. */

/** @typedef {import("./manager/manager.d.ts").StateDetail} StateDetail */

/**
 * @typedef {"idle"|"connecting"|"ready"|"listening"|"thinking"|"speaking"|"reconnecting"|"offline"|"suspended"|"failed"|
 *   "ended"} State  what the page shows; by it the face and the colours change
 *
 * @typedef {{
 *   state:State, link:string, mode:"auto"|"manual", microphone:string,
 *   held:boolean, muted:boolean, canTalk:boolean, canType:boolean, connected:boolean,
 *   attempt:number, of:number, retryIn_s:number,
 * }} View  link: the manager's state
 */

/** @type {Record<string, State>} */
const TURNS = { NONE: "ready", LISTENING: "listening", THINKING: "thinking", SPEAKING: "speaking" };

/** States in which a call stands: nothing was given up. */
const STANDING = ["CONNECTED", "UNSTABLE"];

/** @param {{state:string, turn:string, canTalk:boolean, canType:boolean, microphone:string, mode:string, muted:boolean,
 *   attempt:number, of:number, retryAt_ms:number}} info of getConnectionInfo @param {number} now_ms @returns {View} */
export function viewOf(info, now_ms) {
  const connected = STANDING.includes(info.state);
  const mode = info.mode === "manual" ? "manual" : "auto";
  return {
    state: stateOf(info, connected),
    link: info.state,
    mode,
    microphone: info.microphone,
    held: mode === "manual" && info.canTalk && info.turn === "LISTENING",
    muted: info.muted,
    canTalk: info.canTalk,
    canType: info.canType,
    connected,
    attempt: info.attempt,
    of: info.of,
    retryIn_s: info.retryAt_ms > now_ms ? Math.max(1, Math.ceil((info.retryAt_ms - now_ms) / 1000)) : 0,
  };
}

/** @param {{state:string, turn:string, canTalk:boolean}} info @param {boolean} connected @returns {State} */
function stateOf(info, connected) {
  if (connected) return info.canTalk ? (TURNS[info.turn] ?? "ready") : "connecting";
  switch (info.state) {
    case "CONNECTING":
      return "connecting";
    case "RESTARTING":
    case "RECONNECTING":
      return "reconnecting";
    case "OFFLINE":
      return "offline";
    case "SUSPENDED":
      return "suspended";
    case "FAILED":
      return "failed";
    case "CLOSED":
      return "ended";
    default:
      return "idle"; // PREPARING and PREPARED too: nobody has asked for a call yet
  }
}

/** Why, and what to do: while a call is being restored or has ended. @type {Record<string, string>} */
export const REASONS = {
  SILENCE: "lost",
  DISCONNECTED: "lost",
  CHANNEL_CLOSED: "lost",
  STUCK: "lost",
  ICE_FAILED: "noPath",
  DTLS_FAILED: "noPath",
  UNREACHABLE: "unreachable",
  TIMED_OUT: "unreachable",
  SERVER_ERROR: "serverError",
  BAD_ANSWER: "serverError",
  SERVER_FULL: "serverFull",
  SESSION_LOST: "lost",
  DRAINING: "draining",
  NO_NETWORK: "noNetwork",
  NETWORK_CHANGED: "networkChanged",
  RESUMED: "woke",
  NOT_ALLOWED: "notAllowed",
  REFUSED: "refused",
  UNSUPPORTED: "noWebRtc",
  NO_MICROPHONE: "micNone",
  GAVE_UP: "gaveUp",
  ENDED: "endedByOperator",
};

/** @param {StateDetail} detail @returns {string|null} a text's key; null: nothing to explain */
export function troubleOf({ state, reason, attempt }) {
  const restored = state === "RESTARTING" && attempt > 1; // the first try is over before anyone has read it
  const sentAway = state === "CLOSED" && reason === "ENDED";
  const troubled = restored || sentAway || ["RECONNECTING", "OFFLINE", "SUSPENDED", "FAILED"].includes(state);
  return troubled ? (REASONS[reason] ?? null) : null;
}

/** @type {Record<string, string>} */
export const MICROPHONES = {
  NONE: "micNone",
  DENIED: "micDenied",
  BUSY: "micBusy",
  LOST: "micLost",
  SILENCED: "micSilenced",
  INSECURE: "insecure",
};

/** The rest is told otherwise: the microphone by its own state, the assistant's return by the state line.
 * @type {Record<string, string>} */
export const NOTICES = {
  HOLD_LONGER: "holdLonger",
  HEARD_NOTHING: "heardNothing",
  ASSISTANT_LOST: "assistantLost",
  DRAINING: "draining",
  CONTEXT_LOST: "contextLost",
};

/** Troubles with advice; a relay in use is no trouble, and a muted microphone has its notice. @type {Record<string, string>} */
export const ISSUES = {
  UPLINK_LOSS: "uplinkLoss",
  DOWNLINK_LOSS: "downlinkLoss",
  DELAY: "delayLong",
  JITTER: "jitterHigh",
  SILENT_MICROPHONE: "silentMicrophone",
  CPU: "deviceBusy",
  LOW_BANDWIDTH: "lowBandwidth",
};

/** @type {Record<string, string>} */
export const LEVELS = {
  UNKNOWN: "qualityUnknown",
  BAD: "qualityBad",
  POOR: "qualityPoor",
  GOOD: "qualityGood",
  EXCELLENT: "qualityExcellent",
};
