/* vector.js - the avatar as a drawing: a pebble of celadon glaze on clay feet, with a sprout that feels what it feels.
 *
 * All shapes are made here and moved by attributes alone; colours are classes of avatar.css. The eye is one outline
 * between two lids, the mouth one outline between two lips, so every emotion blends into every other. Each role
 * (data-look of the host) has a glaze of its own and something on its head: that, too, is a matter of avatar.css. */

import { FaceThings, HEART, Things } from "./things.js";
import { clamp, fade, make, n, place, put, ramp } from "./svg.js";

/** @typedef {import("./life.js").Life} Life */
/** @typedef {import("./emotions.js").Pose} Pose */
/** @typedef {import("./touch.js").Area} Area */

const BODY = "M160 55c57 0 103 46 106 115 3 62-38 95-106 95s-109-33-106-95C57 101 103 55 160 55z";
const EYES = { y: 154, L: 122, R: 198, w: 11.5, h: 17 };
const FOOT = { x: 160, y: 264 };
const FACE_FROM = 113; // Head above
const BODY_FROM = 222; // Body below

export class Vector {
  element;
  #whole;
  #ground;
  #sprout;
  #leaves;
  #heat;
  #chill;
  #face;
  #cheeks;
  #eyes;
  #brows;
  #mouth;
  #hands;
  #things;
  #faceThings;

