/* core.js - the core of WebRTCManager (manager/, in C) as a class: one Core is one WebAssembly.Instance with its own
 * memory. Numbers in, numbers out; nothing is decided here. Words are in names.js, what they mean in docs/manager.md,
 * the contract in manager/manager.h. Times are milliseconds of one monotonic clock, e.g. performance.now(). */

import { COUNTS, FIGURES, REPORT, SAMPLE, SENDER, SETTINGS } from "./names.js";

/** @typedef {{kind:number, link?:number, request?:number, value?:number, more?:number}} CoreEvent */
/** @typedef {{kind:number, link:number, request:number, value:number, more:number, state:number, reason:number,
 *   rung:number, route:number, delay_ms:number}} Command */
/** @typedef {{[name:string]: number|undefined}} Sample by the names of SAMPLE; what is missing is not measured */
/** @typedef {{rtt_ms?:number, jitter_ms?:number, received?:number, lost?:number}} Report the gateway's "quality" */
/** @typedef {{[name:string]: number|boolean|number[]|string}} Settings by the names of SETTINGS, backoff_ms as a list;
 *   preset: "specification" begins with the original specification's values instead of ours */
/** @typedef {Record<string, number>} Numbers */

// Areas of manager/wasm.c.
const [COMMAND_AREA, SAMPLE_AREA, REPORT_AREA, FIGURES_AREA, SENDER_AREA, COUNTS_AREA] = [0, 1, 2, 3, 4, 5];

/** Fetches and compiles the core, once per page; a server that does not know the type application/wasm is survived.
 * @param {URL|string|BufferSource} [source] an address, or the bytes themselves
 * @returns {Promise<WebAssembly.Module>} */
export async function loadCore(source = new URL("manager.wasm", import.meta.url)) {
  if (typeof source !== "string" && !(source instanceof URL)) return WebAssembly.compile(source);
  const response = await fetch(source);
  if (!response.ok) throw new Error(`${source}: ${response.status}`);
  const streams = response.headers.get("content-type") === "application/wasm" && "compileStreaming" in WebAssembly;
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

export class Core {
  /** @type {any} */
  #wasm;
  /** @type {Int32Array} */
  #command;

  /** As the constructor, for browsers that instantiate only small modules at once (Chromium of 2023 and before).
   * @param {WebAssembly.Module} module @param {Settings} [settings] @param {number} [seed] @param {number} [now_ms]
   * @returns {Promise<Core>} */
  static async create(module, settings, seed, now_ms) {
    return new Core(await WebAssembly.instantiate(module), settings, seed, now_ms);
  }

  /** @param {WebAssembly.Module|WebAssembly.Instance} module of loadCore; an instance must be a fresh one
   * @param {Settings} [settings] what differs from the defaults
   * @param {number} [seed] of the jitter: any number @param {number} [now_ms] */
  constructor(module, settings = {}, seed = Math.random() * 2 ** 53, now_ms = performance.now()) {
    this.#wasm = (module instanceof WebAssembly.Module ? new WebAssembly.Instance(module) : module).exports;
    const { preset, ...chosen } = settings;
    this.#wasm.defaults(preset === "specification" ? 1 : 0);
    for (const [name, value] of Object.entries(chosen)) {
      [value].flat().forEach((number, i) => {
        if (!this.#wasm.set(SETTINGS.indexOf(name), i, Number(number))) throw new RangeError(`setting ${name}: ${value}`);
      });
    }
    this.#wasm.init(seed, seed / 2 ** 32, now_ms);
    this.#command = this.#words(COMMAND_AREA, 10);
  }

  /** @param {CoreEvent} event @param {number} now_ms @returns {Command[]} in the order in which to carry them out */
  handle({ kind, link, request, value, more }, now_ms) {
    this.#wasm.handle(kind, link, request, value, more, now_ms);
    return this.#drain();
  }

  /** @param {number} link @param {Sample} sample @param {number} now_ms @returns {Command[]} */
  sample(link, sample, now_ms) {
    this.#fill(SAMPLE_AREA, SAMPLE, sample);
    this.#wasm.sample(link, now_ms);
    return this.#drain();
  }

  /** @param {number} link @param {Report} report @param {number} now_ms @returns {Command[]} */
  report(link, report, now_ms) {
    this.#fill(REPORT_AREA, REPORT, /** @type {Sample} */ (report));
    this.#wasm.report(link, now_ms);
    return this.#drain();
  }

  /** When to hand in a TICK; Infinity: nothing is pending. @returns {number} */
  get deadline_ms() {
    return this.#wasm.deadline();
  }

  /** @returns {number} of STATE */
  get state() {
    return this.#wasm.state();
  }

  /** @returns {number} of REASON */
  get reason() {
    return this.#wasm.reason();
  }

  /** @returns {number} of TURN */
  get turn() {
    return this.#wasm.turn();
  }

  /** A sentence can be sent. */
  get canTalk() {
    return this.#wasm.can_talk() !== 0;
  }

  /** When a PHASE of the present (or last) connection was reached; NaN: it was not. @param {number} phase @returns {number} */
  phase_ms(phase) {
    return this.#wasm.phase(phase);
  }

  /** Of the last interval, by the names of FIGURES; what was not measured is not there. @returns {Numbers} */
  figures() {
    const found = new Float64Array(this.#wasm.memory.buffer, this.#wasm.area(FIGURES_AREA), FIGURES.length);
    return Object.fromEntries(FIGURES.map((name, i) => [name, found[i] ?? -1]).filter(([, value]) => value !== -1));
  }

  /** What microphone and camera may send, by the names of SENDER. @returns {Numbers} */
  sender() {
    return this.#named(SENDER_AREA, SENDER);
  }

  /** @returns {Numbers} by the names of COUNTS */
  counts() {
    return this.#named(COUNTS_AREA, COUNTS);
  }

  /** @param {number} area @param {number} n */
  #words(area, n) {
    return new Int32Array(this.#wasm.memory.buffer, this.#wasm.area(area), n);
  }

  /** @param {number} area @param {readonly string[]} names @returns {Numbers} */
  #named(area, names) {
    return Object.fromEntries(Array.from(this.#words(area, names.length), (value, i) => [names[i], value >>> 0]));
  }

  /** @param {number} area @param {readonly string[]} names @param {Sample} values */
  #fill(area, names, values) {
    const found = new Float64Array(this.#wasm.memory.buffer, this.#wasm.area(area), names.length);
    names.forEach((name, i) => (found[i] = Number.isFinite(values[name]) ? /** @type {number} */ (values[name]) : -1));
  }

  /** @returns {Command[]} */
  #drain() {
    const commands = [];
    while (this.#wasm.poll()) {
      const [kind = 0, link = 0, request = 0, value = 0, more = 0, state = 0, reason = 0, rung = 0, route = 0, delay = 0] =
        this.#command;
      commands.push({
        kind,
        link: link >>> 0,
        request: request >>> 0,
        value,
        more: more >>> 0,
        state,
        reason,
        rung,
        route,
        delay_ms: delay >>> 0,
      });
    }
    return commands;
  }
}
