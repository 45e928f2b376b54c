/* figures.js - numbers out of the gateway's answers, and as people read them. */

/** What /metrics says, by name with labels as they stand there. @param {string} text @returns {Map<string, number>} */
export function readMetrics(text) {
  /** @type {Map<string, number>} */
  const all = new Map();
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf(" ");
    if (at > 0 && !line.startsWith("#")) all.set(line.slice(0, at).replace(/^xiaozhi_rtc_/, ""), Number(line.slice(at + 1)));
  }
  return all;
}

/** All rows of a name whose labels have |part|. @param {Map<string, number>} all @param {string} name @param {string} [part] */
export function sum(all, name, part = "") {
  let total = 0;
  for (const [key, value] of all) if ((key === name || key.startsWith(`${name}{`)) && key.includes(part)) total += value;
  return total;
}

/** The middle of a histogram, in milliseconds: as far as its bounds tell, by a line between them. null: nothing in it.
 * @param {Map<string, number>} all @param {string} name @param {string} label */
export function median_ms(all, name, label) {
  /** @type {{bound:number, count:number}[]} */
  const rows = [];
  for (const [key, count] of all) {
    const bound = /le="([^"]+)"/.exec(key)?.[1];
    if (!key.startsWith(`${name}_bucket{`) || !key.includes(label) || !bound || bound === "+Inf") continue;
    rows.push({ bound: Number(bound), count });
  }
  const half = sum(all, `${name}_count`, label) / 2;
  if (!half) return null;
  let [below, under] = [0, 0];
  for (const { bound, count } of rows.sort((a, b) => a.bound - b.bound)) {
    if (count >= half) return 1000 * (below + (bound - below) * ((half - under) / (count - under)));
    [below, under] = [bound, count];
  }
  return 1000 * below;
}

/** @param {number} s */
export function duration(s) {
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return h >= 48 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${h ? `${h}:${two(m)}` : m}:${two(Math.floor(s) % 60)}`;
}

/** @param {number|null} ms */
export const inMs = (ms) => (ms === null ? "–" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);

/** @param {number|null} share 0 to 1 */
export const percent = (share) => (share === null ? "–" : `${(100 * share).toFixed(1)} %`);
