/* prefs.js - the few choices that outlive a visit. A browser that keeps nothing still works.
 *
 * Device, way of talking and MAC are kept under the names of the original's pages, so that a choice made there holds here;
 * the rest is one object. An empty device means "automatic", and stays that until the person chooses another. */

/** @typedef {{id:string, label:string}} Device  by name too, because browsers rename devices when permissions are reset */

/**
 * @typedef {{
 *   lang:string, mode:"auto"|"manual", volume:number, theme:"system"|"light"|"dark",
 *   role:string, avatar:string, mac:string, ownMac:string, microphone:Device, speaker:Device,
 *   haptics:boolean, awake:boolean, toggle:boolean,
 * }} Prefs  avatar "": the role's; mac: the chosen role's, ownMac: what was typed for the last one; toggle: a tap
 *   on the talk key opens, the next one sends
 */

const KEY = "xiaozhi-rtc";
const NAMES = { mac: "macAddress", microphone: "selectedAudioDeviceId", speaker: "selectedSpeakerDeviceId", mode: "voiceMode" };

/** @param {string} name */
function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
function write(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}

/** @returns {Record<string, unknown>} */
function stored() {
  try {
    const kept = JSON.parse(read(KEY) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : "");

/** @returns {Prefs} */
export function loadPrefs() {
  const kept = stored();
  const volume = Number(kept["volume"] ?? 100);
  const theme = text(kept["theme"]);
  return {
    lang: text(kept["lang"]),
    mode: read(NAMES.mode) === "continuous" ? "auto" : "manual",
    volume: volume >= 0 && volume <= 100 ? volume : 100,
    theme: theme === "light" || theme === "dark" ? theme : "system",
    role: text(kept["role"]),
    avatar: text(kept["avatar"]),
    mac: text(read(NAMES.mac)),
    ownMac: text(kept["ownMac"]),
    microphone: { id: text(read(NAMES.microphone)), label: text(kept["microphoneLabel"]) },
    speaker: { id: text(read(NAMES.speaker)), label: text(kept["speakerLabel"]) },
    haptics: kept["haptics"] !== false,
    awake: kept["awake"] !== false,
    toggle: kept["toggle"] === true,
  };
}

/** @param {Partial<Prefs>} change */
export function savePrefs(change) {
  const { mode, mac, microphone, speaker, ...rest } = change;
  if (mode) write(NAMES.mode, mode === "auto" ? "continuous" : "push-to-talk");
  if (mac !== undefined) write(NAMES.mac, mac);
  if (microphone) write(NAMES.microphone, microphone.id);
  if (speaker) write(NAMES.speaker, speaker.id);
  const labels = {
    ...(microphone ? { microphoneLabel: microphone.label } : {}),
    ...(speaker ? { speakerLabel: speaker.label } : {}),
  };
  if (Object.keys({ ...rest, ...labels }).length) write(KEY, JSON.stringify({ ...stored(), ...rest, ...labels }));
}
