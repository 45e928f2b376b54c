/* things.js - the small things that come along with a feeling: tears, hearts, a cup of tea. Each knows how it is drawn and
 * how it moves in time; how much of it is there is a number of the pose. */

import { clamp, fade, make, n, place, put, ramp } from "./svg.js";

/** @typedef {import("./emotions.js").Pose} Pose */
/** @typedef {{key:keyof Pose, group:SVGElement, move:(t_s:number, amount:number) => void}} Thing */

export const HEART = "M0 11C-14 2 -13 -9 -6 -10C-2 -10.500 0 -7 0 -6C0 -7 2 -10.500 6 -10C13 -9 14 2 0 11Z";
const DROP = "M0 -10C5 -3 7 1 7 4.500A7 7 0 0 1 -7 4.500C-7 1 -5 -3 0 -10Z";
const STAR = "M0 -13C1.500 -4 4 -1.500 13 0C4 1.500 1.500 4 0 13C-1.500 4 -4 1.500 -13 0C-4 -1.500 -1.500 -4 0 -13Z";
const ZED = "M-6 -7H6L-6 7H6";

/** 0 to 1, over and over. @param {number} t_s @param {number} period_s @param {number} [phase] */
const cycle = (t_s, period_s, phase = 0) => (t_s / period_s + phase) % 1;

/** In, and out again, over 0..1. @param {number} at */
const swell = (at) => ramp(at, 0, 0.18) * (1 - ramp(at, 0.68, 1));

class Collection {
  /** @type {Thing[]} */
  #things = [];

  /** @param {Pose} pose @param {number} t_s */
  draw(pose, t_s) {
    for (const { key, group, move } of this.#things) {
      const amount = pose[key];
      if (fade(group, ramp(amount, 0, 0.8))) move(t_s, amount);
    }
  }

  /** @param {keyof Pose} key @param {Element} parent @param {(group:SVGElement) => (t_s:number, amount:number) => void} build */
  add(key, parent, build) {
    const group = make("g", { display: "none" }, parent);
    this.#things.push({ key, group, move: build(group) });
  }
}

/** Copies of one shape that rise, one after the other.
 * @param {string} d @param {string} name @param {[x:number, y:number, size:number][]} starts @param {number} rise
 * @param {number} period_s @param {number} [drift] */
function rising(d, name, starts, rise, period_s, drift = 0) {
  return (/** @type {SVGElement} */ group) => {
    const shapes = starts.map(() => make("path", { class: name, d }, group));
    return (/** @type {number} */ t_s) =>
      shapes.forEach((shape, index) => {
        const [x, y, size] = starts[index] ?? [0, 0, 1];
        const at = cycle(t_s, period_s, 0.3 + index / shapes.length);
        const wave = Math.sin(at * 7 + index * 2) * 5;
        put(shape, "transform", place(x + wave + drift * at, y - rise * at, wave * 2, size * (0.65 + 0.35 * ramp(at, 0, 0.3))));
        fade(shape, swell(at));
      });
  };
}

/** On the face, and turning with it. */
export class FaceThings extends Collection {
  /** @param {Element} face */
  constructor(face) {
    super();
    this.add("gloom", face, (group) => {
      make("path", { class: "gloom", d: "M132 78v22M146 73v30M160 71v26M174 73v30M188 78v22" }, group);
      return () => undefined;
    });
    this.add("blush", face, (group) => {
      for (const x of [84, 212]) make("path", { class: "blush", d: `M${x} 193l5 -9m3 10l5 -10m3 9l5 -9` }, group);
      return () => undefined;
    });
    this.add("tear", face, oneTear);
    this.add("streams", face, streams);
    this.add("joyTears", face, joyTears);
    this.add("drool", face, (group) => {
      const drop = make("path", { class: "tear", d: DROP }, group);
      return (t_s) => {
        const at = cycle(t_s, 2.2, 0.5);
        put(drop, "transform", place(183, 208 + ramp(at, 0.5, 1) * 12, 0, 0.6 * ramp(at, 0, 0.4), 0.75 * ramp(at, 0, 0.5)));
      };
    });
    this.add("glasses", face, glasses);
    this.add("bubble", face, (group) => {
      const ball = make("g", {}, group);
      make("circle", { class: "bubble", cx: 0, cy: -13, r: 13 }, ball);
      make("path", { class: "bubble-shine", d: "M-7 -16q1 -5 6 -6" }, ball);
      return (t_s) => put(ball, "transform", place(178, 197, 32, 0.75 + 0.35 * Math.sin(t_s * 1.15)));
    });
  }
}

