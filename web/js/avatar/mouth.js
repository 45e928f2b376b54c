/* mouth.js - from the sound of the voice to the shape of a mouth.
 *
 * Openness is the loudness over the last 20 ms or so, measured against the loudest of the last seconds, so that a quiet
 * voice opens the mouth too. Width comes from the balance of the spectrum: the mean square frequency, which the energy of
 * the differences between samples gives without any transform. "oo" is dark and round, "ee" bright and wide, "s" so
 * bright that the teeth show. */

/** @typedef {{open:number, wide:number, teeth:number}} Viseme  each 0 to 1; wide: 0 round .. 1 drawn wide */

const SILENCE = 0.002; // -54 dBFS: below, nobody speaks
const LOUD_LEAST = 0.03; // what counts as loud at the least
const FORGET_S = 6; // the loudest is forgotten in this time
const OPENS_S = 0.014;
const SHUTS_S = 0.05;
const SHAPES_S = 0.045;
const DARK_HZ = 380;
const BRIGHT_HZ = 2300;
const HISS_HZ = 3200;

export class Mouth {
  open = 0;
  wide = 0.5;
  teeth = 0;
  #loud = LOUD_LEAST;

  /** @param {Float32Array|null} samples the newest last; null: no voice is there @param {number} rate_hz
   * @param {number} dt_s since the last step @returns {Viseme} */
  step(samples, rate_hz, dt_s) {
    const { rms, pitch_hz } = samples ? measure(samples, rate_hz) : { rms: 0, pitch_hz: 0 };
    this.#loud = Math.max(rms, LOUD_LEAST, this.#loud * Math.exp(-dt_s / FORGET_S));
    const heard = rms > SILENCE;
    const open = heard ? Math.min(1, (rms / this.#loud) ** 0.75) : 0;
    const bright = heard ? Math.log(pitch_hz / DARK_HZ) / Math.log(BRIGHT_HZ / DARK_HZ) : 0.5;
    const hiss = heard ? Math.min(1, Math.max(0, (pitch_hz - HISS_HZ) / HISS_HZ)) : 0;
    this.open = toward(this.open, open, dt_s, open > this.open ? OPENS_S : SHUTS_S);
    this.wide = toward(this.wide, Math.min(1, Math.max(0, bright)), dt_s, SHAPES_S);
    this.teeth = toward(this.teeth, hiss, dt_s, SHAPES_S);
    if (this.open < 0.004) this.open = 0;
    return this;
  }

  get still() {
    return this.open === 0;
  }
}

/** @param {Float32Array} samples @param {number} rate_hz */
function measure(samples, rate_hz) {
  let energy = 1e-12;
  let change = 0;
  let before = samples[0] ?? 0;
  for (const sample of samples) {
    energy += sample * sample;
    change += (sample - before) ** 2;
    before = sample;
  }
  // Of a tone of frequency f: change / energy = 2 - 2 cos(2 pi f / rate).
  const turn = Math.acos(Math.max(-1, 1 - change / energy / 2));
  return { rms: Math.sqrt(energy / samples.length), pitch_hz: Math.max(1, (turn * rate_hz) / (2 * Math.PI)) };
}

/** Closes the gap by 63 % in |tau_s|, however often it is called.
 * @param {number} was @param {number} goal @param {number} dt_s @param {number} tau_s */
export function toward(was, goal, dt_s, tau_s) {
  return goal + (was - goal) * Math.exp(-dt_s / tau_s);
}
