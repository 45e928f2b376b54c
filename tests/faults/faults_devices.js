/** @typedef {import("./matrix.js").Entry} Entry */
/** @type {Entry[]} */
export const DEVICES = [];
