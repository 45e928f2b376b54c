/* messages.js - a message of the data channel as the event that the core knows (docs/protocol.md -> names.def). */

import { EVENT } from "./names.js";

/** @typedef {import("./peer.js").Incoming} Incoming */

const BACKEND = ["connecting", "ready", "lost", "retrying"];
const SPEECH = ["start", "sentence_start", "stop"];
const PONG_MOST_MS = 120_000; // older: of another page, or not ours

/** A ping that may carry ballast, to see what the way bears (manager/room.h). Half a millisecond marks those that do; how much
 * they carried, the answer does not say: one at a time is under way.
 * @param {number} now_ms @param {number} ballast bytes */
export function ping(now_ms, ballast) {
  const t = Math.round(now_ms);
  if (!ballast) return { type: "ping", t };
  carried = ballast;
  return { type: "ping", t: t + 0.5, ballast: "x".repeat(ballast) };
}

let carried = 0;

/** @param {Incoming} message @param {number} now_ms of performance.now(), which our pings carry
 * @returns {{kind:number, value?:number, more?:number}} */
export function eventOf(message, now_ms) {
  switch (message.type) {
    case "ready":
      return { kind: EVENT.READY };
    case "backend":
      return oneOf(EVENT.BACKEND, BACKEND, message["state"]);
    case "stt":
      return { kind: EVENT.STT, value: Number(Boolean(message["text"])) };
    case "tts":
      return oneOf(EVENT.TTS, SPEECH, message["state"] === "sound" ? "sentence_start" : message["state"]);
    case "pong": {
      const sent_ms = Number(message["t"]);
      const rtt_ms = Math.round(now_ms - sent_ms);
      if (!(sent_ms >= 0 && rtt_ms >= 0 && rtt_ms < PONG_MOST_MS)) return { kind: EVENT.ALIVE };
      return Number.isInteger(sent_ms) ? { kind: EVENT.PONG, value: rtt_ms } : { kind: EVENT.PONG, value: rtt_ms, more: carried };
    }
    case "server-draining": {
      // The deadline is by the gateway's clock, which need not be ours: only an older gateway says nothing better.
      const left_ms = Number(message["in"] ?? Date.parse(message["deadline"]) - Date.now());
      return { kind: EVENT.DRAINING, more: left_ms > 0 ? Math.round(left_ms) : 0 };
    }
    case "queue": {
      const queue_ms = Math.round(Number(message["ms"]));
      return queue_ms > 0 && queue_ms < PONG_MOST_MS ? { kind: EVENT.QUEUE, value: queue_ms } : { kind: EVENT.ALIVE };
    }
    case "ended":
      return { kind: EVENT.ENDED };
    default:
      return { kind: EVENT.ALIVE };
  }
}

/** @param {number} kind @param {string[]} words @param {unknown} word */
function oneOf(kind, words, word) {
  const value = words.indexOf(String(word));
  return value < 0 ? { kind: EVENT.ALIVE } : { kind, value };
}

const GAPS_MOST = 32; // GW_SAID_ROWS: the gateway has no more

/** The numbers of the conversation's messages in one session: what has come, and what comes once more. Over a new channel
 * on an old connection news may come before what was lost. */
export class Heard {
  #last = 0;
  #from = 0;
  /** @type {Set<number>} below the last one; these have not come */
  #gaps = new Set();

  /** It and all before it have come; 0: none. */
  get last() {
    const [first] = this.#gaps;
    return first === undefined ? this.#last : first - 1;
  }

  /** Links from |link| on are of another session, which counts anew. @param {number} link */
  begin(link) {
    this.#last = 0;
    this.#gaps.clear();
    this.#from = link;
  }

  /** @param {number} link @param {Incoming} message @returns {boolean} false: it came before */
  isNew(link, message) {
    const { type, n } = message;
    // What an echo sends back of ours has numbers of ours.
    if (link < this.#from || !Number.isSafeInteger(n) || n < 1 || ["listen", "heard"].includes(type)) return true;
    if (n <= this.#last) return this.#gaps.delete(n);
    for (let gap = Math.max(this.#last + 1, n - GAPS_MOST); gap < n; gap++) this.#gaps.add(gap);
    for (const gap of this.#gaps) if (gap < n - GAPS_MOST) this.#gaps.delete(gap);
    this.#last = n;
    return true;
  }
}

/** The gateway's "quality" as the core's report. @param {Incoming} message */
export const reportOf = (message) => ({
  rtt_ms: Number(message["rtt"]),
  jitter_ms: Number(message["jitter"]),
  received: Number(message["received"]),
  lost: Number(message["lost"]),
});
