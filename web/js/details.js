/* details.js - how good the connection is: the badge, the advice, and a sheet with figures. What is not measured is not
 * shown. */

import { byId } from "./dom.js";
import { saveFile } from "./files.js";
import { t } from "./i18n.js";
import { Plots } from "./plots.js";
import { ISSUES, LEVELS } from "./view.js";

/** @typedef {import("./manager/manager.d.ts").WebRTCManager} WebRTCManager */
/** @typedef {import("./view.js").View} View */

const REFRESH_MS = 1000; // while the sheet is open
/** @type {[name:string, key:string, scale:number, digits:number, unit:string][]} */
const FIGURES = [
  ["mos", "figureMos", 1, 1, ""],
  ["rtt_ms", "figureRtt", 1, 0, " ms"],
  ["jitter_ms", "figureJitter", 1, 0, " ms"],
  ["loss_up", "figureLossUp", 100, 1, " %"],
  ["loss_down", "figureLossDown", 100, 1, " %"],
  ["out_bps", "figureOut", 0.001, 0, " kbit/s"],
  ["in_bps", "figureIn", 0.001, 0, " kbit/s"],
  ["buffer_ms", "figureBuffer", 1, 0, " ms"],
];
/** Of the gateway's "quality" (docs/protocol.md): its own measure of the same. @type {typeof FIGURES} */
const GATEWAY_FIGURES = [
  ["rtt", "figureRtt", 1, 0, " ms"],
  ["jitter", "figureJitter", 1, 0, " ms"],
  ["lossUp", "figureLossUp", 100, 1, " %"],
  ["lossDown", "figureLossDown", 100, 1, " %"],
  ["concealed", "figureConcealed", 100, 1, " %"],
  ["received", "figurePacketsOut", 1, 0, ""],
  ["sent", "figurePacketsIn", 1, 0, ""],
];
const GATEWAY_KEEPS_MS = 5000; // it tells once a second
const IN_TITLE = ["mos", "rtt_ms", "loss_up", "loss_down", "out_bps", "in_bps"];

export class Details {
  #manager;
  #badge = byId("quality", HTMLButtonElement);
  #sheet = byId("details", HTMLDialogElement);
  #issues = byId("issues", HTMLUListElement);
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #timer;
  #shown = false;
  #plots = new Plots(byId("plots", HTMLElement));
  /** From the end of what the person said to the first word of the answer; 0: no turn yet. */
  #turn_ms = 0;
  #askedAt_ms = 0;
  /** @type {Record<string, unknown>} the gateway's last "quality", and when it came */
  #told = {};
  #toldAt_ms = -Infinity;

