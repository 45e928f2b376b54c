/* recorder.js - what happened lately, for a person to send to whoever helps. Bounded, and without secrets: no address,
 * no token, no credential of a description, no word that was spoken or typed. */

/** @typedef {import("./stats.js").Sample} Sample */

const EVENTS_MOST = 1000;
const SAMPLES_MOST = 300; // one a second: five minutes
/** Members of a sample that are no counters. */
const GAUGES = new Set([
  "pair", "pair_relayed", "pair_rtt_s", "pair_available_out_bps", "in_jitter_s", "in_level", "remote_rtt_s",
  "remote_jitter_s", "remote_fraction_lost", "mic_level", "mic_live", "video_limited", "video_fraction_lost",
]);

export class Recorder {
  /** @type {{at_ms:number, what:string, detail?:string}[]} */
  #events = [];
  /** @type {({at_ms:number} & Record<string, number>)[]} */
  #samples = [];
  /** @type {Sample|null} */
  #last = null;
  #dropped = 0;

  /** @param {string} what @param {string} [detail] */
  note(what, detail) {
    const entry = { at_ms: Math.round(performance.now()), what };
    this.#events.push(detail ? { ...entry, detail: withoutSecrets(detail) } : entry);
    if (this.#events.length <= EVENTS_MOST) return;
    this.#dropped += EVENTS_MOST / 4;
    this.#events.splice(0, EVENTS_MOST / 4);
  }

  /** @param {Sample} sample what grew since the last one, and what is measured now */
  sample(sample) {
    /** @type {{at_ms:number} & Record<string, number>} */
    const entry = { at_ms: Math.round(performance.now()) };
    for (const [name, value] of Object.entries(sample)) {
      if (value < 0) continue;
      const before = this.#last?.[name] ?? -1;
      if (GAUGES.has(name)) entry[name] = value;
      else if (before >= 0 && value !== before) entry[name] = value - before;
    }
    this.#last = sample;
    this.#samples.push(entry);
    if (this.#samples.length > SAMPLES_MOST) this.#samples.shift();
  }

  /** Another connection counts from the beginning. */
  restart() {
    this.#last = null;
  }

  contents() {
    return { dropped: this.#dropped, events: [...this.#events], samples: [...this.#samples] };
  }
}

/** Browsers quote lines of descriptions in their errors. @param {string} text */
export function withoutSecrets(text) {
  return text
    .slice(0, 300)
    .replace(/\b[a-z]+:\/\/\S+/gi, "*")
    .replace(/\b\d{1,3}(\.\d{1,3}){3}\b/g, "*")
    .replace(/\b[0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,7}\b/gi, "*")
    .replace(/\S+\.local\b/g, "*")
    .replace(/[\w+/=-]{20,}/g, "*");
}
