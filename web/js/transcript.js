/* transcript.js - all that was said: kept while the tab is open, also over a reload, and as a file that the person takes
 * along. */

/** @typedef {"person"|"assistant"} Who */
/** @typedef {{who:Who, text:string, at_ms:number, cut:boolean}} Line  at_ms: of the clock on the wall */
/** @typedef {"md"|"vtt"|"json"} Format */

const SHORTEST_MS = 1200; // on the screen, of a caption
const LETTER_MS = 70; // and as long as it takes to say
const KEPT = "xiaozhi-talk";
const KEPT_LINES = 500;

/** For this tab's next page. @param {string} role with whom @param {readonly Line[]} lines */
export function keepTalk(role, lines) {
  try {
    if (lines.length) sessionStorage.setItem(KEPT, JSON.stringify({ role, lines: lines.slice(-KEPT_LINES) }));
  } catch {
    // Private windows may refuse; the talk then lasts as long as the page.
  }
}

/** What this tab's last page kept of a talk with |role|. @param {string} role @returns {Line[]} */
export function keptTalk(role) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    if (kept?.role !== role) return [];
    return kept.lines.map((/** @type {any} */ { who, text, at_ms, cut }) =>
      ({ who: who === "person" ? who : "assistant", text: String(text), at_ms: Number(at_ms), cut: cut === true }));
  } catch {
    return [];
  }
}

/** @param {Line[]} lines @param {Format} format @param {(who:Who) => string} nameOf @param {string} lang
 * @returns {{name:string, type:string, text:string}} a file */
export function exportAs(lines, format, nameOf, lang) {
  const began_ms = lines[0]?.at_ms ?? Date.now();
  const day = new Date(began_ms).toISOString().slice(0, 16).replace(/\D/g, "");
  const make = { md: asMarkdown, vtt: asWebVtt, json: asJson }[format];
  const type = { md: "text/markdown", vtt: "text/vtt", json: "application/json" }[format];
  return { name: `xiaozhi-${day}.${format}`, type: `${type};charset=utf-8`, text: make(lines, nameOf, lang) };
}

/** @param {Line[]} lines @param {(who:Who) => string} nameOf @param {string} lang */
function asMarkdown(lines, nameOf, lang) {
  const began = new Date(lines[0]?.at_ms ?? Date.now());
  const escape = (/** @type {string} */ text) => text.replace(/[\\`*_{}[\]<>#|]/g, "\\$&").replace(/\s*\n\s*/g, " ");
  const time = (/** @type {number} */ ms) => new Date(ms).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" });
  const said = lines.map(({ who, text, at_ms, cut }) =>
    `**${escape(nameOf(who))}** (${time(at_ms)}): ${escape(text)}${cut ? " —" : ""}`);
  return `# ${began.toLocaleDateString(lang, { dateStyle: "long" })}\n\n${said.join("\n\n")}\n`;
}

/** Times count from the first words. @param {Line[]} lines @param {(who:Who) => string} nameOf */
function asWebVtt(lines, nameOf) {
  const began_ms = lines[0]?.at_ms ?? 0;
  const escape = (/** @type {string} */ text) =>
    text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/\s*\n\s*/g, " ");
  const cues = lines.map(({ who, text, at_ms, cut }, index) => {
    const said_ms = at_ms + Math.max(SHORTEST_MS, text.length * LETTER_MS);
    const next_ms = lines[index + 1]?.at_ms ?? said_ms;
    const end_ms = Math.max(at_ms + 1, Math.min(said_ms, next_ms));
    const voice = escape(nameOf(who));
    const times = `${stamp(at_ms - began_ms)} --> ${stamp(end_ms - began_ms)}`;
    return `${index + 1}\n${times}\n<v ${voice}>${escape(text)}${cut ? " —" : ""}`;
  });
  return `WEBVTT\n\n${cues.join("\n\n")}\n`;
}

/** @param {Line[]} lines @param {(who:Who) => string} nameOf @param {string} lang */
function asJson(lines, nameOf, lang) {
  const said = lines.map(({ who, text, at_ms, cut }) =>
    ({ who, name: nameOf(who), at: new Date(at_ms).toISOString(), text, ...(cut ? { cut } : {}) }));
  return `${JSON.stringify({ language: lang, lines: said }, null, 1)}\n`;
}

/** @param {number} ms */
function stamp(ms) {
  const [whole, rest] = [Math.floor(ms / 1000), Math.round(ms) % 1000];
  const pad = (/** @type {number} */ n, digits = 2) => String(n).padStart(digits, "0");
  return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}.${pad(rest, 3)}`;
}
