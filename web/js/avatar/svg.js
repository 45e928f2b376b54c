/* svg.js - the few words of SVG that the avatar is drawn with. Attributes are written only when they change. */

const SPACE = "http://www.w3.org/2000/svg";

/** @type {WeakMap<Element, Record<string, string>>} */
const written = new WeakMap();

/** @param {string} name @param {Record<string, string|number>} [attributes] @param {Element|null} [parent]
 * @returns {SVGElement} */
export function make(name, attributes = {}, parent = null) {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  parent?.append(element);
  return element;
}

/** @param {Element} element @param {string} name @param {string} value */
export function put(element, name, value) {
  let known = written.get(element);
  if (!known) written.set(element, (known = {}));
  if (known[name] === value) return;
  known[name] = value;
  element.setAttribute(name, value);
}

/** Shown by so much, and not there at all when it is nothing.
 * @param {Element} element @param {number} amount @returns {boolean} it is there: worth moving */
export function fade(element, amount) {
  const there = amount >= 0.01;
  put(element, "display", there ? "inline" : "none");
  if (there) put(element, "opacity", amount > 0.98 ? "1" : (Math.round(amount * 25) / 25).toFixed(2));
  return there;
}

/** A tenth of the drawing's 320 units is less than is seen. @param {number} value */
export const n = (value) => String(Math.round(value * 20) / 20);

/** @param {number} x @param {number} y @param {number} [turn] degrees @param {number} [sx] @param {number} [sy] */
export function place(x, y, turn = 0, sx = 1, sy = sx) {
  const turned = turn ? ` rotate(${n(turn)})` : "";
  const scaled = sx !== 1 || sy !== 1 ? ` scale(${sx.toFixed(2)} ${sy.toFixed(2)})` : "";
  return `translate(${n(x)} ${n(y)})${turned}${scaled}`;
}

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** 0 below |low|, 1 above |high|, smooth between. @param {number} value @param {number} low @param {number} high */
export function ramp(value, low, high) {
  const at = clamp((value - low) / (high - low), 0, 1);
  return at * at * (3 - 2 * at);
}
