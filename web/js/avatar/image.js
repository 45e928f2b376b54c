/* image.js - an avatar of the operator's own pictures, one for each emotion, from a folder /avatar/NAME/.
 *
 * The folder holds avatar.json:
 *
 *   {"renderer": "image",
 *    "pictures": {"neutral": "neutral.webp", "happy": "happy.webp", ...},
 *    "areas": {"face": 0.3, "body": 0.72}}
 *
 * "neutral" is a must; an emotion without a picture takes that of its nearest kin that has one. "areas", optional, are the
 * heights, of the whole picture's, at which the face and the body begin. A picture has no mouth to move: it nods to the
 * sound. The gateway serves such folders from `--avatars FOLDER`; without one the drawing stays. */

import { EMOTION_NAMES } from "./emotions.js";
import { Unfit } from "./choose.js";
import { clamp } from "./svg.js";

/** @typedef {import("./avatar.js").Renderer} Renderer */
/** @typedef {import("./life.js").Life} Life */
/** @typedef {import("./touch.js").Area} Area */
/** @typedef {{pictures:Record<string, string>, face:number, body:number}} Album  pictures: addresses */

/** Where an emotion without a picture looks first. @type {Record<string, string>} */
const KIN = {
  laughing: "happy", funny: "laughing", loving: "happy", delicious: "happy", kissy: "loving", confident: "happy", cool: "confident",
  silly: "funny", winking: "happy", embarrassed: "happy", crying: "sad", angry: "sad", shocked: "surprised", surprised: "shocked",
  sleepy: "relaxed", relaxed: "happy", confused: "thinking", thinking: "confused",
};

const FILE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}\.(webp|png|jpe?g|gif|svg|avif)$/;

/** The renderer for a folder, once its list and the first picture are there. @param {string} name @param {Element} host
 * @returns {Promise<Renderer>} rejects with the reason when there is none */
export async function openImage(name, host) {
  const response = await fetch(`/avatar/${name}/avatar.json`);
  if (!response.ok) throw new Error(`avatar.json: ${response.status}`);
  const album = albumOf(name, await response.json());
  await new Promise((resolve, reject) => {
    const first = new Image();
    first.onload = resolve;
    first.onerror = () => reject(new Error(String(album.pictures["neutral"])));
    first.src = String(album.pictures["neutral"]);
  });
  return new Pictures(host, album);
}

/** @param {string} name @param {any} list @returns {Album} */
export function albumOf(name, list) {
  if (list?.renderer !== "image") throw new Unfit("avatarBad");
  /** @type {Record<string, string>} */
  const pictures = {};
  for (const emotion of EMOTION_NAMES) {
    const file = list.pictures?.[emotion];
    if (typeof file === "string" && FILE.test(file)) pictures[emotion] = `/avatar/${name}/${file}`;
  }
  if (!pictures["neutral"]) throw new Unfit("avatarNoNeutral");
  const height = (/** @type {unknown} */ value, /** @type {number} */ usual) =>
    typeof value === "number" ? clamp(value, 0, 1) : usual;
  return { pictures, face: height(list.areas?.face, 0.3), body: height(list.areas?.body, 0.72) };
}

/** The address for an emotion. @param {Record<string, string>} pictures @param {string} emotion */
export function pictureFor(pictures, emotion) {
  for (let name = emotion, n_tries = 0; n_tries < 4; n_tries++) {
    const address = pictures[name];
    if (address) return address;
    name = KIN[name] ?? "neutral";
  }
  return String(pictures["neutral"]);
}

class Pictures {
  element;
  #album;
  /** @type {Map<string, HTMLImageElement>} */
  #images = new Map();
  #shown = "";
  #moved = "";

  /** @param {Element} host @param {Album} album */
  constructor(host, album) {
    this.#album = album;
    this.element = document.createElement("div");
    this.element.className = "image-avatar waits";
    host.append(this.element);
  }

  /** @param {Life} life */
  draw(life) {
    const address = pictureFor(this.#album.pictures, life.asleep ? "sleepy" : life.emotion);
    if (address !== this.#shown) this.#show(address);
    const { pose, breath, squish, tilt, viseme } = life;
    const shake = pose.shake * Math.sin(life.time_s * 34);
    const tall = 1 - squish.at * 0.9 - breath * 0.008 + viseme.open * 0.03;
    const turn = pose.lean * 0.6 + tilt.at + shake;
    const scale = `scale(${(2 - tall).toFixed(3)}, ${tall.toFixed(3)})`;
    const moved = `translateY(${(-pose.lift * 0.4).toFixed(1)}px) rotate(${turn.toFixed(2)}deg) ${scale}`;
    if (moved !== this.#moved) this.element.style.transform = moved;
    this.#moved = moved;
  }

  /** @param {string} address */
  #show(address) {
    let image = this.#images.get(address);
    if (!image) {
      image = new Image();
      image.src = address;
      image.alt = "";
      image.draggable = false;
      this.#images.set(address, image);
      this.element.append(image);
    }
    for (const other of this.#images.values()) other.classList.toggle("shown", other === image);
    this.#shown = address;
  }

  /** @param {number} clientX @param {number} clientY @returns {Area|null} */
  areaAt(clientX, clientY) {
    const box = this.element.getBoundingClientRect();
    const x = (clientX - box.left) / box.width;
    const y = (clientY - box.top) / box.height;
    if (x < 0.1 || x > 0.9 || y < 0 || y > 1) return null;
    return y < this.#album.face ? "Head" : y < this.#album.body ? "Face" : "Body";
  }
}