/** @param {SVGElement} group */
function oneTear(group) {
  const drop = make("path", { class: "tear", d: DROP }, group);
  return (/** @type {number} */ t_s) => {
    const at = cycle(t_s, 3.4, 0.3);
    const fall = ramp(at, 0.35, 0.85);
    put(drop, "transform", place(108 - fall * 7, 174 + fall * 50, 0, ramp(at, 0, 0.3)));
    fade(drop, 1 - ramp(at, 0.78, 0.9));
  };
}

/** @param {SVGElement} group */
function streams(group) {
  const sides = [-1, 1].map((side) => {
    const x = 160 + side * 38;
    const [near, far, foot] = [x + side * 3, x + side * 12, x + side * 15];
    const outer = `C${near - 12} 195 ${far - 14} 225 ${foot - 13} 247`;
    const inner = `C${far + 14} 225 ${near + 12} 195 ${x + 9} 163`;
    make("path", { class: "stream", d: `M${x - 9} 163${outer}H${foot + 13}${inner}Q${x} 168 ${x - 9} 163Z` }, group);
    const glints = [0, 1, 2].map(() => make("path", { class: "stream-glint", d: "M0 -7V7" }, group));
    return { x, side, glints };
  });
  for (const x of [107, 213]) make("ellipse", { class: "stream", cx: x, cy: 249, rx: 23, ry: 7 }, group);
  return (/** @type {number} */ t_s) => {
    for (const { x, side, glints } of sides) {
      glints.forEach((glint, index) => {
        const at = cycle(t_s, 0.9, index / 3);
        put(glint, "transform", place(x + side * (2 + at * 14) + (index - 1) * 6, 172 + at * 66, -side * 8));
        fade(glint, swell(at) * 0.9);
      });
    }
  };
}

/** @param {SVGElement} group */
function joyTears(group) {
  const drops = [
    { x: 97, y: 160, turn: 58 },
    { x: 223, y: 160, turn: -58 },
  ].map((home) => ({ ...home, drop: make("path", { class: "tear", d: DROP }, group) }));
  return (/** @type {number} */ t_s) =>
    drops.forEach(({ x, y, turn, drop }) => {
      const pulse = 1.25 + Math.sin(t_s * 9) * 0.1;
      put(drop, "transform", place(x, y, turn, pulse));
    });
}

/** @param {SVGElement} group */
function glasses(group) {
  const frame = make("g", {}, group);
  const shape =
    "M88 141C99 136 143 136 152 141Q160 138 168 141C177 136 221 136 232 141C235 141 236 147 232 149" +
    "C230 172 219 180 202 180C184 180 175 170 171 153Q160 145 149 153" +
    "C145 170 136 180 118 180C101 180 90 172 88 149C84 147 85 141 88 141Z";
  make("path", { class: "shades", d: shape }, frame);
  make("path", { class: "glare", d: "M101 150l18 -4M98 162l34 -8M183 150l18 -4M180 162l34 -8" }, frame);
  return (/** @type {number} */ _t_s, /** @type {number} */ amount) => put(frame, "transform", place(0, -46 * (1 - amount) ** 2));
}

/** Around the figure: |near| leans with it, |air| does not. */
export class Things extends Collection {
  /** @param {Element} near @param {Element} air */
  constructor(near, air) {
    super();
    this.add("sweat", near, (group) => {
      const drop = make("path", { class: "tear", d: DROP }, group);
      return (t_s) => {
        const at = cycle(t_s, 2.4, 0.3);
        put(drop, "transform", place(238, 104 + ramp(at, 0.2, 1) * 26, -14, 1.25 * ramp(at, 0, 0.2)));
        fade(drop, 1 - ramp(at, 0.8, 1));
      };
    });
    this.add("anger", near, (group) => {
      const bends = "M-4 -14Q-4 -4 -14 -4M4 -14Q4 -4 14 -4M-4 14Q-4 4 -14 4M4 14Q4 4 14 4";
      const mark = make("path", { class: "anger", d: bends }, group);
      return (t_s) => put(mark, "transform", place(226, 86, 10, 1.05 + Math.sin(t_s * 6) * 0.12));
    });
    this.add("steam", air, (group) => {
      const cloud = "M-9 4a7 7 0 0 1 2 -12a8 8 0 0 1 14 0a7 7 0 0 1 2 12z";
      const puffs = [-1, 1].flatMap((side) =>
        [0, 1].map((step) => ({ side, step, puff: make("path", { class: "puff", d: cloud }, group) })));
      return (t_s) =>
        puffs.forEach(({ side, step, puff }) => {
          const at = cycle(t_s, 1.3, 0.25 + step / 2);
          put(puff, "transform", place(160 + side * (98 + at * 30), 92 - at * 26, side * 24, 0.55 + at * 0.75));
          fade(puff, swell(at));
        });
    });
    this.add("cup", near, cup);
    this.add("exclaim", air, (group) => {
      make("path", { class: "spark-line", d: "M224 62l12 -17M241 78l19 -12M96 62l-12 -17M79 78l-19 -12" }, group);
      return () => undefined;
    });
    this.#addAirs(air);
  }