  /** @param {WebRTCManager} manager */
  constructor(manager) {
    this.#manager = manager;
    this.#badge.addEventListener("click", () => this.#open());
    this.#sheet.addEventListener("close", () => clearInterval(this.#timer));
    setInterval(() => this.#sample(), REFRESH_MS);
    byId("save-report", HTMLButtonElement).addEventListener("click", () => this.#save());
  }

  /** @param {string} turn */
  turn(turn) {
    const now_ms = performance.now();
    if (turn === "SPEAKING" && this.#askedAt_ms) this.#turn_ms = now_ms - this.#askedAt_ms;
    this.#askedAt_ms = turn === "THINKING" ? now_ms : 0;
  }

  /** @param {Record<string, unknown>} quality the gateway's message */
  told(quality) {
    // Zero means here that nothing was measured yet.
    this.#told = { ...quality, rtt: quality["rtt"] || null, jitter: quality["received"] ? quality["jitter"] : null };
    this.#toldAt_ms = performance.now();
  }

  /** One point of the curves; between calls there is nothing to remember. */
  #sample() {
    if (!this.#shown || document.hidden) return;
    const { isConnected } = this.#manager.getConnectionInfo();
    const turn = this.#turn_ms ? { turn_s: this.#turn_ms / 1000 } : {}; // of the last one, until the next
    this.#plots.take(isConnected ? { ...this.#manager.getQualityMetrics(), ...turn } : {});
  }

  /** @param {View} view */
  render(view) {
    this.#shown = !["idle", "ended"].includes(view.state);
    this.#badge.hidden = !this.#shown;
    this.refresh();
  }

  refresh() {
    const metrics = this.#manager.getQualityMetrics();
    const standing = this.#manager.getConnectionInfo().isConnected;
    const level = standing ? metrics.level : "UNKNOWN";
    this.#badge.dataset["level"] = level.toLowerCase();
    byId("quality-text", HTMLElement).textContent = t(LEVELS[level] ?? "qualityUnknown");
    const figures = standing ? this.#figures() : [];
    const title = figures.filter(({ name }) => IN_TITLE.includes(name)).map(({ text }) => text);
    if (figures.length) title.push(t(this.#pathKey()));
    if (this.#turn_ms) title.push(`${t("figureTurn")} ${(this.#turn_ms / 1000).toFixed(1)} s`);
    this.#badge.title = title.join(", ");
    this.#showIssues(standing && this.#shown ? metrics.issues : []);
    if (!this.#sheet.open) return;
    this.#fill(figures);
    this.#plots.draw();
  }

  /** @returns {{name:string, label:string, value:string, text:string}[]} those that are measured */
  #figures() {
    return written(FIGURES, /** @type {Record<string, unknown>} */ (this.#manager.getQualityMetrics()));
  }

  /** @param {string[]} issues */
  #showIssues(issues) {
    const texts = issues.flatMap((issue) => (ISSUES[issue] ? [t(ISSUES[issue])] : []));
    const before = [...this.#issues.children].map((item) => item.textContent);
    if (texts.join("\n") === before.join("\n")) return; // a live region: unchanged words are not repeated
    this.#issues.replaceChildren(
      ...texts.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }),
    );
    this.#issues.hidden = !texts.length;
  }

  #open() {
    this.#sheet.showModal();
    this.refresh();
    this.#timer = setInterval(() => this.refresh(), REFRESH_MS);
  }

  /** @param {{label:string, value:string}[]} figures */
  #fill(figures) {
    const { phases, recoveries } = this.#manager.getPerformanceSummary();
    const info = this.#manager.getConnectionInfo();
    const rows = figures.map(({ label, value }) => [label, value]);
    if (typeof phases["CHANNEL"] === "number") rows.unshift([t("figureConnected"), `${Math.round(phases["CHANNEL"])} ms`]);
    if (info.isConnected) rows.push([t("figureRoute"), t(this.#pathKey())]);
    if (this.#turn_ms) rows.push([t("figureTurn"), `${(this.#turn_ms / 1000).toFixed(2)} s`]);
    rows.push([t("figureRecoveries"), String(recoveries.length)]);
    list("figures", rows);
    const isTold = info.isConnected && performance.now() - this.#toldAt_ms < GATEWAY_KEEPS_MS;
    const told = isTold ? written(GATEWAY_FIGURES, this.#told) : [];
    byId("gateway-title", HTMLElement).hidden = !told.length;
    list("gateway-figures", told.map(({ label, value }) => [label, value]));
  }

  #pathKey() {
    if (this.#manager.getConnectionInfo().route === "SOCKET") return "routeSocket";
    const { relayed } = /** @type {Record<string, unknown>} */ (this.#manager.getQualityMetrics());
    return relayed === 1 ? "routeRelay" : "routeDirect";
  }

  #save() {
    const text = JSON.stringify(this.#manager.diagnostics(), null, 1);
    const name = `xiaozhi-connection-${new Date().toISOString().slice(0, 19).replace(/\D/g, "")}.json`;
    saveFile({ name, type: "application/json", text });
  }
}

/** @param {typeof FIGURES} figures @param {Record<string, unknown>} measures
 * @returns {{name:string, label:string, value:string, text:string}[]} those that are measured */
function written(figures, measures) {
  return figures.flatMap(([name, key, scale, digits, unit]) => {
    const measured = measures[name];
    if (typeof measured !== "number") return [];
    const [label, value] = [t(key), `${(measured * scale).toFixed(digits)}${unit}`];
    return [{ name, label, value, text: `${label} ${value}` }];
  });
}

/** @param {string} id @param {string[][]} rows */
function list(id, rows) {
  byId(id, HTMLElement).replaceChildren(
    ...rows.flatMap(([label = "", value = ""]) => {
      const [name, figure] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = label;
      figure.textContent = value;
      return [name, figure];
    }),
  );
}
