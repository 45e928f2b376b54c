/* devices.js - microphones and speakers: what there is, how loud it is in the room, and a sound to hear.
 *
 * A microphone that is opened here is open for its level only, and shut with the picker. */

import { microphoneProblem, openMicrophone, setLoudspeaker } from "./manager/compat.js";

/** @typedef {import("./prefs.js").Device} Device */

/** Chromium's own words for "automatic", which is the empty id here. */
const PSEUDO = ["", "default", "communications"];

export const canChooseSpeaker = () => typeof (/** @type {any} */ (HTMLMediaElement.prototype).setSinkId) === "function";

/** @returns {Promise<{microphones:Device[], speakers:Device[]}>} without names until the microphone was allowed */
export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const of = (/** @type {string} */ kind) =>
    all.flatMap(({ kind: its, deviceId: id, label }) => (its === kind && !PSEUDO.includes(id) ? [{ id, label }] : []));
  return { microphones: of("audioinput"), speakers: of("audiooutput") };
}

/** The device that was chosen: by its id, or by its name where the browser has given it another id.
 * @param {Device[]} list @param {Device} chosen @returns {Device|null} null: not there now */
export function findDevice(list, chosen) {
  const named = chosen.label ? list.find(({ label }) => label === chosen.label) : undefined;
  return list.find(({ id }) => id === chosen.id) ?? named ?? null;
}

export class RoomEar {
  /** @type {AudioContext|null} */
  #context = null;
  /** @type {MediaStreamTrack|null} */
  #track = null;
  /** @type {AnalyserNode|null} */
  #tap = null;
  #asked = 0;
  #samples = new Float32Array(1024);

  get label() {
    return this.#track?.label ?? "";
  }

  /** To be called in a gesture. @param {Device} device @param {MediaStreamTrack|null} [lent] a track that is open
   * already: a copy of it is listened to, since a second request would silence the first one on iOS
   * @returns {Promise<"READY"|"DENIED"|"NONE"|"BUSY"|"INSECURE"|null>} null: closed meanwhile, or asked anew */
  async open(device, lent = null) {
    this.close();
    const asked = ++this.#asked;
    if (!navigator.mediaDevices?.getUserMedia) return "INSECURE";
    this.#context = new AudioContext();
    this.#context.resume().catch(() => undefined);
    try {
      const stream = lent
        ? new MediaStream([lent.clone()])
        : await openMicrophone(device.id || null);
      const [track] = stream.getAudioTracks();
      if (!track || asked !== this.#asked || !this.#context) {
        for (const unwanted of stream.getTracks()) unwanted.stop();
        return null;
      }
      track.enabled = true;
      this.#track = track;
      this.#tap = this.#context.createAnalyser();
      this.#tap.fftSize = this.#samples.length;
      this.#context.createMediaStreamSource(stream).connect(this.#tap);
      return "READY";
    } catch (error) {
      if (asked !== this.#asked) return null;
      this.close();
      return microphoneProblem(error);
    }
  }

  /** For somebody else, who stops it. */
  copy() {
    return this.#track?.clone() ?? null;
  }

  /** 0 silence to 1 loud. */
  level() {
    if (!this.#tap) return 0;
    this.#tap.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    const db = 10 * Math.log10(sum / this.#samples.length + 1e-12);
    return Math.min(1, Math.max(0, (db + 60) / 50));
  }

  close() {
    this.#asked++;
    this.#track?.stop();
    this.#context?.close().catch(() => undefined);
    this.#track = this.#tap = this.#context = null;
  }
}

const NOTES_HZ = [523.25, 659.25, 783.99];
const NOTE_S = 0.22;

/** Three notes from a loudspeaker. To be called in a gesture. @param {Device} device @param {number} volume 0 to 1
 * @returns {Promise<void>} when they are over; rejects if that speaker cannot be used */
export async function playTest(device, volume) {
  const context = new AudioContext();
  const audio = new Audio();
  try {
    const out = context.createMediaStreamDestination();
    audio.srcObject = out.stream;
    audio.volume = volume;
    if (device.id) await setLoudspeaker(audio, device.id);
    await Promise.all([context.resume(), audio.play()]);
    const from_s = context.currentTime + 0.1;
    NOTES_HZ.forEach((hz, index) => ring(context, out, hz, from_s + index * NOTE_S * 0.8));
    await new Promise((resolve) => setTimeout(resolve, (NOTES_HZ.length * NOTE_S + 0.6) * 1000));
  } finally {
    audio.pause();
    audio.srcObject = null;
    await context.close();
  }
}

/** @param {AudioContext} context @param {AudioNode} out @param {number} hz @param {number} at_s */
function ring(context, out, hz, at_s) {
  const tone = context.createOscillator();
  const gain = context.createGain();
  tone.frequency.value = hz;
  gain.gain.setValueAtTime(0, at_s);
  gain.gain.linearRampToValueAtTime(0.5, at_s + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, at_s + NOTE_S * 2);
  tone.connect(gain).connect(out);
  tone.start(at_s);
  tone.stop(at_s + NOTE_S * 2);
}
