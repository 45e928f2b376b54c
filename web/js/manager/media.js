/* media.js - microphone and loudspeaker.
 *
 * The answer plays through an <audio> element, so that the browser's echo canceller knows it. */

import {
  hasMicrophoneAccess,
  microphonePermission,
  microphoneProblem,
  openMicrophone,
  playNow,
  setLoudspeaker,
  soundNeedsGesture,
} from "./compat.js";

/** @typedef {import("./registry.js").Registry} Registry */
/** @typedef {"UNKNOWN"|"ASKING"|"READY"|"NONE"|"DENIED"|"BUSY"|"LOST"|"SILENCED"|"INSECURE"} MicState  MIC of names.def */

const LET_PASS_MS = 400; // the person may have to be asked for the microphone, and sound is not to wait for that
const DEVICES_MS = 300; // a headset that is plugged in makes several changes at once

export class Microphone {
  /** @type {MediaStreamTrack|null} */
  #track = null;
  /** @type {(() => void)[]} */
  #held = [];
  /** @type {string|null} */
  #deviceId = null;
  /** @type {string|undefined} the device of the track */
  #inUse;
  #live = false;
  #lost = false;
  /** @type {(() => void)|null} what waits for the device that was lost */
  #waiting = null;
  /** Of the last request; an older one's track is not wanted any more. */
  #asked = 0;
  /** @type {Promise<MediaStream>|null} while the browser opens it */
  #opening = null;
  #registry;
  #tell;
  #onTrack;

  /** @param {Registry} registry @param {(state:MicState) => void} tell
   * @param {(track:MediaStreamTrack|null) => void} onTrack another track, or none */
  constructor(registry, tell, onTrack) {
    this.#registry = registry;
    this.#tell = tell;
    this.#onTrack = onTrack;
  }

  get track() {
    return this.#track;
  }

  /** Fulfilled when the browser has opened it, or will not; null: nothing is being opened.
   * @returns {Promise<void>|null} */
  get opening() {
    const done = () => undefined;
    return this.#opening?.then(done, done) ?? null;
  }

  get live() {
    return this.#live && this.#track?.readyState === "live" && !this.#track.muted;
  }

  /** Opens it if it is not open, or anew if the system gives silence. @param {boolean} quietly do not ask the person again */
  async open(quietly) {
    if (this.#track?.readyState === "live" && !(quietly && this.#track.muted)) {
      return this.#tell(this.#track.muted ? "SILENCED" : "READY");
    }
    if (!hasMicrophoneAccess()) return this.#tell("INSECURE");
    const asked = ++this.#asked;
    if (quietly) {
      const permission = await microphonePermission();
      if (asked !== this.#asked) return;
      if (permission?.state === "prompt") return this.#tell("UNKNOWN");
    }
    this.#tell("ASKING");
    const track = await this.#ask(asked);
    if (track) this.#take(track, false);
  }

  /** @param {number} asked @returns {Promise<MediaStreamTrack|null>} */
  async #ask(asked) {
    try {
      const opening = openMicrophone(this.#deviceId);
      this.#opening = opening;
      const stream = await opening;
      const track = stream.getAudioTracks()[0] ?? null;
      if (asked === this.#asked && track) return track;
      for (const unwanted of stream.getTracks()) unwanted.stop();
    } catch (error) {
      if (asked === this.#asked) this.#tell(microphoneProblem(error));
    } finally {
      if (asked === this.#asked) this.#opening = null;
    }
    return null;
  }

  /** Another device, a track that is made elsewhere, or none. @param {string|MediaStreamTrack|null} source */
  async use(source) {
    this.#waitNoMore();
    if (source === null) {
      this.close();
      return this.#tell("NONE");
    }
    if (typeof source !== "string") {
      this.#asked++;
      return this.#take(source, true);
    }
    this.#deviceId = source;
    if (!this.#track) return;
    const track = await this.#ask(++this.#asked); // the old one goes on until the new one is there
    if (track) this.#take(track, false);
  }

  /** @param {MediaStreamTrack} track @param {boolean} foreign of somebody else: never stopped here */
  #take(track, foreign) {
    this.#release();
    this.#track = track;
    this.#inUse = track.getSettings().deviceId; // Firefox does not tell of a track that has ended
    this.#lost = false;
    track.enabled = this.#live;
    this.#held.push(
      this.#registry.hold("track", () => foreign || track.stop()),
      // iOS mutes during a call or for another app; a switch of the device or the system does it elsewhere.
      this.#registry.listen(track, "mute", () => this.#tell("SILENCED")),
      this.#registry.listen(track, "unmute", () => this.#tell("READY")),
      this.#registry.listen(track, "ended", () => this.#ended()),
    );
    this.#onTrack(track);
    this.#tell(track.muted ? "SILENCED" : "READY");
  }

  /** Unplugged, or the permission was taken back. */
  async #ended() {
    const device = this.#inUse;
    this.#release();
    this.#onTrack(null);
    this.#deviceId = null;
    this.#lost = true;
    if (device && device !== "default") this.#waitFor(device);
    const permission = await microphonePermission();
    if (!this.#track && this.#lost) this.#tell(permission?.state === "denied" ? "DENIED" : "LOST");
  }

  /** A plug that was loose: meanwhile another device may have been taken, which nobody chose. Firefox takes even what is
   * played by the loudspeaker, if there is no other source. @param {string} device */
  #waitFor(device) {
    this.#waitNoMore();
    this.#waiting = this.#registry.listen(navigator.mediaDevices, "devicechange", async () => {
      const waiting = this.#waiting;
      const devices = await navigator.mediaDevices.enumerateDevices();
      const isBack = devices.some((one) => one.kind === "audioinput" && one.deviceId === device);
      if (isBack && this.#track && waiting === this.#waiting) await this.use(device);
    });
  }

  #waitNoMore() {
    this.#waiting?.();
    this.#waiting = null;
  }

