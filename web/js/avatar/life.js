/* life.js - what the avatar does from one frame to the next: eases into poses, blinks, breathes, looks about, gives way
 * to a hand. Knows no document and no clock; how it looks is the renderer's business.
 *
 * With `still` (reduced motion) nothing idles and poses change at once; the mouth still shows sound. */

import { EMOTIONS, NEUTRAL, REACTIONS, STATES } from "./emotions.js";
import { toward } from "./mouth.js";

/** @typedef {import("./emotions.js").Pose} Pose */
/** @typedef {import("./mouth.js").Viseme} Viseme */
/** @typedef {import("./touch.js").Touch} Touch */
/** @typedef {keyof Pose} Key */

const KEYS = /** @type {Key[]} */ (Object.keys(NEUTRAL));

/** These have weight and swing into place; the rest is eased. @type {Set<string>} */
const HEAVY = new Set(["lean", "lift", "squash", "droop", "handLx", "handLy", "handLr", "handRx", "handRy", "handRr"]);

/** What is too little of each to be seen: of lengths and angles, of parts of one. @type {[Key, number][]} */
const NEAR = KEYS.map((key) => [key, /^hand|^look|^brow.|^tilt|lean|lift/.test(key) ? 0.02 : 0.001]);

/** Small things that go on moving while they are there. @type {Key[]} */
const LIVELY = [
  "hearts", "joyTears", "tear", "streams", "sweat", "anger", "steam", "zzz", "bubble", "question", "star", "sparkles", "cup",
  "drool", "kissHeart", "dots", "shake",
];

const ASLEEP = ["idle", "failed", "ended", "suspended"];
const EASE_S = 0.075;
const GAZE_S = 0.07;
const TURN_S = 0.2;
const POINTER_S = 3; // a pointer that rests longer is nothing to look at any more
const BLINK_S = 0.19;
const HIT_S = 1;
const CARESS_S = 1.7;

/** A weight on a spring with some overshoot. */
class Swing {
  at = 0;
  speed = 0;

  /** @param {number} goal @param {number} dt_s @param {number} omega @param {number} zeta */
  step(goal, dt_s, omega, zeta) {
    for (let left = dt_s; left > 0; left -= 0.008) {
      const dt = Math.min(left, 0.008);
      this.speed += ((goal - this.at) * omega * omega - 2 * zeta * omega * this.speed) * dt;
      this.at += this.speed * dt;
    }
  }

  /** @param {number} goal */
  jump(goal) {
    this.at = goal;
    this.speed = 0;
  }
}

export class Life {
  /** @type {Pose} as it is now */
  pose = { ...NEUTRAL, ...STATES["asleep"] };
  /** Sum of sound and pose. @type {Viseme} */
  viseme = { open: 0, wide: 0.5, teeth: 0 };
  time_s = 0;
  still = false;
  blink = 0; // 1: shut
  breath = 0; // -1..1
  gaze = { x: 0, y: 0 }; // of the eyes
  turn = { x: 0, y: 0 }; // of the face after them
  tilt = new Swing(); // degrees, beside the pose's lean
  squish = new Swing();
  sway = new Swing(); // of the sprout, degrees
  /** @type {Pose} */
  #goal = { ...this.pose };
  /** @type {Map<string, Swing>} */
  #swings = new Map();
  #random;
  #state = "idle";
  #emotion = "neutral";
  #reaction = { name: "", until_s: 0 };
  #blinkAt_s = 2.5;
  #darting = { x: 0, y: 0, until_s: 0 };
  #pointer = { x: 0, y: 0, until_s: 0 };
  #leaning = 0;
  #turning = false; // towards what it looks at

  /** @param {() => number} [random] */
  constructor(random = Math.random) {
    this.#random = random;
  }

