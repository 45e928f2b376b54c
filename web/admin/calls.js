/* calls.js - the table of calls, and one of them from close by. Rates and losses are differences between two answers. */

import { byId, make, words } from "../js/dom.js";
import { t, translate } from "../js/i18n.js";
import { Plots } from "../js/plots.js";
import { duration, inMs, percent } from "./figures.js";
import { wordOf } from "./words.js";

/** @typedef {{id:string, state:string, backend:string, purpose:string, transport:string, age:number, rtt:number, jitter:number,
 *   packetsIn:number, packetsOut:number, lost:number, lossDown?:number, messagesIn:number, messagesOut:number, dropped:number,
 *   timeline:Record<string, number>}} Row  as GET /api/sessions has it */
/** @typedef {{row:Row, lost:number|null, out:number|null, rate_in:number|null, rate_out:number|null,
 *   plots:Record<string, unknown>[]}} Call  |plots|: the last two minutes */

const KEPT = 120;

/** @type {readonly import("../js/plots.js").Plot[]} */
const PLOTS = [
  { name: "rtt", key: "figureRtt", unit: "ms", least: 50, digits: 1, series: [{ figure: "rtt", scale: 1 }] },
  {
    name: "loss", key: "admLost", unit: "%", least: 5, digits: 1,
    series: [{ figure: "lost", scale: 100 }, { figure: "out", scale: 100 }],
  },
  { name: "jitter", key: "figureJitter", unit: "ms", least: 20, digits: 1, series: [{ figure: "jitter", scale: 1 }] },
  {
    name: "rate", key: "admRate", unit: "", least: 60, digits: 0,
    series: [{ figure: "rate_in", scale: 1 }, { figure: "rate_out", scale: 1 }],
  },
];

/** @param {string} id */
export const short = (id) => id.slice(0, 8);

/** What |row| says that the one before did not. @param {Row} row @param {Row|undefined} before @returns {Omit<Call, "plots">} */
export function compare(row, before) {
  const s = before ? row.age - before.age : 0;
  if (!before || s <= 0) return { row, lost: null, out: null, rate_in: null, rate_out: null };
  const [came, lost] = [row.packetsIn - before.packetsIn, row.lost - before.lost];
  const sent = row.packetsOut - before.packetsOut;
  return {
    row, rate_in: Math.max(0, came) / s, rate_out: Math.max(0, sent) / s,
    lost: came > 0 && lost >= 0 ? lost / (came + lost) : null,
    out: row.lossDown ?? null,
  };
}

/** @param {Call} call */
const losses = ({ lost, out }) => `${percent(lost)} / ${percent(out)}`;

/** @param {HTMLElement} place @param {[key:string, value:string][]} rows */
export function showFigures(place, rows) {
  place.replaceChildren(...rows.map(([key, value]) => make("div", {}, words("dt", key), make("dd", {}, value))));
  translate(place);
}

export class Calls {
  /** @type {Map<string, Call>} */
  #calls = new Map();
  /** @type {Call|null} the last that is known of the one that is looked at */
  #one = null;
  #place = byId("one-plots", HTMLElement);
  #plots = new Plots(this.#place, PLOTS);
  #tell;

  /** @param {(key:string, values:Record<string, string>) => void} tell what happened */
  constructor(tell) {
    this.#tell = tell;
  }

  get size() {
    return this.#calls.size;
  }

  /** The one that is looked at and not over; "": none. */
  get chosen() {
    const id = this.#one?.row.id ?? "";
    return this.#calls.has(id) ? id : "";
  }

  /** The one that is looked at, even if it is over; "": none. */
  get looked() {
    return this.#one?.row.id ?? "";
  }