  /** @param {boolean} live */
  setLive(live) {
    this.#live = live;
    if (this.#track) this.#track.enabled = live;
  }

  /** Lets go of it. */
  close() {
    this.#asked++;
    this.#lost = false;
    this.#waitNoMore();
    const had = this.#track;
    this.#release();
    if (had) this.#onTrack(null);
  }

  #release() {
    for (const release of this.#held.splice(0)) release();
    this.#track = null;
  }
}

/** Tells when a device comes or goes, or a permission changes. @param {Registry} registry @param {() => void} changed */
export function watchDevices(registry, changed) {
  /** @type {(() => void)|null} */
  let waiting = null;
  registry.listen(navigator.mediaDevices, "devicechange", () => {
    waiting?.();
    waiting = registry.after(DEVICES_MS, changed);
  });
  microphonePermission().then((status) => registry.listen(status, "change", changed));
}

export class Loudspeaker {
  #element;
  #own;
  #unlocked = false;
  /** @type {(() => void)|null} */
  #following = null;
  #hushed = false;
  #diverted = false;
  #registry;
  #opening;
  #onBlocked;

  /** @param {Registry} registry @param {HTMLAudioElement|undefined} element one of the page's, or our own
   * @param {() => Promise<void>|null} opening while a microphone is being opened
   * @param {(blocked:boolean) => void} onBlocked the browser holds the sound back until a gesture */
  constructor(registry, element, opening, onBlocked) {
    this.#element = element ?? new Audio();
    this.#own = !element;
    this.#registry = registry;
    this.#opening = opening;
    this.#onBlocked = onBlocked;
    this.#element.setAttribute("playsinline", ""); // or iOS opens its player
    registry.hold("element", () => {
      this.#element.pause();
      this.#element.srcObject = null;
    });
  }

  get element() {
    return this.#element;
  }

  /** To be called within a gesture: that is what lets sound out. */
  unlock() {
    this.#unlocked = true;
    this.#play();
  }

  /** @param {MediaStream|null} stream @param {(volume:number) => void} [output] plays it elsewhere, as loud as here */
  listen(stream, output) {
    const before = this.#element.srcObject;
    this.divert(null);
    if (output || before !== stream) this.#element.srcObject = output ? null : stream;
    if (output) return this.#follow(output);
    if (stream && before === stream && !this.#element.paused) return;
    // Before a gesture nothing could sound, and nobody is to be told of it: there is nothing to hear yet.
    if (stream && (this.#unlocked || !this.#own)) this.#play();
  }

  /** After an interruption by the system the element stands still. */
  revive() {
    if (this.#unlocked && this.#element.srcObject && this.#element.paused) this.#play();
  }

  async #play() {
    const opening = this.#element.srcObject && !soundNeedsGesture() ? this.#opening() : null;
    if (opening) {
      await this.#letPass(opening);
      if (!this.#element.srcObject) return;
    }
    const sounds = await playNow(this.#element);
    if (this.#element.srcObject) this.#onBlocked(!sounds);
  }

  /** A browser opens one device after the other, and the loudspeaker takes it 50 to 90 ms: listening comes first.
   * @param {Promise<void>} opening @returns {Promise<void>} */
  #letPass(opening) {
    return new Promise((resolve) => {
      const cancel = this.#registry.after(LET_PASS_MS, resolve);
      opening.then(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Something else is heard for a while, as loud as this; the stream here goes on, unheard, so that it is there at once when
   * it is wanted again. @param {((volume:number) => void)|null} output plays it; null: no longer */
  divert(output) {
    this.#following?.();
    this.#following = null;
    const was = this.#diverted;
    this.#diverted = output !== null;
    if (was !== this.#diverted) this.#mute(); // the element may be somebody else's, who has muted it
    if (output) this.#follow(output);
  }

  /** @param {(volume:number) => void} output */
  #follow(output) {
    const silent = () => (this.#diverted ? this.#hushed : this.#element.muted);
    const follow = () => output(silent() ? 0 : this.#element.volume);
    this.#following = this.#registry.listen(this.#element, "volumechange", follow);
    follow();
  }

  /** Not a syllable more of what is already on its way. @param {boolean} on */
  hush(on) {
    this.#hushed = on;
    this.#mute();
  }

  #mute() {
    this.#element.muted = this.#hushed || this.#diverted;
  }

  /** @param {string} deviceId @returns {Promise<boolean>} false: this browser offers no choice */
  use(deviceId) {
    return setLoudspeaker(this.#element, deviceId);
  }
}
