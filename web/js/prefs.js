/* prefs.js - the few choices that outlive a visit. A browser that keeps nothing still works. */

/** @typedef {{lang:string, mode:"auto"|"manual", volume:number}} Prefs */

const KEY = "xiaozhi-rtc";

/** @returns {Partial<Prefs>} */
function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/** @returns {Prefs} */
export function loadPrefs() {
  const kept = stored();
  const volume = Number(kept.volume ?? 100);
  return {
    lang: typeof kept.lang === "string" ? kept.lang : "",
    mode: kept.mode === "auto" ? "auto" : "manual",
    volume: volume >= 0 && volume <= 100 ? volume : 100,
  };
}

/** @param {Partial<Prefs>} change */
export function savePrefs(change) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...stored(), ...change }));
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}