  /** @param {Element} air */
  #addAirs(air) {
    const around = /** @type {[number, number, number][]} */ ([[52, 118, 1.2], [268, 130, 1.45], [248, 74, 0.95], [74, 70, 0.85]]);
    this.add("hearts", air, rising(HEART, "heart", around, 62, 2.6));
    this.add("kissHeart", air, rising(HEART, "heart", [[124, 204, 1.5], [112, 200, 1.05]], 46, 2.2, -100));
    this.add("zzz", air, rising(ZED, "zed", [[216, 72, 0.8], [232, 60, 1.1], [250, 46, 1.45]], 34, 3.6, 20));
    this.add("star", air, (group) => {
      const star = make("path", { class: "star", d: STAR }, group);
      return (t_s) => put(star, "transform", place(236, 122, t_s * 40, 1.05 + Math.sin(t_s * 5) * 0.3));
    });
    this.add("sparkles", air, (group) => {
      const places = /** @type {const} */ ([[56, 96, 1], [264, 82, 1.25], [276, 148, 0.75], [44, 154, 0.7]]);
      const stars = places.map(([x, y, size]) => ({ x, y, size, star: make("path", { class: "star", d: STAR }, group) }));
      return (t_s) =>
        stars.forEach(({ x, y, size, star }, index) => {
          const light = 0.55 + 0.5 * Math.sin(t_s * 3.4 + index * 1.7) ** 2;
          put(star, "transform", place(x, y, 0, size * light));
        });
    });
    this.add("question", air, (group) => {
      const marks = [[236, 58, 1.25, 14], [266, 90, 0.8, 28]].map(([x = 0, y = 0, size = 1, turn = 0]) => {
        const mark = make("g", {}, group);
        make("path", { class: "question", d: "M-8 -9C-8 -20 9 -20 9 -8C9 0 0 0 0 8" }, mark);
        make("circle", { class: "question-dot", cx: 0, cy: 17, r: 3.4 }, mark);
        return { x, y, size, turn, mark };
      });
      return (t_s) =>
        marks.forEach(({ x, y, size, turn, mark }, index) => {
          const [bob, swing] = [Math.sin(t_s * 2.6 + index) * 3, Math.sin(t_s * 2 + index) * 7];
          put(mark, "transform", place(x, y + bob, turn + swing, size));
        });
    });
    this.add("dots", air, (group) => {
      const places = /** @type {const} */ ([[222, 84, 5], [237, 66, 8], [266, 44, 24]]);
      const rings = places.map(([cx, cy, r]) => make("circle", { class: "thought", cx, cy, r }, group));
      const dots = [254, 266, 278].map((cx) => make("circle", { class: "thought-dot", cx, cy: 44, r: 3.6 }, group));
      return (t_s) => {
        dots.forEach((dot, index) => fade(dot, 0.3 + 0.7 * clamp(Math.sin(t_s * 4 - index * 0.9), 0, 1)));
        put(/** @type {Element} */ (rings[2]), "r", n(24 + Math.sin(t_s * 2) * 0.6));
      };
    });
  }
}

/** A cup of tea between the hands, the steam beside the mouth. @param {SVGElement} group */
function cup(group) {
  const whole = make("g", { transform: "translate(50 2) rotate(5 160 240)" }, group);
  const steam = [0, 1].map(() => make("path", { class: "vapour" }, whole));
  make("path", { class: "cup", d: "M134 222H186C186 242 178 253 170 255H150C142 253 134 242 134 222Z" }, whole);
  make("ellipse", { class: "cup-rim", cx: 160, cy: 222, rx: 26, ry: 6 }, whole);
  make("ellipse", { class: "tea", cx: 160, cy: 223, rx: 21, ry: 3.8 }, whole);
  make("path", { class: "cup-band", d: "M136.500 233Q160 241 183.500 233" }, whole);
  return (/** @type {number} */ t_s) =>
    steam.forEach((line, index) => {
      const bend = Math.sin(t_s * 1.8 + index * 1.4) * 6;
      const x = 154 + index * 14;
      put(line, "d", `M${x} 212q${n(bend)} -8 0 -15t0 -${index ? 12 : 17}`);
    });
}
