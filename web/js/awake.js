/* awake.js - the screen stays on during a call, unless the person does not want it. */

import { loadPrefs } from "./prefs.js";

let wanted = false;
/** @type {Promise<WakeLockSentinel|null>|null} */
let lock = null;

/** @param {boolean} talking */
export function keepAwake(talking) {
  wanted = talking;
  const hold = wanted && loadPrefs().awake && document.visibilityState === "visible" && "wakeLock" in navigator;
  if (hold) lock ??= navigator.wakeLock.request("screen").then(watched, () => null);
  else {
    lock?.then((sentinel) => sentinel?.release());
    lock = null;
  }
}

/** The system takes it back when the page is hidden. @param {WakeLockSentinel} sentinel */
function watched(sentinel) {
  sentinel.addEventListener("release", () => {
    lock = null;
  });
  return sentinel;
}

document.addEventListener("visibilitychange", () => keepAwake(wanted));
