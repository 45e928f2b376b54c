/* avatar.js - the assistant in person: chooses who draws it, and feeds it state, emotion, sound and the pointer.
 *
 * A renderer draws a Life (life.js), frame by frame, into the host and tells which area a point is on. There are `vector`
 * (our own drawing, the default), `image` (a folder of pictures, one for each emotion) and drop-ins (dropin.js). One that
 * fails while it draws is replaced by the drawing.
 *
 * Frames are drawn only while something moves: never in a hidden tab, a dozen a second for a calm breath, none after a
 * minute in which nothing happened, and with reduced motion only for what is news: another pose, or sound. */

import { EMOTIONS } from "./emotions.js";
import { Life } from "./life.js";
import { Mouth, toward } from "./mouth.js";
import { put } from "./svg.js";
import { watchTouch } from "./touch.js";
import { Vector } from "./vector.js";

/** @typedef {import("./touch.js").Touch} Touch */
/** @typedef {import("./touch.js").Area} Area */
/**
 * @typedef {{
 *   element:Element, draw:(life:Life) => boolean|void, areaAt:(clientX:number, clientY:number) => Area|null,
 *   react?:(touch:Touch) => void, dispose?:() => void, onFault?:(error:unknown) => void, onNews?:() => void,
 * }} Renderer  draw: true if something still moves; onFault, onNews: set here, told when it cannot go on, and when a frame
 *   is due for a reason of its own
 *
 * @typedef {{
 *   mic:() => number,
 *   voice:() => {samples:Float32Array, rate_hz:number}|null,
 *   touch:(touch:Touch) => void,
 * }} Wires  mic: loudness 0..1; voice: the newest 20 ms of what is heard, null when nothing can be
 */