  /** @param {Element} host */
  constructor(host) {
    const svg = make("svg", { class: "figure", viewBox: "0 0 320 320", "aria-hidden": "true" }, host);
    this.element = svg;
    defineGlazes(svg);
    this.#ground = make("ellipse", { class: "ground", cx: 160, cy: 270, rx: 80, ry: 9 }, svg);
    this.#whole = make("g", {}, svg);
    this.#sprout = make("g", {}, this.#whole);
    this.#leaves = drawSprout(this.#sprout);
    const tints = drawBody(this.#whole);
    this.#heat = tints.heat;
    this.#chill = tints.chill;
    this.#face = make("g", {}, this.#whole);
    this.#cheeks = [96, 224].map((cx) => make("ellipse", { class: "cheek", cx, cy: 190, rx: 18, ry: 11 }, this.#face));
    this.#eyes = { L: new Eye(this.#face, "L"), R: new Eye(this.#face, "R") };
    this.#brows = {
      L: make("path", { class: "brow", d: "M-14 3Q-1 -6 14 1" }, this.#face),
      R: make("path", { class: "brow", d: "M-14 1Q1 -6 14 3" }, this.#face),
    };
    this.#mouth = new Lips(this.#face);
    this.#faceThings = new FaceThings(this.#face);
    this.#things = new Things(this.#whole, svg);
    this.#hands = [drawHand(this.#whole), drawHand(this.#whole)];
  }

  /** @param {Life} life */
  draw(life) {
    const { pose, turn } = life;
    const shake = pose.shake * Math.sin(life.time_s * 34);
    const squash = pose.squash + life.squish.at * 0.9 + life.breath * 0.011 - life.viseme.open * 0.018 + Math.abs(shake) * 0.018;
    const lean = pose.lean + life.tilt.at + shake * 1.1;
    const lift = pose.lift + life.viseme.open * 2.2 + pose.shake * Math.abs(Math.sin(life.time_s * 17)) * 3;
    const scale = `scale(${(1 + squash * 0.75).toFixed(3)} ${(1 - squash).toFixed(4)})`;
    put(
      this.#whole,
      "transform",
      `translate(${FOOT.x} ${n(FOOT.y - lift)}) rotate(${n(lean)}) ${scale} translate(${-FOOT.x} ${-FOOT.y})`,
    );
    const shadow = 1 - Math.round(lift) * 0.006;
    put(this.#ground, "transform", place(160 * (1 - shadow), 0, 0, shadow, 1));
    this.#drawSprout(life);
    fade(this.#heat, pose.heat);
    fade(this.#chill, pose.chill);
    put(this.#face, "transform", place(turn.x * 0.8, turn.y * 0.75));
    this.#drawFace(life);
    const [left, right] = this.#hands;
    put(/** @type {Element} */ (left), "transform", place(pose.handLx, pose.handLy + shake * 2, pose.handLr));
    put(/** @type {Element} */ (right), "transform", place(pose.handRx, pose.handRy - shake * 2, pose.handRr));
    this.#things.draw(pose, life.time_s);
    this.#faceThings.draw(pose, life.time_s);
  }

  /** @param {Life} life */
  #drawSprout({ pose, sway, breath, viseme }) {
    const { droop } = pose;
    put(this.#sprout, "transform", `rotate(${n(sway.at + droop * 16 + breath * 1.2)} 160 62)`);
    const hang = droop * 58 - Math.round(viseme.open * 5) * 2;
    const [left, right] = this.#leaves;
    put(/** @type {Element} */ (left), "transform", place(159, 36, -hang + sway.at * 0.5, 1));
    put(/** @type {Element} */ (right), "transform", place(161, 36, hang + sway.at * 0.5, 1));
  }

  /** @param {Life} life */
  #drawFace(life) {
    const { pose, turn } = life;
    for (const cheek of this.#cheeks) fade(cheek, pose.cheek);
    this.#eyes.L.draw(life, pose.lidL, pose.lowL, pose.eyeL);
    this.#eyes.R.draw(life, pose.lidR, pose.lowR, pose.eyeR);
    const up = life.viseme.open * 1.5 - turn.y * 0.2;
    const [left, right] = [this.#brows.L, this.#brows.R];
    put(left, "transform", place(EYES.L + turn.x * 0.15 + pose.tiltL * 0.12, 124 - pose.browL - up, pose.tiltL));
    put(right, "transform", place(EYES.R + turn.x * 0.15 - pose.tiltR * 0.12, 124 - pose.browR - up, -pose.tiltR));
    for (const brow of [left, right]) fade(brow, pose.brow);
    this.#mouth.draw(life);
  }

  /** @param {number} clientX @param {number} clientY @returns {Area|null} */
  areaAt(clientX, clientY) {
    const box = this.element.getBoundingClientRect();
    const x = ((clientX - box.left) / box.width) * 320 - 160;
    const y = ((clientY - box.top) / box.height) * 320;
    const inSprout = Math.abs(x) < 46 && y > 8 && y < 70;
    const inBody = (x / 112) ** 2 + ((y - 162) / 114) ** 2 <= 1;
    const inHands = y > 190 && y < 250 && Math.abs(x) < 124;
    if (!inSprout && !inBody && !inHands) return null;
    return y < FACE_FROM ? "Head" : y < BODY_FROM ? "Face" : "Body";
  }
}

/** @param {Element} svg */
function defineGlazes(svg) {
  const defs = make("defs", {}, svg);
  const stops = (/** @type {Element} */ gradient, /** @type {[string, number][]} */ list) => {
    for (const [name, offset] of list) make("stop", { class: name, offset }, gradient);
  };
  stops(make("radialGradient", { id: "av-glaze", cx: 0.36, cy: 0.24, r: 0.9 }, defs), [
    ["glaze-1", 0], ["glaze-2", 0.5], ["glaze-3", 0.96],
  ]);
  stops(make("radialGradient", { id: "av-hand", cx: 0.4, cy: 0.25, r: 0.95 }, defs), [
    ["glaze-1", 0], ["glaze-2", 0.55], ["glaze-3", 1],
  ]);
  stops(make("linearGradient", { id: "av-leaf", x1: 0, y1: 0, x2: 0.9, y2: 1 }, defs), [["leaf-1", 0], ["leaf-2", 1]]);
  for (const name of ["heat", "chill"]) {
    const fall = make("linearGradient", { id: `av-${name}`, x1: 0, y1: 0, x2: 0, y2: 1 }, defs);
    stops(fall, [[`${name}-1`, 0], [`${name}-2`, 0.62]]);
  }
}

/** @param {Element} parent @returns {SVGElement[]} the two leaves, which hang from its top */
function drawSprout(parent) {
  make("path", { class: "stem", d: "M160 64Q158 50 160 36" }, parent);
  make("circle", { class: "knob for-own", cx: 160, cy: 32, r: 10 }, parent);
  const leaves = [
    [-1, "M0 1C-7 -14 -25 -20 -39 -13C-36 1 -17 9 0 1Z", "M-3 -1Q-16 -8 -30 -10"],
    [1, "M0 1C5 -19 24 -27 41 -19C38 -2 19 9 0 1Z", "M3 -2Q16 -11 31 -14"],
  ].map(([, leaf, vein]) => {
    const group = make("g", { class: "blade" }, parent);
    make("path", { class: "leaf", d: String(leaf) }, group);
    make("path", { class: "vein", d: String(vein) }, group);
    return group;
  });
  const blossom = make("g", { class: "for-companion", transform: "translate(160 30)" }, parent);
  for (let turn = 0; turn < 360; turn += 72) {
    make("ellipse", { class: "petal", cy: -11, rx: 7.5, ry: 10, transform: `rotate(${turn})` }, blossom);
  }
  make("circle", { class: "pollen", r: 6 }, blossom);
  return leaves;
}

/** @param {Element} parent */
function drawBody(parent) {
  for (const cx of [127, 193]) make("ellipse", { class: "foot", cx, cy: 263, rx: 21, ry: 9 }, parent);
  make("path", { class: "pebble", d: BODY }, parent);
  // The glaze runs down in the kiln and stands thicker at the foot, and cracks as it cools.
  make("path", { class: "pool", d: "M64 216c14 34 48 49 96 49s82-15 96-49c-12 26-46 36-96 36s-84-10-96-36z" }, parent);
  const cracks = "M246 120l-9 14 7 13-10 11m3-24l-13 4M228 232l-12-9 2-13m-2 13l-14 6M78 206l13 7-2 14m2-14l12-5";
  make("path", { class: "crackle", d: cracks }, parent);
  make("ellipse", { class: "tummy", cx: 160, cy: 240, rx: 50, ry: 19 }, parent);
  const heat = make("path", { class: "heat", d: BODY }, parent);
  const chill = make("path", { class: "chill", d: BODY }, parent);
  make("path", { class: "shine", d: "M84 124c6-23 21-39 44-48" }, parent);
  make("circle", { class: "shine-dot", cx: 80, cy: 143, r: 4.6 }, parent);
  make("path", { class: "bounce", d: "M238 222c-11 15-29 25-52 29" }, parent);
  make("path", { class: "cap for-curious", d: "M83 106C86 70 116 49 160 49s74 21 77 57q-77-24-154 0z" }, parent);
  make("path", { class: "brim for-curious", d: "M166 94q62-1 90 24c-5 8-12 10-20 7-22-17-48-22-72-20z" }, parent);
  return { heat, chill };
}

/** @param {Element} parent */
function drawHand(parent) {
  const hand = make("g", {}, parent);
  make("ellipse", { class: "hand", rx: 19, ry: 15.5 }, hand);
  make("path", { class: "hand-shine", d: "M-9 -6Q-3 -11 4 -10" }, hand);
  return hand;
}

const STEPS = 14;

class Eye {
  #at;
  #side;
  #group;
  #white;
  #bead;
  #clip;
  #lash;
  #glow;
  #glints;
  #heart;
  #squeeze;
  #lids = ""; // as drawn

  /** @param {Element} face @param {"L"|"R"} side */
  constructor(face, side) {
    this.#side = side === "L" ? 1 : -1;
    this.#at = side === "L" ? EYES.L : EYES.R;
    const clip = make("clipPath", { id: `av-eye-${side}` }, face);
    this.#clip = make("path", {}, clip);
    this.#group = make("g", {}, face);
    this.#white = make("path", { class: "eye-white" }, this.#group);
    const ball = make("g", {}, this.#group);
    this.#bead = make("path", { class: "eye" }, ball);
    const inside = make("g", { "clip-path": `url(#av-eye-${side})` }, ball);
    this.#glow = make("ellipse", { class: "glow", cy: 11, rx: 9.5, ry: 8 }, inside);
    this.#glints = [
      make("ellipse", { class: "glint", cx: 3.8, cy: -7, rx: 4.3, ry: 5 }, inside),
      make("circle", { class: "glint", cx: -4.4, cy: 6.5, r: 2.1 }, inside),
    ];
    this.#lash = make("path", { class: "lash" }, this.#group);
    this.#heart = make("path", { class: "heart", d: HEART }, face);
    this.#squeeze = make("path", { class: "lash", d: side === "L" ? "M-13 -12L12 0L-13 12" : "M13 -12L-12 0L13 12" }, face);
  }

  /** @param {Life} life @param {number} lid @param {number} low @param {number} size */
  draw({ pose, gaze, turn, blink, time_s }, lid, low, size) {
    const x = this.#at + gaze.x * 0.45 - turn.x * 0.05;
    const y = EYES.y + gaze.y * 0.5;
    const away = Math.max(pose.heartEyes, pose.squeeze);
    const beat = 1 + Math.max(0, Math.sin(time_s * 7)) * 0.12;
    if (fade(this.#heart, pose.heartEyes)) put(this.#heart, "transform", place(x, y, 0, pose.heartEyes * 1.55 * beat));
    const squeezed = fade(this.#squeeze, ramp(pose.squeeze, 0.3, 0.8));
    if (squeezed) put(this.#squeeze, "transform", place(x, y, 0, 0.6 + pose.squeeze * 0.4));
    fade(this.#group, 1 - ramp(away, 0.25, 0.7));
    if (away > 0.9) return;
    // Who looks aside shows the further eye a little smaller.
    const near = 1 - clamp(turn.x * this.#side * 0.006, -0.06, 0.06);
    put(this.#group, "transform", place(x, y, 0, size * near, size));
    const shut = Math.max(lid, low > 0.6 ? 0 : blink);
    const lids = `${shut.toFixed(3)} ${low.toFixed(3)} ${pose.slant.toFixed(3)} ${pose.white.toFixed(2)}`;
    if (lids !== this.#lids) this.#drawLids(pose, shut, low, lid);
    this.#lids = lids;
    put(/** @type {Element} */ (this.#bead.parentNode), "transform", place(gaze.x * 0.1, gaze.y * 0.1, 0, 1 - pose.white * 0.66));
  }

  /** @param {Pose} pose @param {number} shut @param {number} low @param {number} lid */
  #drawLids(pose, shut, low, lid) {
    const { outline, lash, open } = eyeOutline(shut, low, pose.slant * this.#side);
    put(this.#bead, "d", outline);
    put(this.#clip, "d", outline);
    if (fade(this.#lash, ramp(Math.max(shut, low), 0.08, 0.2))) put(this.#lash, "d", lash);
    if (fade(this.#white, pose.white)) put(this.#white, "d", outline);
    fade(this.#glow, ramp(open, 0.6, 0.85));
    const [big, small] = this.#glints;
    fade(/** @type {Element} */ (big), ramp(open, 0.25, 0.5));
    fade(/** @type {Element} */ (small), ramp(open, 0.6, 0.85));
    // Under a heavy lid the light sits lower.
    put(/** @type {Element} */ (big), "transform", place(0, clamp(lid - 0.1, 0, 0.5) * 17, 0, 1, 1 - lid * 0.5));
  }
}

/** The eye between its lids. @param {number} up @param {number} low both 0 open to 1 shut @param {number} slant */
function eyeOutline(up, low, slant) {
  const { w, h } = EYES;
  const shut = ramp(Math.max(up, low), 0.6, 1);
  const tall = h * (1 - 0.5 * shut);
  const wide = w * (1 + 0.38 * shut);
  /** @type {string[]} */
  const top = [];
  /** @type {string[]} */
  const bottom = [];
  let open = 0;
  for (let i = 0; i <= STEPS; i++) {
    const u = -Math.cos((Math.PI * i) / STEPS);
    const arch = mix(Math.sqrt(1 - u * u), 1 - u * u, shut) * tall; // an ellipse, and of a shut eye a soft bow
    const lidY = -tall + 2 * tall * up + slant * u * 9 - 3.5 * (1 - u * u);
    const lowY = tall - 2 * tall * low - 5 * ramp(low, 0, 0.3) * (1 - u * u);
    const upper = mix(Math.max(-arch, lidY), arch, ramp(up, 0.6, 1));
    const lower = mix(Math.min(arch, lowY), -arch, ramp(low, 0.6, 1));
    const middle = (upper + lower) / 2;
    const half = Math.max(0, (lower - upper) / 2);
    open = Math.max(open, half / h);
    top.push(`${n(u * wide)} ${n(Math.min(upper, middle))}`);
    bottom.unshift(`${n(u * wide)} ${n(middle + half)}`);
  }
  // The lash follows the lid that shuts.
  const lash = low > up ? [...bottom].reverse() : top;
  return { outline: `M${top.join("L")}L${bottom.join("L")}Z`, lash: `M${lash.join("L")}`, open };
}

/** @param {number} a @param {number} b @param {number} at */
const mix = (a, b, at) => a + (b - a) * at;

class Lips {
  #group;
  #outline;
  #clip;
  #tongue;
  #teeth;
  #out;
  #kiss;

  /** @param {Element} face */
  constructor(face) {
    this.#clip = make("path", {}, make("clipPath", { id: "av-mouth" }, face));
    this.#group = make("g", {}, face);
    this.#outline = make("path", { class: "mouth" }, this.#group);
    const inside = make("g", { "clip-path": "url(#av-mouth)" }, this.#group);
    this.#tongue = make("ellipse", { class: "tongue" }, inside);
    this.#teeth = make("path", { class: "teeth" }, inside);
    this.#out = make("g", {}, this.#group);
    make("path", { class: "tongue-out", d: "M-11 -2V9a11 11 0 0 0 22 0V-2z" }, this.#out);
    make("path", { class: "tongue-line", d: "M0 0V9" }, this.#out);
    this.#kiss = make("path", { class: "kiss", d: "M-3 -11q12 1 4 9q-3 2 -5 2q3 0 6 3q7 7 -6 9" }, face);
  }

  /** @param {Life} life */
  draw({ pose, viseme, turn }) {
    const shape = lipsOf(pose, viseme);
    const at = place(160 + turn.x * 0.18, 198 + turn.y * 0.12);
    const kiss = ramp(pose.kiss, 0.3, 0.8) * (1 - ramp(viseme.open, 0.15, 0.3));
    if (fade(this.#kiss, kiss)) put(this.#kiss, "transform", at);
    if (!fade(this.#group, 1 - kiss)) return;
    put(this.#group, "transform", at);
    put(this.#outline, "d", shape.d);
    const tongued = fade(this.#tongue, ramp(shape.gap, 7, 13));
    if (tongued) {
      put(this.#tongue, "cx", n(shape.skew * 0.5));
      put(this.#tongue, "cy", n(shape.floor + 1));
      put(this.#tongue, "rx", n(shape.half * 0.66));
      put(this.#tongue, "ry", n(Math.min(13, 2 + shape.gap * 0.36)));
    }
    const toothed = fade(this.#teeth, Math.max(pose.teeth * ramp(shape.gap, 8, 14), viseme.teeth * ramp(shape.gap, 2, 5)));
    if (toothed) {
      const { half, ceiling } = shape;
      const edge = n(ceiling + 2);
      put(this.#teeth, "d", `M${n(-half)} ${n(ceiling - 12)}H${n(half)}V${edge}Q0 ${n(ceiling + 8)} ${n(-half)} ${edge}Z`);
    }
    if (tongued || toothed) put(this.#clip, "d", shape.d);
    if (!fade(this.#out, ramp(pose.tongue, 0.05, 0.3))) return;
    const long = pose.tongue * (1 + viseme.open * 0.2);
    put(this.#out, "transform", place(shape.half * 0.22, shape.floor - 4, -6, 0.95, long));
  }
}

/** The mouth's outline from pose and sound. @param {Pose} pose @param {import("./mouth.js").Viseme} viseme */
function lipsOf(pose, viseme) {
  const talks = ramp(viseme.open, 0, 0.3);
  const open = pose.open + viseme.open * (1 - pose.open * 0.5);
  const round = clamp(pose.round * (1 - talks * 0.6) + talks * (0.6 - viseme.wide) * 1.8, 0, 1);
  const width = mix(pose.width, 0.72 + viseme.wide * 0.5, talks * 0.6);
  const half = 21 * width * (1 - 0.3 * round);
  const smile = pose.smile * (1 - talks * (0.2 + 0.5 * round));
  const skew = pose.skew * 7;
  const left = -smile * 6 + skew;
  const right = -smile * 6 - skew;
  const swell = open * 33;
  const ceiling = smile * 9 - swell * (0.1 + round * 0.22);
  const floor = smile * 9 + swell * (1 - round * 0.15);
  // Handles near the corners draw an O, farther in a smile.
  const grip = half * mix(0.46, 1.02, round);
  const x = half + skew * 0.3;
  if (pose.wave > 0.05 && open < 0.12) return { d: squiggle(half, pose.wave), half, gap: 0, floor, ceiling, skew };
  const upper = `C${n(-grip)} ${n(mix(left, ceiling, 1.15))} ${n(grip)} ${n(mix(right, ceiling, 1.15))} ${n(x)} ${n(right)}`;
  const lower = `C${n(grip)} ${n(mix(right, floor, 1.2))} ${n(-grip)} ${n(mix(left, floor, 1.2))} ${n(-x)} ${n(left)}`;
  const middle = (left + right) / 2;
  const lowest = middle * 0.25 + mix(middle, floor, 1.2) * 0.75;
  const highest = middle * 0.25 + mix(middle, ceiling, 1.15) * 0.75;
  return { d: `M${n(-x)} ${n(left)}${upper}${lower}Z`, half, gap: lowest - highest, floor: lowest, ceiling: highest, skew };
}

/** There and back, for it is an outline like the others. @param {number} half @param {number} wave */
function squiggle(half, wave) {
  const [step, high] = [half / 2, wave * 7];
  const back = `q${n(-step / 2)} ${n(high)} ${n(-step)} 0t${n(-step)} 0t${n(-step)} 0t${n(-step)} 0`;
  return `M${n(-half)} 2q${n(step / 2)} ${n(-high)} ${n(step)} 0t${n(step)} 0t${n(step)} 0t${n(step)} 0${back}Z`;
}