  get asleep() {
    return ASLEEP.includes(this.#state);
  }

  get state() {
    return this.#state;
  }

  get emotion() {
    return this.#emotion;
  }

  /** @param {string} state */
  setState(state) {
    this.#state = state;
    this.#aim();
  }

  /** @param {string} emotion one of EMOTIONS */
  setEmotion(emotion) {
    this.#emotion = emotion;
    this.#aim();
  }

  /** Somebody points there, from the figure's middle, -1 to 1. @param {number} x @param {number} y */
  lookAt(x, y) {
    this.#pointer = { x, y, until_s: this.time_s + POINTER_S };
  }

  /** A finger came down. */
  press() {
    this.squish.speed += 0.7;
  }

  /** @param {Touch} touch */
  react({ area, event, dir }) {
    this.#reaction = { name: `${area} ${event}`, until_s: this.time_s + (event === "singlehit" ? HIT_S : CARESS_S) };
    const side = dir === "left" ? -1 : dir === "right" ? 1 : 0;
    this.tilt.speed += event === "swipe" ? side * 150 : area === "Body" ? 90 : 0;
    this.sway.speed += side * 500 + (area === "Head" ? 260 : 60);
    this.squish.speed += dir === "up" ? -1.6 : dir === "down" ? 1.6 : event === "swipe" ? 0.4 : 1.1;
    this.#aim();
  }

  /** The pose to come: the emotion's, as far as the state leaves it, and over all a hand that was felt. */
  #aim() {
    const state = this.#state;
    const base = this.asleep ? {} : (EMOTIONS[this.#emotion] ?? {});
    const ponders = state === "thinking" && this.#emotion === "neutral";
    const more = this.asleep ? STATES["asleep"] : ponders ? { ...EMOTIONS["thinking"], dots: 0 } : STATES[state];
    const felt = this.#reaction.name ? REACTIONS[this.#reaction.name] : {};
    this.#goal = { ...NEUTRAL, ...base, ...more, ...felt };
    if (state !== "speaking") return;
    // Speech has the mouth to itself: it shuts between the words, however wide the laugh.
    this.#goal.open *= 0.12;
    this.#goal.round *= 0.4;
    this.#goal.kiss = 0;
  }

  /** One step. @param {number} dt_s @param {Viseme} viseme @param {boolean} still
   * @returns {boolean} something moves: draw the next frame too */
  step(dt_s, viseme, still) {
    this.time_s += dt_s;
    this.still = still;
    this.viseme = viseme;
    if (this.#reaction.name && this.time_s > this.#reaction.until_s) {
      this.#reaction.name = "";
      this.#aim();
    }
    const moves = still ? this.#jump() : this.#ease(dt_s);
    if (!still) this.#idle(dt_s);
    const lively = !still && LIVELY.some((key) => this.pose[key] > 0.01);
    return moves || lively || viseme.open > 0 || this.blink > 0 || this.#reaction.name !== "" || this.#swinging();
  }

  /** Seconds until the next blink. */
  get blinkIn_s() {
    return this.#blinkAt_s - this.time_s;
  }

  #jump() {
    this.pose = { ...this.#goal };
    for (const [key, swing] of this.#swings) swing.jump(this.pose[/** @type {Key} */ (key)]);
    for (const swing of [this.tilt, this.squish, this.sway]) swing.jump(0);
    this.gaze = { x: this.pose.lookX, y: this.pose.lookY };
    this.turn = { x: 0, y: 0 };
    this.blink = this.breath = 0;
    return false;
  }

  /** @param {number} dt_s @returns {boolean} */
  #ease(dt_s) {
    let moves = false;
    for (const [key, near] of NEAR) {
      const goal = this.#goal[key];
      if (this.pose[key] === goal && !this.#swings.get(key)?.speed) continue;
      const rest = HEAVY.has(key) ? this.#swing(key, goal, dt_s, near) : this.#slide(key, goal, dt_s, near);
      if (rest) this.pose[key] = goal;
      moves ||= !rest;
    }
    return moves;
  }

  /** @param {Key} key @param {number} goal @param {number} dt_s @param {number} near @returns {boolean} it is there */
  #slide(key, goal, dt_s, near) {
    this.pose[key] = toward(this.pose[key], goal, dt_s, EASE_S);
    return Math.abs(goal - this.pose[key]) < near;
  }

  /** @param {Key} key @param {number} goal @param {number} dt_s @param {number} near @returns {boolean} it is there */
  #swing(key, goal, dt_s, near) {
    const swing = this.#swings.get(key) ?? new Swing();
    this.#swings.set(key, swing);
    swing.at = this.pose[key];
    swing.step(goal, dt_s, 15, 0.62);
    this.pose[key] = swing.at;
    const rest = Math.abs(goal - swing.at) < near && Math.abs(swing.speed) < near * 8;
    if (rest) swing.jump(goal);
    return rest;
  }

  #swinging() {
    const far = (/** @type {Swing} */ swing) => Math.abs(swing.at) + Math.abs(swing.speed) / 15;
    return far(this.tilt) > 0.12 || far(this.sway) > 0.4 || far(this.squish) > 0.004 || this.#turning;
  }