const CALM_MS = 80; // between frames when only the breath moves
const REST_S = 60; // after this long without an event nothing moves any more
const LONGEST_S = 0.1; // what one step may make up for
const KEEPS_S = 9; // an emotion outlives its speech so long

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Avatar {
  #host;
  #wires;
  #aura;
  #life = new Life();
  #mouth = new Mouth();
  /** @type {Renderer} */
  #renderer;
  #state = "idle";
  #emotion = "neutral";
  #frame = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #fading;
  #last_ms = 0;
  #event_ms = performance.now();
  #mic = 0;
  /** Told when the emotion changes. @type {() => void} */
  onEmotion = () => undefined;
  /** Told when a renderer has failed and the drawing has taken its place. @type {(error:unknown) => void} */
  onFault = () => undefined;

  /** @param {HTMLElement} host holds an svg.aura: what surrounds the figure @param {Wires} wires */
  constructor(host, wires) {
    this.#host = host;
    this.#wires = wires;
    this.#aura = new Aura(/** @type {Element} */ (host.querySelector(".aura")));
    this.#renderer = new Vector(host);
    watchTouch(host, (x, y) => this.#renderer.areaAt(x, y), {
      press: () => {
        this.#life.press();
        this.#wake();
      },
      touch: (touch) => {
        this.#life.react(touch);
        this.#renderer.react?.(touch);
        this.#wake();
        wires.touch(touch);
      },
    });
    document.addEventListener("pointermove", (event) => this.#watchPointer(event), { passive: true });
    document.addEventListener("visibilitychange", () => this.#wake());
    still.addEventListener("change", () => this.#wake());
    this.#wake();
  }

  /** Somebody else draws. @param {Renderer|null} renderer whose element is in the host; null: the drawing */
  use(renderer) {
    const before = this.#renderer;
    if (!renderer && before instanceof Vector) return;
    this.#renderer = renderer ?? new Vector(this.#host);
    this.#renderer.onFault = (error) => this.#fall(error);
    this.#renderer.onNews = () => this.#wake();
    this.#renderer.element.classList.remove("waits");
    this.drop(before);
    this.#wake();
  }

  /** One that is not wanted any more. @param {Renderer} renderer */
  drop(renderer) {
    renderer.element.remove();
    renderer.dispose?.();
  }

  /** @param {unknown} error */
  #fall(error) {
    this.use(null);
    this.onFault(error);
  }

  /** @param {string} state of the page: idle, connecting, ready, listening, thinking, speaking, ... */
  setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#life.setState(state);
    if (["listening", "idle", "ended"].includes(state)) this.setEmotion("neutral");
    this.#fade();
    this.#wake();
  }

  /** @param {unknown} emotion one of the protocol's; others are neutral */
  setEmotion(emotion) {
    const known = Object.hasOwn(EMOTIONS, String(emotion)) ? String(emotion) : "neutral";
    if (known === this.#emotion) return;
    this.#emotion = known;
    this.#host.dataset["emotion"] = known;
    this.#life.setEmotion(known);
    this.onEmotion();
    this.#fade();
    this.#wake();
  }

  /** When nobody speaks any more an emotion passes. */
  #fade() {
    clearTimeout(this.#fading);
    if (this.#state === "ready") this.#fading = setTimeout(() => this.setEmotion("neutral"), KEEPS_S * 1000);
  }

  get emotion() {
    return this.#emotion;
  }

  /** @param {PointerEvent} event */
  #watchPointer(event) {
    if (still.matches || document.hidden) return;
    const box = this.#host.getBoundingClientRect();
    const reach = Math.max(box.width, 200) * 1.1;
    const x = (event.clientX - box.left - box.width / 2) / reach;
    const y = (event.clientY - box.top - box.height / 2) / reach;
    const far = Math.max(1, Math.hypot(x, y));
    this.#life.lookAt(x / far, y / far);
    this.#wake();
  }

  /** Something happened: draw. */
  #wake() {
    this.#event_ms = performance.now();
    clearTimeout(this.#timer);
    if (document.hidden) {
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
      return;
    }
    if (!this.#frame) this.#frame = requestAnimationFrame((now_ms) => this.#draw(now_ms));
  }

  /** @param {number} now_ms */
  #draw(now_ms) {
    this.#frame = 0;
    const dt_s = Math.min(LONGEST_S, Math.max(0.001, (now_ms - this.#last_ms) / 1000));
    this.#last_ms = now_ms;
    const voice = this.#state === "speaking" ? this.#wires.voice() : null;
    const viseme = this.#mouth.step(voice?.samples ?? null, voice?.rate_hz ?? 0, dt_s);
    const moves = this.#life.step(dt_s, viseme, still.matches);
    const mic = this.#state === "listening" ? this.#wires.mic() : 0;
    this.#mic = toward(this.#mic, mic, dt_s, mic > this.#mic ? 0.02 : 0.09);
    if (this.#mic < 0.002) this.#mic = 0;
    this.#aura.draw(this.#mic, viseme.open);
    const busy = moves || this.#mic > 0 || this.#state === "speaking" || this.#state === "listening";
    this.#schedule(this.#show() || busy);
  }

  /** @returns {boolean} the renderer's own motion goes on */
  #show() {
    const renderer = this.#renderer;
    try {
      return renderer.draw(this.#life) === true && this.#awake();
    } catch (error) {
      if (renderer instanceof Vector) throw error;
      this.#fall(error);
      return false;
    }
  }

  /** Something happened lately. */
  #awake() {
    return performance.now() - this.#event_ms < REST_S * 1000;
  }

  /** @param {boolean} busy */
  #schedule(busy) {
    if (document.hidden) return;
    const next = () => {
      this.#frame ||= requestAnimationFrame((now_ms) => this.#draw(now_ms));
    };
    if (busy) next();
    else if (!still.matches && this.#awake()) {
      this.#timer = setTimeout(next, Math.min(CALM_MS, Math.max(0, this.#life.blinkIn_s * 1000)));
    }
  }
}

/** What surrounds the figure, whoever draws it: the ring of the microphone, the waves of the voice. */
class Aura {
  #ring;
  #waves;

  /** @param {Element} svg */
  constructor(svg) {
    this.#ring = /** @type {Element} */ (svg.querySelector(".ring-mic"));
    this.#waves = [...svg.querySelectorAll(".wave")];
  }

  /** @param {number} mic @param {number} voice both 0..1 */
  draw(mic, voice) {
    put(this.#ring, "r", (132 + mic * 20).toFixed(1));
    put(this.#ring, "stroke-width", (3 + mic * 9).toFixed(1));
    this.#waves.forEach((wave, index) => {
      const reach = Math.max(0, Math.min(1, voice * 2.4 - (index % 3) * 0.45));
      put(wave, "opacity", (0.16 + Math.round(reach * 12) * 0.07).toFixed(2));
    });
  }
}
