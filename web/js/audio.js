/* audio.js - how loud microphone and answer are, for the avatar. Web Audio only listens here; it plays nothing. */

const FLOOR_DB = -52; // below: a quiet room
const RANGE_DB = 40;

export class Meter {
  /** @type {AudioContext|null} */
  #context = null;
  /** @type {Map<"mic"|"voice", {stream:MediaStream, tap:AnalyserNode|null}>} */
  #inputs = new Map();
  #samples = new Float32Array(1024);

  /** To be called within a gesture, or after one where that is enough: before it a context may not run. */
  unlock() {
    this.#context ??= new AudioContext({ latencyHint: "interactive" });
    this.#context.resume().catch(() => undefined);
    for (const input of this.#inputs.values()) input.tap ??= this.#tap(input.stream);
  }

  /** @param {"mic"|"voice"} name @param {MediaStream|null} stream */
  watch(name, stream) {
    this.#inputs.get(name)?.tap?.disconnect();
    if (stream) this.#inputs.set(name, { stream, tap: this.#tap(stream) });
    else this.#inputs.delete(name);
  }

  /** The samples of the last 20 ms or so; null: nothing can be heard. Overwritten by the next call.
   * @param {"mic"|"voice"} name */
  newest(name) {
    const input = this.#inputs.get(name);
    if (!input?.tap || !this.#context) return null;
    input.tap.getFloatTimeDomainData(this.#samples);
    return { samples: this.#samples, rate_hz: this.#context.sampleRate };
  }

  /** Loudness, 0 (silence) to 1. @param {"mic"|"voice"} name */
  level(name) {
    const live = this.#inputs.get(name)?.stream.getAudioTracks().some((track) => track.enabled);
    const heard = live ? this.newest(name) : null;
    if (!heard) return 0;
    let sum = 0;
    for (const sample of heard.samples) sum += sample * sample;
    const db = 10 * Math.log10(sum / heard.samples.length + 1e-12);
    return Math.min(1, Math.max(0, (db - FLOOR_DB) / RANGE_DB));
  }

  /** @param {MediaStream} stream */
  #tap(stream) {
    if (!this.#context) return null;
    const tap = this.#context.createAnalyser();
    tap.fftSize = this.#samples.length;
    this.#context.createMediaStreamSource(stream).connect(tap);
    return tap;
  }
}