  /** @param {number} dt_s */
  #idle(dt_s) {
    const t = this.time_s;
    this.breath = Math.sin(t * (this.asleep || this.#emotion === "relaxed" || this.#emotion === "sleepy" ? 1.15 : 1.7));
    this.blink = this.#blinkNow();
    const gaze = this.#gazeNow();
    this.#turning = Math.abs(gaze.x - this.turn.x) + Math.abs(gaze.y - this.turn.y) > 0.3;
    this.gaze.x = toward(this.gaze.x, gaze.x, dt_s, GAZE_S);
    this.gaze.y = toward(this.gaze.y, gaze.y, dt_s, GAZE_S);
    this.turn.x = toward(this.turn.x, gaze.x, dt_s, TURN_S);
    this.turn.y = toward(this.turn.y, gaze.y, dt_s, TURN_S);
    // The sprout lags behind the head.
    this.sway.speed -= (this.pose.lean - this.#leaning) * 9;
    this.#leaning = this.pose.lean;
    this.tilt.step(0, dt_s, 13, 0.28);
    this.squish.step(0, dt_s, 19, 0.3);
    this.sway.step(-this.tilt.at * 0.8, dt_s, 11, 0.14);
  }

  #blinkNow() {
    const since_s = this.time_s - this.#blinkAt_s;
    if (since_s < 0 || this.asleep) {
      if (this.asleep) this.#blinkAt_s = this.time_s + 1.5;
      return 0;
    }
    if (since_s > BLINK_S) {
      const twice = this.#random() < 0.16;
      this.#blinkAt_s = this.time_s + (twice ? 0.09 : 2.2 + this.#random() * 3.8);
      return 0;
    }
    // Shuts fast, opens slower.
    const at = since_s / BLINK_S;
    return at < 0.38 ? at / 0.38 : 1 - (at - 0.38) / 0.62;
  }

  #gazeNow() {
    const { lookX, lookY } = this.pose;
    if (this.asleep) return { x: 0, y: 0 };
    const t = this.time_s;
    if (t < this.#pointer.until_s && Math.hypot(lookX, lookY) < 6) {
      return { x: lookX + this.#pointer.x * 10, y: lookY + this.#pointer.y * 8 };
    }
    if (this.#state === "connecting") return { x: Math.sin(t * 2.4) * 7, y: -2 + Math.cos(t * 2.4) * 3 };
    if (t > this.#darting.until_s) {
      const away = this.#random() < 0.3 && this.#state === "ready";
      const reach = away ? 7 : 1.6;
      this.#darting = {
        x: (this.#random() * 2 - 1) * reach,
        y: (this.#random() * 2 - 1) * reach * 0.6,
        until_s: t + (away ? 0.8 : 1.4) + this.#random() * 2,
      };
    }
    return { x: lookX + this.#darting.x, y: lookY + this.#darting.y };
  }
}
