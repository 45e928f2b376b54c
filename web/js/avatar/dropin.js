/* dropin.js - an avatar whose runtime and model are the operator's own: `live2d` and `vrm`. Neither comes with this page.
 *
 * The folder's runtime is an ES module that exports mount(canvas, folderURL, options) and draws when it is told to, so that
 * a hidden tab and reduced motion cost nothing with it, too. docs/avatars.md is written for its author. Whatever it does
 * wrong - missing, late, incomplete, throwing - ends it, and the drawing takes its place. */

import { EMOTION_NAMES } from "./emotions.js";
import { Unfit } from "./choose.js";

/** @typedef {import("./avatar.js").Renderer} Renderer */
/** @typedef {import("./life.js").Life} Life */
/** @typedef {import("./mouth.js").Viseme} Viseme */
/** @typedef {import("./touch.js").Area} Area */
/** @typedef {import("./touch.js").Touch} Touch */

/**
 * @typedef {{area:Area, x:number, y:number, width:number, height:number}} Zone  in parts of the canvas, 0 to 1
 * @typedef {{time_s:number, dt_s:number, still:boolean}} Frame  still: no motion of its own, the end of each at once
 * @typedef {{config:any, emotions:readonly string[], signal:AbortSignal}} MountOptions  config: avatar.json; signal: given up
 *
 * @typedef {object} Figure  what mount returns, or a promise of it
 * @property {(emotion:string) => void} setEmotion  one of the 21; it eases by itself
 * @property {(mouth:Viseme) => void} setMouth  before each frame
 * @property {(frame:Frame) => boolean|void} draw  true: something still moves
 * @property {() => void} dispose
 * @property {(at:{x:number, y:number}) => void} [look]  where to: -1 left or up, 1 right or down
 * @property {(state:string) => void} [setState]  listening, thinking, speaking, ...
 * @property {(touch:Touch) => void} [touch]  was felt
 * @property {() => Zone[]} [touchZones]  as it stands now; the first that holds a point counts
 * @property {(width_px:number, height_px:number) => void} [resize]  the canvas has this many pixels now
 */

const RUNTIME = /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*){0,2}\.m?js$/;
const LIMIT_S = 10; // to be there; avatar.json may say another
const LIMIT_MOST_S = 60;
const SHARPEST = 2; // pixels of the canvas to one of the page: more is not seen, and costs
const NEEDED = /** @type {const} */ (["setEmotion", "setMouth", "draw", "dispose"]);

/** @param {string} name @param {Element} host @returns {Promise<Renderer>} */
export async function openDropin(name, host) {
  const folder = `/avatar/${name}/`;
  const response = await fetch(`${folder}avatar.json`);
  if (!response.ok) throw new Error(`avatar.json: ${response.status}`);
  const config = await response.json();
  if (config.webgl !== false && !hasWebGl()) throw new Unfit("avatarNoWebGl");
  const runtime = String(config.runtime ?? "runtime.js");
  if (!RUNTIME.test(runtime)) throw new Unfit("avatarBad");
  const canvas = document.createElement("canvas");
  canvas.className = "dropin-avatar waits";
  host.append(canvas);
  fit(canvas);
  try {
    const limit_s = Math.min(LIMIT_MOST_S, Math.max(1, Number(config.seconds) || LIMIT_S));
    return new Dropin(await mountWithin(limit_s, canvas, folder, runtime, config), canvas);
  } catch (error) {
    canvas.remove();
    throw error;
  }
}

function hasWebGl() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") ?? canvas.getContext("webgl"));
}

/** One that comes too late is dismissed at once.
 * @param {number} limit_s @param {HTMLCanvasElement} canvas @param {string} folder @param {string} runtime @param {any} config
 * @returns {Promise<Figure>} */
