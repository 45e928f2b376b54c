/* audio.js - microphone, loudspeaker, and how loud each of them is.
 *
 * The answer plays through an <audio> element, so that the browser's echo canceller knows it; Web Audio only listens. */

/** @typedef {"insecure"|"micDenied"|"micNone"|"micBusy"|"micFailed"|"micLost"} MicProblem */

const FLOOR_DB = -52; // below: a quiet room
const RANGE_DB = 40;

export class Sound {
  #element = new Audio();
  /** @type {AudioContext|null} */
  #context = null;
  /** @type {AnalyserNode|null} */
  #micTap = null;
  /** @type {AnalyserNode|null} */
  #voiceTap = null;
  /** @type {MediaStreamTrack|null} */
  #track = null;
  #live = false;
  #samples = new Float32Array(1024);
  /** @type {(state:"asking"|"ready"|"none", problem?:MicProblem) => void} */
  #onMic;
  /** @type {(blocked:boolean) => void} */
  #onBlocked;

  /** @param {(state:"asking"|"ready"|"none", problem?:MicProblem) => void} onMic
   * @param {(blocked:boolean) => void} onBlocked */
  constructor(onMic, onBlocked) {
    this.#onMic = onMic;
    this.#onBlocked = onBlocked;
    this.#element.autoplay = true;
  }

  /** To be called within a gesture: that is what lets sound out. */
  unlock() {
    this.#context ??= new AudioContext({ latencyHint: "interactive" });
    this.#context.resume().catch(() => undefined);
    if (this.#element.srcObject) this.#play();
  }

  /** The microphone's track, asked for once and kept between connections; null if there is none, and then `onMic`
   * was told why. @returns {Promise<MediaStreamTrack|null>} */
  async microphone() {
    if (this.#track?.readyState === "live") return this.#track;
    if (!isSecureContext || !navigator.mediaDevices) {
      this.#onMic("none", "insecure");
      return null;
    }
    this.#onMic("asking");
    try {
      const wish = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      const stream = await navigator.mediaDevices.getUserMedia({ audio: wish });
      this.#track = stream.getAudioTracks()[0] ?? null;
    } catch (error) {
      this.#onMic("none", problemOf(error));
      return null;
    }
    if (!this.#track) return null;
    this.#track.enabled = this.#live;
    this.#track.onended = () => this.#onMic("none", "micLost");
    this.#micTap = this.#tap(new MediaStream([this.#track]));
    this.#onMic("ready");
    return this.#track;
  }

  /** @param {boolean} live */
  setLive(live) {
    this.#live = live;
    if (this.#track) this.#track.enabled = live;
  }

  get hasMicrophone() {
    return this.#track?.readyState === "live";
  }

  /** @param {MediaStream} stream */
  listen(stream) {
    this.#element.srcObject = stream;
    this.#voiceTap = this.#tap(stream);
    this.#play();
  }

  #play() {
    this.#element.play().then(
      () => this.#onBlocked(false),
      (error) => {
        if (error?.name === "NotAllowedError") this.#onBlocked(true);
      },
    );
  }

  /** @param {number} percent */
  setVolume(percent) {
    this.#element.volume = Math.min(1, Math.max(0, percent / 100));
  }

  /** Not a syllable more of what is already on its way. @param {boolean} on */
  hush(on) {
    this.#element.muted = on;
  }

  /** Both levels, 0 (silence) to 1. */
  levels() {
    return { mic: this.#live ? this.#level(this.#micTap) : 0, voice: this.#level(this.#voiceTap) };
  }

  /** Lets go of microphone and loudspeaker. */
  close() {
    this.#track?.stop();
    this.#track = null;
    this.#micTap = null;
    this.#voiceTap = null;
    this.#element.srcObject = null;
  }

  /** @param {MediaStream} stream */
  #tap(stream) {
    if (!this.#context) return null;
    const tap = this.#context.createAnalyser();
    tap.fftSize = this.#samples.length;
    this.#context.createMediaStreamSource(stream).connect(tap);
    return tap;
  }

  /** @param {AnalyserNode|null} tap */
  #level(tap) {
    if (!tap) return 0;
    tap.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    const db = 10 * Math.log10(sum / this.#samples.length + 1e-12);
    return Math.min(1, Math.max(0, (db - FLOOR_DB) / RANGE_DB));
  }
}

/** @param {unknown} error of getUserMedia @returns {MicProblem} */
export function problemOf(error) {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "micDenied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "micNone";
    case "NotReadableError":
    case "AbortError":
      return "micBusy";
    default:
      return "micFailed";
  }
}
