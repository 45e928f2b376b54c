/* touch.js - hits, double hits and swipes on the avatar.
 *
 * A hit that moved at most 16 px waits 280 ms for a second one near it: two are one double hit, one is a single hit. What
 * moved further is a swipe if it ends 24 px or more from where it began, in the direction of the larger axis, and else
 * nothing. The area is the one where the finger came down. */

/** @typedef {"Head"|"Face"|"Body"} Area */
/** @typedef {"left"|"right"|"up"|"down"} Direction */
/** @typedef {{event:"singlehit"|"doublehit"|"swipe", area:Area, dir?:Direction}} Touch */

export const DOUBLE_MS = 280;
export const NEAR_PX = 16;
export const SWIPE_PX = 24;

/** The decisions alone: points in px, times in ms, no timer of its own. */
export class Gestures {
  /** @type {{x:number, y:number, area:Area, moved:boolean}|null} */
  #down = null;
  /** @type {{x:number, y:number, area:Area, at_ms:number}|null} */
  #hit = null;

  /** @param {number} x @param {number} y @param {Area} area */
  down(x, y, area) {
    this.#down = { x, y, area, moved: false };
  }

  /** @param {number} x @param {number} y */
  move(x, y) {
    const down = this.#down;
    if (down && Math.hypot(x - down.x, y - down.y) > NEAR_PX) down.moved = true;
  }

  cancel() {
    this.#down = null;
  }

  /** @param {number} x @param {number} y @param {number} now_ms @returns {Touch[]} what is certain now */
  up(x, y, now_ms) {
    this.move(x, y);
    const down = this.#down;
    this.#down = null;
    if (!down) return [];
    const due = this.due(now_ms);
    if (down.moved) return [...due, ...this.#flush(), ...swipe(x - down.x, y - down.y, down.area)];
    const first = this.#hit;
    if (first && Math.hypot(x - first.x, y - first.y) <= NEAR_PX) {
      this.#hit = null;
      return [...due, { event: "doublehit", area: first.area }];
    }
    const before = this.#flush();
    this.#hit = { x, y, area: down.area, at_ms: now_ms };
    return [...due, ...before];
  }

  /** When a hit will have been alone for long enough; Infinity: there is none. */
  get deadline_ms() {
    return this.#hit ? this.#hit.at_ms + DOUBLE_MS : Infinity;
  }

  /** @param {number} now_ms @returns {Touch[]} */
  due(now_ms) {
    return now_ms > this.deadline_ms ? this.#flush() : [];
  }

  /** @returns {Touch[]} */
  #flush() {
    const hit = this.#hit;
    this.#hit = null;
    return hit ? [{ event: "singlehit", area: hit.area }] : [];
  }
}

/** @param {number} dx @param {number} dy @param {Area} area @returns {Touch[]} */
function swipe(dx, dy, area) {
  if (Math.hypot(dx, dy) < SWIPE_PX) return [];
  const across = Math.abs(dx) >= Math.abs(dy);
  return [{ event: "swipe", area, dir: across ? (dx < 0 ? "left" : "right") : dy < 0 ? "up" : "down" }];
}

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-40, 0], ArrowRight: [40, 0], ArrowUp: [0, -40], ArrowDown: [0, 40] };

/** Wires an element: pointers, and for the keyboard Enter as a hit on the face and the arrows as strokes over the head.
 * @param {HTMLElement} element @param {(x:number, y:number) => Area|null} areaAt of a point of the window
 * @param {{touch:(touch:Touch) => void, press:() => void}} tell press: a finger came down, whatever it will become */
export function watchTouch(element, areaAt, tell) {
  const gestures = new Gestures();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  const say = (/** @type {Touch[]} */ touches) => {
    for (const touch of touches) tell.touch(touch);
    clearTimeout(timer);
    const wait_ms = gestures.deadline_ms - performance.now();
    if (wait_ms < Infinity) timer = setTimeout(() => say(gestures.due(performance.now())), Math.max(0, wait_ms) + 1);
  };
  element.addEventListener("pointerdown", (event) => {
    const area = event.isPrimary && event.button === 0 ? areaAt(event.clientX, event.clientY) : null;
    if (!area) return;
    element.setPointerCapture(event.pointerId);
    gestures.down(event.clientX, event.clientY, area);
    tell.press();
  });
  element.addEventListener("pointermove", (event) => {
    if (event.isPrimary) gestures.move(event.clientX, event.clientY);
  });
  element.addEventListener("pointerup", (event) => {
    if (event.isPrimary) say(gestures.up(event.clientX, event.clientY, event.timeStamp));
  });
  element.addEventListener("pointercancel", () => gestures.cancel());
  element.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press on a phone
  element.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (event.repeat || event.altKey || event.ctrlKey || event.metaKey || !(arrow || event.key === "Enter")) return;
    event.preventDefault();
    const [dx, dy] = arrow ?? [0, 0];
    gestures.down(0, 0, arrow ? "Head" : "Face");
    tell.press();
    say(gestures.up(dx, dy, event.timeStamp));
  });
}