async function mountWithin(limit_s, canvas, folder, runtime, config) {
  const giveUp = new AbortController();
  const mounting = (async () => {
    const { mount } = await import(folder + runtime);
    if (typeof mount !== "function") throw new Unfit("avatarNotContract", { text: "mount" });
    giveUp.signal.throwIfAborted();
    return mount(canvas, new URL(folder, location.href).href, { config, emotions: EMOTION_NAMES, signal: giveUp.signal });
  })();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Unfit("avatarLate", { n: String(limit_s) })), limit_s * 1000);
  });
  try {
    const figure = await Promise.race([mounting, late]);
    const missing = NEEDED.find((word) => typeof figure?.[word] !== "function");
    if (missing) throw new Unfit("avatarNotContract", { text: missing });
    return figure;
  } catch (error) {
    giveUp.abort();
    mounting.then(end, () => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** @param {any} figure */
function end(figure) {
  try {
    figure?.dispose?.();
  } catch {
    // It is gone either way.
  }
}

/** @param {HTMLCanvasElement} canvas @returns {boolean} it has another size now */
function fit(canvas) {
  const sharp = Math.min(SHARPEST, devicePixelRatio);
  const [width, height] = [Math.round(canvas.clientWidth * sharp), Math.round(canvas.clientHeight * sharp)];
  if (!width || !height || (width === canvas.width && height === canvas.height)) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}

class Dropin {
  element;
  #figure;
  #watch;
  #emotion = "";
  #state = "";
  #time_s = 0;
  #gone = false;
  /** @type {(error:unknown) => void} */
  onFault = () => undefined;
  /** @type {() => void} */
  onNews = () => undefined;

  /** @param {Figure} figure @param {HTMLCanvasElement} canvas */
  constructor(figure, canvas) {
    this.#figure = figure;
    this.element = canvas;
    this.#watch = new ResizeObserver(() => {
      if (!fit(canvas)) return;
      this.#dare(() => figure.resize?.(canvas.width, canvas.height));
      this.onNews();
    });
    this.#watch.observe(canvas);
    canvas.addEventListener("webglcontextlost", () => this.#fail(new Unfit("avatarNoWebGl")));
  }

  /** @param {Life} life @returns {boolean} */
  draw(life) {
    const figure = this.#figure;
    const dt_s = Math.min(0.1, life.time_s - this.#time_s);
    const emotion = life.asleep ? "sleepy" : life.emotion;
    this.#time_s = life.time_s;
    if (emotion !== this.#emotion) figure.setEmotion((this.#emotion = emotion));
    if (life.state !== this.#state) figure.setState?.((this.#state = life.state));
    const { open, wide, teeth } = life.viseme;
    figure.setMouth({ open, wide, teeth });
    figure.look?.({ x: life.gaze.x / 10, y: life.gaze.y / 8 });
    return figure.draw({ time_s: life.time_s, dt_s, still: life.still }) === true;
  }

  /** @param {Touch} touch */
  react(touch) {
    this.#dare(() => this.#figure.touch?.(touch));
  }

  /** @param {number} clientX @param {number} clientY @returns {Area|null} */
  areaAt(clientX, clientY) {
    const box = this.element.getBoundingClientRect();
    const x = (clientX - box.left) / box.width;
    const y = (clientY - box.top) / box.height;
    if (!this.#figure.touchZones) {
      const beside = x < 0.15 || x > 0.85 || y < 0 || y > 1;
      return beside ? null : y < 0.3 ? "Head" : y < 0.6 ? "Face" : "Body";
    }
    const zones = this.#dare(() => this.#figure.touchZones?.()) ?? [];
    const zone = zones.find((one) => x >= one.x && x < one.x + one.width && y >= one.y && y < one.y + one.height);
    return zone && ["Head", "Face", "Body"].includes(zone.area) ? zone.area : null;
  }

  dispose() {
    this.#gone = true;
    this.#watch.disconnect();
    end(this.#figure);
  }

  /** @template T @param {() => T} act @returns {T|undefined} */
  #dare(act) {
    try {
      return act();
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#gone) this.onFault(error);
  }
}
