/* plots.js - the last two minutes as small curves, each with what it is now. A gap is what was not measured. */

import { make, words } from "./dom.js";
import { translate } from "./i18n.js";

/** @typedef {{name:string, key:string, unit:string, least:number, digits:number, series:{figure:string, scale:number}[]}} Plot
 *   least: the top of the scale is never below it */

/** The first series is drawn full, the second one dashed. @type {readonly Plot[]} */
const PLOTS = [
  { name: "mos", key: "figureMos", unit: "", least: 4.5, digits: 1, series: [{ figure: "mos", scale: 1 }] },
  { name: "turn", key: "figureTurn", unit: "s", least: 2, digits: 1, series: [{ figure: "turn_s", scale: 1 }] },
  { name: "rtt", key: "figureRtt", unit: "ms", least: 100, digits: 0, series: [{ figure: "rtt_ms", scale: 1 }] },
  { name: "jitter", key: "figureJitter", unit: "ms", least: 50, digits: 0, series: [{ figure: "jitter_ms", scale: 1 }] },
  {
    name: "loss", key: "figureLoss", unit: "%", least: 5, digits: 1,
    series: [{ figure: "loss_up", scale: 100 }, { figure: "loss_down", scale: 100 }],
  },
  {
    name: "rate", key: "figureRate", unit: "kbit/s", least: 50, digits: 0,
    series: [{ figure: "out_bps", scale: 0.001 }, { figure: "in_bps", scale: 0.001 }],
  },
];
const KEPT = 120; // seconds
const [WIDTH, HEIGHT] = [240, 56];
const SVG = "http://www.w3.org/2000/svg";

export class Plots {
  /** @type {Record<string, unknown>[]} */
  #samples = [];
  /** @type {Map<string, {now:HTMLElement, top:HTMLElement, lines:SVGPathElement[]}>} */
  #parts = new Map();
  #plots;

  /** @param {HTMLElement} place @param {readonly Plot[]} [plots] */
  constructor(place, plots = PLOTS) {
    this.#plots = plots;
    place.append(...plots.map((plot) => this.#build(plot)));
    translate(place);
  }

  /** @param {Plot} plot */
  #build({ name, key, series }) {
    const [now, top] = [make("b"), make("span", { class: "top" })];
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const lines = series.map(() => {
      const line = document.createElementNS(SVG, "path");
      svg.append(line);
      return line;
    });
    this.#parts.set(name, { now, top, lines });
    return make("figure", { class: "plot", "data-plot": name }, make("figcaption", {}, words("span", key), now),
      make("div", { class: "curve" }, svg, top));
  }

  /** @param {Record<string, unknown>} figures of the last second; of none: a gap */
  take(figures) {
    this.#samples.push(figures);
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  draw() {
    for (const { name, unit, least, digits, series } of this.#plots) {
      const part = this.#parts.get(name);
      if (!part) continue;
      const curves = series.map(({ figure, scale }) =>
        this.#samples.map((sample) => (typeof sample[figure] === "number" ? Number(sample[figure]) * scale : null)));
      const top = roundUp(Math.max(least, ...curves.flat().map((value) => value ?? 0)));
      part.top.textContent = `${top}`;
      part.now.textContent = curves.map((curve) => textOf(curve.at(-1), digits)).join(" / ") + (unit ? ` ${unit}` : "");
      part.lines.forEach((line, index) => line.setAttribute("d", pathOf(curves[index] ?? [], top)));
    }
  }
}

/** @param {number|null|undefined} value @param {number} digits */
const textOf = (value, digits) => (value == null ? "–" : value.toFixed(digits));

/** @param {number} value */
function roundUp(value) {
  const step = 10 ** Math.floor(Math.log10(value)) / 2;
  return Math.ceil(value / step) * step;
}

/** Newest at the right. @param {(number|null)[]} curve @param {number} top */
function pathOf(curve, top) {
  let path = "";
  let pen = "M";
  curve.forEach((value, index) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const x = WIDTH - ((curve.length - 1 - index) * WIDTH) / (KEPT - 1);
    const y = HEIGHT - 2 - (Math.min(value, top) / top) * (HEIGHT - 4);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    if (pen === "M") path += "h.01"; // a single point is seen, too
    pen = "L";
  });
  return path;
}
