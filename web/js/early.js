/* early.js - the connection begins before the page is drawn: manager and core are loaded and at work while the rest of
 * the page's modules are still on their way. What they tell meanwhile is kept. */

import { noteStatus, tokenHeaders } from "./token.js";
import { WebRTCManager } from "./manager/manager.js";
import { loadPrefs } from "./prefs.js";
import { askRoles, keptRoles, knownRoles, roleMac } from "./roles.js";

/** What is told once; the rest can be asked for at any time. */
const KEPT = ["message", "track", "notice", "blocked"];

const FIRST_MS = 1500; // a first visitor's offer waits so long to come from the operator's first role

const prefs = loadPrefs();
export const roles = knownRoles();
/** A first visitor's question which roles there are; null: those of the last visit are known. */
export const firstRoles = keptRoles() ? null : askRoles(FIRST_MS);
/** @type {CustomEvent[]} */
const kept = [];
const keep = (/** @type {Event} */ event) => void kept.push(/** @type {CustomEvent} */ (event));

export const manager = new WebRTCManager({
  mode: prefs.mode,
  headers: () => tokenHeaders(),
  macAddress: firstRoles ? firstRoles.then((asked) => roleMac(prefs, asked)) : roleMac(prefs, roles),
  fallback: () => import("./manager/fallback.js"),
});
manager.on("state", ({ reason }) => noteStatus(reason === "NOT_ALLOWED" ? 401 : 0));
for (const name of KEPT) manager.addEventListener(name, keep);
manager.prepare(prefs.mode).catch(() => undefined);

/** Everybody listens now: what was told so far is told again. */
export function catchUp() {
  for (const name of KEPT) manager.removeEventListener(name, keep);
  for (const { type, detail } of kept.splice(0)) manager.dispatchEvent(new CustomEvent(type, { detail }));
}
