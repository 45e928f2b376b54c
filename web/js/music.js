/* music.js - music that the assistant has found: one after the other, with pause, next and stop.
 *
 * It is as loud as the person has chosen and never louder; while somebody speaks it steps back. Played without CORS, so that
 * any host will do. */

import { byId } from "./dom.js";
import { label, t } from "./i18n.js";
import { setLoudspeaker } from "./manager/compat.js";

/** @typedef {{url:URL, title:string}} Song */

const DUCKED = 0.2;
const QUEUE_MOST = 20;

export class Music {
  #audio = byId("music-audio", HTMLAudioElement);
  #bar = byId("music", HTMLElement);
  #title = byId("music-title", HTMLElement);
  #rest = byId("music-rest", HTMLElement);
  #pause = byId("music-pause", HTMLButtonElement);
  #next = byId("music-next", HTMLButtonElement);
  /** @type {Song[]} the first one plays */
  #songs = [];
  #volume = 1;
  #ducked = false;
  #onFailed;

  /** @param {(song:Song) => void} onFailed it cannot be played here */
  constructor(onFailed) {
    this.#onFailed = onFailed;
    const audio = this.#audio;
    this.#pause.addEventListener("click", () => (audio.paused ? this.#play() : audio.pause()));
    this.#next.addEventListener("click", () => this.#skip());
    byId("music-stop", HTMLButtonElement).addEventListener("click", () => this.stop());
    for (const event of ["play", "pause"]) audio.addEventListener(event, () => this.#show());
    audio.addEventListener("ended", () => this.#skip());
    audio.addEventListener("error", () => {
      const [song] = this.#songs;
      if (!song || !audio.src) return;
      this.#onFailed(song);
      this.#skip();
    });
  }

  /** @param {Song} song plays it, or puts it behind the others */
  add(song) {
    if (this.#songs.length >= QUEUE_MOST) return;
    this.#songs.push(song);
    if (this.#songs.length === 1) this.#begin();
    else this.#show();
  }

  /** @returns {boolean} something was playing */
  stop() {
    const had = this.#songs.length > 0;
    this.#songs = [];
    this.#begin();
    return had;
  }

  /** @param {number} volume 0 to 1: the person's */
  setVolume(volume) {
    this.#volume = volume;
    this.#apply();
  }

  /** The loudspeaker that the voice comes out of. @param {string} deviceId @returns {Promise<boolean>} */
  use(deviceId) {
    return setLoudspeaker(this.#audio, deviceId);
  }

  /** @param {boolean} on somebody speaks */
  duck(on) {
    this.#ducked = on;
    this.#apply();
  }

  relabel() {
    this.#show();
  }

  #apply() {
    this.#audio.volume = this.#volume * (this.#ducked ? DUCKED : 1);
  }

  #skip() {
    this.#songs.shift();
    this.#begin();
  }

  #begin() {
    const hadFocus = this.#bar.contains(document.activeElement);
    const [song] = this.#songs;
    if (song) {
      this.#audio.src = song.url.href;
      this.#play();
    } else {
      this.#audio.pause();
      this.#audio.removeAttribute("src");
      this.#audio.load(); // lets go of the connection
    }
    this.#show();
    if (hadFocus && this.#bar.hidden) byId("text", HTMLInputElement).focus();
  }

  #play() {
    this.#apply();
    this.#audio.play().catch(() => this.#show()); // held back until a gesture: the key says "play"
  }

  #show() {
    const [song] = this.#songs;
    this.#bar.hidden = !song;
    if (!song) return;
    const paused = this.#audio.paused;
    if (this.#songs.length < 2 && document.activeElement === this.#next) this.#pause.focus();
    this.#title.textContent = song.title || song.url.host;
    this.#rest.textContent = this.#songs.length > 1 ? t("musicMore", { n: this.#songs.length - 1 }) : "";
    this.#next.hidden = this.#songs.length < 2;
    label(this.#pause, paused ? "musicPlay" : "musicPause");
    byId("music", HTMLElement).classList.toggle("paused", paused);
  }
}
