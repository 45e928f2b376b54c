/* fallback_capture.js - the microphone as pieces of 20 ms at 16 kHz, in the audio thread: an AudioWorklet module of the
 * fallback. Messages: one ArrayBuffer of signed 16-bit little-endian samples for each piece. */

export const RATE = 16_000;
export const PIECE = 320; // samples

const HALF_WIDTH = 12; // zero crossings of the filter on each side
const STEPS = 128; // of the filter's table between two zero crossings

/** The filter sin(x)/x under a Hann window, one side. @returns {Float64Array} */
function makeTable() {
  const table = new Float64Array(HALF_WIDTH * STEPS + 2);
  table[0] = 1;
  for (let i = 1; i <= HALF_WIDTH * STEPS; i++) {
    const x = (Math.PI * i) / STEPS;
    table[i] = (Math.sin(x) / x) * 0.5 * (1 + Math.cos(x / HALF_WIDTH));
  }
  return table;
}

/** From any rate to RATE: band-limited interpolation, so that what 16 kHz cannot hold does not come back as noise. */
export class Resampler {
  #table = makeTable();
  #step;
  #cutoff;
  #reach;
  /** @type {Float32Array} the input that is still needed */
  #held;
  #n_held;
  /** Of the next output, in input samples from the beginning of what is held. */
  #at;

  /** @param {number} rate of the input */
  constructor(rate) {
    this.#step = rate / RATE;
    this.#cutoff = Math.min(1, 0.92 / this.#step); // a little below half the lower rate
    this.#reach = Math.ceil(HALF_WIDTH / this.#cutoff);
    this.#held = new Float32Array(4 * this.#reach + 4096);
    this.#n_held = this.#reach; // silence before the beginning
    this.#at = this.#reach;
  }

  /** @param {Float32Array} input @param {(sample:number) => void} take one output sample */
  push(input, take) {
    for (let from = 0; from < input.length; from += 2048) this.#push(input.subarray(from, from + 2048), take);
  }

  /** @param {Float32Array} input @param {(sample:number) => void} take */
  #push(input, take) {
    this.#held.set(input, this.#n_held);
    this.#n_held += input.length;
    while (this.#at + this.#reach < this.#n_held) {
      take(this.#sampleAt(this.#at));
      this.#at += this.#step;
    }
    const over = Math.max(0, Math.floor(this.#at) - this.#reach);
    this.#held.copyWithin(0, over, this.#n_held);
    this.#n_held -= over;
    this.#at -= over;
  }

  /** @param {number} at */
  #sampleAt(at) {
    const first = Math.ceil(at - this.#reach);
    const last = Math.floor(at + this.#reach);
    let sum = 0;
    for (let i = Math.max(0, first); i <= last; i++) {
      const place = Math.abs(i - at) * this.#cutoff * STEPS;
      const low = Math.floor(place);
      const a = this.#table[low] ?? 0;
      sum += (this.#held[i] ?? 0) * (a + ((this.#table[low + 1] ?? 0) - a) * (place - low));
    }
    return sum * this.#cutoff;
  }
}

/** Samples into whole pieces. */
export class Pieces {
  #bytes = new ArrayBuffer(2 * PIECE);
  #n = 0;
  #take;

  /** @param {(piece:ArrayBuffer) => void} take which is then the taker's */
  constructor(take) {
    this.#take = take;
  }

  /** @param {number} sample -1 to 1 */
  push(sample) {
    const value = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
    new DataView(this.#bytes).setInt16(2 * this.#n, value, true);
    if (++this.#n < PIECE) return;
    this.#n = 0;
    this.#take(this.#bytes);
    this.#bytes = new ArrayBuffer(2 * PIECE);
  }
}

const scope = /** @type {any} */ (globalThis);

if (scope.registerProcessor) {
  scope.registerProcessor(
    "xiaozhi-capture",
    class extends scope.AudioWorkletProcessor {
      #resampler = new Resampler(scope.sampleRate);
      #pieces = new Pieces((piece) => this["port"].postMessage(piece, [piece]));

      /** @param {Float32Array[][]} inputs */
      process(inputs) {
        const channel = inputs[0]?.[0];
        if (channel) this.#resampler.push(channel, (sample) => this.#pieces.push(sample));
        return true;
      }
    },
  );
}
