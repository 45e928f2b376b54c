/* day.js - the last day, as the gateway's history has it: how many calls connected and how fast, quality by browser, network and
 * way, why the others failed, and each hour as a bar. */

import { byId, make } from "../js/dom.js";
import { t } from "../js/i18n.js";
import { inMs, percent } from "./figures.js";
import { showFigures } from "./calls.js";
import { wordOf } from "./words.js";

/** @typedef {{calls:number, connected:number, failed:number, lost:number, successRate?:number}} Counts */
/** @typedef {Counts & {p50?:number, p95?:number, mos?:number, lossUp?:number, lossDown?:number, browser?:string, version?:number,
 *   network?:string, way?:string}} Group */
/** @typedef {Counts & {refused:number, complete:boolean, mos?:number,
 *   times:Record<string, {n:number, p50?:number, p95?:number}>, byBrowser:Group[], byNetwork:Group[], byWay:Group[],
 *   reasons:{result:string, reason:string, count:number}[], byHour:(Counts & {from:string, refused:number})[]}} Day
 *   as GET /api/admin/history has it */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [480, 72];
const IN_ORDER = ["hangup", "remote", "drained"];

/** @param {{p50?:number, p95?:number}|undefined} times */
const both = (times) => (times?.p50 === undefined ? "–" : `${inMs(times.p50)} / ${inMs(times.p95 ?? null)}`);
const mosOf = (/** @type {{mos?:number}} */ { mos }) => (mos === undefined ? "–" : mos.toFixed(2));
const loss = (/** @type {number|undefined} */ share) => percent(share ?? null);

/** @param {string} id @param {HTMLElement[]} rows */
function fill(id, rows) {
  const table = byId(id, HTMLTableElement);
  table.hidden = !rows.length;
  /** @type {HTMLElement} */ (table.tBodies[0]).replaceChildren(...rows);
}

/** A phone has no room for the head: each cell knows what it is. @param {string} kind @param {HTMLElement|string} name
 * @param {[key:string, text:string][]} cells */
const rowOf = (kind, name, cells) => make("tr", {}, make("th", { scope: "row", "data-label": t(kind) }, name),
  ...cells.map(([key, text]) => make("td", { "data-label": t(key) }, text)));

/** @param {string} id @param {string} kind @param {Group[]} groups @param {(group:Group) => string} nameOf */
function drawGroups(id, kind, groups, nameOf) {
  fill(id, groups.map((group) => rowOf(kind, nameOf(group), [
    ["admDayN", String(group.calls)], ["admSuccess", percent(group.successRate ?? null)],
    ["admDayConnect", both(group)], ["figureMos", mosOf(group)],
    ["admLost", `${loss(group.lossUp)} / ${loss(group.lossDown)}`],
  ])));
}

/** Calls as bars, those that failed or broke off below in another colour; in words for who does not see them. @param {Day} day */
function drawHours({ byHour }) {
  const svg = byId("day-hours", HTMLElement).querySelector("svg");
  if (!svg) return;
  const most = Math.max(1, ...byHour.map(({ calls }) => calls));
  const step = WIDTH / byHour.length;
  const clock = (/** @type {string} */ iso) =>
    new Date(iso).toLocaleTimeString(document.documentElement.lang, { hour: "numeric", minute: "2-digit" });
  svg.replaceChildren(...byHour.flatMap(({ calls, failed, lost }, index) => {
    const bad = failed + lost;
    /** @param {string} kind @param {number} n @param {number} above */
    const bar = (kind, n, above) => {
      const rect = document.createElementNS(SVG, "rect");
      const box = { x: index * step + 1, y: HEIGHT * (1 - (n + above) / most), width: step - 2, height: (HEIGHT * n) / most };
      for (const [name, value] of Object.entries(box)) rect.setAttribute(name, value.toFixed(1));
      rect.setAttribute("class", kind);
      return rect;
    };
    return calls ? [bar("bad", bad, 0), bar("good", Math.max(0, calls - bad), bad)] : [];
  }));
  const busiest = byHour.reduce((best, hour) => (hour.calls > best.calls ? hour : best));
  const said = t("admHoursSaid", { most: busiest.calls, at: clock(busiest.from), hours: byHour.length });
  svg.setAttribute("aria-label", said);
  byId("day-first", HTMLElement).textContent = clock(/** @type {{from:string}} */ (byHour[0]).from);
  byId("day-most", HTMLElement).textContent = said;
}

/** @param {Day} day */
function drawReasons({ reasons }) {
  const bad = reasons.filter(({ result, reason }) => result !== "connected" || !IN_ORDER.includes(reason));
  fill("day-reasons", bad.map(({ result, reason, count }) => rowOf("admDayWhy", make("code", {}, reason), [
    ["admErrKind", t(result === "failed" ? "admDay_failed" : result === "refused" ? "admDay_refused"
      : result === "abandoned" ? "admDay_abandoned" : "admDay_broken")],
    ["admErrCount", String(count)],
  ])));
}

/** @param {Day|null} day null: this gateway keeps none @param {string} trouble what it says instead; "" nothing */
export function drawDay(day, trouble) {
  byId("day", HTMLElement).hidden = !day && !trouble;
  const line = byId("no-day", HTMLElement);
  const is_empty = !day || !(day.calls || day.refused);
  line.hidden = !is_empty;
  line.textContent = trouble || t("admDayNone");
  byId("day-all", HTMLElement).hidden = is_empty;
  if (!day || is_empty) return;
  showFigures(byId("day-figures", HTMLElement), [
    ["admSuccess", percent(day.successRate ?? null)], ["admDayCalls", `${day.connected} / ${day.calls}`],
    ["admDayConnect", both(day.times["connect"])], ["admDayMedia", both(day.times["media"])],
    ["figureMos", mosOf(day)], ["admDayLost", String(day.lost)], ["admDay_refused", String(day.refused)],
  ]);
  drawHours(day);
  drawGroups("day-browser", "admDayBrowser", day.byBrowser,
    ({ browser = "", version }) => `${wordOf(browser)} ${version ?? ""}`.trim());
  drawGroups("day-network", "admDayNetwork", day.byNetwork, ({ network = "" }) => wordOf(network));
  drawGroups("day-way", "admWay", day.byWay, ({ way = "" }) => wordOf(way));
  drawReasons(day);
}
