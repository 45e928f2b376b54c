/* haptics.js - a short buzz where the hand is: on the talk key, when the call stands, when something fails. */

import { loadPrefs } from "./prefs.js";

export const BUZZ = { press: 50, connected: [20, 60, 20], trouble: [60, 80, 60], touch: 15 };

/** Browsers refuse it before the person has touched the page, and complain: so it is not tried then.
 * @param {number|number[]} pattern_ms */
export function buzz(pattern_ms) {
  if (typeof navigator.vibrate !== "function" || !loadPrefs().haptics) return;
  const active = navigator.userActivation ? navigator.userActivation.hasBeenActive : true;
  if (active && document.hasFocus()) navigator.vibrate(pattern_ms);
}
