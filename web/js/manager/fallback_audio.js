/* fallback_audio.js - sound without WebRTC: the microphone through an AudioWorklet, the answer through a queue of an
 * AudioContext. It is played here and not by an <audio> element: WebKitGTK is silent for a stream that an AudioContext
 * made. The stream there is for meters. */

/** @typedef {import("./registry.js").Registry} Registry */

export const DOWN_RATE = 24_000;
const LEAD_S = 0.08; // what the network may be late
const LEAD_MOST_S = 1.5; // a network that stood still may bring so much at once
const LEAD_CALM_S = 0.25; // more than this is given back where there is silence

/** When the next piece is to be played; pure, for its tests. */
export class Schedule {
  #next_s = 0;

  /** @param {number} now_s of the clock that plays @param {number} length_s @param {boolean} silent
   * @returns {number|null} when to begin; null: not at all */
  place(now_s, length_s, silent) {
    const lead_s = this.#next_s - now_s;
    if (lead_s > LEAD_MOST_S || (silent && lead_s > LEAD_CALM_S)) return null;
    const at_s = lead_s > 0.005 ? this.#next_s : now_s + LEAD_S;
    this.#next_s = at_s + length_s;
    return at_s;
  }

  /** How much is still to be played. @param {number} now_s */
  left_s(now_s) {
    return Math.max(0, this.#next_s - now_s);
  }

  clear() {
    this.#next_s = 0;
  }
}

const captureUrl = () => new URL("./fallback_capture.js", import.meta.url);

/** Into the browser's cache: a worklet takes only what has an address. */
export function fetchCapture() {
  fetch(captureUrl()).then((response) => response.arrayBuffer()).catch(() => undefined);
}

/** @param {ArrayBuffer} bytes @returns {{samples:Float32Array<ArrayBuffer>, power:number}} */
export function samplesOf(bytes) {
  const view = new DataView(bytes);
  const samples = new Float32Array(bytes.byteLength >> 1);
  let power = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = view.getInt16(2 * i, true) / 32768;
    samples[i] = value;
    power += value * value;
  }
  return { samples, power: power / Math.max(1, samples.length) };
}

export class Sound {
  #context = new AudioContext();
  #out;
  #volume;
  #schedule = new Schedule();
  /** @type {Set<AudioBufferSourceNode>} */
  #playing = new Set();
  /** @type {AudioWorkletNode|null} */
  #capture = null;
  /** @type {MediaStreamAudioSourceNode|null} */
  #source = null;
  /** @type {(() => void)[]} */
  #held = [];
  #onPiece;

  /** @param {Registry} registry @param {(piece:ArrayBuffer) => void} onPiece 20 ms of the microphone */
  constructor(registry, onPiece) {
    this.#onPiece = onPiece;
    this.#out = this.#context.createMediaStreamDestination();
    this.#volume = this.#context.createGain();
    this.#volume.connect(this.#context.destination);
    const resume = () => this.#wake();
    this.#held.push(registry.hold("context", () => this.#context.close().catch(() => undefined)));
    // Sound begins within a gesture only; ours may have come before this.
    for (const type of ["pointerdown", "pointerup", "keydown", "click"]) {
      this.#held.push(registry.listen(document, type, resume));
    }
    this.#held.push(registry.listen(document, "visibilitychange", resume));
    this.#wake();
  }

  /** To be called once, before `listenTo`. */
  async load() {
    await this.#context.audioWorklet.addModule(captureUrl());
    if (this.#context.state === "closed") return;
    this.#capture = new AudioWorkletNode(this.#context, "xiaozhi-capture", { numberOfOutputs: 1, channelCount: 1 });
    this.#capture.port.onmessage = ({ data }) => this.#onPiece(data);
    // Only what leads to the destination is run; the processor gives silence.
    this.#capture.connect(this.#context.destination);
  }

  /** Of what was given, still to be heard. */
  get held_ms() {
    return this.#context.state === "running" ? this.#schedule.left_s(this.#context.currentTime) * 1000 : 0;
  }

  get stream() {
    return this.#out.stream;
  }

  /** @param {number} volume 0 to 1 */
  setVolume(volume) {
    this.#volume.gain.value = volume;
  }

  #wake() {
    if (this.#context.state !== "running" && this.#context.state !== "closed") this.#context.resume().catch(() => undefined);
  }

  /** @param {MediaStreamTrack|null} track */
  listenTo(track) {
    this.#source?.disconnect();
    this.#source = null;
    if (!track || !this.#capture) return;
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#capture);
    this.#wake();
  }

  /** @param {ArrayBuffer} bytes samples at DOWN_RATE @returns {number} their power, 0 to 1 */
  play(bytes) {
    const { samples, power } = samplesOf(bytes);
    if (!samples.length || this.#context.state !== "running") return power; // later it would be old
    const at_s = this.#schedule.place(this.#context.currentTime, samples.length / DOWN_RATE, power < 1e-9);
    if (at_s === null) return power;
    const buffer = this.#context.createBuffer(1, samples.length, DOWN_RATE);
    buffer.copyToChannel(samples, 0);
    const node = new AudioBufferSourceNode(this.#context, { buffer });
    node.onended = () => this.#playing.delete(node);
    node.connect(this.#out);
    node.connect(this.#volume);
    node.start(at_s);
    this.#playing.add(node);
    return power;
  }

  /** Nothing of what was given is heard any more. */
  hush() {
    for (const node of this.#playing) {
      node.onended = null;
      node.stop();
      node.disconnect();
    }
    this.#playing.clear();
    this.#schedule.clear();
  }

  close() {
    this.hush();
    this.listenTo(null);
    this.#capture?.port.close();
    this.#capture?.disconnect();
    for (const release of this.#held.splice(0)) release();
  }
}
