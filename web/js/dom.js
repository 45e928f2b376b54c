/* dom.js - elements, made in a line. */

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`#${id} is missing`);
  return element;
}

/** An element with attributes (`true`: without a value, `false`: left out) and children. Text is only ever set as text.
 * @template {keyof HTMLElementTagNameMap} K @param {K} name @param {Record<string, string|number|boolean>} [attributes]
 * @param {(Node|string)[]} children @returns {HTMLElementTagNameMap[K]} */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** Words of the table, which change with the language. @template {keyof HTMLElementTagNameMap} K @param {K} name
 * @param {string} key @param {Record<string, string|number|boolean>} [attributes] */
export const words = (name, key, attributes = {}) => make(name, { ...attributes, "data-t": key });

/** Strokes on 24x24. @type {Record<string, string>} */
const ICONS = {
  close: "m6 6 12 12M18 6 6 18",
  mic: "M12 3.500a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0v-5a3 3 0 0 0-3-3zM5.500 11a6.500 6.500 0 0 0 13 0M12 17.500v3.500",
  speaker: "M4 9.500v5h3.500l5 4v-13l-5 4zM16 9a4.200 4.200 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11",
  wait: "M12 7v5l3 2M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z",
  run: "M12 4.500a7.500 7.500 0 1 1-7.500 7.500",
  ok: "m5.500 12.500 4.500 4.500 9-10",
  warn: "M12 4 2.800 19.500h18.400zM12 10v4.500M12 17.200v.1",
  bad: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM9 9l6 6M15 9l-6 6",
  skip: "M6 12h12",
};
const SVG = "http://www.w3.org/2000/svg";

/** @param {string} name @returns {SVGSVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name] ?? "");
  svg.append(path);
  return svg;
}

/** A sheet over the page, with its name and a way out; the browser gives the focus back when it closes.
 * @param {string} id @param {string} title a text's key @param {(Node|string)[]} content @returns {HTMLDialogElement} */
export function makeSheet(id, title, ...content) {
  const leave = make("button", { class: "plain", type: "button", "data-t-label": "close" }, icon("close"));
  const head = make("header", { class: "sheet-head" }, words("h2", title, { id: `${id}-title` }), leave);
  const sheet = make("dialog", { id, class: "sheet", "aria-labelledby": `${id}-title` },
    make("div", { class: "stack" }, head, ...content));
  leave.addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (event) => {
    if (event.target === sheet) sheet.close(); // beside it
  });
  document.body.append(sheet);
  return sheet;
}
