/* preview_place.js - where the small camera picture may stand: pure geometry, in CSS pixels of the window. */

/** @typedef {{x:number, y:number}} Point */
/** @typedef {{width:number, height:number}} Size */

export const NARROW = 768; // a window up to this width is a phone
export const LEFT_OVER = 20; // of a picture that was pushed away
const SNAP = 32; // past the edge by no more: it comes back
const EDGE = 16;
const BELOW_BAR = { desk: 56, phone: 50 };
export const HANDLE = { width: 28, height: 56, inset: 6 };

/** @param {Size} window @returns {Size} of the picture */
export const sizeIn = (window) => (window.width <= NARROW ? { width: 135, height: 240 } : { width: 240, height: 135 });

/** A desk's starts at the top: at the bottom, where the original's did, stand mute and the talk key here.
 * @param {Size} window @returns {Point} */
export function startIn(window) {
  if (window.width > NARROW) return { x: EDGE, y: EDGE + BELOW_BAR.desk };
  return { x: window.width - sizeIn(window).width - EDGE, y: EDGE + BELOW_BAR.phone };
}

/** While it is dragged. @param {Point} at @param {Size} window @returns {Point} */
export function clampIn(at, window) {
  const { width, height } = sizeIn(window);
  return {
    x: Math.min(Math.max(at.x, LEFT_OVER - width), window.width - LEFT_OVER),
    y: Math.min(Math.max(at.y, 0), Math.max(0, window.height - height)),
  };
}

/** Let go: back to the nearer side, or, pushed far enough past one, away. @param {Point} at @param {Size} window
 * @returns {Point} */
export function settleIn(at, window) {
  const { width } = sizeIn(window);
  const { x, y } = clampIn(at, window);
  if (-x > SNAP) return { x: LEFT_OVER - width, y };
  if (x + width - window.width > SNAP) return { x: window.width - LEFT_OVER, y };
  return { x: sideOf(x + width / 2, window), y };
}

/** @param {Point} at @param {Size} window */
export const isAwayIn = (at, window) => at.x <= -1 || at.x >= window.width - LEFT_OVER - 1;

/** One that is away comes back to its side. @param {Point} at @param {Size} window @returns {Point} */
export const bringBackIn = (at, window) => ({ x: sideOf(at.x + sizeIn(window).width / 2, window), y: at.y });

/** @param {Point} at @param {Size} window @returns {Point} of the handle that stands for it */
export function handleIn(at, window) {
  const y = at.y + sizeIn(window).height / 2 - HANDLE.height / 2;
  return { x: at.x < 0 ? HANDLE.inset : window.width - HANDLE.width - HANDLE.inset, y };
}

/** @param {number} middle @param {Size} window */
const sideOf = (middle, window) => (middle < window.width / 2 ? EDGE : window.width - sizeIn(window).width - EDGE);