  /** @param {Row[]} rows */
  take(rows) {
    const before = this.#calls;
    this.#calls = new Map(rows.map((row) => [row.id, this.#renew(row, before.get(row.id))]));
    for (const [id, { row }] of before) {
      if (!this.#calls.has(id)) this.#tell("admEnded", { id: short(id), age: duration(row.age) });
    }
    this.#one = this.#calls.get(this.#one?.row.id ?? "") ?? this.#one;
    if (this.chosen) this.#plots.take(this.#one?.plots.at(-1) ?? {});
    this.draw();
  }

  /** @param {Row} row @param {Call|undefined} before @returns {Call} */
  #renew(row, before) {
    if (row.state !== before?.row.state) this.#tell("admBegan", { id: short(row.id), state: row.state });
    const now = compare(row, before?.row);
    const { rtt, jitter } = row;
    const sample = { ...now, rtt: rtt || null, jitter: row.packetsIn ? jitter : null };
    return { ...now, plots: [...(before?.plots ?? []), sample].slice(-KEPT) };
  }

  /** @param {string} id */
  choose(id) {
    this.#one = this.#calls.get(id) ?? null;
    this.#place.replaceChildren();
    this.#plots = new Plots(this.#place, PLOTS);
    for (const sample of this.#one?.plots ?? []) this.#plots.take(sample);
    this.draw();
    byId("one-title", HTMLElement).focus();
  }

  draw() {
    const table = byId("calls", HTMLTableElement);
    table.hidden = !this.#calls.size;
    byId("no-calls", HTMLElement).hidden = !table.hidden;
    this.#drawRows(/** @type {HTMLElement} */ (table.tBodies[0]));
    byId("one", HTMLElement).hidden = !this.#one;
    if (this.#one) this.#drawOne(this.#one);
  }

  /** Rows stay the elements they are, so that a key keeps the focus. @param {HTMLElement} body */
  #drawRows(body) {
    const rows = /** @type {HTMLTableRowElement[]} */ ([...body.children]);
    for (const old of rows) if (!this.#calls.has(old.dataset["id"] ?? "")) old.remove();
    for (const [id, call] of this.#calls) {
      let line = rows.find((old) => old.dataset["id"] === id);
      if (!line) {
        const open = make("button", { class: "pill", type: "button" }, short(id));
        open.addEventListener("click", () => this.choose(id));
        line = make("tr", { "data-id": id }, make("th", { scope: "row" }, open), ...Array.from({ length: 6 }, () => make("td")));
        body.append(line);
      }
      const { row } = call;
      line.querySelector("button")?.setAttribute("aria-pressed", String(id === this.chosen));
      line.dataset["state"] = row.state;
      const texts = [wordOf(row.state), duration(row.age), wordOf(row.transport), wordOf(row.backend), inMs(row.rtt || null),
        losses(call)];
      const keys = ["admState", "admAge", "admWay", "admAssistant", "figureRtt", "admLost"];
      line.querySelectorAll("td").forEach((cell, index) => {
        cell.dataset["label"] = t(keys[index] ?? ""); // a phone has no room for the head
        if (cell.textContent !== texts[index]) cell.textContent = texts[index] ?? "";
      });
    }
  }

  /** @param {Call} call */
  #drawOne({ row }) {
    const over = !this.chosen;
    byId("one-title", HTMLElement).textContent = t(over ? "admOver" : "admCallN", { id: short(row.id) });
    byId("hangup", HTMLButtonElement).hidden = over;
    const steps = Object.entries(row.timeline);
    const last = Math.max(1, ...steps.map(([, ms]) => ms));
    byId("timeline", HTMLElement).replaceChildren(...steps.map(([name, ms]) => {
      const bar = make("meter", { min: 0, max: last, value: ms, "aria-hidden": "true" });
      return make("li", {}, make("span", {}, wordOf(name)), bar, make("b", {}, inMs(ms)));
    }));
    this.#plots.draw();
    showFigures(byId("one-figures", HTMLElement), [
      ["admState", wordOf(row.state)], ["admAge", duration(row.age)], ["admPurpose", wordOf(row.purpose)],
      ["admWay", wordOf(row.transport)], ["admAssistant", wordOf(row.backend)],
      ["admPackets", `${row.packetsIn} / ${row.packetsOut}`],
      ["admMessages", `${row.messagesIn} / ${row.messagesOut}`], ["admDropped", String(row.dropped)],
    ]);
  }
}
